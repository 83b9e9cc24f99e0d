"""Replaying a planned forward pass on a GPU: its kernels are recorded once, as a CUDA graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .compiled import CompiledProgram

_WARM_UP = 3  # runs before recording, in which kernels choose their algorithms and libraries take their workspaces


class Replay:
    """A forward pass on inputs of fixed shapes, recorded at the first run.

    Inputs are copied to where the recorded kernels read them, but for those that lie where they did at the recording
    (parameters): these are read in place. Results are copied out, as the next run overwrites them.
    """

    def __init__(self, compiled: CompiledProgram):
        self._compiled = compiled
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: list[Tensor] = []
        self._outputs: list[Tensor] = []

    def run(self, tensors: Sequence[Tensor], parameters: Sequence[bool]) -> list[Tensor]:
        """The outputs.

        Args:
            tensors: in the order of the program's inputs, contiguous, on the GPU.
            parameters: which of them usually stay where they are.
        """
        moved = self._graph is None or any(
            is_parameter and tensor.data_ptr() != own.data_ptr()
            for tensor, own, is_parameter in zip(tensors, self._inputs, parameters, strict=True)
        )
        if moved:
            self._record(tensors, parameters)
        assert self._graph is not None
        for tensor, own, is_parameter in zip(tensors, self._inputs, parameters, strict=True):
            if not is_parameter:
                own.copy_(tensor)
        self._graph.replay()
        return [output.clone() for output in self._outputs]

    def _record(self, tensors: Sequence[Tensor], parameters: Sequence[bool]) -> None:
        self._inputs = [t if fixed else t.clone() for t, fixed in zip(tensors, parameters, strict=True)]
        device = self._inputs[0].device
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                self._run()
        torch.cuda.current_stream(device).wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = self._run()

    def _run(self) -> list[Tensor]:
        return self._compiled.forward(self._compiled.start(self._inputs), None, None)
