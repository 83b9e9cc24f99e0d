"""Operators written in Python: with auxiliary states in a Module, as autograd.Function, in a hybridized network."""

import mxnet as mx
import numpy as np
from common import numbers, report, report_parameters, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn


class Softmax(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        x = in_data[0].asnumpy()
        y = np.exp(x - x.max(1).reshape((-1, 1)))
        y /= y.sum(1).reshape((-1, 1))
        self.assign(out_data[0], req[0], mx.nd.array(y))
        aux[0][:] = aux[0] + 1

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        loss = in_data[1].asnumpy().ravel().astype(int)
        y = out_data[0].asnumpy().copy()
        y[np.arange(loss.shape[0]), loss] -= 1.0
        self.assign(in_grad[0], req[0], mx.nd.array(y))
        self.assign(in_grad[1], req[1], 0)


@mx.operator.register("mysoftmax")
class SoftmaxProp(mx.operator.CustomOpProp):
    def __init__(self, scale="1"):
        super().__init__(need_top_grad=False)
        self.scale = float(scale)

    def list_arguments(self):
        return ["data", "label"]

    def list_outputs(self):
        return ["output"]

    def list_auxiliary_states(self):
        return ["count"]

    def infer_shape(self, s):
        return [s[0], (s[0][0],)], [s[0]], [(1,)]

    def infer_type(self, t):
        return t, [t[0]], [t[0]]

    def create_operator(self, ctx, shapes, dtypes):
        return Softmax()


d = mx.sym.var("data")
fc = mx.sym.FullyConnected(d, num_hidden=4, name="fc")
s = mx.sym.Custom(fc, name="softmax", op_type="mysoftmax", scale="2")
print(s.list_arguments(), s.list_auxiliary_states(), s.infer_shape(data=(6, 3)))
X = numbers("c", (12, 3), 1)
Y = np.arange(12) % 4
it = mx.io.NDArrayIter(X, Y.astype("f"), 6, label_name="softmax_label")
m = mx.mod.Module(s)
m.bind(it.provide_data, it.provide_label)
m.init_params(
    arg_params={"fc_weight": nd.array(numbers("fw", (4, 3))), "fc_bias": nd.zeros(4)},
    aux_params={"softmax_count": nd.zeros(1)},
)
m.init_optimizer(optimizer_params={"learning_rate": 0.5})
for _ in range(2):
    it.reset()
    mt = mx.metric.create("acc")
    for b in it:
        m.forward(b)
        m.update_metric(mt, b.label)
        m.backward()
        m.update()
    print(mt.get())
report(*m.get_params()[0].values())
report(*m.get_params()[1].values())


class Sig(autograd.Function):
    def forward(self, x, k):
        y = 1 / (1 + nd.exp(-x * k))
        self.save_for_backward(y, k)
        self.n = 3
        return y, y * 2

    def backward(self, dy, dz):
        y, k = self.saved_tensors
        return (dy + 2 * dz) * y * (1 - y) * k, nd.zeros_like(k)


x = nd.array(numbers("fx", (2, 3)))
x.attach_grad()
k = nd.array([2.0])
with autograd.record():
    f = Sig()
    a, b = f(x * 1.5, k)
    z = (a + b * b).sum()
z.backward()
report(z, x.grad)


class DenseOp(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        i = in_data
        self.assign(out_data[0], req[0], nd.dot(i[0], i[1].T) + i[2])

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        og, i, ig = out_grad, in_data, in_grad
        self.assign(ig[0], req[0], nd.dot(og[0], i[1]))
        self.assign(ig[1], req[1], nd.dot(og[0].T, i[0]))
        self.assign(ig[2], req[2], og[0].sum(axis=0))


@mx.operator.register("mydense")
class DP(mx.operator.CustomOpProp):
    def list_arguments(self):
        return ["data", "weight", "bias"]

    def infer_shape(self, s):
        return [s[0], s[1], [s[1][0]]], [[s[0][0], s[1][0]]], []

    def create_operator(self, c, s, t):
        return DenseOp()


class CD(gluon.HybridBlock):
    def __init__(self, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.weight = self.params.get("weight", shape=(4, 3))
            self.bias = self.params.get("bias", shape=(4,), init="zeros")

    def hybrid_forward(self, F, x, weight, bias):
        return F.Custom(x, weight, bias, op_type="mydense")


for h in (0, 1):
    n = nn.HybridSequential(prefix="cd_")
    with n.name_scope():
        n.add(CD(), nn.Dense(2))
    n.initialize()
    x = nd.array(X[:5])
    n(x)
    set_parameters(n)
    if h:
        n.hybridize()
    t = gluon.Trainer(n.collect_params(), "sgd", {"learning_rate": 0.1})
    for _ in range(2):
        with autograd.record():
            loss = losses.L2Loss()(n(x), nd.ones((5, 2)))
        loss.backward()
        t.step(5)
        report(loss)
    report_parameters(n)
