"""Training steps that keep images in the blocked layouts of oneDNN from layer to layer, forward and backward.

Convolution, BatchNorm (with relu), Pooling and Concat are oneDNN's own operations on blocks of 8 or 16 channels. What
works element by element runs on the blocks as they lie. Everything else gets arrays as torch has them: reordering is
an instruction of the program like any other. Results are rounded differently than without blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from ..ops.attributes import Shape
from ..ops.convolution import is_channel_last
from .graph import Node, Value
from .lowering import Instruction, Lowering
from .onednn.library import Unsupported
from .onednn.memory import Memory, channel_blocks, plain
from .onednn.primitives import Primitive, convolution, normalization, pooling, reorder
from .program import Step
from .storage import KEEP_ZEROS, KEEP_ZEROS_IF
from .templates import Call, Layout, Place, channels_last_layout, contiguous_layout, template

Gradients = dict[Value, int]

_ELEMENT_WISE = {"elemwise_add", "_grad_add", "elemwise_sub", "elemwise_mul", "add_n", "_maximum", "_minimum"}
_ACTIVATIONS = {"Activation": {"relu", "tanh", "softsign"}, "LeakyReLU": {"leaky", "elu", "selu", "gelu"}}
_ZERO_IS_NOT_KEPT = {"sigmoid", "softrelu"}  # of Activation: only where no axis is filled up


class Blocked(Lowering):
    """Puts a flat program together whose images lie in blocks.

    operators  by name, what enters their nodes on values that they are given; False: not this one
    """

    operators: Mapping[str, Callable[[Any, Step, list[int]], bool]] = {}

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.memories: dict[int, Memory] = {}  # of the values that lie in blocks
        self._reordered: dict[tuple[int, Memory], int] = {}

    def given(self, value: Value) -> int:
        """The value as torch has it."""
        return self.plainly(self.values[value], value.node)

    def plainly(self, index: int, node: Node, suffix: str = "") -> int:
        """A value as torch has it."""
        if index not in self.memories:
            return index
        layout = contiguous_layout(self.memories[index].dims, torch.float32)
        return self.arrange(index, plain_memory(layout), node, suffix)

    def forward(self, step: Step) -> None:
        """Enter the forward pass of a node, on blocks where that is possible."""
        node = step.node
        given = [self.values[value] for value in node.inputs]
        enter = self.operators.get(step.op.name)
        if enter is not None and all(self.dtype(index) is torch.float32 for index in given):
            try:
                if enter(self, step, given):
                    return
            except Unsupported:
                pass  # it runs as torch does it
        if not self._run_on_blocks(step, given):
            super().forward(step)

    def dtype(self, index: int) -> torch.dtype:
        """The dtype of the elements of a value."""
        return self.layout(index).dtype

    def dims(self, index: int) -> tuple[int, ...]:
        """The shape of the array that a value holds."""
        return self.memories[index].dims if index in self.memories else self.layout(index).shape

    def arrange(self, index: int, memory: Memory, node: Node, suffix: str = "") -> int:
        """The value in a layout of oneDNN; itself where it lies so already."""
        current = self.memories.get(index) or plain_memory(self.layout(index))
        if current is memory:
            return index
        key = (index, memory)
        if key not in self._reordered:
            self._reordered[key] = self.emit(reorder(current, memory), [index], node, suffix)[0]
        return self._reordered[key]

    def with_channels_last(self, index: int, node: Node) -> int:
        """The value as torch has it, with the channels last in memory if it is a batch of images."""
        dims = self.dims(index)
        layout = (channels_last_layout if len(dims) == 4 else contiguous_layout)(dims, torch.float32)
        return self.arrange(index, plain_memory(layout), node, " backward")

    def emit(self, primitive: Primitive, reads: Sequence[int], node: Node, suffix: str = "") -> list[int]:
        """Enter one operation of oneDNN; the values that it makes."""
        lowered, label = self.lowered, node.name + suffix
        made = []
        for layout, memory in zip(primitive.layouts, primitive.results, strict=True):
            made.append(lowered.new_value(layout, lowered.new_storage(layout.nbytes, "result", label)))
            if memory.is_blocked and layout is memory.layout:
                self.memories[made[-1]] = memory
        call = Call(primitive, tuple(map(Place, range(len(reads)))), {}, unpacks=len(made) > 1)
        lowered.instructions.append(Instruction(call, tuple(reads), tuple(made), (), label, self.numbers[node]))
        return made

    def make(self, step: Step, values: Sequence[int], backward: Callable[[Gradients], None]) -> None:
        """Enter the outputs of a node, and what adds the gradients of its inputs."""
        for position, index in enumerate(values):
            self.values[Value(step.node, position)] = index
        if any(self.needs(step.node)):
            self.differentiable.add(Value(step.node, 0))
            self.backward.append(backward)

    def needs(self, node: Node) -> list[bool]:
        """Which inputs of a node need a gradient."""
        return [value in self.differentiable for value in node.inputs]

    def add(self, gradients: Gradients, value: Value, gradient: int) -> None:
        """Add a gradient to what there is for a value, in the layout of the value."""
        memory = self.memories.get(self.values[value])
        if memory is not None:
            if self.layout(gradient).shape == memory.layout.shape:  # of an operation on the blocks as they lie
                self.memories[gradient] = memory
            gradient = self.arrange(gradient, memory, value.node, " backward")
        else:
            gradient = self.plainly(gradient, value.node, " backward")
        super().add(gradients, value, gradient)
        if memory is not None:
            self.memories[gradients[value]] = memory

    def approach(self, node: Node, moving: int, target: int, weight: float) -> None:
        """Move an input towards a value, in place: ``moving += weight * (target - moving)``."""
        layouts = [self.layout(moving), self.layout(target)]
        made = template(("approach", weight), partial(_approach, weight), layouts, (False, False), self.device)
        self.enter(self.place(made, [moving, target], None), made.forward, node.name, self.numbers[node])

    def _run_on_blocks(self, step: Step, given: list[int]) -> bool:
        """Enter a node that works element by element on the blocks of its inputs as they lie."""
        memories = {self.memories.get(index) for index in given}
        memory = memories.pop() if len(memories) == 1 else None
        if memory is None or not _works_on(step.node, memory):
            return False
        placed = self.run(step, given)
        if placed is None:
            return False
        self.memories[self.values[Value(step.node, 0)]] = memory
        return True


@lru_cache(maxsize=4096)
def plain_memory(layout: Layout) -> Memory:
    """The memory of a tensor with strides."""
    return plain(layout)


def _approach(weight: float, moving: Tensor, target: Tensor) -> Tensor:
    return moving.lerp_(target, weight)


def _works_on(node: Node, memory: Memory) -> bool:
    """Whether an operator works element by element, and keeps the zeros that fill up the last block."""
    assert node.op is not None
    name = node.op.name
    if name in _ACTIVATIONS:
        kind = node.attrs["act_type"]
        return kind in _ACTIVATIONS[name] or (kind in _ZERO_IS_NOT_KEPT and not memory.is_padded)
    if name in KEEP_ZEROS_IF:
        return not memory.is_padded or KEEP_ZEROS_IF[name](node.attrs)
    return name in KEEP_ZEROS or name in _ELEMENT_WISE


def geometry_of(low: Blocked, step: Step, given: list[int]) -> tuple[Shape, Shape, Shape, int] | None:
    """(stride, dilate, pad, groups) of a convolution; None if its axes aren't batch, channels, places."""
    attrs, kernel, data = step.attrs, step.attrs["kernel"], low.dims(given[0])
    if is_channel_last(attrs["layout"]) or not all(data) or len(data) != len(kernel) + 2:
        return None
    ones = (1,) * len(kernel)
    return attrs["stride"] or ones, attrs["dilate"] or ones, attrs["pad"] or (0,) * len(kernel), attrs["num_group"]


