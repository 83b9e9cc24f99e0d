"""`mx.sym.random`: symbols of random numbers; parameters and results are those of `mx.nd.random`.

Parameters that are numbers give an array of the given shape; parameters that are symbols give, for each element of
their values, `shape` numbers. Every run draws anew.
"""

from __future__ import annotations

from typing import Any

from ..base import MXNetError, _Null
from ..ndarray.random import __all__ as __all__
from ..ndarray.random import choose
from ..ops.dtypes import dtype_name
from ..ops.namespaces import resolver
from ..ops.registry import get_operator
from .register import make_function
from .symbol import Symbol, compose


def _sample(name: str, sampler: str, parameters: dict[str, Any], shape: Any, dtype: Any, kwargs: dict[str, Any]) -> Any:
    given = {"shape": shape, "dtype": _Null if dtype is _Null or dtype is None else dtype_name(dtype)}
    if sampler and choose(Symbol, name, parameters):
        return _compose(f"_sample_{sampler}", list(parameters.values()), given, kwargs)
    return _compose(f"_random_{name}", [], {**parameters, **given}, kwargs)


def _compose(name: str, inputs: list[Any], given: dict[str, Any], kwargs: dict[str, Any]) -> Symbol:
    label, attr = kwargs.pop("name", None), kwargs.pop("attr", None)
    return compose(get_operator(name), inputs, {**given, **kwargs}, hint=name, name=label, attr=attr)


def uniform(low: Any = 0, high: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Numbers uniformly distributed in [low, high)."""
    return _sample("uniform", "uniform", {"low": low, "high": high}, shape, dtype, kwargs)


def normal(loc: Any = 0, scale: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Normally distributed numbers of mean loc and standard deviation scale."""
    return _sample("normal", "normal", {"loc": loc, "scale": scale}, shape, dtype, kwargs)


def randn(*shape: int, **kwargs: Any) -> Symbol:
    """Normally distributed numbers of this shape: ``randn(2, 3, loc=0, scale=1, dtype=...)``."""
    loc, scale, dtype = kwargs.pop("loc", 0), kwargs.pop("scale", 1), kwargs.pop("dtype", _Null)
    return normal(loc, scale, shape, dtype, **kwargs)


def exponential(scale: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Exponentially distributed numbers of mean scale."""
    choose(Symbol, "exponential", {"scale": scale})
    if not isinstance(scale, Symbol) and not scale > 0:
        raise MXNetError(f"exponential: scale is {scale}; expected a positive number.")
    return _sample("exponential", "exponential", {"lam": 1.0 / scale}, shape, dtype, kwargs)


def gamma(alpha: Any = 1, beta: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Numbers with a gamma distribution of shape alpha and scale beta; their mean is alpha * beta."""
    return _sample("gamma", "gamma", {"alpha": alpha, "beta": beta}, shape, dtype, kwargs)


def poisson(lam: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Poisson distributed numbers of mean lam, in a floating dtype."""
    return _sample("poisson", "poisson", {"lam": lam}, shape, dtype, kwargs)


def negative_binomial(k: Any = 1, p: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Numbers of failures before the k-th success, in trials that succeed with probability p; in a floating dtype."""
    return _sample("negative_binomial", "negative_binomial", {"k": k, "p": p}, shape, dtype, kwargs)


def generalized_negative_binomial(
    mu: Any = 1, alpha: Any = 1, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any
) -> Symbol:
    """Numbers with a negative binomial distribution of mean mu and variance mu + alpha * mu**2."""
    name = "generalized_negative_binomial"
    return _sample(name, name, {"mu": mu, "alpha": alpha}, shape, dtype, kwargs)


def multinomial(data: Symbol, shape: Any = _Null, get_prob: bool = True, dtype: Any = "int32", **kwargs: Any) -> Symbol:
    """Indices drawn with the probabilities along the last axis of data, and with get_prob their log-probabilities."""
    given = {"shape": shape, "get_prob": get_prob, "dtype": dtype_name(dtype)}
    return _compose("_sample_multinomial", [data], given, kwargs)


def shuffle(data: Symbol, **kwargs: Any) -> Symbol:
    """data with its first axis in random order."""
    return _compose("_shuffle", [data], {}, kwargs)


def randint(low: int, high: int, shape: Any = _Null, dtype: Any = _Null, **kwargs: Any) -> Symbol:
    """Integers uniformly distributed in [low, high), of dtype int32 (default) or int64."""
    parameters = {"low": low, "high": high}
    if choose(Symbol, "randint", parameters):
        raise MXNetError("randint: low and high must be numbers; expected integers.")
    return _sample("randint", "", parameters, shape, dtype, kwargs)


__getattr__, __dir__ = resolver("random", __name__, make_function, globals())
