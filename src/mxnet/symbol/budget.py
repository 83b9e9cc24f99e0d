"""Memory budgets: how they are given, and plans that hold them."""

from __future__ import annotations

import os
from typing import Any

from ..base import MXNetError
from ..graph.graph import Graph
from ..graph.planned import OverBudget, Planned, plan


def budget_or_default(budget: Any) -> Any:
    """The budget given, or that of the environment variable MXNET_MEMORY_BUDGET: bytes, or a fraction such as 0.5.

    Raises: MXNetError if the variable is no number.
    """
    text = os.environ.get("MXNET_MEMORY_BUDGET")
    if budget is not None or not text:
        return budget
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise MXNetError(
            f"The environment variable MXNET_MEMORY_BUDGET is {text!r}; expected bytes, or a fraction such as 0.5."
        ) from None


def heads_given(graph: Graph) -> list[bool]:
    """For each output whether its gradient comes from outside: for all but those of loss operators."""
    return [value.node.op is None or not value.node.op.is_loss for value in graph.outputs]


def plan_within(what: str, budget: Any, apart: int, *args: Any, **options: Any) -> Planned:
    """The plan of a program under a budget for everything together.

    Args:
        what: names the caller in messages.
        budget: bytes, a fraction (0 to 1) of what the step needs without a budget, or None.
        apart: bytes of what isn't results: parameters, inputs, gradients, states of the optimizer.
        args, options: as for `graph.planned.plan`.
    Raises: MXNetError if the budget is no such number or can't be met, saying the smallest that can.
    """
    if budget is None:
        return plan(*args, **options)
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not budget > 0:
        raise MXNetError(
            f"{what}: the memory budget is {budget!r}; expected bytes, or a fraction between 0 and 1 of what is needed "
            "without a budget."
        )
    if isinstance(budget, float) and budget <= 1:
        budget = int(budget * (plan(*args, **options).chosen.peak + apart))
    try:
        return plan(*args, **options, budget=int(budget) - apart)
    except OverBudget as error:
        raise MXNetError(
            f"{what}: a memory budget of {int(budget):,} bytes can't be met; the smallest possible is "
            f"{error.smallest + apart:,} bytes, of which {apart:,} are parameters, inputs, gradients and optimizer "
            "states. Give at least that, or a smaller batch."
        ) from None
