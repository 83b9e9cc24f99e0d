"""Executors of symbols with sparse arguments, gradients or values."""

from __future__ import annotations

from typing import Any

from . import autograd
from .base import MXNetError
from .executor import Executor, check_shapes
from .graph.creation import resolve_creation
from .graph.storage import infer_stypes
from .interpreter import Interpreter
from .ndarray.ndarray import NDArray
from .ndarray.sparse_gradients import clear
from .ndarray.utils import zeros
from .ops.generators import drawn_again, generator_for


class SparseExecutor(Executor):
    """An executor some of whose arrays are sparse; storage isn't planned.

    Outputs and gradient arrays have the storage types that MXNet infers; an array that was bound keeps its own.
    """

    def step(self, update: Any) -> bool:
        """Not possible with sparse storage: False."""
        return False

    def _prepare(self) -> None:
        graph = self._symbol.graph
        arrays = self._bind_inputs(graph)
        shapes, dtypes = check_shapes(graph, arrays)
        self._interpreter = Interpreter(resolve_creation(graph, shapes))
        self._is_random = any(node.is_random for node in graph.nodes)
        self._are_variables = [value.node.op is None for value in graph.outputs]
        self._device = self._ctx.torch_device
        self._loss_heads = [value.is_loss for value in graph.outputs]
        stypes = infer_stypes(graph, {name: bound.stype for name, bound in arrays.items()})
        self.outputs = [
            zeros(shapes[value] or (), self._ctx, dtypes[value], stype=stypes[value]) for value in graph.outputs
        ]
        self._results: list[Any] | None = None

    def forward(self, is_train: bool = False, **kwargs: Any) -> list[NDArray]:
        """Compute the outputs; see `Executor.forward`."""
        self._set_arguments(kwargs)
        self._results = None
        if self._is_random:
            self._random_state = generator_for(self._device).get_state()
        results = self._interpret(is_train, is_train, self._monitor)
        for output, result, is_variable in zip(self.outputs, results, self._are_variables, strict=True):
            value = result.copy() if is_variable else result.detach()
            if output._sparse:
                output._replace(value)  # type: ignore[attr-defined]
            else:
                output._data = value._data
        self._results = results if is_train else None
        return self.outputs

    def release(self) -> None:
        """Let go of what the last run kept for the backward pass; outputs stay."""
        self._results = None

    def _interpret(self, is_train: bool, differentiate: bool, monitor: Any = None, aux_stay: bool = False) -> list[Any]:
        arrays = []
        for bound, position in self._inputs:
            array = bound.detach() if position is not None or not aux_stay else bound.copy()
            if differentiate and position is not None and self._is_wanted(position):
                req = "add" if self._reqs[position] == "add" else "write"
                autograd.mark_variables(array, self.grad_arrays[position], req)  # type: ignore[arg-type]
            arrays.append(array)
        hook = None
        if monitor is not None:
            hook = lambda node, name, array: monitor[0](name, array.detach())
        with autograd._Scope(differentiate, is_train):
            return self._interpreter.run(arrays, self._ctx, hook, monitor is not None and monitor[1])

    def _is_wanted(self, position: int) -> bool:
        """Whether the gradient of an argument goes somewhere."""
        array = self.arg_arrays[position]
        values = array._values if array._sparse else array._data  # type: ignore[attr-defined]
        return (
            self._reqs[position] != "null" and self.grad_arrays[position] is not None and values.is_floating_point()
        )

    def backward(self, out_grads: Any = None, is_train: bool = True) -> None:
        """Compute the gradients and store them in the gradient arrays; see `Executor.backward`."""
        given = self._given_arrays(out_grads)
        if self._results is None:
            self._results = self._run_once_more(is_train)
        results, self._results = self._results, None
        pairs = [(result, head) for result, head in zip(results, given, strict=True) if result._node is not None]
        for position, gradient in enumerate(self.grad_arrays):
            if self._is_wanted(position) and self._reqs[position] != "add":
                clear(gradient)
        if pairs:
            autograd.backward([result for result, _ in pairs], [head for _, head in pairs], train_mode=is_train)

    def _run_once_more(self, is_train: bool) -> list[Any]:
        """Compute what backward needs again: the same random numbers, and auxiliary states stay as they are."""
        with drawn_again(self._device, self._random_state):
            return self._interpret(is_train, True, aux_stay=True)

    def _resized(self, name: str, old: NDArray, shape: tuple[int, ...], allow_up_sizing: bool) -> NDArray:
        if not old._sparse or old.shape == shape:
            return super()._resized(name, old, shape, allow_up_sizing)
        return zeros(shape, old._ctx, old.dtype, stype=old.stype)

    def get_optimized_symbol(self) -> Any:
        """The symbol as it is executed."""
        return type(self._symbol)(self._interpreter.graph)

    def memory_plan(self, optimizer: Any = None, budget: Any = None, recompute: bool | None = None) -> Any:
        """Not available: how much sparse arrays store depends on values. Raises: MXNetError always."""
        raise MXNetError("memory_plan: the storage of sparse arrays depends on their values; bind dense arrays.")
