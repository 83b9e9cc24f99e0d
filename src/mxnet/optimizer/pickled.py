"""Reading pickled optimizers and states without running code from them."""

from __future__ import annotations

import importlib
import io
import pickle
import sys
from typing import Any

from ..base import MXNetError
from ..lr_scheduler import LRScheduler
from .base import Optimizer

# What a pickle may name. Everything here only builds data.
_ALLOWED: dict[str, set[str]] = {
    "builtins": {"bytearray", "complex", "set", "frozenset", "slice", "range"},
    "__builtin__": {"bytearray", "complex", "set", "frozenset", "slice", "xrange"},
    "collections": {"OrderedDict"},
    "_codecs": {"encode"},  # how bytes are written in old protocols
    "mxnet.ndarray.ndarray": {"NDArray"},
    "mxnet.ndarray.sparse": {"CSRNDArray", "RowSparseNDArray"},
    "mxnet.numpy.multiarray": {"ndarray"},
    "mxnet.context": {"Context"},
    "numpy": {"dtype", "ndarray", "bool_", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
}  # fmt: skip


class _Unpickler(pickle.Unpickler):
    """Unpickles data, arrays, optimizers and schedules, and refuses to look up anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if name in _ALLOWED.get(module, ()):
            if module == "__builtin__":
                module, name = "builtins", {"xrange": "range"}.get(name, name)
            if module == "numpy.core.multiarray":
                module = "numpy._core.multiarray"
            return getattr(importlib.import_module(module), name)
        klass = getattr(sys.modules.get(module), name, None)  # imported by the program itself, never by the pickle
        if isinstance(klass, type) and issubclass(klass, LRScheduler | Optimizer):
            return klass
        raise MXNetError(
            f"The pickled optimizer state names {module}.{name}, which is refused: only arrays, numbers, containers, "
            "optimizers and learning-rate schedules are read. If it is an optimizer or schedule of your own, import "
            "its module before loading."
        )


def safe_loads(data: bytes) -> Any:
    """The object in a pickle of optimizers, states, arrays and plain data.

    Raises: MXNetError when the pickle is damaged, or names anything that could run code; nothing has run then.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except MXNetError:
        raise
    except Exception as error:  # damaged bytes make pickle raise almost anything
        raise MXNetError(f"The pickled optimizer state is damaged or cut short: {error}") from error
