"""`mx.nd.sparse`: arrays that store part of their elements, and operators on them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base import MXNetError, _Null
from ..context import Context
from ..ops.dtypes import torch_dtype
from ..ops.namespaces import resolver
from ..ops.registry import get_operator
from . import sparse_ops, utils
from .invoke import NotAnArrayError, invoke, make_function, parse_context
from .ndarray import ARITHMETIC, NUMBERS, NDArray
from .recording import STATE
from .sparse_storage import (
    CLASSES,
    BaseSparseNDArray,
    CSRNDArray,
    NotSupportedForSparseNDArray,
    RowSparseNDArray,
    csr_of_entries,
    from_dense,
    make,
    zeros_of,
)

__all__ = [
    "BaseSparseNDArray", "CSRNDArray", "NotSupportedForSparseNDArray", "RowSparseNDArray", "add", "array",
    "cast_storage", "csr_matrix", "divide", "empty", "gs_retain", "multiply", "retain", "row_sparse_array", "subtract",
    "zeros",
]  # fmt: skip


# Creation


def _tensor(source: Any, dtype: Any, ctx: Context, default: Any = np.float32) -> Tensor:
    """A copy of array-like data, of dtype, else of the source's own dtype, else of the default (for lists)."""
    if isinstance(source, BaseSparseNDArray):
        raise ValueError(f"Unexpected input type: {type(source).__name__}; expected dense arrays")
    if dtype is None:
        dtype = source.dtype if isinstance(source, NDArray | np.ndarray | torch.Tensor) else default
    return utils.array(source, ctx, dtype)._data


def _check_shapes(given: Any, found: tuple[int, ...]) -> None:
    if given is not None and utils._shape(given) != found:
        raise ValueError(f"Shape mismatch detected. {found} v.s. {tuple(given)}")


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(size, int | np.integer) for size in value)


def _from_sparse(source: BaseSparseNDArray, shape: Any, ctx: Any, dtype: Any) -> Any:
    _check_shapes(shape, source.shape)
    copied = source.copyto(source._ctx if ctx is None else ctx)
    return copied if dtype is None else copied.astype(dtype)


def _is_scipy_csr(source: Any) -> bool:
    return getattr(source, "format", None) == "csr" and hasattr(source, "indptr")


def csr_matrix(arg1: Any, shape: Any = None, ctx: Context | None = None, dtype: Any = None) -> CSRNDArray:
    """A csr array; everything is copied.

    Args:
        arg1: a matrix (csr array, scipy.sparse.csr_matrix, or dense: NDArray, NumPy array, nested list);
            (data, indices, indptr); (data, (rows, columns)), where elements of equal position add up; or a shape
            (M, N), for a matrix that stores nothing.
        shape: (rows, columns); default what arg1 says: the largest column and row number plus one.
        ctx: device; default that of an array, else the current context.
        dtype: default that of the source, float32 for (data, indices, indptr) in lists.
    Raises: ValueError where shapes contradict each other, TypeError if arg1 is not array-like. Index values are
        looked at when they are used, or by `check_format`.
    """
    if isinstance(arg1, tuple):
        if len(arg1) == 2:
            if _is_shape(arg1):
                _check_shapes(shape, tuple(map(int, arg1)))
                return empty("csr", arg1, ctx, dtype)
            return _csr_from_coordinates(arg1[0], arg1[1], shape, ctx, dtype)
        if len(arg1) == 3:
            return _csr_from_parts(*arg1, shape, ctx, dtype)
        raise ValueError(f"Unexpected length of input tuple: {len(arg1)}")
    if isinstance(arg1, CSRNDArray):
        return _from_sparse(arg1, shape, ctx, dtype)
    if isinstance(arg1, BaseSparseNDArray):
        raise ValueError(f"Unexpected input type: {type(arg1).__name__}")
    if _is_scipy_csr(arg1):
        _check_shapes(shape, arg1.shape)
        return _csr_from_parts(arg1.data, arg1.indices, arg1.indptr, arg1.shape, ctx, dtype)
    ctx = arg1._ctx if ctx is None and isinstance(arg1, NDArray) else parse_context(ctx)
    dense = utils.array(arg1, ctx, dtype or getattr(arg1, "dtype", None))
    _check_shapes(shape, dense.shape)
    return from_dense(dense, "csr")


