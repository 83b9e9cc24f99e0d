"""test_utils: they find what they should find, and are silent where they should be; values as in MXNet 1.9.1."""

from __future__ import annotations

import os

import numpy as np
import pytest

import mxnet as mx
from mxnet import test_utils as tu
from mxnet.base import MXNetError

ONES = np.ones((2, 3), dtype="float32")
X, Y = mx.sym.var("x"), mx.sym.var("y")


def changed():
    other = ONES.copy()
    other[1, 2], other[0, 0] = 1.5, 0.9
    return other


def test_tolerances_are_those_of_the_original():
    assert tu.get_tols(ONES, ONES.astype("float16"), None, None) == (0.01, 0.1)
    assert tu.get_tols(mx.nd.array(ONES), ONES, 0.5, {np.dtype("float32"): 3}) == (0.5, 3)
    assert (tu.get_rtol(), tu.get_atol(), tu.get_etol()) == (1e-5, 1e-20, 0)
    assert tu.default_numeric_eps()[np.dtype("float32")] == 2**-9
    assert tu.effective_dtype(mx.nd.ones((2,), dtype="bfloat16")) == np.float16


def test_almost_equal():
    assert tu.almost_equal(ONES, ONES + 1e-6) and not tu.almost_equal(ONES, ONES + 0.01)
    assert tu.almost_equal(mx.nd.array(ONES), ONES[0]) and tu.almost_equal(ONES * np.nan, ONES * np.nan, equal_nan=True)
    assert not tu.almost_equal(ONES * np.nan, ONES * np.nan)
    with pytest.raises(AssertionError, match=r"a.shape = \(2, 3\) and b.shape = \(3,\)"):
        tu.almost_equal(ONES, ONES[0], use_broadcast=False)
    assert tu.same(ONES, ONES.astype("float64")) and not tu.same(ONES, ONES + 1e-6)


def test_assert_almost_equal_names_the_largest_error(capsys):
    tu.assert_almost_equal(ONES, mx.nd.array(ONES))
    with pytest.raises(AssertionError) as caught:
        tu.assert_almost_equal(ONES, changed(), names=("p", "q"))
    expected = "Error 434.782593 exceeds tolerance rtol=1.000000e-04, atol=1.000000e-03 (mismatch 33.333333%)."
    assert expected in str(caught.value)
    assert "Location of maximum error: (1, 2), p=1.00000000, q=1.50000000" in str(caught.value)
    assert "  2: Error 91.743141  Location of error: (0, 0), p=1.00000000, q=0.89999998" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="Error inf"):
        tu.assert_almost_equal(ONES * np.nan, ONES)
    with pytest.raises(AssertionError):
        tu.assert_allclose(ONES, ONES + 1e-6)


def test_other_assertions():
    tu.assert_almost_equal_ignore_nan(ONES * np.nan, ONES)
    tu.assert_almost_equal_with_err(ONES, changed(), etol=0.5)
    with pytest.raises(AssertionError):
        tu.assert_almost_equal_with_err(ONES, changed(), etol=0.2)
    tu.assert_exception(lambda x: 1 / x, ZeroDivisionError, 0)
    with pytest.raises(AssertionError, match="did not raise"):
        tu.assert_exception(lambda x: 1 / x, ZeroDivisionError, 1)
    array = mx.nd.ones((2,))
    assert tu.same_array(array, array.reshape((1, 2)).reshape((2,))) and not tu.same_array(array, array.copy())
    assert array.asnumpy().tolist() == [1, 1]
    tu.compare_ndarray_tuple((array, (array, None)), (array, (array, None)))
    with pytest.raises(AssertionError):
        tu.compare_ndarray_tuple((array, (array,)), (array, (array * 2,)))


def test_symbol_structure_ignores_names():
    assert tu.same_symbol_structure(mx.sym.exp(X) + Y, mx.sym.exp(Y, name="other") + X)
    assert not tu.same_symbol_structure(mx.sym.exp(X) + Y, mx.sym.exp(X) * Y)
    assert not tu.same_symbol_structure(mx.sym.sum(X, axis=0), mx.sym.sum(X, axis=1))


def test_random_shapes_and_arrays_are_those_of_the_original():
    np.random.seed(0)
    assert (tu.rand_shape_2d(), tu.rand_shape_2d(3, 4), tu.rand_shape_3d()) == ((6, 1), (2, 4), (6, 3, 5))
    assert (tu.rand_shape_nd(4), tu.rand_shape_2d(2, 2, True)) == ((8, 7, 9, 9), (0, 2))
    np.testing.assert_allclose(tu.random_arrays((2,)), [1.3654672, -0.09769572], rtol=1e-6)
    one, two = tu.random_arrays((2,), (1, 1))
    np.testing.assert_allclose([*one, two.item()], [-2.4259546, -0.4530558, -0.470771], rtol=1e-6)
    assert tu.random_arrays(()).shape == ()
    assert tu.rand_ndarray((2, 2), dtype="float64").dtype == np.float64


