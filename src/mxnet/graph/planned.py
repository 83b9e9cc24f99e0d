"""Forward passes and training steps whose storage is planned: what executors and hybridized blocks run."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from . import onednn
from .blocked import BlockedTraining
from .channels_last import ChannelsLast
from .choose import Candidate, Ways
from .compiled import CompiledProgram
from .equal_results import merge_equal_results
from .graph import Graph, Node
from .hold import hold_freed_memory
from .infer import infer_dtypes, infer_shapes, is_known
from .lowering import LoweredProgram, Lowering, Unplannable, lower
from .passes.fold_constants import fold_constants
from .passes.fuse_norm_relu import fuse_norm_relu
from .passes.pool_before_relu import pool_before_relu
from .passes.split_prologue import prologue_names
from .program import Program
from .shared_reads import compute_into_targets, read_from_concatenations, read_originals

MOST_PLANS = 64  # kept for inputs of different shapes, dtypes and modes


class Planned:
    """A flat program whose storage is planned.

    lowered   the program as the graph says
    chosen    the way to run it that is taken
    most      the bytes that a budget allowed, 0 without one
    """

    def __init__(self, lowered: LoweredProgram, chosen: Candidate, most: int = 0):
        self.lowered = lowered
        self.chosen = chosen
        self.most = most

    @cached_property
    def compiled(self) -> CompiledProgram:
        """The program made ready to run."""
        hold_freed_memory()
        with no_garbage_collection():
            return CompiledProgram(self.chosen.program)


class ForwardPlan(NamedTuple):
    """A forward pass in inference after passes.

    prologue     what depends on parameters alone
    program      what is left for every run; further variables stand for the outputs of the prologue
    planned      the plan of the program
    held_bytes   what the results of the prologue hold
    arranged     by name, what lays out a result of the prologue as the program wants it
    """

    prologue: Graph
    program: Program
    planned: Planned
    held_bytes: int
    arranged: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType({})

    @property
    def peak(self) -> int:
        """Bytes of results at most, with those of the prologue."""
        return self.held_bytes + self.planned.chosen.peak


def with_prologue(
    prologue: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str]
) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Shapes and dtypes of variables, and of the results of a prologue by the names that they have in the main graph.

    Raises: Unplannable if a shape depends on values.
    """
    kinds = infer_dtypes(prologue, {node.name: dtypes[node.name] for node in prologue.variables})
    found = infer_shapes(prologue, {node.name: shapes[node.name] for node in prologue.variables}, kinds)  # type: ignore[arg-type]
    all_shapes, all_dtypes = dict(shapes), dict(dtypes)
    for name, value in zip(prologue_names(prologue), prologue.outputs, strict=True):
        shape = found[value]
        if not is_known(shape):
            raise Unplannable(f"the graph can't be planned: the shape of {name} depends on values.")
        all_shapes[name], all_dtypes[name] = tuple(shape or ()), kinds[value] or "float32"
    return all_shapes, all_dtypes


class OverBudget(Exception):
    """No way to run a step stays within a budget; smallest is the least that can be given. Both are in bytes."""

    def __init__(self, budget: int, smallest: int):
        super().__init__(f"the budget is {budget} bytes, the smallest possible {smallest}")
        self.budget = budget
        self.smallest = smallest


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Python looks for no garbage meanwhile: planning makes tens of thousands of objects that stay, which would start
    searches through all objects of the process, each a tenth of a second and more."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@no_garbage_collection()
