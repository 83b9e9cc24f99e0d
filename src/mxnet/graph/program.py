"""Running a graph: nodes become steps on numbered slots, and a slot is emptied after its last use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..ops.generators import generator_for
from ..ops.registry import Attrs, Operator, explain_failure
from .graph import Graph, Node, Value

#: Called with the name of an output and the tensor, after each node.
Monitor = Callable[[str, Tensor], None]


class Step:
    """One operator call: where its arguments come from, where its results go, and what may be dropped afterwards."""

    __slots__ = ("attrs", "dead", "inputs", "node", "op", "outputs")

    def __init__(self, node: Node, attrs: Attrs, inputs: list[int | None], outputs: list[int | None]):
        assert node.op is not None
        self.node = node
        self.op: Operator = node.op
        self.attrs = attrs
        self.inputs = inputs
        self.outputs = outputs
        self.dead: tuple[int, ...] = ()


class Program:
    """A graph made ready to run, again and again, from any thread.

    variables  the names of the inputs, in the order in which `run` takes them
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        variables = graph.variables
        self.variables: tuple[str, ...] = tuple(node.name for node in variables)
        slots: dict[Value, int] = {Value(node, 0): index for index, node in enumerate(variables)}
        self.steps: list[Step] = []
        for node in graph.nodes:
            if node.op is None:
                continue
            names = node.input_names
            given = [slots[value] for value in node.inputs]
            inputs = list(node.op.arrange(given, names))  # type: ignore[arg-type]
            outputs: list[int | None] = []
            for index in range(node.num_outputs):
                slots[Value(node, index)] = len(slots)
                outputs.append(slots[Value(node, index)])
            self.steps.append(Step(node, node.attrs, inputs, outputs))  # type: ignore[arg-type]
        self.outputs = [slots[value] for value in graph.outputs]
        # An output that may share memory with an input or with another output is copied.
        self._shared = [value.node.op is None or value.node.op.is_view for value in graph.outputs]
        self.num_slots = len(slots)
        self._release(keep={*self.outputs, *range(len(variables))})

    def _release(self, keep: set[int]) -> None:
        """Note after each step which slots nothing needs any more."""
        seen = set(keep)
        for step in reversed(self.steps):
            touched = {slot for slot in (*step.inputs, *step.outputs) if slot is not None}
            step.dead = tuple(touched - seen)
            seen |= touched

    def run(
        self, inputs: Sequence[Tensor], *, training: bool, device: torch.device, differentiate: bool = False,
        monitor: Monitor | None = None,
    ) -> list[Tensor]:  # fmt: skip
        """The values of the outputs.

        Args:
            inputs: one tensor for each variable.
            training: whether operators run in training mode.
            device: where operators without inputs create their results, and whose random numbers are drawn.
            differentiate: whether torch's autograd records (for inputs that require gradients).
            monitor: called for every output of every node.
        Raises: MXNetError naming the node that failed.
        """
        if differentiate != torch.is_grad_enabled():
            with torch.set_grad_enabled(differentiate):
                return self.run(inputs, training=training, device=device, differentiate=differentiate, monitor=monitor)
        slots: list[Any] = [*inputs, *(None,) * (self.num_slots - len(inputs))]
        for step in self.steps:
            op, attrs = step.op, step.attrs
            if op.uses_training or op.random or op.creates:
                attrs = dict(attrs)
                if op.uses_training:
                    attrs["training"] = training
                if op.random:
                    attrs["generator"] = generator_for(device)
                if op.creates:
                    attrs["device"] = device
            tensors = [None if slot is None else slots[slot] for slot in step.inputs]
            try:
                result = op.call(tensors, attrs) if differentiate else op.function(*tensors, **attrs)
            except (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError, AssertionError) as error:
                failure = explain_failure(op, tensors, attrs, error)
                raise type(failure)(f"Error in operator {step.node.name}: {failure}") from error
            if isinstance(result, tuple):
                for slot, item in zip(step.outputs, result, strict=False):
                    slots[slot] = item  # type: ignore[index]
            else:
                slots[step.outputs[0]] = result  # type: ignore[index]
            if monitor is not None:
                for index in range(step.node.num_visible_outputs):
                    monitor(step.node.output_name(index), slots[step.outputs[index]])  # type: ignore[index]
            for slot in step.dead:
                slots[slot] = None
        return [
            slots[slot].clone(memory_format=torch.contiguous_format) if shared else slots[slot]
            for slot, shared in zip(self.outputs, self._shared, strict=True)
        ]
