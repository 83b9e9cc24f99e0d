"""Operators that cut rectangular regions out of arrays, or replace them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import OptionalInts, Shape
from .dtypes import DTYPE_NAMES
from .inference import normalize_axis, replace_dim, share_dtype, unify
from .registry import PartialShape, operator

Partial = list[PartialShape]


def _slices(
    name: str, shape: torch.Size, begin: OptionalInts, end: OptionalInts, step: OptionalInts
) -> tuple[tuple[slice, ...], tuple[int, ...]]:
    """Slices with positive steps, and the axes to reverse after taking them.

    Raises: MXNetError if begin, end and step don't fit each other or the shape.
    """
    if len(begin) != len(end) or (step and len(step) != len(begin)):
        raise MXNetError(f"{name}: begin={begin}, end={end}, step={step} must have the same length.")
    if len(begin) > len(shape):
        raise MXNetError(f"{name}: begin={begin} has more entries than data of shape {tuple(shape)} has axes.")
    slices, reversed_axes = [], []
    for axis, limits in enumerate(zip(begin, end, step or (1,) * len(begin), strict=True)):
        if limits[2] == 0:
            raise MXNetError(f"{name}: step={step}; a step can't be 0.")
        first, last, stride = slice(*limits).indices(shape[axis])
        if stride < 0:
            count = len(range(first, last, stride))
            lowest = first + (count - 1) * stride
            first, last, stride = (lowest, first + 1, -stride) if count else (0, 0, 1)
            reversed_axes.append(axis)
        slices.append(slice(first, max(first, last), stride))
    return tuple(slices), tuple(reversed_axes)


@operator("slice", aliases=("crop", "_sparse_slice"), view=True, method=True)
def slice_(data: Tensor, *, begin: OptionalInts, end: OptionalInts, step: OptionalInts = ()) -> Tensor:
    """The region from begin to end (exclusive) in these steps, for the first axes; as Python's slices.

    begin, end  None: from the start, to the end; negative: counted from the end; beyond the array: cut off
    step        negative steps go backwards; None or absent is 1
    """
    region, reversed_axes = _slices("slice", data.shape, begin, end, step)
    result = data[region]
    return result.flip(reversed_axes) if reversed_axes else result


def _check_assigned(name: str, lhs: Tensor, rhs: Tensor, shape: torch.Size) -> None:
    if lhs.dtype is not rhs.dtype:
        raise MXNetError(
            f"{name}: lhs is {DTYPE_NAMES[lhs.dtype]}, rhs is {DTYPE_NAMES[rhs.dtype]}; expected one dtype. Cast one."
        )
    if rhs.shape != shape:
        raise MXNetError(f"{name}: rhs has shape {tuple(rhs.shape)}; the region has shape {tuple(shape)}.")


@operator("_slice_assign", aliases=("_crop_assign",), reuses_input={0: 0})
def slice_assign(
    lhs: Tensor, rhs: Tensor, *, begin: OptionalInts, end: OptionalInts, step: OptionalInts = ()
) -> Tensor:
    """lhs with the region from begin to end replaced by rhs, which has the shape of the region."""
    region, reversed_axes = _slices("_slice_assign", lhs.shape, begin, end, step)
    result = lhs.clone()
    part = result[region]
    _check_assigned("_slice_assign", lhs, rhs, part.shape)
    part.copy_(rhs.flip(reversed_axes) if reversed_axes else rhs)
    return result


@slice_assign.infer_shape
def _(
    inputs: Partial, outputs: Partial, *, begin: OptionalInts, end: OptionalInts, step: OptionalInts
) -> tuple[Partial, Partial]:
    (lhs, rhs), (out,) = inputs, outputs
    whole = unify(lhs, out, "the shape of lhs and of the result of _slice_assign")
    if whole is not None:
        limits = zip(begin, end, step or (1,) * len(begin), strict=False)
        cut = [len(range(*slice(*s).indices(dim))) if dim != -1 else -1 for s, dim in zip(limits, whole, strict=False)]
        rhs = unify(rhs, (*cut, *whole[len(cut) :]), "the shape of rhs")
    return [whole, rhs], [whole]


@operator("_slice_assign_scalar", aliases=("_crop_assign_scalar",), reuses_input={0: 0})
def slice_assign_scalar(
    data: Tensor, *, scalar: float = 0.0, begin: OptionalInts, end: OptionalInts, step: OptionalInts = ()
) -> Tensor:
    """data with every element of the region from begin to end replaced by scalar."""
    region, _ = _slices("_slice_assign_scalar", data.shape, begin, end, step)
    result = data.clone()
    result[region] = scalar
    return result


@slice_assign_scalar.infer_shape
def _(inputs: Partial, outputs: Partial, **_: object) -> tuple[Partial, Partial]:
    whole = unify(inputs[0], outputs[0], "the shape of data and of the result of _slice_assign_scalar")
    return [whole], [whole]


def _axis_range(size: int, axis: int, begin: int, end: int | None) -> tuple[int, int]:
    first = begin + size if begin < 0 else begin
    last = size if end is None else end + size if end < 0 else end
    if not 0 <= first < last <= size:
        raise MXNetError(
            f"slice_axis: begin={begin}, end={end} select nothing of axis {axis} of size {size}; "
            f"expected 0 <= begin < end <= {size}, or negative numbers that count from the end."
        )
    return first, last


@operator("slice_axis", view=True, method=True)
def slice_axis(data: Tensor, *, axis: int, begin: int, end: int | None) -> Tensor:
    """The part of data from begin to end (exclusive; None: to the end) along one axis.

    Raises: MXNetError if the part is empty or reaches beyond the axis.
    """
    first, last = _axis_range(data.shape[axis], axis, begin, end)
    return data.narrow(axis, first, last - first)


@slice_axis.infer_shape
def _(inputs: Partial, outputs: Partial, *, axis: int, begin: int, end: int | None) -> tuple[Partial, Partial]:
    (data,), (out,) = inputs, outputs
    known = data if data is not None else out
    if known is None:
        return inputs, outputs
    place = normalize_axis(axis, len(known), "slice_axis")
    if data is not None:
        size = -1
        if data[place] != -1:
            first, last = _axis_range(data[place], axis, begin, end)
            size = last - first
        elif end is not None and (begin < 0) == (end < 0):
            size = end - begin
        out = unify(out, replace_dim(data, place, size), "the shape of the result of slice_axis")
    assert out is not None
    return [unify(data, replace_dim(out, place, -1), "the shape of data")], [out]


@operator("slice_like", view=True, method=True)
def slice_like(data: Tensor, shape_like: Tensor, *, axes: Shape = ()) -> Tensor:
    """The first elements of data along these axes (none given: all), as many as shape_like has there.

    Raises: MXNetError if shape_like is larger than data on such an axis.
    """
    if not axes and data.ndim != shape_like.ndim:
        raise MXNetError(
            f"slice_like: data has shape {tuple(data.shape)}, shape_like {tuple(shape_like.shape)}; "
            "without axes they must have the same number of dimensions."
        )
    for axis in axes or range(data.ndim):
        size = shape_like.shape[axis]
        if size > data.shape[axis]:
            raise MXNetError(
                f"slice_like: shape_like {tuple(shape_like.shape)} exceeds data {tuple(data.shape)} on axis {axis}."
            )
        data = data.narrow(axis, 0, size)
    return data


slice_like.infer_dtype(share_dtype(0))
