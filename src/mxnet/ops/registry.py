"""The registry of operators: one declaration serves every front end.

An operator is a Python function on torch tensors::

    @operator("clip", aliases=("_npi_clip",), method=True)
    def clip(data: Tensor, *, a_min: float, a_max: float) -> Tensor:
        '''Limit every element of data to [a_min, a_max].'''
        return data.clamp(a_min, a_max)

Positional parameters are arrays: required (``Tensor``), optional (``Tensor | None = None``) or any number of them
(``*data: Tensor``, alone or after required ones; the attribute that counts them all, ``num_args``, is then not declared
unless the function wants to know it). Keyword-only parameters are attributes, and their annotations are the schema (see
attributes.py: bool, int, float, Scalar, str, DType, Shape, OptionalInts, Floats, Literal[...], each also ``| None``).
Their order is the order in the public signature.
Six keyword-only names are not attributes; the caller supplies them:

    training: bool                 whether the operator runs in training mode
    generator: Generator | None    source of random numbers for the device (None while shapes are inferred)
    device: torch.device           where an operator without inputs creates its result (from the attribute ctx)
    out: Tensor | None             where output 0 may be written directly; the function then returns this tensor
    state: dict[str, Any]          what the operator keeps between the runs of one executor; empty at an imperative call
    subgraphs: tuple[Subgraph, ...]  the graphs that a node of this operator holds, each as a function that takes
                                   tensors in the order of the graph's variables and returns the list of its outputs

What the signature does not say is given to the decorator (see `operator`) or by decorated rules:

    @clip.gradient           def _(head_grad, data, *, a_min, a_max): ...     where MXNet's gradient is not torch's
    @op.infer_arguments      def _(data, *, num_hidden, **_): return {"weight": shape, "bias": shape}
    @op.infer_shape          def _(inputs, outputs, **attrs): return inputs, outputs      (None, or -1: not known)
    @op.infer_dtype          def _(inputs, outputs, **attrs): return inputs, outputs      (names, None: not known)
    @op.list_inputs          def _(*, no_bias, **_): return ("data", "weight") if no_bias else ("data", ...)
                             (that of a variadic operator also takes count, the number of inputs)
    @op.specialize           def _(given): return an Operator          where everything depends on the attributes given
    @op.subgraph_inputs      def _(sizes, counts, **attrs): return numbers of inputs for each subgraph

A gradient rule takes, by name, what it needs: ``head_grad`` (a tuple of them when there are several outputs), any
inputs, ``out`` (the output, or the tuple of them), then the attributes; it returns the gradient of the first input, or
a tuple with one entry (a tensor or None) for each input. Inputs that the function changes in place (``mutates``: moving
averages, optimizer states) are the auxiliary states of a symbol. Functions must be traceable: no Python control flow
on values unless ``dynamic=True``.

Operators with subgraphs exist in graphs only. What happens inside counts for the node: an input is changed in place if
the operator mutates it or a subgraph changes the variable that stands for it, and the node is random if a subgraph is
(`Node.mutated_inputs`, `Node.is_random`). Which input a variable stands for is what ``subgraph_inputs`` says; the
default is that every subgraph takes the inputs of the node in order. Rules for shapes and dtypes get a keyword
``subgraphs`` of `SubgraphRules`, which infer through each subgraph.
"""

from __future__ import annotations

import copy
import inspect
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from ..base import MXNetError, _Null
from .attributes import REQUIRED, Attribute
from .dtypes import DTYPE_NAMES

Attrs = dict[str, Any]
PartialShape = tuple[int, ...] | None
Function = TypeVar("Function", bound=Callable[..., Any])


class Subgraph(Protocol):
    """A graph inside of a node, as the node's operator sees it."""

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The outputs, in new memory, for one tensor for each variable; recorded if the node is.

        Raises: MXNetError naming the node inside that failed.
        """

    def zeros(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Zeros of the shapes and dtypes that the outputs would have; nothing is run.

        Raises: MXNetError if they depend on values.
        """


