"""Symbols changed for a backend."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from ..base import MXNetError
from ..graph.backends import Optimizer
from ..graph.graph import Graph
from ..graph.infer import infer_dtypes, infer_shapes
from ..graph.passes import prologue_names, split_prologue
from ..graph.program import Program
from ..ndarray.invoke import wrap
from ..ndarray.ndarray import NDArray
from ..ops.dtypes import dtype_name
from .symbol import Symbol


def optimize_symbol(
    symbol: Symbol, backend: str, args: Any, aux: Any, shape_dict: Mapping[str, Any] | None,
    type_dict: Mapping[str, Any] | None, stype_dict: Mapping[str, Any] | None, skip_infer: bool,
    options: dict[str, Any],
) -> Symbol:  # fmt: skip
    """See `Symbol.optimize_for`."""
    sparse = [name for name, stype in (stype_dict or {}).items() if stype not in ("default", None)]
    if sparse:
        raise MXNetError(
            f"optimize_for: {sparse[0]!r} has storage type {stype_dict[sparse[0]]!r}; only 'default' is supported."  # type: ignore[index]
        )
    arrays = {
        **_by_name(args, symbol.list_arguments(), "args"), **_by_name(aux, symbol.list_auxiliary_states(), "aux")
    }  # fmt: skip
    dtypes = {name: dtype_name(dtype) for name, dtype in (type_dict or {}).items()}
    dtypes.update((name, dtype_name(array.dtype)) for name, array in arrays.items())
    fixed = bool(options.pop("args_are_parameters", False))
    optimizer = Optimizer(backend, options)
    graph = symbol.graph
    if not skip_infer:
        shapes = {**{name: tuple(shape) for name, shape in (shape_dict or {}).items()}}
        shapes.update((name, array.shape) for name, array in arrays.items())
        infer_shapes(graph, shapes, infer_dtypes(graph, dtypes))  # type: ignore[arg-type]
    changed = optimizer.changed(graph, dtypes, arrays.keys() if fixed else None)
    if fixed and isinstance(args, dict) and arrays:
        changed = _with_computed(changed, arrays, args, aux)
    elif optimizer.transform is not None:
        return OptimizedSymbol(changed, Symbol(optimizer.rewrite(graph)), optimizer)
    return Symbol(changed)


class OptimizedSymbol(Symbol):
    """A symbol changed for a backend, whose executors know what it was before.

    It has the arguments and auxiliary states of that symbol. Its executors run what the backend makes of them in
    inference, where shapes are known and parameters are kept in the form that it wants, and train the symbol as it was.
    What is composed with it or loaded from its JSON is the changed graph alone.
    """

    __slots__ = ("_source", "optimizer")

    def __init__(self, handle: Any, source: Symbol | None = None, optimizer: Optimizer | None = None):
        """
        Args:
            handle: the changed graph.
            source: the symbol before.
            optimizer: what changed it; None for parts of the changed graph, which are symbols as any other.
        """
        super().__init__(handle)
        self._source = source
        self.optimizer = optimizer

    @property
    def source(self) -> Symbol:
        """The symbol before, or for parts of the changed graph the same as a plain symbol."""
        return Symbol(self.graph) if self._source is None else self._source

    def __repr__(self) -> str:
        return repr(self.source) if self._source is not None else repr(Symbol(self))

    def __copy__(self) -> Symbol:
        return OptimizedSymbol(self, self._source, self.optimizer)

    def __deepcopy__(self, memo: dict[int, Any]) -> Symbol:
        if self._source is None:
            return Symbol(self).__deepcopy__(memo)
        return OptimizedSymbol(self, self._source.__deepcopy__(memo), self.optimizer)

    def __setstate__(self, state: dict[str, str]) -> None:
        super().__setstate__(state)
        self._source = self.optimizer = None

    def list_arguments(self) -> list[str]:
        """Names of the arguments, those of the symbol before."""
        return self.source.list_arguments()

    def list_auxiliary_states(self) -> list[str]:
        """Names of the auxiliary states, those of the symbol before."""
        return self.source.list_auxiliary_states()

    def list_inputs(self) -> list[str]:
        """Names of all variables, those of the symbol before."""
        return self.source.list_inputs()

    def list_outputs(self) -> list[str]:
        """Names of the outputs, those of the symbol before."""
        return super().list_outputs() if self._source is None else self._source.list_outputs()

    def infer_shape(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """As of the symbol before."""
        return self.source.infer_shape(*args, **kwargs)

    def infer_shape_partial(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """As of the symbol before."""
        return self.source.infer_shape_partial(*args, **kwargs)

    def _infer_dtypes(self, args: Any, kwargs: dict[str, Any], default: str | None) -> tuple[Any, Any, Any]:
        return self.source._infer_dtypes(args, kwargs, default)

    def memory_plan(self, training: bool = True, *args: Any, **kwargs: Any) -> Any:
        """As of the symbol before, for training; MXNetError for inference, whose storage the backend decides about."""
        if not training and self.optimizer is not None:
            raise MXNetError(
                f"memory_plan: inference is run by the backend {self.optimizer.name!r}, whose storage isn't planned; "
                "ask the symbol before optimize_for."
            )
        return self.source.memory_plan(training, *args, **kwargs)


def backend_of_environment(symbol: Symbol) -> Optimizer | None:
    """What the environment variable MXNET_SUBGRAPH_BACKEND names; None without it, and for "NONE".

    Raises: MXNetError if there is no such backend, or it changes what the arguments of the symbol are.
    """
    name = os.environ.get("MXNET_SUBGRAPH_BACKEND", "").strip()
    if name in ("", "NONE"):
        return None
    optimizer = Optimizer(name, {})
    if optimizer.rewrite(symbol.graph) is not symbol.graph or optimizer.transform is None:
        raise MXNetError(
            f"MXNET_SUBGRAPH_BACKEND={name}: it has passes that change the graph also for training; call "
            f"Symbol.optimize_for({name!r}) and bind what that returns."
        )
    return optimizer


def _by_name(given: Any, names: list[str], what: str) -> dict[str, NDArray]:
    if given is None:
        return {}
    if isinstance(given, list | tuple):
        if len(given) != len(names):
            raise MXNetError(
                f"optimize_for: {len(given)} {what} were given; expected {len(names)}: {', '.join(names)}."
            )
        given = dict(zip(names, given, strict=True))
    unknown = [name for name in given if name not in names]
    if unknown:
        raise MXNetError(f"optimize_for: {what} has {unknown[0]!r}; expected some of {', '.join(names)}.")
    return {name: array for name, array in given.items() if array is not None}


def _with_computed(graph: Graph, arrays: dict[str, NDArray], args: dict[str, NDArray], aux: Any) -> Graph:
    """The graph without what depends on arrays alone: its values go to args, and what isn't needed leaves them."""
    prologue, main = split_prologue(graph, arrays.keys())
    program = Program(prologue)
    ctx = next(iter(arrays.values()))._ctx
    with torch.no_grad():
        values = [arrays[name]._data for name in program.variables]
        results = program.run(values, training=False, device=ctx.torch_device)
    needed = {node.name for node in main.variables}
    args.update((name, wrap(NDArray, r, ctx)) for name, r in zip(prologue_names(prologue), results, strict=True))
    for given in (args, aux):
        if isinstance(given, dict):
            for name in [name for name in given if name not in needed]:
                del given[name]
    states = {node.name for node in main.auxiliary()}  # the others have become plain arguments
    if isinstance(aux, dict):
        for name in [name for name in aux if name not in states]:
            args[name] = aux.pop(name)
    return main
