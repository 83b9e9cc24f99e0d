"""The translations of operators to ONNX, by family; importing this package registers them."""

from __future__ import annotations

from . import (
    activation,
    arithmetic,
    attention,
    convolution,
    elementwise,
    indexing,
    joining,
    normalization,
    output,
    pooling,
    products,
    reduce,
    reshape,
    resize,
    rnn,
    sequence,
    slicing,
    vision,
)
