"""Greedy choices among boxes, exact and without a loop over boxes: non-maximum suppression, one-to-one matching.

Both are custom operators of torch: how many rounds they need depends on values, so a traced graph holds them whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .ordering import first_places

_BLOCK, _LONG_BLOCK = 64, 256  # boxes of a group settled at once: where there are many groups, and where there are few
_PAIRS = 1 << 18  # pairs of boxes compared at once: what is in between stays in the cache

# torch.library.Library rather than custom_op, whose first call imports the compiler.
_LIBRARY: Any = torch.library.Library("mxnext", "FRAGMENT")  # type: ignore[no-untyped-call]
_LIBRARY.define(
    "greedy_suppression(Tensor boxes, Tensor group, Tensor candidate, float threshold, bool inclusive, float extra, "
    "int enough) -> Tensor"
)
_LIBRARY.define("best_candidates(Tensor score, Tensor candidate, int count) -> Tensor")
_LIBRARY.define("greedy_matching(Tensor score) -> Tensor")


def pairwise_iou(lhs: Tensor, rhs: Tensor) -> Tensor:
    """Intersection over union of (..., L, 4) with (..., R, 4) corner boxes: (..., L, R), 0 where the union is empty."""
    overlap, union = _overlap_and_union(_coordinates(lhs, 0.0), _coordinates(rhs, 0.0), 0.0)
    return overlap.div_(union).masked_fill_(union <= 0, 0)


def _coordinates(boxes: Tensor, extra: float) -> Tensor:
    """The corners of (..., 4) boxes and their areas, one contiguous row for each: (5, ...)."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    area = (x2 - x1 + extra).clamp_(min=0) * (y2 - y1 + extra).clamp_(min=0)
    return torch.stack([x1, y1, x2, y2, area])


def _overlap_and_union(lhs: Tensor, rhs: Tensor, extra: float, buffers: Sequence[Tensor] = ()) -> tuple[Tensor, Tensor]:
    """Areas of the overlap and the union of (5, ..., L) and (5, ..., R) coordinates: (..., L, R) both.

    extra is added to every width and height. Three flat buffers, where given, take the results.
    """
    left, right = lhs.unsqueeze(-1), rhs.unsqueeze(-2)
    shape = (*left.shape[1:-1], right.shape[-1])
    width, height, other = (buffer[: math.prod(shape)].view(shape) for buffer in buffers) if buffers else [None] * 3
    other = torch.maximum(left[0], right[0], out=other)
    width = torch.minimum(left[2], right[2], out=width).sub_(other)
    other = torch.maximum(left[1], right[1], out=other)
    height = torch.minimum(left[3], right[3], out=height).sub_(other)
    if extra:
        width, height = width.add_(extra), height.add_(extra)
    overlap = width.clamp_(min=0).mul_(height.clamp_(min=0))
    return overlap, torch.add(left[4], right[4], out=other).sub_(overlap)


def greedy_suppression(
    boxes: Tensor, group: Tensor, candidate: Tensor, threshold: float, inclusive: bool, extra: float, enough: int = 0
) -> Tensor:
    """Which candidates remain when each one, in order, removes the later ones of its group that overlap it too much.

    The candidates of a group are taken in blocks. Within a block the remaining ones are the fixed point of "no
    remaining earlier one overlaps me", which is reached from "all remain" after as many steps as the longest chain of
    removals; what remains of a block then removes from all that follow, and the rest moves up.

    Args:
        boxes: (B, N, 4) corners, best first.
        group: (B, N); boxes of different groups don't see each other.
        candidate: (B, N) booleans; the others neither remain nor remove.
        threshold, inclusive: a box is removed where IoU > threshold, or >= threshold; two empty boxes never remove
            each other.
        extra: added to every width and height: 1 where corners are pixels that belong to the box.
        enough: when positive, only so many of the remaining boxes of each group are wanted, the first ones; which
            others are said to remain is then open.
    Returns: (B, N) booleans.
    """
    result: Tensor = torch.ops.mxnext.greedy_suppression(boxes, group, candidate, threshold, inclusive, extra, enough)
    return result


