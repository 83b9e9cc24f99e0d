"""Who uses what in a graph, and what depends on which variables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from ...ops.registry import get_operator
from ..graph import Graph, Node, Value

#: operators that make arrays of equal elements
FILLS = {"_zeros", "_zeros_without_dtype", "_ones", "_full"}


def count_uses(graph: Graph) -> Counter[Value]:
    """How often each value is an input of a node or an output of the graph."""
    uses = Counter(value for node in graph.nodes for value in node.inputs)
    uses.update(graph.outputs)
    return uses


def apply(name: str, op: str, *inputs: Value, **attributes: object) -> Value:
    """The first output of a new node."""
    return Value(Node(get_operator(op), name, inputs, {key: str(value) for key, value in attributes.items()}), 0)


def is_repeatable(node: Node) -> bool:
    """Whether the same inputs always give the same outputs, and nothing else happens: outside of training, at least."""
    op = node.op
    if op is None or node.is_random or op.stateful:
        return False
    inside = all(is_repeatable(inner) for graph in node.subgraphs for inner in graph.nodes if inner.op is not None)
    return inside and (not op.mutates or op.uses_training)


def depend_on(graph: Graph, parameters: Collection[str]) -> set[Node]:
    """The nodes that can be computed from these variables alone, once for all runs; the variables themselves, too."""
    found: set[Node] = set()
    for node in graph.nodes:
        if node.op is None:
            if node.name in parameters:
                found.add(node)
        elif is_repeatable(node) and all(value.node in found for value in node.inputs):
            found.add(node)
    return found
