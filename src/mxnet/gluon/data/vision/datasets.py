"""Data sets of images: well-known ones, downloaded and verified, and those in folders and record files."""

from __future__ import annotations

import os
import tarfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .... import mnist
from .... import ndarray as nd
from ....base import MXNetError, data_dir
from ....recordio import unpack
from ...utils import check_sha1, download
from ..dataset import Dataset, RecordFileDataset

__all__ = ["CIFAR10", "CIFAR100", "MNIST", "FashionMNIST", "ImageFolderDataset", "ImageRecordDataset"]

_REPOSITORY = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"


def _repository() -> str:
    return os.environ.get("MXNET_GLUON_REPO", _REPOSITORY).rstrip("/") + "/gluon/dataset/"


class _DownloadedDataset(Dataset):
    """Images (N, H, W, C) uint8 and labels (N,) int32 in memory."""

    def __init__(self, root: str | os.PathLike[str], transform: Callable[..., Any] | None):
        self._transform = transform
        self._root = os.path.expanduser(os.fspath(root))
        os.makedirs(self._root, exist_ok=True)
        images, labels = self._read()
        self._data = nd.array(images, dtype="uint8")
        self._label = labels.astype(np.int32)

    def _read(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        raise NotImplementedError

    def __getitem__(self, idx: Any) -> Any:
        if self._transform is not None:
            return self._transform(self._data[idx], self._label[idx])
        return self._data[idx], self._label[idx]

    def __len__(self) -> int:
        return len(self._label)


class MNIST(_DownloadedDataset):
    """Handwritten digits, 60,000 to train and 10,000 to test: ``(image (28, 28, 1) uint8, label int32)``.

    Args:
        root: folder with the four idx files, plain or with ``.gz``, of these or any digits; where they are missing,
            the set of the full size is looked for in the usual places and otherwise downloaded, verified by SHA-1
            (see `mxnet.mnist.locate_mnist`).
        train: the digits to train with; otherwise those to test.
        transform: a function of (image, label) that gives the example; `Dataset.transform` does the same.
    Raises: MXNetError if they can't be had or a file is corrupt.
    """

    def __init__(
        self, root: str = os.path.join(data_dir(), "datasets", "mnist"), train: bool = True,
        transform: Callable[..., Any] | None = None,
    ):  # fmt: skip
        self._train = train
        super().__init__(root, transform)

    def _read(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        files = self._locate()
        pair = (files.train_images, files.train_labels) if self._train else (files.test_images, files.test_labels)
        images, labels = mnist.read_mnist(*pair)
        return images[..., None], labels

    def _locate(self) -> mnist.MNISTFiles:
        return mnist.locate_mnist(self._root)


class FashionMNIST(MNIST):
    """Pictures of clothes in the form of `MNIST`: ``(image (28, 28, 1) uint8, label int32)``.

    Args: as `MNIST`; files missing in root are downloaded, verified by SHA-1.
    Raises: MXNetError if that fails or a file is corrupt.
    """

    _SHA1 = {
        "train-images-idx3-ubyte": "0cf37b0d40ed5169c6b3aba31069a9770ac9043d",
        "train-labels-idx1-ubyte": "236021d52f1e40852b06a4c3008d8de8aef1e40b",
        "t10k-images-idx3-ubyte": "626ed6a7c06dd17c0eec72fa3be1740f146a2863",
        "t10k-labels-idx1-ubyte": "17f9ab60e7257a1620f4ad76bbbaf857c3920701",
    }

    def __init__(
        self, root: str = os.path.join(data_dir(), "datasets", "fashion-mnist"), train: bool = True,
        transform: Callable[..., Any] | None = None,
    ):  # fmt: skip
        super().__init__(root, train, transform)

    def _locate(self) -> mnist.MNISTFiles:
        return mnist.MNISTFiles(*(self._file(name, sha1) for name, sha1 in self._SHA1.items()))

    def _file(self, name: str, sha1: str) -> str:
        plain = os.path.join(self._root, name)
        for path in (plain, f"{plain}.gz"):
            if os.path.exists(path):
                return path
        return download(f"{_repository()}fashion-mnist/{name}.gz", f"{plain}.gz", sha1_hash=sha1)


class CIFAR10(_DownloadedDataset):
    """Photographs of ten kinds of things, 50,000 to train, 10,000 to test: ``(image (32, 32, 3) uint8, label int32)``.

    Args:
        root: folder with the files of the binary version; they are downloaded, verified by SHA-1, if one is missing.
        train: the images to train with; otherwise those to test.
        transform: a function of (image, label) that gives the example.
    Raises: MXNetError if that fails or a file is corrupt.
    """

    _archive = ("cifar-10-binary.tar.gz", "fab780a1e191a7eda0f345501ccd62d20f7ed891")
    _namespace = "cifar10"
    _train_files = {
        "data_batch_1.bin": "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
        "data_batch_2.bin": "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
        "data_batch_3.bin": "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
        "data_batch_4.bin": "aab85764eb3584312d3c7f65fd2fd016e36a258e",
        "data_batch_5.bin": "26e2849e66a845b7f1e4614ae70f4889ae604628",
    }
    _test_files = {"test_batch.bin": "67eb016db431130d61cd03c7ad570b013799c88c"}
    _label_bytes = 1  # in front of each image
    _label_byte = 0  # the one that is used

    def __init__(
        self, root: str = os.path.join(data_dir(), "datasets", "cifar10"), train: bool = True,
        transform: Callable[..., Any] | None = None,
    ):  # fmt: skip
        self._train = train
        super().__init__(root, transform)

    def _read(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        files = self._train_files if self._train else self._test_files
        if not all(self._has(name, sha1) for name, sha1 in files.items()):
            self._fetch(files)
        rows = np.concatenate([self._rows(name) for name in files])
        images = rows[:, self._label_bytes :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return images, rows[:, self._label_byte]

    def _has(self, name: str, sha1: str) -> bool:
        path = os.path.join(self._root, name)
        return os.path.exists(path) and check_sha1(path, sha1)

    def _fetch(self, files: dict[str, str]) -> None:
        name, sha1 = self._archive
        archive = download(f"{_repository()}{self._namespace}/{name}", os.path.join(self._root, name), sha1_hash=sha1)
        with tarfile.open(archive) as tar:  # only files of known names and content are taken out
            for member in tar:
                target = os.path.basename(member.name)
                if target in files and member.isfile() and (content := tar.extractfile(member)) is not None:
                    with open(os.path.join(self._root, target), "wb") as file:
                        file.write(content.read())

    def _rows(self, name: str) -> np.ndarray[Any, Any]:
        path, width = os.path.join(self._root, name), self._label_bytes + 3072
        if not os.path.exists(path):
            raise MXNetError(f"{path} is missing; it was not in the archive {self._archive[0]} either.")
        content = np.fromfile(path, dtype=np.uint8)
        if not len(content) or len(content) % width:
            raise MXNetError(f"{path} has {len(content)} bytes; expected a multiple of {width}. Remove it.")
        return content.reshape(-1, width)


class CIFAR100(CIFAR10):
    """Photographs of a hundred kinds of things in twenty groups: ``(image (32, 32, 3) uint8, label int32)``.

    Args: as `CIFAR10`, and fine_label: labels tell the kind; otherwise the group.
    """

    _archive = ("cifar-100-binary.tar.gz", "a0bb982c76b83111308126cc779a992fa506b90b")
    _namespace = "cifar100"
    _train_files = {"train.bin": "e207cd2e05b73b1393c74c7f5e7bea451d63e08e"}
    _test_files = {"test.bin": "8fb6623e830365ff53cf14adec797474f5478006"}
    _label_bytes = 2

    def __init__(
        self, root: str = os.path.join(data_dir(), "datasets", "cifar100"), fine_label: bool = False,
        train: bool = True, transform: Callable[..., Any] | None = None,
    ):  # fmt: skip
        self._label_byte = int(fine_label)
        super().__init__(root, train, transform)


def _decode(buffer: bytes, flag: int, source: str) -> nd.NDArray:
    """(H, W, 3) RGB, or (H, W, 1) gray with flag 0, from a file in memory."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError("images are decoded by OpenCV: pip install opencv-python-headless") from error
    mode = cv2.IMREAD_COLOR if flag else cv2.IMREAD_GRAYSCALE
    image = cv2.imdecode(np.frombuffer(buffer, dtype=np.uint8), mode) if buffer else None
    if image is None:
        raise MXNetError(f"{source}: this is not an image that can be decoded.")
    return nd.array(image[..., ::-1] if flag else image[..., None], dtype="uint8")


class ImageRecordDataset(RecordFileDataset):
    """The images of a RecordIO file, such as im2rec makes, with their labels: ``(image (H, W, C) uint8, label)``.

    Args:
        filename: path of the ``.rec`` file; the index beside it has the same name and ends with ``.idx``.
        flag: 1 for three channels (RGB), 0 for one (gray).
        transform: a function of (image, label) that gives the example.
    The label is a float, or an array of them. Raises: MXNetError for a record that is no image.
    """

    def __init__(
        self, filename: str | os.PathLike[str], flag: int = 1, transform: Callable[..., Any] | None = None
    ):
        super().__init__(filename)
        self._flag = flag
        self._transform = transform

    def __getitem__(self, idx: int) -> Any:
        header, content = unpack(super().__getitem__(idx))
        image = _decode(content, self._flag, f"{self.filename}, record {idx}")
        return (image, header.label) if self._transform is None else self._transform(image, header.label)


class ImageFolderDataset(Dataset):
    """The images in the folders of a folder; those in one folder have one label: ``(image (H, W, C) uint8, label)``.

    ``root/car/0001.jpg`` has the label of the folder car; folders are numbered in the order of their names.

    Args:
        root: path of the folder.
        flag: 1 for three channels (RGB), 0 for one (gray).
        transform: a function of (image, label) that gives the example.
    Attributes: synsets, the names of the folders; items, a list of (path, label).
    Raises: FileNotFoundError if there is no such folder; MXNetError for a file that is no image.
    """

    def __init__(self, root: str | os.PathLike[str], flag: int = 1, transform: Callable[..., Any] | None = None):
        self._root = os.path.expanduser(os.fspath(root))
        self._flag = flag
        self._transform = transform
        self._exts = [".jpg", ".jpeg", ".png"]
        self.synsets: list[str] = []
        self.items: list[tuple[str, int]] = []
        for folder in sorted(os.listdir(self._root)):
            path = os.path.join(self._root, folder)
            if not os.path.isdir(path):
                warnings.warn(f"Ignoring {path}, which is not a directory.", stacklevel=2)
                continue
            for name in sorted(os.listdir(path)):
                extension = os.path.splitext(name)[1]
                if extension.lower() in self._exts:
                    self.items.append((os.path.join(path, name), len(self.synsets)))
                else:
                    warnings.warn(
                        f"Ignoring {os.path.join(path, name)} of type {extension}. Only support "
                        f"{', '.join(self._exts)}",
                        stacklevel=2,
                    )
            self.synsets.append(folder)

    def __getitem__(self, idx: int) -> Any:
        path, label = self.items[idx]
        with open(path, "rb") as file:
            image = _decode(file.read(), self._flag, path)
        return (image, label) if self._transform is None else self._transform(image, label)

    def __len__(self) -> int:
        return len(self.items)
