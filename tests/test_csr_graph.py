"""Operators on graphs as csr matrices: recorded from MXNet 1.9.1, properties of what is drawn, errors."""

from __future__ import annotations

import json
import os
import sys
import warnings

import numpy as np
import pytest

import mxnet as mx
from mxnet.base import MXNetError

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "oracle"))
import csr_graph_cases as cases  # noqa: E402

with open(os.path.join(HERE, "oracle", "data", "csr_graph.json")) as file:
    RECORDED = json.load(file)
C = mx.nd.contrib


def vertices(*numbers):
    return mx.nd.array(numbers, dtype="int64")


def random_graph(size, degree, seed=0):
    """A graph of `size` vertices, each with edges to `degree` others, numbered in order."""
    random = np.random.RandomState(seed)
    columns = [np.sort(random.choice(size, degree, replace=False)) for _ in range(size)]
    indptr = np.arange(size + 1) * degree
    return mx.nd.sparse.csr_matrix(
        (np.arange(size * degree), np.concatenate(columns), indptr), shape=(size, size), dtype="int64"
    )


@pytest.mark.parametrize("way", [cases.imperatively, cases.symbolically])
@pytest.mark.parametrize("call", cases.CALLS, ids=cases.key)
def test_results_are_those_of_mxnet(call, way):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*cut off at max_num_vertices")
        assert cases.run(call, mx, np, way) == RECORDED[cases.key(call)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("hops", "neighbours", "limit"), [(1, 3, 40), (2, 2, 60), (3, 1, 20), (2, 4, 12)])
def test_samples_are_walks_of_the_graph(weighted, hops, neighbours, limit):
    graph = random_graph(60, 6)
    dense = np.full((60, 60), -1)
    indptr, columns = graph.indptr.asnumpy(), graph.indices.asnumpy()
    for row in range(60):
        part = slice(indptr[row], indptr[row + 1])
        dense[row, columns[part]] = graph.data.asnumpy()[part]
    chances = mx.nd.random.uniform(0.1, 1, shape=60)
    attributes = {"num_hops": hops, "num_neighbor": neighbours, "max_num_vertices": limit}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if weighted:
            found = C.dgl_csr_neighbor_non_uniform_sample(
                graph, chances, vertices(7, 3), num_args=3, **attributes
            )
        else:
            found = C.dgl_csr_neighbor_uniform_sample(graph, vertices(7, 3), **attributes)
    listed, edges, *chosen, layers = found
    size = int(listed[-1].asscalar())
    known = listed[:size].asnumpy()
    steps = dict(zip(known.tolist(), layers.asnumpy().tolist(), strict=False))
    assert (np.diff(known) > 0).all() and {3, 7} <= set(known.tolist())
    assert not listed[size:-1].asnumpy().any() and not layers[size:].asnumpy().any()
    assert steps[3] == steps[7] == 0 and max(steps.values()) <= hops
    assert edges.shape == (limit, 60)
    edges.check_format()
    cut = [str(item.message) for item in caught if "cut off" in str(item.message)]
    indptr, columns, numbers = (getattr(edges, part).asnumpy() for part in ("indptr", "indices", "data"))
    reached = {3, 7}
    for row in range(limit):
        part = slice(indptr[row], indptr[row + 1])
        if row >= size:
            assert indptr[row] == indptr[-1]
            continue
        assert dense[known[row], columns[part]].tolist() == numbers[part].tolist()
        if steps[known[row]] < hops:
            count = indptr[row + 1] - indptr[row]
            assert count == neighbours or (cut and not count)
            for vertex in columns[part].tolist():
                reached.add(vertex)
                assert cut or steps[vertex] <= steps[known[row]] + 1
        else:
            assert indptr[row + 1] == indptr[row]
    assert set(known.tolist()) == reached or (cut and set(known.tolist()) < reached and size == limit)
    if weighted:
        np.testing.assert_array_equal(chosen[0].asnumpy()[:size], chances.asnumpy()[known])
        assert not chosen[0][size:].asnumpy().any()
    if not cut:
        compact, mapping = C.dgl_graph_compact(edges, listed, return_mapping=True, graph_sizes=(size,))
        assert compact.shape == mapping.shape == (size, size)
        assert compact.data.asnumpy().tolist() == list(range(len(numbers)))
        assert mapping.data.asnumpy().tolist() == numbers.tolist()
        assert known[compact.indices.asnumpy()].tolist() == columns.tolist()
        assert compact.indptr.asnumpy().tolist() == indptr[: size + 1].tolist()


def drawn_counts(draw, vertex_count, repeats):
    counts = np.zeros(vertex_count)
    for _ in range(repeats):
        edges = draw()
        counts[edges.indices.asnumpy()] += 1
    return counts


