"""A picture of a memory plan: what results hold over the steps of the program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .memory import Buffer, MemoryPlan

_KINDS = (
    ("outputs", "#857ba8"),
    ("kept for backward", "#35618f"),
    ("within the forward pass", "#9dbfe0"),
    ("made again", "#6aa36f"),
    ("gradients and what they need", "#e2a04a"),
)
_COLUMNS = 1200  # of more steps, each column shows the one that holds most
_INK, _FAINT = "#333333", "#8a8a8a"


def draw(plan: MemoryPlan) -> Any:
    """The matplotlib figure for a plan; see `MemoryPlan.plot`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    unit, name = unit_for(plan.planned_bytes)
    total = plan.profile()
    steps = _shown(total)
    layers = {kind: held(buffers, plan.num_steps) for kind, buffers in _by_kind(plan).items()}
    below = [0.0] * len(steps)
    for kind, color in _KINDS:
        if not any(layers[kind]):
            continue
        above = [base + layers[kind][step] / unit for base, step in zip(below, steps, strict=True)]
        axes.fill_between(steps, below, above, step="mid", color=color, linewidth=0, label=kind)
        below = above
    axes.plot(steps, [total[step] / unit for step in steps], drawstyle="steps-mid", color=_INK, linewidth=0.6)
    top = max(plan.planned_bytes / unit, 1e-9)
    axes.set(xlim=(-0.5, max(plan.num_steps - 0.5, 0.5)), ylim=(0, 1.18 * top))
    _mark_passes(axes, plan)
    _mark_peak(axes, plan, top, f"{plan.planned_bytes / unit:,.{_digits(top)}f} {name}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, length=3)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.{_digits(top)}f}")
    axes.set_xlabel("step of the program", color=_INK)
    axes.set_ylabel(f"results held, {name}", color=_INK)
    figure.suptitle(_title(plan), x=0.01, ha="left", fontsize=11, color=_INK)
    if axes.collections:
        figure.legend(loc="outside lower center", ncols=len(_KINDS), frameon=False, fontsize=9, labelcolor=_INK)
    return figure


def unit_for(nbytes: int) -> tuple[int, str]:
    """The bytes of a unit in which a size is easy to read, and its name."""
    for size, name in ((2**30, "GB"), (2**20, "MB"), (2**10, "KB")):
        if nbytes >= 10 * size:
            return size, name
    return 1, "bytes"


def held(buffers: Iterable[Buffer], num_steps: int) -> list[int]:
    """Bytes that buffers hold during each step."""
    changes = [0] * (num_steps + 2)
    for buffer in buffers:
        changes[buffer.first] += buffer.nbytes
        changes[buffer.last + 1] -= buffer.nbytes
    found, total = [], 0
    for change in changes[:num_steps]:
        total += change
        found.append(total)
    return found


def _by_kind(plan: MemoryPlan) -> dict[str, list[Buffer]]:
    outputs, kept, within, again, gradients = (name for name, _ in _KINDS)
    found: dict[str, list[Buffer]] = {name: [] for name, _ in _KINDS}
    for buffer in plan.buffers:
        if buffer.first >= plan.num_forward:
            kind = again if buffer.label.endswith(" again") else gradients
        elif buffer.last >= plan.num_steps:
            kind = outputs
        else:
            kind = kept if buffer.last >= plan.num_forward else within
        found[kind].append(buffer)
    return found


def _shown(total: Sequence[int]) -> list[int]:
    """The steps to draw: all, or of each of many groups the one that holds most."""
    count = len(total)
    if count <= _COLUMNS:
        return list(range(count))
    edges = [count * column // _COLUMNS for column in range(_COLUMNS + 1)]
    return [max(range(low, high), key=total.__getitem__) for low, high in zip(edges, edges[1:], strict=False)]


def _mark_passes(axes: Any, plan: MemoryPlan) -> None:
    """Names above the forward and the backward pass, and a line between them."""
    if plan.num_forward == plan.num_steps:
        return
    border = plan.num_forward - 0.5
    axes.axvline(border, color=_FAINT, linestyle=(0, (4, 3)), linewidth=1)
    place = axes.get_xaxis_transform()
    axes.annotate("forward ", (border, 0.985), xycoords=place, ha="right", va="top", color=_FAINT, fontsize=9)
    axes.annotate(" backward", (border, 0.985), xycoords=place, ha="left", va="top", color=_FAINT, fontsize=9)


def _mark_peak(axes: Any, plan: MemoryPlan, top: float, text: str) -> None:
    step = plan.peak_step()
    right = step < 0.8 * plan.num_steps
    axes.plot([step], [top], "o", color="#c8433f", markersize=4.5, clip_on=False, zorder=5)
    axes.annotate(
        text, (step, top), xytext=(6 if right else -6, 3), textcoords="offset points", ha="left" if right else "right",
        color="#c8433f", fontsize=9, fontweight="bold",
    )  # fmt: skip


def _title(plan: MemoryPlan) -> str:
    unit, name = unit_for(plan.planned_bytes)
    sizes = (plan.planned_bytes, plan.unshared_bytes)
    planned, unshared = (f"{size / unit:,.{_digits(plan.planned_bytes / unit)}f} {name}" for size in sizes)
    title = f"Results need {planned}, instead of {unshared} with storage of their own"
    if plan.recomputed_share:
        title += f"; made again in about {plan.recomputed_share:.1%} of the step"
    return title


def _digits(top: float) -> int:
    return 0 if top >= 20 else 1
