"""Operators that passes put into graphs for inference: convolutions and affine maps with what follows them.

On a CPU with oneDNN, float32 data takes its fused kernels (torch calls oneDNN "mkldnn"); everything else is computed
step by step with torch's ordinary kernels, to the same values but for rounding. The weight may be packed: reordered
once into oneDNN's own blocked layout, which torch holds as an opaque tensor of the same shape.

oneDNN's relu and clip give a number where the data is NaN; the ordinary ones give NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from ..base import MXNetError
from .attributes import DType, Shape
from .convolution import _convolve, _weight_shape, check_geometry, share_batch
from .dtypes import torch_dtype
from .fully_connected import fully_connected
from .inference import normalize_axis, product, unify
from .registry import PartialShape, operator

FusedActivation = Literal[
    "clip", "gelu", "hard_sigmoid", "hard_swish", "leaky", "none", "relu", "sigmoid", "swish", "tanh"
]  # fmt: skip
#: activation -> oneDNN's name; "clip" takes alpha and beta as its limits, "leaky" takes alpha as its slope
_NAMES = {
    "clip": "hardtanh", "gelu": "gelu", "hard_sigmoid": "hardsigmoid", "hard_swish": "hardswish",
    "leaky": "leaky_relu", "none": "none", "relu": "relu", "sigmoid": "sigmoid", "swish": "swish", "tanh": "tanh",
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[[Tensor, float, float], Tensor]] = {
    "clip": lambda x, low, high: x.clamp(low, high),
    "gelu": lambda x, *_: functional.gelu(x),
    "hard_sigmoid": lambda x, *_: functional.hardsigmoid(x),
    "hard_swish": lambda x, *_: functional.hardswish(x),
    "leaky": lambda x, slope, _: functional.leaky_relu(x, slope),
    "none": lambda x, *_: x,
    "relu": lambda x, *_: torch.relu(x),
    "sigmoid": lambda x, *_: torch.sigmoid(x),
    "swish": lambda x, *_: functional.silu(x),
    "tanh": lambda x, *_: torch.tanh(x),
}
HAS_ONEDNN: bool = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
_SCALARS: dict[tuple[str, float, float], list[float]] = {}

if HAS_ONEDNN:
    _CONVOLVE = torch.ops.mkldnn._convolution_pointwise.default
    _CONVOLVE_AND_ADD = torch.ops.mkldnn._convolution_pointwise.binary
    _CONVOLVE_ONTO = torch.ops.mkldnn._convolution_pointwise_.binary
    _LINEAR = torch.ops.mkldnn._linear_pointwise.default
    _PACK_CONVOLUTION = torch.ops.mkldnn._reorder_convolution_weight.default
    _PACK_LINEAR = torch.ops.mkldnn._reorder_linear_weight.default


def _add_shape_kernels() -> torch.library.Library | None:
    """Kernels without computation, by which graphs are planned, for the operations that torch has none for."""
    if not HAS_ONEDNN:
        return None
    library = torch.library.Library("mkldnn", "IMPL", "Meta")  # type: ignore[no-untyped-call]

    def convolve_and_add(data: Tensor, other: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
        result: Tensor = _CONVOLVE(data, weight, bias, *rest[:4], "none", [], "")
        return result

    def convolve_onto(other: Tensor, *_: Any) -> Tensor:
        return other

    kernels = {"_convolution_pointwise.binary": convolve_and_add, "_convolution_pointwise_.binary": convolve_onto}
    for name, kernel in kernels.items():
        if not torch._C._dispatch_has_kernel_for_dispatch_key(f"mkldnn::{name}", "Meta"):
            library.impl(name, kernel)  # type: ignore[no-untyped-call]
    return library


_LIBRARY = _add_shape_kernels()


def _fits_onednn(data: Tensor, weight: Tensor) -> bool:
    """Whether the fused kernels can take this; they can't be differentiated."""
    return (
        HAS_ONEDNN and data.dtype is torch.float32 and (data.is_cpu or data.is_meta)
        and not (torch.is_grad_enabled() and (data.requires_grad or weight.requires_grad))
    )  # fmt: skip


