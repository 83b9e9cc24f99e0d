"""Callbacks: their lines, recorded from MXNet 1.9.1 (fit's whole log is in test_module.py), and their files."""

from __future__ import annotations

import logging
import re
from types import SimpleNamespace

import pytest

import mxnet as mx
from mxnet.model import BatchEndParam


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)

    def get():
        found = [re.sub(r"Speed: \S+", "Speed: -", record.getMessage()) for record in caplog.records]
        caplog.clear()
        return found

    return get


def accuracy():
    metric = mx.metric.Accuracy()
    metric.update([mx.nd.array([0, 1])], [mx.nd.array([[1, 0], [1, 0]])])
    return metric


@pytest.mark.parametrize(("auto_reset", "starts"), [(True, ["0-3", "3-6"]), (False, ["0-3", "0-6"])])
def test_speedometer_logs_every_few_batches_of_each_epoch(lines, auto_reset, starts):
    meter = mx.callback.Speedometer(10, 3, auto_reset=auto_reset)
    for epoch in range(2):
        for nbatch in range(8):
            meter(BatchEndParam(epoch, nbatch, accuracy(), None))
    assert lines() == [
        f"Epoch[{epoch}] Batch [{start}]\tSpeed: - samples/sec\taccuracy=0.500000"
        for epoch in range(2) for start in starts
    ]  # fmt: skip


def test_speedometer_without_metric_and_its_reset(lines):
    meter, metric = mx.callback.Speedometer(10, 3), accuracy()
    for nbatch in range(4):
        meter(BatchEndParam(0, nbatch, None, None))
    assert lines() == ["Iter[0] Batch [3]\tSpeed: - samples/sec"]
    for nbatch in range(4):
        meter(BatchEndParam(1, nbatch, metric, None))
    assert metric.num_inst == 0 and metric.get_global()[1] == 0.5


def test_speedometer_measures_examples_per_second(lines, monkeypatch, caplog):
    now = iter([100.0, 102.0, 102.0])
    monkeypatch.setattr("mxnet.callback.time", SimpleNamespace(time=lambda: next(now)))
    meter = mx.callback.Speedometer(10, 3)
    for nbatch in range(4):
        meter(BatchEndParam(0, nbatch, None, None))
    assert "Speed: 15.00 samples/sec" in caplog.text


def test_log_train_metric_logs_and_resets(lines):
    log, metric = mx.callback.log_train_metric(2, auto_reset=True), accuracy()
    for nbatch in range(3):
        log(BatchEndParam(4, nbatch, metric, None))
    log(BatchEndParam(4, 0, None, None))
    assert lines() == ["Iter[4] Batch[0] Train-accuracy=0.500000", "Iter[4] Batch[2] Train-accuracy=nan"]


def test_progress_bar_draws_the_share(lines):
    bar = mx.callback.ProgressBar(7, length=10)
    for nbatch in (0, 1, 3, 7):
        bar(BatchEndParam(0, nbatch, None, None))
    assert lines() == ["[----------] 0%\r", "[=---------] 15%\r", "[====------] 43%\r", "[==========] 100%\r"]


def test_validation_metrics_are_logged(lines):
    callback = mx.callback.LogValidationMetricsCallback()
    callback(BatchEndParam(3, 0, accuracy(), None))
    callback(BatchEndParam(3, 0, None, None))
    assert lines() == ["Epoch[3] Validation-accuracy=0.500000"]


def test_checkpoints_are_saved_every_period(tmp_path, lines):
    symbol = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc")
    module = mx.mod.Module(symbol, label_names=None)
    module.bind([("data", (1, 2))])
    module.init_params()
    module.init_optimizer()
    save = mx.callback.do_checkpoint(str(tmp_path / "a"), period=2)
    save_module = mx.callback.module_checkpoint(module, str(tmp_path / "b"), 3, save_optimizer_states=True)
    for epoch in range(4):
        save(epoch, symbol, *module.get_params())
        save_module(epoch)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a-0002.params", "a-0004.params", "a-symbol.json", "b-0003.params", "b-0003.states", "b-symbol.json"
    ]  # fmt: skip
    assert f'Saved checkpoint to "{tmp_path / "a-0002.params"}"' in lines()
    for prefix, epoch in (("a", 2), ("b", 3)):
        _, args, _ = mx.model.load_checkpoint(str(tmp_path / prefix), epoch)
        assert args["fc_weight"].asnumpy().tolist() == module.get_params()[0]["fc_weight"].asnumpy().tolist()
