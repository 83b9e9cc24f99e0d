"""VGG: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....context import Context, cpu
from ....initializer import Xavier
from ... import nn
from ...block import HybridBlock
from ..model_store import MODELS, load_pretrained

__all__ = [
    "VGG", "get_vgg", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn",
]  # fmt: skip

# Number of layers with weights -> convolutions in each stage, channels of each stage.
vgg_spec = {
    11: ([1, 1, 2, 2, 2], [64, 128, 256, 512, 512]),
    13: ([2, 2, 2, 2, 2], [64, 128, 256, 512, 512]),
    16: ([2, 2, 3, 3, 3], [64, 128, 256, 512, 512]),
    19: ([2, 2, 4, 4, 4], [64, 128, 256, 512, 512]),
}


class VGG(HybridBlock):
    """Stages of 3x3 convolutions, each halving the image, then three fully connected layers.

    Args:
        layers: number of convolutions in each stage.
        filters: channels of each stage.
        classes: number of classes.
        batch_norm: normalise after each convolution.
    Shapes: (N, 3, H, W), H and W at least 2 ** number of stages, usually 224 -> (N, classes).
    Raises: AssertionError if layers and filters differ in length.
    """

    def __init__(
        self, layers: Sequence[int], filters: Sequence[int], classes: int = 1000, batch_norm: bool = False,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        if len(layers) != len(filters):
            raise AssertionError(
                f"VGG: layers {layers} and filters {filters} differ in length; expected one of each for every stage"
            )
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            with self.features.name_scope():
                for count, channels in zip(layers, filters, strict=True):
                    for _ in range(count):
                        self.features.add(_convolution(channels))
                        if batch_norm:
                            self.features.add(nn.BatchNorm())
                        self.features.add(nn.Activation("relu"))
                    self.features.add(nn.MaxPool2D(strides=2))
                for _ in range(2):
                    self.features.add(nn.Dense(4096, activation="relu", weight_initializer="normal"))
                    self.features.add(nn.Dropout(rate=0.5))
            self.output = nn.Dense(classes, weight_initializer="normal")

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return self.output(self.features(x))


def _convolution(channels: int) -> nn.Conv2D:
    start = Xavier(rnd_type="gaussian", factor_type="out", magnitude=2)
    return nn.Conv2D(channels, kernel_size=3, padding=1, weight_initializer=start, bias_initializer="zeros")


def get_vgg(num_layers: int, pretrained: bool = False, ctx: Context = cpu(), root: str = MODELS, **kwargs: Any) -> VGG:
    """VGG with a number of layers.

    Args:
        num_layers: 11, 13, 16 or 19.
        pretrained: load parameters trained on ImageNet.
        ctx: device, or list of devices, for them.
        root: folder of their file, see `model_store.get_model_file`.
        kwargs: as of `VGG`.
    Raises: KeyError for another number of layers.
    """
    if num_layers not in vgg_spec:
        raise KeyError(f"Invalid number of layers of VGG: {num_layers}. Options are {list(vgg_spec)}")
    layers, filters = vgg_spec[num_layers]
    net = VGG(layers, filters, **kwargs)
    if pretrained:
        load_pretrained(net, f"vgg{num_layers}{'_bn' if kwargs.get('batch_norm') else ''}", ctx, root)
    return net


def vgg11(**kwargs: Any) -> VGG:
    """VGG with 11 layers. Args: as of `get_vgg`."""
    return get_vgg(11, **kwargs)


def vgg13(**kwargs: Any) -> VGG:
    """VGG with 13 layers. Args: as of `get_vgg`."""
    return get_vgg(13, **kwargs)


def vgg16(**kwargs: Any) -> VGG:
    """VGG with 16 layers. Args: as of `get_vgg`."""
    return get_vgg(16, **kwargs)


def vgg19(**kwargs: Any) -> VGG:
    """VGG with 19 layers. Args: as of `get_vgg`."""
    return get_vgg(19, **kwargs)


def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG with 11 layers and batch normalisation. Args: as of `get_vgg`."""
    return get_vgg(11, **{**kwargs, "batch_norm": True})


def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG with 13 layers and batch normalisation. Args: as of `get_vgg`."""
    return get_vgg(13, **{**kwargs, "batch_norm": True})


def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG with 16 layers and batch normalisation. Args: as of `get_vgg`."""
    return get_vgg(16, **{**kwargs, "batch_norm": True})


def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG with 19 layers and batch normalisation. Args: as of `get_vgg`."""
    return get_vgg(19, **{**kwargs, "batch_norm": True})
