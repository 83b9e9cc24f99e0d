"""The loader of batches. Worker processes are those of ``torch.utils.data``; arrays come back in shared memory."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import sys
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import torch
import torch.multiprocessing  # teaches the pickler of multiprocessing to pass tensors in shared memory
import torch.utils.data

from ... import ndarray as nd
from ...base import MXNetError
from ...context import Context, cpu_pinned
from ...ndarray import NDArray, from_torch
from ...ndarray.invoke import wrap
from ...ops.generators import generator_for
from ...ops.generators import seed as seed_generators
from .sampler import BatchSampler, RandomSampler, SequentialSampler

__all__ = ["DataLoader"]


def rebuild_ndarray(cls: type, data: torch.Tensor, ctx: Context) -> NDArray:
    """The array that another process sent; it shares memory with the one there."""
    return wrap(cls, data, ctx)


def reduce_ndarray(data: NDArray) -> tuple[Any, ...]:
    """What is sent to another process for an array: its tensor, which travels in shared memory."""
    return rebuild_ndarray, (type(data), data.as_torch(), data.context)


ForkingPickler.register(NDArray, reduce_ndarray)


def default_batchify_fn(data: Any) -> Any:
    """Put examples together to a batch.

    NDArrays are stacked; of tuples, each element is treated in turn, which gives a list; anything else must make a
    NumPy array of numbers, whose dtype the batch gets.

    Raises: MXNetError if shapes differ or there is no such dtype.
    """
    first = data[0]
    if isinstance(first, NDArray):
        return nd.stack(*data)
    if isinstance(first, tuple):
        return [default_batchify_fn(elements) for elements in zip(*data)]
    array = _as_numbers(data)
    return nd.array(array, dtype=array.dtype)


def default_mp_batchify_fn(data: Any) -> Any:
    """`default_batchify_fn` with results in shared memory, for worker processes."""
    first = data[0]
    if isinstance(first, NDArray):
        shape = (len(data), *first.shape)
        tensors = [example.as_torch() for example in data]
        if any(tensor.shape != tensors[0].shape or tensor.dtype != tensors[0].dtype for tensor in tensors):
            return nd.stack(*data)  # explains what is wrong
        return from_torch(torch.stack(tensors, out=_shared(shape, tensors[0].dtype)))
    if isinstance(first, tuple):
        return [default_mp_batchify_fn(elements) for elements in zip(*data)]
    array = _as_numbers(data)
    source = torch.from_numpy(np.ascontiguousarray(array))
    return from_torch(_shared(array.shape, source.dtype).copy_(source))


def _as_numbers(data: Any) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise MXNetError(f"batchify: the examples of a batch differ in shape: {error}.") from None
    if array.dtype.kind not in "biuf":
        raise MXNetError(
            f"batchify: examples of type {type(data[0])} make no array of numbers (dtype {array.dtype}). Transform "
            "them to numbers or arrays, or pass a batchify_fn to the DataLoader."
        )
    return array


def _shared(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    empty = torch.empty(0, dtype=dtype)
    count = int(np.prod(shape))
    storage = torch.UntypedStorage._new_shared(max(count, 1) * empty.element_size())
    return empty.set_(storage, 0, shape)


class _Batch:
    """A batch on its way from a worker; torch's pinning thread calls pin_memory."""

    def __init__(self, value: Any):
        self.value = value

    def pin_memory(self) -> _Batch:
        self.value = _map_arrays(self.value, lambda array: from_torch(array.as_torch().pin_memory()))
        return self


def _map_arrays(value: Any, function: Callable[[NDArray], NDArray]) -> Any:
    if isinstance(value, NDArray):
        return function(value)
    if isinstance(value, list | tuple):
        return [_map_arrays(item, function) for item in value]
    return value


class _Failure:
    """An error on its way from a worker, with its traceback as a note."""

    def __init__(self, error: Exception):
        where = f"In a worker of the DataLoader:\n{traceback.format_exc()}"
        try:
            self.error: Exception = pickle.loads(pickle.dumps(error))  # noqa: S301  its own, to see whether it can travel
        except Exception:  # noqa: BLE001  whatever its own code raises
            self.error = MXNetError(f"{type(error).__name__}: {error}")
        self.error.add_note(where)


class _Task:
    """What worker processes do: the batch for a list of indices, or the error."""

    def __init__(self, dataset: Any, batchify_fn: Callable[[Any], Any]):
        self._dataset = dataset
        self._batchify_fn = batchify_fn

    def __getitems__(self, indices: list[Any]) -> _Batch | _Failure:
        try:
            return _Batch(self._batchify_fn([self._dataset[index] for index in indices]))
        except Exception as error:  # noqa: BLE001  raised again where the batch is asked for
            return _Failure(error)


