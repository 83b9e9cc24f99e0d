"""Operators that cut rectangular regions out of arrays."""

from __future__ import annotations

from ..translate import translates

_FAR = 2**31 - 1


@translates("slice")
def _(onnx, data, *, begin, end, step):
    steps = [1 if one is None else one for one in step] or [1] * len(begin)
    first = [(0 if one > 0 else _FAR) if at is None else at for at, one in zip(begin, steps, strict=True)]
    last = [(_FAR if one > 0 else -_FAR) if at is None else at for at, one in zip(end, steps, strict=True)]
    return onnx.slice(data, first, last, range(len(first)), steps)


@translates("slice_axis")
def _(onnx, data, *, axis, begin, end):
    return onnx.slice(data, [begin], [_FAR if end is None else end], [axis])


@translates("slice_like")
def _(onnx, data, shape_like, *, axes):
    chosen = [axis % data.ndim for axis in axes] or list(range(data.ndim))
    if all(shape_like.sizes[axis] != -1 for axis in axes or chosen):
        ends = [shape_like.sizes[axis] for axis in axes or chosen]
        return onnx.slice(data, [0] * len(chosen), ends, chosen)
    sizes = onnx.op("Shape", shape_like, dtype="int64")
    picked = onnx.op("Gather", sizes, onnx.ints(*(axes or chosen)), axis=0)
    return onnx.op("Slice", data, onnx.ints(*[0] * len(chosen)), picked, onnx.ints(*chosen))


@translates("Crop")
def _(onnx, *data, offset, h_w, center_crop):
    size = data[1].shape[2:] if len(data) == 2 else h_w
    room = [old - new for old, new in zip(data[0].shape[2:], size, strict=True)]
    start = [r // 2 for r in room] if center_crop else offset
    return onnx.slice(data[0], start, [a + b for a, b in zip(start, size, strict=True)], (2, 3))
