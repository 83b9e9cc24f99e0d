"""The jobs of operator_jobs.py in torch. Gradients are replaced, as those of MXNet are, not added up."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from .operator_jobs import BY_NAME, arrays


def program(name, size, gradient):
    """run(n) for a job, at the small (0) or the real (1) size, with its gradient or without."""
    job = BY_NAME[name]
    values = {"torch": torch, "F": functional, "n": job.n[size], "s": job.s[size], "training": gradient}
    variables = []
    for letter, (value, differentiated) in arrays(job, size, np.random.RandomState(0)).items():
        values[letter] = tensor = torch.from_numpy(value)
        if letter == "i":
            values[letter] = tensor.long()
        elif gradient and differentiated:
            variables.append(tensor.requires_grad_())
    call = eval("lambda: " + (job.trained if gradient else job.torch), values)  # noqa: S307 (as above)
    if not gradient:
        def run(n):
            for _ in range(n):
                call()

        return run

    out = call()
    many = isinstance(out, list)
    heads = [torch.ones_like(item) for item in out] if many else torch.ones_like(out)

    def train(n):
        for _ in range(n):
            for variable in variables:
                variable.grad = None
            out = call()
            torch.autograd.backward(out, heads) if many else out.backward(heads)

    return train
