"""Memory plans: from shapes alone, and equal to what a step then holds."""

from __future__ import annotations

import pytest
import torch
from small_networks import NETWORKS, assert_equal_bits, lenet, parameters_of, residual, run_step

import mxnet as mx
from mxnet.graph.in_place import work_in_place
from mxnet.graph.liveness import peak_of
from mxnet.graph.lower_bound import lower_bound
from mxnet.graph.lowering import Instruction, LoweredProgram
from mxnet.graph.memory import MemoryPlan
from mxnet.graph.templates import Call, Layout, Place
from mxnet.storage_counter import StorageCounter


def executor_of(network, shape, grad_req):
    return network.simple_bind(mx.cpu(), grad_req=grad_req, data=shape)

aten = torch.ops.aten


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
    assert counter.peak == plan.planned_bytes
    assert 0.9 * plan.planned_bytes <= plan.lower_bound_bytes <= plan.planned_bytes
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
    assert counter.peak == plan.planned_bytes == plan.lower_bound_bytes
    assert plan.gradient_bytes == 0


def program_of(steps, results):
    """A flat program of the steps (operation, reads, outputs) on values with these storages, shapes and strides."""
    lowered = LoweredProgram()
    storages = {}
    for storage, shape, stride in results:
        layout = Layout(shape, stride, torch.float32)
        if storage not in storages:
            storages[storage] = lowered.new_storage(layout.nbytes, "result", storage)
        lowered.new_value(layout, storages[storage])
    for function, reads, outputs in steps:
        call = Call(function, tuple(map(Place, range(len(reads)))), {})
        lowered.instructions.append(Instruction(call, reads, outputs, (), "node", 0))
    lowered.outputs = list(steps[-1][2])
    lowered.num_forward = len(steps)
    return lowered


def test_the_lower_bound_counts_what_must_be_there():
    # a block of 4 x 8 numbers, one of its columns (a window), and what follows from that
    results = [("a", (4, 8), (8, 1)), ("a", (4, 1), (8, 1)), ("b", (4, 1), (1, 1)), ("c", (100,), (1,))]
    made = (aten.ones.default, (), (0,))
    window, copy, grow = (
        (aten.slice.Tensor, (0,), (1,)), (aten.clone.default, (1,), (2,)), (aten.expand.default, (2,), (3,))
    )  # fmt: skip
    lowered = program_of([made, window, copy, grow], results)
    assert lower_bound(lowered) == 4 * 104 == peak_of(lowered)
    # the window is read later: a plan holds the whole block, of which a column is needed
    late = program_of([made, window, (aten.expand.default, (), (3,)), (aten.mul.Tensor, (1, 3), (2,))], results)
    assert peak_of(late) == 4 * (32 + 100 + 4) and lower_bound(late) == 4 * (4 + 100 + 4)
    # exp could write over its argument, and doesn't here
    results = [("a", (4, 8), (8, 1)), ("b", (4, 8), (8, 1))]
    missed = program_of([made, (aten.exp.default, (0,), (1,))], results)
    assert peak_of(missed) == 4 * 64 and lower_bound(missed) == 4 * 32 == peak_of(work_in_place(missed))


def test_planning_computes_and_allocates_nothing():
    # Terabytes of parameters and results would fit nowhere.
    x = mx.sym.var("data")
    for number in range(4):
        x = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=1_000_000, name=f"fc{number}"), act_type="relu")
    plan = mx.sym.MakeLoss(x).memory_plan(data=(1_000_000, 10))
    assert plan.parameter_bytes == plan.gradient_bytes == 4 * (10**6 * (10 + 3 * 10**6) + 4 * 10**6)
    assert plan.planned_bytes > 2 * 10**13


@pytest.mark.parametrize("req", ["write", "add"])
@pytest.mark.parametrize("name", NETWORKS)
def test_planned_step_gives_the_bits_of_autograd(name, req):
    make, shape = NETWORKS[name]
    network = make()
    grad_req = parameters_of(network, req)
    planned = run_step(network, shape, grad_req)
    assert_equal_bits(planned, run_step(network, shape, grad_req, is_recorded=True))


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


