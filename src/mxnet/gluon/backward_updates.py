"""Updating parameters during backward, as soon as their gradients are there: `Trainer(update_in_backward=...)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import autograd
from ..base import MXNetError
from ..context import Context
from ..ndarray import NDArray, zeros
from ..ndarray.invoke import wrap
from ..ndarray.sparse_gradients import store
from .parameter import Parameter

#: settings of optimizers that must be the same in `step` as they were in backward
_SETTINGS = ("lr", "wd", "momentum", "clip_gradient", "rescale_grad")
_WHAT = "Trainer(update_in_backward=...)"


class BackwardUpdates:
    """What a Trainer does during backward.

    batch_size  gradients are divided by it
    """

    def __init__(self, trainer: Any, batch_size: float):
        self._trainer = trainer
        self.batch_size = batch_size
        self._used: tuple[float, dict[str, Any]] | None = None  # batch size and settings of updates since the last step
        self._pass = -1  # torch's number of the backward pass that the collected gradients belong to
        self._collected: dict[int, Any] = {}

    @property
    def takes_early(self) -> bool:
        """Whether the optimizer updates each parameter apart from the others."""
        return bool(self._trainer._optimizer.updates_in_any_order)

    def ready(self) -> bool:
        """Whether the updates of a backward pass that begins now give the same numbers in any order.

        A schedule looks at the largest number of updates so far, so all parameters must have had equally many.
        """
        optimizer = self._trainer._optimizer
        if not self.takes_early:
            return False
        counts, first = optimizer._index_update_count, optimizer.begin_num_update
        numbers = (i for i, parameter in enumerate(self._trainer._params) if parameter.grad_req != "null")
        return optimizer.lr_scheduler is None or len({counts.get(number, first) for number in numbers}) <= 1

    def update(self, indices: list[int], gradients: list[Any]) -> None:
        """Update parameters, as `Trainer.step` does."""
        trainer = self._trainer
        arrays = [trainer._params[index]._data[0] for index in indices]
        for index, array in zip(indices, arrays, strict=True):
            if array._fresh_grad:
                raise MXNetError(
                    f"backward: Parameter '{trainer._params[index].name}' has been updated by an earlier backward "
                    f"since the last step of its {_WHAT}. Call trainer.step after each backward; to add up gradients "
                    "of several, use a Trainer without update_in_backward and grad_req='add'."
                )
        trainer._optimizer.rescale_grad = trainer._scale / self.batch_size
        with autograd.pause():
            trainer._updaters[0](indices, gradients, arrays)
        for array in arrays:
            array._fresh_grad = True
        self._used = self.batch_size, self._settings()

    def collect(self, index: int, gradient: Any) -> None:
        """Keep a gradient until the end of the backward pass that runs now."""
        number = torch._C._current_graph_task_id()
        if number != self._pass:
            self._pass, self._collected = number, {}
            torch.autograd.Variable._execution_engine.queue_callback(self._update_collected)  # type: ignore[attr-defined]
        self._collected[index] = gradient

    def _update_collected(self) -> None:
        collected, self._collected, self._pass = self._collected, {}, -1
        indices = sorted(collected)
        self.update(indices, [collected[index] for index in indices])

    def _settings(self) -> dict[str, Any]:
        optimizer = self._trainer._optimizer
        return {name: getattr(optimizer, name) for name in _SETTINGS if hasattr(optimizer, name)}

    def finish(self, batch_size: float) -> None:
        """At `Trainer.step`: check that it asks for the updates that backward made.

        Raises: MXNetError if batch size or settings of the optimizer are others.
        """
        used, self._used = self._used, None
        if used is None:
            return
        if used[0] != batch_size:
            raise MXNetError(
                f"Trainer.step: the batch size is {batch_size}, but backward has divided the gradients by {used[0]} "
                "and updated the parameters, as update_in_backward says. Set trainer.update_in_backward = "
                f"{batch_size} before the backward of such a batch."
            )
        for name, value in self._settings().items():
            if value != used[1][name]:
                raise MXNetError(
                    f"Trainer.step: {name} of the optimizer is {value!r}, but backward has updated the parameters with "
                    f"{used[1][name]!r}. With update_in_backward, change it before backward."
                )


class ParameterUpdate:
    """Takes the gradients of one parameter for the Trainer that updates it; see `mxnet.taken_gradients`."""

    def __init__(self, updates: BackwardUpdates, index: int, parameter: Parameter):
        self._updates = updates
        self._index = index
        self._parameter = parameter
        self.check(parameter, parameter.grad_req, parameter.list_ctx())

    @staticmethod
    def check(parameter: Parameter, req: str, contexts: Sequence[Context]) -> None:
        """Raise MXNetError for what can't be updated during backward."""
        if req == "add":
            raise MXNetError(
                f"{_WHAT}: Parameter '{parameter.name}' has grad_req='add', which adds up the gradients of several "
                "backward calls before an update. Use a Trainer without update_in_backward."
            )
        if len(contexts) > 1:
            raise MXNetError(
                f"{_WHAT}: Parameter '{parameter.name}' is on several devices, {', '.join(map(str, contexts))}, whose "
                "gradients are joined after backward. Use a Trainer without update_in_backward."
            )

    @property
    def takes_early(self) -> bool:
        """Whether gradients may come one by one."""
        return self._updates.takes_early and self._parameter.grad_stype == "default"

    def ready(self) -> bool:
        """The same for the backward pass that begins now."""
        return self._updates.ready()

    def take(self, gradient: Tensor) -> None:
        """Update the parameter now."""
        self._updates.update([self._index], [self._array_of(gradient)])

    def take_at_end(self, gradient: Tensor) -> None:
        """Update the parameter at the end of backward."""
        self._updates.collect(self._index, self._array_of(gradient))

    def _array_of(self, gradient: Tensor) -> Any:
        parameter = self._parameter
        assert parameter._data is not None
        array = parameter._data[0]
        if parameter.grad_stype == "default" and not gradient.is_sparse:
            return wrap(NDArray, gradient.contiguous(), array.context)
        stored = zeros(array.shape, ctx=array.context, dtype=array.dtype, stype=parameter.grad_stype)
        store(stored, gradient, False)
        return stored
