# ruff: noqa: B023 (every function made in a loop runs at once)
"""Record how the original MXNet indexes and assigns: run with its Python from the folder of this file's project.

    python tests/oracle/record_indexing.py
"""

import json
import os
import sys

os.environ["MXNET_ENGINE_TYPE"] = "NaiveEngine"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import mxnet as mx  # noqa: E402
import numpy as np  # noqa: E402
from indexing_cases import BAD_VALUES, KEYS, VALUES, VIEWS  # noqa: E402

nd = mx.nd


def counting():
    return nd.arange(1, 61).reshape((3, 4, 5))


def names(x):
    return {"mx": mx, "nd": nd, "np": np, "x": x, "y": x}


def outcome(function):
    """[shape, flat values] of an array, the name of the error, or "crash": in a process of its own, for some crash."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        try:
            result = function()
            found = result if isinstance(result, bool) else [list(result.shape), result.asnumpy().ravel().tolist()]
        except Exception as error:  # whatever it raises is the fact to record
            found = type(error).__name__
        with os.fdopen(write, "w") as pipe:
            pipe.write(json.dumps(found))
            pipe.flush()
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if text and not status else "crash"


def fitting(kind, shape):
    values = np.arange(100, 100 + int(np.prod(shape))).reshape(shape)
    if kind == "numpy":
        return values.astype("float64")
    return values.tolist() if kind == "list" else nd.array(values, dtype=kind)


def assign(key, value, part):
    x = counting()
    key = eval(key, names(x))
    if value.startswith("FIT"):
        value = fitting(value[4:], part[0])
    else:
        value = eval(value, names(x))
    x[key] = value
    return x


def shares(expression):
    y = counting()
    part = eval(expression, names(y))
    y[:] = -1
    return bool((part.asnumpy() == -1).all()) if part.size else False


def main():
    read, written, gradients = {}, {}, {}
    for number, key in enumerate(KEYS):
        x = counting()
        read[key] = part = outcome(lambda: x[eval(key, names(x))])
        value = VALUES[number % len(VALUES)]
        if isinstance(part, list) or not value.startswith("FIT"):
            written[f"{key} = {value}"] = outcome(lambda: assign(key, value, part))
        if isinstance(part, list) and all(part[0]):
            x.attach_grad()

            def gradient():
                with mx.autograd.record():
                    picked = x[eval(key, names(x))]
                picked.backward(nd.arange(1, picked.size + 1).reshape(picked.shape))
                return x.grad

            gradients[key] = outcome(gradient)
    for key in ("slice(None)", "1", "(0, slice(1, 3))", "[0, 2]", "(slice(None), [1])"):
        for value in (*VALUES, *BAD_VALUES):
            part = read.get(key) or outcome(lambda: counting()[eval(key, names(None))])
            written[f"{key} = {value}"] = outcome(lambda: assign(key, value, part))
    views = {}
    for expression in VIEWS:
        views[expression] = outcome(lambda: shares(expression))
    with open(os.path.join(HERE, "data", "indexing.json"), "w") as file:
        json.dump({"read": read, "written": written, "gradients": gradients, "views": views}, file,
                  separators=(",", ":"))  # fmt: skip


if __name__ == "__main__":
    main()
