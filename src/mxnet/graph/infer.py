"""Shapes and dtypes of every value of a graph, from what is known of some, in both directions.

A shape is a tuple with -1 for an unknown size, or None when not even the number of axes is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch

from ..base import MXNetError
from ..ops.dtypes import DTYPE_NAMES, NAMES_OF_CODES, dtype_name, torch_dtype
from ..ops.registry import Attrs, Operator, PartialShape, describe_call
from .graph import Graph, Node, Value

_META = torch.device("meta")
_META_CACHE: dict[Any, tuple[tuple[int, ...], ...]] = {}
_META_CACHE_SIZE = 20_000
_Memo = dict[Any, Any]
_SHAPE_TEXT = re.compile(r"[(\[]?((-?\d{1,18}L?|None)(,(-?\d{1,18}L?|None))*,?)?[)\]]?")
_TRIAL_SIZES = (6, 12)  # stand in for unknown sizes; both divide by what programs usually split by


class ShapeConflict(MXNetError):
    """Two statements about one shape contradict each other."""


def is_known(shape: PartialShape) -> bool:
    """Whether a shape has no unknown part."""
    return shape is not None and -1 not in shape


def merge_shapes(first: PartialShape, second: PartialShape) -> PartialShape:
    """All that two statements about one shape say.

    Raises: ShapeConflict if they contradict each other.
    """
    if first is None or second is None:
        return second if first is None else first
    if len(first) != len(second):
        raise ShapeConflict(f"shapes {first} and {second} have different numbers of axes")
    merged = []
    for a, b in zip(first, second, strict=True):
        if a != -1 and b != -1 and a != b:
            raise ShapeConflict(f"shapes {first} and {second} differ")
        merged.append(b if a == -1 else a)
    return tuple(merged)


def run_on_meta(
    op: Operator, attrs: Attrs, shapes: Sequence[tuple[int, ...] | None], dtypes: Sequence[str]
) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    """Shapes and dtypes of all outputs, from running the operator on tensors without storage."""
    key = (op.name, tuple(attrs.items()), tuple(shapes), tuple(dtypes))
    try:
        return _META_CACHE[key]  # type: ignore[return-value]
    except (KeyError, TypeError):
        pass
    tensors = [
        None if shape is None else torch.empty(shape, dtype=torch_dtype(dtype), device=_META)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]
    extra: Attrs = dict(attrs)
    if op.uses_training:
        extra["training"] = False
    if op.random:
        extra["generator"] = None
    if op.creates:
        extra["device"] = _META
    with torch.no_grad():
        result = op.function(*tensors, **extra)
    results = result if isinstance(result, tuple) else (result,)
    answer = tuple(tuple(r.shape) for r in results), tuple(DTYPE_NAMES[r.dtype] for r in results)
    if len(_META_CACHE) >= _META_CACHE_SIZE:
        _META_CACHE.clear()
    try:
        _META_CACHE[key] = answer  # type: ignore[assignment]
    except TypeError:  # an attribute that can't be hashed
        pass
    return answer


def infer_node_shapes(
    node: Node, inputs: list[PartialShape], outputs: list[PartialShape], dtypes: Sequence[str], memo: _Memo
) -> tuple[list[PartialShape], list[PartialShape]]:
    """Everything that follows for one node from what is known of its inputs and outputs.

    Args:
        memo: what was already found for subgraphs.
    Raises: MXNetError if the shapes contradict each other or the operator.
    """
    op, attrs = node.op, node.attrs
    assert op is not None
    names = node.input_names
    if creates_by_shape(node):
        outputs[0] = merge_shapes(outputs[0], declared_shape(node))
        if not is_known(outputs[0]) or op.num_outputs(attrs) == 1:
            return inputs, outputs
    if op._infer_arguments is not None:
        known = dict(zip(names, inputs, strict=True))
        needs = _rule_inputs(op._infer_arguments, op)
        if all(known.get(name) is not None for name in needs):
            for name, shape in op._infer_arguments(*(known[name] for name in needs), **attrs).items():
                if name in known:
                    known[name] = merge_shapes(known[name], None if shape is None else tuple(shape))
        inputs = [known[name] for name in names]
    infer_shape = _shape_rule(node, dtypes, memo)
    if infer_shape is not None:
        new_inputs, new_outputs = infer_shape(list(inputs), list(outputs), **attrs)
        inputs = [merge_shapes(a, b) for a, b in zip(inputs, new_inputs, strict=True)]
        outputs = [merge_shapes(a, b) for a, b in zip(outputs, new_outputs, strict=True)]
    elif op.elementwise:
        common: PartialShape = None
        for shape in (*inputs, *outputs):
            common = merge_shapes(common, shape)
        inputs, outputs = [common] * len(inputs), [common] * len(outputs)
    complete = infer_shape is not None or op.elementwise
    if op.dynamic or op.takes_subgraphs or (complete and all(map(is_known, outputs))):
        return inputs, outputs
    if all(map(is_known, inputs)):
        found = _arranged_meta(op, attrs, inputs, names, dtypes)
        outputs = [merge_shapes(a, b) for a, b in zip(outputs, found, strict=True)]
    elif all(shape is not None for shape in inputs) and not all(map(is_known, outputs)):
        outputs = _infer_by_trial(op, attrs, inputs, outputs, names, dtypes)
    return inputs, outputs


def creates_by_shape(node: Node) -> bool:
    """Whether the operator makes an array of the shape that its attribute says."""
    return node.op is not None and not node.inputs and "shape" in node.op.attributes


def declared_shape(node: Node) -> PartialShape:
    """The shape that the operator is asked to make: (), and a 0 in it, mean that inference shall find it."""
    return tuple(extent if extent > 0 else -1 for extent in node.attrs["shape"] or ()) or None


def _rule_inputs(rule: Any, op: Operator) -> tuple[str, ...]:
    return tuple(rule.__code__.co_varnames[: rule.__code__.co_argcount])


def _arranged_meta(
    op: Operator, attrs: Attrs, shapes: Sequence[PartialShape], names: tuple[str, ...], dtypes: Sequence[str]
) -> tuple[tuple[int, ...], ...]:
    shapes_ = op.arrange(shapes, names)  # type: ignore[arg-type]
    dtypes_ = op.arrange(dtypes, names)  # type: ignore[arg-type]
    return run_on_meta(op, attrs, shapes_, [d or "float32" for d in dtypes_])[0]  # type: ignore[arg-type, misc]


def _infer_by_trial(
    op: Operator, attrs: Attrs, inputs: list[PartialShape], outputs: list[PartialShape], names: tuple[str, ...],
    dtypes: Sequence[str],
) -> list[PartialShape]:  # fmt: skip
    """What stays the same when the unknown sizes change is known."""
    trials = []
    for size in _TRIAL_SIZES:
        tried = [tuple(size if extent == -1 else extent for extent in shape) for shape in inputs if shape is not None]
        try:
            trials.append(_arranged_meta(op, attrs, tried, names, dtypes))
        except (RuntimeError, IndexError, ValueError, TypeError):
            return outputs
    found: list[PartialShape] = []
    for known, first, second in zip(outputs, *trials, strict=True):
        if len(first) != len(second):
            found.append(known)
        else:
            found.append(merge_shapes(known, tuple(a if a == b else -1 for a, b in zip(first, second, strict=True))))
    return found


def _variable_shape(node: Node) -> PartialShape:
    text = node.attributes.get("__shape__")
    if text is None:
        return None
    if not _SHAPE_TEXT.fullmatch("".join(text.split())):
        raise MXNetError(
            f"variable {node.name!r}: __shape__ is {text[:100]!r}; expected a tuple of integers such as '(2, 3)'."
        )
    sizes = (int(extent or 0) for extent in re.findall(r"-?\d+|None", text.replace("None", "0")))
    return tuple(extent if extent > 0 else -1 for extent in sizes) or None


def infer_shapes(
    graph: Graph, known: Mapping[str, PartialShape], dtypes: Mapping[Value, str] | None = None
) -> dict[Value, PartialShape]:
    """The shape of every value, as far as it follows from the known shapes of variables (by name).

    Raises: MXNetError naming the node whose shapes contradict each other.
    """
    shapes: dict[Value, PartialShape] = {}
    for node in graph.nodes:
        for index in range(node.num_outputs):
            shapes[Value(node, index)] = None
        if node.op is None:
            try:
                shapes[Value(node, 0)] = merge_shapes(known.get(node.name), _variable_shape(node))
            except ShapeConflict as error:
                raise MXNetError(f"variable {node.name!r}: {error}") from None
    _settle_shapes(graph, shapes, dtypes or {}, {})
    return shapes


def _settle_shapes(graph: Graph, shapes: dict[Value, PartialShape], dtypes: Mapping[Value, Any], memo: _Memo) -> None:
    """Go through the nodes forwards and backwards until nothing more follows."""
    operators = [node for node in graph.nodes if node.op is not None]
    forward = True
    for _ in range(64):
        changed = False
        for node in operators if forward else reversed(operators):
            changed |= _infer_node(node, shapes, dtypes, memo)
        if not changed and not forward:
            break
        if not changed and all(map(is_known, shapes.values())):
            break
        forward = not forward


def infer_shapes_of(
    graph: Graph, inputs: Sequence[PartialShape], dtypes: Mapping[Value, Any], outputs: Sequence[PartialShape] = (),
    memo: _Memo | None = None,
) -> dict[Value, PartialShape]:  # fmt: skip
    """The shape of every value, as far as it follows from shapes of the variables, and of outputs, in order.

    Args:
        memo: what was already found for subgraphs.
    Raises: MXNetError naming the node whose shapes contradict each other.
    """
    shapes: dict[Value, PartialShape] = {
        Value(node, index): None for node in graph.nodes for index in range(node.num_outputs)
    }
    variables = [Value(node, 0) for node in graph.variables]
    for value in variables:
        shapes[value] = _variable_shape(value.node)
    for value, shape in (*zip(variables, inputs, strict=True), *zip(graph.outputs, outputs, strict=bool(outputs))):
        try:
            shapes[value] = merge_shapes(shapes[value], shape)
        except ShapeConflict as error:
            raise MXNetError(f"{value.node.name}: {error}") from None
    _settle_shapes(graph, shapes, dtypes, {} if memo is None else memo)
    return shapes


def infer_dtypes_of(
    graph: Graph, inputs: Sequence[str | None], outputs: Sequence[str | None] = (), memo: _Memo | None = None
) -> dict[Value, str | None]:
    """The dtype of every value, as far as it follows from those of the variables, and of outputs, in order.

    Args:
        memo: what was already found for subgraphs.
    Raises: MXNetError naming the node whose dtypes contradict each other.
    """
    variables = [Value(node, 0) for node in graph.variables]
    known: dict[Value, str | None] = {}
    for value, dtype in (*zip(variables, inputs, strict=True), *zip(graph.outputs, outputs, strict=bool(outputs))):
        if dtype is not None and known.setdefault(value, dtype) != dtype:
            raise MXNetError(f"{value.node.name} is both {known[value]} and {dtype}")
    return _settle_dtypes(graph, known, None, {} if memo is None else memo)


class _Rules:
    """What the rules of an operator may ask of a subgraph (`SubgraphRules`).

    memo    what was already found during one inference, so that its time doesn't double with each level of nesting
    dtypes  those of the variables, for operators inside that look at dtypes when shapes are inferred
    """

    def __init__(self, graph: Graph, memo: _Memo, dtypes: Sequence[str | None] = ()):
        self.graph = graph
        self.memo = memo
        self.dtypes = dtypes

    def infer_shape(
        self, inputs: Sequence[PartialShape], outputs: Sequence[PartialShape]
    ) -> tuple[list[PartialShape], list[PartialShape]]:
        """All that follows inside for the shapes of variables and outputs."""
        key = ("shape", self.graph, tuple(inputs), tuple(outputs), tuple(self.dtypes))
        if key not in self.memo:
            try:
                dtypes: Mapping[Value, Any] = infer_dtypes_of(self.graph, self.dtypes, (), self.memo)
            except MXNetError:  # where dtypes contradict each other, shapes follow all the same
                dtypes = {}
            self.memo[key] = self._ends(infer_shapes_of(self.graph, inputs, dtypes, outputs, self.memo))
        found, results = self.memo[key]
        return list(found), list(results)

    def infer_dtype(
        self, inputs: Sequence[str | None], outputs: Sequence[str | None]
    ) -> tuple[list[str | None], list[str | None]]:
        """All that follows inside for the dtypes of variables and outputs."""
        key = ("dtype", self.graph, tuple(inputs), tuple(outputs))
        if key not in self.memo:
            self.memo[key] = self._ends(infer_dtypes_of(self.graph, inputs, outputs, self.memo))
        found, results = self.memo[key]
        return list(found), list(results)

    def _ends(self, found: Mapping[Value, Any]) -> tuple[list[Any], list[Any]]:
        return [found[Value(node, 0)] for node in self.graph.variables], [found[value] for value in self.graph.outputs]


def _shape_rule(node: Node, dtypes: Sequence[str], memo: _Memo) -> Any:
    """The operator's rule for shapes, given the node's subgraphs; a lone subgraph with the node's inputs is one."""
    op = node.op
    assert op is not None
    if not op.takes_subgraphs:
        return op._infer_shape
    inside = [
        _Rules(graph, memo, [dtypes[position] for position in positions])
        for graph, positions in zip(node.subgraphs, node.subgraph_inputs, strict=True)
    ]
    if op._infer_shape is not None:
        return partial(op._infer_shape, subgraphs=inside)
    if op._subgraph_inputs is None and len(inside) == 1:
        return lambda inputs, outputs, /, **_: inside[0].infer_shape(inputs, outputs)
    return None


