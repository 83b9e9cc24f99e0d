"""What results of operations really hold, where that is more than their shapes say, or torch's meta kernels don't know.

What a kernel takes and gives back within one call is unknown here, and no part of a plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

aten = torch.ops.aten

_PAGE = 4096  # bytes: each of oneDNN's arrays in a workspace begins at a multiple


def real_bytes(function: Any, args: Sequence[Any], results: Sequence[Any]) -> dict[int, int]:
    """The bytes of storages of results that aren't what their shapes say, by position.

    Args:
        function: the operation.
        args, results: of its call; tensors need only shapes and dtypes.
    """
    if function is aten.mkldnn_rnn_layer.default and torch.is_grad_enabled():
        (steps, rows, inputs), units = args[0].shape, args[10]
        return {3: lstm_workspace_bytes(steps, rows, inputs, units, args[0].dtype.itemsize)}
    if function is aten.col2im.default:  # made with the size of the argument, and then resized
        return {0: max(args[0].numel(), results[0].numel()) * args[0].dtype.itemsize}
    if function is aten._embedding_bag.default and results[1].numel():  # counted with one more
        return {1: (results[1].numel() + 1) * results[1].dtype.itemsize}
    return {}


def separated(function: Any, results: Any) -> Any:
    """The results of an operation on tensors without storage, those apart that share one only there."""
    if function is aten.mkldnn_rnn_layer_backward.default:  # the gradients of the two biases
        return *results[:4], results[4].clone(), *results[5:]
    return results


def lstm_workspace_bytes(steps: int, rows: int, inputs: int, units: int, itemsize: int = 4) -> int:
    """The bytes of the workspace of one layer of oneDNN's LSTM, in one direction, in training.

    It holds the gates, the states and their gradients. The formula was fitted to what oneDNN 3 takes, the same
    with SSE 4.1, AVX2, AVX-512 and AMX; a test compares it with the machine that it runs on.

    Args:
        steps, rows: T and B of the data (T, B, inputs); units: H of the states (B, H).
        itemsize: bytes of an element of the data: 4 or 2. Gradients of states take 4 in either case.
    """
    cells = 2 * (steps + 1) * rows  # before and after the layer and each step
    states = _leading(max(inputs, units), itemsize) * itemsize
    gradients = _leading(max(inputs, units), 4) * 4
    sizes = (
        steps * rows * _leading(4 * units, itemsize) * itemsize,  # gates
        steps * rows * _leading(units, itemsize) * itemsize,  # states before the projection
        cells * states, cells * gradients, cells * gradients,  # states; gradients by layer and by step
        cells * units * itemsize,  # memory cells
        cells * units * 4,  # their gradients
    )  # fmt: skip
    return sum(-(-size // _PAGE) * _PAGE for size in sizes)


def _leading(extent: int, itemsize: int) -> int:
    """The elements from one row to the next: whole lines of 64 bytes, but no multiple of 256 elements."""
    line = 64 // itemsize
    rounded = -(-extent // line) * line
    return rounded + line if rounded % 256 == 0 else rounded
