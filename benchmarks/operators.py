"""The operators that programs use most, one call each, small and at a real size, forward and with its gradient.

Aims: at a real size never slower than 1.1 times the faster of torch and MXNet 1.9.1; at a small size at most 2.5
microseconds over torch. Best samples are compared, for noise from outside only adds.
"""

from __future__ import annotations

from collections.abc import Sequence

from .harness import UNITS, Contestant, Figures, Measurement
from .programs.operator_jobs import JOBS

SLOWER = 1.1
OVER = 2.5e-6
_KINDS = (("forward", 0, False), ("gradient", 0, True), ("forward", 1, False), ("gradient", 1, True))


def measurements(quick: bool, only: Sequence[str] = ()) -> list[Measurement]:
    """Four for each operator: small and real, forward and with gradient (the latter where there is one)."""
    return [
        Measurement(
            name=f"{job.name}, {('small', 'real')[size]}, {kind}", unit=("µs", "ms")[size], baseline="torch",
            rounds=(31, 9)[size] if quick else (101, 31)[size], seconds=(0.0004, 0.004)[size],
            contestants=(
                Contestant("mxnext", "benchmarks.programs.mxnet_operator_jobs:program", (job.name, size, gradient)),
                Contestant("torch", "benchmarks.programs.torch_operator_jobs:program", (job.name, size, gradient)),
                Contestant(
                    "MXNet 1.9.1", "benchmarks.programs.mxnet_operator_jobs:program", (job.name, size, gradient),
                    host="oracle",
                ),
            ),
        )
        for job in JOBS
        for kind, size, gradient in _KINDS
        if (job.gradient or not gradient) and (not only or job.name in only)
    ]  # fmt: skip


def _compare(measurement: Measurement, results: Sequence[Figures]) -> tuple[str, bool]:
    """What there is to say of one measurement, and whether it misses its aim."""
    ours, *others = (None if entry.error else entry.best for entry in results)
    if ours is None:
        return f"failed: {results[0].error}", True
    known = [best for best in others if best is not None]
    if not known:
        return "nothing to compare with", False
    if measurement.unit == "µs":
        if others[0] is None:
            return "torch failed", False
        return f"{(ours - others[0]) * 1e6:+.1f} µs", ours - others[0] > OVER
    return f"x {ours / min(known):.2f}", ours > SLOWER * min(known)


def report(measured: Sequence[tuple[Measurement, Sequence[Figures]]]) -> str:
    """All figures in one table, a row for each operator and size, then the list of those that miss their aim."""
    missed = []
    lines = [f"{'best samples':<44}{'mxnext':>10}{'torch':>10}{'MXNet 1.9.1':>13}   compared"]
    for measurement, results in measured:
        said, miss = _compare(measurement, results)
        factor = UNITS[measurement.unit]
        cells = ["none" if entry.best is None else f"{entry.best * factor:.2f}" for entry in results]
        lines.append(f"{measurement.name:<44}{cells[0]:>10}{cells[1]:>10}{cells[2]:>13}   "
                     f"{measurement.unit}, {said}{'  *' if miss else ''}")  # fmt: skip
        if miss:
            missed.append(f"{measurement.name:<44}{said}")
    aim = f"more than {OVER * 1e6:g} µs over torch, or {SLOWER} times the faster one"
    lines += ["", f"{len(missed)} of {len(measured)} miss the aim ({aim}){':' if missed else '.'}", *missed]
    return "\n".join(lines)
