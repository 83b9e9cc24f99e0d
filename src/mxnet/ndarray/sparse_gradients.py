"""Gradients of and through sparse arrays, recorded by torch's autograd.

In a recorded graph a tensor of its shape that has no elements of its own stands for a sparse array: its *node*. What
flows back to a node is a *head*: a dense tensor, or a COO tensor whose one sparse axis counts rows, so that memory
follows the rows that a gradient touches. A rule takes a head of the result and gives the gradients of the inputs; what
has no rule is differentiated on dense copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..context import Context
from ..ops.registry import Operator, get_operator
from .invoke import invoke, origin_of, wrap
from .ndarray import NDArray
from .recording import STATE
from .sparse_storage import BaseSparseNDArray, RowSparseNDArray, from_dense, make, zeros_of

#: (operator, inputs, attributes, head, wanted) -> the gradient of each input: a tensor as a head is, or None;
#: wanted says which inputs need one
Rule = Callable[[Operator, Sequence[Any], dict[str, Any], Tensor, Sequence[bool]], Sequence[Tensor | None]]
RULES: dict[str, Rule] = {}


def stand_in(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor that stands for an array in a graph; it needs no memory."""
    return torch.zeros((), dtype=dtype, device=device).expand(tuple(shape))


def rows_tensor(rows: Tensor, values: Tensor, shape: Sequence[int], unique: bool = False) -> Tensor:
    """A COO tensor of rows; `unique` says that their numbers rise."""
    return torch.sparse_coo_tensor(
        rows[None], values, tuple(shape), is_coalesced=unique or None, check_invariants=False
    )


def dense_head(head: Tensor) -> Tensor:
    """A head as a dense tensor."""
    return head.to_dense() if head.is_sparse else head


def head_of(array: Any) -> Tensor:
    """The values of an array as a head."""
    if isinstance(array, RowSparseNDArray):
        return rows_tensor(array._trusted()._aux[0], array._values, array.shape)
    return array._dense() if isinstance(array, BaseSparseNDArray) else array._data


def array_of(head: Tensor, ctx: Context) -> Any:
    """A head as an array: row_sparse, or dense."""
    if not head.is_sparse:
        return wrap(NDArray, head.contiguous(), ctx)
    head = head.coalesce()
    return make(RowSparseNDArray, head.values(), (head.indices()[0],), tuple(head.shape), ctx, checked=True)


def rows_at(head: Tensor, rows: Tensor) -> Tensor:
    """The rows of a head that have these numbers."""
    if not head.is_sparse:
        return head[rows]
    head = head.coalesce()
    stored, values = head.indices()[0], head.values()
    result = torch.zeros((rows.numel(), *values.shape[1:]), dtype=values.dtype, device=values.device)
    if stored.numel():
        places = torch.searchsorted(stored, rows).clamp_(max=stored.numel() - 1)
        hit = stored[places] == rows
        result[hit] = values[places[hit]]
    return result


def store(target: Any, gradient: Tensor, add: bool) -> None:
    """Write a gradient into an array of any storage type, or add it."""
    gradient = gradient.detach()
    if not target._sparse:
        data = target._data
        if gradient.is_sparse:
            if not add:
                data.zero_()
            data.index_add_(0, gradient._indices()[0], gradient._values().to(data.dtype))
        elif add:
            data.add_(gradient)
        else:
            data.copy_(gradient)
        return
    if add:
        gradient = head_of(target) + gradient if gradient.is_sparse else target._dense() + gradient
    if target.stype == "row_sparse" and gradient.is_sparse:
        result = array_of(gradient, target._ctx)
    else:
        result = from_dense(wrap(NDArray, dense_head(gradient), target._ctx), target.stype)
    target._replace(result.astype(target.dtype, copy=False))


def clear(target: Any) -> None:
    """Set a gradient array to zero."""
    if target._sparse:
        target._replace(zeros_of(type(target), target.shape, target._values.dtype, target._ctx))
    else:
        target._data.zero_()


