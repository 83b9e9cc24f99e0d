"""The table that `Block.summary` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ndarray import NDArray
from ..symbol import Symbol

_WIDTH = 80
_ROW = "{:>20}  {:>42} {:>15}"


def _shapes(value: Any) -> str:
    """The shapes of arrays in nested lists, separated by commas."""
    if isinstance(value, NDArray):
        return str(value.shape)
    if isinstance(value, list | tuple):
        return ", ".join(_shapes(item) for item in value)
    return str(value)


class _Row:
    """One call of a block: what it returned, and its own parameters."""

    def __init__(self, name: str, output: Any, parameters: Sequence[Any]):
        self.name = name
        self.output = _shapes(output)
        self.sizes = {parameter: _size(parameter) for parameter in parameters}


def _size(parameter: Any) -> int:
    size = 1
    for extent in parameter.shape or (0,):
        size *= extent
    return size


def _has_symbol(value: Any) -> bool:
    return any(map(_has_symbol, value)) if isinstance(value, list | tuple) else isinstance(value, Symbol)


def print_block_summary(block: Any, inputs: Sequence[Any]) -> None:
    """Print layers, output shapes and numbers of parameters of a block called with inputs.

    Raises: AssertionError if a block is hybridized: its layers are not called then.
    """
    from .nn import HybridSequential, Sequential

    rows: list[_Row] = []
    handles = []

    def watch(layer: Any) -> None:
        if getattr(layer, "_active", False):
            raise AssertionError(f'"{layer.name}" must not be hybridized to print summary.')

        def note(called: Any, _: Any, output: Any) -> None:
            if not _has_symbol(output):
                name = f"{type(called).__name__}-{len(rows) + 1}"
                rows.append(_Row(name, output, list(called.params.values())))

        if not isinstance(layer, Sequential | HybridSequential):
            handles.append(layer.register_forward_hook(note))

    try:
        block.apply(watch)
        block(*inputs)
    finally:
        for handle in handles:
            handle.detach()
    _print_table(rows, inputs, {parameter: _size(parameter) for parameter in block.collect_params().values()})


def _print_table(rows: Sequence[_Row], inputs: Sequence[Any], unique: dict[Any, int]) -> None:
    print("-" * _WIDTH)
    print(_ROW.format("Layer (type)", "Output Shape", "Param #"))
    print("=" * _WIDTH)
    print(_ROW.format("Input", _shapes(inputs), 0))
    for row in rows:
        print(_ROW.format(row.name, row.output, sum(row.sizes.values())))
    print("=" * _WIDTH)
    total = sum(sum(row.sizes.values()) for row in rows)
    trainable = sum(size for row in rows for parameter, size in row.sizes.items() if parameter.grad_req != "null")
    seen: set[Any] = set()
    shared = 0
    for row in rows:
        shared += sum(size for parameter, size in row.sizes.items() if parameter in seen)
        seen.update(row.sizes)
    print("Parameters in forward computation graph, duplicate included")
    print(f"   Total params: {total}")
    print(f"   Trainable params: {trainable}")
    print(f"   Non-trainable params: {total - trainable}")
    print(f"Shared params in forward computation graph: {shared}")
    print(f"Unique parameters in model: {sum(unique.values())}")
    print("-" * _WIDTH)
