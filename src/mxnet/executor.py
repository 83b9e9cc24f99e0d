"""Executor: a symbol bound to arrays, run forward and backward."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .base import MXNetError
from .context import Context
from .graph.backends import Optimizer
from .graph.compiled import CompiledProgram
from .graph.creation import resolve_creation
from .graph.graph import Graph, Value
from .graph.infer import infer_dtypes, infer_shapes
from .graph.lowering import Unplannable
from .graph.optimized import OptimizedGraph, Prepared, plan_inference
from .graph.parameters import list_labels, list_likely_parameters
from .graph.planned import ForwardPlan, Planned
from .graph.program import Program
from .graph.storage import CODES, infer_gradient_stypes, infer_stypes
from .graph.watched import Watched
from .ndarray.invoke import wrap
from .ndarray.ndarray import NDArray
from .ndarray.utils import array, empty, zeros
from .ops.dtypes import DTYPE_NAMES, dtype_name
from .ops.generators import generator_for
from .symbol.budget import Limits, limits, limits_or, plan_within

__all__ = ["Executor"]

_NEEDS_HEAD_GRADS = (
    "Because the last operator is not Loss function, head_gradient is required when calling backward. If you are "
    "attempting to minimize the output as an objective, please modify your network and pass it through the make_loss "
    "symbol."
)


class Executor:
    """A symbol bound to arrays on a device; made by `Symbol.bind` and `Symbol.simple_bind`.

    arg_arrays, grad_arrays, aux_arrays  arrays in the order of list_arguments and list_auxiliary_states; a gradient
        is None where none is wanted
    outputs  arrays of the outputs; the same objects after every run
    is_released  whether outputs are gone until the next run, see `release`
    """

    def __init__(
        self, handle: Any, symbol: Any, ctx: Context, grad_req: Any, group2ctx: dict[str, Context] | None,
        args: Sequence[NDArray] = (), grads: Sequence[NDArray | None] = (), aux: Sequence[NDArray] = (),
        asked: Limits | None = None, inputs: Collection[str] | None = None, optimizer: Optimizer | None = None,
    ):  # fmt: skip
        """Use `Symbol.bind` or `Symbol.simple_bind`; handle has no meaning here.

        inputs: names of the arguments that change from run to run; None: not known, see `list_likely_parameters`.
        optimizer: what runs in inference, by a transform of the graph; None: the exact passes, with planned storage.
        Raises: MXNetError if shapes contradict each other, or the budget asked for can't be met.
        """
        self._symbol = symbol.__copy__()
        self._ctx = ctx
        self._grad_req = grad_req
        self._group2ctx = group2ctx
        for group, device in (group2ctx or {}).items():
            if device.torch_device != ctx.torch_device:
                raise MXNetError(
                    f"group2ctx: placing the group {group!r} on {device}, apart from {ctx}, is not supported yet; "
                    "leave group2ctx out, or name one device."
                )
        self.arg_arrays = list(args)
        self.grad_arrays = list(grads)
        self.aux_arrays = list(aux)
        self._arg_names = symbol.list_arguments()
        self._aux_names = symbol.list_auxiliary_states()
        self._output_names = symbol.list_outputs()
        self._reqs = grad_reqs(grad_req, self._arg_names)
        for name, argument, gradient in zip(self._arg_names, self.arg_arrays, self.grad_arrays, strict=True):
            if gradient is not None and gradient.shape != argument.shape:
                raise MXNetError(f"the gradient array of {name} has shape {gradient.shape}; expected {argument.shape}.")
        self._monitor: tuple[Callable[[str, NDArray], None], bool] | None = None
        self._tracked: list[Tensor] | None = None
        self._leaves: dict[int, Tensor] = {}  # position among the arguments -> what autograd differentiates by
        self._random_state: Tensor | None = None
        self._asked = asked or Limits()
        self._given_inputs = inputs
        self._optimizer = optimizer
        self._plans: dict[tuple[bool, tuple[bool, ...], bool], CompiledProgram | None] = {}
        #: what takes the gradient of an argument, by name, in place of its array, and may change the argument at once
        self._update: Callable[[str, NDArray], None] | None = None
        self.is_released = False
        self._step: _Step | None = None  # the training step that waits for its backward pass
        self._prepare()

    def _prepare(self) -> None:
        graph = self._symbol.graph
        shapes, dtypes = check_shapes(graph, self._bind_inputs(graph))
        self._program = Program(resolve_creation(graph, shapes))
        self._prepared: Prepared | None = None  # for inference
        self._inference: OptimizedGraph | None = None  # two variables of one name: the program is run as it is
        if len(set(self._names)) == len(self._names):
            parameters = set(self._names) - self._changing()
            apart = sum(bound._data.nbytes for bound, _ in self._inputs)
            planner = partial(_plan_forward, self._program.graph, parameters, self._asked, apart)
            transform = None if self._optimizer is None else self._optimizer.transform
            self._inference = OptimizedGraph(self._program.graph, parameters, transform, planner)
        elif self._optimizer is not None:
            raise MXNetError(
                f"bind: the backend {self._optimizer.name!r} can't run two arguments of one name: {self._names}."
            )
        self._states: dict[Any, dict[str, Any]] = {}
        self._device = self._ctx.torch_device
        self._loss_heads = [value.is_loss for value in graph.outputs]
        self._heads = [not is_loss for is_loss in self._loss_heads]  # which gradients of outputs are given to backward
        self.outputs = [
            empty(shapes[value] or (), self._ctx, dtypes[value]) for value in graph.outputs
        ]  # replaced in place by every run
        #: what outputs hold while they are computed anew: arrays of their shapes that take no memory
        self._no_outputs = [output._data.new_zeros(()).expand(output.shape) for output in self.outputs]
        if self._asked.budget is not None:  # now is the time to say that it can't be met
            if self._inference is None or any(
                not self._inputs[position][0]._data.is_contiguous() for position in self._program.mutated
            ):
                raise MXNetError(
                    f"Executor: a memory budget ({self._asked.given}) needs arguments of different names, and "
                    "contiguous states."
                )
            if self._wanted:
                self._compiled()
            else:
                self._prepared = self._inference.prepare([bound._data for bound, _ in self._inputs], self._device)

    def _bind_inputs(self, graph: Graph) -> dict[str, NDArray]:
        """Find the array of each variable; returns them by name.

        Raises: MXNetError if two variables of one name have arrays of different shapes.
        """
        auxiliary = graph.auxiliary()
        args, aux = iter(range(len(self.arg_arrays))), iter(self.aux_arrays)
        #: for each variable its array, and its position among the arguments (None: an auxiliary state)
        self._inputs = [
            (next(aux), None) if node in auxiliary else (self.arg_arrays[position := next(args)], position)
            for node in graph.variables
        ]
        self._names = [node.name for node in graph.variables]
        arrays = {name: bound for name, (bound, _) in zip(self._names, self._inputs, strict=True)}
        for name, (bound, _) in zip(self._names, self._inputs, strict=True):
            if bound.shape != arrays[name].shape:
                raise MXNetError(
                    f"two arguments are named {name!r} and have shapes {bound.shape} and {arrays[name].shape}; "
                    "arguments of one name must have one shape."
                )
        return arrays

    @property
    def arg_dict(self) -> dict[str, NDArray]:
        """Argument arrays by name.

        Raises: ValueError if two arguments have one name.
        """
        return _unique(self._arg_names, self.arg_arrays)

    @property
    def grad_dict(self) -> dict[str, NDArray | None]:
        """Gradient arrays by the name of their argument; None where none is wanted."""
        return _unique(self._arg_names, self.grad_arrays)

    @property
    def aux_dict(self) -> dict[str, NDArray]:
        """Auxiliary states by name."""
        return _unique(self._aux_names, self.aux_arrays)

    @property
    def output_dict(self) -> dict[str, NDArray]:
        """Outputs by name."""
        return _unique(self._output_names, self.outputs)

    def forward(self, is_train: bool = False, **kwargs: Any) -> list[NDArray]:
        """Compute the outputs.

        Args:
            is_train: whether operators run in training mode.
            kwargs: values to copy into arguments first, by name.
        Returns: the outputs.
        Raises: TypeError for an unknown argument; ValueError if a shape differs.
        """
        self._set_arguments(kwargs)
        self._tracked, self._leaves, self._step = None, {}, None  # what the last run kept may go before this one
        self.is_released = False
        for output, blank in zip(self.outputs, self._no_outputs, strict=True):
            output._data = blank
        if self._program.is_random:
            self._random_state = generator_for(self._device).get_state()
        plain = self._monitor is None
        if self._inference is not None and is_train:
            self._inference.release()  # what it holds isn't in the plan of a training step
        if plain and is_train and (compiled := self._compiled()) is not None:
            results = self._run_planned(compiled)
        elif plain and not is_train and self._inference is not None:
            tensors = [bound._data for bound, _ in self._inputs]
            if self._prepared is None:
                self._prepared = self._inference.prepare(tensors, self._device)
            results = self._prepared.run(tensors, self._device, self._states)
        else:
            tensors = self._input_tensors(is_train)
            results = self._run(tensors, is_train, self._monitor)
            self._tracked = results if self._leaves else None
        for output, result in zip(self.outputs, results, strict=True):
            output._data = result.detach()
            output._node = None
        if self._step is not None:
            self._step.watch_outputs(self.outputs)
        return self.outputs

    def release(self) -> None:
        """Let go of what the last run left, so that executors of other shapes can use the memory.

        Arrays of outputs that others hold stay as they are: those of this executor are new, and zeros until the next
        run. A backward pass computes the forward pass again.
        """
        self._tracked, self._leaves, self._step = None, {}, None
        self.outputs = [wrap(NDArray, blank, self._ctx) for blank in self._no_outputs]
        self.is_released = True

    def _set_arguments(self, kwargs: dict[str, Any]) -> None:
        """Copy values into arguments; see `forward`."""
        for name, value in kwargs.items():
            if name not in self._arg_names:
                raise TypeError(f"Unknown argument {name}")
            target = self.arg_arrays[self._arg_names.index(name)]
            if not isinstance(value, NDArray):
                if not isinstance(value, np.ndarray):
                    raise ValueError("only accept keyword argument of NDArrays and numpy.ndarray")
                value = array(value, ctx=self._ctx, dtype=value.dtype)
            if value.shape != target.shape:
                raise ValueError(
                    f"Shape not match! Argument {name}, need: {target.shape}, received: {value.shape}"
                )
            target[:] = value

    # With planned storage

    @property
    def _wanted(self) -> list[str]:
        """The arguments whose gradients go somewhere."""
        triples = zip(self._arg_names, self.arg_arrays, self._reqs, self.grad_arrays, strict=True)
        return [n for n, a, req, g in triples if req != "null" and g is not None and a._data.is_floating_point()]

    def _changing(self) -> set[str]:
        """The arguments that change from run to run."""
        graph = self._symbol.graph
        if self._given_inputs is not None:
            return {*self._given_inputs, *list_labels(graph)}
        return set(self._names) - list_likely_parameters(graph)

    def _compiled(self) -> CompiledProgram | None:
        """The planned program for a training step; None if there can't be one.

        Raises: MXNetError if there must be one for a memory budget.
        """
        wanted = self._wanted
        key = (bool(wanted), tuple(self._heads), self._update is not None)
        if key not in self._plans:
            self._plans[key] = self._plan(wanted)
        return self._plans[key]

    def _plan(self, wanted: list[str]) -> CompiledProgram | None:
        if len(set(self._names)) != len(self._names) or any(
            not self._inputs[position][0]._data.is_contiguous() for position in self._program.mutated
        ):
            return None
        tensors = {name: bound._data for name, (bound, _) in zip(self._names, self._inputs, strict=True)}
        apart = sum(t.nbytes for t in tensors.values()) + sum(tensors[name].nbytes for name in wanted)
        try:
            planned = plan_within(
                "Executor", self._asked, apart, self._program, {n: tuple(t.shape) for n, t in tensors.items()},
                {n: DTYPE_NAMES[t.dtype] for n, t in tensors.items()}, training=True, wanted=wanted,
                device=self._device, heads=self._heads, stores=True, updates=self._update is not None,
                direct=self._direct() if self._update is None else (),
            )  # fmt: skip
        except Unplannable:
            if self._asked.budget is not None:
                raise
            return None
        self._asked = replace(self._asked, least=max(planned.most, self._asked.least))
        return planned.compiled

    def _direct(self) -> list[str]:
        """The arguments whose gradient array is written to, and may be by the operation that computes the gradient."""
        found = []
        for name, argument, req, gradient in zip(
            self._arg_names, self.arg_arrays, self._reqs, self.grad_arrays, strict=True
        ):
            if req == "write" and gradient is not None:
                target = gradient._data
                if target.dtype is argument._data.dtype and target.is_contiguous():
                    found.append(name)
        return found

    def _run_planned(self, compiled: CompiledProgram) -> list[Tensor]:
        tensors = [bound._data.contiguous() for bound, _ in self._inputs]
        generator = generator_for(self._device) if self._program.is_random else None
        values = compiled.start(tensors)
        results = compiled.forward(values, generator, self._states)
        if compiled.has_backward:
            watched = [
                (self._names[i], tensors[i]) for i in compiled.inputs_for_backward if i not in self._program.mutated
            ]
            self._step = _Step(compiled, values, self._heads, watched)
        return results

    def _backward_planned(self, step: _Step, heads: Sequence[Tensor | None]) -> None:
        step.check_unchanged()
        given = [head for head, needed in zip(heads, step.heads, strict=True) if needed]
        generator = generator_for(self._device) if self._program.is_random else None
        targets = {name: (self.grad_arrays[i], self._reqs[i]) for i, name in enumerate(self._arg_names)}
        if self._update is None:
            stores = [_store(*targets[name]) for name in step.compiled.stored]
        else:
            stores = [partial(self._hand_over, name) for name in step.compiled.stored]
        arrays = [targets[name][0]._data for name in step.compiled.stored]
        rest = step.compiled.backward(step.values, given, generator, stores, arrays)
        for name, gradient in rest.items():
            target, req = targets[name]
            if self._update is not None:  # nothing depends on it: what an array of zeros would do, the caller does
                if target is not None:
                    self._hand_over(name, torch.zeros_like(target._data))
            elif gradient is not None:
                _store(target, req)(gradient)
            elif target is not None and req != "add":
                target._data.zero_()

    def _hand_over(self, name: str, gradient: Tensor) -> None:
        assert self._update is not None
        self._update(name, wrap(NDArray, gradient, self._ctx))

    def step(self, update: Callable[[str, NDArray], None]) -> bool:
        """Run forward in training mode and backward, and hand each gradient over as soon as it can be used.

        No gradient array is written: a gradient lives only until update has it.

        Args:
            update: function of the name of an argument and its gradient; it may change that argument.
        Returns: False, and nothing is computed, if this executor can't: a monitor is set, there is no plan, a grad_req
            is "add", or an output needs a gradient from outside.
        Raises: MXNetError as `forward`.
        """
        if self._monitor is not None or not all(self._loss_heads) or "add" in self._reqs:
            return False
        self._update = update
        try:
            self._heads = [False] * len(self._loss_heads)
            compiled = self._compiled()
            if compiled is None or not compiled.has_backward or any(compiled.gradients.values()):
                return False
            self.forward(is_train=True)
            self.backward()
        finally:
            self._update = None
        return True

    # Recorded by autograd

    def _input_tensors(self, differentiate: bool) -> list[Tensor]:
        tensors = []
        for bound, position in self._inputs:
            tensor = bound._data
            if differentiate and position is not None and self._reqs[position] != "null" and tensor.is_floating_point():
                tensor = self._leaves[position] = tensor.detach().requires_grad_()
            tensors.append(tensor)
        return tensors

    def _run(self, tensors: list[Tensor], is_train: bool, monitor: Any = None) -> list[Tensor]:
        hook = None
        if monitor is not None:
            hook = lambda node, name, tensor: monitor[0](name, wrap(NDArray, tensor.detach(), self._ctx))
        return self._program.run(
            tensors, training=is_train, device=self._device, differentiate=bool(self._leaves), monitor=hook,
            monitor_inputs=monitor is not None and monitor[1], states=self._states,
        )  # fmt: skip

    def _run_again(self, is_train: bool) -> None:
        """Compute what backward needs once more: the same random numbers, and auxiliary states stay as they are."""
        tensors = self._input_tensors(True)
        if not self._leaves:
            return
        self._tracked = self._program.run_again(
            tensors, training=is_train, device=self._device, random_state=self._random_state, states=self._states
        )

    def backward(self, out_grads: Any = None, is_train: bool = True) -> None:
        """Compute the gradients and store them in the gradient arrays by their grad_req.

        Args:
            out_grads: array, list or dict by output name of the gradients of the outputs; may be None when every
                output comes from a loss operator.
            is_train: the mode in which to compute again what is missing: after forward(is_train=False), or for a
                second backward after one forward. Auxiliary states don't change by that.
        Raises: MXNetError if gradients of outputs are missing or have another shape.
        """
        given = self._given_heads(out_grads)
        step, self._step = self._step, None
        needed = [head is not None for head in given]
        if step is not None and needed == step.heads:
            self._backward_planned(step, given)
            return
        self._heads = needed  # the next step is planned for gradients of these outputs
        heads = [torch.ones_like(o._data) if g is None else g for o, g in zip(self.outputs, given, strict=True)]
        if self._tracked is None:
            self._run_again(is_train)
        if self._tracked is None:
            return
        pairs = [(t, g) for t, g in zip(self._tracked, heads, strict=True) if t.requires_grad]
        leaves, self._tracked, self._leaves = self._leaves, None, {}
        gradients: Sequence[Tensor | None] = [None] * len(leaves)
        if pairs:
            try:
                gradients = torch.autograd.grad(
                    [t for t, _ in pairs], list(leaves.values()), [g for _, g in pairs], allow_unused=True
                )
            except MXNetError:
                raise
            except RuntimeError as error:
                raise MXNetError(f"Executor.backward: {error}") from error
        for position, gradient in zip(leaves, gradients, strict=True):
            target = self.grad_arrays[position]
            if target is None:
                continue
            if self._reqs[position] == "add":
                if gradient is not None:
                    target._data.add_(gradient)
            elif gradient is None:
                target._data.zero_()
            else:
                target._data.copy_(gradient)

    def _given_heads(self, out_grads: Any) -> list[Tensor | None]:
        """The gradients of outputs that are given, as tensors; None for the ones of a loss operator."""
        return [
            None if value is None else value.tostype("default")._data.to(self._device, output._data.dtype)
            for value, output in zip(self._given_arrays(out_grads), self.outputs, strict=True)
        ]

    def _given_arrays(self, out_grads: Any) -> list[NDArray | None]:
        """The gradients of outputs that are given; None for the ones of a loss operator."""
        if out_grads is None:
            given: list[Any] = [None] * len(self.outputs)
        elif isinstance(out_grads, NDArray):
            given = [out_grads]
        elif isinstance(out_grads, dict):
            given = [out_grads[name] for name in self._output_names]
        else:
            given = list(out_grads)
            if any(not isinstance(value, NDArray) for value in given):
                raise TypeError("inputs must be NDArray")
        if len(given) > len(self.outputs):
            raise MXNetError(
                f"Executor.backward: {len(given)} gradients were given; there are {len(self.outputs)} outputs."
            )
        given += [None] * (len(self.outputs) - len(given))
        for position, (value, output, is_loss) in enumerate(zip(given, self.outputs, self._loss_heads, strict=True)):
            if value is None:
                if not is_loss:
                    raise MXNetError(_NEEDS_HEAD_GRADS)
                continue
            if not isinstance(value, NDArray):
                raise TypeError("inputs must be NDArray")
            if value.shape != output.shape:
                raise MXNetError(
                    f"Executor.backward: the gradient for output {self._output_names[position]} has shape "
                    f"{value.shape}; expected {output.shape}."
                )
        return given

    def set_monitor_callback(self, callback: Callable[[str, NDArray], None], monitor_all: bool = False) -> None:
        """Call callback(name, array) for every output of every operator; with monitor_all for inputs too."""
        self._monitor = (callback, monitor_all)

    def copy_params_from(
        self, arg_params: dict[str, NDArray], aux_params: dict[str, NDArray] | None = None,
        allow_extra_params: bool = False,
    ) -> None:  # fmt: skip
        """Copy values into arguments and auxiliary states by name.

        Raises: ValueError for a name that the executor does not have, unless allow_extra_params.
        """
        for names, arrays, params, kind in (
            (self._arg_names, self.arg_arrays, arg_params, "arguments"),
            (self._aux_names, self.aux_arrays, aux_params or {}, "auxiliary states"),
        ):
            for name, value in params.items():
                if name in names:
                    target = arrays[names.index(name)]
                    if target.shape != value.shape:
                        raise MXNetError(f"copy_params_from: {name} has shape {target.shape}; given {value.shape}.")
                    value.astype(target.dtype, copy=False).copyto(target)
                elif not allow_extra_params:
                    raise ValueError(f'Find name "{name}" that is not in the {kind}')

    def reshape(self, partial_shaping: bool = False, allow_up_sizing: bool = False, **kwargs: Any) -> Executor:
        """An executor for other input shapes; arrays whose shape stays are shared, others are views where they fit.

        Args:
            partial_shaping: allow the shapes of arguments that aren't given to change.
            allow_up_sizing: allow arrays larger than those there are.
            kwargs: shapes of arguments by name.
        Raises: MXNetError if a shape is larger, or one changes that wasn't given.
        """
        shapes, _, aux_shapes = self._symbol.infer_shape(**kwargs)
        if shapes is None:
            raise ValueError("Insufficient argument shapes provided.")
        args, grads = [], []
        for name, shape, old, grad in zip(self._arg_names, shapes, self.arg_arrays, self.grad_arrays, strict=True):
            if not (partial_shaping or name in kwargs or shape == old.shape):
                raise MXNetError(
                    f"Shape of unspecified array arg:{name} changed. This can cause the new executor to not share "
                    "parameters with the old one. Please check for error in network. If this is intended, set "
                    "partial_shaping=True to suppress this warning."
                )
            args.append(self._resized(name, old, shape, allow_up_sizing))
            grads.append(None if grad is None else self._resized(name, grad, shape, allow_up_sizing))
        aux = [
            self._resized(name, old, shape, allow_up_sizing)
            for name, old, shape in zip(self._aux_names, self.aux_arrays, aux_shapes, strict=True)
        ]
        executor = type(self)(
            None, self._symbol, self._ctx, self._grad_req, self._group2ctx, args, grads, aux, self._asked,
            self._given_inputs, self._optimizer,
        )  # fmt: skip
        executor._monitor = self._monitor
        return executor

    def _resized(self, name: str, old: NDArray, shape: tuple[int, ...], allow_up_sizing: bool) -> NDArray:
        """An array of this shape for the one there was; see `reshape`."""
        if old.shape == shape:
            return old
        size = int(np.prod(shape))
        if size <= old.size:
            return wrap(NDArray, old._data.reshape(-1)[:size].reshape(shape), old._ctx)
        if not allow_up_sizing:
            raise MXNetError(
                f"New shape of arg: {name} is larger than original. First making a big executor and then down sizing "
                "it is more efficient than the reverse. If you really want to up size, set allow_up_sizing=True to "
                "enable allocation of new arrays."
            )
        return zeros(shape, old._ctx, old._data.dtype)

    def get_optimized_symbol(self) -> Any:
        """The symbol as it is executed: in inference, where a backend runs it."""
        graph = self._program.graph
        if self._optimizer is not None:
            kinds = [DTYPE_NAMES[bound._data.dtype] for bound, _ in self._inputs]
            graph = self._optimizer.changed(graph, dict(zip(self._names, kinds, strict=True)), None)
        return type(self._symbol)(graph)

    def memory_plan(self, optimizer: Any = None, budget: Any = None, recompute: bool | None = None) -> Any:
        """The storage that a training step of this executor needs, or a forward pass where no gradient is wanted.

        See `Symbol.memory_plan`; budget and recompute are by default the executor's own. Arguments whose shapes were
        given to simple_bind count as inputs, the others as parameters. After bind, parameters are those with a
        gradient, and what layers take as weight, bias and the like.
        """
        from .symbol.planning import plan_symbol

        shapes = {name: array.shape for name, array in zip(self._arg_names, self.arg_arrays, strict=True)}
        dtypes = {name: array._data.dtype for name, array in zip(self._arg_names, self.arg_arrays, strict=True)}
        training = bool(self._wanted)
        if self._optimizer is not None and not training:
            raise MXNetError(
                f"memory_plan: inference is run by the backend {self._optimizer.name!r}, whose storage isn't planned."
            )
        inputs = self._changing()
        if self._given_inputs is None:
            inputs -= set(self._wanted)
        asked = limits_or("memory_plan", self._asked, budget, recompute, training)
        return plan_symbol(self._symbol, training, self._reqs, optimizer, asked, dtypes, shapes, inputs)

    def debug_str(self) -> str:
        """The nodes and the planned storage of their results, as text; without storage where a backend runs them."""
        if self._optimizer is not None and not self._wanted:
            return str(self._symbol.debug_str())
        planned = self.memory_plan().planned_bytes
        return self._symbol.debug_str() + f"Total {planned >> 20} MB allocated\n"


class _Step:
    """A training step between its forward and its backward pass.

    values   what the forward pass kept
    heads    which gradients of outputs the program takes
    watched  inputs that the backward pass reads, by name
    """

    def __init__(
        self, compiled: CompiledProgram, values: list[Any], heads: list[bool], watched: Sequence[tuple[str, Tensor]]
    ):
        self.compiled = compiled
        self.values = values
        self.heads = heads
        self._watched = Watched(watched)

    def watch_outputs(self, outputs: Sequence[NDArray]) -> None:
        """Watch those of the outputs that the backward pass reads, too."""
        for position in self.compiled.outputs_for_backward:
            self._watched.add(f"output {position}", outputs[position]._data)

    def check_unchanged(self) -> None:
        """Raise MXNetError if an array that the backward pass reads has been changed since the forward pass."""
        if (name := self._watched.changed()) is not None:
            raise MXNetError(
                f"Executor.backward: {name} is needed by the gradient and was modified by an inplace operation after "
                "forward; change it after backward, or call forward again."
            )


def _plan_forward(
    graph: Graph, parameters: Collection[str], asked: Limits, apart: int, shapes: Mapping[str, tuple[int, ...]],
    dtypes: Mapping[str, str], device: torch.device,
) -> ForwardPlan:  # fmt: skip
    """The plan of a forward pass in inference; apart are the bytes of all arguments and auxiliary states.

    Raises: MXNetError if the memory budget can't be met; Unplannable if shapes depend on values.
    """

    def plan(program: Program, own_shapes: Any, own_dtypes: Any, held: int) -> Planned:
        return plan_within(
            "Executor", asked, apart + held, program, own_shapes, own_dtypes, training=False, device=device, wanted=()
        )

    try:
        return plan_inference(graph, shapes, dtypes, parameters, plan)
    except Unplannable as error:
        raise error if asked.budget is None else MXNetError(str(error)) from None


def _store(target: NDArray | None, req: str) -> Callable[[Tensor], Any]:
    """What takes a gradient into its array."""
    assert target is not None
    return target._data.add_ if req == "add" else target._data.copy_


def _unique(names: list[str], arrays: Sequence[Any]) -> dict[str, Any]:
    if len(set(names)) != len(names):
        repeated = sorted(name for name in set(names) if names.count(name) > 1)
        raise ValueError(f"Duplicate names detected, {repeated}")
    return dict(zip(names, arrays, strict=True))


class UnknownGradReqError(MXNetError, ValueError):
    """A grad_req that isn't there; in MXNet a ValueError in bind, and an MXNetError in simple_bind."""


