"""Graphs optimised for inference: a program for each kind of inputs; what depends on parameters alone is kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from ..ops.dtypes import DTYPE_NAMES
from .backends.registry import Transform
from .creation import has_unknown_sizes
from .graph import Graph
from .hold import hold_freed_memory
from .passes import optimize_inference, prologue_names
from .program import Program

MOST_SIGNATURES = 16  # of inputs for which programs are kept


class OptimizedGraph:
    """Runs a graph in inference after passes, which see shapes and dtypes.

    Results of the prologue are kept, and computed anew when a parameter that they depend on has changed: by another
    tensor in its place, or by writing to it.
    """

    def __init__(self, graph: Graph, parameters: Collection[str], transform: Transform | None = None):
        """
        Args:
            graph: the graph.
            parameters: names of the variables that stay the same from run to run.
            transform: what makes a prologue and the graph for every run; None: the exact passes, for all shapes at
                once unless operators take sizes from shape inference.
        """
        self.graph = graph
        self.variables = [node.name for node in graph.variables]
        self._parameters = frozenset(parameters)
        self._transform = transform or optimize_inference
        self._by_shape = transform is not None or has_unknown_sizes(graph)
        self._prepared: OrderedDict[Any, _Prepared] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
        """The values of the outputs for tensors by variable; nothing is recorded.

        Raises: MXNetError naming the node that failed.
        """
        key = (device, *((tensor.shape, tensor.dtype) for tensor in tensors)) if self._by_shape else device
        found = self._prepared.get(key)
        if found is None:
            with self._lock:
                found = self._prepared[key] = self._prepare(tensors, device)
                if len(self._prepared) > MOST_SIGNATURES:
                    self._prepared.popitem(last=False)
        with torch.no_grad():
            return found.run(tensors, device)

    def _prepare(self, tensors: Sequence[Tensor], device: torch.device) -> _Prepared:
        shapes = {name: tuple(tensor.shape) for name, tensor in zip(self.variables, tensors, strict=True)}
        dtypes = {name: DTYPE_NAMES[tensor.dtype] for name, tensor in zip(self.variables, tensors, strict=True)}
        if self._transform is not optimize_inference:
            hold_freed_memory()
        prologue, main = self._transform(self.graph, shapes, dtypes, self._parameters)
        return _Prepared(self.variables, prologue, main)


class _Prepared:
    """The programs for one kind of inputs."""

    def __init__(self, variables: Sequence[str], prologue: Graph, main: Graph):
        position = {name: number for number, name in enumerate(variables)}
        self.prologue = Program(prologue)
        self.main = Program(main)
        self._early = [position[name] for name in self.prologue.variables]
        position.update((name, len(variables) + number) for number, name in enumerate(prologue_names(prologue)))
        self._late = [position[name] for name in self.main.variables]
        #: the parameters that the prologue was computed from, with their versions, and its results
        self._computed: tuple[list[Tensor], list[int], list[Tensor]] | None = None
        self._lock = threading.Lock()

    def run(self, tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
        """The values of the outputs."""
        known = self._computed
        given = [tensors[position] for position in self._early]
        if known is None or not _unchanged(known[0], known[1], given):
            with self._lock:
                versions = [tensor._version for tensor in given]
                results = self.prologue.run(given, training=False, device=device)
                known = self._computed = given, versions, results
        everything = (*tensors, *known[2])
        return self.main.run([everything[position] for position in self._late], training=False, device=device)


def _unchanged(before: Sequence[Tensor], versions: Sequence[int], now: Sequence[Tensor]) -> bool:
    for tensor, version, current in zip(before, versions, now, strict=True):
        if current is not tensor or current._version != version:
            return False
    return True
