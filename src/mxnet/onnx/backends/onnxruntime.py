"""ONNX Runtime: the whole graph as one session, on torch's memory without copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...base import MXNetError
from ...graph.graph import Graph
from .common import CPU, Engine, checked, model_of


class OnnxRuntime(Engine):
    """Runs graphs by ONNX Runtime on the CPU, with as many threads as torch has when a graph is compiled."""

    name = "onnxruntime"

    def device_of(self, constants: Mapping[str, Tensor]) -> torch.device:
        """Where a graph with these constants runs."""
        return CPU

    def providers(self, device: torch.device) -> list[Any]:
        """ONNX Runtime's names of what runs the graph, the first that can; some with options."""
        return ["CPUExecutionProvider"]

    def check_session(self, session: Any) -> None:
        """Raise MXNetError if a session doesn't use what it should."""

    def compile(
        self, graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str],
        constants: Mapping[str, Tensor],
    ) -> Callable[[Sequence[Tensor]], list[Tensor]]:  # fmt: skip
        """A function from the graph's variables without constants, in order, to its outputs; from any thread.

        Raises: MXNetError if a package is missing, or the graph can't be translated or run.
        """
        self.check()
        model, inputs, outputs = model_of(self.name, graph, shapes, dtypes, constants)
        device = self.device_of(constants)
        session = self._session(model, device)
        place = device.type, device.index or 0
        kinds = {port.dtype: _element_type(port.dtype) for port in (*inputs, *outputs)}

        idle: list[Any] = []  # bindings that no thread uses at the moment

        def run(tensors: Sequence[Tensor]) -> list[Tensor]:
            try:
                binding = idle.pop()
            except IndexError:
                binding = session.io_binding()
            given = [checked(self.name, port, tensors, device) for port in inputs]  # they must live until the end
            for port, tensor in zip(inputs, given, strict=True):
                binding.bind_input(port.name, *place, kinds[port.dtype], port.shape, tensor.data_ptr())
            results = [torch.empty(port.shape, dtype=port.dtype, device=device) for port in outputs]
            for port, result in zip(outputs, results, strict=True):
                binding.bind_output(port.name, *place, kinds[port.dtype], port.shape, result.data_ptr())
            if device.type == "cuda":  # the session has a stream of its own, and returns when it is done
                torch.cuda.current_stream(device).synchronize()
            session.run_with_iobinding(binding)
            idle.append(binding)
            return results

        return run

    def _session(self, model: bytes, device: torch.device) -> Any:
        import onnxruntime as runtime

        try:
            session = runtime.InferenceSession(model, session_options(), providers=self.providers(device))
        except Exception as error:
            raise MXNetError(f"backend {self.name!r}: the graph can't be run: {error}") from error
        self.check_session(session)
        return session


def session_options() -> Any:
    """Those of a session: torch's number of threads, one operator at a time, errors only."""
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def _element_type(dtype: torch.dtype) -> Any:
    """NumPy's type, or ONNX's number for what NumPy lacks."""
    if dtype is torch.bfloat16:
        from ..builder import ONNX_DTYPES

        return ONNX_DTYPES["bfloat16"]
    return torch.empty(0, dtype=dtype).numpy().dtype.type
