"""Leave out what does nothing in inference."""

from __future__ import annotations

from ..graph import Graph, Node, Value
from .uses import count_uses

_NOTHING = {"_copy", "BlockGrad", "make_loss"}


def remove_dead(graph: Graph) -> Graph:
    """Leave out nodes that give their input back outside of training, and outputs that cost something and are not used.

    >>> print(remove_dead(Graph.parse('''
    ...     a = Dropout(x; p=0.5)
    ...     b = BlockGrad(a)
    ...     c = LeakyReLU(b; act_type=rrelu, lower_bound=0.25, upper_bound=0.75)
    ...     d = identity(c)
    ...     return d''')))
    c = LeakyReLU(x; act_type=leaky, slope=0.5)
    return c
    """
    uses = count_uses(graph)
    originals = iter(graph.nodes)

    def choose(node: Node) -> Node | Value:
        original = next(originals)
        if node.op is None:
            return node
        if node.op.name in _NOTHING:
            return node.inputs[0]
        if node.op.name == "Dropout" and node.attrs["mode"] == "training" and not uses[Value(original, 1)]:
            return node.inputs[0]
        if node.op.name == "LeakyReLU" and node.attrs["act_type"] == "rrelu" and not uses[Value(original, 1)]:
            slope = (node.attrs["lower_bound"] + node.attrs["upper_bound"]) / 2
            return Node(node.op, node.name, node.inputs, {"act_type": "leaky", "slope": repr(slope)})
        return node

    return graph.rebuild(choose)
