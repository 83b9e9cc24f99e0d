"""Data iterators: orders as recorded from the original, what batches hold, and errors."""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import mxnet as mx
from mxnet.base import MXNetError
from mxnet.io import CSVIter, DataBatch, DataDesc, DataIter, MNISTIter, NDArrayIter, PrefetchingIter, ResizeIter
from mxnet.mnist import write_idx

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "oracle"))
import record_module as recorder

RECORDED = json.loads((Path(recorder.DATA) / "module.json").read_text())["iterators"]
X, Y = np.arange(20, dtype="float32").reshape(10, 2), np.arange(10, dtype="float32")


def labels(iterator):
    return [batch.label[0].asnumpy().astype(int).tolist() for batch in iterator]


def test_orders_and_padding_of_all_iterators_are_those_of_the_original(tmp_path):
    found = json.loads(json.dumps(recorder.iterators(str(tmp_path))))
    assert found == RECORDED
    assert len(found) == 14


def test_mnist_orders_agree_with_the_original_where_draws_are_rejected():
    # The first and last numbers of 30,000 with seed 7, recorded from MXNet 1.9.1.
    from mxnet.io.sources import _shuffled_order

    order = _shuffled_order(30000, 7)
    assert sorted(order.tolist()) == list(range(30000))
    assert order[:8].tolist() == [29083, 21343, 12755, 21721, 23115, 17771, 29841, 7836]
    assert order[-8:].tolist() == [16931, 29788, 983, 18255, 7779, 26919, 9243, 23603]


def test_data_desc_is_a_pair_with_dtype_and_layout():
    desc = DataDesc("data", (2, 3), "int32", "NT")
    assert desc == ("data", (2, 3)) and (desc.name, desc.shape) == desc
    assert (desc.dtype, desc.layout) == ("int32", "NT")
    assert repr(DataDesc("data", (2, 3))) == "DataDesc[data,(2, 3),<class 'numpy.float32'>,NCHW]"
    assert [DataDesc.get_batch_axis(layout) for layout in (None, "TNC", "NT", "xyz")] == [0, 1, 0, -1]
    restored = pickle.loads(pickle.dumps(desc))
    assert (restored, restored.dtype, restored.layout) == (desc, "int32", "NT")
    listed = DataDesc.get_list([("a", (1,)), ("b", (2,))], [("b", np.int32), ("a", np.float16)])
    assert [(one.name, one.dtype) for one in listed] == [("a", np.float16), ("b", np.int32)]
    with pytest.raises(KeyError, match="b"):
        DataDesc.get_list([("a", (1,)), ("b", (2,))], [("a", np.float16)])


def test_data_batch_holds_lists_only():
    batch = DataBatch([mx.nd.zeros((2, 3))], [mx.nd.zeros((2,))])
    assert str(batch) == "DataBatch: data shapes: [(2, 3)] label shapes: [(2,)]"
    with pytest.raises(AssertionError, match="Data must be list"):
        DataBatch(mx.nd.zeros((2, 3)))
    with pytest.raises(AssertionError, match="Label must be list"):
        DataBatch([mx.nd.zeros((2, 3))], mx.nd.zeros((2,)))


def test_the_base_iterator_is_empty():
    iterator = DataIter(3)
    assert iterator.batch_size == 3 and list(iterator) == [] and iterator.getdata() is None


def test_array_names_and_dtypes():
    both = NDArrayIter({"b": X, "a": Y}, {"l": Y}, 5)
    assert both.provide_data == [("a", (5,)), ("b", (5, 2))] and both.provide_label == [("l", (5,))]
    assert NDArrayIter([X, Y], batch_size=5, data_name="q").provide_data == [("_0_q", (5, 2)), ("_1_q", (5,))]
    assert NDArrayIter(X, batch_size=5).provide_data == [("data", (5, 2))]
    assert NDArrayIter(X, batch_size=5).next().label == []
    assert NDArrayIter(X.astype("float64"), batch_size=5).next().data[0].dtype == np.float32
    whole = NDArrayIter(mx.nd.array(X, dtype="int32"), batch_size=5, layout="NT")
    assert whole.provide_data[0].dtype == np.int32 == whole.next().data[0].dtype
    assert whole.provide_data[0].layout == "NT"


def test_batches_are_copies():
    source = mx.nd.array(X)
    for size in (4, 10):
        batch = NDArrayIter(source, batch_size=size).next()
        batch.data[0][:] = -1
    assert source.asnumpy().tolist() == X.tolist()


