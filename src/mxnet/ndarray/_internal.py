"""`mx.nd._internal`: every operator under its registered name, made at its first use."""

from ..ops.namespaces import resolver
from .invoke import make_function

__getattr__, __dir__ = resolver("_internal", __name__, make_function, globals())
