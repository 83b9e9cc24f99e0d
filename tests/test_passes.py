"""Passes: each leaves a correct graph of equal values; the exact ones give the same bits."""

from __future__ import annotations

import os
import sys

import pytest
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import networks

import mxnet as mx
from mxnet.gluon.model_zoo import vision
from mxnet.graph.creation import has_unknown_sizes, resolve_creation
from mxnet.graph.graph import Graph, Node, Value, check
from mxnet.graph.infer import infer_dtypes, infer_shapes, is_known
from mxnet.graph.lowering import lower
from mxnet.graph.passes import (
    affine_batch_norm,
    choose_layout,
    fold_batch_norm,
    fold_constants,
    fuse_tails,
    merge_equal,
    optimize_inference,
    pack_weights,
    pool_before_relu,
    prologue_names,
    remove_dead,
    split_prologue,
    work_in_place,
)  # fmt: skip
from mxnet.graph.program import Program
from mxnet.ops.dtypes import torch_dtype
from mxnet.ops.fused import HAS_ONEDNN

mx.sym.var("loads_the_operators")
CPU = torch.device("cpu")
EXACT = [remove_dead, merge_equal, fold_constants, pool_before_relu]
needs_onednn = pytest.mark.skipif(not HAS_ONEDNN, reason="torch without oneDNN")


def run(graph, values):
    program = Program(graph)
    mx.random.seed(11)
    with torch.no_grad():
        return program.run([values[name] for name in program.variables], training=False, device=CPU)


def values_for(graph, shapes=None, dtypes=None):
    """Numbers for every variable; those of variances are positive."""
    found = infer_shapes(graph, shapes or {})
    kinds = infer_dtypes(graph, dtypes or {})
    generator = torch.Generator().manual_seed(7)
    values = {}
    for node in graph.variables:
        shape, kind = found[Value(node, 0)], torch_dtype(kinds[Value(node, 0)])
        assert is_known(shape), node.name
        made = torch.rand(shape, generator=generator) * 2 - (0 if "var" in node.name else 1)
        values[node.name] = (made if kind.is_floating_point else made * 4).to(kind)
    return values


def optimized(graph, values, parameters, fuse):
    """The values of the outputs after all passes."""
    shapes = {name: tuple(value.shape) for name, value in values.items()}
    dtypes = {name: str(value.dtype).removeprefix("torch.") for name, value in values.items()}
    prologue, main = optimize_inference(graph, shapes, dtypes, parameters, fuse)
    check(prologue)
    check(main)
    given = dict(values)
    given.update(zip(prologue_names(prologue), run(prologue, given), strict=True))
    return run(main, given), prologue, main


def operators(graph):
    return [node.op.name for node in graph.nodes if node.op is not None]


def parsed(text, shapes):
    graph = Graph.parse(text)
    return graph, values_for(graph, shapes)


