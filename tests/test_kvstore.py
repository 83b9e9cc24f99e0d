"""Key-value stores of one process, as seen in MXNet 1.9.1."""

from __future__ import annotations

import numpy as np
import pytest

import mxnet as mx
from mxnet.base import MXNetError
from mxnet.kvstore import KVStoreBase


def full(value, shape=(2,)):
    return mx.nd.full(shape, value)


@pytest.fixture
def store():
    made = mx.kv.create("local")
    made.init(3, full(1))
    return made


def pulled(store, key, shape=(2,)):
    out = mx.nd.zeros(shape)
    store.pull(key, out)
    return out.asnumpy().tolist()


@pytest.mark.parametrize("name", ["local", "device", "nccl", "LOCAL", "local_allreduce_device"])
def test_stores_of_one_process(name):
    made = mx.kv.create(name)
    assert (made.type, made.rank, made.num_workers) == (name.lower(), 0, 1)
    assert made.is_capable("optimizer")
    with pytest.raises(ValueError, match="Unknown capability: foo"):
        made.is_capable("foo")


@pytest.mark.parametrize("name", ["dist_sync", "dist_async", "dist_device_sync", "p3", "horovod", "byteps"])
def test_stores_of_several_processes_come_later(name):
    with pytest.raises(MXNetError, match=f"{name}.*docs/status.md"):
        mx.kv.create(name)


def test_unknown_stores_are_refused():
    with pytest.raises(MXNetError, match="'foo'; expected one of local"):
        mx.kv.create("foo")
    with pytest.raises(TypeError, match="name must be a string"):
        mx.kv.create(3)


def test_push_replaces_by_the_sum_of_all_devices(store):
    store.push(3, full(7))
    assert pulled(store, 3) == [7, 7]
    store.push(3, [full(1), full(3).as_in_context(mx.cpu(1))])
    assert pulled(store, 3) == [4, 4]
    store.init([4, 5], [full(0), full(0)])
    store.push([4, 5], [[full(1), full(1)], [full(4), full(1)]])
    assert pulled(store, 4) == [2, 2] and pulled(store, 5) == [5, 5]
    store.push([4, 4], [full(2), full(5)])
    assert pulled(store, 4) == [7, 7]


def test_init_copies_and_pull_writes_to_all_outputs(store):
    value = full(1)
    store.init(9, value)
    value[:] = 5
    outs = [mx.nd.zeros((2,)), mx.nd.zeros((2,), dtype="float64")]
    store.pull(9, outs)
    assert [out.asnumpy().tolist() for out in outs] == [[1, 1], [1, 1]]
    outs[0][:] = 8
    assert pulled(store, 9) == [1, 1]


def test_pushpull_and_broadcast(store):
    values = [full(1), full(5)]
    store.pushpull(3, values)
    assert [value.asnumpy().tolist() for value in values] == [[6, 6], [6, 6]]
    out = mx.nd.zeros((2,))
    store.pushpull(3, values[0], out)
    assert out.asnumpy().tolist() == [6, 6]
    outs = [mx.nd.zeros((2,)), mx.nd.zeros((2,))]
    store.broadcast(8, full(4), outs)
    assert [out.asnumpy().tolist() for out in outs] == [[4, 4], [4, 4]]
    with pytest.raises(MXNetError, match="duplicate init of key 8"):
        store.broadcast(8, full(4), outs)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: s.init(3, full(1)), MXNetError, "duplicate init of key 3"),
        (lambda s: s.init(8, [full(1), full(1)]), MXNetError, "duplicate init of key 8"),
        (lambda s: s.init("a", full(1)), MXNetError, "Mixed key types"),
        (lambda s: s.init(1.5, full(1)), AssertionError, "unexpected type for keys"),
        (lambda s: s.init([6, 7], [full(1)]), AssertionError, "2 keys, but 1 values"),
        (lambda s: s.pull(99, full(1)), MXNetError, "key 99 has not been inited"),
        (lambda s: s.push(99, full(1)), MXNetError, "key 99 has not been inited"),
        (lambda s: s.pull(3), AssertionError, "out is missing"),
        (lambda s: s.pull(3, full(1, (3,))), MXNetError, r"key 3 has shape \(2,\); out has \(3,\)"),
        (lambda s: s.push(3, full(1, (3,))), MXNetError, r"key 3 has shape \(2,\); given \(3,\)"),
        (lambda s: s.push(3, [full(1), full(1, (3,))]), MXNetError, r"shapes \(2,\) and \(3,\)"),
        (lambda s: s.row_sparse_pull(3, full(1), row_ids=full(0)), MXNetError, "sparse"),
        (lambda s: s.set_gradient_compression({"type": "2bit"}), MXNetError, "not supported for this type of kvstore"),
        (lambda s: s.set_optimizer(3), TypeError, "expected an Optimizer"),
        (lambda s: s.save_optimizer_states("x"), AssertionError, "set_optimizer first"),
        (lambda s: s.load_optimizer_states("x"), AssertionError, "set_optimizer first"),
    ],
)
def test_bad_calls_say_what_is_wrong(store, call, error, message):
    with pytest.raises(error, match=message):
        call(store)
    assert pulled(store, 3) == [1, 1]


