"""What the user asks of plans, a memory budget and how much is computed again, and plans that hold it."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..base import MXNetError
from ..graph.graph import Graph
from ..graph.planned import OverBudget, Planned, plan


@dataclass(frozen=True)
class Limits:
    """What plans must hold.

    budget     bytes (int), or as a float a fraction of what a training step needs without a budget; None for no budget
    recompute  False: no result is computed again; True: all that is cheap, for the smallest plan that gives; None: as
               far as it costs next to nothing
    given      how the budget was given, for messages
    least      what a fraction gives at least, in bytes: what it gave for other shapes that share the memory
    """

    budget: int | float | None = None
    recompute: bool | None = None
    given: str = ""
    least: int = 0


def limits(what: str, memory_budget: Any = None, recompute: Any = None, training: bool = True) -> Limits:
    """What a user asks of plans, checked.

    Args:
        what: names the caller in messages.
        memory_budget: bytes, or a fraction up to 1.0; None takes the environment variable MXNET_MEMORY_BUDGET.
        recompute: as in `Limits`; None takes the environment variable MXNET_BACKWARD_DO_MIRROR: 0 or 1, or unset.
        training: whether they are asked for a training step, so that memory_budget may be a fraction.
    Raises: MXNetError if one is none of these.
    """
    if recompute is None:
        recompute = _recompute_of_environment()
    elif not isinstance(recompute, bool):
        raise MXNetError(
            f"{what}: recompute={recompute!r}; expected False (nothing is computed again), True (all that is cheap is) "
            "or None (what costs next to nothing is)."
        )
    text = os.environ.get("MXNET_MEMORY_BUDGET", "").strip()
    if memory_budget is not None:
        given = f"a memory budget of {memory_budget!r}"
        number = memory_budget if isinstance(memory_budget, numbers.Real) else None
    elif text:
        given, number = f"MXNET_MEMORY_BUDGET={text}", _number(text)
    else:
        return Limits(None, recompute)
    if number is None or isinstance(number, bool) or not (number > 0 and math.isfinite(number)):
        raise MXNetError(
            f"{what}: {given} was given; expected a positive number of bytes, such as {2 * 1024**3} for 2 GB, or a "
            "fraction such as 0.5 (at most 1.0) of what a training step needs without a budget."
        )
    if isinstance(number, numbers.Integral) or number > 1:
        return Limits(int(number), recompute, given)
    if memory_budget is not None and not training:
        raise MXNetError(
            f"{what}: {given} was given, a fraction of what a training step needs; for a forward pass, which computes "
            "nothing again, give bytes."
        )
    return Limits(float(number), recompute, given)


def limits_or(what: str, default: Limits, memory_budget: Any, recompute: Any, training: bool) -> Limits:
    """What a user asks of plans, checked; of what isn't given, the default."""
    asked = limits(what, memory_budget, recompute, training)
    if memory_budget is None:
        asked = replace(asked, budget=default.budget, given=default.given)
    return asked if recompute is not None else replace(asked, recompute=default.recompute)


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _recompute_of_environment() -> bool | None:
    text = os.environ.get("MXNET_BACKWARD_DO_MIRROR", "").strip()
    try:
        return bool(int(text)) if text else None
    except ValueError:
        raise MXNetError(
            f"MXNET_BACKWARD_DO_MIRROR={text}; expected 0 (nothing is computed again), 1 (all that is cheap is), or "
            "that it isn't set (what costs next to nothing is)."
        ) from None


def heads_given(graph: Graph) -> list[bool]:
    """For each output whether its gradient comes from outside: for all but those of loss operators."""
    return [not value.is_loss for value in graph.outputs]


def plan_within(
    what: str, asked: Limits, apart: int, *args: Any, wanted: Sequence[str], **options: Any
) -> Planned:  # fmt: skip
    """The plan of a program that holds what the user asks.

    A fraction is one of a training step: it doesn't bind a forward pass, which has nothing to compute again.

    Args:
        what: names the caller in messages.
        apart: bytes of what isn't results: parameters, inputs, gradients, states of the optimizer.
        args, wanted, options: as for `graph.planned.plan`.
    Raises: MXNetError if the budget can't be met, saying the smallest that can.
    """
    budget = asked.budget if wanted or isinstance(asked.budget, int) else None
    try:
        return plan(
            *args, wanted=wanted, budget=budget, least=asked.least, apart=apart, recompute=asked.recompute, **options
        )
    except OverBudget as error:
        given = f"a memory budget of {error.budget:,} bytes"
        if asked.given != f"a memory budget of {error.budget}":
            given = f"{asked.given}, {error.budget:,} bytes,"
        remedy = "or a smaller batch."
        if asked.recompute is False:
            remedy = "or let results be computed again (recompute, MXNET_BACKWARD_DO_MIRROR)."
        raise MXNetError(
            f"{what}: {given} can't be met; the smallest possible is {error.smallest:,} bytes, of which {apart:,} are "
            f"parameters, inputs, gradients and optimizer states. Give at least that, {remedy}"
        ) from None
