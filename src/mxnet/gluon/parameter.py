"""Parameters of blocks: arrays on one or more devices, made when their shape is known."""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import autograd, initializer, symbol
from ..base import MXNetError
from ..context import Context, cpu, current_context
from ..ndarray import NDArray, load, save, zeros
from ..ndarray.recording import STATE, Untraced
from ..ndarray.sparse_gradients import clear
from ..ops.dtypes import dtype_name

if TYPE_CHECKING:
    from .backward_updates import ParameterUpdate

__all__ = ["Constant", "DeferredInitializationError", "Parameter", "ParameterDict", "tensor_types"]

tensor_types = (symbol.Symbol, NDArray)


class DeferredInitializationError(MXNetError):
    """A parameter was asked for before its shape was known."""


def shape_is_known(shape: Any) -> bool:
    """Whether a shape has no unknown size (0, or -1)."""
    return shape is not None and all(extent > 0 for extent in shape)


class Parameter:
    """A weight, bias or state of a block, on every device that it was initialized on.

    Args:
        name: full name.
        grad_req: "write", "add" or "null".
        shape: sizes; 0 or -1 for those inferred from the first input.
        dtype: dtype.
        lr_mult, wd_mult: factors on learning rate and weight decay.
        init: initializer, default that of `initialize`.
        allow_deferred_init: whether initialization may wait until the shape is known.
        differentiable: whether it ever has a gradient.
        stype: storage type of the values. "row_sparse" is for tables of which each batch uses a few rows: a `Trainer`
            keeps the whole table, and `row_sparse_data` fetches rows. Blocks that use it can't be hybridized.
        grad_stype: storage type of the gradient. "row_sparse" stores only the rows that a computation touches.
    """

    def __init__(
        self, name: str, grad_req: str = "write", shape: Any = None, dtype: Any = np.float32, lr_mult: float = 1.0,
        wd_mult: float = 1.0, init: Any = None, allow_deferred_init: bool = False, differentiable: bool = True,
        stype: str = "default", grad_stype: str = "default",
    ):  # fmt: skip
        for kind, given in (("stype", stype), ("grad_stype", grad_stype)):
            if given not in ("default", "row_sparse", "csr"):
                raise AssertionError(
                    f"{kind} for Parameter '{name}' must be one of 'default', 'row_sparse', or 'csr', but got '{given}'"
                )
        self._stype = stype
        self._grad_stype = grad_stype
        self._trainer: Any = None  # what keeps the whole values if they are row_sparse
        self._taker: ParameterUpdate | None = None  # what takes the gradients instead of gradient arrays
        self._var: Any = None
        self._data: list[NDArray] | None = None
        self._grad: list[NDArray] | None = None
        self._ctx_list: list[Context] = []
        self._deferred_init: tuple[Any, ...] = ()
        self._differentiable = differentiable
        self._allow_deferred_init = allow_deferred_init
        self._grad_req: str = "null"
        if isinstance(shape, int):
            shape = (shape,)
        self._shape = None if shape is None else tuple(shape)
        self.name = name
        self._dtype = dtype
        self.lr_mult = lr_mult
        self.wd_mult = wd_mult
        self.grad_req = grad_req
        self.init = init

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.name} (shape={self.shape}, dtype={self.dtype})"

    @property
    def grad_req(self) -> str:
        """How gradients are stored: "write", "add" or "null"."""
        return self._grad_req

    @grad_req.setter
    def grad_req(self, req: str) -> None:
        if req not in ("write", "add", "null"):
            raise AssertionError(f"grad_req must be one of 'write', 'add', or 'null', but got '{req}'")
        if not self._differentiable:
            req = "null"
        if self._grad_req == req:
            return
        if self._taker is not None:
            self._taker.check(self, req, self._ctx_list)
        self._grad_req = req
        if req == "null":
            self._grad = None
            if self._data is not None:
                self._data = [array.detach() for array in self._data]
        elif self._data is not None:
            self._init_grad()

    @property
    def dtype(self) -> Any:
        """Dtype of the values; set it with `cast`."""
        return self._dtype

    @dtype.setter
    def dtype(self, dtype: Any) -> None:
        self.cast(dtype)

    @property
    def stype(self) -> str:
        """Storage type of the values."""
        return self._stype

    @property
    def grad_stype(self) -> str:
        """Storage type of the gradient."""
        return self._grad_stype

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Sizes, 0 for those not known yet."""
        return self._shape

    @shape.setter
    def shape(self, new_shape: Any) -> None:
        if new_shape is None:
            self._shape = None
            return
        new_shape = tuple(new_shape)
        if self._shape is not None and (
            len(self._shape) != len(new_shape)
            or any(old not in (0, -1, new) for old, new in zip(self._shape, new_shape, strict=True))
        ):
            raise AssertionError(
                f"Expected shape {new_shape} is incompatible with given shape {self._shape} for Parameter {self.name}."
            )
        self._shape = new_shape

    # Initialization

    def initialize(
        self, init: Any = None, ctx: Any = None, default_init: Any = None, force_reinit: bool = False
    ) -> None:
        """Make the arrays and set their values.

        Args:
            init: initializer, default `self.init`, then default_init.
            ctx: device or list of devices, default the current one.
            default_init: default Uniform().
            force_reinit: initialize again what is initialized.
        Raises: ValueError if the shape is not known and initialization may not be deferred.
        """
        default_init = initializer.Uniform() if default_init is None else default_init
        if self._data is not None and not force_reinit:
            warnings.warn(
                f"Parameter '{self.name}' is already initialized, ignoring. Set force_reinit=True to re-initialize.",
                stacklevel=2,
            )
            return
        self._data = self._grad = None
        contexts = _contexts(ctx)
        if init is None:
            init = default_init if self.init is None else self.init
        if not shape_is_known(self.shape):
            if self._allow_deferred_init:
                self._deferred_init = (init, contexts, default_init, None)
                return
            raise ValueError(f"Cannot initialize Parameter '{self.name}' because it has invalid shape: {self.shape}.")
        self._deferred_init = (init, contexts, default_init, None)
        self._finish_deferred_init()

    def _finish_deferred_init(self) -> None:
        if not self._deferred_init:
            return
        init, contexts, default_init, data = self._deferred_init
        if not shape_is_known(self.shape):
            raise AssertionError(
                f"Cannot initialize Parameter '{self.name}' because it has invalid shape: {self.shape}. Please specify "
                "in_units, in_channels, etc for `Block`s."
            )
        self._deferred_init = ()
        with autograd.pause(), Untraced():
            if data is None:
                data = zeros(self.shape, dtype=self._dtype, ctx=cpu())
                desc = initializer.InitDesc(self.name, {"__init__": init})
                initializer.create(default_init)(desc, data)
            self._init_impl(data, contexts)

    def _init_impl(self, data: NDArray, contexts: Sequence[Context]) -> None:
        self._ctx_list = list(contexts)
        if data.stype != self._stype:
            data = data.tostype("default").tostype(self._stype)
        self._data = [data.copyto(context) for context in contexts]
        self._init_grad()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._data is not None and self._grad is not None:  # a copy has gradients of its own
            autograd.mark_variables(self._data, self._grad, self.grad_req)

    def _init_grad(self) -> None:
        if self.grad_req == "null":
            self._grad = None
            return
        assert self._data is not None
        if self._taker is not None:
            self._taker.check(self, self.grad_req, self._ctx_list)
            self._grad = None
            for array in self._data:
                autograd.hand_over(array, self._taker)
            return
        self._grad = [zeros(a.shape, ctx=a.context, dtype=a.dtype, stype=self._grad_stype) for a in self._data]
        autograd.mark_variables(self._data, self._grad, self.grad_req)

    def _load_init(self, data: NDArray, ctx: Any, cast_dtype: bool = False, dtype_source: str = "current") -> None:
        """Take values from a file."""
        if self.shape is not None:
            if len(self.shape) != len(data.shape) or any(
                own not in (0, -1, given) for own, given in zip(self.shape, data.shape, strict=True)
            ):
                raise AssertionError(
                    f"Failed loading Parameter '{self.name}' from saved params: shape incompatible expected "
                    f"{self.shape} "
                    f"vs saved {data.shape}"
                )
            self.shape = tuple(data.shape)
        if cast_dtype:
            if dtype_source not in ("current", "saved"):
                raise AssertionError(f"dtype_source is {dtype_source!r}; expected 'current' or 'saved'")
            if dtype_source == "current":
                data = data.astype(self.dtype, copy=False)
            else:
                self._dtype = data.dtype
        elif self.dtype is not None and dtype_name(self.dtype) != dtype_name(data.dtype):
            raise AssertionError(
                f"Failed loading Parameter '{self.name}' from saved params: dtype incompatible expected {self.dtype} "
                "vs "
                f"saved {data.dtype}. Set cast_dtype=True to cast the dtype of saved params."
            )
        if self._data is None:
            if self._deferred_init:
                contexts = self._deferred_init[1]
                if ctx is not None and set(_contexts(ctx)) != set(contexts):
                    raise AssertionError(
                        f"Failed to load Parameter '{self.name}' on {ctx} because it was previous initialized on "
                        f"{contexts}."
                    )
            else:
                contexts = [cpu()] if ctx is None else _contexts(ctx)
            self._init_impl(data, contexts)
        else:
            if ctx is not None and set(_contexts(ctx)) != set(self.list_ctx()):
                raise AssertionError(
                    f"Failed to load Parameter '{self.name}' on {ctx} because it was previous initialized on "
                    f"{self.list_ctx()}."
                )
            self.set_data(data)
        self._deferred_init = ()

    # Values

    def _checked(self, arrays: list[NDArray] | None) -> list[NDArray]:
        if arrays is not None:
            return arrays
        if self._deferred_init:
            raise DeferredInitializationError(
                f"Parameter '{self.name}' has not been initialized yet because initialization was deferred. Actual "
                "initialization happens during the first forward pass. Please pass one batch of data through the "
                "network "
                "before accessing Parameters. You can also avoid deferred initialization by specifying in_units, "
                "num_features, etc., for network layers."
            )
        raise RuntimeError(
            f"Parameter '{self.name}' has not been initialized. Note that you should initialize parameters and create "
            "Trainer with Block.collect_params() instead of Block.params because the later does not include Parameters "
            "of "
            "nested child Blocks"
        )

    def _on(self, arrays: list[NDArray] | None, ctx: Context | None) -> NDArray:
        arrays = self._checked(arrays)
        if ctx is None:
            if len(arrays) == 1:
                return arrays[0]
            ctx = current_context()
        for array in arrays:
            if array._ctx is ctx or array._ctx == ctx:
                return array
        raise RuntimeError(
            f"Parameter '{self.name}' was not initialized on context {ctx}. It was only initialized on "
            f"{self._ctx_list}."
        )

    def data(self, ctx: Context | None = None) -> NDArray:
        """The values on a device; default: the only one, or the current one.

        Raises: RuntimeError if not initialized there, or row_sparse; DeferredInitializationError if the shape is not
            known yet.
        """
        if self._stype != "default":
            self._refuse_whole(f"a copy of Parameter '{self.name}' on ctx {ctx} via data()")
        array = self._on(self._data, ctx)
        if STATE.tracer is not None:
            STATE.tracer.parameter(self, array)
        return array

    def list_data(self) -> list[NDArray]:
        """The values on all devices. Raises: as `data`."""
        if self._stype != "default":
            self._refuse_whole(f"copies of Parameter '{self.name}' on all contexts via list_data()")
        return list(self._checked(self._data))

    def _refuse_whole(self, what: str) -> None:
        raise RuntimeError(
            f"Cannot return {what} because its storage type is {self._stype}. Please use row_sparse_data() instead."
        )

    def grad(self, ctx: Context | None = None) -> NDArray:
        """The gradient on a device.

        Raises: RuntimeError if the parameter has none.
        """
        self._check_has_grad(ctx)
        return self._on(self._grad, ctx)

    def list_grad(self) -> list[NDArray]:
        """The gradients on all devices."""
        self._check_has_grad(None)
        return list(self._checked(self._grad))

    def _check_has_grad(self, ctx: Context | None) -> None:
        if self._data is not None and self._grad is None:
            if self._taker is not None and self.grad_req != "null":
                raise RuntimeError(
                    f"Parameter '{self.name}' has no gradient array: its Trainer has update_in_backward, which uses "
                    "each gradient during backward and keeps none. Make the Trainer without update_in_backward, or set "
                    "trainer.update_in_backward = None, to read gradients."
                )
            raise RuntimeError(
                f"Cannot get gradient array for Parameter '{self.name}' on context {ctx}, because grad_req='null'"
            )

    def list_ctx(self) -> list[Context]:
        """The devices."""
        if self._data is None:
            if self._deferred_init:
                return list(self._deferred_init[1])
            raise RuntimeError(f"Parameter '{self.name}' has not been initialized")
        return list(self._ctx_list)

    def set_data(self, data: NDArray) -> None:
        """Set the values on all devices."""
        self.shape = data.shape
        if self._trainer is not None and self._stype != "default":
            self._trainer._set_stored(self, data)
        if self._data is None:
            if not self._deferred_init:
                raise AssertionError(f"Parameter '{self.name}' has not been initialized")
            self._deferred_init = (*self._deferred_init[:3], data)
            return
        for array in self._checked(self._data):
            with autograd.pause():
                array[:] = data

    def _hand_over(self, taker: ParameterUpdate | None) -> None:
        """Let `taker` get the gradients, and keep no gradient array; None: keep gradient arrays again."""
        if self._taker is not taker:
            self._taker = taker
            if self._data is not None:
                self._init_grad()

    def zero_grad(self) -> None:
        """Set the gradients on all devices to zero."""
        for gradient in self._grad or ():
            clear(gradient)

    def reset_ctx(self, ctx: Any) -> None:
        """Move to other devices.

        Raises: ValueError if not initialized.
        """
        contexts = _contexts(ctx)
        if self._data is not None:
            with autograd.pause():
                self._init_impl(self._data[0] if self._stype == "default" else _reduced(self), contexts)
        elif self._deferred_init:
            init, _, default_init, data = self._deferred_init
            self._deferred_init = (init, contexts, default_init, data)
        else:
            raise ValueError(
                f"Cannot reset context for Parameter '{self.name}' because it has not been initialized."
            )

    def cast(self, dtype: Any) -> None:
        """Change the dtype of values and gradients."""
        self._dtype = dtype
        self._var = None
        if self._data is None:
            return
        with autograd.pause():
            self._data = [array.astype(dtype) for array in self._data]
            self._init_grad()

    def var(self) -> Any:
        """The symbol that stands for this parameter."""
        if self._var is None:
            init = self.init
            self._var = symbol.var(
                self.name, shape=self.shape, dtype=self.dtype, lr_mult=self.lr_mult, wd_mult=self.wd_mult, init=init,
                stype=self._stype,
            )  # fmt: skip
        return self._var

    def row_sparse_data(self, row_id: NDArray) -> NDArray:
        """The rows with these numbers, on the device of row_id, of a row_sparse parameter.

        What is returned is the parameter's own array there, in which other rows are zero from then on: a variable
        whose gradient the `Trainer` uses.

        Args:
            row_id: numbers of rows, of any shape; they may repeat.
        Raises: RuntimeError for a dense parameter, or one without a Trainer.
        """
        if self._stype != "row_sparse":
            raise RuntimeError(
                f"Cannot return a copy of Parameter {self.name} via row_sparse_data() because its storage type is "
                f"{self._stype}. Please use data() instead."
            )
        array = self._on(self._data, row_id.context)
        self._fetch([array], row_id)
        return array

    def list_row_sparse_data(self, row_id: NDArray) -> list[NDArray]:
        """The rows with these numbers of a row_sparse parameter, on all devices; see `row_sparse_data`."""
        if self._stype != "row_sparse":
            raise RuntimeError(
                f"Cannot return copies of Parameter '{self.name}' on all contexts via list_row_sparse_data() because "
                f"its storage type is {self._stype}. Please use data() instead."
            )
        arrays = list(self._checked(self._data))
        self._fetch(arrays, row_id)
        return arrays

    def _fetch(self, arrays: list[NDArray], row_id: NDArray) -> None:
        """Fetch rows of the whole values into arrays."""
        if not isinstance(row_id, NDArray):
            raise TypeError(f"row_id must have NDArray type, but {type(row_id)} is given")
        if self._trainer is None:
            raise RuntimeError(
                f"Cannot get row_sparse data for Parameter '{self.name}' when no Trainer is created with it."
            )
        with autograd.pause():
            self._trainer._row_sparse_pull(self, arrays, row_id)


def _contexts(ctx: Any) -> list[Context]:
    if ctx is None:
        return [current_context()]
    return [ctx] if isinstance(ctx, Context) else list(ctx)


class Constant(Parameter):
    """A parameter that has no gradient and is not changed by training.

    Args:
        name: full name.
        value: array or anything array-like.
    """

    def __init__(self, name: str, value: Any):
        if not isinstance(value, NDArray):
            from ..ndarray import array

            value = array(value)
        self.value = value
        constant = value

        class Init(initializer.Initializer):
            """Sets the constant's value."""

            def _init_weight(self, _: Any, arr: NDArray) -> None:
                constant.copyto(arr)

        super().__init__(
            name, grad_req="null", shape=value.shape, dtype=value.dtype, init=Init(), differentiable=False
        )

    @property
    def grad_req(self) -> str:
        """Always "null"."""
        return "null"

    @grad_req.setter
    def grad_req(self, req: str) -> None:
        if req != "null":
            warnings.warn(
                f'Constant parameter "{self.name}" does not support grad_req other than "null", and new value "{req}" '
                "is ignored.",
                stacklevel=2,
            )

    def var(self) -> Any:
        """The symbol that stands for this constant."""
        if self._var is None:
            self._var = symbol.var(self.name, shape=self.shape, dtype=self.dtype, stype=self._stype,
                                   lr_mult=self.lr_mult, wd_mult=self.wd_mult)  # fmt: skip
        return self._var


