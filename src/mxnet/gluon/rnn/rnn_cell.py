"""Recurrent cells: blocks that compute one step of a sequence, and can be unrolled over all of it.

Axes: N batch, T time, C features; a layout such as "NTC" tells their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import ndarray, symbol
from ...base import MXNetError
from ...ndarray import NDArray
from ...symbol import Symbol
from ..block import Block, HybridBlock

__all__ = [
    "BidirectionalCell", "DropoutCell", "GRUCell", "HybridRecurrentCell", "HybridSequentialRNNCell", "LSTMCell",
    "ModifierCell", "RNNCell", "RecurrentCell", "ResidualCell", "SequentialRNNCell", "ZoneoutCell",
]  # fmt: skip

States = list[Any]
_ACTIVATIONS = ("relu", "sigmoid", "softsign", "tanh")  # those that are operators of their own


def _split_steps(length: int | None, inputs: Any, layout: str) -> tuple[list[Any], Any, int, bool]:
    """The inputs of each step, F, the batch size (0 if it is not known), and whether they came as one array.

    Raises: AssertionError, as in MXNet, if length or layout don't fit.
    """
    time, batch = layout.find("T"), layout.find("N")
    if time < 0 or batch < 0:
        raise AssertionError(f"unroll: layout is {layout!r}; expected 'NTC' or 'TNC'")
    if isinstance(inputs, Symbol | NDArray):
        if isinstance(inputs, Symbol):
            if len(inputs) != 1:
                raise AssertionError("unroll: inputs is a group of symbols; pass list(inputs) instead")
            if length is None:
                raise AssertionError("unroll: the length must be given for a symbol")
            steps = symbol.split(inputs, axis=time, num_outputs=length, squeeze_axis=1)
            return list(steps) if length > 1 else [steps], symbol, 0, True
        if length is not None and inputs.shape[time] != length:
            raise AssertionError(
                f"unroll: inputs of shape {inputs.shape} have {inputs.shape[time]} steps in layout {layout}; length is "
                f"{length}"
            )
        steps = ndarray.split(inputs, axis=time, num_outputs=inputs.shape[time], squeeze_axis=1)
        return steps if isinstance(steps, list) else [steps], ndarray, inputs.shape[batch], True
    steps = list(inputs)
    if not steps or (length is not None and len(steps) != length):
        raise AssertionError(f"unroll: {len(steps)} inputs were given; length is {length}")
    if isinstance(steps[0], Symbol):
        return steps, symbol, 0, False
    return steps, ndarray, steps[0].shape[batch - (batch > time)], False


def _joined(F: Any, outputs: Any, layout: str) -> Any:
    """One array from those of all steps."""
    return F.stack(*outputs, axis=layout.find("T")) if isinstance(outputs, list) else outputs


def _first_state(cell: RecurrentCell, F: Any, begin_state: States | None, batch_size: int, like: Any) -> States:
    if begin_state is not None:
        return begin_state
    if F is symbol:
        return cell.begin_state(func=symbol.zeros, batch_size=batch_size)
    return cell.begin_state(func=ndarray.zeros, batch_size=batch_size, ctx=like.context, dtype=like.dtype)


def _mask(F: Any, outputs: Any, layout: str, valid_length: Any, merge: bool | None) -> Any:
    """The outputs in one array, 0 from valid_length on; a list of them if merge is False."""
    time = layout.find("T")
    length = len(outputs) if isinstance(outputs, list) else None
    joined = F.SequenceMask(
        _joined(F, outputs, layout), sequence_length=valid_length, use_sequence_length=True, axis=time
    )
    if merge is False:
        return _split_steps(length, joined, layout)[0]
    return joined


def _reversed(F: Any, steps: list[Any], valid_length: Any) -> list[Any]:
    """The steps in reverse order; with valid_length, only as many as are valid of each example."""
    if valid_length is None:
        return steps[::-1]
    turned = F.SequenceReverse(F.stack(*steps, axis=0), sequence_length=valid_length, use_sequence_length=True)
    return _split_steps(len(steps), turned, "TNC")[0]


class RecurrentCell(Block):
    """The base class of recurrent cells: ``output, new_states = cell(inputs, states)``.

    Subclasses define `state_info` and the computation of one step.
    """

    def __init__(self, prefix: str | None = None, params: Any = None):
        super().__init__(prefix=prefix, params=params)
        self._modified = False
        self.reset()

    def reset(self) -> None:
        """Begin a new sequence: names of steps count from 0 again, and cells forget what they keep between steps."""
        self._init_counter = -1
        self._counter = -1
        for cell in self._children.values():
            if isinstance(cell, RecurrentCell):
                cell.reset()

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """A dictionary with shape and layout for each state; must be overridden."""
        raise NotImplementedError

    def begin_state(
        self, batch_size: int = 0, func: Callable[..., Any] = ndarray.zeros, **kwargs: Any
    ) -> States:
        """States to begin a sequence with.

        Args:
            batch_size: number of sequences; 0 is not known, for symbols.
            func: makes an array or symbol of a shape: `mx.nd.zeros`, `mx.sym.zeros`, `mx.sym.var`, ...
            kwargs: given to func, for example ctx or dtype.
        """
        if self._modified:
            raise AssertionError(
                "After applying modifier cells (e.g. ZoneoutCell) the base cell cannot be called directly. Call the "
                "modifier cell instead."
            )
        states = []
        for info in self.state_info(batch_size):
            self._init_counter += 1
            arguments = {**info, **kwargs}
            if getattr(func, "__module__", "").startswith("mxnet.ndarray"):
                arguments.pop("__layout__", None)  # for symbols only
            else:
                arguments["name"] = f"{self._prefix}begin_state_{self._init_counter}"
            states.append(func(**arguments))
        return states

    def unroll(
        self, length: int, inputs: Any, begin_state: States | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None, valid_length: Any = None,
    ) -> tuple[Any, States]:  # fmt: skip
        """Compute all steps of a sequence.

        Args:
            length: number of steps.
            inputs: one array with axes as layout tells, or a list of the inputs (N, C) of each step; or symbols.
            begin_state: states to begin with; default zeros.
            layout: "NTC" or "TNC".
            merge_outputs: True gives one array with axes as layout tells, False a list with one for each step; None
                gives a list, or with valid_length one array.
            valid_length: (N,) number of steps that count of each sequence; outputs behind them are 0, and the states
                returned are those after the last of them.
        Returns: outputs, and the states after the last step.
        Raises: AssertionError if length and inputs don't fit.
        """
        self.reset()
        steps, F, batch_size, _ = _split_steps(length, inputs, layout)
        states = _first_state(self, F, begin_state, batch_size, steps[0])
        outputs, history = [], []
        for step in steps:
            output, states = self(step, states)
            outputs.append(output)
            if valid_length is not None:
                history.append(states)
        if valid_length is None:
            return (_joined(F, outputs, layout) if merge_outputs else outputs), states
        states = [
            F.SequenceLast(F.stack(*of_steps, axis=0), sequence_length=valid_length, use_sequence_length=True)
            for of_steps in zip(*history)
        ]
        return _mask(F, outputs, layout, valid_length, merge_outputs), states

    def forward(self, inputs: Any, states: States) -> tuple[Any, States]:
        """One step: the output and the new states.

        Args:
            inputs: (N, C).
            states: as `begin_state` gives them.
        """
        self._counter += 1
        if not isinstance(states, list | tuple):
            states = [states]
        if len(states) != len(self.state_info()):
            raise MXNetError(
                f"{self.name}: {len(states)} states were given; expected {len(self.state_info())} (see begin_state)."
            )
        return super().forward(inputs, states)


class HybridRecurrentCell(RecurrentCell, HybridBlock):
    """The base class of recurrent cells with ``hybrid_forward(F, inputs, states, ...)``."""

    def __init__(self, prefix: str | None = None, params: Any = None):
        super().__init__(prefix=prefix, params=params)

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """One step; must be overridden."""
        raise NotImplementedError

    def _step_name(self) -> str:
        return f"t{self._counter}_"


def _activate(F: Any, inputs: Any, activation: Any, name: str) -> Any:
    """Apply an activation given by name, as a block, or as another function of an array."""
    if not isinstance(activation, str):
        return activation(inputs)
    if activation in _ACTIVATIONS:
        return getattr(F, activation)(inputs, name=name)
    return F.Activation(inputs, act_type=activation, name=name)


class _GatedCell(HybridRecurrentCell):
    """What the cells with weights share: a number of gates, each an affine map of inputs and hidden state."""

    _num_gates: int
    _num_states = 1

    def __init__(
        self, hidden_size: int, i2h_weight_initializer: Any, h2h_weight_initializer: Any, i2h_bias_initializer: Any,
        h2h_bias_initializer: Any, input_size: int, prefix: str | None, params: Any,
    ):  # fmt: skip
        super().__init__(prefix=prefix, params=params)
        self._hidden_size = hidden_size
        self._input_size = input_size
        rows = self._num_gates * hidden_size
        for name, shape, init in (
            ("i2h_weight", (rows, input_size), i2h_weight_initializer),
            ("h2h_weight", (rows, hidden_size), h2h_weight_initializer),
            ("i2h_bias", (rows,), i2h_bias_initializer),
            ("h2h_bias", (rows,), h2h_bias_initializer),
        ):
            setattr(self, name, self.params.get(name, shape=shape, init=init, allow_deferred_init=True))

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """One dictionary for each state, of shape (N, hidden_size)."""
        return [{"shape": (batch_size, self._hidden_size), "__layout__": "NC"} for _ in range(self._num_states)]

    def _maps(self, F: Any, inputs: Any, state: Any, parameters: Sequence[Any]) -> tuple[Any, Any]:
        """The affine maps of inputs and hidden state for all gates, (N, num_gates * hidden_size) each."""
        i2h_weight, h2h_weight, i2h_bias, h2h_bias = parameters
        rows, step = self._num_gates * self._hidden_size, self._step_name()
        i2h = F.FullyConnected(inputs, i2h_weight, i2h_bias, num_hidden=rows, name=f"{step}i2h")
        h2h = F.FullyConnected(state, h2h_weight, h2h_bias, num_hidden=rows, name=f"{step}h2h")
        return i2h, h2h

    def _mapping(self) -> str:
        rows, columns = self.i2h_weight.shape
        return f"{columns or None} -> {rows}"

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self._mapping()})"


class RNNCell(_GatedCell):
    """``h' = activation(W_i x + b_i + W_h h + b_h)`` (Elman, 1990).

    Args:
        hidden_size: size of state and output.
        activation: "tanh", "relu" or another name of `Activation`, or a block or function.
        i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer: Initializer or name.
        input_size: size of the input; 0 is settled by the first one.
    Shapes: inputs (N, input_size), states [(N, hidden_size)] -> output (N, hidden_size), states likewise.
    """

    _num_gates = 1

    def __init__(
        self, hidden_size: int, activation: Any = "tanh", i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None, i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros",
        input_size: int = 0, prefix: str | None = None, params: Any = None,
    ):  # fmt: skip
        super().__init__(hidden_size, i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer,
                         h2h_bias_initializer, input_size, prefix, params)  # fmt: skip
        self._activation = activation

    def _alias(self) -> str:
        return "rnn"

    def hybrid_forward(
        self, F: Any, inputs: Any, states: States, i2h_weight: Any, h2h_weight: Any, i2h_bias: Any, h2h_bias: Any
    ) -> tuple[Any, States]:
        i2h, h2h = self._maps(F, inputs, states[0], (i2h_weight, h2h_weight, i2h_bias, h2h_bias))
        total = F.elemwise_add(i2h, h2h, name=f"{self._step_name()}plus0")
        output = _activate(F, total, self._activation, f"{self._step_name()}out")
        return output, [output]

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self._mapping()}, {self._activation})"


class LSTMCell(_GatedCell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), with gates i, f, g, o in this order.

    ``c' = f c + i g`` and ``h' = o activation(c')``, where i, f and o are recurrent_activation and g is activation of
    affine maps of x and h.

    Args: as `RNNCell`, and recurrent_activation, that of the gates.
    Shapes: inputs (N, input_size), states [h, c], each (N, hidden_size) -> output h' (N, hidden_size), states [h', c'].
    """

    _num_gates, _num_states = 4, 2

    def __init__(
        self, hidden_size: int, i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", input_size: int = 0,
        prefix: str | None = None, params: Any = None, activation: Any = "tanh", recurrent_activation: Any = "sigmoid",
    ):  # fmt: skip
        super().__init__(hidden_size, i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer,
                         h2h_bias_initializer, input_size, prefix, params)  # fmt: skip
        self._activation = activation
        self._recurrent_activation = recurrent_activation

    def _alias(self) -> str:
        return "lstm"

    def hybrid_forward(
        self, F: Any, inputs: Any, states: States, i2h_weight: Any, h2h_weight: Any, i2h_bias: Any, h2h_bias: Any
    ) -> tuple[Any, States]:
        step, hidden, cell = self._step_name(), states[0], states[1]
        i2h, h2h = self._maps(F, inputs, hidden, (i2h_weight, h2h_weight, i2h_bias, h2h_bias))
        total = F.elemwise_add(i2h, h2h, name=f"{step}plus0")
        gates = F.SliceChannel(total, num_outputs=4, name=f"{step}slice")
        take_in = _activate(F, gates[0], self._recurrent_activation, f"{step}i")
        keep = _activate(F, gates[1], self._recurrent_activation, f"{step}f")
        new = _activate(F, gates[2], self._activation, f"{step}c")
        show = _activate(F, gates[3], self._recurrent_activation, f"{step}o")
        kept = F.elemwise_mul(keep, cell, name=f"{step}mul0")
        cell = F.elemwise_add(kept, F.elemwise_mul(take_in, new, name=f"{step}mul1"), name=f"{step}state")
        if isinstance(self._activation, str):
            shown = F.Activation(cell, act_type=self._activation, name=f"{step}activation0")
        else:
            shown = self._activation(cell)
        hidden = F.elemwise_mul(show, shown, name=f"{step}out")
        return hidden, [hidden, cell]


