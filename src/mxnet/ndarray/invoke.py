"""Imperative calls of operators: from arrays and attributes to torch tensors and back.

`invoke` serves every operator. `make_function` writes, for each operator, a Python function with the public signature;
where nothing special is asked for (no recording, no ``out``, an operator without random numbers, modes or views) that
function goes straight to torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError, _Null
from ..context import Context, current_context
from ..ops.attributes import format_attribute
from ..ops.generators import generator_for
from ..ops.registry import Operator, explain_failure, get_operator
from .generate import Prepared, function_source, takes_fast_path
from .recording import STATE

IN_GRAPH = (
    "Assigning to NDArrays that are already in a computational graph will cause undefined behavior when evaluating "
    "backward. Please call backward first to clear the graph or do this out side of a record section."
)


CAUGHT = (RuntimeError, LookupError, TypeError, ValueError, ArithmeticError, AssertionError)
DENSE: set[type] = set()  # the classes of dense arrays, for which generated functions go straight to torch
_new = object.__new__
_is_alias_of = torch._C._is_alias_of  # type: ignore[attr-defined]


class NotAnArrayError(MXNetError, AssertionError, TypeError):
    """Something that is not an array was passed where an operator takes an array."""


def wrap(cls: type, data: Tensor, ctx: Context) -> Any:
    """An array of the class cls around a tensor that no graph tracks; nothing is copied."""
    array = cls.__new__(cls)
    array._data = data
    array._ctx = ctx
    array._node = None
    array._mark = None
    return array


def wrap_result(cls: type, result: Tensor, ctx: Context) -> Any:
    """An array around the result of an operator, tracked where the result is."""
    if not result.requires_grad:
        return wrap(cls, result, ctx)
    array = wrap(cls, result.detach(), ctx)
    array._node = result
    return array


def parse_context(ctx: Any) -> Context:
    """The context for the attribute ctx: a Context, a string such as "gpu(1)", or empty for the current one."""
    if isinstance(ctx, Context):
        return ctx
    if ctx is None or ctx is _Null or ctx == "":
        return current_context()
    kind, _, number = str(ctx).partition("(")
    try:
        return Context(kind, int(number.rstrip(")")) if number else 0)
    except ValueError:
        raise MXNetError(f"context {ctx!r} is not understood; expected for example 'cpu(0)' or 'gpu(1)'.") from None


def tracked(array: Any) -> Tensor:
    """The tensor to compute with while recording."""
    return array._data if array._node is None else array._node


class Leaf:
    """Where a recorded computation starts: a "variable", a "constant", or an "unknown" that no operator made."""

    __slots__ = ("kind",)

    def __init__(self, kind: str):
        self.kind = kind


def origin_of(array: Any) -> Any:
    """How a recorded array came about: a Leaf, or (operator, attributes, origins of the inputs, number of the output).

    It is kept with the tensor, for `autograd.get_symbol`, and holds no tensors itself.
    """
    node = array._node
    if node is None:
        if array._sparse:
            return Leaf("constant")
        node = array._data
    try:
        return node._mx_origin
    except AttributeError:
        kind = "constant" if array._node is None else "variable" if array._mark is not None else "unknown"
        node._mx_origin = origin = Leaf(kind)
        return origin


def wrap_recorded(cls: type, result: Tensor, ctx: Context, origin: tuple[Any, ...]) -> Any:
    """An array around the result of a recorded operator."""
    array = _new(cls)
    array._ctx = ctx
    array._mark = None
    if result.requires_grad:
        array._data = result.detach()
        array._node = result
        result._mx_origin = origin
    else:
        array._data = result
        array._node = None
    return array


def run_operator(op: Operator, tensors: Sequence[Tensor | None], attrs: dict[str, Any], recording: bool) -> Any:
    """Run an operator on tensors, recorded by torch's autograd or not; its failure becomes an MXNetError."""
    try:
        if not recording:
            return op.function(*tensors, **attrs)
        if torch.is_grad_enabled():
            return op.call(tensors, attrs)
        with torch.enable_grad():
            return op.call(tensors, attrs)
    except CAUGHT as error:
        raise explain_failure(op, tensors, attrs, error) from error


