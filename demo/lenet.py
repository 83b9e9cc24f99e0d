"""LeNet, written twice: as a symbol and as a Gluon block. The names are chosen so that their parameters are the same.

(N, 1, 28, 28) -> (N, 10): two convolutions, two dense layers, 431,080 parameters.
"""

from __future__ import annotations

import mxnet as mx
from mxnet import gluon
from mxnet.gluon import nn


def symbol() -> mx.sym.Symbol:
    """First the whole network, then data. Two outputs: the probabilities of the classes (N, 10), and the loss (N,)."""
    net = mx.sym.Variable("data")
    net = mx.sym.Convolution(net, kernel=(5, 5), num_filter=20, name="conv1")
    net = mx.sym.Activation(net, act_type="tanh")
    net = mx.sym.Pooling(net, kernel=(2, 2), stride=(2, 2), pool_type="max")
    net = mx.sym.Convolution(net, kernel=(5, 5), num_filter=50, name="conv2")
    net = mx.sym.Activation(net, act_type="tanh")
    net = mx.sym.Pooling(net, kernel=(2, 2), stride=(2, 2), pool_type="max")
    net = mx.sym.FullyConnected(net, num_hidden=500, name="dense1")
    net = mx.sym.Activation(net, act_type="tanh")
    net = mx.sym.FullyConnected(net, num_hidden=10, name="dense2")
    probability = mx.sym.softmax(net, name="softmax")
    loss = gluon.loss.SoftmaxCrossEntropyLoss()(net, mx.sym.Variable("softmax_label"))
    return mx.sym.Group([mx.sym.BlockGrad(probability, name="probability"), mx.sym.MakeLoss(loss, name="loss")])


def block() -> nn.HybridSequential:
    """Runs line by line, or as a graph after ``hybridize()``."""
    net = nn.HybridSequential(prefix="")
    net.add(
        nn.Conv2D(20, kernel_size=5, activation="tanh", prefix="conv1_"),
        nn.MaxPool2D(),
        nn.Conv2D(50, kernel_size=5, activation="tanh", prefix="conv2_"),
        nn.MaxPool2D(),
        nn.Dense(500, activation="tanh", prefix="dense1_"),
        nn.Dense(10, prefix="dense2_"),
    )
    return net