class GRUCell(_GatedCell):
    """Gated recurrent unit (Cho et al., 2014), with gates r, z, n in this order.

    ``h' = (1 - z) n + z h`` with ``n = tanh(W_in x + b_in + r (W_hn h + b_hn))``, and r and z sigmoids of affine maps
    of x and h.

    Args: as `RNNCell`, without activation.
    Shapes: inputs (N, input_size), states [(N, hidden_size)] -> output (N, hidden_size), states likewise.
    """

    _num_gates = 3

    def __init__(
        self, hidden_size: int, i2h_weight_initializer: Any = None, h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros", h2h_bias_initializer: Any = "zeros", input_size: int = 0,
        prefix: str | None = None, params: Any = None,
    ):  # fmt: skip
        super().__init__(hidden_size, i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer,
                         h2h_bias_initializer, input_size, prefix, params)  # fmt: skip

    def _alias(self) -> str:
        return "gru"

    def hybrid_forward(
        self, F: Any, inputs: Any, states: States, i2h_weight: Any, h2h_weight: Any, i2h_bias: Any, h2h_bias: Any
    ) -> tuple[Any, States]:
        step, hidden = self._step_name(), states[0]
        i2h, h2h = self._maps(F, inputs, hidden, (i2h_weight, h2h_weight, i2h_bias, h2h_bias))
        i2h = F.SliceChannel(i2h, num_outputs=3, name=f"{step}i2h_slice")
        h2h = F.SliceChannel(h2h, num_outputs=3, name=f"{step}h2h_slice")

        def gate(number: int, h2h: Any, act_type: str, name: str) -> Any:
            total = F.elemwise_add(i2h[number], h2h, name=f"{step}plus{number}")
            return F.Activation(total, act_type=act_type, name=f"{step}{name}_act")

        reset = gate(0, h2h[0], "sigmoid", "r")
        update = gate(1, h2h[1], "sigmoid", "z")
        new = gate(2, F.elemwise_mul(reset, h2h[2], name=f"{step}mul0"), "tanh", "h")
        take = F.elemwise_sub(F.ones_like(update, name=f"{step}ones_like0"), update, name=f"{step}minus0")
        taken = F.elemwise_mul(take, new, name=f"{step}mul1")
        hidden = F.elemwise_add(taken, F.elemwise_mul(update, hidden, name=f"{step}mul20"), name=f"{step}out")
        return hidden, [hidden]


