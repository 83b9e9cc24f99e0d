"""`mx.gluon.loss`: losses.

Unless said otherwise a loss has one value for each example: elements are averaged over all axes except batch_axis,
after they are multiplied by ``weight`` (a number given to the constructor) and ``sample_weight`` (an array that
broadcasts with them, such as (N, 1) for elements (N, C), given with each call).
"""

from __future__ import annotations

import math
from numbers import Number
from typing import Any

from .block import HybridBlock

__all__ = [
    "CTCLoss", "CosineEmbeddingLoss", "HingeLoss", "HuberLoss", "KLDivLoss", "L1Loss", "L2Loss", "LogisticLoss",
    "Loss", "PoissonNLLLoss", "SDMLLoss", "SigmoidBCELoss", "SigmoidBinaryCrossEntropyLoss", "SoftmaxCELoss",
    "SoftmaxCrossEntropyLoss", "SquaredHingeLoss", "TripletLoss",
]  # fmt: skip

_TINY = 1e-12


def _apply_weighting(F: Any, loss: Any, weight: float | None = None, sample_weight: Any = None) -> Any:
    """loss times sample_weight (broadcast) and weight, where given. Raises: AssertionError if weight is no number."""
    if sample_weight is not None:
        loss = F.broadcast_mul(loss, sample_weight)
    if weight is not None:
        if not isinstance(weight, Number):
            raise AssertionError(f"weight must be a number; it is {weight!r}")
        loss = loss * weight
    return loss


def _reshape_like(F: Any, x: Any, y: Any) -> Any:
    """x with the shape of y."""
    return F.reshape_like(x, y)


def _logistic(F: Any, pred: Any, label: Any) -> Any:
    """The binary cross entropy of sigmoid(pred) against label in [0, 1], without overflow."""
    return F.relu(pred) - pred * label + F.Activation(-F.abs(pred), act_type="softrelu")


class Loss(HybridBlock):
    """The base class of losses.

    Args:
        weight: a number that scales the loss, or None.
        batch_axis: the axis along which the examples lie.
    """

    def __init__(self, weight: float | None, batch_axis: int, **kwargs: Any):
        super().__init__(**kwargs)
        self._weight = weight
        self._batch_axis = batch_axis

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(batch_axis={self._batch_axis}, w={self._weight})"

    def _finish(self, F: Any, loss: Any, sample_weight: Any) -> Any:
        """One value for each example: the mean of its weighted elements."""
        loss = _apply_weighting(F, loss, self._weight, sample_weight)
        return F.mean(loss, axis=self._batch_axis, exclude=True)


class L2Loss(Loss):
    """``weight / 2 * (label - pred) ** 2``. Shapes: pred (N, ...), label with as many elements -> (N,)."""

    def __init__(self, weight: float = 1.0, batch_axis: int = 0, **kwargs: Any):
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        loss = F.square(_reshape_like(F, label, pred) - pred)
        loss = _apply_weighting(F, loss, self._weight / 2, sample_weight)
        return F.mean(loss, axis=self._batch_axis, exclude=True)


class L1Loss(Loss):
    """``|label - pred|``. Shapes: pred (N, ...), label with as many elements -> (N,)."""

    def __init__(self, weight: float | None = None, batch_axis: int = 0, **kwargs: Any):
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        return self._finish(F, F.abs(_reshape_like(F, label, pred) - pred), sample_weight)


class SigmoidBinaryCrossEntropyLoss(Loss):
    """``-(pos_weight * label * log(p) + (1 - label) * log(1 - p))`` with p = sigmoid(pred).

    Args:
        from_sigmoid: pred is p already. Otherwise it is any number, and nothing overflows.
    Shapes: pred (N, ...), label (in [0, 1]) with as many elements, pos_weight that broadcasts with pred -> (N,).
    """

    def __init__(self, from_sigmoid: bool = False, weight: float | None = None, batch_axis: int = 0, **kwargs: Any):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_sigmoid = from_sigmoid

    def hybrid_forward(
        self, F: Any, pred: Any, label: Any, sample_weight: Any = None, pos_weight: Any = None
    ) -> Any:
        label = _reshape_like(F, label, pred)
        if self._from_sigmoid:
            positive = F.log(pred + _TINY) * label
            if pos_weight is not None:
                positive = F.broadcast_mul(positive, pos_weight)
            loss = -(positive + F.log(1.0 - pred + _TINY) * (1.0 - label))
        elif pos_weight is None:
            loss = _logistic(F, pred, label)
        else:
            factor = 1 + F.broadcast_mul(pos_weight - 1, label)
            softplus = F.Activation(-F.abs(pred), act_type="softrelu") + F.relu(-pred)  # log(1 + exp(-pred))
            loss = pred - pred * label + factor * softplus
        return self._finish(F, loss, sample_weight)


SigmoidBCELoss = SigmoidBinaryCrossEntropyLoss


