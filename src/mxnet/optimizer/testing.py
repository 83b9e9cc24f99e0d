"""The optimizer that tests of key-value stores use."""

from __future__ import annotations

from typing import Any

from ..ndarray import NDArray
from .base import Index, Optimizer, State, register, zeros_like


@register
class Test(Optimizer):
    """Adds the rescaled gradient to the weight, and remembers the result; it counts no updates.

    Args:
        **kwargs: those of `Optimizer`.
    """

    __test__ = False  # not a test case

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)

    def create_state(self, index: Index, weight: NDArray) -> State:
        """An array for the last weight, in float32."""
        return zeros_like(weight, "float32")

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        weight += grad * self.rescale_grad
        state[:] = weight
