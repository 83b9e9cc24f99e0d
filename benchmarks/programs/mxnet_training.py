"""Training steps in Gluon and in Module: forward, backward, SGD with momentum, on one batch again and again."""

from __future__ import annotations

import mxnet as mx
from mxnet import autograd, gluon

from .mxnet_networks import NETWORKS

SGD = {"learning_rate": 0.001, "momentum": 0.9}


def batch_of(shape, classes):
    """The same batch for everybody, but for the values."""
    mx.random.seed(1)
    return mx.nd.random.normal(shape=shape), mx.nd.arange(shape[0]) % classes


def num_parameters(params):
    """Elements of all learned parameters; moving averages aren't learned."""
    return sum(p.data().size for p in params.values() if p.grad_req != "null")


def gluon_steps(network, shape, classes, parameters, hybridize):
    """run(n) of a Gluon network with a Trainer."""
    data, label = batch_of(shape, classes)
    net, loss_of = NETWORKS[network](), gluon.loss.SoftmaxCrossEntropyLoss()
    net.initialize(mx.init.Xavier())
    if hybridize:
        net.hybridize()
        loss_of.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", SGD)
    checked = False

    def run(n):
        nonlocal checked
        for _ in range(n):
            with autograd.record():
                loss = loss_of(net(data), label)
            loss.backward()
            trainer.step(shape[0])
        mx.nd.waitall()
        if not checked:
            assert num_parameters(net.collect_params()) == parameters
            checked = True

    return run


def module_steps(network, shape, classes, parameters):
    """run(n) of the same network as a symbol, in a Module."""
    data, label = batch_of(shape, classes)
    symbol = mx.sym.SoftmaxOutput(NETWORKS[network]()(mx.sym.Variable("data")), name="softmax")
    module = mx.mod.Module(symbol)
    module.bind([("data", shape)], [("softmax_label", (shape[0],))])
    module.init_params(mx.init.Xavier())
    assert sum(array.size for array in module.get_params()[0].values()) == parameters
    module.init_optimizer(optimizer="sgd", optimizer_params=SGD)
    batch = mx.io.DataBatch([data], [label])

    def run(n):
        for _ in range(n):
            module.forward_backward(batch)
            module.update()
        mx.nd.waitall()

    return run
