"""A recurrent layer whose products are of 8-bit integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from ...base import MXNetError
from ..registry import PartialShape, operator
from ..rnn import Mode, parameter_size, rnn
from .common import Names, Shapes, check_dtype, round_to, stop_gradient

_NAME = "_contrib_quantized_rnn"
_WEIGHT_STEPS = 127.0
_EXACT_TERMS = 2**24 // (255 * 128)


class _Weights:
    """The weights of one layer and direction as whole numbers, and what turns sums of products into real gates."""

    def __init__(self, weight: Tensor, steps: Tensor, width: int, bias: Tensor, scale: Tensor, shift: Tensor):
        whole = torch.where(steps > 0, weight / steps, 0).round_()
        self.wide = torch.float32 if weight.shape[1] <= _EXACT_TERMS else torch.float64
        self.data, self.state = whole[:, :width].to(self.wide), whole[:, width:].to(self.wide)
        self.factor = steps.squeeze(1) / scale
        self.constant = bias - shift * self.factor * whole.sum(1)


def _run(
    data: Tensor, state: Tensor, cell: Tensor, weights: _Weights, scale: Tensor, shift: Tensor, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer in one direction: 8-bit outputs for each time, the last 8-bit state, the last cell."""
    incoming = linear(data.to(weights.wide), weights.data)
    outs: list[Tensor] = []
    for step in range(data.shape[0] - 1, -1, -1) if reverse else range(data.shape[0]):
        sums = incoming[step] + linear(state.to(weights.wide), weights.state)
        enter, forget, new, show = (sums.float() * weights.factor + weights.constant).chunk(4, 1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
        state = round_to((show.sigmoid() * cell.tanh()).mul_(scale).add_(shift), torch.uint8)
        outs.append(state)
    return torch.stack(outs[::-1] if reverse else outs), state, cell


@operator(
    _NAME, variable_names={"data_scale": "min_data", "data_shift": "max_data"},
    num_outputs=lambda state_outputs, **_: 3 if state_outputs else 1,
    output_names=lambda state_outputs, **_: ("output", "state_output", "statecell_ouput")[: 3 if state_outputs else 1],
)
def quantized_rnn(
    data: Tensor, parameters: Tensor, state: Tensor, state_cell: Tensor, data_scale: Tensor, data_shift: Tensor, *,
    state_size: int, num_layers: int, bidirectional: bool = False, mode: Mode, p: float = 0.0,
    state_outputs: bool = False, projection_size: int | None = None, lstm_state_clip_min: float | None = None,
    lstm_state_clip_max: float | None = None, lstm_state_clip_nan: bool = False, use_sequence_length: bool = False,
) -> Tensor | tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """An LSTM on data of `quantize_asym`: 8-bit products, real gates and cells, for prediction.

    The states between steps and layers are quantized as data is; each row of the weights of a layer, of data and state
    and of both directions together, is quantized to 127 steps of its largest absolute value.

    Args:
        data: (time, batch, input size), uint8: ``round(x * data_scale + data_shift)``.
        parameters, state, state_cell: as for RNN, float32.
        data_scale, data_shift: (1,), float32.
        state_size, num_layers, bidirectional, state_outputs: as for RNN.
        mode: lstm.
        p: no meaning here, for there is no training; accepted for compatibility.
        projection_size, lstm_state_clip_min, lstm_state_clip_max, lstm_state_clip_nan, use_sequence_length: not
            supported.
    Returns: (time, batch, directions * state size), float32, and with state_outputs the last states and cells.
    Raises: MXNetError for another mode, dtype or shape, or what is not supported.
    """
    if mode != "lstm":
        raise MXNetError(f"{_NAME}: mode is {mode!r}; only 'lstm' is supported.")
    clips = lstm_state_clip_min is not None or lstm_state_clip_max is not None or lstm_state_clip_nan
    if projection_size is not None or clips or use_sequence_length:
        raise MXNetError(f"{_NAME}: projections, clipped states and sequence lengths are not supported; use RNN.")
    check_dtype(_NAME, "data", data, torch.uint8)
    ways = 2 if bidirectional else 1
    if data.ndim != 3:
        raise MXNetError(f"{_NAME}: data has shape {tuple(data.shape)}; expected (time, batch, input size).")
    time, batch, width = data.shape
    size = parameter_size(mode, width, state_size, num_layers, ways)
    states = (num_layers * ways, batch, state_size)
    for name, given, shape in (
        ("parameters", parameters, (size,)), ("state", state, states), ("state_cell", state_cell, states),
        ("data_scale", data_scale, (1,)), ("data_shift", data_shift, (1,)),
    ):  # fmt: skip
        if given.shape != shape:
            raise MXNetError(f"{_NAME}: {name} has shape {tuple(given.shape)}; expected {shape}.")
    rows = 4 * state_size
    weights, biases = parameters[: size - states[0] * 2 * rows], parameters[size - states[0] * 2 * rows :]
    biases = biases.view(states[0], 2, rows).sum(1)
    start = round_to((state * data_scale).add_(data_shift), torch.uint8)
    last_states, last_cells, offset = [], [], 0
    for layer in range(num_layers):
        outs, length = [], rows * (width + state_size)
        matrices = []
        for _ in range(ways):
            pieces = torch.split(weights[offset : offset + length], [rows * width, rows * state_size])
            matrices.append(torch.cat([piece.view(rows, -1) for piece in pieces], 1))
            offset += length
        steps = torch.stack(matrices).abs().amax((0, 2)).unsqueeze(1) / _WEIGHT_STEPS
        for way, matrix in enumerate(matrices):
            index = layer * ways + way
            quantized = _Weights(matrix, steps, width, biases[index], data_scale, data_shift)
            out, last, cell = _run(
                data, start[index], state_cell[index], quantized, data_scale, data_shift, reverse=way == 1
            )
            outs.append(out)
            last_states.append(last)
            last_cells.append(cell)
        data = torch.cat(outs, 2) if ways == 2 else outs[0]
        width = ways * state_size
    result = (data - data_shift).div_(data_scale)
    if not state_outputs:
        return result
    return result, (torch.stack(last_states) - data_shift).div_(data_scale), torch.stack(last_cells)


@quantized_rnn.infer_shape
def _(inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], **attrs: Any) -> tuple[Shapes, Shapes]:
    assert rnn._infer_shape is not None
    arrays, results = rnn._infer_shape(list(inputs[:4]), list(outputs), **{**attrs, "use_sequence_length": False})
    return [*arrays, (1,), (1,)], results


@quantized_rnn.infer_dtype
def _(inputs: Sequence[str | None], outputs: Sequence[str | None], **_: Any) -> tuple[Names, Names]:
    return ["uint8", *["float32"] * 5], ["float32"] * len(outputs)


stop_gradient(quantized_rnn)
