"""Where the inputs of a block's graph come from at each call."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter, is_
from typing import Any

from ..context import Context
from ..ndarray import NDArray
from ..ndarray.recording import STATE
from .parameter import Parameter

_arrays = attrgetter("_data")


class GraphInputs:
    """Arguments of the call and parameters, in the order in which a graph takes them.

    A network has hundreds of parameters. Each replaces its list of arrays when they change, so a call only looks
    whether the lists are those of the last one, in a loop in C.
    """

    def __init__(self, sources: Sequence[tuple[bool, Any]]):
        """sources holds (True, position among the arguments) or (False, Parameter)."""
        self._sources = tuple(sources)
        self.parameters: list[Parameter] = [item for is_argument, item in self._sources if not is_argument]
        self._arguments = [(place, item) for place, (is_argument, item) in enumerate(self._sources) if is_argument]
        #: the device, the lists of arrays of all parameters, and the values with None for arguments
        self._last: tuple[Context, list[Any], list[Any]] | None = None

    def __reduce__(self) -> Any:
        return GraphInputs, (self._sources,)

    def values(self, arguments: Sequence[NDArray], ctx: Context) -> list[NDArray]:
        """The arrays, those of parameters on a device.

        Raises: what Parameter.data raises.
        """
        if STATE.tracer is not None:
            return [arguments[item] if is_argument else item.data(ctx) for is_argument, item in self._sources]
        lists = list(map(_arrays, self.parameters))
        known = self._last
        if known is None or known[0] is not ctx or not all(map(is_, known[1], lists)):
            found = [None if is_argument else item.data(ctx) for is_argument, item in self._sources]
            known = self._last = ctx, lists, found
        values = known[2].copy()
        for place, item in self._arguments:
            values[place] = arguments[item]
        return values
