"""Common subexpressions of a training step: results that two operations compute from the same values.

They are looked for in the flat program, where the gradients of both users are written down already. So no gradient is
added up in another order than before, which merging nodes of the graph would do: of ``exp(x) * exp(x)`` the two
gradients that reach x are computed and added as autograd does it, and only the second exp is left out.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch

from .lowering import Instruction, LoweredProgram
from .templates import Call, Place, StoreCall

_PLAIN = (int, float, str, torch.dtype, torch.device, torch.layout, torch.memory_format, type(None))


def merge_equal_results(lowered: LoweredProgram) -> LoweredProgram | None:
    """Compute each distinct result once in the forward pass, and once in the backward pass.

    What draws random numbers or is changed in place stays, and so does what the program hands over: users may write to
    it.

    Returns: a new program; None if it would compute as much as before.
    """
    storage_of = lowered.storage_of
    stays = {storage_of[value] for value in lowered.results()}
    for instruction in lowered.instructions:
        stays.update(instruction.writes)
        if isinstance(instruction.call, StoreCall):
            stays.update(storage_of[value] for value in instruction.reads)
    keys: dict[int, Hashable] = {}
    value_for: dict[int, int] = {}  # of what isn't computed any more -> what is equal to it
    storage_for: dict[int, int] = {}
    first: dict[Hashable, Instruction] = {}
    kept: list[Instruction] = []
    num_forward = 0
    saves = False
    for number, instruction in enumerate(lowered.instructions):
        if number == lowered.num_forward:
            num_forward = len(kept)
            first = {}  # to keep a result for the backward pass would take storage
        if not value_for.keys().isdisjoint(instruction.reads):
            instruction = instruction.replaced(reads=tuple(value_for.get(v, v) for v in instruction.reads))
        call = instruction.call
        if id(call) not in keys:
            keys[id(call)] = _key(call)
        touched = {storage_of[value] for value in (*instruction.reads, *instruction.made)}
        key = keys[id(call)]
        if key is None or not instruction.reads or instruction.writes or not stays.isdisjoint(touched):
            kept.append(instruction)
            continue
        same = first.setdefault((key, instruction.reads), instruction)
        if same is instruction:
            kept.append(instruction)
            continue
        for value, other in zip(instruction.outputs, same.outputs, strict=True):
            if value is not None and other is not None:
                value_for[value] = other
                if storage_of[value] != storage_of[other]:
                    storage_for[storage_of[value]] = storage_of[other]
                    saves = True
    if not saves:
        return None
    merged = lowered.copy()
    merged.instructions = kept
    merged.num_forward = num_forward if lowered.num_forward < len(lowered.instructions) else len(kept)
    merged.storage_of = [storage_for.get(storage, storage) for storage in storage_of]
    return merged


def _key(call: Call) -> Hashable:
    """What is equal for calls that give equal results for equal tensors; None where nothing says so."""
    function = getattr(call.function, "_op", call.function)
    schema = getattr(call.function, "_schema", None)
    if type(call) is not Call or call.random or schema is None or schema.is_mutable:
        return None
    try:
        return function, _written(call.args), _written(sorted(call.kwargs.items()))
    except TypeError:
        return None


def _written(item: Any) -> Hashable:
    """A constant argument in a form that can be compared; TypeError for what has none, a tensor for one."""
    if isinstance(item, list | tuple):
        return tuple(map(_written, item))
    if isinstance(item, Place):
        return "place", item.number
    if isinstance(item, _PLAIN):
        return type(item).__name__, repr(item)
    raise TypeError(f"{item!r} can't be compared")
