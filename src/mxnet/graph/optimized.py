"""Graphs optimised for inference: a program for each kind of inputs; what depends on parameters alone is kept."""

from __future__ import annotations

import math
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from operator import is_
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from ..ops.dtypes import DTYPE_NAMES, torch_dtype
from ..ops.generators import generator_for
from .backends.registry import Transform, fused
from .blocked_inference import plan_in_blocks
from .creation import has_unknown_sizes
from .graph import Graph
from .hold import hold_freed_memory
from .lowering import Unplannable
from .passes import optimize_inference, prologue_names
from .planned import MOST_PLANS, ForwardPlan, Planned, with_prologue
from .program import Program
from .replay import Replays

MOST_SIGNATURES = 16  # of inputs for which programs are kept
MOST_PARAMETER_SETS = 8

Shapes = Mapping[str, tuple[int, ...]]
Dtypes = Mapping[str, str]
#: plans a program: for shapes and dtypes of its variables, and the bytes that a prologue holds beside it; raises
#: MXNetError if that is too much
PlanProgram = Callable[[Program, Shapes, Dtypes, int], Planned]


#: plans a forward pass for shapes and dtypes of all variables, on a device
Planner = Callable[[Shapes, Dtypes, torch.device], ForwardPlan]


def plan_inference(
    graph: Graph, shapes: Shapes, dtypes: Dtypes, parameters: Collection[str], plan: PlanProgram,
    as_created: bool = False,
) -> ForwardPlan:  # fmt: skip
    """The exact passes, and the plan of what is left for every run.

    Where plan refuses, because results of the prologue are held, or where nothing would be left, parameters are taken
    for inputs: all is computed at every run.

    Args:
        graph: the graph.
        shapes, dtypes: of every variable, by name.
        parameters: names of the variables that stay the same from run to run.
        plan: what plans a program.
        as_created: as for `Program`.
    Raises: Unplannable if shapes depend on values; what plan raises.
    """
    prologue, main = optimize_inference(graph, shapes, dtypes, parameters)
    all_shapes, all_dtypes = with_prologue(prologue, shapes, dtypes)
    held = sum(
        math.prod(all_shapes[name]) * torch_dtype(all_dtypes[name]).itemsize for name in prologue_names(prologue)
    )
    program = Program(main, as_created)
    own_shapes = {name: all_shapes[name] for name in program.variables}
    own_dtypes = {name: all_dtypes[name] for name in program.variables}
    if program.steps or not parameters:
        try:
            return ForwardPlan(prologue, program, plan(program, own_shapes, own_dtypes, held), held)
        except Unplannable:
            raise
        except MXNetError:
            if not held or not parameters:
                raise
    return plan_inference(graph, shapes, dtypes, (), plan, as_created)


class OptimizedGraph:
    """Runs a graph in inference after passes, which see shapes and dtypes.

    Results of the prologue are kept, and computed anew when a parameter that they depend on has changed: by another
    tensor in its place, or by writing to it.
    """

    def __init__(
        self, graph: Graph, parameters: Collection[str], transform: Transform | None = None,
        planner: Planner | None = None, as_created: bool = False, replays: Replays | None = None,
    ):  # fmt: skip
        """
        Args:
            graph: the graph.
            parameters: names of the variables that stay the same from run to run.
            transform: what makes a prologue and the graph for every run; None: the exact passes, for all shapes at
                once unless operators take sizes from shape inference, or there is a planner.
            planner: plans the graph after the exact passes (`plan_inference`); None: storage isn't planned.
            as_created: as for `Program`.
            replays: with a planner, on a GPU, record the kernels once and replay them.
        """
        self.graph = graph
        self.variables = [node.name for node in graph.variables]
        self._parameters = frozenset(parameters)
        self._transform = transform or optimize_inference
        self._planner = planner if transform is None else None
        self._as_created = as_created
        self._replays = replays
        self._by_shape = transform is not None or planner is not None or has_unknown_sizes(graph)
        self._prepared: OrderedDict[Any, Prepared] = OrderedDict()
        #: in use now; kinds of inputs that want the same of the parameters share one
        self._prologues: weakref.WeakValueDictionary[Any, _Prologue] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()
        self._fixed = [place for place, name in enumerate(self.variables) if name in self._parameters]
        self._inputs = [place for place, name in enumerate(self.variables) if name not in self._parameters]
        #: the parameters of the last run, and the number that stands for their shapes and dtypes
        self._last: tuple[list[Tensor], int] = [], -1
        self._kinds: dict[Any, int] = {}

    @property
    def num_plans(self) -> int:
        """How many plans are kept now."""
        return len(self._prepared) if self._planner is not None else 0

    @property
    def has_unplanned(self) -> bool:
        """Whether something that ran has no plan although there is a planner: shapes depend on values."""
        return self._planner is not None and any(item.planned is None for item in list(self._prepared.values()))

    def run(self, tensors: Sequence[Tensor], device: torch.device, states: Any = None) -> list[Tensor]:
        """The values of the outputs for tensors by variable; nothing is recorded.

        Args:
            tensors: one for each variable.
            device: where they are.
            states: as for `Program.run`.
        Raises: MXNetError naming the node that failed, or if the planner refuses.
        """
        return self.prepare(tensors, device).run(tensors, device, states)

    def prepare(self, tensors: Sequence[Tensor], device: torch.device) -> Prepared:
        """What runs for tensors of these shapes and dtypes; raises as `run` does."""
        key = self._key(tensors, device) if self._by_shape else device
        found = self._prepared.get(key)
        if found is None:
            with self._lock:
                found = self._prepared[key] = self._prepared_anew(tensors, device)
                if len(self._prepared) > (MOST_SIGNATURES if self._planner is None else MOST_PLANS):
                    self._prepared.popitem(last=False)
        return found

    def release(self) -> None:
        """Let go of what prologues hold; it is computed again at the next run."""
        for prologue in list(self._prologues.values()):
            prologue.release()

    def _key(self, tensors: Sequence[Tensor], device: torch.device) -> tuple[Any, ...]:
        """What stands for the device, and the shapes and dtypes of all variables."""
        fixed = [tensors[place] for place in self._fixed]
        before, kind = self._last
        if kind < 0 or not all(map(is_, before, fixed)):  # a loop in C: there may be hundreds
            kind = self._kinds.setdefault(tuple((tensor.shape, tensor.dtype) for tensor in fixed), len(self._kinds))
            self._last = fixed, kind
        return device, kind, *((tensors[place].shape, tensors[place].dtype) for place in self._inputs)

    def _prepared_anew(self, tensors: Sequence[Tensor], device: torch.device) -> Prepared:
        shapes = {name: tuple(tensor.shape) for name, tensor in zip(self.variables, tensors, strict=True)}
        dtypes = {name: DTYPE_NAMES[tensor.dtype] for name, tensor in zip(self.variables, tensors, strict=True)}
        forward: ForwardPlan | None = None
        if self._transform is fused and device.type == "cpu":
            forward = plan_in_blocks(self.graph, shapes, dtypes, self._parameters)
        if self._planner is not None:
            with suppress(Unplannable):
                forward = self._planner(shapes, dtypes, device)
        if forward is not None:
            graph, program, arranged = forward.prologue, forward.program, forward.arranged
        else:
            if self._transform is not optimize_inference:
                hold_freed_memory()
            graph, main = self._transform(self.graph, shapes, dtypes, self._parameters)
            program, arranged = Program(main, self._as_created), {}
        planned = None if forward is None else forward.planned
        key = device, str(graph), *prologue_names(graph), *arranged.items()
        prologue = self._prologues.get(key)
        if prologue is None:
            exact = self._transform is optimize_inference
            prologue = self._prologues[key] = _Prologue(self.variables, graph, device, exact, arranged)
        return Prepared(self.variables, self._inputs, prologue, program, planned, self._replays)


