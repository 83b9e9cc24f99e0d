"""Inference of executors, modules and blocks with planned storage: exact passes, and results that are kept."""

from __future__ import annotations

import numpy as np
import pytest

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.storage_counter import StorageCounter


def joined():
    """A network whose weights are computed from parameters, with equal expressions and layers that do nothing."""
    data, first, second = mx.sym.var("data"), mx.sym.var("first_weight"), mx.sym.var("second_weight")
    both = mx.sym.Concat(first, mx.sym.square(second), dim=0)
    x = mx.sym.FullyConnected(data, both, num_hidden=8, no_bias=True, name="fc")
    x = mx.sym.Dropout(mx.sym.BlockGrad(mx.sym.BatchNorm(x, name="bn")), p=0.5)
    x = mx.sym.Activation(x, act_type="tanh") * mx.sym.Activation(x, act_type="tanh")
    return mx.sym.FullyConnected(x, num_hidden=3, name="out")


SHAPE = (5, 6)


def executor_of(symbol=None, grad_req="null", seed=0, **options):
    executor = (symbol or joined()).simple_bind(
        mx.cpu(), grad_req=grad_req, data=SHAPE, first_weight=(3, 6), second_weight=(5, 6), **options
    )
    fill(executor, seed)
    return executor


def fill(executor, seed):
    random = np.random.RandomState(seed)
    for array in (*executor.arg_arrays, *executor.aux_arrays):
        array[:] = random.rand(*array.shape) + 0.5


def module(seed=1):
    """A Module of the same network, bound for training: shapes are given for the data alone."""
    symbol = mx.sym.LinearRegressionOutput(joined(), name="loss")
    symbol.get_internals()["first_weight"]._set_attr(__shape__="(3, 6)")
    symbol.get_internals()["second_weight"]._set_attr(__shape__="(5, 6)")
    made = mx.mod.Module(symbol, data_names=["data"], label_names=["loss_label"])
    made.bind([("data", SHAPE)], [("loss_label", (5, 3))])
    mx.random.seed(seed)
    made.init_params(mx.init.Uniform(1))
    return made


def expected_of(executor):
    """What the nodes give one by one: a monitored executor plans nothing."""
    plain = executor._symbol.bind(mx.cpu(), executor.arg_dict, aux_states=executor.aux_dict, grad_req="null")
    plain.set_monitor_callback(lambda name, array: None)
    return [output.asnumpy() for output in plain.forward()]


def assert_right(executor):
    expected = expected_of(executor)
    for output, value in zip(executor.forward(), expected, strict=True):
        np.testing.assert_array_equal(output.asnumpy(), value)


def prepared_of(executor):
    return executor._prepared


def operators(program):
    return [step.op.name for step in program.steps]


def bound(grad_req="null", **options):
    """An executor of `joined` made by bind: which arguments are parameters follows from the graph."""
    arrays = executor_of()
    grads = {n: nd.zeros(a.shape) for n, a in arrays.arg_dict.items()} if grad_req != "null" else None
    return joined().bind(
        mx.cpu(), arrays.arg_dict, args_grad=grads, grad_req=grad_req, aux_states=arrays.aux_dict, **options
    )


def test_executors_compute_what_depends_on_parameters_once_and_leave_out_what_does_nothing():
    executor = module()._exec_group.execs[0]
    assert_right(executor)
    prepared = prepared_of(executor)
    assert "Concat" in operators(prepared.prologue.program) and "square" in operators(prepared.prologue.program)
    assert operators(prepared.main) == [
        "FullyConnected", "BatchNorm", "Activation", "elemwise_mul", "FullyConnected", "LinearRegressionOutput"
    ]  # fmt: skip
    (computed,) = prepared.prologue.computed
    executor.arg_dict["data"][:] = 2
    assert_right(executor)
    assert prepared.prologue.computed[0] is computed  # not computed again for other data


