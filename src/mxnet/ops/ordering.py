"""Operators that sort.

Equal elements keep their order, and NaN counts as larger than every number; MXNet 1.9.1 promises neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ..base import MXNetError
from .dtypes import TORCH_DTYPES
from .inference import normalize_axis, product, replace_dim
from .registry import PartialShape, operator

IndexDType = Literal["float16", "float32", "float64", "int32", "int64", "uint8"]


def _along(name: str, data: Tensor, axis: int | None) -> tuple[Tensor, int]:
    return (data.reshape(-1), 0) if axis is None else (data, normalize_axis(axis, data.ndim, name))


@operator(
    "topk",
    method=True,
    num_outputs=lambda ret_typ="indices", **_: 2 if ret_typ == "both" else 1,
    output_names=lambda ret_typ="indices", **_: {"both": ("output0", "output1"), "value": ("output0",)}.get(
        ret_typ, ("output",)
    ),
)
def topk(
    data: Tensor,
    *,
    axis: int | None = -1,
    k: int = 1,
    ret_typ: Literal["both", "indices", "mask", "value"] = "indices",
    is_ascend: bool = False,
    dtype: IndexDType = "float32",
) -> Tensor | tuple[Tensor, Tensor]:
    """The k largest elements along an axis (None: of all), largest first; with is_ascend the smallest ones.

    k        at most the size of the axis; below 1: all
    ret_typ  "value"; "indices" along the axis; "both" of them; or "mask": 1 for the chosen elements
    dtype    that of the indices
    returns  the shape of data with size k on the axis; (k,) when axis is None
    """
    rows, dim = _along("topk", data, axis)
    size = rows.shape[dim]
    if k > size:
        raise MXNetError(f"topk: k is {k}; expected at most {size}, the size of axis {axis} of {tuple(data.shape)}.")
    if k == 1 and not is_ascend:
        values, indices = rows.max(dim, keepdim=True)
    elif 0 < k <= size // 4 and rows.device.type == "cpu":
        indices = torch.ops.mxnext.first_of_order(rows.detach(), k, dim, not is_ascend)
        values = rows.gather(dim, indices)
    else:
        values, indices = rows.sort(stable=True, dim=dim, descending=not is_ascend)
        if 0 < k < size:
            values, indices = values.narrow(dim, 0, k), indices.narrow(dim, 0, k)
    if ret_typ == "value":
        return values
    if ret_typ == "mask":
        return rows.new_zeros(rows.shape).scatter(dim, indices, 1).reshape(data.shape)
    indices = indices.to(TORCH_DTYPES[dtype])
    return (values, indices) if ret_typ == "both" else indices


# A custom operator of torch: what it does depends on values, so a traced graph holds it whole.
_LIBRARY: Any = torch.library.Library("mxnext", "FRAGMENT")  # type: ignore[no-untyped-call]
_LIBRARY.define("first_of_order(Tensor data, int count, int dim, bool descending) -> Tensor")


def first_places(data: Tensor, count: int, descending: bool, any_infinite: bool = False) -> Tensor:
    """The first `count` places of a stable order of each row of (R, N), N > count: (R, count).

    torch.topk is many times faster than sorting, but takes equal elements in any order. Among those taken, the order
    is put right; where an element taken equals one left out (or is NaN), the row is sorted.
    any_infinite says that infinite elements at the end of the order may come in any order.
    """
    values, places = torch.topk(data, count + 1, 1, descending)
    first, second, places = values[:, :-1], values[:, 1:], places[:, :-1]
    differ = first > second if descending else first < second
    if any_infinite:
        differ |= first == (-torch.inf if descending else torch.inf)
    if bool(differ.all()):
        return places.contiguous()
    places, by_place = places.sort(1)
    places = places.gather(1, first.gather(1, by_place).argsort(dim=1, descending=descending, stable=True))
    unclear = (~differ[:, -1]).nonzero().view(-1)
    if len(unclear):
        places[unclear] = data[unclear].argsort(dim=1, descending=descending, stable=True)[:, :count]
    return places


def _first_of_order(data: Tensor, count: int, dim: int, descending: bool) -> Tensor:
    """The first `count` indices of a stable order along dim, in the shape of data with that size."""
    rows = data.movedim(dim, -1)
    places = first_places(rows.reshape(-1, rows.shape[-1]), count, descending)
    return places.view(*rows.shape[:-1], count).movedim(-1, dim).contiguous()


def _first_of_order_shape(data: Tensor, count: int, dim: int, descending: bool) -> Tensor:
    shape = list(data.shape)
    shape[dim] = count
    return data.new_empty(shape, dtype=torch.int64)


_LIBRARY.impl("first_of_order", _first_of_order, "CompositeExplicitAutograd")
_LIBRARY.impl("first_of_order", _first_of_order_shape, "Meta")


@topk.infer_dtype
def _(inputs: Sequence[str | None], outputs: Sequence[str | None], *, ret_typ: str, dtype: str, **_: Any) -> Any:
    if ret_typ == "indices":
        return list(inputs), [dtype]
    one = inputs[0] or outputs[0]
    return [one], [one] if ret_typ != "both" else [one, dtype]


@topk.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, axis: int | None, k: int, ret_typ: str, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    data = inputs[0]
    if data is None:
        return list(inputs), list(outputs)
    rows = (product(data),) if axis is None else data
    place = 0 if axis is None else normalize_axis(axis, len(data), "topk")
    if rows[place] != -1 and k > rows[place]:
        raise MXNetError(f"topk: k is {k}; expected at most {rows[place]}, the size of axis {axis} of {data}.")
    result = data if ret_typ == "mask" else replace_dim(rows, place, k) if k > 0 else rows
    return [data], [result] * len(outputs)


def _sorted_shape(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, axis: int | None, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    data = inputs[0]
    if data is None or axis is not None:
        return list(inputs), [data]
    return list(inputs), [(product(data),)]


@operator("sort", method=True, output_names=("output0",))
def sort(data: Tensor, *, axis: int | None = -1, is_ascend: bool = True) -> Tensor:
    """data sorted along an axis (None: flattened and sorted)."""
    rows, dim = _along("sort", data, axis)
    return rows.sort(stable=True, dim=dim, descending=not is_ascend).values


@operator("argsort", method=True, out_dtype=lambda dtype, **_: dtype)
def argsort(data: Tensor, *, axis: int | None = -1, is_ascend: bool = True, dtype: IndexDType = "float32") -> Tensor:
    """The indices that sort data along an axis (None: the flattened data), in this dtype."""
    rows, dim = _along("argsort", data, axis)
    return rows.argsort(stable=True, dim=dim, descending=not is_ascend).to(TORCH_DTYPES[dtype])


for _op in (sort, argsort):
    _op.infer_shape(_sorted_shape)
