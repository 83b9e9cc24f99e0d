"""Operators written in Python, usable in every front end as ``Custom``::

    class Sigmoid(mx.operator.CustomOp):
        def forward(self, is_train, req, in_data, out_data, aux):
            self.assign(out_data[0], req[0], 1 / (1 + mx.nd.exp(-in_data[0])))

        def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
            self.assign(in_grad[0], req[0], out_grad[0] * out_data[0] * (1 - out_data[0]))

    @mx.operator.register("my_sigmoid")
    class SigmoidProp(mx.operator.CustomOpProp):
        def create_operator(self, ctx, in_shapes, in_dtypes):
            return Sigmoid()

    mx.nd.Custom(x, op_type="my_sigmoid")
    mx.sym.Custom(data=symbol, op_type="my_sigmoid", name="s")
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor

from . import autograd
from .base import MXNetError
from .context import Context
from .ndarray import NDArray
from .ndarray.generate import attribute_names
from .ndarray.invoke import wrap
from .ndarray.recording import Untraced
from .ops.attributes import REQUIRED
from .ops.custom import IMPLEMENTATIONS
from .ops.dtypes import DTYPE_CODES, DTYPE_NAMES, dtype_name, numpy_dtype, torch_dtype
from .ops.registry import PartialShape, get_operator, operator_names

__all__ = [
    "CustomOp", "CustomOpProp", "NDArrayOp", "NumpyOp", "OperatorArguments", "PythonOp", "get_all_registered_operators",
    "get_operator_arguments", "register",
]  # fmt: skip

Prop = TypeVar("Prop", bound=type)


class CustomOp:
    """What an operator computes. Subclasses define `forward` and, where there are gradients, `backward`.

    An instance is made by `CustomOpProp.create_operator` for each imperative call, each executor, and each run of a
    hybridized block, so that what it stores in ``self`` by `forward` is there in `backward`.
    """

    def forward(
        self, is_train: bool, req: list[str], in_data: list[NDArray], out_data: list[NDArray], aux: list[NDArray]
    ) -> None:
        """Compute the outputs.

        Args:
            is_train: whether the operator runs in training mode.
            req: "write" for each output; what to do with results, see `assign`.
            in_data: the arguments; they must not be changed.
            out_data: the arrays that take the results; they hold zeros.
            aux: the auxiliary states, which may be changed in place.
        """

    def backward(
        self, req: list[str], out_grad: list[NDArray], in_data: list[NDArray], out_data: list[NDArray],
        in_grad: list[NDArray], aux: list[NDArray],
    ) -> None:  # fmt: skip
        """Compute the gradients of the arguments, that is, fill in_grad.

        Args:
            req: "write" for each argument whose gradient is wanted, "null" for the others; sums for ``grad_req="add"``
                are formed outside.
            out_grad: the gradients of the outputs.
            in_data, out_data: the arguments and outputs of `forward`.
            in_grad: the arrays that take the gradients; they hold zeros.
            aux: the auxiliary states.

        What `CustomOpProp.declare_backward_dependency` does not name is an array of shape () that holds NaN.
        """

    def assign(self, dst: NDArray, req: str, src: Any) -> None:
        """Store src in dst as req asks: "write" and "inplace" assign, "add" adds, "null" does nothing.

        Raises: MXNetError for another req.
        """
        if req in ("write", "inplace"):
            dst[:] = src
        elif req == "add":
            dst[:] += src
        elif req != "null":
            raise MXNetError(f"CustomOp.assign: req is {req!r}; expected 'write', 'inplace', 'add' or 'null'.")


class CustomOpProp:
    """What there is to know of an operator without running it. Subclasses are given names by `register`.

    The constructor takes the attributes of `Custom`, all of them strings.

    Args:
        need_top_grad: whether `CustomOp.backward` needs the gradients of the outputs. Without, the operator is a loss:
            backward needs no head gradient for it.
    """

    def __init__(self, need_top_grad: bool = True):
        self.need_top_grad_ = need_top_grad

    def infer_shape(self, in_shape: list[Any]) -> Any:
        """The shapes of arguments, outputs and auxiliary states (which may be left out) from those of the arguments.

        Args:
            in_shape: a list of sizes for each argument; a 0 stands for an unknown size, [] for an unknown shape.
        Returns: two or three lists of shapes; the default is one output of the shape of the first argument.
        """
        return in_shape, (in_shape[0],) * len(self.list_outputs()), ()

    def infer_type(self, in_type: list[Any]) -> Any:
        """The dtypes of arguments, outputs and auxiliary states (which may be left out).

        Args:
            in_type: a NumPy type for each argument, None where it is unknown.
        Returns: two or three lists of dtypes; the default is that of the first argument for all.
        """
        first = in_type[0]
        return (
            [first] * len(self.list_arguments()), [first] * len(self.list_outputs()),
            [first] * len(self.list_auxiliary_states()),
        )  # fmt: skip

    def infer_storage_type(self, in_stype: list[str]) -> Any:
        """The storage types of arguments, outputs and auxiliary states: arrays are dense, the default is all there is.

        Raises: MXNetError if in_stype holds another than "default".
        """
        if any(stype != "default" for stype in in_stype):
            raise MXNetError(f"CustomOpProp.infer_storage_type: {in_stype}; custom operators take dense arrays.")
        return (
            list(in_stype), ["default"] * len(self.list_outputs()), ["default"] * len(self.list_auxiliary_states())
        )  # fmt: skip

    def infer_storage_type_backward(
        self, ograd_stype: list[str], in_stype: list[str], out_stype: list[str], igrad_stype: list[str],
        aux_stype: list[str],
    ) -> Any:  # fmt: skip
        """The storage types of all that backward uses: "default" for each.

        Raises: MXNetError if one is not "default", or undefined ("undefined").
        """
        groups = (ograd_stype, in_stype, out_stype, igrad_stype, aux_stype)
        if any(stype not in ("default", "undefined") for group in groups for stype in group):
            raise MXNetError(f"CustomOpProp.infer_storage_type_backward: {groups}; custom operators take dense arrays.")
        return tuple(["default"] * len(group) for group in groups)

    def list_outputs(self) -> list[str]:
        """The names of the outputs."""
        return ["output"]

    def list_arguments(self) -> list[str]:
        """The names of the arguments."""
        return ["data"]

    def list_auxiliary_states(self) -> list[str]:
        """The names of the auxiliary states, which follow the arguments."""
        return []

    def declare_backward_dependency(self, out_grad: list[int], in_data: list[int], out_data: list[int]) -> list[int]:
        """Which arrays backward needs; the others are not kept.

        Args: a number for each array that there is.
        Returns: the numbers of those needed; by default all, without out_grad unless need_top_grad.
        """
        needed = [*in_data, *out_data]
        return [*out_grad, *needed] if self.need_top_grad_ else needed

    def create_operator(self, ctx: Context, in_shapes: list[Any], in_dtypes: list[int]) -> CustomOp:
        """The operator for inputs on the device ctx, of these shapes and dtypes (MXNet's numbers of dtypes)."""
        return CustomOp()


def register(reg_name: str) -> Callable[[Prop], Prop]:
    """Decorator that makes a subclass of CustomOpProp the operator ``Custom(..., op_type=reg_name)``.

    Registering a name again replaces the operator for what is made afterwards.
    Raises: MXNetError if the class is not a subclass of CustomOpProp.
    """

    def register_class(prop_cls: Prop) -> Prop:
        if not (isinstance(prop_cls, type) and issubclass(prop_cls, CustomOpProp)):
            raise MXNetError(
                f"register({reg_name!r}): expected a subclass of mx.operator.CustomOpProp, got {prop_cls!r}."
            )
        IMPLEMENTATIONS[reg_name] = partial(_Implementation, reg_name, prop_cls)
        return prop_cls

    return register_class


class _Implementation:
    """Stands between the operator `Custom`, which knows torch's tensors, and a user's CustomOpProp."""

    def __init__(self, op_type: str, prop_cls: Callable[..., CustomOpProp], options: dict[str, str]):
        self.op_type = op_type
        self.prop = self._ask("__init__", lambda: prop_cls(**options))
        self.arguments = tuple(self._ask("list_arguments", self.prop.list_arguments))
        self.auxiliary_states = tuple(self._ask("list_auxiliary_states", self.prop.list_auxiliary_states))
        self.outputs = tuple(self._ask("list_outputs", self.prop.list_outputs))
        self.is_loss = not self.prop.need_top_grad_
        if not self.outputs:
            raise MXNetError(f"Custom {self.op_type}: list_outputs is empty; expected at least one output.")

    def _ask(self, what: str, question: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            with Untraced():
                return question(*args, **kwargs)
        except Exception as error:
            raise MXNetError(f"Error in {self.op_type}.{what}: {type(error).__name__}: {error}") from error

    def _lists(self, what: str, answer: Any, default: Any) -> list[list[Any]]:
        """The three lists that infer_shape or infer_type returned, their lengths checked."""
        if not isinstance(answer, list | tuple) or len(answer) not in (2, 3):
            raise MXNetError(f"Error in {self.op_type}.{what}: {what} must return 2 or 3 lists, got {answer!r}")
        states = answer[2] if len(answer) == 3 else [default] * len(self.auxiliary_states)
        lists = [list(answer[0]), list(answer[1]), list(states)]
        kinds = ("arguments", "outputs", "auxiliary states")
        names = (self.arguments, self.outputs, self.auxiliary_states)
        for kind, expected, found in zip(kinds, names, lists, strict=True):
            if len(found) != len(expected):
                raise MXNetError(
                    f"Error in {self.op_type}.{what}: expecting {len(expected)} entries in returned {kind} "
                    f"({', '.join(expected)}), got {len(found)}: {found}"
                )
        return lists

    def infer_shape(self, inputs: list[PartialShape], outputs: list[PartialShape]) -> Any:
        """The rule of the operator for shapes; nothing follows while nothing is known of the arguments."""
        arguments = inputs[: len(self.arguments)]
        if arguments and all(shape is None for shape in arguments):
            return inputs, outputs
        given = [[] if shape is None else [max(size, 0) for size in shape] for shape in arguments]
        answer = self._ask("infer_shape", self.prop.infer_shape, given)
        found_inputs, found_outputs, states = self._lists("infer_shape", answer, ())
        return [*map(_partial, found_inputs), *map(_partial, states)], [*map(_partial, found_outputs)]

    def infer_dtype(self, inputs: list[str | None], outputs: list[str | None]) -> Any:
        """The rule of the operator for dtypes; nothing follows while nothing is known of the arguments."""
        if self.arguments and all(name is None for name in inputs[: len(self.arguments)]):
            return inputs, outputs
        given = [None if name is None else numpy_dtype(name) for name in inputs[: len(self.arguments)]]
        answer = self._ask("infer_type", self.prop.infer_type, given)
        found_inputs, found_outputs, states = self._lists("infer_type", answer, None)

        def names(found: list[Any], known: Sequence[str | None]) -> list[str | None]:
            return [k if dtype is None else dtype_name(dtype) for dtype, k in zip(found, known, strict=True)]

        return names([*found_inputs, *states], inputs), names(found_outputs, outputs)

    def run(self, tensors: Sequence[Tensor], training: bool, state: dict[str, Any]) -> tuple[Tensor, ...]:
        """Run forward; where a tensor requires gradients, the result is recorded with the user's backward."""
        op, outputs = self._prepare(tensors, state)
        result: tuple[Tensor, ...] = _Recorded.apply(self, op, training, outputs, *tensors)  # type: ignore[no-untyped-call]
        return result

    def _prepare(self, tensors: Sequence[Tensor], state: dict[str, Any]) -> tuple[CustomOp, list[tuple[Any, Any]]]:
        """The user's operator for these inputs, kept in state, and shapes and dtypes of the outputs."""
        key = tuple((tuple(tensor.shape), tensor.dtype) for tensor in tensors)
        if state.get("key") != key:
            given = [shape for shape, _ in key]
            names = [DTYPE_NAMES[dtype] for _, dtype in key]
            shapes, output_shapes = self.infer_shape(list(given), [None] * len(self.outputs))
            dtypes, output_dtypes = self.infer_dtype(list(names), [None] * len(self.outputs))
            inputs = (*self.arguments, *self.auxiliary_states)
            for name, shape, found, dtype, wanted in zip(inputs, given, shapes, names, dtypes, strict=True):
                if (found is not None and (len(found) != len(shape) or any(
                    size not in (-1, actual) for size, actual in zip(found, shape, strict=True)
                ))) or wanted not in (None, dtype):  # fmt: skip
                    raise MXNetError(
                        f"Custom {self.op_type}: {name} is {dtype}{shape}; inferred from the other inputs: "
                        f"{wanted}{found}."
                    )
            for name, shape, wanted in zip(self.outputs, output_shapes, output_dtypes, strict=True):
                if shape is None or -1 in shape or wanted is None:
                    raise MXNetError(
                        f"Custom {self.op_type}: infer_shape and infer_type don't say what the output {name} is: "
                        f"{wanted}{shape} for inputs {given}."
                    )
            ctx = _context(tensors[0].device if tensors else torch.device("cpu"))
            op = self._ask(
                "create_operator", self.prop.create_operator, ctx, [list(shape) for shape in given],
                [DTYPE_CODES[name] for name in names],
            )  # fmt: skip
            if not isinstance(op, CustomOp):
                raise MXNetError(f"Error in {self.op_type}.create_operator: expected a CustomOp, got {op!r}")
            outputs = [(shape, torch_dtype(dtype)) for shape, dtype in zip(output_shapes, output_dtypes, strict=True)]
            state.update(key=key, op=op, outputs=outputs)
        return state["op"], state["outputs"]

    def needed(self) -> tuple[list[bool], list[bool], list[bool]]:
        """Which of the head gradients, arguments and outputs backward needs."""
        numbers = iter(range(2 * len(self.outputs) + len(self.arguments)))
        groups = [[next(numbers) for _ in names] for names in (self.outputs, self.arguments, self.outputs)]
        answer = self._ask("declare_backward_dependency", self.prop.declare_backward_dependency, *map(list, groups))
        chosen = set(answer)
        head_grads, arguments, outputs = ([number in chosen for number in group] for group in groups)
        return head_grads, arguments, outputs


class _Recorded(torch.autograd.Function):
    """A call of a user's operator, with the user's gradient."""

    keeps_arrays = True  # see find_complete

    @staticmethod
    def forward(
        ctx: Any, implementation: _Implementation, op: CustomOp, training: bool, outputs: list[tuple[Any, Any]],
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        device = tensors[0].device if tensors else torch.device("cpu")
        results = tuple(torch.zeros(shape, dtype=dtype, device=device) for shape, dtype in outputs)
        count = len(implementation.arguments)
        mx_ctx = _context(device)
        out_data = [wrap(NDArray, tensor, mx_ctx) for tensor in results]
        aux = [wrap(NDArray, tensor, mx_ctx) for tensor in tensors[count:]]
        with autograd.pause(train_mode=training):
            implementation._ask(
                "forward", op.forward, is_train=training, req=["write"] * len(results),
                in_data=[wrap(NDArray, tensor.detach(), mx_ctx) for tensor in tensors[:count]], out_data=out_data,
                aux=aux,
            )  # fmt: skip
        for array, tensor in zip([*out_data, *aux], [*results, *tensors[count:]], strict=True):
            if array._data is not tensor:  # an assignment that replaced the storage
                tensor.copy_(array._data)
        ctx.mark_non_differentiable(*(t for t in results if not t.is_floating_point()))
        if any(ctx.needs_input_grad):
            ctx.needs, arguments, kept = implementation.needed()
            ctx.save_for_backward(
                *(tensor if used else None for tensor, used in zip(tensors, arguments, strict=False)),
                *(tensor if used else None for tensor, used in zip(results, kept, strict=True)),
            )
            ctx.implementation, ctx.op, ctx.training, ctx.aux = implementation, op, training, aux
            ctx.likes = [(tensor.shape, tensor.dtype) for tensor in tensors[:count]]
            ctx.place = device, mx_ctx
        return results

    @staticmethod
    def backward(ctx: Any, *head_grads: Tensor) -> Any:
        device, mx_ctx = ctx.place
        count = len(ctx.likes)

        def arrays(tensors: Sequence[Tensor | None]) -> list[NDArray]:
            return [
                wrap(NDArray, torch.full((), torch.nan, device=device) if tensor is None else tensor.detach(), mx_ctx)
                for tensor in tensors
            ]

        wanted = ctx.needs_input_grad[4 : 4 + count]
        in_grad = [wrap(NDArray, torch.zeros(shape, dtype=dtype, device=device), mx_ctx) for shape, dtype in ctx.likes]
        with autograd.pause(train_mode=ctx.training):
            ctx.implementation._ask(
                "backward", ctx.op.backward, req=["write" if want else "null" for want in wanted],
                out_grad=arrays([g if used else None for g, used in zip(head_grads, ctx.needs, strict=True)]),
                in_data=arrays(ctx.saved_tensors[:count]), out_data=arrays(ctx.saved_tensors[count:]), in_grad=in_grad,
                aux=ctx.aux,
            )  # fmt: skip
        grads = [array._data if want else None for array, want in zip(in_grad, wanted, strict=True)]
        if torch.is_grad_enabled():
            once = partial(_OnceDifferentiable.apply, ctx.implementation.op_type)
            grads = [None if grad is None else once(grad, *head_grads, *ctx.saved_tensors) for grad in grads]
        return None, None, None, None, *grads, *(None,) * len(ctx.aux)


class _OnceDifferentiable(torch.autograd.Function):
    """The gradient of a user's operator, which can't be differentiated again."""

    @staticmethod
    def forward(ctx: Any, op_type: str, gradient: Tensor, *sources: Tensor) -> Tensor:
        ctx.op_type = op_type
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *head_grads: Tensor) -> Any:
        raise MXNetError(
            f"Custom {ctx.op_type}: the gradient of a custom operator can't be differentiated again; write the "
            "operator with mx.nd operators, or its gradient as an operator of its own."
        )


def _partial(shape: Any) -> PartialShape:
    """A shape as users write it, where 0 is an unknown size and () an unknown shape."""
    return tuple(int(size) if size > 0 else -1 for size in shape) or None


def _context(device: torch.device) -> Context:
    return Context("gpu", device.index or 0) if device.type == "cuda" else Context("cpu")


OperatorArguments = namedtuple("OperatorArguments", ["narg", "names", "types"])


def get_all_registered_operators() -> list[str]:
    """The names of all operators, aliases included."""
    return operator_names()


def get_operator_arguments(op_name: str) -> Any:
    """Number, names and types of the arguments of an operator: arrays first, then attributes.

    Returns: OperatorArguments(narg, names, types); the types are described in words.
    Raises: MXNetError if there is no such operator.
    """
    op = get_operator(op_name)
    types = dict.fromkeys(op.inputs, "NDArray-or-Symbol")
    if op.variadic:
        types[op.inputs[-1]] = "NDArray-or-Symbol[]"
    for name in attribute_names(op):
        attribute = op.attributes.get(name)
        types[name] = "int, required" if attribute is None else _describe(attribute)
    return OperatorArguments(len(types), list(types), list(types.values()))


def _describe(attribute: Any) -> str:
    """The type of an attribute as MXNet writes it."""
    words = {
        "a boolean": "boolean", "an integer": "int", "a number": "float", "a string": "string", "a dtype": "dtype",
        "a literal": "any",
    }  # fmt: skip
    if attribute.choices is not None:
        kind = f"{{{', '.join(['None'] * attribute.optional + sorted(map(repr, attribute.choices)))}}}"
    else:
        kind = words.get(attribute.kind, "Shape(tuple)" if "integers" in attribute.kind else "tuple of <float>")
        kind += " or None" if attribute.optional else ""
    default = attribute.default
    if default is REQUIRED:
        return f"{kind}, required"
    if isinstance(default, bool):
        shown = str(int(default))
    elif isinstance(default, tuple):
        shown = str(list(default)).replace(" ", "")
    else:
        shown = repr(str(default))
    return f"{kind}{'' if attribute.choices else ', '}{',' * bool(attribute.choices)}optional, default={shown}"


class PythonOp:
    """Base of the operators of MXNet 0.x, which 1.9.1 deprecates in favour of `CustomOp`; they can't be used.

    Args:
        need_top_grad: as for `CustomOpProp`.
    Raises: MXNetError, always: write a CustomOp and a CustomOpProp, and call ``mx.sym.Custom``.
    """

    def __init__(self, need_top_grad: bool = True):
        self._refuse()

    @classmethod
    def _refuse(cls) -> NoReturn:
        raise MXNetError(
            f"{cls.__name__}: the operators of MXNet 0.x (NumpyOp, NDArrayOp) are not supported. Write a subclass of "
            "mx.operator.CustomOp and one of mx.operator.CustomOpProp instead, register it with mx.operator.register, "
            "and call mx.sym.Custom(..., op_type=...)."
        )

    def forward(self, in_data: Any, out_data: Any) -> None:
        """Compute the outputs; see `CustomOp.forward`."""
        self._refuse()

    def backward(self, out_grad: Any, in_data: Any, out_data: Any, in_grad: Any) -> None:
        """Compute the gradients; see `CustomOp.backward`."""
        self._refuse()

    def infer_shape(self, in_shape: Any) -> Any:
        """Shapes of arguments and outputs; see `CustomOpProp.infer_shape`."""
        self._refuse()

    def list_arguments(self) -> list[str]:
        """The names of the arguments; see `CustomOpProp.list_arguments`."""
        self._refuse()

    def list_outputs(self) -> list[str]:
        """The names of the outputs; see `CustomOpProp.list_outputs`."""
        self._refuse()

    def need_top_grad(self) -> bool:
        """Whether backward needs the gradients of the outputs; see `CustomOpProp`."""
        self._refuse()

    def get_symbol(self, *args: Any, **kwargs: Any) -> Any:
        """The operator as a symbol; see ``mx.sym.Custom``."""
        self._refuse()


class NumpyOp(PythonOp):
    """An operator of MXNet 0.x on NumPy arrays; see `PythonOp`."""


class NDArrayOp(PythonOp):
    """An operator of MXNet 0.x on NDArrays; see `PythonOp`."""

    def declare_backward_dependency(self, out_grad: Any, in_data: Any, out_data: Any) -> list[int]:
        """Which arrays backward needs; see `CustomOpProp.declare_backward_dependency`."""
        self._refuse()
