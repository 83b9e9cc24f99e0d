"""The range that loses least when it is quantized."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ...base import MXNetError
from ..registry import PartialShape, operator
from .common import Names, Shapes, check_dtype, stop_gradient

_SMALL = 1e-4  # the count given to empty bins, taken from the others
_WORST = float(np.finfo(np.float32).max)
_NOISE = 1e-9  # less than this is what rounding leaves of equal distributions
_BLOCK = 2**18  # elements of a block of ranges


@operator("_contrib_calibrate_entropy", num_outputs=2, output_names=("threshold", "divergence"))
def calibrate_entropy(hist: Tensor, hist_edges: Tensor, *, num_quantized_bins: int = 255) -> tuple[Tensor, Tensor]:
    """The threshold beyond which numbers are clipped so that quantization changes their distribution least.

    For each range of bins around the middle one, the counts with everything beyond added to the ends (the reference)
    are compared with the same counts quantized: merged to num_quantized_bins bins and spread over those that weren't
    empty. The range with the least Kullback-Leibler divergence wins, the narrowest of equals. Empty bins of both get
    a count of 0.0001. As in MXNet, the first bin of a range counts as beyond it.

    Args:
        hist: (bins,), float32, whole numbers: counts over a range around zero.
        hist_edges: (bins + 1,), float32, where the bins begin and end.
        num_quantized_bins: at most bins.
    Returns: the threshold, (1,), the upper end of the range; and the divergence, (1,), the largest float32 if no range
        can be compared.
    Raises: MXNetError for other dtypes or shapes.
    Source: MXNet 1.9.1 contrib.calibrate_entropy; Migacz, 8-bit inference with TensorRT, GTC 2017.
    """
    name = "_contrib_calibrate_entropy"
    check_dtype(name, "hist", hist, torch.float32)
    check_dtype(name, "hist_edges", hist_edges, torch.float32)
    bins = hist.shape[0] if hist.ndim == 1 else -1
    if bins < 0 or hist_edges.shape != (bins + 1,) or not 1 < num_quantized_bins <= bins:
        raise MXNetError(
            f"{name}: hist has shape {tuple(hist.shape)}, hist_edges {tuple(hist_edges.shape)}, and num_quantized_bins "
            f"is {num_quantized_bins}; expected (bins,), (bins + 1,) and 2 to bins."
        )
    counts = hist.double()
    middle, first = bins // 2, num_quantized_bins // 2
    reaches = torch.arange(first, middle + 1, device=hist.device)
    ends = (middle + reaches + 1).clamp(max=bins)
    divergence = _divergences(counts, middle - reaches, ends, num_quantized_bins)
    best = divergence.argmin().reshape(1)
    return hist_edges[ends[best]], divergence[best].clamp(max=_WORST).float()


def _divergences(counts: Tensor, start: Tensor, end: Tensor, quantized_bins: int) -> Tensor:
    """The divergence for each range of bins [start, end); infinite where the distributions can't be compared.

    In both distributions the bins of a group of merged ones are alike but for the counts themselves, so that all comes
    from running sums, (ranges, groups), except the entropy of the counts.
    """
    sums, filled = pad(counts.cumsum(0), (1, 0)), pad((counts != 0).cumsum(0), (1, 0))
    total, size = sums[-1], end - start
    groups = torch.arange(quantized_bins, device=counts.device)
    low = start.unsqueeze(1) + groups * (size // quantized_bins).unsqueeze(1)
    high = torch.cat((low[:, 1:], end.unsqueeze(1)), 1)
    # The reference: what is beyond the range belongs to its first and last bin.
    number, mass = filled[high] - filled[low], sums[high] - sums[low]
    firsts, lasts = counts[start] + sums[start], counts[end - 1] + total - sums[end]
    number[:, 0] += ((firsts > 0) & (counts[start] == 0)).long()
    number[:, -1] += ((lasts > 0) & (counts[end - 1] == 0)).long()
    mass[:, 0] += sums[start]
    mass[:, -1] += total - sums[end]
    empty = high - low - number
    taken = _taken(number.sum(1), size)
    entropy = _entropy(counts, start, end, taken) + _plogp(firsts - taken) + _plogp(lasts - taken)
    entropy = entropy + _plogp(torch.full_like(total, _SMALL)) * empty.sum(1)
    # Quantized: the mean of the filled bins of a group, without the first bin of the range.
    inner = torch.maximum(low, start.unsqueeze(1) + 1)
    inner_number = filled[high] - filled[inner]
    spread = (sums[high] - sums[inner]) / inner_number
    kept = inner_number > 0
    quantized_total = torch.where(kept, spread * number, 0.0).sum(1)
    logs = torch.where(kept, (spread - _taken((number * kept).sum(1), size).unsqueeze(1)).log(), math.log(_SMALL))
    cross = ((mass - taken.unsqueeze(1) * number) * logs).sum(1) + _SMALL * math.log(_SMALL) * empty.sum(1)
    divergence = (entropy - cross) / total - (total / quantized_total).log()
    divergence = divergence.masked_fill(divergence < _NOISE, 0)
    return torch.where(divergence.isnan(), torch.inf, divergence)


def _taken(number: Tensor, size: Tensor) -> Tensor:
    """What each filled bin gives to the empty ones; NaN where it hasn't enough."""
    share = _SMALL * (size - number) / number
    return torch.where(share < 1, share, torch.nan)


def _plogp(counts: Tensor) -> Tensor:
    """x log x, and 0 for an empty bin, from which nothing is taken."""
    minus: Tensor = torch.special.entr(counts.clamp(min=0))
    return minus.neg()


def _entropy(counts: Tensor, start: Tensor, end: Tensor, taken: Tensor) -> Tensor:
    """The sum of x log x over the filled bins between the ends of each range, by blocks of ranges."""
    rows = max(1, _BLOCK // counts.shape[0])
    parts = []
    for first in range(0, start.shape[0], rows):
        block = slice(first, first + rows)
        place = torch.arange(counts.shape[0], device=counts.device)
        inside = (place > start[block].unsqueeze(1)) & (place < end[block].unsqueeze(1) - 1)
        parts.append(torch.where(inside, _plogp(counts - taken[block].unsqueeze(1)), 0.0).sum(1))
    return torch.cat(parts)


@calibrate_entropy.infer_shape
def _(inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any) -> tuple[Shapes, Shapes]:
    hist, edges = inputs
    if hist is not None and edges is None:
        edges = (hist[0] + 1 if hist[0] != -1 else -1,)
    return [hist, edges], [(1,), (1,)]


@calibrate_entropy.infer_dtype
def _(inputs: Sequence[str | None], outputs: Sequence[str | None], **_: Any) -> tuple[Names, Names]:
    return ["float32", "float32"], ["float32", "float32"]


stop_gradient(calibrate_entropy)
