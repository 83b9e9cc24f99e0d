"""Optimizers against MXNet 1.9.1, as recorded by tests/oracle/record_optimizer.py, and what goes around them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mxnet as mx
from mxnet import optimizer as opt

DATA = Path(__file__).parent / "oracle/data"
RECORDS = json.loads((DATA / "optimizer.json").read_text())
ARRAYS = dict(np.load(DATA / "optimizer.npz"))
STEPS, COUNT = 5, 3


def flatten(state, path, into):
    if isinstance(state, mx.nd.NDArray):
        into[path] = state.asnumpy()
    elif isinstance(state, list | tuple):
        into[path] = type(state).__name__
        for i, item in enumerate(state):
            flatten(item, f"{path}.{i}", into)
    else:
        into[path] = state
    return into


def train(record):
    kwargs, setting = dict(record["kwargs"]), record["setting"]
    if "lr_scheduler" in kwargs:
        scheduler, arguments = kwargs["lr_scheduler"]
        kwargs["lr_scheduler"] = getattr(mx.lr_scheduler, scheduler)(**arguments)
    if setting.get("names"):
        kwargs["param_idx2name"] = {0: "fc_weight", 1: "fc_bias", 2: "bn_gamma"}
    optimizer = opt.create(record["optimizer"], **kwargs)
    if setting.get("mult"):
        optimizer.set_lr_mult({0: 0.5, 2: 0.0})
        optimizer.set_wd_mult({1: 0.0, 2: 2.0})
    updater = opt.get_updater(optimizer)
    dtype = setting.get("dtype", "float32")
    count = setting.get("count", COUNT)
    arrays = [mx.nd.array(ARRAYS[f"weight.{i}"], dtype=dtype) for i in range(count)]
    history, rates = [], []
    for step in range(STEPS):
        grads = [mx.nd.array(ARRAYS[f"grad.{step}.{i}"], dtype=dtype) for i in range(count)]
        if setting.get("lists"):
            updater(list(range(count)), grads, arrays)
        else:
            for i in range(count):
                updater(i, grads[i], arrays[i])
        history.append(np.concatenate([a.asnumpy().ravel() for a in arrays]))
        rates.append(optimizer.learning_rate)
    return np.stack(history), updater, rates


@pytest.mark.filterwarnings("ignore:learning rate", "ignore:Accumulating with float16")
@pytest.mark.parametrize(
    "number",
    [n for n, r in enumerate(RECORDS) if "error" not in r],
    ids=lambda n: f"{n}-{RECORDS[n]['optimizer']}-{RECORDS[n]['kwargs']}-{RECORDS[n]['setting']}",
)
def test_training_agrees_with_mxnet(number):
    record = RECORDS[number]
    history, updater, rates = train(record)
    assert rates == pytest.approx(record["rates"], rel=1e-12)
    assert updater.optimizer.num_update == record["num_update"]
    half = record["setting"].get("dtype") == "float16"
    tolerance = {"rtol": 4e-3, "atol": 4e-3} if half else {"rtol": 5e-6, "atol": 1e-6}
    expected = ARRAYS[f"{number}"]
    assert np.isfinite(history).all()
    known = np.isfinite(expected)  # FTML and FTRL give NaN in MXNet when a learning rate is 0
    assert known[:, :12].all()
    np.testing.assert_allclose(history[known], expected[known], **tolerance)
    states = {}
    for i in range(record["setting"].get("count", COUNT)):
        flatten(updater.states[i], str(i), states)
    assert {path: "array" if isinstance(s, np.ndarray) else s for path, s in states.items()} == record["states"]
    for path, state in states.items():
        if isinstance(state, np.ndarray):
            expected = ARRAYS[f"{number}.{path}"]
            assert state.dtype == expected.dtype
            if path.startswith("2") and not known.all():
                continue
            np.testing.assert_allclose(state, expected, **tolerance, err_msg=path)
