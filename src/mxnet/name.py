"""Names for symbols and blocks that the user did not name."""

from __future__ import annotations

import threading
from typing import Any

from .base import classproperty

__all__ = ["NameManager", "Prefix"]


class _Current(threading.local):
    def __init__(self) -> None:
        self.value: NameManager | None = None


_current = _Current()


class NameManager:
    """Gives every unnamed symbol the name of its operator and a running number; active inside ``with``."""

    def __init__(self) -> None:
        self._counter: dict[str, int] = {}
        self._old_manager: NameManager | None = None

    def get(self, name: str | None, hint: str) -> str:
        """The name if there is one, else a new one that begins with the hint."""
        if name:
            return name
        number = self._counter.get(hint, 0)
        self._counter[hint] = number + 1
        return f"{hint}{number}"

    @classproperty
    def current(cls) -> NameManager:
        """The active manager of this thread."""
        if _current.value is None:
            _current.value = NameManager()
        return _current.value

    def __enter__(self) -> NameManager:
        self._old_manager = NameManager.current
        _current.value = self
        return self

    def __exit__(self, *exception: Any) -> None:
        _current.value = self._old_manager


class Prefix(NameManager):
    """Puts a prefix in front of every name, given or made."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def get(self, name: str | None, hint: str) -> str:
        """The prefixed name."""
        return self._prefix + super().get(name, hint)
