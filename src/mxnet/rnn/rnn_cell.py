"""Recurrent cells that build symbols, step by step or for a whole sequence.

Axes: N batch, T time, C channels, L layers times directions, H height, W width.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from .. import ndarray, symbol
from ..base import MXNetError
from ..initializer import FusedRNN, LSTMBias
from ..symbol import Symbol

__all__ = [
    "BaseConvRNNCell", "BaseRNNCell", "BidirectionalCell", "ConvGRUCell", "ConvLSTMCell", "ConvRNNCell",
    "DropoutCell", "FusedRNNCell", "GRUCell", "LSTMCell", "ModifierCell", "RNNCell", "RNNParams", "ResidualCell",
    "SequentialRNNCell", "ZoneoutCell",
]  # fmt: skip

_LEAKY = functools.partial(symbol.LeakyReLU, act_type="leaky", slope=0.2)
_GATES = {"rnn_relu": [""], "rnn_tanh": [""], "lstm": ["_i", "_f", "_c", "_o"], "gru": ["_r", "_z", "_o"]}


def _time_axis(layout: str) -> int:
    axis = layout.find("T")
    if axis < 0:
        raise MXNetError(f"layout is {layout!r}; expected one with T, such as 'NTC' or 'TNC'")
    return axis


def _split(length: int, sequence: Any, layout: str) -> list[Symbol]:
    """A sequence as one symbol for each step."""
    if not isinstance(sequence, Symbol):
        if len(sequence) != length:
            raise AssertionError(f"unroll: {len(sequence)} inputs were given; expected {length}, one for each step")
        return list(sequence)
    if len(sequence.list_outputs()) != 1:
        raise AssertionError(
            "unroll doesn't allow grouped symbol as input. Please convert to list with list(inputs) first or let "
            "unroll handle splitting."
        )
    return list(symbol.split(sequence, axis=_time_axis(layout), num_outputs=length, squeeze_axis=1))


def _merge(length: int, sequence: Any, layout: str) -> Symbol:
    """A sequence as one symbol."""
    if isinstance(sequence, Symbol):
        return sequence
    if len(sequence) != length:
        raise AssertionError(f"unroll: {len(sequence)} inputs were given; expected {length}, one for each step")
    axis = _time_axis(layout)
    return symbol.Concat(*[symbol.expand_dims(step, axis=axis) for step in sequence], dim=axis)


def _arrange(length: int, sequence: Any, layout: str, merge: bool | None) -> Any:
    """A sequence merged, split, or, for None, as it is."""
    if merge is None:
        return sequence
    return _merge(length, sequence, layout) if merge else _split(length, sequence, layout)


def _activate(data: Symbol, activation: Any, **kwargs: Any) -> Symbol:
    """Apply an activation given by name or as a function."""
    if isinstance(activation, str):
        return symbol.Activation(data, act_type=activation, **kwargs)
    return activation(data, **kwargs)


class RNNParams:
    """Variables that cells share, by name, with a prefix."""

    def __init__(self, prefix: str = ""):
        self._prefix = prefix
        self._params: dict[str, Symbol] = {}

    def get(self, name: str, **kwargs: Any) -> Symbol:
        """The variable of a name, made with kwargs when it is first asked for."""
        name = self._prefix + name
        if name not in self._params:
            self._params[name] = symbol.Variable(name, **kwargs)
        return self._params[name]


class BaseRNNCell:
    """Base of all cells.

    Args:
        prefix: of the names of parameters and outputs.
        params: RNNParams to share parameters with other cells; None makes its own.
    """

    def __init__(self, prefix: str = "", params: RNNParams | None = None):
        self._own_params = params is None  # until somebody asks for them
        self._prefix = prefix
        self._params = RNNParams(prefix) if params is None else params
        self._modified = False
        self._cells: list[BaseRNNCell]
        self.reset()

    def reset(self) -> None:
        """Number steps and states from 0 again, before the cell is used for another graph."""
        self._init_counter = -1
        self._counter = -1
        for cell in getattr(self, "_cells", ()):
            cell.reset()

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        """One step.

        Args:
            inputs: (N, C).
            states: those before, see `state_info`.
        Returns: output and new states.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be stepped")

    @property
    def params(self) -> RNNParams:
        """Parameters of this cell."""
        self._own_params = False
        return self._params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape and layout of each state; 0 is the size of the batch."""
        raise NotImplementedError(f"{type(self).__name__} doesn't say what its states are")

    @property
    def state_shape(self) -> list[tuple[int, ...]]:
        """Shape of each state."""
        return [info["shape"] for info in self.state_info]

    @property
    def _gate_names(self) -> Any:
        return ()

    def _check_not_modified(self) -> None:
        if self._modified:
            raise AssertionError(
                "After applying modifier cells (e.g. DropoutCell) the base cell cannot be called directly. Call the "
                "modifier cell instead."
            )

    def begin_state(self, func: Callable[..., Symbol] = symbol.zeros, **kwargs: Any) -> list[Symbol]:
        """First states.

        Args:
            func: makes each, from name, shape and ``__layout__``; `symbol.Variable` for states that are fed.
            kwargs: further ones for func.
        """
        self._check_not_modified()
        states = []
        for info in self.state_info:
            self._init_counter += 1
            states.append(func(name=f"{self._prefix}begin_state_{self._init_counter}", **{**kwargs, **info}))
        return states

    def unpack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        """Parameters of a network with those of this cell given gate by gate.

        Args: args maps names to NDArrays. Returns: another such dict; see `pack_weights` for the way back.
        """
        args = args.copy()
        gates = self._gate_names
        if len(gates) < 2:
            return args
        for group in ("i2h", "h2h"):
            for kind in ("weight", "bias"):
                packed = args.pop(f"{self._prefix}{group}_{kind}")
                size = packed.shape[0] // len(gates)
                for i, gate in enumerate(gates):
                    args[f"{self._prefix}{group}{gate}_{kind}"] = packed[i * size : (i + 1) * size].copy()
        return args

    def pack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        """What `unpack_weights` was given."""
        args = args.copy()
        gates = self._gate_names
        if len(gates) < 2:
            return args
        for group in ("i2h", "h2h"):
            for kind in ("weight", "bias"):
                parts = [args.pop(f"{self._prefix}{group}{gate}_{kind}") for gate in gates]
                args[f"{self._prefix}{group}_{kind}"] = ndarray.concat(*parts, dim=0)
        return args

    def unroll(
        self, length: int, inputs: Any, begin_state: list[Symbol] | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:  # fmt: skip
        """All steps of a sequence.

        Args:
            length: number of steps.
            inputs: one symbol (N, T, C), or (T, N, C) for layout "TNC", or a list of symbols (N, C).
            begin_state: states before the first step; None takes `begin_state()`.
            layout: of a sequence as one symbol.
            merge_outputs: return one symbol; False a list; None whichever is at hand.
        Returns: outputs and the states after the last step.
        Raises: AssertionError for another number of inputs than length, or a symbol of several outputs.
        """
        self.reset()
        steps = _split(length, inputs, layout)
        states = self.begin_state() if begin_state is None else begin_state
        outputs = []
        for step in steps:
            output, states = self(step, states)
            outputs.append(output)
        return _arrange(length, outputs, layout, merge_outputs), states


class _Gated(BaseRNNCell):
    """A cell whose gates are affine in its input and its state."""

    def __init__(self, num_hidden: int, prefix: str, params: RNNParams | None, i2h_bias: Any = None):
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        self._iW = self.params.get("i2h_weight")
        self._iB = self.params.get("i2h_bias") if i2h_bias is None else self.params.get("i2h_bias", init=i2h_bias)
        self._hW = self.params.get("h2h_weight")
        self._hB = self.params.get("h2h_bias")

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"}]

    def _step_name(self) -> str:
        self._counter += 1
        return f"{self._prefix}t{self._counter}_"

    def _affine(self, data: Symbol, weight: Symbol, bias: Symbol, name: str) -> Symbol:
        size = self._num_hidden * len(self._gate_names)
        return symbol.FullyConnected(data, weight=weight, bias=bias, num_hidden=size, name=name)

    def _gates(self, inputs: Symbol, state: Symbol, name: str) -> tuple[Symbol, Symbol]:
        i2h = self._affine(inputs, self._iW, self._iB, f"{name}i2h")
        return i2h, self._affine(state, self._hW, self._hB, f"{name}h2h")

    def _slice(self, gates: Symbol, name: str) -> Symbol:
        return symbol.SliceChannel(gates, num_outputs=len(self._gate_names), name=name)


def _lstm_step(gates: Symbol, cell: Symbol, activation: Any, name: str) -> tuple[Symbol, list[Symbol]]:
    """What all LSTM cells compute from the four gates, in the order input, forget, candidate, output."""
    in_gate = symbol.Activation(gates[0], act_type="sigmoid", name=f"{name}i")
    forget_gate = symbol.Activation(gates[1], act_type="sigmoid", name=f"{name}f")
    candidate = _activate(gates[2], activation, name=f"{name}c")
    out_gate = symbol.Activation(gates[3], act_type="sigmoid", name=f"{name}o")
    next_cell = symbol.elemwise_add(forget_gate * cell, in_gate * candidate, name=f"{name}state")
    output = symbol.elemwise_mul(out_gate, _activate(next_cell, activation), name=f"{name}out")
    return output, [output, next_cell]


def _gru_step(i2h: Symbol, h2h: Symbol, state: Symbol, activation: Any, name: str) -> tuple[Symbol, list[Symbol]]:
    """What all GRU cells compute from both parts of the three gates, in the order reset, update, candidate."""
    reset = symbol.Activation(i2h[0] + h2h[0], act_type="sigmoid", name=f"{name}_r_act")
    update = symbol.Activation(i2h[1] + h2h[1], act_type="sigmoid", name=f"{name}_z_act")
    candidate = _activate(i2h[2] + reset * h2h[2], activation, name=f"{name}_h_act")
    output = symbol.elemwise_add((1.0 - update) * candidate, update * state, name=f"{name}out")
    return output, [output]


class RNNCell(_Gated):
    """``activation(i2h(x) + h2h(state))``.

    Args:
        num_hidden: size of the output and the state.
        activation: name, or function on symbols.
        prefix: of names.
        params: RNNParams to share.
    """

    def __init__(
        self, num_hidden: int, activation: Any = "tanh", prefix: str = "rnn_", params: RNNParams | None = None
    ):
        super().__init__(num_hidden, prefix, params)
        self._activation = activation

    @property
    def _gate_names(self) -> Any:
        return ("",)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        name = self._step_name()
        i2h, h2h = self._gates(inputs, states[0], name)
        output = _activate(i2h + h2h, self._activation, name=f"{name}out")
        return output, [output]


class LSTMCell(_Gated):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997) with forget gates.

    Args:
        num_hidden: size of the output and of both states.
        prefix: of names.
        params: RNNParams to share.
        forget_bias: initial bias of the forget gate (Jozefowicz et al., 2015).
    """

    def __init__(
        self, num_hidden: int, prefix: str = "lstm_", params: RNNParams | None = None, forget_bias: float = 1.0
    ):
        super().__init__(num_hidden, prefix, params, i2h_bias=LSTMBias(forget_bias=forget_bias))

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"} for _ in range(2)]

    @property
    def _gate_names(self) -> Any:
        return ["_i", "_f", "_c", "_o"]

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        name = self._step_name()
        i2h, h2h = self._gates(inputs, states[0], name)
        return _lstm_step(self._slice(i2h + h2h, f"{name}slice"), states[1], "tanh", name)


