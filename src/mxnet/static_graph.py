"""Graphs of hybridized blocks with planned storage: what `hybridize(static_alloc=True)` runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import is_
from typing import Any

import torch
from torch import Tensor

from .base import MXNetError
from .graph.creation import has_unknown_sizes, resolve_creation
from .graph.graph import Graph
from .graph.infer import infer_dtypes, infer_shapes
from .graph.lowering import Unplannable
from .graph.optimized import plan_inference
from .graph.planned import MOST_PLANS, ForwardPlan, Planned
from .graph.program import Program
from .graph.replay import Replay, Replays, can_record
from .graph.unused_heads import NotSeparable
from .graph.watched import Watched
from .ops.dtypes import DTYPE_NAMES, torch_dtype
from .ops.generators import generator_for
from .symbol.budget import Limits, plan_within
from .taken_gradients import WAITING, Taker


class StaticGraph:
    """Runs a graph by planned programs, one for each kind of inputs.

    Args:
        graph: the graph.
        asked: memory that a step may need, and how much is computed again.
        fuse: whether training may use other layouts, which change how results are rounded.
        replays: on a GPU, record the kernels of forward and backward pass once and replay them, where that can be done.
        data: names of the variables that are inputs rather than parameters.
        bounds: the largest shapes of some variables; no step needs more storage than one of these shapes.
    """

    def __init__(
        self, graph: Graph, asked: Limits, fuse: bool = False, replays: Replays | None = None,
        bounds: dict[str, tuple[int, ...]] | None = None, data: Sequence[str] = (),
    ):  # fmt: skip
        self._graph = graph
        self._names = [node.name for node in graph.variables]
        self._asked = asked
        self._fuse = fuse
        self._replays = replays
        self._data = frozenset(data)
        self._bounds = bounds or {}
        self._most: dict[Any, int] = {}  # bytes of results that a step of the largest shapes holds, by kind
        self._programs: OrderedDict[Any, tuple[Program, Planned | None]] = OrderedDict()
        self._whole = None if has_unknown_sizes(graph) else Program(graph, as_created=True)
        self._lock = threading.Lock()
        self._last: _Call | None = None

    @property
    def num_plans(self) -> int:
        """How many plans are kept now."""
        return len(self._programs)

    def run(
        self, tensors: Sequence[Tensor], values: Sequence[Tensor], mutated: Sequence[int], training: bool,
        recording: bool, device: torch.device,
    ) -> list[Tensor] | None:  # fmt: skip
        """The outputs for tensors by variable, recorded for autograd where one of them requires gradients.

        Args:
            values: the same tensors, in no graph.
        Returns: None if there is no plan, because shapes depend on values: run the graph as a program.
        Raises: MXNetError if a node fails, or a memory budget can't be met.
        """
        call = self._last
        if call is None or not call.is_like(tensors, training, recording, device):
            call = self._call(tensors, mutated, training, recording, device)
        planned = call.planned
        if planned is None:
            return None
        program, wanted = call.program, call.wanted
        replay = None
        if self._replays is not None:
            fixed = [name not in self._data for name in self._names]
            generator = generator_for(device) if program.is_random else None
            replay = self._replays.of(planned, device, fixed, mutated, generator)
        if wanted:
            run = _Run(call, self._names, tensors, values, device, replay)
            given = [tensors[i] for i in wanted]
            if torch.is_grad_enabled():
                return list(_apply(run, *given))
            with torch.enable_grad():
                return list(_apply(run, *given))
        compiled = planned.compiled
        contiguous = [tensor.contiguous() for tensor in values]
        if replay is not None and (replayed := replay.forward(contiguous)) is not None:
            return replayed
        generator = generator_for(device) if program.is_random else None
        return compiled.forward(compiled.start(contiguous), generator, None)

    def _call(
        self, tensors: Sequence[Tensor], mutated: Sequence[int], training: bool, recording: bool, device: torch.device
    ) -> _Call:
        """What a call of this kind needs, found or made; remembered for the next call."""
        wanted: tuple[int, ...] = ()
        takers: dict[int, Taker] = {}
        if recording:
            wanted = tuple(i for i, t in enumerate(tensors) if t.requires_grad and i not in mutated)
            if self._replays is None or not can_record(device):  # a replayed pass gives all gradients at its end
                takers = _early_takers([tensors[i] for i in wanted])
        updated = tuple(wanted[place] for place in takers)
        key = (training, wanted, updated, device, *[(tensor.shape, tensor.dtype) for tensor in tensors])
        found = self._programs.get(key)
        if found is None:
            with self._lock:
                found = self._programs[key] = self._prepare(tensors, training, wanted, updated, device)
                if len(self._programs) > MOST_PLANS:
                    self._programs.popitem(last=False)
        else:
            self._programs.move_to_end(key)
        call = _Call(*found, wanted, takers, mutated, training, recording, device)
        if self._data and not takers:  # what takes gradients may change its mind
            call.remember(tensors, [place for place, name in enumerate(self._names) if name not in self._data])
            self._last = call
        return call

    @property
    def has_unplanned(self) -> bool:
        """Whether something that ran has no plan: shapes depend on values."""
        return any(planned is None for _, planned in list(self._programs.values()))

    def plan(
        self, what: str, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[torch.dtype], training: bool,
        wanted: Sequence[int], updated: Sequence[int], device: torch.device, asked: Limits,
    ) -> tuple[Program, Planned]:  # fmt: skip
        """The program and the plan for variables of these shapes and dtypes.

        wanted   positions of those whose gradients are asked for
        updated  positions of those that their gradients change in the backward pass
        Raises: Unplannable if shapes depend on values; MXNetError if the budget can't be met.
        """
        known = dict(zip(self._names, shapes, strict=True))
        kinds = {name: DTYPE_NAMES[dtype] for name, dtype in zip(self._names, dtypes, strict=True)}
        program = self._whole
        if program is None:
            inferred = infer_dtypes(self._graph, kinds)
            found = infer_shapes(self._graph, known, inferred)  # type: ignore[arg-type]
            program = Program(resolve_creation(self._graph, found), as_created=True)
        planned = plan_within(
            what, asked, _bytes_apart(shapes, dtypes, wanted, updated), program, known, kinds, training=training,
            device=device, wanted=[self._names[position] for position in wanted], fuse=self._fuse,
            stores=frozenset(self._names[position] for position in updated), updates=True,
            keep_random=self._replays is not None and can_record(device),
        )  # fmt: skip
        return program, planned

    def plan_inference(
        self, parameters: Collection[str], shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str],
        device: torch.device,
    ) -> ForwardPlan:  # fmt: skip
        """The plan of a forward pass in inference, after the exact passes, for variables of these shapes and dtypes.

        Raises: Unplannable if shapes depend on values; MXNetError if the budget can't be met, or a shape is larger than
            its bound.
        """

        def plan_for(shapes: Mapping[str, tuple[int, ...]], most: int | None) -> ForwardPlan:
            apart = _bytes_apart(list(shapes.values()), [torch_dtype(dtypes[name]) for name in shapes], (), ())
            asked = self._asked if most is None else replace(self._asked, budget=most + apart)

            def plan(program: Program, own_shapes: Any, own_dtypes: Any, held: int) -> Planned:
                return plan_within(
                    "hybridize", asked, apart + held, program, own_shapes, own_dtypes, training=False, device=device,
                    wanted=(),
                )  # fmt: skip

            return plan_inference(self._graph, shapes, dtypes, parameters, plan, as_created=True)

        largest = self._largest(shapes)
        try:
            forward = plan_for(shapes, None)
            if self._bounds:
                key = (False, device, tuple(dtypes.values()))
                if key not in self._most:
                    self._most[key] = plan_for(largest, None).peak
                if forward.peak > self._most[key]:
                    forward = plan_for(shapes, self._most[key])
        except Unplannable as error:
            raise error if self._asked.budget is None and not self._bounds else MXNetError(str(error)) from None
        return forward

    def _prepare(
        self, tensors: Sequence[Tensor], training: bool, wanted: Sequence[int], updated: Sequence[int],
        device: torch.device,
    ) -> tuple[Program, Planned | None]:  # fmt: skip
        shapes, dtypes = [tuple(t.shape) for t in tensors], [t.dtype for t in tensors]
        try:
            if self._bounds:
                return self._prepare_bounded(shapes, dtypes, training, wanted, updated, device)
            return self.plan("hybridize", shapes, dtypes, training, wanted, updated, device, self._asked)
        except Unplannable:
            if self._asked.budget is not None:
                raise
            return self._whole or Program(self._graph, as_created=True), None

    def _prepare_bounded(
        self, shapes: list[tuple[int, ...]], dtypes: list[torch.dtype], training: bool, wanted: Sequence[int],
        updated: Sequence[int], device: torch.device,
    ) -> tuple[Program, Planned]:  # fmt: skip
        """The plan for shapes within the bounds, which needs no more than that for the bounds."""
        largest = list(self._largest(dict(zip(self._names, shapes, strict=True))).values())
        key = (training, tuple(wanted), tuple(updated), device, tuple(dtypes))
        if key not in self._most:
            _, planned = self.plan("hybridize", largest, dtypes, training, wanted, updated, device, self._asked)
            self._most[key] = planned.chosen.peak
        program, planned = self.plan("hybridize", shapes, dtypes, training, wanted, updated, device, self._asked)
        if planned.chosen.peak > self._most[key]:
            most = replace(self._asked, budget=self._most[key] + _bytes_apart(shapes, dtypes, wanted, updated))
            program, planned = self.plan("hybridize", shapes, dtypes, training, wanted, updated, device, most)
        return program, planned

    def _largest(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """The bounds of all variables; MXNetError if a shape is larger."""
        largest = {name: self._bounds.get(name, shape) for name, shape in shapes.items()}
        for name, shape in shapes.items():
            bound = largest[name]
            if len(shape) != len(bound) or any(size > most for size, most in zip(shape, bound, strict=True)):
                raise MXNetError(f"hybridize: {name} has shape {shape}, but max_shape is {bound}; give a larger one.")
        return largest


def _bytes_apart(
    shapes: Sequence[tuple[int, ...]], dtypes: Sequence[torch.dtype], wanted: Sequence[int], updated: Sequence[int]
) -> int:
    """The bytes of variables, and of the gradient arrays of those that are wanted and not updated in the backward
    pass."""
    sizes = [torch.Size(shape).numel() * dtype.itemsize for shape, dtype in zip(shapes, dtypes, strict=True)]
    return sum(sizes) + sum(sizes[position] for position in wanted if position not in updated)


def _early_takers(tensors: Sequence[Tensor]) -> dict[int, Taker]:
    """What takes gradients of tensors early, by position; see `taken_gradients`."""
    found = ((place, getattr(tensor, "_mx_taker", None)) for place, tensor in enumerate(tensors))
    return {place: taker for place, taker in found if taker is not None and taker.takes_early}


class _Call:
    """What a kind of call needs, and whether another call is of this kind.

    program, planned  what runs
    wanted   positions of the tensors whose gradients are asked for
    takers   what takes gradients early, by position among those
    watched  positions of those that the backward pass reads, and that must not change before it
    """

    __slots__ = (
        "_data", "_device", "_places", "_recording", "_same", "planned", "program", "takers", "training", "wanted",
        "watched",
    )  # fmt: skip

    def __init__(
        self, program: Program, planned: Planned | None, wanted: tuple[int, ...], takers: dict[int, Taker],
        mutated: Sequence[int], training: bool, recording: bool, device: torch.device,
    ):  # fmt: skip
        self.program = program
        self.planned = planned
        self.wanted = wanted
        self.takers = takers
        self.training = training
        self._recording = recording
        self._device = device
        changed = set(mutated)
        self.watched = [] if planned is None else [i for i in planned.compiled.inputs_for_backward if i not in changed]

    def remember(self, tensors: Sequence[Tensor], same: Sequence[int]) -> None:
        """Remember the tensors at positions `same`, parameters, and what the others are like."""
        self._places = same
        self._same = [tensors[place] for place in same]
        others = sorted(set(range(len(tensors))).difference(same))
        self._data = [(i, tensors[i].shape, tensors[i].dtype, tensors[i].requires_grad) for i in others]

    def is_like(self, tensors: Sequence[Tensor], training: bool, recording: bool, device: torch.device) -> bool:
        """Whether a call needs the same: it has the same parameters, and other tensors of the same shapes."""
        if self.training is not training or self._recording is not recording or self._device != device:
            return False
        for place, shape, dtype, requires_grad in self._data:
            tensor = tensors[place]
            if tensor.shape != shape or tensor.dtype is not dtype or tensor.requires_grad is not requires_grad:
                return False
        return all(map(is_, self._same, map(tensors.__getitem__, self._places)))


class _Run:
    """One recorded run of a planned step, and what its backward pass needs.

    takers, early  see `taken_gradients.Recorded`
    """

    def __init__(
        self, call: _Call, names: Sequence[str], tensors: Sequence[Tensor], values: Sequence[Tensor],
        device: torch.device, replay: Replay | None = None,
    ):  # fmt: skip
        assert call.planned is not None
        self._call = call
        self.takers = call.takers
        self.early: set[int] = set()
        self._program = program = call.program
        self._compiled = call.planned.compiled
        self._replay = replay
        self._is_replayed = False
        self._names = names
        self._tensors = tensors
        self._inputs = values
        self._wanted = call.wanted
        self._device = device
        self._generator = generator_for(device) if program.is_random else None
        self._random_state = self._generator.get_state() if self._generator is not None else None
        self._values: list[Any] | None = None
        self._watched = Watched()

    def forward(self) -> list[Tensor]:
        """Run the forward pass, and keep what the backward pass reads."""
        compiled = self._compiled
        inputs = [tensor if tensor.is_contiguous() else tensor.contiguous() for tensor in self._inputs]
        values = compiled.start(inputs)
        replayed = None if self._replay is None else self._replay.forward(inputs, self)
        self._is_replayed = replayed is not None
        results = compiled.forward(values, self._generator, None) if replayed is None else replayed
        for index, result in zip(compiled.outputs, results, strict=True):
            values[index] = result.detach()  # autograd makes the results refer to this run
        names, given = self._names, self._inputs
        self._watched = Watched([(names[i], given[i]) for i in self._call.watched])
        for position in compiled.outputs_for_backward:
            self._watched.add(f"output {position}", values[compiled.outputs[position]])
        self._values = values
        if self.takers:
            WAITING.add(self)
        return results

    @property
    def is_differentiable_throughout(self) -> bool:
        """Whether all outputs depend on what gradients are asked for."""
        return len(self._compiled.head_positions) == len(self._compiled.outputs)

    def is_differentiable(self, position: int) -> bool:
        """Whether an output depends on what gradients are asked for."""
        return position in self._compiled.head_positions

    def backward(self, head_grads: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The gradients of the wanted tensors, for those of all outputs: None for outputs that are not used, and for
        tensors on which no other depends."""
        if (name := self._watched.changed()) is not None:
            raise MXNetError(
                f"backward: {name} is needed by the gradient and was changed in place after the recorded forward pass. "
                "Change it after backward, or work on a copy."
            )
        WAITING.discard(self)
        early, self.early = self.early, set()
        values, self._values = self._values, None
        given = [head_grads[position] for position in self._compiled.head_positions]
        all_given = [head for head in given if head is not None]
        if torch.is_grad_enabled() or values is None or (self._is_replayed and len(all_given) < len(given)):
            if self._is_replayed and values is not None:
                assert self._replay is not None
                self._replay.release()
            return self._backward_by_autograd(head_grads)
        if self._is_replayed:
            assert self._replay is not None
            found = self._replay.backward(all_given)
            return [found[self._names[position]] for position in self._wanted]
        kept: dict[str, Tensor] = {}
        stores: dict[str, Callable[[Tensor], None]] = {
            self._names[self._wanted[place]]: taker.take if place in early
            else partial(kept.__setitem__, self._names[self._wanted[place]])
            for place, taker in self.takers.items()
        }  # fmt: skip
        try:
            found = self._compiled.backward(values, given, self._generator, [stores[n] for n in self._compiled.stored])
        except NotSeparable:
            return self._backward_by_autograd(head_grads)
        found.update(kept)
        return [found.get(self._names[position]) for position in self._wanted]

    def _backward_by_autograd(self, head_grads: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The same by recording the graph again: for gradients of gradients, for a second backward pass, and where
        neither plan nor recording can leave out the outputs that are not used."""
        higher = torch.is_grad_enabled()
        tensors = list(self._tensors)
        if not higher:
            for position in self._wanted:
                tensors[position] = tensors[position].detach().requires_grad_()
        results = self._program.run_again(
            tensors, training=self._call.training, device=self._device, random_state=self._random_state
        )
        pairs = [(t, g) for t, g in zip(results, head_grads, strict=True) if t.requires_grad and g is not None]
        return list(
            torch.autograd.grad(
                [t for t, _ in pairs], [tensors[i] for i in self._wanted], [g for _, g in pairs], allow_unused=True,
                create_graph=higher,
            )
        )  # fmt: skip


class _PlannedStep(torch.autograd.Function):
    """A run of a planned step as one operation of torch's autograd: (run, *wanted tensors) -> outputs."""

    @staticmethod
    def forward(ctx: Any, run: _Run, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.run = run
        ctx.set_materialize_grads(False)
        results = run.forward()
        if not run.is_differentiable_throughout:
            ctx.mark_non_differentiable(*(t for i, t in enumerate(results) if not run.is_differentiable(i)))
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *head_grads: Tensor | None) -> tuple[Tensor | None, ...]:
        return None, *ctx.run.backward(head_grads)


# Function.apply itself only looks for transforms of torch.func, which never see steps.
_apply = super(torch.autograd.Function, _PlannedStep).apply  # type: ignore[misc]
