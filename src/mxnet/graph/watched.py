"""Arrays that a backward pass will read: they must not change before it."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


class Watched:
    """Tensors by name, with the versions that they had when they were given."""

    def __init__(self, tensors: Iterable[tuple[str, Tensor]] = ()):
        self._tensors = [(name, tensor, tensor._version) for name, tensor in tensors]

    def add(self, name: str, tensor: Tensor) -> None:
        """Watch another tensor, too."""
        self._tensors.append((name, tensor, tensor._version))

    def changed(self) -> str | None:
        """The name of one that has been changed in place since; None if there is none."""
        return next((name for name, tensor, version in self._tensors if tensor._version != version), None)
