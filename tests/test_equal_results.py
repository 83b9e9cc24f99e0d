"""Equal results of a training step are computed once, and constants before it: with the same bits."""

from __future__ import annotations

import numpy as np
import pytest

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.graph import planned
from mxnet.graph.liveness import peak_of


def squares():
    x = mx.sym.var("x")
    first, second = mx.sym.exp(mx.sym.sin(x)), mx.sym.exp(mx.sym.sin(x))
    return mx.sym.MakeLoss(first * mx.sym.tanh(second) + second / first)


def casts():
    """A recurrence in float64 whose weight is cast at each step."""
    x, weight = mx.sym.var("x"), mx.sym.var("weight", shape=(4, 4))
    for _ in range(4):
        x = mx.sym.tanh(mx.sym.FullyConnected(x, mx.sym.Cast(mx.sym.Cast(weight, "float64"), "float32"), no_bias=True,
                                              num_hidden=4))  # fmt: skip
    return mx.sym.MakeLoss(x)


def outputs_of_one_value():
    """An output that is also what another one is computed from."""
    x = mx.sym.var("x")
    return mx.sym.Group([mx.sym.MakeLoss(mx.sym.exp(x)), mx.sym.MakeLoss(mx.sym.exp(x) * 2)])


def dropouts():
    x = mx.sym.var("x")
    return mx.sym.MakeLoss(mx.sym.Dropout(x, p=0.5) * mx.sym.Dropout(x, p=0.5) + mx.sym.exp(x) * mx.sym.exp(x))


def norms():
    """Two layers that share everything change their states twice."""
    x = mx.sym.var("x")
    names = ("gamma", "beta", "mean", "var")
    gamma, beta, mean, var = (mx.sym.var(name) for name in names)
    norm = lambda: mx.sym.BatchNorm(x, gamma, beta, mean, var, fix_gamma=False)
    return mx.sym.MakeLoss(mx.sym.tanh(norm()) * mx.sym.tanh(norm()))


def step(symbol, planned):
    executor = symbol.simple_bind(mx.cpu(), x=(3, 4))
    random = np.random.RandomState(0)
    for array in (*executor.arg_arrays, *executor.aux_arrays):
        array[:] = random.rand(*array.shape) + 0.1
    if not planned:
        executor.set_monitor_callback(lambda name, array: None)
    results = []
    for _ in range(2):
        mx.random.seed(6)
        executor.forward(is_train=True)
        executor.backward()
        results += [a.asnumpy() for a in (*executor.outputs, *executor.grad_arrays, *executor.aux_arrays)]
    return results, executor


def count(executor, name):
    (compiled,) = executor._plans.values()
    names = [instruction.name for _, places in compiled._forward for instruction in places.values()]
    return sum(each.startswith((f"aten.{name}.", f"aten.{name}_.")) for each in names)


@pytest.mark.parametrize(
    ("build", "name", "times"),
    [(squares, "exp", 1), (squares, "sin", 1), (casts, "_to_copy", 2), (outputs_of_one_value, "exp", 1),
     (dropouts, "exp", 1), (dropouts, "bernoulli", 2), (norms, "lerp", 4)],
)  # fmt: skip
def test_steps_compute_equal_results_once_and_give_the_bits_of_autograd(build, name, times):
    expected, _ = step(build(), False)
    found, executor = step(build(), True)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    seen = count(executor, name)
    assert seen == times, [i.name for _, p in next(iter(executor._plans.values()))._forward for i in p.values()]


def test_a_result_is_computed_twice_where_to_hold_it_takes_more(monkeypatch):
    # exp(x) is needed before and after the peak.
    x = mx.sym.var("x")
    before = mx.sym.sum(mx.sym.exp(x))
    wide = mx.sym.tile(before, reps=(1 << 20,))
    between = mx.sym.sum(mx.sym.sin(wide))
    after = mx.sym.sum(mx.sym.broadcast_mul(between, mx.sym.exp(x)))
    symbol = mx.sym.MakeLoss(mx.sym.BlockGrad(after) * mx.sym.var("w", shape=(1,)))
    shapes = {"grad_req": {"w": "write"}, "x": (512, 512)}
    merged = []
    find = planned.merge_equal_results
    monkeypatch.setattr(planned, "merge_equal_results", lambda lowered: merged.append(find(lowered)) or merged[-1])
    plan = symbol.memory_plan(**shapes)
    assert merged[0] is not None
    monkeypatch.setattr(planned, "merge_equal_results", lambda lowered: None)
    assert plan.planned_bytes == symbol.memory_plan(**shapes).planned_bytes < peak_of(merged[0])


def test_constants_of_a_training_step_are_computed_before_it():
    x = mx.sym.var("x")
    scale = mx.sym.sqrt(mx.sym.exp(mx.sym.ones((1, 4)) * 3))
    symbol = mx.sym.MakeLoss(mx.sym.broadcast_mul(mx.sym.tanh(x), scale))
    expected, _ = step(symbol, False)
    found, executor = step(symbol, True)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert count(executor, "exp") == count(executor, "sqrt") == 0


def test_blocks_too():
    class Net(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return F.exp(x) * F.tanh(F.exp(x)) + F.exp(x)

    gradients = []
    for options in (None, {"static_alloc": True}):
        net, x = Net(), nd.array(np.random.RandomState(1).rand(3, 4))
        x.attach_grad()
        net.hybridize(options is not None, **(options or {}))
        with autograd.record():
            out = net(x)
        out.backward()
        gradients.append(x.grad.asnumpy())
    np.testing.assert_array_equal(*gradients)
    ((_, plan),) = net._cached_op.static._programs.values()
    instructions = plan.chosen.program.instructions[: plan.chosen.program.num_forward]
    assert sum(i.name.startswith("aten.exp.") for i in instructions) == 1
