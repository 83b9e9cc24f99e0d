"""`mx.library`: operators from files of one's own, backends, and passes.

docs/operators.md tells how to write operators, docs/backends.md how to write backends and passes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys

from .base import MXNetError
from .graph.backends import Backend, backends, register_backend, register_pass, unregister
from .graph.graph import Graph, Node, Value
from .ops.attributes import DType, Floats, OptionalInts, Scalar, Shape
from .ops.registry import all_operators, get_operator, operator, registering_together

__all__ = [
    "Backend", "DType", "Floats", "Graph", "Node", "OptionalInts", "Scalar", "Shape", "Value", "backends",
    "get_operator", "load", "operator", "register_backend", "register_pass", "unregister",
]  # fmt: skip

_loaded: dict[str, str] = {}  # path -> digest of what was loaded


def load(path: str, verbose: bool = True) -> None:
    """Run a Python file that registers operators with ``@mxnet.library.operator(...)``.

    They are then operators like all others: in `mx.nd` and `mx.sym` (a name that begins with ``_contrib_`` in their
    contrib namespaces), as methods where they ask for it, in hybridized blocks and in symbol files. The file runs with
    all rights of the program, so load only files that you trust. Loading a file again does nothing.

    Args:
        path: the file, ``.py``; relative ones start at the current folder.
        verbose: print the names of the operators.
    Raises: MXNetError if there is no such file, it is a compiled library, it fails (none of its operators is then
        registered), an operator of a name that it registers exists, or it has been loaded before with another content.
    """
    if not isinstance(path, str | os.PathLike) or not os.path.exists(path):
        raise MXNetError(f"load path {path} does NOT exist")
    path = os.path.realpath(path)
    extension = os.path.splitext(path)[1]
    if extension in (".so", ".dll", ".dylib"):
        raise MXNetError(
            f"load path {path}: compiled libraries of operators, passes and partitioners are not supported. Write the "
            "operator in Python on torch tensors and load that file (docs/operators.md); its function may call "
            "compiled code by ctypes, or by an extension built with torch.utils.cpp_extension. Passes and backends "
            "are Python, too: register_pass and register_backend (docs/backends.md)."
        )
    if extension != ".py" or not os.path.isfile(path):
        raise MXNetError(f"load path {path} is NOT a library file; expected a Python file, .py.")
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if path in _loaded:
        if _loaded[path] != digest:
            raise MXNetError(f"load path {path}: the file has changed since it was loaded; start a new process.")
        return
    name = f"mxnet_library_{os.path.splitext(os.path.basename(path))[0]}_{digest[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = set(all_operators())
    sys.modules[name] = module
    try:
        with registering_together():
            spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise MXNetError(f"load path {path}: {type(error).__name__}: {error}") from error
    _loaded[path] = digest
    _add_methods()
    if verbose:
        found = [op.name for op in all_operators() if op not in before]
        print(f"Found {len(found)} operators in {path}: {', '.join(found)}")


def _add_methods() -> None:
    """Give arrays and symbols the methods that new operators ask for."""
    from .ndarray.ndarray import add_operator_methods as add_to_arrays
    from .symbol.register import add_operator_methods as add_to_symbols

    add_to_arrays()
    add_to_symbols()
