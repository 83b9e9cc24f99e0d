"""NDArray: a thin handle on a torch tensor with MXNet's semantics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base import MXNetError
from ..context import Context, current_context
from ..ops.dtypes import dtype_name, numpy_dtype, torch_dtype
from ..ops.registry import explain_failure, get_operator
from ..taken_gradients import Taker
from . import indexing
from .invoke import (
    DENSE,
    IN_GRAPH,
    NotAnArrayError,
    call_by_name,
    make_function,
    origin_of,
    wrap,
    wrap_recorded,
    wrap_result,
)  # fmt: skip
from .recording import STATE

CAUGHT = (RuntimeError, LookupError, TypeError, ValueError, ArithmeticError)
_new = object.__new__
_BASIC = frozenset((int, slice))
_ALL = slice(None)
_INT = frozenset((int,))
NUMBERS = (int, float, np.number, np.bool_)


class Mark:
    """What makes an array a variable: its gradient array, how gradients are stored, and whether one is fresh.

    grad  NDArray of the shape of the variable
    req   "write", "add" or "null"
    fresh  whether backward has stored a gradient since it was last reset (Trainer resets it)
    taker  what takes gradients instead of grad, or None
    """

    __slots__ = ("__weakref__", "fresh", "grad", "req", "taker")

    def __init__(self, grad: NDArray | None, req: str, taker: Taker | None = None):
        self.grad = grad
        self.req = req
        self.fresh = False
        self.taker = taker


class NDArray:
    """A multi-dimensional array of one dtype on one device, always row-major contiguous in MXNet's sense.

    Arrays are made by `mx.nd.array`, `zeros`, `ones`, operators and so on. `as_torch` and `from_torch` share memory
    with torch tensors. Slices along the first axes, `reshape` and `detach` share memory with the array; every other
    operation copies.
    """

    __slots__ = ("__weakref__", "_ctx", "_data", "_mark", "_node")

    _data: Tensor  # the values; never tracked by torch's autograd
    _ctx: Context
    _node: Tensor | None  # the tensor in a recorded graph, sharing memory with _data
    _mark: Mark | None
    _sparse = False  # whether elements are kept by position, without a dense tensor

    __array_priority__ = 1000.0

    def __init__(self, handle: Any, writable: bool = True):
        """An array that shares memory with another array or a torch tensor.

        Args:
            handle: NDArray or torch.Tensor.
            writable: must be True; read-only arrays are not supported.
        Raises: MXNetError for anything else; make arrays from Python data with mx.nd.array.
        """
        if not writable:
            raise MXNetError("NDArray: writable=False is not supported.")
        if isinstance(handle, NDArray):
            self._data, self._ctx = handle._data, handle._ctx
        elif isinstance(handle, Tensor):
            self._data = handle.detach()
            self._ctx = context_of(handle)
        elif handle is None:  # how MXNet's pickles make an array, before they set its state
            self._data, self._ctx = torch.empty(0), current_context()
        else:
            raise MXNetError(f"NDArray: got {type(handle)}; expected an NDArray or a torch.Tensor. Use mx.nd.array.")
        self._node = self._mark = None

    # Facts

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis."""
        return tuple(self._data.shape)

    @property
    def dtype(self) -> Any:
        """NumPy scalar type of the elements (the string "bfloat16" where NumPy has none)."""
        return numpy_dtype(self._data.dtype)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._data.numel()

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def context(self) -> Context:
        """Device of the array."""
        return self._ctx

    @property
    def ctx(self) -> Context:
        """Device of the array."""
        return self._ctx

    @property
    def stype(self) -> str:
        """Storage type; "default" is dense."""
        return "default"

    @property
    def writable(self) -> bool:
        """True: every array can be written to."""
        return True

    @property
    def handle(self) -> Tensor:
        """The torch tensor that holds the values (MXNet has a C handle here)."""
        return self._data

    @property
    def T(self) -> Any:
        """A copy with the axes reversed."""
        return call_by_name("transpose", self) if self.ndim > 1 else self

    # To and from other worlds

    def as_torch(self) -> Tensor:
        """The values as a torch tensor that shares memory and is not tracked by autograd."""
        self._refuse_in_trace("the values of an array (as_torch)")
        return self._data

    def _refuse_in_trace(self, what: str) -> None:
        if STATE.tracer is not None:
            STATE.tracer.refuse(what, "compute with operators such as where, or decide outside of the block")

    def asnumpy(self) -> np.ndarray[Any, Any]:
        """A NumPy copy; bfloat16 becomes float32."""
        self._refuse_in_trace("the values of an array (asnumpy)")
        data = self._data
        if data.dtype == torch.bfloat16:
            data = data.float()
        return data.numpy().copy() if data.device.type == "cpu" else data.cpu().numpy()

    def asscalar(self) -> Any:
        """The only element as a NumPy scalar.

        Raises: ValueError unless there is exactly one element.
        """
        if self._data.numel() != 1:
            raise ValueError("The current array is not a scalar")
        return self.asnumpy().reshape(-1)[0]

    def item(self) -> Any:
        """The only element as a Python number."""
        if self._data.numel() != 1:
            raise ValueError("The current array is not a scalar")
        self._refuse_in_trace("the value of an array (item)")
        return self._data.item()

    def tolist(self) -> list[Any]:
        """The elements as nested lists."""
        self._refuse_in_trace("the values of an array (tolist)")
        return self._data.tolist()

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """NumPy's functions: those that call a method of their argument (``np.sum``) get that method, others a copy."""
        try:
            return function._implementation(*args, **kwargs)
        except MXNetError:
            return function(*_to_numpy(args), **{key: _to_numpy(value) for key, value in kwargs.items()})

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.asnumpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __dlpack__(self, **kwargs: Any) -> Any:
        self._refuse_in_trace("the values of an array (DLPack)")
        return self._data.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self._data.__dlpack_device__()

    def to_dlpack_for_read(self) -> Any:
        """A DLPack capsule that shares memory; the receiver must not write."""
        self._refuse_in_trace("the values of an array (DLPack)")
        return torch.utils.dlpack.to_dlpack(self._data)

    def to_dlpack_for_write(self) -> Any:
        """A DLPack capsule that shares memory; what the receiver writes is seen here."""
        self._refuse_in_trace("the values of an array (DLPack)")
        return torch.utils.dlpack.to_dlpack(self._data)

    def __getstate__(self) -> dict[str, Any]:
        from .utils import encode_one

        return {"handle": bytearray(encode_one(self))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from .utils import decode_one

        handle = state["handle"]
        self._node = self._mark = None
        if handle is None:
            self._data, self._ctx = torch.empty(0), current_context()
        else:
            array = decode_one(bytes(handle))
            self._data, self._ctx = array._data, array._ctx

    # Copies and devices

    def copy(self) -> Any:
        """A copy on the same device; recorded as an identity."""
        return call_by_name("_copy", self)

    def copyto(self, other: Any) -> Any:
        """Copy the values into another array (of the same shape, any dtype), or to a new array on a device.

        Args:
            other: NDArray or Context.
        Returns: the array that was written; False with a warning when it is this array.
        """
        if isinstance(other, NDArray):
            if other is self:
                import warnings

                warnings.warn("You are attempting to copy an array to itself", RuntimeWarning, stacklevel=2)
                return False
            if other.shape != self.shape:
                raise MXNetError(
                    f"copyto: the source has shape {self.shape}, the target {other.shape}; expected equal."
                )
            other._assign_all(self)
            return other
        if isinstance(other, Context):
            source = self._node if STATE.recording and self._node is not None else self._data
            return wrap_result(type(self), source.to(other.torch_device, copy=True), other)
        raise TypeError(f"copyto does not support type {type(other)}")

    def as_in_context(self, context: Context) -> Any:
        """This array if it is on the device already, else a copy there."""
        return self if self._ctx == context else self.copyto(context)

    as_in_ctx = as_in_context

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """The array with its elements cast to dtype; itself if copy is False and dtype is the same."""
        try:
            name = dtype_name(dtype)
        except MXNetError as error:
            raise TypeError(str(error)) from None
        if not copy and torch_dtype(name) == self._data.dtype:
            return self
        return call_by_name("Cast", self, dtype=name)

    def tostype(self, stype: str) -> Any:
        """The array in another storage type."""
        if stype == "default":
            return self
        from .sparse import cast_storage

        return cast_storage(self, stype=stype)

    def as_nd_ndarray(self) -> Any:
        """This array as mx.nd.NDArray."""
        return self

    def as_np_ndarray(self) -> Any:
        """This array as mx.np.ndarray, sharing memory."""
        from mxnet import numpy

        return wrap_alike(numpy.ndarray, self)

    def wait_to_read(self) -> None:
        """Wait until the values are computed, raising what went wrong on the way."""
        if self._data.device.type == "cuda":
            torch.cuda.synchronize(self._data.device)

    def wait_to_write(self) -> None:
        """Wait until nothing uses the array any more."""
        self.wait_to_read()

    # Shape without copying

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """A view with another shape, sharing memory.

        Args:
            shape: sizes; 0 keeps an axis, -1 is inferred, -2 keeps all remaining axes, -3 joins two axes,
                -4 splits an axis into the next two numbers.
            reverse: keyword; True matches the special values from the right.
        Raises: ValueError or MXNetError if the number of elements differs.
        """
        if not kwargs and STATE.tracer is None:
            target = shape[0] if len(shape) == 1 and type(shape[0]) is tuple else shape
            if target and _INT.issuperset(map(type, target)) and min(target) >= -1 and 0 not in target:
                try:
                    if not STATE.recording or self._node is None:
                        return wrap(type(self), self._data.view(target), self._ctx)
                    return self._view(lambda tensor: tensor.view(target), ("Reshape", {"shape": target}))
                except RuntimeError:
                    pass  # explained below
        from ..ops.reshape import infer_reshape

        if len(shape) == 1 and isinstance(shape[0], tuple | list):
            shape = tuple(shape[0])
        if not shape:
            if "shape" not in kwargs:
                raise TypeError("reshape: the shape is missing; pass it as numbers, as a tuple, or as shape=(...)")
            wanted = kwargs["shape"]
            shape = (wanted,) if isinstance(wanted, int) else tuple(wanted)
        unknown = set(kwargs) - {"shape", "reverse"}
        if unknown:
            raise TypeError(f"reshape: unknown keyword {sorted(unknown)[0]!r}; expected shape or reverse")
        target = infer_reshape(self.shape, tuple(int(s) for s in shape), bool(kwargs.get("reverse", False)))
        size = 1
        for extent in target:
            size *= extent
        if size > self.size:
            raise MXNetError(f"NDArray.reshape: target shape {target} is larger than the current shape {self.shape}.")
        if size != self.size:
            raise ValueError(f"Cannot reshape array of size {self.size} into shape {target}")
        if STATE.tracer is not None:
            return call_by_name("Reshape", self, shape=shape, reverse=bool(kwargs.get("reverse", False)))
        return self._view(lambda tensor: tensor.reshape(target), ("Reshape", {"shape": target}))

    def reshape_view(self, shape: tuple[int, ...]) -> Any:
        """A view with exactly this shape; no special values."""
        if STATE.tracer is not None:
            return call_by_name("Reshape", self, shape=shape)
        return self._view(lambda tensor: tensor.reshape(shape), ("Reshape", {"shape": shape}))

    def _view(self, change: Callable[[Tensor], Tensor], operation: tuple[str, Any]) -> Any:
        """An array around ``change(tensor)``; `operation` is an operator and its attributes, or ("", indexing key)."""
        if STATE.recording and self._node is not None:
            if torch.is_grad_enabled():
                result = change(self._node)
            else:
                with torch.enable_grad():
                    result = change(self._node)
            origin = (*operation, [origin_of(self)], self.shape)
            return wrap_recorded(type(self), result, self._ctx, origin)
        return wrap(type(self), change(self._data), self._ctx)

    def expand_dims(self, axis: int, inplace: bool = False) -> Any:
        """A copy (with inplace: a view) that has one more axis, of size 1."""
        if inplace and STATE.tracer is None:
            return self._view(lambda tensor: tensor.unsqueeze(axis), ("expand_dims", {"axis": axis}))
        return call_by_name("expand_dims", self, axis=axis)

    def flatten(self, inplace: bool = False) -> Any:
        """A copy (with inplace: a view) of shape (first axis, all others)."""
        if inplace and STATE.tracer is None:
            return self._view(lambda tensor: tensor.reshape(tensor.shape[0], -1), ("Flatten", {}))
        return call_by_name("Flatten", self)

    def squeeze(self, axis: Any = None, inplace: bool = False) -> Any:
        """A copy (with inplace: a view) without axes of size 1, or without those given."""
        if inplace and STATE.tracer is None:
            op = get_operator("squeeze")
            attrs = op.parse_attributes({"axis": axis})
            return self._view(lambda tensor: op.function(tensor, **attrs), ("squeeze", attrs))
        return call_by_name("squeeze", self, axis=axis)

    def broadcast_to(self, shape: Any) -> Any:
        """A copy broadcast to shape; an axis of size 1 is repeated, missing leading axes are added.

        Raises: ValueError if the shapes don't fit.
        """
        current = self.shape
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if len(shape) < len(current) or any(
            have not in (1, want) for have, want in zip(current[::-1], shape[::-1], strict=False)
        ):
            raise ValueError(f"cannot broadcast array of shape {current} to shape {shape}")
        source = self.reshape((1,) * (len(shape) - len(current)) + current) if len(shape) > len(current) else self
        return call_by_name("broadcast_to", source, shape=shape)

    def broadcast_like(self, other: Any) -> Any:
        """A copy broadcast to the shape of other."""
        return self.broadcast_to(other.shape)

    # Parts

    def __getitem__(self, key: Any) -> Any:
        if STATE.tracer is not None:
            return self._traced_item(key)
        kind = type(key)
        if kind is int or kind is slice or (kind is tuple and _BASIC.issuperset(map(type, key))):
            try:
                return self._view(lambda tensor: _plain_part(tensor, key), ("", key))
            except (IndexError, TypeError, ValueError):
                pass  # a negative step, or a fault to be explained
        return self._view(lambda tensor: indexing.read(tensor, key), ("", key))

    def _traced_item(self, key: Any) -> Any:
        """`__getitem__` in operators that a graph can hold."""
        if isinstance(key, NDArray):
            return call_by_name("take", self, key, axis=0, mode="wrap")
        if indexing.has_advanced(key):
            STATE.tracer.refuse("indexing by lists or several arrays", "use the operators take, pick or gather_nd")
        return select_by_operators(self, key, self.shape, call_by_name)

    def __setitem__(self, key: Any, value: Any) -> None:
        if STATE.tracer is not None:
            STATE.tracer.refuse("assignment to a part of an array", "use where, concat or slice_assign operators")
        if STATE.recording and self._node is not None:
            raise MXNetError(IN_GRAPH)
        if isinstance(value, NDArray):
            if not STATE.recording and type(key) is slice and key == _ALL and value._data.shape == self._data.shape:
                self._data.copy_(value._data)
                return
            if STATE.recording and value._node is not None:
                self._record_assignment(key, value._node)
                return
            value = value._data
            if value.device != self._data.device:
                value = value.to(self._data.device)
        elif isinstance(value, NUMBERS):
            value = value.item() if isinstance(value, np.generic) else value
            if self._data.dtype in _INTEGERS:
                value = int(value)
            if type(key) is slice and key == _ALL:
                self._data.fill_(value)
                return
        elif isinstance(value, Tensor):
            value = value.detach()
        else:
            try:
                value = torch.from_numpy(np.ascontiguousarray(np.asarray(value, dtype=_source_dtype(self._data))))
            except (TypeError, ValueError):
                raise TypeError(
                    f"{type(self)} does not support assignment with non-array-like object {value!r} "
                    f"of type {type(value)}"
                ) from None
            value = value.to(self._data.device)
        indexing.write(self._data, key, value)

    def _record_assignment(self, key: Any, value: Tensor) -> None:
        with torch.enable_grad():
            changed = self._data.clone()
            indexing.write(changed, key, value)
        self._data.copy_(changed.detach())
        self._node = changed
        STATE_ASSIGNED.add(self)

    def _assign_all(self, source: NDArray) -> None:
        if STATE.tracer is not None:
            STATE.tracer.refuse("copyto another array", "return the array, or use the operator identity")
        if STATE.recording and self._node is not None:
            raise MXNetError(IN_GRAPH)
        if STATE.recording and source._node is not None:
            with torch.enable_grad():
                self._node = source._node.to(self._data.device, self._data.dtype, copy=True)
            STATE_ASSIGNED.add(self)
        self._data.copy_(source._data)

    def split_v2(self, indices_or_sections: Any, axis: int = 0, squeeze_axis: bool = False) -> Any:
        """Split along an axis into equally many parts, or before given indices; see `mx.nd.split_v2`."""
        from .functions import split_v2

        return split_v2(self, indices_or_sections, axis, squeeze_axis)

    def slice_assign(self, rhs: Any, begin: Any, end: Any, step: Any) -> Any:
        """Assign rhs to the part [begin:end:step] and return this array."""
        self[tuple(slice(b, e, s) for b, e, s in zip(begin, end, step or (None,) * len(begin), strict=True))] = rhs
        return self

    def slice_assign_scalar(self, value: float, begin: Any, end: Any, step: Any) -> Any:
        """Assign a number to the part [begin:end:step] and return this array."""
        return self.slice_assign(value, begin, end, step)

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise TypeError("len() of unsized object")
        return self._data.shape[0]

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]

    def __contains__(self, value: Any) -> bool:
        self._refuse_in_trace("a Python condition on the values of an array")
        if isinstance(value, NDArray):
            value = value._data
        return bool((self._data == value).any())

    # Autograd

    def attach_grad(self, grad_req: str = "write", stype: str | None = None) -> None:
        """Make this array a variable with a gradient array of zeros; it leaves the graph it was computed in.

        Args:
            grad_req: "write" (replace), "add" (accumulate) or "null" (none).
            stype: storage type of the gradient: "default" (dense), or "row_sparse", which stores only the rows that
                operators such as Embedding(sparse_grad=True) and dot(csr, x) touch, or "csr".
        """
        from .. import autograd

        if stype in (None, "default") and not self._sparse:
            gradient = wrap(type(self), torch.zeros_like(self._data), self._ctx)
        else:
            from .sparse import zeros

            gradient = zeros(stype, self.shape, self._ctx, self.dtype)
        autograd.mark_variables([self], [gradient], grad_req)

    @property
    def grad(self) -> Any:
        """The gradient array, or None without `attach_grad` (or with grad_req "null")."""
        return None if self._mark is None or self._mark.req == "null" else self._mark.grad

    @property
    def _fresh_grad(self) -> bool:
        return self._mark is not None and self._mark.fresh

    @_fresh_grad.setter
    def _fresh_grad(self, state: bool) -> None:
        if self._mark is not None:
            self._mark.fresh = bool(state)

    def detach(self) -> Any:
        """An array that shares memory and is in no graph."""
        if STATE.tracer is not None:
            return call_by_name("BlockGrad", self)
        return wrap(type(self), self._data, self._ctx)

    def backward(self, out_grad: Any = None, retain_graph: bool = False, train_mode: bool = True) -> None:
        """Compute the gradients of this array with respect to the variables; see `mx.autograd.backward`."""
        _backward((self,), None if out_grad is None else (out_grad,), retain_graph, train_mode)

    # Python protocols

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.shape))
        return f"\n{self.asnumpy()!s}\n<{type(self).__name__} {shape} @{self._ctx}>"

    def __hash__(self) -> int:
        return id(self) >> 4

    def __bool__(self) -> bool:
        self._refuse_in_trace("a Python condition on the value of an array")
        count = self._data.numel()
        if count == 0:
            return False
        if count == 1:
            return bool(self._data.item())
        raise ValueError("The truth value of an NDArray with multiple elements is ambiguous.")

    def __float__(self) -> float:
        return float(self.asscalar())

    def __int__(self) -> int:
        return int(self.asscalar())

    def __index__(self) -> int:
        self._refuse_in_trace("the value of an array as an index")
        if self._data.numel() == 1 and self._data.dtype in _INTEGERS:
            return int(self._data.item())
        raise TypeError("only integer arrays with one element can be used as an index")

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = wrap(type(self), self._data.clone(), self._ctx)
        memo[id(self)] = copied
        return copied

    def __abs__(self) -> Any:
        return call_by_name("abs", self)

    def __neg__(self) -> Any:
        return call_by_name("negative", self)

    # __add__ and the other arithmetic and comparison methods are made below.


