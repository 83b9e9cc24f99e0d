"""Gluon losses: values and gradients as recorded from MXNet 1.9.1, and from formulas where that is broken."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gluon_recorded import assert_facts, assert_recorded, cases

import mxnet as mx
from mxnet.gluon import loss


@pytest.mark.parametrize(("name", "build", "inputs"), cases.LOSSES, ids=[c[0] for c in cases.LOSSES])
@pytest.mark.parametrize("hybridize", [False, True], ids=["imperative", "hybridized"])
def test_loss_gives_the_recorded_values_and_gradients(name, build, inputs, hybridize):
    facts, found = cases.run_loss(mx, build, inputs, hybridize)
    assert_facts(f"loss/{name}", facts)
    assert_recorded(f"loss/{name}", found)


def test_poisson_adds_stirlings_formula_to_counts_above_one():
    # MXNet 1.9.1 gives nan for a count of 0 and can't be recorded; the formula is that of its documentation.
    pred, counts = np.array([[0.5, -1.0, 2.0]]), np.array([[0.0, 1.0, 6.0]])
    stirling = 6 * math.log(6) - 6 + 0.5 * math.log(2 * math.pi * 6)
    expected = (np.exp(pred) - counts * pred).sum() + stirling
    array = mx.nd.array(pred)
    array.attach_grad()
    with mx.autograd.record():
        value = loss.PoissonNLLLoss(compute_full=True)(array, mx.nd.array(counts))
        value.backward()
    assert value.asnumpy() == pytest.approx(expected / 3, rel=1e-5)
    np.testing.assert_allclose(array.grad.asnumpy(), (np.exp(pred) - counts) / 3, 1e-5)


def test_softmax_loss_does_not_overflow():
    pred = mx.nd.array([[1000.0, -1000.0], [-1000.0, 1000.0]])
    assert loss.SoftmaxCELoss()(pred, mx.nd.array([0, 0])).asnumpy().tolist() == [0, 2000]
    assert loss.SigmoidBCELoss()(pred, mx.nd.array([[1, 0], [1, 0]])).asnumpy().tolist() == [0, 1000]


def test_equal_rows_have_the_smoothed_entropy_in_sdml():
    value = loss.SDMLLoss()(mx.nd.ones((2, 3)), mx.nd.ones((2, 3))).asnumpy()
    entropy = math.log(2) + 0.7 * math.log(0.7) + 0.3 * math.log(0.3)
    np.testing.assert_allclose(value, [entropy] * 2, 1e-4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: loss.LogisticLoss(label_format="x"), ValueError, "signed or binary"),
        (lambda: loss.CTCLoss("X"), AssertionError, "'NTC' and 'TNC'"),
        (lambda: loss.CTCLoss(label_layout="X"), AssertionError, "'NT' and 'TN'"),
        (lambda: loss.L1Loss(weight="a")(mx.nd.ones(2), mx.nd.ones(2)), AssertionError, "weight must be a number"),
        (lambda: loss.L2Loss()(mx.nd.ones((2, 3)), mx.nd.ones((2, 4))), mx.MXNetError, "reshape_like"),
        (lambda: loss.L2Loss()(mx.nd.ones((2, 3)), mx.nd.ones((2, 3)), mx.nd.ones(5)), mx.MXNetError, "broadcast_mul"),
    ],
)
def test_bad_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
