"""The inference engines: what they compile agrees with our own program, on memory that stays torch's."""

from __future__ import annotations

import os
import sys
import threading

import numpy as np
import pytest
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from onnx_cases import EXPANDED, filled, graph_of, tensors_of

import mxnet as mx
from mxnet import gluon
from mxnet.base import MXNetError
from mxnet.graph.program import Program
from mxnet.onnx.backends.onnxruntime import OnnxRuntime
from mxnet.onnx.backends.openvino import OpenVino
from mxnet.onnx.backends.tensorrt import TensorRT


def installed(backend):
    try:
        backend.check()
    except MXNetError:
        return False
    return True


ENGINES = [
    pytest.param(backend, id=backend.name, marks=pytest.mark.skipif(not installed(backend), reason="not installed"))
    for backend in (OnnxRuntime(), OpenVino())
]


def compiled(backend, symbol, constants=None, **inputs):
    """The compiled function for these inputs by name."""
    graph = symbol.graph
    given = {**inputs, **(constants or {})}
    shapes = {name: tuple(tensor.shape) for name, tensor in given.items()}
    dtypes = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in given.items()}
    assert all(map(backend.supports, graph.nodes))
    return backend.compile(graph, shapes, dtypes, constants or {})


@pytest.mark.parametrize("backend", ENGINES)
@pytest.mark.parametrize("name", ["resnet18_v1", "mobilenetv2_0.25", "squeezenet1.1", "densenet121"])
def test_networks_agree_with_our_own_program(backend, name):
    mx.random.seed(2)
    net = gluon.model_zoo.vision.get_model(name, classes=10)
    net.initialize(mx.init.Xavier())
    x = mx.nd.random.normal(shape=(2, 3, 224, 224))
    expected = net(x)
    params = {key: value.data().as_torch() for key, value in net.collect_params().items()}
    run = compiled(backend, net(mx.sym.var("data")), params, data=x.as_torch())
    (found,) = run([x.as_torch()])
    scale = expected.as_torch().abs().max()
    assert (found - expected.as_torch()).abs().max() <= 1e-4 * scale


@pytest.mark.skipif(not installed(OpenVino()), reason="not installed")
@pytest.mark.parametrize(
    ("op", "inputs", "attrs"),
    [pytest.param(*entry, id=f"{entry[0]}-{number}") for number, entry in enumerate(EXPANDED)],
)
def test_openvino_reads_every_translation_as_it_is_meant(op, inputs, attrs):
    arrays = [filled(op, position, item) for position, item in enumerate(inputs)]
    graph, tensors = graph_of(op, arrays, attrs), tensors_of(arrays)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    dtypes = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in tensors.items()}
    given = [tensors[node.name] for node in graph.variables]
    try:
        found = OpenVino().compile(graph, shapes, dtypes, {})(given)
    except MXNetError as error:
        assert "computes in another format" in str(error)
        return
    expected = Program(graph).run([item.clone() for item in given], training=False, device=torch.device("cpu"))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=5e-6, equal_nan=True)


