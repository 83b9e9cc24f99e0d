"""Where the public function of an operator lives: `mx.nd.relu`, `mx.nd.contrib.box_nms`, `mx.nd._internal._copy`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .registry import Operator, explain_absence, get_operator, has_operator, operator_names

#: namespace -> prefix of the names of its operators; "" is the main namespace, "_internal" takes every name.
PREFIXES = {
    "contrib": "_contrib_",
    "image": "_image_",
    "linalg": "_linalg_",
    "random": "_random_",
    "sparse": "_sparse_",
}


def public_names(namespace: str) -> dict[str, str]:
    """Public name -> operator name for a namespace: "" (main), "_internal" or one of PREFIXES."""
    if namespace == "":
        return {name: name for name in operator_names() if not name.startswith("_")}
    if namespace == "_internal":
        return {name: name for name in operator_names() if name.startswith("_")}
    prefix = PREFIXES[namespace]
    return {name[len(prefix) :]: name for name in operator_names() if name.startswith(prefix)}


def resolver(
    namespace: str, module: str, make: Callable[[Operator, str, str], Any], values: dict[str, Any]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a module whose functions are made from operators at their first use."""
    prefix = PREFIXES.get(namespace, "")

    def find(name: str) -> Any:
        full = prefix + name
        if has_operator(full) and (namespace == "_internal" or prefix or not name.startswith("_")):
            values[name] = function = make(get_operator(full), name, module)
            return function
        reason = explain_absence(full)
        raise AttributeError(f"module {module!r} has no attribute {name!r}{f'. {reason}' if reason else ''}")

    def names() -> list[str]:
        return sorted({*values, *public_names(namespace)})

    return find, names
