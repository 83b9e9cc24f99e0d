"""Divide a graph into what depends on parameters alone and the rest."""

from __future__ import annotations

from collections.abc import Collection

from ..graph import Graph, Node, Value
from .uses import FILLS, depend_on


def split_prologue(graph: Graph, parameters: Collection[str]) -> tuple[Graph, Graph]:
    """What can be computed from parameters alone, once, and what is left to be computed at every run.

    Outputs of the first graph are variables of the second; `prologue_names` gives their names, in order. Arrays of
    equal elements are made at every run: that costs less than to hold them.

    >>> prologue, main = split_prologue(Graph.parse('''
    ...     w2 = square(w)
    ...     y = FullyConnected(x, w2; num_hidden=3, no_bias=True)
    ...     return y'''), {"w"})
    >>> print(prologue)
    w2 = square(w)
    return w2
    >>> print(main)
    y = FullyConnected(x, w2; num_hidden=3, no_bias=True)
    return y
    """
    early = {node for node in depend_on(graph, parameters) if node.op is not None}
    held = {node for node in early if node.op is not None and node.op.name not in FILLS}
    border: dict[Value, None] = {}
    for node in graph.nodes:
        if node not in early:
            border.update((value, None) for value in node.inputs if value.node in held)
    border.update((value, None) for value in graph.outputs if value.node in held)
    taken = {node.name for node in graph.variables}
    variables: dict[Value, Node] = {}
    renamed: dict[Node, str] = {}
    for value in border:
        name = renamed.get(value.node, value.node.name)
        while value.node not in renamed and (name in taken or f"{name}_1" in taken):
            name += "_"
        renamed[value.node] = name
        taken.add(name)
        variables[value] = Node(None, _label(name, value.index))
    originals = iter(graph.nodes)

    def rename(node: Node) -> Node:
        original = next(originals)
        name = renamed.get(original, original.name)
        return node if name == node.name else node.replaced(name=name)

    everything = Graph([*graph.outputs, *border]).rebuild(rename) if border else graph
    prologue = Graph(everything.outputs[len(graph.outputs) :] if border else ())
    chosen: dict[Node, Node] = {}

    def follow(value: Value) -> Value:
        return Value(variables[value], 0) if value in variables else Value(chosen[value.node], value.index)

    for node in graph.nodes:
        if node not in held:
            chosen[node] = node.with_inputs(tuple(follow(value) for value in node.inputs))
    return prologue, Graph(follow(value) for value in graph.outputs)


def _label(name: str, index: int) -> str:
    return name if index == 0 else f"{name}_{index}"


def prologue_names(prologue: Graph) -> list[str]:
    """The names under which the outputs of a prologue are variables of the main graph."""
    return [_label(value.node.name, value.index) for value in prologue.outputs]