class SubgraphRules(Protocol):
    """What the rules of an operator may ask of a subgraph: entries for its variables and outputs, as in the rules."""

    def infer_shape(
        self, inputs: Sequence[PartialShape], outputs: Sequence[PartialShape]
    ) -> tuple[list[PartialShape], list[PartialShape]]:
        """All that follows inside for the shapes of variables and outputs."""

    def infer_dtype(
        self, inputs: Sequence[str | None], outputs: Sequence[str | None]
    ) -> tuple[list[str | None], list[str | None]]:
        """All that follows inside for the dtypes of variables and outputs."""


_IMPLICIT = ("training", "generator", "device", "out", "state", "subgraphs")
_OPERATORS: dict[str, Operator] = {}


class Operator:
    """A registered operator. Its public attributes are what passes and front ends may ask; see the module docstring.

    name, aliases    the names it is registered under
    function         the declared function
    inputs           names of the array parameters; the last one of a variadic operator stands for any number of arrays
    optional_inputs  those that may be absent
    variadic         whether it takes any number of arrays; num_inputs_attr names the attribute that counts them
    num_fixed_inputs how many inputs come before those of any number; all of them unless variadic
    attributes       name -> Attribute
    mutates          names of the inputs it changes in place
    random, uses_training, creates, writes_out, stateful, takes_subgraphs   whether the function takes generator,
                     training, device, out, state, subgraphs
    is_view          whether the result may share memory with an input
    reuses_input     output index -> index of the input whose storage it may take
    elementwise      whether all inputs and outputs have one shape
    dynamic          whether it looks at values, on which the shape of the result may depend
    takes_csr        whether the function itself takes csr arrays, as tensors of layout torch.sparse_csr
    method           whether arrays and symbols have it as a method
    is_loss          whether its gradient may be asked for without a head gradient
    variable_init    input name -> the initializer that a variable composed with it asks for
    variable_names   input name -> the name of a variable made for it, where that is another one
    """

    def __init__(self, function: Callable[..., Any], name: str, options: dict[str, Any]):
        self.function = function
        self.name = name
        self.aliases: tuple[str, ...] = options["aliases"]
        self.mutates: tuple[str, ...] = options["mutates"]
        self.is_view: bool = options["view"]
        self.reuses_input: dict[int, int] = options["reuses_input"]
        self.elementwise: bool = options["elementwise"]
        self.dynamic: bool = options["dynamic"]
        self.takes_csr: bool = options["csr_outputs"] is not None
        self.method: bool = options["method"]
        self.is_loss: bool = options["loss"]
        self.variable_init: dict[str, str] = options["variable_init"]
        self.variable_names: dict[str, str] = options["variable_names"]
        self.num_inputs_attr: str = options["num_inputs_attr"]
        self._num_outputs = options["num_outputs"]
        self._num_visible = options["num_visible_outputs"]
        self._output_names = options["output_names"]
        self._out_dtype = options["out_dtype"]
        self._csr_outputs = options["csr_outputs"]
        self._gradient: Callable[..., Any] | None = None
        self._infer_arguments: Callable[..., dict[str, PartialShape]] | None = None
        self._infer_shape: Callable[..., Any] | None = None
        self._infer_dtype: Callable[..., Any] | None = None
        self._list_inputs: Callable[..., Sequence[str]] | None = None
        self._specialize: Callable[[dict[str, Any]], Operator] | None = None
        self._recorded: Callable[..., Any] | None = None
        self._subgraph_inputs: Callable[..., Sequence[Sequence[int]]] | None = None
        self._read_signature()

    def _read_signature(self) -> None:
        hints = typing.get_type_hints(self.function)
        inputs, optional, implicit = [], [], set()
        self.attributes: dict[str, Attribute] = {}
        self.variadic = False
        for parameter in inspect.signature(self.function).parameters.values():
            name = parameter.name
            if parameter.kind is parameter.KEYWORD_ONLY:
                if name in _IMPLICIT:
                    implicit.add(name)
                else:
                    self.attributes[name] = Attribute(name, hints[name], parameter.default)
            else:
                inputs.append(name)
                self.variadic |= parameter.kind is parameter.VAR_POSITIONAL
                if parameter.default is None:
                    optional.append(name)
        self.inputs: tuple[str, ...] = tuple(inputs)
        self.num_fixed_inputs = len(inputs) - self.variadic
        self.optional_inputs = frozenset(optional)
        self.uses_training = "training" in implicit
        self.random = "generator" in implicit
        self.creates = "device" in implicit
        self.writes_out = "out" in implicit
        self.stateful = "state" in implicit
        self.takes_subgraphs = "subgraphs" in implicit
        self.defaults: Attrs = {a.name: a.default for a in self.attributes.values() if a.default is not REQUIRED}
        self._required = tuple(a.name for a in self.attributes.values() if a.default is REQUIRED)

    # What a declaration adds after the function.

    def gradient(self, rule: Function) -> Function:
        """Declare the gradient, where MXNet's is not the one that torch derives."""
        parameters = inspect.signature(rule).parameters.values()
        names = [p.name for p in parameters if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
        self._gradient = rule
        self._gradient_needs = tuple(name for name in names if name != "head_grad")
        return rule

    def infer_arguments(self, rule: Function) -> Function:
        """Declare the shapes of parameters that follow from those of the data."""
        self._infer_arguments = rule
        return rule

    def infer_shape(self, rule: Function) -> Function:
        """Declare shape inference in both directions."""
        self._infer_shape = rule
        return rule

    def infer_dtype(self, rule: Function) -> Function:
        """Declare dtype inference in both directions; the default is one dtype for all."""
        self._infer_dtype = rule
        return rule

    def list_inputs(self, rule: Function) -> Function:
        """Declare which inputs are present, where that depends on attributes."""
        self._list_inputs = rule
        return rule

    def specialize(self, rule: Function) -> Function:
        """Declare that this name stands for many operators: the rule makes the one for the attributes given."""
        self._specialize = rule
        return rule

    def subgraph_inputs(self, rule: Function) -> Function:
        """Declare, for each subgraph of a node, which of the node's inputs each of its variables stands for.

        The rule takes how many variables and how many outputs each subgraph has, and refuses what doesn't fit.
        """
        self._subgraph_inputs = rule
        return rule

    def computed_by(self, function: Callable[..., Any]) -> Operator:
        """An operator like this one that computes by another function, which isn't registered.

        Its inputs and attributes are the same; what the caller supplies may differ.
        """
        made = copy.copy(self)
        made.function = function
        made._read_signature()
        return made

    # What front ends, passes and executors ask.

    def for_attributes(self, given: dict[str, Any]) -> Operator:
        """The operator that this name stands for with these attributes: itself, unless a rule makes another.

        Raises: MXNetError if there is none.
        """
        return self if self._specialize is None else self._specialize(given)

    def specialized(
        self, inputs: Sequence[Any], given: dict[str, Any], kind: type
    ) -> tuple[Operator, list[Any], dict[str, Any]]:
        """What to call where a rule makes the operator: it, its inputs in order (None: not given), its attributes.

        Args:
            inputs: the inputs given by position.
            given: attributes, and inputs by name.
            kind: the class of inputs.
        Raises: MXNetError if there is no such operator or no such input; TypeError if some inputs are given by position
            and some by name.
        """
        named = {name: value for name, value in given.items() if isinstance(value, kind)}
        given = {name: value for name, value in given.items() if name not in named}
        op = self.for_attributes(given)
        if named and inputs:
            raise TypeError(
                f"{self.name}: Operators with variable length input can only accept input either as positional or "
                f"keyword arguments, not both; by name: {', '.join(named)}."
            )
        unknown = [name for name in named if name not in op.inputs]
        if unknown or len(inputs) > len(op.inputs):
            raise MXNetError(
                f"Operator {op.name} expects {len(op.inputs)} inputs ({', '.join(op.inputs)}), but got "
                f"{', '.join(unknown) if unknown else len(inputs)} instead."
            )
        arrays = [named.get(name) for name in op.inputs] if named else list(inputs)
        return op, arrays + [None] * (len(op.inputs) - len(arrays)), given

    def parse_attributes(self, given: dict[str, Any]) -> Attrs:
        """All attributes, checked: those given (Python values or strings; _Null is absent) and the defaults.

        Raises: MXNetError for an unknown attribute, a bad value, or a required attribute that is missing.
        """
        attrs = dict(self.defaults)
        for name, value in given.items():
            if value is _Null:
                continue
            attribute = self.attributes.get(name)
            if attribute is None:
                known = ", ".join(self.attributes) or "none"
                raise MXNetError(f"{self.name}: unknown attribute {name!r}; it has: {known}.")
            attrs[name] = attribute.parse(value, self.name)
        for name in self._required:
            if name not in attrs:
                raise MXNetError(
                    f"Required parameter {name} of {self.attributes[name].kind} is not presented, in operator "
                    f"{self.name}. Pass {name}=..."
                )
        return attrs

    def input_names(self, attrs: Attrs, count: int | None = None) -> tuple[str, ...]:
        """The names of the inputs present with these attributes; `count` of them for a variadic operator."""
        if self.variadic:
            if self._list_inputs is not None:
                return tuple(self._list_inputs(count=count or 0, **attrs))
            fixed = self.inputs[:-1]
            return fixed + tuple(f"arg{i}" for i in range((count or 0) - len(fixed)))
        if self._list_inputs is not None:
            return tuple(self._list_inputs(**attrs))
        return self.inputs

    def positions_in_subgraphs(
        self, attrs: Attrs, sizes: Sequence[int], counts: Sequence[int]
    ) -> tuple[tuple[int, ...], ...]:
        """For each subgraph of a node, which of the node's inputs each of its variables stands for.

        Args:
            sizes: the number of variables of each subgraph.
            counts: the number of outputs of each subgraph.
        Raises: MXNetError if the subgraphs and the attributes contradict each other.
        """
        if self._subgraph_inputs is None:
            return tuple(tuple(range(size)) for size in sizes)
        return tuple(tuple(positions) for positions in self._subgraph_inputs(sizes, counts, **attrs))

    def parameter_of(self, position: int) -> str:
        """The parameter of the function that takes the input at a position."""
        return self.inputs[min(position, self.num_fixed_inputs)] if self.variadic else self.inputs[position]

    @property
    def counts_inputs(self) -> bool:
        """Whether a call must say how many inputs it has; front ends fill in what the caller leaves out."""
        return self.variadic and self.num_inputs_attr == "num_args" and "num_args" in self._required

    def changes(self, name: str) -> bool:
        """Whether the function changes in place the input that has this name among `input_names`."""
        return name in self.mutates or (self.variadic and name.rpartition("_")[0] in self.mutates)

    def num_outputs(self, attrs: Attrs) -> int:
        """How many outputs there are, hidden ones included."""
        return int(self._num_outputs(**attrs) if callable(self._num_outputs) else self._num_outputs)

    def num_visible_outputs(self, attrs: Attrs) -> int:
        """How many outputs a caller sees."""
        if self._num_visible is None:
            return self.num_outputs(attrs)
        return int(self._num_visible(**attrs) if callable(self._num_visible) else self._num_visible)

    def output_names(self, attrs: Attrs) -> tuple[str, ...]:
        """The names of all outputs."""
        names = self._output_names(**attrs) if callable(self._output_names) else self._output_names
        if names is not None:
            return tuple(names)
        count = self.num_outputs(attrs)
        return ("output",) if count == 1 else tuple(f"output{i}" for i in range(count))

    def csr_outputs(self, attrs: Attrs) -> frozenset[int]:
        """Which outputs are csr arrays, for an operator that takes some."""
        return frozenset(self._csr_outputs(**attrs)) if self.takes_csr else frozenset()

    @property
    def has_gradient_rule(self) -> bool:
        """Whether the gradient is declared rather than derived by torch."""
        return self._gradient is not None

    def call(self, tensors: Sequence[Tensor | None], attrs: Attrs) -> Any:
        """Run the function, recording it for torch's autograd with the declared gradient.

        attrs holds every attribute and what the function takes of training, generator, device and out.
        """
        if self._gradient is not None and torch.is_grad_enabled():
            for tensor in tensors:
                if tensor is not None and tensor.requires_grad:
                    return self.recorded_function(attrs, *tensors)
        return self.function(*tensors, **attrs)

    @property
    def recorded_function(self) -> Callable[..., Any]:
        """``f(attrs, *tensors)`` that records the call with the declared gradient; attrs as for `call`."""
        if self._recorded is None:
            assert self._gradient is not None
            simple = self._num_outputs == 1 and not self.variadic
            bridge = _bridge_simple(self) if simple else _bridge_general(self)
            # Function.apply itself only looks for transforms of torch.func, which never see operators.
            self._recorded = super(torch.autograd.Function, bridge).apply  # type: ignore[misc]
        return self._recorded

    def arrange(self, tensors: Sequence[Tensor], names: tuple[str, ...]) -> Sequence[Tensor | None]:
        """The positional arguments of the function for inputs that are present under these names."""
        if self.variadic or names == self.inputs[: len(names)]:
            return tensors
        given = dict(zip(names, tensors, strict=True))
        return [given.get(name) for name in self.inputs]

    def __repr__(self) -> str:
        return f"<Operator {self.name}>"


def _own_attributes(op: Operator) -> Callable[[Attrs], Attrs]:
    """What picks, of the keyword arguments of the function, those that the gradient rule takes: the attributes."""
    if op.uses_training or op.random or op.creates or op.writes_out or op.stateful:
        return lambda attrs: {key: value for key, value in attrs.items() if key in op.attributes}
    return lambda attrs: attrs


def _bridge_simple(op: Operator) -> type:
    """The gradient rule in torch's autograd, for an operator with a fixed number of inputs and one output."""
    function, own = op.function, _own_attributes(op)
    rule: Callable[..., Any] = op._gradient  # type: ignore[assignment]
    number = {name: position for position, name in enumerate(op.inputs)}
    keeps = tuple(number.get(name, -1) for name in op._gradient_needs)  # -1 is the output

    class DeclaredGradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, attrs: Attrs, *tensors: Tensor | None) -> Any:
            result = function(*tensors, **attrs)
            ctx.attrs = attrs
            if keeps:
                count = len(tensors)
                ctx.save_for_backward(
                    *[result if k < 0 else tensors[k] if k < count else None for k in keeps]
                )
            if not result.is_floating_point():
                ctx.mark_non_differentiable(result)
            return result

        @staticmethod
        def backward(ctx: Any, *head_grads: Tensor) -> Any:
            grads = rule(head_grads[0], *ctx.saved_tensors, **own(ctx.attrs))
            rest = len(ctx.needs_input_grad) - 1
            if isinstance(grads, tuple | list):
                return (None, *grads, *(None,) * (rest - len(grads)))
            return (None, grads, *(None,) * (rest - 1))

    return DeclaredGradient


