from __future__ import annotations

import json
from pathlib import Path

import pytest

import mxnet as mx
from mxnet import lr_scheduler

RECORDS = json.loads((Path(__file__).parent / "oracle/data/lr_scheduler.json").read_text())


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['scheduler']}-{r['kwargs']}")
def test_rates_are_those_recorded_from_mxnet(record):
    scheduler = getattr(lr_scheduler, record["scheduler"])(**record["kwargs"])
    assert [scheduler(n) for n in range(20)] == pytest.approx(record["rates"], rel=1e-12)


@pytest.mark.parametrize("name", ["PolyScheduler", "CosineScheduler"])
def test_a_schedule_resumed_after_its_end_gives_the_final_rate(name):
    # MXNet 1.9.1 would start again from base_lr.
    assert getattr(lr_scheduler, name)(5, base_lr=1.0, final_lr=0.25)(9) == 0.25


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: lr_scheduler.FactorScheduler(0), ValueError, "step must be greater"),
        (lambda: lr_scheduler.FactorScheduler(5, factor=1.5), ValueError, "Factor must be no more than 1"),
        (lambda: lr_scheduler.MultiFactorScheduler([3, 3]), ValueError, "increasing"),
        (lambda: lr_scheduler.MultiFactorScheduler([0, 2]), ValueError, "step must be greater"),
        (lambda: lr_scheduler.MultiFactorScheduler([]), mx.MXNetError, "list of at least one"),
        (lambda: lr_scheduler.MultiFactorScheduler((1, 2)), mx.MXNetError, "list of at least one"),
        (lambda: lr_scheduler.PolyScheduler(0), ValueError, "strictly positive"),
        (lambda: lr_scheduler.CosineScheduler(2.5), mx.MXNetError, "max_update is 2.5"),
        (lambda: lr_scheduler.LRScheduler(warmup_steps=-1), ValueError, "Warmup steps"),
        (lambda: lr_scheduler.LRScheduler(warmup_steps=1.5), mx.MXNetError, "warmup_steps is 1.5"),
        (lambda: lr_scheduler.LRScheduler(base_lr=0.1, warmup_begin_lr=0.2), ValueError, "higher than warmup_begin_lr"),
        (lambda: lr_scheduler.LRScheduler(warmup_mode="x"), ValueError, "linear and constant"),
        (lambda: lr_scheduler.LRScheduler(warmup_steps=3).get_warmup_lr(4), mx.MXNetError, "update 4"),
        (lambda: lr_scheduler.LRScheduler()(1), NotImplementedError, "override"),
    ],
)
def test_contradictory_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_first_schedule_of_mxnet_still_works():
    from mxnet import misc

    scheduler = misc.FactorScheduler(3, 0.5)
    expected = [0.01, 0.01, 0.01, 0.005, 0.005, 0.005, 0.0025]  # recorded from MXNet 1.9.1
    assert [scheduler(n) for n in range(7)] == pytest.approx(expected)
    for arguments in ((0,), (1, 1.0)):
        with pytest.raises(ValueError, match="must be"):
            misc.FactorScheduler(*arguments)
    with pytest.raises(NotImplementedError):
        misc.LearningRateScheduler()(1)
