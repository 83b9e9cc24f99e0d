"""Operators that read or write elements chosen by arrays of indices.

An index may have any dtype; fractions are cut off. Letters: N, number of chosen elements.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .dtypes import DTYPE_NAMES, TORCH_DTYPES
from .inference import normalize_axis, replace_dim, share_dtype, unify
from .registry import PartialShape, operator

Partial = list[PartialShape]
Mode = Literal["clip", "raise", "wrap"]


class OutOfBoundsError(MXNetError, IndexError):
    """An index lies beyond the array that it selects from."""


def _whole(index: Tensor) -> Tensor:
    return index if index.dtype is torch.int64 else index.long()


def _check_bounds(name: str, index: Tensor, lowest: int, size: int) -> None:
    """Raise if an index is outside [lowest, size); in a compiled graph the check is part of the graph."""
    valid = ((index >= lowest) & (index < size)).all()
    message = f"{name}: an index is out of bounds; expected {lowest} <= index < {size}."
    if type(valid) is Tensor and valid.is_cuda:  # an assertion on the device would end the process's use of it
        if not valid:
            raise OutOfBoundsError(message)
    else:
        try:
            torch._assert_async(valid, message)
        except RuntimeError:
            raise OutOfBoundsError(message) from None


def _bounded(name: str, index: Tensor, size: int, mode: Mode) -> Tensor:
    if mode == "clip":
        return index.clamp(0, size - 1) if index.dtype is torch.int64 else index.long().clamp_(0, size - 1)
    index = _whole(index)
    if mode == "wrap":
        return index.remainder(size)
    _check_bounds(name, index, 0, size)
    return index


@operator("take", method=True)
def take(a: Tensor, indices: Tensor, *, axis: int = 0, mode: Mode = "clip") -> Tensor:
    """The entries of a at these indices along an axis.

    mode     for indices beyond the axis: "clip" to its ends, "wrap" around, or "raise" an error (negative ones too)
    returns  the shape of a with the axis replaced by the shape of indices
    """
    axis = normalize_axis(axis, a.ndim, "take")
    index = _bounded("take", indices, a.shape[axis], mode)
    if index.ndim == 1:
        return a.index_select(axis, index)
    return a.index_select(axis, index.reshape(-1)).reshape((*a.shape[:axis], *index.shape, *a.shape[axis + 1 :]))


take.infer_dtype(share_dtype(0))


@take.infer_shape
def _(inputs: Partial, outputs: Partial, *, axis: int, mode: str) -> tuple[Partial, Partial]:
    a, index = inputs
    if a is None or index is None:
        return inputs, outputs
    place = normalize_axis(axis, len(a), "take")
    return inputs, [(*a[:place], *index, *a[place + 1 :])]


@operator("batch_take")
def batch_take(a: Tensor, indices: Tensor) -> Tensor:
    """One element of each row of a, chosen by indices, which are clipped to the length of a row.

    a        (..., C)
    indices  one for each row, in any shape
    returns  the shape of indices
    """
    rows = a.reshape(-1, a.shape[-1])
    if indices.numel() != rows.shape[0]:
        raise MXNetError(
            f"batch_take: a of shape {tuple(a.shape)} has {rows.shape[0]} rows; indices has shape "
            f"{tuple(indices.shape)}; expected one index for each row."
        )
    index = _whole(indices).clamp(0, rows.shape[1] - 1)
    return rows.gather(1, index.reshape(-1, 1)).reshape(indices.shape)


batch_take.infer_dtype(share_dtype(0, fixed={1: "int32"}))


@operator("pick", aliases=("choose_element_0index",), method=True)
def pick(
    data: Tensor,
    index: Tensor,
    *,
    axis: int | None = -1,
    keepdims: bool = False,
    mode: Literal["clip", "wrap"] = "clip",
) -> Tensor:
    """One element of data for each position outside an axis, chosen by index.

    index    the shape of data without the axis, or with size 1 there
    mode     for indices beyond the axis: "clip" to its ends, or "wrap" around
    returns  the shape of data without the axis, or with keepdims with size 1 there
    """
    if axis is None:
        raise MXNetError("pick: axis=None is not supported; pass the axis to pick from.")
    axis = normalize_axis(axis, data.ndim, "pick")
    kept = replace_dim(data.shape, axis, 1)
    if index.shape != kept:
        rest = (*data.shape[:axis], *data.shape[axis + 1 :])
        if tuple(index.shape) != rest:
            raise MXNetError(
                f"pick: index has shape {tuple(index.shape)}; expected {rest} or {kept} for data of shape "
                f"{tuple(data.shape)} and axis {axis}."
            )
        index = index.unsqueeze(axis)
    result = data.gather(axis, _bounded("pick", index, data.shape[axis], mode))
    return result if keepdims or data.ndim == 1 else result.squeeze(axis)


pick.infer_dtype(share_dtype(0))


@pick.infer_shape
def _(inputs: Partial, outputs: Partial, *, axis: int | None, keepdims: bool, mode: str) -> tuple[Partial, Partial]:
    (data, index), (out,) = inputs, outputs
    if data is None or axis is None:
        return inputs, outputs
    axis = normalize_axis(axis, len(data), "pick")
    kept = replace_dim(data, axis, 1)
    rest = (*data[:axis], *data[axis + 1 :]) or (1,)
    index = unify(index, kept if index is not None and len(index) == len(kept) else rest, "the shape of index")
    return [data, index], [unify(out, kept if keepdims else rest, "the shape of the result of pick")]


@operator("one_hot", method=True, out_dtype=lambda dtype, **_: dtype)
def one_hot(
    indices: Tensor,
    *,
    depth: int,
    on_value: float = 1.0,
    off_value: float = 0.0,
    dtype: Literal["bfloat16", "float16", "float32", "float64", "int32", "int64", "int8", "uint8"] = "float32",
) -> Tensor:
    """Vectors of length depth with on_value at the index and off_value elsewhere; all off for an index out of range.

    returns  (*indices.shape, depth), without a gradient
    """
    if depth < 0:
        raise MXNetError(f"one_hot: depth is {depth}; expected a non-negative number.")
    kind = TORCH_DTYPES[dtype]
    if on_value == 1 and off_value == 0 and indices.numel() * depth < 1 << 12:
        return (_whole(indices).unsqueeze(-1) == torch.arange(depth, device=indices.device)).to(kind)
    on, off = (on_value, off_value) if kind.is_floating_point else (int(on_value), int(off_value))
    result = torch.full((*indices.shape, depth), off, dtype=kind, device=indices.device)
    if depth == 0:
        return result
    index = _whole(indices).unsqueeze(-1)
    inside = (index >= 0) & (index < depth)
    return result.scatter_(-1, index.clamp(0, depth - 1), torch.where(inside, on, off).to(kind))


@one_hot.infer_shape
def _(inputs: Partial, outputs: Partial, *, depth: int, **_: object) -> tuple[Partial, Partial]:
    (index,), (out,) = inputs, outputs
    if index is None:
        return [None if out is None else out[:-1]], outputs
    return inputs, [(*index, depth)]


@operator("_onehot_encode")
def onehot_encode(lhs: Tensor, rhs: Tensor) -> Tensor:
    """One-hot rows for the indices lhs (N,), in the shape and dtype of rhs (N, depth)."""
    if lhs.ndim != 1 or rhs.ndim != 2 or lhs.shape[0] != rhs.shape[0]:
        raise MXNetError(
            f"_onehot_encode: lhs has shape {tuple(lhs.shape)}, rhs {tuple(rhs.shape)}; expected (N,) and (N, depth)."
        )
    return (_whole(lhs).unsqueeze(1) == torch.arange(rhs.shape[1], device=lhs.device)).to(rhs.dtype)


@operator("fill_element_0index")
def fill_element_0index(lhs: Tensor, mhs: Tensor, rhs: Tensor) -> Tensor:
    """lhs (N, C) with the element rhs[i] of each row i replaced by mhs[i]; an index out of range changes nothing."""
    if lhs.ndim != 2 or mhs.shape != lhs.shape[:1] or rhs.shape != lhs.shape[:1]:
        raise MXNetError(
            f"fill_element_0index: lhs has shape {tuple(lhs.shape)}, mhs {tuple(mhs.shape)}, rhs {tuple(rhs.shape)}; "
            "expected (N, C), (N,) and (N,)."
        )
    chosen = _whole(rhs).unsqueeze(1) == torch.arange(lhs.shape[1], device=lhs.device)
    return torch.where(chosen, mhs.to(lhs.dtype).unsqueeze(1), lhs)


fill_element_0index.infer_dtype(share_dtype(0))


def _coordinates(name: str, indices: Tensor, shape: Shape | torch.Size) -> tuple[Tensor, ...]:
    """One index tensor for each of the first axes.

    Raises: MXNetError if indices have no such shape; OutOfBoundsError where torch itself could not.
    """
    if indices.ndim < 2 or indices.shape[0] > len(shape):
        raise MXNetError(
            f"{name}: indices has shape {tuple(indices.shape)}; expected (M, ...) with M <= {len(shape)} for an array "
            f"of shape {tuple(shape)}."
        )
    axes = _whole(indices).unbind(0)
    if indices.is_cuda and type(indices) is Tensor:
        for axis, index in enumerate(axes):
            _check_bounds(name, index, -shape[axis], shape[axis])
    return axes


@operator("gather_nd")
def gather_nd(data: Tensor, indices: Tensor) -> Tensor:
    """The elements or slices of data at these coordinates; negative ones count from the end.

    indices  (M, ...): the coordinates along the first M axes of data
    returns  (..., the remaining dimensions of data)
    Raises: an MXNetError that is an IndexError for coordinates beyond data.
    """
    axes = _coordinates("gather_nd", indices, data.shape)
    try:
        return data[axes]
    except IndexError as error:
        raise OutOfBoundsError(f"gather_nd: {error}") from error


gather_nd.infer_dtype(share_dtype(0))


@gather_nd.infer_shape
def _(inputs: Partial, outputs: Partial) -> tuple[Partial, Partial]:
    data, index = inputs
    if data is None or index is None or index[0] == -1:
        return inputs, outputs
    if len(index) < 2 or index[0] > len(data):
        raise MXNetError(f"gather_nd: indices has shape {index}; expected (M, ...) with M <= {len(data)}.")
    return inputs, [(*index[1:], *data[index[0] :])]


def _scatter(name: str, target: Tensor, data: Tensor, indices: Tensor, accumulate: bool) -> Tensor:
    axes = _coordinates(name, indices, target.shape)
    expected = (*indices.shape[1:], *target.shape[len(axes) :])
    if tuple(data.shape) != expected:
        raise MXNetError(
            f"{name}: data has shape {tuple(data.shape)}; expected {expected} for indices of shape "
            f"{tuple(indices.shape)} and a result of shape {tuple(target.shape)}."
        )
    try:
        return target.index_put(axes, data, accumulate)
    except IndexError as error:
        raise OutOfBoundsError(f"{name}: {error}") from error


@operator("scatter_nd")
def scatter_nd(data: Tensor, indices: Tensor, *, shape: Shape) -> Tensor:
    """An array of zeros with data stored at these coordinates; where coordinates repeat, one of the values is kept.

    data     (..., the remaining dimensions of shape)
    indices  (M, ...): the coordinates along the first M axes of the result
    Raises: an MXNetError that is an IndexError for coordinates beyond shape.
    """
    return _scatter("scatter_nd", data.new_zeros(shape), data, indices, False)


scatter_nd.infer_dtype(share_dtype(0))


@operator("_backward_gather_nd")
def accumulate_nd(data: Tensor, indices: Tensor, *, shape: Shape) -> Tensor:
    """`scatter_nd` that adds up the values of coordinates that repeat: the gradient of gather_nd."""
    return _scatter("_backward_gather_nd", data.new_zeros(shape), data, indices, True)


accumulate_nd.infer_dtype(share_dtype(0))


@operator("_scatter_set_nd", reuses_input={0: 0})
def scatter_set_nd(lhs: Tensor, rhs: Tensor, indices: Tensor, *, shape: Shape) -> Tensor:
    """lhs, which has this shape, with rhs stored at the coordinates indices as in scatter_nd."""
    if tuple(lhs.shape) != shape:
        raise MXNetError(f"_scatter_set_nd: lhs has shape {tuple(lhs.shape)}; expected shape={shape}.")
    if lhs.dtype is not rhs.dtype:
        raise MXNetError(
            f"_scatter_set_nd: lhs is {DTYPE_NAMES[lhs.dtype]}, rhs is {DTYPE_NAMES[rhs.dtype]}; expected one dtype."
        )
    return _scatter("_scatter_set_nd", lhs, rhs, indices, False)


scatter_set_nd.infer_dtype(share_dtype(0, 1))


@operator("where", aliases=("_sparse_where",))
def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The elements of x where condition is not 0, else those of y.

    condition  the shape of x and y, or a vector that chooses along their first axis
    """
    if x.shape != y.shape or x.dtype is not y.dtype:
        raise MXNetError(
            f"where: x is {DTYPE_NAMES[x.dtype]}{tuple(x.shape)}, y is {DTYPE_NAMES[y.dtype]}{tuple(y.shape)}; "
            "expected one dtype and one shape."
        )
    if condition.shape != x.shape:
        if condition.ndim != 1 or not x.ndim or condition.shape[0] != x.shape[0]:
            raise MXNetError(
                f"where: condition has shape {tuple(condition.shape)}; expected {tuple(x.shape)} or "
                f"{tuple(x.shape[:1])}."
            )
        condition = condition.reshape((-1,) + (1,) * (x.ndim - 1))
    return torch.where(condition if condition.dtype is torch.bool else condition != 0, x, y)


