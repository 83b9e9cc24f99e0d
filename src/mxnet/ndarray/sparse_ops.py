"""Operators on sparse storage: a table from operator to implementations, and the fallback to dense storage.

`invoke` comes here when an input or ``out`` is sparse. An implementation takes the arrays and the parsed attributes and
returns an array, or None where it doesn't apply; then the operator runs on dense copies, with a warning, as in MXNet.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from ..graph.storage import KEEP_ZEROS, KEEP_ZEROS_IF
from ..ops.dtypes import dtype_name
from ..ops.generators import generator_for
from ..ops.registry import Operator, get_operator
from .invoke import invoke, own, run_operator, wrap, wrap_recorded
from .ndarray import NDArray
from .recording import STATE
from .sparse_gradients import converted, record
from .sparse_storage import (
    BaseSparseNDArray,
    CSRNDArray,
    RowSparseNDArray,
    csr_of_entries,
    from_dense,
    make,
    wrap_csr,
    zeros_of,
)
from .sparse_updates import update

Implementation = Callable[[Operator, Sequence[Any], dict[str, Any]], Any]
TABLE: dict[str, Implementation] = {}


def _implements(*names: str) -> Callable[[Implementation], Implementation]:
    def register(function: Implementation) -> Implementation:
        for name in names:
            TABLE[get_operator(name).name] = function
        return function

    return register


def run(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], out: Any) -> Any:
    """Call an operator some of whose inputs, or whose out, are sparse; see `invoke`."""
    if STATE.tracer is not None:
        STATE.tracer.refuse(f"{op.name} of sparse arrays", "use dense arrays inside of hybridized blocks")
    if op.takes_csr and not any(isinstance(array, RowSparseNDArray) for array in arrays):
        result = _run_on_csr(op, arrays, attrs)
        return result if out is None else _store(op, result, out)
    if op.name.endswith("_update"):
        return update(op, arrays, attrs, out)
    changed = [array for name, array in zip(op.inputs, arrays, strict=False) if name in op.mutates]
    if any(isinstance(array, BaseSparseNDArray) for array in changed):
        raise MXNetError(f"{op.name}: {', '.join(op.mutates)} can't be sparse; use .tostype('default').")
    result = None
    if any(isinstance(array, BaseSparseNDArray) for array in arrays):
        function = TABLE.get(op.name)
        if function is not None:
            result = function(op, arrays, attrs)
        if result is not None:
            if STATE.recording and result._node is None:
                result = record(op, arrays, attrs, result)
        else:
            _warn(op, arrays)
            result = invoke(op, [_to_dense(array) for array in arrays], attrs)
    else:
        result = invoke(op, arrays, attrs)
    return result if out is None else _store(op, result, out)


def _run_on_csr(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """Call an operator whose function takes csr arrays; it passes no gradients on."""
    tensors = [array._as_torch_csr() if isinstance(array, CSRNDArray) else array._data for array in arrays]
    ctx = arrays[0]._ctx
    extra = {**attrs, "generator": generator_for(ctx.torch_device)} if op.random else attrs
    with torch.no_grad():
        result = run_operator(op, tensors, extra, recording=False)
    made = [
        wrap_csr(item, ctx) if item.layout is torch.sparse_csr else wrap(NDArray, item, ctx)
        for item in (result if isinstance(result, tuple) else (result,))
    ]
    return made[0] if len(made) == 1 else made


def _store(op: Operator, result: Any, out: Any) -> Any:
    """Put results into the arrays given as out, converting storage."""
    targets = out if isinstance(out, list | tuple) else (out,)
    results = result if isinstance(result, list) else [result]
    if len(targets) != len(results):
        raise MXNetError(f"{op.name}: {len(targets)} arrays were given as out; it has {len(results)} outputs.")
    for target, item in zip(targets, results, strict=True):
        if target.shape != item.shape:
            raise MXNetError(f"{op.name}: out has shape {target.shape}; the result has shape {item.shape}.")
        target._assign_all(item if item.stype == target.stype else _to_dense(item))
    return out


def _to_dense(array: Any) -> Any:
    return array.tostype("default") if isinstance(array, BaseSparseNDArray) else array


def as_stype(array: Any, stype: str) -> Any:
    """An array in a storage type, itself if it has that; tracked if the array is."""
    if array.stype == stype:
        return array
    if array.stype == "default":
        return converted(array, from_dense(array, stype))
    return array.tostype("default") if stype == "default" else as_stype(array.tostype("default"), stype)


def _warn(op: Operator, arrays: Sequence[Any]) -> None:
    if os.environ.get("MXNET_STORAGE_FALLBACK_LOG_VERBOSE", "1") == "0":
        return
    kinds = "".join(f"{array.stype}, " for array in arrays if array is not None)
    warnings.warn(
        f"Storage type fallback detected: operator = {op.name}, input storage types = [{kinds}]. Dense copies of the "
        "arrays are made and the operator runs on them. The result is right, but needs the memory of dense arrays. "
        "Set the environment variable MXNET_STORAGE_FALLBACK_LOG_VERBOSE to 0 to suppress this warning.",
        stacklevel=4,
    )


def _same_dtype(op: Operator, lhs: Tensor, rhs: Tensor) -> None:
    if lhs.dtype != rhs.dtype:
        raise MXNetError(
            f"{op.name}: lhs is {dtype_name(lhs.dtype)}, rhs {dtype_name(rhs.dtype)}; expected one dtype; use astype."
        )


def _same_shape(op: Operator, lhs: Any, rhs: Any) -> None:
    if lhs.shape != rhs.shape:
        raise MXNetError(f"{op.name}: lhs has shape {lhs.shape}, rhs {rhs.shape}; expected equal shapes.")


def _values(array: Any) -> Tensor:
    return array._values if isinstance(array, BaseSparseNDArray) else array._data


# One array, element by element


@_implements(*KEEP_ZEROS - {"zeros_like"})
def _on_values(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """Operators that send zero to zero, and those that are defined to touch stored elements only."""
    array = arrays[0]
    result = op.function(array._values, **attrs)
    return array._with_values(own(result, [array._values]) if op.is_view else result)


@_implements(*KEEP_ZEROS_IF)
def _where_zero_stays(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    return _on_values(op, arrays, attrs) if KEEP_ZEROS_IF[op.name](attrs) else None


@_implements("zeros_like")
def _zeros_like(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    array = arrays[0]
    return zeros_of(type(array), array.shape, array._values.dtype, array._ctx)


@_implements("cast_storage")
def _cast_storage(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    try:
        return arrays[0].tostype(attrs["stype"])
    except ValueError as error:
        raise MXNetError(f"cast_storage: {error}") from None


# Two arrays, element by element


@_implements("elemwise_add", "elemwise_sub", "_grad_add", "_maximum", "_minimum")
def _union(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """Operators that give zero where both are zero; a csr result keeps no zeros, as in MXNet."""
    lhs, rhs = arrays
    if type(lhs) is not type(rhs):
        if op.name in ("_maximum", "_minimum") or (lhs.stype != "default" and rhs.stype != "default"):
            return None
        return invoke(op, [_to_dense(lhs), _to_dense(rhs)], attrs)  # the result is dense: nothing to warn about
    return _aligned(op, lhs, rhs, attrs)


@_implements("elemwise_mul")
def _multiply(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    lhs, rhs = arrays
    if type(lhs) is type(rhs):
        return _aligned(op, lhs, rhs, attrs)
    if lhs.stype != "default" and rhs.stype != "default":
        return None
    return _on_pattern(op, arrays, attrs, lhs if rhs.stype == "default" else rhs)


@_implements("_scatter_elemwise_div")
def _scatter_divide(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    if not isinstance(arrays[0], RowSparseNDArray):
        return None
    return _on_pattern(op, [arrays[0], _to_dense(arrays[1])], attrs, arrays[0])


def _aligned(op: Operator, lhs: Any, rhs: Any, attrs: dict[str, Any]) -> Any:
    """Apply an operator to the stored elements or rows of either of two arrays of one storage type."""
    _same_shape(op, lhs, rhs)
    _same_dtype(op, lhs._values, rhs._values)
    if isinstance(lhs, RowSparseNDArray):
        left, right = lhs._trusted()._values, rhs._trusted()._values
        keys = (lhs._aux[0], rhs._aux[0])
    else:
        width = lhs.shape[1]
        (left_rows, left_columns, left), (right_rows, right_columns, right) = lhs._entries(), rhs._entries()
        keys = (left_rows * width + left_columns, right_rows * width + right_columns)
    joined, places = torch.unique(torch.cat(keys), return_inverse=True)
    shape = (joined.numel(), *left.shape[1:])
    aligned = [
        torch.zeros(shape, dtype=values.dtype, device=values.device).index_copy_(0, place, values)
        for values, place in zip((left, right), places.split([keys[0].numel(), keys[1].numel()]), strict=True)
    ]
    result = op.function(*aligned, **attrs)
    if isinstance(lhs, RowSparseNDArray):
        return make(RowSparseNDArray, result, (joined,), lhs.shape, lhs._ctx, checked=True)
    kept = result != 0
    joined = joined[kept]
    rows = torch.div(joined, width, rounding_mode="floor")
    return csr_of_entries(rows, joined - rows * width, result[kept], lhs.shape, lhs._ctx)


def _on_pattern(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], pattern: Any) -> Any:
    """Apply an operator where `pattern`, one of two arrays, stores elements; the other one is dense and broadcast."""
    _same_dtype(op, _values(arrays[0]), _values(arrays[1]))
    other = arrays[1] if arrays[0] is pattern else arrays[0]
    if isinstance(pattern, RowSparseNDArray):
        _same_shape(op, *arrays)
        stored, met = pattern._trusted()._values, other._data[pattern._aux[0]]
        result = op.function(*((stored, met) if arrays[0] is pattern else (met, stored)), **attrs)
        return pattern._with_values(result)
    rows, columns, stored = pattern._entries()
    try:
        met = other._data.broadcast_to(pattern.shape)[rows, columns]
    except RuntimeError:
        raise MXNetError(
            f"{op.name}: lhs has shape {arrays[0].shape}, rhs {arrays[1].shape}; they can't be broadcast together."
        ) from None
    result = op.function(*((stored, met) if arrays[0] is pattern else (met, stored)), **attrs)
    aux = (pattern._aux[0], columns)
    return make(CSRNDArray, result, aux, pattern.shape, pattern._ctx, checked=True)


@_implements("broadcast_mul", "broadcast_div")
def _broadcast(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    lhs, rhs = arrays
    if lhs.stype != "csr" or rhs.stype != "default" or (op.name == "broadcast_div" and lhs.shape == rhs.shape):
        return None
    if rhs.ndim > 2 or any(extent not in (1, own) for extent, own in zip(rhs.shape[::-1], lhs.shape[::-1])):
        return None  # the result is larger than lhs, or an error that the dense operator explains
    return _on_pattern(op, arrays, attrs, lhs)


@_implements("add_n")
def _add_n(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    if not all(isinstance(array, RowSparseNDArray) for array in arrays):
        return None
    add = get_operator("elemwise_add")
    total = arrays[0]._with_values(arrays[0]._values.clone())
    for array in arrays[1:]:
        total = _aligned(add, total, array, {})
    return total


# Products


@_implements("dot")
def _dot(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """csr @ dense (or row_sparse) is dense, csr.T @ dense is row_sparse, dense @ csr is csr.

    ``forward_stype`` chooses another storage for the result.
    """
    lhs, rhs = arrays
    wanted = attrs["forward_stype"]
    if wanted not in (None, "default", "csr", "row_sparse"):
        raise MXNetError(f"dot: forward_stype is {wanted!r}; expected 'default', 'csr' or 'row_sparse'.")
    flip_a, flip_b = attrs["transpose_a"], attrs["transpose_b"]
    plain = lhs.ndim == rhs.ndim == 2 and _values(lhs).is_floating_point()
    if plain and lhs.stype == "csr" and rhs.stype != "csr" and not flip_b:
        _check_product(op, lhs, rhs, flip_a, flip_b)
        result = _csr_dot(op, lhs, rhs, flip_a, wanted in (None, "row_sparse"), attrs)
    elif plain and lhs.stype == "default" and rhs.stype == "csr" and not flip_a:
        _check_product(op, lhs, rhs, flip_a, flip_b)
        keep_columns = wanted in (None, "csr") and not flip_b
        result = _csr_product(lhs, rhs) if keep_columns else _times_csr(op, lhs, rhs, flip_b, attrs)
        wanted = wanted or "csr"
    else:
        dense = {**attrs, "forward_stype": None}
        _warn(op, arrays)
        result = invoke(op, [_to_dense(lhs), _to_dense(rhs)], dense)
    if wanted in (None, result.stype):
        return result
    if result._node is None and STATE.recording:
        result = record(op, arrays, attrs, result)
    return as_stype(result, wanted)


def _check_product(op: Operator, lhs: Any, rhs: Any, flip_a: bool, flip_b: bool) -> None:
    _same_dtype(op, _values(lhs), _values(rhs))
    if lhs.shape[0 if flip_a else 1] != rhs.shape[1 if flip_b else 0]:
        raise MXNetError(f"dot: lhs has shape {lhs.shape}, rhs {rhs.shape}, transpose_a={flip_a}, transpose_b={flip_b};"
                         " the inner sizes differ.")  # fmt: skip


def _multiply_entries(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int], dense: Tensor) -> Tensor:
    """The product of a sparse matrix, given by its elements, and a dense one; half precision adds in float32."""
    kind = values.dtype
    if kind in (torch.float16, torch.bfloat16):
        values, dense = values.float(), dense.float()
    matrix = torch.sparse_coo_tensor(torch.stack([rows, columns]), values, shape, check_invariants=False)
    return torch.sparse.mm(matrix, dense).to(kind)


def _dense_result(op: Operator, result: Tensor, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    result = result.contiguous()
    ctx = arrays[0]._ctx
    if not result.requires_grad:
        return wrap(NDArray, result, ctx)
    from .invoke import Leaf, origin_of

    origins = [Leaf("constant") if isinstance(array, BaseSparseNDArray) else origin_of(array) for array in arrays]
    return wrap_recorded(NDArray, result, ctx, (op, attrs, origins, 0))


def _recorded_by_torch(csr: Any, dense: Any) -> bool:
    """Whether torch records a product, which it can differentiate again; not where the gradient is row-sparse."""
    node = dense._node
    return STATE.recording and csr._node is None and node is not None and not getattr(node, "_mx_sparse_grad", False)


def _csr_dot(op: Operator, lhs: Any, rhs: Any, flip: bool, keep_rows: bool, attrs: dict[str, Any]) -> Any:
    rows, columns, values = lhs._entries()
    height, width = lhs.shape
    if isinstance(rhs, RowSparseNDArray):  # only the stored rows of rhs count; the matrix shrinks to them
        inner = rows if flip else columns
        order = rhs._trusted()._aux[0].argsort()
        stored = rhs._aux[0][order]
        places = torch.searchsorted(stored, inner)
        hit = places < stored.numel()
        hit[hit.clone()] = stored[places[hit]] == inner[hit]
        rows, columns, values, places = rows[hit], columns[hit], values[hit], order[places[hit]]
        rows, columns = (places, columns) if flip else (rows, places)
        height, width = (stored.numel(), width) if flip else (height, stored.numel())
        rhs = wrap(NDArray, rhs._values, rhs._ctx)
    by_torch = _recorded_by_torch(lhs, rhs)
    with torch.set_grad_enabled(by_torch):
        dense = rhs._node if by_torch else rhs._data
        if not flip:
            return _dense_result(
                op, _multiply_entries(rows, columns, values, (height, width), dense), (lhs, rhs), attrs
            )
        if not keep_rows:
            result = _multiply_entries(columns, rows, values, (width, height), dense)
            return _dense_result(op, result, (lhs, rhs), attrs)
    dense = rhs._data
    kept, places = torch.unique(columns, return_inverse=True)
    result = _multiply_entries(places, rows, values, (kept.numel(), height), dense)
    shape = (lhs.shape[1], dense.shape[1])
    return make(RowSparseNDArray, result, (kept,), shape, lhs._ctx, checked=True)


def _times_csr(op: Operator, lhs: Any, rhs: Any, flip: bool, attrs: dict[str, Any]) -> Any:
    rows, columns, values = rhs._entries()
    places, shape = ((rows, columns), rhs.shape) if flip else ((columns, rows), rhs.shape[::-1])
    by_torch = _recorded_by_torch(rhs, lhs)
    with torch.set_grad_enabled(by_torch):
        dense = lhs._node if by_torch else lhs._data
        return _dense_result(op, _multiply_entries(*places, values, shape, dense.T).T, (lhs, rhs), attrs)


def _csr_product(lhs: Any, rhs: Any) -> CSRNDArray:
    """dense @ csr as csr; every row stores an element, zero or not, in each column where rhs stores one."""
    rows, columns, values = rhs._entries()
    kept, places = torch.unique(columns, return_inverse=True)
    product = _multiply_entries(places, rows, values, (kept.numel(), rhs.shape[0]), lhs._data.T).T
    height = lhs.shape[0]
    indptr = torch.arange(height + 1, device=kept.device) * kept.numel()
    return make(
        CSRNDArray, product.reshape(-1), (indptr, kept.repeat(height)), (height, rhs.shape[1]), lhs._ctx, checked=True
    )


# Reductions


@_implements("sum", "mean")
def _sum(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    array, axis = arrays[0], attrs["axis"]
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if array.stype != "csr" or attrs["exclude"] or axis not in (None, (), 0, 1, -1, -2):
        return None
    kind = array._values.dtype
    if op.name == "mean" and not kind.is_floating_point:
        return None
    rows, columns, values = array._entries()
    axes = (0, 1) if axis in (None, ()) else (axis % 2,)
    wide = values.float() if kind.itemsize < 4 and kind.is_floating_point else values
    if axes == (0, 1):
        total, shape = wide.sum(), (1, 1) if attrs["keepdims"] else (1,)
    else:
        kept = 1 - axes[0]
        total = torch.zeros(array.shape[kept], dtype=wide.dtype, device=wide.device)
        total.index_add_(0, rows if kept == 0 else columns, wide)
        shape = tuple(array.shape[kept] if a == kept else 1 for a in (0, 1)) if attrs["keepdims"] else total.shape
    if op.name == "mean":
        total = total / (array.size if axes == (0, 1) else array.shape[axes[0]])
    return wrap(NDArray, total.to(kind).reshape(shape), array._ctx)


@_implements("norm")
def _norm(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    array = arrays[0]
    if attrs["ord"] != 2 or attrs["axis"] is not None or attrs["out_dtype"] is not None or attrs["keepdims"]:
        return None
    values = array._entries()[2] if array.stype == "csr" else array._trusted()._values
    return wrap(NDArray, op.function(values.reshape(-1), **attrs), array._ctx)


@_implements("_square_sum")
def _square_sum(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """With axis=1 and keepdims the rows of a row_sparse array stay sparse; other results are dense."""
    array = arrays[0]
    axis = attrs["axis"]
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    if not isinstance(array, RowSparseNDArray) or array.ndim != 2 or axis not in (0, 1):
        return None
    squares = array._trusted()._values.square()
    if axis == 0:
        result = squares.sum(0, keepdim=attrs["keepdims"])
        return wrap(NDArray, result, array._ctx)
    sums = squares.sum(1)
    if attrs["keepdims"]:
        shape = (array.shape[0], 1)
        return make(RowSparseNDArray, sums[:, None], array._aux, shape, array._ctx, checked=True)
    result = torch.zeros(array.shape[0], dtype=sums.dtype, device=sums.device)
    return wrap(NDArray, result.index_copy_(0, array._aux[0], sums), array._ctx)


# Parts


@_implements("slice")
def _slice(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    array = arrays[0]
    begin, end, step = attrs["begin"], attrs["end"], attrs["step"]
    if array.stype != "csr" or any(s not in (None, 1) for s in step) or not 1 <= len(begin) == len(end) <= 2:
        return None
    bounds = []
    for position, extent in enumerate(array.shape):
        key = slice(begin[position], end[position]) if position < len(begin) else slice(None)
        start, stop, _ = key.indices(extent)
        if start >= stop:
            return None  # explained by the dense operator
        bounds.append((start, stop))
    (top, bottom), (left, right) = bounds
    part = array._slice_rows(top, bottom)
    if (left, right) == (0, array.shape[1]):
        return part
    rows, columns, values = part._entries()
    kept = (columns >= left) & (columns < right)
    shape = (bottom - top, right - left)
    return csr_of_entries(rows[kept], columns[kept] - left, values[kept], shape, array._ctx)


@_implements("take")
def _take(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    array, chosen = arrays
    if array.stype != "csr" or chosen.stype != "default" or attrs["axis"] != 0 or chosen.ndim != 1:
        return None
    if attrs["mode"] not in ("clip", "wrap"):
        return None
    rows = chosen._data.long()
    rows = rows % array.shape[0] if attrs["mode"] == "wrap" else rows.clamp(0, array.shape[0] - 1)
    return take_rows(array, rows)


def take_rows(array: CSRNDArray, rows: Tensor) -> CSRNDArray:
    """The rows with these numbers, which must be there, as a csr array."""
    indptr, indices = array._trusted()._aux
    counts = indptr.diff()[rows]
    new_rows = torch.repeat_interleave(torch.arange(rows.numel(), device=rows.device), counts)
    first = torch.repeat_interleave(counts.cumsum(0) - counts, counts)
    places = indptr[rows][new_rows] + torch.arange(new_rows.numel(), device=rows.device) - first
    shape = (rows.numel(), array.shape[1])
    return csr_of_entries(new_rows, indices[places], array._values[places], shape, array._ctx)


@_implements("Concat")
def _concat(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    if attrs["dim"] != 0 or not all(array.stype == "csr" for array in arrays):
        return None
    first = arrays[0]
    for array in arrays[1:]:
        _same_dtype(op, first._values, array._values)
        if array.shape[1] != first.shape[1]:
            raise MXNetError(f"Concat: shapes are {[a.shape for a in arrays]}; expected equal numbers of columns.")
    entries = [array._entries() for array in arrays]
    starts = [0]
    for array in arrays:
        starts.append(starts[-1] + array.shape[0])
    rows = torch.cat([rows + start for (rows, _, _), start in zip(entries, starts[:-1], strict=True)])
    columns, values = (torch.cat([entry[part] for entry in entries]) for part in (1, 2))
    return csr_of_entries(rows, columns, values, (starts[-1], first.shape[1]), first._ctx)


@_implements("Embedding", "_contrib_SparseEmbedding")
def _embedding(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """A row_sparse weight: rows that are not stored are zero."""
    data, weight = arrays
    if data.stype != "default" or weight.stype != "row_sparse":
        return None
    if weight.shape != (attrs["input_dim"], attrs["output_dim"]):
        raise MXNetError(
            f"{op.name}: weight has shape {weight.shape}; expected {(attrs['input_dim'], attrs['output_dim'])}."
        )
    rows = data._data.long().clamp(0, attrs["input_dim"] - 1)
    result = weight._read_rows(rows.flatten())
    return wrap(NDArray, result.reshape(*rows.shape, weight.shape[1]), data._ctx)


@_implements("_sparse_retain")
def _retain(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> Any:
    data, indices = arrays
    if data.stype != "row_sparse" or indices.stype != "default" or indices.ndim != 1:
        raise MXNetError(
            f"retain: data has storage type {data.stype}, indices have shape {indices.shape}; expected row_sparse "
            "and one axis"
        )
    return retain(data, indices._data.long())


def retain(data: RowSparseNDArray, rows: Tensor) -> RowSparseNDArray:
    """The rows with these numbers, in the order given; rows that are not stored are zero."""
    return make(RowSparseNDArray, data._read_rows(rows), (rows,), data.shape, data._ctx)
