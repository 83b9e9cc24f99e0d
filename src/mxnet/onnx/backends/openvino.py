"""OpenVINO: the whole graph as one compiled model on the CPU, on torch's memory without copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ...base import MXNetError
from ...graph.graph import Graph
from ...graph.infer import infer_dtypes
from ...ops.dtypes import DTYPE_NAMES
from .common import Engine, checked, model_of

_REFUSED = ("float64", "bfloat16", "int64", "uint32", "uint64")


class OpenVino(Engine):
    """Runs graphs by OpenVINO on the CPU, with as many threads as torch has when a graph is compiled.

    float32 is computed as float32, also on processors that have faster formats.
    """

    name = "openvino"

    def compile(
        self, graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str],
        constants: Mapping[str, Tensor],
    ) -> Callable[[Sequence[Tensor]], list[Tensor]]:  # fmt: skip
        """A function from the graph's variables without constants, in order, to its outputs; from any thread.

        Raises: MXNetError if a package is missing, the graph can't be translated or run, or it has arrays of a dtype
            that OpenVINO would compute in a narrower one (float64, int64, uint32, uint64), or bfloat16.
        """
        self.check()
        import openvino

        _check_dtypes(graph, {**dtypes, **{name: DTYPE_NAMES[value.dtype] for name, value in constants.items()}})
        model, inputs, outputs = model_of(self.name, graph, shapes, dtypes, constants)
        compiled = _compile(model)
        idle: list[Any] = []  # requests that no thread uses at the moment

        def run(tensors: Sequence[Tensor]) -> list[Tensor]:
            try:
                request = idle.pop()
            except IndexError:
                request = compiled.create_infer_request()
            for place, port in enumerate(inputs):
                array = checked("openvino", port, tensors).detach().numpy()
                request.set_input_tensor(place, openvino.Tensor(array, shared_memory=True))
            results = [torch.empty(port.shape, dtype=port.dtype) for port in outputs]
            for place, result in enumerate(results):
                request.set_output_tensor(place, openvino.Tensor(result.numpy(), shared_memory=True))
            request.infer()
            idle.append(request)
            return results

        return run


def configuration() -> dict[str, Any]:
    """How models are compiled: for the shortest time of one call, on torch's number of threads, exactly."""
    return {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": "f32",
    }  # fmt: skip


def _check_dtypes(graph: Graph, dtypes: Mapping[str, str]) -> None:
    for value, dtype in infer_dtypes(graph, dtypes).items():
        if dtype in _REFUSED:
            raise MXNetError(
                f"backend 'openvino': {value.node.name!r} is {dtype}, which OpenVINO computes in another format; cast "
                "floating numbers to float32 and whole ones to int32, or use backend='onnxruntime'."
            )


@lru_cache(maxsize=1)
def _core() -> Any:
    import openvino

    return openvino.Core()


def _compile(model: bytes) -> Any:
    try:
        core = _core()
        return core.compile_model(core.read_model(model), "CPU", configuration())
    except Exception as error:
        raise MXNetError(f"backend 'openvino': the graph can't be run: {error}") from error
