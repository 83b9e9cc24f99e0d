"""Running a graph: nodes become steps on numbered slots, and a slot is emptied after its last use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from ..ops.dtypes import DTYPE_NAMES, torch_dtype
from ..ops.generators import drawn_again, generator_for
from ..ops.registry import Attrs, Operator, Subgraph, explain_failure
from .creation import has_unknown_sizes, resolve_creation
from .graph import Graph, Node, Value
from .infer import infer_dtypes_of, infer_shapes_of, is_known

#: Called for what a node takes and gives: the node, the name of an input or output (a variable's own), the tensor.
Monitor = Callable[[Node, str, Tensor], None]
_CAUGHT = (RuntimeError, LookupError, TypeError, ValueError, ArithmeticError, AssertionError)


class Step:
    """One operator call: where its arguments come from, where its results go, and what may be dropped afterwards.

    function   the operator's function with all constant attributes bound
    extra      what the caller supplies at each run: those of "training", "generator", "device", "state", "subgraphs"
               that it takes
    recorded   the same for torch's autograd: where the operator declares its gradient, that one is used
    subgraphs  the node's, made ready to run
    copies     whether results that are windows on an input are copied
    state_key  under which what a stateful operator keeps is stored: its number among them, which passes don't change
    """

    __slots__ = (
        "attrs", "copies", "dead", "extra", "function", "inputs", "node", "op", "outputs", "recorded", "state_key",
        "subgraphs",
    )  # fmt: skip

    def __init__(self, node: Node, inputs: Sequence[int], outputs: Sequence[int]):
        assert node.op is not None
        self.node = node
        self.op: Operator = node.op
        self.attrs: Attrs = node.attrs
        self.function: Callable[..., Any] = partial(node.op.function, **self.attrs) if self.attrs else node.op.function
        wanted = (
            ("training", node.op.uses_training), ("generator", node.op.random), ("device", node.op.creates),
            ("state", node.op.stateful), ("subgraphs", node.op.takes_subgraphs),
        )  # fmt: skip
        self.extra = tuple(name for name, used in wanted if used)
        self.recorded = self._call_recorded if node.op.has_gradient_rule else self.function
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.dead: tuple[int, ...] = ()
        self.subgraphs = tuple(_Inside(graph) for graph in node.subgraphs)
        self.copies = False
        self.state_key = 0

    def bind_subgraphs(self, differentiate: bool, training: bool, device: torch.device) -> tuple[Subgraph, ...]:
        """The subgraphs as the operator takes them."""
        return tuple(_Bound(inside, differentiate, training, device) for inside in self.subgraphs)

    def copy_windows(self) -> None:
        """Give results that lie in one piece, as imperative calls do."""
        self.copies = True
        self.function, self.recorded = _in_one_piece(self.function), _in_one_piece(self.recorded)

    def _call_recorded(self, *tensors: Any, **extra: Any) -> Any:
        return self.op.call(tensors, {**self.attrs, **extra} if extra else self.attrs)


def _in_one_piece(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose results are contiguous."""

    def call(*tensors: Any, **extra: Any) -> Any:
        result = function(*tensors, **extra)
        if isinstance(result, tuple):
            return tuple(item.contiguous() for item in result)
        return result.contiguous()

    return call


def _works_by_element(op: Operator) -> bool:
    """Whether it makes no difference to the bits of results how the inputs lie in memory."""
    return op.elementwise or op.is_view


