"""The least storage that any plan of the same operations, in the same order, needs for its results."""

from __future__ import annotations

from collections import defaultdict

from .in_place import in_place_call
from .lowering import Instruction, LoweredProgram
from .templates import Layout


def lower_bound(lowered: LoweredProgram) -> int:
    """The largest sum of bytes of results that must be there at one time.

    An array must be there from the instruction that makes it to the last that reads it. Of one storage, only what its
    largest such array covers is counted; and where an operation could write over an argument that is read for the last
    time, one of the two.
    """
    made, last = _lives(lowered)
    enter: dict[int, list[int]] = defaultdict(list)
    leave: dict[int, list[int]] = defaultdict(list)
    for value, step in made.items():
        enter[step].append(value)
        leave[last.get(value, step) + 1].append(value)
    alive: dict[int, list[int]] = defaultdict(list)  # storage -> the bytes that its arrays cover
    held = bound = 0
    for step, instruction in enumerate(lowered.instructions):
        for values, change in ((leave[step], list.remove), (enter[step], list.append)):
            for value in values:
                sizes = alive[lowered.storage_of[value]]
                held -= max(sizes, default=0)
                change(sizes, _covered(lowered.layouts[value]))
                held += max(sizes, default=0)
        bound = max(bound, held - _overwritten(lowered, instruction, step, made, last))
    return bound


def _lives(lowered: LoweredProgram) -> tuple[dict[int, int], dict[int, int]]:
    """The instruction that makes each array of results, and the last that reads it; outputs are read at the end."""
    made: dict[int, int] = {}
    last: dict[int, int] = {}
    for step, instruction in enumerate(lowered.instructions):
        last.update(dict.fromkeys(instruction.reads, step))
        for value in instruction.made:
            if lowered.storages[lowered.storage_of[value]].kind == "result" and value not in instruction.reads:
                made.setdefault(value, step)
    last.update(dict.fromkeys(lowered.results(), len(lowered.instructions)))
    return made, last


def _covered(layout: Layout | None) -> int:
    """The bytes that an array's elements take: repeated ones once, without gaps."""
    if layout is None or not layout.size:
        return 0
    elements = 1
    for extent, step in zip(layout.shape, layout.stride, strict=True):
        elements *= extent if step else 1
    return min(elements * layout.dtype.itemsize, layout.nbytes)


def _overwritten(
    lowered: LoweredProgram, instruction: Instruction, step: int, made: dict[int, int], last: dict[int, int]
) -> int:
    """The bytes of an argument that the first result of an instruction could take the place of, and doesn't."""
    if not instruction.made or instruction.writes:
        return 0
    out = instruction.made[0]
    if made.get(out) != step:
        return 0
    for slot, value in enumerate(instruction.reads):
        if (
            value in made and last[value] == step and lowered.layouts[value] == lowered.layouts[out]
            and lowered.storage_of[value] != lowered.storage_of[out] and in_place_call(instruction.call, slot)
        ):  # fmt: skip
            return _covered(lowered.layouts[value])
    return 0
