"""Element-wise functions of one array: mathematics, rounding, casts, sums of arrays.

Integer arrays keep their dtype: what isn't exact on integers is computed in float64 and rounded towards zero.
Boolean arrays must be cast to numbers first, except by casts, copies, zeros_like and ones_like.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import DType, Scalar
from .dtypes import DTYPE_NAMES, TORCH_DTYPES
from .registry import Operator, operator

Unary = Callable[[Tensor], Tensor]


def _refuse_bool(name: str, data: Tensor) -> None:
    if data.dtype is torch.bool:
        raise MXNetError(f"{name}: data has dtype bool; expected numbers. Cast it first, for example to float32.")


def _define(
    name: str, function: Unary, doc: str, *, exact: bool = False, sparse: bool = True, method: bool = True
) -> Operator:
    """Register an operator without attributes; `exact` functions are applied to integers as they are."""
    if exact:

        def compute(data: Tensor) -> Tensor:
            if data.dtype is torch.bool:
                _refuse_bool(name, data)
            return function(data)
    else:

        def compute(data: Tensor) -> Tensor:
            if data.is_floating_point():
                return function(data)
            _refuse_bool(name, data)
            return function(data.double()).to(data.dtype)

    compute.__doc__ = doc
    compute.__name__ = name
    aliases = (f"_sparse_{name}",) if sparse else ()
    return operator(name, aliases=aliases, elementwise=True, method=method, reuses_input={0: 0})(compute)


def _in_float64(function: Unary) -> Unary:
    """For functions that torch lacks, and that are accurate in float32 only when computed in float64."""
    return lambda data: function(data.double()).to(data.dtype)


# Rounding. The gradient is zero everywhere.


def _round(data: Tensor) -> Tensor:
    if not data.is_floating_point():
        return data.clone()
    almost_half = 0.5 - torch.finfo(data.dtype).eps / 4  # 0.5 itself would round 0.49999997 up
    return torch.copysign((data.abs() + almost_half).floor(), data)


def _rint(data: Tensor) -> Tensor:
    if not data.is_floating_point():
        return data.clone()
    low = data.floor()
    return torch.where(data - low > 0.5, low + 1, low)


def _zero_gradient(head_grad: Tensor) -> Tensor:
    return torch.zeros_like(head_grad)


for _name, _function, _doc in (
    ("round", _round, "The nearest integer, halves away from zero."),
    ("rint", _rint, "The nearest integer, halves downwards."),
    ("ceil", torch.ceil, "The smallest integer not below each element."),
    ("floor", torch.floor, "The largest integer not above each element."),
    ("trunc", torch.trunc, "Each element without its fraction."),
    ("fix", torch.trunc, "Each element rounded towards zero."),
    ("sign", torch.sign, "-1, 0 or 1 for negative, zero and positive elements."),
):
    _rounding = _define(_name, _function, f"{_doc} The gradient is zero.", exact=True)
    if _function in (_round, _rint):  # the others are zero by torch's derivative too
        _rounding.gradient(_zero_gradient)

# Powers, exponentials, logarithms.

_define("abs", torch.abs, "The absolute value; its gradient at zero is zero.", exact=True)
_define("negative", torch.neg, "The element with its sign changed.", exact=True, method=False)
_define("square", torch.square, "The square.", exact=True)
_define("sqrt", torch.sqrt, "The square root.")
_define("rsqrt", torch.rsqrt, "One over the square root.")
_cbrt = _define(
    "cbrt",
    _in_float64(lambda x: torch.copysign(x.abs().pow(1 / 3), x)),
    "The cube root, negative for negative elements.",
)
_rcbrt = _define(
    "rcbrt",
    _in_float64(lambda x: torch.copysign(x.abs().pow(-1 / 3), x)),
    "One over the cube root.",
    sparse=False,
)
_define("reciprocal", torch.reciprocal, "One over each element.", sparse=False)
_define("exp", torch.exp, "The exponential.")
_define("expm1", torch.expm1, "exp(data) - 1, accurate near zero.")
_define("log", torch.log, "The natural logarithm.")
_define("log2", torch.log2, "The logarithm to base 2.")
_define("log10", torch.log10, "The logarithm to base 10.")
_define("log1p", torch.log1p, "log(1 + data), accurate near zero.")


@_cbrt.gradient
def _(head_grad: Tensor, out: Tensor) -> Tensor:
    return head_grad / (3 * out * out)


@_rcbrt.gradient
def _(head_grad: Tensor, data: Tensor, out: Tensor) -> Tensor:
    return head_grad * (out / (-3 * data))


# Trigonometric and hyperbolic functions.

for _name, _function, _doc in (
    ("sin", torch.sin, "The sine of angles in radians."),
    ("cos", torch.cos, "The cosine of angles in radians."),
    ("tan", torch.tan, "The tangent of angles in radians."),
    ("arcsin", torch.asin, "The inverse sine, in radians."),
    ("arccos", torch.acos, "The inverse cosine, in radians."),
    ("arctan", torch.atan, "The inverse tangent, in radians."),
    ("sinh", torch.sinh, "The hyperbolic sine."),
    ("cosh", torch.cosh, "The hyperbolic cosine."),
    ("tanh", torch.tanh, "The hyperbolic tangent."),
    ("arcsinh", torch.asinh, "The inverse hyperbolic sine."),
    ("arccosh", torch.acosh, "The inverse hyperbolic cosine."),
    ("arctanh", torch.atanh, "The inverse hyperbolic tangent."),
    ("degrees", torch.rad2deg, "Angles given in radians, in degrees."),
    ("radians", torch.deg2rad, "Angles given in degrees, in radians."),
):
    _define(_name, _function, _doc)

# Special functions.


def _gamma_function(data: Tensor) -> Tensor:
    """torch has the logarithm of its absolute value only; between negative integers the sign alternates."""
    whole = data.floor()
    size = torch.exp(torch.lgamma(data))
    size = torch.where((data < 0) & (whole.remainder(2) == 1), -size, size)
    return torch.where(data == 0, data.reciprocal(), size.masked_fill((data < 0) & (data == whole), math.nan))


def _digamma(data: Tensor) -> Tensor:
    """The logarithmic derivative of the gamma function; inf at its poles."""
    return torch.digamma(data).masked_fill((data <= 0) & (data == data.floor()), math.inf)


_gamma = _define("gamma", _in_float64(_gamma_function), "The gamma function.", method=False)
_gammaln = _define("gammaln", torch.lgamma, "The logarithm of the absolute value of the gamma function.", method=False)
_define("erf", torch.erf, "The Gauss error function.", sparse=False, method=False)
_define("erfinv", torch.erfinv, "The inverse of the Gauss error function.", sparse=False, method=False)


@_gamma.gradient
def _(head_grad: Tensor, data: Tensor, out: Tensor) -> Tensor:
    return head_grad * (out * _digamma(data))


@_gammaln.gradient
def _(head_grad: Tensor, data: Tensor) -> Tensor:
    return head_grad * _digamma(data)


_define(
    "logical_not",
    lambda data: data.eq(0).to(data.dtype),
    "1 where an element is zero and 0 elsewhere, in the dtype of data.",
    exact=True,
    sparse=False,
    method=False,
).gradient(_zero_gradient)

# Rounding and signs that pass the gradient on ("straight through").

for _name, _function, _doc in (
    ("_contrib_round_ste", _round, "The nearest integer, halves away from zero; its gradient is that of data."),
    ("_contrib_sign_ste", torch.sign, "The sign of each element; its gradient is that of data."),
):
    _define(_name, _function, _doc, exact=True, method=False).gradient(lambda head_grad: head_grad)


# Copies, constants, casts.


@operator("_copy", aliases=("identity",), elementwise=True, view=True, reuses_input={0: 0})
def copy(data: Tensor) -> Tensor:
    """The elements of data."""
    return data


@operator("zeros_like", aliases=("_sparse_zeros_like",), elementwise=True, method=True)
def zeros_like(data: Tensor) -> Tensor:
    """Zeros of the shape, dtype and device of data."""
    return torch.zeros_like(data)


@operator("ones_like", elementwise=True, method=True)
def ones_like(data: Tensor) -> Tensor:
    """Ones of the shape, dtype and device of data."""
    return torch.ones_like(data)


for _op in (zeros_like, ones_like):
    _op.gradient(_zero_gradient)


@operator("_identity_with_attr_like_rhs", elementwise=True, view=True, reuses_input={0: 0})
def identity_with_attr_like_rhs(lhs: Tensor, rhs: Tensor) -> Tensor:
    """The elements of lhs, whose shape and dtype are inferred from rhs where they aren't known."""
    return lhs