class GRUCell(_Gated):
    """Gated recurrent unit (Cho et al., 2014), in the variant of cuDNN, where the reset gate comes after h2h.

    Args:
        num_hidden: size of the output and the state.
        prefix: of names.
        params: RNNParams to share.
    """

    def __init__(self, num_hidden: int, prefix: str = "gru_", params: RNNParams | None = None):
        super().__init__(num_hidden, prefix, params)

    @property
    def _gate_names(self) -> Any:
        return ["_r", "_z", "_o"]

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        name = self._step_name()
        i2h, h2h = self._gates(inputs, states[0], f"{name}_")
        i2h, h2h = self._slice(i2h, f"{name}_i2h_slice"), self._slice(h2h, f"{name}_h2h_slice")
        return _gru_step(i2h, h2h, states[0], "tanh", name)


class FusedRNNCell(BaseRNNCell):
    """All layers and steps in one operator, `RNN`; it can be unrolled, not stepped.

    Args:
        num_hidden: size of each direction of the output.
        num_layers: number of layers.
        mode: "rnn_relu", "rnn_tanh", "lstm" or "gru".
        bidirectional: run both ways and concatenate.
        dropout: rate between layers.
        get_next_state: return the last states too; otherwise an empty list.
        forget_bias: initial bias of the forget gate of an LSTM.
        prefix: of names; None is the mode and "_".
        params: RNNParams to share.
    Raises: MXNetError for another mode.
    """

    def __init__(
        self, num_hidden: int, num_layers: int = 1, mode: str = "lstm", bidirectional: bool = False,
        dropout: float = 0.0, get_next_state: bool = False, forget_bias: float = 1.0, prefix: str | None = None,
        params: RNNParams | None = None,
    ):  # fmt: skip
        super().__init__(prefix=f"{mode}_" if prefix is None else prefix, params=params)
        self._num_hidden, self._num_layers, self._mode = num_hidden, num_layers, mode
        self._bidirectional, self._dropout, self._get_next_state = bidirectional, dropout, get_next_state
        self._forget_bias = forget_bias
        self._directions = ["l", "r"] if bidirectional else ["l"]
        self._parameter = self.params.get(
            "parameters", init=FusedRNN(None, num_hidden, num_layers, mode, bidirectional, forget_bias)
        )

    @property
    def state_info(self) -> list[dict[str, Any]]:
        shape = (len(self._directions) * self._num_layers, 0, self._num_hidden)
        return [{"shape": shape, "__layout__": "LNC"} for _ in range(2 if self._mode == "lstm" else 1)]

    @property
    def _gate_names(self) -> Any:
        return _GATES[self._mode]

    def _parts(self, num_input: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names and shapes of what the one vector of parameters holds, in its order."""
        hidden = self._num_hidden
        for kind in ("weight", "bias"):
            for layer in range(self._num_layers):
                below = num_input if layer == 0 else len(self._directions) * hidden
                for direction in self._directions:
                    for group, size in (("i2h", below), ("h2h", hidden)):
                        for gate in self._gate_names:
                            name = f"{self._prefix}{direction}{layer}_{group}{gate}_{kind}"
                            yield name, (hidden, size) if kind == "weight" else (hidden,)

    def unpack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        args = args.copy()
        packed = args.pop(f"{self._prefix}parameters")
        hidden, directions = self._num_hidden, len(self._directions)
        rows = directions * hidden * len(self._gate_names)
        above = (self._num_layers - 1) * (hidden + directions * hidden + 2)
        num_input, rest = divmod(packed.size, rows)
        num_input -= above + hidden + 2
        if rest or num_input < 1:
            raise MXNetError(
                f"FusedRNNCell: {self._prefix}parameters has {packed.size} elements, which no size of the input gives "
                f"for mode={self._mode}, num_hidden={hidden}, num_layers={self._num_layers}, "
                f"bidirectional={self._bidirectional}"
            )
        start = 0
        for name, shape in self._parts(num_input):
            size = shape[0] * (shape[1] if len(shape) > 1 else 1)
            args[name] = packed[start : start + size].reshape(shape).copy()
            start += size
        return args

    def pack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        args = args.copy()
        num_input = args[f"{self._prefix}l0_i2h{self._gate_names[0]}_weight"].shape[1]
        parts = [args.pop(name).reshape((-1,)) for name, _ in self._parts(num_input)]
        args[f"{self._prefix}parameters"] = ndarray.concat(*parts, dim=0)
        return args

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        raise NotImplementedError("FusedRNNCell cannot be stepped. Please use unroll")

    def unroll(
        self, length: int, inputs: Any, begin_state: list[Symbol] | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:  # fmt: skip
        self.reset()
        data = _merge(length, inputs, layout)
        batch_first = _time_axis(layout) == 1
        if batch_first:
            warnings.warn("NTC layout detected. Consider using TNC for FusedRNNCell for faster speed", stacklevel=2)
            data = symbol.swapaxes(data, dim1=0, dim2=1)
        states = self.begin_state() if begin_state is None else begin_state
        rnn = symbol.RNN(
            data=data, parameters=self._parameter, **dict(zip(("state", "state_cell"), states, strict=False)),
            state_size=self._num_hidden, num_layers=self._num_layers, bidirectional=self._bidirectional,
            p=self._dropout, state_outputs=self._get_next_state, mode=self._mode, name=f"{self._prefix}rnn",
        )  # fmt: skip
        next_states: list[Symbol] = []
        outputs = rnn
        if self._get_next_state:
            outputs, *next_states = rnn
            for state in next_states:
                state._set_attr(__layout__="LNC")
        if batch_first:
            outputs = symbol.swapaxes(outputs, dim1=0, dim2=1)
        return _arrange(length, outputs, layout, merge_outputs), next_states

    def unfuse(self) -> SequentialRNNCell:
        """The same network of cells that can be stepped; its parameters are those that `unpack_weights` gives."""
        make: Callable[[str], BaseRNNCell] = {
            "rnn_relu": lambda prefix: RNNCell(self._num_hidden, activation="relu", prefix=prefix),
            "rnn_tanh": lambda prefix: RNNCell(self._num_hidden, activation="tanh", prefix=prefix),
            "lstm": lambda prefix: LSTMCell(self._num_hidden, prefix=prefix, forget_bias=self._forget_bias),
            "gru": lambda prefix: GRUCell(self._num_hidden, prefix=prefix),
        }[self._mode]
        stack = SequentialRNNCell()
        for i in range(self._num_layers):
            cells = [make(f"{self._prefix}{direction}{i}_") for direction in self._directions]
            if self._bidirectional:
                stack.add(BidirectionalCell(*cells, output_prefix=f"{self._prefix}bi_l{i}_"))
            else:
                stack.add(cells[0])
            if self._dropout > 0 and i < self._num_layers - 1:
                stack.add(DropoutCell(self._dropout, prefix=f"{self._prefix}_dropout{i}_"))
        return stack


class _Container(BaseRNNCell):
    """A cell made of others, whose states are theirs in turn."""

    def __init__(self, prefix: str, params: RNNParams | None):
        super().__init__(prefix=prefix, params=params)
        self._override_cell_params = params is not None
        self._cells = []

    def _adopt(self, cell: BaseRNNCell) -> None:
        if self._override_cell_params:
            if not cell._own_params:
                raise AssertionError(
                    f"Either specify params for {type(self).__name__} or child cells, not both."
                )  # fmt: skip
            cell.params._params.update(self.params._params)
        self.params._params.update(cell.params._params)
        self._cells.append(cell)

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return [info for cell in self._cells for info in cell.state_info]

    def begin_state(self, **kwargs: Any) -> list[Symbol]:  # type: ignore[override]
        """First states of all cells. Args: as of `BaseRNNCell.begin_state`."""
        self._check_not_modified()
        return [state for cell in self._cells for state in cell.begin_state(**kwargs)]

    def unpack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        return functools.reduce(lambda args, cell: cell.unpack_weights(args), self._cells, args)

    def pack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        return functools.reduce(lambda args, cell: cell.pack_weights(args), self._cells, args)

    def _divide(self, states: list[Symbol]) -> list[list[Symbol]]:
        """The states of each cell."""
        remaining = iter(states)
        return [[next(remaining) for _ in cell.state_info] for cell in self._cells]


class SequentialRNNCell(_Container):
    """Cells one on top of the other.

    Args:
        params: RNNParams for all cells, which then must have none of their own.
    """

    def __init__(self, params: RNNParams | None = None):
        super().__init__(prefix="", params=params)

    def add(self, cell: BaseRNNCell) -> None:
        """Put a cell on top. Raises: AssertionError if both this and the cell were given params."""
        self._adopt(cell)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        self._counter += 1
        next_states: list[Symbol] = []
        for cell, own in zip(self._cells, self._divide(states), strict=True):
            if isinstance(cell, BidirectionalCell):
                raise AssertionError("SequentialRNNCell with a BidirectionalCell cannot be stepped. Please use unroll")
            inputs, own = cell(inputs, own)
            next_states += own
        return inputs, next_states

    def unroll(
        self, length: int, inputs: Any, begin_state: list[Symbol] | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:  # fmt: skip
        self.reset()
        states = self._divide(self.begin_state() if begin_state is None else begin_state)
        next_states: list[Any] = []
        for i, (cell, own) in enumerate(zip(self._cells, states, strict=True)):
            merge = merge_outputs if i == len(self._cells) - 1 else None
            inputs, own = cell.unroll(length, inputs, begin_state=own, layout=layout, merge_outputs=merge)
            next_states += own
        return inputs, next_states


class BidirectionalCell(_Container):
    """Two cells, one along the sequence and one against it, with their outputs concatenated; it can't be stepped.

    Args:
        l_cell, r_cell: along and against.
        params: RNNParams for both, which then must have none of their own.
        output_prefix: of the names of outputs.
    """

    def __init__(
        self, l_cell: BaseRNNCell, r_cell: BaseRNNCell, params: RNNParams | None = None, output_prefix: str = "bi_"
    ):
        super().__init__("", params=params)
        self._output_prefix = output_prefix
        self._adopt(l_cell)
        self._adopt(r_cell)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def unroll(
        self, length: int, inputs: Any, begin_state: list[Symbol] | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:  # fmt: skip
        """As `BaseRNNCell.unroll`; the states are a list of those of each cell."""
        self.reset()
        axis = _time_axis(layout)
        steps = _split(length, inputs, layout)
        along, against = self._divide(self.begin_state() if begin_state is None else begin_state)
        left, right = self._cells
        l_out, l_states = left.unroll(length, steps, begin_state=along, layout=layout, merge_outputs=merge_outputs)
        r_out, r_states = right.unroll(
            length, steps[::-1], begin_state=against, layout=layout, merge_outputs=merge_outputs
        )  # fmt: skip
        if merge_outputs is None:
            merge_outputs = isinstance(l_out, Symbol) and isinstance(r_out, Symbol)
            l_out = _arrange(length, l_out, layout, merge_outputs)
            r_out = _arrange(length, r_out, layout, merge_outputs)
        if merge_outputs:
            r_out = symbol.reverse(r_out, axis=axis)
            outputs: Any = symbol.Concat(l_out, r_out, dim=2, name=f"{self._output_prefix}out")
        else:
            outputs = [
                symbol.Concat(l_step, r_step, dim=1, name=f"{self._output_prefix}t{i}")
                for i, (l_step, r_step) in enumerate(zip(l_out, reversed(r_out), strict=True))
            ]
        return outputs, [l_states, r_states]


class DropoutCell(BaseRNNCell):
    """Dropout of its input; it has no state.

    Args:
        dropout: rate; 0 does nothing.
        prefix, params: without use, as the cell has no parameters.
    Raises: AssertionError if dropout is no number.
    """

    def __init__(self, dropout: float, prefix: str = "dropout_", params: RNNParams | None = None):
        super().__init__(prefix, params)
        if not isinstance(dropout, int | float):
            raise AssertionError(f"dropout probability must be a number, not {dropout!r}")
        self.dropout = dropout

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return []

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        return (symbol.Dropout(data=inputs, p=self.dropout) if self.dropout > 0 else inputs), states

    def unroll(
        self, length: int, inputs: Any, begin_state: list[Symbol] | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:  # fmt: skip
        self.reset()
        inputs = _arrange(length, inputs, layout, merge_outputs)
        if isinstance(inputs, Symbol):
            return self(inputs, [])
        return super().unroll(length, inputs, begin_state=begin_state, layout=layout, merge_outputs=merge_outputs)


class ModifierCell(BaseRNNCell):
    """Base of cells that change what another cell computes; that one can't be used by itself any more.

    Args:
        base_cell: the other cell, whose parameters and states these are.
    """

    def __init__(self, base_cell: BaseRNNCell):
        super().__init__()
        base_cell._modified = True
        self.base_cell = base_cell

    @property
    def params(self) -> RNNParams:
        self._own_params = False
        return self.base_cell.params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return self.base_cell.state_info

    def begin_state(self, init_sym: Callable[..., Symbol] = symbol.zeros, **kwargs: Any) -> list[Symbol]:  # type: ignore[override]
        """First states of the base cell. Args: init_sym is func of `BaseRNNCell.begin_state`."""
        self._check_not_modified()
        self.base_cell._modified = False
        try:
            return self.base_cell.begin_state(func=init_sym, **kwargs)
        finally:
            self.base_cell._modified = True

    def unpack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        return self.base_cell.unpack_weights(args)

    def pack_weights(self, args: dict[str, Any]) -> dict[str, Any]:
        return self.base_cell.pack_weights(args)


class ZoneoutCell(ModifierCell):
    """Keep elements of the output and the states as they were before with some probability (Krueger et al., 2016).

    Args:
        base_cell: the cell; one that can be stepped.
        zoneout_outputs, zoneout_states: probabilities.
    Raises: AssertionError for a fused or bidirectional cell.
    """

    def __init__(self, base_cell: BaseRNNCell, zoneout_outputs: float = 0.0, zoneout_states: float = 0.0):
        if isinstance(base_cell, FusedRNNCell):
            raise AssertionError("FusedRNNCell doesn't support zoneout. Please unfuse first.")
        inner = base_cell._cells if isinstance(base_cell, SequentialRNNCell) else [base_cell]
        if any(isinstance(cell, BidirectionalCell) for cell in inner):
            raise AssertionError(
                "BidirectionalCell doesn't support zoneout since it doesn't support step. Please add ZoneoutCell to "
                "the cells underneath instead."
            )
        super().__init__(base_cell)
        self.zoneout_outputs = zoneout_outputs
        self.zoneout_states = zoneout_states

    def reset(self) -> None:
        super().reset()
        self.prev_output: Symbol | None = None

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        def keep(probability: float, new: Symbol, old: Symbol) -> Symbol:
            return symbol.where(symbol.Dropout(symbol.ones_like(new), p=probability), new, old)

        output, next_states = self.base_cell(inputs, states)
        if self.zoneout_outputs:
            before = symbol.zeros((0, 0)) if self.prev_output is None else self.prev_output
            output = keep(self.zoneout_outputs, output, before)
        if self.zoneout_states:
            next_states = [keep(self.zoneout_states, *pair) for pair in zip(next_states, states, strict=True)]
        self.prev_output = output
        return output, next_states


class ResidualCell(ModifierCell):
    """The output of a cell plus its input (He et al., 2015); both have one size.

    Args:
        base_cell: the cell.
    """

    def __init__(self, base_cell: BaseRNNCell):
        super().__init__(base_cell)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        output, states = self.base_cell(inputs, states)
        return self._plus(output, inputs), states

    @staticmethod
    def _plus(output: Symbol, inputs: Symbol) -> Symbol:
        return symbol.elemwise_add(output, inputs, name=f"{output.name}_plus_residual")

    def unroll(
        self, length: int, inputs: Any, begin_state: list[Symbol] | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None,
    ) -> tuple[Any, list[Any]]:  # fmt: skip
        self.reset()
        self.base_cell._modified = False
        try:
            outputs, states = self.base_cell.unroll(
                length, inputs=inputs, begin_state=begin_state, layout=layout, merge_outputs=merge_outputs
            )
        finally:
            self.base_cell._modified = True
        merged = isinstance(outputs, Symbol)
        inputs = _arrange(length, inputs, layout, merged)
        if merged:
            return self._plus(outputs, inputs), states
        return [self._plus(*pair) for pair in zip(outputs, inputs, strict=True)], states


class BaseConvRNNCell(_Gated):
    """Base of cells whose gates are convolutions of their input and their state.

    Args:
        input_shape: of one input, with the batch: (N, C, H, W), or (N, H, W, C) for conv_layout "NHWC".
        num_hidden: channels of the output and each state.
        h2h_kernel, h2h_dilate: of the convolution of the state, which keeps its size; kernels are odd.
        i2h_kernel, i2h_stride, i2h_pad, i2h_dilate: of the convolution of the input.
        i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer: Initializer or name.
        activation: name, or function on symbols.
        prefix: of names.
        params: RNNParams to share.
        conv_layout: "NCHW" or "NHWC".
    Raises: AssertionError for an even h2h_kernel; MXNetError if input_shape doesn't fit.
    """

    def __init__(
        self, input_shape: tuple[int, ...], num_hidden: int, h2h_kernel: tuple[int, int], h2h_dilate: tuple[int, int],
        i2h_kernel: tuple[int, int], i2h_stride: tuple[int, int], i2h_pad: tuple[int, int],
        i2h_dilate: tuple[int, int], i2h_weight_initializer: Any, h2h_weight_initializer: Any,
        i2h_bias_initializer: Any, h2h_bias_initializer: Any, activation: Any, prefix: str = "",
        params: RNNParams | None = None, conv_layout: str = "NCHW",
    ):  # fmt: skip
        BaseRNNCell.__init__(self, prefix=prefix, params=params)
        if any(size % 2 == 0 for size in h2h_kernel):
            raise AssertionError(f"Only support odd number, get h2h_kernel= {h2h_kernel}")
        self._num_hidden, self._input_shape, self._activation = num_hidden, input_shape, activation
        self._conv_layout, self._channel_axis = conv_layout, conv_layout.find("C")
        h2h_pad = tuple(d * (k - 1) // 2 for k, d in zip(h2h_kernel, h2h_dilate, strict=True))
        self._i2h = {"kernel": i2h_kernel, "stride": i2h_stride, "pad": i2h_pad, "dilate": i2h_dilate}
        self._h2h = {"kernel": h2h_kernel, "stride": (1, 1), "pad": h2h_pad, "dilate": h2h_dilate}
        state = symbol.Convolution(symbol.Variable("data"), num_filter=num_hidden, layout=conv_layout, **self._i2h)
        self._state_shape = (0, *state.infer_shape(data=input_shape)[1][0][1:])
        self._iW = self.params.get("i2h_weight", init=i2h_weight_initializer)
        self._hW = self.params.get("h2h_weight", init=h2h_weight_initializer)
        self._iB = self.params.get("i2h_bias", init=i2h_bias_initializer)
        self._hB = self.params.get("h2h_bias", init=h2h_bias_initializer)

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return [{"shape": self._state_shape, "__layout__": self._conv_layout}]

    def _gates(self, inputs: Symbol, state: Symbol, name: str) -> tuple[Symbol, Symbol]:
        num_filter = self._num_hidden * len(self._gate_names)
        shared = {"num_filter": num_filter, "layout": self._conv_layout}
        i2h = symbol.Convolution(inputs, self._iW, self._iB, name=f"{name}i2h", **shared, **self._i2h)
        return i2h, symbol.Convolution(state, self._hW, self._hB, name=f"{name}h2h", **shared, **self._h2h)


class ConvRNNCell(BaseConvRNNCell):
    """`RNNCell` with convolutions. Args: as of `BaseConvRNNCell`."""

    def __init__(
        self, input_shape: tuple[int, ...], num_hidden: int, h2h_kernel: tuple[int, int] = (3, 3),
        h2h_dilate: tuple[int, int] = (1, 1), i2h_kernel: tuple[int, int] = (3, 3),
        i2h_stride: tuple[int, int] = (1, 1), i2h_pad: tuple[int, int] = (1, 1), i2h_dilate: tuple[int, int] = (1, 1),
        i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros", activation: Any = _LEAKY, prefix: str = "ConvRNN_",
        params: RNNParams | None = None, conv_layout: str = "NCHW",
    ):  # fmt: skip
        super().__init__(
            input_shape, num_hidden, h2h_kernel, h2h_dilate, i2h_kernel, i2h_stride, i2h_pad, i2h_dilate,
            i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer, activation,
            prefix, params, conv_layout,
        )  # fmt: skip

    @property
    def _gate_names(self) -> Any:
        return ("",)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        name = self._step_name()
        i2h, h2h = self._gates(inputs, states[0], name)
        output = _activate(i2h + h2h, self._activation, name=f"{name}out")
        return output, [output]


class ConvLSTMCell(BaseConvRNNCell):
    """`LSTMCell` with convolutions (Shi et al., 2015, without peepholes). Args: as of `BaseConvRNNCell`."""

    def __init__(
        self, input_shape: tuple[int, ...], num_hidden: int, h2h_kernel: tuple[int, int] = (3, 3),
        h2h_dilate: tuple[int, int] = (1, 1), i2h_kernel: tuple[int, int] = (3, 3),
        i2h_stride: tuple[int, int] = (1, 1), i2h_pad: tuple[int, int] = (1, 1), i2h_dilate: tuple[int, int] = (1, 1),
        i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros", activation: Any = _LEAKY, prefix: str = "ConvLSTM_",
        params: RNNParams | None = None, conv_layout: str = "NCHW",
    ):  # fmt: skip
        super().__init__(
            input_shape, num_hidden, h2h_kernel, h2h_dilate, i2h_kernel, i2h_stride, i2h_pad, i2h_dilate,
            i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer, activation,
            prefix, params, conv_layout,
        )  # fmt: skip

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return [{"shape": self._state_shape, "__layout__": self._conv_layout} for _ in range(2)]

    @property
    def _gate_names(self) -> Any:
        return ["_i", "_f", "_c", "_o"]

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        name = self._step_name()
        i2h, h2h = self._gates(inputs, states[0], name)
        gates = symbol.SliceChannel(i2h + h2h, num_outputs=4, axis=self._channel_axis, name=f"{name}slice")
        return _lstm_step(gates, states[1], self._activation, name)


class ConvGRUCell(BaseConvRNNCell):
    """`GRUCell` with convolutions. Args: as of `BaseConvRNNCell`."""

    def __init__(
        self, input_shape: tuple[int, ...], num_hidden: int, h2h_kernel: tuple[int, int] = (3, 3),
        h2h_dilate: tuple[int, int] = (1, 1), i2h_kernel: tuple[int, int] = (3, 3),
        i2h_stride: tuple[int, int] = (1, 1), i2h_pad: tuple[int, int] = (1, 1), i2h_dilate: tuple[int, int] = (1, 1),
        i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros", activation: Any = _LEAKY, prefix: str = "ConvGRU_",
        params: RNNParams | None = None, conv_layout: str = "NCHW",
    ):  # fmt: skip
        super().__init__(
            input_shape, num_hidden, h2h_kernel, h2h_dilate, i2h_kernel, i2h_stride, i2h_pad, i2h_dilate,
            i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer, activation,
            prefix, params, conv_layout,
        )  # fmt: skip

    @property
    def _gate_names(self) -> Any:
        return ["_r", "_z", "_o"]

    def _slice(self, gates: Symbol, name: str) -> Symbol:
        axis = {} if self._channel_axis == 1 else {"axis": self._channel_axis}  # 1.9.1 always slices axis 1
        return symbol.SliceChannel(gates, num_outputs=3, name=name, **axis)

    def __call__(self, inputs: Symbol, states: list[Symbol]) -> tuple[Symbol, list[Symbol]]:
        name = self._step_name()
        i2h, h2h = self._gates(inputs, states[0], name)
        i2h, h2h = self._slice(i2h, f"{name}_i2h_slice"), self._slice(h2h, f"{name}_h2h_slice")
        return _gru_step(i2h, h2h, states[0], self._activation, name)
