"""Common subexpressions."""

from __future__ import annotations

from collections.abc import Hashable

from ..graph import Graph, Node
from .uses import is_repeatable


def merge_equal(graph: Graph) -> Graph:
    """Compute each distinct value once; nodes that draw random numbers, keep a state or write to an input stay.

    >>> print(merge_equal(Graph.parse('''
    ...     a = exp(x)
    ...     b = exp(x)
    ...     c = elemwise_add(a, b)
    ...     return c''')))
    a = exp(x)
    c = elemwise_add(a, a)
    return c
    """
    first: dict[Hashable, Node] = {}

    def choose(node: Node) -> Node:
        if node.op is None or not is_repeatable(node) or node.mutated_inputs:
            return node
        attributes = tuple(sorted((key, repr(value)) for key, value in node.attrs.items()))
        return first.setdefault((node.op, attributes, node.inputs, node.subgraphs), node)

    return graph.rebuild(choose)
