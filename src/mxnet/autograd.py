"""Recording operators and computing gradients: MXNet's rules on top of torch's autograd."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .base import MXNetError
from .ndarray.indexing import has_advanced
from .ndarray.invoke import Leaf, origin_of, tracked, wrap, wrap_result
from .ndarray.ndarray import STATE_ASSIGNED, Mark, NDArray, select_by_operators
from .ndarray.recording import STATE
from .ndarray.sparse_gradients import dense_head, head_of, stand_in, store
from .ops.registry import Operator, get_operator
from .taken_gradients import WAITING, Taker, find_complete

__all__ = [
    "Function", "backward", "get_symbol", "grad", "is_recording", "is_training", "mark_variables", "pause",
    "predict_mode", "record", "set_recording", "set_training", "train_mode",
]  # fmt: skip

# What torch.autograd.backward calls; the head gradients are checked here already.
_run_backward = torch.autograd.Variable._execution_engine.run_backward  # type: ignore[attr-defined]
_NOT_IN_GRAPH = (
    "Cannot differentiate node because it is not in a computational graph. You need to set is_recording to true or use "
    "autograd.record() to save computational graphs for backward. If you want to differentiate the same graph twice, "
    "you need to pass retain_graph=True to backward."
)


def is_recording() -> bool:
    """Whether this thread records operators; while a hybridized block is traced, whether the call it is for did."""
    return STATE.recording if STATE.tracer is None else STATE.tracer.recording


def is_training() -> bool:
    """Whether operators of this thread run in training mode; while a block is traced, whether those of the call did."""
    return STATE.training if STATE.tracer is None else STATE.tracer.training


def set_recording(is_recording: bool) -> bool:
    """Switch recording for this thread; returns the previous state."""
    previous = STATE.recording
    STATE.set_recording(bool(is_recording))
    return previous


def set_training(train_mode: bool) -> bool:
    """Switch training mode for this thread; returns the previous state."""
    previous, STATE.training = STATE.training, bool(train_mode)
    return previous


class _Scope:
    """Sets recording and training mode (None: unchanged) inside a ``with`` block; may be entered again."""

    __slots__ = ("_previous", "_recording", "_training")

    def __init__(self, recording: bool | None, training: bool | None):
        self._recording = recording
        self._training = training
        self._previous: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        state = STATE
        recording = self._recording
        self._previous.append((state.recording, state.training))
        if recording is not None:
            state.recording = recording
            state.watched = recording or state.tracer is not None
        if self._training is not None:
            state.training = self._training

    def __exit__(self, *exception: object) -> None:
        recording, STATE.training = self._previous.pop()
        STATE.set_recording(recording)


def record(train_mode: bool = True) -> _Scope:
    """``with record():`` records operators for backward, by default in training mode."""
    return _Scope(True, train_mode)


def pause(train_mode: bool = False) -> _Scope:
    """``with pause():`` inside a recorded block does not record, by default in prediction mode."""
    return _Scope(False, train_mode)


def train_mode() -> _Scope:
    """``with train_mode():`` runs operators in training mode without changing whether they are recorded."""
    return _Scope(None, True)


def predict_mode() -> _Scope:
    """``with predict_mode():`` runs operators in prediction mode without changing whether they are recorded."""
    return _Scope(None, False)


def mark_variables(
    variables: NDArray | Sequence[NDArray],
    gradients: NDArray | Sequence[NDArray],
    grad_reqs: str | Sequence[str] = "write",
) -> None:
    """Make arrays variables whose gradients `backward` stores in the given arrays.

    Args:
        variables: arrays of floating dtype; each leaves the graph that it was computed in.
        gradients: an array of equal shape for each variable.
        grad_reqs: "write", "add" or "null", for all or for each.
    Raises: MXNetError if shapes differ, a variable isn't floating or a grad_req is unknown.
    """
    if isinstance(variables, NDArray):
        variables = [variables]
        gradients = [gradients]  # type: ignore[list-item]
    if isinstance(grad_reqs, str):
        grad_reqs = [grad_reqs] * len(variables)
    if not len(variables) == len(gradients) == len(grad_reqs):  # type: ignore[arg-type]
        raise MXNetError(
            f"mark_variables: got {len(variables)} variables, {len(gradients)} gradients and "
            f"{len(grad_reqs)} grad_reqs; expected equally many."  # type: ignore[arg-type]
        )
    for variable, gradient, req in zip(variables, gradients, grad_reqs, strict=True):  # type: ignore[arg-type]
        _mark(variable, gradient, req)


def _mark(variable: NDArray, gradient: NDArray | None, req: str, taker: Taker | None = None) -> None:
    if req not in ("write", "add", "null"):
        raise MXNetError(f"grad_req is {req!r}; expected 'write', 'add' or 'null'.")
    if gradient is not None and gradient.shape != variable.shape:
        raise MXNetError(
            f"mark_variables: variable of shape {variable.shape} has a gradient of shape {gradient.shape}."
        )
    variable._mark = mark = Mark(gradient, req, taker)
    variable._node = None
    if req == "null":
        return
    if variable._sparse:
        data = stand_in(variable.shape, variable._values.dtype, variable._values.device)  # type: ignore[attr-defined]
    else:
        data = variable._data
    if not data.is_floating_point():
        raise MXNetError(
            f"a variable of dtype {variable.dtype} can't have a gradient; use a floating dtype, or grad_req='null'."
        )
    leaf = data.detach().requires_grad_()
    if gradient is not None and gradient._sparse:
        leaf._mx_sparse_grad = True  # type: ignore[attr-defined]
    leaf.register_post_accumulate_grad_hook(partial(_store_gradient, mark))
    leaf._mx_origin = Leaf("variable")  # type: ignore[attr-defined]
    if taker is not None:
        leaf._mx_taker = taker  # type: ignore[attr-defined]
    variable._node = leaf


def hand_over(variable: NDArray, taker: Taker) -> None:
    """Make an array a variable without a gradient array: `taker` gets its gradients."""
    _mark(variable, None, "write", taker)


_LARGE = 1 << 14  # elements from which on it pays to find out whether a gradient can be taken over


def _store_gradient(mark: Mark, leaf: Tensor) -> None:
    """Move the gradient that torch computed for a variable into the variable's gradient array."""
    gradient = leaf.grad
    leaf.grad = None
    if mark.taker is not None and gradient is not None:
        mark.taker.take_at_end(gradient.detach())
        return
    if mark.grad is None or gradient is None:
        return
    if gradient.requires_grad:
        gradient = gradient.detach()
    if gradient.is_sparse or mark.grad._sparse:
        store(mark.grad, gradient, mark.req == "add")
        mark.fresh = True
        return
    target = mark.grad._data
    if mark.req == "add":
        target.add_(gradient)
    elif gradient.numel() >= _LARGE and _can_take_over(target, gradient):
        target.set_(gradient)  # type: ignore[call-overload]
    else:
        target.copy_(gradient)
    mark.fresh = True


