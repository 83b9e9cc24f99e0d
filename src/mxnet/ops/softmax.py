"""The softmax family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ..base import MXNetError
from .dtypes import DTYPE_NAMES, TORCH_DTYPES
from .inference import normalize_axis, unify
from .registry import PartialShape, operator

Float = Literal["float16", "float32", "float64"]


def _prepare(data: Tensor, temperature: float | None) -> Tensor:
    return data if temperature is None or temperature == 1 else data / temperature


@operator("softmax", method=True)
def softmax(
    data: Tensor, length: Tensor | None = None, *, axis: int = -1, temperature: float | None = None,
    dtype: Float | None = None, use_length: bool | None = False,
) -> Tensor:  # fmt: skip
    """``exp(data / temperature)``, divided by its sum along an axis.

    Args:
        data: any shape, a floating dtype.
        length: how many elements along axis count, the rest gets 0: the shape of data without axis, an integer dtype;
            only with use_length.
        dtype: dtype of the result; default that of data.
    Raises: MXNetError if there is no such axis, or length doesn't fit.
    """
    data = _prepare(data, temperature)
    if not use_length:
        if length is not None:
            raise MXNetError("softmax: length was given, but use_length is False. Pass use_length=True.")
        return torch.softmax(data, axis, TORCH_DTYPES[dtype] if dtype else None)
    if not data.is_floating_point():
        raise MXNetError(f"softmax: data is {DTYPE_NAMES[data.dtype]}; expected a floating dtype.")
    axis = normalize_axis(axis, data.ndim, "softmax")
    expected = (*data.shape[:axis], *data.shape[axis + 1 :])
    if length is None or length.is_floating_point() or length.shape != expected:
        given = "missing" if length is None else f"{length.dtype} of shape {tuple(length.shape)}"
        raise MXNetError(f"softmax: length is {given}; expected integers of shape {expected}.")
    steps = torch.arange(data.shape[axis], device=data.device).view(-1, *(1,) * (data.ndim - axis - 1))
    beyond = steps >= length.unsqueeze(axis)
    kept = torch.where(beyond, float("-inf"), data)
    return torch.where(beyond, 0, torch.softmax(kept, axis, TORCH_DTYPES[dtype] if dtype else None))


@softmax.list_inputs
def _(*, use_length: bool | None, **_: Any) -> tuple[str, ...]:
    return ("data", "length") if use_length else ("data",)


@operator("log_softmax", method=True)
def log_softmax(
    data: Tensor, *, axis: int = -1, temperature: float | None = None, dtype: Float | None = None,
    use_length: bool | None = False,
) -> Tensor:  # fmt: skip
    """The logarithm of softmax.

    Args:
        data: any shape, a floating dtype.
        dtype: dtype of the result; default that of data.
        use_length: must be False; only softmax takes lengths.
    """
    if use_length:
        raise MXNetError("log_softmax: use_length is not supported; use softmax with use_length and take its log.")
    return torch.log_softmax(_prepare(data, temperature), axis, TORCH_DTYPES[dtype] if dtype else None)


@operator("softmin", method=True)
def softmin(
    data: Tensor, *, axis: int = -1, temperature: float | None = None, dtype: Float | None = None,
    use_length: bool | None = False,
) -> Tensor:  # fmt: skip
    """softmax of -data.

    Args:
        data: any shape, a floating dtype.
        dtype: dtype of the result; default that of data.
        use_length: must be False; only softmax takes lengths.
    """
    if use_length:
        raise MXNetError("softmin: use_length is not supported; use softmax(-data) with use_length.")
    return torch.softmax(_prepare(-data, temperature), axis, TORCH_DTYPES[dtype] if dtype else None)


def _shape_of_data(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, axis: int, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    shape = unify(inputs[0], outputs[0])
    ins = [shape, *inputs[1:]]
    if shape is not None:
        axis = normalize_axis(axis, len(shape), "softmax")
        ins[1:] = [unify(given, (*shape[:axis], *shape[axis + 1 :]), "length") for given in inputs[1:]]
    return ins, [shape]


def _chosen_dtype(
    inputs: Sequence[str | None], outputs: Sequence[str | None], *, dtype: str | None, **_: Any
) -> tuple[list[str | None], list[str | None]]:
    data = inputs[0] if dtype else inputs[0] or outputs[0]
    return [data, *[given or "int32" for given in inputs[1:]]], [dtype or data]


for _op in (softmax, log_softmax, softmin):
    _op.infer_shape(_shape_of_data)
    _op.infer_dtype(_chosen_dtype)


@operator("SoftmaxActivation", elementwise=True)
def softmax_activation(data: Tensor, *, mode: Literal["channel", "instance"] = "instance") -> Tensor:
    """softmax over the last axis (mode "instance"), or over the channels, axis 1, at each place (mode "channel").

    Args:
        data: any shape; at least three axes for mode "channel".
    """
    if mode == "channel":
        if data.ndim < 3:
            raise MXNetError(f"SoftmaxActivation: data has shape {tuple(data.shape)}; mode 'channel' needs 3 axes.")
        return torch.softmax(data, 1)
    return torch.softmax(data, -1)


@operator("softmax_cross_entropy")
def softmax_cross_entropy(data: Tensor, label: Tensor) -> Tensor:
    """The sum over the batch of ``-log(softmax(data)[label])``.

    Args:
        data: (batch, classes).
        label: (batch,), class numbers, rounded towards zero. A class out of range, like a probability below 1e-8,
            counts as the probability 1e-8.
    Returns: (1,).
    """
    if data.ndim != 2 or label.shape != data.shape[:1]:
        raise MXNetError(
            f"softmax_cross_entropy: data has shape {tuple(data.shape)} and label {tuple(label.shape)}; expected "
            f"(batch, classes) and (batch,)."
        )
    chosen = torch.softmax(data, 1).mul(_one_hot(label, data)).sum(1)
    return chosen.clamp(min=1e-8).log().sum().neg().view(1)


@softmax_cross_entropy.gradient
def _(head_grad: Tensor, data: Tensor, label: Tensor) -> Tensor:
    return (torch.softmax(data, 1) - _one_hot(label, data)) * head_grad


def _one_hot(label: Tensor, data: Tensor) -> Tensor:
    """1 at the class of each label, in the dtype of data; no 1 for a label out of range."""
    classes = torch.arange(data.shape[1], device=data.device)
    return (label.long().unsqueeze(1) == classes).to(data.dtype)


@softmax_cross_entropy.infer_arguments
def _(data: tuple[int, ...], **_: Any) -> dict[str, PartialShape]:
    return {"label": data[:1]}