def _convolution(low: Blocked, step: Step, given: list[int]) -> bool:
    node = step.node
    geometry = geometry_of(low, step, given)
    if geometry is None:
        return False
    data, weight, result = low.dims(given[0]), low.layout(given[1]), low.inferred_layout(Value(node, 0)).shape
    found = convolution(data, weight, result, *geometry, len(given) > 2)
    source = low.arrange(given[0], found.source, node)
    kernel_forward = low.emit(found.arrange_weight, [given[1]], node)[0]
    out = low.emit(found.forward, [source, kernel_forward, *given[2:]], node)

    def backward(gradients: Gradients) -> None:
        head = gradients.pop(Value(node, 0), None)
        if head is None:
            return
        head, needs = low.arrange(head, found.result, node, " backward"), low.needs(node)
        if any(needs[1:]):
            made = low.emit(found.weight_gradient, [source, head], node, " backward")
            if needs[1]:
                low.add(gradients, node.inputs[1], low.emit(found.plain_gradient, made[:1], node, " backward")[0])
            if needs[-1] and len(needs) > 2:
                low.add(gradients, node.inputs[2], made[1])
        if needs[0] and found.data_gradient is not None and found.arrange_weight_back is not None:
            arranged = low.emit(found.arrange_weight_back, [given[1]], node, " backward")
            made = low.emit(found.data_gradient, [head, *arranged], node, " backward")
            low.add(gradients, node.inputs[0], made[0])
        elif needs[0]:
            operation = partial(_data_gradient, *geometry)
            arrays = [low.with_channels_last(index, node) for index in (head, source)] + [given[1]]
            layouts = [low.layout(index) for index in arrays]
            made_by_torch = template(("data gradient", geometry), operation, layouts, (False,) * 3, low.device)
            low.add(gradients, node.inputs[0], low.single(made_by_torch, arrays, node, " backward"))

    low.make(step, out, backward)
    return True


