"""AlexNet on one device.

Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Networks, NIPS 2012.
"""

from __future__ import annotations

import mxnet as mx


def unit(x, name, filters, kernel, stride=1, pad=0):
    """Convolution and relu."""
    x = mx.sym.Convolution(
        x, num_filter=filters, kernel=(kernel, kernel), stride=(stride, stride), pad=(pad, pad), name="conv" + name
    )
    return mx.sym.Activation(x, act_type="relu", name="relu" + name)


def halve(x, name):
    """Max pooling that halves the image."""
    return mx.sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="max", name="pool" + name)


def alexnet(num_classes=1000):
    """data (N, 3, 224, 224) -> softmax (N, num_classes)."""
    x = unit(mx.sym.Variable("data"), "1", 96, kernel=11, stride=4)
    x = halve(mx.sym.LRN(x, alpha=1e-4, beta=0.75, knorm=2, nsize=5, name="norm1"), "1")
    x = unit(x, "2", 256, kernel=5, pad=2)
    x = halve(mx.sym.LRN(x, alpha=1e-4, beta=0.75, knorm=2, nsize=5, name="norm2"), "2")
    x = unit(unit(x, "3", 384, kernel=3, pad=1), "4", 384, kernel=3, pad=1)
    x = halve(unit(x, "5", 256, kernel=3, pad=1), "5")
    x = mx.sym.Flatten(x, name="flatten")
    for layer in ("6", "7"):
        x = mx.sym.FullyConnected(x, num_hidden=4096, name="fc" + layer)
        x = mx.sym.Activation(x, act_type="relu", name="relu" + layer)
        x = mx.sym.Dropout(x, p=0.5, name="drop" + layer)
    x = mx.sym.FullyConnected(x, num_hidden=num_classes, name="fc8")
    return mx.sym.SoftmaxOutput(x, name="softmax")
