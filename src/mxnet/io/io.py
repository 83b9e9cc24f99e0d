"""The iterators that are written in Python, and `MXDataIter` behind those that read files."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from ..base import MXNetError
from ..ndarray import NDArray
from .libsvm import LibSVMIter
from .sources import (
    BatchSource,
    CSVIter,
    ImageDetRecordIter,
    ImageRecordInt8Iter,
    ImageRecordIter,
    ImageRecordIter_v1,
    ImageRecordUInt8Iter,
    ImageRecordUInt8Iter_v1,
    MNISTIter,
    examples,
)
from .utils import named_arrays

__all__ = [
    "CSVIter", "DataBatch", "DataDesc", "DataIter", "ImageDetRecordIter", "ImageRecordInt8Iter", "ImageRecordIter",
    "ImageRecordIter_v1", "ImageRecordUInt8Iter", "ImageRecordUInt8Iter_v1", "LibSVMIter", "MNISTIter", "MXDataIter",
    "NDArrayIter", "PrefetchingIter", "ResizeIter",
]  # fmt: skip


class DataDesc(namedtuple("DataDesc", ["name", "shape"])):
    """Name, shape, dtype and layout of an input; as a tuple it is (name, shape).

    layout  one letter for each axis; N is the axis of the examples
    """

    dtype: Any
    layout: str | None

    def __new__(cls, name: str, shape: Sequence[int], dtype: Any = np.float32, layout: str | None = "NCHW") -> DataDesc:
        self = super().__new__(cls, name, shape)
        self.dtype = dtype
        self.layout = layout
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.name, self.shape, self.dtype, self.layout

    def __repr__(self) -> str:
        return f"DataDesc[{self.name},{self.shape},{self.dtype},{self.layout}]"

    @staticmethod
    def get_batch_axis(layout: str | None) -> int:
        """The axis of the examples in a layout: 0 for None, -1 if the layout has no N."""
        return 0 if layout is None else layout.find("N")

    @staticmethod
    def get_list(shapes: Sequence[tuple[str, Any]], types: Sequence[tuple[str, Any]] | None) -> list[DataDesc]:
        """Descriptions from pairs of name and shape and, if there are any, pairs of name and dtype.

        Raises: KeyError if a name has no dtype.
        """
        if types is None:
            return [DataDesc(name, shape) for name, shape in shapes]
        dtypes = dict(types)
        return [DataDesc(name, shape, dtypes[name]) for name, shape in shapes]


class DataBatch:
    """A batch of examples.

    data, label  lists of NDArray, in the order of the iterator's provide_data and provide_label
    pad  how many examples at the end only fill the batch up
    index  numbers of the examples
    bucket_key  key of the bucket, for BucketingModule
    provide_data, provide_label  descriptions of this batch, where they differ from the iterator's
    """

    def __init__(
        self, data: list[NDArray], label: list[NDArray] | None = None, pad: int | None = None, index: Any = None,
        bucket_key: Any = None, provide_data: Any = None, provide_label: Any = None,
    ):  # fmt: skip
        for value, kind in ((data, "Data"), (label, "Label")):
            if value is not None and not isinstance(value, list | tuple):
                raise AssertionError(f"{kind} must be list of NDArrays")
        self.data = data
        self.label = label
        self.pad = pad
        self.index = index
        self.bucket_key = bucket_key
        self.provide_data = provide_data
        self.provide_label = provide_label

    def __str__(self) -> str:
        labels = [label.shape for label in self.label] if self.label else None
        return f"{type(self).__name__}: data shapes: {[data.shape for data in self.data]} label shapes: {labels}"


class DataIter:
    """Base class of iterators: subclasses define iter_next, getdata, getlabel, getpad, getindex, reset and the
    attributes or properties provide_data and provide_label (lists of DataDesc)."""

    def __init__(self, batch_size: int = 0):
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[DataBatch]:
        return self

    def __next__(self) -> DataBatch:
        return self.next()

    def reset(self) -> None:
        """Start again from the first batch."""

    def next(self) -> DataBatch:
        """The next batch. Raises: StopIteration at the end."""
        if not self.iter_next():
            raise StopIteration
        return DataBatch(self.getdata(), self.getlabel(), self.getpad(), self.getindex())

    def iter_next(self) -> bool:
        """Go to the next batch; False at the end."""
        return False

    def getdata(self) -> Any:
        """Data of the current batch."""

    def getlabel(self) -> Any:
        """Labels of the current batch."""

    def getindex(self) -> Any:
        """Numbers of the examples of the current batch, None if they aren't known."""

    def getpad(self) -> int | None:
        """How many examples at the end of the current batch only fill it up."""


