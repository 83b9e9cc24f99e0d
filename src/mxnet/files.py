"""Replacing a file so that whoever reads it sees the old or the new content, never a part; imports nothing heavy."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

__all__ = ["replace_atomically"]


@contextmanager
def replace_atomically(
    path: str | os.PathLike[str], mode: str = "wb", *, encoding: str | None = None, newline: str | None = None
) -> Iterator[IO[Any]]:
    """Open a new file for writing that takes the place of path when the block ends without an exception.

    Until then it lies in the same folder under a hidden name; after an exception it is gone and the old file is as it
    was. The new file keeps the permissions of the old one. A symbolic link stays a link, its target is replaced. What
    is not a regular file (``/dev/stdout``, a named pipe) is written directly.

    Args:
        mode: "wb", or "w" for text, which is UTF-8 unless encoding is given.
    Raises: OSError (FileNotFoundError, PermissionError, ...) naming path; ValueError for another mode.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode is {mode!r}; expected 'wb' or 'w'")
    if mode == "w":
        encoding = encoding or "utf-8"
    path = os.path.realpath(os.fsdecode(path))
    try:
        old_mode = os.stat(path).st_mode
    except FileNotFoundError:
        old_mode = None
    if old_mode is not None and not stat.S_ISREG(old_mode):
        with open(path, mode, encoding=encoding, newline=newline) as file:  # a folder raises IsADirectoryError here
            yield file
        return
    if old_mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is write-protected", path)
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name[:200]}.{secrets.token_hex(8)}.tmp")
    try:
        file = open(temporary, mode.replace("w", "x"), encoding=encoding, newline=newline)
    except OSError as error:
        error.filename = path  # the name that the caller knows
        raise
    try:
        with file:
            if old_mode is not None:
                os.chmod(temporary, stat.S_IMODE(old_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    if os.name == "posix":  # make the new name durable too
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
