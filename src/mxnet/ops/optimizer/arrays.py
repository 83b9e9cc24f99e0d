"""What trainers do to many arrays at once: sums of squares, checks for overflow, filling with zeros."""

from __future__ import annotations

import torch
from torch import Tensor

from ...base import MXNetError
from ..registry import operator
from .common import names_by_weight, split_by_weight


def _finite(tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        raise MXNetError(f"This operation only support floating point types, not {tensor.dtype}")
    return torch.isfinite(tensor).all()


@operator("all_finite", out_dtype="float32")
def all_finite(data: Tensor, *, init_output: bool = True, out: Tensor | None = None) -> Tensor:
    """Whether no number is infinite or NaN: 1 or 0, shape (1,), float32.

    Without init_output, a 0 that ``out`` holds already stays.
    """
    return _remember(_finite(data), init_output, out)


@operator("multi_all_finite", num_inputs_attr="num_arrays", out_dtype="float32")
def multi_all_finite(*data: Tensor, num_arrays: int = 1, init_output: bool = True, out: Tensor | None = None) -> Tensor:
    """`all_finite` of several arrays together."""
    split_by_weight("multi_all_finite", data, num_arrays, 1)
    return _remember(torch.stack([_finite(tensor) for tensor in data]).all(), init_output, out)


def _remember(finite: Tensor, init_output: bool, out: Tensor | None) -> Tensor:
    result = finite.float().reshape(1)
    if out is None:
        return result
    return out.copy_(result) if init_output else out.mul_(result)


@operator("reset_arrays", num_outputs=0, num_inputs_attr="num_arrays", mutates=("array",))
def reset_arrays(*data: Tensor, num_arrays: int) -> tuple[Tensor, ...]:
    """Fill several arrays with zeros, in place; there is no result."""
    split_by_weight("reset_arrays", data, num_arrays, 1)
    torch._foreach_zero_(data)
    return ()

for _op in (multi_all_finite, reset_arrays):
    _op.list_inputs(names_by_weight("array", counted_by="num_arrays"))
