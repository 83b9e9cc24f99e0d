"""`mx.sym.image`: the operators whose names begin with ``_image_``, made at their first use."""

from ..ops.namespaces import resolver
from .register import make_function

__getattr__, __dir__ = resolver("image", __name__, make_function, globals())
