"""NumPy-compatible semantics (thread-local switches and decorators), environment variables, GPU facts."""

from __future__ import annotations

import functools
import operator
import os
import threading
from collections.abc import Callable
from types import FunctionType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .context import Context

__all__ = [
    "get_cuda_compute_capability", "get_gpu_count", "get_gpu_memory", "getenv", "is_np_array", "is_np_shape",
    "np_array", "np_shape", "np_ufunc_legal_option", "reset_np", "set_module", "set_np", "set_np_shape", "setenv",
    "use_np", "use_np_array", "use_np_shape", "wrap_np_binary_func", "wrap_np_unary_func",
]  # fmt: skip

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class _Semantics(threading.local):
    """The switches of each thread; both are off until it sets them.

    shape   zero-size and zero-dimensional shapes mean what they mean in NumPy, rather than "unknown"
    array   Gluon and operators give `mx.np.ndarray`s
    """

    shape = False
    array = False


_semantics = _Semantics()


def is_np_shape() -> bool:
    """Whether NumPy's meaning of zero-size and zero-dimensional shapes is on in this thread."""
    return _semantics.shape


def is_np_array() -> bool:
    """Whether NumPy's array semantics are on in this thread: Gluon then gives `mx.np.ndarray`s."""
    return _semantics.array


def set_np_shape(active: bool) -> bool:
    """Switch NumPy's shape semantics of this thread; returns whether they were on.

    Raises: ValueError when they are switched off while the array semantics, which need them, are on; TypeError when
        active is neither a bool nor an integer.
    """
    active = bool(operator.index(active))
    if not active and _semantics.array:
        raise ValueError(
            "Deactivating NumPy shape semantics while NumPy array semantics is still active is not allowed. "
            "Please consider calling `npx.reset_np()` to deactivate both of them."
        )
    previous, _semantics.shape = _semantics.shape, active
    return previous


def set_np(shape: bool = True, array: bool = True) -> None:
    """Switch NumPy's shape and array semantics of this thread.

    Raises: ValueError when array is asked for without shape.
    """
    if not shape and array:
        raise ValueError("NumPy Shape semantics is required in using NumPy array semantics.")
    _semantics.array = bool(array)
    _semantics.shape = bool(shape)


def reset_np() -> None:
    """Switch NumPy's shape and array semantics of this thread off."""
    set_np(shape=False, array=False)


class _Scope:
    """Sets one switch on entry and restores it on exit; as a decorator it does so around each call."""

    def __init__(self, switch: str, active: bool):
        self._switch = switch
        self._active = bool(active)
        self._previous: list[bool] = []

    def __enter__(self) -> None:
        self._previous.append(getattr(_semantics, self._switch))
        setattr(_semantics, self._switch, self._active)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        setattr(_semantics, self._switch, self._previous.pop())


def np_shape(active: bool = True) -> _Scope:
    """A scope with NumPy's shape semantics on (or off): ``with mx.np_shape(): ...``."""
    return _Scope("shape", active)


def np_array(active: bool = True) -> _Scope:
    """A scope with NumPy's array semantics on (or off): ``with mx.np_array(): ...``."""
    return _Scope("array", active)


def _decorate(decorator: str, switch: str, target: Any) -> Any:
    """target with a switch on whenever it (a function) or one of its own methods (a class) runs."""
    if isinstance(target, type):
        for name, value in list(vars(target).items()):
            if isinstance(value, (staticmethod, classmethod)):
                setattr(target, name, type(value)(_decorate(decorator, switch, value.__func__)))
            elif isinstance(value, property):
                accessors = (value.fget, value.fset, value.fdel)
                setattr(target, name, property(*(f and _decorate(decorator, switch, f) for f in accessors)))
            elif isinstance(value, FunctionType):
                setattr(target, name, _decorate(decorator, switch, value))
        return target
    if not callable(target):
        raise TypeError(
            f"{decorator} can only decorate classes and callable objects, while received a {type(target)}"
        )

    @functools.wraps(target)
    def with_switch_on(*args: Any, **kwargs: Any) -> Any:
        previous = getattr(_semantics, switch)
        setattr(_semantics, switch, True)
        try:
            return target(*args, **kwargs)
        finally:
            setattr(_semantics, switch, previous)

    return with_switch_on


def use_np_shape(func: Decorated) -> Decorated:
    """Decorate a function, or every method of a class, to run with NumPy's shape semantics.

    Raises: TypeError when func is neither a class nor callable.
    """
    return _decorate("use_np_shape", "shape", func)


