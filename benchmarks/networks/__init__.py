"""Networks as symbols, for mxnext and for MXNet 1.9.1 alike (Python 3.8 or newer), and the batches to plan them for.

Each network is built here and nowhere else; all nodes have names, so that both write the same JSON.
"""

from __future__ import annotations

from .alexnet import alexnet
from .googlenet import googlenet
from .inception_bn import inception_bn
from .lstm import lstm
from .resnet import resnet
from .vgg import vgg16

WORDS = 5000
LAYERS, HIDDEN = 4, 1024


def _image(network, *args):
    return lambda: network(*args), lambda batch: {"data": (batch, 3, 224, 224)}


def _lstm(steps):
    def shapes(batch):
        states = {f"l{layer}_{part}": (batch, HIDDEN) for layer in range(LAYERS) for part in "hc"}
        return dict(data=(batch, steps), **states)

    return lambda: lstm(LAYERS, HIDDEN, steps, WORDS), shapes


# name: (batch, symbol(), shapes of the inputs for a batch)
NETWORKS = {
    "Inception-BN": (32, *_image(inception_bn)),
    "GoogLeNet": (64, *_image(googlenet)),
    "VGG-16": (64, *_image(vgg16)),
    "AlexNet": (64, *_image(alexnet)),
    "ResNet-50 v1": (32, *_image(resnet, (3, 4, 6, 3), "v1")),
    "ResNet-50 v2": (32, *_image(resnet, (3, 4, 6, 3), "v2")),
    "ResNet [3, 24, 36, 3]": (32, *_image(resnet, (3, 24, 36, 3), "leaky")),
    "LSTM 4x1024, 100 steps": (64, *_lstm(100)),
    "LSTM 4x1024, 1000 steps": (64, *_lstm(1000)),
}
