"""Backends: what `optimize_for` runs graphs by, and passes of users."""

from .base import Backend, Compiled
from .registry import Optimizer, Transform, backends, fused, get_backend, register_backend, register_pass, unregister

__all__ = [
    "Backend", "Compiled", "Optimizer", "Transform", "backends", "fused", "get_backend", "register_backend",
    "register_pass", "unregister",
]  # fmt: skip
