"""Graphs: their text, order, rebuilding, checks; programs: what they keep and copy."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import networks

import mxnet as mx
import mxnet.graph
from mxnet.base import MXNetError
from mxnet.graph.graph import Graph, Node, Value, check
from mxnet.graph.infer import infer_dtypes, infer_shapes
from mxnet.graph.program import Program
from mxnet.ops.registry import get_operator

mx.sym.var("loads_the_operators")
MODULES = [m.name for m in pkgutil.walk_packages(mxnet.graph.__path__, "mxnet.graph.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_network_is_a_correct_graph_and_its_text_reads_back(name):
    graph = networks.build(mx, name).graph
    check(graph)
    again = Graph.parse(str(graph))
    check(again)
    assert str(again) == str(graph)
    assert len(again.nodes) == len(graph.nodes)
    for one, other in zip(again.nodes, graph.nodes, strict=True):
        assert one.op is other.op and one.name == other.name
        assert one.op is None or one.attrs == other.attrs


NAMES = st.text(min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_text_of_any_graph_reads_back(data):
    values = [Value(Node(None, name), 0) for name in data.draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))]
    names = {value.node.name for value in values}
    for _ in range(data.draw(st.integers(0, 6))):
        name = data.draw(NAMES.filter(lambda text: text not in names))
        names.add(name)
        op, count, attributes, outputs = data.draw(
            st.sampled_from(
                [
                    ("relu", 1, {}, 1),
                    ("elemwise_add", 2, {}, 1),
                    ("clip", 1, {"a_min": "-1.5", "a_max": "1e+20"}, 1),
                    ("add_n", 3, {}, 1),
                    ("transpose", 1, {"axes": "(1, 0)"}, 1),
                    ("SliceChannel", 1, {"num_outputs": "2"}, 2),
                    ("_zeros", 0, {"shape": "(2,)", "ctx": 'a, (b"=;'}, 1),
                ]
            )
        )
        inputs = tuple(data.draw(st.sampled_from(values)) for _ in range(count))
        node = Node(get_operator(op), name, inputs, attributes)
        values += [Value(node, index) for index in range(outputs)]
    graph = Graph(data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=3)))
    again = Graph.parse(str(graph))
    check(again)
    numbers = [{node: i for i, node in enumerate(g.nodes)} for g in (graph, again)]
    for one, other in zip(graph.nodes, again.nodes, strict=True):
        assert (one.op, one.name, one.attributes) == (other.op, other.name, other.attributes)
        assert [(numbers[0][v.node], v.index) for v in one.inputs] == [
            (numbers[1][v.node], v.index) for v in other.inputs
        ]
    assert [(numbers[0][v.node], v.index) for v in graph.outputs] == [
        (numbers[1][v.node], v.index) for v in again.outputs
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a = relu(x",
        "a relu(x)\nreturn a",
        "a = relu(x)",
        "a = nothing(x)\nreturn a",
        "a = relu(x y)\nreturn a",
        "return (",
        "",
    ],
)
def test_text_that_cannot_be_read_is_refused(text):
    with pytest.raises(MXNetError):
        Graph.parse(text)


def test_nodes_come_depth_first_in_the_order_of_inputs():
    graph = Graph.parse("a = relu(x)\nb = elemwise_add(y, a)\nc = elemwise_mul(a, b)\nreturn c")
    assert [node.name for node in graph.nodes] == ["x", "a", "y", "b", "c"]


def test_rebuild_replaces_nodes_and_leaves_the_graph():
    graph = Graph.parse("a = exp(x)\nb = log(a)\nreturn b, a")
    before = str(graph)
    changed = graph.rebuild(lambda node: node.inputs[0] if node.op and node.op.name == "log" else node)
    assert str(changed) == "a = exp(x)\nreturn a, a" and str(graph) == before
    same = graph.rebuild(lambda node: node)
    assert all(one is other for one, other in zip(same.nodes, graph.nodes, strict=True))


@pytest.mark.parametrize(
    "build",
    [
        lambda x, y: Node(get_operator("elemwise_add"), "n", (x,)),
        lambda x, y: Node(get_operator("relu"), "n", (Value(x.node, 1),)),
        lambda x, y: Node(get_operator("relu"), "n", (x, y)),
    ],
)
def test_check_finds_wrong_graphs(build):
    node = build(Value(Node(None, "x"), 0), Value(Node(None, "y"), 0))
    with pytest.raises(AssertionError):
        check(Graph([Value(node, 0)]))


def test_an_unknown_attribute_names_node_and_operator():
    with pytest.raises(MXNetError, match="relu 'n'.*foo"):
        _ = Node(get_operator("relu"), "n", (Value(Node(None, "x"), 0),), {"foo": "1"}).attrs


def run(text, *inputs, **kwargs):
    program = Program(Graph.parse(text))
    return program, program.run(inputs, training=False, device=torch.device("cpu"), **kwargs)


def test_programs_drop_results_after_their_last_use():
    program = Program(Graph.parse("a = exp(x)\nb = exp(a)\nc = exp(b)\nd = elemwise_add(c, b)\nreturn d"))
    dead = [set(step.dead) for step in program.steps]
    assert dead == [
        set(),
        {program.steps[0].outputs[0]},
        set(),
        {program.steps[1].outputs[0], program.steps[2].outputs[0]},
    ]


def test_outputs_of_programs_share_no_memory():
    x = torch.arange(6.0).reshape(2, 3)
    _, outputs = run("a = exp(x)\nb = transpose(a)\nc = Reshape(x; shape=(-1,))\nreturn a, b, a, x, c", x)
    places = {out.untyped_storage().data_ptr() for out in (*outputs, x)}
    assert len(places) == 6 and all(out.is_contiguous() for out in outputs)


def test_failures_name_the_node():
    with pytest.raises(MXNetError, match="Error in operator b: .*dot"):
        run("a = exp(x)\nb = dot(a, a)\nreturn b", torch.ones(2, 3))


def test_unused_outputs_and_absent_inputs():
    _, (out,) = run(
        "a, b = SliceChannel(x; num_outputs=2)\nc = LeakyReLU(b; act_type=leaky, slope=0.5)\nreturn c",
        torch.tensor([[1.0, -2.0]]),
    )
    assert out.tolist() == [[-1.0]]


@pytest.fixture
def run_inside():
    """An operator that runs its one subgraph on its inputs, as long as the test lasts."""
    from mxnet.ops import registry

    @registry.operator("run_inside", num_outputs=lambda outputs: outputs)
    def run_inside(*data: torch.Tensor, outputs: int = 1, subgraphs: tuple) -> tuple:
        (subgraph,) = subgraphs
        return tuple(subgraph(data))

    yield run_inside
    del registry._OPERATORS["run_inside"]


NESTED = """\
a = exp(x)
b, b_1 = run_inside(a, mean, w; outputs=2)
    subgraph:
        d = run_inside(u, v)
            subgraph:
                e = elemwise_add(p, q)
                return e
        f = Dropout(d; p=0.5)
        g = FullyConnected(f, w; num_hidden=3, no_bias=True)
        return g, d
