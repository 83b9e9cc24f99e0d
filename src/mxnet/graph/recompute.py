"""Which results of the forward pass are kept for the backward pass; the others are computed again (schedule.py)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable

from .costs import BANDWIDTH, is_cheap, seconds
from .lowering import LoweredProgram


class Forward:
    """What planning asks about the forward pass of a program.

    needed      the storages of results that the backward pass reads, in the order in which they are made
    fixed       those that can't be made again
    maker       value -> the instruction that makes it
    makers      storage -> the instructions that make or change it
    touching    storage -> the instructions that give a value on it, makers among them
    cost, cheap   of each instruction
    """

    def __init__(self, lowered: LoweredProgram):
        self.lowered = lowered
        storages, storage_of = lowered.storages, lowered.storage_of
        self.instructions = lowered.instructions[: lowered.num_forward]
        self.cost = [seconds(lowered, instruction) for instruction in self.instructions]
        self.cheap = [is_cheap(lowered, i) or i.node in lowered.forced for i in self.instructions]
        self.maker: dict[int, int] = {}
        self.makers: dict[int, list[int]] = {}
        self.touching: dict[int, list[int]] = {}
        self.last_read: dict[int, int] = {}
        changed_inputs = set()
        last_write = {s: number for number, instruction in enumerate(self.instructions) for s in instruction.writes}
        for number, instruction in enumerate(self.instructions):
            for value in instruction.reads:
                self.last_read[storage_of[value]] = number
            for storage in {*instruction.writes, *(storage_of[value] for value in instruction.made)}:
                self.touching.setdefault(storage, []).append(number)
            touched = set(instruction.writes)
            for value in instruction.made:
                if value not in self.maker and value not in instruction.reads:
                    self.maker[value] = number
                    if storage_of[value] not in self.makers:
                        touched.add(storage_of[value])
            for storage in touched:
                if storages[storage].kind == "result":
                    self.makers.setdefault(storage, []).append(number)
                elif storage in instruction.writes:  # a view of an input leaves it as it is
                    changed_inputs.add(storage)
        self.fixed: set[int] = set()
        for storage, numbers in self.makers.items():
            for number in numbers:
                instruction = self.instructions[number]
                beside = not hasattr(instruction.call.function, "_schema") and instruction.call.random
                changed = (
                    source in changed_inputs or (source != storage and last_write.get(source, -1) > number)
                    for source in (storage_of[value] for value in instruction.reads)
                )  # what was read isn't there any more
                if beside or (lowered.keeps_random and instruction.call.random) or any(changed):
                    self.fixed.add(storage)
        read = {storage_of[v] for i in lowered.instructions[lowered.num_forward :] for v in i.reads}
        self.needed = [storage for storage in self.makers if storage in read]
        #: the values that the forward pass makes on storages of results
        self.results = [(v, storage_of[v]) for v in self.maker if storages[storage_of[v]].kind == "result"]
        self.divided: dict[float, tuple[set[int], dict[int, int]]] = {}  # what `keep_costly` found for its limits
        self.outputs = {storage_of[value] for value in lowered.outputs}
        self.total_cost = sum(self.cost) + sum(
            seconds(lowered, instruction) for instruction in lowered.instructions[lowered.num_forward :]
        )

    def nbytes(self, storages: Iterable[int]) -> int:
        """The bytes of storages."""
        return sum(self.lowered.storages[storage].nbytes for storage in storages)


def keep_all(forward: Forward) -> set[int]:
    """Keep whatever the backward pass reads."""
    return {*forward.needed, *forward.fixed}


def keep_costly(
    forward: Forward, limit: float, among: Iterable[int] | None = None, share: float | None = None
) -> set[int]:
    """Of what the backward pass reads, keep all but what costs little to make again from what is kept.

    limit  how often a result may be read and written, in all, to make it again
    among  the storages to decide on, default all that are needed
    share  the time that making results again may take in all, as a share of that of the step: the results that free
           most memory for it are made again, the others kept
    """
    storages = forward.lowered.storages
    if among is not None:
        kept, dropped = _divide(forward, limit, among)
    else:
        if limit not in forward.divided:
            forward.divided[limit] = _divide(forward, limit, forward.needed)
        before, dropped = forward.divided[limit]
        kept = set(before)
    if share is not None:
        left = share * forward.total_cost
        for storage in sorted(dropped, key=lambda s: (dropped[s] / storages[s].nbytes, -storages[s].nbytes)):
            left -= dropped[storage] / BANDWIDTH
            if left < 0:
                kept.add(storage)
    return kept


def _divide(forward: Forward, limit: float, among: Iterable[int]) -> tuple[set[int], dict[int, int]]:
    """What is kept, and for each of the others the bytes that are moved to make it again; see `keep_costly`."""
    kept = {*forward.fixed, *forward.outputs}
    dropped: dict[int, int] = {}
    wanted = set(forward.needed)
    for storage in among:
        nbytes = forward.lowered.storages[storage].nbytes
        if storage in kept:
            continue
        found, moved = _closure(forward, storage, kept, dropped, wanted, limit * 2 * nbytes)
        if found is None or forward.nbytes(found) > nbytes / 4 or nbytes == 0:
            kept.add(storage)
        else:
            dropped[storage] = moved
            kept |= found
    return kept, dropped


def _closure(
    forward: Forward, storage: int, kept: set[int], dropped: Container[int], wanted: set[int], limit: float
) -> tuple[set[int] | None, int]:
    """What must be kept besides to make a storage again by cheap instructions, and the bytes that these move.

    The first is None if they move more than `limit`.
    """
    lowered = forward.lowered
    storage_of, storages, layouts = lowered.storage_of, lowered.storages, lowered.layouts
    more: set[int] = set()
    seen = {storage}
    stack = [storage]
    moved = 0
    while stack:
        current = stack.pop()
        for number in forward.makers[current]:
            instruction = forward.instructions[number]
            if not forward.cheap[number]:
                if current == storage:
                    return None, 0
                more.add(current)
                break
            if not all(storage_of[v] == current for v in instruction.reads) or instruction.writes:
                moved += sum(layout.nbytes for v in (*instruction.reads, *instruction.made) if (layout := layouts[v]))
            if moved > limit:
                return None, moved
            for value in instruction.reads:
                source = storage_of[value]
                if source in seen or storages[source].kind != "result" or source in kept:
                    continue
                seen.add(source)
                if source in forward.fixed or (source in wanted and source not in dropped):
                    more.add(source)  # not decided on, so it stays
                else:
                    stack.append(source)
    return more, moved


def keep_boundaries(forward: Forward, parts: int, kept_share: float = 0.0) -> set[int]:
    """Cut the forward pass into parts of about equal size, and keep what crosses a cut.

    kept_share  of the time that computing everything else again takes, avoid this share by keeping what costs most
    """
    cuts = _cuts(forward, parts)
    kept = {*forward.fixed, *forward.outputs}
    for storage, numbers in forward.makers.items():
        first, last = numbers[0], forward.last_read.get(storage, -1)
        if bisect_right(cuts, first) < bisect_right(cuts, last):  # a cut lies between
            kept.add(storage)
    last_part = cuts[-1] if cuts else 0
    tail = [storage for storage in forward.needed if forward.makers[storage][0] >= last_part]
    kept |= keep_costly(forward, 2.6, tail)
    return kept | _costliest(forward, kept, kept_share)


def _cuts(forward: Forward, parts: int) -> list[int]:
    """Where to cut: before these instructions, each first of its node, where fewest bytes cross near an equal share."""
    crossing, grown = _crossing_bytes(forward), _needed_bytes(forward)
    total = grown[-1] if grown else 0
    borders = [n for n in range(1, len(grown)) if forward.instructions[n].node != forward.instructions[n - 1].node]
    cuts: set[int] = set()
    position = 0
    for part in range(1, parts):
        low, high = total * (part - 0.5) / parts, total * (part + 0.5) / parts
        best = None
        while position < len(borders) and grown[borders[position] - 1] <= high:
            border = borders[position]
            if grown[border - 1] > low and (best is None or crossing[border] < crossing[best]):
                best = border
            position += 1
        if best is not None:
            cuts.add(best)
    return sorted(cuts)


def _costliest(forward: Forward, kept: set[int], share: float) -> set[int]:
    """Of what the backward pass reads and isn't kept, what costs most for its size to make again: this share of it."""
    storages = forward.lowered.storages
    rest = [s for s in forward.needed if s not in kept and storages[s].nbytes]
    cost = {s: sum(forward.cost[n] for n in forward.makers[s]) for s in rest}
    left = share * sum(cost.values())
    found = set()
    for storage in sorted(rest, key=lambda s: -cost[s] / storages[s].nbytes):
        if left <= 0:
            break
        left -= cost[storage]
        found.add(storage)
    return found


def _needed_bytes(forward: Forward) -> list[int]:
    """The bytes that the backward pass reads of what each instruction and those before it make."""
    lowered, needed = forward.lowered, set(forward.needed)
    grown, total = [], 0
    for number, instruction in enumerate(forward.instructions):
        made = {lowered.storage_of[value] for value in instruction.made} & needed
        total += forward.nbytes(s for s in made if forward.makers.get(s, [-1])[0] == number)
        grown.append(total)
    return grown


def _crossing_bytes(forward: Forward) -> list[int]:
    """For each border before an instruction, the bytes of results that later instructions of the forward pass read."""
    changes = [0] * (len(forward.instructions) + 2)
    for storage, numbers in forward.makers.items():
        last = forward.last_read.get(storage, -1)
        if last > numbers[0]:
            changes[numbers[0] + 1] += forward.lowered.storages[storage].nbytes
            changes[last + 1] -= forward.lowered.storages[storage].nbytes
    held, result = 0, []
    for change in changes:
        held += change
        result.append(held)
    return result