def _bridge_general(op: Operator) -> type:
    """The gradient rule in torch's autograd, for any operator."""
    function, own = op.function, _own_attributes(op)
    rule: Callable[..., Any] = op._gradient  # type: ignore[assignment]

    class DeclaredGradient(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, attrs: Attrs, *tensors: Tensor | None) -> Any:
            result = function(*tensors, **attrs)
            outputs = result if isinstance(result, tuple) else (result,)
            ctx.attrs, ctx.count, ctx.single = attrs, len(tensors), not isinstance(result, tuple)
            saved: list[Tensor | None] = []
            for name in op._gradient_needs:
                if name == "out":
                    saved += outputs
                elif op.variadic:
                    saved += tensors
                else:
                    saved.append(tensors[op.inputs.index(name)] if op.inputs.index(name) < len(tensors) else None)
            ctx.save_for_backward(*saved)
            ctx.outputs = len(outputs)
            ctx.mark_non_differentiable(*(t for t in outputs if not (t.is_floating_point() or t.is_complex())))
            return result

        @staticmethod
        def backward(ctx: Any, *head_grads: Tensor) -> Any:
            saved = list(ctx.saved_tensors)
            arguments: list[Any] = [head_grads[0] if ctx.single else head_grads]
            for name in op._gradient_needs:
                size = ctx.outputs if name == "out" else ctx.count if op.variadic else None
                if size is None or (name == "out" and ctx.single):
                    arguments.append(saved.pop(0))
                else:
                    arguments.append(tuple(saved[:size]))
                    del saved[:size]
            grads = rule(*arguments, **own(ctx.attrs))
            if not isinstance(grads, tuple | list):
                grads = (grads,)
            return (None, *grads, *(None,) * (ctx.count - len(grads)))

    return DeclaredGradient


