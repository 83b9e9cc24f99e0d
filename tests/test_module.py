"""Modules: training as recorded from the original (tests/oracle/record_module.py), states, errors, checkpoints."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import mxnet as mx
from mxnet.base import MXNetError
from mxnet.io import DataBatch, DataDesc, NDArrayIter
from mxnet.storage_counter import StorageCounter

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "oracle"))
import record_module as recorder  # the same code made the recorded values

DATA = Path(recorder.DATA)
RECORDED = np.load(DATA / "module.npz")
FACTS = json.loads((DATA / "module.json").read_text())
SHAPES = [("data", (4, 6))], [("softmax_label", (4,))]


def net():
    x = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=5, name="fc1")
    x = mx.sym.Activation(x, act_type="relu", name="act")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=3, name="fc2"), name="softmax")


def batch(size=4, features=6, **kwargs):
    data = np.random.RandomState(size).normal(size=(size, features))
    return DataBatch([mx.nd.array(data)], [mx.nd.array(np.arange(size) % 3)], **kwargs)


def module(context=mx.cpu(), bind=SHAPES, optimizer=True, **kwargs):
    made = mx.mod.Module(net(), context=context, **kwargs)
    made.bind(*bind)
    made.init_params(mx.init.Uniform(0.5))
    if optimizer:
        made.init_optimizer(optimizer_params={"learning_rate": 0.1})
    return made


@pytest.mark.parametrize(
    ("tag", "context", "kvstore"),
    [("one", mx.cpu(), "local"), ("two", [mx.cpu(0), mx.cpu(1)], "device"), ("apart", [mx.cpu(0), mx.cpu(1)], None)],
)
def test_ten_training_steps_are_those_of_the_original(tag, context, kvstore):
    found = {}
    recorder.train(context, kvstore, found, tag)
    assert len(found) == 11
    for name, value in found.items():
        np.testing.assert_allclose(value, RECORDED[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_bucketing_trains_as_the_original():
    found = {}
    recorder.train_buckets(found)
    for name, value in found.items():
        np.testing.assert_allclose(value, RECORDED[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_fit_logs_the_lines_of_the_original(tmp_path):
    level, handlers = logging.getLogger().level, list(logging.getLogger().handlers)
    try:
        lines = recorder.logs(str(tmp_path))
    finally:
        logging.getLogger().setLevel(level)
    assert list(logging.getLogger().handlers) == handlers
    assert lines == FACTS["logs"]


def test_a_checkpoint_of_the_original_gives_its_parameters_and_optimizer_states():
    loaded = mx.mod.Module.load(str(DATA / "module"), 3, load_optimizer_states=True)
    loaded.bind([("data", (6, 1, 8, 8))], [("softmax_label", (6,))])
    loaded.init_optimizer(optimizer_params={"learning_rate": 0.1, "momentum": 0.9, "wd": 1e-3})
    for params in loaded.get_params():
        for name, value in params.items():
            np.testing.assert_array_equal(value.asnumpy(), RECORDED[f"one_{name}"])
    trained = recorder.train(mx.cpu(), "local", {}, "one")
    for index, state in trained._updater.states.items():
        np.testing.assert_allclose(loaded._updater.states[index].asnumpy(), state.asnumpy(), atol=1e-6)
    for one in (loaded, trained):
        data, label = recorder.batches(9, 1, (6, 1, 8, 8), 3)[0]
        one.forward_backward(DataBatch([mx.nd.array(data)], [mx.nd.array(label)]))
        one.update()
    np.testing.assert_allclose(
        loaded.get_params()[0]["fc1_weight"].asnumpy(), trained.get_params()[0]["fc1_weight"].asnumpy(), atol=1e-6
    )


def test_save_checkpoint_writes_the_symbol_of_the_original(tmp_path):
    trained = recorder.train(mx.cpu(), "local", {}, "one")
    trained.save_checkpoint(str(tmp_path / "m"), 3, save_optimizer_states=True)
    assert (tmp_path / "m-symbol.json").read_text() == (DATA / "module-symbol.json").read_text()
    saved, recorded = mx.nd.load(str(tmp_path / "m-0003.params")), mx.nd.load(str(DATA / "module-0003.params"))
    assert list(saved) == list(recorded)
    for name, value in saved.items():
        np.testing.assert_allclose(value.asnumpy(), recorded[name].asnumpy(), rtol=1e-5, atol=1e-6)
    assert mx.mod.Module.load(str(tmp_path / "m"), 3, True)._preload_opt_states == str(tmp_path / "m-0003.states")


def test_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(MXNetError, match="nothing-symbol.json"):
        mx.mod.Module.load(str(tmp_path / "nothing"), 1)
    shutil.copy(DATA / "module-symbol.json", tmp_path / "m-symbol.json")
    with pytest.raises(MXNetError, match="m-0007.params"):
        mx.mod.Module.load(str(tmp_path / "m"), 7)


@pytest.mark.parametrize("kind", ["data_names", "fixed_param_names", "state_names"])
def test_unknown_argument_names_raise_and_list_candidates(kind):
    with pytest.raises(ValueError, match=rf"{kind}=\['typo'\].*\n\tdata\n\tsoftmax_label"):
        mx.mod.Module(net(), **{kind: ["typo"]})


def test_unknown_label_names_only_warn():
    with pytest.warns(UserWarning, match="input with name 'typo' is not found"):
        mx.mod.Module(net(), label_names=["typo"])


def test_gradient_compression_is_refused():
    with pytest.raises(MXNetError, match="compression_params.*2bit"):
        mx.mod.Module(net(), compression_params={"type": "2bit"})


def test_calls_out_of_order_raise_assertion_errors():
    fresh = mx.mod.Module(net())
    for call in (
        lambda: fresh.data_shapes, lambda: fresh.output_shapes, fresh.init_params, fresh.backward, fresh.get_outputs,
        lambda: fresh.forward(batch()), fresh.update, fresh.init_optimizer, fresh.get_params,
        lambda: fresh.save_optimizer_states("x"), lambda: fresh.reshape([("data", (1, 6))]),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match="call (bind|init_params|init_optimizer)"):
            call()
    fresh.bind(*SHAPES)
    fresh.init_params()
    with pytest.raises(AssertionError, match="init_optimizer"):
        fresh.update()
    with pytest.raises(AssertionError, match="inputs_need_grad"):
        fresh.get_input_grads()


def test_bind_again_is_ignored_with_a_warning_or_forced(caplog):
    one = module()
    before = one.get_params()[0]["fc1_weight"].asnumpy()
    one.bind([("data", (2, 6))])
    assert "Already bound" in caplog.text and one.data_shapes[0].shape == (4, 6)
    one.bind([("data", (2, 6))], [("softmax_label", (2,))], force_rebind=True)
    assert one.data_shapes[0].shape == (2, 6)
    np.testing.assert_array_equal(one.get_params()[0]["fc1_weight"].asnumpy(), before)
    one.forward(batch(2))
    assert one.get_outputs()[0].shape == (2, 3)


def test_bind_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="data_names"):
        mx.mod.Module(net()).bind([("other", (4, 6))])
    with pytest.raises(AssertionError, match=r"batch_size = 4, but softmax_label has shape \(5,\)"):
        mx.mod.Module(net()).bind([("data", (4, 6))], [("softmax_label", (5,))])
    with pytest.raises(ValueError, match="2 examples for 3 devices"):
        mx.mod.Module(net(), context=[mx.cpu(i) for i in range(3)]).bind([("data", (2, 6))], [("softmax_label", (2,))])


def test_init_params_takes_given_values_and_checks_them():
    one = module(optimizer=False)
    with pytest.warns(UserWarning, match="already initialized"):
        one.init_params()
    with pytest.raises(RuntimeError, match="fc1_bias is not presented"):
        one.init_params(arg_params={"fc1_weight": mx.nd.ones((5, 6))}, force_init=True)
    one.init_params(mx.init.Zero(), {"fc1_weight": mx.nd.ones((5, 6))}, allow_missing=True, force_init=True)
    assert one.get_params()[0]["fc1_weight"].asnumpy().mean() == 1
    assert not one.get_params()[0]["fc2_weight"].asnumpy().any()
    with pytest.raises(MXNetError, match=r"fc1_weight has shape \(5, 6\); given \(5, 7\)"):
        one.init_params(None, {"fc1_weight": mx.nd.ones((5, 7))}, allow_missing=True, force_init=True)


def test_set_params_checks_names_as_the_original_does():
    one = module(optimizer=False)
    args, aux = one.get_params()
    extra = {**args, "extra": mx.nd.ones((1,))}
    with pytest.raises(RuntimeError, match="is not presented"):
        one.set_params({}, {})
    with pytest.raises(ValueError, match='Find name "extra"'):
        one.set_params(extra, aux, allow_missing=True)
    one.set_params(extra, aux)  # 1.9.1 ignores it here, and programs rely on that
    one.set_params(extra, aux, allow_missing=True, allow_extra=True)
    one.set_params({"fc1_bias": mx.nd.ones((5,)) * 7}, {}, allow_missing=True)
    assert one.get_params()[0]["fc1_bias"].asnumpy().tolist() == [7] * 5


def test_forward_takes_batches_of_other_shapes_with_and_without_labels():
    one = module()
    weight = one._exec_group.param_arrays[0][0]
    for size, labelled in ((4, True), (7, True), (7, False), (3, False), (3, True), (4, True)):
        given = batch(size)
        expected = module_output(one, given)
        one.forward(given if labelled else DataBatch(given.data), is_train=False)
        np.testing.assert_allclose(one.get_outputs()[0].asnumpy(), expected, rtol=1e-5)
        assert one.data_shapes[0].shape == (size, 6)
    assert one._exec_group.param_arrays[0][0] is weight


def module_output(one, given):
    args = {name: value.asnumpy() for name, value in one.get_params()[0].items()}
    hidden = np.maximum(given.data[0].asnumpy() @ args["fc1_weight"].T + args["fc1_bias"], 0)
    scores = np.exp(hidden @ args["fc2_weight"].T + args["fc2_bias"])
    return scores / scores.sum(1, keepdims=True)


def test_training_goes_on_right_after_a_batch_without_label():
    one, other = module(), module()
    other.set_params(*one.get_params())
    one.forward(DataBatch(batch(3).data), is_train=False)
    for each in (one, other):
        each.forward_backward(batch(3))
        each.update()
    for name, value in other.get_params()[0].items():
        np.testing.assert_array_equal(one.get_params()[0][name].asnumpy(), value.asnumpy())


def test_forward_refuses_batches_that_do_not_fit_and_stays_usable():
    one = module()
    with pytest.raises(MXNetError, match=r"fc1_weight.*\(5, 6\).*\(5, 5\)"):
        one.forward(batch(4, 5))
    with pytest.raises(MXNetError, match="2 arrays; expected 1"):
        one.forward(DataBatch(batch().data * 2, batch().label))
    with pytest.raises(AssertionError, match="same batch size"):
        one.forward(DataBatch(batch(3).data, batch(2).label))
    one.forward(batch())
    assert one.get_outputs()[0].shape == (4, 3)


@pytest.mark.parametrize(
    ("size", "workload", "expected"),
    [
        (8, None, [3, 3, 2]),
        (7, None, [2, 2, 3]),
        (10, None, [3, 3, 4]),
        (11, None, [4, 4, 3]),
        (8, (1, 2, 1), [2, 4, 2]),
    ],
)
def test_batches_are_split_over_devices_as_in_the_original(size, workload, expected):
    devices = [mx.cpu(i) for i in range(3)]
    one = mx.mod.Module(net(), context=devices, work_load_list=workload)
    one.bind([("data", (size, 6))], [("softmax_label", (size,))], inputs_need_grad=True)
    one.init_params()
    one.forward(batch(size))
    one.backward()
    assert [part.shape[0] for part in one.get_outputs(False)[0]] == expected
    assert [part.context for part in one.get_outputs(False)[0]] == devices
    assert one.get_outputs()[0].shape == (size, 3) == one.output_shapes[0][1]
    assert one.get_input_grads()[0].shape == (size, 6)


def test_several_devices_train_as_one():
    one, three = module(), module([mx.cpu(i) for i in range(3)])
    three.set_params(*one.get_params())
    three.init_optimizer(optimizer_params={"learning_rate": 0.1}, force_init=True)
    for each in (one, three):
        each.forward_backward(batch())
        each.update()
    for name, value in one.get_params()[0].items():
        np.testing.assert_allclose(three.get_params()[0][name].asnumpy(), value.asnumpy(), rtol=1e-5, atol=1e-7)


def test_a_list_of_batches_gives_one_to_each_device():
    two = module([mx.cpu(0), mx.cpu(1)])
    whole = batch()
    two.forward(whole)
    expected = two.get_outputs()[0].asnumpy()
    parts = [DataBatch([whole.data[0][i : i + 2]], [whole.label[0][i : i + 2]]) for i in (0, 2)]
    two.forward(parts)
    np.testing.assert_array_equal(two.get_outputs()[0].asnumpy(), expected)
    metrics = [mx.metric.create("ce") for _ in range(2)]
    two.update_metric(metrics[0], [part.label for part in parts], pre_sliced=True)
    two.update_metric(metrics[1], whole.label)
    assert metrics[0].get() == metrics[1].get()


def test_fixed_parameters_stay_and_get_no_gradient():
    one = module(fixed_param_names=["fc1_weight"])
    before = one.get_params()[0]["fc1_weight"].asnumpy()
    one.forward_backward(batch())
    one.update()
    np.testing.assert_array_equal(one.get_params()[0]["fc1_weight"].asnumpy(), before)
    assert one._exec_group.grad_arrays[0] == [None]


def test_grad_req_add_accumulates():
    one = mx.mod.Module(net())
    one.bind(*SHAPES, grad_req="add")
    one.init_params(mx.init.Uniform(0.5))
    one.forward_backward(batch())
    once = one._exec_group.grad_arrays[0][0].asnumpy()
    one.forward_backward(batch())
    np.testing.assert_allclose(one._exec_group.grad_arrays[0][0].asnumpy(), 2 * once, rtol=1e-5)


def test_backward_needs_binding_for_training():
    one = mx.mod.Module(net())
    one.bind(*SHAPES, for_training=False)
    one.init_params()
    one.forward(batch(), is_train=True)
    with pytest.raises(AssertionError, match="for_training=True"):
        one.backward()


def test_states_are_kept_from_batch_to_batch():
    hidden = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=5, name="fc") + mx.sym.var("state", shape=(0, 5))
    one = mx.mod.Module(mx.sym.SoftmaxOutput(hidden, name="softmax"), state_names=["state"])
    one.bind(*SHAPES)
    one.init_params(mx.init.Zero())
    with pytest.raises(AssertionError, match="merge_multi_context=True is not supported"):
        one.get_states()
    one.set_states(value=2)
    assert one.get_states(False)[0][0].asnumpy().tolist() == [[2.0] * 5] * 4
    ramp = mx.nd.array(np.tile(np.arange(5), (4, 1)))
    one.set_states(states=[[ramp]])
    one.forward(batch())
    scores = np.exp(np.arange(5.0))
    np.testing.assert_allclose(one.get_outputs()[0].asnumpy()[0], scores / scores.sum(), rtol=1e-5)
    with pytest.raises(AssertionError, match="Only one"):
        one.set_states(states=[[ramp]], value=1)
    with pytest.raises(AssertionError, match="At least one"):
        one.set_states()


def test_a_shared_module_uses_the_same_arrays_and_optimizer():
    one, two = module(), mx.mod.Module(net())
    two.bind([("data", (2, 6))], [("softmax_label", (2,))], shared_module=one)
    assert two.params_initialized and two.optimizer_initialized and two._optimizer is one._optimizer
    two.forward_backward(batch(2))
    two.update()
    np.testing.assert_array_equal(
        one._exec_group.param_arrays[0][0].asnumpy(), two.get_params()[0]["fc1_weight"].asnumpy()
    )
    with pytest.raises(AssertionError, match="shared_module"):
        mx.mod.Module(net()).bind(*SHAPES, shared_module=mx.mod.Module(net()))


def test_init_optimizer_normalises_by_the_batch_and_names_indices(caplog):
    one = module()
    assert one._optimizer.rescale_grad == 0.25
    assert one._optimizer.idx2name == {0: "fc1_weight", 1: "fc1_bias", 2: "fc2_weight", 3: "fc2_bias"}
    one.init_optimizer()
    assert "optimizer already initialized" in caplog.text
    with pytest.raises(ValueError, match="nope"):
        one.init_optimizer(optimizer="nope", force_init=True)
    with pytest.raises(MXNetError, match="'foo'"):
        one.init_optimizer(kvstore="foo", force_init=True)
    with pytest.warns(UserWarning, match=r"rescale_grad is not normalized.*1.0 vs. 0.25"):
        one.init_optimizer(optimizer=mx.optimizer.SGD(), force_init=True)
    two = module([mx.cpu(0), mx.cpu(1)], optimizer=False)
    two.init_optimizer(kvstore=None)
    assert two._optimizer.idx2name[2] == "fc1_bias" == two._optimizer.idx2name[3]


@pytest.mark.parametrize("kvstore", [None, "store"])
def test_optimizer_states_survive_saving(tmp_path, kvstore):
    path = str(tmp_path / "states")
    modules = []
    for _ in range(2):
        one = module(optimizer=False)
        one.init_params(mx.init.One(), force_init=True)
        store = mx.kv.create("local") if kvstore else None
        one.init_optimizer(store, optimizer_params={"learning_rate": 0.1, "momentum": 0.9})
        assert bool(one._update_on_kvstore) == bool(kvstore)
        modules.append(one)
    one, other = modules
    for _ in range(3):
        one.forward_backward(batch())
        one.update()
    one.save_optimizer_states(path)
    other.set_params(*one.get_params())
    if kvstore:  # its values too
        for name, value in one.get_params()[0].items():
            other._kvstore._values[name] = value.copy()
    other.load_optimizer_states(path)
    for each in modules:
        each.forward_backward(batch())
        each.update()
    for name, value in one.get_params()[0].items():
        np.testing.assert_allclose(other.get_params()[0][name].asnumpy(), value.asnumpy(), rtol=1e-6)


def test_predict_and_score_leave_padding_to_the_metric_only():
    one = module()
    data, label = np.random.RandomState(0).normal(size=(10, 6)).astype("float32"), np.arange(10) % 3
    expected = module_output(one, DataBatch([mx.nd.array(data)]))
    iterator = NDArrayIter(data, label, 4)
    found = one.predict(iterator)
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-5)
    assert one.predict(iterator, num_batch=2).shape == (8, 3)
    listed = one.predict(iterator, merge_batches=False)
    assert [len(outputs) for outputs in listed] == [1, 1, 1] and listed[2][0].shape == (2, 3)
    assert isinstance(one.predict(iterator, always_output_list=True), list)
    assert one.predict(iterator, reset=False) == []
    np.testing.assert_allclose(one.predict(data).asnumpy(), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="NDArray or DataIter"):
        one.predict([data])
    assert [(index, given.pad) for _, index, given in one.iter_predict(iterator)] == [(0, 0), (1, 0), (2, 2)]
    padded, labels = np.concatenate([expected, expected[:2]]), np.concatenate([label, label[:2]])
    assert one.score(iterator, "acc") == [("accuracy", pytest.approx((padded.argmax(1) == labels).mean()))]
    seen = []
    one.score(iterator, "acc", num_batch=2, batch_end_callback=lambda p: seen.append((p.epoch, p.nbatch)),
              score_end_callback=[lambda p: seen.append(("end", p.nbatch))], epoch=7)  # fmt: skip
    assert seen == [(7, 0), (7, 1), ("end", 2)]


def test_fit_calls_callbacks_in_order_and_trains():
    data = np.random.RandomState(0).normal(size=(64, 6)).astype("float32")
    label = data[:, :3].argmax(1)
    seen = []
    mx.random.seed(3)
    one = mx.mod.Module(net())
    one.fit(
        NDArrayIter(data, label, 16), NDArrayIter(data, label, 16), num_epoch=20, optimizer="adam",
        optimizer_params={"learning_rate": 0.02}, initializer=mx.init.Xavier(),
        batch_end_callback=lambda p: seen.append(("batch", p.epoch, p.nbatch, p.locals["self"] is one)),
        epoch_end_callback=[lambda epoch, symbol, args, aux: seen.append(("epoch", epoch, sorted(args), aux))],
        eval_batch_end_callback=lambda p: seen.append(("eval batch", p.epoch, p.nbatch)),
        eval_end_callback=lambda p: seen.append(("eval", p.epoch, p.nbatch)),
    )  # fmt: skip
    names = ["fc1_bias", "fc1_weight", "fc2_bias", "fc2_weight"]
    assert seen[:10] == [
        *(("batch", 0, i, True) for i in range(4)), ("epoch", 0, names, {}),
        *(("eval batch", 0, i) for i in range(4)), ("eval", 0, 4),
    ]  # fmt: skip
    assert len(seen) == 200
    assert one.score(NDArrayIter(data, label, 16), "acc")[0][1] > 0.9
    with pytest.raises(AssertionError, match="number of epochs"):
        one.fit(NDArrayIter(data, label, 16))


def test_input_gradients_are_those_of_the_formula():
    product = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc")
    one = mx.mod.Module(mx.sym.MakeLoss(mx.sym.square(product)), label_names=None)
    one.bind([("data", (3, 4))], inputs_need_grad=True)
    one.init_params(mx.init.Uniform(1))
    data = np.random.RandomState(1).normal(size=(3, 4)).astype("float32")
    one.forward(DataBatch([mx.nd.array(data)]), is_train=True)
    one.backward()
    weight = one.get_params()[0]["fc_weight"].asnumpy()
    np.testing.assert_allclose(one.get_input_grads()[0].asnumpy(), 2 * data @ weight.T @ weight, rtol=1e-4, atol=1e-5)


def test_backward_takes_gradients_of_outputs_for_whole_batches():
    outputs = []
    for context in (mx.cpu(), [mx.cpu(0), mx.cpu(1)]):
        one = mx.mod.Module(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc"), label_names=None,
                            context=context)  # fmt: skip
        one.bind([("data", (4, 3))], inputs_need_grad=True)
        one.init_params(mx.init.One())
        one.forward(DataBatch([mx.nd.ones((4, 3))]), is_train=True)
        one.backward([mx.nd.array(np.arange(8).reshape(4, 2))])
        outputs.append(one.get_input_grads()[0].asnumpy())
    np.testing.assert_array_equal(outputs[0], np.repeat([[1], [5], [9], [13]], 3, axis=1))
    np.testing.assert_array_equal(outputs[0], outputs[1])


def bucketing(**kwargs):
    return mx.mod.BucketingModule(lambda key: recorder.bucket_net(mx.sym, key), default_bucket_key=4, **kwargs)


def bucket(key):
    data = np.random.RandomState(key).normal(size=(2, 4 * key))
    return DataBatch(
        [mx.nd.array(data)], [mx.nd.array([0, 1])], bucket_key=key, provide_data=[DataDesc("data", (2, 4 * key))],
        provide_label=[DataDesc("softmax_label", (2,))],
    )  # fmt: skip


def test_buckets_share_parameters_and_survive_a_checkpoint(tmp_path):
    one = bucketing()
    assert list(one.data_names) == ["data"] and one.output_names == ["softmax_output"]
    with pytest.raises(AssertionError, match="call bind before switching bucket"):
        one.switch_bucket(2, [("data", (2, 8))])
    one.bind([("data", (2, 16))], [("softmax_label", (2,))])
    one.init_params(mx.init.Uniform(0.5))
    one.init_optimizer(optimizer_params={"learning_rate": 0.5})
    for key in (4, 2, 3):
        one.forward_backward(bucket(key))
        one.update()
        assert one._curr_bucket_key == key and one.data_shapes[0].shape == (2, 4 * key)
    one.prepare(bucket(2))
    assert one._curr_bucket_key == 3
    with pytest.raises(TypeError, match="bucket_key"):
        one.forward(DataBatch(bucket(4).data, bucket(4).label))
    one.save_checkpoint(str(tmp_path / "b"), 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "b-0005.params", "b-2-symbol.json", "b-3-symbol.json", "b-4-symbol.json", "b.buckets"
    ]  # fmt: skip
    loaded = mx.mod.BucketingModule.load(
        str(tmp_path / "b"), 5, sym_gen=lambda key: recorder.bucket_net(mx.sym, key), default_bucket_key=4
    )
    loaded.bind([("data", (2, 16))], [("softmax_label", (2,))], for_training=False)
    for key in (2, 4):
        for each in (one, loaded):
            each.forward(bucket(key), is_train=False)
        np.testing.assert_array_equal(loaded.get_outputs()[0].asnumpy(), one.get_outputs()[0].asnumpy())
    with pytest.raises(AssertionError, match="sym_gen is required"):
        mx.mod.BucketingModule.load(str(tmp_path / "b"), 5)


def test_bucketing_needs_a_default_key_and_existing_names():
    with pytest.raises(AssertionError, match="default_bucket_key"):
        mx.mod.BucketingModule(lambda key: recorder.bucket_net(mx.sym, key))
    with pytest.raises(ValueError, match="fixed_param_names"):
        bucketing(fixed_param_names=["typo"])


def chain():
    first = mx.sym.Activation(
        mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=5, name="fc1"), act_type="relu", name="act"
    )
    second = mx.sym.FullyConnected(mx.sym.var("act_output"), num_hidden=3, name="fc2")
    second = mx.sym.SoftmaxOutput(second, name="softmax")
    return mx.mod.Module(first, label_names=None), mx.mod.Module(second, data_names=["act_output"])


def test_a_chain_of_modules_trains_as_one_module():
    whole = module()
    sequence = mx.mod.SequentialModule()
    first, second = chain()
    assert sequence.add(first).add(second, take_labels=True, auto_wiring=True) is sequence
    sequence.bind(*SHAPES)
    sequence.init_params(arg_params=whole.get_params()[0], aux_params={}, allow_missing=True)
    sequence.init_optimizer(optimizer_params={"learning_rate": 0.1})
    assert sequence.data_names == ["data"] and sequence.output_shapes == [("softmax_output", (4, 3))]
    for each in (whole, sequence):
        for _ in range(3):
            each.forward_backward(batch())
            each.update()
    for name, value in whole.get_params()[0].items():
        np.testing.assert_allclose(sequence.get_params()[0][name].asnumpy(), value.asnumpy(), rtol=1e-5, atol=1e-7)


def test_a_chain_refuses_equal_names_unknown_metas_and_emptiness():
    with pytest.raises(AssertionError, match='Unknown meta "foo"'):
        mx.mod.SequentialModule().add(chain()[0], foo=True)
    with pytest.raises(AssertionError, match="empty"):
        mx.mod.SequentialModule().bind(*SHAPES)
    twice = mx.mod.SequentialModule().add(chain()[0]).add(chain()[0], auto_wiring=True)
    twice.bind(*SHAPES)
    with pytest.raises(AssertionError, match='"fc1_bias|fc1_weight".*already used'):
        twice.init_params()


def test_python_loss_gives_its_gradient_to_the_module_before():
    def gradient(scores, labels):
        return scores - mx.nd.one_hot(labels, 3)

    first = mx.sym.softmax(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc"), name="scores")
    sequence = mx.mod.SequentialModule()
    sequence.add(mx.mod.Module(first, label_names=None))
    sequence.add(mx.mod.PythonLossModule(grad_func=gradient), take_labels=True, auto_wiring=True)
    data = np.random.RandomState(0).normal(size=(60, 6)).astype("float32")
    mx.random.seed(3)
    label = data[:, :3].argmax(1)
    sequence.fit(NDArrayIter(data, label, 20), num_epoch=60, optimizer_params={"learning_rate": 2.0},
                 initializer=mx.init.Xavier())  # fmt: skip
    assert sequence.score(NDArrayIter(data, label, 20), "acc")[0][1] > 0.85


def test_python_loss_refuses_what_it_cannot_do():
    loss = mx.mod.PythonLossModule()
    loss.bind([("data", (4, 3))], [("softmax_label", (4,))])
    assert loss.output_shapes == [("pyloss_output", (4, 3))]
    loss.forward(DataBatch([mx.nd.ones((4, 3))], [mx.nd.zeros((4,))]))
    assert loss.get_outputs()[0].shape == (4, 3)
    with pytest.raises(NotImplementedError):
        loss.backward()
    with pytest.raises(AssertionError, match="out_grads should be None"):
        loss.backward([mx.nd.ones((4, 3))])
    with pytest.raises(AssertionError, match="only support write"):
        mx.mod.PythonLossModule().bind([("data", (4, 3))], grad_req="add")
    with pytest.raises(AssertionError, match="expected a function"):
        mx.mod.PythonLossModule(grad_func=3)


def test_the_base_class_is_abstract_and_has_no_states():
    base = mx.mod.BaseModule()
    for name in ("data_names", "output_names", "data_shapes", "label_shapes", "output_shapes"):
        with pytest.raises(NotImplementedError):
            getattr(base, name)
    with pytest.raises(NotImplementedError):
        base.forward(None)
    with pytest.raises(AssertionError):
        base.get_states()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        base.prepare(None)


def test_the_older_executor_manager_trains_on_two_devices():
    symbol = net()
    names = [name for name in symbol.list_arguments() if name not in ("data", "softmax_label")]
    data = NDArrayIter(batch().data[0], batch().label[0], 4)
    manager = mx.executor_manager.DataParallelExecutorManager(
        symbol, [mx.cpu(0), mx.cpu(1)], data, symbol.list_arguments(), names, symbol.list_auxiliary_states()
    )
    one = module(optimizer=False)
    manager.set_params(*one.get_params())
    manager.load_data_batch(batch())
    manager.forward(is_train=True)
    manager.backward()
    one.forward_backward(batch())
    for parts, expected in zip(manager.grad_arrays, one._exec_group.grad_arrays, strict=True):
        np.testing.assert_allclose(sum(part.asnumpy() for part in parts), expected[0].asnumpy(), rtol=1e-5, atol=1e-7)
    metrics = [mx.metric.create("ce"), mx.metric.create("ce")]
    manager.update_metric(metrics[0], batch().label)
    one.update_metric(metrics[1], batch().label)
    assert metrics[0].get()[1] == pytest.approx(metrics[1].get()[1])
    copies = {name: value * 0 for name, value in one.get_params()[0].items()}
    manager.copy_to(copies, {})
    np.testing.assert_array_equal(copies["fc1_weight"].asnumpy(), one.get_params()[0]["fc1_weight"].asnumpy())


def _trained_residual(epochs=2, optimizer="adam", **options):
    x = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=16, name="in")
    x = mx.sym.Activation(mx.sym.BatchNorm(x, name="bn"), act_type="relu")
    y = mx.sym.FullyConnected(x, num_hidden=16, name="mid")
    out = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x + mx.sym.tanh(y), num_hidden=3, name="out"), name="softmax")
    random = np.random.RandomState(0)
    data, label = random.randn(48, 5).astype("float32"), random.randint(0, 3, 48).astype("float32")
    batches = mx.io.NDArrayIter(data, label, 16, label_name="softmax_label")
    mx.random.seed(2)
    module = mx.mod.Module(out, **options)
    module.fit(
        batches, num_epoch=epochs, initializer=mx.init.Xavier(), optimizer=optimizer,
        optimizer_params={"learning_rate": 0.01, "clip_gradient": 1.0},
    )  # fmt: skip
    return module


@pytest.mark.parametrize("optimizer", ["nadam", "sgld", "rmsprop"])
def test_updates_in_backward_train_the_same_with_optimizers_that_depend_on_the_order(optimizer):
    usual = _trained_residual(optimizer=optimizer)
    fused = _trained_residual(optimizer=optimizer, update_in_backward=True)
    for name, value in usual.get_params()[0].items():
        np.testing.assert_array_equal(value.asnumpy(), fused.get_params()[0][name].asnumpy(), err_msg=name)


def test_updates_in_backward_train_the_same_and_leave_gradient_arrays_alone():
    usual, fused = _trained_residual(), _trained_residual(update_in_backward=True)
    for kind in (0, 1):
        expected, found = usual.get_params()[kind], fused.get_params()[kind]
        for name, value in expected.items():
            np.testing.assert_array_equal(value.asnumpy(), found[name].asnumpy(), err_msg=name)
    gradients = [grads[0].asnumpy() for grads in fused._exec_group.grad_arrays]
    assert all((gradient == 0).all() for gradient in gradients)


def test_updates_in_backward_fall_back_where_they_cannot_be():
    batch = mx.io.DataBatch([mx.nd.ones((16, 5))], [mx.nd.zeros(16)])
    module = _trained_residual(update_in_backward=True)
    before = module.get_params()[0]["in_weight"].asnumpy()
    monitor = mx.mon.Monitor(1, pattern=".*output")
    module.install_monitor(monitor)
    monitor.tic()
    module.forward_backward(batch)
    assert monitor.toc()
    assert any((grads[0].asnumpy() != 0).any() for grads in module._exec_group.grad_arrays)
    np.testing.assert_array_equal(module.get_params()[0]["in_weight"].asnumpy(), before)
    module.update()
    assert (module.get_params()[0]["in_weight"].asnumpy() != before).any()


def _buckets(keys, **options):
    """A BucketingModule after a step in each bucket; a bucket's key is the length of its sequences."""

    def generate(length):
        x = mx.sym.reshape(mx.sym.var("data"), shape=(-1, 4))
        for number in range(4):
            x = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=64, name=f"fc{number}"), act_type="relu")
            x = mx.sym.BatchNorm(x, name=f"bn{number}")
        x = mx.sym.FullyConnected(x, num_hidden=30, name="out")
        label = mx.sym.reshape(mx.sym.var("softmax_label"), shape=(-1,))
        return mx.sym.SoftmaxOutput(x, label, name="softmax"), ("data",), ("softmax_label",)

    mx.random.seed(0)
    module = mx.mod.BucketingModule(generate, keys[0], **options)
    shapes = _bucket_batch(keys[0])
    module.bind(shapes.provide_data, shapes.provide_label)
    module.init_params(mx.init.Xavier())
    module.init_optimizer()
    for key in keys:
        module.forward_backward(_bucket_batch(key))
        module.update()
    return module


