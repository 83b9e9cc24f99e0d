"""Memory budgets and recomputation: held to the byte, the same bits, bad ones refused where they are given."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import NETWORKS, assert_equal_bits, chain, parameters_of, residual, run_step

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.storage_counter import StorageCounter


# LeNet needs most at its first convolution's gradient, which nothing made again can lower.
@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "lenet"])
def test_every_way_to_make_results_again_gives_the_same_bits_within_its_budget(name):
    make, shape = NETWORKS[name]
    network = make()
    grad_req = parameters_of(network)
    expected = run_step(network, shape, grad_req, is_recorded=True)
    whole = network.memory_plan(data=shape)
    peaks = [whole.peak_bytes]
    while True:
        try:
            plan = network.memory_plan(data=shape, budget=peaks[-1] - 1)
        except mx.MXNetError as error:
            assert f"the smallest possible is {peaks[-1]:,} bytes" in str(error)
            break
        assert plan.peak_bytes < peaks[-1]
        peaks.append(plan.peak_bytes)
        assert_equal_bits(run_step(network, shape, grad_req, memory_budget=peaks[-1]), expected)
    assert len(peaks) > 1


def test_a_budget_is_held_while_the_step_runs():
    network, shape = residual(), (2, 3, 16, 16)
    plan = network.memory_plan(data=shape, budget=0.9)
    assert plan.peak_bytes <= 0.9 * network.memory_plan(data=shape).peak_bytes
    assert plan.recomputed_share > 0 and "again" in str(plan)
    executor = network.simple_bind(mx.cpu(), grad_req=parameters_of(network), memory_budget=0.9, data=shape)
    executor.forward(is_train=True)
    executor.backward()
    with StorageCounter() as counter:
        executor.forward(is_train=True)
        executor.backward()
    assert counter.peak == plan.planned_bytes


def test_results_of_fully_connected_layers_are_made_again_under_a_budget():
    # Their weights are read through a transposed view, which must not pass for a change of the weights.
    plan = chain().memory_plan(data=(64, 16))
    smaller = chain().memory_plan(data=(64, 16), budget=plan.peak_bytes - int(0.3 * plan.planned_bytes))
    assert smaller.planned_bytes <= 0.7 * plan.planned_bytes


def steps_of(network, shape, **options):
    """What gives an array of a training step from here on, in each way there is: bind, Module, a block, a plan."""
    reqs = parameters_of(network)

    def bind():
        executor = network.simple_bind(mx.cpu(), grad_req=reqs, data=shape, **options)
        executor.forward(is_train=True)
        executor.backward()

    def module():
        module = mx.mod.Module(network, **options)
        module.bind([("data", shape)], [("softmax_label", shape[:1])])
        module.init_params()
        module.forward_backward(mx.io.DataBatch([nd.ones(shape)], [nd.zeros(shape[:1])]))

    def bucketing():
        module = mx.mod.BucketingModule(lambda key: (network, ["data"], ["softmax_label"]), 1, **options)
        module.bind([("data", shape)], [("softmax_label", shape[:1])])

    def block():
        net = gluon.nn.HybridSequential()
        net.add(*(gluon.nn.Dense(16, activation="tanh") for _ in range(8)))
        net.initialize()
        net.hybridize(static_alloc=True, **options)
        with autograd.record():
            out = net(nd.ones((64, 16)))
        out.backward()

    def plan():
        given = {"budget" if name == "memory_budget" else name: option for name, option in options.items()}
        network.memory_plan(data=shape, **given)

    return [bind, module, bucketing, block, plan]


BAD = [-1, 0, 0.0, -0.5, math.nan, math.inf, True, "2GB", "0.5", [1], np.array([0.5])]


@pytest.mark.parametrize("budget", BAD, ids=repr)
def test_what_is_no_budget_is_refused_everywhere(budget):
    for step in steps_of(*network_and_shape("chain"), memory_budget=budget):
        with pytest.raises(mx.MXNetError, match="expected a positive number of bytes") as error:
            step()
        assert f"a memory budget of {budget!r} was given" in str(error.value)


@pytest.mark.parametrize("budget", [1, 1000, 1.5, 1e-9, np.int64(5), np.float32(1e-3)], ids=repr)
def test_a_budget_that_cannot_be_met_is_refused_where_it_is_given(budget):
    for step in steps_of(*network_and_shape("chain"), memory_budget=budget):
        with pytest.raises(mx.MXNetError, match=r"can't be met; the smallest possible is [\d,]+ bytes"):
            step()


@pytest.mark.parametrize("budget", [10**30, 1e15, 1.0, np.int64(2**40), 0.999, np.float64(0.95)], ids=repr)
def test_large_budgets_of_any_kind_of_number_work(budget):
    for step in steps_of(*network_and_shape("chain"), memory_budget=budget):
        step()


@pytest.mark.parametrize("recompute", [0, 1, "no", 0.5])
def test_recompute_is_true_false_or_none(recompute):
    for step in steps_of(*network_and_shape("chain"), recompute=recompute):
        with pytest.raises(mx.MXNetError, match="recompute=.*expected False"):
            step()


def network_and_shape(name):
    make, shape = NETWORKS[name]
    return make(), shape


def test_environment_gives_a_budget(monkeypatch):
    network, shape = network_and_shape("residual")
    whole = network.memory_plan(data=shape).peak_bytes
    monkeypatch.setenv("MXNET_MEMORY_BUDGET", "0.9")
    assert network.memory_plan(data=shape).peak_bytes <= 0.9 * whole
    monkeypatch.setenv("MXNET_MEMORY_BUDGET", f"{whole:.3e}")
    assert network.memory_plan(data=shape).peak_bytes <= 1.001 * whole
    monkeypatch.setenv("MXNET_MEMORY_BUDGET", "10")
    for step in steps_of(network, shape):
        with pytest.raises(mx.MXNetError, match=r"MXNET_MEMORY_BUDGET=10, 10 bytes, can.t be met; the smallest"):
            step()
    for text in ("much", "2GB", "nan", "-1", "0", "inf"):
        monkeypatch.setenv("MXNET_MEMORY_BUDGET", text)
        for step in steps_of(network, shape):
            with pytest.raises(mx.MXNetError, match=f"MXNET_MEMORY_BUDGET={text} was given; expected a positive"):
                step()


def test_the_environment_is_read_when_a_block_is_hybridized(monkeypatch):
    net = gluon.nn.HybridSequential()
    net.add(*(gluon.nn.Dense(16, activation="tanh") for _ in range(12)))
    net.initialize()
    x = nd.ones((64, 16))
    whole = net.memory_plan(x)
    budget = whole.peak_bytes - whole.planned_bytes // 4
    monkeypatch.setenv("MXNET_MEMORY_BUDGET", str(budget))
    net.hybridize(static_alloc=True)
    monkeypatch.delenv("MXNET_MEMORY_BUDGET")
    plan = net.memory_plan(x)
    assert plan.peak_bytes <= budget

    def step():
        with autograd.record():
            out = net(x)
        out.backward(x[:, :16])

    step()
    with StorageCounter() as counter:
        step()
    assert counter.peak == plan.planned_bytes


def test_no_result_is_computed_again_where_the_user_says_so(monkeypatch):
    network, shape = network_and_shape("normalized")
    monkeypatch.delenv("MXNET_BACKWARD_DO_MIRROR", raising=False)
    default, mirrored = network.memory_plan(data=shape), network.memory_plan(data=shape, recompute=True)
    kept = network.memory_plan(data=shape, recompute=False)
    assert 0 == kept.recomputed_share < default.recomputed_share <= 0.03 < mirrored.recomputed_share
    assert kept.planned_bytes > default.planned_bytes > mirrored.planned_bytes
    for text, expected in (("0", kept), ("1", mirrored), ("", default)):
        monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", text)
        assert network.memory_plan(data=shape) == expected
        executor = network.simple_bind(mx.cpu(), grad_req=parameters_of(network), data=shape)
        monkeypatch.delenv("MXNET_BACKWARD_DO_MIRROR")
        assert executor.memory_plan().planned_bytes == expected.planned_bytes  # read when it was bound
        for _ in range(2):
            with StorageCounter() as counter:
                executor.forward(is_train=True)
                executor.backward()
        assert counter.peak == expected.planned_bytes
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "perhaps")
    with pytest.raises(mx.MXNetError, match="MXNET_BACKWARD_DO_MIRROR=perhaps; expected 0"):
        network.memory_plan(data=shape)


def test_without_recomputation_attributes_of_nodes_ask_in_vain_and_a_budget_may_fail():
    x = mx.sym.var("data")
    with mx.AttrScope(force_mirroring="True"):
        for number in range(6):
            x = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=16, name=f"fc{number}"), act_type="tanh")
    network = mx.sym.SoftmaxOutput(x, name="softmax")
    asked, refused = (network.memory_plan(data=(640, 16), recompute=recompute) for recompute in (None, False))
    assert asked.recomputed_share > refused.recomputed_share == 0
    with pytest.raises(mx.MXNetError, match="or let results be computed again"):
        network.memory_plan(data=(640, 16), recompute=False, budget=refused.peak_bytes - 1)
    assert network.memory_plan(data=(640, 16), recompute=False, budget=refused.peak_bytes) == refused
    assert network.memory_plan(data=(640, 16), budget=refused.peak_bytes - 1).peak_bytes < refused.peak_bytes


def test_options_of_plans_need_planned_storage():
    net = gluon.nn.Dense(4)
    for option in ({"recompute": False}, {"recompute": True}, {"memory_budget": 0.5}):
        with pytest.raises(mx.MXNetError, match="needs static_alloc=True"):
            net.hybridize(**option)
        with pytest.raises(mx.MXNetError, match="needs static_alloc=True"):
            mx.nd.CachedOp(mx.sym.relu(mx.sym.var("x")), tuple(option.items()))


def test_a_block_whose_budget_is_refused_runs_as_before():
    net = gluon.nn.Dense(4)
    net.initialize()
    net.hybridize(static_alloc=True)
    x = nd.ones((2, 3))
    before = net(x).asnumpy()
    for budget in BAD:
        with pytest.raises(mx.MXNetError, match="expected a positive number"):
            net.hybridize(static_alloc=True, memory_budget=budget)
        np.testing.assert_array_equal(net(x).asnumpy(), before)
    net.hybridize(static_alloc=True, memory_budget=100)
    with pytest.raises(mx.MXNetError, match="the smallest possible is"):
        net(x)
    net.hybridize(static_alloc=True, memory_budget=1000)
    np.testing.assert_array_equal(net(x).asnumpy(), before)


def test_fractions_bind_training_steps_and_bytes_forward_passes_too():
    network, shape = network_and_shape("chain")
    executor = network.simple_bind(mx.cpu(), grad_req="null", data=shape, memory_budget=0.1)
    executor.forward()
    whole = network.memory_plan(training=False, data=shape)
    with pytest.raises(mx.MXNetError, match=f"the smallest possible is {whole.peak_bytes:,} bytes"):
        network.simple_bind(mx.cpu(), grad_req="null", data=shape, memory_budget=whole.peak_bytes - 1)
    network.simple_bind(mx.cpu(), grad_req="null", data=shape, memory_budget=whole.peak_bytes).forward()
    with pytest.raises(mx.MXNetError, match="for a forward pass, which computes nothing again, give bytes"):
        network.memory_plan(training=False, data=shape, budget=0.5)
    net = gluon.nn.HybridSequential()
    net.add(*(gluon.nn.Dense(16, activation="tanh") for _ in range(8)))
    net.initialize()
    net.hybridize(static_alloc=True, memory_budget=0.95)
    net(nd.ones((64, 16)))
    with autograd.record():
        net(nd.ones((64, 16))).backward()


def test_graphs_without_a_plan_refuse_budgets():
    mask = mx.sym.contrib.boolean_mask(mx.sym.var("data"), mx.sym.var("index"))
    args = {"data": nd.ones((3, 2)), "index": nd.array([1, 0, 1])}
    with pytest.raises(mx.MXNetError, match="depends on values"):
        mask.bind(mx.cpu(), args, memory_budget=10**9)
    assert mask.bind(mx.cpu(), args).forward()[0].shape == (2, 2)
    sparse = mx.sym.dot(mx.sym.var("data", stype="csr"), mx.sym.var("weight"))
    for option in ({"memory_budget": 10**9}, {"recompute": True}):
        with pytest.raises(mx.MXNetError, match="the storage of sparse arrays depends on their values, so leave out"):
            sparse.simple_bind(mx.cpu(), data=(4, 5), weight=(5, 2), **option)
    sparse.simple_bind(mx.cpu(), data=(4, 5), weight=(5, 2), recompute=False).forward()


def test_a_bucket_over_the_budget_leaves_the_others_as_they_are():
    def bucket(length):
        x = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=10, flatten=False, name="fc")
        return mx.sym.SoftmaxOutput(mx.sym.sum(x, axis=1), name="softmax"), ["data"], ["softmax_label"]

    def batch(length):
        label = [("softmax_label", (8,))]
        return mx.io.DataBatch(
            [nd.ones((8, length, 4))], [nd.zeros((8,))], bucket_key=length, provide_data=[("data", (8, length, 4))],
            provide_label=label,
        )  # fmt: skip

    module = mx.mod.BucketingModule(bucket, 10, memory_budget=30_000)
    module.bind([("data", (8, 10, 4))], [("softmax_label", (8,))])
    module.init_params(mx.init.One())
    module.forward(batch(10))
    expected = module.get_outputs()[0].asnumpy()
    with pytest.raises(mx.MXNetError, match="a memory budget of 30,000 bytes can't be met"):
        module.forward(batch(1000))
    module.forward(batch(10))
    np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), expected)
    module.forward(batch(5))
    assert module.get_outputs()[0].shape == (8, 10)


def test_a_module_that_cannot_be_reshaped_within_its_budget_stays_as_it_is():
    x = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=10, name="fc")
    module = mx.mod.Module(mx.sym.SoftmaxOutput(x, name="softmax"), memory_budget=10_000)
    module.bind([("data", (8, 4))], [("softmax_label", (8,))])
    module.init_params()
    small, large = (mx.io.DataBatch([nd.ones((rows, 4))], [nd.zeros((rows,))]) for rows in (8, 1000))
    module.forward_backward(small)
    expected = module.get_outputs()[0].asnumpy()
    for step in (
        lambda: module.reshape([("data", (1000, 4))], [("softmax_label", (1000,))]), lambda: module.forward(large),
    ):  # fmt: skip
        with pytest.raises(mx.MXNetError, match="a memory budget of 10,000 bytes can't be met; the smallest possible"):
            step()
        module.forward_backward(small)
        np.testing.assert_array_equal(module.get_outputs()[0].asnumpy(), expected)


def test_a_block_without_a_plan_refuses_budgets_at_its_first_call():
    class Masked(gluon.HybridBlock):
        def hybrid_forward(self, F, data, index):
            return F.contrib.boolean_mask(data, index)

    net, given = Masked(), (nd.ones((3, 2)), nd.array([1, 0, 1]))
    for budget in (10**9, 0.5):
        net.hybridize(static_alloc=True, memory_budget=budget)
        with pytest.raises(mx.MXNetError, match="depends on values"):
            net(*given)
    net.hybridize(static_alloc=True)
    assert net(*given).shape == (2, 2)


@pytest.mark.parametrize("recompute", [None, True])
@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "lenet"])
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_smaller_budgets_never_give_larger_peaks(name, recompute, data):
    network, shape = network_and_shape(name)
    whole = network.memory_plan(data=shape, recompute=recompute)
    apart = whole.peak_bytes - whole.planned_bytes
    sizes = data.draw(st.lists(st.integers(apart, whole.peak_bytes * 2), min_size=2, max_size=6))
    before, smallest = math.inf, 0
    for budget in sorted(sizes, reverse=True):
        try:
            plan = network.memory_plan(data=shape, budget=budget, recompute=recompute)
        except mx.MXNetError as error:
            smallest = int(str(error).split("smallest possible is ")[1].split()[0].replace(",", ""))
            assert budget < smallest <= before
            continue
        assert smallest == 0  # once a budget can't be met, no smaller one can
        assert plan.lower_bound_bytes <= plan.planned_bytes and plan.peak_bytes <= min(budget, before)
        before = plan.peak_bytes
