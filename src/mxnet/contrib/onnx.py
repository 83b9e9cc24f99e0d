"""`mx.contrib.onnx`: the older name of `mx.onnx`."""

from __future__ import annotations

from typing import Any

from ..onnx import export_model

__all__ = ["export_model"]


def __getattr__(name: str) -> Any:
    if name in ("get_model_metadata", "import_model", "import_to_gluon"):
        raise AttributeError(
            f"mxnet.contrib.onnx.{name} is not part of this version of mxnext yet (see docs/status.md)"
        )
    raise AttributeError(f"module 'mxnet.contrib.onnx' has no attribute {name!r}")
