"""Where the files of a compiled MXNet library lie. This implementation has none, and says so.

A program that needs them (a C++ extension, say) can name those of an original MXNet in the environment variables
MXNET_LIBRARY_PATH and MXNET_INCLUDE_PATH.
"""

from __future__ import annotations

import os

__all__ = ["find_conf_path", "find_include_path", "find_lib_path"]


def find_lib_path(prefix: str = "libmxnet") -> list[str]:
    """The shared library that MXNET_LIBRARY_PATH names (a file, or a folder that holds one called prefix).

    Raises: RuntimeError when there is none.
    """
    path = os.environ.get("MXNET_LIBRARY_PATH", "")
    if os.path.isdir(path):
        path = os.path.join(path, prefix + (".dll" if os.name == "nt" else ".so"))
    if os.path.isfile(path) and os.path.basename(path).startswith(prefix):
        return [path]
    raise RuntimeError(
        f"Cannot find the MXNet library {prefix}: mxnext runs on PyTorch and has no library of its own. "
        "Set MXNET_LIBRARY_PATH to use that of an original MXNet."
    )


def find_include_path() -> str:
    """The folder of C++ headers that MXNET_INCLUDE_PATH names.

    Raises: RuntimeError when there is none.
    """
    path = os.environ.get("MXNET_INCLUDE_PATH", "")
    if os.path.isdir(path):
        return path
    raise RuntimeError(
        "Cannot find the MXNet include path: mxnext runs on PyTorch and has no C++ headers. "
        "Set MXNET_INCLUDE_PATH to use those of an original MXNet."
    )


def find_conf_path(prefix: str = "tvmop") -> str:
    """The configuration of the operators that MXNet could compile with TVM.

    Raises: RuntimeError always: mxnext has no such operators.
    """
    raise RuntimeError(f"Cannot find the TVM op config {prefix}.conf: mxnext has no operators compiled with TVM.")
