"""Attributes of operators: schemas read off annotations, checks for Python values, the strings of symbol files."""

from __future__ import annotations

import ast
import inspect
import math
import numbers
import operator
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, NewType

from ..base import MXNetError
from .dtypes import UnknownDTypeError, dtype_name

Shape = tuple[int, ...]
OptionalInts = tuple[int | None, ...]
Floats = tuple[float, ...]
DType = NewType("DType", str)  # the name of a dtype, "float32"
REQUIRED = inspect.Parameter.empty


class Attribute:
    """One attribute of an operator.

    name      keyword of the operator's function
    kind      what it holds, in words, for messages and documentation
    default   value when it is not given; REQUIRED if it must be given
    optional  whether None is a value
    choices   the strings allowed, or None
    """

    __slots__ = ("choices", "convert", "default", "kind", "name", "optional")

    def __init__(self, name: str, annotation: Any, default: Any):
        self.name = name
        self.default = default
        members = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
        if typing.get_origin(annotation) is typing.Union:
            members = typing.get_args(annotation)
        self.optional = type(None) in members
        members = tuple(member for member in members if member is not type(None))
        self.choices: tuple[str, ...] | None = None
        (base,) = members
        if typing.get_origin(base) is Literal:
            self.choices = typing.get_args(base)
            self.kind = f"one of {', '.join(map(repr, self.choices))}"
            self.convert: Callable[[Any], Any] = str
        else:
            self.kind, self.convert = _CONVERTERS[base]

    def parse(self, value: Any, operator: str) -> Any:
        """The checked value for a Python value or for the string found in a symbol file.

        Raises: MXNetError naming operator, attribute, the value and what was expected; for what is no dtype at all, one
            that is a TypeError too.
        """
        if value is None or (isinstance(value, str) and value == "None" and "None" not in (self.choices or ())):
            if self.optional:
                return None
            if isinstance(self.default, tuple):  # MXNet reads None as a tuple that isn't given
                return self.default
        else:
            try:
                result = self.convert(value)
            except (ValueError, TypeError, SyntaxError, MXNetError, OverflowError, MemoryError, RecursionError):
                pass
            else:
                if self.choices is None or result in self.choices:
                    return result
        expected = self.kind + (" or None" if self.optional else "")
        message = f"{operator}: attribute {self.name} is {value!r}; expected {expected}."
        if self.name.endswith("dtype"):
            try:
                dtype_name(value)
            except UnknownDTypeError:
                raise UnknownDTypeError(message) from None
        raise MXNetError(message)

    def __repr__(self) -> str:
        return f"Attribute({self.name}: {self.kind}, default {self.default!r})"


def format_attribute(value: Any) -> str:
    """The string that stands for a value in a symbol file: MXNet writes Python's own."""
    if isinstance(value, str):
        return value
    if isinstance(value, type) or type(value).__module__ in ("torch", "numpy.dtypes"):
        return dtype_name(value)
    if isinstance(value, tuple | list):
        return str(type(value)(item.item() if hasattr(item, "item") else item for item in value))
    return str(value)


def to_bool(value: Any) -> bool:
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}[value.strip().lower()]
    if isinstance(value, numbers.Real) or hasattr(value, "dtype"):
        return bool(value)
    raise TypeError


def to_int(value: Any) -> int:
    if isinstance(value, str):
        return int(value.strip().rstrip("L"))
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    if hasattr(value, "__index__"):
        return operator.index(value)
    if isinstance(value, tuple | list):
        raise TypeError
    return int(value)


def to_float(value: Any) -> float:
    if isinstance(value, tuple | list):
        raise TypeError
    return float(value)


def _literal(text: str) -> Any:
    text = text.strip()
    if "L" in text:  # written by Python 2
        text = text.replace("L", "")
    return ast.literal_eval(text)


def _tuple_of(convert: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def to_tuple(value: Any) -> tuple[Any, ...]:
        if isinstance(value, str):
            value = _literal(value)
        if isinstance(value, numbers.Number) or (hasattr(value, "__index__") and not hasattr(value, "__len__")):
            value = (value,)
        return tuple(convert(item) for item in value)

    return to_tuple


def _optional_int(value: Any) -> int | None:
    return None if value is None else to_int(value)


def _to_string(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _to_scalar(value: Any) -> Any:
    """A number as it is (an int stays exact, a float is a float), or parsed from its string."""
    if isinstance(value, str):
        text = value.strip()
        try:
            return int(text)
        except ValueError:
            return float(text)
    if isinstance(value, bool) or hasattr(value, "__index__"):
        return int(value)
    number = float(value)
    if math.isnan(number) and not isinstance(value, numbers.Real) and not hasattr(value, "dtype"):
        raise TypeError
    return number


def _to_dtype(value: Any) -> str:
    return dtype_name(value)


def _to_any(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return _literal(value)
        except (ValueError, SyntaxError):
            return value
    return value


Scalar = NewType("Scalar", float)  # a number whose Python type matters: int or float

_CONVERTERS: dict[Any, tuple[str, Callable[[Any], Any]]] = {
    bool: ("a boolean", to_bool),
    int: ("an integer", to_int),
    float: ("a number", to_float),
    Scalar: ("a number", _to_scalar),
    str: ("a string", _to_string),
    DType: ("a dtype", _to_dtype),
    Shape: ("a tuple of integers such as (3, 3)", _tuple_of(to_int)),
    OptionalInts: ("a tuple of integers or None such as (0, None)", _tuple_of(_optional_int)),
    Floats: ("a tuple of numbers such as (0.5, 1.0)", _tuple_of(to_float)),
    Any: ("a literal", _to_any),
}
