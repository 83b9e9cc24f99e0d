"""The backward pass of a flat program when some outputs are not used: they contribute nothing, rather than zeros."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

import torch
from torch import Tensor

from .lowering import Instruction, LoweredProgram, remove_dead
from .templates import Call, Place, StoreCall

aten = torch.ops.aten
_SUMS = (aten.add.Tensor, aten.add_.Tensor, aten.add.out)
_ZEROS = (aten.new_zeros.default, aten.zeros_like.default, aten.zeros.default)


class NotSeparable(Exception):
    """What unused outputs would contribute can't be told from the rest; the message says where."""


class _Gradient(Enum):
    """A value that depends on gradients of outputs: on those of used ones, or on those of unused ones alone."""

    THERE = 1
    NOTHING = 2


def without_heads(lowered: LoweredProgram, unused: Iterable[int]) -> LoweredProgram:
    """The program whose backward pass follows the other outputs only, as autograd does; its forward pass is the same.

    A backward pass is linear in the gradients of outputs. What depends on those of unused outputs alone is zero, and is
    left out: zero times infinity would be NaN, and a gradient that is zero is not one that nothing asked for. Where
    such a gradient is added to another, the other remains; where it is a part of something larger, zeros are put.

    Args:
        unused: positions of outputs, as in head_positions.
    Returns: a program without these head gradients; gradients that depend on no other are None.
    Raises: NotSeparable.
    """
    return _Separation(lowered, frozenset(unused)).done


class _Separation:
    def __init__(self, lowered: LoweredProgram, unused: frozenset[int]):
        self.lowered = lowered
        self.kept: list[Instruction] = []
        self.state: dict[int, _Gradient] = {}
        self.zeros: set[int] = set()  # values that hold zeros, and nothing else was written to
        self.on_storage: dict[int, list[int]] = {}  # storage -> its values so far
        heads = list(zip(lowered.head_positions, lowered.head_grads, strict=True))
        for position, head in heads:
            self._note(head, _Gradient.NOTHING if position in unused else _Gradient.THERE)
        for instruction in lowered.instructions[lowered.num_forward :]:
            self._take(instruction)
        done = lowered.copy()
        done.head_positions = [position for position, _ in heads if position not in unused]
        done.head_grads = [head for position, head in heads if position not in unused]
        done.instructions = [*lowered.instructions[: lowered.num_forward], *self.kept]
        for name, value in lowered.gradients.items():
            if value is not None and value not in self.state:
                raise NotSeparable(f"the gradient of {name} depends on no gradient of an output")
            if value is not None and self.state[value] is _Gradient.NOTHING:
                done.gradients[name] = None
        self.done = remove_dead(done)
        self._check()

    def _note(self, value: int, state: _Gradient | None) -> None:
        self.on_storage.setdefault(self.lowered.storage_of[value], []).append(value)
        if state is None:
            self.state.pop(value, None)
        else:
            self.state[value] = state

    def _take(self, instruction: Instruction) -> None:
        there = [v for v in instruction.reads if self.state.get(v) is _Gradient.THERE]
        nothing = [v for v in instruction.reads if self.state.get(v) is _Gradient.NOTHING]
        others = len(set(instruction.reads)) - len(set(there)) - len(set(nothing))
        if instruction.call.function in _SUMS and others == 1 and (there or nothing):
            raise NotSeparable(f"{instruction.label}: a gradient and something else are added")
        if isinstance(instruction.call, StoreCall) and not there and not nothing:
            raise NotSeparable(f"{instruction.label}: a gradient depends on no gradient of an output")
        if not there and not nothing:
            self._keep(instruction, None)
            views = len(instruction.reads) == 1 and instruction.reads[0] in self.zeros and not instruction.writes
            if instruction.call.function in _ZEROS or (views and self._shares(instruction)):
                self.zeros.update(instruction.made)
        elif not there:
            self._leave_out(instruction)
        elif not nothing:
            self._keep(instruction, _Gradient.THERE)
        elif any(self._is_changed(value, instruction) for value in nothing):
            raise NotSeparable(f"{instruction.label}: written to a part of something")
        elif instruction.call.function in _SUMS and _is_plain_sum(instruction):
            (other,) = there
            if instruction.made != (other,):  # else it is added to in place, and stays as it is
                copy = Call(aten.clone.default, (Place(0),), {})
                self._keep(instruction.replaced(call=copy, reads=(other,), writes=()), _Gradient.THERE)
        else:
            for value in dict.fromkeys(nothing):
                layout = self.lowered.layouts[value]
                if layout is None:
                    raise NotSeparable(instruction.label)
                call = Call(_zeros_beside, (Place(0), layout.shape, layout.stride, layout.dtype), {})
                fill = instruction.replaced(call=call, reads=(there[0],), outputs=(value,), writes=())
                self._keep(fill, _Gradient.THERE)
            self._keep(instruction, _Gradient.THERE)

    def _shares(self, instruction: Instruction) -> bool:
        storage_of = self.lowered.storage_of
        return all(storage_of[value] == storage_of[instruction.reads[0]] for value in instruction.made)

    def _keep(self, instruction: Instruction, state: _Gradient | None) -> None:
        self.kept.append(instruction)
        for value in instruction.made:
            self._note(value, state)
        if state is not None:
            for storage in instruction.writes:
                for value in self.on_storage.get(storage, ()):
                    self.state[value] = state

    def _leave_out(self, instruction: Instruction) -> None:
        """What an instruction makes from unused gradients alone is zero."""
        for value in instruction.reads:  # a part of something larger stays zero; its other parts may come
            if self._is_changed(value, instruction) and value not in self.state and value not in self.zeros:
                raise NotSeparable(f"{instruction.label}: written to something that isn't zero")
        for value in instruction.made:
            if value not in self.zeros:
                self._note(value, _Gradient.NOTHING)

    def _is_changed(self, value: int, instruction: Instruction) -> bool:
        """Whether a value goes on after an instruction that changes its storage, rather than ends with it."""
        ends = bool(instruction.made) and value not in instruction.made
        return self.lowered.storage_of[value] in instruction.writes and not ends

    def _check(self) -> None:
        """Whatever is read has been made."""
        done = self.done
        made = {*done.inputs.values(), *done.head_grads}
        for instruction in self.lowered.instructions[: self.lowered.num_forward]:
            made.update(instruction.made)
        for instruction in done.instructions[done.num_forward :]:
            if not made.issuperset(instruction.reads):
                raise NotSeparable(instruction.label)
            made.update(instruction.made)


def _is_plain_sum(instruction: Instruction) -> bool:
    """Whether it is the sum of two tensors as they are, and nothing more."""
    call = instruction.call
    places = [item for item in call.args if isinstance(item, Place)]
    return len(places) == len(call.args) == 2 and places[0].number != places[1].number and set(call.kwargs) <= {"out"}


def _zeros_beside(other: Tensor, shape: Sequence[int], stride: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Zeros on the device of another tensor."""
    return torch.empty_strided(shape, stride, dtype=dtype, device=other.device).zero_()