DENSE.add(NDArray)
_INTEGERS = (torch.int32, torch.int64, torch.int8, torch.uint8, torch.int16, torch.bool)


class _Assigned:
    """Arrays that got into a graph by assignment; the next backward that frees its graph takes them out again."""

    def __init__(self) -> None:
        import weakref

        self._refs: list[Any] = []
        self._weakref = weakref.ref

    def __len__(self) -> int:
        return len(self._refs)

    def add(self, array: NDArray) -> None:
        self._refs.append(self._weakref(array))

    def clear(self) -> None:
        for ref in self._refs:
            array = ref()
            if array is not None and array._mark is None:
                array._node = None
        self._refs.clear()


STATE_ASSIGNED = _Assigned()


def _source_dtype(data: Tensor) -> Any:
    return np.float32 if data.dtype == torch.bfloat16 else numpy_dtype(data.dtype)


def _to_numpy(value: Any) -> Any:
    """The value with every array in it, however deep in lists and tuples, turned into a NumPy array."""
    if isinstance(value, NDArray):
        return value.asnumpy()
    return type(value)(map(_to_numpy, value)) if type(value) in (list, tuple) else value


def select_by_operators(data: Any, key: Any, shape: tuple[int, ...], call: Callable[..., Any]) -> Any:
    """``data[key]``, for integers, slices, None and Ellipsis, by operators: ``call(name, data, **attributes)``."""
    parts, flips = indexing.normalize_key(key, shape, torch.device("cpu"))
    result, axis, dropped = data, 0, []
    begin, end, step, new_axes = [], [], [], []
    for part in parts:
        if part is None:
            new_axes.append(axis - len(dropped) + len(new_axes))
        elif part is Ellipsis:
            count = len(shape) - sum(p is not None and p is not Ellipsis for p in parts)
            begin += [None] * count
            end += [None] * count
            step += [None] * count
            axis += count
        elif isinstance(part, slice):
            begin.append(part.start)
            end.append(part.stop)
            step.append(part.step)
            axis += 1
        else:
            index = part + shape[axis] if part < 0 else part
            begin.append(index)
            end.append(index + 1)
            step.append(None)
            dropped.append(axis)
            axis += 1
    if any(item is not None for item in (*begin, *end, *step)):
        result = call("slice", result, begin=tuple(begin), end=tuple(end), step=tuple(step))
    if dropped:
        axes = tuple(dropped if len(dropped) < len(shape) else dropped[1:])
        result = call("squeeze", result, axis=axes) if axes else result
    for position in new_axes:
        result = call("expand_dims", result, axis=position)
    return call("reverse", result, axis=flips) if flips else result


