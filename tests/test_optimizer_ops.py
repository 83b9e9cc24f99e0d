"""Update operators against MXNet 1.9.1, as recorded by tests/oracle/record_optimizer_ops.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet.ops.registry import get_operator

DATA = Path(__file__).parent / "oracle/data"
RECORDS = json.loads((DATA / "optimizer_ops.json").read_text())
ARRAYS = dict(np.load(DATA / "optimizer_ops.npz"))
# MXNet leaves the master copy as it was there, and AdamW overwrites the gradient with the rescaled one.
IGNORED = {("mp_lamb_update_phase2", "weight32_0")}
TOLERANCE = {
    "FTML": {"rtol": 2e-2, "atol": 2e-2},  # MXNet takes 1 - 0.999^3 in half precision
    "float32": {"rtol": 2e-6, "atol": 5e-7},
    "float16": {"rtol": 3e-3, "atol": 6e-3},
}


@pytest.mark.parametrize("number", range(len(RECORDS)), ids=lambda n: f"{n}-{RECORDS[n]['op']}")
def test_update_agrees_with_mxnet(number):
    record = RECORDS[number]
    op = get_operator(record["op"])
    labels = record["inputs"]
    tensors = [torch.tensor(ARRAYS[f"{number}.{label}.in"]) for label in labels]
    weights = [t for t, label in zip(tensors, labels, strict=True) if label.startswith("weight_")]
    attrs = op.parse_attributes(record["attributes"])
    several = op.variadic
    out = {} if "phase1" in record["op"] else {"out": weights if several else weights[0]}
    result = op.function(*tensors, **attrs, **out)
    results = list(result) if isinstance(result, tuple) else [result]
    if out:
        assert all(r is w for r, w in zip(results, weights, strict=True))
    tolerance = TOLERANCE["FTML" if "ftml" in record["op"] and record["dtype"] == "float16" else record["dtype"]]
    expected = ARRAYS[f"{number}.result"]
    np.testing.assert_allclose(np.stack([r.numpy() for r in results]), expected, **tolerance)
    for tensor, label in zip(tensors, labels, strict=True):
        if (record["op"], label) in IGNORED or (label.startswith("grad") and "adamw" in record["op"]):
            continue
        np.testing.assert_allclose(tensor.numpy(), ARRAYS[f"{number}.{label}.after"], **tolerance, err_msg=label)


def test_without_out_the_weight_stays_and_states_move():
    weight, mom = mx.nd.ones(2), mx.nd.zeros(2)
    result = mx.nd.sgd_mom_update(weight, weight, mom, lr=0.1, momentum=0.9)
    assert result.asnumpy() == pytest.approx([0.9, 0.9])
    assert weight.asnumpy().tolist() == [1, 1]
    assert mom.asnumpy() == pytest.approx([-0.1, -0.1])


def test_several_weights_are_updated_in_place():
    first, second, grad = mx.nd.ones(2), mx.nd.ones((2, 2)), mx.nd.ones(2)
    out = mx.nd.multi_sgd_update(
        first, grad, second, mx.nd.ones((2, 2)), lrs=(0.1, 0.5), wds=(0, 0), num_weights=2, out=[first, second]
    )
    assert out[0] is first
    assert first.asnumpy() == pytest.approx([0.9, 0.9])
    assert second.asnumpy() == pytest.approx(np.full((2, 2), 0.5))


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 0.0])
def test_adamw_skips_a_step_whose_loss_scale_overflowed(scale):
    ones = torch.ones(2)
    mean, var, weight = torch.zeros(2), torch.zeros(2), torch.ones(2)
    op = get_operator("_adamw_update")
    op.function(
        weight, ones, mean, var, torch.tensor([scale]), **op.parse_attributes({"lr": 0.1, "eta": 1}), out=weight
    )
    assert weight.tolist() == [1, 1]
    assert mean.tolist() == var.tolist() == [0, 0]


def test_norms_and_rates_of_lars():
    # Recorded from MXNet 1.9.1.
    a, b = mx.nd.array([1, 2]), mx.nd.array([[1, 2], [3, 4]])
    assert mx.nd.multi_sum_sq(a, b, num_arrays=2).asnumpy().tolist() == [5, 30]
    lrs, weights, grads, wds = (mx.nd.array(x) for x in ([0.1, 0.2, 0.3], [4, 0, 9], [1, 2, 4], [0.1, 0.2, 0.3]))
    rates = mx.nd.multi_lars(lrs, weights, grads, wds, eta=0.5, eps=0.01, rescale_grad=2)
    assert rates.asnumpy() == pytest.approx([0.04524887, 0.2, 0.09164969])


def test_all_finite_finds_infinities_and_keeps_what_out_holds():
    good, bad = mx.nd.array([1, 2]), mx.nd.array([1, np.inf])
    assert mx.nd.all_finite(good).asnumpy().tolist() == [1]
    assert mx.nd.all_finite(bad).asnumpy().tolist() == [0]
    assert mx.nd.multi_all_finite(good, bad, num_arrays=2).asnumpy().tolist() == [0]
    out = mx.nd.zeros(1)
    mx.nd.all_finite(good, init_output=False, out=out)
    assert out.asnumpy().tolist() == [0]
    mx.nd.all_finite(good, out=out)
    assert out.asnumpy().tolist() == [1]
    with pytest.raises(mx.MXNetError, match="floating point"):
        mx.nd.all_finite(good.astype("int32"))


def test_reset_arrays_fills_with_zeros():
    a, b = mx.nd.ones(2), mx.nd.ones((2, 2))
    mx.nd.reset_arrays(a, b, num_arrays=2)
    assert not a.asnumpy().any()
    assert not b.asnumpy().any()


def test_nan_gradients_pass_clipping_and_have_no_sign():
    # Recorded from MXNet 1.9.1.
    grad, weight = mx.nd.array([np.nan, np.inf, 1]), mx.nd.ones(3)
    clipped = mx.nd.sgd_update(weight, grad, lr=0.1, clip_gradient=1).asnumpy()
    np.testing.assert_allclose(clipped, [np.nan, 0.9, 0.9])
    signs = mx.nd.signsgd_update(weight, mx.nd.array([0, np.nan, 2]), lr=0.1).asnumpy()
    np.testing.assert_allclose(signs, [1, 1, 0.9])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: mx.nd.sgd_update(w, mx.nd.ones(3), lr=0.1), "grad has shape"),
        (lambda w: mx.nd.sgd_update(w, w), "lr"),
        (lambda w: mx.nd.sgd_mom_update(w, w, mx.nd.ones(3), lr=0.1), "mom has shape"),
        (lambda w: mx.nd.sgd_update(w, w.astype("float16"), lr=0.1), "grad has dtype"),
        (lambda w: mx.nd.multi_sgd_update(w, w, w, w, lrs=(0.1,), wds=(0, 0), num_weights=2), "lrs has 1 numbers"),
        (lambda w: mx.nd.multi_sgd_update(w, w, lrs=(0.1, 0.1), wds=(0, 0), num_weights=2), "expected 4"),
        (lambda w: mx.nd.lamb_update_phase2(w, w, w, w, lr=0.1), "r1 has shape"),
        (lambda w: mx.nd.multi_sum_sq(w, w.astype("float16"), num_arrays=2), "one dtype"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(mx.MXNetError, match=message):
        call(mx.nd.ones(2))
