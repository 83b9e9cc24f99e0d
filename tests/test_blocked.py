"""Training steps in oneDNN's blocked layouts: the results of the ordinary ones but for rounding, and exact plans."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.graph import onednn
from mxnet.graph.backends import fused
from mxnet.graph.blocked_inference import plan_in_blocks
from mxnet.graph.graph import Graph, Value
from mxnet.graph.infer import infer_dtypes, infer_shapes
from mxnet.graph.optimized import OptimizedGraph
from mxnet.graph.planned import plan
from mxnet.graph.program import Program
from mxnet.storage_counter import StorageCounter

needs_onednn = pytest.mark.skipif(not onednn.is_available(), reason="needs onednn-cpu-gomp")

C = "c = Convolution(x, w; kernel=(3, 3), pad=(1, 1), num_filter={}, no_bias=True)\n"
N = "n = BatchNorm({}, gamma, beta, mean, var; fix_gamma=False)\n"

#: name -> (graph, shape of x, operations of oneDNN that are in its program)
CASES = {
    "convolution": (C.format(32) + "return c", (2, 16, 9, 9), {"convolution", "reorder"}),
    "convolution of images": (C.format(32) + "return c", (2, 3, 9, 9), {"convolution"}),
    "bias": (
        "c = Convolution(x, w, b; kernel=(3, 3), num_filter=32)\nreturn c", (2, 16, 9, 9),
        {"convolution_backward_weights", "convolution_backward_data"},
    ),
    "stride and dilation that reach not all": (
        "c = Convolution(x, w; kernel=(3, 3), stride=(2, 3), dilate=(2, 1), pad=(1, 0), num_filter=16, no_bias=True)\n"
        "return c", (2, 16, 12, 12), set(),
    ),
    "dilation": (
        "c = Convolution(x, w; kernel=(3, 3), dilate=(2, 2), pad=(1, 1), num_filter=16, no_bias=True)\nreturn c",
        (2, 16, 12, 12), {"convolution"},
    ),
    "groups": (
        "c = Convolution(x, w; kernel=(3, 3), num_filter=64, num_group=2, no_bias=True)\nreturn c", (2, 32, 9, 9),
        {"convolution"},
    ),
    "depthwise": (
        "c = Convolution(x, w, b; kernel=(3, 3), stride=(2, 2), pad=(1, 1), num_filter=32, num_group=32)\nreturn c",
        (2, 32, 9, 9), {"convolution"},
    ),
    "one axis": ("c = Convolution(x, w; kernel=(3,), num_filter=32, no_bias=True)\nreturn c", (2, 16, 20), set()),
    "three axes": (
        "c = Convolution(x, w; kernel=(3, 3, 3), num_filter=32, no_bias=True)\nreturn c", (2, 16, 5, 5, 5), set()
    ),
    "normalisation": (C.format(32) + N.format("c") + "return n", (4, 16, 8, 8), {"batch_norm", "batch_norm_backward"}),
    "normalisation without factors": (
        C.format(32) + "n = BatchNorm(c, gamma, beta, mean, var)\nreturn n", (4, 16, 8, 8), {"batch_norm"}
    ),
    "normalisation by moving statistics": (
        C.format(32) + "n = BatchNorm(c, gamma, beta, mean, var; use_global_stats=True, fix_gamma=False)\nreturn n",
        (4, 16, 8, 8), {"batch_norm"},
    ),
    "normalisation and relu": (
        C.format(32) + N.format("c") + "r = Activation(n; act_type=relu)\nreturn r", (4, 16, 8, 8),
        {"batch_norm_relu", "batch_norm_relu_backward"},
    ),
    "normalisation shown with its moments": (
        C.format(32) + "n, m, v = BatchNorm(c, gamma, beta, mean, var; output_mean_var=True)\nreturn n, m, v",
        (4, 16, 8, 8), {"convolution"},
    ),
    "channels that fill no block": (
        C.format(20) + N.format("c") + "r = relu(n)\ns = elemwise_add(r, c)\nt = sigmoid(s)\n"
        "u = _plus_scalar(t; scalar=1)\nd = Convolution(u, v; kernel=(1, 1), num_filter=7, no_bias=True)\nreturn d",
        (2, 16, 8, 8), {"convolution"},
    ),
    "residual unit": (
        C.format(16) + N.format("c") + "s = elemwise_add(n, x)\nr = Activation(s; act_type=relu)\n"
        "d = Convolution(r, v; kernel=(3, 3), num_filter=16, no_bias=True)\nreturn d", (2, 16, 8, 8), {"convolution"},
    ),
    "one result, several users": (
        C.format(16) + "a = Convolution(c, va; kernel=(1, 1), num_filter=16, no_bias=True)\n"
        "b = Convolution(c, vb; kernel=(3, 3), pad=(1, 1), num_filter=16, no_bias=True)\nt = tanh(c)\n"
        "m = mean(c; axis=(2, 3))\ns = add_n(a, b, t, c; num_args=4)\nreturn s, m, c", (2, 16, 8, 8), {"convolution"},
    ),
    "activations": (
        C.format(32) + "a = LeakyReLU(c; act_type=leaky, slope=0.1)\nb = clip(a; a_min=0, a_max=6)\n"
        "e = Activation(b; act_type=sigmoid)\nf = Activation(e; act_type=softrelu)\ng = square(f)\nreturn g",
        (2, 16, 8, 8), {"convolution"},
    ),
    "maxima": (
        C.format(32) + "p = Pooling(c; kernel=(3, 3), stride=(2, 2), pad=(1, 1))\nreturn p", (2, 16, 9, 9),
        {"max_pool", "max_pool_backward"},
    ),
    "maxima, rounding up": (
        C.format(32) + "p = Pooling(c; kernel=(3, 3), stride=(2, 2), pooling_convention=full)\nreturn p",
        (2, 16, 8, 8), {"max_pool"},
    ),
    "averages that count pads": (
        C.format(32) + "p = Pooling(c; kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type=avg)\nreturn p",
        (2, 16, 8, 8), {"avg_pool"},
    ),
    "averages that don't": (
        C.format(32) + "p = Pooling(c; kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type=avg, "
        "count_include_pad=False)\nreturn p", (2, 16, 8, 8), {"avg_inside_pool"},
    ),
    "averages with pads, rounding up": (
        C.format(32) + "p = Pooling(c; kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type=avg, "
        "pooling_convention=full)\nreturn p", (2, 16, 8, 8), {"convolution"},
    ),
    "averages of images": (
        C.format(32) + "p = Pooling(c; pool_type=avg, global_pool=True)\nf = Flatten(p)\n"
        "d = FullyConnected(f, v, b; num_hidden=5)\nreturn d", (2, 16, 8, 8), {"convolution"},
    ),
    "concatenation": (
        C.format(32) + "d = Convolution(x, v; kernel=(1, 1), num_filter=16, no_bias=True)\ne = Concat(c, d, x; dim=1, "
        "num_args=3)\nf = Convolution(e, u; kernel=(1, 1), num_filter=16, no_bias=True)\nreturn f", (2, 16, 8, 8),
        {"convolution"},
    ),
    "concatenation within blocks": (
        C.format(20) + "e = Concat(c, x; dim=1, num_args=2)\nf = Convolution(e, u; kernel=(1, 1), num_filter=16, "
        "no_bias=True)\nreturn f", (2, 16, 8, 8), {"convolution"},
    ),
    "channels last": (
        "c = Convolution(x, w; kernel=(3, 3), num_filter=16, no_bias=True, layout=NHWC)\nreturn c", (2, 8, 8, 16), set()
    ),
    "a size of one sample": (
        C.format(16) + N.format("c") + "r = relu(n)\np = Pooling(r; kernel=(2, 2), stride=(2, 2))\nreturn p",
        (1, 16, 8, 8), {"max_pool"},
    ),
    "a weight of two layers": (
        C.format(16) + "d = Convolution(c, w; kernel=(3, 3), pad=(1, 1), num_filter=16, no_bias=True)\nreturn d",
        (2, 16, 8, 8), {"convolution"},
    ),
    "a weight that is computed": (
        "v = _mul_scalar(w; scalar=2)\nc = Convolution(x, v; kernel=(3, 3), num_filter=16, no_bias=True)\nreturn c",
        (2, 16, 8, 8), {"convolution"},
    ),
}  # fmt: skip


def prepared(text, shape, fuse, dtype="float32", **options):
    """(plan, tensors of its inputs, tensors of its head gradients), with everything random."""
    graph = Graph.parse(text)
    names = [node.name for node in graph.variables]
    moving = {node.name for node in graph.auxiliary()}
    dtypes = dict.fromkeys(names, dtype)
    shapes = infer_shapes(graph, {"x": shape}, infer_dtypes(graph, dtypes))
    known = {node.name: shapes[value] for value, node in ((v, v.node) for v in shapes) if node.op is None}
    wanted = [name for name in names if name not in moving]
    planned = plan(Program(graph), known, dtypes, training=True, wanted=wanted, fuse=fuse, **options)
    draw = torch.Generator().manual_seed(3)
    inputs = {
        name: torch.rand(known[name], generator=draw, dtype=getattr(torch, dtype)) + (0.5 if name == "var" else -0.4)
        for name in names
    }
    return planned, inputs, draw


def stepped(text, shape, fuse, **options):
    """(outputs, gradients, inputs afterwards, names of the operations) of one step."""
    planned, inputs, draw = prepared(text, shape, fuse, **options)
    compiled = planned.compiled
    values = compiled.start([inputs[name] for name in planned.lowered.inputs])
    outputs = compiled.forward(values, torch.Generator(), {})
    heads = [torch.rand(layout.shape, generator=draw, dtype=layout.dtype) - 0.3 for _, layout in compiled.head_grads]
    gradients = compiled.backward(values, heads, torch.Generator())
    names = {instruction.name for instruction in planned.chosen.program.instructions}
    return outputs, gradients, inputs, names


def assert_near(actual, expected):
    scale = expected.abs().max().item() + 1e-6
    assert actual.shape == expected.shape and actual.stride() == expected.contiguous().stride()
    assert (actual - expected).abs().max().item() <= 2e-5 * scale


@needs_onednn
@pytest.mark.parametrize("name", CASES)
def test_a_step_in_blocks_gives_the_results_of_the_ordinary_one_but_for_rounding(name):
    text, shape, operations = CASES[name]
    outputs, gradients, inputs, _ = stepped(text, shape, False)
    own_outputs, own_gradients, own_inputs, names = stepped(text, shape, True)
    assert {f"onednn.{operation}" for operation in operations} <= {label.rstrip("_") for label in names}
    for actual, expected in zip(own_outputs, outputs, strict=True):
        assert_near(actual.contiguous(), expected.contiguous())
    assert own_gradients.keys() == gradients.keys()
    for key, expected in gradients.items():
        assert_near(own_gradients[key].contiguous(), expected.contiguous())
    for key, expected in inputs.items():  # moving statistics among them
        assert_near(own_inputs[key], expected)


@needs_onednn
def test_the_gradient_of_a_normalisation_takes_the_place_of_that_of_its_result():
    text = C.format(32) + N.format("c") + "d = Convolution(n, v; kernel=(1, 1), num_filter=16, no_bias=True)\nreturn d"
    planned, _, _ = prepared(text, (2, 16, 8, 8), True)
    assert "onednn.batch_norm_backward_" in [i.name for i in planned.chosen.program.instructions]


@needs_onednn
def test_layers_keep_blocks_from_one_to_the_next():
    text = C.format(32) + N.format("c") + (
        "r = relu(n)\np = Pooling(r; kernel=(2, 2), stride=(2, 2))\n"
        "d = Convolution(p, v; kernel=(3, 3), num_filter=16, no_bias=True)\nreturn d"
    )  # fmt: skip
    planned, _, _ = prepared(text, (2, 16, 8, 8), True)
    instructions = planned.lowered.instructions[: planned.lowered.num_forward]
    reorders = [i for i in instructions if i.name == "onednn.reorder"]
    assert len(reorders) == 4  # x, two weights, and the result


@needs_onednn
@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_other_dtypes_run_as_without_blocks(dtype):
    text, shape, _ = CASES["convolution"]
    *_, names = stepped(text, shape, True, dtype=dtype)
    assert not any(name.startswith("onednn.") for name in names)


@needs_onednn
def test_a_step_under_a_budget_gives_the_same_bits_in_blocks():
    text = "a0 = identity(x)\n" + "".join(
        f"c{i} = Convolution(a{i}, w{i}; kernel=(3, 3), pad=(1, 1), num_filter=16, no_bias=True)\n"
        f"n{i} = BatchNorm(c{i}, g{i}, b{i}, m{i}, v{i}; fix_gamma=False)\na{i + 1} = relu(n{i})\n"
        for i in range(8)
    ) + "return a8"
    outputs, gradients, _, _ = stepped(text, (2, 16, 16, 16), True)
    whole, _, _ = prepared(text, (2, 16, 16, 16), True)
    budget = int(0.6 * whole.chosen.peak)
    smaller, _, _ = prepared(text, (2, 16, 16, 16), True, budget=budget)
    assert smaller.chosen.peak <= budget
    own_outputs, own_gradients, _, _ = stepped(text, (2, 16, 16, 16), True, budget=budget)
    assert torch.equal(own_outputs[0], outputs[0])
    assert all(torch.equal(own_gradients[name], gradient) for name, gradient in gradients.items())


@needs_onednn
@pytest.mark.parametrize("name", ["residual unit", "concatenation", "one result, several users", "averages of images"])
def test_plans_in_blocks_are_exact(name):
    text, shape, _ = CASES[name]
    planned, inputs, _ = prepared(text, shape, True)
    compiled = planned.compiled
    given = [inputs[name] for name in planned.lowered.inputs]
    heads = [torch.ones(layout.shape) for _, layout in compiled.head_grads]
    with StorageCounter(given=[*given, *heads]) as counter:
        values = compiled.start(given)
        outputs = compiled.forward(values, torch.Generator(), {})
        gradients = compiled.backward(values, heads, torch.Generator())
    assert counter.peak == planned.chosen.peak
    del outputs, gradients


#: what inference joins: each activation after a convolution, and sums
TAILS = {
    "relu": "a = relu(c)", "leaky": "a = LeakyReLU(c; act_type=leaky, slope=0.2)", "tanh": "a = tanh(c)",
    "sigmoid": "a = sigmoid(c)", "gelu": "a = LeakyReLU(c; act_type=gelu)", "clip": "a = clip(c; a_min=-0.5, a_max=2)",
    "hard_sigmoid": "a = hard_sigmoid(c; alpha=0.16666666666666666)",
    "swish": "s = sigmoid(c)\na = elemwise_mul(c, s)",
    "hard_swish": "p = _plus_scalar(c; scalar=3)\nq = clip(p; a_min=0, a_max=6)\ns = _div_scalar(q; scalar=6)\n"
    "a = elemwise_mul(c, s)",
    "sum": "d = Convolution(x, v; kernel=(1, 1), num_filter=32, no_bias=True)\na = elemwise_add(c, d)",
    "sum and relu": "d = Convolution(x, v; kernel=(1, 1), num_filter=32, no_bias=True)\n"
    "s = elemwise_add(c, d)\na = relu(s)",
    "sum with what is used again": "d = Convolution(x, v; kernel=(1, 1), num_filter=32, no_bias=True)\n"
    "s = elemwise_add(c, d)\na = elemwise_mul(s, d)",
    "sum with an input": "a = elemwise_add(c, y)",
}  # fmt: skip
INFERENCE = {
    **{name: (case[0], case[1]) for name, case in CASES.items()},
    **{
        name: (f"c = Convolution(x, w, b; kernel=(3, 3), pad=(1, 1), num_filter=32)\n{tail}\nreturn a", (2, 16, 7, 7))
        for name, tail in TAILS.items()
    },
    "dense layers": (
        C.format(32) + "f = Flatten(c)\nd = FullyConnected(f, v, b; num_hidden=20)\ne = relu(d)\n"
        "g = FullyConnected(e, u; num_hidden=3, no_bias=True)\nreturn g", (2, 16, 5, 5),
    ),
    "a dense layer of rows": (
        C.format(32) + "d = FullyConnected(c, v, b; num_hidden=20, flatten=False)\nreturn d", (2, 16, 5, 5)
    ),
}  # fmt: skip


def inferred(text, shape, transform):
    """(the optimised graph, its tensors, its outputs) of a forward pass in inference."""
    graph = Graph.parse(text)
    names = [node.name for node in graph.variables]
    dtypes = dict.fromkeys(names, "float32")
    found = infer_shapes(graph, {"x": shape}, infer_dtypes(graph, dtypes))
    draw = torch.Generator().manual_seed(3)
    tensors = [
        torch.rand(found[Value(node, 0)], generator=draw) + (0.5 if node.name == "var" else -0.4)
        for node in graph.variables
    ]
    optimized = OptimizedGraph(graph, set(names) - {"x", "y"}, transform, as_created=True)
    return optimized, tensors, optimized.run(tensors, torch.device("cpu"))


@needs_onednn
@pytest.mark.parametrize("name", INFERENCE)
def test_fused_inference_in_blocks_gives_the_results_of_the_graph_but_for_rounding(name):
    text, shape = INFERENCE[name]
    optimized, tensors, outputs = inferred(text, shape, fused)
    _, _, expected = inferred(text, shape, None)
    for actual, wanted in zip(outputs, expected, strict=True):
        assert actual.shape == wanted.shape
        assert (actual - wanted).abs().max().item() <= 2e-5 * (wanted.abs().max().item() + 1e-6)
    again = optimized.run(tensors, torch.device("cpu"))
    assert all(torch.equal(actual, before) for actual, before in zip(again, outputs, strict=True))


@needs_onednn
def test_other_threads_than_the_first_run_what_it_prepared():
    text, shape = INFERENCE["dilation"]
    optimized, tensors, outputs = inferred(text, shape, fused)
    step, inputs, draw = prepared(CASES["groups"][0], CASES["groups"][1], True)
    heads = [torch.rand(layout.shape, generator=draw) for _, layout in step.compiled.head_grads]

    def run(_):
        values = step.compiled.start([inputs[name] for name in step.lowered.inputs])
        step.compiled.forward(values, torch.Generator(), {})
        gradients = step.compiled.backward(values, heads, torch.Generator())
        return optimized.run(tensors, torch.device("cpu"))[0], gradients

    _, expected = run(0)
    with ThreadPoolExecutor(4) as pool:
        for output, gradients in pool.map(run, range(12)):
            assert torch.equal(output, outputs[0])
            assert all(torch.equal(gradients[name], gradient) for name, gradient in expected.items())


@needs_onednn
def test_inference_in_blocks_reorders_weights_once_and_again_when_they_change():
    text, shape = INFERENCE["sum and relu"]
    optimized, tensors, outputs = inferred(text, shape, fused)
    (prepared,) = optimized._prepared.values()
    names = [instruction.name for instruction in prepared.planned.chosen.program.instructions]
    assert names.count("onednn.reorder") == 2  # of x and of the result
    assert "onednn.convolution_" in names  # the sum takes the place of what is added
    kept = prepared.prologue.computed[0].results
    optimized.run(tensors, torch.device("cpu"))
    assert prepared.prologue.computed[0].results is kept
    variables = optimized.variables
    tensors[variables.index("w")].mul_(2)
    tensors[variables.index("b")].mul_(2)
    tensors[variables.index("v")].mul_(2)
    doubled = optimized.run(tensors, torch.device("cpu"))
    assert torch.allclose(doubled[0], 2 * outputs[0], rtol=1e-5, atol=1e-6)


@needs_onednn
@pytest.mark.parametrize("name", ["sum and relu", "sum with an input", "dense layers", "concatenation"])
def test_plans_of_inference_in_blocks_are_exact(name):
    text, shape = INFERENCE[name]
    optimized, tensors, _ = inferred(text, shape, fused)
    (prepared,) = optimized._prepared.values()
    held = prepared.prologue.computed[0].results
    shapes = {variable: tuple(t.shape) for variable, t in zip(optimized.variables, tensors, strict=True)}
    forward = plan_in_blocks(
        optimized.graph, shapes, dict.fromkeys(shapes, "float32"), set(shapes) - {"x", "y"}
    )
    assert forward.held_bytes == sum(tensor.nbytes for tensor in held)
    with StorageCounter(given=tensors, held=held) as counter:
        outputs = optimized.run(tensors, torch.device("cpu"))
    assert counter.peak == forward.planned.chosen.peak
    del outputs


class Net(gluon.HybridBlock):
    """Convolutions, a residual, dropout and a dense layer."""

    def __init__(self):
        super().__init__(prefix="net_")
        with self.name_scope():
            self.first = gluon.nn.Conv2D(16, 3, padding=1)
            self.norm = gluon.nn.BatchNorm()
            self.second = gluon.nn.Conv2D(16, 3, padding=1, use_bias=False)
            self.drop = gluon.nn.Dropout(0.3)
            self.dense = gluon.nn.Dense(5)

    def hybrid_forward(self, F, x):
        a = F.relu(self.norm(self.first(x)))
        return self.dense(self.drop(F.Pooling(F.relu(self.second(a) + a), kernel=(2, 2), stride=(2, 2))))


def trained(monkeypatch, library, **options):
    """Losses of a few steps of a hybridized block, and its parameters afterwards; library: whether oneDNN is there."""
    if not library:
        monkeypatch.setattr(onednn, "is_available", lambda: False)
    mx.random.seed(3)
    net = Net()
    net.initialize(mx.init.Xavier())
    net.hybridize(**options)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.05, "momentum": 0.9})
    loss_of, losses = gluon.loss.SoftmaxCrossEntropyLoss(), []
    for batch in (4, 6, 4):
        data = nd.array(np.random.RandomState(batch).rand(batch, 3, 12, 12))
        with autograd.record():
            loss = loss_of(net(data), nd.array(np.arange(batch) % 5))
        loss.backward()
        trainer.step(batch)
        losses.append(loss.asnumpy())
    return losses, [item.data().asnumpy() for item in net.collect_params().values()]


@pytest.mark.parametrize("library", [pytest.param(True, marks=needs_onednn), False])
@pytest.mark.parametrize("options", [{}, {"memory_budget": 1.0}], ids=["free", "budget"])
def test_training_with_fuse_follows_the_imperative_block_with_and_without_onednn(monkeypatch, library, options):
    expected = trained(monkeypatch, library)
    fused = trained(monkeypatch, library, static_alloc=True, fuse=True, **options)
    for ours, theirs in zip((*fused[0], *fused[1]), (*expected[0], *expected[1]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def program_with(library_path):
    code = "import mxnet.graph.onednn as o; print(o.is_available())"
    environment = {"MXNET_ONEDNN_LIBRARY": str(library_path), "PYTHONPATH": ":".join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_an_empty_library_path_says_to_do_without_onednn():
    assert program_with("").stdout.strip() == "False"


def test_a_library_that_is_none_is_an_error_that_names_the_file_and_the_remedy(tmp_path):
    path = tmp_path / "libdnnl.so.3"
    path.write_text("no library")
    ended = program_with(path)
    assert ended.returncode != 0
    assert str(path) in ended.stderr and "Install onednn-cpu-gomp again, or set MXNET_ONEDNN_LIBRARY" in ended.stderr
