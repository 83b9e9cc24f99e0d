"""ONNX Runtime: the whole graph as one session on the CPU, on torch's memory without copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...base import MXNetError
from ...graph.graph import Graph
from .common import Engine, checked, model_of


class OnnxRuntime(Engine):
    """Runs graphs by ONNX Runtime on the CPU, with as many threads as torch has when a graph is compiled."""

    name = "onnxruntime"

    def compile(
        self, graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str],
        constants: Mapping[str, Tensor],
    ) -> Callable[[Sequence[Tensor]], list[Tensor]]:  # fmt: skip
        """A function from the graph's variables without constants, in order, to its outputs; from any thread.

        Raises: MXNetError if a package is missing, or the graph can't be translated or run.
        """
        self.check()
        model, inputs, outputs = model_of(self.name, graph, shapes, dtypes, constants)
        session = _session(model)
        kinds = {port.dtype: _element_type(port.dtype) for port in (*inputs, *outputs)}

        idle: list[Any] = []  # bindings that no thread uses at the moment

        def run(tensors: Sequence[Tensor]) -> list[Tensor]:
            try:
                binding = idle.pop()
            except IndexError:
                binding = session.io_binding()
            given = [checked("onnxruntime", port, tensors) for port in inputs]  # they must live until the end
            for port, tensor in zip(inputs, given, strict=True):
                binding.bind_input(port.name, "cpu", 0, kinds[port.dtype], port.shape, tensor.data_ptr())
            results = [torch.empty(port.shape, dtype=port.dtype) for port in outputs]
            for port, result in zip(outputs, results, strict=True):
                binding.bind_output(port.name, "cpu", 0, kinds[port.dtype], port.shape, result.data_ptr())
            session.run_with_iobinding(binding)
            idle.append(binding)
            return results

        return run


def session_options() -> Any:
    """Those of a session: torch's number of threads, one operator at a time, errors only."""
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _session(model: bytes) -> Any:
    import onnxruntime as runtime

    try:
        return runtime.InferenceSession(model, session_options(), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise MXNetError(f"backend 'onnxruntime': the graph can't be run: {error}") from error


def _element_type(dtype: torch.dtype) -> Any:
    """NumPy's type, or ONNX's number for what NumPy lacks."""
    if dtype is torch.bfloat16:
        from ..builder import ONNX_DTYPES

        return ONNX_DTYPES["bfloat16"]
    return torch.empty(0, dtype=dtype).numpy().dtype.type