class _CellStack(RecurrentCell):
    """Cells on top of each other: each takes the output of the one before, and its own part of the states."""

    def add(self, cell: RecurrentCell) -> None:
        """Append a cell."""
        self.register_child(cell)

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The states of all cells, in order."""
        return [info for cell in self._children.values() for info in cell.state_info(batch_size)]

    def begin_state(self, **kwargs: Any) -> States:
        """The states of all cells, in order; arguments, given by name, as those of `RecurrentCell.begin_state`."""
        if self._modified:
            raise AssertionError(
                "After applying modifier cells (e.g. ZoneoutCell) the base cell cannot be called directly. Call the "
                "modifier cell instead."
            )
        kwargs.setdefault("func", ndarray.zeros)
        return [state for cell in self._children.values() for state in cell.begin_state(**kwargs)]

    def _parts(self, states: States) -> list[States]:
        """The states of each cell."""
        parts, start = [], 0
        for cell in self._children.values():
            end = start + len(cell.state_info())
            parts.append(states[start:end])
            start = end
        return parts

    def _step(self, inputs: Any, states: States) -> tuple[Any, States]:
        new_states: States = []
        for cell, part in zip(self._children.values(), self._parts(states)):
            if isinstance(cell, BidirectionalCell):
                raise AssertionError("a BidirectionalCell can't compute one step; use unroll")
            inputs, part = cell(inputs, part)
            new_states += part
        return inputs, new_states

    def unroll(
        self, length: int, inputs: Any, begin_state: States | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None, valid_length: Any = None,
    ) -> tuple[Any, States]:  # fmt: skip
        """Compute all steps, cell by cell; see `RecurrentCell.unroll`."""
        self.reset()
        steps, F, batch_size, _ = _split_steps(length, inputs, layout)
        if begin_state is None:
            begin_state = _first_state(self, F, None, batch_size, steps[0])
        cells, states = list(self._children.values()), []
        for number, (cell, part) in enumerate(zip(cells, self._parts(begin_state))):
            merge = merge_outputs if number == len(cells) - 1 else None
            inputs, part = cell.unroll(length, inputs, part, layout, merge, valid_length)
            states += part
        return inputs, states

    def __len__(self) -> int:
        return len(self._children)

    def __getitem__(self, i: int) -> RecurrentCell:
        return list(self._children.values())[i]

    def __repr__(self) -> str:
        rows = [f"({key}): " + repr(cell).replace("\n", "\n  ") for key, cell in self._children.items()]
        return f"{self.__class__.__name__}(\n" + "\n".join(rows) + "\n)"


class SequentialRNNCell(_CellStack):
    """Cells on top of each other.

    >>> cell = rnn.SequentialRNNCell()
    >>> cell.add(rnn.LSTMCell(100))
    >>> cell.add(rnn.DropoutCell(0.5))
    """

    def __init__(self, prefix: str | None = None, params: Any = None):
        super().__init__(prefix=prefix, params=params)

    def forward(self, inputs: Any, states: States) -> tuple[Any, States]:
        """One step of all cells."""
        self._counter += 1
        return self._step(inputs, states)

    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Not used: the cells compute one after the other."""
        raise NotImplementedError