def operator(
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    num_outputs: int | Callable[..., int] = 1,
    num_visible_outputs: int | Callable[..., int] | None = None,
    output_names: tuple[str, ...] | Callable[..., Sequence[str]] | None = None,
    out_dtype: str | Callable[..., str] | None = None,
    mutates: tuple[str, ...] = (),
    view: bool = False,
    reuses_input: dict[int, int] | None = None,
    elementwise: bool = False,
    dynamic: bool = False,
    csr_outputs: Callable[..., Iterable[int]] | None = None,
    method: bool = False,
    loss: bool = False,
    variable_init: dict[str, str] | None = None,
    variable_names: dict[str, str] | None = None,
    num_inputs_attr: str = "num_args",
) -> Callable[[Callable[..., Any]], Operator]:
    """Register a function as an operator.

    Args:
        name: its name in MXNet; a prefix such as ``_contrib_`` decides the namespace of the public function.
        aliases: further names, each public as if it were the first.
        num_outputs: all outputs, hidden ones included; a function of the attributes where it depends on them.
        num_visible_outputs: those the caller sees, the first ones; default all.
        output_names: default ("output",), or ("output0", "output1", ...).
        out_dtype: dtype of the outputs where it isn't that of the inputs: a name ("float32"), or a function of the
            attributes (``lambda dtype, **_: dtype``). Inputs are then independent of it. None: one dtype for all.
        mutates: names of the inputs that the function changes in place (the auxiliary states of a symbol); for a
            variadic operator, "mom" stands for mom_0, mom_1 and so on among the names that `list_inputs` declares.
        view: the result may share memory with an input (an imperative call then copies, as MXNet does).
        reuses_input: {output: input} storage that the planner may share.
        elementwise: all inputs and outputs have one shape; inference then works in every direction.
        dynamic: it looks at values, on which the shape of the result may depend; it can't be planned statically.
        csr_outputs: the function takes csr arrays, as tensors of layout torch.sparse_csr, and returns some: a function
            of the attributes says which of the outputs these are.
        method: arrays and symbols have it as a method, with the first input as self.
        loss: an output operator with a gradient of its own: backward needs no head gradient for it.
        variable_init: {input: initializer} hints for variables in composition, e.g. {"moving_var": "one"}.
        variable_names: {input: name} for variables made by composition that MXNet names otherwise than the input.
        num_inputs_attr: the attribute in which MXNet counts the arrays of a variadic operator.
    """
    options = {
        "aliases": aliases, "num_outputs": num_outputs, "num_visible_outputs": num_visible_outputs,
        "output_names": output_names, "out_dtype": out_dtype, "mutates": mutates, "view": view,
        "reuses_input": reuses_input or {}, "elementwise": elementwise, "dynamic": dynamic, "csr_outputs": csr_outputs,
        "method": method, "loss": loss, "variable_init": variable_init or {},
        "variable_names": variable_names or {}, "num_inputs_attr": num_inputs_attr,
    }  # fmt: skip

    def register(function: Callable[..., Any]) -> Operator:
        op = Operator(function, name, options)
        for known in (name, *aliases):
            if known in _OPERATORS:
                raise ValueError(f"operator {known} is registered twice; give the new one another name")
            _OPERATORS[known] = op
        return op

    return register


