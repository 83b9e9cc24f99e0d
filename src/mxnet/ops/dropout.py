"""Dropout."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Generator, Tensor

from ..base import MXNetError
from .attributes import Shape
from .inference import normalize_axis
from .registry import operator

_MANY = 1 << 11


@operator(
    "Dropout", num_outputs=2, num_visible_outputs=1, output_names=("output", "mask"), elementwise=True, view=True,
    reuses_input={0: 0},
)  # fmt: skip
def dropout(
    data: Tensor, *, p: float = 0.5, mode: Literal["always", "training"] = "training", axes: Shape = (),
    cudnn_off: bool | None = False, training: bool, generator: Generator | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Set each element to zero with probability p, and multiply the others by ``1 / (1 - p)``.

    Args:
        data: any shape, a floating dtype.
        p: in [0, 1].
        mode: "training", nothing happens outside the training mode; "always".
        axes: along these axes the elements are dropped or kept together.
        cudnn_off: no meaning here, accepted for compatibility.
    Returns: the result; hidden, the mask of factors.
    Raises: MXNetError if p isn't in [0, 1], or dtype isn't floating.
    """
    if not 0 <= p <= 1:
        raise MXNetError(f"Dropout: p is {p}; expected a probability, 0 <= p <= 1.")
    if not data.is_floating_point():
        raise MXNetError(f"Dropout: data has dtype {data.dtype}; expected a floating dtype. Cast it first.")
    if p == 0 or not (training or mode == "always"):
        return data, data
    shape = list(data.shape)
    for axis in axes:
        shape[normalize_axis(axis, data.ndim, "Dropout")] = 1
    mask = _draw(shape, 1 - p, data, generator).div_(1 - p)
    return data * mask, mask.expand_as(data) if axes else mask


def _draw(shape: list[int], chance: float, data: Tensor, generator: Generator | None) -> Tensor:
    """1 with this chance and 0 otherwise, in the dtype of data and on its device.

    On a CPU bernoulli_ is slow for many elements: there, the halves of random 64-bit numbers are compared with the
    chance, which is rounded to a multiple of 2**-32 (bernoulli_ compares 24 bits).
    """
    size = math.prod(shape)
    if data.device.type != "cpu" or size < _MANY or chance in (0, 1):
        return torch.empty(shape, dtype=data.dtype, device=data.device).bernoulli_(chance, generator=generator)
    bits = torch.empty((size + 1) // 2, dtype=torch.int64, device=data.device)
    bits.random_(-(2**63), None, generator=generator)
    threshold = round(chance * 2**32) - 2**31
    return (bits.view(torch.int32)[:size].view(shape) < threshold).to(data.dtype)
