"""Operators on batches of sequences of different lengths."""

from __future__ import annotations

import numpy as np

from ..builder import Array, Builder
from ..translate import translates


def _steps(onnx: Builder, data: Array, axis: int) -> Array:
    """The numbers of the time steps, (T, 1) or (1, T)."""
    return onnx.constant(np.expand_dims(np.arange(data.shape[axis]), 1 - axis), "int64")


@translates("SequenceMask")
def _(onnx, data, sequence_length=None, *, use_sequence_length, value, axis):
    if sequence_length is None:
        return data
    lengths = onnx.cast(sequence_length, "float32")  # they need not be whole
    steps = onnx.cast(_steps(onnx, data, axis), "float32")
    beyond = onnx.op("GreaterOrEqual", steps, onnx.unsqueeze(lengths, axis), dtype="bool")
    if data.ndim > 2:
        beyond = onnx.op("Unsqueeze", beyond, onnx.ints(*range(2, data.ndim)))
    return onnx.op("Where", beyond, onnx.number(value, data), data, dtype=data.dtype)


@translates("SequenceLast")
def _(onnx, data, sequence_length=None, *, use_sequence_length, axis):
    if sequence_length is None:
        return onnx.op("Gather", data, onnx.constant(data.shape[axis] - 1, "int64"), axis=axis)
    last = onnx.op("Sub", onnx.whole(sequence_length), onnx.constant(1, "int64"), sizes=sequence_length.sizes)
    last = onnx.clip(last, 0, data.shape[axis] - 1)
    rows = data if axis == 1 else onnx.transpose(data, (1, 0, *range(2, data.ndim)))
    return onnx.op("GatherND", rows, onnx.unsqueeze(last, 1), batch_dims=1)


@translates("SequenceReverse")
def _(onnx, data, sequence_length=None, *, use_sequence_length, axis):
    if sequence_length is None:
        return onnx.slice(data, [-1], [-(2**31)], [0], [-1])
    return onnx.op("ReverseSequence", data, onnx.clip(onnx.whole(sequence_length), 1, data.shape[0]), time_axis=0,
                   batch_axis=1)  # fmt: skip
