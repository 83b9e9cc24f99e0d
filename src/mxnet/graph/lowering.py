"""From a graph of operators to one flat program of torch's own operations, forward and backward together.

Each distinct call of an operator (its attributes, the layouts of its inputs) is run once on tensors that have shapes
but no storage, under torch's autograd, and every operation that torch would dispatch is written down: which values it
reads, which it makes, which share storage. That is its template (templates.py). The program of a graph is put together
from the templates of its nodes, so it takes milliseconds, for networks of any size, and nothing is computed. It runs
the same kernels in the same order as the imperative network, gradients are summed in the order in which autograd sums
them, and so it gives the same bits.

What can't be written down (operators in Python, operators that look at values) is called as a whole, beside the
program: an `Instruction` whose function is that call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from ..base import MXNetError
from ..ops.dtypes import torch_dtype
from ..ops.generators import generator_for
from .beside import CallBeside, GradientBeside, runs_beside
from .graph import Node, Value
from .infer import infer_dtypes, infer_shapes, is_known
from .program import Program, Step
from .templates import (
    GENERATOR,
    STATES,
    Call,
    Layout,
    NotWritable,
    Place,
    StoreCall,
    Template,
    clone_template,
    contiguous_layout,
    ones_template,
    sum_template,
    template_for,
)  # fmt: skip


class Unplannable(MXNetError):
    """A graph whose storage can't be planned: a shape in it depends on values."""


class Storage:
    """A block of memory of the flat program.

    nbytes  its size
    kind    "input" (bound from outside), or "result"
    label   the node that was running when it was made
    """

    __slots__ = ("kind", "label", "nbytes")

    def __init__(self, nbytes: int, kind: str, label: str):
        self.nbytes = nbytes
        self.kind = kind
        self.label = label


class Instruction:
    """One call of a torch operation.

    call      the operation, with places for its arguments and results
    reads     values that fill the places
    outputs   indices of the values it returns, None for results that are not tensors
    writes    storages that it changes in place
    label     the node of the graph it belongs to
    node      number of that node in the graph
    replays   for one that draws random numbers: the number under which the state of the generator is kept, so that
              this instruction draws the same numbers as the earlier one that has it as `keeps`
    """

    __slots__ = ("call", "keeps", "label", "node", "outputs", "reads", "replays", "writes")

    def __init__(
        self, call: Call, reads: tuple[int, ...], outputs: tuple[int | None, ...], writes: tuple[int, ...], label: str,
        node: int, keeps: int | None = None, replays: int | None = None,
    ):  # fmt: skip
        self.call = call
        self.reads = reads
        self.outputs = outputs
        self.writes = writes
        self.label = label
        self.node = node
        self.keeps = keeps
        self.replays = replays

    def replaced(self, **changes: Any) -> Instruction:
        """A new instruction like this one, but for what is given."""
        made = Instruction(
            self.call, self.reads, self.outputs, self.writes, self.label, self.node, self.keeps, self.replays
        )
        for name, content in changes.items():
            setattr(made, name, content)
        return made

    @property
    def name(self) -> str:
        """torch's name of the operation, such as "aten.relu.default"."""
        return self.call.name

    @property
    def made(self) -> tuple[int, ...]:
        """The values it makes."""
        return tuple(output for output in self.outputs if output is not None)


