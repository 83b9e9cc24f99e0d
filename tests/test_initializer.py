"""Initializers: exact ones as recorded by tests/oracle/record_initializer.py, random ones by their distribution."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import numpy as np
import pytest

import mxnet as mx
from mxnet import initializer as init
from mxnet.initializer import InitDesc

RECORDS = json.loads((Path(__file__).parent / "oracle/data/initializer.json").read_text())


def fill(initializer, name="x_weight", shape=(300, 40), value=7.0, **desc):
    array = mx.nd.full(shape, value)
    initializer(InitDesc(name, **desc), array)
    return array.asnumpy()


@pytest.mark.filterwarnings("ignore:Calling initializer:DeprecationWarning")
@pytest.mark.parametrize("record", RECORDS["names"], ids=lambda r: f"{r['name']}-{'str' if r['plain'] else 'InitDesc'}")
def test_the_ending_of_a_name_decides_as_in_mxnet(record):
    array = mx.nd.full(tuple(record["shape"]), 7)
    name = record["name"] if record["plain"] else InitDesc(record["name"])
    if isinstance(record["values"], str):
        with pytest.raises(ValueError, match="Unknown initialization pattern"):
            init.Constant(3)(name, array)
    else:
        init.Constant(3)(name, array)
        np.testing.assert_allclose(array.asnumpy(), record["values"], rtol=1e-6)


@pytest.mark.parametrize("record", RECORDS["exact"], ids=lambda r: f"{r['initializer']}-{r['shape']}")
def test_values_are_those_of_mxnet(record):
    found = fill(init.create(record["initializer"]), shape=tuple(record["shape"]))
    np.testing.assert_allclose(found, record["values"], rtol=1e-6)


@pytest.mark.parametrize("text", list(RECORDS["dumps"]))
def test_dumps_is_that_of_mxnet_and_makes_an_equal_initializer(text):
    made = init.create(text)
    assert made.dumps() == RECORDS["dumps"][text]
    assert init.create(made.dumps()) == made
    assert made != init.Uniform(0.123)


def test_registered_names_are_those_of_mxnet():
    assert set(mx.registry.get_registry(init.Initializer)) >= set(RECORDS["registered"])


@pytest.mark.parametrize("record", RECORDS["fused"], ids=lambda r: f"{r['mode']}-{r['bidirectional']}")
def test_fused_rnn_fills_weights_biases_and_forget_gates_as_mxnet(record):
    expected = record["values"]
    made = init.FusedRNN(None, 3, 2, record["mode"], record["bidirectional"], forget_bias=7.0)
    attrs = {"__init__": made.dumps()}
    found = fill(init.Zero(), "rnn_parameters", (len(expected),), attrs=attrs, global_init=init.Constant(2))
    assert found.tolist() == expected
    # With an initializer of its own, which MXNet fails to read back.
    attrs = {"__init__": init.FusedRNN(init.Constant(2), 3, 2, record["mode"], record["bidirectional"], 7.0).dumps()}
    assert fill(init.Zero(), "rnn_parameters", (len(expected),), attrs=attrs).tolist() == expected


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: init.FusedRNN(None, 3, 2, "nope"), mx.MXNetError, "rnn_relu"),
        (lambda: init.FusedRNN(3, 3, 2, "lstm"), mx.MXNetError, "init is 3"),
        (
            lambda: init.FusedRNN(init.One(), 3, 2, "lstm")._init_weight("x", mx.nd.zeros(10)),
            mx.MXNetError,
            "10 number",
        ),
        (lambda: init.create("nope"), mx.MXNetError, "nope is not registered"),
        (lambda: fill(init.Xavier(), shape=(3,)), ValueError, "at least 2D"),
        (lambda: fill(init.Xavier(factor_type="x")), ValueError, "Incorrect factor type"),
        (lambda: fill(init.Xavier(rnd_type="x")), ValueError, "Unknown random type"),
        (lambda: fill(init.Orthogonal(rand_type="x")), ValueError, "rand_type is 'x'"),
        (lambda: fill(init.Bilinear()), mx.MXNetError, "shape"),
        (lambda: fill(init.Initializer()), NotImplementedError, "override"),
        (lambda: init.Load({})("q", mx.nd.zeros(2)), mx.MXNetError, "Cannot Initialize q"),
        (lambda: init.Load({"q": mx.nd.zeros(3)})("q", mx.nd.zeros(2)), mx.MXNetError, "Shape mismatch"),
        (lambda: init.Load([1]), mx.MXNetError, "list"),
        (lambda: init.Mixed(["x"], []), mx.MXNetError, "1 patterns and 0"),
        (lambda: init.Mixed(["bias"], [init.One()])("a_bias", mx.nd.zeros(2)), ValueError, "a_bias did not match"),
    ],
)
def test_bad_input_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.filterwarnings("ignore:Calling initializer:DeprecationWarning")
def test_a_name_must_be_a_string():
    with pytest.raises(TypeError, match="name must be string"):
        init.Zero()(3, mx.nd.zeros(2))


def test_a_plain_name_warns():
    with pytest.warns(DeprecationWarning, match="deprecated"):
        init.Zero()("a_weight", mx.nd.zeros(2))


def test_the_attribute_init_goes_first():
    for text in ("one", init.One().dumps()):
        assert (fill(init.Zero(), "a_bias", (2,), attrs={"__init__": text}) == 1).all()


def test_the_description_remembers_the_initializer_of_the_network():
    desc, zero = InitDesc("a_weight"), init.Zero()
    assert desc.attrs == {}
    zero(desc, mx.nd.ones(2))
    assert desc.global_init is zero


def test_uniform_and_normal_have_their_scale():
    mx.random.seed(1)
    uniform, normal = fill(init.Uniform(0.3)), fill(init.Normal(0.3))
    assert -0.3 <= uniform.min() < -0.29
    assert 0.29 < uniform.max() <= 0.3
    assert uniform.std() == pytest.approx(0.3 / math.sqrt(3), rel=0.02)
    assert normal.std() == pytest.approx(0.3, rel=0.02)
    assert abs(normal.mean()) < 0.01


@pytest.mark.parametrize("factor_type", ["avg", "in", "out"])
def test_xavier_scales_by_the_number_of_inputs_and_outputs(factor_type):
    mx.random.seed(2)
    shape, factor = (300, 40, 2, 3), {"in": 40 * 6, "out": 300 * 6, "avg": 170 * 6}[factor_type]
    scale = math.sqrt(2 / factor)
    uniform = fill(init.Xavier("uniform", factor_type, 2), shape=shape)
    assert uniform.max() == pytest.approx(scale, rel=0.01)
    assert uniform.min() == pytest.approx(-scale, rel=0.01)
    assert fill(init.Xavier("gaussian", factor_type, 2), shape=shape).std() == pytest.approx(scale, rel=0.02)
    expected = math.sqrt(2 / (1 + 0.1**2) / factor)
    assert fill(init.MSRAPrelu(factor_type, 0.1), shape=shape).std() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("rand_type", ["uniform", "normal"])
@pytest.mark.parametrize("shape", [(20, 40), (40, 3, 3), (5, 5)])
def test_orthogonal_is_orthogonal(shape, rand_type):
    matrix = fill(init.Orthogonal(2.0, rand_type), shape=shape).reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_random_initializers_follow_the_seed_and_keep_dtype():
    for name in ("uniform", "normal", "xavier", "orthogonal"):
        drawn = []
        for _ in range(2):
            mx.random.seed(5)
            drawn.append(fill(init.create(name), shape=(4, 5)))
        np.testing.assert_array_equal(*drawn)
        half = mx.nd.zeros((4, 5), dtype="float16")
        init.create(name)(InitDesc("x_weight"), half)
        assert half.dtype == np.float16
        assert half.asnumpy().any()


def test_constant_takes_arrays():
    value = mx.nd.array([[1, 2], [3, 4]])
    made = init.Constant(value)
    assert fill(made, shape=(2, 2)).tolist() == [[1, 2], [3, 4]]
    assert made.dumps() == '["constant", {"value": [[1.0, 2.0], [3.0, 4.0]]}]'
    assert init.create(made.dumps()) == made


def test_load_takes_saved_parameters_and_leaves_the_rest_to_the_default(tmp_path):
    path = str(tmp_path / "saved.params")
    mx.nd.save(path, {"arg:w_weight": mx.nd.array([1, 2]), "aux:m": mx.nd.array([3, 4])})
    load = init.Load(path, default_init=init.One())
    assert set(load.param) == {"w_weight", "m"}
    for name, expected in (("w_weight", [1, 2]), ("m", [3, 4]), (InitDesc("new_weight"), [1, 1])):
        array = mx.nd.zeros(2)
        load(name, array)
        assert array.asnumpy().tolist() == expected


def test_mixed_takes_the_first_pattern_that_matches():
    mixed = init.Mixed(["special", ".*"], [init.Constant(4), init.Constant(5)])
    for name, expected in (("special_weight", 4), ("a_special_weight", 5)):
        array = mx.nd.zeros(2)
        mixed(InitDesc(name), array)
        assert array.asnumpy().tolist() == [expected] * 2


def test_verbosity_logs_what_is_initialized(caplog):
    caplog.set_level(logging.INFO)
    verbose = init.Constant(3.0)
    assert verbose.set_verbosity(True) is verbose
    fill(verbose, "a_weight", (4,))
    verbose.set_verbosity(True, lambda array: "seen")
    fill(verbose, "a_gamma", (4,))
    fill(verbose, "a_bias", (4,), attrs={"__init__": "one"})
    assert caplog.messages == [
        "Initialized a_weight as weight: 3.0",
        "Initialized a_gamma as gamma: seen",
        "Initialized a_bias as one: seen",
    ]


def test_quantized_weights_are_random_integers():
    found = fill(init.Zero(), "a_weight_quantize", (1000,))
    assert (found == found.round()).all()
    assert (-127 <= found.min() < -100, 100 < found.max() < 127) == (True, True)


def test_own_initializers_can_be_registered():
    @init.alias("another_name")
    @init.register
    class OwnForTest(init.Initializer):
        def _init_weight(self, name, arr):
            arr[:] = 9

    assert (fill(init.create("another_name"), shape=(2,)) == 9).all()
    assert init.create("ownfortest").dumps() == '["ownfortest", {}]'
