import json
import multiprocessing
import os
import pickle
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxnet.base import MXNetError
from mxnet.recordio import IRHeader, MXIndexedRecordIO, MXRecordIO, pack, pack_img, unpack, unpack_img

# Recorded from MXNet 1.9.1 by tests/oracle/record_recordio.py.
RECORDED = json.loads((Path(__file__).parent / "oracle/data/recordio.json").read_text())
MAGIC = struct.pack("<I", 0xCED7230A)
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)


def write_records(path, records):
    with MXRecordIO(path, "w") as writer:
        for record in records:
            writer.write(record)
    return path


def read_records(path):
    with MXRecordIO(path, "r") as reader:
        return list(iter(reader.read, None))


def part(kind, data, length=None):
    length = len(data) if length is None else length
    return MAGIC + struct.pack("<I", kind << 29 | length) + data + bytes(-len(data) % 4)


@pytest.fixture
def indexed(tmp_path):
    paths = tmp_path / "a.idx", tmp_path / "a.rec"
    with MXIndexedRecordIO(*paths, "w") as writer:
        for key in range(4):
            writer.write_idx(10 * key, b"record %d" % key)
    return paths


@pytest.mark.parametrize("case", RECORDED["files"])
def test_files_are_those_of_mxnet(case, tmp_path):
    records = [bytes.fromhex(record) for record in case["records"]]
    path = write_records(tmp_path / "a.rec", records)
    assert path.read_bytes().hex() == case["file"]
    assert read_records(path) == records


def test_indexed_files_are_those_of_mxnet(tmp_path):
    recorded = RECORDED["indexed"]
    records = [bytes.fromhex(record) for record in recorded["records"]]
    writer = MXIndexedRecordIO(str(tmp_path / "a.idx"), str(tmp_path / "a.rec"), "w")
    tells = []
    for key, record in zip(recorded["keys"], records, strict=True):
        writer.write_idx(key, record)
        tells.append(writer.tell())
    writer.close()
    assert tells == recorded["tells"]
    assert (tmp_path / "a.idx").read_bytes().decode() == recorded["index"]
    assert (tmp_path / "a.rec").read_bytes().hex() == recorded["file"]
    reader = MXIndexedRecordIO(tmp_path / "a.idx", tmp_path / "a.rec", "r")
    assert reader.keys == recorded["keys"]
    assert [reader.read_idx(key) for key in reversed(reader.keys)] == records[::-1]


@pytest.mark.parametrize("case", RECORDED["packed"])
def test_packed_records_are_those_of_mxnet(case):
    packed = pack(IRHeader(*case["header"]), bytes.fromhex(case["payload"]))
    assert packed.hex() == case["packed"]
    header, rest = unpack(packed)
    assert rest.hex() == case["rest"]
    label = header.label.tolist() if isinstance(header.label, np.ndarray) else header.label
    assert [header.flag, label, header.id, header.id2] == case["unpacked"]
    assert not isinstance(header.label, np.ndarray) or header.label.dtype == np.float32


@given(st.lists(st.lists(st.sampled_from([MAGIC, b"a", b"bc", b"\0" * 7, MAGIC[:2], MAGIC[2:]])).map(b"".join)))
@in_one_folder
def test_every_list_of_records_round_trips(tmp_path, records):
    assert read_records(write_records(tmp_path / "a.rec", records)) == records


def test_large_records_round_trip(tmp_path):
    records = [np.random.default_rng(0).bytes(3_000_001), MAGIC * 5000]
    assert read_records(write_records(tmp_path / "a.rec", records)) == records


def test_any_bytes_like_record_is_written(tmp_path):
    records = [bytearray(b"ab" + MAGIC), memoryview(MAGIC + b"x"), np.arange(3, dtype=np.int16)]
    assert read_records(write_records(tmp_path / "a.rec", records)) == [bytes(record) for record in records]
    with pytest.raises(TypeError):
        write_records(tmp_path / "a.rec", ["text"])


def test_a_record_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(MXNetError, match=r"less than 2\*\*29 bytes; got 536870912"):
        write_records(tmp_path / "a.rec", [bytes(1 << 29)])


@pytest.mark.parametrize("content, message", [
    (MAGIC, "at byte 0: 4 bytes are left"),
    (b"JUNK" + bytes(8), "at byte 0: no record begins here: found 0x4b4e554a"),
    (part(0, b"abc") + b"JUNKJUNK", "at byte 12: no record begins here"),
    (part(0, b"abc")[:-1], "at byte 0: the record needs 4 bytes, but only 3 are left"),
    (part(0, b"", (1 << 29) - 1), "at byte 0: the record needs 536870912 bytes, but only 0 are left"),
    (part(1, b"abc"), "at byte 12: the file ends within the record that begins at byte 0"),
    (part(1, b"abc") + part(0, b"abc"), "at byte 12: there is a part of kind 0 within the record"),
    (part(2, b"abc"), "at byte 0: a part of kind 2 does not begin a record"),
    (part(3, b"abc"), "a part of kind 3"),
    (part(5, b"abc"), "a part of kind 5"),
])  # fmt: skip
def test_corrupt_files_are_refused_where_they_are_wrong(tmp_path, content, message):
    path = tmp_path / "a.rec"
    path.write_bytes(content)
    with pytest.raises(MXNetError, match=message):
        read_records(path)


