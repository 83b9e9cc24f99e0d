"""Counts, exactly, the bytes that tensors hold while a piece of code runs."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

__all__ = ["StorageCounter"]

# Gives the tensor it is given, which nothing has seen before: torch.tensor(...) and torch.from_numpy(...) end with it.
_LIFT_FRESH = torch.ops.aten.lift_fresh.default


class StorageCounter(TorchDispatchMode):
    """Watches the storages of all tensors made inside a ``with`` block, imperatively or by backward.

    Every storage counts once, with its nbytes, from the call that made it until it is freed, however many views share
    it. Storages that are older than the block don't count; those of parameters, gradients, inputs, ... can be named,
    and are then listed apart. What a kernel allocates and frees within one call is its workspace, not seen here.

    live   bytes held now by storages made in the block; still goes down after it, as they are freed
    peak   the largest value that live has had
    total  bytes of all storages made in the block
    given  bytes of the named groups, by name; a storage in several groups counts in the first

    Tensors on any device count, on "meta" as if they had memory. Backward counts also where torch runs it in threads
    of its own; other threads do not.

    Args:
        given: groups of arrays or tensors (None for none), by name.
    A sparse array or tensor counts by what holds its elements and their indices.

    >>> weight, data = torch.ones(8, 4), torch.ones(2, 4)
    >>> with StorageCounter(parameters=[weight], inputs=[data]) as counter:
    ...     hidden = data @ weight.T
    ...     result = hidden.relu()
    ...     del hidden
    >>> counter.given, counter.live, counter.peak, counter.total
    ({'parameters': 128, 'inputs': 32}, 64, 128, 128)
    """

    def __init__(self, **given: Iterable[Any]):
        super().__init__()
        self.live = self.peak = self.total = 0
        self._lock = threading.RLock()  # re-entrant: a storage may be freed, by this thread, while one is counted
        # By the address of the storage, which is its own while it lives: bytes counted for it, and its weak reference.
        self._counted: dict[int, tuple[int, Any]] = {}
        self.given = {name: sum(map(self._ignore, _storages(arrays))) for name, arrays in given.items()}

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if func is not _LIFT_FRESH:
            for storage in _storages((args, kwargs)):
                self._ignore(storage)
        results = func(*args, **(kwargs or {}))
        for storage in _storages(results):
            self._count(storage)
        return results

    def _ignore(self, storage: torch.UntypedStorage) -> int:
        """Leave a storage out that is not known yet: it is older than the block. Returns its bytes, if so."""
        with self._lock:
            if storage._cdata in self._counted:
                return 0
            self._counted[storage._cdata] = -1, self._watch(storage)
        return storage.nbytes()

    def _count(self, storage: torch.UntypedStorage) -> None:
        """Count a storage that is new, or has been resized."""
        with self._lock:
            before, watch = self._counted.get(storage._cdata, (0, None))
            nbytes = storage.nbytes()
            if before < 0 or (watch is not None and before == nbytes):
                return
            self._counted[storage._cdata] = nbytes, watch or self._watch(storage)
            self.live += nbytes - before
            self.total += max(nbytes - before, 0)
            self.peak = max(self.peak, self.live)

    def _watch(self, storage: torch.UntypedStorage) -> Any:
        address = storage._cdata

        def freed(_: Any) -> None:
            with self._lock:
                self.live -= max(self._counted.pop(address)[0], 0)

        return weakref.ref(storage, freed)


def _storages(arrays: Any) -> Iterator[torch.UntypedStorage]:
    for leaf in tree_iter(arrays):
        if getattr(leaf, "_sparse", False):  # a sparse NDArray
            yield from (tensor.untyped_storage() for tensor in leaf.handle)
            continue
        tensor = getattr(leaf, "_data", leaf)  # an NDArray holds its tensor there
        if isinstance(tensor, Tensor):
            yield from (part.untyped_storage() for part in _parts(tensor))


def _parts(tensor: Tensor) -> tuple[Tensor, ...]:
    """The tensors with a storage of their own that make up a tensor."""
    if tensor.layout is torch.strided:
        return (tensor,)
    if tensor.layout is torch.sparse_coo:
        return tensor._indices(), tensor._values()
    if tensor.layout is torch.sparse_csr:
        return tensor.crow_indices(), tensor.col_indices(), tensor.values()
    raise NotImplementedError(f"StorageCounter: tensors of layout {tensor.layout} can't be counted.")