@operator("Cast", aliases=("cast",), view=True, out_dtype=lambda dtype, **_: dtype, elementwise=True)
def cast(data: Tensor, *, dtype: DType) -> Tensor:
    """The elements of data in another dtype; fractions are cut off, the gradient comes back in the dtype of data."""
    return data.to(TORCH_DTYPES[dtype])


_AMP_DTYPES = ("bfloat16", "float16", "float32")  # as in MXNet, float64 takes no part
_AMP_TORCH_DTYPES = tuple(TORCH_DTYPES[name] for name in _AMP_DTYPES)


@operator("amp_cast", view=True, elementwise=True)
def amp_cast(data: Tensor, *, dtype: DType) -> Tensor:
    """Cast an array of 16 or 32-bit numbers, as automatic mixed precision inserts it; others pass unchanged."""
    return data.to(TORCH_DTYPES[dtype]) if data.dtype in _AMP_TORCH_DTYPES else data


@amp_cast.infer_dtype
def _(inputs: list[Any], outputs: list[Any], *, dtype: str) -> Any:
    return inputs, [dtype if inputs[0] in _AMP_DTYPES else inputs[0]]


@operator("amp_multicast", num_outputs=lambda num_outputs, **_: num_outputs, view=True, num_inputs_attr="num_outputs")
def amp_multicast(*data: Tensor, num_outputs: int, cast_narrow: bool = False) -> tuple[Tensor, ...]:
    """Cast arrays of 16 or 32-bit numbers to the widest dtype among them, or to the narrowest; others pass unchanged.

    num_outputs  the number of arrays, and of results
    """
    if len(data) != num_outputs:
        raise MXNetError(f"amp_multicast: num_outputs is {num_outputs} but {len(data)} arrays were given.")
    common = TORCH_DTYPES[_common_dtype([DTYPE_NAMES[item.dtype] for item in data], cast_narrow)]
    return tuple(item.to(common) if item.dtype in _AMP_TORCH_DTYPES else item for item in data)