def test_every_way_to_change_the_parameters_of_an_executor_is_noticed(tmp_path):
    made = module()
    executor = made._exec_group.execs[0]
    batch = mx.io.DataBatch([nd.ones(SHAPE)], [nd.ones((5, 3))])

    def check_now():
        made.forward(batch, is_train=False)
        found = made.get_outputs()[0].asnumpy()
        np.testing.assert_array_equal(found, expected_of(executor)[0])
        return found

    seen = [check_now()]
    executor.arg_dict["first_weight"][:] = 0.25
    seen.append(check_now())
    executor.arg_dict["second_weight"][1:3] += 1
    seen.append(check_now())
    executor.arg_dict["second_weight"].as_torch().mul_(2)
    seen.append(check_now())
    args, aux = made.get_params()
    made.set_params({n: a * 1.5 for n, a in args.items()}, aux)
    seen.append(check_now())
    executor.copy_params_from({"first_weight": nd.ones((3, 6))}, allow_extra_params=True)
    seen.append(check_now())
    made.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.1})
    for _ in range(2):
        made.forward_backward(batch)
        made.update()
        seen.append(check_now())
    nd.random.normal(out=executor.arg_dict["first_weight"])
    seen.append(check_now())
    for number, one in enumerate(seen):
        assert not any(np.array_equal(one, other) for other in seen[:number])


def test_predict_and_score_give_the_values_of_the_parameters_as_they_are():
    made = module()
    iterator = mx.io.NDArrayIter(np.random.RandomState(3).rand(10, 6), np.zeros((10, 3)), 5, label_name="loss_label")
    before = made.predict(iterator).asnumpy()
    iterator.reset()
    made.fit(iterator, eval_data=iterator, num_epoch=2, eval_metric="mse", optimizer_params={"learning_rate": 0.05})
    after = made.predict(iterator).asnumpy()
    assert not np.allclose(before, after)
    executor = made._exec_group.execs[0]
    np.testing.assert_array_equal(after[5:], expected_of(executor)[0])


def test_after_bind_the_parameters_are_what_layers_take_as_such():
    executor = bound()
    assert_right(executor)
    prepared = prepared_of(executor)
    assert "Concat" not in operators(prepared.prologue.program)  # nothing says that those are parameters
    plan = executor.memory_plan()
    assert plan.prologue_bytes == 0
    assert plan.input_bytes == 4 * (5 * 6 + 3 * 6 + 5 * 6)
    x, w = mx.sym.var("x"), mx.sym.var("w_half")
    symbol = mx.sym.Embedding(x, mx.sym.square(mx.sym.var("table_weight")), input_dim=4, output_dim=2)
    symbol = mx.sym.broadcast_mul(symbol, mx.sym.square(w))
    executor = symbol.bind(
        mx.cpu(), {"x": nd.array([1, 2]), "table_weight": nd.ones((4, 2)), "w_half": nd.ones((1, 2))}, grad_req="null"
    )
    assert_right(executor)
    executor.arg_dict["w_half"][:] = 3
    assert_right(executor)


def test_arguments_that_are_all_parameters_are_computed_at_every_run():
    symbol = mx.sym.FullyConnected(no_bias=True, num_hidden=2, name="fc", data=mx.sym.var("fc_data"))
    symbol = mx.sym.exp(symbol.get_internals()["fc_weight"])
    executor = symbol.bind(mx.cpu(), [nd.ones((2, 3))], grad_req="null")
    executor.forward()
    executor.arg_arrays[0][:] = 2
    np.testing.assert_array_equal(executor.forward()[0].asnumpy(), nd.exp(nd.full((2, 3), 2)).asnumpy())


