"""Sampling at given places, the grids of such places, and the correlation of two maps.

Places are pairs (x, y) in which -1 and 1 are the centres of the first and the last pixel of an axis.
Source: Jaderberg et al., Spatial Transformer Networks, NeurIPS 2015; Fischer et al., FlowNet, ICCV 2015.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .dtypes import DTYPE_NAMES
from .registry import PartialShape, operator


def _check_target(name: str, target_shape: Shape) -> None:
    if len(target_shape) != 2 or min(target_shape) < 1:
        raise MXNetError(f"{name}: target_shape is {target_shape}; expected two positive sizes, (height, width).")


def _affine_grid(name: str, theta: Tensor, target_shape: Shape) -> Tensor:
    """The places (batch, 2, height, width) where the maps (batch, 6) send the pixels of a (height, width) image."""
    _check_target(name, target_shape)
    if theta.ndim != 2 or theta.shape[1] != 6:
        raise MXNetError(f"{name}: the affine maps have shape {tuple(theta.shape)}; expected (batch, 6).")
    height, width = target_shape
    y, x = (_places(size, theta) for size in target_shape)
    y = y.view(-1, 1).expand(height, width)
    source = torch.stack([x.expand(height, width), y, torch.ones_like(y)])
    return (theta.view(-1, 2, 3) @ source.view(3, -1)).view(-1, 2, height, width)


def _places(size: int, like: Tensor) -> Tensor:
    """-1 to 1 in even steps; NaN for one pixel, as in MXNet."""
    step = 2 / (size - 1) if size > 1 else math.inf
    return torch.arange(size, device=like.device, dtype=like.dtype) * step - 1


@operator("GridGenerator")
def grid_generator(data: Tensor, *, transform_type: Literal["affine", "warp"], target_shape: Shape = (0, 0)) -> Tensor:
    """The places at which `BilinearSampler` samples.

    Args:
        data: "affine": (batch, 6) maps [[a, b, c], [d, e, f]] of (x, y, 1); "warp": (batch, 2, height, width), by how
            many pixels (x, y) each pixel is off.
        transform_type: "affine" or "warp".
        target_shape: (height, width) of the grid for "affine"; for "warp" it has no meaning.
    Returns: (batch, 2, height, width) places, x then y.
    """
    if data.dtype != torch.float32:
        raise MXNetError(f"GridGenerator: data is {DTYPE_NAMES[data.dtype]}; expected float32; cast with astype.")
    if transform_type == "affine":
        return _affine_grid("GridGenerator", data, target_shape)
    if data.ndim != 4 or data.shape[1] != 2:
        raise MXNetError(f"GridGenerator: data has shape {tuple(data.shape)}; expected (batch, 2, height, width).")
    height, width = data.shape[2:]
    x = torch.arange(width, device=data.device, dtype=data.dtype).expand(height, width)
    y = torch.arange(height, device=data.device, dtype=data.dtype).view(-1, 1).expand(height, width)
    half = torch.tensor([(width - 1) / 2, (height - 1) / 2], device=data.device, dtype=data.dtype).view(2, 1, 1)
    return (data + torch.stack([x, y])) / half - 1


def _sample(data: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(data, grid.permute(0, 2, 3, 1), "bilinear", "zeros", align_corners=True)


@operator("BilinearSampler")
def bilinear_sampler(data: Tensor, grid: Tensor, *, cudnn_off: bool | None = None) -> Tensor:
    """The values of data at places between pixels, by linear interpolation; 0 outside.

    Args:
        data: (batch, channels, height, width).
        grid: (batch, 2, rows, columns) places, x then y.
        cudnn_off: has no meaning here.
    Returns: (batch, channels, rows, columns).
    """
    if data.ndim != 4 or grid.ndim != 4 or grid.shape[1] != 2 or grid.shape[0] != data.shape[0]:
        raise MXNetError(
            f"BilinearSampler: data has shape {tuple(data.shape)}, grid {tuple(grid.shape)}; expected "
            "(batch, channels, height, width) and (batch, 2, rows, columns)."
        )
    if data.dtype != grid.dtype:
        raise MXNetError(
            f"BilinearSampler: data is {DTYPE_NAMES[data.dtype]}, grid {DTYPE_NAMES[grid.dtype]}; expected one dtype."
        )
    return _sample(data, grid)


@operator("SpatialTransformer")
def spatial_transformer(
    data: Tensor, loc: Tensor, *, target_shape: Shape = (0, 0), transform_type: Literal["affine"],
    sampler_type: Literal["bilinear"], cudnn_off: bool | None = None,
) -> Tensor:  # fmt: skip
    """data seen through an affine map: `GridGenerator`, then `BilinearSampler`.

    Args:
        data: (batch, channels, height, width).
        loc: (batch, 6) affine maps.
        target_shape: (height, width) of the result.
        transform_type: "affine".
        sampler_type: "bilinear".
        cudnn_off: has no meaning here.
    Returns: (batch, channels, *target_shape).
    """
    if data.ndim != 4 or loc.shape[:1] != data.shape[:1]:
        raise MXNetError(
            f"SpatialTransformer: data has shape {tuple(data.shape)}, loc {tuple(loc.shape)}; expected "
            "(batch, channels, height, width) and (batch, 6)."
        )
    return _sample(data, _affine_grid("SpatialTransformer", loc, target_shape))


@spatial_transformer.infer_arguments
def _(data: PartialShape, **_: Any) -> dict[str, PartialShape]:
    return {"loc": (data[0] if data else -1, 6)}


def _correlation_size(size: int, kernel_size: int, max_displacement: int, stride1: int, pad_size: int) -> int:
    """Places of the result along an axis."""
    border = max_displacement + kernel_size // 2
    return math.ceil((size + 2 * pad_size - 2 * border) / stride1)


@operator("Correlation")
def correlation(
    data1: Tensor, data2: Tensor, *, kernel_size: int = 1, max_displacement: int = 1, stride1: int = 1,
    stride2: int = 1, pad_size: int = 0, is_multiply: bool = True,
) -> Tensor:  # fmt: skip
    """How alike patches of data1 are to patches of data2 displaced by up to max_displacement.

    Args:
        data1, data2: (batch, channels, height, width).
        kernel_size: side of the patches, odd.
        max_displacement: largest displacement along each axis.
        stride1: distance of the places in data1.
        stride2: distance of the displacements.
        pad_size: zeros around both.
        is_multiply: sum products; otherwise sum absolute differences.
    Returns: (batch, (2 * (max_displacement // stride2) + 1) ** 2, rows, columns); means over patches and channels.
    """
    if data1.ndim != 4 or data1.shape != data2.shape or data1.dtype != data2.dtype:
        raise MXNetError(
            f"Correlation: data1 is {DTYPE_NAMES[data1.dtype]}{tuple(data1.shape)}, data2 "
            f"{DTYPE_NAMES[data2.dtype]}{tuple(data2.shape)}; expected equal dtypes and shapes of four axes."
        )
    if kernel_size % 2 == 0 or min(stride1, stride2) < 1 or min(kernel_size, max_displacement, pad_size) < 0:
        raise MXNetError(
            f"Correlation: kernel_size={kernel_size}, stride1={stride1}, stride2={stride2}, "
            f"max_displacement={max_displacement}, pad_size={pad_size}; expected an odd kernel_size, positive strides, "
            "and nothing negative."
        )
    rows, columns = (
        _correlation_size(size, kernel_size, max_displacement, stride1, pad_size) for size in data1.shape[2:]
    )
    if min(rows, columns) < 1:
        raise MXNetError(
            f"Correlation: patches of {kernel_size} displaced by up to {max_displacement} don't fit into "
            f"{tuple(data1.shape)} padded by {pad_size}; reduce kernel_size or max_displacement, or raise pad_size."
        )
    first, second = (F.pad(data, [pad_size] * 4) for data in (data1, data2))
    height, width = (stride1 * (size - 1) + kernel_size for size in (rows, columns))
    reach = max_displacement // stride2 * stride2
    start = max_displacement
    here = first[:, :, start : start + height, start : start + width]
    results = []
    for dy in range(-reach, reach + 1, stride2):
        for dx in range(-reach, reach + 1, stride2):
            y, x = start + dy, start + dx
            there = second[:, :, y : y + height, x : x + width]
            alike = here * there if is_multiply else (here - there).abs()
            results.append(alike.mean(1))
    return F.avg_pool2d(torch.stack(results, 1), kernel_size, stride1)
