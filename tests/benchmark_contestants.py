"""Contestants for the tests of the benchmark harness; light, as other processes load them too."""

from __future__ import annotations

import os
import time


def slow(seconds):
    """A contestant that takes so many seconds a step."""
    return lambda n: time.sleep(seconds * n)


def broken():
    """A contestant that can't be built."""
    raise ValueError("can't be built\nwith details")


def tired(limit):
    """A contestant that fails after some steps."""
    taken = 0

    def run(n):
        nonlocal taken
        taken += n
        if taken > limit:
            raise ArithmeticError(f"tired after {limit} steps")

    return run


def noisy():
    """A contestant that prints where the answers of its process go."""
    print("not an answer")
    os.write(1, b"nor this\n")
    return slow(0.001)


def deadly():
    """A contestant that ends its process."""
    os._exit(3)