where.infer_dtype(share_dtype(1, 2))


@where.infer_shape
def _(inputs: Partial, outputs: Partial) -> tuple[Partial, Partial]:
    condition, x, y = inputs
    one = unify(unify(x, y, "the shape of x and y"), outputs[0], "the shape of x, y and the result of where")
    if one is not None and condition is not None and len(condition) == len(one):
        one = unify(one, condition, "the shape of condition, x and y")
        condition = one
    return [condition, one, one], [one]


def _check_index_shape(name: str, shape: Shape | None) -> Shape:
    if not shape:
        raise MXNetError(f"{name}: pass shape=, the shape that the indices are meant for.")
    return shape


@operator("_ravel_multi_index", aliases=("ravel_multi_index",))
def ravel_multi_index(data: Tensor, *, shape: Shape | None = None) -> Tensor:
    """Flat indices for coordinates: (M, N) -> (N,), M the length of shape, whose first dimension is not used."""
    shape = _check_index_shape("ravel_multi_index", shape)
    if data.ndim != 2 or data.shape[0] != len(shape):
        raise MXNetError(
            f"ravel_multi_index: data has shape {tuple(data.shape)}; expected ({len(shape)}, N) for shape={shape}."
        )
    coordinates = _whole(data)
    flat = coordinates[0]
    for axis in range(1, len(shape)):
        flat = flat * shape[axis] + coordinates[axis]
    return flat.to(data.dtype)


