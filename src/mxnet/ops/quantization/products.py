"""Sums and products of quantized arrays: dense layers, convolution, element-wise.

Products of 8-bit integers are summed exactly, in blocks by single precision: as long as no sum can pass 2 ** 24, every
one is exact in whatever order, and a block runs several times faster than double precision or an integer kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import linear

from ...base import MXNetError
from ..attributes import Shape
from ..convolution import convolution
from ..inference import product, unify
from ..registry import PartialShape, operator
from .common import (
    INT32_STEPS,
    OUTPUT_NAMES,
    STEPS,
    WHOLE_STEPS,
    Names,
    Shapes,
    check_dtype,
    check_same_shape,
    infer_same_shape,
    magnitude,
    over,
    round_to,
    single,
    stop_gradient,
)
from .convert import Triple, divide

_ONE: PartialShape = (1,)
#: How many products of the two dtypes can be summed exactly in single precision.
_EXACT_TERMS = {torch.int8: 2**24 // (128 * 128), torch.uint8: 2**24 // (255 * 128)}


def _sum_blocks(count: int, terms: int, data: Tensor, compute: Callable[[slice], Tensor]) -> Tensor:
    """The int32 sum of compute(block) over blocks of `count` slices, each of which sums `terms` products."""
    step = max(1, _EXACT_TERMS.get(data.dtype, 512) // terms)
    total = compute(slice(0, step)).to(torch.int32)
    for start in range(step, count, step):
        total += compute(slice(start, start + step)).to(torch.int32)
    return total


def _rescale_bias(bias: Tensor, limits: Sequence[Tensor], data_steps: float) -> Tensor:
    """The bias in steps of the products; what is beyond a whole step is cut off, as in MXNet."""
    densities = over(data_steps, limits[0]) * over(STEPS[torch.int8], limits[1])  # steps of the products per unit
    return (bias * (densities / over(STEPS[torch.int8], limits[2]))).to(torch.int32)


def _dense_names(*, no_bias: bool, **_: Any) -> tuple[str, ...]:
    names = ("data", "weight", "bias", "min_data", "max_data", "min_weight", "max_weight", "min_bias", "max_bias")
    return tuple(name for name in names if "bias" not in name) if no_bias else names


def _finish(
    op: str, total: Tensor, data: Tensor, bias: Tensor | None, places: tuple[int, ...], ranges: Sequence[Tensor]
) -> Triple:
    """Add the bias to the products, and give them their range."""
    limits = [magnitude(op, *ranges[start : start + 2]) for start in range(0, len(ranges), 2)]
    if bias is not None:
        total += _rescale_bias(bias, limits, STEPS.get(data.dtype, 1.0)).view(places)
    limit = limits[0] / WHOLE_STEPS.get(data.dtype, 1.0) * (limits[1] / WHOLE_STEPS[torch.int8]) * INT32_STEPS
    return total, -limit, limit


def _check_operands(
    op: str, data: Tensor, weight: Tensor, rest: Sequence[Tensor | None], no_bias: bool, units: int
) -> tuple[Tensor | None, list[Tensor]]:
    """(bias, ends of the ranges): without a bias, inputs given by position move up to fill its place, as in MXNet."""
    check_dtype(op, "data", data, torch.int8, torch.uint8)
    check_dtype(op, "weight", weight, torch.int8)
    given = [tensor for tensor in rest if tensor is not None]
    expected = "min and max of data and weight" if no_bias else "bias, and min and max of data, weight and bias"
    if len(given) != (4 if no_bias else 7):
        raise MXNetError(f"{op}: {len(given)} inputs after weight with no_bias={no_bias}; expected {expected}.")
    if no_bias:
        return None, given
    bias = given.pop(0)
    check_dtype(op, "bias", bias, torch.int8)
    if bias.shape != (units,):
        raise MXNetError(f"{op}: bias has shape {tuple(bias.shape)}; expected ({units},).")
    return bias, given


@operator("_contrib_quantized_fully_connected", num_outputs=3, output_names=OUTPUT_NAMES)
def quantized_fully_connected(
    data: Tensor, weight: Tensor, bias: Tensor | None = None, min_data: Tensor | None = None,
    max_data: Tensor | None = None, min_weight: Tensor | None = None, max_weight: Tensor | None = None,
    min_bias: Tensor | None = None, max_bias: Tensor | None = None, *, num_hidden: int, no_bias: bool = False,
    flatten: bool = True,
) -> Triple:  # fmt: skip
    """``data @ weight.T + bias`` in exact int32 arithmetic.

    Args:
        data: (batch, ...), flattened to (batch, in_units) unless flatten is False; int8 or uint8.
        weight: (num_hidden, in_units), int8.
        bias: (num_hidden,), int8, brought to the step of the products and cut to whole ones; absent when no_bias.
        min_data, max_data, min_weight, max_weight, min_bias, max_bias: (1,), the ranges; absent with the bias.
    Returns: int32 sums, (batch, num_hidden) or (..., num_hidden), and (-m, m), with m what 2 ** 31 - 1 stands for.
    Raises: MXNetError for other dtypes or shapes.
    """
    name = "_contrib_quantized_fully_connected"
    rest = (bias, min_data, max_data, min_weight, max_weight, min_bias, max_bias)
    bias, ranges = _check_operands(name, data, weight, rest, no_bias, num_hidden)
    x = data.reshape(data.shape[0], data.shape[1:].numel()) if flatten else data
    if weight.shape != (num_hidden, x.shape[-1]):
        raise MXNetError(
            f"{name}: weight has shape {tuple(weight.shape)}; expected ({num_hidden}, {x.shape[-1]}) for data of shape "
            f"{tuple(data.shape)}."
        )
    total = _sum_blocks(
        x.shape[-1], 1, data, lambda block: linear(x[..., block].float(), weight[:, block].float())
    )  # fmt: skip
    return _finish(name, total, data, bias, (num_hidden,), ranges)


quantized_fully_connected.list_inputs(_dense_names)


def _dense_dtypes(
    inputs: Sequence[str | None], outputs: Sequence[str | None], *, no_bias: bool, **_: Any
) -> tuple[Names, Names]:
    arrays = ["int8"] * (1 if no_bias else 2)
    return [inputs[0], *arrays, *["float32"] * (len(inputs) - 1 - len(arrays))], ["int32", "float32", "float32"]


@quantized_fully_connected.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, num_hidden: int, no_bias: bool, flatten: bool
) -> tuple[Shapes, Shapes]:
    data, out = inputs[0], outputs[0]
    weight = unify(inputs[1], (num_hidden, -1), "weight")
    if data is not None:
        if flatten:
            out = unify(out, (data[0], num_hidden), "output")
            weight = unify(weight, (num_hidden, product(data[1:])), "weight")
        else:
            out = unify(out, (*data[:-1], num_hidden), "output")
            weight = unify(weight, (num_hidden, data[-1]), "weight")
    bias: Shapes = [] if no_bias else [(num_hidden,)]
    return [data, weight, *bias, *[_ONE] * (len(inputs) - 2 - len(bias))], [out, _ONE, _ONE]


@operator("_contrib_quantized_conv", num_outputs=3, output_names=OUTPUT_NAMES)
def quantized_conv(
    data: Tensor, weight: Tensor, bias: Tensor | None = None, min_data: Tensor | None = None,
    max_data: Tensor | None = None, min_weight: Tensor | None = None, max_weight: Tensor | None = None,
    min_bias: Tensor | None = None, max_bias: Tensor | None = None, *, kernel: Shape, stride: Shape = (),
    dilate: Shape = (), pad: Shape = (), num_filter: int, num_group: int = 1, workspace: int = 1024,
    no_bias: bool = False, cudnn_tune: Literal["fastest", "limited_workspace", "off"] | None = None,
    cudnn_off: bool = False, layout: Literal["NCDHW", "NCHW", "NCW", "NDHWC", "NHWC"] | None = None,
) -> Triple:  # fmt: skip
    """Convolution in exact int32 arithmetic.

    Args:
        data: (batch, channels, *spatial), int8 or uint8.
        weight: (num_filter, channels / num_group, *kernel), int8.
        bias: (num_filter,), int8, brought to the step of the products and cut to whole ones; absent when no_bias.
        min_data, max_data, min_weight, max_weight, min_bias, max_bias: (1,), the ranges; absent with the bias.
        layout: the channels first: NCW, NCHW or NCDHW.
        workspace, cudnn_tune, cudnn_off: no meaning here, accepted for compatibility.
        The other attributes are those of Convolution.
    Returns: int32 sums, (batch, num_filter, *spatial), and (-m, m), with m what 2 ** 31 - 1 stands for.
    Raises: MXNetError for other dtypes, shapes or layouts.
    """
    name = "_contrib_quantized_conv"
    rest = (bias, min_data, max_data, min_weight, max_weight, min_bias, max_bias)
    bias, ranges = _check_operands(name, data, weight, rest, no_bias, num_filter)
    if layout is not None and not layout.startswith("NC"):
        raise MXNetError(f"{name}: layout {layout} is not supported; give data with the channels first, as NCHW.")
    grouped = num_group > 1
    terms = prod(kernel) * (data.shape[1] // num_group if grouped else 1)
    on_cpu = data.device.type in ("cpu", "meta")  # elsewhere the kernel may be Winograd's, which is not exact
    wide = torch.float32 if on_cpu and terms <= _EXACT_TERMS[torch.uint8] else torch.float64
    attrs = {
        "kernel": kernel, "stride": stride, "dilate": dilate, "pad": pad, "num_filter": num_filter,
        "num_group": num_group, "no_bias": True, "layout": layout,
    }  # fmt: skip

    def convolve(block: slice) -> Tensor:
        part: Tensor = convolution.function(data[:, block].to(wide), weight[:, block].to(wide), **attrs)
        return part

    if grouped:
        total = convolve(slice(None)).to(torch.int32)
    else:
        total = _sum_blocks(data.shape[1], terms, data, convolve)
    return _finish(name, total, data, bias, (num_filter, *[1] * (data.ndim - 2)), ranges)


quantized_conv.list_inputs(_dense_names)
for _op in (quantized_fully_connected, quantized_conv):
    _op.infer_dtype(_dense_dtypes)


@quantized_conv.infer_arguments
def _(data: Shape, *, kernel: Shape, num_filter: int, num_group: int, **_: Any) -> dict[str, PartialShape]:
    channels = -1 if data[1] == -1 else data[1] // max(num_group, 1)
    ranges = ("min_data", "max_data", "min_weight", "max_weight", "min_bias", "max_bias")
    return {"weight": (num_filter, channels, *kernel), "bias": (num_filter,), **dict.fromkeys(ranges, _ONE)}


# Element-wise


@operator("_contrib_quantized_elemwise_add", num_outputs=3, output_names=OUTPUT_NAMES)
def quantized_elemwise_add(
    lhs: Tensor, rhs: Tensor, lhs_min: Tensor, lhs_max: Tensor, rhs_min: Tensor, rhs_max: Tensor, *,
    min_calib_range: float | None = None, max_calib_range: float | None = None,
) -> Triple:  # fmt: skip
    """lhs + rhs of the real numbers that they stand for.

    Args:
        lhs, rhs: one shape, int8 or uint8.
        lhs_min, lhs_max, rhs_min, rhs_max: (1,), their ranges.
        min_calib_range, max_calib_range: the range of the result; both or none count.
    Returns: with a calibrated range, int8 (uint8 if lhs and rhs both are) and that range; else int32 and (-m, m) with
        m the sum of the magnitudes of both ranges.
    Raises: MXNetError for other dtypes or shapes.
    """
    name = "_contrib_quantized_elemwise_add"
    check_same_shape(name, lhs, rhs)
    bounds = []
    for what, array, low, high in (("lhs", lhs, lhs_min, lhs_max), ("rhs", rhs, rhs_min, rhs_max)):
        check_dtype(name, what, array, torch.int8, torch.uint8)
        bounds.append(magnitude(name, low, high))
    steps = [STEPS.get(array.dtype, 1.0) for array in (lhs, rhs)]
    if min_calib_range is not None and max_calib_range is not None:
        dtype = torch.uint8 if lhs.dtype == rhs.dtype == torch.uint8 else torch.int8
        density = single(divide(STEPS[dtype], max(abs(min_calib_range), abs(max_calib_range))), lhs)
        factors = [density / over(step, bound) for step, bound in zip(steps, bounds, strict=True)]
        out = round_to((lhs * factors[0]).add_(rhs * factors[1]), dtype)
        return out, single(min_calib_range, lhs), single(max_calib_range, lhs)
    limit = bounds[0] + bounds[1]
    factors = [bound / (limit / INT32_STEPS * step) for step, bound in zip(steps, bounds, strict=True)]
    total = (lhs * factors[0]).add_(rhs * factors[1]).round_().double()
    return total.clamp_(-(2.0**31), 2.0**31 - 1).to(torch.int32), -limit, limit


@operator(
    "_contrib_quantized_elemwise_mul",
    num_outputs=lambda enable_float_output, **_: 1 if enable_float_output else 3,
    output_names=lambda enable_float_output, **_: OUTPUT_NAMES[:1] if enable_float_output else OUTPUT_NAMES,
)
def quantized_elemwise_mul(
    lhs: Tensor, rhs: Tensor, lhs_min: Tensor, lhs_max: Tensor, rhs_min: Tensor, rhs_max: Tensor, *,
    min_calib_range: float | None = None, max_calib_range: float | None = None, enable_float_output: bool = False,
) -> Tensor | Triple:  # fmt: skip
    """lhs * rhs of the real numbers that they stand for.

    Args:
        lhs, rhs: one shape, int8 or uint8.
        lhs_min, lhs_max, rhs_min, rhs_max: (1,), their ranges.
        min_calib_range, max_calib_range: the range of the result; both or none count.
        enable_float_output: give the real numbers.
    Returns: the real numbers, float32; or with a calibrated range, int8 integers, cut to whole steps and kept within
        -128 and 127, and that range; else the products, int32, and (-m, m), with m what 2 ** 31 - 1 stands for.
    Raises: MXNetError for other dtypes or shapes.
    """
    name = "_contrib_quantized_elemwise_mul"
    check_same_shape(name, lhs, rhs)
    steps, whole = [], []
    for what, array, low, high in (("lhs", lhs, lhs_min, lhs_max), ("rhs", rhs, rhs_min, rhs_max)):
        check_dtype(name, what, array, torch.int8, torch.uint8)
        bound = magnitude(name, low, high)
        steps.append(bound / STEPS.get(array.dtype, 1.0))
        whole.append(bound / WHOLE_STEPS.get(array.dtype, 1.0))
    products = lhs.to(torch.int32) * rhs
    if enable_float_output:
        return products * (steps[0] * steps[1])
    if min_calib_range is not None and max_calib_range is not None:
        factor = divide(STEPS[torch.int8], max(abs(min_calib_range), abs(max_calib_range)))
        out = (products * (steps[0] * steps[1] * factor)).trunc_().clamp_(-128, 127).to(torch.int8)
        return out, single(min_calib_range, lhs), single(max_calib_range, lhs)
    limit = whole[0] * whole[1] * INT32_STEPS
    return products, -limit, limit


quantized_elemwise_add.infer_shape(infer_same_shape(2))
quantized_elemwise_mul.infer_shape(infer_same_shape(2))


@quantized_elemwise_add.infer_dtype
def _(
    inputs: Sequence[str | None], outputs: Sequence[str | None], *, min_calib_range: float | None,
    max_calib_range: float | None,
) -> tuple[Names, Names]:  # fmt: skip
    out: str | None = "int32"
    if min_calib_range is not None and max_calib_range is not None:
        out = outputs[0]
        if inputs[0] is not None and inputs[1] is not None:
            out = "uint8" if inputs[0] == inputs[1] == "uint8" else "int8"
    return [*inputs[:2], *["float32"] * 4], [out, "float32", "float32"]


@quantized_elemwise_mul.infer_dtype
def _(
    inputs: Sequence[str | None], outputs: Sequence[str | None], *, min_calib_range: float | None,
    max_calib_range: float | None, enable_float_output: bool,
) -> tuple[Names, Names]:  # fmt: skip
    ranges: Names = ["float32"] * 4
    if enable_float_output:
        return [*inputs[:2], *ranges], ["float32"]
    calibrated = min_calib_range is not None and max_calib_range is not None
    return [*inputs[:2], *ranges], ["int8" if calibrated else "int32", "float32", "float32"]


for _op in (quantized_fully_connected, quantized_conv, quantized_elemwise_add, quantized_elemwise_mul):
    stop_gradient(_op)
