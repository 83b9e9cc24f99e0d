"""`mx.nd`: imperative arrays and operators."""

from typing import Any

from .. import ops as _ops
from . import ndarray
from .functions import *
from .ndarray import NDArray, from_torch
from .utils import *

ndarray.finish()

from . import _internal, contrib, image, linalg, op, random, sparse, utils  # noqa: E402
from .invoke import make_function as _make_function  # noqa: E402
from ..ops.namespaces import resolver as _resolver  # noqa: E402

__getattr__, __dir__ = _resolver("", __name__, _make_function, globals())
