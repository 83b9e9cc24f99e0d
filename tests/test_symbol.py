"""Composing symbols: names, attributes, groups, indexing, arithmetic, copies; recorded values are MXNet 1.9.1's."""

from __future__ import annotations

import copy
import json
import os
import pickle
import sys

import numpy as np
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import networks

import mxnet as mx
from mxnet.base import MXNetError, NotImplementedForSymbol

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle")

with open(os.path.join(HERE, "data", "symbol.json")) as file:
    RECORDED = json.load(file)["networks"]
x, y = mx.sym.var("x"), mx.sym.var("y")


@pytest.fixture(autouse=True)
def fresh_names():
    with mx.name.NameManager():
        yield


def dense(**kwargs):
    return mx.sym.FullyConnected(x, num_hidden=2, name="f", **kwargs)


FACTS = [
    "arguments",
    "outputs",
    "auxiliary",
    "inputs",
    "internals",
    "attr_dict",
    "debug_str",
    "name",
    "repr",
    "list_attr",
    "children",
]


@pytest.mark.parametrize("fact", FACTS)
@pytest.mark.parametrize("name", RECORDED)
def test_symbols_say_of_themselves_what_was_recorded(name, fact):
    symbol = networks.build(mx, name)
    found = {
        "arguments": symbol.list_arguments,
        "outputs": symbol.list_outputs,
        "auxiliary": symbol.list_auxiliary_states,
        "inputs": symbol.list_inputs,
        "internals": lambda: symbol.get_internals().list_outputs(),
        "attr_dict": symbol.attr_dict,
        "debug_str": symbol.debug_str,
        "name": lambda: symbol.name,
        "repr": lambda: repr(symbol),
        "list_attr": lambda: symbol.list_attr() if symbol.name else None,
        "children": lambda: None if symbol.get_children() is None else symbol.get_children().list_outputs(),
    }[fact]()
    assert found == RECORDED[name][fact]


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: x + y, "_plus0"),
        (lambda: x + 1, "_plusscalar0"),
        (lambda: 1 + x, "_plusscalar0"),
        (lambda: x - y, "_minus0"),
        (lambda: x - 1, "_minusscalar0"),
        (lambda: 1 - x, "_rminusscalar0"),
        (lambda: x * y, "_mul0"),
        (lambda: 2 * x, "_mulscalar0"),
        (lambda: x / y, "_div0"),
        (lambda: x / 2, "_divscalar0"),
        (lambda: 2 / x, "_rdivscalar0"),
        (lambda: x % y, "_mod0"),
        (lambda: x % 2, "_modscalar0"),
        (lambda: 2 % x, "_rmodscalar0"),
        (lambda: x**y, "_power0"),
        (lambda: x**2, "_powerscalar0"),
        (lambda: 2**x, "_rpower_scalar0"),
        (lambda: -x, "_mulscalar0"),
        (lambda: abs(x), "abs0"),
        (lambda: x == y, "_equal0"),
        (lambda: x != 2, "_not_equal_scalar0"),
        (lambda: x > y, "_greater0"),
        (lambda: 2 > x, "_lesser_scalar0"),
        (lambda: x >= 1, "_greater_equal_scalar0"),
        (lambda: x < y, "_lesser0"),
        (lambda: x <= 1, "_lesser_equal_scalar0"),
        (lambda: mx.sym.maximum(x, y), "_maximum0"),
        (lambda: mx.sym.minimum(2, x), "_minimumscalar0"),
        (lambda: mx.sym.hypot(x, 2), "_hypotscalar0"),
        (lambda: mx.sym.pow(2, x), "_rpowerscalar0"),
    ],
)
def test_arithmetic_makes_recorded_names(build, name):
    assert build().name == name


@pytest.mark.parametrize(
    "build", [lambda: x + "a", lambda: x + [1], lambda: None + x, lambda: x + None, lambda: "a" * x]
)
def test_arithmetic_with_other_types_raises(build):
    with pytest.raises(TypeError, match="not supported"):
        build()


def test_functions_of_two_numbers_are_numbers():
    assert (mx.sym.maximum(2, 3), mx.sym.minimum(2, 3), mx.sym.pow(2, 3)) == (3, 2, 8)
    assert mx.sym.hypot(3, 4) == 5


