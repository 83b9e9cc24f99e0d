"""GoogLeNet without local response normalisation and without its two auxiliary classifiers.

Source: Szegedy et al., Going Deeper with Convolutions, CVPR 2015, table 1.
"""

from __future__ import annotations

import mxnet as mx

# Filters of each inception block: 1x1; 3x3 and its reduction; 5x5 and its reduction; the projection after pooling.
STAGES = (
    ((64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64)),
    (
        (192, (96, 208), (16, 48), 64),
        (160, (112, 224), (24, 64), 64),
        (128, (128, 256), (24, 64), 64),
        (112, (144, 288), (32, 64), 64),
        (256, (160, 320), (32, 128), 128),
    ),
    ((256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128)),
)


def unit(x, name, filters, kernel=1, stride=1, pad=0):
    """Convolution and relu."""
    x = mx.sym.Convolution(
        x, num_filter=filters, kernel=(kernel, kernel), stride=(stride, stride), pad=(pad, pad), name=name + "_conv"
    )
    return mx.sym.Activation(x, act_type="relu", name=name + "_relu")


def halve(x, name):
    """Max pooling that halves the image."""
    return mx.sym.Pooling(
        x, kernel=(3, 3), stride=(2, 2), pool_type="max", name=name + "_pool"
    )


def block(x, name, single, triple, quintuple, projected):
    """Four branches side by side, joined along the channels."""
    pooled = mx.sym.Pooling(x, kernel=(3, 3), stride=(1, 1), pad=(1, 1), pool_type="max", name=name + "_pool")
    return mx.sym.Concat(
        unit(x, name + "_1x1", single),
        unit(unit(x, name + "_3x3_reduce", triple[0]), name + "_3x3", triple[1], kernel=3, pad=1),
        unit(unit(x, name + "_5x5_reduce", quintuple[0]), name + "_5x5", quintuple[1], kernel=5, pad=2),
        unit(pooled, name + "_projection", projected),
        name=name + "_concat",
    )


def googlenet(num_classes=1000):
    """data (N, 3, 224, 224) -> softmax (N, num_classes)."""
    x = halve(unit(mx.sym.Variable("data"), "1", 64, kernel=7, stride=2, pad=3), "1")
    x = halve(unit(unit(x, "2_reduce", 64), "2", 192, kernel=3, pad=1), "2")
    for number, stage in enumerate(STAGES, start=3):
        for letter, sizes in zip("abcde", stage):
            x = block(x, str(number) + letter, *sizes)
        if number < 5:
            x = halve(x, str(number))
    x = mx.sym.Pooling(x, kernel=(7, 7), pool_type="avg", global_pool=True, name="global_pool")
    x = mx.sym.FullyConnected(mx.sym.Flatten(x, name="flatten"), num_hidden=num_classes, name="fc")
    return mx.sym.SoftmaxOutput(x, name="softmax")
