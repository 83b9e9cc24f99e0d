"""StorageCounter against numbers computed by hand. A float32 takes 4 bytes."""

from __future__ import annotations

import doctest
import gc

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet import autograd, storage_counter
from mxnet.storage_counter import StorageCounter


def figures(counter: StorageCounter) -> tuple[int, int, int]:
    return counter.live, counter.peak, counter.total


def test_example_of_the_docstring():
    assert doctest.testmod(storage_counter).failed == 0


def test_results_count_until_they_are_freed():
    x = torch.ones(4)
    with StorageCounter() as counter:
        a = x * 2
        assert figures(counter) == (16, 16, 16)
        b = torch.cat([a, a])
        assert figures(counter) == (48, 48, 48)
        del a
        assert figures(counter) == (32, 48, 48)
        c = b.double()
        assert figures(counter) == (96, 96, 112)
    d = b + 1  # after the block: not counted
    del b, c
    assert figures(counter) == (0, 96, 112) and d.shape == (8,)


def test_views_and_writes_in_place_share_one_storage():
    x = torch.ones(2, 3)
    with StorageCounter() as counter:
        rows, transposed = x[0], x.T
        x.add_(1)
        torch.exp(x, out=x)
        assert figures(counter) == (0, 0, 0)
        y = x + 1
        views = [y.view(6), y[1], y.T, y.detach()]
        y.mul_(2)
        assert figures(counter) == (24, 24, 24)
        del y
        assert counter.live == 24
        views.clear()
        assert counter.live == 0
    assert rows.shape == (3,) and transposed.shape == (3, 2)


def test_tensors_from_numbers_and_numpy_count():
    with StorageCounter() as counter:
        a = torch.tensor([1.0, 2.0, 3.0])
        b = torch.from_numpy(np.ones(5))
        assert figures(counter) == (52, 52, 52)
        del a, b
    assert counter.live == 0


def test_a_storage_that_is_resized_counts_with_its_new_size():
    older = torch.ones(2)
    with StorageCounter() as counter:
        x = torch.empty(0)
        assert counter.live == 0
        x.resize_(10)
        assert figures(counter) == (40, 40, 40)
        x.untyped_storage().resize_(20)  # not an operator; seen with the next one
        x.resize_(5)
        assert figures(counter) == (20, 40, 40)
        torch.add(torch.ones(3), 1, out=older.resize_(0))
        assert counter.live == 20  # older is older, whatever its size
        del x
    assert counter.live == 0


def test_backward_counts_and_given_groups_are_apart():
    w = torch.ones(8, requires_grad=True)
    w.grad = torch.zeros(8)
    x = torch.ones(1)
    with StorageCounter(parameters=[w], gradients=[w.grad, None], inputs=[x]) as counter:
        loss = (w.exp() * x).sum()
        # exp 32 and its product with x 32, of which exp is saved for backward and the product is not; sum 4
        assert figures(counter) == (36, 68, 68)
        loss.backward()
    # head gradient 4; it reaches the product as a view; times x 32; times exp 32; then it is added to w.grad in place:
    # 36 + 4 + 32 + 32 = 104
    assert counter.given == {"parameters": 32, "gradients": 32, "inputs": 4}
    assert figures(counter) == (4, 104, 136)


def test_backward_makes_the_gradient_where_there_was_none():
    w = torch.ones(8, requires_grad=True)
    with StorageCounter(parameters=[w]) as counter:
        loss = w.exp().sum()
        loss.backward()
    assert figures(counter) == (4 + 32, 32 + 4 + 4 + 32, 72)
    w.grad = None
    assert counter.live == 4


def test_a_storage_in_several_groups_counts_in_the_first():
    x = torch.ones(2, 2)
    assert StorageCounter(first=[x[0], x[1]], second=[x.T, torch.ones(1)]).given == {"first": 16, "second": 4}


def test_addresses_of_freed_storages_may_come_again():
    with StorageCounter() as counter:
        for _ in range(50):
            torch.ones(100)
        x = torch.ones(7)
    assert figures(counter) == (28, 400, 50 * 400 + 28) and x is not None


def test_custom_functions_and_cycles_are_followed():
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(y := x * 2)
            return y.clone()

        @staticmethod
        def backward(ctx, head_grad):
            return head_grad * 2 + 0 * ctx.saved_tensors[0]

    x = torch.ones(10, requires_grad=True)
    gc.collect()
    with StorageCounter() as counter:
        y = Twice.apply(x)
        assert counter.live == 80
        cycle = [y]
        cycle.append(cycle)
        del y, cycle
        assert counter.live == 80
        gc.collect()
        assert counter.live == 0


def test_meta_tensors_count_as_if_they_had_memory():
    with StorageCounter() as counter:
        x = torch.ones(1000, 1000, 1000, device="meta")
        y = x + 1
    assert counter.live == 8 * 10**9 and y.is_meta


def test_numbers_stay_the_same_while_counting():
    x = torch.linspace(-2, 2, 50, requires_grad=True)
    (expected,) = torch.autograd.grad(x.sin().exp().sum(), [x])
    with StorageCounter():
        (counted,) = torch.autograd.grad(x.sin().exp().sum(), [x])
    assert torch.equal(expected, counted)


def test_sparse_tensors_count_by_their_elements_and_indices():
    with StorageCounter() as counter:
        made = torch.sparse_coo_tensor([[1, 5]], torch.ones(2, 3), (9, 3), check_invariants=False)
    assert counter.live == 2 * 8 + 6 * 4
    del made
    assert counter.live == 0
    array = mx.nd.sparse.row_sparse_array(([[1, 2]], [3]), shape=(5, 2))
    with StorageCounter(weights=[array]) as counter:
        copied = array.copy()
    assert counter.given == {"weights": 16} and counter.live == 8
    assert copied.nbytes == 16
    with StorageCounter(), pytest.raises(NotImplementedError, match="layout"):
        torch.eye(4).to_sparse_bsr((2, 2))



def test_arrays_recorded_by_mxnet():
    w = mx.nd.ones((8,))
    w.attach_grad()
    with StorageCounter(parameters=[w], gradients=[w.grad]) as counter:
        with autograd.record():
            loss = mx.nd.exp(w).sum()
        # exp 32, kept for backward; sum 4
        assert counter.live == 36
        loss.backward()
    assert counter.given == {"parameters": 32, "gradients": 32}
    assert w.grad.asnumpy().tolist() == [np.float32(np.e)] * 8
    # backward adds the head gradient 4 and the gradient of w 32, which is then copied into w.grad
    assert figures(counter) == (4, 36 + 36, 72)
    del loss
    assert counter.live == 0
