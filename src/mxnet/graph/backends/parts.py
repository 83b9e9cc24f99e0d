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
from ...ops.dtypes import DTYPE_NAMES, torch_dtype
from ...ops.registry import Operator, Subgraph, get_operator
from ..graph import Graph, Node
from ..infer import infer_dtypes, infer_shapes, is_known
from ..program import Program
from .base import Backend, Compiled

MOST_SIGNATURES = 8  # of inputs for which a part stays compiled
_version = attrgetter("_version")


class _Used:
    """The constants that a part was compiled with, as they were then."""

    def __init__(self, tensors: list[Tensor]):
        self.tensors = tensors  # kept, so that no other tensor gets their ids
        self.versions = list(map(_version, tensors))


class _Ready:
    """What a backend compiled, and what it shall give.

    outputs  name, shape and dtype of each result; the shape is None where it depends on values
    """

    def __init__(
        self, backend: str, function: Any, outputs: list[tuple[str, tuple[int, ...] | None, torch.dtype]], used: _Used
    ):
        """Raises: MXNetError if the function can't be called."""
        if not callable(function):
            raise MXNetError(f"backend {backend!r}: compile returned {function!r}; expected a function of tensors.")
        self._backend = backend
        self._function: Compiled = function
        self._outputs = outputs
        self.used = used

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The results.

        Raises: MXNetError if the backend fails, or returns something else than tensors as the graph has them.
        """
        try:
            results: Any = self._function(inputs)
        except MXNetError:
            raise
        except Exception as error:
            raise MXNetError(
                f"backend {self._backend!r}: {type(error).__name__} while running: {error}. The graph runs without "
                "it after hybridize(active=False), or as the symbol that was optimised."
            ) from error
        if not isinstance(results, list | tuple) or len(results) != len(self._outputs):
            given = f"{len(results)} results" if isinstance(results, list | tuple) else repr(type(results).__name__)
            names = ", ".join(name for name, _, _ in self._outputs)
            raise MXNetError(
                f"backend {self._backend!r} returned {given}; expected a list of {len(self._outputs)} tensors: {names}."
            )
        for result, (name, shape, dtype) in zip(results, self._outputs, strict=True):
            is_tensor = isinstance(result, Tensor)
            if not is_tensor or result.dtype is not dtype or shape not in (None, result.shape):
                kind = f"{result.dtype} of shape {tuple(result.shape)}" if is_tensor else f"a {type(result).__name__}"
                raise MXNetError(
                    f"backend {self._backend!r} returned {kind} for {name}; expected a tensor, {dtype}"
                    f"{'' if shape is None else f' of shape {shape}'}."
                )
        return [result.detach() if result.requires_grad else result for result in results]


class _Part:
    """One part: compiled at the first call for each kind of inputs, anew when a constant has changed."""

    def __init__(self, backend: Backend, graph: Graph, constants: Shape):
        self._backend = backend
        self._graph = graph
        self._names = [node.name for node in graph.variables]
        self._constants = constants
        self._inputs = [position for position in range(len(self._names)) if position not in constants]
        self._compiled: OrderedDict[Any, _Ready] = OrderedDict()
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
        if found is None or list(map(_version, constants)) != found.used.versions:
            with self._lock:
                found = self._compiled.get(key)  # another thread may have been first
                if found is None or list(map(_version, constants)) != found.used.versions:
                    found = self._compiled[key] = self._compile(tensors)
                    if len(self._compiled) > MOST_SIGNATURES:
                        self._compiled.popitem(last=False)
        return found.run(inputs)

    def _compile(self, tensors: Sequence[Tensor]) -> _Ready:
        name = self._backend.name
        shapes = {label: tuple(tensor.shape) for label, tensor in zip(self._names, tensors, strict=True)}
        dtypes = {label: DTYPE_NAMES[tensor.dtype] for label, tensor in zip(self._names, tensors, strict=True)}
        used = _Used([tensors[position] for position in self._constants])
        constants = {self._names[position]: tensors[position].detach() for position in self._constants}
        if any(0 in shape for shape in shapes.values()):  # engines don't know arrays without elements
            return _Ready(name, self._run_here(constants), self._expected(shapes, dtypes), used)
        try:
            with torch.no_grad():
                function = self._backend.compile(self._graph, shapes, dtypes, constants)
        except MXNetError:
            raise
        except Exception as error:
            raise MXNetError(f"backend {name!r}: {type(error).__name__} while compiling: {error}") from error
        return _Ready(name, function, self._expected(shapes, dtypes), used)

    def _run_here(self, constants: dict[str, Tensor]) -> Compiled:
        """The part run by mxnext's own program."""
        program = Program(self._graph)
        names = [name for name in self._names if name not in constants]

        def run(inputs: Sequence[Tensor]) -> list[Tensor]:
            given = {**constants, **dict(zip(names, inputs, strict=True))}
            device = next(iter(given.values())).device
            with torch.no_grad():
                return program.run([given[name] for name in program.variables], training=False, device=device)

        return run

    def _expected(
        self, shapes: dict[str, tuple[int, ...]], dtypes: dict[str, str]
    ) -> list[tuple[str, tuple[int, ...] | None, torch.dtype]]:
        """Name, shape and dtype of each output."""
        kinds = infer_dtypes(self._graph, dtypes)
        found = infer_shapes(self._graph, dict(shapes), kinds)  # type: ignore[arg-type]
        return [
            (value.node.name, tuple(found[value] or ()) if is_known(found[value]) else None, torch_dtype(kinds[value]))
            for value in self._graph.outputs
        ]  # fmt: skip


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
