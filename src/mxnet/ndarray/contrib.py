"""`mx.nd.contrib`: the operators whose names begin with ``_contrib_``, made at their first use."""

from ..ops.namespaces import resolver
from .invoke import make_function

__getattr__, __dir__ = resolver("contrib", __name__, make_function, globals())
