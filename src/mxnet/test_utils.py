"""Helpers for tests: tolerances, comparisons, gradients by finite differences, random arrays, small data sets."""

from __future__ import annotations

import bz2
import gzip
import itertools
import logging
import numbers
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np

from . import context as _context
from . import ndarray as nd
from . import symbol as sym
from .base import MXNetError
from .context import Context, current_context, num_gpus
from .files import replace_atomically
from .gluon.utils import download as _download
from .io import DataIter, MNISTIter
from .mnist import MNISTFiles, locate_mnist, read_mnist
from .ndarray import NDArray

# Defaults


def default_context() -> Context:
    """The device on which tests run: the current context."""
    return current_context()


def set_default_context(ctx: Context) -> None:
    """Set the current context of this thread."""
    _context._current.value = ctx


def default_dtype() -> type:
    """float32."""
    return np.float32


_EXACT = dict.fromkeys(map(np.dtype, ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64")), 0)


def default_rtols() -> dict[Any, float]:
    """Relative tolerance for each dtype."""
    return {np.dtype("float16"): 1e-2, np.dtype("float32"): 1e-4, np.dtype("float64"): 1e-5, **_EXACT}


def default_atols() -> dict[Any, float]:
    """Absolute tolerance for each dtype."""
    return {np.dtype("float16"): 1e-1, np.dtype("float32"): 1e-3, np.dtype("float64"): 1e-20, **_EXACT}


def default_numeric_eps() -> dict[Any, float]:
    """Step of finite differences for each dtype, a power of 2."""
    return {np.dtype("float16"): 1.0 / 2**6, np.dtype("float32"): 1.0 / 2**9, np.dtype("float64"): 1.0 / 2**14}


def effective_dtype(dat: Any) -> np.dtype[Any]:
    """The dtype whose tolerance fits an array: its own; float16 for bfloat16."""
    return np.dtype("float16") if str(dat.dtype) == "bfloat16" else np.dtype(dat.dtype)


def get_tolerance(dat: Any, tol: Any, default_tol: dict[Any, float]) -> float:
    """A tolerance: tol, its entry for the dtype of dat if it is a dict, or the default for that dtype if it is None."""
    if isinstance(tol, numbers.Number):
        return tol  # type: ignore[return-value]
    dtype = effective_dtype(dat)
    return {**default_tol, **(tol or {})}[dtype]


def get_tols(x: Any, y: Any, rtol: Any, atol: Any) -> tuple[float, float]:
    """Relative and absolute tolerance for comparing two arrays: the larger of both dtypes, unless they are given."""
    pair = [value if hasattr(value, "dtype") else np.asarray(value) for value in (x, y)]
    return (
        max(get_tolerance(value, rtol, default_rtols()) for value in pair),
        max(get_tolerance(value, atol, default_atols()) for value in pair),
    )


def get_atol(atol: float | None = None, dtype: Any = np.dtype("float64")) -> float:
    """atol, or the default for dtype."""
    return default_atols()[np.dtype(dtype)] if atol is None else atol


def get_rtol(rtol: float | None = None, dtype: Any = np.dtype("float64")) -> float:
    """rtol, or the default for dtype."""
    return default_rtols()[np.dtype(dtype)] if rtol is None else rtol


def get_etol(etol: float | None = None) -> float:
    """etol, the share of elements that may differ; default 0."""
    return 0 if etol is None else etol


# Comparisons


def _numpy(array: Any) -> np.ndarray[Any, Any]:
    return array.asnumpy() if isinstance(array, NDArray) else np.asarray(array)


def same(a: Any, b: Any) -> bool:
    """Whether two arrays have the same shape and elements."""
    return np.array_equal(_numpy(a), _numpy(b))


def same_array(array1: NDArray, array2: NDArray) -> bool:
    """Whether two NDArrays share memory; tried out by writing to the first."""
    array1[:] += 1
    if not same(array1, array2):
        array1[:] -= 1
        return False
    array1[:] -= 1
    return same(array1, array2)


def checkShapes(a: Any, b: Any) -> None:
    """Raises: AssertionError if the shapes of two arrays differ."""
    if a.shape != b.shape:
        raise AssertionError(
            f"\nItems are not equal: a.shape = {a.shape} and b.shape = {b.shape} are not equal\n"
            f" ACTUAL: {a!r}\n DESIRED: {b!r}"
        )


def almost_equal(
    a: Any, b: Any, rtol: Any = None, atol: Any = None, equal_nan: bool = False, use_broadcast: bool = True
) -> bool:
    """Whether two arrays are equal within tolerances: |a - b| <= atol + rtol * |b|.

    Args:
        rtol, atol: numbers or dicts by dtype; default the larger of both dtypes.
        equal_nan: NaN equals NaN.
        use_broadcast: shapes may differ if they can be broadcast.
    Raises: AssertionError if shapes differ without use_broadcast.
    """
    rtol, atol = get_tols(a, b, rtol, atol)
    a, b = _numpy(a), _numpy(b)
    if not use_broadcast:
        checkShapes(a, b)
    return np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


def locationError(a: Any, b: Any, index: tuple[int, ...], names: tuple[str, str], maxError: bool = False) -> str:
    """A text that shows the elements of two arrays at an index."""
    kind = "maximum " if maxError else ""
    return f"Location of {kind}error: {index}, {names[0]}={a[index]:.8f}, {names[1]}={b[index]:.8f}"


def assert_almost_equal(
    a: Any, b: Any, rtol: Any = None, atol: Any = None, names: tuple[str, str] = ("a", "b"), equal_nan: bool = False,
    use_broadcast: bool = True, mismatches: tuple[int, int] = (10, 10),
) -> None:  # fmt: skip
    """Check that two arrays are equal within tolerances; see `almost_equal`.

    Args:
        names: what the arrays are called in messages.
        mismatches: how many of the largest differences to print; the second number has no meaning, all are counted.
    Raises: AssertionError naming the largest difference, in units of the tolerance, and its place.
    """
    if almost_equal(a, b, rtol, atol, equal_nan, use_broadcast):
        return
    rtol, atol = get_tols(a, b, rtol, atol)
    actual, desired = a, b
    a, b = np.broadcast_arrays(_numpy(a), _numpy(b))
    errors = _relative_errors(a, b, rtol, atol, equal_nan)
    wrong = errors > 1
    order = sorted(map(tuple, np.argwhere(wrong).tolist()), key=lambda place: -errors[place])
    if mismatches[0] > 0 and a.ndim:
        print(f"\n*** Maximum errors for vector of size {a.size}:  rtol={rtol}, atol={atol}\n")
        for number, place in enumerate(order[: mismatches[0]], 1):
            print(f"{number:3d}: Error {errors[place]:f}  {locationError(a, b, place, names)}")
    raise AssertionError(
        f"\nItems are not equal:\nError {errors[order[0]]:f} exceeds tolerance rtol={rtol:e}, atol={atol:e} "
        f"(mismatch {100 * len(order) / a.size:f}%).\n{locationError(a, b, order[0], names, True)}\n"
        f" ACTUAL: {_numpy(actual)!r}\n DESIRED: {_numpy(desired)!r}"
    )


def _relative_errors(a: Any, b: Any, rtol: float, atol: float, equal_nan: bool) -> np.ndarray[Any, Any]:
    """|a - b| / (atol + rtol |b|), so that more than 1 is wrong; infinite where one is NaN or the tolerance is 0."""
    kind = np.float64 if a.dtype == np.float64 or b.dtype == np.float64 else np.float32
    wide_a, wide_b = a.astype(kind), b.astype(kind)
    equal = (wide_a == wide_b) | (equal_nan & np.isnan(wide_a) & np.isnan(wide_b))
    with np.errstate(all="ignore"):
        errors = np.abs(wide_a - wide_b) / (atol + rtol * np.abs(wide_b))
    return np.where(equal, 0, np.where(np.isnan(errors), np.inf, errors))


def assert_allclose(a: Any, b: Any, rtol: float = 1e-07, atol: float = 0, equal_nan: bool = True) -> None:
    """`assert_almost_equal` with the defaults of numpy.testing.assert_allclose."""
    assert_almost_equal(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


def assert_almost_equal_with_err(
    a: Any, b: Any, rtol: Any = None, atol: Any = None, etol: float | None = None, names: tuple[str, str] = ("a", "b"),
    equal_nan: bool = False, mismatches: tuple[int, int] = (10, 10),
) -> None:  # fmt: skip
    """`assert_almost_equal`, but a share etol of the elements may differ."""
    tols = get_tols(a, b, rtol, atol)
    first, second = np.broadcast_arrays(_numpy(a), _numpy(b))
    wrong = _relative_errors(first, second, *tols, equal_nan) > 1
    if wrong.mean() > get_etol(etol):
        assert_almost_equal(a, b, rtol, atol, names, equal_nan, mismatches=mismatches)


def assert_almost_equal_ignore_nan(
    a: Any, b: Any, rtol: Any = None, atol: Any = None, names: tuple[str, str] = ("a", "b")
) -> None:
    """`assert_almost_equal` where neither is NaN."""
    a, b = np.copy(_numpy(a)), np.copy(_numpy(b))
    ignored = np.isnan(a) | np.isnan(b)
    a[ignored] = b[ignored] = 0
    assert_almost_equal(a, b, rtol, atol, names)


def assert_exception(f: Callable[..., Any], exception_type: Any, *args: Any, **kwargs: Any) -> None:
    """Check that f(*args, **kwargs) raises exception_type. Raises: AssertionError if nothing is raised."""
    try:
        f(*args, **kwargs)
    except exception_type:
        return
    raise AssertionError(f"{f} did not raise {exception_type}")


def compare_ndarray_tuple(t1: Any, t2: Any, rtol: Any = None, atol: Any = None) -> None:
    """Check that (nested tuples of) arrays are equal within tolerances; where either is None nothing is checked."""
    if t1 is None or t2 is None:
        return
    if isinstance(t1, tuple | list):
        if len(t1) != len(t2):
            raise AssertionError(f"there are {len(t1)} and {len(t2)} items")
        for one, other in zip(t1, t2, strict=True):
            compare_ndarray_tuple(one, other, rtol, atol)
        return
    assert_almost_equal(t1, t2, rtol=rtol, atol=atol)


def same_symbol_structure(sym1: Any, sym2: Any) -> bool:
    """Whether two symbols have the same operators with the same attributes, connected in the same way; names may
    differ."""

    def structure(symbol: Any) -> Any:
        graph = symbol.graph
        numbers_ = {node: number for number, node in enumerate(graph.nodes)}
        own = lambda node: {key: value for key, value in node.attributes.items() if not key.startswith("__")}
        nodes = [
            (node.op and node.op.name, own(node), [(numbers_[value.node], value.index) for value in node.inputs])
            for node in graph.nodes
        ]
        return nodes, [(numbers_[value.node], value.index) for value in graph.outputs]

    return structure(sym1) == structure(sym2)


# Random and regular arrays


def random_arrays(*shapes: Any) -> Any:
    """float32 arrays of normal random numbers of these shapes; a single one not in a list."""
    arrays = [np.array(np.random.randn(*shape), dtype=default_dtype()) for shape in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def random_uniform_arrays(*shapes: Any, **kwargs: Any) -> list[np.ndarray[Any, Any]]:
    """Arrays of uniform random numbers of these shapes; keywords low (-1), high (1) and dtype (float32)."""
    low, high, dtype = kwargs.pop("low", -1), kwargs.pop("high", 1), kwargs.pop("dtype", default_dtype())
    if kwargs:
        raise TypeError(f"Got unexpected argument {', '.join(kwargs)}!")
    return [np.random.uniform(low, high, size=shape).astype(dtype) for shape in shapes]


def random_sample(population: Sequence[Any], k: int) -> list[Any]:
    """k different elements in random order."""
    if not 0 <= k <= len(population):
        raise AssertionError(f"random_sample: k is {k}; expected 0 to {len(population)}")
    elements = list(population)
    np.random.shuffle(elements)
    return elements[:k]


def rand_shape_2d(dim0: int = 10, dim1: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A random shape with sizes from 1 (allow_zero_size: 0) to dim0 and dim1."""
    low = 0 if allow_zero_size else 1
    return int(np.random.randint(low, dim0 + 1)), int(np.random.randint(low, dim1 + 1))


def rand_shape_3d(dim0: int = 10, dim1: int = 10, dim2: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A random shape with sizes from 1 (allow_zero_size: 0) to dim0, dim1 and dim2."""
    return *rand_shape_2d(dim0, dim1, allow_zero_size), int(np.random.randint(0 if allow_zero_size else 1, dim2 + 1))


def rand_shape_nd(num_dim: int, dim: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A random shape of num_dim sizes from 1 (allow_zero_size: 0) to dim."""
    return tuple(np.random.randint(0 if allow_zero_size else 1, dim + 1, size=num_dim).tolist())


def rand_coord_2d(x_low: int, x_high: int, y_low: int, y_high: int) -> tuple[int, int]:
    """A random pair of integers, x_low <= x < x_high and y_low <= y < y_high."""
    return int(np.random.randint(x_low, x_high)), int(np.random.randint(y_low, y_high))


def rand_ndarray(
    shape: Any, stype: str = "default", density: float | None = None, dtype: Any = None, modifier_func: Any = None,
    shuffle_csr_indices: bool = False, distribution: str | None = None, ctx: Context | None = None,
) -> NDArray:  # fmt: skip
    """An array of normal random numbers, or a sparse one as of `rand_sparse_ndarray`.

    Args:
        stype: storage type; density, modifier_func, shuffle_csr_indices and distribution have a meaning for sparse
            arrays only.
        dtype: default float32.
        ctx: default the current context.
    """
    if stype == "default":
        return nd.array(random_arrays(tuple(shape)), dtype=dtype or default_dtype(), ctx=ctx)
    array, _ = rand_sparse_ndarray(
        shape, stype, density, dtype, distribution, modifier_func=modifier_func,
        shuffle_csr_indices=shuffle_csr_indices, ctx=ctx,
    )  # fmt: skip
    return array  # type: ignore[no-any-return]


def rand_sparse_ndarray(
    shape: Any, stype: str, density: float | None = None, dtype: Any = None, distribution: str | None = None,
    data_init: Any = None, rsp_indices: Any = None, modifier_func: Any = None, shuffle_csr_indices: bool = False,
    ctx: Context | None = None,
) -> Any:  # fmt: skip
    """A sparse array of uniform random numbers.

    Args:
        stype: "csr" or "row_sparse".
        density: share of the elements (csr) or probability of each row (row_sparse) that is stored; default random.
        dtype: default float32.
        distribution: "uniform", or for csr "powerlaw": each row stores twice as many elements as the one before,
            from the first column on, as long as there are some left.
        data_init: a number that all stored elements have.
        rsp_indices: the rows that a row_sparse array stores.
        modifier_func: called with each stored element; gives the one to store.
        shuffle_csr_indices: put the columns of each row in disorder.
        ctx: default the current context.
    Returns: the array and its parts: (indptr, indices, data), NDArrays, or (data, indices), NumPy arrays.
    Raises: AssertionError for an unknown storage type or distribution; MXNetError for more rows than a powerlaw array
        can have elements.
    """
    density = np.random.rand() if density is None else density
    dtype = default_dtype() if dtype is None else dtype
    distribution = distribution or "uniform"
    if stype == "row_sparse":
        if distribution != "uniform":
            raise AssertionError(f"Distribution {distribution} not supported for row_sparse")
        rows = np.flatnonzero(np.random.rand(shape[0]) < density) if rsp_indices is None else np.asarray(rsp_indices)
        values = _modified(np.random.rand(len(rows), *shape[1:]).astype(dtype), data_init, modifier_func)
        array = nd.sparse.row_sparse_array((values, rows.astype(np.int64)), shape=tuple(shape), dtype=dtype, ctx=ctx)
        return array, (values, rows)
    if stype != "csr":
        raise AssertionError(f"unknown storage type {stype!r}; expected 'csr' or 'row_sparse'")
    if distribution not in ("uniform", "powerlaw"):
        raise AssertionError(f"Distribution not supported: {distribution}")
    height, width = shape
    count = int(density * height * width)
    if distribution == "uniform":
        places = np.sort(np.random.choice(height * width, count, replace=False))
        rows, columns, values = places // width, places % width, np.random.rand(count)
    else:
        sizes = _powerlaw_sizes(height, width, count)
        rows = np.repeat(np.arange(height), sizes)
        columns = np.concatenate([np.arange(size) for size in sizes])
        values = 1 + np.random.uniform(0.001, 2, len(columns))
    values = _modified(values.astype(dtype), data_init, modifier_func)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=height))])
    if shuffle_csr_indices:
        for start, stop in zip(indptr[:-1], indptr[1:], strict=True):
            np.random.shuffle(columns[start:stop])
    array = nd.sparse.csr_matrix((values, columns, indptr), shape=(height, width), dtype=dtype, ctx=ctx)
    return array, (array.indptr, array.indices, array.data)


def _powerlaw_sizes(rows: int, columns: int, count: int) -> list[int]:
    """How many elements each row stores: one, then up to twice as many as the row before, while some are left."""
    left = count - rows
    if left < 0:
        raise MXNetError(f"powerlaw: {count} elements for {rows} rows; expected one or more for each: raise density.")
    sizes, most = [], 2
    for _ in range(rows):
        more = min(min(columns, most) - 1, left)
        sizes.append(1 + more)
        left, most = left - more, most * 2
    return sizes


def _modified(values: np.ndarray[Any, Any], data_init: Any, modifier_func: Any) -> np.ndarray[Any, Any]:
    if data_init is not None:
        values[:] = data_init
    return values if modifier_func is None else assign_each(values, modifier_func)


def create_sparse_array(
    shape: Any, stype: str, data_init: Any = None, rsp_indices: Any = None, dtype: Any = None,
    modifier_func: Any = None, density: float = 0.5, shuffle_csr_indices: bool = False,
) -> Any:  # fmt: skip
    """The array of `rand_sparse_ndarray`, without its parts."""
    return rand_sparse_ndarray(
        shape, stype, density, dtype, None, data_init, rsp_indices, modifier_func, shuffle_csr_indices
    )[0]


def create_sparse_array_zd(
    shape: Any, stype: str, density: float, data_init: Any = None, rsp_indices: Any = None, dtype: Any = None,
    modifier_func: Any = None, shuffle_csr_indices: bool = False,
) -> Any:  # fmt: skip
    """As `create_sparse_array`, but that rsp_indices alone says which rows a row_sparse array stores; None: no row."""
    if stype == "row_sparse":
        density = 0.0
    return create_sparse_array(
        shape, stype, data_init, rsp_indices, dtype, modifier_func, density, shuffle_csr_indices
    )


def shuffle_csr_column_indices(csr: Any) -> None:
    """Put the columns of each row of a scipy.sparse.csr_matrix in disorder, in place."""
    for start, stop in zip(csr.indptr[:-1], csr.indptr[1:], strict=True):
        np.random.shuffle(csr.indices[start:stop])


def create_vector(size: int, dtype: Any = np.int64) -> NDArray:
    """0, 1, ..., size - 1."""
    return nd.array(np.arange(size), dtype=dtype)


def create_2d_tensor(rows: int, columns: int, dtype: Any = np.int64) -> NDArray:
    """A (rows, columns) array whose rows are filled with 0, 1, ..."""
    return nd.array(np.repeat(np.arange(rows), columns).reshape(rows, columns), dtype=dtype)


def assign_each(the_input: Any, function: Callable[[Any], Any] | None) -> np.ndarray[Any, Any]:
    """The values of a function at each element; a copy if it is None."""
    values = np.array(the_input)
    return values if function is None else np.vectorize(function, otypes=[np.float64])(values)


def assign_each2(input1: Any, input2: Any, function: Callable[[Any, Any], Any] | None) -> np.ndarray[Any, Any]:
    """The values of a function at each pair of elements; a copy of the first array if it is None."""
    values = np.array(input1)
    return values if function is None else np.vectorize(function, otypes=[np.float64])(values, np.array(input2))


def get_identity_mat(size: int) -> NDArray:
    """The (size, size) identity matrix."""
    return nd.array(np.eye(size))


def get_identity_mat_batch(size: int) -> NDArray:
    """Two (size, size) identity matrices, (2, size, size)."""
    return nd.array(np.stack([np.eye(size)] * 2))


def new_orthonormal_matrix_2d(n: int) -> np.ndarray[Any, Any]:
    """A random (n, n) orthonormal matrix."""
    return np.linalg.qr(np.random.randn(n, n))[0]


def new_matrix_with_real_eigvals_2d(n: int) -> np.ndarray[Any, Any]:
    """A random (n, n) matrix with real eigenvalues: orthonormal times upper triangular times its transpose."""
    basis = new_orthonormal_matrix_2d(n)
    return basis @ np.triu(np.random.randn(n, n)) @ basis.T


def new_sym_matrix_with_real_eigvals_2d(n: int) -> np.ndarray[Any, Any]:
    """A random symmetric (n, n) matrix."""
    values = np.random.uniform(-10, 10, (n, n))
    return (values + values.T) / 2


def _stacked(make: Callable[[int], Any], shape: Any) -> np.ndarray[Any, Any]:
    shape = tuple(shape)
    count = int(np.prod(shape[:-2]))
    return np.array([make(shape[-1]) for _ in range(count)]).reshape(shape)


def new_matrix_with_real_eigvals_nd(shape: Any) -> np.ndarray[Any, Any]:
    """Random matrices with real eigenvalues, of shape (..., n, n)."""
    return _stacked(new_matrix_with_real_eigvals_2d, shape)


def new_sym_matrix_with_real_eigvals_nd(shape: Any) -> np.ndarray[Any, Any]:
    """Random symmetric matrices, of shape (..., n, n)."""
    return _stacked(new_sym_matrix_with_real_eigvals_2d, shape)


def np_reduce(dat: Any, axis: Any, keepdims: bool, numpy_reduce_func: Callable[..., Any]) -> Any:
    """A NumPy reduction over some axes (an int, a sequence, or None for all), one after another."""
    axes = range(dat.ndim) if axis is None else ([axis] if isinstance(axis, int) else list(axis))
    result = dat
    for one in sorted((one % dat.ndim for one in axes), reverse=True):
        result = numpy_reduce_func(result, axis=one)
    if keepdims:
        reduced = {one % dat.ndim for one in axes}
        result = result.reshape(tuple(1 if i in reduced else size for i, size in enumerate(dat.shape)))
    return result


def collapse_sum_like(a: Any, shape: Any) -> Any:
    """The sum over the axes along which an array of this shape would be broadcast to a."""
    shape = tuple(shape)
    lead = a.ndim - len(shape)
    a = np.sum(a, axis=tuple(range(lead))) if lead else a
    axes = tuple(i for i, size in enumerate(shape) if size == 1 and a.shape[i] != 1)
    return np.sum(a, axis=axes, keepdims=True) if axes else a


# Symbols and gradients


def simple_forward(sym: Any, ctx: Context | None = None, is_train: bool = False, **inputs: Any) -> Any:
    """The outputs of a symbol as NumPy arrays, a single one not in a list.

    Args:
        ctx: default the current context.
        is_train: whether to run in training mode.
        inputs: arrays by name.
    """
    ctx = ctx or default_context()
    executor = sym.bind(ctx, args={name: _as_ndarray(value, ctx) for name, value in inputs.items()})
    outputs = [output.asnumpy() for output in executor.forward(is_train=is_train)]
    return outputs[0] if len(outputs) == 1 else outputs


def _as_ndarray(value: Any, ctx: Context, dtype: Any = None) -> NDArray:
    if isinstance(value, NDArray) and dtype is None:
        return value.as_in_context(ctx)
    if isinstance(value, NDArray) and value.stype != "default":
        return value.as_in_context(ctx).astype(dtype)  # type: ignore[no-any-return]
    values = _numpy(value)
    return nd.array(values, ctx=ctx, dtype=values.dtype if dtype is None else dtype)


def _named(names: list[str], given: Any, what: str, ctx: Context, dtype: Any) -> dict[str, NDArray]:
    """Arrays by name, from a dict or a list. Raises: ValueError if names are missing or unknown."""
    if not isinstance(given, dict):
        given = dict(zip(names, given or (), strict=False))
    if what == "arguments" and set(given) != set(names):
        raise ValueError(
            "Symbol arguments and keys of the given location do not match."
            f"symbol args:{set(names)}, location.keys():{set(given)}"
        )
    if what == "auxiliary states":
        missing = set(names) - set(given)
        if missing:
            raise ValueError(f"Symbol aux_states names and given aux_states do not match: {sorted(missing)} is missing")
    keep = lambda value: value.dtype if _numpy(value).dtype.kind in "iub" else dtype
    return {name: _as_ndarray(given[name], ctx, keep(_numpy(given[name]))) for name in names}


def numeric_grad(
    executor: Any, location: dict[str, Any], aux_states: dict[str, Any] | None = None, eps: float = 1e-4,
    use_forward_train: bool = True, dtype: Any = np.float32,
) -> dict[str, np.ndarray[Any, Any]]:  # fmt: skip
    """Gradients of the sum of the first output by central differences.

    Args:
        executor: Executor.
        location: values of the arguments by name, at which to differentiate.
        aux_states: values of the auxiliary states by name.
        eps: distance of the two points.
        use_forward_train: whether to run in training mode.
        dtype: dtype of the gradients.
    Returns: gradients by name, of the floating arguments in location.
    """

    def evaluate() -> float:
        for name, value in (aux_states or {}).items():
            executor.aux_dict[name][:] = _numpy(value)
        return float(executor.forward(is_train=use_forward_train)[0].asnumpy().astype(np.float64).sum())

    for name, value in location.items():
        executor.arg_dict[name][:] = _numpy(value)
    gradients = {}
    for name, value in location.items():
        start = _numpy(value)
        if start.dtype.kind != "f":
            continue
        target, gradient = executor.arg_dict[name], np.zeros(start.shape, dtype)
        moved = start.copy()
        for place in np.ndindex(*start.shape):
            moved[place] = start[place] + eps / 2
            high = moved[place]
            target[:] = moved
            above = evaluate()
            moved[place] = start[place] - eps / 2
            target[:] = moved
            gradient[place] = (above - evaluate()) / float(high - moved[place])
            moved[place] = start[place]
        target[:] = start
        gradients[name] = gradient
    return gradients


def check_numeric_gradient(
    sym: Any, location: Any, aux_states: Any = None, numeric_eps: float | None = None, rtol: Any = None,
    atol: Any = None, grad_nodes: Any = None, use_forward_train: bool = True, ctx: Context | None = None,
    grad_stype_dict: Any = None, dtype: Any = np.float32,
) -> None:  # fmt: skip
    """Check the gradients of a symbol against finite differences, for a random head gradient.

    Args:
        sym: Symbol with one output.
        location: values of all arguments, as a list or by name.
        aux_states: values of the auxiliary states, as a list or by name.
        numeric_eps: distance of the two points of a difference; default by dtype.
        rtol, atol: tolerances; default by dtype.
        grad_nodes: names of the arguments to check, or a dict from name to grad_req; default all.
        use_forward_train: whether differences are taken in training mode.
        ctx: default the current context.
        grad_stype_dict: storage types of the gradients by name of the argument.
        dtype: float32 or float64 (float16 in principle).
    Raises: AssertionError if a gradient differs; ValueError if names don't fit.
    """
    ctx = ctx or default_context()
    eps = default_numeric_eps()[np.dtype(dtype)] if numeric_eps is None else numeric_eps
    arrays = _named(sym.list_arguments(), location, "arguments", ctx, dtype)
    aux = _named(sym.list_auxiliary_states(), aux_states, "auxiliary states", ctx, dtype)
    start = {name: value.asnumpy() for name, value in arrays.items()}
    aux_start = {name: value.asnumpy() for name, value in aux.items()}
    if grad_nodes is None:
        grad_nodes = [name for name, value in start.items() if value.dtype.kind == "f"]
    reqs = dict(grad_nodes) if isinstance(grad_nodes, dict) else dict.fromkeys(grad_nodes, "write")
    _, (out_shape, *others), _ = sym.infer_shape(**{name: value.shape for name, value in start.items()})
    if others:
        raise MXNetError("check_numeric_gradient: the symbol has several outputs; check them one by one.")
    projection = np.random.normal(0, 0.01, out_shape) + (2 * np.random.randint(0, 2, out_shape) - 1)
    head, weighted = nd.array(projection, ctx=ctx, dtype=dtype), _weighted(sym, out_shape)
    before = {name: np.random.normal(0, 0.01, start[name].shape).astype(start[name].dtype) for name in reqs}
    stypes = grad_stype_dict or {}
    gradients = {
        name: nd.array(value, ctx=ctx, dtype=value.dtype).tostype(stypes.get(name, "default"))
        for name, value in before.items()
    }
    executor = weighted.bind(
        ctx, {**arrays, "__projection": head}, gradients, {**dict.fromkeys(arrays, "null"), **reqs}, aux
    )
    executor.forward(is_train=True)
    executor.backward([nd.ones(out_shape, ctx, executor.outputs[0].dtype)])
    found = {name: gradients[name].asnumpy() for name in reqs}
    location = {name: start[name] for name in reqs}
    numeric = numeric_grad(executor, location, aux_start, eps, use_forward_train, dtype)
    for name, req in reqs.items():
        expected = {"write": numeric[name], "add": numeric[name] + before[name], "null": before[name]}[req]
        assert_almost_equal(expected, found[name], rtol, atol, (f"NUMERICAL_{name}", f"BACKWARD_{name}"))


def _weighted(symbol: Any, shape: tuple[int, ...]) -> Any:
    return symbol * sym.var("__projection", shape=shape)


def check_symbolic_forward(
    sym: Any, location: Any, expected: Any, rtol: Any = None, atol: Any = None, aux_states: Any = None,
    ctx: Context | None = None, equal_nan: bool = False, dtype: Any = np.float32,
) -> list[NDArray]:  # fmt: skip
    """Check the outputs of a symbol.

    Args:
        sym: Symbol.
        location, aux_states: values of all arguments and auxiliary states, as lists or by name.
        expected: outputs, as a list or by name.
        rtol, atol, equal_nan: as for `assert_almost_equal`.
        ctx: default the current context.
        dtype: dtype of the arguments that aren't integers.
    Returns: the outputs. Raises: AssertionError if one differs; ValueError if names don't fit.
    """
    ctx = ctx or default_context()
    arrays = _named(sym.list_arguments(), location, "arguments", ctx, dtype)
    aux = _named(sym.list_auxiliary_states(), aux_states, "auxiliary states", ctx, dtype)
    if isinstance(expected, dict):
        expected = [expected[name] for name in sym.list_outputs()]
    executor = sym.bind(ctx, arrays, aux_states=aux)
    outputs = executor.forward(is_train=False)
    for name, value, output in zip(sym.list_outputs(), expected, outputs, strict=True):
        assert_almost_equal(value, output, rtol, atol, (f"EXPECTED_{name}", f"FORWARD_{name}"), equal_nan)
    return outputs


def check_symbolic_backward(
    sym: Any, location: Any, out_grads: Any, expected: Any, rtol: Any = None, atol: Any = None, aux_states: Any = None,
    grad_req: Any = "write", ctx: Context | None = None, grad_stypes: Any = None, equal_nan: bool = False,
    dtype: Any = np.float32,
) -> dict[str, NDArray]:  # fmt: skip
    """Check the gradients of a symbol, starting from random numbers in their arrays.

    Args:
        sym: Symbol.
        location, aux_states: values of all arguments and auxiliary states, as lists or by name.
        out_grads: gradients of the outputs, as a list or by name; None for losses.
        expected: gradients of arguments, as a list or by name; with "add" without what was there before.
        rtol, atol, equal_nan: as for `assert_almost_equal`.
        grad_req: as for `Symbol.bind`.
        ctx: default the current context.
        grad_stypes: storage types of the gradients, as a list or by name of the argument.
        dtype: dtype of the arguments that aren't integers.
    Returns: the gradients by name. Raises: AssertionError if one differs; ValueError if names don't fit.
    """
    ctx, names = ctx or default_context(), sym.list_arguments()
    arrays = _named(names, location, "arguments", ctx, dtype)
    aux = _named(sym.list_auxiliary_states(), aux_states, "auxiliary states", ctx, dtype)
    if not isinstance(expected, dict):
        expected = dict(zip(names, expected, strict=False))
    if isinstance(grad_req, str):
        reqs = dict.fromkeys(names, grad_req)
    else:
        reqs = dict(grad_req) if isinstance(grad_req, dict) else dict(zip(names, grad_req, strict=True))
    before = {name: np.random.normal(size=_numpy(value).shape) for name, value in expected.items()}
    if not isinstance(grad_stypes, dict):
        grad_stypes = dict(zip(names, grad_stypes or (), strict=False))
    gradients = {
        name: nd.array(value, ctx=ctx, dtype=dtype).tostype(grad_stypes.get(name) or "default")
        for name, value in before.items()
    }
    executor = sym.bind(ctx, arrays, gradients, reqs, aux)
    executor.forward(is_train=True)
    if isinstance(out_grads, dict):
        out_grads = [out_grads[name] for name in sym.list_outputs()]
    if out_grads is not None:
        out_grads = [
            _as_ndarray(grad, ctx, output.dtype) for grad, output in zip(out_grads, executor.outputs, strict=False)
        ]
    executor.backward(out_grads)
    for name, value in expected.items():
        req = reqs.get(name, "null")
        start = before[name].astype(dtype)
        wanted = {"write": value, "add": start + _numpy(value), "null": start}[req]
        assert_almost_equal(
            wanted, gradients[name], rtol, atol, (f"EXPECTED_{name}", f"BACKWARD_{name}"), equal_nan
        )  # fmt: skip
    return executor.grad_dict


def check_consistency(
    sym: Any, ctx_list: list[dict[str, Any]], scale: float = 1.0, grad_req: Any = "write", arg_params: Any = None,
    aux_params: Any = None, rtol: Any = None, atol: Any = None, raise_on_err: bool = True, ground_truth: Any = None,
    equal_nan: bool = False, use_uniform: bool = False, rand_type: Any = np.float64,
) -> dict[str, NDArray]:  # fmt: skip
    """Check that a symbol gives the same outputs and gradients on several devices or with several dtypes.

    Args:
        sym: Symbol, or a list with one for each entry of ctx_list.
        ctx_list: for each run a dict with ctx, the shapes of inputs by name, and type_dict, their dtypes by name.
        scale: size of the random parameters.
        grad_req: as for `Symbol.bind`.
        arg_params, aux_params: values to use instead of random ones, by name.
        rtol, atol: numbers or dicts by dtype; default by the less exact dtype of the two that are compared.
        raise_on_err: raise at a difference; otherwise print it.
        ground_truth: outputs and gradients by name to compare with; default those of the most exact run.
        equal_nan: NaN equals NaN.
        use_uniform: draw uniform instead of normal random numbers.
        rand_type: dtype of the random numbers.
    Returns: the ground truth. Raises: AssertionError at a difference.
    """
    symbols = sym if isinstance(sym, list) else [sym] * len(ctx_list)
    if len(ctx_list) < 2 and ground_truth is None:
        raise AssertionError("check_consistency: ctx_list has one entry; give at least two to compare")
    executors = [one.simple_bind(grad_req=grad_req, **options) for one, options in zip(symbols, ctx_list, strict=True)]
    arg_params, aux_params = dict(arg_params or {}), dict(aux_params or {})
    uniform, normal = (lambda size: np.random.uniform(-0.92, 0.92, size)), (lambda size: np.random.normal(size=size))
    draw = uniform if use_uniform else normal
    for name, value in executors[0].arg_dict.items():
        if name not in arg_params:
            arg_params[name] = (draw(value.shape) * scale).astype(rand_type)
    for name in executors[0].aux_dict:
        aux_params.setdefault(name, 0)
    for executor in executors:
        for name, value in executor.arg_dict.items():
            value[:] = _numpy(arg_params[name])
            if executor.grad_dict[name] is not None:
                executor.grad_dict[name][:] = 0
        for name, value in executor.aux_dict.items():
            value[:] = aux_params[name]
    exactness = [np.dtype(executor.outputs[0].dtype).itemsize for executor in executors]
    best = int(np.argmax(exactness))

    def check(results: list[dict[str, NDArray]], truth: dict[str, NDArray], what: str) -> None:
        for position, result in enumerate(results):
            if ground_truth is None and position == best:
                continue
            for name, value in result.items():
                if value is None or name not in truth:
                    continue
                dtype_tols = get_tols(value, truth[name], rtol, atol)
                try:
                    assert_almost_equal(value, truth[name], *dtype_tols, equal_nan=equal_nan)
                except AssertionError as error:
                    print(f"{what} Err: ctx {position} vs ctx {best} at {name}")
                    if raise_on_err:
                        raise
                    print(error)

    training = grad_req != "null"
    for executor in executors:
        executor.forward(is_train=False)
    truth = ground_truth
    outputs = [dict(executor.output_dict) for executor in executors]
    if truth is None:
        truth = {name: value.copy() for name, value in outputs[best].items()}
    check(outputs, truth, "Predict")
    if not training:
        return truth
    for executor in executors:
        executor.forward(is_train=True)
    heads = [draw(output.shape).astype(rand_type) for output in executors[0].outputs]
    for executor in executors:
        executor.backward([
            nd.array(head, ctx=executor._ctx, dtype=output.dtype)
            for head, output in zip(heads, executor.outputs, strict=True)
        ])  # fmt: skip
    gradients = [dict(executor.grad_dict) for executor in executors]
    if ground_truth is None:
        truth = {name: value.copy() for name, value in executors[best].output_dict.items()}
        truth.update({name: value.copy() for name, value in gradients[best].items() if value is not None})
    check([dict(executor.output_dict) for executor in executors], truth, "Train")
    check(gradients, truth, "Train")
    return truth


def check_gluon_hybridize_consistency(
    net_builder: Callable[[], Any], data_l: list[NDArray], numpy_func: Callable[..., Any] | None = None,
    test_grad: bool = True, rtol: float = 1e-4, atol: float = 1e-4,
) -> None:  # fmt: skip
    """Check that a block gives the same outputs and gradients imperatively and hybridized.

    Args:
        net_builder: makes the block.
        data_l: inputs.
        numpy_func: function of the inputs as NumPy arrays with the expected output.
        test_grad: compare the gradients of inputs and parameters too.
        rtol, atol: tolerances.
    Raises: AssertionError at a difference.
    """
    from . import autograd

    values: dict[str, Any] = {}
    results = []
    for hybridize in (False, True):
        net = net_builder()
        net.initialize()
        if hybridize:
            net.hybridize()
        inputs = [data.copy() for data in data_l]
        net(*inputs)  # shapes become known
        parameters = list(net.collect_params().values())
        for position, parameter in enumerate(parameters):
            if position not in values:
                values[position] = parameter.data().copy()
            parameter.set_data(values[position])
        for data in inputs:
            data.attach_grad()
        with autograd.record(train_mode=test_grad):
            output = net(*inputs)
        gradients = []
        if test_grad:
            output.backward()
            gradients = [data.grad for data in inputs]
            gradients += [parameter.grad() for parameter in parameters if parameter.grad_req != "null"]
        results.append([output, *gradients])
    for imperative, hybridized in zip(*results, strict=True):
        assert_almost_equal(imperative, hybridized, rtol=rtol, atol=atol)
    if numpy_func is not None:
        assert_almost_equal(results[0][0], numpy_func(*(data.asnumpy() for data in data_l)), rtol=rtol, atol=atol)


def check_speed(
    sym: Any, location: Any = None, ctx: Context | None = None, N: int = 20, grad_req: Any = None, typ: str = "whole",
    **kwargs: Any,
) -> float:  # fmt: skip
    """Seconds for one run of a symbol, mean over N runs.

    Args:
        sym: Symbol.
        location: values of the arguments by name; default random, for the shapes in kwargs.
        ctx: default the current context.
        N: runs.
        grad_req: as for `Symbol.bind`; default "write".
        typ: "whole" is forward and backward, "forward" is forward only.
        kwargs: shapes of arguments by name, if location isn't given.
    Raises: ValueError for another typ.
    """
    if typ not in ("whole", "forward"):
        raise ValueError("typ can only be 'whole' or 'forward'.")
    ctx = ctx or default_context()
    if location is None:
        executor = sym.simple_bind(grad_req=grad_req or "write", ctx=ctx, **kwargs)
        location = {name: np.random.normal(size=value.shape) for name, value in executor.arg_dict.items()}
    else:
        shapes = {name: _numpy(value).shape for name, value in location.items()}
        executor = sym.simple_bind(grad_req=grad_req or "write", ctx=ctx, **shapes)
    for name, value in location.items():
        executor.arg_dict[name][:] = _numpy(value).astype(executor.arg_dict[name].dtype)

    def run() -> None:
        executor.forward(is_train=typ == "whole")
        if typ == "whole":
            executor.backward([nd.ones(out.shape, ctx, out.dtype) for out in executor.outputs])
        nd.waitall()

    run()  # the first run is not counted
    start = time.perf_counter()
    for _ in range(N):
        run()
    return (time.perf_counter() - start) / N


def compare_optimizer(
    opt1: Any, opt2: Any, shape: Any, dtype: Any, w_stype: str = "default", g_stype: str = "default",
    rtol: float = 1e-4, atol: float = 1e-5, compare_states: bool = True, ntensors: int = 1,
) -> None:  # fmt: skip
    """Check that two optimizers give the same weights, and states, for the same random weights and gradients.

    Args:
        opt1, opt2: optimizers.
        shape, dtype: of the weights; shape is a list of shapes if ntensors is more than 1.
        w_stype, g_stype: storage types of weights and gradients.
        rtol, atol: tolerances.
        compare_states: compare the states too.
        ntensors: number of weights, updated together.
    Raises: AssertionError at a difference.
    """
    shapes = list(shape) if isinstance(shape, list) else [shape] * ntensors
    if w_stype == "default":
        weights = [nd.array(np.random.uniform(-1, 1, s), dtype=dtype) for s in shapes]
    else:
        weights = [rand_ndarray(s, w_stype, density=1, dtype=dtype) for s in shapes]
    others = [weight.copy() for weight in weights]
    if g_stype == "default":
        grads = [nd.array(np.random.uniform(-1, 1, s), dtype=dtype) for s in shapes]
    else:
        grads = [rand_ndarray(s, g_stype, dtype=dtype) for s in shapes]
    indices: Any = list(range(len(shapes)))
    states = [
        [opt.create_state_multi_precision(i, w) for i, w in enumerate(own)]
        for opt, own in ((opt1, weights), (opt2, others))
    ]
    if compare_states:
        compare_ndarray_tuple(tuple(states[0]), tuple(states[1]), rtol, atol)
    for opt, own, state in ((opt1, weights, states[0]), (opt2, others, states[1])):
        if len(shapes) == 1:
            opt.update_multi_precision(0, own[0], grads[0].copy(), state[0])
        elif opt.aggregate_num > 0:
            opt.update_multi_precision(indices, own, [grad.copy() for grad in grads], state)
        else:
            for i in indices:
                opt.update_multi_precision(i, own[i], grads[i].copy(), state[i])
    if compare_states:
        compare_ndarray_tuple(tuple(states[0]), tuple(states[1]), rtol, atol)
    compare_ndarray_tuple(tuple(weights), tuple(others), rtol, atol)


# Random generators


def gen_buckets_probs_with_ppf(
    ppf: Callable[[float], float], nbuckets: int
) -> tuple[list[tuple[float, float]], list[float]]:
    """Intervals of equal probability, and the probabilities.

    Args:
        ppf: inverse of the distribution function.
        nbuckets: number of intervals.
    """
    if nbuckets < 1:
        raise AssertionError(f"nbuckets is {nbuckets}; expected 1 or more")
    edges = [ppf(i / float(nbuckets)) for i in range(nbuckets + 1)]
    return list(itertools.pairwise(edges)), [1 / float(nbuckets)] * nbuckets


def mean_check(generator: Callable[[int], Any], mu: float, sigma: float, nsamples: int = 1000000) -> bool:
    """Whether the mean of samples is within three standard errors of mu, for a standard deviation sigma."""
    mean = np.mean(_numpy(generator(nsamples)).astype(np.float64))
    return bool(abs(mean - mu) < 3 * sigma / np.sqrt(nsamples))


def var_check(generator: Callable[[int], Any], sigma: float, nsamples: int = 1000000) -> bool:
    """Whether the variance of samples is within three standard errors of sigma squared, for a normal distribution."""
    variance = np.var(_numpy(generator(nsamples)).astype(np.float64), ddof=1)
    return bool(abs(variance - sigma**2) < 3 * np.sqrt(2 * sigma**4 / (nsamples - 1)))


def chi_square_check(
    generator: Callable[[int], Any], buckets: list[Any], probs: list[float], nsamples: int = 1000000
) -> tuple[float, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Chi-square test of samples.

    Args:
        generator: function from a number to so many samples.
        buckets: intervals (low, high), low included, or single values.
        probs: their probabilities.
        nsamples: number of samples.
    Returns: the p-value, and the observed and expected numbers of samples in each bucket.
    """
    import torch

    if not buckets or len(buckets) != len(probs):
        raise AssertionError(f"there are {len(buckets)} buckets and {len(probs)} probabilities")
    samples = _numpy(generator(nsamples)).ravel()
    expected = (nsamples * np.array(probs, dtype=np.float64)).astype(np.int32)
    if isinstance(buckets[0], list | tuple):
        observed = np.array([np.count_nonzero((samples >= low) & (samples < high)) for low, high in buckets])
    else:
        observed = np.array([np.count_nonzero(samples == value) for value in buckets])
    statistic = np.sum((observed - expected) ** 2 / expected)
    freedom = torch.tensor((len(buckets) - 1) / 2, dtype=torch.float64)
    p_value = torch.special.gammaincc(freedom, torch.tensor(statistic / 2, dtype=torch.float64)).item()
    return p_value, observed, expected


def verify_generator(
    generator: Callable[[int], Any], buckets: list[Any], probs: list[float], nsamples: int = 1000000, nrepeat: int = 5,
    success_rate: float = 0.2, alpha: float = 0.05,
) -> list[float]:  # fmt: skip
    """Check a random generator with repeated chi-square tests; see `chi_square_check`.

    Args:
        nrepeat: number of tests.
        success_rate: share of the tests that must have a p-value above alpha.
    Returns: the p-values. Raises: AssertionError if too few tests succeed.
    """
    tests = [chi_square_check(generator, buckets, probs, nsamples) for _ in range(nrepeat)]
    p_values = [p_value for p_value, _, _ in tests]
    if sum(p_value > alpha for p_value in p_values) < nrepeat * success_rate:
        raise AssertionError(
            f"Generator test fails, Chi-square p={p_values}, obs_freq={[observed for _, observed, _ in tests]}, "
            f"expected_freq={[expected for _, _, expected in tests]}.\nbuckets={buckets}, probs={probs}"
        )
    return p_values


# Data


class DummyIter(DataIter):
    """An iterator that gives the first batch of another one again and again, to measure everything else.

    Args:
        real_iter: the other iterator.
    """

    def __init__(self, real_iter: Any):
        super().__init__(real_iter.batch_size)
        self.real_iter = real_iter
        self.provide_data = real_iter.provide_data
        self.provide_label = real_iter.provide_label
        self.the_batch = next(real_iter)

    def next(self) -> Any:
        """The batch."""
        return self.the_batch


def download(
    url: str, fname: str | None = None, dirname: str | None = None, overwrite: bool = False, retries: int = 5
) -> str:
    """Download a file.

    Args:
        url: where it is.
        fname: path to save it under; default the last part of the URL.
        dirname: folder for it, made if need be.
        overwrite: download it even if it is there already.
        retries: number of attempts.
    Returns: its path. Raises: MXNetError if it can't be downloaded.
    """
    fname = fname or url.split("/")[-1]
    if dirname:
        fname = os.path.join(dirname, fname)
    return _download(url, path=fname, overwrite=overwrite, retries=retries)


_MNIST_FOLDER = "data"


def _mnist_files() -> MNISTFiles:
    return locate_mnist(_MNIST_FOLDER)


def get_mnist() -> dict[str, np.ndarray[Any, Any]]:
    """MNIST as NumPy arrays; see `mxnet.mnist.locate_mnist` for where it is looked for, and downloaded from.

    Returns: train_data (60000, 1, 28, 28) and test_data (10000, 1, 28, 28), float32 in [0, 1]; train_label (60000,) and
        test_label (10000,), int8.
    Raises: MXNetError if it is not there and can't be downloaded.
    """
    files = _mnist_files()
    result = {}
    for kind, images, labels in (
        ("train", files.train_images, files.train_labels), ("test", files.test_images, files.test_labels),
    ):  # fmt: skip
        data, label = read_mnist(images, labels)
        result[f"{kind}_data"] = data[:, None].astype(np.float32) / 255
        result[f"{kind}_label"] = label.astype(np.int8)
    return result


def get_mnist_iterator(batch_size: int, input_shape: Any, num_parts: int = 1, part_index: int = 0) -> tuple[Any, Any]:
    """Iterators over the training and test digits of MNIST; see `get_mnist`.

    Args:
        batch_size: digits in a batch.
        input_shape: shape of a digit: (784,) for flat data, otherwise (1, 28, 28).
        num_parts, part_index: divide both sets into parts and read only this one.
    """
    files = _mnist_files()
    common = {
        "input_shape": input_shape, "batch_size": batch_size, "flat": len(input_shape) == 1, "num_parts": num_parts,
        "part_index": part_index, "silent": True,
    }  # fmt: skip
    return (
        MNISTIter(image=files.train_images, label=files.train_labels, shuffle=True, **common),
        MNISTIter(image=files.test_images, label=files.test_labels, shuffle=False, **common),
    )


def get_mnist_ubyte() -> None:
    """Put the four idx files of MNIST, not compressed, into the folder ``data``; see `get_mnist`."""
    os.makedirs(_MNIST_FOLDER, exist_ok=True)
    for path in _mnist_files():
        name = os.path.basename(path).removesuffix(".gz")
        target = os.path.join(_MNIST_FOLDER, name)
        if os.path.exists(target):
            continue
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as source:
            with replace_atomically(target) as file:
                shutil.copyfileobj(source, file)


def get_mnist_pkl() -> None:
    """Download mnist.pkl.gz into the folder ``data``, if it isn't there; it is not opened. Raises: MXNetError."""
    _download_into("http://deeplearning.net/data/mnist/", "mnist.pkl.gz", _MNIST_FOLDER)


def get_cifar10() -> None:
    """Download CIFAR-10 as RecordIO files into the folder ``data/cifar``, if it isn't there. Raises: MXNetError."""
    if not all(os.path.exists(os.path.join("data", "cifar", name)) for name in ("train.rec", "test.rec")):
        get_zip_data("data", "http://data.mxnet.io/mxnet/data/cifar10.zip", "cifar10.zip")


def _download_into(url: str, name: str, folder: str) -> str:
    path = os.path.join(folder, name)
    if os.path.exists(path):
        return path
    os.makedirs(folder, exist_ok=True)
    return _download(url + name if url.endswith("/") else url, path=path)


def get_zip_data(data_dir: str, url: str, data_origin_name: str) -> None:
    """Download a ZIP file into data_dir as data_origin_name, if it isn't there, and unpack it there.

    Raises: MXNetError if it can't be downloaded or is damaged.
    """
    path = _download_into(url, data_origin_name, data_dir)
    try:
        with zipfile.ZipFile(path) as archive:  # extractall keeps inside data_dir
            archive.extractall(data_dir)
    except zipfile.BadZipFile as error:
        raise MXNetError(f"{path}: {error}; remove it to download it again.") from error


def get_bz2_data(data_dir: str, data_name: str, url: str, data_origin_name: str) -> None:
    """Download a bzip2 file into data_dir as data_origin_name and unpack it as data_name, unless that is there.

    Raises: MXNetError if it can't be downloaded or is damaged.
    """
    target = os.path.join(data_dir, data_name)
    if os.path.exists(target):
        return
    path = _download_into(url, data_origin_name, data_dir)
    try:
        with bz2.open(path) as source, replace_atomically(target) as file:
            shutil.copyfileobj(source, file)
    except (OSError, EOFError) as error:
        raise MXNetError(f"{path}: {error}; remove it to download it again.") from error
    os.remove(path)


def download_model(model_name: str, dst_dir: str = "./", meta_info: Any = None) -> Any:
    """Download symbol and parameters of a model.

    Args:
        model_name: its name.
        dst_dir: folder.
        meta_info: a dict from name to a dict with the URLs ``symbol`` and ``params``. The list of models that MXNet
            had built in is not available any more.
    Returns: prefix and epoch for `mx.model.load_checkpoint`; (None, 0) if meta_info hasn't the name.
    Raises: MXNetError without meta_info, or if a file can't be downloaded.
    """
    if meta_info is None:
        raise MXNetError("download_model: the models that MXNet listed are gone; give meta_info with the URLs.")
    if model_name not in meta_info:
        return None, 0
    os.makedirs(dst_dir, exist_ok=True)
    prefix = os.path.join(dst_dir, model_name)
    for part, ending in (("symbol", "-symbol.json"), ("params", "-0000.params")):
        _download(meta_info[model_name][part], path=prefix + ending)
    return prefix, 0


def get_im2rec_path(home_env: str = "MXNET_HOME") -> str:
    """The path of im2rec.py, in the folder ``tools`` of the one that an environment variable names.

    Raises: OSError if it is not there.
    """
    path = os.path.join(os.environ.get(home_env, "."), "tools", "im2rec.py")
    if not os.path.isfile(path):
        raise OSError(f"Could not find path to tools/im2rec.py: {path!r} is not there; set {home_env}.")
    return path


# Environment


def list_gpus() -> range:
    """Numbers of the GPUs that can be used."""
    return range(num_gpus())


def has_tvm_ops() -> bool:
    """False: there are no operators made with TVM."""
    return False


def is_op_runnable() -> bool:
    """True: operators need no special GPU."""
    return True


def is_cd_run() -> bool:
    """Whether the environment variable CD_JOB is 1."""
    return os.environ.get("CD_JOB", "0") == "1"


def is_aarch64_run() -> bool:
    """Whether the environment variable AARCH64_BUILD is 1."""
    return os.environ.get("AARCH64_BUILD", "0") == "1"


@contextmanager
def environment(*args: Any) -> Iterator[None]:
    """Set environment variables within a with block: environment(name, value) or environment(dict).

    A value of None removes the variable.
    Raises: AssertionError for other arguments.
    """
    if len(args) == 1 and isinstance(args[0], dict):
        values = args[0]
    elif len(args) == 2:
        values = {args[0]: args[1]}
    else:
        raise AssertionError("environment takes a name and a value, or a dict")
    before = {name: os.environ.get(name) for name in values}

    def change(to: dict[str, Any]) -> None:
        for name, value in to.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = str(value)

    change(values)
    try:
        yield
    finally:
        change(before)


@contextmanager
def discard_stderr() -> Iterator[None]:
    """Discard what is written to standard error within a with block, by other languages too."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)


def retry(n: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that calls a test up to n times, until it raises no AssertionError."""
    if n <= 0:
        raise AssertionError(f"retry: n is {n}; expected 1 or more")

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for attempt in range(1, n):
                try:
                    return function(*args, **kwargs)
                except AssertionError as error:
                    logging.info("attempt %d of %d failed: %s", attempt, n, error)
            return function(*args, **kwargs)

        return call

    return decorate
