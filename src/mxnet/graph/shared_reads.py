"""Reading what a flat program holds anyway, instead of keeping something that says the same."""

from __future__ import annotations

from typing import Any

import torch

from .costs import is_view
from .lowering import Instruction, LoweredProgram, remove_dead
from .templates import Call, Layout, Place, Target, contiguous_layout

aten = torch.ops.aten


def read_originals(lowered: LoweredProgram) -> LoweredProgram:
    """Read a matrix itself instead of the transposition of its transposition: the same window on the same memory."""
    done = lowered.copy()
    done.instructions = []
    source: dict[int, int] = {}  # transposition -> the matrix
    same: dict[int, int] = {}
    keep = set(lowered.outputs)
    for number, instruction in enumerate(lowered.instructions):
        reads = tuple([same.get(value, value) for value in instruction.reads])
        if instruction.call.function is aten.t.default:
            (made,) = instruction.made
            original = source.get(reads[0])
            if original is not None and made not in keep and lowered.layouts[original] == lowered.layouts[made]:
                same[made] = original
                done.num_forward -= number < lowered.num_forward
                continue
            source[made] = reads[0]
        done.instructions.append(instruction if reads == instruction.reads else instruction.replaced(reads=reads))
    if not same:
        return lowered
    done.gradients = {
        name: value if value is None else same.get(value, value) for name, value in lowered.gradients.items()
    }
    return remove_dead(done)


def read_from_concatenations(lowered: LoweredProgram) -> LoweredProgram:
    """Let the backward pass read parts of a concatenation, where they were only kept for it, as windows on the whole.

    It does so where the whole is kept anyway, or takes no more memory than the parts. Only operations that work element
    by element read windows: they give the same bits.
    """
    done = lowered.copy()
    back = range(lowered.num_forward, len(lowered.instructions))
    readers: dict[int, list[int]] = {}
    for number in back:
        for value in lowered.instructions[number].reads:
            readers.setdefault(lowered.storage_of[value], []).append(number)
    windows: dict[int, list[Instruction]] = {}  # instruction -> what goes before it
    renamed: dict[int, int] = {}
    for joined in lowered.instructions[: lowered.num_forward]:
        if joined.call.function is not aten.cat.default:
            continue
        whole = joined.made[0]
        layout = lowered.layouts[whole]
        if layout is None or layout != contiguous_layout(layout.shape, layout.dtype):
            continue
        dim = (joined.call.args[1] if len(joined.call.args) > 1 else 0) % len(layout.shape)
        parts, begin = [], 0
        for value in joined.reads:
            part = lowered.layouts[value]
            assert part is not None
            if _only_element_wise(lowered, value, readers.get(lowered.storage_of[value], [])):
                parts.append((value, begin, begin + part.shape[dim]))
            begin += part.shape[dim]
        saved = sum(lowered.storages[lowered.storage_of[value]].nbytes for value, _, _ in parts)
        if not parts or (lowered.storage_of[whole] not in readers and saved < layout.nbytes):
            continue
        readers.setdefault(lowered.storage_of[whole], [])
        for value, first, last in parts:
            part = lowered.layouts[value]
            assert part is not None
            window = done.new_value(Layout(part.shape, layout.stride, layout.dtype), lowered.storage_of[whole])
            renamed[value] = window
            call = Call(aten.slice.Tensor, (Place(0), dim, first, last), {})
            reader = min(readers[lowered.storage_of[value]])
            origin = lowered.instructions[reader]
            windows.setdefault(reader, []).append(Instruction(call, (whole,), (window,), (), origin.label, origin.node))
    if not renamed:
        return lowered
    instructions = list(lowered.instructions[: lowered.num_forward])
    for number in back:
        instruction = lowered.instructions[number]
        instructions += windows.get(number, ())
        reads = tuple(renamed.get(value, value) for value in instruction.reads)
        instructions.append(instruction if reads == instruction.reads else instruction.replaced(reads=reads))
    done.instructions = instructions
    return done


def _only_element_wise(lowered: LoweredProgram, value: int, readers: list[int]) -> bool:
    """Whether the backward pass reads a value, a whole result, by element-wise operations alone."""
    storage, layout = lowered.storages[lowered.storage_of[value]], lowered.layouts[value]
    if not readers or storage.kind != "result" or layout is None or layout.nbytes != storage.nbytes:
        return False
    if layout != contiguous_layout(layout.shape, layout.dtype):
        return False
    for number in readers:
        instruction = lowered.instructions[number]
        function: Any = instruction.call.function
        if not isinstance(function, torch._ops.OpOverload) or torch.Tag.pointwise not in function.tags:
            return False
        if any(lowered.storage_of[v] == lowered.storage_of[value] and v != value for v in instruction.reads):
            return False
    return True


def compute_into_targets(lowered: LoweredProgram, direct: frozenset[str]) -> LoweredProgram:
    """Let matrix products write gradients where they are to go, instead of handing them over to be copied.

    direct  the variables whose gradient replaces what is there
    """
    users: dict[int, list[int]] = {}
    for number, instruction in enumerate(lowered.instructions):
        for storage in {lowered.storage_of[value] for value in (*instruction.reads, *instruction.made)}:
            users.setdefault(storage, []).append(number)
    done, dead = lowered.copy(), set()
    for number, instruction in enumerate(lowered.instructions):
        position = getattr(instruction.call, "position", None)
        if position is None or lowered.stored[position] not in direct:
            continue
        value = instruction.reads[0]
        maker, *others = users[lowered.storage_of[value]]
        made = lowered.instructions[maker]
        if made.call.function is not aten.mm.default or lowered.layouts[made.made[0]] != lowered.layouts[value]:
            continue
        if others[-1] != number or not all(is_view(lowered, lowered.instructions[other]) for other in others[:-1]):
            continue
        call = Call(aten.mm.out, made.call.args, {"out": Target(position)})
        done.instructions[maker] = made.replaced(call=call, outputs=())
        dead.update(others)
    if dead:
        forward = sum(number < lowered.num_forward for number in dead)
        done.instructions = [item for number, item in enumerate(done.instructions) if number not in dead]
        done.num_forward = lowered.num_forward - forward
    return done
