"""Region proposals from the two maps that a region proposal network predicts.

Source: Ren et al., Faster R-CNN, NeurIPS 2015; corners are pixels that belong to the box, so that sizes are one larger
than differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Floats
from .dtypes import DTYPE_NAMES
from .registry import Operator, PartialShape, operator
from .suppression import front_first, greedy_suppression, rows_at


def _base_anchors(stride: int, ratios: Floats, scales: Floats) -> list[list[float]]:
    """The anchors of the first place: for each ratio of height to width every scale, sides rounded to whole pixels."""
    center = (stride - 1) / 2
    anchors = []
    for ratio in ratios:
        width = math.floor(math.sqrt(math.floor(stride * stride / ratio)) + 0.5)
        height = math.floor(width * ratio + 0.5)
        for scale in scales:
            x, y = (width * scale - 1) / 2, (height * scale - 1) / 2
            anchors.append([center - x, center - y, center + x, center + y])
    return anchors


def _propose(
    name: str, cls_prob: Tensor, bbox_pred: Tensor, im_info: Tensor, pre_nms: int, post_nms: int, threshold: float,
    min_size: int, scales: Floats, ratios: Floats, stride: int, iou_loss: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    count = len(scales) * len(ratios)
    batch = cls_prob.shape[0]
    if (
        cls_prob.ndim != 4 or cls_prob.shape[1] != 2 * count or im_info.shape != (batch, 3)
        or bbox_pred.shape != (batch, 4 * count, *cls_prob.shape[2:])
    ):  # fmt: skip
        raise MXNetError(
            f"{name}: cls_prob has shape {tuple(cls_prob.shape)}, bbox_pred {tuple(bbox_pred.shape)}, im_info "
            f"{tuple(im_info.shape)}; expected (batch, {2 * count}, H, W), (batch, {4 * count}, H, W) and (batch, 3), "
            f"because there are {len(scales)} scales and {len(ratios)} ratios."
        )
    for key, tensor in (("cls_prob", cls_prob), ("bbox_pred", bbox_pred), ("im_info", im_info)):
        if tensor.dtype != torch.float32:
            raise MXNetError(f"{name}: {key} is {DTYPE_NAMES[tensor.dtype]}; expected float32; cast with astype.")
    device = cls_prob.device
    height, width = cls_prob.shape[2:]
    anchors = torch.tensor(_base_anchors(stride, ratios, scales), dtype=torch.float32, device=device)
    y = (torch.arange(height, device=device) * stride).view(-1, 1).expand(height, width)
    x = (torch.arange(width, device=device) * stride).expand(height, width)
    anchors = (torch.stack([x, y, x, y], 2).unsqueeze(2) + anchors).view(-1, 4)
    moves = bbox_pred.view(batch, count, 4, height, width).permute(0, 3, 4, 1, 2).reshape(batch, -1, 4)
    if iou_loss:
        boxes = anchors + moves
    else:
        size = anchors[:, 2:] - anchors[:, :2] + 1
        middle = moves[..., :2] * size + anchors[:, :2] + (size - 1) / 2
        half = (moves[..., 2:].contiguous().exp() * size - 1) / 2
        boxes = torch.cat([middle - half, middle + half], 2)
    high, wide = im_info[:, :1], im_info[:, 1:2]
    limit = torch.stack([wide, high, wide, high], 2) - 1
    boxes = torch.minimum(boxes, limit).clamp(min=0)
    score = cls_prob[:, count:].permute(0, 2, 3, 1)
    rows = torch.arange(height, device=device).view(1, -1, 1, 1)
    columns = torch.arange(width, device=device).view(1, 1, -1, 1)
    outside = (rows >= (high / stride).long().view(-1, 1, 1, 1)) | (columns >= (wide / stride).long().view(-1, 1, 1, 1))
    score = score.masked_fill(outside, -1).reshape(batch, -1)
    least = (min_size * im_info[:, 2]).view(-1, 1)
    small = (boxes[..., 2] - boxes[..., 0] + 1 < least) | (boxes[..., 3] - boxes[..., 1] + 1 < least)
    grow = (least / 2).unsqueeze(2) * torch.tensor([-1.0, -1.0, 1.0, 1.0], device=device)
    boxes = torch.where(small.unsqueeze(2), boxes + grow, boxes)
    score = score.masked_fill(small, -1)
    total = score.shape[1]
    kept = min(pre_nms, total) if pre_nms > 0 else total
    order = score.argsort(stable=True, dim=1, descending=True)[:, :kept]
    boxes, score = rows_at(boxes, order), score.gather(1, order)
    everything = torch.ones_like(score, dtype=torch.bool)
    keep = greedy_suppression(boxes, torch.zeros_like(score), everything, threshold, False, 1.0, post_nms)
    front = front_first(keep)
    remaining = keep.sum(1, keepdim=True).clamp(max=post_nms)
    chosen = front.gather(1, torch.arange(post_nms, device=device) % remaining)
    boxes, score = rows_at(boxes, chosen), score.gather(1, chosen)
    number = torch.arange(batch, device=device, dtype=torch.float32).view(-1, 1, 1).expand(batch, post_nms, 1)
    return torch.cat([number, boxes], 2).view(-1, 5), score.reshape(-1, 1)


def _visible(*, output_score: bool, **_: Any) -> int:
    return 2 if output_score else 1


def _output_names(*, output_score: bool, **_: Any) -> tuple[str, ...]:
    return ("output", "score")


@operator("_contrib_MultiProposal", num_outputs=2, num_visible_outputs=_visible, output_names=_output_names)
def multi_proposal(
    cls_prob: Tensor, bbox_pred: Tensor, im_info: Tensor, *, rpn_pre_nms_top_n: int = 6000,
    rpn_post_nms_top_n: int = 300, threshold: float = 0.7, rpn_min_size: int = 16,
    scales: Floats = (4.0, 8.0, 16.0, 32.0), ratios: Floats = (0.5, 1.0, 2.0), feature_stride: int = 16,
    output_score: bool = False, iou_loss: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Regions likely to hold an object.

    Args:
        cls_prob: (batch, 2 * anchors, height, width) probabilities: of the background for each anchor, then of an
            object.
        bbox_pred: (batch, 4 * anchors, height, width), how each anchor must move and grow.
        im_info: (batch, 3), height and width of each image in pixels, and its scale.
        rpn_pre_nms_top_n: so many of the most probable boxes are considered; not positive: all.
        rpn_post_nms_top_n: so many boxes are returned for each image; where fewer remain, they are repeated.
        threshold: a box goes if its IoU with a more probable one is larger.
        rpn_min_size: boxes smaller than this, in pixels of the image before scaling, are enlarged by it and come last.
        scales, ratios: sides of the anchors in units of the stride, and height to width.
        feature_stride: pixels of the image per place of the maps.
        output_score: return the probabilities as well.
        iou_loss: bbox_pred is added to the corners.
    Returns: (batch * rpn_post_nms_top_n, 5) rows of image number and corners, in pixels; and with output_score their
        probabilities (batch * rpn_post_nms_top_n, 1), -1 for boxes that are small or outside the image. Gradients are
        zero.
    """
    return _propose(
        "_contrib_MultiProposal", cls_prob, bbox_pred, im_info, rpn_pre_nms_top_n, rpn_post_nms_top_n, threshold,
        rpn_min_size, scales, ratios, feature_stride, iou_loss,
    )  # fmt: skip


