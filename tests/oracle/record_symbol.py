"""Records what MXNet 1.9.1 says of the networks in networks.py and of the files in symbol_files.py."""

import json
import os

import mxnet as mx

import networks
import symbol_files

HERE = os.path.dirname(os.path.abspath(__file__))

if __name__ == "__main__":
    facts = {
        "networks": {name: networks.describe(mx, name) for name in networks.NETWORKS},
        "files": {name: symbol_files.read(mx, name) for name in symbol_files.DOCUMENTS},
    }
    with open(os.path.join(HERE, "data", "symbol.json"), "w") as file:
        json.dump(facts, file, indent=0, sort_keys=True)
        file.write("\n")
