"""Metrics against MXNet 1.9.1, as recorded by tests/oracle/record_metric.py, and what it does not do."""

from __future__ import annotations

import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

import mxnet as mx
from mxnet import metric

RECORDS = json.loads((Path(__file__).parent / "oracle/data/metric.json").read_text())
NAN = float("nan")


def is_better(record) -> bool:
    """Where MXNet gives nonsense: classes as top-k predictions, the global side of a micro-averaged correlation, and
    perplexity of predictions with more axes, which it refuses."""
    name, kwargs = record["metric"], record["kwargs"]
    return (
        record["metric"] == "top_k_acc"
        or (name == "pearsonr" and kwargs.get("average") == "micro")
        or (name == "perplexity" and "error" in record and np.ndim(record["batches"][0][1][0]) == 3)
    )


def plain(value):
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if isinstance(value, str) or value is None else float(value)


def numbers(value):
    if isinstance(value, list):
        return [numbers(v) for v in value]
    return NAN if value == "nan" else value


def assert_same(found, expected):
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for pair in zip(found, expected, strict=True):
            assert_same(*pair)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=2e-6, abs=1e-9, nan_ok=True)
    else:
        assert found == expected


def state(m):
    return plain([m.get(), m.get_global(), m.get_name_value(), m.get_global_name_value()])


def replay(record, convert):
    m = metric.create(record["metric"], *record["args"], **record["kwargs"])
    results = [state(m)]
    for labels, preds in record["batches"]:
        m.update([convert(x) for x in labels], [convert(x) for x in preds])
        results.append(state(m))
    m.reset_local()
    results.append(state(m))
    if record["batches"]:
        labels, preds = record["batches"][0]
        m.update([convert(x) for x in labels], [convert(x) for x in preds])
        results.append(state(m))
    m.reset()
    results.append(state(m))
    return m, results


CONVERT = {"NDArray": mx.nd.array, "NumPy": lambda x: np.array(x, "float32")}


@pytest.mark.parametrize("kind", list(CONVERT))
@pytest.mark.parametrize(
    "number",
    [n for n, record in enumerate(RECORDS) if not is_better(record)],
    ids=lambda n: f"{n}-{RECORDS[n]['metric']}",
)
def test_values_agree_with_mxnet(number, kind):
    record = RECORDS[number]
    if "error" in record:
        with pytest.raises((mx.MXNetError, ValueError, TypeError)):
            replay(record, CONVERT[kind])
        return
    m, results = replay(record, CONVERT[kind])
    assert_same(results, numbers(record["results"]))
    assert str(m) == record["text"]
    config = m.get_config()
    assert {key: config[key] for key in record["config"] if key != "metrics"} == {
        key: value for key, value in record["config"].items() if key != "metrics"
    }


@pytest.mark.parametrize("kwargs", [{"metric": "f1", "average": "micro"}, {"metric": "acc", "axis": 2, "name": "x"}])
def test_a_configuration_makes_the_metric_again(kwargs):
    m = metric.create(dict(kwargs))
    again = metric.create(m.get_config())
    assert type(again) is type(m)
    assert vars(again).get("average") == vars(m).get("average")
    assert again.get_config() == m.get_config()
    assert metric.create(json.dumps(m.get_config())).get_config() == m.get_config()


def test_top_k_accuracy_takes_classes_too():
    m = metric.TopKAccuracy(2)
    m.update([np.array([2, 1, 0, 3])], [np.array([2, 0, 0, 3])])
    assert m.get() == m.get_global() == ("top_k_accuracy_2", 0.75)


def test_perplexity_takes_the_classes_along_any_axis():
    rng = np.random.default_rng(0)
    labels, preds = rng.integers(0, 3, (2, 5)), rng.dirichlet(np.ones(3), (2, 5))
    expected = metric.Perplexity(0)
    expected.update([labels.ravel()], [preds.reshape(-1, 3)])
    for axis, array in ((-1, preds), (1, preds.transpose(0, 2, 1))):
        m = metric.Perplexity(0, axis=axis)
        m.update([labels], [array])
        assert m.get()[1] == pytest.approx(expected.get()[1])


def test_micro_correlation_is_that_of_all_samples_local_and_global():
    rng = np.random.default_rng(1)
    batches = [(rng.normal(size=n), rng.normal(size=n)) for n in (3, 5, 4)]
    m = metric.PearsonCorrelation(average="micro")
    for label, pred in batches[:2]:
        m.update([label], [pred])
    m.reset_local()
    m.update([batches[2][0]], [batches[2][1]])
    together = [np.concatenate(part) for part in zip(*batches, strict=True)]
    assert m.get()[1] == pytest.approx(np.corrcoef(*batches[2])[0, 1])
    assert m.get_global()[1] == pytest.approx(np.corrcoef(*together)[0, 1])


