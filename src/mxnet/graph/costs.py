"""What instructions of a flat program cost, estimated from their shapes: enough to choose what to compute again."""

from __future__ import annotations

from typing import Any

import torch

from .lowering import Instruction, LoweredProgram
from .onednn.primitives import Primitive

aten = torch.ops.aten

FLOPS = 1.0e11  # operations per second of matrix products and convolutions, on a CPU with few cores
BANDWIDTH = 1.0e10  # bytes per second
RANDOM_ELEMENTS = 3.0e8  # random numbers per second
_CALL = 2.0e-6  # seconds for calling any operation

_COPIES = {aten.cat.default, aten.clone.default, aten.copy.default, aten.stack.default, aten.empty_like.default}
_PRODUCTS = {
    aten.mm.default, aten.addmm.default, aten.bmm.default, aten.baddbmm.default, aten.linear.default,
    aten.convolution.default, aten.convolution_backward.default, aten.matmul.default,
}  # fmt: skip


def is_view(lowered: LoweredProgram, instruction: Instruction) -> bool:
    """Whether all that an instruction gives are windows on what it reads."""
    if instruction.writes:
        return False
    storage_of, found = lowered.storage_of, False
    for value in instruction.outputs:
        if value is not None:
            storage, found = storage_of[value], True
            if not any(storage_of[read] == storage for read in instruction.reads):
                return False
    return found


def is_cheap(lowered: LoweredProgram, instruction: Instruction) -> bool:
    """Whether an instruction does no more than read and write its arrays once."""
    function: Any = instruction.call.function
    if instruction.call.random:
        return False
    if isinstance(function, Primitive):
        return function.passes > 0
    if isinstance(function, torch._ops.OpOverload) and (torch.Tag.pointwise in function.tags or function in _COPIES):
        return True
    if function is aten.native_batch_norm.default:
        return not instruction.call.args[5]
    return is_view(lowered, instruction)


def seconds(lowered: LoweredProgram, instruction: Instruction) -> float:
    """About how long an instruction takes."""
    if is_view(lowered, instruction):
        return _CALL
    layouts = lowered.layouts
    moved = sum(layout.nbytes for layout in map(layouts.__getitem__, (*instruction.reads, *instruction.made)) if layout)
    function: Any = instruction.call.function
    if isinstance(function, Primitive):
        return _CALL + max(function.passes, 1) * moved / BANDWIDTH + function.operations / FLOPS
    time = _CALL + moved / BANDWIDTH
    if instruction.call.random:
        time += sum(layout.size for layout in map(layouts.__getitem__, instruction.made) if layout) / RANDOM_ELEMENTS
    if instruction.call.function in _PRODUCTS:
        time += _operations(lowered, instruction) / FLOPS
    elif not is_cheap(lowered, instruction):
        time += 2 * moved / BANDWIDTH
    return time


def _operations(lowered: LoweredProgram, instruction: Instruction) -> float:
    function = instruction.call.function
    read = [lowered.layouts[value] for value in instruction.reads]
    made = [lowered.layouts[value] for value in instruction.made]
    if function is aten.convolution.default:
        data, weight, out = read[0], read[1], made[0]
        assert data is not None and weight is not None and out is not None
        if instruction.call.args[6]:  # transposed
            return 2.0 * data.size * weight.size / max(weight.shape[0], 1)
        return 2.0 * out.size * weight.size / max(weight.shape[0], 1)
    if function is aten.convolution_backward.default:
        head, data, weight = read[0], read[1], read[2]
        assert head is not None and data is not None and weight is not None
        moving = data if instruction.call.args[7] else head
        mask = instruction.call.args[10]
        return float(2.0 * moving.size * weight.size / max(weight.shape[0], 1) * (mask[0] + mask[1]))
    first = read[-2]
    out = made[0]
    assert first is not None and out is not None
    return 2.0 * out.size * (first.shape[-1] if first.shape else 1)