def test_the_picture_tells_apart_what_results_are_for():
    network, shape = residual(), (2, 3, 16, 16)
    plan = network.memory_plan(data=shape, budget=0.9)
    axes = plan.plot().axes[0]
    areas = {area.get_label(): area.get_paths()[0].get_extents() for area in axes.collections}
    assert set(areas) == {
        "outputs", "kept for backward", "within the forward pass", "made again", "gradients and what they need"
    }
    unit = 2**10
    assert max(area.ymax for area in areas.values()) == pytest.approx(plan.planned_bytes / unit)
    assert f"{plan.planned_bytes / unit:,.0f} KB" in [text.get_text() for text in axes.texts]
    forward = network.memory_plan(training=False, data=shape).plot().axes[0]
    assert {area.get_label() for area in forward.collections} == {"outputs", "within the forward pass"}


def test_plans_of_many_steps_are_drawn_with_their_peak():
    x = mx.sym.var("data")
    for number in range(400):
        x = mx.sym.FullyConnected(x, num_hidden=200 if number == 77 else 20, name=f"fc{number}")
    plan = mx.sym.MakeLoss(x).memory_plan(data=(30, 20))
    assert plan.num_steps > 1200
    area = plan.plot().axes[0].collections[-1].get_paths()[0].get_extents()
    assert area.ymax == pytest.approx(plan.planned_bytes / 2**10)
    assert area.xmax <= plan.num_steps


def test_a_plan_without_results_is_drawn_too():
    plan = MemoryPlan(
        planned_bytes=0, lower_bound_bytes=0, unshared_bytes=0, parameter_bytes=0, input_bytes=8, gradient_bytes=0,
        optimizer_bytes=0, num_steps=0, num_forward=0, buffers=(),
    )  # fmt: skip
    assert "8 bytes" in str(plan)
    plan.plot()


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


def test_outputs_of_the_step_before_are_gone_when_a_step_runs():
    network = mx.sym.Group([mx.sym.tanh(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=64)), mx.sym.var("other")])
    shapes = {"data": (16, 4), "other": (50,)}
    executor = network.simple_bind(mx.cpu(), **shapes)
    heads = [mx.nd.ones((16, 64)), mx.nd.ones((50,))]
    for is_train in (True, False):
        executor.forward(is_train=is_train)
        with StorageCounter() as counter:
            for _ in range(3):
                executor.forward(is_train=is_train)
                if is_train:
                    executor.backward(heads)
        grad_req = dict.fromkeys(network.list_arguments(), "write")
        plan = network.memory_plan(training=is_train, grad_req=grad_req, **shapes)
        assert counter.peak == plan.planned_bytes


@pytest.mark.parametrize("operator", [lambda x: mx.sym.topk(x, k=2, ret_typ="value"), mx.sym.transpose])
def test_gradients_of_outputs_that_are_windows_need_no_copy(operator):
    network = operator(mx.sym.tanh(mx.sym.var("data") * 2))
    executor = network.simple_bind(mx.cpu(), data=(8, 5))
    for _ in range(2):
        with StorageCounter() as counter:
            head = mx.nd.ones(executor.outputs[0].shape)
            before = counter.peak
            executor.forward(is_train=True)
            executor.backward(head)
    assert counter.peak == before + executor.memory_plan().planned_bytes


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"data": (4.5, 5)}, TypeError, "'data' is (4.5, 5)"),
        ({"data": 5}, TypeError, "'data'"),
        ({"data": (-2, 5)}, mx.MXNetError, "'data' is (-2, 5)"),
        ({"data": (0, 5)}, mx.MXNetError, "shapes of data"),
        ({"data": (4, 5), "type_dict": {"dat": "float16"}}, mx.MXNetError, "no argument 'dat'"),
        ({"data": (4, 5), "optimizer": 3}, TypeError, "optimizer is 3"),
    ],
)
def test_shapes_dtypes_and_optimizers_that_mean_nothing_are_refused(options, error, text):
    network = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3)
    with pytest.raises(error) as caught:
        network.memory_plan(**options)
    assert text in str(caught.value)
