"""How much memory a forward pass or a training step needs, and when: from shapes alone, before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..ops.dtypes import torch_dtype
from .liveness import live_ranges
from .lower_bound import lower_bound
from .plan_picture import draw, held, unit_for
from .planned import Planned


@dataclass(frozen=True)
class Buffer:
    """One block of memory that results need while the step runs.

    label   what makes it: a node of the graph, or the gradient of one
    nbytes  its size
    first   step of the program that makes it
    last    last step that needs it; the number of steps if it outlives the program
    values  everything that lies in it, one after the other
    """

    label: str
    nbytes: int
    first: int
    last: int
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class MemoryPlan:
    """The storage of a forward pass or a training step. All sizes are in bytes.

    planned_bytes      all storage that results need while the step runs; parameters and inputs are apart
    lower_bound_bytes  the largest sum of results that must be there at one time, from the step that makes them to the
                       last that reads them: no plan of these operations needs less
    unshared_bytes     what the results would take if each kept storage of its own
    parameter_bytes    arguments without the inputs, and auxiliary states
    input_bytes        arguments whose shapes were given: data and labels
    prologue_bytes     in inference: results that depend on parameters alone, held from run to run
    gradient_bytes     the arrays that take the gradients of arguments
    optimizer_bytes    states of the optimizer
    peak_bytes         everything together
    num_steps          operations in the program
    num_forward        those of the forward pass, which come first
    buffers            the blocks of results, in order of the step that makes them
    beside             nodes that are called as a whole; what they hold inside is not part of these numbers
    recomputed_share   the time for results that are computed again, as a share of that of the step, estimated

    Kernels may use workspaces of their own within one operation; they are not part of these numbers.
    """

    planned_bytes: int
    lower_bound_bytes: int
    unshared_bytes: int
    parameter_bytes: int
    input_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    num_steps: int
    num_forward: int
    buffers: tuple[Buffer, ...] = field(repr=False)
    beside: tuple[str, ...] = ()
    recomputed_share: float = 0.0
    prologue_bytes: int = 0

    @property
    def peak_bytes(self) -> int:
        """Parameters, inputs, gradients, optimizer states and results together."""
        apart = self.parameter_bytes + self.input_bytes + self.gradient_bytes + self.optimizer_bytes
        return apart + self.prologue_bytes + self.planned_bytes

    def profile(self) -> list[int]:
        """Bytes of results held during each step."""
        return held(self.buffers, self.num_steps)

    def peak_step(self) -> int:
        """The step during which results hold most."""
        held = self.profile()
        return max(range(len(held)), key=held.__getitem__) if held else 0

    def __str__(self) -> str:
        rows = [
            ("results, each in storage of its own", self.unshared_bytes),
            ("results, planned", self.planned_bytes),
            ("results, lower bound", self.lower_bound_bytes),
            ("parameters", self.parameter_bytes),
            ("what is kept that depends on them", self.prologue_bytes),
            ("inputs", self.input_bytes),
            ("gradients", self.gradient_bytes),
            ("optimizer states", self.optimizer_bytes),
            ("everything together", self.peak_bytes),
        ]
        unit, unit_name = unit_for(max(nbytes for _, nbytes in rows))

        def size(nbytes: int) -> str:
            return f"{nbytes / unit:,.{0 if unit == 1 else 1}f} {unit_name}"

        lines = [f"{name:<38}{size(nbytes):>14}" for name, nbytes in rows]
        if self.recomputed_share:
            lines.append(f"Results computed again take about {self.recomputed_share:.1%} of the time of the step.")
        if self.beside:
            lines.append(f"Called beside the program: {', '.join(self.beside)}.")
        step = self.peak_step()
        largest = sorted((b for b in self.buffers if b.first <= step <= b.last), key=lambda b: -b.nbytes)[:12]
        lines.append(f"Largest of the results held at the peak, step {step} of {self.num_steps}:")
        lines += [f"  {b.label:<36}{size(b.nbytes):>14}   steps {b.first} to {b.last}" for b in largest]
        return "\n".join(lines)

    def plot(self, path: str | None = None) -> Any:
        """A picture of the storage that results hold over the steps, by what they are for.

        Args:
            path: file to write it to, for example "plan.png".
        Returns: the matplotlib figure.
        Raises: ImportError without matplotlib.
        """
        figure = draw(self)
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure


def memory_plan(
    planned: Planned, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], *, inputs: Iterable[str],
    wanted: Iterable[str] = (), optimizer_bytes: int = 0, prologue_bytes: int = 0,
) -> MemoryPlan:  # fmt: skip
    """The plan of a planned program as a value.

    Args:
        shapes, dtypes: of every variable, by name.
        inputs: the variables that are data and labels rather than parameters.
        wanted: the variables whose gradients are asked for.
        optimizer_bytes: size of the states of the optimizer.
        prologue_bytes: of results that are held from run to run.
    """
    lowered = planned.chosen.program
    ranges = live_ranges(lowered)
    labels: dict[int, list[str]] = {}
    for instruction in lowered.instructions:
        for value in instruction.made:
            shared = labels.setdefault(lowered.storage_of[value], [])
            if instruction.label not in shared:
                shared.append(instruction.label)
    buffers = tuple(
        Buffer(labels[storage][0], lowered.storages[storage].nbytes, *ranges[storage], tuple(labels[storage]))
        for storage in sorted(ranges, key=lambda storage: ranges[storage])
        if lowered.storages[storage].nbytes
    )

    def size(names: Iterable[str]) -> int:
        return sum(_size(shapes[name], dtypes[name]) for name in names)

    given = set(inputs) & set(shapes)
    first = planned.lowered
    unshared = sum(first.storages[storage].nbytes for storage in live_ranges(first))
    return MemoryPlan(
        planned_bytes=planned.chosen.peak, lower_bound_bytes=lower_bound(lowered), unshared_bytes=unshared,
        parameter_bytes=size(name for name in shapes if name not in given), input_bytes=size(given),
        gradient_bytes=size(wanted), optimizer_bytes=optimizer_bytes, num_steps=len(lowered.instructions),
        num_forward=lowered.num_forward, buffers=buffers, beside=tuple(lowered.beside),
        recomputed_share=planned.chosen.share, prologue_bytes=prologue_bytes,
    )  # fmt: skip


def _size(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * torch_dtype(dtype).itemsize
