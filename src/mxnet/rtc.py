"""`mx.rtc`: kernels in CUDA C++, compiled while a program runs, and launched on the memory of arrays.

Compilation is torch's (NVRTC), so that no CUDA toolkit has to be installed; it needs a GPU and a torch built for CUDA.
Kernels aren't differentiated, and don't become operators: for that, write an operator (docs/operators.md) and launch
the kernel in its function.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from .base import MXNetError
from .context import Context
from .ndarray import NDArray
from .ops.dtypes import dtype_name

#: type in CUDA -> (dtype of arrays, the C type of a number)
_TYPES: dict[str, tuple[str, Any]] = {
    "float": ("float32", ctypes.c_float),
    "double": ("float64", ctypes.c_double),
    "__half": ("float16", None),
    "uint8_t": ("uint8", ctypes.c_uint8),
    "int": ("int32", ctypes.c_int32),
    "int32_t": ("int32", ctypes.c_int32),
    "int8_t": ("int8", ctypes.c_int8),
    "char": ("int8", ctypes.c_int8),
    "int64_t": ("int64", ctypes.c_int64),
}
_PARAMETER = re.compile(r"\s*(const)?\s*(\w+)\s*(\*)?\s*(\w+)?\s*")
_NUMBERS = (int, float, np.generic)


class LaunchError(MXNetError, AssertionError):
    """A kernel was launched with arguments or sizes that don't fit it."""


def _require_cuda() -> None:
    if torch.version.cuda is None:
        raise MXNetError(
            f"mx.rtc: torch {torch.__version__} is built without CUDA; run-time compilation needs a torch built for "
            "CUDA, and a GPU. Install one, or write the computation with operators (docs/operators.md)."
        )
    if not torch.cuda.is_available():
        raise MXNetError("mx.rtc: there is no GPU; run-time compilation of CUDA kernels needs one.")
    if not hasattr(torch.cuda, "_compile_kernel"):
        raise MXNetError(f"mx.rtc: torch {torch.__version__} can't compile kernels; expected torch 2.9 or newer.")


class CudaModule:
    """CUDA source code.

    Example::

        module = mx.rtc.CudaModule(r'''
        extern "C" __global__ void axpy(const float *x, float *y, float alpha) {
            int i = threadIdx.x + blockIdx.x * blockDim.x;
            y[i] += alpha * x[i];
        }''')
        axpy = module.get_kernel("axpy", "const float *x, float *y, float alpha")
        x, y = mx.nd.ones((10,), ctx=mx.gpu(0)), mx.nd.zeros((10,), ctx=mx.gpu(0))
        axpy.launch([x, y, 3.0], mx.gpu(0), (1, 1, 1), (10, 1, 1))

    Args:
        source: the code. Kernels are declared ``extern "C"``, or listed in exports.
        options: options of the compiler, such as ``("-DSIZE=4", "--use_fast_math")``.
        exports: names of kernels that aren't ``extern "C"``, for example template instances ``"scale<float>"``.
    Raises: MXNetError without a GPU or a torch built for CUDA; TypeError for arguments of other types.
    """

    def __init__(self, source: str, options: Sequence[str] = (), exports: Sequence[str] = ()):
        if isinstance(options, str):
            options = (options,)
        if isinstance(exports, str):
            exports = (exports,)
        if not isinstance(source, str) or not all(isinstance(item, str) for item in (*options, *exports)):
            raise TypeError("CudaModule: source must be a string; options and exports strings, or sequences of them")
        _require_cuda()
        self.source, self.options, self.exports = source, tuple(options), tuple(exports)
        for name in self.exports:
            self._compile(name, torch.cuda.current_device())

    def _compile(self, name: str, device: int) -> Any:
        """The compiled kernel for a device, as torch gives it."""
        try:
            with torch.cuda.device(device):
                return torch.cuda._compile_kernel(self.source, name, nvcc_options=list(self.options))
        except (RuntimeError, OSError, AttributeError) as error:
            raise MXNetError(f"CudaModule: kernel {name!r} can't be compiled: {error}") from error

    def get_kernel(self, name: str, signature: str) -> CudaKernel:
        """A kernel of the module.

        Args:
            name: its name in the source, or in exports.
            signature: its parameters as in the source, ``"const float *x, float *y, float alpha"``: pointers are
                arrays, others numbers. Types: float, double, __half (arrays only), uint8_t, int, int32_t, int8_t, char,
                int64_t.
        Raises: ValueError for a signature that can't be read, TypeError for another type, MXNetError if there is no
            such kernel or it can't be compiled.
        """
        is_ndarray, dtypes = _read_signature(signature)
        compiled: dict[int, Any] = {}

        def compile_for(device: int) -> Any:
            if device not in compiled:
                compiled[device] = self._compile(name, device)
            return compiled[device]

        compile_for(torch.cuda.current_device())
        return CudaKernel(compile_for, name, is_ndarray, dtypes)


