"""Training with sparse arrays, run by MXNet 1.9.1 (record_sparse_training.py) and by the tests."""

import tempfile
from functools import partial
from pathlib import Path

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


def stores(mx, kind):
    """What keys of both storage types give after pushes of sparse and dense arrays."""
    S, kv = mx.nd.sparse, mx.kv.create(kind)
    kv.init("w", mx.nd.array(np.arange(1, 13).reshape(6, 2)).tostype("row_sparse"))
    kv.init("d", mx.nd.ones((6, 2)))
    first = S.row_sparse_array((np.ones((2, 2), "float32"), [1, 3]), shape=(6, 2))
    second = S.row_sparse_array((np.ones((1, 2), "float32"), [3]), shape=(6, 2))
    found = []

    def pull(key, stype, **given):
        out = mx.nd.zeros((6, 2), stype=stype)
        kv.pull(key, out, **given)
        found.append((stype, facts(mx, out)))

    def pull_rows(rows, key="w", **kind):
        out = S.zeros("row_sparse", (6, 2))
        kv.row_sparse_pull(key, out=out, row_ids=mx.nd.array(rows, **kind))
        found.append(facts(mx, out))

    pull("w", "row_sparse")
    pull("w", "row_sparse", ignore_sparse=False)
    pull("w", "default")
    pull("d", "row_sparse")
    pull("d", "row_sparse", ignore_sparse=False)
    pull_rows([4, 1, 4])
    pull_rows([[4, 1], [0, 0]])
    pull_rows([3], dtype="int64")
    outs = [S.zeros("row_sparse", (6, 2)) for _ in range(2)]
    kv.row_sparse_pull("w", out=outs, row_ids=[mx.nd.array([3]), mx.nd.array([0])])
    found += [facts(mx, out) for out in outs]
    kv.push("w", [first, second])
    pull_rows(range(6))
    kv.push("d", [first, second])
    pull("d", "default")
    kv.push("d", [first, mx.nd.ones((6, 2))])
    pull("d", "default")
    kv.init("trained", mx.nd.ones((6, 2)).tostype("row_sparse"))
    kv.set_optimizer(mx.optimizer.SGD(learning_rate=1.0))
    kv.push("trained", [first, second])
    pull_rows(range(6), "trained")
    return found


def tables(mx, block, contexts, **trainer):
    """Embeddings trained for some steps: the values, the rows of gradients, where updates are made."""
    found, devices = [], [mx.cpu(i) for i in range(contexts)]
    net = (mx.gluon.contrib.nn.SparseEmbedding if block == "SparseEmbedding" else mx.gluon.nn.Embedding)(
        6, 2, **({} if block == "SparseEmbedding" else {"sparse_grad": True}))  # fmt: skip
    net.initialize(mx.init.One(), ctx=devices)
    if block == "hybridized":
        net.hybridize()
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5, "momentum": 0.9}, **trainer)
    for step in range(3):
        with mx.autograd.record():
            results = [net(mx.nd.array([step, 4 - d, step], ctx=ctx)) * (d + 1) for d, ctx in enumerate(devices)]
        mx.autograd.backward(results)
        grads = net.weight.list_grad()
        found.append([(grad.stype, facts(mx, grad)) for grad in grads])
        trainer.step(2)
    if block == "SparseEmbedding":
        found.append(facts(mx, net.weight.row_sparse_data(mx.nd.array([0, 4, 2]))))
        found.append([facts(mx, a) for a in net.weight.list_row_sparse_data(mx.nd.arange(6))])
    else:
        found.append([facts(mx, array) for array in net.weight.list_data()])
    return found


