"""Monitor: what it collects, when, and how it is printed, as seen in MXNet 1.9.1."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import mxnet as mx
from mxnet.io import DataBatch


@pytest.fixture
def module():
    x = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=5, name="fc1")
    x = mx.sym.FullyConnected(mx.sym.Activation(x, act_type="relu", name="act"), num_hidden=3, name="fc2")
    made = mx.mod.Module(mx.sym.SoftmaxOutput(x, name="softmax"))
    made.bind([("data", (4, 6))], [("softmax_label", (4,))])
    made.init_params(mx.init.One())
    return made


BATCH = DataBatch([mx.nd.ones((4, 6))], [mx.nd.zeros((4,))])


def collect(module, monitor):
    module.install_monitor(monitor)
    monitor.tic()
    module.forward(BATCH)
    return monitor.toc()


def test_outputs_then_arguments_are_collected_with_their_scaled_norm(module):
    found = collect(module, mx.monitor.Monitor(1))
    assert [(step, name) for step, name, _ in found] == [(1, name) for name in (
        "fc1_output", "act_output", "fc2_output", "softmax_output", "data", "fc1_weight", "fc1_bias", "fc2_weight",
        "fc2_bias", "softmax_label",
    )]  # fmt: skip
    texts = {name: text for _, name, text in found}
    assert texts["fc1_output"] == "6.0\t" and texts["fc1_bias"] == "0.0\t"
    assert float(texts["fc2_output"]) == pytest.approx(30)


def test_only_matching_names_every_interval(module):
    monitor = mx.mon.Monitor(3, pattern="fc1_out")
    module.install_monitor(monitor)
    seen = []
    for _ in range(5):
        monitor.tic()
        module.forward(BATCH)
        seen.append([(step, name) for step, name, _ in monitor.toc()])
    assert seen == [[(1, "fc1_output")], [], [], [(4, "fc1_output")], []]


def test_sorting_and_inputs(module):
    names = [name for _, name, _ in collect(module, mx.mon.Monitor(1, pattern="fc1|data", sort=True, monitor_all=True))]
    assert names == sorted(names)
    assert names.count("fc1_weight") > 1 and "fc1_output" in names


def test_own_statistics(module, caplog):
    caplog.set_level(logging.INFO)
    two = collect(module, mx.mon.Monitor(1, lambda x: [x.max(), x.min() * 0], pattern="fc1_output"))
    assert two == [(1, "fc1_output", "6.0\t0.0\t")]
    whole = collect(module, mx.mon.Monitor(1, lambda x: x, pattern="fc2_bias"))
    assert whole == [(1, "fc2_bias", f"{np.zeros(3, 'float32')}\t")]
    with pytest.raises(AssertionError, match="stat_func gave 3 for fc1_output"):
        collect(module, mx.mon.Monitor(1, lambda x: 3, pattern="fc1_output"))
    monitor = mx.mon.Monitor(1, pattern="fc1_output")
    module.install_monitor(monitor)
    monitor.tic()
    module.forward(BATCH)
    monitor.toc_print()
    assert caplog.messages[-1] == "Batch:       1 fc1_output                     6.0\t"


def test_batches_of_other_shapes_are_watched_too(module):
    monitor = mx.mon.Monitor(1, pattern="fc1_output")
    module.install_monitor(monitor)
    monitor.tic()
    module.forward(DataBatch([mx.nd.ones((2, 6))], [mx.nd.zeros((2,))]))
    assert [name for _, name, _ in monitor.toc()] == ["fc1_output"]


def test_an_executor_can_be_watched():
    executor = (mx.sym.var("x") * 2).bind(mx.cpu(), {"x": mx.nd.ones((3,))})
    monitor = mx.mon.Monitor(1, lambda x: x.sum())
    monitor.install(executor)
    monitor.tic()
    executor.forward()
    assert sorted(text for _, _, text in monitor.toc()) == ["3.0\t", "6.0\t"]
