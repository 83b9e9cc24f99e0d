"""The same LeNet and ResNet-18 in torch.nn."""

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


NETWORKS = {"LeNet": lenet, "ResNet-18": resnet18}
