"""What this installation can do: ``mx.runtime.Features().is_enabled("CUDA")``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar, NamedTuple

__all__ = ["Feature", "Features", "feature_list"]


class Feature(NamedTuple):
    """A feature by MXNet's name, and whether it is there."""

    name: str
    enabled: bool

    def __repr__(self) -> str:
        return f"{'✔' if self.enabled else '✖'} {self.name}"


def feature_list() -> list[Feature]:
    """Every feature that MXNet knows, as PyTorch and the installed packages provide it."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    x86 = any(level in capability for level in ("AVX", "DEFAULT")) and _is_x86()
    avx2 = "AVX2" in capability or "AVX512" in capability
    cuda = torch.cuda.is_available()
    mkl = torch.backends.mkl.is_available()
    found = {
        "CUDA": cuda,
        "CUDNN": cuda and torch.backends.cudnn.is_available(),
        "NCCL": torch.distributed.is_available() and torch.distributed.is_nccl_available(),
        "CUDA_RTC": False,
        "TENSORRT": cuda and find_spec("tensorrt") is not None and find_spec("onnxruntime") is not None,
        "CPU_SSE": x86,
        "CPU_SSE2": x86,
        "CPU_SSE3": avx2,
        "CPU_SSE4_1": avx2,
        "CPU_SSE4_2": avx2,
        "CPU_SSE4A": False,
        "CPU_AVX": avx2,
        "CPU_AVX2": avx2,
        "OPENMP": torch.backends.openmp.is_available(),
        "SSE": x86,
        "F16C": avx2,
        "JEMALLOC": False,
        "BLAS_OPEN": not mkl and "BLAS_INFO=open" in torch.__config__.show(),
        "BLAS_ATLAS": False,
        "BLAS_MKL": mkl,
        "BLAS_APPLE": "BLAS_INFO=accelerate" in torch.__config__.show(),
        "LAPACK": torch._C.has_lapack,
        "MKLDNN": torch.backends.mkldnn.is_available(),
        "OPENCV": find_spec("cv2") is not None,
        "CAFFE": False,
        "PROFILER": False,
        "DIST_KVSTORE": torch.distributed.is_available(),
        "CXX14": False,
        "INT64_TENSOR_SIZE": True,
        "SIGNAL_HANDLER": False,
        "DEBUG": bool(torch.version.debug),
        "TVM_OP": False,
    }
    return [Feature(name, bool(enabled)) for name, enabled in found.items()]


def _is_x86() -> bool:
    import platform

    return platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")


class Features(dict[str, Feature]):
    """The features by name; there is one instance for the whole process."""

    instance: ClassVar[Features | None] = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Features:
        if cls.instance is None:
            features = super().__new__(cls)
            features.update({feature.name: feature for feature in feature_list()})
            cls.instance = features
        return cls.instance

    def __init__(self) -> None:
        pass  # filled once, in __new__

    def __repr__(self) -> str:
        return str(list(self.values()))

    def is_enabled(self, feature_name: str) -> bool:
        """Whether a feature, named in any case, is there.

        Raises: RuntimeError for a name that MXNet does not know.
        """
        name = feature_name.upper()
        if name not in self:
            raise RuntimeError(f"Feature {name!r} is unknown, known features are: {list(self)}")
        return self[name].enabled
