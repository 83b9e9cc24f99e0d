"""The shared library of oneDNN, version 3, by its C interface."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_float, c_int, c_int64, c_size_t, c_uint, c_void_p
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from ...base import MXNetError

#: what installs it; the first that is there is taken
_DISTRIBUTIONS = ("onednn-cpu-gomp", "onednn-cpu-iomp", "onednn")
_FILES = ("libdnnl.so.3", "libdnnl.3.dylib", "dnnl.dll")

Dims = c_int64 * 12  # DNNL_MAX_NDIMS


class Argument(Structure):
    """dnnl_exec_arg_t: the number of an argument, and its memory."""

    _fields_ = (("arg", c_int), ("memory", c_void_p))


class _Version(Structure):
    _fields_ = (("major", c_int), ("minor", c_int), ("patch", c_int))


_HANDLE, _OUT = c_void_p, POINTER(c_void_p)
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "engine_create": (_OUT, c_int, c_size_t),
    "stream_create": (_OUT, _HANDLE, c_uint),
    "stream_wait": (_HANDLE,),
    "memory_desc_create_with_strides": (_OUT, c_int, Dims, c_int, POINTER(c_int64)),
    "memory_desc_create_with_tag": (_OUT, c_int, Dims, c_int, c_int),
    "memory_desc_clone": (_OUT, _HANDLE),
    "memory_desc_destroy": (_HANDLE,),
    "memory_desc_query": (_HANDLE, c_int, c_void_p),
    "memory_create": (_OUT, _HANDLE, _HANDLE, c_void_p),
    "memory_destroy": (_HANDLE,),
    "primitive_desc_query": (_HANDLE, c_int, c_int, c_void_p),
    "primitive_desc_destroy": (_HANDLE,),
    "primitive_create": (_OUT, _HANDLE),
    "primitive_destroy": (_HANDLE,),
    "primitive_execute": (_HANDLE, _HANDLE, c_int, POINTER(Argument)),
    "primitive_attr_create": (_OUT,),
    "primitive_attr_destroy": (_HANDLE,),
    "primitive_attr_set_scratchpad_mode": (_HANDLE, c_int),
    "primitive_attr_set_post_ops": (_HANDLE, _HANDLE),
    "post_ops_create": (_OUT,),
    "post_ops_destroy": (_HANDLE,),
    "post_ops_append_sum": (_HANDLE, c_float, c_int, c_int),
    "post_ops_append_eltwise": (_HANDLE, c_int, c_float, c_float),
    "reorder_primitive_desc_create": (_OUT, _HANDLE, _HANDLE, _HANDLE, _HANDLE, _HANDLE),
    "convolution_forward_primitive_desc_create": (
        _OUT, _HANDLE, c_int, c_int, _HANDLE, _HANDLE, _HANDLE, _HANDLE, Dims, Dims, Dims, Dims, _HANDLE,
    ),
    "convolution_backward_data_primitive_desc_create": (
        _OUT, _HANDLE, c_int, _HANDLE, _HANDLE, _HANDLE, Dims, Dims, Dims, Dims, _HANDLE, _HANDLE,
    ),
    "convolution_backward_weights_primitive_desc_create": (
        _OUT, _HANDLE, c_int, _HANDLE, _HANDLE, _HANDLE, _HANDLE, Dims, Dims, Dims, Dims, _HANDLE, _HANDLE,
    ),
    "batch_normalization_forward_primitive_desc_create": (
        _OUT, _HANDLE, c_int, _HANDLE, _HANDLE, c_float, c_uint, _HANDLE,
    ),
    "batch_normalization_backward_primitive_desc_create": (
        _OUT, _HANDLE, c_int, _HANDLE, _HANDLE, _HANDLE, c_float, c_uint, _HANDLE, _HANDLE,
    ),
    "inner_product_forward_primitive_desc_create": (
        _OUT, _HANDLE, c_int, _HANDLE, _HANDLE, _HANDLE, _HANDLE, _HANDLE,
    ),
    "pooling_forward_primitive_desc_create": (
        _OUT, _HANDLE, c_int, c_int, _HANDLE, _HANDLE, Dims, Dims, Dims, Dims, Dims, _HANDLE,
    ),
    "pooling_backward_primitive_desc_create": (
        _OUT, _HANDLE, c_int, _HANDLE, _HANDLE, Dims, Dims, Dims, Dims, Dims, _HANDLE, _HANDLE,
    ),
}  # fmt: skip
_STATUS = {1: "out of memory", 2: "invalid arguments", 3: "unimplemented", 5: "runtime error", 6: "not required"}
UNIMPLEMENTED = 3


class OneDNNError(MXNetError):
    """oneDNN refused a call; status is its number for the reason."""

    def __init__(self, name: str, status: int):
        super().__init__(f"oneDNN: dnnl_{name} failed: {_STATUS.get(status, f'status {status}')}.")
        self.status = status


class Unsupported(Exception):
    """oneDNN has no fast implementation of an operation."""


class Library:
    """The loaded library, with one engine and one stream, on the CPU.

    Calls raise OneDNNError where oneDNN reports a failure. They leave the GIL, and may come from several threads.
    """

    def __init__(self, path: str):
        self.path = path
        self._library = ctypes.CDLL(path)
        self._library.dnnl_version.restype = POINTER(_Version)
        version = self._library.dnnl_version().contents
        self.version = (version.major, version.minor, version.patch)
        if self.version[0] != 3:
            raise MXNetError(f"{path} is oneDNN {'.'.join(map(str, self.version))}; expected version 3.")
        self._functions = {}
        for name, arguments in _SIGNATURES.items():
            function = getattr(self._library, f"dnnl_{name}")
            function.argtypes, function.restype = arguments, c_int
            self._functions[name] = function
        self._library.dnnl_primitive_desc_query_md.argtypes = (_HANDLE, c_int, c_int)
        self._library.dnnl_primitive_desc_query_md.restype = c_void_p
        self._library.dnnl_memory_desc_get_size.argtypes = (_HANDLE,)
        self._library.dnnl_memory_desc_get_size.restype = c_size_t
        self.size_of = self._library.dnnl_memory_desc_get_size
        # The OpenMP that the library itself uses; without one (TBB, for example) it has threads of its own.
        self._set_threads = getattr(self._library, "omp_set_num_threads", None)
        self.engine = self.create("engine_create", 1, 0)
        self.stream = self.create("stream_create", self.engine, 1)

    def call(self, name: str, *arguments: Any) -> None:
        """Call dnnl_<name>."""
        status = self._functions[name](*arguments)
        if status:
            raise OneDNNError(name, status)

    def create(self, name: str, *arguments: Any) -> c_void_p:
        """Call dnnl_<name>, whose first argument takes what it makes; returns that."""
        made = c_void_p()
        self.call(name, byref(made), *arguments)
        return made

    def descriptor_of(self, primitive_desc: c_void_p, what: int, index: int = 0) -> c_void_p:
        """The descriptor of a memory of a primitive, which lives as long as the primitive's; null if it has none."""
        return c_void_p(self._library.dnnl_primitive_desc_query_md(primitive_desc, what, index))

    def implementation(self, primitive_desc: c_void_p) -> str:
        """The name of the implementation, such as "jit:avx512_core"."""
        text = c_char_p()
        self.call("primitive_desc_query", primitive_desc, 8, 0, byref(text))
        return (text.value or b"").decode()

    def execute(self, primitive: c_void_p, numbers: tuple[int, ...], handles: list[Any], addresses: list[int]) -> None:
        """Run a primitive on memory at these addresses.

        numbers    the arguments; handles: their descriptors, in the same order
        """
        if self._set_threads is not None:
            self._set_threads(torch.get_num_threads())
        functions = self._functions
        arguments = (Argument * len(numbers))()
        made = 0
        try:
            for argument, number, handle, address in zip(arguments, numbers, handles, addresses, strict=True):
                memory = c_void_p()
                status = functions["memory_create"](byref(memory), handle, self.engine, address)
                if status:
                    raise OneDNNError("memory_create", status)
                argument.arg, argument.memory = number, memory
                made += 1
            status = functions["primitive_execute"](primitive, self.stream, len(numbers), arguments)
            status = status or functions["stream_wait"](self.stream)
            if status:
                raise OneDNNError("primitive_execute", status)
        finally:
            for argument in arguments[:made]:
                functions["memory_destroy"](argument.memory)


def _find() -> str | None:
    given = os.environ.get("MXNET_ONEDNN_LIBRARY")
    if given is not None:
        return given or None  # empty: do without
    for name in _DISTRIBUTIONS:
        try:
            files = metadata.files(name) or ()
        except metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.name in _FILES and Path(str(file.locate())).exists():
                return str(Path(str(file.locate())).resolve())
    return None


@cache
def library() -> Library | None:
    """The library; None where none is installed.

    The environment variable MXNET_ONEDNN_LIBRARY names a file to take instead; empty, it says to take none.

    Raises: MXNetError if the file can't be loaded, or isn't version 3.
    """
    path = _find()
    if path is None:
        return None
    try:
        return Library(path)
    except (OSError, AttributeError) as error:
        raise MXNetError(
            f"oneDNN can't be loaded from {path}: {error}. Install onednn-cpu-gomp again, or set "
            f"MXNET_ONEDNN_LIBRARY to a libdnnl.so.3, or to nothing to do without."
        ) from error


def is_available() -> bool:
    """Whether oneDNN can be called directly."""
    return library() is not None


def required() -> Library:
    """The library, where it is known to be there."""
    found = library()
    assert found is not None
    return found