@operator("_unravel_index", aliases=("unravel_index",))
def unravel_index(data: Tensor, *, shape: Shape | None = None) -> Tensor:
    """Coordinates for flat indices: (...) -> (M, ...), M the length of shape, whose first dimension is not used."""
    shape = _check_index_shape("unravel_index", shape)
    rest = _whole(data)
    coordinates = []
    for dim in shape[:0:-1]:
        quotient = rest.div(dim, rounding_mode="trunc")
        coordinates.append(rest - quotient * dim)
        rest = quotient
    return torch.stack([rest, *coordinates[::-1]]).to(data.dtype)


@operator("_contrib_boolean_mask", dynamic=True)
def boolean_mask(data: Tensor, index: Tensor, *, axis: int = 0) -> Tensor:
    """The entries of data along an axis where index, a vector as long as that axis, is not 0."""
    axis = normalize_axis(axis, data.ndim, "boolean_mask")
    if index.ndim != 1 or index.shape[0] != data.shape[axis]:
        raise MXNetError(
            f"boolean_mask: index has shape {tuple(index.shape)}; expected ({data.shape[axis]},), the size of axis "
            f"{axis} of data of shape {tuple(data.shape)}."
        )
    return data.index_select(axis, index.nonzero().squeeze(1))


boolean_mask.infer_dtype(share_dtype(0))


