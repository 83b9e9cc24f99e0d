"""Reductions over axes: sums, products, extremes, norms, moments.

`axis` is a number or a tuple, negative ones count from the end; None and () mean all axes. `exclude` reduces all axes
but these, `keepdims` keeps reduced axes with length 1. A reduction over all axes has shape (1,), for MXNet's arrays
have at least one axis. The result has the dtype of data; means of integers are rounded towards zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import DType, Shape
from .dtypes import TORCH_DTYPES
from .inference import normalize_axis, product
from .registry import Operator, PartialShape, operator


def _axes(name: str, data: Tensor, axis: tuple[int, ...] | None, exclude: bool = False) -> tuple[int, ...]:
    """The axes to reduce, in order.

    Raises: MXNetError for an axis that data doesn't have or that is named twice.
    """
    return _axes_of(name, data.shape, axis, exclude)


def _axes_of(name: str, shape: Sequence[int], axis: tuple[int, ...] | None, exclude: bool) -> tuple[int, ...]:
    """`_axes` of data with this shape."""
    ndim = len(shape)
    if not axis:
        return tuple(range(ndim))
    if len(axis) == 1 and not exclude and -ndim <= axis[0] < ndim:
        return (axis[0] % ndim,)
    found = {item % ndim for item in axis if -ndim <= item < ndim}
    if len(found) != len(axis):
        raise MXNetError(f"{name}: axis={axis} for data of shape {tuple(shape)}; expected different axes from "
                         f"{-ndim} to {ndim - 1}.")  # fmt: skip
    return tuple(sorted(set(range(ndim)) - found if exclude else found))


def _with_axis(result: Tensor) -> Tensor:
    """Arrays have at least one axis."""
    return result if result.ndim else result.reshape(1)


def _spread(value: Tensor, data: Tensor, axes: tuple[int, ...]) -> Tensor:
    """A reduced array, with its axes of length 1 again."""
    return value.reshape([1 if i in axes else size for i, size in enumerate(data.shape)])


Reduction = Callable[[Tensor, tuple[int, ...], bool], Tensor]


def _declare(
    name: str, aliases: tuple[str, ...], reduce: Reduction, doc: str, *, method: bool = True,
    whole: Callable[[Tensor], Tensor] | None = None, checked: bool = False,
) -> Operator:  # fmt: skip
    """Register reduce(data, axes, keepdims), for which axes is never empty unless data has no axes.

    whole is the same over all axes of floating data, where torch has a quicker way; checked says that reduce takes axes
    as they are given, and refuses wrong ones.
    """

    def compute(data: Tensor, *, axis: Shape | None = None, keepdims: bool = False, exclude: bool = False) -> Tensor:
        if axis is None and whole is not None and not keepdims and data.is_floating_point():
            return whole(data).reshape(1)
        if checked and axis and not exclude:
            result = reduce(data, axis, keepdims)
            return result if result.ndim else result.reshape(1)
        axes = _axes(name, data, axis, exclude)
        if not axes and data.ndim:
            return data.clone()
        return _with_axis(reduce(data, axes, keepdims))

    compute.__name__ = name
    compute.__doc__ = f"""{doc}

    axis      the axes to reduce; None or () for all
    keepdims  keep reduced axes with length 1
    exclude   reduce all axes but these
    returns   the dtype of data; shape (1,) where no axis is left
    """
    declared = operator(name, aliases=aliases, method=method)(compute)
    declared.infer_shape(_reduced_shapes(name))
    return declared


def _reduced_shapes(name: str) -> Callable[..., tuple[list[PartialShape], list[PartialShape]]]:
    """The shape rule of a reduction over axes."""

    def rule(
        inputs: list[PartialShape], outputs: list[PartialShape], *, axis: tuple[int, ...] | None, keepdims: bool,
        exclude: bool = False, **_: Any,
    ) -> tuple[list[PartialShape], list[PartialShape]]:  # fmt: skip
        data = inputs[0]
        if data is None:
            return inputs, outputs
        axes = _axes_of(name, data, axis, exclude)
        if keepdims:
            return inputs, [tuple(1 if i in axes else size for i, size in enumerate(data))]
        return inputs, [tuple(size for i, size in enumerate(data) if i not in axes) or (1,)]

    return rule


def _sum(data: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    if data.is_floating_point():
        return data.sum(axes, keepdims)
    return data.sum(axes, keepdims, dtype=torch.int64).to(data.dtype)


def _mean(data: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    if data.is_floating_point():
        return data.mean(axes, keepdims)
    total = data.sum(axes, keepdims, dtype=torch.int64)
    count = data.numel() // max(total.numel(), 1)
    return total.div(max(count, 1), rounding_mode="trunc").to(data.dtype) if data.dtype is not torch.bool else total > 0


def _prod(data: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """torch multiplies along one axis at a time."""
    result = data.float() if data.dtype in (torch.float16, torch.bfloat16) else data
    for axis in reversed(axes):
        result = result.prod(axis, keepdims)
    return result.to(data.dtype)


def _nansum(data: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    return data.nansum(axes, keepdims) if data.is_floating_point() else _sum(data, axes, keepdims)


def _nanprod(data: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    return _prod(data.masked_fill(data.isnan(), 1) if data.is_floating_point() else data, axes, keepdims)


def _max(data: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    return data.amax(axes, keepdims)


def _min(data: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    return data.amin(axes, keepdims)


_declare("sum", ("_sparse_sum", "sum_axis"), _sum, "The sum of elements.", whole=torch.sum, checked=True)
_declare("mean", ("_sparse_mean",), _mean, "The mean of elements.", whole=torch.mean, checked=True)
_prod_op = _declare("prod", (), _prod, "The product of elements.")
_declare("nansum", (), _nansum, "The sum of elements, those that are nan left out.")
_nanprod_op = _declare("nanprod", (), _nanprod, "The product of elements, those that are nan left out.")
_max_op = _declare("max", ("max_axis",), _max, "The largest element; its gradient goes to all elements equal to it.")
_min_op = _declare("min", ("min_axis",), _min, "The smallest element; its gradient goes to all elements equal to it.")
_declare(
    "_square_sum",
    (),
    lambda data, axes, keepdims: _sum(data.square(), axes, keepdims),
    "The sum of squares of elements.",
    method=False,
)


def _extreme_gradient(op: Operator) -> None:
    @op.gradient
    def _(head_grad: Tensor, data: Tensor, out: Tensor, *, axis: Any, exclude: bool, **_: Any) -> Tensor:
        axes = _axes(op.name, data, axis, exclude)
        return _spread(head_grad, data, axes) * (data == _spread(out, data, axes))


def _product_of_others(data: Tensor, axes: tuple[int, ...]) -> Tensor:
    """For each element the product of the others that it is multiplied with, zeros among them or not."""
    if not axes:
        return torch.ones_like(data)
    exact = data.float() if data.dtype in (torch.float16, torch.bfloat16) else data
    moved = exact.movedim(axes, tuple(range(-len(axes), 0)))
    rows = moved.reshape(*moved.shape[: moved.ndim - len(axes)], math.prod(moved.shape[moved.ndim - len(axes) :]))
    before = torch.cat([torch.ones_like(rows[..., :1]), rows[..., :-1]], -1).cumprod(-1)
    after = torch.cat([torch.ones_like(rows[..., :1]), rows.flip(-1)[..., :-1]], -1).cumprod(-1).flip(-1)
    others = (before * after).reshape(moved.shape).movedim(tuple(range(-len(axes), 0)), axes)
    return others.to(data.dtype)


@_prod_op.gradient  # torch's looks for zeros, and takes another way where it can't look: graphs would round otherwise
def _(head_grad: Tensor, data: Tensor, out: Tensor, *, axis: Any, exclude: bool, **_: Any) -> Tensor:
    axes = _axes("prod", data, axis, exclude)
    head_grad = head_grad.masked_fill(out.isnan(), math.nan)  # shown to all that took part
    return _spread(head_grad, data, axes) * _product_of_others(data, axes)


@_nanprod_op.gradient
def _(head_grad: Tensor, data: Tensor, *, axis: Any, exclude: bool, **_: Any) -> Tensor:
    axes = _axes("nanprod", data, axis, exclude)
    is_nan = data.isnan()
    others = _product_of_others(data.masked_fill(is_nan, 1), axes)
    return (_spread(head_grad, data, axes) * others).masked_fill(is_nan, 0)


_extreme_gradient(_max_op)
_extreme_gradient(_min_op)


@operator("norm", aliases=("_sparse_norm",), method=True)
def norm(
    data: Tensor, *, ord: int = 2, axis: Shape | None = None, out_dtype: DType | None = None, keepdims: bool = False
) -> Tensor:
    """The sum of absolute values (ord=1), or the square root of the sum of squares (ord=2).

    axis       one or two axes, or None for all; the norm over two axes is that of the flattened matrix
    out_dtype  dtype of the sum and the result; default that of data
    """
    if ord not in (1, 2):
        raise MXNetError(f"norm: ord={ord}; expected 1 or 2.")
    axes = _axes("norm", data, axis)
    dtype = data.dtype if out_dtype is None else TORCH_DTYPES[out_dtype]
    if dtype.is_floating_point and (data.is_floating_point() or out_dtype is not None):
        result = torch.linalg.vector_norm(data.to(dtype) if data.dtype is not dtype else data, ord, axes, keepdims)
    else:
        result = torch.linalg.vector_norm(data.double(), ord, axes, keepdims).to(dtype)
    return _with_axis(result)


norm.infer_shape(_reduced_shapes("norm"))


@norm.infer_dtype
def _(inputs: list[Any], outputs: list[Any], *, out_dtype: str | None, **_: Any) -> Any:
    if out_dtype is not None:
        return inputs, [out_dtype]
    dtype = inputs[0] or outputs[0]
    return [dtype], [dtype]


@norm.gradient
def _(head_grad: Tensor, data: Tensor, out: Tensor, *, ord: int, axis: Any, **_: Any) -> Tensor:
    axes = _axes("norm", data, axis)
    slope = data.sign() if ord == 1 else data / _spread(out, data, axes)
    return (_spread(head_grad, data, axes) * slope).to(data.dtype)


# Where extremes are.


def _position(name: str, find: Callable[..., Tensor], doc: str) -> None:
    def compute(data: Tensor, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
        if data.dtype is torch.bool:
            raise MXNetError(f"{name}: data has dtype bool; expected numbers. Cast it first.")
        if axis is None:
            result = find(data.reshape(-1), 0).reshape((1,) * data.ndim if keepdims else (1,))
        else:
            if not -data.ndim <= axis < data.ndim:
                raise MXNetError(f"{name}: axis={axis} for data of shape {tuple(data.shape)}; expected an axis from "
                                 f"{-data.ndim} to {data.ndim - 1}.")  # fmt: skip
            result = find(data, axis, keepdims)
        return _with_axis(result).to(data.dtype)

    compute.__name__, compute.__doc__ = name, f"{doc} axis None looks through the flattened array. dtype of data."
    declared = operator(name, method=True)(compute)

    @declared.infer_shape
    def _(
        inputs: list[PartialShape], outputs: list[PartialShape], *, axis: int | None, keepdims: bool
    ) -> tuple[list[PartialShape], list[PartialShape]]:
        data = inputs[0]
        if data is None:
            return inputs, outputs
        if axis is None:
            return inputs, [(1,) * len(data) if keepdims else (1,)]
        place = normalize_axis(axis, len(data), name)
        return inputs, [(*data[:place], *((1,) if keepdims else ()), *data[place + 1 :]) or (1,)]


_position("argmax", torch.argmax, "The index of the largest element along an axis, the first of equal ones.")
_position("argmin", torch.argmin, "The index of the smallest element along an axis, the first of equal ones.")


@operator("argmax_channel", method=True)
def argmax_channel(data: Tensor) -> Tensor:
    """The index of the largest element along axis 1, the first of equal ones; in the dtype of data."""
    return torch.argmax(data, 1).to(data.dtype)


# Moments.


@operator("moments", num_outputs=2)
def moments(data: Tensor, *, axes: Shape | None = None, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """The mean and the variance (mean squared distance from the mean) over these axes, which must be given."""
    if not axes:
        raise MXNetError(f"moments: axes={axes}; expected axes to reduce. Name them all for global moments.")
    found = _axes("moments", data, axes)
    mean = _mean(data, found, True)
    variance = _mean((data - mean).square(), found, True)
    if keepdims:
        return mean, variance
    return _with_axis(mean.squeeze(found)), _with_axis(variance.squeeze(found))


# Running sums.


@operator("cumsum")
def cumsum(a: Tensor, *, axis: int | None = None, dtype: DType | None = None) -> Tensor:
    """The sums of the first elements along an axis, or of the flattened array if axis is None.

    dtype  what elements are cast to before they are added; default that of a, int64 for bool
    """
    if axis is None:
        a, axis = a.reshape(-1), 0
    if not -a.ndim <= axis < a.ndim:
        raise MXNetError(f"cumsum: axis={axis} for a of shape {tuple(a.shape)}; expected an axis from {-a.ndim} to "
                         f"{a.ndim - 1}.")  # fmt: skip
    kind = TORCH_DTYPES[dtype] if dtype is not None else torch.int64 if a.dtype is torch.bool else a.dtype
    if not kind.is_floating_point:
        a = a.detach()  # torch refuses to record it
    return torch.cumsum(a, axis, dtype=kind)


@cumsum.infer_dtype
def _(inputs: list[Any], outputs: list[Any], *, dtype: str | None, **_: Any) -> Any:
    return inputs, [dtype or ("int64" if inputs[0] == "bool" else inputs[0])]


@cumsum.infer_shape
def _(
    inputs: list[PartialShape], outputs: list[PartialShape], *, axis: int | None, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    data = inputs[0]
    if data is None or axis is not None:
        return inputs, [data]
    return inputs, [(product(data),)]