def _scalars(activation: str, alpha: float, beta: float) -> list[float]:
    key = (activation, alpha, beta)
    found = _SCALARS.get(key)
    if found is None:
        found = _SCALARS[key] = [alpha, beta] if activation == "clip" else [alpha] if activation == "leaky" else []
    return found


@operator("_fused_convolution")
def fused_convolution(
    data: Tensor, weight: Tensor, bias: Tensor | None = None, other: Tensor | None = None, *, kernel: Shape,
    stride: Shape = (), dilate: Shape = (), pad: Shape = (), num_filter: int, num_group: int = 1, no_bias: bool = False,
    layout: Literal["NCHW", "NHWC"] = "NCHW", add: bool = False, in_place: bool = False,
    activation: FusedActivation = "none", alpha: float = 0.0, beta: float = 0.0,
) -> Tensor:  # fmt: skip
    """``activation(Convolution(data, weight, bias) + other)`` over two spatial axes.

    Args:
        data: (batch, channels, height, width), or with the channels last by layout.
        weight: as of Convolution; with layout NCHW it may be packed.
        bias: (num_filter,); absent when no_bias.
        other: of the shape of the result; absent unless add.
        kernel, stride, dilate, pad, num_filter, num_group, layout: as of Convolution.
        add: whether there is another array to add.
        in_place: the result takes the place of other, whose values are lost.
        activation: "none", or what follows the sum; with add it can be relu.
        alpha, beta: of clip, its limits; alpha of leaky, the slope.
    Returns: (batch, num_filter, ...), in memory with the channels last where oneDNN computes it.
    Raises: MXNetError if shapes, dtypes or attributes don't fit one another.
    """
    if layout == "NCHW" and data.ndim == 4 and _fits_onednn(data, weight):
        return _by_onednn(
            data, weight, bias, other, (pad or (0, 0), stride or (1, 1), dilate or (1, 1), num_group), in_place,
            activation, alpha, beta,
        )  # fmt: skip
    if weight.is_mkldnn:
        weight = weight.to_dense()
    out = _convolve(
        "_fused_convolution", data, weight, bias, kernel, stride, dilate, pad, num_filter, num_group, no_bias, layout
    )
    if other is not None:
        out = out + other
    return _FUNCTIONS[activation](out, alpha, beta)


def _by_onednn(
    data: Tensor, weight: Tensor, bias: Tensor | None, other: Tensor | None, geometry: tuple[Any, ...], in_place: bool,
    activation: str, alpha: float, beta: float,
) -> Tensor:  # fmt: skip
    data = data.contiguous(memory_format=torch.channels_last)
    result: Tensor
    if other is None:
        scalars = _scalars(activation, alpha, beta)
        result = _CONVOLVE(data, weight, bias, *geometry, _NAMES[activation], scalars, "none")
        return result
    rest = weight, bias, *geometry, "add", 1.0, None if activation == "none" else activation, [], ""
    if in_place and other.is_contiguous(memory_format=torch.channels_last):
        result = _CONVOLVE_ONTO(other, data, *rest)
    else:
        result = _CONVOLVE_AND_ADD(data, other.contiguous(memory_format=torch.channels_last), *rest)
    return result


@fused_convolution.list_inputs
def _(*, no_bias: bool, add: bool, **_: Any) -> tuple[str, ...]:
    return ("data", "weight", *(() if no_bias else ("bias",)), *(("other",) if add else ()))


