"""Arrays that keep only part of their elements, and conversions between kinds of storage.

Memory is proportional to the stored elements (and, for csr, to the number of rows). An array holds torch tensors. Those
of indices are never written in place, so that arrays may share them; those of elements only by update operators (lazy
updates of rows): assignment puts others in their stead.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base import MXNetError
from ..context import Context, current_context
from ..ops.csr_graph import make_csr
from ..ops.dtypes import dtype_name, numpy_dtype, torch_dtype
from .invoke import wrap
from .ndarray import NUMBERS, NDArray
from .recording import STATE


class NotSupportedForSparseNDArray(MXNetError):
    """A method that sparse arrays inherit but can't offer."""

    def __init__(self, function: Any, alias: str | None, *arguments: Any):
        kinds = " ".join(str(type(argument)) for argument in arguments)
        named = f" (namely operator {alias!r})" if alias else ""
        super().__init__(
            f"Function {getattr(function, '__name__', function)}{named} with arguments ({kinds}) is not supported for "
            "SparseNDArray and only available in NDArray. "
            "Use .tostype('default') first."
        )


class DenseRequiredError(MXNetError, TypeError):
    """A sparse array was given where only a dense one works."""


class NotAMatrixError(MXNetError, ValueError):
    """A csr array was asked for in a shape that isn't that of a matrix."""


