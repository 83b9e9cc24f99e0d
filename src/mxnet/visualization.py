"""A network as a table (`print_summary`) and as a picture (`plot_network`)."""

from __future__ import annotations

import ast
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .graph.parameters import PARAMETER_INPUTS

if TYPE_CHECKING:
    from .symbol import Symbol

__all__ = ["plot_network", "print_summary"]

Node = dict[str, Any]

_PARAMETER_SUFFIXES = tuple(f"_{name}" for name in ("weight", "bias", "gamma", "beta"))
_STATISTICS_SUFFIXES = ("_moving_mean", "_moving_var", "_running_mean", "_running_var")

_VARIABLE_COLOR, _OTHER_COLOR = "#8dd3c7", "#fccde5"
_COLORS = {
    "Convolution": "#fb8072", "FullyConnected": "#fb8072", "BatchNorm": "#bebada", "Activation": "#ffffb3",
    "LeakyReLU": "#ffffb3", "Pooling": "#80b1d3", "Concat": "#fdb462", "Flatten": "#fdb462", "Reshape": "#fdb462",
    "Softmax": "#b3de69",
}  # fmt: skip


def print_summary(
    symbol: Symbol,
    shape: Mapping[str, tuple[int, ...]] | None = None,
    line_length: int = 120,
    positions: Sequence[float] = [0.44, 0.64, 0.74, 1.0],
) -> None:
    """Print one row for each layer: name and operator, output shape without its first axis, number of trained
    parameters, and the layers it takes its inputs from.

    A layer with several outputs shows the shape of the first. Without `shape` only the parameters whose number
    follows from the attributes alone are counted (biases of Convolution and FullyConnected, Embedding). A parameter
    that several layers share is in each of their rows, and once in the total.

    Args:
        symbol: the network.
        shape: the shape of each input, by name, from which all others are inferred.
        line_length: characters in a line.
        positions: where the four columns end, as fractions of line_length, or in characters.
    Raises: TypeError if symbol is no Symbol or shape no mapping; ValueError if positions are not four, or the shapes
        given don't determine the others; MXNetError if they contradict each other or name no input.
    """
    _check_symbol(symbol)
    if len(positions) != 4:
        raise ValueError(f"print_summary: positions has {len(positions)} values {positions!r}; expected where each of "
                         "the four columns ends, for example [0.44, 0.64, 0.74, 1.0]")
    unit = line_length if positions[-1] <= 1 else 1
    ends = [int(unit * position) for position in positions]
    nodes, heads = _read(symbol)
    shapes = {} if shape is None else _infer_shapes(symbol, shape)

    def print_row(*fields: object) -> None:
        line = ""
        for field, end in zip(fields, ends, strict=True):
            line = f"{line}{field}"[:end].ljust(end)
        print(line)

    print("_" * line_length)
    print_row("Layer (type)", "Output Shape", "Param #", "Previous Layer")
    print("=" * line_length)
    counted: dict[str, int] = {}
    listed = {0, *heads}
    rows = [index for index, node in enumerate(nodes) if node["op"] != "null" or index in listed]
    for index in rows:
        node = nodes[index]
        sizes = dict(_parameter_sizes(node, nodes, shapes))
        counted.update(sizes)
        previous = [nodes[i]["name"] for i, *_ in node["inputs"] if nodes[i]["op"] != "null" or i in listed]
        out_shape = _shape_label(_output(node, 0, shapes))
        print_row(f"{node['name']}({node['op']})", out_shape, sum(sizes.values()), previous[0] if previous else "")
        for name in previous[1:]:
            print_row("", "", "", name)
        print(("=" if index == rows[-1] else "_") * line_length)
    print(f"Total params: {sum(counted.values())}")
    print("_" * line_length)


