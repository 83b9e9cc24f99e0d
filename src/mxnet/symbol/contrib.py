"""`mx.sym.contrib`: the operators whose names begin with ``_contrib_``, made at first use, and a few functions."""

from __future__ import annotations

import math
from typing import Any

from ..base import MXNetError
from ..ops.namespaces import resolver
from ..ops.registry import get_operator
from .control_flow import cond, foreach, while_loop
from .functions import full
from .random import uniform
from .register import make_function
from .symbol import Symbol, compose

__all__ = ["adamw_update", "cond", "foreach", "mp_adamw_update", "rand_zipfian", "while_loop"]


def rand_zipfian(true_classes: Symbol, num_sampled: int, range_max: int) -> tuple[Symbol, Symbol, Symbol]:
    """Draw classes by Zipf's law; arguments and results are those of `mx.nd.contrib.rand_zipfian`."""
    if num_sampled < 1 or range_max < 1:
        raise MXNetError(f"rand_zipfian: num_sampled={num_sampled}, range_max={range_max}; expected positive numbers.")
    log_range = math.log(range_max + 1)
    drawn: Any = uniform(0, log_range, shape=(num_sampled,), dtype="float64")
    sampled = (drawn.exp() - 1).astype("int64") % range_max

    def expected(classes: Any) -> Any:
        classes = classes.astype("float64")
        return ((classes + 2.0) / (classes + 1.0)).log() / log_range * num_sampled

    return sampled, expected(true_classes), expected(sampled)


def _update(
    operator: str, inputs: list[Symbol], rescale_grad: Symbol | float, attributes: dict[str, Any], name: str | None,
    kwargs: dict[str, Any],
) -> Symbol:  # fmt: skip
    if not isinstance(rescale_grad, Symbol):
        rescale_grad = full((1,), float(rescale_grad))
    attr = kwargs.pop("attr", None)
    given = {**attributes, **kwargs}
    return compose(get_operator(operator), [*inputs, rescale_grad], given, hint=operator, name=name, attr=attr)


def adamw_update(
    weight: Symbol, grad: Symbol, mean: Symbol, var: Symbol, rescale_grad: Symbol | float, lr: float, eta: float,
    beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0, clip_gradient: float = -1,
    out: Any = None, name: str | None = None, **kwargs: Any,
) -> Symbol:  # fmt: skip
    """One step of AdamW; arguments are those of `mx.nd.contrib.adamw_update`, and ``out`` has no meaning."""
    given = {"lr": lr, "eta": eta, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd,
             "clip_gradient": clip_gradient}  # fmt: skip
    return _update("_adamw_update", [weight, grad, mean, var], rescale_grad, given, name, kwargs)


def mp_adamw_update(
    weight: Symbol, grad: Symbol, mean: Symbol, var: Symbol, weight32: Symbol, rescale_grad: Symbol | float, lr: float,
    eta: float, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0,
    clip_gradient: float = -1, out: Any = None, name: str | None = None, **kwargs: Any,
) -> Symbol:  # fmt: skip
    """`adamw_update` of a float16 weight that has a float32 copy, weight32."""
    given = {"lr": lr, "eta": eta, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd,
             "clip_gradient": clip_gradient}  # fmt: skip
    return _update("_mp_adamw_update", [weight, grad, mean, var, weight32], rescale_grad, given, name, kwargs)


__getattr__, __dir__ = resolver("contrib", __name__, make_function, globals())
