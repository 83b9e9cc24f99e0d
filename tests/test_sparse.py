import copy
import json
import os
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import mxnet as mx
from mxnet import autograd, nd
from mxnet.base import MXNetError
from mxnet.ndarray import sparse

sys.path.insert(0, str(Path(__file__).parent / "oracle"))
from sparse_cases import CASES, CSR_PAIRS, facts, namespace

DATA = Path(__file__).parent / "oracle/data"
# Recorded from MXNet 1.9.1 by tests/oracle/record_sparse.py and record_serialization.py.
RECORDED = json.loads((DATA / "sparse.json").read_text())
FILES = json.loads((DATA / "serialization.json").read_text())
NAMES = namespace(mx)
VALUES = NAMES["values"]
pytestmark = pytest.mark.filterwarnings("ignore:Storage type fallback")


def csr(values=VALUES):
    return sparse.csr_matrix(values)


def rows(values=VALUES):
    return sparse.row_sparse_array(values)


def assert_facts(actual, expected):
    assert actual.keys() == expected.keys()
    for name, found in actual.items():
        if name in ("data", "indices", "indptr", "asnumpy"):
            assert found[0] == expected[name][0], name
            ours, theirs = (np.array([float(v) if v not in ("True", "False") else v == "True" for v in side[1]])
                            for side in (found, expected[name]))  # fmt: skip
            np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=1e-7, err_msg=name)
            if name == "data":
                zeros = (ours == 0) & ~np.isnan(theirs)
                np.testing.assert_array_equal(np.signbit(ours[zeros]), np.signbit(theirs[zeros]))
        else:
            assert found == expected[name], name


@pytest.mark.parametrize("case", CASES)
def test_storage_and_values_are_mxnets(case):
    assert_facts(facts(eval(case, dict(NAMES))), RECORDED[case])


@pytest.mark.parametrize("case", CSR_PAIRS)
def test_csr_pairs_give_mxnets_values_in_a_sound_csr(case):
    result = eval(case, dict(NAMES))
    assert result.stype == "csr"
    result.check_format()
    assert (result.data.asnumpy() != 0).all()
    assert_facts(facts(result.tostype("default")), RECORDED[case])


@pytest.mark.parametrize(
    "name", [n for n, c in FILES.items() if any(a and a["stype"] != "default" for a in c["arrays"])]
)
def test_files_written_by_mxnet_load_and_are_written_again_with_the_same_bytes(name, tmp_path):
    content = bytes.fromhex(FILES[name]["file"])
    loaded = nd.load_frombuffer(content)
    for array, expected in zip(
        loaded.values() if isinstance(loaded, dict) else loaded, FILES[name]["arrays"], strict=True
    ):
        if not expected:
            continue
        assert (array.stype, list(array.shape)) == (expected["stype"], expected["shape"])
        if array.stype != "default":
            np.testing.assert_array_equal(
                array.data.asnumpy(), np.array(expected["data"]).reshape(expected["data_shape"])
            )
            given = [array.indptr, array.indices] if array.stype == "csr" else [array.indices]
            for part, (_, values) in zip(given, expected["aux"], strict=True):
                if values or array.stype != "csr":
                    assert part.asnumpy().tolist() == values
    if FILES[name]["written"]:
        nd.save(str(tmp_path / "again"), loaded)
        assert (tmp_path / "again").read_bytes() == content


@settings(deadline=None, max_examples=40)
@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.sampled_from([0, 0, 0, 1, -2.5]))
)
def test_casting_saving_and_pickling_keep_every_value(values):
    for stype in ("csr", "row_sparse"):
        array = nd.array(values).tostype(stype)
        array.check_format()
        for other in (array, array.copy(), copy.deepcopy(array), pickle.loads(pickle.dumps(array)),
                      array.tostype("default"), array.copyto(mx.cpu(1))):  # fmt: skip
            np.testing.assert_array_equal(other.asnumpy(), values)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 7), st.integers(1, 4))
def test_products_equal_scipys(seed, height, width, columns):
    random = np.random.default_rng(seed)
    matrix = np.where(random.random((height, width)) < 0.4, random.normal(size=(height, width)), 0)
    right, under = random.normal(size=(width, columns)), random.normal(size=(height, columns))
    right[random.random(width) < 0.4] = under[random.random(height) < 0.4] = 0
    lhs = sparse.csr_matrix(matrix)
    for stype in ("default", "row_sparse"):
        product = nd.dot(lhs, nd.array(right, dtype="float64").tostype(stype))
        np.testing.assert_allclose(product.asnumpy(), lhs.asscipy() @ right, atol=1e-12)
        flipped = nd.dot(lhs, nd.array(under, dtype="float64").tostype(stype), transpose_a=True)
        assert flipped.stype == "row_sparse"
        np.testing.assert_allclose(flipped.asnumpy(), lhs.asscipy().T @ under, atol=1e-12)


