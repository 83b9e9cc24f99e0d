"""Optimizers that scale the step of each number by its past gradients: Adam, AdaGrad, RMSProp and their relatives."""

from __future__ import annotations

import math
from typing import Any

from ..ndarray import (
    NDArray,
    _internal,
    adam_update,
    ftml_update,
    ftrl_update,
    maximum,
    rmsprop_update,
    rmspropalex_update,
    sqrt,
)
from ..ndarray import abs as NDabs
from .base import Index, Optimizer, State, register, zeros_like


@register
class Adam(Optimizer):
    """Adam: running means of the gradient and of its square, corrected for their start at zero.

    Args:
        learning_rate: default 0.001.
        beta1, beta2: weight of the past in the running mean of the gradient, and of its square.
        epsilon: added to the root in the denominator.
        lazy_update: for gradients of row-sparse storage: update only the rows that they hold.
        **kwargs: those of `Optimizer`.
    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
    """

    updates_apart = True

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        lazy_update: bool = True,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lazy_update = lazy_update

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The running means of the gradient and of its square."""
        stype = weight.stype if self.lazy_update else "default"
        return zeros_like(weight, stype=stype), zeros_like(weight, stype=stype)

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        lr, wd = self._begin(index, weight, grad)
        t = self._index_update_count[index]
        lr *= math.sqrt(1.0 - self.beta2**t) / (1.0 - self.beta1**t)
        mean, var = state
        adam_update(
            weight, grad, mean, var, out=weight, lr=lr, wd=wd, beta1=self.beta1, beta2=self.beta2,
            epsilon=self.epsilon, lazy_update=self.lazy_update, **self._gradient_attributes(),
        )  # fmt: skip


@register
class AdaGrad(Optimizer):
    """AdaGrad: divides by the root of the sum of all squared gradients.

    Args:
        eps: added under the root.
        **kwargs: those of `Optimizer`.
    Source: Duchi et al., Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, JMLR 2011.
    """

    updates_apart = True

    def __init__(self, eps: float = 1e-7, **kwargs: Any):
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The sum of squared gradients."""
        return zeros_like(weight, stype=weight.stype)

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        lr, wd = self._begin(index, weight, grad)
        _internal._sparse_adagrad_update(
            weight, grad, state, out=weight, lr=lr, wd=wd, epsilon=self.float_stable_eps, **self._gradient_attributes()
        )