@amp_multicast.list_inputs
def _(*, count: int, num_outputs: int, **_: Any) -> tuple[str, ...]:
    return tuple(f"data_{i}" for i in range(num_outputs))


@amp_multicast.infer_dtype
def _(inputs: list[Any], outputs: list[Any], *, cast_narrow: bool, **_: Any) -> Any:
    common = _common_dtype(inputs, cast_narrow) if all(inputs) else None
    return inputs, [common if dtype in _AMP_DTYPES else dtype for dtype in inputs]


def _common_dtype(names: list[str], narrow: bool) -> str:
    floats = [name for name in names if name in _AMP_DTYPES] or ["float32"]
    return (min if narrow else max)(floats, key=_AMP_DTYPES.index)


# Functions with attributes.


@operator("clip", aliases=("_sparse_clip",), elementwise=True, method=True, reuses_input={0: 0})
def clip(data: Tensor, *, a_min: float, a_max: float) -> Tensor:
    """Limit every element to [a_min, a_max]; nan stays. The gradient passes inside and at nan, and is 0 outside.

    The bounds are rounded to float32, and towards zero for integer arrays.
    """
    low, high = _bounds(data, a_min, a_max)
    if low <= high:
        return data.clamp(low, high)
    return data.clamp(low).masked_fill(data > high, high)


