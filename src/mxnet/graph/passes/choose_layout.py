"""Keep images in memory with the channels last, from the first convolution to where something else is needed.

Measured with oneDNN on a CPU with AVX-512: convolutions take 1.0 to 1.8 times as long with the channels first, in
batches and 1x1 convolutions most of all, and depthwise ones 2 to 6 times.
"""

from __future__ import annotations

from ..graph import Graph, Node, Value
from .uses import apply

#: operators that take images in either order of memory and give them back in the same
_FOLLOW = {
    "BatchNorm", "BatchNorm_v1", "Concat", "Deconvolution", "LeakyReLU", "Pooling", "UpSampling", "broadcast_add",
    "broadcast_div", "broadcast_mul", "broadcast_sub", "_contrib_AdaptiveAvgPooling2D", "_fused_affine",
}  # fmt: skip
_TO_FIRST, _TO_LAST = "(0, 3, 1, 2)", "(0, 2, 3, 1)"


def choose_layout(graph: Graph) -> Graph:
    """Convert images at the borders, so that fused convolutions and what follows them find the channels last in memory.

    Shapes stay: the axes are numbered as before. A convolution in the layout NHWC becomes one in NCHW between
    transpositions, which move nothing.

    >>> print(choose_layout(Graph.parse('''
    ...     a = _fused_convolution(x, w; kernel=(1, 1), num_filter=3, no_bias=True)
    ...     b = exp(a)
    ...     c = elemwise_add(b, y)
    ...     return c''')))
    x_last = _channels_last(x)
    a = _fused_convolution(x_last, w; kernel=(1, 1), num_filter=3, no_bias=True)
    b = exp(a)
    y_last = _channels_last(y)
    c = elemwise_add(b, y_last)
    c_first = _channels_first(c)
    return c_first
    """
    last: set[Value] = set()
    converted: dict[Value, Value] = {}

    def wanted(value: Value, channels_last: bool) -> Value:
        if (value in last) is channels_last:
            return value
        if value not in converted:
            kind = "last" if channels_last else "first"
            converted[value] = apply(f"{value.node.name}_{kind}", f"_channels_{kind}", value)
        return converted[value]

    def choose(node: Node) -> Node | Value:
        if node.op is None:
            return node
        if node.op.name == "_fused_convolution":
            return _convolution(node)
        follows = _follows(node) and any(value in last for value in node.inputs)
        if follows and node.op.elementwise or node.op.name == "Concat":
            chosen = node.with_inputs(tuple(wanted(value, follows) for value in node.inputs))
        elif follows:
            chosen = node
        else:
            chosen = node.with_inputs(tuple(wanted(value, False) for value in node.inputs))
        if follows:
            last.update(Value(chosen, index) for index in range(chosen.num_outputs))
        return chosen

    def _convolution(node: Node) -> Node | Value:
        turned = node.attrs["layout"] == "NHWC"
        inputs = []
        for name, value in zip(node.input_names, node.inputs, strict=True):
            if name != "bias" and turned:
                value = apply(f"{node.name}_{name}", "transpose", wanted(value, False), axes=_TO_FIRST)
            elif name in ("data", "other"):
                value = wanted(value, True)
            inputs.append(value)
        given = {key: value for key, value in node.attributes.items() if key != "layout"}
        chosen = Node(node.op, node.name, tuple(inputs), given)
        if turned:
            return apply(f"{node.name}_out", "transpose", Value(chosen, 0), axes=_TO_LAST)
        last.add(Value(chosen, 0))
        return chosen

    changed = graph.rebuild(choose)
    return Graph(wanted(value, False) for value in changed.outputs)


def _follows(node: Node) -> bool:
    assert node.op is not None
    if node.op.elementwise:
        return True
    if node.op.name not in _FOLLOW:
        return False
    attrs = node.attrs
    if node.op.name == "Concat":
        return bool(attrs["dim"] == 1)
    if "axis" in attrs:
        return bool(attrs["axis"] == 1)
    return attrs.get("layout") in (None, "NCHW")