def _csr_from_parts(data: Any, indices: Any, indptr: Any, shape: Any, ctx: Any, dtype: Any) -> CSRNDArray:
    ctx = parse_context(ctx)
    values = _tensor(data, dtype, ctx)
    columns, starts = (_tensor(part, "int64", ctx) for part in (indices, indptr))
    if values.ndim != 1 or columns.shape != values.shape or starts.ndim != 1 or not starts.numel():
        raise ValueError(
            f"invalid shape: data {tuple(values.shape)}, indices {tuple(columns.shape)}, indptr {tuple(starts.shape)}; "
            "expected one axis each, data and indices of equal length"
        )
    if shape is None:
        if not columns.numel():
            raise ValueError("invalid shape: without elements the number of columns is unknown; pass shape")
        shape = (starts.numel() - 1, int(columns.max()) + 1)
    shape = utils._shape(shape)
    if len(shape) != 2 or starts.numel() != shape[0] + 1:
        raise ValueError(f"invalid shape {shape}: indptr has {starts.numel()} elements; expected one more than rows")
    return make(CSRNDArray, values, (starts, columns), shape, ctx)


def _csr_from_coordinates(data: Any, places: Any, shape: Any, ctx: Any, dtype: Any) -> CSRNDArray:
    if not isinstance(places, tuple | list) or len(places) != 2:
        raise ValueError(f"csr_matrix: got {places!r} beside data; expected (rows, columns)")
    ctx = parse_context(ctx)
    values = _tensor(data, dtype, ctx, np.asarray(data).dtype if isinstance(data, list | tuple) else np.float32)
    rows, columns = (_tensor(part, "int64", ctx) for part in places)
    if not values.shape == rows.shape == columns.shape or values.ndim != 1:
        raise ValueError(
            f"row, column, and data array must all be the same size; got {tuple(rows.shape)}, {tuple(columns.shape)}, "
            f"{tuple(values.shape)}"
        )
    if shape is None:
        if not rows.numel():
            raise ValueError("csr_matrix: the shape can't be inferred without elements; pass shape")
        shape = (int(rows.max()) + 1, int(columns.max()) + 1)
    height, width = utils._shape(shape)
    for name, part, limit in (("row", rows, height), ("column", columns, width)):
        if part.numel() and int(part.max()) >= limit:
            raise ValueError(f"{name} index exceeds matrix dimensions: {int(part.max())} in shape {(height, width)}")
        if part.numel() and int(part.min()) < 0:
            raise ValueError(f"negative {name} index found: {int(part.min())}")
    keys, positions = torch.unique(rows * width + columns, return_inverse=True)
    total = torch.zeros(keys.numel(), dtype=values.dtype, device=values.device).index_add_(0, positions, values)
    rows = torch.div(keys, max(width, 1), rounding_mode="floor")
    return csr_of_entries(rows, keys - rows * width, total, (height, width), ctx)


