"""What the recorded cases of the neural-network operators can't show: randomness, symbols, inference, differences."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import mxnet as mx
from mxnet.base import MXNetError

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "oracle"))
import nn_symbols  # noqa: E402

with open(os.path.join(HERE, "oracle", "data", "nn_symbols.json")) as _file:
    RECORDED_SYMBOLS = json.load(_file)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).uniform(-2, 2, shape).astype("float32")


def array(*shape: int, seed: int = 0):
    return mx.nd.array(numbers(*shape, seed=seed))


def gradients(function, *inputs, train_mode: bool = True, head=None):
    """(output, gradients of the inputs) of a function of arrays."""
    for item in inputs:
        item.attach_grad()
    with mx.autograd.record(train_mode=train_mode):
        out = function(*inputs)
    first = out[0] if isinstance(out, list) else out
    first.backward(head)
    return out, [item.grad.asnumpy() for item in inputs]


@pytest.mark.parametrize("name", RECORDED_SYMBOLS)
def test_symbol_has_the_recorded_names_attributes_and_shapes(name):
    with mx.name.NameManager():
        symbol, shapes = nn_symbols.symbols(mx)[name]
        assert nn_symbols.describe(symbol, shapes) == RECORDED_SYMBOLS[name]


# Batch normalisation


def batch_norm_inputs(channels: int = 3):
    positive = mx.nd.array(np.linspace(0.5, 2, channels))
    return [array(4, channels, 5), array(channels, seed=1), array(channels, seed=2), array(channels, seed=3), positive]


@pytest.mark.parametrize("operator", ["BatchNorm", "BatchNorm_v1", "contrib.SyncBatchNorm"])
def test_batch_norm_updates_moving_statistics_with_biased_variance(operator):
    data, gamma, beta, mean, var = batch_norm_inputs()
    old_mean, old_var, x = mean.asnumpy(), var.asnumpy(), data.asnumpy()
    function = mx.nd.contrib.SyncBatchNorm if "." in operator else getattr(mx.nd, operator)
    extra = {"key": "k"} if "." in operator else {}
    beta.attach_grad()
    with mx.autograd.record():
        out = function(data, gamma, beta, mean, var, momentum=0.7, **extra)
    out.backward()
    assert_allclose(mean.asnumpy(), 0.7 * old_mean + 0.3 * x.mean((0, 2)), rtol=1e-5)
    assert_allclose(var.asnumpy(), 0.7 * old_var + 0.3 * x.var((0, 2)), rtol=1e-5)


@pytest.mark.parametrize("hybridize", [False, True])
def test_batch_norm_of_frozen_layers_leaves_moving_statistics_alone(hybridize):
    # Recorded: MXNet updates them in the backward pass, which doesn't reach layers before the first gradient.
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.BatchNorm(in_channels=3), mx.gluon.nn.Dense(2), mx.gluon.nn.BatchNorm(in_channels=2))
    net.initialize()
    net[:1].collect_params().setattr("grad_req", "null")
    if hybridize:
        net.hybridize()
    with mx.autograd.train_mode():
        net(array(4, 3))
    assert net[2].running_mean.data().asnumpy().tolist() == [0, 0]
    with mx.autograd.record():
        out = net(array(4, 3))
    out.backward()
    assert net[0].running_mean.data().asnumpy().tolist() == [0, 0, 0]
    assert (net[2].running_mean.data().asnumpy() != 0).all()


@pytest.mark.parametrize("options", [{"train_mode": False}, {"use_global_stats": True}])
def test_batch_norm_leaves_moving_statistics_alone_when_it_uses_them(options):
    data, gamma, beta, mean, var = batch_norm_inputs()
    before = mean.asnumpy(), var.asnumpy()
    train_mode = options.pop("train_mode", True)
    gradients(lambda *xs: mx.nd.BatchNorm(*xs, mean, var, **options), data, gamma, beta, train_mode=train_mode)
    assert_array_equal(mean.asnumpy(), before[0])
    assert_array_equal(var.asnumpy(), before[1])


def test_fixed_gamma_counts_as_one_has_gradient_zero_and_keeps_its_value():
    data, gamma, beta, mean, var = batch_norm_inputs()
    kept = gamma.asnumpy()
    head = array(4, 3, 5, seed=9)
    out, grads = gradients(lambda *xs: mx.nd.BatchNorm(*xs, mean.copy(), var.copy()), data, gamma, beta, head=head)
    one = mx.nd.ones(3)
    free, free_grads = gradients(
        lambda *xs: mx.nd.BatchNorm(*xs, mean.copy(), var.copy(), fix_gamma=False), data, one, beta, head=head
    )
    assert_array_equal(out.asnumpy(), free.asnumpy())
    assert_allclose(grads[0], free_grads[0], rtol=1e-6)
    assert_array_equal(grads[1], np.zeros(3))
    assert_array_equal(gamma.asnumpy(), kept)


def test_batch_norm_takes_float16_data_with_float32_parameters():
    data, gamma, beta, mean, var = batch_norm_inputs()
    with mx.autograd.record():
        half = mx.nd.BatchNorm(data.astype("float16"), gamma, beta, mean.copy(), var.copy(), fix_gamma=False)
        full = mx.nd.BatchNorm(data, gamma, beta, mean.copy(), var.copy(), fix_gamma=False)
    assert half.dtype == np.float16
    assert_allclose(half.asnumpy(), full.asnumpy(), atol=0.01)


def test_batch_norm_infers_float32_parameters_for_float16_data():
    symbol = mx.sym.BatchNorm(mx.sym.Variable("data"), name="bn", output_mean_var=True)
    arguments, outputs, states = symbol.infer_type(data="float16")
    assert arguments == [np.float16, np.float32, np.float32]
    assert outputs == [np.float16, np.float32, np.float32]
    assert states == [np.float32, np.float32]


def test_constant_channel_leaves_a_variance_that_is_not_negative():
    mean, var = mx.nd.zeros(2), mx.nd.zeros(2)
    with mx.autograd.record():
        mx.nd.BatchNorm(mx.nd.ones((8, 2)) * 0.1, mx.nd.ones(2), mx.nd.zeros(2), mean, var)
    assert (var.asnumpy() >= 0).all()


def test_sync_batch_norm_on_several_devices_is_refused():
    with pytest.raises(MXNetError, match="ndev=2"):
        mx.nd.contrib.SyncBatchNorm(*batch_norm_inputs(), key="k", ndev=2)


def test_sparseness_penalty_moves_the_average_and_adds_its_gradient():
    # Recorded from MXNet 1.9.1 through a symbol: it can't be called with its state otherwise.
    data, average = mx.nd.array([[0.2, 0.6], [0.4, 0.9]]), mx.nd.array([0.5, 0.5])
    _, (grad,) = gradients(
        lambda x: mx.nd.IdentityAttachKLSparseReg(x, average, penalty=0.5, sparseness_target=0.2, momentum=0.9), data
    )
    moved = 0.9 * 0.5 + 0.1 * np.array([0.3, 0.75])
    assert_allclose(average.asnumpy(), moved, rtol=1e-6)
    assert_allclose(grad, np.tile(1 + 0.5 * (0.8 / (1 - moved) - 0.2 / moved), (2, 1)), rtol=1e-5)


# Randomness


def test_dropout_keeps_the_expected_share_and_scales_it():
    with mx.autograd.train_mode():
        out = mx.nd.Dropout(mx.nd.ones((200, 200)), p=0.3).asnumpy()
    assert set(np.unique(out)) == {np.float32(0), np.float32(1 / np.float32(0.7))}
    assert abs((out == 0).mean() - 0.3) < 0.01  # five standard deviations are 0.0115


def test_dropout_gradient_has_the_mask_of_the_result():
    data = mx.nd.ones((50, 40))
    out, (grad,) = gradients(lambda x: mx.nd.Dropout(x, p=0.5), data)
    assert_array_equal(out.asnumpy(), grad)


def test_dropout_along_axes_drops_together():
    with mx.autograd.train_mode():
        out = mx.nd.Dropout(mx.nd.ones((30, 20, 10)), p=0.5, axes=(1, -1)).asnumpy()
    assert (out == out[:, :1, :1]).all()
    assert len(np.unique(out)) == 2


def test_dropout_always_needs_no_training_mode_and_otherwise_data_passes_as_a_copy():
    data = mx.nd.ones((100,))
    assert (mx.nd.Dropout(data, mode="always").asnumpy() == 0).any()
    passed = mx.nd.Dropout(data)
    passed[:] = 5
    assert (data.asnumpy() == 1).all()


@pytest.mark.parametrize(("p", "dtype"), [(-0.1, "float32"), (1.5, "float32"), (0.5, "int32")])
def test_dropout_refuses_what_is_no_probability_and_integers(p, dtype):
    with pytest.raises(MXNetError, match="Dropout"), mx.autograd.train_mode():
        mx.nd.Dropout(mx.nd.ones((2, 3), dtype=dtype), p=p)


def test_equal_seeds_drop_equal_elements():
    outs = []
    for seed in (7, 7, 8):
        mx.random.seed(seed)
        outs.append(mx.nd.Dropout(mx.nd.ones((64,)), mode="always").asnumpy())
    assert_array_equal(outs[0], outs[1])
    assert (outs[0] != outs[2]).any()


def test_rrelu_draws_slopes_in_training_and_takes_the_middle_otherwise():
    data = array(30, 20)
    options = {"act_type": "rrelu", "lower_bound": 0.1, "upper_bound": 0.5}
    (out, mask), (grad,) = gradients(lambda x: mx.nd.LeakyReLU(x, **options), data)
    x, out, mask = data.asnumpy(), out.asnumpy(), mask.asnumpy()
    assert_allclose(out, np.where(x > 0, x, x * mask), rtol=1e-6)
    assert_allclose(grad, np.where(x > 0, 1, mask), rtol=1e-6)
    slopes = mask[x < 0]
    assert 0.1 <= slopes.min() < 0.15 and 0.45 < slopes.max() < 0.5
    out, _ = mx.nd.LeakyReLU(data, **options)
    assert_allclose(out.asnumpy(), np.where(x > 0, x, x * 0.3), rtol=1e-6)


# Recurrent layers


def recurrent_inputs(mode: str, layers: int, directions: int, time: int = 6, batch: int = 3):
    from mxnet.ops.rnn import parameter_size

    size = parameter_size(mode, 4, 5, layers, directions)
    inputs = [array(time, batch, 4), array(size, seed=1) * 0.3, array(layers * directions, batch, 5, seed=2)]
    return [*inputs, array(layers * directions, batch, 5, seed=3)] if mode == "lstm" else inputs


@pytest.mark.parametrize("mode", ["rnn_relu", "rnn_tanh", "gru", "lstm"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
def test_rnn_with_lengths_gives_what_each_sequence_gives_alone(mode, layers, bidirectional):
    inputs = recurrent_inputs(mode, layers, 1 + bidirectional)
    options = {"state_size": 5, "num_layers": layers, "mode": mode, "bidirectional": bidirectional}
    options["state_outputs"] = True
    lengths = [2, 6, 3]
    outs = mx.nd.RNN(*inputs, sequence_length=mx.nd.array(lengths), use_sequence_length=True, **options)
    for sample, length in enumerate(lengths):
        data, parameters, *states = inputs
        alone = mx.nd.RNN(
            data[:length, sample : sample + 1], parameters, *[s[:, sample : sample + 1] for s in states], **options
        )
        assert_allclose(outs[0].asnumpy()[:length, sample], alone[0].asnumpy()[:, 0], rtol=1e-4, atol=1e-5)
        assert not outs[0].asnumpy()[length:, sample].any()
        for state, expected in zip(outs[1:], alone[1:], strict=True):
            assert_allclose(state.asnumpy()[:, sample], expected.asnumpy()[:, 0], rtol=1e-4, atol=1e-5)


def test_limits_of_the_lstm_cell_hold_and_wide_ones_change_nothing():
    inputs = recurrent_inputs("lstm", 2, 2)
    options = {"state_size": 5, "num_layers": 2, "mode": "lstm", "bidirectional": True, "state_outputs": True}
    free = mx.nd.RNN(*inputs, **options)
    wide = mx.nd.RNN(*inputs, lstm_state_clip_min=-50, lstm_state_clip_max=50, lstm_state_clip_nan=True, **options)
    for a, b in zip(free, wide, strict=True):
        assert_allclose(a.asnumpy(), b.asnumpy(), rtol=1e-4, atol=1e-5)
    tight = mx.nd.RNN(*inputs, lstm_state_clip_min=-0.1, lstm_state_clip_max=0.2, **options)
    cell = tight[2].asnumpy()
    assert cell.min() >= np.float32(-0.1) and cell.max() <= np.float32(0.2)
    assert np.abs(free[2].asnumpy()).max() > 0.2


def test_rnn_dropout_is_between_layers_only():
    inputs = recurrent_inputs("gru", 2, 1)
    options = {"state_size": 5, "num_layers": 2, "mode": "gru"}
    with mx.autograd.train_mode():
        one, two = (mx.nd.RNN(*inputs, p=0.5, **options).asnumpy() for _ in range(2))
    assert (one != two).any()
    assert one.all()  # nothing is dropped after the last layer
    assert_array_equal(mx.nd.RNN(*inputs, p=0.5, **options).asnumpy(), mx.nd.RNN(*inputs, **options).asnumpy())


def test_projected_lstm_trains():
    from mxnet.ops.rnn import parameter_size

    size = parameter_size("lstm", 4, 5, 1, 1, 2)
    inputs = [array(3, 2, 4), array(size, seed=1), array(1, 2, 2, seed=2), array(1, 2, 5, seed=3)]
    _, grads = gradients(
        lambda *xs: mx.nd.RNN(*xs, state_size=5, num_layers=1, mode="lstm", projection_size=2), *inputs
    )
    assert all(np.abs(grad).max() > 0 for grad in grads)


# Where the original refuses, crashes or errs; see docs/differences.md


def test_channel_last_convolutions_agree_with_channel_first():
    data, weight, bias = array(2, 4, 7, 6), array(6, 2, 3, 2, seed=1), array(6, seed=2)
    options = {"kernel": (3, 2), "num_filter": 6, "num_group": 2, "stride": (2, 1), "pad": (1, 1)}
    first = mx.nd.Convolution(data, weight, bias, **options)
    last = mx.nd.Convolution(
        data.transpose((0, 2, 3, 1)), weight.transpose((0, 2, 3, 1)), bias, layout="NHWC", **options
    )
    assert_allclose(last.asnumpy().transpose(0, 3, 1, 2), first.asnumpy(), rtol=1e-4, atol=1e-5)
    weight = array(4, 3, 3, 2, seed=3)
    first = mx.nd.Deconvolution(data, weight, kernel=(3, 2), num_filter=3, stride=(2, 2))
    last = mx.nd.Deconvolution(
        data.transpose((0, 2, 3, 1)), weight.transpose((0, 2, 3, 1)), kernel=(3, 2), num_filter=3, stride=(2, 2),
        layout="NHWC",
    )  # fmt: skip
    assert_allclose(last.asnumpy().transpose(0, 3, 1, 2), first.asnumpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("target", [(5, 4), (6, 4), (7, 5)])
def test_deconvolution_to_a_target_shape_is_a_window_of_the_full_one(target):
    data, weight = array(1, 2, 5, 4), array(2, 3, 3, 2, seed=1)
    full = mx.nd.Deconvolution(data, weight, kernel=(3, 2), num_filter=3).asnumpy()
    part = mx.nd.Deconvolution(data, weight, kernel=(3, 2), num_filter=3, target_shape=target).asnumpy()
    starts = [(size - wanted + 1) // 2 for size, wanted in zip(full.shape[2:], target, strict=True)]
    assert part.shape[2:] == target
    window = full[:, :, starts[0] : starts[0] + target[0], starts[1] : starts[1] + target[1]]
    assert_allclose(part, window, rtol=1e-4, atol=1e-5)


def test_deconvolution_is_the_gradient_of_convolution():
    data, weight, head = array(2, 3, 7, 6), array(4, 3, 3, 2, seed=1), array(2, 4, 4, 3, seed=2)
    options = {"kernel": (3, 2), "num_filter": 4, "stride": (2, 2), "pad": (1, 0), "no_bias": True}
    _, (grad,) = gradients(lambda x: mx.nd.Convolution(x, weight, **options), data, head=head)
    options |= {"num_filter": 3}
    assert_allclose(mx.nd.Deconvolution(head, weight, **options).asnumpy(), grad, rtol=1e-4, atol=1e-5)


def test_max_pooling_shows_nan():
    data = mx.nd.array([[[1, np.nan, 0, 2]]])
    assert_array_equal(mx.nd.Pooling(data, kernel=(2,), stride=(2,)).asnumpy(), [[[np.nan, 2]]])


def test_head_gradient_multiplies_that_of_softmax_output_on_demand():
    data, label = array(4, 3), mx.nd.array([0, 2, 1, 1])
    head = array(4, 3, seed=5)
    _, (plain,) = gradients(lambda x: mx.nd.SoftmaxOutput(x, label), data, head=head)
    _, (scaled,) = gradients(lambda x: mx.nd.SoftmaxOutput(x, label, out_grad=True), data, head=head)
    assert_allclose(scaled, plain * head.asnumpy(), rtol=1e-6)


def test_selu_gradient_is_the_slope():
    data = array(20)
    _, (grad,) = gradients(lambda x: mx.nd.LeakyReLU(x, act_type="selu"), data)
    step = 1e-3
    ends = [mx.nd.LeakyReLU(data + d, act_type="selu").asnumpy() for d in (step, -step)]
    assert_allclose(grad, (ends[0] - ends[1]) / (2 * step), atol=2e-3)


def test_cross_entropy_of_a_class_out_of_range_is_that_of_a_tiny_probability():
    data = array(1, 3)
    for label in (3, -1):
        loss = mx.nd.softmax_cross_entropy(data, mx.nd.array([label])).asscalar()
        assert_allclose(loss, -np.log(1e-8), rtol=1e-5)


def test_group_norm_of_one_group_is_layer_norm_over_everything_else():
    data = array(2, 4, 3)
    out = mx.nd.GroupNorm(data, mx.nd.array([2.0]), mx.nd.array([0.5]), num_groups=1).asnumpy()
    x = data.asnumpy().reshape(2, -1)
    expected = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) * 2 + 0.5
    assert_allclose(out, expected.reshape(out.shape), rtol=1e-4, atol=1e-5)


def test_ctc_loss_equals_the_sum_over_all_paths():
    time, letters = 4, 3
    data = array(time, 1, letters)
    logits = data.asnumpy()[:, 0]
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    total = 0.0
    for code in range(letters**time):
        path = [code // letters**t % letters for t in range(time)]
        merged = [c for i, c in enumerate(path) if c != 0 and (i == 0 or path[i - 1] != c)]
        if merged == [1, 2]:
            total += np.prod([probability[t, c] for t, c in enumerate(path)])
    loss = mx.nd.CTCLoss(data, mx.nd.array([[1, 2, 0]]))
    assert_allclose(loss.asnumpy(), [-np.log(total)], rtol=1e-5)


@pytest.mark.parametrize("operator", ["Convolution", "FullyConnected", "softmax", "Pooling", "LayerNorm", "Activation"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_works_on_a_cpu(operator, dtype):
    data = array(2, 3, 4, 4)
    more, options = {
        "Convolution": ([array(5, 3, 3, 3, seed=1)], {"kernel": (3, 3), "num_filter": 5, "no_bias": True}),
        "FullyConnected": ([array(5, 48, seed=1)], {"num_hidden": 5, "no_bias": True}),
        "Pooling": ([], {"kernel": (2, 2), "pool_type": "avg"}),
        "LayerNorm": ([array(4, seed=1), array(4, seed=2)], {}),
        "Activation": ([], {"act_type": "tanh"}),
        "softmax": ([], {}),
    }[operator]
    function = getattr(mx.nd, operator)
    half = function(*[item.astype(dtype) for item in (data, *more)], **options)
    assert half.dtype == (np.float16 if dtype == "float16" else "bfloat16")
    full = function(data, *more, **options).asnumpy()
    assert_allclose(half.astype("float32").asnumpy(), full, rtol=0.05, atol=0.15)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mx.nd.Convolution(array(2, 3, 5, 5), array(4, 2, 3, 3), kernel=(3, 3), num_filter=4, no_bias=True),
         ["weight", "(4, 2, 3, 3)", "(4, 3, 3, 3)", "(2, 3, 5, 5)"]),
        (lambda: mx.nd.Convolution(array(2, 3, 5, 5), array(4, 3, 3, 3), kernel=(3, 3), num_filter=4),
         ["bias", "no_bias"]),
        (lambda: mx.nd.FullyConnected(array(2, 3), array(4, 2), array(4), num_hidden=4),
         ["weight", "(4, 2)", "(4, 3)"]),
        (lambda: mx.nd.FullyConnected(array(2, 3), array(4, 3).astype("float64"), num_hidden=4, no_bias=True),
         ["FullyConnected", "float32", "float64"]),
        (lambda: mx.nd.Pooling(array(2, 3, 4), kernel=(5,)), ["Pooling", "5", "4"]),
        (lambda: mx.nd.SoftmaxOutput(array(4, 3), array(3)), ["label", "(3,)", "(4,)", "(4, 3)"]),
        (lambda: mx.nd.BatchNorm(array(2, 3), *[array(2)] * 4), ["gamma", "(2,)", "(3,)"]),
        (lambda: mx.nd.LeakyReLU(array(2, 3), act_type="prelu"), ["gamma"]),
        (lambda: mx.nd.RNN(array(2, 3, 4), array(5), array(1, 3, 2), state_size=2, num_layers=1, mode="gru"),
         ["parameters", "(5,)", "(48,)"]),
        (lambda: mx.nd.Embedding(array(3), array(5, 2), input_dim=4, output_dim=2), ["weight", "(5, 2)", "(4, 2)"]),
        (lambda: mx.nd.CTCLoss(array(6, 3, 5), array(3, 2), use_data_lengths=True), ["data_lengths", "missing"]),
    ],
)  # fmt: skip
def test_error_names_the_operator_the_argument_and_the_shapes(call, words):
    with pytest.raises(MXNetError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_gradients_agree_with_finite_differences_through_torch():
    # in float64, straight on the declared functions, whose gradients torch derives
    from mxnet.ops.registry import get_operator

    def check(name, inputs, **given):
        op = get_operator(name)
        attrs = op.parse_attributes(given)
        tensors = [torch.from_numpy(numbers(*shape, seed=i).astype("float64")).requires_grad_()
                   for i, shape in enumerate(inputs)]  # fmt: skip

        def first(*xs):
            result = op.call(xs, attrs)
            return result[0] if isinstance(result, tuple) else result

        assert torch.autograd.gradcheck(first, tensors, fast_mode=True)

    check("Convolution", [(1, 2, 4, 4), (3, 2, 2, 2), (3,)], kernel=(2, 2), num_filter=3)
    check("Deconvolution", [(1, 2, 3, 3), (2, 3, 2, 2)], kernel=(2, 2), num_filter=3,
          stride=(2, 2), target_shape=(5, 6))
    check("Pooling", [(1, 2, 5, 5)], kernel=(3, 2), pool_type="lp", p_value=2, pooling_convention="full", stride=(2, 2))
    check("Pooling", [(1, 2, 5, 5)], kernel=(3, 3), pool_type="avg", pad=(2, 2), count_include_pad=False)
    check("LayerNorm", [(2, 3, 4), (3,), (3,)], axis=1)
    check("GroupNorm", [(2, 4, 3), (2,), (2,)], num_groups=2)
    check("InstanceNorm", [(2, 3, 4), (3,), (3,)])
    check("L2Normalization", [(2, 3, 4)], mode="channel")
    check("LRN", [(1, 5, 2, 2)], nsize=3, alpha=0.5)
    check("smooth_l1", [(3, 4)], scalar=1.5)
    check("hard_sigmoid", [(3, 4)], alpha=0.7)
    check("_contrib_BilinearResize2D", [(1, 2, 3, 4)], height=5, width=3)
