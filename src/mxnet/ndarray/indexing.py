"""Reading and writing parts of arrays: MXNet's keys on torch tensors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor

_ADVANCED = (list, tuple, range, np.ndarray, Tensor)


def has_advanced(key: Any) -> bool:
    """Whether a key selects by arrays or lists rather than by integers and slices."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(part, _ADVANCED) or hasattr(part, "asnumpy") for part in parts)


def normalize_key(key: Any, shape: tuple[int, ...], device: torch.device) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """A key that torch understands, and the axes to flip because their slice has a negative step.

    With integers and slices only, these are axes of the result; with index arrays, axes of the array to be indexed.
    Integers next to index arrays are index arrays themselves, as in NumPy.

    Raises: IndexError for an integer or an index array out of range or too many indices; ValueError for a key of a
        type that can't select.
    """
    parts = [_index(part, device) for part in (key if isinstance(key, tuple) else (key,))]
    tensors = [part for part in parts if isinstance(part, Tensor)]
    used = sum(_axes_used(part) for part in parts)
    if used > len(shape):
        raise IndexError(f"too many indices for array: array is {len(shape)}-dimensional, but {used} were indexed")
    if sum(part is Ellipsis for part in parts) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    axis, result_axis = 0, 0
    normal: list[Any] = []
    flips: list[int] = []
    for part in parts:
        if part is None:
            result_axis += 1
        elif part is Ellipsis:
            axis += len(shape) - used
            result_axis += len(shape) - used
        elif isinstance(part, slice):
            if part.step is not None and part.step < 0:
                size = shape[axis]
                picked = range(*part.indices(size))
                if tensors:
                    part = slice(
                        size - 1 - picked.start, size - 1 - picked.start + len(picked) * -part.step, -part.step
                    )
                    flips.append(axis)
                else:
                    picked = picked[::-1]
                    part = slice(picked.start, picked.stop, picked.step) if len(picked) else slice(0, 0)
                    flips.append(result_axis)
            axis, result_axis = axis + 1, result_axis + 1
        elif isinstance(part, Tensor):
            if part.dtype == torch.bool:
                if part.shape != shape[axis : axis + part.ndim]:
                    raise IndexError(
                        f"boolean index of shape {tuple(part.shape)} did not match the axes of size "
                        f"{shape[axis : axis + part.ndim]} from axis {axis}"
                    )
            else:
                _check_range(part, axis, shape[axis])
            axis += _axes_used(part)
        else:
            if not -shape[axis] <= part < shape[axis]:
                raise IndexError(f"index {part} is out of bounds for axis {axis} with size {shape[axis]}")
            if tensors:
                part = torch.full((1,), part, device=device)
            axis += 1
        normal.append(part)
    return tuple(normal), tuple(flips)


def read(data: Tensor, key: Any) -> Tensor:
    """The selected part: it shares memory with data exactly where the selection is one contiguous block."""
    parts, flips = normalize_key(key, tuple(data.shape), data.device)
    if flips and any(isinstance(part, Tensor) for part in parts):
        data, flips = data.flip(flips), ()
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
    if key is True:  # as in NumPy, though reading takes it for 1
        key = Ellipsis
    parts, flips = normalize_key(key, tuple(data.shape), data.device)
    if flips and any(isinstance(part, Tensor) for part in parts):
        positions = torch.arange(data.numel(), device=data.device).reshape(data.shape)
        data, parts, flips = data.view(-1), (positions.flip(flips)[parts],), ()
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


def _index(part: Any, device: torch.device) -> Any:
    """One part of a key: None, Ellipsis, an integer, a slice of integers, or an index tensor on the device."""
    if part is None or part is Ellipsis or type(part) is int:
        return part
    if isinstance(part, slice):
        part = slice(_bound(part.start), _bound(part.stop), _bound(part.step))
        if part.step == 0:
            raise ValueError("slice step cannot be zero")
        return part
    if isinstance(part, np.ndarray) and not part.ndim and part.dtype != np.bool_:
        return _integer(part)
    if isinstance(part, _ADVANCED) or hasattr(part, "asnumpy"):
        return _index_tensor(part, device)
    return _integer(part)


def _axes_used(part: Any) -> int:
    """How many axes of the array a part of a key stands for."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, Tensor) and part.dtype == torch.bool else 1


def _bound(value: Any) -> int | None:
    return None if value is None else operator.index(value)


def _integer(part: Any) -> int:
    try:
        return operator.index(part)
    except TypeError:
        raise ValueError(
            f"NDArray does not support slicing with key {part!r} of type {type(part)}. "
            "Use integers, slices, None, Ellipsis, lists of integers or arrays."
        ) from None


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
    if index.numel():
        low, high = torch.stack(torch.aminmax(index)).tolist()
        if low < -size or high >= size:
            wrong = low if low < -size else high
            raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {size}")
