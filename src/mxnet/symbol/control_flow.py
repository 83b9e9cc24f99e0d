"""`foreach`, `while_loop` and `cond` of symbols: what the user's functions compose becomes subgraphs of one node.

Everything composed in a body carries the attribute ``__subgraph_name__``, and belongs to it; so does what depends on
the variables that the body is given, such as a symbol made before that is called with one of them. The graph of a body
is cut where it uses something else: there the subgraph gets a variable, and the node an input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .._nested import ControlFlowError, call_for_two, check_max_iterations, flatten, regroup
from ..attribute import AttrScope
from ..base import MXNetError
from ..graph.graph import Graph, Node, Value
from ..ops.registry import get_operator
from .symbol import Symbol, compose, var

__all__ = ["cond", "foreach", "while_loop"]

_MARK = "__subgraph_name__"
_numbers: Counter[str] = Counter()


class _Subgraph:
    """A body being composed, and then its graph.

    placeholders  variables inside that stand for slices, states or loop variables
    graph         the graph; its variables are placeholders and what `outer` has
    outer         variable of the graph -> the value outside that it stands for
    """

    def __init__(self, name: str):
        around = AttrScope.current._attr.get(_MARK)
        key = f"{around}${name}" if around else name
        self.mark = f"{key}{_numbers[key]}"
        _numbers[key] += 1
        self.scope = AttrScope(**{_MARK: self.mark})
        self.placeholders: list[Node] = []
        self.outer: dict[Node, Value] = {}

    def placeholder_for(self, symbol: Symbol) -> Symbol:
        """A variable inside, named after the symbol outside."""
        value = symbol._outputs[0]
        name = label = f"{value.node.name}-{value.index}"
        taken = {node.name for node in self.placeholders}
        number = 0
        while label in taken:
            number += 1
            label = f"{name}_{number}"
        made = var(label)
        self.placeholders.append(made._outputs[0].node)
        return made

    def own(self, symbol: Symbol, others: Iterable[Node] = ()) -> Symbol:
        """The symbol, or a copy of it made inside where it comes from outside, is a variable, or belongs to others."""
        node = symbol._outputs[0].node
        if node.op is not None and node not in others and node in self._inside(symbol.graph):
            return symbol
        return compose(get_operator("_copy"), [symbol], {}, hint="identity")

    def finish(self, outputs: Sequence[Symbol]) -> None:
        """Cut the graph of the outputs out of what is around it."""
        cuts: dict[Value, Node] = {}

        def cut(value: Value) -> Value:
            if value.node in chosen:
                return Value(chosen[value.node], value.index)
            if value not in cuts:
                cuts[value] = Node(None, value.node.output_name(value.index))
            return Value(cuts[value], 0)

        chosen: dict[Node, Node] = {}
        for node in self._inside(Graph(symbol._outputs[0] for symbol in outputs)):
            chosen[node] = node.with_inputs(tuple(map(cut, node.inputs)))
        self.graph = Graph(cut(symbol._outputs[0]) for symbol in outputs)
        outer = {variable: value for value, variable in cuts.items()}
        self.outer = {
            node: outer.get(node, Value(node, 0)) for node in self.graph.variables if node not in self.placeholders
        }

    def _inside(self, graph: Graph) -> dict[Node, None]:
        """The nodes that belong to the body, in order."""
        found: dict[Node, None] = {}
        dependent = set(self.placeholders)
        for node in graph.nodes:
            if any(value.node in dependent for value in node.inputs):
                dependent.add(node)
            if node in dependent or node.attributes.get(_MARK) == self.mark:
                found[node] = None
        return found


def _flatten(value: Any, what: str) -> tuple[list[Symbol], Any]:
    symbols, structure = flatten(value, Symbol, what)
    for symbol in symbols:
        if len(symbol) != 1:
            raise MXNetError(
                f"{what}: {symbol!r} is a tuple, single value is required: it has {len(symbol)} outputs; pick one by "
                "index."
            )
    return symbols, structure


def foreach(body: Callable[..., Any], data: Any, init_states: Any, name: str = "foreach") -> tuple[Any, Any]:
    """Loop over axis 0 of data, handing states on; one node of the graph.

    Args:
        body: function of a slice of data and the states, in the structure of data and init_states, that returns the
            outputs of a step (a symbol or nested lists) and the new states, whose shapes stay. It may use any symbol
            around it, and every slice and state must have an effect on what it returns.
        data: symbol, or nested lists of symbols of one length of axis 0.
        init_states: symbol, or nested lists of symbols.
        name: beginning of the name that marks what body composes.
    Returns: the outputs of all steps, stacked along a new axis 0; the states after the last step.
    Raises: MXNetError that is also an AssertionError and ValueError, for wrong arguments or results.
    """
    flat_data, data_structure = _flatten(data, "foreach input")
    flat_states, state_structure = _flatten(init_states, "foreach states")
    inside = _Subgraph(name)
    with inside.scope:
        slices = [inside.placeholder_for(symbol) for symbol in flat_data]
        states = [inside.placeholder_for(symbol) for symbol in flat_states]
        arguments = [regroup(slices, data_structure), regroup(states, state_structure)]
        outputs, new_states = call_for_two(body, arguments, "foreach: body")
        flat_outputs, output_structure = _flatten(outputs, "foreach output")
        flat_new, new_structure = _flatten(new_states, "foreach loop_vars")
        if new_structure != state_structure:
            raise ControlFlowError("The input and output loop_vars have different format")
        shared = [symbol._outputs[0].node for symbol in flat_outputs]
        results = [inside.own(symbol) for symbol in flat_outputs]
        results += [inside.own(symbol, shared) for symbol in flat_new]
    if not results:
        raise ControlFlowError("foreach: body returned neither outputs nor states; expected at least one of them.")
    inside.finish(results)
    order = {node: position for position, node in enumerate(inside.graph.variables)}
    for part, what in ((inside.placeholders[: len(slices)], "data"), (inside.placeholders[len(slices) :], "state")):
        unused = [node.name for node in part if node not in order]
        if unused:
            raise ControlFlowError(f"the {what} arrays have to be used in the loop body: {', '.join(unused)}")
    given = {
        "num_outputs": len(results), "num_out_data": len(flat_outputs),
        "in_state_locs": [order[node] for node in inside.placeholders[len(slices) :]],
        "in_data_locs": [order[node] for node in inside.placeholders[: len(slices)]],
        "remain_locs": [order[node] for node in inside.outer],
    }  # fmt: skip
    inputs = [*flat_data, *flat_states, *(Symbol((value,)) for value in inside.outer.values())]
    made = list(compose(get_operator("_foreach"), inputs, given, hint="_foreach", subgraphs=(inside.graph,)))
    count = len(flat_outputs)
    return regroup(made[:count], output_structure), regroup(made[count:], state_structure)


def while_loop(
    cond: Callable[..., Any], func: Callable[..., Any], loop_vars: Any, max_iterations: Any = None,
    name: str = "while_loop",
) -> tuple[Any, Any]:  # fmt: skip
    """Loop as long as cond gives a number other than zero, at most max_iterations times; one node of the graph.

    Args:
        cond: function of the loop variables that returns a symbol of one number.
        func: function of the loop variables that returns the outputs of a step (a symbol, nested lists, or None) and
            as many new loop variables, on all of which its results must depend. Both may use any symbol around them.
        loop_vars: symbol, or list of symbols or nested lists; cond and func get the items of the list as arguments.
        max_iterations: an integer.
        name: beginning of the names that mark what cond and func compose.
    Returns: the outputs of all steps, stacked along a new axis 0 of length max_iterations and zero beyond the last
        step; the last loop variables.
    Raises: MXNetError that is also an AssertionError and ValueError, for wrong arguments or results.
    """
    limit = check_max_iterations(max_iterations)
    flat_vars, structure = _flatten(loop_vars, "while loop_vars")
    if not flat_vars:
        raise ControlFlowError("loop_vars should contain at least one element")

    def arguments(inside: _Subgraph) -> list[Any]:
        grouped = regroup([inside.placeholder_for(symbol) for symbol in flat_vars], structure)
        return [grouped] if isinstance(grouped, Symbol) else grouped

    condition = _Subgraph(f"{name}_cond")
    with condition.scope:
        goes_on = cond(*arguments(condition))
        if not isinstance(goes_on, Symbol):
            raise ControlFlowError("Return of cond must be a Symbol")
        goes_on = condition.own(_flatten(goes_on, "Return of cond")[0][0])
    condition.finish([goes_on])
    body = _Subgraph(f"{name}_func")
    with body.scope:
        outputs, new_vars = call_for_two(func, arguments(body), "while_loop: func")
        flat_outputs, output_structure = _flatten([] if outputs is None else outputs, "while output")
        flat_new, _ = _flatten([] if new_vars is None else new_vars, "while loop_vars")
        if len(flat_new) != len(flat_vars):
            raise ControlFlowError("The number of loop_vars should be consistent during the loop")
        results = [body.own(symbol) for symbol in (*flat_outputs, *flat_new)]
    body.finish(results)
    inputs: list[Value] = []
    shared: dict[int, int] = {}  # number of a loop variable -> its place among the inputs

    def places(inside: _Subgraph) -> list[int]:
        found = []
        for node in inside.graph.variables:
            if node in inside.outer:
                found.append(len(inputs))
                inputs.append(inside.outer[node])
                continue
            number = inside.placeholders.index(node)
            if number not in shared:
                shared[number] = len(inputs)
                inputs.append(flat_vars[number]._outputs[0])
            found.append(shared[number])
        return found

    variables = body.graph.variables
    for number, node in enumerate(body.placeholders):
        if node not in variables:
            raise ControlFlowError(f"The {number + 1}-th loop_var doesn't involve into the computation")
    given = {
        "num_outputs": len(results), "num_out_data": len(flat_outputs), "cond_input_locs": places(condition),
        "func_input_locs": places(body), "func_var_locs": [variables.index(node) for node in body.placeholders],
        "max_iterations": limit,
    }  # fmt: skip
    made = list(
        compose(
            get_operator("_while_loop"), [Symbol((value,)) for value in inputs], given, hint="_while_loop",
            subgraphs=(condition.graph, body.graph),
        )
    )  # fmt: skip
    count = len(flat_outputs)
    return regroup(made[:count], output_structure), regroup(made[count:], structure)


def cond(pred: Symbol, then_func: Callable[[], Any], else_func: Callable[[], Any], name: str = "cond") -> Any:
    """One of two branches, chosen when the graph runs; one node of the graph.

    Args:
        pred: symbol of one number.
        then_func: function without arguments that returns the outputs (a symbol or nested lists) where pred isn't zero.
        else_func: the same where pred is zero, with as many outputs. Both may use any symbol around them.
        name: beginning of the names that mark what is composed.
    Returns: the outputs, in the structure that then_func returns.
    Raises: MXNetError that is also an AssertionError and ValueError, for wrong arguments or results.
    """
    parts, structures = [], []
    for part, function in (("pred", lambda: pred), ("then", then_func), ("else", else_func)):
        inside = _Subgraph(f"{name}_{part}")
        with inside.scope:
            outputs, structure = _flatten(function(), "cond outputs")
            if not outputs or (part == "pred" and len(outputs) > 1):
                raise ControlFlowError(f"cond: {part} gives {len(outputs)} symbols; expected " + (
                    "one." if part == "pred" else "at least one."
                ))  # fmt: skip
            outputs = [inside.own(symbol) for symbol in outputs]
        inside.finish(outputs)
        parts.append(inside)
        structures.append(structure)
    _, then, otherwise = parts
    if len(then.graph.outputs) != len(otherwise.graph.outputs):
        raise ControlFlowError("Number of outputs differs between then-branch and else-branch")
    inputs: list[Value] = []
    locs = []
    for inside in parts:
        found = []
        for node in inside.graph.variables:
            value = inside.outer[node]
            if value.node.op is None and value in inputs:  # only variables are shared, as in MXNet's files
                found.append(inputs.index(value))
            else:
                found.append(len(inputs))
                inputs.append(value)
        locs.append(found)
    given = {
        "num_outputs": len(then.graph.outputs), "then_input_locs": locs[1], "else_input_locs": locs[2],
        "cond_input_locs": locs[0],
    }  # fmt: skip
    made = list(
        compose(
            get_operator("_cond"), [Symbol((value,)) for value in inputs], given, hint="_cond",
            subgraphs=tuple(inside.graph for inside in parts),
        )
    )  # fmt: skip
    return regroup(made, structures[1])
