"""Record the update operators of MXNet 1.9.1: run with its interpreter, writes data/optimizer_ops.npz and .json.

Each case calls an operator once, with `out` given the weights; kept are the inputs, the result, and the inputs after
the call.
"""

import json
import os

import mxnet as mx
import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
SHAPE = (3, 4)
rng = np.random.RandomState(11)
CLIP = {"wd": 0.1, "rescale_grad": 0.7, "clip_gradient": 0.3}


def signed(shape=SHAPE):
    return rng.uniform(-1, 1, shape).astype("float32")


def positive(shape=SHAPE):
    return rng.uniform(0.1, 1, shape).astype("float32")


KINDS = {
    "weight": signed, "grad": signed, "mom": signed, "mean": signed, "var": positive, "n": lambda: positive() + 1,
    "g": signed, "delta": signed, "z": signed, "d": positive, "v": positive, "weight32": signed, "history": positive,
    "r1": lambda: positive((1,)), "r2": lambda: positive((1,)),
}  # fmt: skip


def fixed():
    """(operator, input names, attributes) of operators with a fixed number of inputs."""
    for mp in ("", "mp_"):
        master = ["weight32"] if mp else []
        for extra in ({}, CLIP, {"wd": 0.1, "lazy_update": False}):
            yield f"{mp}sgd_update", ["weight", "grad", *master], {"lr": 0.1, **extra}
            yield f"{mp}sgd_mom_update", ["weight", "grad", "mom", *master], {"lr": 0.1, "momentum": 0.9, **extra}
        for extra in ({}, CLIP, {"wd": 0.1}):
            yield f"{mp}nag_mom_update", ["weight", "grad", "mom", *master], {"lr": 0.1, "momentum": 0.9, **extra}
            for t in (1, 4):
                yield (
                    f"{mp}lamb_update_phase1",
                    ["weight", "grad", "mean", "var", *master],
                    {"t": t, "wd": 0.2, **extra, "bias_correction": t == 4},
                )
        for extra in ({}, {"lower_bound": 0.5}, {"upper_bound": 0.3}, {"lower_bound": 2.0, "upper_bound": 3.0}):
            yield f"{mp}lamb_update_phase2", ["weight", "g", "r1", "r2", *master], {"lr": 0.1, **extra}
    for extra in ({}, CLIP, {"wd": 0.1}):
        yield "signsgd_update", ["weight", "grad"], {"lr": 0.1, **extra}
        yield "signum_update", ["weight", "grad", "mom"], {"lr": 0.1, "momentum": 0.6, **extra}
        yield "signum_update", ["weight", "grad", "mom"], {"lr": 0.1, "momentum": 0.6, "wd_lh": 0.2, **extra}
        yield "adam_update", ["weight", "grad", "mean", "var"], {"lr": 0.1, **extra}
        yield (
            "adam_update",
            ["weight", "grad", "mean", "var"],
            {"lr": 0.1, "beta1": 0.5, "beta2": 0.7, "epsilon": 0.1, "lazy_update": False, **extra},
        )
        yield "ftrl_update", ["weight", "grad", "z", "n"], {"lr": 0.1, "lamda1": 0.2, "beta": 0.5, **extra}
        yield "rmsprop_update", ["weight", "grad", "n"], {"lr": 0.1, **extra}
        yield (
            "rmsprop_update",
            ["weight", "grad", "n"],
            {"lr": 0.1, "gamma1": 0.5, "epsilon": 0.2, "clip_weights": 0.4, **extra},
        )
        yield "rmspropalex_update", ["weight", "grad", "n", "g", "delta"], {"lr": 0.1, **extra}
        yield (
            "rmspropalex_update",
            ["weight", "grad", "n", "g", "delta"],
            {"lr": 0.1, "gamma1": 0.5, "gamma2": 0.7, "epsilon": 0.2, "clip_weights": 0.4, **extra},
        )
        ftml = {("clip_grad" if key == "clip_gradient" else key): value for key, value in extra.items()}
        yield "ftml_update", ["weight", "grad", "d", "v", "z"], {"lr": 0.1, "t": 3, **ftml}
        no_decay = {key: value for key, value in extra.items() if key != "wd"}
        yield "_contrib_group_adagrad_update", ["weight", "grad", "history"], {"lr": 0.1, **no_decay}


def adamw():
    for mp in ("", "mp_"):
        master = ["weight32"] if mp else []
        for extra in ({}, {"wd": 0.1, "clip_gradient": 0.3}, {"wd": 0.1, "beta1": 0.5, "beta2": 0.7, "epsilon": 0.1}):
            yield f"_{mp}adamw_update", ["weight", "grad", "mean", "var", *master], {"lr": 0.1, "eta": 0.8, **extra}


