"""CachedOp: a graph called like an operator."""

from __future__ import annotations

import os
import sys
import threading

import numpy as np
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import networks

import mxnet as mx
from mxnet import nd
from mxnet.base import MXNetError
from mxnet.cached_op import CachedOp

x, y = mx.sym.var("x"), mx.sym.var("y")


def inputs_of(symbol, shapes, seed=0):
    arguments, _, states = symbol.infer_shape(**shapes)
    known = dict(zip(symbol.list_arguments(), arguments, strict=True)) | dict(
        zip(symbol.list_auxiliary_states(), states, strict=True)
    )
    random = np.random.RandomState(seed)
    return [
        nd.array(np.floor(v) if "label" in name else v)
        for name in symbol.list_inputs()
        for v in [random.uniform(0.3, 1.7, known[name])]
    ]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", networks.BOUND)
def test_it_gives_what_the_executor_gives_bit_for_bit(name, training):
    symbol = networks.build(mx, name)
    values = inputs_of(symbol, networks.BOUND[name])
    given = dict(zip(symbol.list_inputs(), (v.copy() for v in values), strict=True))
    executor = symbol.bind(
        mx.cpu(),
        {n: given[n] for n in symbol.list_arguments()},
        aux_states={n: given[n] for n in symbol.list_auxiliary_states()},
        grad_req="null",
    )
    with mx.autograd.train_mode() if training else mx.autograd.predict_mode():
        found = CachedOp(symbol)(*values)
    for one, other in zip(
        found if isinstance(found, list) else [found], executor.forward(is_train=training), strict=True
    ):
        assert one.asnumpy().tobytes() == other.asnumpy().tobytes()
    for array, name in zip(values, symbol.list_inputs(), strict=True):
        assert np.array_equal(array.asnumpy(), given[name].asnumpy())


def test_gradients_flow_through_it_and_states_change():
    op = CachedOp(mx.sym.BatchNorm(x * x, name="bn", fix_gamma=False))
    data, gamma, beta, mean, var = nd.array([[1, 2], [3, 5]]), nd.ones(2), nd.zeros(2), nd.zeros(2), nd.ones(2)
    for array in (data, gamma):
        array.attach_grad()
    with mx.autograd.record():
        loss = (op(data, gamma, beta, mean, var) * 3).sum()
    loss.backward()
    expected = nd.array([[1, 2], [3, 5]])
    expected.attach_grad()
    scale = nd.ones(2)
    scale.attach_grad()
    with mx.autograd.record():
        other = (
            nd.BatchNorm(expected * expected, scale, nd.zeros(2), nd.zeros(2), nd.ones(2), fix_gamma=False) * 3
        ).sum()
    other.backward()
    assert np.array_equal(data.grad.asnumpy(), expected.grad.asnumpy()) and np.array_equal(
        gamma.grad.asnumpy(), scale.grad.asnumpy()
    )
    assert (mean.asnumpy() != 0).all()


def test_it_takes_part_in_a_recorded_computation():
    op, a = CachedOp(mx.sym.square(x)), nd.array([1, 2])
    a.attach_grad()
    with mx.autograd.record():
        b = op(op(a) + 1)
    b.backward()
    assert a.grad.asnumpy().tolist() == [8, 40]  # of (x^2 + 1)^2: 4 x (x^2 + 1)


def test_declared_gradients_are_used():
    op, a = CachedOp(mx.sym.BlockGrad(x) * 2 + mx.sym.SoftmaxOutput(x, y, name="s")), nd.array([[1.0, 2.0]])
    a.attach_grad()
    with mx.autograd.record():
        out = op(a, nd.array([1]))
    out.backward()
    np.testing.assert_allclose(a.grad.asnumpy(), [[0.26894143, -0.26894143]], rtol=1e-5)


def test_out_receives_the_results():
    op, target = CachedOp(mx.sym.Group([x * 2, x * 3])), [nd.zeros(2), nd.zeros(2)]
    assert op(nd.ones(2), out=target) is target
    assert [t.asnumpy().tolist() for t in target] == [[2, 2], [3, 3]]
    with pytest.raises(MXNetError, match="1 arrays were given as out"):
        op(nd.ones(2), out=nd.zeros(2))


