"""Record what the original's loops and branches give, and its files of them.

Run with the original's Python: python tests/oracle/record_control_flow.py. Writes data/control_flow.json and
data/control_flow.npz.
"""

import json
import os
import tempfile

import mxnet as mx
import numpy as np

import control_flow_cases as cases

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def exported(block):
    with tempfile.TemporaryDirectory() as folder:
        block.export(os.path.join(folder, "net"))
        with open(os.path.join(folder, "net-symbol.json")) as file:
            return file.read()


def main():
    facts = {"symbols": {}, "files": {}, "arrays": {}, "exported": {}}
    arrays = {}

    def keep(name, found):
        arrays.update({f"{name}/{key}": value for key, value in found.items()})

    for name in cases.SYMBOLS:
        facts["symbols"][name] = cases.facts(mx, name)
        made, _ = cases.group(mx, name)
        facts["files"][name] = made.tojson()
        try:
            keep(name, cases.run(mx, made, name))
        except mx.base.MXNetError as error:  # the original can't differentiate it
            print(name, str(error).split("Check failed")[-1])
            keep(name, cases.run(mx, made, name, differentiate=False))
    for name in cases.ARRAYS:
        facts["arrays"][name], found = cases.run_arrays(mx, name)
        keep(name, found)
    for name in cases.BLOCKS:
        for hybridize in (False, True):
            with mx.name.NameManager():
                block = cases.make_block(mx, name, hybridize)
                keep(f"{name}{'_hybridized' * hybridize}", cases.run_block(mx, block))
        facts["exported"][name] = exported(block)
    facts["shapes"] = [cases.shapes(mx, name, given) for name, given in cases.SHAPES]
    facts["errors"] = {name: cases.error(mx, name) for name in cases.WRONG}
    with open(os.path.join(HERE, "control_flow.json"), "w") as file:
        json.dump(facts, file, indent=0, sort_keys=True)
        file.write("\n")
    np.savez_compressed(os.path.join(HERE, "control_flow.npz"), **arrays)
    print(len(arrays), "arrays")


if __name__ == "__main__":
    main()
