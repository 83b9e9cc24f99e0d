"""Gradient descent: plain, with momentum, Nesterov's, by signs; for one weight and for several."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..attributes import Floats
from ..registry import get_operator, operator
from .common import (
    check_dtypes,
    check_rates,
    check_shapes,
    complement,
    dtypes_of_weights,
    names_by_weight,
    num_weights_of,
    one_or_all,
    rescaled,
    split_by_weight,
    target_of,
    targets_of,
    to_low_precision,
)


def _sgd(weight: Tensor, grad: Tensor, lr: float, wd: float, rescale_grad: float, clip_gradient: float) -> Tensor:
    if wd != 0.0:
        weight.mul_(1.0 - lr * wd)
    if clip_gradient < 0:
        return weight.add_(grad, alpha=-lr * rescale_grad)
    return weight.add_(rescaled(grad, rescale_grad, clip_gradient), alpha=-lr)


def _sgd_mom(
    weight: Tensor, grad: Tensor, mom: Tensor, lr: float, momentum: float, wd: float, rescale_grad: float,
    clip_gradient: float,
) -> Tensor:  # fmt: skip
    mom.mul_(momentum)
    if wd != 0.0:
        mom.add_(weight, alpha=-lr * wd)
    if clip_gradient < 0:
        mom.add_(grad, alpha=-lr * rescale_grad)
    else:
        mom.add_(rescaled(grad, rescale_grad, clip_gradient), alpha=-lr)
    return weight.add_(mom)


@operator("sgd_update", aliases=("_sparse_sgd_update",), elementwise=True)
def sgd_update(
    weight: Tensor, grad: Tensor, *, lr: float, wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
    lazy_update: bool = True, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Stochastic gradient descent: ``weight * (1 - lr * wd) - lr * clip(rescale_grad * grad)``."""
    check_dtypes("sgd_update", weight, grad=grad)
    return _sgd(target_of(weight, out), grad, lr, wd, rescale_grad, clip_gradient)


