import json
import sys
from pathlib import Path

import numpy as np
import pytest

import mxnet as mx
from mxnet import autograd, nd
from mxnet.base import MXNetError
from mxnet.ndarray import sparse
from mxnet.storage_counter import StorageCounter

sys.path.insert(0, str(Path(__file__).parent / "oracle"))
import sparse_symbol_cases
from sparse_training_cases import all_cases

DATA = Path(__file__).parent / "oracle/data"
# Recorded from MXNet 1.9.1 by tests/oracle/record_sparse_training.py.
RECORDED = json.loads((DATA / "sparse_training.json").read_text())
CASES = all_cases(mx)
# Recorded by tests/oracle/record_sparse_symbols.py.
SYMBOLS = json.loads((DATA / "sparse_symbols.json").read_text())
pytestmark = pytest.mark.filterwarnings("ignore:Storage type fallback")

#: What MXNet refuses and we compute
COMPUTED = ("update adagrad {'learning_rate': 0.1, 'wd': 0.1} default row_sparse",
            "update adagrad {'learning_rate': 0.1, 'wd': 0.1} row_sparse row_sparse")  # fmt: skip


def assert_same(found, expected, path=""):
    """Equal but for rounding; row_sparse arrays may store fewer rows than MXNet's, where those are zero."""
    if isinstance(expected, dict) and "shape" in expected:
        assert found["shape"] == expected["shape"], path
        ours, theirs = (np.array(list(map(float, side["values"]))) for side in (found, expected))
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6, err_msg=path)
        if "rows" in expected:
            assert set(found["rows"]) <= set(expected["rows"]), path
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key], f"{path} {key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), path
        for position, pair in enumerate(zip(found, expected, strict=True)):
            assert_same(*pair, f"{path} {position}")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=2e-5), path
    else:
        assert found == expected, path


@pytest.mark.parametrize("name", [name for name in CASES if name not in COMPUTED])
def test_storage_types_and_values_are_mxnets(name):
    assert_same(json.loads(json.dumps(CASES[name]())), RECORDED[name])  # tuples are lists in JSON


@pytest.mark.parametrize("weight_stype", ["default", "row_sparse"])
def test_adagrad_decays_only_the_rows_that_a_sparse_gradient_stores(weight_stype):
    # MXNet refuses weight decay here; the result is that of the dense update in these rows.
    gradient = sparse.row_sparse_array((np.ones((2, 2), "float32"), [1, 3]), shape=(4, 2))
    found, expected = (nd.ones((4, 2)).tostype(weight_stype), nd.ones((4, 2)))
    for weight, grad in ((found, gradient), (expected, gradient.tostype("default"))):
        optimizer = mx.optimizer.AdaGrad(learning_rate=0.1, wd=0.5)
        optimizer.update(0, weight, grad, optimizer.create_state(0, weight))
    np.testing.assert_allclose(found.asnumpy()[[1, 3]], expected.asnumpy()[[1, 3]], rtol=1e-6)
    assert (found.asnumpy()[[0, 2]] == 1).all()


def test_the_gradient_of_a_large_embedding_stores_only_the_rows_that_were_looked_up():
    weight = nd.ones((100_000, 8))
    weight.attach_grad(stype="row_sparse")
    with StorageCounter() as counter, autograd.record():
        rows = nd.Embedding(nd.array([5, 7, 5]), weight, input_dim=100_000, output_dim=8, sparse_grad=True)
        (rows * 2).backward()
    assert weight.grad.nbytes == 2 * (8 * 4 + 8)
    assert counter.peak < 10_000  # the weight has 3.2 million bytes
    np.testing.assert_array_equal(weight.grad.indices.asnumpy(), [5, 7])
    np.testing.assert_array_equal(weight.grad.data.asnumpy(), [[4] * 8, [2] * 8])