def grad_reqs(grad_req: Any, names: list[str]) -> list[str]:
    """For each argument "null", "write" or "add"."""
    if isinstance(grad_req, str):
        reqs = [grad_req] * len(names)
    elif isinstance(grad_req, list | tuple):
        if len(grad_req) != len(names):
            raise MXNetError(f"grad_req has {len(grad_req)} entries; expected one for each of {', '.join(names)}.")
        reqs = list(grad_req)
    elif isinstance(grad_req, dict):
        reqs = [grad_req.get(name, "null") for name in names]
    else:
        raise TypeError(f"grad_req is {grad_req!r}; expected a string, list or dict")
    for name, req in zip(names, reqs, strict=True):
        if req not in ("null", "write", "add"):
            raise UnknownGradReqError(f"grad_req for {name} is {req!r}; expected 'null', 'write' or 'add'.")
    return reqs


def check_shapes(graph: Graph, arrays: dict[str, NDArray]) -> tuple[dict[Value, Any], dict[Value, Any]]:
    """Shapes and dtypes of all values, from the arrays of variables; MXNetError where they contradict each other."""
    dtypes = infer_dtypes(graph, {name: dtype_name(value.dtype) for name, value in arrays.items()})
    shapes = infer_shapes(graph, {name: value.shape for name, value in arrays.items()}, dtypes)  # type: ignore[arg-type]
    return shapes, dtypes