def assert_same_bits(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype and torch.equal(one, other)


def assert_close(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def network(name):
    """The graph of a test network and values for its variables; None where shapes are left open."""
    graph = networks.build(mx, name).graph
    for shapes in networks.SHAPES[name]:
        given = {key: tuple(extent or -1 for extent in shape) for key, shape in shapes.items()}
        try:
            found = infer_shapes(graph, given)
        except mx.MXNetError:
            continue
        if all(map(is_known, found.values())):
            if has_unknown_sizes(graph):
                graph = resolve_creation(graph, found)
            return graph, values_for(graph, given)
    return None


@pytest.mark.parametrize("name", networks.NETWORKS)
@pytest.mark.parametrize("fuse", [False, True])
def test_test_networks_keep_their_values(name, fuse):
    made = network(name)
    if made is None:
        pytest.skip("no complete shapes are recorded for this network")
    graph, values = made
    expected = run(graph, values)
    for change in EXACT:
        changed = change(graph)
        check(changed)
        assert_same_bits(run(changed, values), expected)
    parameters = {n for n in values if n.endswith(("weight", "bias", "gamma", "beta", "mean", "var"))}
    found, _, _ = optimized(graph, values, parameters, fuse)
    (assert_close if fuse else assert_same_bits)(found, expected)


def of_the_zoo(name, size, batch=2):
    mx.random.seed(3)
    net = vision.get_model(name, classes=10)
    net.initialize(mx.init.Xavier())
    x = mx.nd.random.normal(shape=(batch, 3, size, size))
    net(x)
    for key, parameter in net.collect_params().items():
        if key.endswith(("gamma", "running_var")):
            parameter.set_data(mx.nd.random.uniform(0.5, 1.5, shape=parameter.shape))
        elif key.endswith(("beta", "running_mean")):
            parameter.set_data(mx.nd.random.normal(0, 0.1, shape=parameter.shape))
    values = {key: parameter.data().as_torch() for key, parameter in net.collect_params().items()}
    return net(mx.sym.var("data")).graph, {**values, "data": x.as_torch()}, set(values)


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet18_v1", 64), ("resnet50_v1", 32), ("resnet18_v2", 64), ("mobilenet0.25", 64), ("mobilenetv2_0.25", 64),
     ("squeezenet1.1", 224), ("densenet121", 224), ("vgg11_bn", 32), ("alexnet", 224), ("inceptionv3", 299)],
)  # fmt: skip
def test_networks_of_the_zoo_keep_their_values(name, size):
    graph, values, parameters = of_the_zoo(name, size, batch=1 if size > 200 else 2)
    expected = run(graph, values)
    found, prologue, main = optimized(graph, values, parameters, False)
    assert_same_bits(found, expected)
    assert not operators(prologue) and "Dropout" not in operators(main)
    found, prologue, main = optimized(graph, values, parameters, True)
    scale = expected[0].abs().max()
    torch.testing.assert_close(found[0] / scale, expected[0] / scale, rtol=1e-4, atol=1e-5)
    assert "Convolution" not in operators(main)
    assert found[0].is_contiguous()


@needs_onednn
def test_residual_networks_become_convolutions_alone():
    graph, values, parameters = of_the_zoo("resnet50_v1", 32)
    _, prologue, main = optimized(graph, values, parameters, True)
    names = operators(main)
    assert names.count("_fused_convolution") == 53
    rest = {"_channels_first", "_channels_last", "_fused_fully_connected", "Pooling"}
    assert set(names) == {"_fused_convolution", *rest}
    nodes = [node for node in main.nodes if node.op is not None and node.op.name == "_fused_convolution"]
    assert sum(node.attrs["add"] for node in nodes) == sum(node.attrs["in_place"] for node in nodes) == 16
    assert sum(node.attrs["activation"] == "relu" for node in nodes) == 49
    assert operators(prologue).count("_pack_convolution_weight") == 53


def test_batch_norm_is_folded_into_every_kind_of_layer():
    # 1-d, 2-d and 3-d, groups, both layouts, transposed, with and without bias, gamma fixed or not
    layers = [
        ("Convolution(x, w; kernel=(3,), num_filter=4, no_bias=True)", (2, 2, 7), ""),
        ("Convolution(x, w, b; kernel=(3, 2), num_filter=4, num_group=2, layout=NCHW)", (2, 4, 5, 5), "fix_gamma=0"),
        ("Convolution(x, w, b; kernel=(2, 2), num_filter=4, layout=NHWC)", (2, 5, 5, 3), "axis=3, fix_gamma=False"),
        ("Convolution(x, w; kernel=(2, 2, 2), num_filter=4, no_bias=True)", (2, 2, 3, 3, 3), "fix_gamma=False"),
        ("Deconvolution(x, w; kernel=(3, 3), num_filter=4)", (2, 3, 4, 4), "fix_gamma=False"),
        ("Deconvolution(x, w, b; kernel=(2, 2), num_filter=4, no_bias=False, layout=NHWC)", (2, 4, 4, 3), "axis=-1"),
        ("FullyConnected(x, w, b; num_hidden=4)", (2, 3, 2), "fix_gamma=False, eps=0.1"),
        ("FullyConnected(x, w; num_hidden=4, no_bias=True, flatten=False)", (2, 3, 2), "axis=-1"),
    ]
    for layer, shape, attributes in layers:
        for norm in ("BatchNorm", "_contrib_BatchNormWithReLU"):
            text = f"a = {layer}\nn = {norm}(a, g, beta, mean, var{'; ' * bool(attributes)}{attributes})\nreturn n"
            graph, values = parsed(text, {"x": shape})
            changed = fold_batch_norm(graph)
            check(changed)
            assert norm not in operators(changed)
            assert_close(run(changed, values), run(graph, values))


