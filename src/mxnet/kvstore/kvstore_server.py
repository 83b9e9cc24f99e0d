"""Servers of parameters; they come with training on several machines."""

from __future__ import annotations

from typing import Any

from ..base import MXNetError

__all__ = ["KVStoreServer"]


class KVStoreServer:
    """A server that keeps the parameters of other processes; not part of this version yet.

    Args:
        kvstore: its store.
    """

    def __init__(self, kvstore: Any):
        self.kvstore = kvstore
        self.handle = kvstore.handle

    def run(self) -> None:
        """Raises: MXNetError always."""
        raise MXNetError("Training with several processes is not part of this version of mxnext yet (docs/status.md).")
