"""Trainer: an optimizer applied to parameters, on one or several devices."""

from __future__ import annotations

import numbers
from typing import Any

from .. import kvstore as kvstores
from .. import optimizer as optimizers
from ..base import MXNetError
from ..context import Context
from ..files import replace_atomically
from .backward_updates import BackwardUpdates, ParameterUpdate
from .parameter import Parameter, ParameterDict

__all__ = ["Trainer"]


class Trainer:
    """Applies an optimizer to parameters after `backward`.

    Args:
        params: ParameterDict (`net.collect_params()`), dict or list of parameters.
        optimizer: Optimizer or its name.
        optimizer_params: arguments of a named optimizer.
        kvstore: KVStore, its name ("device", "local", ...) or None; joins gradients from several devices.
        compression_params: gradient compression; not supported yet.
        update_on_kvstore: whether the optimizer runs in the store; default False on one device.
        update_in_backward: the batch size that gradients are divided by. `backward` then updates each parameter, and
            no gradient is kept: in a block hybridized with static_alloc as soon as its gradient is there and nothing
            reads the parameter any more, elsewhere at the end of backward. The numbers are those of an ordinary
            Trainer. `step` must still be called after each backward; it checks the batch size. The learning rate and
            other settings are changed before backward. On one device, without a kvstore and grad_req="add".
    Raises: ValueError for other params; MXNetError for what is not supported.
    """

    def __init__(
        self, params: Any, optimizer: Any, optimizer_params: dict[str, Any] | None = None, kvstore: Any = "device",
        compression_params: dict[str, Any] | None = None, update_on_kvstore: bool | None = None,
        update_in_backward: float | None = None,
    ):  # fmt: skip
        if isinstance(params, dict | ParameterDict):
            params = [params[name] for name in sorted(params.keys())]
        if not isinstance(params, list | tuple):
            raise ValueError(
                f"First argument must be a list or dict of Parameters, got {type(params)}."
            )
        if compression_params:
            raise MXNetError("Trainer: gradient compression is not supported yet (docs/status.md).")
        self._params: list[Parameter] = []
        self._param2idx: dict[str, int] = {}
        for index, parameter in enumerate(params):
            if not isinstance(parameter, Parameter):
                raise ValueError(f"First argument must be a list or dict of Parameters, got list of {type(parameter)}.")
            self._param2idx[parameter.name] = index
            self._params.append(parameter)
            if parameter._stype != "default" and parameter._trainer not in (None, self):
                raise RuntimeError(
                    f"Failed to set the trainer for Parameter '{parameter.name}' because it was already set. More "
                    "than one trainers for a row_sparse Parameter is not supported."
                )
            parameter._trainer = self
        optimizer_params = optimizer_params or {}
        self._scale = float(optimizer_params.get("rescale_grad", 1.0))
        self._contexts = self._check_contexts()
        self._init_optimizer(optimizer, optimizer_params)
        self._kvstore_params = {"kvstore": kvstore, "update_on_kvstore": update_on_kvstore}
        self._kv_initialized = False
        self._kvstore: Any = None
        self._update_on_kvstore: bool | None = None
        self._to_store: list[Parameter] = []  # those that the kvstore doesn't hold yet
        self._in_backward: BackwardUpdates | None = None
        self.update_in_backward = update_in_backward

    @property
    def update_in_backward(self) -> float | None:
        """The batch size that backward divides gradients by when it updates parameters; None: `step` updates them.

        It may be set before a backward pass, for example for a last batch that is smaller.

        Raises: MXNetError for no such number, several devices, a kvstore or grad_req="add".
        """
        return None if self._in_backward is None else self._in_backward.batch_size

    @update_in_backward.setter
    def update_in_backward(self, batch_size: float | None) -> None:
        if batch_size is None:
            self._in_backward = None
            for parameter in self._params:
                parameter._hand_over(None)
            return
        if isinstance(batch_size, bool) or not isinstance(batch_size, numbers.Real) or not batch_size > 0:
            raise MXNetError(
                f"Trainer: update_in_backward is {batch_size!r}; expected the batch size, by which gradients are "
                "divided, or None."
            )
        if self._in_backward is not None:
            self._in_backward.batch_size = batch_size  # type: ignore[assignment]
            return
        kvstore, on_store = self._kvstore_params["kvstore"], self._kvstore_params["update_on_kvstore"]
        sparse = [parameter.name for parameter in self._params if parameter._stype != "default"]
        if on_store or sparse or not (kvstore is None or (isinstance(kvstore, str) and "dist" not in kvstore)):
            why = f"row_sparse parameters ({', '.join(sparse)}) are kept in one" if sparse else (
                f"kvstore is {kvstore!r}, update_on_kvstore is {on_store!r}"
            )  # fmt: skip
            raise MXNetError(f"Trainer: update_in_backward can't be used with a kvstore: {why}. Leave one of them out.")
        updates = BackwardUpdates(self, batch_size)  # type: ignore[arg-type]
        takers = [ParameterUpdate(updates, index, parameter) for index, parameter in enumerate(self._params)]
        self._in_backward = updates
        for parameter, taker in zip(self._params, takers, strict=True):
            parameter._hand_over(taker)

    def _check_contexts(self) -> list[Context]:
        contexts: list[Context] | None = None
        for parameter in self._params:
            own = parameter.list_ctx()
            if contexts is not None and contexts != own:
                raise AssertionError(
                    "All Parameters must be initialized on the same set of contexts, but Parameter "
                    f"{parameter.name} is initialized on {own} while previous Parameters are initialized on {contexts}."
                )
            contexts = own
        return contexts or []

    def _init_optimizer(self, optimizer: Any, optimizer_params: dict[str, Any]) -> None:
        by_index = dict(enumerate(self._params))
        if isinstance(optimizer, optimizers.Optimizer):
            if optimizer_params:
                raise AssertionError(
                    "optimizer_params must be None if optimizer is an instance of Optimizer instead of str"
                )
            self._optimizer = optimizer
            self._optimizer.param_dict = by_index
        else:
            self._optimizer = optimizers.create(optimizer, param_dict=by_index, **optimizer_params)
        self._updaters = [optimizers.get_updater(self._optimizer) for _ in self._contexts]

    def _init_kvstore(self) -> None:
        """Decide, at the first step, how devices work together."""
        kvstore, on_store = self._kvstore_params["kvstore"], self._kvstore_params["update_on_kvstore"]
        several = len(self._contexts) > 1
        sparse = any(parameter._stype != "default" for parameter in self._params)
        if sparse and not isinstance(kvstore, str | kvstores.KVStoreBase):
            raise TypeError(
                f"Cannot create '{kvstore}' KVStore with row_sparse parameters. The type must be KVStore or str."
            )
        if sparse and on_store is False:
            raise ValueError("Cannot set update_on_kvstore=False when sparse weights are present.")
        if not sparse and (kvstore is None or (isinstance(kvstore, str) and not several and "dist" not in kvstore)):
            if on_store:
                raise ValueError("Cannot set update_on_kvstore=True when there is no kvstore.")
            self._kvstore, self._update_on_kvstore = None, False
        else:
            self._kvstore = kvstores.create(kvstore) if isinstance(kvstore, str) else kvstore
            # Sparse gradients of dense weights are better summed in the store and used on each device.
            prefer = several and all(parameter._grad_stype == "default" for parameter in self._params)
            self._update_on_kvstore = sparse or (prefer if on_store is None else bool(on_store))
            self._to_store = list(self._params)
            self._fill_kvstore()
            if self._update_on_kvstore:
                self._kvstore.set_optimizer(self._optimizer)
        self._kv_initialized = True

    def _fill_kvstore(self) -> None:
        """Give the kvstore the first values of parameters whose shape is known."""
        waiting = []
        for parameter in self._to_store:
            if parameter._deferred_init:
                waiting.append(parameter)
                continue
            index = self._param2idx[parameter.name]
            arrays = parameter._checked(parameter._data)
            self._kvstore.init(index, arrays[0])
            if parameter._stype == "default":
                self._kvstore.pull(index, arrays, priority=-index)  # all devices start alike
        self._to_store = waiting

    def _row_sparse_pull(self, parameter: Parameter, out: list[Any], row_id: Any) -> None:
        """Fetch rows of a row_sparse parameter from the kvstore into arrays; all rows if row_id is None."""
        if not self._kv_initialized:
            self._init_kvstore()
        self._fill_kvstore()
        index = self._param2idx[parameter.name]
        if row_id is None:
            self._kvstore.pull(index, out=out, priority=-index, ignore_sparse=False)
        else:
            self._kvstore.row_sparse_pull(index, out=out, row_ids=row_id, priority=-index)

    def _set_stored(self, parameter: Parameter, data: Any) -> None:
        """Give the kvstore, if it is in use, another value of a row_sparse parameter."""
        if self._kv_initialized and parameter not in self._to_store:
            self._kvstore._set_value(self._param2idx[parameter.name], data)

    @property
    def learning_rate(self) -> float:
        """The current learning rate."""
        if not isinstance(self._optimizer, optimizers.Optimizer):
            raise UserWarning("Optimizer has to be defined before its learning rate can be accessed.")
        return self._optimizer.learning_rate

    @property
    def optimizer(self) -> Any:
        """The optimizer."""
        return self._optimizer

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate.

        Raises: UserWarning if the optimizer has a schedule.
        """
        self._optimizer.set_learning_rate(lr)

    def _check_and_rescale_grad(self, scale: float) -> None:
        distributed = self._kvstore is not None and "dist" in self._kvstore.type  # the servers have copies of it
        if self._update_on_kvstore and distributed and self._optimizer.rescale_grad != scale:
            raise UserWarning(
                "Possible change in the `batch_size` from previous `step` detected. Optimizer gradient normalizing "
                "factor "
                "will not change w.r.t new batch_size when update_on_kvstore=True"
            )
        self._optimizer.rescale_grad = scale

    def step(self, batch_size: float, ignore_stale_grad: bool = False) -> None:
        """Join the gradients of all devices and update the parameters.

        With `update_in_backward`, backward has updated them, and this ends the step.

        Args:
            batch_size: gradients are divided by it.
            ignore_stale_grad: skip parameters without a new gradient since the last step, instead of raising.
        Raises: UserWarning for such a parameter; MXNetError if backward used another batch size or learning rate.
        """
        if self._in_backward is not None:
            self._in_backward.finish(batch_size)
        self._check_and_rescale_grad(self._scale / batch_size)
        if not self._kv_initialized:
            self._init_kvstore()
        self._allreduce_grads()
        self._update(ignore_stale_grad)

    def allreduce_grads(self) -> None:
        """Join the gradients of all devices, without an update.

        Raises: AssertionError if the optimizer runs in the store.
        """
        if not self._kv_initialized:
            self._init_kvstore()
        if self._kvstore and self._update_on_kvstore:
            raise AssertionError(
                "allreduce_grads() when parameters are updated on kvstore is not supported. Try setting "
                "`update_on_kvstore` to False when creating trainer."
            )
        self._allreduce_grads()

    def _allreduce_grads(self) -> None:
        if self._kvstore is None:
            return
        self._fill_kvstore()
        for index, parameter in enumerate(self._params):
            if parameter.grad_req != "null":
                grads = parameter.list_grad()
                if self._update_on_kvstore:
                    self._check_fresh(parameter, False)
                    self._kvstore.push(index, grads, priority=-index)
                else:
                    self._kvstore.pushpull(index, grads, out=grads, priority=-index)

    def update(self, batch_size: float, ignore_stale_grad: bool = False) -> None:
        """Update the parameters from gradients that are joined already; see `step`.

        Raises: AssertionError if the optimizer runs in the store.
        """
        if not self._kv_initialized:
            self._init_kvstore()
        if self._kvstore and self._update_on_kvstore:
            raise AssertionError(
                "update() when parameters are updated on kvstore is not supported. Try setting `update_on_kvstore` to "
                "False "
                "when creating trainer."
            )
        if self._in_backward is not None:
            self._in_backward.finish(batch_size)
        self._check_and_rescale_grad(self._scale / batch_size)
        self._update(ignore_stale_grad)

    def _check_fresh(self, parameter: Parameter, ignore: bool) -> bool:
        """Whether a parameter has a gradient that no step has used."""
        fresh = True
        for array in parameter._checked(parameter._data):
            if not array._fresh_grad:
                fresh = False
                if not ignore:
                    raise UserWarning(
                        f"Gradient of Parameter `{parameter.name}` on context {array.context} has not been updated by "
                        "backward since last `step`. This could mean a bug in your model that made it only use a "
                        "subset of "
                        "the Parameters (Blocks) for this iteration. If you are intentionally only using a subset, "
                        "call "
                        "step with ignore_stale_grad=True to suppress this warning and skip updating of Parameters "
                        "with "
                        "stale gradient"
                    )
        return fresh

    def _update(self, ignore_stale_grad: bool) -> None:
        if self._kvstore is None and len(self._updaters) == 1:
            self._update_on_one_device(ignore_stale_grad)
            return
        batches: list[tuple[list[int], list[Any], list[Any]]] = [([], [], []) for _ in self._updaters]
        for index, parameter in enumerate(self._params):
            if parameter.grad_req == "null":
                continue
            if not self._check_fresh(parameter, ignore_stale_grad) and not (self._kvstore and self._update_on_kvstore):
                continue
            if self._kvstore and self._update_on_kvstore:
                if parameter._stype == "default":
                    self._kvstore.pull(index, parameter.list_data(), priority=-index)
            else:
                for batch, array, grad in zip(batches, parameter.list_data(), parameter.list_grad(), strict=True):
                    batch[0].append(index)
                    batch[1].append(grad)
                    batch[2].append(array)
            for array in parameter._checked(parameter._data):
                array._fresh_grad = False
        for updater, (indices, grads, arrays) in zip(self._updaters, batches, strict=True):
            if indices:
                updater(indices, grads, arrays)

    def _update_on_one_device(self, ignore_stale_grad: bool) -> None:
        indices, grads, arrays = [], [], []
        for index, parameter in enumerate(self._params):
            if parameter._grad_req == "null":
                continue
            array = parameter._checked(parameter._data)[0]
            if not array._fresh_grad and not self._check_fresh(parameter, ignore_stale_grad):
                continue
            if self._in_backward is None:
                indices.append(index)
                grads.append(parameter._grad[0])  # type: ignore[index]
                arrays.append(array)
            array._fresh_grad = False
        if indices:
            self._updaters[0](indices, grads, arrays)

    def save_states(self, fname: str) -> None:
        """Save the states of the optimizer (momentum and so on)."""
        if not self._kv_initialized:
            self._init_kvstore()
        if self._update_on_kvstore:
            self._kvstore.save_optimizer_states(fname, dump_optimizer=True)
            return
        with replace_atomically(fname, "wb") as file:
            file.write(self._updaters[0].get_states(dump_optimizer=True))

    def load_states(self, fname: str) -> None:
        """Load states saved by `save_states`."""
        if not self._kv_initialized:
            self._init_kvstore()
        if self._update_on_kvstore:
            self._kvstore.load_optimizer_states(fname)
            self._optimizer = self._kvstore._updater.optimizer
        else:
            with open(fname, "rb") as file:
                states = file.read()
            for updater in self._updaters:
                updater.set_states(states)
                updater.optimizer = self._updaters[0].optimizer
            self._optimizer = self._updaters[0].optimizer
        self._optimizer.param_dict = dict(enumerate(self._params))


