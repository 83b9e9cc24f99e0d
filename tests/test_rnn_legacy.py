"""`mx.rnn`: cells build the original's graphs, weights unpack and pack, sentences come in buckets, networks train."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxnet as mx

ORACLE = Path(__file__).parent / "oracle"
sys.path.insert(0, str(ORACLE))

import rnn_cases as cases  # noqa: E402

# Recorded from MXNet 1.9.1 by tests/oracle/record_rnn.py.
RECORDED: dict[str, Any] = json.loads((ORACLE / "data" / "rnn.json").read_text())
pytestmark = pytest.mark.filterwarnings("ignore:NTC layout detected")


@pytest.mark.parametrize("name", cases.CELLS)
def test_unrolled_graph_is_the_original_one(name: str) -> None:
    for how, expected in zip(cases.UNROLLED, RECORDED["graphs"][name], strict=True):
        assert cases.graph(mx, name, *how) == expected, how


@pytest.mark.parametrize("name", cases.PACKED)
def test_weights_unpack_as_the_original_ones_and_pack_again(name: str) -> None:
    ends, args, packed = cases.unpacked(mx, name)
    assert json.loads(json.dumps(ends)) == RECORDED["unpacked"][name]
    assert sorted(packed) == sorted(args)
    for key, array in args.items():
        np.testing.assert_array_equal(packed[key].asnumpy(), array.asnumpy())


@pytest.mark.parametrize("name", cases.ITERATORS)
def test_batches_of_sentences_are_the_original_ones(name: str) -> None:
    assert json.loads(json.dumps(cases.batches(mx, **cases.ITERATORS[name]))) == RECORDED["batches"][name]


def evaluate(cell: Any, args: dict[str, Any], data: np.ndarray) -> np.ndarray:
    outputs, _ = cell.unroll(data.shape[1], mx.sym.Variable("data"), layout="NTC", merge_outputs=True)
    return outputs.eval(data=mx.nd.array(data), **args)[0].asnumpy()


@pytest.mark.parametrize("mode", ["rnn_relu", "rnn_tanh", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_unfused_cells_compute_what_the_fused_one_does(mode: str, bidirectional: bool) -> None:
    random = np.random.RandomState(0)
    fused = mx.rnn.FusedRNNCell(4, 2, mode, bidirectional=bidirectional, prefix="f_")
    data = random.standard_normal((2, 5, 3)).astype("float32")
    outputs, _ = fused.unroll(5, mx.sym.Variable("data"), merge_outputs=True)
    shapes = dict(zip(outputs.list_arguments(), outputs.infer_shape(data=data.shape)[0], strict=True))
    args = {"f_parameters": mx.nd.array(random.uniform(-0.5, 0.5, shapes["f_parameters"]))}
    unfused = fused.unfuse()
    expected = evaluate(fused, args, data)
    assert expected.shape == (2, 5, 8 if bidirectional else 4)
    found = evaluate(unfused, unfused.pack_weights(fused.unpack_weights(args)), data)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_unfusing_keeps_the_forget_bias() -> None:
    cell = mx.rnn.FusedRNNCell(4, mode="lstm", forget_bias=3.0).unfuse()
    outputs, _ = cell.unroll(1, mx.sym.Variable("data"))
    assert outputs[0].attr_dict()["lstm_l0_i2h_bias"]["__init__"] == '["lstmbias", {"forget_bias": 3.0}]'


def test_channels_last_gru_slices_channels() -> None:
    cell = mx.rnn.ConvGRUCell((2, 6, 5, 3), 4, conv_layout="NHWC")
    outputs, _ = cell.unroll(2, [mx.sym.Variable("a"), mx.sym.Variable("b")])
    _, shapes, _ = outputs[1].infer_shape(a=(2, 6, 5, 3), b=(2, 6, 5, 3))
    assert shapes == [(2, 6, 5, 4)]


def test_cells_with_the_same_params_share_weights() -> None:
    params = mx.rnn.RNNParams("shared_")
    first, second = (mx.rnn.GRUCell(4, prefix=prefix, params=params) for prefix in ("a_", "b_"))
    x = mx.sym.Variable("x")
    outputs = [cell(x, cell.begin_state())[0] for cell in (first, second)]
    assert mx.sym.Group(outputs).list_arguments() == [
        "x", "shared_i2h_weight", "shared_i2h_bias", "shared_h2h_weight", "shared_h2h_bias",
    ]  # fmt: skip


def test_states_can_be_fed() -> None:
    states = mx.rnn.LSTMCell(4).begin_state(func=mx.sym.Variable)
    assert [state.name for state in states] == ["lstm_begin_state_0", "lstm_begin_state_1"]
    assert states[0].attr("__layout__") == "NC"


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda R: R.RNNCell(4).unroll(3, [mx.sym.Variable("a")]), AssertionError, "1 inputs.*expected 3"),
        (lambda R: R.RNNCell(4).unroll(2, mx.sym.Group([mx.sym.Variable("a"), mx.sym.Variable("b")])), AssertionError,
         "grouped symbol"),
        (lambda R: R.RNNCell(4).unroll(2, mx.sym.Variable("a"), layout="NC"), mx.MXNetError, "'NC'.*'NTC' or 'TNC'"),
        (lambda R: R.FusedRNNCell(4)(mx.sym.Variable("a"), []), NotImplementedError, "cannot be stepped"),
        (lambda R: R.FusedRNNCell(4, mode="elman"), mx.MXNetError, "elman"),
        (lambda R: R.FusedRNNCell(4).unpack_weights({"lstm_parameters": mx.nd.zeros(7)}), mx.MXNetError, "7 elements"),
        (lambda R: cases.CELLS["bidirectional"](R)(mx.sym.Variable("a"), []), NotImplementedError, "use unroll"),
        (lambda R: R.ZoneoutCell(R.FusedRNNCell(4)), AssertionError, "unfuse first"),
        (lambda R: R.ZoneoutCell(cases.CELLS["bidirectional"](R)), AssertionError, "doesn't support zoneout"),
        (lambda R: R.DropoutCell("half"), AssertionError, "half"),
        (lambda R: R.ConvLSTMCell((1, 3, 8, 8), 4, h2h_kernel=(2, 2)), AssertionError, r"\(2, 2\)"),
        (lambda R: R.ModifierCell(R.RNNCell(4)).base_cell.begin_state(), AssertionError, "Call the modifier cell"),
        (lambda R: R.SequentialRNNCell(params=R.RNNParams()).add(R.RNNCell(4)), AssertionError, "not both"),
        (lambda R: R.BaseRNNCell().state_info, NotImplementedError, "BaseRNNCell"),
        (lambda R: R.BucketSentenceIter(cases.SENTENCES, 2, layout="XX"), ValueError, "Invalid layout XX"),
        (lambda R: R.BucketSentenceIter([], 2), ValueError, "pass buckets"),
        (lambda R: R.encode_sentences([["a", "z"]], vocab={"a": 5}), AssertionError, "Unknown token z"),
    ],
)  # fmt: skip
def test_what_a_cell_or_iterator_cannot_do_raises(act: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        act(mx.rnn)


@pytest.mark.parametrize(
    ("kwargs", "codes", "vocab"),
    [
        # The first three were recorded from MXNet 1.9.1; there, an unknown token takes a number that is in use.
        ({}, [[0, 1], [1, 2, 0]], {"\n": -1, "a": 0, "b": 1, "c": 2}),
        ({"invalid_label": 0, "start_label": 1, "invalid_key": "<p>"}, [[1, 2], [2, 3, 1]],
         {"<p>": 0, "a": 1, "b": 2, "c": 3}),
        ({"invalid_label": 1}, [[0, 2], [2, 3, 0]], {"\n": 1, "a": 0, "b": 2, "c": 3}),
        ({"vocab": {"a": 5, "b": 6, "u": 9}, "unknown_token": "u"}, [[5, 6], [6, 9, 5]], {"a": 5, "b": 6, "u": 9}),
    ],
)  # fmt: skip
def test_sentences_are_encoded(kwargs: dict[str, Any], codes: list[list[int]], vocab: dict[str, int]) -> None:
    assert mx.rnn.encode_sentences([["a", "b"], ["b", "c", "a"]], **kwargs) == (codes, vocab)


def test_too_long_sentences_are_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        mx.rnn.BucketSentenceIter(cases.SENTENCES, 2, buckets=[3])
    assert "discarded 1 sentences longer than the largest bucket." in caplog.text


def test_rnn_unroll_warns_and_names_its_inputs() -> None:
    with pytest.warns(UserWarning, match="rnn_unroll is deprecated"):
        outputs, _ = mx.rnn.rnn_unroll(mx.rnn.RNNCell(4), 2, input_prefix="p_")
    assert {"p_t0_data", "p_t1_data"} <= set(outputs[1].list_arguments())
    assert "p_t1_data" not in outputs[0].list_arguments()


def test_fused_checkpoint_is_read_by_unfused_cells(tmp_path: Path) -> None:
    fused = mx.rnn.FusedRNNCell(4, 1, "lstm", prefix="f_")
    outputs, _ = fused.unroll(3, mx.sym.Variable("data"), merge_outputs=True)
    args = {"f_parameters": mx.nd.array(np.random.RandomState(0).uniform(-1, 1, 144))}
    prefix = str(tmp_path / "net")
    mx.rnn.save_rnn_checkpoint(fused, prefix, 3, outputs, args, {})
    assert list(args) == ["f_parameters"]
    unfused = fused.unfuse()
    _, loaded, _ = mx.rnn.load_rnn_checkpoint([unfused], prefix, 3)
    data = np.random.RandomState(1).standard_normal((2, 3, 3)).astype("float32")
    np.testing.assert_allclose(evaluate(unfused, loaded, data), evaluate(fused, args, data), rtol=1e-4, atol=1e-5)
    save = mx.rnn.do_rnn_checkpoint(fused, str(tmp_path / "again"), period=2)
    for epoch in range(4):
        save(epoch, outputs, args, {})
    assert sorted(name for name in os.listdir(tmp_path) if name.startswith("again") and name.endswith("params")) == [
        "again-0002.params", "again-0004.params",
    ]  # fmt: skip


@pytest.mark.parametrize("fused", [False, True])
def test_bucketing_module_learns_to_count(fused: bool) -> None:
    mx.random.seed(0)
    np.random.seed(0)
    sentences = [[(start + i) % 7 + 1 for i in range(length)] for start in range(7) for length in (4, 6) * 4]
    batches = mx.rnn.BucketSentenceIter(sentences, 8, invalid_label=0)
    assert batches.buckets == [4, 6]
    cell: Any = mx.rnn.FusedRNNCell(16, 1, "lstm", prefix="l_") if fused else mx.rnn.LSTMCell(16, prefix="l_")

    def network(length: int) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
        words = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=8, output_dim=8, name="embedding")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs, _ = cell.unroll(length, words, merge_outputs=True)
        scores = mx.sym.FullyConnected(mx.sym.reshape(outputs, shape=(-1, 16)), num_hidden=8, name="scores")
        label = mx.sym.reshape(mx.sym.Variable("softmax_label"), shape=(-1,))
        return mx.sym.SoftmaxOutput(scores, label, use_ignore=True, ignore_label=0, name="softmax"), ("data",), (
            "softmax_label",
        )  # fmt: skip

    module = mx.mod.BucketingModule(network, default_bucket_key=batches.default_bucket_key)
    metric = mx.metric.Perplexity(ignore_label=0)
    module.fit(
        batches, eval_metric=metric, optimizer="adam", optimizer_params={"learning_rate": 0.02},
        initializer=mx.init.Xavier(), num_epoch=12,
    )  # fmt: skip
    assert metric.get()[1] < 1.5
