"""Sizes that operators which create arrays leave open: filled in once shape inference has found them."""

from __future__ import annotations

from collections.abc import Mapping

from ..base import MXNetError
from ..ops.attributes import format_attribute
from ..ops.registry import PartialShape
from .graph import Graph, Node, Value
from .infer import creates_by_shape, declared_shape, is_known


def has_unknown_sizes(graph: Graph) -> bool:
    """Whether an operator creates an array whose shape has a 0, or is not given: MXNet's mark for "infer it"."""
    return any(creates_by_shape(node) and not is_known(declared_shape(node)) for node in graph.nodes)


def resolve_creation(graph: Graph, shapes: Mapping[Value, PartialShape]) -> Graph:
    """The graph with every inferred shape written into the operators that create arrays.

    Raises: MXNetError naming the operator if its shape is not known.
    """
    originals = iter(graph.nodes)

    def choose(node: Node) -> Node:
        shape = shapes[Value(next(originals), 0)]
        if creates_by_shape(node) and tuple(node.attrs["shape"] or ()) != shape:
            if not is_known(shape):
                raise MXNetError(
                    f"{node.op.name} {node.name!r}: its shape is {declared_shape(node)} (-1: unknown), and inference "  # type: ignore[union-attr]
                    "can't find more; give it a whole shape."
                )
            return node.replaced(attributes={**node.attributes, "shape": format_attribute(shape)})
        return node

    return graph.rebuild(choose)
