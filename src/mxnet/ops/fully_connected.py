"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn.functional import linear

from ..base import MXNetError
from .attributes import Shape
from .inference import product
from .registry import PartialShape, operator


@operator("FullyConnected", aliases=("_sparse_FullyConnected",))
def fully_connected(
    data: Tensor, weight: Tensor, bias: Tensor | None = None, *, num_hidden: int, no_bias: bool = False,
    flatten: bool = True,
) -> Tensor:  # fmt: skip
    """Affine map ``data @ weight.T + bias``.

    Args:
        data: (batch, ...), flattened to (batch, in_units) unless flatten is False; then (..., in_units).
        weight: (num_hidden, in_units).
        bias: (num_hidden,); absent when no_bias.
    Returns: (batch, num_hidden), or (..., num_hidden) when flatten is False.
    Raises: MXNetError if shapes, dtypes or attributes don't fit one another.
    """
    if flatten and data.ndim != 2:
        data = data.unsqueeze(1) if data.ndim == 1 else data.flatten(1)
    if weight.shape != (num_hidden, data.shape[-1]):
        raise MXNetError(
            f"FullyConnected: weight has shape {tuple(weight.shape)}; expected {(num_hidden, data.shape[-1])}, because "
            f"num_hidden={num_hidden} and data has {data.shape[-1]} units{' when flattened' if flatten else ''}."
        )
    if (bias is None) is not no_bias:
        told = "is missing" if bias is None else "was given"
        raise MXNetError(f"FullyConnected: bias {told}, but no_bias={no_bias}. Pass a bias, or no_bias=True.")
    if bias is not None and bias.shape != (num_hidden,):
        raise MXNetError(f"FullyConnected: bias has shape {tuple(bias.shape)}; expected ({num_hidden},).")
    return linear(data, weight, bias)


@fully_connected.list_inputs
def _(*, no_bias: bool, **_: Any) -> tuple[str, ...]:
    return ("data", "weight") if no_bias else ("data", "weight", "bias")


@fully_connected.infer_arguments
def _(data: Shape, *, num_hidden: int, flatten: bool, **_: Any) -> dict[str, PartialShape]:
    units = product(data[1:]) if flatten else data[-1]
    return {"weight": (num_hidden, units), "bias": (num_hidden,)}


@fully_connected.infer_shape
def _(
    inputs: Sequence[PartialShape], outputs: Sequence[PartialShape], *, num_hidden: int, flatten: bool, **_: Any
) -> tuple[list[PartialShape], list[PartialShape]]:
    """What the batch axes of data and the result, and the units of data and weight, tell of each other."""
    ins, outs = list(inputs), list(outputs)
    data, weight, out = ins[0], ins[1], outs[0]
    if not flatten and data is None and out is not None:
        ins[0] = data = (*out[:-1], weight[1] if weight else -1)
    if data is None:
        outs[0] = (-1, num_hidden) if flatten and out is None else out
        return ins, outs
    count = 1 if flatten else len(data) - 1
    lead = data[:count]
    if out is not None and len(out) == count + 1:
        lead = tuple(b if a == -1 else a for a, b in zip(lead, out, strict=False))
    if weight and len(data) == count + 1 and data[-1] == -1:
        data = (*data[:-1], weight[1])
    ins[0], outs[0] = (*lead, *data[count:]), (*lead, num_hidden)
    return ins, outs