class _Call(torch.autograd.Function):
    """Puts a result that is computed already, or its stand-in, into torch's graph."""

    @staticmethod
    def forward(
        ctx: Any, backward: Callable[[Tensor], Sequence[Tensor | None]], result: Any, kept: Sequence[Tensor],
        *nodes: Tensor | None,
    ) -> Tensor:  # fmt: skip
        ctx.gradients_of = backward
        ctx.save_for_backward(*kept)
        if result._sparse:
            return stand_in(result.shape, result._values.dtype, result._values.device)
        data: Tensor = result._data
        return data.view_as(data)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, head: Tensor) -> Any:
        _ = ctx.saved_tensors  # raises where one was changed in place
        with torch.no_grad():
            return (None, None, None, *ctx.gradients_of(head))


def record(op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], result: Any) -> Any:
    """The result of an operator on sparse arrays, tracked where an input is."""
    nodes = [None if array is None else array._node for array in arrays]
    values = result._values if result._sparse else result._data
    if all(node is None for node in nodes) or not values.is_floating_point():
        return result
    inputs = [_snapshot(array) for array in arrays]
    wanted = [node is not None for node in nodes]
    by_rows = [  # operators of torch take dense heads only
        array is not None and (array._sparse or getattr(array._node, "_mx_sparse_grad", False)) for array in arrays
    ]
    rule = RULES.get(op.name, _by_dense_copies)

    def backward(head: Tensor) -> list[Tensor | None]:
        found = rule(op, inputs, attrs, head, wanted)
        return [
            None if gradient is None or not want else gradient if rows else dense_head(gradient)
            for gradient, want, rows in zip(found, wanted, by_rows, strict=True)
        ]

    kept = [array._values if array._sparse else array._data for array in inputs if array is not None]
    origins = [None if array is None else origin_of(array) for array in arrays]
    with torch.enable_grad():
        node = _Call.apply(backward, result, kept, *nodes)  # type: ignore[no-untyped-call]
    node._mx_origin = (op, attrs, origins, 0)
    tracked = _snapshot(result)
    if not result._sparse:
        tracked._data = node.detach()
    tracked._node = node
    return tracked


def converted(array: Any, result: Any) -> Any:
    """The result of a change of storage, dtype or device of an array, tracked if that is."""
    if STATE.recording and array._node is not None:
        return record(get_operator("_copyto"), [array], {}, result)
    return result


def _snapshot(array: Any) -> Any:
    if array is None:
        return None
    if array._sparse:
        return make(type(array), array._values, array._aux, array._size, array._ctx, checked=array._checked)
    return wrap(type(array), array._data, array._ctx)


# Rules


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        for name in names:
            RULES[get_operator(name).name] = rule
        return rule

    return register


def _by_dense_copies(
    op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], head: Tensor, wanted: Sequence[bool]
) -> Sequence[Tensor | None]:
    tensors = [None if a is None else a._dense() if a._sparse else a._data.detach() for a in arrays]
    if "forward_stype" in attrs:
        attrs = {**attrs, "forward_stype": None}
    with torch.enable_grad():
        leaves = [t.requires_grad_() if want and t is not None else t for t, want in zip(tensors, wanted, strict=True)]
        output = op.call(leaves, attrs)
    found = torch.autograd.grad(
        output, [leaf for leaf, want in zip(leaves, wanted, strict=True) if want],
        dense_head(head).reshape(output.shape), allow_unused=True,
    )  # fmt: skip
    gradients = iter(found)
    return [next(gradients) if want else None for want in wanted]


@_rule("_copy", "_copyto", "elemwise_add", "_grad_add", "add_n", "cast_storage")
def _pass(
    op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], head: Tensor, wanted: Sequence[bool]
) -> Any:  # fmt: skip
    heads = []
    for array in arrays:
        values = array._values if array._sparse else array._data
        heads.append(head.to(values.device, values.dtype))
    return heads


@_rule("elemwise_sub")
def _pass_difference(
    op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], head: Tensor, wanted: Sequence[bool]
) -> Any:  # fmt: skip
    return head, -head


