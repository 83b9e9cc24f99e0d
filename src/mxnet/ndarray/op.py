"""`mx.nd.op`: the operators without a namespace, made at their first use."""

from ..ops.namespaces import resolver
from .invoke import make_function

__getattr__, __dir__ = resolver("", __name__, make_function, globals())
