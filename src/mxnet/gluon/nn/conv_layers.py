"""Convolution, pooling and padding layers.

Axes: N batch, C channels, D depth, H height, W width. A size given as one number holds for every spatial axis.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

from ..block import HybridBlock
from .activations import Activation

__all__ = [
    "AvgPool1D", "AvgPool2D", "AvgPool3D", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D",
    "Conv3DTranspose", "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D",
    "GlobalMaxPool3D", "MaxPool1D", "MaxPool2D", "MaxPool3D", "ReflectionPad2D",
]  # fmt: skip

Sizes = int | tuple[int, ...]
_CONV_LAYOUTS = {1: ("NCW",), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}
_POOL_LAYOUTS = {1: ("NCW", "NWC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}


def _per_axis(value: Any, ndim: int, name: str) -> tuple[int, ...]:
    """One size for each of ndim spatial axes. Raises: AssertionError, as MXNet, if value doesn't give them."""
    sizes = (int(value),) * ndim if isinstance(value, Integral) else value
    if not isinstance(sizes, tuple | list) or len(sizes) != ndim:
        raise AssertionError(f"{name} must be a number or a list of {ndim} ints; it is {value!r}.")
    return tuple(sizes)


class _Conv(HybridBlock):
    """What convolutions and transposed convolutions of any number of spatial axes share."""

    _ndim: int
    _op_name = "Convolution"

    def __init__(
        self, channels: int, kernel_size: Sizes, strides: Sizes, padding: Sizes, dilation: Sizes, groups: int,
        layout: str, in_channels: int, activation: str | None, use_bias: bool, weight_initializer: Any,
        bias_initializer: Any, output_padding: Sizes | None = None, prefix: str | None = None, params: Any = None,
    ):  # fmt: skip
        ndim = self._ndim
        if layout not in _CONV_LAYOUTS[ndim]:
            expected = " and ".join(map(repr, _CONV_LAYOUTS[ndim]))
            raise AssertionError(f"Only supports {expected} layout for now; layout is {layout!r}.")
        kernel = _per_axis(kernel_size, ndim, "kernel_size")
        super().__init__(prefix=prefix, params=params)
        self._channels, self._in_channels = channels, in_channels
        self._kwargs: dict[str, Any] = {
            "kernel": kernel,
            "stride": _per_axis(strides, ndim, "strides"),
            "dilate": _per_axis(dilation, ndim, "dilation"),
            "pad": _per_axis(padding, ndim, "padding"),
            "num_filter": channels,
            "num_group": groups,
            "no_bias": not use_bias,
            "layout": layout,
        }
        if output_padding is not None:
            self._kwargs["adj"] = _per_axis(output_padding, ndim, "output_padding")
            first, second = in_channels, channels // groups
        else:
            first, second = channels, in_channels // groups
        shape = (first, second, *kernel) if layout[1] == "C" else (first, *kernel, second)
        with self.name_scope():
            self.weight = self.params.get(
                "weight", shape=shape, init=weight_initializer, allow_deferred_init=True
            )
            self.bias = (
                self.params.get("bias", shape=(channels,), init=bias_initializer, allow_deferred_init=True)
                if use_bias
                else None
            )
            self.act = Activation(activation, prefix=f"{activation}_") if activation is not None else None

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        inputs = (x, weight) if bias is None else (x, weight, bias)
        out = getattr(F, self._op_name)(*inputs, name="fwd", **self._kwargs)
        return out if self.act is None else self.act(out)

    def _alias(self) -> str:
        return "conv"

    def __repr__(self) -> str:
        kwargs, none, shape = self._kwargs, (0,) * self._ndim, self.weight.shape
        text = f"{self._mapping(shape)}, kernel_size={kwargs['kernel']}, stride={kwargs['stride']}"
        if kwargs["pad"] != none:
            text += f", padding={kwargs['pad']}"
        if kwargs["dilate"] != (1,) * self._ndim:
            text += f", dilation={kwargs['dilate']}"
        if kwargs["num_group"] != 1:
            text += f", groups={kwargs['num_group']}"
        if self.bias is None:
            text += ", bias=False"
        if self.act is not None:
            text += f", {self.act}"
        return f"{self.__class__.__name__}({text})"

    def _mapping(self, shape: tuple[int, ...]) -> str:
        return f"{shape[1] or None} -> {shape[0]}"


