"""DataParallelExecutorGroup: one executor for each device, each with a slice of every batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from ..base import MXNetError
from ..context import Context
from ..executor import bind, infer_storage
from ..io import DataDesc
from ..ndarray import NDArray, concat, zeros
from .base_module import describe, require

__all__ = ["DataParallelExecutorGroup"]

_MAX_EXECUTORS = 8  # for how many shapes of a batch executors are kept


def split_batch(batch_size: int, workload: Sequence[float]) -> list[slice]:
    """A slice of the batch for each device, as large as its share of the workload, rounded; the last takes the rest.

    Raises: ValueError if a slice is empty.
    """
    slices, start = [], 0
    for position, share in enumerate(workload):
        stop = batch_size
        if position < len(workload) - 1:
            stop = min(start + round(batch_size * share / sum(workload)), batch_size)
        if stop <= start:
            raise ValueError(
                f"Too many slices. Some splits are empty: {batch_size} examples for {len(workload)} devices with the "
                f"workload {list(workload)}. Use fewer devices or larger batches."
            )
        slices.append(slice(start, stop))
        start = stop
    return slices


def merge(parts: Sequence[NDArray], axis: int) -> NDArray:
    """The arrays of all devices joined along the axis of the examples, on the first device; the first array alone if
    there is no such axis."""
    if len(parts) == 1 or axis < 0:
        return parts[0]
    return concat(*(part.as_in_context(parts[0].context) for part in parts), dim=axis)


def expand_groups(group2ctxs: Any, count: int) -> list[dict[str, Context] | None]:
    """For each of count devices a dict from ctx_group to device.

    Args:
        group2ctxs: None, such a dict for each device, or one dict whose values are a device or one for each device.
    """
    if group2ctxs is None:
        return [None] * count
    if isinstance(group2ctxs, list):
        require(len(group2ctxs) == count, f"group2ctxs has {len(group2ctxs)} entries; expected {count}")
        return group2ctxs
    expanded: list[dict[str, Context] | None] = [{} for _ in range(count)]
    for group, devices in group2ctxs.items():
        devices = [devices] if isinstance(devices, Context) else list(devices)
        devices = devices * count if len(devices) == 1 else devices
        require(len(devices) == count, f"group2ctxs[{group!r}] has {len(devices)} devices; expected 1 or {count}")
        for own, device in zip(expanded, devices, strict=True):
            own[group] = device  # type: ignore[index]
    return expanded


class DataParallelExecutorGroup:
    """Executors of a symbol on several devices, with equal parameters, that share the work of each batch.

    Args:
        symbol: Symbol.
        contexts: devices.
        workload: share of the work for each device.
        data_shapes, label_shapes: descriptions of whole batches; label_shapes may be None.
        param_names: arguments that are parameters.
        for_training: whether gradients are needed.
        inputs_need_grad: whether gradients of the data are needed.
        shared_group: a group whose parameters, gradients and auxiliary states are used here too.
        logger: has no meaning here.
        fixed_param_names: parameters without gradient.
        grad_req: "write", "add" or "null" for all parameters, a list for all arguments, or a dict for some parameters.
        state_names: arguments that are states, kept from batch to batch.
        group2ctxs: devices of the groups that the attribute ctx_group names.

    Attributes:
        execs: the executors.
        slices: slice of the batch of each of them.
        param_arrays, grad_arrays, aux_arrays: for each parameter or auxiliary state, its arrays on all devices; None in
            place of gradients that aren't needed.
        data_arrays, label_arrays, state_arrays, input_grad_arrays: the same for inputs.
    """

    def __init__(
        self, symbol: Any, contexts: list[Context], workload: Sequence[float], data_shapes: Any, label_shapes: Any,
        param_names: list[str], for_training: bool, inputs_need_grad: bool,
        shared_group: DataParallelExecutorGroup | None = None, logger: Any = logging,
        fixed_param_names: Sequence[str] | None = None, grad_req: Any = "write",
        state_names: Sequence[str] | None = None, group2ctxs: Any = None, memory_budget: int | float | None = None,
        recompute: bool | None = None,
    ):  # fmt: skip
        self.symbol = symbol
        self.memory_budget, self.recompute = memory_budget, recompute
        self.contexts = contexts
        self.workload = workload
        self.param_names = param_names
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self.logger = logger
        self.fixed_param_names = list(fixed_param_names or ())
        self.state_names = list(state_names or ())
        self.group2ctxs = expand_groups(group2ctxs, len(contexts))
        self.arg_names = symbol.list_arguments()
        self.aux_names = symbol.list_auxiliary_states()
        self.shared_group = shared_group
        self.grad_req = self._grad_reqs(grad_req, [desc.name for desc in describe(data_shapes)])
        self.output_layouts = [
            DataDesc.get_batch_axis(symbol[name].attr("__layout__")) for name in symbol.list_outputs()
        ]  # fmt: skip
        self._by_shapes: dict[Any, list[Any]] = {}
        self._latest: list[Any] = []  # the executors that ran last
        self._first: list[Any] = shared_group._first if shared_group is not None else []  # those bound first
        self._monitors: list[Any] = []
        # name -> array for each device: what executors for all shapes have in common
        self._kept: list[dict[str, NDArray]] = [{} for _ in contexts]
        self._kept_grads: list[dict[str, NDArray]] = [{} for _ in contexts]
        if shared_group is not None:
            if shared_group.contexts != contexts:
                raise MXNetError(f"The shared module is on {shared_group.contexts}, this one on {contexts}.")
            self._kept, self._kept_grads = shared_group._kept, shared_group._kept_grads
        self.bind_exec(data_shapes, label_shapes, shared_group)

    def _grad_reqs(self, grad_req: Any, data_names: list[str]) -> dict[str, str]:
        if isinstance(grad_req, list | tuple):
            if len(grad_req) != len(self.arg_names):
                raise AssertionError(f"grad_req has {len(grad_req)} entries; expected one for each of {self.arg_names}")
            return dict(zip(self.arg_names, grad_req, strict=True))
        if not isinstance(grad_req, str | dict):
            raise ValueError("grad_req must be one of str, list, tuple, or dict.")
        reqs = {}
        for name in self.arg_names:
            given = grad_req if isinstance(grad_req, str) else grad_req.get(name, "write")
            wanted = name in data_names if self.inputs_need_grad else False
            wanted |= name in self.param_names and name not in self.fixed_param_names
            reqs[name] = given if wanted and self.for_training else "null"
        return reqs

    # Binding

    def decide_slices(self, data_shapes: Sequence[DataDesc]) -> list[int]:
        """Set batch_size and slices for these shapes; returns the axis of the examples of each.

        Raises: AssertionError if the sizes of the batch differ; ValueError if some device gets nothing.
        """
        axes = [DataDesc.get_batch_axis(desc.layout) for desc in data_shapes]
        sizes = [desc.shape[axis] for desc, axis in zip(data_shapes, axes, strict=True) if axis >= 0]
        for desc, axis in zip(data_shapes, axes, strict=True):
            if axis >= 0 and desc.shape[axis] != sizes[0]:
                raise AssertionError(
                    f"all data must have the same batch size: batch_size = {sizes[0]}, but {desc.name} has shape "
                    f"{desc.shape}"
                )
        if sizes:
            slices = split_batch(sizes[0], self.workload)
            self.batch_size: int | None = sizes[0]
            self.slices = slices
        else:
            self.batch_size, self.slices = None, [slice(None)] * len(self.contexts)
        return axes

    def bind_exec(
        self, data_shapes: Any, label_shapes: Any, shared_group: DataParallelExecutorGroup | None = None,
        reshape: bool = False,
    ) -> None:  # fmt: skip
        """Make executors for these shapes of whole batches, or take those made before.

        shared_group and reshape have no meaning here: parameters are always those of the group.
        """
        data_shapes, label_shapes = describe(data_shapes), describe(label_shapes or [])
        described = [*data_shapes, *label_shapes]
        unknown = [desc.name for desc in described if desc.name not in self.arg_names]
        if unknown:
            raise KeyError(f"{unknown[0]}: the symbol has no such argument; it has {', '.join(self.arg_names)}")
        axes = self.decide_slices(described)
        key = tuple((desc.name, tuple(desc.shape), str(desc.dtype), desc.layout) for desc in described)
        execs = self._by_shapes.get(key)
        if execs is None:
            execs = [self._bind_one(device, described, axes) for device in range(len(self.contexts))]
            self._first = self._first or execs
            while len(self._by_shapes) >= _MAX_EXECUTORS:
                del self._by_shapes[next(iter(self._by_shapes))]
            self._by_shapes[key] = execs
            for monitor in self._monitors:
                for executor in execs:
                    monitor.install(executor)
        self.execs = execs
        self.data_shapes, self.label_shapes = data_shapes, label_shapes or None
        self.data_layouts, self.label_layouts = axes[: len(data_shapes)], axes[len(data_shapes) :]
        self._collect()

    def _bind_one(self, device: int, described: list[DataDesc], axes: list[int]) -> Any:
        ctx = self.contexts[device]
        shapes, dtypes = {}, {}
        for desc, axis in zip(described, axes, strict=True):
            shape = list(desc.shape)
            if axis >= 0 and self.slices[device].stop is not None:
                shape[axis] = self.slices[device].stop - self.slices[device].start
            shapes[desc.name] = tuple(shape)
            dtypes[desc.name] = desc.dtype
        arg_shapes, _, aux_shapes = self.symbol.infer_shape(**shapes)
        if arg_shapes is None:
            raise MXNetError(f"bind: the shapes of all arguments can't be inferred from {shapes}; give more shapes.")
        arg_types, _, aux_types = self.symbol._infer_dtypes((), dtypes, "float32")
        kept, kept_grads = self._kept[device], self._kept_grads[device]
        stypes, grad_stypes = infer_storage(self.symbol, {})

        def common(name: str, shape: tuple[int, ...], dtype: Any) -> NDArray:
            found = kept.get(name)
            if found is None:
                found = kept[name] = zeros(shape, ctx, dtype, stype=stypes[name])
            elif found.shape != shape or found.dtype != dtype:
                raise MXNetError(
                    f"bind: {name} has shape {found.shape} and dtype {found.dtype}, but with the inputs {shapes} it "
                    f"would need {shape} and {dtype}. Parameters must not depend on the size of the batch; to change "
                    "them bind again with force_rebind=True."
                )
            return found

        args, grads = {}, {}
        for name, shape, dtype in zip(self.arg_names, arg_shapes, arg_types, strict=True):
            is_common = name in self.param_names
            args[name] = common(name, shape, dtype) if is_common else zeros(shape, ctx, dtype, stype=stypes[name])
            if self.grad_req[name] != "null":
                if not is_common or name not in kept_grads:
                    grads[name] = zeros(shape, ctx, dtype, stype=grad_stypes[name])
                if is_common:
                    grads[name] = kept_grads.setdefault(name, grads.get(name))
        aux = {n: common(n, s, d) for n, s, d in zip(self.aux_names, aux_shapes, aux_types, strict=True)}
        first = self._first[device] if self._first else None
        return bind(
            self.symbol, ctx, args, grads, self.grad_req, aux, self.group2ctxs[device], first, self.memory_budget,
            self.recompute, set(self.arg_names) - set(self.param_names),
        )  # fmt: skip

    def _collect(self) -> None:
        def arrays(names: Sequence[str], kind: str) -> list[list[Any]]:
            return [[getattr(executor, kind)[name] for executor in self.execs] for name in names]

        self.data_names = [desc.name for desc in self.data_shapes]
        self.label_names = [desc.name for desc in self.label_shapes or ()]
        self.data_arrays = arrays(self.data_names, "arg_dict")
        self.label_arrays = arrays(self.label_names, "arg_dict")
        self.state_arrays = arrays(self.state_names, "arg_dict")
        self.param_arrays = arrays(self.param_names, "arg_dict")
        self.aux_arrays = arrays(self.aux_names, "aux_dict")
        self.grad_arrays = arrays(self.param_names, "grad_dict") if self.for_training else []
        self.input_grad_arrays = arrays(self.data_names, "grad_dict") if self.inputs_need_grad else []

    def reshape(self, data_shapes: Any, label_shapes: Any) -> None:
        """Change to other shapes of a batch, with the same parameters; executors of former shapes are kept."""
        before = self.batch_size, self.slices
        try:
            self.bind_exec(data_shapes, label_shapes, reshape=True)
        except Exception:
            self.batch_size, self.slices = before
            raise

    # Parameters and states

    def set_params(self, arg_params: Any, aux_params: Any, allow_extra: bool = False) -> None:
        """Copy parameters to all devices. Raises: ValueError for unknown names unless allow_extra."""
        for executor in self.execs:
            executor.copy_params_from(arg_params, aux_params, allow_extra_params=allow_extra)

    def get_params(self, arg_params: dict[str, NDArray], aux_params: dict[str, NDArray]) -> None:
        """Copy the mean over all devices of each parameter into the arrays of these dicts."""
        for names, arrays, targets in (
            (self.param_names, self.param_arrays, arg_params), (self.aux_names, self.aux_arrays, aux_params),
        ):  # fmt: skip
            for name, parts in zip(names, arrays, strict=True):
                mean = parts[0]
                if len(parts) > 1:
                    mean = sum((part.as_in_context(mean.context) for part in parts[1:]), mean) / len(parts)
                mean.astype(targets[name].dtype, copy=False).copyto(targets[name])

    def get_states(self, merge_multi_context: bool = True) -> list[list[NDArray]]:
        """The arrays of each state on all devices. Raises: AssertionError unless merge_multi_context is False."""
        require(not merge_multi_context, "merge_multi_context=True is not supported for get_states yet.")
        return self.state_arrays

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Set the states to arrays, as get_states gives them, or all of them to a number.

        Raises: AssertionError unless exactly one of states and value is given.
        """
        require(states is None or value is None, "Only one of states & value can be specified.")
        require(states is not None or value is not None, "At least one of states & value must be specified.")
        for position, targets in enumerate(self.state_arrays):
            for device, target in enumerate(targets):
                if states is None:
                    target[:] = value
                else:
                    states[position][device].copyto(target)

    # Computation

    def _load(self, sources: Any, targets: list[list[NDArray]], axes: list[int], names: list[str]) -> None:
        if len(sources) != len(targets):
            raise MXNetError(f"The batch has {len(sources)} arrays; expected {len(targets)}, for {', '.join(names)}.")
        for source, parts, axis, name in zip(sources, targets, axes, names, strict=True):
            for device, target in enumerate(parts):
                own = source
                if axis >= 0 and len(parts) > 1:
                    own = _part(source, axis, self.slices[device])
                _copy(own, target, name)

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs for a batch, or for a list with a batch for each device.

        Args:
            is_train: default for_training.
        Raises: MXNetError if arrays are missing, or shapes don't fit.
        """
        self._load_batch(data_batch)
        self._release_others()
        is_train = self.for_training if is_train is None else is_train
        for executor in self.execs:
            executor.forward(is_train=is_train)

    def step(self, data_batch: Any, updater: Callable[[int, NDArray, NDArray], None]) -> bool:
        """Forward, backward and update in one, on one device: see `Executor.step`.

        Args:
            updater: called with the number of a parameter, its gradient and the parameter.
        Returns: False, and nothing is computed, if that can't be.
        """
        if len(self.execs) != 1 or not self.for_training:
            return False
        executor = self.execs[0]
        numbers = {name: number for number, name in enumerate(self.param_names)}
        arguments, gradients = executor.arg_dict, executor.grad_dict

        def update(name: str, gradient: NDArray) -> None:
            if name in numbers:
                updater(numbers[name], gradient, arguments[name])
            else:  # of an input
                gradient.copyto(gradients[name])

        self._load_batch(data_batch)
        self._release_others()
        return executor.step(update)

    def _release_others(self) -> None:
        """Before the executors run: what those of other shapes hold makes room."""
        if self._latest is not self.execs:
            self.release()
            self._latest = self.execs

    def release(self) -> None:
        """Let go of what the last run left; see `Executor.release`."""
        for executor in self._latest:
            executor.release()
        self._latest = []

    def _require_outputs(self) -> None:
        if any(executor.is_released for executor in self.execs):
            raise MXNetError(
                "The outputs for these shapes are gone, for a batch of other shapes has been computed since; call "
                "forward first, or keep what get_outputs gave."
            )

    def _load_batch(self, data_batch: Any) -> None:
        for kind, targets, axes, names in (
            ("data", self.data_arrays, self.data_layouts, self.data_names),
            ("label", self.label_arrays, self.label_layouts, self.label_names),
        ):
            if isinstance(data_batch, list):
                for device, batch in enumerate(data_batch):
                    for source, parts, name in zip(getattr(batch, kind) or (), targets, names, strict=False):
                        _copy(source, parts[device], name)
            elif kind == "data" or (targets and data_batch.label):
                self._load(getattr(data_batch, kind), targets, axes, names)

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients from those of the outputs, for whole batches; None where the outputs are losses.

        Raises: AssertionError unless bound for training.
        """
        require(self.for_training, "re-bind with for_training=True to run backward")
        if isinstance(out_grads, NDArray):
            out_grads = [out_grads]
        for device, executor in enumerate(self.execs):
            own = None
            if out_grads is not None:
                own = []
                for grad, axis in zip(out_grads, self.output_layouts, strict=False):
                    if axis >= 0 and len(self.execs) > 1:
                        grad = _part(grad, axis, self.slices[device])
                    own.append(grad.as_in_context(self.contexts[device]))
            executor.backward(out_grads=own)

    def get_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Pairs of name and shape of the outputs for whole batches."""
        pairs = []
        for position, (name, axis) in enumerate(zip(self.symbol.list_outputs(), self.output_layouts, strict=True)):
            shape = list(self.execs[0].outputs[position].shape)
            if axis >= 0 and shape and len(self.execs) > 1:
                shape[axis] = sum(executor.outputs[position].shape[axis] for executor in self.execs)
            pairs.append((name, tuple(shape)))
        return pairs

    def get_outputs(self, merge_multi_context: bool = True, begin: int = 0, end: int | None = None) -> list[Any]:
        """The outputs number begin to end - 1: joined, or a list with those of all devices for each."""
        self._require_outputs()
        end = len(self.output_layouts) if end is None else end
        outputs = [[executor.outputs[i] for executor in self.execs] for i in range(begin, end)]
        if not merge_multi_context:
            return outputs
        return [merge(parts, axis) for parts, axis in zip(outputs, self.output_layouts[begin:end], strict=True)]

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients of the data: joined, or a list with those of all devices for each.

        Raises: AssertionError unless inputs_need_grad.
        """
        require(self.inputs_need_grad, "bind with inputs_need_grad=True to get gradients of the data")
        if not merge_multi_context:
            return self.input_grad_arrays
        return [merge(parts, axis) for parts, axis in zip(self.input_grad_arrays, self.data_layouts, strict=True)]

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool) -> None:
        """Update a metric with the labels of a batch (pre_sliced: lists of them for each device) and the outputs."""
        self._require_outputs()
        names = self.label_names or [f"label_{i}" for i in range(len(labels or ()))]
        for device, executor in enumerate(self.execs):
            own = labels[device] if pre_sliced else labels or []
            if not pre_sliced and len(self.execs) > 1:
                axes = self.label_layouts or [0] * len(own)
                own = [
                    label if axis < 0 else _part(label, axis, self.slices[device])
                    for label, axis in zip(own, axes, strict=True)
                ]
            eval_metric.update_dict(dict(zip(names, own, strict=False)), dict(executor.output_dict))

    def install_monitor(self, mon: Any) -> None:
        """Let a Monitor watch all executors, those of other shapes too."""
        self._monitors.append(mon)
        for execs in self._by_shapes.values():
            for executor in execs:
                mon.install(executor)


def _part(array: NDArray, axis: int, rows: slice) -> NDArray:
    """The examples of one device; those of a csr array stay csr."""
    if array.stype == "csr" and axis == 0:
        return array[rows]  # type: ignore[no-any-return]
    return array.slice_axis(axis=axis, begin=rows.start, end=rows.stop)  # type: ignore[no-any-return, attr-defined]


def _copy(source: NDArray, target: NDArray, name: str) -> None:
    if source.shape != target.shape:
        raise MXNetError(f"forward: {name} has shape {source.shape}; expected {target.shape}, as it is bound.")
    source.copyto(target)
