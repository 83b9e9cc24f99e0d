"""Text recognition: convolutions, bidirectional LSTM and the CTC loss."""

import mxnet as mx
from common import numbers, report, report_parameters, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn, rnn


class OCR(gluon.HybridBlock):
    def __init__(self, classes, **kw):
        super().__init__(**kw)
        with self.name_scope():
            self.cnn = nn.HybridSequential()
            self.cnn.add(
                nn.Conv2D(4, 3, padding=1, activation="relu"), nn.MaxPool2D((2, 1), (2, 1)), nn.Conv2D(6, (4, 1))
            )
            self.lstm = rnn.LSTM(5, num_layers=2, bidirectional=True, layout="NTC")
            self.fc = nn.Dense(classes, flatten=False)

    def hybrid_forward(self, F, x):
        f = self.cnn(x)
        f = F.squeeze(f, axis=2)
        f = F.transpose(f, axes=(0, 2, 1))
        return self.fc(self.lstm(f))


X = nd.array(numbers("ocr", (3, 1, 8, 9), 1))
Y = nd.array([[1, 2, 3, -1], [0, 0, -1, -1], [2, 1, -1, -1]])
for h in (0, 1):
    net = OCR(6, prefix="ocr_")
    net.initialize()
    net(X)
    set_parameters(net, 0.4)
    if h:
        net.hybridize()
    objective = losses.CTCLoss(layout="NTC", label_layout="NT")
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.02})
    for i in range(4):
        with autograd.record():
            o = net(X)
            loss = objective(o, Y)
        loss.backward()
        trainer.step(3)
        report(i, loss)
    with autograd.record():
        loss = objective(o, Y, nd.array([9, 7, 8]), nd.array([3, 2, 2]))
    report(loss)
    pred = o.softmax().argmax(2).asnumpy()
    print(pred.tolist())
    report_parameters(net)
    st = net.lstm.begin_state(batch_size=3)
    out, st2 = net.lstm(nd.array(numbers("z", (3, 4, 6))), st)
    report(out.shape, [s.shape for s in st2], st2[0].sum())
L2 = losses.CTCLoss(layout="TNC", label_layout="TN")
report(L2(o.transpose((1, 0, 2)), Y.T))
report(nd.CTCLoss(o.transpose((1, 0, 2)), nd.array([[1, 2, 3, 0], [4, 4, 0, 0], [2, 1, 0, 0]])))
d = mx.sym.var("data")
loss = mx.sym.var("label")
s = mx.sym.MakeLoss(mx.sym.CTCLoss(d, loss, blank_label="last"))
e = s.simple_bind(mx.cpu(), data=(9, 3, 6), label=(3, 4))
e.forward(True, data=o.transpose((1, 0, 2)), label=Y)
e.backward()
report(e.outputs[0], e.grad_dict["data"].abs().sum())