@operator("_contrib_index_copy", reuses_input={0: 0})
def index_copy(old_tensor: Tensor, index_vector: Tensor, new_tensor: Tensor) -> Tensor:
    """old_tensor with the rows index_vector (N,) replaced by those of new_tensor (N, ...).

    Raises: MXNetError if the shapes or dtypes don't fit, or an index is out of range.
    """
    expected = (*index_vector.shape, *old_tensor.shape[1:])
    if index_vector.ndim != 1 or tuple(new_tensor.shape) != expected or new_tensor.dtype is not old_tensor.dtype:
        raise MXNetError(
            f"index_copy: index_vector has shape {tuple(index_vector.shape)}, new_tensor is "
            f"{DTYPE_NAMES[new_tensor.dtype]}{tuple(new_tensor.shape)}; expected (N,) and "
            f"{DTYPE_NAMES[old_tensor.dtype]}{expected}."
        )
    index = _whole(index_vector)
    if index.is_cuda and type(index) is Tensor:
        _check_bounds("index_copy", index, 0, old_tensor.shape[0])
    try:
        return old_tensor.index_copy(0, index, new_tensor)
    except IndexError as error:
        raise OutOfBoundsError(f"index_copy: {error}") from error


index_copy.infer_dtype(share_dtype(0, 2))


