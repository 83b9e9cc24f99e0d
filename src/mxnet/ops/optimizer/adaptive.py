"""Steps scaled for each number: Adam, AdamW, FTML, FTRL, RMSProp, Adagrad."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...base import MXNetError
from ..attributes import Floats
from ..registry import operator
from .common import (
    check_dtypes,
    check_rates,
    check_shapes,
    complement,
    decayed,
    dtypes_of_weights,
    move_moments,
    names_by_weight,
    num_weights_of,
    one_or_all,
    rescaled,
    split_by_weight,
    target_of,
    targets_of,
    to_low_precision,
)


@operator("adam_update", aliases=("_sparse_adam_update",), mutates=("mean", "var"), elementwise=True)
def adam_update(
    weight: Tensor, grad: Tensor, mean: Tensor, var: Tensor, *, lr: float, beta1: float = 0.9, beta2: float = 0.999,
    epsilon: float = 1e-8, wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
    lazy_update: bool = True, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Adam, without the correction of the bias, which the optimizer puts into lr.

    With ``g = clip(rescale_grad * grad + wd * weight)``: ``mean = beta1 * mean + (1 - beta1) * g``,
    ``var = beta2 * var + (1 - beta2) * g^2``, ``weight - lr * mean / (sqrt(var) + epsilon)``.
    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
    """
    check_dtypes("adam_update", weight, grad=grad, mean=mean, var=var)
    move_moments(decayed(grad, weight, wd, rescale_grad, clip_gradient), mean, var, beta1, beta2)
    return target_of(weight, out).addcdiv_(mean, var.sqrt().add_(epsilon), value=-lr)


def _adamw(
    weight: Tensor, grad: Tensor, mean: Tensor, var: Tensor, scale: float, lr: float, eta: float, beta1: float,
    beta2: float, epsilon: float, wd: float, clip_gradient: float,
) -> None:  # fmt: skip
    if not (np.isfinite(scale) and scale != 0.0):  # a loss scale that overflowed: leave everything as it is
        return
    move_moments(rescaled(grad, scale, clip_gradient), mean, var, beta1, beta2)
    if wd != 0.0:
        weight.mul_(1.0 - eta * wd)
    weight.addcdiv_(mean, var.sqrt().add_(epsilon), value=-eta * lr)


