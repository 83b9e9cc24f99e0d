"""Convolution and its transpose, in one, two and three spatial dimensions.

Layouts name the axes: N batch, C channel, D, H, W depth, height, width. The weight of a layout with C last has its
input channels last too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .inference import unify
from .registry import Operator, PartialShape, operator

Tune = Literal["fastest", "limited_workspace", "off"]
Layout = Literal["NCDHW", "NCHW", "NCW", "NDHWC", "NHWC"]
LayoutV1 = Literal["NCDHW", "NCHW", "NDHWC", "NHWC"]
_CONVOLVE = {1: torch.conv1d, 2: torch.conv2d, 3: torch.conv3d}
_TRANSPOSE = {1: torch.conv_transpose1d, 2: torch.conv_transpose2d, 3: torch.conv_transpose3d}


@lru_cache(maxsize=4096)
@lru_cache(maxsize=4096)
def check_geometry(
    operator_name: str, kernel: Shape, stride: Shape, dilate: Shape, pad: Shape, layout: str | None, ndim: int
) -> tuple[Shape, Shape, Shape]:
    """(stride, dilate, pad) with defaults filled in, if the attributes fit one another and the axes of data.

    Raises: MXNetError naming the attribute that doesn't.
    """
    axes = len(kernel)
    if axes not in (1, 2, 3) or min(kernel) < 1:
        raise MXNetError(f"{operator_name}: kernel is {kernel}; expected one to three positive sizes.")
    for name, value, least in (("stride", stride, 1), ("dilate", dilate, 1), ("pad", pad, 0)):
        if value and (len(value) != axes or min(value) < least):
            raise MXNetError(
                f"{operator_name}: {name} is {value}; expected {axes} sizes of at least {least}, as kernel is {kernel}."
            )
    if layout is not None and len(layout) != axes + 2:
        raise MXNetError(f"{operator_name}: layout {layout} does not fit kernel {kernel}; they differ in axes.")
    if ndim != axes + 2:
        raise MXNetError(
            f"{operator_name}: data has {ndim} axes; expected {axes + 2} (batch, channel and {axes} spatial) for "
            f"kernel {kernel}."
        )
    return stride or (1,) * axes, dilate or (1,) * axes, pad or (0,) * axes


def is_channel_last(layout: str | None) -> bool:
    """Whether the channel is the last axis of a layout."""
    return layout is not None and layout[-1] == "C"


def share_batch(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    """A shape rule: data and the first output have one batch size."""
    ins, outs = list(inputs), list(outputs)
    data, out = ins[0], outs[0]
    if data and out:
        batch = data[0] if out[0] == -1 else out[0]
        ins[0], outs[0] = (batch if data[0] == -1 else data[0], *data[1:]), (batch, *out[1:])
    return ins, outs


@lru_cache(maxsize=4096)
def _weight_shape(
    name: str, data: Shape, kernel: Shape, num_filter: int, num_group: int, layout: str | None, transposed: bool
) -> Shape:
    last = is_channel_last(layout)
    channels = data[-1 if last else 1]
    if channels != -1 and channels % num_group or num_filter % num_group:
        raise MXNetError(
            f"{name}: data of shape {data} has {channels} channels and num_filter={num_filter}; both must be multiples "
            f"of num_group={num_group}."
        )
    if transposed:
        first, second = channels, num_filter // num_group
    else:
        first, second = num_filter, channels if channels == -1 else channels // num_group
    return (first, *kernel, second) if last else (first, second, *kernel)


def _check_parameters(
    name: str, data: Tensor, weight: Tensor, bias: Tensor | None, kernel: Shape, num_filter: int, num_group: int,
    no_bias: bool, layout: str | None, transposed: bool,
) -> None:  # fmt: skip
    expected = _weight_shape(name, tuple(data.shape), kernel, num_filter, num_group, layout, transposed)
    if tuple(weight.shape) != expected:
        raise MXNetError(
            f"{name}: weight has shape {tuple(weight.shape)}; expected {expected}, because data has shape "
            f"{tuple(data.shape)}, num_filter={num_filter}, kernel={kernel}, num_group={num_group}, layout={layout}."
        )
    if (bias is None) is not no_bias:
        told = "is missing" if bias is None else "was given"
        raise MXNetError(f"{name}: bias {told}, but no_bias={no_bias}. Pass a bias, or no_bias=True.")
    if bias is not None and bias.shape != (num_filter,):
        raise MXNetError(f"{name}: bias has shape {tuple(bias.shape)}; expected ({num_filter},).")


def _with_a_channel(data: Tensor, weight: Tensor, layout: str | None) -> tuple[Tensor, Tensor]:
    """data and weight without channels, given a channel of zeros: of that torch knows the shape of the result."""
    axis = data.ndim - 1 if is_channel_last(layout) else 1
    first, second = (
        torch.cat([t, t.new_zeros([*t.shape[:axis], 1, *t.shape[axis + 1 :]])], axis) for t in (data, weight)
    )
    return first, second


def _convolve(
    name: str, data: Tensor, weight: Tensor, bias: Tensor | None, kernel: Shape, stride: Shape, dilate: Shape,
    pad: Shape, num_filter: int, num_group: int, no_bias: bool, layout: str | None,
) -> Tensor:  # fmt: skip
    stride, dilate, pad = check_geometry(name, kernel, stride, dilate, pad, layout, data.ndim)
    _check_parameters(name, data, weight, bias, kernel, num_filter, num_group, no_bias, layout, False)
    convolve = _CONVOLVE[len(kernel)]
    if data.shape[-1 if is_channel_last(layout) else 1] == 0:
        data, weight = _with_a_channel(data, weight, layout)
    if is_channel_last(layout):
        data, weight = data.movedim(-1, 1), weight.movedim(-1, 1)
        return convolve(data, weight, bias, stride, pad, dilate, num_group).movedim(1, -1)
    return convolve(data, weight, bias, stride, pad, dilate, num_group)


@operator("Convolution")
def convolution(
    data: Tensor, weight: Tensor, bias: Tensor | None = None, *, kernel: Shape, stride: Shape = (), dilate: Shape = (),
    pad: Shape = (), num_filter: int, num_group: int = 1, workspace: int = 1024, no_bias: bool = False,
    cudnn_tune: Tune | None = None, cudnn_off: bool = False, layout: Layout | None = None,
) -> Tensor:  # fmt: skip
    """Convolution (cross-correlation) over one, two or three spatial axes.

    Each spatial size of the result is ``(size + 2 * pad - dilate * (kernel - 1) - 1) // stride + 1``.

    Args:
        data: (batch, channels, *spatial), or (batch, *spatial, channels) with a layout that ends in C.
        weight: (num_filter, channels / num_group, *kernel), or (num_filter, *kernel, channels / num_group).
        bias: (num_filter,); absent when no_bias.
        kernel: window size, (w,), (h, w) or (d, h, w).
        stride, dilate, pad: one size for each spatial axis; default 1, 1 and 0.
        num_filter: number of output channels.
        num_group: number of groups of channels that are convolved apart.
        layout: NCW, NCHW, NCDHW (the default for the number of axes), NHWC or NDHWC.
        workspace, cudnn_tune, cudnn_off: no meaning here, accepted for compatibility.
    Returns: (batch, num_filter, *out_spatial), or with the channels last.
    Raises: MXNetError if shapes, dtypes or attributes don't fit one another.
    """
    return _convolve(
        "Convolution", data, weight, bias, kernel, stride, dilate, pad, num_filter, num_group, no_bias, layout
    )


@operator("Convolution_v1")
def convolution_v1(
    data: Tensor, weight: Tensor, bias: Tensor | None = None, *, kernel: Shape, stride: Shape = (), dilate: Shape = (),
    pad: Shape = (), num_filter: int, num_group: int = 1, workspace: int = 1024, no_bias: bool = False,
    cudnn_tune: Tune | None = None, cudnn_off: bool = False, layout: LayoutV1 | None = None,
) -> Tensor:  # fmt: skip
    """The first version of Convolution, kept for old models; the same function of the same arguments."""
    return _convolve(
        "Convolution_v1", data, weight, bias, kernel, stride, dilate, pad, num_filter, num_group, no_bias, layout
    )


@lru_cache(maxsize=4096)
def _output_padding(
    spatial: Shape, kernel: Shape, stride: Shape, dilate: Shape, pad: Shape, adj: Shape, target_shape: Shape
) -> tuple[Shape, Shape]:
    """Padding and adjustment of a transposed convolution; from target_shape where that is given."""
    axes = len(kernel)
    if not any(target_shape):
        adj = adj or (0,) * axes
        if len(adj) != axes or any(not 0 <= a < s for a, s in zip(adj, stride, strict=True)):
            raise MXNetError(f"Deconvolution: adj is {adj}; expected {axes} sizes, each less than its stride {stride}.")
        return pad, adj
    if len(target_shape) != axes or min(target_shape) < 1:
        raise MXNetError(f"Deconvolution: target_shape is {target_shape}; expected {axes} positive sizes.")
    full = [s * (size - 1) + d * (k - 1) + 1 for size, k, s, d in zip(spatial, kernel, stride, dilate, strict=True)]
    excess = [size - target for size, target in zip(full, target_shape, strict=True)]
    if min(excess) < 0:
        raise MXNetError(f"Deconvolution: target_shape {target_shape} is too big; at most {tuple(full)} is possible.")
    return tuple((e + 1) // 2 for e in excess), tuple(e % 2 for e in excess)


@operator("Deconvolution")
def deconvolution(
    data: Tensor, weight: Tensor, bias: Tensor | None = None, *, kernel: Shape, stride: Shape = (), dilate: Shape = (),
    pad: Shape = (), adj: Shape = (), target_shape: Shape = (), num_filter: int, num_group: int = 1,
    workspace: int = 512, no_bias: bool = True, cudnn_tune: Tune | None = None, cudnn_off: bool = False,
    layout: Layout | None = None,
) -> Tensor:  # fmt: skip
    """Transposed convolution: the gradient of Convolution with respect to its data.

    Each spatial size of the result is ``stride * (size - 1) + dilate * (kernel - 1) + 1 - 2 * pad + adj``.

    Args:
        data: (batch, channels, *spatial), or (batch, *spatial, channels) with a layout that ends in C.
        weight: (channels, num_filter / num_group, *kernel), or (channels, *kernel, num_filter / num_group).
        bias: (num_filter,); absent when no_bias, which is the default.
        kernel, stride, dilate, pad, num_filter, num_group, layout: as in Convolution.
        adj: what is added to the size of the result, for each spatial axis; less than stride.
        target_shape: the spatial sizes of the result; pad and adj then follow from it and are ignored.
        workspace, cudnn_tune, cudnn_off: no meaning here, accepted for compatibility.
    Returns: (batch, num_filter, *out_spatial), or with the channels last.
    Raises: MXNetError if shapes, dtypes or attributes don't fit one another.
    """
    stride, dilate, pad = check_geometry("Deconvolution", kernel, stride, dilate, pad, layout, data.ndim)
    _check_parameters("Deconvolution", data, weight, bias, kernel, num_filter, num_group, no_bias, layout, True)
    last = is_channel_last(layout)
    if last:
        data, weight = data.movedim(-1, 1), weight.movedim(-1, 1)
    padding, extra = _output_padding(tuple(data.shape[2:]), kernel, stride, dilate, pad, adj, target_shape)
    transpose = _TRANSPOSE[len(kernel)]
    if any(target_shape) and any(e >= s for e, s in zip(extra, stride, strict=True)):
        out = transpose(data, weight, bias, stride, 0, 0, num_group, dilate)
        for axis, (start, size) in enumerate(zip(padding, target_shape, strict=True), 2):
            out = out.narrow(axis, start, size)
    else:
        out = transpose(data, weight, bias, stride, padding, extra, num_group, dilate)
    return out.movedim(1, -1) if last else out


def _parameter_shapes(name: str, transposed: bool) -> Any:
    def rule(
        data: Shape, *, kernel: Shape, stride: Shape, dilate: Shape, pad: Shape, num_filter: int, num_group: int,
        layout: str | None, **_: Any,
    ) -> dict[str, PartialShape]:  # fmt: skip
        check_geometry(name, kernel, stride, dilate, pad, layout, len(data))
        weight = _weight_shape(name, data, kernel, num_filter, num_group, layout, transposed)
        return {"weight": weight, "bias": (num_filter,)}

    return rule


def _list_inputs(*, no_bias: bool, **_: Any) -> tuple[str, ...]:
    return ("data", "weight") if no_bias else ("data", "weight", "bias")


def _shapes(name: str, transposed: bool) -> Any:
    def rule(
        inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, kernel: Shape, stride: Shape,
        dilate: Shape, pad: Shape, num_filter: int, layout: str | None, adj: Shape = (), target_shape: Shape = (),
        **_: Any,
    ) -> tuple[list[PartialShape], list[PartialShape]]:  # fmt: skip
        ins, outs = share_batch(inputs, outputs)
        data = ins[0]
        if data is None:
            return ins, outs
        stride, dilate, pad = check_geometry(name, kernel, stride, dilate, pad, layout, len(data))
        spatial = data[1:-1] if is_channel_last(layout) else data[2:]
        if transposed and any(target_shape):
            sizes = target_shape
        elif transposed:
            extra = adj or (0,) * len(kernel)
            sizes = tuple(
                -1 if size == -1 else s * (size - 1) + d * (k - 1) + 1 - 2 * p + a
                for size, k, s, d, p, a in zip(spatial, kernel, stride, dilate, pad, extra, strict=True)
            )
        else:
            sizes = tuple(
                -1 if size == -1 else (size + 2 * p - d * (k - 1) - 1) // s + 1
                for size, k, s, d, p in zip(spatial, kernel, stride, dilate, pad, strict=True)
            )
        if any(size < 1 and old > 0 for size, old in zip(sizes, spatial, strict=True)):
            raise MXNetError(
                f"{name}: data of shape {data} is too small for kernel={kernel}, stride={stride}, dilate={dilate}, "
                f"pad={pad}: the result would have the spatial sizes {sizes}."
            )
        batch = data[0] if outs[0] is None or data[0] != -1 else outs[0][0]
        out = (batch, *sizes, num_filter) if is_channel_last(layout) else (batch, num_filter, *sizes)
        return ins, [unify(outs[0], out, f"the shape of the result of {name}")]

    return rule


def _declare(op: Operator, transposed: bool) -> None:
    op.infer_arguments(_parameter_shapes(op.name, transposed))
    op.infer_shape(_shapes(op.name, transposed))
    op.list_inputs(_list_inputs)


_declare(convolution, False)
_declare(convolution_v1, False)
_declare(deconvolution, True)