class Program:
    """A graph made ready to run, again and again, from any thread.

    variables  the names of the inputs, in the order in which `run` takes them
    is_random  whether an operator draws random numbers
    mutated    positions among the variables of those that operators change in place
    """

    def __init__(self, graph: Graph, as_created: bool = False):
        """as_created: run the nodes in the order in which they were made, rather than in that of MXNet's files."""
        self.graph = graph
        self.as_created = as_created
        variables = graph.variables
        self.variables: tuple[str, ...] = tuple(node.name for node in variables)
        auxiliary = graph.auxiliary()
        self.mutated = tuple(position for position, node in enumerate(variables) if node in auxiliary)
        self.is_random = any(node.is_random for node in graph.nodes)
        slots: dict[Value, int] = {Value(node, 0): index for index, node in enumerate(variables)}
        absent = len(slots)  # this slot stays None: inputs that are not given
        self.num_slots = absent + 1
        self.steps: list[Step] = []
        for node in graph.in_order_of_creation() if as_created else graph.nodes:
            if node.op is None:
                continue
            given: list[Any] = [slots[value] for value in node.inputs]
            inputs = [absent if slot is None else slot for slot in node.op.arrange(given, node.input_names)]
            outputs = range(self.num_slots, self.num_slots + node.num_outputs)
            self.num_slots += len(outputs)
            slots.update((Value(node, index), slot) for index, slot in enumerate(outputs))
            self.steps.append(Step(node, inputs, outputs))  # type: ignore[arg-type]
        stateful = [node for node in graph.nodes if node.op is not None and node.op.stateful]
        for step in self.steps:
            if step.op.stateful:
                step.state_key = stateful.index(step.node)
        # A sum over a window is added up in another order than one over a copy, which is what imperative calls take.
        matters = {slot for step in self.steps if not _works_by_element(step.op) for slot in step.inputs}
        for step in self.steps:
            if step.op.is_view and not matters.isdisjoint(step.outputs):
                step.copy_windows()
        self.outputs = [slots[value] for value in graph.outputs]
        # An output that may share memory with an input or with another output is copied.
        self.copied = [
            value.node.op is None or value.node.op.is_view or value in graph.outputs[:position]
            for position, value in enumerate(graph.outputs)
        ]
        self._absent = absent
        self._release(keep={*self.outputs, *range(absent + 1)})
        self._functions: dict[tuple[bool, bool, bool], tuple[Callable[..., Any], dict[int, Step]]] = {}

    def _release(self, keep: set[int]) -> None:
        """Note after each step which slots nothing needs any more."""
        seen = set(keep)
        for step in reversed(self.steps):
            touched = {*step.inputs, *step.outputs}
            step.dead = tuple(sorted(touched - seen))
            seen |= touched

    def run(
        self, inputs: Sequence[Tensor], *, training: bool, device: torch.device, differentiate: bool = False,
        monitor: Monitor | None = None, monitor_inputs: bool = False, states: dict[int, dict[str, Any]] | None = None,
    ) -> list[Tensor]:  # fmt: skip
        """The values of the outputs.

        Args:
            inputs: one tensor for each variable; none requires gradients unless `differentiate`.
            training: whether operators run in training mode.
            device: where operators without inputs create their results, and whose random numbers are drawn.
            differentiate: whether torch's autograd records (for inputs that require gradients).
            monitor: called for every output of every node, and with `monitor_inputs` for what goes into it.
            states: what stateful operators keep from one run to the next; None: they keep nothing.
        Raises: MXNetError naming the node that failed.
        """
        key = (differentiate, monitor is not None, monitor_inputs)
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = self._compile(*key)
        function, steps = found
        generator = generator_for(device) if self.is_random and device.type != "meta" else None
        try:
            if differentiate and not torch.is_grad_enabled():
                with torch.enable_grad():
                    return function(*inputs, training, device, generator, monitor, states)  # type: ignore[no-any-return]
            return function(*inputs, training, device, generator, monitor, states)  # type: ignore[no-any-return]
        except _CAUGHT as error:
            trace = error.__traceback__
            while trace is not None and trace.tb_frame.f_code is not function.__code__:
                trace = trace.tb_next
            step = steps.get(trace.tb_lineno) if trace is not None else None
            if trace is None or step is None:
                raise
            values = trace.tb_frame.f_locals
            failure = explain_failure(step.op, [values.get(f"v{slot}") for slot in step.inputs], step.attrs, error)
            raise type(failure)(f"Error in operator {step.node.name}: {failure}") from error

    def run_again(
        self, inputs: Sequence[Tensor], *, training: bool, device: torch.device, random_state: Tensor | None,
        states: dict[int, dict[str, Any]] | None = None,
    ) -> list[Tensor]:  # fmt: skip
        """The outputs as an earlier run gave them, recorded by torch's autograd, for gradients not asked for then.

        Random numbers are the same, and what operators change in place is changed in copies.

        Args:
            inputs, training, device, states: as for `run`.
            random_state: of the generator of the device before that run; None where it drew no random numbers.
        """
        given = [tensor.clone() if i in self.mutated else tensor for i, tensor in enumerate(inputs)]
        with drawn_again(device, random_state):
            return self.run(given, training=training, device=device, differentiate=True, states=states)

    def _compile(
        self, differentiate: bool, monitored: bool, inputs_too: bool
    ) -> tuple[Callable[..., Any], dict[int, Step]]:
        """The steps as one Python function, whose variables are the slots, and the step that each of its lines runs."""
        names: dict[str, Any] = {"contiguous": torch.contiguous_format}
        parameters = [f"v{slot}" for slot in range(len(self.variables))]
        lines = [f"def run({', '.join([*parameters, 'training', 'device', 'generator', 'monitor', 'states'])}):"]
        steps: dict[int, Step] = {}
        for number, step in enumerate(self.steps):
            names[f"f{number}"], names[f"n{number}"] = step.recorded if differentiate else step.function, step.node
            if monitored and inputs_too:
                lines += [f"    monitor({arguments})" for arguments in self._shown_inputs(step, number, names)]
            given = ["None" if slot == self._absent else f"v{slot}" for slot in step.inputs]
            given += [f"{name}={name}" for name in step.extra if name not in ("state", "subgraphs")]
            if "subgraphs" in step.extra:
                names[f"b{number}"] = partial(step.bind_subgraphs, differentiate)
                given.append(f"subgraphs=b{number}(training, device)")
            if "state" in step.extra:
                given.append(f"state={{}} if states is None else states.setdefault({step.state_key}, {{}})")
            targets = [f"v{slot}" for slot in step.outputs]
            lines.append(f"    {', '.join(targets) or '_'} = f{number}({', '.join(given)})")
            steps[len(lines)] = step
            if len(targets) == 1 and (step.op._num_outputs != 1 or step.op.stateful):  # may be a tuple of one
                lines.append(f"    if type({targets[0]}) is tuple: {targets[0]}, = {targets[0]}")
            if monitored:
                for index, target in enumerate(targets):
                    names[f"{target}_name"] = step.node.output_name(index)
                    lines.append(f"    if {target} is not None: monitor(n{number}, {target}_name, {target})")
            if step.dead:
                lines.append(f"    {' = '.join(f'v{slot}' for slot in step.dead)} = None")
        outputs = [
            f"v{slot}" + ".clone(memory_format=contiguous)" * copied
            for slot, copied in zip(self.outputs, self.copied, strict=True)
        ]
        lines.append(f"    return [{', '.join(outputs)}]")
        exec(compile("\n".join(lines), "<graph>", "exec"), names)  # noqa: S102  # nothing in the text comes from a file
        return names["run"], steps

    def _shown_inputs(self, step: Step, number: int, names: dict[str, Any]) -> list[str]:
        """The arguments with which the monitor is called before a step: a variable under its own name first."""
        calls = []
        given = [slot for slot in step.inputs if slot != self._absent]
        triples = zip(step.node.input_names, step.node.inputs, given, strict=True)
        for position, (name, value, slot) in enumerate(triples):
            label = f"i{number}_{position}"
            names[label] = f"{step.node.name}_{name}"
            if value.node.op is None:
                names[f"{label}_node"], names[f"{label}_name"] = value.node, value.node.name
                calls.append(f"{label}_node, {label}_name, v{slot}")
            calls.append(f"n{number}, {label}, v{slot}")
        return calls


