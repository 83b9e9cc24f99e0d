"""Training with sparse arrays, run by MXNet 1.9.1 (record_sparse_training.py) and by the tests."""

import numpy as np

from sparse_symbol_cases import SETUP, facts

GRADIENTS = """
W: S.dot(C, W)
W: S.dot(C, W) * 2
W: S.dot(C, S.square(W))
T/row_sparse: S.dot(C, T)
T: S.dot(C, T)
U: S.dot(C, U, transpose_a=True)
U: S.dot(C, U, transpose_a=True).sum()
D: S.dot(D, C, transpose_b=True)
D: S.elemwise_mul(C, D)
row: mx.nd.broadcast_mul(C, row)
R: (S.square(R) * 2).sum()
R: S.square(R)
R: S.abs(R) + R2
R: R * R2
R: R - D
R: S.sin(R)
R: S.retain(R, mx.nd.array([0, 1]))
R: R.tostype('default') * 3
D: D.tostype('row_sparse') * 3
T/row_sparse: mx.nd.take(T, J)
T/row_sparse: mx.nd.Embedding(I, T, input_dim=4, output_dim=2, sparse_grad=True)
W: mx.nd.Embedding(I, W, input_dim=4, output_dim=2, sparse_grad=True)
T/row_sparse: mx.nd.contrib.SparseEmbedding(I, T, input_dim=4, output_dim=2)
T/row_sparse: mx.nd.Embedding(I, T, input_dim=4, output_dim=2, sparse_grad=True).sum() + mx.nd.Embedding(J, T, input_dim=4, output_dim=2, sparse_grad=True).sum()
T/row_sparse: S.dot(C, T).sum() + mx.nd.Embedding(J, T, input_dim=4, output_dim=2, sparse_grad=True).sum()
""".strip().splitlines()  # noqa: E501


def arrays(mx):
    """The arrays that expressions name."""
    names = {"mx": mx, "np": np}
    exec(SETUP, names)
    return names["ARRAYS"]


def gradient(mx, case):
    """The gradient of an expression (head gradients are ones) with respect to the array named before the colon."""
    variable, _, expression = case.partition(": ")
    name, _, stype = variable.partition("/")
    names = {"mx": mx, "np": np, "S": mx.nd.sparse, **arrays(mx)}
    names[name].attach_grad(stype=stype or None)
    with mx.autograd.record():
        result = eval(expression, names)
    result.backward()
    found = names[name].grad
    return {"result": result.stype, "stype": found.stype, "value": facts(mx, result), "gradient": facts(mx, found)}


#: optimizer and arguments; storage types of weight and gradient
OPTIMIZERS = [
    ("sgd", {"learning_rate": 0.1}), ("sgd", {"learning_rate": 0.1, "wd": 0.1}),
    ("sgd", {"learning_rate": 0.1, "wd": 0.1, "momentum": 0.9}),
    ("sgd", {"learning_rate": 0.1, "wd": 0.1, "momentum": 0.9, "lazy_update": False}),
    ("sgd", {"learning_rate": 0.1, "wd": 0.1, "momentum": 0.9, "lazy_update": True}),
    ("sgd", {"learning_rate": 0.1, "wd": 0.1, "lazy_update": True, "clip_gradient": 0.5, "rescale_grad": 0.5}),
    ("sgd", {"learning_rate": 0.1, "wd": 0.1, "lazy_update": False}),
    ("adam", {"learning_rate": 0.1}), ("adam", {"learning_rate": 0.1, "wd": 0.1, "clip_gradient": 0.5}),
    ("adam", {"learning_rate": 0.1, "wd": 0.1, "lazy_update": False}),
    ("adagrad", {"learning_rate": 0.1}), ("adagrad", {"learning_rate": 0.1, "clip_gradient": 0.5, "eps": 1e-3}),
    ("adagrad", {"learning_rate": 0.1, "wd": 0.1}),
    ("ftrl", {"learning_rate": 0.1}), ("ftrl", {"learning_rate": 0.1, "wd": 0.1, "lamda1": 0.05, "beta": 2}),
    ("groupadagrad", {"learning_rate": 0.1}), ("groupadagrad", {"learning_rate": 0.1, "clip_gradient": 0.5}),
    ("rmsprop", {"learning_rate": 0.1, "wd": 0.1}), ("nag", {"learning_rate": 0.1, "momentum": 0.9}),
    ("signum", {"learning_rate": 0.1, "momentum": 0.9}), ("adadelta", {}), ("ftml", {"learning_rate": 0.1}),
    ("nadam", {}), ("dcasgd", {"learning_rate": 0.1}),
]  # fmt: skip
UPDATES = [
    f"{name} {arguments} {weight} {grad}"
    for name, arguments in OPTIMIZERS
    for weight, grad in (("default", "row_sparse"), ("row_sparse", "row_sparse"), ("row_sparse", "default"))
]


def updates(mx, case):
    """A weight and its states after three steps; the gradients store different rows."""
    name, _, rest = case.partition(" ")
    text, weight_stype, grad_stype = rest.rsplit(" ", 2)
    optimizer = mx.optimizer.create(name, **eval(text))
    weight = mx.nd.array(np.arange(1, 13).reshape(6, 2) / 8).tostype(weight_stype)
    states = optimizer.create_state_multi_precision(0, weight)
    updater = mx.optimizer.get_updater(optimizer)
    updater.states[0], updater.states_synced[0] = states, True
    for step, rows in enumerate(([0, 2], [2, 5], [1])):
        values = np.array([[1, -2], [0.5, 4]][: len(rows)], "float32") / (step + 1)
        grad = mx.nd.sparse.row_sparse_array((values, rows), shape=(6, 2))
        updater(0, grad.tostype(grad_stype), weight)
    flat = [s for s in (states if isinstance(states, (list, tuple)) else [states]) if s is not None]
    return {
        "stype": weight.stype, "weight": facts(mx, weight), "states": [facts(mx, s) for s in flat],
        "stypes": [s.stype for s in flat],
    }  # fmt: skip


def all_cases(mx):
    """Every recorded case by name, as a function of nothing."""
    cases = {f"gradient {case}": (gradient, case) for case in GRADIENTS}
    cases.update({f"update {case}": (updates, case) for case in UPDATES})
    return {name: (lambda run=run, case=case: run(mx, case)) for name, (run, case) in cases.items()}