def test_a_product_with_few_columns_gives_a_gradient_of_few_rows():
    data = sparse.csr_matrix(([1.0, 2.0, 3.0], [4, 9, 4], [0, 2, 3]), shape=(2, 50_000))
    weight = sparse.row_sparse_array((np.ones((2, 3), "float32"), [4, 9]), shape=(50_000, 3))
    weight.attach_grad()
    with StorageCounter() as counter, autograd.record():
        sparse.dot(data, weight).backward()
    assert counter.peak < 10_000
    np.testing.assert_array_equal(weight.grad.indices.asnumpy(), [4, 9])
    np.testing.assert_array_equal(weight.grad.data.asnumpy(), [[4] * 3, [2] * 3])


def test_lazy_updates_of_stored_rows_are_in_place():
    weight = sparse.row_sparse_array(np.ones((10_000, 4), "float32"))
    gradient = sparse.row_sparse_array((np.ones((1, 4), "float32"), [17]), shape=(10_000, 4))
    before = weight._values
    with StorageCounter() as counter:
        nd.sgd_update(weight, gradient, lr=0.5, out=weight)
    assert weight._values is before
    assert counter.peak < 90_000  # the numbers of the rows were looked at, the rows were not copied
    assert weight.asnumpy()[17].tolist() == [0.5] * 4
    assert weight.asnumpy().sum() == 4 * 10_000 - 2


def test_gradients_add_up_in_a_row_sparse_array():
    weight = nd.ones((6, 2))
    weight.attach_grad("add", stype="row_sparse")
    for ids in ([1, 4], [4, 5]):
        with autograd.record():
            rows = nd.Embedding(nd.array(ids), weight, input_dim=6, output_dim=2, sparse_grad=True)
        rows.backward()
    np.testing.assert_array_equal(weight.grad.indices.asnumpy(), [1, 4, 5])
    np.testing.assert_array_equal(weight.grad.data.asnumpy(), [[1, 1], [2, 2], [1, 1]])


def test_the_value_of_a_recorded_sparse_array_must_not_change_before_backward():
    weight = sparse.row_sparse_array(np.ones((3, 2), "float32"))
    weight.attach_grad()
    with autograd.record():
        result = sparse.square(weight)
    gradient = sparse.row_sparse_array((np.ones((1, 2), "float32"), [1]), shape=(3, 2))
    nd.sgd_update(weight, gradient, lr=0.5, out=weight)
    with pytest.raises(MXNetError, match="changed in place"):
        result.backward()


def test_gradients_of_a_csr_factor_and_of_casts_are_right():
    # MXNet gives numbers from unset memory here.
    dense, other = nd.array([[0, 1, 2], [3, 0, 0]]), nd.array([[1, 2], [3, 4], [5, 6]])
    dense.attach_grad()
    with autograd.record():
        result = sparse.dot(dense.tostype("csr"), other)
    result.backward()
    np.testing.assert_array_equal(dense.grad.asnumpy(), [[3, 7, 11]] * 2)


@pytest.mark.parametrize("case", [case for case in sparse_symbol_cases.CASES if isinstance(SYMBOLS[case], dict)])
def test_bound_symbols_have_mxnets_storage_types_and_values(case):
    found = sparse_symbol_cases.run(mx, case, sparse_symbol_cases.namespace(mx))
    if case == "S.BlockGrad(S.dot(C, W))":  # MXNet stores no rows; ours are zero
        del SYMBOLS[case]["grads"]["W"]["rows"], found["grads"]["W"]["rows"]
    assert_same(found, SYMBOLS[case])


def linear_executor(weight, gradient, grad_req="write"):
    data, label = mx.sym.var("data", stype="csr"), mx.sym.var("label")
    output = mx.sym.LinearRegressionOutput(mx.sym.dot(data, mx.sym.var("weight", stype=weight.stype)), label)
    values = sparse.csr_matrix(np.array([[0, 2, 0, 0], [1, 0, 0, 3]], "float32"))
    args = {"data": values, "weight": weight, "label": nd.ones((2, 2))}
    return output.bind(mx.cpu(), args, {"weight": gradient}, grad_req)


