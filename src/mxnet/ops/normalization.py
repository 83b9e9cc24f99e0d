"""Normalisation over the batch, layers, groups, instances, and of lengths and neighbourhoods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .inference import normalize_axis, replace_dim, unify
from .registry import PartialShape, operator

ShapeRule = Callable[..., tuple[list[PartialShape], list[PartialShape]]]
_MANY = 1 << 15  # elements from which on BatchNorm in training takes the moments by rows
_WIDE = {"float16": "float32", "bfloat16": "float32"}


def _axis(op: str, axis: int, ndim: int) -> int:
    return normalize_axis(axis, ndim, op)


def _check_parameters(op: str, data: Tensor, expected: int, **parameters: Tensor) -> None:
    for name, parameter in parameters.items():
        if parameter.shape != (expected,):
            raise MXNetError(
                f"{op}: {name} has shape {tuple(parameter.shape)}; expected ({expected},) for data of shape "
                f"{tuple(data.shape)}."
            )


# Batch normalisation


_WORTH_ROWS = 16  # from so many elements in each row on, moments by rows are the faster ones


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel of x (batch, channels, ...)."""
    rows = x.shape[0] * x.shape[1]
    if rows == 0 or x.numel() < rows * _WORTH_ROWS or not x.is_contiguous():
        mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)
        return mean, variance
    # torch computes the moments of a channel number by number on a CPU, those of a group in vectors: so those of each
    # (sample, channel) are computed, and put together.
    size = x.numel() // rows
    _, means, inverse_stds = torch.native_group_norm(x, None, None, x.shape[0], x.shape[1], size, x.shape[1], 0.0)
    mean = means.mean(0)
    return mean, inverse_stds.pow_(-2).add_((means - mean).square_()).mean(0)


class _TrainingBatchNorm(torch.autograd.Function):
    """(x, scale, offset, eps) -> result, mean, 1 / sqrt(var + eps), var.

    The moments and the normalisation are operations of their own: a plan may repeat the second, which is cheap,
    without the first.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, offset: Tensor, eps: float) -> tuple[Tensor, ...]:
        mean, variance = _moments(x)
        inverse_std = torch.rsqrt(variance + eps)
        out = torch.native_batch_norm(x, scale, offset, mean, variance, False, 0.0, eps)[0]
        ctx.save_for_backward(x, scale, mean, inverse_std)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, inverse_std, variance)
        ctx.set_materialize_grads(False)
        return out, mean, inverse_std, variance

    @staticmethod
    def backward(ctx: Any, head_grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
        if head_grad is None:
            return None, None, None, None
        x, scale, mean, inverse_std = ctx.saved_tensors
        needed = list(ctx.needs_input_grad[:3])
        return *torch.ops.aten.native_batch_norm_backward(
            head_grad, x, scale, None, None, mean, inverse_std, True, ctx.eps, needed
        ), None  # fmt: skip


def _normalize_batch(
    op: str, data: Tensor, gamma: Tensor, beta: Tensor, moving_mean: Tensor, moving_var: Tensor, eps: float,
    momentum: float, fix_gamma: bool, use_global_stats: bool, axis: int, training: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """(result, mean, 1 / sqrt(var + eps)) of the batch; the moving statistics in their places where those are used."""
    axis = _axis(op, axis, data.ndim)
    _check_parameters(
        op, data, data.shape[axis], gamma=gamma, beta=beta, moving_mean=moving_mean, moving_var=moving_var
    )
    x = data if axis == 1 else data.movedim(axis, 1) if axis else data.transpose(0, 1)
    scale = torch.fill(gamma, 1.0) if fix_gamma else gamma  # one, with a gradient that is zero
    if x.numel() == 0:  # torch's backward of nothing divides by zero
        shape = (1, -1, *(1,) * (x.ndim - 2))
        out = x * scale.view(shape) + beta.view(shape)
        mean, inverse_std = moving_mean, moving_var
    elif training and not use_global_stats:
        if x.device.type == "cpu" and x.dtype is gamma.dtype and x.numel() >= _MANY:
            out, mean, inverse_std, variance = _TrainingBatchNorm.apply(x, scale, beta, eps)  # type: ignore[no-untyped-call]
        else:  # small data are quicker so, on a GPU one kernel does all; float16 data has float32 parameters
            out, mean, inverse_std = torch.native_batch_norm(x, scale, beta, None, None, True, 0.0, eps)
            variance = inverse_std.pow(-2).sub_(eps).clamp_(min=0)
        if out.requires_grad:  # MXNet updates in the backward pass, which never gets here where nothing has a gradient
            moving_mean.lerp_(mean, 1 - momentum)
            moving_var.lerp_(variance, 1 - momentum)
    else:
        out = torch.native_batch_norm(x, scale, beta, moving_mean, moving_var, False, 0.0, eps)[0]
        mean, inverse_std = moving_mean, moving_var
    if axis != 1:
        out = out.movedim(1, axis) if axis else out.transpose(0, 1)
    return out, mean, inverse_std


_BATCH_NORM_DOC = """
    In training mode, and unless use_global_stats, the mean and the (biased) variance are those of the batch. If a
    gradient is to follow, for which data, gamma or beta needs one, the moving ones are then updated:
    ``moving = momentum * moving + (1 - momentum) * batch``. In other modes the moving ones are used.

    Args:
        data: (batch, channels, ...) or with the channels at axis.
        gamma, beta: (channels,), the factor and the offset; float32 with float16 data.
        moving_mean, moving_var: (channels,), updated in place in training mode.
        eps: added to the variance.
        fix_gamma: take gamma as one, and give it the gradient zero; its values are left alone.
        output_mean_var: show the second and third output as well.