def test_random_sparse_arrays():
    array, (indptr, indices, data) = tu.rand_sparse_ndarray((30, 40), "csr", 0.1, dtype="float64")
    array.check_format()
    assert (array.stype, array.dtype, data.size) == ("csr", np.float64, 120)
    for part, expected in ((indptr, array.indptr), (indices, array.indices), (data, array.data)):
        np.testing.assert_array_equal(part.asnumpy(), expected.asnumpy())
    # Row lengths recorded from MXNet 1.9.1.
    array, _ = tu.rand_sparse_ndarray((4, 8), "csr", 0.5, distribution="powerlaw")
    assert array.indptr.asnumpy().tolist() == [0, 2, 6, 14, 16]
    assert array.indices.asnumpy().tolist() == [0, 1, *range(4), *range(8), 0, 1]
    assert (array.data.asnumpy() >= 1).all()
    with pytest.raises(MXNetError, match="raise density"):
        tu.rand_sparse_ndarray((8, 4), "csr", 0.1, distribution="powerlaw")
    array, (values, rows) = tu.rand_sparse_ndarray((50, 3), "row_sparse", 0.5)
    array.check_format()
    assert 0 < len(rows) < 50 and values.shape == (len(rows), 3)
    np.testing.assert_array_equal(array.asnumpy()[rows], values)
    assert tu.rand_ndarray((3, 4), "row_sparse", 1).indices.asnumpy().tolist() == [0, 1, 2]
    array = tu.create_sparse_array((3, 4), "row_sparse", data_init=2, rsp_indices=[1])
    assert array.asnumpy().tolist() == [[0] * 4, [2] * 4, [0] * 4]
    assert tu.create_sparse_array_zd((3, 4), "row_sparse", 0.9).data.shape == (0, 4)
    array = tu.create_sparse_array((3, 4), "csr", density=1, modifier_func=lambda x: -x)
    assert (array.asnumpy() <= 0).all()
    array = tu.create_sparse_array((3, 40), "csr", data_init=5, density=1, shuffle_csr_indices=True)
    assert array.indices.asnumpy().tolist() != list(range(40)) * 3 and (array.asnumpy() == 5).all()
    matrix = tu.rand_ndarray((3, 40), "csr", 1).asscipy()
    tu.shuffle_csr_column_indices(matrix)
    assert sorted(matrix.indices[:40]) == list(range(40)) and matrix.indices[:40].tolist() != list(range(40))
    for stype, distribution, message in (
        ("x", None, "unknown storage type"), ("csr", "x", "Distribution not supported"),
        ("row_sparse", "powerlaw", "not supported for row_sparse"),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match=message):
            tu.rand_sparse_ndarray((3, 4), stype, 0.5, distribution=distribution)


def test_checks_of_sparse_gradients_and_optimizers():
    data, weight = mx.sym.var("data", stype="csr"), mx.sym.var("weight", stype="row_sparse")
    location = {"data": tu.rand_ndarray((3, 4), "csr", 0.5), "weight": tu.rand_ndarray((4, 2), "row_sparse", 1)}
    symbol = mx.sym.dot(data, weight)
    stypes = {"weight": "row_sparse"}
    tu.check_numeric_gradient(symbol, location, grad_nodes=["weight"], grad_stype_dict=stypes, rtol=1e-2, atol=1e-3)
    expected = {"weight": location["data"].asnumpy().T @ np.ones((3, 2), "float32")}
    found = tu.check_symbolic_backward(symbol, location, [np.ones((3, 2))], expected, grad_stypes=stypes)
    assert found["weight"].stype == "row_sparse"
    with pytest.raises(AssertionError):
        tu.check_symbolic_backward(
            symbol, location, [np.ones((3, 2))], {"weight": expected["weight"] + 1}, grad_stypes=stypes
        )
    one, other = mx.optimizer.SGD(learning_rate=0.1), mx.optimizer.SGD(learning_rate=0.2)
    tu.compare_optimizer(one, one, (5, 3), "float32", w_stype="row_sparse", g_stype="row_sparse")
    np.random.seed(0)
    with pytest.raises(AssertionError):
        tu.compare_optimizer(one, other, (5, 3), "float32", w_stype="row_sparse", g_stype="row_sparse")