class HybridSequentialRNNCell(_CellStack, HybridRecurrentCell):
    """Cells on top of each other, all of them hybrid; hybridized, they form one graph."""

    def __init__(self, prefix: str | None = None, params: Any = None):
        super().__init__(prefix=prefix, params=params)

    def hybrid_forward(self, F: Any, inputs: Any, states: States) -> tuple[Any, States]:
        return self._step(inputs, states)


class DropoutCell(HybridRecurrentCell):
    """Dropout of the input, with probability rate; axes are those along which one draw is shared. It has no state."""

    def __init__(self, rate: float, axes: tuple[int, ...] = (), prefix: str | None = None, params: Any = None):
        super().__init__(prefix=prefix, params=params)
        if not isinstance(rate, int | float):
            raise AssertionError(f"rate must be a number; it is {rate!r}")
        self._rate = rate
        self._axes = axes

    def _alias(self) -> str:
        return "dropout"

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """There are no states."""
        return []

    def hybrid_forward(self, F: Any, inputs: Any, states: States) -> tuple[Any, States]:
        if self._rate > 0:
            inputs = F.Dropout(data=inputs, p=self._rate, axes=self._axes, name=f"{self._step_name()}fwd")
        return inputs, states

    def unroll(
        self, length: int, inputs: Any, begin_state: States | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None, valid_length: Any = None,
    ) -> tuple[Any, States]:  # fmt: skip
        """Dropout of all steps; see `RecurrentCell.unroll`. merge_outputs None keeps the form of the inputs.

        valid_length has no meaning here.
        """
        self.reset()
        steps, F, _, whole = _split_steps(length, inputs, layout)
        if (whole and merge_outputs is not False) or merge_outputs:
            joined = inputs if whole else _joined(F, steps, layout)
            return self.hybrid_forward(F, joined, begin_state if begin_state else [])
        return super().unroll(length, inputs, begin_state, layout, merge_outputs)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(rate={self._rate}, axes={self._axes})"


