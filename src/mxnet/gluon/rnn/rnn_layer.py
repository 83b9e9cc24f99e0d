"""Recurrent layers: whole sequences, several layers and both directions in one operator.

Axes: L layers times directions, N batch, T time, C features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import ndarray, symbol
from ...base import MXNetError
from ...ndarray import NDArray
from ...symbol import Symbol
from ..block import HybridBlock, without_storage
from . import rnn_cell

__all__ = ["GRU", "LSTM", "RNN"]

_GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}


class _RNNLayer(HybridBlock):
    """What the three recurrent layers share.

    Parameters are ``{l,r}{layer}_{i2h,h2h}_{weight,bias}`` with l for forward and r for backward.
    """

    def __init__(
        self, hidden_size: int, num_layers: int, layout: str, dropout: float, bidirectional: bool, input_size: int,
        i2h_weight_initializer: Any, h2h_weight_initializer: Any, i2h_bias_initializer: Any, h2h_bias_initializer: Any,
        mode: str, dtype: Any, projection_size: int | None = None, h2r_weight_initializer: Any = None,
        state_clip_min: float | None = None, state_clip_max: float | None = None, state_clip_nan: bool = False,
        use_sequence_length: bool = False, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        if layout not in ("TNC", "NTC"):
            raise AssertionError(f"Invalid layout {layout}; must be one of ['TNC' or 'NTC']")
        self._hidden_size = hidden_size
        self._projection_size = projection_size if projection_size else None
        self._num_layers = num_layers
        self._mode = mode
        self._layout = layout
        self._dropout = dropout
        self._dir = 2 if bidirectional else 1
        self._input_size = input_size
        self._dtype = dtype
        self._use_sequence_length = use_sequence_length
        self._gates = _GATES[mode]
        self._clip = {
            "lstm_state_clip_min": state_clip_min, "lstm_state_clip_max": state_clip_max,
            "lstm_state_clip_nan": state_clip_nan,
        }  # fmt: skip
        rows, out = self._gates * hidden_size, self._projection_size or hidden_size
        width = input_size
        for layer in range(num_layers):
            for direction in "lr"[: self._dir]:
                parameters = [
                    ("i2h_weight", (rows, width), i2h_weight_initializer),
                    ("h2h_weight", (rows, out), h2h_weight_initializer),
                    ("i2h_bias", (rows,), i2h_bias_initializer),
                    ("h2h_bias", (rows,), h2h_bias_initializer),
                ]
                if self._projection_size:
                    parameters.append(("h2r_weight", (out, hidden_size), h2r_weight_initializer))
                for name, shape, init in parameters:
                    full = f"{direction}{layer}_{name}"
                    setattr(self, full, self.params.get(
                        full, shape=shape, init=init, allow_deferred_init=True, dtype=dtype
                    ))  # fmt: skip
            width = out * self._dir

    def __repr__(self) -> str:
        text = f"{self.l0_i2h_weight.shape[1] or None} -> {self._hidden_size}, {self._layout}"
        if self._num_layers != 1:
            text += f", num_layers={self._num_layers}"
        if self._dropout != 0:
            text += f", dropout={self._dropout}"
        if self._dir == 2:
            text += ", bidirectional"
        return f"{self.__class__.__name__}({text})"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """A dictionary with shape, layout and dtype for each state."""
        return [self._info(batch_size, self._projection_size or self._hidden_size)]

    def _info(self, batch_size: int, size: int) -> dict[str, Any]:
        shape = (self._num_layers * self._dir, batch_size, size)
        return {"shape": shape, "__layout__": "LNC", "dtype": self._dtype}

    def cast(self, dtype: Any) -> None:
        """Change the dtype of parameters and states."""
        super().cast(dtype)
        self._dtype = dtype

    def begin_state(
        self, batch_size: int = 0, func: Callable[..., Any] = ndarray.zeros, **kwargs: Any
    ) -> list[Any]:
        """States to begin with, (num_layers * directions, N, size) each.

        Args:
            batch_size: number of sequences.
            func: makes an array or symbol of a shape: `mx.nd.zeros`, `mx.sym.zeros`, ...
            kwargs: given to func, for example ctx.
        """
        states = []
        for number, info in enumerate(self.state_info(batch_size)):
            arguments = {**info, **kwargs}
            if getattr(func, "__module__", "").startswith("mxnet.ndarray"):
                arguments.pop("__layout__", None)  # for symbols only
            else:
                arguments["name"] = f"{self.prefix}h0_{number}"
            states.append(func(**arguments))
        return states

    def __call__(self, inputs: Any, states: Any = None, sequence_length: Any = None) -> Any:
        """Outputs, and with states given the states after the last step too.

        Args:
            inputs: (T, N, C), or (N, T, C) with layout "NTC".
            states: a state or list of them, as `begin_state` gives them; default zeros.
            sequence_length: (N,) numbers of valid steps, for a layer made with use_sequence_length=True.
        Returns: (T, N, directions * hidden_size) with axes as those of inputs; with states (outputs, new states).
        Raises: ValueError if a state has another shape; MXNetError if states or sequence_length are missing, or
            sequence_length is given to a layer that was made without it.
        """
        self.skip_states = states is None
        out = super().__call__(*self._arguments(inputs, states, sequence_length))
        return out[0] if self.skip_states else (out[0], out[1])

    def _arguments(self, inputs: Any, states: Any = None, sequence_length: Any = None) -> tuple[Any, ...]:
        if self._use_sequence_length != (sequence_length is not None):
            have = "is missing" if self._use_sequence_length else "was given"
            raise MXNetError(
                f"{self.name}: sequence_length {have}, and the layer was made with use_sequence_length="
                f"{self._use_sequence_length}."
            )
        if states is None:
            if isinstance(inputs, NDArray):
                batch_size = inputs.shape[self._layout.find("N")]
                if inputs._data.is_meta:  # for a plan
                    states = self.begin_state(
                        batch_size, func=lambda shape, dtype, **_: without_storage(shape, dtype)
                    )
                else:
                    states = self.begin_state(batch_size, ctx=inputs.context)
            else:
                states = self.begin_state(0, func=symbol.zeros)
        elif isinstance(states, NDArray | Symbol):
            states = [states]
        if isinstance(inputs, NDArray):
            expected = self.state_info(inputs.shape[self._layout.find("N")])
            if len(states) != len(expected):
                raise MXNetError(f"{self.name}: {len(states)} states were given; expected {len(expected)}.")
            for state, info in zip(states, expected):
                if state.shape != info["shape"]:
                    raise ValueError(
                        f"Invalid recurrent state shape. Expecting {info['shape']}, got {state.shape}."
                    )
        return (inputs, states) if sequence_length is None else (inputs, states, sequence_length)

    def hybrid_forward(
        self, F: Any, inputs: Any, states: list[Any], sequence_length: Any = None, **kwargs: Any
    ) -> tuple[Any, list[Any]]:
        if self._layout == "NTC":
            inputs = F.swapaxes(inputs, dim1=0, dim2=1)
        places = [f"{direction}{layer}" for layer in range(self._num_layers) for direction in "lr"[: self._dir]]
        weights = ("i2h_weight", "h2h_weight", *(("h2r_weight",) if self._projection_size else ()))
        order = [f"{place}_{name}" for place in places for name in weights]
        order += [f"{place}_{name}" for place in places for name in ("i2h_bias", "h2h_bias")]
        parameters = F._internal._rnn_param_concat(*(F.reshape(kwargs[name], shape=-1) for name in order), dim=0)
        out = F.RNN(
            inputs, parameters, *states, *([] if sequence_length is None else [sequence_length]),
            use_sequence_length=self._use_sequence_length, state_size=self._hidden_size,
            projection_size=self._projection_size, num_layers=self._num_layers, bidirectional=self._dir == 2,
            p=self._dropout, state_outputs=True, mode=self._mode, **self._clip,
        )  # fmt: skip
        outputs, new_states = out[0], [out[1 + number] for number in range(len(states))]
        if self._layout == "NTC":
            outputs = F.swapaxes(outputs, dim1=0, dim2=1)
        return outputs, new_states

    def _unfuse(self) -> rnn_cell.HybridSequentialRNNCell:
        """A stack of cells that computes the same with the same parameters, step by step.

        Raises: AssertionError for a layer with projection.
        """
        if self._projection_size:
            raise AssertionError("_unfuse does not support projection layer yet!")

        def cell(width: int, prefix: str) -> rnn_cell.HybridRecurrentCell:
            size: dict[str, Any] = {"input_size": width, "prefix": prefix}
            if self._mode == "lstm":
                return rnn_cell.LSTMCell(self._hidden_size, **size)
            if self._mode == "gru":
                return rnn_cell.GRUCell(self._hidden_size, **size)
            return rnn_cell.RNNCell(self._hidden_size, activation=self._mode.removeprefix("rnn_"), **size)

        stack = rnn_cell.HybridSequentialRNNCell(prefix=self.prefix, params=self.params)
        with stack.name_scope():
            width = self.l0_i2h_weight.shape[1]
            for layer in range(self._num_layers):
                left = cell(width, f"l{layer}_")
                stack.add(rnn_cell.BidirectionalCell(left, cell(width, f"r{layer}_")) if self._dir == 2 else left)
                if self._dropout and layer < self._num_layers - 1:
                    stack.add(rnn_cell.DropoutCell(self._dropout))
                width = self._hidden_size * self._dir
        return stack


class RNN(_RNNLayer):
    """Elman layers over whole sequences; see `RNNCell` for one step.

    Args:
        hidden_size: size of the hidden state.
        num_layers: number of layers on top of each other.
        activation: "relu" or "tanh".
        layout: "TNC" or "NTC", the axes of inputs and outputs.
        dropout: probability of dropout between layers, while training.
        bidirectional: run in both directions.
        i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer: Initializer or name.
        input_size: size of the input; 0 is settled by the first one.
        dtype: of parameters and states.
    Shapes: inputs (T, N, C), states [(L, N, hidden_size)] -> outputs (T, N, directions * hidden_size), states likewise.
    Raises: ValueError for another activation.
    """

    def __init__(
        self, hidden_size: int, num_layers: int = 1, activation: str = "relu", layout: str = "TNC", dropout: float = 0,
        bidirectional: bool = False, i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", input_size: int = 0,
        dtype: Any = "float32", **kwargs: Any,
    ):  # fmt: skip
        if activation not in ("relu", "tanh"):
            raise ValueError(f"RNN: activation is {activation!r}; expected 'relu' or 'tanh'.")
        super().__init__(hidden_size, num_layers, layout, dropout, bidirectional, input_size, i2h_weight_initializer,
                         h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer, f"rnn_{activation}", dtype,
                         **kwargs)  # fmt: skip


class LSTM(_RNNLayer):
    """Layers of long short-term memory over whole sequences; see `LSTMCell` for one step.

    Args: as `RNN`, without activation, and:
        projection_size: size of the projected hidden state (Sak et al., 2014); None for no projection.
        h2r_weight_initializer: of the projection.
        state_clip_min, state_clip_max: limits of the cell state; both or none are given.
        state_clip_nan: whether they also replace nan.
        use_sequence_length: sequences have their own lengths, given with each call.
    Shapes: inputs (T, N, C), states [h (L, N, projection_size or hidden_size), c (L, N, hidden_size)] -> outputs
        (T, N, directions * size of h), states likewise.
    """

    def __init__(
        self, hidden_size: int, num_layers: int = 1, layout: str = "TNC", dropout: float = 0,
        bidirectional: bool = False, input_size: int = 0, i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros",
        projection_size: int | None = None, h2r_weight_initializer: Any = None, state_clip_min: float | None = None,
        state_clip_max: float | None = None, state_clip_nan: bool = False, dtype: Any = "float32", **kwargs: Any,
    ):  # fmt: skip
        super().__init__(hidden_size, num_layers, layout, dropout, bidirectional, input_size, i2h_weight_initializer,
                         h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer, "lstm", dtype,
                         projection_size, h2r_weight_initializer, state_clip_min, state_clip_max, state_clip_nan,
                         **kwargs)  # fmt: skip

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """A dictionary with shape, layout and dtype for the hidden and the cell state."""
        return [*super().state_info(batch_size), self._info(batch_size, self._hidden_size)]


class GRU(_RNNLayer):
    """Layers of gated recurrent units over whole sequences; see `GRUCell` for one step.

    Args: as `RNN`, without activation.
    Shapes: inputs (T, N, C), states [(L, N, hidden_size)] -> outputs (T, N, directions * hidden_size), states likewise.
    """

    def __init__(
        self, hidden_size: int, num_layers: int = 1, layout: str = "TNC", dropout: float = 0,
        bidirectional: bool = False, input_size: int = 0, i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros",
        dtype: Any = "float32", **kwargs: Any,
    ):  # fmt: skip
        super().__init__(hidden_size, num_layers, layout, dropout, bidirectional, input_size, i2h_weight_initializer,
                         h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer, "gru", dtype,
                         **kwargs)  # fmt: skip
