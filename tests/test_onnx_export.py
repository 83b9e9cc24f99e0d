"""mx.onnx.export_model: whole networks, open sizes, files, and errors."""

from __future__ import annotations

import numpy as np
import pytest

import mxnet as mx
from mxnet import gluon
from mxnet.base import MXNetError

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def export(net, *inputs, path, **options):
    """Exports a block after one call; returns what the file gives for the inputs, and what the block gives."""
    expected = net(*inputs)
    names = ["data"] if len(inputs) == 1 else [f"data{i}" for i in range(len(inputs))]
    symbol = net(*map(mx.sym.var, names))
    symbol = mx.sym.Group(list(symbol)) if isinstance(symbol, list | tuple) else symbol
    params = {name: parameter.data() for name, parameter in net.collect_params().items()}
    shapes = [array.shape for array in inputs]
    mx.onnx.export_model(symbol, params, shapes, [array.dtype for array in inputs], path, **options)
    found = run(path, *(array.asnumpy() for array in inputs))
    expected = expected if isinstance(expected, list | tuple) else [expected]
    return found, [array.asnumpy() for array in expected]


def run(path, *arrays):
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {info.name: a for info, a in zip(session.get_inputs(), arrays, strict=True)})


def assert_close(found, expected, tolerance=1e-5):
    for one, other in zip(found, expected, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert np.abs(one - other).max() <= tolerance * max(np.abs(other).max(), 1e-6)


@pytest.mark.parametrize(
    "name",
    ["alexnet", "densenet121", "inceptionv3", "mobilenet0.25", "mobilenetv2_0.25", "resnet18_v1", "resnet18_v2",
     "squeezenet1.1", "vgg11_bn"],
)  # fmt: skip
def test_networks_of_the_model_zoo(name, tmp_path):
    mx.random.seed(1)
    net = gluon.model_zoo.vision.get_model(name, classes=10)
    net.initialize(mx.init.Xavier())
    size = {"inceptionv3": 299, "alexnet": 224, "vgg11_bn": 64, "densenet121": 224, "squeezenet1.1": 224}.get(name, 96)
    with mx.autograd.train_mode():  # so that moving statistics are not those of the start
        net(mx.nd.random.normal(shape=(2, 3, size, size)))
    assert_close(*export(net, mx.nd.random.normal(shape=(1, 3, size, size)), path=tmp_path / "net.onnx"), 1e-4)


class LanguageModel(gluon.HybridBlock):
    """Embedding, a recurrent network with its begin states made inside, and a decoder for each step."""

    def __init__(self, layer):
        super().__init__()
        with self.name_scope():
            self.embedding = gluon.nn.Embedding(20, 6)
            self.encoder = layer
            self.decoder = gluon.nn.Dense(20, flatten=False)
            self.register_child(layer)

    def hybrid_forward(self, F, data):
        return F.log_softmax(self.decoder(self.encoder(self.embedding(data))), axis=-1)


@pytest.mark.parametrize(
    "layer", [gluon.rnn.LSTM(5, 2, bidirectional=True), gluon.rnn.GRU(5, 2), gluon.rnn.RNN(5, 1, "tanh")], ids=str
)
def test_recurrent_language_models(layer, tmp_path):
    net = LanguageModel(layer)
    net.initialize(mx.init.Uniform(0.5))
    words = mx.nd.array(np.arange(12).reshape(4, 3) % 20)
    assert_close(*export(net, words, path=tmp_path / "net.onnx"))


def test_unrolled_cells(tmp_path):
    cell = mx.rnn.SequentialRNNCell()
    cell.add(mx.rnn.LSTMCell(4, prefix="a_"))
    cell.add(mx.rnn.GRUCell(4, prefix="b_"))
    outputs, _ = cell.unroll(3, mx.sym.var("data"), layout="NTC", merge_outputs=True)
    head = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(outputs, num_hidden=3, name="fc"), name="softmax")
    module = mx.mod.Module(head)
    module.bind([("data", (2, 3, 5))], [("softmax_label", (2,))], for_training=False)
    module.init_params(mx.init.Uniform(0.5))
    data = mx.nd.random.normal(shape=(2, 3, 5))
    module.forward(mx.io.DataBatch([data], [mx.nd.zeros(2)]), is_train=False)
    module.save_checkpoint(str(tmp_path / "net"), 3)
    path = mx.onnx.export_model(
        str(tmp_path / "net-symbol.json"), str(tmp_path / "net-0003.params"), [(2, 3, 5)],
        onnx_file_path=str(tmp_path / "net.onnx"),
    )  # fmt: skip
    assert path == str(tmp_path / "net.onnx")
    assert [info.name for info in onnx.load(path).graph.input] == ["data"]  # no label
    assert_close(run(path, data.asnumpy()), [module.get_outputs()[0].asnumpy()])


