"""How much memory the plans of a training step and of a forward pass take, next to those of MXNet 1.9.1.

Nothing is computed: `Symbol.memory_plan` gives ours, original_plans.json what MXNet 1.9.1 planned for the same JSON.
Both count the storage of results: outputs, gradients of results and of outputs, parts of sums, what backward needs.
Neither counts parameters, inputs, the arrays that take the gradients of arguments, or workspaces of kernels. The
original binds with grad_req="write" for all arguments, data and labels included, whose gradients it doesn't count
either; ours asks for the gradients of parameters. All sizes are in MiB.

Aims: training at most 0.85 of the original's plan; forward at most the original's, and at most 1.02 of the lower
bound; under a budget, at most the budget.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mxnet.base import MXNetError

from .harness import Count
from .networks import NETWORKS

ORIGINAL = json.loads(Path(__file__).with_name("original_plans.json").read_text())["networks"]
BUDGETS = (("ResNet-50 v2", 0.45), ("ResNet [3, 24, 36, 3]", 0.25), ("LSTM 4x1024, 1000 steps", 0.25))
LONG = ("LSTM 4x1024, 1000 steps",)  # planning it takes half a minute, under a budget more
TRAINING, FORWARD, OVER_BOUND = 0.85, 1.0, 1.02
MB = 2**20
Row = tuple[str, dict[str, Any]]


def heading(second: str) -> str:
    """Names of the columns."""
    names = ("original", second, "planned", "bound", "unshared", "peak", "ratio", "aim")
    return " " * 34 + "".join(f"{name:>10}" for name in names)


HEADING, BUDGET_HEADING = heading("unshared"), heading("budget")


def measurements(quick: bool) -> list[Count]:
    """Training, forward, and under a budget; quick leaves out what takes long."""
    names = [name for name in NETWORKS if not (quick and name in LONG)]
    budgets = [budget for budget in BUDGETS if budget[0] in names]
    return [
        Count(
            f"a training step: at most {TRAINING:g} of the original's plan",
            HEADING, lambda: plans(names, training=True),
        ),  # fmt: skip
        Count(
            f"a forward pass: at most {FORWARD:g} of the original's plan and {OVER_BOUND:g} of the lower bound",
            HEADING, lambda: plans(names, training=False),
        ),  # fmt: skip
        Count("a training step under a budget", BUDGET_HEADING, lambda: under_budgets(budgets)),
    ]


def built(name: str) -> tuple[Any, int, dict[str, tuple[int, ...]]]:
    """The symbol of a network, its batch, the shapes of its inputs.

    Raises: ValueError if it isn't the network that the original planned.
    """
    batch, build, shapes = NETWORKS[name]
    symbol, entry = build(), ORIGINAL[name]
    if (batch, hashlib.sha256(symbol.tojson().encode()).hexdigest()) != (entry["batch"], entry["json_sha256"]):
        raise ValueError(f"{name} isn't what original_plans.json was made from: run benchmarks.record_original_plans")
    return symbol, batch, shapes(batch)


def planned(name: str, **arguments: Any) -> tuple[Any, str]:
    """The plan of a network, or None and why there is none."""
    symbol, _, shapes = built(name)
    try:
        return symbol.memory_plan(**arguments, **shapes), ""
    except MXNetError as error:
        return None, str(error).splitlines()[0]


def figures(plan: Any) -> dict[str, int]:
    """The sizes of a plan in bytes."""
    names = ("planned_bytes", "lower_bound_bytes", "unshared_bytes", "peak_bytes")
    return {name: getattr(plan, name) for name in names}


def plans(names: list[str], training: bool) -> Iterator[Row]:
    """A row for each network."""
    kind = "training" if training else "forward"
    for name in names:
        original, batch = ORIGINAL[name][kind], ORIGINAL[name]["batch"]
        row: dict[str, Any] = {"network": name, "batch": batch, "original": original}
        plan, error = planned(name, training=training)
        if plan is None:
            yield f"  {name + f', {batch}':<32}  none: {error}", row | {"error": error}
            continue
        ratio = plan.planned_bytes / MB / original["planned"]
        bound = plan.planned_bytes / plan.lower_bound_bytes
        met = ratio <= TRAINING if training else ratio <= FORWARD and bound <= OVER_BOUND
        row |= figures(plan) | {"ratio": ratio, "over_lower_bound": bound, "met": met}
        yield line(f"{name}, {batch}", original["planned"], original["unshared"], plan, ratio, met), row


def under_budgets(budgets: list[tuple[str, float]]) -> Iterator[Row]:
    """A row for each network and budget; ratio is to the budget.

    The budget is for results. What `memory_plan` takes is for everything, so what isn't results is added to it.
    """
    for name, part in budgets:
        original = ORIGINAL[name]["training"]["planned"]
        budget = int(part * original * MB)
        row: dict[str, Any] = {"network": name, "original": original, "budget": budget}
        plan, error = planned(name, training=True)
        if plan is not None:
            plan, error = planned(name, training=True, budget=budget + plan.peak_bytes - plan.planned_bytes)
        if plan is None:
            yield f"  {name + f', {part:g}':<32}  none: {error}", row | {"error": error}
            continue
        ratio = plan.planned_bytes / budget
        met = plan.planned_bytes <= budget
        row |= figures(plan) | {"ratio": ratio, "met": met}
        yield line(f"{name}, {part:g}", original, budget / MB, plan, ratio, met), row


def line(name: str, first: float, second: float, plan: Any, ratio: float, met: bool) -> str:
    """One row as text."""
    sizes = (first, second, *(nbytes / MB for nbytes in figures(plan).values()))
    text = "".join(f"{size:>10,.0f}" for size in sizes)
    return f"  {name:<32}{text}{ratio:>10.2f}{'met' if met else 'no':>10}"
