"""static_shape: programs that are recorded and replayed, here by a recorder that works on a CPU as CUDA graphs do.

What it records, it runs again on the same memory; recording computes nothing, and leaves generators as they were.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.base import MXNetError
from mxnet.gluon import nn
from mxnet.graph import replay
from mxnet.ops.generators import generator_for


class Tape(TorchDispatchMode):
    """Writes down operations, and gives memory that they wrote to what it held before."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.made = set()
        self.before = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        for argument, value in zip(function._schema.arguments, args, strict=False):
            if argument.is_write and storage(value) not in self.made:
                self.before.append((value, value.clone()))
        out = function(*args, **kwargs)
        given = {storage(t) for t in tensors_in((args, kwargs))}
        self.made |= {storage(t) for t in tensors_in(out)} - given
        self.calls.append((function, args, kwargs, out, given))
        return out

    def end(self):
        for value, old in reversed(self.before):
            value.copy_(old)
        for *_, out, given in self.calls:
            for tensor in tensors_in(out):
                if storage(tensor) not in given and tensor.is_floating_point():
                    tensor.fill_(float("nan"))  # recording computes nothing

    def replay(self):
        Recorder.num_replays += 1
        for function, args, kwargs, out, given in self.calls:
            again = function(*args, **kwargs)
            for new, old in zip(tensors_in(again), tensors_in(out), strict=True):
                if storage(old) not in given:
                    old.copy_(new)


def storage(tensor):
    return tensor.untyped_storage()._cdata


def tensors_in(tree):
    if isinstance(tree, torch.Tensor):
        return [tree]
    if isinstance(tree, list | tuple):
        return [tensor for item in tree for tensor in tensors_in(item)]
    return [tensor for item in tree.values() for tensor in tensors_in(item)] if isinstance(tree, dict) else []


class Recorder:
    num_recordings = num_replays = 0
    fails = None

    def __init__(self, device):
        self.device = device

    def warm_up(self, run):
        for _ in range(2):
            run()

    def record(self, run, generators):
        if Recorder.fails is not None:
            raise Recorder.fails
        Recorder.num_recordings += 1
        states = [generator.get_state() for generator in generators]
        with Tape() as tape:
            results = run()
        tape.end()
        for generator, state in zip(generators, states, strict=True):
            assert len(state)
            generator.set_state(state)
        return tape, results


@pytest.fixture(autouse=True)
def recorder(monkeypatch):
    monkeypatch.setitem(replay._recorders, "cpu", Recorder)
    Recorder.num_recordings = Recorder.num_replays = 0
    Recorder.fails = None
    return Recorder


def network(**flags):
    mx.random.seed(3)
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, 3, in_channels=2), nn.BatchNorm(in_channels=4), nn.Activation("relu"), nn.MaxPool2D(),
        nn.Flatten(), nn.Dropout(0.5), nn.Dense(3, in_units=36),
    )  # fmt: skip
    net.initialize(mx.init.Xavier())
    if flags:
        net.hybridize(**flags)
    return net


STATIC = {"static_alloc": True, "static_shape": True}


def batches(number):
    random = np.random.RandomState(2)
    return [nd.array(random.rand(5, 2, 8, 8)) for _ in range(number)]


def values_of(net):
    return [parameter.data().asnumpy() for parameter in net.collect_params().values()]


def train(net, steps=4):
    """Losses, gradients by the data, parameters and states after each of some steps with new data."""
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9})
    mx.random.seed(11)
    found = []
    for x in batches(steps):
        x.attach_grad()
        with autograd.record():
            out = net(x)
            loss = (out * nd.arange(3)).sum()
        loss.backward()
        trainer.step(5)
        found += [out.asnumpy(), x.grad.asnumpy(), *values_of(net), net(x).asnumpy()]
    return found


def assert_same(one, other):
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


