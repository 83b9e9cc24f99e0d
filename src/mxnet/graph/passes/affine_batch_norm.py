"""Batch normalisation by fixed statistics that no layer before it can do."""

from __future__ import annotations

from collections.abc import Collection

from ...ops.registry import get_operator
from ..graph import Graph, Node, Value
from .fold_batch_norm import NORMS, factors_of, offsets_of
from .uses import count_uses, depend_on


def affine_batch_norm(graph: Graph, parameters: Collection[str] | None = None) -> Graph:
    """BatchNorm becomes one factor and one offset for each channel, for inference; `fold_batch_norm` comes before it.

    Args:
        graph: the graph.
        parameters: names of the variables that stay the same from run to run; None: all variables.

    >>> print(affine_batch_norm(Graph.parse('''
    ...     a = relu(x)
    ...     n = BatchNorm(a, gamma, beta, mean, var)
    ...     return n''')))
    a = relu(x)
    n_var = _plus_scalar(var; scalar=0.0010000000474974513)
    n_rsqrt = rsqrt(n_var)
    n_offset = elemwise_mul(mean, n_rsqrt)
    n_bias = elemwise_sub(beta, n_offset)
    n = _fused_affine(a, n_rsqrt, n_bias; axis=1)
    return n
    """
    uses = count_uses(graph)
    names = {node.name for node in graph.variables} if parameters is None else parameters
    fixed = depend_on(graph, names)
    originals = iter(graph.nodes)

    def choose(node: Node) -> Node:
        original = next(originals)
        if node.op is None or node.op.name not in NORMS or any(uses[Value(original, index)] for index in (1, 2)):
            return node
        if any(value.node not in fixed for value in original.inputs[1:]):
            return node
        scale = factors_of(node)
        inputs = node.inputs[0], scale, offsets_of(node, node.inputs[3], scale)
        attributes = {"axis": str(node.attrs.get("axis", 1))}
        if node.op.name == "_contrib_BatchNormWithReLU":
            attributes["activation"] = "relu"
        return Node(get_operator("_fused_affine"), node.name, inputs, attributes)

    return graph.rebuild(choose)