def test_regular_arrays_and_reductions():
    assert tu.create_vector(3).asnumpy().tolist() == [0, 1, 2] and tu.create_vector(3).dtype == np.int64
    assert tu.create_2d_tensor(2, 2).asnumpy().tolist() == [[0, 0], [1, 1]]
    assert tu.assign_each(ONES, lambda x: x + 1).tolist() == (ONES + 1).tolist()
    assert tu.assign_each2(ONES, ONES, lambda x, y: x + y).tolist() == (ONES + 1).tolist()
    data = np.random.RandomState(0).normal(size=(2, 3, 4))
    np.testing.assert_allclose(tu.np_reduce(data, (0, -1), True, np.sum), data.sum((0, 2), keepdims=True))
    np.testing.assert_allclose(tu.collapse_sum_like(data, (3, 1)), data.sum((0, 2))[:, None])
    basis = tu.new_orthonormal_matrix_2d(4)
    np.testing.assert_allclose(basis @ basis.T, np.eye(4), atol=1e-12)
    assert np.isreal(np.linalg.eigvals(tu.new_matrix_with_real_eigvals_nd((3, 4, 4)))).all()
    symmetric = tu.new_sym_matrix_with_real_eigvals_nd((2, 3, 3))
    np.testing.assert_array_equal(symmetric, symmetric.swapaxes(1, 2))


def test_forward_and_backward_checks_find_errors():
    symbol = X * X + Y
    assert tu.simple_forward(symbol, x=ONES, y=ONES).tolist() == (2 * ONES).tolist()
    assert len(tu.simple_forward(mx.sym.Group([symbol, X]), x=ONES, y=ONES)) == 2
    tu.check_symbolic_forward(symbol, [ONES, ONES], [2 * ONES])
    with pytest.raises(AssertionError, match="EXPECTED__plus.*_output=1.00000000, FORWARD_"):
        tu.check_symbolic_forward(symbol, [ONES, ONES], [ONES])
    with pytest.raises(ValueError, match="do not match"):
        tu.check_symbolic_forward(symbol, {"x": ONES, "z": ONES}, [ONES])
    tu.check_symbolic_backward(symbol, [ONES, ONES], [ONES], [2 * ONES, ONES])
    tu.check_symbolic_backward(symbol, [ONES, ONES], [ONES], {"x": 2 * ONES}, grad_req={"x": "add", "y": "null"})
    with pytest.raises(AssertionError, match="EXPECTED_x=3.00000000, BACKWARD_x=2.00000000"):
        tu.check_symbolic_backward(symbol, [ONES, ONES], [ONES], [3 * ONES, ONES])


def test_numeric_gradients_find_errors():
    data = np.random.RandomState(0).normal(size=(2, 3))
    tu.check_numeric_gradient(mx.sym.tanh(X) * Y, [data, data], rtol=0.01)
    tu.check_numeric_gradient(mx.sym.tanh(X) * Y, {"x": data, "y": data}, grad_nodes={"x": "add"}, rtol=0.01)
    tu.check_numeric_gradient(mx.sym.exp(X), [data], dtype=np.float64, rtol=1e-4, atol=1e-4)
    with pytest.raises(AssertionError, match="BACKWARD_x=0.00000000"):
        tu.check_numeric_gradient(mx.sym.BlockGrad(X * Y), [data, data])
    executor = (X * X).bind(mx.cpu(), {"x": mx.nd.array(data, dtype="float64")})
    found = tu.numeric_grad(executor, {"x": data}, dtype=np.float64)
    np.testing.assert_allclose(found["x"], 2 * data, rtol=1e-6)


def test_consistency_over_dtypes_finds_errors():
    kinds = [{"ctx": mx.cpu(), "x": (2, 3), "type_dict": {"x": kind}} for kind in (np.float32, np.float64)]
    truth = tu.check_consistency(mx.sym.exp(X, name="e"), kinds)
    assert truth["e_output"].dtype == np.float64 and set(truth) == {"e_output", "x"}
    with pytest.raises(AssertionError):
        tu.check_consistency([mx.sym.exp(X, name="e"), mx.sym.sqrt(mx.sym.abs(X), name="e")], kinds)


def test_optimizers_are_compared():
    make = lambda **kwargs: mx.optimizer.SGD(momentum=0.9, **kwargs)
    tu.compare_optimizer(make(), make(), (2, 2), "float32")
    tu.compare_optimizer(make(), make(), [(2, 2), (3,)], "float32", ntensors=2)
    with pytest.raises(AssertionError):
        tu.compare_optimizer(make(), make(learning_rate=0.5), (2, 2), "float32")


