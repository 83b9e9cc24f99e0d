"""The namespaces of mx.contrib, and what calibration counts."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import mxnet as mx


def test_operators_of_contrib_have_a_second_place():
    data = mx.nd.array([[0.0, 0, 2, 2]])
    other = mx.nd.array([[1.0, 1, 3, 3]])
    expected = mx.nd.contrib.box_iou(data, other).asnumpy()
    assert mx.contrib.nd is mx.contrib.ndarray
    assert mx.contrib.sym is mx.contrib.symbol
    assert (mx.contrib.nd.box_iou(data, other).asnumpy() == expected).all()
    symbol = mx.contrib.sym.box_iou(mx.sym.Variable("lhs"), mx.sym.Variable("rhs"))
    assert (symbol.eval(lhs=data, rhs=other)[0].asnumpy() == expected).all()
    assert mx.contrib.nd.box_iou.__module__ == "mxnet.contrib.ndarray"
    assert "quantize_v2" in dir(mx.contrib.nd)


def test_unknown_names_are_attribute_errors():
    for place in (mx.contrib, mx.contrib.nd, mx.contrib.sym):
        with pytest.raises(AttributeError, match="nothing_of_this_name"):
            _ = place.nothing_of_this_name


def test_contrib_loads_its_parts_at_their_first_use():
    code = "import sys, mxnet as mx; mx.contrib; print('torch' in sys.modules, 'mxnet.contrib.ndarray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("threshold", "bins", "reach"),  # recorded from MXNet 1.9.1
    [(1.5, 11, 3.0), (3.0, 11, 3.0), (3.01, 13, 3.5454545), (3.6, 15, 4.0909090), (6.5, 25, 6.8181818)],
)
def test_histograms_grow_by_whole_bins(threshold, bins, reach):
    random = np.random.RandomState(0)
    first, second = random.uniform(-3, 3, 500), random.uniform(-threshold, threshold, 400)
    counts, edges = np.histogram(first, bins=11, range=(-3.0, 3.0))
    old = (counts.copy(), edges, first.min(), first.max(), 3.0)
    found = mx.contrib.quantization.combine_histogram(old, second, second.min(), second.max(), threshold)
    everything = np.concatenate([first, second])
    assert (len(found[0]), len(found[1])) == (bins, bins + 1)
    assert found[2:4] == (everything.min(), everything.max())
    np.testing.assert_allclose(found[4], reach, rtol=1e-6)
    assert found[0].tolist() == np.histogram(everything, bins=found[1])[0].tolist()
    np.testing.assert_allclose(np.diff(found[1]), 6 / 11, rtol=1e-6)
    assert (old[0] == counts).all()
