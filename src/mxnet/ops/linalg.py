"""Linear algebra on stacks of matrices: the last two axes are rows and columns, those before them count matrices.

All arrays are floating and of one dtype. Results that would have no axis left have shape (1,).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..base import MXNetError
from .dtypes import DTYPE_NAMES
from .registry import operator


def _names(short: str) -> tuple[str, ...]:
    return (f"linalg_{short}",)


def _require(name: str, holds: bool, arrays: tuple[Tensor, ...], expected: str) -> None:
    if not holds:
        given = ", ".join(f"{DTYPE_NAMES[item.dtype]}{tuple(item.shape)}" for item in arrays)
        raise MXNetError(f"{name}: given {given}; expected {expected}.")


def _check(name: str, *arrays: Tensor, square: bool = False) -> None:
    """Raises: MXNetError unless all arrays are stacks of equally many matrices of one floating dtype."""
    first = arrays[0]
    _require(name, first.is_floating_point(), arrays, "a floating dtype; cast first")
    for item in arrays:
        _require(name, item.ndim >= 2, arrays, "arrays of at least two axes")
        _require(name, item.dtype == first.dtype, arrays, "one dtype")
        _require(name, item.shape[:-2] == first.shape[:-2], arrays, "equally many matrices")
    _require(name, not square or first.shape[-1] == first.shape[-2], arrays, "square matrices")


def _with_axis(result: Tensor) -> Tensor:
    return result if result.ndim else result.reshape(1)


# Products.


def _product(name: str, a: Tensor, b: Tensor, c: Tensor | None, transpose_a: bool, transpose_b: bool, alpha: float,
             beta: float, axis: int) -> Tensor:  # fmt: skip
    arrays: tuple[Tensor, ...] = (a, b) if c is None else (a, b, c)
    if axis != -2:
        for item in arrays:
            _require(
                name, item.ndim > max(axis + 1, -axis - 1, 1), arrays, f"an axis {axis} for rows, not the last one"
            )
        arrays = tuple(item.movedim(axis, -2) for item in arrays)
    _check(name, *arrays)
    left = arrays[0].mT if transpose_a else arrays[0]
    right = arrays[1].mT if transpose_b else arrays[1]
    _require(name, left.shape[-1] == right.shape[-2], (a, b), "as many columns on the left as rows on the right, after "
             f"transposing (transpose_a={transpose_a}, transpose_b={transpose_b})")  # fmt: skip
    result = left @ right
    if alpha != 1:
        result = result * alpha
    if c is not None:
        _require(name, arrays[2].shape == result.shape, (a, b, c), "C in the shape of the product")
        result = result + (arrays[2] if beta == 1 else arrays[2] * beta)
    return result if axis == -2 else result.movedim(-2, axis)


@operator("_linalg_gemm", aliases=_names("gemm"))
def gemm(
    A: Tensor, B: Tensor, C: Tensor, *, transpose_a: bool = False, transpose_b: bool = False, alpha: float = 1.0,
    beta: float = 1.0, axis: int = -2,
) -> Tensor:  # fmt: skip
    """alpha * op(A) @ op(B) + beta * C, where op transposes if asked to.

    A, B, C  (..., n, k), (..., k, m) and (..., n, m), after transposing
    axis     the axis of rows; columns are always the last axis
    """
    return _product("_linalg_gemm", A, B, C, transpose_a, transpose_b, alpha, beta, axis)


@operator("_linalg_gemm2", aliases=_names("gemm2"))
def gemm2(
    A: Tensor, B: Tensor, *, transpose_a: bool = False, transpose_b: bool = False, alpha: float = 1.0, axis: int = -2
) -> Tensor:
    """alpha * op(A) @ op(B), where op transposes if asked to.

    A, B  (..., n, k) and (..., k, m), after transposing
    axis  the axis of rows; columns are always the last axis
    """
    return _product("_linalg_gemm2", A, B, None, transpose_a, transpose_b, alpha, 1.0, axis)


@operator("_linalg_syrk", aliases=_names("syrk"))
def syrk(A: Tensor, *, transpose: bool = False, alpha: float = 1.0) -> Tensor:
    """alpha * A @ A.T, or alpha * A.T @ A if transpose."""
    _check("_linalg_syrk", A)
    result = A.mT @ A if transpose else A @ A.mT
    return result if alpha == 1 else result * alpha


@operator("_linalg_trmm", aliases=_names("trmm"))
def trmm(
    A: Tensor, B: Tensor, *, transpose: bool = False, rightside: bool = False, lower: bool = True, alpha: float = 1.0
) -> Tensor:
    """alpha * op(A) @ B, or alpha * B @ op(A) if rightside, for triangular A.

    A      (..., n, n); only its lower triangle is read, or its upper one if not lower; op transposes if `transpose`
    """
    _check("_linalg_trmm", A, B, square=True)
    triangle = A.tril() if lower else A.triu()
    triangle = triangle.mT if transpose else triangle
    _require("_linalg_trmm", A.shape[-1] == B.shape[-1 if rightside else -2], (A, B), "sizes that fit")
    result = B @ triangle if rightside else triangle @ B
    return result if alpha == 1 else result * alpha


@operator("_linalg_trsm", aliases=_names("trsm"))
def trsm(
    A: Tensor, B: Tensor, *, transpose: bool = False, rightside: bool = False, lower: bool = True, alpha: float = 1.0
) -> Tensor:
    """The X for which op(A) @ X = alpha * B, or X @ op(A) = alpha * B if rightside, for triangular A.

    A      (..., n, n); only its lower triangle is read, or its upper one if not lower; op transposes if `transpose`
    """
    _check("_linalg_trsm", A, B, square=True)
    _require("_linalg_trsm", A.shape[-1] == B.shape[-1 if rightside else -2], (A, B), "sizes that fit")
    triangle = A.tril() if lower else A.triu()
    triangle = triangle.mT if transpose else triangle
    scaled = B if alpha == 1 else B * alpha
    result: Tensor = torch.linalg.solve_triangular(triangle, scaled, upper=lower == transpose, left=not rightside)
    return result


# Factorisations, inverses, determinants.


@operator("_linalg_potrf", aliases=_names("potrf"))
def potrf(A: Tensor) -> Tensor:
    """The Cholesky factor: the lower triangular L with L @ L.T = A, for symmetric positive definite A (..., n, n)."""
    _check("_linalg_potrf", A, square=True)
    result: Tensor = torch.linalg.cholesky(A)
    return result


@operator("_linalg_potri", aliases=_names("potri"))
def potri(A: Tensor) -> Tensor:
    """The inverse of L @ L.T, where L is the lower triangle of A (..., n, n): the inverse of what potrf factored."""
    _check("_linalg_potri", A, square=True)
    eye = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device).expand(A.shape)
    inverse = torch.linalg.solve_triangular(A.tril(), eye, upper=False)
    result: Tensor = inverse.mT @ inverse
    return result


@operator("_linalg_gelqf", aliases=_names("gelqf"), num_outputs=2)
def gelqf(A: Tensor) -> tuple[Tensor, Tensor]:
    """The LQ factorisation A = L @ Q of (..., n, m) with n <= m.

    returns  Q (..., n, m), whose rows are orthonormal; L (..., n, n), lower triangular
    """
    _check("_linalg_gelqf", A)
    _require("_linalg_gelqf", A.shape[-2] <= A.shape[-1], (A,), "at most as many rows as columns")
    q, r = torch.linalg.qr(A.mT)
    return q.mT, r.mT


@operator("_linalg_syevd", num_outputs=2)
def syevd(A: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvectors and eigenvalues of symmetric matrices (..., n, n), of which the lower triangle is read.

    returns  U (..., n, n), whose rows are the eigenvectors: A = U.T @ diag(L) @ U, the largest element of each (by
             absolute value) positive; L (..., n), ascending
    """
    _check("_linalg_syevd", A, square=True)
    values, vectors = torch.linalg.eigh(A)
    largest = vectors.detach().abs().argmax(-2, keepdim=True)
    signs = vectors.detach().gather(-2, largest).sign()
    return (vectors * signs).mT, values


