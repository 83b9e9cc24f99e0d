"""One training step (forward, backward, SGD with momentum) of LeNet and of ResNet-18, in every way there is."""

from __future__ import annotations

from .harness import Contestant, Measurement


def measurements(quick: bool) -> list[Measurement]:
    """One for each network."""
    lenet = ("LeNet", (64, 1, 28, 28), 10, 431_080)
    resnet = ("ResNet-18", (8, 3, 64, 64) if quick else (8, 3, 224, 224), 1000, 11_689_512)
    return [job(*lenet, rounds=5 if quick else 15), job(*resnet, rounds=3 if quick else 7)]


def job(network: str, shape: tuple[int, ...], classes: int, parameters: int, rounds: int) -> Measurement:
    """All contestants on one network; each checks that it has so many learned parameters."""
    common = (network, shape, shape[:1], classes, parameters)
    gluon, module = "benchmarks.programs.mxnet_training:gluon_steps", "benchmarks.programs.mxnet_training:module_steps"
    return Measurement(
        f"{network}, batch {'x'.join(map(str, shape))}", unit="ms", baseline="torch", rounds=rounds, seconds=0.2,
        contestants=(
            Contestant("mxnext, imperative", gluon, (*common, None)),
            Contestant("mxnext, hybridized", gluon, (*common, {})),
            Contestant("mxnext, Module", module, common),
            Contestant("torch", "benchmarks.programs.torch_training:steps", common, host="torch"),
            Contestant("MXNet 1.9.1, imperative", gluon, (*common, None), host="oracle"),
            Contestant("MXNet 1.9.1, hybridized", gluon, (*common, {}), host="oracle"),
            Contestant("MXNet 1.9.1, Module", module, common, host="oracle"),
        ),
    )  # fmt: skip
