"""Memory plans: from shapes alone, and equal to what a step then holds."""

from __future__ import annotations

import pytest
import torch

import mxnet as mx
from mxnet import nd
from mxnet.storage_counter import StorageCounter


def lenet():
    x = mx.sym.var("data")
    for number, filters in enumerate((8, 16)):
        x = mx.sym.Convolution(x, num_filter=filters, kernel=(5, 5), name=f"conv{number}")
        x = mx.sym.Pooling(mx.sym.Activation(x, act_type="tanh"), kernel=(2, 2), stride=(2, 2), pool_type="max")
    x = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=50, name="fc0"), act_type="relu")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=10, name="fc1"), name="softmax")


def residual():
    x = mx.sym.var("data")
    x = mx.sym.Convolution(x, num_filter=8, kernel=(3, 3), pad=(1, 1), no_bias=True, name="c0")
    for number in range(2):
        y = mx.sym.Activation(mx.sym.BatchNorm(x, fix_gamma=False, name=f"bn{number}"), act_type="relu")
        x = x + mx.sym.Convolution(y, num_filter=8, kernel=(3, 3), pad=(1, 1), no_bias=True, name=f"c{number + 1}")
    x = mx.sym.Pooling(x, global_pool=True, pool_type="avg", kernel=(1, 1))
    x = mx.sym.Dropout(mx.sym.Flatten(x), p=0.5)
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=10, name="fc"), name="softmax")


def chain():
    x = mx.sym.var("data")
    for number in range(12):
        x = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=16, name=f"fc{number}"), act_type="tanh")
    return mx.sym.SoftmaxOutput(x, name="softmax")


def branches():
    x = mx.sym.var("data")
    for _ in range(5):
        pooled = mx.sym.Pooling(x, kernel=(3, 3), pad=(1, 1), pool_type="max")  # filled slice by slice
        parts = [mx.sym.Convolution(part, num_filter=4, kernel=(1, 1)) for part in (x, pooled)]
        x = mx.sym.Concat(*(mx.sym.Activation(part, act_type="relu") for part in parts), pooled)
    x = mx.sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pool_type="max")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=10), name="softmax")


NETWORKS = {
    "lenet": (lenet, (4, 1, 28, 28)),
    "residual": (residual, (2, 3, 16, 16)),
    "chain": (chain, (64, 16)),
    "branches": (branches, (2, 3, 9, 9)),
}


def executor_of(network, shape, grad_req):
    return network.simple_bind(mx.cpu(), grad_req=grad_req, data=shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_training_step_holds_exactly_the_planned_bytes(name):
    make, shape = NETWORKS[name]
    network = make()
    plan = network.memory_plan(data=shape)
    grad_req = {n: "write" for n in network.list_arguments() if n not in ("data", "softmax_label")}
    executor = executor_of(network, shape, grad_req)
    executor.forward(is_train=True)
    executor.backward()  # what is made once is made now
    with StorageCounter() as counter:
        executor.forward(is_train=True)
        executor.backward()
    assert counter.peak == plan.planned_bytes == plan.lower_bound_bytes
    assert plan.planned_bytes < plan.unshared_bytes
    assert plan.parameter_bytes == sum(
        a.size * 4 for n, a in {**executor.arg_dict, **executor.aux_dict}.items() if n not in ("data", "softmax_label")
    )
    assert plan.gradient_bytes == sum(a.size * 4 for a in executor.grad_arrays if a is not None)
    assert plan.input_bytes == (executor.arg_dict["data"].size + shape[0]) * 4


@pytest.mark.parametrize("name", NETWORKS)
def test_forward_pass_holds_exactly_the_planned_bytes(name):
    make, shape = NETWORKS[name]
    network = make()
    plan = network.memory_plan(training=False, data=shape)
    executor = executor_of(network, shape, "null")
    executor.forward()
    with StorageCounter() as counter:
        executor.forward()
    assert counter.peak == plan.planned_bytes
    assert plan.gradient_bytes == 0


def test_planning_computes_and_allocates_nothing():
    # Terabytes of parameters and results would fit nowhere.
    x = mx.sym.var("data")
    for number in range(4):
        x = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=1_000_000, name=f"fc{number}"), act_type="relu")
    plan = mx.sym.MakeLoss(x).memory_plan(data=(1_000_000, 10))
    assert plan.parameter_bytes == plan.gradient_bytes == 4 * (10**6 * (10 + 3 * 10**6) + 4 * 10**6)
    assert plan.planned_bytes > 2 * 10**13


def values_for(network, shape):
    """Values of all arguments and states, by name."""
    arg_shapes, _, aux_shapes = network.infer_shape(data=shape)
    shapes = dict(zip(network.list_arguments(), arg_shapes, strict=True))
    shapes.update(zip(network.list_auxiliary_states(), aux_shapes, strict=True))
    generator = torch.Generator().manual_seed(0)
    return {n: torch.rand(s, generator=generator) for n, s in shapes.items()}