@pytest.mark.parametrize("weight_stype", ["default", "row_sparse"])
@pytest.mark.parametrize("gradient_stype", ["default", "row_sparse"])
def test_bound_arrays_keep_their_storage_types(weight_stype, gradient_stype):
    weight = nd.array(np.arange(8).reshape(4, 2)).tostype(weight_stype)
    gradient = nd.ones((4, 2)).tostype(gradient_stype)
    executor = linear_executor(weight, gradient)
    for _ in range(2):
        (output,) = executor.forward(is_train=True)
        executor.backward()
    np.testing.assert_array_equal(output.asnumpy(), [[4, 6], [18, 22]])
    assert executor.grad_dict["weight"] is gradient
    assert gradient.stype == gradient_stype
    expected = [[8.5, 10.5], [3, 5], [0, 0], [25.5, 31.5]]
    np.testing.assert_array_equal(gradient.asnumpy(), expected)
    executor.backward()  # once more, from the arguments
    np.testing.assert_array_equal(gradient.asnumpy(), expected)


def test_gradients_of_an_executor_add_up_by_rows():
    gradient = sparse.row_sparse_array((np.ones((1, 2), "float32"), [2]), shape=(4, 2))
    executor = linear_executor(nd.zeros((4, 2)), gradient, "add")
    executor.forward(is_train=True)
    executor.backward()
    np.testing.assert_array_equal(gradient.indices.asnumpy(), [0, 1, 2, 3])
    np.testing.assert_array_equal(gradient.asnumpy(), [[-0.5] * 2, [-1] * 2, [1] * 2, [-1.5] * 2])


def test_arguments_of_a_sparse_executor_are_set_by_name_and_it_can_be_reshaped():
    executor = linear_executor(nd.ones((4, 2)), sparse.zeros("row_sparse", (4, 2)))
    batch = sparse.csr_matrix(np.array([[0, 0, 5, 0], [0, 0, 0, 0]], "float32"))
    np.testing.assert_array_equal(executor.forward(data=batch)[0].asnumpy(), [[5, 5], [0, 0]])
    with pytest.raises(ValueError, match="Shape not match"):
        executor.forward(data=batch[0:1])
    larger = executor.reshape(data=(3, 4), label=(3, 2), weight=(4, 2), allow_up_sizing=True)
    assert larger.arg_dict["data"].stype == "csr" and larger.arg_dict["weight"] is executor.arg_dict["weight"]
    assert larger.forward()[0].shape == (3, 2)
    with pytest.raises(MXNetError, match="depends on their values"):
        executor.memory_plan()


def test_monitors_see_sparse_values():
    weight = mx.sym.var("weight", stype="row_sparse")
    symbol = mx.sym.dot(mx.sym.var("data", stype="csr"), mx.sym.square(weight, name="squared"), name="product")
    executor = symbol.simple_bind(mx.cpu(), data=(2, 4), weight=(4, 2), grad_req="null")
    seen = {}
    executor.set_monitor_callback(lambda name, array: seen.update({name: array.stype}), monitor_all=True)
    executor.forward()
    assert seen == {
        "weight": "row_sparse", "squared_data": "row_sparse", "squared_output": "row_sparse", "data": "csr",
        "product_lhs": "csr", "product_rhs": "row_sparse", "product_output": "default",
    }  # fmt: skip


def test_random_numbers_and_auxiliary_states_of_a_sparse_executor():
    data, weight = mx.sym.var("data", stype="csr"), mx.sym.var("weight", stype="row_sparse")
    hidden = mx.sym.BatchNorm(mx.sym.dot(data, weight), name="bn", fix_gamma=False)
    symbol = mx.sym.Dropout(hidden, p=0.5)
    executor = symbol.simple_bind(mx.cpu(), data=(8, 4), weight=(4, 3))
    executor.arg_dict["data"][:] = np.eye(8, 4, dtype="float32")
    executor.arg_dict["weight"][:] = np.arange(12, dtype="float32").reshape(4, 3)
    executor.arg_dict["bn_gamma"][:] = 1
    executor.forward(is_train=True)
    moved = executor.aux_dict["bn_moving_mean"].asnumpy()
    assert (moved != 0).all()
    heads = nd.ones((8, 3))
    executor.backward(heads)
    first = {name: grad.asnumpy() for name, grad in executor.grad_dict.items() if grad is not None}
    executor.backward(heads)  # the same random numbers again; states stay
    for name, gradient in first.items():
        np.testing.assert_array_equal(executor.grad_dict[name].asnumpy(), gradient)
    np.testing.assert_array_equal(executor.aux_dict["bn_moving_mean"].asnumpy(), moved)
    assert executor.grad_dict["weight"].stype == "row_sparse"


