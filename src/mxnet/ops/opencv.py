"""Images by OpenCV: (height, width, channels) on the CPU, without gradients; they can't be traced into a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Floats
from .dtypes import DTYPE_NAMES
from .registry import PartialShape, operator

_INTERPOLATIONS = 5  # nearest, linear, cubic, area, Lanczos
_BORDERS = 5  # constant, replicate, reflect, wrap, reflect_101


def _opencv(name: str) -> ModuleType:
    try:
        import cv2
    except ImportError:
        raise MXNetError(f"{name} needs OpenCV: pip install opencv-python-headless") from None
    return cv2


def _run(name: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call a function of OpenCV; its error becomes an MXNetError."""
    try:
        return function(*arguments, **named)
    except _opencv(name).error as error:
        raise MXNetError(f"{name}: {error}") from error


def _image(name: str, src: Tensor) -> Any:
    """The array for OpenCV."""
    if src.ndim != 3 or 0 in src.shape:
        raise MXNetError(f"{name}: src has shape {tuple(src.shape)}; expected (height, width, channels), none 0.")
    return src.detach().cpu().contiguous().numpy()


def _tensor(image: Any, like: Tensor) -> Tensor:
    """An image of OpenCV, which drops a single channel, as a tensor on the device of another one."""
    return torch.from_numpy(image if image.ndim == 3 else image[:, :, None]).to(like.device)


def _decode(name: str, data: bytes, flag: int, to_rgb: bool, what: str) -> Tensor:
    cv2 = _opencv(name)
    import numpy as np

    if flag not in (0, 1):
        raise MXNetError(f"{name}: flag is {flag}; expected 1 for colour or 0 for grey.")
    image = _run(name, cv2.imdecode, np.frombuffer(data, np.uint8), flag) if data else None
    if image is None:
        raise MXNetError(f"{name}: {what} can't be decoded; expected an image such as JPEG or PNG.")
    if flag == 0:
        return torch.from_numpy(image[:, :, None])
    return torch.from_numpy(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if to_rgb else image)


@operator("_cvimdecode", dynamic=True, out_dtype="uint8", variable_names={"buf": "data"})
def cvimdecode(buf: Tensor, *, flag: int = 1, to_rgb: bool = True) -> Tensor:
    """Decode an image.

    Args:
        buf: (bytes,), uint8, the contents of a JPEG, PNG or other image file.
        flag: 1 for colour, 0 for grey.
        to_rgb: the order of colours is RGB, else BGR.
    Returns: (height, width, 3), or (height, width, 1) for grey; uint8.
    Raises: MXNetError if buf isn't uint8 or no image, or OpenCV is missing.
    """
    if buf.dtype != torch.uint8 or buf.ndim != 1:
        raise MXNetError(
            f"_cvimdecode: buf is {DTYPE_NAMES[buf.dtype]} of shape {tuple(buf.shape)}; expected uint8, (bytes,)."
        )
    data = buf.cpu().numpy().tobytes()
    return _decode("_cvimdecode", data, flag, to_rgb, f"buf of {len(data)} bytes").to(buf.device)


@operator("_cvimread", dynamic=True, out_dtype="uint8")
def cvimread(*, filename: str, flag: int = 1, to_rgb: bool = True, device: torch.device) -> Tensor:
    """Read an image file.

    Args:
        filename: its path.
        flag, to_rgb: as in `_cvimdecode`.
    Returns: (height, width, 3), or (height, width, 1) for grey; uint8.
    Raises: MXNetError if the file can't be read or decoded, or OpenCV is missing.
    """
    try:
        with open(filename, "rb") as file:
            data = file.read()
    except OSError as error:
        raise MXNetError(f"_cvimread: {filename!r} can't be read: {error.strerror}.") from error
    return _decode("_cvimread", data, flag, to_rgb, f"{filename!r}").to(device)


@operator("_cvimresize", dynamic=True, variable_names={"src": "data"})
def cvimresize(src: Tensor, *, w: int, h: int, interp: int = 1) -> Tensor:
    """Resize an image.

    Args:
        src: (height, width, channels), uint8, int16, uint16, float32 or float64.
        w, h: width and height of the result.
        interp: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos.
    Returns: (h, w, channels), dtype of src.
    Raises: MXNetError for a bad size, interpolation or dtype, or if OpenCV is missing.
    """
    if w < 1 or h < 1 or not 0 <= interp < _INTERPOLATIONS:
        raise MXNetError(f"_cvimresize: w={w}, h={h}, interp={interp}; expected positive sizes and interp from 0 to 4.")
    image = _image("_cvimresize", src)
    return _tensor(_run("_cvimresize", _opencv("_cvimresize").resize, image, (w, h), interpolation=interp), src)


@cvimresize.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, w: int, h: int, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    src = inputs[0] or (-1, -1, -1)
    return [src], [(h, w, src[-1])]


@operator("_cvcopyMakeBorder", dynamic=True, variable_names={"src": "data"})
def cvcopy_make_border(
    src: Tensor, *, top: int, bot: int, left: int, right: int, type: int = 0, value: float = 0.0, values: Floats = ()
) -> Tensor:
    """Put a border around an image.

    Args:
        src: (height, width, channels), uint8, int16, uint16, int32, float32 or float64.
        top, bot, left, right: widths of the border, in pixels.
        type: 0 constant, 1 repeats the last pixel, 2 mirrors with it, 3 wraps around, 4 mirrors without it.
        value: the constant for all channels but the fourth, which gets 0.
        values: the constant for each channel, at most 4; takes the place of value.
    Returns: (top + height + bot, left + width + right, channels), dtype of src.
    Raises: MXNetError for a bad width, type or dtype, or if OpenCV is missing.
    """
    if min(top, bot, left, right) < 0 or not 0 <= type < _BORDERS or len(values) > 4:
        raise MXNetError(
            f"_cvcopyMakeBorder: top={top}, bot={bot}, left={left}, right={right}, type={type}, values={values}; "
            f"expected widths of at least 0, type from 0 to 4 and at most 4 values."
        )
    image = _image("_cvcopyMakeBorder", src)
    constant = (*values, *(0,) * (4 - len(values))) if values else (value, value, value, 0)
    make = _opencv("_cvcopyMakeBorder").copyMakeBorder
    return _tensor(_run("_cvcopyMakeBorder", make, image, top, bot, left, right, type, value=constant), src)


@cvcopy_make_border.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, top: int, bot: int, left: int, right: int,
    **_: Any,
) -> tuple[list[PartialShape], list[PartialShape]]:  # fmt: skip
    src = inputs[0] or (-1, -1, -1)
    if len(src) != 3:
        raise MXNetError(f"_cvcopyMakeBorder: src has shape {src}; expected (height, width, channels).")
    height, width = (size if size == -1 else before + size + after
                     for size, before, after in zip(src[:2], (top, left), (bot, right), strict=True))  # fmt: skip
    return [src], [(height, width, src[2])]
