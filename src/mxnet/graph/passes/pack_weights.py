"""Reorder weights once into the layout that oneDNN's kernels want."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ...ops.fused import HAS_ONEDNN
from ...ops.registry import PartialShape
from ..graph import Graph, Node, Value
from ..infer import infer_shapes, is_known
from .uses import apply, depend_on

#: multiply-adds of an affine map from which packing its weight was measured to pay
LEAST_WORK = 2**20


def pack_weights(graph: Graph, shapes: Mapping[str, PartialShape], parameters: Collection[str]) -> Graph:
    """Pack the weights of fused operators that depend on parameters alone.

    Args:
        graph: the graph.
        shapes: of the variables, by name; where the shape of data doesn't follow, a weight stays as it is.
        parameters: names of the variables that stay the same from run to run.

    >>> print(pack_weights(Graph.parse('''
    ...     a = _fused_fully_connected(x, w; num_hidden=1024, no_bias=True)
    ...     return a'''), {"x": (32, 64)}, {"w"}))
    w_packed = _pack_linear_weight(w; batch=32)
    a = _fused_fully_connected(x, w_packed; num_hidden=1024, no_bias=True)
    return a
    """
    if not HAS_ONEDNN:
        return graph
    fixed = depend_on(graph, parameters)
    known = infer_shapes(graph, shapes)
    originals = iter(graph.nodes)

    def choose(node: Node) -> Node:
        original = next(originals)
        if node.op is None or node.op.name not in ("_fused_convolution", "_fused_fully_connected"):
            return node
        data, weight = original.inputs[:2]
        shape = known[data]
        if weight.node not in fixed or shape is None or not is_known(shape):
            return node
        packed = (_convolution if node.op.name == "_fused_convolution" else _affine)(node, node.inputs[1], shape)
        return node if packed is None else node.with_inputs((node.inputs[0], packed, *node.inputs[2:]))

    return graph.rebuild(choose)


def _convolution(node: Node, weight: Value, shape: tuple[int, ...]) -> Value | None:
    attrs = node.attrs
    if attrs["layout"] != "NCHW" or len(shape) != 4:
        return None
    # Batches of all sizes were measured to take the same blocks (images of other sizes may not), so that batches can
    # share packed weights when they are packed for one image.
    return apply(
        f"{weight.node.name}_packed", "_pack_convolution_weight", weight, stride=attrs["stride"] or (1, 1),
        dilate=attrs["dilate"] or (1, 1), pad=attrs["pad"] or (0, 0), num_group=attrs["num_group"],
        data_shape=(1, *shape[1:]),
    )  # fmt: skip


def _affine(node: Node, weight: Value, shape: tuple[int, ...]) -> Value | None:
    elements = 1
    for extent in shape:
        elements *= extent
    units = shape[-1]
    if node.attrs["flatten"]:
        units = elements // max(shape[0] if len(shape) > 1 else 1, 1)
    batch = elements // max(units, 1)
    if batch < 2 or elements * node.attrs["num_hidden"] < LEAST_WORK:
        return None
    return apply(f"{weight.node.name}_packed", "_pack_linear_weight", weight, batch=batch)
