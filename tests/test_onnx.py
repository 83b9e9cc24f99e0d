"""Translation to ONNX: every translated operator by our own forward pass and by ONNX Runtime."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from onnx_cases import EXPANDED, filled, graph_of, tensors_of
from operator_examples import EXAMPLES

import mxnet as mx
from mxnet.graph.program import Program
from mxnet.ops.registry import get_operator

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
translation = pytest.importorskip("mxnet.onnx.translate")  # imports onnx
can_translate, translate = translation.can_translate, translation.translate

#: tolerances, relative and absolute: sums of products are taken in other orders
TOLERANCE = {"float32": (2e-5, 5e-6), "float16": (5e-3, 5e-3), "float64": (1e-7, 1e-9)}


def expected_of(graph, tensors):
    program = Program(graph)
    given = [tensors[name].clone() for name in program.variables]
    return [out.numpy() for out in program.run(given, training=False, device=torch.device("cpu"))]


def translated(graph, tensors, constants=()):
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    dtypes = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in tensors.items()}
    model = translate(graph, shapes, dtypes, {name: tensors[name] for name in constants})
    onnx.checker.check_model(model.proto, full_check=True)
    return model


def run_by_runtime(model, tensors):
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(model.proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(model.outputs, {name: tensors[name].numpy() for name in model.inputs})


def assert_equal(found, expected, dtype=None):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        rtol, atol = TOLERANCE.get(dtype or str(other.dtype), (0, 0))
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


def constants_of(op):
    return ("in1",) if op == "RNN" else ()


def has_outputs(call):
    return get_operator(call.op).num_outputs({**get_operator(call.op).defaults, **call.attrs})


SHARED = [
    pytest.param(call, id=call.id)
    for call in EXAMPLES
    if call.op in mx.onnx.get_operator_support() and call.op != "reset_arrays"
]


@pytest.mark.parametrize("call", SHARED)
def test_translation_computes_what_the_operator_computes(call):
    graph = graph_of(call.op, call.inputs, call.attrs)
    if not all(map(can_translate, graph.nodes)):
        assert call.op == "Dropout" and call.attrs["mode"] == "always"
        return
    tensors = tensors_of(call.inputs)
    model = translated(graph, tensors, constants_of(call.op))
    assert_equal(run_by_runtime(model, tensors), expected_of(graph, tensors))


@pytest.mark.parametrize(
    ("op", "inputs", "attrs"),
    [pytest.param(*entry, id=f"{entry[0]}-{number}") for number, entry in enumerate(EXPANDED)],
)
def test_translation_with_other_attributes_and_dtypes(op, inputs, attrs):
    arrays = [filled(op, position, item) for position, item in enumerate(inputs)]
    graph, tensors = graph_of(op, arrays, attrs), tensors_of(arrays)
    assert_equal(run_by_runtime(translated(graph, tensors), tensors), expected_of(graph, tensors))


@pytest.mark.parametrize(
    "op",
    ["Convolution", "Pooling", "FullyConnected", "Activation", "softmax", "BatchNorm", "LayerNorm", "broadcast_add",
     "_plus_scalar", "sum", "mean", "dot"],
)  # fmt: skip
def test_float16(op):
    call = next(call for call in EXAMPLES if call.op == op)
    wide = op == "BatchNorm"  # its parameters stay float32
    arrays = [
        a if a is None or a.dtype != np.float32 or (wide and i) else a.astype(np.float16)
        for i, a in enumerate(call.inputs)
    ]
    graph, tensors = graph_of(op, arrays, call.attrs), tensors_of(arrays)
    assert_equal(run_by_runtime(translated(graph, tensors), tensors), expected_of(graph, tensors), "float16")


def test_every_translated_operator_is_tested():
    tried = {call.values[0].op for call in SHARED} | {op for op, _, _ in EXPANDED}
    assert set(mx.onnx.get_operator_support()) <= tried


@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [False, True])
def test_recurrent_networks_of_several_layers(mode, bidirectional, lengths):
    from mxnet.ops.rnn import parameter_size

    directions, layers = 1 + bidirectional, 2
    size = parameter_size(mode, 3, 4, layers, directions)
    state = (layers * directions, 2, 4)
    arrays = [(5, 2, 3), (size,), state, state if mode == "lstm" else None,
              np.array([3, 5], np.float32) if lengths else None]  # fmt: skip
    arrays = [None if a is None else filled(mode, i, a) * (0.5 if i == 1 else 1) for i, a in enumerate(arrays)]
    attrs = {"state_size": 4, "num_layers": layers, "mode": mode, "bidirectional": bidirectional,
             "state_outputs": True, "use_sequence_length": lengths}  # fmt: skip
    graph, tensors = graph_of("RNN", arrays, attrs), tensors_of(arrays)
    assert_equal(run_by_runtime(translated(graph, tensors, ["in1"]), tensors), expected_of(graph, tensors))
