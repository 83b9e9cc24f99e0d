"""Transforms of images: blocks that take (H, W, C), often uint8, and are applied with `Dataset.transform_first`.

>>> transform = transforms.Compose([transforms.Resize(256), transforms.ToTensor(), transforms.Normalize(0.5, 0.25)])
>>> dataset = dataset.transform_first(transform)

Sizes are a number, for both sides, or (width, height). Interpolations are 0 nearest, 1 bilinear, 2 bicubic, 3 mean
over areas, 4 Lanczos.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as functional

from .... import ndarray as nd
from ....base import MXNetError
from ....ndarray import from_torch
from ...block import Block, HybridBlock
from ...nn import HybridSequential, Sequential

__all__ = [
    "Cast", "CenterCrop", "Compose", "CropResize", "Normalize", "RandomApply", "RandomBrightness", "RandomColorJitter",
    "RandomContrast", "RandomFlipLeftRight", "RandomFlipTopBottom", "RandomHue", "RandomLighting", "RandomResizedCrop",
    "RandomRotation", "RandomSaturation", "Resize", "Rotate", "ToTensor",
]  # fmt: skip

Size = int | Sequence[int]


class Compose(Sequential):
    """Several transforms, one after the other; hybrid ones in a row run as one graph."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        super().__init__()
        row: list[HybridBlock] = []
        for transform in (*transforms, None):
            if isinstance(transform, HybridBlock):
                row.append(transform)
                continue
            if len(row) == 1:
                self.add(row[0])
            elif row:
                together = HybridSequential()
                together.add(*row)
                together.hybridize()
                self.add(together)
            row = []
            if transform is not None:
                self.add(transform)  # type: ignore[arg-type]


class Cast(HybridBlock):
    """Change the dtype. Shapes: any -> the same."""

    def __init__(self, dtype: Any = "float32"):
        super().__init__()
        self._dtype = dtype

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.cast(x, self._dtype)


class ToTensor(HybridBlock):
    """Numbers from 0 to 255 become float32 from 0 to 1. Shapes: (H, W, C) -> (C, H, W), a batch of them likewise."""

    def __init__(self) -> None:
        super().__init__()

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.image.to_tensor(x)


class Normalize(HybridBlock):
    """``(x - mean) / std`` for each channel; one number or one for each. Shapes: (C, H, W), or a batch -> the same."""

    def __init__(self, mean: float | Sequence[float] = 0.0, std: float | Sequence[float] = 1.0):
        super().__init__()
        self._mean = mean
        self._std = std

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.image.normalize(x, mean=self._mean, std=self._std)


class Resize(HybridBlock):
    """Scale to a size; with keep_ratio and one number, so that the shorter side has that size.

    Shapes: (H, W, C) -> (height, width, C), a batch likewise.
    """

    def __init__(self, size: Size, keep_ratio: bool = False, interpolation: int = 1):
        super().__init__()
        self._size = size
        self._keep = keep_ratio
        self._interpolation = interpolation

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.image.resize(x, size=self._size, keep_ratio=self._keep, interp=self._interpolation)


class CropResize(HybridBlock):
    """Cut out the part of width and height with its corner at column x and row y, and scale it if a size is given.

    Shapes: (H, W, C) -> (height, width, C), a batch likewise. interpolation None is bilinear.
    """

    def __init__(
        self, x: int, y: int, width: int, height: int, size: Size | None = None, interpolation: int | None = None
    ):
        super().__init__()
        self._x, self._y, self._width, self._height = x, y, width, height
        self._size = size
        self._interpolation = 1 if interpolation is None else interpolation

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        out = F.image.crop(x, self._x, self._y, self._width, self._height)
        return out if self._size is None else F.image.resize(out, self._size, False, self._interpolation)


def _pair(size: Size) -> tuple[int, int]:
    """(width, height)."""
    if isinstance(size, Sequence):
        if len(size) != 2:
            raise MXNetError(f"size is {size!r}; expected one number or (width, height).")
        return int(size[0]), int(size[1])
    return int(size), int(size)