def test_generators_are_verified():
    np.random.seed(0)
    buckets, probs = tu.gen_buckets_probs_with_ppf(lambda q: 2 * q, 4)
    assert buckets == [(0, 0.5), (0.5, 1), (1, 1.5), (1.5, 2)] and probs == [0.25] * 4
    tu.verify_generator(lambda n: np.random.uniform(0, 2, n), buckets, probs, nsamples=1000)
    with pytest.raises(AssertionError, match="Generator test fails"):
        tu.verify_generator(lambda n: np.random.uniform(0, 1.5, n), buckets, probs, nsamples=1000)
    thirds = [1 / 3 + 1e-12] * 3
    for counts in ([300, 300, 300], [330, 270, 300]):
        samples = np.repeat([0, 1, 2], counts)
        p_value, observed, expected = tu.chi_square_check(lambda n, samples=samples: samples, [0, 1, 2], thirds, 900)
        statistic = sum((count - 300) ** 2 / 300 for count in counts)
        assert observed.tolist() == counts and expected.tolist() == [300] * 3
        assert p_value == pytest.approx(np.exp(-statistic / 2))  # so it is with 2 degrees of freedom
    assert tu.mean_check(lambda n: np.random.normal(0, 1, n), 0, 1, 1000)
    assert not tu.mean_check(lambda n: np.random.normal(0.5, 1, n), 0, 1, 1000)
    assert tu.var_check(lambda n: np.random.normal(0, 2, n), 2, 1000)
    assert not tu.var_check(lambda n: np.random.normal(0, 3, n), 2, 1000)


def test_environment_is_set_and_restored(monkeypatch):
    monkeypatch.setenv("MXNEXT_A", "old")
    with tu.environment({"MXNEXT_A": None, "MXNEXT_B": 2}):
        assert "MXNEXT_A" not in os.environ and os.environ["MXNEXT_B"] == "2"
    assert os.environ["MXNEXT_A"] == "old" and "MXNEXT_B" not in os.environ
    with tu.environment("MXNEXT_A", "new"):
        assert os.environ["MXNEXT_A"] == "new"


def test_the_default_context_can_be_set():
    before = tu.default_context()
    try:
        tu.set_default_context(mx.cpu(3))
        assert mx.current_context() == mx.cpu(3) == mx.nd.ones((1,)).context
    finally:
        tu.set_default_context(before)


def test_retry_calls_again_until_it_works():
    calls = []

    @tu.retry(3)
    def sometimes(works_at):
        calls.append(1)
        assert len(calls) == works_at

    sometimes(3)
    assert len(calls) == 3
    with pytest.raises(AssertionError):
        sometimes(99)
    assert len(calls) == 6


def test_discard_stderr(capfd):
    with tu.discard_stderr():
        os.write(2, b"hidden")
    os.write(2, b"shown")
    assert capfd.readouterr().err == "shown"


def test_dummy_iter_repeats_the_first_batch():
    dummy = tu.DummyIter(mx.io.NDArrayIter(ONES, batch_size=1))
    assert next(dummy) is next(dummy) and dummy.batch_size == 1


def test_mnist_is_read_from_the_data_folder(tmp_path, monkeypatch):
    from mxnet.mnist import write_idx

    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    images = np.random.RandomState(0).randint(0, 256, (5, 28, 28)).astype("uint8")
    for name, array in (
        ("train-images-idx3-ubyte.gz", images), ("train-labels-idx1-ubyte.gz", np.arange(5, dtype="uint8")),
        ("t10k-images-idx3-ubyte.gz", images[:2]), ("t10k-labels-idx1-ubyte.gz", np.arange(2, dtype="uint8")),
    ):  # fmt: skip
        write_idx(tmp_path / "data" / name, array)
    found = tu.get_mnist()
    np.testing.assert_array_equal(found["train_data"], images[:, None].astype("float32") / 255)
    assert found["train_label"].dtype == np.int8 and found["test_label"].tolist() == [0, 1]
    train, test = tu.get_mnist_iterator(2, (784,))
    assert train.provide_data == [("data", (2, 784))] and test.next().label[0].asnumpy().tolist() == [0, 1]
    assert tu.get_mnist_iterator(2, (1, 28, 28))[0].provide_data == [("data", (2, 1, 28, 28))]
    tu.get_mnist_ubyte()
    assert (tmp_path / "data" / "train-images-idx3-ubyte").stat().st_size == 16 + 5 * 784


def test_check_speed_runs():
    assert tu.check_speed(X * Y, {"x": ONES, "y": ONES}, N=2) > 0
    assert tu.check_speed(X * Y, N=1, typ="forward", x=(2,), y=(2,)) > 0
    with pytest.raises(ValueError, match="whole"):
        tu.check_speed(X, typ="other")
