"""Record what the original's Gluon layers, losses, cells and image operators give.

Run with the original's Python: python tests/oracle/record_gluon.py. Writes data/gluon.json and data/gluon.npz.
"""

import json
import os

import mxnet as mx
import numpy as np

import gluon_cases as cases
import image_cases

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def main():
    facts, arrays = {}, {}

    def keep(kind, name, result):
        facts[f"{kind}/{name}"] = result[0]
        arrays.update({f"{kind}/{name}/{key}": value for key, value in result[1].items()})

    for name, build, shapes in cases.LAYERS:
        with mx.name.NameManager():
            keep("layer", name, cases.run_layer(mx, build, shapes))
    for name, build, inputs in cases.LOSSES:
        keep("loss", name, cases.run_loss(mx, build, inputs))
    for name, build in cases.CELLS:
        for valid in (False, True):
            keep("cell", f"{name}{'_valid' if valid else ''}", cases.run_cell(mx, build, valid))
    for name, build in cases.RECURRENT:
        keep("recurrent", name, cases.run_recurrent(mx, build))
    for name, run in image_cases.CASES:
        keep("image", name, ({}, {"out": run(mx).asnumpy()}))
    with open(os.path.join(HERE, "gluon.json"), "w") as file:
        json.dump(facts, file, indent=1, sort_keys=True)
    np.savez_compressed(os.path.join(HERE, "gluon.npz"), **arrays)
    print(len(facts), "cases,", len(arrays), "arrays")


if __name__ == "__main__":
    main()