@pytest.mark.parametrize("backend", ENGINES)
@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh"])
def test_recurrent_networks_agree_with_our_own_program(backend, mode):
    from mxnet.ops.rnn import parameter_size

    torch.manual_seed(3)
    names = ["x", "w", "h", "c"] if mode == "lstm" else ["x", "w", "h"]
    symbol = mx.sym.RNN(*map(mx.sym.var, names), state_size=4, num_layers=2, mode=mode, bidirectional=True,
                        state_outputs=True)  # fmt: skip
    inputs = {"x": torch.randn(5, 2, 3), "h": torch.randn(4, 2, 4), "c": torch.randn(4, 2, 4)}
    inputs = inputs if mode == "lstm" else {"x": inputs["x"], "h": inputs["h"]}
    weights = {"w": torch.randn(parameter_size(mode, 3, 4, 2, 2)) / 2}
    program = Program(symbol.graph)
    expected = program.run([{**inputs, **weights}[name] for name in program.variables], training=False,
                           device=torch.device("cpu"))  # fmt: skip
    for one, other in zip(compiled(backend, symbol, weights, **inputs)(list(inputs.values())), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", ENGINES)
def test_inputs_come_in_the_order_of_the_variables_and_outputs_in_that_of_the_graph(backend):
    a, b, label, c = map(mx.sym.var, ("a", "b", "label", "c"))
    head = mx.sym.LinearRegressionOutput(a - 2 * b, label, name="head")
    symbol = mx.sym.Group([head, b, mx.sym.Cast(c, dtype="int32"), head * c])
    assert symbol.list_inputs() == ["a", "b", "label", "c"]
    values = {name: torch.randn(2, 3) * 4 for name in ("a", "b", "label", "c")}
    run = compiled(backend, symbol, {"b": values["b"]}, **{k: v for k, v in values.items() if k != "b"})
    found = run([values["a"], values["label"], values["c"]])
    assert [item.dtype for item in found] == [torch.float32, torch.float32, torch.int32, torch.float32]
    first = values["a"] - 2 * values["b"]
    torch.testing.assert_close(found[0], first)
    assert torch.equal(found[1], values["b"]) and torch.equal(found[2], values["c"].int())
    torch.testing.assert_close(found[3], first * values["c"])


@pytest.mark.parametrize("backend", ENGINES)
def test_results_of_one_call_outlive_the_next_and_inputs_need_not_be_contiguous(backend):
    run = compiled(backend, mx.sym.var("x") * 2, x=torch.zeros(2, 3))
    first = run([torch.ones(3, 2).t()])[0]
    second = run([torch.full((2, 3), 5.0, requires_grad=True)])[0]
    assert first.tolist() == [[2.0] * 3] * 2 and second.tolist() == [[10.0] * 3] * 2


@pytest.mark.parametrize("backend", ENGINES)
def test_several_threads_at_once(backend):
    data = mx.sym.var("x")
    run = compiled(backend, mx.sym.dot(data, data) + 1, x=torch.zeros(64, 64))
    wrong = []

    def work(number):
        x = torch.eye(64) * number
        for _ in range(50):
            if not torch.equal(run([x])[0], x @ x + 1):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("backend", ENGINES)
def test_another_shape_or_dtype_than_compiled_for_is_an_error(backend):
    run = compiled(backend, mx.sym.var("x") * 2, x=torch.zeros(2, 3))
    for other in (torch.zeros(2, 4), torch.zeros(2, 3, dtype=torch.float64), torch.zeros(2, 3, device="meta")):
        with pytest.raises(MXNetError, match=r"input 'x' is torch.*compiled for torch.float32 of shape \(2, 3\)"):
            run([other])


@pytest.mark.parametrize("backend", ENGINES)
def test_what_has_no_translation_is_not_supported(backend):
    x = mx.sym.var("x")
    outside = [mx.sym.gamma(x), mx.sym.random.uniform(shape=(2,)), mx.sym.Dropout(x, mode="always"),
               mx.sym.take(x, x, mode="raise")]  # fmt: skip
    inside = [mx.sym.relu(x), mx.sym.zeros((2,)), mx.sym.Dropout(x), mx.sym.take(x, x)]
    assert [backend.supports(symbol.graph.nodes[-1]) for symbol in outside + inside] == [False] * 4 + [True] * 4
    with pytest.raises(MXNetError, match="no translation for: gamma"):
        backend.compile(outside[0].graph, {"x": (2,)}, {"x": "float32"}, {})


@pytest.mark.parametrize("backend", ENGINES)
def test_integers_are_not_divided_by_what_may_be_zero(backend):
    # ONNX Runtime ends the process on such a division.
    symbol = mx.sym.elemwise_div(mx.sym.var("x"), mx.sym.var("y"))
    with pytest.raises(MXNetError, match="int32 is divided by an array that may hold zeros"):
        compiled(backend, symbol, x=torch.ones(2, dtype=torch.int32), y=torch.ones(2, dtype=torch.int32))


@pytest.mark.parametrize("backend", ENGINES)
def test_constants_are_baked_in(backend):
    weight = torch.ones(3)
    symbol = mx.sym.broadcast_mul(mx.sym.var("x"), mx.sym.var("w"))
    run = compiled(backend, symbol, {"w": weight}, x=torch.zeros(2, 3))
    weight.fill_(7)
    assert run([torch.ones(2, 3)])[0].tolist() == [[1.0] * 3] * 2


class Divided(gluon.HybridBlock):
    """Dense, a function that has no translation, and Dense."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.first = gluon.nn.Dense(4, activation="sigmoid")
            self.second = gluon.nn.Dense(3)

    def hybrid_forward(self, F, x):
        return self.second(F.gamma(self.first(x) + 1)) * 2


@pytest.mark.parametrize("backend", ENGINES)
def test_optimize_for_runs_what_has_no_translation_itself_and_follows_new_parameters(backend):
    net = Divided()
    net.initialize(mx.init.Normal(0.5))
    x = mx.nd.random.normal(shape=(2, 5))
    expected = net(x)
    net.optimize_for(x, backend=backend.name)
    np.testing.assert_allclose(net(x).asnumpy(), expected.asnumpy(), rtol=1e-5, atol=1e-6)
    net.first.weight.set_data(net.first.weight.data() * 2)
    changed = net(x).asnumpy()
    wide = net(mx.nd.concat(x, x, dim=0)).asnumpy()  # another batch
    with mx.autograd.record():
        trained = net(x)
    net.hybridize(active=False)
    np.testing.assert_allclose(changed, net(x).asnumpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(wide, np.concatenate([changed, changed]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(trained.asnumpy(), changed, rtol=1e-5, atol=1e-6)
    assert np.abs(changed - expected.asnumpy()).max() > 1e-3


@pytest.mark.parametrize("backend", ENGINES)
@pytest.mark.parametrize("kind", [gluon.rnn.LSTM, gluon.rnn.GRU, gluon.rnn.RNN])
def test_optimize_for_recurrent_layers(backend, kind):
    layer = kind(5, 2, bidirectional=True)
    layer.initialize(mx.init.Uniform(0.5))
    x = mx.nd.random.normal(shape=(4, 3, 6))
    expected = layer(x)
    layer.optimize_for(x, backend=backend.name)
    np.testing.assert_allclose(layer(x).asnumpy(), expected.asnumpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", ENGINES)
def test_a_network_of_translated_operators_is_one_part(backend):
    from mxnet.graph.passes import partition

    net = gluon.model_zoo.vision.get_model("mobilenetv2_0.25")
    net.initialize()
    symbol = net(mx.sym.var("data"))
    parts = partition(symbol.graph, backend.supports, set(net.collect_params()))
    assert [node.op.name for node in parts.nodes if node.op is not None] == ["_compiled_subgraph"]


@pytest.mark.parametrize("backend", [OnnxRuntime(), OpenVino()], ids=lambda backend: backend.name)
def test_package_that_is_missing_is_named(backend, monkeypatch):
    pytest.importorskip("onnx")  # which is looked for first
    monkeypatch.setitem(sys.modules, backend.name, None)
    pattern = rf"backend '{backend.name}' needs the package {backend.name}.*pip install 'mxnext\[{backend.name}\]'"
    with pytest.raises(MXNetError, match=pattern):
        backend.check()


def test_float16_by_onnxruntime():
    pytest.importorskip("onnxruntime")
    x = torch.linspace(-2, 2, 12).half().reshape(3, 4)
    (found,) = compiled(OnnxRuntime(), mx.sym.tanh(mx.sym.var("x") * 3), x=x)([x])
    assert found.dtype == torch.float16
    np.testing.assert_allclose(found.numpy(), np.tanh(x.numpy() * 3), rtol=2e-3, atol=1e-3)


def test_openvino_refuses_what_it_would_compute_with_fewer_digits():
    pytest.importorskip("openvino")
    # OpenVINO itself answers 4 for 2**40 + 3 + 1.
    with pytest.raises(MXNetError, match="'x' is int64.*int32.*onnxruntime"):
        compiled(OpenVino(), mx.sym.var("x") + 1, x=torch.tensor([2**40 + 3]))
    with pytest.raises(MXNetError, match="'wide' is float64"):
        compiled(OpenVino(), mx.sym.Cast(mx.sym.var("x"), dtype="float64", name="wide"), x=torch.ones(2))


class OnCPU(TensorRT):
    """All of it but TensorRT: ONNX Runtime's provider for CPUs, as there need not be a GPU."""

    name = "tensorrt_on_cpu"
    provider = "CPUExecutionProvider"
    device_type = "cpu"
    options = []

    def provider_options(self, device):
        OnCPU.options.append(super().provider_options(device))
        return {}

    def providers(self, device):
        return super().providers(device)[:1]


@pytest.fixture
def on_cpu():
    pytest.importorskip("onnxruntime")
    from mxnet.graph.backends import register_backend, unregister

    OnCPU.options = []
    yield register_backend(OnCPU())
    unregister(OnCPU.name)


def test_tensorrt_runs_what_has_a_translation_and_takes_options(on_cpu, tmp_path):
    net = Divided()
    net.initialize(mx.init.Normal(0.5))
    x = mx.nd.random.normal(shape=(2, 5))
    expected = net(x).asnumpy()
    folder = tmp_path / "engines" / "net"
    net.optimize_for(x, backend=on_cpu.name, fp16=True, workspace_size=1 << 28, engine_cache=folder)
    np.testing.assert_allclose(net(x).asnumpy(), expected, rtol=1e-5, atol=1e-6)
    cache = {"trt_engine_cache_enable": "True", "trt_engine_cache_path": str(folder),
             "trt_timing_cache_enable": "True", "trt_timing_cache_path": str(folder)}  # fmt: skip
    given = {"device_id": "0", "trt_fp16_enable": "True", "trt_max_workspace_size": "268435456", **cache}
    assert OnCPU.options == [given, given]  # before and after the function without a translation
    assert folder.is_dir()
    net.optimize_for(x, backend=on_cpu.name, clear=True)
    assert OnCPU.options[-1] == {"device_id": "0", "trt_fp16_enable": "False"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fp16": 1}, "fp16 is 1; expected True or False"),
        ({"workspace_size": 0}, "workspace_size is 0; expected bytes"),
        ({"workspace_size": "1GB"}, "workspace_size is '1GB'; expected bytes"),
        ({"engine_cache": 3}, "engine_cache is 3; expected the path"),
        ({"int8": True}, "no option 'int8'; it has: fp16, workspace_size, engine_cache"),
    ],
)
def test_options_of_tensorrt_are_checked(on_cpu, options, message):
    net = gluon.nn.Dense(2)
    net.initialize()
    with pytest.raises(MXNetError, match=message):
        net.optimize_for(mx.nd.ones((1, 3)), backend=on_cpu.name, **options)
    with pytest.raises(MXNetError, match=message):
        mx.sym.relu(mx.sym.var("x")).optimize_for(on_cpu.name, **options)
    assert net(mx.nd.ones((1, 3))).shape == (1, 2)


