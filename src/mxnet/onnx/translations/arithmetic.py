"""Operators of two arrays, of an array and a number, and sums of many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..builder import Array, Builder, Untranslatable
from ..translate import translates

Kernel = Callable[[Builder, Array, Array], Array]


def _plain(op_type: str) -> Kernel:
    return lambda onnx, lhs, rhs: onnx.op(op_type, lhs, rhs, dtype=lhs.dtype)


def _divide(onnx: Builder, lhs: Array, rhs: Array) -> Array:
    """Integers are rounded towards zero."""
    if not lhs.is_floating:
        _refuse_zero("divided", lhs, rhs)
    return onnx.op("Div", lhs, rhs)


def _refuse_zero(verb: str, lhs: Array, rhs: Array) -> None:
    """Runtimes end the process where an integer is divided by zero, so the divisor must be known."""
    if rhs.constant is None or bool((rhs.constant == 0).any()):
        raise Untranslatable(f"{lhs.dtype} is {verb} by an array that may hold zeros; cast both to a floating dtype.")


def _modulo(onnx: Builder, lhs: Array, rhs: Array) -> Array:
    """The remainder with the sign of the divisor, 0 where that is 0."""
    if not lhs.is_floating:
        _refuse_zero("taken modulo", lhs, rhs)
        return onnx.op("Mod", lhs, rhs)
    zero = onnx.number(0, lhs)
    rest = onnx.op("Mod", lhs, rhs, fmod=1)  # has the sign of lhs
    opposite = onnx.op("Less", onnx.op("Mul", rest, rhs), zero, dtype="bool")
    rest = onnx.op("Where", opposite, onnx.op("Add", rest, rhs), rest, dtype=lhs.dtype)
    return onnx.op("Where", onnx.op("Equal", rhs, zero, dtype="bool"), zero, rest, dtype=lhs.dtype)


def _power(onnx: Builder, lhs: Array, rhs: Array) -> Array:
    if lhs.is_floating:
        return onnx.op("Pow", lhs, rhs)
    return onnx.cast(onnx.op("Pow", onnx.cast(lhs, "float64"), onnx.cast(rhs, "float64")), lhs.dtype)


def _hypot(onnx: Builder, lhs: Array, rhs: Array) -> Array:
    kind = lhs.dtype if lhs.is_floating else "float64"
    squares = [onnx.op("Mul", side, side) for side in (onnx.cast(lhs, kind), onnx.cast(rhs, kind))]
    return onnx.cast(onnx.op("Sqrt", onnx.op("Add", *squares)), lhs.dtype)


def _compare(op_type: str, negated: bool = False) -> Kernel:
    def kernel(onnx: Builder, lhs: Array, rhs: Array) -> Array:
        found = onnx.op(op_type, lhs, rhs, dtype="bool")
        return onnx.cast(onnx.op("Not", found) if negated else found, lhs.dtype)

    return kernel


def _logic(op_type: str) -> Kernel:
    return lambda onnx, lhs, rhs: onnx.cast(onnx.op(op_type, onnx.truth(lhs), onnx.truth(rhs)), lhs.dtype)


_KERNELS: dict[str, tuple[Kernel, str]] = {
    # kernel, and what else it stands for, with the names of operators of two arrays
    "add": (_plain("Add"), "elemwise_add broadcast_add _grad_add"),
    "sub": (_plain("Sub"), "elemwise_sub broadcast_sub"),
    "mul": (_plain("Mul"), "elemwise_mul broadcast_mul"),
    "div": (_divide, "elemwise_div broadcast_div _scatter_elemwise_div"),
    "mod": (_modulo, "_mod broadcast_mod"),
    "power": (_power, "_power broadcast_power"),
    "maximum": (_plain("Max"), "_maximum broadcast_maximum"),
    "minimum": (_plain("Min"), "_minimum broadcast_minimum"),
    "hypot": (_hypot, "_hypot broadcast_hypot"),
    "equal": (_compare("Equal"), "_equal broadcast_equal"),
    "not_equal": (_compare("Equal", True), "_not_equal broadcast_not_equal"),
    "greater": (_compare("Greater"), "_greater broadcast_greater"),
    "greater_equal": (_compare("GreaterOrEqual"), "_greater_equal broadcast_greater_equal"),
    "lesser": (_compare("Less"), "_lesser broadcast_lesser"),
    "lesser_equal": (_compare("LessOrEqual"), "_lesser_equal broadcast_lesser_equal"),
    "logical_and": (_logic("And"), "_logical_and broadcast_logical_and"),
    "logical_or": (_logic("Or"), "_logical_or broadcast_logical_or"),
    "logical_xor": (_logic("Xor"), "_logical_xor broadcast_logical_xor"),
}
_SCALARS: dict[str, tuple[str, bool]] = {  # operator -> kernel, whether the number is on the left
    "_plus_scalar": ("add", False), "_scatter_plus_scalar": ("add", False), "_minus_scalar": ("sub", False),
    "_scatter_minus_scalar": ("sub", False), "_rminus_scalar": ("sub", True), "_mul_scalar": ("mul", False),
    "_div_scalar": ("div", False), "_rdiv_scalar": ("div", True), "_mod_scalar": ("mod", False),
    "_rmod_scalar": ("mod", True), "_power_scalar": ("power", False), "_rpower_scalar": ("power", True),
    **{f"_{name}_scalar": (name, False) for name in (
        "maximum minimum hypot equal not_equal greater greater_equal lesser lesser_equal logical_and logical_or "
        "logical_xor"
    ).split()},
}  # fmt: skip


def _of_arrays(names: str, kernel: Kernel) -> None:
    @translates(*names.split())
    def _(onnx: Builder, lhs: Array, rhs: Array) -> Array:
        return kernel(onnx, lhs, rhs)


def _of_number(name: str, kernel: Kernel, swapped: bool) -> None:
    @translates(name)
    def _(onnx: Builder, data: Array, *, scalar: float, is_int: bool) -> Array:
        if not data.is_floating:  # the number is rounded towards zero, or all is computed in float64
            data = onnx.cast(data, onnx.out.dtype)
        number: Any = scalar if data.is_floating else int(scalar)
        rhs = onnx.number(number, data)
        return kernel(onnx, rhs, data) if swapped else kernel(onnx, data, rhs)


for _kernel, _names in _KERNELS.values():
    _of_arrays(_names, _kernel)
for _name, (_key, _swapped) in _SCALARS.items():
    _of_number(_name, _KERNELS[_key][0], _swapped)


@translates("add_n")
def _(onnx, *args):
    if args[0].is_floating:
        return onnx.op("Sum", *args)
    total = args[0]
    for item in args[1:]:
        total = onnx.op("Add", total, item)
    return total if len(args) > 1 else onnx.op("Identity", total)


@translates("_contrib_quadratic")
def _(onnx, data, *, a, b, c):
    wide = onnx.cast(data, data.dtype if data.is_floating else "float64")
    inner = onnx.op("Add", onnx.op("Mul", wide, onnx.number(a, wide)), onnx.number(b, wide))
    return onnx.cast(onnx.op("Add", onnx.op("Mul", inner, wide), onnx.number(c, wide)), data.dtype)


@translates("smooth_l1")
def _(onnx, data, *, scalar):
    square = scalar * scalar
    size = onnx.op("Abs", data)
    inside = onnx.op("Less", size, onnx.number(1 / square, data), dtype="bool")
    near = onnx.op("Mul", onnx.op("Mul", data, data), onnx.number(square / 2, data))
    far = onnx.op("Sub", size, onnx.number(0.5 / square, data))
    return onnx.op("Where", inside, near, far, dtype=data.dtype)
