"""Turning a ``forward`` method on arrays into a graph, by running it once and watching the operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from .. import autograd
from ..base import MXNetError, users_line
from ..ndarray import NDArray
from ..ndarray.recording import STATE
from ..ops.registry import Attrs, Operator
from ..symbol import Symbol
from ..symbol.symbol import compose


class Tracer:
    """Maps arrays to symbols while a forward method runs."""

    def __init__(self, inputs: Sequence[NDArray], variables: Sequence[Symbol]):
        self._symbols = {id(array): variable for array, variable in zip(inputs, variables, strict=True)}
        self._alive: list[Any] = list(inputs)
        self.recording, self.training = STATE.recording, STATE.training  # of the call that the graph is made for

    def symbol_of(self, array: NDArray) -> Symbol:
        """The symbol for an array of the traced computation.

        Raises: MXNetError for an array made outside it.
        """
        found = self._symbols.get(id(array))
        if found is None:
            self.refuse(
                "an array that was made outside of the block",
                "pass it as an input, or make it a parameter or constant (self.params.get_constant)",
            )
        return found

    def parameter(self, parameter: Any, array: NDArray) -> None:
        """Note that an array holds the values of a parameter."""
        self._symbols[id(array)] = parameter.var()
        self._alive.append(array)

    def record(self, op: Operator, arrays: Sequence[Any], attrs: Attrs, outputs: Sequence[NDArray]) -> None:
        """Note an operator call."""
        inputs = [None if array is None else self.symbol_of(array) for array in arrays]
        given = {key: value for key, value in attrs.items() if key not in op.defaults or value != op.defaults[key]}
        result = compose(op, inputs, given, hint=op.name.lower())
        for position, array in enumerate(outputs):
            self._symbols[id(array)] = result[position]
            self._alive.append(array)

    def refuse(self, what: str, remedy: str) -> NoReturn:
        """Stop: a graph can't hold this.

        Raises: MXNetError naming the user's line.
        """
        raise MXNetError(
            f"{users_line()}: a hybridized forward can't use {what}: its result would be frozen into the graph. "
            f"Remedy: {remedy}; or don't hybridize this block."
        )


def trace_forward(block: Any, args: Sequence[Any], flat: Sequence[Any], inputs: Sequence[Symbol | None]) -> Any:
    """The symbols that block.forward returns, from running it on arrays; nothing is recorded or trained.

    Args:
        args: the arguments of forward.
        flat: the arrays among them.
        inputs: the variable for each of these.
    """
    present = [(array, variable) for array, variable in zip(flat, inputs, strict=True) if array is not None]
    tracer = Tracer([array for array, _ in present], [variable for _, variable in present])  # type: ignore[misc]
    STATE.set_tracer(tracer)
    try:
        with autograd.pause(train_mode=False):
            out = block.forward(*args)
    finally:
        STATE.set_tracer(None)
    return _symbols(out, tracer)


def _symbols(out: Any, tracer: Tracer) -> Any:
    if isinstance(out, list | tuple):
        return [_symbols(item, tracer) for item in out]
    return None if out is None else tracer.symbol_of(out)