@given(st.data())
@in_one_folder
def test_any_damage_gives_records_or_an_error(tmp_path, data):
    content = bytearray(part(0, b"abcdefg") + part(1, b"ab") + part(2, b"") + part(3, b"abc") + part(0, b""))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a.rec"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert all(isinstance(record, bytes) for record in read_records(path))
    except MXNetError as error:
        assert "at byte" in str(error)


def test_reading_by_key_and_in_sequence(indexed):
    reader = MXIndexedRecordIO(*indexed, "r")
    assert reader.keys == [0, 10, 20, 30] and reader.idx[10] == 16
    assert reader.read_idx(20) == b"record 2"
    assert reader.read() == b"record 3"
    assert reader.read() is None
    reader.seek(10)
    assert reader.tell() == 16
    assert reader.read() == b"record 1"
    reader.reset()
    assert reader.read() == b"record 0"
    with pytest.raises(KeyError):
        reader.read_idx(5)
    reader.close()
    assert reader.read_idx(10) == b"record 1"


def test_keys_have_the_type_that_was_asked_for(tmp_path):
    with MXIndexedRecordIO(tmp_path / "i", tmp_path / "r", "w", key_type=str) as writer:
        writer.write_idx("a b", b"1")
    assert MXIndexedRecordIO(tmp_path / "i", tmp_path / "r", "r", str).read_idx("a b") == b"1"
    with MXIndexedRecordIO(tmp_path / "i", tmp_path / "r", "w") as writer:
        writer.write_idx("3", b"1")
        assert writer.keys == [3]
        with pytest.raises(ValueError, match="invalid literal"):
            writer.write_idx("x", b"1")
        assert writer.tell() == 12


@pytest.mark.parametrize("index, line", [
    ("0\t0\njunk\n", 2), ("x\t0\n", 1), ("0\t0\n\n", 2), ("0\t-4\n", 1), ("0 0", 1),
])  # fmt: skip
def test_a_bad_index_is_refused_by_line(indexed, index, line):
    indexed[0].write_text(index)
    with pytest.raises(MXNetError, match=f"a.idx: line {line} is"):
        MXIndexedRecordIO(*indexed, "r")


def test_an_index_that_points_elsewhere_is_refused(indexed):
    indexed[0].write_text("0\t2\n1\t4000\n")
    reader = MXIndexedRecordIO(*indexed, "r")
    with pytest.raises(MXNetError, match="at byte 2: no record begins here"):
        reader.read_idx(0)
    with pytest.raises(MXNetError, match="at byte 4000: .*a.idx has key 1 here, where the file has ended"):
        reader.read_idx(1)
    indexed[0].unlink()
    with pytest.raises(FileNotFoundError):
        MXIndexedRecordIO(*indexed, "r")


def test_wrong_use_is_refused(indexed, tmp_path):
    with pytest.raises(ValueError, match="Invalid flag a"):
        MXRecordIO(indexed[1], "a")
    with pytest.raises(MXNetError, match="can't open .*missing"):
        MXRecordIO(tmp_path / "missing", "r")
    reader = MXRecordIO(indexed[1], "r")
    with pytest.raises(MXNetError, match="open for reading; open it with flag 'w' for writing"):
        reader.write(b"x")
    reader.close()
    reader.close()
    with pytest.raises(MXNetError, match="is closed"):
        reader.read()
    reader.reset()
    assert reader.read() == b"record 0"
    writer = MXRecordIO(tmp_path / "b.rec", "w")
    with pytest.raises(MXNetError, match="open for writing"):
        writer.read()
    with pytest.raises(MXNetError, match="close it before pickling"):
        pickle.dumps(writer)


def test_reset_empties_a_file_to_write(tmp_path):
    writer = MXIndexedRecordIO(tmp_path / "i", tmp_path / "r", "w")
    writer.write_idx(1, b"abc")
    writer.reset()
    writer.write_idx(2, b"x")
    writer.close()
    assert writer.keys == [2] and (tmp_path / "i").read_text() == "2\t0\n"
    assert read_records(tmp_path / "r") == [b"x"]


def test_a_pickled_reader_begins_at_the_start(indexed):
    reader = MXIndexedRecordIO(*indexed, "r")
    reader.read()
    copy = pickle.loads(pickle.dumps(reader))
    assert copy.read() == b"record 0" and copy.read_idx(20) == b"record 2" and copy.keys == reader.keys
    assert reader.read() == b"record 1"
    reader.close()
    assert not pickle.loads(pickle.dumps(reader)).is_open