def _dtype_rule(node: Node, memo: _Memo) -> Any:
    """The operator's rule for dtypes; see `_shape_rule`."""
    op = node.op
    assert op is not None
    if not op.takes_subgraphs:
        return op._infer_dtype
    inside = [_Rules(graph, memo) for graph in node.subgraphs]
    if op._infer_dtype is not None:
        return partial(op._infer_dtype, subgraphs=inside)
    if op._subgraph_inputs is None and len(inside) == 1:
        return lambda inputs, outputs, /, **_: inside[0].infer_dtype(inputs, outputs)
    return None


def _infer_node(node: Node, shapes: dict[Value, PartialShape], dtypes: Mapping[Value, Any], memo: _Memo) -> bool:
    values = [Value(node, index) for index in range(node.num_outputs)]
    inputs, outputs = [shapes[value] for value in node.inputs], [shapes[value] for value in values]
    kinds = [dtypes.get(value) or "float32" for value in node.inputs]
    try:
        new_inputs, new_outputs = infer_node_shapes(node, inputs, outputs, kinds, memo)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        raise _explain(node, inputs, error) from error
    changed = False
    for value, shape in (*zip(node.inputs, new_inputs, strict=True), *zip(values, new_outputs, strict=True)):
        if shape != shapes[value]:
            try:
                shapes[value] = merge_shapes(shapes[value], shape)
            except ShapeConflict as error:
                raise _explain(node, inputs, error) from None
            changed = True
    return changed


