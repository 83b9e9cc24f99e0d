"""BaseModule: the interface of modules, and training, scoring and predicting on top of it."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import metric
from ..base import MXNetError
from ..initializer import Uniform
from ..io import DataBatch, DataDesc, DataIter
from ..model import BatchEndParam
from ..ndarray import NDArray, array, concat, load, save

__all__ = ["BaseModule"]


def require(condition: Any, message: str) -> None:
    """Raise AssertionError, as MXNet does where methods are called out of order, unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def as_list(value: Any) -> list[Any]:
    """A list of callbacks, metrics and so on, of which there may be one or several."""
    return list(value) if isinstance(value, list | tuple) else [value]


def describe(shapes: Any) -> list[DataDesc]:
    """Descriptions from DataDesc or tuples (name, shape, dtype, layout) of which the last two may be missing."""
    return [shape if isinstance(shape, DataDesc) else DataDesc(*shape) for shape in shapes]


def check_input_names(symbol: Any, names: Sequence[str], kind: str, must_exist: bool) -> None:
    """Check that the symbol has arguments of these names.

    Raises: ValueError naming those that it could be if one does not exist; only a warning unless must_exist.
    """
    arguments = symbol.list_arguments()
    for name in names:
        if name not in arguments:
            parameters = ("_weight", "_bias", "_gamma", "_beta")
            candidates = "\n\t".join(argument for argument in arguments if not argument.endswith(parameters))
            message = (
                f"You created Module with Module(..., {kind}={names}) but input with name '{name}' is not found in "
                f"symbol.list_arguments(). Did you mean one of:\n\t{candidates}"
            )
            if must_exist:
                raise ValueError(message)
            warnings.warn(message, stacklevel=4)


def check_shape_names(shapes: Sequence[DataDesc], names: Sequence[str], kind: str, must_match: bool) -> None:
    """Check that shapes are given for exactly these names; only a warning unless must_match."""
    if sorted(shape.name for shape in shapes) != sorted(names):
        message = (
            f"Data provided by {kind}_shapes don't match names specified by {kind}_names ({list(shapes)} vs. {names})"
        )
        if must_match:
            raise ValueError(message)
        warnings.warn(message, stacklevel=4)


