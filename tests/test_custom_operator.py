"""Operators written in Python: `mx.operator` and `Custom` in every front end."""

from __future__ import annotations

import numpy as np
import pytest

import mxnet as mx
from mxnet.base import MXNetError

CALLS: list[tuple] = []  # what `Scale` saw


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


class Scale(mx.operator.CustomOp):
    """Multiplies by a factor, counts its runs in an auxiliary state, and scales gradients by a factor of its own."""

    def __init__(self, factor, grad_factor):
        self.factor, self.grad_factor, self.runs = factor, grad_factor, 0

    def forward(self, is_train, req, in_data, out_data, aux):
        self.runs += 1
        CALLS.append(("forward", self.runs, bool(is_train), mx.autograd.is_recording(), mx.autograd.is_training()))
        self.assign(out_data[0], req[0], in_data[0] * self.factor)
        self.assign(out_data[1], req[1], in_data[0] + in_data[1])
        aux[0][:] += 1

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        CALLS.append(("backward", self.runs, req, float(aux[0].asnumpy().flat[0])))
        self.assign(in_grad[0], req[0], out_grad[0] * self.grad_factor)
        self.assign(in_grad[1], req[1], out_grad[1] * in_data[0] * 100)


@mx.operator.register("test_scale")
class ScaleProp(mx.operator.CustomOpProp):
    def __init__(self, factor="2", grad_factor="7", shift="(1, 2)"):
        super().__init__(need_top_grad=True)
        CALLS.append(("prop", factor, grad_factor, shift))
        self.factors = float(factor), float(grad_factor)

    def list_arguments(self):
        return ["data", "weight"]

    def list_outputs(self):
        return ["scaled", "sum"]

    def list_auxiliary_states(self):
        return ["runs"]

    def infer_shape(self, in_shape):
        return [in_shape[0], in_shape[0]], [in_shape[0], in_shape[0]], [(1,)]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        CALLS.append(("create", str(ctx), in_shapes, in_dtypes))
        return Scale(*self.factors)


def kinds():
    return [call[0] for call in CALLS]


def arrays():
    return mx.nd.array([[1.0, 2, 3]]), mx.nd.array([[4.0, 5, 6]]), mx.nd.zeros((1,))


def test_imperative_call_gives_the_outputs_and_changes_the_state():
    data, weight, runs = arrays()
    scaled, total = mx.nd.Custom(data, weight, runs, op_type="test_scale", factor=3)
    assert scaled.asnumpy().tolist() == [[3, 6, 9]] and total.asnumpy().tolist() == [[5, 7, 9]]
    assert runs.asnumpy().tolist() == [1]
    assert CALLS == [
        ("prop", "3", "7", "(1, 2)"),
        ("create", "cpu(0)", [[1, 3], [1, 3], [1]], [0, 0, 0]),
        ("forward", 1, False, False, False),
    ]


def test_attributes_arrive_as_the_strings_that_python_prints():
    data, weight, runs = arrays()
    mx.nd.Custom(data, weight, runs, op_type="test_scale", factor=1.5, grad_factor=1, shift=(3, (4, None)))
    assert CALLS[0] == ("prop", "1.5", "1", "(3, (4, None))")


def test_inputs_may_be_given_by_name():
    data, weight, runs = arrays()
    scaled, _ = mx.nd.Custom(weight=weight, runs=runs, data=data, op_type="test_scale")
    assert scaled.asnumpy().tolist() == [[2, 4, 6]]
    with pytest.raises(TypeError, match="not both"):
        mx.nd.Custom(data, weight=weight, runs=runs, op_type="test_scale")
    with pytest.raises(MXNetError, match="wight"):
        mx.nd.Custom(data=data, wight=weight, runs=runs, op_type="test_scale")


def test_out_takes_the_results():
    data, weight, runs = arrays()
    out = [mx.nd.zeros((1, 3)), mx.nd.zeros((1, 3))]
    mx.nd.Custom(data, weight, runs, op_type="test_scale", out=out)
    assert out[0].asnumpy().tolist() == [[2, 4, 6]]


@pytest.mark.parametrize(("grad_req", "times"), [("write", 1), ("add", 2)])
def test_autograd_calls_the_own_gradient(grad_req, times):
    data, weight, runs = arrays()
    data.attach_grad(grad_req)
    for _ in range(2):
        with mx.autograd.record():
            scaled, total = mx.nd.Custom(data, weight, runs, op_type="test_scale")
            loss = scaled * 10 + total
        loss.backward()
    assert data.grad.asnumpy().tolist() == [[70 * times] * 3]  # not what torch would derive
    assert ("forward", 1, True, False, True) in CALLS
    assert ("backward", 1, ["write", "null"], 2.0) in CALLS