@_rule("negative", "_mul_scalar", "_div_scalar")
def _scale(
    op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], head: Tensor, wanted: Sequence[bool]
) -> Any:  # fmt: skip
    """Operators that scale; the head scales as the data do."""
    if not head.is_sparse:
        return (op.function(head, **attrs),)
    return (rows_tensor(head._indices()[0], op.function(head._values(), **attrs), head.shape),)


@_rule("abs", "square", "relu", "sign", "ceil", "fix", "floor", "rint", "round", "trunc", "BlockGrad", "zeros_like")
def _on_stored_rows(
    op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], head: Tensor, wanted: Sequence[bool]
) -> Any:  # fmt: skip
    """Operators whose derivative is zero where the data are zero: only stored rows have a gradient."""
    array = arrays[0]
    if array.stype != "row_sparse":
        return _by_dense_copies(op, arrays, attrs, head, wanted)
    rows, values = array._trusted()._aux[0], array._values
    if op.name not in ("abs", "square", "relu"):
        return (rows_tensor(rows[:0], values[:0], array.shape, unique=True),)
    with torch.enable_grad():
        leaf = values.detach().requires_grad_()
        output = op.call([leaf], attrs)
    (gradient,) = torch.autograd.grad(output, leaf, rows_at(head, rows))
    return (rows_tensor(rows, gradient, array.shape),)


@_rule("_square_sum")
def _square_sum(
    op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], head: Tensor, wanted: Sequence[bool]
) -> Any:  # fmt: skip
    array = arrays[0]
    axis = attrs["axis"]
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    if array.stype != "row_sparse" or array.ndim != 2 or axis not in (0, 1):
        return _by_dense_copies(op, arrays, attrs, head, wanted)
    rows, values = array._trusted()._aux[0], array._values
    factor = rows_at(head, rows).reshape(-1, 1) if axis == 1 else dense_head(head).reshape(1, -1)
    return (rows_tensor(rows, 2 * values * factor, array.shape),)


@_rule("_sparse_retain")
def _retain(
    op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], head: Tensor, wanted: Sequence[bool]
) -> Any:  # fmt: skip
    rows = arrays[1]._data.long().unique()
    return rows_tensor(rows, rows_at(head, rows), arrays[0].shape, unique=True), None


@_rule("Embedding", "_contrib_SparseEmbedding")
def _embedding(
    op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], head: Tensor, wanted: Sequence[bool]
) -> Any:  # fmt: skip
    rows = arrays[0]._data.long().clamp(0, attrs["input_dim"] - 1).flatten()
    return None, rows_tensor(rows, dense_head(head).reshape(rows.numel(), -1), arrays[1].shape)


@_rule("dot")
def _dot(
    op: Operator, arrays: Sequence[Any], attrs: dict[str, Any], head: Tensor, wanted: Sequence[bool]
) -> Any:  # fmt: skip
    """With one csr factor the gradient of the other is a product of the csr with the head, row-sparse where it can be.

    That of the csr factor itself is found on dense copies.
    """
    lhs, rhs = arrays
    if wanted[0 if lhs.stype == "csr" else 1]:
        return _by_dense_copies(op, arrays, attrs, head, wanted)
    flip_a, flip_b = attrs["transpose_a"], attrs["transpose_b"]
    ctx = lhs._ctx

    def product(left: Any, right: Any, stype: str | None = None, **flips: bool) -> Tensor:
        return head_of(invoke(op, [left, right], {"forward_stype": stype, **flips}))

    if lhs.stype == "csr" and rhs.stype != "csr" and not flip_b and lhs.ndim == rhs.ndim == 2:
        given = array_of(head, ctx) if flip_a else wrap(NDArray, dense_head(head).contiguous(), ctx)
        return None, product(lhs, given, "default" if flip_a else None, transpose_a=not flip_a)
    if rhs.stype == "csr" and lhs.stype == "default" and not flip_a and lhs.ndim == rhs.ndim == 2:
        given = wrap(NDArray, dense_head(head).contiguous(), ctx)
        return product(given, rhs, "default", transpose_b=not flip_b), None
    return _by_dense_copies(op, arrays, attrs, head, wanted)
