"""Gradient descent: SGD, Nesterov's, by signs, with noise, with compensated delay, for large batches."""

from __future__ import annotations

import os
from typing import Any

from ..ndarray import (
    NDArray,
    mp_nag_mom_update,
    mp_sgd_mom_update,
    mp_sgd_update,
    multi_mp_sgd_mom_update,
    multi_mp_sgd_update,
    multi_sgd_mom_update,
    multi_sgd_update,
    nag_mom_update,
    random,
    sgd_mom_update,
    sgd_update,
    signsgd_update,
    signum_update,
)
from .base import Index, Optimizer, State, call_on_arrays, is_low_precision, register, zeros_like


class MasterCopyLast(Optimizer):
    """An optimizer with momentum whose state in multi-precision is (momentum or None, weight32)."""

    momentum: float

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The momentum, or None without one."""
        return zeros_like(weight) if self.momentum else None

    def create_state_multi_precision(self, index: Index, weight: NDArray) -> State:
        """``(momentum, weight32)`` of a weight of half precision, `create_state` for others."""
        if self.multi_precision and is_low_precision(weight):
            weight32 = weight.astype("float32")
            return self.create_state(index, weight32), weight32
        return super().create_state_multi_precision(index, weight)

    def _update(self, index: Index, weight: NDArray, grad: NDArray, state: State, master: NDArray | None) -> None:
        raise NotImplementedError

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        self._update(index, weight, grad, state, None)

    def update_multi_precision(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """`update`, on the float32 copy of a weight of half precision."""
        if self.multi_precision and is_low_precision(weight):
            self._update(index, weight, grad, *state)
        else:
            self._update(index, weight, grad, state, None)


def aggregation_size(default: int = 4) -> int:
    """How many parameters one operator updates: the environment variable MXNET_OPTIMIZER_AGGREGATION_SIZE."""
    return int(os.environ.get("MXNET_OPTIMIZER_AGGREGATION_SIZE", default))


@register
class SGD(MasterCopyLast):
    """Stochastic gradient descent with momentum and weight decay; several parameters are updated at once.

    ``mom = momentum * mom - lr * (clip(rescale_grad * grad) + wd * weight)``, ``weight += mom``.

    Args:
        momentum: 0 for none.
        lazy_update: for gradients of row-sparse storage: update only the rows that they hold.
        **kwargs: those of `Optimizer`.
    """

    updates_apart = True

    def __init__(self, momentum: float = 0.0, lazy_update: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.lazy_update = lazy_update
        self.aggregate_num = aggregation_size()

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The momentum, or None without one; for lazy updates its storage type is that of the weight."""
        return zeros_like(weight, stype=weight.stype if self.lazy_update else "default") if self.momentum else None

    def _update(self, index: Any, weight: Any, grad: Any, state: Any, master: Any) -> None:
        lr, wd = self._begin(index, weight, grad)
        given: dict[str, Any] = {"lr": lr, "wd": wd, **self._gradient_attributes()}
        if not self.lazy_update:
            given["lazy_update"] = False
        if state is None:
            if master is None:
                sgd_update(weight, grad, out=weight, **given)
            else:
                mp_sgd_update(weight, grad, master, out=weight, **given)
        elif master is None:
            sgd_mom_update(weight, grad, state, out=weight, momentum=self.momentum, **given)
        else:
            mp_sgd_mom_update(weight, grad, state, master, out=weight, momentum=self.momentum, **given)

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update one parameter and its state in place; with lists, several parameters of one dtype at once."""
        if not isinstance(index, list | tuple):
            self._update(index, weight, grad, state, None)
        elif all(array.stype == "default" for array in (*weight, *grad)):
            update_several(self, index, weight, [(g, s) for g, s in zip(grad, state, strict=True)], low=False)
        else:
            for one in zip(index, weight, grad, state, strict=True):
                self._update(*one, None)

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """`update`, on the float32 copies of weights of half precision."""
        if not isinstance(index, list | tuple):
            super().update_multi_precision(index, weight, grad, state)
        elif self.multi_precision and is_low_precision(weight[0]):
            update_several(self, index, weight, [(g, *s) for g, s in zip(grad, state, strict=True)], low=True)
        else:
            self.update(index, weight, grad, state)


def update_several(optimizer: Any, indices: Any, weights: Any, others: list[tuple[Any, ...]], *, low: bool,
                   lrs: list[float] | None = None, momentum: float | None = None) -> None:  # fmt: skip
    """One SGD step for several weights: others are the (grad, momentum or None[, weight32]) of each."""
    if lrs is None:
        optimizer._update_count(indices)
        lrs = optimizer._get_lrs(indices)
    given = {"lrs": lrs, "wds": optimizer._get_wds(indices), "num_weights": len(indices)}
    given.update(optimizer._gradient_attributes())
    data = [array for one in zip(weights, others, strict=True) for array in (one[0], *one[1]) if array is not None]
    if others[0][1] is None:
        update = multi_mp_sgd_update if low else multi_sgd_update
    else:
        given["momentum"] = optimizer.momentum if momentum is None else momentum
        update = multi_mp_sgd_mom_update if low else multi_sgd_mom_update
    call_on_arrays(update, data, weights, given)


@register
class ccSGD(SGD):
    """The name that `SGD` once had."""

    updates_apart = True

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)


@register
class NAG(MasterCopyLast):
    """SGD with Nesterov's accelerated gradient: the gradient acts once more, through the momentum.

    Args:
        momentum: 0 for none, which is `SGD`.
        **kwargs: those of `Optimizer`.
    """

    updates_apart = True

    def __init__(self, momentum: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.momentum = momentum

    def _update(self, index: Index, weight: NDArray, grad: NDArray, state: State, master: NDArray | None) -> None:
        lr, wd = self._begin(index, weight, grad)
        given = {"lr": lr, "wd": wd, **self._gradient_attributes()}
        if state is None:
            if master is None:
                sgd_update(weight, grad, out=weight, **given)
            else:
                mp_sgd_update(weight, grad, master, out=weight, **given)
        elif master is None:
            nag_mom_update(weight, grad, state, out=weight, momentum=self.momentum, **given)
        else:
            mp_nag_mom_update(weight, grad, state, master, out=weight, momentum=self.momentum, **given)


@register
class Signum(Optimizer):
    """SGD by the sign of the gradient or, with momentum, of its running mean.

    Args:
        learning_rate: default 0.01.
        momentum: weight of the past in the running mean; 0 takes the sign of the gradient itself.
        wd_lh: weight decay that acts on the weight directly (Loshchilov and Hutter), beside wd in the gradient.
        **kwargs: those of `Optimizer`.
    Source: Bernstein et al., signSGD: Compressed Optimisation for Non-Convex Problems, ICML 2018.
    """

    updates_apart = True

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9, wd_lh: float = 0.0, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum
        self.wd_lh = wd_lh

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The running mean, or None without momentum."""
        return zeros_like(weight, stype=weight.stype) if self.momentum else None

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        lr, wd = self._begin(index, weight, grad)
        given = {"lr": lr, **self._gradient_attributes()}
        if state is None:  # the operator's only decay acts on the weight directly
            signsgd_update(weight, grad, out=weight, wd=wd + self.wd_lh, **given)
        else:
            given["momentum"] = self.momentum
            signum_update(weight, grad, state, out=weight, wd=wd, wd_lh=self.wd_lh, **given)


