"""Inference by each backend, next to its engine used alone on the same ONNX model, and to our own kernels."""

from __future__ import annotations

from .harness import Contestant, Measurement

PROGRAMS = "benchmarks.programs.mxnet_backends"


def measurements(quick: bool) -> list[Measurement]:
    """One for each network, batch and engine."""
    batches, size = ((1,), 96) if quick else ((1, 16), 224)
    return [
        job(network, (batch, 3, size, size), engine, rounds=5 if quick else 11)
        for network in ("resnet50_v1", "mobilenetv2_1.0")
        for batch in batches
        for engine in ("onnxruntime", "openvino")
    ]


def job(network: str, shape: tuple[int, ...], engine: str, rounds: int) -> Measurement:
    """An engine by mxnext and alone; the ratio is to the engine alone."""
    return Measurement(
        f"{network}, {'x'.join(map(str, shape))}", unit="ms", baseline=engine, rounds=rounds, seconds=0.1,
        contestants=(
            Contestant(f"mxnext, {engine}", f"{PROGRAMS}:backend", (network, shape, engine)),
            Contestant(engine, f"{PROGRAMS}:alone", (network, shape, engine)),
            Contestant("mxnext, hybridized", f"{PROGRAMS}:hybridized", (network, shape)),
        ),
    )  # fmt: skip