def test_storage_types_given_to_simple_bind():
    symbol = mx.sym.dot(mx.sym.var("data"), mx.sym.var("weight"))
    executor = symbol.simple_bind(
        mx.cpu(), {"weight": "write"}, stype_dict={"data": "csr", "weight": "row_sparse"}, data=(2, 4), weight=(4, 3)
    )
    assert executor.arg_dict["data"].stype == "csr" and executor.arg_dict["weight"].stype == "row_sparse"
    assert executor.grad_dict["weight"].stype == "row_sparse"
    with pytest.raises(MXNetError, match="stype_dict.'data'. is 'dense'"):
        symbol.simple_bind(mx.cpu(), stype_dict={"data": "dense"}, data=(2, 4), weight=(4, 3))
    with pytest.raises(MXNetError, match="__storage_type__ is '7'"):
        mx.sym.var("x", attr={"__storage_type__": "7"}).simple_bind(mx.cpu(), x=(2,))


def test_an_executor_with_a_large_sparse_weight_needs_memory_for_the_rows_it_touches():
    data, weight = mx.sym.var("data", stype="csr"), mx.sym.var("weight", stype="row_sparse")
    symbol = mx.sym.sum(mx.sym.dot(data, weight))
    args = {
        "data": sparse.csr_matrix(([1.0, 2.0], [7, 70_000], [0, 1, 2]), shape=(2, 100_000)),
        "weight": sparse.row_sparse_array((np.ones((2, 4), "float32"), [7, 70_000]), shape=(100_000, 4)),
    }
    executor = symbol.bind(mx.cpu(), args, {"weight": sparse.zeros("row_sparse", (100_000, 4))})
    with StorageCounter() as counter:
        executor.forward(is_train=True)
        executor.backward(nd.ones((1,)))
    assert counter.peak < 10_000  # the weight would have 1.6 million bytes
    np.testing.assert_array_equal(executor.grad_dict["weight"].indices.asnumpy(), [7, 70_000])


def test_hybridized_blocks_run_with_sparse_gradients():
    class Net(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, ids, weight):
            return F.Embedding(ids, weight, input_dim=1000, output_dim=2, sparse_grad=True) * 3

    net, ids, weight = Net(), nd.array([[4, 9], [9, 0]]), nd.ones((1000, 2))
    weight.attach_grad(stype="row_sparse")
    net.hybridize()
    with StorageCounter() as counter, autograd.record():
        net(ids, weight).backward()
    assert counter.peak < 2000
    np.testing.assert_array_equal(weight.grad.indices.asnumpy(), [0, 4, 9])
    np.testing.assert_array_equal(weight.grad.data.asnumpy(), [[3, 3], [3, 3], [6, 6]])


def test_a_row_sparse_parameter_is_fetched_by_rows_and_saved_whole(tmp_path):
    net = mx.gluon.contrib.nn.SparseEmbedding(5, 2)
    net.initialize(mx.init.One())
    for act in (net.weight.data, net.weight.list_data):
        with pytest.raises(RuntimeError, match="Please use row_sparse_data"):
            act()
    with pytest.raises(RuntimeError, match="no Trainer is created"):
        net(nd.array([1]))
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1.0})
    with autograd.record():
        net(nd.array([3, 1])).backward()
    trainer.step(1)
    assert net.weight._data[0].nbytes == 2 * (2 * 4 + 8)  # the rows of the batch; the kvstore has all
    path = str(tmp_path / "table.params")
    net.save_parameters(path)
    (saved,) = nd.load(path).values()
    assert saved.stype == "row_sparse"
    np.testing.assert_array_equal(saved.asnumpy(), [[1, 1], [0, 0], [1, 1], [0, 0], [1, 1]])
    other = mx.gluon.contrib.nn.SparseEmbedding(5, 2)
    other.load_parameters(path)
    mx.gluon.Trainer(other.collect_params(), "sgd")
    np.testing.assert_array_equal(other(nd.array([3, 4])).asnumpy(), [[0, 0], [1, 1]])
    net.weight.set_data(nd.ones((5, 2)) * 7)  # the kvstore takes the value too
    np.testing.assert_array_equal(net(nd.array([3, 4])).asnumpy(), [[7, 7]] * 2)
    with pytest.raises(RuntimeError, match="More than one trainers"):
        mx.gluon.Trainer(net.collect_params(), "sgd")


