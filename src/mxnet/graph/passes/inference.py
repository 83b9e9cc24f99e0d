"""All passes for inference, in their order."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..creation import has_unknown_sizes, resolve_creation
from ..graph import Graph
from ..infer import infer_dtypes, infer_shapes
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


def optimize_inference(
    graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], parameters: Collection[str],
    fuse: bool,
) -> tuple[Graph, Graph]:  # fmt: skip
    """A prologue that is computed when parameters change, and the graph that is left for every run.

    Args:
        graph: the graph.
        shapes, dtypes: of every variable, by name.
        parameters: names of the variables that stay the same from run to run.
        fuse: whether to use passes that change how results are rounded. With parameters in half precision BatchNorm
            stays as it is.
    Returns: the prologue, whose outputs are further variables (`prologue_names`) of the main graph, and the main graph.
    """
    if has_unknown_sizes(graph):
        kinds = infer_dtypes(graph, dtypes)
        graph = resolve_creation(graph, infer_shapes(graph, shapes, kinds))  # type: ignore[arg-type]
    graph = fold_constants(merge_equal(remove_dead(graph)))
    if fuse:
        if not any(dtypes.get(node.name) in _HALF for node in graph.variables):
            graph = fold_batch_norm(graph, parameters)
        graph = choose_layout(fuse_tails(graph))
        graph = merge_equal(pack_weights(graph, shapes, parameters))
    prologue, main = split_prologue(graph, parameters)
    return prologue, work_in_place(main) if fuse else main
