"""Normalisation over the batch, layers, groups, instances, and of lengths and neighbourhoods."""

from __future__ import annotations

import torch

from ..builder import Array, Builder
from ..translate import translates


def _batch_norm(
    onnx: Builder, data: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float, fix_gamma: bool,
    axis: int,
) -> Array:  # fmt: skip
    if fix_gamma:
        gamma = onnx.constant(torch.ones(gamma.shape), gamma.dtype)
    axis %= data.ndim
    x = onnx.cast(data, gamma.dtype)  # float16 has float32 parameters
    x = onnx.move_axis(x, axis, 1) if axis != 1 else x
    out = onnx.op("BatchNormalization", x, gamma, beta, mean, var, epsilon=eps, sizes=x.sizes)
    out = onnx.move_axis(out, 1, axis) if axis != 1 else out
    return onnx.cast(out, data.dtype)


@translates("BatchNorm")
def _(onnx, data, gamma, beta, moving_mean, moving_var, *, eps, fix_gamma, output_mean_var, axis, **_):
    out = _batch_norm(onnx, data, gamma, beta, moving_mean, moving_var, eps, fix_gamma, axis)
    return [out, moving_mean, _inverse_std(onnx, moving_var, eps)] if output_mean_var else [out]


@translates("_contrib_BatchNormWithReLU")
def _(onnx, data, gamma, beta, moving_mean, moving_var, *, eps, fix_gamma, output_mean_var, axis, **_):
    out = _batch_norm(onnx, data, gamma, beta, moving_mean, moving_var, eps, fix_gamma, axis)
    out = onnx.op("Relu", out)
    return [out, moving_mean, _inverse_std(onnx, moving_var, eps)] if output_mean_var else [out]


@translates("BatchNorm_v1", "_contrib_SyncBatchNorm")
def _(onnx, data, gamma, beta, moving_mean, moving_var, *, eps, fix_gamma, **_):
    out = _batch_norm(onnx, data, gamma, beta, moving_mean, moving_var, eps, fix_gamma, 1)
    return out, moving_mean, moving_var


def _inverse_std(onnx: Builder, var: Array, eps: float) -> Array:
    return onnx.op("Reciprocal", onnx.op("Sqrt", onnx.op("Add", var, onnx.number(eps, var))))


@translates("LayerNorm")
def _(onnx, data, gamma, beta, *, axis, eps, output_mean_var):
    axis %= data.ndim
    last = axis == data.ndim - 1
    out = onnx.op(
        "LayerNormalization", data if last else onnx.move_axis(data, axis, -1), gamma, beta, axis=-1, epsilon=eps,
        sizes=data.sizes if last else onnx.move_axis(data, axis, -1).sizes,
    )  # fmt: skip
    out = out if last else onnx.move_axis(out, -1, axis)
    return [out, *_statistics(onnx, data, [axis], eps)] if output_mean_var else [out]


def _statistics(onnx: Builder, data: Array, axes: list[int], eps: float, keepdims: bool = True) -> tuple[Array, Array]:
    """The mean and sqrt(var + eps) over axes."""
    mean = onnx.reduce("Mean", data, axes, True)
    distance = onnx.op("Sub", data, mean)
    var = onnx.reduce("Mean", onnx.op("Mul", distance, distance), axes, True)
    std = onnx.op("Sqrt", onnx.op("Add", var, onnx.number(eps, data)))
    return (mean, std) if keepdims else (onnx.squeeze(mean, *axes), onnx.squeeze(std, *axes))


@translates("GroupNorm")
def _(onnx, data, gamma, beta, *, num_groups, eps, output_mean_var):
    grouped = onnx.op("Reshape", data, onnx.ints(0, num_groups, -1), sizes=(data.sizes[0], num_groups, -1))
    out = onnx.op("InstanceNormalization", grouped, gamma, beta, epsilon=eps)
    out = onnx.op("Reshape", out, _shape_of(onnx, data))
    return [out, *_statistics(onnx, grouped, [2], eps, keepdims=False)] if output_mean_var else [out]


def _shape_of(onnx: Builder, data: Array) -> Array:
    """The shape, read at run time if a size is open."""
    if -1 in data.sizes:
        return onnx.op("Shape", data, dtype="int64")
    return onnx.ints(*data.sizes)


@translates("InstanceNorm")
def _(onnx, data, gamma, beta, *, eps):
    return onnx.op("InstanceNormalization", data, gamma, beta, epsilon=eps)


@translates("L2Normalization")
def _(onnx, data, *, eps, mode):
    axes = [1] if mode == "channel" else list(range(1 if mode == "instance" else 2, data.ndim))
    squares = onnx.op("Mul", data, data)
    total = onnx.reduce("Sum", squares, axes, True) if axes else squares
    return onnx.op("Div", data, onnx.op("Sqrt", onnx.op("Add", total, onnx.number(eps, data))))


@translates("LRN")
def _(onnx, data, *, alpha, beta, knorm, nsize):
    width = (nsize - 1) // 2 * 2 + 1
    alpha = alpha * width / nsize
    if knorm == int(knorm) or knorm < 0:
        return onnx.op("LRN", data, size=width, alpha=alpha, beta=beta, bias=knorm)
    out = onnx.op("LRN", data, size=width, alpha=alpha / knorm, beta=beta, bias=1.0)  # OpenVINO takes whole ones only
    return onnx.op("Mul", out, onnx.number(knorm**-beta, data))