@register
class RMSProp(Optimizer):
    """RMSProp: divides by the root of a running mean of the squared gradient.

    Args:
        learning_rate: default 0.001.
        gamma1: weight of the past in that mean.
        gamma2: with centered: the momentum.
        epsilon: added under the root.
        centered: divide by the standard deviation of the gradient instead, and use momentum (Graves, 2013).
        clip_weights: limit of the absolute values of weights, None for no limit.
        **kwargs: those of `Optimizer`.
    Source: Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012.
    """

    updates_apart = True

    def __init__(
        self,
        learning_rate: float = 0.001,
        gamma1: float = 0.9,
        gamma2: float = 0.9,
        epsilon: float = 1e-8,
        centered: bool = False,
        clip_weights: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.gamma1 = gamma1
        self.gamma2 = gamma2
        self.centered = centered
        self.epsilon = epsilon
        self.clip_weights = clip_weights

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The running mean of the squared gradient; with centered, also that of the gradient, and the momentum."""
        return tuple(zeros_like(weight, stype=weight.stype) for _ in range(3 if self.centered else 1))

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        lr, wd = self._begin(index, weight, grad)
        given = {"lr": lr, "wd": wd, "gamma1": self.gamma1, "epsilon": self.epsilon, **self._gradient_attributes()}
        if self.clip_weights:
            given["clip_weights"] = self.clip_weights
        if self.centered:
            rmspropalex_update(weight, grad, *state, out=weight, gamma2=self.gamma2, **given)
        else:
            rmsprop_update(weight, grad, *state, out=weight, **given)


@register
class AdaDelta(Optimizer):
    """AdaDelta: the ratio of the roots of running means of squared steps and squared gradients; no learning rate.

    Args:
        rho: weight of the past in both means.
        epsilon: added under both roots.
        **kwargs: those of `Optimizer`; the learning rate has no effect.
    Source: Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012.
    """

    updates_apart = True

    def __init__(self, rho: float = 0.9, epsilon: float = 1e-5, **kwargs: Any):
        super().__init__(**kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The running means of the squared gradient and of the squared step."""
        return zeros_like(weight), zeros_like(weight)

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        _, wd = self._begin(index, weight, grad)
        grad = self._rescaled(grad)
        mean_grad, mean_step = state
        mean_grad *= self.rho
        mean_grad += (1.0 - self.rho) * grad * grad
        step = sqrt(mean_step + self.epsilon)
        step /= sqrt(mean_grad + self.epsilon)
        step *= grad
        mean_step *= self.rho
        mean_step += (1.0 - self.rho) * step * step
        if wd:
            step += weight * wd
        weight -= step


@register
class Ftrl(Optimizer):
    """Follow the regularised leader, whose L1 penalty makes many weights zero.

    Args:
        lamda1: the L1 penalty.
        learning_rate: default 0.1.
        beta: added to the root of the sum of squared gradients.
        **kwargs: those of `Optimizer`.
    Source: McMahan et al., Ad Click Prediction: a View from the Trenches, KDD 2013.
    """

    updates_apart = True

    def __init__(self, lamda1: float = 0.01, learning_rate: float = 0.1, beta: float = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.lr = learning_rate  # as in MXNet a lr_scheduler keeps its own base
        self.lamda1 = lamda1
        self.beta = beta

    def create_state(self, index: Index, weight: NDArray) -> State:
        """``z``, the sum of corrected gradients, and ``n``, that of squared gradients."""
        return zeros_like(weight, stype=weight.stype), zeros_like(weight, stype=weight.stype)

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        lr, wd = self._begin(index, weight, grad)
        given = {"lr": lr, "wd": wd, "lamda1": self.lamda1, "beta": self.beta, **self._gradient_attributes()}
        ftrl_update(weight, grad, *state, out=weight, **given)


@register
class FTML(Optimizer):
    """Follow the moving leader: between RMSProp and Adam.

    Args:
        beta1, beta2: weight of the past in the running mean of the gradient, and of its square.
        epsilon: added to the root in the denominator.
        **kwargs: those of `Optimizer`.
    Source: Zheng and Kwok, Follow the Moving Leader in Deep Learning, ICML 2017.
    """

    updates_apart = True

    def __init__(self, beta1: float = 0.6, beta2: float = 0.999, epsilon: float = 1e-8, **kwargs: Any):
        super().__init__(**kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def create_state(self, index: Index, weight: NDArray) -> State:
        """``d``, ``v`` and ``z`` of the algorithm."""
        return zeros_like(weight), zeros_like(weight), zeros_like(weight)

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        lr, wd = self._begin(index, weight, grad)
        given = {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon, "rescale_grad": self.rescale_grad}
        if self.clip_gradient:
            given["clip_grad"] = self.clip_gradient
        ftml_update(weight, grad, *state, out=weight, lr=lr, wd=wd, t=self._index_update_count[index], **given)


@register
class Adamax(Optimizer):
    """Adam with the largest past gradient in place of the root of the mean square.

    Args:
        learning_rate: default 0.002.
        beta1, beta2: weight of the past in the running mean, and in the decaying maximum.
        **kwargs: those of `Optimizer`.
    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, section 7.1.
    """

    updates_apart = True

    def __init__(self, learning_rate: float = 0.002, beta1: float = 0.9, beta2: float = 0.999, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The running mean and the decaying maximum."""
        return zeros_like(weight), zeros_like(weight)

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        lr, wd = self._begin(index, weight, grad)
        lr /= 1.0 - self.beta1 ** self._index_update_count[index]
        grad = self._decayed(grad, weight, wd)
        mean, largest = state
        mean *= self.beta1
        mean += (1.0 - self.beta1) * grad
        largest[:] = maximum(self.beta2 * largest, NDabs(grad))
        weight -= lr * mean / largest


@register
class Nadam(Optimizer):
    """Adam with Nesterov's momentum.

    Args:
        learning_rate: default 0.001.
        beta1, beta2: weight of the past in the running mean of the gradient, and of its square.
        epsilon: added to the root in the denominator.
        schedule_decay: how fast the momentum rises towards beta1.
        **kwargs: those of `Optimizer`.
    As in MXNet the product of the momenta, ``m_schedule``, grows with the update of every parameter.
    Source: Dozat, Incorporating Nesterov Momentum into Adam, ICLR 2016 workshop.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        schedule_decay: float = 0.004,
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.schedule_decay = schedule_decay
        self.m_schedule = 1.0

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The running means of the gradient and of its square."""
        return zeros_like(weight), zeros_like(weight)

    def _momentum(self, t: int) -> float:
        return self.beta1 * (1.0 - 0.5 * 0.96 ** (t * self.schedule_decay))

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        lr, wd = self._begin(index, weight, grad)
        t = self._index_update_count[index]
        grad = self._decayed(grad, weight, wd)
        now, after = self._momentum(t), self._momentum(t + 1)
        self.m_schedule *= now
        mean, var = state
        mean *= self.beta1
        mean += (1.0 - self.beta1) * grad
        var *= self.beta2
        var += (1.0 - self.beta2) * grad * grad
        step = grad * ((1.0 - now) / (1.0 - self.m_schedule))
        step += mean * (after / (1.0 - self.m_schedule * after))
        root = sqrt(var / (1.0 - self.beta2**t))
        root += self.epsilon
        step /= root
        step *= lr
        weight -= step
