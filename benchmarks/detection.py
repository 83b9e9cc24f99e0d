"""Detection after the network at the sizes of SSD-300 and Faster R-CNN, and for scale a network: VGG-16 on one image.

Aim: what is done for one image takes a small fraction of the network's time for it.
"""

from __future__ import annotations

from .harness import Contestant, Measurement

JOBS = (
    # name, job and its arguments
    ("box_nms, 32 x 8,732, 20 classes", ("box_nms", 32, 20, -1, 0.01)),
    ("box_nms, the best 400", ("box_nms", 32, 20, 400, 0.01)),
    ("box_nms, 32 x 8,732, 100 classes", ("box_nms", 32, 100, -1, 0.01)),
    ("box_nms, every box counts", ("box_nms", 32, 20, -1, 0.0)),
    ("MultiBoxDetection, 32 x 8,732", ("multi_box_detection", 32, 20)),
    ("MultiBoxTarget, 32 x 8,732", ("multi_box_target", 32, 20)),
    ("Proposal, 600 x 800", ("proposal", 600, 800, "Proposal")),
    ("VGG-16 on 1 x 3 x 300 x 300", ("network", 300)),
)


def measurements(quick: bool) -> list[Measurement]:
    """One for each job; torch has none of these operators."""
    program = "benchmarks.programs.mxnet_detection:program"
    return [
        Measurement(
            name=name, unit="ms", baseline="MXNet 1.9.1", rounds=3 if quick else 11, seconds=0.1,
            contestants=(Contestant("mxnext", program, job), Contestant("MXNet 1.9.1", program, job, host="oracle")),
        )
        for name, job in JOBS
        if not quick or "every box" not in name  # the original needs a minute for its few samples
    ]  # fmt: skip
