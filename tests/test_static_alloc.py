"""Hybridized blocks with planned storage: the bits of the imperative block, budgets, shapes, caches."""

from __future__ import annotations

import itertools
import weakref

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.graph.lowering import lower
from mxnet.graph.program import Program
from mxnet.graph.shared_reads import read_originals
from mxnet.graph.templates import _BINDINGS, _quickest
from mxnet.storage_counter import StorageCounter


class Residual(gluon.HybridBlock):
    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.body = gluon.nn.HybridSequential()
            self.body.add(
                gluon.nn.Conv2D(channels, 3, padding=1, use_bias=False), gluon.nn.BatchNorm(),
                gluon.nn.Activation("relu"), gluon.nn.Conv2D(channels, 3, padding=1, use_bias=False),
                gluon.nn.BatchNorm(),
            )  # fmt: skip

    def hybrid_forward(self, F, x):
        return F.relu(self.body(x) + x)


def network():
    net = gluon.nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(
            gluon.nn.Conv2D(8, 3, padding=1), gluon.nn.BatchNorm(), gluon.nn.Activation("relu"), gluon.nn.MaxPool2D(),
            Residual(8), Residual(8), Residual(8), gluon.nn.GlobalAvgPool2D(), gluon.nn.Dropout(0.5),
            gluon.nn.Dense(10),
        )  # fmt: skip
    return net


def initialized(**options):
    mx.random.seed(3)
    net = network()
    net.initialize(mx.init.Xavier())
    net(data(2))
    if options:
        net.hybridize(**options)
    return net


def data(batch, size=16):
    return nd.array(np.random.RandomState(batch).rand(batch, 3, size, size))


def train(net, batches=(4, 4, 2, 4)):
    """Losses of a few steps, the parameters after them, and a prediction."""
    mx.random.seed(7)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9})
    loss_of, losses = gluon.loss.SoftmaxCrossEntropyLoss(), []
    for batch in batches:
        with autograd.record():
            loss = loss_of(net(data(batch)), nd.array(np.arange(batch)))
        loss.backward()
        trainer.step(batch)
        losses.append(loss.asnumpy())
    parameters = {name: p.data().asnumpy() for name, p in net.collect_params().items()}
    return losses, parameters, net(data(3)).asnumpy()


def assert_equal_runs(first, second):
    for a, b in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(a, b)
    for name, value in first[1].items():
        np.testing.assert_array_equal(value, second[1][name], err_msg=name)
    np.testing.assert_array_equal(first[2], second[2])


@pytest.mark.parametrize("mirror", ["0", "1"])
@pytest.mark.parametrize("options", [{}, {"static_shape": True}], ids=str)
def test_training_gives_the_bits_of_the_imperative_block(options, mirror, monkeypatch):
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", mirror)
    assert_equal_runs(train(initialized()), train(initialized(static_alloc=True, **options)))