def _crop_center(x: Any, size: tuple[int, int], interpolation: int) -> Any:
    """The middle of (H, W, C): of that size, or as large as fits with its ratio, and then scaled."""
    rows, columns = x.shape[:2]
    width, height = size
    if height > rows:
        width, height = width * rows // height, rows
    if width > columns:
        width, height = columns, height * columns // width
    width, height = max(width, 1), max(height, 1)
    part = nd.image.crop(x, (columns - width) // 2, (rows - height) // 2, width, height)
    return part if (width, height) == size else nd.image.resize(part, size, False, interpolation)


def _check_single(x: Any, name: str) -> None:
    if x.ndim != 3:
        raise ValueError(f"{name}: the input has shape {x.shape}; expected one image (height, width, channels).")


class CenterCrop(Block):
    """Cut out the middle; an image that is too small gives the largest part of that ratio, scaled.

    Shapes: (H, W, C) -> (height, width, C).
    """

    def __init__(self, size: Size, interpolation: int = 1):
        super().__init__()
        self._size = _pair(size)
        self._interpolation = interpolation

    def forward(self, x: Any) -> Any:
        _check_single(x, "CenterCrop")
        return _crop_center(x, self._size, self._interpolation)


class RandomResizedCrop(Block):
    """Cut out a random part and scale it (Szegedy et al., 2015).

    Args:
        size: of the result.
        scale: range of the part's area, as a fraction of the image's.
        ratio: range of width / height of the part.
        interpolation: see the module.
    Shapes: (H, W, C) -> (height, width, C). Random numbers are those of Python's random.
    """

    def __init__(
        self, size: Size, scale: tuple[float, float] = (0.08, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: int = 1,
    ):  # fmt: skip
        super().__init__()
        self._size = _pair(size)
        self._scale = (scale, 1.0) if isinstance(scale, float | int) else scale
        self._ratio = ratio
        self._interpolation = interpolation

    def forward(self, x: Any) -> Any:
        _check_single(x, "RandomResizedCrop")
        rows, columns = x.shape[:2]
        for _ in range(10):
            area = random.uniform(*self._scale) * rows * columns
            ratio = math.exp(random.uniform(math.log(self._ratio[0]), math.log(self._ratio[1])))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < width <= columns and 0 < height <= rows:
                left, top = random.randint(0, columns - width), random.randint(0, rows - height)
                part = nd.image.crop(x, left, top, width, height)
                return nd.image.resize(part, self._size, False, self._interpolation)
        return _crop_center(x, self._size, self._interpolation)


class RandomFlipLeftRight(HybridBlock):
    """Mirror left to right with probability 1/2. Shapes: (H, W, C) -> the same."""

    def __init__(self) -> None:
        super().__init__()

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.image.random_flip_left_right(x)


class RandomFlipTopBottom(HybridBlock):
    """Turn upside down with probability 1/2. Shapes: (H, W, C) -> the same."""

    def __init__(self) -> None:
        super().__init__()

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.image.random_flip_top_bottom(x)


class _RandomChange(HybridBlock):
    """Applies an operator with a factor drawn from [max(0, 1 - strength), 1 + strength]."""

    _operator: str

    def __init__(self, strength: float):
        super().__init__()
        self._args = (max(0, 1 - strength), 1 + strength)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return getattr(F.image, self._operator)(x, *self._args)


class RandomBrightness(_RandomChange):
    """Multiply by a factor from [max(0, 1 - brightness), 1 + brightness]. Shapes: (H, W, C) -> the same."""

    _operator = "random_brightness"

    def __init__(self, brightness: float):
        super().__init__(brightness)


class RandomContrast(_RandomChange):
    """Multiply distances from the mean by a factor from [max(0, 1 - contrast), 1 + contrast]. (H, W, C) -> the same."""

    _operator = "random_contrast"

    def __init__(self, contrast: float):
        super().__init__(contrast)


class RandomSaturation(_RandomChange):
    """Multiply distances from gray by a factor from [max(0, 1 - saturation), 1 + saturation]. (H, W, C) -> the same."""

    _operator = "random_saturation"

    def __init__(self, saturation: float):
        super().__init__(saturation)


class RandomHue(_RandomChange):
    """Turn the hue by a random part of the circle, at most hue of it either way. Shapes: (H, W, C) -> the same."""

    _operator = "random_hue"

    def __init__(self, hue: float):
        super().__init__(hue)


class RandomColorJitter(HybridBlock):
    """Random brightness, contrast, saturation and hue, each as the transform of that name; 0 leaves it alone.

    Shapes: (H, W, C) -> the same.
    """

    def __init__(self, brightness: float = 0, contrast: float = 0, saturation: float = 0, hue: float = 0):
        super().__init__()
        self._args = (brightness, contrast, saturation, hue)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.image.random_color_jitter(x, *self._args)


class RandomLighting(HybridBlock):
    """Add the principal components of the colours of ImageNet times random numbers of standard deviation alpha.

    Shapes: (H, W, 3) -> the same. Source: Krizhevsky et al., 2012.
    """

    def __init__(self, alpha: float):
        super().__init__()
        self._alpha = alpha

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.image.random_lighting(x, self._alpha)


class RandomApply(Sequential):
    """Apply a transform with probability p."""

    def __init__(self, transforms: Callable[[Any], Any], p: float = 0.5):
        super().__init__()
        self.transforms = Compose(transforms) if isinstance(transforms, list | tuple) else transforms
        self.p = p

    def forward(self, x: Any) -> Any:
        return x if self.p < random.random() else self.transforms(x)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(\n\n)"


def _rotate(x: Any, degrees: float, zoom_in: bool, zoom_out: bool) -> Any:
    """Turn (C, H, W) or (N, C, H, W) counterclockwise about its middle; outside lie zeros."""
    if x.dtype != "float32" and getattr(x.dtype, "__name__", "") != "float32":
        raise TypeError("This transformation only supports float32. Consider calling it after ToTensor")
    if zoom_in and zoom_out:
        raise ValueError("`zoom_in` and `zoom_out` cannot be both True")
    images = x.as_torch()
    if images.ndim not in (3, 4):
        raise ValueError(f"rotation: the input has shape {x.shape}; expected (C, H, W) or (N, C, H, W).")
    batch = images if images.ndim == 4 else images[None]
    height, width = batch.shape[-2:]
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    scale = 1.0
    if zoom_in or zoom_out:
        reach = max(
            (abs(cos) * width + abs(sin) * height) / width, (abs(sin) * width + abs(cos) * height) / height
        )  # how much larger the frame of the turned image is
        scale = reach if zoom_out else 1 / reach
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    rows = torch.arange(height, dtype=torch.float32, device=batch.device)[:, None] - middle_y
    columns = torch.arange(width, dtype=torch.float32, device=batch.device)[None] - middle_x
    from_x = (cos * columns - sin * rows) * scale / max(middle_x, 0.5)
    from_y = (sin * columns + cos * rows) * scale / max(middle_y, 0.5)
    grid = torch.stack((from_x, from_y), -1).expand(len(batch), -1, -1, -1)
    turned = functional.grid_sample(batch, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
    return from_torch(turned if images.ndim == 4 else turned[0])


class Rotate(Block):
    """Turn counterclockwise about the middle; what comes from outside is 0.

    Args:
        rotation_degrees: angle.
        zoom_in: enlarge so that nothing comes from outside.
        zoom_out: shrink so that nothing is lost.
    Shapes: (C, H, W) or (N, C, H, W) float32 -> the same; no gradient passes.
    Raises: TypeError for another dtype, ValueError for both zooms.
    """

    def __init__(self, rotation_degrees: float, zoom_in: bool = False, zoom_out: bool = False):
        super().__init__()
        self.args = (rotation_degrees, zoom_in, zoom_out)

    def forward(self, x: Any) -> Any:
        return _rotate(x, *self.args)


class RandomRotation(Block):
    """Turn by an angle drawn from angle_limits, in degrees, with probability rotate_with_proba; see `Rotate`.

    Raises: ValueError if the limits are not in order or the probability is not one.
    """

    def __init__(
        self, angle_limits: tuple[float, float], zoom_in: bool = False, zoom_out: bool = False,
        rotate_with_proba: float = 1.0,
    ):  # fmt: skip
        super().__init__()
        lower, upper = angle_limits
        if lower >= upper:
            raise ValueError("`angle_limits` must be an ordered tuple")
        if not 0 <= rotate_with_proba <= 1:
            raise ValueError("Probability of rotating the image should be between 0 and 1")
        self.args = (angle_limits, zoom_in, zoom_out)
        self.rotate_with_proba = rotate_with_proba

    def forward(self, x: Any) -> Any:
        if random.random() > self.rotate_with_proba:
            return x
        limits, zoom_in, zoom_out = self.args
        return _rotate(x, random.uniform(*limits), zoom_in, zoom_out)
