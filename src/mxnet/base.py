"""Errors, markers and small helpers that every other module may use; imports neither torch nor NumPy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["MXNetError", "NotImplementedForSymbol", "NotSupportedForSparseNDArray", "string_types"]

string_types = (str,)


class MXNetError(RuntimeError):
    """The error that MXNet raises: a bad argument, shape, dtype, device, file or graph."""


_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def users_line() -> str:
    """File and line of the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith((_PACKAGE, "<operator")):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "unknown place"


class NotImplementedForSymbol(MXNetError):
    """A method of NDArray that has no counterpart on Symbol was called on a Symbol."""

    def __init__(self, function: Callable[..., Any] | str, alias: str | None, *args: object):
        super().__init__()
        self.function = getattr(function, "__name__", str(function))
        self.alias = alias
        self.args = tuple(str(type(arg)) for arg in args)
        self._line = users_line()

    def __str__(self) -> str:
        message = f"Function {self.function}"
        if self.alias:
            message += f" (namely operator {self.alias!r})"
        if self.args:
            message += f" with arguments ({', '.join(self.args)})"
        return (
            f"{message} is not implemented for Symbol and only available in NDArray. {self._line}: a symbol has no "
            "values; compute with operators such as where or contrib.cond, or decide outside of the graph."
        )


class NoNumberOfSymbol(NotImplementedForSymbol, TypeError):
    """A Symbol was used as a number or array; Python's own type for that is TypeError."""


class NotSupportedForSparseNDArray(MXNetError):
    """A method of NDArray was called on a sparse array, which does not have it."""

    def __init__(self, function: Callable[..., Any], alias: str | None, *args: object):
        super().__init__()
        self.function = function.__name__
        self.alias = alias
        self.args = tuple(str(type(arg)) for arg in args)
        self._line = users_line()

    def __str__(self) -> str:
        message = f"Function {self.function}"
        if self.alias:
            message += f" (namely operator {self.alias!r})"
        if self.args:
            message += f" with arguments ({', '.join(self.args)})"
        return message + " is not supported for SparseNDArray and only available in NDArray."


class _NullType:
    """The marker for an argument that was not given; the operator's own default then holds."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "_Null"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "_Null"


_Null = _NullType()


class classproperty:
    """A read-only property of a class: func, which may be a classmethod, gets the class."""

    def __init__(self, func: Any):
        self.getter: Callable[[Any], Any] = func.__func__ if isinstance(func, classmethod) else func

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self.getter(owner if owner is not None else type(instance))

    def __set__(self, instance: object, value: Any) -> None:
        raise AttributeError(f"a property of the class {type(instance).__name__} can't be set on an instance of it")


error_types: dict[str, type[Exception]] = {"MXNetError": MXNetError}


def register_error(func_name: Any = None, cls: type[Exception] | None = None) -> Any:
    """Register an error class under a name; works as a function and as a decorator."""
    if isinstance(func_name, type):
        return register_error(func_name.__name__, func_name)

    def register(error: type[Exception]) -> type[Exception]:
        error_types[func_name or error.__name__] = error
        return error

    return register if cls is None else register(cls)


def py_str(x: bytes | str) -> str:
    """The text of a UTF-8 byte string."""
    return x.decode("utf-8") if isinstance(x, bytes) else x


def with_metaclass(meta: type, *bases: type) -> type:
    """A base class that gives its subclasses the metaclass meta."""
    return meta("temporary_class", bases, {})


def data_dir_default() -> str:
    """The default folder for downloaded data: ``~/.mxnet`` (``%APPDATA%\\mxnet`` on Windows)."""
    if os.name == "nt":
        return os.path.join(os.environ["APPDATA"], "mxnet")
    return os.path.join(os.path.expanduser("~"), ".mxnet")


def data_dir() -> str:
    """The folder for downloaded data: the environment variable MXNET_HOME, or the default."""
    return os.environ.get("MXNET_HOME", data_dir_default())


def build_param_doc(arg_names: list[str], arg_types: list[str], arg_descs: list[str], remove_dup: bool = True) -> str:
    """A "Parameters" section in the NumPy docstring style."""
    seen: set[str] = set()
    lines = []
    for name, kind, description in zip(arg_names, arg_types, arg_descs, strict=True):
        if (name in seen and remove_dup) or name == "num_args":
            continue
        seen.add(name)
        lines.append(f"{name} : {kind}")
        if description:
            lines.append(f"    {description}")
    return "Parameters\n----------\n" + "\n".join(lines) + "\n"


def add_fileline_to_docstring(module: Any, incursive: bool = True) -> None:
    """Append the place of definition to the docstrings of the functions of a module."""
    import inspect
    import sys

    if isinstance(module, str):
        module = sys.modules[module]
    for name, value in inspect.getmembers(module):
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value) and value.__doc__:
            place = f"From:{inspect.getsourcefile(value)}:{inspect.getsourcelines(value)[1]}"
            if "From:" not in value.__doc__:
                value.__doc__ += f"\n\n{place}"
        elif inspect.isclass(value) and incursive:
            for method in vars(value).values():
                if inspect.isfunction(method) and method.__doc__ and "From:" not in method.__doc__:
                    method.__doc__ += f"\n\nFrom:{inspect.getsourcefile(method)}"


def __getattr__(name: str) -> Any:
    """The NumPy-dependent names, so that this module itself does not import NumPy."""
    if name in ("numeric_types", "integer_types", "mx_real_t"):
        import numpy as np

        values = {
            "numeric_types": (float, int, np.generic),
            "integer_types": (int, np.int32, np.int64),
            "mx_real_t": np.float32,
        }
        globals().update(values)
        return values[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