def plan(
    program: Program, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], *, training: bool,
    wanted: Sequence[str] = (), device: torch.device | None = None, heads: Sequence[bool] | None = None,
    stores: bool | Collection[str] = False, updates: bool = False, direct: Iterable[str] = (), fuse: bool = False,
    budget: int | float | None = None, least: int = 0, apart: int = 0, recompute: bool | None = None,
    keep_random: bool = False,
) -> Planned:  # fmt: skip
    """Plan a forward pass, or with `wanted` a training step.

    Args:
        program, shapes, dtypes, training, wanted, device, heads, stores, updates: as for `lower`.
        fuse: allow a training step what changes how results are rounded: other layouts, and layers in one operation.
        direct: with stores, the variables whose gradient replaces what is in its array, of the same layout.
        budget: the most bytes that the step may need at one time, results and what is apart from them together; a float
            is a fraction of what it needs without a budget.
        least: what a fraction gives at least, in bytes.
        apart: bytes that it needs apart from results.
        recompute: False: no result is computed again; True: whatever is cheap may be, however long that takes in all,
            for the smallest plan that gives; None: as far as it costs next to nothing. Nodes with the attribute
            force_mirroring or mirror_stage count as cheap, and make True of None. Under a budget that such a plan
            doesn't meet, whatever is needed is computed again unless this is False.
        keep_random: keep results that hold random numbers, so that none are drawn a second time.

    Raises: OverBudget if a budget can't be met, saying the smallest that can; MXNetError if the graph can't be planned.
    """
    kind = _layouts(device) if fuse and wanted else None
    folds = bool(wanted) and (device is None or device.type == "cpu")  # here: a GPU may round otherwise
    program = _after_passes(program, folds, fuses=kind is not None)
    lowered = lower(
        program, shapes, dtypes, training=training, wanted=wanted, device=device, heads=heads, stores=stores,
        updates=updates, kind=kind,
    )
    if wanted:
        lowered = read_originals(lowered)
    merged = merge_equal_results(lowered) if wanted else None
    found: list[tuple[LoweredProgram, Ways]] = []
    for each in (lowered,) if merged is None else (merged, lowered):
        if wanted:
            each = read_from_concatenations(compute_into_targets(each, frozenset(direct)))
        each.forced = {number for number, node in enumerate(program.graph.nodes) if _is_mirrored(node)}
        each.keeps_random = keep_random
        found.append(
            (each, Ways(each, bool(each.forced) if recompute is None else recompute, recompute is not False))
        )
    if len(found) > 1 and found[0][1].without_budget.peak > found[1][1].without_budget.peak:
        found.reverse()  # what is computed once is held from its first use to its last
    lowered, ways = found[0]
    if budget is None:
        return Planned(lowered, ways.without_budget)
    if isinstance(budget, int):
        most = budget
    else:
        most = max(int(budget * (ways.without_budget.peak + apart)), least)
    for lowered, ways in found:
        within = ways.within(most - apart)
        if within is not None:
            return Planned(lowered, within, most)
    raise OverBudget(most, min(way.peak for _, ways in found for way in ways.found) + apart)


def _layouts(device: torch.device | None) -> type[Lowering]:
    """What lays out images for fast training: in blocks where oneDNN can be called, else with the channels last."""
    if (device is None or device.type == "cpu") and onednn.is_available():
        return BlockedTraining
    return ChannelsLast


_prepared: WeakKeyDictionary[Program, dict[tuple[bool, bool], Program | None]] = WeakKeyDictionary()


def _after_passes(program: Program, folds: bool, fuses: bool) -> Program:
    """The program after passes, the same for all shapes; itself where they change nothing.

    folds  compute constants on this CPU
    fuses  put normalisation and relu together
    """
    known = _prepared.setdefault(program, {})
    key = folds, fuses
    if key not in known:
        changed = pool_before_relu(fold_constants(program.graph) if folds else program.graph)
        if fuses:
            changed = fuse_norm_relu(changed)
        same = changed.nodes == program.graph.nodes
        known[key] = None if same else Program(changed, program.as_created)
    return known[key] or program


def _is_mirrored(node: Node) -> bool:
    """Whether the user asks that the results of a node are computed again (`force_mirroring`, `mirror_stage`)."""
    if node.op is None:
        return False
    for key in ("force_mirroring", "mirror_stage"):
        if node.attributes.get(key, node.attributes.get(f"__{key}__", "")).lower() not in ("", "0", "false"):
            return True
    return False
