"""Products of matrices and batches of them."""

from __future__ import annotations

from ..builder import Array, Builder
from ..translate import translates


def turned(onnx: Builder, data: Array, transpose: bool = True) -> Array:
    """data with its last two axes exchanged, if asked to."""
    return onnx.transpose(data, (*range(data.ndim - 2), data.ndim - 1, data.ndim - 2)) if transpose else data


@translates("dot")
def _(onnx, lhs, rhs, *, transpose_a, transpose_b, forward_stype):
    if lhs.ndim == rhs.ndim == 1:
        return onnx.op("Reshape", onnx.op("MatMul", lhs, rhs), onnx.ints(1))
    if transpose_a:  # the first axis of lhs goes last
        lhs = onnx.move_axis(lhs, 0, -1)
    if transpose_b:  # the last axis of rhs goes first
        rhs = onnx.move_axis(rhs, -1, 0)
    if rhs.ndim <= 2:
        return onnx.op("MatMul", lhs, rhs)
    product = onnx.op("MatMul", lhs, onnx.reshape(rhs, (rhs.shape[0], -1)))
    return onnx.reshape(product, onnx.out.sizes)


@translates("batch_dot")
def _(onnx, lhs, rhs, *, transpose_a, transpose_b, forward_stype):
    return onnx.op("MatMul", turned(onnx, lhs, transpose_a), turned(onnx, rhs, transpose_b))


def _scaled(onnx: Builder, data: Array, factor: float) -> Array:
    return data if factor == 1 else onnx.op("Mul", data, onnx.number(factor, data), sizes=data.sizes)


def _gemm(
    onnx: Builder, a: Array, b: Array, c: Array | None, transpose_a: bool, transpose_b: bool, alpha: float, beta: float,
    axis: int,
) -> Array:  # fmt: skip
    ndim = a.ndim
    moved = axis % ndim != ndim - 2
    if moved:
        a, b = onnx.move_axis(a, axis, -2), onnx.move_axis(b, axis, -2)
        c = None if c is None else onnx.move_axis(c, axis, -2)
    out = _scaled(onnx, onnx.op("MatMul", turned(onnx, a, transpose_a), turned(onnx, b, transpose_b)), alpha)
    if c is not None:
        out = onnx.op("Add", out, _scaled(onnx, c, beta))
    if not moved:
        return out
    order = list(range(ndim))
    order.insert(axis % ndim, order.pop(ndim - 2))
    return onnx.transpose(out, order)


@translates("_linalg_gemm")
def _(onnx, A, B, C, *, transpose_a, transpose_b, alpha, beta, axis):
    return _gemm(onnx, A, B, C, transpose_a, transpose_b, alpha, beta, axis)


@translates("_linalg_gemm2")
def _(onnx, A, B, *, transpose_a, transpose_b, alpha, axis):
    return _gemm(onnx, A, B, None, transpose_a, transpose_b, alpha, 1.0, axis)


@translates("_linalg_syrk")
def _(onnx, A, *, transpose, alpha):
    left, right = (turned(onnx, A), A) if transpose else (A, turned(onnx, A))
    return _scaled(onnx, onnx.op("MatMul", left, right), alpha)


@translates("khatri_rao")
def _(onnx, *args):
    result, rows, columns = args[0], args[0].shape[0], args[0].shape[1]
    for matrix in args[1:]:
        rows *= matrix.shape[0]
        product = onnx.op("Mul", onnx.unsqueeze(result, 1), onnx.unsqueeze(matrix, 0))
        result = onnx.op("Reshape", product, onnx.ints(rows, columns), sizes=(rows, columns))
    return result