def _plain_part(tensor: Tensor, key: Any) -> Tensor:
    """The part of a tensor under a key that torch understands as MXNet does."""
    part = tensor[key]
    if part.ndim == 0 and tensor.ndim:
        part = part.reshape(1)
    return part if part.is_contiguous() else part.contiguous()


def context_of(tensor: Tensor) -> Context:
    """The context for the device of a torch tensor."""
    return Context("gpu", tensor.device.index or 0) if tensor.device.type == "cuda" else Context("cpu", 0)


def wrap_alike(cls: type, array: NDArray) -> Any:
    """The same array (memory and place in the graph) as another array class."""
    other = wrap(cls, array._data, array._ctx)
    other._node, other._mark = array._node, array._mark
    return other


def from_torch(tensor: Tensor) -> NDArray:
    """An array that shares memory with a torch tensor; its autograd history is not taken over."""
    return NDArray(tensor)


def _backward(*args: Any) -> None:
    """`mx.autograd.backward`, which can be imported once this module is complete."""
    global _backward
    from ..autograd import backward as _backward

    _backward(*args)


# Arithmetic


def binary(lhs: Any, rhs: Any, name: str, scalar_name: str, reverse_name: str | None = None) -> Any:
    """A binary operator on arrays (broadcast) or an array and a number.

    Raises: TypeError if neither is an array or one is neither an array nor a number.
    """
    if isinstance(lhs, NDArray):
        if isinstance(rhs, NDArray):
            return call_by_name(name, lhs, rhs)
        if isinstance(rhs, NUMBERS):
            return call_by_name(scalar_name, lhs, scalar=rhs)
        raise NotAnArrayError(f"type {type(rhs)} not supported")
    if isinstance(lhs, NUMBERS) and isinstance(rhs, NDArray):
        return call_by_name(reverse_name or scalar_name, rhs, scalar=lhs)
    raise NotAnArrayError(f"type {type(lhs if isinstance(rhs, NDArray) else rhs)} not supported")


