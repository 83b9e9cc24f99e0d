"""Fuse convolutions and affine maps with the sum and the activation that follow them."""

from __future__ import annotations

from ...ops.registry import get_operator
from ..graph import Graph, Node, Value
from .uses import count_uses

_SIMPLE = {"relu", "sigmoid", "tanh"}
_GEOMETRY = ("kernel", "stride", "dilate", "pad", "num_filter", "num_group", "no_bias", "layout")


def fuse_tails(graph: Graph) -> Graph:
    """Convolutions over two axes and FullyConnected become fused operators that do what comes after them, too.

    That is an activation (of `_fused_affine`, too); for convolutions also the sum with another array, and relu of it.
    Only where nothing else uses the result in between.

    >>> print(fuse_tails(Graph.parse('''
    ...     a = Convolution(x, v; kernel=(3, 3), pad=(1, 1), num_filter=8, no_bias=True)
    ...     b = Activation(a; act_type=relu)
    ...     c = Convolution(b, w; kernel=(1, 1), num_filter=3, no_bias=True)
    ...     d = elemwise_add(c, x)
    ...     e = relu(d)
    ...     return e''')))
    b = _fused_convolution(x, v; kernel=(3, 3), pad=(1, 1), num_filter=8, no_bias=True, activation=relu)
    e = _fused_convolution(b, w, x; kernel=(1, 1), num_filter=3, no_bias=True, add=True, activation=relu)
    return e
    """
    uses = count_uses(graph)
    originals = iter(graph.nodes)
    order = {node: position for position, node in enumerate(graph.nodes)}

    def choose(node: Node) -> Node:
        original = next(originals)
        if node.op is None:
            return node
        if node.op.name in ("Convolution", "Convolution_v1", "FullyConnected"):
            return _started(node)
        if node.op.name == "elemwise_add":
            free = [
                position for position in (0, 1)
                if _is_open(node.inputs[position].node) and uses[original.inputs[position]] == 1
            ]  # fmt: skip
            if not free:
                return node
            position = max(free, key=lambda index: order[original.inputs[index].node])  # the last to be computed
            layer = node.inputs[position].node
            attributes = {**layer.attributes, "add": "True"}
            return Node(layer.op, node.name, (*layer.inputs, node.inputs[1 - position]), attributes)
        if node.op.name == "elemwise_mul":
            return _gated(node, original, uses) or node
        found = _activation(node)
        if found is None or uses[original.inputs[0]] != 1:
            return node
        return _with_activation(node, node.inputs[0].node, found) or node

    return graph.rebuild(choose)


def _started(node: Node) -> Node:
    """A layer as a fused operator, still without anything that follows."""
    assert node.op is not None
    attrs = node.attrs
    if node.op.name == "FullyConnected":
        given = {key: value for key, value in node.attributes.items() if key in node.op.attributes}
        return Node(get_operator("_fused_fully_connected"), node.name, node.inputs, given)
    if len(attrs["kernel"]) != 2 or attrs["layout"] not in (None, "NCHW", "NHWC"):
        return node
    given = {key: node.attributes[key] for key in _GEOMETRY if node.attributes.get(key) not in (None, "None")}
    return Node(get_operator("_fused_convolution"), node.name, node.inputs, given)


def _is_open(node: Node) -> bool:
    """Whether a node is a fused convolution to which a sum can be added."""
    if node.op is None or node.op.name != "_fused_convolution":
        return False
    return node.attrs["activation"] == "none" and not node.attrs["add"]


def _with_activation(node: Node, layer: Node, activation: dict[str, str]) -> Node | None:
    if layer.op is None or layer.op.name not in ("_fused_affine", "_fused_convolution", "_fused_fully_connected"):
        return None
    if layer.attrs["activation"] != "none":
        return None
    if layer.attrs.get("add") and activation["activation"] != "relu":
        return None
    return Node(layer.op, node.name, layer.inputs, {**layer.attributes, **activation})


def _activation(node: Node) -> dict[str, str] | None:
    """The attributes of a fused operator that does what this node does to its input; None if there are none."""
    assert node.op is not None
    name, attrs = node.op.name, node.attrs
    kind = attrs["act_type"] if name == "Activation" else name
    if kind in _SIMPLE:
        return {"activation": kind}
    if name == "clip" and attrs["a_min"] <= attrs["a_max"]:
        return {"activation": "clip", "alpha": str(attrs["a_min"]), "beta": str(attrs["a_max"])}
    if name == "LeakyReLU" and attrs["act_type"] == "leaky":
        return {"activation": "leaky", "alpha": str(attrs["slope"])}
    if name == "LeakyReLU" and attrs["act_type"] == "gelu":
        return {"activation": "gelu"}
    if name == "hard_sigmoid" and abs(attrs["alpha"] * 6 - 1) < 1e-6 and attrs["beta"] == 0.5:
        return {"activation": "hard_sigmoid"}
    return None


def _gated(node: Node, original: Node, uses: dict[Value, int]) -> Node | None:
    """``x * sigmoid(x)`` and ``x * clip(x + 3, 0, 6) / 6`` of a layer's result x."""
    for position in (0, 1):
        x, gate = node.inputs[position], node.inputs[1 - position]
        if uses[original.inputs[position]] == 2 and uses[original.inputs[1 - position]] == 1:
            kind = _gate(gate, x)
            if kind is not None:
                return _with_activation(node, x.node, {"activation": kind})
    return None


def _gate(gate: Value, x: Value) -> str | None:
    def step(value: Value, op: str, **expected: float) -> Value | None:
        node = value.node
        if node.op is None or node.op.name != op or any(node.attrs[key] != want for key, want in expected.items()):
            return None
        return node.inputs[0]

    if step(gate, "sigmoid") == x or (step(gate, "Activation") == x and gate.node.attrs["act_type"] == "sigmoid"):
        return "swish"
    clipped = step(gate, "_div_scalar", scalar=6)
    shifted = clipped and step(clipped, "clip", a_min=0, a_max=6)
    return "hard_swish" if shifted and step(shifted, "_plus_scalar", scalar=3) == x else None
