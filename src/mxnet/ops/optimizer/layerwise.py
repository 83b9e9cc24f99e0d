"""Steps scaled for each layer: LAMB and LARS."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...base import MXNetError
from ..attributes import Floats, Shape
from ..registry import operator
from .common import (
    check_dtypes,
    check_rates,
    check_shapes,
    complement,
    dtypes_of_weights,
    move_moments,
    names_by_weight,
    one_or_all,
    rescaled,
    split_by_weight,
    target_of,
    targets_of,
    to_low_precision,
)


def _lamb_direction(
    weight: Tensor, grad: Tensor, mean: Tensor, var: Tensor, beta1: float, beta2: float, epsilon: float, t: int,
    bias_correction: bool, wd: float, rescale_grad: float, clip_gradient: float,
) -> Tensor:  # fmt: skip
    move_moments(rescaled(grad, rescale_grad, clip_gradient), mean, var, beta1, beta2)
    if bias_correction:
        step = (mean / complement(beta1, t)).div_(var.div(complement(beta2, t)).sqrt_().add_(epsilon))
    else:
        step = mean / var.sqrt().add_(epsilon)
    return step.add_(weight, alpha=wd) if wd != 0.0 else step


def _trust_ratio(r1: Tensor, r2: Tensor, lower_bound: float, upper_bound: float) -> Tensor:
    """r1 / r2 with r1 limited to the bounds that are not negative; 1 where either is 0."""
    if lower_bound >= 0:
        r1 = r1.clamp(min=lower_bound)
    if upper_bound >= 0:
        r1 = r1.clamp(max=upper_bound)
    return torch.where((r1 == 0) | (r2 == 0), 1.0, r1 / r2)


@operator("lamb_update_phase1", mutates=("mean", "var"), elementwise=True)
def lamb_update_phase1(
    weight: Tensor, grad: Tensor, mean: Tensor, var: Tensor, *, beta1: float = 0.9, beta2: float = 0.999,
    epsilon: float = 1e-6, t: int, bias_correction: bool = True, wd: float, rescale_grad: float = 1.0,
    clip_gradient: float = -1.0,
) -> Tensor:  # fmt: skip
    """The direction of a LAMB step: ``mean / (sqrt(var) + epsilon) + wd * weight``, both corrected for bias at step t.

    Source: You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, ICLR 2020.
    """
    check_dtypes("lamb_update_phase1", weight, grad=grad, mean=mean, var=var)
    return _lamb_direction(
        weight, grad, mean, var, beta1, beta2, epsilon, t, bias_correction, wd, rescale_grad, clip_gradient
    )


@operator("lamb_update_phase2")
def lamb_update_phase2(
    weight: Tensor, g: Tensor, r1: Tensor, r2: Tensor, *, lr: float, lower_bound: float = -1.0,
    upper_bound: float = -1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """A LAMB step: ``weight - lr * r1 / r2 * g``; the norms r1 of weight and r2 of g are arrays of one number."""
    _check_lamb("lamb_update_phase2", weight, g, r1, r2)
    return target_of(weight, out).addcmul_(_trust_ratio(r1, r2, lower_bound, upper_bound), g, value=-lr)


@operator("mp_lamb_update_phase1", mutates=("mean", "var"), out_dtype="float32")
def mp_lamb_update_phase1(
    weight: Tensor, grad: Tensor, mean: Tensor, var: Tensor, weight32: Tensor, *, beta1: float = 0.9,
    beta2: float = 0.999, epsilon: float = 1e-6, t: int, bias_correction: bool = True, wd: float,
    rescale_grad: float = 1.0, clip_gradient: float = -1.0,
) -> Tensor:  # fmt: skip
    """`lamb_update_phase1` in float32 for a weight of lower precision."""
    check_shapes("mp_lamb_update_phase1", weight, grad=grad, mean=mean, var=var, weight32=weight32)
    return _lamb_direction(
        weight32, grad.float(), mean, var, beta1, beta2, epsilon, t, bias_correction, wd, rescale_grad, clip_gradient
    )


@operator("mp_lamb_update_phase2", mutates=("weight32",))
def mp_lamb_update_phase2(
    weight: Tensor, g: Tensor, r1: Tensor, r2: Tensor, weight32: Tensor, *, lr: float, lower_bound: float = -1.0,
    upper_bound: float = -1.0, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`lamb_update_phase2` in float32 for a weight of lower precision."""
    _check_lamb("mp_lamb_update_phase2", weight, g, r1, r2)
    weight32.addcmul_(_trust_ratio(r1, r2, lower_bound, upper_bound), g, value=-lr)
    return to_low_precision(weight, weight32, out)


def _check_lamb(op: str, weight: Tensor, g: Tensor, r1: Tensor, r2: Tensor) -> None:
    check_shapes(op, weight, g=g)
    for name, norm in (("r1", r1), ("r2", r2)):
        if norm.numel() != 1:
            raise MXNetError(f"{op}: {name} has shape {tuple(norm.shape)}; expected an array of one number, a norm.")


def _num_tensors(*, num_tensors: int, **_: object) -> int:
    return num_tensors


