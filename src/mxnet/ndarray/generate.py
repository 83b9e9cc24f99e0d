"""The source of the imperative functions of operators.

A function checks that nothing special is asked for (no ``out``, dense arrays of one class, no tracing), looks up the
operator's function with its attributes, and calls it: on plain tensors, or on tracked ones while recording. Everything
else goes to `invoke`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base import _Null
from ..ops.attributes import to_bool, to_float, to_int
from ..ops.registry import Operator, explain_failure


def attribute_names(op: Operator) -> list[str]:
    """The attributes in the public signature."""
    names = list(op.attributes)
    counts = op.variadic and op.num_inputs_attr and op.num_inputs_attr not in names
    return [op.num_inputs_attr, *names] if counts else names


def takes_fast_path(op: Operator) -> bool:
    """Whether the function of an operator may go straight to torch."""
    return bool(op.inputs) and not (
        op.creates or op.writes_out or op.stateful or op._specialize or op.dynamic or op.takes_csr
        or (op.random and (op.has_gradient_rule or op.variadic))
        or (op.variadic and (op.mutates or op.num_fixed_inputs))
    )  # fmt: skip


class Prepared:
    """What a generated function looks up: the operator's function with its attributes, parsed once for equal values.

    The key of a call holds the values of the attributes as given, and the training mode. Values that are equal must
    mean the same: where an attribute is a float, 0 differs from -0.0, so that zeros are kept as text.
    """

    def __init__(self, op: Operator):
        self.op = op
        self.cache: dict[Any, Any] = {}
        self.floats = frozenset(a.name for a in op.attributes.values() if a.convert is to_float)
        self._bind: Callable[..., Any] | None = None
        self.numbers = self.floats | {a.name for a in op.attributes.values() if a.convert in (to_int, to_bool)}

    def namespace(self) -> dict[str, Any]:
        return {"CACHE": self.cache, "prepare": self.prepare, "explain": self.explain}

    def key_source(self) -> str:
        """The key as an expression of the attributes' names."""
        parts = [
            f"{name} if {name} is _Null else {name} or repr({name})" if name in self.floats else name
            for name in self.op.attributes
        ]
        if self.op.uses_training:
            parts.append("STATE.training")
        return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"

    def prepare(self, values: dict[str, Any], training: bool) -> Any:
        """The function with its attributes; a pair with the number of visible outputs, where that isn't always one."""
        op = self.op
        attrs = op.parse_attributes(values)
        keywords = {**attrs, "training": training} if op.uses_training else attrs
        if self._bind is None:
            self._bind = _binder(op, list(keywords))
        entry: Any = self._bind(op.function, **keywords)
        entry.keywords = keywords
        if counts_outputs(op):
            entry = entry, op.num_visible_outputs(attrs)
        if len(self.cache) < 4096 and all(self._is_cacheable(name, value) for name, value in values.items()):
            key = [
                value if value is _Null or name not in self.floats else value or repr(value)
                for name, value in values.items()
            ]
            if op.uses_training:
                key.append(training)
            self.cache[key[0] if len(key) == 1 else tuple(key)] = entry
        return entry

    def _is_cacheable(self, name: str, value: Any) -> bool:
        kind = type(value)
        if name in self.numbers:
            return kind in _SIMPLE or kind is float
        return kind in _SIMPLE and (kind is not int or value != 0)

    def explain(self, error: Exception, arrays: Sequence[Any], values: dict[str, Any]) -> Exception:
        tensors = [None if a is None else a._data for a in arrays]
        return explain_failure(self.op, tensors, self.op.parse_attributes(values), error)


