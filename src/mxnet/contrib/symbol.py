"""`mx.contrib.sym`: the operators of `mx.sym.contrib`, made at their first use."""

from ..ops.namespaces import resolver
from ..symbol.register import make_function

__getattr__, __dir__ = resolver("contrib", __name__, make_function, globals())
