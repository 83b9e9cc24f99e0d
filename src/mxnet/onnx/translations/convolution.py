"""Convolution, its transpose, and the fully connected layer."""

from __future__ import annotations

from ...ops.convolution import _output_padding, check_geometry, is_channel_last
from ..builder import Array, Builder
from ..translate import translates


def channels_first(onnx: Builder, data: Array, last: bool) -> Array:
    """(batch, ..., channels) to (batch, channels, ...), if last."""
    return onnx.move_axis(data, -1, 1) if last else data


def channels_back(onnx: Builder, data: Array, last: bool, ndim: int) -> Array:
    """The reverse of channels_first."""
    return onnx.transpose(data, (0, *range(2, ndim), 1)) if last else data


@translates("Convolution", "Convolution_v1")
def _(onnx, data, weight, bias=None, *, kernel, stride, dilate, pad, num_group, layout, **_):
    stride, dilate, pad = check_geometry("Convolution", kernel, stride, dilate, pad, layout, data.ndim)
    last = is_channel_last(layout)
    out = onnx.op(
        "Conv", channels_first(onnx, data, last), channels_first(onnx, weight, last), bias, kernel_shape=list(kernel),
        strides=list(stride), dilations=list(dilate), pads=[*pad, *pad], group=num_group,
    )  # fmt: skip
    return channels_back(onnx, out, last, data.ndim)


@translates("Deconvolution")
def _(onnx, data, weight, bias=None, *, kernel, stride, dilate, pad, adj, target_shape, num_group, layout, **_):
    stride, dilate, pad = check_geometry("Deconvolution", kernel, stride, dilate, pad, layout, data.ndim)
    last = is_channel_last(layout)
    data, weight = channels_first(onnx, data, last), channels_first(onnx, weight, last)
    spatial = data.shape[2:] if any(target_shape) else data.sizes[2:]
    padding, extra = _output_padding(tuple(spatial), kernel, stride, dilate, pad, adj, target_shape)
    common = {"kernel_shape": list(kernel), "strides": list(stride), "dilations": list(dilate), "group": num_group}
    if any(e >= s for e, s in zip(extra, stride, strict=True)):  # only from target_shape
        out = onnx.op("ConvTranspose", data, weight, bias, **common)
        ends = [begin + size for begin, size in zip(padding, target_shape, strict=True)]
        out = onnx.slice(out, padding, ends, range(2, data.ndim))
    else:
        out = onnx.op(
            "ConvTranspose", data, weight, bias, pads=[*padding, *padding], output_padding=list(extra), **common
        )
    return channels_back(onnx, out, last, data.ndim)


@translates("FullyConnected")
def _(onnx, data, weight, bias=None, *, num_hidden, no_bias, flatten):
    if flatten and data.ndim != 2:
        data = onnx.unsqueeze(data, 1) if data.ndim == 1 else onnx.op("Flatten", data, axis=1, sizes=(-1, -1))
    return affine(onnx, data, weight, bias, data.ndim)


def affine(onnx: Builder, data: Array, weight: Array, bias: Array | None, ndim: int) -> Array:
    """``data @ weight.T + bias``."""
    if ndim == 2 and data.is_floating:
        return onnx.op("Gemm", data, weight, bias, transB=1)
    if weight.constant is not None:
        turned = onnx.constant(weight.constant.t().contiguous(), weight.dtype)
    else:
        turned = onnx.transpose(weight, (1, 0))
    out = onnx.op("MatMul", data, turned)
    return out if bias is None else onnx.op("Add", out, bias)


