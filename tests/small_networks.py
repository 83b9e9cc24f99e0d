"""Small networks for tests of memory plans, and one training step of them."""

from __future__ import annotations

import torch

import mxnet as mx
from mxnet import nd


def lenet():
    x = mx.sym.var("data")
    for number, filters in enumerate((8, 16)):
        x = mx.sym.Convolution(x, num_filter=filters, kernel=(5, 5), name=f"conv{number}")
        x = mx.sym.Pooling(mx.sym.Activation(x, act_type="tanh"), kernel=(2, 2), stride=(2, 2), pool_type="max")
    x = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=50, name="fc0"), act_type="relu")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=10, name="fc1"), name="softmax")


def residual():
    x = mx.sym.var("data")
    x = mx.sym.Convolution(x, num_filter=8, kernel=(3, 3), pad=(1, 1), no_bias=True, name="c0")
    for number in range(2):
        y = mx.sym.Activation(mx.sym.BatchNorm(x, fix_gamma=False, name=f"bn{number}"), act_type="relu")
        x = x + mx.sym.Convolution(y, num_filter=8, kernel=(3, 3), pad=(1, 1), no_bias=True, name=f"c{number + 1}")
    x = mx.sym.Pooling(x, global_pool=True, pool_type="avg", kernel=(1, 1))
    x = mx.sym.Dropout(mx.sym.Flatten(x), p=0.5)
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=10, name="fc"), name="softmax")


def chain():
    x = mx.sym.var("data")
    for number in range(12):
        x = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=16, name=f"fc{number}"), act_type="tanh")
    return mx.sym.SoftmaxOutput(x, name="softmax")


def branches():
    x = mx.sym.var("data")
    for _ in range(5):
        pooled = mx.sym.Pooling(x, kernel=(3, 3), pad=(1, 1), pool_type="max")  # filled slice by slice
        parts = [mx.sym.Convolution(part, num_filter=4, kernel=(1, 1)) for part in (x, pooled)]
        x = mx.sym.Concat(*(mx.sym.Activation(part, act_type="relu") for part in parts), pooled)
    x = mx.sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="max")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=10), name="softmax")


def normalized():
    x = mx.sym.var("data")
    for number in range(6):
        x = mx.sym.Convolution(x, num_filter=8, kernel=(3, 3), pad=(1, 1), no_bias=True, name=f"c{number}")
        x = mx.sym.Activation(mx.sym.BatchNorm(x, fix_gamma=False, name=f"bn{number}"), act_type="relu")
    x = mx.sym.Pooling(x, global_pool=True, pool_type="avg", kernel=(1, 1))
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=10, name="fc"), name="softmax")


NETWORKS = {
    "lenet": (lenet, (4, 1, 28, 28)),
    "residual": (residual, (2, 3, 16, 16)),
    "chain": (chain, (64, 16)),
    "branches": (branches, (2, 3, 9, 9)),
    "normalized": (normalized, (2, 3, 64, 64)),  # large enough for BatchNorm to work channel by channel
}


def values_for(network, shape):
    """Values of all arguments and states, by name."""
    arg_shapes, _, aux_shapes = network.infer_shape(data=shape)
    shapes = dict(zip(network.list_arguments(), arg_shapes, strict=True))
    shapes.update(zip(network.list_auxiliary_states(), aux_shapes, strict=True))
    generator = torch.Generator().manual_seed(0)
    return {n: torch.rand(s, generator=generator) for n, s in shapes.items()}


def run_step(network, shape, grad_req, is_recorded=False, **options):
    """Outputs, gradients and states after one step; is_recorded: by torch's autograd, without a plan."""
    executor = network.simple_bind(mx.cpu(), grad_req=grad_req, data=shape, **options)
    for n, value in values_for(network, shape).items():
        {**executor.arg_dict, **executor.aux_dict}[n][:] = nd.from_torch(value)
    for gradient in executor.grad_arrays:
        if gradient is not None:
            gradient[:] = 1  # what grad_req="add" adds to
    if is_recorded:
        executor.set_monitor_callback(lambda name, array: None)  # a monitor sees every node: nothing is planned
    mx.random.seed(5)
    executor.forward(is_train=True)
    executor.backward()
    gradients = {f"gradient of {n}": g.as_torch() for n, g in executor.grad_dict.items() if g is not None}
    states = {n: a.as_torch() for n, a in executor.aux_dict.items()}
    return {"output": executor.outputs[0].as_torch(), **gradients, **states}


def assert_equal_bits(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def parameters_of(network, req="write"):
    return {n: req for n in network.list_arguments() if n not in ("data", "softmax_label")}
