"""Symbol files: JSON as MXNet 1.9.1 writes it, and every dialect since 0.8 read."""

from __future__ import annotations

import json
from typing import Any

from ..base import MXNetError
from ..ops.registry import Operator, get_operator
from .graph import USER_ATTRIBUTES, Graph, Node, Value, make_variable

MXNET_VERSION = 10901
_MAX_DEPTH = 50  # of subgraphs in subgraphs
#: Outputs that files count for operators of which MXNet keeps more intermediate results than we have outputs.
_COUNTED_OUTPUTS = {
    "CTCLoss": 2, "InstanceNorm": 3, "L2Normalization": 2, "LRN": 2, "ROIPooling": 2, "_linalg_det": 3,
    "_linalg_slogdet": 4, "sort": 2, "_contrib_BatchNormWithReLU": 4, "_contrib_DeformablePSROIPooling": 2,
    "BilinearSampler": 2, "Correlation": 3, "GridGenerator": 2, "SpatialTransformer": 3,
}  # fmt: skip
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def dump_graph(graph: Graph) -> str:
    """The JSON text for a graph, laid out as MXNet 1.9.1 does."""
    return _dump(graph, f', \n  "attrs": {{"mxnet_version": ["int", {MXNET_VERSION}]}}')


def _dump(graph: Graph, end: str = "") -> str:
    """The text of a graph, with what follows its heads."""
    nodes = graph.nodes
    numbers = {node: number for number, node in enumerate(nodes)}
    auxiliary = graph.auxiliary()

    def entry(value: Value, version: int = 0) -> str:
        return f"[{numbers[value.node]}, {value.index}, {version}]"

    texts = []
    for node in nodes:
        lines = [
            f'      "op": {_quoted(node.op.name if node.op else "null")}',
            f'      "name": {_quoted(node.name)}',
        ]
        attributes = node.attributes
        if len(attributes) == 1:
            ((key, value),) = attributes.items()
            lines.append(f'      "attrs": {{{_quoted(key)}: {_quoted(value)}}}')
        elif attributes:
            ordered = sorted(attributes.items(), key=lambda item: item[0].encode())
            pairs = ", \n".join(f"        {_quoted(k)}: {_quoted(v)}" for k, v in ordered)
            lines.append(f'      "attrs": {{\n{pairs}\n      }}')
        inputs = [entry(value, int(value.node in auxiliary)) for value in node.inputs]
        lines.append(f'      "inputs": {_array(inputs, 6)}')
        if node.subgraphs:
            parts = ", \n".join(_dump(subgraph) for subgraph in node.subgraphs)
            lines.append('      "subgraphs": [\n        ' + parts.replace("\n", "\n        ") + "\n      ]")
        texts.append("    {\n" + ", \n".join(lines) + "\n    }")
    pointers = [0]
    for node in nodes:
        pointers.append(pointers[-1] + _counted_outputs(node))
    return (
        '{\n  "nodes": [\n' + ", \n".join(texts) + "\n  ], \n"
        f'  "arg_nodes": {_array([str(numbers[node]) for node in graph.variables], 2)}, \n'
        f'  "node_row_ptr": {_array(list(map(str, pointers)), 2)}, \n'
        f'  "heads": {_array(list(map(entry, graph.outputs)), 2)}{end}\n}}'
    )


def _array(items: list[str], indent: int) -> str:
    """A JSON array as MXNet lays it out: on one line up to ten entries, else one to a line."""
    if len(items) <= 10:
        return f"[{', '.join(items)}]"
    margin = " " * indent
    return "[\n" + ", \n".join(f"{margin}  {item}" for item in items) + f"\n{margin}]"


def _counted_outputs(node: Node) -> int:
    """How many outputs a file counts for a node: MXNet's own, hidden ones included."""
    if node.op is None:
        return 1
    attrs = node.attrs
    if node.op.name == "Pooling":  # the place of the maximum is kept, except where the plain implementation runs
        return 2 if attrs["pool_type"] == "max" and attrs["kernel"] and "C" != (attrs["layout"] or "NCHW")[-1] else 1
    if node.op.name == "topk" and attrs["ret_typ"] == "value":
        return 2
    return _COUNTED_OUTPUTS.get(node.op.name, node.num_outputs)