def test_a_forward_pass_holds_the_planned_bytes_and_what_is_kept_is_a_number_of_its_own():
    executor = module()._exec_group.execs[0]
    plan = executor._symbol.memory_plan(training=False, data=SHAPE)
    assert plan.prologue_bytes == 8 * 6 * 4
    assert plan.peak_bytes == plan.parameter_bytes + plan.input_bytes + plan.prologue_bytes + plan.planned_bytes
    with StorageCounter() as counter:
        executor.forward()
    assert counter.live == plan.prologue_bytes + sum(output.size * 4 for output in executor.outputs)
    with StorageCounter() as counter:
        executor.forward()
    assert counter.peak == plan.planned_bytes
    executor.arg_dict["first_weight"][:] = 3
    executor.forward()
    with StorageCounter() as counter:
        executor.forward()
    assert counter.peak == plan.planned_bytes


def test_what_is_kept_is_let_go_of_when_training_starts():
    executor = module()._exec_group.execs[0]
    executor.forward()
    (computed,) = prepared_of(executor).prologue.computed
    assert sum(result.nbytes for result in computed.results) == 8 * 6 * 4
    executor.forward(is_train=True)
    assert not prepared_of(executor).prologue.computed
    executor.backward()
    assert_right(executor)


def recurrent(layer=gluon.rnn.LSTM, **options):
    mx.random.seed(4)
    net = layer(8, num_layers=2, bidirectional=True)
    net.initialize(mx.init.Xavier())
    x = nd.random.normal(shape=(5, 3, 4))
    expected = net(x).asnumpy()
    net.hybridize(**options)
    return net, x, expected


def test_blocks_with_planned_storage_join_weights_once():
    net, x, expected = recurrent(static_alloc=True)
    np.testing.assert_array_equal(net(x).asnumpy(), expected)
    (prepared,) = net._cached_op.inference._prepared.values()
    assert prepared.planned is not None
    assert any("concat" in name for name in operators(prepared.prologue.program))
    assert not any("concat" in name for name in operators(prepared.main))
    parameters = sum(p.data().size for p in net.collect_params().values())
    plan = net.memory_plan(x, net.begin_state(3), training=False)
    assert plan.prologue_bytes == parameters * 4
    for change in (lambda p: p.set_data(p.data() * 2), lambda p: p.data().__imul__(2)):
        change(net.l0_i2h_weight)
        changed = net(x).asnumpy()
        assert not np.array_equal(changed, expected)
        net.hybridize(False)
        np.testing.assert_array_equal(changed, net(x).asnumpy())
        net.hybridize(static_alloc=True)
        np.testing.assert_array_equal(changed, net(x).asnumpy())


def test_a_planned_pass_of_a_block_holds_exactly_the_planned_bytes():
    net, x, _ = recurrent(gluon.rnn.GRU, static_alloc=True)  # oneDNN's LSTM has a workspace
    states = net.begin_state(3)
    out = net(x, states)
    plan = net.memory_plan(x, states, training=False)
    del out
    with StorageCounter() as counter:
        net(x, states)
    assert counter.peak == plan.planned_bytes
    assert net.cache_info()["plans"] == 1


def test_recorded_and_training_passes_of_blocks_hold_nothing_from_inference():
    net, x, expected = recurrent(static_alloc=True)
    net(x)
    (prepared,) = net._cached_op.inference._prepared.values()
    assert prepared.prologue.computed
    with autograd.record():
        out = net(x)
    assert not prepared.prologue.computed
    out.backward()
    np.testing.assert_array_equal(net(x).asnumpy(), expected)


def test_symbol_blocks_are_planned_and_optimized_too():
    executor = module()._exec_group.execs[0]
    block = gluon.SymbolBlock(joined(), mx.sym.var("data"))
    for name, parameter in block.collect_params().items():
        parameter.shape = {**executor.arg_dict, **executor.aux_dict}[name].shape
    block.initialize()
    for name, parameter in block.collect_params().items():
        parameter.set_data({**executor.arg_dict, **executor.aux_dict}[name])
    block.hybridize(static_alloc=True)
    x = nd.ones(SHAPE)
    executor.arg_dict["data"][:] = x
    np.testing.assert_array_equal(block(x).asnumpy(), expected_of(executor)[0])
    (prepared,) = block._cached_op.inference._prepared.values()
    assert prepared.planned is not None and "Concat" in operators(prepared.prologue.program)


