"""Recurrent layers: vanilla, LSTM and GRU, stacked, in one or both directions.

Letters: T time, B batch, I input size, H state size, P projection size (H without projection), L layers, D directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Generator, Tensor
from torch.nn.functional import linear

from ..base import MXNetError
from .inference import share_dtype, unify
from .registry import PartialShape, operator

Mode = Literal["gru", "lstm", "rnn_relu", "rnn_tanh"]
_GATES = {"rnn_relu": 1, "rnn_tanh": 1, "gru": 3, "lstm": 4}
_VF = torch._VF


def _layer_sizes(mode: str, width: int, hidden: int, projection: int | None) -> tuple[list[tuple[int, ...]], int]:
    """The shapes of the weights of one layer and direction, and the length of each of its two biases."""
    rows = _GATES[mode] * hidden
    shapes: list[tuple[int, ...]] = [(rows, width), (rows, projection or hidden)]
    if projection:
        shapes.append((projection, hidden))
    return shapes, rows


def parameter_size(
    mode: str, input_size: int, hidden: int, layers: int, directions: int, projection: int | None = None
) -> int:
    """The number of parameters of a recurrent network."""
    total, width = 0, input_size
    for _ in range(layers):
        shapes, rows = _layer_sizes(mode, width, hidden, projection)
        total += directions * (sum(a * b for a, b in shapes) + 2 * rows)
        width = directions * (projection or hidden)
    return total


def _unpack(
    parameters: Tensor, mode: str, input_size: int, hidden: int, layers: int, directions: int, projection: int | None
) -> list[list[Tensor]]:
    """Views of the parameters, [W_i, W_h, b_i, b_h(, W_p)] for each layer and direction.

    All weights come first, layer by layer and direction by direction, then all biases in the same order.
    """
    shapes, sizes, width = [], [], input_size
    for _ in range(layers):
        for _ in range(directions):
            weights, rows = _layer_sizes(mode, width, hidden, projection)
            shapes.append(weights)
            sizes.append(rows)
        width = directions * (projection or hidden)
    lengths = [a * b for weights in shapes for a, b in weights] + [rows for rows in sizes for _ in range(2)]
    pieces = list(torch.split(parameters, lengths))
    count = len(shapes[0])
    biases = pieces[count * len(shapes) :]
    unpacked = []
    for index, weights in enumerate(shapes):
        views = [pieces[index * count + i].view(shape) for i, shape in enumerate(weights)]
        unpacked.append([*views[:2], *biases[2 * index : 2 * index + 2], *views[2:]])
    return unpacked


def _run(
    mode: str, data: Tensor, state: Tensor, cell: Tensor | None, weights: list[list[Tensor]], layers: int,
    directions: int,
) -> tuple[Tensor, Tensor, Tensor | None]:  # fmt: skip
    """All layers, by torch's kernels."""
    flat = [tensor for group in weights for tensor in group]
    rest = (flat, True, layers, 0.0, False, directions == 2, False)
    if mode == "lstm":
        assert cell is not None
        out, state, cell = _VF.lstm(data, (state, cell), *rest)
        return out, state, cell
    out, state = {"gru": _VF.gru, "rnn_tanh": _VF.rnn_tanh, "rnn_relu": _VF.rnn_relu}[mode](data, state, *rest)
    return out, state, None


