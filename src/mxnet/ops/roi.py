"""Pooling of regions of images: rois is (regions, 5), each (number in the batch, x1, y1, x2, y2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .registry import PartialShape, operator


def _check(name: str, data: Tensor, rois: Tensor, pooled_size: Shape) -> None:
    if data.ndim != 4 or rois.ndim != 2 or rois.shape[1] != 5 or len(pooled_size) != 2 or min(pooled_size) < 1:
        raise MXNetError(
            f"{name}: data has shape {tuple(data.shape)}, rois {tuple(rois.shape)}, pooled_size is {pooled_size}; "
            f"expected (batch, channels, height, width), (regions, 5) and two positive sizes."
        )


def _bins(first: Tensor, last: Tensor, bins: int, size: int) -> Tensor:
    """Which places of an axis belong to each bin: (regions, bins, size) booleans."""
    extent = (last - first + 1).clamp(min=1)
    step = extent.unsqueeze(1) / bins
    number = torch.arange(bins, device=first.device)
    start = ((number * step).floor() + first.unsqueeze(1)).clamp(0, size)
    end = (((number + 1) * step).ceil() + first.unsqueeze(1)).clamp(0, size)
    place = torch.arange(size, device=first.device)
    return (place >= start.unsqueeze(2)) & (place < end.unsqueeze(2))


@operator("ROIPooling")
def roi_pooling(data: Tensor, rois: Tensor, *, pooled_size: Shape, spatial_scale: float) -> Tensor:
    """The largest value in each cell of a grid over each region; 0 in an empty cell.

    Args:
        data: (batch, channels, height, width).
        rois: (regions, 5); coordinates, multiplied by spatial_scale and rounded, are those of pixels in the region.
            A region of an image that isn't in the batch gives 0.
        pooled_size: (rows, columns) of the grid.
        spatial_scale: size of data in relation to the image that rois refers to.
    Returns: (regions, channels, rows, columns); its gradient with respect to rois is zero.
    Source: Girshick, Fast R-CNN, ICCV 2015.
    """
    _check("ROIPooling", data, rois, pooled_size)
    # halves are rounded away from zero
    corners = rois[:, 1:].detach() * spatial_scale
    corners = corners.sign() * (corners.abs() + 0.5).floor()
    rows = _bins(corners[:, 1], corners[:, 3], pooled_size[0], data.shape[2])
    columns = _bins(corners[:, 0], corners[:, 2], pooled_size[1], data.shape[3])
    number = rois[:, 0].detach().long()
    exists = ((number >= 0) & (number < data.shape[0])).view(-1, 1, 1)
    images = data[number.clamp(0, data.shape[0] - 1)]
    lowest = torch.finfo(data.dtype).min
    # one cell after the other: all at once would need memory for every cell of every pixel
    cells = []
    for row in rows.unbind(1):
        for column in columns.unbind(1):
            inside = (row.unsqueeze(2) & column.unsqueeze(1) & exists).unsqueeze(1)
            largest = images.masked_fill(~inside, lowest).flatten(2).max(2).values
            cells.append(torch.where(inside.flatten(2).any(2), largest, 0))
    return torch.stack(cells, 2).view(*largest.shape, *pooled_size)


@roi_pooling.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, pooled_size: Shape, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    data, rois = inputs
    channels = data[1] if data else -1
    regions = rois[0] if rois else -1
    return [data, rois or (-1, 5)], [(regions, channels, *pooled_size)]


def _average(first: Tensor, extent: Tensor, bins: int, samples: int, size: int, ratio: int) -> Tensor:
    """How much each place of an axis counts in each bin, by linear interpolation: (regions, bins, size)."""
    step = (extent / bins).view(-1, 1, 1)
    count = torch.full_like(step, ratio) if ratio > 0 else step.ceil().clamp(min=1)
    sample = torch.arange(samples, device=first.device)
    number = torch.arange(bins, device=first.device).unsqueeze(1)
    position = first.view(-1, 1, 1) + number * step + (sample + 0.5) * step / count
    counts = (sample < count) & (position >= -1) & (position <= size)
    place = torch.arange(size, device=first.device)
    weight = (1 - (position.clamp(0, size - 1).unsqueeze(3) - place).abs()).clamp(min=0)
    return (weight * counts.unsqueeze(3)).sum(2) / count


@operator("_contrib_ROIAlign")
def roi_align(
    data: Tensor, rois: Tensor, *, pooled_size: Shape, spatial_scale: float, sample_ratio: int = -1,
    position_sensitive: bool = False, aligned: bool = False,
) -> Tensor:  # fmt: skip
    """The average of interpolated samples in each cell of a grid over each region.

    Args:
        data: (batch, channels, height, width).
        rois: (regions, 5); coordinates are multiplied by spatial_scale. A region of a negative batch number gives 0.
        pooled_size: (rows, columns) of the grid.
        spatial_scale: size of data in relation to the image that rois refers to.
        sample_ratio: samples along each side of a cell; not positive: as many as the cell has pixels, rounded up,
            which needs the values of rois and so can't be traced.
        position_sensitive: each cell has channels of its own, channels / (rows * columns) of them.
        aligned: coordinates are of the corners of pixels rather than of their centres, and regions may be smaller than
            a pixel.
    Returns: (regions, channels, rows, columns), or (regions, channels / (rows * columns), rows, columns).
    Source: He et al., Mask R-CNN, ICCV 2017.
    """
    _check("_contrib_ROIAlign", data, rois, pooled_size)
    rows, columns = pooled_size
    channels, height, width = data.shape[1:]
    if position_sensitive and channels % (rows * columns):
        raise MXNetError(
            f"_contrib_ROIAlign: data has {channels} channels; position_sensitive expects a multiple of "
            f"rows * columns = {rows * columns}."
        )
    number = rois[:, 0].detach().long()
    x1, y1, x2, y2 = (rois[:, 1:].detach() * spatial_scale - (0.5 if aligned else 0)).unbind(1)
    extents = [y2 - y1, x2 - x1]
    if not aligned:
        extents = [extent.clamp(min=1) for extent in extents]
    samples = [sample_ratio, sample_ratio]
    if sample_ratio <= 0:
        needed = [(extent / bins).ceil() for extent, bins in zip(extents, pooled_size, strict=True)]
        samples = [max(int(n.max()), 1) if len(rois) else 1 for n in needed]
    down = _average(y1, extents[0], rows, samples[0], height, sample_ratio).to(data.dtype)
    across = _average(x1, extents[1], columns, samples[1], width, sample_ratio).to(data.dtype)
    down = down.masked_fill((number < 0).view(-1, 1, 1), 0)
    images = data[number.clamp(0, data.shape[0] - 1)]
    if position_sensitive:
        images = images.view(len(images), -1, rows, columns, height, width)
        return torch.einsum("rph,rcpqhw,rqw->rcpq", down, images, across)
    return down.unsqueeze(1) @ images @ across.transpose(1, 2).unsqueeze(1)


@roi_align.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, pooled_size: Shape, position_sensitive: bool,
    **_: Any,
) -> tuple[list[PartialShape], list[PartialShape]]:  # fmt: skip
    data, rois = inputs
    channels = data[1] if data else -1
    if position_sensitive and channels != -1:
        channels //= pooled_size[0] * pooled_size[1]
    return [data, rois or (-1, 5)], [(rois[0] if rois else -1, channels, *pooled_size)]