@pytest.mark.parametrize(
    "text",
    [
        "a = FullyConnected(x, w; num_hidden=3, no_bias=True)\nn = BatchNorm(a, g, b, mean, var)\nreturn n, a",
        "a = FullyConnected(x, w; num_hidden=3, no_bias=True)\nn, n_1 = BatchNorm(a, g, b, mean, var)\nreturn n, n_1",
        "a = relu(x)\nn = BatchNorm(a, g, b, mean, var)\nreturn n",
        "a = Convolution(x, w; kernel=(1, 1), num_filter=3, no_bias=True)\nn = BatchNorm(a, g, b, mean, var; axis=2)\n"
        "return n",
        "a = Deconvolution(x, w; kernel=(1, 1), num_filter=4, num_group=2)\nn = BatchNorm(a, g, b, mean, var)\n"
        "return n",
        "s = exp(x)\na = FullyConnected(x, s; num_hidden=3, no_bias=True)\nn = BatchNorm(a, g, b, mean, var)\nreturn n",
    ],
)
def test_batch_norm_that_cannot_be_folded_stays(text):
    graph = Graph.parse(text)
    names = {node.name for node in graph.variables} - {"x"}
    assert str(fold_batch_norm(graph, names)) == str(graph)


@pytest.mark.parametrize("tail", ["", "b = relu(n)", "b = tanh(n)", "b = clip(n; a_min=0, a_max=6)"])
@pytest.mark.parametrize(("shape", "axis"), [((2, 3, 4, 5), 1), ((2, 3, 4, 5), 3), ((2, 3), -1), ((4, 3, 5), 0)])
def test_other_batch_norm_becomes_a_factor_and_an_offset(shape, axis, tail):
    text = f"a = exp(x)\nn = BatchNorm(a, g, beta, mean, var; axis={axis}, fix_gamma=False)\n{tail}\n"
    graph, values = parsed(f"{text}return {'b' if tail else 'n'}", {"x": shape})
    expected = run(graph, values)
    changed = fuse_tails(affine_batch_norm(graph))
    check(changed)
    assert operators(changed)[-1] == "_fused_affine" and "BatchNorm" not in operators(changed)
    assert_close(run(changed, values), expected)
    found, prologue, main = optimized(graph, values, {"g", "beta", "mean", "var"}, True)
    assert_close(found, expected)
    assert operators(main) == ["exp", "_fused_affine"]


def test_batch_norm_whose_statistics_are_shown_or_computed_stays():
    for text in (
        "n, n_1 = BatchNorm(x, g, b, mean, var)\nreturn n, n_1",
        "s = exp(x)\nn = BatchNorm(x, s, b, mean, var; fix_gamma=False)\nreturn n",
    ):
        graph = Graph.parse(text)
        assert str(affine_batch_norm(graph, {"g", "b", "mean", "var"})) == str(graph)


