"""Key-value stores: what keeps parameters and joins gradients of several devices."""

from __future__ import annotations

from . import base, kvstore, kvstore_server
from .base import KVStoreBase, create
from .kvstore import KVStore
from .kvstore_server import KVStoreServer
