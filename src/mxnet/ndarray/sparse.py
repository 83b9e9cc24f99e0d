"""`mx.nd.sparse`: operators on arrays whose storage may be sparse.

Sparse storage itself comes later (docs/status.md): what would make a sparse array raises MXNetError, and the operators
work on dense arrays.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ..base import MXNetError
from ..context import Context
from ..ops.namespaces import resolver
from . import utils
from .functions import add, divide, multiply, subtract
from .invoke import make_function
from .ndarray import NDArray

__all__ = [
    "BaseSparseNDArray", "CSRNDArray", "RowSparseNDArray", "add", "array", "csr_matrix", "divide", "empty", "multiply",
    "row_sparse_array", "subtract", "zeros",
]  # fmt: skip


def _later(what: str) -> NoReturn:
    raise MXNetError(
        f"{what}: sparse storage is not supported yet (docs/status.md). Use dense arrays: mx.nd.array(...), "
        "stype='default'; mx.nd.array of scipy_matrix.toarray() for SciPy's matrices."
    )


class BaseSparseNDArray(NDArray):
    """What sparse arrays have in common; none can be made yet."""

    __slots__ = ()

    def __init__(self, handle: Any, writable: bool = True):
        _later(type(self).__name__)


class CSRNDArray(BaseSparseNDArray):
    """A matrix that keeps its nonzero elements row by row; none can be made yet."""

    __slots__ = ()


class RowSparseNDArray(BaseSparseNDArray):
    """An array that keeps some of its rows, the others being zero; none can be made yet."""

    __slots__ = ()


def csr_matrix(arg1: Any, shape: Any = None, ctx: Context | None = None, dtype: Any = None) -> NoReturn:
    """A CSRNDArray; raises MXNetError, for they come later."""
    _later("csr_matrix")


def row_sparse_array(arg1: Any, shape: Any = None, ctx: Context | None = None, dtype: Any = None) -> NoReturn:
    """A RowSparseNDArray; raises MXNetError, for they come later."""
    _later("row_sparse_array")


def array(source_array: Any, ctx: Context | None = None, dtype: Any = None) -> NoReturn:
    """A sparse array with the values of a sparse array or SciPy matrix; raises MXNetError, for they come later.

    Raises: ValueError for a dense source, which mx.nd.array takes.
    """
    if not hasattr(source_array, "tocsr"):
        raise ValueError(f"sparse.array: got {type(source_array)}; use mx.nd.array for dense sources.")
    _later("sparse.array")


def zeros(stype: str, shape: Any, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """An array of zeros with this storage; only "default" yet."""
    if stype != "default":
        _later(f"sparse.zeros(stype={stype!r})")
    return utils.zeros(shape, ctx, dtype, **kwargs)


def empty(stype: str, shape: Any, ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """An array with this storage whose values are not set; only "default" yet."""
    if stype != "default":
        _later(f"sparse.empty(stype={stype!r})")
    return utils.empty(shape, ctx, dtype)


__getattr__, __dir__ = resolver("sparse", __name__, make_function, globals())
