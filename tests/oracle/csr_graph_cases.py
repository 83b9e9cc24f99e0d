"""Calls of the operators on graphs as csr matrices, for record_csr_graph.py and tests/test_csr_graph.py.

A graph is a list of (from, to) pairs, sorted; its edges are numbered from 10. Where neighbours are sampled, every
vertex has so few that all are taken, so that the result doesn't depend on random numbers.
"""

GRAPHS = {
    "full": [(u, v) for u in range(5) for v in range(5) if u != v],
    "chain": [(0, 1), (1, 2), (2, 3), (3, 4)],
    "mixed": [(0, 1), (0, 2), (1, 3), (2, 0), (3, 1), (3, 4)],  # none from 4
    "loops": [(0, 0), (1, 1), (1, 3), (3, 1)],
    "empty": [],
}
CHANCES = [0.5, 0.0, 1.0, 0.25, 2.0]

#: name, attributes, graph, dtype of its edge numbers, vertices
CALLS = []
for graph in GRAPHS:
    CALLS += [("dgl_adjacency", {}, graph, "int64", [])]
    CALLS += [("getnnz", {"axis": axis}, graph, dtype, []) for axis in (None, 1) for dtype in ("int64", "float32")]
    CALLS += [("edge_id", {}, graph, dtype, [[0, 0, 3, 4, 2, 1], [1, 0, 4, 2, 2, 3]]) for dtype in ("int64", "float32")]
    CALLS += [
        ("dgl_subgraph", {"return_mapping": mapping}, graph, "int64", vertices)
        for mapping in (False, True)
        for vertices in ([[0, 1, 2]], [[3]], [[1, 3], [0, 2, 3, 4]])
    ]
    CALLS += [
        (name, {"num_hops": hops, "num_neighbor": 5, "max_num_vertices": limit}, graph, "int64", seeds)
        for name in ("dgl_csr_neighbor_uniform_sample", "dgl_csr_neighbor_non_uniform_sample")
        for hops in (0, 1, 2, 3)
        for limit in (5, 9)
        for seeds in ([[0]], [[1, 3]], [[4, 1], [2]])
    ]


def key(call):
    """The name of a call in the file of what was recorded."""
    name, attributes, graph, dtype, vertices = call
    shown = ",".join("%s=%s" % item for item in sorted(attributes.items()))
    return "%s(%s) %s %s %s" % (name, shown, graph, dtype, vertices)


def imperatively(mx, name, inputs, attributes):
    """The result of an operator."""
    return getattr(mx.nd.contrib, name)(*inputs, **attributes)


def symbolically(mx, name, inputs, attributes):
    """The outputs of a symbol of an operator, bound to the inputs."""
    names = ["input%d" % i for i in range(len(inputs))]
    variables = [mx.sym.Variable(n, stype=a.stype) for n, a in zip(names, inputs)]
    symbol = getattr(mx.sym.contrib, name)(*variables, **attributes)
    return symbol.bind(mx.cpu(), dict(zip(names, inputs)), grad_req="null").forward()


def run(call, mx, numpy, call_operator=imperatively):
    """The results of a call: dense ones as lists, csr ones as {data, indices, indptr, shape}, each with its dtype.

    Of what is sampled, only the vertices that there are: MXNet leaves the rest of the memory unset.
    """
    name, attributes, graph, dtype, vertices = call
    edges = GRAPHS[graph]
    counts = [sum(u == row for u, _ in edges) for row in range(5)]
    indptr = numpy.concatenate([[0], numpy.cumsum(counts)]).astype("int64")
    indices = numpy.array([v for _, v in edges], "int64")
    numbers = numpy.arange(10, 10 + len(edges)).astype(dtype)
    matrix = mx.nd.sparse.csr_matrix((numbers, indices, indptr), shape=(5, 5), dtype=dtype)
    inputs = [mx.nd.array(v, dtype="int64") for v in vertices]
    if name == "dgl_csr_neighbor_non_uniform_sample":
        inputs.insert(0, mx.nd.array(CHANCES))
    found = call_operator(mx, name, [matrix] + inputs, attributes)
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    if "sample" in name:
        sizes = [int(item.asnumpy()[-1]) for item in found[: len(vertices)]]
        for position, item in enumerate(found):
            size = sizes[position % len(vertices)]
            if item.stype == "default":
                assert item.shape == (attributes["max_num_vertices"] + (position < len(vertices)),)
                found[position] = item[:size]
        found += [mx.nd.array(sizes, dtype="int64")]
    return [show(item) for item in found]


def show(array):
    """An array as something that JSON can hold."""
    if array.stype == "default":
        return {"dtype": array.dtype.__name__, "values": array.asnumpy().tolist()}
    parts = {part: getattr(array, part).asnumpy().tolist() for part in ("data", "indices", "indptr")}
    return dict(parts, shape=list(array.shape), dtype=array.dtype.__name__)
