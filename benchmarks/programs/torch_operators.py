"""The same small operators, in torch."""

from __future__ import annotations

import torch
from torch.nn.functional import linear


def program(job):
    """run(n) for one of the jobs of operator_overhead."""
    recorded, _, expression = job.rpartition(": ")
    x, y, w = (torch.rand(8, 8, requires_grad=bool(recorded)) for _ in range(3))
    b = torch.zeros(8, requires_grad=bool(recorded))
    ones = torch.ones(8, 8)

    if expression == "x += y":
        y *= 0

        def call():
            nonlocal x
            x += y
    elif recorded == "recorded, with backward":
        def call():
            # Gradients are replaced, as those of mx.nd are, not added up.
            x.grad = y.grad = None
            (x * y).backward(ones)
    else:
        call = {
            "x + y": lambda: x + y,
            "x * 2": lambda: x * 2,
            "exp(x)": lambda: torch.exp(x),
            "sum(x)": lambda: torch.sum(x),
            "dot(x, y)": lambda: torch.mm(x, y),
            "x[2:4]": lambda: x[2:4],
            "x.reshape(64)": lambda: x.reshape(64),
            "FullyConnected(x, w, b)": lambda: linear(x, w, b),
        }[expression]

    def run(n):
        for _ in range(n):
            call()

    return run
