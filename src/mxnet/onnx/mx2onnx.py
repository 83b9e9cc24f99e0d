"""The functions of `mx.onnx`, where MXNet 1.9.1 has them as well."""

from __future__ import annotations

from .export import export_model, get_operator_support

__all__ = ["export_model", "get_operator_support"]