def test_nothing_is_kept_where_a_budget_leaves_no_room():
    # The joined weight is wide, and needed while little else is held: to keep it costs more at the peak.
    x = mx.sym.var("data")
    wide = mx.sym.Concat(*(mx.sym.var(f"part{i}_weight", shape=(4, 512)) for i in range(4)), dim=0)
    y = mx.sym.FullyConnected(x, wide, num_hidden=16, no_bias=True)
    y = mx.sym.broadcast_axis(mx.sym.expand_dims(y, axis=2), axis=2, size=512)
    symbol = mx.sym.exp(mx.sym.sin(y))
    plan = symbol.memory_plan(training=False, data=(8, 512))
    assert plan.prologue_bytes == 16 * 512 * 4
    tight = symbol.memory_plan(training=False, budget=plan.peak_bytes - 4, data=(8, 512))
    assert tight.prologue_bytes == 0 and tight.peak_bytes < plan.peak_bytes
    values = []
    for budget in (None, plan.peak_bytes, plan.peak_bytes - 4):
        executor = symbol.simple_bind(mx.cpu(), grad_req="null", memory_budget=budget, data=(8, 512))
        fill(executor, 2)
        values.append(executor.forward()[0].asnumpy())
        with StorageCounter() as counter:
            executor.forward()
        assert counter.peak == (tight if budget == plan.peak_bytes - 4 else plan).planned_bytes
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[0], values[2])
    with pytest.raises(mx.MXNetError, match="smallest possible"):
        symbol.memory_plan(training=False, budget=tight.peak_bytes - 4, data=(8, 512))


def test_arrays_of_equal_elements_are_made_rather_than_kept():
    x = mx.sym.var("data")
    symbol = mx.sym.broadcast_add(x, mx.sym.zeros((64, 1))) + mx.sym.ones((64, 64))
    assert symbol.memory_plan(training=False, data=(64, 64)).prologue_bytes == 0


def test_random_numbers_come_in_the_order_of_imperative_calls():
    class Noise(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            first = F.random.normal(shape=(4,))
            second = F.random.uniform(shape=(4,))
            third = F.random.normal(shape=(4,))
            return F.concat(third, first, second, x, dim=0)

    net, x = Noise(), nd.zeros(4)
    values = []
    for options in (None, {}, {"static_alloc": True}):
        net.hybridize(options is not None, **(options or {}))
        mx.random.seed(11)
        values.append(net(x).asnumpy())
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[0], values[2])


class Counting(mx.operator.CustomOp):
    def __init__(self):
        super().__init__()
        self.runs = 0

    def forward(self, is_train, req, in_data, out_data, aux):
        self.runs += 1
        self.assign(out_data[0], req[0], in_data[0] * 0 + self.runs)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], out_grad[0])


@mx.operator.register("test_inference_counting")
class CountingProp(mx.operator.CustomOpProp):
    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Counting()


def test_operators_with_a_state_keep_it_from_training_to_inference():
    x = mx.sym.var("x")
    symbol = mx.sym.Custom(mx.sym.BlockGrad(mx.sym.Custom(x, op_type="test_inference_counting")) + x,
                           op_type="test_inference_counting")  # fmt: skip
    executor = symbol.simple_bind(mx.cpu(), x=(2,))
    runs = [executor.forward(is_train=training)[0].asnumpy()[0] for training in (True, False, True, False)]
    assert runs == [1, 2, 3, 4]