def invoke(
    op: Operator,
    arrays: Sequence[Any],
    given: dict[str, Any],
    out: Any = None,
    ctx: Any = None,
    cls: type | None = None,
) -> Any:
    """Call an operator.

    Args:
        op: the operator.
        arrays: its inputs in order, None for absent ones.
        given: attributes as given by the caller, unchecked.
        out: None, or the array(s) that take the result(s).
        ctx: where an operator without inputs creates its result; default the current context.
        cls: class of the results, for operators without inputs.
    Returns: an array, or a list of arrays if the operator has several visible outputs; `out` where it is given.
    Raises: MXNetError for bad inputs or attributes.
    """
    from .ndarray import NDArray

    if op._specialize is not None:
        op, arrays, given = op.specialized(arrays, given, NDArray)
    if op.takes_subgraphs:
        raise MXNetError(f"{op.name}: it exists in symbols only; use mx.nd.contrib.foreach, while_loop or cond.")
    if op.counts_inputs and given.get(op.num_inputs_attr, _Null) is _Null:
        given = {**given, op.num_inputs_attr: len(arrays)}
    attrs = op.parse_attributes(given)
    names = op.inputs
    first = None
    for position, array in enumerate(arrays):
        if isinstance(array, NDArray):
            if first is None:
                first = array
        elif array is None and (op.variadic or op.parameter_of(position) in op.optional_inputs):
            continue
        else:
            name = op.parameter_of(position)
            if array is None:
                raise MXNetError(f"{op.name}: the input {name} is missing; pass {name}=an NDArray.")
            raise NotAnArrayError(f"{op.name}: Argument {name} must have NDArray type, but got {array!r}")
    if first is not None:
        cls, ctx = type(first), first._ctx
        if first._sparse or any(a is not None and a._sparse for a in arrays):
            from .sparse_ops import run

            return run(op, arrays, attrs, out)
    else:
        cls, ctx = cls or NDArray, parse_context(attrs.get("ctx") if ctx is None else ctx)
    if out is not None and any(a._sparse for a in (out if isinstance(out, list | tuple) else (out,))):
        from .sparse_ops import run

        return run(op, arrays, attrs, out)
    recording = STATE.recording
    if recording:
        tensors = [None if array is None else tracked(array) for array in arrays]
        if op.mutates:  # changed in place, never differentiated
            given_names = op.input_names(attrs, len(arrays)) if op.variadic else names
            for position, name in enumerate(given_names[: len(arrays)]):
                if arrays[position] is not None and op.changes(name):
                    tensors[position] = arrays[position]._data
    else:
        tensors = [None if array is None else array._data for array in arrays]
    extra = dict(attrs)
    if op.uses_training:
        extra["training"] = STATE.training
    if op.random:
        extra["generator"] = generator_for(ctx.torch_device)
    if op.creates:
        extra["device"] = ctx.torch_device
    if op.stateful:
        extra["state"] = {}
    if op.writes_out and out is not None:
        given_out = out if isinstance(out, list | tuple) else (out,)
        extra["out"] = given_out[0]._data if len(given_out) == 1 else [array._data for array in given_out]
    result = run_operator(op, tensors, extra, recording)
    results = result if isinstance(result, tuple) else (result,)
    visible = op.num_visible_outputs(attrs)
    if op.is_view:
        results = tuple(own(item, tensors) for item in results[:visible])
    else:
        results = tuple(item if item.is_contiguous() else item.contiguous() for item in results[:visible])
    if out is not None:
        if STATE.tracer is not None:
            STATE.tracer.refuse(f"{op.name}(out=...)", "use the result that the operator returns")
        return assign_out(op, out, results, recording)
    if recording:
        origins = [None if array is None else origin_of(array) for array in arrays]
        made = [wrap_recorded(cls, r, ctx, (op, attrs, origins, i)) for i, r in enumerate(results[:visible])]
    else:
        made = [wrap(cls, item, ctx) for item in results[:visible]]
    if STATE.tracer is not None:
        STATE.tracer.record(op, arrays, attrs, made)
    return made[0] if visible == 1 else made


def own(result: Tensor, tensors: Sequence[Tensor | None]) -> Tensor:
    """The result itself, made contiguous, or a copy where it shares memory with an input."""
    if not result.is_contiguous():
        return result.contiguous()
    for tensor in tensors:
        if tensor is not None and _is_alias_of(result, tensor):
            return result.clone()
    return result


