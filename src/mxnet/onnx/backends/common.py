"""What the engines share: the model of a graph, and what stands between torch's memory and theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ...base import MXNetError
from ...graph.graph import Graph, Node
from ...ops.dtypes import TORCH_DTYPES
from ..packages import require

CPU = torch.device("cpu")


class Engine:
    """What the engines that run ONNX models say of themselves; package, where it isn't given, is the name."""

    name: str
    package: str | None = None

    def check(self) -> None:
        """Raises: MXNetError if onnx or the engine is not installed."""
        for package in ("onnx", self.package or self.name):
            require(package, f"backend {self.name!r}", self.name)

    def supports(self, node: Node) -> bool:
        """Whether a node has a translation to ONNX."""
        from ..translate import can_translate

        return can_translate(node)


class Port(NamedTuple):
    """An input or output of a compiled model.

    position  among our inputs or outputs
    name      in the model
    """

    position: int
    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype


def model_of(
    backend: str, graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str],
    constants: Mapping[str, Tensor],
) -> tuple[bytes, list[Port], list[Port]]:  # fmt: skip
    """The serialized ONNX model of a graph with constants baked in, its inputs and its outputs.

    A variable that no operator needs is no input.
    Raises: MXNetError if the graph has no translation, or an array has no elements.
    """
    from ..builder import DTYPES_OF_ONNX
    from ..translate import translate

    model = translate(graph, shapes, dtypes, constants)
    positions = {name: place for place, name in enumerate(n.name for n in graph.variables if n.name not in constants)}
    ports: list[list[Port]] = []
    for infos, places in (
        (model.proto.graph.input, [positions[name] for name in model.inputs]),
        (model.proto.graph.output, list(range(len(model.outputs)))),
    ):
        found = []
        for place, info in zip(places, infos, strict=True):
            kind = info.type.tensor_type
            shape = tuple(axis.dim_value for axis in kind.shape.dim)
            if 0 in shape:
                raise MXNetError(f"backend {backend!r}: {info.name} has shape {shape}; arrays need elements.")
            found.append(Port(place, info.name, shape, TORCH_DTYPES[DTYPES_OF_ONNX[kind.elem_type]]))
        ports.append(found)
    return model.proto.SerializeToString(), ports[0], ports[1]


def checked(backend: str, port: Port, inputs: Sequence[Tensor], device: torch.device = CPU) -> Tensor:
    """The tensor for an input: in one piece of memory, of the shape and dtype that the model was compiled for.

    Raises: MXNetError if it has another shape, dtype or device.
    """
    tensor = inputs[port.position]
    if tensor.shape != port.shape or tensor.dtype is not port.dtype or not is_on(tensor, device):
        place = "the CPU" if device.type == "cpu" else str(device)
        raise MXNetError(
            f"backend {backend!r}: input {port.name!r} is {tensor.dtype} of shape {tuple(tensor.shape)} on "
            f"{tensor.device}; the graph was compiled for {port.dtype} of shape {port.shape} on {place}."
        )
    return tensor if tensor.is_contiguous() else tensor.detach().contiguous()


def is_on(tensor: Tensor, device: torch.device) -> bool:
    """Whether a tensor lies on a device; a device without a number is the first of its kind."""
    return tensor.device.type == device.type and (tensor.device.index or 0) == (device.index or 0)
