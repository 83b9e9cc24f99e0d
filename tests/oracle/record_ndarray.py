"""Record arithmetic, functions, printing and pickles of arrays of the original MXNet: run with its Python.

    python tests/oracle/record_ndarray.py
"""

import base64
import json
import os
import pickle
import sys

os.environ["MXNET_ENGINE_TYPE"] = "NaiveEngine"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import mxnet as mx  # noqa: E402
import numpy as np  # noqa: E402
from ndarray_cases import ARITHMETIC, DTYPES, FUNCTIONS, IN_PLACE, PICKLED, PRINTED  # noqa: E402

nd = mx.nd


def operands(dtype):
    return {"mx": mx, "nd": nd, "np": np, "a": nd.array([0, 1, 2, 3], dtype=dtype),
            "b": nd.array([3, 1, 2, 1], dtype=dtype), "c": nd.array([1, 1, 1, 1], dtype="float32")}  # fmt: skip


def outcome(function):
    try:
        result = function()
        return [np.dtype(result.dtype).name, list(result.shape), result.asnumpy().ravel().tolist()]
    except Exception as error:
        return type(error).__name__


def in_place(statement, dtype):
    names = operands(dtype)
    exec("a " + statement, names)
    return names["a"]


def main():
    recorded = {"arithmetic": {}, "in_place": {}, "functions": {}, "printed": {}, "pickled": {}}
    for dtype in DTYPES:
        for case in ARITHMETIC:
            recorded["arithmetic"][dtype + ": " + case] = outcome(lambda c=case, d=dtype: eval(c, operands(d)))
        for case in IN_PLACE:
            recorded["in_place"][dtype + ": " + case] = outcome(lambda c=case, d=dtype: in_place(c, d))
    names = operands("float32")
    for case in FUNCTIONS:
        recorded["functions"][case] = outcome(lambda c=case: eval(c, names))
    for case in PRINTED:
        recorded["printed"][case] = [repr(eval(case, names)), str(eval(case, names))]
    for case in PICKLED:
        recorded["pickled"][case] = base64.b64encode(pickle.dumps(eval(case, names), 4)).decode()
    with open(os.path.join(HERE, "data", "ndarray.json"), "w") as file:
        json.dump(recorded, file, separators=(",", ":"))


if __name__ == "__main__":
    main()