def assign_out(op: Operator, out: Any, results: Sequence[Tensor], recording: bool) -> Any:
    """Store results in the arrays given as ``out``."""
    targets = out if isinstance(out, list | tuple) else (out,)
    if len(targets) != len(results):
        raise MXNetError(f"{op.name}: {len(targets)} arrays were given as out; it has {len(results)} outputs.")
    for target, result in zip(targets, results, strict=True):
        if target._data is result or (target._data.data_ptr() == result.data_ptr() and target.shape == result.shape):
            continue
        if target._data.shape != result.shape:
            raise MXNetError(f"{op.name}: out has shape {target.shape}; the result has shape {tuple(result.shape)}.")
        if recording and target._node is not None:
            raise MXNetError(f"{op.name}: {IN_GRAPH}")
        target._data.copy_(result.detach())
        if result.requires_grad:
            target._node = result
    return out


def _call(op: Operator, arrays: Sequence[Any], given: dict[str, Any], out: Any) -> Any:
    """`invoke` for the generated functions: settles what the public signature admits besides attributes."""
    if op.variadic:
        own = op.num_inputs_attr in op.attributes
        count = given.pop(op.num_inputs_attr, _Null) if not own else _Null
        if own and op.counts_inputs:
            count = given.get(op.num_inputs_attr, _Null)
        if count is not _Null and int(count) != len(arrays):
            raise MXNetError(f"{op.name}: {op.num_inputs_attr}={count}, but {len(arrays)} arrays were given.")
    ctx = given.get("ctx", _Null)
    if isinstance(ctx, Context):
        given["ctx"] = str(ctx)
    return invoke(op, arrays, given, out)


def make_function(op: Operator, name: str, module: str) -> Callable[..., Any]:
    """The public imperative function for an operator, with a real signature and the operator's docstring."""
    safe = name if name.isidentifier() else "function"
    namespace = {
        "_Null": _Null, "STATE": STATE, "DENSE": DENSE, "OP": op, "own": own, "NEW": _new, "origin_of": origin_of,
        "invoke": _call, "MXNetError": MXNetError, "CAUGHT": CAUGHT, "GENERATOR": generator_for, "many": _many,
        "many_recorded": _many_recorded, "GRAD_ENABLED": torch.is_grad_enabled, "is_alias_of": _is_alias_of,
        **(Prepared(op).namespace() if takes_fast_path(op) else {}),
    }  # fmt: skip
    exec(compile(function_source(op, safe), f"<operator {op.name}>", "exec"), namespace)  # noqa: S102 (see generate.py)
    function: Callable[..., Any] = namespace[safe]  # type: ignore[assignment]
    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    function.__doc__ = op.function.__doc__
    return function


def _many(cls: type, ctx: Context, results: Sequence[Tensor], tensors: Sequence[Tensor | None] | None) -> list[Any]:
    """Arrays around several results; tensors are the inputs of an operator whose results may share their memory."""
    return [wrap(cls, item, ctx) for item in _finished(results, tensors)]


def _many_recorded(
    cls: type, ctx: Context, results: Sequence[Tensor], tensors: Sequence[Tensor | None] | None, origin: tuple[Any, ...]
) -> list[Any]:
    finished = _finished(results, tensors)
    return [wrap_recorded(cls, item, ctx, (*origin, number)) for number, item in enumerate(finished)]


def _finished(results: Sequence[Tensor], tensors: Sequence[Tensor | None] | None) -> list[Tensor]:
    if tensors is None:
        return [item if item.is_contiguous() else item.contiguous() for item in results]
    return [own(item, tensors) for item in results]


_by_name: dict[str, Callable[..., Any]] = {}


def call_by_name(name: str, *arrays: Any, **attributes: Any) -> Any:
    """Call an operator by its name; for code inside the package."""
    function = _by_name.get(name)
    if function is None:
        function = _by_name[name] = make_function(get_operator(name), name, __name__)
    return function(*arrays, **attributes)


__all__ = ["call_by_name", "format_attribute", "invoke", "make_function", "wrap", "wrap_result"]