class ModifierCell(HybridRecurrentCell):
    """The base class of cells that change what another cell, base_cell, does. The parameters are those of base_cell.

    base_cell can't be called directly any more.
    """

    def __init__(self, base_cell: HybridRecurrentCell):
        base_cell._modified = True
        super().__init__(prefix=base_cell.prefix + self._alias(), params=None)
        self.base_cell = base_cell

    @property
    def params(self) -> Any:
        """The parameters of base_cell."""
        return self.base_cell.params

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The states of base_cell."""
        return self.base_cell.state_info(batch_size)

    def begin_state(self, func: Callable[..., Any] = symbol.zeros, **kwargs: Any) -> States:
        """The states of base_cell; see `RecurrentCell.begin_state`. As in MXNet, func makes symbols by default."""
        if self._modified:
            raise AssertionError(
                "After applying modifier cells (e.g. DropoutCell) the base cell cannot be called directly. Call the "
                "modifier cell instead."
            )
        self.base_cell._modified = False
        try:
            return self.base_cell.begin_state(func=func, **kwargs)
        finally:
            self.base_cell._modified = True

    def hybrid_forward(self, F: Any, inputs: Any, states: States) -> Any:
        """One step; must be overridden."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.base_cell})"


class ZoneoutCell(ModifierCell):
    """While training, keep elements of the output and the states from the step before (Krueger et al., 2016).

    zoneout_outputs and zoneout_states are the probabilities of keeping them.
    Raises: AssertionError for a BidirectionalCell.
    """

    def __init__(
        self, base_cell: HybridRecurrentCell, zoneout_outputs: float = 0.0, zoneout_states: float = 0.0
    ):
        if isinstance(base_cell, BidirectionalCell):
            raise AssertionError(
                "BidirectionalCell doesn't support zoneout since it doesn't support step. Please add ZoneoutCell to "
                "the cells underneath instead."
            )
        super().__init__(base_cell)
        self.zoneout_outputs = zoneout_outputs
        self.zoneout_states = zoneout_states

    def _alias(self) -> str:
        return "zoneout"

    def reset(self) -> None:
        """Begin a new sequence; see `RecurrentCell.reset`."""
        super().reset()
        self._prev_output: Any = None

    def hybrid_forward(self, F: Any, inputs: Any, states: States) -> tuple[Any, States]:
        output, new_states = self.base_cell(inputs, states)

        def mix(rate: float, new: Any, old: Any) -> Any:
            return F.where(F.Dropout(F.ones_like(new), p=rate), new, old)

        if self.zoneout_outputs:
            previous = F.zeros_like(output) if self._prev_output is None else self._prev_output
            output = mix(self.zoneout_outputs, output, previous)
        if self.zoneout_states:
            new_states = [mix(self.zoneout_states, new, old) for new, old in zip(new_states, states)]
        self._prev_output = output
        return output, new_states

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}(p_out={self.zoneout_outputs}, p_state={self.zoneout_states}, {self.base_cell})"
        )