def _explain(node: Node, inputs: Sequence[PartialShape], error: Exception) -> MXNetError:
    assert node.op is not None
    given = ", ".join(
        f"{name} ({value.node.name}) {'unknown' if shape is None else shape}"
        for name, value, shape in zip(node.input_names, node.inputs, inputs, strict=True)
    )
    attributes = describe_call(node.op, (), node.attrs)
    return MXNetError(
        f"Error in operator {node.name}: {node.op.name}: {str(error).strip().rstrip('.')}. Given shapes: {given}"
        f"{'; ' + attributes if attributes else ''}."
    )


def infer_dtypes(graph: Graph, known: Mapping[str, str], default: str | None = "float32") -> dict[Value, str | None]:
    """The dtype of every value; variables that nothing determines get the default.

    Raises: MXNetError naming the node whose dtypes contradict each other.
    """
    return _settle_dtypes(graph, {Value(node, 0): known.get(node.name) for node in graph.variables}, default, {})


def _settle_dtypes(
    graph: Graph, known: Mapping[Value, str | None], default: str | None, memo: _Memo
) -> dict[Value, str | None]:
    dtypes: dict[Value, str | None] = {}
    for node in graph.nodes:
        for index in range(node.num_outputs):
            dtypes[Value(node, index)] = known.get(Value(node, index))
        if node.op is None:
            dtypes[Value(node, 0)] = known.get(Value(node, 0)) or _variable_dtype(node)
    operators = [node for node in graph.nodes if node.op is not None]
    while True:
        changed = True
        while changed:
            changed = False
            for node in operators:
                changed |= _infer_node_dtypes(node, dtypes, memo)
        missing = [node for node in graph.variables if dtypes[Value(node, 0)] is None]
        if default is None or not missing:
            return dtypes
        dtypes[Value(missing[0], 0)] = default