def test_an_updater_gets_key_sum_and_stored_value(store):
    seen = []

    def update(key, grad, weight):
        seen.append((key, grad.asnumpy().tolist(), weight.asnumpy().tolist()))
        weight += grad * 2

    store._set_updater(update)
    store.push(3, [full(1), full(2)])
    out = mx.nd.zeros((2,))
    store.pushpull(3, full(1), out)
    assert seen == [(3, [3, 3], [1, 1]), (3, [1, 1], [7, 7])] and out.asnumpy().tolist() == [9, 9]


@pytest.mark.parametrize("dump_optimizer", [False, True])
def test_the_optimizer_updates_and_its_states_survive_saving(tmp_path, dump_optimizer):
    stores = [mx.kv.create("device") for _ in range(2)]
    for store in stores:
        store.init("w", full(1))
        store.set_optimizer(mx.optimizer.SGD(momentum=0.9, learning_rate=0.1))
    for _ in range(2):
        stores[0].push("w", full(1))
    np.testing.assert_allclose(pulled(stores[0], "w"), [0.71, 0.71], rtol=1e-6)  # as recorded from MXNet 1.9.1
    stores[0].save_optimizer_states(str(tmp_path / "states"), dump_optimizer)
    stores[1].load_optimizer_states(str(tmp_path / "states"))
    np.testing.assert_allclose(stores[1]._updater.states["w"].asnumpy(), [-0.19, -0.19], rtol=1e-6)
    with pytest.raises(FileNotFoundError):
        stores[1].load_optimizer_states(str(tmp_path / "nothing"))


def test_own_stores_can_be_registered_and_used_by_a_module():
    calls = []

    @KVStoreBase.register
    class Counting(mx.kvstore.base.TestStore):
        def pushpull(self, key, value, out=None, priority=0):
            calls.append(key)
            super().pushpull(key, value, out, priority)

    try:
        store = mx.kv.create("Counting")
        assert isinstance(store, Counting)
        module = mx.mod.Module(
            mx.sym.MakeLoss(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=1, name="fc")), label_names=None,
            context=[mx.cpu(0), mx.cpu(1)],
        )  # fmt: skip
        module.bind([("data", (4, 3))])
        module.init_params(mx.init.Zero())
        module.init_optimizer(store, optimizer_params={"learning_rate": 1.0})
        module.forward_backward(mx.io.DataBatch([mx.nd.ones((4, 3))]))
        module.update()
        assert calls == ["fc_weight", "fc_bias"]
        assert module.get_params()[0]["fc_weight"].asnumpy().tolist() == [[-1, -1, -1]]
    finally:
        del KVStoreBase.kv_registry["counting"]
    with pytest.raises(MXNetError, match="expected a class"):
        KVStoreBase.register(3)


def test_the_test_store_has_no_memory_and_no_optimizer():
    store = mx.kv.create("teststore")
    outs = [mx.nd.zeros((2,)), mx.nd.zeros((2,))]
    store.broadcast(1, full(3), outs)
    assert outs[1].asnumpy().tolist() == [3, 3]
    values = [full(1), full(1)]
    store.pushpull(1, values)
    assert values[0].asnumpy().tolist() == [2, 2]
    assert not store.is_capable("optimizer") and (store.rank, store.num_workers, store.type) == (0, 1, "teststore")
    with pytest.raises(NotImplementedError):
        store.set_optimizer(mx.optimizer.SGD())