def test_training_gives_the_bits_of_training_without_recording(recorder):
    expected = train(network(static_alloc=True))
    net = network(**STATIC)
    assert_same(train(net), expected)  # statistics, random numbers and parameters, too
    # forward and backward, first with a generator of no account, and the forward pass of inference
    assert recorder.num_recordings == 5
    assert recorder.num_replays == 12
    info = net.cache_info()
    assert (info["plans"], info["recorded"], info["not_recorded"]) == (2, 2, [])


def test_random_numbers_follow_the_seed_and_go_on_as_without_recording():
    results = []
    for flags in ({"static_alloc": True}, STATIC):
        net = network(**flags)
        mx.random.seed(4)
        with autograd.record():
            outs = [net(x).asnumpy() for x in batches(3)]
        results.append([*outs, nd.random.uniform(shape=(3,)).asnumpy()])
    assert_same(*results)


def test_a_mask_of_dropout_is_kept_where_it_would_be_drawn_again():
    def instructions(**flags):
        net = nn.HybridSequential()
        for _ in range(4):
            net.add(nn.Dense(64, in_units=64), nn.Dropout(0.3), nn.Activation("sigmoid"))
        net.initialize()
        net.hybridize(static_alloc=True, memory_budget=0.95, **flags)
        x = nd.ones((512, 64))
        with autograd.record():
            out = net(x)
        out.backward()
        (planned,) = [planned for _, planned in net._cached_op.static._programs.values()]
        return [i for i in planned.chosen.program.instructions if i.replays is not None], net.cache_info()

    again, _ = instructions()
    assert again  # else this shows nothing
    again, info = instructions(static_shape=True)
    assert not again and info["recorded"] == 1 and not info["not_recorded"]


def test_parameters_that_lie_elsewhere_are_recorded_anew_and_changed_values_are_read(recorder):
    net, (x,) = network(**STATIC), batches(1)
    first = net(x).asnumpy()
    net[6].bias.data()[:] += 1
    np.testing.assert_array_equal(net(x).asnumpy(), first + 1)
    assert recorder.num_recordings == 1
    bias = net[6].bias.data()
    bias._data = bias._data + 1  # elsewhere
    np.testing.assert_array_equal(net(x).asnumpy(), first + 2)
    assert recorder.num_recordings == 2
    for number in range(20):
        bias._data = bias._data + 1
        np.testing.assert_allclose(net(x).asnumpy(), first + 3 + number, rtol=1e-6)
    assert recorder.num_recordings == 9  # from then on it is copied


def test_states_that_move_at_every_step_are_not_recorded(recorder):
    net = network(**STATIC)
    expected = network(static_alloc=True)
    (x,) = batches(1)
    for _ in range(12):
        for each in (net, expected):
            mean = each[1].running_mean.data()
            mean._data = mean._data.clone()
            with autograd.train_mode():
                mx.random.seed(1)
                each(x)
    assert_same(values_of(net), values_of(expected))
    assert net.cache_info()["recorded"] == 0
    assert "has moved" in net.cache_info()["not_recorded"][0]


def test_a_forward_pass_that_still_waits_for_its_backward_pass_is_left_alone(recorder):
    results = []
    for flags in ({"static_alloc": True}, STATIC):
        net = network(**flags)
        one, two = batches(2)
        for x in (one, two):
            x.attach_grad()
        mx.random.seed(7)
        with autograd.record():
            first, second = net(one), net(two)
        second.backward()
        first.backward()
        with autograd.record():
            third = net(two)
        third.backward()
        results.append([first.asnumpy(), second.asnumpy(), third.asnumpy(), one.grad.asnumpy(), two.grad.asnumpy()])
    assert_same(*results)
    (replayed,) = net._cached_op._replays.all()
    assert (replayed.num_replayed, replayed.num_missed) == (2, 1)
    del first, second, third


def test_a_forward_pass_without_a_backward_pass_is_forgotten_with_its_results():
    net, (x,) = network(**STATIC), batches(1)
    for _ in range(3):
        with autograd.record():
            out = net(x)
        del out
    (replayed,) = net._cached_op._replays.all()
    assert (replayed.num_replayed, replayed.num_missed) == (3, 0)