def _variable_dtype(node: Node) -> str | None:
    text = node.attributes.get("__dtype__")
    if text is None or text == "-1":
        return None
    name = NAMES_OF_CODES.get(int(text)) if text.isdecimal() and len(text) < 4 else text
    try:
        return dtype_name(name or text)
    except MXNetError as error:
        raise MXNetError(f"variable {node.name!r}: __dtype__ is {text!r}: {error}") from None


def _infer_node_dtypes(node: Node, dtypes: dict[Value, str | None], memo: _Memo) -> bool:
    op = node.op
    assert op is not None
    values = [Value(node, index) for index in range(node.num_outputs)]
    inputs, outputs = [dtypes[value] for value in node.inputs], [dtypes[value] for value in values]
    infer_dtype = _dtype_rule(node, memo)
    if infer_dtype is not None:
        try:
            new_inputs, new_outputs = infer_dtype(list(inputs), list(outputs), **node.attrs)
        except MXNetError as error:
            if not node.subgraphs:
                raise
            raise MXNetError(f"Error in operator {node.name}: {op.name}: {error}") from error
    elif op._out_dtype is not None:
        name = op._out_dtype(**node.attrs) if callable(op._out_dtype) else op._out_dtype
        new_inputs, new_outputs = inputs, [dtype_name(name)] * len(outputs)
    else:
        common = next((d for d in (*inputs, *outputs) if d is not None), None)
        new_inputs = [d or common for d in inputs]
        new_outputs = [d or common for d in outputs]
        if any(d != common for d in (*new_inputs, *new_outputs)):
            given = ", ".join(f"{v.node.name} {d}" for v, d in zip(node.inputs, inputs, strict=True))
            raise MXNetError(
                f"Error in operator {node.name}: {op.name}: all inputs and outputs have one dtype; given: {given}; "
                f"outputs {outputs}. Cast the inputs to one dtype."
            )
    changed = False
    for value, dtype in (*zip(node.inputs, new_inputs, strict=True), *zip(values, new_outputs, strict=True)):
        if dtype is not None and dtypes[value] is None:
            dtypes[value] = dtype
            changed = True
        elif dtype is not None and dtypes[value] != dtype:
            raise MXNetError(
                f"Error in operator {node.name}: {op.name}: {value.node.name} has dtype {dtypes[value]}; "
                f"expected {dtype}."
            )
    return changed
