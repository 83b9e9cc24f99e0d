"""What is drawn follows its distribution: Kolmogorov-Smirnov and chi-squared tests against SciPy, in every way to draw.

Seeds are fixed, so that each test gives the same verdict in every run; a p-value of 1e-3 is the limit.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

import mxnet as mx
from mxnet import autograd, nd
from mxnet.gluon import HybridBlock

N = 20_000
LIMIT = 1e-3
#: name -> parameters of mx.nd.random, SciPy's distribution
CONTINUOUS = {
    "uniform": ({"low": -1.0, "high": 3.0}, stats.uniform(-1, 4)),
    "normal": ({"loc": 1.0, "scale": 2.0}, stats.norm(1, 2)),
    "gamma": ({"alpha": 0.7, "beta": 3.0}, stats.gamma(0.7, scale=3)),
    "exponential": ({"scale": 2.0}, stats.expon(scale=2)),
}
DISCRETE = {
    "poisson": ({"lam": 3.5}, stats.poisson(3.5)),
    "negative_binomial": ({"k": 3.0, "p": 0.4}, stats.nbinom(3, 0.4)),
    "generalized_negative_binomial": ({"mu": 2.0, "alpha": 0.5}, stats.nbinom(2, 0.5)),
}
ALL = {**CONTINUOUS, **DISCRETE}


def whole(name):
    """The parameters as mx.nd.random takes them for a whole array: k is an integer."""
    return {key: int(value) if key == "k" else value for key, value in ALL[name][0].items()}


def imperative(name):
    return getattr(nd.random, name)(**whole(name), shape=(N,))


def symbolic(name):
    (found,) = getattr(mx.sym.random, name)(**whole(name), shape=(N,)).eval(ctx=mx.cpu())
    return found


def by_arrays(name):
    """The second of two distributions that stand in arrays of parameters."""
    arrays = [nd.array([value + 0.5 if key != "p" else value, value]) for key, value in ALL[name][0].items()]
    return getattr(nd.random, name)(*arrays, shape=(N,))[1]


def by_symbols(name):
    parameters = ALL[name][0]
    symbol = getattr(mx.sym.random, name)(*map(mx.sym.var, parameters), shape=(N,))
    given = {key: nd.array([value]) for key, value in parameters.items()}
    (found,) = symbol.eval(**given)
    return found[0]


def like(name):
    parameters = whole(name)
    if name == "exponential":
        parameters = {"lam": 1 / parameters["scale"]}
    return getattr(nd.random, f"{name}_like")(nd.zeros((N,)), **parameters)


WAYS = (imperative, symbolic, by_arrays, by_symbols, like)


def assert_counts(values, probabilities):
    """Chi-squared test of integers against the probabilities of 0, 1, ...; rare ones are put together."""
    expected = np.asarray(probabilities) * len(values)
    counts = np.bincount(values, minlength=len(expected)).astype(float)
    assert len(counts) == len(expected), f"there is a {values.max()}"
    order = np.argsort(expected)[::-1]
    expected, counts = expected[order], counts[order]
    kept = max(int((expected >= 10).sum()), 1)
    expected = np.append(expected[:kept], expected[kept:].sum())
    counts = np.append(counts[:kept], counts[kept:].sum())
    if expected[-1] < 5:
        expected, counts = np.append(expected[:-2], expected[-2:].sum()), np.append(counts[:-2], counts[-2:].sum())
    assert stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > LIMIT


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name, way):
    mx.random.seed(101)
    values = way(name).asnumpy()
    assert values.dtype == np.float32 and values.shape == (N,)
    assert stats.kstest(values, CONTINUOUS[name][1].cdf).pvalue > LIMIT


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_distributions(name, way):
    mx.random.seed(102)
    values = way(name).asnumpy()
    assert (values == values.astype(int)).all() and values.min() >= 0
    top = int(values.max()) + 1
    probabilities = DISCRETE[name][1].pmf(np.arange(top))
    assert_counts(values.astype(int), np.append(probabilities[:-1], 1 - probabilities[:-1].sum()))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions_in_other_dtypes(name, dtype):
    mx.random.seed(103)
    values = getattr(nd.random, name)(**whole(name), shape=(N,), dtype=dtype).asnumpy()
    assert values.dtype == np.dtype(dtype)
    noise = np.random.RandomState(0).uniform(-0.5, 0.5, N)
    spread = np.abs(np.spacing(values)).astype(float) if dtype == "float16" else 0  # as if it had not been rounded
    assert stats.kstest(values.astype(float) + noise * spread, CONTINUOUS[name][1].cdf).pvalue > LIMIT


def test_a_test_notices_another_distribution():
    mx.random.seed(104)
    values = nd.random.normal(1, 2.1, shape=(N,)).asnumpy()
    assert stats.kstest(values, CONTINUOUS["normal"][1].cdf).pvalue < LIMIT
    with pytest.raises(AssertionError):
        assert_counts(nd.random.poisson(3.7, shape=(N,)).asnumpy().astype(int).clip(0, 12),
                      np.append(stats.poisson(3.5).pmf(np.arange(12)), stats.poisson(3.5).sf(11)))  # fmt: skip


def test_randint_and_multinomial():
    mx.random.seed(105)
    values = nd.random.randint(-3, 7, shape=(N,)).asnumpy()
    assert_counts(values + 3, np.full(10, 0.1))
    large = nd.random.randint(0, 2**40, shape=(N,), dtype="int64").asnumpy()
    assert stats.kstest(large / 2**40, "uniform").pvalue > LIMIT
    weights = nd.array([[1, 0, 3, 4], [4, 4, 1, 1]])  # they need not sum to one
    drawn, logarithms = nd.random.multinomial(weights, shape=N, get_prob=True)
    for row, indices in zip(weights.asnumpy(), drawn.asnumpy(), strict=True):
        assert_counts(indices, row / row.sum())
    np.testing.assert_allclose(logarithms[0].asnumpy(), np.log(weights[0].asnumpy()[drawn[0].asnumpy()]), rtol=1e-6)


def test_every_permutation_is_equally_likely():
    mx.random.seed(106)
    numbers = {order: place for place, order in enumerate(itertools.permutations(range(4)))}
    data = nd.arange(4)
    seen = [numbers[tuple(nd.random.shuffle(data).asnumpy().astype(int).tolist())] for _ in range(4800)]
    assert_counts(np.array(seen), np.full(24, 1 / 24))


@pytest.mark.parametrize("name", ALL)
def test_gradients_of_samples_are_zero(name):
    # Recorded from MXNet 1.9.1.
    arrays = [nd.array([value, value]) for value in ALL[name][0].values()]
    data = nd.ones((2, 2))
    for array in (*arrays, data):
        array.attach_grad()
        array.grad[:] = 7
    with autograd.record():
        drawn = getattr(nd.random, name)(*arrays, shape=(3,)) * 2
        shaped = getattr(nd.random, f"{name}_like")(data) * 2
    autograd.backward([drawn, shaped])
    assert all(array.grad.asnumpy().tolist() == array.zeros_like().asnumpy().tolist() for array in (*arrays, data))


def test_gradient_of_log_probabilities():
    # Recorded from MXNet 1.9.1: the number of draws over the probability.
    weights = nd.array([[0.0, 0.5], [0.25, 0.0]])
    weights.attach_grad()
    with autograd.record():
        _, logarithms = nd.random.multinomial(weights, shape=4, get_prob=True)
    logarithms.backward()
    assert weights.grad.asnumpy().tolist() == [[0, 8], [16, 0]]


def test_gradient_of_shuffled_rows_goes_where_they_came_from():
    data = nd.array([3, 1, 2])
    data.attach_grad()
    with autograd.record():
        shuffled = nd.random.shuffle(data)
        result = shuffled * nd.array([10, 20, 30])
    result.backward()
    places = [shuffled.asnumpy().tolist().index(value) for value in (3, 1, 2)]
    assert data.grad.asnumpy().tolist() == [10.0 * (place + 1) for place in places]


BAD = {
    "uniform": [([2.0], [1.0])], "normal": [([0.0], [-1.0])], "exponential": [([-1.0],)],
    "gamma": [([-1.0], [1.0]), ([1.0], [-1.0])], "negative_binomial": [([-2.0], [0.5])],
    "generalized_negative_binomial": [([-1.0], [0.5]), ([1.0], [-0.5])],
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_parameters_out_of_range_in_arrays_give_nan(name):
    good = list(ALL[name][0].values())
    for bad in BAD[name]:
        arrays = [nd.array([bad[i][0], good[i]]) for i in range(len(good))]
        try:
            drawn = getattr(nd, f"sample_{name}")(*arrays, shape=(5,)).asnumpy()
        except mx.MXNetError as error:  # what torch itself refuses
            assert "Poisson rate" in str(error)
        else:
            assert np.isnan(drawn[0]).all() and np.isfinite(drawn[1]).all()


class Noise(HybridBlock):
    def hybrid_forward(self, F, x):
        return F.random.normal_like(x) + F.Dropout(x) + F.sample_uniform(x, x + 1) + F.shuffle(x)


def test_equal_seeds_give_equal_numbers_in_every_way_to_run():
    data = nd.random.uniform(shape=(50,))
    symbol = mx.sym.random.normal(shape=(4,)) + mx.sym.random.uniform(shape=(4,))
    executor = symbol.simple_bind(mx.cpu())
    block, hybrid = Noise(), Noise()
    hybrid.hybridize()

    def noise(net):
        with autograd.train_mode():
            return net(data).asnumpy().tolist()

    hybrid(data)
    ways = [
        lambda: nd.random.normal(shape=(4,)).asnumpy().tolist(),
        lambda: executor.forward()[0].asnumpy().tolist(),
        lambda: noise(block),
        lambda: noise(hybrid),
        lambda: nd.random.multinomial(nd.array([0.3, 0.3, 0.4]), shape=9).asnumpy().tolist(),
        lambda: nd.random.shuffle(data).asnumpy().tolist(),
        lambda: [item.asnumpy().tolist() for item in nd.contrib.rand_zipfian(nd.array([1]), 5, 100)],
    ]
    for way in ways:
        mx.random.seed(5)
        first, second = way(), way()
        mx.random.seed(5)
        assert way() == first and way() == second and first != second
    mx.random.seed(6)
    eager = noise(block)
    mx.random.seed(6)
    assert noise(hybrid) == eager
    mx.random.seed(6)
    eager = (nd.random.normal(shape=(4,)) + nd.random.uniform(shape=(4,))).asnumpy().tolist()
    mx.random.seed(6)
    assert executor.forward()[0].asnumpy().tolist() == eager


def draw_on(ctx):
    return nd.random.uniform(shape=3, ctx=ctx).asnumpy().tolist()


def test_all_cpu_contexts_draw_from_one_generator():
    # As MXNet 1.9.1 does: which context is asked for makes no difference.
    mx.random.seed(7)
    first, second = draw_on(mx.cpu(0)), draw_on(mx.cpu(1))
    mx.random.seed(7, ctx=mx.cpu(1))
    assert [draw_on(mx.cpu(1)), draw_on(mx.cpu(0))] == [first, second]
    for ctx in ("cpu", "cpu(3)", mx.cpu_pinned(), "all"):
        mx.random.seed(7, ctx=ctx)
        assert draw_on(mx.cpu(0)) == first


@pytest.mark.parametrize("ctx", [None, "", "disk", 3])
def test_a_seed_for_what_is_no_device_is_an_error(ctx):
    with pytest.raises(ValueError, match="ctx is|disk"):
        mx.random.seed(1, ctx=ctx)


@pytest.mark.gpu
def test_each_gpu_has_a_generator_of_its_own():
    mx.random.seed(7)
    after = draw_on(mx.cpu()), draw_on(mx.gpu(0))
    mx.random.seed(7)
    assert (draw_on(mx.gpu(0)), draw_on(mx.cpu())) == after[::-1]  # whichever is drawn first
    mx.random.seed(8, ctx=mx.gpu(0))
    changed = draw_on(mx.gpu(0))
    mx.random.seed(7)
    draw_on(mx.cpu())
    following = draw_on(mx.cpu())
    mx.random.seed(7)
    draw_on(mx.cpu())
    mx.random.seed(8, ctx="gpu(0)")  # leaves the CPU alone
    assert draw_on(mx.gpu(0)) == changed != after[1] and draw_on(mx.cpu()) == following
