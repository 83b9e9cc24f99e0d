"""Gradients that something takes during backward, in place of the gradient arrays of their variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from weakref import WeakSet

from torch import Tensor
from torch.autograd.function import BackwardCFunction


class Taker(Protocol):
    """Takes the gradient of one variable, once in each backward pass, and may change the variable."""

    @property
    def takes_early(self) -> bool:
        """Whether gradients may come one by one, in any order, while others aren't computed yet."""

    def ready(self) -> bool:
        """The same for the backward pass that begins now."""

    def take(self, gradient: Tensor) -> None:
        """Take the complete gradient now: nothing reads the variable any more."""

    def take_at_end(self, gradient: Tensor) -> None:
        """Take the complete gradient at the end of the backward pass that runs now."""


class Recorded(Protocol):
    """A recorded run of a program that can hand gradients over before it ends.

    takers  what takes the gradient of an input, by its position among the inputs that have one
    early   positions of those that are taken while the program runs: no other part of the backward pass adds to them
    """

    takers: dict[int, Taker]
    early: set[int]


#: runs whose backward pass is still to come
WAITING: WeakSet[Recorded] = WeakSet()


def find_complete(heads: Sequence[Tensor]) -> None:
    """Before a backward pass from heads: find for each run in it the gradients that it computes alone.

    They are entered as `early`. There are none if the graph has functions of users, which may read arrays that the
    graph doesn't know of.
    """
    runs: list[tuple[Any, Recorded]] = []
    uses: dict[Any, int] = {}  # node -> how many gradients flow into it
    stack = [head.grad_fn for head in heads if head.grad_fn is not None]
    seen = set(stack)
    opaque = False
    while stack:
        node = stack.pop()
        if isinstance(node, BackwardCFunction):
            opaque = opaque or getattr(type(node)._forward_cls, "keeps_arrays", False)  # type: ignore[attr-defined]
            run = getattr(node, "run", None)
            if any(run is waiting for waiting in WAITING):
                runs.append((node, run))
        for child, _ in node.next_functions:
            if child is not None:
                uses[child] = uses.get(child, 0) + 1
                if child not in seen:
                    seen.add(child)
                    stack.append(child)
    for node, run in runs:
        children = [child for child, _ in node.next_functions]
        run.early = set() if opaque else {
            position for position, taker in run.takers.items() if uses[children[position]] == 1 and taker.ready()
        }  # fmt: skip
