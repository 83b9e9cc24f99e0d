"""`mx.nd.contrib`: the operators whose names begin with ``_contrib_``, made at first use, and a few functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import MXNetError
from ..context import Context
from ..ops.namespaces import resolver
from ..ops.registry import get_operator
from .control_flow import cond, foreach, while_loop
from .invoke import NotAnArrayError, invoke, make_function
from .ndarray import NDArray
from .random import uniform
from .utils import full

__all__ = [
    "adamw_update", "cond", "foreach", "isfinite", "isinf", "isnan", "mp_adamw_update", "multi_adamw_update",
    "multi_lamb_update", "multi_mp_adamw_update", "multi_mp_lamb_update", "rand_zipfian", "while_loop",
]  # fmt: skip


def _require_array(what: str, value: Any) -> None:
    if not isinstance(value, NDArray):
        raise NotAnArrayError(f"{what} is {value!r}; expected an NDArray.")


def _is_floating(data: NDArray) -> bool:
    return data.dtype == "bfloat16" or bool(np.issubdtype(data.dtype, np.floating))


def rand_zipfian(
    true_classes: NDArray, num_sampled: int, range_max: int, ctx: Context | None = None
) -> tuple[NDArray, NDArray, NDArray]:
    """Draw classes by Zipf's law, as candidates for a sampled softmax; class 0 is the most frequent one.

    The probability of a class is ``(log(class + 2) - log(class + 1)) / log(range_max + 1)``.

    Args:
        true_classes: the classes of the labels, any shape.
        num_sampled: how many to draw, with replacement.
        range_max: the number of classes.
        ctx: where to draw, default the current context.
    Returns: the classes drawn, int64 (num_sampled,); how often each of true_classes, and each of those drawn, is to be
        expected among num_sampled, float64.
    Raises: MXNetError if num_sampled or range_max isn't positive, or true_classes no NDArray.
    """
    _require_array("rand_zipfian: true_classes", true_classes)
    if num_sampled < 1 or range_max < 1:
        raise MXNetError(f"rand_zipfian: num_sampled={num_sampled}, range_max={range_max}; expected positive numbers.")
    log_range = math.log(range_max + 1)
    drawn = uniform(0, log_range, shape=(num_sampled,), dtype="float64", ctx=ctx).exp() - 1
    sampled = drawn.astype("int64") % range_max

    def expected(classes: Any) -> Any:
        classes = classes.astype("float64")
        return ((classes + 2.0) / (classes + 1.0)).log() / log_range * num_sampled

    return sampled, expected(true_classes), expected(sampled)


def isnan(data: Any) -> Any:
    """1 where an element is NaN, else 0; shape and dtype of data."""
    _require_array("isnan: data", data)
    return data != data


def isinf(data: Any) -> Any:
    """1 where an element is infinite, of either sign, else 0; shape and dtype of data."""
    _require_array("isinf: data", data)
    return data.abs() == math.inf if _is_floating(data) else data.zeros_like()


def isfinite(data: Any) -> Any:
    """1 where an element is neither NaN nor infinite, else 0; shape and dtype of data."""
    _require_array("isfinite: data", data)
    return data.abs() < math.inf if _is_floating(data) else data.ones_like()


def _rescale(name: str, value: Any, weight: NDArray) -> NDArray:
    """The factor of gradients as an array (1,) on the weight's device."""
    if isinstance(value, NDArray):
        return value
    try:
        number = float(np.asarray(value, "float64").item()) if value is not None else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise MXNetError(f"{name}: rescale_grad is {value!r}; expected a number or an NDArray of one number.")
    return full((1,), number, ctx=weight.context)