@register
class SGLD(Optimizer):
    """Stochastic gradient Langevin dynamics: half a step of SGD, and normal noise of variance lr.

    Args:
        **kwargs: those of `Optimizer`.
    Source: Patterson and Teh, Stochastic Gradient Riemannian Langevin Dynamics on the Probability Simplex, 2013.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)

    def create_state(self, index: Index, weight: NDArray) -> State:
        """None: there is no state."""
        return None

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter in place."""
        lr, wd = self._begin(index, weight, grad)
        step = self._rescaled(grad)
        step += weight * wd
        step *= -lr / 2
        step += random.normal(0, lr**0.5, shape=weight.shape, dtype=weight.dtype, ctx=weight.context)
        weight += step


@register
class DCASGD(Optimizer):
    """Delay-compensated asynchronous SGD.

    The gradient g was taken at an older weight; ``g + lamda * g^2 * (weight - older weight)`` corrects that.

    Args:
        momentum: 0 for none.
        lamda: strength of the correction.
        **kwargs: those of `Optimizer`.
    Source: Zheng et al., Asynchronous Stochastic Gradient Descent with Delay Compensation, ICML 2017.
    """

    updates_apart = True

    def __init__(self, momentum: float = 0.0, lamda: float = 0.04, **kwargs: Any):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.weight_previous: dict[Index, NDArray] = {}
        self.lamda = lamda

    def create_state(self, index: Index, weight: NDArray) -> State:
        """``(momentum or None, previous weight)``."""
        return (zeros_like(weight) if self.momentum else None, weight.copy())

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        lr, wd = self._begin(index, weight, grad)
        grad = self._rescaled(grad)
        mom, previous = state
        step = grad * grad
        step *= weight - previous
        step *= self.lamda
        step += grad
        if wd:
            step += weight * wd
        step *= -lr
        if mom is not None:
            mom *= self.momentum
            mom += step
            step = mom
        previous[:] = weight
        weight += step


