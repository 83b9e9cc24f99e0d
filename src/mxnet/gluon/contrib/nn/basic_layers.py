"""Containers that run blocks side by side, the identity, and pixel shuffling."""

from __future__ import annotations

from typing import Any

from ....ndarray.invoke import call_by_name
from ...block import Block, HybridBlock
from ...nn import HybridSequential, Sequential

__all__ = [
    "Concurrent", "HybridConcurrent", "Identity", "PixelShuffle1D", "PixelShuffle2D", "PixelShuffle3D",
    "SparseEmbedding",
]  # fmt: skip


class Concurrent(Sequential):
    """Feed one input to every block and concatenate what they return along axis."""

    def __init__(self, axis: int = -1, prefix: str | None = None, params: Any = None):
        super().__init__(prefix=prefix, params=params)
        self.axis = axis

    def forward(self, x: Any) -> Any:
        return call_by_name("Concat", *(block(x) for block in self._children.values()), dim=self.axis)


class HybridConcurrent(HybridSequential):
    """Feed one input to every hybrid block and concatenate what they return along axis."""

    def __init__(self, axis: int = -1, prefix: str | None = None, params: Any = None):
        super().__init__(prefix=prefix, params=params)
        self.axis = axis

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.concat(*(block(x) for block in self._children.values()), dim=self.axis)


class Identity(HybridBlock):
    """Returns its input; with `HybridConcurrent` it makes skip connections."""

    def __init__(self, prefix: str | None = None, params: Any = None):
        super().__init__(prefix=prefix, params=params)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return x


class SparseEmbedding(Block):
    """Turn integers into vectors by a row_sparse table, which the kvstore of a `Trainer` keeps.

    A batch fetches the rows that it asks for, and its gradient stores only these.

    Args:
        input_dim: number of rows.
        output_dim: length of the vectors.
        dtype: of the table.
        weight_initializer: Initializer or name.
    Shapes: x any -> (*x.shape, output_dim).
    """

    def __init__(
        self, input_dim: int, output_dim: int, dtype: Any = "float32", weight_initializer: Any = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self._kwargs = {"input_dim": input_dim, "output_dim": output_dim, "dtype": dtype, "sparse_grad": True}
        self.weight = self.params.get(
            "weight", shape=(input_dim, output_dim), init=weight_initializer, dtype=dtype, grad_stype="row_sparse",
            stype="row_sparse",
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        return call_by_name("Embedding", x, self.weight.row_sparse_data(x), **self._kwargs)

    def __repr__(self) -> str:
        return "{}({input_dim} -> {output_dim}, {dtype})".format(type(self).__name__, **self._kwargs)


class _PixelShuffle(HybridBlock):
    """Moves blocks of channels into space (Shi et al., 2016), for any number of spatial axes."""

    _ndim: int

    def __init__(self, factor: int | tuple[int, ...]):
        super().__init__()
        factors = (factor,) * self._ndim if isinstance(factor, int) else tuple(factor)
        if len(factors) != self._ndim:
            raise AssertionError(f"wrong length {len(factors)} of factor {factor!r}; expected {self._ndim} numbers")
        self._factors = factors

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        ndim, size = self._ndim, 1
        for factor in self._factors:
            size *= factor
        x = F.reshape(x, shape=(0, -4, -1, size, *(0,) * ndim))  # (N, C, all factors, *space)
        for axis in range(ndim - 1):  # split the factors one after the other
            size //= self._factors[axis]
            x = F.reshape(x, shape=(*(0,) * (2 + axis), -4, self._factors[axis], size, *(0,) * ndim))
        order = [position for axis in range(ndim) for position in (2 + ndim + axis, 2 + axis)]
        x = F.transpose(x, axes=(0, 1, *order))
        return F.reshape(x, shape=(0, 0, *(-3,) * ndim))

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self._factors})"


class PixelShuffle1D(_PixelShuffle):
    """Upscale by moving channels into space. Shapes: x (N, f C, W) -> (N, C, f W)."""

    _ndim = 1

    def __init__(self, factor: int | tuple[int]):
        super().__init__(factor)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self._factors[0]})"


class PixelShuffle2D(_PixelShuffle):
    """Upscale by moving channels into space. Shapes: x (N, f1 f2 C, H, W) -> (N, C, f1 H, f2 W)."""

    _ndim = 2

    def __init__(self, factor: int | tuple[int, int]):
        super().__init__(factor)


class PixelShuffle3D(_PixelShuffle):
    """Upscale by moving channels into space. Shapes: x (N, f1 f2 f3 C, D, H, W) -> (N, C, f1 D, f2 H, f3 W)."""

    _ndim = 3

    def __init__(self, factor: int | tuple[int, int, int]):
        super().__init__(factor)
