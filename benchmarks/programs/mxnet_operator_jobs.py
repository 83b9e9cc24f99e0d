"""The jobs of operator_jobs.py in MXNet."""

import numpy as np

from mxnet import autograd, nd

from .operator_jobs import BY_NAME, arrays


def program(name, size, gradient):
    """run(n) for a job, at the small (0) or the real (1) size, with its gradient or without."""
    job = BY_NAME[name]
    values = {"nd": nd, "n": job.n[size], "s": job.s[size]}
    for letter, (value, differentiated) in arrays(job, size, np.random.RandomState(0)).items():
        values[letter] = nd.array(value)
        if gradient and differentiated:
            values[letter].attach_grad()
    call = eval("lambda: " + job.mxnet, values)  # noqa: S307 (an expression of this folder)
    if not gradient:
        def run(n):
            for _ in range(n):
                call()
            nd.waitall()

        return run

    out = call()
    heads = [nd.ones_like(item) for item in out] if isinstance(out, list) else nd.ones_like(out)

    def train(n):
        for _ in range(n):
            with autograd.record():
                out = call()
            autograd.backward(out, heads) if isinstance(out, list) else out.backward(heads)
        nd.waitall()

    return train
