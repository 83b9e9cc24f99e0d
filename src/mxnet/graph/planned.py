"""Forward passes and training steps whose storage is planned: what executors and hybridized blocks run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import torch

from .choose import Candidate, candidates, fastest_within, is_large, smallest_cheap
from .compiled import CompiledProgram
from .graph import Node
from .hold import hold_freed_memory
from .lowering import LoweredProgram, lower
from .passes.pool_before_relu import pool_before_relu
from .program import Program
from .shared_reads import compute_into_targets, read_from_concatenations


class Planned:
    """A flat program whose storage is planned.

    lowered   the program as the graph says
    found     the ways to run it that were considered
    chosen    the one that is taken
    """

    def __init__(self, lowered: LoweredProgram, found: list[Candidate], chosen: Candidate):
        self.lowered = lowered
        self.found = found
        self.chosen = chosen

    @cached_property
    def compiled(self) -> CompiledProgram:
        """The program made ready to run."""
        hold_freed_memory()
        return CompiledProgram(self.chosen.program)


class OverBudget(Exception):
    """No way to run a step stays within a budget; smallest is the least that results need."""

    def __init__(self, smallest: int):
        super().__init__(f"results need at least {smallest} bytes")
        self.smallest = smallest


def plan(
    program: Program, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], *, training: bool,
    wanted: Sequence[str] = (), device: torch.device | None = None, heads: Sequence[bool] | None = None,
    stores: bool = False, updates: bool = False, direct: Iterable[str] = (), channels_last: bool = False,
    budget: int | None = None, recompute: bool = True, keep_random: bool = False,
) -> Planned:  # fmt: skip
    """Plan a forward pass, or with `wanted` a training step.

    Args:
        program, shapes, dtypes, training, wanted, device, heads, stores, updates, channels_last: as for `lower`.
        direct: with stores, the variables whose gradient replaces what is in its array, of the same layout.
        budget: the most bytes that results may hold at one time.
        recompute: whether results may be computed again where that costs next to nothing.
        keep_random: keep results that hold random numbers, so that none are drawn a second time.
    The environment variable MXNET_BACKWARD_DO_MIRROR=1 asks for the smallest plan that computes nothing again but what
    is cheap, however long that takes in all; nodes with the attribute force_mirroring or mirror_stage count as cheap.

    Raises: OverBudget if a budget can't be met, saying the smallest that can; MXNetError if the graph can't be planned.
    """
    swapped = pool_before_relu(program.graph)
    if swapped.nodes != program.graph.nodes:
        program = Program(swapped, program.as_created)
    lowered = lower(
        program, shapes, dtypes, training=training, wanted=wanted, device=device, heads=heads, stores=stores,
        updates=updates, channels_last=channels_last,
    )
    if wanted:
        lowered = read_from_concatenations(compute_into_targets(lowered, frozenset(direct)))
    lowered.forced = {number for number, node in enumerate(program.graph.nodes) if _is_mirrored(node)}
    lowered.keeps_random = keep_random
    mirrors = bool(lowered.forced) or os.environ.get("MXNET_BACKWARD_DO_MIRROR", "0") not in ("", "0")
    found: list[Candidate] = []
    for candidate in candidates(lowered):
        found.append(candidate)
        if budget is None and (not recompute or (candidate.share > 0 and not candidate.is_cheap)):
            break
        if budget is not None and candidate.peak <= budget and is_large(lowered):
            break
    if budget is None and mirrors:
        chosen: Candidate | None = smallest_cheap(found)
    else:
        chosen = fastest_within(found if recompute or budget is not None else found[:1], budget)
    if chosen is None:
        raise OverBudget(min(candidate.peak for candidate in found))
    return Planned(lowered, found, chosen)


def _is_mirrored(node: Node) -> bool:
    """Whether the user asks that the results of a node are computed again (`force_mirroring`, `mirror_stage`)."""
    if node.op is None:
        return False
    for key in ("force_mirroring", "mirror_stage"):
        if node.attributes.get(key, node.attributes.get(f"__{key}__", "")).lower() not in ("", "0", "false"):
            return True
    return False
