"""LeNet and ResNet-18 in Gluon."""

from __future__ import annotations

from mxnet.gluon import HybridBlock, nn


def lenet():
    """LeCun et al. 1998, as MXNet's tutorials have it. (N, 1, 28, 28) -> (N, 10); 431,080 parameters."""
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(20, 5, activation="tanh"), nn.MaxPool2D(2, 2),
        nn.Conv2D(50, 5, activation="tanh"), nn.MaxPool2D(2, 2),
        nn.Flatten(), nn.Dense(500, activation="tanh"), nn.Dense(10),
    )  # fmt: skip
    return net


class Residual(HybridBlock):
    """Two 3x3 convolutions and a way around them, which is a 1x1 convolution where the shape changes."""

    def __init__(self, channels, stride, shortcut, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.body = nn.HybridSequential()
            self.body.add(
                nn.Conv2D(channels, 3, stride, 1, use_bias=False), nn.BatchNorm(), nn.Activation("relu"),
                nn.Conv2D(channels, 3, 1, 1, use_bias=False), nn.BatchNorm(),
            )  # fmt: skip
            self.shortcut = nn.HybridSequential() if shortcut else None
            if shortcut:
                self.shortcut.add(nn.Conv2D(channels, 1, stride, use_bias=False), nn.BatchNorm())

    def hybrid_forward(self, F, x):
        around = x if self.shortcut is None else self.shortcut(x)
        return F.relu(self.body(x) + around)


def resnet18():
    """He et al. 2015, figure 3, 18 layers. (N, 3, H, W) -> (N, 1000); 11,689,512 parameters."""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(64, 7, 2, 3, use_bias=False), nn.BatchNorm(), nn.Activation("relu"), nn.MaxPool2D(3, 2, 1))
    for channels in (64, 128, 256, 512):
        net.add(Residual(channels, 1 if channels == 64 else 2, shortcut=channels > 64), Residual(channels, 1, False))
    net.add(nn.GlobalAvgPool2D(), nn.Dense(1000))
    return net


NETWORKS = {"LeNet": lenet, "ResNet-18": resnet18}