def _read_signature(signature: str) -> tuple[list[bool], list[str]]:
    """For each parameter whether it is a pointer, and its type in CUDA."""
    is_ndarray, dtypes = [], []
    for text in signature.split(","):
        match = _PARAMETER.fullmatch(text)
        if match is None or match[2] == "const":
            raise ValueError(
                f'Invalid function prototype "{text.strip()}". Must be in the form of "(const) type (*) (name)"'
            )
        kind, pointer = match[2], match[3] is not None
        if kind not in _TYPES or (_TYPES[kind][1] is None and not pointer):
            raise TypeError(
                f"Unsupported kernel argument type {text.strip()}. Supported types are: {','.join(_TYPES)}"
                f"{'' if pointer else '; __half for arrays only'}."
            )
        is_ndarray.append(pointer)
        dtypes.append(kind)
    return is_ndarray, dtypes


class CudaKernel:
    """A kernel; made by `CudaModule.get_kernel`.

    Args:
        handle: function from the number of a GPU to the compiled kernel.
        name: its name.
        is_ndarray: for each parameter whether it is an array.
        dtypes: for each parameter its type in CUDA.
    """

    def __init__(self, handle: Callable[[int], Any], name: str, is_ndarray: Sequence[bool], dtypes: Sequence[str]):
        self.handle = handle
        self._name = name
        self._is_ndarray = list(is_ndarray)
        self._dtypes = list(dtypes)

    def launch(
        self, args: Sequence[Any], ctx: Context, grid_dims: Sequence[int], block_dims: Sequence[int],
        shared_mem: int = 0,
    ) -> None:  # fmt: skip
        """Launch the kernel on the current stream of a GPU; it may write to the arrays.

        Args:
            args: an NDArray on ctx for each pointer, a number for each other parameter.
            ctx: the GPU.
            grid_dims, block_dims: three integers each: blocks in the grid, threads in a block.
            shared_mem: bytes of dynamic shared memory for each block.
        Raises: LaunchError (an AssertionError) if the arguments don't fit the signature; MXNetError if CUDA refuses.
        """
        if ctx.device_type != "gpu":
            raise LaunchError(f"Cuda kernel can only be launched on GPU; ctx is {ctx}.")
        for what, sizes in (("grid_dims", grid_dims), ("block_dims", block_dims)):
            if len(sizes) != 3 or not all(isinstance(size, int | np.integer) and size > 0 for size in sizes):
                raise LaunchError(f"{what} must be a tuple of 3 integers; got {sizes!r}.")
        if len(args) != len(self._dtypes):
            raise LaunchError(f"CudaKernel({self._name}) expects {len(self._dtypes)} arguments but got {len(args)}")
        values = [self._argument(position, value, ctx) for position, value in enumerate(args)]
        device = ctx.torch_device.index or 0
        with torch.cuda.device(device):
            kernel = self.handle(device)
            places = (ctypes.c_void_p * max(len(values), 1))(*(ctypes.addressof(value) for value in values))
            stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
            driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
            status = driver.cuLaunchKernel(kernel.func, *grid_dims, *block_dims, shared_mem, stream, places, None)
        if status:
            message = ctypes.c_char_p()
            driver.cuGetErrorString(status, ctypes.byref(message))
            reason = message.value.decode() if message.value else f"CUDA error {status}"
            raise MXNetError(
                f"CudaKernel({self._name}): {reason}, with grid_dims={tuple(grid_dims)}, "
                f"block_dims={tuple(block_dims)}, shared_mem={shared_mem}."
            )
        for value in args:
            if isinstance(value, NDArray):  # autograd shall notice that it may have been written to
                torch.autograd.graph.increment_version(value._data)

    def _argument(self, position: int, value: Any, ctx: Context) -> Any:
        """What the driver is handed for an argument."""
        dtype, number = _TYPES[self._dtypes[position]]
        if not self._is_ndarray[position]:
            if not isinstance(value, _NUMBERS):
                raise LaunchError(f"The {position}-th argument is expected to be a number, but got {type(value)}")
            return number(int(value) if dtype.startswith(("int", "uint")) else float(value))
        if not isinstance(value, NDArray):
            raise LaunchError(f"The {position}-th argument is expected to be a NDArray but got {type(value)}")
        if dtype_name(value.dtype) != dtype or value.context != ctx or value.stype != "default":
            raise LaunchError(
                f"The {position}-th argument is a {value.stype} array of {dtype_name(value.dtype)} on {value.context}; "
                f"expected a dense one of {dtype} on {ctx}."
            )
        return ctypes.c_void_p(value._data.data_ptr())


__all__ = ["CudaKernel", "CudaModule"]
