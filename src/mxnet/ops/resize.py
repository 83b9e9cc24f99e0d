"""Operators that change the size of images: (batch, channels, height, width)."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..base import MXNetError
from .attributes import Shape
from .registry import PartialShape, operator


def _check_images(name: str, *arrays: Tensor) -> None:
    for array in arrays:
        if array.ndim != 4:
            raise MXNetError(
                f"{name}: an input has shape {tuple(array.shape)}; expected (batch, channels, height, width)."
            )


@operator("UpSampling", variable_init={"weight": "bilinear"})
def up_sampling(
    *data: Tensor, scale: int, num_filter: int = 0, sample_type: Literal["bilinear", "nearest"],
    multi_input_mode: Literal["concat", "sum"] = "concat", workspace: int = 512,
) -> Tensor:  # fmt: skip
    """Enlarge images by a whole factor.

    Args:
        data: for "nearest", one or more arrays (batch, channels, height, width), each enlarged to the size that the
            first one gets and then concatenated along the channels or summed (multi_input_mode). For "bilinear", one
            such array and the weight (channels, 1, kernel, kernel) of a transposed convolution with kernel =
            2 * scale - scale % 2, which the initializer Bilinear makes an interpolation.
        scale: the factor.
        num_filter: number of channels, for "bilinear".
        workspace: no meaning here, accepted for compatibility.
    Raises: MXNetError if shapes don't fit one another.
    """
    _check_images("UpSampling", *data)
    if scale < 1:
        raise MXNetError(f"UpSampling: scale is {scale}; expected at least 1.")
    if sample_type == "bilinear":
        kernel = 2 * scale - scale % 2
        expected = (num_filter, 1, kernel, kernel)
        if len(data) != 2 or data[1].shape != expected or data[0].shape[1] != num_filter:
            given = " and ".join(str(tuple(array.shape)) for array in data)
            raise MXNetError(
                f"UpSampling: given shapes {given}; 'bilinear' expects data with num_filter={num_filter} channels, a "
                f"weight of shape {expected}."
            )
        pad = math.ceil((scale - 1) / 2)
        return torch.conv_transpose2d(data[0], data[1], None, scale, pad, 0, num_filter)
    height, width = data[0].shape[2] * scale, data[0].shape[3] * scale
    enlarged = []
    for array in data:
        factor = height // array.shape[2]
        if array.shape[2] * factor != height or array.shape[3] * factor != width:
            raise MXNetError(
                f"UpSampling: an input of shape {tuple(array.shape)} can't be enlarged by a whole factor to the size "
                f"{(height, width)} that the first one gets."
            )
        if factor == 1:
            enlarged.append(array)
        elif array.is_floating_point() and array.numel():
            enlarged.append(interpolate(array, (height, width), mode="nearest"))
        else:
            enlarged.append(array.repeat_interleave(factor, 2).repeat_interleave(factor, 3))
    if multi_input_mode == "sum":
        total = enlarged[0]
        for array in enlarged[1:]:
            total = total + array
        return total
    return torch.cat(enlarged, 1) if len(enlarged) > 1 or enlarged[0] is data[0] else enlarged[0]


@up_sampling.infer_arguments
def _(data: Shape, *, scale: int, num_filter: int, **_: Any) -> dict[str, PartialShape]:
    kernel = 2 * scale - scale % 2
    return {"weight": (num_filter, 1, kernel, kernel)}


@up_sampling.list_inputs
def _(*, count: int, sample_type: str, **_: Any) -> tuple[str, ...]:
    return ("data", "weight") if sample_type == "bilinear" else tuple(f"arg{i}" for i in range(count))


@up_sampling.infer_shape
def _(
    inputs: list[PartialShape], outputs: list[PartialShape], *, scale: int, num_filter: int, sample_type: str,
    multi_input_mode: str, **_: Any,
) -> tuple[list[PartialShape], list[PartialShape]]:  # fmt: skip
    data = inputs[0]
    if data is None or len(data) != 4 or any(shape is None or len(shape) != 4 for shape in inputs):
        return inputs, outputs
    channels = data[1]
    if sample_type == "bilinear":
        channels = num_filter
    elif multi_input_mode == "concat":
        each = [shape[1] for shape in inputs if shape is not None]
        channels = -1 if -1 in each else sum(each)
    return inputs, [(data[0], channels, *(-1 if size == -1 else size * scale for size in data[2:]))]


@operator("_contrib_BilinearResize2D")
def bilinear_resize_2d(
    data: Tensor, like: Tensor | None = None, *, height: int = 1, width: int = 1, scale_height: float | None = None,
    scale_width: float | None = None,
    mode: Literal["like", "odd_scale", "size", "to_even_down", "to_even_up", "to_odd_down", "to_odd_up"] = "size",
    align_corners: bool = True,
) -> Tensor:  # fmt: skip
    """Resize images by bilinear interpolation.

    Args:
        data: (batch, channels, height, width).
        like: for mode "like", an array whose last two sizes are taken.
        height, width: the new size, for mode "size" without scale_height.
        scale_height, scale_width: factors; in mode "size" scale_width counts together with scale_height only.
        mode: "size"; "like"; "odd_scale", sizes times factors, an odd number for an odd factor; "to_even_down",
            "to_even_up", "to_odd_down", "to_odd_up", the nearest such size, without factors.
        align_corners: the centres of the corner pixels stay in the corners.
    Raises: MXNetError if a size, a factor or like is missing.
    """
    _check_images("_contrib_BilinearResize2D", data)
    if mode == "size" and scale_height is None:
        scale_width = None
    if mode == "size" and scale_height is not None and scale_width is None:
        raise MXNetError(
            f"_contrib_BilinearResize2D: scale_height={scale_height} without scale_width; give both, or height and "
            f"width."
        )
    if (like is None) is (mode == "like"):
        raise MXNetError(f"_contrib_BilinearResize2D: like is for mode 'like', and mode is {mode!r}.")
    size = tuple(
        _new_size(old, other, given, factor, mode)
        for old, other, given, factor in zip(
            data.shape[2:], (1, 1) if like is None else like.shape[2:], (height, width), (scale_height, scale_width),
            strict=True,
        )
    )  # fmt: skip
    for axis, new in enumerate(size, 2):
        if new == 1:  # the first pixel, as in MXNet
            data = data.narrow(axis, 0, 1)
    return interpolate(data, size, mode="bilinear", align_corners=align_corners)


def _new_size(old: int, other: int, given: int, factor: float | None, mode: str) -> int:
    if mode == "like":
        return other
    if mode == "size":
        size = given if factor is None else int(old * factor)
    elif mode == "odd_scale":
        if factor is None:
            raise MXNetError("_contrib_BilinearResize2D: mode 'odd_scale' needs scale_height and scale_width.")
        size = int(old * factor) if old % 2 == 0 else int((old - 1) * factor) + 1
    else:
        odd = "odd" in mode
        size = old if old % 2 == odd else old + (1 if mode.endswith("up") else -1)
    if size < 1:
        raise MXNetError(f"_contrib_BilinearResize2D: the new size would be {size}; expected at least 1.")
    return size


@bilinear_resize_2d.list_inputs
def _(*, mode: str, **_: Any) -> tuple[str, ...]:
    return ("data", "like") if mode == "like" else ("data",)


@bilinear_resize_2d.infer_shape
def _(
    inputs: list[PartialShape], outputs: list[PartialShape], *, height: int, width: int, scale_height: float | None,
    scale_width: float | None, mode: str, **_: Any,
) -> tuple[list[PartialShape], list[PartialShape]]:  # fmt: skip
    data, like = inputs[0], inputs[1] if len(inputs) > 1 else (1, 1, 1, 1)
    if data is None or like is None or len(data) != 4 or -1 in (*data[2:], *like[2:]):
        return inputs, outputs
    sizes = zip(data[2:], like[2:], (height, width), (scale_height, scale_width), strict=True)
    return inputs, [(*data[:2], *(_new_size(old, other, new, scale, mode) for old, other, new, scale in sizes))]


@operator("Crop", view=True, output_names=("output",))
def crop(*data: Tensor, offset: Shape = (0, 0), h_w: Shape = (0, 0), center_crop: bool = False) -> Tensor:
    """Cut a rectangle out of images.

    Args:
        data: one array (batch, channels, height, width), cut to the size h_w; or two, of which the first is cut to the
            height and width of the second.
        offset: the upper left corner (y, x), unless center_crop.
        h_w: the size (height, width), with one array.
        center_crop: cut out the middle.
    Raises: MXNetError if the rectangle isn't inside the image.
    """
    _check_images("Crop", *data)
    if not 1 <= len(data) <= 2 or len(offset) != 2 or len(h_w) != 2:
        raise MXNetError(f"Crop: {len(data)} arrays, offset={offset}, h_w={h_w}; expected 1 or 2, two numbers each.")
    size = tuple(data[1].shape[2:]) if len(data) == 2 else h_w
    room = [old - new for old, new in zip(data[0].shape[2:], size, strict=True)]
    start = [r // 2 for r in room] if center_crop else offset
    if min(size) < 1 or any(not 0 <= s <= r for s, r in zip(start, room, strict=True)):
        raise MXNetError(
            f"Crop: a rectangle of size {size} at {tuple(start)} isn't inside data of shape {tuple(data[0].shape)}."
        )
    return data[0].narrow(2, start[0], size[0]).narrow(3, start[1], size[1])


