"""Graphs as csr matrices: the element in row u and column v is the number of the edge from vertex u to vertex v.

Here csr matrices are tensors of layout torch.sparse_csr. Their shapes, and those of what is drawn, don't depend on
values, but how many elements they store does. Nothing here has a gradient.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from ..base import MXNetError
from .attributes import Shape
from .dtypes import DTYPE_NAMES
from .registry import PartialShape, operator

Partial = list[PartialShape]
Names = list[str | None]


def _check_csr(name: str, argument: str, data: Tensor) -> None:
    if data.layout is not torch.sparse_csr:
        raise MXNetError(
            f"{name}: {argument} of shape {tuple(data.shape)} is dense; expected a CSRNDArray. Convert it with "
            f"{argument}.tostype('csr')."
        )


def _check_graph(name: str, argument: str, graph: Tensor) -> None:
    _check_csr(name, argument, graph)
    if graph.dtype is not torch.int64:
        raise MXNetError(
            f"{name}: {argument} is {DTYPE_NAMES[graph.dtype]}; expected int64 numbers of edges. Use astype('int64')."
        )


def _check_vertices(name: str, argument: str, vertices: Tensor, limit: int) -> None:
    if vertices.layout is not torch.strided or vertices.ndim != 1 or vertices.dtype is not torch.int64:
        kind = DTYPE_NAMES[vertices.dtype] if vertices.layout is torch.strided else "sparse"
        raise MXNetError(f"{name}: {argument} is {kind} of shape {tuple(vertices.shape)}; expected int64 (vertices,).")
    if vertices.numel() and not 0 <= int(vertices.min()) <= int(vertices.max()) < limit:
        raise MXNetError(
            f"{name}: {argument} holds vertices from {int(vertices.min())} to {int(vertices.max())}; expected vertices "
            f"from 0 to {limit - 1}."
        )


def make_csr(indptr: Tensor, indices: Tensor, values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A tensor of layout torch.sparse_csr that shares the memory of these; they aren't checked."""
    with warnings.catch_warnings():  # torch says once that this layout is new
        warnings.filterwarnings("ignore", "Sparse CSR tensor support", UserWarning)
        return torch.sparse_csr_tensor(indptr, indices, values, shape, check_invariants=False)


