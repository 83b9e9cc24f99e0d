"""What needs a GPU; run with `pytest -m gpu` on a machine that has one."""

from __future__ import annotations

import numpy as np
import pytest

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn

pytestmark = pytest.mark.gpu


def small_net():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(8, 3, activation="relu"), nn.BatchNorm(), nn.MaxPool2D(), nn.Flatten(), nn.Dense(5))
    return net


def train(ctx, hybridize):
    mx.random.seed(0)
    net = small_net()
    net.initialize(ctx=ctx)
    rng = np.random.RandomState(0)
    data, label = nd.array(rng.rand(8, 3, 12, 12), ctx=ctx), nd.array(rng.randint(0, 5, 8), ctx=ctx)
    net(data)
    for parameter in net.collect_params().values():
        if parameter.name.endswith(("weight", "bias")):
            parameter.set_data(nd.array(rng.uniform(-0.3, 0.3, parameter.shape)))
    if hybridize:
        net.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01})
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    losses = []
    for _ in range(5):
        with autograd.record():
            loss = loss_of(net(data), label)
        loss.backward()
        trainer.step(8)
        losses.append(loss.mean().asscalar())
    return losses


def test_arrays_live_and_compute_on_the_gpu():
    x = nd.ones((2, 3), ctx=mx.gpu(0))
    assert x.context == mx.gpu(0) and (x + 1).context == mx.gpu(0)
    assert x.as_torch().is_cuda
    assert (x * 3).sum().asscalar() == 18
    assert x.as_in_context(mx.cpu()).context == mx.cpu()
    y = nd.zeros((2, 3))
    x.copyto(y)
    assert y.asnumpy().tolist() == [[1, 1, 1], [1, 1, 1]]


def test_current_context_decides_where_arrays_are_made():
    with mx.gpu(0):
        assert nd.zeros((1,)).context == nd.random.uniform(shape=(1,)).context == mx.gpu(0)


@pytest.mark.parametrize("hybridize", [False, True])
def test_training_on_the_gpu_follows_the_cpu(hybridize):
    np.testing.assert_allclose(train(mx.gpu(0), hybridize), train(mx.cpu(), hybridize), rtol=1e-3)


def test_module_trains_on_the_gpu():
    net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc"), name="softmax")
    batches = mx.io.NDArrayIter(np.random.RandomState(0).rand(32, 4), np.arange(32) % 3, 8)
    module = mx.mod.Module(net, context=mx.gpu(0))
    module.fit(batches, num_epoch=2, optimizer_params={"learning_rate": 0.1})
    assert module.predict(batches).shape == (32, 3)


def test_parameters_saved_from_the_gpu_load_on_the_cpu(tmp_path):
    path = str(tmp_path / "a.params")
    nd.save(path, {"x": nd.ones((2,), ctx=mx.gpu(0))})
    assert nd.load(path)["x"].context == mx.cpu() and nd.load(path)["x"].asnumpy().tolist() == [1, 1]


class Loops(gluon.HybridBlock):
    """A loop that makes arrays and draws numbers, a loop that looks at values, and a branch."""

    def hybrid_forward(self, F, x, s):
        def step(row, s):
            return row * s + F.ones((3,)), s + F.random.uniform(shape=(3,)) * 0

        rows, last = F.contrib.foreach(step, x, s)
        _, (_, grown) = F.contrib.while_loop(
            lambda i, t: F.broadcast_lesser(i, F.sum(t, keepdims=True) + 2),
            lambda i, t: ([], [i + 1, F.tanh(t) + t]), [F.zeros((1,)), last], max_iterations=4,
        )  # fmt: skip
        return rows, F.contrib.cond(F.sum(grown) > 0, lambda: grown * 2, lambda: grown * 3)


@pytest.mark.parametrize("flags", [{}, {"static_alloc": True}])
def test_loops_and_branches_follow_the_cpu(flags):
    found = []
    for ctx in (mx.cpu(), mx.gpu(0)):
        net = Loops()
        net.hybridize(**flags)
        x, s = nd.array([[1, 2, 3], [4, 5, 6]], ctx=ctx), nd.array([0.5, -0.25, 0.125], ctx=ctx)
        for array in (x, s):
            array.attach_grad()
        for _ in range(2):
            with autograd.record():
                rows, out = net(x, s)
            autograd.backward([rows, out])
        found.append([array.asnumpy() for array in (rows, out, x.grad, s.grad)])
        assert out.context == ctx
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_random_numbers_repeat_after_seeding():
    draws = []
    for _ in range(2):
        mx.random.seed(3)
        draws.append(nd.random.normal(shape=(4,), ctx=mx.gpu(0)).asnumpy())
    np.testing.assert_array_equal(*draws)


