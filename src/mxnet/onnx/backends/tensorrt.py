"""TensorRT, by ONNX Runtime's provider for it: what TensorRT doesn't know runs by CUDA in the same session."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...base import MXNetError
from ..packages import require
from .common import is_on
from .onnxruntime import OnnxRuntime


class TensorRT(OnnxRuntime):
    """Runs graphs by TensorRT on an NVIDIA GPU, for arrays on `mx.gpu()`; building an engine takes seconds to minutes.

    Args:
        fp16: let TensorRT compute float32 in half precision where it is faster.
        workspace_size: the most bytes that it may use while it chooses kernels; None: as much as the GPU has.
        engine_cache: a folder in which engines are kept, so that the next process needn't build them again.
    """

    name = "tensorrt"
    package = "onnxruntime"
    provider = "TensorrtExecutionProvider"
    device_type = "cuda"

    def __init__(
        self, fp16: bool = False, workspace_size: int | None = None, engine_cache: str | os.PathLike[str] | None = None
    ):
        """Raises: MXNetError for an option of another type, or a size below 1."""
        if not isinstance(fp16, bool):
            raise MXNetError(f"backend {self.name!r}: fp16 is {fp16!r}; expected True or False.")
        if workspace_size is not None and (
            isinstance(workspace_size, bool) or not isinstance(workspace_size, int) or workspace_size < 1
        ):
            raise MXNetError(f"backend {self.name!r}: workspace_size is {workspace_size!r}; expected bytes, above 0.")
        if engine_cache is not None and not isinstance(engine_cache, str | os.PathLike):
            raise MXNetError(f"backend {self.name!r}: engine_cache is {engine_cache!r}; expected the path of a folder.")
        self.fp16 = fp16
        self.workspace_size = workspace_size
        self.engine_cache = None if engine_cache is None else os.fspath(engine_cache)

    def with_options(
        self, *, fp16: bool = False, workspace_size: int | None = None,
        engine_cache: str | os.PathLike[str] | None = None,
    ) -> TensorRT:  # fmt: skip
        """The same with options; see the class."""
        return type(self)(fp16, workspace_size, engine_cache)

    def check(self) -> None:
        """Raises: MXNetError if onnx, ONNX Runtime, its provider for TensorRT, or a GPU is missing."""
        for package in ("onnx", "onnxruntime"):
            require(package, f"backend {self.name!r}", self.name)
        import onnxruntime as runtime

        found = runtime.get_available_providers()
        if self.provider not in found:
            raise MXNetError(
                f"backend {self.name!r}: the package onnxruntime that is installed has no {self.provider} (it has "
                f"{', '.join(found)}). Install the one for GPUs in its place: pip uninstall onnxruntime; "
                "pip install 'mxnext[tensorrt]'."
            )
        if self.device_type == "cuda" and not torch.cuda.is_available():
            raise MXNetError(
                f"backend {self.name!r} needs an NVIDIA GPU that torch can use, and torch.cuda.is_available() is "
                "False. Use 'onnxruntime', 'openvino' or 'oneDNN' on a CPU."
            )

    def device_of(self, constants: Mapping[str, Tensor]) -> torch.device:
        """The device of the constants, all of which lie on one; without any, the current GPU.

        Raises: MXNetError if a constant isn't on a GPU.
        """
        first = next(iter(constants.values()), None)
        if first is None:
            index = torch.cuda.current_device() if self.device_type == "cuda" else 0
            return torch.device(self.device_type, index)
        for name, tensor in constants.items():
            if tensor.device.type != self.device_type or not is_on(tensor, first.device):
                raise MXNetError(
                    f"backend {self.name!r}: {name!r} is on {tensor.device}; expected all parameters on one GPU. Move "
                    "the block and its inputs there: net.reset_ctx(mx.gpu(0)), x.as_in_context(mx.gpu(0))."
                )
        return first.device

    def providers(self, device: torch.device) -> list[Any]:
        """TensorRT with the options, then CUDA for what TensorRT doesn't know."""
        if importlib.util.find_spec("tensorrt") is not None:
            importlib.import_module("tensorrt")  # loads its libraries, which ONNX Runtime then finds
        number = str(device.index or 0)
        return [(self.provider, self.provider_options(device)), ("CUDAExecutionProvider", {"device_id": number})]

    def provider_options(self, device: torch.device) -> dict[str, str]:
        """The options of ONNX Runtime's provider.

        Raises: MXNetError if the folder for engines can't be made.
        """
        options = {"device_id": str(device.index or 0), "trt_fp16_enable": str(self.fp16)}
        if self.workspace_size is not None:
            options["trt_max_workspace_size"] = str(self.workspace_size)
        if self.engine_cache is not None:
            try:
                os.makedirs(self.engine_cache, exist_ok=True)
            except OSError as error:
                raise MXNetError(f"backend {self.name!r}: engine_cache {self.engine_cache!r}: {error}") from error
            options |= {
                "trt_engine_cache_enable": "True", "trt_engine_cache_path": self.engine_cache,
                "trt_timing_cache_enable": "True", "trt_timing_cache_path": self.engine_cache,
            }  # fmt: skip
        return options

    def check_session(self, session: Any) -> None:
        """Raise MXNetError if ONNX Runtime couldn't load TensorRT: it then goes on without, and only logs that."""
        used = session.get_providers()
        if self.provider not in used:
            raise MXNetError(
                f"backend {self.name!r}: ONNX Runtime can't load TensorRT's libraries, and would run the graph by "
                f"{', '.join(used)}. Install the package tensorrt of the version that ONNX Runtime was built with (see "
                "its table of requirements of the TensorRT provider), for the CUDA of torch."
            )