def _bucket_batch(length):
    shapes = {"data": (8, length, 4), "softmax_label": (8, length)}
    data = mx.nd.arange(8 * length * 4).reshape(shapes["data"]).sin()
    label = mx.nd.zeros(shapes["softmax_label"])
    return mx.io.DataBatch(
        [data], [label], bucket_key=length, provide_data=[("data", data.shape)],
        provide_label=[("softmax_label", label.shape)],
    )  # fmt: skip


def test_buckets_hold_the_outputs_of_the_last_one_alone():
    keys = (40, 30, 20, 10)
    module = _buckets(keys)
    batches = [_bucket_batch(key) for key in keys]
    with StorageCounter() as counter:
        for batch in batches:
            module.forward_backward(batch)
            held = module.get_outputs()[0]
    assert counter.live == held.size * 4
    values = held.asnumpy()
    module.forward(batches[0])
    np.testing.assert_array_equal(held.asnumpy(), values)  # what the user holds stays
    module.switch_bucket(keys[-1], None)
    with pytest.raises(MXNetError, match="call forward first"):
        module.get_outputs()


def test_a_fraction_as_budget_gives_smaller_shapes_at_least_what_the_first_got():
    expected = _buckets((40, 2, 20)).get_params()[0]
    for name, value in _buckets((40, 2, 20), memory_budget=0.75).get_params()[0].items():
        np.testing.assert_array_equal(value.asnumpy(), expected[name].asnumpy())


def test_buckets_update_in_backward():
    expected = _buckets((40, 20)).get_params()[0]
    module = _buckets((40, 20), update_in_backward=True)
    for name, value in module.get_params()[0].items():
        np.testing.assert_array_equal(value.asnumpy(), expected[name].asnumpy())
    gradients = [gradient for arrays in module._current._exec_group.grad_arrays for gradient in arrays]
    assert not any(gradient.asnumpy().any() for gradient in gradients)  # none was written
