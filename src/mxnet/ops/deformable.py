"""Deformable convolution, versions 1 and 2: the window's places move by learned offsets.

K is the number of places in a window, D the number of deformable groups, P the number of positions in the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .convolution import check_geometry, share_batch
from .dtypes import DTYPE_NAMES
from .interpolation import bilinear, corners, sum_rows
from .registry import PartialShape, operator

Layout = Literal["NCDHW", "NCHW", "NCW"]


def _geometry(
    name: str, data: Shape, kernel: Shape, stride: Shape, dilate: Shape, pad: Shape, layout: str | None, **_: Any
) -> tuple[Shape, Shape, Shape, Shape]:
    """(stride, dilate, pad, spatial sizes of the result: -1 where that of data is not known)."""
    if len(kernel) != 2:
        raise MXNetError(f"{name}: kernel is {kernel}; only two spatial axes are supported, such as kernel=(3, 3).")
    stride, dilate, pad = check_geometry(name, kernel, stride, dilate, pad, layout, len(data))
    out = tuple(
        -1 if size == -1 else (size + 2 * p - d * (k - 1) - 1) // s + 1
        for size, k, s, d, p in zip(data[2:], kernel, stride, dilate, pad, strict=True)
    )
    if min(out) < 1 and -1 not in out:
        raise MXNetError(f"{name}: kernel {kernel}, dilated by {dilate}, is bigger than data of shape {data}, padded.")
    return stride, dilate, pad, out


def _parameter_shapes(
    name: str, data: Shape, *, kernel: Shape, num_filter: int, num_group: int, num_deformable_group: int,
    **geometry: Any,
) -> dict[str, PartialShape]:  # fmt: skip
    """Shapes of the other inputs, from that of data."""
    out = _geometry(name, data, kernel, **geometry)[3]
    batch, channels = data[:2]
    if min(num_group, num_deformable_group, num_filter) < 1 or num_filter % num_group or (
        channels != -1 and (channels % num_group or channels % num_deformable_group)
    ):  # fmt: skip
        raise MXNetError(
            f"{name}: data of shape {data} has {channels} channels and num_filter={num_filter}; the channels must be a "
            f"multiple of num_group={num_group} and of num_deformable_group={num_deformable_group}, num_filter of "
            f"num_group."
        )
    places = prod(kernel) * num_deformable_group
    return {
        "offset": (batch, 2 * places, *out),
        "mask": (batch, places, *out),
        "weight": (num_filter, channels if channels == -1 else channels // num_group, *kernel),
        "bias": (num_filter,),
    }


def _columns(
    data: Tensor, offset: Tensor, mask: Tensor | None, kernel: Shape, stride: Shape, dilate: Shape, pad: Shape,
    out: Shape, groups: int,
) -> Tensor:  # fmt: skip
    """What each window sees: (batch, P, D, K, channels / D)."""
    batch, channels, height, width = data.shape
    exact = torch.promote_types(data.dtype, torch.float32)
    # (batch, *out, D, K)
    moved = offset.to(exact).reshape(batch, groups, prod(kernel), 2, *out).permute(0, 4, 5, 1, 2, 3)
    y, x = moved.unbind(-1)
    steps = [
        (torch.arange(n, device=data.device) * s - p, torch.arange(k, device=data.device) * d)
        for n, s, p, k, d in zip(out, stride, pad, kernel, dilate, strict=True)
    ]
    y = y + (steps[0][0].view(-1, 1, 1, 1) + steps[0][1].repeat_interleave(kernel[1]))
    x = x + (steps[1][0].view(-1, 1, 1) + steps[1][1].repeat(kernel[0]))
    if mask is None:  # version 1: beyond the last place its value holds for one step, before the first there is nothing
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    else:  # version 2: zeros all around
        inside = (y > -1) & (y < height) & (x > -1) & (x < width)
    y, x = y.masked_fill(~inside, 0), x.masked_fill(~inside, 0)
    scale = inside.to(exact)
    if mask is None:
        down, across = corners(y.clamp(max=height - 1), height, "edge"), corners(x.clamp(max=width - 1), width, "edge")
    else:
        down, across = corners(y, height, "zero"), corners(x, width, "zero")
        scale = scale * mask.to(exact).reshape(batch, groups, prod(kernel), *out).permute(0, 3, 4, 1, 2)
    image = torch.arange(batch, device=data.device).view(-1, 1, 1, 1, 1)
    group = torch.arange(groups, device=data.device).view(-1, 1)
    index, weights = bilinear(image * (height * width * groups) + group, groups, width, down, across)
    rows = data.reshape(batch, groups, channels // groups, height, width).permute(0, 3, 4, 1, 2).flatten(0, 3)
    return sum_rows(rows, index, weights * scale.unsqueeze(-1)).flatten(1, 2)


def _convolve(
    name: str, data: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor, bias: Tensor | None, *, kernel: Shape,
    stride: Shape, dilate: Shape, pad: Shape, num_filter: int, num_group: int, num_deformable_group: int, no_bias: bool,
    layout: str | None,
) -> Tensor:  # fmt: skip
    geometry: dict[str, Any] = {"kernel": kernel, "stride": stride, "dilate": dilate, "pad": pad, "layout": layout}
    expected = _parameter_shapes(
        name, tuple(data.shape), num_filter=num_filter, num_group=num_group, num_deformable_group=num_deformable_group,
        **geometry,
    )  # fmt: skip
    if (bias is None) is not no_bias:
        told = "is missing" if bias is None else "was given"
        raise MXNetError(f"{name}: bias {told}, but no_bias={no_bias}. Pass a bias, or no_bias=True.")
    for what, tensor in (("offset", offset), ("mask", mask), ("weight", weight), ("bias", bias)):
        if tensor is not None and (tuple(tensor.shape) != expected[what] or tensor.dtype != data.dtype):
            raise MXNetError(
                f"{name}: {what} is {DTYPE_NAMES[tensor.dtype]} of shape {tuple(tensor.shape)}; expected "
                f"{DTYPE_NAMES[data.dtype]}, as data has, of shape {expected[what]}."
            )
    stride, dilate, pad, out = _geometry(name, tuple(data.shape), **geometry)
    columns = _columns(data, offset, mask, kernel, stride, dilate, pad, out, num_deformable_group)
    batch = data.shape[0]
    if num_group == num_deformable_group == 1:
        result = columns.flatten(2) @ weight.flatten(2).transpose(1, 2).reshape(num_filter, -1).t()
    else:
        columns = columns.transpose(3, 4).reshape(batch, prod(out), num_group, weight[0].numel()).transpose(1, 2)
        result = columns @ weight.reshape(num_group, num_filter // num_group, -1).transpose(1, 2)
        result = result.transpose(1, 2).flatten(2)
    if bias is not None:
        result = result + bias
    return result.transpose(1, 2).reshape(batch, num_filter, *out)


@operator("_contrib_DeformableConvolution")
def deformable_convolution(
    data: Tensor, offset: Tensor, weight: Tensor, bias: Tensor | None = None, *, kernel: Shape, stride: Shape = (),
    dilate: Shape = (), pad: Shape = (), num_filter: int, num_group: int = 1, num_deformable_group: int = 1,
    workspace: int = 1024, no_bias: bool = False, layout: Layout | None = None,
) -> Tensor:  # fmt: skip
    """Convolution whose window's places are moved by offsets; data is interpolated linearly between pixels.

    A place outside of data, before the first pixel or a pixel or more after the last one, counts as zero.

    Args:
        data: (batch, channels, height, width).
        offset: (batch, 2 * num_deformable_group * kernel places, out_height, out_width), in pixels: for each group and
            each place in the window (row by row) one map for y and one for x.
        weight: (num_filter, channels / num_group, *kernel).
        bias: (num_filter,); absent when no_bias.
        kernel, stride, dilate, pad, num_filter, num_group: as in Convolution, for two spatial axes.
        num_deformable_group: number of groups of channels that have offsets of their own.
        layout: NCHW, the default.
        workspace: no meaning here, accepted for compatibility.
    Returns: (batch, num_filter, out_height, out_width).
    Raises: MXNetError if shapes, dtypes or attributes don't fit one another.
    Source: Dai et al., Deformable Convolutional Networks, ICCV 2017.
    """
    return _convolve(
        "_contrib_DeformableConvolution", data, offset, None, weight, bias, kernel=kernel, stride=stride, dilate=dilate,
        pad=pad, num_filter=num_filter, num_group=num_group, num_deformable_group=num_deformable_group, no_bias=no_bias,
        layout=layout,
    )  # fmt: skip


@operator("_contrib_ModulatedDeformableConvolution")
def modulated_deformable_convolution(
    data: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None = None, *, kernel: Shape,
    stride: Shape = (), dilate: Shape = (), pad: Shape = (), num_filter: int, num_group: int = 1,
    num_deformable_group: int = 1, workspace: int = 1024, no_bias: bool = False, im2col_step: int = 64,
    layout: Layout | None = None,
) -> Tensor:  # fmt: skip
    """Deformable convolution in which each place of the window is also multiplied by a mask.

    Data is surrounded by zeros, to which it is interpolated as between pixels.

    Args:
        data, offset, weight, bias: as in DeformableConvolution.
        mask: (batch, num_deformable_group * kernel places, out_height, out_width).
        kernel, stride, dilate, pad, num_filter, num_group, num_deformable_group, layout: as in DeformableConvolution.
        workspace, im2col_step: no meaning here, accepted for compatibility.
    Returns: (batch, num_filter, out_height, out_width).
    Raises: MXNetError if shapes, dtypes or attributes don't fit one another.
    Source: Zhu et al., Deformable ConvNets v2: More Deformable, Better Results, CVPR 2019.
    """
    return _convolve(
        "_contrib_ModulatedDeformableConvolution", data, offset, mask, weight, bias, kernel=kernel, stride=stride,
        dilate=dilate, pad=pad, num_filter=num_filter, num_group=num_group, num_deformable_group=num_deformable_group,
        no_bias=no_bias, layout=layout,
    )  # fmt: skip


def _declare(modulated: bool) -> None:
    op = modulated_deformable_convolution if modulated else deformable_convolution
    names = ("data", "offset", "mask", "weight") if modulated else ("data", "offset", "weight")

    def infer(
        data: Shape, *, no_bias: bool, workspace: int, im2col_step: int | None = None, **attrs: Any
    ) -> dict[str, PartialShape]:
        return _parameter_shapes(op.name, data, **attrs)

    def infer_result(
        inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, num_filter: int, **attrs: Any
    ) -> tuple[list[PartialShape], list[PartialShape]]:
        ins, outs = share_batch(inputs, outputs)
        if ins[0]:
            outs[0] = (ins[0][0], num_filter, *_geometry(op.name, ins[0], **attrs)[3])
        return ins, outs

    op.infer_arguments(infer)
    op.infer_shape(infer_result)
    op.list_inputs(lambda *, no_bias, **_: names if no_bias else (*names, "bias"))


_declare(False)
_declare(True)
