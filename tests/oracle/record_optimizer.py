"""Record what the optimizers of MXNet 1.9.1 do: run with its interpreter, writes data/optimizer.npz and .json.

Every case trains the same three parameters with the same gradients; weights after each step, the number of updates,
the learning rates and the final states are kept.
"""

import json
import os

import mxnet as mx
import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
SHAPES = [(3, 4), (5,), (2, 3, 2)]
STEPS = 5
COMMON = [
    {},
    {"wd": 0.03, "rescale_grad": 0.5, "clip_gradient": 0.3},
]
FACTOR = {"lr_scheduler": ["FactorScheduler", {"step": 2, "factor": 0.5, "base_lr": 0.2}]}


def cases():
    """(optimizer, constructor arguments, setting) triples; a setting changes how the steps are done."""
    for name in sorted(mx.optimizer.Optimizer.opt_registry):
        if name == "sgld":  # draws random numbers
            continue
        variants = [*COMMON]
        if name in ("lbsgd", "lars", "nadam", "ftml", "test"):
            variants.append({"learning_rate": 0.3})
        else:
            variants.append({"learning_rate": 0.3, **({} if name in () else {"begin_num_update": 3})})
        for kwargs in variants:
            if name == "groupadagrad" and kwargs.get("wd"):
                kwargs = {key: value for key, value in kwargs.items() if key != "wd"}
            yield name, kwargs, {}
        yield name, FACTOR, {}
        yield name, {"wd": 0.1}, {"mult": True}
        yield name, {"wd": 0.03}, {"dtype": "float16"}
        yield name, {"wd": 0.03, "multi_precision": True}, {"dtype": "float16"}
        yield name, {"wd": 0.03}, {"dtype": "float64"}
    for name in ("sgd", "nag", "signum", "lars", "lbsgd", "dcasgd", "ccsgd"):
        yield name, {"momentum": 0.9, "wd": 0.02, "learning_rate": 0.1}, {}
        yield name, {"momentum": 0.9, "clip_gradient": 0.4}, {"dtype": "float16"}
        yield (
            name,
            {"momentum": 0.9, "multi_precision": True, "clip_gradient": 0.4, "rescale_grad": 2},
            {"dtype": "float16"},
        )
        yield name, {"momentum": 0.9, **FACTOR}, {"mult": True}
        yield name, {"momentum": 0.5, "wd": 0.02}, {"lists": True}
        yield name, {"momentum": 0.5, "wd": 0.02, "multi_precision": True}, {"lists": True, "dtype": "float16"}
    yield "sgd", {"wd": 0.02}, {"lists": True}
    yield "sgd", {"lazy_update": False, "momentum": 0.9}, {}
    yield "signum", {"momentum": 0.0, "wd_lh": 0.1}, {}
    yield "signum", {"momentum": 0.7, "wd_lh": 0.1, "wd": 0.1}, {}
    yield "rmsprop", {"centered": True, "wd": 0.02}, {}
    yield "rmsprop", {"centered": True, "clip_weights": 0.5, "gamma1": 0.8, "gamma2": 0.7, "epsilon": 0.01}, {}
    yield "rmsprop", {"clip_weights": 0.5, "learning_rate": 0.1}, {}
    yield "adam", {"beta1": 0.5, "beta2": 0.7, "epsilon": 0.01, "lazy_update": False}, {}
    yield "adamax", {"beta1": 0.5, "beta2": 0.7}, {}
    yield "nadam", {"beta1": 0.5, "beta2": 0.7, "epsilon": 0.01, "schedule_decay": 0.1}, {}
    yield "adagrad", {"eps": 0.1, "learning_rate": 0.1}, {}
    yield "adadelta", {"rho": 0.5, "epsilon": 0.1}, {}
    yield "ftrl", {"lamda1": 0.1, "beta": 0.5, "wd": 0.1}, {}
    yield "ftml", {"beta1": 0.3, "beta2": 0.7, "epsilon": 0.1}, {}
    yield "dcasgd", {"lamda": 0.5, "momentum": 0.2}, {}
    yield "lamb", {"lower_bound": 0.5, "upper_bound": 1.5, "learning_rate": 0.1}, {}
    yield "lamb", {"bias_correction": False, "learning_rate": 0.1, "wd": 0.1}, {}
    yield "lamb", {"learning_rate": 0.1, "wd": 0.1}, {"lists": True}
    yield "lamb", {"learning_rate": 0.1, "multi_precision": True}, {"lists": True, "dtype": "float16"}
    yield "lars", {"eta": 0.1, "eps": 0.01, "momentum": 0.9, "momentum_correction": False, "wd": 0.1}, {}
    yield "lars", {"eta": 0.1, "momentum": 0.9, "momentum_correction": True, **FACTOR}, {}
    yield "lars", {"eta": 0.1, "learning_rate": 0.5, "wd": 0.1}, {"lists": True}
    yield "lars", {"eta": 0.1, "learning_rate": 0.5, "wd": 0.1}, {"names": True}
    yield (
        "lars",
        {"eta": 0.1, "learning_rate": 0.5, "wd": 0.1, "momentum": 0.9, "multi_precision": True},
        {"names": True, "dtype": "float16", "lists": True},
    )
    yield (
        "lars",
        {"eta": 0.1, "learning_rate": 0.5, "wd": 0.1, "clip_gradient": 0.2, "rescale_grad": 0.5},
        {"names": True, "lists": True},
    )
    for strategy in ("linear", "power2", "sqrt", "lars"):
        yield (
            "lbsgd",
            {
                "warmup_strategy": strategy,
                "warmup_epochs": 1,
                "updates_per_epoch": 3,
                "batch_scale": 2,
                "learning_rate": 0.2,
                "momentum": 0.9,
            },
            {},
        )
        yield (
            "lbsgd",
            {
                "warmup_strategy": strategy,
                "warmup_epochs": 2,
                "updates_per_epoch": 2,
                "batch_scale": 1,
                "begin_epoch": 1,
                "num_epochs": 3,
                "wd": 0.1,
            },
            {},
        )
    for name in ("sgd", "adam", "adagrad", "rmsprop", "lars", "nadam", "ftrl"):
        yield name, {"wd": 0.1}, {"names": True}


