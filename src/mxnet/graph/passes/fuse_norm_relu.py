"""Normalise and take relu in one operation."""

from __future__ import annotations

from ...ops.registry import get_operator
from ..graph import Graph, Node, Value
from .pool_before_relu import is_relu
from .uses import count_uses


def fuse_norm_relu(graph: Graph) -> Graph:
    """Give relu to the BatchNorm before it, where nothing else uses what that gives.

    >>> print(fuse_norm_relu(Graph.parse('''
    ...     n = BatchNorm(x, gamma, beta, mean, var; fix_gamma=False)
    ...     a = Activation(n; act_type=relu)
    ...     return a''')))
    a = _contrib_BatchNormWithReLU(x, gamma, beta, mean, var; fix_gamma=False)
    return a
    """
    uses = count_uses(graph)
    originals = iter(graph.nodes)
    fused = get_operator("_contrib_BatchNormWithReLU")

    def choose(node: Node) -> Node:
        original = next(originals)
        if not is_relu(node):
            return node
        norm, before = node.inputs[0].node, original.inputs[0]
        if norm.op is None or norm.op.name != "BatchNorm" or before.index or uses[before] != 1:
            return node
        if any(uses[Value(before.node, index)] for index in (1, 2)):
            return node
        return Node(fused, node.name, norm.inputs, {**norm.attributes, **_user_attributes(node)}, (), node.serial)

    return graph.rebuild(choose)


def _user_attributes(node: Node) -> dict[str, str]:
    assert node.op is not None
    return {key: value for key, value in node.attributes.items() if key not in node.op.attributes}
