"""`mx.gluon.contrib.nn`: containers that run blocks side by side, and layers that rearrange channels."""

from .basic_layers import (
    Concurrent,
    HybridConcurrent,
    Identity,
    PixelShuffle1D,
    PixelShuffle2D,
    PixelShuffle3D,
    SparseEmbedding,
)
