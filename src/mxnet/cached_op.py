"""CachedOp: a graph that is called like an operator, imperatively and recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from torch import Tensor

from .base import MXNetError
from .context import current_context
from .graph.backends import Transform
from .graph.creation import has_unknown_sizes, resolve_creation
from .graph.graph import Node
from .graph.infer import infer_dtypes, infer_shapes
from .graph.optimized import OptimizedGraph
from .graph.program import Monitor, Program
from .graph.replay import Replays
from .graph.storage import infer_stypes
from .ndarray.invoke import NotAnArrayError, tracked, wrap, wrap_result
from .ndarray.ndarray import NDArray
from .ndarray.recording import STATE
from .ops.dtypes import DTYPE_NAMES
from .static_graph import StaticGraph
from .symbol.budget import limits

_FLAGS = {
    "static_alloc", "static_shape", "inline_limit", "forward_bulk_size", "backward_bulk_size", "data_indices",
    "param_indices", "subgraph", "memory_budget", "recompute", "limits", "fuse", "max_shape", "data_names",
}  # fmt: skip

_PLAIN = frozenset({NDArray})
_tensor = attrgetter("_data")


class CachedOp:
    """A symbol made callable on arrays; what `HybridBlock.hybridize` runs.

    Args:
        sym: the symbol.
        flags: pairs (name, value) as hybridize takes them: static_alloc, static_shape, memory_budget, recompute, fuse,
            max_shape; limits, of memory_budget and recompute in one, as `symbol.budget.limits` makes them.
            inline_limit and the bulk sizes have no meaning here: a graph is always run as a whole.
        parameters: names of the inputs that stay the same from call to call.
        transform: what a backend makes of the graph when nothing is recorded and the mode isn't training; None: the
            exact passes.
    Raises: MXNetError for an unknown flag.
    """

    def __init__(
        self, sym: Any, flags: Sequence[tuple[str, Any]] = (), parameters: Collection[str] = (),
        transform: Transform | None = None,
    ):  # fmt: skip
        for name, _ in flags:
            if name not in _FLAGS:
                raise MXNetError(f"Cannot find argument {name!r}, Possible Arguments: {', '.join(sorted(_FLAGS))}")
        self._symbol = sym
        self._graph, positions = sym.graph.without_repeated_outputs()
        #: which results the outputs are, where the same one is returned more than once, as imperatively
        self._positions = positions if len(positions) != len(self._graph.outputs) else None
        self._program = None if has_unknown_sizes(self._graph) else Program(self._graph, as_created=True)
        self._programs: dict[Any, Program] = {}
        self._interpreter: Any = None
        dense = {node.name: "default" for node in self._graph.variables}
        self._is_sparse = any(stype != "default" for stype in infer_stypes(self._graph, dense).values())
        self._names = sym.list_inputs()
        options = dict(flags)
        self._replays = Replays() if options.get("static_alloc") and options.get("static_shape") else None
        self.static: StaticGraph | None = None
        if options.get("static_alloc"):
            self.static = StaticGraph(
                self._graph,
                options.get("limits") or limits("CachedOp", options.get("memory_budget"), options.get("recompute")),
                options.get("fuse", False),
                self._replays, _bounds(options.get("max_shape"), options.get("data_names", ())),
                options.get("data_names", ()),
            )  # fmt: skip
        for name in ("memory_budget", "recompute"):
            if options.get(name) is not None and self.static is None:
                raise MXNetError(f"CachedOp: {name}={options[name]!r} needs static_alloc=True.")
        self.inference: OptimizedGraph | None = None
        self._is_transformed = transform is not None
        if len(set(self._names)) == len(self._names):
            planner = None if self.static is None else partial(self.static.plan_inference, parameters)
            self.inference = OptimizedGraph(self._graph, parameters, transform, planner, True, self._replays)

    @property
    def handle(self) -> Any:
        """The graph (MXNet has a C handle here)."""
        return self._graph

    @property
    def obstacles(self) -> list[str]:
        """Why something that ran isn't recorded although `static_shape` asks for it; see docs/static-graph.md."""
        if self._replays is None:
            return []
        found = {replay.reason for replay in self._replays.all() if replay.reason is not None}
        if any(part is not None and part.has_unplanned for part in (self.static, self.inference)):
            found.add("shapes depend on values, so that there is no plan")
        if self._interpreter is not None:
            found.add("arrays or gradients are sparse: operators run one by one")
        if self._is_transformed:
            found.add("inference is run by a backend, or by fused layers")
        return sorted(found)

    @property
    def num_plans(self) -> int:
        """How many plans are kept now."""
        return sum(part.num_plans for part in (self.static, self.inference) if part is not None)

    @property
    def num_recorded(self) -> int:
        """How many plans have their kernels recorded."""
        return 0 if self._replays is None else sum(replay.is_recorded for replay in self._replays.all())

    @property
    def is_np_sym(self) -> bool:
        """Whether the symbol is one of mx.np."""
        return False

    def __call__(self, *args: NDArray, **kwargs: Any) -> Any:
        """The outputs for arrays in the order of the symbol's list_inputs; one array, or a list.

        Args:
            out: arrays that take the outputs.
            default_ctx: where a graph without inputs runs; default the current context.
        Raises: MXNetError if the number of arrays is wrong, or an operator fails.
        """
        out = default_ctx = None
        if kwargs:
            out, default_ctx = kwargs.pop("out", None), kwargs.pop("default_ctx", None)
            if kwargs:
                raise TypeError(f"CachedOp.__call__ got unexpected keyword argument(s): {', '.join(kwargs)}")
        arrays = self._outputs(self._run(args, default_ctx))
        if out is not None:
            targets = out if isinstance(out, list | tuple) else [out]
            if len(targets) != len(arrays):
                raise MXNetError(f"CachedOp: {len(targets)} arrays were given as out; there are {len(arrays)} outputs.")
            for target, array in zip(targets, arrays, strict=True):
                array.copyto(target)
            return out
        return arrays[0] if len(arrays) == 1 else arrays

    def run_monitored(
        self, args: Sequence[NDArray], callback: Callable[[str, str, NDArray], None], monitor_all: bool = False
    ) -> list[NDArray]:
        """The outputs; callback(output name, operator name, array) sees every output of every operator on the way.

        Args:
            args: arrays in the order of the symbol's list_inputs.
            callback: what it does to the array has no effect on the result.
            monitor_all: call it for the inputs of operators too, named "node_input".
        """

        def hook(node: Node, name: str, tensor: Tensor) -> None:
            if node.op is not None:
                callback(name, node.op.name, wrap(NDArray, tensor.detach(), ctx))

        ctx = args[0]._ctx if args else current_context()
        return self._outputs(self._run(args, None, hook, monitor_all))

    def _outputs(self, results: list[NDArray]) -> list[NDArray]:
        return results if self._positions is None else [results[position] for position in self._positions]

    def _run(
        self, args: Sequence[NDArray], default_ctx: Any, monitor: Monitor | None = None, monitor_inputs: bool = False
    ) -> list[NDArray]:
        if len(args) != len(self._names):
            raise MXNetError(
                f"CachedOp: got {len(args)} arrays; expected {len(self._names)}: {', '.join(self._names)}."
            )
        recording = STATE.recording
        infers = self.inference is not None and not (recording or STATE.training or monitor is not None)
        plain = not self._is_sparse and _PLAIN.issuperset(map(type, args))  # a quick look: there may be hundreds
        if not (plain and infers):
            for array in args:
                if not isinstance(array, NDArray):
                    name = self._names[next(i for i, item in enumerate(args) if item is array)]
                    raise NotAnArrayError(f"CachedOp: {name} must have NDArray type, but got {array!r}")
            if self._is_sparse or any(array._sparse or _has_sparse_gradient(array) for array in args):
                return self._interpret(args, default_ctx, monitor, monitor_inputs)
        cls, ctx = (type(args[0]), args[0]._ctx) if args else (NDArray, default_ctx or current_context())
        if infers:
            assert self.inference is not None
            results = self.inference.run(list(map(_tensor, args)), ctx.torch_device)
            return [wrap_result(cls, result, ctx) for result in results]
        program = self._program or self._program_for(args)
        if self.static is not None and self.inference is not None:
            self.inference.release()  # what it holds isn't in the plan of a training step
        values = list(map(_tensor, args))
        tensors = values
        if recording:
            tensors = [tracked(array) for array in args]
            for position in program.mutated:  # changed in place, never differentiated
                tensors[position] = values[position]
        if self.static is not None and monitor is None:
            planned = self.static.run(tensors, values, program.mutated, STATE.training, recording, ctx.torch_device)
            if planned is not None:
                return [wrap_result(cls, result, ctx) for result in planned]
        results = program.run(
            tensors, training=STATE.training, device=ctx.torch_device, differentiate=recording, monitor=monitor,
            monitor_inputs=monitor_inputs,
        )  # fmt: skip
        return [wrap_result(cls, result, ctx) for result in results]

    def _interpret(
        self, args: Sequence[NDArray], default_ctx: Any, monitor: Monitor | None, monitor_inputs: bool
    ) -> list[NDArray]:
        """The outputs where an array, a value or a gradient is sparse: one imperative call for each node."""
        from .interpreter import Interpreter

        if self._interpreter is None:
            if has_unknown_sizes(self._graph):
                raise MXNetError("CachedOp: operators that find their shape by inference can't run on sparse arrays.")
            self._interpreter = Interpreter(self._graph)
        hook = None
        if monitor is not None:
            hook = lambda node, name, array: monitor(node, name, array.tostype("default")._data)
        ctx = args[0]._ctx if args else default_ctx or current_context()
        return self._interpreter.run(args, ctx, hook, monitor_inputs)  # type: ignore[no-any-return]

    def _program_for(self, args: Sequence[NDArray]) -> Program:
        """The program for these shapes, when operators take sizes from shape inference."""
        key = tuple((array._data.shape, array._data.dtype) for array in args)
        program = self._programs.get(key)
        if program is None:
            dtypes = infer_dtypes(self._graph, {n: DTYPE_NAMES[k[1]] for n, k in zip(self._names, key, strict=True)})
            shapes = infer_shapes(self._graph, {n: tuple(k[0]) for n, k in zip(self._names, key, strict=True)}, dtypes)  # type: ignore[arg-type]
            if len(self._programs) >= 64:
                self._programs.clear()
            program = self._programs[key] = Program(resolve_creation(self._graph, shapes), as_created=True)
        return program


def _has_sparse_gradient(array: NDArray) -> bool:
    mark = array._mark
    return mark is not None and mark.grad is not None and mark.grad._sparse


def _bounds(max_shape: Any, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The largest shape of each input.

    Raises: MXNetError if max_shape isn't a shape for each of them.
    """
    if max_shape is None:
        return {}
    given = [max_shape] if all(isinstance(extent, int) for extent in max_shape) else list(max_shape)
    if len(given) != len(names):
        raise MXNetError(f"hybridize: max_shape is {max_shape}; expected a shape for each of {', '.join(names)}.")
    return {name: tuple(shape) for name, shape in zip(names, given, strict=True)}


__all__ = ["CachedOp"]
