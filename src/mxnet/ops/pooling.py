"""Pooling over windows, over whole images, and to a given size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import pad as pad_with

from ..base import MXNetError
from .attributes import Shape
from .convolution import is_channel_last, share_batch
from .inference import unify
from .registry import PartialShape, operator

Layout = Literal["NCDHW", "NCHW", "NCW", "NDHWC", "NHWC", "NWC"]
_MAX = {1: torch.max_pool1d, 2: torch.max_pool2d, 3: torch.max_pool3d}
_nn = torch._C._nn
Windows = tuple[Shape, Shape, Shape, Shape, bool, bool]


@lru_cache(maxsize=4096)
def _plan(name: str, spatial: Shape, kernel: Shape, stride: Shape, pad: Shape, convention: str) -> Windows:
    """(kernel, stride, pad on the left, pad on the right so that windows fit, whether torch can do it, rounding up)."""
    axes = len(spatial)
    if len(kernel) != axes:
        raise MXNetError(f"{name}: kernel is {kernel}; expected {axes} sizes, because data has {axes} spatial axes.")
    for what, value in (("stride", stride), ("pad", pad)):
        if value and len(value) != axes and not (convention == "same" and what == "pad"):
            raise MXNetError(f"{name}: {what} is {value}; expected {axes} sizes, as kernel is {kernel}.")
    if convention == "same" and (axes != 1 or any(pad)):
        raise MXNetError(
            f"{name}: pooling_convention='same' is for data with one spatial axis and without pad; data has {axes} and "
            f"pad is {pad}. Pad the data first."
        )
    stride = stride or (1,) * axes
    pad = pad if any(pad) else (0,) * axes
    right = []
    for size, k, s, p in zip(spatial, kernel, stride, pad, strict=True):
        if k < 1 or s < 1 or not 0 <= p < k:
            raise MXNetError(f"{name}: kernel {kernel}, stride {stride}, pad {pad}: expected sizes >= 1, pad < kernel.")
        if k > size + 2 * p and convention != "same":
            raise MXNetError(f"{name}: kernel size {k} exceeds the input, {size} padded to {size + 2 * p}.")
        if convention == "same":
            count = -(-size // s)
        else:
            span = size + 2 * p - k
            count = (-(-span // s) if convention == "full" else span // s) + 1
        right.append((count - 1) * s + k - size - p)
    # torch wants pads of at most half a window, and with rounding up leaves out windows that start in the right pad
    rounding_up = convention != "valid"
    direct = all(2 * p <= k for p, k in zip(pad, kernel, strict=True))
    if rounding_up:
        direct &= convention == "full" and all(r < k for r, k in zip(right, kernel, strict=True))
    return kernel, stride, pad, tuple(right), direct, rounding_up


def _pad(data: Tensor, left: Shape, right: Shape, value: float) -> Tensor:
    sizes = [size for pair in zip(reversed(left), reversed(right), strict=True) for size in pair]
    return pad_with(data, sizes, value=value)


def _average(
    data: Tensor, kernel: Shape, stride: Shape, pad: Shape, ceil: bool, count_pad: bool, divisor: int | None = None
) -> Tensor:
    if len(kernel) == 3:
        return _nn.avg_pool3d(data, kernel, stride, pad, ceil, count_pad, divisor)
    if len(kernel) == 2:
        return _nn.avg_pool2d(data, kernel, stride, pad, ceil, count_pad, divisor)
    wide = data.unsqueeze(-2), (1, *kernel), (1, *stride), (0, *pad)
    return _nn.avg_pool2d(*wide, ceil, count_pad, divisor).squeeze(-2)


def _max(data: Tensor, windows: Windows) -> Tensor:
    kernel, stride, pad, right, direct, ceil = windows
    if direct:
        if _is_faster_with_channels_last(data):
            result: Tensor = _MaxPool2d.apply(data, kernel, stride, pad, ceil)  # type: ignore[no-untyped-call]
            return result
        return _MAX[len(kernel)](data, kernel, stride, pad, 1, ceil)
    lowest = (torch.finfo if data.is_floating_point() else torch.iinfo)(data.dtype).min
    return _MAX[len(kernel)](_pad(data, pad, right, lowest), kernel, stride)


_VECTORISED = (torch.float32, torch.float64)
_PARTS, _WORTH_PARTS = 8, 1 << 18  # a batch of more elements is pooled in so many parts


def _is_faster_with_channels_last(data: Tensor) -> bool:
    """Whether torch's pooling is several times faster on a copy with the channels last, which it vectorises over."""
    return (
        data.ndim == 4 and data.device.type == "cpu" and data.shape[1] >= 8 and data.dtype in _VECTORISED
        and data.is_contiguous() and data.numel() < 2**31
    )  # fmt: skip


