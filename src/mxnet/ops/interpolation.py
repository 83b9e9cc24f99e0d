"""Weighted sums of a few rows of a matrix, such as bilinear samples of images with the channels last."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

Outside = Literal["zero", "edge", "ceil"]


def corners(position: Tensor, size: int, outside: Outside) -> tuple[Tensor, Tensor]:
    """The two places of an axis around each position, and how much each counts.

    Args:
        position: (...), finite.
        size: number of places.
        outside: "zero": places outside of the axis are zeros; "edge": they have the value of the first or last one,
            positions are inside; "ceil": likewise, and a position on a place has the derivative zero.
    Returns: places (..., 2), int64, all inside; weights (..., 2), dtype of position.
    """
    low = position.detach().floor()
    high = position.detach().ceil() if outside == "ceil" else low + 1
    fraction = position - low
    places, weights = torch.stack((low, high), -1), torch.stack((1 - fraction, fraction), -1)
    if outside == "zero":
        weights = weights.masked_fill((places < 0) | (places >= size), 0)
    return places.clamp(0, max(size - 1, 0)).long(), weights


def sum_rows(rows: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """For each bag the weighted sum of rows; gradients reach rows and weights.

    Args:
        rows: (number, channels).
        index, weights: (*bags, size).
    Returns: (*bags, channels), dtype of rows.
    """
    bags, size = index.shape[:-1], index.shape[-1]
    if not index.numel() or not rows.numel():
        return (rows.sum() + weights.sum().to(rows.dtype)) * rows.new_zeros(*bags, rows.shape[1])
    index, weights = index.reshape(-1, size), weights.reshape(-1, size)
    found = embedding_bag(index, rows, per_sample_weights=weights.to(rows.dtype), mode="sum")
    return found.view(*bags, rows.shape[1])


def bilinear(
    first: Tensor, stride: int, width: int, y: tuple[Tensor, Tensor], x: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Index and weights, (..., 4), for `sum_rows` from the places and weights of `corners` for y and x.

    first     (...), the row of the image's place (0, 0)
    stride    rows from one place to the next one in x
    width     of the images
    """
    index = (y[0].unsqueeze(-1) * width + x[0].unsqueeze(-2)) * stride + first[..., None, None]
    return index.flatten(-2), (y[1].unsqueeze(-1) * x[1].unsqueeze(-2)).flatten(-2)
