"""mxnext: MXNet for today's Python. Users ``import mxnet as mx``; each part loads when it is first used."""

from __future__ import annotations

import importlib
from typing import Any

from .base import MXNetError
from .context import Context, cpu, cpu_pinned, current_context, gpu, num_gpus

__version__ = "1.9.1"
__distribution_version__ = "0.1.0"

# Attribute -> the module that holds it; a module itself where the second part is empty.
_LAZY = {
    **{name: (name, "") for name in (
        "attribute autograd base callback context contrib engine error executor executor_manager gluon image "
        "initializer io kvstore libinfo library log lr_scheduler metric misc model module monitor name ndarray "
        "notebook numpy numpy_extension onnx operator optimizer profiler random recordio registry rnn rtc runtime "
        "symbol test_utils torch util visualization"
    ).split()},
    "nd": ("ndarray", ""), "sym": ("symbol", ""), "np": ("numpy", ""), "npx": ("numpy_extension", ""),
    "img": ("image", ""), "init": ("initializer", ""), "kv": ("kvstore", ""), "mod": ("module", ""),
    "mon": ("monitor", ""), "rnd": ("random", ""), "th": ("torch", ""), "viz": ("visualization", ""),
    "lr_sch": ("lr_scheduler", ""), "opt": ("optimizer", ""),
    "AttrScope": ("attribute", "AttrScope"), "NDArray": ("ndarray", "NDArray"), "Symbol": ("symbol", "Symbol"),
    **{name: ("util", name) for name in (
        "is_np_array is_np_shape np_array np_shape set_np_shape use_np use_np_array use_np_shape set_np reset_np"
    ).split()},
}  # fmt: skip


def __getattr__(name: str) -> Any:
    try:
        module, attribute = _LAZY[name]
    except KeyError:
        raise AttributeError(f"module 'mxnet' has no attribute {name!r}") from None
    try:
        value = importlib.import_module(f"mxnet.{module}")
    except ModuleNotFoundError as error:
        if error.name != f"mxnet.{module}":
            raise
        raise AttributeError(f"mxnet.{name} is not part of this version of mxnext yet (see docs/status.md)") from None
    if attribute:
        value = getattr(value, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
