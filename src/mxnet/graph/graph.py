"""Graphs of operators: nodes, values, and what everything symbolic is built on.

A graph is immutable: passes build new ones. In text, a graph is one line for each operator::

    fc1, fc1_mean = BatchNorm(data, gamma, beta; eps=0.001)
    return fc1

A node may hold graphs of its own, which its operator runs (loops, branches, what a backend compiled); in text they
stand indented below it::

    out = _foreach(data, state; in_data_locs="[0]", in_state_locs="[1]", num_out_data=1, num_outputs=2)
        subgraph:
            sum = elemwise_add(x, s)
            return sum, sum
    return out
"""

from __future__ import annotations

import heapq
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ..base import MXNetError
from ..ops.registry import Attrs, Operator, get_operator

#: Attributes that users put on nodes, which are not the operator's; files hold them as ``__name__``.
USER_ATTRIBUTES = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")


_serials = itertools.count()


class Value(NamedTuple):
    """One output of a node."""

    node: Node
    index: int  # type: ignore[assignment]  # a tuple's own method otherwise

    @property
    def is_loss(self) -> bool:
        """Whether a loss operator gives it, which makes its own gradient; also inside a part compiled by a backend."""
        if self.node.op is None:
            return False
        if self.node.op.name == "_compiled_subgraph":
            return self.node.subgraphs[0].outputs[self.index].is_loss
        return self.node.op.is_loss