class ParameterDict:
    """Parameters by full name, in the order in which they were made.

    Args:
        prefix: put in front of the names of new parameters.
        shared: another dictionary whose parameters are used where names agree.
    """

    def __init__(self, prefix: str = "", shared: ParameterDict | None = None):
        self._prefix = prefix
        self._params: OrderedDict[str, Parameter] = OrderedDict()
        self._shared = shared

    def __repr__(self) -> str:
        name = f"{self._prefix} " if self._prefix else ""
        rows = "\n".join(f"  {parameter}" for parameter in self.values())
        return f"{name}(\n{rows}\n)"

    def __getitem__(self, key: str) -> Parameter:
        return self._params[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __contains__(self, key: object) -> bool:
        return key in self._params

    def items(self) -> Any:
        """Pairs of name and parameter."""
        return self._params.items()

    def keys(self) -> Any:
        """The full names."""
        return self._params.keys()

    def values(self) -> Any:
        """The parameters."""
        return self._params.values()

    @property
    def prefix(self) -> str:
        """Prefix of the names."""
        return self._prefix

    def _find(self, name: str) -> Parameter | None:
        if name in self._params:
            return self._params[name]
        if self._shared is not None and name in self._shared._params:
            self._params[name] = self._shared._params[name]
            return self._params[name]
        return None

    def get(self, name: str, **kwargs: Any) -> Parameter:
        """The parameter with prefix + name; made with kwargs (see Parameter) if there is none.

        Raises: AssertionError if it exists with another attribute, such as another shape.
        """
        name = self.prefix + name
        parameter = self._find(name)
        if parameter is None:
            parameter = self._params[name] = Parameter(name, **kwargs)
            return parameter
        for key, value in kwargs.items():
            if not hasattr(parameter, key) or getattr(parameter, key) is None:
                setattr(parameter, key, value)
                continue
            existing = getattr(parameter, key)
            if key == "shape" and value is not None and len(value) == len(existing):
                merged = _merge_shapes(tuple(value), existing)
                if merged is not None:
                    parameter._shape = merged
                    continue
            elif key == "dtype" and dtype_name(value) == dtype_name(existing):
                continue
            if value is not None and value != existing:
                raise AssertionError(
                    f"Cannot retrieve Parameter '{name}' because desired attribute does not match with stored for "
                    f"attribute '{key}': desired '{value}' vs stored '{getattr(parameter, key)}'."
                )
        return parameter

    def get_constant(self, name: str, value: Any = None) -> Constant:
        """The constant with prefix + name; made with value if there is none.

        Raises: KeyError if there is none and no value; AssertionError if it exists with another value.
        """
        name = self.prefix + name
        parameter = self._find(name)
        if parameter is None:
            if value is None:
                raise KeyError(
                    f"No constant named '{name}'. Please specify value if you want to create a new constant."
                )
            parameter = self._params[name] = Constant(name, value)
        elif value is not None:
            if not isinstance(parameter, Constant):
                raise AssertionError(f"Parameter '{name}' already exists but it is not a constant.")
            given = value.asnumpy() if isinstance(value, NDArray) else np.asarray(value)
            stored = parameter.value.asnumpy()
            if given.shape != stored.shape or (given != stored).any():
                raise AssertionError(
                    f"Constant '{name}' already exists but it's value doesn't match new value"
                )
        return parameter  # type: ignore[return-value]

    def update(self, other: ParameterDict) -> None:
        """Take over all parameters of another dictionary.

        Raises: AssertionError if another parameter with one of the names is here.
        """
        for name, parameter in other.items():
            if name in self._params and self._params[name] is not parameter:
                raise AssertionError(
                    f"Cannot update self with other because they have different Parameters with the same name '{name}'"
                )
            self._params[name] = parameter

    def initialize(self, init: Any = None, ctx: Any = None, verbose: bool = False, force_reinit: bool = False) -> None:
        """Initialize all parameters; see `Parameter.initialize`. verbose logs what each is initialized with."""
        init = initializer.Uniform() if init is None else init
        if verbose:
            init.set_verbosity(verbose=verbose)
        for parameter in self.values():
            parameter.initialize(None, ctx, init, force_reinit=force_reinit)

    def zero_grad(self) -> None:
        """Set all gradients to zero."""
        for parameter in self.values():
            parameter.zero_grad()

    def reset_ctx(self, ctx: Any) -> None:
        """Move all parameters to other devices."""
        for parameter in self.values():
            parameter.reset_ctx(ctx)

    def list_ctx(self) -> list[Context]:
        """All devices that a parameter is on."""
        contexts: dict[Context, None] = {}
        for parameter in self.values():
            contexts.update(dict.fromkeys(parameter.list_ctx()))
        return list(contexts)

    def setattr(self, name: str, value: Any) -> None:
        """Set an attribute of all parameters, for example grad_req."""
        for parameter in self.values():
            setattr(parameter, name, value)

    def save(self, filename: str, strip_prefix: str = "") -> None:
        """Save the values, under names without strip_prefix.

        Raises: ValueError if a name does not begin with it.
        """
        arrays = {}
        for parameter in self.values():
            if not parameter.name.startswith(strip_prefix):
                raise ValueError(
                    f"Prefix '{strip_prefix}' is to be striped before saving, but Parameter's name '{parameter.name}' "
                    "does "
                    f"not start with '{strip_prefix}'. this may be due to your Block shares parameters from other "
                    "Blocks or "
                    "you forgot to use 'with name_scope()' when creating child blocks."
                )
            arrays[parameter.name[len(strip_prefix) :]] = _reduced(parameter)
        save(filename, arrays)

    def load(
        self, filename: str, ctx: Any = None, allow_missing: bool = False, ignore_extra: bool = False,
        restore_prefix: str = "", cast_dtype: bool = False, dtype_source: str = "current",
    ) -> None:  # fmt: skip
        """Load values from a file; see `load_dict`."""
        loaded = load(filename)
        if not isinstance(loaded, dict):
            raise MXNetError(f"ParameterDict.load: the arrays in '{filename}' have no names.")
        loaded = {k[4:] if k.startswith(("arg:", "aux:")) else k: v for k, v in loaded.items()}
        self.load_dict(loaded, ctx, allow_missing, ignore_extra, restore_prefix, filename, cast_dtype, dtype_source)

    def load_dict(
        self, param_dict: dict[str, NDArray], ctx: Any = None, allow_missing: bool = False, ignore_extra: bool = False,
        restore_prefix: str = "", filename: str | None = None, cast_dtype: bool = False, dtype_source: str = "current",
    ) -> None:  # fmt: skip
        """Take values from a dictionary of arrays.

        Args:
            ctx: devices for parameters that aren't initialized, default the CPU.
            allow_missing: accept that a parameter has no value there.
            ignore_extra: accept values that no parameter wants.
            restore_prefix: put in front of the names there.
            filename: for messages.
            cast_dtype: cast where dtypes differ, to the parameter's ("current") or the value's ("saved") dtype_source.
        Raises: AssertionError or ValueError for missing, superfluous or unfitting values.
        """
        source = "the dict" if filename is None else f"file '{filename}'"
        values = {restore_prefix + name: value for name, value in param_dict.items()}
        if not allow_missing:
            for name in self.keys():
                if not name.startswith(restore_prefix):
                    raise AssertionError(
                        f"restore_prefix is '{restore_prefix}' but Parameters name '{name}' does not start with it"
                    )
                if name not in values:
                    raise AssertionError(
                        f"Parameter '{name[len(restore_prefix):]}' is missing in {source}, which contains parameters: "
                        f"{_brief(values)}. Please make sure source and target networks have the same prefix. For more "
                        "info on naming, please see https://mxnet.io/api/python/docs/tutorials/packages/gluon/blocks/naming.html"
                    )
        for name, value in values.items():
            if name not in self._params:
                if not ignore_extra:
                    raise AssertionError(
                        f"Parameter '{name[len(restore_prefix):]}' loaded from {source} is not present in "
                        "ParameterDict, "
                        f"choices are: {_brief(self._params)}. Set ignore_extra to True to ignore. Please make sure "
                        "source "
                        "and target networks have the same prefix."
                    )
                continue
            self[name]._load_init(value, ctx, cast_dtype=cast_dtype, dtype_source=dtype_source)

    def _selected(self, pattern: str) -> ParameterDict:
        chosen = ParameterDict(self._prefix)
        compiled = re.compile(pattern)
        chosen._params.update({name: value for name, value in self.items() if compiled.match(name)})
        return chosen


def _merge_shapes(wanted: tuple[int, ...], existing: tuple[int, ...]) -> tuple[int, ...] | None:
    merged = []
    for new, old in zip(wanted, existing, strict=True):
        if new != old and new > 0 and old > 0:
            return None
        merged.append(new if old <= 0 else old)
    return tuple(merged)


def _reduced(parameter: Parameter) -> NDArray:
    """The mean of the values over all devices, on the CPU; all rows of a row_sparse parameter."""
    if parameter._stype == "row_sparse":
        whole = parameter._checked(parameter._data)[0].copyto(cpu())
        if parameter._trainer is not None:
            parameter._trainer._row_sparse_pull(parameter, [whole], None)
        return whole
    arrays = [array.copyto(cpu()) for array in parameter.list_data()]
    if len(arrays) == 1:
        return arrays[0]
    with autograd.pause():
        total = arrays[0]
        for array in arrays[1:]:
            total = total + array
        return total / len(arrays)


def _brief(names: Any) -> str:
    names = list(names)
    shown = [f"'{name}'" for name in names]
    return ", ".join(shown if len(shown) <= 10 else [*shown[:5], "...", *shown[-5:]])
