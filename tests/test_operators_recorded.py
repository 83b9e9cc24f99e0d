"""Every recorded operator case gives what MXNet 1.9.1 gave; tests/oracle/operator_cases.py says how to add cases."""

from __future__ import annotations

import builtins
import functools
import os
import sys

import numpy as np
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import operator_cases as oc

import mxnet as mx
from mxnet.base import MXNetError


@functools.cache
def recording(family: str) -> oc.Recording:
    return oc.Recording.load(family)


def parameters():
    return [
        pytest.param(family, case, id=f"{family}-{case.id}")
        for family in oc.families()
        for case in oc.load_family(family).values()
    ]


def find(name: str):
    """The function of mx.nd."""
    return functools.reduce(getattr, name.split("."), mx.nd)


def array_of(array) -> tuple[str, np.ndarray]:
    """The name of the dtype and the values of an NDArray."""
    if array.dtype == "bfloat16":
        return "bfloat16", array.astype("float32").asnumpy()
    return np.dtype(array.dtype).name, array.asnumpy()


def to_mxnet(data: np.ndarray, dtype: str):
    return mx.nd.array(data, dtype=dtype)


def run_imperative(case: oc.Case):
    """Call the function of mx.nd, as a program does."""
    function = find(case.op)
    before = case.arrays()
    arrays = [to_mxnet(data, item.dtype) for data, item in zip(before, case.inputs, strict=True)]
    for position in case.grad:
        arrays[position].attach_grad()
    if case.grad:
        with mx.autograd.record(train_mode=case.training):
            outputs = case.call(function, arrays)
        # indices beside values have no gradient; alone, they may be differentiated, to 0
        chosen = [i for i, out in enumerate(outputs) if out._node is not None] or range(len(outputs))
        heads = [to_mxnet(oc.head_gradient(i, outputs[i].shape, array_of(outputs[i])[0]), array_of(outputs[i])[0])
                 for i in chosen]  # fmt: skip
        mx.autograd.backward([outputs[i] for i in chosen], heads, train_mode=case.training)
    else:
        with mx.autograd.train_mode() if case.training else mx.autograd.predict_mode():
            outputs = case.call(function, arrays)
    mx.nd.waitall()
    grads = {i: array_of(arrays[i].grad) for i in case.grad}
    changed = {
        i: array_of(array)
        for i, (array, data) in enumerate(zip(arrays, before, strict=True))
        if not np.array_equal(array_of(array)[1], data, equal_nan=data.dtype.kind == "f")
    }
    return [array_of(out) for out in outputs], grads, changed


def compare(what: str, actual: tuple[str, np.ndarray], expected: tuple[str, np.ndarray], tolerance) -> None:
    dtype, data = actual
    assert (dtype, data.shape) == (expected[0], expected[1].shape), what
    if tolerance == "drawn":
        return
    if isinstance(tolerance, str):
        tolerance = oc.TOLERANCES[tolerance].get(dtype)
    if tolerance is None or "float" not in dtype:
        np.testing.assert_array_equal(data, expected[1], err_msg=what)
    else:
        wide = data.astype("float64"), expected[1].astype("float64")
        np.testing.assert_allclose(*wide, *tolerance, equal_nan=True, err_msg=what)


def choose(given, recorded, actual):
    """The expected array: our own where the case gives one, else the recorded one."""
    if given is None:
        return recorded
    dtype = recorded[0] if recorded is not None else actual[0]
    return dtype, oc.to_dtype(np.asarray(given), dtype)


@pytest.mark.parametrize(("family", "case"), parameters())
def test_operator_gives_what_was_recorded(family: str, case: oc.Case):
    recorded = recording(family)
    record = recorded.records.get(case.id)
    assert record is not None and record["digest"] == case.digest, (
        f"the case is not the recorded one; run tests/oracle/record_operators.py {family} with the oracle"
    )
    if case.raises is True or (case.raises == "recorded" and "raises" in record):
        find(case.op)  # an operator that isn't there must not count as one that raises
        expected_type = getattr(builtins, record.get("raises", ""), MXNetError)
        with pytest.raises(expected_type):
            run_imperative(case)
        return
    outputs, grads, changed = run_imperative(case)
    expected = [recorded.array(entry) for entry in record.get("outputs", ())] or [None] * len(outputs)
    assert len(outputs) == len(expected)
    for i, (actual, known) in enumerate(zip(outputs, expected, strict=True)):
        ours = case.expected[i] if case.expected is not None else None
        compare(f"output {i}", actual, choose(ours, known, actual), case.tolerance)
    for i, actual in grads.items():
        entry = record.get("grads", {}).get(str(i))
        ours = (case.expected_grads or {}).get(i)
        known = choose(ours, recorded.array(entry) if entry else None, actual)
        assert known is not None, f"gradient {i} was not recorded; give expected_grads"
        compare(f"gradient of input {i}", actual, known, case.tolerance)
    assert sorted(changed) == sorted(map(int, record.get("changed", changed))), "inputs changed by the call"
    for i, actual in changed.items():
        if "changed" in record:
            compare(f"input {i} after the call", actual, recorded.array(record["changed"][str(i)]), case.tolerance)
