"""Blocks of well-known networks, accumulated gradients, files of parameters, hooks."""

import mxnet as mx
from common import numbers, report
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn


# data-parallel, gradient accumulation, custom lr, freeze/unfreeze, checkpoints; d2l-like utils
class Residual(nn.HybridBlock):
    def __init__(self, c, one=False, s=1, **kw):
        super().__init__(**kw)
        self.conv1 = nn.Conv2D(c, 3, padding=1, strides=s)
        self.conv2 = nn.Conv2D(c, 3, padding=1)
        self.conv3 = nn.Conv2D(c, 1, strides=s) if one else None
        self.bn1 = nn.BatchNorm()
        self.bn2 = nn.BatchNorm()

    def hybrid_forward(self, F, X):
        Y = F.relu(self.bn1(self.conv1(X)))
        Y = self.bn2(self.conv2(Y))
        if self.conv3:
            X = self.conv3(X)
        return F.relu(Y + X)


class DenseBlk(nn.Block):
    def __init__(self, n, c, **kw):
        super().__init__(**kw)
        self.net = nn.Sequential()
        [self.net.add(self.blk(c)) for _ in range(n)]

    def blk(self, c):
        b = nn.Sequential()
        b.add(nn.BatchNorm(), nn.Activation("relu"), nn.Conv2D(c, 3, padding=1))
        return b

    def forward(self, X):
        for b in self.net:
            X = nd.concat(X, b(X), dim=1)
        return X


class Inception(nn.Block):
    def __init__(self, c1, c2, c3, c4, **kw):
        super().__init__(**kw)
        self.p1 = nn.Conv2D(c1, 1, activation="relu")
        self.p2 = nn.Sequential()
        self.p2.add(nn.Conv2D(c2[0], 1, activation="relu"), nn.Conv2D(c2[1], 3, padding=1, activation="relu"))
        self.p4_1 = nn.MaxPool2D(3, 1, 1)
        self.p4_2 = nn.Conv2D(c4, 1, activation="relu")

    def forward(self, x):
        return nd.concat(self.p1(x), self.p2(x), self.p4_2(self.p4_1(x)), dim=1)


net = nn.Sequential()
net.add(
    nn.Conv2D(4, 3, strides=1, padding=1),
    Residual(4),
    Residual(6, True, 2),
    DenseBlk(2, 3),
    nn.Conv2D(5, 1),
    nn.AvgPool2D(2, 2),
    Inception(2, (2, 3), None, 2),
    nn.GlobalMaxPool2D(),
    nn.Dropout(0.0),
    nn.Dense(10),
)
ctx = [mx.cpu(0), mx.cpu(1)]
net.initialize(ctx=ctx, init=mx.init.Normal(0.01))
X = nd.array(numbers("I", (8, 2, 8, 8), 1))
y = nd.array([0, 1, 2, 3, 4, 5, 6, 7])
net(X[:2])
for i, (n, p) in enumerate(net.collect_params().items()):
    if p.grad_req != "null" and "gamma" not in n:
        p.set_data(nd.array(numbers("k%d" % i, p.shape, 0.4)))
print([tuple(p.shape) for p in net.collect_params().values()][:9])
objective = losses.SoftmaxCrossEntropyLoss()
trainer = gluon.Trainer(
    net.collect_params(), "sgd", {"learning_rate": 0.1, "wd": 1e-4}, kvstore="device", update_on_kvstore=False
)
for p in net.collect_params().values():
    if p.grad_req != "null":
        p.grad_req = "add"
for it in range(2):
    net.collect_params().zero_grad()
    for acc in range(2):
        xs = gluon.utils.split_and_load(X[acc * 4 : acc * 4 + 4], ctx)
        ys = gluon.utils.split_and_load(y[acc * 4 : acc * 4 + 4], ctx)
        with autograd.record():
            ls = [objective(net(a), b) for a, b in zip(xs, ys)]
        for loss in ls:
            loss.backward()
    trainer.allreduce_grads()
    g = [p.list_grad()[0] for p in net.collect_params().values() if p.grad_req != "null"]
    n = gluon.utils.clip_global_norm(g, 5.0)
    for p in net.collect_params().values():
        if p.grad_req != "null":
            gs = p.list_grad()
            gs[0].copyto(gs[1])
    trainer.update(8)
    report(it, sum(loss.mean().asscalar() for loss in ls), n)


def evaluate(net):
    m = mx.metric.Accuracy()
    for a, b in zip(gluon.utils.split_and_load(X, ctx), gluon.utils.split_and_load(y, ctx)):
        o = net(a)
        m.update(b, o)
    return o


report(evaluate(net)[0])
net.save_parameters("ck.params")
print(sorted(nd.load("ck.params"))[:6])
n2 = nn.Sequential()
n2.add(
    nn.Conv2D(4, 3, strides=1, padding=1),
    Residual(4),
    Residual(6, True, 2),
    DenseBlk(2, 3),
    nn.Conv2D(5, 1),
    nn.AvgPool2D(2, 2),
    Inception(2, (2, 3), None, 2),
    nn.GlobalMaxPool2D(),
    nn.Dropout(0.0),
    nn.Dense(10),
)
n2.load_parameters("ck.params", ctx=ctx)
report(evaluate(n2)[0])
try:
    nn.Dense(3).load_parameters("ck.params")
except (AssertionError, ValueError) as e:
    print(type(e).__name__)
n3 = nn.HybridSequential()
n3.add(nn.Dense(4), nn.Dense(2))
n3.initialize(mx.init.One())
n3(nd.ones((1, 3)))
n3.save_parameters("n3.params")
n4 = nn.HybridSequential()
n4.add(nn.Dense(4), nn.Dense(2), nn.Dense(5))
try:
    n4.load_parameters("n3.params")
except AssertionError:
    print("AssertionError")
n4.load_parameters("n3.params", allow_missing=True)
n4[2].initialize(mx.init.Zero())
report(n4(nd.ones((1, 3))))
print(
    n4.collect_params().keys().__class__.__name__,
    [p.name.split("_")[-1] for p in n4.collect_params(".*2_|.*weight").values()][:3],
)
n4.apply(lambda b: setattr(b, "seen", True))
print(all(c.seen for c in n4))
h1 = n4[0].register_forward_hook(lambda b, i, o: print("hook", o.shape))
h2 = n4.register_forward_pre_hook(lambda b, i: print("pre", i[0].shape))
n4(nd.ones((2, 3)))
h1.detach()
h2.detach()
n4(nd.ones((2, 3)))
