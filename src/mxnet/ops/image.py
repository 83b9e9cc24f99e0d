"""Operators on images: (H, W, C) or a batch of them (N, H, W, C), until `_image_to_tensor` makes (C, H, W) of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ..base import MXNetError
from .attributes import Floats, Shape
from .registry import operator

_GRAY = (0.299, 0.587, 0.114)  # luma of R, G, B (ITU-R BT.601)
# Principal components of the colours of ImageNet (Krizhevsky et al., 2012): eigenvalues times eigenvectors, by column.
_LIGHTING = tuple(
    tuple(value * row for value, row in zip((55.46, 4.794, 1.148), rows, strict=True))
    for rows in ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
)


def _check_image(name: str, shape: tuple[int, ...] | torch.Size, batches: bool = True) -> None:
    if len(shape) == 3 or (batches and len(shape) == 4):
        return
    expected = "(height, width, channels)" + (" or (N, height, width, channels)" if batches else "")
    raise MXNetError(f"{name}: data has shape {tuple(shape)}; expected an image {expected}.")


def _saturate(data: Tensor, dtype: torch.dtype) -> Tensor:
    """data as dtype; integers are cut to their range and rounded towards zero."""
    if dtype.is_floating_point:
        return data.to(dtype)
    limits = torch.iinfo(dtype)
    return data.clamp(limits.min, limits.max).to(dtype)


@operator("_image_to_tensor", out_dtype="float32")
def _image_to_tensor(data: Tensor) -> Tensor:
    """An image of numbers from 0 to 255 as a tensor of numbers from 0 to 1, channels first.

    data     (H, W, C) or (N, H, W, C), any dtype
    returns  (C, H, W) or (N, C, H, W) float32
    """
    _check_image("_image_to_tensor", data.shape)
    order = (2, 0, 1) if data.ndim == 3 else (0, 3, 1, 2)
    return data.permute(order).to(torch.float32) / 255


@operator("_image_normalize")
def _image_normalize(
    data: Tensor, *, mean: Floats = (0.0, 0.0, 0.0, 0.0), std: Floats = (1.0, 1.0, 1.0, 1.0)
) -> Tensor:
    """``(data - mean) / std`` for each channel.

    data       (C, H, W) or (N, C, H, W), C 1 or 3, floating
    mean, std  one number for all channels or one for each
    """
    shape = data.shape
    if len(shape) not in (3, 4):
        raise MXNetError(
            f"_image_normalize: data has shape {tuple(shape)}; expected (channels, height, width) or (N, channels, "
            "height, width)."
        )
    channels = shape[-3]
    if channels not in (1, 3) or not data.dtype.is_floating_point:
        raise MXNetError(
            f"_image_normalize: data has shape {tuple(shape)} and dtype {data.dtype}; expected 1 or 3 channels, first, "
            "and a floating dtype. Use _image_to_tensor (ToTensor) before."
        )
    shift = _per_channel(mean, channels, "mean", data)
    scale = _per_channel(std, channels, "std", data)
    return (data - shift) / scale


def _per_channel(values: Floats, channels: int, name: str, like: Tensor) -> float | Tensor:
    if len(set(values)) == 1 and len(values) in (1, 4, channels):  # four is the length of the default
        return values[0]
    if len(values) != channels:
        raise MXNetError(
            f"_image_normalize: {name} must have either 1 or {channels} elements for data with {channels} channels, "
            f"but got {values}."
        )
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(channels, 1, 1)


@operator("_image_crop", view=True)
def _image_crop(data: Tensor, *, x: int, y: int, width: int, height: int) -> Tensor:
    """The part of width and height whose upper left corner is at column x and row y.

    data     (H, W, C) or (N, H, W, C)
    returns  (height, width, C) or (N, height, width, C)
    """
    _check_image("_image_crop", data.shape)
    rows, columns = data.shape[-3:-1]
    if x < 0 or y < 0 or width <= 0 or height <= 0 or x + width > columns or y + height > rows:
        raise MXNetError(
            f"_image_crop: x={x}, y={y}, width={width}, height={height} is not inside an image of width {columns} and "
            f"height {rows}; expected x + width <= {columns} and y + height <= {rows}."
        )
    return data[..., y : y + height, x : x + width, :]


@operator("_image_resize")
def _image_resize(data: Tensor, *, size: Shape = (), keep_ratio: bool = False, interp: int = 1) -> Tensor:
    """Scale an image with OpenCV's rules.

    data        (H, W, C) or (N, H, W, C)
    size        (width, height), or one number: that of both sides, or with keep_ratio that of the shorter one
    interp      0 nearest, 1 bilinear, 2 bicubic, 3 mean over areas, 4 Lanczos over 8 pixels
    returns     (height, width, C) or (N, height, width, C), dtype of data; integers are rounded and cut to their range
    """
    _check_image("_image_resize", data.shape)
    if len(size) not in (1, 2) or min(size) <= 0:
        raise MXNetError(f"_image_resize: size is {size}; expected one positive number, or two: (width, height).")
    if interp not in _KERNELS:
        raise MXNetError(f"_image_resize: interp is {interp}; expected 0 (nearest), 1, 2, 3 (area) or 4 (Lanczos).")
    rows, columns = data.shape[-3:-1]
    if len(size) == 2:
        width, height = size
    elif not keep_ratio:
        width = height = size[0]
    elif rows > columns:
        width, height = size[0], rows * size[0] // columns
    else:
        width, height = columns * size[0] // rows, size[0]
    if (height, width) == (rows, columns):
        return data.clone()
    if data.numel() == 0 or min(height, width) < 1:
        raise MXNetError(
            f"_image_resize: can't make an image of height {height} and width {width} from data of shape "
            f"{tuple(data.shape)}; expected sizes of at least 1."
        )
    images = data if data.ndim == 4 else data[None]
    if interp == 1 and type(data) is Tensor and data.dtype is torch.uint8 and data.device.type == "cpu":
        if (resize := _opencv_resize()) is not None:  # the same bits as below, in a tenth of the time
            result = data.new_empty((len(images), height, width, data.shape[-1]))
            for image, target in zip(images.contiguous().numpy(), result.numpy(), strict=True):
                target[...] = resize(image, (width, height), interpolation=1).reshape(target.shape)
            return result if data.ndim == 4 else result[0]
    result = _resample(images.permute(0, 3, 1, 2), height, width, interp).permute(0, 2, 3, 1)
    return result if data.ndim == 4 else result[0]


@functools.cache
def _opencv_resize() -> Callable[..., Any] | None:
    try:
        import cv2
    except ImportError:
        return None
    return cv2.resize


_KERNELS = {0: "nearest", 1: "bilinear", 2: "bicubic", 3: "area", 4: "lanczos"}


def _resample(data: Tensor, height: int, width: int, interp: int) -> Tensor:
    """(N, C, H, W) -> (N, C, height, width)."""
    if interp == 0:
        rows = _nearest(data.shape[2], height, data.device)
        return data[:, :, rows][..., _nearest(data.shape[3], width, data.device)]
    dtype = data.dtype
    if interp == 1 and dtype is torch.uint8:
        return _bilinear_uint8(data, height, width)
    values = data if dtype in (torch.float32, torch.float64) else data.to(torch.float32)
    if interp in (1, 2):
        values = F.interpolate(values, size=(height, width), mode=_KERNELS[interp], align_corners=False)
    else:
        grows = height > data.shape[2] or width > data.shape[3]
        weights = _lanczos_weights if interp == 4 else _ramp_weights if grows else _area_weights
        down = weights(data.shape[2], height).to(values)
        across = weights(data.shape[3], width).to(values)
        values = down @ values @ across.T
    return values.to(dtype) if dtype.is_floating_point else _saturate(values.round(), dtype)


def _nearest(size: int, target: int, device: torch.device) -> Tensor:
    return (torch.arange(target, dtype=torch.float64) * (size / target)).floor().clamp(max=size - 1).long().to(device)


def _bilinear_uint8(data: Tensor, height: int, width: int) -> Tensor:
    """OpenCV's bilinear interpolation of bytes, to the bit: with weights in 1/2048, and its way of rounding."""
    left, right, weight = _neighbours(data.shape[3], width, data.device)
    values = data.to(torch.int32)
    across = values[..., left] * (2048 - weight) + values[..., right] * weight
    above, below, weight = _neighbours(data.shape[2], height, data.device, clamp_places=False)
    across, weight = across >> 4, weight[:, None]
    down = ((across[:, :, above] * (2048 - weight)) >> 16) + ((across[:, :, below] * weight) >> 16)
    return ((down + 2) >> 2).to(torch.uint8)


