"""Heads of detection networks, sampling at given places, and the preparation of images.

Suppression (box_nms, MultiBoxDetection) is not here: its rounds depend on values.
"""

from __future__ import annotations

import numpy as np

from ...ops.spatial import _places
from ..builder import Array, Builder
from ..translate import translates


@translates("_contrib_ROIAlign", when=lambda attrs: not attrs["position_sensitive"])
def _(onnx, data, rois, *, pooled_size, spatial_scale, sample_ratio, aligned, **_):
    number = onnx.squeeze(onnx.slice(onnx.whole(rois), [0], [1], [1]), 1)
    exists = onnx.op("GreaterOrEqual", number, onnx.constant(0, "int64"), dtype="bool")
    out = onnx.op(
        "RoiAlign", data, onnx.slice(rois, [1], [5], [1]), onnx.clip(number, 0, data.shape[0] - 1),
        output_height=pooled_size[0], output_width=pooled_size[1], sampling_ratio=max(sample_ratio, 0),
        spatial_scale=spatial_scale, coordinate_transformation_mode="half_pixel" if aligned else "output_half_pixel",
    )  # fmt: skip
    exists = onnx.op("Unsqueeze", exists, onnx.ints(1, 2, 3))
    return onnx.op("Where", exists, out, onnx.number(0, data), dtype=data.dtype)


# Boxes: corners (x1, y1, x2, y2), or centers (x, y, width, height)


def _halves(onnx: Builder, boxes: Array) -> tuple[Array, Array]:
    """The first and the last two of the four coordinates."""
    first, last = onnx.nodes_of("Split", [boxes, onnx.ints(2, 2)], 2, axis=boxes.ndim - 1)
    return first, last


def _corners(onnx: Builder, center: Array, size: Array) -> tuple[Array, Array]:
    half = onnx.op("Mul", size, onnx.number(0.5, size))
    return onnx.op("Sub", center, half), onnx.op("Add", center, half)


def _area(onnx: Builder, low: Array, high: Array) -> Array:
    size = onnx.clip(onnx.op("Sub", high, low), 0, None)
    return onnx.reduce("Prod", size, [-1], False)


@translates("_contrib_box_iou")
def _(onnx, lhs, rhs, *, format):
    ends = []
    for boxes, count, place in ((lhs, rhs.ndim - 1, lhs.ndim - 1), (rhs, lhs.ndim - 1, 0)):
        low, high = _halves(onnx, boxes)
        if format == "center":
            low, high = _corners(onnx, low, high)
        axes = onnx.ints(*range(place, place + count))
        ends.append([onnx.op("Unsqueeze", end, axes) for end in (low, high)])
    (a, b), (c, d) = ends
    overlap = _area(onnx, onnx.op("Max", a, c), onnx.op("Min", b, d))
    union = onnx.op("Sub", onnx.op("Add", _area(onnx, a, b), _area(onnx, c, d)), overlap)
    empty = onnx.op("LessOrEqual", union, onnx.number(0, lhs), dtype="bool")
    return onnx.op("Where", empty, onnx.number(0, lhs), onnx.op("Div", overlap, union), dtype=lhs.dtype)


@translates("_contrib_box_decode")
def _(onnx, data, anchors, *, std0, std1, std2, std3, clip, format):
    center, size = _halves(onnx, anchors)
    if format == "corner":
        size = onnx.op("Sub", size, center)
        center = onnx.op("Add", center, onnx.op("Mul", size, onnx.number(0.5, size)))
    moves = onnx.op("Mul", data, onnx.constant(np.array([std0, std1, std2, std3]), data.dtype), sizes=data.sizes)
    shift, growth = _halves(onnx, moves)
    if clip > 0:
        growth = onnx.clip(growth, None, clip)
    center = onnx.op("Add", onnx.op("Mul", shift, size), center)
    return onnx.op("Concat", *_corners(onnx, center, onnx.op("Mul", onnx.op("Exp", growth), size)), axis=2)


# Sampling


def _affine_grid(onnx: Builder, theta: Array, target_shape: tuple[int, int]) -> Array:
    """The places (batch, 2, height, width) where the maps (batch, 6) send the pixels of an image."""
    import torch

    height, width = target_shape
    y, x = (_places(size, torch.ones(1)) for size in target_shape)
    source = torch.stack([x.expand(height, width), y.view(-1, 1).expand(height, width), torch.ones(height, width)])
    maps = onnx.op("Reshape", theta, onnx.ints(-1, 2, 3))
    places = onnx.op("MatMul", maps, onnx.constant(source.reshape(3, -1), theta.dtype))
    sizes = (theta.sizes[0], 2, height, width)
    return onnx.op("Reshape", places, onnx.ints(-1, 2, height, width), sizes=sizes)


def _sample(onnx: Builder, data: Array, grid: Array) -> Array:
    places = onnx.transpose(grid, (0, 2, 3, 1))
    return onnx.op("GridSample", data, places, mode="bilinear", padding_mode="zeros", align_corners=1)


@translates("GridGenerator")
def _(onnx, data, *, transform_type, target_shape):
    if transform_type == "affine":
        return _affine_grid(onnx, data, target_shape)
    height, width = data.shape[2:]
    steps = np.stack(np.broadcast_arrays(np.arange(width), np.arange(height)[:, None]))
    half = np.array([(width - 1) / 2, (height - 1) / 2]).reshape(2, 1, 1)
    moved = onnx.op("Add", data, onnx.constant(steps, data.dtype))
    return onnx.op("Sub", onnx.op("Div", moved, onnx.constant(half, data.dtype)), onnx.number(1, data))


@translates("BilinearSampler")
def _(onnx, data, grid, *, cudnn_off):
    return _sample(onnx, data, grid)


@translates("SpatialTransformer")
def _(onnx, data, loc, *, target_shape, **_):
    return _sample(onnx, data, _affine_grid(onnx, loc, target_shape))


# Preparation


@translates("_image_to_tensor")
def _(onnx, data):
    turned = onnx.transpose(data, (2, 0, 1) if data.ndim == 3 else (0, 3, 1, 2))
    numbers = onnx.cast(turned, "float32")
    return onnx.op("Div", numbers, onnx.number(255, numbers))


@translates("_image_normalize")
def _(onnx, data, *, mean, std):
    shift, scale = (_per_channel(onnx, values, data) for values in (mean, std))
    return onnx.op("Div", onnx.op("Sub", data, shift), scale)


def _per_channel(onnx: Builder, values: tuple[float, ...], data: Array) -> Array:
    if len(set(values)) == 1:
        return onnx.number(values[0], data)
    return onnx.constant(np.array(values).reshape(-1, 1, 1), data.dtype)
