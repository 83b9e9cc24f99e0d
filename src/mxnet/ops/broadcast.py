"""Operators of two arrays: of one shape (elemwise_add, _maximum, ...) and broadcasting (broadcast_add, ...).

Both arrays must have one dtype, which is that of the result, also of comparisons. Broadcasting is NumPy's: axes are
aligned at the end, and axes of length 1 are repeated. Also here: repeating axes by broadcast_axis, _to and _like.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from . import arithmetic
from .arithmetic import Gradient, Kernel
from .attributes import Shape
from .dtypes import DTYPE_NAMES
from .registry import Operator, operator


def _refuse(name: str, lhs: Tensor, rhs: Tensor, expected: str) -> MXNetError:
    given = " and ".join(f"{DTYPE_NAMES[item.dtype]}{tuple(item.shape)}" for item in (lhs, rhs))
    return MXNetError(f"{name}: lhs and rhs are {given}; expected {expected}.")


_ONE_DTYPE = "one dtype, which is not bool. Cast one of them"


def _equal_shapes(name: str, aliases: tuple[str, ...], kernel: Kernel, gradient: Gradient | None, doc: str) -> Operator:
    """Declare an operator of two arrays of one shape."""

    def compute(lhs: Tensor, rhs: Tensor) -> Tensor:
        if lhs.dtype is not rhs.dtype or lhs.dtype is torch.bool:
            raise _refuse(name, lhs, rhs, _ONE_DTYPE)
        if lhs.shape != rhs.shape:
            raise _refuse(name, lhs, rhs, "one shape; broadcast_* operators repeat axes of length 1")
        return kernel(lhs, rhs)

    compute.__name__, compute.__doc__ = name, f"{doc} lhs and rhs have one shape and dtype."
    declared = operator(name, aliases=aliases, elementwise=True, reuses_input={0: 0})(compute)
    if gradient is not None:
        rule = gradient

        @declared.gradient
        def _(head_grad: Tensor, lhs: Tensor, rhs: Tensor) -> tuple[Tensor | None, ...]:
            return rule(head_grad, lhs, rhs)

    return declared


def _broadcasting(name: str, aliases: tuple[str, ...], kernel: Kernel, gradient: Gradient | None, doc: str) -> Operator:
    """Declare an operator of two arrays that are broadcast to one shape."""

    def compute(lhs: Tensor, rhs: Tensor) -> Tensor:
        if lhs.dtype is not rhs.dtype or lhs.dtype is torch.bool:
            raise _refuse(name, lhs, rhs, _ONE_DTYPE)
        return kernel(lhs, rhs)

    compute.__name__, compute.__doc__ = name, f"{doc} Axes of length 1 are repeated as needed; one dtype."
    declared = operator(name, aliases=aliases)(compute)
    declared.infer_shape(_broadcast_shapes)
    if gradient is not None:
        rule = gradient

        @declared.gradient
        def _(head_grad: Tensor, lhs: Tensor, rhs: Tensor) -> tuple[Tensor | None, ...]:
            grads = rule(head_grad, lhs, rhs)
            return tuple(g if g is None else g.sum_to_size(i.shape) for g, i in zip(grads, (lhs, rhs), strict=True))

    return declared


def _broadcast_shapes(inputs: list[Any], outputs: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
    lhs, rhs = inputs
    if lhs is None or rhs is None:
        return inputs, outputs
    ndim = max(len(lhs), len(rhs))
    pairs = zip((1,) * (ndim - len(lhs)) + lhs, (1,) * (ndim - len(rhs)) + rhs, strict=True)
    shape = []
    for left, right in pairs:
        if left > 1 and right > 1 and left != right:
            raise MXNetError(f"operands could not be broadcast together with shapes {lhs} and {rhs}.")
        known = right if left == 1 else left if right == 1 else right if left == -1 else left
        shape.append(known if -1 not in (left, right) or known > 1 else -1)
    return inputs, [tuple(shape)]


_Row = tuple[Kernel, Gradient | None, str, tuple[str, ...], tuple[str, ...]]
_TABLE: tuple[_Row, ...] = (
    # kernel, gradient (None: torch's), documentation, names for one shape, names for broadcasting
    (torch.add, None, "lhs + rhs.",
     ("elemwise_add", "_Plus", "_add", "_plus", "_sparse_elemwise_add"),
     ("broadcast_add", "_sparse_broadcast_add", "_sparse_broadcast_plus", "broadcast_plus")),
    (torch.sub, None, "lhs - rhs.",
     ("elemwise_sub", "_Minus", "_minus", "_sparse_elemwise_sub", "_sub"),
     ("broadcast_sub", "_sparse_broadcast_minus", "_sparse_broadcast_sub", "broadcast_minus")),
    (torch.mul, None, "lhs * rhs.",
     ("elemwise_mul", "_Mul", "_mul", "_sparse_elemwise_mul"), ("broadcast_mul", "_sparse_broadcast_mul")),
    (arithmetic.divide, None, "lhs / rhs; integers are rounded towards zero.",
     ("elemwise_div", "_Div", "_div", "_sparse_elemwise_div"), ("broadcast_div", "_sparse_broadcast_div")),
    (torch.add, None, "lhs + rhs, as gradients are added up.", ("_grad_add",), ()),
    (arithmetic.divide, None, "lhs / rhs; the same as elemwise_div for dense arrays.", ("_scatter_elemwise_div",), ()),
    (arithmetic.modulo, arithmetic.modulo_gradient, "The remainder, with the sign of rhs; 0 where rhs is 0.",
     ("_mod", "_Mod"), ("broadcast_mod",)),
    (arithmetic.power, arithmetic.power_gradient, "lhs to the power of rhs; integers are rounded towards zero.",
     ("_power", "_Power"), ("broadcast_power",)),
    (arithmetic.maximum, arithmetic.maximum_gradient, "The larger of lhs and rhs; the gradient of ties goes to lhs.",
     ("_maximum", "_Maximum"), ("broadcast_maximum",)),
    (arithmetic.minimum, arithmetic.minimum_gradient, "The smaller of lhs and rhs; the gradient of ties goes to lhs.",
     ("_minimum", "_Minimum"), ("broadcast_minimum",)),
    (arithmetic.hypot, arithmetic.hypot_gradient, "The square root of lhs**2 + rhs**2.",
     ("_hypot", "_Hypot"), ("broadcast_hypot",)),
    (arithmetic.equal, arithmetic.no_gradient, "1 where lhs equals rhs, else 0.",
     ("_equal", "_Equal"), ("broadcast_equal",)),
    (arithmetic.not_equal, arithmetic.no_gradient, "1 where lhs and rhs differ, else 0.",
     ("_not_equal", "_Not_Equal"), ("broadcast_not_equal",)),
    (arithmetic.greater, arithmetic.no_gradient, "1 where lhs > rhs, else 0.",
     ("_greater", "_Greater"), ("broadcast_greater",)),
    (arithmetic.greater_equal, arithmetic.no_gradient, "1 where lhs >= rhs, else 0.",
     ("_greater_equal", "_Greater_Equal"), ("broadcast_greater_equal",)),
    (arithmetic.lesser, arithmetic.no_gradient, "1 where lhs < rhs, else 0.",
     ("_lesser", "_Lesser"), ("broadcast_lesser",)),
    (arithmetic.lesser_equal, arithmetic.no_gradient, "1 where lhs <= rhs, else 0.",
     ("_lesser_equal", "_Lesser_Equal"), ("broadcast_lesser_equal",)),
    (arithmetic.logical_and, arithmetic.no_gradient, "1 where both lhs and rhs are nonzero, else 0.",
     ("_logical_and", "_Logical_And"), ("broadcast_logical_and",)),
    (arithmetic.logical_or, arithmetic.no_gradient, "1 where lhs or rhs is nonzero, else 0.",
     ("_logical_or", "_Logical_Or"), ("broadcast_logical_or",)),
    (arithmetic.logical_xor, arithmetic.no_gradient, "1 where exactly one of lhs and rhs is nonzero, else 0.",
     ("_logical_xor", "_Logical_Xor"), ("broadcast_logical_xor",)),
)  # fmt: skip
for _kernel, _gradient, _doc, _equal_names, _broadcast_names in _TABLE:
    _equal_shapes(_equal_names[0], _equal_names[1:], _kernel, _gradient, _doc)
    if _broadcast_names:
        _broadcasting(_broadcast_names[0], _broadcast_names[1:], _kernel, _gradient, _doc)


# Repeating axes of length 1.


@operator("broadcast_axis", aliases=("broadcast_axes",), view=True, method=True)
def broadcast_axis(data: Tensor, *, axis: Shape = (), size: Shape = ()) -> Tensor:
    """data with axes of length 1 repeated: `axis` says which, `size` how often (a number or a tuple of them)."""
    if len(axis) != len(size):
        raise MXNetError(f"broadcast_axis: axis={axis} and size={size}; expected one size for each axis.")
    shape = list(data.shape)
    for where, count in zip(axis, size, strict=True):
        if not 0 <= where < data.ndim or shape[where] != 1:
            raise MXNetError(
                f"broadcast_axis: axis={where} for data of shape {tuple(data.shape)}; expected an axis of length 1, "
                f"counted from 0 to {data.ndim - 1}."
            )
        shape[where] = count
    return data.expand(shape)


@operator("broadcast_to", view=True, method=True)
def broadcast_to(data: Tensor, *, shape: Shape = ()) -> Tensor:
    """data with axes of length 1 repeated to give it this shape; a 0 in shape keeps the axis as it is."""
    if len(shape) != data.ndim or min(shape, default=0) < 0:
        raise MXNetError(
            f"broadcast_to: shape={shape} for data of shape {tuple(data.shape)}; expected as many lengths, positive "
            "or 0 to keep that of data."
        )
    return _expand("broadcast_to", data, [new or old for new, old in zip(shape, data.shape, strict=True)])


@operator("broadcast_like", view=True, method=True)
def broadcast_like(lhs: Tensor, rhs: Tensor, *, lhs_axes: Shape | None = None, rhs_axes: Shape | None = None) -> Tensor:
    """lhs with axes of length 1 repeated to give it the shape of rhs.

    lhs_axes, rhs_axes  only these axes of lhs take the lengths of these axes of rhs; both or neither are given
    """
    if lhs_axes is None and rhs_axes is None:
        if lhs.ndim != rhs.ndim:
            raise _refuse("broadcast_like", lhs, rhs, "as many axes; or give lhs_axes and rhs_axes")
        return _expand("broadcast_like", lhs, list(rhs.shape))
    if not lhs_axes or not rhs_axes or len(lhs_axes) != len(rhs_axes):
        raise MXNetError(
            f"broadcast_like: lhs_axes={lhs_axes}, rhs_axes={rhs_axes}; expected two tuples of one length."
        )
    shape = list(lhs.shape)
    for left, right in zip(lhs_axes, rhs_axes, strict=True):
        if not (-lhs.ndim <= left < lhs.ndim and -rhs.ndim <= right < rhs.ndim):
            raise _refuse("broadcast_like", lhs, rhs, f"axes lhs_axes={lhs_axes} and rhs_axes={rhs_axes} to exist")
        shape[left] = rhs.shape[right]
    return _expand("broadcast_like", lhs, shape)


@broadcast_like.gradient
def _(head_grad: Tensor, lhs: Tensor, rhs: Tensor, *, lhs_axes: Any, rhs_axes: Any) -> tuple[Tensor, Tensor]:
    return head_grad.sum_to_size(lhs.shape), torch.zeros_like(rhs)


@broadcast_like.infer_dtype
def _(inputs: list[Any], outputs: list[Any], **_: Any) -> Any:
    dtype = inputs[0] or outputs[0]
    return [dtype, inputs[1]], [dtype]


def _expand(name: str, data: Tensor, shape: list[int]) -> Tensor:
    for old, new in zip(data.shape, shape, strict=True):
        if old not in (1, new):
            raise MXNetError(
                f"{name}: data of shape {tuple(data.shape)} can't be broadcast to {tuple(shape)}; only axes of "
                "length 1 are repeated."
            )
    return data.expand(shape)