class BaseSparseNDArray(NDArray):
    """What arrays of stype "csr" and "row_sparse" have in common.

    _values  stored elements
    _aux     (indptr, indices) of csr, (indices,) of row_sparse; int64
    _size    shape of the whole array
    """

    __slots__ = ("_aux", "_checked", "_size", "_values")
    __module__ = "mxnet.ndarray.sparse"

    _values: Tensor
    _aux: tuple[Tensor, ...]
    _size: tuple[int, ...]
    _checked: bool  # whether indices are known to be in range
    _sparse = True

    def __init__(self, handle: Any, writable: bool = True):
        """An array that shares the storage of another one of its class.

        Args:
            handle: an array of this class; None makes an array of shape (0, 0), as unpickling does first.
            writable: must be True.
        Raises: MXNetError for anything else; make arrays with mx.nd.sparse.csr_matrix or row_sparse_array.
        """
        if not writable:
            raise MXNetError(f"{type(self).__name__}: writable=False is not supported.")
        if handle is None and type(self) is not BaseSparseNDArray:
            handle = zeros_of(type(self), (0, 0), torch.float32, current_context())
        if type(handle) is not type(self):
            raise MXNetError(
                f"{type(self).__name__}: got {type(handle)}; use mx.nd.sparse.csr_matrix or row_sparse_array."
            )
        self._take(handle)

    def _take(self, other: BaseSparseNDArray) -> None:
        self._values, self._aux, self._size = other._values, other._aux, other._size
        self._ctx, self._checked = other._ctx, other._checked
        self._node = self._mark = None

    def _replace(self, other: BaseSparseNDArray) -> None:
        """Take the elements of an array of this shape; what this array is in a graph stays."""
        self._values, self._aux, self._checked = other._values, other._aux, other._checked

    @property
    def _data(self) -> Tensor:  # type: ignore[override]
        raise DenseRequiredError(
            f"{type(self).__name__} of shape {self._size}: sparse arrays are not supported here; "
            "use .tostype('default')."
        )

    @_data.setter
    def _data(self, value: Tensor) -> None:
        raise DenseRequiredError(f"{type(self).__name__} can't hold a dense tensor; assign with array[:] = value.")

    # Facts

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis of the whole array."""
        return self._size

    @property
    def dtype(self) -> Any:
        """NumPy scalar type of the elements."""
        return numpy_dtype(self._values.dtype)

    @property
    def size(self) -> int:
        """Number of elements of the whole array, stored or not."""
        return math.prod(self._size)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._size)

    @property
    def handle(self) -> tuple[Tensor, ...]:
        """The torch tensors that hold the stored elements and their indices (MXNet has a C handle here)."""
        return (self._values, *self._aux)

    @property
    def nbytes(self) -> int:
        """Bytes of the stored elements and their indices."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.handle)

    @property
    def data(self) -> NDArray:
        """A copy of the stored elements."""
        return wrap(NDArray, self._values.clone(), self._ctx)

    @property
    def indices(self) -> NDArray:
        """A copy of the column of each stored element (csr), or of the number of each stored row (row_sparse)."""
        return wrap(NDArray, self._aux[-1].clone(), self._ctx)

    @property
    def _num_aux(self) -> int:
        return len(self._aux)

    @property
    def _aux_types(self) -> list[Any]:
        return [numpy_dtype(tensor.dtype) for tensor in self._aux]

    # Validity

    def _problem(self, full: bool) -> str | None:
        raise NotImplementedError

    def check_format(self, full_check: bool = True) -> None:
        """Raise MXNetError unless the indices make sense.

        Args:
            full_check: True looks at every index, at a cost proportional to their number; False at shapes only.
        """
        if problem := self._problem(full_check):
            raise MXNetError(f"check_format: {type(self).__name__} of shape {self._size}: {problem}")
        self._checked = self._checked or full_check

    def _trusted(self) -> BaseSparseNDArray:
        """This array, after a look at indices that were given by a user; order and repetition are not looked at."""
        if not self._checked:
            if problem := self._out_of_range():
                raise MXNetError(f"{type(self).__name__} of shape {self._size}: {problem}")
            self._checked = True
        return self

    def _out_of_range(self) -> str | None:
        raise NotImplementedError

    # Conversions

    def _dense(self) -> Tensor:
        """A new dense tensor of the elements."""
        raise NotImplementedError

    def asnumpy(self) -> np.ndarray[Any, Any]:
        """A dense NumPy array."""
        self._refuse_in_trace("the values of an array (asnumpy)")
        return wrap(NDArray, self._dense(), self._ctx).asnumpy()

    def asscalar(self) -> Any:
        """Not available: an array of one element is not sparse."""
        raise NotImplementedError(f"asscalar of {type(self).__name__}; use .tostype('default').asscalar()")

    def _with_values(self, values: Tensor) -> Any:
        """An array with the same indices and other stored elements."""
        return make(type(self), values, self._aux, self._size, self._ctx, checked=self._checked)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The array with its elements cast to dtype; itself if copy is False and dtype is the same."""
        try:
            wanted = torch_dtype(dtype_name(dtype))
        except MXNetError as error:
            raise TypeError(str(error)) from None
        if not copy and wanted == self._values.dtype:
            return self
        return self._converted(self._with_values(self._values.to(wanted, copy=True)))

    def _converted(self, result: Any) -> Any:
        """A result that has the values of this array, tracked if the array is."""
        from .sparse_gradients import converted

        return converted(self, result)

    def copy(self) -> Any:
        """A copy on the same device."""
        return self._converted(self._with_values(self._values.clone()))

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        memo[id(self)] = copied = self.copy()
        return copied

    def detach(self) -> Any:
        """An array that shares memory and is in no graph."""
        return self._with_values(self._values)

    def tostype(self, stype: str) -> Any:
        """A copy in another storage type: "default", or the array's own.

        Raises: ValueError for the other sparse one; go through "default".
        """
        if stype in ("csr", "row_sparse") and stype != self.stype:
            raise ValueError(f"cast_storage from {self.stype} to {stype} is not supported; go through 'default'")
        if stype == self.stype:
            return self.copy()
        if stype != "default":
            raise MXNetError(f"tostype: stype is {stype!r}; expected 'default', 'csr' or 'row_sparse'.")
        return self._converted(wrap(NDArray, self._dense(), self._ctx))

    def copyto(self, other: Any) -> Any:
        """Copy into another array (of equal shape, dense or of this storage type), or to a new array on a device.

        Args:
            other: NDArray or Context.
        Returns: the array that was written; False with a warning when it is this array.
        Raises: TypeError for other kinds of target, MXNetError where shapes differ.
        """
        if isinstance(other, Context):
            device = other.torch_device
            aux = tuple(tensor.to(device) for tensor in self._aux)
            copied = make(type(self), self._values.to(device, copy=True), aux, self._size, other, checked=self._checked)
            return self._converted(copied)
        if not isinstance(other, NDArray):
            raise TypeError(f"copyto does not support type {type(other)}")
        if other.stype not in ("default", self.stype):
            raise TypeError(f"copyto does not support destination NDArray stype {other.stype}")
        if other is self:
            warnings.warn("You are attempting to copy an array to itself", RuntimeWarning, stacklevel=2)
            return False
        if other.shape != self._size:
            raise MXNetError(f"copyto: the source has shape {self._size}, the target {other.shape}; expected equal.")
        other._assign_all(self if other.stype == self.stype else self.tostype("default"))
        return other

    def _assign_all(self, source: NDArray) -> None:
        """Take the values of an array of this shape, dense or of this storage type, cast to this dtype and device."""
        if source.shape != self._size:
            raise MXNetError(
                f"{type(self).__name__}: the value has shape {source.shape}, the array {self._size}; expected equal."
            )
        if STATE.recording and source._node is not None:
            raise MXNetError(
                f"{type(self).__name__}: an assignment to a sparse array is not recorded; detach() the value, or "
                "compute with its tostype()."
            )
        if source.stype not in ("default", self.stype):
            raise TypeError(f"copyto does not support destination NDArray stype {self.stype}")
        converted = from_dense(source, self.stype) if source.stype == "default" else source
        self._replace(converted.detach().astype(self.dtype, copy=False).copyto(self._ctx))

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """Not available for sparse arrays; raises NotSupportedForSparseNDArray."""
        raise NotSupportedForSparseNDArray(self.reshape, None, shape)

    reshape_view = reshape

    def wait_to_read(self) -> None:
        """Wait until the values are computed."""
        if self._values.device.type == "cuda":
            torch.cuda.synchronize(self._values.device)

    # Python protocols

    def __repr__(self) -> str:
        return f"\n<{type(self).__name__} {'x'.join(map(str, self._size))} @{self._ctx}>"

    def __len__(self) -> int:
        return self._size[0]

    def __bool__(self) -> bool:
        if self.size > 1:
            raise ValueError("The truth value of an NDArray with multiple elements is ambiguous.")
        return bool(self.tostype("default")) if self.size else False

    def __contains__(self, value: Any) -> bool:
        return value in self.tostype("default")

    def __setstate__(self, state: dict[str, Any]) -> None:
        from .utils import decode_one

        if state["handle"] is None:
            raise MXNetError(f"the pickle of a {type(self).__name__} holds no value")
        self._take(decode_one(bytes(state["handle"])))

    def _assign(self, value: Any) -> None:
        """``self[:] = value`` for arrays."""
        if isinstance(value, NDArray):
            if value is not self:
                self._assign_all(value)
        elif isinstance(value, np.ndarray | np.generic):
            from .utils import array

            self._assign_all(array(value, ctx=self._ctx, dtype=self.dtype))
        else:
            raise TypeError(f"type {type(value)} not supported")

    def attach_grad(self, grad_req: str = "write", stype: str | None = None) -> None:
        """Make this array a variable with a gradient array of zeros.

        Args:
            grad_req: "write", "add" or "null".
            stype: storage type of the gradient; default that of the array. A row_sparse one stores only rows that the
                computation touched.
        """
        super().attach_grad(grad_req, stype or self.stype)


class CSRNDArray(BaseSparseNDArray):
    """A matrix that keeps some elements, row by row.

    Those of row i are ``data[indptr[i]:indptr[i + 1]]``, in the columns ``indices[indptr[i]:indptr[i + 1]]``.
    """

    __slots__ = ()
    __module__ = "mxnet.ndarray.sparse"

    @property
    def stype(self) -> str:
        """Storage type."""
        return "csr"

    @property
    def indptr(self) -> NDArray:
        """A copy of where each row starts in data and indices; one more than there are rows."""
        return wrap(NDArray, self._aux[0].clone(), self._ctx)

    def _problem(self, full: bool) -> str | None:
        (indptr, indices), values = self._aux, self._values
        if len(self._size) != 2 or indptr.shape != (self._size[0] + 1,) or indices.shape != values.shape:
            return (
                f"indptr has shape {tuple(indptr.shape)}, indices {tuple(indices.shape)}, data {tuple(values.shape)}; "
                "expected (rows + 1,), and equal ones"
            )
        if not full:
            return None
        if problem := self._out_of_range():
            return problem
        if int(indptr[-1]) != values.numel():
            return f"indptr ends with {int(indptr[-1])}; expected the size of indices, {values.numel()}"
        rows = self._rows()
        if bool(((rows[1:] == rows[:-1]) & (indices[1:] <= indices[:-1])).any()):
            return "indices are not in ascending order per row"
        return None

    def _out_of_range(self) -> str | None:
        indptr, indices = self._aux
        if len(self._size) != 2 or indptr.shape != (self._size[0] + 1,):
            return f"indptr has shape {tuple(indptr.shape)}; expected ({self._size[0] + 1},) for a matrix"
        if int(indptr[0]) or int(indptr[-1]) > indices.numel() or bool((indptr[1:] < indptr[:-1]).any()):
            return "indptr does not rise from 0 to the size of indices"
        if indices.numel() and (int(indices.min()) < 0 or int(indices.max()) >= self._size[1]):
            return f"indices reach from {int(indices.min())} to {int(indices.max())}; there are {self._size[1]} columns"
        return None

    def _rows(self) -> Tensor:
        """The row of each stored element."""
        indptr = self._aux[0]
        return torch.repeat_interleave(torch.arange(self._size[0], device=indptr.device), indptr.diff())

    def _entries(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rows, columns and values of the stored elements."""
        self._trusted()
        rows = self._rows()
        return rows, self._aux[1][: rows.numel()], self._values[: rows.numel()]

    def _as_torch_csr(self) -> Tensor:
        """The tensor of layout torch.sparse_csr that shares this array's memory."""
        indptr, indices = self._trusted()._aux
        stored = int(indptr[-1])
        return make_csr(indptr, indices[:stored], self._values[:stored], self._size)

    def _dense(self) -> Tensor:
        rows, columns, values = self._entries()
        return torch.zeros(self._size, dtype=values.dtype, device=values.device).index_put_((rows, columns), values)

    def _slice_rows(self, start: int, stop: int) -> CSRNDArray:
        indptr, indices = self._trusted()._aux
        stop = max(start, stop)
        low, high = int(indptr[start]), int(indptr[stop])
        return make(
            CSRNDArray, self._values[low:high].clone(), (indptr[start : stop + 1] - low, indices[low:high].clone()),
            (stop - start, self._size[1]), self._ctx, checked=True,
        )  # fmt: skip

    def __getitem__(self, key: Any) -> CSRNDArray:
        """A copy of one row, which stays a matrix, or of consecutive rows.

        Raises: IndexError for a row that isn't there; ValueError for any other kind of key.
        """
        rows = self._size[0]
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            if not -rows <= key < rows:
                raise IndexError(f"row {key} is out of range for a CSRNDArray of shape {self._size}")
            start = int(key) % rows
            return self._slice_rows(start, start + 1)
        if isinstance(key, slice):
            if key.step not in (None, 1):
                raise ValueError("CSRNDArray only supports continuous slicing on axis 0")
            return self._slice_rows(*key.indices(rows)[:2])
        if isinstance(key, tuple):
            raise ValueError("Multi-dimension indexing is not supported")
        raise ValueError(f"Undefined behaviour for {key}")

    def __setitem__(self, key: Any, value: Any) -> None:
        """``csr[:] = value``, where value is a dense or csr NDArray or a NumPy array of the same shape."""
        if not isinstance(key, slice):
            raise TypeError("CSRNDArray only supports [:] for assignment")
        if key != slice(None):
            raise ValueError("Assignment with slice for CSRNDArray is not implemented yet.")
        if isinstance(value, NUMBERS):
            raise ValueError("Assigning numeric types to CSRNDArray is not implemented yet.")
        self._assign(value)

    def asscipy(self) -> Any:
        """A scipy.sparse.csr_matrix with copies of data, indices and indptr."""
        from scipy.sparse import csr_matrix

        self._trusted()
        data, indices, indptr = self.data.asnumpy(), self.indices.asnumpy(), self.indptr.asnumpy()
        return csr_matrix((data, indices, indptr), shape=self._size, dtype=data.dtype)


