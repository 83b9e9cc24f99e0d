"""Random numbers: shapes, dtypes and errors as MXNet 1.9.1 has them, distributions by their moments, seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet import nd

COUNT = 100_000

#: call, the same with arrays as parameters, mean, variance (independent formulas)
DISTRIBUTIONS = {
    "uniform": ({"low": -1, "high": 3}, 1.0, 16 / 12),
    "normal": ({"loc": 2, "scale": 3}, 2.0, 9.0),
    "gamma": ({"alpha": 2, "beta": 3}, 6.0, 18.0),
    "exponential": ({"scale": 4}, 4.0, 16.0),
    "poisson": ({"lam": 3.5}, 3.5, 3.5),
    "negative_binomial": ({"k": 3, "p": 0.25}, 9.0, 36.0),
    "generalized_negative_binomial": ({"mu": 2, "alpha": 0.5}, 2.0, 4.0),
}


def close(sample, mean, variance):
    """Whether mean and variance of a sample are within five standard errors (the variance generously)."""
    values = sample.astype(np.float64)
    kurtosis = ((values - values.mean()) ** 4).mean() / values.var() ** 2
    error = math.sqrt(variance / values.size)
    assert abs(values.mean() - mean) < 5 * error
    assert abs(values.var() - variance) < 5 * variance * math.sqrt((kurtosis - 1) / values.size)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_numbers_have_the_mean_and_variance_of_their_distribution(name):
    parameters, mean, variance = DISTRIBUTIONS[name]
    mx.random.seed(42)
    function = getattr(mx.nd.random, name)
    assert getattr(mx.random, name) is function
    sample = function(**parameters, shape=(COUNT // 10, 10))
    assert sample.shape == (COUNT // 10, 10) and sample.dtype == np.float32
    close(sample.asnumpy(), mean, variance)
    arrays = {key: nd.array([value, value]) for key, value in parameters.items()}
    sample = function(**arrays, shape=COUNT)
    assert sample.shape == (2, COUNT)
    close(sample.asnumpy()[0], mean, variance)
    close(sample.asnumpy()[1], mean, variance)
    like = getattr(mx.nd.random, f"{name}_like")
    given = {"lam": 0.25} if name == "exponential" else parameters
    sample = like(nd.zeros((COUNT,), dtype="float64"), **given)
    assert sample.dtype == np.float64
    close(sample.asnumpy(), mean, variance)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_symbols_draw_from_the_same_distributions(name):
    parameters, mean, variance = DISTRIBUTIONS[name]
    mx.random.seed(43)
    function = getattr(mx.sym.random, name)
    symbol = function(**parameters, shape=(COUNT,))
    close(symbol.eval(ctx=mx.cpu())[0].asnumpy(), mean, variance)
    variables = {key: mx.sym.var(key) for key in parameters}
    values = {key: nd.array([value]) for key, value in parameters.items()}
    close(function(**variables, shape=(COUNT,)).eval(ctx=mx.cpu(), **values)[0].asnumpy(), mean, variance)
    with pytest.raises(ValueError, match="must be either Symbol or numbers"):
        function("a")


def test_shape_dtype_and_device_of_samples():
    random = nd.random
    assert random.uniform().shape == (1,)
    assert random.uniform(0, 1, 5).shape == (5,)
    assert random.uniform(0, 1, (2, 3), "float64").dtype == np.float64
    assert random.normal(shape=(2,), dtype="float16").dtype == np.float16
    assert random.uniform(nd.array([0, 1]), nd.array([2, 3])).shape == (2,)
    assert random.uniform(nd.array([0, 1]), nd.array([2, 3]), shape=(4, 5)).shape == (2, 4, 5)
    assert random.randn(2, 3).shape == (2, 3)
    assert random.randn(2, 3, loc=nd.array([1, 2]), scale=nd.array([1, 2])).shape == (2, 2, 3)
    assert random.uniform(shape=(2,), ctx=mx.cpu(1)).context == mx.cpu(1)
    assert random.randint(1, 5).dtype == np.int32
    assert random.randint(1, 5, (3,), dtype="int64").dtype == np.int64


def test_out_is_filled_and_gives_shape_and_dtype():
    out = nd.zeros((2, 3), dtype="float64")
    assert nd.random.uniform(1, 2, out=out) is out
    assert ((out.asnumpy() >= 1) & (out.asnumpy() < 2)).all()
    nd.random.normal(nd.array([100.0, 200.0]), nd.array([1.0, 1.0]), out=out)
    assert abs(out.asnumpy()[1] - 200).max() < 10
    with pytest.raises(mx.MXNetError, match=r"shape \(2, 3\)"):
        nd.random.uniform(shape=(2,), out=out)


def test_randint_covers_its_range():
    drawn = nd.random.randint(-2, 3, shape=(2000,)).asnumpy()
    assert sorted(set(drawn.tolist())) == [-2, -1, 0, 1, 2]


def test_multinomial_draws_by_probability_and_its_log_probabilities_have_a_gradient():
    mx.random.seed(1)
    probabilities = nd.array([[0.1, 0.2, 0.7], [1.0, 0.0, 0.0]])
    drawn = nd.random.multinomial(probabilities, shape=COUNT)
    assert drawn.shape == (2, COUNT) and drawn.dtype == np.int32
    counts = np.bincount(drawn.asnumpy()[0], minlength=3) / COUNT
    assert np.abs(counts - [0.1, 0.2, 0.7]).max() < 0.01 and not drawn.asnumpy()[1].any()
    assert nd.random.multinomial(probabilities[0]).shape == (1,)
    probabilities.attach_grad()
    with mx.autograd.record():
        index, log_probability = nd.random.multinomial(probabilities, get_prob=True)
    log_probability.backward()
    chosen = index.asnumpy()
    expected = np.zeros((2, 3), "float32")
    for row in range(2):
        expected[row, chosen[row]] = 1 / probabilities.asnumpy()[row, chosen[row]]
    np.testing.assert_allclose(probabilities.grad.asnumpy(), expected, rtol=1e-6)


def test_shuffle_permutes_the_first_axis():
    x = nd.arange(200).reshape((100, 2))
    shuffled = nd.random.shuffle(x).asnumpy()
    assert shuffled.tolist() != x.asnumpy().tolist()
    assert sorted(shuffled.tolist()) == x.asnumpy().tolist()


def test_equal_seeds_give_equal_numbers_on_all_or_one_device():
    def draw(ctx=None):
        return nd.random.uniform(shape=3, ctx=ctx).asnumpy().tolist()

    mx.random.seed(3)
    first, other = draw(), draw(mx.cpu(1))
    assert first != draw() and first != other
    mx.random.seed(3, ctx="all")
    assert draw() == first and draw(mx.cpu(1)) == other
    mx.random.seed(np.int64(4))
    mx.random.seed(3, ctx=mx.cpu(0))
    assert draw() == first
    mx.random.seed(-1)


def test_seeds_of_torch_and_numpy_are_apart():
    mx.random.seed(3)
    first = nd.random.uniform(shape=3).asnumpy().tolist()
    torch.manual_seed(0)
    before = torch.rand(2).tolist()
    torch.manual_seed(0)
    mx.random.seed(3)
    assert nd.random.uniform(shape=3).asnumpy().tolist() == first
    assert torch.rand(2).tolist() == before


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nd.random.uniform(nd.array([0]), 3), AssertionError, "must all have the same type"),
        (lambda: nd.random.uniform("a", 1), ValueError, "either NDArray or numbers"),
        (lambda: nd.random.uniform(0, 1, (2,), foo=1), mx.MXNetError, "foo"),
        (lambda: nd.random.uniform(0, 1, (2,), dtype="int32"), mx.MXNetError, "floating dtype"),
        (lambda: nd.random.uniform(1, 0, (2,)), mx.MXNetError, "not below low"),
        (lambda: nd.random.normal(0, -1, (2,)), mx.MXNetError, "scale is -1"),
        (lambda: nd.random.exponential(0, (2,)), mx.MXNetError, "scale is 0"),
        (lambda: nd.random.uniform(shape=(2,), ctx="cpu"), mx.MXNetError, "Invalid context string"),
        (lambda: nd.random.randint(1.5, 5), mx.MXNetError, "low is 1.5; expected an integer"),
        (lambda: nd.random.randint(1, 5, dtype="float32"), mx.MXNetError, "int32 or int64"),
        (lambda: nd.random.randn(), mx.MXNetError, "at least one axis"),
        (lambda: mx.random.seed("a"), ValueError, "seed_state must be int"),
        (lambda: mx.random.seed(1.5), ValueError, "seed_state must be int"),
        (lambda: mx.random.seed(1, ctx="disk"), ValueError, "'disk'"),
    ],
)
def test_bad_parameters_are_errors_that_name_them(call, error, message):
    with pytest.raises(error, match=message):
        call()