def _make_binary_method(name: str, scalar_name: str) -> Callable[[Any, Any], Any]:
    op, scalar_op = get_operator(name), get_operator(scalar_name)
    function, scalar_function = op.function, scalar_op.function
    declared, scalar_declared = op.has_gradient_rule, scalar_op.has_gradient_rule
    new, grad_enabled = object.__new__, torch.is_grad_enabled

    def method(self: Any, other: Any) -> Any:
        cls, kind = type(self), type(other)
        if cls in DENSE and kind is cls:
            lhs, rhs = self._data, other._data
            try:
                if STATE.watched:
                    left, right = self._node, other._node
                    if STATE.tracer is not None or not grad_enabled():
                        return binary(self, other, name, scalar_name)
                    if left is not None or right is not None:
                        lhs, rhs = lhs if left is None else left, rhs if right is None else right
                        result = op.recorded_function({}, lhs, rhs) if declared else function(lhs, rhs)
                        origin = op, {}, [origin_of(self), origin_of(other)], 0
                        return wrap_recorded(cls, result, self._ctx, origin)
                result = function(lhs, rhs)
            except CAUGHT as error:
                raise explain_failure(op, (lhs, rhs), {}, error) from error
        elif cls in DENSE and (kind is float or kind is int):
            data = self._data
            try:
                if STATE.watched:
                    node = self._node
                    if STATE.tracer is not None or not grad_enabled():
                        return binary(self, other, name, scalar_name)
                    if node is not None:
                        attrs = {"scalar": other, "is_int": True}
                        if scalar_declared:
                            result = scalar_op.recorded_function(attrs, node)
                        else:
                            result = scalar_function(node, scalar=other)
                        return wrap_recorded(cls, result, self._ctx, (scalar_op, attrs, [origin_of(self)], 0))
                result = scalar_function(data, scalar=other)
            except CAUGHT as error:
                raise explain_failure(scalar_op, (data,), {"scalar": other}, error) from error
        else:
            return binary(self, other, name, scalar_name)
        array = new(cls)
        array._data = result
        array._ctx = self._ctx
        array._node = array._mark = None
        return array

    return method


