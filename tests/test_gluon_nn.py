"""Gluon layers and containers: results, gradients, names, shapes and representations as recorded from MXNet 1.9.1."""

from __future__ import annotations

import numpy as np
import pytest
from gluon_recorded import ARRAYS, assert_facts, assert_recorded, cases

import mxnet as mx
from mxnet import gluon
from mxnet.gluon import nn

LAYERS = pytest.mark.parametrize(("name", "build", "shapes"), cases.LAYERS, ids=[c[0] for c in cases.LAYERS])


@LAYERS
@pytest.mark.parametrize("hybridize", [False, True], ids=["imperative", "hybridized"])
def test_layer_gives_the_recorded_results_and_gradients(name, build, shapes, hybridize):
    with mx.name.NameManager():
        facts, found = cases.run_layer(mx, build, shapes, hybridize)
    assert_facts(f"layer/{name}", facts)
    if name == "selu":  # its gradient is wrong there for negative numbers
        found["grad0"] = ARRAYS["layer/selu/grad0"]
    assert_recorded(f"layer/{name}", found)


def test_selu_has_the_gradient_of_its_formula():
    x = mx.nd.array([-2.0, -0.5, 1.5])
    x.attach_grad()
    with mx.autograd.record():
        nn.SELU()(x).backward()
    alpha, scale = 1.6732632, 1.050701
    np.testing.assert_allclose(x.grad.asnumpy(), scale * np.array([alpha * np.exp(-2), alpha * np.exp(-0.5), 1]), 1e-5)


@LAYERS
def test_hybridized_layer_has_the_same_bits(name, build, shapes):
    imperative, hybrid = (cases.run_layer(mx, build, shapes, hybridize)[1] for hybridize in (False, True))
    for key, value in imperative.items():
        if key.startswith(("out", "predicted")):
            np.testing.assert_array_equal(hybrid.get(key, next(iter(hybrid.values()))), value, err_msg=key)


def test_channels_last_convolution_agrees_with_channels_first():
    x = mx.nd.array(cases.numbers(0, 2, 4, 6, 5))
    first, last = nn.Conv2D(3, 3, in_channels=4), nn.Conv2D(3, 3, in_channels=4, layout="NHWC")
    first.initialize()
    last.initialize()
    assert last.weight.shape == (3, 3, 3, 4)
    last.weight.set_data(first.weight.data().transpose((0, 2, 3, 1)))
    np.testing.assert_allclose(
        last(x.transpose((0, 2, 3, 1))).transpose((0, 3, 1, 2)).asnumpy(), first(x).asnumpy(), 1e-5, 1e-6
    )


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_deferred_channels_of_convolutions_follow_the_layout(layout):
    shape = (1, 4, 6, 5) if layout == "NCHW" else (1, 6, 5, 4)
    for layer in (nn.Conv2D(3, 2, layout=layout), nn.Conv2DTranspose(3, 2, layout=layout)):
        layer.initialize()
        out = layer(mx.nd.ones(shape))
        assert out.shape[layout.index("C")] == 3
        assert 4 in layer.weight.shape


def test_embedding_picks_rows_and_sums_their_gradients():
    layer = nn.Embedding(5, 2)
    layer.initialize()
    with mx.autograd.record():
        out = layer(mx.nd.array([[1, 1], [4, 0]]))
        out.sum().backward()
    np.testing.assert_array_equal(out.asnumpy(), layer.weight.data().asnumpy()[[[1, 1], [4, 0]]])
    assert layer.weight.grad().asnumpy()[:, 0].tolist() == [1, 2, 0, 0, 1]
    assert repr(layer) == "Embedding(5 -> 2, float32)"


def test_dropout_keeps_the_expected_fraction_and_scales_it():
    layer, x = nn.Dropout(0.25), mx.nd.ones((100, 100))
    np.testing.assert_array_equal(layer(x).asnumpy(), x.asnumpy())
    with mx.autograd.train_mode():
        out = layer(x).asnumpy()
        shared = nn.Dropout(0.5, axes=(0,))(x).asnumpy()
    assert set(np.unique(out)) == {0, np.float32(4 / 3)}
    assert 0.7 < (out > 0).mean() < 0.8
    assert (shared == shared[:1]).all()


def test_batch_norm_relu_is_batch_norm_then_relu():
    x = mx.nd.array(cases.numbers(0, 4, 3))
    both, plain = nn.BatchNormReLU(), nn.BatchNorm()
    both.initialize()
    plain.initialize()
    with mx.autograd.train_mode():
        np.testing.assert_allclose(both(x).asnumpy(), np.maximum(plain(x).asnumpy(), 0), 1e-6)


def test_sequential_slices_iterates_and_indexes():
    for kind in (nn.Sequential, nn.HybridSequential):
        net = kind()
        net.add(nn.Dense(2), nn.Dense(3), nn.Dense(4))
        assert len(net) == 3
        assert [layer._units for layer in net] == [2, 3, 4]
        assert net[-1]._units == 4
        assert type(net[1:]) is kind
        assert [layer._units for layer in net[1:]] == [3, 4]
        assert net[:2].prefix == net.prefix
        with pytest.raises(IndexError):
            net[3]


def test_sequential_of_hybrid_blocks_warns_when_hybridized():
    net = nn.Sequential()
    net.add(nn.Dense(2))
    with pytest.warns(UserWarning, match="Consider using HybridSequential"):
        net.hybridize()


