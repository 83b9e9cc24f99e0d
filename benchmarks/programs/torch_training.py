"""The same training steps in torch: eager, and compiled."""

from __future__ import annotations

import math

import torch
from torch import nn

from .torch_networks import NETWORKS


def steps(network, shape, labels, classes, parameters, mode="eager"):
    """run(n) of a torch network with torch.optim.SGD.

    mode  "eager", "channels-last" (for images), or "compiled"
    """
    shape, labels = tuple(shape), tuple(labels)
    torch.manual_seed(1)
    label = (torch.arange(math.prod(labels)) % classes).reshape(labels)
    data = label if shape == labels else torch.randn(shape)
    net, loss_of = NETWORKS[network](), nn.CrossEntropyLoss()
    count = sum(p.numel() for p in net.parameters())
    assert count == parameters, f"{network} has {count} parameters; expected {parameters}"
    if mode == "channels-last":
        data, net = data.to(memory_format=torch.channels_last), net.to(memory_format=torch.channels_last)
    forward = net
    if mode == "compiled":
        import torch._inductor.config as config

        config.force_disable_caches = True  # what an earlier run compiled would hide the time to the first step
        forward = torch.compile(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)

    def run(n):
        for _ in range(n):
            optimizer.zero_grad()
            loss_of(forward(data).flatten(0, -2), label.flatten()).backward()
            optimizer.step()

    return run
