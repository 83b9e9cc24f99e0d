"""Records the operators on graphs as csr matrices: `record_csr_graph.py` with MXNet 1.9.1 writes its file in data/."""

import json
import os

import csr_graph_cases as cases
import mxnet as mx
import numpy as np

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    lines = [json.dumps(cases.key(call)) + ": " + json.dumps(cases.run(call, mx, np)) for call in cases.CALLS]
    with open(os.path.join(here, "data", "csr_graph.json"), "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
