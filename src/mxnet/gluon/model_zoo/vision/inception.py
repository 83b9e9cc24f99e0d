"""Inception v3: Szegedy et al., "Rethinking the Inception architecture for computer vision", 2015."""

from __future__ import annotations

from typing import Any

from ....context import Context, cpu
from ... import nn
from ...block import HybridBlock
from ...contrib.nn import HybridConcurrent
from ..model_store import MODELS, load_pretrained

__all__ = ["Inception3", "inception_v3"]

_Size = int | tuple[int, int]


def _stack(*blocks: HybridBlock) -> nn.HybridSequential:
    stack = nn.HybridSequential(prefix="")
    stack.add(*blocks)
    return stack


def _fork(*branches: HybridBlock) -> HybridConcurrent:
    fork = HybridConcurrent(axis=1, prefix="")
    fork.add(*branches)
    return fork


def _conv(channels: int, kernel_size: _Size = 1, strides: int = 1, padding: _Size = 0) -> nn.HybridSequential:
    convolution = nn.Conv2D(channels, kernel_size, strides, padding, use_bias=False)
    return _stack(convolution, nn.BatchNorm(epsilon=0.001), nn.Activation("relu"))


def _row(channels: int, length: int) -> nn.HybridSequential:
    """A convolution along a row of the image that keeps its size."""
    return _conv(channels, (1, length), padding=(0, length // 2))


def _column(channels: int, length: int) -> nn.HybridSequential:
    """A convolution along a column of the image that keeps its size."""
    return _conv(channels, (length, 1), padding=(length // 2, 0))


def _pooled(channels: int) -> nn.HybridSequential:
    return _stack(nn.AvgPool2D(pool_size=3, strides=1, padding=1), _conv(channels))


def _halved() -> nn.HybridSequential:
    return _stack(nn.MaxPool2D(pool_size=3, strides=2))


# The branches of each kind of module, made in the order in which their parameters are numbered.


def _module_a(pool_channels: int) -> tuple[HybridBlock, ...]:
    return (
        _stack(_conv(64)),
        _stack(_conv(48), _conv(64, 5, padding=2)),
        _stack(_conv(64), _conv(96, 3, padding=1), _conv(96, 3, padding=1)),
        _pooled(pool_channels),
    )


def _module_b() -> tuple[HybridBlock, ...]:
    return _stack(_conv(384, 3, 2)), _stack(_conv(64), _conv(96, 3, padding=1), _conv(96, 3, 2)), _halved()


def _module_c(inner: int) -> tuple[HybridBlock, ...]:
    return (
        _stack(_conv(192)),
        _stack(_conv(inner), _row(inner, 7), _column(192, 7)),
        _stack(_conv(inner), _column(inner, 7), _row(inner, 7), _column(inner, 7), _row(192, 7)),
        _pooled(192),
    )


def _module_d() -> tuple[HybridBlock, ...]:
    return (
        _stack(_conv(192), _conv(320, 3, 2)),
        _stack(_conv(192), _row(192, 7), _column(192, 7), _conv(192, 3, 2)),
        _halved(),
    )


def _module_e() -> tuple[HybridBlock, ...]:
    def forked(*before: HybridBlock) -> nn.HybridSequential:
        return _stack(_stack(*before), _fork(_stack(_row(384, 3)), _stack(_column(384, 3))))

    return _stack(_conv(320)), forked(_conv(384)), forked(_conv(448), _conv(384, 3, padding=1)), _pooled(192)


# Prefix of each module, what makes its branches, and with which number.
_MODULES: list[tuple[str, Any, tuple[int, ...]]] = [
    ("A1_", _module_a, (32,)), ("A2_", _module_a, (64,)), ("A3_", _module_a, (64,)),
    ("B_", _module_b, ()),
    ("C1_", _module_c, (128,)), ("C2_", _module_c, (160,)), ("C3_", _module_c, (160,)), ("C4_", _module_c, (192,)),
    ("D_", _module_d, ()),
    ("E1_", _module_e, ()), ("E2_", _module_e, ()),
]  # fmt: skip


def make_aux(classes: int) -> nn.HybridSequential:
    """The auxiliary classifier, to be put on the output of the last C module while training.

    Shapes: (N, 768, 17, 17) -> (N, classes).
    """
    return _stack(
        nn.AvgPool2D(pool_size=5, strides=3), _conv(128), _conv(768, 5), nn.Flatten(), nn.Dense(classes)
    )  # fmt: skip


class Inception3(HybridBlock):
    """Inception v3.

    Args:
        classes: number of classes.
    Shapes: (N, 3, H, W), H and W usually 299 -> (N, classes); the last pooling is over 8x8.
    """

    def __init__(self, classes: int = 1000, **kwargs: Any):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = _stack(
                _conv(32, 3, 2), _conv(32, 3), _conv(64, 3, padding=1), nn.MaxPool2D(pool_size=3, strides=2),
                _conv(80), _conv(192, 3), nn.MaxPool2D(pool_size=3, strides=2),
            )  # fmt: skip
            for prefix, branches, sizes in _MODULES:
                module = HybridConcurrent(axis=1, prefix=prefix)
                with module.name_scope():
                    module.add(*branches(*sizes))
                self.features.add(module)
            self.features.add(nn.AvgPool2D(pool_size=8), nn.Dropout(0.5))
            self.output = nn.Dense(classes)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return self.output(self.features(x))


def inception_v3(pretrained: bool = False, ctx: Context = cpu(), root: str = MODELS, **kwargs: Any) -> Inception3:
    """Inception v3.

    Args:
        pretrained: load parameters trained on ImageNet.
        ctx: device, or list of devices, for them.
        root: folder of their file, see `model_store.get_model_file`.
        kwargs: as of `Inception3`.
    """
    net = Inception3(**kwargs)
    if pretrained:
        load_pretrained(net, "inceptionv3", ctx, root)
    return net