def row_sparse_array(arg1: Any, shape: Any = None, ctx: Context | None = None, dtype: Any = None) -> RowSparseNDArray:
    """A row_sparse array; everything is copied.

    Args:
        arg1: a row_sparse array or a dense source; (data, indices): rows and their numbers; or a shape (D0, D1, ...)
            of at least two sizes, for an array that stores nothing.
        shape: default what arg1 says: the largest row number plus one.
        ctx: device; default that of an array, else the current context.
        dtype: default that of the source, float32 for lists.
    Raises: ValueError where shapes contradict each other, TypeError if arg1 is not array-like.
    """
    if isinstance(arg1, tuple):
        if len(arg1) < 2:
            raise ValueError(f"Unexpected length of input tuple: {len(arg1)}")
        if _is_shape(arg1):
            _check_shapes(shape, tuple(map(int, arg1)))
            return empty("row_sparse", arg1, ctx, dtype)
        if len(arg1) != 2:
            raise ValueError(f"Unexpected length of input tuple: {len(arg1)}; expected (data, indices)")
        ctx = parse_context(ctx)
        values, indices = _tensor(arg1[0], dtype, ctx), _tensor(arg1[1], "int64", ctx)
        if shape is None:
            if not indices.numel():
                raise ValueError("invalid shape: without rows the number of rows is unknown; pass shape")
            shape = (int(indices.max()) + 1, *values.shape[1:])
        shape = utils._shape(shape)
        if indices.ndim != 1 or values.shape[:1] != indices.shape or tuple(values.shape[1:]) != shape[1:]:
            raise MXNetError(
                f"row_sparse_array: data has shape {tuple(values.shape)}, indices {tuple(indices.shape)}; for shape "
                f"{shape} expected {('rows', *shape[1:])} and ('rows',)"
            )
        return make(RowSparseNDArray, values, (indices,), shape, ctx)
    if isinstance(arg1, RowSparseNDArray):
        return _from_sparse(arg1, shape, ctx, dtype)
    if isinstance(arg1, BaseSparseNDArray):
        raise ValueError(f"Unexpected input type: {type(arg1).__name__}")
    if _is_scipy_csr(arg1):
        raise TypeError(f"row_sparse_array: got {type(arg1)}; expected an array like object")
    ctx = arg1._ctx if ctx is None and isinstance(arg1, NDArray) else parse_context(ctx)
    dense = utils.array(arg1, ctx, dtype or getattr(arg1, "dtype", None))
    _check_shapes(shape, dense.shape)
    return from_dense(dense, "row_sparse")


def array(source_array: Any, ctx: Context | None = None, dtype: Any = None) -> Any:
    """A sparse array with a copy of the values of a sparse array or of a scipy.sparse.csr_matrix.

    Raises: ValueError for other sources: mx.nd.array takes dense ones, tocsr() turns SciPy's other formats into csr.
    """
    if isinstance(source_array, BaseSparseNDArray):
        return _from_sparse(source_array, None, parse_context(ctx), dtype)
    if _is_scipy_csr(source_array):
        return csr_matrix(source_array, ctx=ctx, dtype=dtype)
    raise ValueError(
        f"sparse.array: unexpected source_array of type {type(source_array)}; use mx.nd.array and tostype for dense "
        "sources, and tocsr() for SciPy's formats"
    )


