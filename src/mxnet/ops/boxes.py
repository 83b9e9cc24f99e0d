"""Operators on bounding boxes: overlap, suppression, matching, encoding.

"corner" boxes are (xmin, ymin, xmax, ymax), "center" boxes (x, y, width, height), in any one unit of length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base import MXNetError
from .dtypes import DTYPE_NAMES
from .registry import PartialShape, operator
from .suppression import (
    best_candidates,
    best_first,
    front_first,
    greedy_matching,
    greedy_suppression,
    pairwise_iou,
    ranks,
    rows_at,
)

Format = Literal["center", "corner"]


def to_corner(boxes: Tensor, format: str) -> Tensor:
    """The boxes as corners."""
    if format == "corner":
        return boxes
    center, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([center - half, center + half], -1)


def to_center(boxes: Tensor) -> Tensor:
    """Corner boxes as centers and sizes."""
    size = boxes[..., 2:] - boxes[..., :2]
    return torch.cat([boxes[..., :2] + size / 2, size], -1)


def _check_float(name: str, **tensors: Tensor) -> None:
    dtypes = {tensor.dtype for tensor in tensors.values()}
    if len(dtypes) != 1 or not next(iter(dtypes)).is_floating_point:
        given = ", ".join(f"{key} {DTYPE_NAMES[tensor.dtype]}" for key, tensor in tensors.items())
        raise MXNetError(f"{name}: dtypes are {given}; expected one floating dtype for all; cast with astype.")


@operator("_contrib_box_iou")
def box_iou(lhs: Tensor, rhs: Tensor, *, format: Format = "corner") -> Tensor:
    """Intersection over union of every box in lhs with every box in rhs.

    Args:
        lhs, rhs: (*L, 4) and (*R, 4) boxes of at least two axes, of one floating dtype.
        format: "corner" or "center".
    Returns: (*L, *R), dtype of lhs, in [0, 1]; 0 where the union is empty. Its gradient is zero.
    Raises: MXNetError if a last axis is not 4 or dtypes differ or are integer.
    Source: Everingham et al., The PASCAL VOC Challenge, IJCV 2010.
    """
    if lhs.ndim < 2 or rhs.ndim < 2 or lhs.shape[-1] != 4 or rhs.shape[-1] != 4:
        raise MXNetError(
            f"_contrib_box_iou: lhs has shape {tuple(lhs.shape)}, rhs {tuple(rhs.shape)}; expected (..., 4) with at "
            "least two axes for both."
        )
    _check_float("_contrib_box_iou", lhs=lhs, rhs=rhs)
    iou = pairwise_iou(to_corner(lhs, format).reshape(-1, 4), to_corner(rhs, format).reshape(-1, 4))
    return iou.view(*lhs.shape[:-1], *rhs.shape[:-1])


@box_iou.gradient
def _(head_grad: Tensor, lhs: Tensor, rhs: Tensor, *, format: str) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(lhs), torch.zeros_like(rhs)


def _nms(
    data: Tensor, overlap_thresh: float, valid_thresh: float, topk: int, coord_start: int, score_index: int,
    id_index: int, background_id: int, force_suppress: bool, in_format: str,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Row numbers (B, n) with the remaining boxes first, and which of them remain; all others are gone."""
    rows = data.view(-1, *data.shape[-2:])
    score = rows[..., score_index]
    candidate = score > valid_thresh
    group = torch.zeros_like(score)
    if id_index >= 0:
        candidate &= rows[..., id_index] != background_id
        if not force_suppress:
            group = rows[..., id_index]
    order = best_candidates(score, candidate, topk) if topk > 0 else best_first(score, candidate)
    candidate = candidate.gather(1, order)
    boxes = to_corner(rows_at(rows[..., coord_start : coord_start + 4], order), in_format)
    keep = greedy_suppression(boxes, group.gather(1, order), candidate, overlap_thresh, False, 0.0)
    front = front_first(keep)
    return order.gather(1, front), keep.gather(1, front)


