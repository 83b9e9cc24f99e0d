"""Recording and gradients: the rules of MXNet 1.9.1 (each seen by running it), and third orders, which it lacks."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet import autograd, nd

NOT_IN_GRAPH = "Cannot differentiate node because it is not in a computational graph"
IN_GRAPH = "Assigning to NDArrays that are already in a computational graph"


def variable(*values, req="write"):
    x = nd.array(values)
    x.attach_grad(req)
    return x


def modes():
    return autograd.is_recording(), autograd.is_training()


def test_scopes_nest_and_restore():
    seen = [modes()]
    with autograd.record():
        seen.append(modes())
        with autograd.pause():
            seen.append(modes())
            with autograd.train_mode():
                seen.append(modes())
            with autograd.record(train_mode=False):
                seen.append(modes())
        with autograd.predict_mode():
            seen.append(modes())
        with autograd.pause(train_mode=True):
            seen.append(modes())
        seen.append(modes())
    assert seen == [(False, False), (True, True), (False, False), (False, True), (True, False), (True, False),
                    (False, True), (True, True)]  # fmt: skip
    assert modes() == (False, False)
    assert [autograd.set_recording(True), autograd.set_recording(False)] == [False, True]
    assert [autograd.set_training(True), autograd.set_training(False)] == [False, True]
    with pytest.raises(KeyError), autograd.record():
        raise KeyError
    assert modes() == (False, False)


def test_each_thread_has_its_own_state():
    seen = []
    with autograd.record():
        thread = threading.Thread(target=lambda: seen.append(modes()))
        thread.start()
        thread.join()
    assert seen == [(False, False)]


@pytest.mark.parametrize(("req", "expected"), [("write", [2, 4, 6]), ("add", [4, 8, 12])])
def test_gradients_are_written_or_added(req, expected):
    x = variable(1, 2, 3, req=req)
    with autograd.record():
        y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.asnumpy().tolist() == expected
    with pytest.raises(mx.MXNetError, match=NOT_IN_GRAPH):
        y.backward()


def test_null_has_no_gradient():
    x, w = variable(1, 2, req="null"), variable(1, 1)
    with autograd.record():
        y = x * w
    y.backward()
    assert x.grad is None and w.grad.asnumpy().tolist() == [1, 2]


def test_heads_and_their_gradients():
    x = variable(1, 2, 3)
    with autograd.record():
        y, z = x * x, x * 3
    autograd.backward([y, z], [None, nd.array([2, 2, 2])])
    assert x.grad.asnumpy().tolist() == [8, 10, 12]
    with autograd.record():
        y = x * x
    with pytest.raises(mx.MXNetError, match="equally many"):
        autograd.backward([y, y], [nd.ones((3,))])
    with pytest.raises(mx.MXNetError, match=r"shape \(3,\), its head gradient \(2,\)"):
        y.backward(nd.ones((2,)))


def test_only_what_was_recorded_differentiates():
    x = variable(1, 2, 3)
    for make in (lambda: x * x, lambda: nd.ones((3,)) * 2):
        with pytest.raises(mx.MXNetError, match=NOT_IN_GRAPH):
            make().backward()
    with autograd.record():
        y = x * x
        with autograd.pause():
            z = y * 2
        w = z + x
    w.backward()
    assert x.grad.asnumpy().tolist() == [1, 1, 1]
    with autograd.record():
        y = x * 2
    for part in (y[1:], y.copy()):
        with pytest.raises(mx.MXNetError, match=NOT_IN_GRAPH):
            part.backward()


def test_recording_continues_in_a_second_block_and_stops_at_detach_and_attach_grad():
    x = variable(1, 2, 3)
    with autograd.record():
        y = x * x + 1
    with autograd.record():
        z = y.detach() * x
    z.backward()
    assert x.grad.asnumpy().tolist() == [2, 5, 10]
    x = variable(1, 2, 3)
    with autograd.record():
        y = x * x
        y.attach_grad()
        z = y * 2
    z.backward()
    assert x.grad.asnumpy().tolist() == [0, 0, 0] and y.grad.asnumpy().tolist() == [2, 2, 2]


def test_views_copies_casts_and_assignments_carry_gradients():
    x = variable(1, 2, 3)
    with autograd.record():
        y = (x * x)[1:].reshape((2, 1))
    y.backward()
    assert x.grad.asnumpy().tolist() == [0, 4, 6]
    with autograd.record():
        target = nd.zeros((3,))
        x.copyto(target)
        z = (
            x.copyto(mx.cpu(0)) * 2
            + x.as_in_context(mx.cpu(0)) * 3
            + target * 5
            + x.astype("float64").astype("float32")
        )
    z.backward()
    assert x.grad.asnumpy().tolist() == [11, 11, 11]
    with autograd.record():
        y = nd.zeros((3,))
        y[:] = x * 2
        z = y * y
    z.backward()
    assert x.grad.asnumpy().tolist() == [8, 16, 24]
    with autograd.record():
        y = nd.zeros((3,))
        nd.exp(x, out=y)
        z = y * 2
    z.backward()
    np.testing.assert_allclose(x.grad.asnumpy(), 2 * np.exp([1, 2, 3]), rtol=1e-6)


@pytest.mark.parametrize("change", ["x[:] = 5", "x += 1", "y += 1", "y[:] = 1", "y[0] = 1", "nd.exp(x, out=y)"])
def test_arrays_in_a_graph_do_not_change_while_recording(change):
    x = variable(1, 2, 3)
    with autograd.record():
        y = x * x
        with pytest.raises(mx.MXNetError, match=IN_GRAPH):
            exec(change, {"x": x, "y": y, "nd": nd})


def test_a_value_changed_before_backward_is_an_error_that_says_so():
    x = variable(1, 2, 3)
    with autograd.record():
        y = x * x
    x[:] = 10
    with pytest.raises(mx.MXNetError, match="changed in place after it was used"):
        y.backward()


def test_gradients_to_the_third_order():
    x = variable(1, 2, 3)
    with autograd.record():
        y = x * x * x * x
        (first,) = autograd.grad(y, [x], create_graph=True, retain_graph=True)
        (second,) = autograd.grad(first, [x], create_graph=True, retain_graph=True)
    second.backward()
    assert first.asnumpy().tolist() == [4, 32, 108]
    assert second.asnumpy().tolist() == [12, 48, 108]
    assert x.grad.asnumpy().tolist() == [24, 48, 72]


def test_grad_returns_new_arrays_and_explains_what_it_cannot_differentiate():
    x, z = variable(1, 2, 3), variable(1, 2, 3)
    with autograd.record():
        y = x * x
    (gradient,) = autograd.grad(y, [x], retain_graph=True)
    assert gradient.asnumpy().tolist() == [2, 4, 6] and not x.grad.asnumpy().any()
    with pytest.raises(mx.MXNetError, match="1-th variable because it is unreachable"):
        autograd.grad(y, [z], retain_graph=True)
    with pytest.raises(mx.MXNetError, match="1-th variable because it does not require gradient"):
        autograd.grad(y, [nd.ones((3,))], retain_graph=True)
    with pytest.raises(mx.MXNetError, match="variables is empty"):
        autograd.grad(y, [])


def test_marking_variables():
    x, g = nd.array([1, 2, 3]), nd.zeros((3,))
    autograd.mark_variables([x], [g])
    with autograd.record():
        y = x * x
    y.backward()
    assert g.asnumpy().tolist() == [2, 4, 6] and np.shares_memory(x.grad.as_torch(), g.as_torch())
    with pytest.raises(mx.MXNetError, match=r"\(2,\) has a gradient of shape \(3,\)"):
        autograd.mark_variables([nd.ones((2,))], [nd.ones((3,))])
    with pytest.raises(mx.MXNetError, match="equally many"):
        autograd.mark_variables([nd.ones((2,))], [])
    with pytest.raises(mx.MXNetError, match="grad_req is 'sometimes'"):
        nd.ones((2,)).attach_grad("sometimes")
    with pytest.raises(mx.MXNetError, match="can't have a gradient; use a floating dtype"):
        nd.ones((2,), dtype="int32").attach_grad()


def test_a_gradient_is_fresh_until_it_is_reset():
    x, unused = variable(1, 2), variable(1, 2)
    assert not x._fresh_grad
    with autograd.record():
        y = x * x
    y.backward()
    assert x._fresh_grad and not unused._fresh_grad
    x._fresh_grad = False
    assert not x._fresh_grad


class Sigmoid(autograd.Function):
    def forward(self, x):
        y = 1 / (1 + nd.exp(-x))
        self.save_for_backward(y)
        return y

    def backward(self, head_grad):
        (y,) = self.saved_tensors
        return head_grad * y * (1 - y)


class SumAndProduct(autograd.Function):
    def forward(self, a, b):
        return a + b, a * b

    def backward(self, of_sum, of_product):
        return of_sum + of_product * 2, of_product * 3


def test_functions_have_gradients_of_their_own():
    x = variable(0, 1)
    function = Sigmoid()
    with autograd.record():
        y = function(x)
    y.backward()
    s = 1 / (1 + np.exp(-np.array([0.0, 1.0])))
    np.testing.assert_allclose(x.grad.asnumpy(), s * (1 - s), rtol=1e-6)
    with pytest.raises(mx.MXNetError, match="only be called once"):
        function(x)
    a, b = variable(0, 1), variable(3, 4)
    with autograd.record():
        total, product = SumAndProduct()(a, b)
        result = (total * total + product).sum()
    result.backward()
    assert a.grad.asnumpy().tolist() == [8, 12] and b.grad.asnumpy().tolist() == [3, 3]


def test_functions_return_one_gradient_of_the_right_shape_for_each_input():
    class OneForTwo(autograd.Function):
        def forward(self, a, b):
            return a + b

        def backward(self, head_grad):
            return head_grad

    class Short(autograd.Function):
        def forward(self, a):
            return a * 2

        def backward(self, head_grad):
            return head_grad[:1]

    a, b = variable(0, 1), variable(3, 4)
    with autograd.record():
        y = OneForTwo()(a, b)
    with pytest.raises(mx.MXNetError, match="Expecting 2 got 1"):
        y.backward()
    with autograd.record():
        y = Short()(a)
    with pytest.raises(mx.MXNetError, match=r"shape \(1,\) for an input of shape \(2,\)"):
        y.backward()
    with pytest.raises(NotImplementedError):
        autograd.Function()(a)


def test_the_symbol_of_a_recorded_array_computes_the_same():
    x, constant = variable(1, 2, 3, 4), nd.array([[1, 2], [3, 4]])
    with autograd.record():
        left, right = nd.split(nd.exp(x) * 2, 2, axis=0)
        y = nd.concat(right, left, dim=0).reshape((2, 2))[::-1]
        y = nd.FullyConnected(y, constant, num_hidden=2, no_bias=True)[1].expand_dims(0) + constant
    symbol = autograd.get_symbol(y)
    assert symbol.list_arguments() == ["var0", "null0"]
    (again,) = symbol.eval(var0=x, null0=constant)
    assert again.asnumpy().tolist() == y.asnumpy().tolist()
    reloaded = mx.sym.fromjson(symbol.tojson())
    assert reloaded.eval(var0=x, null0=constant)[0].asnumpy().tolist() == y.asnumpy().tolist()
    assert autograd.get_symbol(x).list_arguments() == ["var0"]


def test_the_symbol_of_a_deep_computation_does_not_exhaust_the_stack():
    x = variable(1)
    with autograd.record():
        y = x
        for _ in range(3000):
            y = y + 1
    assert len(autograd.get_symbol(y).get_internals().list_outputs()) == 3001


def test_what_no_operator_made_has_no_symbol():
    x = variable(0, 1)
    with autograd.record():
        y = Sigmoid()(x) + 1
        z = x[[1, 0]] + 1
    with pytest.raises(mx.MXNetError, match="autograd.Function"):
        autograd.get_symbol(y)
    with pytest.raises(mx.MXNetError, match="take or gather_nd"):
        autograd.get_symbol(z)


def test_remembering_operators_keeps_no_activation_alive():
    x = variable(1, 2, 3)
    with autograd.record():
        middle = x + 1
        reference = weakref.ref(middle.as_torch())
        y = middle + 1
        del middle
    gc.collect()
    assert reference() is None
    assert autograd.get_symbol(y).list_arguments() == ["var0"]


def test_recording_works_where_torch_has_gradients_switched_off():
    x = variable(1, 2, 3)
    with torch.no_grad(), autograd.record():
        y = (nd.exp(x) * 2)[1:] + x[:2]
    y.backward()
    np.testing.assert_allclose(x.grad.asnumpy(), [1, 2 * np.exp(2) + 1, 2 * np.exp(3)], rtol=1e-6)
