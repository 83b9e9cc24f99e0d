"""Heads of networks in inference: what they return, without their gradients. Labels are not needed."""

from __future__ import annotations

from ..translate import translates


@translates("SoftmaxOutput")
def _(onnx, data, label, *, multi_output, preserve_shape, **_):
    if multi_output:
        return onnx.op("Softmax", data, axis=1)
    if preserve_shape or data.ndim <= 2:
        return onnx.op("Softmax", data, axis=data.ndim - 1)
    flat = onnx.op("Softmax", onnx.op("Flatten", data, axis=1, sizes=(data.sizes[0], -1)), axis=1)
    return onnx.reshape(flat, data.sizes)


@translates("LinearRegressionOutput", "MAERegressionOutput", "SVMOutput")
def _(onnx, data, label, **_):
    return data


@translates("LogisticRegressionOutput")
def _(onnx, data, label, **_):
    return onnx.op("Sigmoid", data)


@translates("MakeLoss")
def _(onnx, data, **_):
    return data


@translates("IdentityAttachKLSparseReg")
def _(onnx, data, moving_avg, **_):
    return data


@translates("softmax_cross_entropy")
def _(onnx, data, label):
    import numpy as np

    classes = onnx.constant(np.arange(data.shape[1]), "int64")
    chosen = onnx.op("Equal", onnx.unsqueeze(onnx.whole(label), 1), classes, dtype="bool")
    picked = onnx.reduce("Sum", onnx.op("Mul", onnx.op("Softmax", data, axis=1), onnx.cast(chosen, data.dtype)), [1],
                         False)  # fmt: skip
    total = onnx.reduce("Sum", onnx.op("Log", onnx.clip(picked, 1e-8, None)), [0], True)
    return onnx.op("Neg", total)