def run_step(network, shape, grad_req, is_recorded=False, **options):
    """Outputs, gradients and states after one step; is_recorded: by torch's autograd, without a plan."""
    executor = network.simple_bind(mx.cpu(), grad_req=grad_req, data=shape, **options)
    for n, value in values_for(network, shape).items():
        {**executor.arg_dict, **executor.aux_dict}[n][:] = nd.from_torch(value)
    for gradient in executor.grad_arrays:
        if gradient is not None:
            gradient[:] = 1  # what grad_req="add" adds to
    if is_recorded:
        executor.set_monitor_callback(lambda name, array: None)  # a monitor sees every node: nothing is planned
    mx.random.seed(5)
    executor.forward(is_train=True)
    executor.backward()
    gradients = {f"gradient of {n}": g.as_torch() for n, g in executor.grad_dict.items() if g is not None}
    states = {n: a.as_torch() for n, a in executor.aux_dict.items()}
    return {"output": executor.outputs[0].as_torch(), **gradients, **states}


def assert_equal_bits(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def parameters_of(network, req="write"):
    return {n: req for n in network.list_arguments() if n not in ("data", "softmax_label")}


@pytest.mark.parametrize("req", ["write", "add"])
@pytest.mark.parametrize("name", NETWORKS)
def test_planned_step_gives_the_bits_of_autograd(name, req):
    make, shape = NETWORKS[name]
    network = make()
    grad_req = parameters_of(network, req)
    planned = run_step(network, shape, grad_req)
    assert_equal_bits(planned, run_step(network, shape, grad_req, is_recorded=True))


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


def test_bad_budgets_are_refused():
    network, shape = lenet(), (4, 1, 28, 28)
    for budget in (-1, 0, "1GB", True):
        with pytest.raises(mx.MXNetError, match="the memory budget is"):
            network.memory_plan(data=shape, budget=budget)
    executor = network.simple_bind(mx.cpu(), memory_budget=1000, data=shape)
    with pytest.raises(mx.MXNetError, match=r"1,000 bytes can.t be met; the smallest possible is \d"):
        executor.forward(is_train=True)


def test_environment_gives_a_budget(monkeypatch):
    network, shape = residual(), (2, 3, 16, 16)
    whole = network.memory_plan(data=shape).peak_bytes
    monkeypatch.setenv("MXNET_MEMORY_BUDGET", "0.9")
    assert network.memory_plan(data=shape).peak_bytes <= 0.9 * whole
    monkeypatch.setenv("MXNET_MEMORY_BUDGET", "much")
    with pytest.raises(mx.MXNetError, match="MXNET_MEMORY_BUDGET is 'much'"):
        network.memory_plan(data=shape)


def test_arrays_changed_between_forward_and_backward_are_noticed():
    executor = executor_of(lenet(), (4, 1, 28, 28), "write")
    executor.forward(is_train=True)
    executor.arg_dict["data"][:] = 1
    with pytest.raises(mx.MXNetError, match="data is needed by the gradient and was modified"):
        executor.backward()
    executor.forward(is_train=True)
    executor.backward()


def test_plan_shows_a_table_and_a_picture(tmp_path):
    plan = lenet().memory_plan(data=(4, 1, 28, 28), optimizer="sgd")
    text = str(plan)
    assert "everything together" in text and "softmax" in text
    assert any("backward" in value for buffer in plan.buffers for value in buffer.values)
    assert max(plan.profile()) == plan.planned_bytes and plan.profile()[plan.peak_step()] == plan.planned_bytes
    path = tmp_path / "plan.png"
    plan.plot(str(path))
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_optimizer_states_are_counted():
    network = lenet()
    shape = (4, 1, 28, 28)
    plain = network.memory_plan(data=shape, optimizer="sgd")
    assert plain.optimizer_bytes == 0
    adam = network.memory_plan(data=shape, optimizer="adam")
    assert adam.optimizer_bytes == 2 * adam.gradient_bytes
    momentum = network.memory_plan(data=shape, optimizer=mx.optimizer.SGD(momentum=0.9))
    assert momentum.optimizer_bytes == momentum.gradient_bytes
    assert momentum.peak_bytes == plain.peak_bytes + momentum.optimizer_bytes


def test_gradient_of_an_input_is_planned_when_asked_for():
    network = lenet()
    shape = (4, 1, 28, 28)
    grad_req = {n: "write" for n in network.list_arguments() if n != "softmax_label"}
    assert network.memory_plan(grad_req=grad_req, data=shape).gradient_bytes == (
        network.memory_plan(data=shape).gradient_bytes + 4 * 28 * 28 * 4
    )


def test_bad_requests_are_refused():
    network = lenet()
    with pytest.raises(mx.MXNetError, match="can't be inferred"):
        network.memory_plan()
    with pytest.raises(mx.MXNetError, match="no argument 'foo'"):
        network.memory_plan(data=(4, 1, 28, 28), foo=(1,))
    with pytest.raises(mx.MXNetError, match="grad_req for data is 'foo'"):
        network.memory_plan(data=(4, 1, 28, 28), grad_req="foo")


def test_executor_and_symbol_plan_the_same():
    network = residual()
    shape = (2, 3, 16, 16)
    grad_req = {n: "write" for n in network.list_arguments() if n not in ("data", "softmax_label")}
    plan = executor_of(network, shape, grad_req).memory_plan()
    assert plan.planned_bytes == network.memory_plan(data=shape).planned_bytes
