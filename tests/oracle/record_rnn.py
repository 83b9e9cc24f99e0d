"""Record the graphs that the original's `mx.rnn` builds, its unpacked weights and its batches of sentences.

Run with the original's Python: python tests/oracle/record_rnn.py. Writes data/rnn.json.
"""

import json
import os

import mxnet as mx

import rnn_cases as cases

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def main():
    facts = {
        "graphs": {name: [cases.graph(mx, name, *how) for how in cases.UNROLLED] for name in cases.CELLS},
        "unpacked": {name: cases.unpacked(mx, name)[0] for name in cases.PACKED},
        "batches": {name: cases.batches(mx, **kwargs) for name, kwargs in cases.ITERATORS.items()},
    }
    with open(os.path.join(HERE, "rnn.json"), "w") as file:
        json.dump(facts, file, sort_keys=True)


if __name__ == "__main__":
    main()