def _quoted(text: str) -> str:
    """A JSON string as MXNet writes it: UTF-8 and control characters stay as they are."""
    return f'"{text.translate(_ESCAPES)}"'


def load_graph(text: str) -> Graph:
    """The graph in a JSON text, of MXNet 0.8 or newer.

    Raises: MXNetError saying where the text is not a symbol, or which operator is unknown.
    """
    try:
        document = json.loads(text, strict=False)  # MXNet writes control characters as they are
    except (ValueError, RecursionError) as error:
        raise MXNetError(f"symbol file: not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise MXNetError(f"symbol file: holds {type(document).__name__}; expected an object with nodes and heads.")
    return _load(document, _version(document), 0)


def _load(document: dict[str, Any], version: int, depth: int) -> Graph:
    if depth > _MAX_DEPTH:
        raise MXNetError(f"symbol file: subgraphs are nested more than {_MAX_DEPTH} deep.")
    rows = _field(document, "nodes", list, "the file")
    heads = _field(document, "heads", list, "the file")
    nodes: list[Node] = []
    for number, row in enumerate(rows):
        nodes.append(_load_node(row, number, nodes, version, depth))
    if not heads:
        raise MXNetError("symbol file: heads is empty; expected at least one output.")
    return Graph(_value(head, nodes, f"head {position}") for position, head in enumerate(heads))


def _version(document: dict[str, Any]) -> int:
    """The version of MXNet that wrote the file; those before 0.9 did not say."""
    attributes = document.get("attrs")
    entry = attributes.get("mxnet_version") if isinstance(attributes, dict) else None
    if entry is None:
        return 800
    if not (isinstance(entry, list) and len(entry) == 2 and type(entry[1]) is int):
        raise MXNetError(f"symbol file: mxnet_version is {entry!r}; expected ['int', number].")
    return int(entry[1])


def _field(row: dict[str, Any], name: str, kind: type, where: str) -> Any:
    value = row.get(name)
    if not isinstance(value, kind):
        raise MXNetError(f"symbol file: {where}: {name!r} is {value!r}; expected a {kind.__name__}.")
    return value


def _value(entry: Any, nodes: list[Node], where: str) -> Value:
    if not (isinstance(entry, list) and len(entry) >= 2 and all(isinstance(part, int) for part in entry)):
        raise MXNetError(f"symbol file: {where}: {entry!r} is not [node, output, version].")
    number, index = entry[0], entry[1]
    if not 0 <= number < len(nodes):
        raise MXNetError(f"symbol file: {where}: refers to node {number}; only nodes 0 to {len(nodes) - 1} precede it.")
    if not 0 <= index < nodes[number].num_outputs:
        raise MXNetError(
            f"symbol file: {where}: refers to output {index} of {nodes[number].name!r}, which has "
            f"{nodes[number].num_outputs}."
        )
    return Value(nodes[number], index)


def _load_node(row: Any, number: int, nodes: list[Node], version: int, depth: int) -> Node:
    where = f"node {number}"
    if not isinstance(row, dict):
        raise MXNetError(f"symbol file: {where} is {row!r}; expected an object.")
    kind, name = _field(row, "op", str, where), _field(row, "name", str, where)
    where = f"{where} ({kind} {name!r})"
    attributes: dict[str, str] = {}
    for field in ("param", "attr", "attrs"):  # 0.8 had the operator's in param and the user's in attr
        found = row.get(field) or {}
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise MXNetError(f"symbol file: {where}: {field!r} is {found!r}; expected an object of strings.")
        attributes.update(found)
    inputs = tuple(_value(entry, nodes, where) for entry in _field(row, "inputs", list, where))
    if kind == "null":
        if inputs:
            raise MXNetError(f"symbol file: {where}: a variable has inputs.")
        return Node(None, name, (), _with_hidden_keys(attributes))
    try:
        op = get_operator(kind).for_attributes(_with_hidden_keys(attributes))
    except MXNetError as error:
        raise MXNetError(f"symbol file: {where}: {error}") from None
    subgraphs = _load_subgraphs(row, op, where, version, depth)
    if version < 905 and op.name == "argmax" and attributes.get("axis") == "-1":
        del attributes["axis"]  # it meant all axes
    attributes = _with_hidden_keys(attributes, op.attributes)
    try:
        inputs = _add_missing_inputs(op, name, inputs, attributes, version)
        moved = _move_to_variables(op, inputs, attributes)
        node = Node(op, name, inputs, attributes, subgraphs)
        expected = node.input_names
        used = node.subgraph_inputs
    except MXNetError as error:
        raise MXNetError(f"symbol file: {where}: {error}") from None
    for variable, own in moved:
        variable.attributes.update(own)
    if len(expected) != len(inputs):
        raise MXNetError(
            f"symbol file: {where}: has {len(inputs)} inputs; expected {len(expected)} ({', '.join(expected)})."
        )
    if any(not 0 <= position < len(inputs) for positions in used for position in positions):
        raise MXNetError(
            f"symbol file: {where}: its subgraphs take the inputs {', '.join(map(str, used))}; it has {len(inputs)}."
        )
    return node


def _load_subgraphs(row: dict[str, Any], op: Operator, where: str, version: int, depth: int) -> tuple[Graph, ...]:
    rows = row.get("subgraphs") or []
    if not isinstance(rows, list) or not all(isinstance(item, dict) for item in rows):
        raise MXNetError(f"symbol file: {where}: 'subgraphs' is {rows!r}; expected a list of graphs.")
    if bool(rows) != op.takes_subgraphs:
        expected = "at least one subgraph" if op.takes_subgraphs else "no subgraphs"
        raise MXNetError(f"symbol file: {where}: has {len(rows)} subgraphs; expected {expected}.")
    graphs = []
    for number, item in enumerate(rows):
        try:
            graphs.append(_load(item, version, depth + 1))
        except MXNetError as error:
            text = str(error).removeprefix("symbol file: ")
            raise MXNetError(f"symbol file: {where}: subgraph {number}: {text}") from None
    return tuple(graphs)


def _with_hidden_keys(attributes: dict[str, str], known: Any = ()) -> dict[str, str]:
    """User's attributes under the names that MXNet 1.x uses: ``lr_mult`` is ``__lr_mult__``."""
    return {f"__{key}__" if key in USER_ATTRIBUTES and key not in known else key: v for key, v in attributes.items()}


def _add_missing_inputs(
    op: Operator, name: str, inputs: tuple[Value, ...], attributes: dict[str, str], version: int
) -> tuple[Value, ...]:
    """Inputs that old files leave out become variables: before 0.9 any at the end, then auxiliary states."""
    if op.variadic:
        return inputs
    given = {key: value for key, value in attributes.items() if key in op.attributes}
    missing = op.input_names(op.parse_attributes(given))[len(inputs) :]
    if not missing or (version >= 900 and not all(item in op.mutates for item in missing)):
        return inputs
    return inputs + tuple(Value(make_variable(op, name, item, attributes), 0) for item in missing)


def _move_to_variables(
    op: Operator, inputs: tuple[Value, ...], attributes: dict[str, str]
) -> list[tuple[Node, dict[str, str]]]:
    """Takes the attributes such as ``weight_lr_mult``, which old files have at the operator, to the variable weight."""
    moved = []
    for key in [key for key in attributes if key not in op.attributes and not key.startswith("__")]:
        name = next((name for name in USER_ATTRIBUTES if key.endswith("_" + name)), None)
        argument = key[: -len(name) - 1] if name else None
        if argument in op.inputs and op.inputs.index(argument) < len(inputs):
            node = inputs[op.inputs.index(argument)].node
            if node.op is None:
                moved.append((node, {f"__{name}__": attributes.pop(key)}))
    return moved
