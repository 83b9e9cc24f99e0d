"""Running a graph node by node on arrays of any storage type: an imperative call for each, recorded by autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .base import MXNetError
from .context import Context
from .graph.graph import Graph, Node, Value
from .graph.storage import infer_stypes
from .ndarray.invoke import invoke
from .ndarray.ndarray import NDArray
from .ndarray.sparse_ops import as_stype

#: Called for what a node takes and gives: the node, the name of an input or output (a variable's own), the array.
Monitor = Callable[[Node, str, NDArray], None]


class Interpreter:
    """A graph that is run node by node on arrays of any storage type, in the modes of the calling thread.

    Args:
        graph: shapes that operators are to find by inference must be resolved.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        from .cached_op import CachedOp

        self._nested = {  # nodes with graphs of their own
            node: CachedOp(_symbol_of(node)) for node in graph.nodes if node.op is not None and node.subgraphs
        }
        self._last: dict[Value, Node] = {}
        for node in graph.nodes:
            for value in node.inputs:
                self._last[value] = node

    def run(
        self, arrays: Sequence[Any], ctx: Context, monitor: Monitor | None = None, monitor_inputs: bool = False
    ) -> list[Any]:
        """The outputs, of the storage types that MXNet infers.

        Args:
            arrays: one for each variable of the graph; auxiliary states change in place.
            ctx: where operators without inputs create their results.
            monitor: called for every output of every operator, and with `monitor_inputs` for what goes into it.
        Raises: MXNetError naming the node that failed.
        """
        variables = self.graph.variables
        stypes = infer_stypes(self.graph, {n.name: a.stype for n, a in zip(variables, arrays, strict=True)})
        values = {Value(node, 0): array for node, array in zip(variables, arrays, strict=True)}
        kept = set(self.graph.outputs)
        for node in self.graph.nodes:
            if node.op is None:
                continue
            given = [values[value] for value in node.inputs]
            if monitor is not None and monitor_inputs:
                for name, value, array in zip(node.input_names, node.inputs, given, strict=True):
                    if value.node.op is None:
                        monitor(value.node, value.node.name, array)
                    monitor(node, f"{node.name}_{name}", array)
            try:
                results = self._call(node, given, ctx)
            except MXNetError as error:
                raise MXNetError(f"Error in operator {node.name}: {error}") from error
            for index, result in enumerate(results):
                value = Value(node, index)
                values[value] = as_stype(result, stypes[value])
                if monitor is not None:
                    monitor(node, node.output_name(index), values[value])
            for value in node.inputs:
                if self._last[value] is node and value not in kept:
                    values.pop(value, None)
        return [values[value] for value in self.graph.outputs]

    def _call(self, node: Node, given: list[Any], ctx: Context) -> list[Any]:
        op = node.op
        assert op is not None
        if node.subgraphs:
            results = self._nested[node](*(as_stype(array, "default") for array in given))
            return results if isinstance(results, list) else [results]
        attrs = node.attrs
        if op.name == "cast_storage":
            return [as_stype(given[0], attrs["stype"])]
        if attrs.get("forward_stype") is not None and all(array.stype == "default" for array in given):
            attrs = {**attrs, "forward_stype": None}
        own = {name: value for name, value in attrs.items() if name in op.attributes and name != "ctx"}
        results = invoke(op, op.arrange(given, node.input_names), own, ctx=ctx)
        return results if isinstance(results, list) else [results]


def _symbol_of(node: Node) -> Any:
    """The node alone, on variables, as a symbol."""
    from .symbol.symbol import Symbol

    inputs = tuple(Value(Node(None, f"input{position}"), 0) for position in range(len(node.inputs)))
    alone = node.replaced(inputs=inputs)
    return Symbol(Value(alone, index) for index in range(node.num_visible_outputs))
