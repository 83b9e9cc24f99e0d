"""Monitor: statistics of the arrays inside a computation."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from typing import Any

from .ndarray import NDArray
from .ndarray.invoke import call_by_name

__all__ = ["Monitor"]


def _mean_norm(values: NDArray) -> NDArray:
    """Euclidean norm divided by the square root of the number of elements."""
    return call_by_name("norm", values) / math.sqrt(values.size)


class Monitor:
    """Collects a statistic of outputs, parameters and so on, every few batches.

    Args:
        interval: batches from one collection to the next.
        stat_func: function from an array to the statistic, an NDArray or a list of them; default the norm divided by
            the square root of the number of elements.
        pattern: regular expression; names that it matches at their start are watched.
        sort: sort the results by name.
        monitor_all: watch the inputs of operators too.
    """

    def __init__(
        self, interval: int, stat_func: Callable[[NDArray], Any] | None = None, pattern: str = ".*", sort: bool = False,
        monitor_all: bool = False,
    ):  # fmt: skip
        self.stat_func = stat_func or _mean_norm
        self.interval = interval
        self.activated = False
        self.queue: list[tuple[int, str, Any]] = []
        self.step = 0
        self.exes: list[Any] = []
        self.re_prog = re.compile(pattern)
        self.sort = sort
        self.monitor_all = monitor_all

    def stat_helper(self, name: str, array: NDArray) -> None:
        """Take the statistic of one array, if it is time and the name matches."""
        if self.activated and self.re_prog.match(name):
            self.queue.append((self.step, name, self.stat_func(array)))

    def install(self, exe: Any) -> None:
        """Watch an executor."""
        exe.set_monitor_callback(self.stat_helper, self.monitor_all)
        self.exes.append(exe)

    def tic(self) -> None:
        """Begin a batch; call it before forward."""
        if self.step % self.interval == 0:
            self.queue = []
            self.activated = True
        self.step += 1

    def toc(self) -> list[tuple[int, str, str]]:
        """End a batch; call it after backward or update.

        Returns: the number of the batch, name, and statistic as text, for each array watched; empty if it was not time.
        Raises: AssertionError if a statistic is no NDArray.
        """
        if not self.activated:
            return []
        for exe in self.exes:
            for names, arrays in ((exe._arg_names, exe.arg_arrays), (exe._aux_names, exe.aux_arrays)):
                for name, array in zip(names, arrays, strict=True):
                    self.stat_helper(name, array)
        self.activated = False
        results = []
        for step, name, statistics in sorted(self.queue, key=lambda one: one[1]) if self.sort else self.queue:
            texts = []
            for value in statistics if isinstance(statistics, list) else [statistics]:
                if not isinstance(value, NDArray):
                    raise AssertionError(f"stat_func gave {value!r} for {name}; expected an NDArray or a list of them")
                texts.append(str(value.asscalar() if value.size == 1 else value.asnumpy()) + "\t")
            results.append((step, name, "".join(texts)))
        self.queue = []
        return results

    def toc_print(self) -> None:
        """`toc`, and log the results."""
        for step, name, text in self.toc():
            logging.info("Batch: %7d %-30s %s", step, name, text)
