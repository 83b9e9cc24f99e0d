"""SequentialModule: modules in a chain, each with the outputs of the one before as its data."""

from __future__ import annotations

import copy
import logging
from typing import Any

from ..initializer import Uniform
from ..io import DataDesc
from ..ndarray import NDArray
from .base_module import BaseModule, describe, require

__all__ = ["SequentialModule"]


class SequentialModule(BaseModule):
    """A chain of modules.

    Args:
        logger: where `fit` reports; default the root logger.
    """

    META_TAKE_LABELS = "take_labels"
    META_AUTO_WIRING = "auto_wiring"

    def __init__(self, logger: Any = logging):
        super().__init__(logger=logger)
        self._modules: list[Any] = []
        self._metas: list[dict[str, Any]] = []
        self._label_shapes: Any = None
        self._data_shapes: Any = None
        self._meta_keys = {self.META_TAKE_LABELS, self.META_AUTO_WIRING}

    def add(self, module: Any, **kwargs: Any) -> SequentialModule:
        """Append a module; the chain has to be bound and initialised again.

        Args:
            module: module.
            kwargs: take_labels=True if it takes the labels; auto_wiring=True if its data take the outputs of the module
                before in their order, whatever their names.
        Returns: this module.
        Raises: AssertionError for other keywords.
        """
        for key in kwargs:
            require(key in self._meta_keys, f'Unknown meta "{key}", a typo?')
        self._modules.append(module)
        self._metas.append(kwargs)
        self.binded = False
        self.params_initialized = False
        self.optimizer_initialized = False
        return self

    # Facts

    @property
    def data_names(self) -> list[str]:
        """Names of the data of the first module."""
        return self._modules[0].data_names if self._modules else []

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs of the last module."""
        return self._modules[-1].output_names if self._modules else []

    def _require_bound(self) -> None:
        require(self.binded, "call bind first: the module isn't bound to shapes yet")

    @property
    def data_shapes(self) -> list[DataDesc]:
        """Descriptions of the data. Raises: AssertionError before bind."""
        self._require_bound()
        return self._modules[0].data_shapes

    @property
    def label_shapes(self) -> Any:
        """The shapes of the labels, as given to bind; None if no module takes them. Raises: AssertionError before
        bind."""
        self._require_bound()
        return self._label_shapes

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Pairs of name and shape of the outputs. Raises: AssertionError before bind."""
        self._require_bound()
        return self._modules[-1].output_shapes

    # Parameters

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Parameters and auxiliary states of all modules by name."""
        self._require_ready()
        arg_params: dict[str, NDArray] = {}
        aux_params: dict[str, NDArray] = {}
        for module in self._modules:
            args, auxs = module.get_params()
            arg_params.update(args)
            aux_params.update(auxs)
        return arg_params, aux_params

    def init_params(
        self, initializer: Any = Uniform(0.01), arg_params: Any = None, aux_params: Any = None,
        allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Set parameters and auxiliary states of all modules; see `Module.init_params`.

        Raises: AssertionError before bind, or if two modules have a parameter of one name.
        """
        if self.params_initialized and not force_init:
            return
        require(self.binded, "call bind before initializing the parameters")
        for module in self._modules:
            module.init_params(initializer, arg_params, aux_params, allow_missing, force_init, allow_extra)
        owners: dict[str, int] = {}
        for layer, module in enumerate(self._modules):
            for params in module.get_params():
                for name in params:
                    other = owners.setdefault(name, layer)
                    require(
                        other == layer,
                        f'Duplicated parameter names: name "{name}" in layer {layer} ({type(module)}) is already used '
                        f"in layer {other} ({type(self._modules[other])}).",
                    )
        self.params_initialized = True

    # Set-up

    def bind(
        self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False,
        force_rebind: bool = False, shared_module: Any = None, grad_req: Any = "write",
    ) -> None:  # fmt: skip
        """Bind the modules, each to the shapes of the outputs before it; see `Module.bind`.

        Raises: AssertionError if there is no module, or shared_module is given.
        """
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        require(not inputs_need_grad or for_training, "inputs_need_grad needs for_training=True")
        require(shared_module is None, "Shared module is not supported")
        require(self._modules, "Attempting to bind an empty SequentialModule")
        shapes = describe(data_shapes)
        takes_labels = False
        for position, (module, meta) in enumerate(zip(self._modules, self._metas, strict=True)):
            takes = bool(meta.get(self.META_TAKE_LABELS))
            takes_labels |= takes
            if meta.get(self.META_AUTO_WIRING):
                names = module.data_names
                require(len(names) == len(shapes), f"{len(shapes)} outputs can't be wired to the data {names}")
                shapes = [
                    DataDesc(name, desc.shape, desc.dtype, desc.layout)
                    for name, desc in zip(names, shapes, strict=True)
                ]
            module.bind(
                data_shapes=shapes, label_shapes=label_shapes if takes else None, for_training=for_training,
                inputs_need_grad=for_training and (inputs_need_grad or position > 0), force_rebind=force_rebind,
                grad_req=grad_req,
            )  # fmt: skip
            shapes = describe(module.output_shapes)
        self._label_shapes = label_shapes if takes_labels else None
        self.for_training, self.inputs_need_grad = for_training, inputs_need_grad
        self.binded = True

    def init_optimizer(
        self, kvstore: Any = "local", optimizer: Any = "sgd", optimizer_params: Any = (("learning_rate", 0.01),),
        force_init: bool = False,
    ) -> None:  # fmt: skip
        """Set up an optimizer in each module; see `Module.init_optimizer`."""
        self._require_ready()
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        for module in self._modules:
            module.init_optimizer(kvstore, optimizer, optimizer_params, force_init)
        self.optimizer_initialized = True

    def install_monitor(self, mon: Any) -> None:
        """Let a Monitor watch all modules. Raises: AssertionError before bind."""
        self._require_bound()
        for module in self._modules:
            module.install_monitor(mon)

    # Computation

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of all modules in turn."""
        self._require_ready()
        batch = copy.copy(data_batch)
        for position, module in enumerate(self._modules):
            module.forward(batch, is_train=is_train)
            if position + 1 == len(self._modules):
                break
            batch.data = module.get_outputs()
            if batch.provide_data:
                names = [name for name, _ in module.output_shapes]
                require(len(names) == len(batch.data), "a module has other outputs than names")
                if self._metas[position + 1].get(self.META_AUTO_WIRING):
                    names = self._modules[position + 1].data_names
                batch.provide_data = [
                    DataDesc(name, value.shape) for name, value in zip(names, batch.data, strict=True)
                ]

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients of all modules, from the last to the first."""
        self._require_ready()
        for position in range(len(self._modules) - 1, -1, -1):
            module = self._modules[position]
            module.backward(out_grads=out_grads)
            if position:
                out_grads = module.get_input_grads()

    def update(self) -> None:
        """Update the parameters of all modules. Raises: AssertionError before init_optimizer."""
        self._require_ready()
        require(self.optimizer_initialized, "call init_optimizer first: there is no optimizer yet")
        for module in self._modules:
            module.update()

    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """The outputs of the last module."""
        self._require_ready()
        return self._modules[-1].get_outputs(merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """The gradients of the data of the first module. Raises: AssertionError unless bound with inputs_need_grad."""
        self._require_ready()
        require(self.inputs_need_grad, "bind with inputs_need_grad=True to get gradients of the data")
        return self._modules[0].get_input_grads(merge_multi_context)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric with labels and the outputs of the modules that take labels."""
        self._require_ready()
        for module, meta in zip(self._modules, self._metas, strict=True):
            if meta.get(self.META_TAKE_LABELS):
                module.update_metric(eval_metric, labels, pre_sliced)