def _csr(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """A csr matrix of elements sorted by row."""
    indptr = torch.zeros(shape[0] + 1, dtype=torch.int64, device=rows.device)
    torch.cumsum(torch.bincount(rows, minlength=shape[0]), 0, out=indptr[1:])
    return make_csr(indptr, columns, values, shape)


def _rows_of(graph: Tensor, vertices: Tensor) -> tuple[Tensor, Tensor]:
    """For every stored element of the rows of some vertices: the place of the vertex, and the place of the element."""
    indptr = graph.crow_indices()
    counts = indptr.diff()[vertices]
    places = torch.repeat_interleave(torch.arange(vertices.numel(), device=vertices.device), counts)
    first = torch.repeat_interleave(counts.cumsum(0) - counts, counts)
    return places, indptr[vertices][places] + torch.arange(places.numel(), device=places.device) - first


@operator("_contrib_dgl_adjacency", out_dtype="float32", csr_outputs=lambda: (0,), dynamic=True)
def dgl_adjacency(data: Tensor) -> Tensor:
    """The adjacency matrix of a graph.

    data     csr (vertices, vertices), int64 numbers of edges
    returns  csr of this shape, float32: one where there is an edge
    """
    _check_graph("_contrib_dgl_adjacency", "data", data)
    ones = torch.ones_like(data.values(), dtype=torch.float32)
    return make_csr(data.crow_indices(), data.col_indices(), ones, tuple(data.shape))


@dgl_adjacency.infer_shape
def _(inputs: Partial, outputs: Partial) -> tuple[Partial, Partial]:
    return inputs, [inputs[0]]


@dgl_adjacency.infer_dtype
def _(inputs: Names, outputs: Names) -> tuple[Names, Names]:
    return inputs if inputs[0] is not None else ["int64"], ["float32"]


@operator("_contrib_getnnz", csr_outputs=lambda axis: (), dynamic=True)
def getnnz(data: Tensor, *, axis: int | None = None) -> Tensor:
    """How many elements a csr matrix stores, zeros included.

    data     csr (rows, columns)
    axis     None: in all; 1: in each row; 0: in each column
    returns  int64 (1,), (rows,) or (columns,)
    """
    _check_csr("_contrib_getnnz", "data", data)
    _check_nnz_axis(axis)
    if axis == 1:
        return data.crow_indices().diff()
    columns = data.col_indices()
    if axis == 0:
        return torch.bincount(columns, minlength=data.shape[1])
    return torch.tensor([columns.numel()], device=columns.device)


def _check_nnz_axis(axis: int | None) -> None:
    if axis not in (None, 0, 1):
        raise MXNetError(f"_contrib_getnnz: axis is {axis}; expected None, 0 or 1.")


@getnnz.infer_shape
def _(inputs: Partial, outputs: Partial, *, axis: int | None) -> tuple[Partial, Partial]:
    _check_nnz_axis(axis)
    shape = inputs[0]
    if axis is None:
        return inputs, [(1,)]
    return inputs, [(-1,) if shape is None else (shape[1 - axis],)]


@getnnz.infer_dtype
def _(inputs: Names, outputs: Names, **_: Any) -> tuple[Names, Names]:
    return inputs, ["int64"]


@operator("_contrib_edge_id", csr_outputs=lambda: (), dynamic=True)
def edge_id(data: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The number of the edge from each vertex of u to the vertex of v at the same place; -1 where there is none.

    data     csr (vertices, vertices)
    u, v     (edges,) vertices
    returns  (edges,), dtype of data
    """
    name = "_contrib_edge_id"
    _check_csr(name, "data", data)
    if u.ndim != 1 or u.shape != v.shape:
        raise MXNetError(
            f"{name}: u has shape {tuple(u.shape)}, v {tuple(v.shape)}; expected (edges,), one for both."
        )
    u, v = u.long(), v.long()
    _check_vertices(name, "u", u, data.shape[0])
    result = torch.full(u.shape, -1, dtype=data.dtype, device=data.device)
    counts, stored = data.crow_indices().diff(), data.values().numel()
    if stored and int(counts[u].sum()) > stored:  # it pays to look at the whole matrix
        width = data.shape[1]
        keys = torch.repeat_interleave(torch.arange(data.shape[0], device=data.device) * width, counts)
        keys, values, wanted = keys + data.col_indices(), data.values(), u * width + v
        if not bool((keys[1:] >= keys[:-1]).all()):
            keys, order = keys.sort(stable=True)
            values = values[order]
        entries = torch.searchsorted(keys, wanted).clamp_(max=stored - 1)
        hit = (keys[entries] == wanted) & (v >= 0) & (v < width)
        return torch.where(hit, values[entries], result)
    places, entries = _rows_of(data, u)
    hit = data.col_indices()[entries] == v[places]
    result[places[hit]] = data.values()[entries[hit]]
    return result


@edge_id.infer_shape
def _(inputs: Partial, outputs: Partial) -> tuple[Partial, Partial]:
    data, u, v = inputs
    edges = next((shape for shape in (u, v, outputs[0]) if shape is not None), None)
    return [data, u if u is not None else edges, v if v is not None else edges], [edges]


@edge_id.infer_dtype
def _(inputs: Names, outputs: Names) -> tuple[Names, Names]:
    return inputs, [inputs[0]]


# Parts of a graph


def _subgraph_outputs(num_args: int, *, return_mapping: bool, **_: Any) -> int:
    return num_args * (1 + return_mapping)


@operator(
    "_contrib_dgl_subgraph", dynamic=True,
    num_outputs=lambda *, num_args, **attrs: _subgraph_outputs(num_args - 1, **attrs),
    csr_outputs=lambda *, num_args, **attrs: range(_subgraph_outputs(num_args - 1, **attrs)),
)  # fmt: skip
def dgl_subgraph(graph: Tensor, *data: Tensor, num_args: int, return_mapping: bool) -> tuple[Tensor, ...]:
    """The subgraphs that some vertices induce: these vertices, and the edges between them.

    graph           csr (vertices, vertices), int64 numbers of edges
    data            int64 (size,) each: vertices in ascending order
    num_args        how many arrays there are, graph included
    return_mapping  also return the numbers that the edges have in graph
    returns         for each of data a csr matrix (size, size): its vertices and edges are numbered anew, in order;
                    then, with return_mapping, a csr matrix of the same edges with their numbers in graph for each
    """
    name = "_contrib_dgl_subgraph"
    _check_graph(name, "graph", graph)
    parts, mappings = [], []
    for position, vertices in enumerate(data):
        _check_vertices(name, f"data[{position}]", vertices, graph.shape[0])
        if vertices.numel() > 1 and not bool((vertices.diff() > 0).all()):
            raise MXNetError(f"{name}: data[{position}] is not in ascending order; sort the vertices, without repeats.")
        rows, entries = _rows_of(graph, vertices)
        columns, known = _renumber(graph.col_indices()[entries], vertices)
        rows, columns, entries = rows[known], columns[known], entries[known]
        shape = (vertices.numel(), vertices.numel())
        parts.append(_csr(rows, columns, torch.arange(entries.numel(), device=entries.device), shape))
        if return_mapping:
            mappings.append(_csr(rows, columns, graph.values()[entries], shape))
    return (*parts, *mappings)


def _renumber(vertices: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """The place of each vertex among those known, in ascending order; and whether it is there."""
    if not known.numel():
        return vertices, torch.zeros_like(vertices, dtype=torch.bool)
    places = torch.searchsorted(known, vertices).clamp_(max=known.numel() - 1)
    return places, known[places] == vertices


@dgl_subgraph.list_inputs
def _(*, count: int, **_: Any) -> tuple[str, ...]:
    return ("graph", *(f"varray{i}" for i in range(count - 1)))


@dgl_subgraph.infer_shape
def _(inputs: Partial, outputs: Partial, *, return_mapping: bool, **_: Any) -> tuple[Partial, Partial]:
    shapes: Partial = [None if shape is None else (shape[0], shape[0]) for shape in inputs[1:]]
    return inputs, shapes * (1 + return_mapping)


def _all_int64(inputs: Names, outputs: Names, **_: Any) -> tuple[Names, Names]:
    return [name or "int64" for name in inputs], ["int64"] * len(outputs)


dgl_subgraph.infer_dtype(_all_int64)


@operator(
    "_contrib_dgl_graph_compact", dynamic=True,
    num_outputs=lambda *, num_args, **attrs: _subgraph_outputs(num_args // 2, **attrs),
    csr_outputs=lambda *, num_args, **attrs: range(_subgraph_outputs(num_args // 2, **attrs)),
)  # fmt: skip
def dgl_graph_compact(
    *graph_data: Tensor, num_args: int, return_mapping: bool, graph_sizes: Shape
) -> tuple[Tensor, ...]:
    """Subgraphs as the sampling operators give them, without the rows and columns that no vertex has.

    graph_data      the csr matrices that were sampled, then for each the int64 array of its vertices
    num_args        how many arrays there are in all
    return_mapping  also return the numbers that the edges had
    graph_sizes     how many vertices each of them has: the last element of the array of its vertices
    returns         for each a csr matrix (size, size): vertices and edges are numbered anew, in order; then, with
                    return_mapping, a csr matrix of the same edges with the numbers they had for each
    """
    name, count = "_contrib_dgl_graph_compact", len(graph_sizes)
    if len(graph_data) != 2 * count:
        raise MXNetError(
            f"{name}: {len(graph_data)} arrays and {count} graph_sizes are given; expected a graph and an array of "
            "vertices for each size."
        )
    parts, mappings = [], []
    for position, (graph, listed, size) in enumerate(
        zip(graph_data[:count], graph_data[count:], graph_sizes, strict=True)
    ):
        _check_graph(name, f"graph_data[{position}]", graph)
        argument = f"graph_data[{count + position}]"
        if listed.ndim != 1 or not 0 <= size < listed.numel() or int(listed[-1]) != size:
            last = int(listed[-1]) if listed.ndim == 1 and listed.numel() else None
            raise MXNetError(
                f"{name}: graph_sizes[{position}] is {size}, but {argument} of shape {tuple(listed.shape)} ends with "
                f"{last}; expected its last element, which counts its vertices."
            )
        vertices = listed[:size]
        _check_vertices(name, argument, vertices, graph.shape[1])
        rows, entries = _rows_of(graph, torch.arange(min(size, graph.shape[0]), device=graph.device))
        columns, known = _renumber(graph.col_indices()[entries], vertices)
        if not bool(known.all()):
            missing = int(graph.col_indices()[entries][~known][0])
            raise MXNetError(
                f"{name}: graph_data[{position}] has an edge to vertex {missing}, which is not in {argument}. The "
                "sampling was cut off; draw it again with a larger max_num_vertices."
            )
        shape = (size, size)
        parts.append(_csr(rows, columns, torch.arange(entries.numel(), device=entries.device), shape))
        if return_mapping:
            mappings.append(_csr(rows, columns, graph.values()[entries], shape))
    return (*parts, *mappings)


@dgl_graph_compact.list_inputs
def _(*, count: int, **_: Any) -> tuple[str, ...]:
    return tuple(f"{kind}{i}" for kind in ("graph", "varray") for i in range(count // 2))


@dgl_graph_compact.infer_shape
def _(
    inputs: Partial, outputs: Partial, *, return_mapping: bool, graph_sizes: Shape, **_: Any
) -> tuple[Partial, Partial]:
    shapes: Partial = [(size, size) for size in graph_sizes]
    if 2 * len(shapes) != len(inputs):
        raise MXNetError(f"_contrib_dgl_graph_compact: {len(inputs)} inputs, {len(shapes)} graph_sizes; expected half.")
    return inputs, shapes * (1 + return_mapping)


dgl_graph_compact.infer_dtype(_all_int64)


# Neighbours at random


def _draw(
    name: str, graph: Tensor, chances: Tensor | None, seeds: Tensor, num_hops: int, num_neighbor: int, limit: int,
    generator: Generator | None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Walk from some vertices along num_neighbor edges of each, num_hops times, until there are `limit` vertices.

    Returns: the vertices in ascending order and in the form that the operators return, the csr matrix of the edges
        taken, and how many steps it is to each vertex.
    """
    device = graph.device
    known = _in_order_of_appearance(seeds)
    if known.numel() > limit:
        raise MXNetError(f"{name}: {known.numel()} vertices to start from; max_num_vertices is {limit}. Increase it.")
    layers = torch.zeros_like(known)
    front, lost = known, False
    sources, taken = [known[:0]], [known[:0]]
    for hop in range(num_hops):
        room = limit - known.numel()
        if not front.numel() or not room:
            lost |= bool(front.numel())
            break
        places, entries = _rows_of(graph, front)
        noise = torch.empty(entries.numel(), dtype=torch.float64, device=device).exponential_(generator=generator)
        if chances is not None:  # the smallest of exponential variables with these rates: drawn without replacement
            noise = noise / chances[graph.col_indices()[entries]].double().clamp_min(1e-300)
        order = noise.argsort()
        order = order[places[order].argsort(stable=True)]  # by vertex, then by noise
        counts = torch.bincount(places, minlength=front.numel())
        first = torch.repeat_interleave(counts.cumsum(0) - counts, counts)
        chosen = order[torch.arange(order.numel(), device=device) - first < num_neighbor].sort().values
        places, entries = places[chosen], entries[chosen]
        reached = graph.col_indices()[entries]
        fresh, where = _new_vertices(reached, known)
        if fresh.numel() >= room:  # the vertex at which the limit is reached keeps its edges, later ones are left out
            kept = places <= places[where[room - 1]]
            lost |= fresh.numel() > room or not bool(kept.all())
            fresh, places, entries = fresh[:room], places[kept], entries[kept]
        sources.append(front[places])
        taken.append(entries)
        known = torch.cat([known, fresh])
        layers = torch.cat([layers, torch.full_like(fresh, hop + 1)])
        front = fresh
    if lost:
        warnings.warn(
            f"{name}: the sample is cut off at max_num_vertices={limit}; some edges lead to vertices that are not in "
            "it. Start from fewer vertices, take fewer neighbours, or increase max_num_vertices.",
            stacklevel=2,
        )
    vertices, order = known.sort()
    rows = torch.searchsorted(vertices, torch.cat(sources))
    entries = torch.cat(taken)
    order_of_edges = rows.argsort(stable=True)
    rows, entries = rows[order_of_edges], entries[order_of_edges]
    edges = _csr(rows, graph.col_indices()[entries], graph.values()[entries], (limit, graph.shape[1]))
    listed = torch.zeros(limit + 1, dtype=torch.int64, device=device)
    listed[: vertices.numel()] = vertices
    listed[-1] = vertices.numel()
    steps = torch.zeros(limit, dtype=torch.int64, device=device)
    steps[: vertices.numel()] = layers[order]
    return listed, edges, steps


def _in_order_of_appearance(values: Tensor) -> Tensor:
    """The different elements of a vector, in the order in which they first appear."""
    return _new_vertices(values, values[:0])[0]


def _new_vertices(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """The different elements that aren't among those known, and where each appears first, in that order."""
    places = (~torch.isin(values, known)).nonzero().flatten()
    different, numbers = torch.unique(values[places], return_inverse=True)
    first = torch.full(different.shape, values.numel(), dtype=torch.int64, device=values.device)
    first = first.scatter_reduce(0, numbers, places, "amin").sort().values
    return values[first], first


def _check_sampling(name: str, graph: Tensor, seeds: Sequence[Tensor], numbers: dict[str, int]) -> None:
    _check_graph(name, "csr_matrix", graph)
    if graph.shape[0] != graph.shape[1]:
        raise MXNetError(f"{name}: csr_matrix has shape {tuple(graph.shape)}; expected as many rows as columns.")
    if not seeds:
        raise MXNetError(f"{name}: no seed_arrays are given; pass arrays of the vertices to start from.")
    for position, vertices in enumerate(seeds):
        _check_vertices(name, f"seed_arrays[{position}]", vertices, graph.shape[0])
    for key, value in numbers.items():
        if value < 0:
            raise MXNetError(f"{name}: {key} is {value}; expected 0 or more.")


@operator(
    "_contrib_dgl_csr_neighbor_uniform_sample", dynamic=True,
    num_outputs=lambda *, num_args, **_: 3 * (num_args - 1),
    csr_outputs=lambda *, num_args, **_: range(num_args - 1, 2 * (num_args - 1)),
)  # fmt: skip
def dgl_csr_neighbor_uniform_sample(
    csr_matrix: Tensor, *seed_arrays: Tensor, num_args: int, num_hops: int = 1, num_neighbor: int = 2,
    max_num_vertices: int = 100, generator: Generator | None,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Draw a neighbourhood of each set of vertices: some of the edges of each, then of those that they lead to.

    csr_matrix        csr (vertices, vertices), int64 numbers of edges
    seed_arrays       int64 (size,) each: the vertices to start from
    num_args          how many arrays there are, csr_matrix included
    num_hops          how many steps are taken
    num_neighbor      how many edges of a vertex are drawn, each with equal chance; all where it has no more
    max_num_vertices  the sample is cut off, with a warning, when it has so many vertices
    returns           for all sets the vertices, int64 (max_num_vertices + 1,): in ascending order, zeros, their count
                      then for all sets the edges, csr (max_num_vertices, vertices): row i has those of the i-th vertex
                      then for all sets the steps to each of these vertices, int64 (max_num_vertices,), then zeros
    """
    name = "_contrib_dgl_csr_neighbor_uniform_sample"
    numbers = {"num_hops": num_hops, "num_neighbor": num_neighbor, "max_num_vertices": max_num_vertices}
    _check_sampling(name, csr_matrix, seed_arrays, numbers)
    drawn = [
        _draw(name, csr_matrix, None, seeds, num_hops, num_neighbor, max_num_vertices, generator)
        for seeds in seed_arrays
    ]
    return tuple(result for kind in zip(*drawn, strict=True) for result in kind)


@operator(
    "_contrib_dgl_csr_neighbor_non_uniform_sample", dynamic=True,
    num_outputs=lambda *, num_args, **_: 4 * (num_args - 2),
    csr_outputs=lambda *, num_args, **_: range(num_args - 2, 2 * (num_args - 2)),
)  # fmt: skip
def dgl_csr_neighbor_non_uniform_sample(
    csr_matrix: Tensor, probability: Tensor, *seed_arrays: Tensor, num_args: int, num_hops: int = 1,
    num_neighbor: int = 2, max_num_vertices: int = 100, generator: Generator | None,
) -> tuple[Tensor, ...]:  # fmt: skip
    """`dgl_csr_neighbor_uniform_sample` where a neighbour's chance to be drawn is proportional to its probability.

    probability  float32 (vertices,), not negative; neighbours of probability 0 are drawn when no others are left
    num_args     how many arrays there are, csr_matrix and probability included
    returns      for all sets the vertices, for all sets the edges, for all sets the probability of each vertex,
                 float32 (max_num_vertices,), then zeros, and for all sets the steps
    """
    name = "_contrib_dgl_csr_neighbor_non_uniform_sample"
    numbers = {"num_hops": num_hops, "num_neighbor": num_neighbor, "max_num_vertices": max_num_vertices}
    _check_sampling(name, csr_matrix, seed_arrays, numbers)
    if probability.dtype is not torch.float32 or tuple(probability.shape) != (csr_matrix.shape[0],):
        raise MXNetError(
            f"{name}: probability is {DTYPE_NAMES[probability.dtype]} of shape {tuple(probability.shape)}; expected "
            f"float32 ({csr_matrix.shape[0]},), one for each vertex."
        )
    if not bool(((probability >= 0) & probability.isfinite()).all()):
        raise MXNetError(f"{name}: probability holds negative or infinite numbers, or NaN; expected 0 or more.")
    kinds: tuple[list[Tensor], ...] = ([], [], [], [])
    for seeds in seed_arrays:
        found = _draw(name, csr_matrix, probability, seeds, num_hops, num_neighbor, max_num_vertices, generator)
        size = int(found[0][-1])
        own = torch.zeros(max_num_vertices, device=probability.device)
        own[:size] = probability[found[0][:size]]
        for results, result in zip(kinds, (*found[:2], own, found[2]), strict=True):
            results.append(result)
    return tuple(result for results in kinds for result in results)


def _names_of_seeds(*fixed: str) -> Callable[..., tuple[str, ...]]:
    return lambda *, count, **_: (*fixed, *(f"seed_array{i}" for i in range(count - len(fixed))))


dgl_csr_neighbor_uniform_sample.list_inputs(_names_of_seeds("csr_matrix"))
dgl_csr_neighbor_non_uniform_sample.list_inputs(_names_of_seeds("csr_matrix", "probability"))


def _sampled_shapes(graph: PartialShape, sets: int, limit: int, per_vertex: int) -> Partial:
    width = -1 if graph is None else graph[1]
    shapes: Partial = [(limit + 1,)] * sets
    return [*shapes, *[(limit, width)] * sets, *[(limit,)] * (sets * per_vertex)]


@dgl_csr_neighbor_uniform_sample.infer_shape
def _(inputs: Partial, outputs: Partial, *, max_num_vertices: int, **_: Any) -> tuple[Partial, Partial]:
    return inputs, _sampled_shapes(inputs[0], len(inputs) - 1, max_num_vertices, 1)


@dgl_csr_neighbor_non_uniform_sample.infer_shape
def _(inputs: Partial, outputs: Partial, *, max_num_vertices: int, **_: Any) -> tuple[Partial, Partial]:
    graph, chances, *seeds = inputs
    if chances is None and graph is not None:
        chances = graph[:1]
    return [graph, chances, *seeds], _sampled_shapes(graph, len(seeds), max_num_vertices, 2)


dgl_csr_neighbor_uniform_sample.infer_dtype(_all_int64)


@dgl_csr_neighbor_non_uniform_sample.infer_dtype
def _(inputs: Names, outputs: Names, **_: Any) -> tuple[Names, Names]:
    sets = len(outputs) // 4
    kinds: Names = [*["int64"] * (2 * sets), *["float32"] * sets, *["int64"] * sets]
    return ["int64", "float32", *(name or "int64" for name in inputs[2:])], kinds
