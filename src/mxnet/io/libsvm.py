"""Files in the format of LibSVM, and the iterator over them.

A line is ``label index:value index:value ...``; indices count from 0. What follows a ``#`` is a comment; ``qid:...`` is
left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..base import MXNetError
from ..context import Context
from ..ndarray import NDArray
from ..ndarray.invoke import wrap
from ..ndarray.sparse_storage import CSRNDArray, make
from ..ops.dtypes import dtype_name
from .sources import BatchSource, _integer, _shape, _take_names

__all__ = ["LibSVMIter"]


def LibSVMIter(
    data_libsvm: str, data_shape: Any, batch_size: int, label_libsvm: str = "NULL", label_shape: Any = (1,),
    num_parts: int = 1, part_index: int = 0, round_batch: bool = True, prefetch_buffer: int = 4, ctx: str = "gpu",
    dtype: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """An iterator over files in the format of LibSVM, whose data are csr arrays; the files are read whole.

    Args:
        data_libsvm: path of a file, or of a folder all of whose files are read.
        data_shape: (columns,).
        batch_size: examples in a batch.
        label_libsvm: path of a file or folder whose features are the labels, as csr arrays; labels in front of lines
            then don't count, neither here nor in the data. "NULL": labels are those in front of the lines of the data.
        label_shape: (columns,) of the labels with label_libsvm, otherwise (1,), which gives labels (batch_size,).
        num_parts, part_index: divide the lines into parts of about equal numbers of bytes and read only this one,
            counted from 0.
        round_batch: must be True: the last batch is filled up with the first examples, with which the next epoch then
            doesn't begin. getpad tells how many.
        prefetch_buffer, ctx: have no meaning here, where the examples are kept in memory.
        dtype: "float32" or None, which means that too.
        kwargs: data_name and label_name.
    Returns: MXDataIter.
    Raises: MXNetError if a file can't be read or isn't in this format, an index is out of range, the numbers of data
        and labels differ, or an argument isn't possible.
    """
    from .io import MXDataIter

    names = _take_names("LibSVMIter", kwargs)
    if dtype_name(dtype) != "float32":
        raise MXNetError(f"LibSVMIter: dtype is {dtype_name(dtype)}; expected float32.")
    if not round_batch:
        raise MXNetError("LibSVMIter: sparse batch loader doesn't support round_batch == false yet; leave it out.")
    batch_size = _integer("LibSVMIter", "batch_size", batch_size, 1)
    num_parts = _integer("LibSVMIter", "num_parts", num_parts, 1)
    part_index = _integer("LibSVMIter", "part_index", part_index, 0)
    if part_index >= num_parts:
        raise MXNetError(f"LibSVMIter: part_index is {part_index}; expected less than num_parts, {num_parts}.")
    data_shape, label_shape = _shape(data_shape), _shape(label_shape)
    for name, shape in (("data_shape", data_shape), ("label_shape", label_shape)):
        if len(shape) != 1:
            raise MXNetError(f"LibSVMIter: dimension of {name} is expected to be 1; given {shape}.")
    labels, data = _read(data_libsvm, data_shape[0], num_parts, part_index)
    label: NDArray = wrap(NDArray, torch.from_numpy(labels), Context("cpu", 0))
    if label_libsvm != "NULL":
        _, label = _read(label_libsvm, label_shape[0], num_parts, part_index)
        if len(label) != len(data):
            raise MXNetError(
                f"LibSVMIter: {data_libsvm} has {len(data)} lines in this part, but {label_libsvm} has {len(label)}."
            )
    elif label_shape != (1,):
        raise MXNetError(
            f"LibSVMIter: label_shape is {label_shape}; label_shape is expected to be (1,) when label_libsvm is NULL."
        )
    if not len(data):
        raise MXNetError(f"LibSVMIter: part {part_index} of {num_parts} of {data_libsvm} has no lines.")
    return MXDataIter(BatchSource(data, label, np.arange(len(data)), batch_size, "round"), **names)


def _read(path: str, columns: int, num_parts: int, part_index: int) -> tuple[np.ndarray[Any, Any], CSRNDArray]:
    """The labels and the features of a part of a file or folder."""
    labels: list[float] = []
    indices: list[int] = []
    values: list[float] = []
    starts = [0]
    for where, line in _lines(path, num_parts, part_index):
        text = line.split(b"#", 1)[0].split()
        if not text:
            continue
        try:
            labels.append(float(text[0]))
            pairs = sorted(
                (int(index), float(value))
                for index, _, value in (item.partition(b":") for item in text[1:] if not item.startswith(b"qid:"))
            )
        except ValueError:
            raise MXNetError(
                f"LibSVMIter: {where}: cannot read {line[:80]!r}; expected 'label index:value index:value ...'."
            ) from None
        if pairs and not 0 <= pairs[0][0] <= pairs[-1][0] < columns:
            raise MXNetError(
                f"LibSVMIter: {where}: indices reach from {pairs[0][0]} to {pairs[-1][0]}; expected 0 to "
                f"{columns - 1}, as the shape says. Indices count from 0."
            )
        indices += [index for index, _ in pairs]
        values += [value for _, value in pairs]
        starts.append(len(indices))
    aux = (torch.tensor(starts), torch.tensor(indices, dtype=torch.int64))
    shape = (len(labels), columns)
    features: CSRNDArray = make(
        CSRNDArray, torch.tensor(values, dtype=torch.float32), aux, shape, Context("cpu", 0), checked=True
    )
    return np.array(labels, np.float32), features


def _lines(path: str, num_parts: int, part_index: int) -> list[tuple[str, bytes]]:
    """The lines that begin in this part of the bytes of all files, each with the place where it stands."""
    given = Path(path)
    files = sorted(file for file in given.iterdir() if file.is_file()) if given.is_dir() else [given]
    contents = []
    for file in files:
        try:
            contents.append(file.read_bytes())
        except OSError as error:
            raise MXNetError(f"LibSVMIter: can't read {str(file)!r}: {error.strerror or error}") from error
    step = -(-sum(map(len, contents)) // num_parts)
    low, high, offset, found = part_index * step, (part_index + 1) * step, 0, []
    for file, content in zip(files, contents, strict=True):
        for number, line in enumerate(content.splitlines(keepends=True), 1):
            if low <= offset < high:
                found.append((f"{file}, line {number}", line))
            offset += len(line)
    return found