def test_new_shapes_and_dtypes_need_no_new_op():
    op = CachedOp(mx.sym.FullyConnected(x, y, num_hidden=2, no_bias=True) + mx.sym.zeros((0, 2)))
    for batch in (1, 3):
        assert op(nd.ones((batch, 4)), nd.ones((2, 4))).shape == (batch, 2)
    assert CachedOp(x * 2)(nd.ones(2, dtype="float64")).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda op: op(nd.ones(2)), MXNetError, "got 1 arrays; expected 2: x, y"),
        (lambda op: op(nd.ones(2), 3), MXNetError, "y must have NDArray type"),
        (lambda op: op(nd.ones(2), nd.ones(3)), MXNetError, r"Error in operator plus.*\(2,\).*\(3,\)"),
        (lambda op: op(nd.ones(2), nd.ones(2), foo=1), TypeError, "foo"),
        (lambda op: CachedOp(x, [("foo", 1)]), MXNetError, "foo"),
    ],
)
def test_bad_calls_say_what_was_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call(CachedOp(mx.sym.elemwise_add(x, y, name="plus")))


@pytest.mark.parametrize("recording", [False, True])
def test_monitored_runs_show_every_operator(recording):
    net = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=3, name="fc"), act_type="relu", name="act")
    op, seen = CachedOp(net), []
    values = inputs_of(net, {"x": (2, 4)})
    values[0].attach_grad()
    expected = op(*values)
    with mx.autograd.record() if recording else mx.autograd.pause():
        (found,) = op.run_monitored(values, lambda *event: seen.append(event))
    assert np.array_equal(found.asnumpy(), expected.asnumpy())
    assert [event[:2] for event in seen] == [("fc_output", "FullyConnected"), ("act_output", "Activation")]  # recorded
    assert all(type(array) is nd.NDArray for _, _, array in seen)
    seen.clear()
    op.run_monitored(values, lambda *event: seen.append(event), True)
    assert [event[0] for event in seen][:4] == ["fc_data", "fc_weight", "fc_bias", "fc_output"]  # recorded
    assert len(seen) == 6


def test_what_a_monitor_raises_passes_through_unchanged():
    def monitor(*event):
        raise ValueError("stop here")

    with pytest.raises(ValueError, match="stop here"):
        CachedOp(x * 2).run_monitored([nd.ones(2)], monitor)


def test_it_runs_in_threads_at_once():
    op, results = CachedOp(networks.build(mx, "lenet")), {}
    values = inputs_of(networks.build(mx, "lenet"), {"data": (2, 1, 28, 28)})
    expected = op(*values).asnumpy()

    def work(number):
        results[number] = [op(*values).asnumpy() for _ in range(5)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(out, expected) for found in results.values() for out in found) and len(results) == 4


def test_a_graph_without_inputs_runs_in_the_current_context():
    assert CachedOp(mx.sym.zeros((2, 3)))().asnumpy().tolist() == [[0, 0, 0], [0, 0, 0]]


def test_reductions_of_windows_give_the_bits_of_imperative_calls():
    # Imperative calls copy windows; a sum over a window itself would be added up in another order.
    class Windows(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            part = F.slice(x, begin=(None, 1, 3), end=(None, 20, 40))
            half = F.split(x, num_outputs=2, axis=2)[0]
            return F.norm(half, axis=(1, 2)), F.norm(part), F.batch_dot(part, F.slice_axis(x, axis=1, begin=0, end=37))

    results = []
    for options in (None, {}, {"static_alloc": True}):
        net = Windows()
        x = mx.nd.array(np.random.RandomState(0).randn(8, 40, 64))
        x.attach_grad()
        if options is not None:
            net.hybridize(**options)
        with mx.autograd.record():
            out = net(x)
            loss = sum((item**2).sum() for item in out)
        loss.backward()
        results.append([*(item.asnumpy() for item in out), x.grad.asnumpy()])
    for others in results[1:]:
        for first, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(first, other)


def test_hybridized_blocks_run_nodes_in_the_order_in_which_they_are_written():
    # The order of random numbers, and that in which gradients of three uses are added up.
    class Written(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            first = F.Dropout(F.exp(x), p=0.5)
            second = F.Dropout(F.sin(x), p=0.5)
            third = F.tanh(x)
            return second * third + first

    results = []
    for options in (None, {}, {"static_alloc": True}):
        net = Written()
        if options is not None:
            net.hybridize(**options)
        x = mx.nd.array(np.random.RandomState(0).randn(50, 40))
        x.attach_grad()
        mx.random.seed(4)
        with mx.autograd.record():
            out = net(x)
        out.backward()
        results.append((out.asnumpy(), x.grad.asnumpy()))
    for others in results[1:]:
        for first, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(first, other)
