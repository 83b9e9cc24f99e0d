"""To quantized arrays, back to real numbers, and from sums of products to 8 bits."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ...base import MXNetError
from ..dtypes import TORCH_DTYPES
from ..registry import operator
from .common import (
    INT32_STEPS,
    STEPS,
    WHOLE_STEPS,
    check_dtype,
    infer_fixed_dtypes,
    infer_same_shape,
    magnitude,
    over,
    round_to,
    single,
    stop_gradient,
)

OutType = Literal["auto", "int8", "uint8"]
Triple = tuple[Tensor, Tensor, Tensor]


def _choose_type(out_type: str, low: float | None, high: float | None) -> torch.dtype:
    """The dtype for out_type; "auto" is uint8 where the calibrated range has no negative numbers."""
    if out_type == "auto":
        out_type = "uint8" if low is not None and high is not None and low >= 0 else "int8"
    return TORCH_DTYPES[out_type]


def _calibrated_type(
    *, out_type: str, min_calib_range: float | None, max_calib_range: float | None, **_: Any
) -> tuple[str]:
    return (str(_choose_type(out_type, min_calib_range, max_calib_range)).removeprefix("torch."),)


def divide(numerator: float, denominator: float) -> float:
    """The quotient in single precision, infinite for a denominator of zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float32(numerator) / np.float32(denominator))


@operator("_contrib_quantize", num_outputs=3)
def quantize(
    data: Tensor, min_range: Tensor, max_range: Tensor, *, out_type: Literal["int8", "uint8"] = "uint8"
) -> Triple:
    """Quantize to a given range, in 127 (int8) or 255 (uint8) whole steps of max(|min_range|, |max_range|).

    Args:
        data: any shape, float32.
        min_range, max_range: (1,), float32. With uint8, negative numbers become 0.
        out_type: int8 or uint8.
    Returns: the integers, and their range: (-m, m) for int8, with m the larger absolute value; as given for uint8.
    Raises: MXNetError for other dtypes or shapes of the range.
    """
    check_dtype("_contrib_quantize", "data", data, torch.float32)
    limit = magnitude("_contrib_quantize", min_range, max_range)
    dtype = TORCH_DTYPES[out_type]
    out = round_to(data * over(WHOLE_STEPS[dtype], limit), dtype)
    return (out, -limit, limit) if out_type == "int8" else (out, min_range.clone(), max_range.clone())


quantize.infer_dtype(infer_fixed_dtypes(["float32"] * 3, lambda out_type, **_: (out_type,)))
quantize.infer_shape(infer_same_shape(1))


@operator("_contrib_quantize_v2", num_outputs=3)
def quantize_v2(
    data: Tensor, *, out_type: OutType = "int8", min_calib_range: float | None = None,
    max_calib_range: float | None = None,
) -> Triple:  # fmt: skip
    """Quantize to the calibrated range, or to that of data where none is given.

    Args:
        data: any shape, float32; or int8 or uint8, which passes unchanged.
        out_type: int8, uint8, or auto: uint8 if the calibrated range has no negative numbers, else int8. Data that is
            quantized already keeps its dtype with auto.
        min_calib_range, max_calib_range: both or none count.
    Returns: the integers, and their range: (-m, m) for int8, with m the larger absolute value of the ends; the ends
        themselves for uint8. A NaN in data becomes 127 (int8) or 0 (uint8), and without calibration a range of NaN.
    Raises: MXNetError for other dtypes, or quantized data with another out_type.
    """
    check_dtype("_contrib_quantize_v2", "data", data, torch.float32, torch.int8, torch.uint8)
    dtype = _choose_type(out_type, min_calib_range, max_calib_range)
    if data.dtype in STEPS:
        if out_type != "auto" and dtype != data.dtype:
            raise MXNetError(
                f"_contrib_quantize_v2: data is {data.dtype} already, and out_type is {out_type!r}; use 'auto'."
            )
        ends = (-127.5, 127.5) if data.dtype == torch.int8 else (0.0, 255.5)
        if min_calib_range is not None and max_calib_range is not None:
            ends = (min_calib_range, max_calib_range)
        return data.clone(), single(ends[0], data), single(ends[1], data)
    if min_calib_range is not None and max_calib_range is not None:
        bound = max(abs(min_calib_range), abs(max_calib_range))
        out = round_to(data * divide(STEPS[dtype], bound), dtype)
        ends = (-bound, bound) if dtype == torch.int8 else (min_calib_range, max_calib_range)
        return out, single(ends[0], data), single(ends[1], data)
    low, high = (end.reshape(1) for end in torch.aminmax(data))
    limit = magnitude("_contrib_quantize_v2", low, high)
    out = round_to(data * over(STEPS[dtype], limit), dtype)
    return (out, -limit, limit) if dtype == torch.int8 else (out, low, high)