"""


@operator(
    "BatchNorm",
    num_outputs=3,
    num_visible_outputs=lambda output_mean_var, **_: 3 if output_mean_var else 1,
    output_names=("output", "mean", "var"),
    mutates=("moving_mean", "moving_var"),
    variable_init={"moving_mean": "zero", "moving_var": "one"},
)
def batch_norm(
    data: Tensor, gamma: Tensor, beta: Tensor, moving_mean: Tensor, moving_var: Tensor, *,
    eps: float = 0.0010000000474974513, momentum: float = 0.9, fix_gamma: bool = True, use_global_stats: bool = False,
    output_mean_var: bool = False, axis: int = 1, cudnn_off: bool = False, min_calib_range: float | None = None,
    max_calib_range: float | None = None, training: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Normalise each channel: ``(data - mean) / sqrt(var + eps) * gamma + beta``.
    {doc}
        axis: which axis of data has the channels.
        cudnn_off, min_calib_range, max_calib_range: no meaning here, accepted for compatibility.
    Returns: the result, and with output_mean_var the mean and ``1 / sqrt(var + eps)`` of each channel.
    """
    out, mean, inverse_std = _normalize_batch(
        "BatchNorm", data, gamma, beta, moving_mean, moving_var, eps, momentum, fix_gamma, use_global_stats, axis,
        training,
    )  # fmt: skip
    if output_mean_var and mean is moving_mean:
        return out, moving_mean.clone(), (moving_var + eps).rsqrt()
    return out, mean, inverse_std


def _with_variance(
    results: tuple[Tensor, Tensor, Tensor], moving_mean: Tensor, eps: float, visible: bool
) -> tuple[Tensor, Tensor, Tensor]:
    out, mean, inverse_std = results
    if not visible:
        return results
    if mean is moving_mean:
        return out, mean.clone(), inverse_std.clone()
    return out, mean, inverse_std.pow(-2).sub_(eps).clamp_(min=0)


