"""`mx.sym.linalg`: the operators whose names begin with ``_linalg_``, made at their first use."""

from ..ops.namespaces import resolver
from .register import make_function

__getattr__, __dir__ = resolver("linalg", __name__, make_function, globals())
