"""Symbols bound to arrays: numbers recorded from MXNet 1.9.1, modes, gradients, sharing, errors."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import networks

import mxnet as mx
from mxnet import nd
from mxnet.base import MXNetError

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle")

x, y = mx.sym.var("x"), mx.sym.var("y")
#: MXNet counts the gradient of an output that is listed twice, or that is an argument itself, wrongly, and of outputs
#: that share storage; leaves the gradient of labels unset
WRONG = {"reshapes/grad/x", "shared/grad/a", "shared/grad/b", "losses/grad/label"}


@pytest.fixture(scope="module")
def runs():
    recorded = np.load(os.path.join(HERE, "data", "executor.npz"))
    return recorded, networks.run_executors(mx)


def test_every_recorded_value_is_computed(runs):
    assert set(runs[0].files) == set(runs[1])


@pytest.mark.parametrize("name", networks.BOUND)
def test_outputs_gradients_and_states_are_those_recorded(runs, name):
    recorded, found = runs
    for key in recorded.files:
        if key.startswith(name + "/") and key not in WRONG:
            assert recorded[key].dtype == found[key].dtype and recorded[key].shape == found[key].shape, key
            scale = np.abs(recorded[key][np.isfinite(recorded[key])]).max(initial=1)
            np.testing.assert_allclose(found[key], recorded[key], rtol=2e-5, atol=2e-5 * scale, err_msg=key)


@pytest.mark.parametrize(("name", "key"), [("reshapes", "x"), ("shared", "a"), ("shared", "b")])
def test_gradients_where_mxnet_is_wrong_agree_with_finite_differences(name, key):
    shapes = networks.BOUND[name]
    executor = networks.build(mx, name).simple_bind(mx.cpu(), type_dict=dict.fromkeys(shapes, "float64"), **shapes)
    random = np.random.RandomState(1)
    for array in executor.arg_arrays:
        array[:] = nd.array(random.uniform(0.3, 1.7, array.shape), dtype="float64")
    heads = [nd.array(random.uniform(-1, 1, o.shape), dtype="float64") for o in executor.forward(is_train=True)]
    executor.backward(heads)
    gradient, start = executor.grad_dict[key].asnumpy(), executor.arg_dict[key].asnumpy()

    def value(changed):
        executor.arg_dict[key][:] = nd.array(changed, dtype="float64")
        return sum((o * h).sum().asscalar() for o, h in zip(executor.forward(), heads, strict=True))

    for index in np.ndindex(*start.shape):
        step = np.zeros_like(start)
        step[index] = 1e-6
        assert abs((value(start + step) - value(start - step)) / 2e-6 - gradient[index]) < 1e-6


def bound(symbol, shape=(4, 2), **kwargs):
    executor = symbol.simple_bind(mx.cpu(), x=shape, **kwargs)
    for array in executor.arg_arrays:
        array[:] = nd.array(np.arange(array.size).reshape(array.shape) % 5 + 1)
    for name, array in executor.aux_dict.items():
        array[:] = 1 if "var" in name else 0
    return executor


HEAD = nd.array(np.arange(8).reshape(4, 2))
NORM = mx.sym.BatchNorm(x, name="bn", fix_gamma=False)


def test_training_updates_auxiliary_states_and_inference_does_not():
    executor = bound(NORM)
    executor.forward(is_train=False)
    assert executor.aux_dict["bn_moving_mean"].asnumpy().tolist() == [0, 0]
    executor.forward(is_train=True)
    np.testing.assert_allclose(executor.aux_dict["bn_moving_mean"].asnumpy(), [0.275, 0.25], rtol=1e-5)  # recorded
    np.testing.assert_allclose(executor.aux_dict["bn_moving_var"].asnumpy(), [1.1188, 1.025], rtol=1e-4)


def test_backward_again_gives_the_same_and_leaves_states_and_random_numbers():
    executor = bound(mx.sym.Dropout(NORM, p=0.5))
    mx.random.seed(1)
    executor.forward(is_train=True)
    expected = mx.nd.random.uniform(shape=(2,)).asnumpy()  # drawn after one forward pass
    mx.random.seed(1)
    executor.forward(is_train=True)
    executor.backward(HEAD)
    once = [g.asnumpy() for g in executor.grad_arrays]
    executor.backward(HEAD)
    for one, two in zip(once, executor.grad_arrays, strict=True):
        assert np.array_equal(one, two.asnumpy())
    assert np.array_equal(mx.nd.random.uniform(shape=(2,)).asnumpy(), expected)


@pytest.mark.parametrize("mode", ["gru", "lstm", "rnn_tanh"])
def test_gradients_of_recurrent_layers_are_the_imperative_ones(mode):
    # the steps of a GRU change their gates in place, which must not be read again afterwards
    gates = {"gru": 3, "lstm": 4, "rnn_tanh": 1}[mode]
    names = ["data", "parameters", "state"] + ["state_cell"] * (mode == "lstm")
    shapes = [(5, 2, 4), (gates * 3 * (4 + 3 + 2),), (1, 2, 3), (1, 2, 3)]
    random = np.random.RandomState(0)
    arrays = [mx.nd.array(random.uniform(-1, 1, shape)) for shape, _ in zip(shapes, names, strict=False)]
    options = {"state_size": 3, "num_layers": 1, "mode": mode, "state_outputs": True}
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        expected = mx.nd.RNN(*arrays, **options)
    heads = [mx.nd.array(random.uniform(-1, 1, out.shape)) for out in expected]
    mx.autograd.backward(expected, heads)
    symbol = mx.sym.RNN(*map(mx.sym.var, names), **options)
    executor = symbol.simple_bind(mx.cpu(), **dict(zip(names, shapes, strict=False)))
    for name, array in zip(names, arrays, strict=True):
        executor.arg_dict[name][:] = array
    for _ in range(2):
        executor.forward(is_train=True)
        executor.backward(heads)
        for name, array in zip(names, arrays, strict=True):
            np.testing.assert_array_equal(executor.grad_dict[name].asnumpy(), array.grad.asnumpy())


def test_backward_again_leaves_auxiliary_states():
    executor = bound(NORM)
    executor.forward(is_train=True)
    states = [a.asnumpy() for a in executor.aux_arrays]
    executor.backward(HEAD)
    executor.backward(HEAD)
    for before, after in zip(states, executor.aux_arrays, strict=True):
        assert np.array_equal(before, after.asnumpy())


def test_backward_after_inference_or_before_forward_computes_what_is_missing():
    square = mx.sym.square(x)
    for prepare in (lambda e: e.forward(is_train=False), lambda e: None):
        executor = bound(square)
        prepare(executor)
        executor.backward(nd.ones((4, 2)))
        assert np.array_equal(executor.grad_dict["x"].asnumpy(), 2 * executor.arg_dict["x"].asnumpy())


def test_requests_write_add_and_null():
    executor = bound(x * y * 2, y=(4, 2), grad_req={"x": "add"})
    for _ in range(2):
        executor.forward(is_train=True)
        executor.backward(nd.ones((4, 2)))
    assert np.array_equal(executor.grad_dict["x"].asnumpy(), 4 * executor.arg_dict["y"].asnumpy())
    assert executor.grad_dict["y"] is None
    executor = bound(x * 2, grad_req="null")
    executor.forward(is_train=True)
    executor.backward(nd.ones((4, 2)))
    assert executor.grad_arrays == [None]
    assert bound(x * y, y=(4, 2), grad_req=["null", "write"]).grad_arrays[0] is None
    for bad in ("foo", ["write"], {"x": "foo"}):
        with pytest.raises(MXNetError, match="grad_req"):
            bound(x * y, y=(4, 2), grad_req=bad)


def test_outputs_stay_the_same_arrays_and_take_new_values():
    executor = bound(mx.sym.square(x))
    first = executor.forward()[0]
    executor.arg_dict["x"][:] = 3
    executor.forward()
    assert (first.asnumpy() == 9).all() and executor.outputs[0] is first
    assert list(executor.output_dict.values())[0] is first


def test_outputs_do_not_alias_arguments():
    executor = bound(mx.sym.Group([x, x.reshape((2, 4)), x]))
    outputs = executor.forward()
    executor.arg_dict["x"][:] = 0
    assert all(out.asnumpy().min() == 1 for out in outputs)


@pytest.mark.parametrize(
    "build",
    [
        lambda: mx.sym.SoftmaxOutput(x, name="s"),
        lambda: mx.sym.MakeLoss(x),
        lambda: mx.sym.make_loss(x * 2),
        lambda: mx.sym.BlockGrad(x),
    ],
)
def test_losses_need_no_head_gradient(build):
    executor = bound(build())
    executor.forward(is_train=True)
    executor.backward()
    assert np.isfinite(executor.grad_dict["x"].asnumpy()).all()


def test_other_outputs_need_head_gradients():
    executor = bound(mx.sym.Group([mx.sym.square(x), x * 3]))
    executor.forward(is_train=True)
    one = nd.ones((4, 2))
    for heads in (None, one, [one]):
        with pytest.raises(MXNetError, match="head_gradient is required"):
            executor.backward(heads)
    with pytest.raises(MXNetError, match="3 gradients"):
        executor.backward([one] * 3)
    with pytest.raises(MXNetError, match=r"\(4, 3\).*\(4, 2\)"):
        executor.backward([nd.ones((4, 3)), one])
    for heads in ([1, 2], [one, None]):
        with pytest.raises(TypeError, match="NDArray"):
            executor.backward(heads)
    with pytest.raises(KeyError):
        executor.backward({"q": one})
    executor.backward([one, one])
    assert np.array_equal(executor.grad_dict["x"].asnumpy(), 2 * executor.arg_dict["x"].asnumpy() + 3)


ARRAYS = {"x": nd.ones((2, 2)), "y": nd.ones((2, 2)) * 3}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: s.bind(mx.cpu(), [nd.ones(1)]), ValueError, "Length of args"),
        (lambda s: s.bind(mx.cpu(), None), TypeError, "Only accept"),
        (lambda s: s.bind(mx.cpu(), {"x": nd.ones(1)}), ValueError, "`y` is missing in `args`"),
        (lambda s: s.bind(mx.cpu(), {**ARRAYS, "x": np.ones((2, 2))}), TypeError, "Only accept"),
        (lambda s: s.bind(mx.cpu(), {**ARRAYS, "x": nd.ones((2, 3))}), MXNetError, r"_mul0.*\(2, 3\).*\(2, 2\)"),
        (
            lambda s: s.bind(mx.cpu(), {**ARRAYS, "x": nd.ones((2, 2), dtype="float16")}),
            MXNetError,
            "_mul0.*float16.*float32",
        ),
        (lambda s: s.bind(mx.cpu(), ARRAYS, args_grad=[nd.zeros((2, 2))]), ValueError, "Length of args_grad"),
        (lambda s: s.bind(mx.cpu(), ARRAYS, args_grad={"x": nd.zeros((3, 2))}), MXNetError, r"x has shape \(3, 2\)"),
        (lambda s: s.bind("cpu", ARRAYS), TypeError, "Context"),
        (lambda s: s.infer_shape(q=(1,)), MXNetError, "q"),
        (lambda s: s.simple_bind(mx.cpu()), MXNetError, "shapes of x, y"),
        (lambda s: s.simple_bind(mx.cpu(), x=(1, 2), y=(2, 3)), MXNetError, "_mul0"),
        (lambda s: s.eval(x=nd.ones((2, 2))), ValueError, "`y` is missing"),
        (lambda s: s.bind(mx.cpu(), ARRAYS).forward(q=nd.ones(1)), TypeError, "Unknown argument q"),
        (
            lambda s: s.bind(mx.cpu(), ARRAYS).forward(x=nd.ones((3, 2))),
            ValueError,
            r"Shape not match.*\(2, 2\).*\(3, 2\)",
        ),
        (lambda s: s.bind(mx.cpu(), ARRAYS).copy_params_from({"q": nd.ones(1)}), ValueError, 'Find name "q"'),
        (lambda s: s.bind(mx.cpu(), ARRAYS).copy_params_from({"x": nd.ones((3, 2))}), MXNetError, r"\(3, 2\)"),
    ],
)
def test_bad_calls_say_what_was_wrong(call, error, message):
    with mx.name.NameManager():
        symbol = x * y
    with pytest.raises(error, match=message):
        call(symbol)


def test_arguments_may_be_given_at_forward_and_copied_by_name():
    executor = (x * y).bind(mx.cpu(), {k: v.copy() for k, v in ARRAYS.items()})
    assert executor.forward(x=nd.ones((2, 2)) * 7)[0].asnumpy().tolist() == [[21, 21], [21, 21]]
    executor.copy_params_from({"x": nd.ones((2, 2), dtype="float64") * 2, "q": nd.ones(1)}, allow_extra_params=True)
    assert executor.forward()[0].asnumpy()[0, 0] == 6 and executor.arg_dict["x"].dtype == np.float32


def test_reshape_shares_parameters_and_takes_views_of_data():
    executor = bound(mx.sym.FullyConnected(x, num_hidden=2, name="f"))
    smaller = executor.reshape(x=(2, 2))
    smaller.arg_dict["f_weight"][:] = 9
    smaller.arg_dict["x"][:] = 8
    assert executor.arg_dict["f_weight"].asnumpy().tolist() == [[9, 9], [9, 9]]
    assert executor.arg_dict["x"].asnumpy().tolist() == [[8, 8], [8, 8], [5, 1], [2, 3]]  # recorded
    assert smaller.forward()[0].asnumpy().tolist() == [[145, 146], [145, 146]]
    with pytest.raises(MXNetError, match="allow_up_sizing"):
        executor.reshape(x=(5, 2))
    assert executor.reshape(allow_up_sizing=True, x=(5, 2)).arg_dict["x"].shape == (5, 2)
    with pytest.raises(MXNetError, match="partial_shaping"):
        executor.reshape(x=(2, 1))
    assert executor.reshape(partial_shaping=True, x=(2, 1)).arg_dict["f_weight"].shape == (2, 1)


def test_shared_executors_and_buffers():
    net = mx.sym.FullyConnected(x, num_hidden=2, name="f")
    first = bound(net)
    second = net.simple_bind(mx.cpu(), x=(2, 2), shared_exec=first, shared_arg_names=["f_weight"])
    assert (
        second.arg_dict["f_weight"] is first.arg_dict["f_weight"]
        and second.arg_dict["f_bias"] is not first.arg_dict["f_bias"]
    )
    buffer = {}
    large = net.simple_bind(mx.cpu(), x=(4, 2), shared_buffer=buffer)
    assert sorted(buffer) == ["f_bias", "f_weight", "grad of f_bias", "grad of f_weight", "grad of x", "x"]  # recorded
    net.simple_bind(mx.cpu(), x=(2, 2), shared_buffer=buffer).arg_dict["x"][:] = 5
    assert large.arg_dict["x"].asnumpy().tolist() == [[5, 5], [5, 5], [0, 0], [0, 0]]


def test_monitor_sees_outputs_and_inputs_in_order():
    fc = mx.sym.FullyConnected(x, num_hidden=3, name="fc")
    net = mx.sym.Group([mx.sym.relu(fc, name="act"), mx.sym.BatchNorm(fc, name="bn")])
    seen = []
    executor = bound(net)
    executor.set_monitor_callback(lambda name, array: seen.append((name, array.shape)))
    executor.forward(is_train=True)
    assert [name for name, _ in seen] == ["fc_output", "act_output", "bn_output", "bn_mean", "bn_var"]  # as recorded
    seen.clear()
    executor.set_monitor_callback(lambda name, array: seen.append((name, array.shape)), monitor_all=True)
    executor.forward()
    assert [name for name, _ in seen][:7] == [
        "x",
        "fc_data",
        "fc_weight",
        "fc_weight",
        "fc_bias",
        "fc_bias",
        "fc_output",
    ]  # recorded
    assert dict(seen)["fc_weight"] == (3, 2)


def test_two_arguments_of_one_name_are_two_arrays():
    symbol = mx.sym.var("a") * 2 + mx.sym.var("a")
    executor = symbol.bind(mx.cpu(), [nd.ones(2), nd.ones(2) * 5], args_grad=[nd.zeros(2), nd.zeros(2)])
    assert executor.forward(is_train=True)[0].asnumpy().tolist() == [7, 7]
    executor.backward(nd.ones(2))
    assert [g.asnumpy().tolist() for g in executor.grad_arrays] == [[2, 2], [1, 1]]
    with pytest.raises(ValueError, match="Duplicate names"):
        executor.arg_dict  # noqa: B018


def test_dtypes_follow_those_given():
    net = mx.sym.FullyConnected(x, num_hidden=2)
    assert {a.dtype for a in net.simple_bind(mx.cpu(), x=(1, 2), type_dict={"x": "float16"}).arg_arrays} == {np.float16}
    executor = (x * x).simple_bind(mx.cpu(), x=(2, 2), type_dict={"x": "int32"})
    assert executor.forward()[0].dtype == np.int32


def test_groups_of_devices_are_accepted_on_one_device():
    executor = (x * 2).simple_bind(mx.cpu(), x=(2,), group2ctx={"a": mx.cpu(1)})
    assert executor.forward(x=nd.ones(2))[0].asnumpy().tolist() == [2, 2]


def test_debug_str_lists_nodes_and_storage():
    text = bound(mx.sym.FullyConnected(x, num_hidden=2, name="f")).debug_str()
    assert "Op:FullyConnected, Name=f" in text and text.endswith("Total 0 MB allocated\n")


def test_an_executor_does_not_see_later_changes_of_its_symbol():
    net = mx.sym.FullyConnected(x, num_hidden=2, name="f")
    executor = bound(net)
    net._set_attr(num_hidden="5")
    assert executor.reshape(x=(2, 2)).outputs[0].shape == (2, 2)


def test_shape_errors_at_run_time_name_the_node():
    executor = bound(mx.sym.Reshape(x, shape=(2, 4), name="again"))
    executor.arg_arrays[0]._data = executor.arg_arrays[0]._data[:3]
    with pytest.raises(MXNetError, match="Error in operator again"):
        executor.forward()


def test_step_hands_over_the_gradients_of_backward():
    symbol = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc"), name="softmax")
    executor = symbol.simple_bind(mx.cpu(), data=(4, 5))
    for array in executor.arg_arrays:
        array[:] = mx.nd.random.uniform(shape=array.shape)
    executor.forward(is_train=True)
    executor.backward()
    expected = {name: gradient.asnumpy() for name, gradient in executor.grad_dict.items()}
    for gradient in executor.grad_arrays:
        gradient[:] = 7
    found = {}
    assert executor.step(lambda name, gradient: found.setdefault(name, gradient.asnumpy()))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
    assert all((gradient.asnumpy() == 7).all() for gradient in executor.grad_arrays)
    added = symbol.simple_bind(mx.cpu(), grad_req="add", data=(4, 5))
    assert not added.step(found.setdefault)


def test_simple_bind_ignores_the_shape_of_a_label_that_the_network_lacks_with_a_warning():
    # MXNet 1.9.1 ignores it, too: programs give the labels of training to networks cut for prediction.
    net = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3)
    with pytest.warns(UserWarning, match="no argument 'softmax_label'"):
        executor = net.simple_bind(mx.cpu(), data=(4, 5), softmax_label=(4,))
    assert executor.forward()[0].shape == (4, 3)
    with pytest.raises(TypeError, match="gradreq"):
        net.simple_bind(mx.cpu(), data=(4, 5), gradreq="add")


def test_unknown_grad_req_is_an_error_of_the_type_that_bind_and_simple_bind_have_in_mxnet():
    net = mx.sym.var("data") * 2
    with pytest.raises(ValueError, match="'inplace'"):
        net.bind(mx.cpu(), {"data": mx.nd.ones((2,))}, grad_req="inplace")
    with pytest.raises(MXNetError, match="'inplace'"):
        net.simple_bind(mx.cpu(), data=(2,), grad_req="inplace")