class Prepared:
    """The programs for one kind of inputs."""

    def __init__(
        self, variables: Sequence[str], inputs: Sequence[int], prologue: _Prologue, main: Program,
        planned: Planned | None, replays: Replays | None,
    ):  # fmt: skip
        self.prologue = prologue
        self.main = main
        self.planned = planned
        position = {name: number for number, name in enumerate((*variables, *prologue.names))}
        self._late = [position[name] for name in main.variables]
        self._stays = [number not in set(inputs) for number in self._late]
        self._replays = replays

    def run(self, tensors: Sequence[Tensor], device: torch.device, states: Any) -> list[Tensor]:
        """The values of the outputs for tensors by variable of the whole graph."""
        everything = (*tensors, *self.prologue.results(tensors))
        given = [everything[position] for position in self._late]
        if self.planned is None:
            with torch.no_grad():
                return self.main.run(given, training=False, device=device, states=states)
        given = [tensor.contiguous() for tensor in given]
        generator = generator_for(device) if self.main.is_random else None
        if self._replays is not None:
            replay = self._replays.of(self.planned, device, self._stays, self.main.mutated, generator)
            if (replayed := replay.forward(given)) is not None:
                return replayed
        compiled = self.planned.compiled
        return compiled.forward(compiled.start(given), generator, states)


class _Prologue:
    """What depends on parameters alone: computed once for each set of parameters; a block has some on each device.

    With `contiguous`, results lie in memory as those of imperative calls; arranged: what reorders some, by name.
    """

    def __init__(
        self, variables: Sequence[str], graph: Graph, device: torch.device, contiguous: bool,
        arranged: Mapping[str, Callable[[Tensor], Tensor]],
    ):  # fmt: skip
        self._arranged = arranged
        self.names = prologue_names(graph)
        self.program = Program(graph)
        self._device = device
        self._contiguous = contiguous
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
            computed = _Computed(given, self.program, self._device, self._finished)
            self.computed.insert(0, computed)
            return computed.results

    def _finished(self, results: Sequence[Tensor]) -> list[Tensor]:
        if self._contiguous:
            return [_in_own_memory(tensor) for tensor in results]
        pairs = zip(self.names, results, strict=True)
        return [self._arranged[name](tensor) if name in self._arranged else tensor for name, tensor in pairs]

    def release(self) -> None:
        """Forget all results."""
        with self._lock:
            self.computed = []


class _Computed:
    """The results of a prologue, and the parameters that they were computed from, with their versions."""

    def __init__(
        self, parameters: Sequence[Tensor], prologue: Program, device: torch.device,
        finish: Callable[[Sequence[Tensor]], list[Tensor]],
    ):  # fmt: skip
        self._parameters = [(weakref.ref(tensor), tensor._version) for tensor in parameters]
        with torch.no_grad():
            self.results = finish(prologue.run(parameters, training=False, device=device))

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


def _in_own_memory(tensor: Tensor) -> Tensor:
    """The tensor itself where it fills its memory in order; else a copy, so that no more is held than is used."""
    if tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes:
        return tensor
    return tensor.clone(memory_format=torch.contiguous_format)
