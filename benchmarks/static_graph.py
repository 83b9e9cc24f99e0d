"""What the static graph gains and costs: training steps in every way there is, and recomputation under budgets.

torch runs in a process of its own, as mxnext keeps freed memory for the whole of its process, which would help torch.
"""

from __future__ import annotations

from typing import Any

from .harness import Contestant, Measurement
from .memory import BUDGETS as BUDGETS_OF_ORIGINAL
from .memory import LONG, MB, ORIGINAL
from .networks import NETWORKS

GLUON, MODULE = "benchmarks.programs.mxnet_training:gluon_steps", "benchmarks.programs.mxnet_training:module_steps"
EXECUTOR, TORCH = "benchmarks.programs.mxnet_executor:steps", "benchmarks.programs.torch_training:steps"
BUDGETS = (0.75, 0.5)  # of what the results take without one
LARGE = ("ResNet [3, 24, 36, 3]", "VGG-16")  # left out by --quick
STATIC = {"static_alloc": True}


def measurements(quick: bool) -> list[Measurement]:
    """Networks of Gluon in all ways, then executors with and without recomputation."""
    image = 64 if quick else 224
    sequence, rows = (8, 4) if quick else (35, 32)
    tokens, length = (2, 32) if quick else (8, 128)
    rounds = 3 if quick else 7
    return [
        training("resnet50_v1", (8, 3, image, image), (8,), 1000, 25_575_912, rounds),
        training("LSTM language model", (sequence, rows), (sequence, rows), 10000, 6_182_672, rounds),
        training("transformer encoder layer", (tokens, length, 512), (tokens, length), 512, 3_152_384, rounds),
        training("MLP", (64, 784), (64,), 10, 535_818, 5 if quick else 25),
        *(executors(name, quick, rounds) for name in NETWORKS if name in executed(quick)),
        *([] if quick else [under_budget(name, part) for name, part in BUDGETS_OF_ORIGINAL]),
    ]


def executed(quick: bool) -> list[str]:
    """The networks that executors train."""
    return [name for name in NETWORKS if "1000 steps" not in name and not (quick and name in LARGE)]


def training(
    network: str, shape: tuple[int, ...], labels: tuple[int, ...], classes: int, parameters: int, rounds: int
) -> Measurement:
    """A training step with SGD; each contestant checks its number of parameters."""
    job: tuple[Any, ...] = (network, shape, labels, classes, parameters)
    modes = ("eager", "channels-last", "compiled") if len(shape) == 4 else ("eager", "compiled")
    return Measurement(
        f"{network}, {'x'.join(map(str, shape))}", unit="ms", baseline="torch, eager", rounds=rounds, seconds=0.2,
        contestants=(
            Contestant("mxnext, imperative", GLUON, (*job, None)),
            Contestant("mxnext, hybridized", GLUON, (*job, {})),
            Contestant("mxnext, static_alloc", GLUON, (*job, STATIC)),
            Contestant("mxnext, static_alloc, fuse", GLUON, (*job, {**STATIC, "fuse": True})),
            Contestant("mxnext, Module", MODULE, job),
            *(Contestant(f"torch, {mode}", TORCH, (*job, mode), host="torch") for mode in modes),
            Contestant("MXNet 1.9.1, static_alloc", GLUON, (*job, STATIC), host="oracle"),
            Contestant("MXNet 1.9.1, Module", MODULE, job, host="oracle"),
        ),
    )  # fmt: skip


def executors(network: str, quick: bool, rounds: int) -> Measurement:
    """Forward and backward by an executor: a quarter of the batch of the case `memory`, or a sixteenth."""
    batch = NETWORKS[network][0] // (16 if quick else 4)
    return Measurement(
        f"{network}, {batch}", unit="ms", baseline="all results kept", rounds=rounds, seconds=0.2,
        contestants=(
            Contestant("all results kept", EXECUTOR, (network, batch, False)),
            Contestant("planned", EXECUTOR, (network, batch)),
            *(Contestant(f"budget {part:g}", EXECUTOR, (network, batch, True, part)) for part in BUDGETS),
            Contestant("MXNet 1.9.1", EXECUTOR, (network, batch), host="oracle"),
        ),
    )  # fmt: skip


def under_budget(network: str, part: float) -> Measurement:
    """A step within a part of what MXNet 1.9.1 plans for the same network and batch; aim: 1.35 times the time."""
    batch, original = NETWORKS[network][0], ORIGINAL[network]["training"]["planned"] * MB
    return Measurement(
        f"{network}, {batch}, {part:g} of the original's plan", unit="s", baseline="as planned",
        rounds=1 if network in LONG else 3, seconds=0.2,
        contestants=(
            Contestant("as planned", EXECUTOR, (network, batch)),
            Contestant("under the budget", EXECUTOR, (network, batch, True, part, original)),
        ),
    )  # fmt: skip
