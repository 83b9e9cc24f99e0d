"""Devices: ``cpu()``, ``gpu(i)``, ``cpu_pinned()``, and the current one of each thread."""

from __future__ import annotations

import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

from .base import MXNetError, classproperty

if TYPE_CHECKING:
    import torch

__all__ = ["Context", "cpu", "cpu_pinned", "current_context", "gpu", "gpu_memory_info", "num_gpus"]


class UnknownDeviceError(MXNetError, KeyError):
    """No device type has this name; in MXNet 1.9.1 a KeyError."""

    __str__ = Exception.__str__  # KeyError shows the message in quotes


class Context:
    """A device that arrays live on and operators run on; a context manager that makes it the current one.

    Args:
        device_type: "cpu", "gpu", "cpu_pinned" or "cpu_shared", or another Context.
        device_id: number of the device, 0 or more; different CPU numbers name the same memory.
    Raises: MXNetError when the device type is unknown.
    """

    __slots__ = ("_entered", "_torch_device", "device_id", "device_typeid")

    devtype2str = {1: "cpu", 2: "gpu", 3: "cpu_pinned", 5: "cpu_shared"}
    devstr2type = {"cpu": 1, "gpu": 2, "cpu_pinned": 3, "cpu_shared": 5}

    def __init__(self, device_type: str | Context, device_id: int = 0):
        if isinstance(device_type, Context):
            self.device_typeid, self.device_id = device_type.device_typeid, device_type.device_id
        elif device_type in self.devstr2type:
            self.device_typeid, self.device_id = self.devstr2type[device_type], int(device_id)
        else:
            raise UnknownDeviceError(
                f"Context: unknown device type {device_type!r}; expected one of {', '.join(self.devstr2type)}."
            )
        if self.device_id < 0:
            raise MXNetError(f"Context: device_id is {device_id}; expected 0 or more.")
        self._entered: list[Context] = []
        self._torch_device: torch.device | None = None

    @property
    def device_type(self) -> str:
        """The device type: "cpu", "gpu", "cpu_pinned" or "cpu_shared"."""
        return self.devtype2str[self.device_typeid]

    def __hash__(self) -> int:
        return hash((self.device_typeid, self.device_id))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Context)
            and self.device_typeid == other.device_typeid
            and self.device_id == other.device_id
        )

    def __str__(self) -> str:
        return f"{self.device_type}({self.device_id})"

    __repr__ = __str__

    def __reduce__(self) -> tuple[Any, ...]:
        return Context, (self.device_type, self.device_id)

    def __enter__(self) -> Context:
        self._entered.append(current_context())
        _current.value = self
        return self

    def __exit__(self, *exception: object) -> None:
        _current.value = self._entered.pop()

    @classproperty
    def default_ctx(cls) -> Context:
        """The current context of this thread."""
        return current_context()

    def empty_cache(self) -> None:
        """Give cached memory of this device back to the system; there is none to give on a CPU."""
        device = self.torch_device
        if device.type == "cuda":
            import torch

            with torch.cuda.device(device):
                torch.cuda.empty_cache()

    @property
    def torch_device(self) -> torch.device:
        """The torch device that stands behind this context.

        Raises: MXNetError for a GPU that this machine does not have, unless the environment variable
            MXNET_GPU_FALLBACK is "cpu": then the CPU serves, and the first use warns.
        """
        if self._torch_device is None:
            self._torch_device = self._find_torch_device()
        return self._torch_device

    def _find_torch_device(self) -> torch.device:
        import torch

        if self.device_typeid != 2:
            return torch.device("cpu")
        count = torch.cuda.device_count()
        if self.device_id < count:
            return torch.device("cuda", self.device_id)
        if os.environ.get("MXNET_GPU_FALLBACK", "").lower() == "cpu":
            _warn_fallback()
            return torch.device("cpu")
        raise MXNetError(
            f"{self}: this machine has {count} CUDA device{'' if count == 1 else 's'} that torch can use. Use "
            "mx.cpu(), "
            "or set the environment variable MXNET_GPU_FALLBACK=cpu to run programs written for GPUs on the CPU."
        )


class _Current(threading.local):
    """The current context of each thread."""

    def __init__(self) -> None:
        self.value = Context("cpu", 0)


_current = _Current()
_warned: list[bool] = []


def _warn_fallback() -> None:
    if not _warned:
        _warned.append(True)
        warnings.warn("No such GPU here: because of MXNET_GPU_FALLBACK=cpu, gpu contexts run on the CPU.", stacklevel=4)


def cpu(device_id: int = 0) -> Context:
    """The CPU; device_id only labels, all CPU contexts share one memory."""
    return Context("cpu", device_id)


def cpu_pinned(device_id: int = 0) -> Context:
    """Page-locked CPU memory, for faster copies to a GPU; without a GPU it is ordinary memory."""
    return Context("cpu_pinned", device_id)


def gpu(device_id: int = 0) -> Context:
    """The CUDA device with number device_id; whether it exists is checked at its first use."""
    return Context("gpu", device_id)


def current_context() -> Context:
    """The context used where none is given: the innermost ``with ctx:`` of this thread, or ``cpu(0)``."""
    return _current.value


def num_gpus() -> int:
    """How many CUDA devices torch can use."""
    import torch

    return torch.cuda.device_count()


def gpu_memory_info(device_id: int = 0) -> tuple[int, int]:
    """Free and total memory of a GPU in bytes.

    Raises: MXNetError when there is no such GPU.
    """
    import torch

    if device_id >= torch.cuda.device_count():
        raise MXNetError(f"gpu_memory_info: there is no GPU {device_id}; this machine has {torch.cuda.device_count()}.")
    return torch.cuda.mem_get_info(device_id)
