"""Classes of errors, and their registration under names."""

from __future__ import annotations

from .base import MXNetError, NotImplementedForSymbol, register_error

__all__ = ["InternalError", "MXNetError", "register"]

register = register_error


@register_error
class InternalError(MXNetError):
    """A fault inside the framework, not in the program that uses it."""

    def __init__(self, msg: str):
        if "MXNet hint:" not in msg:
            msg += "\nMXNet hint: You hit an internal error. Please report it together with the program that shows it."
        super().__init__(msg)


for _error in (NotImplementedForSymbol, ValueError, TypeError, AttributeError, IndexError, NotImplementedError):
    register_error(_error)
