"""ResNet: He et al., "Deep residual learning for image recognition", 2015, and, version 2, "Identity mappings in
deep residual networks", 2016."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....context import Context, cpu
from ... import nn
from ...block import HybridBlock
from ..model_store import MODELS, load_pretrained

__all__ = [
    "BasicBlockV1", "BasicBlockV2", "BottleneckV1", "BottleneckV2", "ResNetV1", "ResNetV2", "get_resnet",
    "resnet101_v1", "resnet101_v2", "resnet152_v1", "resnet152_v2", "resnet18_v1", "resnet18_v2", "resnet34_v1",
    "resnet34_v2", "resnet50_v1", "resnet50_v2",
]  # fmt: skip


def _conv3x3(channels: int, strides: int, in_channels: int) -> nn.Conv2D:
    return nn.Conv2D(channels, kernel_size=3, strides=strides, padding=1, use_bias=False, in_channels=in_channels)


def _shortcut(channels: int, strides: int, in_channels: int) -> nn.Conv2D:
    return nn.Conv2D(channels, kernel_size=1, strides=strides, use_bias=False, in_channels=in_channels)


class _ResidualV1(HybridBlock):
    """What blocks of version 1 share: relu comes after the sum of body and shortcut."""

    def __init__(self, channels: int, stride: int, downsample: bool = False, in_channels: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.body = nn.HybridSequential(prefix="")
        self._fill(channels, stride, in_channels)
        self.downsample = nn.HybridSequential(prefix="") if downsample else None
        if self.downsample is not None:
            self.downsample.add(_shortcut(channels, stride, in_channels), nn.BatchNorm())

    def _fill(self, channels: int, stride: int, in_channels: int) -> None:
        raise NotImplementedError

    def _residual(self, x: Any) -> Any:
        return x if self.downsample is None else self.downsample(x)


class BasicBlockV1(_ResidualV1):
    """Two 3x3 convolutions, for ResNet V1 with 18 or 34 layers.

    Args:
        channels: of the output.
        stride: of the first convolution and the shortcut.
        downsample: put a 1x1 convolution in the shortcut; necessary where the shape changes.
        in_channels: of the input; 0 is settled by the first input.
    Shapes: (N, in_channels, H, W) -> (N, channels, H / stride, W / stride), rounded up.
    """

    def _fill(self, channels: int, stride: int, in_channels: int) -> None:
        self.body.add(
            _conv3x3(channels, stride, in_channels), nn.BatchNorm(), nn.Activation("relu"),
            _conv3x3(channels, 1, channels), nn.BatchNorm(),
        )  # fmt: skip

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.Activation(self._residual(x) + self.body(x), act_type="relu")


class BottleneckV1(_ResidualV1):
    """1x1, 3x3 and 1x1 convolutions, for ResNet V1 with 50 or more layers.

    Args:
        channels: of the output, four times those between the convolutions.
        stride: of the first convolution and the shortcut.
        downsample: put a 1x1 convolution in the shortcut; necessary where the shape changes.
        in_channels: of the input; 0 is settled by the first input.
    Shapes: (N, in_channels, H, W) -> (N, channels, H / stride, W / stride), rounded up.
    """

    def _fill(self, channels: int, stride: int, in_channels: int) -> None:
        # The 1x1 convolutions have biases, and the size of their input is left open, as in the trained models.
        inner = channels // 4
        self.body.add(
            nn.Conv2D(inner, kernel_size=1, strides=stride), nn.BatchNorm(), nn.Activation("relu"),
            _conv3x3(inner, 1, inner), nn.BatchNorm(), nn.Activation("relu"),
            nn.Conv2D(channels, kernel_size=1, strides=1), nn.BatchNorm(),
        )  # fmt: skip

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.Activation(self.body(x) + self._residual(x), act_type="relu")


class BasicBlockV2(HybridBlock):
    """Two 3x3 convolutions, each after normalisation and relu, for ResNet V2 with 18 or 34 layers.

    Args:
        channels: of the output.
        stride: of the first convolution and the shortcut.
        downsample: put a 1x1 convolution in the shortcut; necessary where the shape changes.
        in_channels: of the input; 0 is settled by the first input.
    Shapes: (N, in_channels, H, W) -> (N, channels, H / stride, W / stride), rounded up.
    """

    def __init__(self, channels: int, stride: int, downsample: bool = False, in_channels: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.bn1 = nn.BatchNorm()
        self.conv1 = _conv3x3(channels, stride, in_channels)
        self.bn2 = nn.BatchNorm()
        self.conv2 = _conv3x3(channels, 1, channels)
        self.downsample = _shortcut(channels, stride, in_channels) if downsample else None

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        out = F.Activation(self.bn1(x), act_type="relu")
        residual = x if self.downsample is None else self.downsample(out)
        out = self.conv1(out)
        out = self.conv2(F.Activation(self.bn2(out), act_type="relu"))
        return out + residual


class BottleneckV2(HybridBlock):
    """1x1, 3x3 and 1x1 convolutions, each after normalisation and relu, for ResNet V2 with 50 or more layers.

    Args:
        channels: of the output, four times those between the convolutions.
        stride: of the 3x3 convolution and the shortcut.
        downsample: put a 1x1 convolution in the shortcut; necessary where the shape changes.
        in_channels: of the input; 0 is settled by the first input.
    Shapes: (N, in_channels, H, W) -> (N, channels, H / stride, W / stride), rounded up.
    """

    def __init__(self, channels: int, stride: int, downsample: bool = False, in_channels: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        inner = channels // 4
        self.bn1 = nn.BatchNorm()
        self.conv1 = nn.Conv2D(inner, kernel_size=1, strides=1, use_bias=False)
        self.bn2 = nn.BatchNorm()
        self.conv2 = _conv3x3(inner, stride, inner)
        self.bn3 = nn.BatchNorm()
        self.conv3 = nn.Conv2D(channels, kernel_size=1, strides=1, use_bias=False)
        self.downsample = _shortcut(channels, stride, in_channels) if downsample else None

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        out = F.Activation(self.bn1(x), act_type="relu")
        residual = x if self.downsample is None else self.downsample(out)
        out = self.conv1(out)
        out = self.conv2(F.Activation(self.bn2(out), act_type="relu"))
        out = self.conv3(F.Activation(self.bn3(out), act_type="relu"))
        return out + residual


class _ResNet(HybridBlock):
    """What both versions share: the stem, and stages whose first block changes the shape."""

    def _check(self, layers: Sequence[int], channels: Sequence[int]) -> None:
        if len(layers) != len(channels) - 1:
            raise AssertionError(
                f"{type(self).__name__}: layers {layers} needs one number for each stage and channels {channels} one "
                "more, for the stem"
            )

    def _add_stem(self, channels: int, thumbnail: bool) -> None:
        if thumbnail:
            self.features.add(_conv3x3(channels, 1, 0))
        else:
            self.features.add(
                nn.Conv2D(channels, 7, 2, 3, use_bias=False), nn.BatchNorm(), nn.Activation("relu"),
                nn.MaxPool2D(3, 2, 1),
            )  # fmt: skip

    def _add_stages(self, block: type[HybridBlock], layers: Sequence[int], channels: Sequence[int]) -> None:
        for i, count in enumerate(layers):
            stage = nn.HybridSequential(prefix=f"stage{i + 1}_")
            before, after, stride = channels[i], channels[i + 1], 1 if i == 0 else 2
            with stage.name_scope():
                stage.add(block(after, stride, after != before, in_channels=before, prefix=""))
                for _ in range(count - 1):
                    stage.add(block(after, 1, False, in_channels=after, prefix=""))
            self.features.add(stage)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return self.output(self.features(x))


class ResNetV1(_ResNet):
    """ResNet version 1.

    Args:
        block: kind of block, BasicBlockV1 or BottleneckV1 or one with their parameters.
        layers: number of blocks in each stage.
        channels: of the stem and of the output of each stage.
        classes: number of classes.
        thumbnail: for small images: the stem is one 3x3 convolution and doesn't shrink the image.
    Shapes: (N, 3, H, W), usually 224 -> (N, classes).
    Raises: AssertionError unless channels has one number more than layers.
    """

    def __init__(
        self, block: type[HybridBlock], layers: Sequence[int], channels: Sequence[int], classes: int = 1000,
        thumbnail: bool = False, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._check(layers, channels)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            with self.features.name_scope():
                self._add_stem(channels[0], thumbnail)
                self._add_stages(block, layers, channels)
                self.features.add(nn.GlobalAvgPool2D())
            self.output = nn.Dense(classes, in_units=channels[-1])


class ResNetV2(_ResNet):
    """ResNet version 2: normalisation and relu come before each convolution; the image itself is normalised first.

    Args:
        block: kind of block, BasicBlockV2 or BottleneckV2 or one with their parameters.
        layers: number of blocks in each stage.
        channels: of the stem and of the output of each stage.
        classes: number of classes.
        thumbnail: for small images: the stem is one 3x3 convolution and doesn't shrink the image.
    Shapes: (N, 3, H, W), usually 224 -> (N, classes).
    Raises: AssertionError unless channels has one number more than layers.
    """

    def __init__(
        self, block: type[HybridBlock], layers: Sequence[int], channels: Sequence[int], classes: int = 1000,
        thumbnail: bool = False, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._check(layers, channels)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            with self.features.name_scope():
                self.features.add(nn.BatchNorm(scale=False, center=False))
                self._add_stem(channels[0], thumbnail)
                self._add_stages(block, layers, channels)
                self.features.add(nn.BatchNorm(), nn.Activation("relu"), nn.GlobalAvgPool2D(), nn.Flatten())
            self.output = nn.Dense(classes, in_units=channels[-1])


# Number of layers with weights -> kind of block, blocks in each stage, channels of the stem and of each stage.
resnet_spec = {
    18: ("basic_block", [2, 2, 2, 2], [64, 64, 128, 256, 512]),
    34: ("basic_block", [3, 4, 6, 3], [64, 64, 128, 256, 512]),
    50: ("bottle_neck", [3, 4, 6, 3], [64, 256, 512, 1024, 2048]),
    101: ("bottle_neck", [3, 4, 23, 3], [64, 256, 512, 1024, 2048]),
    152: ("bottle_neck", [3, 8, 36, 3], [64, 256, 512, 1024, 2048]),
}
resnet_net_versions = [ResNetV1, ResNetV2]
resnet_block_versions: list[dict[str, type[HybridBlock]]] = [
    {"basic_block": BasicBlockV1, "bottle_neck": BottleneckV1},
    {"basic_block": BasicBlockV2, "bottle_neck": BottleneckV2},
]


def get_resnet(
    version: int, num_layers: int, pretrained: bool = False, ctx: Context = cpu(), root: str = MODELS,
    **kwargs: Any,
) -> ResNetV1 | ResNetV2:  # fmt: skip
    """ResNet of a version and number of layers.

    Args:
        version: 1 or 2.
        num_layers: 18, 34, 50, 101 or 152.
        pretrained: load parameters trained on ImageNet.
        ctx: device, or list of devices, for them.
        root: folder of their file, see `model_store.get_model_file`.
        kwargs: classes and thumbnail, as of `ResNetV1`.
    Raises: AssertionError for another version or number of layers.
    """
    if num_layers not in resnet_spec:
        raise AssertionError(f"Invalid number of layers: {num_layers}. Options are {list(resnet_spec)}")
    if version not in (1, 2):
        raise AssertionError(f"Invalid resnet version: {version}. Options are 1 and 2.")
    kind, layers, channels = resnet_spec[num_layers]
    net = resnet_net_versions[version - 1](resnet_block_versions[version - 1][kind], layers, channels, **kwargs)
    if pretrained:
        load_pretrained(net, f"resnet{num_layers}_v{version}", ctx, root)
    return net


def resnet18_v1(**kwargs: Any) -> ResNetV1:
    """ResNet V1 with 18 layers. Args: as of `get_resnet`."""
    return get_resnet(1, 18, **kwargs)


def resnet34_v1(**kwargs: Any) -> ResNetV1:
    """ResNet V1 with 34 layers. Args: as of `get_resnet`."""
    return get_resnet(1, 34, **kwargs)


def resnet50_v1(**kwargs: Any) -> ResNetV1:
    """ResNet V1 with 50 layers. Args: as of `get_resnet`."""
    return get_resnet(1, 50, **kwargs)


def resnet101_v1(**kwargs: Any) -> ResNetV1:
    """ResNet V1 with 101 layers. Args: as of `get_resnet`."""
    return get_resnet(1, 101, **kwargs)


def resnet152_v1(**kwargs: Any) -> ResNetV1:
    """ResNet V1 with 152 layers. Args: as of `get_resnet`."""
    return get_resnet(1, 152, **kwargs)


def resnet18_v2(**kwargs: Any) -> ResNetV2:
    """ResNet V2 with 18 layers. Args: as of `get_resnet`."""
    return get_resnet(2, 18, **kwargs)


def resnet34_v2(**kwargs: Any) -> ResNetV2:
    """ResNet V2 with 34 layers. Args: as of `get_resnet`."""
    return get_resnet(2, 34, **kwargs)


def resnet50_v2(**kwargs: Any) -> ResNetV2:
    """ResNet V2 with 50 layers. Args: as of `get_resnet`."""
    return get_resnet(2, 50, **kwargs)


def resnet101_v2(**kwargs: Any) -> ResNetV2:
    """ResNet V2 with 101 layers. Args: as of `get_resnet`."""
    return get_resnet(2, 101, **kwargs)


def resnet152_v2(**kwargs: Any) -> ResNetV2:
    """ResNet V2 with 152 layers. Args: as of `get_resnet`."""
    return get_resnet(2, 152, **kwargs)