@quantize_v2.infer_dtype
def _(
    inputs: list[str | None], outputs: list[str | None], *, out_type: str, **attrs: Any
) -> tuple[list[str | None], list[str | None]]:
    quantized = out_type == "auto" and inputs[0] in ("int8", "uint8")
    out = inputs[0] if quantized else _calibrated_type(out_type=out_type, **attrs)[0]
    return inputs, [out, "float32", "float32"]


quantize_v2.infer_shape(infer_same_shape(1))


@operator("_contrib_quantize_asym", num_outputs=3, output_names=("output", "scale", "shift"))
def quantize_asym(
    data: Tensor, *, min_calib_range: float | None = None, max_calib_range: float | None = None
) -> Triple:
    """Quantize so that the calibrated range, or that of data where none is given, fills 0 to 255.

    Args:
        data: any shape, float32.
        min_calib_range, max_calib_range: both or none count.
    Returns: round(data * scale + shift) as uint8; scale, 255 / (max - min); and shift, 255 - max * scale, both (1,).
    Raises: MXNetError if data isn't float32.
    """
    check_dtype("_contrib_quantize_asym", "data", data, torch.float32)
    if min_calib_range is not None and max_calib_range is not None:
        low, high = single(min_calib_range, data), single(max_calib_range, data)
    else:
        low, high = (end.reshape(1) for end in torch.aminmax(data))
    scale = over(255.0, high - low)
    shift = 255 - high * scale
    return round_to((data * scale).add_(shift), torch.uint8), scale, shift


quantize_asym.infer_dtype(infer_fixed_dtypes(["float32"], ["uint8"]))
quantize_asym.infer_shape(infer_same_shape(1))


@operator("_contrib_dequantize")
def dequantize(
    data: Tensor, min_range: Tensor, max_range: Tensor, *, out_type: Literal["float32"] = "float32"
) -> Tensor:
    """The real numbers that a quantized array stands for.

    Args:
        data: any shape, int8 or uint8.
        min_range, max_range: (1,), float32.
        out_type: float32.
    Returns: data * max(|min_range|, |max_range|) / steps, with 127.5 (int8) or 255.5 (uint8) steps.
    Raises: MXNetError for other dtypes or shapes of the range.
    """
    check_dtype("_contrib_dequantize", "data", data, torch.int8, torch.uint8)
    return data * (magnitude("_contrib_dequantize", min_range, max_range) / STEPS.get(data.dtype, 1.0))


dequantize.infer_dtype(infer_fixed_dtypes([None], ["float32"]))
dequantize.infer_shape(infer_same_shape(1))


@operator("_contrib_requantize", num_outputs=3)
def requantize(
    data: Tensor, min_range: Tensor, max_range: Tensor, *, out_type: OutType = "int8",
    min_calib_range: float | None = None, max_calib_range: float | None = None,
) -> Triple:  # fmt: skip
    """From int32 to 8 bits, within the calibrated range, or that of data where none is given.

    Args:
        data: any shape, int32.
        min_range, max_range: (1,), float32: what 2 ** 31 - 1 stands for.
        out_type: int8, uint8, or auto: uint8 if the calibrated range has no negative numbers, else int8.
        min_calib_range, max_calib_range: both or none count.
    Returns: the integers, in 127 (int8) or 255 (uint8) whole steps, and their range: (-m, m), or (0, m) for uint8.
    Raises: MXNetError for other dtypes or shapes of the range.
    """
    check_dtype("_contrib_requantize", "data", data, torch.int32)
    dtype = _choose_type(out_type, min_calib_range, max_calib_range)
    step = magnitude("_contrib_requantize", min_range, max_range) / INT32_STEPS
    if min_calib_range is not None and max_calib_range is not None:
        bound = max(abs(min_calib_range), abs(max_calib_range))
        limit, factor = single(bound, data), step * divide(WHOLE_STEPS[dtype], bound)
    else:
        low, high = (end.reshape(1).float() for end in torch.aminmax(data))
        limit = magnitude("_contrib_requantize", low, high) * step
        factor = step * over(WHOLE_STEPS[dtype], limit)
    out = round_to(data * factor, dtype)
    return out, -limit if dtype == torch.int8 else torch.zeros_like(limit), limit


requantize.infer_dtype(infer_fixed_dtypes(["int32"], _calibrated_type))
requantize.infer_shape(infer_same_shape(1))

for _op in (quantize, quantize_v2, quantize_asym, dequantize, requantize):
    stop_gradient(_op)
