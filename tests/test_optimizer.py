"""Optimizers against MXNet 1.9.1, as recorded by tests/oracle/record_optimizer.py, and what goes around them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import mxnet as mx
from mxnet import optimizer as opt

DATA = Path(__file__).parent / "oracle/data"
RECORDS = json.loads((DATA / "optimizer.json").read_text())
ARRAYS = dict(np.load(DATA / "optimizer.npz"))
STEPS, COUNT = 5, 3


def flatten(state, path, into):
    if isinstance(state, mx.nd.NDArray):
        into[path] = state.asnumpy()
    elif isinstance(state, list | tuple):
        into[path] = type(state).__name__
        for i, item in enumerate(state):
            flatten(item, f"{path}.{i}", into)
    else:
        into[path] = state
    return into


def train(record):
    kwargs, setting = dict(record["kwargs"]), record["setting"]
    if "lr_scheduler" in kwargs:
        scheduler, arguments = kwargs["lr_scheduler"]
        kwargs["lr_scheduler"] = getattr(mx.lr_scheduler, scheduler)(**arguments)
    if setting.get("names"):
        kwargs["param_idx2name"] = {0: "fc_weight", 1: "fc_bias", 2: "bn_gamma"}
    optimizer = opt.create(record["optimizer"], **kwargs)
    if setting.get("mult"):
        optimizer.set_lr_mult({0: 0.5, 2: 0.0})
        optimizer.set_wd_mult({1: 0.0, 2: 2.0})
    updater = opt.get_updater(optimizer)
    dtype = setting.get("dtype", "float32")
    count = setting.get("count", COUNT)
    arrays = [mx.nd.array(ARRAYS[f"weight.{i}"], dtype=dtype) for i in range(count)]
    history, rates = [], []
    for step in range(STEPS):
        grads = [mx.nd.array(ARRAYS[f"grad.{step}.{i}"], dtype=dtype) for i in range(count)]
        if setting.get("lists"):
            updater(list(range(count)), grads, arrays)
        else:
            for i in range(count):
                updater(i, grads[i], arrays[i])
        history.append(np.concatenate([a.asnumpy().ravel() for a in arrays]))
        rates.append(optimizer.learning_rate)
    return np.stack(history), updater, rates


@pytest.mark.filterwarnings("ignore:learning rate", "ignore:Accumulating with float16")
@pytest.mark.parametrize(
    "number",
    [n for n, r in enumerate(RECORDS) if "error" not in r],
    ids=lambda n: f"{n}-{RECORDS[n]['optimizer']}-{RECORDS[n]['kwargs']}-{RECORDS[n]['setting']}",
)
def test_training_agrees_with_mxnet(number):
    record = RECORDS[number]
    history, updater, rates = train(record)
    assert rates == pytest.approx(record["rates"], rel=1e-12)
    assert updater.optimizer.num_update == record["num_update"]
    half = record["setting"].get("dtype") == "float16"
    tolerance = {"rtol": 4e-3, "atol": 4e-3} if half else {"rtol": 5e-6, "atol": 1e-6}
    expected = ARRAYS[f"{number}"]
    assert np.isfinite(history).all()
    known = np.isfinite(expected)  # FTML and FTRL give NaN in MXNet when a learning rate is 0
    assert known[:, :12].all()
    np.testing.assert_allclose(history[known], expected[known], **tolerance)
    states = {}
    for i in range(record["setting"].get("count", COUNT)):
        flatten(updater.states[i], str(i), states)
    assert {path: "array" if isinstance(s, np.ndarray) else s for path, s in states.items()} == record["states"]
    for path, state in states.items():
        if isinstance(state, np.ndarray):
            expected = ARRAYS[f"{number}.{path}"]
            assert state.dtype == expected.dtype
            if path.startswith("2") and not known.all():
                continue
            np.testing.assert_allclose(state, expected, **tolerance, err_msg=path)


def step(optimizer, weight, grad, steps=1, index=0):
    weight, grad = mx.nd.array(weight), mx.nd.array(grad)
    state = optimizer.create_state_multi_precision(index, weight)
    for _ in range(steps):
        optimizer.update_multi_precision(index, weight, grad, state)
    return weight.asnumpy()


def test_registered_names_are_those_of_mxnet():
    names = (  # recorded from MXNet 1.9.1
        "adadelta adagrad adam adamax ccsgd dcasgd ftml ftrl groupadagrad lamb lars lbsgd nadam nag rmsprop sgd sgld "
        "signum test"
    ).split()
    assert set(opt.Optimizer.opt_registry) >= set(names)
    for name in names:
        assert type(opt.create(name.upper())) is opt.Optimizer.opt_registry[name]
    with pytest.raises(ValueError, match="Cannot find optimizer nope"):
        opt.create("nope")


def test_own_optimizers_are_registered_and_overriding_warns():
    class OwnForTest(opt.Optimizer):
        def update(self, index, weight, grad, state):
            self._update_count(index)
            weight -= self._get_lr(index) * grad

    try:
        assert opt.register(OwnForTest) is OwnForTest
        with pytest.warns(UserWarning, match="overriding existing optimizer"):
            opt.register(OwnForTest)
        np.testing.assert_allclose(step(opt.create("ownfortest", learning_rate=0.5), [1.0], [1.0]), [0.5])
    finally:
        del opt.Optimizer.opt_registry["ownfortest"]
    with pytest.raises(mx.MXNetError, match="not a class"):
        opt.register("x")


def test_dcasgd_compensates_delay_with_momentum():
    # MXNet 1.9.1 fails on momentum; the reference is the published formula.
    optimizer = opt.DCASGD(momentum=0.9, lamda=0.5, learning_rate=0.1, wd=0.01)
    weight, grad = np.array([1.0, -2.0]), np.array([0.5, 0.25])
    found = step(optimizer, weight, grad, steps=3)
    mom, previous = np.zeros(2), weight.copy()
    for _ in range(3):
        g = grad + 0.01 * weight + 0.5 * grad * grad * (weight - previous)
        mom = 0.9 * mom - 0.1 * g
        previous, weight = weight, weight + mom
    np.testing.assert_allclose(found, weight, rtol=1e-6)


def test_group_adagrad_has_one_rate_for_each_row():
    # MXNet 1.9.1 has it for row-sparse gradients only; the reference is the published formula.
    weight, grad = np.arange(6.0).reshape(2, 3), np.array([[1.0, 2.0, 2.0], [0.5, 0.0, -0.5]])
    found = step(opt.contrib.GroupAdaGrad(learning_rate=0.1, eps=0.1, rescale_grad=0.5), weight, grad, steps=2)
    history = np.zeros((2, 1))
    for _ in range(2):
        g = 0.5 * grad
        history += (g * g).mean(axis=1, keepdims=True)
        weight = weight - 0.1 * g / np.sqrt(history + 0.1)
    np.testing.assert_allclose(found, weight, rtol=1e-6)
    with pytest.raises(mx.MXNetError, match="expected \\(rows, columns\\)"):
        step(opt.contrib.GroupAdaGrad(), [1.0], [1.0])
    with pytest.raises(mx.MXNetError, match="Weight decay is not supported"):
        step(opt.contrib.GroupAdaGrad(wd=0.1), weight, grad)


def test_signum_without_momentum_decays_the_weight():
    found = step(opt.Signum(momentum=0.0, learning_rate=0.1, wd_lh=0.2), [2.0, -3.0], [0.7, 0.0])
    np.testing.assert_allclose(found, [2.0 * 0.98 - 0.1, -3.0 * 0.98], rtol=1e-6)


def test_sgld_adds_noise_of_variance_lr_to_half_a_step():
    mx.random.seed(3)
    optimizer = opt.SGLD(learning_rate=0.01, wd=0.5, clip_gradient=0.1, rescale_grad=0.5)
    found = step(optimizer, np.ones(100_000), np.ones(100_000))
    assert found.mean() == pytest.approx(1 - 0.005 * (0.1 + 0.5), abs=0.001)
    assert found.std() == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["sgd", "nag", "adam", "lamb", "lars", "rmsprop", "signum"])
def test_multi_precision_does_not_lose_small_steps(name, dtype):
    kwargs = {"momentum": 0.9} if name in ("sgd", "nag", "lars") else {}
    optimizer = opt.create(name, learning_rate=1e-3, multi_precision=True, **kwargs)
    exact = opt.create(name, learning_rate=1e-3, **kwargs)
    weight, low = mx.nd.ones((2, 3)), mx.nd.ones((2, 3)).astype(dtype)
    state, low_state = exact.create_state(0, weight), optimizer.create_state_multi_precision(0, low)
    for _ in range(20):
        exact.update(0, weight, weight * 0.125, state)
        optimizer.update_multi_precision(0, low, (weight * 0.125).astype(dtype), low_state)
    assert weight.asnumpy().max() < 0.9999
    arrays = [a for part in low_state for a in (part if isinstance(part, tuple) else (part,))]
    masters = [a.asnumpy() for a in arrays if a is not None and abs(a.asnumpy() - weight.asnumpy()).max() < 1e-3]
    assert masters, "the state holds a float32 copy of the weight"
    assert str(low.dtype) == str(mx.nd.ones(1).astype(dtype).dtype)


def test_half_precision_without_master_copy_warns():
    with pytest.warns(UserWarning, match="Consider using multi_precision=True option of the SGD optimizer"):
        opt.SGD(momentum=0.9).create_state_multi_precision(0, mx.nd.ones(2, dtype="float16"))


# Learning rates, weight decays, counts


def test_names_decide_which_parameters_decay():
    names = {0: "fc_weight", 1: "fc_bias", 2: "bn_gamma", 3: "bn_beta", 4: "x"}
    optimizer = opt.SGD(param_idx2name=names, wd=0.1)
    assert optimizer.wd_mult == {"fc_bias": 0.0, "bn_beta": 0.0, "x": 0.0}  # recorded from MXNet 1.9.1
    assert opt.LARS(param_idx2name=names, wd=0.1).wd_mult == {"fc_bias": 0, "bn_gamma": 0, "bn_beta": 0, "x": 0}
    optimizer.set_wd_mult({"fc_weight": 3.0, 2: 0.5})
    optimizer.set_lr_mult({"fc_bias": 2.0})
    assert optimizer._get_wds(range(6)) == pytest.approx([0.3, 0, 0.05, 0, 0, 0.1])
    assert optimizer._get_lrs(range(3)) == pytest.approx([0.01, 0.02, 0.01])


def test_attributes_of_a_symbol_give_multipliers():
    weight = mx.sym.Variable("q_weight", lr_mult=3, wd_mult=0.5)
    symbol = mx.sym.FullyConnected(mx.sym.Variable("data"), weight=weight, num_hidden=3, name="q")
    optimizer = opt.SGD(param_idx2name={0: "q_weight", 1: "q_bias"}, sym=symbol)
    assert optimizer.lr_mult == {"q_weight": 3.0}  # recorded from MXNet 1.9.1
    assert optimizer.wd_mult == {"q_bias": 0.0, "q_weight": 0.5}


def test_parameters_give_multipliers():
    class Parameter:
        lr_mult, wd_mult = 3.0, 4.0

    optimizer = opt.SGD(param_dict={0: Parameter()}, wd=0.1, learning_rate=0.1, param_idx2name={0: "a_bias"})
    assert (optimizer._get_lr(0), optimizer._get_wd(0)) == pytest.approx((0.3, 0.4))
    assert pickle.loads(pickle.dumps(optimizer)).param_dict == {}


def test_learning_rate_comes_from_the_schedule():
    scheduler = mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.2)
    optimizer = opt.SGD(lr_scheduler=scheduler)
    assert (optimizer.lr, optimizer.learning_rate) == (None, 0.2)
    with pytest.raises(UserWarning, match="LRScheduler"):
        optimizer.set_learning_rate(0.1)
    with pytest.warns(UserWarning, match="overwritten"):
        opt.SGD(learning_rate=0.7, lr_scheduler=scheduler)
    assert scheduler.base_lr == 0.7
    plain = opt.SGD(learning_rate=0.3)
    plain.set_learning_rate(0.5)
    assert plain.learning_rate == 0.5
    with pytest.raises(DeprecationWarning):
        plain.set_lr_scale({})


def test_updates_are_counted_for_each_device():
    optimizer = opt.SGD(begin_num_update=3)
    optimizer._update_count(0)
    optimizer._update_count([0, 1])
    optimizer._set_current_context(1)
    optimizer._update_count(5)
    assert optimizer._all_index_update_counts == {0: {0: 5, 1: 4}, 1: {5: 4}}
    assert optimizer.num_update == 5


def test_bad_input_is_refused():
    weight = mx.nd.ones(2)
    with pytest.raises(mx.MXNetError, match="param_idx2name should be a dict"):
        opt.SGD(param_idx2name=[1])
    with pytest.raises(TypeError, match="foo"):
        opt.SGD(foo=1)
    with pytest.raises(mx.MXNetError, match="grad is 3"):
        opt.SGD().update(0, weight, 3, None)
    with pytest.raises(mx.MXNetError, match="grad has shape \\(3,\\); expected \\(2,\\)"):
        opt.SGD().update(0, weight, mx.nd.ones(3), None)
    with pytest.raises(NotImplementedError):
        opt.Optimizer().update(0, weight, weight, None)
    with pytest.raises(mx.MXNetError, match="2 indices, 2 gradients and 1 weights"):
        opt.get_updater(opt.SGD())([0, 1], [weight, weight], weight)


# States


def test_states_written_by_mxnet_load_with_the_optimizer():
    updater = opt.get_updater(opt.SGD())
    updater.set_states((DATA / "optimizer_states.bin").read_bytes())
    np.testing.assert_allclose(updater.states[0].asnumpy(), [-0.1104, -0.2208, -0.3312], rtol=1e-6)
    mom, master = updater.states[1]
    np.testing.assert_allclose(master.asnumpy(), [[0.85749024, -0.85749024]], rtol=1e-6)
    assert mom.dtype == master.dtype == np.float32
    updater.set_states((DATA / "optimizer_states_optimizer.bin").read_bytes())
    assert type(updater.optimizer) is opt.SGD
    assert (updater.optimizer.momentum, updater.optimizer.num_update) == (0.9, 2)
    assert updater.optimizer.lr_scheduler.step == 3


@pytest.mark.parametrize("dump_optimizer", [False, True])
@pytest.mark.parametrize("name", ["sgd", "adam", "lamb", "rmsprop"])
def test_training_continues_from_saved_states(name, dump_optimizer):
    kwargs = {"momentum": 0.9} if name == "sgd" else {}
    first = opt.get_updater(opt.create(name, **kwargs))
    weight = mx.nd.array([1.0, -2.0, 3.0])
    grad = weight * 0.1
    first(0, grad, weight)
    second = opt.get_updater(opt.create(name, **kwargs) if not dump_optimizer else opt.SGD())
    second.set_states(first.get_states(dump_optimizer))
    if not dump_optimizer:  # the count of updates is the optimizer's
        second.optimizer._index_update_count[0] = 1
    again = weight.copy()
    assert second.states_synced == {0: False}
    first(0, grad, weight)
    second(0, grad, again)
    np.testing.assert_array_equal(weight.asnumpy(), again.asnumpy())


class Malicious:
    def __reduce__(self):
        return (Path.touch, (Path("mxnext-malicious"),))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickle.dumps({0: Malicious()}), "refused"),
        (b"cos\nsystem\n(S'true'\ntR.", "system, which is refused"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "builtins.eval, which is refused"),
        (b"junk", "damaged"),
        ((DATA / "optimizer_states.bin").read_bytes()[:150], "damaged"),
        (pickle.dumps([1, 2]), "list; expected a dictionary"),
    ],
    ids=["reduce", "os.system", "eval", "junk", "cut short", "no dictionary"],
)
def test_states_that_could_run_code_or_are_damaged_are_refused(data, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mx.MXNetError, match=message):
        opt.get_updater(opt.SGD()).set_states(data)
    assert not list(tmp_path.iterdir())


class OwnSchedule(mx.lr_scheduler.LRScheduler):
    def __call__(self, num_update):
        return 0.125


def test_states_with_a_schedule_of_the_program_load():
    updater = opt.get_updater(opt.SGD(lr_scheduler=OwnSchedule()))
    other = opt.get_updater(opt.SGD())
    other.set_states(updater.get_states(dump_optimizer=True))
    assert other.optimizer.learning_rate == 0.125


def test_states_move_to_the_device_of_the_weight():
    updater = opt.get_updater(opt.SGD())
    array = mx.nd.ones(2)
    moved = updater.sync_state_context([array, (array, None), None, 3], mx.cpu(1))
    assert moved[0].context == moved[1][0].context == mx.cpu(1)
    assert (moved[1][1], moved[2], moved[3]) == (None, None, 3)
    assert updater.sync_state_context(array, mx.cpu(0)) is array


def test_pickles_name_the_modules_that_mxnet_has():
    assert opt.SGD.__module__ == "mxnet.optimizer.optimizer"
    assert opt.contrib.GroupAdaGrad.__module__ == "mxnet.optimizer.contrib"
    assert opt.optimizer.SGD is opt.SGD
