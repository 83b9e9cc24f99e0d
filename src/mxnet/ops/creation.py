"""Operators that make arrays of given values, shapes and ranges.

`ctx` names the device of an array without inputs ("cpu(0)", "gpu(1)"); the caller turns it into the device that the
function gets. In `shape` of a symbol, 0 stands for a size that follows from how the array is used.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import DType, Floats, Shape
from .dtypes import TORCH_DTYPES
from .registry import Operator, operator


def _attribute_dtype(*, dtype: str, **_: Any) -> str:
    return dtype


def _shape_may_follow(op: Operator) -> None:
    """Sizes given as 0 are inferred from the use of the result."""

    @op.infer_shape
    def _(inputs: list[Any], outputs: list[Any], *, shape: tuple[int, ...], **_: Any) -> Any:
        return inputs, [tuple(size or -1 for size in shape) or None]


@operator("_zeros", out_dtype=_attribute_dtype)
def zeros(*, shape: Shape = (), ctx: str = "", dtype: DType = DType("float32"), device: torch.device) -> Tensor:
    """Zeros of this shape and dtype."""
    return torch.zeros(shape, dtype=TORCH_DTYPES[dtype], device=device)


@operator("_ones", out_dtype=_attribute_dtype)
def ones(*, shape: Shape = (), ctx: str = "", dtype: DType = DType("float32"), device: torch.device) -> Tensor:
    """Ones of this shape and dtype."""
    return torch.ones(shape, dtype=TORCH_DTYPES[dtype], device=device)


@operator("_full", out_dtype=_attribute_dtype)
def full(
    *, shape: Shape = (), ctx: str = "", dtype: DType = DType("float32"), value: float, device: torch.device
) -> Tensor:
    """An array of this shape and dtype whose elements all are value, rounded towards zero for integers."""
    return torch.full(shape, value, dtype=torch.float64, device=device).to(TORCH_DTYPES[dtype])


@operator("_zeros_without_dtype")
def zeros_without_dtype(*, shape: Shape = (), ctx: str = "", dtype: int = -1, device: torch.device) -> Tensor:
    """Zeros of this shape; dtype is a dtype's number in files, -1 for float32."""
    from .dtypes import NAMES_OF_CODES

    if dtype != -1 and dtype not in NAMES_OF_CODES:
        raise MXNetError(f"_zeros_without_dtype: dtype={dtype}; expected -1 or one of {sorted(NAMES_OF_CODES)}.")
    return torch.zeros(shape, dtype=TORCH_DTYPES[NAMES_OF_CODES.get(dtype, "float32")], device=device)


@zeros_without_dtype.infer_dtype
def _(inputs: list[Any], outputs: list[Any], *, dtype: int, **_: Any) -> Any:
    from .dtypes import NAMES_OF_CODES

    return inputs, [NAMES_OF_CODES.get(dtype, "float32")]


for _op in (zeros, ones, full, zeros_without_dtype):
    _shape_may_follow(_op)