ACTIVATIONS = [
    "b = relu(a)", "b = Activation(a; act_type=relu)", "b = sigmoid(a)", "b = Activation(a; act_type=sigmoid)",
    "b = tanh(a)", "b = Activation(a; act_type=tanh)", "b = clip(a; a_min=0, a_max=6)",
    "b = LeakyReLU(a; act_type=leaky, slope=0.1)", "b = LeakyReLU(a; act_type=gelu)",
    "b = hard_sigmoid(a; alpha=0.16666667, beta=0.5)", "s = sigmoid(a)\nb = elemwise_mul(a, s)",
    "s = Activation(a; act_type=sigmoid)\nb = elemwise_mul(s, a)",
    "s = _plus_scalar(a; scalar=3)\nt = clip(s; a_min=0, a_max=6)\nu = _div_scalar(t; scalar=6)\n"
    "b = elemwise_mul(a, u)",
]  # fmt: skip
UNFUSED = [
    "b = hard_sigmoid(a)", "b = Activation(a; act_type=softsign)", "b = LeakyReLU(a; act_type=elu)",
    "b = clip(a; a_min=1, a_max=0)", "s = sigmoid(y)\nb = elemwise_mul(a, s)", "b = elemwise_mul(a, a)",
    "s = relu(a)\nb = elemwise_add(a, s)",
]  # fmt: skip
LAYERS = {
    "convolution": ("Convolution(x, w, v; kernel=(3, 3), num_filter=4, pad=(1, 1))", (2, 3, 6, 6), (2, 4, 6, 6)),
    "affine": ("FullyConnected(x, w, v; num_hidden=2048)", (64, 16), (64, 2048)),
}


@pytest.mark.parametrize("tail", ACTIVATIONS + UNFUSED)
@pytest.mark.parametrize("layer", LAYERS)
def test_activations_are_fused_where_there_is_a_kernel(layer, tail):
    text, shape, result = LAYERS[layer]
    graph, values = parsed(f"a = {text}\n{tail}\nreturn b", {"x": shape, "y": result} if "y" in tail else {"x": shape})
    expected = run(graph, values)
    fused = fuse_tails(graph)
    check(fused)
    wanted = 1 if tail in ACTIVATIONS else 1 + len(tail.splitlines())
    if layer == "convolution" and "elemwise_add" in tail:
        wanted = 3
    assert len(operators(fused)) == wanted
    for changed in (fused, choose_layout(fused)):
        check(changed)
        assert_close(run(changed, values), expected)
    found, _, main = optimized(graph, values, {"w", "v"}, True)
    assert_close(found, expected)


@pytest.mark.parametrize("tail", ["", "b = relu(b)", "b = tanh(b)"])
@pytest.mark.parametrize("sides", ["a, y", "y, a"])
def test_sums_are_fused_and_relu_after_them(sides, tail):
    layer = "Convolution(x, w; kernel=(1, 1), num_filter=3, no_bias=True)"
    graph, values = parsed(f"a = {layer}\nb = elemwise_add({sides})\n{tail}\nreturn b", {"x": (1, 2, 5, 5)})
    fused = fuse_tails(graph)
    check(fused)
    assert operators(fused) == ["_fused_convolution"] + ["tanh"] * ("tanh" in tail)
    assert_close(run(fused, values), run(graph, values))


def test_what_others_use_in_between_is_not_fused_away():
    graph, values = parsed(
        "a = Convolution(x, w; kernel=(1, 1), num_filter=3, no_bias=True)\nb = relu(a)\nc = elemwise_add(b, a)\n"
        "return c",
        {"x": (1, 2, 5, 5)},
    )
    fused = fuse_tails(graph)
    assert operators(fused) == ["_fused_convolution", "relu", "elemwise_add"]
    assert_close(run(fused, values), run(graph, values))


def test_layouts_with_the_channels_last_become_transpositions():
    graph, values = parsed(
        "a = Convolution(x, w; kernel=(3, 3), num_filter=4, num_group=2, layout=NHWC, no_bias=True)\nb = relu(a)\n"
        "p = Pooling(b; kernel=(2, 2), stride=(2, 2), layout=NHWC)\n"
        "c = Convolution(p, v, u; kernel=(1, 1), num_filter=2, layout=NHWC)\nreturn c",
        {"x": (2, 8, 8, 4)},
    )
    found, prologue, main = optimized(graph, values, {"u", "v", "w"}, True)
    assert_close(found, run(graph, values))
    assert found[0].is_contiguous()
    if HAS_ONEDNN:
        assert operators(prologue).count("_pack_convolution_weight") == 2