def test_a_failed_call_uses_up_a_name_as_in_mxnet():
    with pytest.raises(MXNetError):
        mx.sym.FullyConnected(x, num_hidden="a")
    assert mx.sym.FullyConnected(x, num_hidden=2).name == "fullyconnected1"


def test_prefix_and_name_manager_nest():
    with mx.name.Prefix("a_"):
        assert mx.sym.relu(x, name="r").name == "a_r"
        with mx.name.NameManager():
            assert mx.sym.relu(x).name == "relu0"
        assert mx.sym.relu(x).name == "a_relu0"
    assert mx.sym.relu(x).name == "relu0"


def test_slices_and_indices_pick_outputs():
    group = mx.sym.Group([x, y, x + y, x * y])
    assert group[1:].list_outputs() == ["y", "_plus0_output", "_mul0_output"]
    assert group[0:2].list_outputs() == ["x", "y"] and group[::2].list_outputs() == ["x", "_plus0_output"]
    assert group["_mul0_output"].name == "_mul0" and group[3].name == "_mul0" and [s.name for s in group][0] == "x"
    assert len(group) == 4 and group.name is None and repr(group) == "<Symbol group [x, y, _plus0, _mul0]>"
    for index, error in ((4, IndexError), (slice(0, 9), IndexError), ("q", ValueError), (1.0, TypeError)):
        with pytest.raises(error):
            group[index]
    with pytest.raises(ValueError, match="multiple outputs"):
        mx.sym.Group([x, x])["x"]


def test_groups_need_symbols():
    for given in ([], [x, 1]):
        with pytest.raises(TypeError, match="Expected a list of symbols"):
            mx.sym.Group(given)
    assert mx.sym.Group(s for s in (x, y)).list_outputs() == ["x", "y"]


def test_calling_a_symbol_replaces_variables_and_leaves_the_original():
    net = dense()
    assert net(x=y * 2, name="g").list_outputs() == ["g_output"]
    assert net(x=y).list_arguments() == ["y", "f_weight", "f_bias"]
    assert net.list_arguments() == ["x", "f_weight", "f_bias"] and net.name == "f"
    weight = mx.sym.var("w")
    assert net(f_weight=weight).infer_shape(x=(1, 5))[0] == [(1, 5), (2, 5), (2,)]
    for call, error in [
        (lambda: net(q=y), MXNetError),
        (lambda: net(y), MXNetError),
        (lambda: net(y, x=y), TypeError),
        (lambda: net(x=3), TypeError),
        (lambda: net(x=mx.sym.Group([x, y])), MXNetError),
    ]:
        with pytest.raises(error):
            call()


def test_composed_graph_computes_the_composition():
    inner, outer = mx.sym.var("a") * 2, mx.sym.var("b") + mx.sym.var("c")
    found = outer(b=inner, c=inner).eval(a=mx.nd.array([1, 2]))[0]
    assert found.asnumpy().tolist() == [4, 8]


@pytest.mark.parametrize("given", [{"lr_mult": "1"}, {"__lr_mult__": "1"}])
def test_multipliers_reach_the_variables_that_are_made(given):
    shown = {"num_hidden": "2", "__lr_mult__": "1", "lr_mult": "1"}
    assert dense(attr=given).attr_dict() == {"f_weight": shown, "f_bias": shown, "f": shown}
    assert dense(**dict.fromkeys(given, 1)).attr_dict() == dense(attr=given).attr_dict()
    assert dense(attr=given).attr("lr_mult") == dense(attr=given).attr("__lr_mult__") == "1"


def test_attr_overrides_attributes_of_the_operator():
    assert dense(attr={"num_hidden": "5"}).infer_shape(x=(1, 3))[1] == [(1, 5)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weight_lr_mult": "1"}, "(?s)deprecated.*weight=w"),
        ({"foo": "1"}, "Cannot find argument 'foo'"),
        ({"__foo": "1"}, "Cannot find argument"),
        ({"name": "z"}, "Cannot find argument 'name'"),
        ({"num_hidden": "z"}, "num_hidden is 'z'"),
    ],
)
def test_other_names_in_attr_are_errors(given, message):
    with pytest.raises(MXNetError, match=message):
        dense(attr=given)