def zeros(stype: str, shape: Any, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> Any:
    """An array of zeros with storage "csr" or "row_sparse", that stores nothing, or "default".

    ``out=`` names an array to fill instead.
    Raises: ValueError for other storage types.
    """
    if stype == "default":
        return utils.zeros(shape, ctx, dtype, **kwargs)
    if stype not in CLASSES:
        raise ValueError(f"unknown storage type {stype!r}; expected 'default', 'csr' or 'row_sparse'")
    out = kwargs.pop("out", None)
    kwargs.pop("name", None)
    if kwargs:
        raise MXNetError(f"zeros: unknown keyword {next(iter(kwargs))!r}; expected out or name.")
    result = zeros_of(CLASSES[stype], utils._shape(shape), torch_dtype(dtype), parse_context(ctx))
    return result if out is None else result.copyto(out)


def empty(stype: str, shape: Any, ctx: Context | None = None, dtype: Any = None) -> Any:
    """An array with storage "csr" or "row_sparse" that stores nothing; ValueError for other storage types."""
    if stype not in CLASSES:
        raise ValueError(f"unknown stype: {stype!r}; expected 'csr' or 'row_sparse'")
    return zeros(stype, shape, ctx, dtype)


# Storage


def _require_array(function: str, argument: str, value: Any) -> None:
    if not isinstance(value, NDArray):
        raise NotAnArrayError(f"{function}: Argument {argument} must have NDArray type, but got {value!r}")


def _returned(result: Any, out: Any, kwargs: dict[str, Any], function: str) -> Any:
    if kwargs:
        raise MXNetError(f"{function}: unknown argument {next(iter(kwargs))!r}.")
    return result if out is None else result.copyto(out)


def cast_storage(data: Any = None, stype: Any = _Null, out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """A copy of an array in another storage type.

    Args:
        data: an array; dense, or of that storage type already, unless stype is "default".
        stype: "default", "csr" (two axes) or "row_sparse".
    Raises: MXNetError for other storage types, between csr and row_sparse, and for csr of a shape that is no matrix.
    """
    _require_array("cast_storage", "data", data)
    if stype not in ("default", *CLASSES):
        raise MXNetError(f"cast_storage: stype is {stype!r}; expected 'default', 'csr' or 'row_sparse'.")
    if data.stype != "default" or stype == "default":
        return invoke(get_operator("cast_storage"), [data], {"stype": stype, **kwargs}, out)
    if STATE.tracer is not None:
        STATE.tracer.refuse(f"cast_storage to {stype}", "use dense arrays inside of hybridized blocks")
    return _returned(sparse_ops.as_stype(data, stype), out, kwargs, "cast_storage")


def retain(data: Any = None, indices: Any = None, out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """The rows of a row_sparse array that have the given numbers, zero for those that are not stored.

    Args:
        data: RowSparseNDArray.
        indices: NDArray (rows,) of row numbers; they and their order are kept.
    Returns: RowSparseNDArray of the shape of data.
    """
    _require_array("retain", "data", data)
    _require_array("retain", "indices", indices)
    if not isinstance(data, RowSparseNDArray):
        raise MXNetError(f"retain: data has storage type {data.stype}; expected row_sparse")
    return _returned(invoke(get_operator("_sparse_retain"), [data, indices], {}), out, kwargs, "retain")


gs_retain = retain


# Arithmetic


def _arithmetic(method: str, elementwise: str, on_numbers: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    broadcast, scalar, reverse_scalar, _ = ARITHMETIC[method]

    def function(lhs: Any, rhs: Any) -> Any:
        if isinstance(lhs, NDArray) and isinstance(rhs, NDArray):
            return invoke(get_operator(elementwise if lhs.shape == rhs.shape else broadcast), [lhs, rhs], {})
        if isinstance(lhs, NDArray) and isinstance(rhs, NUMBERS):
            return invoke(get_operator(scalar), [lhs], {"scalar": rhs})
        if isinstance(rhs, NDArray) and isinstance(lhs, NUMBERS):
            return invoke(get_operator(reverse_scalar), [rhs], {"scalar": lhs})
        if isinstance(lhs, NUMBERS) and isinstance(rhs, NUMBERS):
            return on_numbers(lhs, rhs)
        raise NotAnArrayError(f"types {type(lhs)} and {type(rhs)} are not supported; expected NDArrays and numbers")

    return function


def _named(function: Callable[[Any, Any], Any], name: str, sign: str) -> Callable[[Any, Any], Any]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"lhs {sign} rhs, of dense or sparse arrays (of one shape, or broadcast) and numbers.\n\n"
        "The result is sparse where the operator keeps zeros, else dense."
    )
    return function


add = _named(_arithmetic("add", "elemwise_add", operator.add), "add", "+")
subtract = _named(_arithmetic("sub", "elemwise_sub", operator.sub), "subtract", "-")
multiply = _named(_arithmetic("mul", "elemwise_mul", operator.mul), "multiply", "*")
divide = _named(_arithmetic("truediv", "elemwise_div", operator.truediv), "divide", "/")


def _add_methods() -> None:
    def in_place(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def method(self: Any, other: Any) -> Any:
            result = function(self, other)
            self._assign_all(result if result.stype == self.stype else result.tostype("default"))
            return self

        return method

    pairs = (("add", add), ("sub", subtract), ("mul", multiply), ("truediv", divide), ("div", divide))
    for name, function in pairs:
        setattr(BaseSparseNDArray, f"__{name}__", lambda self, other, function=function: function(self, other))
        setattr(BaseSparseNDArray, f"__i{name}__", in_place(function))


_add_methods()

__getattr__, __dir__ = resolver("sparse", __name__, make_function, globals())
