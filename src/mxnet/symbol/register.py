"""The public symbolic function of each operator, with a real signature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base import MXNetError, _Null
from ..ndarray.generate import attribute_names
from ..ops.registry import Operator, all_operators, get_operator
from .symbol import Symbol, compose

_FIXED = """
def {name}({parameters}name=None, attr=None, out=None, **kwargs):
    return CALL([{inputs}], {{{given}**kwargs}}, name, attr)
"""
_VARIADIC = """
def {name}({fixed}*{inputs}, {parameters}name=None, attr=None, out=None, **kwargs):
    return CALL([{fixed_inputs}*{inputs}], {{{given}**kwargs}}, name, attr)
"""


def make_function(op: Operator, name: str, module: str) -> Callable[..., Any]:
    """The public symbolic function for an operator, with the operator's docstring; ``out`` has no meaning."""
    attributes = attribute_names(op)
    parameters = "".join(f"{a}=_Null, " for a in attributes)
    given = "".join(f"{a!r}: {a}, " for a in attributes)
    hint = name.lower()

    def call(inputs: Sequence[Any], values: dict[str, Any], label: str | None, attr: dict[str, str] | None) -> Symbol:
        if op.variadic:
            inputs = _variadic_inputs(op, inputs, values)
        return compose(op, inputs, values, hint=hint, name=label, attr=attr)

    if op.variadic:
        *fixed, inputs = op.inputs
        source = _VARIADIC.format(
            name=name, inputs=inputs, parameters=parameters, given=given,
            fixed="".join(f"{i}=None, " for i in fixed), fixed_inputs="".join(f"{i}, " for i in fixed),
        )  # fmt: skip
    else:
        inputs = "".join(f"{i}=None, " for i in op.inputs)
        source = _FIXED.format(name=name, parameters=inputs + parameters, inputs=", ".join(op.inputs), given=given)
    namespace = {"_Null": _Null, "CALL": call}
    exec(compile(source, f"<symbol {op.name}>", "exec"), namespace)  # noqa: S102 (the source is written above)
    function: Callable[..., Any] = namespace[name]  # type: ignore[assignment]
    function.__module__ = module
    function.__doc__ = op.function.__doc__
    return function


def _variadic_inputs(op: Operator, inputs: Sequence[Any], values: dict[str, Any]) -> Sequence[Any]:
    """The inputs, given one by one, as a list, or by name (arg0, arg1, ...); None for those only counted.

    Takes those given by name, and the count unless it is an attribute of the operator's function, out of values.
    Raises: MXNetError if more are given than counted, one is given twice, or there is no input of a name.
    """
    if len(inputs) == 1 and isinstance(inputs[0], list | tuple):
        inputs = inputs[0]
    if op._specialize is not None:  # it knows what its inputs are
        return inputs
    while inputs and inputs[-1] is None:
        inputs = inputs[:-1]
    named = {key: values.pop(key) for key, value in list(values.items()) if isinstance(value, Symbol)}
    given = len(inputs) + len(named)
    own = op.num_inputs_attr in op.attributes
    count = values.get(op.num_inputs_attr, _Null) if op.counts_inputs else _Null
    if not own:
        count = values.pop(op.num_inputs_attr, _Null)
    if count is not _Null and given > int(count):
        raise MXNetError(f"{op.name}: {op.num_inputs_attr}={count}, but {given} symbols were given.")
    count = max(given, op.num_fixed_inputs) if count is _Null else int(count)
    if op.counts_inputs:
        values[op.num_inputs_attr] = count
    arranged = [*inputs, *[None] * (count - len(inputs))]
    if named:
        names = op.input_names(op.parse_attributes({k: v for k, v in values.items() if k in op.attributes}), count)
        arranged += [None] * (len(names) - len(arranged))
        for name, symbol in named.items():
            if name not in names or arranged[names.index(name)] is not None:
                problem = "is given twice" if name in names else f"is none of its inputs, {', '.join(names)}"
                raise MXNetError(f"{op.name}: the input {name} {problem}.")
            arranged[names.index(name)] = symbol
    return arranged


class _OperatorMethod:
    """A method made from an operator when it is first used."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        function = make_function(get_operator(self.name), self.name, "mxnet.symbol.symbol")
        setattr(Symbol, self.name, function)
        return function if instance is None else function.__get__(instance, owner)


def add_operator_methods() -> None:
    """Give Symbol the methods that come from operators."""
    for op in all_operators():
        if op.method:
            for name in (op.name, *op.aliases):
                if not name.startswith("_") and name not in vars(Symbol):
                    setattr(Symbol, name, _OperatorMethod(name))