class _MaxPool2d(torch.autograd.Function):
    """Maxima of windows of contiguous images: (data, kernel, stride, pad, rounding up) -> maxima.

    Works on copies with the channels last, part by part, so that they take little memory. What it keeps for the
    gradient are the positions of the maxima as int32: neither data nor torch's int64.
    """

    @staticmethod
    def forward(ctx: Any, data: Tensor, kernel: Shape, stride: Shape, pad: Shape, ceil: bool) -> Tensor:
        ctx.shape, ctx.options = data.shape, (kernel, stride, pad, (1, 1), ceil)
        parts = _parts(data)
        if len(parts) == 1:
            out, places = _max_with_places(data, ctx.options)
            out = out.contiguous()
            places = places.to(torch.int32, memory_format=torch.contiguous_format)
        else:
            first, first_places = _max_with_places(data[parts[0]], ctx.options)
            out = data.new_empty((data.shape[0], *first.shape[1:]))
            places = torch.empty(out.shape, dtype=torch.int32, device=data.device)
            out[parts[0]], places[parts[0]] = first, first_places
            del first, first_places
            for part in parts[1:]:
                out[part], places[part] = _max_with_places(data[part], ctx.options)
        ctx.save_for_backward(places)
        return out

    @staticmethod
    def backward(ctx: Any, head_grad: Tensor) -> tuple[Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        spread = torch.ops.aten.max_pool2d_with_indices_backward
        shaped = head_grad.new_empty(()).expand(ctx.shape)  # torch asks for data, and looks at its shape alone
        if torch.is_grad_enabled():
            return spread(head_grad, shaped, *ctx.options, places.long()), None, None, None, None
        head_grad = head_grad.contiguous()
        gradient = head_grad.new_empty(ctx.shape)
        for part in _parts(shaped):
            spread.grad_input(
                head_grad[part], shaped[part], *ctx.options, places[part].long(), grad_input=gradient[part]
            )
        return gradient, None, None, None, None


def _parts(data: Tensor) -> list[slice]:
    """The samples of a batch in parts."""
    batch = data.shape[0]
    step = -(-batch // _PARTS) if data.numel() > _WORTH_PARTS else batch
    return [slice(begin, min(begin + step, batch)) for begin in range(0, batch, step)] if batch else [slice(0, 0)]


def _max_with_places(data: Tensor, options: tuple[Any, ...]) -> tuple[Tensor, Tensor]:
    return _nn.max_pool2d_with_indices(data.contiguous(memory_format=torch.channels_last), *options)


def _sum(data: Tensor, windows: Windows) -> Tensor:
    kernel, stride, pad, right, direct, ceil = windows
    if direct:
        return _average(data, kernel, stride, pad, ceil, True, 1)
    return _average(_pad(data, pad, right, 0), kernel, stride, (0,) * len(kernel), False, True, 1)


def _mean(data: Tensor, windows: Windows, count_pad: bool) -> Tensor:
    kernel, stride, pad, right, direct, ceil = windows
    if direct:
        return _average(data, kernel, stride, pad, ceil, count_pad)
    ones = data.new_ones(data.shape[2:])[None, None]
    if count_pad:  # what lies beyond the pads on both sides never counts
        ones = _pad(ones, pad, tuple(min(p, r) for p, r in zip(pad, right, strict=True)), 1)
        right = tuple(max(r - p, 0) for p, r in zip(pad, right, strict=True))
        pad = (0,) * len(pad)
    counts = _sum(ones, (kernel, stride, pad, right, False, ceil))
    return _sum(data, windows) / counts.clamp(min=1)


def _pool(
    name: str, data: Tensor, kernel: Shape, pool_type: str, global_pool: bool, convention: str, stride: Shape,
    pad: Shape, p_value: int | None, count_include_pad: bool,
) -> Tensor:  # fmt: skip
    if not 3 <= data.ndim <= 5:
        raise MXNetError(f"{name}: data has shape {tuple(data.shape)}; expected batch, channel, 1 to 3 spatial axes.")
    spatial = tuple(data.shape[2:])
    if global_pool:
        if pool_type == "avg":
            return data.mean(tuple(range(2, data.ndim)), keepdim=True)
        kernel, stride, pad, convention = spatial, (1,) * len(spatial), (), "valid"
    windows = _plan(name, spatial, kernel, stride, pad, convention)
    if pool_type == "max":
        return _max(data, windows)
    if pool_type == "avg":
        return _mean(data, windows, count_include_pad)
    if pool_type == "sum":
        return _sum(data, windows)
    if p_value not in (1, 2, 3):
        raise MXNetError(f"{name}: p_value is {p_value}; expected 1, 2 or 3 with pool_type='lp'.")
    total = _sum(data if p_value == 1 else data.pow(p_value), windows)  # of signed powers, as in MXNet
    if p_value == 1:
        return total
    safe = torch.where(total == 0, 1, total)  # the gradient at 0 is 0
    root = safe.sqrt() if p_value == 2 else safe.abs().pow(1 / 3) * safe.sign()
    return torch.where(total == 0, total, root)


@operator("Pooling")
def pooling(
    data: Tensor, *, kernel: Shape = (), pool_type: Literal["avg", "lp", "max", "sum"] = "max",
    global_pool: bool = False, cudnn_off: bool = False,
    pooling_convention: Literal["full", "same", "valid"] = "valid", stride: Shape = (), pad: Shape = (),
    p_value: int | None = None, count_include_pad: bool | None = None, layout: Layout | None = None,
) -> Tensor:  # fmt: skip
    """The largest value, average, sum or p-norm of each window.

    Args:
        data: (batch, channels, *spatial) with one to three spatial axes, or with the channels last by layout.
        kernel: window size; not needed when global_pool.
        pool_type: max, avg, sum, or lp: the (signed) p_value-th root of the sum of p_value-th powers.
        global_pool: one window over all spatial axes; kernel, stride and pad are then ignored.
        pooling_convention: how many windows there are along an axis: "valid", (size + 2 * pad - kernel) // stride + 1;
            "full", the same rounded up; "same" (one spatial axis, no pad), size / stride rounded up.
        stride, pad: one size for each spatial axis; default 1 and 0; pad is less than kernel.
        p_value: 1, 2 or 3, for lp.
        count_include_pad: whether an average counts padded places; default True.
        layout: NCW, NCHW, NCDHW (the default for the number of axes), NWC, NHWC or NDHWC.
        cudnn_off: no meaning here, accepted for compatibility.
    Returns: (batch, channels, *windows), or with the channels last.
    Raises: MXNetError if shapes and attributes don't fit one another.
    """
    last = is_channel_last(layout)
    if layout is not None and len(layout) != data.ndim:
        raise MXNetError(f"Pooling: layout {layout} does not fit data of shape {tuple(data.shape)}.")
    out = _pool(
        "Pooling", data.movedim(-1, 1) if last else data, kernel, pool_type, global_pool, pooling_convention, stride,
        pad, p_value, count_include_pad is not False,
    )  # fmt: skip
    return out.movedim(1, -1) if last else out


@operator("Pooling_v1")
def pooling_v1(
    data: Tensor, *, kernel: Shape = (), pool_type: Literal["avg", "max", "sum"] = "max", global_pool: bool = False,
    pooling_convention: Literal["full", "valid"] = "valid", stride: Shape = (), pad: Shape = (),
) -> Tensor:  # fmt: skip
    """The first version of Pooling, kept for old models; the arguments are those of Pooling.

    Padded places are zeros for every pool_type, also for max.
    """
    if pool_type == "max" and any(pad) and not global_pool and len(pad) == data.ndim - 2:
        data, pad = _pad(data, pad, pad, 0), ()
    return _pool("Pooling_v1", data, kernel, pool_type, global_pool, pooling_convention, stride, pad, None, True)


@operator("_contrib_AdaptiveAvgPooling2D")
def adaptive_avg_pooling_2d(data: Tensor, *, output_size: Shape = ()) -> Tensor:
    """Averages over a grid of windows that cover the image, so that the result has a given size.

    Args:
        data: (batch, channels, height, width).
        output_size: (height, width) or (size,) of the result; default 1 x 1.
    Returns: (batch, channels, *output_size).
    """
    if data.ndim != 4 or len(output_size) > 2:
        raise MXNetError(
            f"_contrib_AdaptiveAvgPooling2D: data has shape {tuple(data.shape)} and output_size is {output_size}; "
            f"expected (batch, channels, height, width) and at most two sizes."
        )
    size = output_size * 2 if len(output_size) == 1 else output_size or (1, 1)
    out: Tensor = _nn.adaptive_avg_pool2d(data, size)
    return out


def _shapes(name: str) -> Any:
    def rule(
        inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, kernel: Shape, global_pool: bool,
        pooling_convention: str, stride: Shape, pad: Shape, layout: str | None = None, **_: Any,
    ) -> tuple[list[PartialShape], list[PartialShape]]:  # fmt: skip
        ins, outs = share_batch(inputs, outputs)
        data = ins[0]
        if data is None or not 3 <= len(data) <= 5:
            return ins, outs
        last = is_channel_last(layout)
        spatial = data[1:-1] if last else data[2:]
        if global_pool:
            sizes: Shape = (1,) * len(spatial)
        elif -1 in spatial:
            return ins, outs
        else:
            kernel, stride, pad, right, _direct, _up = _plan(name, spatial, kernel, stride, pad, pooling_convention)
            sizes = tuple(
                (size + p + r - k) // s + 1
                for size, k, s, p, r in zip(spatial, kernel, stride, pad, right, strict=True)
            )
        out = (data[0], *sizes, data[-1]) if last else (*data[:2], *sizes)
        return ins, [unify(outs[0], out, f"the shape of the result of {name}")]

    return rule


pooling.infer_shape(_shapes("Pooling"))
pooling_v1.infer_shape(_shapes("Pooling_v1"))


@adaptive_avg_pooling_2d.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, output_size: Shape
) -> tuple[list[PartialShape], list[PartialShape]]:
    ins, outs = share_batch(inputs, outputs)
    data = ins[0]
    if data is None or len(data) != 4 or len(output_size) > 2:
        return ins, outs
    size = output_size * 2 if len(output_size) == 1 else output_size or (1, 1)
    return ins, [unify(outs[0], (*data[:2], *size), "the shape of the result of _contrib_AdaptiveAvgPooling2D")]

__all__: list[Any] = ["adaptive_avg_pooling_2d", "pooling", "pooling_v1"]
