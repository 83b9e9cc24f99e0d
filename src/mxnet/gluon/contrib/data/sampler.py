"""Samplers that are not among the usual ones."""

from __future__ import annotations

from collections.abc import Iterator

from ...data.sampler import Sampler

__all__ = ["IntervalSampler"]


class IntervalSampler(Sampler):
    """Every interval-th index of [0, length), beginning at 0; with rollover then at 1, 2, ... until all were drawn.

    Raises: AssertionError if interval is larger than length, as in MXNet; ValueError unless it is positive.

    >>> list(IntervalSampler(13, interval=3))
    [0, 3, 6, 9, 12, 1, 4, 7, 10, 2, 5, 8, 11]
    >>> list(IntervalSampler(13, interval=3, rollover=False))
    [0, 3, 6, 9, 12]
    """

    def __init__(self, length: int, interval: int, rollover: bool = True):
        if interval > length:
            raise AssertionError(f"Interval {interval} must be smaller than or equal to length {length}")
        if interval < 1:
            raise ValueError(f"IntervalSampler: interval is {interval}; expected at least 1")
        self._length = length
        self._interval = interval
        self._rollover = rollover

    def __iter__(self) -> Iterator[int]:
        for start in range(self._interval if self._rollover else 1):
            yield from range(start, self._length, self._interval)

    def __len__(self) -> int:
        """length, with and without rollover, as in MXNet."""
        return self._length
