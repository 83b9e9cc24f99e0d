"""A flat program as Python functions."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .lowering import Instruction, LoweredProgram
from .templates import Names
from .unused_heads import without_heads

_CAUGHT = (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError, AssertionError)
_CHUNK = 2000  # instructions in one Python function


class CompiledProgram:
    """A flat program made ready to run: a forward and a backward pass on a list of tensors by value.

    A value leaves the list after its last use, so that its memory is free for what follows.

    num_values  the length of that list
    inputs, head_positions, outputs, gradients, stored  as of the flat program
    head_grads  value and layout of each gradient of an output that comes from outside
    has_backward  whether it is a training step
    inputs_for_backward, outputs_for_backward  positions of those that the backward pass reads
    """

    def __init__(self, lowered: LoweredProgram):
        self.num_values = len(lowered.layouts)
        self.inputs = list(lowered.inputs.values())
        self.head_positions = list(lowered.head_positions)
        self.outputs = list(lowered.outputs)
        self.gradients = dict(lowered.gradients)
        self.stored = list(lowered.stored)
        self.has_backward = bool(lowered.gradients or lowered.stored)
        storage_of = lowered.storage_of
        back = {storage_of[value] for i in lowered.instructions[lowered.num_forward :] for value in i.reads}
        self.inputs_for_backward = [i for i, value in enumerate(self.inputs) if storage_of[value] in back]
        self.outputs_for_backward = [i for i, value in enumerate(self.outputs) if storage_of[value] in back]
        dead = _dead_after(lowered)
        self._forward = _functions(lowered.instructions[: lowered.num_forward], dead[: lowered.num_forward])
        self._lowered = lowered
        self._backward = _Backward(lowered, dead)
        self.head_grads = self._backward.head_grads
        self._partial: dict[tuple[int, ...], _Backward] = {}  # by the positions of outputs that are not used

    def start(self, inputs: Sequence[Tensor]) -> list[Any]:
        """The list of values for one run, on tensors in the order of the program's inputs."""
        values: list[Any] = [None] * self.num_values
        for index, tensor in zip(self.inputs, inputs, strict=True):
            values[index] = tensor
        return values

    def forward(self, values: list[Any], generator: Any, states: Any) -> list[Tensor]:
        """Run the forward pass.

        Returns: the outputs.
        Raises: MXNetError naming the node that failed.
        """
        _run(self._forward, values, generator, states, (), ())
        return [values[index] for index in self.outputs]

    def backward(
        self, values: list[Any], head_grads: Sequence[Tensor | None], generator: Any,
        stores: Sequence[Callable[[Tensor], None]] = (), targets: Sequence[Tensor] = (),
    ) -> dict[str, Tensor | None]:  # fmt: skip
        """Run the backward pass, once for each forward pass: it uses up what that kept.

        Args:
            head_grads: for each of head_positions; None for an output that is not used.
            stores: what takes each gradient that the program hands over.
            targets: the arrays that take them, for those that the program writes there itself.
        Returns: the other gradients by name; None where nothing depends on an input.
        Raises: NotSeparable, before anything is run, if there is no backward pass for the used outputs alone.
        """
        unused = tuple(
            position for position, head in zip(self.head_positions, head_grads, strict=True) if head is None
        )  # fmt: skip
        backward = self._backward
        if unused:
            found = self._partial.get(unused)
            if found is None:
                program = without_heads(self._lowered, unused)
                found = self._partial[unused] = _Backward(program, _dead_after(program))
            backward = found
            backward.forget_rest(values)
        given = [tensor for tensor in head_grads if tensor is not None]
        for (index, layout), tensor in zip(backward.head_grads, given, strict=True):
            if layout is not None and tensor.stride() != layout.stride:
                head = torch.empty_strided(layout.shape, layout.stride, dtype=layout.dtype, device=tensor.device)
                tensor = head.copy_(tensor)
            values[index] = tensor
        _run(backward.functions, values, generator, None, stores, targets)
        return {name: None if index is None else values[index] for name, index in backward.gradients.items()}


