"""Loads the trained network in a process of its own, in two ways, and prints what each predicts, as JSON.

Use: reload.py PREFIX IMAGES LABELS, where PREFIX-symbol.json and PREFIX-0000.params are the network.
"""

from __future__ import annotations

import json
import sys

import mxnet as mx
from mxnet import gluon


def main(prefix: str, images: str, labels: str) -> None:
    digits = mx.io.MNISTIter(image=images, label=labels, batch_size=100, shuffle=False, silent=True)

    module = mx.mod.Module.load(prefix, 0, label_names=None)
    module.bind(digits.provide_data, for_training=False)
    by_module = module.predict(digits)

    block = gluon.SymbolBlock.imports(f"{prefix}-symbol.json", ["data"], f"{prefix}-0000.params")
    digits.reset()
    by_block = mx.nd.concat(*(block(batch.data[0]) for batch in digits), dim=0)

    outputs = {"Module.load": by_module, "SymbolBlock.imports": by_block}
    print(json.dumps({way: output.argmax(axis=1).asnumpy().astype(int).tolist() for way, output in outputs.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