def several():
    """(operator, input names of one weight, attributes) of operators that update two weights."""
    for mp in ("", "mp_"):
        master = ["weight32"] if mp else []
        for extra in ({}, {"rescale_grad": 0.7, "clip_gradient": 0.3}):
            rates = {"lrs": [0.1, 0.2], "wds": [0.0, 0.3]}
            for preloaded in ("", "preloaded_"):
                given = {} if preloaded else rates
                yield f"{preloaded}multi_{mp}sgd_update", ["weight", "grad", *master], {**given, **extra}
                yield (
                    f"{preloaded}multi_{mp}sgd_mom_update",
                    ["weight", "grad", "mom", *master],
                    {"momentum": 0.9, **given, **extra},
                )
            for bounds in ({}, {"lower_bound": 0.5, "upper_bound": 0.8}, {"bias_correction": False}):
                yield (
                    f"_multi_{mp}lamb_update",
                    ["weight", "grad", "mean", "var", *master],
                    {"learning_rates": [0.1, 0.2], "wds": [0.0, 0.3], "step_count": [1, 4], **extra, **bounds},
                )
            yield (
                f"_multi_{mp}adamw_update",
                ["weight", "grad", "mean", "var", *master],
                {
                    "lrs": [0.1, 0.2],
                    "wds": [0.0, 0.3],
                    "etas": [0.8, 0.9],
                    **{key: value for key, value in extra.items() if key != "rescale_grad"},
                },
            )


def find(name):
    for namespace in (mx.nd, mx.nd._internal):
        if hasattr(namespace, name):
            return getattr(namespace, name)
    return mx.nd.contrib.group_adagrad_update


def main():
    arrays, records = {}, []

    def record(op, names, attributes, dtype, count):
        inputs, labels = [], []
        for i in range(count):
            for name in names:
                value = KINDS[name]()
                low = name in ("weight", "grad") or not (op.find("mp_") >= 0)
                if name == "history":
                    value = value[:, :1]
                wide = "lamb_update_phase2" in op and name in ("r1", "r2", "g")
                array = mx.nd.array(value, dtype=dtype if low and not (wide and "mp_" in op) else "float32")
                inputs.append(array)
                labels.append(f"{name}_{i}")
        for i in range(count):  # the master copy holds the same numbers
            if f"weight32_{i}" in labels:
                inputs[labels.index(f"weight_{i}")][:] = inputs[labels.index(f"weight32_{i}")]
        extra = []
        if op.startswith("preloaded"):
            extra = [mx.nd.array([0.1, 0.2]), mx.nd.array([0.0, 0.3])]
            labels += ["lrs", "wds"]
        if "adamw" in op:
            extra = [mx.nd.array([0.7])]
            labels += ["rescale_grad"]
        inputs += extra
        if "mp_" in op and dtype == "float32":  # half-precision weights are what these operators are for
            return
        number = len(records)
        entry = {"op": op, "inputs": labels, "attributes": attributes, "dtype": dtype, "count": count}
        for label, array in zip(labels, inputs):
            arrays[f"{number}.{label}.in"] = array.asnumpy()
        weights = [array for label, array in zip(labels, inputs) if label.startswith("weight_")]
        phase1 = "phase1" in op
        given = dict(attributes)
        if count > 1 or "multi" in op:
            given["num_tensors" if "lamb" in op else "num_weights"] = count
        entry["attributes"] = given
        try:
            if phase1:
                result = find(op)(*inputs, **given)
            else:
                result = find(op)(*inputs, out=weights if count > 1 else weights[0], **given)
            mx.nd.waitall()
        except mx.MXNetError as error:
            print("refused:", op, dtype, str(error).strip().splitlines()[-1][:150])
            return
        arrays[f"{number}.result"] = np.stack([r.asnumpy() for r in (result if count > 1 else [result])])
        for label, array in zip(labels, inputs):
            arrays[f"{number}.{label}.after"] = array.asnumpy()
        records.append(entry)

    for dtype in ("float32", "float16"):
        for op, names, attributes in fixed():
            record(op, names, attributes, dtype, 1)
        for op, names, attributes in adamw():
            record(op, names, attributes, dtype, 1)
        for op, names, attributes in several():
            record(op, names, attributes, dtype, 2)
    np.savez_compressed(os.path.join(DATA, "optimizer_ops.npz"), **arrays)
    with open(os.path.join(DATA, "optimizer_ops.json"), "w") as file:
        json.dump(records, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