def _binder(op: Operator, names: Sequence[str]) -> Callable[..., Any]:
    """``bind(function, **keywords)``: a function of the tensors alone, which is quicker to call than a partial."""
    tensors = f"*{op.inputs[0]}" if op.variadic else ", ".join(op.inputs)
    parameters, keywords = tensors, "".join(f", {name}={name}" for name in names)
    if op.random:
        parameters, keywords = f"{tensors}, *, generator", f"{keywords}, generator=generator"
    source = "\n".join([
        f"def bind({', '.join(['_function', *names])}):",
        f"    def call({parameters}):",
        f"        return _function({tensors}{keywords})",
        "    return call",
    ])  # fmt: skip
    namespace: dict[str, Any] = {}
    exec(compile(source, f"<attributes of {op.name}>", "exec"), namespace)  # noqa: S102 (written right here)
    bind: Callable[..., Any] = namespace["bind"]
    return bind


_SIMPLE = frozenset((int, str, bool, tuple, type(None), type(_Null)))


def counts_outputs(op: Operator) -> bool:
    """Whether a caller may see other than one output, or that depends on attributes."""
    return callable(op._num_visible) or (op._num_visible is None and op._num_outputs != 1) or (
        op._num_visible not in (None, 1)
    )  # fmt: skip


def function_source(op: Operator, name: str) -> str:
    """The source of the public function: checks that nothing special is asked for, and then goes straight to torch."""
    attributes = attribute_names(op)
    fixed = op.inputs[: op.num_fixed_inputs]
    several = op.inputs[-1] if op.variadic else ""
    arrays = several if several and not fixed else f"[{', '.join([*fixed, *[f'*{several}'] * op.variadic])}]"
    given = "".join(f"{a!r}: {a}, " for a in attributes)
    parameters = "".join(f"{i}=None, " for i in fixed) + (f"*{several}, " if op.variadic else "")
    lines = [f"def {name}({parameters}{''.join(f'{a}=_Null, ' for a in attributes)}out=None, name=None, **kwargs):"]
    if op.variadic and not fixed:
        lines += [
            f"    if {several} and isinstance({several}[0], (list, tuple)):",
            f"        if len({several}) > 1:",
            f"            raise MXNetError('{name}: pass the arrays one by one or as one list')",
            f"        {several} = {several}[0]",
        ]
    if takes_fast_path(op):
        lines += ["    " + line for line in _fast_source(op)]
    lines.append(f"    return invoke(OP, {arrays}, {{{given}**kwargs}}, out)")
    return "\n".join(lines)


