"""Forward passes of the same networks in torch: eager, and compiled with constants frozen."""

from __future__ import annotations

import torch

from .torch_networks import NETWORKS


def forward(network, shape, parameters, mode):
    """run(n) of a torch network.

    mode  "eager", or "compiled": torch.compile with freezing
    """
    torch.manual_seed(1)
    net = NETWORKS[network]().eval()
    count = sum(p.numel() for p in net.parameters())
    assert count == parameters, f"{network} has {count} parameters; expected {parameters}"
    x = torch.randn(shape)
    if mode == "compiled":
        import torch._inductor.config as config

        config.freezing = True
        net = torch.compile(net)

    def run(n):
        with torch.no_grad():
            for _ in range(n):
                net(x)

    return run
