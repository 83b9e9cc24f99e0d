"""The same networks in torch.nn."""

from __future__ import annotations

from torch import nn


def lenet():
    """(N, 1, 28, 28) -> (N, 10); 431,080 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.Tanh(), nn.MaxPool2d(2, 2),
        nn.Conv2d(20, 50, 5), nn.Tanh(), nn.MaxPool2d(2, 2),
        nn.Flatten(), nn.Linear(800, 500), nn.Tanh(), nn.Linear(500, 10),
    )  # fmt: skip


class Residual(nn.Module):
    """Two 3x3 convolutions and a way around them, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip
        self.shortcut = None
        if inputs != channels:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        around = x if self.shortcut is None else self.shortcut(x)
        return nn.functional.relu(self.body(x) + around)


def resnet18():
    """(N, 3, H, W) -> (N, 1000); 11,689,512 parameters."""
    blocks, inputs = [], 64
    for channels in (64, 128, 256, 512):
        blocks += [Residual(inputs, channels, 1 if channels == 64 else 2), Residual(channels, channels, 1)]
        inputs = channels
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1), *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000),
    )  # fmt: skip


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a way around them, with biases where Gluon's model zoo has them."""

    def __init__(self, inputs, channels, stride):
        super().__init__()
        inner = channels // 4
        self.body = nn.Sequential(
            nn.Conv2d(inputs, inner, 1, stride), nn.BatchNorm2d(inner), nn.ReLU(),
            nn.Conv2d(inner, inner, 3, 1, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
            nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels),
        )  # fmt: skip
        self.shortcut = None
        if inputs != channels:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        around = x if self.shortcut is None else self.shortcut(x)
        return nn.functional.relu(self.body(x) + around)


def resnet50():
    """ResNet-50 v1 as in Gluon's model zoo. (N, 3, H, W) -> (N, 1000); 25,575,912 parameters."""
    blocks, inputs = [], 64
    for channels, count in ((256, 3), (512, 4), (1024, 6), (2048, 3)):
        for i in range(count):
            blocks.append(Bottleneck(inputs, channels, 2 if i == 0 and channels > 256 else 1))
            inputs = channels
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1), *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000),
    )  # fmt: skip


class InvertedResidual(nn.Module):
    """MobileNetV2's block: expansion, depthwise convolution, and a linear 1x1 convolution."""

    def __init__(self, inputs, channels, expansion, stride):
        super().__init__()
        inner = inputs * expansion
        self.around = stride == 1 and inputs == channels
        self.body = nn.Sequential(
            nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU6(),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False), nn.BatchNorm2d(inner), nn.ReLU6(),
            nn.Conv2d(inner, channels, 1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x):
        return x + self.body(x) if self.around else self.body(x)


def mobilenet_v2():
    """MobileNetV2 as in Gluon's model zoo. (N, 3, H, W) -> (N, 1000); 3,504,960 parameters."""
    blocks, inputs = [], 32
    for expansion, channels, count, stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for i in range(count):
            blocks.append(InvertedResidual(inputs, channels, expansion, stride if i == 0 else 1))
            inputs = channels
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6(), *blocks,
        nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6(), nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(1280, 1000, 1, bias=False), nn.Flatten(),
    )  # fmt: skip


def mlp():
    """(N, 784) -> (N, 10); 535,818 parameters."""
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))


class LanguageModel(nn.Module):
    """(steps, N) of word numbers -> (steps, N, 10000); 6,182,672 parameters."""

    def __init__(self):
        super().__init__()
        self.embed, self.lstm, self.classify = nn.Embedding(10000, 256), nn.LSTM(256, 256, 2), nn.Linear(256, 10000)

    def forward(self, x):
        return self.classify(self.lstm(self.embed(x))[0])


def encoder_layer():
    """(N, T, 512) -> (N, T, 512); 3,152,384 parameters."""
    return nn.TransformerEncoderLayer(512, 8, 2048, dropout=0.0, batch_first=True)


NETWORKS = {
    "LeNet": lenet,
    "ResNet-18": resnet18,
    "resnet50_v1": resnet50,
    "mobilenetv2_1.0": mobilenet_v2,
    "MLP": mlp,
    "LSTM language model": LanguageModel,
    "transformer encoder layer": encoder_layer,
}