@operator("_linalg_inverse", aliases=_names("inverse"))
def inverse(A: Tensor) -> Tensor:
    """The inverse of matrices (..., n, n)."""
    _check("_linalg_inverse", A, square=True)
    result: Tensor = torch.linalg.inv(A)
    return result


@operator("_linalg_det", aliases=_names("det"), output_names=("output0",))
def det(A: Tensor) -> Tensor:
    """The determinant of matrices (..., n, n)."""
    _check("_linalg_det", A, square=True)
    return _with_axis(torch.linalg.det(A))


@operator("_linalg_slogdet", aliases=_names("slogdet"), num_outputs=2)
def slogdet(A: Tensor) -> tuple[Tensor, Tensor]:
    """The sign of the determinant (which has no gradient) and the logarithm of its absolute value."""
    _check("_linalg_slogdet", A, square=True)
    sign, logarithm = torch.linalg.slogdet(A)
    return _with_axis(sign), _with_axis(logarithm)


@slogdet.gradient
def _(head_grad: tuple[Tensor, Tensor], A: Tensor, out: tuple[Tensor, Tensor]) -> Tensor:
    """The inverse transposed, and zero for singular matrices."""
    singular = (out[0] == 0).reshape(*A.shape[:-2], 1, 1)
    eye = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    inverses: Tensor = torch.linalg.inv(torch.where(singular, eye, A)).mT
    return (inverses * head_grad[1].reshape(singular.shape)).masked_fill(singular, 0)


