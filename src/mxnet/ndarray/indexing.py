"""Reading and writing parts of arrays: MXNet's keys on torch tensors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base import MXNetError

_ADVANCED = (list, tuple, range, np.ndarray, Tensor)


def has_advanced(key: Any) -> bool:
    """Whether a key selects by arrays or lists rather than by integers and slices."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(part, _ADVANCED) or hasattr(part, "asnumpy") for part in parts)


def normalize_key(key: Any, shape: tuple[int, ...], device: torch.device) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """A key that torch understands, and the axes of the result to flip because their slice has a negative step.

    Raises: IndexError for an integer or an index array out of range or too many indices; ValueError for a key of a
        type that can't select.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    used = sum(_axes_used(part) for part in parts if part is not None and part is not Ellipsis)
    if used > len(shape):
        raise IndexError(f"too many indices for array: array is {len(shape)}-dimensional, but {used} were indexed")
    if sum(part is Ellipsis for part in parts) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    axis, result_axis = 0, 0
    normal: list[Any] = []
    flips: list[int] = []
    advanced = False
    for part in parts:
        if part is None:
            normal.append(None)
            result_axis += 1
        elif part is Ellipsis:
            normal.append(part)
            axis += len(shape) - used
            result_axis += len(shape) - used
        elif isinstance(part, slice):
            part = slice(_plain(part.start), _plain(part.stop), _plain(part.step))
            if part.step == 0:
                raise ValueError("slice step cannot be zero")
            if part.step is not None and part.step < 0:
                picked = range(*part.indices(shape[axis]))[::-1]
                part = slice(picked.start, picked.stop, picked.step) if len(picked) else slice(0, 0)
                flips.append(result_axis)
            normal.append(part)
            axis, result_axis = axis + 1, result_axis + 1
        elif isinstance(part, _ADVANCED) or hasattr(part, "asnumpy"):
            index = _index_tensor(part, device)
            size = index.ndim if index.dtype == torch.bool else 1
            if index.dtype != torch.bool:
                _check_range(index, axis, shape[axis])
            normal.append(index)
            advanced = True
            axis += size
        else:
            normal.append(_integer(part, axis, shape[axis]))
            axis += 1
    if advanced and flips:  # flipped axes may move: select by an index array instead
        return _without_negative_steps(parts, shape, device), ()
    return tuple(normal), tuple(flips)


def read(data: Tensor, key: Any) -> Tensor:
    """The selected part: it shares memory with data exactly where the selection is one contiguous block."""
    parts, flips = normalize_key(key, tuple(data.shape), data.device)
    result = data[parts]
    if flips:
        result = result.flip(flips)
    if result.ndim == 0 and data.ndim > 0:
        result = result.reshape(1)
    return result if result.is_contiguous() else result.contiguous()


def write(data: Tensor, key: Any, value: Any) -> None:
    """Assign to the selected part; value is a Python number or a tensor that broadcasts to it.

    Raises: ValueError if the shapes don't broadcast.
    """
    parts, flips = normalize_key(key, tuple(data.shape), data.device)
    if isinstance(value, Tensor):
        target = tuple(data[parts].shape)
        while value.ndim > len(target) and value.shape[0] == 1:
            value = value[0]
        try:
            value = value.expand(target)
        except RuntimeError:
            raise ValueError(
                f"could not broadcast an array of shape {tuple(value.shape)} to the assigned part of shape {target}"
            ) from None
        if flips:
            value = value.flip(flips)
        if value.dtype != data.dtype:
            value = value.to(data.dtype)
    data[parts] = value


def _axes_used(part: Any) -> int:
    dtype = getattr(part, "dtype", None)
    if dtype is not None and (dtype == torch.bool or (dtype is not torch.bool and str(dtype).endswith("bool'>"))):
        return part.ndim
    if isinstance(dtype, np.dtype) and dtype == np.bool_:
        return part.ndim
    return 1


def _plain(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return operator.index(value)
    except TypeError:
        if hasattr(value, "asscalar") or isinstance(value, np.floating):
            return int(value.asscalar() if hasattr(value, "asscalar") else value)
        raise


def _integer(part: Any, axis: int, size: int) -> int:
    try:
        index = operator.index(part)
    except TypeError:
        raise ValueError(
            f"NDArray does not support slicing with key {part!r} of type {type(part)}. "
            "Use integers, slices, None, Ellipsis, lists of integers or arrays."
        ) from None
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {size}")
    return index


def _index_tensor(part: Any, device: torch.device) -> Tensor:
    if hasattr(part, "asnumpy"):
        index = part._data
    elif isinstance(part, Tensor):
        index = part
    else:
        array = np.asarray(part)
        if array.dtype == object or array.dtype.kind in "SU":
            raise ValueError(f"NDArray does not support slicing with key {part!r}: not an array of integers.")
        index = torch.from_numpy(np.ascontiguousarray(array))
    if index.dtype != torch.bool:
        index = index.to(torch.int64)
    return index.to(device)


def _check_range(index: Tensor, axis: int, size: int) -> None:
    if index.numel() and index.device.type == "cpu":
        low, high = int(index.min()), int(index.max())
        if low < -size or high >= size:
            wrong = low if low < -size else high
            raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {size}")


def _without_negative_steps(parts: list[Any], shape: tuple[int, ...], device: torch.device) -> tuple[Any, ...]:
    raise MXNetError(
        "NDArray indexing: slices with a negative step can't be combined with index arrays in one key; "
        "index in two steps, for example x[::-1][:, indices]."
    )
