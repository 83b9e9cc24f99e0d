"""Forward passes in inference of ResNet-50 and MobileNetV2, as fast as each framework can make them."""

from __future__ import annotations

from .harness import Contestant, Measurement

NETWORKS = {"resnet50_v1": 25_575_912, "mobilenetv2_1.0": 3_504_960}


def measurements(quick: bool) -> list[Measurement]:
    """One for each network and batch size; quick: only single images."""
    batches = (1,) if quick else (1, 16)
    return [job(network, batch, rounds=5 if quick else 11) for network in NETWORKS for batch in batches]


def job(network: str, batch: int, rounds: int) -> Measurement:
    """All contestants on one network; each checks its number of parameters."""
    common = (network, (batch, 3, 224, 224), NETWORKS[network])
    ours, torch = "benchmarks.programs.mxnet_inference:forward", "benchmarks.programs.torch_inference:forward"
    return Measurement(
        f"{network}, batch {batch}", unit="ms", baseline="torch, compiled", rounds=rounds, seconds=0.2,
        contestants=(
            Contestant("mxnext, optimize_for oneDNN", ours, (*common, "oneDNN")),
            Contestant("mxnext, hybridized", ours, (*common, "hybridized")),
            Contestant("mxnext, inductor", ours, (*common, "inductor")),
            Contestant("mxnext, onnxruntime", ours, (*common, "onnxruntime")),
            Contestant("mxnext, openvino", ours, (*common, "openvino")),
            Contestant("torch, compiled", torch, (*common, "compiled")),
            Contestant("torch", torch, (*common, "eager")),
            Contestant("MXNet 1.9.1, optimize_for MKLDNN", ours, (*common, "MKLDNN"), host="oracle"),
            Contestant("MXNet 1.9.1, hybridized", ours, (*common, "hybridized"), host="oracle"),
        ),
    )  # fmt: skip
