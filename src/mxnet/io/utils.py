"""Turning what an iterator is given into named arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ndarray import NDArray, array


def named_arrays(data: Any, allow_empty: bool, default_name: str) -> list[tuple[str, NDArray]]:
    """Pairs of name and array.

    Args:
        data: one array, a list of them (named ``_0_name``, ``_1_name``, ... if there are several), a dict from name to
            array (taken in the order of the names), or None. NumPy arrays and h5py datasets become float32.
        allow_empty: whether None or an empty list will do.
    Raises: TypeError for anything else; AssertionError if there is nothing and allow_empty is False.
    """
    if _is_array(data):
        data = [data]
    if data is None or (isinstance(data, list | dict) and not data):
        if not allow_empty:
            raise AssertionError(f"{default_name} is {data!r}; expected at least one array.")
        return []
    if isinstance(data, list):
        names = [default_name] if len(data) == 1 else [f"_{i}_{default_name}" for i in range(len(data))]
        data = dict(zip(names, data, strict=True))
    if not isinstance(data, dict):
        raise TypeError(
            f"{default_name} is {type(data)}. Input must be NDArray, numpy.ndarray, h5py.Dataset a list of them or "
            "dict with them as values"
        )
    pairs = []
    for name, value in sorted(data.items()):
        if not (_is_array(value) or isinstance(value, list)):
            raise TypeError(f"Invalid type {type(value)} for {name}, should be NDArray, numpy.ndarray or h5py.Dataset")
        if not isinstance(value, NDArray):
            value = array(np.asarray(value))
        pairs.append((name, value.tostype("default") if value.stype == "row_sparse" else value))
    return pairs


def _is_array(value: Any) -> bool:
    return isinstance(value, NDArray | np.ndarray) or type(value).__module__.split(".")[0] == "h5py"
