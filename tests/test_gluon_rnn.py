"""Recurrent cells and layers: results, gradients, states and names as recorded from MXNet 1.9.1."""

from __future__ import annotations

import numpy as np
import pytest
from gluon_recorded import assert_facts, assert_recorded, cases

import mxnet as mx
from mxnet.gluon import rnn

HYBRIDIZE = pytest.mark.parametrize("hybridize", [False, True], ids=["imperative", "hybridized"])


@pytest.mark.parametrize(("name", "build"), cases.CELLS, ids=[c[0] for c in cases.CELLS])
@pytest.mark.parametrize("valid", [False, True], ids=["whole", "valid_length"])
@HYBRIDIZE
def test_cell_gives_the_recorded_results_and_gradients(name, build, valid, hybridize):
    facts, found = cases.run_cell(mx, build, valid, hybridize)
    key = f"cell/{name}{'_valid' if valid else ''}"
    assert_facts(key, facts)
    assert_recorded(key, found)


@pytest.mark.parametrize(("name", "build"), cases.RECURRENT, ids=[c[0] for c in cases.RECURRENT])
@HYBRIDIZE
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_layer_gives_the_recorded_results_and_gradients(name, build, hybridize):
    facts, found = cases.run_recurrent(mx, build, hybridize)
    assert_facts(f"recurrent/{name}", facts)
    assert_recorded(f"recurrent/{name}", found)


@pytest.mark.parametrize("layer", [rnn.RNN, rnn.LSTM, rnn.GRU])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_unfused_cells_compute_what_the_layer_computes(layer, bidirectional):
    fused = layer(3, 2, bidirectional=bidirectional, input_size=4, dropout=0.5)
    fused.initialize(mx.init.Normal(0.5))
    stack = fused._unfuse()
    assert stack.collect_params().keys() == fused.collect_params().keys()
    x = mx.nd.array(cases.numbers(0, 5, 2, 4))
    outputs, _ = stack.unroll(5, x, layout="TNC", merge_outputs=True)
    np.testing.assert_allclose(outputs.asnumpy(), fused(x).asnumpy(), 1e-4, 1e-6)


@pytest.mark.parametrize("layer", [rnn.RNN, rnn.LSTM, rnn.GRU])
def test_input_size_is_inferred_inside_a_hybridized_network(layer):
    net = mx.gluon.nn.HybridSequential()
    net.add(layer(3, 2, bidirectional=True), mx.gluon.nn.Dense(2, flatten=False))
    net.initialize()
    net.hybridize()
    assert net(mx.nd.ones((5, 2, 4))).shape == (5, 2, 2)
    assert net[0].l0_i2h_weight.shape == net[0].r0_i2h_weight.shape
    assert net[0].l0_i2h_weight.shape[1] == 4


def test_sequence_length_stops_each_sequence():
    layer = rnn.LSTM(3, input_size=2, use_sequence_length=True)
    layer.initialize(mx.init.Normal(0.5))
    x = mx.nd.array(cases.numbers(0, 4, 2, 2))
    out, states = layer(x, layer.begin_state(2), mx.nd.array([2, 4]))
    short, short_states = layer(x[:2], layer.begin_state(2), mx.nd.array([2, 2]))
    assert (out[2:, 0].asnumpy() == 0).all()
    np.testing.assert_allclose(out[:2, 0].asnumpy(), short[:, 0].asnumpy(), 1e-5, 1e-6)
    for state, expected in zip(states, short_states, strict=True):
        np.testing.assert_allclose(state[:, 0].asnumpy(), expected[:, 0].asnumpy(), 1e-5, 1e-6)
    with pytest.raises(mx.MXNetError, match="sequence_length is missing"):
        layer(x)
    with pytest.raises(mx.MXNetError, match="use_sequence_length=False"):
        rnn.LSTM(3)(x, None, mx.nd.array([2, 4]))


def test_cell_state_is_clipped():
    layer = rnn.LSTM(3, input_size=2, state_clip_min=-0.01, state_clip_max=0.02)
    layer.initialize(mx.init.Normal(1))
    _, (_, cell) = layer(mx.nd.array(cases.numbers(0, 4, 2, 2)), layer.begin_state(2))
    assert (cell.asnumpy() >= -0.010001).all()
    assert (cell.asnumpy() <= 0.020001).all()