class LoweredProgram:
    """A training step, or a forward pass, as a list of torch operations.

    instructions  in order; the first `num_forward` are the forward pass
    layouts       shape, strides and dtype of every value, by index; None for what isn't a tensor
    storage_of    the storage that each value is a window on, by index
    storages      every block of memory, by index
    inputs        variable name -> value
    head_grads    the values of the gradients of outputs that come from outside; head_positions: of which outputs
    outputs       the values of the outputs
    gradients     variable name -> value of its gradient, None if nothing depends on it
    stored        names of variables whose gradient an instruction hands over; the others are in gradients
    updates       whether what takes a gradient changes its variable
    beside        nodes that are called as a whole, beside the program
    forced        numbers of nodes whose results the user asks to compute again rather than keep
    keeps_random  whether results that hold random numbers must be kept: nothing is drawn a second time
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.num_forward = 0
        self.layouts: list[Layout | None] = []
        self.storage_of: list[int] = []
        self.storages: list[Storage] = []
        self.inputs: dict[str, int] = {}
        self.head_grads: list[int] = []
        self.head_positions: list[int] = []
        self.outputs: list[int] = []
        self.gradients: dict[str, int | None] = {}
        self.stored: list[str] = []
        self.updates = False
        self.beside: list[str] = []
        self.forced: set[int] = set()
        self.keeps_random = False

    def copy(self) -> LoweredProgram:
        """A program of its own that holds the same."""
        other = LoweredProgram()
        for name, content in self.__dict__.items():
            other.__dict__[name] = content.copy() if isinstance(content, list | dict | set) else content
        return other

    def results(self) -> list[int]:
        """The values that outlive the program: outputs and gradients."""
        return [*self.outputs, *(value for value in self.gradients.values() if value is not None)]

    def new_storage(self, nbytes: int, kind: str, label: str) -> int:
        """Enter a storage."""
        self.storages.append(Storage(nbytes, kind, label))
        return len(self.storages) - 1

    def new_value(self, layout: Layout | None, storage: int) -> int:
        """Enter a value that is a window on a storage."""
        self.layouts.append(layout)
        self.storage_of.append(storage)
        return len(self.layouts) - 1


def lower(
    program: Program, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], *, training: bool,
    wanted: Sequence[str] = (), device: torch.device | None = None, heads: Sequence[bool] | None = None,
    stores: bool | Collection[str] = False, updates: bool = False, kind: type[Lowering] | None = None,
) -> LoweredProgram:  # fmt: skip
    """The flat program for a graph.

    Args:
        program: the graph, made ready to run, with no unknown sizes (`resolve_creation`).
        shapes, dtypes: of every variable, by name.
        training: whether operators run in training mode.
        wanted: the variables whose gradients are asked for; none gives a forward pass alone.
        device: where it shall run, default the CPU.
        heads: for each output whether its gradient is given from outside; those that aren't given are ones, which the
            program makes where something needs them. Default: those of all outputs that depend on `wanted`.
        stores: hand over each gradient, or those of these variables, as soon as it is there, instead of keeping it to
            the end.
        updates: with stores, what takes a gradient changes its variable: it is handed over after the last instruction
            that reads the variable.
        kind: what chooses the layouts of results; default: each is as the operator gives it.
    Raises: Unplannable if a shape depends on values; MXNetError if an operator refuses its inputs.
    """
    lowering = (kind or Lowering)(program, shapes, dtypes, training, wanted, device or torch.device("cpu"))
    lowering.run_forward()
    if wanted:
        lowering.run_backward(heads, wanted)
    lowered = remove_dead(lowering.lowered)
    return store_gradients(lowered, wanted if stores is True else stores or (), updates) if stores else lowered


class Placed:
    """A template in the program: which value each of its values is, and which storage each of its storages."""

    __slots__ = ("step", "storages", "template", "values")

    def __init__(self, step: Step | None, template: Template):
        self.step = step
        self.template = template
        self.values: dict[int, int] = {}
        self.storages: dict[int, int] = {}


class _Beside:
    """A call beside the program: the values of its inputs, its outputs and its tape."""

    __slots__ = ("given", "needs", "outputs", "step", "tape")

    def __init__(self, step: Step, given: list[int], outputs: list[int], tape: int, needs: tuple[bool, ...]):
        self.step = step
        self.given = given
        self.outputs = outputs
        self.tape = tape
        self.needs = needs


class Lowering:
    """Puts a flat program together; `lower` runs it. Subclasses choose other layouts for what lies between nodes.

    contiguous_heads  whether gradients from outside are contiguous, or lie as the outputs do
    """

    contiguous_heads = True

    def __init__(
        self, program: Program, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], training: bool,
        wanted: Sequence[str], device: torch.device,
    ):  # fmt: skip
        self.source = program
        self.graph = program.graph
        self.lowered = LoweredProgram()
        self.training = training
        self.wanted = set(wanted)
        self.device = device
        self.shapes, self.dtypes = shapes, dtypes
        self.values: dict[Value, int] = {}
        self.differentiable: set[Value] = set()
        self.backward: list[Callable[[dict[Value, int]], None]] = []  # what adds the gradients of each node's inputs
        self.numbers = {node: number for number, node in enumerate(program.graph.nodes)}
        self._inferred: tuple[Mapping[Value, Any], Mapping[Value, Any]] | None = None

    def run_forward(self) -> None:
        """Enter the inputs, the forward pass and the outputs."""
        lowered = self.lowered
        for node in self.graph.variables:
            name, value = node.name, Value(node, 0)
            if name not in lowered.inputs:  # two variables of one name are one input
                layout = contiguous_layout(tuple(self.shapes[name]), torch_dtype(self.dtypes[name]))
                lowered.inputs[name] = lowered.new_value(layout, lowered.new_storage(layout.nbytes, "input", name))
            self.values[value] = lowered.inputs[name]
            if name in self.wanted and torch_dtype(self.dtypes[name]).is_floating_point:
                self.differentiable.add(value)
        for step in self.source.steps:
            self.forward(step)
        for position, value in enumerate(self.graph.outputs):
            index = self.given(value)
            if self.source.copied[position]:
                index = self.single(clone_template(self.layout(index), self.device), [index], value.node)
            lowered.outputs.append(index)
        lowered.num_forward = len(lowered.instructions)

    def layout(self, index: int) -> Layout:
        """The layout of a value that is a tensor."""
        layout = self.lowered.layouts[index]
        assert layout is not None
        return layout

    def single(self, template: Template, given: Sequence[int], node: Node, suffix: str = "") -> int:
        """Enter a template that gives one value."""
        placed = self.place(template, given, None)
        self.enter(placed, template.forward, node.name + suffix, self.numbers[node])
        return placed.values[template.outputs[0]]

    def place(self, template: Template, given: Sequence[int], step: Step | None) -> Placed:
        """A template in the program, on these values of its inputs."""
        placed = Placed(step, template)
        for own, index in zip(template.inputs, given, strict=True):
            placed.values[own] = index
            placed.storages[template.storage_of[own]] = self.lowered.storage_of[index]
        return placed

    def enter(self, placed: Placed, steps: Sequence[Any], label: str, number: int) -> None:
        """Enter steps of a template as instructions."""
        lowered, template, values, storages = self.lowered, placed.template, placed.values, placed.storages
        for call, reads, outputs, writes in steps:
            for output in outputs:
                if output is not None and output not in values:
                    storage = template.storage_of[output]
                    if storage not in storages:
                        storages[storage] = lowered.new_storage(template.nbytes[storage], "result", label)
                    values[output] = lowered.new_value(template.layouts[output], storages[storage])
            lowered.instructions.append(
                Instruction(
                    call, tuple([values[index] for index in reads]),
                    tuple([None if index is None else values[index] for index in outputs]),
                    tuple([storages[storage] for storage in writes]), label, number,
                )
            )  # fmt: skip

    def given(self, value: Value) -> int:
        """The value for an operator that takes it as torch does, or for who runs the program."""
        return self.values[value]

    def forward(self, step: Step) -> None:
        """Enter the forward pass of a node."""
        node = step.node
        self.run(step, [self.given(value) for value in node.inputs])

    def run(self, step: Step, given: list[int]) -> Placed | None:
        """Enter a node by its template, on these values of its inputs; None if it runs beside the program."""
        node = step.node
        needs = tuple(value in self.differentiable for value in node.inputs)
        if runs_beside(node):
            self._call_beside(step, given, needs)
            return None
        layouts = [self.layout(index) for index in given]
        run = partial(_run_step, step, self.training, self.device)
        try:
            template = template_for(node, run, layouts, needs, self.training, self.device, step.copies)
        except MXNetError as error:
            raise type(error)(f"Error in operator {node.name}: {error}") from error
        except NotWritable:
            self._call_beside(step, given, needs)
            return None
        placed = self.place(template, given, step)
        self.enter(placed, template.forward, node.name, self.numbers[node])
        self.backward.append(partial(self._backward, placed))
        for position, own in enumerate(template.outputs):
            if own >= 0:
                self.values[Value(node, position)] = placed.values[own]
                if template.requires_grad[position]:
                    self.differentiable.add(Value(node, position))
        return placed

    def _call_beside(self, step: Step, given: list[int], needs: tuple[bool, ...]) -> None:
        lowered, node = self.lowered, step.node
        lowered.beside.append(node.name)
        needs = tuple(n and self.layout(i).dtype.is_floating_point for n, i in zip(needs, given, strict=True))
        outputs = []
        for position in range(node.num_outputs):
            layout = self.inferred_layout(Value(node, position))
            storage = lowered.new_storage(layout.nbytes, "result", node.name)
            outputs.append(lowered.new_value(layout, storage))
            self.values[Value(node, position)] = outputs[-1]
            if any(needs) and layout.dtype.is_floating_point:
                self.differentiable.add(Value(node, position))
        tape = lowered.new_value(None, lowered.new_storage(0, "result", node.name))
        run = partial(_run_beside, step, self.training, self.device)
        places = map(Place, range(len(given)))
        call = Call(CallBeside(node.name, run, needs), (GENERATOR, STATES, *places), {}, True, True)
        writes = tuple(lowered.storage_of[given[position]] for position in sorted(node.mutated_inputs))
        lowered.instructions.append(
            Instruction(call, tuple(given), (*outputs, tape), writes, node.name, self.numbers[node])
        )
        self.backward.append(partial(self._backward_beside, _Beside(step, given, outputs, tape, needs)))

    def inferred_layout(self, value: Value) -> Layout:
        """The layout of a value of the graph by the inference of shapes, contiguous.

        Raises: Unplannable if its shape depends on values.
        """
        if self._inferred is None:
            dtypes = infer_dtypes(self.graph, dict(self.dtypes))
            self._inferred = infer_shapes(self.graph, dict(self.shapes), dtypes), dtypes  # type: ignore[arg-type]
        shape, dtype = self._inferred[0][value], self._inferred[1][value]
        if not is_known(shape):
            raise Unplannable(
                f"the graph can't be planned: the shape of what {value.node.name} "
                f"({value.node.op.name if value.node.op else 'variable'}) gives depends on values."
            )
        return contiguous_layout(tuple(shape or ()), torch_dtype(dtype))

    def run_backward(self, heads: Sequence[bool] | None, wanted: Sequence[str]) -> None:
        """Enter the gradients of the outputs, and the backward pass: the nodes in reverse, as autograd takes them."""
        lowered = self.lowered
        gradients: dict[Value, int] = {}
        if heads is None:
            heads = [value in self.differentiable for value in self.graph.outputs]
        for position, (value, output, given) in enumerate(zip(self.graph.outputs, lowered.outputs, heads, strict=True)):
            layout = self.layout(output)
            if given:
                if self.contiguous_heads:  # an output may be a window; what comes from outside is not
                    layout = contiguous_layout(layout.shape, layout.dtype)
                storage = lowered.new_storage(layout.nbytes, "input", f"gradient of {value.node.name}")
                head = lowered.new_value(layout, storage)
                lowered.head_grads.append(head)
                lowered.head_positions.append(position)
            elif value in self.differentiable:
                head = self.single(ones_template(layout, self.device), [output], value.node, " backward")
            if value in self.differentiable:
                self.add(gradients, value, head)
        for add_gradients in reversed(self.backward):
            add_gradients(gradients)
        variables = {node.name: Value(node, 0) for node in reversed(self.graph.variables)}
        for node in self.graph.variables:  # two variables of one name: their sum
            first = variables[node.name]
            if node is not first.node and Value(node, 0) in gradients:
                self.add(gradients, first, gradients.pop(Value(node, 0)))
        for name in wanted:
            lowered.gradients[name] = gradients.get(variables[name])

    def add(self, gradients: dict[Value, int], value: Value, gradient: int) -> None:
        """Add a gradient to what there is for a value."""
        if value not in gradients:
            gradients[value] = gradient
            return
        before = gradients[value]
        template = sum_template(self.layout(before), self.layout(gradient), self.device)
        gradients[value] = self.single(template, [before, gradient], value.node, " backward")

    def _backward(self, placed: Placed, gradients: dict[Value, int]) -> None:
        assert placed.step is not None
        node, template = placed.step.node, placed.template
        found: list[int | None] = []
        for position, own in enumerate(template.outputs):
            value = Value(node, position)
            found.append(gradients.pop(value, None) if own >= 0 and template.requires_grad[position] else None)
        if all(gradient is None for gradient in found):
            return
        gradient = template.gradient(tuple(None if index is None else self.layout(index) for index in found))
        for own_head, index in zip(gradient.heads, found, strict=True):
            if own_head is not None and index is not None:
                placed.values[own_head] = index
                placed.storages[template.storage_of[own_head]] = self.lowered.storage_of[index]
        self.enter(placed, gradient.steps, f"{node.name} backward", self.numbers[node])
        for value, partials in zip(node.inputs, gradient.partials, strict=True):
            if value in self.differentiable:
                for part in partials:
                    self.add(gradients, value, placed.values[part])

    def _backward_beside(self, placed: _Beside, gradients: dict[Value, int]) -> None:
        lowered, node = self.lowered, placed.step.node
        found = [gradients.pop(Value(node, position), None) for position in range(len(placed.outputs))]
        if not any(placed.needs) or all(index is None for index in found):
            return
        label = f"{node.name} backward"
        heads = [index for index in found if index is not None]
        outputs = []
        for index, need in zip(placed.given, placed.needs, strict=True):
            if need:
                layout = self.layout(index)
                layout = contiguous_layout(layout.shape, layout.dtype)
                outputs.append(lowered.new_value(layout, lowered.new_storage(layout.nbytes, "result", label)))
        function = GradientBeside(node.name, [index is not None for index in found], placed.needs)
        call = Call(function, tuple(map(Place, range(len(heads) + 1))), {}, True, True)
        reads = (placed.tape, *heads, *placed.given, *placed.outputs)  # the tape holds inputs and outputs
        lowered.instructions.append(Instruction(call, reads, tuple(outputs), (), label, self.numbers[node]))
        made = iter(outputs)
        for value, need in zip(node.inputs, placed.needs, strict=True):
            if need:
                self.add(gradients, value, next(made))


def _run_step(step: Step, training: bool, device: torch.device, *tensors: torch.Tensor) -> Any:
    return _run_beside(step, training, device, tensors, generator_for(device), None)


def _run_beside(
    step: Step, training: bool, device: torch.device, tensors: Sequence[torch.Tensor], generator: Any, states: Any
) -> Any:
    """The operator of a step on the tensors of its node's inputs, recorded where autograd is on."""
    recorded = torch.is_grad_enabled()
    extra: dict[str, Any] = {}
    for name in step.extra:
        if name == "training":
            extra[name] = training
        elif name == "generator":
            extra[name] = generator
        elif name == "device":
            extra[name] = device
        elif name == "state":
            extra[name] = {} if states is None else states.setdefault(step.state_key, {})
        elif name == "subgraphs":
            extra[name] = step.bind_subgraphs(recorded, training, device)
    arranged = step.op.arrange(tensors, step.node.input_names)
    return (step.recorded if recorded else step.function)(*arranged, **extra)


