"""mx.model: checkpoints between us and the original, and FeedForward."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import mxnet as mx
from mxnet.base import MXNetError

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "oracle"))
import record_module as recorder

pytestmark = pytest.mark.filterwarnings("ignore:mxnet.model.FeedForward has been deprecated")
RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(62, 6)).astype("float32")
Y = X[:, :3].argmax(1).astype("float32")


def net():
    x = mx.sym.Activation(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=8, name="fc1"), act_type="relu")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=3, name="fc2"), name="softmax")


def test_a_checkpoint_of_the_original_loads():
    symbol, args, aux = mx.model.load_checkpoint(os.path.join(recorder.DATA, "module"), 3)
    recorded = np.load(Path(recorder.DATA) / "module.npz")
    assert symbol.list_outputs() == ["softmax_output"] and len(args) == 8 and len(aux) == 2
    for name, value in {**args, **aux}.items():
        np.testing.assert_array_equal(value.asnumpy(), recorded[f"one_{name}"])


def test_save_checkpoint_prefixes_names(tmp_path):
    mx.model.save_checkpoint(str(tmp_path / "m"), 12, None, {"w": mx.nd.ones((2,))}, {"m": mx.nd.zeros((1,))})
    assert [path.name for path in tmp_path.iterdir()] == ["m-0012.params"]
    assert sorted(mx.nd.load(str(tmp_path / "m-0012.params"))) == ["arg:w", "aux:m"]
    args, aux = mx.model.load_params(str(tmp_path / "m"), 12)
    assert list(args) == ["w"] and list(aux) == ["m"]


def test_files_with_other_names_are_refused(tmp_path, caplog):
    prefix = str(tmp_path / "m")
    mx.nd.save(prefix + "-0001.params", {"foo": mx.nd.ones((1,))})
    mx.nd.save(prefix + "-0002.params", [mx.nd.ones((1,))])
    mx.nd.save(prefix + "-0003.params", [])
    with pytest.raises(ValueError, match="'foo'; expected arg:name or aux:name"):
        mx.model.load_params(prefix, 1)
    with pytest.raises(ValueError, match="without names"):
        mx.model.load_params(prefix, 2)
    assert mx.model.load_params(prefix, 3) == ({}, {}) and "is empty" in caplog.text
    with pytest.raises(MXNetError, match="m-0004.params"):
        mx.model.load_params(prefix, 4)


def test_feedforward_trains_predicts_scores_and_survives_saving(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with pytest.warns(DeprecationWarning, match="FeedForward has been deprecated"):
        model = mx.model.FeedForward(net(), num_epoch=25, numpy_batch_size=16, optimizer="adam", learning_rate=0.02,
                                     initializer=mx.init.Xavier())  # fmt: skip
    mx.random.seed(0)
    np.random.seed(0)
    model.fit(X, Y, eval_data=(X, Y))
    assert caplog.messages[:2] == ["Start training with [cpu(0)]", "Epoch[0] Resetting Data Iterator"]
    assert caplog.messages[3].startswith("Epoch[0] Validation-accuracy=")
    predicted = model.predict(X)
    assert isinstance(predicted, np.ndarray) and predicted.shape == (62, 3)
    assert (predicted.argmax(1) == Y).mean() > 0.9
    assert model.score(mx.io.NDArrayIter(X, Y, 31)) == pytest.approx((predicted.argmax(1) == Y).mean())
    outputs, data, label = model.predict(mx.io.NDArrayIter(X, Y, 4), num_batch=2, return_data=True)
    np.testing.assert_allclose(outputs, predicted[:8], rtol=1e-5)
    assert data.tolist() == X[:8].tolist() and label.tolist() == Y[:8].tolist()
    model.save(str(tmp_path / "ff"))
    loaded = mx.model.FeedForward.load(str(tmp_path / "ff"), 25)
    assert loaded.begin_epoch == 25
    np.testing.assert_array_equal(loaded.predict(X), predicted)


def test_feedforward_epoch_size_goes_on_in_the_data(caplog):
    caplog.set_level(logging.INFO)
    seen = []
    mx.model.FeedForward.create(
        net(), mx.io.NDArrayIter(X, Y, 31), num_epoch=2, epoch_size=3, learning_rate=0.1,
        batch_end_callback=lambda p: seen.append((p.epoch, p.nbatch, p.locals["data_batch"].label[0].asnumpy()[0])),
    )  # fmt: skip
    assert [(epoch, nbatch) for epoch, nbatch, _ in seen] == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
    assert [first for _, _, first in seen] == [Y[0], Y[31], Y[0], Y[31], Y[0], Y[31]]


def test_feedforward_refuses_what_does_not_fit():
    model = mx.model.FeedForward(net(), num_epoch=1)
    with pytest.raises(ValueError, match="y must be specified"):
        model.fit(X)
    with pytest.raises(ValueError, match="labels not equal"):
        model.fit(X, Y[:3])
    with pytest.raises(TypeError, match="Eval data must be"):
        model.fit(X, Y, eval_data=3)
    with pytest.raises(MXNetError, match="no parameters yet"):
        model.predict(X)
    with pytest.raises(MXNetError, match="no parameters yet"):
        model.save("nowhere")
    with pytest.raises(AssertionError, match="num_epoch"):
        mx.model.FeedForward(net()).fit(X, Y)
    with pytest.raises(MXNetError, match="default_bucket_key"):
        mx.model.FeedForward(lambda key: net(), num_epoch=1).fit(X, Y)


def test_feedforward_drops_extra_parameters_if_allowed():
    extra = {"extra": mx.nd.ones((1,))}
    assert mx.model.FeedForward(net(), arg_params=extra, allow_extra_params=True).arg_params == {}
    assert list(mx.model.FeedForward(net(), arg_params=extra).arg_params) == ["extra"]
