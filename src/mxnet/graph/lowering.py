"""From a graph of operators to one flat program of torch's own operations, forward and backward together.

The graph is run once on tensors that have shapes but no storage, under torch's autograd, and every operation that
torch would dispatch is written down: which values it reads, which it makes, which share storage. Nothing is computed,
so this takes the time of dispatching alone, for networks of any size. The flat program runs the same kernels in the
same order as the imperative network and therefore gives the same bits.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_unflatten

from ..base import MXNetError
from ..ops.dtypes import torch_dtype
from .graph import Node
from .program import Program

_PROPERTIES = ("prim.device", "aten.sym_size", "aten.is_same_size", "aten.detach.", "aten.alias.")


class LoweredValue:
    """A tensor of the flat program: its layout, and the storage that it is a window on."""

    __slots__ = ("dtype", "index", "shape", "storage", "stride")

    def __init__(self, index: int, tensor: Tensor, storage: int):
        self.index = index
        self.shape = tuple(tensor.shape)
        self.stride = tuple(tensor.stride())
        self.dtype = tensor.dtype
        self.storage = storage


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

    leaves    its flattened arguments; a tensor is the index of a value at one of `slots`
    slots     positions in leaves that hold values
    outputs   indices of the values it returns, None for results that are not tensors
    label     the node of the graph it belongs to
    writes    storages that it changes in place
    """

    __slots__ = ("function", "label", "leaves", "outputs", "slots", "spec", "writes")

    def __init__(self, function: Any, leaves: list[Any], slots: tuple[int, ...], spec: Any, label: str):
        self.function = function
        self.leaves = leaves
        self.slots = slots
        self.spec = spec
        self.label = label
        self.outputs: tuple[int | None, ...] = ()
        self.writes: tuple[int, ...] = ()

    @property
    def reads(self) -> tuple[int, ...]:
        """The values among the arguments."""
        return tuple(self.leaves[slot] for slot in self.slots)

    def run(self, values: list[Any]) -> None:
        """Call the operation on tensors by index, and enter what it returns."""
        leaves = list(self.leaves)
        for slot in self.slots:
            leaves[slot] = values[leaves[slot]]
        args, kwargs = tree_unflatten(leaves, self.spec)
        result = self.function(*args, **kwargs)
        for index, item in zip(self.outputs, result if isinstance(result, tuple | list) else (result,), strict=True):
            if index is not None:
                values[index] = item

    @property
    def name(self) -> str:
        """torch's name of the operation, such as "aten.relu.default"."""
        return str(self.function)