def test_a_call_keeps_its_own_operator_until_backward():
    data, weight, runs = arrays()
    data.attach_grad()
    with mx.autograd.record():
        first = mx.nd.Custom(data, weight, runs, op_type="test_scale", grad_factor=10)[0]
        second = mx.nd.Custom(data, weight, runs, op_type="test_scale", grad_factor=1)[0]
    mx.autograd.backward([first, second])
    assert data.grad.asnumpy().tolist() == [[11] * 3]


def test_second_order_gradient_is_refused():
    data, weight, runs = arrays()
    data.attach_grad()
    with mx.autograd.record():
        scaled = mx.nd.Custom(data, weight, runs, op_type="test_scale")[0]
        loss = mx.autograd.grad(scaled, [data], create_graph=True)[0] * data
    with pytest.raises(MXNetError, match="test_scale.*differentiated again"):
        loss.backward()


def symbol(**attributes):
    return mx.sym.Custom(mx.sym.var("x"), op_type="test_scale", name="s", **attributes)


def test_symbol_names_arguments_states_and_outputs():
    s = symbol(factor=4)
    assert s.list_arguments() == ["x", "s_weight"]
    assert s.list_auxiliary_states() == ["s_runs"]
    assert s.list_outputs() == ["s_scaled", "s_sum"]
    assert s.infer_shape(x=(2, 3)) == ([(2, 3), (2, 3)], [(2, 3), (2, 3)], [(1,)])
    assert s.infer_type(x="float64") == ([np.float64] * 2, [np.float64] * 2, [np.float64])


def test_symbol_takes_inputs_by_name_and_users_attributes():
    s = mx.sym.Custom(weight=mx.sym.var("w"), data=mx.sym.var("d"), op_type="test_scale", lr_mult=3, name="n")
    assert s.list_arguments() == ["d", "w"]
    assert s.attr_dict()["n"]["__lr_mult__"] == "3"
    assert mx.sym.Custom(op_type="test_scale", name="n").list_arguments() == ["n_data", "n_weight"]
    with pytest.raises(MXNetError, match="expects 3 inputs"):
        mx.sym.Custom(*[mx.sym.var(n) for n in "abcd"], op_type="test_scale")


def test_symbol_survives_json():
    s = symbol(factor=4)
    loaded = mx.sym.load_json(s.tojson())
    assert loaded.tojson() == s.tojson()
    x = mx.nd.array([[1.0, 2]])
    scaled, _ = loaded.bind(mx.cpu(), [x, x], aux_states=[mx.nd.zeros((1,))]).forward()
    assert scaled.asnumpy().tolist() == [[4, 8]]


def test_executor_keeps_one_operator_and_uses_its_gradient():
    s = symbol()
    executor = s.simple_bind(mx.cpu(), x=(1, 2), grad_req={"x": "add", "s_weight": "null"})
    executor.arg_dict["x"][:] = 1
    CALLS.clear()
    heads = [mx.nd.ones((1, 2)), mx.nd.zeros((1, 2))]
    for _ in range(2):
        executor.forward(is_train=True)
        executor.backward(heads)
    executor.forward(is_train=False)
    assert executor.grad_dict["x"].asnumpy().tolist() == [[14, 14]]
    assert executor.aux_dict["s_runs"].asnumpy().tolist() == [3]
    assert kinds() == ["create", "forward", "backward", "forward", "backward", "forward"]
    assert [call[1] for call in CALLS if call[0] == "forward"] == [1, 2, 3]
    other = s.simple_bind(mx.cpu(), x=(1, 2))
    other.forward()
    assert [call[1] for call in CALLS if call[0] == "forward"][-1] == 1  # another executor, another operator


class Softmax(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], mx.nd.softmax(in_data[0]))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        assert out_grad[0].shape == ()  # not declared, so not kept
        label = mx.nd.one_hot(in_data[1], depth=in_data[0].shape[1])
        self.assign(in_grad[0], req[0], out_data[0] - label)


@mx.operator.register("test_softmax")
class SoftmaxProp(mx.operator.CustomOpProp):
    def __init__(self):
        super().__init__(need_top_grad=False)

    def list_arguments(self):
        return ["data", "label"]

    def infer_shape(self, in_shape):
        return [in_shape[0], (in_shape[0][0],)], [in_shape[0]], []

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Softmax()


def test_loss_needs_no_head_gradient():
    s = mx.sym.Custom(data=mx.sym.var("data"), name="softmax", op_type="test_softmax")
    executor = s.simple_bind(mx.cpu(), data=(4, 3))
    reference = mx.sym.SoftmaxOutput(data=mx.sym.var("data"), name="softmax").simple_bind(mx.cpu(), data=(4, 3))
    for e in (executor, reference):
        e.arg_dict["data"][:] = mx.nd.arange(12).reshape((4, 3))
        e.arg_dict["softmax_label"][:] = mx.nd.array([0, 1, 2, 1])
        e.forward(is_train=True)
        e.backward()
    np.testing.assert_allclose(executor.grad_dict["data"].asnumpy(), reference.grad_dict["data"].asnumpy(), atol=1e-6)
    with pytest.raises(MXNetError, match="head_gradient"):
        other = symbol().simple_bind(mx.cpu(), x=(1, 2))
        other.forward(is_train=True)
        other.backward()


