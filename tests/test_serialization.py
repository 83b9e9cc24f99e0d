import io
import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_array_equal

from mxnet.base import MXNetError
from mxnet.ndarray import serialization
from mxnet.ndarray.serialization import StoredArray, decode, encode, load, read, save, write

# Recorded from MXNet 1.9.1 by tests/oracle/record_serialization.py.
CASES = json.loads((Path(__file__).parent / "oracle/data/serialization.json").read_text())
WRITTEN = [name for name, case in CASES.items() if case["written"]]
DTYPES = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"]


def content(name):
    return bytes.fromhex(CASES[name]["file"])


def expected_array(facts):
    data = np.array(facts["data"], "uint16" if facts["dtype"] == "bfloat16" else facts["dtype"])
    aux = tuple(np.array(values, dtype) for dtype, values in facts["aux"])
    return StoredArray(data.reshape(facts["data_shape"]), facts["dtype"], tuple(facts["shape"]), facts["stype"], aux,
                       tuple(facts["context"]), facts["np_shape"])  # fmt: skip


def assert_same(actual, expected, but_context=False):
    for field in ("dtype", "shape", "stype", "np_shape") + (() if but_context else ("context",)):
        assert getattr(actual, field) == getattr(expected, field), field
    for ours, theirs in zip((actual.data, *actual.aux), (expected.data, *expected.aux), strict=True):
        assert ours.dtype == theirs.dtype
        assert_array_equal(ours, theirs, strict=True)


@pytest.mark.parametrize("name", CASES)
def test_decode_gives_what_mxnet_shows(name):
    stored, names = decode(content(name))
    assert names == CASES[name]["names"]
    assert len(stored) == len(CASES[name]["arrays"])
    for actual, facts in zip(stored, CASES[name]["arrays"], strict=True):
        if facts is None:
            assert actual.data is None
        elif facts:
            assert_same(actual, expected_array(facts))


@pytest.mark.parametrize("name", WRITTEN)
def test_encode_gives_the_bytes_that_mxnet_writes(name):
    assert encode([expected_array(facts) for facts in CASES[name]["arrays"]], CASES[name]["names"]) == content(name)


@pytest.mark.parametrize("name", ["read legacy", "read V1"])
def test_older_versions_are_written_as_the_newest(name):
    stored, names = decode(content(name))
    again = encode(stored, names)
    assert again != content(name)
    for before, after in zip(stored, decode(again)[0], strict=True):
        assert_same(after, before)


@pytest.mark.parametrize("name", CASES)
def test_read_gives_what_decode_gives_in_arrays_of_its_own(name):
    file = io.BytesIO(b"before" + content(name))
    file.seek(6)
    (from_file, names), (from_bytes, expected_names) = read(file), decode(content(name))
    assert names == expected_names
    for actual, expected in zip(from_file, from_bytes, strict=True):
        if expected.data is None:
            assert actual.data is None
            continue
        assert_same(actual, expected)
        assert actual.data.flags.writeable and actual.data.flags.aligned


def test_decode_copies_nothing():
    buffer = bytearray(encode([StoredArray.dense(np.zeros(4, np.float32))]))
    (array,), _ = decode(buffer)
    array.data[2] = 7
    assert decode(buffer)[0][0].data.tolist() == [0, 0, 7, 0]


def test_arrays_without_a_value_round_trip():
    for np_shape in (False, True):
        nothing = StoredArray(None, "float32", (), np_shape=np_shape)
        value = StoredArray.dense(np.arange(3), np_shape=np_shape)
        first, second, third = decode(encode([nothing, value, nothing]))[0]
        assert first.data is None and third.data is None
        assert_same(second, value)
    assert encode(decode(content("read V2 without value"))[0]) == content("read V2 without value")


def test_what_follows_the_list_is_left_alone_as_in_mxnet():
    assert len(decode(content("list") + b"more")[0]) == 2


def test_save_and_load_a_file(tmp_path):
    path = tmp_path / "net.params"
    array = StoredArray.dense(np.arange(6.0).reshape(2, 3)[:, ::2])  # not contiguous
    save(path, [array], ["arg:weight"])
    (loaded,), names = load(path)
    assert names == ["arg:weight"]
    assert_same(loaded, array)
    written = io.BytesIO()
    write(written, [array], ["arg:weight"])
    assert path.read_bytes() == written.getvalue() == encode([array], ["arg:weight"])
    with pytest.raises(MXNetError, match="dtype 'uint32'"):
        save(path, [array, StoredArray.dense(np.zeros(2, np.uint32))])
    assert path.read_bytes() == written.getvalue()
    with pytest.raises(MXNetError, match="missing"):
        load(tmp_path / "missing")
    with pytest.raises(MXNetError, match="missing"):
        save(tmp_path / "missing" / "file", [])


