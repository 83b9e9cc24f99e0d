"""Take maxima before relu."""

from __future__ import annotations

from ..graph import Graph, Node, Value
from .uses import count_uses


def pool_before_relu(graph: Graph) -> Graph:
    """Swap relu with the max pooling that alone uses it: fewer elements, and what relu gave need not be kept.

    Both orders give the same bits, and so do their gradients: relu keeps the order of what is positive, and where no
    element of a window is, the gradient is zero.

    >>> print(pool_before_relu(Graph.parse('''
    ...     a = Activation(x; act_type=relu)
    ...     p = Pooling(a; kernel=(2, 2), stride=(2, 2))
    ...     return p''')))
    p_max = Pooling(x; kernel=(2, 2), stride=(2, 2))
    p = Activation(p_max; act_type=relu)
    return p
    """
    uses = count_uses(graph)
    originals = iter(graph.nodes)

    def choose(node: Node) -> Node:
        original = next(originals)
        if not _takes_maxima(node):
            return node
        relu, before = node.inputs[0].node, original.inputs[0]
        if not is_relu(relu) or uses[before] != 1:
            return node
        pooled = node.replaced(name=f"{node.name}_max", inputs=relu.inputs)
        return relu.replaced(name=node.name, inputs=(Value(pooled, 0),))

    return graph.rebuild(choose)


def is_relu(node: Node) -> bool:
    """Whether the operator is relu, by either of its names."""
    if node.op is None:
        return False
    return node.op.name == "relu" or (node.op.name == "Activation" and node.attrs["act_type"] == "relu")


def _takes_maxima(node: Node) -> bool:
    """Whether the operator gives the maxima of windows, each of which holds an element of the data."""
    if node.op is None or node.op.name != "Pooling" or node.attrs["pool_type"] != "max":
        return False
    attrs = node.attrs
    if attrs["global_pool"]:
        return True
    kernel = attrs["kernel"]
    pad = attrs["pad"] or (0,) * len(kernel)
    stride = attrs["stride"] or (1,) * len(kernel)
    if attrs["pooling_convention"] == "valid":
        return all(p < k for p, k in zip(pad, kernel, strict=False))
    return attrs["pooling_convention"] == "full" and all(
        s + p <= k for s, p, k in zip(stride, pad, kernel, strict=False)
    )