class _Inside:
    """A subgraph made ready to run: one program, or one for the shapes it is given where operators take sizes from
    shape inference."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._program = None if has_unknown_sizes(graph) else Program(graph)
        self._programs: dict[Any, Program] = {}

    def program_for(self, tensors: Sequence[Tensor]) -> Program:
        """The program for tensors of these shapes."""
        if self._program is not None:
            return self._program
        key = tuple((tensor.shape, tensor.dtype) for tensor in tensors)
        program = self._programs.get(key)
        if program is None:
            if len(self._programs) >= 64:
                self._programs.clear()
            shapes, _ = self.infer(tensors)
            program = self._programs[key] = Program(resolve_creation(self.graph, shapes))
        return program

    def infer(self, tensors: Sequence[Tensor]) -> tuple[dict[Value, Any], dict[Value, Any]]:
        """Shapes and dtypes of every value inside, as far as they follow."""
        dtypes = infer_dtypes_of(self.graph, [DTYPE_NAMES[tensor.dtype] for tensor in tensors])
        return infer_shapes_of(self.graph, [tuple(tensor.shape) for tensor in tensors], dtypes), dtypes


class _Bound:
    """A subgraph during one run of its node; stateful operators inside start anew at each call."""

    __slots__ = ("device", "differentiate", "inside", "training")

    def __init__(self, inside: _Inside, differentiate: bool, training: bool, device: torch.device):
        self.inside = inside
        self.differentiate = differentiate
        self.training = training
        self.device = device

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        return self.inside.program_for(tensors).run(
            tensors, training=self.training, device=self.device, differentiate=self.differentiate
        )

    def zeros(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Zeros like the outputs; see `Subgraph`."""
        shapes, dtypes = self.inside.infer(tensors)
        outputs = self.inside.graph.outputs
        if not all(is_known(shapes[value]) for value in outputs):
            unknown = ", ".join(f"{v.node.name} {shapes[v]}" for v in outputs if not is_known(shapes[v]))
            raise MXNetError(f"the shapes of results that were not computed can't be inferred (-1: unknown): {unknown}")
        return [torch.zeros(shapes[v], dtype=torch_dtype(dtypes[v]), device=self.device) for v in outputs]
