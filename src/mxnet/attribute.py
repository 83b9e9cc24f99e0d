"""Attributes that all symbols made inside a scope carry."""

from __future__ import annotations

import threading
from typing import Any

from .base import classproperty

__all__ = ["AttrScope"]


class _Current(threading.local):
    def __init__(self) -> None:
        self.value: AttrScope | None = None


_current = _Current()


class AttrScope:
    """Inside ``with AttrScope(ctx_group='dev1'):`` every new symbol gets these attributes.

    Args: names and strings.
    Raises: ValueError if a value isn't a string.
    """

    def __init__(self, **kwargs: str) -> None:
        for value in kwargs.values():
            if not isinstance(value, str):
                raise ValueError("Attributes need to be string")
        self._attr = kwargs
        self._old_scope: AttrScope | None = None

    def get(self, attr: dict[str, str] | None) -> dict[str, str]:
        """The attributes of the scope, overridden by attr."""
        if not self._attr:
            return dict(attr) if attr else {}
        return {**self._attr, **attr} if attr else dict(self._attr)

    @classproperty
    def current(cls) -> AttrScope:
        """The active scope of this thread."""
        if _current.value is None:
            _current.value = AttrScope()
        return _current.value

    def __enter__(self) -> AttrScope:
        self._old_scope = AttrScope.current
        self._attr = {**self._old_scope._attr, **self._attr}
        _current.value = self
        return self

    def __exit__(self, *exception: Any) -> None:
        _current.value = self._old_scope
