"""Networks in Gluon."""

from __future__ import annotations

from mxnet.gluon import HybridBlock, nn, rnn
from mxnet.gluon.model_zoo import vision


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


def mlp():
    """(N, 784) -> (N, 10); 535,818 parameters."""
    net = nn.HybridSequential()
    net.add(nn.Dense(512, activation="relu"), nn.Dense(256, activation="relu"), nn.Dense(10))
    return net


def language_model():
    """Zaremba et al. 2014 without dropout. (steps, N) of word numbers -> (steps, N, 10000); 6,182,672 parameters."""
    net = nn.HybridSequential()
    net.add(nn.Embedding(10000, 256), rnn.LSTM(256, num_layers=2), nn.Dense(10000, flatten=False))
    return net


class EncoderLayer(HybridBlock):
    """Vaswani et al. 2017, figure 1, left, without dropout: attention and a network of two layers, each normalised.

    Shapes: x (N, T, channels) -> out (N, T, channels)
    """

    def __init__(self, channels, heads, hidden, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        with self.name_scope():
            self.project = nn.Dense(3 * channels, flatten=False)
            self.join = nn.Dense(channels, flatten=False)
            self.norm = nn.LayerNorm()
            self.body = nn.HybridSequential()
            self.body.add(nn.Dense(hidden, flatten=False, activation="relu"), nn.Dense(channels, flatten=False))
            self.body_norm = nn.LayerNorm()
        self.scale = (channels // heads) ** -0.5

    def hybrid_forward(self, F, x):
        # (N, T, 3 C) -> (3, N, heads, T, C / heads) -> three of (N heads, T, C / heads)
        parts = F.transpose(F.reshape(self.project(x), shape=(0, 0, 3, self.heads, -1)), axes=(2, 0, 3, 1, 4))
        query, key, value = F.split(F.reshape(parts, shape=(0, -3, 0, 0)), num_outputs=3, axis=0, squeeze_axis=True)
        weights = F.softmax(F.batch_dot(query * self.scale, key, transpose_b=True), axis=-1)
        heads = F.reshape(F.batch_dot(weights, value), shape=(-4, -1, self.heads, 0, 0))
        x = self.norm(x + self.join(F.reshape(F.transpose(heads, axes=(0, 2, 1, 3)), shape=(0, 0, -3))))
        return self.body_norm(x + self.body(x))


def encoder_layer():
    """(N, T, 512) -> (N, T, 512); 3,152,384 parameters."""
    return EncoderLayer(512, 8, 2048)


NETWORKS = {
    "LeNet": lenet,
    "ResNet-18": resnet18,
    "resnet50_v1": vision.resnet50_v1,
    "MLP": mlp,
    "LSTM language model": language_model,
    "transformer encoder layer": encoder_layer,
}
