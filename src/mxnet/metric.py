"""Metrics: what is reported of predictions and labels while a model is trained and tested.

A metric sums up batches (`update`), counted locally (since `reset_local`, say for one report) and globally (since
`reset`, say for an epoch). Labels and predictions are lists of arrays, one for each output, or single arrays; NumPy
arrays do as well as NDArrays. N is the number of samples, C that of classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from . import registry
from .base import MXNetError

if TYPE_CHECKING:
    from collections.abc import Mapping

Names = list[str] | str
Values = list[float] | float


def check_label_shapes(labels: Any, preds: Any, wrap: bool = False, shape: bool = False) -> tuple[Any, Any]:
    """Check that labels and predictions fit together.

    Args:
        labels, preds: arrays, or lists of them.
        wrap: make lists of single arrays.
        shape: compare shapes rather than lengths.
    Returns: labels and preds.
    Raises: ValueError when they don't.
    """
    found = (labels.shape, preds.shape) if shape else (len(labels), len(preds))
    if found[0] != found[1]:
        raise ValueError(f"Shape of labels {found[0]} does not match shape of predictions {found[1]}")
    return (_as_list(labels), _as_list(preds)) if wrap else (labels, preds)


def _as_list(arrays: Any) -> Any:
    return [arrays] if hasattr(arrays, "shape") else arrays


def _as_numpy(array: Any) -> Any:
    return array.asnumpy() if hasattr(array, "asnumpy") else numpy.asarray(array)


def _pairs(labels: Any, preds: Any) -> Iterable[tuple[Any, Any]]:
    """Pairs of a label and a prediction of the same output.

    Raises: ValueError when there are not as many of each.
    """
    labels, preds = _as_list(labels), _as_list(preds)
    check_label_shapes(labels, preds)
    return zip(labels, preds, strict=True)


def _classes(pred: Any, axis: int) -> Any:
    """The most probable classes, found where the array is."""
    return _as_numpy(pred.argmax(axis=axis) if hasattr(pred, "asnumpy") else numpy.argmax(_as_numpy(pred), axis))


class EvalMetric:
    """Base of all metrics. A subclass defines `update`, which adds to ``sum_metric`` and ``num_inst``.

    Args:
        name: what the metric is called in reports.
        output_names, label_names: which outputs and labels `update_dict` takes; None takes all.
        **kwargs: further arguments of the constructor, for `get_config`; ``has_global_stats`` says that `update` adds
            to ``global_sum_metric`` and ``global_num_inst`` too.
    """

    def __init__(
        self,
        name: Names,
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        **kwargs: Any,
    ):
        self.name = str(name)
        self.output_names = output_names
        self.label_names = label_names
        self._has_global_stats = kwargs.pop("has_global_stats", False)
        self._kwargs = kwargs
        self.reset()

    def __str__(self) -> str:
        return f"EvalMetric: {dict(self.get_name_value())}"

    def get_config(self) -> dict[str, Any]:
        """What `create` needs to make this metric again."""
        return {
            **self._kwargs, "metric": type(self).__name__, "name": self.name, "output_names": self.output_names,
            "label_names": self.label_names,
        }  # fmt: skip

    def update_dict(self, label: Mapping[str, Any], pred: Mapping[str, Any]) -> None:
        """Add a batch given as dictionaries of arrays by name.

        Raises: KeyError when output_names or label_names names one that is missing.
        """
        preds = list(pred.values()) if self.output_names is None else [pred[name] for name in self.output_names]
        labels = list(label.values()) if self.label_names is None else [label[name] for name in self.label_names]
        self.update(labels, preds)

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch."""
        raise NotImplementedError(f"{type(self).__name__} does not define update")

    def reset(self) -> None:
        """Forget everything."""
        self.num_inst: float = 0
        self.sum_metric: float = 0.0
        self.global_num_inst: float = 0
        self.global_sum_metric: float = 0.0

    def reset_local(self) -> None:
        """Forget what was counted locally."""
        self.num_inst = 0
        self.sum_metric = 0.0

    def _add(self, total: float, count: float) -> None:
        """Add to the sums, local and global."""
        self.sum_metric += total
        self.global_sum_metric += total
        self.num_inst += count
        self.global_num_inst += count

    def get(self) -> tuple[Names, Values]:
        """The name and the value since `reset_local`; NaN before the first batch."""
        return self.name, self.sum_metric / self.num_inst if self.num_inst else float("nan")

    def get_global(self) -> tuple[Names, Values]:
        """The name and the value since `reset`; NaN before the first batch."""
        if not self._has_global_stats:
            return self.get()
        return self.name, self.global_sum_metric / self.global_num_inst if self.global_num_inst else float("nan")

    def get_name_value(self) -> list[tuple[str, float]]:
        """`get` as a list of (name, value)."""
        return _name_values(self.get())

    def get_global_name_value(self) -> list[tuple[str, float]]:
        """`get_global` as a list of (name, value)."""
        return _name_values(self.get_global() if self._has_global_stats else self.get())


