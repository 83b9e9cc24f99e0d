"""Arithmetic and comparison functions that take arrays and numbers in any combination, and a few on lists."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ..base import MXNetError
from .invoke import call_by_name
from .ndarray import ARITHMETIC, COMPARISONS, NDArray, binary

__all__ = [
    "add", "concatenate", "divide", "equal", "greater", "greater_equal", "histogram", "lesser", "lesser_equal",
    "logical_and", "logical_or", "logical_xor", "maximum", "minimum", "modulo", "moveaxis", "multiply", "not_equal",
    "onehot_encode", "power", "split_v2", "subtract", "true_divide",
]  # fmt: skip


def _dispatch(lhs: Any, rhs: Any, on_numbers: Callable[[Any, Any], Any], *names: str) -> Any:
    if isinstance(lhs, NDArray) or isinstance(rhs, NDArray):
        return binary(lhs, rhs, *names)
    if isinstance(lhs, int | float) and isinstance(rhs, int | float):
        return on_numbers(lhs, rhs)
    raise TypeError(f"type {type(lhs)} and {type(rhs)} not supported")


def add(lhs: Any, rhs: Any) -> Any:
    """lhs + rhs, broadcast."""
    return _dispatch(lhs, rhs, operator.add, *ARITHMETIC["add"][:3])


def subtract(lhs: Any, rhs: Any) -> Any:
    """lhs - rhs, broadcast."""
    return _dispatch(lhs, rhs, operator.sub, *ARITHMETIC["sub"][:3])


def multiply(lhs: Any, rhs: Any) -> Any:
    """lhs * rhs, broadcast."""
    return _dispatch(lhs, rhs, operator.mul, *ARITHMETIC["mul"][:3])


def divide(lhs: Any, rhs: Any) -> Any:
    """lhs / rhs, broadcast."""
    return _dispatch(lhs, rhs, operator.truediv, *ARITHMETIC["truediv"][:3])


true_divide = divide


def modulo(lhs: Any, rhs: Any) -> Any:
    """lhs % rhs, broadcast; the sign is that of rhs."""
    return _dispatch(lhs, rhs, operator.mod, *ARITHMETIC["mod"][:3])


def power(base: Any, exp: Any) -> Any:
    """base ** exp, broadcast."""
    return _dispatch(base, exp, operator.pow, *ARITHMETIC["pow"][:3])


def maximum(lhs: Any, rhs: Any) -> Any:
    """The larger of both, broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: a if a > b else b, "broadcast_maximum", "_maximum_scalar")


def minimum(lhs: Any, rhs: Any) -> Any:
    """The smaller of both, broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: a if a < b else b, "broadcast_minimum", "_minimum_scalar")


def equal(lhs: Any, rhs: Any) -> Any:
    """1 where lhs == rhs, else 0; broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: int(a == b), *COMPARISONS["eq"])


def not_equal(lhs: Any, rhs: Any) -> Any:
    """1 where lhs != rhs, else 0; broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: int(a != b), *COMPARISONS["ne"])


def greater(lhs: Any, rhs: Any) -> Any:
    """1 where lhs > rhs, else 0; broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: int(a > b), *COMPARISONS["gt"], COMPARISONS["lt"][1])


def greater_equal(lhs: Any, rhs: Any) -> Any:
    """1 where lhs >= rhs, else 0; broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: int(a >= b), *COMPARISONS["ge"], COMPARISONS["le"][1])


def lesser(lhs: Any, rhs: Any) -> Any:
    """1 where lhs < rhs, else 0; broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: int(a < b), *COMPARISONS["lt"], COMPARISONS["gt"][1])


def lesser_equal(lhs: Any, rhs: Any) -> Any:
    """1 where lhs <= rhs, else 0; broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: int(a <= b), *COMPARISONS["le"], COMPARISONS["ge"][1])


def logical_and(lhs: Any, rhs: Any) -> Any:
    """1 where both are nonzero, else 0; broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: int(bool(a and b)), "broadcast_logical_and", "_logical_and_scalar")


