"""Modules whose computation is written in Python: a base class, and a loss."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from ..initializer import Uniform
from ..ndarray import NDArray, array
from .base_module import BaseModule, require

__all__ = ["PythonLossModule", "PythonModule"]


class PythonModule(BaseModule):
    """A module without parameters; subclasses define forward, backward, get_outputs, get_input_grads and
    _compute_output_shapes, and override more where they have parameters.

    Args:
        data_names, label_names, output_names: names; label_names may be None.
        logger: where `fit` reports; default the root logger.
    """

    def __init__(
        self, data_names: Sequence[str], label_names: Sequence[str] | None, output_names: Sequence[str],
        logger: Any = logging,
    ):  # fmt: skip
        super().__init__(logger=logger)
        self._data_names = list(data_names)
        self._label_names = None if label_names is None else list(label_names)
        self._output_names = list(output_names)
        self._data_shapes: Any = None
        self._label_shapes: Any = None
        self._output_shapes: Any = None

    @property
    def data_names(self) -> list[str]:
        """Names of the data."""
        return self._data_names

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self) -> Any:
        """The shapes of the data, as given to bind."""
        return self._data_shapes

    @property
    def label_shapes(self) -> Any:
        """The shapes of the labels, as given to bind."""
        return self._label_shapes

    @property
    def output_shapes(self) -> Any:
        """Pairs of name and shape of the outputs."""
        return self._output_shapes

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Two empty dicts: there are no parameters."""
        return {}, {}

    def init_params(
        self, initializer: Any = Uniform(0.01), arg_params: Any = None, aux_params: Any = None,
        allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Nothing to do: there are no parameters, and no argument has a meaning."""
        self.params_initialized = True

    def update(self) -> None:
        """Nothing to do: there are no parameters."""

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric with labels and the last outputs, if there are labels.

        Raises: NotImplementedError with pre_sliced.
        """
        if self._label_shapes is None:
            return
        if pre_sliced:
            raise NotImplementedError("PythonModule does not support pre_sliced labels")
        eval_metric.update(labels, self.get_outputs())

    def bind(
        self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False,
        force_rebind: bool = False, shared_module: Any = None, grad_req: Any = "write",
    ) -> None:  # fmt: skip
        """Remember the shapes; see `Module.bind`. shared_module has no meaning without parameters.

        Raises: AssertionError if names differ, or grad_req is not "write".
        """
        require(grad_req == "write", "Python module only support write gradient")
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        for shapes, names, kind in (
            (data_shapes, self._data_names, "data"), (label_shapes, self._label_names, "label"),
        ):  # fmt: skip
            given = [shape[0] for shape in shapes or ()]
            if kind == "data" or shapes is not None:
                require(given == (names or []), f"{kind}_shapes has the names {given}; expected {names}")
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        self._data_shapes, self._label_shapes = data_shapes, label_shapes
        self._output_shapes = self._compute_output_shapes()
        self.binded = True

    def _compute_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Pairs of name and shape of the outputs for the shapes that bind was given."""
        raise NotImplementedError()

    def init_optimizer(
        self, kvstore: Any = "local", optimizer: Any = "sgd", optimizer_params: Any = (("learning_rate", 0.01),),
        force_init: bool = False,
    ) -> None:  # fmt: skip
        """Nothing to do: there are no parameters, and no argument has a meaning."""
        self.optimizer_initialized = True


class PythonLossModule(PythonModule):
    """A loss whose gradient is a Python function: its output is its data.

    Args:
        name: name of the module; the output is name_output.
        data_names: name of the scores, one.
        label_names: name of the labels, one.
        logger: where `fit` reports; default the root logger.
        grad_func: function from scores and labels to the gradient of the scores, an NDArray or NumPy array.
    Raises: AssertionError for several names, or a grad_func that can't be called.
    """

    def __init__(
        self, name: str = "pyloss", data_names: Sequence[str] = ("data",),
        label_names: Sequence[str] = ("softmax_label",), logger: Any = logging,
        grad_func: Callable[[NDArray, NDArray], Any] | None = None,
    ):  # fmt: skip
        super().__init__(data_names, label_names, [f"{name}_output"], logger=logger)
        require(len(data_names) == 1, f"data_names is {data_names}; expected one name")
        require(len(label_names) == 1, f"label_names is {label_names}; expected one name")
        require(grad_func is None or callable(grad_func), f"grad_func is {grad_func!r}; expected a function")
        self._name = name
        self._scores: Any = None
        self._labels: Any = None
        self._scores_grad: Any = None
        self._grad_func = grad_func

    def _compute_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        return [(f"{self._name}_output", self._data_shapes[0][1])]

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Take scores and, in training mode, labels of a batch; is_train is for_training by default."""
        self._scores = data_batch.data[0]
        if self.for_training if is_train is None else is_train:
            self._labels = data_batch.label[0]

    def get_outputs(self, merge_multi_context: bool = True) -> list[NDArray]:
        """The scores. Raises: AssertionError if merge_multi_context is False."""
        require(merge_multi_context, "PythonLossModule has no outputs of several devices")
        return [self._scores]

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradient of the scores.

        Raises: AssertionError if gradients are given, or unless bound for training; NotImplementedError without
            grad_func.
        """
        require(out_grads is None, "For a loss module, out_grads should be None")
        require(self.for_training, "re-bind with for_training=True to run backward")
        self._backward_impl()

    def _backward_impl(self) -> None:
        """Set _scores_grad; subclasses may override it instead of giving grad_func."""
        if self._grad_func is None:
            raise NotImplementedError()
        gradient = self._grad_func(self._scores, self._labels)
        self._scores_grad = gradient if isinstance(gradient, NDArray) else array(gradient)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[NDArray]:
        """The gradient of the scores. Raises: AssertionError if merge_multi_context is False."""
        require(merge_multi_context, "PythonLossModule has no gradients of several devices")
        return [self._scores_grad]

    def install_monitor(self, mon: Any) -> None:
        """There is nothing to watch. Raises: NotImplementedError always."""
        raise NotImplementedError()
