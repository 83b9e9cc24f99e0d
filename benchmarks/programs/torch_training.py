"""The same training steps in torch, eager."""

from __future__ import annotations

import torch
from torch import nn

from .torch_networks import NETWORKS


def steps(network, shape, classes, parameters):
    """run(n) of a torch network with torch.optim.SGD."""
    torch.manual_seed(1)
    data, label = torch.randn(shape), torch.arange(shape[0]) % classes
    net, loss_of = NETWORKS[network](), nn.CrossEntropyLoss()
    assert sum(p.numel() for p in net.parameters()) == parameters
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)

    def run(n):
        for _ in range(n):
            optimizer.zero_grad()
            loss_of(net(data), label).backward()
            optimizer.step()

    return run