class BaseModule:
    """Something with parameters that computes outputs from data and learns from labels.

    The order of calls is bind, init_params, init_optimizer, then forward, backward and update for each batch; `fit`
    does all of it.

    Args:
        logger: where `fit` reports; default the root logger.

    Attributes: binded, for_training, inputs_need_grad, params_initialized, optimizer_initialized tell the state.
    """

    def __init__(self, logger: Any = logging):
        self.logger = logger
        self.binded = False
        self.for_training = False
        self.inputs_need_grad = False
        self.params_initialized = False
        self.optimizer_initialized = False
        self._symbol: Any = None
        self._total_exec_bytes = 0

    # Training and use

    def _require_ready(self) -> None:
        require(self.binded, "call bind first: the module isn't bound to shapes yet")
        require(self.params_initialized, "call init_params first: there are no parameters yet")

    def forward_backward(self, data_batch: DataBatch) -> None:
        """`forward` in training mode, then `backward`."""
        self.forward(data_batch, is_train=True)
        self.backward()

    def score(
        self, eval_data: Any, eval_metric: Any, num_batch: int | None = None, batch_end_callback: Any = None,
        score_end_callback: Any = None, reset: bool = True, epoch: int = 0, sparse_row_id_fn: Any = None,
    ) -> list[tuple[str, float]]:  # fmt: skip
        """Evaluate the outputs for the batches of an iterator against their labels.

        Args:
            eval_data: iterator.
            eval_metric: metric, its name, or a list of them.
            num_batch: number of batches; default all.
            batch_end_callback: called with a BatchEndParam after each batch; may be a list.
            score_end_callback: called with a BatchEndParam at the end; may be a list.
            reset: whether to reset the iterator first.
            epoch: number for the callbacks.
            sparse_row_id_fn: as for `prepare`.
        Returns: pairs of name and value. Examples that only fill up the last batch count too, as in MXNet.
        """
        self._require_ready()
        if reset:
            eval_data.reset()
        eval_metric = _create_metric(eval_metric)
        eval_metric.reset()
        actual_num_batch = 0
        for nbatch, eval_batch in enumerate(eval_data):
            if nbatch == num_batch:
                break
            self.prepare(eval_batch, sparse_row_id_fn=sparse_row_id_fn)
            self.forward(eval_batch, is_train=False)
            self._update_metric(eval_metric, eval_batch)
            _call(batch_end_callback, BatchEndParam(epoch, nbatch, eval_metric, locals()))
            actual_num_batch += 1
        _call(score_end_callback, BatchEndParam(epoch, actual_num_batch, eval_metric, locals()))
        return eval_metric.get_name_value()

    def _update_metric(self, eval_metric: Any, batch: Any) -> None:
        if isinstance(batch, list):
            self.update_metric(eval_metric, [part.label for part in batch], pre_sliced=True)
        else:
            self.update_metric(eval_metric, batch.label)

    def iter_predict(
        self, eval_data: Any, num_batch: int | None = None, reset: bool = True, sparse_row_id_fn: Any = None
    ) -> Iterator[tuple[list[NDArray], int, DataBatch]]:
        """Outputs, number and batch for each batch of an iterator; the outputs are without padding, and are views that
        are valid until the next batch. Arguments as for `score`."""
        self._require_ready()
        if reset:
            eval_data.reset()
        for nbatch, eval_batch in enumerate(eval_data):
            if nbatch == num_batch:
                break
            self.prepare(eval_batch, sparse_row_id_fn=sparse_row_id_fn)
            self.forward(eval_batch, is_train=False)
            pad = eval_batch.pad or 0
            yield [output[0 : output.shape[0] - pad] for output in self.get_outputs()], nbatch, eval_batch

    def predict(
        self, eval_data: Any, num_batch: int | None = None, merge_batches: bool = True, reset: bool = True,
        always_output_list: bool = False, sparse_row_id_fn: Any = None,
    ) -> Any:  # fmt: skip
        """The outputs for all batches of an iterator, or for one array.

        Args:
            eval_data: iterator, or an array with the data of one batch.
            num_batch, reset, sparse_row_id_fn: as for `score`.
            merge_batches: join the batches; else give a list of outputs for each batch.
            always_output_list: give a list of outputs even if there is only one.
        Returns: the outputs, without padding: an NDArray if there is one, else a list of them.
        Raises: ValueError for other data, or if batches that should be joined have different numbers of outputs.
        """
        self._require_ready()
        if isinstance(eval_data, NDArray | np.ndarray):
            data = array(eval_data) if isinstance(eval_data, np.ndarray) else eval_data
            self.forward(DataBatch([data]), is_train=False)
            return self.get_outputs()[0]
        if not isinstance(eval_data, DataIter) and not (hasattr(eval_data, "reset") and hasattr(eval_data, "__iter__")):
            raise ValueError("eval_data must be of type NDArray or DataIter")
        batches = [
            [output.copy() for output in outputs]
            for outputs, _, _ in self.iter_predict(eval_data, num_batch, reset, sparse_row_id_fn)
        ]
        if not batches or not merge_batches:
            return batches
        if len({len(outputs) for outputs in batches}) > 1:
            raise ValueError(
                "Cannot merge batches, as num of outputs is not the same in mini-batches. Maybe bucketing is used?"
            )
        merged = [concat(*parts, dim=0) if len(parts) > 1 else parts[0] for parts in zip(*batches, strict=True)]
        return merged[0] if len(merged) == 1 and not always_output_list else merged

    def fit(
        self, train_data: Any, eval_data: Any = None, eval_metric: Any = "acc", epoch_end_callback: Any = None,
        batch_end_callback: Any = None, kvstore: Any = "local", optimizer: Any = "sgd",
        optimizer_params: Any = (("learning_rate", 0.01),), eval_end_callback: Any = None,
        eval_batch_end_callback: Any = None, initializer: Any = Uniform(0.01), arg_params: Any = None,
        aux_params: Any = None, allow_missing: bool = False, force_rebind: bool = False, force_init: bool = False,
        begin_epoch: int = 0, num_epoch: int | None = None, validation_metric: Any = None, monitor: Any = None,
        sparse_row_id_fn: Any = None,
    ) -> None:  # fmt: skip
        """Train: bind, initialise what isn't yet, and run epochs.

        Args:
            train_data, eval_data: iterators; eval_data may be None.
            eval_metric, validation_metric: metric, its name, or a list; for training and validation (default the same).
            epoch_end_callback: called with epoch, symbol, arg_params and aux_params after each epoch; may be a list.
            batch_end_callback: called with a BatchEndParam after each batch; may be a list.
            kvstore, optimizer, optimizer_params: as for `init_optimizer`.
            eval_end_callback, eval_batch_end_callback: called with a BatchEndParam after validation, and after each of
                its batches; may be lists.
            initializer, arg_params, aux_params, allow_missing, force_init: as for `init_params`.
            force_rebind: bind again if the module is bound already.
            begin_epoch, num_epoch: epochs begin_epoch to num_epoch - 1 are run.
            monitor: Monitor to install.
            sparse_row_id_fn: as for `prepare`.
        Raises: AssertionError without num_epoch.
        """
        require(num_epoch is not None, "please specify number of epochs")
        self.bind(
            data_shapes=train_data.provide_data, label_shapes=train_data.provide_label, for_training=True,
            force_rebind=force_rebind,
        )  # fmt: skip
        if monitor is not None:
            self.install_monitor(monitor)
        self.init_params(
            initializer=initializer, arg_params=arg_params, aux_params=aux_params, allow_missing=allow_missing,
            force_init=force_init,
        )  # fmt: skip
        self.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=optimizer_params)
        if validation_metric is None:
            validation_metric = eval_metric
        eval_metric = _create_metric(eval_metric)

        for epoch in range(begin_epoch, num_epoch):
            tic = time.time()
            eval_metric.reset()
            data_iter = iter(train_data)
            data_batch = next(data_iter, None)
            nbatch = 0
            while data_batch is not None:
                if monitor is not None:
                    monitor.tic()
                if isinstance(data_batch, list):
                    self.forward(data_batch, is_train=True)
                    self.backward()
                else:
                    self.forward_backward(data_batch)
                self.update()
                self._update_metric(eval_metric, data_batch)
                next_data_batch = next(data_iter, None)
                if next_data_batch is not None:
                    self.prepare(next_data_batch, sparse_row_id_fn=sparse_row_id_fn)
                if monitor is not None:
                    monitor.toc_print()
                if next_data_batch is None:
                    eval_name_vals = eval_metric.get_global_name_value()
                _call(batch_end_callback, BatchEndParam(epoch, nbatch, eval_metric, locals()))
                data_batch = next_data_batch
                nbatch += 1
            if not nbatch:
                raise MXNetError(f"Epoch[{epoch}]: train_data gives no batch; has it been reset after its last use?")
            for name, value in eval_name_vals:
                self.logger.info("Epoch[%d] Train-%s=%f", epoch, name, value)
            self.logger.info("Epoch[%d] Time cost=%.3f", epoch, time.time() - tic)

            arg_params_now, aux_params_now = self.get_params()
            self.set_params(arg_params_now, aux_params_now)  # one value on all devices
            for callback in as_list(epoch_end_callback or []):
                callback(epoch, self.symbol, arg_params_now, aux_params_now)
            if eval_data is not None:
                scores = self.score(
                    eval_data, validation_metric, score_end_callback=eval_end_callback,
                    batch_end_callback=eval_batch_end_callback, epoch=epoch,
                )  # fmt: skip
                for name, value in scores:
                    self.logger.info("Epoch[%d] Validation-%s=%f", epoch, name, value)
            train_data.reset()

    # Facts

    @property
    def data_names(self) -> list[str]:
        """Names of the data."""
        raise NotImplementedError()

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        raise NotImplementedError()

    @property
    def data_shapes(self) -> list[DataDesc]:
        """Descriptions of the data."""
        raise NotImplementedError()

    @property
    def label_shapes(self) -> list[DataDesc] | None:
        """Descriptions of the labels; None if there are none."""
        raise NotImplementedError()

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Pairs of name and shape of the outputs."""
        raise NotImplementedError()

    @property
    def symbol(self) -> Any:
        """The symbol, None if there is none."""
        return self._symbol

    # Parameters

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Parameters and auxiliary states by name."""
        raise NotImplementedError()

    def init_params(
        self, initializer: Any = Uniform(0.01), arg_params: Any = None, aux_params: Any = None,
        allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Set parameters and auxiliary states for the first time; see `Module.init_params`."""
        raise NotImplementedError()

    def set_params(
        self, arg_params: Any, aux_params: Any, allow_missing: bool = False, force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Set parameters and auxiliary states to given values.

        Args:
            arg_params, aux_params: arrays by name.
            allow_missing: leave those that aren't given as they are.
            force_init: set them even if they have values already.
            allow_extra: ignore names that the module does not have.
        """
        self.init_params(
            initializer=None, arg_params=arg_params, aux_params=aux_params, allow_missing=allow_missing,
            force_init=force_init, allow_extra=allow_extra,
        )  # fmt: skip

    def save_params(self, fname: str) -> None:
        """Save parameters and auxiliary states to a file, under ``arg:name`` and ``aux:name``."""
        arg_params, aux_params = self.get_params()
        named = {f"arg:{name}": value for name, value in arg_params.items()}
        save(fname, {**named, **{f"aux:{name}": value for name, value in aux_params.items()}})

    def load_params(self, fname: str) -> None:
        """Load what save_params wrote. Raises: ValueError if the file has other names."""
        params: dict[str, dict[str, NDArray]] = {"arg": {}, "aux": {}}
        for key, value in load(fname).items():
            kind, _, name = key.partition(":")
            if kind not in params or not name:
                raise ValueError(f"Invalid param file {fname}: {key!r} is neither arg:name nor aux:name")
            params[kind][name] = value
        self.set_params(params["arg"], params["aux"])

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The states; there are none. Raises: AssertionError before init_params."""
        self._require_ready()
        return []

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Set the states; there are none. Raises: AssertionError if any are given, or before init_params."""
        self._require_ready()
        require(not states and not value, "this module has no states")

    def install_monitor(self, mon: Any) -> None:
        """Let a Monitor watch the computation."""
        raise NotImplementedError()

    # Computation

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Prepare for a batch before it is needed.

        sparse_row_id_fn would give the rows of sparse parameters that the batch needs; a module without sparse
        parameters does not call it, and warns.
        """
        if sparse_row_id_fn is not None:
            warnings.warn(f"sparse_row_id_fn is not invoked for {type(self).__name__}.", UserWarning, stacklevel=2)

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs."""
        raise NotImplementedError()

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients."""
        raise NotImplementedError()

    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """The outputs of the last forward."""
        raise NotImplementedError()

    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """The gradients of the data of the last backward."""
        raise NotImplementedError()

    def update(self) -> None:
        """Update the parameters with the gradients."""
        raise NotImplementedError()

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric with labels and the last outputs."""
        raise NotImplementedError()

    # Set-up

    def bind(
        self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False,
        force_rebind: bool = False, shared_module: Any = None, grad_req: Any = "write",
    ) -> None:  # fmt: skip
        """Make what is needed to compute for these shapes; see `Module.bind`."""
        raise NotImplementedError()

    def init_optimizer(
        self, kvstore: Any = "local", optimizer: Any = "sgd", optimizer_params: Any = (("learning_rate", 0.01),),
        force_init: bool = False,
    ) -> None:  # fmt: skip
        """Set up the optimizer; see `Module.init_optimizer`."""
        raise NotImplementedError()


def _create_metric(eval_metric: Any) -> metric.EvalMetric:
    return eval_metric if isinstance(eval_metric, metric.EvalMetric) else metric.create(eval_metric)


def _call(callbacks: Any, params: BatchEndParam) -> None:
    if callbacks is not None:
        for callback in as_list(callbacks):
            callback(params)
