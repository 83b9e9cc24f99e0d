"""Optimizers that scale the step of each layer by the norm of its weight: LAMB and LARS."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import ndarray as nd
from ..ndarray import NDArray
from .base import Index, Optimizer, State, is_low_precision, register, zeros_like
from .sgd import MasterCopyLast, aggregation_size, update_several


@register
class LAMB(Optimizer):
    """Layer-wise adaptive moments for batch training; several parameters are updated at once.

    The step of Adam with decay, times the norm of the weight over that of the step.

    Args:
        learning_rate: default 0.001.
        beta1, beta2: weight of the past in the running mean of the gradient, and of its square.
        epsilon: added to the root in the denominator.
        lower_bound, upper_bound: limits of the norm of the weight, None for no limit.
        bias_correction: correct the running means for their start at zero.
        **kwargs: those of `Optimizer`.
    Source: You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, ICLR 2020.
    """

    updates_apart = True

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-6,
        lower_bound: float | None = None,
        upper_bound: float | None = None,
        bias_correction: bool = True,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound
        self.bias_correction = bias_correction
        self.aggregate_num = max(1, min(45, aggregation_size(45)))

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The running means of the gradient and of its square."""
        return zeros_like(weight), zeros_like(weight)

    def _bounds(self) -> dict[str, float]:
        bounds = {"lower_bound": self.lower_bound, "upper_bound": self.upper_bound}
        return {name: bound for name, bound in bounds.items() if bound}

    def _direction_attributes(self) -> dict[str, Any]:
        return {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon,
                "bias_correction": self.bias_correction, **self._gradient_attributes()}  # fmt: skip

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update one parameter and its state in place; with lists, several parameters of one dtype at once."""
        if isinstance(index, list | tuple):
            self._update_several(index, weight, [(g, *s) for g, s in zip(grad, state, strict=True)], low=False)
            return
        lr, wd = self._begin(index, weight, grad)
        mean, var = state
        t = self._index_update_count[index]
        step = nd.lamb_update_phase1(weight, grad, mean, var, t=t, wd=wd, **self._direction_attributes())
        nd.lamb_update_phase2(weight, step, weight.norm(), step.norm(), lr=lr, out=weight, **self._bounds())

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """`update`, on the float32 copies of weights of half precision."""
        if isinstance(index, list | tuple) and self.multi_precision and is_low_precision(weight[0]):
            others = [(g, *moments, master) for g, (master, moments) in zip(grad, state, strict=True)]
            self._update_several(index, weight, others, low=True)
        elif isinstance(index, list | tuple):
            self.update(index, weight, grad, state)
        else:
            super().update_multi_precision(index, weight, grad, state)

    def _update_several(self, indices: Any, weights: Any, others: list[tuple[Any, ...]], *, low: bool) -> None:
        self._update_count(indices)
        data = [array for one in zip(weights, others, strict=True) for array in (one[0], *one[1])]
        operator = nd._internal._multi_mp_lamb_update if low else nd._internal._multi_lamb_update
        operator(
            *data, out=list(weights), learning_rates=self._get_lrs(indices), wds=self._get_wds(indices),
            step_count=tuple(self._index_update_count[index] for index in indices), num_tensors=len(indices),
            **self._direction_attributes(), **self._bounds(),
        )  # fmt: skip


@register
class LARS(MasterCopyLast):
    """Layer-wise adaptive rate scaling; several parameters are updated at once.

    The learning rate of a layer is multiplied by ``eta * |weight| / (|grad| + wd * |weight| + eps)``. Parameters whose
    names (``param_idx2name``) end in gamma, beta or bias keep theirs.

    Args:
        momentum: 0 for none.
        lazy_update: for gradients of row-sparse storage: update only the rows that they hold.
        eta: the trust coefficient.
        eps: added to the denominator.
        momentum_correction: multiply the momentum by the ratio of the learning rate to the last one.
        **kwargs: those of `Optimizer`.
    Source: You et al., Large Batch Training of Convolutional Networks, 2017.
    """

    _DECAYED: ClassVar[tuple[str, ...]] = ("_weight",)
    _UNSCALED: ClassVar[tuple[str, ...]] = ("gamma", "beta", "bias")

    def __init__(
        self,
        momentum: float = 0.0,
        lazy_update: bool = True,
        eta: float = 0.001,
        eps: float = 0,
        momentum_correction: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.momentum_correction = momentum_correction
        self.lazy_update = lazy_update
        self.aggregate_num = aggregation_size()
        self.eta = eta
        self.eps = eps
        self.skip = 0
        self.last_lr: float | None = None
        self.cur_lr: float | None = None

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update one parameter and its state in place; with lists, several parameters of one dtype at once."""
        if isinstance(index, list | tuple):
            self._update_several(index, weight, [(g, s) for g, s in zip(grad, state, strict=True)], low=False)
        else:
            self._update_several([index], [weight], [(grad, state)], low=False)

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """`update`, on the float32 copies of weights of half precision."""
        if not isinstance(index, list | tuple):
            index, weight, grad, state = [index], [weight], [grad], [state]
        if self.multi_precision and is_low_precision(weight[0]):
            self._update_several(index, weight, [(g, *s) for g, s in zip(grad, state, strict=True)], low=True)
        else:
            self.update(index, weight, grad, state)

    def _update_several(self, indices: Any, weights: Any, others: list[tuple[Any, ...]], *, low: bool) -> None:
        self._update_count(indices)
        rate = self.learning_rate
        self.last_lr, self.cur_lr = (rate if self.cur_lr is None else self.cur_lr), rate
        momentum = self.momentum
        if self.momentum_correction and self.last_lr:
            momentum *= self.cur_lr / self.last_lr
        lrs = self._get_lrs(indices)
        scaled = [i for i, index in enumerate(indices) if not self._keeps_rate(index)]
        if scaled:
            wds = self._get_wds(indices)
            weight_norms = _norms([weights[i] for i in scaled])
            grad_norms = _norms([others[i][0] for i in scaled])
            for i, weight_norm, grad_norm in zip(scaled, weight_norms, grad_norms, strict=True):
                if weight_norm > 0.0 and grad_norm > 0.0:
                    denominator = grad_norm * self.rescale_grad + wds[i] * weight_norm + self.eps
                    lrs[i] *= self.eta * weight_norm / denominator
        update_several(self, indices, weights, others, low=low, lrs=lrs, momentum=momentum)

    def _keeps_rate(self, index: Index) -> bool:
        return str(self.idx2name.get(index, index)).endswith(self._UNSCALED)


def _norms(arrays: list[NDArray]) -> list[float]:
    """The Euclidean norms of arrays of one dtype."""
    return [total**0.5 for total in nd.multi_sum_sq(*arrays, num_arrays=len(arrays)).asnumpy().tolist()]