def test_results_and_gradients_are_the_users_own(recorder):
    net = network(**STATIC)
    one, two = batches(2)
    a, b = net(one), net(two)
    kept = a.asnumpy()
    a[:] = 0
    assert not np.array_equal(kept, b.asnumpy())
    np.testing.assert_array_equal(net(one).asnumpy(), kept)
    one.attach_grad()
    with autograd.record():
        out = net(one)
    (gradient,) = autograd.grad(out, [one])
    before = gradient.asnumpy()
    with autograd.record():
        out = net(two)
    out.backward()
    np.testing.assert_array_equal(gradient.asnumpy(), before)


def test_second_backward_passes_and_gradients_of_gradients_run_as_without_recording():
    results = []
    for flags in ({"static_alloc": True}, STATIC):
        mx.random.seed(1)
        net = nn.HybridSequential()
        net.add(nn.Dense(5, activation="tanh", in_units=4), nn.Dense(3, in_units=5))
        net.initialize(mx.init.Xavier())
        net.hybridize(**flags)
        x = nd.array(np.random.RandomState(0).rand(2, 4))
        x.attach_grad()
        for _ in range(2):
            with autograd.record():
                (first,) = autograd.grad(net(x), [x], create_graph=True)
                z = (first**2).sum()
            z.backward()
            with autograd.record():
                out = net(x)
            out.backward(retain_graph=True)
            once = x.grad.asnumpy()
            out.backward()
            np.testing.assert_array_equal(once, x.grad.asnumpy())
        results.append([once, net[0].weight.grad().asnumpy()])
    assert_same(*results)


def test_what_backward_reads_may_not_change_before_it():
    net, (x,) = network(**STATIC), batches(1)
    with autograd.record():
        out = net(x)
    net[6].weight.data()[:] = 0
    with pytest.raises(MXNetError, match="weight is needed by the gradient and was changed in place"):
        out.backward()
    del out
    with autograd.record():
        out = net(x)
    out.backward()
    assert np.isfinite(net[0].weight.grad().asnumpy()).all()


class Looks(gluon.HybridBlock):
    """A loop that looks at values."""

    def hybrid_forward(self, F, x):
        return F.contrib.while_loop(
            lambda i, t: F.sum(t) < 100, lambda i, t: ([], [i + 1, t * 2]), [F.zeros((1,)), x], max_iterations=9
        )[1][1]


def test_what_can_not_be_recorded_runs_as_without_and_is_named(recorder):
    net = Looks()
    net.hybridize(**STATIC)
    for start in (1.0, 30.0):
        assert net(nd.array([start])).asscalar() == {1: 128, 30: 120}[int(start)]
    assert recorder.num_recordings == 0
    (reason,) = net.cache_info()["not_recorded"]
    assert "while_loop" in reason and "can't be written down" in reason


def test_of_a_recording_that_fails_the_first_error_is_told(recorder, monkeypatch):
    def record(self, run, generators):
        try:
            raise MXNetError("Error in operator fc: not permitted")
        finally:
            raise RuntimeError("the recording can't be ended")

    monkeypatch.setattr(recorder, "record", record)
    net, (x,) = network(**STATIC), batches(1)
    with pytest.warns(UserWarning, match="Error in operator fc: not permitted"):
        net(x)
    assert net.cache_info()["not_recorded"] == ["recording failed: Error in operator fc: not permitted"]


@pytest.mark.parametrize("error", [RuntimeError("operation not permitted"), MXNetError("Error in operator x")])
def test_a_recording_that_fails_is_told_and_the_graph_runs(recorder, error):
    expected = train(network(static_alloc=True), 2)
    recorder.fails = error
    net = network(**STATIC)
    with pytest.warns(UserWarning, match=f"static_shape: the kernels can't be recorded.*{error}"):
        found = train(net, 2)
    assert_same(found, expected)
    assert net.cache_info()["not_recorded"] == [f"recording failed: {error}"]


