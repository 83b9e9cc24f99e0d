"""Small operators of mx.nd, called again and again."""

from __future__ import annotations

import mxnet as mx
from mxnet import autograd, nd


def program(job):
    """run(n) for one of the jobs of operator_overhead."""
    x, y, w = (nd.random.uniform(shape=(8, 8)) for _ in range(3))
    b = nd.zeros((8,))
    recorded, _, expression = job.rpartition(": ")
    if recorded:
        for array in (x, y, w, b):
            array.attach_grad()

    def repeat(call, n):
        for _ in range(n):
            call()

    if expression == "x += y":
        y *= 0  # adding for ever must not overflow

        def call():
            nonlocal x
            x += y
    elif recorded == "recorded, with backward":
        def call():
            with autograd.record():
                z = x * y
            z.backward()
    else:
        call = {
            "x + y": lambda: x + y,
            "x * 2": lambda: x * 2,
            "exp(x)": lambda: nd.exp(x),
            "sum(x)": lambda: nd.sum(x),
            "dot(x, y)": lambda: nd.dot(x, y),
            "x[2:4]": lambda: x[2:4],
            "x.reshape(64)": lambda: x.reshape(64),
            "FullyConnected(x, w, b)": lambda: nd.FullyConnected(x, w, b, num_hidden=8),
        }[expression]

    def run(n):
        if recorded == "recorded":
            with autograd.record():
                repeat(call, n)
        else:
            repeat(call, n)
        mx.nd.waitall()

    return run
