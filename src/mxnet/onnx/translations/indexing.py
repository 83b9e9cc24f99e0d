"""Operators that pick elements by arrays of indices, and that order them."""

from __future__ import annotations

import numpy as np

from ..builder import Array, Builder, Untranslatable
from ..translate import translates


def _bounded(onnx: Builder, index: Array, size: int, mode: str) -> Array:
    """Indices as int64 within an axis of this size."""
    if size == -1:
        raise Untranslatable("the size of the axis that is picked from must be known.")
    index = onnx.whole(index)
    if mode == "wrap":
        return onnx.op("Mod", index, onnx.constant(size, "int64"), sizes=index.sizes)
    if mode == "raise":
        raise Untranslatable("mode='raise' can't be expressed; use mode='clip'.")
    return onnx.clip(index, 0, size - 1)


@translates("take", when=lambda attrs: attrs["mode"] != "raise")
def _(onnx, a, indices, *, axis, mode):
    axis %= a.ndim
    return onnx.op("Gather", a, _bounded(onnx, indices, a.sizes[axis], mode), axis=axis)


@translates("Embedding")
def _(onnx, data, weight, *, input_dim, **_):
    return onnx.op("Gather", weight, _bounded(onnx, data, input_dim, "clip"), axis=0)


@translates("batch_take")
def _(onnx, a, indices):
    rows = onnx.reshape(a, (-1, a.shape[-1]))
    index = onnx.reshape(_bounded(onnx, indices, a.shape[-1], "clip"), (-1, 1))
    return onnx.reshape(onnx.op("GatherElements", rows, index, axis=1), onnx.out.shape)


@translates("pick", when=lambda attrs: attrs["axis"] is not None)
def _(onnx, data, index, *, axis, keepdims, mode):
    axis %= data.ndim
    index = _bounded(onnx, index, data.sizes[axis], mode)
    if index.ndim != data.ndim or index.sizes[axis] != 1:
        index = onnx.unsqueeze(index, axis)
    result = onnx.op("GatherElements", data, index, axis=axis, sizes=index.sizes)
    return result if keepdims or data.ndim == 1 else onnx.squeeze(result, axis)


@translates("one_hot")
def _(onnx, indices, *, depth, on_value, off_value, dtype):
    steps = onnx.constant(np.arange(depth), "int64")
    chosen = onnx.op("Equal", onnx.unsqueeze(onnx.whole(indices), -1), steps, dtype="bool")
    on, off = (onnx.number(value, onnx.out) for value in (on_value, off_value))
    return onnx.op("Where", chosen, on, off, dtype=dtype)


@translates("gather_nd")
def _(onnx, data, indices):
    index = onnx.whole(indices)
    if indices.sizes[0] == -1:
        raise Untranslatable("the number of coordinates must be known.")
    return onnx.op("GatherND", data, onnx.move_axis(index, 0, -1))


@translates("where")
def _(onnx, condition, x, y):
    chosen = onnx.truth(condition)
    if condition.ndim != x.ndim:  # chooses along the first axis
        chosen = onnx.unsqueeze(chosen, *range(1, x.ndim))
    return onnx.op("Where", chosen, x, y, dtype=x.dtype)


@translates("_onehot_encode")
def _(onnx, lhs, rhs):
    steps = onnx.constant(np.arange(rhs.shape[1]), "int64")
    return onnx.cast(onnx.op("Equal", onnx.unsqueeze(onnx.whole(lhs), 1), steps, dtype="bool"), rhs.dtype)


@translates("_slice_assign_scalar")
def _(onnx, data, *, scalar, begin, end, step):
    inside = np.zeros(data.shape, bool)
    inside[_region(begin, end, step)] = True
    return onnx.op("Where", onnx.constant(inside, "bool"), onnx.number(scalar, data), data, dtype=data.dtype)


@translates("_slice_assign")
def _(onnx, lhs, rhs, *, begin, end, step):
    places = np.moveaxis(np.indices(lhs.shape), 0, -1)[_region(begin, end, step)]
    return onnx.op("ScatterND", lhs, onnx.constant(places, "int64"), rhs)


def _region(begin: tuple, end: tuple, step: tuple) -> tuple[slice, ...]:
    return tuple(slice(*limits) for limits in zip(begin, end, step or (None,) * len(begin), strict=True))


# Order. Equal elements keep their order, as in our operators.


def _along(onnx: Builder, data: Array, axis: int | None) -> tuple[Array, int]:
    return (onnx.reshape(data, (-1,)), 0) if axis is None else (data, axis % data.ndim)


def _top(onnx: Builder, data: Array, axis: int, k: int, smallest: bool) -> list[Array]:
    values, indices = onnx.nodes_of("TopK", [data, onnx.ints(k)], 2, axis=axis, largest=int(not smallest), sorted=1)
    return [values, Array(indices.name, "int64")]


@translates("topk")
def _(onnx, data, *, axis, k, ret_typ, is_ascend, dtype):
    whole = data
    data, axis = _along(onnx, data, axis)
    size = int(np.prod(whole.shape)) if data.ndim == 1 else data.shape[axis]
    values, indices = _top(onnx, data, axis, k if 0 < k < size else size, is_ascend)
    if ret_typ == "value":
        return values
    if ret_typ == "mask":
        zeros = onnx.constant(np.zeros(whole.shape if data is whole else (size,)), data.dtype)
        ones = onnx.op("Add", onnx.op("Mul", values, onnx.number(0, data)), onnx.number(1, data))
        mask = onnx.op("ScatterElements", zeros, indices, ones, axis=axis)
        return mask if data is whole else onnx.op("Reshape", mask, onnx.ints(*whole.shape))
    indices = onnx.cast(indices, dtype)
    return [values, indices] if ret_typ == "both" else indices


@translates("sort")
def _(onnx, data, *, axis, is_ascend):
    size = int(np.prod(data.shape)) if axis is None else data.shape[axis]
    return _top(onnx, *_along(onnx, data, axis), size, is_ascend)[0]


@translates("argsort")
def _(onnx, data, *, axis, is_ascend, dtype):
    size = int(np.prod(data.shape)) if axis is None else data.shape[axis]
    return onnx.cast(_top(onnx, *_along(onnx, data, axis), size, is_ascend)[1], dtype)