def test_operators_that_want_the_axes_in_order_get_them_so():
    graph = Graph.parse(
        "a = _fused_convolution(x, w; kernel=(1, 1), num_filter=4, no_bias=True)\nb = Reshape(a; shape=(0, -1))\n"
        "c = Concat(a, y; dim=1)\nd = Concat(a, y; dim=2)\ne = transpose(a; axes=(0, 2, 1, 3))\nreturn b, c, d, e"
    )
    values = values_for(graph, {"x": (2, 3, 4, 5)})
    changed = choose_layout(graph)
    check(changed)
    assert operators(changed).count("_channels_first") == 2  # of a, for all who want it; of c, an output
    found = run(changed, values)
    assert_close(found, run(graph, values))
    assert all(result.is_contiguous() for result in found)


def test_in_place_only_where_nobody_needs_the_values_any_more():
    conv = "kernel=(1, 1), num_filter=3, no_bias=True"
    text = (
        f"a = exp(x)\nb = _fused_convolution(a, v; {conv})\n{{}}\n"
        f"c = _fused_convolution(b, w, {{}}; {conv}, add=True)\nreturn c{{}}"
    )
    cases = [
        ("", "a", "", True),
        ("", "a", ", a", False),  # an output
        ("", "x", "", False),  # a variable
        ("d = exp(a)", "a", ", d", False),  # used by d, which may run later
        ("d = identity(a)", "d", "", False),  # perhaps the same memory as a
        ("d = Reshape(a; shape=(0, 0, 0, 0))", "a", ", d", False),  # a window on a
    ]
    for extra, other, outputs, expected in cases:
        graph, values = parsed(text.format(extra, other, outputs), {"x": (1, 3, 4, 4)})
        changed = work_in_place(graph)
        check(changed)
        assert ("in_place=True" in str(changed)) is expected, (extra, other, outputs)
        kept = {name: value.clone() for name, value in values.items()}
        assert_close(run(changed, values), run(graph, kept))
        assert_same_bits(list(values.values()), list(kept.values()))


def test_equal_nodes_are_merged_but_not_random_ones_or_those_with_a_state():
    text = (
        "a = _random_uniform_like(x)\nb = _random_uniform_like(x)\nc = exp(x)\nd = exp(x)\ne = add_n(a, b, c, d)\n"
        "return e"
    )
    changed = merge_equal(Graph.parse(text))
    assert operators(changed) == ["_random_uniform_like", "_random_uniform_like", "exp", "add_n"]
    different = Graph.parse(
        "a = clip(x; a_min=0, a_max=1)\nb = clip(x; a_min=0, a_max=2)\nc = elemwise_add(a, b)\nreturn c"
    )
    assert str(merge_equal(different)) == str(different)


def test_constants_are_folded_bit_by_bit():
    graph = Graph.parse(
        "a = _arange(; start=0, stop=5)\nb = exp(a)\nc = _div_scalar(b; scalar=3)\nd = broadcast_mul(x, c)\nreturn d, c"
    )
    changed = fold_constants(graph)
    check(changed)
    assert operators(changed) == ["_constant", "broadcast_mul"]
    assert_same_bits(run(changed, {"x": torch.rand(5)})[1:], run(graph, {"x": torch.rand(5)})[1:])
    for kept in (
        "a = _ones(; shape=(100, 100))\nb = exp(a)\nreturn b",  # too large
        "a = _zeros(; shape=(2,))\nb = log(a)\nreturn b",  # -inf can't be written down
        "a = _random_uniform(; shape=(2,))\nb = exp(a)\nreturn b",
        "a = _zeros(; shape=(0, 2))\nb = exp(a)\nc = elemwise_add(b, x)\nreturn c",  # size still open
        "a = _zeros(; shape=(2,))\nb = Reshape(a; shape=(3,))\nreturn b",  # fails
    ):
        graph = Graph.parse(kept)
        assert str(fold_constants(graph)) == str(graph)