@clip.gradient
def _(head_grad: Tensor, data: Tensor, *, a_min: float, a_max: float) -> Tensor:
    low, high = _bounds(data, a_min, a_max)
    return torch.where((data < low) | (data > high), 0, head_grad)  # masked_fill is far slower on a CPU


def _bounds(data: Tensor, low: float, high: float) -> tuple[float, float]:
    if data.is_floating_point():
        return (_single(low), _single(high)) if data.dtype is torch.float64 else (low, high)
    _refuse_bool("clip", data)
    limits = torch.iinfo(data.dtype)
    return int(min(max(low, limits.min), limits.max)), int(min(max(high, limits.min), limits.max))


def _single(value: float) -> float:
    """value rounded to float32."""
    return torch.tensor(value, dtype=torch.float32).item()


@operator("_contrib_quadratic", elementwise=True)
def quadratic(data: Tensor, *, a: float = 0.0, b: float = 0.0, c: float = 0.0) -> Tensor:
    """a * data**2 + b * data + c, rounded towards zero for integers."""
    if not data.is_floating_point():
        _refuse_bool("_contrib_quadratic", data)
        return ((data.double() * a + b) * data + c).to(data.dtype)
    return (data * a + b) * data + c


@operator("_contrib_gradientmultiplier", elementwise=True, view=True)
def gradientmultiplier(data: Tensor, *, scalar: Scalar = Scalar(1.0), is_int: bool = True) -> Tensor:
    """data itself, whose gradient is multiplied by scalar (a negative one reverses it).

    is_int  has no meaning here
    """
    return data


@gradientmultiplier.gradient
def _(head_grad: Tensor, *, scalar: float, is_int: bool) -> Tensor:
    return head_grad * scalar


@operator("_contrib_div_sqrt_dim", elementwise=True)
def div_sqrt_dim(data: Tensor) -> Tensor:
    """data divided by the square root of the size of its last axis, as in scaled dot-product attention.

    For integer arrays both the root and the quotient are rounded towards zero.
    """
    scale = math.sqrt(data.shape[-1])
    if data.is_floating_point():
        return data / scale
    _refuse_bool("_contrib_div_sqrt_dim", data)
    return data.div(int(scale), rounding_mode="trunc")


@operator("_contrib_allclose", out_dtype="uint8")
def allclose(a: Tensor, b: Tensor, *, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = True) -> Tensor:
    """1 if all elements satisfy |a - b| <= atol + rtol * |b|, otherwise 0; shape (), dtype uint8.

    Elements that are both nan count as equal if equal_nan is True.
    """
    if a.shape != b.shape or a.dtype != b.dtype:
        raise MXNetError(f"_contrib_allclose: a is {a.dtype}{tuple(a.shape)}, b is {b.dtype}{tuple(b.shape)}; "
                         "expected one shape and dtype.")  # fmt: skip
    return torch.isclose(a, b, rtol, atol, equal_nan).all().to(torch.uint8)


# Sums.


@operator("add_n", aliases=("ElementWiseSum", "_sparse_ElementWiseSum", "_sparse_add_n"), elementwise=True)
def add_n(*args: Tensor) -> Tensor:
    """The sum of any number of arrays of one shape and dtype."""
    if not args:
        raise MXNetError("add_n: no arrays given; expected at least one.")
    total = args[0]
    if len(args) == 1:
        return total.clone()
    for item in args[1:]:
        if item.shape != total.shape or item.dtype != total.dtype:
            raise MXNetError(
                f"add_n: an array is {DTYPE_NAMES[item.dtype]}{tuple(item.shape)}, but the first is "
                f"{DTYPE_NAMES[total.dtype]}{tuple(total.shape)}; expected one shape and dtype. Cast or broadcast them."
            )
    total = total + args[1]
    for item in args[2:]:
        total = total + item
    return total
