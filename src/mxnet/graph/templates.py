"""Templates: one call of an operator as torch's own operations, forward and gradient, from layouts alone."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode

from ..base import MXNetError
from .graph import Node
from .real_sizes import real_bytes, separated
from .stand_ins import evaluate, fake_mode, stand_in, storage_of

aten = torch.ops.aten

_PROPERTIES = ("prim.device", "aten.sym_", "aten.is_same_size", "aten.detach.", "aten.alias.", "aten.lift_fresh.")
_ACCUMULATIONS = (aten.add.Tensor, aten.add_.Tensor)
_MOST_TEMPLATES = 20_000
_lock = threading.RLock()


class NotWritable(Exception):
    """An operator that can't be written down as operations of torch; the message says why."""


class Layout:
    """How a tensor lies in its storage.

    shape, stride, dtype  as of the tensor
    size    the number of elements
    nbytes  the bytes of a storage that holds nothing else
    """

    __slots__ = ("_hash", "dtype", "nbytes", "shape", "size", "stride")

    def __init__(self, shape: tuple[int, ...], stride: tuple[int, ...], dtype: torch.dtype):
        self.shape = shape
        self.stride = stride
        self.dtype = dtype
        self.size = math.prod(shape)
        reach = sum((extent - 1) * step for extent, step in zip(shape, stride, strict=True))
        self.nbytes = (reach + 1) * dtype.itemsize if self.size else 0
        self._hash = hash((shape, stride, dtype))

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Layout) and self._hash == other._hash and self.shape == other.shape
            and self.stride == other.stride and self.dtype is other.dtype
        )  # fmt: skip

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Layout({self.shape}, {self.stride}, {self.dtype})"


def layout_of(tensor: Tensor) -> Layout:
    """The layout of a tensor."""
    return Layout(tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype)


def contiguous_layout(shape: tuple[int, ...], dtype: torch.dtype) -> Layout:
    """The layout of a contiguous tensor."""
    stride, step = [], 1
    for extent in reversed(shape):
        stride.append(step)
        step *= max(extent, 1)
    return Layout(shape, tuple(reversed(stride)), dtype)


def channels_last_layout(shape: tuple[int, ...], dtype: torch.dtype) -> Layout:
    """The layout of (N, C, H, W) with C last in memory."""
    _, channels, height, width = shape
    return Layout(shape, (height * width * channels, 1, width * channels, channels), dtype)


class _Marker:
    """Stands among the arguments of a call for what the run supplies."""

    def __init__(self, name: str):
        self.name = name


GENERATOR, STATES = _Marker("generator"), _Marker("states")


class Target(_Marker):
    """Stands for the array that takes the gradient with this number."""

    def __init__(self, position: int):
        super().__init__(f"targets[{position}]")


class Place:
    """Stands among the arguments of a call for the tensor with this number."""

    __slots__ = ("number",)

    def __init__(self, number: int):
        self.number = number


class Call:
    """An operation with its constant arguments, and places for tensors.

    function  what is called
    args, kwargs  its arguments; a `Place` where a tensor goes
    random    whether it draws random numbers
    unpacks   whether it gives a tuple or list of results
    """

    __slots__ = ("_source", "args", "function", "kwargs", "random", "unpacks")

    def __init__(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], random: bool = False,
        unpacks: bool = False,
    ):  # fmt: skip
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.random = random
        self.unpacks = unpacks
        self._source: tuple[str, list[Any]] | None = None

    @property
    def name(self) -> str:
        """torch's name of the operation, such as "aten.relu.default"."""
        return str(self.function)

    def source(self, arguments: Sequence[str], names: Names) -> str:
        """The call as Python text, with these expressions for the tensors.

        Names stand in it for operations, lists and numbers, so that calls with other sizes have the same text.
        """
        if self._source is None:
            needed: list[Any] = [_quickest(self.function)]
            parts = [self._expression(item, needed) for item in self.args]
            parts += [f"{key}={self._expression(item, needed)}" for key, item in self.kwargs.items()]
            self._source = f"{{n[0]}}({', '.join(parts)})", needed
        text, needed = self._source
        return text.format(*arguments, n=names.of(self, needed))

    def _expression(self, item: Any, needed: list[Any]) -> str:
        if isinstance(item, Place):
            return f"{{{item.number}}}"
        if isinstance(item, _Marker):
            return item.name
        if isinstance(item, list | tuple) and any(isinstance(entry, list | tuple | Place | _Marker) for entry in item):
            inner = ", ".join(self._expression(entry, needed) for entry in item)
            return f"[{inner}]"
        if item is None or type(item) is bool:
            return repr(item)
        needed.append(list(item) if isinstance(item, tuple) else item)
        return f"{{n[{len(needed) - 1}]}}"


