"""DenseNet: Huang et al., "Densely connected convolutional networks", 2016."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....context import Context, cpu
from ... import nn
from ...block import HybridBlock
from ...contrib.nn import HybridConcurrent, Identity
from ..model_store import MODELS, load_pretrained

__all__ = ["DenseNet", "densenet121", "densenet161", "densenet169", "densenet201"]

# Number of layers with weights -> channels of the stem, channels that each layer adds, layers in each stage.
densenet_spec = {
    121: (64, 32, [6, 12, 24, 16]),
    161: (96, 48, [6, 12, 36, 24]),
    169: (64, 32, [6, 12, 32, 32]),
    201: (64, 32, [6, 12, 48, 32]),
}


def _normalised_convolution(channels: int, kernel_size: int, padding: int = 0) -> tuple[HybridBlock, ...]:
    convolution = nn.Conv2D(channels, kernel_size=kernel_size, padding=padding, use_bias=False)
    return nn.BatchNorm(), nn.Activation("relu"), convolution


def _layer(growth_rate: int, bn_size: int, dropout: float) -> HybridConcurrent:
    """The input, with growth_rate more channels computed from it."""
    grow = nn.HybridSequential(prefix="")
    grow.add(*_normalised_convolution(bn_size * growth_rate, 1), *_normalised_convolution(growth_rate, 3, padding=1))
    if dropout:
        grow.add(nn.Dropout(dropout))
    layer = HybridConcurrent(axis=1, prefix="")
    layer.add(Identity(), grow)
    return layer


def _stage(index: int, layers: int, growth_rate: int, bn_size: int, dropout: float) -> nn.HybridSequential:
    stage = nn.HybridSequential(prefix=f"stage{index}_")
    with stage.name_scope():
        for _ in range(layers):
            stage.add(_layer(growth_rate, bn_size, dropout))
    return stage


def _transition(channels: int) -> nn.HybridSequential:
    """To fewer channels and an image of half the size."""
    transition = nn.HybridSequential(prefix="")
    transition.add(*_normalised_convolution(channels, 1), nn.AvgPool2D(pool_size=2, strides=2))
    return transition


class DenseNet(HybridBlock):
    """Stages whose layers each see the outputs of all before.

    Args:
        num_init_features: channels of the stem.
        growth_rate: channels that each layer adds.
        block_config: number of layers in each stage.
        bn_size: channels inside a layer, in multiples of growth_rate.
        dropout: rate of dropout after each layer.
        classes: number of classes.
    Shapes: (N, 3, H, W), H and W usually 224 -> (N, classes); the last pooling is over 7x7.
    """

    def __init__(
        self, num_init_features: int, growth_rate: int, block_config: Sequence[int], bn_size: int = 4,
        dropout: float = 0, classes: int = 1000, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self.features.add(
                nn.Conv2D(num_init_features, kernel_size=7, strides=2, padding=3, use_bias=False),
                nn.BatchNorm(), nn.Activation("relu"), nn.MaxPool2D(pool_size=3, strides=2, padding=1),
            )  # fmt: skip
            channels = num_init_features
            for i, layers in enumerate(block_config):
                self.features.add(_stage(i + 1, layers, growth_rate, bn_size, dropout))
                channels += layers * growth_rate
                if i < len(block_config) - 1:
                    channels //= 2
                    self.features.add(_transition(channels))
            self.features.add(nn.BatchNorm(), nn.Activation("relu"), nn.AvgPool2D(pool_size=7), nn.Flatten())
            self.output = nn.Dense(classes)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return self.output(self.features(x))


def get_densenet(
    num_layers: int, pretrained: bool = False, ctx: Context = cpu(), root: str = MODELS, **kwargs: Any
) -> DenseNet:
    """DenseNet with a number of layers.

    Args:
        num_layers: 121, 161, 169 or 201.
        pretrained: load parameters trained on ImageNet.
        ctx: device, or list of devices, for them.
        root: folder of their file, see `model_store.get_model_file`.
        kwargs: bn_size, dropout and classes, as of `DenseNet`.
    Raises: KeyError for another number of layers.
    """
    if num_layers not in densenet_spec:
        raise KeyError(f"Invalid number of layers of DenseNet: {num_layers}. Options are {list(densenet_spec)}")
    net = DenseNet(*densenet_spec[num_layers], **kwargs)
    if pretrained:
        load_pretrained(net, f"densenet{num_layers}", ctx, root)
    return net


def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet with 121 layers. Args: as of `get_densenet`."""
    return get_densenet(121, **kwargs)


def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet with 161 layers. Args: as of `get_densenet`."""
    return get_densenet(161, **kwargs)


def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet with 169 layers. Args: as of `get_densenet`."""
    return get_densenet(169, **kwargs)


def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet with 201 layers. Args: as of `get_densenet`."""
    return get_densenet(201, **kwargs)