class _Backward:
    """The backward pass of a flat program made ready to run.

    head_grads  value and layout of each gradient of an output
    gradients   as of the flat program
    """

    def __init__(self, lowered: LoweredProgram, dead: Sequence[Sequence[int]]):
        instructions = lowered.instructions[lowered.num_forward :]
        self.head_grads = [(index, lowered.layouts[index]) for index in lowered.head_grads]
        self.gradients = dict(lowered.gradients)
        self.functions = _functions(instructions, dead[lowered.num_forward :])
        needed = {value for instruction in instructions for value in (*instruction.reads, instruction.replays)}
        needed.update(self.gradients.values())
        self._rest = [value for value in range(len(lowered.layouts)) if value not in needed]

    def forget_rest(self, values: list[Any]) -> None:
        """Let go of what the forward pass kept for a longer backward pass."""
        for value in self._rest:
            values[value] = None


def _dead_after(lowered: LoweredProgram) -> list[list[int]]:
    """For each instruction the values that nothing uses after it."""
    dead: list[list[int]] = [[] for _ in lowered.instructions]
    seen = {*lowered.results()}
    for number in range(len(lowered.instructions) - 1, -1, -1):
        instruction = lowered.instructions[number]
        for value in (*instruction.reads, *instruction.made):
            if value not in seen:
                seen.add(value)
                dead[number].append(value)
    return dead


def _functions(
    instructions: Sequence[Instruction], dead: Sequence[Sequence[int]]
) -> list[tuple[Any, dict[int, Instruction]]]:
    """Functions of (values, generator, states, stores, targets) that together run instructions, and what each of
    their lines runs."""
    made = []
    for begin in range(0, len(instructions), _CHUNK):
        names = Names()
        lines = ["def run(v, generator, states, stores, targets):"]
        places: dict[int, Instruction] = {}
        for instruction, over in zip(
            instructions[begin : begin + _CHUNK], dead[begin : begin + _CHUNK], strict=True
        ):  # fmt: skip
            source = instruction.call.source([f"v[{value}]" for value in instruction.reads], names)
            targets = ["_" if value is None else f"v[{value}]" for value in instruction.outputs] or ["_"]
            if instruction.keeps is not None:
                lines.append(f"    v[{instruction.keeps}] = generator.get_state()")
            if instruction.replays is not None:
                lines.append("    state = generator.get_state()")
                lines.append(f"    generator.set_state(v[{instruction.replays}])")
            lines.append(f"    {', '.join(targets)}{',' * instruction.call.unpacks} = {source}")
            places[len(lines)] = instruction
            if instruction.replays is not None:
                lines.append("    generator.set_state(state)")
            if over:
                lines.append(f"    {' = '.join(f'v[{value}]' for value in over)} = None")
        variables = {"__builtins__": builtins, **names.objects}
        made.append((FunctionType(_code("\n".join(lines)).replace(), variables), places))
    return made


@lru_cache(maxsize=64)
def _code(text: str) -> CodeType:
    """The code of the function that a text defines: programs that differ in sizes alone share it.

    Copies are run: CPython notes in it how the globals of a function lie.
    """
    return next(item for item in compile(text, "<plan>", "exec").co_consts if isinstance(item, CodeType))


def _run(
    functions: Sequence[tuple[Any, dict[int, Instruction]]], values: Any, generator: Any, states: Any, stores: Any,
    targets: Any,
) -> None:  # fmt: skip
    if torch.is_grad_enabled():
        with torch.no_grad():
            _run(functions, values, generator, states, stores, targets)
        return
    for function, places in functions:
        try:
            function(values, generator, states, stores, targets)
        except MXNetError as error:
            instruction = _failed(error, function, places)
            if instruction is None or instruction.label in str(error):
                raise
            raise type(error)(f"Error in operator {instruction.label}: {error}") from error
        except _CAUGHT as error:
            instruction = _failed(error, function, places)
            if instruction is None:
                raise
            given = ", ".join(
                f"{values[index].dtype}{tuple(values[index].shape)}" for index in instruction.reads
                if isinstance(values[index], Tensor)
            )  # fmt: skip
            message = str(error).strip().split("\nException raised from")[0].rstrip(".")
            raise MXNetError(
                f"Error in operator {instruction.label}: {instruction.name}: {message}. Given: {given}."
            ) from error


def _failed(error: BaseException, function: Any, places: dict[int, Instruction]) -> Instruction | None:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code is not function.__code__:
        trace = trace.tb_next
    return None if trace is None else places.get(trace.tb_lineno)
