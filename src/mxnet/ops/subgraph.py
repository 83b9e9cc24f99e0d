"""The operator of nodes that hold a part of a graph, which a backend may compile."""

from __future__ import annotations

from torch import Tensor

from .attributes import Shape
from .registry import Subgraph, operator


@operator("_compiled_subgraph", num_outputs=lambda num_outputs, **_: num_outputs)
def compiled_subgraph(
    *data: Tensor, num_outputs: int = 1, constants: Shape = (), training: bool, subgraphs: tuple[Subgraph, ...]
) -> tuple[Tensor, ...]:
    """The outputs of the subgraph; run by mxnext, unless `optimize_for` has given it to a backend.

    Args:
        data: the inputs of the subgraph.
        num_outputs: how many outputs it has.
        constants: positions of inputs that stay the same from run to run.
    """
    return tuple(subgraphs[0](data))
