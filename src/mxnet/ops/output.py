"""Heads of networks that bring their own gradients, and losses.

The gradient of an output head is that of its loss with respect to data, whatever the head gradient is. The label gets
no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .inference import product, unify
from .registry import Operator, PartialShape, operator

Normalization = Literal["batch", "null", "valid"]
Rule = tuple[list[PartialShape], list[PartialShape]]


@operator("SoftmaxOutput", aliases=("Softmax",), loss=True)
def softmax_output(
    data: Tensor, label: Tensor, *, grad_scale: float = 1.0, ignore_label: float = -1.0, multi_output: bool = False,
    use_ignore: bool = False, preserve_shape: bool = False, normalization: Normalization = "null",
    out_grad: bool = False, smooth_alpha: float = 0.0,
) -> Tensor:  # fmt: skip
    """softmax, with the gradient of the cross entropy: ``softmax(data) - one_hot(label)``.

    Args:
        data: (batch, classes, ...).
        label: class numbers, one for each distribution in data; or probabilities, in the shape of data.
        grad_scale: multiplies the gradient.
        multi_output: the classes are axis 1, and the gradient is divided by the number of places; otherwise the
            classes are the last axis (with preserve_shape), or all but the batch, of which the first labels count.
        use_ignore, ignore_label: what has this label gets the gradient zero.
        preserve_shape: the classes are the last axis of data with more than two.
        normalization: what the gradient is divided by: nothing ("null"), the batch (the number of labels, without
            multi_output; "batch"), or the number of labels that aren't ignored ("valid").
        out_grad: multiply the gradient by the head gradient.
        smooth_alpha: how much of the probability of a label goes to the other classes, in [0, 1]; without effect
            with multi_output, as in MXNet.
    Raises: MXNetError if label has another shape, or smooth_alpha isn't in [0, 1].
    """
    if not 0 <= smooth_alpha <= 1:
        raise MXNetError(f"SoftmaxOutput: smooth_alpha is {smooth_alpha}; expected 0 <= smooth_alpha <= 1.")
    _check_label(tuple(data.shape), tuple(label.shape), multi_output)
    if multi_output:
        return torch.softmax(data, 1)
    if preserve_shape or data.ndim <= 2:
        return torch.softmax(data, -1)
    return torch.softmax(data.flatten(1), 1).view(data.shape)


def _label_shapes(data: Shape, multi_output: bool) -> tuple[Shape, ...]:
    """The shapes that a label may have, the one inferred first."""
    if not multi_output:
        return data[:-1], data
    return (data[0], product(data[2:])), (data[0], *data[2:]), (data[0], 1, *data[2:]), data


def _check_label(data: Shape, label: Shape, multi_output: bool) -> None:
    shapes = _label_shapes(data, multi_output)
    if label not in shapes:
        raise MXNetError(
            f"SoftmaxOutput: label has shape {label}; expected one of {', '.join(map(str, shapes))} for data of shape "
            f"{data}{' and multi_output' if multi_output else ''}."
        )


_MANY = 1 << 12  # elements from which on only the places of labels are visited


@softmax_output.gradient
def _(
    head_grad: Tensor, label: Tensor, out: Tensor, *, grad_scale: float, ignore_label: float, multi_output: bool,
    use_ignore: bool, preserve_shape: bool, normalization: str, out_grad: bool, smooth_alpha: float, **_: Any,
) -> Tensor:  # fmt: skip
    if label.shape == out.shape:
        grad = (out - label) * grad_scale
        return grad * head_grad if out_grad else grad
    if multi_output:  # (rows, classes, places)
        probabilities = out.flatten(2) if out.ndim > 2 else out.unsqueeze(2)
    else:
        probabilities = (out.flatten(0, -2) if preserve_shape else out.flatten(1)).unsqueeze(2)
    rows, classes, places = probabilities.shape
    labels = label.flatten()[: rows * places].view(rows, 1, places)
    index = labels.long()
    smooth = smooth_alpha if not multi_output else 0
    if smooth or out.numel() < _MANY:
        target = (index == torch.arange(classes, device=out.device).view(-1, 1)).to(out.dtype)
        if smooth:
            others = smooth / (classes - 1)
            target = target * (1 - smooth - others) + others
        grad = probabilities - target
    else:  # one less at each label; there is none for a label out of range
        inside = ((index >= 0) & (index < classes)).to(out.dtype)
        grad = probabilities.scatter_add(1, index.clamp(0, classes - 1), -inside)
    if use_ignore:
        grad = torch.where(labels.long() == int(ignore_label), 0, grad)
    scale: float | Tensor = grad_scale
    if normalization == "valid":
        counted = (label.long() != int(ignore_label)).sum().clamp(min=1) if use_ignore else max(label.numel(), 1)
        scale = grad_scale / counted
    elif multi_output:
        scale = grad_scale / max(places * rows if normalization == "batch" else places, 1)
    elif normalization == "batch":
        scale = grad_scale / max(label.numel(), 1)
    if isinstance(scale, Tensor) or scale != 1:
        grad = grad * scale
    grad = grad.reshape(out.shape).to(out.dtype)
    return grad * head_grad if out_grad else grad


@softmax_output.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, multi_output: bool, **_: Any
) -> Rule:
    data = unify(inputs[0], outputs[0])
    label = inputs[1]
    if data is not None:
        shapes = _label_shapes(data, multi_output)
        if label is None:
            label = shapes[0]
        elif -1 in label or -1 in data:
            fitting = [shape for shape in shapes if len(shape) == len(label)]
            label = unify(label, fitting[0], "label") if fitting else label
        else:
            _check_label(data, label, multi_output)
    return [data, label], [data]


# Regression


def _define_regression(
    name: str, forward: Callable[[Tensor], Tensor], error: Callable[[Tensor, Tensor], Tensor], doc: str
) -> Operator:
    def compute(data: Tensor, label: Tensor, *, grad_scale: float = 1.0) -> Tensor:
        if label.shape != data.shape:
            _check_regression_label(name, tuple(data.shape), tuple(label.shape))
        return forward(data)

    compute.__doc__ = f"""{doc}

    Args:
        data: (batch, ...).
        label: the shape of data, or the same without axes of size 1, or (batch, everything else).
        grad_scale: multiplies the gradient, which is divided by the number of values of one sample.
    Raises: MXNetError if label doesn't fit.
    """
    compute.__name__ = name
    op = operator(name, aliases=(f"_sparse_{name}",), loss=True)(compute)

    @op.gradient
    def _(head_grad: Tensor, label: Tensor, out: Tensor, *, grad_scale: float) -> Tensor:
        per_sample = max(label.numel() // max(label.shape[0], 1), 1) if label.ndim else 1
        return error(out, label.reshape(out.shape)) * (grad_scale / per_sample)

    @op.infer_shape
    def _(inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any) -> Rule:
        data, label = unify(inputs[0], outputs[0]), inputs[1]
        if data is not None:
            if label is None:
                label = data[:1] if len(data) == 2 and data[1] == 1 else data
            elif -1 not in data and -1 not in label:
                _check_regression_label(name, data, label)
            elif len(data) == len(label):
                data = label = unify(data, label, "label")
        return [data, label], [data]

    return op


def _check_regression_label(name: str, data: Shape, label: Shape) -> None:
    if data != label and (not label or label[:1] != data[:1] or product(label) != product(data)):
        raise MXNetError(f"{name}: label has shape {label}; expected {data}, the shape of data.")


linear_regression_output = _define_regression(
    "LinearRegressionOutput",
    torch.clone,
    lambda out, label: out - label,
    "data as it is, with the gradient of the squared error: ``data - label``.",
)
logistic_regression_output = _define_regression(
    "LogisticRegressionOutput",
    torch.sigmoid,
    lambda out, label: out - label,
    "The sigmoid of data, with the gradient of the cross entropy: ``sigmoid(data) - label``.",
)
mae_regression_output = _define_regression(
    "MAERegressionOutput",
    torch.clone,
    lambda out, label: torch.where(out > label, 1, -1).to(out.dtype),
    "data as it is, with the gradient of the absolute error: 1 where data > label, else -1.",
)


@operator("SVMOutput", loss=True)
def svm_output(
    data: Tensor, label: Tensor, *, margin: float = 1.0, regularization_coefficient: float = 1.0,
    use_linear: bool = False,
) -> Tensor:  # fmt: skip
    """data as it is, with the gradient of a one-against-all support vector machine.

    Args:
        data: (..., classes), scores.
        label: (...), class numbers.
        margin: the distance wanted between scores and 0.
        regularization_coefficient: multiplies the gradient.
        use_linear: the hinge itself (L1) rather than its square (L2).
    Raises: MXNetError if label has another shape.
    """
    if label.shape != data.shape[:-1]:
        raise MXNetError(
            f"SVMOutput: label has shape {tuple(label.shape)}; expected {tuple(data.shape[:-1])} for data of shape "
            f"{tuple(data.shape)}."
        )
    return data.clone()


@svm_output.gradient
def _(
    head_grad: Tensor, data: Tensor, label: Tensor, *, margin: float, regularization_coefficient: float,
    use_linear: bool,
) -> Tensor:  # fmt: skip
    classes = torch.arange(data.shape[-1], device=data.device)
    sign = (label.long().unsqueeze(-1) == classes).to(data.dtype) * 2 - 1
    missing = margin - sign * data
    slope = (missing > 0).to(data.dtype) if use_linear else missing.clamp(min=0) * 2
    return -sign * slope * regularization_coefficient


@svm_output.infer_arguments
def _(data: Shape, **_: Any) -> dict[str, PartialShape]:
    return {"label": data[:-1]}


# Losses made of any expression


@operator("MakeLoss", loss=True)
def make_loss_with_scale(
    data: Tensor, *, grad_scale: float = 1.0, valid_thresh: float = 0.0, normalization: Normalization = "null"
) -> Tensor:
    """data as it is, as a loss to start the backward pass from.

    Args:
        data: any shape; each element is a loss.
        grad_scale: the gradient of each element.
        normalization: what the gradient is divided by: nothing ("null"), the batch ("batch"), or the number of
            elements above valid_thresh, at least one ("valid").
        valid_thresh: see normalization.
    """
    return data.clone()


@make_loss_with_scale.gradient
def _(head_grad: Tensor, data: Tensor, *, grad_scale: float, valid_thresh: float, normalization: str) -> Tensor:
    if normalization == "valid":
        count = (data > valid_thresh).sum().clamp(min=1)
        return torch.full_like(data, grad_scale) / count
    return torch.full_like(data, grad_scale / data.shape[0] if normalization == "batch" else grad_scale)


@operator("make_loss", aliases=("_sparse_make_loss",), output_names=("loss",), elementwise=True, loss=True)
def make_loss(data: Tensor) -> Tensor:
    """data as it is, as a loss to start the backward pass from: its gradient is one."""
    return data.clone()


@make_loss.gradient
def _(head_grad: Tensor) -> Tensor:
    return torch.ones_like(head_grad)


@operator(
    "BlockGrad", aliases=("_sparse_stop_gradient", "stop_gradient"), elementwise=True, reuses_input={0: 0}, loss=True
)
def block_grad(data: Tensor) -> Tensor:
    """data as it is; its gradient is zero."""
    return data.clone()


@block_grad.gradient
def _(head_grad: Tensor) -> Tensor:
    return torch.zeros_like(head_grad)


@operator(
    "IdentityAttachKLSparseReg", mutates=("moving_avg",), variable_init={"moving_avg": "zero"}
)
def identity_attach_kl_sparse_reg(
    data: Tensor, moving_avg: Tensor, *, sparseness_target: float = 0.1, penalty: float = 0.001, momentum: float = 0.9,
    training: bool,
) -> Tensor:  # fmt: skip
    """data as it is, with the gradient of a penalty for activations whose average is far from a target.

    ``penalty * (-target / average + (1 - target) / (1 - average))`` is added to the head gradient.

    Args:
        data: (batch, units), outputs of a sigmoid.
        moving_avg: (units,), the average over batches, updated in place in training mode:
            ``momentum * moving_avg + (1 - momentum) * mean over the batch``.
    Raises: MXNetError if data hasn't two axes.
    """
    if data.ndim != 2 or moving_avg.shape != data.shape[1:]:
        raise MXNetError(
            f"IdentityAttachKLSparseReg: data has shape {tuple(data.shape)} and moving_avg {tuple(moving_avg.shape)}; "
            f"expected (batch, units) and (units,)."
        )
    if training:
        moving_avg.lerp_(data.mean(0), 1 - momentum)
    return data.clone()


@identity_attach_kl_sparse_reg.gradient
def _(
    head_grad: Tensor, moving_avg: Tensor, *, sparseness_target: float, penalty: float, momentum: float
) -> Tensor:
    return head_grad + penalty * ((1 - sparseness_target) / (1 - moving_avg) - sparseness_target / moving_avg)


@identity_attach_kl_sparse_reg.infer_arguments
def _(data: Shape, **_: Any) -> dict[str, PartialShape]:
    return {"moving_avg": data[1:]}


def _same_as_data(inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any) -> Rule:
    shape = unify(inputs[0], outputs[0])
    return [shape, *inputs[1:]], [shape]


for _op in (svm_output, make_loss_with_scale, identity_attach_kl_sparse_reg):
    _op.infer_shape(_same_as_data)


@operator("smooth_l1", elementwise=True)
def smooth_l1(data: Tensor, *, scalar: float = 1.0) -> Tensor:
    """``(scalar * x) ** 2 / 2`` where ``abs(x) < 1 / scalar ** 2``, else ``abs(x) - 1 / (2 * scalar ** 2)``.

    The result of integers is cut to integers.
    """
    square = scalar * scalar
    if square == 0:
        return torch.zeros_like(data)
    if data.is_floating_point():
        loss: Tensor = torch._C._nn.smooth_l1_loss(data, data.new_zeros(()).expand(data.shape), 0, 1 / square)  # type: ignore[arg-type]
        return loss
    size = data.abs()
    return torch.where(size < 1 / square, data.square() * (square / 2), size - 0.5 / square).to(data.dtype)


@operator("CTCLoss", aliases=("_contrib_CTCLoss", "_contrib_ctc_loss", "ctc_loss"), output_names=("output0",))
def ctc_loss(
    data: Tensor, label: Tensor, data_lengths: Tensor | None = None, label_lengths: Tensor | None = None, *,
    use_data_lengths: bool = False, use_label_lengths: bool = False,
    blank_label: Literal["first", "last"] = "first",
) -> Tensor:  # fmt: skip
    """Connectionist temporal classification: ``-log p(label | data)`` for each sample.

    Args:
        data: (time, batch, alphabet), scores before the softmax; the alphabet has the blank.
        label: (batch, length), letters, padded with 0 (blank_label "first") or -1 (blank_label "last"). The loss of a
            label with a letter beyond the alphabet is NaN.
        data_lengths: (batch,), with use_data_lengths; otherwise all samples last the whole time.
        label_lengths: (batch,), with use_label_lengths; otherwise labels end at the first padding.
        blank_label: "first", the blank is 0 and letters count from 1; "last", the blank is the last letter.
    Returns: (batch,); 0, with the gradient 0, where data is too short for the label.
    Raises: MXNetError if shapes don't fit, or lengths are missing.
    Source: Graves et al., Connectionist Temporal Classification, ICML 2006.
    """
    if data.ndim != 3 or label.ndim != 2 or label.shape[0] != data.shape[1]:
        raise MXNetError(
            f"CTCLoss: data has shape {tuple(data.shape)} and label {tuple(label.shape)}; expected (time, batch, "
            f"alphabet) and (batch, length)."
        )
    time, batch, alphabet = data.shape
    for name, lengths, used in (
        ("data_lengths", data_lengths, use_data_lengths), ("label_lengths", label_lengths, use_label_lengths)
    ):  # fmt: skip
        if (lengths is None) is used or (lengths is not None and lengths.shape != (batch,)):
            given = "missing" if lengths is None else f"an array of shape {tuple(lengths.shape)}"
            raise MXNetError(f"CTCLoss: {name} is {given}; expected ({batch},) with use_{name}, and none without.")
    target = label.long()
    if label_lengths is None:
        padding = 0 if blank_label == "first" else -1
        target_lengths = (target > padding).long().cumprod(1).sum(1)
    else:
        target_lengths = label_lengths.long()
    input_lengths = torch.full((batch,), time, device=data.device) if data_lengths is None else data_lengths.long()
    blank = 0 if blank_label == "first" else alphabet - 1
    scores = torch.log_softmax(data, 2)
    loss = torch.ctc_loss(scores, target.clamp(0, alphabet - 1), input_lengths, target_lengths, blank, 0, True)
    counted = torch.arange(target.shape[1], device=target.device) < target_lengths.unsqueeze(1)
    return loss.masked_fill((counted & (target >= alphabet)).any(1), torch.nan)


@ctc_loss.list_inputs
def _(*, use_data_lengths: bool, use_label_lengths: bool, **_: Any) -> tuple[str, ...]:
    lengths = (("data_lengths", use_data_lengths), ("label_lengths", use_label_lengths))
    return ("data", "label", *(name for name, used in lengths if used))


@ctc_loss.infer_shape
def _(inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any) -> Rule:
    data, label, *lengths = inputs
    batch = unify(outputs[0], (-1,))
    if data is not None:
        batch = unify(batch, data[1:2])
    if label is not None:
        batch = unify(batch, label[:1])
    for length in lengths:
        batch = unify(batch, length)
    return [data, label, *[batch] * len(lengths)], [batch]


@ctc_loss.infer_dtype
def _(inputs: Sequence[str | None], outputs: Sequence[str | None], **_: Any) -> Any:
    data = inputs[0] or outputs[0]
    return [data, *[dtype or data for dtype in inputs[1:]]], [data]
