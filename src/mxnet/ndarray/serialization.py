"""MXNet's binary format for lists of arrays (``mx.nd.save``, ``.params`` files): a codec of its own, in NumPy only.

    arrays, names = load("net.params")     # or decode(buffer), or read(open_file)
    save("net.params", arrays, names)      # or encode(arrays, names), or write(open_file, arrays, names)

An array front end turns each StoredArray into its own kind of array and back. ``load`` and ``read`` give new, aligned,
writable arrays (one copy, from the file to where they stay); ``decode`` gives views of the buffer, read-only if the
buffer is and perhaps not aligned. ``names`` is empty when the file holds a list without names. A file written under
np-shape semantics has ``np_shape`` set on its arrays; whether it may be used elsewhere is for the front end to say.

Layout, little-endian throughout::

    list    u64 0x112, u64 reserved, u64 count, arrays, u64 number of names (0 or count), names
    name    u64 length, UTF-8
    array   legacy  u32 ndim, u32 dims[ndim], context, dtype, data
            V1      u32 0xF993FAC8, shape, context, dtype, data
            V2      u32 0xF993FAC9, i32 stype, [shape of data if sparse], shape, context, dtype,
                    (aux dtype, aux shape) of each auxiliary array, data, auxiliary arrays;
                    an array without a value (None) ends after a shape of 0 dimensions
            V3      u32 0xF993FACA, like V2 with np-shape semantics: dense only, a shape of 0 dimensions is a scalar,
                    and an array without a value ends after a shape with a dimension of -1
    shape   u32 ndim, i64 dims[ndim]
    context i32 device type (1 cpu, 2 gpu, 3 cpu_pinned, 5 cpu_shared), i32 device id
    dtype   i32

Every length is checked against what is left of the file before anything is allocated.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from ..base import MXNetError
from ..files import replace_atomically

__all__ = ["StoredArray", "decode", "encode", "load", "read", "save", "write"]

_LIST_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_MAX_NDIM = 64  # NumPy's own limit
_SMALLEST_ARRAY = 12  # bytes in a file: a V2 array without a value
_STYPES = {0: "default", 1: "row_sparse", 2: "csr"}
_STYPE_CODES = {name: code for code, name in _STYPES.items()}
_DTYPES = {
    0: "float32", 1: "float64", 2: "float16", 3: "uint8", 4: "int32", 5: "int8", 6: "int64", 7: "bool", 12: "bfloat16",
}  # fmt: skip
_DTYPE_CODES = {name: code for code, name in _DTYPES.items()}
_CPU = (1, 0)


@dataclass(frozen=True, eq=False, slots=True)
class StoredArray:
    """One array as it lies in a file.

    data      its elements: of the whole array when dense, of the stored rows or elements when sparse; bits as uint16
              for bfloat16; None for an array without a value
    dtype     "float32", ..., "bool" or "bfloat16"
    shape     of the whole array
    stype     "default", "row_sparse" or "csr"
    aux       (row indices,) of a row_sparse array, (indptr, column indices) of a csr array
    context   (device type, device id) that it was saved from
    np_shape  saved under np-shape semantics, where a shape of 0 dimensions is a scalar
    """

    data: np.ndarray | None
    dtype: str
    shape: tuple[int, ...]
    stype: str = "default"
    aux: tuple[np.ndarray, ...] = ()
    context: tuple[int, int] = _CPU
    np_shape: bool = False

    @classmethod
    def dense(cls, data: np.ndarray, *, context: tuple[int, int] = _CPU, np_shape: bool = False) -> StoredArray:
        """A dense array of the dtype and shape of data."""
        return cls(data, data.dtype.name, data.shape, context=context, np_shape=np_shape)


def decode(buffer: Any, source: str = "buffer") -> tuple[list[StoredArray], list[str]]:
    """The arrays and names in a bytes-like object; the arrays are views of it. source names it in errors."""
    return _parse(_BufferReader(buffer, source))


def read(file: IO[bytes], source: str | None = None) -> tuple[list[StoredArray], list[str]]:
    """The arrays and names in an open, seekable binary file, from its current position on."""
    return _parse(_FileReader(file, source or str(getattr(file, "name", "file"))))


def load(path: str | os.PathLike[str]) -> tuple[list[StoredArray], list[str]]:
    """The arrays and names in a file. Raises MXNetError if it can't be read or is not such a file."""
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            return read(file, path) if file.seekable() else decode(file.read(), path)
    except OSError as error:
        raise MXNetError(f"can't read arrays from {path!r}: {error.strerror or error}") from error


