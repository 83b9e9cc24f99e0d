"""Imperative calls of operators: from arrays and attributes to torch tensors and back.

`invoke` serves every operator. `make_function` writes, for each operator, a Python function with the public signature;
where nothing special is asked for (no recording, no ``out``, an operator without random numbers, modes or views) that
function goes straight to torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError, _Null
from ..context import Context, current_context
from ..ops.attributes import format_attribute
from ..ops.generators import generator_for
from ..ops.registry import Operator, explain_failure, get_operator
from .recording import STATE

IN_GRAPH = (
    "Assigning to NDArrays that are already in a computational graph will cause undefined behavior when evaluating "
    "backward. Please call backward first to clear the graph or do this out side of a record section."
)


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


def run_operator(op: Operator, tensors: Sequence[Tensor | None], attrs: dict[str, Any], recording: bool) -> Any:
    """Run an operator on tensors, recorded by torch's autograd or not; its failure becomes an MXNetError."""
    try:
        if not recording:
            return op.function(*tensors, **attrs)
        if torch.is_grad_enabled():
            return op.call(tensors, attrs)
        with torch.enable_grad():
            return op.call(tensors, attrs)
    except (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError, AssertionError) as error:
        raise explain_failure(op, tensors, attrs, error) from error


def invoke(
    op: Operator, arrays: Sequence[Any], given: dict[str, Any], out: Any = None, ctx: Any = None, cls: type | None = None
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
    attrs = op.parse_attributes(given)
    names = op.inputs
    first = None
    for position, array in enumerate(arrays):
        if isinstance(array, NDArray):
            if first is None:
                first = array
        elif array is None and (op.variadic or names[position] in op.optional_inputs):
            continue
        else:
            name = names[0] if op.variadic else names[position]
            if array is None:
                raise MXNetError(f"{op.name}: the input {name} is missing; pass {name}=an NDArray.")
            raise NotAnArrayError(f"{op.name}: Argument {name} must have NDArray type, but got {array!r}")
    if first is not None:
        cls, ctx = type(first), first._ctx
        if first.stype != "default" or any(a is not None and a.stype != "default" for a in arrays):
            raise MXNetError(f"{op.name}: sparse arrays are not supported by this operator; use .tostype('default').")
    else:
        cls, ctx = cls or NDArray, parse_context(attrs.get("ctx") if ctx is None else ctx)
    recording = STATE.recording
    if recording:
        tensors = [None if array is None else tracked(array) for array in arrays]
        if op.mutates:  # changed in place, never differentiated
            for position, name in enumerate(names[: len(arrays)]):
                if name in op.mutates and arrays[position] is not None:
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
        results = tuple(_own(item, tensors) for item in results[:visible])
    if out is not None:
        if STATE.tracer is not None:
            STATE.tracer.refuse(f"{op.name}(out=...)", "use the result that the operator returns")
        return assign_out(op, out, results[:visible], recording)
    made = [wrap_result(cls, item, ctx) for item in results[:visible]]
    if STATE.tracer is not None:
        STATE.tracer.record(op, arrays, attrs, made)
    return made[0] if visible == 1 else made


def _own(result: Tensor, tensors: Sequence[Tensor | None]) -> Tensor:
    """The result itself, or a copy where it shares memory with an input."""
    storage = result.untyped_storage().data_ptr()
    for tensor in tensors:
        if tensor is not None and tensor.untyped_storage().data_ptr() == storage:
            return result.clone(memory_format=torch.contiguous_format)
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


def attribute_names(op: Operator) -> list[str]:
    """The attributes in the public signature."""
    names = list(op.attributes)
    counts = op.variadic and op.num_inputs_attr and op.num_inputs_attr not in names
    return [op.num_inputs_attr, *names] if counts else names


def _takes_fast_path(op: Operator) -> bool:
    return not (
        op.variadic or op.uses_training or op.random or op.creates or op.mutates or op.is_view or op.writes_out
        or op.dynamic or not op.inputs or op._num_outputs != 1 or op._num_visible not in (None, 1)
    )  # fmt: skip


_FAST = """
    if out is None and not kwargs and not STATE.watched{types}:
        try:
            bound = CACHE[{key}]
        except (KeyError, TypeError):
            bound = prepare({given})
        try:
            result = bound({tensors})
        except CAUGHT as error:
            raise explain(error, ({inputs}), {given}) from error
        array = NEW(NDArray)
        array._data = result
        array._ctx = {first}._ctx
        array._node = array._mark = None
        return array
"""

_FIXED = """
def {name}({parameters}out=None, name=None, **kwargs):{fast}
    return invoke(OP, [{inputs}], {{{given}**kwargs}}, out)
"""

_VARIADIC = """
def {name}(*{inputs}, {parameters}out=None, name=None, **kwargs):
    if {inputs} and isinstance({inputs}[0], (list, tuple)):
        if len({inputs}) > 1:
            raise MXNetError("{name}: pass the arrays one by one or as one list")
        {inputs} = {inputs}[0]
    return invoke(OP, {inputs}, {{{given}**kwargs}}, out)
"""


def _call(op: Operator, arrays: Sequence[Any], given: dict[str, Any], out: Any) -> Any:
    """`invoke` for the generated functions: settles what the public signature admits besides attributes."""
    if op.variadic:
        count = given.pop(op.num_inputs_attr, _Null) if op.num_inputs_attr not in op.attributes else _Null
        if count is not _Null and int(count) != len(arrays):
            raise MXNetError(f"{op.name}: {op.num_inputs_attr}={count}, but {len(arrays)} arrays were given.")
    ctx = given.get("ctx", _Null)
    if isinstance(ctx, Context):
        given["ctx"] = str(ctx)
    return invoke(op, arrays, given, out)


def make_function(op: Operator, name: str, module: str) -> Callable[..., Any]:
    """The public imperative function for an operator, with a real signature and the operator's docstring."""
    from .ndarray import NDArray

    attributes = attribute_names(op)
    parameters = "".join(f"{a}=_Null, " for a in attributes)
    given = "".join(f"{a!r}: {a}, " for a in attributes)
    safe = name if name.isidentifier() else "function"
    cache: dict[Any, Callable[..., Any]] = {}

    def prepare(values: dict[str, Any]) -> Callable[..., Any]:
        attrs = op.parse_attributes(values)
        function = partial(op.function, **attrs) if attrs else op.function
        if all(type(value) in _CACHEABLE for value in values.values()) and len(cache) < 4096:
            cache[tuple(values.values()) if len(values) != 1 else next(iter(values.values()))] = function
        return function

    def explain(error: Exception, arrays: Sequence[Any], values: dict[str, Any]) -> Exception:
        tensors = [None if a is None else a._data for a in arrays]
        return explain_failure(op, tensors, op.parse_attributes(values), error)

    if op.variadic:
        source = _VARIADIC.format(name=safe, inputs=op.inputs[0], parameters=parameters, given=given)
    else:
        inputs = ", ".join(op.inputs)
        fast = ""
        if _takes_fast_path(op):
            types = "".join(
                f" and (type({i}) is NDArray or {i} is None)" if i in op.optional_inputs else f" and type({i}) is NDArray"
                for i in op.inputs
            )
            tensors = ", ".join(
                f"None if {i} is None else {i}._data" if i in op.optional_inputs else f"{i}._data" for i in op.inputs
            )
            key = "()" if not attributes else attributes[0] if len(attributes) == 1 else f"({', '.join(attributes)})"
            fast = _FAST.format(
                types=types, key=key, given=f"{{{given}}}", tensors=tensors, inputs=inputs + ",", first=op.inputs[0]
            )
            if not attributes:
                cache[()] = op.function
        source = _FIXED.format(
            name=safe, parameters="".join(f"{i}=None, " for i in op.inputs) + parameters, inputs=inputs, given=given,
            fast=fast,
        )  # fmt: skip
    namespace = {
        "_Null": _Null, "STATE": STATE, "CACHE": cache, "prepare": prepare, "explain": explain, "NEW": object.__new__,
        "NDArray": NDArray, "OP": op, "invoke": _call, "MXNetError": MXNetError,
        "CAUGHT": (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError, AssertionError),
    }  # fmt: skip
    exec(compile(source, f"<operator {op.name}>", "exec"), namespace)
    function: Callable[..., Any] = namespace[safe]  # type: ignore[assignment]
    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    function.__doc__ = op.function.__doc__
    return function


_CACHEABLE = (int, str, bool, tuple, type(None), type(_Null))


def call_by_name(name: str, *arrays: Any, **attributes: Any) -> Any:
    """Call an operator by its name; for code inside the package."""
    return invoke(get_operator(name), arrays, attributes, attributes.pop("out", None))


__all__ = ["call_by_name", "format_attribute", "invoke", "make_function", "wrap", "wrap_result"]
