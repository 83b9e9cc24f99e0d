"""Training steps that keep images with the channels last in memory: faster on a CPU, but rounded differently."""

from __future__ import annotations

from typing import Any

import torch

from .graph import Node
from .lowering import Lowering
from .program import Step
from .templates import channels_last_layout, clone_template


class ChannelsLast(Lowering):
    """Gives convolutions data with the channels last; what follows keeps them so."""

    contiguous_heads = False

    def __init__(self, *args: Any):
        super().__init__(*args)
        self._converted: dict[int, int] = {}  # value -> the same with its channels last

    def forward(self, step: Step) -> None:
        """Enter the forward pass of a node."""
        given = [self.given(value) for value in step.node.inputs]
        if step.op.name == "Convolution":
            given[0] = self._with_channels_last(given[0], step.node)
        self.run(step, given)

    def _with_channels_last(self, index: int, node: Node) -> int:
        """The value with its channels last in memory; itself where it is that already, or no batch of images."""
        layout = self.layout(index)
        if len(layout.shape) != 4 or layout == channels_last_layout(layout.shape, layout.dtype):
            return index
        if index not in self._converted:
            template = clone_template(layout, self.device, torch.channels_last)
            self._converted[index] = self.single(template, [index], node)
        return self._converted[index]
