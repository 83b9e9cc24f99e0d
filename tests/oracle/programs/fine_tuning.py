"""Export, import of a part of a network as a SymbolBlock, training of a new head, slices of networks."""

import mxnet as mx
from common import numbers, report, report_parameters, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn


net = nn.HybridSequential(prefix="lenet_")
with net.name_scope():
    net.add(
        nn.Conv2D(4, 5, activation="tanh"),
        nn.MaxPool2D(2, 2),
        nn.Conv2D(6, 3, padding=1, use_bias=False),
        nn.BatchNorm(),
        nn.Activation("relu"),
        nn.AvgPool2D(),
        nn.Flatten(),
        nn.Dense(10, activation="sigmoid"),
        nn.Dense(5),
    )
net.initialize()
x = nd.array(numbers("img", (4, 1, 16, 16), 1))
net(x)
set_parameters(net)
net.hybridize()
report(net(x))
print(net)
print(net.collect_params(".*weight"))
net.export("lenet", epoch=7)
print(open("lenet-symbol.json").read().count('"op"'))
sb = gluon.SymbolBlock.imports("lenet-symbol.json", ["data"], "lenet-0007.params", ctx=mx.cpu())
report(sb(x))
print(sorted(sb.collect_params().keys()))
sym = mx.sym.load("lenet-symbol.json")
print(sym.list_arguments(), sym.list_auxiliary_states(), sym.list_outputs())
ints = sym.get_internals()
print(ints.list_outputs())
feat = (
    ints["lenet_flatten0_flatten0_output"]
    if "lenet_flatten0_flatten0_output" in ints.list_outputs()
    else ints[ints.list_outputs()[-8]]
)
print(feat.list_outputs())
fb = gluon.SymbolBlock(feat, mx.sym.var("data"))
fb.load_parameters("lenet-0007.params", ignore_extra=True)


class Fine(gluon.HybridBlock):
    def __init__(self, base):
        super().__init__(prefix="fine_")
        with self.name_scope():
            self.base = base
            self.head = nn.Dense(3)

    def hybrid_forward(self, F, x):
        return self.head(self.base(x))


f = Fine(fb)
f.head.initialize()
f(x)
f.head.weight.set_data(nd.array(numbers("hw", f.head.weight.shape)))
f.head.bias.set_data(nd.zeros(3))
f.collect_params(".*(beta|gamma|running|bias)").setattr("lr_mult", 0.1)
f.collect_params(".*conv0.*").setattr("grad_req", "null")
f.hybridize()
trainer = gluon.Trainer(f.collect_params(), "adam", {"learning_rate": 0.01})
objective = losses.SoftmaxCrossEntropyLoss()
for _ in range(3):
    with autograd.record():
        loss = objective(f(x), nd.array([0, 1, 2, 1]))
    loss.backward()
    trainer.step(4)
    report(loss)
report_parameters(f)
sub = net[:4]
print(type(sub).__name__, len(net), len(sub))
report(sub(x).shape, net[2:5](nd.ones((1, 4, 6, 6))).shape, net[0].weight.shape)
print([type(b).__name__ for b in net], net[-1].name, net[1].prefix)
