"""Forward and backward, without an optimizer, of the networks in benchmarks/networks, by an executor."""

from __future__ import annotations

import mxnet as mx

from ..networks import NETWORKS


def steps(network, batch, recompute=True, budget=None, original=None):
    """run(n) of a network of benchmarks.networks.

    recompute  False: keep all results that backward needs
    budget     of the results: a fraction of what they take when none are computed again for a budget
    original   bytes of which budget is the fraction instead
    """
    _, build, shapes = NETWORKS[network]
    shapes, symbol = shapes(batch), build()
    given = set(shapes).union(name for name in symbol.list_arguments() if name.endswith("_label"))
    grad_req = {name: "null" if name in given else "write" for name in symbol.list_arguments()}
    options = {} if recompute else {"recompute": False}
    if budget is not None:
        plan = symbol.memory_plan(grad_req=grad_req, **shapes)
        most = int(budget * (plan.planned_bytes if original is None else original))
        options = {"memory_budget": plan.peak_bytes - plan.planned_bytes + most}
    executor = symbol.simple_bind(mx.cpu(), grad_req=grad_req, **options, **shapes)
    mx.random.seed(1)
    for name, array in executor.arg_dict.items():
        if name.endswith("_gamma"):
            array[:] = 1
        elif name in given and len(array.shape) < 4:  # word numbers, labels, states
            array[:] = 0
        else:
            array[:] = mx.nd.random.normal(scale=1 if name in given else 0.02, shape=array.shape)
    for name, array in executor.aux_dict.items():
        array[:] = 1 if name.endswith("_var") else 0

    def run(n):
        for _ in range(n):
            executor.forward(is_train=True)
            executor.backward()
        mx.nd.waitall()

    return run
