"""Pooling of regions with channels of their own for each cell (position-sensitive), and of rotated regions.

The channels of position-sensitive data are (output_dim, group_size, group_size): the cells of the grid over a region
read those of the group that lies at the same place. Regions of a batch number that isn't there give 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..base import MXNetError
from .attributes import Shape
from .dtypes import DTYPE_NAMES
from .inference import share_dtype
from .interpolation import bilinear, corners, sum_rows
from .registry import PartialShape, operator


def _check(name: str, data: Tensor, rois: Tensor, columns: int = 5) -> None:
    if data.ndim != 4 or rois.ndim != 2 or rois.shape[1] != columns or data.dtype != rois.dtype:
        raise MXNetError(
            f"{name}: data is {DTYPE_NAMES[data.dtype]} of shape {tuple(data.shape)}, rois {DTYPE_NAMES[rois.dtype]} "
            f"of shape {tuple(rois.shape)}; expected (batch, channels, height, width) and (regions, {columns}) of one "
            f"dtype."
        )


def _check_groups(name: str, data: Tensor, output_dim: int, pooled_size: int, group_size: int) -> None:
    if min(output_dim, pooled_size, group_size) < 1 or data.shape[1] != output_dim * group_size**2:
        raise MXNetError(
            f"{name}: data has {data.shape[1]} channels; expected output_dim * group_size * group_size = {output_dim} "
            f"* {group_size} * {group_size}, all positive, and pooled_size (here {pooled_size}) too."
        )


def _image_numbers(rois: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """(number of the image of each region, clamped; whether there is such an image)."""
    number = rois[:, 0].detach().long()
    return number.clamp(0, max(batch - 1, 0)), (number >= 0) & (number < batch)


def _whole_pixels(rois: Tensor, spatial_scale: float, exact: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x1, y1, x2, y2 of the regions, rounded (halves away from zero) to hold whole pixels, then scaled."""
    corner = rois[:, 1:].detach().to(exact)
    corner = corner.sign() * (corner.abs() + 0.5).floor()
    x1, y1, x2, y2 = corner.unbind(1)
    return x1 * spatial_scale, y1 * spatial_scale, (x2 + 1) * spatial_scale, (y2 + 1) * spatial_scale


def _cells(first: Tensor, last: Tensor, bins: int, size: int) -> tuple[Tensor, Tensor]:
    """The first place of each cell along an axis, and the one after its last: (regions, bins)."""
    step = ((last - first).clamp(min=0.1) / bins).unsqueeze(1)
    number = torch.arange(bins, device=first.device)
    start = (number * step + first.unsqueeze(1)).floor().clamp(0, size)
    return start.long(), ((number + 1) * step + first.unsqueeze(1)).ceil().clamp(0, size).long()


