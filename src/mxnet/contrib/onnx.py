"""`mx.contrib.onnx`: the older name of `mx.onnx`."""

from __future__ import annotations

from ..onnx import export_model

__all__ = ["export_model"]