def _can_take_over(target: Tensor, gradient: Tensor) -> bool:
    """Whether target may get the memory of gradient: nothing else shares the memory of either, and they are alike."""
    return (
        gradient.dtype is target.dtype and gradient.device == target.device and gradient.shape == target.shape
        and gradient.is_contiguous() and gradient.layout is torch.strided
        and gradient.untyped_storage().nbytes() == target.untyped_storage().nbytes()
        and _users(gradient) == _users(target) == 1
    )  # fmt: skip


def _users(tensor: Tensor) -> int:
    """How many tensors share the memory of a tensor."""
    storage = tensor.untyped_storage()
    return torch._C._storage_Use_Count(storage._cdata) - 1  # type: ignore[attr-defined]


def _as_list(arrays: Any) -> list[Any]:
    return list(arrays) if isinstance(arrays, list | tuple) else [arrays]


def _head_gradient(head: NDArray, given: NDArray | None) -> Tensor:
    """The gradient to start from at a head: the one given, or ones.

    Raises: MXNetError if the head isn't recorded, or the gradient has another shape.
    """
    node = head._node
    if node is None:
        raise MXNetError(_NOT_IN_GRAPH)
    if given is None:
        return torch.ones(node.shape, dtype=node.dtype, device=node.device) if head._sparse else torch.ones_like(node)
    tensor = head_of(given) if given._sparse else tracked(given)
    if tensor.shape != node.shape:
        raise MXNetError(
            f"backward: the head has shape {head.shape}, its head gradient {given.shape}; expected equal."
        )
    if tensor.dtype is not node.dtype or tensor.device != node.device:
        tensor = tensor.to(node.device, node.dtype)
    return tensor


