"""Parts of a graph that a backend runs, and what it compiled for them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from operator import attrgetter
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
_version = attrgetter("_version")


class _Used:
    """The constants that a part was compiled with, as they were then."""

    def __init__(self, tensors: list[Tensor]):
        self.tensors = tensors  # kept, so that no other tensor gets their ids
        self.versions = list(map(_version, tensors))


class _Part:
    """One part: compiled at the first call for each kind of inputs, anew when a constant has changed."""

    def __init__(self, backend: Backend, graph: Graph, constants: Shape):
        self._backend = backend
        self._graph = graph
        self._names = [node.name for node in graph.variables]
        self._constants = constants
        self._inputs = [position for position in range(len(self._names)) if position not in constants]
        self._compiled: OrderedDict[Any, tuple[Compiled, _Used]] = OrderedDict()
        self._lock = threading.Lock()

    def has_values(self, tensors: Sequence[Tensor]) -> bool:
        """Whether the tensors are real: without values, shapes are inferred. All are so, or none is."""
        if not tensors:
            return True
        sample = tensors[self._inputs[0] if self._inputs else 0]
        return type(sample) is Tensor and not sample.is_meta

    def run(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The outputs for tensors by variable."""
        inputs = [tensors[position] for position in self._inputs]
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in inputs)
        constants = [tensors[position] for position in self._constants]
        key = shapes, tuple(map(id, constants))  # loops in C: there may be hundreds
        found = self._compiled.get(key)
        if found is None or list(map(_version, constants)) != found[1].versions:
            with self._lock:
                found = self._compile(tensors)
                self._compiled[key] = found
                if len(self._compiled) > MOST_SIGNATURES:
                    self._compiled.popitem(last=False)
        return found[0](inputs)

    def _compile(self, tensors: Sequence[Tensor]) -> tuple[Compiled, _Used]:
        name = self._backend.name
        shapes = {label: tuple(tensor.shape) for label, tensor in zip(self._names, tensors, strict=True)}
        dtypes = {label: DTYPE_NAMES[tensor.dtype] for label, tensor in zip(self._names, tensors, strict=True)}
        used = _Used([tensors[position] for position in self._constants])
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
        if training or recorded or not part.has_values(data):
            return tuple(subgraphs[0](data))
        return tuple(part.run(data))

    return plain.computed_by(compiled_part)