def use_np_array(func: Decorated) -> Decorated:
    """Decorate a function, or every method of a class, to run with NumPy's array semantics.

    Raises: TypeError when func is neither a class nor callable.
    """
    return _decorate("use_np_array", "array", func)


def use_np(func: Decorated) -> Decorated:
    """Decorate a function, or every method of a class, to run with NumPy's shape and array semantics.

    Raises: TypeError when func is neither a class nor callable.
    """
    return use_np_shape(use_np_array(func))


def set_module(module: str | None) -> Callable[[Decorated], Decorated]:
    """A decorator that sets ``__module__``, where a function is documented; None leaves it."""

    def set_it(func: Decorated) -> Decorated:
        if module is not None:
            func.__module__ = module
        return func

    return set_it


# Keyword arguments that NumPy's universal functions have and MXNet's take only with these values.
_UFUNC_DEFAULTS = {"where": True, "casting": "same_kind", "order": "K", "dtype": None, "subok": True}
_UFUNC_CHECKS: dict[str, Callable[[Any], bool]] = {
    "where": lambda value: True,
    "casting": lambda value: value in ("no", "equiv", "safe", "same_kind", "unsafe"),
    "order": lambda value: isinstance(value, str),
    "dtype": lambda value: isinstance(value, str) or (isinstance(value, type) and value.__module__ == "numpy"),
    "subok": lambda value: isinstance(value, bool),
}


def np_ufunc_legal_option(key: str, value: Any) -> bool:
    """Whether value is one that a keyword argument of NumPy's universal functions may have."""
    return key in _UFUNC_CHECKS and _UFUNC_CHECKS[key](value)


def _check_ufunc_options(name: str, options: dict[str, Any]) -> None:
    for key, value in options.items():
        if key not in _UFUNC_DEFAULTS:
            raise TypeError(f"{key} is an invalid keyword to function {name!r}")
        if value != _UFUNC_DEFAULTS[key]:
            if np_ufunc_legal_option(key, value):
                raise NotImplementedError(f"{key}={value} is not implemented yet for operator {name}")
            raise TypeError(f"{key}={value} not understood for operator {name}")


def wrap_np_unary_func(func: Callable[..., Any]) -> Callable[..., Any]:
    """func(x, out=None) that also takes NumPy's keyword arguments where, casting, order, dtype and subok.

    Raises (the result): NotImplementedError when one is not NumPy's default, TypeError for others or bad values.
    """

    @functools.wraps(func)
    def unary(x: Any, out: Any = None, **kwargs: Any) -> Any:
        _check_ufunc_options(func.__name__, kwargs)
        return func(x, out=out)

    return unary


def wrap_np_binary_func(func: Callable[..., Any]) -> Callable[..., Any]:
    """func(x1, x2, out=None) that also takes NumPy's keyword arguments where, casting, order, dtype and subok.

    Raises (the result): NotImplementedError when one is not NumPy's default, TypeError for others or bad values.
    """

    @functools.wraps(func)
    def binary(x1: Any, x2: Any, out: Any = None, **kwargs: Any) -> Any:
        _check_ufunc_options(func.__name__, kwargs)
        return func(x1, x2, out=out)

    return binary


def getenv(name: str) -> str | None:
    """The value of an environment variable, None when it is not set."""
    return os.environ.get(name)


def setenv(name: str, value: str | None) -> None:
    """Set an environment variable of this process; None removes it.

    Raises: TypeError when name or value is not a string.
    """
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def get_gpu_count() -> int:
    """How many CUDA devices there are."""
    from .context import num_gpus

    return num_gpus()


def get_gpu_memory(gpu_dev_id: int) -> tuple[int, int]:
    """Free and total memory of a GPU in bytes.

    Raises: MXNetError when there is no such GPU.
    """
    from .context import gpu_memory_info

    return gpu_memory_info(gpu_dev_id)


def get_cuda_compute_capability(ctx: Context) -> int:
    """The compute capability of a GPU, ten times its major number plus its minor number: 80 for 8.0.

    Raises: ValueError when ctx is not a GPU, MXNetError when this machine doesn't have it.
    """
    if ctx.device_type != "gpu":
        raise ValueError(f"Expecting a gpu context to get cuda compute capability, while received ctx {ctx}")
    import torch

    from .base import MXNetError

    if ctx.device_id >= torch.cuda.device_count():
        raise MXNetError(f"get_cuda_compute_capability: this machine does not have {ctx}.")
    major, minor = torch.cuda.get_device_capability(ctx.device_id)
    return major * 10 + minor
