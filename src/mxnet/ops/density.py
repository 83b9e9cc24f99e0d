"""Probabilities and densities of samples (random_pdf_*), differentiable by the samples and the parameters.

Parameters are arrays of one shape; the samples have their axes first and then any further ones, which hold several
samples for the same parameters. Samples are not checked to lie where the density is positive.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..base import MXNetError
from .dtypes import DTYPE_NAMES
from .registry import operator


def _fit(name: str, sample: Tensor, *parameters: Tensor) -> list[Tensor]:
    """The parameters, with axes appended so that they broadcast to the samples."""
    first = parameters[0]
    for item in parameters:
        if item.shape != sample.shape[: item.ndim] or item.shape != first.shape or item.dtype != sample.dtype:
            given = ", ".join(f"{DTYPE_NAMES[t.dtype]}{tuple(t.shape)}" for t in (sample, *parameters))
            raise MXNetError(
                f"{name}: sample and parameters are {given}; expected one dtype, parameters of one shape, and samples "
                "whose shape begins with it."
            )
    return [item.reshape(*item.shape, *(1,) * (sample.ndim - item.ndim)) for item in parameters]


def _finish(log_density: Tensor, is_log: bool) -> Tensor:
    return log_density if is_log else log_density.exp()


@operator("_random_pdf_uniform", aliases=("random_pdf_uniform",))
def pdf_uniform(sample: Tensor, low: Tensor, high: Tensor, *, is_log: bool = False) -> Tensor:
    """The density of uniform distributions on [low, high), or its logarithm; also for samples outside."""
    low, high = _fit("_random_pdf_uniform", sample, low, high)
    return _finish(-(high - low).log() + sample * 0, is_log)


@operator("_random_pdf_normal", aliases=("random_pdf_normal",))
def pdf_normal(sample: Tensor, mu: Tensor, sigma: Tensor, *, is_log: bool = False) -> Tensor:
    """The density of normal distributions of mean mu and standard deviation sigma, or its logarithm."""
    mu, sigma = _fit("_random_pdf_normal", sample, mu, sigma)
    return _finish(-0.5 * ((sample - mu) / sigma).square() - (sigma * math.sqrt(2 * math.pi)).log(), is_log)


@operator("_random_pdf_gamma", aliases=("random_pdf_gamma",))
def pdf_gamma(sample: Tensor, alpha: Tensor, beta: Tensor, *, is_log: bool = False) -> Tensor:
    """The density of gamma distributions of shape alpha and rate beta (one over the scale), or its logarithm."""
    alpha, beta = _fit("_random_pdf_gamma", sample, alpha, beta)
    return _finish(alpha * beta.log() + (alpha - 1) * sample.log() - beta * sample - torch.lgamma(alpha), is_log)


@operator("_random_pdf_exponential", aliases=("random_pdf_exponential",))
def pdf_exponential(sample: Tensor, lam: Tensor, *, is_log: bool = False) -> Tensor:
    """The density of exponential distributions of rate lam, or its logarithm."""
    (lam,) = _fit("_random_pdf_exponential", sample, lam)
    return _finish(lam.log() - lam * sample, is_log)


@operator("_random_pdf_poisson", aliases=("random_pdf_poisson",))
def pdf_poisson(sample: Tensor, lam: Tensor, *, is_log: bool = False) -> Tensor:
    """The probability of Poisson distributions of mean lam, or its logarithm."""
    (lam,) = _fit("_random_pdf_poisson", sample, lam)
    return _finish(sample.detach() * lam.log() - torch.lgamma(sample.detach() + 1) - lam, is_log)


@operator("_random_pdf_negative_binomial", aliases=("random_pdf_negative_binomial",))
def pdf_negative_binomial(sample: Tensor, k: Tensor, p: Tensor, *, is_log: bool = False) -> Tensor:
    """The probability of so many failures before the k-th success of probability p, or its logarithm."""
    k, p = _fit("_random_pdf_negative_binomial", sample, k, p)
    return _finish(_negative_binomial(sample.detach(), k, p.log(), (1 - p).log()), is_log)


@operator("_random_pdf_generalized_negative_binomial", aliases=("random_pdf_generalized_negative_binomial",))
def pdf_generalized_negative_binomial(sample: Tensor, mu: Tensor, alpha: Tensor, *, is_log: bool = False) -> Tensor:
    """The probability of negative binomial distributions of mean mu and variance mu + alpha * mu**2."""
    mu, alpha = _fit("_random_pdf_generalized_negative_binomial", sample, mu, alpha)
    failure = (alpha * mu / (1 + alpha * mu)).log()
    return _finish(_negative_binomial(sample.detach(), 1 / alpha, -(1 + alpha * mu).log(), failure), is_log)


def _negative_binomial(count: Tensor, k: Tensor, log_success: Tensor, log_failure: Tensor) -> Tensor:
    ways = torch.lgamma(count + k) - torch.lgamma(count + 1) - torch.lgamma(k)
    return ways + k * log_success + count * log_failure


@operator("_random_pdf_dirichlet", aliases=("random_pdf_dirichlet",))
def pdf_dirichlet(sample: Tensor, alpha: Tensor, *, is_log: bool = False) -> Tensor:
    """The density of Dirichlet distributions, or its logarithm.

    sample   (..., *samples, n), points whose elements add up to 1
    alpha    (..., n), concentrations
    returns  (..., *samples)
    """
    name, extra = "_random_pdf_dirichlet", sample.ndim - alpha.ndim
    if (
        alpha.ndim < 1
        or extra < 0
        or sample.shape[-1] != alpha.shape[-1]
        or sample.dtype != alpha.dtype
        or (sample.shape[: alpha.ndim - 1] != alpha.shape[:-1])
    ):
        given = ", ".join(f"{DTYPE_NAMES[t.dtype]}{tuple(t.shape)}" for t in (sample, alpha))
        raise MXNetError(
            f"{name}: sample and alpha are {given}; expected (..., *samples, n) and (..., n) of one dtype."
        )
    alpha = alpha.reshape(*alpha.shape[:-1], *(1,) * extra, alpha.shape[-1])
    constant = torch.lgamma(alpha.sum(-1)) - torch.lgamma(alpha).sum(-1)
    result = ((alpha - 1) * sample.log()).sum(-1) + constant
    return _finish(result if result.ndim else result.reshape(1), is_log)
