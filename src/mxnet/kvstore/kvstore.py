"""The key-value store of one process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import MXNetError
from ..files import replace_atomically
from ..ndarray import NDArray
from ..ndarray.sparse_ops import as_stype, retain
from .base import KVStoreBase, as_list, total

__all__ = ["KVStore"]


def convert(array: NDArray, stype: str) -> NDArray:
    """The array in a storage type, as it is stored; no part of any recorded computation."""
    return as_stype(array.detach(), stype)  # type: ignore[no-any-return]


class KVStore(KVStoreBase):
    """A value for each key; what devices push is summed and then replaces the value or, if there is an optimizer or
    updater, updates it. Keys are all integers or all strings. Made by `mx.kv.create`.

    Args:
        handle: the name of its type (MXNet has a C handle here).
    """

    def __init__(self, handle: str):
        self.handle = handle
        self._values: dict[Any, NDArray] = {}
        self._updater: Any = None

    # Values

    def _pairs(self, key: Any, value: Any) -> list[tuple[Any, list[NDArray]]]:
        """Each key with the list of its arrays."""
        if isinstance(key, list | tuple):
            keys, values = list(key), list(value)
            if len(keys) != len(values):
                raise AssertionError(f"There are {len(keys)} keys, but {len(values)} values; expected as many of each.")
        else:
            keys, values = [key], [value]
        for one in keys:
            if not isinstance(one, int | str):
                raise AssertionError(f"unexpected type for keys: {type(one)}")
            for other in (*list(self._values)[:1], keys[0]):
                if isinstance(one, str) != isinstance(other, str):
                    raise MXNetError(f"Mixed key types are not allowed: {other!r} and {one!r}.")
        return [(one, as_list(arrays)) for one, arrays in zip(keys, values, strict=True)]

    def _stored(self, key: Any) -> NDArray:
        try:
            return self._values[key]
        except KeyError:
            raise MXNetError(f"key {key!r} has not been inited; call init or broadcast with it first.") from None

    def init(self, key: Any, value: Any) -> None:
        """Set the first value of a key, or of a list of keys.

        Raises: MXNetError if a key has one already, has several values, or is of another type than the others.
        """
        pairs = self._pairs(key, value)
        for position, (one, arrays) in enumerate(pairs):
            if one in self._values or len(arrays) != 1 or any(one == other for other, _ in pairs[:position]):
                raise MXNetError(
                    f"duplicate init of key {one}. Please double check if you called kv.init or kv.broadcast with this "
                    "key multiple times"
                )
        for one, (array,) in pairs:
            self._values[one] = array.copy()

    def push(self, key: Any, value: Any, priority: int = 0) -> None:
        """Sum the arrays given for a key, or for each key of a list; the sum updates or replaces the stored value.

        priority has no meaning here, where nothing waits.
        Raises: MXNetError if a key is unknown or shapes differ.
        """
        gathered: dict[Any, list[NDArray]] = {}
        for one, arrays in self._pairs(key, value):
            gathered.setdefault(one, []).extend(arrays)
        sums = []
        for one, arrays in gathered.items():
            stored, summed = self._stored(one), total(arrays)
            if summed.shape != stored.shape:
                raise MXNetError(f"push: key {one!r} has shape {stored.shape}; given {summed.shape}.")
            sums.append((one, summed.as_in_context(stored.context), stored))
        for one, summed, stored in sums:
            if self._updater is None:
                convert(summed, stored.stype).copyto(stored)
            else:
                self._updater(one, summed, stored)

    def pull(self, key: Any, out: Any = None, priority: int = 0, ignore_sparse: bool = True) -> None:
        """Write the value of a key, or of each key of a list, to the arrays out.

        Args:
            ignore_sparse: leave arrays out of sparse storage as they are; `row_sparse_pull` is for them.
            priority: has no meaning here, where nothing waits.
        Raises: AssertionError without out; MXNetError if a key is unknown or shapes differ.
        """
        if out is None:
            raise AssertionError("pull: out is missing; give the arrays to write to.")
        self._write(key, out, ignore_sparse)

    def _write(self, key: Any, out: Any, ignore_sparse: bool) -> None:
        for one, arrays in self._pairs(key, out):
            stored = self._stored(one)
            for array in arrays:
                if array.shape != stored.shape:
                    raise MXNetError(f"pull: key {one!r} has shape {stored.shape}; out has {array.shape}.")
                if array.stype == "default" or not ignore_sparse:
                    convert(stored, array.stype).copyto(array)

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """`push`, then `pull` to out, or to the values themselves; sparse ones too."""
        self.push(key, value, priority)
        self._write(key, value if out is None else out, ignore_sparse=False)

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """`init`, then `pull` to out."""
        self.init(key, value)
        self.pull(key, out, priority)

    def row_sparse_pull(self, key: Any, out: Any = None, priority: int = 0, row_ids: Any = None) -> None:
        """Write some rows of row_sparse values to row_sparse arrays, which then store these rows only.

        Args:
            key: a key, or a list of keys.
            out: for each key an array, or several of different devices.
            row_ids: the numbers of the rows, in any order, repeated or not: one array for all, or one for each of out.
            priority: has no meaning here, where nothing waits.
        Raises: AssertionError without out or row_ids, or if their numbers differ; MXNetError if a key is unknown, its
            value or an array isn't row_sparse, shapes differ, or there is no row of some number.
        """
        if out is None or row_ids is None:
            raise AssertionError("row_sparse_pull: out and row_ids are needed.")
        targets = [(one, array) for one, arrays in self._pairs(key, out) for array in arrays]
        ids = [row_ids] if isinstance(row_ids, NDArray) else list(row_ids)
        ids = ids * len(targets) if len(ids) == 1 else ids
        if len(ids) != len(targets):
            raise AssertionError(f"row_sparse_pull: {len(targets)} arrays are to be written, {len(ids)} row_ids given.")
        for (one, array), rows in zip(targets, ids, strict=True):
            stored = self._stored(one)
            for what, found in (("the value", stored), ("out", array)):
                if found.stype != "row_sparse":
                    raise MXNetError(
                        f"row_sparse_pull: key {one!r}: {what} has storage type {found.stype}; expected row_sparse "
                        "storage type. Use pull for dense arrays."
                    )
            if array.shape != stored.shape:
                raise MXNetError(f"row_sparse_pull: key {one!r} has shape {stored.shape}; out has {array.shape}.")
            wanted = rows._data.to(stored._values.device).long().unique()
            kept = retain(stored, wanted)
            kept.check_format()
            kept.copyto(array)

    def _set_value(self, key: Any, value: NDArray) -> None:
        """Replace the value of a key, without its updater."""
        stored = self._stored(key)
        convert(value, stored.stype).copyto(stored)

    # Optimizer

    def is_capable(self, capability: str) -> bool:
        """True for the optimizer. Raises: ValueError for an unknown capability."""
        if capability.lower() == KVStoreBase.OPTIMIZER:
            return True
        raise ValueError(f"Unknown capability: {capability}")

    def set_gradient_compression(self, compression_params: dict[str, Any]) -> None:
        """Not part of this version. Raises: MXNetError always."""
        raise MXNetError(
            f"Gradient compression is not supported for this type of kvstore: {self.handle!r} with "
            f"{compression_params}. Train without compression_params."
        )

    def set_optimizer(self, optimizer: Any) -> None:
        """Update the values with an optimizer from now on, instead of replacing them.

        Raises: TypeError for what is no Optimizer.
        """
        from ..optimizer import Optimizer, get_updater

        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"set_optimizer: given {type(optimizer)}; expected an Optimizer.")
        self._set_updater(get_updater(optimizer))

    def _set_updater(self, updater: Callable[[Any, NDArray, NDArray], Any]) -> None:
        """Call updater(key, sum of what was pushed, stored value) from now on, instead of replacing the value."""
        self._updater = updater

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Save the states of the optimizer, and the optimizer itself with dump_optimizer.

        Raises: AssertionError without set_optimizer.
        """
        states = self._optimizer_updater().get_states(dump_optimizer)
        with replace_atomically(fname) as file:
            file.write(states)

    def load_optimizer_states(self, fname: str) -> None:
        """Load what save_optimizer_states wrote. Raises: AssertionError without set_optimizer; MXNetError or OSError if
        the file can't be read."""
        updater = self._optimizer_updater()
        with open(fname, "rb") as file:
            updater.set_states(file.read())

    def _optimizer_updater(self) -> Any:
        if not hasattr(self._updater, "get_states"):
            raise AssertionError("This kvstore has no optimizer; call set_optimizer first.")
        return self._updater

    # Workers

    @property
    def type(self) -> str:
        """Name of the kind of store."""
        return self.handle

    @property
    def rank(self) -> int:
        """0: there is one worker."""
        return 0

    @property
    def num_workers(self) -> int:
        """1: there is one worker."""
        return 1

    def _barrier(self) -> None:
        """Wait for all workers; there is only this one."""
