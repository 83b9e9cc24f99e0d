"""Operators on quantized arrays where MXNet 1.9.1 on a CPU gives nothing to compare with, or something wrong; the rest
is in oracle/cases/quantization.py. And what mixed precision casts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mxnet as mx
from mxnet.base import MXNetError

quantized = mx.nd.contrib
LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}
STEPS = {"int8": 127.5, "uint8": 255.5}
WHOLE_STEPS = {"int8": 127, "uint8": 255}


def ends(*numbers: float) -> list:
    return [mx.nd.array([number]) for number in numbers]


def whole(seed: int, shape, dtype: str) -> np.ndarray:
    low, high = LIMITS[dtype]
    return np.random.RandomState(seed).randint(low, high + 1, shape).astype(dtype)


def array(data: np.ndarray):
    return mx.nd.array(data, dtype=data.dtype)


def real(data, low, high) -> np.ndarray:
    """The numbers that 8-bit or int32 integers stand for, by the definition in the package's docstring."""
    data, bound = data.asnumpy(), max(abs(low.asscalar()), abs(high.asscalar()))
    return data.astype("float64") * bound / {**STEPS, "int32": 2**31 - 1}[data.dtype.name]


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("units", [1, 3, 511, 512, 513, 1025, 3000])
def test_sums_of_products_are_exact_also_for_the_largest_numbers(dtype, units):
    # MXNet's kernels lose what passes 16 bits on CPUs without VNNI.
    largest = np.full((2, units), LIMITS[dtype][1 if dtype == "uint8" else 0], dtype)
    for data, weight in (
        (largest, np.full((3, units), -128, "int8")),
        (whole(1, (2, units), dtype), whole(2, (3, units), "int8")),
    ):
        out, low, high = quantized.quantized_fully_connected(
            array(data), array(weight), *ends(-1, 2, -0.5, 0.25), num_hidden=3, no_bias=True
        )
        expected = data.astype("int64") @ weight.T.astype("int64")
        assert out.asnumpy().dtype == np.int32
        assert out.asnumpy().tolist() == expected.tolist()
        bound = 2 * 0.5 * (2**31 - 1) / (WHOLE_STEPS[dtype] * 127)
        np.testing.assert_allclose([low.asscalar(), high.asscalar()], [-bound, bound], rtol=1e-6)


