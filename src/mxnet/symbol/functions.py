"""Functions of `mx.sym` that are not operators by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.dtypes import dtype_name
from ..ops.registry import get_operator
from .symbol import Symbol, binary, compose

__all__ = [
    "arange", "eye", "full", "histogram", "hypot", "linspace", "maximum", "minimum", "ones", "pow", "power", "split_v2",
    "zeros",
]  # fmt: skip


def _create(name: str, given: dict[str, Any], kwargs: dict[str, Any]) -> Symbol:
    label, attr = kwargs.pop("name", None), kwargs.pop("attr", None)
    return compose(get_operator(name), [], {**given, **kwargs}, hint=name.lower(), name=label, attr=attr)


def zeros(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """An array of zeros; a 0 in the shape is filled in by shape inference."""
    return _create("_zeros", {"shape": shape, "dtype": dtype_name(dtype)}, kwargs)


def ones(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """An array of ones; a 0 in the shape is filled in by shape inference."""
    return _create("_ones", {"shape": shape, "dtype": dtype_name(dtype)}, kwargs)


def full(shape: Any, val: float, dtype: Any = None, **kwargs: Any) -> Symbol:
    """An array filled with one value."""
    return _create("_full", {"shape": shape, "dtype": dtype_name(dtype), "value": float(val)}, kwargs)


def arange(
    start: float, stop: float | None = None, step: float = 1.0, repeat: int = 1, infer_range: bool = False,
    name: str | None = None, dtype: Any = None,
) -> Symbol:  # fmt: skip
    """Evenly spaced values in [start, stop), each repeated; with infer_range the end comes from shape inference."""
    given = {
        "start": start, "stop": stop, "step": step, "repeat": repeat, "infer_range": infer_range,
        "dtype": dtype_name(dtype),
    }  # fmt: skip
    return _create("_arange", given, {"name": name})


def linspace(
    start: float, stop: float, num: int, endpoint: bool = True, name: str | None = None, dtype: Any = None
) -> Symbol:
    """num evenly spaced values from start to stop, with or without stop itself."""
    given = {"start": start, "stop": stop, "num": num, "endpoint": endpoint, "dtype": dtype_name(dtype)}
    return _create("_linspace", given, {"name": name})


def eye(N: int, M: int = 0, k: int = 0, dtype: Any = None, **kwargs: Any) -> Symbol:
    """An (N, M) array (M = 0: N) with ones on diagonal k."""
    return _create("_eye", {"N": N, "M": M, "k": k, "dtype": dtype_name(dtype)}, kwargs)


def _dispatch(left: Any, right: Any, on_numbers: Callable[[Any, Any], Any], *names: str) -> Any:
    if isinstance(left, Symbol) or isinstance(right, Symbol):
        return binary(left, right, *names)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return on_numbers(left, right)
    raise TypeError(f"types ({type(left)}, {type(right)}) not supported")


def power(base: Any, exp: Any) -> Any:
    """base ** exp, element by element."""
    return _dispatch(base, exp, lambda a, b: a**b, "_Power", "_PowerScalar", "_RPowerScalar")


pow = power


def maximum(left: Any, right: Any) -> Any:
    """The larger of both, element by element."""
    return _dispatch(left, right, max, "_Maximum", "_MaximumScalar")


def minimum(left: Any, right: Any) -> Any:
    """The smaller of both, element by element."""
    return _dispatch(left, right, min, "_Minimum", "_MinimumScalar")


def hypot(left: Any, right: Any) -> Any:
    """sqrt(left ** 2 + right ** 2), element by element."""
    return _dispatch(left, right, lambda a, b: (a * a + b * b) ** 0.5, "_Hypot", "_HypotScalar")


def histogram(a: Symbol, bins: Any = 10, range: Any = None, **kwargs: Any) -> Symbol:
    """Counts and bin edges; bins is a Symbol of edges, or a number together with range=(low, high).

    Raises: ValueError if bins is a number and range is missing.
    """
    if isinstance(bins, Symbol):
        return compose(get_operator("_histogram"), [a, bins], {}, hint="_histogram", **kwargs)
    if isinstance(bins, int):
        if range is None:
            raise ValueError("null range is not supported in symbol mode")
        given = {"bin_cnt": bins, "range": range}
        return compose(get_operator("_histogram"), [a, None], given, hint="_histogram", **kwargs)
    raise ValueError("bins argument should be either an integer or an NDArray")


def split_v2(ary: Symbol, indices_or_sections: Any, axis: int = 0, squeeze_axis: bool = False) -> Symbol:
    """Split along an axis into equally many parts, or before each of the given indices."""
    if isinstance(indices_or_sections, int):
        given: dict[str, Any] = {"indices": (), "sections": indices_or_sections}
    elif isinstance(indices_or_sections, tuple | list | set):
        given = {"indices": (0, *indices_or_sections), "sections": 0}
    else:
        raise ValueError("indices_or_sections must either int or tuple of ints")
    given.update(axis=axis, squeeze_axis=squeeze_axis)
    return compose(get_operator("_split_v2"), [ary], given, hint="_split_v2")