@operator(
    "BatchNorm_v1",
    num_outputs=3,
    num_visible_outputs=lambda output_mean_var, **_: 3 if output_mean_var else 1,
    output_names=("output", "mean", "var"),
    mutates=("moving_mean", "moving_var"),
    variable_init={"moving_mean": "zero", "moving_var": "one"},
)
def batch_norm_v1(
    data: Tensor, gamma: Tensor, beta: Tensor, moving_mean: Tensor, moving_var: Tensor, *, eps: float = 0.001,
    momentum: float = 0.9, fix_gamma: bool = True, use_global_stats: bool = False, output_mean_var: bool = False,
    training: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The first version of BatchNorm, kept for old models: channels at axis 1.
    {doc}
    Returns: the result, and with output_mean_var the mean and the variance of each channel.
    """
    results = _normalize_batch(
        "BatchNorm_v1", data, gamma, beta, moving_mean, moving_var, eps, momentum, fix_gamma, use_global_stats, 1,
        training,
    )  # fmt: skip
    return _with_variance(results, moving_mean, eps, output_mean_var)


@operator(
    "_contrib_SyncBatchNorm",
    num_outputs=3,
    num_visible_outputs=lambda output_mean_var, **_: 3 if output_mean_var else 1,
    output_names=("output", "mean", "var"),
    mutates=("moving_mean", "moving_var"),
    variable_init={"moving_mean": "zero", "moving_var": "one"},
)
def sync_batch_norm(
    data: Tensor, gamma: Tensor, beta: Tensor, moving_mean: Tensor, moving_var: Tensor, *, eps: float = 0.001,
    momentum: float = 0.9, fix_gamma: bool = True, use_global_stats: bool = False, output_mean_var: bool = False,
    ndev: int = 1, key: str, training: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """BatchNorm with statistics over the batches of all devices; channels at axis 1.
    {doc}
        ndev: the number of devices; only 1 is supported.
        key: names what is synchronised; no meaning on one device.
    Returns: the result, and with output_mean_var the mean and the variance of each channel.
    Raises: MXNetError if ndev isn't 1.
    """
    if ndev != 1:
        raise MXNetError(f"_contrib_SyncBatchNorm: ndev={ndev} is not supported yet; use one device and ndev=1.")
    results = _normalize_batch(
        "_contrib_SyncBatchNorm", data, gamma, beta, moving_mean, moving_var, eps, momentum, fix_gamma,
        use_global_stats, 1, training,
    )  # fmt: skip
    return _with_variance(results, moving_mean, eps, output_mean_var)


def _channel_shapes(data: Shape, *, axis: int = 1, **_: Any) -> dict[str, PartialShape]:
    size = (data[_axis("BatchNorm", axis, len(data))],)
    return {"gamma": size, "beta": size, "moving_mean": size, "moving_var": size}


def _batch_norm_dtypes(
    inputs: Sequence[str | None], outputs: Sequence[str | None], **_: Any
) -> tuple[list[str | None], list[str | None]]:
    data = inputs[0] or outputs[0]
    given = next((dtype for dtype in inputs[1:] if dtype), None)
    parameter = given if data is None else _WIDE.get(data, data)
    if data is None and given not in (None, "float32"):
        data = given
    return [data, *[parameter] * 4], [data, parameter, parameter]


def _same_as_data(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    """A shape rule: the first output has the shape of data."""
    shape = unify(inputs[0], outputs[0])
    return [shape, *inputs[1:]], [shape, *outputs[1:]]


def _batch_norm_shapes(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, axis: int = 1, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    """The result has the shape of data, mean and variance that of the channels."""
    shape = unify(inputs[0], outputs[0])
    channels = None if shape is None else (shape[_axis("BatchNorm", axis, len(shape))],)
    return [shape, *inputs[1:]], [shape, channels, channels]


for _op in (batch_norm, batch_norm_v1, sync_batch_norm):
    _op.infer_arguments(_channel_shapes)
    _op.infer_dtype(_batch_norm_dtypes)
    _op.infer_shape(_batch_norm_shapes)
    _op.function.__doc__ = (_op.function.__doc__ or "").replace("    {doc}\n", _BATCH_NORM_DOC)


# Layer, group and instance normalisation


@operator(
    "LayerNorm",
    num_outputs=3,
    num_visible_outputs=lambda output_mean_var, **_: 3 if output_mean_var else 1,
    output_names=("output", "mean", "std"),
)
def layer_norm(
    data: Tensor, gamma: Tensor, beta: Tensor, *, axis: int = -1, eps: float = 1e-5, output_mean_var: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise along one axis: ``(data - mean) / sqrt(var + eps) * gamma + beta``.

    Args:
        data: any shape.
        gamma, beta: (data.shape[axis],), dtype of data.
        output_mean_var: show the second and third output as well.
    Returns: the result, and with output_mean_var the mean and ``sqrt(var + eps)``, of size 1 along axis.
    Raises: MXNetError if there is no such axis, or a parameter has another shape.
    """
    axis = _axis("LayerNorm", axis, data.ndim)
    size = data.shape[axis]
    _check_parameters("LayerNorm", data, size, gamma=gamma, beta=beta)
    last = axis == data.ndim - 1
    out, mean, inverse_std = torch.native_layer_norm(data if last else data.movedim(axis, -1), [size], gamma, beta, eps)
    if not last:
        out, mean, inverse_std = out.movedim(-1, axis), mean.movedim(-1, axis), inverse_std.movedim(-1, axis)
    if output_mean_var:
        return out, mean.detach().to(data.dtype), inverse_std.detach().reciprocal().to(data.dtype)
    return out, mean, inverse_std


@layer_norm.infer_arguments
def _(data: Shape, *, axis: int, **_: Any) -> dict[str, PartialShape]:
    size = (data[_axis("LayerNorm", axis, len(data))],)
    return {"gamma": size, "beta": size}


@operator(
    "GroupNorm",
    num_outputs=3,
    num_visible_outputs=lambda output_mean_var, **_: 3 if output_mean_var else 1,
    output_names=("output", "mean", "std"),
)
def group_norm(
    data: Tensor, gamma: Tensor, beta: Tensor, *, num_groups: int = 1, eps: float = 1e-5, output_mean_var: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise each group of channels: ``(data - mean) / sqrt(var + eps) * gamma + beta``.

    Args:
        data: (batch, channels, *spatial) with at least one spatial axis.
        gamma, beta: (num_groups,), dtype of data.
        num_groups: divides channels.
        output_mean_var: show the second and third output as well.
    Returns: the result, and with output_mean_var the mean and ``sqrt(var + eps)``, (batch, num_groups).
    Raises: MXNetError if shapes and num_groups don't fit one another.
    """
    if data.ndim < 3 or num_groups < 1 or data.shape[1] % num_groups:
        raise MXNetError(
            f"GroupNorm: data has shape {tuple(data.shape)}; expected at least 3 axes, and channels (the second one) "
            f"that are a multiple of num_groups={num_groups}."
        )
    _check_parameters("GroupNorm", data, num_groups, gamma=gamma, beta=beta)
    batch, channels = data.shape[:2]
    repeat = channels // num_groups
    out, mean, inverse_std = torch.native_group_norm(
        data.contiguous(), gamma.repeat_interleave(repeat), beta.repeat_interleave(repeat), batch, channels,
        prod(data.shape[2:]), num_groups, eps,
    )  # fmt: skip
    if output_mean_var:
        return out, mean.detach().to(data.dtype), inverse_std.detach().reciprocal().to(data.dtype)
    return out, mean, inverse_std


@group_norm.infer_arguments
def _(data: Shape, *, num_groups: int, **_: Any) -> dict[str, PartialShape]:
    return {"gamma": (num_groups,), "beta": (num_groups,)}


@operator("InstanceNorm")
def instance_norm(data: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 0.001) -> Tensor:
    """Normalise each channel of each sample: ``(data - mean) / sqrt(var + eps) * gamma + beta``.

    Args:
        data: (batch, channels, *spatial) with at least one spatial axis.
        gamma, beta: (channels,).
    Raises: MXNetError if data has fewer than three axes, or a parameter has another shape.
    """
    if data.ndim < 3:
        raise MXNetError(f"InstanceNorm: data has shape {tuple(data.shape)}; expected at least 3 axes.")
    _check_parameters("InstanceNorm", data, data.shape[1], gamma=gamma, beta=beta)
    return torch.group_norm(data, data.shape[1], gamma, beta, eps)


@instance_norm.infer_arguments
def _(data: Shape, **_: Any) -> dict[str, PartialShape]:
    return {"gamma": (data[1],), "beta": (data[1],)}




instance_norm.infer_shape(_same_as_data)


@layer_norm.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, axis: int, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    shape = unify(inputs[0], outputs[0])
    moments = None if shape is None else replace_dim(shape, _axis("LayerNorm", axis, len(shape)), 1)
    return [shape, *inputs[1:]], [shape, moments, moments]


@group_norm.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, num_groups: int, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    shape = unify(inputs[0], outputs[0])
    moments = None if shape is None else (shape[0], num_groups)
    return [shape, *inputs[1:]], [shape, moments, moments]


# Lengths and neighbourhoods


@operator("L2Normalization", elementwise=True)
def l2_normalization(
    data: Tensor, *, eps: float = 1e-10, mode: Literal["channel", "instance", "spatial"] = "instance"
) -> Tensor:
    """Divide by the Euclidean length: ``data / sqrt(sum(data ** 2) + eps)``.

    Args:
        data: (batch, channels, *spatial).
        mode: what the sum is over: "instance", everything but the batch; "channel", axis 1; "spatial", axes 2 and on.
    Raises: MXNetError if data has fewer than three axes, unless mode is "instance".
    """
    if mode != "instance" and data.ndim < 3:
        raise MXNetError(f"L2Normalization: data has shape {tuple(data.shape)}; mode {mode!r} needs at least 3 axes.")
    first = 1 if mode != "spatial" else 2
    axes = (1,) if mode == "channel" else tuple(range(first, data.ndim))
    total = data.square().sum(axes, keepdim=True) if axes else data.square()
    return data / (total + eps).sqrt()


@operator("LRN", elementwise=True)
def lrn(data: Tensor, *, alpha: float = 1e-4, beta: float = 0.75, knorm: float = 2.0, nsize: int) -> Tensor:
    """Local response normalisation: ``data / (knorm + alpha / nsize * sum(data ** 2)) ** beta``.

    The sum is over nsize neighbouring channels (one less if nsize is even), zeros beyond the first and the last.

    Args:
        data: (batch, channels, height, width), float32 or float64.
        nsize: at least 1.
    Raises: MXNetError if data hasn't four axes, or has another dtype.
    """
    if data.ndim != 4:
        raise MXNetError(f"LRN: data has shape {tuple(data.shape)}; expected (batch, channels, height, width).")
    if nsize < 1:
        raise MXNetError(f"LRN: nsize is {nsize}; expected a number of channels, 1 or more.")
    if data.dtype not in (torch.float32, torch.float64):
        raise MXNetError(f"LRN: data has dtype {data.dtype}; expected float32 or float64, as in MXNet. Cast it first.")
    width = (nsize - 1) // 2 * 2 + 1
    result: Tensor = _LocalResponseNorm.apply(data, width, alpha / nsize, beta, knorm)  # type: ignore[no-untyped-call]
    return result


class _LocalResponseNorm(torch.autograd.Function):
    """(data, number of channels in a sum, factor, exponent, offset) -> result; keeps data alone for its gradient."""

    @staticmethod
    def forward(ctx: Any, data: Tensor, width: int, alpha: float, beta: float, knorm: float) -> Tensor:
        ctx.save_for_backward(data)
        ctx.options = width, alpha, beta, knorm
        return _sum_over_channels(data * data, width).mul_(alpha).add_(knorm).pow_(-beta).mul_(data)

    @staticmethod
    def backward(ctx: Any, head_grad: Tensor) -> tuple[Tensor | None, ...]:
        (data,) = ctx.saved_tensors
        width, alpha, beta, knorm = ctx.options
        scale = _sum_over_channels(data * data, width) * alpha + knorm
        power = scale.pow(-beta)
        inner = head_grad * data * power / scale
        gradient = head_grad * power - _sum_over_channels(inner, width) * data * (2 * alpha * beta)
        return gradient, None, None, None, None


def _sum_over_channels(data: Tensor, width: int) -> Tensor:
    """For each channel the sum over `width` channels around it, zeros beyond the first and the last."""
    channels, half = data.shape[1], width // 2
    total = data.clone()
    for distance in range(1, min(half, channels - 1) + 1):
        total[:, distance:] += data[:, :-distance]
        total[:, :-distance] += data[:, distance:]
    return total
