"""Trainer(update_in_backward=...): the numbers of an ordinary Trainer, without gradients that stay."""

from __future__ import annotations

import numpy as np
import pytest

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.graph.choose import candidates
from mxnet.graph.lowering import lower
from mxnet.graph.program import Program
from mxnet.graph.recompute import Forward
from mxnet.graph.schedule import schedule
from mxnet.storage_counter import StorageCounter

BATCH = 4
MODES = {"imperative": None, "hybridized": {}, "planned": {"static_alloc": True}}


def network(width=16):
    net = gluon.nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(
            gluon.nn.Conv2D(8, 3, padding=1), gluon.nn.BatchNorm(), gluon.nn.Activation("relu"), gluon.nn.PReLU(),
            gluon.nn.MaxPool2D(), gluon.nn.Dense(width, activation="tanh"), gluon.nn.LayerNorm(),
            gluon.nn.Dropout(0.5), gluon.nn.Dense(10),
        )  # fmt: skip
    return net


def images(seed, batch=BATCH):
    return nd.array(np.random.RandomState(seed).rand(batch, 3, 8, 8))


def initialized(mode, net=None):
    mx.random.seed(3)
    net = network() if net is None else net
    net.initialize(mx.init.Xavier())
    net(images(0))
    if MODES[mode] is not None:
        net.hybridize(**MODES[mode])
    return net


def train(net, trainer, steps=4, each=lambda number: None):
    """Losses of a few steps, and the parameters after them."""
    mx.random.seed(7)
    loss_of, losses = gluon.loss.SoftmaxCrossEntropyLoss(), []
    for number in range(steps):
        each(number)
        with autograd.record():
            loss = loss_of(net(images(number)), nd.arange(BATCH))
        loss.backward()
        trainer.step(BATCH)
        losses.append(loss.asnumpy())
    return losses, {name: p.data().asnumpy() for name, p in net.collect_params().items()}


def assert_equal_runs(found, expected):
    np.testing.assert_array_equal(found[0], expected[0])
    for name, value in expected[1].items():
        np.testing.assert_array_equal(found[1][name], value, err_msg=name)


def trained(mode, update, optimizer="sgd", options=None, prepare=lambda net: None, **given):
    net = initialized(mode)
    prepare(net)
    trainer = gluon.Trainer(net.collect_params(), optimizer, dict(options or {}), update_in_backward=update)
    return train(net, trainer, **given)


