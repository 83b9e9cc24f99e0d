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
from .inference import normalize_axis
from .registry import operator

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


def _first_of_order(data: Tensor, count: int, dim: int, descending: bool) -> Tensor:
    """The first so many indices of a stable order along dim; there are more elements than that.

    torch.topk is many times faster than sorting, but takes equal elements in any order. Where no two neighbours of
    the first elements, and of the next one, are equal or NaN, there is only one order.
    """
    values, indices = torch.topk(data, count + 1, dim, descending)
    first, second = values.narrow(dim, 0, count), values.narrow(dim, 1, count)
    if bool((first > second if descending else first < second).all()):
        return indices.narrow(dim, 0, count).contiguous()
    return data.argsort(stable=True, dim=dim, descending=descending).narrow(dim, 0, count).contiguous()


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
