"""Functions of one array, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..builder import Array, Builder, Untranslatable
from ..translate import translates

Function = Callable[[Builder, Array], Array]


def _plain(op_type: str) -> Function:
    return lambda onnx, data: onnx.op(op_type, data)


def _define(name: str, function: Function, *, exact: bool = False) -> None:
    """exact functions are applied to integers as they are, others compute in float64 and round towards zero."""

    @translates(name)
    def _(onnx: Builder, data: Array) -> Array:
        if exact or data.is_floating:
            return function(onnx, data)
        return onnx.cast(function(onnx, onnx.cast(data, "float64")), data.dtype)


def _keeps_integers(function: Function) -> Function:
    return lambda onnx, data: function(onnx, data) if data.is_floating else onnx.op("Identity", data)


def _round(onnx: Builder, data: Array) -> Array:
    """Halves away from zero."""
    eps = {"float16": 2**-10, "float64": 2**-52}.get(data.dtype, 2**-23)
    low = onnx.op("Floor", onnx.op("Add", onnx.op("Abs", data), onnx.number(0.5 - eps / 4, data)))
    return onnx.op("Mul", onnx.op("Sign", data), low)


def _rint(onnx: Builder, data: Array) -> Array:
    """Halves downwards."""
    low = onnx.op("Floor", data)
    above = onnx.op("Greater", onnx.op("Sub", data, low), onnx.number(0.5, data), dtype="bool")
    return onnx.op("Where", above, onnx.op("Add", low, onnx.number(1, data)), low, dtype=data.dtype)


def _trunc(onnx: Builder, data: Array) -> Array:
    return onnx.op("Mul", onnx.op("Sign", data), onnx.op("Floor", onnx.op("Abs", data)))


def _expm1(onnx: Builder, data: Array) -> Array:
    """2 t / (1 - t) with t = tanh(x / 2) is accurate near zero."""
    half = onnx.op("Tanh", onnx.op("Mul", data, onnx.number(0.5, data)))
    near = onnx.op("Div", onnx.op("Add", half, half), onnx.op("Sub", onnx.number(1, data), half))
    far = onnx.op("Sub", onnx.op("Exp", data), onnx.number(1, data))
    small = onnx.op("Less", onnx.op("Abs", data), onnx.number(0.5, data), dtype="bool")
    return onnx.op("Where", small, near, far, dtype=data.dtype)


def _log1p(onnx: Builder, data: Array) -> Array:
    """2 artanh(x / (2 + x)), by its series, is accurate near zero."""
    ratio = onnx.op("Div", data, onnx.op("Add", data, onnx.number(2, data)))
    square = onnx.op("Mul", ratio, ratio)
    series = onnx.number(1 / 11, data)
    for odd in (9, 7, 5, 3, 1):
        series = onnx.op("Add", onnx.op("Mul", series, square), onnx.number(1 / odd, data))
    near = onnx.op("Mul", onnx.op("Add", ratio, ratio), series)
    far = onnx.op("Log", onnx.op("Add", data, onnx.number(1, data)))
    small = onnx.op("Less", onnx.op("Abs", data), onnx.number(0.25, data), dtype="bool")
    return onnx.op("Where", small, near, far, dtype=data.dtype)


def _root(power: float) -> Function:
    def function(onnx: Builder, data: Array) -> Array:
        wide = onnx.cast(data, "float64")
        size = onnx.op("Pow", onnx.op("Abs", wide), onnx.number(power, wide))
        signed = onnx.op("Mul", onnx.op("Sign", wide), size) if power > 0 else onnx.op(
            "Where", onnx.op("Less", wide, onnx.number(0, wide), dtype="bool"), onnx.op("Neg", size), size,
            dtype="float64",
        )  # fmt: skip
        return onnx.cast(signed, data.dtype)

    return function


def _scaled(factor: float, before: str | None = None) -> Function:
    def function(onnx: Builder, data: Array) -> Array:
        return onnx.op("Mul", onnx.op(before, data) if before else data, onnx.number(factor, data))

    return function


def _not(onnx: Builder, data: Array) -> Array:
    return onnx.cast(onnx.op("Not", onnx.truth(data)), data.dtype)


def _square(onnx: Builder, data: Array) -> Array:
    return onnx.op("Mul", data, data)


for _name, _function in {
    "round": _round, "rint": _rint, "ceil": _plain("Ceil"), "floor": _plain("Floor"), "trunc": _trunc, "fix": _trunc,
    "_contrib_round_ste": _round,
}.items():  # fmt: skip
    _define(_name, _keeps_integers(_function), exact=True)
for _name, _function in {
    "sign": _plain("Sign"), "_contrib_sign_ste": _plain("Sign"), "abs": _plain("Abs"), "negative": _plain("Neg"),
    "square": _square, "logical_not": _not,
}.items():  # fmt: skip
    _define(_name, _function, exact=True)
for _name, _function in {
    "sqrt": _plain("Sqrt"), "rsqrt": lambda onnx, data: onnx.op("Reciprocal", onnx.op("Sqrt", data)),
    "cbrt": _root(1 / 3), "rcbrt": _root(-1 / 3), "reciprocal": _plain("Reciprocal"), "exp": _plain("Exp"),
    "expm1": _expm1, "log": _plain("Log"), "log2": _scaled(1 / math.log(2), "Log"),
    "log10": _scaled(1 / math.log(10), "Log"), "log1p": _log1p, "degrees": _scaled(180 / math.pi),
    "radians": _scaled(math.pi / 180), "erf": _plain("Erf"), "sin": _plain("Sin"), "cos": _plain("Cos"),
    "tan": _plain("Tan"), "arcsin": _plain("Asin"), "arccos": _plain("Acos"), "arctan": _plain("Atan"),
    "sinh": _plain("Sinh"), "cosh": _plain("Cosh"), "tanh": _plain("Tanh"), "arcsinh": _plain("Asinh"),
    "arccosh": _plain("Acosh"), "arctanh": _plain("Atanh"),
}.items():  # fmt: skip
    _define(_name, _function)


@translates(
    "_copy", "_copyto", "BlockGrad", "make_loss", "_contrib_gradientmultiplier", "cast_storage",
    "_identity_with_attr_like_rhs", "Dropout",
    when=lambda attrs: attrs.get("mode") != "always",
)  # fmt: skip
def _(onnx, data, rhs=None, **_):
    return data


@translates("Cast")
def _(onnx, data, *, dtype):
    return _cast(onnx, data, dtype)


@translates("amp_cast")
def _(onnx, data, *, dtype):
    return _cast(onnx, data, onnx.out.dtype)


@translates("amp_multicast")
def _(onnx, *data, num_outputs, cast_narrow):
    return [_cast(onnx, item, out.dtype) for item, out in zip(data, onnx.outputs, strict=True)]


def _cast(onnx: Builder, data: Array, dtype: str) -> Array:
    if data.is_floating and dtype in ("int8", "int16", "uint8", "uint16"):
        data = onnx.cast(data, "int32")  # numbers out of range wrap around
    return onnx.cast(data, dtype)


@translates("clip")
def _(onnx, data, *, a_min, a_max):
    if a_min > a_max:
        raise Untranslatable(f"a_min={a_min} is above a_max={a_max}.")
    if not data.is_floating:
        import torch

        limits = torch.iinfo(getattr(torch, data.dtype))
        a_min, a_max = (int(min(max(limit, limits.min), limits.max)) for limit in (a_min, a_max))
    return onnx.clip(data, a_min, a_max)


@translates("zeros_like", "ones_like")
def _(onnx, data):
    raise Untranslatable("the shape must be known.")


@translates("_contrib_div_sqrt_dim")
def _(onnx, data):
    scale = math.sqrt(data.sizes[-1])
    if data.sizes[-1] == -1:
        raise Untranslatable("the size of the last axis must be known.")
    return onnx.op("Div", data, onnx.number(scale, data))
