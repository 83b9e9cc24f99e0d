"""Which moving statistics training changes, of frozen layers and others, in Gluon and Module."""

import mxnet as mx
import numpy as np
from common import numbers, report, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn


for h in (0, 1, 2):
    net = nn.HybridSequential(prefix="n_")
    with net.name_scope():
        net.add(nn.Dense(4), nn.BatchNorm(), nn.Dense(3), nn.BatchNorm(), nn.Dense(2))
    net.initialize()
    x = nd.array(numbers("x", (6, 5), 2))
    net(x)
    set_parameters(net)
    net[:2].collect_params().setattr("grad_req", "null")
    if h:
        net.hybridize(**({"static_alloc": True} if h == 2 else {}))
    objective = losses.SoftmaxCELoss()
    t = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    for _ in range(2):
        with autograd.record():
            loss = objective(net(x), nd.array([0, 1, 0, 1, 1, 0]))
        loss.backward()
        t.step(6)
    report(h, net[1].running_mean.data(), net[3].running_mean.data())
    with autograd.train_mode():
        net(x)
    report(net[3].running_mean.data())


d = mx.sym.var("data")
s = mx.sym.BatchNorm(mx.sym.FullyConnected(d, num_hidden=4, name="f1"), name="b1", fix_gamma=False)
s = mx.sym.BatchNorm(mx.sym.FullyConnected(s, num_hidden=3, name="f2"), name="b2")
s = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(s, num_hidden=2, name="f3"), name="softmax")
it = mx.io.NDArrayIter(numbers("x", (6, 5), 2), np.array([0, 1, 0, 1, 1, 0.0]), 6)
for fixed in (["f1_weight", "f1_bias", "b1_gamma", "b1_beta"], None):
    m = mx.mod.Module(s, fixed_param_names=fixed)
    m.bind(it.provide_data, it.provide_label)
    m.init_params(
        arg_params={
            k: nd.array(numbers(k, v))
            for k, v in zip(s.list_arguments(), s.infer_shape(data=(6, 5))[0])
            if k not in ("data", "softmax_label")
        },
        aux_params={k: nd.ones(v) for k, v in zip(s.list_auxiliary_states(), s.infer_shape(data=(6, 5))[2])},
    )
    m.init_optimizer()
    b = next(it)
    it.reset()
    m.forward(b, is_train=True)
    m.backward()
    m.update()
    report(fixed and len(fixed), m.get_params()[1]["b1_moving_mean"], m.get_params()[1]["b2_moving_mean"])
