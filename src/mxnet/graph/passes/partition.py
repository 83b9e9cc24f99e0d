"""Put together what a backend can run."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ...ops.registry import get_operator
from ..graph import Graph, Node, Value
from .uses import depend_on


def partition(graph: Graph, supports: Callable[[Node], bool], parameters: Collection[str] = ()) -> Graph:
    """Each connected part of supported nodes, as large as possible, becomes one node that holds it as a subgraph.

    A part has no way out of it and back in, so that it can run in one go. Nodes that draw random numbers or keep a
    state are in none.

    Args:
        graph: the graph.
        supports: whether a backend can run a node.
        parameters: names of the variables that stay the same from run to run: inputs of a part that depend on them
            alone are noted in its attribute `constants`.

    >>> print(partition(Graph.parse('''
    ...     a = exp(x)
    ...     b = sort(a)
    ...     c = relu(a)
    ...     d = elemwise_add(b, c)
    ...     e = elemwise_mul(d, w)
    ...     return e'''), lambda node: node.op.name != "sort", {"w"}))
    part0, part0_1 = _compiled_subgraph(x; num_outputs=2)
        subgraph:
            a = exp(x)
            c = relu(a)
            return a, c
    b = sort(part0)
    part1 = _compiled_subgraph(b, part0_1, w; num_outputs=1, constants=(2,))
        subgraph:
            d = elemwise_add(b, c)
            e = elemwise_mul(d, w)
            return e
    return part1
    """
    groups = _Groups(graph)
    fixed = depend_on(graph, parameters)
    inside = {
        node for node in graph.nodes
        if node.op is not None and supports(node) and not (node.is_random or node.op.stateful)
    }  # fmt: skip
    for node in graph.nodes:
        for value in node.inputs:
            # what is computed once for all runs is kept apart from what every run computes
            if node in inside and value.node in inside and (node in fixed) is (value.node in fixed):
                groups.join(value.node, node)
    members: dict[int, list[Node]] = {}
    for node in graph.nodes:
        members.setdefault(groups.of(node), []).append(node)
    needed = {value for node in graph.nodes for value in node.inputs if groups.of(value.node) != groups.of(node)}
    needed.update(graph.outputs)
    chosen: dict[Value, Value] = {}
    parts = 0
    for group in groups.in_order():
        nodes = members[group]
        if nodes[0] not in inside:
            (node,) = nodes
            new = node.with_inputs(tuple(chosen[value] for value in node.inputs))
            chosen.update((Value(node, index), Value(new, index)) for index in range(node.num_outputs))
            continue
        outputs = [Value(n, index) for n in nodes for index in range(n.num_outputs) if Value(n, index) in needed]
        part, inputs = _cut_out(nodes, outputs)
        attributes = {"num_outputs": str(len(outputs))}
        constants = tuple(number for number, value in enumerate(inputs) if value.node in fixed)
        if constants:
            attributes["constants"] = str(constants)
        given = tuple(chosen[value] for value in inputs)
        new = Node(get_operator("_compiled_subgraph"), f"part{parts}", given, attributes, (part,))
        chosen.update((value, Value(new, index)) for index, value in enumerate(outputs))
        parts += 1
    return Graph(chosen[value] for value in graph.outputs)


def _cut_out(nodes: list[Node], outputs: list[Value]) -> tuple[Graph, list[Value]]:
    """The graph of some nodes alone, and the values that its variables stand for, in their order."""
    own = set(nodes)
    variables: dict[Value, Node] = {}
    taken = {node.name for node in nodes}
    copies: dict[Node, Node] = {}

    def follow(value: Value) -> Value:
        if value.node in own:
            return Value(copies[value.node], value.index)
        if value not in variables:
            name = value.node.name if value.index == 0 else f"{value.node.name}_{value.index}"
            while name in taken:
                name += "_"
            taken.add(name)
            attributes = value.node.attributes if value.node.op is None else {}
            variables[value] = Node(None, name, (), attributes)
        return Value(variables[value], 0)

    for node in nodes:
        copies[node] = node.with_inputs(tuple(follow(value) for value in node.inputs))
    part = Graph(Value(copies[value.node], value.index) for value in outputs)
    stands_for = {variable: value for value, variable in variables.items()}
    return part, [stands_for[node] for node in part.variables]


class _Groups:
    """Sets of nodes, at first one for each node, whose graph has no cycles."""

    def __init__(self, graph: Graph):
        self._number = {node: number for number, node in enumerate(graph.nodes)}
        self._parent = list(range(len(graph.nodes)))
        self._before = [{self._number[value.node] for value in node.inputs} for node in graph.nodes]

    def of(self, node: Node) -> int:
        """The number of the set that a node is in."""
        return self._find(self._number[node])

    def _find(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def _preceding(self, group: int) -> set[int]:
        found = {self._find(number) for number in self._before[group]} - {group}
        self._before[group] = found
        return found

    def join(self, earlier: Node, later: Node) -> None:
        """Join the sets of a node and one that uses it, unless there is another way from one to the other."""
        first, second = self.of(earlier), self.of(later)
        if first == second:
            return
        stack = list(self._preceding(second) - {first})
        seen = set(stack)
        while stack:
            for group in self._preceding(stack.pop()):
                if group == first:
                    return
                if group not in seen:
                    seen.add(group)
                    stack.append(group)
        self._parent[first] = second
        self._before[second] = (self._preceding(second) | self._preceding(first)) - {first, second}

    def in_order(self) -> list[int]:
        """The sets, each after those that it uses."""
        order: list[int] = []
        done: set[int] = set()
        for number in range(len(self._parent)):
            stack = [self._find(number)]
            while stack:
                group = stack[-1]
                missing = [other for other in self._preceding(group) if other not in done]
                if missing and group not in done:
                    stack += missing
                    continue
                stack.pop()
                if group not in done:
                    done.add(group)
                    order.append(group)
        return order
