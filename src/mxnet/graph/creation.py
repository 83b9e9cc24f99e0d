"""Sizes that operators which create arrays leave open: filled in once shape inference has found them."""

from __future__ import annotations

from collections.abc import Mapping

from ..ops.attributes import format_attribute
from ..ops.registry import PartialShape
from .graph import Graph, Node, Value
from .infer import is_known


def _creates_by_shape(node: Node) -> bool:
    return node.op is not None and not node.inputs and "shape" in node.op.attributes


def has_unknown_sizes(graph: Graph) -> bool:
    """Whether an operator creates an array whose shape has a 0, or is not given: MXNet's mark for "infer it"."""
    return any(
        _creates_by_shape(node) and (not node.attrs["shape"] or any(size <= 0 for size in node.attrs["shape"]))
        for node in graph.nodes
    )


def resolve_creation(graph: Graph, shapes: Mapping[Value, PartialShape]) -> Graph:
    """The graph with every inferred shape written into the operators that create arrays."""
    originals = iter(graph.nodes)

    def choose(node: Node) -> Node:
        shape = shapes[Value(next(originals), 0)]
        if _creates_by_shape(node) and is_known(shape) and tuple(node.attrs["shape"] or ()) != shape:
            return Node(node.op, node.name, (), {**node.attributes, "shape": format_attribute(shape)})
        return node

    return graph.rebuild(choose)
