"""Module: a symbol, its parameters on one or more devices, and an optimizer."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

from .. import optimizer as opt
from ..base import MXNetError
from ..context import Context, cpu, current_context
from ..files import replace_atomically
from ..initializer import InitDesc, Uniform
from ..io import DataBatch, DataDesc
from ..model import (
    _create_kvstore,
    _initialize_kvstore,
    _update_params,
    _update_params_on_kvstore,
    load_checkpoint,
)
from ..ndarray import NDArray, zeros
from ..symbol.budget import limits
from .base_module import BaseModule, check_input_names, check_shape_names, describe, require
from .executor_group import DataParallelExecutorGroup

__all__ = ["Module"]


class Module(BaseModule):
    """A symbol with its parameters.

    Args:
        symbol: Symbol.
        data_names, label_names: arguments that are data and labels; None for none. All others are parameters.
        logger: where `fit` reports; default the root logger.
        context: device, or list of devices that share the work of each batch; default the current context.
        work_load_list: share of the work of each device; default equal shares.
        fixed_param_names: parameters that aren't trained.
        state_names: arguments that are states: neither given with each batch nor trained.
        group2ctxs: devices of the groups that the attribute ctx_group names: a dict, or one for each device.
        compression_params: must be None; gradient compression isn't supported yet.
        memory_budget: the most memory that a step may need on each device, without the optimizer; see
            `Symbol.simple_bind`.
        recompute: how much is computed again in the backward pass, see `Symbol.simple_bind`.
        update_in_backward: let `forward_backward` update each parameter as soon as its gradient is there, and `update`
            do nothing more: gradients need no memory, and their arrays are not written. It does so on one device with
            an optimizer whose updates don't depend on their order (those of sgld, nadam, lars, lbsgd and optimizers of
            one's own may), where outputs are losses, no grad_req is "add", and no monitor is installed; else as usual.
    Raises: ValueError if the symbol has no such arguments (only a warning for label_names); AssertionError if
        work_load_list has another length than context; MXNetError for compression_params, or a memory_budget or
        recompute that is none; `bind` says if the budget can't be met.
    """

    def __init__(
        self, symbol: Any, data_names: Sequence[str] | None = ("data",),
        label_names: Sequence[str] | None = ("softmax_label",), logger: Any = logging, context: Any = cpu(),
        work_load_list: Sequence[float] | None = None, fixed_param_names: Sequence[str] | None = None,
        state_names: Sequence[str] | None = None, group2ctxs: Any = None, compression_params: Any = None,
        memory_budget: int | float | None = None, update_in_backward: bool = False, recompute: bool | None = None,
    ):  # fmt: skip
        super().__init__(logger=logger)
        limits("Module", memory_budget, recompute)  # bad ones are refused now
        self._memory_budget, self._recompute = memory_budget, recompute
        self._update_in_backward = update_in_backward
        self._is_updated = False  # whether forward_backward has updated the parameters already
        context = current_context() if context is None else context
        self._context = [context] if isinstance(context, Context) else list(context)
        self._work_load_list = [1] * len(self._context) if work_load_list is None else list(work_load_list)
        require(
            len(self._work_load_list) == len(self._context),
            f"work_load_list has {len(self._work_load_list)} entries for {len(self._context)} devices",
        )
        if compression_params:
            raise MXNetError(
                f"Module: compression_params={compression_params}: gradient compression is not part of this version of "
                "mxnext yet (see docs/status.md); leave it out."
            )
        self._group2ctxs = group2ctxs
        self._symbol = symbol
        self._data_names = list(data_names or ())
        self._label_names = list(label_names or ())
        self._state_names = list(state_names or ())
        self._fixed_param_names = list(fixed_param_names or ())
        check_input_names(symbol, self._data_names, "data_names", True)
        check_input_names(symbol, self._label_names, "label_names", False)
        check_input_names(symbol, self._state_names, "state_names", True)
        check_input_names(symbol, self._fixed_param_names, "fixed_param_names", True)
        inputs = {*self._data_names, *self._label_names, *self._state_names}
        self._param_names = [name for name in symbol.list_arguments() if name not in inputs]
        self._aux_names = symbol.list_auxiliary_states()
        self._output_names = symbol.list_outputs()
        self._arg_params: dict[str, NDArray] | None = None
        self._aux_params: dict[str, NDArray] | None = None
        self._params_dirty = False  # whether the devices have newer values than the two dicts
        self._optimizer: Any = None
        self._kvstore: Any = None
        self._update_on_kvstore: bool | None = None
        self._fetches_rows = False  # whether `prepare` fetches the rows of row_sparse parameters
        self._updater: Any = None
        self._preload_opt_states: str | None = None
        self._grad_req: Any = None
        self._exec_group: DataParallelExecutorGroup | None = None
        self._data_shapes: list[DataDesc] | None = None
        self._label_shapes: list[DataDesc] | None = None
        self._given_labels: list[DataDesc] = []  # as bind or reshape got them; a batch may come without

    # Checkpoints

    @staticmethod
    def load(prefix: str, epoch: int, load_optimizer_states: bool = False, **kwargs: Any) -> Module:
        """A module from a checkpoint, to bind and use.

        Args:
            prefix, epoch: the files are ``prefix-symbol.json`` and ``prefix-0001.params``, with the epoch's number.
            load_optimizer_states: let init_optimizer load ``prefix-0001.states``.
            kwargs: as for the constructor.
        Raises: MXNetError if a file can't be read.
        """
        symbol, arg_params, aux_params = load_checkpoint(prefix, epoch)
        module = Module(symbol=symbol, **kwargs)
        module._arg_params, module._aux_params = arg_params, aux_params
        module.params_initialized = True
        if load_optimizer_states:
            module._preload_opt_states = f"{prefix}-{epoch:04d}.states"
        return module

    def save_checkpoint(
        self, prefix: str, epoch: int, save_optimizer_states: bool = False, remove_amp_cast: bool = True
    ) -> None:
        """Save symbol and parameters, and with save_optimizer_states the states of the optimizer; see `load`."""
        self._require_ready()
        self._symbol.save(f"{prefix}-symbol.json", remove_amp_cast=remove_amp_cast)
        path = f"{prefix}-{epoch:04d}.params"
        self.save_params(path)
        logging.info('Saved checkpoint to "%s"', path)
        if save_optimizer_states:
            path = f"{prefix}-{epoch:04d}.states"
            self.save_optimizer_states(path)
            logging.info('Saved optimizer state to "%s"', path)

    # Facts

    @property
    def data_names(self) -> list[str]:
        """Names of the data."""
        return self._data_names

    @property
    def label_names(self) -> list[str]:
        """Names of the labels."""
        return self._label_names

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        return self._output_names

    @property
    def _group(self) -> DataParallelExecutorGroup:
        if self._exec_group is None:
            raise AssertionError("call bind first: the module isn't bound to shapes yet")
        return self._exec_group

    @property
    def data_shapes(self) -> list[DataDesc]:
        """Descriptions of the data. Raises: AssertionError before bind."""
        return self._group and self._data_shapes  # type: ignore[return-value]

    @property
    def label_shapes(self) -> list[DataDesc] | None:
        """Descriptions of the labels; None if there are none. Raises: AssertionError before bind."""
        return self._group and self._label_shapes

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Pairs of name and shape of the outputs. Raises: AssertionError before bind."""
        return self._group.get_output_shapes()

    # Parameters

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Parameters and auxiliary states by name, on the CPU; with several devices the mean over them."""
        require(self.params_initialized, "call init_params first: there are no parameters yet")
        if self._params_dirty:
            self._group.get_params(self._arg_params, self._aux_params)  # type: ignore[arg-type]
            if self._kvstore is not None and self._update_on_kvstore:
                for name, value in self._arg_params.items():  # type: ignore[union-attr]
                    if value.stype != "default":  # devices may hold some of the rows
                        self._kvstore.pull(name, out=value, ignore_sparse=False)
            self._params_dirty = False
        return self._arg_params, self._aux_params  # type: ignore[return-value]

    def init_params(
        self, initializer: Any = Uniform(0.01), arg_params: Any = None, aux_params: Any = None,
        allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Set parameters and auxiliary states.

        Args:
            initializer: what sets those that aren't given; None leaves them as they are.
            arg_params, aux_params: values by name. Names that the module does not have are ignored, as in MXNet.
            allow_missing: allow that, where values are given, some are missing.
            force_init: set them even if they have values already; otherwise that is a warning.
            allow_extra: has no meaning here: see arg_params.
        Raises: AssertionError before bind; RuntimeError if a value is missing; MXNetError if a shape differs.
        """
        if self.params_initialized and not force_init:
            warnings.warn(
                "Parameters already initialized and force_init=False. init_params call ignored.", stacklevel=2
            )
            return
        require(self.binded, "call bind before initializing the parameters")
        self._make_params()
        attrs = self._symbol.attr_dict()
        for own, given in ((self._arg_params, arg_params), (self._aux_params, aux_params)):
            for name, target in sorted(own.items()):  # type: ignore[union-attr]
                source = None if given is None else given.get(name)
                if source is not None:
                    if source is not target:
                        if source.shape != target.shape:
                            raise MXNetError(f"init_params: {name} has shape {target.shape}; given {source.shape}.")
                        source.astype(target.dtype, copy=False).copyto(target)
                elif given is not None and not allow_missing:
                    raise RuntimeError(f"{name} is not presented")
                elif initializer is not None:
                    initializer(InitDesc(name, attrs.get(name)), target)
        self.params_initialized = True
        self._params_dirty = False
        self._group.set_params(self._arg_params, self._aux_params)

    def _make_params(self) -> None:
        """Make the arrays that hold the parameters on the CPU if there are none."""
        group = self._group
        if self._arg_params is None:
            self._arg_params = {
                name: zeros(arrays[0].shape, cpu(), arrays[0].dtype, stype=arrays[0].stype)
                for name, arrays in zip(self._param_names, group.param_arrays, strict=True)
            }
        if self._aux_params is None:
            self._aux_params = {
                name: zeros(arrays[0].shape, cpu(), arrays[0].dtype)
                for name, arrays in zip(self._aux_names, group.aux_arrays, strict=True)
            }

    def set_params(
        self, arg_params: Any, aux_params: Any, allow_missing: bool = False, force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Set parameters and auxiliary states to given values.

        Args:
            arg_params, aux_params: arrays by name.
            allow_missing: leave those that aren't given as they are.
            force_init: set them even if they have values already; otherwise that is a warning.
            allow_extra: with allow_missing, ignore names that the module does not have.
        Raises: AssertionError before bind; RuntimeError if a value is missing; ValueError for an unknown name;
            MXNetError if a shape differs.
        """
        if not allow_missing:
            self.init_params(None, arg_params, aux_params, allow_missing, force_init, allow_extra)
            return
        if self.params_initialized and not force_init:
            warnings.warn("Parameters already initialized and force_init=False. set_params call ignored.", stacklevel=2)
            return
        self._group.set_params(arg_params, aux_params, allow_extra=allow_extra)
        self._make_params()
        self._params_dirty = True
        self.params_initialized = True

    # Set-up

    def bind(
        self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False,
        force_rebind: bool = False, shared_module: Any = None, grad_req: Any = "write",
    ) -> None:  # fmt: skip
        """Make executors for these shapes.

        Args:
            data_shapes, label_shapes: DataDesc, or tuples (name, shape), of whole batches; label_shapes may be None.
            for_training: whether gradients of the parameters are needed.
            inputs_need_grad: whether gradients of the data are needed.
            force_rebind: bind again if that has been done already; otherwise that is a warning.
            shared_module: a module whose parameters, with their arrays, this one uses too.
            grad_req: "write", "add" or "null" for all, a list for all arguments, or a dict for some.
        Raises: ValueError if the names differ from data_names (only a warning for labels); AssertionError if
            the sizes of the batch differ; MXNetError if shapes contradict each other.
        """
        if force_rebind:
            if self.params_initialized and self._exec_group is not None:
                self.get_params()  # the values on the devices are about to go
            self.binded = False
            self._exec_group = None
        if self.binded:
            self.logger.warning("Already bound, ignoring bind()")
            return
        require(for_training or not inputs_need_grad, "inputs_need_grad needs for_training=True")
        data, label = self._check_shapes(data_shapes, label_shapes)
        shared_group = None
        if shared_module is not None:
            require(
                isinstance(shared_module, Module) and shared_module.binded and shared_module.params_initialized,
                "shared_module must be a Module that is bound and has parameters",
            )
            shared_group = shared_module._exec_group
        self._exec_group = DataParallelExecutorGroup(
            self._symbol, self._context, self._work_load_list, data, label, self._param_names, for_training,
            inputs_need_grad, shared_group, logger=self.logger, fixed_param_names=self._fixed_param_names,
            grad_req=grad_req, state_names=self._state_names, group2ctxs=self._group2ctxs,
            memory_budget=self._memory_budget, recompute=self._recompute,
        )  # fmt: skip
        self.for_training, self.inputs_need_grad, self._grad_req = for_training, inputs_need_grad, grad_req
        self._data_shapes, self._label_shapes = data, label
        self._given_labels = label or []
        self.binded = True
        if shared_module is not None:
            self.params_initialized = True
            self._arg_params, self._aux_params = shared_module._arg_params, shared_module._aux_params
            if shared_module.optimizer_initialized:
                self.borrow_optimizer(shared_module)
        elif self.params_initialized:
            self._exec_group.set_params(self._arg_params, self._aux_params, allow_extra=True)
            self._fit_loaded_params()

    def _fit_loaded_params(self) -> None:
        """Check loaded parameters now that the shapes are known, and bring them into order and dtype of the symbol.

        Raises: RuntimeError if one is missing.
        """
        loaded = {**self._arg_params, **self._aux_params}  # type: ignore[dict-item]
        self._arg_params = self._aux_params = None
        self._make_params()
        for own in (self._arg_params, self._aux_params):
            for name, target in own.items():  # type: ignore[attr-defined]
                if name not in loaded:
                    raise RuntimeError(f"{name} is not presented")
                loaded[name].astype(target.dtype, copy=False).copyto(target)

    def _check_shapes(self, data_shapes: Any, label_shapes: Any) -> tuple[list[DataDesc], list[DataDesc] | None]:
        data, label = describe(data_shapes), describe(label_shapes) if label_shapes else None
        check_shape_names(data, self._data_names, "data", True)
        if label or (self._label_names and label_shapes is None):
            check_shape_names(label or [], self._label_names, "label", False)
        return data, label

    def reshape(self, data_shapes: Any, label_shapes: Any = None) -> None:
        """Change to other shapes of a batch, with the same parameters; those of former shapes are quick to come back.

        Args: as for `bind`. Raises: as `bind`; the module is then as it was.
        """
        group = self._group
        data, label = self._check_shapes(data_shapes, label_shapes)
        group.reshape(data, label)
        self._data_shapes, self._label_shapes = data, label
        self._given_labels = label or []

    def init_optimizer(
        self, kvstore: Any = "local", optimizer: Any = "sgd", optimizer_params: Any = (("learning_rate", 0.01),),
        force_init: bool = False,
    ) -> None:  # fmt: skip
        """Set up the optimizer.

        Args:
            kvstore: store, name of one, or None; a name counts only if there are several devices.
            optimizer: Optimizer, or name of one; one that is made here gets rescale_grad = 1 / batch size.
            optimizer_params: its arguments, as a dict or pairs.
            force_init: set it up again if that has been done already; otherwise that is a warning.
        Raises: AssertionError before bind and init_params; ValueError for an unknown optimizer.
        """
        self._require_ready()
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring...")
            return
        self.get_params()
        group, devices = self._group, len(self._context)
        store, update_on_kvstore = _create_kvstore(kvstore, devices, self._arg_params)  # type: ignore[arg-type]
        rescale_grad = 1.0 / group.batch_size if group.batch_size else 1.0
        idx2name = dict(enumerate(self._param_names))
        if not update_on_kvstore:
            idx2name = {
                index * devices + device: name
                for device in range(devices)
                for index, name in enumerate(self._param_names)
            }
        if isinstance(optimizer, str):
            params = dict(optimizer_params)
            params.setdefault("rescale_grad", rescale_grad)
            optimizer = opt.create(optimizer, sym=self._symbol, param_idx2name=idx2name, **params)
        else:
            require(isinstance(optimizer, opt.Optimizer), f"optimizer is {optimizer!r}; expected an Optimizer or name")
            if optimizer.rescale_grad != rescale_grad:
                warnings.warn(
                    "Optimizer created manually outside Module but rescale_grad is not normalized to "
                    f"1.0/batch_size/num_workers ({optimizer.rescale_grad} vs. {rescale_grad}). Is this intended?",
                    stacklevel=2,
                )
            if not optimizer.idx2name:
                optimizer.idx2name = idx2name.copy()
        self._optimizer, self._kvstore, self._update_on_kvstore = optimizer, store, update_on_kvstore
        self._updater = None
        if store is not None:
            if update_on_kvstore:
                store.set_optimizer(optimizer)
            _initialize_kvstore(store, group.param_arrays, self._arg_params, self._param_names, update_on_kvstore)  # type: ignore[arg-type]
        if not update_on_kvstore:
            self._updater = opt.get_updater(optimizer)
        self.optimizer_initialized = True
        if self._preload_opt_states is not None:
            self.load_optimizer_states(self._preload_opt_states)
            self._preload_opt_states = None

    def borrow_optimizer(self, shared_module: Any) -> None:
        """Use the optimizer of another module, with its states. Raises: AssertionError if it has none."""
        require(shared_module.optimizer_initialized, "the other module has no optimizer; call its init_optimizer first")
        self._optimizer = shared_module._optimizer
        self._kvstore = shared_module._kvstore
        self._update_on_kvstore = shared_module._update_on_kvstore
        self._updater = shared_module._updater
        self.optimizer_initialized = True

    def save_optimizer_states(self, fname: str) -> None:
        """Save the states of the optimizer. Raises: AssertionError before init_optimizer."""
        self._require_optimizer()
        if self._update_on_kvstore:
            self._kvstore.save_optimizer_states(fname)
            return
        with replace_atomically(fname) as file:
            file.write(self._updater.get_states())

    def load_optimizer_states(self, fname: str) -> None:
        """Load what save_optimizer_states wrote. Raises: AssertionError before init_optimizer; OSError or MXNetError if
        the file can't be read."""
        self._require_optimizer()
        if self._update_on_kvstore:
            self._kvstore.load_optimizer_states(fname)
            return
        with open(fname, "rb") as file:
            self._updater.set_states(file.read())

    def _require_optimizer(self) -> None:
        require(self.optimizer_initialized, "call init_optimizer first: there is no optimizer yet")

    def install_monitor(self, mon: Any) -> None:
        """Let a Monitor watch the computation. Raises: AssertionError before bind."""
        self._group.install_monitor(mon)

    # Computation

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Fetch the rows of row_sparse parameters that a batch needs from the kvstore.

        From the first call on, only rows fetched like this are up to date; without any, `update` fetches all rows.

        Args:
            sparse_row_id_fn: called with the batch; returns a dict from names of row_sparse parameters to the numbers
                of the rows (NDArray). Where the kvstore doesn't update the parameters it is not called, and warned
                about.
        Raises: AssertionError before bind; MXNetError for the name of a parameter that isn't there or isn't row_sparse.
        """
        require(self.binded, "call bind first: the module isn't bound to shapes yet")
        if sparse_row_id_fn is None:
            return
        if self._kvstore is None or not self._update_on_kvstore:
            warnings.warn(
                "Parameters are not updated in the KVStore. No need to call sparse_row_id_fn.", UserWarning,
                stacklevel=2,
            )  # fmt: skip
            return
        row_ids = sparse_row_id_fn(data_batch)
        if not isinstance(row_ids, dict):
            raise AssertionError(f"Expected dict output from sparse_row_id_fn, got {type(row_ids)}")
        self._fetches_rows = True
        for name, rows in row_ids.items():
            if name not in self._param_names:
                raise MXNetError(f"prepare: there is no parameter {name!r}; there are {', '.join(self._param_names)}.")
            arrays = self._group.param_arrays[self._param_names.index(name)]
            self._kvstore.row_sparse_pull(name, out=arrays, row_ids=rows)

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs for a batch; for one of another shape, `reshape` is called first.

        Args:
            data_batch: DataBatch, or a list with one for each device.
            is_train: default what for_training was in bind.
        Raises: AssertionError before bind and init_params; MXNetError if arrays are missing or shapes don't fit.
        """
        self._require_ready()
        self._reshape_for(data_batch)
        self._group.forward(data_batch, is_train)

    def _reshape_for(self, data_batch: Any) -> None:
        group = self._group
        if isinstance(data_batch, list):
            require(data_batch, "the list of batches is empty")
            shapes = [batch.data for batch in data_batch]
            given = []
            for arrays, axis in zip(zip(*shapes, strict=True), group.data_layouts, strict=False):
                shape = list(arrays[0].shape)
                if axis >= 0:
                    shape[axis] = sum(one.shape[axis] for one in arrays)
                given.append(tuple(shape))
            batch = data_batch[0]
        else:
            batch, given = data_batch, [value.shape for value in data_batch.data]
        current = [tuple(desc.shape) for desc in self.data_shapes]
        wants_label = bool(self._given_labels and batch.label)
        if (given == current and (self._label_shapes or not wants_label)) or len(given) != len(current):
            return  # forward says what is wrong with another number of arrays
        data = label = None
        if isinstance(data_batch, list):
            if wants_label:
                raise MXNetError("forward: a list of batches must have the shapes that are bound; call reshape first.")
        else:
            data, label = batch.provide_data, batch.provide_label
        data = describe(data) if data else _reshaped(self.data_shapes, given)
        if wants_label:
            label = describe(label) if label else _reshaped(self._given_labels, [value.shape for value in batch.label])
        group.reshape(data, label if wants_label else None)
        self._data_shapes, self._label_shapes = data, label if wants_label else None

    def release(self) -> None:
        """Let go of the outputs of the last forward and what it kept for backward, to make room for other modules.

        Arrays that get_outputs has given stay as they are. Raises: AssertionError before bind.
        """
        self._group.release()

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients.

        Args:
            out_grads: gradients of the outputs, an array or a list; None where the outputs are losses.
        Raises: AssertionError before bind and init_params, or unless bound for training.
        """
        self._require_ready()
        self._group.backward(out_grads=out_grads)

    def forward_backward(self, data_batch: DataBatch) -> None:
        """`forward` in training mode, then `backward`; with update_in_backward the update is part of it."""
        self._is_updated = False
        if (
            self._update_in_backward and self.optimizer_initialized and self._kvstore is None and self._updater
            and self._optimizer.updates_in_any_order
        ):  # fmt: skip
            self._require_ready()
            self._reshape_for(data_batch)
            self._is_updated = self._group.step(data_batch, self._updater)
            if self._is_updated:
                return
        super().forward_backward(data_batch)

    def update(self) -> None:
        """Update the parameters with the gradients. Raises: AssertionError before init_optimizer."""
        self._require_ready()
        self._require_optimizer()
        self._params_dirty = True
        if self._is_updated:
            self._is_updated = False
            return
        group = self._group
        if self._update_on_kvstore:
            _update_params_on_kvstore(
                group.param_arrays, group.grad_arrays, self._kvstore, self._param_names, not self._fetches_rows
            )
        else:
            _update_params(
                group.param_arrays, group.grad_arrays, self._updater, len(self._context), self._kvstore,
                self._param_names,
            )  # fmt: skip

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last forward: joined, or for each a list with those of all devices."""
        self._require_ready()
        return self._group.get_outputs(merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients of the data of the last backward: joined, or for each a list with those of all devices.

        Raises: AssertionError unless bound with inputs_need_grad.
        """
        self._require_ready()
        return self._group.get_input_grads(merge_multi_context)

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The arrays of each state on all devices. Raises: AssertionError unless merge_multi_context is False."""
        self._require_ready()
        return self._group.get_states(merge_multi_context)

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Set the states to arrays, as get_states gives them, or all of them to a number.

        Raises: AssertionError unless exactly one of states and value is given.
        """
        self._require_ready()
        self._group.set_states(states, value)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric with labels (pre_sliced: a list of them for each device) and the last outputs."""
        self._group.update_metric(eval_metric, labels, pre_sliced)


def _reshaped(described: list[DataDesc], shapes: list[tuple[int, ...]]) -> list[DataDesc]:
    """Descriptions with other shapes. Raises: MXNetError if there are more or fewer."""
    if len(described) != len(shapes):
        raise MXNetError(f"The batch has {len(shapes)} arrays; expected {len(described)}, as bound: {described}.")
    return [DataDesc(desc.name, shape, desc.dtype, desc.layout) for desc, shape in zip(described, shapes, strict=True)]