@operator("_contrib_Proposal", num_outputs=2, num_visible_outputs=_visible, output_names=_output_names)
def proposal(
    cls_prob: Tensor, bbox_pred: Tensor, im_info: Tensor, *, rpn_pre_nms_top_n: int = 6000,
    rpn_post_nms_top_n: int = 300, threshold: float = 0.7, rpn_min_size: int = 16,
    scales: Floats = (4.0, 8.0, 16.0, 32.0), ratios: Floats = (0.5, 1.0, 2.0), feature_stride: int = 16,
    output_score: bool = False, iou_loss: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Regions of one image likely to hold an object; as `_contrib_MultiProposal` with a batch of 1.

    Raises: MXNetError for a larger batch.
    """
    if cls_prob.shape[0] != 1:
        raise MXNetError(
            f"_contrib_Proposal: cls_prob has shape {tuple(cls_prob.shape)}; expected a batch of 1; use MultiProposal."
        )
    return _propose(
        "_contrib_Proposal", cls_prob, bbox_pred, im_info, rpn_pre_nms_top_n, rpn_post_nms_top_n, threshold,
        rpn_min_size, scales, ratios, feature_stride, iou_loss,
    )  # fmt: skip


def _infer_shape(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, rpn_post_nms_top_n: int, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    cls_prob, bbox_pred, im_info = inputs
    batch = -1
    if cls_prob is not None and len(cls_prob) == 4:
        batch = cls_prob[0]
        channels = -1 if cls_prob[1] == -1 else 2 * cls_prob[1]
        bbox_pred = bbox_pred or (batch, channels, *cls_prob[2:])
        im_info = im_info or (batch, 3)
    rows = -1 if batch == -1 else batch * rpn_post_nms_top_n
    return [cls_prob, bbox_pred, im_info], [(rows, 5), (rows, 1)]


def _no_gradient(head_grad: Any, cls_prob: Tensor, bbox_pred: Tensor, im_info: Tensor, **_: Any) -> tuple[Tensor, ...]:
    return torch.zeros_like(cls_prob), torch.zeros_like(bbox_pred), torch.zeros_like(im_info)


def _declare_rules(op: Operator) -> None:
    op.infer_shape(_infer_shape)
    op.gradient(_no_gradient)


_declare_rules(multi_proposal)
_declare_rules(proposal)