def test_a_folder_for_engines_that_can_not_be_made_is_an_error(on_cpu, tmp_path):
    (tmp_path / "file").write_text("")
    net = gluon.nn.Dense(2)
    net.initialize()
    with pytest.raises(MXNetError, match="engine_cache '.*file/engines'"):
        net.optimize_for(mx.nd.ones((1, 3)), backend=on_cpu.name, engine_cache=str(tmp_path / "file" / "engines"))


def test_tensorrt_says_what_is_missing(monkeypatch):
    runtime = pytest.importorskip("onnxruntime")
    net = gluon.nn.Dense(2, in_units=3)
    net.initialize()
    x = mx.nd.ones((1, 3))
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    for name in ("tensorrt", "TensorRT"):
        with pytest.raises(MXNetError, match=r"no TensorrtExecutionProvider \(it has CPUExec.*'mxnext\[tensorrt\]'"):
            net.optimize_for(x, backend=name)
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["TensorrtExecutionProvider"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MXNetError, match=r"'tensorrt' needs an NVIDIA GPU.*Use 'onnxruntime'"):
        net.optimize_for(x, backend="tensorrt")
    assert net(x).shape == (1, 2)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MXNetError, match=r"needs the package onnxruntime.*pip install 'mxnext\[tensorrt\]'"):
        TensorRT().check()


def test_a_session_that_goes_on_without_tensorrt_is_an_error():
    class Session:
        def get_providers(self):
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    with pytest.raises(MXNetError, match="can't load TensorRT's libraries, and would run the graph by CUDAExecution"):
        TensorRT().check_session(Session())


def test_parameters_of_tensorrt_lie_on_one_gpu():
    with pytest.raises(MXNetError, match=r"'w' is on cpu; expected all parameters on one GPU.*reset_ctx"):
        TensorRT().device_of({"w": torch.ones(2)})
    assert OnCPU().device_of({}) == torch.device("cpu", 0)


@pytest.mark.gpu
def test_tensorrt_agrees_with_our_own_program(tmp_path):
    try:
        TensorRT().check()
    except MXNetError as error:
        pytest.skip(str(error))
    net = Divided()
    net.initialize(mx.init.Normal(0.5), ctx=mx.gpu(0))
    x = mx.nd.random.normal(shape=(2, 5), ctx=mx.gpu(0))
    expected = net(x).asnumpy()
    net.optimize_for(x, backend="tensorrt", engine_cache=tmp_path)
    np.testing.assert_allclose(net(x).asnumpy(), expected, rtol=1e-3, atol=1e-4)
    assert any(tmp_path.iterdir())