@operator("_contrib_PSROIPooling")
def psroi_pooling(
    data: Tensor, rois: Tensor, *, spatial_scale: float, output_dim: int, pooled_size: int, group_size: int = 0
) -> Tensor:
    """The average in each cell of a square grid over each region, each cell reading channels of its own.

    A NaN or an infinity in data spreads to all cells below and to the right of it.

    Args:
        data: (batch, output_dim * group_size ** 2, height, width).
        rois: (regions, 5), each (number in the batch, x1, y1, x2, y2), rounded and then multiplied by spatial_scale.
        spatial_scale: size of data in relation to the image that rois refers to.
        output_dim: channels of the result.
        pooled_size: rows and columns of the grid.
        group_size: rows and columns of groups of channels; 0: as pooled_size.
    Returns: (regions, output_dim, pooled_size, pooled_size), 0 in an empty cell; the gradient of rois is zero.
    Raises: MXNetError if the channels of data don't fit, or shapes or dtypes are others.
    Source: Dai et al., R-FCN: Object Detection via Region-based Fully Convolutional Networks, NIPS 2016.
    """
    name = "_contrib_PSROIPooling"
    _check(name, data, rois)
    group_size = group_size or pooled_size
    _check_groups(name, data, output_dim, pooled_size, group_size)
    batch, _, height, width = data.shape
    x1, y1, x2, y2 = _whole_pixels(rois, spatial_scale, torch.promote_types(data.dtype, torch.float32))
    top, bottom = _cells(y1, y2, pooled_size, height)
    left, right = _cells(x1, x2, pooled_size, width)
    image, exists = _image_numbers(rois, batch)
    # sums over rectangles from sums up to each place, in float64; rows are (batch, group, group, height + 1, width + 1)
    sums = pad(data.double().cumsum(2).cumsum(3), (1, 0, 1, 0)).view(
        batch, output_dim, group_size, group_size, height + 1, width + 1
    )
    rows = sums.permute(0, 2, 3, 4, 5, 1).flatten(0, 4)
    group = torch.arange(pooled_size, device=data.device) * group_size // pooled_size
    plane = (image.view(-1, 1, 1) * group_size + group.view(-1, 1)) * group_size + group
    y = torch.stack((top, bottom), 2).view(-1, pooled_size, 1, 2, 1)
    x = torch.stack((left, right), 2).view(-1, 1, pooled_size, 1, 2)
    index = ((plane[..., None, None] * (height + 1) + y) * (width + 1) + x).flatten(3)
    area = ((bottom - top).clamp(min=0).unsqueeze(2) * (right - left).clamp(min=0).unsqueeze(1)).double()
    share = torch.where((area > 0) & exists.view(-1, 1, 1), 1 / area, 0.0)
    weights = share.unsqueeze(3) * share.new_tensor([1, -1, -1, 1])
    return sum_rows(rows, index, weights).to(data.dtype).permute(0, 3, 1, 2).contiguous()


