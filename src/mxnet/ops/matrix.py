"""Products of matrices and batches of them, and the rearrangements that turn convolutions into products."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..base import MXNetError
from .attributes import Shape
from .dtypes import DTYPE_NAMES
from .inference import unify
from .registry import PartialShape, operator


def _check_stype(name: str, forward_stype: str | None, lhs: Tensor) -> None:
    if forward_stype not in (None, "default") and not lhs.is_meta:  # shapes are those of a dense result
        raise MXNetError(
            f"{name}: forward_stype={forward_stype!r} asks for a sparse result; that of dense arrays is dense. Leave "
            "it out, and cast the result with tostype."
        )


def _explain(name: str, lhs: Tensor, rhs: Tensor, a: bool, b: bool) -> str:
    return (
        f"{name}: lhs is {DTYPE_NAMES[lhs.dtype]}{tuple(lhs.shape)}, rhs is {DTYPE_NAMES[rhs.dtype]}{tuple(rhs.shape)} "
        f"with transpose_a={a}, transpose_b={b}"
    )


@operator("dot", aliases=("_sparse_dot",))
def dot(
    lhs: Tensor, rhs: Tensor, *, transpose_a: bool = False, transpose_b: bool = False, forward_stype: str | None = None
) -> Tensor:
    """The sums of products over one axis of each: for matrices the matrix product, for vectors the inner product.

    Summed are the last axis of lhs (transpose_a: the first) and the first of rhs (transpose_b: the last). The others
    follow one another in their order; two vectors give shape (1,).
    forward_stype chooses the storage of the result; only None and "default" (dense) are supported.
    """
    if forward_stype is not None:
        _check_stype("dot", forward_stype, lhs)
    if lhs.ndim == 2 and rhs.ndim == 2:
        return torch.mm(lhs.t() if transpose_a else lhs, rhs.t() if transpose_b else rhs)
    if lhs.ndim == 1 and rhs.ndim == 1:
        if transpose_a or transpose_b:
            raise MXNetError(f"{_explain('dot', lhs, rhs, transpose_a, transpose_b)}; vectors can't be transposed.")
        return torch.dot(lhs, rhs).reshape(1)
    return torch.tensordot(lhs, rhs, ([0 if transpose_a else -1], [-1 if transpose_b else 0]))  # type: ignore[no-any-return]


@operator("batch_dot")
def batch_dot(
    lhs: Tensor, rhs: Tensor, *, transpose_a: bool = False, transpose_b: bool = False, forward_stype: str | None = None
) -> Tensor:
    """The matrix products of the last two axes; the others are batch axes, equal in both.

    lhs      (..., M, K), with transpose_a (..., K, M)
    rhs      (..., K, N), with transpose_b (..., N, K)
    returns  (..., M, N)
    forward_stype chooses the storage of the result; only None and "default" (dense) are supported.
    """
    if forward_stype is not None:
        _check_stype("batch_dot", forward_stype, lhs)
    if lhs.ndim < 3 or lhs.shape[:-2] != rhs.shape[:-2] or rhs.ndim < 3:
        reason = "expected at least 3 dimensions, all but the last two equal"
        raise MXNetError(f"{_explain('batch_dot', lhs, rhs, transpose_a, transpose_b)}; {reason}.")
    product = torch.bmm if lhs.ndim == rhs.ndim == 3 else torch.matmul
    return product(lhs.mT if transpose_a else lhs, rhs.mT if transpose_b else rhs)


@dot.infer_shape
def _(
    inputs: list[PartialShape], outputs: list[PartialShape], *, transpose_a: bool, transpose_b: bool, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    lhs, rhs = inputs
    if not lhs or not rhs:
        return inputs, outputs
    left, right = lhs[0 if transpose_a else -1], rhs[-1 if transpose_b else 0]
    if -1 not in (left, right) and left != right:
        raise MXNetError(f"dot: lhs of shape {lhs} and rhs of shape {rhs} don't fit: {left} is not {right}.")
    rest = (lhs[1:] if transpose_a else lhs[:-1]) + (rhs[:-1] if transpose_b else rhs[1:])
    return inputs, [rest or (1,)]


@batch_dot.infer_shape
def _(
    inputs: list[PartialShape], outputs: list[PartialShape], *, transpose_a: bool, transpose_b: bool, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    lhs, rhs = inputs
    if lhs is None or rhs is None:
        return inputs, outputs
    left, right = lhs[-2 if transpose_a else -1], rhs[-1 if transpose_b else -2]
    if min(len(lhs), len(rhs)) < 3 or (-1 not in (left, right) and left != right):
        raise MXNetError(
            f"batch_dot: lhs has shape {lhs}, rhs {rhs}, transpose_a={transpose_a}, transpose_b={transpose_b}; "
            "expected at least 3 dimensions, and equal ones where they are summed."
        )
    batch = unify(lhs[:-2], rhs[:-2], "the shape of the batch of batch_dot") or ()
    return inputs, [(*batch, lhs[-1 if transpose_a else -2], rhs[-2 if transpose_b else -1])]


def _windows(
    name: str, size: Shape, kernel: Shape, stride: Shape, dilate: Shape, pad: Shape
) -> tuple[Shape, Shape, Shape, Shape]:
    """Stride, dilate, pad with their defaults, and the number of windows along each axis."""
    stride, dilate, pad = stride or (1,) * len(kernel), dilate or (1,) * len(kernel), pad or (0,) * len(kernel)
    for what, value in (("size", size), ("stride", stride), ("dilate", dilate), ("pad", pad)):
        if len(value) != len(kernel):
            raise MXNetError(f"{name}: kernel={kernel} and {what} {value} differ in length.")
    counts = []
    for length, k, s, d, p in zip(size, kernel, stride, dilate, pad, strict=True):
        room = length + 2 * p - d * (k - 1) - 1
        if room < 0 or s < 1 or k < 1 or d < 1:
            raise MXNetError(
                f"{name}: kernel={kernel} with stride={stride}, dilate={dilate} doesn't fit {size} padded by {pad}."
            )
        counts.append(room // s + 1)
    return stride, dilate, pad, tuple(counts)


def _window_index(
    kernel: Shape, stride: Shape, dilate: Shape, counts: Shape, device: torch.device
) -> tuple[slice | Tensor, ...]:
    """Index that picks, from (N, C, *padded), all windows as (N, C, *kernel, *counts)."""
    ndim = len(kernel)
    index: list[slice | Tensor] = [slice(None), slice(None)]
    for axis, (k, s, d, count) in enumerate(zip(kernel, stride, dilate, counts, strict=True)):
        offsets = torch.arange(k, device=device).reshape(-1, 1) * d + torch.arange(count, device=device) * s
        shape = [1] * (2 * ndim)
        shape[axis], shape[ndim + axis] = k, count
        index.append(offsets.reshape(shape))
    return tuple(index)


def _both_sides(pad: Shape) -> list[int]:
    return [width for width in reversed(pad) for _ in range(2)]


@operator("im2col")
def im2col(data: Tensor, *, kernel: Shape, stride: Shape = (), dilate: Shape = (), pad: Shape = ()) -> Tensor:
    """The windows that a convolution sees: (N, C, *spatial) -> (N, C * product of kernel, number of windows)."""
    stride, dilate, pad, counts = _windows("im2col", tuple(data.shape[2:]), kernel, stride, dilate, pad)
    if len(kernel) == 2:
        return F.unfold(data, kernel, dilate, pad, stride)
    padded = F.pad(data, _both_sides(pad))
    windows = padded[_window_index(kernel, stride, dilate, counts, data.device)]
    return windows.flatten(2 + len(kernel)).flatten(1, 1 + len(kernel))


@operator("col2im")
def col2im(
    data: Tensor, *, output_size: Shape, kernel: Shape, stride: Shape = (), dilate: Shape = (), pad: Shape = ()
) -> Tensor:
    """The sum of overlapping windows, the reverse of im2col: (N, C * product of kernel, L) -> (N, C, *output_size)."""
    stride, dilate, pad, counts = _windows("col2im", output_size, kernel, stride, dilate, pad)
    elements, number = torch.Size(kernel).numel(), torch.Size(counts).numel()
    if data.ndim != 3 or data.shape[1] % elements or data.shape[2] != number:
        raise MXNetError(
            f"col2im: data has shape {tuple(data.shape)}; expected (N, C * {elements}, {number}) for kernel={kernel}, "
            f"output_size={output_size}, stride={stride}, dilate={dilate}, pad={pad}."
        )
    if len(kernel) == 2:
        return F.fold(data, output_size, kernel, dilate, pad, stride)
    n, channels = data.shape[0], data.shape[1] // elements
    padded = data.new_zeros((n, channels, *(size + 2 * p for size, p in zip(output_size, pad, strict=True))))
    index = _window_index(kernel, stride, dilate, counts, data.device)
    rows = torch.arange(n, device=data.device).reshape((-1,) + (1,) * (1 + 2 * len(kernel)))
    columns = torch.arange(channels, device=data.device).reshape((-1,) + (1,) * (2 * len(kernel)))
    windows = data.reshape(n, channels, *kernel, *counts)
    padded = padded.index_put((rows, columns, *index[2:]), windows, accumulate=True)  # type: ignore[arg-type]
    for axis, (size, p) in enumerate(zip(output_size, pad, strict=True), 2):
        padded = padded.narrow(axis, p, size)
    return padded