@contextmanager
def registering_together() -> Iterator[None]:
    """Operators registered inside stay if nothing is raised; else none of them does."""
    before = dict(_OPERATORS)
    try:
        yield
    except BaseException:
        _OPERATORS.clear()
        _OPERATORS.update(before)
        raise


#: operators of MXNet 1.9.1 that its usual builds lack: what they need, and what to use instead
_ELSEWHERE = {
    "CuDNNBatchNorm": ("cuDNN", "use BatchNorm, which runs on cuDNN on a GPU"),
    "_TensorRT": ("TensorRT", "load the symbol from before it was partitioned, and see Symbol.optimize_for"),
    **dict.fromkeys(
        ("_FusedOp", "_FusedOpHelper", "_FusedOpOutHelper"),
        ("its pointwise fusion for CUDA", "load the symbol from before it was fused"),
    ),
    **dict.fromkeys(
        ("_contrib_tvm_dot", "_contrib_tvm_dot_fallback", "_contrib_tvm_vadd"), ("TVM", "use dot and broadcast_add")
    ),
    **{
        prefix + name: ("intgemm", "use the operators _contrib_quantized_* or FullyConnected")
        for prefix in ("_contrib_intgemm_", "_npx_intgemm_")
        for name in ("fully_connected", "maxabsolute", "prepare_data", "prepare_weight", "take_weight")
    },
    **{
        f"_sg_mkldnn_{name}": ("its back end MKLDNN", "load the symbol from before it was partitioned")
        for name in ("conv", "fully_connected", "selfatt_qk", "selfatt_valatt")
    },
    "_contrib_mrcnn_mask_target": ("CUDA", "compute the targets with contrib.ROIAlign of the masks"),
}