@operator("_contrib_DeformablePSROIPooling")
def deformable_psroi_pooling(
    data: Tensor, rois: Tensor, trans: Tensor | None = None, *, spatial_scale: float, output_dim: int, group_size: int,
    pooled_size: int, part_size: int = 0, sample_per_part: int = 1, trans_std: float = 0.0, no_trans: bool = False,
) -> Tensor:  # fmt: skip
    """Position-sensitive pooling whose cells are moved by learned offsets: the average of interpolated samples.

    Args:
        data: (batch, output_dim * group_size ** 2, height, width).
        rois: (regions, 5), as in PSROIPooling.
        trans: (regions, 2 * classes, part_size, part_size), absent when no_trans: for each class, which has
            output_dim / classes channels, an offset in x and one in y, multiplied by trans_std and the region's size.
        spatial_scale, output_dim, pooled_size, group_size: as in PSROIPooling.
        part_size: rows and columns of parts of a region that have offsets of their own; 0: as pooled_size.
        sample_per_part: samples along each side of a cell.
        trans_std: factor of trans.
        no_trans: nothing moves.
    Returns: (regions, output_dim, pooled_size, pooled_size), 0 in a cell outside of data; the gradient of rois is zero.
    Raises: MXNetError if the channels of data or the shape of trans don't fit, or shapes or dtypes are others.
    Source: Dai et al., Deformable Convolutional Networks, ICCV 2017.
    """
    name = "_contrib_DeformablePSROIPooling"
    _check(name, data, rois)
    _check_groups(name, data, output_dim, pooled_size, group_size)
    part_size = part_size or pooled_size
    regions = rois.shape[0]
    batch, _, height, width = data.shape
    exact = torch.promote_types(data.dtype, torch.float32)
    if sample_per_part < 1 or part_size < 1:
        raise MXNetError(f"{name}: sample_per_part={sample_per_part}, part_size={part_size}; expected at least 1.")
    if (trans is None) is not no_trans:
        told = "is missing" if trans is None else "was given"
        raise MXNetError(f"{name}: trans {told}, but no_trans={no_trans}. Pass trans, or no_trans=True.")
    classes = 1
    if trans is not None:
        classes = trans.shape[1] // 2 if trans.ndim == 4 else 0
        if (
            classes < 1 or output_dim % classes or trans.dtype != data.dtype
            or trans.shape != (regions, 2 * classes, part_size, part_size)
        ):  # fmt: skip
            raise MXNetError(
                f"{name}: trans is {DTYPE_NAMES[trans.dtype]} of shape {tuple(trans.shape)}; expected "
                f"{DTYPE_NAMES[data.dtype]}, as data has, of shape ({regions}, 2 * classes, {part_size}, {part_size}) "
                f"for {regions} regions and part_size={part_size}, where classes divides output_dim={output_dim}."
            )
    x1, y1, x2, y2 = (side - 0.5 for side in _whole_pixels(rois, spatial_scale, exact))
    bins = torch.arange(pooled_size, device=data.device)
    sample = torch.arange(sample_per_part, device=data.device)
    # axes of all that follows: region, class, row, column, sample in y, sample in x
    sides = []
    for axis, first, last in ((0, x1, x2), (1, y1, y2)):
        extent = (last - first).clamp(min=0.1).view(-1, 1, 1, 1)
        step = extent / pooled_size
        start = bins.view((-1, 1) if axis else (1, -1)) * step + first.view(-1, 1, 1, 1)
        if trans is not None:
            part = bins * part_size // pooled_size
            moves = trans.to(exact).view(regions, classes, 2, part_size, part_size)[:, :, axis]
            start = start + moves[:, :, part.view(-1, 1), part] * trans_std * extent
        samples = sample * (step / sample_per_part).unsqueeze(4)
        position = start.unsqueeze(4) + samples
        sides.append(position.unsqueeze(5) if axis else position.unsqueeze(4))
    x, y = sides
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    number = inside.sum((4, 5), keepdim=True)
    image, exists = _image_numbers(rois, batch)
    share = inside / number.clamp(min=1).to(exact) * exists.view(-1, 1, 1, 1, 1, 1)
    # rows are (batch, height, width, group, group, class)
    planes = data.view(batch, classes, output_dim // classes, group_size, group_size, height, width)
    rows = planes.permute(0, 5, 6, 3, 4, 1, 2).flatten(0, 5)
    group = bins * group_size // pooled_size
    number_of_class = torch.arange(classes, device=data.device).view(-1, 1, 1)
    plane = (group.view(-1, 1) * group_size + group) * classes + number_of_class
    stride = group_size**2 * classes
    first = image.view(-1, 1, 1, 1) * (height * width * stride) + plane
    y, x = y.clamp(0, height - 1), x.clamp(0, width - 1)
    index, weights = bilinear(
        first[..., None, None], stride, width, corners(y, height, "ceil"), corners(x, width, "ceil")
    )  # fmt: skip
    weights = (weights * share.unsqueeze(6)).flatten(4)
    found = sum_rows(rows, index.expand(*index.shape[:4], *share.shape[4:], 4).flatten(4), weights)
    return found.permute(0, 1, 4, 2, 3).flatten(1, 2)


@deformable_psroi_pooling.list_inputs
def _(*, no_trans: bool, **_: Any) -> tuple[str, ...]:
    return ("data", "rois") if no_trans else ("data", "rois", "trans")


@operator("_contrib_RROIAlign")
def rroi_align(
    data: Tensor, rois: Tensor, *, pooled_size: Shape, spatial_scale: float, sampling_ratio: int = -1
) -> Tensor:
    """The average of interpolated samples in each cell of a grid over each rotated region.

    Args:
        data: (batch, channels, height, width).
        rois: (regions, 6), each (number in the batch, x and y of the centre, width, height, angle in degrees); all but
            the angle are multiplied by spatial_scale. A region is at least one pixel wide and high.
        pooled_size: (rows, columns) of the grid.
        spatial_scale: size of data in relation to the image that rois refers to.
        sampling_ratio: samples along each side of a cell; not positive: as many as the cell has pixels, rounded up,
            which needs the values of rois and so can't be traced.
    Returns: (regions, channels, rows, columns); the gradient of rois is zero.
    Raises: MXNetError if shapes or dtypes are others, or pooled_size isn't two positive sizes.
    Source: Ma et al., Arbitrary-Oriented Scene Text Detection via Rotation Proposals, IEEE TMM 2018.
    """
    name = "_contrib_RROIAlign"
    _check(name, data, rois, 6)
    if len(pooled_size) != 2 or min(pooled_size) < 1:
        raise MXNetError(f"{name}: pooled_size is {pooled_size}; expected two positive sizes.")
    batch, _, height, width = data.shape
    exact = torch.promote_types(data.dtype, torch.float32)
    centre_x, centre_y, *sizes = (rois[:, 1:5].detach().to(exact) * spatial_scale).unbind(1)
    sizes = [size.clamp(min=1) for size in sizes[::-1]]  # height, width
    angle = torch.deg2rad(rois[:, 5].detach().to(exact)).view(-1, 1, 1, 1, 1)
    # axes: region, row, column, sample in y, sample in x
    places, counts, used = [], [], []
    for size, bins, shape in zip(sizes, pooled_size, ((1, -1, 1, 1, 1), (1, 1, -1, 1, 1)), strict=True):
        step = (size / bins).view(-1, 1, 1, 1, 1)
        count = step.ceil() if sampling_ratio <= 0 else torch.full_like(step, sampling_ratio)
        most = sampling_ratio if sampling_ratio > 0 else int(count.max()) if len(rois) else 1
        sample = torch.arange(most, device=data.device).view((-1, 1) if shape[1] == -1 else (1, -1))
        cell = torch.arange(bins, device=data.device).view(shape)
        places.append(cell * step + (sample + 0.5) * step / count - size.view(-1, 1, 1, 1, 1) / 2)
        counts.append(count)
        used.append(sample < count)
    down, across = places
    x = across * angle.cos() + down * angle.sin() + centre_x.view(-1, 1, 1, 1, 1)
    y = down * angle.cos() - across * angle.sin() + centre_y.view(-1, 1, 1, 1, 1)
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width) & used[0] & used[1]
    image, exists = _image_numbers(rois, batch)
    share = inside / (counts[0] * counts[1]) * exists.view(-1, 1, 1, 1, 1)
    index, weights = bilinear(
        (image * (height * width)).view(-1, 1, 1, 1, 1), 1, width,
        corners(y.clamp(0, height - 1), height, "edge"), corners(x.clamp(0, width - 1), width, "edge"),
    )  # fmt: skip
    rows = data.permute(0, 2, 3, 1).flatten(0, 2)
    return sum_rows(rows, index.flatten(3), (weights * share.unsqueeze(5)).flatten(3)).permute(0, 3, 1, 2).contiguous()


def _pooled(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, output_dim: int, pooled_size: int, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    rois = inputs[1] or (-1, 5)
    regions = rois[0] if rois[0] != -1 or not outputs[0] else outputs[0][0]
    return [inputs[0], (regions, *rois[1:]), *inputs[2:]], [(regions, output_dim, pooled_size, pooled_size)]


psroi_pooling.infer_shape(_pooled)


@deformable_psroi_pooling.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, part_size: int, pooled_size: int, **attrs: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    ins, outs = _pooled(inputs, outputs, pooled_size=pooled_size, **attrs)
    if len(ins) == 3:
        parts, rois = part_size or pooled_size, ins[1]
        trans = ins[2] or (-1, -1, parts, parts)
        regions = rois[0] if rois else -1
        ins[2] = (regions if trans[0] == -1 else trans[0], *trans[1:])
    return ins, outs


@rroi_align.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, pooled_size: Shape, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    data, rois = inputs[0], inputs[1] or (-1, 6)
    return [data, rois], [(rois[0], data[1] if data else -1, *pooled_size)]


for _op in (psroi_pooling, rroi_align):
    _op.infer_dtype(share_dtype(0, 1))
