"""Running a graph: nodes become steps on numbered slots, and a slot is emptied after its last use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..ops.generators import generator_for
from ..ops.registry import Attrs, Operator, explain_failure
from .graph import Graph, Node, Value

#: Called for what a node takes and gives: the node, the name of an input or output (of a variable: its own), the tensor.
Monitor = Callable[[Node, str, Tensor], None]
_CAUGHT = (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError, AssertionError)


class Step:
    """One operator call: where its arguments come from, where its results go, and what may be dropped afterwards.

    function  the operator's function with all constant attributes bound
    extra     what the caller supplies at each run: those of "training", "generator", "device", "state" that it takes
    declares  whether the operator declares its gradient, so that autograd must go through `Operator.call`
    """

    __slots__ = ("attrs", "dead", "declares", "extra", "function", "inputs", "node", "op", "outputs")

    def __init__(self, node: Node, inputs: Sequence[int], outputs: Sequence[int]):
        assert node.op is not None
        self.node = node
        self.op: Operator = node.op
        self.attrs: Attrs = node.attrs
        self.function: Callable[..., Any] = partial(node.op.function, **self.attrs) if self.attrs else node.op.function
        wanted = (
            ("training", node.op.uses_training), ("generator", node.op.random), ("device", node.op.creates),
            ("state", node.op.stateful),
        )  # fmt: skip
        self.extra = tuple(name for name, used in wanted if used)
        self.declares = node.op.has_gradient_rule
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.dead: tuple[int, ...] = ()


class Program:
    """A graph made ready to run, again and again, from any thread.

    variables  the names of the inputs, in the order in which `run` takes them
    is_random  whether an operator draws random numbers
    mutated    positions among the variables of those that operators change in place
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        variables = graph.variables
        self.variables: tuple[str, ...] = tuple(node.name for node in variables)
        auxiliary = graph.auxiliary()
        self.mutated = tuple(position for position, node in enumerate(variables) if node in auxiliary)
        self.is_random = any(node.op is not None and node.op.random for node in graph.nodes)
        slots: dict[Value, int] = {Value(node, 0): index for index, node in enumerate(variables)}
        absent = len(slots)  # this slot stays None: inputs that are not given
        self.num_slots = absent + 1
        self.steps: list[Step] = []
        for node in graph.nodes:
            if node.op is None:
                continue
            given: list[Any] = [slots[value] for value in node.inputs]
            inputs = [absent if slot is None else slot for slot in node.op.arrange(given, node.input_names)]
            outputs = range(self.num_slots, self.num_slots + node.num_outputs)
            self.num_slots += len(outputs)
            slots.update((Value(node, index), slot) for index, slot in enumerate(outputs))
            self.steps.append(Step(node, inputs, outputs))  # type: ignore[arg-type]
        self.outputs = [slots[value] for value in graph.outputs]
        # An output that may share memory with an input or with another output is copied.
        self._copied = [
            value.node.op is None or value.node.op.is_view or value in graph.outputs[:position]
            for position, value in enumerate(graph.outputs)
        ]
        self._release(keep={*self.outputs, *range(absent + 1)})

    def _release(self, keep: set[int]) -> None:
        """Note after each step which slots nothing needs any more."""
        seen = set(keep)
        for step in reversed(self.steps):
            touched = {*step.inputs, *step.outputs}
            step.dead = tuple(touched - seen)
            seen |= touched

    def run(
        self, inputs: Sequence[Tensor], *, training: bool, device: torch.device, differentiate: bool = False,
        monitor: Monitor | None = None, monitor_inputs: bool = False, states: dict[Step, dict[str, Any]] | None = None,
    ) -> list[Tensor]:  # fmt: skip
        """The values of the outputs.

        Args:
            inputs: one tensor for each variable; none requires gradients unless `differentiate`.
            training: whether operators run in training mode.
            device: where operators without inputs create their results, and whose random numbers are drawn.
            differentiate: whether torch's autograd records (for inputs that require gradients).
            monitor: called for every output of every node, and with `monitor_inputs` for what goes into it.
            states: what stateful operators keep from one run to the next; None: they keep nothing.
        Raises: MXNetError naming the node that failed.
        """
        if differentiate and not torch.is_grad_enabled():
            with torch.enable_grad():
                return self.run(
                    inputs, training=training, device=device, differentiate=True, monitor=monitor,
                    monitor_inputs=monitor_inputs, states=states,
                )  # fmt: skip
        slots: list[Any] = [*inputs, *(None,) * (self.num_slots - len(inputs))]
        supplied: dict[str, Any] = {
            "training": training, "device": device, "generator": generator_for(device) if self.is_random else None
        }  # fmt: skip
        for step in self.steps:
            tensors = [slots[slot] for slot in step.inputs]
            if monitor_inputs and monitor is not None:
                _show_inputs(step, slots, monitor)
            try:
                if step.extra:
                    if step.op.stateful:
                        supplied["state"] = {} if states is None else states.setdefault(step, {})
                    extra = {name: supplied[name] for name in step.extra}
                    if differentiate and step.declares:
                        result = step.op.call(tensors, {**step.attrs, **extra})
                    else:
                        result = step.function(*tensors, **extra)
                elif differentiate and step.declares:
                    result = step.op.call(tensors, step.attrs)
                else:
                    result = step.function(*tensors)
            except _CAUGHT as error:
                failure = explain_failure(step.op, tensors, step.attrs, error)
                raise type(failure)(f"Error in operator {step.node.name}: {failure}") from error
            if type(result) is tuple:
                for slot, item in zip(step.outputs, result):
                    slots[slot] = item
            else:
                slots[step.outputs[0]] = result
            if monitor is not None:
                for index, slot in enumerate(step.outputs):
                    if slots[slot] is not None:
                        monitor(step.node, step.node.output_name(index), slots[slot])
            for slot in step.dead:
                slots[slot] = None
        return [
            slots[slot].clone(memory_format=torch.contiguous_format) if copied else slots[slot]
            for slot, copied in zip(self.outputs, self._copied, strict=True)
        ]


def _show_inputs(step: Step, slots: Sequence[Any], monitor: Monitor) -> None:
    given = [slot for slot in step.inputs if slots[slot] is not None]
    for name, value, slot in zip(step.node.input_names, step.node.inputs, given, strict=True):
        if value.node.op is None:
            monitor(value.node, value.node.name, slots[slot])
        monitor(step.node, f"{step.node.name}_{name}", slots[slot])
