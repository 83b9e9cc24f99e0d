"""Record what the metrics of MXNet 1.9.1 report: run with its interpreter, writes data/metric.json.

A case is a metric, the arguments of its constructor and some batches (labels, predictions). Kept are `get`,
`get_global`, `get_name_value` and `get_global_name_value` after each batch, after `reset_local`, after one more batch,
and after `reset`.
"""

import json
import math
import os
import warnings

import mxnet as mx
import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
rng = np.random.RandomState(3)


def floats(*shape):
    return rng.uniform(-1, 1, shape).round(3).astype("float32").tolist()


def probabilities(*shape):
    p = rng.uniform(0.05, 1, shape)
    return (p / p.sum(-1, keepdims=True)).round(3).astype("float32").tolist()


def classes(n, *shape):
    return rng.randint(0, n, shape).astype("float32").tolist()


def cases():
    """(metric, positional arguments, keyword arguments, batches); a batch is (labels, preds), lists of arrays."""

    def many(label, pred, count=3):
        return [([label()], [pred()]) for _ in range(count)]

    multi = many(lambda: classes(4, 6), lambda: probabilities(6, 4))
    binary = many(lambda: classes(2, 8), lambda: probabilities(8, 2))
    yield "acc", [], {}, multi
    yield "accuracy", [], {"axis": 1, "name": "top", "output_names": ["o"], "label_names": ["l"]}, multi
    yield "acc", [], {}, many(lambda: classes(4, 6), lambda: classes(4, 6))
    yield "acc", [], {"axis": 1}, many(lambda: classes(3, 2, 5), lambda: probabilities(2, 3, 5))
    yield "acc", [], {"axis": -1}, many(lambda: classes(3, 2, 5), lambda: probabilities(2, 5, 3))
    yield "acc", [], {}, many(lambda: classes(3, 6), lambda: floats(2, 3))
    yield "acc", [], {}, many(lambda: classes(3, 6, 1), lambda: probabilities(6, 3))
    yield "acc", [], {}, [([classes(4, 6), classes(3, 5)], [probabilities(6, 4), probabilities(5, 3)])]
    yield "acc", [], {}, [([classes(4, 6)], [probabilities(5, 4)])]
    yield "acc", [], {}, [([classes(4, 6)], [probabilities(6, 4), probabilities(6, 4)])]
    yield "acc", [], {}, []
    for k in (1, 2, 3, 5, 10):
        yield "top_k_accuracy", [], {"top_k": k}, many(lambda: classes(6, 7), lambda: probabilities(7, 6))
    yield "top_k_acc", [2], {}, many(lambda: classes(6, 7), lambda: classes(6, 7))
    yield "topkaccuracy", [], {"top_k": 2}, [([classes(3, 2, 5)], [probabilities(2, 5, 3)])]
    yield "topkaccuracy", [], {"top_k": 2}, [([classes(3, 4)], [probabilities(5, 3)])]
    for average in ("macro", "micro", "none"):
        yield "f1", [], {"average": average}, binary
        yield "mcc", [], {"average": average}, binary
        yield "f1", [], {"average": average}, many(lambda: classes(1, 5), lambda: [[0.9, 0.1]] * 5)
        yield "mcc", [], {"average": average}, many(lambda: classes(1, 5), lambda: [[0.9, 0.1]] * 5)
        yield "pearsonr", [], {"average": average}, many(lambda: floats(6), lambda: floats(6))
        yield "pearsonr", [], {"average": average}, many(lambda: floats(6, 2), lambda: floats(6, 2))
    yield "f1", [], {}, multi
    yield "mcc", [], {}, multi
    yield "f1", [], {}, many(lambda: classes(4, 5), lambda: probabilities(5, 2))
    yield "f1", [], {}, many(lambda: classes(2, 5), lambda: probabilities(5, 3))
    yield "f1", [], {}, [([classes(2, 5)], [classes(2, 5)])]
    yield "f1", [], {}, [([classes(2, 5)], [probabilities(4, 2)])]
    yield "f1", [], {}, [([classes(2, 5), classes(2, 4)], [probabilities(5, 2), probabilities(4, 2)])]
    yield "f1", [], {}, []
    yield "mcc", [], {}, []
    for name in ("mae", "mse", "rmse"):
        yield name, [], {}, many(lambda: floats(6), lambda: floats(6))
        yield name, [], {}, many(lambda: floats(6), lambda: floats(6, 1))
        yield name, [], {}, many(lambda: floats(6, 1), lambda: floats(6))
        yield name, [], {}, many(lambda: floats(6, 3), lambda: floats(6, 3))
        yield name, [], {}, [([floats(4), floats(3, 2)], [floats(4), floats(3, 2)])]
        yield name, [], {}, [([floats(4)], [floats(3)])]
        yield name, [], {}, []
    for name in ("ce", "nll_loss", "crossentropy", "negativeloglikelihood"):
        yield name, [], {}, multi
        yield name, [], {"eps": 0.1}, multi
        yield name, [], {}, many(lambda: classes(3, 6, 1), lambda: probabilities(6, 3))
        yield name, [], {}, [([classes(3, 5)], [probabilities(6, 3)])]
    yield "ce", [], {}, many(lambda: classes(3, 2, 5), lambda: probabilities(10, 3))
    for ignore in (None, 0, 2):
        yield "perplexity", [ignore], {}, multi
        yield "perplexity", [], {"ignore_label": ignore, "axis": 1}, multi
        yield "perplexity", [ignore], {}, many(lambda: classes(3, 2, 5), lambda: probabilities(2, 5, 3))
        yield (
            "perplexity",
            [],
            {"ignore_label": ignore, "axis": 1},
            many(lambda: classes(3, 2, 5), lambda: probabilities(2, 3, 5)),
        )
    yield "perplexity", [0], {}, [([[0.0, 0.0]], [[[0.5, 0.5], [0.1, 0.9]]])]
    yield "perplexity", [None], {}, [([classes(3, 5)], [probabilities(6, 3)])]
    yield "perplexity", [None], {}, [([[0.0, 1.0]], [[[0.0, 1.0], [0.5, 0.5]]])]
    yield "perplexity", [None], {}, []
    yield "pcc", [], {}, binary
    yield "pcc", [], {}, multi
    yield "pcc", [], {}, many(lambda: classes(1, 5), lambda: [[0.9, 0.1]] * 5)
    yield "pcc", [], {}, many(lambda: classes(6, 9), lambda: probabilities(9, 3))
    yield (
        "pcc",
        [],
        {},
        [
            ([[0.0, 1.0]], [[[0.9, 0.1], [0.1, 0.9]]]),
            ([[4.0, 1.0, 2.0]], [[[0.9, 0.1, 0, 0, 0], [0.1, 0.9, 0, 0, 0], [0, 0, 1, 0, 0]]]),
        ],
    )
    yield "pcc", [], {"has_global_stats": False}, binary
    yield "pcc", [], {}, []
    for name in ("loss", "torch", "caffe"):
        yield name, [], {}, many(lambda: classes(2, 3), lambda: floats(3))
        yield name, [], {}, [([], [floats(3), floats(2, 2)])]
        yield name, [], {"name": "mine"}, many(lambda: classes(2, 3), lambda: floats(3, 2))
    yield "pearsonr", [], {}, [([floats(5)], [floats(4)])]
    yield "pearsonr", [], {}, []
    yield "pearsonr", [], {"average": "micro"}, []
    yield "composite", [], {"metrics": ["acc", "ce"]}, multi
    yield "composite", [["acc", "f1"]], {"name": "both"}, binary
    yield "composite", [], {}, multi
    yield "acc", [], {"output_names": ["a"]}, multi
    yield "acc", [], {"foo": 3}, multi


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, str) or value is None:
        return value
    value = float(value)
    return value if math.isfinite(value) else str(value)


