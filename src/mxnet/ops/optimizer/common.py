"""What the update operators share: rescaling and decay, targets, checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from torch import Tensor

from ...base import MXNetError


@lru_cache(maxsize=256)
def complement(beta: float, power: int = 1) -> float:
    """1 - beta^power in single precision, as MXNet computes it: 1 - 0.999 is 0.00100004673."""
    return float(np.float32(1) - np.float32(beta) ** np.float32(power))


def rescaled(grad: Tensor, rescale_grad: float, clip_gradient: float = -1.0) -> Tensor:
    """The gradient multiplied and clipped; the same tensor where neither is asked for."""
    if rescale_grad != 1.0:
        grad = grad * rescale_grad
        return grad.clamp_(-clip_gradient, clip_gradient) if clip_gradient >= 0 else grad
    return grad.clamp(-clip_gradient, clip_gradient) if clip_gradient >= 0 else grad


def decayed(grad: Tensor, weight: Tensor, wd: float, rescale_grad: float, clip_gradient: float) -> Tensor:
    """The rescaled gradient plus wd * weight, then clipped."""
    grad = rescaled(grad, rescale_grad)
    if wd != 0.0:
        grad = grad.add(weight, alpha=wd)
    return grad.clamp(-clip_gradient, clip_gradient) if clip_gradient >= 0 else grad


def target_of(weight: Tensor, out: Tensor | None) -> Tensor:
    """The tensor to work on, holding the numbers of weight: out, or a copy."""
    if out is None:
        return weight.clone()
    return out if out is weight else out.copy_(weight)


def to_low_precision(weight: Tensor, weight32: Tensor, out: Tensor | None) -> Tensor:
    """The master copy rounded to the precision of the weight, in out where it is given."""
    return weight32.to(weight.dtype, copy=True) if out is None else out.copy_(weight32)


def check_shapes(op: str, weight: Tensor, **others: Tensor) -> None:
    """Raise unless all arrays have the shape of the weight."""
    for name, tensor in others.items():
        if tensor.shape != weight.shape:
            raise MXNetError(
                f"{op}: {name} has shape {tuple(tensor.shape)}; expected {tuple(weight.shape)}, the shape of weight."
            )


def check_dtypes(op: str, weight: Tensor, **others: Tensor) -> None:
    check_shapes(op, weight, **others)
    for name, tensor in others.items():
        if tensor.dtype != weight.dtype:
            raise MXNetError(f"{op}: {name} has dtype {tensor.dtype}; expected {weight.dtype}, the dtype of weight.")


def split_by_weight(
    op: str, data: Sequence[Tensor], num_weights: int, each: int, extra: int = 0
) -> list[tuple[Tensor, ...]]:
    """The arrays of each weight."""
    if len(data) != num_weights * each + extra:
        raise MXNetError(
            f"{op}: {len(data)} arrays are given; expected {num_weights * each + extra}: {each} for each of "
            f"{num_weights} weights{f' and {extra} more' if extra else ''}."
        )
    return [tuple(data[i : i + each]) for i in range(0, num_weights * each, each)]


def check_rates(op: str, num_weights: int, **rates: Sequence[float]) -> None:
    for name, values in rates.items():
        if len(values) != num_weights:
            raise MXNetError(f"{op}: {name} has {len(values)} numbers; expected {num_weights}, one for each weight.")


def targets_of(out: Sequence[Tensor] | Tensor | None, count: int) -> Sequence[Tensor | None]:
    if out is None:
        return [None] * count
    return [out] if isinstance(out, Tensor) else out


def one_or_all(results: Sequence[Tensor]) -> Tensor | tuple[Tensor, ...]:
    return results[0] if len(results) == 1 else tuple(results)


def names_by_weight(*each: str, extra: tuple[str, ...] = (), counted_by: str = "num_weights") -> Callable[..., Any]:
    """A rule for the names of inputs: weight_0, grad_0, ..., weight_1, grad_1, ..., then the extra ones."""

    def rule(*, count: int, **attrs: Any) -> tuple[str, ...]:
        return (*(f"{name}_{i}" for i in range(attrs[counted_by]) for name in each), *extra)

    return rule


def num_weights_of(*, num_weights: int, **_: object) -> int:
    return num_weights


def move_moments(grad: Tensor, mean: Tensor, var: Tensor, beta1: float, beta2: float) -> None:
    """Move the running means of the gradient and of its square."""
    mean.mul_(beta1).add_(grad, alpha=complement(beta1))
    var.mul_(beta2).addcmul_(grad, grad, value=complement(beta2))


def dtypes_of_weights(extra: int = 0) -> Callable[..., Any]:
    """A dtype rule: each result has the dtype of its weight; nothing follows for the other arrays.

    extra is the number of arrays at the end that belong to no weight.
    """

    def rule(inputs: Sequence[str | None], outputs: Sequence[str | None], **attrs: Any) -> Any:
        each = (len(inputs) - extra) // len(outputs)
        return list(inputs), [inputs[position * each] for position in range(len(outputs))]

    return rule
