"""Operations that may write their result over an argument that nothing needs any more."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor

from .liveness import last_uses
from .lowering import Instruction, LoweredProgram
from .onednn.primitives import InPlace, Primitive
from .templates import Call, Place

aten = torch.ops.aten


def work_in_place(lowered: LoweredProgram) -> LoweredProgram:
    """The same program, with results in the storage of an argument wherever that dies there; the bits stay the same.

    Only operations that compute each element from the elements at the same place do so, on a whole storage.
    """
    done = lowered.copy()
    last = last_uses(lowered)
    root: dict[int, int] = {}  # storage -> the one whose memory it takes

    def resolve(storage: int) -> int:
        while storage in root:
            storage = root[storage]
        return storage

    storages, layouts = lowered.storages, lowered.layouts
    for number, instruction in enumerate(lowered.instructions):
        if len(instruction.outputs) == 0 or instruction.writes or instruction.outputs[0] is None:
            continue
        if not _works_by_element(instruction.call.function):
            continue
        out = instruction.outputs[0]
        out_storage = lowered.storage_of[out]
        if out in instruction.reads or out_storage in root:
            continue
        for slot, value in enumerate(instruction.reads):
            storage = resolve(lowered.storage_of[value])
            layout = layouts[value]
            if (
                last.get(storage) != number or storages[storage].kind != "result" or layout != layouts[out]
                or layout is None or layout.nbytes != storages[storage].nbytes or storage == out_storage
                or storages[out_storage].nbytes != layout.nbytes or layout.size * layout.dtype.itemsize != layout.nbytes
            ):  # fmt: skip
                continue
            others = [other for place, other in enumerate(instruction.reads) if place != slot]
            if not isinstance(instruction.call.function, Primitive):  # works element by element: may take one twice
                others = [other for other in others if other != value]
            if any(resolve(lowered.storage_of[other]) == storage for other in others):
                continue
            call = in_place_call(instruction.call, slot)
            if call is None:
                continue
            outputs = instruction.outputs if isinstance(call.function, InPlace) else instruction.outputs[:1]
            done.instructions[number] = Instruction(
                call, instruction.reads, outputs, (storage,), instruction.label, instruction.node
            )
            root[out_storage] = storage
            last[storage] = last[out_storage]
            break
    if root:
        done.storage_of = [resolve(storage) for storage in lowered.storage_of]
        for number, instruction in enumerate(done.instructions):
            if instruction.writes:
                writes = tuple(resolve(storage) for storage in instruction.writes)
                if writes != instruction.writes:
                    done.instructions[number] = instruction.replaced(writes=writes)
    return done


@lru_cache(maxsize=65536)
def in_place_call(call: Call, slot: int) -> Call | None:
    """The call that writes its first result over its argument at a place; None if there is none."""
    function = call.function
    if isinstance(function, Primitive):
        return Call(InPlace(function), call.args, {}, unpacks=call.unpacks) if slot == function.over else None
    if function is aten.native_batch_norm.default and not call.args[5]:
        if isinstance(call.args[0], Place) and call.args[0].number == slot:
            return Call(normalize_in_place, (*call.args[:5], call.args[7]), {})
        return None
    if not _works_by_element(function):
        return None
    if call.args and isinstance(call.args[0], Place) and call.args[0].number == slot:
        found = _in_place_overload(function)
        if found is not None:
            return Call(found, call.args, call.kwargs)
    overload, name = _out_overload(function)
    return None if overload is None else Call(overload, call.args, {**call.kwargs, name: Place(slot)})


def normalize_in_place(
    data: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, eps: float
) -> Tensor:
    """native_batch_norm with given moments, over its data."""
    unused = mean.new_empty(0)  # float32 with data in half precision
    return aten.native_batch_norm.out(  # type: ignore[no-any-return]
        data, weight, bias, mean, variance, False, 0.0, eps, out=data, save_mean=unused, save_invstd=unused
    )[0]


@cache
def _works_by_element(function: Any) -> bool:
    """Whether an operation computes each element from the elements at the same place, with some arguments at least."""
    if function is aten.native_batch_norm.default:
        return True
    if isinstance(function, Primitive):
        return function.over is not None
    return isinstance(function, torch._ops.OpOverload) and torch.Tag.pointwise in function.tags


@cache
def _in_place_overload(function: Any) -> Any:
    packet = getattr(aten, f"{function._schema.name.partition('::')[2]}_", None)
    return getattr(packet, function._overloadname, None) if packet is not None else None


@cache
def _out_overload(function: Any) -> tuple[Callable[..., Any] | None, str]:
    packet = function._overloadpacket
    own = [argument.name for argument in function._schema.arguments]
    for name in packet.overloads():
        overload = getattr(packet, name)
        arguments = overload._schema.arguments
        outs = [a.name for a in arguments if a.is_out]
        rest = [a for a in arguments if not a.is_out]
        same_types = [str(a.type) for a in rest] == [str(a.type) for a in function._schema.arguments]
        if len(outs) == 1 and [a.name for a in rest] == own and same_types:
            return overload, outs[0]
    return None, ""