def test_a_batch_larger_than_the_data_is_filled_by_repeating():
    batch = NDArrayIter(X[:3], Y[:3], 8).next()
    assert batch.label[0].asnumpy().tolist() == [0, 1, 2, 0, 1, 2, 0, 1] and batch.pad == 5


def test_hard_reset_drops_what_would_roll_over():
    iterator = NDArrayIter(X, Y, 4, last_batch_handle="roll_over")
    list(iterator)
    iterator.hard_reset()
    assert labels(iterator) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_the_manual_protocol_gives_the_same_batches():
    iterator, seen = NDArrayIter(X, Y, 4), []
    while iterator.iter_next():
        seen.append((iterator.getlabel()[0].asnumpy().tolist(), iterator.getpad(), iterator.getindex()))
    assert seen == [([0, 1, 2, 3], 0, None), ([4, 5, 6, 7], 0, None), ([8, 9, 0, 1], 2, None)]
    with pytest.raises(AssertionError, match="needs reset"):
        iterator.getdata()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"data": None}, AssertionError, "at least one array"),
        ({"data": []}, AssertionError, "at least one array"),
        ({"data": "abc"}, TypeError, "Input must be NDArray"),
        ({"data": {"a": "abc"}}, TypeError, "Invalid type .*str.* for a"),
        ({"data": X, "label": Y[:5]}, MXNetError, r"softmax_label has shape \(5,\), but data has 10 examples"),
        ({"data": X, "batch_size": 0}, MXNetError, "batch_size is 0"),
        ({"data": X, "last_batch_handle": "foo"}, MXNetError, "'foo'; expected 'pad', 'discard' or 'roll_over'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        NDArrayIter(**arguments)


def test_resize_cuts_short_repeats_and_goes_on():
    assert labels(ResizeIter(NDArrayIter(X, Y, 4), 2)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    long = ResizeIter(NDArrayIter(X, Y, 4), 4, reset_internal=False)
    assert labels(long) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1], [0, 1, 2, 3]]
    long.reset()
    assert labels(long)[0] == [4, 5, 6, 7]
    assert long.provide_data == [("data", (4, 2))] and long.getpad() == 0
    with pytest.raises(MXNetError, match="no batch"):
        ResizeIter(NDArrayIter(X, Y, 11, last_batch_handle="discard"), 2).next()


def test_prefetching_gives_the_same_batches_from_other_threads():
    threads = set()

    class Watched(NDArrayIter):
        def next(self):
            threads.add(threading.current_thread())
            return super().next()

    iterator = PrefetchingIter(Watched(X, Y, 4))
    for _ in range(2):
        assert labels(iterator) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]
        iterator.reset()
    assert threads and threading.current_thread() not in threads
    assert iterator.batch_size == 4 and iterator.next().provide_data == [("data", (4, 2))]


def test_prefetching_joins_and_renames():
    iterator = PrefetchingIter(
        [NDArrayIter(X, Y, 4), NDArrayIter(X, Y, 4)], [{"data": "d1"}, {"data": "d2"}],
        [{"softmax_label": "l1"}, {"softmax_label": "l2"}],
    )  # fmt: skip
    assert [desc.name for desc in (*iterator.provide_data, *iterator.provide_label)] == ["d1", "d2", "l1", "l2"]
    assert len(iterator.next().data) == 2 == len(iterator.getlabel())


def test_prefetching_raises_what_went_wrong_and_refuses_unequal_lengths():
    class Broken(NDArrayIter):
        def next(self):
            raise MXNetError("no such file")

    with pytest.raises(MXNetError, match="no such file"):
        PrefetchingIter(Broken(X, Y, 4)).next()
    with pytest.raises(AssertionError, match="at least one"):
        PrefetchingIter([])
    unequal = PrefetchingIter([NDArrayIter(X, Y, 5), NDArrayIter(X[:5], Y[:5], 5)])
    unequal.next()
    with pytest.raises(AssertionError, match="mismatches"):
        unequal.next()


@pytest.fixture
def digits(tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (23, 4, 3)).astype("uint8")
    write_idx(tmp_path / "images", images)
    write_idx(tmp_path / "labels.gz", np.arange(23, dtype="uint8"))
    return images, {"image": str(tmp_path / "images"), "label": str(tmp_path / "labels.gz"), "silent": True}