def _as_arrays(names: list[str], given: Any, what: str, allow_missing: bool) -> list[Any]:
    if isinstance(given, dict):
        arrays = []
        for name in names:
            if name not in given and not allow_missing:
                raise ValueError(f"key `{name}` is missing in `{what}`")
            arrays.append(given.get(name))
    elif isinstance(given, list | tuple):
        if len(given) != len(names):
            raise ValueError(f"Length of {what} does not match the number of arguments: {len(given)} vs {len(names)}")
        arrays = list(given)
    else:
        raise TypeError(f"Only accept list of NDArrays or dict of str to NDArray for {what}")
    for name, value in zip(names, arrays, strict=True):
        if value is not None and not isinstance(value, NDArray):
            raise TypeError(f"Only accept list of NDArrays or dict of str to NDArray: {what} {name} is {type(value)}")
    return arrays


def bind(
    symbol: Any, ctx: Context, args: Any, args_grad: Any, grad_req: Any, aux_states: Any,
    group2ctx: dict[str, Context] | None, shared_exec: Executor | None, memory_budget: int | float | None = None,
    recompute: bool | None = None, inputs: Collection[str] | None = None,
) -> Executor:  # fmt: skip
    """An executor on given arrays; see `Symbol.bind`, and `Executor` for inputs."""
    asked = limits("bind", memory_budget, recompute)
    if not isinstance(ctx, Context):
        raise TypeError(f"Context type error: got {type(ctx)}")
    if shared_exec is not None and not isinstance(shared_exec, Executor):
        raise TypeError("shared_exec is not an Executor")
    asked = asked if shared_exec is None else replace(asked, least=shared_exec._asked.least)
    names, aux_names = symbol.list_arguments(), symbol.list_auxiliary_states()
    arrays = _as_arrays(names, args, "args", False)
    if args_grad is None:
        grads: list[Any] = [None] * len(names)
    else:
        grads = _as_arrays(names, args_grad, "args_grad", True)
    aux = _as_arrays(aux_names, [] if aux_states is None else aux_states, "aux_states", False)
    reqs = grad_reqs(grad_req, names)
    reqs = ["null" if grad is None else req for req, grad in zip(reqs, grads, strict=True)]
    return _make_executor(symbol, ctx, reqs, group2ctx, arrays, grads, aux, asked, inputs)


