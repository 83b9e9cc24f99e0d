"""Random operators: distributions (seeded, so each outcome is fixed), shapes, dtypes, refusals; the generators."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet.base import MXNetError
from mxnet.ops import generators
from mxnet.ops.generators import generator_for, seed
from mxnet.ops.registry import get_operator

CPU = torch.device("cpu")
N = 40_000
#: name -> attributes, mean, variance
DISTRIBUTIONS = [
    ("uniform", {"low": 1, "high": 3}, 2, 1 / 3),
    ("normal", {"loc": 1, "scale": 2}, 1, 4),
    ("gamma", {"alpha": 2, "beta": 3}, 6, 18),
    ("gamma", {"alpha": 0.5, "beta": 1}, 0.5, 0.5),
    ("exponential", {"lam": 4}, 0.25, 1 / 16),
    ("poisson", {"lam": 3}, 3, 3),
    ("poisson", {"lam": 0}, 0, 0),
    ("negative_binomial", {"k": 3, "p": 0.4}, 4.5, 11.25),
    ("negative_binomial", {"k": 0, "p": 0.4}, 0, 0),
    ("negative_binomial", {"k": 2, "p": 1}, 0, 0),
    ("generalized_negative_binomial", {"mu": 2, "alpha": 0.5}, 2, 4),
    ("generalized_negative_binomial", {"mu": 2, "alpha": 0}, 2, 2),
]


def draw(name: str, *tensors: torch.Tensor, **attrs):
    op = get_operator(name)
    given = op.parse_attributes(attrs) | {"generator": generator_for(CPU)}
    if op.creates:
        given["device"] = CPU
    return op.call(list(tensors), given)


@pytest.fixture(autouse=True)
def fixed_seed():
    seed(20240229)


def assert_moments(sample: torch.Tensor, mean: float, variance: float) -> None:
    """Mean and variance within five standard errors (for the variance: of a distribution with kurtosis below 15)."""
    assert abs(sample.double().mean().item() - mean) <= 5 * math.sqrt(variance / N) + 1e-3 * abs(mean)
    assert abs(sample.double().var().item() - variance) <= 5 * variance * math.sqrt(15 / N)


@pytest.mark.parametrize(("name", "attrs", "mean", "variance"), DISTRIBUTIONS)
def test_distributions_have_their_mean_and_variance(name, attrs, mean, variance):
    whole = draw(f"_random_{name}", shape=(N // 4, 4), **attrs)
    assert whole.shape == (N // 4, 4) and whole.dtype is torch.float32
    assert_moments(whole, mean, variance)
    like = draw(f"_random_{name}_like", torch.zeros(N, dtype=torch.float64), **attrs)
    assert like.dtype is torch.float64
    assert_moments(like, mean, variance)
    parameters = [torch.tensor([1.0, float(value)]) for value in attrs.values()]
    each = draw(f"_sample_{name}", *parameters, shape=(N,))
    assert each.shape == (2, N) and each.dtype is torch.float32
    assert_moments(each[1], mean, variance)


@pytest.mark.parametrize("name", sorted({row[0] for row in DISTRIBUTIONS}))
def test_dtype_is_that_asked_for(name):
    for dtype in (torch.float16, torch.float32, torch.float64):
        text = str(dtype).removeprefix("torch.")
        assert draw(f"_random_{name}", shape=(3,), dtype=text).dtype is dtype
    assert draw(f"_random_{name}", shape=(3,), dtype="None").dtype is torch.float32
    with pytest.raises(MXNetError, match="int32"):
        draw(f"_random_{name}_like", torch.zeros(2, dtype=torch.int32))


@pytest.mark.parametrize(
    ("name", "attrs", "parameter"),
    [
        ("uniform", {"low": 2, "high": 1}, "high"),
        ("normal", {"scale": -1}, "scale"),
        ("gamma", {"alpha": 0}, "alpha"),
        ("gamma", {"alpha": 1, "beta": -1}, "beta"),
        ("exponential", {"lam": 0}, "lam"),
        ("poisson", {"lam": -1}, "lam"),
        ("negative_binomial", {"k": 1, "p": 1.5}, "p"),
        ("generalized_negative_binomial", {"mu": -1}, "mu"),
        ("randint", {"low": 5, "high": 5}, "high"),
    ],
)
def test_parameters_that_no_distribution_has_are_refused(name, attrs, parameter):
    with pytest.raises(MXNetError, match=f"_random_{name}: {parameter} is"):
        draw(f"_random_{name}", shape=(3,), **attrs)


def test_parameters_of_samples_must_agree():
    with pytest.raises(MXNetError, match=r"\(2,\).*\(3,\)"):
        draw("_sample_normal", torch.zeros(2), torch.ones(3))


def test_the_gradient_of_samples_is_zero():
    for shape in ((), (3,)):
        low, high = (torch.tensor([0.0, 1.0], requires_grad=True) for _ in range(2))
        draw("_sample_uniform", low, high + 2, shape=shape).sum().backward()
        assert low.grad.tolist() == high.grad.tolist() == [0, 0]


def test_randint_covers_its_range_evenly():
    sample = draw("_random_randint", low=-2, high=3, shape=(N,))
    assert sample.dtype is torch.int32
    counts = torch.bincount(sample + 2, minlength=5)
    assert len(counts) == 5 and (counts - N / 5).abs().max() < 5 * math.sqrt(N / 5)
    assert draw("_random_randint", low=2**40, high=2**40 + 1, dtype="int64").tolist() == [2**40]


def test_multinomial_draws_with_the_probabilities_and_tells_their_logarithm():
    weights = torch.tensor([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.2, 0.2, 0.6]], dtype=torch.float64)
    index, logarithm = draw("_sample_multinomial", weights, shape=(N,), get_prob=True)
    assert index.shape == logarithm.shape == (3, N) and index.dtype is torch.int32
    for row, counted in zip(weights, index, strict=True):
        counts = torch.bincount(counted, minlength=3)
        assert ((counts - N * row).abs() <= 5 * (N * row * (1 - row)).sqrt()).all()
    torch.testing.assert_close(logarithm, weights.gather(1, index.long()).log())


def test_multinomial_shapes_are_those_of_the_oracle():
    matrix, vector = torch.ones(2, 3), torch.ones(3)
    assert draw("_sample_multinomial", matrix).shape == (2,)
    assert draw("_sample_multinomial", matrix, shape=(2, 2)).shape == (2, 2, 2)
    assert draw("_sample_multinomial", vector).shape == (1,)
    assert draw("_sample_multinomial", vector, shape=5).shape == (5,)


def test_multinomial_gradient_counts_what_was_drawn():
    weights = torch.tensor([[0.25, 0.75]], requires_grad=True)
    index, logarithm = draw("_sample_multinomial", weights, shape=(100,), get_prob=True)
    logarithm.sum().backward()
    ones = int(index.sum())
    torch.testing.assert_close(weights.grad, torch.tensor([[(100 - ones) / 0.25, ones / 0.75]]))


def test_shuffle_permutes_rows_evenly():
    rows = torch.arange(6).reshape(3, 2)
    seen = {tuple(draw("_shuffle", rows)[:, 0].tolist()) for _ in range(200)}
    assert len(seen) == 6 and all(sorted(order) == [0, 2, 4] for order in seen)


def test_zipfian_samples_are_distinct_and_follow_their_law():
    samples, tries = draw("_sample_unique_zipfian", range_max=20, shape=(N // 4, 5))
    assert samples.shape == (N // 4, 5) and tries.shape == (N // 4,)
    assert all(len(set(row)) == 5 for row in samples[:500].tolist())
    law = np.log((np.arange(20) + 2) / (np.arange(20) + 1)) / math.log(21)
    first = np.bincount(samples[:, 0].numpy(), minlength=20) / (N // 4)
    assert np.abs(first - law).max() < 5 * math.sqrt(0.25 / (N // 4))
    # An independent count: draw until five different numbers were seen.
    random, counted = np.random.RandomState(0), []
    for _ in range(2000):
        found: set[int] = set()
        drawn = random.choice(20, 200, p=law)
        counted.append(next(i + 1 for i, value in enumerate(drawn) if found.add(value) or len(found) == 5))
    assert abs(tries.double().mean().item() - np.mean(counted)) < 0.15
    with pytest.raises(MXNetError, match="range_max"):
        draw("_sample_unique_zipfian", range_max=4, shape=(2, 5))


def test_equal_seeds_give_equal_numbers_and_torch_is_left_alone():
    before = torch.get_rng_state()
    seed(5)
    first = draw("_random_normal", shape=(4,))
    second = draw("_random_normal", shape=(4,))
    seed(5)
    assert torch.equal(draw("_random_normal", shape=(4,)), first) and not torch.equal(first, second)
    seed(6, CPU)
    assert not torch.equal(draw("_random_normal", shape=(4,)), first)
    assert torch.equal(torch.get_rng_state(), before)
    for value in (-1, 2**63, 0):
        seed(value)
    with pytest.raises(MXNetError, match="integer"):
        seed("x")


def test_the_first_seed_comes_from_the_environment(monkeypatch):
    def first(given: str | None) -> list[float]:
        """The first numbers of a process with this MXNET_SEED."""
        monkeypatch.setattr(generators, "_generators", {})
        monkeypatch.setattr(generators, "_base_seed", None)
        monkeypatch.delenv("MXNET_SEED", raising=False)
        if given is not None:
            monkeypatch.setenv("MXNET_SEED", given)
        return torch.rand(3, generator=generator_for(CPU)).tolist()

    assert first("7") == first("7") != first("8")
    assert first(None) != first(None)
    with pytest.raises(MXNetError, match="MXNET_SEED is 'seven'"):
        first("seven")


def test_arrays_are_drawn_on_their_context():
    array = mx.nd.random_uniform(low=2, high=3, shape=(2, 3))
    assert array.shape == (2, 3) and (array.asnumpy() >= 2).all() and (array.asnumpy() < 3).all()