def _make_inplace_method(name: str, scalar_name: str, torch_name: str) -> Callable[[Any, Any], Any]:
    update = getattr(Tensor, torch_name) if torch_name else None

    def method(self: Any, other: Any) -> Any:
        data = self._data
        if STATE.tracer is not None:
            STATE.tracer.refuse("an in-place operation", "write x = x + y instead of x += y")
        if STATE.recording:
            if self._node is not None:
                raise MXNetError(IN_GRAPH)
            if isinstance(other, NDArray) and other._node is not None:
                raise MXNetError(
                    "Inplace operations (+=, -=, x[:]=, etc) are not supported when recording with autograd."
                )
        if update is not None and data.is_floating_point():
            if isinstance(other, NDArray) and not other._sparse:
                source = other._data
                if source.dtype == data.dtype and (
                    source.shape == data.shape or torch.broadcast_shapes(source.shape, data.shape) == data.shape
                ):
                    update(data, source)
                    return self
            elif isinstance(other, int | float):
                update(data, other)
                return self
        result = binary(self, other, name, scalar_name)
        if result.shape != self.shape:
            raise MXNetError(
                f"in-place {name}: the result has shape {result.shape}, which does not fit into shape {self.shape}."
            )
        if result._data.dtype != data.dtype:
            raise MXNetError(
                f"in-place {name}: the result has dtype {dtype_name(result._data.dtype)}, the array {self.dtype}."
            )
        data.copy_(result._data)
        return self

    return method


