"""Operators that give the elements of an array another shape or order of axes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .inference import is_known, normalize_axis, product, share_dtype, unify
from .registry import PartialShape, operator

Partial = list[PartialShape]


def infer_reshape(
    shape: Sequence[int], codes: Sequence[int], reverse: bool = False, *, check_size: bool = False
) -> tuple[int, ...]:
    """The shape that these codes of Reshape ask for, given a (perhaps partly known, -1) shape.

    check_size  whether the number of elements must stay the same; otherwise an inferred dimension is rounded down
    Raises: MXNetError for codes that make no sense or don't fit the shape.
    """
    if reverse:
        return infer_reshape(shape[::-1], codes[::-1], check_size=check_size)[::-1]

    def fail(reason: str) -> MXNetError:
        return MXNetError(f"Reshape: {reason}: data has shape {tuple(shape)}, shape={tuple(codes)}.")

    position = 0

    def take(count: int, code: int) -> Sequence[int]:
        nonlocal position
        if position + count > len(shape):
            raise fail(f"the code {code} needs {count} more dimension{'s' * (count > 1)} of data than there are")
        position += count
        return shape[position - count : position]

    result: list[int] = []
    given: list[int] = []  # dimensions of the result that are not copied one to one, nor inferred
    consumed: list[int] = []  # dimensions of data that are not copied one to one
    inferred = None
    index = 0
    while index < len(codes):
        code = codes[index]
        index += 1
        if code == 0:
            result += take(1, code)
        elif code == -2:
            result += shape[position:]
            position = len(shape)
        elif code == -3:
            pair = take(2, code)
            consumed += pair
            given.append(product(pair))
            result.append(given[-1])
        elif code == -4:
            if index + 2 > len(codes):
                raise fail("the code -4 is followed by two dimensions")
            (whole,) = take(1, code)
            first, second = codes[index : index + 2]
            index += 2
            if first == second == -1:
                raise fail("at most one of the two dimensions after -4 can be -1")
            if first == -1:
                first = whole // second if whole != -1 else -1
            elif second == -1:
                second = whole // first if whole != -1 else -1
            if whole != -1 and (first * second != whole or first < 0):
                raise fail(f"{whole} can't be split into {first} and {second}")
            consumed.append(whole)
            given += (first, second)
            result += (first, second)
        elif code == -1 or code > 0:
            consumed += shape[position : position + 1]
            position += 1
            if code == -1:
                if inferred is not None:
                    raise fail("only one dimension can be -1")
                inferred = len(result)
            else:
                given.append(code)
            result.append(code)
        else:
            raise fail(f"{code} is no dimension; expected a positive number or one of 0, -1, -2, -3, -4")
    consumed += shape[position:]
    have, used = product(consumed), product(given)
    if inferred is not None:
        if have != -1 and used != -1:
            if check_size and (used == 0 or have % used):
                raise fail("the number of elements can't be divided so")
            result[inferred] = have // used if used else 0
    elif check_size and have not in (used, -1) and used != -1:
        raise fail("the number of elements differs")
    return tuple(result)


def resolve_shape(shape: Sequence[int], codes: Sequence[int], reverse: bool = False) -> tuple[int, ...]:
    """The shape that Reshape gives an array: `infer_reshape`, for which the number of elements must stay the same."""
    return infer_reshape(shape, codes, reverse, check_size=True)


def _legacy_codes(shape: Sequence[int], target_shape: Sequence[int], keep_highest: bool) -> tuple[int, ...]:
    """The codes that stand for the old attributes target_shape and keep_highest."""
    if not target_shape:
        raise MXNetError("Reshape: pass shape=, a tuple such as (0, -1).")
    codes = [dim or -1 for dim in target_shape]
    if keep_highest:
        codes[0] = shape[0]
    return tuple(codes)


@operator("Reshape", aliases=("reshape",), view=True, method=True)
def reshape(
    data: Tensor, *, shape: Shape = (), reverse: bool = False, target_shape: Shape = (), keep_highest: bool = False
) -> Tensor:
    """The elements of data, in the same order, in another shape.

    Besides sizes, shape may hold these codes, which consume the dimensions of data from left to right:
     0      copy this dimension
    -1      infer it from the number of elements (once)
    -2      copy all remaining dimensions
    -3      the product of two consecutive dimensions
    -4 a b  split this dimension into a and b, one of which may be -1
    With reverse, shape and the dimensions of data are matched from right to left.
    target_shape (0: infer) and keep_highest (keep the first dimension) are the old form, used when shape is empty.

    Raises: MXNetError if the codes don't fit data, or the number of elements differs.
    """
    if not shape:
        shape = _legacy_codes(data.shape, target_shape, keep_highest)
    elif reverse or min(shape) < -1 or not data.numel():
        shape = resolve_shape(data.shape, shape, reverse)
    elif 0 in shape:  # each code up to here consumes one dimension
        shape = tuple([dim or data.shape[axis] for axis, dim in enumerate(shape)])
    return data.reshape(shape)


@reshape.infer_shape
def _(
    inputs: Partial, outputs: Partial, *, shape: Shape, reverse: bool, target_shape: Shape, keep_highest: bool
) -> tuple[Partial, Partial]:
    (data,), (out,) = inputs, outputs
    if data is None:
        return inputs, outputs
    codes = shape or _legacy_codes(data, target_shape, keep_highest)
    out = unify(out, resolve_shape(data, codes, reverse), "the shape of the result of Reshape")
    if data.count(-1) == 1 and is_known(out):
        rest = product(dim for dim in data if dim != -1)
        size = product(out or ())
        if rest == 0 or size % rest:
            raise MXNetError(f"Reshape: {out} can't be the result of data of shape {data}.")
        data = tuple(size // rest if dim == -1 else dim for dim in data)
    return [data], [out]


@operator("Flatten", aliases=("flatten",), view=True, method=True)
def flatten(data: Tensor) -> Tensor:
    """data as (batch, the product of all other dimensions)."""
    return data.reshape(data.shape[0], -1) if data.numel() else data.reshape(data.shape[0], product(data.shape[1:]))


@flatten.infer_shape
def _(inputs: Partial, outputs: Partial) -> tuple[Partial, Partial]:
    (data,), (out,) = inputs, outputs
    if data is None:
        return inputs, outputs
    out = unify(out, (data[0], product(data[1:])), "the shape of the result of Flatten")
    assert out is not None
    return [(out[0], *data[1:])], [out]


def _span(begin: int | None, end: int | None, ndim: int, which: str) -> tuple[int, int]:
    first = 0 if begin is None else begin + ndim if begin < 0 else begin
    last = ndim if end is None else end + ndim if end < 0 else end
    if not 0 <= first < last <= ndim:
        raise MXNetError(
            f"reshape_like: {which}_begin={begin}, {which}_end={end} select no axes of {ndim}; "
            f"expected 0 <= begin < end <= {ndim}."
        )
    return first, last


@operator("reshape_like", view=True, method=True)
def reshape_like(
    lhs: Tensor,
    rhs: Tensor,
    *,
    lhs_begin: int | None = None,
    lhs_end: int | None = None,
    rhs_begin: int | None = None,
    rhs_end: int | None = None,
) -> Tensor:
    """The elements of lhs, its axes lhs_begin to lhs_end replaced by the dimensions rhs_begin to rhs_end of rhs.

    Raises: MXNetError if a range is empty, or the number of elements differs.
    """
    if lhs_begin is lhs_end is rhs_begin is rhs_end is None:
        return lhs.reshape(rhs.shape)
    first, last = _span(lhs_begin, lhs_end, lhs.ndim, "lhs")
    begin, end = _span(rhs_begin, rhs_end, rhs.ndim, "rhs")
    return lhs.reshape((*lhs.shape[:first], *rhs.shape[begin:end], *lhs.shape[last:]))


reshape_like.infer_dtype(share_dtype(0))


@operator("expand_dims", view=True, method=True)
def expand_dims(data: Tensor, *, axis: int) -> Tensor:
    """data with a new axis of size 1 at this place, counted from the end when negative."""
    return data.unsqueeze(axis)


@expand_dims.infer_shape
def _(inputs: Partial, outputs: Partial, *, axis: int) -> tuple[Partial, Partial]:
    (data,), (out,) = inputs, outputs
    ndim = len(data) + 1 if data is not None else len(out) if out is not None else None
    if ndim is None:
        return inputs, outputs
    place = normalize_axis(axis, ndim, "expand_dims")
    if data is not None:
        out = unify(out, (*data[:place], 1, *data[place:]), "the shape of the result of expand_dims")
    assert out is not None
    unify(out[place : place + 1], (1,), "the new dimension of the result of expand_dims")
    return [(*out[:place], *out[place + 1 :])], [(*out[:place], 1, *out[place + 1 :])]


@operator("squeeze", view=True, method=True)
def squeeze(data: Tensor, *, axis: Shape | None = None) -> Tensor:
    """data without the axes of size 1, or without those given, which must have size 1; one axis always stays."""
    if axis is None:
        result = data.squeeze()
    else:
        for one in axis:
            if data.shape[one] != 1:
                raise MXNetError(f"squeeze: axis {one} of data of shape {tuple(data.shape)} is not of size 1.")
        result = data.squeeze(axis) if axis else data
    return result if result.ndim else result.reshape(1)


@squeeze.infer_shape
def _(inputs: Partial, outputs: Partial, *, axis: Shape | None) -> tuple[Partial, Partial]:
    (data,), (out,) = inputs, outputs
    if data is None or (axis is None and -1 in data):
        return inputs, outputs
    if axis is None:
        rest = tuple(dim for dim in data if dim != 1)
    else:
        gone = {normalize_axis(one, len(data), "squeeze") for one in axis}
        for one in gone:
            unify(data[one : one + 1], (1,), f"dimension {one} of data, which squeeze removes,")
        data = tuple(1 if i in gone else dim for i, dim in enumerate(data))
        rest = tuple(dim for i, dim in enumerate(data) if i not in gone)
        if out is not None and len(out) == len(rest) == len(data) - len(gone):
            known = iter(unify(out, rest, "the shape of the result of squeeze") or ())
            data = tuple(1 if i in gone else next(known) for i in range(len(data)))
    return [data], [unify(out, rest or (1,), "the shape of the result of squeeze")]


@operator("transpose", view=True, method=True)
def transpose(data: Tensor, *, axes: Shape = ()) -> Tensor:
    """data with its axes in this order; without axes, in reverse."""
    return data.permute(axes or tuple(range(data.ndim - 1, -1, -1)))


@transpose.infer_shape
def _(inputs: Partial, outputs: Partial, *, axes: Shape) -> tuple[Partial, Partial]:
    (data,), (out,) = inputs, outputs
    known = data if data is not None else out
    if known is None:
        return inputs, outputs
    order = [normalize_axis(axis, len(known), "transpose") for axis in axes] or list(range(len(known)))[::-1]
    if sorted(order) != list(range(len(known))):
        raise MXNetError(f"transpose: axes={axes} doesn't name each of the {len(known)} axes once.")
    if data is not None:
        out = unify(out, tuple(data[axis] for axis in order), "the shape of the result of transpose")
    assert out is not None
    return [tuple(out[order.index(axis)] for axis in range(len(order)))], [out]


@operator("SwapAxis", aliases=("swapaxes",), view=True, method=True)
def swap_axis(data: Tensor, *, dim1: int = 0, dim2: int = 0) -> Tensor:
    """data with two axes exchanged."""
    return data.transpose(dim1, dim2)


@swap_axis.infer_shape
def _(inputs: Partial, outputs: Partial, *, dim1: int, dim2: int) -> tuple[Partial, Partial]:
    (data,), (out,) = inputs, outputs

    def swap(shape: PartialShape) -> PartialShape:
        if shape is None:
            return None
        one, other = (normalize_axis(dim, len(shape), "SwapAxis", "dim") for dim in (dim1, dim2))
        dims = list(shape)
        dims[one], dims[other] = dims[other], dims[one]
        return tuple(dims)

    out = unify(out, swap(data), "the shape of the result of SwapAxis")
    return [swap(out)], [out]


def _check_blocks(name: str, data: Tensor, block_size: int) -> None:
    if data.ndim != 4:
        raise MXNetError(f"{name}: data has shape {tuple(data.shape)}; expected (N, C, H, W).")
    if block_size < 1:
        raise MXNetError(f"{name}: block_size is {block_size}; expected a positive number.")


@operator("depth_to_space", method=True, view=True)
def depth_to_space(data: Tensor, *, block_size: int) -> Tensor:
    """Move blocks of channels into space: (N, C, H, W) -> (N, C / b**2, H * b, W * b), b the block_size."""
    _check_blocks("depth_to_space", data, block_size)
    n, c, h, w = data.shape
    b = block_size
    if c % (b * b):
        raise MXNetError(f"depth_to_space: {c} channels can't be divided by block_size**2 = {b * b}.")
    return data.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // (b * b), h * b, w * b)


@operator("space_to_depth", method=True, view=True)
def space_to_depth(data: Tensor, *, block_size: int) -> Tensor:
    """Move blocks of space into channels: (N, C, H, W) -> (N, C * b**2, H / b, W / b), b the block_size."""
    _check_blocks("space_to_depth", data, block_size)
    n, c, h, w = data.shape
    b = block_size
    if h % b or w % b:
        raise MXNetError(f"space_to_depth: ({h}, {w}) can't be divided by block_size = {b}.")
    return data.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)


@operator("cast_storage", aliases=("_sparse_cast_storage",), view=True)
def cast_storage(data: Tensor, *, stype: str) -> Tensor:
    """data in another storage type: "default", "csr" (matrices only) or "row_sparse".

    Raises: MXNetError for other storage types.
    """
    if stype not in ("default", "csr", "row_sparse"):
        raise MXNetError(f"cast_storage: stype is {stype!r}; expected 'default', 'csr' or 'row_sparse'.")
    if stype == "csr" and data.ndim != 2:
        raise MXNetError(f"cast_storage: data has shape {tuple(data.shape)}; expected a matrix for stype='csr'.")
    return data  # what it is stored in, the caller decides


@operator("_copyto", view=True)
def copyto(data: Tensor) -> Tensor:
    """A copy of data."""
    return data
