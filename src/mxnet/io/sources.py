"""Readers of data files, and the iterators MNISTIter and CSVIter that stand on them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ..base import MXNetError
from ..context import Context
from ..mnist import read_mnist
from ..ndarray import NDArray
from ..ndarray.invoke import wrap
from ..ndarray.sparse_ops import take_rows
from ..ndarray.sparse_storage import CSRNDArray
from ..ops.dtypes import dtype_name, torch_dtype

Batch = tuple[NDArray, NDArray, int, np.ndarray[Any, Any]]


class BatchSource:
    """Batches from examples in memory.

    Args:
        data, label: (N, ...) and (N, ...), the examples in the order in which they are given out; dense or csr.
        index: (N,) numbers of the examples in the file.
        batch_size: examples in a batch.
        last: the examples that don't fill a batch are dropped ("discard"), filled up from the start, the next epoch
            going on after these ("round"), or filled up with what the batch before had in these places ("stale").
    """

    def __init__(
        self, data: NDArray, label: NDArray, index: np.ndarray[Any, Any], batch_size: int, last: str
    ):
        self.batch_size = batch_size
        self.data_shape = (batch_size, *data.shape[1:])
        self.label_shape = (batch_size, *label.shape[1:])
        self.data_dtype, self.label_dtype = data.dtype, label.dtype
        self._data, self._label, self._index, self._last = data, label, index.astype(np.uint64), last
        self._start = 0
        self._before: np.ndarray[Any, Any] | None = None

    def reset(self) -> None:
        """Start the next epoch."""
        count = len(self._data)
        self._start = self._start % count if self._last == "round" and self._start >= count else 0
        self._before = None

    def read(self) -> Batch | None:
        """Data, label, pad and index of the next batch; None at the end."""
        count, stop = len(self._data), self._start + self.batch_size
        if self._start >= count or (stop > count and self._last == "discard"):
            return None
        rows = np.arange(self._start, stop)
        pad = max(stop - count, 0)
        if pad:
            rows[-pad:] %= count
            if self._last == "stale" and self._before is not None:
                rows[-pad:] = self._before[-pad:]
        self._start, self._before = stop, rows
        chosen = slice(int(rows[0]), int(rows[-1]) + 1) if not pad else torch.from_numpy(rows)
        return examples(self._data, chosen), examples(self._label, chosen), pad, self._index[rows]


def examples(array: NDArray, rows: slice | torch.Tensor) -> NDArray:
    """A copy of some rows of an array on the CPU: a range of them, or those with the given numbers; csr stays csr."""
    if isinstance(array, CSRNDArray):
        return array[rows] if isinstance(rows, slice) else take_rows(array, rows)
    if isinstance(rows, slice):
        return wrap(NDArray, array._data[rows].clone(), array._ctx)
    return wrap(NDArray, array._data[rows.to(array._data.device)], array._ctx)


def _dense(data: torch.Tensor) -> NDArray:
    return wrap(NDArray, data, Context("cpu", 0))


def MNISTIter(
    image: str = "./train-images-idx3-ubyte", label: str = "./train-labels-idx1-ubyte", batch_size: int = 128,
    shuffle: bool = True, flat: bool = False, seed: int = 0, silent: bool = False, num_parts: int = 1,
    part_index: int = 0, prefetch_buffer: int = 4, ctx: str = "gpu", dtype: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """An iterator over a pair of idx files; examples that don't fill a batch are dropped.

    Args:
        image, label: paths of the files, plain or gzipped.
        batch_size: examples in a batch.
        shuffle: put the examples in a random order, the same in every epoch.
        flat: give data of shape (batch_size, height * width) instead of (batch_size, 1, height, width).
        seed: seed of the order; the same seed gives the same order as MXNet 1.9.1.
        silent: don't log the number of images.
        num_parts, part_index: divide the file into parts and read only this one, counted from 0.
        prefetch_buffer, ctx: have no meaning here, where the images are kept in memory.
        dtype: dtype of data and label; default float32.
        kwargs: data_name and label_name; input_shape or data_shape, which only has to fit the images.
    Returns: MXDataIter; data in [0, 1), 1/256 for each level of grey.
    Raises: MXNetError if a file can't be read, or an argument isn't possible.
    """
    from .io import MXDataIter

    names = _take_names("MNISTIter", kwargs, "input_shape", "data_shape")
    batch_size, seed = _integer("MNISTIter", "batch_size", batch_size, 1), _integer("MNISTIter", "seed", seed)
    num_parts = _integer("MNISTIter", "num_parts", num_parts, 1)
    part_index = _integer("MNISTIter", "part_index", part_index, 0)
    if part_index >= num_parts:
        raise MXNetError(f"MNISTIter: part_index is {part_index}; expected less than num_parts, {num_parts}.")
    images, labels = read_mnist(image, label)
    for name in ("input_shape", "data_shape"):
        if name in kwargs and math.prod(_shape(kwargs[name])) != math.prod(images.shape[1:]):
            raise MXNetError(f"MNISTIter: {name} is {kwargs[name]}, but the images have shape {images.shape[1:]}.")
    rows = np.arange(len(images))[len(images) * part_index // num_parts : len(images) * (part_index + 1) // num_parts]
    if shuffle:
        rows = rows[_shuffled_order(len(rows), seed)]
    kind = torch_dtype(dtype)
    if not kind.is_floating_point:
        raise MXNetError(f"MNISTIter: dtype is {dtype}; expected a floating one, because the data are in [0, 1).")
    data = torch.from_numpy(images[rows]).to(torch.float32).div_(256).to(kind)
    data = data.flatten(1) if flat else data.unsqueeze(1)
    target = torch.from_numpy(labels[rows]).to(kind)
    source = BatchSource(_dense(data), _dense(target), rows, batch_size, "discard")
    if not silent:
        shape = ",".join(map(str, source.data_shape))
        logging.info("MNISTIter: load %d images, shuffle=%d, shape=[%s]", len(rows), bool(shuffle), shape)
    return MXDataIter(source, **names)


def _shuffled_order(count: int, seed: int) -> np.ndarray[Any, Any]:
    """A random permutation: the one that MXNet 1.9.1 gets from this seed, found from the orders it gives.

    Each place in turn changes places with a random one up to and with itself, drawn from the 32-bit Mersenne Twister
    without bias: values from the top that would favour some places are drawn again.
    """
    bits = np.random.MT19937()
    bits._legacy_seeding(seed % 2**32)  # the seeding of the original generator, as of numpy.random.seed
    order = list(range(count))
    for place in range(1, count):
        width = (2**32 - 1) // (place + 1)
        while (drawn := int(bits.random_raw()) // width) > place:
            pass
        order[place], order[drawn] = order[drawn], order[place]
    return np.array(order, dtype=np.int64)


def CSVIter(
    data_csv: str, data_shape: Any, batch_size: int, label_csv: str = "NULL", label_shape: Any = (1,),
    round_batch: bool = True, prefetch_buffer: int = 4, ctx: str = "gpu", dtype: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """An iterator over the rows of a file of comma-separated numbers, which is read whole.

    Args:
        data_csv: path; a row has the numbers of one example.
        data_shape: shape of an example.
        batch_size: examples in a batch.
        label_csv: path of the labels; "NULL": all labels are 0.
        label_shape: shape of the label of an example; (1,) gives labels of shape (batch_size,).
        round_batch: fill the last batch up with the first examples, with which the next epoch then doesn't begin;
            otherwise it is filled up with old examples. getpad tells how many.
        prefetch_buffer, ctx: have no meaning here.
        dtype: "float32", "int32" or "int64"; default float32. Integers are truncated towards zero.
        kwargs: data_name and label_name.
    Returns: MXDataIter.
    Raises: MXNetError if a file can't be read, a row has another size or something that is no number, the files have
        different numbers of rows, or dtype is another one.
    """
    from .io import MXDataIter

    names = _take_names("CSVIter", kwargs)
    name = dtype_name(dtype)
    if name not in ("float32", "int32", "int64"):
        raise MXNetError(f"{name} is not supported for CSVIter; expected float32, int32 or int64.")
    batch_size = _integer("CSVIter", "batch_size", batch_size, 1)
    data = _read_csv(data_csv, _shape(data_shape), name)
    if label_csv == "NULL":
        label = np.zeros((len(data), *_shape(label_shape)), name)
    else:
        label = _read_csv(label_csv, _shape(label_shape), name)
        if len(label) != len(data):
            raise MXNetError(f"CSVIter: {data_csv} has {len(data)} rows, but {label_csv} has {len(label)}.")
    if label.shape[1:] == (1,):
        label = label[:, 0]
    source = BatchSource(
        _dense(torch.from_numpy(data)), _dense(torch.from_numpy(label)), np.arange(len(data)), batch_size,
        "round" if round_batch else "stale",
    )  # fmt: skip
    return MXDataIter(source, **names)


def _read_csv(path: str, shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    """The rows of a file as (N, *shape)."""
    kinds = (dtype, "float64") if dtype.startswith("int") else (dtype,)  # "1.5" is no integer, but is truncated to one
    for kind in kinds:
        try:
            rows = np.loadtxt(path, kind, delimiter=",", ndmin=2, comments=None, encoding="utf-8").astype(dtype)
            break
        except OSError as error:
            raise MXNetError(f"CSVIter: can't read {path!r}: {error.strerror or error}") from error
        except ValueError as error:
            if kind == kinds[-1]:
                raise MXNetError(f"CSVIter: {path}: {error}") from error
    if not rows.size:
        raise MXNetError(f"CSVIter: {path} has no rows.")
    if rows.shape[1] != math.prod(shape):
        raise MXNetError(
            "The data size in CSV do not match size of shape: specified shape="
            f"{list(shape)}, the csv row-length={rows.shape[1]} ({path})"
        )
    return rows.reshape(-1, *shape)


def _take_names(function: str, kwargs: dict[str, Any], *others: str) -> dict[str, str]:
    unknown = set(kwargs) - {"data_name", "label_name", *others}
    if unknown:
        raise MXNetError(
            f"{function}: unknown parameter {sorted(unknown)[0]!r}; besides those of its signature it takes "
            f"{', '.join(('data_name', 'label_name', *others))}."
        )
    return {name: kwargs[name] for name in ("data_name", "label_name") if name in kwargs}


def _integer(function: str, name: str, value: Any, least: int | None = None) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise MXNetError(f"{function}: Invalid Parameter format for {name} expect int but value={value!r}") from None
    if least is not None and number < least:
        raise MXNetError(f"{function}: {name} is {number}; expected {least} or more.")
    return number


def _shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, int | np.integer) else tuple(int(size) for size in shape)


def _later(name: str) -> Callable[..., Any]:
    def create(*args: Any, **kwargs: Any) -> Any:
        raise MXNetError(
            f"mx.io.{name} is not part of this version of mxnext yet; see docs/status.md. "
            "Use NDArrayIter, MNISTIter, CSVIter or gluon.data.DataLoader."
        )

    create.__name__ = create.__qualname__ = name
    create.__doc__ = "Not part of this version yet; see docs/status.md. Raises: MXNetError always."
    return create


ImageDetRecordIter = _later("ImageDetRecordIter")
ImageRecordInt8Iter = _later("ImageRecordInt8Iter")
ImageRecordIter = _later("ImageRecordIter")
ImageRecordIter_v1 = _later("ImageRecordIter_v1")
ImageRecordUInt8Iter = _later("ImageRecordUInt8Iter")
ImageRecordUInt8Iter_v1 = _later("ImageRecordUInt8Iter_v1")