def test_uniform_sampling_takes_every_neighbour_equally_often():
    mx.random.seed(11)
    graph = random_graph(9, 8)

    def draw():
        return C.dgl_csr_neighbor_uniform_sample(graph, vertices(4), num_neighbor=3, max_num_vertices=9)[1]

    counts = drawn_counts(draw, 9, 800)
    present = graph.indices.asnumpy()[4 * 8 : 5 * 8]
    assert set(np.flatnonzero(counts)) == set(present)
    expected, deviation = 800 * 3 / 8, np.sqrt(800 * 3 / 8 * 5 / 8)
    assert (np.abs(counts[present] - expected) < 4 * deviation).all()


def test_weighted_sampling_is_proportional_and_takes_probability_zero_last():
    mx.random.seed(12)
    graph = mx.nd.sparse.csr_matrix((np.arange(4), [1, 2, 3, 4], [0, 4, 4, 4, 4, 4]), shape=(5, 5), dtype="int64")
    chances = mx.nd.array([0, 1, 0, 3, 4])

    def draw(count):
        return C.dgl_csr_neighbor_non_uniform_sample(
            graph, chances, vertices(0), num_neighbor=count, max_num_vertices=9
        )[1]

    counts = drawn_counts(lambda: draw(1), 5, 1000)
    assert counts[2] == 0
    for vertex, chance in ((1, 1 / 8), (3, 3 / 8), (4, 1 / 2)):
        assert abs(counts[vertex] - 1000 * chance) < 4 * np.sqrt(1000 * chance * (1 - chance))
    # Two of three without replacement: the chance that vertex 1 is among them, by hand.
    counts = drawn_counts(lambda: draw(2), 5, 1000)
    chance = 1 / 8 + 3 / 8 * (1 / 5) + 1 / 2 * (1 / 4)
    assert counts[2] == 0 and abs(counts[1] - 1000 * chance) < 4 * np.sqrt(1000 * chance * (1 - chance))
    assert draw(3).indices.asnumpy().tolist() == [1, 3, 4]
    assert draw(4).indices.asnumpy().tolist() == [1, 2, 3, 4]


def test_equal_seeds_give_equal_samples():
    graph = random_graph(40, 7)

    def draw():
        found = C.dgl_csr_neighbor_uniform_sample(graph, vertices(1, 2), num_hops=3, max_num_vertices=40)
        return [found[0].asnumpy().tolist(), found[1].data.asnumpy().tolist()]

    mx.random.seed(5)
    first, second = draw(), draw()
    mx.random.seed(5)
    assert draw() == first and first != second


def test_getnnz_of_columns():
    # MXNet refuses axis=0.
    matrix = mx.nd.array([[1, 0, 2], [0, 0, 3]]).tostype("csr")
    assert C.getnnz(matrix, axis=0).asnumpy().tolist() == [1, 0, 2]
    out = mx.nd.zeros(2, dtype="int64")
    assert C.getnnz(matrix, axis=1, out=out) is out and out.asnumpy().tolist() == [2, 1]


def test_edges_are_found_alike_one_by_one_and_all_at_once():
    graph = random_graph(30, 4, seed=3)
    indptr, columns = graph.indptr.asnumpy(), graph.indices.asnumpy()
    shuffled = np.concatenate([columns[a:b][::-1] for a, b in zip(indptr[:-1], indptr[1:], strict=True)])
    unordered = mx.nd.sparse.csr_matrix((np.arange(120)[::-1], shuffled, indptr), shape=(30, 30), dtype="int64")
    random = np.random.RandomState(4)
    u, v = random.randint(0, 30, 200), random.randint(-3, 33, 200)
    for matrix in (graph, unordered):
        dense = np.full((30, 30), -1)
        for row in range(30):
            part = slice(indptr[row], indptr[row + 1])
            dense[row, matrix.indices.asnumpy()[part]] = matrix.data.asnumpy()[part]
        expected = [dense[a, b] if 0 <= b < 30 else -1 for a, b in zip(u, v, strict=True)]
        together = C.edge_id(matrix, vertices(*u), vertices(*v)).asnumpy().tolist()
        apart = [C.edge_id(matrix, vertices(a), vertices(b)).asscalar() for a, b in zip(u, v, strict=True)]
        assert together == apart == expected and max(expected) > 0


def test_more_than_one_graph_is_made_compact():
    graph = random_graph(12, 3)
    found = C.dgl_csr_neighbor_uniform_sample(graph, vertices(0, 4), vertices(2), num_neighbor=2, max_num_vertices=12)
    sizes = tuple(int(item.asnumpy()[-1]) for item in found[:2])
    compact = C.dgl_graph_compact(*found[2:4], *found[:2], return_mapping=False, graph_sizes=sizes)
    for (part, edges), listed, size in zip(zip(compact, found[2:4], strict=True), found[:2], sizes, strict=True):
        assert part.shape == (size, size)
        old = listed.asnumpy()[:size][part.indices.asnumpy()]
        assert old.tolist() == edges.indices.asnumpy().tolist()


