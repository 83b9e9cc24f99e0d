"""Faces told apart by an additive angular margin; triplet and cosine losses."""

import math

import mxnet as mx
from common import numbers, report, report_parameters, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn


class ArcMargin(gluon.HybridBlock):
    def __init__(self, emb, classes, s=8.0, m=0.5, easy=False, **kw):
        super().__init__(**kw)
        self.s = s
        self.m = m
        self.classes = classes
        with self.name_scope():
            self.weight = self.params.get("weight", shape=(classes, emb), init=mx.init.Normal(0.01))
        self.cm, self.sm = math.cos(m), math.sin(m)
        self.th = math.cos(math.pi - m)
        self.mm = math.sin(math.pi - m) * m

    def hybrid_forward(self, F, x, label, weight):
        xn = F.L2Normalization(x, mode="instance")
        wn = F.L2Normalization(weight, mode="instance")
        fc = F.FullyConnected(xn, wn, no_bias=True, num_hidden=self.classes)
        cos = F.pick(fc, label, axis=1)
        sin = F.sqrt(F.maximum(1.0 - cos * cos, 0))
        phi = cos * self.cm - sin * self.sm
        phi = F.where(cos > self.th, phi, cos - self.mm)
        diff = F.expand_dims(phi - cos, 1)
        hot = F.one_hot(label, depth=self.classes)
        return self.s * F.broadcast_add(fc, F.broadcast_mul(hot, diff))


class Face(gluon.HybridBlock):
    def __init__(self, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.f = nn.HybridSequential()
            self.f.add(
                nn.Conv2D(4, 3, 1, 1),
                nn.BatchNorm(scale=False, epsilon=2e-5, momentum=0.9),
                nn.PReLU(),
                nn.GlobalAvgPool2D(),
                nn.Flatten(),
                nn.Dense(6),
            )
            self.head = ArcMargin(6, 5)

    def hybrid_forward(self, F, x, label):
        return self.head(self.f(x), label)


for h in (0, 1):
    net = Face(prefix="face_")
    net.initialize()
    x = nd.array(numbers("f", (4, 3, 8, 8), 1))
    y = nd.array([0, 3, 4, 1])
    net(x, y)
    set_parameters(net, 0.5)
    if h:
        net.hybridize()
    objective = losses.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "nag", {"learning_rate": 0.05, "momentum": 0.9, "wd": 5e-4})
    for i in range(4):
        with autograd.record():
            o = net(x, y)
            l = objective(o, y)
        l.backward()
        trainer.step(4)
        report(i, o[0], l.mean())
    report_parameters(net)
# cosface / triplet / center loss by nd
a, b, c = [nd.array(numbers(n, (5, 4))) for n in "abc"]
for z in (a, b, c):
    z.attach_grad()
with autograd.record():
    l = losses.TripletLoss(margin=0.3)(a, b, c) + losses.CosineEmbeddingLoss(margin=0.1)(
        a, b, nd.array([1, -1, 1, -1, 1])
    )
    d = nd.sum(nd.square(nd.expand_dims(a, 0) - nd.expand_dims(b, 1)), axis=2)
    l = l.sum() + nd.topk(d, k=2, ret_typ="value", is_ascend=True).sum()
l.backward()
report(l, a.grad, c.grad)
