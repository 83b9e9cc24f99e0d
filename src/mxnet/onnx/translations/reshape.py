"""Operators that give the elements of an array another shape or order of axes."""

from __future__ import annotations

from ..builder import Array, Builder, Untranslatable
from ..translate import translates


@translates("Reshape")
def _(onnx, data, **_):
    return onnx.reshape(data, onnx.out.sizes)  # inference knows what the codes mean


@translates("Flatten")
def _(onnx, data):
    return onnx.op("Flatten", data, axis=1)


@translates("reshape_like")
def _(onnx, lhs, rhs, **_):
    return onnx.reshape(lhs, onnx.out.sizes)


@translates("expand_dims")
def _(onnx, data, *, axis):
    return onnx.unsqueeze(data, axis)


@translates("squeeze")
def _(onnx, data, *, axis):
    if axis is None:
        return onnx.reshape(data, onnx.out.shape)
    if len(axis) == data.ndim:  # one axis always stays
        return onnx.reshape(data, onnx.out.sizes)
    return onnx.squeeze(data, *axis) if axis else data


@translates("transpose")
def _(onnx, data, *, axes):
    order = [axis % data.ndim for axis in axes] or list(range(data.ndim))[::-1]
    return onnx.transpose(data, order)


@translates("SwapAxis")
def _(onnx, data, *, dim1, dim2):
    order = list(range(data.ndim))
    order[dim1], order[dim2] = order[dim2], order[dim1]
    return onnx.transpose(data, order)


@translates("depth_to_space")
def _(onnx, data, *, block_size):
    return onnx.op("DepthToSpace", data, blocksize=block_size, mode="DCR")


@translates("space_to_depth")
def _(onnx, data, *, block_size):
    return onnx.op("SpaceToDepth", data, blocksize=block_size)


def _expand(onnx: Builder, data: Array, sizes: tuple[int, ...]) -> Array:
    """data with axes of size 1 repeated; open sizes stay as they are."""
    wanted = []
    for old, new in zip(data.sizes or (), sizes, strict=True):
        if new == -1 and old != -1:
            raise Untranslatable(f"the new shape {sizes} must be known.")
        wanted.append(1 if new == -1 else new)
    return onnx.op("Expand", data, onnx.ints(*wanted))


@translates("broadcast_axis", "broadcast_to")
def _(onnx, data, **_):
    return _expand(onnx, data, onnx.out.sizes)


@translates("broadcast_like")
def _(onnx, lhs, rhs, *, lhs_axes, rhs_axes):
    if lhs_axes is None and -1 in rhs.sizes:
        return onnx.op("Expand", lhs, onnx.op("Shape", rhs, dtype="int64"))
    return _expand(onnx, lhs, onnx.out.sizes)
