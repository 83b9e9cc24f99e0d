"""Let fused convolutions write over what they add."""

from __future__ import annotations

from collections.abc import Mapping

from ..graph import Graph, Node, Value


def work_in_place(graph: Graph) -> Graph:
    """Fused convolutions take the place of the array that they add, where everybody else has used it before.

    This comes last: a pass that changes who uses a value would have to think of it.

    >>> print(work_in_place(Graph.parse('''
    ...     a = exp(x)
    ...     b = _fused_convolution(a, v; kernel=(1, 1), num_filter=3, no_bias=True)
    ...     c = _fused_convolution(b, w, a; kernel=(1, 1), num_filter=3, no_bias=True, add=True)
    ...     return c''')))
    a = exp(x)
    b = _fused_convolution(a, v; kernel=(1, 1), num_filter=3, no_bias=True)
    c = _fused_convolution(b, w, a; kernel=(1, 1), num_filter=3, no_bias=True, add=True, in_place=True)
    return c
    """
    users: dict[Value, set[Node]] = {}
    for node in graph.nodes:
        for value in node.inputs:
            users.setdefault(value, set()).add(node)
    position = {node: number for number, node in enumerate(graph.nodes)}
    outputs = set(graph.outputs)
    views = {node for node in graph.nodes if node.op is not None and node.op.is_view}
    chosen: set[Node] = set()
    for node in graph.nodes:
        if node.op is None or node.op.name != "_fused_convolution" or not node.attrs["add"]:
            continue
        other = node.inputs[-1]
        if other.node.op is None or other.node in views or other in outputs or other.node.num_outputs != 1:
            continue
        others = users[other] - {node}
        if node.inputs.count(other) != 1 or others & views:  # a view of it may be used later
            continue
        if _run_before(others, node, position):
            chosen.add(node)
    originals = iter(graph.nodes)

    def choose(node: Node) -> Node:
        if next(originals) not in chosen:
            return node
        return node.replaced(attributes={**node.attributes, "in_place": "True"})

    return graph.rebuild(choose)


def _run_before(nodes: set[Node], node: Node, position: Mapping[Node, int]) -> bool:
    """Whether all of these must have run before the node can, because it depends on them."""
    missing, seen, stack = set(nodes), {node}, [node]
    earliest = min((position[item] for item in nodes), default=0)
    while stack and missing:
        for value in stack.pop().inputs:
            if value.node not in seen and position[value.node] >= earliest:
                seen.add(value.node)
                missing.discard(value.node)
                stack.append(value.node)
    return not missing