def simple_bind(
    symbol: Any, ctx: Context, grad_req: Any, type_dict: dict[str, Any] | None, stype_dict: dict[str, str] | None,
    group2ctx: dict[str, Context] | None, shared_arg_names: list[str] | None, shared_exec: Executor | None,
    shared_buffer: dict[str, NDArray] | None, shapes: dict[str, Any], memory_budget: int | float | None = None,
    recompute: bool | None = None,
) -> Executor:  # fmt: skip
    """An executor on new arrays of zeros; see `Symbol.simple_bind`."""
    asked = limits("simple_bind", memory_budget, recompute)
    if not isinstance(ctx, Context):
        raise TypeError(f"Context type error: got {type(ctx)}")
    names, aux_names = symbol.list_arguments(), symbol.list_auxiliary_states()
    unknown = [
        name for name, shape in shapes.items()
        if name not in names and name not in aux_names and isinstance(shape, tuple | list)
    ]  # fmt: skip
    if unknown:  # of a label, say, that the training network has
        warnings.warn(
            f"simple_bind: there is no argument {unknown[0]!r}, so its shape is ignored; the arguments are "
            f"{', '.join(names)}.", stacklevel=3,
        )  # fmt: skip
    known = {name: shape for name, shape in shapes.items() if name not in unknown}
    arg_shapes, _, aux_shapes = symbol.infer_shape_partial(**known)
    missing = [n for n, s in zip((*names, *aux_names), (*arg_shapes, *aux_shapes), strict=True) if not s or 0 in s]
    if missing:
        raise MXNetError(
            f"simple_bind: the shapes of {', '.join(missing)} can't be inferred from {shapes}; give more shapes."
        )
    arg_types, _, aux_types = symbol._infer_dtypes((), type_dict or {}, "float32")
    reqs = grad_reqs(grad_req, names)
    stypes, grad_stypes = infer_storage(symbol, stype_dict or {})

    def make(name: str, shape: tuple[int, ...], dtype: Any, shared: dict[str, NDArray]) -> NDArray:
        if shared_buffer is not None and name in shared_buffer and name in shared:
            return shared[name]
        existing = shared.get(name)
        if existing is not None and (existing.shape, existing.stype) == (shape, stypes[name]):
            if dtype_name(existing.dtype) == dtype_name(dtype):
                return existing
        if stypes[name] != "default":
            return zeros(shape, ctx, dtype, stype=stypes[name])
        return _from_buffer(name, shape, dtype, shared_buffer, ctx)

    shareable = set(shared_arg_names or ())
    old_args: dict[str, NDArray] = {}
    old_grads: dict[str, NDArray | None] = {}
    old_aux: dict[str, NDArray] = {}
    if shared_exec is not None:
        asked = replace(asked, least=shared_exec._asked.least)
        old_args = {n: a for n, a in shared_exec.arg_dict.items() if n in shareable}
        old_grads = {n: g for n, g in shared_exec.grad_dict.items() if n in shareable and g is not None}
        old_aux = shared_exec.aux_dict
    args = [make(n, s, d, old_args) for n, s, d in zip(names, arg_shapes, arg_types, strict=True)]
    grads = []
    for name, shape, dtype, req in zip(names, arg_shapes, arg_types, reqs, strict=True):
        if req == "null":
            grads.append(None)
        elif name in old_grads and (old_grads[name].shape, old_grads[name].stype) == (shape, grad_stypes[name]):
            grads.append(old_grads[name])
        elif grad_stypes[name] != "default":
            grads.append(zeros(shape, ctx, dtype, stype=grad_stypes[name]))
        else:
            grads.append(_from_buffer(f"grad of {name}", shape, dtype, shared_buffer, ctx))
    aux = [make(n, s, d, old_aux) for n, s, d in zip(aux_names, aux_shapes, aux_types, strict=True)]
    return _make_executor(symbol, ctx, reqs, group2ctx, args, grads, aux, asked, set(shapes))