def _lamb_several(
    op: str, data: Sequence[Tensor], num_tensors: int, low_precision: bool, learning_rates: Floats, beta1: float,
    beta2: float, epsilon: float, wds: Floats, rescale_grad: float, lower_bound: float, upper_bound: float,
    clip_gradient: float, bias_correction: bool, step_count: Shape, out: Sequence[Tensor] | None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    arrays = split_by_weight(op, data, num_tensors, 5 if low_precision else 4)
    check_rates(op, num_tensors, learning_rates=learning_rates, wds=wds, step_count=step_count)
    targets = targets_of(out, num_tensors)
    for weight, grad, mean, var, *_ in arrays:
        check_shapes(op, weight, grad=grad, mean=mean, var=var)
    weights, grads, means, variances = (list(column) for column in list(zip(*arrays, strict=True))[:4])
    if low_precision:
        masters = [one[4] for one in arrays]
        grads = [grad.float() for grad in grads]
    else:
        masters = [target_of(weight, target) for weight, target in zip(weights, targets, strict=True)]
    grads = [rescaled(grad, rescale_grad, clip_gradient) for grad in grads]
    torch._foreach_mul_(means, beta1)
    torch._foreach_add_(means, grads, alpha=complement(beta1))
    torch._foreach_mul_(variances, beta2)
    torch._foreach_addcmul_(variances, grads, grads, value=complement(beta2))
    corrections = [[complement(beta, t) if bias_correction else 1.0 for t in step_count] for beta in (beta1, beta2)]
    steps, roots = torch._foreach_div(means, corrections[0]), torch._foreach_div(variances, corrections[1])
    torch._foreach_sqrt_(roots)
    torch._foreach_add_(roots, epsilon)
    torch._foreach_div_(steps, roots)
    if any(wds):
        torch._foreach_add_(steps, torch._foreach_mul(masters, list(wds)))
    norms = [torch.stack(torch._foreach_norm(tensors)).float() for tensors in (masters, steps)]
    ratios = _trust_ratio(norms[0], norms[1], lower_bound, upper_bound) * norms[0].new_tensor(learning_rates)
    torch._foreach_mul_(steps, list(ratios.to(steps[0].dtype).unbind()))
    torch._foreach_sub_(masters, steps)
    if low_precision:
        return one_or_all([to_low_precision(*one) for one in zip(weights, masters, targets, strict=True)])
    return one_or_all(masters)


@operator(
    "_multi_lamb_update", num_outputs=_num_tensors, num_inputs_attr="num_tensors", mutates=("mean", "var"),
)  # fmt: skip
def multi_lamb_update(
    *data: Tensor, learning_rates: Floats, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-6, wds: Floats,
    rescale_grad: float = 1.0, lower_bound: float = -1.0, upper_bound: float = -1.0, clip_gradient: float = -1.0,
    bias_correction: bool = True, step_count: Shape, num_tensors: int = 1, out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """LAMB for several weights: data is (weight, grad, mean, var) for each; step_count are their steps, from 1."""
    return _lamb_several(
        "_multi_lamb_update", data, num_tensors, False, learning_rates, beta1, beta2, epsilon, wds, rescale_grad,
        lower_bound, upper_bound, clip_gradient, bias_correction, step_count, out,
    )  # fmt: skip


@operator(
    "_multi_mp_lamb_update", num_outputs=_num_tensors, num_inputs_attr="num_tensors",
    mutates=("mean", "var", "weight32"),
)  # fmt: skip
def multi_mp_lamb_update(
    *data: Tensor, learning_rates: Floats, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-6, wds: Floats,
    rescale_grad: float = 1.0, lower_bound: float = -1.0, upper_bound: float = -1.0, clip_gradient: float = -1.0,
    bias_correction: bool = True, step_count: Shape, num_tensors: int = 1, out: Sequence[Tensor] | None = None,
) -> Tensor | tuple[Tensor, ...]:  # fmt: skip
    """`_multi_lamb_update` in float32 for weights of lower precision: (weight, grad, mean, var, weight32) for each."""
    return _lamb_several(
        "_multi_mp_lamb_update", data, num_tensors, True, learning_rates, beta1, beta2, epsilon, wds, rescale_grad,
        lower_bound, upper_bound, clip_gradient, bias_correction, step_count, out,
    )  # fmt: skip


@operator("multi_lars", elementwise=True)
def multi_lars(
    lrs: Tensor, weights_sum_sq: Tensor, grads_sum_sq: Tensor, wds: Tensor, *, eta: float, eps: float,
    rescale_grad: float = 1.0,
) -> Tensor:  # fmt: skip
    """The learning rates of LARS from sums of squares, one number for each weight.

    ``lr * eta * |weight| / (rescale_grad * |grad| + wd * |weight| + eps)``; lr itself where a norm is 0.
    Source: You et al., Large Batch Training of Convolutional Networks, 2017.
    """
    weight_norm, grad_norm = weights_sum_sq.sqrt(), grads_sum_sq.sqrt() * rescale_grad
    scaled = lrs * eta * weight_norm / (grad_norm + wds * weight_norm + eps)
    return torch.where((weights_sum_sq > 0) & (grads_sum_sq > 0), scaled, lrs)


@operator("multi_sum_sq", num_inputs_attr="num_arrays", out_dtype="float32")
def multi_sum_sq(*data: Tensor, num_arrays: int) -> Tensor:
    """The sum of squares of each array: (num_arrays,) in float32."""
    split_by_weight("multi_sum_sq", data, num_arrays, 1)
    if any(tensor.dtype != data[0].dtype for tensor in data):
        raise MXNetError(f"multi_sum_sq: the arrays have dtypes {[str(t.dtype) for t in data]}; expected one dtype.")
    flat = [tensor.float().flatten() for tensor in data]
    return torch.stack([torch.dot(vector, vector) for vector in flat])

for _op in (mp_lamb_update_phase2, multi_mp_lamb_update):
    _op.infer_dtype(dtypes_of_weights())

multi_lamb_update.list_inputs(names_by_weight("weight", "grad", "mean", "var", counted_by="num_tensors"))
multi_mp_lamb_update.list_inputs(
    names_by_weight("weight", "grad", "mean", "var", "weight32", counted_by="num_tensors")
)
multi_sum_sq.list_inputs(names_by_weight("array", counted_by="num_arrays"))