def remove_dead(lowered: LoweredProgram) -> LoweredProgram:
    """Leave out instructions whose results nothing uses; what draws random numbers or changes an input stays."""
    needed = {value for value in lowered.gradients.values() if value is not None}
    needed.update(lowered.outputs)
    storages = {lowered.storage_of[value] for value in needed}
    kept: list[Instruction] = []
    num_forward = 0
    for number in range(len(lowered.instructions) - 1, -1, -1):
        instruction = lowered.instructions[number]
        used = (
            instruction.call.random or any(value in needed for value in instruction.made)
            or any(s in storages or lowered.storages[s].kind == "input" for s in instruction.writes)
        )  # fmt: skip
        if used:
            needed.update(instruction.reads)
            storages.update([lowered.storage_of[value] for value in instruction.reads])
            kept.append(instruction)
            num_forward += number < lowered.num_forward
    lowered.instructions = kept[::-1]
    lowered.num_forward = num_forward
    return lowered


def store_gradients(lowered: LoweredProgram, names: Collection[str], updates: bool) -> LoweredProgram:
    """Hand over gradients of these variables, each right after the instruction that completes it, or that last reads
    its variable."""
    made: dict[int, int] = {}
    for number, instruction in enumerate(lowered.instructions):
        made.update(dict.fromkeys(instruction.made, number))
    after: dict[int, list[Instruction]] = {}
    for name, value in list(lowered.gradients.items()):
        if name not in names or value is None or made.get(value, -1) < lowered.num_forward:
            continue  # nothing to hand over, or a gradient from outside
        origin = lowered.instructions[made[value]]
        store = Instruction(StoreCall(len(lowered.stored)), (value,), (), (), origin.label, origin.node)
        after.setdefault(made[value], []).append(store)
        lowered.stored.append(name)
        del lowered.gradients[name]
    _insert(lowered, after)
    lowered.updates = updates
    update_after_last_reads(lowered)
    return lowered


def update_after_last_reads(lowered: LoweredProgram) -> None:
    """Where what takes a gradient changes its variable, hand it over only when nothing reads the variable any more."""
    if not lowered.updates:
        return
    last_read: dict[int, int] = {}
    for number, instruction in enumerate(lowered.instructions):
        last_read.update((lowered.storage_of[read], number) for read in instruction.reads)
    after: dict[int, list[Instruction]] = {}
    for number, instruction in enumerate(lowered.instructions):
        if isinstance(instruction.call, StoreCall):
            variable = lowered.inputs[lowered.stored[instruction.call.position]]
            place = last_read.get(lowered.storage_of[variable], -1)
            if place > number:
                after.setdefault(place, []).append(instruction)
    if after:
        moved = {id(store) for stores in after.values() for store in stores}
        _insert(lowered, after, moved)


def _insert(lowered: LoweredProgram, after: Mapping[int, Sequence[Instruction]], without: Collection[int] = ()) -> None:
    """Put instructions behind others, by number, and leave out those with these identities."""
    lowered.instructions = [
        item for number, instruction in enumerate(lowered.instructions)
        for item in (*(() if id(instruction) in without else (instruction,)), *after.get(number, ()))
    ]  # fmt: skip
