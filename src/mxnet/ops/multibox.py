"""Single-shot detection: anchors of a feature map, training targets, and detections from predictions.

Boxes are corners (xmin, ymin, xmax, ymax) relative to the size of the image. Source: Liu et al., SSD: Single Shot
MultiBox Detector, ECCV 2016.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Floats
from .boxes import to_center
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


def _check_float32(name: str, **tensors: Tensor) -> None:
    wrong = [f"{key} {DTYPE_NAMES[tensor.dtype]}" for key, tensor in tensors.items() if tensor.dtype != torch.float32]
    if wrong:
        raise MXNetError(f"{name}: {', '.join(wrong)}; expected float32; cast with astype('float32').")


def _check_four(name: str, variances: Floats) -> None:
    if len(variances) != 4:
        raise MXNetError(f"{name}: variances is {variances}; expected four numbers.")


@operator("_contrib_MultiBoxPrior")
def multi_box_prior(
    data: Tensor, *, sizes: Floats = (1.0,), ratios: Floats = (1.0,), clip: bool = False, steps: Floats = (-1.0, -1.0),
    offsets: Floats = (0.5, 0.5),
) -> Tensor:  # fmt: skip
    """Anchors centred on each place of a feature map: every size with the first ratio, the first size with the others.

    Args:
        data: (batch, channels, height, width); only the shape matters.
        sizes: sides of the anchors, relative to the height of the image.
        ratios: width to height.
        clip: limit the anchors to the image, [0, 1].
        steps: (y, x) distances of the places, relative to the image; one not positive: 1 / height and 1 / width.
        offsets: (y, x) of the first place, in steps.
    Returns: (1, height * width * (len(sizes) + len(ratios) - 1), 4) float32. The gradient is zero.
    """
    if data.ndim < 4 or not sizes or not ratios or len(steps) != 2 or len(offsets) != 2:
        raise MXNetError(
            f"_contrib_MultiBoxPrior: data has shape {tuple(data.shape)}, sizes={sizes}, ratios={ratios}, "
            f"steps={steps}, offsets={offsets}; expected (batch, channels, height, width), some sizes and ratios, two "
            "steps and two offsets."
        )
    _check_float32("_contrib_MultiBoxPrior", data=data)
    height, width = data.shape[2:4]
    step_y, step_x = steps if min(steps) > 0 else (1 / height, 1 / width)
    roots = [math.sqrt(ratio) for ratio in ratios]
    halves = [(size * height / width * roots[0] / 2, size / roots[0] / 2) for size in sizes]
    halves += [(sizes[0] * height / width * root / 2, sizes[0] / root / 2) for root in roots[1:]]
    half = torch.tensor(halves, dtype=torch.float32, device=data.device)
    y = (torch.arange(height, device=data.device, dtype=torch.float32) + offsets[0]) * step_y
    x = (torch.arange(width, device=data.device, dtype=torch.float32) + offsets[1]) * step_x
    center = torch.stack([x.expand(height, width), y.unsqueeze(1).expand(height, width)], 2).unsqueeze(2)
    anchors = torch.cat([center - half, center + half], 3).view(1, -1, 4)
    return anchors.clamp(0, 1) if clip else anchors


@multi_box_prior.gradient
def _(head_grad: Tensor, data: Tensor, **_: Any) -> Tensor:
    return torch.zeros_like(data)


@operator("_contrib_MultiBoxTarget", num_outputs=3, output_names=("loc_target", "loc_mask", "cls_target"))
def multi_box_target(
    anchor: Tensor, label: Tensor, cls_pred: Tensor, *, overlap_threshold: float = 0.5, ignore_label: float = -1.0,
    negative_mining_ratio: float = -1.0, negative_mining_thresh: float = 0.5, minimum_negative_samples: int = 0,
    variances: Floats = (0.1, 0.1, 0.2, 0.2),
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """What each anchor is to predict.

    Every object takes an anchor of its own, the best pairs first; then every other anchor takes the object that it
    overlaps most, if by more than overlap_threshold. The rest is background, or of it only what is hardest.

    Args:
        anchor: (1, anchors, 4).
        label: (batch, objects, 5 or more) rows of class, corners; a row of class -1 ends an image's objects.
        cls_pred: (batch, classes + 1, anchors) scores before softmax, of the background first.
        overlap_threshold: see above; not positive: only the pairs count.
        ignore_label: class target of anchors that don't count: in images without objects, or left out by mining.
        negative_mining_ratio: when positive, only so many times as many anchors as have objects are background: those
            of the lowest predicted background probability.
        negative_mining_thresh: anchors that overlap an object more are no candidates for background.
        minimum_negative_samples: has no effect (as in MXNet on a CPU).
        variances: divide the four location targets.
    Returns: loc_target (batch, anchors * 4), (dx / width, dy / height, dlog width, dlog height); loc_mask of the same
        shape, 1 where there is an object; cls_target (batch, anchors), class + 1, or 0 for background. Gradients are
        zero.
    """
    name = "_contrib_MultiBoxTarget"
    if (
        anchor.ndim != 3 or anchor.shape[0] != 1 or anchor.shape[2] != 4 or label.ndim != 3 or label.shape[2] < 5
        or cls_pred.ndim != 3 or cls_pred.shape[2] != anchor.shape[1]
    ):  # fmt: skip
        raise MXNetError(
            f"{name}: anchor has shape {tuple(anchor.shape)}, label {tuple(label.shape)}, cls_pred "
            f"{tuple(cls_pred.shape)}; expected (1, anchors, 4), (batch, objects, 5 or more), "
            "(batch, classes, anchors)."
        )
    _check_four(name, variances)
    _check_float32(name, anchor=anchor, label=label, cls_pred=cls_pred)
    batch, count = label.shape[0], anchor.shape[1]
    exists = (label[:, :, 0] != -1).to(torch.uint8).cumprod(1).bool()
    iou = torch.where(exists.unsqueeze(2), pairwise_iou(label[:, :, 1:5], anchor), -1)  # (batch, objects, anchors)
    match = greedy_matching(torch.where(iou <= 1e-6, -torch.inf, iou))
    object_of = torch.full((batch, count + 1), -1, dtype=torch.long, device=iou.device)
    number = torch.arange(iou.shape[1], device=iou.device).expand_as(match)
    object_of = object_of.scatter_(1, torch.where(match < 0, count, match), number)[:, :count]
    largest, best = iou.max(1)  # the first of equal ones
    if overlap_threshold > 0:
        object_of = torch.where((object_of < 0) & (largest > overlap_threshold), best, object_of)
    positive = object_of >= 0
    rows = rows_at(label, object_of.clamp(min=0))
    cls_target = torch.where(positive, rows[..., 0] + 1, 0)
    if negative_mining_ratio > 0:
        chance = cls_pred[:batch].softmax(1)[:, 0]
        candidate = ~positive & (largest < negative_mining_thresh)
        rank = ranks(best_first(-chance, candidate))
        wanted = (positive.sum(1).float() * negative_mining_ratio).long().unsqueeze(1)
        cls_target = cls_target.masked_fill(~positive & ~(candidate & (rank < wanted)), ignore_label)
    cls_target = cls_target.masked_fill(~exists[:, :1], ignore_label)
    boxes, anchors = to_center(rows[..., 1:5]), to_center(anchor)
    shift = (boxes[..., :2] - anchors[..., :2]) / anchors[..., 2:]
    growth = (boxes[..., 2:] / anchors[..., 2:]).log()
    targets = torch.cat([shift, growth], 2) / torch.tensor(variances, dtype=torch.float32, device=anchor.device)
    mask = positive.unsqueeze(2).expand(batch, count, 4)
    return torch.where(mask, targets, 0).view(batch, -1), mask.float().view(batch, -1), cls_target


@multi_box_target.gradient
def _(head_grad: Any, anchor: Tensor, label: Tensor, cls_pred: Tensor, **_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return torch.zeros_like(anchor), torch.zeros_like(label), torch.zeros_like(cls_pred)


@multi_box_target.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    anchor, label = inputs[:2]
    count = anchor[1] if anchor else -1
    batch = label[0] if label else -1
    locations = -1 if count == -1 else count * 4
    return list(inputs), [(batch, locations), (batch, locations), (batch, count)]


@operator("_contrib_MultiBoxDetection")
def multi_box_detection(
    cls_prob: Tensor, loc_pred: Tensor, anchor: Tensor, *, clip: bool = True, threshold: float = 0.01,
    background_id: int = 0, nms_threshold: float = 0.5, force_suppress: bool = False,
    variances: Floats = (0.1, 0.1, 0.2, 0.2), nms_topk: int = -1,
) -> Tensor:  # fmt: skip
    """Objects from the predictions for each anchor, after non-maximum suppression.

    Args:
        cls_prob: (batch, classes + 1, anchors) probabilities; class 0 is the background.
        loc_pred: (batch, anchors * 4) predicted shifts and log growths.
        anchor: (1, anchors, 4).
        clip: limit boxes to the image, [0, 1].
        threshold: anchors whose best class is less probable are left out.
        background_id: has no effect (as in MXNet): the background is class 0.
        nms_threshold: a box goes if its IoU with a better one is at least this; outside (0, 1] nothing goes, and rows
            are in the order of the anchors.
        force_suppress: boxes remove those of other classes too.
        variances: multiply loc_pred.
        nms_topk: when positive, all but the best so many go.
    Returns: (batch, anchors, 6) rows of class (without the background), probability, corners, best first; class -1 for
        what suppression removed; rows of -1 after them. The gradient is zero.
    """
    name = "_contrib_MultiBoxDetection"
    count = cls_prob.shape[-1]
    if (
        cls_prob.ndim != 3 or anchor.shape != (1, count, 4) or loc_pred.shape != (cls_prob.shape[0], count * 4)
    ):  # fmt: skip
        raise MXNetError(
            f"{name}: cls_prob has shape {tuple(cls_prob.shape)}, loc_pred {tuple(loc_pred.shape)}, anchor "
            f"{tuple(anchor.shape)}; expected (batch, classes, anchors), (batch, anchors * 4), (1, anchors, 4)."
        )
    _check_four(name, variances)
    _check_float32(name, cls_prob=cls_prob, loc_pred=loc_pred, anchor=anchor)
    batch = cls_prob.shape[0]
    if cls_prob.shape[1] < 2:
        return torch.full((batch, count, 6), -1.0, device=cls_prob.device)
    score = cls_prob[:, 1:].amax(1)
    classes = torch.arange(cls_prob.shape[1] - 1, device=anchor.device, dtype=torch.float32).unsqueeze(1)
    kind = torch.where(cls_prob[:, 1:] == score.unsqueeze(1), classes, torch.inf).amin(1)  # the first of equal ones
    moves = loc_pred.view(batch, count, 4).permute(2, 0, 1).contiguous()  # quicker by planes than by rows
    moves = moves * torch.tensor(variances, dtype=torch.float32, device=anchor.device).view(4, 1, 1)
    x, y, width, height = to_center(anchor).unbind(2)
    x, y = moves[0] * width + x, moves[1] * height + y
    width, height = moves[2].exp() * width / 2, moves[3].exp() * height / 2
    corners = torch.stack([x - width, y - height, x + width, y + height], 2)
    corners = corners.clamp(0, 1) if clip else corners
    found = score >= threshold
    order = front_first(found)
    found = found.gather(1, order)
    suppresses = 0 < nms_threshold <= 1
    best = found
    if suppresses and nms_topk > 0:  # rows beyond keep their place, as in MXNet
        place = torch.arange(count, device=score.device).expand_as(found)
        best = found & (place < nms_topk)
        first = best_candidates(score.gather(1, order), found, nms_topk)
        size = first.shape[1]
        first = torch.where(best[:, :size], first, place[:, :size])
        order = torch.cat([order.gather(1, first), order[:, size:]], 1)
    elif suppresses:
        order = order.gather(1, best_first(score.gather(1, order), found))
    kind, score, corners = kind.gather(1, order), score.gather(1, order), rows_at(corners, order)
    if suppresses:
        group = torch.zeros_like(kind) if force_suppress else kind
        keep = greedy_suppression(corners, group, best, nms_threshold, True, 0.0)
        kind = kind.masked_fill(~keep, -1)
    rows = torch.cat([kind.unsqueeze(2), score.unsqueeze(2), corners], 2)
    return torch.where(found.unsqueeze(2), rows, -1)


@multi_box_detection.gradient
def _(head_grad: Tensor, cls_prob: Tensor, loc_pred: Tensor, anchor: Tensor, **_: Any) -> tuple[Tensor, ...]:
    return torch.zeros_like(cls_prob), torch.zeros_like(loc_pred), torch.zeros_like(anchor)