OPTIMIZERS = {
    "sgd": {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.01}, "nag": {"momentum": 0.9}, "signum": {},
    "adam": {"wd": 0.01, "clip_gradient": 0.5}, "adagrad": {}, "rmsprop": {"centered": True}, "adadelta": {},
    "ftrl": {}, "ftml": {}, "adamax": {}, "nadam": {}, "dcasgd": {}, "lbsgd": {"momentum": 0.9}, "sgld": {},
    "lamb": {}, "lars": {"momentum": 0.9, "learning_rate": 0.1},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:learning rate")
@pytest.mark.parametrize("mode", ["planned", "imperative"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_gives_the_bits_of_an_ordinary_trainer(optimizer, mode):
    options = OPTIMIZERS[optimizer]
    scheduler = lambda: mx.lr_scheduler.FactorScheduler(1, 0.5, base_lr=0.1)
    for more in ({}, {"lr_scheduler": scheduler()}):
        given = {k: v for k, v in options.items() if not (more and k == "learning_rate")}
        usual = trained(mode, None, optimizer, {**given, **({"lr_scheduler": scheduler()} if more else {})})
        found = trained(mode, BATCH, optimizer, {**given, **more})
        assert_equal_runs(found, usual)


@pytest.mark.parametrize("mirror", ["0", "1"])
@pytest.mark.parametrize("mode", MODES)
def test_every_way_to_run_a_block_gives_the_same_bits(mode, mirror, monkeypatch):
    monkeypatch.setenv("MXNET_BACKWARD_DO_MIRROR", mirror)
    options = {"learning_rate": 0.1, "momentum": 0.9}
    assert_equal_runs(trained(mode, BATCH, options=options), trained("imperative", None, options=options))


def test_multipliers_frozen_parameters_and_a_changed_learning_rate_are_honoured():
    def prepare(net):
        parameters = list(net.collect_params().values())
        parameters[0].lr_mult, parameters[1].wd_mult = 0.1, 3.0
        parameters[-1].grad_req = "null"

    def run(update):
        net = initialized("planned")
        prepare(net)
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"wd": 0.1, "momentum": 0.5}, update_in_backward=update)
        return train(net, trainer, each=lambda number: trainer.set_learning_rate(0.1 / (1 + number)))

    assert_equal_runs(run(BATCH), run(None))


def test_half_precision_with_float32_copies_gives_the_same_bits():
    def run(update):
        mx.random.seed(3)
        net = gluon.nn.HybridSequential(prefix="half_")
        with net.name_scope():
            net.add(gluon.nn.Dense(8, in_units=12, activation="relu"), gluon.nn.Dense(3, in_units=8))
        net.initialize(mx.init.Xavier())
        net.cast("float16")
        net.hybridize(static_alloc=True)
        options = {"momentum": 0.9, "multi_precision": True, "learning_rate": 0.1}
        trainer = gluon.Trainer(net.collect_params(), "sgd", options, update_in_backward=update)
        for seed in range(3):
            with autograd.record():
                loss = (net(nd.array(np.random.RandomState(seed).rand(BATCH, 12), dtype="float16")) ** 2).sum()
            loss.backward()
            trainer.step(BATCH)
        return [p.data().asnumpy() for p in net.collect_params().values()]

    for found, expected in zip(run(BATCH), run(None), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("hybrid", [False, True])
def test_sparse_gradients_update_the_rows_that_they_store(hybrid):
    def run(update):
        mx.random.seed(3)
        net = gluon.nn.HybridSequential(prefix="table_")
        with net.name_scope():
            net.add(gluon.nn.Embedding(20, 4, sparse_grad=True), gluon.nn.Dense(2, in_units=4, flatten=False))
        net.initialize(mx.init.Xavier())
        net.hybridize(hybrid, static_alloc=hybrid)
        trainer = gluon.Trainer(net.collect_params(), "adam", {"wd": 0.1}, update_in_backward=update)
        for words in ([1, 2, 2], [5, 1, 19]):
            with autograd.record():
                loss = (net(nd.array(words)) ** 2).sum()
            loss.backward()
            trainer.step(3)
        return [p.data().asnumpy() for p in net.collect_params().values()]

    for found, expected in zip(run(3), run(None), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("static_alloc", [False, True])
def test_a_parameter_of_two_blocks_is_updated_with_the_sum_of_its_gradients(static_alloc):
    def run(update):
        mx.random.seed(3)
        first = gluon.nn.Dense(6, in_units=6, prefix="first_")
        second = gluon.nn.Dense(6, in_units=6, params=first.params, prefix="second_")
        last = gluon.nn.Dense(2, in_units=6, prefix="last_")
        for block in (first, second, last):
            block.initialize(mx.init.Xavier())
            block.hybridize(static_alloc=static_alloc)
        parameters = {**first.collect_params(), **last.collect_params()}
        trainer = gluon.Trainer(parameters, "sgd", {"learning_rate": 0.1}, update_in_backward=update)
        for seed in range(3):
            x = nd.array(np.random.RandomState(seed).rand(BATCH, 6))
            with autograd.record():
                loss = (last(second(nd.relu(first(x)))) ** 2).sum()
            loss.backward()
            trainer.step(BATCH)
        return [p.data().asnumpy() for p in parameters.values()]

    for found, expected in zip(run(BATCH), run(None), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_parameter_is_updated_only_when_nothing_reads_it_any_more():
    x, scale = mx.sym.Variable("x"), mx.sym.Variable("scale")
    out = mx.sym.cast(mx.sym.cast(mx.sym.broadcast_mul(x, scale), dtype="int32"), dtype="float32")
    for _ in range(8):
        out = out * x
    out = mx.sym.broadcast_mul(out, scale)
    shapes, dtypes = {"x": (64, 8), "scale": (1, 8)}, {"x": "float32", "scale": "float32"}
    lowered = lower(Program(out.graph), shapes, dtypes, training=True, wanted=["x", "scale"], stores=True, updates=True)
    programs = [candidate.program for candidate in candidates(lowered)]
    programs += [schedule(Forward(lowered), set(), hold_cheap)[0] for hold_cheap in (False, True)]
    late = 0
    for program in programs:
        update = next(n for n, i in enumerate(program.instructions)
                      if i.name == "store" and program.stored[i.call.position] == "scale")  # fmt: skip
        storage = program.storage_of[program.inputs["scale"]]
        reads = [n for n, i in enumerate(program.instructions) if storage in {program.storage_of[v] for v in i.reads}]
        assert max(reads) < update
        late += max(reads) >= lowered.num_forward
    assert late


class Twice(autograd.Function):
    """A function of a user that reads an array which the graph doesn't know of."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor

    def backward(self, head):
        return head * self.factor


def test_functions_of_users_may_read_parameters_in_backward():
    def run(update):
        mx.random.seed(3)
        first, second = gluon.nn.Dense(5, in_units=5, prefix="a_"), gluon.nn.Dense(5, in_units=5, prefix="b_")
        for block in (first, second):
            block.initialize(mx.init.Xavier())
            block.hybridize(static_alloc=True)
        parameters = {**first.collect_params(), **second.collect_params()}
        trainer = gluon.Trainer(parameters, "sgd", {"learning_rate": 0.5}, update_in_backward=update)
        with autograd.record():
            loss = (second(Twice(second.bias.data() + 1)(first(nd.ones((BATCH, 5))))) ** 2).sum()
            loss = loss + (second(Twice(second.weight.data().detach()[0])(first(nd.ones((BATCH, 5))))) ** 2).sum()
        loss.backward()
        trainer.step(BATCH)
        return [p.data().asnumpy() for p in parameters.values()]

    for found, expected in zip(run(BATCH), run(None), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_gradients_are_not_kept():
    def peak(update):
        mx.random.seed(3)
        net = gluon.nn.HybridSequential(prefix="net_")
        with net.name_scope():
            for _ in range(8):
                net.add(gluon.nn.Dense(256, in_units=256, activation="relu"))
        net.initialize()
        net.hybridize(static_alloc=True)
        nbytes = sum(p.data()._data.nbytes for p in net.collect_params().values())
        with StorageCounter(parameters=[p.data() for p in net.collect_params().values()]) as counter:
            trainer = gluon.Trainer(net.collect_params(), "sgd", {"momentum": 0.9}, update_in_backward=update)
            if update is None:
                for parameter in net.collect_params().values():
                    parameter._init_grad()  # counted, as they are made within
            for _ in range(3):
                with autograd.record():
                    loss = net(nd.ones((4, 256)))
                loss.backward()
                trainer.step(4)
                del loss
        return counter.peak, counter.live, nbytes

    peak(None)  # what planning makes, once, without memory
    usual, live, nbytes = peak(None)
    without, live_without, _ = peak(4)
    assert live - live_without == nbytes  # the momenta stay, the gradients don't
    assert usual - without > 1.8 * nbytes  # neither the arrays, nor what is on its way to them


def test_a_plan_counts_no_gradient_arrays_and_holds():
    net = initialized("planned")
    plan = net.memory_plan(images(0), optimizer="sgd", update_in_backward=True)
    usual = net.memory_plan(images(0), optimizer="sgd")
    assert plan.gradient_bytes == 0 < usual.gradient_bytes
    assert plan.planned_bytes <= usual.planned_bytes
    trainer = gluon.Trainer(net.collect_params(), "sgd", update_in_backward=BATCH)

    def step():
        with autograd.record():
            out = net(x)
        out.backward(head)
        trainer.step(BATCH)

    x, head = images(1), nd.ones((BATCH, 10))
    step()
    with StorageCounter() as counter:
        step()
    largest = max(p.data()._data.nbytes for p in net.collect_params().values())
    assert plan.planned_bytes <= counter.peak <= plan.planned_bytes + largest  # what the update itself works with


def test_gradients_can_not_be_read_until_it_is_switched_off():
    net = initialized("planned")
    weight = next(iter(net.collect_params().values()))
    trainer = gluon.Trainer(net.collect_params(), "sgd", update_in_backward=BATCH)
    with pytest.raises(RuntimeError, match="has no gradient array: its Trainer has update_in_backward"):
        weight.grad()
    train(net, trainer, 1)
    trainer.update_in_backward = None
    before = weight.data().asnumpy()
    with autograd.record():
        loss = net(images(0)).sum()
    loss.backward()
    assert (weight.grad().asnumpy() != 0).any()
    np.testing.assert_array_equal(weight.data().asnumpy(), before)
    trainer.step(BATCH)
    assert (weight.data().asnumpy() != before).any()


def test_another_trainer_takes_the_parameters_over():
    net = initialized("planned")
    gluon.Trainer(net.collect_params(), "sgd", update_in_backward=BATCH)
    usual = gluon.Trainer(net.collect_params(), "sgd")
    assert_equal_runs(train(net, usual), trained("planned", None))


def test_states_are_saved_and_loaded(tmp_path):
    def run(update):
        net = initialized("planned")
        make = lambda: gluon.Trainer(net.collect_params(), "adam", {}, update_in_backward=update)
        trainer = make()
        train(net, trainer, 2)
        trainer.save_states(str(tmp_path / "states"))
        trainer = make()
        trainer.load_states(str(tmp_path / "states"))
        return train(net, trainer, 2)

    assert_equal_runs(run(BATCH), run(None))


def test_a_batch_of_another_size_is_announced_before_backward():
    def run(update):
        net = initialized("planned")
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1}, update_in_backward=update)
        for batch in (4, 2):
            if update:
                trainer.update_in_backward = batch
            mx.random.seed(1)
            with autograd.record():
                loss = net(images(0, batch)).sum()
            loss.backward()
            trainer.step(batch)
        return [p.data().asnumpy() for p in net.collect_params().values()]

    for found, expected in zip(run(4), run(None), strict=True):
        np.testing.assert_array_equal(found, expected)
    net = initialized("planned")
    trainer = gluon.Trainer(net.collect_params(), "sgd", update_in_backward=4)
    with autograd.record():
        loss = net(images(0, 2)).sum()
    loss.backward()
    with pytest.raises(mx.MXNetError, match=r"batch size is 2, but backward has divided.*by 4.*update_in_backward = 2"):
        trainer.step(2)


@pytest.mark.parametrize("mode", ["planned", "imperative"])
def test_steps_and_backward_calls_that_do_not_go_together_are_errors(mode):
    net = initialized(mode)
    trainer = gluon.Trainer(net.collect_params(), "sgd", update_in_backward=BATCH)
    with pytest.raises(UserWarning, match="has not been updated by backward since last `step`"):
        trainer.step(BATCH)

    def backward():
        with autograd.record():
            loss = net(images(0)).sum()
        loss.backward()

    backward()
    with pytest.raises(mx.MXNetError, match="has been updated by an earlier backward since the last step"):
        backward()
    trainer.step(BATCH)
    backward()
    trainer.set_learning_rate(0.5)
    with pytest.raises(mx.MXNetError, match=r"lr of the optimizer is 0.5, but backward has updated .* with 0.01"):
        trainer.step(BATCH)


def test_parameters_without_a_new_gradient_stay_if_that_is_asked_for():
    def run(update):
        first, second = gluon.nn.Dense(3, in_units=3, prefix="a_"), gluon.nn.Dense(3, in_units=3, prefix="b_")
        mx.random.seed(3)
        for block in (first, second):
            block.initialize(mx.init.Xavier())
            block.hybridize(static_alloc=True)
        parameters = {**first.collect_params(), **second.collect_params()}
        scheduler = mx.lr_scheduler.FactorScheduler(1, 0.5, base_lr=0.1)
        trainer = gluon.Trainer(parameters, "sgd", {"lr_scheduler": scheduler}, update_in_backward=update)
        for blocks in ((first,), (first, second), (second,), (first, second), (second, first)):
            x = nd.ones((BATCH, 3))
            with autograd.record():
                for block in blocks:
                    x = block(x)
                loss = (x**2).sum()
            loss.backward()
            trainer.step(BATCH, ignore_stale_grad=True)
        return [p.data().asnumpy() for p in parameters.values()]

    for found, expected in zip(run(BATCH), run(None), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_gradients_asked_for_by_autograd_grad_update_nothing():
    net = initialized("planned")
    gluon.Trainer(net.collect_params(), "sgd", update_in_backward=BATCH)
    weight = net[5].weight.data()
    before = weight.asnumpy()
    with autograd.record():
        loss = net(images(0)).sum()
    (gradient,) = autograd.grad(loss, [weight])
    assert (gradient.asnumpy() != 0).any()
    np.testing.assert_array_equal(weight.asnumpy(), before)


def test_trainers_made_before_the_shapes_are_known_work():
    def run(update):
        mx.random.seed(3)
        net = network()
        net.initialize(mx.init.Xavier())
        net.hybridize(static_alloc=True)
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1}, update_in_backward=update)
        return train(net, trainer)

    assert_equal_runs(run(BATCH), run(None))


def test_what_can_not_be_updated_in_backward_is_refused():
    def parameters(**given):
        net = gluon.nn.Dense(2, in_units=2)
        net.initialize(ctx=given.pop("ctx", None))
        net.collect_params().setattr("grad_req", given.pop("grad_req", "write"))
        return net.collect_params()

    def make(params, **given):
        return gluon.Trainer(params, "sgd", **{"update_in_backward": 2, **given})

    with pytest.raises(mx.MXNetError, match="grad_req='add', which adds up"):
        make(parameters(grad_req="add"))
    with pytest.raises(mx.MXNetError, match=r"on several devices, cpu\(0\), cpu\(1\)"):
        make(parameters(ctx=[mx.cpu(0), mx.cpu(1)]))
    for given in ({"update_on_kvstore": True}, {"kvstore": mx.kv.create("local")}, {"kvstore": "dist_sync"}):
        with pytest.raises(mx.MXNetError, match="update_in_backward can't be used with a kvstore"):
            make(parameters(), **given)
    for wrong in (True, 0, "4"):
        with pytest.raises(mx.MXNetError, match="expected the batch size"):
            make(parameters(), update_in_backward=wrong)
    made = parameters()
    make(made)
    with pytest.raises(mx.MXNetError, match="grad_req='add', which adds up"):
        made.setattr("grad_req", "add")


class TwoHeads(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.body = gluon.nn.Dense(5, in_units=4, activation="tanh")
            self.first, self.second = gluon.nn.Dense(2, in_units=5), gluon.nn.Dense(3, in_units=5)

    def hybrid_forward(self, F, x):
        x = self.body(x)
        return self.first(x), self.second(x)


def test_an_output_that_is_not_used_leaves_its_parameters_alone():
    def run(update):
        mx.random.seed(3)
        net = TwoHeads(prefix="two_")
        net.initialize(mx.init.Xavier())
        net.hybridize(static_alloc=True)
        trainer = gluon.Trainer(net.collect_params(), "adam", {}, update_in_backward=update)
        for used in (0, 1, 0):
            with autograd.record():
                loss = (net(nd.ones((BATCH, 4)))[used] ** 2).sum()
            loss.backward()
            trainer.step(BATCH, ignore_stale_grad=True)
        return [p.data().asnumpy() for p in net.collect_params().values()]

    for found, expected in zip(run(BATCH), run(None), strict=True):
        np.testing.assert_array_equal(found, expected)