class Encoder(gluon.HybridBlock):
    """One layer of a transformer encoder with interleaved projections and masked attention."""

    def __init__(self, units=12, heads=3):
        super().__init__()
        self.heads = heads
        with self.name_scope():
            self.project = gluon.nn.Dense(3 * units, flatten=False)
            self.out = gluon.nn.Dense(units, flatten=False)
            self.norm = gluon.nn.LayerNorm()
            self.wide = gluon.nn.Dense(4 * units, flatten=False)
            self.narrow = gluon.nn.Dense(units, flatten=False)
            self.last = gluon.nn.LayerNorm()

    def hybrid_forward(self, F, x, lengths):
        qkv = self.project(x)
        scores = F.contrib.interleaved_matmul_selfatt_qk(qkv, heads=self.heads)
        steps = F.contrib.arange_like(x, axis=0)
        mask = F.broadcast_lesser(F.reshape(steps, shape=(1, -1)), F.reshape(lengths, shape=(-1, 1)))
        mask = F.repeat(F.expand_dims(mask, axis=1), repeats=self.heads, axis=0)
        scores = F.where(F.broadcast_like(mask, scores), scores, F.ones_like(scores) * -1e9)
        context = F.contrib.interleaved_matmul_selfatt_valatt(qkv, F.softmax(scores), heads=self.heads)
        x = self.norm(x + self.out(context))
        return self.last(x + self.narrow(F.LeakyReLU(self.wide(x), act_type="gelu")))


def test_transformer_encoder(tmp_path):
    net = Encoder()
    net.initialize(mx.init.Normal(0.3))
    found, expected = export(net, mx.nd.random.normal(shape=(5, 2, 12)), mx.nd.array([3, 5]), path=tmp_path / "a.onnx")
    assert_close(found, expected)


def small_net():
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Conv2D(4, 3, activation="relu"), gluon.nn.BatchNorm(), gluon.nn.MaxPool2D(),
            gluon.nn.GlobalAvgPool2D(), gluon.nn.Flatten(), gluon.nn.Dropout(0.5), gluon.nn.Dense(3))  # fmt: skip
    net.initialize(mx.init.Normal(0.3))
    return net


def test_open_sizes(tmp_path):
    net, path = small_net(), tmp_path / "net.onnx"
    export(net, mx.nd.random.normal(shape=(2, 3, 8, 8)), path=path, dynamic=True,
           dynamic_input_shapes=[("batch", 3, None, None)])  # fmt: skip
    axes = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    assert [axis.dim_param or axis.dim_value for axis in axes] == ["batch", 3, 0, 0]
    other = mx.nd.random.normal(shape=(5, 3, 11, 9))
    assert_close(run(path, other.asnumpy()), [net(other).asnumpy()])


def test_a_translation_that_needs_an_open_size_says_so(tmp_path):
    data = mx.sym.var("data")
    net = mx.sym.Pooling(data, kernel=(2, 2), stride=(2, 2), pooling_convention="full", pool_type="avg", name="pool")
    with pytest.raises(MXNetError, match=r"Pooling 'pool'.*shape of data must be known"):
        mx.onnx.export_model(net, {}, [(1, 2, 5, 5)], onnx_file_path=tmp_path / "a.onnx", dynamic=True)
    assert not list(tmp_path.iterdir())


