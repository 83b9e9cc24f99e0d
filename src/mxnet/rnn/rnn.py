"""Checkpoints of recurrent networks, with the weights of each gate apart, so that other cells can read them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .. import symbol
from ..model import load_checkpoint, save_checkpoint
from .rnn_cell import BaseRNNCell

__all__ = ["do_rnn_checkpoint", "load_rnn_checkpoint", "rnn_unroll", "save_rnn_checkpoint"]

_Cells = BaseRNNCell | Sequence[BaseRNNCell]


def _listed(cells: _Cells) -> Sequence[BaseRNNCell]:
    return [cells] if isinstance(cells, BaseRNNCell) else cells


def rnn_unroll(
    cell: BaseRNNCell, length: int, inputs: Any = None, begin_state: Any = None, input_prefix: str = "",
    layout: str = "NTC",
) -> tuple[Any, list[Any]]:  # fmt: skip
    """Deprecated: use `cell.unroll`. Without inputs, they are variables named input_prefix + "t0_data" and so on."""
    warnings.warn("rnn_unroll is deprecated. Please call cell.unroll directly.", stacklevel=2)
    if inputs is None:
        inputs = [symbol.Variable(f"{input_prefix}t{i}_data") for i in range(length)]
    return cell.unroll(length=length, inputs=inputs, begin_state=begin_state, layout=layout)


def save_rnn_checkpoint(
    cells: _Cells, prefix: str, epoch: int, symbol: Any, arg_params: dict[str, Any], aux_params: dict[str, Any]
) -> None:
    """Save a network and its parameters, after unpacking those of cells.

    Args:
        cells: the cell, or cells, that the network was made of.
        prefix, epoch, symbol, arg_params, aux_params: as for `mx.model.save_checkpoint`.
    """
    for cell in _listed(cells):
        arg_params = cell.unpack_weights(arg_params)
    save_checkpoint(prefix, epoch, symbol, arg_params, aux_params)


def load_rnn_checkpoint(cells: _Cells, prefix: str, epoch: int) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """What `save_rnn_checkpoint` saved, with the parameters of cells packed: symbol, parameters, auxiliary states.

    Args:
        cells: the cell, or cells; other ones than those saved will do if their unpacked parameters are the same.
        prefix, epoch: as for `mx.model.load_checkpoint`.
    """
    network, arg_params, aux_params = load_checkpoint(prefix, epoch)
    for cell in _listed(cells):
        arg_params = cell.pack_weights(arg_params)
    return network, arg_params, aux_params


def do_rnn_checkpoint(cells: _Cells, prefix: str, period: int = 1) -> Callable[..., None]:
    """A callback for `Module.fit` that saves with `save_rnn_checkpoint` at the end of every period-th epoch."""
    period = max(1, int(period))

    def save(iter_no: int, sym: Any = None, arg: Any = None, aux: Any = None) -> None:
        if (iter_no + 1) % period == 0:
            save_rnn_checkpoint(cells, prefix, iter_no + 1, sym, arg, aux)

    return save