def plot_network(
    symbol: Symbol,
    title: str = "plot",
    save_format: str = "pdf",
    shape: Mapping[str, tuple[int, ...]] | None = None,
    dtype: Mapping[str, Any] | None = None,
    node_attrs: Mapping[str, str] = {},
    hide_weights: bool = True,
) -> Any:
    """Draw a network, data at the bottom; a notebook shows the result, `.render()` writes it to a file.

    The result is a `graphviz.Digraph` where the package graphviz and its program `dot` are installed, else a
    `mxnet._digraph.Digraph`, which has the same attributes and methods, the same `.source` in the DOT language, and
    draws the picture itself with matplotlib.

    Args:
        symbol: the network.
        title: the name of the graph, and of the file unless `.render` is given one.
        save_format: the format `.render()` writes: "pdf", "png", "svg", ...
        shape: the shape of each input, by name; each arrow is then labelled with what flows along it, without the
            first axis.
        dtype: the dtype of each input, by name; arrows are then labelled with dtypes as well.
        node_attrs: attributes of all nodes, as in the DOT language, e.g. {"shape": "oval", "fixedsize": "false"}.
        hide_weights: leave out weights, biases, scales, shifts and running statistics.
    Raises: TypeError if symbol is no Symbol or an argument no mapping; ValueError if save_format is unknown, or what
        is given doesn't determine all shapes or dtypes; MXNetError if it is contradictory or names no input.
    """
    _check_symbol(symbol)
    if not isinstance(node_attrs, Mapping):
        raise TypeError(f"plot_network: node_attrs is {node_attrs!r}; expected a dict of DOT attributes, "
                        'for example {"shape": "oval"}')
    from ._digraph import Digraph, edge_line, node_line

    nodes, _ = _read(symbol)
    shapes = {} if shape is None else _infer_shapes(symbol, shape)
    dtypes = {} if dtype is None else _infer_dtypes(symbol, dtype)
    _warn_of_equal_names(nodes)
    style = {"shape": "box", "fixedsize": "true", "width": "1.3", "height": "0.8034", "style": "filled", **node_attrs}
    shown, hidden = [], set()
    for node in nodes:
        if node["op"] == "null":
            if node["name"].endswith(_PARAMETER_SUFFIXES + _STATISTICS_SUFFIXES):
                # Parameters that aren't hidden are drawn by DOT's rule for nodes known from their edges alone.
                hidden.update([node["name"]] if hide_weights else [])
                continue
            shown.append((node["name"], node["name"], {**style, "shape": "oval", "fillcolor": _VARIABLE_COLOR}))
        else:
            color = _COLORS.get(node["op"], _OTHER_COLOR)
            shown.append((node["name"], _label(node), {**style, "fillcolor": color}))
    arrows = [
        (node["name"], nodes[i]["name"], {
            "label": _shape_label(_output(nodes[i], output, shapes)) + _dtype_label(_output(nodes[i], output, dtypes)),
            "dir": "back", "arrowtail": "open",
        })
        for node in nodes for i, output, *_ in node["inputs"] if nodes[i]["name"] not in hidden
    ]  # fmt: skip
    graphviz = _graphviz()
    if graphviz is None:
        picture = Digraph(name=title, format=save_format)
        for name, label, attrs in shown:
            picture.node(name, label, **attrs)
        for tail, head, attrs in arrows:
            picture.edge(tail, head, **attrs)
        return picture
    picture = graphviz.Digraph(name=title, format=save_format)
    picture.body.extend(node_line(name, {"label": label, **attrs}) for name, label, attrs in shown)
    picture.body.extend(edge_line(*arrow) for arrow in arrows)
    return picture


def _graphviz() -> Any:
    """The package graphviz if both it and its program `dot` are there, else None."""
    if shutil.which("dot") is None:
        return None
    try:
        import graphviz
    except ImportError:
        return None
    return graphviz


def _check_symbol(symbol: Any) -> None:
    # By what is used of it, so that this module doesn't load symbols (and torch with them) to draw one.
    if not (hasattr(symbol, "tojson") and hasattr(symbol, "get_internals")):
        raise TypeError(f"symbol must be a Symbol; got {type(symbol).__name__} {str(symbol)[:60]!r}")


def _read(symbol: Symbol) -> tuple[list[Node], list[int]]:
    """The nodes of a network in topological order, and the indices of its outputs."""
    graph = json.loads(symbol.tojson())
    return graph["nodes"], [head[0] for head in graph["heads"]]


