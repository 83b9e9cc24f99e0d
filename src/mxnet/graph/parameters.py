"""Which variables of a graph are parameters, where only the graph can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # mxnet.visualization, which takes PARAMETER_INPUTS, does without torch
    from .graph import Graph

#: inputs of operators that are parameters of layers
PARAMETER_INPUTS = frozenset({"weight", "bias", "gamma", "beta", "parameters"})


def list_labels(graph: Graph) -> set[str]:
    """The variables that output operators take as labels; their shapes follow from the data."""
    labels = set()
    for node in graph.nodes:
        if node.op is not None and node.op.is_loss:
            for name, value in zip(node.input_names, node.inputs, strict=True):
                if name == "label" and value.node.op is None:
                    labels.add(value.node.name)
    return labels


def list_likely_parameters(graph: Graph) -> set[str]:
    """Auxiliary states, and the variables that operators take as weight, bias and the like."""
    found = {node.name for node in graph.auxiliary()}
    for node in graph.nodes:
        for name, value in zip(node.input_names, node.inputs, strict=False):
            if value.node.op is None and name in PARAMETER_INPUTS:
                found.add(value.node.name)
    return found - list_labels(graph)
