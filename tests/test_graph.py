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
