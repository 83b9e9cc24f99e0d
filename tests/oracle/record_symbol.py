"""Records what MXNet 1.9.1 says of the networks in networks.py: JSON, names, attributes, inferred shapes and dtypes."""

import json
import os

import mxnet as mx

import networks

HERE = os.path.dirname(os.path.abspath(__file__))

if __name__ == "__main__":
    facts = {name: networks.describe(mx, name) for name in networks.NETWORKS}
    with open(os.path.join(HERE, "data", "symbol.json"), "w") as file:
        json.dump(facts, file, indent=0, sort_keys=True)
        file.write("\n")
