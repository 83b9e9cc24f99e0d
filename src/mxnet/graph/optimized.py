"""Graphs optimised for inference: a program for each kind of inputs; what depends on parameters alone is kept."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Collection, Sequence
from operator import is_
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
MOST_PARAMETER_SETS = 8


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
        #: in use now; kinds of inputs that want the same of the parameters share one
        self._prologues: weakref.WeakValueDictionary[Any, _Prologue] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()
        self._fixed = [place for place, name in enumerate(self.variables) if name in self._parameters]
        self._inputs = [place for place, name in enumerate(self.variables) if name not in self._parameters]
        #: the parameters of the last run, and the number that stands for their shapes and dtypes
        self._last: tuple[list[Tensor], int] = [], -1
        self._kinds: dict[Any, int] = {}

    def run(self, tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
        """The values of the outputs for tensors by variable; nothing is recorded.

        Raises: MXNetError naming the node that failed.
        """
        key = self._key(tensors, device) if self._by_shape else device
        found = self._prepared.get(key)
        if found is None:
            with self._lock:
                found = self._prepared[key] = self._prepare(tensors, device)
                if len(self._prepared) > MOST_SIGNATURES:
                    self._prepared.popitem(last=False)
        with torch.no_grad():
            return found.run(tensors, device)

    def _key(self, tensors: Sequence[Tensor], device: torch.device) -> tuple[Any, ...]:
        """What stands for the device, and the shapes and dtypes of all variables."""
        fixed = [tensors[place] for place in self._fixed]
        before, kind = self._last
        if kind < 0 or not all(map(is_, before, fixed)):  # a loop in C: there may be hundreds
            kind = self._kinds.setdefault(tuple((tensor.shape, tensor.dtype) for tensor in fixed), len(self._kinds))
            self._last = fixed, kind
        return device, kind, *((tensors[place].shape, tensors[place].dtype) for place in self._inputs)

    def _prepare(self, tensors: Sequence[Tensor], device: torch.device) -> _Prepared:
        shapes = {name: tuple(tensor.shape) for name, tensor in zip(self.variables, tensors, strict=True)}
        dtypes = {name: DTYPE_NAMES[tensor.dtype] for name, tensor in zip(self.variables, tensors, strict=True)}
        if self._transform is not optimize_inference:
            hold_freed_memory()
        graph, main = self._transform(self.graph, shapes, dtypes, self._parameters)
        key = device, str(graph), *prologue_names(graph)
        prologue = self._prologues.get(key)
        if prologue is None:
            prologue = self._prologues[key] = _Prologue(self.variables, graph, device)
        return _Prepared(self.variables, prologue, main)


class _Prepared:
    """The programs for one kind of inputs."""

    def __init__(self, variables: Sequence[str], prologue: _Prologue, main: Graph):
        self.prologue = prologue
        self.main = Program(main)
        position = {name: number for number, name in enumerate((*variables, *prologue.names))}
        self._late = [position[name] for name in self.main.variables]

    def run(self, tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
        """The values of the outputs."""
        everything = (*tensors, *self.prologue.results(tensors))
        return self.main.run([everything[position] for position in self._late], training=False, device=device)


class _Prologue:
    """What depends on parameters alone: computed once for each set of parameters; a block has some on each device."""

    def __init__(self, variables: Sequence[str], graph: Graph, device: torch.device):
        self.names = prologue_names(graph)
        self.program = Program(graph)
        self._device = device
        position = {name: number for number, name in enumerate(variables)}
        self._early = [position[name] for name in self.program.variables]
        self.computed: list[_Computed] = []
        self._lock = threading.Lock()

    def results(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The values of the outputs, for tensors by variable of the whole graph."""
        given = [tensors[position] for position in self._early]
        for computed in self.computed:
            if computed.is_valid(given):
                return computed.results
        with self._lock:
            self.computed = [other for other in self.computed if other.may_be_valid()][: MOST_PARAMETER_SETS - 1]
            self.computed.insert(0, _Computed(given, self.program, self._device))
            return self.computed[0].results


class _Computed:
    """The results of a prologue, and the parameters that they were computed from, with their versions."""

    def __init__(self, parameters: Sequence[Tensor], prologue: Program, device: torch.device):
        self._parameters = [(weakref.ref(tensor), tensor._version) for tensor in parameters]
        self.results = prologue.run(parameters, training=False, device=device)

    def is_valid(self, parameters: Sequence[Tensor]) -> bool:
        """Whether these are the same parameters, unchanged."""
        for (reference, version), tensor in zip(self._parameters, parameters, strict=True):
            if reference() is not tensor or tensor._version != version:
                return False
        return True

    def may_be_valid(self) -> bool:
        """Whether the parameters are still there, unchanged."""
        now = [(reference(), version) for reference, version in self._parameters]
        return all(tensor is not None and tensor._version == version for tensor, version in now)
