"""What one small imperative operator costs: on 8x8 arrays the call is everything, the arithmetic nothing.

Aim: at most 2.5 microseconds over torch's own call.
"""

from __future__ import annotations

from .harness import Contestant, Measurement

JOBS = (
    "x + y", "x * 2", "x += y", "exp(x)", "sum(x)", "dot(x, y)", "x[2:4]", "x.reshape(64)", "FullyConnected(x, w, b)",
    "recorded: x + y", "recorded: exp(x)", "recorded: FullyConnected(x, w, b)", "recorded, with backward: x * y",
)  # fmt: skip


def measurements(quick: bool) -> list[Measurement]:
    """One for each job."""
    return [
        Measurement(
            name=job, unit="µs", baseline="torch", rounds=9 if quick else 61, seconds=0.005,
            contestants=(
                Contestant("mxnext", "benchmarks.programs.mxnet_operators:program", (job,)),
                Contestant("torch", "benchmarks.programs.torch_operators:program", (job,)),
                Contestant("MXNet 1.9.1", "benchmarks.programs.mxnet_operators:program", (job,), host="oracle"),
            ),
        )
        for job in JOBS
    ]  # fmt: skip
