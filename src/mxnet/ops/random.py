"""Random numbers: one distribution for a whole array, one for each element of parameter arrays, densities, shuffling.

Numbers are drawn from the generator of the device (see generators.py), in float32 unless dtype says otherwise.
The gradient of samples is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from ..base import MXNetError
from .attributes import DType, Shape
from .dtypes import DTYPE_NAMES, TORCH_DTYPES
from .registry import Operator, operator

# Samplers fill a new array `out` for parameters that are numbers, or arrays that broadcast to its shape.


def _uniform(out: Tensor, generator: Generator | None, low: Any, high: Any) -> Tensor:
    if isinstance(low, Tensor):
        return out.uniform_(0, 1, generator=generator).mul_(high - low).add_(low)
    return out.uniform_(low, high, generator=generator)


def _normal(out: Tensor, generator: Generator | None, loc: Any, scale: Any) -> Tensor:
    if isinstance(loc, Tensor):
        return out.normal_(0, 1, generator=generator).mul_(scale).add_(loc)
    return out.normal_(loc, scale, generator=generator)


def _exponential(out: Tensor, generator: Generator | None, lam: Any) -> Tensor:
    return out.exponential_(1, generator=generator).div_(lam)


def _gamma(out: Tensor, generator: Generator | None, alpha: Any, beta: Any) -> Tensor:
    return out.copy_(_standard_gamma(out, generator, alpha) * beta)


def _poisson(out: Tensor, generator: Generator | None, lam: Any) -> Tensor:
    return out.copy_(torch.poisson(_like(out, lam), generator))


def _negative_binomial(out: Tensor, generator: Generator | None, k: Any, p: Any) -> Tensor:
    """A Poisson variable whose rate has a gamma distribution."""
    k, p = _like(out, k), _like(out, p)
    rate = _standard_gamma(out, generator, k.clamp_min(1e-30)) * ((1 - p) / p)
    return out.copy_(torch.poisson(rate.masked_fill(k == 0, 0), generator))


def _generalized_negative_binomial(out: Tensor, generator: Generator | None, mu: Any, alpha: Any) -> Tensor:
    """A Poisson variable whose rate has a gamma distribution of mean mu; for alpha = 0 the rate is mu."""
    mu, alpha = _like(out, mu), _like(out, alpha)
    fixed = alpha == 0
    safe = alpha.masked_fill(fixed, 1)
    rate = torch.where(fixed, mu, _standard_gamma(out, generator, 1 / safe) * (mu * safe))
    return out.copy_(torch.poisson(rate, generator))


def _like(out: Tensor, value: Any) -> Tensor:
    """A parameter in the shape of the result, in float32 or float64."""
    dtype = torch.float64 if out.dtype is torch.float64 else torch.float32
    if isinstance(value, Tensor):
        return value.to(dtype).expand(out.shape)
    return torch.full(out.shape, value, dtype=dtype, device=out.device)


def _standard_gamma(out: Tensor, generator: Generator | None, alpha: Any) -> Tensor:
    return torch._standard_gamma(_like(out, alpha), generator)


Sampler = Callable[..., Tensor]


def _require(name: str, holds: bool, parameter: str, value: float, expected: str) -> None:
    if not holds:
        raise MXNetError(f"{name}: {parameter} is {value}; expected {expected}.")


def _empty(shape: tuple[int, ...], dtype: str | None, device: torch.device) -> Tensor:
    return torch.empty(shape or (1,), dtype=_floating(dtype), device=device)


def _floating(dtype: str | None) -> torch.dtype:
    found = TORCH_DTYPES[dtype or "float32"]
    if not found.is_floating_point:
        raise MXNetError(f"dtype is {dtype}; expected a floating dtype. Cast the result for another one.")
    return found


def _dtype_or_float32(*, dtype: str | None, **_: Any) -> str:
    return dtype or "float32"


def _empty_like(name: str, data: Tensor) -> Tensor:
    if not data.is_floating_point():
        raise MXNetError(f"{name}: data has dtype {DTYPE_NAMES[data.dtype]}; expected a floating dtype.")
    return torch.empty_like(data, requires_grad=False)


def _names(short: str, *more: str) -> dict[str, Any]:
    return {"aliases": (f"random_{short}", *more), "out_dtype": _dtype_or_float32}


# One distribution for the whole array: of a given shape, or of the shape, dtype and device of data.


def _check_uniform(name: str, low: float, high: float) -> None:
    _require(name, high >= low, "high", high, f"a number not below low, which is {low}")


@operator("_random_uniform", **_names("uniform", "uniform"))
def random_uniform(
    *, low: float = 0.0, high: float = 1.0, shape: Shape = (), ctx: str = "", dtype: DType | None = None,
    device: torch.device, generator: Generator | None,
) -> Tensor:  # fmt: skip
    """Numbers uniformly distributed in [low, high)."""
    _check_uniform("_random_uniform", low, high)
    return _uniform(_empty(shape, dtype, device), generator, low, high)


@operator("_random_uniform_like")
def random_uniform_like(data: Tensor, *, low: float = 0.0, high: float = 1.0, generator: Generator | None) -> Tensor:
    """Numbers uniformly distributed in [low, high), in the shape and dtype of data."""
    _check_uniform("_random_uniform_like", low, high)
    return _uniform(_empty_like("_random_uniform_like", data), generator, low, high)


def _check_normal(name: str, scale: float) -> None:
    _require(name, scale > 0, "scale", scale, "a positive number")


@operator("_random_normal", **_names("normal", "normal"))
def random_normal(
    *, loc: float = 0.0, scale: float = 1.0, shape: Shape = (), ctx: str = "", dtype: DType | None = None,
    device: torch.device, generator: Generator | None,
) -> Tensor:  # fmt: skip
    """Normally distributed numbers of mean loc and standard deviation scale."""
    _check_normal("_random_normal", scale)
    return _normal(_empty(shape, dtype, device), generator, loc, scale)


@operator("_random_normal_like")
def random_normal_like(data: Tensor, *, loc: float = 0.0, scale: float = 1.0, generator: Generator | None) -> Tensor:
    """Normally distributed numbers of mean loc and standard deviation scale, in the shape and dtype of data."""
    _check_normal("_random_normal_like", scale)
    return _normal(_empty_like("_random_normal_like", data), generator, loc, scale)


def _check_gamma(name: str, alpha: float, beta: float) -> None:
    _require(name, alpha > 0, "alpha", alpha, "a positive number")
    _require(name, beta > 0, "beta", beta, "a positive number")


@operator("_random_gamma", **_names("gamma"))
def random_gamma(
    *, alpha: float = 1.0, beta: float = 1.0, shape: Shape = (), ctx: str = "", dtype: DType | None = None,
    device: torch.device, generator: Generator | None,
) -> Tensor:  # fmt: skip
    """Numbers with a gamma distribution of shape alpha and scale beta (their mean is alpha * beta)."""
    _check_gamma("_random_gamma", alpha, beta)
    return _gamma(_empty(shape, dtype, device), generator, alpha, beta)


@operator("_random_gamma_like")
def random_gamma_like(data: Tensor, *, alpha: float = 1.0, beta: float = 1.0, generator: Generator | None) -> Tensor:
    """Numbers with a gamma distribution of shape alpha and scale beta, in the shape and dtype of data."""
    _check_gamma("_random_gamma_like", alpha, beta)
    return _gamma(_empty_like("_random_gamma_like", data), generator, alpha, beta)


@operator("_random_exponential", **_names("exponential"))
def random_exponential(
    *, lam: float = 1.0, shape: Shape = (), ctx: str = "", dtype: DType | None = None, device: torch.device,
    generator: Generator | None,
) -> Tensor:  # fmt: skip
    """Exponentially distributed numbers of rate lam (their mean is 1 / lam)."""
    _require("_random_exponential", lam > 0, "lam", lam, "a positive number")
    return _exponential(_empty(shape, dtype, device), generator, lam)


@operator("_random_exponential_like")
def random_exponential_like(data: Tensor, *, lam: float = 1.0, generator: Generator | None) -> Tensor:
    """Exponentially distributed numbers of rate lam, in the shape and dtype of data."""
    _require("_random_exponential_like", lam > 0, "lam", lam, "a positive number")
    return _exponential(_empty_like("_random_exponential_like", data), generator, lam)


@operator("_random_poisson", **_names("poisson"))
def random_poisson(
    *, lam: float = 1.0, shape: Shape = (), ctx: str = "", dtype: DType | None = None, device: torch.device,
    generator: Generator | None,
) -> Tensor:  # fmt: skip
    """Poisson distributed numbers of mean lam."""
    _require("_random_poisson", lam >= 0, "lam", lam, "a number that isn't negative")
    return _poisson(_empty(shape, dtype, device), generator, lam)


@operator("_random_poisson_like")
def random_poisson_like(data: Tensor, *, lam: float = 1.0, generator: Generator | None) -> Tensor:
    """Poisson distributed numbers of mean lam, in the shape and dtype of data."""
    _require("_random_poisson_like", lam >= 0, "lam", lam, "a number that isn't negative")
    return _poisson(_empty_like("_random_poisson_like", data), generator, lam)


def _check_negative_binomial(name: str, k: int, p: float) -> None:
    _require(name, k >= 0, "k", k, "a number that isn't negative")
    _require(name, 0 < p <= 1, "p", p, "a probability above 0")


@operator("_random_negative_binomial", **_names("negative_binomial"))
def random_negative_binomial(
    *, k: int = 1, p: float = 1.0, shape: Shape = (), ctx: str = "", dtype: DType | None = None,
    device: torch.device, generator: Generator | None,
) -> Tensor:  # fmt: skip
    """Numbers of failures before the k-th success, in trials that succeed with probability p."""
    _check_negative_binomial("_random_negative_binomial", k, p)
    return _negative_binomial(_empty(shape, dtype, device), generator, k, p)


@operator("_random_negative_binomial_like")
def random_negative_binomial_like(data: Tensor, *, k: int = 1, p: float = 1.0, generator: Generator | None) -> Tensor:
    """Numbers of failures before the k-th success, in the shape and dtype of data; p is the chance of a success."""
    _check_negative_binomial("_random_negative_binomial_like", k, p)
    return _negative_binomial(_empty_like("_random_negative_binomial_like", data), generator, k, p)


def _check_generalized(name: str, mu: float, alpha: float) -> None:
    _require(name, mu >= 0, "mu", mu, "a number that isn't negative")
    _require(name, alpha >= 0, "alpha", alpha, "a number that isn't negative")


@operator("_random_generalized_negative_binomial", **_names("generalized_negative_binomial"))
def random_generalized_negative_binomial(
    *, mu: float = 1.0, alpha: float = 1.0, shape: Shape = (), ctx: str = "", dtype: DType | None = None,
    device: torch.device, generator: Generator | None,
) -> Tensor:  # fmt: skip
    """Numbers with a negative binomial distribution of mean mu and variance mu + alpha * mu**2."""
    _check_generalized("_random_generalized_negative_binomial", mu, alpha)
    return _generalized_negative_binomial(_empty(shape, dtype, device), generator, mu, alpha)


@operator("_random_generalized_negative_binomial_like")
def random_generalized_negative_binomial_like(
    data: Tensor, *, mu: float = 1.0, alpha: float = 1.0, generator: Generator | None
) -> Tensor:
    """Negative binomial numbers of mean mu and variance mu + alpha * mu**2, in the shape and dtype of data."""
    name = "_random_generalized_negative_binomial_like"
    _check_generalized(name, mu, alpha)
    return _generalized_negative_binomial(_empty_like(name, data), generator, mu, alpha)


@operator("_random_randint", aliases=("random_randint",), out_dtype=lambda dtype, **_: dtype or "int32")
def random_randint(
    *, low: int, high: int, shape: Shape = (), ctx: str = "", dtype: DType | None = None, device: torch.device,
    generator: Generator | None,
) -> Tensor:  # fmt: skip
    """Integers uniformly distributed in [low, high), int32 unless dtype is int64."""
    _require("_random_randint", high > low, "high", high, f"a number above low, which is {low}")
    if dtype not in (None, "int32", "int64"):
        raise MXNetError(f"_random_randint: dtype is {dtype}; expected int32 or int64.")
    kind = TORCH_DTYPES[dtype or "int32"]
    return torch.randint(low, high, shape or (1,), dtype=kind, device=device, generator=generator)


# One distribution for each element of the parameters.


def _sample(name: str, sampler: Sampler, parameters: tuple[Tensor, ...], shape: tuple[int, ...], dtype: str | None,
            generator: Generator | None) -> Tensor:  # fmt: skip
    first = parameters[0]
    for other in parameters:
        if other.shape != first.shape or other.dtype != first.dtype:
            given = " and ".join(f"{DTYPE_NAMES[item.dtype]}{tuple(item.shape)}" for item in parameters)
            raise MXNetError(f"{name}: the parameters are {given}; expected one shape and dtype.")
    out = torch.empty((*first.shape, *shape), dtype=_floating(dtype), device=first.device)
    ones = (1,) * len(shape)
    arranged = [item.detach().reshape(*item.shape, *ones) for item in parameters]
    drawn = sampler(out, generator, *arranged)
    return drawn if sampler not in _POSSIBLE else drawn.masked_fill(~_POSSIBLE[sampler](*arranged), math.nan)


#: for parameters that are arrays: where they are those of a distribution; elsewhere samples are NaN
_POSSIBLE: dict[Sampler, Callable[..., Tensor]] = {
    _uniform: lambda low, high: low <= high,
    _normal: lambda mu, sigma: sigma >= 0,
    _exponential: lambda lam: lam >= 0,
    _gamma: lambda alpha, beta: (alpha > 0) & (beta > 0),
    _negative_binomial: lambda k, p: (k >= 0) & (p > 0) & (p <= 1),
    _generalized_negative_binomial: lambda mu, alpha: (mu >= 0) & (alpha >= 0),
}  # torch.poisson refuses negative rates itself


def _zero_for_each_parameter(op: Operator) -> None:
    """The gradient of all parameters is zero."""

    @op.gradient
    def _(head_grad: Tensor, *, shape: tuple[int, ...], **_: Any) -> tuple[Tensor, ...]:
        return (head_grad.new_zeros(head_grad.shape[: head_grad.ndim - len(shape)]),) * len(op.inputs)


def _sampled(op: Operator) -> None:
    """Samples have gradient zero; parameters have one shape and dtype."""
    _zero_for_each_parameter(op)

    @op.infer_shape
    def _(inputs: list[Any], outputs: list[Any], *, shape: tuple[int, ...], **_: Any) -> Any:
        known = next((item for item in inputs if item is not None), None)
        return [known] * len(inputs), [None if known is None else (*known, *shape)]

    @op.infer_dtype
    def _(inputs: list[Any], outputs: list[Any], *, dtype: str | None, **_: Any) -> Any:
        known = next((item for item in inputs if item is not None), None)
        return [known] * len(inputs), [dtype or "float32"]


@operator("_sample_uniform", aliases=("sample_uniform",))
def sample_uniform(
    low: Tensor, high: Tensor, *, shape: Shape = (), dtype: DType | None = None, generator: Generator | None
) -> Tensor:
    """For each pair of low and high, an array of this shape of numbers uniformly distributed in [low, high)."""
    return _sample("_sample_uniform", _uniform, (low, high), shape, dtype, generator)


@operator("_sample_normal", aliases=("sample_normal",))
def sample_normal(
    mu: Tensor, sigma: Tensor, *, shape: Shape = (), dtype: DType | None = None, generator: Generator | None
) -> Tensor:
    """For each pair of mean and standard deviation, an array of this shape of normally distributed numbers."""
    return _sample("_sample_normal", _normal, (mu, sigma), shape, dtype, generator)


@operator("_sample_gamma", aliases=("sample_gamma",))
def sample_gamma(
    alpha: Tensor, beta: Tensor, *, shape: Shape = (), dtype: DType | None = None, generator: Generator | None
) -> Tensor:
    """For each pair of shape alpha and scale beta, an array of this shape of gamma distributed numbers."""
    return _sample("_sample_gamma", _gamma, (alpha, beta), shape, dtype, generator)


@operator("_sample_exponential", aliases=("sample_exponential",))
def sample_exponential(
    lam: Tensor, *, shape: Shape = (), dtype: DType | None = None, generator: Generator | None
) -> Tensor:
    """For each rate, an array of this shape of exponentially distributed numbers."""
    return _sample("_sample_exponential", _exponential, (lam,), shape, dtype, generator)


@operator("_sample_poisson", aliases=("sample_poisson",))
def sample_poisson(
    lam: Tensor, *, shape: Shape = (), dtype: DType | None = None, generator: Generator | None
) -> Tensor:
    """For each mean, an array of this shape of Poisson distributed numbers."""
    return _sample("_sample_poisson", _poisson, (lam,), shape, dtype, generator)


@operator("_sample_negative_binomial", aliases=("sample_negative_binomial",))
def sample_negative_binomial(
    k: Tensor, p: Tensor, *, shape: Shape = (), dtype: DType | None = None, generator: Generator | None
) -> Tensor:
    """For each pair of k and p, an array of this shape of numbers of failures before the k-th success."""
    return _sample("_sample_negative_binomial", _negative_binomial, (k, p), shape, dtype, generator)


@operator("_sample_generalized_negative_binomial", aliases=("sample_generalized_negative_binomial",))
def sample_generalized_negative_binomial(
    mu: Tensor, alpha: Tensor, *, shape: Shape = (), dtype: DType | None = None, generator: Generator | None
) -> Tensor:
    """For each pair of mu and alpha, negative binomial numbers of mean mu and variance mu + alpha * mu**2."""
    name = "_sample_generalized_negative_binomial"
    return _sample(name, _generalized_negative_binomial, (mu, alpha), shape, dtype, generator)


for _op in (sample_uniform, sample_normal, sample_gamma, sample_exponential, sample_poisson, sample_negative_binomial,
            sample_generalized_negative_binomial):  # fmt: skip
    _sampled(_op)

for _op in (random_uniform_like, random_normal_like, random_gamma_like, random_exponential_like, random_poisson_like,
            random_negative_binomial_like, random_generalized_negative_binomial_like):  # fmt: skip
    _op.gradient(lambda head_grad, **_: torch.zeros_like(head_grad))


@operator(
    "_sample_multinomial",
    aliases=("sample_multinomial",),
    num_outputs=lambda get_prob, **_: 2 if get_prob else 1,
)
def sample_multinomial(
    data: Tensor, *, shape: Shape = (), get_prob: bool = False, dtype: DType = DType("int32"),
    generator: Generator | None,
) -> Any:  # fmt: skip
    """Indices drawn with the probabilities along the last axis of data.

    data      (..., categories), weights that aren't negative and whose sum is positive
    shape     how many are drawn from each distribution
    get_prob  also return the logarithms of their probabilities, whose gradient reaches data
    returns   (..., *shape), or (1,) for one index of one distribution
    """
    if data.ndim < 1 or not data.is_floating_point():
        raise MXNetError(f"_sample_multinomial: data is {DTYPE_NAMES[data.dtype]}{tuple(data.shape)}; expected "
                         "floating probabilities along the last axis.")  # fmt: skip
    rows = data.reshape(-1, data.shape[-1])
    weights = rows.detach()
    weights = weights.float() if data.dtype in (torch.float16, torch.bfloat16) else weights
    drawn = torch.multinomial(weights, max(math.prod(shape), 1), replacement=True, generator=generator)
    result_shape = (*data.shape[:-1], *shape) or (1,)
    index = drawn.reshape(result_shape).to(TORCH_DTYPES[dtype])
    if not get_prob:
        return index
    return index, rows.gather(1, drawn).log().reshape(result_shape)


@sample_multinomial.infer_dtype
def _(inputs: list[Any], outputs: list[Any], *, get_prob: bool, dtype: str, **_: Any) -> Any:
    return inputs, [dtype, inputs[0]] if get_prob else [dtype]


@operator("_shuffle", aliases=("shuffle",))
def shuffle(data: Tensor, *, generator: Generator | None) -> Tensor:
    """data with its first axis in random order."""
    order = torch.rand(data.shape[0], device=data.device, dtype=torch.float64, generator=generator).argsort()
    return data.index_select(0, order)


@operator("_sample_unique_zipfian", num_outputs=2, out_dtype="int64")
def sample_unique_zipfian(
    *, range_max: int, shape: Shape = (), generator: Generator | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Different numbers in [0, range_max), where k has the probability log((k + 2) / (k + 1)) / log(range_max + 1).

    shape    (rows, samples); the samples of one row are all different
    returns  samples (int64), and for each row how many draws it takes to see so many different numbers
    """
    if len(shape) != 2 or shape[1] > range_max:
        raise MXNetError(f"_sample_unique_zipfian: shape={shape}, range_max={range_max}; expected (rows, samples) with "
                         "at most range_max samples.")  # fmt: skip
    classes = torch.arange(range_max, dtype=torch.float64, device=device)
    chance = ((classes + 2) / (classes + 1)).log() / math.log(range_max + 1)
    # The order in which different numbers first appear: the largest of log-probabilities with Gumbel noise.
    noise = torch.empty(shape[0], range_max, dtype=torch.float64, device=device).exponential_(1, generator=generator)
    samples = (chance.log() - noise.log()).topk(shape[1], -1).indices
    # Between two new numbers the draws repeat old ones: their count is geometric.
    seen = chance[samples].cumsum(-1)[:, :-1].clamp_max(1 - 1e-12)
    noise = torch.empty(seen.shape, dtype=torch.float64, device=device).exponential_(1, generator=generator)
    repeats = (noise / -seen.log()).floor().long().sum(-1)
    return samples, repeats + shape[1]