def infer_storage(symbol: Any, stype_dict: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The storage types of all variables and of their gradients, by name.

    Raises: MXNetError for an unknown storage type.
    """
    for name, stype in stype_dict.items():
        if stype not in CODES:
            raise MXNetError(f"simple_bind: stype_dict[{name!r}] is {stype!r}; expected one of {', '.join(CODES)}.")
    graph = symbol.graph
    stypes = infer_stypes(graph, stype_dict)
    return {node.name: stypes[Value(node, 0)] for node in graph.variables}, infer_gradient_stypes(graph, stypes)


def _make_executor(
    symbol: Any, ctx: Context, reqs: list[str], group2ctx: dict[str, Context] | None, args: list[Any],
    grads: list[Any], aux: list[Any], asked: Limits, inputs: Collection[str] | None,
) -> Executor:  # fmt: skip
    """An executor of the class that these arrays need.

    Raises: MXNetError for a memory budget, recompute=True or a backend where storage is sparse, and for a memory budget
        with a backend.
    """
    from .symbol.backends import OptimizedSymbol, backend_of_environment

    if isinstance(symbol, OptimizedSymbol):
        symbol, optimizer = symbol.source, symbol.optimizer
    else:
        optimizer = backend_of_environment(symbol)
        if any(req != "null" for req in reqs):  # as in MXNet: for inference alone
            optimizer = None
    if optimizer is not None and asked.budget is not None:
        raise MXNetError(
            f"bind: inference is run by the backend {optimizer.name!r}, whose storage isn't planned, so leave out "
            f"{asked.given}."
        )
    known = {name: array.stype for name, array in zip(symbol.list_arguments(), args, strict=True)}
    stypes = [*infer_stypes(symbol.graph, known).values(), *(grad.stype for grad in grads if grad is not None)]
    if all(stype == "default" for stype in stypes):
        return Executor(None, symbol, ctx, reqs, group2ctx, args, grads, aux, asked, inputs, optimizer)
    if optimizer is not None:
        raise MXNetError(f"bind: the backend {optimizer.name!r} can't run on sparse arrays; bind dense ones.")
    from .sparse_executor import SparseExecutor

    if asked.budget is not None or asked.recompute:
        given = asked.given or "recompute=True"
        raise MXNetError(f"bind: the storage of sparse arrays depends on their values, so leave out {given}.")
    return SparseExecutor(None, symbol, ctx, reqs, group2ctx, args, grads, aux)


def _from_buffer(
    name: str, shape: tuple[int, ...], dtype: Any, buffer: dict[str, NDArray] | None, ctx: Context
) -> NDArray:
    """An array from the shared buffer where it is large enough, else a new one that enters the buffer."""
    if buffer is None:
        return zeros(shape, ctx, dtype)
    size = int(np.prod(shape))
    held = buffer.get(name)
    if held is not None and held.size >= size and dtype_name(held.dtype) == dtype_name(dtype):
        return wrap(NDArray, held._data.reshape(-1)[:size].reshape(shape), held._ctx)
    buffer[name] = zeros(shape, ctx, dtype)
    return buffer[name]