@operator("sgd_mom_update", aliases=("_sparse_sgd_mom_update",), mutates=("mom",), elementwise=True)
def sgd_mom_update(
    weight: Tensor, grad: Tensor, mom: Tensor, *, lr: float, momentum: float = 0.0, wd: float = 0.0,
    rescale_grad: float = 1.0, clip_gradient: float = -1.0, lazy_update: bool = True, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """SGD with momentum: ``weight + mom``, mom = momentum * mom - lr * (clip(rescale_grad * grad) + wd * weight)."""
    check_dtypes("sgd_mom_update", weight, grad=grad, mom=mom)
    return _sgd_mom(target_of(weight, out), grad, mom, lr, momentum, wd, rescale_grad, clip_gradient)


@operator("mp_sgd_update", mutates=("weight32",))
def mp_sgd_update(
    weight: Tensor, grad: Tensor, weight32: Tensor, *, lr: float, wd: float = 0.0, rescale_grad: float = 1.0,
    clip_gradient: float = -1.0, lazy_update: bool = True, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`sgd_update` in float32 for a weight of lower precision."""
    check_dtypes("mp_sgd_update", weight, grad=grad)
    check_shapes("mp_sgd_update", weight, weight32=weight32)
    return to_low_precision(weight, _sgd(weight32, grad.float(), lr, wd, rescale_grad, clip_gradient), out)


@operator("mp_sgd_mom_update", mutates=("mom", "weight32"))
def mp_sgd_mom_update(
    weight: Tensor, grad: Tensor, mom: Tensor, weight32: Tensor, *, lr: float, momentum: float = 0.0, wd: float = 0.0,
    rescale_grad: float = 1.0, clip_gradient: float = -1.0, lazy_update: bool = True, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`sgd_mom_update` in float32 for a weight of lower precision."""
    check_dtypes("mp_sgd_mom_update", weight, grad=grad)
    check_shapes("mp_sgd_mom_update", weight, mom=mom, weight32=weight32)
    return to_low_precision(
        weight, _sgd_mom(weight32, grad.float(), mom, lr, momentum, wd, rescale_grad, clip_gradient), out
    )


def _sgd_several(
    op: str, arrays: list[tuple[Tensor, ...]], lrs: Sequence[float], wds: Sequence[float], momentum: float | None,
    rescale_grad: float, clip_gradient: float, low_precision: bool, out: Sequence[Tensor] | Tensor | None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """One step for several weights; `momentum` None is plain SGD."""
    check_rates(op, len(arrays), lrs=lrs, wds=wds)
    targets = targets_of(out, len(arrays))
    for weight, grad, *states in arrays:
        check_shapes(op, weight, grad=grad, **{f"state{i}": state for i, state in enumerate(states)})
    weights, grads = [one[0] for one in arrays], [one[1] for one in arrays]
    if low_precision:
        masters, grads = [one[-1] for one in arrays], [grad.float() for grad in grads]
    else:
        masters = [target_of(weight, target) for weight, target in zip(weights, targets, strict=True)]
    moms = [one[2] for one in arrays] if momentum is not None else []
    if clip_gradient < 0 and len(set(lrs)) == len(set(wds)) == 1:
        _sgd_together(masters, grads, moms, lrs[0], momentum, wds[0], rescale_grad)
    elif momentum is None:
        for master, grad, lr, wd in zip(masters, grads, lrs, wds, strict=True):
            _sgd(master, grad, lr, wd, rescale_grad, clip_gradient)
    else:
        for master, grad, mom, lr, wd in zip(masters, grads, moms, lrs, wds, strict=True):
            _sgd_mom(master, grad, mom, lr, momentum, wd, rescale_grad, clip_gradient)
    if low_precision:
        return one_or_all([to_low_precision(*one) for one in zip(weights, masters, targets, strict=True)])
    return one_or_all(masters)


def _sgd_together(
    weights: list[Tensor], grads: list[Tensor], moms: list[Tensor], lr: float, momentum: float | None, wd: float,
    rescale_grad: float,
) -> None:  # fmt: skip
    """`_sgd` or `_sgd_mom` for weights with one learning rate and weight decay; a few kernels for all of them."""
    if momentum is None:
        if wd != 0.0:
            torch._foreach_mul_(weights, 1.0 - lr * wd)
        torch._foreach_add_(weights, grads, alpha=-lr * rescale_grad)
        return
    torch._foreach_mul_(moms, momentum)
    if wd != 0.0:
        torch._foreach_add_(moms, weights, alpha=-lr * wd)
    torch._foreach_add_(moms, grads, alpha=-lr * rescale_grad)
    torch._foreach_add_(weights, moms)


@operator("multi_sgd_update", num_outputs=num_weights_of, num_inputs_attr="num_weights")
def multi_sgd_update(
    *data: Tensor, lrs: Floats, wds: Floats, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
    num_weights: int = 1, out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`sgd_update` of several weights: data is (weight, grad) for each."""
    arrays = split_by_weight("multi_sgd_update", data, num_weights, 2)
    return _sgd_several("multi_sgd_update", arrays, lrs, wds, None, rescale_grad, clip_gradient, False, out)


@operator(
    "multi_sgd_mom_update", num_outputs=num_weights_of, num_inputs_attr="num_weights", mutates=("mom",),
)  # fmt: skip
def multi_sgd_mom_update(
    *data: Tensor, lrs: Floats, wds: Floats, momentum: float = 0.0, rescale_grad: float = 1.0,
    clip_gradient: float = -1.0, num_weights: int = 1, out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`sgd_mom_update` of several weights: data is (weight, grad, mom) for each; mom changes in place."""
    arrays = split_by_weight("multi_sgd_mom_update", data, num_weights, 3)
    return _sgd_several("multi_sgd_mom_update", arrays, lrs, wds, momentum, rescale_grad, clip_gradient, False, out)


@operator(
    "multi_mp_sgd_update", num_outputs=num_weights_of, num_inputs_attr="num_weights", mutates=("weight32",),
)  # fmt: skip
def multi_mp_sgd_update(
    *data: Tensor, lrs: Floats, wds: Floats, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
    num_weights: int = 1, out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`mp_sgd_update` of several weights: data is (weight, grad, weight32) for each; weight32 changes in place."""
    arrays = split_by_weight("multi_mp_sgd_update", data, num_weights, 3)
    return _sgd_several("multi_mp_sgd_update", arrays, lrs, wds, None, rescale_grad, clip_gradient, True, out)


@operator(
    "multi_mp_sgd_mom_update", num_outputs=num_weights_of, num_inputs_attr="num_weights", mutates=("mom", "weight32"),
)  # fmt: skip
def multi_mp_sgd_mom_update(
    *data: Tensor, lrs: Floats, wds: Floats, momentum: float = 0.0, rescale_grad: float = 1.0,
    clip_gradient: float = -1.0, num_weights: int = 1, out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`mp_sgd_mom_update` of several weights: data is (weight, grad, mom, weight32) for each; these two change."""
    arrays = split_by_weight("multi_mp_sgd_mom_update", data, num_weights, 4)
    return _sgd_several("multi_mp_sgd_mom_update", arrays, lrs, wds, momentum, rescale_grad, clip_gradient, True, out)


@operator("preloaded_multi_sgd_update", num_outputs=num_weights_of, num_inputs_attr="num_weights", dynamic=True)
def preloaded_multi_sgd_update(
    *data: Tensor, rescale_grad: float = 1.0, clip_gradient: float = -1.0, num_weights: int = 1,
    out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`multi_sgd_update` whose learning rates and weight decays are the last two arrays."""
    return _preloaded("preloaded_multi_sgd_update", data, num_weights, 2, None, rescale_grad, clip_gradient, False, out)


@operator(
    "preloaded_multi_sgd_mom_update", num_outputs=num_weights_of, num_inputs_attr="num_weights", dynamic=True,
    mutates=("mom",),
)  # fmt: skip
def preloaded_multi_sgd_mom_update(
    *data: Tensor, momentum: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0, num_weights: int = 1,
    out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`multi_sgd_mom_update` whose learning rates and weight decays are the last two arrays."""
    op = "preloaded_multi_sgd_mom_update"
    return _preloaded(op, data, num_weights, 3, momentum, rescale_grad, clip_gradient, False, out)


@operator(
    "preloaded_multi_mp_sgd_update", num_outputs=num_weights_of, num_inputs_attr="num_weights", dynamic=True,
    mutates=("weight32",),
)  # fmt: skip
def preloaded_multi_mp_sgd_update(
    *data: Tensor, rescale_grad: float = 1.0, clip_gradient: float = -1.0, num_weights: int = 1,
    out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`multi_mp_sgd_update` whose learning rates and weight decays are the last two arrays."""
    op = "preloaded_multi_mp_sgd_update"
    return _preloaded(op, data, num_weights, 3, None, rescale_grad, clip_gradient, True, out)


@operator(
    "preloaded_multi_mp_sgd_mom_update", num_outputs=num_weights_of, num_inputs_attr="num_weights", dynamic=True,
    mutates=("mom", "weight32"),
)  # fmt: skip
def preloaded_multi_mp_sgd_mom_update(
    *data: Tensor, momentum: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0, num_weights: int = 1,
    out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`multi_mp_sgd_mom_update` whose learning rates and weight decays are the last two arrays."""
    op = "preloaded_multi_mp_sgd_mom_update"
    return _preloaded(op, data, num_weights, 4, momentum, rescale_grad, clip_gradient, True, out)


def _preloaded(
    op: str, data: Sequence[Tensor], num_weights: int, each: int, momentum: float | None, rescale_grad: float,
    clip_gradient: float, low_precision: bool, out: Sequence[Tensor] | Tensor | None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    arrays = split_by_weight(op, data, num_weights, each, extra=2)
    lrs, wds = data[-2].tolist(), data[-1].tolist()
    return _sgd_several(op, arrays, lrs, wds, momentum, rescale_grad, clip_gradient, low_precision, out)


# Nesterov's momentum


def _nag(
    weight: Tensor, grad: Tensor, mom: Tensor, target: Tensor, lr: float, momentum: float, wd: float,
    rescale_grad: float, clip_gradient: float,
) -> Tensor:  # fmt: skip
    """Write the new weight to target, then move the momentum: as in MXNet its decay sees the weight after the step."""
    grad = rescaled(grad, rescale_grad, clip_gradient)
    pull = grad if wd == 0.0 else grad.add(weight, alpha=wd)
    target.add_(mom, alpha=momentum * momentum).add_(pull, alpha=-lr * (1.0 + momentum))
    mom.mul_(momentum).add_(grad, alpha=-lr)
    if wd != 0.0:
        mom.add_(weight, alpha=-lr * wd)
    return target


@operator("nag_mom_update", mutates=("mom",), elementwise=True)
def nag_mom_update(
    weight: Tensor, grad: Tensor, mom: Tensor, *, lr: float, momentum: float = 0.0, wd: float = 0.0,
    rescale_grad: float = 1.0, clip_gradient: float = -1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """SGD with Nesterov's momentum.

    With ``g = clip(rescale_grad * grad) + wd * weight`` and ``step = momentum * mom - lr * g``:
    ``weight + momentum * step - lr * g``; mom becomes step, with the decay of the new weight when out is the weight.
    """
    check_dtypes("nag_mom_update", weight, grad=grad, mom=mom)
    return _nag(weight, grad, mom, target_of(weight, out), lr, momentum, wd, rescale_grad, clip_gradient)


@operator("mp_nag_mom_update", mutates=("mom", "weight32"))
def mp_nag_mom_update(
    weight: Tensor, grad: Tensor, mom: Tensor, weight32: Tensor, *, lr: float, momentum: float = 0.0, wd: float = 0.0,
    rescale_grad: float = 1.0, clip_gradient: float = -1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`nag_mom_update` in float32 for a weight of lower precision."""
    check_shapes("mp_nag_mom_update", weight, grad=grad, mom=mom, weight32=weight32)
    return to_low_precision(
        weight, _nag(weight32, grad.float(), mom, weight32, lr, momentum, wd, rescale_grad, clip_gradient), out
    )


# Signs


@operator("signsgd_update", elementwise=True)
def signsgd_update(
    weight: Tensor, grad: Tensor, *, lr: float, wd: float = 0.0, rescale_grad: float = 1.0, clip_gradient: float = -1.0,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """SGD by the sign of the gradient: ``weight * (1 - lr * wd) - lr * sign(grad)``.

    A negative rescale_grad turns the sign; otherwise rescale_grad and clip_gradient don't matter.
    """
    check_dtypes("signsgd_update", weight, grad=grad)
    target = target_of(weight, out)
    if wd != 0.0:
        target.mul_(1.0 - lr * wd)
    return target.add_(rescaled(grad, rescale_grad, -1.0).sign().nan_to_num_(0.0), alpha=-lr)


@operator("signum_update", mutates=("mom",), elementwise=True)
def signum_update(
    weight: Tensor, grad: Tensor, mom: Tensor, *, lr: float, momentum: float = 0.0, wd: float = 0.0,
    rescale_grad: float = 1.0, clip_gradient: float = -1.0, wd_lh: float = 0.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """SGD by the sign of the momentum.

    ``mom = momentum * mom - (1 - momentum) * (clip(rescale_grad * grad) + wd * weight)``,
    ``weight * (1 - lr * wd_lh) + lr * sign(mom)``.
    Source: Bernstein et al., signSGD: Compressed Optimisation for Non-Convex Problems, ICML 2018.
    """
    check_dtypes("signum_update", weight, grad=grad, mom=mom)
    rest = complement(momentum)
    mom.mul_(momentum)
    if wd != 0.0:
        mom.add_(weight, alpha=-rest * wd)
    mom.add_(rescaled(grad, rescale_grad, clip_gradient), alpha=-rest)
    target = target_of(weight, out)
    if wd_lh != 0.0:
        target.mul_(1.0 - lr * wd_lh)
    return target.add_(mom.sign().nan_to_num_(0.0), alpha=lr)

for _op in (mp_sgd_update, mp_sgd_mom_update, mp_nag_mom_update, multi_mp_sgd_update, multi_mp_sgd_mom_update):
    _op.infer_dtype(dtypes_of_weights())
for _op in (preloaded_multi_mp_sgd_update, preloaded_multi_mp_sgd_mom_update):
    _op.infer_dtype(dtypes_of_weights(2))

for _op, _each in (
    (multi_sgd_update, ("weight", "grad")),
    (multi_sgd_mom_update, ("weight", "grad", "mom")),
    (multi_mp_sgd_update, ("weight", "grad", "weight32")),
    (multi_mp_sgd_mom_update, ("weight", "grad", "mom", "weight32")),
):
    _op.list_inputs(names_by_weight(*_each))
    get_operator(f"preloaded_{_op.name}").list_inputs(names_by_weight(*_each, extra=("lrs", "wds")))