def forked(function):
    """What function returns, or the message of its error, in a forked process."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(sender, repr(function()).encode())
        except Exception as error:
            os.write(sender, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.close(sender)
    os.waitpid(child, 0)
    with open(receiver) as file:
        return file.read()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_processes_do_not_disturb_each_other(indexed, tmp_path):
    reader = MXIndexedRecordIO(*indexed, "r")
    reader.read()
    assert "MXNetError: Forbidden operation in multiple processes" in forked(reader.read)
    assert forked(lambda: (reader.read_idx(20), reader.read())) == "(b'record 2', b'record 3')"
    assert reader.read() == b"record 1"
    writer = MXIndexedRecordIO(tmp_path / "i", tmp_path / "r", "w")
    writer.write_idx(0, b"abc")
    assert "Forbidden operation" in forked(lambda: writer.write_idx(1, b"x"))
    forked(writer.close)
    writer.close()
    assert read_records(tmp_path / "r") == [b"abc"] and (tmp_path / "i").read_text() == "0\t0\n"


def read_record_2(reader):
    return reader.read_idx(20)


def test_a_reader_travels_to_a_spawned_process(indexed):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(read_record_2, (MXIndexedRecordIO(*indexed, "r"),)) == b"record 2"


def test_threads_read_by_key_at_once(tmp_path):
    with MXIndexedRecordIO(tmp_path / "i", tmp_path / "r", "w") as writer:
        for key in range(100):
            writer.write_idx(key, b"%d" % key * 1000)
    reader, wrong = MXIndexedRecordIO(tmp_path / "i", tmp_path / "r", "r"), []

    def work(seed):
        for key in np.random.default_rng(seed).integers(0, 100, 500).tolist():
            if reader.read_idx(key) != b"%d" % key * 1000:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_pack_and_unpack_refuse_what_does_not_fit():
    with pytest.raises(MXNetError, match="expected id and id2 from 0"):
        pack((0, 1, -7, 0), b"")
    with pytest.raises(ValueError, match="could not convert"):
        pack((0, "a", 7, 0), b"")
    with pytest.raises(TypeError):
        pack((0, 1, 7, 0), "text")
    with pytest.raises(MXNetError, match="header of 24 bytes; got 3"):
        unpack(b"abc")
    with pytest.raises(MXNetError, match="announces 9 labels, 60 bytes with itself; the record has 28"):
        unpack(struct.pack("<IfQQ", 9, 0, 0, 0) + b"abcd")


def test_images_are_packed_without_loss_as_png():
    pytest.importorskip("cv2")
    image = np.array(RECORDED["image"]["image"], np.uint8)
    header, decoded = unpack_img(bytes.fromhex(RECORDED["image"]["png"]))
    assert (header.flag, header.label.tolist(), header.id, header.id2) == (2, [1.0, 2.0], 3, 4)
    np.testing.assert_array_equal(decoded, image, strict=True)
    for quality in (3, 95):
        packed = pack_img(IRHeader(0, [1, 2], 3, 4), image, quality, ".png")
        assert packed[:32] == bytes.fromhex(RECORDED["image"]["png"])[:32]
        np.testing.assert_array_equal(unpack_img(packed)[1], image, strict=True)
    assert unpack_img(packed, iscolor=0)[1].shape == (5, 4)
    grey = unpack_img(pack_img((0, 1, 2, 3), image[:, :, 0], img_fmt=".png"))[1]
    np.testing.assert_array_equal(grey, image[:, :, 0], strict=True)


def test_quality_of_jpeg_is_heeded():
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    coarse, fine = (pack_img((0, 1, 2, 3), image, quality) for quality in (10, 95))
    assert len(coarse) < len(fine)
    assert unpack(fine)[1] == cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def test_images_that_can_not_be_coded():
    pytest.importorskip("cv2")
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(MXNetError, match=r"can't encode an image \(uint8 of shape \(4, 4, 3\)\) as '.xyz'"):
        pack_img((0, 1, 2, 3), image, 95, ".xyz")
    with pytest.raises(MXNetError, match=r"an image \(NoneType\)"):
        pack_img((0, 1, 2, 3), None)
    assert unpack_img(pack((0, 1, 2, 3), b"no image"))[1] is None
    with pytest.raises(MXNetError, match="holds no image"):
        unpack_img(pack((0, 1, 2, 3), b""))


def test_without_opencv_images_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match="pack_img needs OpenCV: pip install opencv"):
        pack_img((0, 1, 2, 3), np.zeros((4, 4), np.uint8))
    with pytest.raises(ImportError, match="unpack_img needs OpenCV"):
        unpack_img(b"")


def test_importing_recordio_imports_neither_torch_nor_arrays_nor_opencv():
    code = "import sys, mxnet.recordio; print([n for n in ('torch', 'cv2', 'mxnet.ndarray') if n in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
