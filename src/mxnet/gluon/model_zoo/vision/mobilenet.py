"""MobileNet: Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications",
2017, and, version 2, Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018."""

from __future__ import annotations

from typing import Any

from ....context import Context, cpu
from ... import nn
from ...block import HybridBlock
from ..model_store import MODELS, load_pretrained

__all__ = [
    "MobileNet", "MobileNetV2", "get_mobilenet", "get_mobilenet_v2", "mobilenet0_25", "mobilenet0_5", "mobilenet0_75",
    "mobilenet1_0", "mobilenet_v2_0_25", "mobilenet_v2_0_5", "mobilenet_v2_0_75", "mobilenet_v2_1_0",
]  # fmt: skip

# Version 1: channels and stride of each pair of a depthwise and a 1x1 convolution.
_PAIRS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
# Version 2: expansion, channels, number of blocks, and stride of the first, for each stage.
_STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


class RELU6(HybridBlock):
    """``min(max(x, 0), 6)``. Shapes: any -> the same."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.clip(x, 0, 6, name="relu6")


def _convolution(
    channels: int, kernel_size: int = 1, stride: int = 1, padding: int = 0, groups: int = 1,
    activation: type[HybridBlock] | str | None = "relu",
) -> list[HybridBlock]:  # fmt: skip
    """A convolution, its normalisation, and what follows: the name or class of an activation, or nothing."""
    blocks: list[HybridBlock] = [
        nn.Conv2D(channels, kernel_size, stride, padding, groups=groups, use_bias=False), nn.BatchNorm(),
    ]  # fmt: skip
    if activation is not None:
        blocks.append(nn.Activation(activation) if isinstance(activation, str) else activation())
    return blocks


class LinearBottleneck(HybridBlock):
    """Expand to more channels, convolve each by itself, and project to few; with a shortcut where the shape stays.

    Args:
        in_channels, channels: of the input and the output.
        t: expansion.
        stride: of the depthwise convolution.
    Shapes: (N, in_channels, H, W) -> (N, channels, H / stride, W / stride), rounded up.
    """

    def __init__(self, in_channels: int, channels: int, t: int, stride: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.use_shortcut = stride == 1 and in_channels == channels
        inner = in_channels * t
        with self.name_scope():
            self.out = nn.HybridSequential()
            self.out.add(
                *_convolution(inner, activation=RELU6),
                *_convolution(inner, 3, stride, padding=1, groups=inner, activation=RELU6),
                *_convolution(channels, activation=None),
            )

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        out = self.out(x)
        return F.elemwise_add(out, x) if self.use_shortcut else out


class MobileNet(HybridBlock):
    """MobileNet: depthwise and 1x1 convolutions in turn.

    Args:
        multiplier: factor of the number of channels everywhere.
        classes: number of classes.
    Shapes: (N, 3, H, W), usually 224 -> (N, classes).
    """

    def __init__(self, multiplier: float = 1.0, classes: int = 1000, **kwargs: Any):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            with self.features.name_scope():
                before = int(32 * multiplier)
                self.features.add(*_convolution(before, 3, stride=2, padding=1))
                for channels, stride in _PAIRS:
                    after = int(channels * multiplier)
                    self.features.add(
                        *_convolution(before, 3, stride, padding=1, groups=before), *_convolution(after)
                    )  # fmt: skip
                    before = after
                self.features.add(nn.GlobalAvgPool2D(), nn.Flatten())
            self.output = nn.Dense(classes)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return self.output(self.features(x))


class MobileNetV2(HybridBlock):
    """MobileNet version 2.

    Args:
        multiplier: factor of the number of channels; the last 1x1 convolution keeps at least 1280.
        classes: number of classes.
    Shapes: (N, 3, H, W), usually 224 -> (N, classes).
    """

    def __init__(self, multiplier: float = 1.0, classes: int = 1000, **kwargs: Any):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="features_")
            with self.features.name_scope():
                before = int(32 * multiplier)
                self.features.add(*_convolution(before, 3, stride=2, padding=1, activation=RELU6))
                for expansion, channels, count, first_stride in _STAGES:
                    after = int(channels * multiplier)
                    for i in range(count):
                        stride = first_stride if i == 0 else 1
                        self.features.add(LinearBottleneck(before, after, expansion, stride))
                        before = after
                last = int(1280 * multiplier) if multiplier > 1 else 1280
                self.features.add(*_convolution(last, activation=RELU6), nn.GlobalAvgPool2D())
            self.output = nn.HybridSequential(prefix="output_")
            with self.output.name_scope():
                self.output.add(nn.Conv2D(classes, 1, use_bias=False, prefix="pred_"), nn.Flatten())

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return self.output(self.features(x))


def _suffix(multiplier: float) -> str:
    """As it stands in the names of trained models: 1.0, 0.75, 0.5, 0.25."""
    text = f"{multiplier:.2f}"
    return text[:-1] if text in ("1.00", "0.50") else text


def get_mobilenet(
    multiplier: float, pretrained: bool = False, ctx: Context = cpu(), root: str = MODELS, **kwargs: Any
) -> MobileNet:
    """MobileNet with a width.

    Args:
        multiplier: factor of the number of channels; 1.0, 0.75, 0.5 and 0.25 have trained parameters.
        pretrained: load parameters trained on ImageNet.
        ctx: device, or list of devices, for them.
        root: folder of their file, see `model_store.get_model_file`.
        kwargs: as of `MobileNet`.
    """
    net = MobileNet(multiplier, **kwargs)
    if pretrained:
        load_pretrained(net, f"mobilenet{_suffix(multiplier)}", ctx, root)
    return net


def get_mobilenet_v2(
    multiplier: float, pretrained: bool = False, ctx: Context = cpu(), root: str = MODELS, **kwargs: Any
) -> MobileNetV2:
    """MobileNetV2 with a width.

    Args:
        multiplier: factor of the number of channels; 1.0, 0.75, 0.5 and 0.25 have trained parameters.
        pretrained: load parameters trained on ImageNet.
        ctx: device, or list of devices, for them.
        root: folder of their file, see `model_store.get_model_file`.
        kwargs: as of `MobileNetV2`.
    """
    net = MobileNetV2(multiplier, **kwargs)
    if pretrained:
        load_pretrained(net, f"mobilenetv2_{_suffix(multiplier)}", ctx, root)
    return net


def mobilenet1_0(**kwargs: Any) -> MobileNet:
    """MobileNet of full width. Args: as of `get_mobilenet`."""
    return get_mobilenet(1.0, **kwargs)


def mobilenet0_75(**kwargs: Any) -> MobileNet:
    """MobileNet with 0.75 times the channels. Args: as of `get_mobilenet`."""
    return get_mobilenet(0.75, **kwargs)


def mobilenet0_5(**kwargs: Any) -> MobileNet:
    """MobileNet with 0.5 times the channels. Args: as of `get_mobilenet`."""
    return get_mobilenet(0.5, **kwargs)


def mobilenet0_25(**kwargs: Any) -> MobileNet:
    """MobileNet with 0.25 times the channels. Args: as of `get_mobilenet`."""
    return get_mobilenet(0.25, **kwargs)


def mobilenet_v2_1_0(**kwargs: Any) -> MobileNetV2:
    """MobileNetV2 of full width. Args: as of `get_mobilenet_v2`."""
    return get_mobilenet_v2(1.0, **kwargs)


def mobilenet_v2_0_75(**kwargs: Any) -> MobileNetV2:
    """MobileNetV2 with 0.75 times the channels. Args: as of `get_mobilenet_v2`."""
    return get_mobilenet_v2(0.75, **kwargs)


def mobilenet_v2_0_5(**kwargs: Any) -> MobileNetV2:
    """MobileNetV2 with 0.5 times the channels. Args: as of `get_mobilenet_v2`."""
    return get_mobilenet_v2(0.5, **kwargs)


def mobilenet_v2_0_25(**kwargs: Any) -> MobileNetV2:
    """MobileNetV2 with 0.25 times the channels. Args: as of `get_mobilenet_v2`."""
    return get_mobilenet_v2(0.25, **kwargs)
