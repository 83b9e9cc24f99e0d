"""Operators that change the size of images."""

from __future__ import annotations

import math

import numpy as np

from ..builder import Array, Builder
from ..translate import translates


@translates("UpSampling")
def _(onnx, *data, scale, num_filter, sample_type, multi_input_mode, workspace):
    if sample_type == "bilinear":
        pad, kernel = math.ceil((scale - 1) / 2), 2 * scale - scale % 2
        return onnx.op(
            "ConvTranspose", *data, kernel_shape=[kernel] * 2, strides=[scale] * 2, pads=[pad] * 4, group=num_filter
        )
    height = data[0].sizes[2] * scale if len(data) > 1 else None
    enlarged = [
        _nearest(onnx, array, scale if height is None else height // array.shape[2]) for array in data
    ]
    if len(enlarged) == 1:
        return enlarged[0]
    return onnx.op("Sum", *enlarged) if multi_input_mode == "sum" else onnx.op("Concat", *enlarged, axis=1)


def _nearest(onnx: Builder, data: Array, factor: int) -> Array:
    if factor == 1:
        return data
    scales = onnx.constant(np.array([1, 1, factor, factor]), "float32")
    return onnx.op(
        "Resize", data, None, scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )


@translates("_contrib_BilinearResize2D")
def _(onnx, data, like=None, *, align_corners, **_):
    sizes = onnx.out.shape
    single = [axis for axis in (2, 3) if sizes[axis] == 1]
    if single:  # the first pixel
        data = onnx.slice(data, [0] * len(single), [1] * len(single), single)
    mode = "align_corners" if align_corners else "half_pixel"
    return onnx.op("Resize", data, None, None, onnx.ints(*sizes), mode="linear", coordinate_transformation_mode=mode)