@pytest.mark.parametrize(
    "error, message, given",
    [
        (ValueError, "sparse weights are present", {"update_on_kvstore": False}),
        (TypeError, "row_sparse parameters", {"kvstore": None}),
    ],
)
def test_trainers_of_row_sparse_parameters_need_a_kvstore(error, message, given):
    net = mx.gluon.contrib.nn.SparseEmbedding(5, 2)
    net.initialize()
    mx.gluon.Trainer(net.collect_params(), "sgd", **given)
    with pytest.raises(error, match=message):
        net(nd.array([1]))


def test_hybrid_blocks_refuse_row_sparse_parameters():
    class Net(mx.gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.weight = self.params.get("weight", shape=(3, 2), stype="row_sparse")

        def hybrid_forward(self, F, x, weight):
            return F.dot(x, weight)

    net = Net()
    net.initialize()
    with pytest.raises(RuntimeError, match="Please use row_sparse_data"):
        net(nd.ones((1, 3)))


def bound_module(kvstore):
    data, weight = mx.sym.var("data", stype="csr"), mx.sym.var("weight", stype="row_sparse", shape=(6, 2))
    output = mx.sym.LinearRegressionOutput(mx.sym.dot(data, weight), mx.sym.var("label"))
    module = mx.mod.Module(output, label_names=["label"])
    module.bind([("data", (2, 6))], [("label", (2, 2))])
    module.init_params(mx.init.One())
    module.init_optimizer(kvstore, "sgd", {"learning_rate": 1.0, "rescale_grad": 1.0})
    batch = mx.io.DataBatch([sparse.csr_matrix(np.eye(2, 6, dtype="float32"))], [nd.zeros((2, 2))])
    return module, batch


def test_without_row_ids_a_module_fetches_all_rows_after_an_update():
    # MXNet goes on with the old values, with a message.
    module, batch = bound_module(mx.kv.create("local"))
    for expected in (1, 0.5):
        module.forward_backward(batch)
        assert module.get_outputs()[0].asnumpy()[0, 0] == expected
        module.update()


def test_row_ids_that_prepare_cannot_use():
    module, batch = bound_module(None)
    with pytest.warns(UserWarning, match="No need to call sparse_row_id_fn"):
        module.prepare(batch, sparse_row_id_fn=lambda batch: {})
    module, batch = bound_module(mx.kv.create("local"))
    with pytest.raises(AssertionError, match="Expected dict output"):
        module.prepare(batch, sparse_row_id_fn=lambda batch: [1])
    with pytest.raises(MXNetError, match="no parameter 'w'; there are weight"):
        module.prepare(batch, sparse_row_id_fn=lambda batch: {"w": nd.array([1])})
    with pytest.raises(MXNetError, match="indices reach from 6 to 6"):
        module.prepare(batch, sparse_row_id_fn=lambda batch: {"weight": nd.array([6])})


def test_a_module_on_two_devices_splits_csr_batches():
    module, batch = bound_module(None)
    data, weight = mx.sym.var("data", stype="csr"), mx.sym.var("weight", stype="row_sparse", shape=(6, 2))
    output = mx.sym.LinearRegressionOutput(mx.sym.dot(data, weight), mx.sym.var("label"))
    several = mx.mod.Module(output, label_names=["label"], context=[mx.cpu(0), mx.cpu(1)])
    several.bind([("data", (2, 6))], [("label", (2, 2))])
    several.init_params(mx.init.One())
    several.init_optimizer("device", "sgd", {"learning_rate": 1.0, "rescale_grad": 1.0})
    for one in (module, several):
        one.forward_backward(batch)
        one.update()
    assert [executor.arg_dict["data"].stype for executor in several._exec_group.execs] == ["csr", "csr"]
    (found, _), (expected, _) = several.get_params(), module.get_params()
    np.testing.assert_array_equal(found["weight"].asnumpy(), expected["weight"].asnumpy())


@pytest.mark.parametrize("text, given, message", [
    ("1 0:1\n", {"round_batch": False}, "round_batch"),
    ("1 0:1\n", {"dtype": "float64"}, "expected float32"),
    ("1 0:1\n", {"data_shape": (3, 1)}, "dimension of data_shape is expected to be 1"),
    ("1 0:1\n", {"label_shape": (2,)}, "label_shape is expected to be .1,. when label_libsvm is NULL"),
    ("1 0:1\n", {"num_parts": 2, "part_index": 2}, "expected less than num_parts, 2"),
    ("1 0:1\n", {"num_parts": 3, "part_index": 2}, "part 2 of 3 .* has no lines"),
    ("1 0:1\n", {"path": 1}, "unknown parameter 'path'"),
    ("1 0:1\n2 3:1\n", {}, "line 2: indices reach from 3 to 3; expected 0 to 2"),
    ("1 0:1\n2 x:1\n", {}, "line 2: cannot read"),
    ("1 0:1\n1,2 0:1\n", {}, "line 2: cannot read"),
    ("", {}, "has no lines"),
])  # fmt: skip
def test_what_libsvm_files_and_arguments_are_refused(text, given, message, tmp_path):
    path = tmp_path / "data.t"
    path.write_text(text)
    with pytest.raises(MXNetError, match=message):
        mx.io.LibSVMIter(str(path), **{"data_shape": (3,), "batch_size": 1, **given})
    with pytest.raises(MXNetError, match="No such file"):
        mx.io.LibSVMIter(str(tmp_path / "none.t"), data_shape=(3,), batch_size=1)


def test_a_folder_of_libsvm_files_is_read_in_the_order_of_names_and_batches_may_wrap_several_times(tmp_path):
    (tmp_path / "b.t").write_text("3 2:1\n")
    (tmp_path / "a.t").write_text("1 0:1\n2 1:1\n")
    batches = mx.io.LibSVMIter(str(tmp_path), data_shape=(3,), batch_size=8)
    for expected in ([1, 2, 3, 1, 2, 3, 1, 2], [3, 1, 2, 3, 1, 2, 3, 1]):
        (batch,) = list(batches)
        assert batch.label[0].asnumpy().tolist() == expected
        batch.data[0].check_format()
        batches.reset()


@pytest.mark.parametrize("last", ["pad", "discard", "roll_over"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_of_csr_arrays_are_csr_with_the_rows_of_dense_ones(last, shuffle):
    values = np.arange(21, dtype="float32").reshape(7, 3) * [1, 0, 1]
    found = []
    for data in (sparse.csr_matrix(values), nd.array(values)):
        np.random.seed(3)
        batches = mx.io.NDArrayIter(data, np.arange(7), 3, shuffle=shuffle, last_batch_handle=last)
        rows = []
        for _ in range(3):
            for batch in batches:
                assert batch.data[0].stype == data.stype
                rows.append((batch.data[0].asnumpy().tolist(), batch.label[0].asnumpy().tolist(), batch.pad))
            batches.reset()
        found.append(rows)
    assert found[0] == found[1]


def test_updates_of_several_weights_take_sparse_arrays():
    # Recorded from MXNet 1.9.1: all zeros.
    weight, mom, grad = (nd.full((3, 2), value).tostype("row_sparse") for value in (1, 0, 1))
    dense, rate = nd.ones((3, 2)), {"lrs": (1, 1), "wds": (0, 0), "momentum": 0.9, "num_weights": 2}
    out = [weight, dense]
    nd.multi_sgd_mom_update(weight, grad, mom, dense, grad, nd.zeros((3, 2)), out=out, **rate)
    assert [array.stype for array in out] == ["row_sparse", "default"]
    assert not weight.asnumpy().any() and not dense.asnumpy().any()
    np.testing.assert_array_equal(mom.asnumpy(), -np.ones((3, 2)))


def test_executors_share_sparse_arguments_and_gradients():
    symbol = mx.sym.dot(mx.sym.var("data", stype="csr"), mx.sym.var("weight", stype="row_sparse"))
    first = symbol.simple_bind(mx.cpu(), data=(2, 4), weight=(4, 3))
    second = symbol.simple_bind(mx.cpu(), shared_exec=first, shared_arg_names=["weight"], data=(5, 4), weight=(4, 3))
    assert second.arg_dict["weight"] is first.arg_dict["weight"]
    assert second.grad_dict["weight"] is first.grad_dict["weight"]
    assert second.arg_dict["data"].shape == (5, 4)


def test_loops_in_graphs_with_sparse_gradients():
    ids, weight = mx.sym.var("ids"), mx.sym.var("weight")
    rows = mx.sym.Embedding(ids, weight, input_dim=6, output_dim=2, sparse_grad=True)
    sums, _ = mx.sym.contrib.foreach(lambda x, s: (x + s, x + s), rows, mx.sym.zeros((2,)))
    executor = sums.simple_bind(mx.cpu(), {"weight": "write"}, ids=(3,))
    executor.arg_dict["weight"][:] = np.arange(12).reshape(6, 2)
    (output,) = executor.forward(is_train=True, ids=nd.array([1, 4, 1]))
    executor.backward(nd.ones((3, 2)))
    np.testing.assert_array_equal(output.asnumpy(), [[2, 3], [10, 12], [12, 15]])
    gradient = executor.grad_dict["weight"]
    assert gradient.indices.asnumpy().tolist() == [1, 4]
    assert gradient.data.asnumpy().tolist() == [[4, 4], [2, 2]]


def test_recorded_sparse_computations_are_symbols_too():
    weight = sparse.row_sparse_array(np.ones((4, 2), "float32"))
    weight.attach_grad()
    data = sparse.csr_matrix(np.eye(3, 4, dtype="float32"))
    with autograd.record():
        result = sparse.dot(data, sparse.square(weight))
    symbol = autograd.get_symbol(result)
    assert symbol.list_arguments() == ["null0", "var0"]
    (again,) = symbol.eval(null0=data, var0=weight)
    np.testing.assert_array_equal(again.asnumpy(), result.asnumpy())


def test_gradients_of_rules_cannot_be_differentiated_again():
    weight = nd.ones((4, 2))
    weight.attach_grad(stype="row_sparse")
    with autograd.record():
        result = sparse.dot(sparse.csr_matrix(np.eye(2, 4, dtype="float32")), weight)
        gradient = autograd.grad(result**2, [weight], create_graph=True)[0]
        total = gradient.tostype("default").sum()
    with pytest.raises(MXNetError, match="not in a computational graph"):
        total.backward()


def test_outputs_that_are_arguments_are_copies():
    weight = mx.sym.var("weight", stype="row_sparse")
    executor = mx.sym.Group([weight, mx.sym.square(weight)]).simple_bind(mx.cpu(), "write", weight=(3, 2))
    executor.arg_dict["weight"][:] = 2
    outputs = executor.forward(is_train=True)
    executor.backward([nd.ones((3, 2)).tostype("row_sparse")] * 2)
    np.testing.assert_array_equal(executor.grad_dict["weight"].asnumpy(), np.full((3, 2), 5))
    nd.sgd_update(executor.arg_dict["weight"], executor.grad_dict["weight"], lr=1, out=executor.arg_dict["weight"])
    np.testing.assert_array_equal(outputs[0].asnumpy(), np.full((3, 2), 2))
    np.testing.assert_array_equal(executor.arg_dict["weight"].asnumpy(), np.full((3, 2), -3))