def _unchanged(batch: Any) -> Any:
    return batch


def _start_worker(number: int) -> None:
    """Each worker is one thread, and draws its own numbers, which follow from the seed of the process that made it."""
    seed_generators(torch.initial_seed())
    if (cv2 := sys.modules.get("cv2")) is not None:
        cv2.setNumThreads(0)  # its threads don't survive a fork


def _stop_workers(loaders: list[Any], process: int) -> None:
    """End the workers now. Left to the garbage collector, torch waits seconds for workers that it didn't reach."""
    if os.getpid() != process:
        return
    for loader in loaders:
        if loader._iterator is not None:
            loader._iterator._shutdown_workers()
    loaders.clear()


class DataLoader:
    """Batches of a data set.

    >>> for data, label in gluon.data.DataLoader(dataset, batch_size=64, shuffle=True, num_workers=4):
    ...     ...

    Args:
        dataset: a Dataset, list or array: anything with ``[]`` and ``len``.
        batch_size: examples in a batch.
        shuffle: take them in a new random order each time (`RandomSampler`); otherwise in their own.
        sampler: a Sampler to use instead.
        last_batch: what happens to the last batch if it is shorter: "keep" (None too), "discard", or "rollover", which
            begins the next round with it.
        batch_sampler: gives a list of indices for each batch, instead of the four parameters before it.
        batchify_fn: makes a batch from a list of examples; default `default_batchify_fn`.
        num_workers: number of processes (or threads) that load; 0 loads in the calling thread.
        pin_memory: give batches in page-locked memory, on the context cpu_pinned; without a GPU it is ordinary memory.
        pin_device_id: number of that context.
        prefetch: how many batches the workers load ahead, default 2 * num_workers; has no meaning without workers.
        thread_pool: workers are threads instead of processes.
        timeout: seconds to wait for a batch from the workers.
        auto_reload: let the workers begin with the next round at once when a round is over, and with the first one now.
    Batches from workers are on cpu(0), in shared memory. Workers stay until the loader is deleted. On systems that can
    fork, they are forked: they see the data set as it was at the first use.
    Raises: ValueError for contradicting arguments. Iterating raises what the data set or batchify_fn raised, with the
    traceback of the worker, and multiprocessing.TimeoutError if no batch comes in time.
    """

    def __init__(
        self, dataset: Any, batch_size: int | None = None, shuffle: bool = False, sampler: Any = None,
        last_batch: str | None = None, batch_sampler: Any = None, batchify_fn: Callable[[Any], Any] | None = None,
        num_workers: int = 0, pin_memory: bool = False, pin_device_id: int = 0, prefetch: int | None = None,
        thread_pool: bool = False, timeout: float = 120, auto_reload: bool = False,
    ):  # fmt: skip
        if timeout <= 0:
            raise AssertionError(f"timeout must be positive, given {timeout}")
        if batch_sampler is None:
            if batch_size is None:
                raise ValueError("batch_size must be specified unless batch_sampler is specified")
            if batch_size < 1:
                raise ValueError(f"batch_size is {batch_size}; expected at least 1")
            if sampler is None:
                sampler = (RandomSampler if shuffle else SequentialSampler)(len(dataset))
            elif shuffle:
                raise ValueError("shuffle must not be specified if sampler is specified")
            batch_sampler = BatchSampler(sampler, batch_size, last_batch if last_batch else "keep")
        elif batch_size is not None or shuffle or sampler is not None or last_batch is not None:
            raise ValueError(
                "batch_size, shuffle, sampler and last_batch must not be specified if batch_sampler is specified."
            )
        self._dataset = dataset
        self._batch_sampler = batch_sampler
        self._num_workers = max(0, num_workers)
        self._pin_memory = pin_memory
        self._pin_device_id = pin_device_id
        self._thread_pool = thread_pool
        self._timeout = timeout
        self._prefetch = max(0, 2 * self._num_workers if prefetch is None else int(prefetch))
        if batchify_fn is None:
            batchify_fn = default_mp_batchify_fn if self._num_workers and not thread_pool else default_batchify_fn
        self._batchify_fn = batchify_fn
        self._loaders: list[Any] = []  # those of torch, with workers
        self._idle: list[Any] = []  # those of them whose workers have nothing to do
        weakref.finalize(self, _stop_workers, self._loaders, os.getpid())
        self._threads: ThreadPoolExecutor | None = None
        self.auto_reload = auto_reload
        self._iter: Iterator[Any] | None = None
        if auto_reload:
            self.refresh()

    def __iter__(self) -> Iterator[Any]:
        ready, self._iter = self._iter, None
        return self._rounds(self._start() if ready is None else ready)

    def _rounds(self, batches: Iterator[Any]) -> Iterator[Any]:
        yield from batches
        if self.auto_reload:
            self.refresh()

    def __len__(self) -> int:
        """Number of batches."""
        return len(self._batch_sampler)

    def refresh(self) -> None:
        """Let the workers begin with the next round now, before it is asked for."""
        self._iter = self._start()

    def clean(self) -> None:
        """Forget a round that was begun by `refresh`."""
        self._iter = None

    def _start(self) -> Iterator[Any]:
        """The batches of a round; workers, if there are any, have begun when this returns."""
        if not self._num_workers:
            return self._load_here()
        run = self._load_in_threads() if self._thread_pool else self._load_in_processes()
        next(run)  # up to the place where the workers have begun
        return run

    def _load_here(self) -> Iterator[Any]:
        for indices in self._batch_sampler:
            batch = self._batchify_fn([self._dataset[index] for index in indices])
            yield self._pinned(batch) if self._pin_memory else batch

    def _load_in_threads(self) -> Iterator[Any]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._num_workers)

        def load(indices: list[int]) -> Any:
            return self._batchify_fn([self._dataset[index] for index in indices])

        rounds = iter(self._batch_sampler)
        ahead = max(self._prefetch, 1)
        pending = deque(self._threads.submit(load, indices) for indices in itertools.islice(rounds, ahead))
        try:
            yield None
            while pending:
                try:
                    batch = pending.popleft().result(self._timeout)
                except FutureTimeoutError:
                    raise self._too_late() from None
                for indices in itertools.islice(rounds, 1):
                    pending.append(self._threads.submit(load, indices))
                yield self._pinned(batch) if self._pin_memory else batch
        finally:
            for future in pending:
                future.cancel()

    def _load_in_processes(self) -> Iterator[Any]:
        loader = self._idle.pop() if self._idle else self._make_loader()
        batches = iter(loader)
        usable = True
        try:
            yield None
            while True:
                usable = False  # unless the workers answer
                try:
                    batch = next(batches)
                except StopIteration:
                    batch = None
                except RuntimeError as error:
                    if str(error).startswith("DataLoader timed out"):
                        raise self._too_late() from None
                    raise
                usable = True
                if batch is None:
                    return
                if isinstance(batch, _Failure):
                    error, batch = batch.error, None
                    try:
                        raise error
                    finally:
                        del error  # its traceback refers to this frame
                yield self._labelled(batch.value) if self._pin_memory else batch.value
        finally:
            if usable:
                self._idle.append(loader)
            else:
                self._loaders.remove(loader)
                for worker in batches._workers:
                    worker.terminate()
                batches._shutdown_workers()

    def _make_loader(self) -> Any:
        seed = int(torch.randint(2**62, (), generator=generator_for(torch.device("cpu"))))
        forks = sys.platform == "linux" and "fork" in multiprocessing.get_all_start_methods()
        loader: Any = torch.utils.data.DataLoader(
            _Task(self._dataset, self._batchify_fn), batch_sampler=self._batch_sampler,  # type: ignore[arg-type]
            num_workers=self._num_workers, collate_fn=_unchanged,
            pin_memory=self._pin_memory and torch.cuda.is_available(),
            timeout=self._timeout, worker_init_fn=_start_worker, persistent_workers=True,
            prefetch_factor=max(1, -(-self._prefetch // self._num_workers)),
            multiprocessing_context="fork" if forks else None, generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
        self._loaders.append(loader)
        return loader

    def _too_late(self) -> multiprocessing.TimeoutError:
        return multiprocessing.TimeoutError(
            f"DataLoader: no batch came from the {self._num_workers} workers within {self._timeout} seconds. Either "
            "loading is slow: pass a larger timeout, more workers, or a faster transform; or a worker is stuck."
        )

    def _pinned(self, batch: Any) -> Any:
        if torch.cuda.is_available():
            batch = _Batch(batch).pin_memory().value
        return self._labelled(batch)

    def _labelled(self, batch: Any) -> Any:
        ctx = cpu_pinned(self._pin_device_id)
        return _map_arrays(batch, lambda array: wrap(type(array), array.as_torch(), ctx))


class DataLoaderV1(DataLoader):
    """`DataLoader` with the parameters that it had in MXNet 1.4 and before."""

    def __init__(
        self, dataset: Any, batch_size: int | None = None, shuffle: bool = False, sampler: Any = None,
        last_batch: str | None = None, batch_sampler: Any = None, batchify_fn: Callable[[Any], Any] | None = None,
        num_workers: int = 0, pin_memory: bool = False, pin_device_id: int = 0,
    ):  # fmt: skip
        super().__init__(dataset, batch_size, shuffle, sampler, last_batch, batch_sampler, batchify_fn, num_workers,
                         pin_memory, pin_device_id)  # fmt: skip
