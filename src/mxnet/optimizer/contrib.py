"""Optimizers on trial."""

from __future__ import annotations

from typing import Any

from ..base import MXNetError
from ..ndarray import NDArray, zeros
from ..ndarray.contrib import group_adagrad_update
from .base import Index, Optimizer, State, register

__all__ = ["GroupAdaGrad", "register"]


@register
class GroupAdaGrad(Optimizer):
    """AdaGrad with one learning rate for each row of a matrix, as for embeddings.

    Args:
        eps: added under the root.
        **kwargs: those of `Optimizer`, without weight decay.
    Raises (from `create_state` and `update`): MXNetError when the weight is not a matrix, or it has weight decay.
    """

    updates_apart = True

    def __init__(self, eps: float = 1e-5, **kwargs: Any):
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The sums of mean squared gradients: (rows, 1)."""
        if len(weight.shape) != 2:
            raise MXNetError(f"GroupAdaGrad: the weight has shape {weight.shape}; expected (rows, columns).")
        return zeros((weight.shape[0], 1), weight.context, dtype=weight.dtype, stype=weight.stype)

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        lr, wd = self._begin(index, weight, grad)
        if wd:
            raise MXNetError(f"Weight decay is not supported for GroupAdaGrad; given wd={wd}.")
        group_adagrad_update(
            weight, grad, state, out=weight, lr=lr, epsilon=self.float_stable_eps, **self._gradient_attributes()
        )
