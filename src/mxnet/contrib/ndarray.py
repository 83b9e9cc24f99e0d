"""`mx.contrib.nd`: the operators of `mx.nd.contrib`, made at their first use."""

from ..ndarray.invoke import make_function
from ..ops.namespaces import resolver

__getattr__, __dir__ = resolver("contrib", __name__, make_function, globals())