def convolutions():
    x = mx.sym.Convolution(mx.sym.var("data"), num_filter=8, kernel=(3, 3), pad=(1, 1), name="c")
    x = mx.sym.Activation(mx.sym.BatchNorm(x, name="bn", fix_gamma=False), act_type="relu")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=4, name="fc"), name="softmax")


IMAGES = (2, 3, 8, 8)


def filled(symbol, grad_req="null", way="simple_bind"):
    executor = symbol.simple_bind(mx.cpu(), grad_req=grad_req, data=IMAGES)
    fill(executor, 3)
    executor.arg_dict["fc_weight"][:] = (executor.arg_dict["fc_weight"] - 1) * 0.02
    if way == "bind":
        grads = executor.grad_dict if grad_req != "null" else None
        executor = symbol.bind(mx.cpu(), executor.arg_dict, grads, grad_req, executor.aux_dict)
    return executor


def step_of(executor):
    executor.forward(is_train=True)
    executor.backward()
    return [executor.outputs[0].asnumpy(), *(g.asnumpy() for g in executor.grad_arrays),
            *(a.asnumpy() for a in executor.aux_arrays)]  # fmt: skip


@pytest.fixture(params=["oneDNN", "MKLDNN", "onnxruntime", "openvino"])
def backend(request):
    if request.param in ("onnxruntime", "openvino"):
        pytest.importorskip(request.param)
        pytest.importorskip("onnx")
    return request.param


@pytest.mark.parametrize("way", ["bind", "simple_bind"])
def test_symbols_for_a_backend_run_by_it_in_inference_and_train_as_they_were(backend, way):
    plain = filled(convolutions(), "write", way)
    changed = convolutions().optimize_for(backend)
    assert changed.list_arguments() == convolutions().list_arguments()
    assert changed.list_auxiliary_states() == convolutions().list_auxiliary_states()
    assert changed.list_outputs() == convolutions().list_outputs()
    assert changed.infer_shape(data=IMAGES) == convolutions().infer_shape(data=IMAGES)
    executor = filled(changed, "write", way)

    def check_now():
        expected = plain.forward()[0].asnumpy()
        np.testing.assert_allclose(executor.forward()[0].asnumpy(), expected, rtol=1e-4, atol=1e-6)
        return expected

    first = check_now()
    prepared = prepared_of(executor)
    assert "BatchNorm" not in operators(prepared.main) and "Convolution" not in operators(prepared.main)
    for one, other in zip(step_of(executor), step_of(plain), strict=True):
        np.testing.assert_array_equal(one, other)
    after = check_now()  # the statistics have moved
    assert not np.array_equal(first, after)
    for each in (plain, executor):
        each.arg_dict["fc_weight"][:] *= 0.5
    assert not np.array_equal(check_now(), after)


def test_folded_and_packed_weights_of_executors_are_kept_until_they_change():
    executor = filled(convolutions().optimize_for("oneDNN"))
    executor.forward()
    prepared = prepared_of(executor)
    assert "_fused_convolution" in operators(prepared.main)
    assert not {"elemwise_mul", "rsqrt", "_pack_convolution_weight"} & set(operators(prepared.main))
    (computed,) = prepared.prologue.computed
    executor.forward(data=nd.ones(IMAGES))
    assert prepared.prologue.computed[0] is computed
    executor.arg_dict["bn_gamma"][:] = 2
    executor.forward()
    assert prepared.prologue.computed[0] is not computed


def test_a_module_of_a_symbol_for_a_backend_predicts_by_it_and_trains():
    predictions = []
    for symbol in (convolutions(), convolutions().optimize_for("oneDNN")):
        images = np.random.RandomState(0).rand(4, *IMAGES[1:]).astype(np.float32)
        iterator = mx.io.NDArrayIter(images, np.arange(4), 2, label_name="softmax_label")
        made = mx.mod.Module(symbol)
        mx.random.seed(5)
        made.fit(iterator, num_epoch=2, initializer=mx.init.Xavier(), optimizer_params={"learning_rate": 0.1})
        predictions.append(made.predict(iterator).asnumpy())
    assert "_fused_convolution" in operators(prepared_of(made._exec_group.execs[0]).main)
    np.testing.assert_allclose(predictions[1], predictions[0], rtol=1e-4, atol=1e-6)
    assert made._exec_group.execs[0].reshape(data=(1, 3, 8, 8), softmax_label=(1,))._optimizer is not None


