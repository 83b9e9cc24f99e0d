"""BucketingModule: a module for each bucket key, all with the same parameters."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd
from .. import symbol as sym
from ..attribute import AttrScope
from ..base import MXNetError
from ..context import cpu
from ..initializer import Uniform
from ..io import DataDesc
from ..model import load_params
from ..name import NameManager
from ..ndarray import NDArray
from ..symbol.budget import limits
from .base_module import BaseModule, check_input_names, require
from .module import Module

__all__ = ["BucketingModule"]


class BucketingModule(BaseModule):
    """Modules for inputs of different kinds, for example sequence lengths, that share parameters.

    Args:
        sym_gen: a function from a bucket key to symbol, data_names and label_names.
        default_bucket_key: key of the bucket that has all parameters and the largest inputs.
        logger, context, work_load_list, fixed_param_names, state_names, group2ctxs, compression_params,
            memory_budget, update_in_backward, recompute: as for `Module`.
    Raises: AssertionError without default_bucket_key; otherwise as `Module`.
    """

    def __init__(
        self, sym_gen: Callable[[Any], Any], default_bucket_key: Any = None, logger: Any = logging,
        context: Any = cpu(), work_load_list: Sequence[float] | None = None,
        fixed_param_names: Sequence[str] | None = None, state_names: Sequence[str] | None = None,
        group2ctxs: Any = None, compression_params: Any = None, memory_budget: int | float | None = None,
        update_in_backward: bool = False, recompute: bool | None = None,
    ):  # fmt: skip
        super().__init__(logger=logger)
        limits("BucketingModule", memory_budget, recompute)  # bad ones are refused now
        require(default_bucket_key is not None, "BucketingModule: default_bucket_key is missing")
        self._default_bucket_key = default_bucket_key
        self._sym_gen = sym_gen
        self._options = {
            "logger": logger, "context": context, "work_load_list": work_load_list,
            "fixed_param_names": fixed_param_names, "state_names": state_names, "group2ctxs": group2ctxs,
            "compression_params": compression_params, "memory_budget": memory_budget,
            "update_in_backward": update_in_backward, "recompute": recompute,
        }  # fmt: skip
        symbol, data_names, label_names = self._generate(default_bucket_key)
        check_input_names(symbol, list(data_names or ()), "data_names", True)
        check_input_names(symbol, list(label_names or ()), "label_names", False)
        check_input_names(symbol, list(state_names or ()), "state_names", True)
        check_input_names(symbol, list(fixed_param_names or ()), "fixed_param_names", True)
        self._buckets: dict[Any, Module] = {}
        self._curr_module: Module | None = None
        self._latest: Module | None = None  # the bucket that ran last
        self._curr_bucket_key: Any = None
        self._params_dirty = False
        self._monitor: Any = None
        self._grad_req: Any = None
        self._loaded: tuple[dict[str, NDArray], dict[str, NDArray]] | None = None

    def _generate(self, bucket_key: Any) -> Any:
        """What sym_gen returns for a key; unnamed symbols get the same names in every bucket."""
        with AttrScope(), NameManager():
            return self._sym_gen(bucket_key)

    def _make(self, bucket_key: Any) -> Module:
        symbol, data_names, label_names = self._generate(bucket_key)
        return Module(symbol, data_names, label_names, **self._options)

    @property
    def _current(self) -> Module:
        if self._curr_module is None:
            raise AssertionError("call bind first: the module isn't bound to shapes yet")
        return self._curr_module

    # Facts

    @property
    def data_names(self) -> Sequence[str]:
        """Names of the data of the current bucket, before bind of the default one."""
        return self._curr_module.data_names if self._curr_module else self._generate(self._default_bucket_key)[1]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs of the current bucket, before bind of the default one."""
        if self._curr_module:
            return self._curr_module.output_names
        return self._generate(self._default_bucket_key)[0].list_outputs()

    @property
    def data_shapes(self) -> list[DataDesc]:
        """Descriptions of the data of the current bucket. Raises: AssertionError before bind."""
        return self._current.data_shapes

    @property
    def label_shapes(self) -> list[DataDesc] | None:
        """Descriptions of the labels of the current bucket. Raises: AssertionError before bind."""
        return self._current.label_shapes

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Pairs of name and shape of the outputs of the current bucket. Raises: AssertionError before bind."""
        return self._current.output_shapes

    @property
    def symbol(self) -> Any:
        """The symbol of the current bucket. Raises: AssertionError before bind."""
        return self._current.symbol

    # Parameters

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Parameters and auxiliary states by name."""
        require(self.params_initialized, "call init_params first: there are no parameters yet")
        if self._curr_module is None:
            return self._loaded  # type: ignore[return-value]
        self._curr_module._params_dirty |= self._params_dirty
        self._params_dirty = False
        return self._curr_module.get_params()

    def init_params(
        self, initializer: Any = Uniform(0.01), arg_params: Any = None, aux_params: Any = None,
        allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Set parameters and auxiliary states of all buckets; see `Module.init_params`."""
        if self.params_initialized and not force_init:
            return
        require(self.binded, "call bind before initializing the parameters")
        self._current.init_params(initializer, arg_params, aux_params, allow_missing, force_init, allow_extra)
        self._params_dirty = False
        self.params_initialized = True

    def set_params(
        self, arg_params: Any, aux_params: Any, allow_missing: bool = False, force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Set parameters and auxiliary states of all buckets; see `Module.set_params`."""
        if not allow_missing:
            self.init_params(None, arg_params, aux_params, allow_missing, force_init, allow_extra)
            return
        if self.params_initialized and not force_init:
            warnings.warn("Parameters already initialized and force_init=False. set_params call ignored.", stacklevel=2)
            return
        self._current.set_params(arg_params, aux_params, allow_missing, force_init, allow_extra)
        self._params_dirty = True
        self.params_initialized = True

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The states of the current bucket; see `Module.get_states`."""
        self._require_ready()
        return self._current.get_states(merge_multi_context)

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Set the states of the current bucket; see `Module.set_states`."""
        self._require_ready()
        self._current.set_states(states, value)

    # Set-up

    def bind(
        self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False,
        force_rebind: bool = False, shared_module: Any = None, grad_req: Any = "write",
    ) -> None:  # fmt: skip
        """Bind the default bucket; the others are bound when their first batch comes. See `Module.bind`.

        Raises: AssertionError if shared_module is given.
        """
        require(shared_module is None, "shared_module for BucketingModule is not supported")
        if force_rebind:
            if self.params_initialized and self._curr_module is not None:
                self._loaded = self.get_params()
            self.binded = False
            self._buckets, self._curr_module, self._curr_bucket_key = {}, None, None
            self._latest = None
            self.optimizer_initialized = False
        if self.binded:
            self.logger.warning("Already bound, ignoring bind()")
            return
        module = self._make(self._default_bucket_key)
        module.bind(data_shapes, label_shapes, for_training, inputs_need_grad, grad_req=grad_req)
        self.for_training, self.inputs_need_grad, self._grad_req = for_training, inputs_need_grad, grad_req
        self.binded = True
        self._buckets = {self._default_bucket_key: module}
        self._curr_module, self._curr_bucket_key = module, self._default_bucket_key
        if self._monitor is not None:
            module.install_monitor(self._monitor)
        if self._loaded is not None:
            module.set_params(*self._loaded)
            self._loaded = None

    def switch_bucket(self, bucket_key: Any, data_shapes: Any, label_shapes: Any = None) -> None:
        """Make another bucket the current one; at first it is bound to these shapes.

        Raises: AssertionError before bind; otherwise as `Module.bind`.
        """
        require(self.binded, "call bind before switching bucket")
        if bucket_key not in self._buckets:
            module, default = self._make(bucket_key), self._buckets[self._default_bucket_key]
            require(default.params_initialized, "call init_params before switching to a new bucket")
            module.bind(
                data_shapes, label_shapes, self._current.for_training, self._current.inputs_need_grad,
                shared_module=default, grad_req=self._grad_req,
            )  # fmt: skip
            if self._monitor is not None:
                module.install_monitor(self._monitor)
            self._buckets[bucket_key] = module
        module = self._buckets[bucket_key]
        if self.optimizer_initialized and not module.optimizer_initialized:
            module.borrow_optimizer(self._buckets[self._default_bucket_key])
        self._curr_module, self._curr_bucket_key = module, bucket_key

    def init_optimizer(
        self, kvstore: Any = "local", optimizer: Any = "sgd", optimizer_params: Any = (("learning_rate", 0.01),),
        force_init: bool = False,
    ) -> None:  # fmt: skip
        """Set up one optimizer for all buckets; see `Module.init_optimizer`."""
        self._require_ready()
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        default = self._buckets[self._default_bucket_key]
        default._params_dirty = True  # another bucket may have trained the arrays that they share
        default.init_optimizer(kvstore, optimizer, optimizer_params, force_init=force_init)
        for module in self._buckets.values():
            if module is not default:
                module.borrow_optimizer(default)
        self.optimizer_initialized = True

    def install_monitor(self, mon: Any) -> None:
        """Let a Monitor watch all buckets. Raises: AssertionError before bind."""
        require(self.binded, "call bind first: the module isn't bound to shapes yet")
        self._monitor = mon
        for module in self._buckets.values():
            module.install_monitor(mon)

    # Computation

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Bind the bucket of a batch before it is needed, if it is new; the current bucket stays."""
        self._require_ready()
        current = self._curr_module, self._curr_bucket_key
        self.switch_bucket(self._key(data_batch), data_batch.provide_data, data_batch.provide_label)
        try:
            self._current.prepare(data_batch, sparse_row_id_fn)
        finally:
            self._curr_module, self._curr_bucket_key = current

    @staticmethod
    def _key(data_batch: Any) -> Any:
        if data_batch.bucket_key is None:
            raise TypeError("The batch has no bucket_key; a BucketingModule needs one in every batch.")
        return data_batch.bucket_key

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs for a batch, in the bucket of its bucket_key.

        Raises: AssertionError before bind and init_params; TypeError for a batch without bucket_key.
        """
        self._require_ready()
        self.switch_bucket(self._key(data_batch), data_batch.provide_data, data_batch.provide_label)
        self._release_others()
        self._current.forward(data_batch, is_train=is_train)

    def forward_backward(self, data_batch: Any) -> None:
        """`forward` in training mode, then `backward`, in the bucket of the batch; see `Module.forward_backward`."""
        self._require_ready()
        self.switch_bucket(self._key(data_batch), data_batch.provide_data, data_batch.provide_label)
        self._release_others()
        self._current.forward_backward(data_batch)

    def _release_others(self) -> None:
        """Before the current bucket runs: what the one before holds makes room."""
        if self._latest is not self._curr_module:
            if self._latest is not None:
                self._latest.release()
            self._latest = self._curr_module

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients in the current bucket; see `Module.backward`."""
        self._require_ready()
        self._current.backward(out_grads=out_grads)

    def update(self) -> None:
        """Update the parameters with the gradients. Raises: AssertionError before init_optimizer."""
        self._require_ready()
        require(self.optimizer_initialized, "call init_optimizer first: there is no optimizer yet")
        self._params_dirty = True
        self._current.update()

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last forward."""
        self._require_ready()
        return self._current.get_outputs(merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients of the data of the last backward. Raises: AssertionError unless bound with inputs_need_grad."""
        self._require_ready()
        require(self.inputs_need_grad, "bind with inputs_need_grad=True to get gradients of the data")
        return self._current.get_input_grads(merge_multi_context)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric with labels and the last outputs."""
        self._require_ready()
        self._current.update_metric(eval_metric, labels, pre_sliced)

    # Checkpoints

    def save_checkpoint(self, prefix: str, epoch: int, remove_amp_cast: bool = False) -> None:
        """Save the parameters, the symbol of each bucket as ``prefix-KEY-symbol.json``, and their keys.

        Raises: MXNetError if the keys aren't integers, or tuples of equal length of integers.
        """
        self._require_ready()
        keys = np.array(list(self._buckets))
        if keys.dtype.kind not in "iu":
            raise MXNetError(f"save_checkpoint: the bucket keys are {list(self._buckets)}; only integers can be saved.")
        for key, module in self._buckets.items():
            module.symbol.save(f"{prefix}-{key}-symbol.json", remove_amp_cast=remove_amp_cast)
        nd.save(f"{prefix}.buckets", nd.array(keys, dtype=np.int32))
        self.save_params(f"{prefix}-{epoch:04d}.params")

    @staticmethod
    def load(
        prefix: str, epoch: int, sym_gen: Any = None, default_bucket_key: Any = None, **kwargs: Any
    ) -> BucketingModule:
        """A module from a checkpoint; sym_gen, default_bucket_key and kwargs as for the constructor.

        Raises: AssertionError without sym_gen or default_bucket_key; MXNetError if a file can't be read.
        """
        require(sym_gen is not None, "sym_gen is required for loading BucketingModule")
        require(default_bucket_key is not None, "default_bucket_key is required for loading BucketingModule")
        keys = [
            tuple(key) if isinstance(key, list) else key for key in nd.load(f"{prefix}.buckets")[0].asnumpy().tolist()
        ]
        symbols = {key: sym.load(f"{prefix}-{key}-symbol.json") for key in keys}
        return BucketingModule.load_dict(symbols, sym_gen, default_bucket_key, *load_params(prefix, epoch), **kwargs)

    @staticmethod
    def load_dict(
        sym_dict: Any = None, sym_gen: Any = None, default_bucket_key: Any = None, arg_params: Any = None,
        aux_params: Any = None, **kwargs: Any,
    ) -> BucketingModule:  # fmt: skip
        """A module from symbols by bucket key, and parameters.

        Args:
            sym_dict: saved symbols by key; they stand for those that sym_gen would make, which gives only the names.
            sym_gen, default_bucket_key, kwargs: as for the constructor.
            arg_params, aux_params: parameters and auxiliary states by name.
        """
        require(sym_gen is not None, "sym_gen is required for loading BucketingModule")
        saved = dict(sym_dict or {})

        def generate(key: Any) -> Any:
            symbol, data_names, label_names = sym_gen(key)
            return saved.get(key, symbol), data_names, label_names

        module = BucketingModule(generate, default_bucket_key, **kwargs)
        module._loaded = (dict(arg_params or {}), dict(aux_params or {}))
        module.params_initialized = True
        return module
