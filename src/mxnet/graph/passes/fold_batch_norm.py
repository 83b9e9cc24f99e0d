"""Batch normalisation by fixed statistics is an affine map of channels, which the layer before it can do."""

from __future__ import annotations

from collections.abc import Collection

from ...ops.registry import get_operator
from ..graph import Graph, Node, Value
from .uses import apply, count_uses, depend_on

NORMS = {"BatchNorm", "BatchNorm_v1", "_contrib_BatchNormWithReLU", "_contrib_SyncBatchNorm"}
_LAYERS = {"Convolution", "Convolution_v1", "Deconvolution", "FullyConnected"}


def fold_batch_norm(graph: Graph, parameters: Collection[str] | None = None) -> Graph:
    """Give the factors and offsets of BatchNorm to the layer before it, for inference.

    New weights and biases are nodes, computed from the parameters; `split_prologue` takes them out of every run.

    Args:
        graph: the graph.
        parameters: names of the variables that stay the same from run to run; None: all variables.

    >>> print(fold_batch_norm(Graph.parse('''
    ...     c = FullyConnected(x, w; num_hidden=3, no_bias=True)
    ...     n = BatchNorm(c, gamma, beta, mean, var; fix_gamma=False)
    ...     return n''')))
    n_var = _plus_scalar(var; scalar=0.0010000000474974513)
    n_rsqrt = rsqrt(n_var)
    n_scale = elemwise_mul(n_rsqrt, gamma)
    n_rows = Reshape(n_scale; shape=(-1, 1))
    n_weight = broadcast_mul(w, n_rows)
    n_offset = elemwise_mul(mean, n_scale)
    n_bias = elemwise_sub(beta, n_offset)
    c = FullyConnected(x, n_weight, n_bias; num_hidden=3, no_bias=False)
    return c
    """
    uses = count_uses(graph)
    names = {node.name for node in graph.variables} if parameters is None else parameters
    fixed = depend_on(graph, names)
    originals = iter(graph.nodes)

    def choose(node: Node) -> Node | Value:
        original = next(originals)
        if node.op is None or node.op.name not in NORMS:
            return node
        layer = original.inputs[0]
        if layer.node.op is None or layer.node.op.name not in _LAYERS or uses[layer] != 1:
            return node
        values = (*original.inputs[1:], *layer.node.inputs[1:])
        if any(value.node not in fixed for value in values) or any(uses[Value(original, i)] for i in (1, 2)):
            return node
        axis = node.attrs.get("axis", 1)
        rows = _shape_of_factors(layer.node, axis)
        return node if rows is None else _folded(node, node.inputs[0].node, rows)

    return graph.rebuild(choose)


def _shape_of_factors(layer: Node, axis: int) -> tuple[int, ...] | None:
    """The shape in which a factor for each channel multiplies the weight; None if axis isn't that of the channels."""
    assert layer.op is not None
    attrs = layer.attrs
    if layer.op.name == "FullyConnected":
        return (-1, 1) if axis == -1 or (axis == 1 and attrs["flatten"]) else None
    ndim = len(attrs["kernel"]) + 2
    last = (attrs["layout"] or "NCHW")[-1] == "C"
    if axis % ndim != (ndim - 1 if last else 1):
        return None
    if layer.op.name != "Deconvolution":
        return (-1, *(1,) * (ndim - 1))
    if attrs["num_group"] != 1:
        return None
    return (*(1,) * (ndim - 1), -1) if last else (1, -1, *(1,) * (ndim - 2))


def factors_of(norm: Node) -> Value:
    """By what normalisation multiplies each channel."""
    _, gamma, _, _, var = norm.inputs
    shifted = apply(f"{norm.name}_var", "_plus_scalar", var, scalar=norm.attrs["eps"])
    scale = apply(f"{norm.name}_rsqrt", "rsqrt", shifted)
    return scale if norm.attrs["fix_gamma"] else apply(f"{norm.name}_scale", "elemwise_mul", scale, gamma)


def offsets_of(norm: Node, mean: Value, scale: Value) -> Value:
    """What is added to each channel then, where mean is to become 0 before beta."""
    offset = apply(f"{norm.name}_offset", "elemwise_mul", mean, scale)
    return apply(f"{norm.name}_bias", "elemwise_sub", norm.inputs[2], offset)


def _folded(norm: Node, layer: Node, rows: tuple[int, ...]) -> Value:
    assert layer.op is not None and norm.op is not None
    name = norm.name
    mean = norm.inputs[3]
    scale = factors_of(norm)
    factors = apply(f"{name}_rows", "Reshape", scale, shape=rows)
    weight = apply(f"{name}_weight", "broadcast_mul", layer.inputs[1], factors)
    if len(layer.inputs) > 2:
        mean = apply(f"{name}_centre", "elemwise_sub", mean, layer.inputs[2])
    bias = offsets_of(norm, mean, scale)
    attributes = {**layer.attributes, "no_bias": "False"}
    out = Value(Node(layer.op, layer.name, (layer.inputs[0], weight, bias), attributes), 0)
    if norm.op.name == "_contrib_BatchNormWithReLU":
        out = Value(Node(get_operator("relu"), name, (out,)), 0)
    return out