def explain_absence(name: str) -> str | None:
    """Why MXNet knows an operator of this name and mxnext doesn't; None if MXNet doesn't know it either."""
    if name not in _ELSEWHERE:
        return None
    needs, instead = _ELSEWHERE[name]
    return f"Operator {name} exists in MXNet builds with {needs} only, and is not part of mxnext: {instead}."


def get_operator(name: str) -> Operator:
    """The operator with this name or alias.

    Raises: MXNetError if there is none.
    """
    try:
        return _OPERATORS[name]
    except KeyError:
        if explanation := explain_absence(name):
            raise MXNetError(explanation) from None
        import difflib

        close = difflib.get_close_matches(name, _OPERATORS, 3)
        hint = f" Did you mean {', '.join(close)}?" if close else " See docs/status.md for what is still to come."
        raise MXNetError(f"Operator {name} is not registered.{hint}") from None


def has_operator(name: str) -> bool:
    """Whether an operator has this name or alias."""
    return name in _OPERATORS


def operator_names() -> list[str]:
    """All names and aliases, in order of registration."""
    return list(_OPERATORS)


def all_operators() -> list[Operator]:
    """Every operator once, in order of registration."""
    return list(dict.fromkeys(_OPERATORS.values()))


def describe_call(op: Operator, tensors: Sequence[Any], attrs: Attrs) -> str:
    """Shapes and dtypes of the inputs of a call and the attributes that differ from their defaults, for messages."""
    names = op.inputs if not op.variadic else tuple(f"{op.inputs[0]}[{i}]" for i in range(len(tensors)))
    parts = [
        f"{name} {DTYPE_NAMES.get(tensor.dtype, tensor.dtype)}{tuple(tensor.shape)}"
        for name, tensor in zip(names, tensors, strict=False)
        if isinstance(tensor, Tensor)
    ]
    parts += [f"{k}={v!r}" for k, v in attrs.items() if k in op.attributes and v != op.defaults.get(k, REQUIRED)]
    return ", ".join(parts)


def explain_failure(op: Operator, tensors: Sequence[Any], attrs: Attrs, error: Exception) -> MXNetError:
    """The MXNetError for an exception raised inside an operator's function."""
    message = str(error).strip()
    if isinstance(error, MXNetError):
        if op.name in message or op.takes_subgraphs:  # an error inside a subgraph says itself what was given
            return error
        return MXNetError(f"{op.name}: {message} Given: {describe_call(op, tensors, attrs)}.")
    message = message.split("\nException raised from")[0].rstrip(".")
    return MXNetError(f"{op.name}: {message}. Given: {describe_call(op, tensors, attrs)}.")