class NDArrayIter(DataIter):
    """Batches from arrays in memory.

    Args:
        data, label: an array, a list of arrays or a dict from name to array, all with the examples along the first
            axis. NumPy arrays become float32, NDArrays keep their dtype; batches of csr arrays are csr, of row_sparse
            ones dense. label may be None.
        batch_size: examples in a batch.
        shuffle: put the examples in a new random order at the start and at each reset, by NumPy's global generator.
        last_batch_handle: what becomes of the examples that don't fill a batch: "pad" (filled up from the start of
            the epoch), "discard", or "roll_over" (they begin the next epoch).
        data_name, label_name: names of arrays that are given without one.
        layout: layout in provide_data and provide_label.
    Raises: TypeError for other data; MXNetError if the numbers of examples differ, are fewer than a batch, or
        batch_size or last_batch_handle is not possible.
    """

    def __init__(
        self, data: Any, label: Any = None, batch_size: int = 1, shuffle: bool = False, last_batch_handle: str = "pad",
        data_name: str = "data", label_name: str = "softmax_label", layout: str = "NCHW",
    ):  # fmt: skip
        super().__init__(batch_size)
        self.data = named_arrays(data, False, data_name)
        self.label = named_arrays(label, True, label_name)
        self.shuffle = shuffle
        self.last_batch_handle = last_batch_handle
        self.layout = layout
        self.num_data = self.data[0][1].shape[0] if self.data[0][1].ndim else 0
        self.num_source = len(self.data) + len(self.label)
        self.data_list = [value for _, value in (*self.data, *self.label)]
        for name, value in (*self.data, *self.label):
            if not value.ndim or value.shape[0] != self.num_data:
                raise MXNetError(
                    f"NDArrayIter: {name} has shape {value.shape}, but {self.data[0][0]} has {self.num_data} examples; "
                    "give arrays with as many examples along the first axis."
                )
        if batch_size < 1:
            raise MXNetError(f"NDArrayIter: batch_size is {batch_size}; expected 1 or more.")
        if last_batch_handle not in ("pad", "discard", "roll_over"):
            raise MXNetError(
                f"NDArrayIter: last_batch_handle is {last_batch_handle!r}; expected 'pad', 'discard' or 'roll_over'."
            )
        if self.num_data < 1:
            raise MXNetError("NDArrayIter: there are no examples.")
        self.idx = np.arange(self.num_data)
        self._order: torch.Tensor | None = None  # None: as they are given
        self._rolled: torch.Tensor = torch.empty(0, dtype=torch.int64)
        self._rows: torch.Tensor | slice | None = None
        if shuffle:
            self._shuffle()
        self.cursor = -batch_size

    @property
    def provide_data(self) -> list[DataDesc]:
        """Descriptions of the data."""
        return self._describe(self.data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """Descriptions of the labels."""
        return self._describe(self.label)

    def _describe(self, source: list[tuple[str, NDArray]]) -> list[DataDesc]:
        return [DataDesc(name, (self.batch_size, *value.shape[1:]), value.dtype, self.layout) for name, value in source]

    def _shuffle(self) -> None:
        np.random.shuffle(self.idx)
        chosen = torch.from_numpy(self.idx)
        self._order = chosen.clone() if self._order is None else self._order[chosen]

    def hard_reset(self) -> None:
        """Start again from the first example; what would have rolled over is dropped."""
        self._start_over(torch.empty(0, dtype=torch.int64))

    def reset(self) -> None:
        """Start again, after what rolls over from the epoch that ended."""
        left = self.num_data - self.cursor
        if self.last_batch_handle == "roll_over" and 0 < left < self.batch_size and self.cursor > -self.batch_size:
            self._start_over(self._numbers(self.cursor, self.num_data))
        else:
            self.hard_reset()

    def _start_over(self, rolled: torch.Tensor) -> None:
        if self.shuffle:
            self._shuffle()
        self._rolled = rolled
        self._rows = None
        self.cursor = -self.batch_size - len(rolled)

    def _numbers(self, start: int, stop: int) -> torch.Tensor:
        """The numbers of the examples that stand at places start to stop; places before 0 are those rolled over."""
        order = torch.arange(self.num_data) if self._order is None else self._order
        if start < 0:
            return torch.cat([self._rolled[len(self._rolled) + start :], order[: max(stop, 0)]])
        return order[start:stop]

    def iter_next(self) -> bool:
        """Go to the next batch; False at the end."""
        self.cursor += self.batch_size
        stop = self.cursor + self.batch_size
        self._rows = None
        if self.cursor >= self.num_data or (stop > self.num_data and self.last_batch_handle != "pad"):
            return False
        if self.cursor >= 0 and stop <= self.num_data and self._order is None:
            self._rows = slice(self.cursor, stop)
        elif stop <= self.num_data:
            self._rows = self._numbers(self.cursor, stop)
        else:
            numbers, start = self._numbers(self.cursor, self.num_data), self._numbers(0, self.num_data)
            missing = stop - self.num_data
            self._rows = torch.cat([numbers, *[start] * (missing // self.num_data), start[: missing % self.num_data]])
        return True

    def _take(self, source: list[tuple[str, NDArray]]) -> list[NDArray]:
        rows = self._rows
        if rows is None:
            raise AssertionError("DataIter needs reset.")
        return [examples(value, rows) for _, value in source]

    def getdata(self) -> list[NDArray]:
        """Copies of the examples of the current batch."""
        return self._take(self.data)

    def getlabel(self) -> list[NDArray]:
        """Copies of the labels of the current batch."""
        return self._take(self.label)

    def getpad(self) -> int:
        """How many examples only fill the batch up; after a roll over, how many came from the epoch before."""
        if self.last_batch_handle == "pad":
            return max(self.cursor + self.batch_size - self.num_data, 0)
        return -self.cursor if -self.batch_size < self.cursor < 0 else 0


class ResizeIter(DataIter):
    """Epochs of another length: an iterator cut short, or repeated.

    Args:
        data_iter: the iterator.
        size: batches in an epoch.
        reset_internal: reset data_iter too at each reset; else each epoch goes on where the last one stopped.
    """

    def __init__(self, data_iter: Any, size: int, reset_internal: bool = True):
        super().__init__(data_iter.batch_size)
        self.data_iter = data_iter
        self.size = size
        self.reset_internal = reset_internal
        self.cur = 0
        self.current_batch: Any = None
        self.provide_data = data_iter.provide_data
        self.provide_label = data_iter.provide_label
        if hasattr(data_iter, "default_bucket_key"):
            self.default_bucket_key = data_iter.default_bucket_key

    def reset(self) -> None:
        """Begin a new epoch."""
        self.cur = 0
        if self.reset_internal:
            self.data_iter.reset()

    def iter_next(self) -> bool:
        """Go to the next batch; False at the end. Raises: MXNetError if the iterator is empty."""
        if self.cur >= self.size:
            return False
        try:
            self.current_batch = self.data_iter.next()
        except StopIteration:
            self.data_iter.reset()
            try:
                self.current_batch = self.data_iter.next()
            except StopIteration:
                raise MXNetError("ResizeIter: the iterator gives no batch even after reset.") from None
        self.cur += 1
        return True

    def next(self) -> DataBatch:
        """The next batch, as the iterator gave it."""
        if not self.iter_next():
            raise StopIteration
        return self.current_batch

    def getdata(self) -> Any:
        """Data of the current batch."""
        return self.current_batch.data

    def getlabel(self) -> Any:
        """Labels of the current batch."""
        return self.current_batch.label

    def getindex(self) -> Any:
        """Numbers of the examples of the current batch."""
        return self.current_batch.index

    def getpad(self) -> Any:
        """How many examples only fill the batch up."""
        return self.current_batch.pad


class PrefetchingIter(DataIter):
    """Batches of one or more iterators, joined, each read in a thread while the last batch is used.

    Args:
        iters: an iterator, or a list of iterators of equal length; the batch has the data of all of them.
        rename_data, rename_label: a dict for each iterator, from its names to those of the joined batch.
    Raises: AssertionError without iterators. What goes wrong in a thread is raised by next.
    """

    def __init__(self, iters: Any, rename_data: Any = None, rename_label: Any = None):
        super().__init__()
        self.iters = iters if isinstance(iters, list) else [iters]
        if not self.iters:
            raise AssertionError("PrefetchingIter: there is no iterator; give at least one.")
        self.n_iter = len(self.iters)
        for names, kind in ((rename_data, "rename_data"), (rename_label, "rename_label")):
            if names is not None and len(names) != self.n_iter:
                raise MXNetError(f"PrefetchingIter: {kind} has {len(names)} entries for {self.n_iter} iterators.")
        self.rename_data = rename_data
        self.rename_label = rename_label
        self.batch_size = self.provide_data[0][1][0]
        self.current_batch: Any = None
        self._threads = ThreadPoolExecutor(self.n_iter, thread_name_prefix="PrefetchingIter")
        self._coming: list[Future[DataBatch | None]] = []
        self._fetch()

    def _fetch(self) -> None:
        self._coming = [self._threads.submit(next, source, None) for source in self.iters]

    def __del__(self) -> None:
        if hasattr(self, "_threads"):
            self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def provide_data(self) -> list[DataDesc]:
        """Descriptions of the data of all iterators, renamed."""
        return _renamed([source.provide_data for source in self.iters], self.rename_data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """Descriptions of the labels of all iterators, renamed."""
        return _renamed([source.provide_label for source in self.iters], self.rename_label)

    def reset(self) -> None:
        """Start all iterators again."""
        for coming in self._coming:
            coming.exception()  # wait; what went wrong belongs to the epoch that is given up
        for source in self.iters:
            source.reset()
        self._fetch()

    def iter_next(self) -> bool:
        """Go to the next batch; False at the end. Raises: AssertionError if only some iterators have ended."""
        batches = [coming.result() for coming in self._coming]
        if any(batch is None for batch in batches):
            if any(batch is not None for batch in batches):
                raise AssertionError("Number of entry mismatches between iterators")
            return False
        if len({batch.pad for batch in batches}) > 1:
            raise AssertionError("Number of entry mismatches between iterators: different pad in their batches")
        self.current_batch = DataBatch(
            [array for batch in batches for array in batch.data],
            [array for batch in batches for array in batch.label or ()],
            batches[0].pad, batches[0].index, provide_data=self.provide_data, provide_label=self.provide_label,
        )  # fmt: skip
        self._fetch()
        return True

    def next(self) -> DataBatch:
        """The next batch. Raises: StopIteration at the end."""
        if not self.iter_next():
            raise StopIteration
        return self.current_batch

    def getdata(self) -> Any:
        """Data of the current batch."""
        return self.current_batch.data

    def getlabel(self) -> Any:
        """Labels of the current batch."""
        return self.current_batch.label

    def getindex(self) -> Any:
        """Numbers of the examples of the current batch, from the first iterator."""
        return self.current_batch.index

    def getpad(self) -> Any:
        """How many examples only fill the batch up."""
        return self.current_batch.pad


def _renamed(parts: list[Any], names: list[dict[str, str]] | None) -> list[DataDesc]:
    described = []
    for part, new in zip(parts, names or [{}] * len(parts), strict=True):
        for desc in part:
            desc = desc if isinstance(desc, DataDesc) else DataDesc(*desc)
            described.append(DataDesc(new.get(desc.name, desc.name), desc.shape, desc.dtype, desc.layout))
    return described


class MXDataIter(DataIter):
    """The iterator over a file that `MNISTIter` and its like return.

    Args:
        handle: what reads the file (MXNet has a C handle here).
        data_name, label_name: names of data and label.
        _: has no meaning.
    """

    def __init__(self, handle: BatchSource, data_name: str = "data", label_name: str = "softmax_label", **_: Any):
        super().__init__(handle.batch_size)
        self.handle = handle
        self.provide_data = [DataDesc(data_name, handle.data_shape, handle.data_dtype)]
        self.provide_label = [DataDesc(label_name, handle.label_shape, handle.label_dtype)]
        self._debug_skip_load = False
        self._current: Any = None

    def debug_skip_load(self) -> None:
        """From now on give the same batch again and again, without reading; to measure everything else."""
        self._debug_skip_load = True

    def reset(self) -> None:
        """Start again from the first batch."""
        self.handle.reset()
        if not self._debug_skip_load:
            self._current = None

    def iter_next(self) -> bool:
        """Go to the next batch; False at the end."""
        if not (self._debug_skip_load and self._current is not None):
            self._current = self.handle.read()
        return self._current is not None

    def next(self) -> DataBatch:
        """The next batch. Raises: StopIteration at the end."""
        if not self.iter_next():
            raise StopIteration
        data, label, pad, index = self._current
        return DataBatch([data], [label], pad, index)

    def _part(self, position: int) -> Any:
        if self._current is None:
            raise MXNetError("There is no current batch; call iter_next or next first, or reset after the end.")
        return self._current[position]

    def getdata(self) -> NDArray:
        """Data of the current batch."""
        return self._part(0)

    def getlabel(self) -> NDArray:
        """Labels of the current batch."""
        return self._part(1)

    def getpad(self) -> int:
        """How many examples only fill the batch up."""
        return self._part(2)

    def getindex(self) -> np.ndarray[Any, Any]:
        """Numbers of the examples of the batch in the file, uint64."""
        return self._part(3)
