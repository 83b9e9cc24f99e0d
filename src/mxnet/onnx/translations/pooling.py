"""Pooling over windows, over whole images, and to a given size."""

from __future__ import annotations

import math

import torch

from ...ops.convolution import is_channel_last
from ...ops.pooling import Windows, _plan, _sum
from ..builder import Array, Builder, product
from ..translate import translates
from .convolution import channels_back, channels_first


def _padded(onnx: Builder, data: Array, left: tuple[int, ...], right: tuple[int, ...], value: float) -> Array:
    """data with more around its spatial axes."""
    if not any(left) and not any(right):
        return data
    pads = onnx.ints(0, 0, *left, 0, 0, *right)
    grown = (s if s == -1 else a + s + b for s, a, b in zip(data.sizes[2:], left, right, strict=True))
    sizes = (*data.sizes[:2], *grown)
    return onnx.op("Pad", data, pads, onnx.number(value, data), mode="constant", sizes=sizes)


def _windows(
    onnx: Builder, op_type: str, data: Array, windows: Windows, filling: float, **attributes: int
) -> Array:
    """MaxPool or AveragePool of exactly these windows."""
    kernel, stride, left, right, _, _ = windows
    after = tuple(max(r, 0) for r in right)  # a negative one cuts off what no window reaches
    if any(r >= k for r, k in zip(after, kernel, strict=True)):  # ONNX wants pads less than a window
        data, left, after = _padded(onnx, data, left, after, filling), (0,) * len(kernel), (0,) * len(kernel)
    return onnx.op(
        op_type, data, kernel_shape=list(kernel), strides=list(stride), pads=[*left, *after], **attributes
    )


def _mean(onnx: Builder, data: Array, windows: Windows, count_pad: bool) -> Array:
    kernel, stride, left, right, _, _ = windows
    if count_pad and all(r <= p for r, p in zip(right, left, strict=True)):
        return _windows(onnx, "AveragePool", data, windows, 0, count_include_pad=1)
    inside = torch.ones((1, 1, *data.shape[2:]))
    if count_pad:  # what lies beyond the pads on both sides never counts
        widths = [width for side in reversed(left) for width in (side, side)]
        inside = torch.nn.functional.pad(inside, widths, value=1)
        beyond = tuple(max(r - p, 0) for p, r in zip(left, right, strict=True))
        counts = _sum(inside, (kernel, stride, (0,) * len(left), beyond, False, False))
    else:
        counts = _sum(inside, (kernel, stride, left, tuple(max(r, 0) for r in right), False, False))
    mean = _windows(onnx, "AveragePool", data, windows, 0, count_include_pad=1)
    return onnx.op("Mul", mean, onnx.constant(product(kernel) / counts.clamp(min=1), data.dtype))


def _total(onnx: Builder, data: Array, windows: Windows) -> Array:
    mean = _windows(onnx, "AveragePool", data, windows, 0, count_include_pad=1)
    return onnx.op("Mul", mean, onnx.number(product(windows[0]), data))


def _root(onnx: Builder, total: Array, p_value: int) -> Array:
    if p_value == 1:
        return total
    if p_value == 2:
        return onnx.op("Sqrt", total)
    size = onnx.op("Pow", onnx.op("Abs", total), onnx.number(1 / 3, total))
    return onnx.op("Mul", onnx.op("Sign", total), size)


def _power(onnx: Builder, data: Array, p_value: int) -> Array:
    result = data
    for _ in range(p_value - 1):
        result = onnx.op("Mul", result, data, sizes=data.sizes)
    return result


def _pool_whole(onnx: Builder, data: Array, pool_type: str, p_value: int | None) -> Array:
    axes = range(2, data.ndim)
    if pool_type == "max":
        return onnx.op("GlobalMaxPool", data)
    if pool_type == "avg":
        return onnx.op("GlobalAveragePool", data)
    if pool_type == "sum":
        return onnx.reduce("Sum", data, axes, True)
    assert p_value is not None
    return _root(onnx, onnx.reduce("Sum", _power(onnx, data, p_value), axes, True), p_value)


def _pool(
    onnx: Builder, data: Array, kernel: tuple[int, ...], pool_type: str, global_pool: bool, convention: str,
    stride: tuple[int, ...], pad: tuple[int, ...], p_value: int | None, count_pad: bool,
) -> Array:  # fmt: skip
    if global_pool:
        return _pool_whole(onnx, data, pool_type, p_value)
    axes = data.ndim - 2
    if convention == "valid" and pool_type in ("max", "avg") and -1 in data.sizes:  # sizes may stay open
        flat = (0,) * axes
        windows: Windows = (kernel, stride or (1,) * axes, pad or flat, pad or flat, True, False)
    else:
        windows = _plan("Pooling", data.shape[2:] if -1 in data.sizes[2:] else data.sizes[2:], kernel, stride, pad,
                        convention)  # fmt: skip
    if pool_type == "max":
        return _windows(onnx, "MaxPool", data, windows, float(torch.finfo(getattr(torch, data.dtype)).min))
    if pool_type == "avg":
        if not count_pad and all(r < k for r, k in zip(windows[3], windows[0], strict=True)):
            return _windows(onnx, "AveragePool", data, windows, 0, count_include_pad=0)
        return _mean(onnx, data, windows, count_pad)
    if pool_type == "sum":
        return _total(onnx, data, windows)
    assert p_value is not None
    return _root(onnx, _total(onnx, _power(onnx, data, p_value), windows), p_value)


@translates("Pooling")
def _(
    onnx, data, *, kernel, pool_type, global_pool, cudnn_off, pooling_convention, stride, pad, p_value,
    count_include_pad, layout,
):  # fmt: skip
    last = is_channel_last(layout)
    out = _pool(
        onnx, channels_first(onnx, data, last), kernel, pool_type, global_pool, pooling_convention, stride, pad,
        p_value, count_include_pad is not False,
    )  # fmt: skip
    return channels_back(onnx, out, last, data.ndim)


@translates("Pooling_v1")
def _(onnx, data, *, kernel, pool_type, global_pool, pooling_convention, stride, pad):
    if pool_type == "max" and any(pad) and not global_pool:
        data, pad = _padded(onnx, data, pad, pad, 0), ()
    return _pool(onnx, data, kernel, pool_type, global_pool, pooling_convention, stride, pad, None, True)


@translates("_contrib_AdaptiveAvgPooling2D")
def _(onnx, data, *, output_size):
    size = output_size * 2 if len(output_size) == 1 else output_size or (1, 1)
    if size == (1, 1):
        return onnx.op("GlobalAveragePool", data)
    height, width = (
        onnx.constant(_averages(old, new), data.dtype) for old, new in zip(data.shape[2:], size, strict=True)
    )
    return onnx.op("MatMul", onnx.op("MatMul", height, data), onnx.transpose(width, (1, 0)))


def _averages(old: int, new: int) -> torch.Tensor:
    """The matrix (new, old) that averages over windows covering an axis."""
    matrix = torch.zeros(new, old)
    for row in range(new):
        begin, end = row * old // new, math.ceil((row + 1) * old / new)
        matrix[row, begin:end] = 1 / (end - begin)
    return matrix