# Diagonals and triangles.


@operator("_linalg_sumlogdiag", aliases=_names("sumlogdiag"))
def sumlogdiag(A: Tensor) -> Tensor:
    """The sum of the logarithms of the diagonal elements of square matrices."""
    _check("_linalg_sumlogdiag", A, square=True)
    return _with_axis(A.diagonal(dim1=-2, dim2=-1).log().sum(-1))


@operator("_linalg_extractdiag", aliases=_names("extractdiag"), view=True)
def extractdiag(A: Tensor, *, offset: int = 0) -> Tensor:
    """A diagonal of square matrices: the main one, or the offset-th above (below, if negative)."""
    _check("_linalg_extractdiag", A, square=True)
    _require(
        "_linalg_extractdiag", abs(offset) < A.shape[-1], (A,), f"matrices that have a diagonal at offset={offset}"
    )
    return A.diagonal(offset, -2, -1)


@operator("_linalg_makediag", aliases=_names("makediag"))
def makediag(A: Tensor, *, offset: int = 0) -> Tensor:
    """Matrices with the vectors of A (..., n) on the diagonal at this offset, and zeros elsewhere."""
    _require("_linalg_makediag", A.is_floating_point() and A.ndim >= 1, (A,), "floating vectors")
    return torch.diag_embed(A, offset)


def _triangle(size: int, offset: int, lower: bool, device: torch.device) -> Tensor:
    """Positions in the flattened matrix of a triangle that starts at a diagonal: lower by rows, upper by columns."""
    outer, inner = torch.tril_indices(size, size, -abs(offset), device=device)
    position: Tensor = outer * size + inner if offset < 0 or (offset == 0 and lower) else inner * size + outer
    return position


@operator("_linalg_extracttrian", aliases=_names("extracttrian"))
def extracttrian(A: Tensor, *, offset: int = 0, lower: bool = True) -> Tensor:
    """The elements of a triangle of square matrices: a lower one row by row, an upper one column by column.

    offset  the triangle starts at this diagonal, and goes up for positive ones, down for negative ones
    lower   which one starts at the main diagonal (offset 0)
    """
    _check("_linalg_extracttrian", A, square=True)
    size = A.shape[-1]
    _require("_linalg_extracttrian", abs(offset) < size, (A,), f"matrices that have a diagonal at offset={offset}")
    return A.reshape(*A.shape[:-2], size * size).index_select(-1, _triangle(size, offset, lower, A.device))


@operator("_linalg_maketrian", aliases=_names("maketrian"))
def maketrian(A: Tensor, *, offset: int = 0, lower: bool = True) -> Tensor:
    """Square matrices with the elements of vectors (..., n) in a triangle: undoes extracttrian.

    n is m * (m + 1) / 2 for some m; the matrices have m + abs(offset) rows
    """
    name = "_linalg_maketrian"
    _require(name, A.is_floating_point() and A.ndim >= 1, (A,), "floating vectors")
    count = A.shape[-1]
    m = (math.isqrt(8 * count + 1) - 1) // 2
    _require(name, m * (m + 1) // 2 == count and m > 0, (A,), "vectors of 1, 3, 6, 10, ... elements")
    size = m + abs(offset)
    flat = A.new_zeros((*A.shape[:-1], size * size))
    return flat.index_copy(-1, _triangle(size, offset, lower, A.device), A).reshape(*A.shape[:-1], size, size)
