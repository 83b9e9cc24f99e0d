"""The operator ``Custom``, written in Python by users; `mxnet.operator` is what they write it with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import Tensor

from ..base import MXNetError, _Null
from .attributes import Attribute, format_attribute
from .registry import Attrs, Operator, PartialShape, operator

#: op_type -> what makes the implementation from the other attributes, all strings.
IMPLEMENTATIONS: dict[str, Callable[[dict[str, str]], Implementation]] = {}


class Implementation(Protocol):
    """What `Custom` needs to know of a user's operator; names are in the order of the inputs: arguments, then states.

    Shapes and dtypes are as in the rules of operators: None, or -1, is not known.
    """

    arguments: tuple[str, ...]
    auxiliary_states: tuple[str, ...]
    outputs: tuple[str, ...]
    is_loss: bool

    def infer_shape(self, inputs: list[PartialShape], outputs: list[PartialShape]) -> Any:
        """All that follows for the shapes of inputs and outputs."""

    def infer_dtype(self, inputs: list[str | None], outputs: list[str | None]) -> Any:
        """All that follows for the dtypes of inputs and outputs."""

    def run(self, tensors: Sequence[Tensor], training: bool, state: dict[str, Any]) -> tuple[Tensor, ...]:
        """The outputs, recorded by torch's autograd with the user's gradient."""


class CustomOperator(Operator):
    """``Custom`` with given attributes: an operator with inputs, states and outputs of its own."""

    def __init__(self, given: dict[str, str], implementation: Implementation):
        def run(*tensors: Tensor, training: bool, state: dict[str, Any], **attrs: str) -> tuple[Tensor, ...]:
            return implementation.run(tensors, training, state)

        run.__doc__ = custom.function.__doc__
        self._given = given
        self._implementation = implementation
        outputs = implementation.outputs
        options = {
            "aliases": (), "num_outputs": len(outputs), "num_visible_outputs": None, "output_names": outputs,
            "out_dtype": None, "mutates": implementation.auxiliary_states, "view": False, "reuses_input": {},
            "elementwise": False, "dynamic": True, "method": False, "loss": implementation.is_loss,
            "variable_init": {}, "variable_names": {}, "num_inputs_attr": "", "csr_outputs": None,
        }  # fmt: skip
        super().__init__(run, "Custom", options)
        self.infer_shape(lambda inputs, outputs, **_: implementation.infer_shape(inputs, outputs))
        self.infer_dtype(lambda inputs, outputs, **_: implementation.infer_dtype(inputs, outputs))

    def _read_signature(self) -> None:
        self.attributes = {name: Attribute(name, str, value) for name, value in self._given.items()}
        self.variadic = self.random = self.creates = self.writes_out = self.takes_subgraphs = False
        self.inputs = self._implementation.arguments + self._implementation.auxiliary_states
        self.num_fixed_inputs = len(self.inputs)
        self.optional_inputs = frozenset()
        self.uses_training = self.stateful = True
        self.defaults = {}
        self._required = ()

    def parse_attributes(self, given: dict[str, Any]) -> Attrs:
        """The attributes that this operator was made for.

        Raises: MXNetError if those given are others.
        """
        for name, value in given.items():
            if value is not _Null and self._given.get(name) != format_attribute(value):
                raise MXNetError(
                    f"Custom: attribute {name} is {value!r}, but this {self._given['op_type']} was made with "
                    f"{self._given}; its attributes can't be changed, make another."
                )
        return dict(self._given)


@operator("Custom", num_inputs_attr="")
def custom(*data: Tensor, op_type: str) -> Tensor:
    """An operator written in Python: a `mxnet.operator.CustomOpProp` registered under a name.

    Args:
        data: its arguments, then its auxiliary states; as symbols also by the names that ``list_arguments`` gives,
            and those not given become variables.
        op_type: the name it is registered under.
        kwargs: handed to the constructor of the registered class, as strings.
    Returns: its outputs.
    Raises: MXNetError if no such operator is registered, or the number of inputs is wrong; and around what the user's
        code raises, which is its ``__cause__``.
    """
    raise MXNetError(f"Custom: {op_type} was not made; call for_attributes first")


@custom.specialize
def _(given: dict[str, Any]) -> Operator:
    strings = {
        name: format_attribute(value)
        for name, value in given.items()
        if value is not _Null and not (name.startswith("__") and name.endswith("__"))
    }
    op_type = strings.get("op_type")
    if not op_type:
        raise MXNetError("Custom: Required argument `op_type` is missing; pass the name of a registered operator.")
    if op_type not in IMPLEMENTATIONS:
        known = ", ".join(sorted(IMPLEMENTATIONS)) or "none"
        raise MXNetError(
            f"Cannot find custom operator {op_type}; those registered with mx.operator.register are: {known}."
        )
    options = {name: value for name, value in strings.items() if name != "op_type"}
    return CustomOperator(strings, IMPLEMENTATIONS[op_type](options))