class Node:
    """A variable (op is None) or an operator applied to values.

    attributes holds strings as in a symbol file: those of the operator that were given, and the user's own. It may
    gain user's attributes later (``Symbol._set_attr``); nothing else of a node ever changes. subgraphs are the graphs
    that the operator runs; serial is the number of nodes that were made before. Whatever makes a node from another one
    keeps both.
    """

    __slots__ = ("_attrs", "attributes", "inputs", "name", "op", "serial", "subgraphs")

    def __init__(
        self, op: Operator | None, name: str, inputs: tuple[Value, ...] = (),
        attributes: Mapping[str, str] | None = None, subgraphs: tuple[Graph, ...] = (), serial: int | None = None,
    ):  # fmt: skip
        self.op = op
        self.serial = next(_serials) if serial is None else serial
        self.name = name
        self.inputs = inputs
        self.attributes: dict[str, str] = dict(attributes or {})
        self.subgraphs = subgraphs
        self._attrs: Attrs | None = None

    @property
    def is_variable(self) -> bool:
        """Whether this is an input of the graph."""
        return self.op is None

    @property
    def attrs(self) -> Attrs:
        """All attributes of the operator, checked and parsed; defaults filled in."""
        if self._attrs is None:
            assert self.op is not None
            given = {}
            for key, value in self.attributes.items():
                if key in self.op.attributes:
                    given[key] = value
                elif not _is_user_attribute(key) and not (self.op.variadic and key == self.op.num_inputs_attr):
                    raise MXNetError(
                        f"{self.op.name} {self.name!r}: unknown attribute {key!r}; it has: "
                        f"{', '.join(self.op.attributes) or 'none'}."
                    )
            self._attrs = self.op.parse_attributes(given)
        return self._attrs

    @property
    def num_outputs(self) -> int:
        """How many outputs there are, hidden ones included."""
        return 1 if self.op is None else self.op.num_outputs(self.attrs)

    @property
    def num_visible_outputs(self) -> int:
        """How many outputs a caller sees."""
        return 1 if self.op is None else self.op.num_visible_outputs(self.attrs)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The parameter of the operator that each input stands for."""
        return () if self.op is None else self.op.input_names(self.attrs, len(self.inputs))

    def output_name(self, index: int) -> str:
        """The name of an output: that of a variable, or the node's with a suffix."""
        return self.name if self.op is None else f"{self.name}_{self.op.output_names(self.attrs)[index]}"

    @property
    def is_random(self) -> bool:
        """Whether the operator, or one inside of its subgraphs, draws random numbers."""
        if self.op is None:
            return False
        return self.op.random or any(node.is_random for graph in self.subgraphs for node in graph.nodes)

    @property
    def subgraph_inputs(self) -> tuple[tuple[int, ...], ...]:
        """For each subgraph, which of the inputs each of its variables stands for."""
        if self.op is None or not self.subgraphs:
            return ()
        sizes = [len(graph.variables) for graph in self.subgraphs]
        return self.op.positions_in_subgraphs(self.attrs, sizes, [len(graph.outputs) for graph in self.subgraphs])

    @property
    def mutated_inputs(self) -> frozenset[int]:
        """Which of the inputs the operator changes in place, itself or by its subgraphs."""
        if self.op is None or not (self.op.mutates or self.subgraphs):
            return frozenset()
        found = {position for position, name in enumerate(self.input_names) if self.op.changes(name)}
        for graph, positions in zip(self.subgraphs, self.subgraph_inputs, strict=True):
            changed = graph.auxiliary()
            found.update(p for p, variable in zip(positions, graph.variables, strict=True) if variable in changed)
        return frozenset(found)

    def with_inputs(self, inputs: tuple[Value, ...]) -> Node:
        """The same operator on other inputs."""
        return self if inputs == self.inputs else self.replaced(inputs=inputs)

    def replaced(
        self, *, name: str | None = None, inputs: tuple[Value, ...] | None = None,
        attributes: Mapping[str, str] | None = None, subgraphs: tuple[Graph, ...] | None = None,
    ) -> Node:  # fmt: skip
        """A new node like this one, but for what is given."""
        return Node(
            self.op, self.name if name is None else name, self.inputs if inputs is None else inputs,
            self.attributes if attributes is None else attributes,
            self.subgraphs if subgraphs is None else subgraphs, self.serial,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Node {self.name} = {self.op.name if self.op else 'variable'}>"


def make_variable(op: Operator, name: str, argument: str, attributes: Mapping[str, str]) -> Node:
    """The variable for an input that a node lacks: it has the node's attributes, and says how it starts."""
    variable = Node(None, f"{name}_{op.variable_names.get(argument, argument)}", (), attributes)
    hint_init(op, variable, argument)
    return variable


def hint_init(op: Operator, variable: Node, argument: str) -> None:
    """Let a variable ask for the initializer that the operator wants for an input, unless it asks for one already."""
    init = op.variable_init.get(argument)  # a name, or the whole string with arguments
    if init is not None:
        variable.attributes.setdefault("__init__", init if init.startswith("[") else f'["{init}", {{}}]')


def _is_user_attribute(key: str) -> bool:
    return (key.startswith("__") and key.endswith("__")) or key in USER_ATTRIBUTES


class Graph:
    """The nodes that a list of values depends on, in the order in which MXNet numbers them (depth first)."""

    __slots__ = ("nodes", "outputs")

    def __init__(self, outputs: Iterable[Value]):
        self.outputs: tuple[Value, ...] = tuple(outputs)
        self.nodes: tuple[Node, ...] = tuple(_depth_first(self.outputs))

    @property
    def variables(self) -> list[Node]:
        """The inputs, auxiliary states included."""
        return [node for node in self.nodes if node.op is None]

    def in_order_of_creation(self) -> list[Node]:
        """The nodes in the order in which they were made: that of a hybrid_forward, say, and so of imperative calls."""
        users: dict[Node, list[Node]] = {}
        waiting: dict[Node, int] = {}
        for node in self.nodes:
            before = {value.node for value in node.inputs}
            waiting[node] = len(before)
            for other in before:
                users.setdefault(other, []).append(node)
        ready = [(node.serial, number, node) for number, node in enumerate(self.nodes) if not waiting[node]]
        heapq.heapify(ready)
        number, order = len(self.nodes), []
        while ready:
            node = heapq.heappop(ready)[2]
            order.append(node)
            for user in users.get(node, ()):
                waiting[user] -= 1
                if not waiting[user]:
                    number += 1
                    heapq.heappush(ready, (user.serial, number, user))
        return order

    def without_repeated_outputs(self) -> tuple[Graph, list[int]]:
        """The graph that gives each value once, and for each output the position of its value among those."""
        distinct = list(dict.fromkeys(self.outputs))
        if len(distinct) == len(self.outputs):
            return self, list(range(len(distinct)))
        return Graph(distinct), [distinct.index(value) for value in self.outputs]

    def auxiliary(self) -> set[Node]:
        """The variables that an operator changes in place."""
        changed = (node.inputs[position].node for node in self.nodes for position in node.mutated_inputs)
        return {node for node in changed if node.op is None}

    def rebuild(self, choose: Callable[[Node], Node | Value]) -> Graph:
        """A graph in which every node is replaced by what `choose` returns for it.

        Nodes arrive in topological order, their inputs already chosen; a Value returned stands for output 0. Subgraphs
        stay as they are: `choose` may rebuild those of a node and return ``node.replaced(subgraphs=...)``.
        """
        chosen: dict[Node, Node | Value] = {}

        def follow(value: Value) -> Value:
            target = chosen[value.node]
            return Value(target, value.index) if isinstance(target, Node) else target

        for node in self.nodes:
            chosen[node] = choose(node.with_inputs(tuple(follow(value) for value in node.inputs)))
        return Graph(follow(value) for value in self.outputs)

    @classmethod
    def parse(cls, text: str) -> Graph:
        """The graph for a text as `str` writes it; names that nothing defines are variables.

        Raises: MXNetError for a line that can't be read.
        """
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        graph, rest = cls._parse(lines)
        if rest:
            raise MXNetError(f"Graph.parse: {rest[0]!r} follows the line that begins with 'return'.")
        return graph

    @classmethod
    def _parse(cls, lines: list[str]) -> tuple[Graph, list[str]]:
        """The graph at the beginning of the lines, and the lines after it."""
        known: dict[str, Value] = {}

        def value_of(label: str) -> Value:
            if label not in known:
                known[label] = Value(Node(None, _unquoted(label)), 0)
            return known[label]

        while lines:
            line, lines = lines[0].strip(), lines[1:]
            if line.split(None, 1)[0] == "return":
                return cls(map(value_of, _split(line[len("return") :]))), lines
            match = _LINE.fullmatch(line)
            if match is None:
                raise MXNetError(f"Graph.parse: cannot read {line!r}; expected 'name = operator(inputs; key=value)'.")
            targets, op_name, inputs, attributes = match.groups()
            labels = _split(targets)
            pairs = (pair.partition("=") for pair in _split(attributes or ""))
            given = tuple(map(value_of, _split(inputs)))
            subgraphs = []
            while lines and lines[0].strip() == "subgraph:":
                graph, lines = cls._parse(lines[1:])
                subgraphs.append(graph)
            node = Node(
                get_operator(op_name), _unquoted(labels[0]), given,
                {key: _unquoted(value) for key, _, value in pairs}, tuple(subgraphs),
            )  # fmt: skip
            known.update({label: Value(node, index) for index, label in enumerate(labels)})
        raise MXNetError("Graph.parse: the line that begins with 'return' is missing.")

    def __str__(self) -> str:
        used: dict[Node, int] = {}
        for value in (*self.outputs, *(value for node in self.nodes for value in node.inputs)):
            used[value.node] = max(used.get(value.node, 0), value.index)
        labels: dict[Value, str] = {}
        taken: set[str] = set()
        further = [Value(node, index) for node in self.nodes for index in range(1, used[node] + 1)]
        for value in (*(Value(node, 0) for node in self.nodes), *further):
            label = value.node.name if value.index == 0 else f"{value.node.name}_{value.index}"
            while label in taken:
                label += "_"
            taken.add(label)
            labels[value] = _quoted(label)

        lines = []
        for node in self.nodes:
            if node.op is None:
                continue
            targets = ", ".join(labels[Value(node, index)] for index in range(used[node] + 1))
            inputs = ", ".join(labels[value] for value in node.inputs)
            own = [f"{key}={_quoted(value)}" for key, value in node.attributes.items() if key in node.op.attributes]
            lines.append(f"{targets} = {node.op.name}({inputs}{'; ' * bool(own)}{', '.join(own)})")
            for graph in node.subgraphs:
                lines += ["    subgraph:", *(f"        {line}" for line in str(graph).split("\n"))]
        return "\n".join([*lines, f"return {', '.join(labels[value] for value in self.outputs)}"])


_STRING = r'"(?:[^"\\]|\\.)*"'
_PLAIN = r"[\w.+-]+|\([\w.+\-, ]*\)"  # a name, a number, a tuple; anything else is quoted as in JSON
_ITEM = re.compile(rf"\s*((?:\w+=)?(?:{_STRING}|{_PLAIN}))\s*(?:,|$)")
_ITEMS = rf"(?:{_STRING}|[^\"()=;]|\([^()\"]*\))*?"
_LINE = re.compile(rf"({_ITEMS})\s*=\s*([\w.]+)\(({_ITEMS})(?:;((?:{_STRING}|[^\"()]|\([^()\"]*\))*))?\)")


def _quoted(text: str) -> str:
    return text if re.fullmatch(_PLAIN, text) and text != "return" else json.dumps(text)


def _unquoted(text: str) -> str:
    return json.loads(text) if text.startswith('"') else text


def _split(text: str) -> list[str]:
    """The items of a list separated by commas.

    Raises: MXNetError where an item can't be read.
    """
    items, position = [], 0
    while text[position:].strip():
        match = _ITEM.match(text, position)
        if match is None:
            raise MXNetError(f"Graph.parse: cannot read {text[position:].strip()!r} as a list of names or key=value.")
        items.append(match.group(1))
        position = match.end()
    return items


def _depth_first(outputs: Iterable[Value]) -> list[Node]:
    order: list[Node] = []
    seen: set[Node] = set()
    for head in outputs:
        stack: list[tuple[Node, int]] = [] if head.node in seen else [(head.node, 0)]
        seen.add(head.node)
        while stack:
            node, position = stack.pop()
            while position < len(node.inputs):
                child = node.inputs[position].node
                position += 1
                if child not in seen:
                    seen.add(child)
                    stack.append((node, position))
                    node, position = child, 0
            order.append(node)
    return order


def check(graph: Graph) -> None:
    """Assert what every graph obeys: values are defined once and before their use, outputs exist, attributes parse.

    Subgraphs obey it too, and each of their variables stands for an input of the node.
    """
    seen: set[Node] = set()
    for node in graph.nodes:
        takes = node.op is not None and node.op.takes_subgraphs
        assert takes == bool(node.subgraphs), f"{node} holds {len(node.subgraphs)} subgraphs"
        for subgraph, positions in zip(node.subgraphs, node.subgraph_inputs, strict=True):
            check(subgraph)
            assert len(positions) == len(subgraph.variables), f"{node}: some variables of {subgraph} have no input"
            assert all(0 <= p < len(node.inputs) for p in positions), f"{node} has no inputs {positions}"
        for value in node.inputs:
            assert value.node in seen, f"{node} uses {value.node} before it is defined"
            assert 0 <= value.index < value.node.num_outputs, f"{node} uses output {value.index} of {value.node}"
        if node.op is not None and not node.op.variadic:
            assert len(node.inputs) == len(node.input_names), f"{node} has {len(node.inputs)} inputs"
        assert node not in seen, f"{node} is listed twice"
        seen.add(node)
    for value in graph.outputs:
        assert value.node in seen and 0 <= value.index < value.node.num_outputs