def convolve(data, weight, stride, pad, groups):
    """The definition, one output place at a time."""
    data = np.pad(data.astype("int64"), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    kernel, filters = weight.shape[2], weight.shape[0]
    rows = [(size - kernel) // stride + 1 for size in data.shape[2:]]
    out = np.zeros((len(data), filters, *rows), "int64")
    per_group, channels = filters // groups, data.shape[1] // groups
    for index in np.ndindex(filters, *rows):
        f, y, x = index
        first = f // per_group * channels
        window = data[:, first : first + channels, y * stride : y * stride + kernel, x * stride : x * stride + kernel]
        out[:, f, y, x] = (window * weight[f].astype("int64")).sum((1, 2, 3))
    return out


@pytest.mark.parametrize("dtype", ["int8", "uint8"])  # MXNet on a CPU: uint8 only, no groups
@pytest.mark.parametrize(
    ("channels", "filters", "kernel", "groups"),
    [(2, 3, 3, 1), (130, 2, 3, 1), (4, 6, 3, 2), (2, 2, 24, 1), (120, 2, 3, 2)],
)
def test_convolution_is_exact_also_for_the_largest_numbers(dtype, channels, filters, kernel, groups):
    shape, weights = (1, channels, kernel + 1, kernel + 2), (filters, channels // groups, kernel, kernel)
    largest = np.full(shape, LIMITS[dtype][1 if dtype == "uint8" else 0], dtype)
    for data, weight in (
        (largest, np.full(weights, -128, "int8")),
        (whole(1, shape, dtype), whole(2, weights, "int8")),
    ):
        out = quantized.quantized_conv(
            array(data), array(weight), *ends(-1, 2, -0.5, 0.25), kernel=(kernel, kernel), num_filter=filters,
            num_group=groups, pad=(1, 1), no_bias=True,
        )[0]  # fmt: skip
        assert (out.asnumpy() == convolve(data, weight, 1, 1, groups)).all()


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_quantized_convolution_with_bias_is_near_the_real_one(dtype):
    # MXNet adds the integers of the bias without bringing them to the scale of the products.
    random = np.random.RandomState(3)
    data = random.uniform(0 if dtype == "uint8" else -1, 2, (2, 3, 6, 6)).astype("float32")
    weight, bias = random.uniform(-1, 1, (4, 3, 3, 3)).astype("float32"), random.uniform(-1, 1, 4).astype("float32")
    triples = [quantized.quantize_v2(mx.nd.array(data), out_type=dtype),
               *(quantized.quantize_v2(mx.nd.array(item)) for item in (weight, bias))]  # fmt: skip
    out, low, high = quantized.quantized_conv(
        *(triple[0] for triple in triples), *(end for triple in triples for end in triple[1:]), kernel=(3, 3),
        num_filter=4,
    )  # fmt: skip
    expected = mx.nd.Convolution(
        *(mx.nd.array(item) for item in (data, weight, bias)), kernel=(3, 3), num_filter=4
    ).asnumpy()
    assert np.abs(real(out, low, high) - expected).max() < 0.02 * np.abs(expected).max()
    small = quantized.requantize(out, low, high)
    assert np.abs(real(*small) - expected).max() < 0.03 * np.abs(expected).max()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["int8", "uint8"]), st.sampled_from(["int8", "uint8"]), st.floats(0.125, 8, width=32),
    st.floats(0.125, 8, width=32), st.booleans(), st.integers(0, 99),
)  # fmt: skip
def test_element_wise_operators_stand_for_the_real_ones(first, second, bound, other, calibrated, seed):
    # MXNet on a CPU: products of int8 only, with symbols only; sums of different dtypes are wrong.
    arrays = [array(whole(seed, (4, 5), first)), array(whole(seed + 1, (4, 5), second))]
    lhs, rhs = real(arrays[0], *ends(-bound, bound)), real(arrays[1], *ends(-other, other))
    for op, expected in (("quantized_elemwise_add", lhs + rhs), ("quantized_elemwise_mul", lhs * rhs)):
        top = float(np.abs(expected).max()) + 1e-3
        attrs = {"min_calib_range": -top, "max_calib_range": top} if calibrated else {}
        out = getattr(quantized, op)(*arrays, *ends(-bound, bound, -other, other), **attrs)
        name = "int32"
        if calibrated:
            name = "uint8" if "add" in op and first == second == "uint8" else "int8"
        assert out[0].asnumpy().dtype == name
        # a step of the result; and MXNet counts the range of int32 products in 127, not 127.5 steps
        near = {"rtol": 1e-5, "atol": 1e-4 * top} if "add" in op else {"rtol": 0.0085, "atol": 1e-6}
        if calibrated:
            near = {"rtol": 0, "atol": 1.02 * top / STEPS[name]}
        np.testing.assert_allclose(real(*out), expected, **near)


def test_products_as_real_numbers_and_beyond_the_range():
    lhs, rhs = (mx.nd.array(data, dtype="int8") for data in ([0, 1, 100, 127, -128], [5, 7, 11, 127, -128]))
    given = [lhs, rhs, *ends(-1, 2, -3, 0.5)]
    # Recorded from a symbol in MXNet 1.9.1, whose mx.nd refuses this operator.
    out, low, high = quantized.quantized_elemwise_mul(*given)
    assert out.asnumpy().tolist() == [0, 7, 1100, 16129, 16384]
    assert [low.asscalar(), high.asscalar()] == [-798865.5, 798865.5]
    reals = quantized.quantized_elemwise_mul(*given, enable_float_output=True).asnumpy()
    recorded = [0.0, 0.0025836217682808638, 0.40599769353866577, 5.953033447265625, 6.0471510887146]
    np.testing.assert_allclose(reals, recorded, rtol=1e-6)
    # The last two overflow to 123 and -127 in MXNet.
    calibrated = quantized.quantized_elemwise_mul(*given, min_calib_range=-1.5, max_calib_range=2)
    assert calibrated[0].asnumpy().tolist() == [0, 0, 25, 127, 127]


def test_relu_leaves_uint8_as_it_is():
    # MXNet calls these bytes int8.
    data = mx.nd.array([0, 7, 200], dtype="uint8")
    assert quantized.quantized_act(data, *ends(-1, 2), act_type="relu")[0].asnumpy().tolist() == [0, 7, 200]


def test_quantized_data_passes_quantize_v2_unless_another_dtype_is_asked_for():
    data = mx.nd.array([0, 7, 200], dtype="uint8")
    out, low, high = quantized.quantize_v2(data, out_type="auto")
    assert out.asnumpy().dtype == np.uint8
    assert (out.asnumpy().tolist(), low.asscalar(), high.asscalar()) == ([0, 7, 200], 0, 255.5)
    with pytest.raises(MXNetError, match="auto"):  # MXNet calls these bytes int8
        quantized.quantize_v2(data, out_type="int8")


def test_asymmetric_quantization_takes_any_number_of_axes():
    # MXNet crashes with fewer than three.
    data = np.random.RandomState(0).uniform(-3, 1, (4, 7)).astype("float32")
    out, scale, shift = (item.asnumpy() for item in quantized.quantize_asym(mx.nd.array(data)))
    assert (out.min(), out.max()) == (0, 255)
    np.testing.assert_allclose((out - shift) / scale, data, atol=0.51 / scale[0])
    flat = quantized.quantize_asym(mx.nd.array(data.reshape(-1)))[0].asnumpy()
    assert (flat == out.reshape(-1)).all()


def test_the_smallest_integer_has_a_range_too():
    # |-2 ** 31| overflows in MXNet, which gives a range from 1 to -1.
    data = mx.nd.array(np.array([-(2**31), 2**31 - 1, 2**30]), dtype="int32")
    out, low, high = quantized.requantize(data, *ends(-1, 1))
    assert out.asnumpy().tolist() == [-127, 127, 64]
    assert (low.asscalar(), high.asscalar()) == (-1, 1)


def test_batch_norm_takes_gamma_as_one_where_it_is_fixed():
    # MXNet uses its values.
    data = array(whole(0, (2, 3, 4), "int8"))
    gamma, beta, mean, var = (mx.nd.array(item) for item in ([2, 3, 4], [0, 0.5, -0.5], [0, 0.1, 0.2], [1, 2, 0.5]))
    attrs = {"min_calib_range": -3, "max_calib_range": 3}
    fixed = quantized.quantized_batch_norm(data, gamma, beta, mean, var, *ends(-1, 1), fix_gamma=True, **attrs)
    ones = quantized.quantized_batch_norm(
        data, mx.nd.ones(3), beta, mean, var, *ends(-1, 1), fix_gamma=False, **attrs
    )
    assert (fixed[0].asnumpy() == ones[0].asnumpy()).all()
    last = quantized.quantized_batch_norm(  # MXNet knows axis 1 only
        data.transpose((0, 2, 1)), mx.nd.ones(3), beta, mean, var, *ends(-1, 1), fix_gamma=False, axis=2, **attrs
    )
    assert (last[0].asnumpy().transpose(0, 2, 1) == ones[0].asnumpy()).all()


@pytest.mark.parametrize("ways", [1, 2])
def test_stacked_recurrent_layers_are_near_the_real_ones(ways):
    # MXNet quantizes the weights of all layers by the steps of the first, which cuts off the larger ones.
    time, batch, width, hidden, layers = 5, 3, 6, 8, 3
    random = np.random.RandomState(1)
    size, inputs = 0, width
    for _ in range(layers):
        size, inputs = size + ways * 4 * hidden * (inputs + hidden + 2), ways * hidden
    data = mx.nd.array(random.uniform(-1, 1, (time, batch, width)))
    parameters = mx.nd.array(random.uniform(-0.5, 0.5, size))
    state, cell = (mx.nd.array(random.uniform(-1, 1, (layers * ways, batch, hidden))) for _ in range(2))
    attrs = {"state_size": hidden, "num_layers": layers, "mode": "lstm", "bidirectional": ways == 2,
             "state_outputs": True}  # fmt: skip
    whole_data, scale, shift = quantized.quantize_asym(data)
    found = quantized.quantized_rnn(whole_data, parameters, state, cell, scale, shift, **attrs)
    expected = mx.nd.RNN(data, parameters, state, cell, **attrs)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.abs(ours.asnumpy() - theirs.asnumpy()).max() < 0.05


@pytest.mark.parametrize(
    "attrs",
    [
        {"projection_size": 2}, {"lstm_state_clip_min": -1.0}, {"use_sequence_length": True},
        {"lstm_state_clip_nan": True},
    ],
)  # fmt: skip
def test_quantized_rnn_refuses_what_it_cannot_do(attrs):
    # MXNet ignores the clipping without a word.
    given = [mx.nd.zeros((2, 1, 3), dtype="uint8"), mx.nd.zeros(4 * 4 * (3 + 4 + 2)), *[mx.nd.zeros((1, 1, 4))] * 2]
    with pytest.raises(MXNetError, match="not supported"):
        quantized.quantized_rnn(*given, *ends(1, 1), state_size=4, num_layers=1, mode="lstm", **attrs)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: quantized.quantize(mx.nd.ones(2), mx.nd.ones(2), mx.nd.ones(1)), ["(2,)", "(1,)"]),
        (lambda: quantized.dequantize(mx.nd.ones(2), *ends(-1, 1)), ["float32", "int8 or uint8"]),
        (lambda: quantized.requantize(mx.nd.ones(2), *ends(-1, 1)), ["float32", "int32"]),
        (lambda: quantized.quantized_act(mx.nd.ones(2, dtype="int8"), *ends(-1, 1), act_type="tanh"), ["tanh", "relu"]),
        (
            lambda: quantized.quantized_fully_connected(
                mx.nd.ones((2, 3), dtype="int8"), mx.nd.ones((4, 5), dtype="int8"), *ends(-1, 1, -1, 1), num_hidden=4,
                no_bias=True,
            ),
            ["(4, 5)", "(4, 3)", "(2, 3)"],
        ),
        (
            lambda: quantized.quantized_fully_connected(
                mx.nd.ones((2, 3), dtype="int8"), mx.nd.ones((4, 3), dtype="int8"), mx.nd.ones(4, dtype="int8"),
                *ends(-1, 1, -1, 1), num_hidden=4,
            ),
            ["min and max of data, weight and bias"],
        ),
        (
            lambda: quantized.quantized_conv(
                mx.nd.ones((1, 4, 4, 2), dtype="int8"), mx.nd.ones((1, 2, 2, 2), dtype="int8"), *ends(-1, 1, -1, 1),
                num_filter=1, kernel=(2, 2), no_bias=True, layout="NHWC",
            ),
            ["NHWC", "NCHW"],
        ),
        (lambda: quantized.quantized_elemwise_add(*[mx.nd.ones(n, dtype="int8") for n in (2, 3)], *ends(0, 1, 0, 1)),
         ["(2,)", "(3,)"]),
        (lambda: quantized.calibrate_entropy(mx.nd.ones(9), mx.nd.ones(10)), ["(9,)", "255"]),
        (lambda: quantized.quantized_concat(*[mx.nd.ones((1, 1), dtype="int8")] * 2, *ends(0, 1), num_args=2),
         ["num_args=2", "4 inputs", "6 inputs"]),
    ],
)  # fmt: skip
def test_errors_name_what_was_given_and_expected(call, told):
    with pytest.raises(MXNetError) as error:
        call()
    for words in told:
        assert words in str(error.value)


