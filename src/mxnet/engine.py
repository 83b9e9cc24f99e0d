"""Bulk execution: MXNet's engine could run several operators as one task.

Here an operator runs when it is called and a static graph is one program anyway, so the size of a bulk changes no
result and no speed; it is kept, so that programs which set and restore it work.
"""

from __future__ import annotations

import operator
import threading
from types import TracebackType

from .base import MXNetError

__all__ = ["bulk", "set_bulk_size"]


class _BulkSize(threading.local):
    value = 0


_bulk_size = _BulkSize()


def set_bulk_size(size: int) -> int:
    """Set how many operators this thread may bulk, and return the previous number; it has no effect here.

    Raises: TypeError when size is not an integer, MXNetError when it is negative.
    """
    size = operator.index(size)
    if size < 0:
        raise MXNetError(f"set_bulk_size: size is {size}; expected 0 or more.")
    previous, _bulk_size.value = _bulk_size.value, size
    return previous


class _BulkScope:
    """Sets the bulk size on entry and restores it on exit."""

    def __init__(self, size: int):
        self._size = size
        self._old_size = 0

    def __enter__(self) -> _BulkScope:
        self._old_size = set_bulk_size(self._size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        set_bulk_size(self._old_size)


def bulk(size: int) -> _BulkScope:
    """A scope with this bulk size: ``with mx.engine.bulk(10): ...``; it has no effect here."""
    return _BulkScope(size)
