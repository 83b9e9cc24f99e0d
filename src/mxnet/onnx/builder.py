"""Building an ONNX graph: values with what is known of them, and the nodes that compute them.

The opset is 18, whose operators every current runtime has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper
from torch import Tensor

from ..base import MXNetError
from ..ops.dtypes import TORCH_DTYPES, dtype_name

OPSET = 18
IR_VERSION = 8  # the one of this opset
_P = onnx.TensorProto
ONNX_DTYPES: dict[str, int] = {
    "float32": _P.FLOAT, "float64": _P.DOUBLE, "float16": _P.FLOAT16, "bfloat16": _P.BFLOAT16, "bool": _P.BOOL,
    "uint8": _P.UINT8, "int8": _P.INT8, "uint16": _P.UINT16, "int16": _P.INT16, "uint32": _P.UINT32,
    "int32": _P.INT32, "uint64": _P.UINT64, "int64": _P.INT64,
}  # fmt: skip
DTYPES_OF_ONNX = {number: name for name, number in ONNX_DTYPES.items()}


class Untranslatable(MXNetError):
    """A translation can't express this use of an operator in ONNX."""


class Array:
    """A value of the ONNX graph.

    name      its name there
    dtype     a name such as "float32"
    sizes     its shape with -1 for a size that is only known at run time; None where it wasn't recorded
    constant  its value, where it is the same at every run
    """

    __slots__ = ("constant", "dtype", "name", "sizes")

    def __init__(self, name: str, dtype: str, sizes: tuple[int, ...] | None = None, constant: Tensor | None = None):
        self.name = name
        self.dtype = dtype
        self.sizes = sizes
        self.constant = constant

    @property
    def ndim(self) -> int:
        """The number of axes."""
        if self.sizes is None:
            raise Untranslatable(f"the number of axes of {self.name} is not known; give the shapes of all inputs.")
        return len(self.sizes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape.

        Raises: Untranslatable if a size is only known at run time.
        """
        if self.sizes is None or -1 in self.sizes:
            raise Untranslatable(
                f"the shape of {self.name} must be known, and is {self.sizes}; give the whole shape of the inputs."
            )
        return self.sizes

    @property
    def is_floating(self) -> bool:
        """Whether the elements are floating numbers."""
        return "float" in self.dtype


class Builder:
    """Collects the nodes and constants of one ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.label = ""  # the name of the node of our graph that is being translated
        self.outputs: list[Array] = []  # what is known of its outputs
        self._initializers: dict[str, Tensor] = {}
        self._names: set[str] = set()
        self._small: dict[Any, Array] = {}

    @property
    def out(self) -> Array:
        """The dtype and shape of the first output of the node that is being translated."""
        return self.outputs[0]

    def unique(self, name: str) -> str:
        """The name, changed if another value has it."""
        chosen, number = name, 0
        while chosen in self._names:
            number += 1
            chosen = f"{name}_{number}"
        self._names.add(chosen)
        return chosen

    def named(self, name: str, value: Tensor) -> Array:
        """A constant with this name, or a similar one; it becomes part of the model if a node uses it."""
        array = Array(self.unique(name), dtype_name(value.dtype), tuple(value.shape), value)
        self._initializers[array.name] = value
        return array

    def constant(self, value: Any, dtype: str) -> Array:
        """A constant of a dtype, from numbers, a NumPy or a torch array; small ones that are equal are one."""
        tensor = value if isinstance(value, Tensor) else torch.from_numpy(np.array(value, order="C"))
        tensor = tensor.to(TORCH_DTYPES[dtype])
        key = (dtype, tuple(tensor.shape), str(tensor.tolist())) if tensor.numel() <= 64 else None
        if key is not None and key in self._small:
            return self._small[key]
        array = self.named(f"constant_{len(self._initializers)}", tensor)
        if key is not None:
            self._small[key] = array
        return array

    def ints(self, *values: int) -> Array:
        """The vector of these int64 numbers, as axes, shapes and pads are given."""
        return self.constant(torch.tensor(values, dtype=torch.int64), "int64")

    def number(self, value: float, like: Array) -> Array:
        """A number in the dtype of an array, without axes."""
        if not like.is_floating:
            return self.constant(torch.tensor(int(value), dtype=TORCH_DTYPES[like.dtype]), like.dtype)
        return self.constant(torch.tensor(value, dtype=torch.float64), like.dtype)

    def nodes_of(
        self, op_type: str, inputs: Sequence[Array | None], count: int, dtype: str | None = None, **attributes: Any
    ) -> list[Array]:
        """Add a node with several outputs, of one dtype (default that of the first input).

        inputs  None for one that is left out
        """
        kind = dtype or next(item.dtype for item in inputs if item is not None)
        outputs = [self.unique(f"{self.label}_{op_type}{index or ''}") for index in range(count)]
        names = [item.name if item is not None else "" for item in inputs]
        while names and not names[-1]:
            names.pop()
        node = helper.make_node(op_type, names, outputs, name=outputs[0], **attributes)
        self.nodes.append(node)
        return [Array(name, kind) for name in outputs]

    def op(
        self, op_type: str, *inputs: Array | None, dtype: str | None = None, sizes: tuple[int, ...] | None = None,
        **attributes: Any,
    ) -> Array:  # fmt: skip
        """Add a node with one output, and return that.

        dtype  of the output; default that of the first input
        sizes  the shape of the output, where the caller goes on to ask for it
        """
        (result,) = self.nodes_of(op_type, inputs, 1, dtype, **attributes)
        result.sizes = sizes
        return result

    # What many translations need

    def cast(self, data: Array, dtype: str) -> Array:
        """data in another dtype; itself where it has that already."""
        if data.dtype == dtype:
            return data
        return self.op("Cast", data, dtype=dtype, sizes=data.sizes, to=ONNX_DTYPES[dtype])

    def reshape(self, data: Array, sizes: Sequence[int]) -> Array:
        """data in another shape; at most one size is -1, which follows from the others."""
        sizes = tuple(sizes)
        if data.sizes == sizes and -1 not in sizes:
            return data
        asked = list(sizes)
        if asked.count(-1) > 1 and data.sizes is not None:  # 0 copies a size from data
            for axis, (old, new) in enumerate(zip(data.sizes, asked, strict=False)):
                if new == -1 == old and data.sizes[:axis] == sizes[:axis]:
                    asked[axis] = 0
        if asked.count(-1) > 1 or any(size == 0 for size in sizes):
            raise Untranslatable(
                f"the new shape {sizes} of {data.name} can't be expressed: more than one size is open, or one is 0."
            )
        return self.op("Reshape", data, self.ints(*asked), sizes=sizes)

    def transpose(self, data: Array, order: Sequence[int]) -> Array:
        """data with its axes in this order."""
        if list(order) == sorted(order):
            return data
        sizes = None if data.sizes is None else tuple(data.sizes[axis] for axis in order)
        return self.op("Transpose", data, sizes=sizes, perm=list(order))

    def move_axis(self, data: Array, source: int, target: int) -> Array:
        """data with one axis at another place."""
        order = list(range(data.ndim))
        order.insert(target % data.ndim, order.pop(source % data.ndim))
        return self.transpose(data, order)

    def unsqueeze(self, data: Array, *axes: int) -> Array:
        """data with new axes of size 1 at these places of the result."""
        sizes = None
        if data.sizes is not None:
            rest, ndim = iter(data.sizes), data.ndim + len(axes)
            places = {axis % ndim for axis in axes}
            sizes = tuple(1 if axis in places else next(rest) for axis in range(ndim))
        return self.op("Unsqueeze", data, self.ints(*axes), sizes=sizes)

    def squeeze(self, data: Array, *axes: int) -> Array:
        """data without these axes, which have size 1."""
        sizes = None
        if data.sizes is not None:
            gone = {axis % data.ndim for axis in axes}
            sizes = tuple(size for axis, size in enumerate(data.sizes) if axis not in gone)
        return self.op("Squeeze", data, self.ints(*axes), sizes=sizes)

    def slice(
        self, data: Array, begin: Sequence[int], end: Sequence[int], axes: Sequence[int],
        steps: Sequence[int] | None = None,
    ) -> Array:  # fmt: skip
        """The region from begin to end along these axes."""
        step = None if steps is None or set(steps) <= {1} else self.ints(*steps)
        return self.op("Slice", data, self.ints(*begin), self.ints(*end), self.ints(*axes), step)

    def reduce(self, kind: str, data: Array, axes: Sequence[int], keepdims: bool) -> Array:
        """The reduction "Sum", "Mean", "Max", "L2", ... over these axes."""
        return self.op(f"Reduce{kind}", data, self.ints(*axes), keepdims=int(keepdims))

    def truth(self, data: Array) -> Array:
        """Whether each element is not 0, as booleans."""
        return self.cast(data, "bool")

    def whole(self, index: Array) -> Array:
        """An array of indices as int64, fractions cut off."""
        return self.cast(index, "int64")

    def clip(self, data: Array, low: float | None, high: float | None) -> Array:
        """data limited to [low, high]; None for no limit."""
        limits = [None if limit is None else self.number(limit, data) for limit in (low, high)]
        return self.op("Clip", data, *limits, sizes=data.sizes)

    # The result

    def model(self, inputs: Sequence[Array], outputs: Sequence[Array], name: str) -> onnx.ModelProto:
        """The model with these inputs and outputs; constants that no node uses are left out.

        Raises: MXNetError if it would be larger than 2 GiB, which is the limit of its file format.
        """
        used = {text for node in self.nodes for text in node.input} | {array.name for array in outputs}
        kept = {key: value for key, value in self._initializers.items() if key in used}
        total = sum(value.numel() * value.element_size() for value in kept.values())
        if total >= 2**31 - 2**20:
            raise MXNetError(f"ONNX: the parameters have {total} bytes; an ONNX model holds at most 2 GiB.")
        graph = helper.make_graph(
            self.nodes, name, [_value_info(array) for array in inputs], [_value_info(array) for array in outputs],
            [_tensor_proto(key, value) for key, value in kept.items()],
        )  # fmt: skip
        return helper.make_model(
            graph, producer_name="mxnext", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )


def _value_info(array: Array) -> onnx.ValueInfoProto:
    sizes = None if array.sizes is None else [None if size == -1 else size for size in array.sizes]
    return helper.make_tensor_value_info(array.name, ONNX_DTYPES[array.dtype], sizes)


def _tensor_proto(name: str, value: Tensor) -> onnx.TensorProto:
    """torch's memory as ONNX keeps it: little-endian, in order."""
    proto = onnx.TensorProto(name=name, data_type=ONNX_DTYPES[dtype_name(value.dtype)], dims=tuple(value.shape))
    plain = value.detach().to("cpu").contiguous()
    if plain.dtype is torch.bfloat16:
        plain = plain.view(torch.int16)
    proto.raw_data = plain.numpy().astype(plain.numpy().dtype.newbyteorder("<"), copy=False).tobytes()
    return proto


def product(sizes: Sequence[int]) -> int:
    """How many elements a shape has, -1 if a size is not known."""
    return -1 if -1 in sizes else math.prod(sizes)
