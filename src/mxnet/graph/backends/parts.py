"""Parts of a graph that a backend runs, and what it compiled for them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...base import MXNetError
from ...ops.attributes import Shape
from ...ops.dtypes import DTYPE_NAMES
from ...ops.registry import Operator, Subgraph, get_operator
from ..graph import Graph, Node
from .base import Backend, Compiled

MOST_SIGNATURES = 8  # of inputs for which a part stays compiled


class _Part:
    """One part: compiled at the first call for each kind of inputs, anew when a constant has changed."""

    def __init__(self, backend: Backend, graph: Graph, constants: Shape):
        self._backend = backend
        self._graph = graph
        self._names = [node.name for node in graph.variables]
        self._constants = constants
        self._inputs = [position for position in range(len(self._names)) if position not in constants]
        self._compiled: OrderedDict[Any, tuple[Compiled, list[tuple[Tensor, int]]]] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The outputs for tensors by variable."""
        inputs = [tensors[position] for position in self._inputs]
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in inputs)
        key = shapes, tuple(id(tensors[position]) for position in self._constants)
        found = self._compiled.get(key)
        if found is None or any(tensor._version != version for tensor, version in found[1]):
            with self._lock:
                found = self._compile(tensors)
                self._compiled[key] = found
                if len(self._compiled) > MOST_SIGNATURES:
                    self._compiled.popitem(last=False)
        return found[0](inputs)

    def _compile(self, tensors: Sequence[Tensor]) -> tuple[Compiled, list[tuple[Tensor, int]]]:
        name = self._backend.name
        shapes = {label: tuple(tensor.shape) for label, tensor in zip(self._names, tensors, strict=True)}
        dtypes = {label: DTYPE_NAMES[tensor.dtype] for label, tensor in zip(self._names, tensors, strict=True)}
        used = [(tensors[position], tensors[position]._version) for position in self._constants]
        constants = {self._names[position]: tensors[position].detach() for position in self._constants}
        try:
            with torch.no_grad():
                return self._backend.compile(self._graph, shapes, dtypes, constants), used
        except MXNetError:
            raise
        except Exception as error:
            raise MXNetError(f"backend {name!r}: {type(error).__name__} while compiling: {error}") from error


def compile_parts(graph: Graph, backend: Backend) -> Graph:
    """The graph with its `_compiled_subgraph` nodes run by a backend."""

    def choose(node: Node) -> Node:
        if node.op is None or node.op.name != "_compiled_subgraph":
            return node
        part = _Part(backend, node.subgraphs[0], node.attrs["constants"])
        return Node(_operator(part), node.name, node.inputs, node.attributes, node.subgraphs)

    return graph.rebuild(choose)


def _operator(part: _Part) -> Operator:
    """The operator of one node: as the registered one, but for how it computes, and always called as a whole."""
    plain = get_operator("_compiled_subgraph")

    def compiled_part(
        *data: Tensor, num_outputs: int = 1, constants: Shape = (), training: bool, state: dict[str, Any],
        subgraphs: tuple[Subgraph, ...],
    ) -> tuple[Tensor, ...]:
        recorded = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in data)
        # without values, shapes are inferred
        if training or recorded or any(type(tensor) is not Tensor or tensor.is_meta for tensor in data):
            return tuple(subgraphs[0](data))
        return tuple(part.run(data))

    return plain.computed_by(compiled_part)