class LoweredProgram:
    """A training step, or a forward pass, as a list of torch operations.

    instructions  in order; the first `num_forward` are the forward pass
    values        every tensor, by index
    storages      every block of memory, by index
    inputs        variable name -> value
    head_grads    the values of the gradients of the outputs
    outputs       the values of the outputs
    gradients     variable name -> value of its gradient, None if nothing depends on it
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.num_forward = 0
        self.values: list[LoweredValue] = []
        self.storages: list[Storage] = []
        self.inputs: dict[str, int] = {}
        self.head_grads: list[int] = []
        self.outputs: list[int] = []
        self.gradients: dict[str, int | None] = {}

    def storage_of(self, value: int) -> int:
        """The storage that a value is a window on."""
        return self.values[value].storage


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down the operations that run while it is active."""

    def __init__(self, program: LoweredProgram) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.program = program
        self.label = ""
        self._running = ""  # the label of the operation being entered
        self._labelled = 0
        self._sequence: list[tuple[int, str]] = []
        self._values: dict[int, int] = {}
        self._storages: dict[Any, int] = {}
        self._alive: list[Any] = []

    def value_of(self, tensor: Tensor, kind: str = "result") -> int:
        """The index of a tensor, entered if it is new."""
        known = self._values.get(id(tensor))
        if known is not None:
            return known
        storage = tensor.untyped_storage()
        number = self._storages.get(storage._cdata)
        if number is None:
            number = self._storages[storage._cdata] = len(self.program.storages)
            self.program.storages.append(Storage(storage.nbytes(), kind, self._running))
        index = len(self.program.values)
        self.program.values.append(LoweredValue(index, tensor, number))
        self._values[id(tensor)] = index
        self._alive += (tensor, storage)
        return index

    def same_value(self, tensor: Tensor, original: int) -> None:
        """Note that a tensor is another handle on a value."""
        self._values[id(tensor)] = original
        self._alive.append(tensor)

    def finish_node(self, node: Node, name: str, tensor: Tensor) -> None:
        """Label what was written down since the last node finished; a monitor of `Program.run`."""
        for instruction in self.program.instructions[self._labelled :]:
            instruction.label = node.name
            for output in instruction.outputs:
                if output is not None:
                    self.program.storages[self.program.values[output].storage].label = node.name
        self._labelled = len(self.program.instructions)
        self._sequence.append((torch.autograd._get_sequence_nr(), node.name))  # type: ignore[attr-defined]

    def _current_label(self) -> str:
        """The node whose gradient is being computed, from the number that autograd gave its operation."""
        running: Any = torch._C._current_autograd_node()
        if running is None:
            return self.label
        position = bisect.bisect_left(self._sequence, (running._sequence_nr() + 1, ""))
        return self._sequence[min(position, len(self._sequence) - 1)][1] + " backward"

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = str(func)
        if name.startswith(_PROPERTIES):
            if isinstance(result, Tensor):
                self.same_value(result, self.value_of(args[0]))
            return result
        self._running = label = self._current_label() if self.label == "backward" else self.label
        leaves, spec = tree_flatten((args, kwargs))
        slots = tuple(position for position, leaf in enumerate(leaves) if isinstance(leaf, Tensor))
        instruction = Instruction(
            func, [self.value_of(leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves], slots, spec, label
        )
        written = _written_arguments(func, args, kwargs)
        instruction.writes = tuple(self.program.values[self.value_of(t)].storage for t in written)
        outputs = result if isinstance(result, tuple | list) else (result,)
        instruction.outputs = tuple(self.value_of(t) if isinstance(t, Tensor) else None for t in outputs)
        self.program.instructions.append(instruction)
        return result


def _written_arguments(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The tensors among the arguments that an operation changes, by its schema."""
    found = []
    for position, argument in enumerate(func._schema.arguments):
        if argument.alias_info is None or not argument.alias_info.is_write:
            continue
        given = args[position] if position < len(args) else kwargs.get(argument.name)
        found += [item for item in (given if isinstance(given, tuple | list) else (given,)) if isinstance(item, Tensor)]
    return found


def lower(
    program: Program, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], *, training: bool,
    wanted: Sequence[str] = (),
) -> LoweredProgram:  # fmt: skip
    """The flat program for a graph.

    Args:
        program: the graph, made ready to run.
        shapes, dtypes: of every variable, by name.
        training: whether operators run in training mode.
        wanted: the variables whose gradients are asked for; none gives a forward pass alone.
    Raises: MXNetError if an operator can't run without values.
    """
    lowered = LoweredProgram()
    device = torch.device("cpu")
    try:
        with FakeTensorMode(), torch.set_grad_enabled(bool(wanted)):
            tensors = {
                name: torch.empty(shapes[name], dtype=torch_dtype(dtypes[name]), device=device)
                for name in program.variables
            }
            leaves = {name: tensors[name].detach().requires_grad_() for name in wanted}
            recorder = _Recorder(lowered)
            for name, tensor in tensors.items():
                lowered.inputs[name] = recorder.value_of(tensor, "input")
                if name in leaves:
                    recorder.same_value(leaves[name], lowered.inputs[name])
            with recorder:
                outputs = program.run(
                    [leaves.get(name, tensors[name]) for name in program.variables], training=training, device=device,
                    differentiate=bool(wanted), monitor=recorder.finish_node,
                )  # fmt: skip
            lowered.outputs = [recorder.value_of(output) for output in outputs]
            lowered.num_forward = len(lowered.instructions)
            if wanted:
                _lower_backward(lowered, recorder, outputs, leaves)
    except MXNetError:
        raise
    except (RuntimeError, TypeError, ValueError, NotImplementedError, AssertionError) as error:
        raise MXNetError(f"the graph can't be planned: {error}") from error
    return lowered


def _lower_backward(
    lowered: LoweredProgram, recorder: _Recorder, outputs: Sequence[Tensor], leaves: Mapping[str, Tensor]
) -> None:
    heads = [torch.empty_like(output) for output in outputs]
    recorder._running = "gradient of an output"
    lowered.head_grads = [recorder.value_of(head, "input") for head in heads]
    pairs = [(output, head) for output, head in zip(outputs, heads, strict=True) if output.requires_grad]
    lowered.gradients = dict.fromkeys(leaves)
    if not pairs:
        return
    recorder.label = "backward"
    with recorder:
        gradients = torch.autograd.grad(
            [output for output, _ in pairs], list(leaves.values()), [head for _, head in pairs], allow_unused=True
        )
    for name, gradient in zip(leaves, gradients, strict=True):
        if gradient is not None:
            lowered.gradients[name] = recorder.value_of(gradient)

