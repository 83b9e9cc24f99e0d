"""Recurrent layers, each layer of a network as one LSTM, GRU or RNN of ONNX.

Letters: T time, B batch, H state size, L layers, D directions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...ops.rnn import _unpack
from ..builder import Array, Builder, Untranslatable
from ..translate import translates

_OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn_tanh": "RNN", "rnn_relu": "RNN"}
_ORDER = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}  # ONNX has input, output, forget, cell; update, reset, new


def _in_onnx_order(mode: str, rows: Tensor) -> Tensor:
    """The rows of a weight or bias, gate by gate in ONNX's order."""
    order = _ORDER.get(mode)
    if order is None:
        return rows
    gates = rows.chunk(len(order))
    return torch.cat([gates[gate] for gate in order])


def _translatable(attrs: dict) -> bool:
    clipped = attrs["lstm_state_clip_min"] is not None or attrs["lstm_state_clip_max"] is not None
    return attrs["projection_size"] is None and not clipped


@translates("RNN", when=_translatable)
def _(
    onnx: Builder, data, parameters, state, state_cell=None, sequence_length=None, *, state_size, num_layers,
    bidirectional, mode, state_outputs, **_,
):  # fmt: skip
    if parameters.constant is None:
        raise Untranslatable("its parameters must be constants.")
    directions = 2 if bidirectional else 1
    weights = _unpack(
        parameters.constant, mode, data.shape[2], state_size, num_layers, directions, None
    )
    lengths = None if sequence_length is None else onnx.cast(sequence_length, "int32")
    attributes = {"hidden_size": state_size, "direction": "bidirectional" if bidirectional else "forward"}
    if mode == "gru":
        attributes["linear_before_reset"] = 1
    if mode == "rnn_relu":
        attributes["activations"] = ["Relu"] * directions
    out, lasts, last_cells = data, [], []
    for layer in range(num_layers):
        begin, end = layer * directions, (layer + 1) * directions
        rows = weights[begin:end]
        w, r = (
            onnx.constant(torch.stack([_in_onnx_order(mode, row[part]) for row in rows]), data.dtype) for part in (0, 1)
        )
        biases = [torch.cat([_in_onnx_order(mode, row[2]), _in_onnx_order(mode, row[3])]) for row in rows]
        inputs = [out, w, r, onnx.constant(torch.stack(biases), data.dtype), lengths, _layer(onnx, state, begin, end)]
        if state_cell is not None:
            inputs.append(_layer(onnx, state_cell, begin, end))
        found: list[Array] = onnx.nodes_of(_OPERATORS[mode], inputs, 3 if mode == "lstm" else 2, **attributes)
        steps, batch = data.sizes[:2]
        found[0].sizes = (steps, directions, batch, state_size)
        if directions == 1:
            out = onnx.squeeze(found[0], 1)
        else:
            turned = onnx.transpose(found[0], (0, 2, 1, 3))
            out = onnx.op("Reshape", turned, onnx.ints(0, 0, 2 * state_size))
        lasts.append(found[1])
        last_cells += found[2:]
    if not state_outputs:
        return out
    kept = [parts for parts in (lasts, last_cells) if parts]
    return [out, *(onnx.op("Concat", *parts, axis=0) if num_layers > 1 else parts[0] for parts in kept)]


def _layer(onnx: Builder, state: Array, begin: int, end: int) -> Array:
    return state if (begin, end) == (0, state.sizes[0]) else onnx.slice(state, [begin], [end], [0])
