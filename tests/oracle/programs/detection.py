"""A single-shot detector: anchors, targets, focal and smooth L1 losses, detections, suppression."""

import mxnet as mx
from common import numbers, report, report_parameters, set_parameters
from mxnet import autograd, gluon, nd
from mxnet.gluon import loss as losses
from mxnet.gluon import nn


class SSD(gluon.HybridBlock):
    def __init__(self, classes, **kw):
        super().__init__(**kw)
        self.c = classes
        with self.name_scope():
            self.b = nn.HybridSequential()
            for f in (4, 6):
                self.b.add(
                    nn.Conv2D(f, 3, padding=1), nn.BatchNorm(in_channels=f), nn.Activation("relu"), nn.MaxPool2D()
                )
            self.d = nn.HybridSequential()
            self.d.add(nn.Conv2D(6, 3, padding=1, activation="relu"), nn.MaxPool2D())
            self.cls = nn.HybridSequential()
            self.box = nn.HybridSequential()
            for _ in range(2):
                self.cls.add(nn.Conv2D(4 * (classes + 1), 3, padding=1))
                self.box.add(nn.Conv2D(16, 3, padding=1))

    def hybrid_forward(self, F, x):
        sizes = [[0.2, 0.272], [0.37, 0.447]]
        ratios = [[1, 2, 0.5]] * 2
        A = []
        C = []
        B = []
        x = self.b(x)
        for i in range(2):
            if i:
                x = self.d(x)
            A.append(F.contrib.MultiBoxPrior(x, sizes=sizes[i], ratios=ratios[i], clip=False))
            C.append(F.flatten(F.transpose(self.cls[i](x), axes=(0, 2, 3, 1))))
            B.append(F.flatten(F.transpose(self.box[i](x), axes=(0, 2, 3, 1))))
        return F.concat(*A, dim=1), F.reshape(F.concat(*C, dim=1), shape=(0, -1, self.c + 1)), F.concat(*B, dim=1)


X = nd.array(numbers("ssd", (2, 3, 16, 16), 1))
Y = nd.array([[[0, 0.1, 0.1, 0.5, 0.6], [1, 0.5, 0.4, 0.9, 0.95]], [[1, 0.2, 0.3, 0.7, 0.7], [-1, -1, -1, -1, -1]]])


class Focal(losses.Loss):
    def __init__(self, axis=-1, alpha=0.25, gamma=2, batch_axis=0, **kw):
        super().__init__(None, batch_axis, **kw)
        self._a = axis
        self._al = alpha
        self._g = gamma

    def hybrid_forward(self, F, o, loss):
        o = F.softmax(o)
        pt = F.pick(o, loss, axis=self._a, keepdims=True)
        return F.mean(-self._al * ((1 - pt) ** self._g) * F.log(pt), axis=self._batch_axis, exclude=True)


class SL1(losses.Loss):
    def __init__(self, **kw):
        super().__init__(None, 0, **kw)

    def hybrid_forward(self, F, o, loss, m):
        return F.mean(F.smooth_l1((o - loss) * m, scalar=1.0), self._batch_axis, exclude=True)


for h in (0, 1):
    net = SSD(2, prefix="ssd_")
    net.initialize()
    net(X)
    set_parameters(net, 0.2)
    if h:
        net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.2, "wd": 5e-4})
    acc = mx.metric.Accuracy()
    mae = mx.metric.MAE()
    for i in range(3):
        with autograd.record():
            a, c, b = net(X)
            bt, bm, ct = nd.contrib.MultiBoxTarget(
                a, Y, c.transpose((0, 2, 1)), negative_mining_ratio=3, negative_mining_thresh=0.5
            )
            loss = Focal()(c, ct) + SL1()(b, bt, bm) + losses.SoftmaxCrossEntropyLoss()(c, ct)
        loss.backward()
        trainer.step(2)
        acc.update([ct], [c.softmax(axis=-1).argmax(-1)])
        mae.update([bt], [b * bm])
        report(i, loss, acc.get(), mae.get()[1])
    p = c.softmax(axis=-1).transpose((0, 2, 1))
    det = nd.contrib.MultiBoxDetection(p, b, a, force_suppress=True, nms_threshold=0.45, nms_topk=10)
    report(a.shape, det[0][:5])
    report_parameters(net)
    bx = nd.contrib.box_nms(det, overlap_thresh=0.3, coord_start=2, score_index=1, id_index=0)
    report(bx[1][:4])
    report(nd.contrib.box_iou(det[0][:3, 2:], Y[0][:, 1:]))