def divergence_of_range(counts, reach, quantized_bins):
    """Kullback-Leibler divergence of the clipped from the quantized distribution, one bin after the other."""
    start, end = len(counts) // 2 - reach, min(len(counts) // 2 + reach + 1, len(counts))
    reference = counts[start:end].astype("float64")
    reference[0] += counts[:start].sum()
    reference[-1] += counts[end:].sum()
    inner = counts[start:end].astype("float64")
    inner[0] = 0
    merged, spread = len(inner) // quantized_bins, np.zeros(len(inner))
    for group in range(quantized_bins):
        part = slice(group * merged, (group + 1) * merged if group < quantized_bins - 1 else None)
        filled = np.count_nonzero(inner[part])
        spread[part] = inner[part].sum() / filled if filled else 0
    spread[reference == 0] = 0
    distributions = []
    for item in (reference, spread):
        empty = item == 0
        if empty.all() or (taken := 1e-4 * empty.sum() / (~empty).sum()) >= 1:
            return np.inf
        smooth = np.where(empty, 1e-4, item - taken)
        distributions.append(smooth / smooth.sum())
    return float((distributions[0] * np.log(distributions[0] / distributions[1])).sum())


@pytest.mark.parametrize("seed", range(12))
def test_calibration_finds_the_least_divergence_of_all_ranges(seed):
    random = np.random.RandomState(seed)
    bins, steps = random.randint(20, 120), random.randint(2, 20)
    sample = random.standard_t(2, 30 * seed + 20) if seed % 2 else random.normal(size=900) ** 3
    counts, edges = np.histogram(sample, bins=bins, range=(-abs(sample).max(), abs(sample).max()))
    edges = edges.astype("float32")
    every = {reach: divergence_of_range(counts, reach, steps) for reach in range(steps // 2, bins // 2 + 1)}
    threshold, least = quantized.calibrate_entropy(mx.nd.array(counts), mx.nd.array(edges), num_quantized_bins=steps)
    np.testing.assert_allclose(least.asscalar(), min(every.values()), rtol=1e-5, atol=1e-7)
    chosen = edges.tolist().index(threshold.asscalar()) - bins // 2 - 1
    near = min(abs(every.get(reach, np.inf) - min(every.values())) for reach in (chosen, chosen + 1))
    assert near < 1e-7


# Inference, recorded from MXNet 1.9.1 by hand: (attributes, known, arguments, outputs)
INFERRED = [
    ("quantize", {}, {"data": (2, 3)}, [(2, 3), (1,), (1,)], [(2, 3), (1,), (1,)]),
    ("quantize_v2", {"out_type": "auto"}, {"data": (2, 3)}, [(2, 3)], [(2, 3), (1,), (1,)]),
    ("quantize_asym", {}, {"data": (5, 2, 3)}, [(5, 2, 3)], [(5, 2, 3), (1,), (1,)]),
    ("dequantize", {}, {"data": (2, 3)}, [(2, 3), (1,), (1,)], [(2, 3)]),
    ("requantize", {}, {"data": (2, 3)}, [(2, 3), (1,), (1,)], [(2, 3), (1,), (1,)]),
    ("quantized_act", {"act_type": "relu"}, {"data": (2, 3)}, [(2, 3), (1,), (1,)], [(2, 3), (1,), (1,)]),
    ("quantized_flatten", {}, {"data": (5, 2, 3)}, [(5, 2, 3), (1,), (1,)], [(5, 6), (1,), (1,)]),
    ("quantized_pooling", {"kernel": (2, 2)}, {"data": (2, 3, 8, 8)}, [(2, 3, 8, 8), (1,), (1,)],
     [(2, 3, 7, 7), (1,), (1,)]),
    ("quantized_embedding", {"input_dim": 3, "output_dim": 4}, {"data": (2, 3)}, [(2, 3), (3, 4), (1,), (1,)],
     [(2, 3, 4), (1,), (1,)]),
    ("quantized_batch_norm", {}, {"data": (2, 3, 4, 4)}, [(2, 3, 4, 4), (3,), (3,), (1,), (1,)],
     [(2, 3, 4, 4), (1,), (1,)]),
    ("quantized_conv", {"kernel": (3, 3), "num_filter": 4}, {"data": (2, 3, 8, 8)},
     [(2, 3, 8, 8), (4, 3, 3, 3), (4,), *[(1,)] * 6], [(2, 4, 6, 6), (1,), (1,)]),
    ("quantized_fully_connected", {"num_hidden": 4}, {"data": (2, 3, 8, 8)},
     [(2, 3, 8, 8), (4, 192), (4,), *[(1,)] * 6], [(2, 4), (1,), (1,)]),
    ("quantized_fully_connected", {"num_hidden": 4, "no_bias": True, "flatten": False}, {"data": (2, 3, 8, 8)},
     [(2, 3, 8, 8), (4, 8), *[(1,)] * 4], [(2, 3, 8, 4), (1,), (1,)]),
    ("quantized_elemwise_add", {}, {"lhs": (2, 3), "rhs": (2, 3)}, [(2, 3), (2, 3), *[(1,)] * 4],
     [(2, 3), (1,), (1,)]),
    ("quantized_elemwise_mul", {"enable_float_output": True}, {"lhs": (2, 3), "rhs": (2, 3)},
     [(2, 3), (2, 3), *[(1,)] * 4], [(2, 3)]),
    ("quantized_rnn", {"state_size": 3, "num_layers": 1, "mode": "lstm", "state_outputs": True}, {"data": (5, 2, 3)},
     [(5, 2, 3), (96,), (1, 2, 3), (1, 2, 3), (1,), (1,)], [(5, 2, 3), (1, 2, 3), (1, 2, 3)]),
]  # fmt: skip


@pytest.mark.parametrize(("op", "attrs", "known", "arguments", "outputs"), INFERRED)
def test_shapes_follow_from_data(op, attrs, known, arguments, outputs):
    symbol = getattr(mx.sym.contrib, op)(name="q", **attrs)
    found = symbol.infer_shape(**{f"q_{name}": shape for name, shape in known.items()})
    assert found[:2] == (arguments, outputs)


@pytest.mark.parametrize(
    ("op", "attrs", "known", "dtype"),
    [
        ("quantize", {}, {}, "uint8"),
        ("dequantize", {}, {"data": "int8"}, "float32"),
        ("requantize", {}, {}, "int8"),
        ("requantize", {"out_type": "auto", "min_calib_range": 0, "max_calib_range": 1}, {}, "uint8"),
        ("quantized_act", {"act_type": "relu"}, {"data": "int8"}, "int8"),
        ("quantized_batch_norm", {}, {"data": "int8"}, "int8"),
        ("quantized_conv", {"kernel": (3, 3), "num_filter": 4}, {"data": "uint8"}, "int32"),
        ("quantized_fully_connected", {"num_hidden": 4}, {"data": "uint8"}, "int32"),
        ("quantized_pooling", {"kernel": (2, 2)}, {"data": "int8"}, "int8"),
        ("quantized_flatten", {}, {"data": "int8"}, "int8"),
        ("quantized_embedding", {"input_dim": 3, "output_dim": 4}, {"data": "float32"}, "int8"),
        ("quantized_elemwise_add", {}, {"lhs": "int8", "rhs": "int8"}, "int32"),
    ],
)
def test_dtypes_follow_from_data(op, attrs, known, dtype):
    symbol = getattr(mx.sym.contrib, op)(name="q", **attrs)
    arguments, outputs, _ = symbol.infer_type(**{f"q_{name}": given for name, given in known.items()})
    assert [np.dtype(output).name for output in outputs] == [dtype, "float32", "float32"][: len(outputs)]
    for name, argument in zip(symbol.list_arguments(), arguments, strict=True):
        if name.startswith(("q_min_", "q_max_", "q_gamma", "q_beta")):
            assert argument == np.float32, name
        elif name in ("q_weight", "q_bias"):
            assert argument == np.int8, name


def test_a_quantized_network_runs_as_a_symbol_and_from_its_file():
    data = mx.sym.Variable("data")
    triple = mx.sym.contrib.quantize_v2(data, min_calib_range=-1.0, max_calib_range=1.0, name="q")
    twice = [triple[index] for index in (0, 0, 1, 2, 1, 2)]
    joined = mx.sym.contrib.quantized_concat(*twice, num_args=2)
    dense = mx.sym.contrib.quantized_fully_connected(
        joined[0], min_data=joined[1], max_data=joined[2], num_hidden=3, no_bias=True, name="fc"
    )
    small = mx.sym.contrib.requantize(dense[0], dense[1], dense[2])
    symbol = mx.sym.contrib.dequantize(small[0], small[1], small[2])
    random = np.random.RandomState(0)
    weight = random.uniform(-1, 1, (3, 8)).astype("float32")
    q, low, high = quantized.quantize_v2(mx.nd.array(weight))
    feed = {"data": mx.nd.array(random.uniform(-1, 1, (2, 4))), "fc_weight": q, "fc_min_weight": low,
            "fc_max_weight": high}  # fmt: skip
    expected = np.tile(feed["data"].asnumpy(), 2) @ weight.T
    for net in (symbol, mx.sym.load_json(symbol.tojson())):
        out = net.bind(mx.cpu(), feed).forward()[0].asnumpy()
        assert np.abs(out - expected).max() < 0.05


def test_quantized_arrays_give_no_gradient():
    data, weight = mx.nd.array([[1.0, -2.0]]), mx.nd.array([[0.5, 0.25]])
    for item in (data, weight):
        item.attach_grad()
    with mx.autograd.record():
        q, low, high = quantized.quantize_v2(data)
        loss = (quantized.dequantize(q, low, high) * weight).sum()
    loss.backward()
    assert data.grad.asnumpy().tolist() == [[0, 0]]
    np.testing.assert_allclose(weight.grad.asnumpy(), [[1, -2]], rtol=0.01)


# Mixed precision: with its CPU kernels MXNet refuses most of this; compared with MXNET_MKLDNN_ENABLED=0.


@pytest.mark.parametrize("target", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("source", ["float16", "bfloat16", "float32", "float64", "int32"])
def test_amp_cast_casts_what_has_at_most_32_bits(source, target):
    data = mx.nd.array([1.1, -70000, 3], dtype="float32").astype(source)
    out = mx.nd.amp_cast(data, dtype=target)
    expected = data if source in ("float64", "int32") else data.astype(target)
    assert out.dtype == expected.dtype
    assert out.astype("float64").asnumpy().tolist() == expected.astype("float64").asnumpy().tolist()


@pytest.mark.parametrize(
    ("kinds", "wide", "narrow"),
    [
        (("float16", "float32"), ("float32",) * 2, ("float16",) * 2),
        (("float32", "float16", "float32"), ("float32",) * 3, ("float16",) * 3),
        (("bfloat16", "float32"), ("float32",) * 2, ("bfloat16",) * 2),
        (("float32", "float64"), ("float32", "float64"), ("float32", "float64")),
        (("float16", "float64"), ("float16", "float64"), ("float16", "float64")),
    ],
)
def test_amp_multicast_brings_arrays_of_at_most_32_bits_to_one_dtype(kinds, wide, narrow):
    for cast_narrow, expected in ((False, wide), (True, narrow)):
        arrays = [mx.nd.array([[1.5, -2.25]]).astype(kind) for kind in kinds]
        for item in arrays:
            item.attach_grad()
        with mx.autograd.record():
            outs = mx.nd.amp_multicast(*arrays, num_outputs=len(arrays), cast_narrow=cast_narrow)
        mx.autograd.backward(outs, [mx.nd.ones(out.shape, dtype=out.dtype) * 3 for out in outs])
        names = ["bfloat16" if out.dtype == "bfloat16" else np.dtype(out.dtype).name for out in outs]
        assert names == list(expected)
        for item, out in zip(arrays, outs, strict=True):
            assert out.astype("float32").asnumpy().tolist() == [[1.5, -2.25]]
            assert item.grad.dtype == item.dtype
            assert item.grad.astype("float32").asnumpy().tolist() == [[3, 3]]


@pytest.mark.parametrize("bad", [float("inf"), float("-inf"), float("nan")])
def test_all_finite_sees_infinities_of_bfloat16(bad):
    fine, other = (mx.nd.array([1, number]).astype("bfloat16") for number in (2, bad))
    assert mx.nd.all_finite(fine).asscalar() == 1
    assert mx.nd.all_finite(other).asscalar() == 0
    assert mx.nd.multi_all_finite(fine, other, num_arrays=2).asscalar() == 0
    assert mx.nd.multi_all_finite(fine, fine, num_arrays=2).asscalar() == 1


def test_all_finite_keeps_an_earlier_overflow_unless_it_starts_anew():
    for start, expected in ((0, 0), (1, 1)):
        out = mx.nd.full((1,), start)
        mx.nd.all_finite(mx.nd.array([1.0]), init_output=False, out=out)
        assert out.asscalar() == expected
