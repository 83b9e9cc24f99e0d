"""`mx.nd.random`: arrays of random numbers.

A distribution whose parameters are numbers fills an array of the given shape; parameters that are arrays (all of one
shape) give, for each of their elements, `shape` numbers: the result has the shape ``parameters.shape + shape``.

    shape   an integer or a tuple; default one number
    dtype   a floating dtype, default float32 (with ``out`` its own)
    ctx     device for parameters that are numbers, default the current context; arrays have theirs
    out     an array to be filled instead of making one; shape may then be left out

Numbers come from the generators that `mx.random.seed` seeds. The gradient of samples is zero. Where one of several
parameters in arrays is out of range, its samples are NaN.

Each function raises ValueError for a parameter that is neither a number nor an array, AssertionError (an MXNetError
too) for parameters of both kinds, MXNetError for values outside of their range.
"""

from __future__ import annotations

from typing import Any

from ..base import MXNetError, _Null
from ..context import Context, current_context
from ..ops.dtypes import dtype_name
from ..ops.generators import generator_for
from ..ops.namespaces import resolver
from ..ops.registry import get_operator
from .invoke import invoke, make_function, wrap
from .ndarray import NUMBERS, NDArray
from .recording import STATE

__all__ = [  # noqa: F822 (operators, made at their first use)
    "exponential", "exponential_like", "gamma", "gamma_like", "generalized_negative_binomial",
    "generalized_negative_binomial_like", "multinomial", "negative_binomial", "negative_binomial_like", "normal",
    "normal_like", "poisson", "poisson_like", "randint", "randn", "shuffle", "uniform", "uniform_like",
]  # fmt: skip


_PLAIN = frozenset(("uniform", "normal"))  # what takes the short way where shape and parameters are plain numbers
_NUMBER, _WHOLE = frozenset((int, float)), frozenset((int,))


class MixedParametersError(MXNetError, AssertionError):
    """Parameters of a distribution must be all numbers or all arrays."""


def choose(array: type, name: str, parameters: dict[str, Any]) -> bool:
    """Whether the parameters of a distribution are arrays (or symbols), rather than numbers.

    Raises: ValueError or MixedParametersError as the module says.
    """
    first, *others = parameters.values()
    is_array = isinstance(first, array)
    if not is_array and not isinstance(first, NUMBERS):
        raise ValueError(f"Distribution parameters must be either {array.__name__} or numbers, but got {type(first)}.")
    for other in others:
        if isinstance(other, array) != is_array:
            raise MixedParametersError(
                f"{name}: Distribution parameters must all have the same type, but got both {type(first)} and "
                f"{type(other)}."
            )
    return is_array


def _sample(name: str, sampler: str, parameters: dict[str, Any], shape: Any, dtype: Any, ctx: Any, out: Any,
            kwargs: dict[str, Any]) -> Any:  # fmt: skip
    """Call the operator `_random_<name>` for numbers, `_sample_<sampler>` for arrays."""
    if out is None and ctx is None and not dtype and not kwargs and STATE.tracer is None and name in _PLAIN:
        sizes = (shape,) if type(shape) is int else shape
        if type(sizes) is tuple and sizes and _NUMBER.issuperset(map(type, parameters.values())) and (
            _WHOLE.issuperset(map(type, sizes)) and min(sizes) > 0
        ):  # fmt: skip
            ctx = current_context()
            device = ctx.torch_device
            given = {key: float(value) for key, value in parameters.items()}
            function = get_operator(f"_random_{name}").function
            return wrap(NDArray, function(
                **given, shape=sizes, device=device, generator=generator_for(device)
            ), ctx)  # fmt: skip
    kwargs.pop("name", None)
    given = {"dtype": _Null if dtype is _Null or dtype is None else dtype_name(dtype), **kwargs}
    if sampler and choose(NDArray, name, parameters):
        arrays = list(parameters.values())
        if shape is _Null and out is not None:
            shape = out.shape[arrays[0].ndim :]
        if given["dtype"] is _Null and out is not None:
            given["dtype"] = dtype_name(out.dtype)
        return invoke(get_operator(f"_sample_{sampler}"), arrays, {"shape": shape, **given}, out)
    if out is not None:
        shape = out.shape if shape is _Null else shape
        given["dtype"] = dtype_name(out.dtype) if given["dtype"] is _Null else given["dtype"]
        ctx = out.context if ctx is None else ctx
    elif shape is _Null:
        shape = (1,)
    elif not _has_elements(shape):
        raise MXNetError(f"{name}: shape is {shape}; expected at least one axis.")
    given.update(parameters, shape=shape)
    return invoke(get_operator(f"_random_{name}"), [], given, out, ctx=_context(ctx))


def _has_elements(shape: Any) -> bool:
    return shape != () and shape != []