GRAPH = random_graph(6, 3)
BAD = {
    "float edges": (lambda: C.dgl_adjacency(GRAPH.astype("float32")), "dgl_adjacency.*data is float32.*int64"),
    "dense graph": (lambda: C.getnnz(mx.nd.ones((2, 2))), r"getnnz.*data.*\(2, 2\) is dense.*CSRNDArray"),
    "axis": (lambda: C.getnnz(GRAPH, axis=2), "getnnz.*axis is 2.*None, 0 or 1"),
    "u and v": (lambda: C.edge_id(GRAPH, vertices(0, 1), vertices(0)), r"edge_id.*u has shape \(2,\), v \(1,\)"),
    "u out of range": (lambda: C.edge_id(GRAPH, vertices(6), vertices(0)), "edge_id.*u holds.*6.*from 0 to 5"),
    "not ascending": (lambda: C.dgl_subgraph(GRAPH, vertices(2, 1), return_mapping=True), r"data\[0\].*ascending"),
    "repeated": (lambda: C.dgl_subgraph(GRAPH, vertices(1, 1), return_mapping=True), r"data\[0\].*ascending"),
    "vertex out of range": (lambda: C.dgl_subgraph(GRAPH, vertices(9), return_mapping=True), "9.*from 0 to 5"),
    "float vertices": (lambda: C.dgl_subgraph(GRAPH, mx.nd.ones(1), return_mapping=True), r"data\[0\] is float32"),
    "return_mapping": (lambda: C.dgl_subgraph(GRAPH, vertices(1)), "return_mapping"),
    "num_args": (lambda: C.dgl_subgraph(GRAPH, vertices(1), num_args=3, return_mapping=True), "num_args=3, but 2"),
    "many seeds": (lambda: C.dgl_csr_neighbor_uniform_sample(GRAPH, vertices(1, 2, 3), max_num_vertices=2), "3.*is 2"),
    "no seeds": (lambda: C.dgl_csr_neighbor_uniform_sample(GRAPH), "no seed_arrays"),
    "negative": (lambda: C.dgl_csr_neighbor_uniform_sample(GRAPH, vertices(1), num_hops=-1), "num_hops is -1"),
    "probability": (
        lambda: C.dgl_csr_neighbor_non_uniform_sample(GRAPH, mx.nd.ones(5), vertices(1)),
        r"probability.*\(5,\).*\(6,\)",
    ),
    "negative probability": (
        lambda: C.dgl_csr_neighbor_non_uniform_sample(GRAPH, -mx.nd.ones(6), vertices(1)),
        "probability holds negative",
    ),
    "size": (
        lambda: C.dgl_graph_compact(GRAPH, vertices(0, 1, 2), return_mapping=False, graph_sizes=(1,)),
        r"graph_sizes\[0\] is 1.*ends with 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_errors_say_what_was_given_and_what_to_do(name):
    call, message = BAD[name]
    with pytest.raises(MXNetError, match=message):
        call()


def test_a_sample_that_was_cut_off_cannot_be_made_compact():
    graph = random_graph(6, 5)
    with pytest.warns(UserWarning, match="cut off at max_num_vertices=3"):
        listed, edges, _ = C.dgl_csr_neighbor_uniform_sample(graph, vertices(0), num_neighbor=4, max_num_vertices=3)
    with pytest.raises(MXNetError, match=r"edge to vertex \d, which is not in.*larger max_num_vertices"):
        C.dgl_graph_compact(edges, listed, return_mapping=False, graph_sizes=(3,))


def test_symbols_have_the_names_shapes_and_dtypes_of_mxnet():
    # Recorded from MXNet 1.9.1.
    g, v, p = (mx.sym.var(name) for name in "gvp")
    S = mx.sym.contrib
    assert S.dgl_subgraph(g, num_args=2, return_mapping=True, name="x").list_arguments() == ["g", "x_varray0"]
    compact = S.dgl_graph_compact(num_args=4, return_mapping=True, graph_sizes=(2, 3), name="x")
    assert compact.list_arguments() == ["x_graph0", "x_graph1", "x_varray0", "x_varray1"]
    assert compact.infer_shape_partial()[1] == [(2, 2), (3, 3)] * 2
    sample = S.dgl_csr_neighbor_non_uniform_sample(g, p, v, max_num_vertices=7, name="s")
    assert sample.list_outputs() == [f"s_output{i}" for i in range(4)]
    assert sample.attr_dict() == {"s": {"max_num_vertices": "7", "num_args": "3"}}
    shapes = sample.infer_shape(g=(5, 5), v=(2,))
    assert shapes[0] == [(5, 5), (5,), (2,)] and shapes[1] == [(8,), (7, 5), (7,), (7,)]
    assert sample.infer_type()[1] == [np.int64, np.int64, np.float32, np.int64]
    assert S.getnnz(g, axis=1).infer_shape(g=(3, 4))[1] == [(3,)]
    assert S.edge_id(g, v, p).infer_shape(g=(5, 5), v=(2,))[0] == [(5, 5), (2,), (2,)]
    for symbol in (sample, compact):
        assert mx.sym.load_json(symbol.tojson()).tojson() == symbol.tojson()
