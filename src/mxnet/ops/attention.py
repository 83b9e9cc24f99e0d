"""Multi-head attention on projections that are interleaved by head, so that no array has to be split or copied.

N is the batch, T the length of a sequence (Tq of queries, Tk of keys), H the number of heads, D the size of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..base import MXNetError
from .dtypes import DTYPE_NAMES
from .inference import unify
from .registry import PartialShape, operator


def _by_head(name: str, argument: str, tensor: Tensor, heads: int, parts: int) -> list[Tensor]:
    """The parts of interleaved projections (T, N, H * parts * D), each (N * H, T, D)."""
    if tensor.ndim != 3 or heads < 1 or tensor.shape[2] % (heads * parts):
        raise MXNetError(
            f"{name}: {argument} has shape {tuple(tensor.shape)}; expected (length, batch, heads * {parts} * size) for "
            f"heads={heads}."
        )
    length, batch, width = tensor.shape
    size = width // (heads * parts)
    return list(tensor.reshape(length, batch * heads, parts, size).transpose(0, 1).unbind(2))


def _scores(queries: Tensor, keys: Tensor) -> Tensor:
    scale: float = max(queries.shape[2], 1) ** -0.5
    return queries * scale @ keys.transpose(1, 2)


def _attend(name: str, attention: Tensor, values: Tensor, heads: int) -> Tensor:
    """(N * H, Tq, Tk) and (N * H, Tk, D) to (Tq, N, H * D)."""
    rows, keys, size = values.shape
    if attention.ndim != 3 or attention.shape[::2] != (rows, keys) or attention.dtype != values.dtype:
        raise MXNetError(
            f"{name}: attention is {DTYPE_NAMES[attention.dtype]} of shape {tuple(attention.shape)}; expected "
            f"{DTYPE_NAMES[values.dtype]} of shape ({rows}, queries, {keys}): batch * heads, and the number of keys."
        )
    queries = attention.shape[1]
    return (attention @ values).transpose(0, 1).reshape(queries, rows // heads, heads * size)


@operator("_contrib_interleaved_matmul_selfatt_qk")
def interleaved_matmul_selfatt_qk(queries_keys_values: Tensor, *, heads: int) -> Tensor:
    """Scores of self-attention: ``queries @ keys.T / sqrt(D)`` for each sample and head.

    Args:
        queries_keys_values: (T, N, H * 3 * D), for each head its query, key and value.
        heads: H.
    Returns: (N * H, T, T), queries by keys.
    Raises: MXNetError if the shape doesn't fit heads.
    Source: Vaswani et al., Attention Is All You Need, NIPS 2017.
    """
    name = "_contrib_interleaved_matmul_selfatt_qk"
    queries, keys, _ = _by_head(name, "queries_keys_values", queries_keys_values, heads, 3)
    return _scores(queries, keys)


@operator("_contrib_interleaved_matmul_selfatt_valatt")
def interleaved_matmul_selfatt_valatt(queries_keys_values: Tensor, attention: Tensor, *, heads: int) -> Tensor:
    """Result of self-attention: ``attention @ values`` for each sample and head.

    Args:
        queries_keys_values: (T, N, H * 3 * D), for each head its query, key and value.
        attention: (N * H, T, T), queries by keys.
        heads: H.
    Returns: (T, N, H * D).
    Raises: MXNetError if shapes or dtypes don't fit one another and heads.
    """
    name = "_contrib_interleaved_matmul_selfatt_valatt"
    values = _by_head(name, "queries_keys_values", queries_keys_values, heads, 3)[2]
    return _attend(name, attention, values, heads)


@operator("_contrib_interleaved_matmul_encdec_qk")
def interleaved_matmul_encdec_qk(queries: Tensor, keys_values: Tensor, *, heads: int) -> Tensor:
    """Scores of attention between sequences: ``queries @ keys.T / sqrt(D)`` for each sample and head.

    Args:
        queries: (Tq, N, H * D).
        keys_values: (Tk, N, H * 2 * D), for each head its key and value.
        heads: H.
    Returns: (N * H, Tq, Tk).
    Raises: MXNetError if shapes or dtypes don't fit one another and heads.
    """
    name = "_contrib_interleaved_matmul_encdec_qk"
    (query,) = _by_head(name, "queries", queries, heads, 1)
    key, _ = _by_head(name, "keys_values", keys_values, heads, 2)
    if query.shape[::2] != key.shape[::2] or queries.dtype != keys_values.dtype:
        raise MXNetError(
            f"{name}: queries are {DTYPE_NAMES[queries.dtype]} of shape {tuple(queries.shape)}, keys_values "
            f"{DTYPE_NAMES[keys_values.dtype]} of shape {tuple(keys_values.shape)}; expected one dtype, one batch, and "
            f"keys_values twice as wide as queries."
        )
    return _scores(query, key)


@operator("_contrib_interleaved_matmul_encdec_valatt")
def interleaved_matmul_encdec_valatt(keys_values: Tensor, attention: Tensor, *, heads: int) -> Tensor:
    """Result of attention between sequences: ``attention @ values`` for each sample and head.

    Args:
        keys_values: (Tk, N, H * 2 * D), for each head its key and value.
        attention: (N * H, Tq, Tk).
        heads: H.
    Returns: (Tq, N, H * D).
    Raises: MXNetError if shapes or dtypes don't fit one another and heads.
    """
    name = "_contrib_interleaved_matmul_encdec_valatt"
    values = _by_head(name, "keys_values", keys_values, heads, 2)[1]
    return _attend(name, attention, values, heads)


def _attention_shape(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, heads: int, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    """A shape rule: what is known of attention from the projections."""
    projections, attention = inputs
    if projections and len(projections) == 3:
        length, batch = projections[:2]
        attention = unify(attention, (batch if batch == -1 else batch * heads, -1, length), "attention")
    return [projections, attention], list(outputs)


for _op in (interleaved_matmul_selfatt_valatt, interleaved_matmul_encdec_valatt):
    _op.infer_shape(_attention_shape)
