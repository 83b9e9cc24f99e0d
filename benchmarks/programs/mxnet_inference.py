"""Forward passes of networks of Gluon's model zoo in inference, on one batch again and again."""

from __future__ import annotations

import mxnet as mx
from mxnet.gluon.model_zoo import vision


def forward(network, shape, parameters, mode, options=()):
    """run(n) of a network of the model zoo.

    network  name for get_model
    mode     "imperative", "hybridized" (options are those of hybridize), or a backend's name for optimize_for
    """
    mx.random.seed(1)
    net = vision.get_model(network)
    net.initialize(mx.init.Xavier())
    x = mx.nd.random.normal(shape=shape)
    if mode == "hybridized":
        net.hybridize(**dict(options))
    elif mode != "imperative":
        net.optimize_for(x, backend=mode, **dict(options))
    net(x).wait_to_read()
    count = sum(p.data().size for p in net.collect_params().values() if p.grad_req != "null")
    assert count == parameters, f"{network} has {count} parameters; expected {parameters}"

    def run(n):
        for _ in range(n):
            net(x).wait_to_read()

    return run
