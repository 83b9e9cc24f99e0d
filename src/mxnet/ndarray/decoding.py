"""`mx.nd.imdecode`: a compressed image as an array."""

from __future__ import annotations

import numpy as np

from ..base import MXNetError
from .ndarray import NDArray
from .utils import array

__all__ = ["imdecode"]


def imdecode(
    str_img: bytes, clip_rect: tuple[int, int, int, int] = (0, 0, 0, 0), out: NDArray | None = None, index: int = 0,
    channels: int = 3, mean: NDArray | None = None,
) -> NDArray:  # fmt: skip
    """Decode an image with OpenCV, into the layout of network inputs.

    Args:
        str_img: the bytes of a JPEG, PNG or other image file.
        clip_rect: (x0, y0, x1, y1) in pixels, the part to keep; all zeros: the whole image.
        out: (N, channels, height, width), whose image `index` is written; default a new float32 array with N = 1.
        channels: 3 for RGB, 1 for grey.
        mean: (channels, height, width), subtracted.
    Returns: out, or the new array (1, channels, height, width).
    Raises: MXNetError if OpenCV is missing, the bytes are no image, or shapes don't fit.
    """
    try:
        import cv2
    except ImportError:
        raise MXNetError("imdecode needs OpenCV: pip install opencv-python-headless") from None
    if channels not in (1, 3):
        raise MXNetError(f"imdecode: channels is {channels}; expected 3 or 1.")
    image = cv2.imdecode(np.frombuffer(str_img, np.uint8), cv2.IMREAD_COLOR if channels == 3 else cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise MXNetError(f"imdecode: OpenCV can't decode these {len(str_img)} bytes; expected an image file.")
    height, width = image.shape[:2]
    if any(clip_rect):
        x0, y0, x1, y1 = clip_rect
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise MXNetError(f"imdecode: clip_rect={tuple(clip_rect)} is not inside of an image of {width} x {height}.")
        image = image[y0:y1, x0:x1]
    planes = image[None] if channels == 1 else image[..., ::-1].transpose(2, 0, 1)
    decoded = array(np.ascontiguousarray(planes, dtype=np.float32))
    if mean is not None:
        if mean.shape != decoded.shape:
            raise MXNetError(f"imdecode: mean has shape {mean.shape}; the image has {decoded.shape}.")
        decoded -= mean
    if out is None:
        return decoded.reshape((1, *decoded.shape))
    if out.ndim != 4 or out.shape[1:] != decoded.shape or not 0 <= index < out.shape[0]:
        raise MXNetError(f"imdecode: out has shape {out.shape}, index is {index}; the image has shape {decoded.shape}.")
    out[index] = decoded
    return out
