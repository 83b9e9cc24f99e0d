"""Nodes that run beside a flat program, called as a whole: operators in Python, operators that look at values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .graph import Node


def runs_beside(node: Node) -> bool:
    """Whether the operator, or one inside of its subgraphs, can't be written down as torch's operations."""
    op = node.op
    assert op is not None
    inner = (other for graph in node.subgraphs for other in graph.nodes if other.op is not None)
    return op.dynamic or op.stateful or any(map(runs_beside, inner))


class CallBeside:
    """Runs a node: (generator, states, *inputs) -> (*outputs, tape); the tape is what its gradient needs.

    run    the node's operator on the tensors of its inputs; takes also generator and states
    needs  for which inputs a gradient is asked
    """

    def __init__(self, name: str, run: Callable[..., Any], needs: Sequence[bool]):
        self._name = name
        self._run = run
        self._needs = tuple(needs)

    def __call__(self, generator: Any, states: Any, *inputs: Tensor) -> tuple[Any, ...]:
        differentiate = any(self._needs)
        leaves = [t.detach().requires_grad_(need) for t, need in zip(inputs, self._needs, strict=True)]
        with torch.set_grad_enabled(differentiate):
            result = self._run(leaves if differentiate else inputs, generator, states)
        results = result if isinstance(result, tuple | list) else (result,)
        tape = (leaves, results) if differentiate else None
        return *(t.detach().contiguous() for t in results), tape

    def __str__(self) -> str:
        return f"beside.{self._name}"


class GradientBeside:
    """The gradient of a node that ran beside: (tape, *gradients of outputs) -> gradients of the inputs that need one.

    heads  which of the outputs have a gradient
    needs  for which inputs a gradient is asked
    """

    def __init__(self, name: str, heads: Sequence[bool], needs: Sequence[bool]):
        self._name = name
        self._heads = tuple(heads)
        self._needs = tuple(needs)

    def __call__(self, tape: Any, *head_grads: Tensor) -> tuple[Tensor, ...]:
        leaves, results = tape
        wanted = [leaf for leaf, need in zip(leaves, self._needs, strict=True) if need]
        given = iter(head_grads)
        pairs = [(t, next(given)) for t, has in zip(results, self._heads, strict=True) if has]
        pairs = [(t, head) for t, head in pairs if t.requires_grad]
        if not pairs:
            return tuple(map(torch.zeros_like, wanted))
        found: Sequence[Tensor | None] = torch.autograd.grad(
            [t for t, _ in pairs], wanted, [head for _, head in pairs], allow_unused=True, retain_graph=True
        )
        taken = {head.untyped_storage().data_ptr() for head in head_grads}
        gradients = []
        for leaf, gradient in zip(wanted, found, strict=True):
            if gradient is None:
                gradient = torch.zeros_like(leaf)
            elif gradient.untyped_storage().data_ptr() in taken:  # autograd hands on one tensor for several: x + y
                gradient = gradient.clone()
            taken.add(gradient.untyped_storage().data_ptr())
            gradients.append(gradient.contiguous())
        return tuple(gradients)

    def __str__(self) -> str:
        return f"beside.{self._name} backward"