def state(metric):
    return [
        plain(metric.get()),
        plain(metric.get_global()),
        plain(metric.get_name_value()),
        plain(metric.get_global_name_value()),
    ]


def run(name, args, kwargs, batches):
    metric = mx.metric.create(name, *args, **kwargs)
    results = [state(metric)]

    def update(batch):
        metric.update([mx.nd.array(x) for x in batch[0]], [mx.nd.array(x) for x in batch[1]])
        results.append(state(metric))

    for batch in batches:
        update(batch)
    metric.reset_local()
    results.append(state(metric))
    if batches:
        update(batches[0])
    metric.reset()
    results.append(state(metric))
    return results, str(metric), metric.get_config()


def main():
    records = []
    for name, args, kwargs, batches in cases():
        record = {"metric": name, "args": args, "kwargs": kwargs, "batches": batches}
        records.append(record)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results, text, config = run(name, args, kwargs, batches)
        except Exception as error:  # the oracle refuses: its error type is the fact to record
            record["error"] = type(error).__name__
            record["message"] = ([""] + str(error).strip().splitlines())[-1][:200]
            continue
        record.update(results=results, text=text)
        try:
            record["config"] = json.loads(json.dumps(config))
        except TypeError:
            record["config"] = None
    with open(os.path.join(DATA, "metric.json"), "w") as file:
        json.dump(records, file)
        file.write("\n")


if __name__ == "__main__":
    main()
