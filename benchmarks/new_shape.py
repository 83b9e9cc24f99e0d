"""What a new batch size costs once a network runs: seconds of the processor, on one thread, until its plan can run.

Nothing is computed. The first plan of the process also loads what torch and mxnext need for it, so it is given apart;
garbage that Python collects in between is not counted.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Iterator
from typing import Any

from .harness import Count

NETWORKS = ("resnet50_v1", "mobilenetv2_1.0", "vgg16", "inceptionv3")
BATCHES = (8, 32, 24, 12, 48, 20)
HEADING = f"{'ms of processor time':<34}{'first':>10}{'median':>10}{'worst':>10}"
Row = tuple[str, dict[str, Any]]


def measurements(quick: bool) -> list[Count]:
    """Training steps and forward passes of networks from Gluon's model zoo, shapes inferred, planned and compiled."""
    names = NETWORKS[:1] if quick else NETWORKS
    return [Count("a new batch size", HEADING, lambda: rows(names))]


def rows(names: tuple[str, ...]) -> Iterator[Row]:
    """A row for each network, training and forward."""
    for name in names:
        for training in (True, False):
            first, *others = planning_times(name, training)
            found = {"first": first, "median": statistics.median(others), "worst": max(others)}
            label = f"{name}, {'training' if training else 'forward'}"
            yield label.ljust(34) + "".join(f"{1e3 * seconds:>10.0f}" for seconds in found.values()), found


def planning_times(name: str, training: bool) -> list[float]:
    """Seconds of the processor for the plans of one batch size after the other."""
    import mxnet as mx
    from mxnet.graph.graph import Value
    from mxnet.graph.infer import infer_dtypes, infer_shapes
    from mxnet.graph.planned import plan
    from mxnet.graph.program import Program

    size = 299 if name.startswith("inception") else 224
    symbol = mx.gluon.model_zoo.vision.get_model(name)(mx.sym.Variable("data"))
    graph = symbol.graph
    wanted = [name for name in symbol.list_arguments() if training and name != "data"]
    dtypes = infer_dtypes(graph, {})
    kinds = {node.name: dtypes[Value(node, 0)] or "float32" for node in graph.variables}
    program = Program(graph, as_created=True)
    times = []
    for batch in BATCHES:
        gc.collect()
        begin = time.process_time()
        known = infer_shapes(graph, {"data": (batch, 3, size, size)}, dtypes)
        shapes = {node.name: known[Value(node, 0)] for node in graph.variables}
        planned = plan(program, shapes, kinds, training=training, wanted=wanted)
        planned.compiled  # noqa: B018  # the program made ready to run
        times.append(time.process_time() - begin)
    return times
