"""The optional packages that ONNX and inference engines need."""

from __future__ import annotations

import importlib
from typing import Any

from ..base import MXNetError


def require(package: str, purpose: str, extra: str) -> Any:
    """The module of an optional package.

    Raises: MXNetError that says how to get it.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MXNetError(
            f"{purpose} needs the package {package}, which is not installed. Install it: pip install 'mxnext[{extra}]'."
        ) from None
