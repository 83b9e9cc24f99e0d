"""Training steps in Gluon and in Module: forward, backward, SGD with momentum, on one batch again and again."""

from __future__ import annotations

import math

import mxnet as mx
from mxnet import autograd, gluon

from .mxnet_networks import NETWORKS

SGD = {"learning_rate": 0.001, "momentum": 0.9}


def batch_of(shape, labels, classes):
    """The same batch for everybody, but for the values: data of shape, or word numbers where labels have that shape."""
    mx.random.seed(1)
    label = (mx.nd.arange(math.prod(labels)) % classes).reshape(labels)
    return label if shape == labels else mx.nd.random.normal(shape=shape), label


def num_parameters(params):
    """Elements of all learned parameters; moving averages aren't learned."""
    return sum(p.data().size for p in params.values() if p.grad_req != "null")


def gluon_steps(network, shape, labels, classes, parameters, options):
    """run(n) of a Gluon network with a Trainer; options are those of hybridize, or None for imperative."""
    shape, labels = tuple(shape), tuple(labels)
    data, label = batch_of(shape, labels, classes)
    net, loss_of = NETWORKS[network](), gluon.loss.SoftmaxCrossEntropyLoss()
    net.initialize(mx.init.Xavier())
    if options is not None:
        net.hybridize(**options)
        loss_of.hybridize(**options)
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


def module_steps(network, shape, labels, classes, parameters):
    """run(n) of the same network as a symbol, in a Module."""
    shape, labels = tuple(shape), tuple(labels)
    data, label = batch_of(shape, labels, classes)
    scores = NETWORKS[network]()(mx.sym.Variable("data"))
    symbol = mx.sym.SoftmaxOutput(scores, preserve_shape=len(labels) > 1, name="softmax")
    module = mx.mod.Module(symbol)
    module.bind([("data", shape)], [("softmax_label", labels)])
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
