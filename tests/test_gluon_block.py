"""Blocks: names, parameters, hybridization, tracing, files. Facts marked "recorded" were seen in MXNet 1.9.1."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn


def small_net(prefix=None):
    net = nn.HybridSequential(prefix=prefix)
    with net.name_scope():
        net.add(nn.Dense(3, activation="relu"), nn.BatchNorm(), nn.Dense(2))
    return net


class Scaled(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.w = self.params.get("w", shape=(1, 2))
            self.c = self.params.get_constant("c", nd.array([[10.0, 20.0]]))
            self.d = nn.Dense(2)

    def hybrid_forward(self, F, x, w, c):
        return F.broadcast_add(F.broadcast_mul(self.d(x), w), c)


class Traced(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.d = nn.Dense(4)
            self.w = self.params.get("w", shape=(4,))

    def forward(self, x):
        return self.d(x)[:, 1:3].reshape((x.shape[0], -1)) * 2 + self.w.data()[0:2]


def test_names_and_repr_are_those_of_mxnet():
    # Recorded.
    with mx.name.NameManager():
        net = small_net()
        assert (net.prefix, net.name) == ("hybridsequential0_", "hybridsequential0")
        assert net[0].prefix == "hybridsequential0_dense0_"
        assert list(net.collect_params().keys()) == [
            "hybridsequential0_dense0_weight", "hybridsequential0_dense0_bias", "hybridsequential0_batchnorm0_gamma",
            "hybridsequential0_batchnorm0_beta", "hybridsequential0_batchnorm0_running_mean",
            "hybridsequential0_batchnorm0_running_var", "hybridsequential0_dense1_weight",
            "hybridsequential0_dense1_bias",
        ]  # fmt: skip
        assert repr(net) == (
            "HybridSequential(\n  (0): Dense(None -> 3, Activation(relu))\n  (1): BatchNorm(axis=1, eps=1e-05, "
            "momentum=0.9, fix_gamma=False, use_global_stats=False, in_channels=None)\n  (2): Dense(None -> 2, "
            "linear)\n)"
        )
        assert repr(net[0].params) == (
            "hybridsequential0_dense0_ (\n  Parameter hybridsequential0_dense0_weight (shape=(3, 0), dtype=float32)\n"
            "  Parameter hybridsequential0_dense0_bias (shape=(3,), dtype=float32)\n)"
        )


def test_collect_params_selects_by_regular_expression():
    net = small_net("m_")
    assert list(net.collect_params(".*weight").keys()) == ["m_dense0_weight", "m_dense1_weight"]


def test_call_before_initialize_says_what_to_do():
    with pytest.raises(RuntimeError, match="has not been initialized. Note that you should initialize parameters"):
        small_net()(nd.ones((2, 4)))


def test_deferred_parameter_says_so():
    net = small_net()
    net.initialize()
    with pytest.raises(gluon.parameter.DeferredInitializationError, match="because initialization was deferred"):
        net[0].weight.data()


@pytest.mark.parametrize("make", [small_net, Scaled, Traced])
def test_hybridized_equals_imperative_bit_for_bit(make):
    mx.random.seed(1)
    net = make()
    net.initialize(mx.init.Normal(1))
    x = nd.random.uniform(shape=(5, 4))
    imperative = net(x).asnumpy()
    net.hybridize()
    np.testing.assert_array_equal(net(x).asnumpy(), imperative)
    np.testing.assert_array_equal(net(x).asnumpy(), imperative)


@pytest.mark.parametrize("make", [small_net, Scaled, Traced])
def test_hybridized_gradients_equal_imperative_bit_for_bit(make):
    grads = []
    for hybridize in (False, True):
        mx.random.seed(1)
        net = make()
        net.initialize(mx.init.Normal(1))
        x = nd.random.uniform(shape=(5, 4))
        net(x)
        if hybridize:
            net.hybridize()
        with autograd.record():
            loss = (net(x) ** 2).sum()
        loss.backward()
        grads.append([p.grad().asnumpy() for p in net.collect_params().values() if p.grad_req != "null"])
    for imperative, static in zip(*grads, strict=True):
        np.testing.assert_array_equal(static, imperative)


def test_training_updates_batchnorm_statistics_when_hybridized():
    means = []
    for hybridize in (False, True):
        mx.random.seed(3)
        net = small_net()
        net.initialize(mx.init.Normal(1))
        if hybridize:
            net.hybridize()
        x = nd.random.uniform(shape=(8, 4))
        for _ in range(3):
            with autograd.record():
                loss = net(x).sum()
            loss.backward()
        means.append(net[1].running_mean.data().asnumpy())
    assert np.abs(means[0]).max() > 0
    np.testing.assert_array_equal(means[0], means[1])


def test_traced_forward_is_traced_anew_for_other_shapes():
    net = Traced()
    net.initialize()
    net.hybridize()
    assert net(nd.ones((3, 5))).shape == (3, 2)
    assert net(nd.ones((6, 5))).shape == (6, 2)  # x.shape[0] is not frozen


def test_a_plan_of_a_traced_forward_is_for_the_shapes_and_mode_it_is_asked_for():
    class Asks(gluon.HybridBlock):
        def forward(self, x):
            x = x.reshape((x.shape[0] * 2, -1))
            return nd.concat(x, x * 2, dim=0) if autograd.is_training() else x

    net = Asks()
    net.hybridize(static_alloc=True)
    net(nd.ones((2, 4)))
    assert net.memory_plan(nd.ones((6, 4)), training=False).planned_bytes == 6 * 4 * 4
    assert net.memory_plan(nd.ones((6, 4))).planned_bytes > 2 * 6 * 4 * 4
    assert net(nd.ones((2, 4))).shape == (4, 2)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (lambda x: x if x.sum() > 0 else -x, "condition"),
        (lambda x: nd.array(x.asnumpy()), "asnumpy"),
        (lambda x: x * float(x.sum().asscalar()), "asnumpy"),
        (lambda x: x + nd.array([1.0, 2.0]), "made outside"),
        (lambda x: x.__iadd__(x), "in-place"),
        (lambda x: x.__setitem__(0, 1), "assignment"),
        (lambda x: x.copyto(nd.zeros((2,))), "copyto"),
    ],
)
def test_traced_forward_refuses_what_a_graph_cannot_hold_and_names_the_line(body, what):
    class Bad(gluon.HybridBlock):
        def forward(self, x):
            return body(x)

    net = Bad()
    net.hybridize()
    with pytest.raises(mx.MXNetError, match=rf"test_gluon_block\.py:\d+: .*{what}"):
        net(nd.ones((2,)))


def test_symbolic_hybrid_forward_refuses_python_conditions():
    class Bad(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return x if x.sum() > 1 else x * 2

    net = Bad()
    net.hybridize()
    with pytest.raises(mx.base.NotImplementedForSymbol, match="__bool__"):
        net(nd.ones((2,)))


def test_nested_outputs_and_none_inputs():
    # Recorded: a tuple comes back as a list when hybridized; the structure of inputs must not change.
    class Nested(gluon.HybridBlock):
        def hybrid_forward(self, F, x, y=None):
            return x * 2, [x + 1, x if y is None else y]

    net = Nested()
    net.hybridize()
    out = net(nd.ones((2,)), None)
    assert isinstance(out, list) and isinstance(out[1], list)
    assert out[0].asnumpy().tolist() == [2, 2] and out[1][1].asnumpy().tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"Stored format = \[0, -1\], input format = \[0, 0\]"):
        net(nd.ones((2,)), nd.ones((2,)))


def test_output_that_is_an_input_is_a_copy():
    class Same(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return x + 1, x

    net = Same()
    net.hybridize()
    x = nd.zeros((2,))
    out = net(x)[1]
    x[:] = 5
    assert out.asnumpy().tolist() == [0, 0]


def test_other_argument_types_are_refused():
    net = small_net()
    net.initialize()
    with pytest.raises(ValueError, match="there must be one NDArray or one Symbol"):
        nn.Dense(2)(np.ones((2, 3)))
    with pytest.raises(ValueError, match="Children of HybridBlock must also be HybridBlock"):
        net.add(nn.Sequential())
    with pytest.raises(mx.MXNetError, match="unknown option 'foo'"):
        net.hybridize(foo=1)
    with pytest.raises(ValueError, match="static_alloc must be True"):
        net.hybridize(static_shape=True)
    with pytest.raises(mx.MXNetError, match="backend 'foo' is not registered"):
        net.hybridize(backend="foo")


def test_attribute_of_a_block_keeps_its_kind():
    block = Scaled()
    with pytest.raises(TypeError, match="Changing attribute type for w"):
        block.w = 3
    block.d = nn.Dense(5)  # another block is fine
    assert block.d._units == 5


def test_block_on_symbols_composes_them():
    net = small_net("s_")
    out = net(mx.sym.var("x"))
    assert out.list_arguments()[0] == "x"
    assert out.name == "s_dense1_fwd"


def test_hooks_are_called_and_detach():
    net = nn.Dense(2, in_units=2)
    net.initialize()
    seen = []
    before = net.register_forward_pre_hook(lambda block, inputs: seen.append(("pre", len(inputs))))
    with net.register_forward_hook(lambda block, inputs, out: seen.append(("post", out.shape))):
        net(nd.ones((1, 2)))
    before.detach()
    net(nd.ones((1, 2)))
    assert seen == [("pre", 1), ("post", (1, 2))]


def test_op_hook_sees_operators_of_the_graph():
    net = nn.Dense(3, in_units=2, prefix="d_")
    net.initialize()
    net.hybridize()
    seen = []
    net.register_op_hook(lambda name, kind, array: seen.append(name))
    net(nd.ones((1, 2)))
    assert any("d_fwd" in str(name) for name in seen)


def test_summary_prints_layers_and_counts(capsys):
    # Recorded, for an initialized network.
    net = nn.HybridSequential(prefix="model_")
    with net.name_scope():
        net.add(nn.Conv2D(4, 3, activation="relu"), nn.BatchNorm(), nn.Flatten(), nn.Dense(3))
        shared = nn.Dense(3)
        net.add(shared, nn.Dense(3, params=shared.params))
    net.initialize()
    net(nd.ones((2, 1, 8, 8)))
    net.summary(nd.ones((2, 1, 8, 8)))
    out = capsys.readouterr().out.splitlines()
    assert out[4:8] == [
        "        Activation-1                                (2, 4, 6, 6)               0",
        "            Conv2D-2                                (2, 4, 6, 6)              40",
        "         BatchNorm-3                                (2, 4, 6, 6)              16",
        "           Flatten-4                                    (2, 144)               0",
    ]
    assert out[-7:-1] == [
        "Parameters in forward computation graph, duplicate included", "   Total params: 515",
        "   Trainable params: 507", "   Non-trainable params: 8", "Shared params in forward computation graph: 12",
        "Unique parameters in model: 503",
    ]  # fmt: skip
    net.hybridize()
    with pytest.raises(AssertionError, match="must not be hybridized"):
        net.summary(nd.ones((2, 1, 8, 8)))


def test_saved_parameters_load_by_structure(tmp_path):
    path = str(tmp_path / "net.params")
    net = small_net("a_")
    net.initialize(mx.init.Normal(1))
    x = nd.random.uniform(shape=(2, 4))
    expected = net(x).asnumpy()
    net.save_parameters(path)
    assert list(nd.load(path)) == [
        "0.weight", "0.bias", "1.gamma", "1.beta", "1.running_mean", "1.running_var", "2.weight", "2.bias"
    ]  # fmt: skip
    other = small_net("b_")
    other.load_parameters(path)
    np.testing.assert_array_equal(other(x).asnumpy(), expected)
    smaller = nn.HybridSequential()
    smaller.add(nn.Dense(3))
    with pytest.raises(ValueError, match="is not present in ParameterDict"):
        smaller.load_parameters(path)
    smaller.load_parameters(path, ignore_extra=True)
    larger = small_net()
    larger.add(nn.Dense(2))
    with pytest.raises(AssertionError, match="'3.weight' is missing in file"):
        larger.load_parameters(path)


def test_exported_network_comes_back_in_every_way(tmp_path):
    path = str(tmp_path / "net")
    net = small_net("e_")
    net.initialize(mx.init.Normal(1))
    x = nd.random.uniform(shape=(2, 4))
    with pytest.raises(RuntimeError, match="Please first call block.hybridize"):
        net.export(path)
    net.hybridize()
    expected = net(x).asnumpy()
    assert net.export(path, epoch=7) == (f"{path}-symbol.json", f"{path}-0007.params")
    names = list(nd.load(f"{path}-0007.params"))
    assert names[0] == "arg:e_dense0_weight" and "aux:e_batchnorm0_running_mean" in names
    block = gluon.SymbolBlock.imports(f"{path}-symbol.json", ["data"], f"{path}-0007.params")
    np.testing.assert_array_equal(block(x).asnumpy(), expected)
    assert repr(block) == "SymbolBlock(\n<Symbol e_dense1_fwd> : 1 -> 1\n)"
    symbol, args, aux = mx.model.load_checkpoint(path, 7)
    executor = symbol.bind(mx.cpu(), {**args, "data": x}, aux_states=aux)
    np.testing.assert_array_equal(executor.forward()[0].asnumpy(), expected)
    other = small_net("e_")
    other.load_parameters(f"{path}-0007.params")
    np.testing.assert_array_equal(other(x).asnumpy(), expected)


def test_symbol_block_trains():
    data = mx.sym.var("data")
    block = gluon.SymbolBlock(mx.sym.FullyConnected(data, num_hidden=2, name="fc"), data)
    block.initialize(mx.init.One())
    with autograd.record():
        loss = block(nd.ones((2, 3))).sum()
    loss.backward()
    assert block.collect_params()["fc_weight"].grad().asnumpy().tolist() == [[2.0] * 3] * 2


def test_symbol_block_on_a_symbol_composes():
    data = mx.sym.var("data")
    block = gluon.SymbolBlock(data * 2 + 1, data)
    out = block(mx.sym.var("z"))
    assert out.list_arguments() == ["z"]
    assert out.eval(z=nd.ones((1,)))[0].asscalar() == 3


def test_cast_changes_parameters_and_results():
    net = nn.Dense(2, in_units=2)
    net.initialize()
    net.hybridize()
    net(nd.ones((1, 2)))
    net.cast("float64")
    assert net(nd.ones((1, 2), dtype="float64")).dtype == np.float64


def test_hybridize_off_again_runs_imperatively():
    calls = []

    class Count(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            calls.append(F.__name__)
            return x * 2

    net = Count()
    net.hybridize()
    net(nd.ones((1,)))
    net(nd.ones((1,)))
    net.hybridize(False)
    net(nd.ones((1,)))
    assert calls == ["mxnet.symbol", "mxnet.ndarray"]


def test_adding_a_child_builds_the_graph_anew():
    net = nn.HybridSequential()
    net.add(nn.Dense(2, in_units=2))
    net.initialize()
    net.hybridize()
    net(nd.ones((1, 2)))
    net.add(nn.Dense(3, in_units=2))
    net.initialize(force_reinit=True)
    assert net(nd.ones((1, 2))).shape == (1, 3)


def test_unused_input_warns():
    class First(gluon.HybridBlock):
        def hybrid_forward(self, F, x, y):
            return x * 2

    net = First()
    net.hybridize()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net(nd.ones((1,)), nd.ones((1,)))
    assert any("1-th input to HybridBlock is not used" in str(w.message) for w in caught)


def test_block_without_forward_raises():
    with pytest.raises(NotImplementedError):
        gluon.Block()(nd.ones((1,)))


def test_network_survives_pickling():
    net = small_net()
    net.initialize()
    x = nd.ones((2, 4))
    net.hybridize()
    expected = net(x).asnumpy()
    state = pickle.dumps([p.data() for p in net.collect_params().values()])
    for parameter, array in zip(net.collect_params().values(), pickle.loads(state), strict=True):
        np.testing.assert_array_equal(parameter.data().asnumpy(), array.asnumpy())
    np.testing.assert_array_equal(net(x).asnumpy(), expected)


def test_apply_visits_children_first():
    seen = []
    net = small_net()
    net.apply(lambda block: seen.append(type(block).__name__))
    assert seen[-1] == "HybridSequential" and seen.count("Dense") == 2


class AsksForTheMode(mx.gluon.HybridBlock):
    def forward(self, x):
        return x * 2 if autograd.is_training() else x


def test_a_traced_forward_may_ask_for_the_mode():
    net = AsksForTheMode()
    net.hybridize()
    x = mx.nd.array([1.0, 2.0])
    assert net(x).asnumpy().tolist() == [1, 2]
    with autograd.record():
        assert net(x).asnumpy().tolist() == [2, 4]
    assert net(x).asnumpy().tolist() == [1, 2]


def test_a_traced_forward_may_make_constant_arrays():
    class Shifted(mx.gluon.HybridBlock):
        def forward(self, x):
            return x * mx.nd.ones((1, 3)) + mx.nd.full((1, 3), 5) - mx.nd.zeros((2, 1)) + mx.nd.arange(3)

    net = Shifted()
    net.hybridize()
    assert net(mx.nd.zeros((2, 3))).asnumpy().tolist() == [[5, 6, 7], [5, 6, 7]]


@pytest.mark.parametrize("options", [{}, {"static_alloc": True}])
def test_a_graph_follows_changes_of_blocks_inside(options):
    inner, net = mx.gluon.nn.HybridSequential(), mx.gluon.nn.HybridSequential()
    inner.add(mx.gluon.nn.Dense(2, in_units=2))
    net.add(mx.gluon.nn.Dense(2, in_units=2), inner)
    net.initialize()
    net.hybridize(**options)
    x = mx.nd.ones((3, 2))
    assert net(x).shape == (3, 2)
    inner.add(mx.gluon.nn.Dense(5, in_units=2))
    inner[1].initialize()
    expected = inner(net[0](x)).asnumpy()
    np.testing.assert_array_equal(net(x).asnumpy(), expected)
    assert net.memory_plan(x).parameter_bytes == sum(p.data().size * 4 for p in net.collect_params().values())
    op = net._cached_op
    mx.gluon.nn.Dense(3)  # other blocks don't matter
    net(x)
    assert net._cached_op is op


@pytest.mark.parametrize("kind", ["symbols", "traced"])
@pytest.mark.parametrize("options", [{}, {"static_alloc": True}])
def test_outputs_may_hold_none(kind, options):
    class Symbols(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, x, which):
            return (None, [x * 2, None]) if which is None else None

    class Arrays(mx.gluon.HybridBlock):
        def forward(self, x, which):
            return (None, [x * 2, None]) if which is None else None

    block = Symbols() if kind == "symbols" else Arrays()
    block.hybridize(**options)
    first, (second, third) = block(mx.nd.ones(2), None)
    assert first is None and third is None and second.asnumpy().tolist() == [2, 2]
    other = Symbols() if kind == "symbols" else Arrays()
    other.hybridize(**options)
    with pytest.raises(ValueError, match="returns None; a hybridized block must return an array"):
        other(mx.nd.ones(2), mx.nd.ones(2))


@pytest.mark.parametrize("hybridize", [False, True])
def test_copies_of_a_network_train_on_their_own(hybridize):
    net = small_net()
    net.initialize()
    x = nd.array(np.random.RandomState(0).rand(3, 4))
    net(x)
    if hybridize:
        net.hybridize(static_alloc=True)
        net(x)
    before = net[0].weight.data().asnumpy()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        trainer = gluon.Trainer(other.collect_params(), "sgd", {"learning_rate": 1})
        with autograd.record():
            loss = (other(x) ** 2).sum()
        loss.backward()
        trainer.step(1)
        assert (other[0].weight.data().asnumpy() != before).any()
        np.testing.assert_array_equal(net[0].weight.data().asnumpy(), before)


def test_symbols_are_no_numbers():
    class Takes(mx.gluon.HybridBlock):
        def __init__(self, what):
            super().__init__()
            self._what = what

        def hybrid_forward(self, F, x):
            return x * self._what(F.sum(x))

    for what in (float, int, np.asarray, range):
        block = Takes(what)
        block.hybridize()
        with pytest.raises(mx.MXNetError, match=r"test_gluon_block\.py:\d+: a symbol has no values; .*where") as caught:
            block(mx.nd.ones(2))
        assert isinstance(caught.value, TypeError)  # as in MXNet 1.9.1
    assert (np.float32(2) * mx.sym.var("x")).list_arguments() == ["x"]


def test_what_a_graph_cannot_hold_is_refused_with_file_line_and_remedy():
    class Branches(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return x if x.sum() > 0 else -x

    class TakesTensors(mx.gluon.HybridBlock):
        def forward(self, x):
            x.as_torch().add_(1)
            return x

    class Thrice(mx.autograd.Function):
        def forward(self, x):
            return x * 3

        def backward(self, head_grad):
            return head_grad * 100

    class UsesFunction(mx.gluon.HybridBlock):
        def forward(self, x):
            return Thrice()(x)

    function = UsesFunction()
    function.hybridize()
    with pytest.raises(mx.MXNetError, match=r"test_gluon_block\.py:\d+: .*gradient of Thrice.*CustomOp"):
        function(mx.nd.ones(2))
    for block, what in ((Branches(), "a symbol has no values"), (TakesTensors(), "as_torch")):
        block.hybridize()
        with pytest.raises(mx.MXNetError, match=rf"test_gluon_block\.py:\d+: .*{what}|{what}.*") as caught:
            block(mx.nd.ones(2))
        assert "test_gluon_block.py:" in str(caught.value) and "where" in str(caught.value)