def flatten(state, path, into):
    if state is None:
        into[path] = None
    elif isinstance(state, mx.nd.NDArray):
        into[path] = state.asnumpy()
    elif isinstance(state, (list, tuple)):
        into[path] = type(state).__name__
        for i, item in enumerate(state):
            flatten(item, f"{path}.{i}", into)
    elif isinstance(state, (int, float)):
        into[path] = state
    else:
        raise TypeError(type(state))


def run(name, kwargs, setting, weights, grads):
    kwargs = dict(kwargs)
    if "lr_scheduler" in kwargs:
        scheduler, arguments = kwargs["lr_scheduler"]
        kwargs["lr_scheduler"] = getattr(mx.lr_scheduler, scheduler)(**arguments)
    if setting.get("names"):
        kwargs["param_idx2name"] = {0: "fc_weight", 1: "fc_bias", 2: "bn_gamma"}
    optimizer = mx.optimizer.create(name, **kwargs)
    if setting.get("mult"):
        optimizer.set_lr_mult({0: 0.5, 2: 0.0})
        optimizer.set_wd_mult({1: 0.0, 2: 2.0})
    updater = mx.optimizer.get_updater(optimizer)
    dtype = setting.get("dtype", "float32")
    arrays = [mx.nd.array(w, dtype=dtype) for w in weights]
    history, rates = [], []
    for step in range(STEPS):
        gradients = [mx.nd.array(g, dtype=dtype) for g in grads[step]]
        if setting.get("lists"):
            updater([0, 1, 2], gradients, arrays)
        else:
            for i in range(3):
                updater(i, gradients[i], arrays[i])
        history.append(np.concatenate([a.asnumpy().ravel() for a in arrays]))
        rates.append(optimizer.learning_rate)
    states = {}
    for i in range(3):
        flatten(updater.states[i], str(i), states)
    return np.stack(history), states, rates, optimizer.num_update


def record_states():
    """What `Updater.get_states` writes: momentum SGD after two steps, with a schedule, in multi-precision."""
    scheduler = mx.lr_scheduler.FactorScheduler(3, 0.5, base_lr=0.1)
    optimizer = mx.optimizer.SGD(
        momentum=0.9, wd=0.1, lr_scheduler=scheduler, multi_precision=True, param_idx2name={0: "a_weight", 1: "b_bias"}
    )
    updater = mx.optimizer.get_updater(optimizer)
    weights = [mx.nd.array([1, 2, 3]), mx.nd.array([[1, -1]], dtype="float16")]
    for _ in range(2):
        for i, weight in enumerate(weights):
            updater(i, weight * 0.5, weight)
    for name, dump in (("states", False), ("states_optimizer", True)):
        with open(os.path.join(DATA, f"optimizer_{name}.bin"), "wb") as file:
            file.write(updater.get_states(dump_optimizer=dump))


def main():
    rng = np.random.RandomState(7)
    weights = [rng.uniform(-1, 1, s).astype("float32") for s in SHAPES]
    grads = [[rng.uniform(-1, 1, s).astype("float32") for s in SHAPES] for _ in range(STEPS)]
    arrays = {f"weight.{i}": w for i, w in enumerate(weights)}
    arrays.update({f"grad.{t}.{i}": g for t in range(STEPS) for i, g in enumerate(grads[t])})
    records = []
    for number, (name, kwargs, setting) in enumerate(cases()):
        record = {"optimizer": name, "kwargs": kwargs, "setting": setting}
        records.append(record)
        try:
            history, states, rates, num_update = run(name, kwargs, setting, weights, grads)
        except Exception as error:  # the oracle refuses: its error type is the fact to record
            record["error"] = type(error).__name__
            record["message"] = ([""] + str(error).strip().splitlines())[-1][:200]
            continue
        arrays[f"{number}"] = history
        record.update(rates=rates, num_update=num_update, states={})
        for path, value in states.items():
            if isinstance(value, np.ndarray):
                arrays[f"{number}.{path}"] = value
                record["states"][path] = "array"
            else:
                record["states"][path] = value
    np.savez_compressed(os.path.join(DATA, "optimizer.npz"), **arrays)
    record_states()
    with open(os.path.join(DATA, "optimizer.json"), "w") as file:
        json.dump(records, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
