"""`mx.sym`: symbols and symbolic operators."""

from .. import ops as _ops
from ..ops.namespaces import resolver as _resolver
from . import register
from .functions import *
from .symbol import Group, Symbol, Variable, fromjson, load, load_json, var

register.add_operator_methods()

from . import _internal, contrib, image, linalg, op, random, sparse  # noqa: E402

__getattr__, __dir__ = _resolver("", __name__, register.make_function, globals())