def test_update_variance_merges_counts_means_and_spreads():
    m = metric.PearsonCorrelation(average="micro")
    values = np.array([1.0, 2.0, 3.0])
    assert m.update_variance(values, 0, 0.0, 0.0) == pytest.approx((3, 2.0, 2.0))
    assert m.update_variance(values, 2, 0.5, 1.5) == pytest.approx((5, 1.4, 6.2))  # recorded from MXNet 1.9.1


def test_update_takes_single_arrays():
    m = metric.Accuracy()
    m.update(mx.nd.array([1, 0]), mx.nd.array([[0.1, 0.9], [0.2, 0.8]]))
    assert m.get() == ("accuracy", 0.5)


def test_update_dict_chooses_outputs_and_labels_by_name():
    label, pred = {"l": np.array([1, 0]), "other": np.array([5])}, {"o": np.eye(2), "more": np.ones(1)}
    m = metric.Accuracy(output_names=["o"], label_names=["l"])
    m.update_dict(label, pred)
    assert m.get() == ("accuracy", 0.0)
    with pytest.raises(KeyError, match="absent"):
        metric.Accuracy(output_names=["absent"]).update_dict(label, pred)
    composite = metric.CompositeEvalMetric(["acc", "ce"], output_names=["o"], label_names=["l"])
    composite.update_dict(label, pred)
    assert composite.get_name_value()[0] == ("accuracy", 0.0)


def test_composite_holds_metrics():
    m = metric.CompositeEvalMetric(["acc"])
    m.add(metric.MSE())
    assert isinstance(m.get_metric(1), metric.MSE)
    with pytest.raises(ValueError, match="out of range"):
        m.get_metric(2)
    assert [type(x) for x in metric.create(["acc", "f1"]).metrics] == [metric.Accuracy, metric.F1]


def test_custom_metrics_average_a_function():
    m = metric.create(lambda label, pred: float(np.abs(label - pred).sum()))
    assert m.name == "custom(<lambda>)"
    m.update([np.array([1.0, 2.0])], [np.array([0.0, 0.0])])
    m.update([np.array([1.0])], [np.array([0.0])])
    assert m.get()[1] == m.get_global()[1] == 2.0
    with pytest.raises(NotImplementedError):
        m.get_config()
    with pytest.raises(ValueError, match="does not match"):
        m.update([np.ones(1)], [np.ones(1), np.ones(1)])

    def counted(label, pred):
        return 3.0, 2

    m = metric.np(counted, allow_extra_outputs=True)
    m.update([np.ones(1)], [np.ones(1), np.ones(1)])
    assert m.get() == ("counted", 1.5)


def test_subclasses_that_keep_only_local_sums_report_them_globally_too():
    class Plain(metric.EvalMetric):
        def update(self, labels, preds):
            self.sum_metric += 2.0
            self.num_inst += 1

    m = Plain("plain")
    m.update(None, None)
    assert m.get() == m.get_global() == ("plain", 2.0)
    with pytest.raises(NotImplementedError, match="update"):
        metric.EvalMetric("base").update(None, None)


def test_registered_names_are_those_of_mxnet():
    # Recorded from MXNet 1.9.1.
    assert set(mx.registry.get_registry(metric.EvalMetric)) >= set(
        "acc accuracy caffe ce composite compositeevalmetric crossentropy custommetric f1 loss mae mcc mse "
        "negativeloglikelihood nll_loss pcc pearsoncorrelation pearsonr perplexity rmse top_k_acc top_k_accuracy "
        "topkaccuracy torch".split()
    )


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: metric.create("nope"), mx.MXNetError),
        (lambda: metric.create(3), mx.MXNetError),
        (lambda: metric.create("perplexity"), TypeError),
        (lambda: metric.create(metric.Accuracy(), 3), mx.MXNetError),
        (lambda: metric.PearsonCorrelation(average="none"), ValueError),
        (lambda: metric.CrossEntropy().update([np.array([5])], [np.ones((1, 2))]), IndexError),
        (lambda: metric.check_label_shapes([1], [1, 2]), ValueError),
        (lambda: metric.check_label_shapes(np.ones(2), np.ones((1, 2)), shape=True), ValueError),
    ],
)
def test_bad_input_is_refused(make, error):
    with pytest.raises(error):
        make()


def test_metrics_can_be_pickled():
    m = metric.F1(average="micro")
    m.update([np.array([1, 0])], [np.array([[0.1, 0.9], [0.9, 0.1]])])
    assert pickle.loads(pickle.dumps(m)).get() == ("f1", 1.0)
    assert math.isnan(metric.PCC().get()[1])
