"""The dtypes of MXNet: their names, torch's and NumPy's types, and the numbers used in files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..base import MXNetError, _NullType

#: name -> torch dtype; the names are NumPy's, and bfloat16.
TORCH_DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "uint8": torch.uint8,
    "int32": torch.int32,
    "int8": torch.int8,
    "int64": torch.int64,
    "bool": torch.bool,
    "int16": torch.int16,
    "uint16": torch.uint16,
    "uint32": torch.uint32,
    "uint64": torch.uint64,
    "bfloat16": torch.bfloat16,
}
#: torch dtype -> name.
DTYPE_NAMES: dict[torch.dtype, str] = {dtype: name for name, dtype in TORCH_DTYPES.items()}
#: name -> the number that stands for it in `.params` files and ``__dtype__`` attributes.
DTYPE_CODES: dict[str, int] = {
    "float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6, "bool": 7,
    "int16": 8, "uint16": 9, "uint32": 10, "uint64": 11, "bfloat16": 12,
}  # fmt: skip
NAMES_OF_CODES: dict[int, str] = {code: name for name, code in DTYPE_CODES.items()}


class UnknownDTypeError(MXNetError, TypeError):
    """Something that is no dtype of MXNet was given as one."""


_CACHE: dict[Any, str] = {}


def dtype_name(dtype: Any) -> str:
    """The name of a dtype given as a name, a NumPy or torch dtype, or a Python or NumPy scalar type.

    Raises: MXNetError when there is no such dtype in MXNet.
    """
    try:
        return _CACHE[dtype]
    except (KeyError, TypeError):
        pass
    if isinstance(dtype, torch.dtype):
        name = DTYPE_NAMES.get(dtype)
    elif isinstance(dtype, str) and dtype == "bfloat16":
        name = "bfloat16"
    elif dtype is None or isinstance(dtype, _NullType):
        name = "float32"
    else:
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = None
    if name not in TORCH_DTYPES:
        raise UnknownDTypeError(f"unknown dtype {dtype!r}; expected one of {', '.join(TORCH_DTYPES)}")
    _CACHE[dtype] = name
    return name


def torch_dtype(dtype: Any) -> torch.dtype:
    """The torch dtype for anything that `dtype_name` understands."""
    return TORCH_DTYPES[dtype_name(dtype)]


def numpy_dtype(dtype: Any) -> Any:
    """What ``NDArray.dtype`` shows: NumPy's scalar type, or the string "bfloat16", which NumPy lacks."""
    name = dtype_name(dtype)
    return name if name == "bfloat16" else np.dtype(name).type
