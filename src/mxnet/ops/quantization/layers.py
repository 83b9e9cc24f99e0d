"""Layers on quantized arrays that add no products: activation, flattening, joining, pooling, embedding, scaling."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor

from ...base import MXNetError
from ..attributes import Shape
from ..inference import normalize_axis, unify
from ..pooling import Layout, pooling
from ..registry import PartialShape, operator
from .common import (
    OUTPUT_NAMES,
    STEPS,
    WHOLE_STEPS,
    Names,
    Shapes,
    check_dtype,
    infer_fixed_dtypes,
    infer_same_shape,
    magnitude,
    over,
    round_to,
    single,
    stop_gradient,
)
from .convert import Triple, divide

_ONE: PartialShape = (1,)


def _same_dtype(inputs: Sequence[str | None], outputs: Sequence[str | None], **_: Any) -> tuple[Names, Names]:
    """A dtype rule: the first output has the dtype of the first input; ranges are float32."""
    data = inputs[0] or outputs[0]
    return [data, *["float32"] * (len(inputs) - 1)], [data, *["float32"] * (len(outputs) - 1)]


@operator("_contrib_quantized_act", num_outputs=3, output_names=OUTPUT_NAMES)
def quantized_act(
    data: Tensor, min_data: Tensor, max_data: Tensor, *,
    act_type: Literal["relu", "sigmoid", "softrelu", "softsign", "tanh"],
) -> Triple:  # fmt: skip
    """Activation; only relu, which keeps the range.

    Args:
        data: any shape, int8 or uint8 (which relu leaves as it is).
        min_data, max_data: (1,), its range.
        act_type: relu.
    Returns: the integers, with the dtype of data, and the range, unchanged.
    Raises: MXNetError for another act_type, dtype, or shape of the range.
    """
    if act_type != "relu":
        raise MXNetError(f"_contrib_quantized_act: act_type is {act_type!r}; only 'relu' is supported.")
    check_dtype("_contrib_quantized_act", "data", data, torch.int8, torch.uint8)
    magnitude("_contrib_quantized_act", min_data, max_data)
    return data.clamp(min=0), min_data.clone(), max_data.clone()


quantized_act.infer_shape(infer_same_shape(1))
quantized_act.infer_dtype(_same_dtype)


@operator("_contrib_quantized_flatten", num_outputs=3, output_names=OUTPUT_NAMES, view=True)
def quantized_flatten(data: Tensor, min_data: Tensor, max_data: Tensor) -> Triple:
    """All axes but the first as one.

    Args:
        data: (batch, ...), any dtype.
        min_data, max_data: (1,), its range.
    Returns: (batch, everything else), and the range, unchanged.
    """
    return data.reshape(data.shape[0], data.shape[1:].numel()), min_data, max_data


@quantized_flatten.infer_shape
def _(inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any) -> tuple[Shapes, Shapes]:
    return [inputs[0], _ONE, _ONE], [outputs[0], _ONE, _ONE]


quantized_flatten.infer_dtype(_same_dtype)


@operator("_contrib_quantized_pooling", num_outputs=3, output_names=OUTPUT_NAMES)
def quantized_pooling(
    data: Tensor, min_data: Tensor, max_data: Tensor, *, kernel: Shape = (),
    pool_type: Literal["avg", "lp", "max", "sum"] = "max", global_pool: bool = False, cudnn_off: bool = False,
    pooling_convention: Literal["full", "same", "valid"] = "valid", stride: Shape = (), pad: Shape = (),
    p_value: int | None = None, count_include_pad: bool | None = None, layout: Layout | None = None,
) -> Triple:  # fmt: skip
    """The largest value or the average of each window; averages are rounded, halves to even.

    Args:
        data: (batch, channels, *spatial) or with the channels last by layout, int8 or uint8.
        min_data, max_data: (1,), its range.
        pool_type: max or avg.
        count_include_pad: whether an average counts padded places, and what a window has beyond them; default True.
        cudnn_off, p_value: no meaning here, accepted for compatibility.
        The other attributes are those of Pooling.
    Returns: the integers, with the dtype of data, and the range, unchanged.
    Raises: MXNetError for another pool_type or dtype, or shapes and attributes that don't fit one another.
    """
    if pool_type not in ("max", "avg"):
        raise MXNetError(f"_contrib_quantized_pooling: pool_type is {pool_type!r}; only 'max' and 'avg' are supported.")
    check_dtype("_contrib_quantized_pooling", "data", data, torch.int8, torch.uint8)
    magnitude("_contrib_quantized_pooling", min_data, max_data)
    whole_windows = pool_type == "avg" and not global_pool and count_include_pad is not False
    out = pooling.function(
        data.float(), kernel=kernel, pool_type="sum" if whole_windows else pool_type, global_pool=global_pool,
        stride=stride, pad=pad, pooling_convention=pooling_convention, count_include_pad=count_include_pad,
        layout=layout,
    )  # fmt: skip
    if whole_windows:
        out = out.div_(prod(kernel))
    return out.round_().to(data.dtype), min_data.clone(), max_data.clone()


@quantized_pooling.infer_shape
def _(inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **_: Any) -> tuple[Shapes, Shapes]:
    data, out = inputs[0], outputs[0]
    if data is not None and out is not None:
        out = unify(out, (data[0], *[-1] * (len(data) - 1)), "output")
    return [data, _ONE, _ONE], [out, _ONE, _ONE]


quantized_pooling.infer_dtype(_same_dtype)


@operator("_contrib_quantized_concat", num_outputs=3, output_names=OUTPUT_NAMES, num_inputs_attr="")
def quantized_concat(*data: Tensor, num_args: int, dim: int = 1) -> Triple:
    """Join arrays along an axis, within the union of their ranges.

    Args:
        data: num_args arrays, int8 or uint8, of one shape except along dim; then min and max, (1,), of the first, of
            the second, and so on.
        dim: the axis.
    Returns: the integers, uint8 if all arrays are, else int8; the least min and the largest max.
    Raises: MXNetError unless there are 3 * num_args inputs, of these dtypes and shapes.
    """
    if num_args < 1 or len(data) != 3 * num_args:
        raise MXNetError(
            f"_contrib_quantized_concat: num_args={num_args}, and {len(data)} inputs were given; expected num_args "
            f"arrays, then two ranges for each, {3 * num_args} inputs in all."
        )
    arrays, lows, highs = data[:num_args], data[num_args::2], data[num_args + 1 :: 2]
    for index, array in enumerate(arrays):
        check_dtype("_contrib_quantized_concat", f"data[{index}]", array, torch.int8, torch.uint8)
    dtype = torch.uint8 if all(array.dtype == torch.uint8 for array in arrays) else torch.int8
    magnitudes = [magnitude("_contrib_quantized_concat", *ends) for ends in zip(lows, highs, strict=True)]
    low, high = torch.cat(lows).amin(0, keepdim=True), torch.cat(highs).amax(0, keepdim=True)
    limit = torch.maximum(low.abs(), high.abs())
    steps = over(STEPS[dtype], limit)
    scaled = [
        array * (bound / STEPS.get(array.dtype, 1.0) * steps) for array, bound in zip(arrays, magnitudes, strict=True)
    ]
    return round_to(torch.cat(scaled, dim), dtype), low, high


@quantized_concat.list_inputs
def _(*, count: int, num_args: int, **_: Any) -> tuple[str, ...]:
    ranges = (f"arg{i}_{end}" for i in range(num_args) for end in ("min", "max"))
    return (*(f"arg{i}" for i in range(num_args)), *ranges)


@quantized_concat.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, num_args: int, dim: int
) -> tuple[Shapes, Shapes]:
    found: Shapes = [*inputs[:num_args], *[_ONE] * (len(inputs) - num_args)]
    arrays = inputs[:num_args]
    out = outputs[0]
    if arrays and all(shape is not None for shape in arrays):
        shapes = [shape for shape in arrays if shape is not None]
        axis = normalize_axis(dim, len(shapes[0]), "_contrib_quantized_concat", "dim")
        sizes = [shape[axis] for shape in shapes if len(shape) > axis]
        common: PartialShape = None
        for shape in shapes:
            common = unify(common, (*shape[:axis], -1, *shape[axis + 1 :]))
        assert common is not None
        size = -1 if -1 in sizes else sum(sizes)
        out = unify(out, (*common[:axis], size, *common[axis + 1 :]), "output")
    return found, [out, _ONE, _ONE]


@quantized_concat.infer_dtype
def _(inputs: Sequence[str | None], outputs: Sequence[str | None], *, num_args: int, dim: int) -> tuple[Names, Names]:
    arrays = list(inputs[:num_args])
    out = outputs[0]
    if None not in arrays:
        out = "uint8" if set(arrays) == {"uint8"} else "int8"
    return [*arrays, *["float32"] * (len(inputs) - num_args)], [out, "float32", "float32"]


@operator("_contrib_quantized_embedding", num_outputs=3, output_names=OUTPUT_NAMES)
def quantized_embedding(
    data: Tensor, weight: Tensor, min_weight: Tensor, max_weight: Tensor, *, input_dim: int, output_dim: int,
    dtype: Literal["bfloat16", "float16", "float32", "float64", "int32", "int64", "int8", "uint8"] = "float32",
    sparse_grad: bool = False,
) -> Triple:  # fmt: skip
    """Rows of a quantized table.

    Args:
        data: numbers of rows, any shape and dtype; below 0 means the first, above the end the last.
        weight: (input_dim, output_dim), int8.
        min_weight, max_weight: (1,), its range.
        dtype, sparse_grad: no meaning here, accepted for compatibility.
    Returns: (*data.shape, output_dim) int8, and the range, unchanged.
    Raises: MXNetError for another dtype or shape of weight or its range.
    """
    check_dtype("_contrib_quantized_embedding", "weight", weight, torch.int8)
    magnitude("_contrib_quantized_embedding", min_weight, max_weight)
    if weight.shape != (input_dim, output_dim):
        raise MXNetError(
            f"_contrib_quantized_embedding: weight has shape {tuple(weight.shape)}; expected (input_dim, output_dim) = "
            f"({input_dim}, {output_dim})."
        )
    rows = data.long().clamp_(0, input_dim - 1) if data.dtype != torch.int64 else data.clamp(0, input_dim - 1)
    return weight[rows], min_weight.clone(), max_weight.clone()


@quantized_embedding.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, input_dim: int, output_dim: int, **_: Any
) -> tuple[Shapes, Shapes]:
    data, out = inputs[0], outputs[0]
    if out is not None:
        data = unify(data, out[:-1], "data")
    if data is not None:
        out = unify(out, (*data, output_dim), "output")
    return [data, (input_dim, output_dim), _ONE, _ONE], [out, _ONE, _ONE]


quantized_embedding.infer_dtype(infer_fixed_dtypes([None, "int8"], ["int8"]))


@operator(
    "_contrib_quantized_batch_norm",
    num_outputs=3,
    output_names=OUTPUT_NAMES,
    mutates=("moving_mean", "moving_var"),
    variable_init={"moving_mean": "zero", "moving_var": "one"},
)
def quantized_batch_norm(
    data: Tensor, gamma: Tensor, beta: Tensor, moving_mean: Tensor, moving_var: Tensor, min_data: Tensor,
    max_data: Tensor, *, eps: float = 0.0010000000474974513, momentum: float = 0.9, fix_gamma: bool = True,
    use_global_stats: bool = False, output_mean_var: bool = False, axis: int = 1, cudnn_off: bool = False,
    min_calib_range: float | None = None, max_calib_range: float | None = None,
) -> Triple:  # fmt: skip
    """Batch normalisation with the moving statistics, within the calibrated range.

    As MXNet, this divides the factor of each channel by sqrt(1 + eps) once more, and brings uint8 to int8 first.

    Args:
        data: (batch, channels, ...) or with the channels at axis, int8 or uint8.
        gamma, beta, moving_mean, moving_var: (channels,), float32; the moving statistics stay as they are.
        min_data, max_data: (1,), the range of data.
        eps: added to the variance.
        fix_gamma: take gamma as one.
        min_calib_range, max_calib_range: the range of the result; both needed.
        momentum, use_global_stats, output_mean_var, cudnn_off: no meaning here, accepted for compatibility.
    Returns: int8 integers in the shape of data, min_calib_range and max_calib_range.
    Raises: MXNetError without calibrated range, or for other dtypes or shapes.
    """
    if min_calib_range is None or max_calib_range is None:
        raise MXNetError(
            "_contrib_quantized_batch_norm: min_calib_range and max_calib_range are needed; calibrate first."
        )
    check_dtype("_contrib_quantized_batch_norm", "data", data, torch.int8, torch.uint8)
    axis = normalize_axis(axis, data.ndim, "_contrib_quantized_batch_norm")
    channels = data.shape[axis]
    for name, given in zip(
        ("gamma", "beta", "moving_mean", "moving_var"), (gamma, beta, moving_mean, moving_var), strict=True
    ):
        if given.shape != (channels,):
            raise MXNetError(
                f"_contrib_quantized_batch_norm: {name} has shape {tuple(given.shape)}; expected ({channels},)."
            )
    limit = magnitude("_contrib_quantized_batch_norm", min_data, max_data)
    bound = max(abs(min_calib_range), abs(max_calib_range))
    x = data.float()
    if data.dtype == torch.uint8:
        x = x.mul_(divide(WHOLE_STEPS[torch.int8], WHOLE_STEPS[torch.uint8])).round_()
    inverse_std = (moving_var + eps).rsqrt()
    factor = inverse_std if fix_gamma else gamma * inverse_std
    shift = (beta - moving_mean * factor) * divide(STEPS[torch.int8], bound)
    factor = factor * (limit / bound) * (1 + eps) ** -0.5
    places = [1] * data.ndim
    places[axis] = channels
    out = round_to(x.mul_(factor.view(places)).add_(shift.view(places)), torch.int8)
    return out, single(min_calib_range, data), single(max_calib_range, data)


@quantized_batch_norm.infer_shape
def _(inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, axis: int, **_: Any) -> tuple[Shapes, Shapes]:
    data = unify(inputs[0], outputs[0])
    channel: PartialShape = None
    if data is not None:
        channel = (data[normalize_axis(axis, len(data), "_contrib_quantized_batch_norm")],)
    return [data, *[channel] * 4, _ONE, _ONE], [data, _ONE, _ONE]


quantized_batch_norm.infer_dtype(infer_fixed_dtypes([None], ["int8"]))

for _op in (
    quantized_act, quantized_flatten, quantized_pooling, quantized_concat, quantized_embedding, quantized_batch_norm,
):  # fmt: skip
    stop_gradient(_op)
