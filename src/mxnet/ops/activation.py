"""Activation functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional

from ..base import MXNetError
from .attributes import Shape
from .inference import unify
from .registry import PartialShape, operator


def _refuse_bool(name: str, data: Tensor) -> None:
    if data.dtype is torch.bool:
        raise MXNetError(f"{name}: data has dtype bool; expected numbers. Cast it first, for example to float32.")


def _floating(function: Callable[[Tensor], Tensor], data: Tensor, name: str) -> Tensor:
    """A function of floating numbers on any: integers are computed in float64 and rounded towards zero."""
    if data.is_floating_point():
        return function(data)
    _refuse_bool(name, data)
    return function(data.double()).to(data.dtype)


def _soft_sign(data: Tensor) -> Tensor:
    return data / (1 + data.abs())


_GELU_IS_IDENTITY = 30.0  # from here on in any dtype
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "softrelu": functional.softplus,
    "softsign": _soft_sign,
    "tanh": torch.tanh,
    "log_sigmoid": functional.logsigmoid,
    "mish": functional.mish,
}


@operator("relu", aliases=("_sparse_relu",), elementwise=True, method=True, reuses_input={0: 0})
def relu(data: Tensor) -> Tensor:
    """``max(data, 0)``; the gradient is 0 at 0."""
    if data.dtype is torch.bool:
        _refuse_bool("relu", data)
    return torch.relu(data)


@operator("sigmoid", aliases=("_sparse_sigmoid",), elementwise=True, method=True, reuses_input={0: 0})
def sigmoid(data: Tensor) -> Tensor:
    """``1 / (1 + exp(-data))``."""
    return _floating(torch.sigmoid, data, "sigmoid")


@operator("softsign", elementwise=True, reuses_input={0: 0})
def softsign(data: Tensor) -> Tensor:
    """``data / (1 + abs(data))``."""
    return _floating(_soft_sign, data, "softsign")


@operator("log_sigmoid", elementwise=True, reuses_input={0: 0})
def log_sigmoid(data: Tensor) -> Tensor:
    """``log(1 / (1 + exp(-data)))``."""
    return _floating(functional.logsigmoid, data, "log_sigmoid")


@operator("mish", elementwise=True, reuses_input={0: 0})
def mish(data: Tensor) -> Tensor:
    """``data * tanh(log(1 + exp(data)))``."""
    return _floating(functional.mish, data, "mish")


@operator("hard_sigmoid", elementwise=True, reuses_input={0: 0})
def hard_sigmoid(data: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """``max(0, min(1, alpha * data + beta))``."""
    return (data * alpha + beta).clamp(0, 1)


@hard_sigmoid.gradient
def _(head_grad: Tensor, out: Tensor, *, alpha: float, beta: float) -> Tensor:
    return torch.where((out > 0) & (out < 1), head_grad * alpha, 0)


@operator("Activation", elementwise=True, reuses_input={0: 0})
def activation(
    data: Tensor, *, act_type: Literal["relu", "sigmoid", "softrelu", "softsign", "tanh", "log_sigmoid", "mish"]
) -> Tensor:
    """An activation function, element by element.

    Args:
        data: any shape, a floating dtype.
        act_type: relu; sigmoid; softrelu, ``log(1 + exp(x))``; softsign, ``x / (1 + abs(x))``; tanh; and, beyond MXNet
            1.9.1, log_sigmoid and mish.
    """
    return _ACTIVATIONS[act_type](data)


@operator(
    "LeakyReLU",
    num_outputs=lambda act_type, **_: 2 if act_type == "rrelu" else 1,
    output_names=lambda act_type, **_: ("output", "mask") if act_type == "rrelu" else ("output",),
    variable_init={"gamma": '["Constant", {"value": 0.25}]'},
    reuses_input={0: 0},
)
def leaky_relu(
    data: Tensor, gamma: Tensor | None = None, *,
    act_type: Literal["elu", "gelu", "leaky", "prelu", "rrelu", "selu"] = "leaky", slope: float = 0.25,
    lower_bound: float = 0.125, upper_bound: float = 0.334, training: bool, generator: Generator | None,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """Rectifiers that let something of negative numbers through.

    Args:
        data: any shape; for prelu (batch, channels, ...).
        gamma: the slope for prelu, (channels,) or (1,); otherwise absent.
        act_type: for x < 0: leaky, ``slope * x``; elu, ``slope * (exp(x) - 1)``; selu, elu with fixed slope and scale;
            gelu, ``x * Phi(x)`` for all x; prelu, ``gamma * x``; rrelu, x times a random number from
            [lower_bound, upper_bound) in training mode and otherwise times the middle.
    Returns: the result; for rrelu also the slopes that were drawn (zeros when not training).
    Raises: MXNetError if gamma is missing or doesn't fit.
    """
    if act_type == "leaky":
        return functional.leaky_relu(data, slope)
    if act_type == "gelu":
        return torch.where(data < _GELU_IS_IDENTITY, functional.gelu(data), data)  # torch's makes nan of infinity
    if act_type == "selu":
        return functional.selu(data)
    if act_type == "elu":
        return functional.elu(data, slope)
    if act_type == "prelu":
        return _prelu(data, gamma)
    if not training:
        return functional.leaky_relu(data, (lower_bound + upper_bound) / 2), torch.zeros_like(data)
    slopes = torch.empty_like(data).uniform_(lower_bound, upper_bound, generator=generator)
    return torch.where(data > 0, data, data * slopes), slopes


def _prelu(data: Tensor, gamma: Tensor | None) -> Tensor:
    if gamma is None:
        raise MXNetError("LeakyReLU: gamma is missing, which act_type='prelu' needs.")
    channels = data.shape[min(1, data.ndim - 1)]
    if gamma.ndim != 1 or gamma.shape[0] not in (1, channels):
        raise MXNetError(
            f"LeakyReLU: gamma has shape {tuple(gamma.shape)}; expected ({channels},) or (1,) for data of shape "
            f"{tuple(data.shape)}."
        )
    if data.ndim == 1 and gamma.shape[0] != 1:
        return torch.where(data > 0, data, data * gamma)
    return functional.prelu(data, gamma)


@leaky_relu.list_inputs
def _(*, act_type: str, **_: Any) -> tuple[str, ...]:
    return ("data", "gamma") if act_type == "prelu" else ("data",)


@leaky_relu.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, act_type: str, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    data: Shape | None = unify(inputs[0], outputs[0])
    rest = list(inputs[1:])
    if act_type == "prelu" and data is not None and not rest[0]:
        rest[0] = (data[min(1, len(data) - 1)],)
    return [data, *rest], [data] * len(outputs)