def _neighbours(
    size: int, target: int, device: torch.device, clamp_places: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """The elements before and after each of target places, and the weight of the latter in 1/2048.

    At the edges OpenCV clamps places across, but only the numbers of elements down, which rounds otherwise.
    """
    places = ((torch.arange(target, dtype=torch.float64) + 0.5) * (size / target) - 0.5).to(torch.float32)
    if clamp_places:
        places = places.clamp(0, size - 1)
    before = places.floor()
    weight = ((places - before) * 2048).round().to(torch.int32)
    first, second = (element.long().clamp(0, size - 1).to(device) for element in (before, before + 1))
    return first, second, weight.to(device)


def _area_weights(size: int, target: int) -> Tensor:
    """(target, size): how much of each element lies in each of target equal intervals."""
    starts = torch.arange(target, dtype=torch.float64)[:, None] * (size / target)
    elements = torch.arange(size, dtype=torch.float64)
    overlap = torch.minimum(starts + size / target, elements + 1) - torch.maximum(starts, elements)
    overlap = overlap.clamp(min=0)
    return overlap / overlap.sum(1, keepdim=True)


def _ramp_weights(size: int, target: int) -> Tensor:
    """(target, size): what "area" means where an image grows: elements keep their area, with a short ramp between."""
    scale = size / target
    places = torch.arange(target, dtype=torch.float64)
    left = (places * scale).floor()
    part = (places + 1) - (left + 1) / scale
    part = torch.where(part <= 0, torch.zeros_like(part), part - part.floor())
    weights = torch.zeros(target, size, dtype=torch.float64)
    weights.scatter_add_(1, left.long()[:, None], (1 - part)[:, None])
    return weights.scatter_add_(1, (left.long() + 1).clamp(max=size - 1)[:, None], part[:, None])


def _lanczos_weights(size: int, target: int) -> Tensor:
    """(target, size): the weights of the eight elements around each place, elements at the edge repeated."""
    centers = (torch.arange(target, dtype=torch.float64) + 0.5) * (size / target) - 0.5
    around = centers.floor()[:, None] + torch.arange(-3, 5, dtype=torch.float64)
    distance = centers[:, None] - around
    values = torch.sinc(distance) * torch.sinc(distance / 4)
    values = values / values.sum(1, keepdim=True)
    return torch.zeros(target, size, dtype=torch.float64).scatter_add_(1, around.long().clamp(0, size - 1), values)


@operator("_image_flip_left_right")
def _image_flip_left_right(data: Tensor) -> Tensor:
    """The image (H, W, C) mirrored: the last column first."""
    _check_image("_image_flip_left_right", data.shape, batches=False)
    return data.flip(1)


@operator("_image_flip_top_bottom")
def _image_flip_top_bottom(data: Tensor) -> Tensor:
    """The image (H, W, C) upside down: the last row first."""
    _check_image("_image_flip_top_bottom", data.shape, batches=False)
    return data.flip(0)


@operator("_image_random_flip_left_right")
def _image_random_flip_left_right(data: Tensor, *, generator: Generator | None = None) -> Tensor:
    """The image (H, W, C), mirrored left to right with probability 1/2."""
    _check_image("_image_random_flip_left_right", data.shape, batches=False)
    return torch.where(_uniform(0, 1, data, generator) < 0.5, data.flip(1), data)


@operator("_image_random_flip_top_bottom")
def _image_random_flip_top_bottom(data: Tensor, *, generator: Generator | None = None) -> Tensor:
    """The image (H, W, C), turned upside down with probability 1/2."""
    _check_image("_image_random_flip_top_bottom", data.shape, batches=False)
    return torch.where(_uniform(0, 1, data, generator) < 0.5, data.flip(0), data)


def _uniform(low: float, high: float, like: Tensor, generator: Generator | None) -> Tensor:
    return torch.rand((), generator=generator, device=like.device) * (high - low) + low


def _factor(name: str, low: float, high: float, data: Tensor, generator: Generator | None) -> Tensor:
    _check_image(name, data.shape, batches=False)
    if low < 0 or high < low:
        raise MXNetError(f"{name}: min_factor={low}, max_factor={high}; expected 0 <= min_factor <= max_factor.")
    return _uniform(low, high, data, generator)


def _floating(data: Tensor) -> Tensor:
    return data if data.dtype in (torch.float32, torch.float64) else data.to(torch.float32)


def _gray(values: Tensor) -> Tensor:
    """(H, W, 3) -> (H, W, 1); one channel stays as it is."""
    if values.shape[2] == 1:
        return values
    if values.shape[2] != 3:
        raise MXNetError(f"the image has shape {tuple(values.shape)}; expected 1 or 3 channels.")
    return (values * values.new_tensor(_GRAY)).sum(2, keepdim=True)


def _brighten(values: Tensor, factor: Tensor) -> Tensor:
    return values * factor


def _contrast(values: Tensor, factor: Tensor) -> Tensor:
    return values * factor + _gray(values).mean() * (1 - factor)


def _saturation(values: Tensor, factor: Tensor) -> Tensor:
    return values * factor + _gray(values) * (1 - factor)


def _hue(values: Tensor, factor: Tensor) -> Tensor:
    """Turn the hue by factor full circles; largest and smallest component of each pixel stay what they are."""
    if values.shape[2] == 1:
        return values.clone()
    if values.shape[2] != 3:
        raise MXNetError(f"the image has shape {tuple(values.shape)}; expected 1 or 3 channels.")
    red, green, blue = values.unbind(2)
    top, bottom = values.amax(2), values.amin(2)
    chroma = top - bottom
    safe = torch.where(chroma == 0, torch.ones_like(chroma), chroma)
    sector = torch.where(
        top == red,
        (green - blue) / safe,
        torch.where(top == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    sector = sector + 6 * factor
    components = []
    for offset in (5, 3, 1):
        place = (sector + offset) % 6
        components.append(top - chroma * torch.minimum(place, 4 - place).clamp(0, 1))
    return torch.stack(components, 2)


@operator("_image_random_brightness")
def _image_random_brightness(
    data: Tensor, *, min_factor: float, max_factor: float, generator: Generator | None = None
) -> Tensor:
    """The image (H, W, C) times a factor drawn from [min_factor, max_factor]; integers are cut to their range."""
    factor = _factor("_image_random_brightness", min_factor, max_factor, data, generator)
    return _saturate(_brighten(_floating(data), factor), data.dtype)


@operator("_image_random_contrast")
def _image_random_contrast(
    data: Tensor, *, min_factor: float, max_factor: float, generator: Generator | None = None
) -> Tensor:
    """Distances from the mean gray of the image (H, W, C) times a factor drawn from [min_factor, max_factor]."""
    factor = _factor("_image_random_contrast", min_factor, max_factor, data, generator)
    return _saturate(_contrast(_floating(data), factor), data.dtype)


@operator("_image_random_saturation")
def _image_random_saturation(
    data: Tensor, *, min_factor: float, max_factor: float, generator: Generator | None = None
) -> Tensor:
    """Distances from the gray of each pixel of (H, W, C) times a factor drawn from [min_factor, max_factor]."""
    factor = _factor("_image_random_saturation", min_factor, max_factor, data, generator)
    return _saturate(_saturation(_floating(data), factor), data.dtype)


@operator("_image_random_hue")
def _image_random_hue(
    data: Tensor, *, min_factor: float, max_factor: float, generator: Generator | None = None
) -> Tensor:
    """The hue of the image (H, W, C) turned by a number of full circles drawn from [min_factor, max_factor]."""
    factor = _factor("_image_random_hue", min_factor, max_factor, data, generator)
    return _saturate(_hue(_floating(data), factor), data.dtype)


@operator("_image_random_color_jitter")
def _image_random_color_jitter(
    data: Tensor, *, brightness: float, contrast: float, saturation: float, hue: float,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Random brightness, contrast, saturation and hue of an image (H, W, C), in this order.

    Each factor is drawn from [max(0, 1 - x), 1 + x], where x is the attribute; 0 leaves that property alone.
    """
    _check_image("_image_random_color_jitter", data.shape, batches=False)
    values = _floating(data)
    for strength, change in ((brightness, _brighten), (contrast, _contrast), (saturation, _saturation), (hue, _hue)):
        if strength < 0:
            raise MXNetError(
                f"_image_random_color_jitter: brightness={brightness}, contrast={contrast}, saturation={saturation}, "
                f"hue={hue}; expected numbers that are not negative."
            )
        if strength:
            values = change(values, _uniform(max(0.0, 1 - strength), 1 + strength, data, generator))
    return data.clone() if values is data else _saturate(values, data.dtype)


def _light(name: str, data: Tensor, alpha: Tensor) -> Tensor:
    _check_image(name, data.shape, batches=False)
    if data.shape[2] != 3:
        raise MXNetError(f"{name}: data has shape {tuple(data.shape)}; expected 3 channels, last.")
    values = _floating(data)
    return _saturate(values + values.new_tensor(_LIGHTING) @ alpha.to(values), data.dtype)


@operator("_image_adjust_lighting")
def _image_adjust_lighting(data: Tensor, *, alpha: Floats) -> Tensor:
    """Add the principal components of the colours of ImageNet, times the three numbers alpha, to (H, W, 3)."""
    if len(alpha) != 3:
        raise MXNetError(f"_image_adjust_lighting: alpha is {alpha}; expected 3 numbers.")
    return _light("_image_adjust_lighting", data, torch.tensor(alpha, device=data.device))


@operator("_image_random_lighting")
def _image_random_lighting(data: Tensor, *, alpha_std: float = 0.05, generator: Generator | None = None) -> Tensor:
    """`_image_adjust_lighting` with numbers drawn from a normal distribution of standard deviation alpha_std."""
    alpha = torch.randn(3, generator=generator, device=data.device) * alpha_std
    return _light("_image_random_lighting", data, alpha)
