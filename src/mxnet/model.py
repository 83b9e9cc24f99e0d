"""Checkpoints, what training loops share, and the deprecated class FeedForward."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections import namedtuple
from typing import TYPE_CHECKING, Any

import numpy as np

from . import initializer as init
from . import metric
from . import symbol as sym
from .base import MXNetError
from .callback import LogValidationMetricsCallback
from .context import Context, cpu, current_context
from .kvstore import KVStoreBase
from .kvstore import create as create_kvstore
from .ndarray import NDArray, load, save

if TYPE_CHECKING:
    from .module import Module

__all__ = ["BatchEndParam", "FeedForward", "load_checkpoint", "load_params", "save_checkpoint"]

BatchEndParam = namedtuple("BatchEndParams", ["epoch", "nbatch", "eval_metric", "locals"])
BatchEndParam.__doc__ = "What callbacks get after a batch: epoch, number of the batch, metric, and local variables."


# Checkpoints


def save_checkpoint(
    prefix: str, epoch: int, symbol: Any, arg_params: dict[str, NDArray], aux_params: dict[str, NDArray],
    remove_amp_cast: bool = True,
) -> None:  # fmt: skip
    """Save a symbol as ``prefix-symbol.json`` and its parameters as ``prefix-0001.params``, with the epoch's number.

    Args:
        prefix: path without the ending.
        epoch: number of the epoch.
        symbol: Symbol; None saves parameters only.
        arg_params, aux_params: parameters and auxiliary states by name.
        remove_amp_cast: leave out the casts that automatic mixed precision put in.
    """
    if symbol is not None:
        symbol.save(f"{prefix}-symbol.json", remove_amp_cast=remove_amp_cast)
    named = {f"arg:{name}": value.as_in_context(cpu()) for name, value in arg_params.items()}
    named.update((f"aux:{name}", value.as_in_context(cpu())) for name, value in aux_params.items())
    path = f"{prefix}-{epoch:04d}.params"
    save(path, named)
    logging.info('Saved checkpoint to "%s"', path)


def load_params(prefix: str, epoch: int) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """Parameters and auxiliary states of a checkpoint.

    Raises: MXNetError if the file can't be read; ValueError if its names are others than ``arg:name``, ``aux:name``.
    """
    path = f"{prefix}-{epoch:04d}.params"
    loaded = load(path)
    params: dict[str, dict[str, NDArray]] = {"arg": {}, "aux": {}}
    if not loaded:
        logging.warning("Params file '%s' is empty", path)
        return params["arg"], params["aux"]
    if not isinstance(loaded, dict):
        raise ValueError(f"{path} holds arrays without names; expected names such as arg:fc1_weight. Use mx.nd.load.")
    for key, value in loaded.items():
        kind, _, name = key.partition(":")
        if not name:
            raise ValueError(f"{path} holds the name {key!r}; expected arg:name or aux:name. Use mx.nd.load.")
        if kind in params:
            params[kind][name] = value
    return params["arg"], params["aux"]


def load_checkpoint(prefix: str, epoch: int) -> tuple[Any, dict[str, NDArray], dict[str, NDArray]]:
    """Symbol, parameters and auxiliary states of a checkpoint; see `save_checkpoint` and `load_params`."""
    symbol = sym.load(f"{prefix}-symbol.json")
    return symbol, *load_params(prefix, epoch)


# Parameters and stores


def _create_kvstore(kvstore: Any, num_device: int, arg_params: dict[str, NDArray]) -> tuple[Any, bool]:
    """The store that is needed for a number of devices, None if none is, and whether it shall update the parameters.

    Args:
        kvstore: None, a store, or the name of one.
        num_device: number of devices in this process.
        arg_params: the parameters.
    Raises: TypeError for other stores; MXNetError for an unknown name.
    """
    update_on_kvstore = os.environ.get("MXNET_UPDATE_ON_KVSTORE", "1") not in ("0", "false", "False")
    if kvstore is None:
        store = None
    elif isinstance(kvstore, KVStoreBase):
        store = kvstore
    elif isinstance(kvstore, str):
        store = create_kvstore(kvstore)  # checks the name even where no store is needed
        if num_device == 1:
            store = None
        elif kvstore == "local":
            largest = max((value.size for value in arg_params.values()), default=0)
            if largest > 1024 * 1024 * 16:
                update_on_kvstore = False
    else:
        raise TypeError("kvstore must be KVStore, str or None")
    if store is None or not store.is_capable(KVStoreBase.OPTIMIZER):
        update_on_kvstore = False
    return store, update_on_kvstore


def _initialize_kvstore(
    kvstore: Any, param_arrays: list[list[NDArray]], arg_params: dict[str, NDArray], param_names: list[str],
    update_on_kvstore: bool,
) -> None:  # fmt: skip
    """Put the parameters into a store and, if it updates them, its values on all devices."""
    for name, arrays in zip(param_names, param_arrays, strict=True):
        if update_on_kvstore:
            kvstore.broadcast(name, arg_params[name], out=arrays)
        elif hasattr(kvstore, "init"):
            kvstore.init(name, arg_params[name])


def _update_params_on_kvstore(
    param_arrays: list[list[NDArray]], grad_arrays: list[list[NDArray | None]], kvstore: Any, param_names: list[str],
    fetch_rows: bool = True,
) -> None:  # fmt: skip
    """Let the store update the parameters with the gradients of all devices.

    fetch_rows says whether the new values of row_sparse parameters are needed before `row_sparse_pull` gets them.
    """
    for name, arrays, grads in zip(param_names, param_arrays, grad_arrays, strict=True):
        if grads[0] is None:
            continue
        if arrays[0].stype == "default" or fetch_rows:
            kvstore.pushpull(name, grads, out=arrays)
        else:
            kvstore.push(name, grads)


def _update_params(
    param_arrays: list[list[NDArray]], grad_arrays: list[list[NDArray | None]], updater: Any, num_device: int,
    kvstore: Any = None, param_names: list[str] | None = None,
) -> None:  # fmt: skip
    """Join the gradients in the store, if there is one, and update the parameters on each device."""
    updates: list[list[tuple[int, NDArray, NDArray]]] = [[] for _ in range(num_device)]
    for index, (arrays, grads) in enumerate(zip(param_arrays, grad_arrays, strict=True)):
        if grads[0] is None:
            continue
        if kvstore is not None:
            kvstore.pushpull(param_names[index] if param_names else index, grads)
        for device, (weight, grad) in enumerate(zip(arrays, grads, strict=True)):
            updates[device].append((index * num_device + device, grad, weight))
    for of_device in updates:
        if of_device:
            updater(*map(list, zip(*of_device, strict=True)))


# FeedForward


class FeedForward:
    """A network with its training: deprecated in favour of `mx.mod.Module`.

    Args:
        symbol: Symbol, or a function from a bucket key to one, for training data with default_bucket_key.
        ctx: device or list of devices; default the current context.
        num_epoch: number of epochs.
        epoch_size: batches in an epoch; default all of the training data.
        optimizer: Optimizer or name of one.
        initializer: Initializer.
        numpy_batch_size: batch size where data are given as arrays.
        arg_params, aux_params: parameters and auxiliary states to begin with.
        allow_extra_params: allow names in them that the symbol does not have.
        begin_epoch: number of the first epoch.
        kwargs: arguments of the optimizer.
    """

    def __init__(
        self, symbol: Any, ctx: Any = None, num_epoch: int | None = None, epoch_size: int | None = None,
        optimizer: Any = "sgd", initializer: Any = init.Uniform(0.01), numpy_batch_size: int = 128,
        arg_params: Any = None, aux_params: Any = None, allow_extra_params: bool = False, begin_epoch: int = 0,
        **kwargs: Any,
    ):  # fmt: skip
        warnings.warn(
            "mxnet.model.FeedForward has been deprecated. Please use mxnet.mod.Module instead.", DeprecationWarning,
            stacklevel=2,
        )  # fmt: skip
        self.symbol = None if not isinstance(symbol, sym.Symbol) else symbol
        self.sym_gen = None if isinstance(symbol, sym.Symbol) else symbol
        self.arg_params = arg_params
        self.aux_params = aux_params
        self.allow_extra_params = allow_extra_params
        ctx = current_context() if ctx is None else ctx
        self.ctx = [ctx] if isinstance(ctx, Context) else list(ctx)
        self.num_epoch = num_epoch
        self.epoch_size = epoch_size
        self.kwargs = kwargs.copy()
        self.optimizer = optimizer
        self.initializer = initializer
        self.numpy_batch_size = numpy_batch_size
        self.begin_epoch = begin_epoch
        self._check_arguments()

    def _check_arguments(self) -> None:
        """Drop parameters that the symbol doesn't have, if that is allowed."""
        if self.symbol is None:
            return
        for kind, names in (
            ("arg_params", set(self.symbol.list_arguments())), ("aux_params", set(self.symbol.list_auxiliary_states())),
        ):  # fmt: skip
            given = getattr(self, kind)
            if given and self.allow_extra_params:
                setattr(self, kind, {name: value for name, value in given.items() if name in names})

    def _iterator(self, X: Any, y: Any, is_train: bool) -> Any:
        """An iterator over arrays, or the iterator that is given."""
        from .io import DataIter, NDArrayIter

        if not isinstance(X, NDArray | np.ndarray):
            if not isinstance(X, DataIter) and not (hasattr(X, "reset") and hasattr(X, "provide_data")):
                raise TypeError("X must be DataIter, NDArray or numpy.ndarray")
            return X
        if y is None:
            if is_train:
                raise ValueError("y must be specified when X is numpy.ndarray")
            y = np.zeros(X.shape[0])
        y = np.asarray(y.asnumpy() if isinstance(y, NDArray) else y)
        if X.shape[0] != y.shape[0]:
            raise ValueError("The numbers of data points and labels not equal")
        if y.ndim == 2 and y.shape[1] == 1:
            y = y.ravel()
        if y.ndim != 1:
            raise ValueError("Label must be 1D or 2D (with 2nd dimension being 1)")
        size = min(X.shape[0], self.numpy_batch_size)
        if is_train:
            return NDArrayIter(X, y, size, shuffle=True, last_batch_handle="roll_over")
        return NDArrayIter(X, y, size, shuffle=False)

    def _validation_iterator(self, eval_data: Any) -> Any:
        if isinstance(eval_data, tuple | list) and len(eval_data) == 2:
            X, y = eval_data
            if X is None:
                raise ValueError("Eval data is NONE")
            if y is None and hasattr(X, "provide_data"):
                return X
            as_array = lambda value: np.asarray(value) if isinstance(value, list) else value
            return self._iterator(as_array(X), as_array(y), is_train=True)
        if eval_data is None or hasattr(eval_data, "provide_data"):
            return eval_data
        raise TypeError("Eval data must be DataIter, or NDArray/numpy.ndarray/list pair (i.e. tuple/list of length 2)")

    def _module(self, data: Any, work_load_list: Any = None) -> Any:
        from .module import BucketingModule, Module

        data_names = [desc[0] for desc in data.provide_data]
        label_names = [desc[0] for desc in data.provide_label or ()]
        if self.sym_gen is not None:
            if not hasattr(data, "default_bucket_key"):
                raise MXNetError(
                    "FeedForward: symbol is a function of a bucket key, but the data have no default_bucket_key. "
                    "Give a Symbol, or an iterator with buckets."
                )
            generate = lambda key: (self.sym_gen(key), data_names, label_names)
            return BucketingModule(
                generate, default_bucket_key=data.default_bucket_key, context=self.ctx,
                work_load_list=work_load_list,
            )  # fmt: skip
        used = set(self.symbol.list_arguments())
        label_names = [name for name in label_names if name in used]
        return Module(self.symbol, data_names, label_names, context=self.ctx, work_load_list=work_load_list)

    def _bound_predictor(self, data: Any) -> Module:
        """A module with the parameters, bound for prediction to the shapes of the data."""
        if self.arg_params is None:
            raise MXNetError("FeedForward: there are no parameters yet; call fit first, or give arg_params.")
        module = self._module(data)
        shapes = [desc for desc in data.provide_label or () if desc[0] in module.label_names]
        module.bind(data.provide_data, shapes or None, for_training=False)
        module.set_params(self.arg_params, self.aux_params or {}, allow_extra=True)
        return module

    def predict(self, X: Any, num_batch: int | None = None, return_data: bool = False, reset: bool = True) -> Any:
        """Outputs for data, as NumPy arrays.

        Args:
            X: iterator or array.
            num_batch: number of batches; default all.
            return_data: give data and labels too, without padding.
            reset: whether to reset the iterator first.
        Returns: the output, or a list of them; with return_data a tuple with data and labels.
        Raises: MXNetError if there are no parameters yet, or shapes don't fit.
        """
        X = self._iterator(X, None, is_train=False)
        if reset:
            X.reset()
        module = self._bound_predictor(X)
        rows: list[list[list[Any]]] = []
        for outputs, _, batch in module.iter_predict(X, num_batch, reset=False):
            count = batch.data[0].shape[0] - (batch.pad or 0)
            parts = (outputs, batch.data, batch.label or ())
            rows.append([[value[:count].asnumpy() for value in part] for part in parts])
        if not rows:
            raise MXNetError("FeedForward.predict: the data give no batch; reset the iterator, or pass reset=True.")
        joined = []
        for part in zip(*rows, strict=True):
            merged = [np.concatenate(pieces) for pieces in zip(*part, strict=True)]
            joined.append(merged[0] if len(merged) == 1 else merged)
        return tuple(joined) if return_data else joined[0]

    def score(
        self, X: Any, eval_metric: Any = "acc", num_batch: int | None = None, batch_end_callback: Any = None,
        reset: bool = True,
    ) -> Any:  # fmt: skip
        """The value of a metric.

        Args:
            X: iterator, or array (then all labels are 0).
            eval_metric: metric, its name, or a list of them.
            num_batch, reset: as for `predict`.
            batch_end_callback: called with a BatchEndParam after each batch; may be a list.
        """
        if not isinstance(eval_metric, metric.EvalMetric):
            eval_metric = metric.create(eval_metric)
        X = self._iterator(X, None, is_train=False)
        if reset:
            X.reset()
        self._bound_predictor(X).score(X, eval_metric, num_batch, batch_end_callback, reset=False)
        return eval_metric.get()[1]

    def fit(
        self, X: Any, y: Any = None, eval_data: Any = None, eval_metric: Any = "acc", epoch_end_callback: Any = None,
        batch_end_callback: Any = None, kvstore: Any = "local", logger: Any = None, work_load_list: Any = None,
        monitor: Any = None, eval_end_callback: Any = LogValidationMetricsCallback(),
        eval_batch_end_callback: Any = None,
    ) -> None:  # fmt: skip
        """Train.

        Args:
            X, y: iterator, or arrays of data and labels, which are shuffled.
            eval_data: iterator, or pair of arrays.
            eval_metric, epoch_end_callback, batch_end_callback, kvstore, monitor, eval_end_callback,
                eval_batch_end_callback: as for `BaseModule.fit`.
            logger: where to report; default the root logger.
            work_load_list: share of the work of each device.
        """
        from .module.base_module import _call, as_list

        if self.num_epoch is None:
            raise AssertionError("FeedForward.fit: num_epoch is missing; give it to the constructor.")
        logger = logger or logging
        data = self._iterator(X, y, is_train=True)
        validation = self._validation_iterator(eval_data)
        if not isinstance(eval_metric, metric.EvalMetric):
            eval_metric = metric.create(eval_metric)
        module = self._module(data, work_load_list)
        module.bind(data.provide_data, data.provide_label)
        module.init_params(
            self.initializer, self.arg_params, self.aux_params, allow_missing=True, force_init=True,
            allow_extra=self.allow_extra_params,
        )  # fmt: skip
        module.init_optimizer(kvstore, self.optimizer, self.kwargs)
        if monitor is not None:
            module.install_monitor(monitor)
        logger.info("Start training with %s", self.ctx)
        data.reset()
        for epoch in range(self.begin_epoch, self.num_epoch):
            tic = time.time()
            eval_metric.reset()
            nbatch = 0
            while True:  # until epoch_size batches are seen, or all
                at_end = True
                for data_batch in data:
                    if monitor is not None:
                        monitor.tic()
                    module.forward_backward(data_batch)
                    module.update()
                    if monitor is not None:
                        monitor.toc_print()
                    module.update_metric(eval_metric, data_batch.label)
                    nbatch += 1
                    _call(batch_end_callback, BatchEndParam(epoch, nbatch, eval_metric, locals()))
                    if nbatch == self.epoch_size:
                        at_end = False
                        break
                if at_end:
                    logger.info("Epoch[%d] Resetting Data Iterator", epoch)
                    data.reset()
                if self.epoch_size is None or nbatch >= self.epoch_size:
                    break
                if not nbatch:
                    raise MXNetError("FeedForward.fit: the data give no batch.")
            logger.info("Epoch[%d] Time cost=%.3f", epoch, time.time() - tic)
            self.arg_params, self.aux_params = module.get_params()
            for callback in as_list(epoch_end_callback or []):
                callback(epoch, module.symbol, self.arg_params, self.aux_params)
            if validation is not None:
                module.score(
                    validation, eval_metric, batch_end_callback=eval_batch_end_callback,
                    score_end_callback=eval_end_callback, epoch=epoch,
                )  # fmt: skip
                validation.reset()

    def save(self, prefix: str, epoch: int | None = None, remove_amp_cast: bool = True) -> None:
        """Save a checkpoint; see `save_checkpoint`. epoch is num_epoch by default.

        Raises: AssertionError without an epoch; MXNetError without parameters.
        """
        epoch = self.num_epoch if epoch is None else epoch
        if epoch is None:
            raise AssertionError("FeedForward.save: epoch is missing.")
        if self.arg_params is None:
            raise MXNetError("FeedForward.save: there are no parameters yet; call fit first.")
        save_checkpoint(prefix, epoch, self.symbol, self.arg_params, self.aux_params or {}, remove_amp_cast)

    @staticmethod
    def load(prefix: str, epoch: int, ctx: Any = None, **kwargs: Any) -> FeedForward:
        """A model from a checkpoint, to use or to go on training from its epoch; kwargs as for the constructor."""
        symbol, arg_params, aux_params = load_checkpoint(prefix, epoch)
        return FeedForward(
            symbol, ctx=ctx, arg_params=arg_params, aux_params=aux_params, begin_epoch=epoch, **kwargs
        )  # fmt: skip

    @staticmethod
    def create(
        symbol: Any, X: Any, y: Any = None, ctx: Any = None, num_epoch: int | None = None,
        epoch_size: int | None = None, optimizer: Any = "sgd", initializer: Any = init.Uniform(0.01),
        eval_data: Any = None, eval_metric: Any = "acc", epoch_end_callback: Any = None, batch_end_callback: Any = None,
        kvstore: Any = "local", logger: Any = None, work_load_list: Any = None,
        eval_end_callback: Any = LogValidationMetricsCallback(), eval_batch_end_callback: Any = None, **kwargs: Any,
    ) -> FeedForward:  # fmt: skip
        """Make a model and train it; see the constructor and `fit`."""
        model = FeedForward(
            symbol, ctx=ctx, num_epoch=num_epoch, epoch_size=epoch_size, optimizer=optimizer, initializer=initializer,
            **kwargs,
        )  # fmt: skip
        model.fit(
            X, y, eval_data=eval_data, eval_metric=eval_metric, epoch_end_callback=epoch_end_callback,
            batch_end_callback=batch_end_callback, kvstore=kvstore, logger=logger, work_load_list=work_load_list,
            eval_end_callback=eval_end_callback, eval_batch_end_callback=eval_batch_end_callback,
        )  # fmt: skip
        return model