#: method -> (operator on two arrays, on array and number, on number and array, torch's in-place method)
ARITHMETIC = {
    "add": ("broadcast_add", "_plus_scalar", "_plus_scalar", "add_"),
    "sub": ("broadcast_sub", "_minus_scalar", "_rminus_scalar", "sub_"),
    "mul": ("broadcast_mul", "_mul_scalar", "_mul_scalar", "mul_"),
    "truediv": ("broadcast_div", "_div_scalar", "_rdiv_scalar", "div_"),
    "div": ("broadcast_div", "_div_scalar", "_rdiv_scalar", "div_"),
    "mod": ("broadcast_mod", "_mod_scalar", "_rmod_scalar", None),
    "pow": ("broadcast_power", "_power_scalar", "_rpower_scalar", None),
}
COMPARISONS = {
    "eq": ("broadcast_equal", "_equal_scalar"),
    "ne": ("broadcast_not_equal", "_not_equal_scalar"),
    "gt": ("broadcast_greater", "_greater_scalar"),
    "ge": ("broadcast_greater_equal", "_greater_equal_scalar"),
    "lt": ("broadcast_lesser", "_lesser_scalar"),
    "le": ("broadcast_lesser_equal", "_lesser_equal_scalar"),
}


def _reverse(name: str, scalar_name: str, reverse_name: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: binary(other, self, name, scalar_name, reverse_name)


def _add_arithmetic() -> None:
    for method, (name, scalar_name, reverse_name, torch_name) in ARITHMETIC.items():
        _set_method(f"__{method}__", _make_binary_method(name, scalar_name))
        _set_method(f"__r{method}__", _reverse(name, scalar_name, reverse_name))
        if method != "pow":
            _set_method(f"__i{method}__", _make_inplace_method(name, scalar_name, torch_name))
    for method, (name, scalar_name) in COMPARISONS.items():
        _set_method(f"__{method}__", _make_binary_method(name, scalar_name))
    _set_method("__matmul__", lambda self, other: call_by_name("dot", self, other))


def _set_method(name: str, function: Callable[..., Any]) -> None:
    function.__name__ = name
    function.__qualname__ = f"NDArray.{name}"
    setattr(NDArray, name, function)


class _OperatorMethod:
    """A method made from an operator when it is first used."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        function = make_function(get_operator(self.name), self.name, "mxnet.ndarray.ndarray")
        setattr(NDArray, self.name, function)
        return function if instance is None else function.__get__(instance, owner)


def add_operator_methods() -> None:
    """Give NDArray the methods that operators ask for."""
    from ..ops.registry import all_operators

    for op in all_operators():
        if op.method:
            for name in (op.name, *op.aliases):
                if not name.startswith("_") and name not in vars(NDArray):
                    setattr(NDArray, name, _OperatorMethod(name))


def finish() -> None:
    """Give NDArray the methods that come from operators; called once all operators are registered."""
    _add_arithmetic()
    add_operator_methods()


def __getattr__(name: str) -> Any:
    """The functions that MXNet defines here, which live in modules of their own."""
    from .. import ndarray as namespace
    from . import decoding, functions, keys, utils

    if any(name in module.__all__ for module in (functions, utils, keys, decoding)) or name == "CachedOp":
        return getattr(namespace, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
