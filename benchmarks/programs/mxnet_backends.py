"""Networks of the model zoo in inference: by a backend of mxnext, and by its engine alone on the same ONNX model."""

from __future__ import annotations

import os
import tempfile

import torch

import mxnet as mx
from mxnet.gluon.model_zoo import vision


def _network(name, shape):
    mx.random.seed(5)
    net = vision.get_model(name)
    net.initialize(mx.init.Xavier())
    data = mx.nd.random.normal(shape=shape)
    net(data)
    return net, data


def hybridized(name, shape):
    """Our own kernels."""
    net, data = _network(name, shape)
    net.hybridize(static_alloc=True, static_shape=True)

    def run(n):
        for _ in range(n):
            net(data).wait_to_read()

    return run


def backend(name, shape, engine):
    """Through `optimize_for`, from NDArray to NDArray."""
    net, data = _network(name, shape)
    net.optimize_for(data, backend=engine)

    def run(n):
        for _ in range(n):
            net(data).wait_to_read()

    return run


def alone(name, shape, engine):
    """The engine used directly, from NumPy to NumPy, with the same settings."""
    net, data = _network(name, shape)
    params = {key: parameter.data() for key, parameter in net.collect_params().items()}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "net.onnx")
        mx.onnx.export_model(net(mx.sym.var("data")), params, [shape], onnx_file_path=path)
        step = {"onnxruntime": _onnxruntime, "openvino": _openvino}[engine](path)
    array = data.asnumpy()

    def run(n):
        for _ in range(n):
            step(array)

    return run


def _onnxruntime(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda array: session.run(None, {"data": array})


def _openvino(path):
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "INFERENCE_PRECISION_HINT": "f32"}  # fmt: skip
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    return lambda array: request.infer([array], share_inputs=True)
