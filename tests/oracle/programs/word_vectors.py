"""Skip-gram vectors, nearest words, a factorisation machine."""

import numpy as np
from common import numbers, report, report_parameters, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn


class SBCE(losses.Loss):
    def __init__(self):
        super().__init__(None, None)

    def forward(self, p, loss, m=None):
        return nd.mean(self.bce(p, loss, m))

    def bce(self, p, loss, m):
        z = nd.relu(p) - p * loss + nd.Activation(-nd.abs(p), act_type="softrelu")
        return z * m


net = nn.Sequential()
net.add(nn.Embedding(20, 6), nn.Embedding(20, 6))
net.initialize()
for i, p in enumerate(net.collect_params().values()):
    p.set_data(nd.array(numbers("emb%d" % i, p.shape)))


def skip(c, o):
    v = net[0](c)
    u = net[1](o)
    return nd.batch_dot(v, u.swapaxes(1, 2))


objective = losses.SigmoidBCELoss()
trainer = gluon.Trainer(net.collect_params(), "adagrad", {"learning_rate": 0.1, "eps": 1e-6})
R = np.random.RandomState(4)
for i in range(5):
    c = nd.array(R.randint(0, 20, (4, 1)))
    o = nd.array(R.randint(0, 20, (4, 7)))
    m = nd.array(R.rand(4, 7) > 0.3)
    y = nd.array(R.rand(4, 7) > 0.5)
    with autograd.record():
        p = skip(c, o).reshape(o.shape)
        loss = objective(p, y, m) * m.shape[1] / m.sum(axis=1)
        l2 = SBCE()(p, y, m)
    loss.backward()
    trainer.step(4)
    report(i, loss, l2, p[0])
W = net[0].weight.data()
q = W[3]
cos = nd.dot(W, q) / nd.sqrt(nd.sum(W * W, axis=1) * nd.sum(q * q) + 1e-9)
print(nd.topk(cos, k=4, ret_typ="indices").asnumpy().astype("int32").tolist())
report(cos.sort()[:5])


# factorization machine + matrix factorization
class FM(gluon.HybridBlock):
    def __init__(self, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.emb = nn.Embedding(30, 4)
            self.lin = nn.Embedding(30, 1)
            self.fc = nn.Dense(1, use_bias=True)
            self.drop = nn.Dropout(0.0)

    def hybrid_forward(self, F, x):
        s = F.sum(self.emb(x), axis=1) ** 2
        q = F.sum(self.emb(x) ** 2, axis=1)
        return F.sigmoid(self.fc(self.drop(F.sum(self.lin(x), axis=1))) + 0.5 * F.sum(s - q, axis=1, keepdims=True))


f = FM(prefix="fm_")
f.initialize()
x = nd.array(R.randint(0, 30, (6, 5)))
f(x)
set_parameters(f)
f.hybridize()
t = gluon.Trainer(f.collect_params(), "ftrl", {"learning_rate": 0.5, "lamda1": 0.001, "wd": 0.01})
for i in range(4):
    with autograd.record():
        o = f(x)
        loss = losses.SigmoidBCELoss(from_sigmoid=True)(o, nd.array([0, 1, 0, 1, 1, 0]))
    loss.backward()
    t.step(6)
    report(i, loss)
report_parameters(f)
