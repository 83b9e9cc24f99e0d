"""Inception with batch normalisation.

Source: Ioffe and Szegedy, Batch Normalization, ICML 2015, figure 5; one convolution, not a separable one, comes first.
"""

from __future__ import annotations

import mxnet as mx

# Filters of each inception block: 1x1; 3x3 and its reduction; double 3x3 and its reduction; pooling and its projection.
# A block without 1x1 halves the image: its convolutions and its pooling have stride 2.
STAGES = (
    (
        (64, (64, 64), (64, 96), ("avg", 32)),
        (64, (64, 96), (64, 96), ("avg", 64)),
        (None, (128, 160), (64, 96), ("max", None)),
    ),
    (
        (224, (64, 96), (96, 128), ("avg", 128)),
        (192, (96, 128), (96, 128), ("avg", 128)),
        (160, (128, 160), (128, 160), ("avg", 128)),
        (96, (128, 192), (160, 192), ("avg", 128)),
        (None, (128, 192), (192, 256), ("max", None)),
    ),
    (
        (352, (192, 320), (160, 224), ("avg", 128)),
        (352, (192, 320), (192, 224), ("max", 128)),
    ),
)


def unit(x, name, filters, kernel=1, stride=1, pad=0):
    """Convolution, batch normalisation, relu."""
    x = mx.sym.Convolution(
        x, num_filter=filters, kernel=(kernel, kernel), stride=(stride, stride), pad=(pad, pad), name=name + "_conv"
    )
    x = mx.sym.BatchNorm(x, fix_gamma=False, name=name + "_bn")
    return mx.sym.Activation(x, act_type="relu", name=name + "_relu")


def block(x, name, single, triple, double, pooling):
    """Branches side by side, joined along the channels."""
    stride = 1 if single else 2
    kind, projected = pooling
    branches = [unit(x, name + "_1x1", single)] if single else []
    y = unit(x, name + "_3x3_reduce", triple[0])
    branches.append(unit(y, name + "_3x3", triple[1], kernel=3, stride=stride, pad=1))
    y = unit(x, name + "_double_reduce", double[0])
    y = unit(y, name + "_double_1", double[1], kernel=3, pad=1)
    branches.append(unit(y, name + "_double_2", double[1], kernel=3, stride=stride, pad=1))
    y = mx.sym.Pooling(x, kernel=(3, 3), stride=(stride, stride), pad=(1, 1), pool_type=kind, name=name + "_pool")
    branches.append(unit(y, name + "_projection", projected) if projected else y)
    return mx.sym.Concat(*branches, name=name + "_concat")


def inception_bn(num_classes=1000):
    """data (N, 3, 224, 224) -> softmax (N, num_classes)."""
    x = unit(mx.sym.Variable("data"), "1", 64, kernel=7, stride=2, pad=3)
    x = mx.sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="max", name="1_pool")
    x = unit(x, "2_reduce", 64)
    x = unit(x, "2", 192, kernel=3, pad=1)
    x = mx.sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="max", name="2_pool")
    for number, stage in enumerate(STAGES, start=3):
        for letter, sizes in zip("abcde", stage):
            x = block(x, str(number) + letter, *sizes)
    x = mx.sym.Pooling(x, kernel=(7, 7), pool_type="avg", global_pool=True, name="global_pool")
    x = mx.sym.FullyConnected(mx.sym.Flatten(x, name="flatten"), num_hidden=num_classes, name="fc")
    return mx.sym.SoftmaxOutput(x, name="softmax")
