"""Operators that join arrays, split them, repeat or extend them."""

from __future__ import annotations

import numpy as np

from ..builder import Untranslatable
from ..translate import translates


@translates("Concat", "_rnn_param_concat")
def _(onnx, *data, dim):
    return onnx.op("Concat", *data, axis=dim)


@translates("stack")
def _(onnx, *data, axis):
    return onnx.op("Concat", *(onnx.unsqueeze(item, axis) for item in data), axis=axis % (data[0].ndim + 1))


@translates("SliceChannel")
def _(onnx, data, *, num_outputs, axis, squeeze_axis):
    axis %= data.ndim
    if num_outputs == 1:
        parts = [data]
    elif data.sizes[axis] == -1:
        parts = onnx.nodes_of("Split", [data], num_outputs, axis=axis, num_outputs=num_outputs)
    else:
        sizes = onnx.ints(*[data.sizes[axis] // num_outputs] * num_outputs)
        parts = onnx.nodes_of("Split", [data, sizes], num_outputs, axis=axis)
    return [onnx.squeeze(part, axis) for part in parts] if squeeze_axis else parts


@translates("_split_v2")
def _(onnx, data, *, indices, axis, squeeze_axis, sections):
    axis %= data.ndim
    size = data.shape[axis]
    if sections > 0:
        sizes = [size // sections + (number < size % sections) for number in range(sections)]
    else:
        starts = (*indices, size)
        sizes = [end - begin for begin, end in zip(starts, starts[1:], strict=False)]
    parts = [data] if len(sizes) == 1 else onnx.nodes_of("Split", [data, onnx.ints(*sizes)], len(sizes), axis=axis)
    return [onnx.squeeze(part, axis) for part in parts] if squeeze_axis else parts


@translates("repeat")
def _(onnx, data, *, repeats, axis):
    if axis is None:
        data, axis = onnx.reshape(data, (-1,)), 0
    axis %= data.ndim
    size = onnx.out.shape[axis] // repeats
    return onnx.op("Gather", data, onnx.constant(np.arange(size).repeat(repeats), "int64"), axis=axis)


@translates("tile")
def _(onnx, data, *, reps):
    missing = len(reps) - data.ndim
    if missing > 0:
        data = onnx.unsqueeze(data, *range(missing))
    return onnx.op("Tile", data, onnx.ints(*(1,) * (data.ndim - len(reps)), *reps))


@translates("reverse")
def _(onnx, data, *, axis):
    count = len(axis)
    return onnx.slice(data, [-1] * count, [-(2**31)] * count, axis, [-1] * count)


@translates("Pad")
def _(onnx, data, *, mode, pad_width, constant_value):
    pads = onnx.ints(*pad_width[::2], *pad_width[1::2])
    value = onnx.number(constant_value, data) if mode == "constant" else None
    return onnx.op("Pad", data, pads, value, mode=mode)


@translates("diag")
def _(onnx, data, *, k, axis1, axis2):
    if data.ndim != 2 or (axis1 % 2, axis2 % 2) != (0, 1):
        raise Untranslatable(f"data has shape {data.sizes}; only the diagonals of a matrix are translated.")
    rows, columns = data.shape
    begin = k if k >= 0 else -k * columns
    places = begin + np.arange(onnx.out.shape[0]) * (columns + 1)
    return onnx.op("Gather", onnx.reshape(data, (rows * columns,)), onnx.constant(places, "int64"), axis=0)
