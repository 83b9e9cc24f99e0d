"""All passes for inference, in their order."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..creation import has_unknown_sizes, resolve_creation
from ..graph import Graph
from ..infer import infer_dtypes, infer_shapes
from .affine_batch_norm import affine_batch_norm
from .choose_layout import choose_layout
from .fold_batch_norm import fold_batch_norm
from .fold_constants import fold_constants
from .fuse_tails import fuse_tails
from .merge_equal import merge_equal
from .pack_weights import pack_weights
from .remove_dead import remove_dead
from .split_prologue import split_prologue
from .work_in_place import work_in_place

_HALF = {"float16", "bfloat16"}


def is_in_half_precision(graph: Graph, dtypes: Mapping[str, str]) -> bool:
    """Whether a variable is in half precision: BatchNorm stays as it is then."""
    return any(dtypes.get(node.name) in _HALF for node in graph.variables)


def simplify(graph: Graph) -> Graph:
    """The exact passes that need to know nothing but the graph."""
    return fold_constants(merge_equal(remove_dead(graph)))


def fuse_layers(graph: Graph, dtypes: Mapping[str, str], parameters: Collection[str] | None) -> Graph:
    """The fusing passes that need no shapes.

    Args:
        graph: the graph.
        dtypes: of the variables, as far as known, by name. With variables in half precision BatchNorm stays as it is.
        parameters: names of the variables that stay the same from run to run; None: all of them.
    """
    if not is_in_half_precision(graph, dtypes):
        graph = affine_batch_norm(fold_batch_norm(graph, parameters), parameters)
    return choose_layout(fuse_tails(graph))


def fill_in_sizes(graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str]) -> Graph:
    """The graph with sizes that operators which create arrays leave open, for variables of these shapes and dtypes."""
    if not has_unknown_sizes(graph):
        return graph
    kinds = infer_dtypes(graph, dtypes)
    return resolve_creation(graph, infer_shapes(graph, shapes, kinds))  # type: ignore[arg-type]


def optimize_inference(
    graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], parameters: Collection[str],
    fuse: bool = False,
) -> tuple[Graph, Graph]:  # fmt: skip
    """A prologue that is computed when parameters change, and the graph that is left for every run.

    Args:
        graph: the graph.
        shapes, dtypes: of every variable, by name.
        parameters: names of the variables that stay the same from run to run.
        fuse: whether to use passes that change how results are rounded.
    Returns: the prologue, whose outputs are further variables (`prologue_names`) of the main graph, and the main graph.
    """
    graph = fill_in_sizes(graph, shapes, dtypes)
    if not fuse:  # constants are computed by the prologue: where the graph runs, not here
        return split_prologue(merge_equal(remove_dead(graph)), parameters)
    graph = simplify(graph)
    graph = pack_weights(fuse_layers(graph, dtypes, parameters), shapes, parameters)
    prologue, main = split_prologue(merge_equal(graph), parameters)
    return prologue, work_in_place(main)
