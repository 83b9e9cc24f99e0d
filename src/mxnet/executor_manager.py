"""The older interface to executors on several devices, on top of `mx.module.executor_group`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from .base import MXNetError
from .context import Context
from .module.executor_group import DataParallelExecutorGroup as _Group
from .module.executor_group import split_batch
from .ndarray import NDArray

__all__ = ["DataParallelExecutorGroup", "DataParallelExecutorManager"]


def _split_input_slice(batch_size: int, work_load_list: Sequence[float]) -> list[slice]:
    """A slice of the batch for each device. Raises: ValueError if one is empty."""
    return split_batch(batch_size, work_load_list)


class DataParallelExecutorGroup:
    """Executors of a symbol, one for each slice of a batch.

    Args:
        sym: Symbol.
        arg_names, param_names: its arguments, and those that are parameters.
        ctx: devices.
        slices: slice of the batch for each device.
        train_data: iterator or batch with provide_data and provide_label.
        shared_group: a group whose parameters are used here too.

    Attributes: train_execs, the executors; param_arrays, grad_arrays, aux_arrays, for each name its arrays on all
    devices; data_arrays, label_arrays, for each input pairs of slice and array.
    """

    def __init__(
        self, sym: Any, arg_names: Sequence[str], param_names: Sequence[str], ctx: list[Context], slices: list[slice],
        train_data: Any, shared_group: DataParallelExecutorGroup | None = None,
    ):  # fmt: skip
        if list(arg_names) != sym.list_arguments():
            raise MXNetError(f"arg_names is {list(arg_names)}; the symbol has the arguments {sym.list_arguments()}.")
        self.slices = slices
        self.param_names = list(param_names)
        self.aux_names = sym.list_auxiliary_states()
        self.param_idx = [index for index, name in enumerate(arg_names) if name in self.param_names]
        self._group = _Group(
            sym, ctx, [part.stop - part.start for part in slices], train_data.provide_data, train_data.provide_label,
            [arg_names[index] for index in self.param_idx], True, False, shared_group and shared_group._group,
        )  # fmt: skip
        self.data_names, self.label_names = self._group.data_names, self._group.label_names
        self.train_execs = self._group.execs
        self.param_arrays, self.grad_arrays = self._group.param_arrays, self._group.grad_arrays
        self.aux_arrays = self._group.aux_arrays
        self.data_arrays = [list(zip(slices, arrays, strict=True)) for arrays in self._group.data_arrays]
        self.label_arrays = [list(zip(slices, arrays, strict=True)) for arrays in self._group.label_arrays]

    def load_data_batch(self, data_batch: Any) -> None:
        """Copy data and labels of a batch to the devices. Raises: MXNetError if shapes don't fit."""
        for sources, targets in ((data_batch.data, self.data_arrays), (data_batch.label, self.label_arrays)):
            if len(sources) != len(targets):
                raise MXNetError(f"The batch has {len(sources)} arrays; expected {len(targets)}.")
            for source, parts in zip(sources, targets, strict=True):
                for part, target in parts:
                    source[part].copyto(target)

    def forward(self, is_train: bool = False) -> None:
        """Compute the outputs on all devices."""
        for executor in self.train_execs:
            executor.forward(is_train=is_train)

    def backward(self) -> None:
        """Compute the gradients on all devices."""
        for executor in self.train_execs:
            executor.backward()

    def update_metric(self, metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric with labels of a whole batch (pre_sliced: lists of them for each device) and the outputs."""
        for device, (executor, part) in enumerate(zip(self.train_execs, self.slices, strict=True)):
            own = labels[device] if pre_sliced else [label[part] for label in labels]
            metric.update(own, executor.outputs)


class DataParallelExecutorManager:
    """Executors on several devices, for one symbol or one for each bucket key.

    Args:
        symbol: Symbol.
        ctx: devices.
        train_data: iterator.
        arg_names, param_names, aux_names: arguments, parameters and auxiliary states of the symbol.
        work_load_list: share of the work of each device; default equal shares.
        logger: where to report; default the root logger.
        sym_gen: a function from a bucket key to a symbol, for batches with bucket_key.
    Raises: AssertionError if work_load_list has another length than ctx; ValueError if a device would get nothing.
    """

    def __init__(
        self, symbol: Any, ctx: list[Context], train_data: Any, arg_names: Sequence[str], param_names: Sequence[str],
        aux_names: Sequence[str], work_load_list: Sequence[float] | None = None, logger: Any = None,
        sym_gen: Callable[[Any], Any] | None = None,
    ):  # fmt: skip
        (logger or logging).info("Start training with %s", str(ctx))
        if work_load_list is None:
            work_load_list = [1] * len(ctx)
        if len(work_load_list) != len(ctx):
            raise AssertionError(
                f"Invalid settings for work load: {len(work_load_list)} shares for {len(ctx)} devices."
            )
        self.arg_names, self.param_names, self.aux_names = arg_names, param_names, aux_names
        self.ctx = ctx
        self.slices = split_batch(train_data.batch_size, work_load_list)
        self.symbol = symbol
        self.sym_gen = sym_gen
        self.execgrp = DataParallelExecutorGroup(symbol, arg_names, param_names, ctx, self.slices, train_data)
        self.curr_execgrp = self.execgrp
        self._by_bucket = {getattr(train_data, "default_bucket_key", None): self.execgrp} if sym_gen else {}

    def install_monitor(self, monitor: Any) -> None:
        """Let a Monitor watch all executors. Raises: NotImplementedError with sym_gen, as in MXNet."""
        if self.sym_gen is not None:
            raise NotImplementedError("Monitoring is not implemented for bucketing")
        for executor in self.execgrp.train_execs:
            monitor.install(executor)

    def set_params(self, arg_params: dict[str, NDArray], aux_params: dict[str, NDArray]) -> None:
        """Copy parameters and auxiliary states to all devices."""
        for executor in self.execgrp.train_execs:
            executor.copy_params_from(arg_params, aux_params)

    def copy_to(self, arg_params: dict[str, NDArray], aux_params: dict[str, NDArray]) -> None:
        """Copy the mean over all devices of each parameter and auxiliary state into the arrays of these dicts."""
        self.execgrp._group.get_params(arg_params, aux_params)

    @property
    def param_arrays(self) -> list[list[NDArray]]:
        """For each parameter its arrays on all devices."""
        return self.execgrp.param_arrays

    @property
    def grad_arrays(self) -> list[list[Any]]:
        """For each parameter its gradients on all devices."""
        return self.execgrp.grad_arrays

    @property
    def aux_arrays(self) -> list[list[NDArray]]:
        """For each auxiliary state its arrays on all devices."""
        return self.execgrp.aux_arrays

    def load_data_batch(self, data_batch: Any) -> None:
        """Copy a batch to the devices; with sym_gen to the executors of its bucket, made when it is new."""
        if self.sym_gen is not None:
            key = data_batch.bucket_key
            if key not in self._by_bucket:
                symbol = self.sym_gen(key)
                self._by_bucket[key] = DataParallelExecutorGroup(
                    symbol, symbol.list_arguments(), self.param_names, self.ctx, self.slices, data_batch, self.execgrp
                )
            self.curr_execgrp = self._by_bucket[key]
        self.curr_execgrp.load_data_batch(data_batch)

    def forward(self, is_train: bool = False) -> None:
        """Compute the outputs on all devices."""
        self.curr_execgrp.forward(is_train=is_train)

    def backward(self) -> None:
        """Compute the gradients on all devices."""
        self.curr_execgrp.backward()

    def update_metric(self, metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric with labels and the outputs."""
        self.curr_execgrp.update_metric(metric, labels, pre_sliced)