class ResidualCell(ModifierCell):
    """Add the input to the output of base_cell (Wu et al., 2016); both have one size."""

    def __init__(self, base_cell: HybridRecurrentCell):
        super().__init__(base_cell)

    def hybrid_forward(self, F: Any, inputs: Any, states: States) -> tuple[Any, States]:
        output, states = self.base_cell(inputs, states)
        return F.elemwise_add(output, inputs, name=f"{self._step_name()}fwd"), states

    def unroll(
        self, length: int, inputs: Any, begin_state: States | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None, valid_length: Any = None,
    ) -> tuple[Any, States]:  # fmt: skip
        """Compute all steps; see `RecurrentCell.unroll`."""
        self.reset()
        self.base_cell._modified = False
        try:
            outputs, states = self.base_cell.unroll(length, inputs, begin_state, layout, merge_outputs, valid_length)
        finally:
            self.base_cell._modified = True
        steps, F, _, whole = _split_steps(length, inputs, layout)
        if valid_length is not None:
            merged = _mask(F, inputs if whole else steps, layout, valid_length, True)
            steps, inputs, whole = _split_steps(length, merged, layout)[0], merged, True
        if isinstance(outputs, list):
            return [output + step for output, step in zip(outputs, steps)], states
        return outputs + (inputs if whole else _joined(F, steps, layout)), states