@st.composite
def stored_arrays(draw, np_shape):
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    context = (draw(st.sampled_from([1, 2, 3, 5])), draw(st.integers(0, 8)))
    stype = draw(st.sampled_from(["default"] if np_shape else ["default", "row_sparse", "csr"]))
    if stype == "default":
        shape = draw(array_shapes(min_dims=0 if np_shape else 1, max_dims=4, min_side=0, max_side=4))
        return StoredArray.dense(draw(arrays(dtype, shape)), context=context, np_shape=np_shape)
    dense = draw(arrays(dtype, array_shapes(min_dims=2, max_dims=2, max_side=5)))
    if stype == "row_sparse":
        rows = np.flatnonzero((dense != 0).any(axis=1))
        return StoredArray(dense[rows], dtype.name, dense.shape, stype, (rows,), context)
    indptr = np.concatenate([[0], np.cumsum((dense != 0).sum(axis=1))])
    return StoredArray(dense[dense != 0], dtype.name, dense.shape, stype, (indptr, np.nonzero(dense)[1]), context)


@given(st.data(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_every_list_round_trips(data, np_shape):
    stored = data.draw(st.lists(stored_arrays(np_shape), max_size=4))
    names = data.draw(st.one_of(st.just([]), st.lists(st.text(), min_size=len(stored), max_size=len(stored))))
    decoded, decoded_names = decode(encode(stored, names))
    assert decoded_names == names
    for actual, expected in zip(decoded, stored, strict=True):
        assert_same(actual, expected)


def decode_or_refuse(buffer):
    """What every byte string must do, in memory that is bounded by its own size."""
    tracemalloc.start()
    try:
        stored, _ = decode(buffer)
        read(io.BytesIO(buffer))
        for array in stored:
            assert array.data is None or array.data.sum() is not None
    except MXNetError as error:
        assert "at byte" in str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 300_000 + 100 * len(buffer)


@pytest.mark.parametrize("name", CASES)
def test_every_cut_short_file_is_refused(name):
    whole = content(name)
    for length in range(len(whole)):
        with pytest.raises(MXNetError, match=r"at byte \d+: .*cut short"):
            decode(whole[:length])


@given(st.sampled_from(sorted(CASES)), st.data())
@settings(max_examples=250, deadline=None)
def test_corrupt_files_load_or_raise(name, data):
    buffer = bytearray(content(name))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(buffer) - 1))
        value = data.draw(st.one_of(st.binary(min_size=1, max_size=1), st.sampled_from(
            [struct.pack("<q", number) for number in (-1, 2**62, 2**31, 0)])))  # fmt: skip
        buffer[place : place + len(value)] = value
    decode_or_refuse(bytes(buffer))