def _heads_and_grads(heads: Any, head_grads: Any) -> tuple[Sequence[NDArray], tuple[Tensor, ...]]:
    """The heads, and the gradient to start from at each."""
    if type(heads) is not tuple:
        heads = _as_list(heads)
    if head_grads is None:
        return heads, tuple([_head_gradient(head, None) for head in heads])
    grads = head_grads if type(head_grads) is tuple else _as_list(head_grads)
    if len(grads) != len(heads):
        raise MXNetError(f"backward: got {len(heads)} heads and {len(grads)} head gradients; expected equally many.")
    return heads, tuple([_head_gradient(head, given) for head, given in zip(heads, grads)])


def _translate(error: RuntimeError) -> MXNetError:
    message = str(error)
    if "second time" in message or "already been freed" in message or "does not require grad" in message:
        return MXNetError(_NOT_IN_GRAPH)
    if "modified by an inplace operation" in message:
        return MXNetError(
            "backward: an array that the gradient needs was changed in place after it was used in the recorded "
            "computation (for example by x[:] = ... or x += ...). Change it after backward, or work on a copy. "
            f"({message.split(';')[0]})"
        )
    return MXNetError(f"backward: {message}")


def backward(heads: Any, head_grads: Any = None, retain_graph: bool = False, train_mode: bool = True) -> None:
    """Compute gradients of heads with respect to all variables they depend on, and store them by their grad_req.

    Args:
        heads: NDArray or list of NDArray.
        head_grads: gradient of the final result with respect to each head, of its shape; None: ones.
        retain_graph: keep the graph, so that it can be differentiated again.
        train_mode: mode in which operators differentiate; what was recorded keeps the mode of its forward pass.
    Raises: MXNetError if a head was not recorded, or its graph is gone.
    """
    arrays, tensors = _heads_and_grads(heads, head_grads)
    nodes = tuple([head._node for head in arrays])
    state = STATE
    recording, training = state.recording, state.training
    if recording:
        state.set_recording(False)
    state.training = train_mode
    if WAITING:
        find_complete(nodes)
    try:
        _run_backward(
            nodes, tensors, bool(retain_graph), False, (), allow_unreachable=True, accumulate_grad=True
        )  # fmt: skip
    except MXNetError:
        raise
    except RuntimeError as error:
        raise _translate(error) from error
    finally:
        if recording:
            state.set_recording(True)
        state.training = training
    if not retain_graph:
        for head in arrays:
            if head._mark is None:
                head._node = None
        if STATE_ASSIGNED:
            STATE_ASSIGNED.clear()