def adamw_update(
    weight: NDArray, grad: NDArray, mean: NDArray, var: NDArray, rescale_grad: NDArray | float, lr: float, eta: float,
    beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0, clip_gradient: float = -1,
    out: NDArray | None = None, name: str | None = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """One step of AdamW, ``weight - eta * (lr * mean / (sqrt(var) + epsilon) + wd * weight)``; mean and var change.

    Nothing changes when rescale_grad is NaN, infinite or 0, as after an overflow with loss scaling.

    Args:
        weight, grad, mean, var: of one shape.
        rescale_grad: factor of the gradient, a number or an array (1,).
        out: where the new weight goes, usually weight; default a new array.
        name: no meaning here.
    Source: Loshchilov, Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
    """
    given = {"lr": lr, "eta": eta, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd,
             "clip_gradient": clip_gradient, **kwargs}  # fmt: skip
    arrays = [weight, grad, mean, var, _rescale("adamw_update", rescale_grad, weight)]
    return invoke(get_operator("_adamw_update"), arrays, given, out)


def mp_adamw_update(
    weight: NDArray, grad: NDArray, mean: NDArray, var: NDArray, weight32: NDArray, rescale_grad: NDArray | float,
    lr: float, eta: float, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0,
    clip_gradient: float = -1, out: NDArray | None = None, name: str | None = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """`adamw_update` of a float16 weight that has a float32 copy, weight32, which changes too."""
    given = {"lr": lr, "eta": eta, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd,
             "clip_gradient": clip_gradient, **kwargs}  # fmt: skip
    arrays = [weight, grad, mean, var, weight32, _rescale("mp_adamw_update", rescale_grad, weight)]
    return invoke(get_operator("_mp_adamw_update"), arrays, given, out)


def _interleave(name: str, *lists: Sequence[NDArray] | NDArray) -> tuple[list[NDArray], int]:
    """The first of each list, then the second of each, ...; and how many each has. A single array is a list of one."""
    columns = [[item] if isinstance(item, NDArray) else list(item) for item in lists]
    sizes = {len(column) for column in columns}
    if len(sizes) != 1 or sizes == {0}:
        given = ", ".join(str(len(column)) for column in columns)
        raise MXNetError(f"{name}: lists of {given} arrays were given; expected equally many in each, at least one.")
    return [array for row in zip(*columns, strict=True) for array in row], sizes.pop()


def _multi(
    operator: str, count: str, lists: Sequence[Sequence[NDArray]], rest: list[NDArray], out: Any, given: dict[str, Any],
    number: int,
) -> Any:  # fmt: skip
    arrays, size = _interleave(operator, *lists)
    if number and number != size:
        raise MXNetError(f"{operator}: {count} is {number}, but lists of {size} arrays were given.")
    return invoke(get_operator(operator), [*arrays, *rest], {count: size, **given}, out)


def multi_adamw_update(
    weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray], var: Sequence[NDArray],
    rescale_grad: NDArray | float, lrs: Sequence[float], wds: Sequence[float], etas: Sequence[float],
    out: Sequence[NDArray] | None = None, name: str | None = None, size: int = 0, **kwargs: Any,
) -> Any:  # fmt: skip
    """`adamw_update` of several weights at once, each with its own lr, wd and eta.

    Args:
        weights, grads, mean, var: lists of equally many arrays; size says how many, 0: as many as there are.
        rescale_grad: one factor for all gradients, a number or an array (1,).
        lrs, wds, etas: one number for each weight.
        out: where the new weights go, usually weights; default new arrays.
        name: no meaning here.
        **kwargs: beta1, beta2, epsilon, clip_gradient.
    """
    given = {"lrs": lrs, "wds": wds, "etas": etas, **kwargs}
    rest = [_rescale("multi_adamw_update", rescale_grad, weights if isinstance(weights, NDArray) else weights[0])]
    return _multi("_multi_adamw_update", "num_weights", [weights, grads, mean, var], rest, out, given, size)


def multi_mp_adamw_update(
    weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray], var: Sequence[NDArray],
    weights32: Sequence[NDArray], rescale_grad: NDArray | float, lrs: Sequence[float], wds: Sequence[float],
    etas: Sequence[float], out: Sequence[NDArray] | None = None, name: str | None = None, size: int = 0, **kwargs: Any,
) -> Any:  # fmt: skip
    """`multi_adamw_update` of float16 weights that have float32 copies, weights32, which change too."""
    given = {"lrs": lrs, "wds": wds, "etas": etas, **kwargs}
    rest = [_rescale("multi_mp_adamw_update", rescale_grad, weights if isinstance(weights, NDArray) else weights[0])]
    lists = [weights, grads, mean, var, weights32]
    return _multi("_multi_mp_adamw_update", "num_weights", lists, rest, out, given, size)


def multi_lamb_update(
    weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray], var: Sequence[NDArray],
    step_count: Sequence[int], lrs: Sequence[float], wds: Sequence[float], out: Sequence[NDArray] | None = None,
    num_tensors: int = 0, **kwargs: Any,
) -> Any:  # fmt: skip
    """One step of LAMB for several weights at once; mean and var change.

    Args:
        weights, grads, mean, var: lists of equally many arrays; num_tensors says how many, 0: as many as there are.
        step_count, lrs, wds: one number for each weight.
        out: where the new weights go, usually weights; default new arrays.
        **kwargs: beta1, beta2, epsilon, rescale_grad, lower_bound, upper_bound, clip_gradient, bias_correction.
    Source: You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, ICLR 2020.
    """
    given = {"learning_rates": lrs, "wds": wds, "step_count": step_count, **kwargs}
    return _multi("_multi_lamb_update", "num_tensors", [weights, grads, mean, var], [], out, given, num_tensors)


def multi_mp_lamb_update(
    weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray], var: Sequence[NDArray],
    weights32: Sequence[NDArray], step_count: Sequence[int], lrs: Sequence[float], wds: Sequence[float],
    out: Sequence[NDArray] | None = None, num_tensors: int = 0, **kwargs: Any,
) -> Any:  # fmt: skip
    """`multi_lamb_update` of float16 weights that have float32 copies, weights32, which change too."""
    given = {"learning_rates": lrs, "wds": wds, "step_count": step_count, **kwargs}
    lists = [weights, grads, mean, var, weights32]
    return _multi("_multi_mp_lamb_update", "num_tensors", lists, [], out, given, num_tensors)


__getattr__, __dir__ = resolver("contrib", __name__, make_function, globals())