@operator("_adamw_update", mutates=("mean", "var"), dynamic=True)
def adamw_update(
    weight: Tensor, grad: Tensor, mean: Tensor, var: Tensor, rescale_grad: Tensor, *, lr: float, beta1: float = 0.9,
    beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0.0, eta: float, clip_gradient: float = -1.0,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Adam with decoupled weight decay: ``weight - eta * (lr * mean / (sqrt(var) + epsilon) + wd * weight)``.

    rescale_grad is an array of one number; where it is 0 or not finite, nothing changes.
    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
    """
    check_dtypes("adamw_update", weight, grad=grad, mean=mean, var=var)
    target = target_of(weight, out)
    scale = rescale_grad.item()
    _adamw(target, grad, mean, var, scale, lr, eta, beta1, beta2, epsilon, wd, clip_gradient)
    return target


@operator("_mp_adamw_update", mutates=("mean", "var", "weight32"), dynamic=True)
def mp_adamw_update(
    weight: Tensor, grad: Tensor, mean: Tensor, var: Tensor, weight32: Tensor, rescale_grad: Tensor, *, lr: float,
    beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0.0, eta: float,
    clip_gradient: float = -1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`_adamw_update` in float32 for a weight of lower precision."""
    check_shapes("mp_adamw_update", weight, grad=grad, mean=mean, var=var, weight32=weight32)
    scale = rescale_grad.item()
    _adamw(weight32, grad.float(), mean, var, scale, lr, eta, beta1, beta2, epsilon, wd, clip_gradient)
    return to_low_precision(weight, weight32, out)


def _adamw_several(
    op: str, data: Sequence[Tensor], num_weights: int, low_precision: bool, lrs: Floats, wds: Floats, etas: Floats,
    beta1: float, beta2: float, epsilon: float, clip_gradient: float, out: Sequence[Tensor] | None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    arrays = split_by_weight(op, data, num_weights, 5 if low_precision else 4, extra=1)
    check_rates(op, num_weights, lrs=lrs, wds=wds, etas=etas)
    scale, results = data[-1].item(), []
    for one, lr, wd, eta, target in zip(arrays, lrs, wds, etas, targets_of(out, num_weights), strict=True):
        weight, grad, mean, var = one[:4]
        check_shapes(op, weight, grad=grad, mean=mean, var=var)
        master = one[4] if low_precision else target_of(weight, target)
        _adamw(master, grad.to(master.dtype), mean, var, scale, lr, eta, beta1, beta2, epsilon, wd, clip_gradient)
        results.append(to_low_precision(weight, master, target) if low_precision else master)
    return one_or_all(results)


@operator(
    "_multi_adamw_update", num_outputs=num_weights_of, num_inputs_attr="num_weights", dynamic=True,
    mutates=("mean", "var"),
)  # fmt: skip
def multi_adamw_update(
    *data: Tensor, lrs: Floats, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, wds: Floats,
    etas: Floats, clip_gradient: float = -1.0, num_weights: int = 1, out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`_adamw_update` of several weights: data is (weight, grad, mean, var) for each, then rescale_grad."""
    return _adamw_several(
        "_multi_adamw_update", data, num_weights, False, lrs, wds, etas, beta1, beta2, epsilon, clip_gradient, out
    )


@operator(
    "_multi_mp_adamw_update", num_outputs=num_weights_of, num_inputs_attr="num_weights", dynamic=True,
    mutates=("mean", "var", "weight32"),
)  # fmt: skip
def multi_mp_adamw_update(
    *data: Tensor, lrs: Floats, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, wds: Floats,
    etas: Floats, clip_gradient: float = -1.0, num_weights: int = 1, out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`_mp_adamw_update` of several weights: (weight, grad, mean, var, weight32) for each, then rescale_grad."""
    return _adamw_several(
        "_multi_mp_adamw_update", data, num_weights, True, lrs, wds, etas, beta1, beta2, epsilon, clip_gradient, out
    )


@operator("ftml_update", mutates=("d", "v", "z"), elementwise=True)
def ftml_update(
    weight: Tensor, grad: Tensor, d: Tensor, v: Tensor, z: Tensor, *, lr: float, beta1: float = 0.6,
    beta2: float = 0.999, epsilon: float = 9.99999993922529e-09, t: int, wd: float = 0.0, rescale_grad: float = 1.0,
    clip_grad: float = -1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Follow the moving leader; t counts the updates from 1. With lr 0 (NaN in MXNet) nothing changes.

    Source: Zheng and Kwok, Follow the Moving Leader in Deep Learning, ICML 2017.
    """
    check_dtypes("ftml_update", weight, grad=grad, d=d, v=v, z=z)
    if lr == 0.0:
        return target_of(weight, out)
    grad = decayed(grad, weight, wd, rescale_grad, clip_grad)
    v.mul_(beta2).addcmul_(grad, grad, value=complement(beta2))
    new_d = v.div(complement(beta2, t)).sqrt_().add_(epsilon).mul_(complement(beta1, t) / lr)
    sigma = new_d.sub(d, alpha=beta1)
    z.mul_(beta1).add_(grad, alpha=complement(beta1)).addcmul_(sigma, weight, value=-1.0)
    d.copy_(new_d)
    result = z.neg() if out is None else torch.neg(z, out=out)
    return result.div_(d)


@operator("ftrl_update", aliases=("_sparse_ftrl_update",), mutates=("z", "n"), elementwise=True)
def ftrl_update(
    weight: Tensor, grad: Tensor, z: Tensor, n: Tensor, *, lr: float, lamda1: float = 0.01, beta: float = 1.0,
    wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Follow the regularised leader, with the L1 penalty lamda1.

    With ``g = clip(rescale_grad * grad)``: ``z += g - (sqrt(n + g^2) - sqrt(n)) * weight / lr``, ``n += g^2``,
    ``(sign(z) * lamda1 - z) / ((beta + sqrt(n)) / lr + wd)``, 0 where ``|z| <= lamda1``.
    With lr 0 (NaN in MXNet) nothing changes.
    Source: McMahan et al., Ad Click Prediction: a View from the Trenches, KDD 2013.
    """
    check_dtypes("ftrl_update", weight, grad=grad, z=z, n=n)
    if lr == 0.0:
        return target_of(weight, out)
    grad = rescaled(grad, rescale_grad, clip_gradient)
    root = n.sqrt()
    n.addcmul_(grad, grad)
    new_root = n.sqrt()
    z.add_(grad).addcmul_(new_root - root, weight, value=-1.0 / lr)
    shrunk = torch.nn.functional.softshrink(z, lamda1)
    result = shrunk.div_(new_root.add_(beta).div_(lr).add_(wd)).neg_()
    return result if out is None else out.copy_(result)


@operator("rmsprop_update", mutates=("n",), elementwise=True)
def rmsprop_update(
    weight: Tensor, grad: Tensor, n: Tensor, *, lr: float, gamma1: float = 0.95, epsilon: float = 1e-8, wd: float = 0.0,
    rescale_grad: float = 1.0, clip_gradient: float = -1.0, clip_weights: float = -1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """RMSProp: ``n = gamma1 * n + (1 - gamma1) * g^2``, ``weight - lr * g / sqrt(n + epsilon)``.

    ``g = clip(rescale_grad * grad + wd * weight)``; a positive clip_weights limits the result.
    Source: Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012.
    """
    check_dtypes("rmsprop_update", weight, grad=grad, n=n)
    grad = decayed(grad, weight, wd, rescale_grad, clip_gradient)
    n.mul_(gamma1).addcmul_(grad, grad, value=complement(gamma1))
    target = target_of(weight, out).addcdiv_(grad, n.add(epsilon).sqrt_(), value=-lr)
    return target.clamp_(-clip_weights, clip_weights) if clip_weights >= 0 else target


@operator("rmspropalex_update", mutates=("n", "g", "delta"), elementwise=True)
def rmspropalex_update(
    weight: Tensor, grad: Tensor, n: Tensor, g: Tensor, delta: Tensor, *, lr: float, gamma1: float = 0.95,
    gamma2: float = 0.9, epsilon: float = 1e-8, wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
    clip_weights: float = -1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """RMSProp with centred variance and momentum.

    ``n`` and ``g`` are the running means of the squared gradient and of the gradient;
    ``delta = gamma2 * delta - lr * grad / sqrt(n - g^2 + epsilon)``, ``weight + delta``.
    Source: Graves, Generating Sequences with Recurrent Neural Networks, 2013, equations 38 to 45.
    """
    check_dtypes("rmspropalex_update", weight, grad=grad, n=n, g=g, delta=delta)
    grad = decayed(grad, weight, wd, rescale_grad, clip_gradient)
    rest = complement(gamma1)
    n.mul_(gamma1).addcmul_(grad, grad, value=rest)
    g.mul_(gamma1).add_(grad, alpha=rest)
    delta.mul_(gamma2).addcdiv_(grad, n.addcmul(g, g, value=-1.0).add_(epsilon).sqrt_(), value=-lr)
    target = target_of(weight, out).add_(delta)
    return target.clamp_(-clip_weights, clip_weights) if clip_weights >= 0 else target


# Adagrad


@operator("_sparse_adagrad_update", mutates=("history",), elementwise=True)
def adagrad_update(
    weight: Tensor, grad: Tensor, history: Tensor, *, lr: float, epsilon: float = 1e-7, wd: float = 0.0,
    rescale_grad: float = 1.0, clip_gradient: float = -1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Adagrad: ``history += g^2``, ``weight - lr * (g / sqrt(history + epsilon) + wd * weight)``.

    ``g = clip(rescale_grad * grad)``.
    Source: Duchi et al., Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, JMLR 2011.
    """
    check_dtypes("adagrad_update", weight, grad=grad, history=history)
    grad = rescaled(grad, rescale_grad, clip_gradient)
    history.addcmul_(grad, grad)
    target = target_of(weight, out)
    if wd != 0.0:
        target.mul_(1.0 - lr * wd)
    return target.addcdiv_(grad, history.add(epsilon).sqrt_(), value=-lr)


@operator("_contrib_group_adagrad_update", mutates=("history",))
def group_adagrad_update(
    weight: Tensor, grad: Tensor, history: Tensor, *, lr: float, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
    epsilon: float = 1e-5, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Adagrad with one learning rate for each row.

    weight, grad (rows, ...) and history (rows, 1): ``history += mean(g^2, over a row)``,
    ``weight - lr * g / sqrt(history + epsilon)``.
    """
    op = "group_adagrad_update"
    check_dtypes(op, weight, grad=grad)
    rows = weight.shape[0] if weight.ndim else 0
    if weight.ndim < 2 or history.numel() != rows:
        raise MXNetError(
            f"{op}: weight has shape {tuple(weight.shape)} and history {tuple(history.shape)}; expected "
            "(rows, columns) and (rows, 1)."
        )
    grad = rescaled(grad, rescale_grad, clip_gradient)
    history.add_(grad.square().mean(dim=tuple(range(1, grad.ndim))).reshape(history.shape))
    scale = history.add(epsilon).sqrt_().reshape(-1, *(1,) * (grad.ndim - 1))
    return target_of(weight, out).addcdiv_(grad, scale, value=-lr)

for _op in (mp_adamw_update,):
    _op.infer_dtype(dtypes_of_weights())
for _op in (multi_mp_adamw_update,):
    _op.infer_dtype(dtypes_of_weights(1))

multi_adamw_update.list_inputs(names_by_weight("weight", "grad", "mean", "var", extra=("rescale_grad",)))
multi_mp_adamw_update.list_inputs(
    names_by_weight("weight", "grad", "mean", "var", "weight32", extra=("rescale_grad",))
)
