"""`mx.onnx`: models to ONNX files. The package onnx is loaded when it is first needed."""

from __future__ import annotations

from .export import export_model, get_operator_support
