"""Times contestants in turn within one run, and prints and saves medians, spreads and ratios.

A case is a module of this folder with ``measurements(quick)``, and perhaps ``report(measured)``, what to print instead
of a table for each measurement. A measurement lets several contestants do one job. In
every round each takes one sample, so that all meet the same weather on a shared machine; a ratio is the median of the
ratios within the rounds. A contestant that fails is reported with its error, and the others go on.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import select
import statistics
import subprocess
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .worker import Host, describe

ROOT = Path(__file__).resolve().parent.parent
MOST_STEPS = 2**26
UNITS = {"µs": 1e6, "ms": 1e3, "s": 1.0}


class Unavailable(Exception):
    """Contestants can't run here, for a reason that is no failure: the original MXNet isn't installed, say."""


@dataclass(frozen=True)
class Contestant:
    """One way to do the job of a measurement.

    factory  "module:function": called with args, returns ``run(n)``, which takes n steps and waits for their results
    host     the name of the host on which it runs
    """

    name: str
    factory: str
    args: tuple[Any, ...] = ()
    host: str = "here"


@dataclass(frozen=True)
class Measurement:
    """One job and its contestants; ratios are to the one named baseline. A sample takes about `seconds`."""

    name: str
    unit: str
    contestants: tuple[Contestant, ...]
    baseline: str
    rounds: int
    seconds: float


@dataclass(frozen=True)
class Count:
    """Something that is counted, not timed: rows() gives each row as text under heading, and its figures."""

    name: str
    heading: str
    rows: Callable[[], Iterable[tuple[str, dict[str, Any]]]]


@dataclass
class Figures:
    """What was measured of one contestant; samples, median and best are in seconds per step.

    best    the smallest sample: what noise from outside, which only ever adds, disturbs least
    spread  half of the interquartile range, as a fraction of the median
    ratio   to the baseline; None where the baseline failed
    first   from the start of building to the end of the first step
    """

    name: str
    samples: list[float] = field(default_factory=list)
    median: float | None = None
    best: float | None = None
    spread: float | None = None
    ratio: float | None = None
    first: float | None = None
    error: str | None = None


class RemoteHost:
    """Host in a process of another Python, over a pipe. A call raises RuntimeError with what was raised there."""

    def __init__(self, python: str, limit: float = 600.0):
        """python is the interpreter; a call that takes more than limit seconds ends the process."""
        if not os.path.exists(python):
            raise Unavailable(f"{os.path.relpath(python, ROOT)} is not there")
        self._limit = limit
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # its own mxnet
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment, cwd=ROOT,
        )  # fmt: skip

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)
        return lambda *args: self._call(method, *args)

    def _call(self, method: str, *args: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            print(json.dumps([method, args]), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise RuntimeError(f"its process has ended with status {self._process.wait()}") from None
        if not select.select([self._process.stdout], [], [], self._limit)[0]:
            self._process.kill()
            raise RuntimeError(f"no answer within {self._limit:g} s; its process was ended")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"its process has ended with status {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=60)


class Hosts:
    """The hosts by name: "here", and one process for each other interpreter, started when it is first needed."""

    def __init__(self, **pythons: str):
        self._pythons = pythons
        self._hosts: dict[str, Any] = {"here": Host()}

    def __getitem__(self, name: str) -> Any:
        if name not in self._hosts:
            self._hosts[name] = RemoteHost(self._pythons[name])
        return self._hosts[name]

    def close(self) -> None:
        """End all processes."""
        for host in self._hosts.values():
            if isinstance(host, RemoteHost):
                host.close()
        self._hosts = {"here": Host()}

    def restart(self, name: str) -> None:
        """Forget a host whose process has ended; the next use starts another."""
        host = self._hosts[name]
        if isinstance(host, RemoteHost) and host._process.poll() is not None:
            del self._hosts[name]


Report = Callable[[Sequence[tuple[Measurement, Sequence[Figures]]]], str]


def measure(measurement: Measurement, hosts: Hosts) -> list[Figures]:
    """The figures of every contestant, in their order."""
    figures = [Figures(contestant.name) for contestant in measurement.contestants]
    steps: dict[int, int] = {}  # for the contestants that are still in

    def attempt(number: int, action: Callable[[Any], None]) -> None:
        contestant = measurement.contestants[number]
        try:
            action(hosts[contestant.host])
        except Unavailable as reason:
            figures[number].error = str(reason)
            steps.pop(number, None)
        except Exception as error:  # noqa: BLE001 - reported with the figures; the others go on
            figures[number].error = str(error) if contestant.host != "here" else describe(error)
            if contestant.host == "here":
                traceback.print_exc()
            steps.pop(number, None)
            hosts.restart(contestant.host)

    def start(number: int, host: Any) -> None:
        contestant = measurement.contestants[number]
        figures[number].first = host.start(number, contestant.factory, contestant.args)
        steps[number] = steps_for(measurement.seconds, lambda n: host.sample(number, n))

    def sample(number: int, host: Any) -> None:
        figures[number].samples.append(host.sample(number, steps[number]) / steps[number])

    order = range(len(figures))
    for number in order:
        attempt(number, lambda host, number=number: start(number, host))
    for round_ in range(measurement.rounds):
        for number in order if round_ % 2 == 0 else reversed(order):
            if number in steps:
                attempt(number, lambda host, number=number: sample(number, host))
    for number in list(steps):
        attempt(number, lambda host, number=number: host.stop(number))
    baseline = next((f for f in figures if f.name == measurement.baseline and not f.error), None)
    for entry in figures:
        if not entry.error:
            summarise(entry, baseline)
    return figures


def steps_for(seconds: float, sample: Callable[[int], float]) -> int:
    """How many steps a sample of so many seconds takes, found by sampling: 1 step, 2, 4, ...; this warms up, too."""
    steps = 1
    while (spent := sample(steps)) < seconds / 4:
        steps *= 2
        if steps > MOST_STEPS:
            raise ValueError(f"{steps // 2} steps took {spent:g} s only: it does nothing")
    return math.ceil(steps * seconds / spent)


def summarise(figures: Figures, baseline: Figures | None) -> None:
    """Fill in median, best, spread and ratio from the samples."""
    figures.median, figures.best = statistics.median(figures.samples), min(figures.samples)
    if len(figures.samples) > 1:
        low, _, high = statistics.quantiles(figures.samples, n=4, method="inclusive")
        figures.spread = (high - low) / 2 / figures.median
    if baseline is not None:
        pairs = zip(figures.samples, baseline.samples, strict=True)
        figures.ratio = statistics.median(own / other for own, other in pairs)


def table(measurement: Measurement, results: Sequence[Figures]) -> str:
    """The figures of one measurement as text."""
    factor, baseline = UNITS[measurement.unit], measurement.baseline
    base = next((f for f in results if f.name == baseline and f.ratio is not None), None)
    lines = [f"{measurement.name:<34}{'median, ' + measurement.unit:>11}{'spread':>9}{'best':>9}"
             f"{'to ' + baseline:>12}{'best minus its':>17}{'first step':>13}"]  # fmt: skip
    for entry in results:
        if entry.error or entry.median is None or entry.best is None:
            lines.append(f"  {entry.name:<32}  none: {entry.error}")
            continue
        line = f"  {entry.name:<32}{entry.median * factor:>11.2f}"
        line += f"{f'± {entry.spread:.0%}' if entry.spread is not None else '':>9}{entry.best * factor:>9.2f}"
        if base is not None and base.best is not None and entry.ratio is not None and entry is not base:
            line += f"{f'x {entry.ratio:.2f}':>12}{(entry.best - base.best) * factor:>+17.2f}"
        else:
            line += " " * 29
        lines.append(line + (f"{entry.first:>11.3f} s" if entry.first is not None else ""))
    return "\n".join(lines)


def machine_facts(hosts: Hosts) -> dict[str, Any]:
    """What the figures depend on: the machine, the versions, the threads."""
    import torch

    try:
        oracle = hosts["oracle"].facts("mxnet")
    except (Unavailable, RuntimeError) as reason:
        oracle = {"absent": str(reason)}
    return {
        "system": platform.platform(), "processor": _processor(), "cores": os.cpu_count(),
        "usable cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg()[0], "threads": torch.get_num_threads(),
        "OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"], "torch": torch.__version__, **hosts["here"].facts("mxnet"),
        "oracle": oracle,
    }  # fmt: skip


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def run_cases(
    cases: dict[str, Iterable[Measurement | Count]], hosts: Hosts, folder: Path,
    reports: Mapping[str, Report] | None = None,
) -> Path:  # fmt: skip
    """Measure cases, printing a table after each measurement, and save all figures; the file grows as they come.

    reports  by name of the case: what to print after all of its measurements, in the place of their tables
    Returns: the path of the JSON file, in folder: date, machine, and for each measurement its contestants' figures,
        for each count those of its rows.
    """
    now = datetime.datetime.now().astimezone()
    report: dict[str, Any] = {"date": now.isoformat(timespec="seconds"), "machine": machine_facts(hosts), "cases": {}}
    for name, fact in report["machine"].items():
        print(f"{name:<17}{fact}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y%m%d-%H%M%S}.json"
    for name, measurements in cases.items():
        print(f"\n== {name}")
        entries = report["cases"][name] = []
        whole = (reports or {}).get(name)
        measured = []
        for measurement in measurements:
            if isinstance(measurement, Count):
                entries.append({"name": measurement.name, "rows": (rows := [])})
                print(f"\n{measurement.name}\n{measurement.heading}")
                for text, row in measurement.rows():
                    print(text, flush=True)
                    rows.append(row)
                    save(path, report)
                continue
            results = measure(measurement, hosts)
            measured.append((measurement, results))
            if whole is None:
                print("\n" + table(measurement, results), flush=True)
            entries.append({**asdict(measurement), "figures": [asdict(entry) for entry in results]})
            save(path, report)
        if whole is not None:
            print("\n" + whole(measured), flush=True)
    return path


def save(path: Path, report: dict[str, Any]) -> None:
    """Write the JSON file."""
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