def grad(
    heads: Any, variables: Any, head_grads: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    train_mode: bool = True,
) -> Any:  # fmt: skip
    """The gradients of heads with respect to variables, as new arrays.

    Args:
        heads, head_grads: as for `backward`.
        variables: NDArray or list of NDArray that are variables (`attach_grad`).
        retain_graph: keep the graph; default: create_graph.
        create_graph: record the computation of the gradients, so that they can be differentiated again.
        train_mode: as for `backward`.
    Returns: list of NDArray, one for each variable.
    Raises: MXNetError if a variable isn't one, or the heads don't depend on it.
    """
    arrays, tensors = _heads_and_grads(heads, head_grads)
    nodes = [head._node for head in arrays]
    wanted = _as_list(variables)
    if not wanted:
        raise MXNetError("grad: variables is empty; pass the arrays to differentiate with respect to.")
    for position, variable in enumerate(wanted):
        if variable._node is None:
            raise MXNetError(
                f"Cannot differentiate with respect to the {position + 1}-th variable because it does not require "
                "gradient; call attach_grad() on it before recording."
            )
    retain = create_graph if retain_graph is None else retain_graph
    try:
        with _Scope(create_graph, train_mode):
            results = torch.autograd.grad(
                nodes, [v._node for v in wanted], tensors, retain_graph=retain or create_graph,
                create_graph=create_graph, allow_unused=True,
            )  # fmt: skip
    except MXNetError:
        raise
    except RuntimeError as error:
        raise _translate(error) from error
    gradients = []
    for position, (variable, result) in enumerate(zip(wanted, results, strict=True)):
        if result is None:
            raise MXNetError(
                f"Cannot differentiate with respect to the {position + 1}-th variable because it is unreachable from "
                "the outputs."
            )
        gradients.append(_as_gradient(variable, result))
    if not (retain or create_graph):
        for head in arrays:
            if head._mark is None:
                head._node = None
    return gradients


def _as_gradient(variable: NDArray, result: Tensor) -> Any:
    """A new gradient array, of the storage type of the one attached to the variable."""
    attached = variable._mark.grad if variable._mark is not None else None
    if attached is None or not attached._sparse:
        return wrap_result(NDArray if variable._sparse else type(variable), dense_head(result), variable._ctx)
    gradient = attached.detach()
    store(gradient, result, False)
    return gradient


class Function:
    """A function with a gradient of one's own, imperative only: hybridized blocks take `mx.operator.CustomOp`.

    Subclasses define ``forward(self, *inputs)`` and ``backward(self, *head_grads)`` on NDArrays; an instance serves
    for one call. ``self.save_for_backward(*arrays)`` keeps arrays that ``self.saved_tensors`` gives back.
    """

    def __init__(self) -> None:
        self._used = False
        self.saved_tensors: tuple[NDArray, ...] = ()

    def save_for_backward(self, *args: NDArray) -> None:
        """Keep arrays for `backward`."""
        self.saved_tensors = args

    def __call__(self, *inputs: NDArray) -> Any:
        if self._used:
            raise MXNetError("Each Function instance can only be called once. Create another instance.")
        self._used = True
        if STATE.tracer is not None:
            STATE.tracer.refuse(
                f"the gradient of {type(self).__name__}, an autograd.Function", "write it as a mx.operator.CustomOp"
            )
        recording = STATE.recording
        with pause(train_mode=is_training()):
            outputs = self.forward(*inputs)
        if not recording:
            return outputs
        results = outputs if isinstance(outputs, list | tuple) else (outputs,)
        cls = type(results[0])
        with torch.enable_grad():
            tensors = _CustomFunction.apply(self, cls, results, *(tracked(array) for array in inputs))
        arrays = [wrap_result(cls, tensor, array._ctx) for tensor, array in zip(tensors, results, strict=True)]
        return type(outputs)(arrays) if isinstance(outputs, list | tuple) else arrays[0]

    def forward(self, *inputs: NDArray) -> Any:
        """The values; must be overridden."""
        raise NotImplementedError

    def backward(self, *output_grads: NDArray) -> Any:
        """The gradient for each input, given that for each output; must be overridden."""
        raise NotImplementedError


