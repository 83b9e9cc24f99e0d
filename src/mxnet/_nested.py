"""Nested lists of arrays or symbols, as loops and branches take and give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import MXNetError


class ControlFlowError(MXNetError, AssertionError, ValueError):
    """A wrong use of foreach, while_loop or cond; by the case, MXNet raises AssertionError or ValueError."""


def flatten(value: Any, kind: type, what: str) -> tuple[list[Any], Any]:
    """The items of nested lists or tuples, and the structure: 0 for an item, a list for a list.

    Raises: ControlFlowError for what is neither, saying what it is.
    """
    if isinstance(value, kind):
        return [value], 0
    if not isinstance(value, list | tuple):
        raise ControlFlowError(
            f"{what} must be (nested) list of {kind.__name__}, but got {value} of type {type(value)}"
        )
    items, structure = [], []
    for item in value:
        part, shape = flatten(item, kind, what)
        items += part
        structure.append(shape)
    return items, structure


def regroup(items: list[Any], structure: Any) -> Any:
    """Nested lists of this structure."""
    rest = iter(items)

    def build(part: Any) -> Any:
        return next(rest) if part == 0 and not isinstance(part, list) else [build(item) for item in part]

    return build(structure)


def call_for_two(function: Callable[..., Any], arguments: list[Any], what: str) -> tuple[Any, Any]:
    """The two things that a user's function returns.

    Raises: ControlFlowError if it doesn't return two.
    """
    result = function(*arguments)
    try:
        first, second = result
    except (TypeError, ValueError) as error:
        raise ControlFlowError(f"{what} returned {result!r}; expected two values: outputs, states ({error})") from error
    return first, second


def check_max_iterations(value: Any) -> int:
    """max_iterations of while_loop.

    Raises: ControlFlowError if it is None or no number.
    """
    if value is None:
        raise ControlFlowError("max_iterations should be specified")
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise ControlFlowError(f"Cannot convert max_iteration to python int: {value!r}") from error