def test_attributes_are_strings():
    for call in (
        lambda: dense(attr={"__a__": 1}),
        lambda: mx.sym.var("a", attr={"__a__": 1}),
        lambda: x._set_attr(a=1),
        lambda: mx.AttrScope(a=1),
    ):
        with pytest.raises(ValueError, match="string"):
            call()


def test_attribute_scopes_nest_and_reach_every_node():
    with mx.AttrScope(ctx_group="a", __mine__="1"):
        with mx.AttrScope(ctx_group="b"):
            inner = mx.sym.var("v")
        assert mx.sym.relu(inner).list_attr() == {"__ctx_group__": "a", "ctx_group": "a", "__mine__": "1"}
    assert inner.list_attr() == {"__ctx_group__": "b", "ctx_group": "b", "__mine__": "1"}
    assert mx.sym.relu(inner).list_attr() == {}


def test_variables_keep_what_they_are_told():
    # Recorded.
    made = mx.sym.var(
        "a", shape=(1, 2), lr_mult=2.0, wd_mult=0, dtype="float16", init=mx.init.One(), attr={"k": "v"}, stype="default"
    )
    assert made.list_attr() == {
        "__storage_type__": "0",
        "__init__": '["one", {}]',
        "__dtype__": "2",
        "__wd_mult__": "0",
        "wd_mult": "0",
        "__lr_mult__": "2.0",
        "lr_mult": "2.0",
        "__shape__": "(1, 2)",
        "k": "v",
    }
    assert made.infer_shape()[0] == [(1, 2)] and made.infer_type()[0] == [np.float16]
    assert mx.sym.var("a", __foo__=1).list_attr() == {"__foo__": "1"}
    for call, error in (
        (lambda: mx.sym.var("a", foo=1), ValueError),
        (lambda: mx.sym.var(3), TypeError),
        (lambda: mx.sym.var("a", stype="q"), ValueError),
    ):
        with pytest.raises(error):
            call()


def test_setting_attributes_later():
    net = dense()
    net._set_attr(__note__="hi", num_hidden="7")
    assert net.attr("__note__") == "hi" and net.infer_shape(x=(1, 2))[1] == [(1, 7)]
    for call in (
        lambda: net._set_attr(foo="1"),
        lambda: net._set_attr(num_hidden="q"),
        lambda: mx.sym.Group([x, y])._set_attr(__a__="1"),
    ):
        with pytest.raises(MXNetError):
            call()
    assert net.attr("num_hidden") == "7"


def test_copies_are_independent():
    net = dense()
    for made in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert made.tojson() == net.tojson()
        made._set_attr(__note__="1")
        assert net.attr("__note__") is None


def test_wrong_inputs_name_the_operator_and_the_argument():
    with pytest.raises(AssertionError, match="Argument data must be Symbol instances, but got 3"):
        mx.sym.FullyConnected(3, num_hidden=2)
    with pytest.raises(MXNetError, match="tuple, single value is required"):
        mx.sym.relu(mx.sym.split(x, num_outputs=2))
    with pytest.raises(MXNetError, match="Required parameter num_hidden"):
        mx.sym.FullyConnected(x)
    with pytest.raises(MXNetError, match="Cannot find argument 'foo'"):
        mx.sym.FullyConnected(x, num_hidden=2, foo=3)
    with pytest.raises(MXNetError, match="bias is not used"):
        mx.sym.FullyConnected(x, bias=y, num_hidden=2, no_bias=True)


@pytest.mark.parametrize("name", ["asnumpy", "asscalar", "wait_to_read", "copy", "as_in_context", "detach", "backward"])
def test_methods_of_arrays_say_so(name):
    with pytest.raises(NotImplementedForSymbol, match=name):
        getattr(x, name)()
    with pytest.raises(NotImplementedForSymbol):
        bool(x)


def test_operators_are_methods_too():
    assert x.reshape((2, 3)).infer_shape(x=(6,))[1] == x.reshape(2, 3).infer_shape(x=(6,))[1] == [(2, 3)]
    assert x.sum(axis=1).name == "sum0" and x.astype("float16").infer_type(x="float32")[1] == [np.float16]
    assert x.expand_dims(0).squeeze().flatten().transpose().name == "transpose0"