def _fast_source(op: Operator) -> list[str]:
    prepared = Prepared(op)
    own_given = "{" + "".join(f"{a!r}: {a}, " for a in op.attributes) + "}"
    name = op.inputs[0]
    generator = ", generator=GENERATOR(ctx.torch_device)" if op.random else ""
    if op.variadic:
        first, arrays = f"{name}[0]", name
        uncounted = [a for a in attribute_names(op) if a not in op.attributes]
        check = f"{name} and (cls := type({first})) in DENSE and all([type(item) is cls for item in {name}])"
        check += "".join(f" and {a} is _Null" for a in uncounted)
        plain, tracked, first_tracked = f"[item._data for item in {name}]", "nodes", "nodes[0]"
        tracking = [
            f"nodes = [item._data if item._node is None else item._node for item in {name}]",
            "if any([node.requires_grad for node in nodes]):",
        ]
        origins = f"[origin_of(item) for item in {name}]"
        star_plain, star_tracked = f"*{plain}", "*nodes"
        take: list[str] = []
    else:
        first, arrays = name, f"({''.join(f'{i}, ' for i in op.inputs)})"
        check = f"(cls := type({name})) in DENSE"
        data, nodes, tracked_items, origin_items = [], [], [], []
        for number, item in enumerate(op.inputs):
            optional = item in op.optional_inputs
            if number:
                check += f" and ({item} is None or type({item}) is cls)" if optional else f" and type({item}) is cls"
            data.append(f"None if {item} is None else {item}._data" if optional else f"{item}._data")
            node = f"None if {item} is None else {item}._node" if optional else f"{item}._node"
            origin_items.append(f"None if {item} is None else origin_of({item})" if optional else f"origin_of({item})")
            if item in op.mutates:  # changed in place, never differentiated
                tracked_items.append(data[-1])
            else:
                nodes.append((f"node{number}", node))
                tracked_items.append(f"node{number} if node{number} is not None else {data[-1]}")
        tracking = [f"{variable} = {node}" for variable, node in nodes]
        tracking.append(f"if {' or '.join(f'{variable} is not None' for variable, _ in nodes)}:")
        names = [f"tensor{number}" for number in range(len(data))]
        take = [f"{variable} = {item}" for variable, item in zip(names, tracked_items)]
        plain, tracked, first_tracked = f"({', '.join(data)},)", f"({', '.join(names)},)", names[0]
        star_plain, star_tracked = ", ".join(data), ", ".join(names)
        origins = f"[{', '.join(origin_items)}]"
    counts = counts_outputs(op)
    entry = "call, visible" if counts else "call"
    recorded_call = "(OP._recorded or OP.recorded_function)(call.keywords, " if op.has_gradient_rule else "call("

    def finish(tensors: str, head: str) -> list[str]:
        if not op.is_view:
            return ["if not result.is_contiguous():", "    result = result.contiguous()"]
        if not op.variadic and len(op.inputs) == 1:
            return [
                "if not result.is_contiguous():",
                "    result = result.contiguous()",
                f"elif is_alias_of(result, {head}):",
                "    result = result.clone()",
            ]
        return [
            f"if result._is_view() or not result.is_contiguous() or result is {head}:",
            f"    result = own(result, {tensors})",
        ]

    def several(tensors: str, recorded: bool) -> list[str]:
        if not counts:
            return ["if type(result) is tuple:", "    result = result[0]"] if op._num_outputs != 1 else []
        extra = f", (OP, call.keywords, {origins})" if recorded else ""
        shared = tensors if op.is_view else "None"
        function = "many_recorded" if recorded else "many"
        return [
            "if visible != 1:",
            f"    return {function}(cls, ctx, result[:visible], {shared}{extra})",
            "if type(result) is tuple:",
            "    result = result[0]",
        ]

    attempt = ["try:", "    result = {call}", "except CAUGHT as error:",
               f"    raise explain(error, {arrays}, {own_given}) from error"]  # fmt: skip
    recorded = [line.format(call=f"{recorded_call}{star_tracked}{generator})") for line in attempt[:2]] + attempt[2:]
    recorded = take + recorded + several(tracked, True) + finish(tracked, first_tracked) + [
        "array = NEW(cls)",
        "array._ctx = ctx",
        "array._mark = None",
        "if result.requires_grad:",
        "    array._data = result.detach()",
        "    array._node = result",
        f"    result._mx_origin = (OP, call.keywords, {origins}, 0)",
        "else:",
        "    array._data = result",
        "    array._node = None",
        "return array",
    ]  # fmt: skip
    straight = [line.format(call=f"call({star_plain}{generator})") for line in attempt[:2]] + attempt[2:]
    straight += several(plain, False) + finish(plain, f"{first}._data") + [
        "array = NEW(cls)", "array._data = result", "array._ctx = ctx", "array._node = array._mark = None",
        "return array",
    ]  # fmt: skip
    straight = ["    " + line for line in straight]
    return [
        f"if out is None and not kwargs and {check}:",
        "    try:",
        f"        {entry} = CACHE[{prepared.key_source()}]",
        "    except (KeyError, TypeError, ValueError):",
        f"        {entry} = prepare({own_given}, STATE.training)",
        f"    ctx = {first}._ctx",
        "    if STATE.watched:",
        "        if STATE.tracer is not None or not GRAD_ENABLED():",
        f"            return invoke(OP, {arrays}, {own_given}, None)",
        *["        " + line for line in tracking],
        *["            " + line for line in recorded],
        *straight,
    ]