def test_the_prologue_has_what_depends_on_parameters_alone():
    graph, values = parsed(
        "p = exp(w)\nq = SliceChannel(p; num_outputs=2, axis=0)\nr, r_1 = SliceChannel(p; num_outputs=2, axis=0)\n"
        "s = elemwise_add(x, r_1)\nt = _random_uniform_like(w)\nreturn s, p, w, r",
        {"w": (2, 3)},
    )
    prologue, main = split_prologue(graph, {"w"})
    check(prologue)
    check(main)
    assert operators(prologue) == ["exp", "SliceChannel"] and operators(main) == ["elemwise_add"]
    given = {**values, **dict(zip(prologue_names(prologue), run(prologue, values), strict=True))}
    assert_same_bits(run(main, given), run(graph, values))


def test_names_of_prologues_are_unique():
    w, x = Value(Node(None, "w"), 0), Value(Node(None, "a"), 0)
    exp, add = mx.ops.registry.get_operator("exp"), mx.ops.registry.get_operator("add_n")
    first = Value(Node(exp, "a", (w,)), 0)
    second = Value(Node(exp, "a", (first,)), 0)
    graph = Graph([Value(Node(add, "out", (x, first, second)), 0)])
    prologue, main = split_prologue(graph, {"w"})
    names = prologue_names(prologue)
    assert len({"w", "a", *names}) == 4
    values = {"w": torch.tensor([1.0]), "a": torch.tensor([2.0])}
    given = {**values, **dict(zip(names, run(prologue, values), strict=True))}
    assert_same_bits(run(main, given), run(graph, values))


def test_dropout_that_always_drops_stays():
    graph = Graph.parse("a = Dropout(x; mode=always)\nb, b_1 = Dropout(a)\nreturn b, b_1")
    assert str(remove_dead(graph)) == str(graph)


@needs_onednn
def test_small_affine_maps_are_not_packed():
    text = "a = _fused_fully_connected(x, w; num_hidden={}, no_bias=True)\nreturn a"
    packed = pack_weights(Graph.parse(text.format(1024)), {"x": (32, 64)}, {"w"})
    assert operators(packed) == ["_pack_linear_weight", "_fused_fully_connected"]
    graph = Graph.parse(text.format(10))
    assert str(pack_weights(graph, {"x": (32, 64)}, {"w"})) == str(graph)
    assert str(pack_weights(graph, {"x": (-1, 64)}, {"w"})) == str(graph)
    assert str(pack_weights(graph, {"x": (32, 64)}, ())) == str(graph)


def test_fused_graphs_can_be_planned():
    graph, values, parameters = of_the_zoo("resnet18_v1", 64)
    shapes = {name: tuple(value.shape) for name, value in values.items()}
    prologue, main = optimize_inference(graph, shapes, dict.fromkeys(values, "float32"), parameters, True)
    found = infer_shapes(prologue, shapes)
    shapes.update(zip(prologue_names(prologue), (found[value] for value in prologue.outputs), strict=True))
    program = Program(main)
    lowered = lower(program, shapes, dict.fromkeys(program.variables, "float32"), training=False)
    if HAS_ONEDNN:
        assert any("_convolution_pointwise_.binary" in instruction.name for instruction in lowered.instructions)


def test_other_dtypes_and_recorded_data_are_computed_by_ordinary_kernels():
    text = (
        "a = _fused_convolution(x, w, b, y; kernel=(3, 3), num_filter=4, pad=(1, 1), add=True, activation=relu)\n"
        "return a"
    )
    graph, values = parsed(text, {"x": (1, 2, 5, 5)})
    expected = run(graph, values)
    doubles = {name: value.double() for name, value in values.items()}
    assert_close([result.float() for result in run(graph, doubles)], expected)
    arrays = {name: mx.nd.array(value.numpy()) for name, value in values.items()}
    for array in arrays.values():
        array.attach_grad()
    with mx.autograd.record():
        out = mx.nd._internal._fused_convolution(
            arrays["x"], arrays["w"], arrays["b"], arrays["y"], kernel=(3, 3), num_filter=4, pad=(1, 1), add=True,
            activation="relu",
        )  # fmt: skip
    out.backward()
    assert_close([out.as_torch()], expected)
    assert arrays["w"].grad.abs().sum().asscalar() > 0
