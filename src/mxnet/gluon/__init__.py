"""`mx.gluon`: imperative networks that can run as graphs; each part loads when it is first used."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = ("block", "contrib", "data", "loss", "model_zoo", "nn", "parameter", "rnn", "trainer", "utils")
_NAMES = {
    **dict.fromkeys(("Block", "HybridBlock", "SymbolBlock"), "block"),
    **dict.fromkeys(
        ("Constant", "DeferredInitializationError", "Parameter", "ParameterDict", "tensor_types"), "parameter"
    ),
    "Trainer": "trainer",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    elif name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