def test_module_trains_as_with_the_builtin_loss():
    random = np.random.RandomState(0)
    data, label = random.randn(32, 5).astype("float32"), random.randint(0, 3, 32).astype("float32")
    trained = []
    for loss in (lambda d: mx.sym.Custom(data=d, name="softmax", op_type="test_softmax"),
                 lambda d: mx.sym.SoftmaxOutput(data=d, name="softmax")):  # fmt: skip
        module = mx.mod.Module(loss(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc")))
        batches = mx.io.NDArrayIter(data, label, 8, label_name="softmax_label")
        module.fit(
            batches, num_epoch=2, initializer=mx.init.One(), optimizer="sgd", optimizer_params={"learning_rate": 0.1}
        )
        trained.append(module.get_params()[0]["fc_weight"].asnumpy())
    assert not np.allclose(trained[0], 1)
    np.testing.assert_allclose(trained[0], trained[1], rtol=1e-5)


class Net(mx.gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.runs = self.params.get("runs", shape=(1,), grad_req="null", init="zeros")
            self.dense = mx.gluon.nn.Dense(3)

    def hybrid_forward(self, F, x, runs):
        x = self.dense(x)
        return F.Custom(x, x * 2, runs, op_type="test_scale", factor=5)[0] * 1


class NewStyleNet(Net):
    def forward(self, x):
        x = self.dense(x)
        return mx.nd.Custom(x, x * 2, self.runs.data(), op_type="test_scale", factor=5)[0] * 1


@pytest.mark.parametrize("cls", [Net, NewStyleNet])
def test_gluon_imperative_and_hybridized_agree(cls):
    results = []
    for hybridize in (False, True):
        net = cls(prefix="net_")
        net.initialize(mx.init.One())
        if hybridize:
            net.hybridize()
        x = mx.nd.array([[1.0, 2], [3, 4]])
        with mx.autograd.record():
            first, second = net(x), net(x)
        CALLS.clear()
        mx.autograd.backward([first, second])
        assert kinds() == ["backward", "backward"]
        results.append((first.asnumpy(), net.dense.weight.grad().asnumpy()))
        assert net.runs.data().asscalar() == 2
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert results[0][1][0].tolist() == [2 * 7 * 4, 2 * 7 * 6]


def define(name, **methods):
    """Register a copying operator, some methods replaced; those of the operator are given as op_<name>."""

    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0])

    mine = {key[3:]: value for key, value in methods.items() if key.startswith("op_")}
    op = type("Op", (mx.operator.CustomOp,), {"forward": forward, **mine})
    prop = {key: value for key, value in methods.items() if not key.startswith("op_")}
    return mx.operator.register(name)(
        type("Prop", (mx.operator.CustomOpProp,), {"create_operator": lambda *args: op(), **prop})
    )


def fail(*args, **kwargs):
    raise KeyError("boom")


@pytest.mark.parametrize(
    "method",
    ["__init__", "list_arguments", "list_outputs", "list_auxiliary_states", "infer_shape", "infer_type",
     "create_operator", "op_forward"],
)  # fmt: skip
def test_what_users_code_raises_reaches_the_caller(method):
    define("test_fail", **{method: fail})
    with pytest.raises(MXNetError, match=f"test_fail.{method.removeprefix('op_')}.*boom") as caught:
        mx.nd.Custom(mx.nd.ones((2,)), op_type="test_fail")
    cause = caught.value
    while cause.__cause__ is not None:
        cause = cause.__cause__
    assert isinstance(cause, KeyError)
    assert mx.nd.ones((2,)).sum().asscalar() == 2  # and nothing is broken afterwards


@pytest.mark.parametrize("method", ["op_backward", "declare_backward_dependency"])
def test_what_backward_raises_reaches_the_caller(method):
    define("test_fail_backward", **{method: fail})
    x = mx.nd.ones((2,))
    x.attach_grad()
    with pytest.raises(MXNetError, match="boom"), mx.autograd.record():
        y = mx.nd.Custom(x, op_type="test_fail_backward")
        y.backward()


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"infer_shape": lambda self, s: (s,)}, "2 or 3 lists"),
        ({"infer_shape": lambda self, s: (s, s * 2, [])}, "expecting 1 entries in returned outputs"),
        ({"infer_shape": lambda self, s: ([(5,)], s, [])}, r"data is float32\(2,\).*\(5,\)"),
        ({"infer_shape": lambda self, s: (s, [[]], [])}, "don't say what the output"),
        ({"infer_type": lambda self, t: ([np.float16], t, [])}, "float16"),
        ({"infer_type": lambda self, t: (t,)}, "2 or 3 lists"),
        ({"create_operator": lambda *args: None}, "expected a CustomOp"),
        ({"list_outputs": lambda self: []}, "at least one output"),
        ({"list_arguments": lambda self: ["a", "b"]}, "input b is missing"),
    ],
)
def test_wrong_answers_are_named(methods, message):
    define("test_wrong", **methods)
    with pytest.raises(MXNetError, match=message):
        mx.nd.Custom(mx.nd.ones((2,)), op_type="test_wrong")


