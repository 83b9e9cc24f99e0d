"""The range that loses least when it is quantized."""

from __future__ import annotations

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
_ROWS = 2**22  # elements of a block of candidates


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
    rows = max(1, _ROWS // bins)
    divergence = torch.cat(
        [
            _divergences(counts, middle - block, end, num_quantized_bins)
            for block, end in zip(torch.split(reaches, rows), torch.split(ends, rows), strict=True)
        ]
    )
    best = divergence.argmin().reshape(1)
    return hist_edges[ends[best]], divergence[best].clamp(max=_WORST).float()


def _divergences(counts: Tensor, starts: Tensor, ends: Tensor, quantized_bins: int) -> Tensor:
    """The divergence for each range of bins [start, end); infinite where the distributions can't be compared."""
    place = torch.arange(counts.shape[0], device=counts.device)
    start, end = starts.unsqueeze(1), ends.unsqueeze(1)
    inside = (place >= start) & (place < end)
    sums, filled = pad(counts.cumsum(0), (1, 0)), pad((counts != 0).cumsum(0), (1, 0))
    reference = torch.where(inside, counts, 0.0)
    reference += torch.where(place == start, sums[start], 0.0)
    reference += torch.where(place == end - 1, sums[-1] - sums[end], 0.0)
    merged = (end - start) // quantized_bins
    group = ((place - start) // merged).clamp(0, quantized_bins - 1)
    low = torch.maximum(start + group * merged, start + 1)  # without the first bin
    high = torch.where(group == quantized_bins - 1, end, start + (group + 1) * merged)
    number = filled[high] - filled[low]
    spread = (sums[high] - sums[low]) / number.clamp(min=1)
    quantized = torch.where(inside & (reference != 0) & (number > 0), spread, 0.0)
    p, q = _smooth(reference, inside), _smooth(quantized, inside)
    terms = torch.where(inside, p * (p / q).log(), 0.0)
    total = terms.sum(1)
    return torch.where(total.isnan(), torch.inf, total)


def _smooth(counts: Tensor, inside: Tensor) -> Tensor:
    """Distributions without empty bins; NaN where there is nothing to take their share from."""
    empty = inside & (counts == 0)
    number, others = empty.sum(1, keepdim=True), (inside & (counts != 0)).sum(1, keepdim=True)
    share = _SMALL * number / others
    share = torch.where(share < 1, share, torch.nan)
    smooth = torch.where(empty, _SMALL + 0 * share, counts - share)
    return smooth / torch.where(inside, smooth, 0.0).sum(1, keepdim=True)


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