class SoftmaxCrossEntropyLoss(Loss):
    """The cross entropy of softmax(pred) against label.

    Args:
        axis: of the classes.
        sparse_label: label holds class numbers; otherwise a distribution over the classes.
        from_logits: pred is log(softmax) already.
    Shapes: pred (N, C, ...) if axis is 1, label (N, ...) or, not sparse, with as many elements as pred -> (N,).
    """

    def __init__(
        self, axis: int = -1, sparse_label: bool = True, from_logits: bool = False, weight: float | None = None,
        batch_axis: int = 0, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(weight, batch_axis, **kwargs)
        self._axis = axis
        self._sparse_label = sparse_label
        self._from_logits = from_logits

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        if not self._from_logits:
            pred = F.log_softmax(pred, axis=self._axis)
        if self._sparse_label:
            loss = -F.pick(pred, label, axis=self._axis, keepdims=True)
        else:
            loss = -F.sum(pred * _reshape_like(F, label, pred), axis=self._axis, keepdims=True)
        return self._finish(F, loss, sample_weight)


SoftmaxCELoss = SoftmaxCrossEntropyLoss


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence ``sum(label * (log(label) - pred))``, summed over all axes except batch_axis.

    Args:
        from_logits: pred is a logarithm of probabilities; otherwise log_softmax(pred) is.
        axis: of the classes, for log_softmax.
    Shapes: pred and label (N, ...) -> (N,).
    """

    def __init__(
        self, from_logits: bool = True, axis: int = -1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any
    ):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits = from_logits
        self._axis = axis

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        if not self._from_logits:
            pred = F.log_softmax(pred, axis=self._axis)
        loss = label * (F.log(label + _TINY) - pred)
        loss = _apply_weighting(F, loss, self._weight, sample_weight)
        return F.sum(loss, axis=self._batch_axis, exclude=True)


class CTCLoss(Loss):
    """Connectionist temporal classification (Graves et al., ICML 2006); the last class is the blank.

    Args:
        layout: "NTC" or "TNC", the axes of pred.
        label_layout: "NT" or "TN", the axes of label.
    Shapes: pred (N, T, classes + 1) before softmax, label (N, L) padded with -1, pred_lengths and label_lengths (N,)
        or None -> (N,).
    Raises: AssertionError for other layouts.
    """

    def __init__(self, layout: str = "NTC", label_layout: str = "NT", weight: float | None = None, **kwargs: Any):
        if layout not in ("NTC", "TNC"):
            raise AssertionError(f"Only 'NTC' and 'TNC' layouts for pred are supported. Got: {layout}")
        if label_layout not in ("NT", "TN"):
            raise AssertionError(f"Only 'NT' and 'TN' layouts for label are supported. Got: {label_layout}")
        self._layout = layout
        self._label_layout = label_layout
        super().__init__(weight, label_layout.find("N"), **kwargs)

    def hybrid_forward(
        self, F: Any, pred: Any, label: Any, pred_lengths: Any = None, label_lengths: Any = None,
        sample_weight: Any = None,
    ) -> Any:  # fmt: skip
        if self._layout == "NTC":
            pred = F.swapaxes(pred, dim1=0, dim2=1)
        if self._batch_axis == 1:
            label = F.swapaxes(label, dim1=0, dim2=1)
        loss = F.CTCLoss(
            pred, label, data_lengths=pred_lengths, label_lengths=label_lengths,
            use_data_lengths=pred_lengths is not None, use_label_lengths=label_lengths is not None, blank_label="last",
        )  # fmt: skip
        return _apply_weighting(F, loss, self._weight, sample_weight)


class HuberLoss(Loss):
    """``(label - pred) ** 2 / (2 rho)`` where ``|label - pred| <= rho``, else ``|label - pred| - rho / 2``.

    Shapes: pred (N, ...), label with as many elements -> (N,).
    """

    def __init__(self, rho: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any):
        super().__init__(weight, batch_axis, **kwargs)
        self._rho = rho

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        distance = F.abs(_reshape_like(F, label, pred) - pred)
        loss = F.where(distance > self._rho, distance - 0.5 * self._rho, (0.5 / self._rho) * F.square(distance))
        return self._finish(F, loss, sample_weight)


class HingeLoss(Loss):
    """``max(0, margin - pred * label)`` with labels -1 and 1. Shapes: pred (N, ...), label as many elements -> (N,)."""

    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        loss = F.relu(self._margin - pred * _reshape_like(F, label, pred))
        return self._finish(F, loss, sample_weight)


class SquaredHingeLoss(Loss):
    """``max(0, margin - pred * label) ** 2`` with labels -1 and 1.

    Shapes: pred (N, ...), label with as many elements -> (N,).
    """

    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        loss = F.square(F.relu(self._margin - pred * _reshape_like(F, label, pred)))
        return self._finish(F, loss, sample_weight)


class LogisticLoss(Loss):
    """``log(1 + exp(-pred * label))`` with labels -1 and 1.

    label_format is "signed", or "binary" for labels 0 and 1. Shapes: pred (N, ...), label as many elements -> (N,).
    Raises: ValueError for another label_format.
    """

    def __init__(
        self, weight: float | None = None, batch_axis: int = 0, label_format: str = "signed", **kwargs: Any
    ):
        super().__init__(weight, batch_axis, **kwargs)
        if label_format not in ("signed", "binary"):
            raise ValueError(f"label_format can only be signed or binary, received {label_format!r}.")
        self._label_format = label_format

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        label = _reshape_like(F, label, pred)
        if self._label_format == "signed":
            label = (label + 1.0) / 2.0
        return self._finish(F, _logistic(F, pred, label), sample_weight)


class TripletLoss(Loss):
    """``max(0, margin + sum((positive - pred) ** 2 - (negative - pred) ** 2))``, summed over all axes but batch_axis.

    Shapes: pred (N, ...), positive and negative with as many elements -> (N,).
    """

    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, pred: Any, positive: Any, negative: Any) -> Any:
        positive, negative = _reshape_like(F, positive, pred), _reshape_like(F, negative, pred)
        distance = F.square(positive - pred) - F.square(negative - pred)
        loss = F.relu(F.sum(distance, axis=self._batch_axis, exclude=True) + self._margin)
        return _apply_weighting(F, loss, self._weight)


class PoissonNLLLoss(Loss):
    """The negative log-likelihood of counts that have a Poisson distribution; the mean over all elements.

    Args:
        from_logits: pred is the logarithm of the expected count: ``exp(pred) - target * pred``; otherwise the expected
            count: ``pred - target * log(pred + epsilon)``.
        compute_full: add Stirling's approximation of log(target!) where target > 1.
    Shapes: pred (N, ...), target with as many elements -> (1,), the mean over everything, as in MXNet.
    """

    def __init__(
        self, weight: float | None = None, from_logits: bool = True, batch_axis: int = 0, compute_full: bool = False,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits = from_logits
        self._compute_full = compute_full

    def hybrid_forward(
        self, F: Any, pred: Any, target: Any, sample_weight: Any = None, epsilon: float = 1e-08
    ) -> Any:
        target = _reshape_like(F, target, pred)
        if self._from_logits:
            loss = F.exp(pred) - target * pred
        else:
            loss = pred - target * F.log(pred + epsilon)
        if self._compute_full:
            many = target > 1
            counts = F.where(many, target, F.ones_like(target))  # keeps log away from 0
            stirling = counts * F.log(counts) - counts + 0.5 * F.log(2 * math.pi * counts)
            loss = loss + stirling * many
        return F.mean(_apply_weighting(F, loss, self._weight, sample_weight))


class CosineEmbeddingLoss(Loss):
    """``1 - cos(input1, input2)`` where label is 1, ``max(0, cos(input1, input2) - margin)`` where it is -1.

    Shapes: input1 and input2 (N, C), label (N,) -> (N, 1).
    """

    def __init__(self, weight: float | None = None, batch_axis: int = 0, margin: float = 0, **kwargs: Any):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, input1: Any, input2: Any, label: Any, sample_weight: Any = None) -> Any:
        input1 = _reshape_like(F, input1, input2)
        label = F.reshape(label, shape=(-1, 1))
        product = F.reshape(F.sum(input1 * input2, axis=-1), shape=(-1, 1))
        lengths = (F.reshape(F.norm(x, axis=-1), shape=(-1, 1)) for x in (input1, input2))
        cosine = product / F.broadcast_maximum(next(lengths) * next(lengths), F.full((1, 1), _TINY))
        alike = (label == 1) * (1 - cosine)
        apart = (label == -1) * F.relu(cosine - self._margin)
        return _apply_weighting(F, alike + apart, self._weight, sample_weight)


class SDMLLoss(Loss):
    """Batchwise smoothed deep metric learning (Bonadiman et al., 2019): row i of x1 belongs to row i of x2.

    The other rows of x2 serve as negative examples. The loss is the divergence of softmax(-squared distance) from the
    smoothed assignment.

    Args:
        smoothing_parameter: probability that is spread over the other rows.
    Shapes: x1 and x2 (N, C), N > 1 -> (N,). weight is not applied, as in MXNet.
    """

    def __init__(self, smoothing_parameter: float = 0.3, weight: float = 1.0, batch_axis: int = 0, **kwargs: Any):
        super().__init__(weight, batch_axis, **kwargs)
        self.smoothing_parameter = smoothing_parameter

    def hybrid_forward(self, F: Any, x1: Any, x2: Any) -> Any:
        differences = F.broadcast_sub(F.expand_dims(x1, axis=1), F.expand_dims(x2, axis=0))
        log_p = F.log_softmax(-F.sum(F.square(differences), axis=2), axis=1)
        rows = F.expand_dims(F.contrib.arange_like(log_p, axis=0), axis=1)
        columns = F.expand_dims(F.contrib.arange_like(log_p, axis=1), axis=0)
        own = F.broadcast_equal(rows, columns)
        others = F.sum(1 - own, axis=1, keepdims=True)
        label = (1 - self.smoothing_parameter) * own + F.broadcast_div(self.smoothing_parameter * (1 - own), others)
        return F.sum(label * (F.log(label + _TINY) - log_p), axis=1)