def _context(ctx: Any) -> Context | str | None:
    if ctx is not None and not isinstance(ctx, Context) and "(" not in str(ctx):
        raise MXNetError(f"Invalid context string {ctx}; expected for example 'cpu(0)'.")
    return ctx


def uniform(
    low: Any = 0, high: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> Any:
    """Numbers uniformly distributed in [low, high)."""
    return _sample("uniform", "uniform", {"low": low, "high": high}, shape, dtype, ctx, out, kwargs)


def normal(
    loc: Any = 0,
    scale: Any = 1,
    shape: Any = _Null,
    dtype: Any = _Null,
    ctx: Any = None,
    out: Any = None,
    **kwargs: Any,
) -> Any:
    """Normally distributed numbers of mean loc and standard deviation scale."""
    if isinstance(loc, NDArray) and choose(NDArray, "normal", {"loc": loc, "scale": scale}):
        return _sample("normal", "normal", {"mu": loc, "sigma": scale}, shape, dtype, ctx, out, kwargs)
    return _sample("normal", "normal", {"loc": loc, "scale": scale}, shape, dtype, ctx, out, kwargs)


def randn(*shape: int, **kwargs: Any) -> Any:
    """Normally distributed numbers of this shape: ``randn(2, 3, loc=0, scale=1, dtype=..., ctx=..., out=...)``."""
    loc, scale = kwargs.pop("loc", 0), kwargs.pop("scale", 1)
    dtype, ctx, out = kwargs.pop("dtype", _Null), kwargs.pop("ctx", None), kwargs.pop("out", None)
    return normal(loc, scale, shape or (_Null if out is not None else ()), dtype, ctx, out, **kwargs)


def exponential(
    scale: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> Any:
    """Exponentially distributed numbers of mean scale."""
    choose(NDArray, "exponential", {"scale": scale})
    if not isinstance(scale, NDArray) and not scale > 0:
        raise MXNetError(f"exponential: scale is {scale}; expected a positive number.")
    return _sample("exponential", "exponential", {"lam": 1.0 / scale}, shape, dtype, ctx, out, kwargs)


def gamma(
    alpha: Any = 1,
    beta: Any = 1,
    shape: Any = _Null,
    dtype: Any = _Null,
    ctx: Any = None,
    out: Any = None,
    **kwargs: Any,
) -> Any:
    """Numbers with a gamma distribution of shape alpha and scale beta; their mean is alpha * beta."""
    return _sample("gamma", "gamma", {"alpha": alpha, "beta": beta}, shape, dtype, ctx, out, kwargs)


def poisson(
    lam: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> Any:
    """Poisson distributed numbers of mean lam, in a floating dtype."""
    return _sample("poisson", "poisson", {"lam": lam}, shape, dtype, ctx, out, kwargs)


def negative_binomial(
    k: Any = 1, p: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> Any:
    """Numbers of failures before the k-th success, in trials that succeed with probability p; in a floating dtype."""
    return _sample("negative_binomial", "negative_binomial", {"k": k, "p": p}, shape, dtype, ctx, out, kwargs)


def generalized_negative_binomial(
    mu: Any = 1, alpha: Any = 1, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> Any:
    """Numbers with a negative binomial distribution of mean mu and variance mu + alpha * mu**2."""
    name, parameters = "generalized_negative_binomial", {"mu": mu, "alpha": alpha}
    return _sample(name, name, parameters, shape, dtype, ctx, out, kwargs)


def multinomial(
    data: NDArray, shape: Any = _Null, get_prob: bool = False, out: Any = None, dtype: Any = "int32", **kwargs: Any
) -> Any:
    """Indices drawn with the probabilities along the last axis of data.

    Args:
        data: (..., categories).
        shape: how many are drawn from each distribution.
        get_prob: also return the logarithms of their probabilities, whose gradient reaches data.
    Returns: (..., *shape) indices of this dtype, or the list of these and the log-probabilities.
    """
    kwargs.pop("name", None)
    given = {"shape": shape, "get_prob": get_prob, "dtype": dtype_name(dtype), **kwargs}
    return invoke(get_operator("_sample_multinomial"), [data], given, out)


def shuffle(data: NDArray, **kwargs: Any) -> Any:
    """data with its first axis in random order."""
    kwargs.pop("name", None)
    return invoke(get_operator("_shuffle"), [data], kwargs, kwargs.pop("out", None))


def randint(
    low: int, high: int, shape: Any = _Null, dtype: Any = _Null, ctx: Any = None, out: Any = None, **kwargs: Any
) -> Any:
    """Integers uniformly distributed in [low, high), of dtype int32 (default) or int64."""
    parameters = {"low": low, "high": high}
    if choose(NDArray, "randint", parameters):
        raise MXNetError("randint: low and high must be numbers; expected integers.")
    return _sample("randint", "", parameters, shape, dtype, ctx, out, kwargs)


__getattr__, __dir__ = resolver("random", __name__, make_function, globals())