def test_the_environment_names_a_backend_for_inference_alone(monkeypatch):
    expected = filled(convolutions()).forward()[0].asnumpy()
    monkeypatch.setenv("MXNET_SUBGRAPH_BACKEND", "MKLDNN")
    for way in ("bind", "simple_bind"):
        executor = filled(convolutions(), way=way)
        np.testing.assert_allclose(executor.forward()[0].asnumpy(), expected, rtol=1e-4, atol=1e-6)
        assert "_fused_convolution" in operators(prepared_of(executor).main)
        assert "_fused_convolution" in executor.get_optimized_symbol().tojson()
        assert "Total" not in executor.debug_str()
        trained = filled(convolutions(), "write", way)
        np.testing.assert_array_equal(trained.forward()[0].asnumpy(), expected)  # as in MXNet
        assert "Convolution" in operators(prepared_of(trained).main)
    monkeypatch.setenv("MXNET_SUBGRAPH_BACKEND", "NONE")
    np.testing.assert_array_equal(filled(convolutions()).forward()[0].asnumpy(), expected)
    monkeypatch.setenv("MXNET_SUBGRAPH_BACKEND", "nothing")
    for grad_req in ("null", "write"):
        with pytest.raises(mx.MXNetError, match="'nothing' is not registered"):
            filled(convolutions(), grad_req)


def test_what_a_backend_of_an_executor_cannot_do_says_so():
    changed = convolutions().optimize_for("oneDNN")
    with pytest.raises(mx.MXNetError, match="backend 'oneDNN', whose storage isn't planned, so leave out a m"):
        changed.simple_bind(mx.cpu(), memory_budget=10**9, data=IMAGES)
    with pytest.raises(mx.MXNetError, match="backend 'oneDNN', whose storage isn't planned"):
        changed.memory_plan(training=False, data=IMAGES)
    with pytest.raises(mx.MXNetError, match="backend 'oneDNN', whose storage isn't planned"):
        filled(changed).memory_plan()
    assert changed.memory_plan(data=IMAGES).planned_bytes == convolutions().memory_plan(data=IMAGES).planned_bytes
    x = mx.sym.var("x")
    double = (mx.sym.var("x") + x).optimize_for("oneDNN")
    with pytest.raises(mx.MXNetError, match="can't run two arguments of one name"):
        double.bind(mx.cpu(), [nd.ones(2), nd.ones(2)])


def test_copies_and_parts_of_symbols_for_a_backend():
    import copy
    import pickle

    changed = convolutions().optimize_for("oneDNN")
    expected = filled(convolutions()).forward()[0].asnumpy()
    for other in (copy.copy(changed), copy.deepcopy(changed)):
        assert other.list_auxiliary_states() == changed.list_auxiliary_states()
        executor = filled(other)
        np.testing.assert_allclose(executor.forward()[0].asnumpy(), expected, rtol=1e-4, atol=1e-6)
    assert repr(changed) == repr(convolutions())
    stored = pickle.loads(pickle.dumps(changed))
    assert set(stored.list_inputs()) == set(changed.list_inputs())
    values = filled(changed)
    given = {**values.arg_dict, **values.aux_dict}
    for part in (stored, changed[0], mx.sym.load_json(changed.tojson())):
        executor = part.bind(mx.cpu(), {name: given[name] for name in part.list_arguments()}, grad_req="null")
        np.testing.assert_allclose(executor.forward()[0].asnumpy(), expected, rtol=1e-4, atol=1e-6)
