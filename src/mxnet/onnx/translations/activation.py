"""Activation functions, and softmax."""

from __future__ import annotations

import math

import numpy as np

from ..builder import Array, Builder
from ..translate import translates


def _log_sigmoid(onnx: Builder, data: Array) -> Array:
    return onnx.op("Neg", onnx.op("Softplus", onnx.op("Neg", data)))


def _mish(onnx: Builder, data: Array) -> Array:
    return onnx.op("Mul", data, onnx.op("Tanh", onnx.op("Softplus", data)))


_PLAIN = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softsign": "Softsign", "softrelu": "Softplus"}


def _activate(onnx: Builder, data: Array, kind: str) -> Array:
    if not data.is_floating:  # integers are computed in float64 and rounded towards zero
        if kind == "relu":
            return onnx.op("Max", data, onnx.number(0, data))
        return onnx.cast(_activate(onnx, onnx.cast(data, "float32"), kind), data.dtype)
    if kind == "log_sigmoid":
        return _log_sigmoid(onnx, data)
    if kind == "mish":
        return _mish(onnx, data)
    return onnx.op(_PLAIN[kind], data)


def _define(kind: str) -> None:
    @translates(kind)
    def _(onnx: Builder, data: Array) -> Array:
        return _activate(onnx, data, kind)


for _kind in ("relu", "sigmoid", "softsign", "log_sigmoid", "mish"):
    _define(_kind)


@translates("Activation")
def _(onnx, data, *, act_type):
    return _activate(onnx, data, act_type)


@translates("hard_sigmoid")
def _(onnx, data, *, alpha, beta):
    return onnx.op("HardSigmoid", data, alpha=alpha, beta=beta)


@translates("LeakyReLU")
def _(onnx, data, gamma=None, *, act_type, slope, lower_bound, upper_bound):
    if act_type == "leaky":
        return onnx.op("LeakyRelu", data, alpha=slope)
    if act_type == "elu":
        return onnx.op("Elu", data, alpha=slope)
    if act_type == "selu":
        return onnx.op("Selu", data)
    if act_type == "gelu":
        return _gelu(onnx, data)
    if act_type == "prelu":
        if gamma.shape[0] != 1 and data.ndim > 2:
            gamma = onnx.reshape(gamma, (gamma.shape[0], *(1,) * (data.ndim - 2)))
        return onnx.op("PRelu", data, gamma)
    out = onnx.op("LeakyRelu", data, alpha=(lower_bound + upper_bound) / 2)
    return [out] if -1 in data.sizes else [out, onnx.constant(np.zeros(data.shape), data.dtype)]  # rrelu and its mask


def _gelu(onnx: Builder, data: Array) -> Array:
    """x * Phi(x), in the form that runtimes recognise."""
    inner = onnx.op("Erf", onnx.op("Div", data, onnx.number(math.sqrt(2), data)))
    doubled = onnx.op("Mul", data, onnx.op("Add", inner, onnx.number(1, data)))
    return onnx.op("Mul", doubled, onnx.number(0.5, data))


def _tempered(onnx: Builder, data: Array, temperature: float | None) -> Array:
    if temperature is None or temperature == 1:
        return data
    return onnx.op("Div", data, onnx.number(temperature, data), sizes=data.sizes)


@translates("softmax")
def _(onnx, data, length=None, *, axis, temperature, dtype, use_length):
    axis %= data.ndim
    scaled = _tempered(onnx, data, temperature)
    scaled = onnx.cast(scaled, dtype or data.dtype)
    if length is None:
        return onnx.op("Softmax", scaled, axis=axis)
    steps = np.arange(data.shape[axis]).reshape(-1, *(1,) * (data.ndim - axis - 1))
    ends = onnx.unsqueeze(onnx.whole(length), axis)
    beyond = onnx.op("GreaterOrEqual", onnx.constant(steps, "int64"), ends, dtype="bool")
    kept = onnx.op("Where", beyond, onnx.number(-math.inf, scaled), scaled, dtype=scaled.dtype)
    chances = onnx.op("Softmax", kept, axis=axis)
    return onnx.op("Where", beyond, onnx.number(0, scaled), chances, dtype=scaled.dtype)


@translates("log_softmax")
def _(onnx, data, *, axis, temperature, dtype, use_length):
    return onnx.op("LogSoftmax", onnx.cast(_tempered(onnx, data, temperature), dtype or data.dtype),
                   axis=axis % data.ndim)  # fmt: skip


@translates("softmin")
def _(onnx, data, *, axis, temperature, dtype, use_length):
    scaled = _tempered(onnx, onnx.op("Neg", data), temperature)
    return onnx.op("Softmax", onnx.cast(scaled, dtype or data.dtype), axis=axis % data.ndim)


@translates("SoftmaxActivation")
def _(onnx, data, *, mode):
    return onnx.op("Softmax", data, axis=1 if mode == "channel" else data.ndim - 1)