@given(st.binary(max_size=200), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_bytes_load_or_raise(junk, with_header):
    decode_or_refuse(struct.pack("<3Q", 0x112, 0, 2) + junk if with_header else junk)


def one_array(*, magic=0xF993FAC9, stype=0, shape=(2,), context=(1, 0), dtype=0, rest=bytes(8), names=0):
    return (
        struct.pack("<3QIiI", 0x112, 0, 1, magic, stype, len(shape)) + struct.pack(f"<{len(shape)}q", *shape)
        + struct.pack("<3i", *context, dtype) + rest + struct.pack("<Q", names)
    )  # fmt: skip


@pytest.mark.parametrize("buffer, message", [
    (b"PK\3\4" + bytes(40), "at byte 0: not a file of MXNet arrays"),
    (struct.pack("<3Q", 0x112, 0, 2**62), "at byte 24: a list of 4611686018427387904 arrays needs"),
    (one_array(magic=0xDEADBEEF), "at byte 24: array 0 begins with 0xdeadbeef"),
    (one_array(stype=7), "at byte 28: array 0 has storage type 7"),
    (one_array(magic=0xF993FACA, stype=1), "at byte 28: array 0 has storage type 1; expected 0"),
    (one_array(shape=(1,) * 65), "at byte 32: the shape of array 0 has 65 dimensions"),
    (one_array(shape=(2**61,)), "at byte 56: array 0 has the impossible shape"),
    (one_array(shape=(2**50,)), "at byte 56: array 0 of shape .* needs 4503599627370496 bytes"),
    (one_array(shape=(0, 2**62)), "impossible shape"),
    (one_array(shape=(-2,)), "impossible shape"),
    (one_array(dtype=8), "at byte 52: the dtype of array 0 is 8"),
    (one_array(shape=(8,), dtype=7, rest=b"\0\1\2" + bytes(5)), "bytes other than 0 and 1"),
    (one_array(names=2), "at byte 64: there are 2 names for 1 arrays"),
    (one_array(names=1) + struct.pack("<Q", 2) + b"\xff\xfe", "at byte 80: name 0 is not UTF-8"),
    (one_array(names=1) + struct.pack("<Q", 2**60) + b"a", "name 0 needs 1152921504606846976 bytes"),
])  # fmt: skip
def test_what_is_wrong_and_where_is_said(buffer, message):
    with pytest.raises(MXNetError, match=message):
        decode(buffer, "x.params")
    with pytest.raises(MXNetError, match="x.params: " + (message if message.startswith("at") else "")):
        read(io.BytesIO(buffer), "x.params")


@pytest.mark.parametrize("change, message", [
    ({"aux": (np.array([0, 1, 1, 3]), np.array([0, 4, 1]))}, "indices reach from 0 to 4; expected 0 to 3"),
    ({"aux": (np.array([0, 1, 1, 3]), np.array([0, -1, 1]))}, "indices reach from -1"),
    ({"aux": (np.array([0, 1, 1, 4]), np.array([0, 2, 1]))}, "indptr does not rise"),
    ({"aux": (np.array([0, 2, 1, 3]), np.array([0, 2, 1]))}, "indptr does not rise"),
    ({"aux": (np.array([0, 1, 3]), np.array([0, 2, 1]))}, "indptr has shape"),
    ({"aux": (np.array([0, 1, 1, 3]), np.array([0, 2]))}, "indices has shape"),
    ({"aux": (np.array([0, 1, 1, 3.0]), np.array([0, 2, 1]))}, "indptr has dtype float64"),
    ({"shape": (3, 4, 1)}, "expected 2 dimensions"),
])  # fmt: skip
def test_sparse_arrays_that_contradict_themselves_are_refused_both_ways(change, message, monkeypatch):
    good = {"data": np.ones(3, np.float32), "dtype": "float32", "shape": (3, 4), "stype": "csr",
            "aux": (np.array([0, 1, 1, 3]), np.array([0, 2, 1]))}  # fmt: skip
    bad = StoredArray(**(good | change))
    with pytest.raises(MXNetError, match=message):
        encode([bad])
    with monkeypatch.context() as patch:
        patch.setattr(serialization, "_sparse_problem", lambda *arguments: None)
        buffer = encode([bad])
    with pytest.raises(MXNetError, match=f"at byte 24: array 0, csr of shape .*{message}"):
        decode(buffer)


@pytest.mark.parametrize("array, names, message", [
    (StoredArray.dense(np.zeros(2, np.uint16)), [], "array 0 has dtype 'uint16'"),
    (StoredArray.dense(np.zeros((), np.float32)), ["loss"], r"array 'loss' has shape \(\)"),
    (StoredArray(np.zeros(2, np.float32), "float64", (2,)), [], "data of dtype float32; expected float64"),
    (StoredArray(np.zeros(2, np.float32), "float32", (3,)), [], r"of shape \(3,\) comes with data of shape \(2,\)"),
    (StoredArray(np.zeros((1, 2)), "float64", (3, 2), "row_sparse", (np.array([1]),), np_shape=True), [], "only dense"),
    (StoredArray(np.zeros((1, 2)), "float64", (3, 2), "row_sparse"), [], "0 auxiliary arrays"),
    (StoredArray(np.zeros((1, 3)), "float64", (3, 2), "row_sparse", (np.array([1]),)), [], "stored rows have shape"),
    (StoredArray(np.zeros((1, 2)), "float64", (3, 2), "diagonal"), [], "storage type 'diagonal'"),
    (StoredArray.dense(np.zeros(2)), ["a", "b"], "2 names for 1 arrays"),
    (StoredArray.dense(np.zeros(2)), [3], "the name 3"),
])  # fmt: skip
def test_what_the_format_lacks_is_refused_before_anything_is_written(array, names, message):
    file = io.BytesIO()
    with pytest.raises(MXNetError, match=message):
        write(file, [array], names)
    assert file.getvalue() == b""


def test_big_endian_data_is_stored_little_endian():
    swapped = StoredArray(np.arange(5, dtype=">i4"), "int32", (5,))
    assert encode([swapped]) == encode([StoredArray.dense(np.arange(5, dtype="<i4"))])
