"""`mx.sym.sparse`: the operators whose names begin with ``_sparse_``, made at their first use."""

from ..ops.namespaces import resolver
from .register import make_function

__getattr__, __dir__ = resolver("sparse", __name__, make_function, globals())
