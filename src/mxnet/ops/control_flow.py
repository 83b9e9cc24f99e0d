"""Loops and branches over subgraphs: `_foreach`, `_while_loop`, `_cond`, behind `foreach`, `while_loop`, `cond` of
`mx.sym.contrib`.

The subgraphs of a node are run with the node's own mode, device and random numbers, as often as values say; torch's
autograd records what ran. Which input of the node a variable of a subgraph stands for is said by the attributes
``..._locs``, lists of positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .registry import PartialShape, Subgraph, SubgraphRules, operator

Shapes = list[PartialShape]
Dtypes = list[str | None]


@operator("_foreach", num_outputs=lambda num_outputs, **_: num_outputs)
def foreach(
    *data: Tensor, num_outputs: int, num_out_data: int, in_state_locs: Shape, in_data_locs: Shape,
    remain_locs: Shape, subgraphs: tuple[Subgraph, ...],
) -> tuple[Tensor, ...]:  # fmt: skip
    """Run a subgraph once for each slice of some arrays, with states handed from step to step.

    Args:
        data: the arrays to slice along axis 0, one length for all; then the first states; then what every step sees.
        num_outputs: results of the subgraph: num_out_data for each step, then the next states.
        in_data_locs, in_state_locs, remain_locs: which variables of the subgraph these inputs are.
    Returns: for each of the first num_out_data results all steps, stacked along a new axis 0; then the last states. A
        slice of an array with one axis has shape (1,).
    Raises: MXNetError if the lengths differ, or a state changes its shape.
    """
    (body,) = subgraphs
    slices, states = data[: len(in_data_locs)], list(data[len(in_data_locs) :][: len(in_state_locs)])
    rest = data[len(slices) + len(states) :]
    lengths = {tensor.shape[:1] for tensor in slices}
    if len(lengths) != 1 or lengths == {()}:
        given = ", ".join(str(tuple(tensor.shape)) for tensor in slices)
        raise MXNetError(f"_foreach: the arrays to slice have shapes {given}; expected one length of axis 0.")
    (length,) = lengths.pop()
    order = (*in_data_locs, *in_state_locs, *remain_locs)
    given_at = [order.index(position) for position in range(len(order))]

    def arguments(step: int) -> list[Tensor]:
        parts = [tensor[step : step + 1] if tensor.ndim == 1 else tensor[step] for tensor in slices]
        inputs = (*parts, *states, *rest)
        return [inputs[position] for position in given_at]

    stacks: list[list[Tensor]] = [[] for _ in range(num_out_data)]
    for step in range(length):
        results = body(arguments(step))
        for stack, result in zip(stacks, results, strict=False):
            stack.append(result)
        for number, (before, after) in enumerate(zip(states, results[num_out_data:], strict=True)):
            if before.shape != after.shape:
                raise MXNetError(
                    f"_foreach: state {number} has shape {tuple(before.shape)} before step {step} and "
                    f"{tuple(after.shape)} after it; the body must keep the shapes of states."
                )
        states = results[num_out_data:]
    if length:
        return (*(torch.stack(stack) for stack in stacks), *states)
    parts = [tensor.new_zeros(tensor.shape[1:] or (1,)) for tensor in slices]
    inputs = (*parts, *states, *rest)
    like = body.zeros([inputs[position] for position in given_at])
    return (*(out.new_zeros((0, *out.shape)) for out in like[:num_out_data]), *(state.clone() for state in states))


@foreach.subgraph_inputs
def _(  # type: ignore[no-untyped-def]
    sizes: Sequence[int], counts: Sequence[int], *, num_outputs: int, num_out_data: int, in_state_locs: Shape,
    in_data_locs: Shape, remain_locs: Shape,
):  # fmt: skip
    order = (*in_data_locs, *in_state_locs, *remain_locs)
    _check_counts("_foreach", counts, [num_outputs])
    if not in_data_locs:
        raise MXNetError("_foreach: in_data_locs is empty; expected at least one array to slice.")
    if num_outputs - num_out_data != len(in_state_locs) or num_out_data < 0:
        raise MXNetError(
            f"_foreach: num_outputs={num_outputs} and num_out_data={num_out_data} leave {num_outputs - num_out_data} "
            f"states; in_state_locs is {in_state_locs}."
        )
    if len(sizes) != 1 or sorted(order) != list(range(sizes[0])):
        raise MXNetError(
            f"_foreach: in_data_locs {in_data_locs}, in_state_locs {in_state_locs} and remain_locs {remain_locs} must "
            f"name each variable of one subgraph once; there are subgraphs with {', '.join(map(str, sizes))} variables."
        )
    return (tuple(order.index(position) for position in range(sizes[0])),)


@foreach.infer_shape
def _(
    inputs: Shapes, outputs: Shapes, *, num_out_data: int, in_state_locs: Shape, in_data_locs: Shape,
    remain_locs: Shape, subgraphs: Sequence[SubgraphRules], **_: Any,
) -> tuple[Shapes, Shapes]:  # fmt: skip
    order = (*in_data_locs, *in_state_locs, *remain_locs)
    first_state, last_state = len(in_data_locs), len(in_data_locs) + len(in_state_locs)
    stacked = [*inputs[:first_state], *outputs[:num_out_data]]
    length = next((shape[0] for shape in stacked if shape and shape[0] != -1), -1)
    inside: Shapes = [None] * len(order)
    for number, (position, shape) in enumerate(zip(order, inputs, strict=True)):
        inside[position] = shape if number >= first_state or shape is None else shape[1:] or (1,)
    results: Shapes = [None if shape is None else shape[1:] for shape in outputs[:num_out_data]]
    for number, before in enumerate(inputs[first_state:last_state]):  # a state keeps its shape
        after = outputs[num_out_data + number]
        results.append(before if after is None else after)
    found, found_results = subgraphs[0].infer_shape(inside, results)
    known: Shapes = []
    for number, (position, shape) in enumerate(zip(order, inputs, strict=True)):
        part = found[position]
        if number >= first_state:
            after = found_results[num_out_data + number - first_state] if number < last_state else None
            known.append(part if after is None or part is not None else after)
        elif shape is not None and len(shape) == 1:
            known.append((length,))
        elif part is not None and (shape is not None or part != (1,)):  # (1,) may be a slice of (length,)
            known.append((length, *part))
        else:
            known.append(None if shape is None else (length, *shape[1:]))
    made: Shapes = [None if shape is None else (length, *shape) for shape in found_results[:num_out_data]]
    return known, [*made, *found_results[num_out_data:]]


@foreach.infer_dtype
def _(
    inputs: Dtypes, outputs: Dtypes, *, in_state_locs: Shape, in_data_locs: Shape, remain_locs: Shape,
    subgraphs: Sequence[SubgraphRules], **_: Any,
) -> tuple[Dtypes, Dtypes]:  # fmt: skip
    order = (*in_data_locs, *in_state_locs, *remain_locs)
    inside: Dtypes = [None] * len(order)
    for position, dtype in zip(order, inputs, strict=True):
        inside[position] = dtype
    found, results = subgraphs[0].infer_dtype(inside, outputs)
    return [found[position] for position in order], results


@operator("_while_loop", num_outputs=lambda num_outputs, **_: num_outputs, dynamic=True)
def while_loop(
    *data: Tensor, num_outputs: int, num_out_data: int, max_iterations: int, cond_input_locs: Shape,
    func_input_locs: Shape, func_var_locs: Shape, subgraphs: tuple[Subgraph, ...],
) -> tuple[Tensor, ...]:  # fmt: skip
    """Run a subgraph as long as another one, the condition, gives a number other than zero.

    Args:
        data: what both subgraphs take, the loop variables among it.
        num_outputs: results of the second subgraph: num_out_data for each step, then the next loop variables.
        max_iterations: how many steps there may be, at least 1.
        cond_input_locs, func_input_locs: the inputs that the variables of the two subgraphs are.
        func_var_locs: which variables of the second subgraph are the loop variables.
    Returns: for each of the first num_out_data results all steps, stacked along a new axis 0 of length max_iterations,
        zero beyond the last step; then the last loop variables.
    Raises: MXNetError if the condition isn't one number, or results of different steps have different shapes.
    """
    condition, body = subgraphs
    values = [data[position] for position in func_input_locs]
    looped = {func_input_locs[position]: position for position in func_var_locs}

    def goes_on() -> bool:
        given = [values[looped[position]] if position in looped else data[position] for position in cond_input_locs]
        return _is_true("_while_loop", condition(given)[0])

    stacks: list[list[Tensor]] = [[] for _ in range(num_out_data)]
    steps = 0
    while steps < max_iterations and goes_on():
        results = body(values)
        for number, (stack, result) in enumerate(zip(stacks, results, strict=False)):
            if stack and stack[0].shape != result.shape:
                raise MXNetError(
                    f"_while_loop: output {number} has shape {tuple(stack[0].shape)} in the first step and "
                    f"{tuple(result.shape)} in step {steps}; expected one shape."
                )
            stack.append(result)
        for position, result in zip(func_var_locs, results[num_out_data:], strict=True):
            values[position] = result
        steps += 1
    if steps == 0:
        like = body.zeros(values)[:num_out_data] if num_out_data else []
        made = [out.new_zeros((max_iterations, *out.shape)) for out in like]
        return (*made, *(values[position].clone() for position in func_var_locs))
    made = []
    for stack in stacks:
        rest = stack[0].new_zeros((max_iterations - steps, *stack[0].shape))
        made.append(torch.cat([torch.stack(stack), rest]) if len(rest) else torch.stack(stack))
    return (*made, *(values[position] for position in func_var_locs))


@while_loop.subgraph_inputs
def _(  # type: ignore[no-untyped-def]
    sizes: Sequence[int], counts: Sequence[int], *, num_outputs: int, num_out_data: int, max_iterations: int,
    cond_input_locs: Shape, func_input_locs: Shape, func_var_locs: Shape,
):  # fmt: skip
    _check_sizes("_while_loop", sizes, cond_input_locs, func_input_locs)
    _check_counts("_while_loop", counts, [1, num_outputs])
    if max_iterations < 1:
        raise MXNetError(f"_while_loop: value {max_iterations} for Parameter max_iterations should be at least 1.")
    if not all(0 <= position < sizes[1] for position in func_var_locs) or num_out_data < 0 or (
        num_outputs - num_out_data != len(set(func_var_locs)) or len(set(func_var_locs)) != len(func_var_locs)
    ):  # fmt: skip
        raise MXNetError(
            f"_while_loop: func_var_locs {func_var_locs} must name {num_outputs - num_out_data} different variables of "
            f"the body, which has {sizes[1]}."
        )
    return cond_input_locs, func_input_locs


@while_loop.infer_shape
def _(
    inputs: Shapes, outputs: Shapes, *, num_out_data: int, max_iterations: int, cond_input_locs: Shape,
    func_input_locs: Shape, func_var_locs: Shape, subgraphs: Sequence[SubgraphRules], **_: Any,
) -> tuple[Shapes, Shapes]:  # fmt: skip
    inputs = list(inputs)
    condition, body = subgraphs
    given = condition.infer_shape([inputs[position] for position in cond_input_locs], [None])[0]
    for position, shape in zip(cond_input_locs, given, strict=True):
        inputs[position] = shape
    stacked: Shapes = [None if shape is None else shape[1:] for shape in outputs[:num_out_data]]
    given, found = body.infer_shape(
        [inputs[position] for position in func_input_locs], [*stacked, *[None] * len(func_var_locs)]
    )
    for position, shape in zip(func_input_locs, given, strict=True):
        inputs[position] = shape
    # What the first step shows holds for the others if it leaves the shapes of the loop variables as they are.
    before, after = [given[position] for position in func_var_locs], found[num_out_data:]
    if before != after or any(shape is None or -1 in shape for shape in before):
        return inputs, [None] * len(outputs)
    return inputs, [*(None if shape is None else (max_iterations, *shape) for shape in found[:num_out_data]), *after]


@while_loop.infer_dtype
def _(
    inputs: Dtypes, outputs: Dtypes, *, cond_input_locs: Shape, func_input_locs: Shape,
    subgraphs: Sequence[SubgraphRules], **_: Any,
) -> tuple[Dtypes, Dtypes]:  # fmt: skip
    inputs = list(inputs)
    _infer_input_dtypes(subgraphs[0], inputs, cond_input_locs, [None])
    return inputs, _infer_input_dtypes(subgraphs[1], inputs, func_input_locs, outputs)


@operator("_cond", num_outputs=lambda num_outputs, **_: num_outputs, dynamic=True)
def cond(
    *data: Tensor, num_outputs: int, cond_input_locs: Shape, then_input_locs: Shape, else_input_locs: Shape,
    subgraphs: tuple[Subgraph, ...],
) -> tuple[Tensor, ...]:  # fmt: skip
    """Run one of two subgraphs: the second of the node's if the first, the condition, gives a number other than zero.

    Args:
        data: what the three subgraphs take.
        num_outputs: results of either branch.
        cond_input_locs, then_input_locs, else_input_locs: the inputs that the variables of the subgraphs are.
    Returns: the results of the branch that ran; the other one gets gradients of zero.
    Raises: MXNetError if the condition isn't one number.
    """
    condition, then, otherwise = subgraphs
    chosen = _is_true("_cond", condition([data[position] for position in cond_input_locs])[0])
    branch, positions = (then, then_input_locs) if chosen else (otherwise, else_input_locs)
    return tuple(branch([data[position] for position in positions]))


@cond.subgraph_inputs
def _(  # type: ignore[no-untyped-def]
    sizes: Sequence[int], counts: Sequence[int], *, num_outputs: int, cond_input_locs: Shape, then_input_locs: Shape,
    else_input_locs: Shape,
):  # fmt: skip
    _check_sizes("_cond", sizes, cond_input_locs, then_input_locs, else_input_locs)
    _check_counts("_cond", counts, [1, num_outputs, num_outputs])
    return cond_input_locs, then_input_locs, else_input_locs


@cond.infer_shape
def _(
    inputs: Shapes, outputs: Shapes, *, then_input_locs: Shape, else_input_locs: Shape, cond_input_locs: Shape,
    subgraphs: Sequence[SubgraphRules], **_: Any,
) -> tuple[Shapes, Shapes]:  # fmt: skip
    inputs = list(inputs)
    given = subgraphs[0].infer_shape([inputs[position] for position in cond_input_locs], [None])[0]
    for position, shape in zip(cond_input_locs, given, strict=True):
        inputs[position] = shape
    found: list[Shapes] = []
    for branch, positions in zip(subgraphs[1:], (then_input_locs, else_input_locs), strict=True):
        try:
            given, results = branch.infer_shape([inputs[position] for position in positions], [None] * len(outputs))
        except MXNetError:  # shapes that don't fit are no error in a branch that is never taken; see `cond`
            return inputs, outputs
        for position, shape in zip(positions, given, strict=True):
            inputs[position] = shape
        found.append(results)
    return inputs, [then if then == other else None for then, other in zip(*found, strict=True)]


@cond.infer_dtype
def _(
    inputs: Dtypes, outputs: Dtypes, *, then_input_locs: Shape, else_input_locs: Shape, cond_input_locs: Shape,
    subgraphs: Sequence[SubgraphRules], **_: Any,
) -> tuple[Dtypes, Dtypes]:  # fmt: skip
    inputs = list(inputs)
    _infer_input_dtypes(subgraphs[0], inputs, cond_input_locs, [None])
    outputs = _infer_input_dtypes(subgraphs[1], inputs, then_input_locs, outputs)
    return inputs, _infer_input_dtypes(subgraphs[2], inputs, else_input_locs, outputs)


def _infer_input_dtypes(subgraph: SubgraphRules, inputs: Dtypes, positions: Shape, outputs: Dtypes) -> Dtypes:
    """Enter into inputs what a subgraph says of those that it takes, and return what it says of its results."""
    given, results = subgraph.infer_dtype([inputs[position] for position in positions], outputs)
    for position, dtype in zip(positions, given, strict=True):
        inputs[position] = dtype
    return results


def _check_sizes(name: str, sizes: Sequence[int], *positions: Shape) -> None:
    if list(sizes) != [len(part) for part in positions]:
        raise MXNetError(
            f"{name}: expected {len(positions)} subgraphs, with {', '.join(str(len(part)) for part in positions)} "
            f"variables by the attributes; there are {len(sizes)}, with {', '.join(map(str, sizes)) or 'none'}."
        )


def _check_counts(name: str, counts: Sequence[int], expected: list[int]) -> None:
    if list(counts) != expected:
        raise MXNetError(
            f"{name}: its subgraphs have {', '.join(map(str, counts)) or 'no'} outputs; expected "
            f"{', '.join(map(str, expected))}."
        )


def _is_true(name: str, value: Tensor) -> bool:
    """Whether the one number in a tensor isn't zero.

    Raises: MXNetError if there isn't one number.
    """
    if value.numel() != 1:
        raise MXNetError(f"{name}: the condition has shape {tuple(value.shape)}; expected one number.")
    return bool(value.item() != 0)
