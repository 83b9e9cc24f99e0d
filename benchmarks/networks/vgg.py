"""VGG with 16 layers that have weights.

Source: Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015, table 1, column D.
"""

from __future__ import annotations

import mxnet as mx

STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))  # convolutions, filters of each


def vgg16(num_classes=1000):
    """data (N, 3, 224, 224) -> softmax (N, num_classes)."""
    x = mx.sym.Variable("data")
    for stage, (layers, filters) in enumerate(STAGES, start=1):
        for layer in range(1, layers + 1):
            name = f"{stage}_{layer}"
            x = mx.sym.Convolution(x, num_filter=filters, kernel=(3, 3), pad=(1, 1), name="conv" + name)
            x = mx.sym.Activation(x, act_type="relu", name="relu" + name)
        x = mx.sym.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max", name=f"pool{stage}")
    x = mx.sym.Flatten(x, name="flatten")
    for layer in ("6", "7"):
        x = mx.sym.FullyConnected(x, num_hidden=4096, name="fc" + layer)
        x = mx.sym.Activation(x, act_type="relu", name="relu" + layer)
        x = mx.sym.Dropout(x, p=0.5, name="drop" + layer)
    x = mx.sym.FullyConnected(x, num_hidden=num_classes, name="fc8")
    return mx.sym.SoftmaxOutput(x, name="softmax")
