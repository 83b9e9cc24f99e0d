"""Building blocks for the inference rules of operators: partly known shapes and dtypes.

A partial shape is None (nothing known) or a tuple with -1 for each unknown dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..base import MXNetError
from .registry import PartialShape

DtypeRule = Callable[..., tuple[list[str | None], list[str | None]]]


def is_known(shape: PartialShape) -> bool:
    """Whether every dimension is known."""
    return shape is not None and -1 not in shape


def unify(lhs: PartialShape, rhs: PartialShape, what: str = "shape") -> PartialShape:
    """All that two descriptions of one shape tell together.

    Raises: MXNetError if they contradict each other; what names the thing.
    """
    if lhs is None or rhs is None:
        return rhs if lhs is None else lhs
    if len(lhs) != len(rhs) or any(a != b and a != -1 and b != -1 for a, b in zip(lhs, rhs, strict=True)):
        raise MXNetError(f"{what} is {lhs} on one side and {rhs} on the other (-1: not known).")
    return tuple(b if a == -1 else a for a, b in zip(lhs, rhs, strict=True))


def unify_all(shapes: Iterable[PartialShape], what: str = "shape") -> PartialShape:
    """`unify` for any number of descriptions."""
    result: PartialShape = None
    for shape in shapes:
        result = unify(result, shape, what)
    return result


def product(dims: Iterable[int]) -> int:
    """The product of dimensions, -1 if any is unknown."""
    dims = tuple(dims)
    return -1 if -1 in dims else math.prod(dims)


def normalize_axis(axis: int, ndim: int, operator: str, name: str = "axis") -> int:
    """The axis counted from the front.

    Raises: MXNetError if there is no such axis.
    """
    if not -ndim <= axis < ndim:
        raise MXNetError(f"{operator}: {name} is {axis}; expected -{ndim} <= {name} < {ndim} for {ndim} dimensions.")
    return axis % ndim


def replace_dim(shape: Sequence[int], axis: int, size: int) -> tuple[int, ...]:
    """The shape with one dimension replaced; axis >= 0."""
    return (*shape[:axis], size, *shape[axis + 1 :])


def share_dtype(*positions: int, fixed: dict[int, str] | None = None, outputs: int = 1) -> DtypeRule:
    """A dtype rule: the inputs at these positions and the first outputs have one dtype, other inputs any.

    fixed gives inputs at other positions a dtype where nothing else is known of them.
    """

    def rule(inputs: Sequence[str | None], results: Sequence[str | None], **attrs: Any) -> Any:
        ins, outs = list(inputs), list(results)
        known = {d for d in [*(ins[p] for p in positions), *outs[:outputs]] if d is not None}
        if len(known) > 1:
            raise MXNetError(f"the dtypes {', '.join(sorted(known))} meet where one is expected; cast some of them.")
        for dtype in known:
            for position in positions:
                ins[position] = dtype
            outs[:outputs] = [dtype] * len(outs[:outputs])
        for position, dtype in (fixed or {}).items():
            if position < len(ins):  # an optional input may be absent
                ins[position] = ins[position] or dtype
        return ins, outs

    return rule