def _ramp(count: int, start: float, step: float, repeat: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """start + step * i, each value `repeat` times, `count` elements in all, computed in dtype."""
    work = torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
    if not dtype.is_floating_point:
        start, step = int(start), int(step)
    index = torch.arange(count, dtype=torch.int64, device=device)
    if repeat != 1:
        index = index.div(repeat, rounding_mode="floor")
    return index.to(work).mul(step).add(start).to(dtype)


@operator("_arange", out_dtype=_attribute_dtype)
def arange(
    *, start: float, stop: float | None = None, step: float = 1.0, repeat: int = 1, infer_range: bool = False,
    ctx: str = "", dtype: DType = DType("float32"), device: torch.device,
) -> Tensor:  # fmt: skip
    """start, start + step, ... up to but without stop, each `repeat` times.

    stop         None: the numbers run from 0 to start
    infer_range  not supported: the length can't be taken from how the array is used; use _contrib_arange_like
    """
    if infer_range:
        raise MXNetError("_arange: infer_range=True is not supported; give stop, or use contrib.arange_like.")
    if stop is None:
        start, stop = 0.0, start
    if step == 0 or repeat < 1 or (stop - start) * step <= 0:
        raise MXNetError(
            f"_arange: Invalid range (start, stop, step) = ({start}, {stop}, {step}), repeat={repeat}; expected "
            "a step that leads from start towards stop, and a positive repeat."
        )
    count = math.ceil((stop - start) / step) * repeat
    return _ramp(count, start, step, repeat, TORCH_DTYPES[dtype], device)


@operator("_linspace", out_dtype=_attribute_dtype)
def linspace(
    *, start: float, stop: float, num: int, endpoint: bool = True, ctx: str = "", dtype: DType = DType("float32"),
    device: torch.device,
) -> Tensor:  # fmt: skip
    """`num` numbers spaced evenly from start to stop; stop is the last one if endpoint, else the one after the last."""
    if num < 0:
        raise MXNetError(f"_linspace: num={num}; expected the number of elements.")
    step = (stop - start) / max(num - endpoint, 1)
    return torch.arange(num, dtype=torch.float64, device=device).mul(step).add(start).to(TORCH_DTYPES[dtype])


@operator("_set_value")
def set_value(*, src: float, out: Tensor | None = None) -> Tensor:
    """Set all elements of the array given as out to src."""
    if out is None:
        raise MXNetError("_set_value: no array given; pass the one to be set as out=.")
    return out.fill_(src)


@operator("_contrib_arange_like")
def arange_like(
    data: Tensor, *, start: float = 0.0, step: float = 1.0, repeat: int = 1, ctx: str = "", axis: int | None = None
) -> Tensor:
    """start, start + step, ... in the shape of data, or as long as one axis of it; its dtype and device.

    repeat  each number is repeated so many times
    ctx     has no meaning here
    """
    if repeat < 1:
        raise MXNetError(f"_contrib_arange_like: repeat={repeat}; expected a positive number.")
    if axis is None:
        return _ramp(data.numel(), start, step, repeat, data.dtype, data.device).reshape(data.shape)
    if not -data.ndim <= axis < data.ndim:
        raise MXNetError(f"_contrib_arange_like: axis={axis} for data of shape {tuple(data.shape)}; expected an axis "
                         f"from {-data.ndim} to {data.ndim - 1}.")  # fmt: skip
    return _ramp(data.shape[axis], start, step, repeat, data.dtype, data.device)


@arange_like.gradient
def _(head_grad: Tensor, data: Tensor, **_: Any) -> Tensor:
    return torch.zeros_like(data)


@operator("_eye", out_dtype=_attribute_dtype)
def eye(
    *, N: int, M: int = 0, k: int = 0, ctx: str = "", dtype: DType = DType("float32"), device: torch.device
) -> Tensor:
    """Ones on a diagonal of a matrix of N rows and M columns (0: as many as rows), zeros elsewhere.

    k  the diagonal: 0 is the main one, positive ones are above it
    """
    columns = torch.arange(M or N, device=device)
    return (columns - torch.arange(N, device=device).unsqueeze(1) == k).to(TORCH_DTYPES[dtype])


@operator("shape_array", out_dtype="int64", method=True)
def shape_array(data: Tensor) -> Tensor:
    """The shape of data, as an int64 array."""
    return torch.tensor(data.shape, dtype=torch.int64, device=data.device)


@operator("size_array", out_dtype="int64", method=True)
def size_array(data: Tensor) -> Tensor:
    """The number of elements of data, as an int64 array of shape (1,)."""
    return torch.full((1,), data.numel(), dtype=torch.int64, device=data.device)


@operator("_histogram", num_outputs=2)
def histogram(
    data: Tensor, bins: Tensor | None = None, *, bin_cnt: int | None = None, range: Floats | None = None
) -> tuple[Tensor, Tensor]:
    """How many elements fall into each bin; the last bin includes its upper edge, elements outside are left out.

    bins     the edges, ascending; or else
    bin_cnt  so many bins of one width
    range    between these two numbers
    returns  counts (int64), edges (the dtype of data)
    """
    if bins is None:
        if bin_cnt is None or range is None or len(range) != 2 or bin_cnt < 1 or not range[0] < range[1]:
            raise MXNetError(f"_histogram: bin_cnt={bin_cnt}, range={range}; expected either bins, or both a positive "
                             "bin_cnt and a range (low, high).")  # fmt: skip
        steps = torch.arange(bin_cnt + 1, dtype=torch.float64, device=data.device)
        bins = (range[0] + steps * ((range[1] - range[0]) / bin_cnt)).to(data.dtype)
    elif bin_cnt is not None or range is not None or bins.ndim != 1 or bins.shape[0] < 2 or bins.dtype != data.dtype:
        raise MXNetError("_histogram: expected either bins, a vector of at least two edges in the dtype of data, or "
                         "bin_cnt and range.")  # fmt: skip
    count = bins.shape[0] - 1
    values = data.reshape(-1)
    place = torch.bucketize(values, bins, right=True) - 1
    place = torch.where(values == bins[-1], count - 1, place)
    inside = (place >= 0) & (place < count)
    counts = torch.zeros(count, dtype=torch.int64, device=data.device)
    return counts.scatter_add(0, place.clamp(0, count - 1), inside.long()), bins.clone()


@histogram.list_inputs
def _(*, bin_cnt: int | None, **_: Any) -> tuple[str, ...]:
    return ("data", "bins") if bin_cnt is None else ("data",)


@histogram.infer_dtype
def _(inputs: list[Any], outputs: list[Any], **_: Any) -> Any:
    dtype = next((item for item in (*inputs, outputs[1]) if item is not None), None)
    return [dtype] * len(inputs), ["int64", dtype]