def test_fused_training_agrees_to_rounding():
    expected, fused = train(initialized(), (4,)), train(initialized(static_alloc=True, fuse=True), (4,))
    np.testing.assert_allclose(fused[0][0], expected[0][0], rtol=1e-4)
    for name, value in expected[1].items():
        np.testing.assert_allclose(fused[1][name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_step_holds_exactly_the_planned_bytes():
    net = initialized(static_alloc=True)
    x, head = data(4), nd.ones((4, 10))
    plan = net.memory_plan(x)

    def step():
        with autograd.record():
            out = net(x)
        out.backward(head)

    step()
    with StorageCounter() as counter:
        step()
    assert counter.peak == plan.planned_bytes
    assert plan.parameter_bytes == sum(p.data().size * 4 for p in net.collect_params().values())


def test_a_plan_needs_shapes_alone():
    net = network()  # not initialised
    plan = net.memory_plan((100_000, 3, 512, 512), optimizer="adam")
    assert plan.planned_bytes > 10**12
    assert plan.optimizer_bytes == 2 * plan.gradient_bytes
    forward = net.memory_plan((100_000, 3, 512, 512), training=False)
    assert forward.planned_bytes < plan.planned_bytes and forward.gradient_bytes == 0


def test_a_budget_that_cannot_be_met_is_refused_with_the_smallest_number():
    net = initialized(static_alloc=True, memory_budget=10_000)
    with pytest.raises(mx.MXNetError, match=r"hybridize: a memory budget of 10,000 bytes can't be met.*possible is \d"):
        train(net, (4,))
    net.hybridize(static_alloc=True)
    train(net, (4,))


def test_options_that_need_planned_storage_say_so():
    with pytest.raises(mx.MXNetError, match="memory_budget=0.5 needs static_alloc=True"):
        network().hybridize(memory_budget=0.5)
    with pytest.raises(mx.MXNetError, match="max_shape=.* needs static_alloc=True"):
        network().hybridize(max_shape=(4, 3, 16, 16))


def test_max_shape_bounds_the_storage_of_all_shapes():
    net = initialized(static_alloc=True, max_shape=(4, 3, 16, 16))
    most = net.memory_plan((4, 3, 16, 16)).planned_bytes
    for batch in (4, 1, 3):
        with autograd.record():
            out = net(data(batch))
        out.backward()
        with StorageCounter() as counter:
            with autograd.record():
                out = net(data(batch))
            out.backward(nd.ones((batch, 10)))
        assert counter.peak <= most + 4 * batch * (3 * 16 * 16 + 10)  # data and head gradient are made inside
    for shape in ((5, 3, 16, 16), (4, 3, 16, 17)):
        with pytest.raises(mx.MXNetError, match=r"max_shape is \(4, 3, 16, 16\)"):
            net(nd.zeros(shape))
    with pytest.raises(mx.MXNetError, match="expected a shape for each of data"):
        initialized(static_alloc=True, max_shape=[(1, 3, 16, 16), (2, 2)])(data(1))


def test_plans_are_kept_in_a_bounded_cache():
    net = gluon.nn.Dense(2, in_units=3)
    net.initialize()
    net.hybridize(static_alloc=True)
    for batch in range(1, 80):
        net(nd.ones((batch, 3)))
    info = net.cache_info()
    assert info["plans"] == info["most_plans"] == 64


def test_gradients_of_gradients_go_through_planned_steps():
    def second(net, x):
        x.attach_grad()
        with autograd.record():
            y = net(x)
            (first,) = autograd.grad(y, [x], create_graph=True)
            z = (first**2).sum()
        z.backward()
        return x.grad.asnumpy()

    results = []
    for static in (False, True):
        mx.random.seed(1)
        net = gluon.nn.HybridSequential()
        net.add(gluon.nn.Dense(5, activation="tanh", in_units=4), gluon.nn.Dense(3, in_units=5))
        net.initialize(mx.init.Xavier())
        if static:
            net.hybridize(static_alloc=True)
        results.append(second(net, nd.array(np.random.RandomState(0).rand(2, 4))))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)


def test_a_kept_graph_gives_the_same_gradients_twice():
    net = initialized(static_alloc=True)
    with autograd.record():
        out = net(data(2))
    weight = net[0].weight
    out.backward(retain_graph=True)
    first = weight.grad().asnumpy()
    out.backward()
    np.testing.assert_array_equal(first, weight.grad().asnumpy())


def test_parameters_changed_before_backward_are_noticed():
    net = initialized(static_alloc=True)
    with autograd.record():
        out = net(data(2))
    net[9].weight.data()[:] = 0
    with pytest.raises(mx.MXNetError, match="dense0_weight is needed by the gradient and was changed in place"):
        out.backward()


def test_outputs_without_gradient_and_unused_outputs():
    class Two(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return x * 2, F.BlockGrad(x * 3), x**2, F.argmax(x, axis=1)

    grads = []
    for options in ({}, {"static_alloc": True}):
        net = Two()
        net.hybridize(**options)
        x = nd.array([[1.0, 2.0], [3.0, 4.0]])
        x.attach_grad()
        with autograd.record():
            a, b, c, d = net(x)
            loss = a + b
        loss.backward()
        grads.append(x.grad.asnumpy())
    np.testing.assert_array_equal(*grads)
    assert grads[0].tolist() == [[2, 2], [2, 2]]


class Heads(gluon.HybridBlock):
    """A network of several outputs: function(F, x, weight) -> outputs."""

    def __init__(self, function, shape):
        super().__init__()
        self._function = function
        with self.name_scope():
            self.weight = self.params.get("weight", shape=shape)

    def hybrid_forward(self, F, x, weight):
        return self._function(F, x, weight)


def dense_and_products(F, x, weight):
    hidden = F.tanh(F.FullyConnected(x, weight, num_hidden=6, no_bias=True))
    return hidden, F.sqrt(x * x * 0), F.log_softmax(hidden * x), F.Dropout(F.relu(hidden), p=0.5)


def pieces(F, x, weight):
    first, second, third = F.split(F.relu(x * F.slice_axis(weight, axis=0, begin=0, end=4)), num_outputs=3, axis=1)
    return first, F.concat(second, x, dim=1), third, F.transpose(F.slice(x, begin=(1, 1), end=(3, 4)))


def losses(F, x, weight):
    h = F.FullyConnected(x, weight, num_hidden=6, no_bias=True)
    return F.LinearRegressionOutput(h, x), F.MakeLoss(x * 2), F.softmax(h)


@pytest.mark.parametrize("function", [dense_and_products, pieces, losses])
def test_only_outputs_that_are_used_contribute_to_gradients(function):
    runs = []
    for options in (None, {}, {"static_alloc": True}):
        mx.random.seed(5)
        net, x = Heads(function, (6, 6)), nd.array(np.random.RandomState(0).rand(4, 6) - 0.5)
        net.initialize(mx.init.Uniform(1))
        if options is not None:
            net.hybridize(**options)
        x.attach_grad()
        found = []
        for count in (1, 2, 3):
            for used in itertools.combinations(range(len(net(x))), count):
                with autograd.record():
                    outputs = net(x)
                autograd.backward([outputs[i] for i in used], [outputs[i].detach() + i + 1 for i in used])
                found += [x.grad.asnumpy(), net.weight.grad().asnumpy()]
        runs.append(found)
    for other in runs[1:]:
        for mine, imperative in zip(other, runs[0], strict=True):
            np.testing.assert_array_equal(mine, imperative)


def test_a_parameter_that_no_used_output_depends_on_has_no_fresh_gradient():
    class Both(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.first, self.second = gluon.nn.Dense(2, in_units=3), gluon.nn.Dense(2, in_units=3)

        def hybrid_forward(self, F, x):
            return self.first(x), self.second(x)

    net = Both()
    net.initialize()
    net.hybridize(static_alloc=True)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1, "wd": 0.5})
    with autograd.record():
        loss = net(nd.ones((2, 3)))[0].sum()
    loss.backward()
    with pytest.raises(UserWarning, match="second|dense"):
        trainer.step(1)
    before = net.second.weight.data().asnumpy()
    trainer.step(1, ignore_stale_grad=True)
    np.testing.assert_array_equal(net.second.weight.data().asnumpy(), before)


def two_towers(F, x, weight):
    first = second = x
    for _ in range(4):
        first = F.tanh(F.FullyConnected(first, weight, num_hidden=64, no_bias=True))
        second = F.sigmoid(F.FullyConnected(second, weight, num_hidden=64, no_bias=True))
    return first, second, first * second


def test_a_step_with_several_outputs_holds_what_is_planned_and_no_more_where_some_are_not_used():
    net, x = Heads(two_towers, (64, 64)), nd.ones((128, 64))
    net.initialize()
    net.hybridize(static_alloc=True)
    planned = net.memory_plan(x).planned_bytes
    for used in ((0, 1, 2), (0,), (1,), (0, 1), (2,)):
        heads = [nd.ones((128, 64)) for _ in used]
        for _ in range(2):
            with StorageCounter() as counter:
                with autograd.record():
                    outputs = net(x)
                autograd.backward([outputs[i] for i in used], heads)
        assert counter.peak == planned if len(used) == 3 else counter.peak <= planned


def test_an_output_returned_twice_is_one_array_as_imperatively():
    grads = []
    for options in (None, {}, {"static_alloc": True}):
        cell = gluon.rnn.GRUCell(4, input_size=3)
        mx.random.seed(2)
        cell.initialize(mx.init.Uniform(1))
        if options is not None:
            cell.hybridize(**options)
        x = nd.array(np.random.RandomState(1).rand(2, 3))
        x.attach_grad()
        with autograd.record():
            out, (state,) = cell(x, cell.begin_state(2))
            loss = out * 2 + cell(x, [state])[0]
        assert out is state
        loss.backward()
        grads.append(x.grad.asnumpy())
    np.testing.assert_array_equal(grads[1], grads[0])
    np.testing.assert_allclose(grads[2], grads[0], rtol=1e-6)  # the sum within the second call is formed first
    assert cell.memory_plan(x, cell.begin_state(2)).planned_bytes > 0


@pytest.mark.parametrize("where", ["option", "environment"])
def test_a_fraction_is_one_of_the_training_step_and_leaves_inference_alone(where, monkeypatch):
    net, x = initialized(), data(8, 64)
    whole = net.memory_plan(x).peak_bytes
    forward = net.memory_plan(x, training=False).peak_bytes
    if where == "option":
        net.hybridize(static_alloc=True, memory_budget=0.9)
    else:
        monkeypatch.setenv("MXNET_MEMORY_BUDGET", "0.9")
        net.hybridize(static_alloc=True)
    with autograd.record():
        loss = net(x).sum()
    loss.backward()
    assert net(x).shape == (8, 10)
    assert net.memory_plan(x).peak_bytes <= 0.9 * whole
    assert net.memory_plan(x, training=False).peak_bytes == forward


def test_a_plan_counts_the_gradients_of_inputs_they_are_attached_to():
    net, x = gluon.nn.Dense(3, in_units=4), nd.ones((2, 4))
    net.initialize()
    without = net.memory_plan(x)
    named = net.memory_plan(x, grad_req={"data": "write"})
    assert named.gradient_bytes == x.size * 4
    x.attach_grad()
    assert net.memory_plan(x).gradient_bytes == without.gradient_bytes + x.size * 4
    with pytest.raises(mx.MXNetError, match="grad_req names 'nothing'; the arguments are data, "):
        net.memory_plan(x, grad_req={"nothing": "write"})
    with pytest.raises(TypeError, match="optimizer is 5; expected an Optimizer"):
        net.memory_plan(x, optimizer=5)
    with pytest.raises(ValueError, match="argument structure"):
        net.memory_plan(x, x)


@pytest.mark.parametrize("operator", ["prod", "nanprod"])
@pytest.mark.parametrize("axes", [{}, {"axis": 1}, {"axis": (0, 2), "keepdims": True}, {"axis": 0, "exclude": True}])
def test_gradients_of_products_have_the_bits_of_imperative_ones(operator, axes):
    class Product(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return getattr(F, operator)(x, **axes)

    values = np.random.RandomState(0).rand(3, 4, 5).astype("float32")
    values[0, 1, 2] = values[2, 1, 1] = 0
    found = []
    for options in (None, {}, {"static_alloc": True}):
        net, x = Product(), nd.array(values)
        if options is not None:
            net.hybridize(**options)
        x.attach_grad()
        with autograd.record():
            y = net(x)
        y.backward()
        found.append(x.grad.asnumpy())
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


@pytest.mark.parametrize("shape", [(4, 3, 6, 6), (16, 3, 40, 40)])
def test_batch_norm_of_half_precision_is_part_of_the_program(shape):
    runs = []
    for options in (None, {"static_alloc": True}):
        mx.random.seed(1)
        net = gluon.nn.HybridSequential()
        net.add(gluon.nn.Conv2D(4, 3), gluon.nn.BatchNorm(), gluon.nn.Activation("relu"), gluon.nn.Dense(2))
        net.initialize()
        net(nd.ones(shape))
        net.cast("float16")
        x = nd.array(np.random.RandomState(0).rand(*shape), dtype="float16")
        if options is not None:
            net.hybridize(**options)
        for _ in range(2):
            with autograd.record():
                y = net(x)
            y.backward()
        runs.append([y.asnumpy(), net(x).asnumpy(), *(p.data().asnumpy() for p in net.collect_params().values()),
                     *(p.grad().asnumpy() for p in net.collect_params().values() if p.grad_req != "null")])  # fmt: skip
    for mine, imperative in zip(runs[1], runs[0], strict=True):
        np.testing.assert_array_equal(mine, imperative)
    plan, head = net.memory_plan(x), nd.ones(y.shape, dtype="float16")
    del y
    assert plan.beside == ()
    with StorageCounter() as counter:
        with autograd.record():
            y = net(x)
        y.backward(head)
    assert counter.peak == plan.planned_bytes


def test_plans_take_the_inputs_of_a_call_as_arrays_or_shapes():
    layer = gluon.rnn.LSTM(16, input_size=8)
    layer.initialize()
    plan = layer.memory_plan(nd.ones((5, 4, 8)))
    assert plan.peak_bytes == layer.memory_plan((5, 4, 8)).peak_bytes
    assert plan.peak_bytes == layer.memory_plan((5, 4, 8), [(1, 4, 16), (1, 4, 16)]).peak_bytes
    assert layer.memory_plan((5, 10**8, 8)).peak_bytes > 10**11  # its states need no memory either
    cell = gluon.rnn.LSTMCell(16)
    assert cell.memory_plan((4, 8), [(4, 16), (4, 16)]).parameter_bytes == 4 * (64 * 8 + 64 * 16 + 128)


def test_an_option_that_is_refused_changes_nothing():
    net, x = initialized(), data(2)
    net.hybridize(static_alloc=True)
    expected = net(x).asnumpy()
    for options in ({"memory_budget": 0.5}, {"max_shape": (2, 3, 4, 4)}, {"static_alloc": True, "max_shape": 5},
                    {"static_alloc": True, "max_shape": "abc"}, {"static_alloc": True, "max_shape": [4, (2, 3)]},
                    {"nonsense": 1}):  # fmt: skip
        with pytest.raises(mx.MXNetError, match="hybridize: "):
            net.hybridize(**options)
        np.testing.assert_array_equal(net(x).asnumpy(), expected)
        assert net.cache_info()["plans"] == 1


def test_mirroring_makes_plans_smaller(monkeypatch):
    net = network()
    plain = net.memory_plan((8, 3, 64, 64))
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", "1")
    mirrored = net.memory_plan((8, 3, 64, 64))
    assert mirrored.planned_bytes < plain.planned_bytes
    assert mirrored.recomputed_share > plain.recomputed_share


def test_the_attribute_force_mirroring_drops_costly_results_too():
    def plan(**attributes):
        x = mx.sym.var("data")
        for number in range(6):
            with mx.AttrScope(**attributes):
                x = mx.sym.FullyConnected(x, num_hidden=256, name=f"fc{number}", flatten=False)
                x = mx.sym.Activation(x, act_type="tanh", name=f"tanh{number}")
        return mx.sym.MakeLoss(x).memory_plan(data=(4096, 256))

    assert plan(force_mirroring="True").planned_bytes < plan().planned_bytes


def test_a_transposed_transposition_is_read_as_the_matrix_itself():
    x, weight = mx.sym.Variable("x"), mx.sym.Variable("weight")
    out = mx.sym.FullyConnected(x, weight, num_hidden=3, no_bias=True)
    shapes, dtypes = {"x": (4, 5), "weight": (3, 5)}, {"x": "float32", "weight": "float32"}
    lowered = lower(Program(out.graph), shapes, dtypes, training=True, wanted=["x", "weight"])
    read = read_originals(lowered)
    count = lambda program: sum(i.name == "aten.t.default" for i in program.instructions)
    assert count(read) < count(lowered) and read.num_forward <= lowered.num_forward
    for name, value in lowered.gradients.items():
        assert read.layouts[read.gradients[name]] == lowered.layouts[value]
        assert read.storage_of[read.gradients[name]] == lowered.storage_of[value]


def test_a_call_like_the_last_one_notices_what_has_changed():
    def run(options):
        mx.random.seed(3)
        net = gluon.nn.Dense(3, in_units=4, prefix="dense_")
        net.initialize()
        if options:
            net.hybridize(**options)
        results = []

        def step(x, recorded=True):
            if not recorded:
                results.append(net(x).asnumpy())
                return
            x.attach_grad()
            with autograd.record():
                out = net(x)
            out.backward()
            results.extend([out.asnumpy(), x.grad.asnumpy()])
            if net.weight.grad_req != "null":
                results.append(net.weight.grad().asnumpy())

        x = nd.array(np.random.RandomState(0).rand(2, 4))
        for _ in range(2):
            step(x)
            step(x[:1])
            step(x, recorded=False)
        net.initialize(mx.init.One(), force_reinit=True)
        step(x)
        net.weight.grad_req = "null"
        step(x)
        net.weight.grad_req = "write"
        step(x)
        net.weight.set_data(nd.ones((3, 4)) * 2)
        step(x)
        net.cast("float64")
        step(x.astype("float64"))
        return results

    for found, expected in zip(run({"static_alloc": True}), run({}), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_a_block_remembers_of_the_last_call_keeps_no_input_alive():
    net = gluon.nn.Dense(3, in_units=4)
    net.initialize()
    net.hybridize(static_alloc=True)
    x = nd.ones((2, 4))
    x.attach_grad()
    with autograd.record():
        out = net(x)
    out.backward()
    alive = weakref.ref(x._data)
    del x, out
    assert alive() is None


class Dispatched(TorchDispatchMode):
    """Notes which operations torch dispatches."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.found.append(func)
        return func(*args, **(kwargs or {}))


A, ROW, INDEX = torch.ones(2, 2), torch.ones(2), torch.zeros(2, 2, dtype=torch.int64)
EXAMPLES = {
    "mm.default": (A, A), "addmm.default": (ROW, A, A), "t.default": (A,), "view.default": (A, [4]),
    "sum.dim_IntList": (A, [0], True), "unsqueeze.default": (A, 1), "gather.default": (A, 1, INDEX),
    "bmm.default": (A[None], A[None]), "scatter_add.default": (A, 1, INDEX, A), "expand.default": (ROW, [2, 2]),
    "mean.dim": (A, [1], False), "clamp_.default": (A, 0, 3), "new_zeros.default": (A, [2, 3]),
    **dict.fromkeys(("relu.default", "relu_.default", "tanh.default", "sigmoid.default"), (A,)),
    **{f"{name}.Tensor": (A, A) for name in ("mul", "mul_", "add", "add_")},
    **{f"{name}.out": (A, A) for name in ("mm", "mul", "add")},
}  # fmt: skip


@pytest.mark.parametrize("function", _BINDINGS, ids=str)
def test_what_calls_an_operation_quickest_calls_that_operation(function):
    example = EXAMPLES[str(function).removeprefix("aten.")]
    given, again = ([x.clone() if isinstance(x, torch.Tensor) else x for x in example] for _ in range(2))
    out = {"out": torch.empty(2, 2)} if str(function).endswith(".out") else {}
    with Dispatched() as mode:
        found = _quickest(function)(*given, **out)
    assert mode.found == [function]
    torch.testing.assert_close(found.clone(), function(*again, **out), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["mul", "mul_", "add", "add_"])
def test_numbers_may_stand_for_arrays_in_quick_calls(name):
    function, half = getattr(torch.ops.aten, name).Tensor, torch.ones(2, dtype=torch.float16)
    with Dispatched() as mode:
        _quickest(function)(half, -1.5)
    assert mode.found == [function]
