"""The networks that benchmarks train: they run in every way there is, and torch's have as many parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mxnet as mx
from benchmarks import static_graph
from benchmarks.programs import mxnet_executor, mxnet_networks, mxnet_training, torch_networks, torch_training

JOBS = {  # shape, labels, classes, parameters
    "MLP": ((4, 784), (4,), 10, 535_818),
    "LSTM language model": ((3, 2), (3, 2), 10000, 6_182_672),
    "transformer encoder layer": ((2, 6, 512), (2, 6), 512, 3_152_384),
}


@pytest.mark.parametrize("network", JOBS)
def test_every_way_trains_the_same_network(network):
    # Each contestant compares the number of its parameters with the one given.
    job = (network, *JOBS[network])
    for options in (None, {}, static_graph.STATIC):
        mxnet_training.gluon_steps(*job, options)(1)
    mxnet_training.module_steps(*job)(1)
    torch_training.steps(*job)(1)


@pytest.mark.parametrize("steps", [torch_training.steps, mxnet_training.module_steps])
def test_another_number_of_parameters_is_no_contestant(steps):
    shape, labels, classes, parameters = JOBS["MLP"]
    with pytest.raises(AssertionError):
        steps("MLP", shape, labels, classes, parameters + 1)(1)


def test_the_encoder_layers_of_both_frameworks_compute_the_same():
    theirs, ours = torch_networks.encoder_layer(), mxnet_networks.encoder_layer()
    x = torch.randn(2, 5, 512)
    ours.initialize()
    ours(mx.nd.array(x.numpy()))
    attention = theirs.self_attn
    pairs = (
        (ours.project.weight, attention.in_proj_weight), (ours.project.bias, attention.in_proj_bias),
        (ours.join.weight, attention.out_proj.weight), (ours.join.bias, attention.out_proj.bias),
        (ours.body[0].weight, theirs.linear1.weight), (ours.body[0].bias, theirs.linear1.bias),
        (ours.body[1].weight, theirs.linear2.weight), (ours.body[1].bias, theirs.linear2.bias),
    )  # fmt: skip
    for own, other in pairs:
        own.set_data(mx.nd.array(other.detach().numpy()))
    expected = theirs.train()(x).detach().numpy()
    np.testing.assert_allclose(ours(mx.nd.array(x.numpy())).asnumpy(), expected, rtol=1e-3, atol=1e-4)


def test_executors_keep_recompute_and_hold_a_budget(monkeypatch):
    # A network small enough for a test, where the benchmarks look for theirs.
    def build():
        x = mx.sym.Variable("data")
        for layer in range(16):
            x = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=64, name=f"fc{layer}"), act_type="tanh")
        return mx.sym.SoftmaxOutput(x, name="softmax")

    monkeypatch.setitem(mxnet_executor.NETWORKS, "small", (512, build, lambda batch: {"data": (batch, 64)}))
    for arguments in ((False,), (True,), (True, 0.75)):
        mxnet_executor.steps("small", 512, *arguments)(2)
    with pytest.raises(mx.MXNetError, match="can't be met"):
        mxnet_executor.steps("small", 512, True, 0.01)(1)