def _name_values(result: tuple[Names, Values]) -> list[tuple[str, float]]:
    names, values = result
    if not isinstance(names, list):
        names, values = [names], [values]  # type: ignore[list-item]
    return list(zip(names, values, strict=True))  # type: ignore[arg-type]


register = registry.get_register_func(EvalMetric, "metric")
alias = registry.get_alias_func(EvalMetric, "metric")
_create = registry.get_create_func(EvalMetric, "metric")


def create(metric: Any, *args: Any, **kwargs: Any) -> EvalMetric:
    """Make a metric.

    Args:
        metric: a registered name or configuration, a metric (returned as it is) or a class of them, a function of a
            label and a prediction in NumPy (see `CustomMetric`), or a list of these (see `CompositeEvalMetric`).
        *args, **kwargs: arguments of its constructor; of each one's for a list.
    Raises: MXNetError when there is no such metric.
    """
    if isinstance(metric, list):
        composite = CompositeEvalMetric()
        for child in metric:
            composite.add(create(child, *args, **kwargs))
        return composite
    if isinstance(metric, type) and issubclass(metric, EvalMetric):
        return metric(*args, **kwargs)
    if callable(metric) and not isinstance(metric, EvalMetric):
        return CustomMetric(metric, *args, **kwargs)
    return _create(metric, *args, **kwargs)