def _data_gradient(
    stride: Shape, dilate: Shape, pad: Shape, groups: int, head: Tensor, data: Tensor, weight: Tensor
) -> Tensor:
    """The gradient of the data of a convolution, by torch."""
    return torch.ops.aten.convolution_backward(  # type: ignore[no-any-return]
        head, data, weight, None, stride, pad, dilate, False, (0,) * len(stride), groups, (True, False, False)
    )[0]


def normalized_memory(low: Blocked, step: Step, given: list[int]) -> Memory | None:
    """The memory of what a BatchNorm normalises; None if oneDNN can't do it, or it lies in no blocks."""
    attrs, memory = step.attrs, low.memories.get(given[0])
    if memory is None or attrs["output_mean_var"] or attrs.get("axis", 1) not in (1, 1 - len(memory.dims)):
        return None
    return memory


def _batch_norm(low: Blocked, step: Step, given: list[int]) -> bool:
    node, attrs = step.node, step.attrs
    memory = normalized_memory(low, step, given)
    if memory is None:
        return False
    data, gamma, beta, moving_mean, moving_var = given
    fixed = attrs["use_global_stats"] or not low.training
    scale = [] if attrs["fix_gamma"] else [gamma]
    relu = step.op.name == "_contrib_BatchNormWithReLU"
    found = normalization(memory, attrs["eps"], bool(scale), relu, fixed)
    moments = [moving_mean, moving_var]
    if fixed:
        out, *mask = low.emit(found.forward, [data, *moments, *scale, beta], node)
    else:
        out, *moments_and_mask = low.emit(found.forward, [data, *scale, beta], node)
        moments, mask = moments_and_mask[:2], moments_and_mask[2:]
        if any(low.needs(node)):  # as the operator does it
            for moving, found_now in zip((moving_mean, moving_var), moments, strict=True):
                low.approach(node, moving, found_now, 1 - attrs["momentum"])

    def backward(gradients: Gradients) -> None:
        head = gradients.pop(Value(node, 0), None)
        if head is None:
            return
        suffix = " backward"
        made = low.emit(found.backward, [head, data, *moments, *scale, *mask], node, suffix)
        found_gradients = [made[0], made[1] if scale else None, made[-1]]
        for value, gradient, need in zip(node.inputs[:3], found_gradients, low.needs(node)[:3], strict=True):
            if need and gradient is not None:
                low.add(gradients, value, gradient)
            elif need:
                low.add(gradients, value, low.single(_zeros(low.layout(gamma), low.device), [gamma], node, suffix))

    low.make(step, [out], backward)
    return True


def _zeros(layout: Layout, device: torch.device) -> Any:
    return template("zeros", torch.zeros_like, (layout,), (False,), device)


