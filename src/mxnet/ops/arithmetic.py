"""Arithmetic of two operands, each an array or a number: what elementwise, broadcasting and scalar operators share.

The result has the dtype of the array operands, which are equal. Integers divide and take powers rounding towards zero;
comparisons and logic give 0 and 1 in the dtype of the operands. Kernels broadcast as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Operand = Any  # Tensor or a number; at least one operand of a kernel is a Tensor
Kernel = Callable[[Operand, Operand], Tensor]
Gradient = Callable[[Tensor, Operand, Operand], tuple[Tensor | None, Tensor | None]]


def _array(lhs: Operand, rhs: Operand) -> Tensor:
    return lhs if isinstance(lhs, Tensor) else rhs


def _floating(function: Kernel) -> Kernel:
    """The kernel that applies a function to floating operands, and through float64 to integers."""

    def kernel(lhs: Operand, rhs: Operand) -> Tensor:
        array = _array(lhs, rhs)
        if array.is_floating_point():
            return function(lhs, rhs)
        lhs, rhs = (item.double() if isinstance(item, Tensor) else item for item in (lhs, rhs))
        return function(lhs, rhs).to(array.dtype)

    return kernel


def divide(lhs: Operand, rhs: Operand) -> Tensor:
    """lhs / rhs; integers are rounded towards zero, and dividing them by zero is an error."""
    if _array(lhs, rhs).is_floating_point():
        if not isinstance(lhs, Tensor):  # torch multiplies a number by the reciprocal, which rounds twice
            lhs = torch.scalar_tensor(lhs, dtype=rhs.dtype)
        return torch.true_divide(lhs, rhs)
    if isinstance(lhs, Tensor):
        return torch.div(lhs, rhs, rounding_mode="trunc")
    return torch.div(torch.full_like(rhs, lhs), rhs, rounding_mode="trunc")


def modulo(lhs: Operand, rhs: Operand) -> Tensor:
    """The remainder with the sign of the divisor; 0 when the divisor is 0."""
    if not isinstance(rhs, Tensor):
        return torch.zeros_like(lhs) if rhs == 0 else torch.remainder(lhs, rhs)
    if rhs.is_floating_point():
        return torch.remainder(lhs, rhs).masked_fill(rhs == 0, 0)
    zero = rhs == 0
    return torch.remainder(lhs, rhs.masked_fill(zero, 1)).masked_fill(zero, 0)


def _hypot(lhs: Operand, rhs: Operand) -> Tensor:
    return torch.hypot(*_arrays(lhs, rhs))


def _arrays(lhs: Operand, rhs: Operand) -> tuple[Tensor, Tensor]:
    """Both operands as arrays of one dtype, for functions of torch that take no numbers."""
    if isinstance(lhs, Tensor) and isinstance(rhs, Tensor):
        return lhs, rhs
    array = _array(lhs, rhs)
    lhs, rhs = (item if isinstance(item, Tensor) else array.new_full((), item) for item in (lhs, rhs))
    return lhs, rhs


def maximum(lhs: Operand, rhs: Operand) -> Tensor:
    """The larger operand, nan if one is."""
    if not isinstance(rhs, Tensor) and lhs.is_floating_point():
        return torch.clamp_min(lhs, rhs)
    return torch.maximum(*_arrays(lhs, rhs))


def minimum(lhs: Operand, rhs: Operand) -> Tensor:
    """The smaller operand, nan if one is."""
    if not isinstance(rhs, Tensor) and lhs.is_floating_point():
        return torch.clamp_max(lhs, rhs)
    return torch.minimum(*_arrays(lhs, rhs))


def _comparison(function: Callable[[Tensor, Operand], Tensor]) -> Kernel:
    return lambda lhs, rhs: function(lhs, rhs).to(lhs.dtype)


def _logic(function: Callable[[Any, Any], Any]) -> Kernel:
    return lambda lhs, rhs: function(lhs != 0, rhs != 0).to(lhs.dtype)


power = _floating(torch.pow)
hypot = _floating(_hypot)
equal = _comparison(torch.eq)
not_equal = _comparison(torch.ne)
greater = _comparison(torch.gt)
greater_equal = _comparison(torch.ge)
lesser = _comparison(torch.lt)
lesser_equal = _comparison(torch.le)
logical_and = _logic(lambda lhs, rhs: lhs & rhs)
logical_or = _logic(lambda lhs, rhs: lhs | rhs)
logical_xor = _logic(lambda lhs, rhs: lhs ^ rhs)

# Gradients, where they aren't those that torch derives: (head_grad, lhs, rhs) -> those of lhs and rhs, None for a
# number; not yet summed over broadcast axes.


def _gradients(of_lhs: Callable[..., Tensor], of_rhs: Callable[..., Tensor]) -> Gradient:
    """The gradient rule made of the derivatives by lhs and rhs, each a function of (lhs, rhs)."""

    def rule(head_grad: Tensor, lhs: Operand, rhs: Operand) -> tuple[Tensor | None, Tensor | None]:
        return (
            head_grad * of_lhs(lhs, rhs) if isinstance(lhs, Tensor) else None,
            head_grad * of_rhs(lhs, rhs) if isinstance(rhs, Tensor) else None,
        )

    return rule


maximum_gradient = _gradients(lambda lhs, rhs: lhs >= rhs, lambda lhs, rhs: lhs < rhs)
minimum_gradient = _gradients(lambda lhs, rhs: lhs <= rhs, lambda lhs, rhs: lhs > rhs)
power_gradient = _gradients(
    lambda lhs, rhs: torch.pow(lhs, rhs - 1) * rhs,
    lambda lhs, rhs: torch.pow(lhs, rhs) * torch.log(_arrays(lhs, rhs)[0]),
)
hypot_gradient = _gradients(lambda lhs, rhs: lhs / hypot(lhs, rhs), lambda lhs, rhs: rhs / hypot(lhs, rhs))


def modulo_gradient(head_grad: Tensor, lhs: Operand, rhs: Operand) -> tuple[Tensor | None, Tensor | None]:
    """1 for lhs, also where rhs is 0, and -floor(lhs / rhs) for rhs."""
    of_rhs = -head_grad * torch.floor(torch.true_divide(*_arrays(lhs, rhs))) if isinstance(rhs, Tensor) else None
    return head_grad, of_rhs


def no_gradient(head_grad: Tensor, lhs: Operand, rhs: Operand) -> tuple[Tensor | None, Tensor | None]:
    """Comparisons and logic are constant almost everywhere."""
    zeros = torch.zeros_like(head_grad)
    return zeros, zeros
