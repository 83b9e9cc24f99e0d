"""Applies an optimizer to parameters as their gradients come, and keeps the states."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from ..base import MXNetError
from ..context import Context
from ..ndarray import NDArray
from .base import Index, Optimizer, State
from .pickled import safe_loads

__all__ = ["Updater", "get_updater"]


class Updater:
    """A function ``updater(index, grad, weight)``: updates weights with an optimizer, as a key-value store needs it.

    Attributes:
        optimizer: the optimizer.
        states: {index: state}, made at the first update of each parameter.
        states_synced: {index: whether the state is on the device of the weight}.
        aggregate_updates: whether lists of parameters are updated together.
    """

    def __init__(self, optimizer: Optimizer):
        self.optimizer = optimizer
        self.states: dict[Index, State] = {}
        self.states_synced: dict[Index, bool] = {}
        self.aggregate_updates = optimizer.aggregate_num > 0

    def __call__(self, index: Any, grad: Any, weight: Any) -> None:
        """Update a weight with its gradient, or several, given as lists of indices, gradients and weights.

        Raises: MXNetError when the lists differ in length.
        """
        if not isinstance(index, list | tuple):
            state = self._state(index, weight)
            self.optimizer.update_multi_precision(index, weight, grad, state)
            return
        if not len(index) == len(_as_list(grad)) == len(_as_list(weight)):
            raise MXNetError(
                f"Updater: {len(index)} indices, {len(_as_list(grad))} gradients and {len(_as_list(weight))} weights "
                "are given; expected as many of each."
            )
        states = [
            self.states[i] if self.states_synced.get(i) else self._state(i, w)
            for i, w in zip(index, weight, strict=True)
        ]  # fmt: skip
        if not self.aggregate_updates:
            for one in zip(index, weight, grad, states, strict=True):
                self.optimizer.update_multi_precision(*one)
            return
        by_kind: dict[Any, list[int]] = {}
        for position, array in enumerate(weight):
            by_kind.setdefault((array.dtype if array._sparse else array._data.dtype, array._ctx), []).append(position)
        size = self.optimizer.aggregate_num
        for positions in by_kind.values():
            for start in range(0, len(positions), size):
                chunk = positions[start : start + size]
                self.optimizer.update_multi_precision(
                    *([values[i] for i in chunk] for values in (index, weight, grad, states))
                )

    def _state(self, index: Index, weight: NDArray) -> State:
        """The state of a parameter, made when it is new, moved to the device of the weight when it was loaded."""
        if index not in self.states:
            self.states[index] = self.optimizer.create_state_multi_precision(index, weight)
            self.states_synced[index] = True
        elif not self.states_synced[index]:
            self.states[index] = self.sync_state_context(self.states[index], weight.context)
            self.states_synced[index] = True
        return self.states[index]

    def sync_state_context(self, state: State, context: Context) -> State:
        """The state with all its arrays on a device; nothing is copied that is there already."""
        if isinstance(state, NDArray):
            return state.as_in_context(context)
        if isinstance(state, list | tuple):
            return type(state)(self.sync_state_context(item, context) for item in state)
        return state

    def set_states(self, states: bytes) -> None:
        """Take the states, and the optimizer where it is there too, that `get_states` gave, here or in MXNet.

        Raises: MXNetError when the bytes are damaged or name anything but data, arrays, optimizers and
            learning-rate schedules: they can't run code.
        """
        loaded = safe_loads(states)
        optimizer = self.optimizer
        if isinstance(loaded, tuple) and len(loaded) == 2 and isinstance(loaded[1], Optimizer):
            loaded, optimizer = loaded
        if not isinstance(loaded, dict):
            raise MXNetError(f"set_states: the bytes hold a {type(loaded).__name__}; expected a dictionary of states.")
        self.states, self.optimizer = loaded, optimizer
        self.aggregate_updates = optimizer.aggregate_num > 0
        self.states_synced = dict.fromkeys(loaded, False)

    def get_states(self, dump_optimizer: bool = False) -> bytes:
        """The states as bytes, with the optimizer if dump_optimizer; MXNet can read them too."""
        return pickle.dumps((self.states, self.optimizer) if dump_optimizer else self.states, protocol=4)


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def get_updater(optimizer: Optimizer) -> Updater:
    """An `Updater` with this optimizer."""
    return Updater(optimizer)
