"""Symbols changed for a backend."""

from __future__ import annotations

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
    return type(symbol)(changed)


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