def logical_or(lhs: Any, rhs: Any) -> Any:
    """1 where any is nonzero, else 0; broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: int(bool(a or b)), "broadcast_logical_or", "_logical_or_scalar")


def logical_xor(lhs: Any, rhs: Any) -> Any:
    """1 where exactly one is nonzero, else 0; broadcast."""
    return _dispatch(lhs, rhs, lambda a, b: int(bool(a) != bool(b)), "broadcast_logical_xor", "_logical_xor_scalar")


def moveaxis(tensor: NDArray, source: Any, destination: Any) -> NDArray:
    """Move axes to new positions; the others keep their order.

    Args:
        source, destination: one axis or equally many of each.
    Raises: ValueError if they differ in number or repeat, or an axis is out of range.
    """
    ndim = tensor.ndim

    def normal(axes: Any, name: str) -> list[int]:
        axes = [axes] if isinstance(axes, int) else list(axes)
        if any(not -ndim <= axis < ndim for axis in axes):
            raise ValueError(f"moveaxis: {name} {axes} is out of range for an array of {ndim} axes")
        axes = [axis % ndim for axis in axes]
        if len(set(axes)) != len(axes):
            raise ValueError(f"moveaxis: repeated axis in {name}")
        return axes

    sources, destinations = normal(source, "source"), normal(destination, "destination")
    if len(sources) != len(destinations):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [axis for axis in range(ndim) if axis not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return call_by_name("transpose", tensor, axes=tuple(order))


def concatenate(arrays: list[NDArray], axis: int = 0, always_copy: bool = True) -> NDArray:
    """Join arrays along an axis; a single array is returned as it is unless always_copy."""
    if not arrays or not all(isinstance(array, NDArray) for array in arrays):
        raise MXNetError(f"concatenate: expected a list of at least one NDArray, got {arrays!r}")
    if len(arrays) == 1 and not always_copy:
        return arrays[0]
    return call_by_name("Concat", *arrays, dim=axis)


def onehot_encode(indices: NDArray, out: NDArray) -> NDArray:
    """Write the one-hot rows for indices (N,) into out (N, classes)."""
    result = call_by_name("one_hot", indices, depth=out.shape[1])
    out[:] = result
    return out


def histogram(a: NDArray, bins: Any = 10, range: Any = None) -> Any:
    """Counts and bin edges: a list, or for a number of bins without range a tuple of which both are float32.

    Args:
        bins: number of bins, or NDArray of edges.
        range: (low, high) with a number of bins; default the range of the values.
    """
    if isinstance(bins, NDArray):
        return call_by_name("_histogram", a, bins)
    if isinstance(bins, int):
        if range is None:
            range = (float(a.min().asscalar()), float(a.max().asscalar()))
            counts, edges = call_by_name("_histogram", a, None, bin_cnt=bins, range=range)
            return counts.astype("float32"), edges.astype("float32")
        return call_by_name("_histogram", a, None, bin_cnt=bins, range=range)
    raise ValueError("bins argument should be either an integer or an NDArray")


def split_v2(ary: NDArray, indices_or_sections: Any, axis: int = 0, squeeze_axis: bool = False) -> list[NDArray]:
    """Split along an axis into equally many parts, or before each of the given indices.

    Raises: ValueError if the axis doesn't divide into that many parts, or the argument is neither int nor tuple.
    """
    if isinstance(indices_or_sections, int):
        if ary.shape[axis] % indices_or_sections:
            raise ValueError(
                f"array split does not result in an equal division: axis {axis} has size {ary.shape[axis]}, "
                f"sections is {indices_or_sections}"
            )
        attributes: dict[str, Any] = {"indices": (), "sections": indices_or_sections}
    elif isinstance(indices_or_sections, tuple | list | set):
        attributes = {"indices": (0, *indices_or_sections), "sections": 0}
    else:
        raise ValueError("indices_or_sections must either int, or tuple / list / set of ints")
    return call_by_name("_split_v2", ary, axis=axis, squeeze_axis=squeeze_axis, **attributes)