class Names:
    """Names for what calls need, in Python text: numbered in order, whatever they stand for.

    objects  by name
    """

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self._functions: dict[int, str] = {}
        self._calls: dict[int, list[str]] = {}

    def of(self, call: Call, needed: Sequence[Any]) -> list[str]:
        """The names of the operation that is called, and of the constants that it is given."""
        found = self._calls.get(id(call))
        if found is None:
            function, *constants = needed
            name = self._functions.get(id(function))
            if name is None:
                name = self._functions[id(function)] = self._new(function)
            found = self._calls[id(call)] = [name, *map(self._new, constants)]
        return found

    def _new(self, item: Any) -> str:
        name = f"n{len(self.objects)}"
        self.objects[name] = item
        return name


def _quickest(function: Any) -> Any:
    """What calls an operation of torch with the least time around it: torch's own Python function where there is one
    that takes the same arguments, else what parses them by the operation's schema."""
    return _BINDINGS.get(function) or getattr(function, "_op", function)


_aten = torch.ops.aten
_BINDINGS: dict[Any, Any] = {
    _aten.mm.default: torch.mm, _aten.mm.out: torch.mm, _aten.addmm.default: torch.addmm, _aten.t.default: torch.t,
    _aten.relu.default: torch.relu, _aten.relu_.default: torch.relu_, _aten.view.default: torch.Tensor.view,
    _aten.sum.dim_IntList: torch.sum, _aten.unsqueeze.default: torch.unsqueeze, _aten.gather.default: torch.gather,
    _aten.bmm.default: torch.bmm, _aten.tanh.default: torch.tanh, _aten.sigmoid.default: torch.sigmoid,
    _aten.mul.Tensor: torch.mul, _aten.mul.out: torch.mul, _aten.mul_.Tensor: torch.Tensor.mul_,
    _aten.add.Tensor: torch.add, _aten.add.out: torch.add, _aten.add_.Tensor: torch.Tensor.add_,
    _aten.scatter_add.default: torch.scatter_add, _aten.expand.default: torch.Tensor.expand,
    _aten.mean.dim: torch.mean, _aten.clamp_.default: torch.Tensor.clamp_,
    _aten.new_zeros.default: torch.Tensor.new_zeros,
}  # fmt: skip


def _nothing(tensor: Tensor) -> None:
    """Stands for what takes a gradient."""


class StoreCall(Call):
    """Hands a gradient over to the caller, as the one with this number among those handed over."""

    __slots__ = ("position",)

    def __init__(self, position: int):
        super().__init__(_nothing, (Place(0),), {}, random=True)  # it stays, although it gives nothing
        self.position = position

    @property
    def name(self) -> str:
        """How tables call it."""
        return "store"

    def source(self, arguments: Sequence[str], names: Names) -> str:
        """The call as Python text."""
        return f"stores[{self.position}]({arguments[0]})"


class Step(NamedTuple):
    """A call of a template: the values it reads and makes (None: no tensor), the storages it changes in place."""

    call: Call
    reads: tuple[int, ...]
    outputs: tuple[int | None, ...]
    writes: tuple[int, ...]