@operator("_contrib_index_array", out_dtype="int64")
def index_array(data: Tensor, *, axes: Shape | None = None) -> Tensor:
    """The coordinates of every element of data along these axes (None: all): (*data.shape, number of axes), int64."""
    chosen = range(data.ndim) if axes is None else [normalize_axis(axis, data.ndim, "index_array") for axis in axes]
    shape = data.shape
    if not chosen:
        return torch.empty((*shape, 0), dtype=torch.int64, device=data.device)
    coordinates = [
        torch.arange(shape[axis], device=data.device).reshape((-1,) + (1,) * (data.ndim - 1 - axis)).expand(shape)
        for axis in chosen
    ]
    return torch.stack(coordinates, -1)


@operator("_sparse_retain")
def sparse_retain(data: Tensor, indices: Tensor) -> Tensor:
    """data with zeros in place of all rows but those with the given numbers.

    data     (rows, ...); stored as row_sparse or not, and so is the result
    indices  (kept,) numbers of rows, any numeric dtype
    Raises: MXNetError if indices has another number of axes, or a row isn't there.
    """
    if indices.ndim != 1 or not data.ndim:
        raise MXNetError(
            f"_sparse_retain: data has shape {tuple(data.shape)}, indices {tuple(indices.shape)}; expected (rows, ...) "
            "and (kept,)."
        )
    kept = torch.zeros(data.shape[0], dtype=torch.bool, device=data.device).scatter_(0, indices.long(), True)
    return torch.where(kept.reshape(-1, *(1,) * (data.ndim - 1)), data, torch.zeros((), dtype=data.dtype))


@sparse_retain.infer_shape
def _(inputs: list[PartialShape], outputs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
    shape = inputs[0] if inputs[0] is not None else outputs[0]
    return [shape, inputs[1]], [shape]


@sparse_retain.infer_dtype
def _(inputs: list[str | None], outputs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
    dtype = inputs[0] or outputs[0]
    return [dtype, inputs[1]], [dtype]
