"""RecordIO: files of byte records, read in sequence or by key, and images packed with their labels.

A record lies in the file as ``u32 magic, u32 kind << 29 | length``, the bytes, and zeros up to a multiple of 4, all
little-endian. Where the magic number itself occurs in the bytes, at a multiple of 4, they are cut there and the magic
number is left out; the parts have kinds 1 (first), 2 (middle) and 3 (last), a whole record has kind 0.

Imports neither torch nor the arrays; OpenCV only in ``pack_img`` and ``unpack_img``.
"""

from __future__ import annotations

import numbers
import os
import struct
import threading
from collections import namedtuple
from collections.abc import Callable
from types import ModuleType
from typing import IO, Any

import numpy as np

from .base import MXNetError

__all__ = ["IRHeader", "MXIndexedRecordIO", "MXRecordIO", "pack", "pack_img", "unpack", "unpack_img"]

_MAGIC = 0xCED7230A
_MAGIC_BYTES = struct.pack("<I", _MAGIC)
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_LENGTH_BITS = 29
_LENGTH_MASK = (1 << _LENGTH_BITS) - 1
_UNCHECKED_LENGTH = 1 << 20  # up to here a length may be believed before the size of the file has been asked for
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")  # by length % 4
_PART = struct.Struct("<II")


class MXRecordIO:
    """A RecordIO file, read or written in sequence.

    Args:
        uri: path of the file.
        flag: "r" reads, "w" writes a new file.
    Raises: ValueError for another flag; MXNetError if the file can't be opened, is corrupt or cut short, is used in the
        wrong direction, after close, or in another process than the one which opened it (``reset`` opens it anew).
    """

    _OPEN = frozenset({"_file", "_index_file", "_lock"})  # what a pickle leaves out and open() makes

    def __init__(self, uri: str | os.PathLike[str], flag: str):
        self.uri = os.fspath(uri)
        self.flag = flag
        self.pid: int | None = None
        self.is_open = False
        self.open()

    def open(self) -> None:
        """Open the file at its beginning; a file to write is emptied."""
        if self.flag not in ("r", "w"):
            raise ValueError(f"Invalid flag {self.flag}: expected 'r' or 'w'")
        self.writable = self.flag == "w"
        try:
            self._file: IO[bytes] = open(self.uri, self.flag + "b")
        except OSError as error:
            raise MXNetError(f"can't open {self.uri!r}: {error.strerror or error}") from error
        self._position = 0
        self.pid = os.getpid()
        self.is_open = True

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self.is_open:
            self._file.close()
            self.is_open = False
            self.pid = None

    def reset(self) -> None:
        """Open the file anew at its beginning; a file to write is emptied."""
        self.close()
        self.open()

    def read(self) -> bytes | None:
        """The next record, None at the end of the file."""
        self._check("r")
        return self._read()

    def _read(self) -> bytes | None:
        start = self._position
        kind, data = self._read_part()
        if kind == _WHOLE:
            return data
        if kind is None:
            return None
        if kind != _FIRST:
            raise self._error(start, f"a part of kind {kind} does not begin a record; expected {_WHOLE} or {_FIRST}")
        parts = [data]
        while kind != _LAST:
            place = self._position
            kind, data = self._read_part()
            if kind not in (_MIDDLE, _LAST):
                found = "the file ends" if kind is None else f"there is a part of kind {kind}"
                raise self._error(place, f"{found} within the record that begins at byte {start}")
            parts.append(data)
        return _MAGIC_BYTES.join(parts)

    def _read_part(self) -> tuple[int | None, bytes]:
        header = self._file.read(_PART.size)
        if len(header) != _PART.size:
            if not header:
                return None, b""
            raise self._error(self._position, f"{len(header)} bytes are left; a record begins with {_PART.size}")
        magic, kind_and_length = _PART.unpack(header)
        if magic != _MAGIC:
            raise self._error(self._position, f"no record begins here: found {magic:#x}, expected {_MAGIC:#x}")
        length = kind_and_length & _LENGTH_MASK
        padded = (length + 3) & ~3
        if padded > _UNCHECKED_LENGTH:
            self._need(padded, os.fstat(self._file.fileno()).st_size - self._position - _PART.size)
        data = self._file.read(padded)
        if len(data) != padded:
            self._need(padded, len(data))
        self._position += _PART.size + padded
        return kind_and_length >> _LENGTH_BITS, data if padded == length else data[:length]

    def _need(self, nbytes: int, left: int) -> None:
        if nbytes > left:
            raise self._error(self._position, f"the record needs {nbytes} bytes, but only {left} are left; "
                                              "the file is cut short or corrupt")  # fmt: skip

    def write(self, buf: bytes) -> None:
        """Append a record: any bytes-like object of less than 2**29 bytes."""
        self._check("w")
        with memoryview(buf) as view:
            if view.nbytes > _LENGTH_MASK:
                raise MXNetError(f"a record has less than 2**{_LENGTH_BITS} bytes; got {view.nbytes}")
            data = buf if isinstance(buf, (bytes, bytearray)) else view.tobytes()
        cuts, place = [], data.find(_MAGIC_BYTES)
        while place != -1:
            if place % 4:
                place = data.find(_MAGIC_BYTES, place + 1)
            else:
                cuts.append(place)
                place = data.find(_MAGIC_BYTES, place + 4)
        if not cuts:
            self._write_part(_WHOLE, data)
        else:
            parts = memoryview(data)
            for index, (start, end) in enumerate(zip([-4, *cuts], [*cuts, len(data)], strict=True)):
                kind = _FIRST if index == 0 else _MIDDLE if index < len(cuts) else _LAST
                self._write_part(kind, parts[start + 4 : end])
        self._file.flush()  # nothing stays in a buffer that a forked process could write a second time

    def _write_part(self, kind: int, data: Any) -> None:
        length = len(data)
        self._file.write(_PART.pack(_MAGIC, kind << _LENGTH_BITS | length))
        self._file.write(data)
        self._file.write(_PADDING[length % 4])
        self._position += _PART.size + ((length + 3) & ~3)

    def _check(self, flag: str, may_reopen: bool = False) -> None:
        """That the file is open for flag in this process; a file to read is opened anew here if may_reopen."""
        if self.flag != flag:
            done, needed = ("reading", "writing") if flag == "w" else ("writing", "reading")
            raise MXNetError(f"{self.uri!r} is open for {done}; open it with flag {flag!r} for {needed}")
        if self.pid != os.getpid():
            if may_reopen:
                self.reset()
            elif not self.is_open:
                raise MXNetError(f"{self.uri!r} is closed; call reset() to open it again")
            else:
                raise MXNetError(
                    f"Forbidden operation in multiple processes: {self.uri!r} was opened in process {self.pid}, "
                    f"this is {os.getpid()}. Call reset() here first, or open the file in this process."
                )

    def _error(self, place: int, problem: str) -> MXNetError:
        return MXNetError(f"{self.uri}: at byte {place}: {problem}")

    def __enter__(self) -> MXRecordIO:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "is_open", False):
            self.close()

    def __getstate__(self) -> dict[str, Any]:
        """A reader is pickled with its path; the copy begins at the start of the file."""
        if self.is_open and self.writable:
            raise MXNetError(f"{self.uri!r} is open for writing, and a copy would empty it; close it before pickling")
        return {key: value for key, value in self.__dict__.items() if key not in self._OPEN} | {"pid": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.is_open:
            self.is_open = False
            self.open()


class MXIndexedRecordIO(MXRecordIO):
    """A RecordIO file with an index, read or written by key.

    The index is a text file with a line ``key<tab>byte offset`` for each record.

    Args:
        idx_path: path of the index.
        uri: path of the file of records.
        flag: "r" reads, "w" writes both files anew.
        key_type: makes a key from text.
    Attributes:
        keys: in the order of the index.
        idx: dict from key to byte offset.
    Raises: as MXRecordIO; FileNotFoundError without the index, MXNetError naming a bad line of it.
    """

    def __init__(
        self,
        idx_path: str | os.PathLike[str],
        uri: str | os.PathLike[str],
        flag: str,
        key_type: Callable[[Any], Any] = int,
    ):
        self.idx_path = os.fspath(idx_path)
        self.key_type = key_type
        self.idx: dict[Any, int] = {}
        self.keys: list[Any] = []
        super().__init__(uri, flag)

    def open(self) -> None:
        """Open both files at their beginning; a file to write is emptied."""
        super().open()
        self.idx, self.keys = {}, []
        self._lock = threading.Lock()
        try:
            if self.writable:
                # Line by line, so that a forked process has nothing to write a second time.
                self._index_file: IO[str] = open(self.idx_path, "w", buffering=1, encoding="utf-8", newline="\n")
            else:
                self._read_index()
        except BaseException:
            self.close()
            raise

    def _read_index(self) -> None:
        with open(self.idx_path, encoding="utf-8") as file:
            try:
                for number, line in enumerate(file, 1):
                    fields = line.rstrip("\n").split("\t")
                    try:
                        key, place = self.key_type(fields[0]), int(fields[1])
                        if place < 0:
                            raise ValueError(f"negative offset {place}")
                    except (ValueError, IndexError) as error:
                        raise MXNetError(f"{self.idx_path}: line {number} is {line[:80]!r}; expected a key and "
                                         f"a byte offset, with a tab between: {error}") from error  # fmt: skip
                    self.keys.append(key)
                    self.idx[key] = place
            except UnicodeDecodeError as error:
                raise MXNetError(f"{self.idx_path}: not a text file: {error}") from error

    def close(self) -> None:
        """Close both files; a second call does nothing."""
        super().close()
        if hasattr(self, "_index_file"):
            self._index_file.close()

    def seek(self, idx: Any) -> None:
        """Go to the record with the key idx, for read(). Raises: KeyError if there is none."""
        self._check("r", may_reopen=True)
        self._seek(idx)

    def _seek(self, idx: Any) -> None:
        self._position = self.idx[idx]
        self._file.seek(self._position)

    def tell(self) -> int:
        """The byte offset at which the next record is read or written."""
        self._check(self.flag)
        return self._position

    def read_idx(self, idx: Any) -> bytes:
        """The record with the key idx; several threads may read at once. Raises: KeyError if there is none."""
        self._check("r", may_reopen=True)
        with self._lock:
            self._seek(idx)
            record = self._read()
        if record is None:
            raise self._error(self.idx[idx], f"{self.idx_path} has key {idx!r} here, where the file has ended")
        return record

    def write_idx(self, idx: Any, buf: bytes) -> None:
        """Append a record with the key idx."""
        key, place = self.key_type(idx), self._position
        self.write(buf)
        self._index_file.write(f"{key}\t{place}\n")
        self.idx[key] = place
        self.keys.append(key)


IRHeader = namedtuple("IRHeader", ["flag", "label", "id", "id2"])
IRHeader.__doc__ = """The header of a packed image.

flag   number of labels that follow the header, 0 if label is one number; pack finds it itself
label  a number, or an array of numbers
id     identifies the record, unsigned 64 bits
id2    usually 0, unsigned 64 bits
"""

_HEADER = struct.Struct("<IfQQ")


def pack(header: Any, s: Any) -> bytes:
    """The bytes of a record: the header, the labels if they are not one number, and the bytes s.

    Labels are stored in single precision. Raises: ValueError for labels that are not numbers, MXNetError for an id
    that does not fit.
    """
    header = IRHeader(*header)
    with np.errstate(over="ignore"):  # too large is infinity
        label = np.asarray(header.label, "<f4")
    if isinstance(header.label, numbers.Number):
        flag, first, others = 0, float(label), b""
    else:
        flag, first, others = label.size, 0.0, label.tobytes()
    try:
        return b"".join((_HEADER.pack(flag, first, header.id, header.id2), others, s))
    except struct.error as error:
        raise MXNetError(f"can't pack {header}: {error}; expected id and id2 from 0 to 2**64 - 1") from error


def unpack(s: Any) -> tuple[IRHeader, Any]:
    """The header and the bytes that were packed into a record; an array of labels is a read-only view of s.

    Raises: MXNetError if s is too short for the header, or for the labels that it announces.
    """
    if len(s) < _HEADER.size:
        raise MXNetError(f"a packed record begins with a header of {_HEADER.size} bytes; got {len(s)} bytes in all")
    header = IRHeader(*_HEADER.unpack_from(s))
    if not header.flag:
        return header, s[_HEADER.size :]
    end = _HEADER.size + 4 * header.flag
    if len(s) < end:
        raise MXNetError(f"the header announces {header.flag} labels, {end} bytes with itself; the record has {len(s)}")
    labels = np.frombuffer(s, "<f4", header.flag, _HEADER.size)
    return header._replace(label=labels), s[end:]


def _opencv(function: str) -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise ImportError(f"mxnet.recordio.{function} needs OpenCV: pip install opencv-python-headless") from error
    return cv2


def pack_img(header: Any, img: np.ndarray, quality: int = 95, img_fmt: str = ".jpg") -> bytes:
    """Encode an image and pack it.

    Args:
        header: IRHeader.
        img: (H, W) or (H, W, C) uint8, channels in the order blue, green, red.
        quality: 1 to 100 for JPEG; the compression level for PNG, where more than 9 counts as 9; else without meaning.
        img_fmt: the file extension that names the format, ``.jpg``, ``.png``, ...
    Raises: MXNetError if the image can't be encoded; ImportError without OpenCV.
    """
    cv2 = _opencv("pack_img")
    extension = img_fmt.lower()
    parameters: list[int] = []
    if extension in (".jpg", ".jpeg"):
        parameters = [cv2.IMWRITE_JPEG_QUALITY, quality]
    elif extension == ".png":
        parameters = [cv2.IMWRITE_PNG_COMPRESSION, min(max(quality, 0), 9)]
    try:
        encoded, buffer = cv2.imencode(img_fmt, img, parameters)
    except cv2.error as error:
        encoded, cause = False, error
    else:
        cause = None
    if not encoded:
        what = f"{img.dtype} of shape {img.shape}" if isinstance(img, np.ndarray) else type(img).__name__
        raise MXNetError(f"OpenCV can't encode an image ({what}) as {img_fmt!r}: {cause or 'failed'}") from cause
    return pack(header, buffer.tobytes())


def unpack_img(s: Any, iscolor: int = -1) -> tuple[IRHeader, np.ndarray | None]:
    """The header and the image of a packed record.

    Args:
        iscolor: 1 gives (H, W, 3) in the order blue, green, red, 0 gives (H, W) in grey, -1 what the image has.
    Returns: the image is None if the bytes are in no format that OpenCV knows, as in MXNet.
    Raises: MXNetError if the record holds no image at all; ImportError without OpenCV.
    """
    cv2 = _opencv("unpack_img")
    header, encoded = unpack(s)
    if not len(encoded):
        raise MXNetError(f"the record with {header} holds no image")
    return header, cv2.imdecode(np.frombuffer(encoded, np.uint8), iscolor)