@fused_convolution.infer_arguments
def _(
    data: Shape, *, kernel: Shape, stride: Shape, dilate: Shape, pad: Shape, num_filter: int, num_group: int,
    layout: str, **_: Any,
) -> dict[str, PartialShape]:  # fmt: skip
    check_geometry("_fused_convolution", kernel, stride, dilate, pad, layout, len(data))
    weight = _weight_shape("_fused_convolution", data, kernel, num_filter, num_group, layout, False)
    return {"weight": weight, "bias": (num_filter,)}


@fused_convolution.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, kernel: Shape, stride: Shape, dilate: Shape,
    pad: Shape, num_filter: int, layout: str, add: bool, **_: Any,
) -> tuple[list[PartialShape], list[PartialShape]]:  # fmt: skip
    ins, outs = share_batch(inputs, outputs)
    data = ins[0]
    if data is not None:
        geometry = check_geometry("_fused_convolution", kernel, stride, dilate, pad, layout, len(data))
        spatial = data[1:3] if layout == "NHWC" else data[2:]
        sizes = (
            size if size == -1 else (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, d, p in zip(spatial, kernel, *geometry, strict=True)
        )
        shape = (data[0], *sizes, num_filter) if layout == "NHWC" else (data[0], num_filter, *sizes)
        outs = [unify(outs[0], shape, "the shape of the result")]
    if add:
        ins[-1] = outs[0] = unify(ins[-1], outs[0], "the shape of the sum")
    return ins, outs


@operator("_fused_fully_connected")
def fused_fully_connected(
    data: Tensor, weight: Tensor, bias: Tensor | None = None, *, num_hidden: int, no_bias: bool = False,
    flatten: bool = True, activation: FusedActivation = "none", alpha: float = 0.0, beta: float = 0.0,
) -> Tensor:  # fmt: skip
    """``activation(FullyConnected(data, weight, bias))``.

    Args:
        data, weight, bias, num_hidden, no_bias, flatten: as of FullyConnected; the weight may be packed.
        activation, alpha, beta: as of _fused_convolution.
    Returns: (batch, num_hidden), or (..., num_hidden) when flatten is False.
    """
    if flatten and data.ndim != 2:
        data = data.unsqueeze(1) if data.ndim == 1 else data.flatten(1)
    if weight.shape != (num_hidden, data.shape[-1]):
        raise MXNetError(
            f"_fused_fully_connected: weight has shape {tuple(weight.shape)}; expected {(num_hidden, data.shape[-1])}, "
            f"as num_hidden={num_hidden} and data has {data.shape[-1]} units."
        )
    if weight.is_mkldnn:
        if _fits_onednn(data, weight):
            result: Tensor = _LINEAR(
                data.contiguous(), weight, bias, _NAMES[activation], _scalars(activation, alpha, beta), "none"
            )
            return result
        weight = weight.to_dense()
    return _FUNCTIONS[activation](functional.linear(data, weight, bias), alpha, beta)


@fused_fully_connected.list_inputs
def _(*, no_bias: bool, **_: Any) -> tuple[str, ...]:
    return ("data", "weight") if no_bias else ("data", "weight", "bias")


@fused_fully_connected.infer_arguments
def _(data: Shape, *, num_hidden: int, flatten: bool, **_: Any) -> dict[str, PartialShape]:
    return {"weight": (num_hidden, product(data[1:]) if flatten else data[-1]), "bias": (num_hidden,)}


@fused_fully_connected.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, num_hidden: int, flatten: bool, no_bias: bool,
    **_: Any,
) -> tuple[list[PartialShape], list[PartialShape]]:  # fmt: skip
    rule: Any = fully_connected._infer_shape
    found: tuple[list[PartialShape], list[PartialShape]] = rule(
        inputs, outputs, num_hidden=num_hidden, flatten=flatten, no_bias=no_bias
    )
    return found


