"""A transformer encoder with masked attention, two objectives, Adam and LAMB."""

import mxnet as mx
import numpy as np
from common import report, report_parameters, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn


class MHA(gluon.HybridBlock):
    def __init__(self, u, h, **kw):
        super().__init__(**kw)
        self.h = h
        self.u = u
        with self.name_scope():
            self.q = nn.Dense(u, use_bias=False, flatten=False)
            self.k = nn.Dense(u, use_bias=False, flatten=False)
            self.v = nn.Dense(u, use_bias=False, flatten=False)
            self.o = nn.Dense(u, flatten=False)

    def _s(self, F, x):
        return F.reshape(
            F.transpose(F.reshape(x, shape=(0, 0, self.h, -1)), axes=(0, 2, 1, 3)), shape=(-1, 0, 0), reverse=True
        )

    def hybrid_forward(self, F, x, vl):
        q, k, v = self._s(F, self.q(x)), self._s(F, self.k(x)), self._s(F, self.v(x))
        s = F.batch_dot(q, k, transpose_b=True) / np.sqrt(self.u / self.h)
        vl = F.repeat(vl, repeats=self.h, axis=0)
        m = F.broadcast_lesser(F.contrib.arange_like(s, axis=2).reshape((1, 1, -1)), vl.reshape((-1, 1, 1)))
        s = F.where(F.broadcast_like(m, s), s, F.ones_like(s) * -1e9)
        w = F.softmax(s, axis=-1)
        o = F.batch_dot(w, v)
        o = F.reshape(o, shape=(-1, self.h, 0, 0), reverse=True)
        o = F.reshape(F.transpose(o, axes=(0, 2, 1, 3)), shape=(0, 0, -1))
        return self.o(o), w


class Layer(gluon.HybridBlock):
    def __init__(self, u, h, f, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.a = MHA(u, h)
            self.ln = nn.LayerNorm()
            self.f1 = nn.Dense(f, flatten=False)
            self.act = nn.GELU()
            self.f2 = nn.Dense(u, flatten=False)
            self.ln2 = nn.LayerNorm(epsilon=1e-12)
            self.dp = nn.Dropout(0.0)

    def hybrid_forward(self, F, x, vl):
        y, _ = self.a(x, vl)
        x = self.ln(x + self.dp(y))
        return self.ln2(x + self.f2(self.act(self.f1(x))))


class Bert(gluon.HybridBlock):
    def __init__(self, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.tok = nn.Embedding(20, 8)
            self.seg = nn.Embedding(2, 8)
            self.pos = self.params.get("pos", shape=(1, 10, 8))
            self.ls = nn.HybridSequential()
            for _ in range(2):
                self.ls.add(Layer(8, 2, 16))
            self.mlm = nn.Dense(20, flatten=False)
            self.nsp = nn.Dense(2, activation="tanh")

    def hybrid_forward(self, F, t, s, vl, mp, pos):
        x = self.tok(t) + self.seg(s)
        x = F.broadcast_add(x, F.slice_like(pos, x, axes=(1,)))
        for loss in self.ls:
            x = loss(x, vl)
        b = F.contrib.arange_like(mp, axis=0).reshape((-1, 1))
        b = F.broadcast_like(b, mp)
        g = F.gather_nd(x, F.stack(b.reshape((-1,)), mp.reshape((-1,)), axis=0)).reshape_like(
            F.broadcast_axis(F.expand_dims(mp, -1), axis=2, size=8)
        )
        return self.mlm(g), self.nsp(F.slice_axis(x, axis=1, begin=0, end=1))


R = np.random.RandomState(0)
t = nd.array(R.randint(0, 20, (3, 7)))
s = nd.array(R.randint(0, 2, (3, 7)))
vl = nd.array([7, 4, 5])
mp = nd.array([[1, 3], [0, 2], [4, 1]])
ml = nd.array([[3, 4], [5, 6], [7, 8]])
nl = nd.array([0, 1, 1])
for h in (0, 1, 2):
    n = Bert(prefix="b_")
    n.initialize()
    n(t, s, vl, mp)
    set_parameters(n, 0.4)
    if h:
        n.hybridize(**({"static_alloc": True} if h == 2 else {}))
    trainer = (
        gluon.Trainer(n.collect_params(), mx.optimizer.Adam(learning_rate=0.01, wd=0.01))
        if h < 2
        else gluon.Trainer(n.collect_params(), "lamb", {"learning_rate": 0.01, "wd": 0.01})
    )
    n.collect_params(".*beta|.*gamma|.*bias").setattr("wd_mult", 0.0)
    objective = losses.SoftmaxCELoss()
    for i in range(3):
        with autograd.record():
            a, b = n(t, s, vl, mp)
            loss = objective(a, ml).mean() + objective(b, nl).mean()
        loss.backward()
        trainer.step(1)
        report(h, i, loss)
    report_parameters(n)
n.export("bert")
sb = gluon.SymbolBlock.imports("bert-symbol.json", ["data0", "data1", "data2", "data3"], "bert-0000.params")
report(sb(t, s, vl, mp)[1], n(t, s, vl, mp)[1])
