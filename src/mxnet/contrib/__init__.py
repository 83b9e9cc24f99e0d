"""`mx.contrib`: operators and tools on top of the core; each part loads when it is first used."""

from __future__ import annotations

import importlib
from typing import Any

_ALIASES = {"nd": "ndarray", "sym": "symbol", "quant": "quantization"}
_PARTS = "amp autograd io ndarray onnx quantization svrg_optimization symbol tensorboard text".split()


def __getattr__(name: str) -> Any:
    part = _ALIASES.get(name, name)
    if part not in _PARTS:
        raise AttributeError(f"module 'mxnet.contrib' has no attribute {name!r}")
    try:
        module = importlib.import_module(f"mxnet.contrib.{part}")
    except ModuleNotFoundError as error:
        if error.name != f"mxnet.contrib.{part}":
            raise
        raise AttributeError(
            f"mxnet.contrib.{name} is not part of this version of mxnext yet (see docs/status.md)"
        ) from None
    globals()[name] = module
    return module


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS, *_ALIASES})
