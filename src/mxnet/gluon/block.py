"""Blocks: networks and layers, run imperatively or, once hybridized, as a graph."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch

from .. import autograd, initializer, ndarray, symbol
from ..base import MXNetError
from ..cached_op import CachedOp
from ..context import Context
from ..graph.backends import Optimizer, Transform, fused
from ..graph.planned import MOST_PLANS
from ..name import NameManager, Prefix
from ..ndarray import NDArray
from ..ndarray.invoke import wrap
from ..ndarray.recording import STATE
from ..ops.dtypes import dtype_name, torch_dtype
from ..symbol import Symbol
from ..symbol.budget import limits, limits_or
from .graph_inputs import GraphInputs
from .parameter import DeferredInitializationError, Parameter, ParameterDict, _brief, _reduced, shape_is_known
from .tracing import trace_forward
from .utils import HookHandle

__all__ = ["Block", "HybridBlock", "SymbolBlock"]


class _Scope(threading.local):
    def __init__(self) -> None:
        self.current: _BlockScope | None = None


_scope = _Scope()


class _BlockScope:
    """Gives child blocks and parameters made inside ``with block.name_scope()`` the prefix of the block."""

    def __init__(self, block: Block | None):
        self._block = block
        self._counter: dict[str, int] = {}
        self._entered: list[tuple[_BlockScope | None, Any]] = []

    @staticmethod
    def create(prefix: str | None, params: ParameterDict | None, hint: str) -> tuple[str, ParameterDict]:
        """Prefix and parameters of a new block."""
        current = _scope.current
        if current is None or current._block is None:
            if prefix is None:
                prefix = NameManager.current.get(None, hint) + "_"
            return prefix, ParameterDict(prefix) if params is None else ParameterDict(params.prefix, params)
        if prefix is None:
            number = current._counter.get(hint, 0)
            current._counter[hint] = number + 1
            prefix = f"{hint}{number}_"
        parent = current._block
        if params is None:
            own = ParameterDict(parent.params.prefix + prefix, parent.params._shared)
        else:
            own = ParameterDict(params.prefix, params)
        return parent.prefix + prefix, own

    def __enter__(self) -> _BlockScope:
        if self._block is None or self._block._empty_prefix:
            self._entered.append((_scope.current, None))
            return self
        names = Prefix(self._block.prefix)
        self._entered.append((_scope.current, names))
        _scope.current = self
        names.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        previous, names = self._entered.pop()
        if names is not None:
            names.__exit__(*exception)
            _scope.current = previous


def _flatten(args: Any, kind: str) -> tuple[list[Any], Any]:
    """The arrays in nested lists, and the structure: 0 for an array, -1 for None, a list for a list."""
    if isinstance(args, NDArray):
        return [args], 0
    if isinstance(args, Symbol):
        return [args], len(args) if len(args) > 1 else 0
    if args is None:
        return [None], -1
    if not isinstance(args, list | tuple):
        raise ValueError(
            f"When hybridized, the {kind} of HybridBlock must be (nested) list of Symbol or NDArray, but got {args!r} "
            "of "
            f"type {type(args)}"
        )
    flat, structure = [], []
    for item in args:
        part, shape = _flatten(item, kind)
        flat += part
        structure.append(shape)
    return flat, structure


def _regroup(flat: list[Any], structure: Any) -> Any:
    """The nested lists again; takes what it uses from flat, in which there is nothing for None."""
    if structure == -1:
        return None
    if isinstance(structure, int):
        if structure == 0:
            return flat.pop(0)
        taken = flat[:structure]
        del flat[:structure]
        return taken
    return [_regroup(flat, part) for part in structure]


def _first_array(args: Any) -> Any:
    """The first array or symbol in nested lists, or None."""
    if isinstance(args, list | tuple):
        return next((found for found in map(_first_array, args) if found is not None), None)
    return args if isinstance(args, NDArray | Symbol) else None


class Block:
    """Base of all layers and networks.

    Subclasses make child blocks and parameters in ``__init__`` (inside ``with self.name_scope()``) and define
    ``forward``. Assigning a block or parameter to an attribute registers it.

    Args:
        prefix: prefix of the names of parameters and children; default made from the class name.
        params: parameters to share with another block.
    """

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None):
        self._empty_prefix = prefix == ""
        self._prefix, self._params = _BlockScope.create(prefix, params, self._alias())
        self._name = self._prefix[:-1] if self._prefix.endswith("_") else self._prefix
        self._scope = _BlockScope(self)
        self._children: OrderedDict[str, Block] = OrderedDict()
        self._reg_params: dict[str, Parameter] = {}
        self._forward_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
        self._forward_pre_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()

    def _alias(self) -> str:
        return type(self).__name__.lower()

    def __repr__(self) -> str:
        rows = [
            f"  ({name}): {_indent(repr(value))}" for name, value in self.__dict__.items() if isinstance(value, Block)
        ]
        return f"{type(self).__name__}(\n" + "\n".join(rows) + "\n)"

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, name):
            existing = getattr(self, name)
            if isinstance(existing, Parameter | Block) and not isinstance(value, type(existing)):
                raise TypeError(
                    f"Changing attribute type for {name} from {type(existing)} to {type(value)} is not allowed."
                )
        if isinstance(value, Block):
            self.register_child(value, name)
        elif isinstance(value, Parameter):
            if name in self._reg_params:
                raise AssertionError(
                    f"Overriding Parameter attribute {name} is not allowed. If you want to share parameters by setting "
                    f"{name}, please pass in params at Block construction instead."
                )
            self._reg_params[name] = value
        super().__setattr__(name, value)

    # Names and parameters

    @property
    def prefix(self) -> str:
        """Prefix of the names of parameters and children."""
        return self._prefix

    @property
    def name(self) -> str:
        """Name: the prefix without its underscore."""
        return self._name

    def name_scope(self) -> _BlockScope:
        """``with self.name_scope():`` children and parameters made inside have this block's prefix."""
        return self._scope

    @property
    def params(self) -> ParameterDict:
        """The parameters of this block itself, without those of its children."""
        return self._params

    def collect_params(self, select: str | None = None) -> ParameterDict:
        """The parameters of this block and its children, or those whose names match a regular expression."""
        found = ParameterDict(self._params.prefix)
        found.update(self.params if select is None else self.params._selected(select))
        for child in self._children.values():
            found.update(child.collect_params(select))
        return found

    def _collect_params_with_prefix(self, prefix: str = "") -> dict[str, Parameter]:
        """Parameters by the path of attributes to them ("features.0.weight")."""
        if prefix:
            prefix += "."
        found = {prefix + name: parameter for name, parameter in self._reg_params.items()}
        for name, child in self._children.items():
            found.update(child._collect_params_with_prefix(prefix + name))
        return found

    def register_child(self, block: Block, name: str | None = None) -> None:
        """Make a block a child of this one; assigning it to an attribute does the same."""
        self._children[str(len(self._children)) if name is None else name] = block

    def apply(self, fn: Callable[[Block], Any]) -> Block:
        """Call fn on every descendant and then on this block; returns the block."""
        for child in self._children.values():
            child.apply(fn)
        fn(self)
        return self

    def initialize(self, init: Any = None, ctx: Any = None, verbose: bool = False, force_reinit: bool = False) -> None:
        """Initialize all parameters; see `Parameter.initialize`. Default initializer: Uniform()."""
        self.collect_params().initialize(initializer.Uniform() if init is None else init, ctx, verbose, force_reinit)

    def cast(self, dtype: Any) -> None:
        """Change the dtype of all parameters."""
        for child in self._children.values():
            child.cast(dtype)
        for parameter in self.params.values():
            parameter.cast(dtype)

    # Files

    def save_parameters(self, filename: str, deduplicate: bool = False) -> None:
        """Save the values of all parameters by their path.

        Args:
            filename: path.
            deduplicate: save shared parameters once, under the first of their paths.
        """
        parameters = self._collect_params_with_prefix()
        if deduplicate:
            seen: dict[Parameter, str] = {}
            parameters = {n: p for n, p in parameters.items() if seen.setdefault(p, n) == n}
        ndarray.save(filename, {name: _reduced(parameter) for name, parameter in parameters.items()})

    def load_parameters(
        self, filename: str, ctx: Any = None, allow_missing: bool = False, ignore_extra: bool = False,
        cast_dtype: bool = False, dtype_source: str = "current",
    ) -> None:  # fmt: skip
        """Load values saved by `save_parameters`, or by `export` and `collect_params().save`.

        Args:
            ctx: devices for parameters that aren't initialized, default the CPU.
            allow_missing: accept that a parameter has no value in the file.
            ignore_extra: accept values in the file that no parameter wants.
            cast_dtype, dtype_source: see `ParameterDict.load_dict`.
        Raises: AssertionError or ValueError for missing, superfluous or unfitting values; MXNetError for a bad file.
        """
        loaded = ndarray.load(filename)
        if not loaded:
            return
        if not isinstance(loaded, dict):
            raise MXNetError(f"load_parameters: the arrays in '{filename}' have no names.")
        parameters = self._collect_params_with_prefix()
        if not any("." in name for name in loaded) and any(name not in parameters for name in loaded):
            loaded = {n[4:] if n.startswith(("arg:", "aux:")) else n: v for n, v in loaded.items()}
            prefix = "" if any(name in self.collect_params() for name in loaded) else self.prefix
            self.collect_params().load_dict(
                loaded, ctx, allow_missing, ignore_extra, prefix, filename, cast_dtype, dtype_source
            )
            return
        if not allow_missing:
            paths: dict[Parameter, list[str]] = {}
            for name, parameter in parameters.items():
                paths.setdefault(parameter, []).append(name)
            for names in paths.values():
                if not any(name in loaded for name in names):
                    raise AssertionError(
                        f"Parameter '{names[0]}' is missing in file '{filename}', which contains parameters: "
                        f"{_brief(loaded)}. Set allow_missing=True to ignore missing parameters."
                    )
        for name, value in loaded.items():
            if name in parameters:
                parameters[name]._load_init(value, ctx, cast_dtype=cast_dtype, dtype_source=dtype_source)
            elif not ignore_extra:
                raise ValueError(
                    f"Parameter '{name}' loaded from file '{filename}' is not present in ParameterDict, which contains "
                    f"parameters {_brief(parameters)}. Set ignore_extra=True to ignore."
                )

    def save_params(self, filename: str) -> None:
        """Deprecated: save by full name; use save_parameters."""
        warnings.warn(
            "save_params is deprecated. Please use save_parameters. Note that if you want load from SymbolBlock later, "
            "please use export instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        self.collect_params().save(filename, strip_prefix=self.prefix)

    def load_params(
        self, filename: str, ctx: Any = None, allow_missing: bool = False, ignore_extra: bool = False
    ) -> None:
        """Deprecated: use load_parameters."""
        warnings.warn("load_params is deprecated. Please use load_parameters.", DeprecationWarning, stacklevel=2)
        self.load_parameters(filename, ctx, allow_missing, ignore_extra)

    def save(self, prefix: str) -> None:
        """Save structure-independent state: the parameters of every block by path, in prefix-model.params."""
        self.save_parameters(f"{prefix}-model.params")

    def load(self, prefix: str) -> None:
        """Load what `save` wrote."""
        self.load_parameters(f"{prefix}-model.params")

    # Running

    def __call__(self, *args: Any) -> Any:
        for hook in self._forward_pre_hooks.values():
            hook(self, args)
        out = self.forward(*args)
        for hook in self._forward_hooks.values():
            hook(self, args, out)
        return out

    def forward(self, *args: Any) -> Any:
        """The computation; must be overridden."""
        raise NotImplementedError

    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Run the HybridBlocks among the descendants as graphs; see `HybridBlock.hybridize`."""
        for child in self._children.values():
            child.hybridize(active, **kwargs)

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call hook(block, inputs) before forward; the handle detaches it."""
        handle = HookHandle()
        handle.attach(self._forward_pre_hooks, hook)
        return handle

    def register_forward_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call hook(block, inputs, outputs) after forward; the handle detaches it."""
        handle = HookHandle()
        handle.attach(self._forward_hooks, hook)
        return handle

    def register_op_hook(self, callback: Callable[..., Any], monitor_all: bool = False) -> None:
        """Call callback(name, operator name, array) for outputs (monitor_all: and inputs) of hybridized children."""
        for child in self._children.values():
            child.register_op_hook(callback, monitor_all)

    def summary(self, *inputs: Any) -> None:
        """Print the layers, their output shapes and numbers of parameters for given inputs."""
        from .summary import print_block_summary

        print_block_summary(self, inputs)


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")


_NO_INPUT = (
    "In HybridBlock, there must be one NDArray or one Symbol in the input. Please check the type of the args."
)
#: what a HybridBlock keeps of its graph, and how it runs
_GRAPH_STATE = (
    "_active", "_flags", "_optimizers", "_rewritten", "_cached_graph", "_cached_op", "_cached_inputs", "_traces",
    "_in_format", "_out_format", "_graph_of",
)  # fmt: skip
_structure_changes = 0  # how often any HybridBlock has got a child or a parameter
_MAX_TRACES = 64  # graphs kept for different shapes by a block whose forward method is traced


class HybridBlock(Block):
    """A block that can run as a graph.

    Subclasses define ``hybrid_forward(self, F, x, ..., weight=...)``, where F is mx.nd or mx.sym and registered
    parameters arrive as keywords; or ``forward(self, x, ...)`` on arrays, which is traced when hybridized. After
    ``hybridize()`` the first call builds the graph, and later ones run it.
    """

    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None):
        super().__init__(prefix, params)
        self._cached_graph: tuple[Any, ...] = ()
        self._cached_op: CachedOp | None = None
        self._cached_inputs = GraphInputs(())
        self._in_format: Any = None
        self._out_format: Any = None
        self._active = False
        self._flags: list[tuple[str, Any]] = []
        self._op_hook: tuple[Callable[..., Any], bool] | None = None
        self._optimizers: list[Optimizer] = []
        self._rewritten: Symbol | None = None
        self._traces: OrderedDict[Any, tuple[Any, ...]] = OrderedDict()
        #: what the graph was made of: the number of changes to any block by then, and all blocks and parameters
        self._graph_of: tuple[int, Any] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if isinstance(value, HybridBlock | Parameter):
            self._change_structure()

    def _change_structure(self) -> None:
        """Children or parameters have changed: graphs of this block, and of others that hold it, no longer hold."""
        global _structure_changes  # one counter, so that a call of a block that hasn't changed looks at one number
        _structure_changes += 1
        self._clear_cached_op()

    def _structure(self) -> tuple[Any, ...]:
        """All parameters and blocks in here, as they are nested."""
        inside = [(child, child._structure()) for child in self._children.values()]  # type: ignore[attr-defined]
        return tuple(self._reg_params.values()), tuple(inside)

    def _drop_outdated_graph(self) -> None:
        """Forget the graph if a block inside has got other children or parameters since it was made."""
        made_of = self._graph_of
        if made_of is None or made_of[0] == _structure_changes:
            return
        if made_of[1] == self._structure():
            self._graph_of = _structure_changes, made_of[1]
        else:
            self._clear_cached_op()

    def register_child(self, block: Block, name: str | None = None) -> None:
        """Make a HybridBlock a child of this one.

        Raises: ValueError for another kind of block.
        """
        if not isinstance(block, HybridBlock):
            raise ValueError(
                f"Children of HybridBlock must also be HybridBlock, but {block} has type {type(block)}. If you are "
                "using "
                "Sequential, please try HybridSequential instead."
            )
        super().register_child(block, name)
        self._change_structure()

    def hybridize(
        self, active: bool = True, backend: str | None = None, clear: bool = True, static_alloc: bool = False,
        static_shape: bool = False, inline_limit: int = 2, forward_bulk_size: int | None = None,
        backward_bulk_size: int | None = None, memory_budget: int | float | None = None, fuse: bool = False,
        max_shape: Any = None, recompute: bool | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """Run as a graph from now on, or imperatively again.

        Args:
            active: whether to run as a graph.
            backend: name of a backend or of registered passes, see `optimize_for`.
            clear: forget backends and passes named before.
            static_alloc: run programs whose storage is planned.
            static_shape: on a GPU, record the kernels of forward and backward pass once and replay them (CUDA graphs);
                what can't be recorded runs as without, and `cache_info` says why; on a CPU without effect; needs
                static_alloc.
            inline_limit, forward_bulk_size, backward_bulk_size: no meaning here: a graph is always run as a whole.
            memory_budget: the most memory that a training step may need, as for `Symbol.simple_bind`; needs
                static_alloc. If it can't be met, the first call of each kind says so.
            fuse: allow what changes how results are rounded: in inference the fusing passes, as
                `optimize_for(backend="oneDNN")` does; in training, with static_alloc, other layouts.
            max_shape: the largest shape that the input may have, or a list of them for several inputs: every smaller
                input makes do with the storage planned for it, and a larger one is an error; needs static_alloc.
            recompute: how much a training step computes again in its backward pass, as for `Symbol.simple_bind`; needs
                static_alloc.
            kwargs: options of the backend.
        Raises: ValueError if static_shape is given without static_alloc; MXNetError for an unknown backend or option, a
            budget that is none, or one without static_alloc. The block then runs as before.
        """
        if static_shape and not static_alloc:
            raise ValueError("static_alloc must be True when static_shape is True")
        if kwargs and backend is None:
            raise MXNetError(
                f"hybridize: unknown option {next(iter(kwargs))!r}; expected active, backend, clear, static_alloc, "
                "static_shape, inline_limit, forward_bulk_size, backward_bulk_size, memory_budget, fuse, max_shape or "
                "recompute."
            )
        planned_only = {"memory_budget": memory_budget, "max_shape": max_shape, "recompute": recompute}
        for name, option in planned_only.items():
            if option is not None and active and not static_alloc:
                raise MXNetError(f"hybridize: {name}={option!r} needs static_alloc=True.")
        if not (max_shape is None or _is_shape(max_shape) or all(map(_is_shape, _items(max_shape) or (0,)))):
            raise MXNetError(f"hybridize: max_shape is {max_shape!r}; expected a tuple of integers, or a list of them.")
        asked = limits("hybridize", memory_budget, recompute) if static_alloc else None
        added = [] if backend is None else [Optimizer(backend, kwargs)]
        self._optimizers = added if clear else [*self._optimizers, *added]
        self._active = active
        self._flags = [("static_alloc", static_alloc), ("static_shape", static_shape), ("inline_limit", inline_limit)]
        self._flags += [("limits", asked), ("fuse", fuse), ("max_shape", max_shape)]
        if forward_bulk_size is not None:
            self._flags.append(("forward_bulk_size", forward_bulk_size))
        if backward_bulk_size is not None:
            self._flags.append(("backward_bulk_size", backward_bulk_size))
        if clear or added:
            self._clear_cached_op()
        for child in self._children.values():
            child.hybridize(
                active, static_alloc=static_alloc, static_shape=static_shape, inline_limit=inline_limit,
                forward_bulk_size=forward_bulk_size, backward_bulk_size=backward_bulk_size, clear=clear,
                **({} if recompute is None else {"recompute": recompute}),
            )  # fmt: skip

    def memory_plan(
        self, *args: Any, training: bool = True, grad_req: Any = None, optimizer: Any = None, budget: Any = None,
        recompute: bool | None = None, update_in_backward: bool = False,
    ) -> Any:  # fmt: skip
        """The storage that a forward pass or a training step needs after ``hybridize(static_alloc=True)``.

        Nothing is computed, and parameters need not be initialised. The gradients are counted twice, as results that a
        step hands over and as the arrays that take them.

        Args:
            args: inputs, as in a call: arrays, or for a hybrid_forward their shapes (float32).
            training: a training step, forward and backward; otherwise a forward pass.
            grad_req: "write", "add" or "null" for all parameters, or by name; default that of each parameter. Inputs
                count if a gradient is attached to them, or if they are named ("data", or "data0", "data1", ...).
            optimizer: Optimizer or its name, whose states are counted.
            budget, recompute: plan for a memory budget, as `hybridize` takes them; default those given there.
            update_in_backward: plan for a Trainer with update_in_backward, which keeps no gradients.
        Returns: a MemoryPlan: planned_bytes, peak_bytes and so on; `str()` is a table, `plot()` a picture.
        Raises: MXNetError if a shape can't be inferred, the budget can't be met (it says the smallest that can), or a
            shape depends on values.
        """
        from ..symbol.planning import plan_symbol

        given = _arrays_for_shapes(args)
        arrays = [item for item in _flatten(given, "input")[0] if item is not None]
        if self._traces_forward and any(array._data.is_meta for array in arrays):
            raise MXNetError("memory_plan: a forward method is traced: give arrays, not shapes.")
        given = self._arguments(*given)
        with autograd.record() if training else autograd.pause(train_mode=False):
            out, inputs = self._infer(given)
        shapes = {name: array.shape for name, array in inputs.items()}
        dtypes = {name: array.dtype for name, array in inputs.items()}
        parameters = self.collect_params()
        reqs = {name: array._mark.req for name, array in inputs.items() if array._mark is not None}
        if isinstance(grad_req, dict):
            unknown = [name for name in grad_req if name not in (*out.list_inputs(), *parameters)]
            if unknown:
                raise MXNetError(
                    f"memory_plan: grad_req names {unknown[0]!r}; the arguments are {', '.join(out.list_arguments())}."
                )
            reqs.update(grad_req)
        else:
            reqs.update({name: grad_req or p.grad_req for name, p in parameters.items()})
        wanted = {name: reqs.get(name, "null") for name in out.list_arguments()}
        dtypes.update({name: p.dtype for name, p in parameters.items() if name in out.list_inputs()})
        flags = dict(self._flags)
        default = flags.get("limits") or limits("memory_plan")
        asked = limits_or("memory_plan", default, budget, recompute, training)
        return plan_symbol(
            Symbol(out.graph.without_repeated_outputs()[0]), training, wanted, optimizer, asked, dtypes, shapes,
            set(shapes), hybrid=True, fuse=bool(flags.get("fuse")), updates=update_in_backward,
        )  # fmt: skip

    def _arguments(self, *args: Any) -> Sequence[Any]:
        """The arguments of the computation for those of a call."""
        return args

    def cache_info(self) -> dict[str, Any]:
        """How much is kept for inputs of different shapes: plans and traced graphs, and how many there may be.

        Returns: numbers "plans", "most_plans", "graphs", "most_graphs"; with static_shape "recorded", the number of
            plans whose kernels are replayed, and "not_recorded", the reasons why others aren't.
        """
        ops = [op for op in ([state[1] for state in self._traces.values()] or [self._cached_op]) if op is not None]
        plans = sum(op.num_plans for op in ops)
        info = {"plans": plans, "most_plans": MOST_PLANS, "graphs": len(self._traces), "most_graphs": _MAX_TRACES}
        if dict(self._flags).get("static_shape"):
            info["recorded"] = sum(op.num_recorded for op in ops)
            info["not_recorded"] = sorted({reason for op in ops for reason in op.obstacles})
        return info

    def optimize_for(
        self, x: Any, *args: Any, backend: str | None = None, clear: bool = False, static_alloc: bool = False,
        static_shape: bool = False, inline_limit: int = 2, forward_bulk_size: int | None = None,
        backward_bulk_size: int | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """Hybridize for a backend, and run once for inference, so that it is ready for inputs of these shapes.

        Outside of training and recording the backend runs the graph; training runs it as before.

        Args:
            x, args: inputs.
            backend: "oneDNN" (also "MKLDNN", "fuse"): mxnext's own fusing passes; "inductor", "onnxruntime",
                "openvino", "tensorrt"; or what `mxnet.graph.backends.register_backend` and `register_pass` have made
                known. None: hybridize and run.
            clear: forget backends and passes named before; otherwise passes come after theirs.
            static_alloc, static_shape, inline_limit, forward_bulk_size, backward_bulk_size: as for `hybridize`.
            kwargs: options of the backend or the passes.
        Raises: MXNetError for an unknown backend, or if it can't run the graph. The block then runs as before.
        """
        before = [(block, {name: block.__dict__[name] for name in _GRAPH_STATE if name in block.__dict__})
                  for block in _hybrid_blocks(self)]  # fmt: skip
        try:
            self.hybridize(
                True, backend, clear, static_alloc, static_shape, inline_limit, forward_bulk_size, backward_bulk_size,
                **kwargs,
            )  # fmt: skip
            with autograd.pause(train_mode=False):
                self(x, *args)
        except Exception as error:
            for block, state in before:
                block.__dict__.update(state)
            if isinstance(error, MXNetError | ValueError) or backend is None:
                raise
            raise MXNetError(f"optimize_for: backend {backend!r} failed: {type(error).__name__}: {error}") from error

    def cast(self, dtype: Any) -> None:
        """Change the dtype of all parameters; the graph is built anew."""
        self._clear_cached_op()
        super().cast(dtype)

    def _clear_cached_op(self) -> None:
        self.__dict__["_cached_graph"] = ()
        self.__dict__["_cached_op"] = None
        self.__dict__["_rewritten"] = None
        self.__dict__["_traces"] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {
            **self.__dict__, "_cached_graph": (), "_cached_op": None, "_rewritten": None, "_traces": OrderedDict(),
        }  # fmt: skip

    # The graph

    @property
    def _traces_forward(self) -> bool:
        """Whether the computation is a forward method on arrays rather than hybrid_forward."""
        return type(self).hybrid_forward is HybridBlock.hybrid_forward and type(self).forward is not HybridBlock.forward

    def _get_graph(self, *args: Any) -> tuple[Any, ...]:
        """The input variables and the output symbol; built once."""
        self._drop_outdated_graph()
        if not self._cached_graph:
            made_of = _structure_changes, self._structure()
            flat, self._in_format = _flatten(args, "input")
            if all(item is None for item in flat):
                raise ValueError(_NO_INPUT)
            names = ["data"] if len(flat) == 1 else [f"data{i}" for i in range(len(flat))]
            inputs = [None if item is None else symbol.var(name) for item, name in zip(flat, names, strict=True)]
            if self._traces_forward:
                out = trace_forward(self, args, flat, inputs)
            else:
                grouped = _regroup([item for item in inputs if item is not None], self._in_format)
                params = {name: parameter.var() for name, parameter in self._reg_params.items()}
                with self.name_scope():
                    out = self.hybrid_forward(symbol, *grouped, **params)
            outputs, self._out_format = _flatten(out, "output")
            outputs = [item for item in outputs if item is not None]
            if not outputs:
                raise ValueError(f"{type(self).__name__} returns {out!r}; a hybridized block must return an array.")
            self._cached_graph = [item for item in inputs if item is not None], symbol.Group(outputs)
            self._graph_of = made_of
        return self._cached_graph

    def _build_cache(self, *args: Any) -> None:
        inputs, out = self._get_graph(*args)
        for optimizer in self._optimizers:
            out = self._rewritten = Symbol(optimizer.rewrite(out.graph))
        positions = {item.name: position for position, item in enumerate(inputs)}
        parameters = self.collect_params()
        names = out.list_inputs()
        unused = [name for name in positions if name not in names]
        if unused:
            kinds = ", ".join(f"{positions[name]}-th" for name in unused)
            warnings.warn(f"The {kinds} input to HybridBlock is not used by any computation. Is this intended?",
                          stacklevel=6)  # fmt: skip
        sources: list[tuple[bool, Any]] = []
        for name in names:
            if name in positions:
                sources.append((True, positions[name]))
            elif name in parameters:
                sources.append((False, parameters[name]))
            else:
                raise RuntimeError(
                    f"Unknown input to HybridBlock: {name}. It is neither an input nor a parameter of the block."
                )
        self._cached_inputs = GraphInputs(sources)
        flags = [*self._flags, ("data_names", tuple(positions))]
        self._cached_op = CachedOp(out, flags, set(names) - set(positions), self._transform())

    def _transform(self) -> Transform | None:
        """What a backend makes of the graph for inference; None: the exact passes."""
        transforms = [optimizer.transform for optimizer in self._optimizers if optimizer.transform is not None]
        flags = dict(self._flags)
        if flags.get("fuse") and not transforms:
            transforms = [fused]
        return transforms[-1] if transforms else None

    def _select_trace(self, args: Sequence[Any]) -> None:
        """Use the graph of a forward method traced for these shapes and this mode: its code may ask for them."""
        flat = _flatten(args, "input")[0]
        key = (STATE.recording, STATE.training, *(None if x is None else (x.shape, x.dtype) for x in flat))
        state = self._traces.get(key)
        if state is None:
            self._cached_graph, self._cached_op = (), None
            self._build_cache(*args)
            if len(self._traces) >= _MAX_TRACES:
                self._traces.popitem(last=False)
            self._traces[key] = (
                self._cached_graph, self._cached_op, self._cached_inputs, self._in_format, self._out_format
            )  # fmt: skip
        else:
            self._cached_graph, self._cached_op, self._cached_inputs, self._in_format, self._out_format = state

    def _call_cached_op(self, *args: Any) -> Any:
        self._drop_outdated_graph()
        if self._traces_forward:
            self._select_trace(args)
        elif self._cached_op is None:
            self._build_cache(*args)
        assert self._cached_op is not None
        flat = self._given(args)
        ctx = flat[0]._ctx
        try:
            values = self._cached_inputs.values(flat, ctx)
        except DeferredInitializationError:
            self._deferred_infer_shape(*args)
            for parameter in self._cached_inputs.parameters:
                parameter._finish_deferred_init()
            values = self._cached_inputs.values(flat, ctx)
        if self._op_hook is not None:
            return self._run_with_hook(values)
        out = self._cached_op(*values)
        return _regroup(out if isinstance(out, list) else [out], self._out_format)

    def _given(self, args: Sequence[Any]) -> list[Any]:
        """The arrays among the arguments of a call.

        Raises: ValueError unless they are nested as those that the graph was made for.
        """
        flat, structure = _flatten(list(args), "input")
        if structure != self._in_format:
            raise ValueError(
                "The argument structure of HybridBlock does not match the cached version. Stored format = "
                f"{self._in_format}, input format = {structure}"
            )
        return [item for item in flat if item is not None]

    def _run_with_hook(self, values: Sequence[NDArray]) -> Any:
        assert self._cached_op is not None and self._op_hook is not None
        out = self._cached_op.run_monitored(values, *self._op_hook)
        return _regroup(list(out), self._out_format)

    def register_op_hook(self, callback: Callable[..., Any], monitor_all: bool = False) -> None:
        """Call callback(output name, operator name, array) for every operator of the graph once hybridized.

        Args:
            callback: function of two strings and an NDArray.
            monitor_all: call it for inputs too.
        """
        self._op_hook = (callback, monitor_all)
        for child in self._children.values():
            child._op_hook = (callback, monitor_all)  # type: ignore[attr-defined]

    def _deferred_infer_shape(self, *args: Any) -> None:
        try:
            self.infer_shape(*args)
        except Exception as error:
            raise ValueError(
                f"Deferred initialization failed because shape cannot be inferred. {error}"
            ) from error

    def _infer(self, args: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
        if self._traces_forward:  # anew: its code may ask for shapes and for the mode
            self._cached_graph, self._cached_op = (), None
        inputs, out = self._get_graph(*args)
        return out, {item.name: array for item, array in zip(inputs, self._given(args), strict=True)}

    def infer_shape(self, *args: Any) -> None:
        """Set the shapes of all parameters from those of inputs."""
        out, arrays = self._infer(args)
        arg_shapes, _, aux_shapes = out.infer_shape_partial(**{name: array.shape for name, array in arrays.items()})
        found = dict(zip(out.list_arguments(), arg_shapes, strict=True))
        found.update(zip(out.list_auxiliary_states(), aux_shapes, strict=True))
        for name, parameter in self.collect_params().items():
            if name in found:
                if not shape_is_known(found[name]) or not found[name]:
                    raise ValueError(f"the shape of Parameter '{name}' cannot be inferred from the inputs")
                parameter.shape = found[name]

    def infer_type(self, *args: Any) -> None:
        """Set the dtypes of all parameters from those of inputs."""
        out, arrays = self._infer(args)
        arg_types, _, aux_types = out._infer_dtypes((), {n: array.dtype for n, array in arrays.items()}, "float32")
        found = dict(zip(out.list_arguments(), arg_types, strict=True))
        found.update(zip(out.list_auxiliary_states(), aux_types, strict=True))
        for name, parameter in self.collect_params().items():
            if name in found:
                parameter.dtype = found[name]

    # Running

    def forward(self, x: Any, *args: Any) -> Any:
        """Run hybrid_forward on arrays, or compose it on symbols."""
        first = x if isinstance(x, NDArray | Symbol) else _first_array((x, *args))
        if isinstance(first, NDArray):
            if self._active and STATE.tracer is None:
                return self._call_cached_op(x, *args)
            ctx = first._ctx
            try:
                params = {name: parameter.data(ctx) for name, parameter in self._reg_params.items()}
            except DeferredInitializationError:
                self._deferred_infer_shape(x, *args)
                for parameter in self.collect_params().values():
                    parameter._finish_deferred_init()
                if not self._active:
                    self._clear_cached_op()
                params = {name: parameter.data(ctx) for name, parameter in self._reg_params.items()}
            return self.hybrid_forward(ndarray, x, *args, **params)
        if isinstance(first, Symbol):
            params = {name: parameter.var() for name, parameter in self._reg_params.items()}
            with self.name_scope():
                return self.hybrid_forward(symbol, x, *args, **params)
        raise ValueError(_NO_INPUT)

    def __call__(self, *args: Any) -> Any:
        if self._active and self._traces_forward and STATE.tracer is None and any(
            isinstance(item, NDArray) for item in args
        ):
            for hook in self._forward_pre_hooks.values():
                hook(self, args)
            out = self._call_cached_op(*args)
            for hook in self._forward_hooks.values():
                hook(self, args, out)
            return out
        return super().__call__(*args)

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The computation on arrays (F is mx.nd) or symbols (F is mx.sym); must be overridden."""
        raise NotImplementedError

    def export(self, path: str, epoch: int = 0, remove_amp_cast: bool = True) -> tuple[str, str]:
        """Save graph and parameters to path-symbol.json and path-0000.params (with the epoch's number).

        Args:
            path: beginning of both paths.
            epoch: number in the name.
            remove_amp_cast: leave out the casts of automatic mixed precision.
        Returns: both paths.
        Raises: RuntimeError unless hybridized and run once.
        """
        if not self._cached_graph:
            raise RuntimeError(
                "Please first call block.hybridize() and then run forward with this block at least once before calling "
                "export."
            )
        out = self._cached_graph[1] if self._rewritten is None else self._rewritten
        symbol_file = f"{path}-symbol.json"
        out.save(symbol_file, remove_amp_cast=remove_amp_cast)
        arguments, auxiliary = set(out.list_arguments()), set(out.list_auxiliary_states())
        arrays = {}
        for name, parameter in self.collect_params().items():
            if name in arguments:
                arrays[f"arg:{name}"] = _reduced(parameter)
            elif name in auxiliary:
                arrays[f"aux:{name}"] = _reduced(parameter)
            else:
                warnings.warn(f'Parameter "{name}" is not found in the graph, and is not saved.', stacklevel=2)
        params_file = f"{path}-{epoch:04d}.params"
        ndarray.save(params_file, arrays)
        return symbol_file, params_file


class SymbolBlock(HybridBlock):
    """A block made from a symbol; every variable that isn't an input is a parameter.

    Args:
        outputs: Symbol, or list of symbols.
        inputs: symbol variable(s) that stand for the inputs.
        params: parameters to use by name.
    """

    @staticmethod
    def imports(
        symbol_file: str, input_names: str | list[str], param_file: str | None = None, ctx: Any = None,
        allow_missing: bool = False, ignore_extra: bool = False,
    ) -> SymbolBlock:  # fmt: skip
        """The block saved by `HybridBlock.export` or `mx.model.save_checkpoint`.

        Args:
            symbol_file, param_file: paths.
            input_names: names of the inputs.
            ctx: devices, default the CPU.
            allow_missing: accept that a parameter has no value in the file.
            ignore_extra: accept values that no parameter wants.
        """
        out = symbol.load(symbol_file)
        names = [input_names] if isinstance(input_names, str) else list(input_names)
        block = SymbolBlock(out, [symbol.var(name) for name in names])
        if param_file is not None:
            block.collect_params().load(
                param_file, ctx=ctx, allow_missing=allow_missing, ignore_extra=ignore_extra, cast_dtype=True,
                dtype_source="saved",
            )  # fmt: skip
        elif ctx is not None:
            for parameter in block.collect_params().values():
                parameter.reset_ctx(ctx)
        return block

    def __init__(self, outputs: Any, inputs: Any, params: ParameterDict | None = None):
        super().__init__(prefix=None, params=None)
        self._prefix = ""
        self._params = ParameterDict("", params)
        if isinstance(inputs, Symbol) and len(inputs) == 1:
            inputs = [inputs]
        if isinstance(outputs, list | tuple) and len(outputs) == 1:
            outputs = outputs[0]
        flat_inputs, self._in_format = _flatten(list(inputs), "input")
        flat_outputs, self._out_format = _flatten(outputs, "output")
        out = symbol.Group(flat_outputs).__copy__()
        names = set()
        for item in flat_inputs:
            if len(item.get_internals()) != 1:
                raise AssertionError(f"Input symbols must be variable, but {item} is an output of operators")
            names.add(item.name)
        types = self._known_types(out, names)
        auxiliary = set(out.list_auxiliary_states())
        for name in (*out.list_arguments(), *out.list_auxiliary_states()):
            if name not in names:
                extra = {"grad_req": "null"} if name in auxiliary else {}
                self._params.get(name, allow_deferred_init=True, dtype=types.get(name, "float32"), **extra)
        self._cached_graph = flat_inputs, out
        prefix = _common_prefix(list(self._params.keys()))
        self._reg_params = {name[len(prefix) :]: parameter for name, parameter in self._params.items()}

    @staticmethod
    def _known_types(out: Symbol, inputs: set[str]) -> dict[str, Any]:
        arg_types, _, aux_types = out.infer_type_partial()
        known = zip((*out.list_arguments(), *out.list_auxiliary_states()), (*arg_types, *aux_types), strict=True)
        return {name: dtype for name, dtype in known if dtype is not None}

    def __repr__(self) -> str:
        inputs, out = self._cached_graph
        return f"SymbolBlock(\n{_indent(f'{out!r} : {len(inputs)} -> {len(out)}')}\n)"

    def forward(self, x: Any, *args: Any) -> Any:
        """Run the graph on arrays, or compose it on symbols."""
        if isinstance(x, NDArray) or (isinstance(x, list | tuple) and x and isinstance(x[0], NDArray)):
            return self._call_cached_op(x, *args)
        inputs, out = self._cached_graph
        flat, _ = _flatten((x, *args), "input")
        if not all(isinstance(item, Symbol) for item in flat) or len(flat) != len(inputs):
            raise ValueError(f"SymbolBlock expects {len(inputs)} arrays or symbols, got {(x, *args)!r}")
        composed = out(**{item.name: given for item, given in zip(inputs, flat, strict=True)})
        return _regroup([composed[i] for i in range(len(composed))], self._out_format)

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Not used: the computation is the symbol."""
        raise NotImplementedError

    def _clear_cached_op(self) -> None:
        self.__dict__["_cached_op"] = self.__dict__["_rewritten"] = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cached_op": None, "_rewritten": None}

    def cast(self, dtype: Any) -> None:
        """Change the dtype of all parameters."""
        self._clear_cached_op()
        Block.cast(self, dtype)
        if dtype_name(dtype) == "float16":  # normalisation layers keep their parameters in float32
            for node in self._cached_graph[1].graph.nodes:
                if node.op is not None and node.op.name == "BatchNorm":
                    for value in node.inputs[1:]:
                        if value.node.name in self._params:
                            self._params[value.node.name].cast("float32")

    def reset_ctx(self, ctx: Context | Sequence[Context]) -> None:
        """Move all parameters to other devices."""
        for parameter in self.collect_params().values():
            parameter.reset_ctx(ctx)


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _is_shape(item: Any) -> bool:
    return isinstance(item, tuple) and all(isinstance(extent, int) for extent in item)


def _arrays_for_shapes(items: Sequence[Any]) -> list[Any]:
    """Nested lists in which arrays without storage stand for shapes."""
    return [
        without_storage(item) if _is_shape(item)
        else _arrays_for_shapes(item) if isinstance(item, list | tuple) else item
        for item in items
    ]  # fmt: skip


def without_storage(shape: tuple[int, ...], dtype: Any = "float32") -> NDArray:
    """An array that has a shape, but no memory: graphs can be built and planned with it."""
    return wrap(NDArray, torch.empty(shape, dtype=torch_dtype(dtype_name(dtype)), device="meta"), Context("cpu", 0))


def _hybrid_blocks(block: Any) -> list[Any]:
    """A block and all its descendants that are HybridBlocks."""
    found: list[Any] = []
    block.apply(lambda item: found.append(item) if isinstance(item, HybridBlock) else None)
    return found


def _common_prefix(names: list[str]) -> str:
    if not names:
        return ""
    prefix = names[0]
    for name in names:
        while not name.startswith(prefix):
            prefix = prefix[:-1]
    return prefix


