"""Update operators (SGD, Adam, ...) with sparse gradients, weights or states.

A lazy update touches only the rows that the gradient stores: neither other rows of the weight nor of the states change,
as if those rows had not been there. Other updates run on dense copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from ..ops.registry import Operator
from .invoke import invoke
from .sparse_gradients import array_of, head_of
from .sparse_storage import RowSparseNDArray

#: operator -> whether the update of this weight with these attributes is lazy when the gradient is row_sparse
LAZY: dict[str, Callable[[dict[str, Any], Any], bool]] = {
    "sgd_update": lambda attrs, weight: attrs["lazy_update"],
    "sgd_mom_update": lambda attrs, weight: attrs["lazy_update"],
    "adam_update": lambda attrs, weight: attrs["lazy_update"],
    "ftrl_update": lambda attrs, weight: weight.stype == "row_sparse",
    "_sparse_adagrad_update": lambda attrs, weight: True,
    "_contrib_group_adagrad_update": lambda attrs, weight: True,
}


def update(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], out: Any) -> Any:
    """Run an update operator some of whose arrays are sparse; writes to out, default a new array like the weight.

    Raises: MXNetError if an array is csr, or shapes differ.
    """
    if op.variadic:
        return _update_several(op, arrays, attrs, out)
    weight, grad = arrays[0], arrays[1]
    if isinstance(out, list | tuple):
        (out,) = out
    target = weight.copy() if out is None else out
    if target is not weight and out is not None:
        weight.copyto(target)
    if grad.shape != weight.shape:
        raise MXNetError(f"{op.name}: grad has shape {grad.shape}; expected {weight.shape}, the shape of weight.")
    if any(array._sparse and array.stype != "row_sparse" for array in arrays):
        raise MXNetError(f"{op.name}: got storage types {[array.stype for array in arrays]}; csr can't be updated.")
    if isinstance(grad, RowSparseNDArray) and op.name in LAZY and LAZY[op.name](attrs, weight):
        _update_rows(op, target, grad, arrays[2:], attrs)
    else:
        _update_all(op, [target, *arrays[1:]], attrs)
    return target


def _update_rows(op: Operator, weight: Any, grad: Any, states: Sequence[Any], attrs: dict[str, Any]) -> None:
    gradient = array_of(head_of(grad), grad._ctx)  # each row once
    rows, values = gradient._aux[0], gradient._values
    if not rows.numel():
        return
    parts = [_read(array, rows) for array in (weight, *states)]
    with torch.no_grad():
        op.function(parts[0], values, *parts[1:], out=parts[0], **attrs)
    for array, part in zip((weight, *states), parts, strict=True):
        _write(array, rows, part)


def _read(array: Any, rows: Tensor) -> Tensor:
    """A copy of the rows with these numbers."""
    return array._read_rows(rows) if array._sparse else array._data[rows]


def _write(array: Any, rows: Tensor, values: Tensor) -> None:
    """Set the rows with these rising numbers; a row_sparse array stores them from then on."""
    if array._sparse:
        array._write_rows(rows, values)
    else:
        array._data.index_copy_(0, rows, values)


def _update_all(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any]) -> None:
    """The update on dense copies, written back to the weight, the first of the arrays, and the states."""
    dense = [array.tostype("default") if array._sparse else array for array in arrays]
    invoke(op, dense, attrs, out=dense[0])
    for position, (array, copied) in enumerate(zip(arrays, dense, strict=True)):
        if array._sparse and position != 1:
            array._assign_all(copied)


def _update_several(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], out: Any) -> Any:
    """The update of several weights on dense copies, written back to everything that is sparse."""
    targets = [] if out is None else list(out) if isinstance(out, list | tuple) else [out]
    given = {id(array): array for array in (*arrays, *targets)}
    copies = {key: array.tostype("default") if array._sparse else array for key, array in given.items()}
    results = [copies[id(target)] for target in targets] or None
    made = invoke(op, [copies[id(array)] for array in arrays], attrs, out=results)
    for key, array in given.items():
        if array._sparse:
            array._assign_all(copies[key])
    return made if out is None else out
