"""The benchmark of single operators: its jobs run, both contestants compute the same, and its report names misses."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import operators
from benchmarks.harness import Figures
from benchmarks.programs import mxnet_operator_jobs, torch_operator_jobs
from benchmarks.programs.operator_jobs import JOBS, arrays

RANDOM = {"_random_uniform", "_random_normal"}


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_both_contestants_compute_the_same(job):
    import torch
    from torch.nn import functional

    from mxnet import nd

    names = {"n": job.n[0], "s": job.s[0], "training": False}
    ours, theirs = {"nd": nd, **names}, {"torch": torch, "F": functional, **names}
    for letter, (value, _) in arrays(job, 0, np.random.RandomState(0)).items():
        ours[letter] = nd.array(value)
        theirs[letter] = torch.from_numpy(value).long() if letter == "i" else torch.from_numpy(value)
    result, expected = eval(job.mxnet, ours), eval(job.torch, theirs)
    both = [item if isinstance(item, list) else [item] for item in (result, expected)]
    for one, other in zip(*both, strict=True):
        if job.name in RANDOM:
            assert one.shape == tuple(other.shape)
        elif job.name == "L2Normalization":  # torch limits the length from below, MXNet adds to its square
            np.testing.assert_allclose(one.asnumpy(), other.numpy(), rtol=1e-4)
        else:
            np.testing.assert_allclose(one.asnumpy(), other.numpy().reshape(one.shape), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("job", [job for job in JOBS if job.gradient], ids=lambda job: job.name)
def test_gradients_run(job):
    mxnet_operator_jobs.program(job.name, 0, True)(2)
    torch_operator_jobs.program(job.name, 0, True)(2)


def test_the_report_names_what_misses_the_aim():
    def figures(*bests):
        return [Figures(name, best=best) for name, best in zip(("mxnext", "torch", "MXNet 1.9.1"), bests, strict=True)]

    measured = dict.fromkeys(("exp, small, forward", "log, small, forward", "exp, real, forward", "log, real, forward"))
    by_name = {m.name: m for m in operators.measurements(quick=True)}
    given = zip(
        measured,
        (figures(5e-6, 3e-6, 9e-6), figures(5.6e-6, 3e-6, 9e-6), figures(1.09e-3, 1e-3, 2e-3),
         figures(1.5e-3, 2e-3, 1e-3)),
        strict=True,
    )  # fmt: skip
    text = operators.report([(by_name[name], result) for name, result in given])
    missed = text[text.index("2 of 4 miss the aim") :]
    assert "log, small, forward" in missed and "+2.6 µs" in missed
    assert "log, real, forward" in missed and "x 1.50" in missed
    assert "exp" not in missed


def test_the_sixty_operators_used_most_are_there():
    assert len({job.name for job in JOBS}) == len(JOBS) >= 60