class BidirectionalCell(HybridRecurrentCell):
    """One cell runs forward, another backward; the output of a step is that of both, joined along the last axis.

    It can be unrolled only, not called for one step.

    Args:
        l_cell, r_cell: the cell that runs forward, and the one that runs backward.
        output_prefix: of the names of outputs.
    """

    def __init__(self, l_cell: HybridRecurrentCell, r_cell: HybridRecurrentCell, output_prefix: str = "bi_"):
        super().__init__(prefix="", params=None)
        self.register_child(l_cell, "l_cell")
        self.register_child(r_cell, "r_cell")
        self._output_prefix = output_prefix

    def forward(self, inputs: Any, states: States) -> Any:
        """Not possible. Raises: NotImplementedError."""
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def state_info(self, batch_size: int = 0) -> list[dict[str, Any]]:
        """The states of both cells."""
        return [info for cell in self._children.values() for info in cell.state_info(batch_size)]

    def begin_state(self, **kwargs: Any) -> States:
        """The states of both cells; arguments, given by name, as those of `RecurrentCell.begin_state`."""
        if self._modified:
            raise AssertionError(
                "After applying modifier cells (e.g. DropoutCell) the base cell cannot be called directly. Call the "
                "modifier cell instead."
            )
        kwargs.setdefault("func", ndarray.zeros)
        return [state for cell in self._children.values() for state in cell.begin_state(**kwargs)]

    def unroll(
        self, length: int, inputs: Any, begin_state: States | None = None, layout: str = "NTC",
        merge_outputs: bool | None = None, valid_length: Any = None,
    ) -> tuple[Any, States]:  # fmt: skip
        """Compute all steps in both directions; see `RecurrentCell.unroll`."""
        self.reset()
        steps, F, batch_size, _ = _split_steps(length, inputs, layout)
        states = _first_state(self, F, begin_state, batch_size, steps[0])
        l_cell, r_cell = self._children.values()
        split = len(l_cell.state_info(batch_size))
        l_outputs, l_states = l_cell.unroll(length, steps, states[:split], layout, False, valid_length)
        r_outputs, r_states = r_cell.unroll(
            length, _reversed(F, steps, valid_length), states[split:], layout, False, valid_length
        )
        outputs = [
            F.concat(left, right, dim=1, name=f"{self._output_prefix}t{number}")
            for number, (left, right) in enumerate(zip(l_outputs, _reversed(F, r_outputs, valid_length)))
        ]
        if merge_outputs or (merge_outputs is None and valid_length is not None):
            return _joined(F, outputs, layout), [*l_states, *r_states]
        return outputs, [*l_states, *r_states]

    def __repr__(self) -> str:
        l_cell, r_cell = self._children.values()
        return f"{self.__class__.__name__}(forward={l_cell}, backward={r_cell})"
