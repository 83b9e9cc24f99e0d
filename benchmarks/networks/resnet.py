"""Residual networks of bottleneck units.

Sources: He et al., Deep Residual Learning, CVPR 2016 (version 1); He et al., Identity Mappings in Deep Residual
Networks, ECCV 2016 (version 2: normalisation and relu come before each convolution).
"""

from __future__ import annotations

import mxnet as mx

FILTERS = (256, 512, 1024, 2048)  # that come out of the units of each stage


def convolution(x, name, filters, kernel=1, stride=1, pad=0):
    """Convolution without bias."""
    return mx.sym.Convolution(
        x, num_filter=filters, kernel=(kernel, kernel), stride=(stride, stride), pad=(pad, pad), no_bias=True,
        name=name + "_conv",
    )  # fmt: skip


def normalised(x, name):
    """Batch normalisation."""
    return mx.sym.BatchNorm(x, fix_gamma=False, name=name + "_bn")


def relu(x, name):
    """Rectifier."""
    return mx.sym.Activation(x, act_type="relu", name=name + "_relu")


def unit_v1(x, name, filters, stride, first):
    """relu(shortcut + conv-bn-relu, conv-bn-relu, conv-bn); the first unit of a stage has a shortcut with weights."""
    y = convolution(x, name + "_1", filters // 4, stride=stride)
    y = relu(normalised(y, name + "_1"), name + "_1")
    y = convolution(y, name + "_2", filters // 4, kernel=3, pad=1)
    y = relu(normalised(y, name + "_2"), name + "_2")
    y = normalised(convolution(y, name + "_3", filters), name + "_3")
    if first:
        x = normalised(convolution(x, name + "_shortcut", filters, stride=stride), name + "_shortcut")
    return relu(mx.sym.elemwise_add(y, x, name=name + "_add"), name)


def unit_v2(x, name, filters, stride, first):
    """shortcut + bn-relu-conv, bn-relu-conv, bn-relu-conv; the first unit of a stage has a shortcut with weights."""
    before = relu(normalised(x, name + "_1"), name + "_1")
    y = convolution(before, name + "_1", filters // 4)
    y = relu(normalised(y, name + "_2"), name + "_2")
    y = convolution(y, name + "_2", filters // 4, kernel=3, stride=stride, pad=1)
    y = relu(normalised(y, name + "_3"), name + "_3")
    y = convolution(y, name + "_3", filters)
    if first:
        x = convolution(before, name + "_shortcut", filters, stride=stride)
    return mx.sym.elemwise_add(y, x, name=name + "_add")


def unit_leaky(x, name, filters, stride, first):
    """shortcut + conv-bn-leaky relu three times; the first unit of a stage has a conv-bn-leaky relu as its shortcut.

    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016, measures memory on networks of this kind.
    """

    def module(x, name, *sizes):
        return mx.sym.LeakyReLU(normalised(convolution(x, name, *sizes), name), act_type="leaky", name=name + "_leaky")

    y = module(x, name + "_1", filters // 4)
    y = module(y, name + "_2", filters // 4, 3, stride, 1)
    y = module(y, name + "_3", filters)
    if first:
        x = module(x, name + "_shortcut", filters, 1, stride)
    return mx.sym.elemwise_add(x, y, name=name + "_add")


UNITS = {"v1": unit_v1, "v2": unit_v2, "leaky": unit_leaky}


def resnet(units, kind="v1", num_classes=1000):
    """data (N, 3, 224, 224) -> softmax (N, num_classes).

    units  how many each of the four stages has
    kind   of all units, a key of UNITS
    """
    unit = UNITS[kind]
    x = convolution(mx.sym.Variable("data"), "0", 64, kernel=7, stride=2, pad=3)
    x = relu(normalised(x, "0"), "0")
    x = mx.sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max", name="0_pool")
    for stage, (count, filters) in enumerate(zip(units, FILTERS), start=1):
        for number in range(1, count + 1):
            stride = 2 if number == 1 and stage > 1 else 1
            x = unit(x, f"{stage}_{number}", filters, stride, first=number == 1)
    if kind == "v2":
        x = relu(normalised(x, "last"), "last")
    x = mx.sym.Pooling(x, kernel=(7, 7), pool_type="avg", global_pool=True, name="global_pool")
    x = mx.sym.FullyConnected(mx.sym.Flatten(x, name="flatten"), num_hidden=num_classes, name="fc")
    return mx.sym.SoftmaxOutput(x, name="softmax")
