"""Loggers with MXNet's coloured one-letter format."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import TextIO

__all__ = ["CRITICAL", "DEBUG", "ERROR", "INFO", "NOTSET", "WARNING", "getLogger", "get_logger"]

CRITICAL = logging.CRITICAL
ERROR = logging.ERROR
WARNING = logging.WARNING
INFO = logging.INFO
DEBUG = logging.DEBUG
NOTSET = logging.NOTSET


class _Formatter(logging.Formatter):
    """``W1123 06:22:11 4559 path:function:line] message``, its head in a colour of the level when colored."""

    def __init__(self, colored: bool = True):
        super().__init__(datefmt="%m%d %H:%M:%S")
        self.colored = colored

    def format(self, record: logging.LogRecord) -> str:
        letter = record.levelname[0] if record.levelno in (DEBUG, INFO, WARNING, ERROR, CRITICAL) else "U"
        head = (
            f"{letter}{self.formatTime(record, self.datefmt)} {record.process} "
            f"{record.pathname}:{record.funcName}:{record.lineno}]"
        )
        if self.colored:
            color = 31 if record.levelno >= WARNING else 32 if record.levelno >= INFO else 34
            head = f"\x1b[{color}m{head}\x1b[0m"
        text = f"{head} {record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


def get_logger(
    name: str | None = None, filename: str | None = None, filemode: str | None = None, level: int = WARNING
) -> logging.Logger:
    """A logger that is set up at its first request.

    Args:
        name: its name; None gives the root logger as it is.
        filename: log to this file, messages only; without it to stderr, with MXNet's format.
        filemode: how to open the file, default "a".
        level: the lowest level that it lets pass.
    """
    logger = logging.getLogger(name)
    if name is not None and not getattr(logger, "_init_done", None):
        logger._init_done = True  # type: ignore[attr-defined]
        handler: logging.StreamHandler[TextIO]
        if filename:
            handler = logging.FileHandler(filename, filemode or "a")
        else:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(_Formatter())
        logger.addHandler(handler)
        logger.setLevel(level)
    return logger


def getLogger(
    name: str | None = None, filename: str | None = None, filemode: str | None = None, level: int = WARNING
) -> logging.Logger:
    """Deprecated name of `get_logger`."""
    warnings.warn("getLogger is deprecated, Use get_logger instead.", DeprecationWarning, stacklevel=2)
    return get_logger(name, filename, filemode, level)