@register
@alias("composite")
class CompositeEvalMetric(EvalMetric):
    """Several metrics together.

    Args:
        metrics: metrics, or what `create` makes them from.
    """

    def __init__(
        self,
        metrics: Sequence[Any] | None = None,
        name: str = "composite",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        self.metrics = [create(metric) for metric in metrics or ()]
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def add(self, metric: Any) -> None:
        """Add a metric, or what `create` makes it from."""
        self.metrics.append(create(metric))

    def get_metric(self, index: int) -> EvalMetric:
        """The metric at a position.

        Raises: ValueError when there is none.
        """
        try:
            return self.metrics[index]
        except IndexError:
            raise ValueError(f"Metric index {index} is out of range 0 and {len(self.metrics)}") from None

    def update_dict(self, labels: Mapping[str, Any], preds: Mapping[str, Any]) -> None:
        """Add a batch given as dictionaries to every metric."""
        if self.label_names is not None:
            labels = {name: array for name, array in labels.items() if name in self.label_names}
        if self.output_names is not None:
            preds = {name: array for name, array in preds.items() if name in self.output_names}
        for metric in self.metrics:
            metric.update_dict(labels, preds)

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch to every metric."""
        for metric in self.metrics:
            metric.update(labels, preds)

    def reset(self) -> None:
        """Forget everything, in every metric."""
        for metric in self.metrics:
            metric.reset()

    def reset_local(self) -> None:
        """Forget what was counted locally, in every metric."""
        for metric in self.metrics:
            metric.reset_local()

    def get(self) -> tuple[Names, Values]:
        """The names and the values of all metrics since `reset_local`."""
        return self._collect([metric.get_name_value() for metric in self.metrics])

    def get_global(self) -> tuple[Names, Values]:
        """The names and the values of all metrics since `reset`."""
        return self._collect([metric.get_global_name_value() for metric in self.metrics])

    @staticmethod
    def _collect(results: list[list[tuple[str, float]]]) -> tuple[Names, Values]:
        flat = [pair for result in results for pair in result]
        return [name for name, _ in flat], [value for _, value in flat]

    def get_config(self) -> dict[str, Any]:
        """What `create` needs to make this metric again."""
        return {**super().get_config(), "metrics": [metric.get_config() for metric in self.metrics]}


# Classification


@register
@alias("acc")
class Accuracy(EvalMetric):
    """The share of samples whose class is right.

    Labels hold classes. Predictions hold classes too if they have the shape of the labels, else probabilities of
    classes along axis.

    >>> accuracy = Accuracy()
    >>> accuracy.update([numpy.array([0, 1, 1])], [numpy.array([[0.3, 0.7], [0.0, 1.0], [0.4, 0.6]])])
    >>> accuracy.get()
    ('accuracy', 0.6666666666666666)
    """

    def __init__(
        self,
        axis: int = 1,
        name: str = "accuracy",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(name, output_names=output_names, label_names=label_names, axis=axis, has_global_stats=True)
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: labels (N, ...), preds (N, C, ...) or of the shape of labels.

        Raises: ValueError when the number of labels and that of predictions differ.
        """
        for label, pred in _pairs(labels, preds):
            found = _as_numpy(pred) if numpy.shape(pred) == numpy.shape(label) else _classes(pred, self.axis)
            found, wanted = found.astype("int32").ravel(), _as_numpy(label).astype("int32").ravel()
            check_label_shapes(wanted, found)
            self._add(float((found == wanted).sum()), found.size)


@register
@alias("top_k_accuracy", "top_k_acc")
class TopKAccuracy(EvalMetric):
    """The share of samples whose class is among the top_k most probable; named ``top_k_accuracy_5`` for 5.

    Args:
        top_k: 2 or more.
    Raises: MXNetError when top_k is below 2.
    """

    def __init__(
        self,
        top_k: int = 1,
        name: str = "top_k_accuracy",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        if top_k <= 1:
            raise MXNetError(f"Please use Accuracy if top_k is no more than 1; given {top_k}.")
        super().__init__(name, output_names=output_names, label_names=label_names, top_k=top_k, has_global_stats=True)
        self.top_k = top_k
        self.name += f"_{top_k}"

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: labels (N,), preds (N, C) probabilities, or (N,) classes.

        Raises: ValueError when lengths differ or C is below top_k, MXNetError when preds have more than 2 dimensions.
        """
        for label, pred in _pairs(labels, preds):
            found, wanted = _as_numpy(pred), _as_numpy(label).astype("int32").ravel()
            if found.ndim > 2:
                raise MXNetError(f"Predictions should be no more than 2 dims; given shape {found.shape}.")
            check_label_shapes(wanted, found)
            if found.ndim == 2:
                if found.shape[1] < self.top_k:
                    raise ValueError(f"TopKAccuracy: top_k is {self.top_k}; there are {found.shape[1]} classes.")
                found = numpy.argpartition(found.astype("float32"), -self.top_k, axis=1)[:, -self.top_k :]
            right = found.reshape(len(wanted), -1).astype("int32") == wanted[:, None]
            self._add(float(right.any(axis=1).sum()), len(wanted))


class _BinaryCounts:
    """How often two classes were found, right or wrong."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.true_positives = self.false_positives = self.false_negatives = self.true_negatives = 0

    def add(self, label: Any, pred: Any) -> None:
        """Add labels (N,) of 0 and 1 and predictions (N, 2)."""
        wanted = _as_numpy(label).astype("int32").ravel()
        if len(numpy.shape(pred)) < 2:
            raise ValueError(
                f"Predictions of shape {numpy.shape(pred)} are given; expected (samples, 2), the probabilities."
            )
        found = _classes(pred, 1).astype("int32").ravel()
        check_label_shapes(wanted, found)
        if len(numpy.unique(wanted)) > 2:
            raise ValueError(
                f"F1 and MCC currently only support binary classification; the labels hold {numpy.unique(wanted)}."
            )
        found_true, true = found == 1, wanted == 1
        self.true_positives += int((found_true & true).sum())
        self.false_positives += int((found_true & ~true).sum())
        self.false_negatives += int((~found_true & true).sum())
        self.true_negatives += int((~found_true & ~true).sum())

    @property
    def total(self) -> int:
        return self.true_positives + self.false_positives + self.false_negatives + self.true_negatives

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, 0 without true positives."""
        missed = self.false_positives + self.false_negatives
        return 2 * self.true_positives / (2 * self.true_positives + missed) if self.true_positives else 0.0

    @property
    def mcc(self) -> float:
        """Matthews' correlation coefficient, 0 without samples; sums that are 0 are left out of its denominator."""
        if not self.total:
            return 0.0
        sums = (
            self.true_positives + self.false_positives,
            self.true_positives + self.false_negatives,
            self.true_negatives + self.false_positives,
            self.true_negatives + self.false_negatives,
        )
        difference = self.true_positives * self.true_negatives - self.false_positives * self.false_negatives
        return difference / math.sqrt(math.prod(s for s in sums if s))


class _BinaryMetric(EvalMetric):
    """A metric of binary counts: averaged over batches ("macro"), or from the counts of all of them."""

    def __init__(self, name: str, output_names: Any, label_names: Any, average: str):
        self.average = average
        self._counts, self._global_counts = _BinaryCounts(), _BinaryCounts()
        given = {} if average == "macro" else {"average": average}
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True, **given)

    @staticmethod
    def _value(counts: _BinaryCounts) -> float:
        raise NotImplementedError

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: labels (N,) of 0 and 1, preds (N, 2).

        Raises: ValueError when lengths differ, or there are more than two classes.
        """
        for label, pred in _pairs(labels, preds):
            self._counts.add(label, pred)
            if self.average != "macro":
                self._global_counts.add(label, pred)
        if self.average == "macro":
            self._add(self._value(self._counts), 1)
            self._counts.reset()
        else:
            self.num_inst, self.global_num_inst = self._counts.total, self._global_counts.total
            self.sum_metric = self._value(self._counts) * self.num_inst
            self.global_sum_metric = self._value(self._global_counts) * self.global_num_inst

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._counts.reset()
        self._global_counts.reset()

    def reset_local(self) -> None:
        """Forget what was counted locally."""
        super().reset_local()
        self._counts.reset()


@register
class F1(_BinaryMetric):
    """The F1 score of binary classification, the harmonic mean of precision and recall.

    Args:
        average: "macro" averages the scores of batches; "micro" is the score of all samples together.
    """

    def __init__(
        self,
        name: str = "f1",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        average: str = "macro",
    ):
        super().__init__(name, output_names, label_names, average)

    @staticmethod
    def _value(counts: _BinaryCounts) -> float:
        return counts.f1


@register
class MCC(_BinaryMetric):
    """Matthews' correlation coefficient of binary classification.

    Args:
        average: "macro" averages the coefficients of batches; "micro" is the coefficient of all samples together.
    Source: Matthews, Comparison of the predicted and observed secondary structure of T4 phage lysozyme, 1975.
    """

    def __init__(
        self,
        name: str = "mcc",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        average: str = "macro",
    ):
        super().__init__(name, output_names, label_names, average)

    @staticmethod
    def _value(counts: _BinaryCounts) -> float:
        return counts.mcc


@register
class Perplexity(EvalMetric):
    """The exponential of the mean negative log probability of the labels.

    Args:
        ignore_label: samples with this label don't count; None counts all.
        axis: the axis of the classes in the predictions.
    """

    def __init__(
        self,
        ignore_label: int | None,
        axis: int = -1,
        name: str = "perplexity",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        given = {"ignore_label": ignore_label} if axis == -1 else {"ignore_label": ignore_label, "axis": axis}
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True, **given)
        self.ignore_label = ignore_label
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: as many labels as there are rows of probabilities along axis.

        Raises: ValueError when they differ in number.
        """
        loss, count = 0.0, 0
        for label, pred in _pairs(labels, preds):
            wanted, rows = _as_numpy(label), numpy.moveaxis(_as_numpy(pred), self.axis, -1)
            if wanted.size * rows.shape[-1] != rows.size:
                raise ValueError(f"shape mismatch: labels {wanted.shape} vs. predictions {numpy.shape(pred)}")
            wanted = wanted.astype("int64").ravel()
            chosen = numpy.clip(wanted, 0, rows.shape[-1] - 1)
            probability = rows.reshape(-1, rows.shape[-1])[numpy.arange(len(wanted)), chosen]
            if self.ignore_label is not None:
                probability = probability[wanted != int(self.ignore_label)]
            loss -= float(numpy.log(numpy.maximum(1e-10, probability)).sum())
            count += len(probability)
        self._add(loss, count)

    def get(self) -> tuple[Names, Values]:
        """The name and the perplexity since `reset_local`; NaN before the first sample."""
        return self.name, math.exp(self.sum_metric / self.num_inst) if self.num_inst else float("nan")

    def get_global(self) -> tuple[Names, Values]:
        """The name and the perplexity since `reset`; NaN before the first sample."""
        count = self.global_num_inst
        return self.name, math.exp(self.global_sum_metric / count) if count else float("nan")


class _NegativeLog(EvalMetric):
    """The mean of ``-log(probability of the label + eps)``."""

    def __init__(self, eps: float, name: str, output_names: Any, label_names: Any):
        super().__init__(name, output_names=output_names, label_names=label_names, eps=eps, has_global_stats=True)
        self.eps = eps

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: labels (N,), preds (N, C) probabilities.

        Raises: MXNetError when lengths differ, IndexError when a label is not a class.
        """
        for label, pred in _pairs(labels, preds):
            wanted, rows = _as_numpy(label).ravel(), _as_numpy(pred)
            if rows.ndim != 2 or len(wanted) != len(rows):
                raise MXNetError(
                    f"{type(self).__name__}: {len(wanted)} labels and predictions of shape {rows.shape} are given; "
                    "expected (labels, classes)."
                )
            probability = rows[numpy.arange(len(rows)), wanted.astype("int64")]
            self._add(float(-numpy.log(probability + self.eps).sum()), len(wanted))


@register
@alias("ce")
class CrossEntropy(_NegativeLog):
    """The cross entropy of labels and predicted probabilities: the mean of ``-log(probability + eps)``.

    Args:
        eps: added to the probability.
    """

    def __init__(
        self,
        eps: float = 1e-12,
        name: str = "cross-entropy",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(eps, name, output_names, label_names)


@register
@alias("nll_loss")
class NegativeLogLikelihood(_NegativeLog):
    """The negative log likelihood of the labels: the mean of ``-log(probability + eps)``.

    Args:
        eps: added to the probability.
    """

    def __init__(
        self,
        eps: float = 1e-12,
        name: str = "nll-loss",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(eps, name, output_names, label_names)


@register
class PCC(EvalMetric):
    """Matthews' correlation coefficient for any number of classes, from the confusion matrix of all samples.

    Args:
        has_global_stats: keep global counts too.
    """

    def __init__(
        self,
        name: str = "pcc",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        has_global_stats: bool = True,
    ):
        self.k = 2
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=has_global_stats)

    def _coefficient(self, matrix: Any) -> float:
        count = matrix.sum()
        found, wanted = matrix.sum(axis=1), matrix.sum(axis=0)
        spread = float((found * (count - found)).sum()) * float((wanted * (count - wanted)).sum())
        agreement = float((matrix.diagonal() * count - found * wanted).sum())
        return agreement / math.sqrt(spread) if spread else float("nan")

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: labels (N,), preds (N, C) probabilities, or (N,) classes.

        Raises: ValueError when lengths differ.
        """
        for label, pred in _pairs(labels, preds):
            wanted = _as_numpy(label).astype("int32").ravel()
            found = _as_numpy(pred) if numpy.shape(pred) == numpy.shape(label) else _classes(pred, 1)
            found = found.astype("int32").ravel()
            check_label_shapes(wanted, found)
            if wanted.size:
                self._grow(1 + max(int(wanted.max()), int(found.max())))
            batch = numpy.zeros((self.k, self.k))
            numpy.add.at(batch, (found, wanted), 1)
            self.lcm += batch
            self.gcm += batch
        self.num_inst += 1
        self.global_num_inst += 1

    def _grow(self, classes: int) -> None:
        more = classes - self.k
        if more > 0:
            self.k = classes
            self.lcm = numpy.pad(self.lcm, ((0, more), (0, more)))
            self.gcm = numpy.pad(self.gcm, ((0, more), (0, more)))

    @property
    def sum_metric(self) -> float:  # type: ignore[override]
        """The local coefficient, times the number of batches."""
        return self._coefficient(self.lcm) * self.num_inst

    @property
    def global_sum_metric(self) -> float:  # type: ignore[override]
        """The global coefficient, times the number of batches."""
        return self._coefficient(self.gcm) * self.global_num_inst

    def reset(self) -> None:
        """Forget everything."""
        self.global_num_inst = 0
        self.gcm = numpy.zeros((self.k, self.k))
        self.reset_local()

    def reset_local(self) -> None:
        """Forget what was counted locally."""
        self.num_inst = 0
        self.lcm = numpy.zeros((self.k, self.k))


# Regression


def _columns(array: Any) -> Any:
    array = _as_numpy(array)
    return array.reshape(-1, 1) if array.ndim == 1 else array


class _Error(EvalMetric):
    """The mean over batches of an error; vectors stand for columns."""

    def __init__(self, name: str, output_names: Any, label_names: Any):
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    @staticmethod
    def _error(difference: Any) -> Any:
        raise NotImplementedError

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: labels and preds of one shape, (N,) or (N, ...).

        Raises: ValueError when their shapes differ.
        """
        for label, pred in _pairs(labels, preds):
            self._add(float(self._error(_columns(label) - _columns(pred))), 1)


@register
class MAE(_Error):
    """The mean absolute error."""

    def __init__(
        self,
        name: str = "mae",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(name, output_names, label_names)

    @staticmethod
    def _error(difference: Any) -> Any:
        return numpy.abs(difference).mean()


@register
class MSE(_Error):
    """The mean squared error."""

    def __init__(
        self,
        name: str = "mse",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(name, output_names, label_names)

    @staticmethod
    def _error(difference: Any) -> Any:
        return (difference**2.0).mean()


@register
class RMSE(_Error):
    """The root of the mean squared error, averaged over batches."""

    def __init__(
        self,
        name: str = "rmse",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(name, output_names, label_names)

    @staticmethod
    def _error(difference: Any) -> Any:
        return numpy.sqrt((difference**2.0).mean())


class _Moments:
    """Running means, sums of squared deviations and of their products, of labels and predictions."""

    def __init__(self) -> None:
        self.label: tuple[float, float, float] = (0, 0.0, 0.0)  # count, mean, sum of squared deviations
        self.pred: tuple[float, float, float] = (0, 0.0, 0.0)
        self.product = 0.0

    @property
    def correlation(self) -> float:
        spread = self.label[2] * self.pred[2]
        return self.product / math.sqrt(spread) if spread else float("nan")


@register
@alias("pearsonr")
class PearsonCorrelation(EvalMetric):
    """Pearson's correlation of labels and predictions.

    Args:
        average: "macro" averages the correlations of batches; "micro" is the correlation of all samples together.
    Raises: ValueError for another average.
    """

    def __init__(
        self,
        name: str = "pearsonr",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
        average: str = "macro",
    ):
        if average not in ("macro", "micro"):
            raise ValueError(f"PearsonCorrelation: average is {average!r}; expected 'macro' or 'micro'.")
        self.average = average
        given = {} if average == "macro" else {"average": average}
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True, **given)

    def reset_micro(self) -> None:
        """Forget what "micro" was counting locally."""
        self._moments = _Moments()

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._global_moments = _Moments()
        self.reset_micro()

    def reset_local(self) -> None:
        """Forget what was counted locally."""
        super().reset_local()
        self.reset_micro()

    def update_variance(self, new_values: Any, *aggregate: float) -> tuple[float, float, float]:
        """The count, mean and sum of squared deviations of old values, given by theirs, and new ones.

        Source: Welford, Note on a Method for Calculating Corrected Sums of Squares and Products, 1962.
        """
        count, mean, spread = aggregate
        new_count = count + len(new_values)
        new_mean = mean + float((new_values - mean).sum()) / new_count
        return new_count, new_mean, spread + float(((new_values - mean) * (new_values - new_mean)).sum())

    def update_cov(self, label: Any, pred: Any) -> None:
        """Add labels and predictions to the local and global moments of "micro"."""
        for moments in (self._moments, self._global_moments):
            old_mean = moments.label[1]
            moments.label = self.update_variance(label, *moments.label)
            moments.pred = self.update_variance(pred, *moments.pred)
            moments.product += float(((label - old_mean) * (pred - moments.pred[1])).sum())

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: labels and preds of one shape.

        Raises: ValueError when their shapes differ.
        """
        for label, pred in _pairs(labels, preds):
            label, pred = _as_numpy(label), _as_numpy(pred)
            check_label_shapes(label, pred, shape=True)
            label, pred = label.ravel().astype(numpy.float64), pred.ravel().astype(numpy.float64)
            if self.average == "macro":
                self._add(float(numpy.corrcoef(pred, label)[0, 1]), 1)
            else:
                self.update_cov(label, pred)
                self._add(0.0, 1)

    def get(self) -> tuple[Names, Values]:
        """The name and the correlation since `reset_local`; NaN before the first batch."""
        return super().get() if self.average == "macro" else (self.name, self._moments.correlation)

    def get_global(self) -> tuple[Names, Values]:
        """The name and the correlation since `reset`; NaN before the first batch."""
        return super().get_global() if self.average == "macro" else (self.name, self._global_moments.correlation)


# Losses, and metrics of one's own


@register
class Loss(EvalMetric):
    """The mean of the outputs, which are losses themselves."""

    def __init__(
        self,
        name: str = "loss",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def update(self, _: Any, preds: Any) -> None:
        """Add a batch: losses of any shape; labels are not used."""
        for pred in _as_list(preds):
            self._add(float(_as_numpy(pred.sum() if hasattr(pred, "sum") else pred).sum()), int(numpy.prod(pred.shape)))


@register
class Torch(Loss):
    """`Loss` for criteria of the Torch plug-in that MXNet once had."""

    def __init__(
        self,
        name: str = "torch",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(name, output_names=output_names, label_names=label_names)


@register
class Caffe(Loss):
    """`Loss` for criteria of the Caffe plug-in that MXNet once had."""

    def __init__(
        self,
        name: str = "caffe",
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        super().__init__(name, output_names=output_names, label_names=label_names)


@register
class CustomMetric(EvalMetric):
    """The mean of a function of label and prediction.

    Args:
        feval: called with a label and a prediction, NumPy arrays; returns a number, the value for a batch, or
            ``(sum, count)``.
        name: default the function's.
        allow_extra_outputs: let there be more predictions than labels; the first ones count.
    """

    def __init__(
        self,
        feval: Callable[[Any, Any], Any],
        name: str | None = None,
        allow_extra_outputs: bool = False,
        output_names: Sequence[str] | None = None,
        label_names: Sequence[str] | None = None,
    ):
        if name is None:
            name = getattr(feval, "__name__", type(feval).__name__)
            if "<" in name:
                name = f"custom({name})"
        super().__init__(
            name, output_names=output_names, label_names=label_names, feval=feval,
            allow_extra_outputs=allow_extra_outputs, has_global_stats=True,
        )  # fmt: skip
        self._feval = feval
        self._allow_extra_outputs = allow_extra_outputs

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch.

        Raises: ValueError when there are not as many labels as predictions, unless allow_extra_outputs.
        """
        labels, preds = _as_list(labels), _as_list(preds)
        if not self._allow_extra_outputs:
            check_label_shapes(labels, preds)
        for label, pred in zip(labels, preds, strict=False):
            value = self._feval(_as_numpy(label), _as_numpy(pred))
            self._add(*(value if isinstance(value, tuple) else (value, 1)))

    def get_config(self) -> dict[str, Any]:
        """Raises NotImplementedError: a function can't be put into a configuration."""
        raise NotImplementedError("CustomMetric cannot be serialized")


def np(
    numpy_feval: Callable[[Any, Any], Any], name: str | None = None, allow_extra_outputs: bool = False
) -> CustomMetric:
    """A `CustomMetric` of a function of label and prediction, NumPy arrays.

    >>> metric = np(lambda label, pred: numpy.mean(label == pred.argmax(axis=1)), name="right")
    """

    def feval(label: Any, pred: Any) -> Any:
        return numpy_feval(label, pred)

    feval.__name__ = getattr(numpy_feval, "__name__", type(numpy_feval).__name__)
    return CustomMetric(feval, name, allow_extra_outputs)
