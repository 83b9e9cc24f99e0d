"""Look-up of rows by index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, int64
from torch import embedding as embedding_of

from ..base import MXNetError
from .attributes import Shape
from .registry import PartialShape, operator

WeightDType = Literal["bfloat16", "float16", "float32", "float64", "int32", "int64", "int8", "uint8"]


@operator("Embedding", aliases=("_sparse_Embedding",))
def embedding(
    data: Tensor, weight: Tensor, *, input_dim: int, output_dim: int, dtype: WeightDType = "float32",
    sparse_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The rows of weight that data asks for.

    Args:
        data: indices of any shape and numeric dtype, rounded towards zero; those out of range take the nearest row.
        weight: (input_dim, output_dim).
        dtype: dtype of weight where shape and dtype are inferred.
        sparse_grad: where weight is a variable with a row_sparse gradient array, its gradient holds only the rows that
            data asks for.
    Returns: (*data.shape, output_dim), dtype of weight.
    Raises: MXNetError if weight hasn't the shape that the attributes say.
    """
    return _rows(data, weight, input_dim, output_dim, sparse_grad)


@operator("_contrib_SparseEmbedding")
def sparse_embedding(
    data: Tensor, weight: Tensor, *, input_dim: int, output_dim: int, dtype: WeightDType = "float32",
    sparse_grad: bool = False,
) -> Tensor:  # fmt: skip
    """`Embedding` with sparse_grad=True; deprecated in MXNet.

    Args:
        data, weight, dtype: see `Embedding`.
        sparse_grad: has no meaning here, as in MXNet: the gradient is sparse where that of `Embedding` would be.
    Returns: (*data.shape, output_dim), dtype of weight.
    Raises: MXNetError if weight hasn't the shape that the attributes say.
    """
    return _rows(data, weight, input_dim, output_dim, True)


def _rows(data: Tensor, weight: Tensor, input_dim: int, output_dim: int, sparse_grad: bool) -> Tensor:
    if weight.shape != (input_dim, output_dim):
        raise MXNetError(f"Embedding: weight has shape {tuple(weight.shape)}; expected {(input_dim, output_dim)}.")
    index = data.clamp(0, input_dim - 1) if data.dtype is int64 else data.long().clamp_(0, input_dim - 1)
    if sparse_grad and getattr(weight, "_mx_sparse_grad", False):  # a mark of autograd.mark_variables
        return embedding_of(weight, index, sparse=True)
    return embedding_of(weight, index)


@sparse_embedding.infer_arguments
@embedding.infer_arguments
def _(*, input_dim: int, output_dim: int, **_: Any) -> dict[str, PartialShape]:
    return {"weight": (input_dim, output_dim)}


@sparse_embedding.infer_shape
@embedding.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, input_dim: int, output_dim: int, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    data, out = inputs[0], outputs[0]
    if data is None and out is not None:
        data = out[:-1]
    result: Shape | None = None if data is None else (*data, output_dim)
    return [data, (input_dim, output_dim)], [result]


@sparse_embedding.infer_dtype
@embedding.infer_dtype
def _(
    inputs: Sequence[str | None], outputs: Sequence[str | None], *, dtype: str, **_: Any
) -> tuple[list[str | None], list[str | None]]:
    weight = inputs[1] or outputs[0] or dtype
    return [inputs[0], weight], [weight]