def test_all_operators_without_translation_are_listed(tmp_path):
    data = mx.sym.var("data")
    net = mx.sym.gamma(mx.sym.random.uniform(shape=(2, 3), name="noise") + mx.sym.erfinv(data, name="inverse"))
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    with pytest.raises(MXNetError, match=r"_random_uniform 'noise'.*erfinv 'inverse'; gamma 'gamma"):
        mx.onnx.export_model(net, {}, [(2, 3)], onnx_file_path=path)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def test_what_is_missing_or_does_not_fit_is_named(tmp_path):
    net = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc")
    arguments = {"onnx_file_path": tmp_path / "a.onnx"}
    weights = {"fc_weight": mx.nd.ones((3, 4)), "fc_bias": mx.nd.ones(3)}
    with pytest.raises(MXNetError, match="in_shapes.*data, fc_weight, fc_bias.*Parameters that params lacks"):
        mx.onnx.export_model(net, {}, [(2, 4)], **arguments)
    with pytest.raises(MXNetError, match="fc.*weight"):
        mx.onnx.export_model(net, weights, [(2, 5)], **arguments)
    with pytest.raises(MXNetError, match="dynamic=True"):
        mx.onnx.export_model(net, weights, [(2, 4)], dynamic_input_shapes=[(None, 4)], **arguments)
    with pytest.raises(MXNetError, match="params must be a dict"):
        mx.onnx.export_model(net, [1], [(2, 4)], **arguments)
    with pytest.raises(MXNetError, match="expected a Symbol"):
        mx.onnx.export_model(3, weights, [(2, 4)], **arguments)
    with pytest.raises(MXNetError, match=r"\(None, 5\).*in_shapes, \(2, 4\)"):
        mx.onnx.export_model(net, weights, [(2, 4)], dynamic=True, dynamic_input_shapes=[(None, 5)], **arguments)
    assert not list(tmp_path.iterdir())


def test_old_names_of_arguments_params_in_parts_and_shapes_of_all_values(tmp_path):
    net = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc") * 2
    ones = mx.nd.ones((3, 4), dtype="float64")
    parts = [{"arg:fc_weight": ones, "arg:fc_bias": ones[:, 0]}, {}]
    path = mx.contrib.onnx.export_model(
        net, parts, onnx_file_path=str(tmp_path / "a.onnx"), input_shape=[(2, 4)], input_type=np.float64,
        run_shape_inference=True,
    )  # fmt: skip
    graph = onnx.load(path).graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
    assert [axis.dim_value for axis in graph.value_info[0].type.tensor_type.shape.dim] == [2, 3]
    assert run(path, np.ones((2, 4)))[0].tolist() == [[10.0] * 3] * 2


def test_verbose_prints_the_nodes(tmp_path, capsys):
    mx.onnx.export_model(mx.sym.relu(mx.sym.var("x")), {}, [(2,)], onnx_file_path=tmp_path / "a.onnx", verbose=True)
    assert "Relu(x)" in capsys.readouterr().out


def test_supported_operators():
    assert {"Convolution", "RNN", "_zeros"} <= set(mx.onnx.get_operator_support())
    assert "erfinv" not in mx.onnx.get_operator_support(18)
    with pytest.raises(MXNetError, match="opset_version is 13"):
        mx.onnx.get_operator_support(13)


def test_package_that_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MXNetError, match=r"export_model needs the package onnx.*pip install 'mxnext\[onnx\]'"):
        mx.onnx.export_model(mx.sym.relu(mx.sym.var("x")), {}, [(2,)], onnx_file_path=tmp_path / "a.onnx")


def test_import_is_still_to_come():
    with pytest.raises(AttributeError, match="import_model.*docs/status.md"):
        mx.contrib.onnx.import_model("net.onnx")
    with pytest.raises(AttributeError, match="has no attribute 'export'"):
        mx.contrib.onnx.export("net.onnx")
