"""A generator and a discriminator trained against each other; a variational autoencoder."""

import mxnet as mx
from common import numbers, report, report_parameters, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn


def G():
    g = nn.HybridSequential(prefix="g_")
    with g.name_scope():
        g.add(
            nn.Conv2DTranspose(8, 4, 1, 0, use_bias=False),
            nn.BatchNorm(),
            nn.Activation("relu"),
            nn.Conv2DTranspose(4, 4, 2, 1, use_bias=False),
            nn.BatchNorm(),
            nn.Activation("relu"),
            nn.Conv2DTranspose(1, 4, 2, 1, use_bias=False),
            nn.Activation("tanh"),
        )
    return g


def D():
    d = nn.HybridSequential(prefix="d_")
    with d.name_scope():
        d.add(
            nn.Conv2D(4, 4, 2, 1, use_bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv2D(8, 4, 2, 1, use_bias=False),
            nn.BatchNorm(),
            nn.LeakyReLU(0.2),
            nn.Conv2D(1, 4, 1, 0, use_bias=False),
        )
    return d


z = [nd.array(numbers("z%d" % i, (4, 5, 1, 1), 1)) for i in range(3)]
x = nd.array(numbers("real", (4, 1, 16, 16), 1))
for h in (0, 1):
    g, d = G(), D()
    g.initialize()
    d.initialize()
    d(g(z[0]))
    set_parameters(g, 0.3)
    set_parameters(d, 0.3)
    if h:
        g.hybridize()
        d.hybridize(static_alloc=True)
    objective = losses.SigmoidBinaryCrossEntropyLoss()
    tg = gluon.Trainer(g.collect_params(), "adam", {"learning_rate": 2e-3, "beta1": 0.5})
    td = gluon.Trainer(d.collect_params(), "adam", {"learning_rate": 2e-3, "beta1": 0.5})
    real, fake = nd.ones((4,)), nd.zeros((4,))
    m = mx.metric.CustomMetric(lambda loss, p: float(((p.ravel() > 0.5) == loss.ravel()).mean()))
    for i in range(3):
        with autograd.record():
            o = d(x).reshape((-1, 1))
            lr = objective(o, real)
            m.update([real], [o.sigmoid()])
            f = g(z[i])
            o2 = d(f.detach()).reshape((-1, 1))
            lf = objective(o2, fake)
            ld = lr + lf
        ld.backward()
        m.update([fake], [o2.sigmoid()])
        td.step(4)
        with autograd.record():
            f = g(z[i])
            lg = objective(d(f).reshape((-1, 1)), real)
        lg.backward()
        tg.step(4)
        report(i, ld.mean(), lg.mean(), m.get()[1])
    report_parameters(g, states=False)  # they differ: see docs/differences.md
    report_parameters(d, states=False)  # they differ: see docs/differences.md


# VAE
class VAE(gluon.HybridBlock):
    def __init__(self, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.e = nn.HybridSequential(prefix="e")
            self.e.add(nn.Dense(8, activation="relu"), nn.Dense(6))
            self.d = nn.HybridSequential(prefix="dec")
            self.d.add(nn.Dense(8, activation="relu"), nn.Dense(12, activation="sigmoid"))

    def hybrid_forward(self, F, x, eps):
        h = self.e(x)
        mu, lv = F.split(h, axis=1, num_outputs=2)
        zz = mu + F.exp(0.5 * lv) * eps
        y = self.d(zz)
        self.out = y
        kl = 0.5 * F.sum(1 + lv - mu * mu - F.exp(lv), axis=1)
        ll = F.sum(x * F.log(y + 1e-10) + (1 - x) * F.log(1 - y + 1e-10), axis=1)
        return -ll - kl


v = VAE(prefix="vae_")
v.initialize()
x = nd.array(numbers("v", (5, 12), 0.5) + 0.5)
e = nd.array(numbers("eps", (5, 3), 1))
v(x, e)
set_parameters(v, 0.4)
v.hybridize()
t = gluon.Trainer(v.collect_params(), "rmsprop", {"learning_rate": 0.01, "centered": True})
for i in range(4):
    with autograd.record():
        loss = v(x, e)
    loss.backward()
    t.step(5)
    report(i, loss)
print(v)