@operator("_contrib_box_nms", aliases=("_contrib_box_non_maximum_suppression",), num_outputs=2, num_visible_outputs=1)
def box_nms(
    data: Tensor, *, overlap_thresh: float = 0.5, valid_thresh: float = 0.0, topk: int = -1, coord_start: int = 2,
    score_index: int = 1, id_index: int = -1, background_id: int = -1, force_suppress: bool = False,
    in_format: Format = "corner", out_format: Format = "corner",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Non-maximum suppression: of boxes that overlap, the one with the highest score remains.

    Args:
        data: (..., boxes, width) of floats; each row holds a box, its score, perhaps its class, and anything else.
        overlap_thresh: a box goes if its IoU with a better remaining one is larger.
        valid_thresh: boxes whose score is not larger are left out.
        topk: only the best so many are considered; negative: all; 0: data is returned as it is.
        coord_start: where the four coordinates begin in a row.
        score_index: where the score is.
        id_index: where the class is; negative: there is none.
        background_id: boxes of this class are left out.
        force_suppress: boxes remove those of other classes too.
        in_format, out_format: "corner" or "center", of the boxes in data and in the result.
    Returns: shape of data; the remaining rows first, best first, equal scores as they come; all other rows are -1.
        The gradient goes to the rows that remain.
    Raises: MXNetError if an index is out of range or two of them meet.
    """
    width = data.shape[-1]
    taken = range(coord_start, coord_start + 4)
    if data.ndim < 2 or not 0 <= coord_start <= width - 4:
        raise MXNetError(
            f"_contrib_box_nms: data has shape {tuple(data.shape)}, coord_start is {coord_start}; expected "
            "(..., boxes, width) with coord_start + 4 <= width."
        )
    for name, index in (("score_index", score_index), ("id_index", id_index)):
        if index >= width or index in taken or (index < 0 and name == "score_index"):
            raise MXNetError(
                f"_contrib_box_nms: {name} is {index}; expected a place in a row of {width} that is not one of the "
                f"coordinates, {coord_start} to {coord_start + 3}."
            )
    if id_index == score_index:
        raise MXNetError(f"_contrib_box_nms: id_index and score_index are both {id_index}; expected different places.")
    _check_float("_contrib_box_nms", data=data)
    number = torch.arange(data.shape[-2], device=data.device, dtype=torch.float32)
    if topk == 0:
        return data.clone(), number.expand(data.shape[:-1]).unsqueeze(-1).contiguous()
    order, keep = _nms(
        data, overlap_thresh, valid_thresh, topk, coord_start, score_index, id_index, background_id, force_suppress,
        in_format,
    )  # fmt: skip
    rows = rows_at(data.view(-1, *data.shape[-2:]), order)
    if in_format != out_format:
        boxes = rows[..., coord_start : coord_start + 4]
        boxes = to_corner(boxes, "center") if out_format == "corner" else to_center(boxes)
        rows = torch.cat([rows[..., :coord_start], boxes, rows[..., coord_start + 4 :]], -1)
    rows = torch.where(keep.unsqueeze(2), rows, -1)
    number = torch.where(keep, order, -1).to(torch.float32)
    missing = data.shape[-2] - rows.shape[1]
    if missing:
        rows, number = F.pad(rows, (0, 0, 0, missing), value=-1), F.pad(number, (0, missing), value=-1)
    return rows.view(data.shape), number.view(*data.shape[:-1], 1)


@box_nms.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    data = inputs[0] or outputs[0]
    return [data], [data, None if data is None else (*data[:-1], 1)]


@box_nms.infer_dtype
def _(
    inputs: Sequence[str | None], outputs: Sequence[str | None], **_: Any
) -> tuple[list[str | None], list[str | None]]:
    dtype = inputs[0] or outputs[0]
    return [dtype], [dtype, "float32"]


@box_nms.gradient
def _(head_grad: tuple[Tensor, Tensor], data: Tensor, out: tuple[Tensor, Tensor], **_: Any) -> Tensor:
    rows = out[1].view(-1, data.shape[-2], 1).long()
    passed = head_grad[0].reshape(-1, *data.shape[-2:]).masked_fill(rows < 0, 0)
    result = torch.zeros_like(passed).scatter_add_(1, rows.clamp(min=0).expand_as(passed), passed)
    return result.view(data.shape)


@operator("_contrib_bipartite_matching", num_outputs=2)
def bipartite_matching(
    data: Tensor, *, is_ascend: bool = False, threshold: float, topk: int = -1
) -> tuple[Tensor, Tensor]:
    """Greedy one-to-one matching: again and again, the best pair of a free row and a free column.

    Args:
        data: (..., rows, columns) of scores; of equal scores the first in reading order is taken.
        is_ascend: the smallest score is the best, rather than the largest.
        threshold: pairs must be better.
        topk: when positive, matching stops after topk + 1 pairs (as MXNet does).
    Returns: (..., rows), the column of each row, and (..., columns), the row of each column; -1 for none. The
        gradient is zero.
    """
    if data.ndim < 2:
        raise MXNetError(
            f"_contrib_bipartite_matching: data has shape {tuple(data.shape)}; expected (..., rows, columns)."
        )
    _check_float("_contrib_bipartite_matching", data=data)
    rows, columns = data.shape[-2:]
    score = data.detach().reshape(-1, rows, columns)
    score = torch.where(score < threshold, -score, -torch.inf) if is_ascend else score.masked_fill(
        ~(score > threshold), -torch.inf
    )  # fmt: skip
    match = greedy_matching(score)
    if topk > 0:
        taken = score.gather(2, match.clamp(min=0).unsqueeze(2)).squeeze(2).masked_fill(match < 0, -torch.inf)
        rank = ranks(best_first(taken, match >= 0))
        match = match.masked_fill(rank > topk, -1)
    row = torch.arange(rows, device=data.device).expand_as(match)
    columns_match = torch.full((match.shape[0], columns + 1), -1, dtype=torch.long, device=data.device)
    columns_match.scatter_(1, torch.where(match < 0, columns, match), row)
    shape = data.shape[:-2]
    return (
        match.to(data.dtype).view(*shape, rows),
        columns_match[:, :columns].to(data.dtype).reshape(*shape, columns),
    )  # fmt: skip


@bipartite_matching.gradient
def _(head_grad: tuple[Tensor, Tensor], data: Tensor, **_: Any) -> Tensor:
    return torch.zeros_like(data)


@operator("_contrib_box_encode", num_outputs=2)
def box_encode(
    samples: Tensor, matches: Tensor, anchors: Tensor, refs: Tensor, means: Tensor, stds: Tensor
) -> tuple[Tensor, Tensor]:
    """Targets for box regression: how each anchor must move and grow to become the box it is matched with.

    Args:
        samples: (batch, anchors), larger than 0.5 for the anchors to train.
        matches: (batch, anchors), number of the matched box; fractions are cut off.
        anchors: (batch, anchors, 4) corners.
        refs: (batch, boxes, 4) corners.
        means, stds: (4,), subtracted from, then dividing the targets (dx, dy, dlog width, dlog height).
    Returns: (batch, anchors, 4) targets, and 1 where they count; both 0 elsewhere. The gradient is zero.
    """
    batch, count = samples.shape[:2]
    if (
        samples.shape != matches.shape or samples.ndim != 2 or anchors.shape != (batch, count, 4) or refs.ndim != 3
        or refs.shape[0] != batch or refs.shape[2] != 4 or means.numel() != 4 or stds.numel() != 4
    ):  # fmt: skip
        raise MXNetError(
            f"_contrib_box_encode: samples has shape {tuple(samples.shape)}, matches {tuple(matches.shape)}, anchors "
            f"{tuple(anchors.shape)}, refs {tuple(refs.shape)}, means {tuple(means.shape)}, stds {tuple(stds.shape)}; "
            "expected (B, N), (B, N), (B, N, 4), (B, M, 4), (4,), (4,)."
        )
    chosen = matches.long().clamp(0, max(refs.shape[1] - 1, 0)).unsqueeze(2)
    boxes, anchors = to_center(refs.take_along_dim(chosen, 1)), to_center(anchors)
    shift = (boxes[..., :2] - anchors[..., :2]) / anchors[..., 2:]
    growth = (boxes[..., 2:] / anchors[..., 2:]).log()
    targets = (torch.cat([shift, growth], 2) - means) / stds
    counts = (samples > 0.5).unsqueeze(2).expand_as(targets)
    return targets.masked_fill(~counts, 0), counts.to(targets.dtype)


@box_encode.gradient
def _(
    head_grad: tuple[Tensor, Tensor], samples: Tensor, matches: Tensor, anchors: Tensor, refs: Tensor, means: Tensor,
    stds: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    return tuple(torch.zeros_like(tensor) for tensor in (samples, matches, anchors, refs, means, stds))


@operator("_contrib_box_decode")
def box_decode(
    data: Tensor, anchors: Tensor, *, std0: float = 1.0, std1: float = 1.0, std2: float = 1.0, std3: float = 1.0,
    clip: float = -1.0, format: Format = "center",
) -> Tensor:  # fmt: skip
    """Boxes from predicted shifts and growths of anchors, the inverse of `box_encode` with means of 0.

    Args:
        data: (batch, anchors, 4) of (dx, dy, dlog width, dlog height).
        anchors: (1, anchors, 4) in the given format.
        std0, std1, std2, std3: factors of the four columns of data.
        clip: when positive, the most that log sizes may grow.
        format: "center" or "corner", of the anchors.
    Returns: (batch, anchors, 4) corners. The gradient is zero.
    """
    if data.ndim != 3 or data.shape[2] != 4 or anchors.shape != (1, *data.shape[1:]):
        raise MXNetError(
            f"_contrib_box_decode: data has shape {tuple(data.shape)}, anchors {tuple(anchors.shape)}; expected "
            "(batch, N, 4) and (1, N, 4)."
        )
    anchors = to_center(anchors) if format == "corner" else anchors
    size = anchors[..., 2:]
    scale = torch.tensor([std0, std1, std2, std3], dtype=data.dtype, device=data.device)
    moves = data * scale
    center = moves[..., :2] * size + anchors[..., :2]
    growth = moves[..., 2:].clamp(max=clip) if clip > 0 else moves[..., 2:]
    half = growth.exp() * size / 2
    return torch.cat([center - half, center + half], 2)


@box_decode.gradient
def _(head_grad: Tensor, data: Tensor, anchors: Tensor, **_: Any) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(data), torch.zeros_like(anchors)