@operator("_fused_affine")
def fused_affine(
    data: Tensor, factor: Tensor, offset: Tensor, *, axis: int = 1, activation: FusedActivation = "none",
    alpha: float = 0.0, beta: float = 0.0,
) -> Tensor:  # fmt: skip
    """``activation(data * factor + offset)`` with a factor and an offset for each channel.

    Args:
        data: any shape, with the channels at axis.
        factor, offset: (channels,).
        activation, alpha, beta: as of _fused_convolution.
    Returns: of the shape of data.
    """
    axis = normalize_axis(axis, data.ndim, "_fused_affine")
    for name, values in (("factor", factor), ("offset", offset)):
        if values.shape != (data.shape[axis],):
            raise MXNetError(
                f"_fused_affine: {name} has shape {tuple(values.shape)}; expected ({data.shape[axis]},) for data of "
                f"shape {tuple(data.shape)} with the channels at axis {axis}."
            )
    if axis != data.ndim - 1:
        shape = (-1, *(1,) * (data.ndim - 1 - axis))
        factor, offset = factor.view(shape), offset.view(shape)
    out = torch.addcmul(offset, data, factor)
    if activation == "relu" and not out.requires_grad:
        return out.relu_()
    return _FUNCTIONS[activation](out, alpha, beta)


@fused_affine.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, axis: int, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    data = unify(inputs[0], outputs[0])
    channels = None if data is None else (data[normalize_axis(axis, len(data), "_fused_affine")],)
    return [data, unify(inputs[1], channels), unify(inputs[2], channels)], [data]


def _is_packable(weight: Tensor) -> bool:
    return HAS_ONEDNN and weight.is_cpu and weight.dtype is torch.float32 and type(weight) is Tensor


@operator("_pack_convolution_weight", elementwise=True)
def pack_convolution_weight(
    weight: Tensor, *, stride: Shape, dilate: Shape, pad: Shape, num_group: int, data_shape: Shape
) -> Tensor:
    """The weight of a convolution in the layout that oneDNN wants for data of a shape; elsewhere a copy.

    Args:
        weight: (num_filter, channels / num_group, height, width).
        stride, dilate, pad, num_group: of the convolution.
        data_shape: (batch, channels, height, width).
    Returns: an opaque tensor of the shape of the weight, for _fused_convolution alone.
    """
    if not _is_packable(weight):
        return weight.clone()
    packed: Tensor = _PACK_CONVOLUTION(weight.detach(), pad, stride, dilate, num_group, data_shape)
    return packed


@operator("_pack_linear_weight", elementwise=True)
def pack_linear_weight(weight: Tensor, *, batch: int) -> Tensor:
    """The weight of an affine map in the layout that oneDNN wants for so many rows of data; elsewhere a copy.

    Args:
        weight: (num_hidden, in_units).
        batch: rows of data.
    Returns: an opaque tensor of the shape of the weight, for _fused_fully_connected alone.
    """
    if not _is_packable(weight):
        return weight.clone()
    packed: Tensor = _PACK_LINEAR(weight.detach(), batch)
    return packed


@operator("_channels_last", elementwise=True, view=True)
def channels_last(data: Tensor) -> Tensor:
    """The same values, in memory with axis 1 last. data: (batch, channels, height, width)."""
    return data.contiguous(memory_format=torch.channels_last) if data.ndim == 4 else data


@operator("_channels_first", elementwise=True, view=True)
def channels_first(data: Tensor) -> Tensor:
    """The same values, in memory in the order of the axes. data: any shape."""
    return data.contiguous()


@operator("_constant", out_dtype=lambda dtype, **_: dtype)
def constant(*, value: Any, shape: Shape, dtype: DType, ctx: str = "", device: torch.device) -> Tensor:
    """An array of given values, which a pass has computed.

    Args:
        value: the elements in order, a tuple of numbers; a number for all of them.
        shape, dtype: of the array.
        ctx: where it is created.
    """
    if isinstance(value, tuple | list):
        return torch.tensor(value, dtype=torch_dtype(dtype), device=device).reshape(shape)
    return torch.full(shape, value, dtype=torch_dtype(dtype), device=device)
