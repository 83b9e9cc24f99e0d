"""Translation: encoder, attention, decoder, masked loss, greedy decoding."""

from common import report, report_parameters, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn, rnn


class Enc(gluon.Block):
    def __init__(self, v, e, h, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.emb = nn.Embedding(v, e)
            self.rnn = rnn.GRU(h, 2, dropout=0)

    def forward(self, x, vl):
        y = self.emb(x).swapaxes(0, 1)
        st = self.rnn.begin_state(batch_size=y.shape[1])
        return self.rnn(y, st)


class MLPAtt(gluon.Block):
    def __init__(self, u, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.W = nn.Dense(u, activation="tanh", use_bias=False, flatten=False)
            self.q = nn.Dense(u, use_bias=False, flatten=False)
            self.v = nn.Dense(1, use_bias=False, flatten=False)

    def forward(self, q, k, val, vl):
        s = self.v(nd.tanh(nd.broadcast_add(self.q(q).expand_dims(2), self.W(k).expand_dims(1)))).squeeze(-1)
        s2 = (
            nd.SequenceMask(s.reshape((-3, 0)).swapaxes(0, 1), vl.repeat(s.shape[1]), True, value=-1e6, axis=0)
            .swapaxes(0, 1)
            .reshape(s.shape)
        )
        w = nd.softmax(s2, axis=-1)
        return nd.batch_dot(w, val), w


class Dec(gluon.Block):
    def __init__(self, v, e, h, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.att = MLPAtt(h)
            self.emb = nn.Embedding(v, e)
            self.rnn = rnn.LSTM(h, 1)
            self.fc = nn.Dense(v, flatten=False)

    def forward(self, x, st, eo, vl):
        y = self.emb(x).swapaxes(0, 1)
        outs = []
        self.w = []
        for t in y:
            c, w = self.att(st[0][-1].expand_dims(1), eo, eo, vl)
            self.w.append(w)
            z = nd.concat(c.squeeze(1), t, dim=-1).expand_dims(0)
            o, st = self.rnn(z, st)
            outs.append(o)
        return self.fc(nd.concat(*outs, dim=0)).swapaxes(0, 1), st


enc, dec = Enc(12, 5, 6, prefix="e_"), Dec(11, 5, 6, prefix="d_")
x = nd.array([[1, 2, 3, 4], [5, 6, 7, 0], [2, 3, 0, 0]])
y = nd.array([[1, 3, 5, 2, 0], [1, 4, 2, 0, 0], [1, 6, 7, 8, 2]])
xl = nd.array([4, 3, 2])
yl = nd.array([4, 3, 5])


def run():
    eo, es = enc(x, xl)
    eo = eo.swapaxes(0, 1)
    st = [es[0][-1:], nd.zeros_like(es[0][-1:])]
    o, _ = dec(y[:, :-1], st, eo, xl)
    return o


for n in (enc, dec):
    n.initialize()
run()
for n in (enc, dec):
    set_parameters(n, 0.5)


class MCE(losses.SoftmaxCELoss):
    def forward(self, p, loss, vl):
        w = nd.expand_dims(nd.ones_like(loss), -1)
        w = nd.SequenceMask(w, vl, True, axis=1)
        return super().forward(p, loss, w)


ps = gluon.ParameterDict()
ps.update(enc.collect_params())
ps.update(dec.collect_params())
trainer = gluon.Trainer(ps, "adam", {"learning_rate": 0.02})
for i in range(4):
    with autograd.record():
        o = run()
        loss = MCE()(o, y[:, 1:], yl - 1)
    loss.backward()
    g = [p.grad() for p in ps.values()]
    n = gluon.utils.clip_global_norm(g, 1)
    trainer.step(int((yl - 1).sum().asscalar()))
    report(i, loss, n)
report(dec.w[0])
report_parameters(dec)
eo, es = enc(x, xl)
eo = eo.swapaxes(0, 1)
st = [es[0][-1:], nd.zeros_like(es[0][-1:])]
tok = nd.ones((3, 1))
seq = []
for _ in range(5):
    o, st = dec(tok, st, eo, xl)
    tok = o.argmax(axis=2)
    seq.append(tok.astype("int32").asnumpy().ravel().tolist())
print(seq)
