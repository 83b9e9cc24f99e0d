"""Symbol: outputs of a graph, composed by calling operators, and inferred, saved, bound and evaluated."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from operator import index
from typing import Any

import numpy as np

from ..attribute import AttrScope
from ..base import MXNetError, NoNumberOfSymbol, NotImplementedForSymbol, _Null
from ..context import Context
from ..graph.graph import USER_ATTRIBUTES, Graph, Node, Value, hint_init, make_variable
from ..graph.infer import infer_dtypes, infer_shapes, is_known
from ..graph.json import dump_graph, load_graph
from ..name import NameManager
from ..ops.attributes import format_attribute
from ..ops.dtypes import DTYPE_CODES, dtype_name, numpy_dtype
from ..ops.registry import Operator, PartialShape, get_operator

NUMBERS = (int, float, np.number, np.bool_)


class NotASymbolError(MXNetError, AssertionError, TypeError):
    """Something that is not a symbol was passed where an operator takes a symbol."""


class Symbol:
    """One or more outputs of a graph of operators; nothing is computed until it is bound to arrays.

    Symbols come from `mx.sym.var` and from operators (`mx.sym.FullyConnected(data=...)`). Calling a symbol composes
    it with others; indexing picks outputs.
    """

    __slots__ = ("_graph", "_outputs")

    def __init__(self, handle: Any):
        """A symbol for the outputs of a graph.

        Args:
            handle: a Graph, a sequence of its values, or another Symbol.
        """
        if isinstance(handle, Symbol):
            self._outputs: tuple[Value, ...] = handle._outputs
        elif isinstance(handle, Graph):
            self._outputs = handle.outputs
        else:
            self._outputs = tuple(handle)
        self._graph: Graph | None = handle if isinstance(handle, Graph) else None

    @property
    def graph(self) -> Graph:
        """The graph that the outputs depend on."""
        if self._graph is None:
            self._graph = Graph(self._outputs)
        return self._graph

    @property
    def handle(self) -> Graph:
        """The graph (MXNet has a C handle here)."""
        return self.graph

    # Names and structure

    @property
    def name(self) -> str | None:
        """The name of the node that all outputs belong to; None for a group."""
        nodes = {value.node for value in self._outputs}
        return self._outputs[0].node.name if len(nodes) == 1 else None

    def __repr__(self) -> str:
        if self.name is None:
            return f"<{type(self).__name__} group [{', '.join(str(part.name) for part in self)}]>"
        return f"<{type(self).__name__} {self.name}>"

    def __len__(self) -> int:
        return len(self._outputs)

    def __iter__(self) -> Iterator[Symbol]:
        return (type(self)((value,)) for value in self._outputs)

    def __getitem__(self, index: Any) -> Any:
        """The output with a number or a name, or the group of a slice of them.

        Raises: ValueError for a name that no output, or more than one, has; IndexError for a number out of range.
        """
        if isinstance(index, str):
            found = [value for value, name in zip(self._outputs, self.list_outputs(), strict=True) if name == index]
            if len(found) != 1:
                problem = "There are multiple outputs with name" if found else "Cannot find output that matches name"
                raise ValueError(f'{problem} "{index}"')
            return type(self)(found)
        if isinstance(index, slice):
            picked = self._outputs[index]
            if not picked or (index.stop is not None and index.stop > len(self._outputs)):
                raise IndexError(f"slice {index} is empty or out of range: the symbol has {len(self._outputs)} outputs")
            return type(self)(picked)
        if not isinstance(index, int | np.integer):
            raise TypeError("Symbol only support integer index to fetch i-th output")
        if not -len(self._outputs) <= index < len(self._outputs):
            raise IndexError(f"index {index} is out of range: the symbol has {len(self._outputs)} outputs")
        return type(self)((self._outputs[index],))

    def list_arguments(self) -> list[str]:
        """Names of the variables that are not auxiliary states, in depth-first order."""
        auxiliary = self.graph.auxiliary()
        return [node.name for node in self.graph.variables if node not in auxiliary]

    def list_auxiliary_states(self) -> list[str]:
        """Names of the variables that operators change in place, in depth-first order."""
        auxiliary = self.graph.auxiliary()
        return [node.name for node in self.graph.variables if node in auxiliary]

    def list_inputs(self) -> list[str]:
        """Names of all variables, in depth-first order."""
        return [node.name for node in self.graph.variables]

    def list_outputs(self) -> list[str]:
        """Names of the outputs."""
        return [value.node.output_name(value.index) for value in self._outputs]

    def get_internals(self) -> Symbol:
        """The group of every output of every node."""
        return type(self)(
            Value(node, index) for node in self.graph.nodes for index in range(node.num_visible_outputs)
        )

    def get_children(self) -> Symbol | None:
        """The group of the inputs of the output nodes; None for a variable."""
        nodes = dict.fromkeys(value.node for value in self._outputs)
        children = [value for node in nodes for value in node.inputs]
        return type(self)(children) if children else None

    # Attributes

    def attr(self, key: str) -> str | None:
        """The string of an attribute of the node, or None; user's attributes also without underscores."""
        if self.name is None:
            return None
        return _shown_attributes(self._outputs[0].node).get(key)

    def list_attr(self, recursive: bool = False) -> dict[str, str]:
        """All attributes of the node.

        Raises: DeprecationWarning as an error with recursive; use attr_dict.
        """
        if recursive:
            raise DeprecationWarning(
                "Symbol.list_attr with recursive=True has been deprecated. Please use attr_dict instead."
            )
        return _shown_attributes(self._outputs[0].node) if self.name is not None else {}

    def attr_dict(self) -> dict[str, dict[str, str]]:
        """For each node that has some, its attributes."""
        return {node.name: _shown_attributes(node) for node in self.graph.nodes if node.attributes}

    def _set_attr(self, **kwargs: str) -> None:
        """Attach strings to the node, or change attributes of its operator.

        Raises: ValueError for a value that isn't a string; MXNetError for a group, a bad value, or a name that neither
            the operator has nor begins and ends with two underscores.
        """
        if self.name is None:
            raise MXNetError("Symbol.SetAttrs only works for non-grouped symbol")
        node = self._outputs[0].node
        changed = {**node.attributes, **_checked_attributes(node.op, kwargs)}
        if node.op is not None:
            node.op.parse_attributes({key: value for key, value in changed.items() if key in node.op.attributes})
        node.attributes.update(changed)
        node._attrs = None

    # Composition

    def __call__(self, *args: Symbol, **kwargs: Any) -> Symbol:
        """A copy in which variables are replaced by other symbols.

        Args: symbols by the name of the variable they replace; ``name`` renames the output node.
        Raises: MXNetError for positional symbols on a graph, or a name that is no variable.
        """
        name = kwargs.pop("name", None)
        if args and kwargs:
            raise TypeError("compose only accept input Symbols either as positional or keyword arguments, not both")
        if args:
            raise MXNetError(
                "General composition only support kwargs for now: pass each symbol by the variable's name."
            )
        for key, symbol in kwargs.items():
            if not isinstance(symbol, Symbol):
                raise TypeError("Compose expect `Symbol` as arguments")
            if len(symbol) != 1:
                raise MXNetError(f"Keyword Argument {key} is a tuple, single value is required")
        known = self.list_inputs()
        for key in kwargs:
            if key not in known:
                raise MXNetError(f"Symbol {self.name}: there is no variable {key!r}; it has {', '.join(known)}.")
        heads = {value.node for value in self._outputs}
        originals = iter(self.graph.nodes)

        def choose(node: Node) -> Node | Value:
            original = next(originals)
            if original.op is None and original.name in kwargs:
                return kwargs[original.name]._outputs[0]
            return node.replaced(name=name) if name and original in heads else node

        return type(self)(self.graph.rebuild(choose))

    def __copy__(self) -> Symbol:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Symbol:
        graph = self.graph.rebuild(Node.replaced)
        return type(self)(graph)

    def __getstate__(self) -> dict[str, str]:
        return {"handle": self.tojson()}

    def __setstate__(self, state: dict[str, str]) -> None:
        graph = load_graph(state["handle"])
        self._outputs, self._graph = graph.outputs, graph

    # Inference

    def infer_shape(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """Shapes of arguments, outputs and auxiliary states, from those of some arguments.

        Args: shapes of arguments in order (None or () where not known), or by name; 0 stands for an unknown size.
        Returns: three lists of tuples; three Nones (with a warning) if not everything can be inferred.
        Raises: MXNetError if the shapes contradict each other.
        """
        shapes = self._infer_shapes(args, kwargs)
        result = self._split(shapes)
        if not all(is_known(shape) for shape in (*result[0], *result[1], *result[2])):
            unknown = [
                f"{name}: {_shown_shape(shape)}"
                for name, shape in zip(self.list_arguments(), result[0], strict=True) if not is_known(shape)
            ]  # fmt: skip
            warnings.warn(
                "Cannot decide shape for the following arguments (0s in shape means unknown dimensions). "
                "Consider providing them as input:\n\t" + _first_lines(unknown), stacklevel=2,
            )  # fmt: skip
            return None, None, None
        return result

    def infer_shape_partial(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """Like `infer_shape`, but unknown sizes come out as 0 and unknown shapes as ()."""
        arguments, outputs, auxiliary = self._split(self._infer_shapes(args, kwargs))
        return tuple([_shown_shape(shape) for shape in part] for part in (arguments, outputs, auxiliary))  # type: ignore[return-value]

    def _infer_shapes(self, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[Value, PartialShape]:
        if args and kwargs:
            raise ValueError("Can only specify known argument shapes either by positional or kwargs way.")
        if args:
            kwargs = {n: s for n, s in self._by_position(args).items() if s is not None}
        known: dict[str, PartialShape] = {}
        for name, shape in kwargs.items():
            if shape is None:
                continue
            known[name] = _given_shape(name, shape) or None
        self._check_names(kwargs, "infer_shape")
        try:  # operators may look at dtypes; where these contradict each other, shapes follow all the same
            dtypes = infer_dtypes(self.graph, {})
        except MXNetError:
            dtypes = {}
        return infer_shapes(self.graph, known, dtypes)  # type: ignore[arg-type]

    def _by_position(self, args: Sequence[Any]) -> dict[str, Any]:
        names = self.list_arguments()
        if len(args) > len(names):
            raise MXNetError(f"{len(args)} values were given; there are {len(names)} arguments: {', '.join(names)}.")
        return dict(zip(names, args, strict=False))

    def _check_names(self, given: dict[str, Any], caller: str) -> None:
        inputs = self.list_inputs()
        for name in given:
            if name not in inputs:
                raise MXNetError(f"{caller}: there is no argument {name!r}; the arguments are {', '.join(inputs)}.")

    def infer_type(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """Dtypes of arguments, outputs and auxiliary states, from those of some arguments.

        Returns: three lists of NumPy types; three Nones (with a warning) if not everything can be inferred.
        Raises: MXNetError if the dtypes contradict each other.
        """
        result = self._infer_dtypes(args, kwargs, None)
        if any(dtype is None for part in result for dtype in part):
            unknown = [f"{n}: None" for n, dtype in zip(self.list_arguments(), result[0], strict=True) if dtype is None]
            warnings.warn(
                "Cannot decide type for the following arguments. Consider providing them as input:\n\t"
                + _first_lines(unknown), stacklevel=2,
            )  # fmt: skip
            return None, None, None
        return result

    def infer_type_partial(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """Like `infer_type`, with None for what is not known."""
        return self._infer_dtypes(args, kwargs, None)

    def _infer_dtypes(self, args: Sequence[Any], kwargs: dict[str, Any], default: str | None) -> tuple[Any, Any, Any]:
        if args and kwargs:
            raise ValueError("Can only specify known argument types either by positional or kwargs way.")
        if args:
            kwargs = self._by_position(args)
        self._check_names(kwargs, "infer_type")
        known = {name: dtype_name(dtype) for name, dtype in kwargs.items() if dtype is not None}
        dtypes = infer_dtypes(self.graph, known, default)
        return self._split({value: None if d is None else numpy_dtype(d) for value, d in dtypes.items()})

    def _split(self, found: dict[Value, Any]) -> tuple[list[Any], list[Any], list[Any]]:
        auxiliary = self.graph.auxiliary()
        variables = self.graph.variables
        return (
            [found[Value(node, 0)] for node in variables if node not in auxiliary],
            [found[value] for value in self._outputs],
            [found[Value(node, 0)] for node in variables if node in auxiliary],
        )

    # Files

    def tojson(self, remove_amp_cast: bool = True) -> str:
        """The JSON text of the graph.

        Args:
            remove_amp_cast: leave out the casts that automatic mixed precision put in.
        """
        graph = self.graph
        if remove_amp_cast:
            graph = graph.rebuild(_without_amp_cast)
        return dump_graph(graph)

    def save(self, fname: str, remove_amp_cast: bool = True) -> None:
        """Save the JSON text to a file, replaced only once it is whole."""
        from ..files import replace_atomically

        if not isinstance(fname, str | os.PathLike):
            raise TypeError("fname need to be string")
        with replace_atomically(fname, "w") as file:
            file.write(self.tojson(remove_amp_cast))

    def debug_str(self) -> str:
        """The nodes with their inputs and attributes, as text."""
        lines = ["Symbol Outputs:"]
        lines += [f"\toutput[{i}]={value.node.name}({value.index})" for i, value in enumerate(self._outputs)]
        variables, auxiliary = set(self.graph.variables), self.graph.auxiliary()
        for node in self.graph.nodes:
            if node.op is None:
                lines.append(f"Variable:{node.name}")
                continue
            lines += ["-" * 20, f"Op:{node.op.name}, Name={node.name}", "Inputs:"]
            for position, value in enumerate(node.inputs):
                version = f" version={int(value.node in auxiliary)}" if value.node in variables else ""
                lines.append(f"\targ[{position}]={value.node.name}({value.index}){version}")
            if node.attributes:
                lines.append("Attrs:")
                lines += [f"\t{key}={value}" for key, value in sorted(node.attributes.items())]
        return "\n".join(lines) + "\n"

    # Running

    def bind(
        self, ctx: Context, args: Any, args_grad: Any = None, grad_req: Any = "write", aux_states: Any = None,
        group2ctx: dict[str, Context] | None = None, shared_exec: Any = None,
        memory_budget: int | float | None = None, recompute: bool | None = None,
    ) -> Any:  # fmt: skip
        """An executor on given arrays.

        Args:
            ctx: device.
            args: arrays of all arguments, as a list or by name.
            args_grad: arrays that take the gradients, as a list (None: no gradient) or by name.
            grad_req: "write", "add" or "null", for all, as a list, or by name.
            aux_states: arrays of all auxiliary states, as a list or by name.
            group2ctx: devices of the groups that the attribute ctx_group names; so far they must all be the device
                of ctx (cpu(0) and cpu(1) are one).
            shared_exec: an executor that doesn't run at the same time: memory_budget as a fraction gives at least the
                bytes that it gave there. (Memory is shared by all executors in any case.)
            memory_budget, recompute: as for `simple_bind`.
        Raises: ValueError if an array is missing; MXNetError if shapes contradict each other, or a budget can't be met.
        """
        from ..executor import bind

        return bind(self, ctx, args, args_grad, grad_req, aux_states, group2ctx, shared_exec, memory_budget, recompute)

    def simple_bind(
        self, ctx: Context, grad_req: Any = "write", type_dict: dict[str, Any] | None = None,
        stype_dict: dict[str, str] | None = None, group2ctx: dict[str, Context] | None = None,
        shared_arg_names: list[str] | None = None, shared_exec: Any = None,
        shared_buffer: dict[str, Any] | None = None, memory_budget: int | float | None = None,
        recompute: bool | None = None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """An executor on arrays of zeros, made for the shapes that follow from the given ones.

        Args:
            ctx, grad_req, group2ctx, shared_exec: as for `bind`.
            type_dict: dtypes of arguments by name.
            stype_dict: storage types of arguments by name, "default", "row_sparse" or "csr", in place of what variables
                ask for. Outputs and gradients get the storage types that MXNet infers.
            shared_arg_names: arguments whose arrays are taken from shared_exec.
            shared_buffer: arrays by name that are used where they are large enough, and to which new ones are added.
            memory_budget: the most memory that a step may need, parameters and gradients included: bytes, or a fraction
                of what a training step needs without a budget (which a forward pass, with nothing to compute again,
                isn't bound by). Default MXNET_MEMORY_BUDGET. To stay under it, results are computed again in the
                backward pass; they are the same to the bit.
            recompute: False: nothing is computed again in the backward pass, all that it reads is kept; True: all that
                is cheap is computed again, for the smallest plan that gives, and under a budget more; default: as far
                as it takes less than 3 % of the step, and under a budget more. Default MXNET_BACKWARD_DO_MIRROR.
            kwargs: shapes of arguments by name.
        Raises: MXNetError if a shape can't be inferred, shapes contradict each other, or a budget can't be met (it says
            the smallest that can).
        """
        from ..executor import simple_bind

        return simple_bind(
            self, ctx, grad_req, type_dict, stype_dict, group2ctx, shared_arg_names, shared_exec, shared_buffer, kwargs,
            memory_budget, recompute,
        )  # fmt: skip

    def eval(self, ctx: Context | None = None, **kwargs: Any) -> list[Any]:
        """The values of the outputs for arrays given by name."""
        from ..context import current_context

        return self.bind(ctx or current_context(), kwargs, grad_req="null").forward()

    def memory_plan(
        self, training: bool = True, grad_req: Any = "write", optimizer: Any = None, budget: Any = None,
        type_dict: dict[str, Any] | None = None, recompute: bool | None = None, **shapes: tuple[int, ...],
    ) -> Any:  # fmt: skip
        """The storage that a forward pass or a training step of an executor needs; nothing is computed or allocated.

        Args:
            training: a training step, forward and backward; otherwise a forward pass.
            grad_req: as for `simple_bind`; one string means the arguments that are parameters.
            optimizer: Optimizer or its name, whose states are counted.
            budget: plan for a memory budget, as `simple_bind` takes it.
            type_dict: dtypes of arguments by name.
            recompute: as for `simple_bind`.
            shapes: shapes of the inputs by name. These, and labels, are inputs; the other arguments are parameters.
        Returns: a MemoryPlan: planned_bytes, peak_bytes and so on; `str()` is a table, `plot()` a picture.
        Raises: MXNetError if a shape can't be inferred, the budget can't be met (it says the smallest that can), or
            an operator can't be planned without values.
        """
        from .budget import limits
        from .planning import plan_symbol

        asked = limits("memory_plan", budget, recompute, training)
        given = {name: _given_shape(name, shape) for name, shape in shapes.items()}
        return plan_symbol(self, training, grad_req, optimizer, asked, type_dict, given)

    def gradient(self, wrt: list[str]) -> Symbol:
        """Not available, as in MXNet 1.9.1: bind the symbol and call backward.

        Raises: MXNetError always.
        """
        raise MXNetError("Symbol.gradient is not implemented; use bind(...).backward() or autograd.")

    # What only arrays have

    def _only_arrays(self, name: str, *args: Any) -> Any:
        raise NotImplementedForSymbol(name, None, *args)

    def __bool__(self) -> bool:
        raise NotImplementedForSymbol("__bool__", "bool")

    __array_ufunc__ = None  # NumPy's numbers leave arithmetic to the symbol

    def __float__(self) -> float:
        raise NoNumberOfSymbol("__float__", "float")

    def __int__(self) -> int:
        raise NoNumberOfSymbol("__int__", "int")

    def __index__(self) -> int:
        raise NoNumberOfSymbol("__index__", "index")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise NoNumberOfSymbol("__array__", "numpy.asarray")

    def wait_to_read(self) -> None:
        """Only arrays have this."""
        self._only_arrays("wait_to_read")

    def asnumpy(self) -> None:
        """Only arrays have this."""
        self._only_arrays("asnumpy")

    def asscalar(self) -> None:
        """Only arrays have this."""
        self._only_arrays("asscalar")

    def copy(self) -> None:
        """Only arrays have this."""
        self._only_arrays("copy")

    def as_in_context(self) -> None:
        """Only arrays have this."""
        self._only_arrays("as_in_context")

    def detach(self) -> None:
        """Only arrays have this."""
        self._only_arrays("detach")

    def backward(self) -> None:
        """Only arrays have this."""
        self._only_arrays("backward")

    def as_nd_ndarray(self) -> Symbol:
        """This symbol as mx.sym.Symbol."""
        return self

    def as_np_ndarray(self) -> Any:
        """This symbol as mx.sym.np._Symbol."""
        raise MXNetError("Symbol.as_np_ndarray is not available yet: symbols of mx.np come later (docs/status.md).")

    # Methods with a signature of their own

    def astype(
        self, dtype: Any = _Null, name: str | None = None, attr: dict[str, str] | None = None, out: Any = None,
        **kwargs: Any,
    ) -> Symbol:  # fmt: skip
        """Elements cast to dtype; out has no meaning."""
        return compose(get_operator("Cast"), [self], {"dtype": dtype, **kwargs}, hint="cast", name=name, attr=attr)

    def reshape(self, *args: Any, **kwargs: Any) -> Symbol:
        """Another shape, given as a tuple or as numbers; see the operator `reshape`. out has no meaning."""
        if args and all(isinstance(size, int) for size in args):
            args = (args,)
        for name, value in zip(("shape", "reverse", "target_shape", "keep_highest"), args, strict=False):
            if name in kwargs:
                raise TypeError(f"reshape() got multiple values for argument {name!r}")
            kwargs[name] = tuple(value) if name == "shape" else value
        if len(args) > 4:
            raise TypeError(f"reshape() takes numbers, or at most 4 positional arguments; got {args}")
        label, attr = kwargs.pop("name", None), kwargs.pop("attr", None)
        kwargs.pop("out", None)
        return compose(get_operator("Reshape"), [self], kwargs, hint="reshape", name=label, attr=attr)

    reshape.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(
                inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
                for name, default in (
                    ("shape", _Null), ("reverse", _Null), ("target_shape", _Null), ("keep_highest", _Null),
                    ("name", None), ("attr", None), ("out", None),
                )
            ),
            inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
        ]
    )  # fmt: skip

    def expand_dims(self, axis: int, inplace: bool = False, **kwargs: Any) -> Symbol:
        """One more axis, of size 1. inplace has no meaning: the executor decides."""
        return compose(get_operator("expand_dims"), [self], {"axis": axis}, hint="expand_dims", **kwargs)

    def flatten(self, inplace: bool = False, **kwargs: Any) -> Symbol:
        """Shape (first axis, all others). inplace has no meaning: the executor decides."""
        return compose(get_operator("Flatten"), [self], {}, hint="flatten", **kwargs)

    def squeeze(self, axis: Any = None, inplace: bool = False, **kwargs: Any) -> Symbol:
        """Without axes of size 1, or those given. inplace has no meaning: the executor decides."""
        return compose(get_operator("squeeze"), [self], {"axis": axis}, hint="squeeze", **kwargs)

    def diag(self, k: int = 0, **kwargs: Any) -> Symbol:
        """A diagonal, or the matrix with it."""
        return compose(get_operator("diag"), [self], {"k": k}, hint="diag", **kwargs)

    def split_v2(self, indices_or_sections: Any, axis: int = 0, squeeze_axis: bool = False) -> Symbol:
        """Split along an axis into equally many parts, or before each of the given indices."""
        from .functions import split_v2

        return split_v2(self, indices_or_sections, axis, squeeze_axis)

    def optimize_for(
        self, backend: str, args: Any = None, aux: Any = None, ctx: Context | None = None, shape_dict: Any = None,
        type_dict: Any = None, stype_dict: Any = None, skip_infer: bool = False, **kwargs: Any,
    ) -> Symbol:  # fmt: skip
        """The symbol changed for a backend, for inference; bound for training, it trains as it was.

        Arguments and auxiliary states stay the same, and so do the names of outputs. Its executors keep what depends on
        parameters, such as folded and packed weights, until they change. That holds for what is returned here: JSON
        files, and symbols composed with it, have the changed graph alone.

        Args:
            backend: "oneDNN" (also "MKLDNN", "fuse"): mxnext's own fusing passes; "inductor", "onnxruntime",
                "openvino", "tensorrt"; or what `mxnet.graph.backends` has been told of.
            args, aux: arrays of arguments and auxiliary states, in order or by name.
            ctx: no meaning here: a backend compiles when the symbol runs, for the device on which it does.
            shape_dict, type_dict: shapes and dtypes of further arguments; together with args they must agree.
            stype_dict: storage types; only "default".
            skip_infer: don't check shapes and dtypes.
            kwargs: options of the backend or the passes. args_are_parameters=True says that args and aux hold
                parameters alone, which stay the same from run to run: a backend takes them for constants, and of
                dicts, what depends on them alone is computed now and put into args, what isn't needed any more is
                removed, and what is no state any more moves from aux to args.
        Returns: a symbol with the same outputs.
        Raises: MXNetError for an unknown backend, or shapes or dtypes that contradict each other.
        """
        from .backends import optimize_symbol

        return optimize_symbol(self, backend, args, aux, shape_dict, type_dict, stype_dict, skip_infer, kwargs)

    def get_backend_symbol(self, backend: str) -> Symbol:
        """The symbol changed for a backend; as `optimize_for` without arrays.

        Raises: MXNetError for an unknown backend.
        """
        return self.optimize_for(backend)

    def __neg__(self) -> Symbol:
        return binary(self, -1.0, "_Mul", "_MulScalar")

    def __abs__(self) -> Symbol:
        return compose(get_operator("abs"), [self], {}, hint="abs")

    def __hash__(self) -> int:
        return id(self) >> 4


def _without_amp_cast(node: Node) -> Node | Value:
    if node.op is not None and node.op.name == "amp_cast":
        return node.inputs[0]
    if node.subgraphs:
        return node.replaced(subgraphs=tuple(graph.rebuild(_without_amp_cast) for graph in node.subgraphs))
    return node


def _first_lines(unknown: list[str]) -> str:
    return "\n\t".join(unknown if len(unknown) <= 10 else [*unknown[:10], "..."])


def _checked_attributes(op: Operator | None, given: dict[str, Any] | None) -> dict[str, str]:
    """Strings that a user attaches to a node, under the names that files hold.

    Raises: ValueError for a value that isn't a string; MXNetError for a name that a node can't have.
    """
    checked = {}
    for key, value in (given or {}).items():
        if not isinstance(value, str):
            raise ValueError(f"Set Attr only accepts string values; {key} is {value!r}")
        argument = next((key[: -len(name) - 1] for name in USER_ATTRIBUTES if key.endswith("_" + name)), None)
        if argument is not None:
            raise MXNetError(
                f"setting variable attributes with {key} is deprecated. please instead use\n"
                f"w = Variable({key[len(argument) + 1:]}={value})\nsym = YourSymbolName({argument}=w)"
            )
        if op is not None and key not in op.attributes and key not in USER_ATTRIBUTES and not _is_hidden(key):
            raise MXNetError(
                f"Cannot find argument {key!r}, Possible Arguments: "
                f"{', '.join((*op.inputs, *op.attributes)) or 'none'}, in operator {op.name}; "
                "strings of your own begin and end with two underscores."
            )
        checked[_hidden_key(key)] = value
    return checked


def _is_hidden(key: str) -> bool:
    return key.startswith("__") and key.endswith("__")


def _given_shape(name: str, shape: Any) -> tuple[int, ...]:
    """The shape given for an argument, where 0, -1 and None stand for unknown sizes, which become -1.

    Raises: TypeError if it is no tuple or list of integers; MXNetError for a size below -1.
    """
    if not isinstance(shape, tuple | list):
        raise TypeError(f"Arguments need to be shapes (tuple), but {name!r} is {type(shape)}.")
    try:
        sizes = tuple(-1 if extent in (0, None) else index(extent) for extent in shape)
    except TypeError:
        raise TypeError(f"the shape of {name!r} is {shape}; expected a tuple of integers.") from None
    if any(extent < -1 for extent in sizes):
        raise MXNetError(
            f"the shape of {name!r} is {shape}; expected sizes that are not negative, or 0 or -1 for those not known."
        )
    return sizes


def _shown_shape(shape: PartialShape) -> tuple[int, ...]:
    return () if shape is None else tuple(0 if extent == -1 else extent for extent in shape)


def _hidden_key(key: str) -> str:
    return f"__{key}__" if key in USER_ATTRIBUTES else key


def _shown_attributes(node: Node) -> dict[str, str]:
    shown = {}
    for key, value in node.attributes.items():
        shown[key] = value
        if key.startswith("__") and key.endswith("__") and key[2:-2] in USER_ATTRIBUTES:
            shown[key[2:-2]] = value
    return shown


def binary(lhs: Any, rhs: Any, name: str, scalar_name: str, reverse_name: str | None = None) -> Symbol:
    """A binary operator on two symbols or a symbol and a number.

    Raises: TypeError for anything else.
    """
    if isinstance(lhs, Symbol):
        if isinstance(rhs, Symbol):
            return compose(get_operator(name), [lhs, rhs], {}, hint=name.lower())
        if isinstance(rhs, NUMBERS):
            return compose(get_operator(scalar_name), [lhs], {"scalar": _number(rhs)}, hint=scalar_name.lower())
        raise TypeError(f"type {type(rhs)} not supported")
    if isinstance(lhs, NUMBERS) and isinstance(rhs, Symbol):
        reverse_name = reverse_name or scalar_name
        return compose(get_operator(reverse_name), [rhs], {"scalar": _number(lhs)}, hint=reverse_name.lower())
    raise TypeError(f"type {type(lhs)} not supported")


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, bool | np.bool_) else value


def compose(
    op: Operator, inputs: Sequence[Any], given: dict[str, Any], *, hint: str, name: str | None = None,
    attr: dict[str, str] | None = None, cls: type[Symbol] = Symbol, subgraphs: tuple[Graph, ...] = (),
) -> Symbol:  # fmt: skip
    """The symbol of an operator applied to symbols; missing inputs become variables.

    Args:
        inputs: symbols in the order of the operator's inputs, None for those not given.
        given: attributes of the operator and users' attributes such as lr_mult; symbols by the name of an input, where
            the names of inputs depend on the attributes.
        hint: the beginning of the name if none is given.
        attr: strings to attach.
        subgraphs: what an operator with subgraphs runs.
    Raises: MXNetError for bad attributes or an input that has several outputs.
    """
    if op.takes_subgraphs and not subgraphs:
        raise MXNetError(f"{op.name}: it runs subgraphs; mx.sym.contrib.foreach, while_loop and cond make them.")
    if op._specialize is not None:
        users = {key: given[key] for key in USER_ATTRIBUTES if key in given}
        own_or_inputs = {key: value for key, value in given.items() if key not in users}
        op, inputs, given = op.specialized(inputs, own_or_inputs, Symbol)
        given = {**given, **users}
    name = NameManager.current.get(name, hint)
    scope = AttrScope.current._attr
    attached = _checked_attributes(op, {**scope, **attr} if attr else scope) if attr or scope else {}
    attributes: dict[str, str] = {}
    own: dict[str, Any] = {}
    for key, value in given.items():
        if value is _Null:
            continue
        if key in op.attributes:
            own[key] = value
            attributes[key] = format_attribute(value)
        else:
            attributes.update(_checked_attributes(op, {key: format_attribute(value)}))
    if attached:  # what is attached wins
        attributes.update(attached)
        own.update({key: value for key, value in attached.items() if key in op.attributes})
    attrs = op.parse_attributes(own)
    for position, symbol in enumerate(inputs):
        if symbol is None:
            continue
        argument = op.parameter_of(position)
        if not isinstance(symbol, Symbol):
            raise NotASymbolError(f"{op.name}: Argument {argument} must be Symbol instances, but got {symbol!r}")
        if len(symbol) != 1:
            raise MXNetError(
                f"{op.name}: Keyword Argument {argument} is a tuple, single value is required: the symbol has "
                f"{len(symbol)} outputs; pick one by index."
            )
    values: list[Value] = []
    if op.variadic:
        if op.num_inputs_attr and op.num_inputs_attr not in op.attributes:
            if not inputs:
                raise MXNetError(f"{op.name}: no symbols were given; pass at least one, or {op.num_inputs_attr}=...")
            attributes[op.num_inputs_attr] = str(len(inputs) + len(subgraphs))
        present = op.input_names(attrs, len(inputs))
        if len(inputs) > len(present):
            raise MXNetError(
                f"{op.name}: {len(inputs)} symbols were given; expected {len(present)}: {', '.join(present)}."
            )
        by_name = dict(zip(present, inputs, strict=False))
    else:
        present = op.input_names(attrs)
        by_name = dict(zip(op.inputs, inputs, strict=False))
        for argument, symbol in by_name.items():
            if symbol is not None and argument not in present:
                raise MXNetError(f"{op.name}: the input {argument} is not used with these attributes: {given}.")
    for argument in present:
        symbol = by_name.get(argument)
        if symbol is None:
            values.append(Value(make_variable(op, name, argument, attributes), 0))
        else:
            values.append(symbol._outputs[0])
            if values[-1].node.op is None:
                hint_init(op, values[-1].node, argument)
    node = Node(op, name, tuple(values), attributes, subgraphs)
    _ = node.subgraph_inputs  # checks the attributes that say which inputs subgraphs take
    return cls(Value(node, index) for index in range(node.num_visible_outputs))


def var(
    name: str, attr: dict[str, str] | None = None, shape: Any = None, lr_mult: float | None = None,
    wd_mult: float | None = None, dtype: Any = None, init: Any = None, stype: str | None = None, **kwargs: str,
) -> Symbol:  # fmt: skip
    """A variable.

    Args:
        name: its name.
        attr: strings to attach.
        shape: shape, if known; 0 stands for an unknown size.
        lr_mult, wd_mult: factors on learning rate and weight decay.
        dtype: dtype, if known.
        init: Initializer, or the string of one.
        stype: storage type: "default", "row_sparse" or "csr".
        kwargs: further attributes, whose names begin and end with two underscores.
    Raises: TypeError if the name isn't a string; ValueError for other names in kwargs.
    """
    if not isinstance(name, str):
        raise TypeError("Expect a string for variable `name`")
    attributes = _checked_attributes(None, AttrScope.current.get(attr))
    if shape is not None:
        attributes["__shape__"] = str(shape)
    if lr_mult is not None:
        attributes["__lr_mult__"] = str(lr_mult)
    if wd_mult is not None:
        attributes["__wd_mult__"] = str(wd_mult)
    if dtype is not None:
        attributes["__dtype__"] = str(DTYPE_CODES[dtype_name(dtype)])
    if init is not None:
        attributes["__init__"] = init if isinstance(init, str) else init.dumps()
    if stype is not None:
        codes = {"default": "0", "row_sparse": "1", "csr": "2"}
        if stype not in codes:
            raise ValueError(f"var: unknown storage type {stype!r}; expected one of {', '.join(codes)}.")
        attributes["__storage_type__"] = codes[stype]
    for key, value in kwargs.items():
        if not _is_hidden(key):
            raise ValueError(
                f"Attribute name={key} is not supported. Additional attributes must start and end with double "
                "underscores, e.g, __yourattr__"
            )
        attributes[key] = str(value)
    return Symbol((Value(Node(None, name, (), attributes), 0),))


Variable = var


def Group(symbols: Sequence[Symbol], create_fn: Callable[[Any], Symbol] = Symbol) -> Symbol:
    """The symbol with all outputs of several symbols."""
    symbols = list(symbols)
    if not symbols or any(not isinstance(symbol, Symbol) for symbol in symbols):
        raise TypeError("Expected a list of symbols as input")
    return create_fn([value for symbol in symbols for value in symbol._outputs])


def load(fname: str) -> Symbol:
    """The symbol in a JSON file of MXNet 0.8 or newer.

    Raises: MXNetError if there is no such file or it isn't a symbol.
    """
    if not isinstance(fname, str | os.PathLike):
        raise TypeError("fname need to be string")
    try:
        with open(fname, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise MXNetError(f"load: cannot open {fname!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MXNetError(f"load: {fname!r} is not a text file: {error}") from error
    try:
        return load_json(text)
    except MXNetError as error:
        raise MXNetError(f"load: {fname}: {error}") from error


def load_json(json_str: str) -> Symbol:
    """The symbol in a JSON text; see `load`."""
    if not isinstance(json_str, str):
        raise TypeError("fname required to be string")
    return Symbol(load_graph(json_str))


fromjson = load_json


#: method -> (operator on two symbols, on symbol and number, on number and symbol)
_ARITHMETIC = {
    "add": ("_Plus", "_PlusScalar", "_PlusScalar"),
    "sub": ("_Minus", "_MinusScalar", "_RMinusScalar"),
    "mul": ("_Mul", "_MulScalar", "_MulScalar"),
    "truediv": ("_Div", "_DivScalar", "_RDivScalar"),
    "div": ("_Div", "_DivScalar", "_RDivScalar"),
    "mod": ("_Mod", "_ModScalar", "_RModScalar"),
    "pow": ("_Power", "_PowerScalar", "_rpower_scalar"),
}
_COMPARISONS = {
    "eq": ("_equal", "_equal_scalar"),
    "ne": ("_not_equal", "_not_equal_scalar"),
    "gt": ("_greater", "_greater_scalar"),
    "ge": ("_greater_equal", "_greater_equal_scalar"),
    "lt": ("_lesser", "_lesser_scalar"),
    "le": ("_lesser_equal", "_lesser_equal_scalar"),
}


def _add_arithmetic() -> None:
    def forward(name: str, scalar: str) -> Callable[[Any, Any], Symbol]:
        return lambda self, other: binary(self, other, name, scalar)

    def reverse(name: str, scalar: str, reverse_scalar: str) -> Callable[[Any, Any], Symbol]:
        return lambda self, other: binary(other, self, name, scalar, reverse_scalar)

    for method, (name, scalar, reverse_scalar) in _ARITHMETIC.items():
        setattr(Symbol, f"__{method}__", forward(name, scalar))
        setattr(Symbol, f"__r{method}__", reverse(name, scalar, reverse_scalar))
    for method, (name, scalar) in _COMPARISONS.items():
        setattr(Symbol, f"__{method}__", forward(name, scalar))


_add_arithmetic()


def __getattr__(name: str) -> Any:
    """`mx.sym.symbol` offers the functions that make symbols, too."""
    from . import functions

    if name in functions.__all__:
        return getattr(functions, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