def test_gradient_and_unknown_backends_are_refused():
    for call in (lambda: x.gradient(["x"]), lambda: x.get_backend_symbol("foo")):
        with pytest.raises(MXNetError):
            call()


def test_variables_are_made_for_inputs_that_are_only_counted():
    # Names recorded from MXNet 1.9.1.
    a, b = mx.sym.var("a"), mx.sym.var("b")
    assert mx.sym.Concat(num_args=2, name="c").list_arguments() == ["c_arg0", "c_arg1"]
    assert mx.sym.Concat(a, num_args=3, name="c").list_arguments() == ["a", "c_arg1", "c_arg2"]
    assert mx.sym.Concat(arg1=a, num_args=2, name="c").list_arguments() == ["c_arg0", "a"]
    enlarged = mx.sym.UpSampling(a, scale=2, sample_type="bilinear", num_filter=3, name="u")
    assert enlarged.list_arguments() == ["a", "u_weight"]
    assert enlarged.infer_shape(a=(1, 3, 4, 4))[0] == [(1, 3, 4, 4), (3, 1, 4, 4)]
    assert enlarged.attr_dict()["u_weight"]["__init__"] == '["bilinear", {}]'
    named = mx.sym.UpSampling(weight=b, data=a, scale=2, sample_type="bilinear", num_filter=3)
    assert named.list_arguments() == ["a", "b"]
    update = mx.sym.multi_mp_sgd_update(lrs=(1, 1), wds=(0, 0), num_weights=2, name="n")
    assert update.list_arguments() == ["n_weight_0", "n_grad_0", "n_weight_1", "n_grad_1"]
    assert update.list_auxiliary_states() == ["n_weight32_0", "n_weight32_1"]
    for call, message in [
        (lambda: mx.sym.Concat(), "Concat: no symbols were given"),
        (lambda: mx.sym.Concat(a, b, num_args=1), "Concat: num_args=1, but 2 symbols were given"),
        (lambda: mx.sym.Concat(a, arg0=b, num_args=2), "the input arg0 is given twice"),
        (lambda: mx.sym.Concat(weight=b, num_args=2), "the input weight is none of its inputs, arg0, arg1"),
        (lambda: mx.sym.multi_sgd_update(a, b, a, lrs=(1,), wds=(0,)), "3 symbols were given; expected 2: weight_0"),
    ]:
        with pytest.raises(MXNetError, match=message):
            call()


def test_variables_given_for_states_take_the_initializer_that_the_operator_asks_for():
    # Recorded from MXNet 1.9.1.
    own = mx.sym.var("own", init=mx.init.Zero())
    symbol = mx.sym.BatchNorm(mx.sym.var("a"), moving_var=mx.sym.var("given"), moving_mean=own)
    assert symbol.attr_dict()["given"] == {"__init__": '["one", {}]'}
    assert symbol.attr_dict()["own"] == {"__init__": '["zero", {}]'}
    slope = mx.sym.LeakyReLU(mx.sym.var("a"), mx.sym.var("slope"), act_type="prelu")
    assert slope.attr_dict()["slope"] == {"__init__": '["Constant", {"value": 0.25}]'}


def test_reshape_takes_numbers_or_the_arguments_of_the_operator_by_position():
    a = mx.sym.var("a")
    for shaped in (a.reshape(2, 3), a.reshape((2, 3)), a.reshape([2, 3]), a.reshape(shape=(2, 3), out=None)):
        assert shaped.list_attr() == {"shape": "(2, 3)"}
    assert a.reshape((2, 3), True).list_attr() == {"shape": "(2, 3)", "reverse": "True"}  # as in MXNet 1.9.1
    assert a.reshape(6, name="flat").list_attr() == {"shape": "(6,)"}
    for bad in (lambda: a.reshape((2, 3), shape=(6,)), lambda: a.reshape((2,), True, (2,), False, "name")):
        with pytest.raises(TypeError, match="reshape"):
            bad()
    assert a.astype("int32", name="q", attr={"__note__": "1"}).list_attr() == {"dtype": "int32", "__note__": "1"}
