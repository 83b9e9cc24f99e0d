"""`mx.nd`: imperative arrays and operators."""

from typing import Any

from .. import ops as _ops
from . import ndarray
from .decoding import *
from .functions import *
from .keys import *
from .ndarray import NDArray, from_torch
from .utils import *

ndarray.finish()

from ..ops.namespaces import resolver as _resolver  # noqa: E402
from . import _internal, contrib, image, linalg, op, random, sparse, utils  # noqa: E402
from .invoke import make_function as _make_function  # noqa: E402
from .sparse import cast_storage  # noqa: E402

_operator, __dir__ = _resolver("", __name__, _make_function, globals())


def __getattr__(name: str) -> Any:
    if name == "CachedOp":
        from ..cached_op import CachedOp

        return CachedOp
    return _operator(name)
