"""Models as ONNX files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ..base import MXNetError
from ..files import replace_atomically
from ..graph.graph import Graph, Node
from ..ops.dtypes import dtype_name
from .packages import require

if TYPE_CHECKING:
    from .translate import Model

Shape = tuple[int, ...]


def export_model(
    sym: Any, params: Any, in_shapes: Any = None, in_types: Any = np.float32, onnx_file_path: Any = "model.onnx",
    verbose: bool = False, dynamic: bool = False, dynamic_input_shapes: Any = None, run_shape_inference: bool = False,
    input_type: Any = None, input_shape: Any = None,
) -> str:  # fmt: skip
    """Write a model as an ONNX file (opset 18), as it is in inference.

    The file is replaced once the model is whole and has passed ONNX's own check of nodes, dtypes and shapes.

    Args:
        sym: a Symbol, or the path of its JSON file.
        params: arg_params and aux_params in one dict of NDArrays, a list of the two, or the path of a `.params` file;
            names may begin with ``arg:`` and ``aux:``.
        in_shapes: the shape of each input, in the order of `sym.list_inputs()` without parameters and without labels,
            which inference does not need.
        in_types: a dtype, or one for each input.
        onnx_file_path: where to write.
        verbose: print all nodes of the model.
        dynamic: leave sizes of inputs open until the model is run.
        dynamic_input_shapes: with dynamic, a shape for each input in which None or a name stands for an open size;
            default: all sizes are open.
        run_shape_inference: write the shapes of all values into the file, not only those of inputs and outputs.
        input_type, input_shape: older names of in_types and in_shapes.
    Returns: onnx_file_path.
    Raises: MXNetError listing all operators without a translation, naming an input without a shape, or the node whose
        translation needs a size that is left open.
    """
    onnx = require("onnx", "export_model", "onnx")
    symbol, arrays = _load_symbol(sym), _load_params(params)
    if input_shape is not None:
        in_shapes = input_shape
    if input_type is not None:
        in_types = input_type
    if dynamic_input_shapes is not None and not dynamic:
        raise MXNetError("export_model: dynamic_input_shapes is given but dynamic is False; pass dynamic=True.")
    model = _translate(symbol.graph, arrays, in_shapes, in_types, dynamic, dynamic_input_shapes)
    proto = model.proto
    if run_shape_inference:
        proto = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise MXNetError(f"export_model: the translated model is not valid ONNX: {error}") from error
    if verbose:
        for node in proto.graph.node:
            print(f"{', '.join(node.output)} = {node.op_type}({', '.join(node.input)})")
        print(f"{onnx_file_path}: inputs {', '.join(model.inputs)}; outputs {', '.join(model.outputs)}")
    with replace_atomically(onnx_file_path) as file:
        file.write(proto.SerializeToString())
    return str(onnx_file_path)


def get_operator_support(opset_version: int | None = None) -> list[str]:
    """The names of all operators that can be translated, for some attributes at least.

    Args:
        opset_version: 18, the one that is written, or None.
    Raises: MXNetError for another one.
    """
    require("onnx", "get_operator_support", "onnx")
    from .builder import OPSET
    from .translate import translated_operators

    if opset_version not in (None, OPSET):
        raise MXNetError(f"get_operator_support: opset_version is {opset_version}; only {OPSET} is supported.")
    return translated_operators()


def _load_symbol(sym: Any) -> Any:
    from ..symbol import Symbol, load

    if isinstance(sym, str | os.PathLike):
        return load(os.fspath(sym))
    if not isinstance(sym, Symbol):
        raise MXNetError(f"export_model: sym is {type(sym).__name__}; expected a Symbol or the path of its JSON file.")
    return sym


def _load_params(params: Any) -> dict[str, Tensor]:
    from ..ndarray import NDArray, load

    if isinstance(params, str | os.PathLike):
        params = load(os.fspath(params))
    parts = params if isinstance(params, list | tuple) else [params]
    arrays = {}
    for part in parts:
        if not isinstance(part, Mapping) or not all(isinstance(value, NDArray) for value in part.values()):
            raise MXNetError(
                "export_model: params must be a dict of names and NDArrays, a list of two such dicts, or the path of a "
                "file of them."
            )
        for key, value in part.items():
            arrays[key.removeprefix("arg:").removeprefix("aux:")] = value.as_torch()
    return arrays


def _translate(
    graph: Graph, arrays: Mapping[str, Tensor], in_shapes: Any, in_types: Any, dynamic: bool, open_shapes: Any
) -> Model:
    from .translate import translate

    constants = {node.name: arrays[node.name] for node in graph.variables if node.name in arrays}
    labels = _labels(graph)
    inputs = [node.name for node in graph.variables if node.name not in constants and node not in labels]
    shapes = _per_input("in_shapes", inputs, in_shapes)
    types = in_types if isinstance(in_types, list | tuple) else [in_types] * len(inputs)
    dtypes = dict(zip(inputs, map(dtype_name, _per_input("in_types", inputs, types)), strict=True))
    known = {name: _closed(name, shape) for name, shape in zip(inputs, shapes, strict=True)}
    names: dict[str, Sequence[Any]] = {}
    if dynamic:
        given = open_shapes if open_shapes is not None else [(None,) * len(shape) for shape in known.values()]
        for name, shape in zip(inputs, _per_input("dynamic_input_shapes", inputs, given), strict=True):
            sizes = tuple(size if isinstance(size, int) else -1 for size in shape)
            if len(sizes) != len(known[name]) or any(b not in (-1, a) for a, b in zip(known[name], sizes, strict=True)):
                raise MXNetError(
                    f"export_model: dynamic_input_shapes has {tuple(shape)} for {name!r}; expected the sizes of "
                    f"in_shapes, {known[name]}, with None or a name for those that are open."
                )
            known[name], names[name] = sizes, shape
    model = translate(graph, known, dtypes, constants)
    for info in model.proto.graph.input:
        for axis, size in zip(info.type.tensor_type.shape.dim, names.get(info.name, ()), strict=False):
            if isinstance(size, str):
                axis.dim_param = size
    return model


def _labels(graph: Graph) -> set[Node]:
    """The variables that are needed as labels of losses only."""
    used: dict[Node, bool] = {}
    for node in graph.nodes:
        for name, value in zip(node.input_names, node.inputs, strict=True):
            if value.node.op is None:
                is_label = node.op is not None and node.op.is_loss and name == "label"
                used[value.node] = used.get(value.node, True) and is_label
    for value in graph.outputs:
        used[value.node] = False
    return {node for node, is_label in used.items() if is_label}


def _per_input(argument: str, inputs: Sequence[str], given: Any) -> Sequence[Any]:
    if not isinstance(given, list | tuple) or len(given) != len(inputs):
        raise MXNetError(
            f"export_model: {argument} is {given!r}; expected a list with one entry for each input: "
            f"{', '.join(inputs) or 'there are none'}. Parameters that params lacks count as inputs."
        )
    return given


def _closed(name: str, shape: Any) -> Shape:
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if not all(isinstance(size, int | np.integer) and size > 0 for size in sizes):
        raise MXNetError(f"export_model: in_shapes has {shape!r} for {name!r}; expected positive sizes.")
    return tuple(int(size) for size in sizes)