def encode(arrays: Sequence[StoredArray], names: Sequence[str] = ()) -> bytes:
    """The bytes of a file that holds arrays, each under its name unless names is empty."""
    return b"".join(_pieces(arrays, names))


def write(file: IO[bytes], arrays: Sequence[StoredArray], names: Sequence[str] = ()) -> None:
    """Write to an open binary file what ``encode`` returns, without building it in memory first."""
    for piece in _pieces(arrays, names):
        file.write(piece)


def save(path: str | os.PathLike[str], arrays: Sequence[StoredArray], names: Sequence[str] = ()) -> None:
    """Replace the file at path, atomically, by one that holds arrays. Raises MXNetError if it can't be written."""
    try:
        with replace_atomically(path, "wb") as file:
            write(file, arrays, names)
    except OSError as error:
        raise MXNetError(f"can't save arrays to {os.fspath(path)!r}: {error.strerror or error}") from error


# Reading


class _Reader:
    """Takes numbers and arrays from a source of known size, which subclasses provide."""

    def __init__(self, source: str, offset: int, size: int):
        self.source, self.offset, self.size = source, offset, size

    def _bytes(self, nbytes: int) -> bytes:
        raise NotImplementedError

    def _elements(self, dtype: np.dtype, count: int) -> np.ndarray:
        raise NotImplementedError

    def error(self, problem: str, offset: int | None = None) -> MXNetError:
        offset = self.offset if offset is None else offset
        return MXNetError(f"{self.source}: at byte {offset}: {problem}")

    def need(self, nbytes: int, what: str) -> None:
        if nbytes > (left := self.size - self.offset):
            raise self.error(f"{what} needs {nbytes} bytes, but only {left} are left; the file is cut short or corrupt")

    def take(self, nbytes: int, what: str) -> bytes:
        self.need(nbytes, what)
        value = self._bytes(nbytes)
        self.offset += nbytes
        return value

    def numbers(self, format: str, what: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{format}", self.take(struct.calcsize(f"<{format}"), what))

    def number(self, format: str, what: str) -> int:
        return int(self.numbers(format, what)[0])

    def shape(self, what: str, ndim: int | None = None, dim: str = "q") -> tuple[int, ...]:
        start = self.offset
        ndim = self.number("I", what) if ndim is None else ndim
        if ndim > _MAX_NDIM:
            raise self.error(f"{what} has {ndim} dimensions; at most {_MAX_NDIM} are possible", start)
        return self.numbers(f"{ndim}{dim}", what)

    def dtype(self, what: str) -> str:
        start = self.offset
        code = self.number("i", what)
        if code not in _DTYPES:
            raise self.error(f"{what} is {code}; expected one of {_DTYPES}", start)
        return _DTYPES[code]

    def array(self, dtype: str, shape: tuple[int, ...], what: str) -> np.ndarray:
        stored = _stored_dtype(dtype)
        if any(dim < 0 for dim in shape) or math.prod(max(dim, 1) for dim in shape) * stored.itemsize >= 2**63:
            raise self.error(f"{what} has the impossible shape {shape}")
        nbytes = (count := math.prod(shape)) * stored.itemsize
        self.need(nbytes, f"{what} of shape {shape} and dtype {dtype}")
        elements = self._elements(stored, count) if count else np.empty(0, stored)
        if dtype == "bool" and count and elements.view(np.uint8).max() > 1:
            raise self.error(f"{what} of dtype bool holds bytes other than 0 and 1")
        self.offset += nbytes
        return elements.reshape(shape)


class _BufferReader(_Reader):
    def __init__(self, buffer: Any, source: str):
        self.view = memoryview(buffer).cast("B")
        super().__init__(source, 0, len(self.view))

    def _bytes(self, nbytes: int) -> bytes:
        return bytes(self.view[self.offset : self.offset + nbytes])

    def _elements(self, dtype: np.dtype, count: int) -> np.ndarray:
        return np.frombuffer(self.view, dtype, count, self.offset)


class _FileReader(_Reader):
    def __init__(self, file: IO[bytes], source: str):
        self.file = file
        start = file.tell()
        size = file.seek(0, os.SEEK_END)
        file.seek(start)
        super().__init__(source, start, size)

    def _bytes(self, nbytes: int) -> bytes:
        value = self.file.read(nbytes)
        if len(value) != nbytes:
            raise self.error("the file became shorter while it was read")
        return value

    def _elements(self, dtype: np.dtype, count: int) -> np.ndarray:
        elements = np.empty(count, dtype)
        if self.file.readinto(elements.view(np.uint8)) != elements.nbytes:  # type: ignore[attr-defined]
            raise self.error("the file became shorter while it was read")
        return elements


def _parse(reader: _Reader) -> tuple[list[StoredArray], list[str]]:
    start = reader.offset
    magic, _, count = reader.numbers("3Q", "the header of a list of arrays")
    if magic != _LIST_MAGIC:
        raise reader.error(f"not a file of MXNet arrays: it begins with {magic:#x}; expected {_LIST_MAGIC:#x}", start)
    reader.need(count * _SMALLEST_ARRAY, f"a list of {count} arrays")
    arrays = [_parse_array(reader, f"array {index}") for index in range(count)]
    start = reader.offset
    num_names = reader.number("Q", "the number of names")
    if num_names not in (0, count):
        raise reader.error(f"there are {num_names} names for {count} arrays; expected 0 or {count}", start)
    return arrays, [_parse_name(reader, f"name {index}") for index in range(num_names)]


def _parse_name(reader: _Reader, what: str) -> str:
    length = reader.number("Q", f"the length of {what}")
    start = reader.offset
    try:
        return reader.take(length, what).decode("utf-8")
    except UnicodeDecodeError as error:
        raise reader.error(f"{what} is not UTF-8: {error}", start) from error


def _parse_array(reader: _Reader, what: str) -> StoredArray:
    start = reader.offset
    magic = reader.number("I", what)
    stype = "default"
    if magic in (_V2, _V3):
        code = reader.number("i", f"the storage type of {what}")
        if code not in _STYPES or (magic == _V3 and code):
            raise reader.error(
                f"{what} has storage type {code}; expected " + ("0 (default)" if magic == _V3 else f"one of {_STYPES}"),
                reader.offset - 4,
            )
        stype = _STYPES[code]
        stored_shape = reader.shape(f"the shape of the stored data of {what}") if code else ()
        shape = reader.shape(f"the shape of {what}")
        if not shape if magic == _V2 else -1 in shape:
            return StoredArray(None, "float32", shape, stype, np_shape=magic == _V3)
    elif magic == _V1:
        shape = reader.shape(f"the shape of {what}")
    elif magic <= _MAX_NDIM:  # legacy: no magic number, this is the number of dimensions
        shape = reader.shape(f"the shape of {what}", ndim=magic, dim="I")
    else:
        raise reader.error(
            f"{what} begins with {magic:#x}; expected {_V1:#x}, {_V2:#x}, {_V3:#x} or a number of dimensions", start
        )
    context = reader.numbers("2i", f"the context of {what}")
    dtype = reader.dtype(f"the dtype of {what}")
    if stype == "default":
        data = reader.array(dtype, shape, what)
        return StoredArray(data, dtype, shape, context=context, np_shape=magic == _V3)
    layouts = [
        (reader.dtype(f"the dtype of {name} of {what}"), reader.shape(f"the shape of {name} of {what}"), name)
        for name in _AUX_NAMES[stype]
    ]
    data = reader.array(dtype, stored_shape, f"the data of {what}")
    aux = tuple(reader.array(aux_dtype, aux_shape, f"{name} of {what}") for aux_dtype, aux_shape, name in layouts)
    if problem := _sparse_problem(stype, shape, data, aux):
        raise reader.error(f"{what}, {stype} of shape {shape}: {problem}", start)
    return StoredArray(data, dtype, shape, stype, aux, context)


# What both directions know

_AUX_NAMES = {"row_sparse": ("indices",), "csr": ("indptr", "indices")}


def _stored_dtype(dtype: str) -> np.dtype:
    return np.dtype("uint16" if dtype == "bfloat16" else dtype).newbyteorder("<")


def _sparse_problem(stype: str, shape: tuple[int, ...], data: np.ndarray, aux: tuple[np.ndarray, ...]) -> str | None:
    """What contradicts what in a sparse array, so that whoever uses it can trust its indices."""
    for name, values in zip(_AUX_NAMES[stype], aux, strict=True):
        if values.dtype not in (np.int64, np.int32):
            return f"{name} has dtype {values.dtype}; expected int64 or int32"
    indices = aux[-1]
    if stype == "row_sparse":
        if data.ndim != len(shape) or data.shape[1:] != shape[1:]:
            return f"the stored rows have shape {data.shape}; expected (rows, {', '.join(map(str, shape[1:]))})"
        limit, expected = shape[0], data.shape[:1]
    else:
        if len(shape) != 2 or data.ndim != 1:
            return f"the stored elements have shape {data.shape}; expected 2 dimensions stored in 1"
        indptr = aux[0]
        if indptr.shape != (shape[0] + 1,) and not (data.size == 0 and indptr.shape == (0,)):
            return f"indptr has shape {indptr.shape}; expected {(shape[0] + 1,)}"
        if indptr.size and (indptr[0] != 0 or indptr[-1] > data.size or (indptr[1:] < indptr[:-1]).any()):
            return f"indptr does not rise from 0 to at most the number of stored elements, {data.size}"
        limit, expected = shape[1], data.shape
    if indices.shape != expected:
        return f"indices has shape {indices.shape}; expected {expected}"
    if indices.size and (indices.min() < 0 or indices.max() >= limit):
        return f"indices reach from {indices.min()} to {indices.max()}; expected 0 to {limit - 1}"
    return None


# Writing


def _pieces(arrays: Sequence[StoredArray], names: Sequence[str]) -> Iterator[Any]:
    """The file in pieces; everything is checked before the first one."""
    if names and len(names) != len(arrays):
        raise MXNetError(f"there are {len(names)} names for {len(arrays)} arrays; expected as many, or none")
    for name in names:
        if not isinstance(name, str):
            raise MXNetError(f"the name {name!r} of an array is a {type(name).__name__}; expected a str")
    labels = [f"array {name!r}" for name in names] or [f"array {index}" for index in range(len(arrays))]
    headers = [_header(array, label) for array, label in zip(arrays, labels, strict=True)]
    encoded_names = [name.encode("utf-8") for name in names]

    def generate() -> Iterator[Any]:
        yield struct.pack("<3Q", _LIST_MAGIC, 0, len(arrays))
        for header, array in zip(headers, arrays, strict=True):
            yield header
            for values in () if array.data is None else (array.data, *array.aux):
                if values.size:
                    stored = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
                    yield stored.reshape(-1).view(np.uint8).data
        yield struct.pack("<Q", len(names))
        for name in encoded_names:
            yield struct.pack("<Q", len(name)) + name

    return generate()


def _header(array: StoredArray, label: str) -> bytes:
    """Everything of an array that comes before its data."""

    def pack_shape(shape: tuple[int, ...]) -> bytes:
        return struct.pack(f"<I{len(shape)}q", len(shape), *shape)

    stype, shape, data = array.stype, tuple(array.shape), array.data
    if stype not in _STYPE_CODES:
        raise MXNetError(f"{label} has storage type {stype!r}; expected one of {sorted(_STYPE_CODES)}")
    if array.np_shape and stype != "default":
        raise MXNetError(f"{label} is {stype}; under np-shape semantics only dense arrays can be saved")
    start = struct.pack("<Ii", _V3 if array.np_shape else _V2, _STYPE_CODES[stype])
    if data is None:
        no_shape = b"" if stype == "default" else pack_shape(())
        return start + no_shape + (pack_shape((-1,)) if array.np_shape else pack_shape(()))
    if array.dtype not in _DTYPE_CODES:
        raise MXNetError(f"{label} has dtype {array.dtype!r}, which the format lacks; cast it to one of "
                         f"{sorted(_DTYPE_CODES)}")  # fmt: skip
    if data.dtype.newbyteorder("<") != _stored_dtype(array.dtype):
        raise MXNetError(f"{label} of dtype {array.dtype} comes with data of dtype {data.dtype}; "
                         f"expected {_stored_dtype(array.dtype)}")  # fmt: skip
    if not shape and not array.np_shape:
        raise MXNetError(f"{label} has shape (), which only np-shape semantics can store: "
                         "save it within mx.util.np_shape(True), or reshape it to (1,)")  # fmt: skip
    end = struct.pack("<2i", *array.context) + struct.pack("<i", _DTYPE_CODES[array.dtype])
    if stype == "default":
        if data.shape != shape:
            raise MXNetError(f"{label} of shape {shape} comes with data of shape {data.shape}")
        return start + pack_shape(shape) + end
    if len(array.aux) != len(_AUX_NAMES[stype]):
        raise MXNetError(f"{label} is {stype} with {len(array.aux)} auxiliary arrays; expected {_AUX_NAMES[stype]}")
    if problem := _sparse_problem(stype, shape, data, array.aux):
        raise MXNetError(f"{label}, {stype} of shape {shape}: {problem}")
    for values in array.aux:
        end += struct.pack("<i", _DTYPE_CODES[values.dtype.name]) + pack_shape(values.shape)
    return start + pack_shape(data.shape) + pack_shape(shape) + end
