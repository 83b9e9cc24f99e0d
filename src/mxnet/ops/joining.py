"""Operators that join arrays, split them, repeat or extend them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ..base import MXNetError
from .attributes import Shape
from .dtypes import DTYPE_NAMES
from .inference import is_known, normalize_axis, product, replace_dim, unify, unify_all
from .registry import PartialShape, operator

Partial = list[PartialShape]


def _check_joined(name: str, data: Sequence[Tensor]) -> None:
    if not data:
        raise MXNetError(f"{name}: no arrays were given; expected at least one.")
    if len({tensor.dtype for tensor in data}) != 1:
        names = ", ".join(DTYPE_NAMES[tensor.dtype] for tensor in data)
        raise MXNetError(f"{name}: the arrays have dtypes {names}; expected one dtype. Cast them first.")


def _concat(data: Sequence[Tensor], dim: int) -> Tensor:
    _check_joined("Concat", data)
    if len({tensor.ndim for tensor in data}) != 1:  # torch lets empty vectors join anything
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in data)
        raise MXNetError(f"Concat: the arrays have shapes {shapes}; expected one number of dimensions.")
    return torch.cat(data, dim)  # type: ignore[arg-type]


def _infer_concat(inputs: Partial, outputs: Partial, *, dim: int) -> tuple[Partial, Partial]:
    (out,) = outputs
    ndim = next((len(shape) for shape in (*inputs, out) if shape is not None), None)
    if ndim is None:
        return inputs, outputs
    axis = normalize_axis(dim, ndim, "Concat", "dim")
    sizes = [-1 if shape is None or len(shape) != ndim else shape[axis] for shape in inputs]
    others = [None if shape is None else replace_dim(shape, axis, -1) for shape in (*inputs, out)]
    other = unify_all(others, "the shape joined by Concat, but for its dimension dim,")
    assert other is not None
    total = -1 if out is None else out[axis]
    if -1 not in sizes:
        (total,) = unify((total,), (sum(sizes),), "the size of the joined dimension of Concat") or (-1,)
    elif sizes.count(-1) == 1 and total != -1:
        missing = total - sum(size for size in sizes if size != -1)
        if missing < 0:
            raise MXNetError(f"Concat: arrays of sizes {sizes} along dim can't give a result of size {total}.")
        sizes = [missing if size == -1 else size for size in sizes]
    return [replace_dim(other, axis, size) for size in sizes], [replace_dim(other, axis, total)]


@operator("Concat", aliases=("concat", "_sparse_concat"), view=True)
def concat(*data: Tensor, dim: int = 1) -> Tensor:
    """The arrays one after another along an axis; they agree in all other dimensions and in dtype."""
    return _concat(data, dim)


concat.infer_shape(_infer_concat)


@operator("_rnn_param_concat", view=True)
def rnn_param_concat(*data: Tensor, dim: int = 1) -> Tensor:
    """The parameters of a recurrent layer in one vector: Concat."""
    return _concat(data, dim)


@rnn_param_concat.infer_shape
def _(inputs: Partial, outputs: Partial, *, dim: int) -> tuple[Partial, Partial]:
    inputs, outputs = _infer_concat(inputs, outputs, dim=dim)
    (out,) = outputs
    unknown = [number for number, shape in enumerate(inputs) if shape is not None and -1 in shape]
    if len(unknown) > 1 and out is not None and is_known(out) and len(out) == 1:
        # The weights for the input of the first layer, which have one size in both directions.
        rest = out[0] - sum(shape[0] for shape in inputs if shape is not None and is_known(shape))
        if rest >= 0 and rest % len(unknown) == 0:
            inputs = [(rest // len(unknown),) if n in unknown else shape for n, shape in enumerate(inputs)]
    return inputs, outputs


@operator("stack")
def stack(*data: Tensor, axis: int = 0) -> Tensor:
    """Arrays of one shape and dtype along a new axis."""
    _check_joined("stack", data)
    return torch.stack(data, axis)


@stack.infer_shape
def _(inputs: Partial, outputs: Partial, *, axis: int) -> tuple[Partial, Partial]:
    (out,) = outputs
    one = unify_all(inputs, "the shape of the arrays joined by stack")
    ndim = len(one) + 1 if one is not None else len(out) if out is not None else None
    if ndim is None:
        return inputs, outputs
    place = normalize_axis(axis, ndim, "stack")
    if one is not None:
        out = unify(out, (*one[:place], len(inputs), *one[place:]), "the shape of the result of stack")
    assert out is not None
    unify(out[place : place + 1], (len(inputs),), "the new dimension of the result of stack")
    return [(*out[:place], *out[place + 1 :])] * len(inputs), [replace_dim(out, place, len(inputs))]


@operator(
    "SliceChannel",
    aliases=("split",),
    view=True,
    method=True,
    num_outputs=lambda num_outputs, **_: num_outputs,
    output_names=lambda num_outputs, **_: [f"output{i}" for i in range(num_outputs)],
)
def slice_channel(
    data: Tensor, *, num_outputs: int, axis: int = 1, squeeze_axis: bool = False
) -> Tensor | tuple[Tensor, ...]:
    """Split data along an axis into num_outputs equal parts.

    squeeze_axis  drop the axis, on which the parts then must have size 1
    Raises: MXNetError if the size of the axis is no multiple of num_outputs.
    """
    size = data.shape[axis]
    if num_outputs < 1 or size % num_outputs:
        raise MXNetError(
            f"SliceChannel: axis {axis} of data of shape {tuple(data.shape)} can't be split into {num_outputs} "
            "equal parts."
        )
    if squeeze_axis:
        if size != num_outputs:
            raise MXNetError(
                f"SliceChannel: with squeeze_axis num_outputs is the size of the axis, {size}; it was {num_outputs}."
            )
        parts = data.unbind(axis)
    else:
        parts = data.tensor_split(num_outputs, axis)
    return parts[0] if num_outputs == 1 else tuple(parts)


@slice_channel.infer_shape
def _(inputs: Partial, outputs: Partial, *, num_outputs: int, axis: int, squeeze_axis: bool) -> tuple[Partial, Partial]:
    (data,) = inputs
    part = unify_all(outputs, "the shape of the results of SliceChannel")
    ndim = len(data) if data is not None else len(part) + squeeze_axis if part is not None else None
    if ndim is None:
        return inputs, outputs
    place = normalize_axis(axis, ndim, "SliceChannel")
    if data is not None:
        size = data[place]
        if size != -1 and (size % num_outputs or (squeeze_axis and size != num_outputs)):
            raise MXNetError(
                f"SliceChannel: axis {axis} of data of shape {data} can't be split into {num_outputs} parts"
                f"{' of size 1, as squeeze_axis asks' if squeeze_axis else ''}."
            )
        own = replace_dim(data, place, -1 if size == -1 else size // num_outputs)
        part = unify(part, (*own[:place], *own[place + 1 :]) if squeeze_axis else own, "the shape of a part")
    assert part is not None
    if squeeze_axis:
        whole = (*part[:place], num_outputs, *part[place:])
    else:
        whole = replace_dim(part, place, -1 if part[place] == -1 else part[place] * num_outputs)
    return [unify(data, whole, "the shape of data")], [part] * num_outputs


@operator(
    "_split_v2",
    view=True,
    num_outputs=lambda indices, sections=0, **_: sections if sections > 0 else len(indices),
)
def split_v2(
    data: Tensor, *, indices: Shape, axis: int = 1, squeeze_axis: bool = False, sections: int = 0
) -> Tensor | tuple[Tensor, ...]:
    """Split data along an axis into sections parts as equal as possible, or (sections=0) at indices.

    indices       where each part starts, ascending; the first part starts at 0
    squeeze_axis  drop the axis; each part must have size 1 on it
    """
    if sections > 0:
        parts = data.tensor_split(sections, axis)
    else:
        size = data.shape[axis]
        starts = (*indices, size)
        if starts[0] != 0 or any(begin > end for begin, end in zip(starts, starts[1:], strict=False)):
            raise MXNetError(f"_split_v2: indices={indices}; expected 0 first, then ascending numbers up to {size}.")
        parts = data.tensor_split(indices[1:], axis)
    if squeeze_axis:
        if any(part.shape[axis] != 1 for part in parts):
            raise MXNetError(
                f"_split_v2: with squeeze_axis each part of data of shape {tuple(data.shape)} must have size 1 on "
                f"axis {axis}."
            )
        parts = tuple(part.squeeze(axis) for part in parts)
    return parts[0] if len(parts) == 1 else tuple(parts)


@operator("repeat", method=True)
def repeat(data: Tensor, *, repeats: int, axis: int | None = None) -> Tensor:
    """Each element repeats times in a row: along an axis, or of the flattened array."""
    return data.repeat_interleave(repeats, axis)


@operator("tile", method=True, view=True)
def tile(data: Tensor, *, reps: Shape) -> Tensor:
    """data repeated as a whole reps[i] times along each axis; missing axes are put in front, of data or of reps."""
    return data.tile(reps)


@repeat.infer_shape
def _(inputs: Partial, outputs: Partial, *, repeats: int, axis: int | None) -> tuple[Partial, Partial]:
    data = inputs[0]
    if data is None:
        return inputs, outputs
    shape = (product(data),) if axis is None else data
    place = 0 if axis is None else normalize_axis(axis, len(data), "repeat")
    return inputs, [replace_dim(shape, place, -1 if shape[place] == -1 else shape[place] * repeats)]


@tile.infer_shape
def _(inputs: Partial, outputs: Partial, *, reps: Shape) -> tuple[Partial, Partial]:
    data = inputs[0]
    if data is None:
        return inputs, outputs
    ndim = max(len(data), len(reps))
    pairs = zip((1,) * (ndim - len(data)) + data, (1,) * (ndim - len(reps)) + reps, strict=True)
    return inputs, [tuple(-1 if size == -1 else size * count for size, count in pairs)]


@operator("reverse", aliases=("flip",), method=True, elementwise=True)
def reverse(data: Tensor, *, axis: Shape) -> Tensor:
    """data with the order along these axes reversed."""
    return data.flip(axis)


_PAD_MODES = {"edge": "replicate", "reflect": "reflect"}


@operator("Pad", aliases=("pad",), method=True, view=True)
def pad(
    data: Tensor, *, mode: Literal["constant", "edge", "reflect"], pad_width: Shape, constant_value: float = 0.0
) -> Tensor:
    """Extend data at both ends of its axes.

    pad_width  (before, after) for each axis, one after another; those of the first two axes are 0
    mode       with constant_value, with the value at the edge, or mirrored at the edge, which isn't repeated

    data has 4 or 5 dimensions for "edge" and "reflect".
    """
    ndim = data.ndim
    if len(pad_width) != 2 * ndim:
        raise MXNetError(
            f"Pad: pad_width={pad_width} has {len(pad_width)} numbers; expected {2 * ndim}, (before, after) for each "
            f"axis of data of shape {tuple(data.shape)}."
        )
    if any(pad_width[:4]):
        raise MXNetError(f"Pad: pad_width={pad_width}; expected 0 for the first two axes.")
    widths = [width for axis in range(ndim - 1, 1, -1) for width in pad_width[2 * axis : 2 * axis + 2]]
    if mode == "constant":
        return F.pad(data, widths, value=constant_value)
    if ndim not in (4, 5):
        raise MXNetError(f"Pad: data has {ndim} dimensions; expected 4 or 5 with mode={mode!r}.")
    return F.pad(data, widths, _PAD_MODES[mode])


@operator("diag", method=True, view=True)
def diag(data: Tensor, *, k: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The k-th diagonal of the planes spanned by two axes, as last axis; of a vector, the matrix with this diagonal."""
    if data.ndim == 1:
        return data.diag(k)
    result = data.diagonal(k, axis1, axis2)
    if k > data.shape[axis2] or -k > data.shape[axis1]:
        raise MXNetError(f"diag: data of shape {tuple(data.shape)} has no diagonal k={k} (axes {axis1}, {axis2}).")
    return result


@operator("khatri_rao", view=True)
def khatri_rao(*args: Tensor) -> Tensor:
    """Column-wise Kronecker product: (m1, n), (m2, n), ... -> (m1 * m2 * ..., n)."""
    _check_joined("khatri_rao", args)
    columns = args[0].shape[-1]
    for tensor in args:
        if tensor.ndim != 2 or tensor.shape[1] != columns:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in args)
            raise MXNetError(f"khatri_rao: the arrays have shapes {shapes}; expected matrices with equal columns.")
    result = args[0]
    for tensor in args[1:]:
        result = (result.unsqueeze(1) * tensor).reshape(-1, columns)
    return result
