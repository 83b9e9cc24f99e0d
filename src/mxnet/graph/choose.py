"""Which results of a training step are kept and which are computed again: by default, and under a budget.

The candidates are the same for every budget, and of those that stay under it the fastest is taken (of a very large
program the first). So a smaller budget never gives a larger peak.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice

from .in_place import work_in_place
from .liveness import crossing_bytes, peak_of
from .lowering import LoweredProgram
from .recompute import Forward, keep_all, keep_boundaries, keep_costly
from .schedule import TooLong, schedule

#: By default results are computed again as long as that takes no more than this share of the step.
FREE = 0.03

_LIMITS = (1.1, 2.1, 3.6, 4.6, 7.1, 10.1)
_PARTS = (2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64, 90, 128, 181, 256)
_SHARES = (0.6, 0.3, 0.0)
_MANY = 20_000  # instructions: for programs with more, the first candidate within a budget is taken
_PARTS_OF_MANY = (8, 16, 32, 64, 128, 256)


class Candidate:
    """One way to run a training step.

    extra     seconds for what is computed again, about; share: of the time of the step
    is_cheap  whether only cheap results are computed again
    """

    def __init__(self, scheduled: LoweredProgram, extra: float, share: float, name: str, is_cheap: bool = False):
        self._scheduled = scheduled
        self.extra = extra
        self.share = share
        self.name = name
        self.is_cheap = is_cheap

    @cached_property
    def program(self) -> LoweredProgram:
        """The program, with everything done in place that can be."""
        return work_in_place(self._scheduled)

    @cached_property
    def peak(self) -> int:
        """The bytes of results that it holds at most."""
        return peak_of(self.program)

    @cached_property
    def least(self) -> int:
        """Bytes that it holds at least, between forward and backward: known sooner than the peak."""
        return crossing_bytes(self._scheduled)


def candidates(lowered: LoweredProgram) -> Iterator[Candidate]:
    """All ways to run a program that are considered; the first computes nothing again."""
    if lowered.num_forward == len(lowered.instructions):
        yield Candidate(lowered, 0.0, 0.0, "forward")
        return
    forward = Forward(lowered)
    seen: set[tuple[frozenset[int], bool]] = set()

    def attempt(kept: set[int], hold_cheap: bool, name: str, is_cheap: bool = False) -> Candidate | None:
        key = frozenset(kept), hold_cheap
        if key in seen:
            return None
        seen.add(key)
        try:
            program, extra = schedule(forward, kept, hold_cheap)
        except TooLong:
            return None
        return Candidate(program, extra, extra / max(forward.total_cost, 1e-12), name, is_cheap)

    many = is_large(lowered)
    first = attempt(keep_all(forward), True, "keep all")
    assert first is not None
    yield first
    for limit in (2.1, 4.6) if many else _LIMITS:
        found = attempt(keep_costly(forward, limit), False, f"make again what moves {limit:g} times its size", True)
        if found is not None:
            yield found
        if found is None or found.share <= FREE:
            continue
        for share in (FREE, 0.8 * FREE, 0.5 * FREE):  # where one comes out above its estimate, a smaller one fits
            kept = keep_costly(forward, limit, share=share)
            part = attempt(kept, False, f"{found.name}, in {share:.1%} of the step", True)
            if part is not None:
                yield part
    nodes = len({instruction.node for instruction in forward.instructions})
    for parts in _PARTS_OF_MANY if many else _PARTS:
        if parts * 2 > nodes:
            break
        for share in (0.0,) if many else _SHARES:
            kept = keep_boundaries(forward, parts, share)
            for hold_cheap in (True,) if many else (True, False):
                name = f"{parts} parts, {share:.0%} kept, {'hold' if hold_cheap else 'drop'}"
                found = attempt(kept, hold_cheap, name)
                if found is not None:
                    yield found


def is_large(lowered: LoweredProgram) -> bool:
    """Whether a program has so many instructions that candidates are tried one by one, until one fits."""
    return len(lowered.instructions) > _MANY


class Ways:
    """The candidates for a program, made one by one as they are asked for.

    found  those made so far
    """

    def __init__(self, lowered: LoweredProgram, mirrors: bool = False, recompute: bool = True):
        """mirrors: take the smallest that computes nothing again but what is cheap; recompute: take others at all."""
        self.found: list[Candidate] = []
        self._more = candidates(lowered) if recompute else islice(candidates(lowered), 1)
        self._mirrors = mirrors
        self._takes_first = is_large(lowered)

    @cached_property
    def without_budget(self) -> Candidate:
        """The one to take without a budget: the smallest of those that are free, or cheap where mirrors is set."""
        for candidate in self._more:
            self.found.append(candidate)
            if candidate.share > 0 and not candidate.is_cheap:
                break  # the cheap ones come first
        fitting = [c for c in self.found if (c.is_cheap or not c.share if self._mirrors else c.share <= FREE)]
        best = None
        for candidate in sorted(fitting, key=lambda candidate: candidate.least):
            if best is not None and candidate.least > best.peak:
                break  # none of the others is smaller
            if best is None or (candidate.peak, candidate.extra) < (best.peak, best.extra):
                best = candidate
        assert best is not None
        return best

    def within(self, budget: int) -> Candidate | None:
        """The one to take under a budget for results: the fastest that stays within, None if there is none.

        Where mirrors is set, the one without a budget if that stays within. Of a large program, the first.
        """
        if self._mirrors and (smallest := self.without_budget).peak <= budget:
            return smallest
        in_turn = self._all() if self._takes_first else sorted(self._all(), key=lambda candidate: candidate.extra)
        fitting = (candidate for candidate in in_turn if candidate.least <= budget and candidate.peak <= budget)
        best = next(fitting, None)
        if self._takes_first or best is None:
            return best
        alike = [candidate for candidate in in_turn if candidate.extra == best.extra]
        return min((c for c in alike if c.least <= budget), key=lambda candidate: candidate.peak)

    def _all(self) -> Iterator[Candidate]:
        yield from tuple(self.found)
        for candidate in self._more:
            self.found.append(candidate)
            yield candidate
