"""Plans of well-known networks next to those that MXNet 1.9.1 makes of the same JSON files.

The figures of MXNet are recorded by benchmarks/record_original_plans.py in benchmarks/original_plans.json, in MiB.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mxnet as mx
from benchmarks.networks import NETWORKS

ORIGINAL = json.loads(
    (Path(__file__).parent.parent / "benchmarks" / "original_plans.json").read_text(encoding="utf-8")
)["networks"]
PLANNED = [name for name in NETWORKS if "1000" not in name]  # that one takes a minute
MIB = 2**20


@pytest.mark.parametrize("name", PLANNED)
def test_training_takes_at_most_85_percent_of_the_original_plan(name):
    batch, make, shapes = NETWORKS[name]
    plan = make().memory_plan(**shapes(batch))
    assert plan.planned_bytes <= 0.85 * ORIGINAL[name]["training"]["planned"] * MIB
    assert plan.recomputed_share <= 0.03 and plan.beside == ()
    assert plan.lower_bound_bytes <= plan.planned_bytes <= 1.01 * plan.lower_bound_bytes


@pytest.mark.parametrize("name", PLANNED)
def test_a_forward_pass_takes_at_most_the_original_plan(name):
    batch, make, shapes = NETWORKS[name]
    plan = make().memory_plan(training=False, **shapes(batch))
    assert plan.planned_bytes <= ORIGINAL[name]["forward"]["planned"] * MIB
    assert plan.planned_bytes == plan.lower_bound_bytes  # the aim is 1.02


@pytest.mark.parametrize(("name", "part"), [("ResNet-50 v2", 0.45), ("ResNet [3, 24, 36, 3]", 0.25)])
def test_budgets_of_a_part_of_the_original_plan_are_held(name, part):
    batch, make, shapes = NETWORKS[name]
    symbol = make()
    whole = symbol.memory_plan(**shapes(batch))
    budget = int(part * ORIGINAL[name]["training"]["planned"] * MIB) + whole.peak_bytes - whole.planned_bytes
    plan = symbol.memory_plan(budget=budget, **shapes(batch))
    assert plan.peak_bytes <= budget < whole.peak_bytes
    assert 0.03 < plan.recomputed_share < 0.35


def test_smaller_budgets_never_give_larger_peaks():
    batch, make, shapes = NETWORKS["ResNet-50 v2"]
    symbol = make()
    before = symbol.memory_plan(**shapes(batch))
    for part in (0.95, 0.9, 0.8, 0.7, 0.6, 0.5):
        try:
            plan = symbol.memory_plan(budget=part, **shapes(batch))
        except mx.MXNetError as error:
            assert "smallest possible" in str(error)
            break
        assert plan.peak_bytes <= before.peak_bytes
        before = plan
