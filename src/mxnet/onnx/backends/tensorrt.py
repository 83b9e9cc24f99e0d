"""TensorRT: known by name, so that asking for it says what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from ...base import MXNetError
from ...graph.graph import Graph, Node


class TensorRT:
    """Not supported yet: there is no machine with it among those that mxnext is tested on."""

    name = "tensorrt"

    def check(self) -> None:
        """Raises: MXNetError, always."""
        raise MXNetError(
            "backend 'tensorrt' is not supported yet. Use 'onnxruntime' or 'openvino' on a CPU; or export the model by "
            "mx.onnx.export_model and build it with TensorRT's own tools (trtexec --onnx=model.onnx)."
        )

    def supports(self, node: Node) -> bool:
        """No node runs there."""
        return False

    def compile(
        self, graph: Graph, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str],
        constants: Mapping[str, Tensor],
    ) -> Callable[[Sequence[Tensor]], list[Tensor]]:  # fmt: skip
        """Raises: MXNetError, always."""
        self.check()
        raise AssertionError
