"""From a graph of operators to an ONNX model: one translation for each operator, and the walk that applies them.

A translation has the signature of the operator's own declaration, with arrays of the ONNX graph in place of tensors::

    @translates("clip")
    def _(onnx, data, *, a_min, a_max):
        return onnx.clip(data, a_min, a_max)

It returns the outputs; hidden ones at the end may be left out. It raises Untranslatable where ONNX can't express what
the attributes, shapes or dtypes ask for; `when` says so of attributes alone, before anything is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import onnx
import torch
from torch import Tensor

from ..base import MXNetError
from ..graph.creation import has_unknown_sizes, resolve_creation
from ..graph.graph import Graph, Node, Value
from ..graph.infer import infer_dtypes, infer_shapes
from ..ops.dtypes import DTYPE_NAMES, TORCH_DTYPES
from ..ops.registry import Attrs, Operator, PartialShape, all_operators
from .builder import Array, Builder, Untranslatable

_Rule = TypeVar("_Rule", bound=Callable[..., Any])
#: What is computed from shapes alone; where these are known, the result is a constant.
SHAPE_ONLY = frozenset(
    "shape_array size_array zeros_like ones_like _contrib_arange_like _contrib_index_array "
    "_contrib_MultiBoxPrior".split()
)
_LARGEST_FOLDED = 1 << 22  # bytes; what is larger is folded only if it is no larger than what it is made of


class Translation(NamedTuple):
    """How an operator is translated, and for which attributes."""

    rule: Callable[..., Any]
    when: Callable[[Attrs], bool]


class Model(NamedTuple):
    """A translated graph.

    proto    the ONNX model
    inputs   names of our variables that are its inputs, in order; a variable that no operator needs is left out
    outputs  names of its outputs, in the order of the graph's
    """

    proto: onnx.ModelProto
    inputs: list[str]
    outputs: list[str]


_TRANSLATIONS: dict[str, Translation] = {}


def translates(*names: str, when: Callable[[Attrs], bool] = lambda attrs: True) -> Callable[[_Rule], _Rule]:
    """Register the translation of operators, for the attributes of which `when` is true."""

    def register(rule: _Rule) -> _Rule:
        for name in names:
            assert name not in _TRANSLATIONS, name
            _TRANSLATIONS[name] = Translation(rule, when)
        return rule

    return register


def translated_operators() -> list[str]:
    """The names of all operators that have a translation, in alphabetical order."""
    names = {op.name for op in all_operators() if _makes_a_constant(op)}
    return sorted(names | SHAPE_ONLY | set(_TRANSLATIONS))


def can_translate(node: Node) -> bool:
    """Whether a node has a translation for its attributes; dtypes and shapes may still rule it out."""
    if node.op is None:
        return True
    found = _TRANSLATIONS.get(node.op.name)
    if found is not None:
        return found.when(node.attrs)
    return node.op.name in SHAPE_ONLY or _makes_a_constant(node.op)


def _makes_a_constant(op: Operator) -> bool:
    """Whether the operator makes the same array at every run, from its attributes alone."""
    return op.creates and not op.inputs and not op.random and not op.dynamic


def translate(
    graph: Graph, shapes: Mapping[str, PartialShape], dtypes: Mapping[str, str], constants: Mapping[str, Tensor],
    name: str = "mxnext",
) -> Model:  # fmt: skip
    """The ONNX model of a graph in inference.

    Args:
        graph: what to translate.
        shapes: of variables by name, -1 for a size known at run time only; others are inferred.
        dtypes: of variables by name; others are inferred.
        constants: variables whose values become part of the model.
        name: that of the ONNX graph.
    Raises: MXNetError listing every operator without a translation, or naming the node that can't be translated as it
        is used.
    """
    missing = [node for node in graph.nodes if not can_translate(node)]
    if missing:
        raise MXNetError(
            f"ONNX: no translation for: {'; '.join(_described(node) for node in missing)}. Replace these operators, or "
            "leave them out of the part that is translated."
        )
    known = {**shapes, **{key: tuple(value.shape) for key, value in constants.items()}}
    dtypes = {**dtypes, **{key: DTYPE_NAMES[value.dtype] for key, value in constants.items()}}
    kinds = infer_dtypes(graph, dtypes)
    sizes = infer_shapes(graph, known, {value: kind for value, kind in kinds.items() if kind})
    if has_unknown_sizes(graph):
        graph = resolve_creation(graph, sizes)
        kinds = infer_dtypes(graph, dtypes)
        sizes = infer_shapes(graph, known, {value: kind for value, kind in kinds.items() if kind})

    builder = Builder()
    arrays: dict[Value, Array] = {}
    variables: dict[str, Array] = {}
    for node in graph.nodes:
        if node.op is None:
            value = Value(node, 0)
            if node.name in constants:
                arrays[value] = builder.named(node.name, constants[node.name].detach().cpu())
                continue
            if node.name not in variables:
                kind = kinds[value] or "float32"
                variables[node.name] = Array(builder.unique(node.name), kind, sizes[value])
            arrays[value] = variables[node.name]
            continue
        builder.label = node.name
        outputs = [Value(node, index) for index in range(node.num_outputs)]
        builder.outputs = [Array("", kinds[value] or "float32", sizes[value]) for value in outputs]
        try:
            results = _translate_node(builder, node, [arrays[value] for value in node.inputs])
        except Untranslatable as error:
            raise Untranslatable(f"ONNX: {node.op.name} {node.name!r}: {error}") from None
        for value, expected, result in zip(outputs, builder.outputs, results, strict=False):
            if result.dtype != expected.dtype:
                raise AssertionError(f"{node.op.name}: the translation gives {result.dtype}, not {expected.dtype}")
            arrays[value] = Array(result.name, result.dtype, expected.sizes, result.constant)

    results = []
    for value in graph.outputs:
        if value not in arrays:
            raise Untranslatable(f"ONNX: output {value.index} of {_described(value.node)} has no translation.")
        results.append(_as_output(builder, arrays[value], value.node.output_name(value.index)))
    used = {text for proto in builder.nodes for text in proto.input}
    inputs = [key for key, array in variables.items() if array.name in used]
    proto = builder.model([variables[key] for key in inputs], results, name)
    return Model(proto, inputs, [array.name for array in results])


def _described(node: Node) -> str:
    assert node.op is not None
    given = {key: value for key, value in node.attributes.items() if key in node.op.attributes}
    shown = ", ".join(f"{key}={value}" for key, value in given.items())
    return f"{node.op.name} {node.name!r}" + (f" ({shown})" if shown else "")


def _as_output(builder: Builder, array: Array, name: str) -> Array:
    """The array under a name of its own, by a node that hands it on; runtimes leave such nodes out."""
    proto = onnx.helper.make_node("Identity", [array.name], [builder.unique(name)], name=f"{name}_as_output")
    builder.nodes.append(proto)
    return Array(proto.output[0], array.dtype, array.sizes)


def _translate_node(builder: Builder, node: Node, inputs: list[Array]) -> list[Array]:
    op = node.op
    assert op is not None
    given = op.arrange(inputs, node.input_names)  # type: ignore[arg-type]
    folded = _fold(node, inputs)
    if folded is not None:
        return [builder.named(f"{node.name}_{index}", value) for index, value in enumerate(folded)]
    if op.name not in _TRANSLATIONS:
        raise Untranslatable("it is translated only where its result follows from known shapes or from constants.")
    for array in inputs:
        if array.sizes is None:
            raise Untranslatable(f"the shape of {array.name} is not known; give the shapes of all inputs.")
    result = _TRANSLATIONS[op.name].rule(builder, *given, **node.attrs)
    return list(result) if isinstance(result, tuple | list) else [result]


def _fold(node: Node, inputs: list[Array]) -> list[Tensor] | None:
    """The outputs of a node that are the same at every run, or None."""
    op = node.op
    assert op is not None
    if op.random or op.mutates or op.dynamic or op.stateful:
        return None
    if all(array.constant is not None for array in inputs):
        tensors = [array.constant for array in inputs]
    elif op.name in SHAPE_ONLY and all(array.sizes is not None and -1 not in array.sizes for array in inputs):
        tensors = [torch.zeros(array.shape, dtype=TORCH_DTYPES[array.dtype]) for array in inputs]
    else:
        return None
    extra: Attrs = dict(node.attrs)
    if op.uses_training:
        extra["training"] = False
    if op.creates:
        extra["device"] = torch.device("cpu")
    with torch.no_grad():
        result = op.function(*op.arrange(tensors, node.input_names), **extra)  # type: ignore[arg-type]
    results = list(result) if isinstance(result, tuple) else [result]
    size = sum(item.numel() * item.element_size() for item in results)
    taken = sum(item.numel() * item.element_size() for item in tensors if item is not None)
    if inputs and size > max(_LARGEST_FOLDED, taken) and op.name in _TRANSLATIONS:
        return None
    return results


from . import translations  # noqa: E402, F401  # registers all