class Gradient(NamedTuple):
    """The gradient of a template, for outputs whose gradients have given layouts.

    heads     the value of each output's gradient, None where there is none
    partials  for each input the values whose sum is its gradient, in the order in which they are summed
    """

    steps: tuple[Step, ...]
    heads: tuple[int | None, ...]
    partials: tuple[tuple[int, ...], ...]


class Template:
    """One call of an operator, written down.

    layouts, storage_of   of every value, by index
    nbytes                of every storage, by index
    inputs                the value of each input
    forward               the steps
    outputs               the value of each output, -1 for None
    requires_grad         whether autograd gives each output a gradient
    """

    def __init__(self, recorder: Recorder):
        self._recorder = recorder
        self._gradients: dict[tuple[Layout | None, ...], Gradient] = {}
        self._tensors: list[Any] = []
        self._leaves: list[Tensor | None] = []
        self.layouts = recorder.layouts
        self.storage_of = recorder.storage_of
        self.nbytes = recorder.nbytes
        self.inputs: tuple[int, ...] = ()
        self.forward: tuple[Step, ...] = ()
        self.outputs: tuple[int, ...] = ()
        self.requires_grad: tuple[bool, ...] = ()

    def gradient(self, heads: tuple[Layout | None, ...]) -> Gradient:
        """The gradient, given the layouts of those of the outputs (None: nothing depends on that output)."""
        with _lock:
            if heads not in self._gradients:
                self._gradients[heads] = self._trace_gradient(heads)
            return self._gradients[heads]

    def _trace_gradient(self, heads: tuple[Layout | None, ...]) -> Gradient:
        recorder = self._recorder
        pairs: list[tuple[Tensor, Tensor]] = []
        values: list[int | None] = []
        with recorder.around():
            for tensor, layout in zip(self._tensors, heads, strict=True):
                if layout is None or not (isinstance(tensor, Tensor) and tensor.requires_grad):
                    values.append(None)
                    continue
                head = recorder.new_tensor(layout, tensor.device)
                pairs.append((tensor, head))
                values.append(recorder.enter(head))
            leaves = [leaf for leaf in self._leaves if leaf is not None]
            begin = len(recorder.steps)
            found: Sequence[Tensor | None] = [None] * len(leaves)
            if pairs and leaves:
                recorder.differentiates = True
                with recorder:
                    found = torch.autograd.grad(
                        [t for t, _ in pairs], leaves, [h for _, h in pairs], allow_unused=True, retain_graph=True
                    )
        gradients = iter(found)
        partials = []
        for leaf in self._leaves:
            gradient = next(gradients) if leaf is not None else None
            partials.append(() if gradient is None else recorder.summands(recorder.value_of(gradient)))
        steps = tuple(recorder.steps[begin:])
        del recorder.steps[begin:]
        return Gradient(steps, tuple(values), tuple(partials))


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down the operations that run while it is active.

    An operation that changes a whole tensor in place is written down as the one that makes a new tensor, where there
    is one: planning decides anew what is done in place.

    fake  run them on tensors of FakeTensorMode, which is active outside of this mode, rather than on stand-ins
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """torch asks whether to hide this from its compiler, which would import the compiler: about two seconds."""
        return False

    def __init__(self, fake: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._fake = fake
        self.steps: list[Step] = []
        self.differentiates = False  # whether autograd's backward pass is what runs
        self.layouts: list[Layout] = []
        self.storage_of: list[int] = []
        self.nbytes: list[int] = []
        self._given: set[int] = set()  # storages that were there before
        self._handles: dict[int, list[int]] = {}  # value -> ids of the tensors that stand for it
        self._values: dict[int, int] = {}
        self._storages: dict[int, int] = {}
        self._sums: dict[int, tuple[int, int]] = {}  # values that autograd added up -> what it added
        self._alive: list[Any] = []

    def around(self) -> AbstractContextManager[Any]:
        """What must be active outside of this mode."""
        return fake_mode() if self._fake else nullcontext()

    def new_tensor(self, layout: Layout, device: torch.device) -> Tensor:
        """A tensor for operations to run on, while `around` is active."""
        if self._fake:
            return torch.empty_strided(layout.shape, layout.stride, dtype=layout.dtype, device=device)
        return stand_in(layout.shape, layout.stride, layout.dtype, device)

    def enter(self, tensor: Tensor, given: bool = True) -> int:
        """The index for a new tensor; given: it comes from outside."""
        storage = storage_of(tensor)
        number = self._storages.get(storage._cdata)
        if number is None:
            number = self._new_storage(storage)
            if given:
                self._given.add(number)
        return self._new_value(tensor, number)

    def _new_storage(self, storage: Any) -> int:
        self._storages[storage._cdata] = number = len(self.nbytes)
        self.nbytes.append(storage.nbytes())
        self._alive.append(storage)
        return number

    def _new_value(self, tensor: Tensor, storage: int) -> int:
        index = len(self.layouts)
        self.layouts.append(layout_of(tensor))
        self.storage_of.append(storage)
        self._bind(tensor, index)
        return index

    def _bind(self, tensor: Tensor, index: int) -> None:
        self._values[id(tensor)] = index
        self._handles.setdefault(index, []).append(id(tensor))
        self._alive.append(tensor)

    def value_of(self, tensor: Tensor) -> int:
        """The index of a tensor.

        Raises: NotWritable if nothing made it.
        """
        found = self._values.get(id(tensor))
        if found is None:
            raise NotWritable("it uses an array that is neither an input nor made by an operation")
        return found

    def summands(self, value: int) -> tuple[int, ...]:
        """What autograd added up to get a value, in order."""
        found: list[int] = []
        while value in self._sums:
            value, last = self._sums[value]
            found.append(last)
        return (value, *reversed(found))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        facts = _facts(func)
        if facts.is_property:
            result = func(*args, **kwargs) if self._fake else evaluate(func, *args, **kwargs)
            if isinstance(result, Tensor):
                known = self._values.get(id(args[0]))
                if known is None:
                    self._enter_constant(args[0])
                    known = self._values[id(args[0])]
                self._bind(result, known)
            return result
        read: list[int] = []

        def placed(item: Any) -> Any:
            if isinstance(item, Tensor):
                if id(item) not in self._values:
                    self._enter_constant(item)
                read.append(self._values[id(item)])
                return Place(len(read) - 1)
            if isinstance(item, list | tuple):
                return type(item)(map(placed, item)) if type(item) in (list, tuple) else item
            return GENERATOR if isinstance(item, torch.Generator) else item

        own_args = tuple(map(placed, args))
        own_kwargs = {key: placed(item) for key, item in kwargs.items()}
        reads = tuple(read)
        written = _written_arguments(facts, args, kwargs)
        result = separated(func, func(*args, **kwargs)) if self._fake else evaluate(func, *args, **kwargs)
        accumulates = (
            self.differentiates and func in _ACCUMULATIONS and len(reads) == 2
            and torch._C._current_autograd_node() is None
        )  # fmt: skip
        if len(written) == 1 and result is written[0] and not facts.random:
            if facts.functional is not None and self._stands_alone(result):
                self._replace(result, Call(facts.functional, own_args, own_kwargs), reads, accumulates)
                return result
        outputs: list[int | None] = []
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if not isinstance(tensor, Tensor):
                outputs.append(None)
            elif id(tensor) in self._values:
                outputs.append(self._values[id(tensor)])
            else:
                outputs.append(self.enter(tensor, given=False))
        for position, nbytes in real_bytes(func, args, result if isinstance(result, tuple) else (result,)).items():
            self._set_bytes(outputs[position], nbytes)
        if accumulates and outputs[0] is not None:
            self._sums[outputs[0]] = reads[0], reads[1]
        writes = tuple(self.storage_of[self.value_of(tensor)] for tensor in written)
        keeps = func is aten.mkldnn_rnn_layer.default and torch.is_grad_enabled()
        function = _WithGradients(func) if keeps else func
        call = Call(function, own_args, own_kwargs, facts.random, isinstance(result, tuple | list))
        self.steps.append(Step(call, reads, tuple(outputs), writes))
        return result

    def _set_bytes(self, index: int | None, nbytes: int) -> None:
        """The storage of a value holds another number of bytes than torch told; a workspace is nothing but bytes."""
        assert index is not None
        self.nbytes[self.storage_of[index]] = nbytes
        if self.layouts[index].dtype is torch.uint8:
            self.layouts[index] = contiguous_layout((nbytes,), torch.uint8)

    def _enter_constant(self, tensor: Tensor) -> None:
        """A tensor that the operator made from Python numbers: a step gives it."""
        constant = tensor.constant if isinstance(tensor, FakeTensor) else None
        if constant is None:
            raise NotWritable("it uses an array that is neither an input nor made by an operation")
        value = constant.clone()
        self.steps.append(Step(Call(_Constant(value), (), {}), (), (self.enter(tensor, given=False),), ()))

    def _stands_alone(self, tensor: Tensor) -> bool:
        """Whether nothing else is a window on the storage of a tensor, which was made here."""
        index = self._values.get(id(tensor))
        if index is None:
            return False
        storage = self.storage_of[index]
        layout = self.layouts[index]
        return (
            storage not in self._given and layout.size * layout.dtype.itemsize == self.nbytes[storage]
            and sum(other == storage for other in self.storage_of) == 1
        )  # fmt: skip

    def _replace(self, tensor: Tensor, call: Call, reads: tuple[int, ...], accumulates: bool) -> None:
        """A tensor has changed: from now on it is another value, in a storage of its own."""
        before = self._values[id(tensor)]
        index = self._new_value(tensor, self._new_storage(storage_of(tensor)))
        for handle in self._handles.pop(before):
            self._values[handle] = index
            self._handles[index].append(handle)
        self.steps.append(Step(call, reads, (index,), ()))
        if accumulates:
            self._sums[index] = reads[0], reads[1]


class _WithGradients:
    """An operation that asks autograd's mode what to keep for its gradient."""

    def __init__(self, function: Any):
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with torch.enable_grad():
            return self._function(*args, **kwargs)

    def __str__(self) -> str:
        return str(self._function)


class _Constant:
    """Gives a copy of a constant tensor."""

    def __init__(self, value: Tensor):
        self._value = value

    def __call__(self) -> Tensor:
        return self._value.clone()

    def __str__(self) -> str:
        return "constant"


class _Facts(NamedTuple):
    """What the schema of an operation says.

    is_property  it tells something of a tensor, or gives another handle on it
    random       it draws random numbers
    functional   the operation that gives as a new tensor what it makes in place of its first argument; None if there is
                 none
    written      positions and names of the arguments that it changes
    """

    is_property: bool
    random: bool
    functional: Any
    written: tuple[tuple[int, str], ...]


@cache
def _facts(func: Any) -> _Facts:
    written = tuple(
        (position, argument.name) for position, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )  # fmt: skip
    random = torch.Tag.nondeterministic_seeded in func.tags
    return _Facts(str(func).startswith(_PROPERTIES), random, _functional(func), written)


def _functional(func: Any) -> Any:
    """The operation that gives as a new tensor what func makes of its first argument in place, if there is one."""
    packet, _, overload = str(func).partition("aten.")[2].partition(".")
    if not packet.endswith("_") or packet.endswith("__"):
        return None
    found = getattr(aten, packet[:-1], None)
    found = getattr(found, overload, None) if found is not None else None
    if found is None:
        return None
    same = [a.name for a in found._schema.arguments] == [a.name for a in func._schema.arguments]
    return found if same else None


def _written_arguments(facts: _Facts, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Tensor]:
    """The tensors among the arguments that an operation changes."""
    found: list[Tensor] = []
    for position, name in facts.written:
        given = args[position] if position < len(args) else kwargs.get(name)
        found += [item for item in (given if isinstance(given, tuple | list) else (given,)) if isinstance(item, Tensor)]
    return found


_templates: OrderedDict[Any, Template] = OrderedDict()


def template(
    key: Any, function: Callable[..., Any], layouts: Sequence[Layout], needs: Sequence[bool], device: torch.device
) -> Template:
    """The template of a function of tensors with these layouts; of equal keys there is one.

    needs: for which of them a gradient is asked.
    Raises: NotWritable if it can't be written down; MXNetError if the function raises that.
    """
    key = (key, tuple(layouts), tuple(needs), str(device))
    with _lock:
        found = _templates.get(key)
        if found is None:
            try:
                found = _trace(function, layouts, needs, device)
            except (RuntimeError, TypeError, ValueError, NotImplementedError, AssertionError) as error:
                if isinstance(error, MXNetError):
                    raise
                raise NotWritable(str(error)) from error
            if len(_templates) >= _MOST_TEMPLATES:
                _templates.popitem(last=False)
            _templates[key] = found
        return found


def _trace(
    function: Callable[..., Any], layouts: Sequence[Layout], needs: Sequence[bool], device: torch.device
) -> Template:
    """The template of a function; by FakeTensorMode on other devices than the CPU, and where stand-ins can't do."""
    if device.type != "cpu":
        return trace(function, layouts, needs, device, fake=True)
    try:
        return trace(function, layouts, needs, device)
    except MXNetError:
        raise
    except Exception:  # noqa: BLE001  # what is wrong with the call, fake tensors say
        return trace(function, layouts, needs, device, fake=True)


def trace(
    function: Callable[..., Any], layouts: Sequence[Layout], needs: Sequence[bool], device: torch.device,
    fake: bool = False,
) -> Template:  # fmt: skip
    """The template of a function, written down anew; fake: by FakeTensorMode."""
    recorder = Recorder(fake)
    made = Template(recorder)
    with recorder.around(), torch.set_grad_enabled(any(needs)):
        tensors: list[Tensor] = []
        for layout, need in zip(layouts, needs, strict=True):
            tensor = recorder.new_tensor(layout, device)
            need = need and (layout.dtype.is_floating_point or layout.dtype.is_complex)
            tensors.append(tensor.requires_grad_() if need else tensor)
            made._leaves.append(tensors[-1] if need else None)
        made.inputs = tuple(recorder.enter(tensor) for tensor in tensors)
        with recorder:
            result = function(*tensors)
        results = result if isinstance(result, tuple | list) else (result,)
        made._tensors = list(results)
        made.outputs = tuple(-1 if t is None else recorder.value_of(t) for t in results)
        made.requires_grad = tuple(isinstance(t, Tensor) and t.requires_grad for t in results)
    made.forward = tuple(recorder.steps)
    recorder.steps.clear()
    return made


def template_for(
    node: Node, function: Callable[..., Any], layouts: Sequence[Layout], needs: Sequence[bool], training: bool,
    device: torch.device, copies: bool = False,
) -> Template:  # fmt: skip
    """The template of a node; function runs it on the tensors of its inputs, and copies windows or doesn't."""
    assert node.op is not None
    own = tuple((key, text) for key, text in node.attributes.items() if key in node.op.attributes)
    key: Any = (node.op, own, node.input_names, node.op.uses_training and training, copies)
    if node.subgraphs:
        key = (*key, node)
    return template(key, function, layouts, needs, device)


def clone_template(
    layout: Layout, device: torch.device, memory_format: torch.memory_format = torch.contiguous_format
) -> Template:
    """The template of a copy, contiguous by default."""
    return template(
        ("clone", memory_format), lambda t: t.clone(memory_format=memory_format), (layout,), (False,), device
    )


def ones_template(layout: Layout, device: torch.device) -> Template:
    """The template of ones like a tensor."""
    return template("ones", torch.ones_like, (layout,), (False,), device)


def sum_template(first: Layout, second: Layout, device: torch.device) -> Template:
    """The template of the sum of two gradients."""
    return template("sum", torch.add, (first, second), (False, False), device)