class Conv1D(_Conv):
    """Convolution (cross-correlation) over one axis.

    Args:
        channels: number of filters, the channels of the output.
        kernel_size, strides, padding, dilation: a number or a tuple of one.
        groups: the channels are split into that many groups, convolved apart.
        layout: "NCW".
        activation: name of the activation applied to the result, see `Activation`; None for none.
        use_bias: whether a bias is added.
        weight_initializer, bias_initializer: Initializer or name; None is the one given to `initialize`.
        in_channels: channels of the input; 0 is settled by the first input.
    Shapes: x (N, C, W), weight (channels, C // groups, kernel), bias (channels,) -> (N, channels, W'), with
        W' = (W + 2 padding - dilation (kernel - 1) - 1) // stride + 1.
    """

    _ndim = 1

    def __init__(
        self, channels: int, kernel_size: Sizes, strides: Sizes = 1, padding: Sizes = 0, dilation: Sizes = 1,
        groups: int = 1, layout: str = "NCW", activation: str | None = None, use_bias: bool = True,
        weight_initializer: Any = None, bias_initializer: Any = "zeros", in_channels: int = 0, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(channels, kernel_size, strides, padding, dilation, groups, layout, in_channels, activation,
                         use_bias, weight_initializer, bias_initializer, **kwargs)  # fmt: skip


class Conv2D(_Conv):
    """Convolution (cross-correlation) over height and width.

    Args: as `Conv1D`, with a number or two for the sizes; layout is "NCHW" or "NHWC".
    Shapes: x (N, C, H, W), weight (channels, C // groups, *kernel), bias (channels,) -> (N, channels, H', W');
        with "NHWC" x (N, H, W, C), weight (channels, *kernel, C // groups) -> (N, H', W', channels).
    """

    _ndim = 2

    def __init__(
        self, channels: int, kernel_size: Sizes, strides: Sizes = (1, 1), padding: Sizes = (0, 0),
        dilation: Sizes = (1, 1), groups: int = 1, layout: str = "NCHW", activation: str | None = None,
        use_bias: bool = True, weight_initializer: Any = None, bias_initializer: Any = "zeros", in_channels: int = 0,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(channels, kernel_size, strides, padding, dilation, groups, layout, in_channels, activation,
                         use_bias, weight_initializer, bias_initializer, **kwargs)  # fmt: skip


class Conv3D(_Conv):
    """Convolution (cross-correlation) over depth, height and width.

    Args: as `Conv1D`, with a number or three for the sizes; layout is "NCDHW" or "NDHWC".
    Shapes: x (N, C, D, H, W), weight (channels, C // groups, *kernel), bias (channels,) -> (N, channels, D', H', W').
    """

    _ndim = 3

    def __init__(
        self, channels: int, kernel_size: Sizes, strides: Sizes = (1, 1, 1), padding: Sizes = (0, 0, 0),
        dilation: Sizes = (1, 1, 1), groups: int = 1, layout: str = "NCDHW", activation: str | None = None,
        use_bias: bool = True, weight_initializer: Any = None, bias_initializer: Any = "zeros", in_channels: int = 0,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(channels, kernel_size, strides, padding, dilation, groups, layout, in_channels, activation,
                         use_bias, weight_initializer, bias_initializer, **kwargs)  # fmt: skip


class _ConvTranspose(_Conv):
    _op_name = "Deconvolution"

    def _mapping(self, shape: tuple[int, ...]) -> str:
        return f"{shape[1]} -> {shape[0]}"  # the way MXNet prints it


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution over one axis: the gradient of `Conv1D` with respect to its input.

    Args: as `Conv1D`, and output_padding, which extends the output at its end (less than strides or dilation).
    Shapes: x (N, C, W), weight (C, channels // groups, kernel), bias (channels,) -> (N, channels, W'), with
        W' = (W - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding.
    """

    _ndim = 1

    def __init__(
        self, channels: int, kernel_size: Sizes, strides: Sizes = 1, padding: Sizes = 0, output_padding: Sizes = 0,
        dilation: Sizes = 1, groups: int = 1, layout: str = "NCW", activation: str | None = None, use_bias: bool = True,
        weight_initializer: Any = None, bias_initializer: Any = "zeros", in_channels: int = 0, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(channels, kernel_size, strides, padding, dilation, groups, layout, in_channels, activation,
                         use_bias, weight_initializer, bias_initializer, output_padding, **kwargs)  # fmt: skip
        self.outpad = self._kwargs["adj"]


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution over height and width: the gradient of `Conv2D` with respect to its input.

    Args: as `Conv1DTranspose`, with a number or two for the sizes; layout is "NCHW" or "NHWC".
    Shapes: x (N, C, H, W), weight (C, channels // groups, *kernel), bias (channels,) -> (N, channels, H', W').
    """

    _ndim = 2

    def __init__(
        self, channels: int, kernel_size: Sizes, strides: Sizes = (1, 1), padding: Sizes = (0, 0),
        output_padding: Sizes = (0, 0), dilation: Sizes = (1, 1), groups: int = 1, layout: str = "NCHW",
        activation: str | None = None, use_bias: bool = True, weight_initializer: Any = None,
        bias_initializer: Any = "zeros", in_channels: int = 0, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(channels, kernel_size, strides, padding, dilation, groups, layout, in_channels, activation,
                         use_bias, weight_initializer, bias_initializer, output_padding, **kwargs)  # fmt: skip
        self.outpad = self._kwargs["adj"]


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution over depth, height and width: the gradient of `Conv3D` with respect to its input.

    Args: as `Conv1DTranspose`, with a number or three for the sizes; layout is "NCDHW" or "NDHWC".
    Shapes: x (N, C, D, H, W), weight (C, channels // groups, *kernel), bias (channels,) -> (N, channels, D', H', W').
    """

    _ndim = 3

    def __init__(
        self, channels: int, kernel_size: Sizes, strides: Sizes = (1, 1, 1), padding: Sizes = (0, 0, 0),
        output_padding: Sizes = (0, 0, 0), dilation: Sizes = (1, 1, 1), groups: int = 1, layout: str = "NCDHW",
        activation: str | None = None, use_bias: bool = True, weight_initializer: Any = None,
        bias_initializer: Any = "zeros", in_channels: int = 0, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(channels, kernel_size, strides, padding, dilation, groups, layout, in_channels, activation,
                         use_bias, weight_initializer, bias_initializer, output_padding, **kwargs)  # fmt: skip
        self.outpad = self._kwargs["adj"]


class _Pooling(HybridBlock):
    """What pooling layers share; the class attributes say which one it is."""

    _ndim: int
    _pool_type: str
    _global = False

    def __init__(
        self, pool_size: Sizes, strides: Sizes | None, padding: Sizes, ceil_mode: bool, layout: str,
        count_include_pad: bool | None = None, **kwargs: Any,
    ):  # fmt: skip
        ndim = self._ndim
        if layout not in _POOL_LAYOUTS[ndim]:
            expected = " and ".join(_POOL_LAYOUTS[ndim])
            raise AssertionError(f"Only {expected} layouts are valid for {ndim}D Pooling; layout is {layout!r}.")
        size = _per_axis(pool_size, ndim, "pool_size")
        super().__init__(**kwargs)
        self._kwargs: dict[str, Any] = {
            "kernel": size,
            "stride": size if strides is None else _per_axis(strides, ndim, "strides"),
            "pad": _per_axis(padding, ndim, "padding"),
            "global_pool": self._global,
            "pool_type": self._pool_type,
            "layout": layout,
            "pooling_convention": "full" if ceil_mode else "valid",
        }
        if count_include_pad is not None:
            self._kwargs["count_include_pad"] = count_include_pad

    def _alias(self) -> str:
        return "pool"

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.Pooling(x, name="fwd", **self._kwargs)

    def __repr__(self) -> str:
        kwargs = self._kwargs
        return (
            f"{self.__class__.__name__}(size={kwargs['kernel']}, stride={kwargs['stride']}, padding={kwargs['pad']}, "
            f"ceil_mode={kwargs['pooling_convention'] == 'full'}, global_pool={kwargs['global_pool']}, "
            f"pool_type={kwargs['pool_type']}, layout={kwargs['layout']})"
        )


class MaxPool1D(_Pooling):
    """Largest value in each window along one axis.

    Args:
        pool_size: length of the window, a number or a tuple of one.
        strides: its step; None is pool_size.
        padding: on both ends; padded places never win.
        layout: "NCW" or "NWC".
        ceil_mode: round the number of windows up instead of down, so that every element lies in one.
    Shapes: x (N, C, W) -> (N, C, W'), with W' = (W + 2 padding - pool_size) // strides + 1.
    """

    _ndim, _pool_type = 1, "max"

    def __init__(
        self, pool_size: Sizes = 2, strides: Sizes | None = None, padding: Sizes = 0, layout: str = "NCW",
        ceil_mode: bool = False, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(pool_size, strides, padding, ceil_mode, layout, **kwargs)


class MaxPool2D(_Pooling):
    """Largest value in each window of height and width.

    Args: as `MaxPool1D`, with a number or two for the sizes; layout is "NCHW" or "NHWC".
    Shapes: x (N, C, H, W) -> (N, C, H', W').
    """

    _ndim, _pool_type = 2, "max"

    def __init__(
        self, pool_size: Sizes = (2, 2), strides: Sizes | None = None, padding: Sizes = 0, layout: str = "NCHW",
        ceil_mode: bool = False, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(pool_size, strides, padding, ceil_mode, layout, **kwargs)


class MaxPool3D(_Pooling):
    """Largest value in each window of depth, height and width.

    Args: as `MaxPool1D`, with a number or three for the sizes; layout is "NCDHW" or "NDHWC".
    Shapes: x (N, C, D, H, W) -> (N, C, D', H', W').
    """

    _ndim, _pool_type = 3, "max"

    def __init__(
        self, pool_size: Sizes = (2, 2, 2), strides: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False,
        layout: str = "NCDHW", **kwargs: Any,
    ):  # fmt: skip
        super().__init__(pool_size, strides, padding, ceil_mode, layout, **kwargs)


class AvgPool1D(_Pooling):
    """Mean of each window along one axis.

    Args: as `MaxPool1D`, and count_include_pad: whether padded places count as zeros or are left out of the mean.
    Shapes: x (N, C, W) -> (N, C, W').
    """

    _ndim, _pool_type = 1, "avg"

    def __init__(
        self, pool_size: Sizes = 2, strides: Sizes | None = None, padding: Sizes = 0, layout: str = "NCW",
        ceil_mode: bool = False, count_include_pad: bool = True, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(pool_size, strides, padding, ceil_mode, layout, count_include_pad, **kwargs)


class AvgPool2D(_Pooling):
    """Mean of each window of height and width.

    Args: as `AvgPool1D`, with a number or two for the sizes; layout is "NCHW" or "NHWC".
    Shapes: x (N, C, H, W) -> (N, C, H', W').
    """

    _ndim, _pool_type = 2, "avg"

    def __init__(
        self, pool_size: Sizes = (2, 2), strides: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False,
        layout: str = "NCHW", count_include_pad: bool = True, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(pool_size, strides, padding, ceil_mode, layout, count_include_pad, **kwargs)


class AvgPool3D(_Pooling):
    """Mean of each window of depth, height and width.

    Args: as `AvgPool1D`, with a number or three for the sizes; layout is "NCDHW" or "NDHWC".
    Shapes: x (N, C, D, H, W) -> (N, C, D', H', W').
    """

    _ndim, _pool_type = 3, "avg"

    def __init__(
        self, pool_size: Sizes = (2, 2, 2), strides: Sizes | None = None, padding: Sizes = 0, ceil_mode: bool = False,
        layout: str = "NCDHW", count_include_pad: bool = True, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(pool_size, strides, padding, ceil_mode, layout, count_include_pad, **kwargs)


class _GlobalPooling(_Pooling):
    _global = True

    def __init__(self, layout: str, **kwargs: Any):
        super().__init__(1, None, 0, True, layout, **kwargs)


class GlobalMaxPool1D(_GlobalPooling):
    """Largest value of each channel. layout is "NCW" or "NWC". Shapes: x (N, C, W) -> (N, C, 1)."""

    _ndim, _pool_type = 1, "max"

    def __init__(self, layout: str = "NCW", **kwargs: Any):
        super().__init__(layout, **kwargs)


class GlobalMaxPool2D(_GlobalPooling):
    """Largest value of each channel. layout is "NCHW" or "NHWC". Shapes: x (N, C, H, W) -> (N, C, 1, 1)."""

    _ndim, _pool_type = 2, "max"

    def __init__(self, layout: str = "NCHW", **kwargs: Any):
        super().__init__(layout, **kwargs)


class GlobalMaxPool3D(_GlobalPooling):
    """Largest value of each channel. layout is "NCDHW" or "NDHWC". Shapes: x (N, C, D, H, W) -> (N, C, 1, 1, 1)."""

    _ndim, _pool_type = 3, "max"

    def __init__(self, layout: str = "NCDHW", **kwargs: Any):
        super().__init__(layout, **kwargs)


class GlobalAvgPool1D(_GlobalPooling):
    """Mean of each channel. layout is "NCW" or "NWC". Shapes: x (N, C, W) -> (N, C, 1)."""

    _ndim, _pool_type = 1, "avg"

    def __init__(self, layout: str = "NCW", **kwargs: Any):
        super().__init__(layout, **kwargs)


class GlobalAvgPool2D(_GlobalPooling):
    """Mean of each channel. layout is "NCHW" or "NHWC". Shapes: x (N, C, H, W) -> (N, C, 1, 1)."""

    _ndim, _pool_type = 2, "avg"

    def __init__(self, layout: str = "NCHW", **kwargs: Any):
        super().__init__(layout, **kwargs)


class GlobalAvgPool3D(_GlobalPooling):
    """Mean of each channel. layout is "NCDHW" or "NDHWC". Shapes: x (N, C, D, H, W) -> (N, C, 1, 1, 1)."""

    _ndim, _pool_type = 3, "avg"

    def __init__(self, layout: str = "NCDHW", **kwargs: Any):
        super().__init__(layout, **kwargs)


class ReflectionPad2D(HybridBlock):
    """Pad height and width with the reflection of the input.

    padding is one number for all four sides, or the eight numbers of ``pad_width`` (before and after each of N, C, H
    and W). Shapes: x (N, C, H, W) -> (N, C, H + top + bottom, W + left + right).
    Raises: AssertionError if padding is neither.
    """

    def __init__(self, padding: int | tuple[int, ...] = 0, **kwargs: Any):
        super().__init__(**kwargs)
        if isinstance(padding, Integral):
            padding = (0, 0, 0, 0, *(int(padding),) * 4)
        if not isinstance(padding, tuple) or len(padding) != 8:
            raise AssertionError(f"ReflectionPad2D: padding must be a number or 8 of them; it is {padding!r}.")
        self._padding = padding

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.pad(x, mode="reflect", pad_width=self._padding)
