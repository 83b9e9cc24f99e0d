"""Making arrays from Python data, and saving and loading them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch

from ..base import MXNetError
from ..context import Context, current_context
from ..ops.dtypes import dtype_name, torch_dtype
from . import serialization
from .invoke import call_by_name, parse_context, wrap
from .ndarray import NDArray
from .recording import STATE

__all__ = [
    "arange", "array", "empty", "eye", "from_dlpack", "from_numpy", "full", "linspace", "load", "load_frombuffer",
    "ones", "save", "to_dlpack_for_read", "to_dlpack_for_write", "waitall", "zeros",
]  # fmt: skip


def _shape(shape: Any) -> tuple[int, ...]:
    try:
        sizes = (shape,) if hasattr(shape, "__index__") else tuple(shape)
        checked = tuple(operator.index(size) for size in sizes)
    except TypeError:
        checked = (-1,)
    if any(size < 0 for size in checked):
        raise MXNetError(f"shape is {shape!r}; expected a tuple of sizes that are not negative, such as (2, 3).")
    return checked


class UnknownKeywordError(MXNetError, TypeError):
    """A function that makes arrays got a keyword that it does not have."""


def array(source_array: Any, ctx: Context | None = None, dtype: Any = None) -> NDArray:
    """An array with a copy of the values of anything array-like; sparse sources give sparse arrays.

    Args:
        source_array: NDArray, NumPy array, torch tensor, number or (nested) list, or scipy.sparse.csr_matrix.
        ctx: device; default the current context.
        dtype: default the dtype of an NDArray, float32 for everything else.
    Raises: TypeError if the source isn't array-like.
    """
    if isinstance(source_array, NDArray):
        if source_array._sparse:
            return _sparse_module().array(source_array, ctx, dtype)
        tensor = source_array._data
        dtype = dtype or tensor.dtype
    elif isinstance(source_array, torch.Tensor):
        tensor = source_array.detach()
    elif getattr(source_array, "format", None) == "csr":
        return _sparse_module().array(source_array, ctx, dtype)
    else:
        try:
            values = np.asarray(source_array)
            if values.dtype == object and not isinstance(source_array, np.ndarray):
                values = values.astype(np.float32)  # None is nan
        except (ValueError, TypeError):
            values = None
        if values is None or values.dtype.kind in "OSUMmcV":
            raise TypeError("source_array must be array like object")
        tensor = torch.from_numpy(values if values.flags.writeable and _fits(values) else values.copy())
    ctx = parse_context(ctx)
    return wrap(NDArray, tensor.to(ctx.torch_device, torch_dtype(dtype), copy=True).contiguous(), ctx)


def _sparse_module() -> Any:
    from . import sparse

    return sparse


def _fits(values: np.ndarray[Any, Any]) -> bool:
    return all(stride >= 0 for stride in values.strides) and values.dtype.isnative


def empty(shape: Any, ctx: Context | None = None, dtype: Any = None, stype: str | None = None) -> NDArray:
    """An array whose values are not set; one that is sparse stores nothing."""
    if stype not in (None, "default"):
        return _sparse_module().empty(stype, shape, ctx, dtype)
    ctx = parse_context(ctx)
    return wrap(NDArray, torch.empty(_shape(shape), dtype=torch_dtype(dtype), device=ctx.torch_device), ctx)


def zeros(
    shape: Any, ctx: Context | None = None, dtype: Any = None, stype: str | None = None, **kwargs: Any
) -> NDArray:
    """An array of zeros; ``out=`` names an array to fill instead."""
    if stype not in (None, "default"):
        return _sparse_module().zeros(stype, shape, ctx, dtype, **kwargs)
    return _filled("zeros", shape, 0, ctx, dtype, kwargs)


def ones(shape: Any, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """An array of ones; ``out=`` names an array to fill instead."""
    return _filled("ones", shape, 1, ctx, dtype, kwargs)


def full(
    shape: Any, val: float, ctx: Context | None = None, dtype: Any = "float32", out: NDArray | None = None
) -> NDArray:
    """An array filled with one value."""
    return _filled("full", shape, val, ctx, dtype, {"out": out})


def _filled(
    function: str, shape: Any, value: float, ctx: Context | None, dtype: Any, keywords: dict[str, Any]
) -> NDArray:
    out = keywords.pop("out", None)
    keywords.pop("name", None)
    if keywords:
        raise UnknownKeywordError(f"{function}: unknown keyword {next(iter(keywords))!r}; expected out or name.")
    if out is not None:
        if out.shape != _shape(shape):
            raise MXNetError(f"{function}: out has shape {out.shape}; expected {_shape(shape)}.")
        out[:] = value
        return out
    ctx = parse_context(ctx)
    if isinstance(value, NDArray):
        value = value.asscalar()
    if STATE.tracer is not None:  # a hybridized forward makes it at every run
        return call_by_name("_full", shape=_shape(shape), value=value, ctx=str(ctx), dtype=dtype_name(dtype))
    tensor = torch.full(_shape(shape), value, dtype=torch_dtype(dtype), device=ctx.torch_device)
    return wrap(NDArray, tensor, ctx)


def arange(
    start: float, stop: float | None = None, step: float = 1.0, repeat: int = 1, infer_range: bool | None = None,
    ctx: Context | None = None, dtype: Any = "float32",
) -> NDArray:  # fmt: skip
    """Evenly spaced values in [start, stop), each repeated `repeat` times; one number means [0, start).

    infer_range (take the end from the consumer's shape) has a meaning in symbols only.
    """
    if infer_range:
        raise MXNetError("arange: infer_range=True has no meaning for arrays; use mx.sym.arange or give stop.")
    return call_by_name(
        "_arange", start=start, stop=stop, step=step, repeat=repeat, dtype=dtype_name(dtype), ctx=_context_string(ctx)
    )


def linspace(
    start: float, stop: float, num: int, endpoint: bool = True, ctx: Context | None = None, dtype: Any = "float32"
) -> NDArray:
    """num evenly spaced values from start to stop, with or without stop itself."""
    return call_by_name(
        "_linspace", start=start, stop=stop, num=num, endpoint=endpoint, dtype=dtype_name(dtype),
        ctx=_context_string(ctx),
    )  # fmt: skip


def eye(N: int, M: int = 0, k: int = 0, ctx: Context | None = None, dtype: Any = None, **kwargs: Any) -> NDArray:
    """An (N, M) array (M = 0: N) with ones on diagonal k."""
    return call_by_name("_eye", N=N, M=M, k=k, ctx=_context_string(ctx), dtype=dtype_name(dtype), **kwargs)


def _context_string(ctx: Context | None) -> str:
    return str(ctx if ctx is not None else current_context())


def from_numpy(ndarray: np.ndarray[Any, Any], zero_copy: bool = True, array_cls: type = NDArray) -> NDArray:
    """An array with the dtype of a NumPy array; with zero_copy both share memory and the NumPy array turns read-only.

    Raises: ValueError with zero_copy unless the NumPy array is C-contiguous.
    """
    if not zero_copy:
        return wrap(array_cls, torch.from_numpy(ndarray.copy()), Context("cpu", 0))
    if not ndarray.flags["C_CONTIGUOUS"]:
        raise ValueError("Only c-contiguous arrays are supported for zero-copy")
    shared = torch.from_numpy(ndarray)
    ndarray.flags["WRITEABLE"] = False
    return wrap(array_cls, shared, Context("cpu", 0))


def from_dlpack(dlpack: Any) -> NDArray:
    """An array that shares memory with a DLPack capsule or with an object that offers ``__dlpack__``."""
    return NDArray(torch.utils.dlpack.from_dlpack(dlpack))


def to_dlpack_for_read(data: NDArray) -> Any:
    """A DLPack capsule that shares memory with the array; the receiver must not write."""
    return data.to_dlpack_for_read()


def to_dlpack_for_write(data: NDArray) -> Any:
    """A DLPack capsule that shares memory with the array."""
    return data.to_dlpack_for_write()


def waitall() -> None:
    """Wait until all devices have finished what they were given."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        for device in range(torch.cuda.device_count()):
            torch.cuda.synchronize(device)


# Files


def _store(array: NDArray) -> serialization.StoredArray:
    if not isinstance(array, NDArray):
        raise ValueError(f"save: got {type(array)}; expected NDArrays.")
    data = (array._values if array._sparse else array._data).contiguous().cpu()
    name = dtype_name(data.dtype)
    values = data.view(torch.uint16).numpy() if name == "bfloat16" else data.numpy()
    context = (array._ctx.device_typeid, array._ctx.device_id)
    if array._sparse:
        aux = tuple(part.cpu().numpy() for part in array._aux)
        return serialization.StoredArray(values, name, array.shape, array.stype, aux, context)
    return serialization.StoredArray(values, name, tuple(data.shape), context=context, np_shape=not data.ndim)


def _restore(stored: serialization.StoredArray) -> NDArray:
    if stored.data is None:
        return wrap(NDArray, torch.empty(0), Context("cpu", 0))
    tensor = torch.from_numpy(stored.data if stored.data.flags.writeable else stored.data.copy())
    if stored.dtype == "bfloat16":
        tensor = tensor.view(torch.bfloat16)
    if stored.stype != "default":
        from .sparse_storage import CLASSES, make

        aux = tuple(torch.from_numpy(part.astype(np.int64)) for part in stored.aux)
        if stored.stype == "csr" and not aux[0].numel():
            aux = (torch.zeros(stored.shape[0] + 1, dtype=torch.int64), aux[1])
        return make(CLASSES[stored.stype], tensor, aux, stored.shape, Context("cpu", 0), checked=True)
    return wrap(NDArray, tensor.reshape(stored.shape), Context("cpu", 0))


def save(fname: str, data: Any) -> None:
    """Save arrays to a file in MXNet's format; an existing file is replaced only once the new one is whole.

    Args:
        fname: path.
        data: NDArray, list of NDArray, or dict from str to NDArray.
    Raises: ValueError for other data; MXNetError if the file can't be written.
    """
    names: list[str] = []
    if isinstance(data, NDArray):
        arrays = [data]
    elif isinstance(data, dict):
        if not all(isinstance(name, str) for name in data):
            raise ValueError("save: the keys of a dict of NDArrays must be strings.")
        names, arrays = list(data), list(data.values())
    elif isinstance(data, list | tuple):
        arrays = list(data)
    else:
        raise ValueError("data needs to either be a NDArray, dict of str, NDArray pairs or a list of NDarrays.")
    serialization.save(fname, [_store(array) for array in arrays], names)


def load(fname: str) -> Any:
    """The arrays of a file in MXNet's format (any version), on the CPU: a dict if they are named, else a list.

    Raises: MXNetError if there is no such file, or it is cut short or corrupt.
    """
    return _collect(*serialization.load(fname), str(fname))


def load_frombuffer(buf: bytes) -> Any:
    """The arrays of the bytes of a file; see `load`."""
    if not isinstance(buf, bytes | bytearray | memoryview):
        raise MXNetError(f"load_frombuffer: got {type(buf)}; expected bytes.")
    return _collect(*serialization.decode(buf), "buffer")


def _collect(stored: list[serialization.StoredArray], names: list[str], where: str) -> Any:
    try:
        arrays = [_restore(item) for item in stored]
    except MXNetError as error:
        raise MXNetError(f"load: {where} {error}") from error
    return dict(zip(names, arrays, strict=True)) if names else arrays


# One array in a pickle is one entry of a file without the frame around it.
_FRAME_START, _FRAME_END = serialization.encode([])[:16] + b"\1" + b"\0" * 7, b"\0" * 8


def encode_one(array: NDArray) -> bytes:
    """The bytes that stand for an array in a pickle, as MXNet writes them."""
    return serialization.encode([_store(array)])[len(_FRAME_START) : -len(_FRAME_END)]


def decode_one(buffer: bytes) -> NDArray:
    """The array in the bytes of `encode_one` or of a pickle written by MXNet."""
    stored, _ = serialization.decode(_FRAME_START + buffer + _FRAME_END, "pickle")
    return _restore(stored[0])