class RowSparseNDArray(BaseSparseNDArray):
    """An array that keeps some of its rows: ``array[indices[i]]`` is ``data[i]``, every other row is zero."""

    __slots__ = ()
    __module__ = "mxnet.ndarray.sparse"

    @property
    def stype(self) -> str:
        """Storage type."""
        return "row_sparse"

    def _problem(self, full: bool) -> str | None:
        indices, values = self._aux[0], self._values
        if indices.shape != values.shape[:1] or values.shape[1:] != self._size[1:]:
            return f"indices has shape {tuple(indices.shape)}, data {tuple(values.shape)}"
        if full and (problem := self._out_of_range()):
            return problem
        return "indices are not in ascending order" if full and bool((indices.diff() <= 0).any()) else None

    def _out_of_range(self) -> str | None:
        indices = self._aux[0]
        if indices.numel() and (int(indices.min()) < 0 or int(indices.max()) >= self._size[0]):
            return f"indices reach from {int(indices.min())} to {int(indices.max())}; there are {self._size[0]} rows"
        return None

    def _dense(self) -> Tensor:
        values = self._trusted()._values
        dense = torch.zeros(self._size, dtype=values.dtype, device=values.device)
        return dense.index_copy_(0, self._aux[0], values)

    def _places(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Where rows with these numbers are stored, and which of them are (elsewhere the place has no meaning)."""
        stored = self._trusted()._aux[0]
        if not stored.numel():
            return torch.zeros_like(rows), torch.zeros(rows.shape, dtype=torch.bool, device=rows.device)
        order = None if _is_rising(stored) else stored.argsort()
        ordered = stored if order is None else stored[order]
        places = torch.searchsorted(ordered, rows).clamp_(max=stored.numel() - 1)
        return places if order is None else order[places], ordered[places] == rows

    def _read_rows(self, rows: Tensor) -> Tensor:
        """A copy of the rows with these numbers; zero where they are not stored."""
        places, hit = self._places(rows)
        if bool(hit.all()):
            return self._values[places]
        result = torch.zeros((rows.numel(), *self._size[1:]), dtype=self._values.dtype, device=self._values.device)
        result[hit] = self._values[places[hit]]
        return result

    def _write_rows(self, rows: Tensor, values: Tensor) -> None:
        """Set the rows with these rising numbers, in place where all are stored already."""
        places, hit = self._places(rows)
        if bool(hit.all()):
            self._values.index_copy_(0, places, values)
            return
        stored = self._aux[0]
        joined = torch.cat([stored, rows]).unique()
        result = torch.zeros((joined.numel(), *self._size[1:]), dtype=self._values.dtype, device=self._values.device)
        result[torch.searchsorted(joined, stored)] = self._values
        result[torch.searchsorted(joined, rows)] = values
        self._replace(make(RowSparseNDArray, result, (joined,), self._size, self._ctx, checked=True))

    def __getitem__(self, key: Any) -> RowSparseNDArray:
        """``array[:]``, the array itself; other keys raise TypeError (int), ValueError."""
        if isinstance(key, int):
            raise TypeError("__getitem__ with int key is not implemented for RowSparseNDArray yet")
        if isinstance(key, slice):
            if key != slice(None):
                raise ValueError("RowSparseNDArray only supports [:] for __getitem__")
            return self
        if isinstance(key, tuple):
            raise ValueError("Multi-dimension indexing is not supported")
        raise ValueError(f"Undefined behaviour for {key}")

    def __setitem__(self, key: Any, value: Any) -> None:
        """``array[:] = value``: a number, or a dense or row_sparse NDArray or a NumPy array of the same shape."""
        if not isinstance(key, slice):
            raise TypeError("RowSparseNDArray only supports [:] for assignment")
        if key != slice(None):
            raise ValueError("Assignment with slice for RowSparseNDArray is not implmented yet.")
        if isinstance(value, NUMBERS):
            device = self._values.device
            values = torch.full(self._size, value, dtype=self._values.dtype, device=device)
            aux = (torch.arange(self._size[0], device=device),)
            self._replace(make(RowSparseNDArray, values, aux, self._size, self._ctx, checked=True))
        else:
            self._assign(value)

    def retain(self, indices: Any = None, out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
        """The rows with these numbers, zero where they are not stored; see `mx.nd.sparse.retain`."""
        from .sparse import retain

        return retain(self, indices, out=out, name=name, **kwargs)


def _is_rising(indices: Tensor) -> bool:
    """Whether each index is larger than the one before; what is found is kept with the tensor."""
    try:
        return indices._mx_rising  # type: ignore[attr-defined, no-any-return]
    except AttributeError:
        indices._mx_rising = rising = bool((indices.diff() > 0).all())  # type: ignore[attr-defined]
        return rising


CLASSES = {"csr": CSRNDArray, "row_sparse": RowSparseNDArray}


def make(
    cls: type, values: Tensor, aux: tuple[Tensor, ...], shape: tuple[int, ...], ctx: Context, checked: bool = False
) -> Any:
    """A sparse array around tensors; ``checked`` says that the indices are in range."""
    array = object.__new__(cls)
    array._values, array._aux, array._size, array._ctx, array._checked = values, aux, shape, ctx, checked
    array._node = array._mark = None
    return array


def zeros_of(cls: type, shape: tuple[int, ...], dtype: torch.dtype, ctx: Context) -> Any:
    """An array that stores nothing."""
    device = ctx.torch_device
    indices = torch.empty(0, dtype=torch.int64, device=device)
    if cls is CSRNDArray:
        if len(shape) != 2:
            raise MXNetError(f"a csr array has two axes; got shape {shape}.")
        indptr = torch.zeros(shape[0] + 1, dtype=torch.int64, device=device)
        return make(cls, torch.empty(0, dtype=dtype, device=device), (indptr, indices), shape, ctx, checked=True)
    if not shape:
        raise MXNetError("a row_sparse array has at least one axis; got shape ().")
    values = torch.empty((0, *shape[1:]), dtype=dtype, device=device)
    return make(cls, values, (indices,), shape, ctx, checked=True)


def csr_of_entries(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, ...], ctx: Context) -> CSRNDArray:
    """A csr array of elements that are ordered by row, with indices in range."""
    indptr = torch.zeros(shape[0] + 1, dtype=torch.int64, device=rows.device)
    torch.cumsum(torch.bincount(rows, minlength=shape[0]), 0, out=indptr[1:])
    return make(CSRNDArray, values, (indptr, columns), shape, ctx, checked=True)


def wrap_csr(tensor: Tensor, ctx: Context) -> CSRNDArray:
    """The array around a tensor of layout torch.sparse_csr; nothing is copied."""
    aux = (tensor.crow_indices(), tensor.col_indices())
    return make(CSRNDArray, tensor.values(), aux, tuple(tensor.shape), ctx, checked=True)


def from_dense(source: NDArray, stype: str) -> Any:
    """The nonzero elements ("csr"), or the rows that have some ("row_sparse"), of a dense array.

    Raises: NotAMatrixError for csr unless there are two axes; MXNetError for row_sparse if there are none.
    """
    data = source._data
    nonzero = data != 0
    if stype == "csr":
        if data.ndim != 2:
            raise NotAMatrixError(
                f"To convert to a CSR, the NDArray should be 2 Dimensional. Current shape is {tuple(data.shape)}"
            )
        rows, columns = nonzero.nonzero(as_tuple=True)
        return csr_of_entries(rows, columns, data[rows, columns], tuple(data.shape), source._ctx)
    if not data.ndim:
        raise MXNetError("cast_storage: a row_sparse array has at least one axis; the source has none.")
    indices = nonzero.flatten(1).any(1).nonzero().flatten() if data.ndim > 1 else nonzero.nonzero().flatten()
    return make(RowSparseNDArray, data[indices], (indices,), tuple(data.shape), source._ctx, checked=True)


__all__ = ["BaseSparseNDArray", "CSRNDArray", "NotSupportedForSparseNDArray", "RowSparseNDArray"]