def _infer_shapes(symbol: Symbol, shape: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shape of every output in the network, by name."""
    if not isinstance(shape, Mapping):
        raise TypeError(f"shape is {shape!r}; expected a dict of input names to shapes, such as "
                        '{"data": (1, 3, 224, 224)}')
    internals = symbol.get_internals()
    out_shapes = internals.infer_shape(**shape)[1]
    if out_shapes is None:
        raise ValueError(f"Input shape is incomplete: {dict(shape)!r} doesn't determine all other shapes. "
                         f"Give the shapes of the data among {symbol.list_arguments()}.")
    return dict(zip(internals.list_outputs(), out_shapes, strict=True))


def _infer_dtypes(symbol: Symbol, dtype: Mapping[str, Any]) -> dict[str, Any]:
    """The dtype of every output in the network, by name."""
    if not isinstance(dtype, Mapping):
        raise TypeError(f'dtype is {dtype!r}; expected a dict of input names to dtypes, such as {{"data": "float32"}}')
    internals = symbol.get_internals()
    out_types = internals.infer_type(**dtype)[1]
    if out_types is None:
        raise ValueError(f"Input type is incomplete: {dict(dtype)!r} doesn't determine all other dtypes. "
                         f"Give the dtypes of the data among {symbol.list_arguments()}.")
    return dict(zip(internals.list_outputs(), out_types, strict=True))


def _output(node: Node, index: int, values: dict[str, Any]) -> Any:
    """The value of one output of a node, from values by output name; None when they have none."""
    name = node["name"]
    if node["op"] == "null":
        return values.get(name)
    if index == 0 and f"{name}_output" in values:
        return values[f"{name}_output"]
    if f"{name}_output{index}" in values:
        return values[f"{name}_output{index}"]
    named = [key for key in values if key.startswith(f"{name}_")]  # e.g. rnn_output, rnn_state
    return values[named[index]] if index < len(named) else None


def _shape_label(shape: tuple[int, ...] | None) -> str:
    return "x".join(str(size) for size in (shape or ())[1:])


def _dtype_label(dtype: Any) -> str:
    return f"({getattr(dtype, '__name__', dtype)})" if dtype is not None else ""


def _sizes_in(text: str) -> str:
    """``"(3, 3)"``, an attribute, as ``3x3``."""
    sizes = ast.literal_eval(text)
    return "x".join(str(size) for size in (sizes if isinstance(sizes, tuple | list) else (sizes,)))


def _label(node: Node) -> str:
    """What is written on a node: for common layers the operator and the attributes that matter, else its name."""
    op, attrs = node["op"], node.get("attrs", {})
    kernel = _sizes_in(attrs.get("kernel") or "()")
    stride = _sizes_in(attrs.get("stride") or "()") or "1"
    if op == "Convolution":
        return f"Convolution\n{kernel}/{stride}, {attrs['num_filter']}"
    if op == "FullyConnected":
        return f"FullyConnected\n{attrs['num_hidden']}"
    if op in ("Activation", "LeakyReLU"):
        return f"{op}\n{attrs.get('act_type', 'leaky')}"
    if op == "Pooling":
        return f"Pooling\n{attrs.get('pool_type', 'max')}, {f'{kernel}/{stride}' if kernel else 'global'}"
    return attrs["op_type"] if op == "Custom" else node["name"]


def _warn_of_equal_names(nodes: list[Node]) -> None:
    seen: set[str] = set()
    repeated = {node["name"]: None for node in nodes if node["name"] in seen or seen.add(node["name"])}  # type: ignore
    if repeated:
        warnings.warn(
            "There are multiple variables with the same name in your graph, this may result in cyclic graph. "
            f"Repeated names: {','.join(repeated)}", stacklevel=3)  # fmt: skip


def _parameter_sizes(node: Node, nodes: list[Node], shapes: dict[str, tuple[int, ...]]) -> Iterator[tuple[str, int]]:
    """Name and number of elements of each parameter a node reads."""
    op, attrs = node["op"], node.get("attrs", {})
    for slot, (index, *_) in zip(_slots(op, attrs, len(node["inputs"])), node["inputs"], strict=False):
        name = nodes[index]["name"]
        slot = slot if slot in PARAMETER_INPUTS else name.rpartition("_")[2]
        if nodes[index]["op"] == "null" and slot in PARAMETER_INPUTS:
            yield name, _size(shapes.get(name), op, attrs, slot)


def _slots(op: str, attrs: dict[str, str], count: int) -> Sequence[str]:
    """The names of an operator's inputs; empty names where it is not known here."""
    from .ops.registry import get_operator, has_operator

    if not has_operator(op):
        return [""] * count
    operator = get_operator(op)
    known = {key: value for key, value in attrs.items() if key in operator.attributes}  # others are the user's notes
    return operator.input_names(operator.parse_attributes(known), count)


def _size(shape: tuple[int, ...] | None, op: str, attrs: dict[str, str], slot: str) -> int:
    if shape is not None:
        size = 1
        for length in shape:
            size *= length
        return size
    match op, slot:
        case "Convolution", "bias":
            return int(attrs["num_filter"])
        case "FullyConnected", "bias":
            return int(attrs["num_hidden"])
        case "Embedding", "weight":
            return int(attrs["input_dim"]) * int(attrs["output_dim"])
    return 0