def _clipped_step(
    data: Tensor, state: Tensor, cell: Tensor, weights: list[Tensor], low: float | None, high: float | None,
    clip_nan: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One step of an LSTM whose new cell is limited before it is shown."""
    gates = linear(data, weights[0], weights[2]) + linear(state, weights[1], weights[3])
    enter, forget, new, show = gates.chunk(4, 1)
    cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
    if clip_nan and high is not None:
        cell = cell.nan_to_num(nan=high, posinf=float("inf"), neginf=float("-inf"))
    cell = cell.clamp(low, high)
    state = show.sigmoid() * cell.tanh()
    return linear(state, weights[4]) if len(weights) > 4 else state, cell


def _run_by_step(
    mode: str, data: Tensor, state: Tensor, cell: Tensor | None, weights: list[Tensor], reverse: bool,
    lengths: Tensor | None, clip: tuple[float | None, float | None, bool] | None,
) -> tuple[Tensor, Tensor, Tensor | None]:  # fmt: skip
    """One layer in one direction, step by step: for sequences of different lengths, and clipped cells."""
    outs: list[Tensor] = []
    steps = range(data.shape[0] - 1, -1, -1) if reverse else range(data.shape[0])
    for step in steps:
        new_cell: Tensor | None = None
        if clip is not None and cell is not None:
            new, new_cell = _clipped_step(data[step], state, cell, weights, *clip)
        else:
            cells = None if cell is None else cell[None]
            _, news, new_cells = _run(mode, data[step : step + 1], state[None], cells, [weights], 1, 1)
            new, new_cell = news[0], None if new_cells is None else new_cells[0]
        out = new
        if lengths is not None:
            alive = (step < lengths).unsqueeze(1)
            out, new = torch.where(alive, new, 0), torch.where(alive, new, state)
            new_cell = torch.where(alive, new_cell, cell) if new_cell is not None and cell is not None else None
        state, cell = new, new_cell
        outs.append(out)
    return torch.stack(outs[::-1] if reverse else outs), state, cell


@operator(
    "RNN",
    num_outputs=lambda state_outputs, mode, **_: 1 + state_outputs * (2 if mode == "lstm" else 1),
    output_names=lambda state_outputs, mode, **_: (
        "output", *(("state_output",) if state_outputs else ()),
        *(("statecell_output",) if state_outputs and mode == "lstm" else ()),
    ),
)  # fmt: skip
def rnn(
    data: Tensor, parameters: Tensor, state: Tensor, state_cell: Tensor | None = None,
    sequence_length: Tensor | None = None, *, state_size: int, num_layers: int, bidirectional: bool = False, mode: Mode,
    p: float = 0.0, state_outputs: bool = False, projection_size: int | None = None,
    lstm_state_clip_min: float | None = None, lstm_state_clip_max: float | None = None,
    lstm_state_clip_nan: bool = False, use_sequence_length: bool = False, training: bool, generator: Generator | None,
) -> Any:  # fmt: skip
    """A recurrent network of one or more layers.

    Args:
        data: (T, B, I).
        parameters: one axis: for each layer and direction the weights of the input (gates * H, I or D * P) and of the
            state (gates * H, P), and of the projection (P, H); then for each layer and direction the two biases
            (gates * H,). Gates are in the order input, forget, cell, output (lstm) and reset, update, new (gru).
        state: (L * D, B, P); size 1 stands for B.
        state_cell: (L * D, B, H), for lstm.
        sequence_length: (B,), with use_sequence_length; beyond the end of a sequence the result is 0.
        state_size, num_layers: H and L.
        bidirectional: D is 2 rather than 1.
        mode: rnn_relu, rnn_tanh, lstm or gru.
        p: probability of dropout between layers, in training mode.
        state_outputs: show the states after the last step as well.
        projection_size: P, for lstm.
        lstm_state_clip_min, lstm_state_clip_max: limits of the cell after each step.
        lstm_state_clip_nan: also replace NaN in the cell, by lstm_state_clip_max.
    Returns: (T, B, D * P), and with state_outputs (L * D, B, P) and for lstm (L * D, B, H).
    Raises: MXNetError if shapes or attributes don't fit one another.
    """
    directions = 2 if bidirectional else 1
    _check(mode, state_size, num_layers, p, projection_size)
    if data.ndim != 3:
        raise MXNetError(f"RNN: data has shape {tuple(data.shape)}; expected (time, batch, input size).")
    batch, inputs = data.shape[1:]
    size = parameter_size(mode, inputs, state_size, num_layers, directions, projection_size)
    out_size = projection_size or state_size
    expected: dict[str, tuple[Tensor | None, tuple[int, ...] | None]] = {
        "parameters": (parameters, (size,)),
        "state": (state, (num_layers * directions, batch, out_size)),
        "state_cell": (state_cell, (num_layers * directions, batch, state_size) if mode == "lstm" else None),
        "sequence_length": (sequence_length, (batch,) if use_sequence_length else None),
    }
    for name, (tensor, shape) in expected.items():
        if (tensor is None) is not (shape is None) or (tensor is not None and tensor.shape != shape):
            given = "missing" if tensor is None else f"of shape {tuple(tensor.shape)}"
            raise MXNetError(f"RNN: {name} is {given}; expected {shape or 'none'} for mode {mode!r}.")
    weights = _unpack(parameters, mode, inputs, state_size, num_layers, directions, projection_size)
    clips = mode == "lstm" and (lstm_state_clip_min is not None or lstm_state_clip_max is not None)
    drops = p > 0 and training and num_layers > 1
    if not (clips or drops or use_sequence_length):
        out, last, last_cell = _run(mode, data, state, state_cell, weights, num_layers, directions)
    else:
        clip = (lstm_state_clip_min, lstm_state_clip_max, lstm_state_clip_nan) if clips else None
        lasts, last_cells, out = [], [], data
        for layer in range(num_layers):
            if layer and drops:
                out = out * torch.empty_like(out).bernoulli_(1 - p, generator=generator).div_(1 - p)
            rows = slice(layer * directions, (layer + 1) * directions)
            cell = None if state_cell is None else state_cell[rows]
            if clip is None and not use_sequence_length:
                out, last, last_cell = _run(mode, out, state[rows], cell, weights[rows], 1, directions)
            else:
                ways = [
                    _run_by_step(
                        mode, out, state[row], None if state_cell is None else state_cell[row], weights[row],
                        row % directions == 1, sequence_length, clip,
                    )
                    for row in range(rows.start, rows.stop)
                ]  # fmt: skip
                out = torch.cat([way[0] for way in ways], 2)
                last = torch.stack([way[1] for way in ways])
                last_cell = torch.stack([way[2] for way in ways if way[2] is not None]) if mode == "lstm" else None
            lasts.append(last)
            last_cells.append(last_cell)
        last = torch.cat(lasts)
        last_cell = torch.cat([c for c in last_cells if c is not None]) if mode == "lstm" else None
    if not state_outputs:
        return out
    return (out, last, last_cell) if last_cell is not None else (out, last)


def _check(mode: str, state_size: int, num_layers: int, p: float, projection_size: int | None) -> None:
    if state_size < 1 or num_layers < 1 or not 0 <= p < 1:
        raise MXNetError(
            f"RNN: state_size={state_size}, num_layers={num_layers}, p={p}; expected positive sizes and 0 <= p < 1."
        )
    if projection_size is not None and (mode != "lstm" or not 0 < projection_size < state_size):
        raise MXNetError(
            f"RNN: projection_size={projection_size} with mode {mode!r} and state_size={state_size}; a projection is "
            f"for lstm, and smaller than the state."
        )


@rnn.list_inputs
def _(*, mode: str, use_sequence_length: bool, **_: Any) -> tuple[str, ...]:
    names = ["data", "parameters", "state"]
    if mode == "lstm":
        names.append("state_cell")
    if use_sequence_length:
        names.append("sequence_length")
    return tuple(names)


@rnn.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, state_size: int, num_layers: int,
    bidirectional: bool, mode: str, p: float, projection_size: int | None, use_sequence_length: bool, **_: Any,
) -> tuple[list[PartialShape], list[PartialShape]]:  # fmt: skip
    _check(mode, state_size, num_layers, p, projection_size)
    directions = 2 if bidirectional else 1
    width = projection_size or state_size
    data = unify(inputs[0], (-1, -1, -1), "data")
    assert data is not None
    out = unify((*data[:2], directions * width), outputs[0], "output")
    assert out is not None
    state = unify((num_layers * directions, out[1], width), inputs[2], "state")
    assert state is not None
    data = (*(unify(out[:2], (-1, state[1])) or ()), data[2])
    rows, time, batch = num_layers * directions, data[0], data[1]
    size = -1 if data[2] == -1 else parameter_size(mode, data[2], state_size, num_layers, directions, projection_size)
    shapes: list[PartialShape] = [data, (size,), (rows, batch, width)]
    if mode == "lstm":
        shapes.append((rows, batch, state_size))
    if use_sequence_length:
        shapes.append((batch,))
    found: list[PartialShape] = [(time, batch, directions * width), (rows, batch, width), (rows, batch, state_size)]
    return shapes, found[: len(outputs)]


@rnn.infer_dtype
def _(
    inputs: Sequence[str | None], outputs: Sequence[str | None], *, use_sequence_length: bool, **_: Any
) -> tuple[list[str | None], list[str | None]]:
    arrays = len(inputs) - use_sequence_length
    rule = share_dtype(*range(arrays), fixed={arrays: "float32"} if use_sequence_length else None, outputs=3)
    return rule(inputs, outputs)