@register
class LBSGD(Optimizer):
    """SGD for large batches: gradients of batch_scale batches make one step, and the learning rate warms up.

    After the warm-up the learning rate is batch_scale times as large.

    Args:
        momentum: 0 for none.
        multi_precision: keep and update a float32 copy of weights of half precision.
        warmup_strategy: how the factor of the learning rate goes from 1 to batch_scale over the warm-up: "linear",
            "power2" (with the square of the updates) or "sqrt"; any other stays at 1 until its end. "lars" has no
            warm-up; it scales the learning rate of each parameter by the norm of its weight over that of its gradient.
        warmup_epochs, updates_per_epoch: their product is the number of updates of the warm-up.
        batch_scale: how many batches make one step.
        begin_epoch: the epoch that training starts at.
        num_epochs: the number of epochs; it is kept and not used.
        **kwargs: those of `Optimizer`.
    """

    def __init__(
        self,
        momentum: float = 0.0,
        multi_precision: bool = False,
        warmup_strategy: str = "linear",
        warmup_epochs: int = 5,
        batch_scale: int = 1,
        updates_per_epoch: int = 32,
        begin_epoch: int = 0,
        num_epochs: int = 60,
        **kwargs: Any,
    ):
        super().__init__(multi_precision=multi_precision, **kwargs)
        self.momentum = momentum
        self.warmup_strategy = warmup_strategy
        self.warmup_epochs = warmup_epochs
        self.batch_scale = batch_scale
        self.updates_per_epoch = updates_per_epoch
        self.init_updates = begin_epoch * updates_per_epoch
        self.num_epochs = num_epochs
        self.adaptive = warmup_strategy == "lars"
        self.cumgrads: dict[Index, dict[str, Any]] = {}

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The momentum, or None without one."""
        return zeros_like(weight) if self.momentum else None

    def _warmup_factor(self, num_update: int) -> float:
        """The factor of the learning rate after num_update updates."""
        length = self.warmup_epochs * self.updates_per_epoch
        if num_update >= length:
            return float(self.batch_scale)
        progress = num_update / length
        shape = {"linear": progress, "power2": progress**2, "sqrt": progress**0.5}.get(self.warmup_strategy, 0.0)
        return 1.0 + (self.batch_scale - 1) * shape

    @staticmethod
    def _trust_ratio(weight: NDArray, grad: NDArray, wd: float) -> float:
        """The norm of the weight over that of gradient and decay, between 0.01 and 100."""
        weight_sq = float((weight * weight).sum().asscalar())
        grad_sq = float((grad * grad).sum().asscalar())
        ratio = (weight_sq / (grad_sq + wd * weight_sq + 1e-18)) ** 0.5
        return min(max(ratio, 0.01), 100.0)

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Add the gradient to those kept; every batch_scale calls, update the parameter and its state in place."""
        lr = self._get_lr(index)  # as in MXNet before this update counts
        _, wd = self._begin(index, weight, grad)
        sums = self.cumgrads.setdefault(index, {"cum_grad": 0, "num_cums": self.init_updates})
        sums["num_cums"] += 1
        if self.batch_scale > 1:
            sums["cum_grad"] = sums["cum_grad"] + grad
            if sums["num_cums"] % self.batch_scale:
                return
            grad = sums["cum_grad"] / self.batch_scale
            sums["cum_grad"] = 0
        if self.adaptive:
            lr *= self._trust_ratio(weight, grad, wd)
        else:
            lr *= self._warmup_factor(self.num_update + self.init_updates)
        given = {"lr": lr, "wd": wd, **self._gradient_attributes()}
        if state is None:
            sgd_update(weight, grad, out=weight, **given)
        else:
            sgd_mom_update(weight, grad, state, out=weight, momentum=self.momentum, **given)
