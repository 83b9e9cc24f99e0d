"""Module: fit with its own metrics, initializers, callbacks; checkpoints, monitors, new shapes, fixed parameters."""

import logging

import mxnet as mx
import numpy as np
from common import numbers, report
from mxnet import nd


logging.getLogger().setLevel(logging.ERROR)
data = mx.sym.var("data")
fc1 = mx.sym.FullyConnected(data, num_hidden=8, name="fc1")
a = mx.sym.Activation(fc1, act_type="relu", name="r1")
bn = mx.sym.BatchNorm(a, name="bn", fix_gamma=False)
fc2 = mx.sym.FullyConnected(bn, num_hidden=3, name="fc2")
net = mx.sym.SoftmaxOutput(fc2, name="softmax")


class MyInit(mx.init.Initializer):
    def __init__(self, s):
        super().__init__(s=s)
        self.s = s

    def _init_weight(self, name, arr):
        arr[:] = numbers(str(name), arr.shape, self.s)


X = numbers("mx", (30, 5), 2)
Y = np.random.RandomState(2).randint(0, 3, 30).astype("f")


class Wrong(mx.metric.EvalMetric):
    def __init__(self):
        super().__init__("wrong")

    def update(self, labels, preds):
        p = preds[0].asnumpy().argmax(1)
        loss = labels[0].asnumpy()
        self.sum_metric += (p != loss).sum()
        self.num_inst += len(loss)


def feval(label, pred):
    return float(np.abs(pred[np.arange(len(label)), label.astype(int)]).mean())


it = mx.io.NDArrayIter({"data": X}, {"softmax_label": Y}, batch_size=8, shuffle=False, last_batch_handle="pad")
print(it.provide_data, it.provide_label)
mod = mx.mod.Module(net, context=[mx.cpu(0), mx.cpu(1)])
log = []


def cb(p):
    log.append((p.epoch, p.nbatch, p.eval_metric.get_name_value()))


mod.fit(
    it,
    eval_data=it,
    eval_metric=[Wrong(), mx.metric.np(feval), "acc", "ce"],
    optimizer="sgd",
    optimizer_params=(
        ("learning_rate", 0.1),
        ("momentum", 0.9),
        ("wd", 0.01),
        ("lr_scheduler", mx.lr_scheduler.FactorScheduler(3, 0.7)),
    ),
    initializer=MyInit(0.4),
    num_epoch=3,
    batch_end_callback=cb,
    epoch_end_callback=mx.callback.do_checkpoint("mod"),
    kvstore="local",
)
for e, b, nv in log:
    print(e, b, [(n, round(v, 5)) for n, v in nv])
arg, aux = mod.get_params()
for k in sorted(arg):
    report(k, arg[k].shape, float(arg[k].abs().sum().asscalar()))
for k in sorted(aux):
    report(k, aux[k])
print(mod.score(it, ["acc"]))
report(mod.predict(it).shape, mod.predict(it)[:3])
for pred, i, batch in mod.iter_predict(it):
    report(i, pred[0].shape, batch.pad)
s, a2, x2 = mx.model.load_checkpoint("mod", 2)
print(sorted(a2), sorted(x2))
mod2 = mx.mod.Module.load("mod", 3, context=mx.cpu())
mod2.bind(it.provide_data, it.provide_label)
mod2.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": 0.01})
mon = mx.mon.Monitor(1, stat_func=lambda x: nd.norm(x), pattern="fc._output$|.*weight$|softmax_output$", sort=True)
mod2.install_monitor(mon)
it.reset()
for i, b in enumerate(it):
    mon.tic()
    mod2.forward_backward(b)
    mod2.update()
    for n, k, v in mon.toc():
        print(i, n, k, v.strip()[:8])
    if i == 1:
        break
mod2.save_checkpoint("m2", 1, save_optimizer_states=True)
mod3 = mx.mod.Module.load("m2", 1, load_optimizer_states=True)
mod3.bind(it.provide_data, it.provide_label)
mod3.init_optimizer(optimizer="adam", optimizer_params={"learning_rate": 0.01})
it.reset()
b = next(it)
for m in (mod2, mod3):
    m.forward(b, is_train=True)
    m.backward()
    m.update()
    report(m.get_outputs()[0][:2], m.get_params()[0]["fc1_weight"].sum())
print(mod3.data_names, mod3.label_names, mod3.output_names, mod3.data_shapes, mod3.output_shapes)
mod3.reshape([("data", (4, 5))], [("softmax_label", (4,))])
mod3.forward(mx.io.DataBatch([nd.array(X[:4])], [nd.array(Y[:4])]), is_train=False)
report(mod3.get_outputs()[0])
fm = mx.mod.Module(net, fixed_param_names=["fc1_weight"])
fm.bind(it.provide_data, it.provide_label, inputs_need_grad=True)
fm.init_params(arg_params=arg, aux_params=aux)
fm.init_optimizer()
fm.forward_backward(b)
report(fm.get_input_grads()[0].sum())
fm.update()
report((fm.get_params()[0]["fc1_weight"] - arg["fc1_weight"]).abs().sum())
np.random.seed(0)  # fit shuffles
ff = mx.model.FeedForward(
    net, ctx=mx.cpu(), num_epoch=1, learning_rate=0.1, initializer=MyInit(0.4), numpy_batch_size=10
)
ff.fit(
    X,
    Y,
)
report(ff.predict(X)[:2])
