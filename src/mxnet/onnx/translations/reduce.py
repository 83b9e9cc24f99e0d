"""Reductions over axes: sums, products, extremes, norms, moments, and where extremes are."""

from __future__ import annotations

import numpy as np

from ...ops.dtypes import TORCH_DTYPES
from ..builder import Array, Builder, Untranslatable
from ..translate import translates


def _axes(data: Array, axis: tuple[int, ...] | None, exclude: bool = False) -> list[int]:
    if not axis:
        return list(range(data.ndim))
    found = {item % data.ndim for item in axis}
    return sorted(set(range(data.ndim)) - found if exclude else found)


def _with_axis(onnx: Builder, result: Array, data: Array, axes: list[int], keepdims: bool) -> Array:
    """Arrays have at least one axis."""
    return onnx.op("Reshape", result, onnx.ints(1)) if len(axes) == data.ndim and not keepdims else result


def _reduce(onnx: Builder, kind: str, data: Array, axes: list[int], keepdims: bool) -> Array:
    if not axes:
        return data
    wide = data
    if not data.is_floating:
        if kind == "Mean":
            raise Untranslatable(f"the mean of {data.dtype} is not translated; cast data to a floating dtype.")
        wide = onnx.cast(data, "int64")  # sums wrap around only at the end
    found = onnx.reduce(kind, wide, axes, keepdims)
    return _with_axis(onnx, onnx.cast(found, data.dtype), data, axes, keepdims)


def _define(name: str, kind: str, nan: float | None) -> None:
    @translates(name)
    def _(onnx: Builder, data: Array, *, axis, keepdims, exclude):
        if nan is not None and data.is_floating:  # what replaces it
            missing = onnx.op("IsNaN", data, dtype="bool")
            data = onnx.op("Where", missing, onnx.number(nan, data), data, dtype=data.dtype, sizes=data.sizes)
        return _reduce(onnx, kind, data, _axes(data, axis, exclude), keepdims)


for _name, _kind, _nan in (
    ("sum", "Sum", None), ("mean", "Mean", None), ("prod", "Prod", None), ("max", "Max", None), ("min", "Min", None),
    ("nansum", "Sum", 0.0), ("nanprod", "Prod", 1.0),
):  # fmt: skip
    _define(_name, _kind, _nan)


@translates("_square_sum")
def _(onnx, data, *, axis, keepdims, exclude):
    squares = onnx.op("Mul", data, data, sizes=data.sizes)
    return _reduce(onnx, "Sum", squares, _axes(data, axis, exclude), keepdims)


@translates("norm")
def _(onnx, data, *, ord, axis, out_dtype, keepdims):
    kind = out_dtype or data.dtype
    axes = _axes(data, axis)
    wide = onnx.cast(data, kind if TORCH_DTYPES[kind].is_floating_point else "float64")
    found = onnx.reduce(f"L{ord}", wide, axes, keepdims)
    return _with_axis(onnx, onnx.cast(found, kind), data, axes, keepdims)


def _position(op_type: str, onnx: Builder, data: Array, axis: int | None, keepdims: bool) -> Array:
    if axis is None:
        found = onnx.op(op_type, onnx.reshape(data, (-1,)), dtype="int64", axis=0, keepdims=1)
        if keepdims:
            found = onnx.op("Reshape", found, onnx.ints(*(1,) * data.ndim))
    else:
        found = onnx.op(op_type, data, dtype="int64", axis=axis % data.ndim, keepdims=int(keepdims))
        found = _with_axis(onnx, found, data, [axis], keepdims)
    return onnx.cast(found, data.dtype)


@translates("argmax")
def _(onnx, data, *, axis, keepdims):
    return _position("ArgMax", onnx, data, axis, keepdims)


@translates("argmin")
def _(onnx, data, *, axis, keepdims):
    return _position("ArgMin", onnx, data, axis, keepdims)


@translates("argmax_channel")
def _(onnx, data):
    return _position("ArgMax", onnx, data, 1, False)


@translates("moments")
def _(onnx, data, *, axes, keepdims):
    found = _axes(data, axes)
    mean = _reduce(onnx, "Mean", data, found, True)
    distance = onnx.op("Sub", data, mean)
    distance = onnx.op("Mul", distance, distance, sizes=data.sizes)
    return [_reduce(onnx, "Mean", data, found, keepdims), _reduce(onnx, "Mean", distance, found, keepdims)]


@translates("cumsum")
def _(onnx, a, *, axis, dtype):
    if axis is None:
        a, axis = onnx.reshape(a, (-1,)), 0
    wide = onnx.cast(a, onnx.out.dtype)
    return onnx.op("CumSum", wide, onnx.constant(np.array(axis), "int64"))