class _CustomFunction(torch.autograd.Function):
    """Bridges a user's Function into torch's autograd."""

    keeps_arrays = True  # see find_complete

    @staticmethod
    def forward(ctx: Any, function: Function, cls: type, results: Sequence[NDArray], *inputs: Tensor) -> Any:
        ctx.function, ctx.cls, ctx.inputs = function, cls, [tensor.shape for tensor in inputs]
        ctx.contexts = [array._ctx for array in results]
        outputs = tuple(array._data.view_as(array._data) for array in results)
        ctx.mark_non_differentiable(*(t for t in outputs if not t.is_floating_point()))
        return outputs

    @staticmethod
    def backward(ctx: Any, *head_grads: Tensor) -> Any:
        create_graph = torch.is_grad_enabled()
        wrapped = [wrap_result(ctx.cls, t, c) if create_graph else wrap(ctx.cls, t.detach(), c)
                   for t, c in zip(head_grads, ctx.contexts, strict=True)]  # fmt: skip
        with _Scope(create_graph, None):
            grads = ctx.function.backward(*wrapped)
        grads = _as_list(grads)
        if len(grads) != len(ctx.inputs):
            raise MXNetError(
                f"{type(ctx.function).__name__}.backward must return exactly the same number of NDArrays as the number "
                f"of NDArrays arguments to forward. Expecting {len(ctx.inputs)} got {len(grads)}"
            )
        for grad_, shape in zip(grads, ctx.inputs, strict=True):
            if grad_ is not None and tuple(grad_.shape) != tuple(shape):
                raise MXNetError(
                    f"{type(ctx.function).__name__}.backward returned a gradient of shape {grad_.shape} for an input "
                    f"of shape {tuple(shape)}; expected equal shapes."
                )
        return (None, None, None, *(None if g is None else tracked(g) for g in grads))


def get_symbol(x: NDArray) -> Any:
    """The recorded computation of an array as a Symbol.

    Variables are named var0, var1, ..., arrays that were not recorded (constants) null0, null1, ..., operators node_0,
    node_1, ...; what depends on no variable is a constant.

    Raises: MXNetError if a part of it can't be a symbol: a `Function`, a hybridized block, an assignment, indexing by
        arrays.
    """
    from .symbol.symbol import Symbol, Variable, compose

    made: dict[int, Any] = {}  # by identity of the origin, or of the list of inputs that all outputs share
    counts = {"var": 0, "null": 0, "node_": 0}

    def name(kind: str) -> str:
        counts[kind] += 1
        return f"{kind}{counts[kind] - 1}"

    def apply(op: Operator, inputs: list[Any], attrs: dict[str, Any]) -> Any:
        given = {key: attrs[key] for key in op.attributes if key in attrs and attrs[key] != op.defaults.get(key)}
        return compose(op, inputs, given, hint="node_", name=name("node_"))

    def build(origin: Any) -> Any:
        if isinstance(origin, Leaf):
            if origin.kind == "unknown":
                raise MXNetError(
                    "get_symbol: a part of the computation was made by an autograd.Function, a hybridized block, an "
                    "assignment or a copy between devices, which can't be shown as a symbol."
                )
            return Variable(name("var" if origin.kind == "variable" else "null"))
        what, attrs, inputs, number = origin
        inputs = [None if item is None else made[_identity(item)][_number(item)] for item in inputs]
        if isinstance(what, Operator):
            return apply(what, inputs, attrs)
        if what:  # a view, made by this operator
            return apply(get_operator(what), inputs, attrs)
        if has_advanced(attrs):
            raise MXNetError(f"get_symbol: indexing by {attrs!r} can't be shown as a symbol; use take or gather_nd.")
        return select_by_operators(
            inputs[0], attrs, number, lambda op, data, **given: apply(get_operator(op), [data], given)
        )

    root = origin_of(x)
    stack = [root]
    while stack:  # inputs first; graphs may be deeper than Python's stack
        origin = stack[-1]
        if _identity(origin) in made:
            stack.pop()
            continue
        missing = [] if isinstance(origin, Leaf) else [
            item for item in origin[2] if item is not None and _identity(item) not in made
        ]  # fmt: skip
        if missing:
            stack += reversed(missing)
        else:
            made[_identity(stack.pop())] = build(origin)
    found: Symbol = made[_identity(root)]
    return found if len(found) == 1 else found[_number(root)]


def _identity(origin: Any) -> int:
    """What equals for all outputs of one call: the identity of its list of inputs."""
    return id(origin) if isinstance(origin, Leaf) else id(origin[2])


def _number(origin: Any) -> int:
    """Which output of its call an array is; views and leaves are the only one."""
    return origin[3] if isinstance(origin, tuple) and isinstance(origin[0], Operator) else 0