def test_mnist_scales_by_256_and_shapes_as_asked(digits):
    images, files = digits
    iterator = MNISTIter(**files, batch_size=5, shuffle=False)
    assert iterator.provide_data == [("data", (5, 1, 4, 3))] and iterator.provide_label == [("softmax_label", (5,))]
    batch = iterator.next()
    np.testing.assert_array_equal(batch.data[0].asnumpy()[:, 0], images[:5] / 256)
    assert batch.label[0].asnumpy().tolist() == [0, 1, 2, 3, 4] and batch.label[0].dtype == np.float32
    assert batch.pad == 0 and batch.index.tolist() == [0, 1, 2, 3, 4]
    flat = MNISTIter(**files, batch_size=5, shuffle=False, flat=True, input_shape=(12,), data_name="x", label_name="y")
    assert flat.provide_data == [("x", (5, 12))] and flat.provide_label == [("y", (5,))]
    assert MNISTIter(**files, batch_size=5, dtype="float64").next().data[0].dtype == np.float64


def test_mnist_divides_into_parts_and_drops_the_rest(digits):
    _, files = digits
    parts = [labels(MNISTIter(**files, batch_size=3, shuffle=False, num_parts=4, part_index=i)) for i in range(4)]
    assert [part[0][0] for part in parts] == [0, 5, 11, 17] and [len(part) for part in parts] == [1, 2, 2, 2]
    assert labels(MNISTIter(**files, batch_size=30)) == []


def test_mnist_logs_unless_silent(digits, caplog):
    _, files = digits
    with caplog.at_level("INFO"):
        MNISTIter(**{**files, "silent": False}, batch_size=3)
        assert "MNISTIter: load 23 images, shuffle=1, shape=[3,1,4,3]" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": "missing"}, "missing"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": "x"}, "batch_size expect int but value='x'"),
        ({"part_index": 2, "num_parts": 2}, "part_index is 2; expected less than num_parts, 2"),
        ({"input_shape": (784,)}, r"input_shape is \(784,\), but the images have shape \(4, 3\)"),
        ({"foo": 1}, "unknown parameter 'foo'"),
        ({"dtype": "uint8"}, "floating"),
    ],
)
def test_mnist_refuses_what_is_not_possible(digits, arguments, message):
    with pytest.raises(MXNetError, match=message):
        MNISTIter(**{**digits[1], **arguments})


def test_debug_skip_load_repeats_one_batch(digits):
    iterator = MNISTIter(**digits[1], batch_size=5, shuffle=False)
    iterator.debug_skip_load()
    assert [iterator.next().label[0].asnumpy()[0] for _ in range(9)] == [0] * 9


def test_csv_shapes_dtypes_and_missing_labels(tmp_path):
    path = str(tmp_path / "d.csv")
    np.savetxt(path, np.arange(28).reshape(7, 4) / 2, delimiter=",")
    iterator = CSVIter(path, (2, 2), 3)
    assert iterator.provide_data == [("data", (3, 2, 2))] and iterator.provide_label == [("softmax_label", (3,))]
    batch = iterator.next()
    np.testing.assert_array_equal(batch.data[0].asnumpy(), np.arange(12).reshape(3, 2, 2) / 2)
    assert batch.label[0].asnumpy().tolist() == [0, 0, 0]
    whole = CSVIter(path, 4, 3, dtype="int64").next().data[0]
    assert whole.dtype == np.int64 and whole.asnumpy()[0].tolist() == [0, 0, 1, 1]
    assert CSVIter(path, (4,), 3, label_csv=path, label_shape=(4,)).provide_label == [("softmax_label", (3, 4))]


def test_csv_refuses_what_does_not_fit(tmp_path):
    path, bad = str(tmp_path / "d.csv"), tmp_path / "bad.csv"
    np.savetxt(path, np.arange(28).reshape(7, 4), delimiter=",")
    with pytest.raises(MXNetError, match=r"specified shape=\[5\], the csv row-length=4"):
        CSVIter(path, (5,), 3)
    with pytest.raises(MXNetError, match="nowhere.csv"):
        CSVIter("nowhere.csv", (4,), 3)
    with pytest.raises(MXNetError, match="float16 is not supported for CSVIter"):
        CSVIter(path, (4,), 3, dtype="float16")
    bad.write_text("1,2,abc,4\n")
    with pytest.raises(MXNetError, match="abc"):
        CSVIter(str(bad), (4,), 1)
    bad.write_text("1\n2\n")
    with pytest.raises(MXNetError, match="7 rows, but .* has 2"):
        CSVIter(path, (4,), 1, label_csv=str(bad))


@pytest.mark.parametrize("name", ["ImageRecordIter", "ImageDetRecordIter", "ImageRecordUInt8Iter_v1"])
def test_iterators_that_come_later_say_so(name):
    with pytest.raises(MXNetError, match=rf"{name}.*docs/status.md"):
        getattr(mx.io, name)(data_shape=(1,), batch_size=1)
