"""Training on two devices, a schedule, clipping, metrics; saving and resuming with the states of the trainer."""

import mxnet as mx
import numpy as np
from common import numbers, report, report_parameters, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as loss_functions
from mxnet.gluon import nn


ctxs = [mx.cpu(0), mx.cpu(1)]


class Net(gluon.HybridBlock):
    def __init__(self, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.body = nn.HybridSequential()
            self.body.add(nn.Dense(16, activation="relu"), nn.BatchNorm(), nn.Dense(8), nn.LeakyReLU(0.1))
            self.out = nn.Dense(3)

    def hybrid_forward(self, F, x):
        return self.out(self.body(x))


X = numbers("x", (40, 6), 2)
Y = np.random.RandomState(1).randint(0, 3, 40).astype("float32")


def build():
    net = Net(prefix="net_")
    net.initialize(mx.init.Xavier(), ctx=ctxs)
    net(nd.array(X[:2]))
    set_parameters(net)
    return net


for hyb in (False, True):
    net = build()
    if hyb:
        net.hybridize(static_alloc=True, static_shape=True)
    sched = mx.lr_scheduler.MultiFactorScheduler([3, 7], factor=0.5, base_lr=0.1)
    trainer = gluon.Trainer(
        net.collect_params(), "sgd", {"momentum": 0.9, "wd": 1e-3, "lr_scheduler": sched, "clip_gradient": 0.5}
    )
    objective = loss_functions.SoftmaxCrossEntropyLoss()
    acc = mx.metric.Accuracy()
    ce = mx.metric.CrossEntropy()
    comp = mx.metric.CompositeEvalMetric([acc, ce, mx.metric.TopKAccuracy(2)])
    it = gluon.data.DataLoader(gluon.data.ArrayDataset(X, Y), batch_size=8, shuffle=False, last_batch="rollover")
    for ep in range(2):
        comp.reset()
        tot = 0
        for d, loss in it:
            ds = gluon.utils.split_and_load(d, ctxs)
            ls = gluon.utils.split_and_load(loss, ctxs)
            with autograd.record():
                outs = [net(a) for a in ds]
                losses = [objective(o, b) for o, b in zip(outs, ls)]
            for z in losses:
                z.backward()
            grads = [p.grad(c) for p in net.collect_params().values() if p.grad_req != "null" for c in ctxs]
            n = gluon.utils.clip_global_norm(
                [p.grad(ctxs[0]) for p in net.collect_params().values() if p.grad_req != "null"], 1.0
            )
            trainer.step(d.shape[0])
            comp.update(ls, [o.softmax() for o in outs])
            tot += sum(z.sum().asscalar() for z in losses)
        report(ep, tot, *comp.get()[1], trainer.learning_rate, n)
    report_parameters(net)
trainer.save_states("tr.states")
net.save_parameters("net.params")
net2 = Net(prefix="other_")
net2.load_parameters("net.params", ctx=ctxs)
tr2 = gluon.Trainer(net2.collect_params(), "sgd", {"momentum": 0.9, "wd": 1e-3, "learning_rate": 0.01})
tr2.load_states("tr.states")
for t, n_ in ((trainer, net), (tr2, net2)):
    with autograd.record():
        z = [
            objective(n_(a), b)
            for a, b in zip(
                gluon.utils.split_and_load(nd.array(X[:8]), ctxs), gluon.utils.split_and_load(nd.array(Y[:8]), ctxs)
            )
        ]
    autograd.backward(z)
    t.step(8)
    report(t.learning_rate)
report_parameters(net2)
