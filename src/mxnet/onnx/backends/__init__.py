"""Inference engines that run translated graphs: ONNX Runtime, OpenVINO, TensorRT. Each is an optional package."""
