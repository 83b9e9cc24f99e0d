"""Questions about indexing keys that MXNet answers in public; `indexing` does the work."""

from __future__ import annotations

from typing import Any

import numpy as np

from .indexing import has_advanced

__all__ = [
    "check_boolean_array_dimension", "get_indexing_dispatch_code", "get_oshape_of_gather_nd_op",
    "indexing_key_expand_implicit_axes",
]  # fmt: skip

BASIC, ADVANCED = 0, 1


def get_indexing_dispatch_code(key: tuple[Any, ...]) -> int:
    """0 if a tuple of keys selects by integers, slices, None and Ellipsis only, 1 if by arrays or lists too.

    Raises: AssertionError unless key is a tuple; ValueError for a part that can't select.
    """
    assert isinstance(key, tuple), f"key is {key!r}; expected a tuple"
    for part in key:
        basic = part is None or part is Ellipsis or isinstance(part, slice | int | np.integer)
        if not basic and not has_advanced((part,)):
            raise ValueError(f"NDArray does not support slicing with key {part} of type {type(part)}.")
    return ADVANCED if has_advanced(key) else BASIC


def indexing_key_expand_implicit_axes(key: Any, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], int]:
    """The key as a tuple with a part for each axis, and the number of the axis where a boolean key starts, or -1.

    Raises: IndexError for several ellipses or more parts than axes.
    """
    parts = key if isinstance(key, tuple) else (key,)
    if any(part is True or part is False for part in parts):
        parts, boolean = tuple(part for part in parts if not isinstance(part, bool)), len(parts)
    else:
        boolean = -1
    used = sum(part is not None and part is not Ellipsis for part in parts)
    ellipses = [position for position, part in enumerate(parts) if part is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("Cannot use more than one ellipsis (`...`) for indexing")
    if used > len(shape):
        raise IndexError(f"too many indices ({used}) for array with {len(shape)} dimensions")
    rest = (slice(None),) * (len(shape) - used)
    at = ellipses[0] if ellipses else len(parts)
    return (*parts[:at], *rest, *parts[at + 1 :]), boolean


def get_oshape_of_gather_nd_op(dshape: tuple[int, ...], ishape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of ``gather_nd(data, indices)`` for their shapes.

    Raises: AssertionError unless both have axes.
    """
    assert dshape and ishape, f"shapes are {dshape} and {ishape}; expected at least one axis"
    return (*ishape[1:], *dshape[ishape[0] :])


def check_boolean_array_dimension(array_shape: tuple[int, ...], axis: int, bool_shape: tuple[int, ...]) -> None:
    """Raise IndexError unless a mask of bool_shape fits the axes from `axis` on."""
    for position, size in enumerate(bool_shape, axis):
        if array_shape[position] != size:
            raise IndexError(
                f"boolean index did not match indexed array along axis {position}; size is {array_shape[position]} but "
                f"corresponding boolean size is {size}"
            )
