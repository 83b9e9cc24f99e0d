"""The networks of the benchmarks are those that MXNet 1.9.1 planned, and the case `memory` compares them."""

from __future__ import annotations

import pytest

from benchmarks import memory
from benchmarks.networks import NETWORKS


def test_every_network_has_the_plan_of_the_original():
    assert list(memory.ORIGINAL) == list(NETWORKS)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in memory.LONG])
def test_network_is_the_one_that_the_original_planned(name):
    symbol, batch, shapes = memory.built(name)  # raises unless the JSON is the same
    outputs = symbol.infer_shape(**shapes)[1]
    assert {shape[0] for shape in outputs} == {batch}


def test_a_changed_network_is_not_compared(monkeypatch):
    batch, _, shapes = NETWORKS["AlexNet"]
    monkeypatch.setitem(memory.NETWORKS, "AlexNet", (batch, NETWORKS["VGG-16"][1], shapes))
    with pytest.raises(ValueError, match=r"AlexNet isn't what original_plans\.json was made from"):
        memory.built("AlexNet")


def test_rows_give_the_plan_its_ratio_and_whether_the_aim_is_met():
    ((text, row),) = memory.plans(["AlexNet"], training=False)
    symbol, batch, shapes = memory.built("AlexNet")
    plan = symbol.memory_plan(training=False, **shapes)
    assert row["planned_bytes"] == plan.planned_bytes
    assert row["original"] == {"unshared": 422, "planned": 208}
    assert row["ratio"] == plan.planned_bytes / 2**20 / 208
    assert row["met"] == (plan.planned_bytes <= 208 * 2**20 and plan.planned_bytes <= 1.02 * plan.lower_bound_bytes)
    assert text.split()[:4] == ["AlexNet,", str(batch), "208", "422"]


def test_a_budget_is_kept_or_the_reason_is_told():
    ((text, row),) = memory.under_budgets([("AlexNet", 0.9)])
    assert row["budget"] == int(0.9 * 495 * 2**20)
    if "error" in row:
        assert row["error"] in text
    else:
        assert row["met"] == (row["planned_bytes"] <= row["budget"])
