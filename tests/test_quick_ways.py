"""Ways that operators take only for large arrays, or where values allow it: they give what the plain way gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet import autograd, nd


def rows(kind):
    random = np.random.RandomState(0)
    data = random.uniform(-1, 1, (5, 64)).astype("float32")
    if kind == "ties":
        data = np.round(data, 1)
    elif kind == "nan":
        data[random.uniform(size=data.shape) < 0.1] = np.nan
    elif kind == "tie at the end":  # the last one taken and the first one left out
        data[0] = 0
        data[0, 10:12] = 1
    return data


@pytest.mark.parametrize("kind", ["distinct", "ties", "nan", "tie at the end"])
@pytest.mark.parametrize("is_ascend", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_topk_keeps_the_order_of_equal_elements(kind, is_ascend, axis):
    data = rows(kind).T if axis == 0 else rows(kind)
    values, indices = nd.topk(nd.array(data), k=3, axis=axis, ret_typ="both", is_ascend=is_ascend)
    expected = torch.from_numpy(data).sort(dim=axis, stable=True, descending=not is_ascend)
    np.testing.assert_array_equal(values.asnumpy(), expected.values.narrow(axis, 0, 3).numpy())
    np.testing.assert_array_equal(indices.asnumpy(), expected.indices.narrow(axis, 0, 3).numpy())


def test_topk_passes_the_gradient_to_what_it_takes():
    x = nd.array(rows("distinct"))
    x.attach_grad()
    with autograd.record():
        y = nd.topk(x, k=2, ret_typ="value")
    y.backward(nd.array([[1, 2]] * 5))
    order = np.argsort(-x.asnumpy(), axis=1)
    expected = np.zeros((5, 64))
    np.put_along_axis(expected, order[:, :2], np.array([[1, 2]] * 5), 1)
    np.testing.assert_array_equal(x.grad.asnumpy(), expected)


@pytest.mark.parametrize("channels", [3, 16])
def test_max_pooling_of_images_with_many_channels_and_with_few(channels):
    data = np.round(np.random.RandomState(0).uniform(-1, 1, (2, channels, 9, 11)), 1).astype("float32")
    x, reference = nd.array(data), torch.from_numpy(data).requires_grad_()
    x.attach_grad()
    with autograd.record():
        y = nd.Pooling(x, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max")
    expected = torch.nn.functional.max_pool2d(reference, 3, 2, 1)
    head = torch.rand(expected.shape)
    y.backward(nd.array(head.numpy()))
    expected.backward(head)
    assert y.as_torch().is_contiguous()
    np.testing.assert_array_equal(y.asnumpy(), expected.detach().numpy())
    np.testing.assert_array_equal(x.grad.asnumpy(), reference.grad.numpy())


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("size", [100_000, 100_001])
def test_dropout_drops_the_fraction_asked_for(p, size):
    mx.random.seed(1)
    with autograd.train_mode():
        y = nd.Dropout(nd.ones(size), p=p).asnumpy()
    kept = (y != 0).mean()
    assert abs(kept - (1 - p)) < 5 * np.sqrt(p * (1 - p) / size)  # five standard deviations
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)
    assert abs(np.corrcoef(y[:-1], y[1:])[0, 1]) < 0.02  # the halves of one draw are independent


LARGE = 1 << 15


def step(x, head):
    with autograd.record():
        y = x * 2
    y.backward(head)


def test_a_large_gradient_is_seen_through_every_view_of_its_array():
    x, head = nd.ones(LARGE), nd.ones(LARGE)
    x.attach_grad()
    step(x, head)
    gradient, part, as_torch = x.grad, x.grad[:10], x.grad.as_torch()
    step(x, head * 3)
    for view in (gradient[:10].asnumpy(), part.asnumpy(), as_torch[:10].numpy(), x.grad[:10].asnumpy()):
        np.testing.assert_array_equal(view, 6)


def test_a_large_gradient_does_not_share_memory_with_the_head_gradient():
    x, head = nd.ones(LARGE), nd.ones(LARGE)
    x.attach_grad()
    with autograd.record():
        y = x.reshape(2, -1)
    y.backward(head.reshape(2, -1))
    head[:] = 7
    np.testing.assert_array_equal(x.grad.asnumpy(), 1)


def test_large_gradients_of_two_variables_do_not_share_memory():
    x, y = nd.ones(LARGE), nd.ones(LARGE)
    x.attach_grad()
    y.attach_grad()
    for _ in range(2):
        with autograd.record():
            z = x + y
        z.backward()
        x.grad[:] = 5
        np.testing.assert_array_equal(y.grad.asnumpy(), 1)


@pytest.mark.parametrize("value", [0, 0.0, -0.0, False])
def test_zeros_that_are_equal_but_not_the_same_are_kept_apart(value):
    # The functions remember parsed attributes by the values given.
    x = nd.array([-1.0])
    for first in (0, -0.0, 0.0, False):
        nd.clip(x, first, 1)
    sign = np.signbit(nd.clip(x, value, 1).asnumpy())[0]
    assert sign == np.signbit(np.float32(value))
