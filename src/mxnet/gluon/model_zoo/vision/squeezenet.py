"""SqueezeNet: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016."""

from __future__ import annotations

from typing import Any

from ....context import Context, cpu
from ... import nn
from ...block import HybridBlock
from ...contrib.nn import HybridConcurrent
from ..model_store import MODELS, load_pretrained

__all__ = ["SqueezeNet", "squeezenet1_0", "squeezenet1_1"]

# Version -> the first convolution, then a pooling before each group of squeezed channels; a fire module that squeezes
# to n channels expands them to 8 n.
_SPEC: dict[str, tuple[dict[str, int], list[list[int]]]] = {
    "1.0": ({"channels": 96, "kernel_size": 7, "strides": 2}, [[16, 16, 32], [32, 48, 48, 64], [64]]),
    "1.1": ({"channels": 64, "kernel_size": 3, "strides": 2}, [[16, 16], [32, 32], [48, 48, 64, 64]]),
}


def _stack(*blocks: HybridBlock) -> nn.HybridSequential:
    stack = nn.HybridSequential(prefix="")
    stack.add(*blocks)
    return stack


def _convolution(channels: int, kernel_size: int, padding: int = 0) -> nn.HybridSequential:
    return _stack(nn.Conv2D(channels, kernel_size, padding=padding), nn.Activation("relu"))


def _fire(squeezed: int) -> nn.HybridSequential:
    """Squeeze to a few channels, then expand them by 1x1 and by 3x3 kernels side by side."""
    squeeze = _convolution(squeezed, 1)
    expand = HybridConcurrent(axis=1, prefix="")
    expand.add(_convolution(4 * squeezed, 1), _convolution(4 * squeezed, 3, padding=1))
    return _stack(squeeze, expand)


class SqueezeNet(HybridBlock):
    """Fire modules, then one 1x1 convolution in place of fully connected layers.

    Args:
        version: "1.0", or "1.1", which takes 2.4 times less computation.
        classes: number of classes.
    Shapes: (N, 3, H, W), H and W usually 224 -> (N, classes); the last pooling is over 13x13.
    Raises: AssertionError for another version.
    """

    def __init__(self, version: str, classes: int = 1000, **kwargs: Any):
        super().__init__(**kwargs)
        if version not in _SPEC:
            raise AssertionError(f"Unsupported SqueezeNet version {version!r}: '1.0' or '1.1' expected")
        first, groups = _SPEC[version]
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            with self.features.name_scope():
                self.features.add(nn.Conv2D(**first), nn.Activation("relu"))
                for group in groups:
                    self.features.add(nn.MaxPool2D(pool_size=3, strides=2, ceil_mode=True))
                    for squeezed in group:
                        self.features.add(_fire(squeezed))
                self.features.add(nn.Dropout(0.5))
            self.output = _stack(
                nn.Conv2D(classes, kernel_size=1), nn.Activation("relu"), nn.AvgPool2D(13), nn.Flatten()
            )

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return self.output(self.features(x))


def get_squeezenet(
    version: str, pretrained: bool = False, ctx: Context = cpu(), root: str = MODELS, **kwargs: Any
) -> SqueezeNet:
    """SqueezeNet of a version.

    Args:
        version: "1.0" or "1.1".
        pretrained: load parameters trained on ImageNet.
        ctx: device, or list of devices, for them.
        root: folder of their file, see `model_store.get_model_file`.
        kwargs: as of `SqueezeNet`.
    Raises: AssertionError for another version.
    """
    net = SqueezeNet(version, **kwargs)
    if pretrained:
        load_pretrained(net, f"squeezenet{version}", ctx, root)
    return net


def squeezenet1_0(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.0. Args: as of `get_squeezenet`."""
    return get_squeezenet("1.0", **kwargs)


def squeezenet1_1(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.1. Args: as of `get_squeezenet`."""
    return get_squeezenet("1.1", **kwargs)
