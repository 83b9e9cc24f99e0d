"""Operators of an array and a number.

A floating array keeps its dtype. For an integer array the attribute is_int decides: if it is True, the default, the
number is rounded towards zero and the result has the array's dtype (int64 for bool); if it is False, the result is
float64.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import arithmetic
from .arithmetic import Gradient, Kernel
from .attributes import Scalar
from .registry import operator


def _declare(name: str, aliases: tuple[str, ...], kernel: Kernel, gradient: Gradient | None, doc: str) -> None:
    """Register kernel(data, scalar)."""

    def compute(data: Tensor, *, scalar: Scalar = Scalar(1.0), is_int: bool = True) -> Tensor:
        if data.is_floating_point():
            return kernel(data, scalar)
        if is_int:
            return kernel(data.long() if data.dtype is torch.bool else data, int(scalar))
        return kernel(data.double(), scalar)

    compute.__name__ = name
    compute.__doc__ = (
        f"{doc}\n\n    is_int  for integer arrays: round scalar towards zero, rather than computing in float64\n    "
    )
    declared = operator(name, aliases=aliases, elementwise=True, reuses_input={0: 0})(compute)
    declared.infer_dtype(_dtypes)
    if gradient is not None:
        rule = gradient

        @declared.gradient
        def _(head_grad: Tensor, data: Tensor, *, scalar: float, is_int: bool) -> Tensor | None:
            return rule(head_grad, data, scalar)[0]


def _dtypes(inputs: list[Any], outputs: list[Any], *, is_int: bool, **_: Any) -> tuple[list[Any], list[Any]]:
    dtype = inputs[0] or outputs[0]
    if dtype is None or "float" in dtype:
        return [dtype], [dtype]
    return [dtype], ["float64" if not is_int else "int64" if dtype == "bool" else dtype]


def _swapped(kernel: Kernel) -> Kernel:
    """The kernel with the number on the left."""
    return lambda data, scalar: kernel(scalar, data)


def _swapped_gradient(gradient: Gradient) -> Gradient:
    return lambda head_grad, data, scalar: gradient(head_grad, scalar, data)[::-1]


def _subtract_from(data: Tensor, scalar: float) -> Tensor:
    return torch.rsub(data, scalar)


_Row = tuple[tuple[str, ...], Kernel, Gradient | None, str]
_TABLE: tuple[_Row, ...] = (
    # names, kernel, gradient (None: torch's), documentation
    (("_plus_scalar", "_PlusScalar"), torch.add, None, "data + scalar."),
    (("_minus_scalar", "_MinusScalar"), torch.sub, None, "data - scalar."),
    (("_rminus_scalar", "_RMinusScalar"), _subtract_from, None, "scalar - data."),
    (("_mul_scalar", "_MulScalar"), torch.mul, None, "data * scalar."),
    (("_div_scalar", "_DivScalar"), arithmetic.divide, None, "data / scalar."),
    (("_rdiv_scalar", "_RDivScalar"), _swapped(arithmetic.divide), None, "scalar / data."),
    (("_mod_scalar", "_ModScalar"), arithmetic.modulo, arithmetic.modulo_gradient,
     "The remainder of data / scalar, with the sign of scalar; 0 if scalar is 0."),
    (("_rmod_scalar", "_RModScalar"), _swapped(arithmetic.modulo), _swapped_gradient(arithmetic.modulo_gradient),
     "The remainder of scalar / data, with the sign of data; 0 where data is 0."),
    (("_power_scalar", "_PowerScalar"), arithmetic.power, None, "data to the power of scalar."),
    (("_rpower_scalar", "_RPowerScalar"), _swapped(arithmetic.power), _swapped_gradient(arithmetic.power_gradient),
     "scalar to the power of data."),
    (("_maximum_scalar", "_MaximumScalar"), arithmetic.maximum, arithmetic.maximum_gradient,
     "The larger of data and scalar; the gradient of ties is that of data."),
    (("_minimum_scalar", "_MinimumScalar"), arithmetic.minimum, arithmetic.minimum_gradient,
     "The smaller of data and scalar; the gradient of ties is that of data."),
    (("_hypot_scalar", "_HypotScalar"), arithmetic.hypot, arithmetic.hypot_gradient,
     "The square root of data**2 + scalar**2."),
    (("_equal_scalar", "_EqualScalar"), arithmetic.equal, arithmetic.no_gradient,
     "1 where data equals scalar, else 0."),
    (("_not_equal_scalar", "_NotEqualScalar"), arithmetic.not_equal, arithmetic.no_gradient,
     "1 where data differs from scalar, else 0."),
    (("_greater_scalar", "_GreaterScalar"), arithmetic.greater, arithmetic.no_gradient,
     "1 where data > scalar, else 0."),
    (("_greater_equal_scalar", "_GreaterEqualScalar"), arithmetic.greater_equal, arithmetic.no_gradient,
     "1 where data >= scalar, else 0."),
    (("_lesser_scalar", "_LesserScalar"), arithmetic.lesser, arithmetic.no_gradient, "1 where data < scalar, else 0."),
    (("_lesser_equal_scalar", "_LesserEqualScalar"), arithmetic.lesser_equal, arithmetic.no_gradient,
     "1 where data <= scalar, else 0."),
    (("_logical_and_scalar", "_LogicalAndScalar"), arithmetic.logical_and, arithmetic.no_gradient,
     "1 where data and scalar are nonzero, else 0."),
    (("_logical_or_scalar", "_LogicalOrScalar"), arithmetic.logical_or, arithmetic.no_gradient,
     "1 where data or scalar is nonzero, else 0."),
    (("_logical_xor_scalar", "_LogicalXorScalar"), arithmetic.logical_xor, arithmetic.no_gradient,
     "1 where exactly one of data and scalar is nonzero, else 0."),
    (("_scatter_plus_scalar",), torch.add, None, "data + scalar; of a sparse array, only where it has elements."),
    (("_scatter_minus_scalar",), torch.sub, None, "data - scalar; of a sparse array, only where it has elements."),
)  # fmt: skip
for _names, _kernel, _gradient, _doc in _TABLE:
    _declare(_names[0], _names[1:], _kernel, _gradient, _doc)