def files(mx, text, label_text="", **given):
    """Three epochs of a LibSVMIter over a file with this text."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "data.t").write_text(text)
        if label_text:
            Path(folder, "label.t").write_text(label_text)
            given["label_libsvm"] = str(Path(folder, "label.t"))
        batches = mx.io.LibSVMIter(data_libsvm=str(Path(folder, "data.t")), data_shape=(3,), **given)
        found = [str(batches.provide_data), str(batches.provide_label)]
        for _ in range(3):
            for batch in batches:
                data, label = batch.data[0], batch.label[0]
                found.append([data.stype, facts(mx, data), label.stype, facts(mx, label), batch.pad,
                              [int(i) for i in batch.index]])  # fmt: skip
            batches.reset()
        return found


_DATA, _SEVEN = "1.0 0:0.5 2:1.2\n-2.0\n-3.0 0:0.6 1:2.4 2:1.2\n4 2:-1.2\n", "".join(
    f"{i + 1} {i % 3}:{i // 3 + 1}\n" for i in range(7)
)
FILES = [
    (_DATA, {"batch_size": 3}), (_SEVEN, {"batch_size": 2}), (_SEVEN, {"batch_size": 7, "data_name": "x"}),
    (_SEVEN, {"batch_size": 2, "num_parts": 2, "part_index": 0}),
    (_SEVEN, {"batch_size": 2, "num_parts": 2, "part_index": 1}),
    *((_SEVEN, {"batch_size": 1, "num_parts": 3, "part_index": part}) for part in range(3)),
    (_DATA, {"batch_size": 3, "label_text": "1.0\n-2.0 0:0.125\n-3.0 2:1.2\n4 1:1.0 2:-1.2\n", "label_shape": (3,)}),
    ("# comment\n1 0:1 # x\n\n2 qid:3 1:1\n3 0:5 1:2\n", {"batch_size": 3}),
]  # fmt: skip


# Programs


def examples(count, columns):
    """Sparse features, and labels 0 or 1 that depend on them, from a fixed rule."""
    rows, features = np.arange(count)[:, None], np.arange(columns)
    values = np.where((rows * 7 + features * 5) % 11 < 2, ((rows * 3 + features) % 5 + 1) / 5, 0).astype("float32")
    truth = np.cos(features).astype("float32")
    return values, (values @ truth > 0).astype("float32")


def start(shape, scale=0.1):
    """Values to begin with."""
    size = int(np.prod(shape))
    return (np.sin(np.arange(size) * 1.7 + 1) * scale).reshape(shape).astype("float32")


def module_of(mx, symbol, shapes, label, optimizer, kvstore=None):
    """A module with parameters from `start`."""
    module = mx.mod.Module(symbol, data_names=[name for name, _ in shapes], label_names=[label[0]])
    module.bind(shapes, [label])
    module.init_params(mx.init.Zero())
    arg_params, aux_params = module.get_params()
    values = {name: mx.nd.array(start(array.shape)).tostype(array.stype) for name, array in arg_params.items()}
    module.set_params(values, aux_params)
    name, given = optimizer
    module.init_optimizer(kvstore, name, given)
    return module


def train(mx, module, batches, epochs, metric, rows=None):
    """The value of a metric for each epoch, and the parameters."""
    log, metric = [], mx.metric.create(metric)
    for _ in range(epochs):
        batches.reset()
        metric.reset()
        for batch in batches:
            if rows is not None:
                module.prepare(batch, sparse_row_id_fn=rows)
            module.forward_backward(batch)
            module.update()
            module.update_metric(metric, batch.label)
        log.append(float(metric.get()[1]))
    arg_params, _ = module.get_params()
    return {"log": log, "params": {n: facts(mx, a) for n, a in arg_params.items()},
            "stypes": {n: a.stype for n, a in arg_params.items()}}  # fmt: skip


def linear(mx, optimizer, store):
    """Sparse linear classification: a LibSVM file, Module, a row_sparse weight."""
    values, labels = examples(50, 30)
    text = "".join(
        f"{label:g} " + " ".join(f"{i}:{v:g}" for i, v in enumerate(row) if v) + "\n"
        for row, label in zip(values, labels)
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "train.t").write_text(text)
        batches = mx.io.LibSVMIter(data_libsvm=str(Path(folder, "train.t")), data_shape=(30,), batch_size=10)
        data, label = mx.sym.var("data", stype="csr"), mx.sym.var("softmax_label")
        weight = mx.sym.var("weight", stype="row_sparse", shape=(30, 2))
        bias = mx.sym.var("bias", shape=(2,))
        output = mx.sym.SoftmaxOutput(mx.sym.broadcast_add(mx.sym.sparse.dot(data, weight), bias), label)
        kvstore = mx.kv.create("local") if store else None
        module = module_of(mx, output, [("data", (10, 30))], ("softmax_label", (10,)), optimizer, kvstore)
        rows = (lambda batch: {"weight": batch.data[0].indices}) if store else None
        return train(mx, module, batches, 4, "ce", rows)


def factorization_machine(mx, optimizer):
    """A factorization machine with csr data and row_sparse parameters."""
    values, labels = examples(40, 20)
    x, label = mx.sym.var("data", stype="csr"), mx.sym.var("label")
    v = mx.sym.var("v_weight", shape=(20, 3), stype="row_sparse")
    w = mx.sym.var("w_weight", shape=(20, 1), stype="row_sparse")
    bias = mx.sym.var("bias", shape=(1,))
    linear = mx.sym.broadcast_add(mx.sym.sparse.dot(x, w), bias)
    squared = mx.sym.sparse.dot(x.square(), mx.sym._internal._square_sum(v, axis=1, keepdims=True))
    pairs = 0.5 * mx.sym.square(mx.sym.sparse.dot(x, v))
    total = mx.sym.sum(mx.sym.concat(linear, pairs, dim=1), axis=1, keepdims=True)
    output = mx.sym.LogisticRegressionOutput(mx.sym.elemwise_add(total, 0.5 * mx.sym.negative(squared)), label)
    module = module_of(mx, output, [("data", (10, 20))], ("label", (10, 1)), optimizer)
    data = [mx.nd.array(values[i : i + 10]).tostype("csr") for i in range(0, 40, 10)]
    targets = [mx.nd.array(labels[i : i + 10, None]) for i in range(0, 40, 10)]
    batches = Batches(mx, [([d], [t]) for d, t in zip(data, targets)])
    return train(mx, module, batches, 4, "mse")


class Batches:
    """An iterator over given batches."""

    def __init__(self, mx, pairs):
        self.batches = [mx.io.DataBatch(data, label) for data, label in pairs]

    def reset(self):
        """Nothing to do."""

    def __iter__(self):
        return iter(self.batches)


def matrix_factorization(mx, stype, store):
    """Ratings from sparse embeddings of users and items, by Module."""
    user, item, score = mx.sym.var("user"), mx.sym.var("item"), mx.sym.var("score")
    tables = [mx.sym.var(name, shape=(12, 4), stype=stype) for name in ("user_weight", "item_weight")]
    user = mx.sym.contrib.SparseEmbedding(user, tables[0], input_dim=12, output_dim=4)
    item = mx.sym.Embedding(item, tables[1], input_dim=12, output_dim=4, sparse_grad=True)
    pred = mx.sym.Flatten(mx.sym.sum(user * item, axis=1, keepdims=True))
    output = mx.sym.LinearRegressionOutput(pred, score)
    shapes = [("user", (8,)), ("item", (8,))]
    optimizer = ("sgd", {"learning_rate": 0.5, "momentum": 0.9, "wd": 0.01, "rescale_grad": 1 / 8})
    module = module_of(
        mx, output, shapes, ("score", (8, 1)), optimizer, mx.kv.create("local") if store else None
    )
    ids = np.arange(32)
    users, items, scores = ids * 5 % 12, ids * ids % 10, (ids * 3 % 5 + 1) / 5
    batches = Batches(mx, [
        ([mx.nd.array(users[i : i + 8]), mx.nd.array(items[i : i + 8])], [mx.nd.array(scores[i : i + 8, None])])
        for i in range(0, 32, 8)
    ])  # fmt: skip
    rows = (lambda batch: {"user_weight": batch.data[0], "item_weight": batch.data[1]}) if store else None
    return train(mx, module, batches, 4, "mse", rows)


def wide_and_deep(mx):
    """A wide part of sparse crossings and a deep one of embeddings and dense layers."""
    values, labels = examples(40, 30)
    x, ids, dense = mx.sym.var("csr_data", stype="csr"), mx.sym.var("ids"), mx.sym.var("numbers")
    weight, bias = mx.sym.var("wide_weight", shape=(30, 2), stype="row_sparse"), mx.sym.var("wide_bias", shape=(2,))
    wide = mx.sym.broadcast_add(mx.sym.sparse.dot(x, weight), bias)
    table = mx.sym.var("table_weight", shape=(9, 4))
    deep = mx.sym.Flatten(mx.sym.Embedding(ids, table, input_dim=9, output_dim=4, sparse_grad=True))
    deep = mx.sym.concat(deep, dense, dim=1)
    deep = mx.sym.Activation(mx.sym.FullyConnected(deep, num_hidden=6, name="fc1"), act_type="relu")
    deep = mx.sym.FullyConnected(deep, num_hidden=2, name="fc2")
    output = mx.sym.SoftmaxOutput(wide + deep, mx.sym.var("softmax_label"), name="model")
    shapes = [("csr_data", (10, 30)), ("ids", (10, 2)), ("numbers", (10, 3))]
    module = module_of(mx, output, shapes, ("softmax_label", (10,)), ("adam", {"learning_rate": 0.02}))
    batches = Batches(mx, [
        ([mx.nd.array(values[i : i + 10]).tostype("csr"), mx.nd.array(np.arange(i, i + 20).reshape(10, 2) % 9),
          mx.nd.array(values[i : i + 10, :3])], [mx.nd.array(labels[i : i + 10])])
        for i in range(0, 40, 10)
    ])  # fmt: skip
    return train(mx, module, batches, 4, "acc")


PROGRAMS = {
    **{f"linear {name} {store}": (linear, (name, given), store)
       for name, given in (("sgd", {"learning_rate": 0.1, "momentum": 0.9}), ("adagrad", {"learning_rate": 0.1}),
                           ("adam", {"learning_rate": 0.05}), ("ftrl", {"learning_rate": 0.1}))
       for store in (False, True)},
    "factorization machine adam": (factorization_machine, ("adam", {"learning_rate": 0.05})),
    "factorization machine sgd": (factorization_machine, ("sgd", {"learning_rate": 0.1, "lazy_update": False})),
    **{f"matrix factorization {stype} {store}": (matrix_factorization, stype, store)
       for stype, store in (("default", False), ("row_sparse", False), ("row_sparse", True))},
    "wide and deep": (wide_and_deep,),
}  # fmt: skip


def all_cases(mx):
    """Every recorded case by name, as a function of nothing."""
    cases = {f"gradient {case}": (gradient, case) for case in GRADIENTS}
    cases.update({f"update {case}": (updates, case) for case in UPDATES})
    cases.update({f"kvstore {kind}": (stores, kind) for kind in ("local", "device")})
    cases.update({f"table {block} {contexts}": (tables, block, contexts) for block in (
        "Embedding", "hybridized", "SparseEmbedding") for contexts in (1, 2)})  # fmt: skip
    cases.update({f"program {name}": program for name, program in PROGRAMS.items()})
    found = {name: partial(run, mx, *given) for name, (run, *given) in cases.items()}
    found.update({f"file {number}": partial(files, mx, text, **given) for number, (text, given) in enumerate(FILES)})
    return found
