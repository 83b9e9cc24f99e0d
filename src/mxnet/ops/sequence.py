"""Operators on batches of sequences of different lengths.

Axes: T time, B batch. data is (T, B, ...), or (B, T, ...) with axis=1; sequence_length is (B,), whole numbers of any
dtype, counted only with use_sequence_length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .inference import share_dtype, unify
from .registry import Operator, PartialShape, operator


def _check(name: str, data: Tensor, length: Tensor | None, used: bool, axis: int, axes: Shape = (0, 1)) -> None:
    if axis not in axes or data.ndim < 2:
        raise MXNetError(
            f"{name}: axis is {axis}, data has shape {tuple(data.shape)}; expected two axes or more, axis in {axes}."
        )
    batch = data.shape[1 - axis]
    if (length is None) is used or (length is not None and length.shape != (batch,)):
        given = "missing" if length is None else f"an array of shape {tuple(length.shape)}"
        raise MXNetError(
            f"{name}: sequence_length is {given}; expected ({batch},) with use_sequence_length, and none without."
        )


def _steps(data: Tensor, axis: int) -> Tensor:
    """The numbers of the time steps, (T, 1) or (1, T)."""
    return torch.arange(data.shape[axis], device=data.device).unsqueeze(1 - axis)


def _expand(value: Tensor, data: Tensor) -> Tensor:
    return value.view(*value.shape, *(1,) * (data.ndim - 2))


@operator("SequenceMask", reuses_input={0: 0})
def sequence_mask(
    data: Tensor, sequence_length: Tensor | None = None, *, use_sequence_length: bool = False, value: float = 0.0,
    axis: int = 0,
) -> Tensor:  # fmt: skip
    """Set everything beyond the end of each sequence to value.

    Raises: MXNetError if axis isn't 0 or 1, or sequence_length doesn't fit.
    """
    _check("SequenceMask", data, sequence_length, use_sequence_length, axis)
    if sequence_length is None:
        return data.clone()
    beyond = _steps(data, axis) >= sequence_length.long().unsqueeze(axis)
    return torch.where(_expand(beyond, data), data.new_full((), value), data)  # masked_fill is far slower on a CPU


@operator("SequenceLast")
def sequence_last(
    data: Tensor, sequence_length: Tensor | None = None, *, use_sequence_length: bool = False, axis: int = 0
) -> Tensor:
    """The last element of each sequence: (B, ...).

    Raises: MXNetError if axis isn't 0 or 1, or sequence_length doesn't fit.
    """
    _check("SequenceLast", data, sequence_length, use_sequence_length, axis)
    if sequence_length is None:
        return data.select(axis, -1).clone()
    last = (sequence_length.long() - 1).clamp(0, data.shape[axis] - 1)
    batch = torch.arange(last.shape[0], device=data.device)
    return data[last, batch] if axis == 0 else data[batch, last]


@operator("SequenceReverse")
def sequence_reverse(
    data: Tensor, sequence_length: Tensor | None = None, *, use_sequence_length: bool = False, axis: int = 0
) -> Tensor:
    """Turn each sequence round; what is beyond its end stays where it is.

    Raises: MXNetError if axis isn't 0, or sequence_length doesn't fit.
    """
    _check("SequenceReverse", data, sequence_length, use_sequence_length, axis, (0,))
    if sequence_length is None:
        return data.flip(0)
    steps, lengths = _steps(data, 0), sequence_length.long()
    source = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return data[source, torch.arange(data.shape[1], device=data.device)]


def _declare(op: Operator, keeps_time: bool) -> None:
    @op.list_inputs
    def _(*, use_sequence_length: bool, **_: Any) -> tuple[str, ...]:
        return ("data", "sequence_length") if use_sequence_length else ("data",)

    @op.infer_arguments
    def _(data: Shape, *, axis: int, **_: Any) -> dict[str, PartialShape]:
        return {"sequence_length": (data[1 - axis],) if axis in (0, 1) and len(data) > 1 else None}

    op.infer_dtype(share_dtype(0, fixed={1: "float32"}))
    if keeps_time:

        @op.infer_shape
        def _(inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any) -> Any:
            shape = unify(inputs[0], outputs[0])
            return [shape, *inputs[1:]], [shape]


_declare(sequence_mask, True)
_declare(sequence_last, False)
_declare(sequence_reverse, True)
