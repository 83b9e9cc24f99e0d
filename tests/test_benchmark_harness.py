"""The benchmark harness on contestants whose times are known: they are played, not measured."""

from __future__ import annotations

import json
import statistics
import sys

import pytest

from benchmarks.harness import (
    Contestant,
    Count,
    Figures,
    Hosts,
    Measurement,
    measure,
    run_cases,
    steps_for,
    summarise,
    table,
)  # fmt: skip
from benchmarks.worker import Host


class Played:
    """A host on which the samples of each contestant are given in advance, as seconds per step."""

    def __init__(self, *times):
        self.times = [iter(t) for t in times]
        self.order = []

    def start(self, number, factory, args):
        return 0.25

    def sample(self, number, steps):
        self.order.append(number)
        return next(self.times[number]) * steps

    def stop(self, number):
        pass


def measurement(*contestants, rounds=3, seconds=0.001, baseline="torch"):
    return Measurement("job", "ms", contestants, baseline, rounds, seconds)


def here(name, function, *args, host="here"):
    return Contestant(name, f"tests.benchmark_contestants:{function}", args, host)


def test_median_spread_and_ratio_of_known_samples():
    baseline = Figures("torch", samples=[1.0, 2.0, 10.0, 4.0])
    own = Figures("own", samples=[2.0, 2.0, 30.0, 2.0])
    summarise(baseline, baseline)
    summarise(own, baseline)
    assert baseline.median == 3.0  # between 2 and 4
    assert baseline.spread == pytest.approx((5.5 - 1.75) / 2 / 3)  # quartiles of 1, 2, 4, 10
    assert baseline.ratio == 1.0
    assert (own.median, own.best) == (2.0, 2.0)
    assert baseline.best == 1.0
    assert own.ratio == 1.5  # the median of 2, 1, 3, 0.5: within the rounds, not of the medians


def test_contestants_take_turns_and_the_order_alternates():
    # The first of each is taken to find the number of steps: one step of 1 s is more than a sample needs.
    host = Played([1, 0.010, 0.020, 0.030], [1, 0.005, 0.005, 0.005])
    hosts = {"here": host}
    ours, torch = measure(measurement(here("ours", ""), here("torch", "")), hosts)
    assert host.order == [0, 1, 0, 1, 1, 0, 0, 1]
    assert (ours.samples, ours.median, ours.ratio, ours.first) == ([0.010, 0.020, 0.030], 0.020, 4.0, 0.25)
    assert (torch.median, torch.spread, torch.ratio) == (0.005, 0.0, 1.0)


def test_steps_fill_the_time_of_a_sample():
    asked = []

    def sample(n):
        asked.append(n)
        return n * 0.001

    assert steps_for(0.020, sample) == 20
    assert asked == [1, 2, 4, 8]
    assert steps_for(0.5, lambda n: n * 2.0) == 1
    with pytest.raises(ValueError, match="does nothing"):
        steps_for(0.5, lambda n: 1e-9)


def test_a_failing_contestant_is_reported_and_the_others_go_on(capfd):
    hosts = Hosts(absent="/no/such/python")
    results = measure(measurement(
        here("broken", "broken"), here("sleeper", "slow", 0.002), here("tired", "tired", 1000),
        here("torch", "slow", 0.001), here("original", "slow", 0.001, host="absent"),
    ), hosts)  # fmt: skip
    broken_, sleeper, tired_, torch, original = results
    assert broken_.error == "ValueError: can't be built" and broken_.median is None
    assert tired_.error == "ArithmeticError: tired after 1000 steps" and tired_.ratio is None
    assert "is not there" in original.error
    assert len(sleeper.samples) == 3 and sleeper.error is None
    # Of the pairs within the rounds: how long a sleep really takes is the system's affair.
    pairs = zip(sleeper.samples, torch.samples, strict=True)
    assert sleeper.ratio == statistics.median(own / other for own, other in pairs)
    assert torch.ratio == 1.0
    assert "can't be built" in capfd.readouterr().err  # the whole traceback is shown
    text = table(measurement(), results)
    assert text.count("none: ") == 3 and "ArithmeticError" in text


def test_without_its_baseline_a_measurement_has_no_ratios():
    results = measure(measurement(here("torch", "broken"), here("ours", "slow", 0.001)), Hosts())
    assert results[1].median > 0 and results[1].ratio is None


def test_another_process_runs_contestants_and_may_end():
    hosts = Hosts(other=sys.executable)
    try:
        results = measure(measurement(
            here("noisy", "noisy", host="other"), here("broken", "broken", host="other"),
            here("deadly", "deadly", host="other"), here("torch", "slow", 0.001, host="other"),
        ), hosts)  # fmt: skip
        noisy_, broken_, deadly_, torch = results
        assert broken_.error == "ValueError: can't be built"
        assert "ended with status 3" in deadly_.error
        assert "not running" in noisy_.error and noisy_.median is None  # it was in the process that ended
        assert torch.error is None and torch.ratio == 1.0  # a new process was started for it
    finally:
        hosts.close()


def test_a_report_holds_date_machine_and_all_figures(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    job = measurement(here("ours", "slow", 0.001), here("torch", "slow", 0.001), rounds=2)
    path = run_cases({"sleeping": [job]}, Hosts(oracle="/no/such/python"), tmp_path)
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["date"] and report["machine"]["cores"] >= 1 and "absent" in report["machine"]["oracle"]
    (entry,) = report["cases"]["sleeping"]
    assert entry["name"] == "job" and [f["name"] for f in entry["figures"]] == ["ours", "torch"]
    assert all(len(f["samples"]) == 2 and f["median"] > 0.0009 for f in entry["figures"])
    assert "ours" in capsys.readouterr().out


def test_what_is_counted_is_printed_and_saved_row_by_row(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    count = Count("apples", "red", lambda: iter([("3", {"red": 3}), ("4", {"red": 4})]))
    path = run_cases({"counted": [count]}, Hosts(oracle="/no/such/python"), tmp_path)
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["cases"]["counted"] == [{"name": "apples", "rows": [{"red": 3}, {"red": 4}]}]
    assert "\napples\nred\n3\n4\n" in capsys.readouterr().out


def test_a_host_times_the_steps_it_is_asked_for():
    host = Host()
    assert host.start(7, "tests.benchmark_contestants:slow", (0.002,)) >= 0.002
    assert host.sample(7, 3) >= 0.006
    host.stop(7)
    with pytest.raises(LookupError, match="not running"):
        host.sample(7, 1)


def test_processor_time_does_not_count_waiting(monkeypatch):
    import importlib
    import time

    from benchmarks import worker

    monkeypatch.setenv("BENCHMARK_CLOCK", "cpu")
    host = importlib.reload(worker).Host()
    try:
        host.start(0, "tests.benchmark_contestants:slow", [0.05])
        assert host.sample(0, 1) < 0.04
    finally:
        monkeypatch.delenv("BENCHMARK_CLOCK")
        assert importlib.reload(worker).CLOCK is time.perf_counter