def test_infer_type_decides_the_dtype_of_outputs():
    define("test_half", infer_type=lambda self, t: (t, [np.float16], []))
    assert mx.nd.Custom(mx.nd.ones((2,)), op_type="test_half").dtype == np.float16
    assert mx.sym.Custom(mx.sym.var("x"), op_type="test_half").infer_type(x="float32")[1] == [np.float16]


def test_only_declared_arrays_are_kept_for_backward():
    seen = []

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        seen.append([[array.shape for array in group] for group in (out_grad, in_data, out_data)])
        in_grad[0][:] = 3

    define("test_declares", op_backward=backward, list_arguments=lambda self: ["a", "b"],
           declare_backward_dependency=lambda self, o, i, d: [o[0], i[1]])  # fmt: skip
    a, b = mx.nd.ones((2,)), mx.nd.ones((2,))
    a.attach_grad()
    with mx.autograd.record():
        y = mx.nd.Custom(a, b, op_type="test_declares")
    y.backward()
    assert seen == [[[(2,)], [(), (2,)], [()]]]
    assert a.grad.asnumpy().tolist() == [3, 3]


def test_no_gradient_method_means_zero():
    define("test_no_gradient")
    x = mx.nd.ones((2,))
    x.attach_grad()
    with mx.autograd.record():
        y = mx.nd.Custom(x, op_type="test_no_gradient")
    y.backward()
    assert x.grad.asnumpy().tolist() == [0, 0]


def test_unknown_operator_and_missing_op_type():
    with pytest.raises(MXNetError, match="Cannot find custom operator test_nothing"):
        mx.nd.Custom(mx.nd.ones((1,)), op_type="test_nothing")
    with pytest.raises(MXNetError, match="op_type"):
        mx.nd.Custom(mx.nd.ones((1,)))
    with pytest.raises(MXNetError, match="Cannot find custom operator test_nothing"):
        mx.sym.load_json(symbol().tojson().replace("test_scale", "test_nothing"))
    with pytest.raises(MXNetError, match="subclass"):
        mx.operator.register("test_int")(int)


def test_registering_again_replaces():
    define("test_again", op_forward=lambda self, is_train, req, in_data, out_data, aux: fail())
    define("test_again")
    assert mx.nd.Custom(mx.nd.ones((1,)), op_type="test_again").asscalar() == 1


@pytest.mark.parametrize(("req", "expected"), [("write", 2), ("inplace", 2), ("add", 3), ("null", 1)])
def test_assign_follows_req(req, expected):
    array = mx.nd.ones((2,))
    mx.operator.CustomOp().assign(array, req, mx.nd.ones((2,)) * 2)
    assert array.asnumpy().tolist() == [expected] * 2


def test_assign_refuses_an_unknown_req():
    with pytest.raises(MXNetError, match="'overwrite'.*'write'"):
        mx.operator.CustomOp().assign(mx.nd.ones((2,)), "overwrite", 1)


def test_operators_and_their_arguments_are_listed():
    names = mx.operator.get_all_registered_operators()
    assert {"Custom", "Convolution", "_plus_scalar"} <= set(names)
    # recorded from MXNet 1.9.1
    assert mx.operator.get_operator_arguments("FullyConnected") == mx.operator.OperatorArguments(
        6, ["data", "weight", "bias", "num_hidden", "no_bias", "flatten"],
        ["NDArray-or-Symbol"] * 3 + ["int, required", "boolean, optional, default=0", "boolean, optional, default=1"],
    )  # fmt: skip
    assert mx.operator.get_operator_arguments("Concat").types == [
        "NDArray-or-Symbol[]", "int, required", "int, optional, default='1'",
    ]  # fmt: skip
    with pytest.raises(MXNetError, match="not registered"):
        mx.operator.get_operator_arguments("nothing")


@pytest.mark.parametrize("cls", [mx.operator.PythonOp, mx.operator.NumpyOp, mx.operator.NDArrayOp])
def test_operators_of_version_0_are_refused(cls):
    with pytest.raises(MXNetError, match=r"CustomOp.*mx\.sym\.Custom"):
        cls(need_top_grad=False)