def test_memory_counts_stored_elements_only():
    shape = (10**6, 10**4)
    big = sparse.csr_matrix((np.float32([1, 2, 3]), ([0, 5, 999999], [0, 9999, 5])), shape=shape)
    assert big.size == 10**10
    assert big.nbytes == 8 * (shape[0] + 1) + 3 * (4 + 8)
    for result in (big * 2, big + big, big[1:900000], abs(big), big.astype("float64"), pickle.loads(pickle.dumps(big))):
        assert result.stype == "csr"
        assert result.nbytes <= big.nbytes + 12
    assert big.sum(axis=0).asnumpy()[[0, 5, 9999]].tolist() == [1, 3, 2]
    assert nd.dot(big, nd.ones((10**4, 1))).asnumpy()[[0, 1, 5, 999999], 0].tolist() == [1, 0, 2, 3]
    gradient = nd.dot(big, nd.ones((10**6, 1)), transpose_a=True)
    assert gradient.indices.asnumpy().tolist() == [0, 5, 9999]
    wide = nd.zeros((10**8, 10**4), stype="row_sparse")
    assert (wide.nbytes, (wide + wide).nbytes) == (0, 0)


def test_data_and_indices_are_copies_as_in_mxnet():
    array = csr()
    array.data[:] = 7
    array.indices[:] = 0
    array.indptr[:] = 0
    np.testing.assert_array_equal(array.asnumpy(), VALUES)


def test_a_csr_product_passes_gradients_to_the_dense_operand():
    weight, left = nd.array(np.arange(8).reshape(4, 2)), nd.array(np.arange(6).reshape(2, 3))
    weight.attach_grad()
    left.attach_grad()
    with autograd.record():
        loss = (nd.dot(csr(), weight) ** 2).sum() + (nd.dot(left, csr()) ** 2).sum()
    loss.backward()
    np.testing.assert_allclose(weight.grad.asnumpy(), 2 * VALUES.T @ VALUES @ weight.asnumpy())
    np.testing.assert_allclose(left.grad.asnumpy(), 2 * left.asnumpy() @ VALUES @ VALUES.T)
    with autograd.record():
        loss = (csr() + nd.ones((3, 4)) * weight.sum()).sum()
    loss.backward()
    np.testing.assert_allclose(weight.grad.asnumpy(), np.full((4, 2), 12))
    with autograd.record():
        product = nd.elemwise_mul(csr(), nd.ones((3, 4)) * weight.sum())
    assert product.stype == "csr"
    product.backward()
    np.testing.assert_allclose(weight.grad.asnumpy(), np.full((4, 2), VALUES.sum()))