def windows_of(
    low: Blocked, step: Step, given: list[int]
) -> tuple[Memory, Shape, Shape, Shape, Shape, str] | None:
    """What `pooling` takes for a node; None if oneDNN can't do it, or its data lie in no blocks."""
    attrs, memory = step.attrs, low.memories.get(given[0])
    if memory is None or is_channel_last(attrs.get("layout")) or attrs["pool_type"] not in ("max", "avg"):
        return None
    spatial, kind = memory.dims[2:], attrs["pool_type"]
    result = low.inferred_layout(Value(step.node, 0)).shape
    ones, zeros = (1,) * len(spatial), (0,) * len(spatial)
    if attrs["global_pool"]:
        return memory, result, spatial, ones, zeros, kind
    kernel, stride, pad = attrs["kernel"], attrs["stride"] or ones, attrs["pad"] or zeros
    counts_pads = attrs.get("count_include_pad") is not False and any(pad)
    if attrs["pooling_convention"] == "same" or not len(kernel) == len(stride) == len(pad) == len(spatial):
        return None
    if kind == "avg" and attrs["pooling_convention"] == "full" and counts_pads:
        return None  # what lies beyond the pads doesn't count, but oneDNN knows one kind of pads
    return memory, result, kernel, stride, pad, "avg_inside" if kind == "avg" and not counts_pads else kind


def _pooling(low: Blocked, step: Step, given: list[int]) -> bool:
    node, windows = step.node, windows_of(low, step, given)
    if windows is None:
        return False
    found = pooling(*windows)
    out, *places = low.emit(found.forward, given, node)

    def backward(gradients: Gradients) -> None:
        head = gradients.pop(Value(node, 0), None)
        if head is not None:
            head = low.arrange(head, found.result, node, " backward")
            low.add(gradients, node.inputs[0], low.emit(found.backward, [head, *places], node, " backward")[0])

    low.make(step, [out], backward)
    return True


def channel_parts(low: Blocked, step: Step, given: list[int]) -> tuple[list[int], Memory] | None:
    """What a Concat of channels joins, in one kind of blocks, and the memory of the whole; None if it can't be so.

    Each part must fill whole blocks.
    """
    blocks = {low.memories[index].blocks for index in given if index in low.memories}
    if step.attrs["dim"] != 1 or len(blocks) != 1 or len(low.dims(given[0])) < 3:
        return None
    (inside,) = blocks
    if len(inside) != 1 or inside[0][0] != 1 or any(low.dims(index)[1] % inside[0][1] for index in given):
        return None
    size = inside[0][1]
    parts = [low.arrange(index, channel_blocks(low.dims(index), size), step.node) for index in given]
    return parts, channel_blocks(low.inferred_layout(Value(step.node, 0)).shape, size)


def _concat(low: Blocked, step: Step, given: list[int]) -> bool:
    node, found = step.node, channel_parts(low, step, given)
    if found is None:
        return False
    parts, whole = found
    batch = whole.dims[0]
    layouts, needs = [low.layout(index) for index in parts], low.needs(node)
    joined = template(("channels", batch), partial(join_channels, batch), layouts, needs, low.device)
    placed = low.place(joined, parts, None)
    low.enter(placed, joined.forward, node.name, low.numbers[node])
    out = placed.values[joined.outputs[0]]
    low.memories[out] = whole

    def backward(gradients: Gradients) -> None:
        head = gradients.pop(Value(node, 0), None)
        if head is None:
            return
        gradient = joined.gradient((low.layout(head),))
        own = gradient.heads[0]
        assert own is not None
        placed.values[own] = head
        placed.storages[joined.storage_of[own]] = low.lowered.storage_of[head]
        low.enter(placed, gradient.steps, f"{node.name} backward", low.numbers[node])
        for value, index, partials in zip(node.inputs, parts, gradient.partials, strict=True):
            for part in partials:
                low.memories[placed.values[part]] = low.memories[index]
                low.add(gradients, value, placed.values[part])

    low.make(step, [out], backward)
    return True


def join_channels(batch: int, *parts: Tensor) -> Tensor:
    """An array of blocks of channels from such arrays: of each sample the blocks of one part after another's."""
    return torch.cat([part.view(batch, -1) for part in parts], 1).view(-1)


NORMS = ("BatchNorm", "BatchNorm_v1", "_contrib_BatchNormWithReLU")
POOLINGS = ("Pooling", "Pooling_v1")


class BlockedTraining(Blocked):
    """Training steps whose images lie in blocks."""

    operators = MappingProxyType({
        "Convolution": _convolution,
        **dict.fromkeys(NORMS, _batch_norm),
        **dict.fromkeys(POOLINGS, _pooling),
        "Concat": _concat,
    })  # fmt: skip
