"""Multi-head attention on projections that are interleaved by head."""

from __future__ import annotations

from ..builder import Array, Builder
from ..translate import translates
from .products import turned


def _by_head(onnx: Builder, data: Array, heads: int, parts: int) -> list[Array]:
    """The parts of (T, N, H * parts * D), each (N * H, T, D)."""
    length, batch, width = data.shape
    size = width // (heads * parts)
    whole = onnx.reshape(data, (length, batch * heads, parts, size))
    if parts == 1:
        return [onnx.transpose(onnx.reshape(whole, (length, batch * heads, size)), (1, 0, 2))]
    found = onnx.nodes_of("Split", [onnx.transpose(whole, (2, 1, 0, 3)), onnx.ints(*(1,) * parts)], parts, axis=0)
    for part in found:
        part.sizes = (1, batch * heads, length, size)
    return [onnx.squeeze(part, 0) for part in found]


def _scores(onnx: Builder, queries: Array, keys: Array) -> Array:
    scale = onnx.number(max(queries.shape[2], 1) ** -0.5, queries)
    return onnx.op("MatMul", onnx.op("Mul", queries, scale), turned(onnx, keys))


def _attend(onnx: Builder, attention: Array, values: Array) -> Array:
    """(N * H, Tq, Tk) and (N * H, Tk, D) to (Tq, N, H * D)."""
    out = onnx.op("MatMul", attention, values, sizes=(*attention.shape[:2], values.shape[2]))
    return onnx.reshape(onnx.transpose(out, (1, 0, 2)), onnx.out.shape)


@translates("_contrib_interleaved_matmul_selfatt_qk")
def _(onnx, queries_keys_values, *, heads):
    queries, keys, _ = _by_head(onnx, queries_keys_values, heads, 3)
    return _scores(onnx, queries, keys)


@translates("_contrib_interleaved_matmul_selfatt_valatt")
def _(onnx, queries_keys_values, attention, *, heads):
    return _attend(onnx, attention, _by_head(onnx, queries_keys_values, heads, 3)[2])


@translates("_contrib_interleaved_matmul_encdec_qk")
def _(onnx, queries, keys_values, *, heads):
    (query,) = _by_head(onnx, queries, heads, 1)
    return _scores(onnx, query, _by_head(onnx, keys_values, heads, 2)[0])


@translates("_contrib_interleaved_matmul_encdec_valatt")
def _(onnx, keys_values, attention, *, heads):
    return _attend(onnx, attention, _by_head(onnx, keys_values, heads, 2)[1])