def test_several_threads_get_their_own_results(recorder):
    net = network(**STATIC)
    inputs = batches(4)
    expected = [net(x).asnumpy() for x in inputs]
    wrong = []

    def work(x, value):
        for _ in range(30):
            if not np.array_equal(net(x).asnumpy(), value):
                wrong.append(value)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, expected, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and recorder.num_recordings == 1


def test_shapes_dtypes_and_modes_are_recorded_apart(recorder):
    net = network(**STATIC)
    one, wide = batches(1)[0], nd.ones((7, 2, 8, 8))
    for _ in range(2):
        assert net(one).shape == (5, 3) and net(wide).shape == (7, 3)
        with autograd.train_mode():
            net(one)
    assert net.cache_info()["recorded"] == 3 and recorder.num_recordings == 4  # that with Dropout twice


def test_on_a_cpu_nothing_is_recorded(monkeypatch):
    monkeypatch.delitem(replay._recorders, "cpu")
    net = network(**STATIC)
    assert_same(train(net, 2), train(network(static_alloc=True), 2))
    info = net.cache_info()
    assert info["recorded"] == 0 and "the arrays are on cpu" in info["not_recorded"][0]
    assert "recorded" not in network(static_alloc=True).cache_info()


def test_the_generator_of_the_device_is_registered_once_recording_has_succeeded(monkeypatch):
    seen = []
    original = Recorder.record

    def record(self, run, generators):
        seen.extend(generators)
        return original(self, run, generators)

    monkeypatch.setattr(Recorder, "record", record)
    net, (x,) = network(**STATIC), batches(1)
    with autograd.record():
        out = net(x)
    out.backward()
    own = generator_for(torch.device("cpu"))
    assert [generator is own for generator in seen] == [False, False, True, True]
    seen.clear()
    Recorder.fails = RuntimeError("not permitted")
    net = network(**STATIC)
    with pytest.warns(UserWarning, match="not permitted"), autograd.record():
        net(x)
    assert len(seen) == 1 and seen[0] is not own


def test_cuda_graphs_are_recorded_as_torch_prescribes(monkeypatch):
    """With stand-ins for what torch.cuda gives: the order of calls, one pool, the stream given back after errors."""
    calls, streams = [], ["default"]

    class Stream:
        def __init__(self, device):
            self.device = device

        def wait_stream(self, other):
            calls.append(("side waits for", other))

    class Current(str):
        def wait_stream(self, other):
            calls.append((self, "waits for side"))

    class On:
        def __init__(self, stream):
            self.stream = stream

        def __enter__(self):
            self.before = list(streams)
            streams.append(self.stream)

        def __exit__(self, *error):
            streams[:] = self.before

    class Graph:
        def register_generator_state(self, generator):
            calls.append("register")

    class Capture:
        def __init__(self, graph, pool, stream, capture_error_mode):
            calls.append(("capture", pool, capture_error_mode))
            assert streams[-1] is stream

        def __enter__(self):
            streams.append("captured")

        def __exit__(self, *error):
            if error[0] is not None:
                raise RuntimeError("capture failed")  # torch's then leaves its stream current
            streams.pop()

    for name, value in (
        ("Stream", Stream), ("current_stream", lambda device: Current("default")), ("stream", On), ("CUDAGraph", Graph),
        ("graph", Capture), ("graph_pool_handle", lambda: "pool"),
    ):  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    recorder = replay.CudaRecorder(torch.device("cuda", 0))
    recorder.warm_up(lambda: calls.append(("run", type(streams[-1]))))
    assert calls == [("side waits for", "default"), *[("run", Stream)] * 3, ("default", "waits for side")]
    calls.clear()
    for _ in range(2):
        graph, result = recorder.record(lambda: streams[-1], [torch.Generator()])
        assert isinstance(graph, Graph) and result == "captured" and streams == ["default"]
    assert calls == ["register", ("capture", "pool", "thread_local")] * 2
    with pytest.raises(RuntimeError, match="capture failed"):
        recorder.record(lambda: 1 / 0, [])
    assert streams == ["default"]