c = relu(b)
return c, b_1"""


def test_nodes_keep_their_subgraphs(run_inside):
    graph = Graph.parse(NESTED)
    check(graph)
    assert str(graph) == NESTED
    changed = graph.rebuild(lambda node: node.inputs[0] if node.op and node.op.name in ("exp", "relu") else node)
    assert str(changed) == NESTED.replace("a = exp(x)\n", "").replace("(a,", "(x,").replace(
        "c = relu(b)\nreturn c", "return b"
    )
    (node,) = [node for node in graph.nodes if node.subgraphs]
    assert node.is_random and not graph.nodes[1].is_random
    assert node.replaced(name="other").subgraphs is node.subgraphs
    with pytest.raises(AssertionError):
        check(Graph([Value(Node(run_inside, "n", (Value(Node(None, "x"), 0),)), 0)]))


def test_subgraphs_run_in_the_mode_of_the_program(run_inside):
    program = Program(Graph.parse(NESTED))
    assert program.is_random
    x, mean, w = torch.zeros(2, 4), torch.ones(2, 4), torch.ones(3, 4)
    device = torch.device("cpu")
    outputs = program.run([x, mean, w], training=False, device=device)
    assert outputs[0].tolist() == [[8.0] * 3] * 2 and outputs[1].tolist() == [[2.0] * 4] * 2
    assert set(program.run([x, mean, w], training=True, device=device)[0].flatten().tolist()) <= {0.0, 4, 8, 12, 16}
    leaf = mean.clone().requires_grad_()
    outputs = program.run([x, leaf, w], training=False, device=device, differentiate=True)
    outputs[0].sum().backward()
    assert leaf.grad.tolist() == [[3.0] * 4] * 2
    with pytest.raises(MXNetError, match="Error in operator b: .*Error in operator d: .*Error in operator e"):
        program.run([x, mean[:, :3], w], training=False, device=device)


def test_shapes_and_dtypes_follow_through_subgraphs(run_inside):
    graph = Graph.parse(NESTED)
    dtypes = infer_dtypes(graph, {"mean": "float64"})
    assert set(dtypes.values()) == {"float64"}
    shapes = infer_shapes(graph, {"mean": (2, 4)}, dtypes)
    assert {value.node.name: shape for value, shape in shapes.items() if value.index == 0} == {
        "x": (2, 4), "a": (2, 4), "mean": (2, 4), "w": (3, 4), "b": (2, 3), "c": (2, 3),
    }  # fmt: skip
    with pytest.raises(MXNetError, match="Error in operator b: .*Error in operator d: .*Error in operator e"):
        infer_shapes(graph, {"mean": (2, 4), "x": (2, 3)}, dtypes)
    with pytest.raises(MXNetError, match="Error in operator b: .*Error in operator d: .*Error in operator e"):
        infer_dtypes(graph, {"mean": "float64", "x": "float32"})


def test_states_inside_of_subgraphs_are_auxiliary(run_inside):
    graph = Graph.parse("""
        a = run_inside(x, gamma, beta, mean, var)
            subgraph:
                n = BatchNorm(data, g, b, m, v; fix_gamma=False, momentum=0.0)
                return n
        return a""")
    assert [node.name for node in graph.variables if node in graph.auxiliary()] == ["mean", "var"]
    program = Program(graph)
    assert program.mutated == (3, 4)
    x, mean = torch.tensor([[1.0], [3.0]]), torch.zeros(1)
    inputs = [x, torch.ones(1, requires_grad=True), torch.ones(1), mean, torch.ones(1)]
    program.run(inputs, training=True, device=torch.device("cpu"), differentiate=True)
    assert mean.tolist() == [2.0]