def test_falling_back_to_dense_storage_warns_unless_told_not_to(monkeypatch):
    monkeypatch.delenv("MXNET_STORAGE_FALLBACK_LOG_VERBOSE", raising=False)
    with pytest.warns(UserWarning, match=r"operator = exp, input storage types = \[csr, \]"):
        nd.exp(csr())
    monkeypatch.setitem(os.environ, "MXNET_STORAGE_FALLBACK_LOG_VERBOSE", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nd.exp(csr())
        monkeypatch.delenv("MXNET_STORAGE_FALLBACK_LOG_VERBOSE")
        nd.sin(csr())
        nd.dot(csr(), nd.ones((4, 2)))


def test_assignment_replaces_everything():
    for make in (csr, rows):
        for value in (nd.array(VALUES * 2), make(VALUES * 2), VALUES * 2, (VALUES * 2).astype("float64")):
            array = make()
            array[:] = value
            np.testing.assert_array_equal(array.asnumpy(), VALUES * 2)
            assert array.dtype == np.float32
    array = rows()
    array[:] = 7
    assert array.asnumpy().tolist() == [[7] * 4] * 3
    array = csr()
    array += array
    array *= 2
    assert array.stype == "csr"
    np.testing.assert_array_equal(array.asnumpy(), VALUES * 4)
    dense = nd.array(VALUES)
    dense += csr()
    dense *= rows()
    assert type(dense) is nd.NDArray
    np.testing.assert_array_equal(dense.asnumpy(), VALUES * VALUES * 2)


def test_printing_gives_class_shape_and_device():
    assert repr(csr()) == "\n<CSRNDArray 3x4 @cpu(0)>"
    assert repr(rows()) == "\n<RowSparseNDArray 3x4 @cpu(0)>"
    assert (len(csr()), csr().ndim, csr().context, csr().stype) == (3, 2, mx.cpu(0), "csr")
    assert [type(part).__name__ for part in csr()] == ["CSRNDArray"] * 3


@pytest.mark.parametrize("make, message", [
    (lambda: sparse.csr_matrix(([1, 2], [5, 0], [0, 1, 2]), shape=(2, 3)), "indices reach from 0 to 5"),
    (lambda: sparse.csr_matrix(([1, 2], [-1, 0], [0, 1, 2]), shape=(2, 3)), "indices reach from -1"),
    (lambda: sparse.csr_matrix(([1, 2], [0, 1], [0, 3, 2]), shape=(2, 3)), "indptr does not rise"),
    (lambda: sparse.csr_matrix(([1, 2], [1, 2], [1, 2, 2]), shape=(2, 3)), "indptr does not rise from 0"),
    (lambda: sparse.row_sparse_array(([[1, 2]], [7]), shape=(2, 2)), "indices reach from 7 to 7; there are 2 rows"),
    (lambda: sparse.row_sparse_array(([[1, 2]], [-1]), shape=(2, 2)), "indices reach from -1"),
])  # fmt: skip
def test_indices_out_of_range_are_found_by_check_format_and_before_use(make, message):
    make().check_format(full_check=False)
    for use in (lambda a: a.check_format(), lambda a: a.asnumpy(), lambda a: a + a):
        with pytest.raises(MXNetError, match=message):
            use(make())


@pytest.mark.parametrize("make, message", [
    (lambda: sparse.csr_matrix(([1, 2], [1, 0], [0, 2, 2]), shape=(2, 3)), "ascending order per row"),
    (lambda: sparse.csr_matrix(([1, 2], [1, 1], [0, 2, 2]), shape=(2, 3)), "ascending order per row"),
    (lambda: sparse.csr_matrix(([1, 2], [1, 2], [0, 1, 1]), shape=(2, 3)), "indptr ends with 1"),
    (lambda: sparse.row_sparse_array(([[1, 2], [3, 4]], [1, 0]), shape=(2, 2)), "ascending order"),
    (lambda: sparse.row_sparse_array(([[1, 2], [3, 4]], [1, 1]), shape=(2, 2)), "ascending order"),
])  # fmt: skip
def test_check_format_names_disorder(make, message):
    make().check_format(full_check=False)
    with pytest.raises(MXNetError, match=message):
        make().check_format()


# Types as in MXNet 1.9.1, or a subclass of its bare Exception.
@pytest.mark.parametrize("error, message, act", [
    (ValueError, "Shape mismatch", lambda: sparse.csr_matrix(VALUES, shape=(3, 5))),
    (ValueError, "Shape mismatch", lambda: sparse.csr_matrix((3, 4), shape=(3, 5))),
    (ValueError, "length of input tuple: 4", lambda: sparse.csr_matrix((3, 4, 5, 6))),
    (ValueError, "2 Dimensional", lambda: sparse.csr_matrix([1, 2, 3])),
    (ValueError, "2 Dimensional", lambda: nd.ones((2, 2, 2)).tostype("csr")),
    (ValueError, "invalid shape", lambda: sparse.csr_matrix(([[1, 2]], [0, 1], [0, 1, 2]), shape=(2, 2))),
    (ValueError, "row index exceeds", lambda: sparse.csr_matrix(([1.0], ([3], [0])), shape=(2, 2))),
    (ValueError, "Unexpected input type", lambda: sparse.csr_matrix(rows())),
    (ValueError, "Unexpected input type", lambda: sparse.row_sparse_array(csr())),
    (TypeError, "array like", lambda: sparse.csr_matrix("a")),
    (TypeError, "array like", lambda: sparse.row_sparse_array(NAMES["sps"].csr_matrix(VALUES))),
    (TypeError, "array like", lambda: nd.array(NAMES["sps"].coo_matrix(VALUES))),
    (MXNetError, "expected .'rows', 3.", lambda: sparse.row_sparse_array(([[1, 2]], [1]), shape=(4, 3))),
    (ValueError, "unexpected source_array", lambda: sparse.array(VALUES)),
    (ValueError, "unknown storage type 'x'", lambda: sparse.zeros("x", (2, 2))),
    (ValueError, "unknown storage type 'x'", lambda: nd.zeros((2, 2), stype="x")),
    (ValueError, "unknown stype", lambda: sparse.empty("x", (2, 2))),
    (MXNetError, "unknown keyword 'aux_types'", lambda: sparse.zeros("csr", (2, 2), aux_types=["int32"])),
    (MXNetError, "two axes", lambda: sparse.zeros("csr", (2, 2, 2))),
    (ValueError, "csr to row_sparse is not supported", lambda: csr().tostype("row_sparse")),
    (MXNetError, "row_sparse to csr is not supported", lambda: nd.cast_storage(rows(), "csr")),
    (MXNetError, "stype is 'x'", lambda: csr().tostype("x")),
    (MXNetError, "stype is 'x'", lambda: nd.ones((2, 2)).tostype("x")),
    (sparse.NotSupportedForSparseNDArray, "reshape", lambda: csr().reshape((4, 3))),
    (IndexError, "row 3 is out of range", lambda: csr()[3]),
    (ValueError, "continuous slicing", lambda: csr()[0:3:2]),
    (ValueError, "Multi-dimension indexing", lambda: csr()[0, 1]),
    (ValueError, "Undefined behaviour", lambda: csr()[[0, 1]]),
    (TypeError, "int key", lambda: rows()[0]),
    (ValueError, "only supports", lambda: rows()[0:1]),
    (ValueError, "Assigning numeric", lambda: csr().__setitem__(slice(None), 1)),
    (ValueError, "Assignment with slice", lambda: csr().__setitem__(slice(0, 1), 1)),
    (TypeError, "only supports", lambda: rows().__setitem__(0, 1)),
    (TypeError, "destination NDArray stype csr", lambda: csr().__setitem__(slice(None), rows())),
    (TypeError, "destination NDArray stype row_sparse", lambda: csr().copyto(nd.zeros((3, 4), stype="row_sparse"))),
    (MXNetError, "expected equal", lambda: csr().copyto(nd.zeros((4, 4), stype="csr"))),
    (MXNetError, "shape .2, 4.", lambda: csr().__setitem__(slice(None), nd.ones((2, 4)))),
    (TypeError, "does not support type", lambda: csr().copyto(3)),
    (TypeError, "tostype", lambda: nd.zeros((3, 4)).__setitem__(slice(None), csr())),
    (TypeError, "unknown dtype", lambda: csr().astype("x")),
    (NotImplementedError, "asscalar", lambda: csr().asscalar()),
    (ValueError, "ambiguous", lambda: bool(csr())),
    (MXNetError, "tostype", lambda: csr().as_torch()),
    (AssertionError, "types", lambda: sparse.add("a", csr())),
    (MXNetError, "storage type csr", lambda: sparse.retain(csr(), nd.array([0]))),
    (MXNetError, "inner sizes differ", lambda: nd.dot(csr(), nd.ones((3, 4)))),
    (MXNetError, "float32, rhs float64", lambda: nd.dot(csr(), nd.ones((4, 2), dtype="float64"))),
    (MXNetError, "expected equal shapes", lambda: nd.elemwise_add(csr(), csr()[0:2])),
    (MXNetError, "csr can't be updated", lambda: nd.sgd_update(nd.ones((3, 4)), csr(), lr=0.1)),
    (MXNetError, "the shape of weight", lambda: nd.sgd_update(nd.ones((3, 4)), rows(np.ones((2, 4))), lr=0.1)),
])  # fmt: skip
def test_what_sparse_arrays_refuse(error, message, act):
    with pytest.raises(error, match=message):
        act()


def test_retain_as_an_operator_of_symbols_and_arrays():
    stored = nd.sparse.row_sparse_array(([[1.0, 2.0], [3.0, 4.0]], [0, 2]), shape=(4, 2))
    rows = nd.array([2, 1])
    expected = [[0, 0], [0, 0], [3, 4], [0, 0]]
    assert nd.sparse.retain(stored, rows).asnumpy().tolist() == expected
    kept = nd._internal._sparse_retain(stored, rows)
    assert kept.stype == "row_sparse" and kept.asnumpy().tolist() == expected
    symbol = mx.sym.sparse.retain(mx.sym.var("data", stype="row_sparse"), mx.sym.var("indices"), name="kept")
    assert symbol.list_outputs() == ["kept_output"] and symbol.infer_shape(data=(4, 2), indices=(3,))[1] == [(4, 2)]
    assert symbol.infer_type(data="float32", indices="int64")[0] == [np.float32, np.int64]
    dense = mx.sym.sparse.retain(mx.sym.var("data"), mx.sym.var("indices"))
    assert dense.eval(data=stored.tostype("default"), indices=rows)[0].asnumpy().tolist() == expected
    for bad in (4, -1):
        with pytest.raises(MXNetError, match="_sparse_retain"):
            nd._internal._sparse_retain(stored.tostype("default"), nd.array([bad]))