def test_zoneout_keeps_elements_of_the_step_before():
    cell = rnn.ZoneoutCell(rnn.RNNCell(50, input_size=2), zoneout_outputs=0.5, zoneout_states=0.3)
    cell.initialize(mx.init.Normal(1))
    x = mx.nd.array(cases.numbers(0, 2, 3, 2))
    plain, _ = cell.unroll(3, x, begin_state=cell.begin_state(func=mx.nd.zeros, batch_size=2), merge_outputs=True)
    with mx.autograd.train_mode():
        mixed, _ = cell.unroll(3, x, begin_state=cell.begin_state(func=mx.nd.zeros, batch_size=2), merge_outputs=True)
    first = mixed.asnumpy()[:, 0]
    kept = first == 0
    assert 0.3 < kept.mean() < 0.7
    np.testing.assert_allclose(first[~kept], plain.asnumpy()[:, 0][~kept], 1e-5)
    assert repr(cell) == "ZoneoutCell(p_out=0.5, p_state=0.3, RNNCell(2 -> 50, tanh))"


def test_dropout_cell_drops_while_training():
    cell, x = rnn.DropoutCell(0.5), mx.nd.ones((2, 3, 100))
    out, states = cell.unroll(3, x)
    assert (out.asnumpy() == 1).all()
    assert states == []
    with mx.autograd.train_mode():
        out, _ = cell.unroll(3, x)
    assert set(np.unique(out.asnumpy())) == {0, 2}


def test_unroll_takes_and_gives_lists():
    cell = rnn.GRUCell(3, input_size=4)
    cell.initialize(mx.init.Normal(0.5))
    x = mx.nd.array(cases.numbers(0, 2, 5, 4))
    joined, state = cell.unroll(5, x, merge_outputs=True)
    steps, (last,) = cell.unroll(5, [x[:, t] for t in range(5)])
    assert isinstance(steps, list)
    np.testing.assert_array_equal(joined.asnumpy(), np.stack([s.asnumpy() for s in steps], 1))
    np.testing.assert_array_equal(state[0].asnumpy(), last.asnumpy())


def test_unrolled_symbols_have_the_names_of_mxnet():
    cell = rnn.LSTMCell(3, prefix="z_")
    outputs, states = cell.unroll(2, mx.sym.var("x"))
    assert [o.name for o in outputs] == ["z_t0_out", "z_t1_out"]
    assert [s.name for s in states] == ["z_t1_out", "z_t1_state"]
    names = mx.sym.Group(outputs).get_internals().list_outputs()
    assert {"z_t0_i2h_output", "z_t0_h2h_output", "z_t1_plus0_output", "z_t0_slice_output0"} <= set(names)
    assert mx.sym.Group(outputs).list_arguments() == ["x", "z_i2h_weight", "z_i2h_bias", "z_h2h_weight", "z_h2h_bias"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: rnn.RNNCell(3).unroll(4, mx.nd.ones((2, 3, 5))), AssertionError, "length is 4"),
        (lambda: rnn.RNNCell(3).unroll(3, [mx.nd.ones((2, 5))] * 2), AssertionError, "2 inputs were given"),
        (lambda: rnn.RNNCell(3).unroll(3, mx.nd.ones((2, 3, 5)), layout="XX"), AssertionError, "layout is 'XX'"),
        (lambda: rnn.LSTMCell(3)(mx.nd.ones((2, 5)), [mx.nd.ones((2, 3))]), mx.MXNetError, "1 states were given"),
        (lambda: rnn.DropoutCell("a"), AssertionError, "rate must be a number"),
        (lambda: rnn.LSTM(3, layout="X"), AssertionError, "Invalid layout X"),
        (lambda: rnn.RNN(3, activation="foo"), ValueError, "foo"),
        (lambda: rnn.GRU(3)(mx.nd.ones((2, 1, 5)), [mx.nd.ones((1, 2, 3))]), ValueError, "Invalid recurrent state"),
        (lambda: rnn.LSTM(3)(mx.nd.ones((2, 1, 5)), mx.nd.ones((1, 1, 3))), mx.MXNetError, "1 states were given"),
        (lambda: rnn.BidirectionalCell(rnn.RNNCell(2), rnn.RNNCell(2))(mx.nd.ones((1, 2)), []), NotImplementedError,
         "unroll"),
        (lambda: rnn.ZoneoutCell(rnn.BidirectionalCell(rnn.RNNCell(2), rnn.RNNCell(2))), AssertionError, "zoneout"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_base_cell_of_a_modifier_makes_no_states():
    base = rnn.LSTMCell(3)
    modified = rnn.ZoneoutCell(base)
    with pytest.raises(AssertionError, match="modifier cell"):
        base.begin_state(2)
    assert [s.shape for s in modified.begin_state(func=mx.nd.zeros, batch_size=2)] == [(2, 3), (2, 3)]
