"""Parameters and trainers. Facts marked "recorded" were seen in MXNet 1.9.1."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn


def test_parameter_on_several_devices():
    # Recorded.
    p = gluon.Parameter("p", shape=(2, 3))
    with pytest.raises(RuntimeError, match="Parameter 'p' has not been initialized"):
        p.data()
    p.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
    assert p.list_ctx() == [mx.cpu(0), mx.cpu(1)] and len(p.list_data()) == 2
    assert p.data(mx.cpu(1)).context == mx.cpu(1) and p.data().context == mx.cpu(0)
    with pytest.raises(RuntimeError, match=r"was not initialized on context cpu\(2\). It was only initialized on"):
        p.data(mx.cpu(2))
    p.set_data(nd.ones((2, 3)))
    assert p.data(mx.cpu(1)).sum().asscalar() == 6
    with pytest.raises(AssertionError, match="incompatible with given shape"):
        p.set_data(nd.ones((3, 3)))
    p.reset_ctx(mx.cpu(1))
    assert p.list_ctx() == [mx.cpu(1)]


def test_parameter_without_gradient():
    p = gluon.Parameter("p", shape=(2,))
    p.initialize()
    assert p.grad().shape == (2,)
    p.grad_req = "null"
    with pytest.raises(RuntimeError, match="because grad_req='null'"):
        p.grad()


def test_parameter_variable_carries_its_attributes():
    # Recorded.
    assert gluon.Parameter("p", shape=(2, 3)).var().list_attr() == {
        "__storage_type__": "0", "__dtype__": "0", "__wd_mult__": "1.0", "wd_mult": "1.0", "__lr_mult__": "1.0",
        "lr_mult": "1.0", "__shape__": "(2, 3)",
    }  # fmt: skip


def test_bad_parameters_are_refused():
    with pytest.raises(AssertionError, match="grad_req must be one of"):
        gluon.Parameter("p", grad_req="foo")
    with pytest.raises(AssertionError, match="must be one of 'default', 'row_sparse', or 'csr'"):
        gluon.Parameter("p", shape=(2,), stype="sparse")
    with pytest.raises(ValueError, match="invalid shape"):
        gluon.Parameter("p", shape=(2, 0)).initialize()


def test_parameter_dict_gets_and_checks():
    # Recorded.
    params = gluon.ParameterDict("pre_")
    w = params.get("w", shape=(2, 3))
    assert w.name == "pre_w" and params.get("w", shape=(2, 3)) is w
    assert params.get("w", shape=(0, 3)).shape == (2, 3)
    with pytest.raises(AssertionError, match=r"attribute 'shape': desired '\(3, 3\)' vs stored '\(2, 3\)'"):
        params.get("w", shape=(3, 3))
    assert repr(params) == "pre_ (\n  Parameter pre_w (shape=(2, 3), dtype=<class 'numpy.float32'>)\n)"


def test_shared_parameters_are_one():
    first = nn.Dense(3, in_units=2)
    second = nn.Dense(3, in_units=2, params=first.params)
    assert second.weight is first.weight


def test_constant_keeps_its_value_and_has_no_gradient():
    class Adds(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.c = self.params.get_constant("c", [1.0, 2.0])

        def hybrid_forward(self, F, x, c):
            return x + c

    net = Adds()
    net.initialize()
    assert net.c.grad_req == "null"
    for _ in range(2):
        assert net(nd.zeros((2,))).asnumpy().tolist() == [1, 2]
        net.hybridize()
    with pytest.warns(UserWarning, match="does not support grad_req other than"):
        net.c.grad_req = "write"


@pytest.mark.parametrize("init", ["zeros", mx.init.Zero(), mx.init.Constant(0)])
def test_parameter_initializer_comes_before_the_default(init):
    p = gluon.Parameter("foo_weight", shape=(2, 2), init=init)
    p.initialize(default_init=mx.init.One())
    assert p.data().asnumpy().tolist() == [[0, 0], [0, 0]]


def test_default_initializer_ignores_the_name():
    # Recorded: a parameter called ..._bias without an initializer of its own gets the default one's weight rule.
    p = gluon.Parameter("foo_bias", shape=(2, 2))
    p.initialize(default_init=mx.init.One())
    assert p.data().asnumpy().tolist() == [[1, 1], [1, 1]]


def test_initializing_twice_warns():
    p = gluon.Parameter("p", shape=(1,))
    p.initialize(mx.init.One())
    with pytest.warns(UserWarning, match="already initialized"):
        p.initialize(mx.init.Zero())
    p.initialize(mx.init.Zero(), force_reinit=True)
    assert p.data().asscalar() == 0


def test_parameters_save_and_load_by_name(tmp_path):
    path = str(tmp_path / "p.params")
    net = nn.Dense(2, in_units=2, prefix="x_")
    net.initialize(mx.init.One())
    net.collect_params().save(path, strip_prefix="x_")
    other = nn.Dense(2, in_units=2, prefix="y_")
    other.collect_params().load(path, restore_prefix="y_")
    assert other.weight.data().asnumpy().tolist() == [[1, 1], [1, 1]]
    with pytest.raises(AssertionError, match="is missing in file"):
        nn.Dense(2, in_units=2, prefix="z_").collect_params().load(path)
    with pytest.raises(AssertionError, match="shape incompatible"):
        nn.Dense(2, in_units=3, prefix="y_").collect_params().load(path, restore_prefix="y_")


def sgd_net(ctx=None):
    net = nn.Dense(2, in_units=2)
    net.initialize(mx.init.One(), ctx=ctx)
    return net


def test_trainer_steps_and_divides_by_the_batch_size():
    net = sgd_net()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    with autograd.record():
        loss = net(nd.ones((2, 2))).sum()
    loss.backward()
    trainer.step(2)
    assert net.bias.data().asnumpy().tolist() == [-0.5, -0.5]  # 0 - 0.5 * 2 / 2


def test_stale_gradient_raises_unless_ignored():
    net = sgd_net()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    with pytest.raises(UserWarning, match="has not been updated by backward since last `step`"):
        trainer.step(1)
    trainer.step(1, ignore_stale_grad=True)
    assert net.weight.data().asnumpy().tolist() == [[1, 1], [1, 1]]


def test_trainer_on_several_devices_equals_one():
    weights = []
    for contexts in ([mx.cpu(0)], [mx.cpu(0), mx.cpu(1)]):
        for on_store in (None, False):
            net = sgd_net(contexts)
            trainer = gluon.Trainer(
                net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9}, update_on_kvstore=on_store
            )
            for step in range(3):
                data = nd.arange(8).reshape((4, 2)) + step
                with autograd.record():
                    losses = [(net(part) ** 2).sum() for part in gluon.utils.split_and_load(data, contexts)]
                for loss in losses:
                    loss.backward()
                trainer.step(4)
            weights.append(net.weight.data(contexts[-1]).asnumpy())
    for other in weights[1:]:
        np.testing.assert_allclose(other, weights[0], rtol=1e-6)


@pytest.mark.parametrize("on_store", [None, True, False])
def test_first_step_makes_parameters_alike_on_all_devices_those_without_gradient_too(on_store):
    # Recorded: the values of the first device are pulled to the others when the store is set up.
    contexts = [mx.cpu(0), mx.cpu(1)]
    parameters = [gluon.Parameter(f"p{i}", shape=(1,), grad_req=req) for i, req in enumerate(("write", "null"))]
    for parameter in parameters:
        parameter.initialize(ctx=contexts)
        for i, ctx in enumerate(contexts):
            parameter.data(ctx)[:] = i + 1
    trainer = gluon.Trainer(parameters, "sgd", {"learning_rate": 0.1}, update_on_kvstore=on_store)
    with mx.autograd.record():
        losses = [parameters[0].data(ctx) ** 2 for ctx in contexts]
    mx.autograd.backward(losses)
    trainer.step(1)
    values = [[array.asscalar() for array in parameter.list_data()] for parameter in parameters]
    np.testing.assert_allclose(values, [[0.4, 0.4], [1, 1]], rtol=1e-6)


def test_trainer_states_survive(tmp_path):
    path = str(tmp_path / "states")

    def train(net, trainer, steps):
        for _ in range(steps):
            with autograd.record():
                loss = (net(nd.ones((2, 2))) ** 2).sum()
            loss.backward()
            trainer.step(2)

    def make():
        net = sgd_net()
        return net, gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9})

    net, trainer = make()
    train(net, trainer, 2)
    trainer.save_states(path)
    again, other = make()
    again.weight.set_data(net.weight.data())
    again.bias.set_data(net.bias.data())
    other.load_states(path)
    train(net, trainer, 2)
    train(again, other, 2)
    np.testing.assert_array_equal(net.weight.data().asnumpy(), again.weight.data().asnumpy())


def test_trainer_refuses_what_is_not_a_parameter():
    with pytest.raises(ValueError, match="list of <class 'int'>"):
        gluon.Trainer([1], "sgd")
    with pytest.raises(mx.MXNetError, match="compression is not supported"):
        gluon.Trainer(sgd_net().collect_params(), "sgd", compression_params={"type": "2bit"})


def test_learning_rate_can_be_read_and_set():
    trainer = gluon.Trainer(sgd_net().collect_params(), "sgd", {"learning_rate": 0.1})
    assert trainer.learning_rate == 0.1
    trainer.set_learning_rate(0.5)
    assert trainer.learning_rate == 0.5


def test_gradients_add_up_with_grad_req_add():
    net = sgd_net()
    net.collect_params().setattr("grad_req", "add")
    for _ in range(2):
        with autograd.record():
            loss = net(nd.ones((1, 2))).sum()
        loss.backward()
    assert net.bias.grad().asnumpy().tolist() == [2, 2]
    net.collect_params().zero_grad()
    assert net.bias.grad().asnumpy().tolist() == [0, 0]


def test_no_warning_in_ordinary_training():
    net = sgd_net()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with autograd.record():
            loss = net(nd.ones((1, 2))).sum()
        loss.backward()
        trainer.step(1)
