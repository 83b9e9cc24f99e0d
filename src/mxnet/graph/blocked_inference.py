"""Fused inference in the blocked layouts of oneDNN, with weights that are reordered once.

The graph is that of the fusing passes, but for layouts: BatchNorm folded into the layers before it, activations and
sums joined to convolutions. What reorders a weight is taken out of the program: it is done when parameters change.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from functools import partial
from types import MappingProxyType

import torch

from ..ops.dtypes import torch_dtype
from ..ops.registry import get_operator
from . import onednn
from .blocked import (
    NORMS,
    POOLINGS,
    Blocked,
    channel_parts,
    geometry_of,
    join_channels,
    normalized_memory,
    plain_memory,
    windows_of,
)  # fmt: skip
from .choose import Ways
from .graph import Graph, Node, Value
from .lowering import Instruction, LoweredProgram, Storage, Unplannable, lower
from .onednn.primitives import (
    Primitive,
    Tail,
    affine_forward,
    convolution_forward,
    normalization_forward,
    pooling_forward,
)
from .passes.fold_batch_norm import fold_batch_norm
from .passes.fuse_norm_relu import fuse_norm_relu
from .passes.fuse_tails import fuse_tails
from .passes.inference import fill_in_sizes, is_in_half_precision, simplify
from .passes.merge_equal import merge_equal
from .passes.split_prologue import prologue_names, split_prologue
from .passes.uses import depend_on
from .planned import ForwardPlan, Planned, with_prologue
from .program import Program, Step
from .templates import Call, Place, contiguous_layout

_CONVOLUTIONS = ("_fused_convolution", "Convolution")
_LAYERS = (*_CONVOLUTIONS, "_fused_fully_connected")


def fuse_for_blocks(graph: Graph, parameters: Collection[str]) -> tuple[Graph, Graph]:
    """The fusing passes, but those for layouts: a prologue, and the graph for every run.

    All weights of layers that depend on parameters alone are results of the prologue.
    """
    graph = fuse_tails(fuse_norm_relu(fold_batch_norm(graph, parameters)))
    fixed = depend_on(graph, parameters)
    copies: dict[Value, Value] = {}

    def choose(node: Node) -> Node:
        if node.op is None or node.op.name not in _LAYERS:
            return node
        weight = node.inputs[1]
        if weight.node.op is not None or weight.node.name not in names:
            return node
        if weight not in copies:
            copies[weight] = Value(Node(get_operator("_copy"), f"{weight.node.name}_arranged", (weight,)), 0)
        return node.with_inputs((node.inputs[0], copies[weight], *node.inputs[2:]))

    names = {node.name for node in fixed if node.op is None}
    return split_prologue(merge_equal(graph.rebuild(choose)), parameters)


def plan_in_blocks(
    graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], parameters: Collection[str]
) -> ForwardPlan | None:
    """The plan of a forward pass in blocks.

    None if oneDNN isn't there, or has nothing to do in this graph, or shapes depend on values.
    """
    if not onednn.is_available() or is_in_half_precision(graph, dtypes):
        return None
    prologue, main = fuse_for_blocks(simplify(fill_in_sizes(graph, shapes, dtypes)), parameters)
    program = Program(main, as_created=True)
    if not any(step.op.name in _CONVOLUTIONS for step in program.steps):
        return None
    names = prologue_names(prologue)
    try:
        all_shapes, all_dtypes = with_prologue(prologue, shapes, dtypes)
        lowered = lower(program, all_shapes, all_dtypes, training=False, kind=BlockedInference)
    except Unplannable:
        return None
    lowered, arranged = take_out_reorders(lowered, names)
    if not arranged:
        return None
    held = sum(
        arranged[name].results[0].nbytes if name in arranged
        else math.prod(all_shapes[name]) * torch_dtype(all_dtypes[name]).itemsize
        for name in names
    )  # fmt: skip
    return ForwardPlan(prologue, program, Planned(lowered, Ways(lowered).without_budget), held, arranged)


def take_out_reorders(lowered: LoweredProgram, names: Collection[str]) -> tuple[LoweredProgram, dict[str, Primitive]]:
    """Let the inputs with these names be given as the program reorders them, where it does nothing else with them.

    Returns: the program, and what makes each such input of what it was.
    """
    readers: dict[int, list[int]] = {}
    for number, instruction in enumerate(lowered.instructions):
        for storage in {lowered.storage_of[value] for value in instruction.reads}:
            readers.setdefault(storage, []).append(number)
    outputs = {lowered.storage_of[value] for value in lowered.outputs}
    done, arranged, gone = lowered.copy(), {}, set()
    for name in names:
        value = lowered.inputs.get(name)
        if value is None or lowered.storage_of[value] in outputs:
            continue
        users = readers.get(lowered.storage_of[value], [])
        if len(users) != 1:
            continue
        instruction = lowered.instructions[users[0]]
        primitive = instruction.call.function
        if not isinstance(primitive, Primitive) or primitive.name != "reorder":
            continue
        (result,) = instruction.made
        storage = lowered.storage_of[result]
        done.storages[storage] = Storage(lowered.storages[storage].nbytes, "input", name)
        done.inputs[name] = result
        arranged[name] = primitive
        gone.add(users[0])
    done.instructions = [item for number, item in enumerate(lowered.instructions) if number not in gone]
    done.num_forward = len(done.instructions)
    return done, arranged


def _convolution(low: BlockedInference, step: Step, given: list[int]) -> bool:
    node, attrs = step.node, step.attrs
    geometry = geometry_of(low, step, given)
    if geometry is None:
        return False
    adds, tail = False, Tail()
    if step.op.name == "_fused_convolution":
        adds = attrs["add"]
        tail = Tail(adds, attrs["activation"], attrs["alpha"], attrs["beta"])
    data, weight, result = low.dims(given[0]), low.layout(given[1]), low.inferred_layout(Value(node, 0)).shape
    found = convolution_forward(data, weight, result, *geometry, not attrs["no_bias"], tail)
    source = low.arrange(given[0], found.source, node)
    kernel = low.emit(found.arrange_weight, [given[1]], node)
    bias = [] if attrs["no_bias"] else [given[2]]
    other = [low.arrange(given[-1], found.result, node)] if adds else []
    low.values[Value(node, 0)] = low.emit(found.forward, [source, *kernel, *bias, *other], node)[0]
    return True


def _affine(low: BlockedInference, step: Step, given: list[int]) -> bool:
    node, attrs = step.node, step.attrs
    data, result = low.dims(given[0]), low.inferred_layout(Value(node, 0)).shape
    units = low.layout(given[1]).shape[-1]
    batch = math.prod(data) // max(units, 1)
    if not math.prod(data) or result != (batch, attrs["num_hidden"]):
        return False
    tail = Tail(False, attrs["activation"], attrs["alpha"], attrs["beta"])
    found = affine_forward((batch, units), attrs["num_hidden"], not attrs["no_bias"], tail)
    rows = low.arrange(given[0], plain_memory(contiguous_layout(data, torch.float32)), node)
    kernel = low.emit(found.arrange_weight, [given[1]], node)
    low.values[Value(node, 0)] = low.emit(found.forward, [rows, *kernel, *given[2:]], node)[0]
    return True


def _batch_norm(low: BlockedInference, step: Step, given: list[int]) -> bool:
    memory = normalized_memory(low, step, given)
    if memory is None:
        return False
    data, gamma, beta, mean, variance = given
    scale = [] if step.attrs["fix_gamma"] else [gamma]
    relu = step.op.name == "_contrib_BatchNormWithReLU"
    found = normalization_forward(memory, step.attrs["eps"], bool(scale), relu)
    low.values[Value(step.node, 0)] = low.emit(found, [data, mean, variance, *scale, beta], step.node)[0]
    return True


def _pooling(low: BlockedInference, step: Step, given: list[int]) -> bool:
    windows = windows_of(low, step, given)
    if windows is None:
        return False
    low.values[Value(step.node, 0)] = low.emit(pooling_forward(*windows), given, step.node)[0]
    return True


def _concat(low: BlockedInference, step: Step, given: list[int]) -> bool:
    found = channel_parts(low, step, given)
    if found is None:
        return False
    parts, whole = found
    lowered, node = low.lowered, step.node
    value = lowered.new_value(whole.layout, lowered.new_storage(whole.nbytes, "result", node.name))
    call = Call(partial(join_channels, whole.dims[0]), tuple(map(Place, range(len(parts)))), {})
    lowered.instructions.append(Instruction(call, tuple(parts), (value,), (), node.name, low.numbers[node]))
    low.memories[value] = whole
    low.values[Value(node, 0)] = value
    return True


class BlockedInference(Blocked):
    """Forward passes in inference whose images lie in blocks."""

    operators = MappingProxyType({
        **dict.fromkeys(_CONVOLUTIONS, _convolution),
        "_fused_fully_connected": _affine,
        **dict.fromkeys(NORMS, _batch_norm),
        **dict.fromkeys(POOLINGS, _pooling),
        "Concat": _concat,
    })  # fmt: skip
