"""Memory plans of symbols: what a forward pass or training step needs, from the shapes of its inputs alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from ..base import MXNetError
from ..context import Context
from ..graph.blocked_inference import plan_in_blocks
from ..graph.creation import resolve_creation
from ..graph.graph import Value
from ..graph.infer import infer_dtypes, infer_shapes, is_known
from ..graph.memory import MemoryPlan, memory_plan
from ..graph.optimized import plan_inference
from ..graph.parameters import list_labels
from ..graph.planned import Planned
from ..graph.program import Program
from ..ndarray.invoke import wrap
from ..ndarray.ndarray import NDArray
from ..ops.dtypes import dtype_name, torch_dtype
from .budget import Limits, heads_given, plan_within


def plan_symbol(
    symbol: Any, training: bool, grad_req: Any, optimizer: Any, asked: Limits, type_dict: Mapping[str, Any] | None,
    shapes: Mapping[str, tuple[int, ...]], inputs: set[str] | None = None, hybrid: bool = False, fuse: bool = False,
    updates: bool = False,
) -> MemoryPlan:  # fmt: skip
    """The plan for a symbol; see `Symbol.memory_plan`.

    Args:
        asked: the budget, and how much is computed again.
        inputs: default those with a shape, and labels.
        hybrid: as a hybridized block runs it, whose gradients of outputs come from outside, and whose gradients are all
            handed over at the end.
        fuse: as for `hybridize`.
        updates: parameters are updated in the backward pass, and no gradient is kept.
    """
    graph = symbol.graph
    names = symbol.list_inputs()
    for name in (*shapes, *(type_dict or ())):
        if name not in names:
            raise MXNetError(f"memory_plan: there is no argument {name!r}; the arguments are {', '.join(names)}.")
    dtypes = infer_dtypes(graph, {name: dtype_name(dtype) for name, dtype in (type_dict or {}).items()})
    known = infer_shapes(graph, {name: tuple(shape) for name, shape in shapes.items()}, dtypes)  # type: ignore[arg-type]
    variables = {node.name: Value(node, 0) for node in graph.variables}
    missing = [name for name, value in variables.items() if not is_known(known[value])]
    if missing:
        raise MXNetError(f"memory_plan: the shapes of {', '.join(missing)} can't be inferred; give more shapes.")
    found: dict[str, tuple[int, ...]] = {name: known[value] for name, value in variables.items()}  # type: ignore[misc]
    kinds: dict[str, str] = {name: dtypes[value] or "float32" for name, value in variables.items()}
    inputs = {*shapes, *list_labels(graph)} if inputs is None else inputs
    wanted = _wanted(symbol, grad_req, inputs, kinds) if training else []
    kept = [] if updates else wanted
    apart = sum(_nbytes(found[name], kinds[name]) for name in (*found, *kept))
    states = optimizer_state_bytes(optimizer, {n: (found[n], kinds[n]) for n in wanted})
    if not training:
        parameters = [name for name in found if name not in inputs]

        def plan(program: Program, own_shapes: Any, own_dtypes: Any, held: int) -> Planned:
            return plan_within(
                "memory_plan", asked, apart + held, program, own_shapes, own_dtypes, training=False, wanted=()
            )

        forward = plan_in_blocks(graph, found, kinds, parameters) if hybrid and fuse else None
        if forward is None:
            forward = plan_inference(graph, found, kinds, parameters, plan, hybrid)
        return memory_plan(forward.planned, found, kinds, inputs=inputs, prologue_bytes=forward.held_bytes)
    program = Program(resolve_creation(graph, known), hybrid)
    if hybrid:
        options: dict[str, Any] = {"fuse": fuse, "stores": updates, "updates": updates}
    else:
        options = {"heads": heads_given(graph), "stores": True, "direct": _written(symbol, grad_req)}
    planned = plan_within(
        "memory_plan", asked, apart + states, program, found, kinds, training=training, wanted=wanted, **options,
    )  # fmt: skip
    return memory_plan(planned, found, kinds, inputs=inputs, wanted=kept, optimizer_bytes=states)


def _nbytes(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * torch_dtype(dtype).itemsize


def _wanted(symbol: Any, grad_req: Any, inputs: set[str], dtypes: Mapping[str, str]) -> list[str]:
    """The arguments whose gradients are asked for; one string asks for those of all parameters."""
    from ..executor import grad_reqs

    names = symbol.list_arguments()
    reqs = dict(zip(names, grad_reqs(grad_req, names), strict=True))
    if isinstance(grad_req, str):
        reqs.update(dict.fromkeys(inputs, "null"))
    return [name for name in names if reqs[name] != "null" and torch_dtype(dtypes[name]).is_floating_point]


def _written(symbol: Any, grad_req: Any) -> list[str]:
    """The arguments whose gradient replaces what its array holds."""
    from ..executor import grad_reqs

    names = symbol.list_arguments()
    return [name for name, req in zip(names, grad_reqs(grad_req, names), strict=True) if req == "write"]


def optimizer_state_bytes(optimizer: Any, weights: Mapping[str, tuple[tuple[int, ...], str]]) -> int:
    """The bytes of the states that an optimizer (or the one with this name) keeps for weights; none are made."""
    if optimizer is None:
        return 0
    from .. import optimizer as optimizers

    if isinstance(optimizer, str):
        optimizer = optimizers.create(optimizer)
    elif not isinstance(optimizer, optimizers.Optimizer):
        raise TypeError(f"memory_plan: optimizer is {optimizer!r}; expected an Optimizer, or its name such as 'sgd'.")
    total = 0
    with FakeTensorMode():
        for index, (shape, dtype) in enumerate(weights.values()):
            weight = wrap(NDArray, torch.empty(shape, dtype=torch_dtype(dtype)), Context("cpu", 0))
            state = optimizer.create_state_multi_precision(index, weight)
            storages = {id(a._data.untyped_storage()): a._data.untyped_storage().nbytes() for a in _arrays(state)}
            total += sum(storages.values())
    return total


def _arrays(state: Any) -> Iterator[NDArray]:
    if isinstance(state, NDArray):
        yield state
    elif isinstance(state, list | tuple):
        for item in state:
            yield from _arrays(item)
