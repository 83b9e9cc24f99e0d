"""Keeping freed memory in the process.

glibc gives large blocks back to the system when they are freed; the system hands out zeroed pages at the next step, one
page fault for each. On a CPU that is a tenth of a training step. A planned program frees and takes the same blocks at
every step, so it asks the C library to keep them.
"""

from __future__ import annotations

import ctypes
import os

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_held = False


def hold_freed_memory() -> None:
    """From now on keep the memory that this process frees, so that it need not be zeroed again; only with glibc.

    The environment variable MXNET_HOLD_FREED_MEMORY=0 switches this off. `release_freed_memory` gives it back.
    """
    global _held
    if _held:
        return
    _held = True
    mallopt = _function("mallopt")
    if mallopt is not None and os.environ.get("MXNET_HOLD_FREED_MEMORY", "1") != "0":
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)


def release_freed_memory() -> None:
    """Give freed memory back to the system now; only with glibc."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> ctypes._NamedFuncPointer | None:
    """A function of glibc, or None where the C library is another one."""
    try:
        library = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return getattr(library, name, None)