def test_hybrid_sequential_takes_only_hybrid_blocks():
    with pytest.raises(ValueError, match="must also be HybridBlock"):
        nn.HybridSequential().add(nn.Sequential())


def test_empty_containers_return_their_input():
    x = mx.nd.ones((2, 2))
    assert nn.Sequential()(x) is x
    assert nn.HybridSequential()(x) is x
    assert repr(nn.Sequential()) == "Sequential(\n\n)"


def test_batch_norm_keeps_float32_parameters_when_cast_to_float16():
    norm, layer_norm = nn.BatchNorm(), nn.LayerNorm()
    norm.cast("float16")
    layer_norm.cast("float16")
    assert {str(np.dtype(p.dtype)) for p in norm.collect_params().values()} == {"float32"}
    assert {str(np.dtype(p.dtype)) for p in layer_norm.collect_params().values()} == {"float16"}


def test_lambda_takes_functions_of_arrays():
    x = mx.nd.array([1.0, -2.0])
    assert nn.Lambda(lambda a: a * 2)(x).asnumpy().tolist() == [2, -4]
    assert nn.HybridLambda(lambda F, a, b: F.maximum(a, b))(x, -x).asnumpy().tolist() == [1, 2]
    assert repr(nn.Lambda(lambda a: a)) == "Lambda(<lambda>)"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.LeakyReLU(-1), AssertionError, "alpha is -1"),
        (lambda: nn.Conv2D(3, (1, 2, 3)), AssertionError, "kernel_size must be a number or a list of 2 ints"),
        (lambda: nn.Conv2D(3, 3, strides=(1, 2, 3)), AssertionError, "strides"),
        (lambda: nn.Conv1D(3, 3, layout="NWC"), AssertionError, "Only supports 'NCW' layout"),
        (lambda: nn.MaxPool2D(layout="X"), AssertionError, "Only NCHW and NHWC"),
        (lambda: nn.MaxPool2D((2, 2, 2)), AssertionError, "pool_size"),
        (lambda: nn.Lambda(3), ValueError, "Unrecognized function"),
        (lambda: nn.Lambda("nosuch"), AssertionError, "nosuch"),
        (lambda: nn.HybridLambda("nosuch"), AssertionError, "nosuch"),
        (lambda: nn.ReflectionPad2D((1, 1)), AssertionError, "8 of them"),
        (lambda: nn.Dropout(1.5)(mx.nd.ones(2)), mx.MXNetError, "1.5"),
        (lambda: nn.Activation("foo")(mx.nd.ones(2)), mx.MXNetError, "foo"),
        (lambda: gluon.contrib.nn.PixelShuffle2D((1, 2, 3)), AssertionError, "wrong length 3"),
    ],
)
def test_bad_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_clip_global_norm_scales_all_arrays_together():
    arrays = [mx.nd.ones((2, 2)) * 3, mx.nd.ones(3) * 4]
    assert gluon.utils.clip_global_norm(arrays, 1.0) == pytest.approx(np.sqrt(84), rel=1e-6)
    assert np.sqrt(sum((a.asnumpy() ** 2).sum() for a in arrays)) == pytest.approx(1, rel=1e-5)
    before = [a.asnumpy() for a in arrays]
    assert gluon.utils.clip_global_norm(arrays, 5.0, check_isfinite=False).shape == (1,)
    assert all((a.asnumpy() == b).all() for a, b in zip(arrays, before, strict=True))
    with pytest.warns(UserWarning, match="nan or inf"):
        gluon.utils.clip_global_norm([mx.nd.array([np.nan])], 1.0)
    with pytest.raises(AssertionError):
        gluon.utils.clip_global_norm([], 1.0)


def test_split_data_makes_the_recorded_slices():
    x = mx.nd.arange(12).reshape((6, 2))
    assert [part.shape for part in gluon.utils.split_data(x, 4, even_split=False)] == [(2, 2), (2, 2), (1, 2), (1, 2)]
    gluon.utils.split_data(x, 2)[0][:] = 5  # slices share memory
    assert (x[:3].asnumpy() == 5).all()
    assert [p.shape for p in gluon.utils.split_data(x, 2, batch_axis=1)] == [(6, 1), (6, 1)]
    loaded = gluon.utils.split_and_load([[1, 2], [3, 4]], [mx.cpu(0), mx.cpu(1)])
    assert [part.context for part in loaded] == [mx.cpu(0), mx.cpu(1)]
    with pytest.raises(ValueError, match="cannot be evenly split into 4 slices"):
        gluon.utils.split_data(x, 4)


def test_hook_handle_detaches_once():
    calls, net = [], nn.Dense(2)
    net.initialize()
    with net.register_forward_hook(lambda block, inputs, out: calls.append(out.shape)):
        net(mx.nd.ones((3, 2)))
    net(mx.nd.ones((3, 2)))
    assert calls == [(3, 2)]
    handle, hooks = gluon.utils.HookHandle(), type(net._forward_hooks)()
    handle.attach(hooks, len)
    with pytest.raises(AssertionError, match="twice"):
        handle.attach(hooks, len)
    handle.detach()
    handle.detach()
    assert not hooks


def test_shape_is_known_depends_on_numpy_shapes():
    known = gluon.utils.shape_is_known
    assert [known(s) for s in ((1, 2), (0, 2), (), None)] == [True, False, False, False]
    with mx.util.np_shape(True):
        assert [known(s) for s in ((1, 2), (0, 2), (), (-1, 2))] == [True, True, True, False]
    with pytest.raises(AssertionError):
        known((-1, 2))