def test_memory_info_and_missing_devices():
    free, total = mx.context.gpu_memory_info(0)
    assert 0 < free <= total and mx.context.num_gpus() >= 1
    with pytest.raises(mx.MXNetError, match="CUDA device"):
        nd.zeros((1,), ctx=mx.gpu(99))


def test_a_replayed_network_follows_its_inputs_and_parameters():
    mx.random.seed(0)
    net = small_net()
    net.initialize(ctx=mx.gpu(0))
    inputs = [nd.array(np.random.RandomState(i).rand(8, 3, 12, 12), ctx=mx.gpu(0)) for i in range(3)]
    net(inputs[0])
    expected = [net(x).asnumpy() for x in inputs]
    net.hybridize(static_alloc=True, static_shape=True)
    for _ in range(2):
        for x, values in zip(inputs, expected, strict=True):
            np.testing.assert_allclose(net(x).asnumpy(), values, rtol=1e-5, atol=1e-6)
    bias = net[4].bias
    bias.set_data(bias.data() + 1)
    np.testing.assert_allclose(net(inputs[0]).asnumpy(), expected[0] + 1, rtol=1e-5, atol=1e-6)


def trained(flags, steps=4):
    """Losses, gradients, parameters and states of a network with Dropout, after each step."""
    net = small_net()
    net.add(nn.Dropout(0.5), nn.Dense(3))
    mx.random.seed(0)
    net.initialize(mx.init.Xavier(), ctx=mx.gpu(0))
    random = np.random.RandomState(0)
    batches = [nd.array(random.rand(8, 3, 12, 12), ctx=mx.gpu(0)) for _ in range(steps)]
    net(batches[0])
    net.hybridize(**flags)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9})
    mx.random.seed(5)
    found = []
    for x in batches:
        x.attach_grad()
        with autograd.record():
            out = net(x)
            loss = (out * nd.arange(3, ctx=mx.gpu(0))).sum()
        loss.backward()
        trainer.step(8)
        found += [out, x.grad.copy(), *(p.data().copy() for p in net.collect_params().values()), net(x)]
    return [array.asnumpy() for array in found], net


def test_a_recorded_training_step_gives_what_one_without_recording_gives():
    expected, _ = trained({"static_alloc": True})
    found, net = trained({"static_alloc": True, "static_shape": True})
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    info = net.cache_info()
    assert info["recorded"] == info["plans"] == 2 and info["not_recorded"] == []


def test_two_recorded_forward_passes_before_their_backward_passes():
    results = []
    for flags in ({"static_alloc": True}, {"static_alloc": True, "static_shape": True}):
        mx.random.seed(0)
        net = nn.HybridSequential()
        net.add(nn.Dense(16, activation="tanh", in_units=4), nn.Dense(2, in_units=16))
        net.initialize(mx.init.Xavier(), ctx=mx.gpu(0))
        net.hybridize(**flags)
        inputs = [nd.array(np.random.RandomState(i).rand(5, 4), ctx=mx.gpu(0)) for i in range(2)]
        for x in inputs:
            x.attach_grad()
        for _ in range(2):
            with autograd.record():
                first, second = map(net, inputs)
            second.backward()
            first.backward()
        results.append([array.asnumpy() for array in (first, second, *(x.grad for x in inputs))])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_what_looks_at_values_is_not_recorded_and_named():
    net = Loops()
    net.hybridize(static_alloc=True, static_shape=True)
    x, s = nd.array([[1, 2, 3], [4, 5, 6]], ctx=mx.gpu(0)), nd.array([0.5, -0.25, 0.125], ctx=mx.gpu(0))
    net(x, s)
    info = net.cache_info()
    assert info["recorded"] == 0 and "can't be written down" in info["not_recorded"][0]
