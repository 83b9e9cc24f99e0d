"""What a backend is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from torch import Tensor

from ..graph import Graph, Node

#: A compiled graph: tensors for its variables without constants, in order, to its outputs, in order. These are new at
#: each call, of the shapes and dtypes that the graph gives; inputs stay as they are.
Compiled = Callable[[Sequence[Tensor]], list[Tensor]]


class Backend(Protocol):
    """Something that runs graphs in inference: what `register_backend` takes.

    name  under which `optimize_for` finds it

    A backend with options has a method `with_options(self, *, ...)`, too: its keyword arguments are options of
    `optimize_for`, and it returns the backend with these, or raises MXNetError for values that it doesn't take.
    """

    name: str

    def check(self) -> None:
        """Raises: MXNetError naming the package or program that is missing, and how to get it."""

    def supports(self, node: Node) -> bool:
        """Whether the backend can run a node; those that it can't are run by mxnext itself."""

    def compile(
        self, graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str],
        constants: Mapping[str, Tensor],
    ) -> Compiled:  # fmt: skip
        """Make a graph ready to run.

        Args:
            graph: a graph of supported nodes.
            shapes, dtypes: of every variable, by name.
            constants: values of variables that stay the same, by name.
        Raises: MXNetError if it can't be compiled.
        """
