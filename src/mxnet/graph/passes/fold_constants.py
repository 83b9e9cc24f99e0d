"""Compute what depends on no variable."""

from __future__ import annotations

import math

import torch

from ...base import MXNetError
from ...ops.dtypes import dtype_name
from ...ops.registry import get_operator
from ..creation import has_unknown_sizes
from ..graph import Graph, Node
from ..program import Program
from .uses import depend_on

#: Larger results stay computations: a graph is no place to store arrays.
MOST_ELEMENTS = 4096
_MAKERS = {"_zeros", "_ones", "_full", "_arange", "_constant", "_eye", "_linspace"}


def fold_constants(graph: Graph) -> Graph:
    """Compute nodes that depend on no variable, if their results are small, and write these down.

    Sizes that operators which create arrays leave open must have been filled in.

    >>> print(fold_constants(Graph.parse('''
    ...     a = _ones(; shape=(2,))
    ...     b = _mul_scalar(a; scalar=3)
    ...     c = broadcast_add(x, b)
    ...     return c''')))
    b = _constant(; dtype=float32, shape=(2,), value=3.0)
    c = broadcast_add(x, b)
    return c
    """
    known = {
        node for node in depend_on(graph, ())
        if node.op is not None and node.num_outputs == 1 and not node.op.uses_training
    }  # fmt: skip
    used = {value for node in graph.nodes if node not in known for value in node.inputs if value.node in known}
    used.update(value for value in graph.outputs if value.node in known)
    wanted = [value for value in used if value.node.op is not None and value.node.op.name not in _MAKERS]
    folded: dict[Node, Node] = {}
    for value in wanted:
        part = Graph([value])
        if not has_unknown_sizes(part):
            found = _written(value.node, part)
            if found is not None:
                folded[value.node] = found
    originals = iter(graph.nodes)
    return graph.rebuild(lambda node: folded.get(next(originals), node)) if folded else graph


def _written(node: Node, part: Graph) -> Node | None:
    try:
        (result,) = Program(part).run([], training=False, device=torch.device("cpu"))
    except MXNetError:  # it will fail when the graph runs, and say where
        return None
    if result.numel() > MOST_ELEMENTS or result.dtype is torch.bfloat16 or result.numel() == 0:
        return None
    elements = result.flatten().tolist()
    if not all(math.isfinite(element) for element in elements):
        return None
    same = all(repr(element) == repr(elements[0]) for element in elements)
    attributes = {
        "dtype": dtype_name(result.dtype), "shape": str(tuple(result.shape)),
        "value": repr(elements[0]) if same else str(tuple(elements)),
    }  # fmt: skip
    ctx = next((n.attributes["ctx"] for n in part.nodes if "ctx" in n.attributes), None)
    return Node(get_operator("_constant"), node.name, (), attributes if ctx is None else {**attributes, "ctx": ctx})
