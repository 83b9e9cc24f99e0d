"""When the storages of a flat program are needed."""

from __future__ import annotations

from .lowering import LoweredProgram


def last_uses(lowered: LoweredProgram) -> dict[int, int]:
    """The last instruction that uses each storage; what outlives the program is used after the last one."""
    last: dict[int, int] = {}
    storage_of = lowered.storage_of
    for number, instruction in enumerate(lowered.instructions):
        for value in instruction.reads:
            last[storage_of[value]] = number
        for output in instruction.outputs:
            if output is not None:
                last[storage_of[output]] = number
    for value in lowered.results():
        last[storage_of[value]] = len(lowered.instructions)
    return last


def live_ranges(lowered: LoweredProgram) -> dict[int, tuple[int, int]]:
    """The first and the last instruction that needs each storage of results."""
    first: dict[int, int] = {}
    storage_of, storages = lowered.storage_of, lowered.storages
    for number, instruction in enumerate(lowered.instructions):
        for output in instruction.outputs:
            if output is not None:
                first.setdefault(storage_of[output], number)
    last = last_uses(lowered)
    return {
        storage: (number, last[storage]) for storage, number in first.items() if storages[storage].kind == "result"
    }


def peak_of(lowered: LoweredProgram) -> int:
    """The largest sum of bytes that storages of results hold at one time."""
    changes = [0] * (len(lowered.instructions) + 2)
    for storage, (first, last) in live_ranges(lowered).items():
        nbytes = lowered.storages[storage].nbytes
        changes[first] += nbytes
        changes[last + 1] -= nbytes
    held = peak = 0
    for change in changes:
        held += change
        peak = max(peak, held)
    return peak


def crossing_bytes(lowered: LoweredProgram) -> int:
    """The bytes of storages of results that the forward pass makes and the backward pass reads."""
    storage_of, storages = lowered.storage_of, lowered.storages
    made = {storage_of[v] for i in lowered.instructions[: lowered.num_forward] for v in i.outputs if v is not None}
    read = {storage_of[v] for i in lowered.instructions[lowered.num_forward :] for v in i.reads}
    return sum(storages[storage].nbytes for storage in made & read if storages[storage].kind == "result")
