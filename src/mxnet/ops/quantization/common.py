"""What the operators on quantized arrays share: ranges, rounding, checks, inference rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...base import MXNetError
from ..dtypes import DTYPE_NAMES
from ..inference import unify
from ..registry import Operator, PartialShape

#: Steps from zero to the end of the range, by dtype.
STEPS = {torch.int8: 127.5, torch.uint8: 255.5}
#: The same for the operators that count whole steps.
WHOLE_STEPS = {torch.int8: 127.0, torch.uint8: 255.0}
INT32_STEPS = float(2**31 - 1)
_LIMITS = {torch.int8: (-128, 127), torch.uint8: (0, 255)}
OUTPUT_NAMES = ("output", "min_output", "max_output")

Names = list[str | None]
Shapes = list[PartialShape]


def single(value: float, like: Tensor) -> Tensor:
    """A range that is an attribute, as an array of shape (1,)."""
    return torch.full((1,), value, dtype=torch.float32, device=like.device)


def over(value: float, tensor: Tensor) -> Tensor:
    """value / tensor for a tensor of shape (1,), rounded once; torch's own takes the reciprocal first."""
    return single(value, tensor) / tensor


def magnitude(op: str, low: Tensor, high: Tensor) -> Tensor:
    """The larger of |low| and |high|, shape (1,).

    Raises: MXNetError unless both have shape (1,).
    """
    if low.shape != (1,) or high.shape != (1,):
        raise MXNetError(
            f"{op}: ranges have shapes {tuple(low.shape)} and {tuple(high.shape)}; expected (1,) and (1,)."
        )
    return torch.maximum(low.abs(), high.abs())


def round_to(real: Tensor, dtype: torch.dtype) -> Tensor:
    """real, which this may overwrite, rounded to 8-bit integers: halves to even, NaN to 127 (int8) or 0 (uint8)."""
    low, high = _LIMITS[dtype]
    return real.round_().clamp_(low, high).nan_to_num_(nan=high if low else 0).to(dtype)


def check_dtype(op: str, name: str, tensor: Tensor, *allowed: torch.dtype) -> None:
    """Refuse other dtypes, except while shapes are inferred, which may come before dtypes are known.

    Raises: MXNetError naming the dtypes.
    """
    if tensor.dtype not in allowed and tensor.device.type != "meta":
        expected = " or ".join(DTYPE_NAMES[dtype] for dtype in allowed)
        raise MXNetError(f"{op}: {name} has dtype {DTYPE_NAMES[tensor.dtype]}; expected {expected}.")


def check_same_shape(op: str, lhs: Tensor, rhs: Tensor) -> None:
    """Refuse to broadcast.

    Raises: MXNetError naming both shapes.
    """
    if lhs.shape != rhs.shape:
        raise MXNetError(f"{op}: lhs has shape {tuple(lhs.shape)} and rhs {tuple(rhs.shape)}; expected one shape.")


def stop_gradient(op: Operator) -> Operator:
    """Declare that no gradient passes."""

    @op.gradient
    def _(head_grad: Any, **_: Any) -> None:
        return None

    return op


def infer_same_shape(arrays: int) -> Callable[..., tuple[Shapes, Shapes]]:
    """A shape rule: the first inputs and the first output have one shape, everything else (1,)."""

    def rule(inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any) -> tuple[Shapes, Shapes]:
        shape: PartialShape = outputs[0]
        for given in inputs[:arrays]:
            shape = unify(shape, given)
        return [shape] * arrays + [(1,)] * (len(inputs) - arrays), [shape, *[(1,)] * (len(outputs) - 1)]

    return rule


def infer_fixed_dtypes(
    inputs: Sequence[str | None], outputs: Sequence[str | int | None] | Callable[..., Sequence[str | int | None]]
) -> Callable[..., tuple[Names, Names]]:
    """A dtype rule: the inputs and outputs that have a fixed dtype; None: any; an integer: that of this input.

    inputs beyond those named, and outputs beyond the first, are float32.
    """

    def rule(given: Sequence[str | None], results: Sequence[str | None], **attrs: Any) -> tuple[Names, Names]:
        fixed = [*inputs, *["float32"] * (len(given) - len(inputs))]
        found = [dtype or known for dtype, known in zip(fixed, given, strict=True)]
        first = outputs(**attrs) if callable(outputs) else outputs
        names: Names = [given[name] if isinstance(name, int) else name for name in first]
        return found, [*names, *["float32"] * (len(results) - len(names))][: len(results)]

    return rule
