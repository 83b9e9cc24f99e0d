"""The pictures of the demo: digits with what the network says, and the network itself."""

from __future__ import annotations

from pathlib import Path

import lenet
import numpy as np
from matplotlib.figure import Figure

import mxnet as mx

INK, RIGHT, WRONG, GREY = "#1f2933", "#2f855a", "#c53030", "#7b8794"
COLUMNS = 12


def draw_digits(path: Path, images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
    """Some digits that the network gets right, then those it gets wrong, each with its answer and how sure it is.

    images (N, 28, 28) from 0 to 1, labels (N,), probabilities (N, 10)
    """
    predictions = probabilities.argmax(axis=1)
    right, wrong = np.flatnonzero(predictions == labels), np.flatnonzero(predictions != labels)
    groups = [(f"{len(right)} of {len(labels)} test digits are read correctly, such as these", right[: 3 * COLUMNS]),
              (f"{len(wrong)} are not: what it read → what it should be", wrong[: 3 * COLUMNS])]  # fmt: skip
    rows = [-(-len(indices) // COLUMNS) for _, indices in groups]
    cell, header, margin = 1.0, 0.62, 0.35  # inches
    width, height = COLUMNS * cell + 2 * margin, (sum(rows) * 1.22 + len(groups) * header) * cell + margin
    figure = Figure(figsize=(width, height), facecolor="white")
    top = height
    for (title, indices), count in zip(groups, rows, strict=True):
        figure.text(margin / width, (top - 0.42) / height, title, size=15, weight="bold", color=INK)
        top -= header
        for place, index in enumerate(indices):
            x, y = margin + place % COLUMNS * cell, top - place // COLUMNS * 1.22
            axes = figure.add_axes(((x + 0.04) / width, (y - 0.92) / height, 0.92 / width, 0.92 / height))
            axes.imshow(images[index], cmap="gray_r", vmin=0, vmax=1, interpolation="bilinear")
            axes.set(xticks=[], yticks=[])
            correct = predictions[index] == labels[index]
            for spine in axes.spines.values():
                spine.set(color="#cbd2d9" if correct else WRONG, linewidth=1 if correct else 1.6)
            answer = str(predictions[index]) if correct else f"{predictions[index]} → {labels[index]}"
            figure.text((x + 0.06) / width, (y - 1.10) / height, answer, size=12, weight="bold",
                        color=RIGHT if correct else WRONG)  # fmt: skip
            figure.text((x + 0.95) / width, (y - 1.10) / height, f"{probabilities[index].max():.0%}", size=9,
                        color=GREY, ha="right")  # fmt: skip
        top -= count * 1.22
    figure.savefig(path, dpi=110)


def draw_network(path: Path, batch_size: int) -> None:
    """LeNet up to its probabilities, with the shapes that flow through it."""
    network = lenet.symbol().get_internals()["softmax_output"]
    picture = mx.viz.plot_network(network, title=path.stem, save_format=path.suffix[1:],
                                  shape={"data": (batch_size, 1, 28, 28)})  # fmt: skip
    picture.render(filename=path.stem, directory=path.parent, cleanup=True)