@torch.no_grad()
def _greedy_suppression(
    boxes: Tensor, group: Tensor, candidate: Tensor, threshold: float, inclusive: bool, extra: float, enough: int
) -> Tensor:
    keep = torch.zeros_like(candidate)
    batch, position = candidate.nonzero(as_tuple=True)
    if not len(batch):
        return keep
    values, label = torch.unique(group[batch, position], return_inverse=True)
    label = batch * len(values) + label
    _, label, counts = torch.unique(label, return_inverse=True, return_counts=True)
    order = label.argsort(stable=True)  # by group, best first
    start = counts.cumsum(0) - counts
    rank = torch.arange(len(order), device=order.device) - start[label[order]]
    absent = boxes.new_full((1, 4), torch.nan)
    coordinates = _coordinates(torch.cat([boxes.reshape(-1, 4), absent]), extra)  # -1 in the table is the last, absent
    table = torch.full((len(counts), int(counts.max())), -1, dtype=torch.long, device=boxes.device)
    table[label[order], rank] = (batch * candidate.shape[1] + position)[order]
    block = _BLOCK if len(counts) > _LONG_BLOCK // _BLOCK else _LONG_BLOCK
    buffers = [boxes.new_empty(max(_PAIRS, len(counts) * block**2)) for _ in range(3)]
    found = torch.zeros_like(counts)

    def overlaps(some: Tensor, others: Tensor) -> Tensor:
        """The IoU of the boxes of the numbers (G, L) and (G, R), -inf where it is not defined: (G, L, R)."""
        overlap, union = _overlap_and_union(coordinates[:, some], coordinates[:, others], extra, buffers)
        return overlap.div_(union).nan_to_num_(-torch.inf)  # several times faster than a mask

    def is_over(iou: Tensor) -> Tensor:
        return iou >= threshold if inclusive else iou > threshold

    upper = torch.ones(block, block, dtype=torch.bool, device=boxes.device).triu(1)
    result = keep.view(-1)
    while table.numel():
        head, tail = table[:, :block], table[:, block:]
        present = head >= 0
        size = head.shape[1]
        removes = is_over(overlaps(head, head)) & upper[:size, :size]
        remains = present
        while True:
            following = present & ~(removes & remains.unsqueeze(2)).any(1)
            if torch.equal(following, remains):
                break
            remains = following
        result[head[remains]] = True
        if not tail.shape[1]:
            break
        if enough > 0:
            found += remains.sum(1)
            if bool((found >= enough).all()):
                break
        survivors = _front(head, remains)
        step = max(_PAIRS // (survivors.shape[1] * tail.shape[1]), 1)
        width = max(_PAIRS // survivors.shape[1], 1)
        most = torch.cat([
            torch.cat([overlaps(some, part).amax(1) for part in torch.split(parts, width, 1)], 1)
            for some, parts in zip(torch.split(survivors, step), torch.split(tail, step), strict=True)
        ])  # fmt: skip
        table = _front(tail, (tail >= 0) & ~is_over(most))
        if table.shape[1]:
            going_on = (table[:, :1] >= 0).view(-1)
            table, found = table[going_on], found[going_on]
    return keep


_LIBRARY.impl("greedy_suppression", _greedy_suppression, "CompositeExplicitAutograd")
_LIBRARY.impl("greedy_suppression", lambda boxes, group, candidate, *_: torch.empty_like(candidate), "Meta")


def _front(table: Tensor, chosen: Tensor) -> Tensor:
    """The chosen entries of each row moved to its front, -1 after them; as many columns as the longest row needs."""
    length = int(chosen.sum(1).max())
    return table.masked_fill(~chosen, -1).gather(1, front_first(chosen)[:, :length])


def greedy_matching(score: Tensor) -> Tensor:
    """For each row the column it is matched with when the best pair of free rows and columns is taken again and again.

    Of equal scores the one first in reading order counts as better; NaN and -inf are never taken. A pair is taken in
    the next round if each side is the best of the other, because no better pair can then take either away.

    Args:
        score: (B, rows, columns).
    Returns: (B, rows) int64, -1 for rows that stay free.
    """
    result: Tensor = torch.ops.mxnext.greedy_matching(score)
    return result


@torch.no_grad()
def _greedy_matching(score: Tensor) -> Tensor:
    score = score.nan_to_num(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)
    rows, columns = score.shape[1:]
    match = torch.full(score.shape[:2], -1, dtype=torch.long, device=score.device)
    if not score.numel():
        return match
    row = torch.arange(rows, device=score.device)
    while True:
        best, best_column = score.max(2)  # the first of equal ones, in both directions
        best_row = score.max(1).indices
        mutual = (best_row.gather(1, best_column) == row) & (best > -torch.inf)
        if not mutual.any():
            return match
        match = torch.where(mutual, best_column, match)
        taken = torch.zeros(score.shape[0], columns + 1, dtype=torch.bool, device=score.device)
        taken.scatter_(1, torch.where(mutual, best_column, columns), True)
        score = torch.where(mutual.unsqueeze(2) | taken[:, None, :columns], -torch.inf, score)


_LIBRARY.impl("greedy_matching", _greedy_matching, "CompositeExplicitAutograd")
_LIBRARY.impl("greedy_matching", lambda score: score.new_empty(score.shape[:2], dtype=torch.long), "Meta")


def front_first(chosen: Tensor) -> Tensor:
    """The order of (B, N) booleans with the chosen ones first, each kind as it comes."""
    count = chosen.cumsum(1)
    place = torch.where(chosen, count - 1, count[:, -1:] + (~chosen).cumsum(1) - 1)
    return ranks(place)


def ranks(order: Tensor) -> Tensor:
    """The place of each number in each row of (B, N) orders, that is, the inverse of a permutation."""
    number = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, number)


def rows_at(rows: Tensor, place: Tensor) -> Tensor:
    """The rows of (B, N, W) at the places (B, n) of each: (B, n, W)."""
    batch, count, width = rows.shape
    first = torch.arange(batch, device=rows.device).unsqueeze(1) * count
    return rows.reshape(-1, width).index_select(0, (place + first).view(-1)).view(batch, place.shape[1], width)


def best_candidates(score: Tensor, candidate: Tensor, count: int) -> Tensor:
    """The first `count` places of `best_first`; where there are fewer candidates, any other places follow them.

    Returns: (B, count), or (B, N) where N is less.
    """
    result: Tensor = torch.ops.mxnext.best_candidates(score, candidate, count)
    return result


@torch.no_grad()
def _best_candidates(score: Tensor, candidate: Tensor, count: int) -> Tensor:
    if count * 4 <= score.shape[1]:
        return first_places(torch.where(candidate, score, -torch.inf), count, True, any_infinite=True)
    return best_first(score, candidate)[:, :count].contiguous()


def _best_candidates_shape(score: Tensor, candidate: Tensor, count: int) -> Tensor:
    return score.new_empty((score.shape[0], min(count, score.shape[1])), dtype=torch.long)


_LIBRARY.impl("best_candidates", _best_candidates, "CompositeExplicitAutograd")
_LIBRARY.impl("best_candidates", _best_candidates_shape, "Meta")


def best_first(score: Tensor, candidate: Tensor) -> Tensor:
    """The order of (B, N) scores: candidates before others, the higher before the lower, equal ones as they come."""
    order = score.argsort(stable=True, dim=1, descending=True)
    return order.gather(1, front_first(candidate.gather(1, order)))
