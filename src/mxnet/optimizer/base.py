"""The base of all optimizers: learning rates, weight decays and update counts of parameters, and the registry."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..base import MXNetError
from ..lr_scheduler import LRScheduler
from ..ndarray import NDArray, cast, zeros
from ..ndarray.recording import STATE
from ..ops.registry import get_operator

if TYPE_CHECKING:
    from ..symbol import Symbol

Class = TypeVar("Class", bound="type[Optimizer]")
Index = Any  # an integer, or a name: what identifies a parameter
State = Any  # None, an array, or nested tuples of them


def is_low_precision(weight: NDArray) -> bool:
    """Whether a weight has half precision: float16 or bfloat16."""
    return str(getattr(weight.dtype, "__name__", weight.dtype)) in ("float16", "bfloat16")


def zeros_like(weight: NDArray, dtype: Any = None, stype: str = "default") -> NDArray:
    """An array of zeros like weight, on its device, to hold a state; stype is its storage type."""
    return zeros(weight.shape, weight.context, dtype=dtype or weight.dtype, stype=stype)


def call_on_arrays(operator: Any, arrays: Sequence[NDArray], out: Sequence[NDArray], given: dict[str, Any]) -> None:
    """Call an update operator with attributes of the right types, quicker than a call from outside."""
    if STATE.watched or any(array._sparse for array in arrays):
        operator(*arrays, out=list(out), **given)
        return
    function = get_operator(operator.__name__).function
    function(*[array._data for array in arrays], out=[array._data for array in out], **given)


class Optimizer:
    """Updates parameters, each known by an index, from their gradients.

    A subclass defines `create_state` and `update`. It is registered under its lower-case name with the decorator
    `Optimizer.register`, and then made by `mx.optimizer.create`.

    Args:
        rescale_grad: factor on all gradients, often 1 / batch size.
        param_idx2name: {index: name}; the weight decay of a parameter whose name ends neither in ``_weight`` nor in
            ``_gamma`` is then 0, and multipliers can be given by name.
        wd: weight decay, the factor of the L2 penalty.
        clip_gradient: limit of the absolute values of gradients, None for no limit.
        learning_rate: default 0.01, or what lr_scheduler starts from.
        lr_scheduler: an `mx.lr_scheduler.LRScheduler`; a learning_rate given as well becomes its base.
        sym: a symbol whose variables' attributes ``__lr_mult__`` and ``__wd_mult__`` give multipliers.
        begin_num_update: the number of updates that were made before.
        multi_precision: keep and update a float32 copy of weights of half precision.
        param_dict: {index: Parameter}, whose attributes lr_mult and wd_mult are the multipliers.
    Raises: MXNetError when param_idx2name is not a dictionary.
    """

    opt_registry: ClassVar[dict[str, type[Optimizer]]] = {}
    #: whether updates of parameters depend neither on those of others nor on their order; each class says so for itself
    updates_apart: ClassVar[bool] = False

    def __init__(
        self,
        rescale_grad: float = 1.0,
        param_idx2name: dict[Index, str] | None = None,
        wd: float = 0.0,
        clip_gradient: float | None = None,
        learning_rate: float | None = None,
        lr_scheduler: LRScheduler | None = None,
        sym: Symbol | None = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        param_dict: dict[Index, Any] | None = None,
    ):
        self.rescale_grad = rescale_grad
        self.lr_scheduler = lr_scheduler
        self.lr = 0.01 if learning_rate is None and lr_scheduler is None else learning_rate
        if lr_scheduler is not None and learning_rate is not None and lr_scheduler.base_lr != learning_rate:
            warnings.warn(
                f"learning rate {lr_scheduler.base_lr} from ``lr_scheduler`` has been overwritten by the "
                f"``learning_rate`` {learning_rate} of the optimizer.",
                UserWarning,
                stacklevel=2,
            )
            lr_scheduler.base_lr = learning_rate
        self.wd = wd
        self.lr_mult: dict[Index, float] = {}
        self.wd_mult: dict[Index, float] = {}
        self.begin_num_update = begin_num_update
        self.num_update = begin_num_update
        self._all_index_update_counts: dict[Any, dict[Index, int]] = {0: {}}
        self._index_update_count = self._all_index_update_counts[0]
        self.clip_gradient = clip_gradient
        self.multi_precision = multi_precision
        self.aggregate_num = 0
        if not isinstance(param_idx2name, dict | None):
            raise MXNetError(
                f"param_idx2name should be a dict of param indexes to names; given {type(param_idx2name).__name__}."
            )
        self.idx2name = dict(param_idx2name or {})
        self.sym_info = (sym.attr_dict(), sym.list_arguments()) if sym is not None else ()
        self.param_dict = param_dict or {}
        self.allow_np_array = False
        self.set_lr_mult({})
        self.set_wd_mult({})

    # The registry

    @property
    def updates_in_any_order(self) -> bool:
        """Whether updates depend neither on those of other parameters nor on their order; a subclass says so anew."""
        return bool(type(self).__dict__.get("updates_apart", False))

    @staticmethod
    def register(klass: Class) -> Class:
        """Register an optimizer under its class name, in lower case; a decorator."""
        if not isinstance(klass, type):
            raise MXNetError(f"register: {klass!r} is not a class.")
        name = klass.__name__.lower()
        known = Optimizer.opt_registry.get(name)
        if known is not None:
            warnings.warn(
                f"WARNING: New optimizer {klass.__module__}.{klass.__name__} is overriding existing optimizer "
                f"{known.__module__}.{known.__name__}",
                UserWarning,
                stacklevel=2,
            )
        Optimizer.opt_registry[name] = klass
        return klass

    @staticmethod
    def create_optimizer(name: str, **kwargs: Any) -> Optimizer:
        """Make the optimizer that is registered under name, in any case.

        Raises: ValueError when there is none.
        """
        klass = Optimizer.opt_registry.get(name.lower())
        if klass is None:
            raise ValueError(f"Cannot find optimizer {name}; there are {', '.join(sorted(Optimizer.opt_registry))}")
        return klass(**kwargs)

    # What a subclass defines

    def create_state(self, index: Index, weight: NDArray) -> State:
        """The state that updates of this parameter keep: None, an array or a tuple of arrays."""
        return None

    def create_state_multi_precision(self, index: Index, weight: NDArray) -> State:
        """The state with the float32 copy of a weight of half precision: ``(weight32, state)``."""
        if not is_low_precision(weight):
            return self.create_state(index, weight)
        if self.multi_precision:
            weight32 = weight.astype("float32")
            return weight32, self.create_state(index, weight32)
        warnings.warn(
            f"Accumulating with {_dtype_name(weight)} in optimizer can lead to poor accuracy or slow convergence. "
            f"Consider using multi_precision=True option of the {type(self).__name__} optimizer",
            UserWarning,
            stacklevel=3,
        )
        return self.create_state(index, weight)

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """Update one parameter and its state in place."""
        raise NotImplementedError(f"{type(self).__name__} does not define update")

    def update_multi_precision(self, index: Index, weight: NDArray, grad: NDArray, state: State) -> None:
        """`update`, on the float32 copy where multi_precision asks for it."""
        if self.multi_precision and is_low_precision(weight):
            weight32, inner = state
            self.update(index, weight32, grad.astype("float32"), inner)
            cast(weight32, dtype=_dtype_name(weight), out=weight)
        else:
            self.update(index, weight, grad, state)

    # Learning rates and weight decays

    @property
    def learning_rate(self) -> float:
        """The learning rate now, before the multipliers of parameters."""
        return self.lr if self.lr_scheduler is None else self.lr_scheduler(self.num_update)  # type: ignore[return-value]

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate.

        Raises: UserWarning when a lr_scheduler sets it.
        """
        if self.lr_scheduler is not None:
            raise UserWarning(
                "LRScheduler of the optimizer has already been defined. Note that set_learning_rate can mutate the "
                "value of the learning rate of the optimizer only when the LRScheduler of the optimizer is undefined."
            )
        self.lr = lr

    def set_lr_scale(self, args_lrscale: dict[Index, float]) -> None:
        """Deprecated and without effect in MXNet: raises DeprecationWarning. Use `set_lr_mult`."""
        raise DeprecationWarning("set_lr_scale is deprecated; use set_lr_mult.")

    def set_lr_mult(self, args_lr_mult: dict[Index, float]) -> None:
        """Set factors of the learning rate by index or name, beside those that the symbol's attributes give."""
        self.lr_mult = {**self._symbol_multipliers("__lr_mult__"), **args_lr_mult}

    def set_wd_mult(self, args_wd_mult: dict[Index, float]) -> None:
        """Set factors of the weight decay by index or name, beside those of the symbol and of names.

        A parameter that is neither a weight nor a gamma by its name (``param_idx2name``) has the factor 0.
        """
        by_name = dict.fromkeys((n for n in self.idx2name.values() if not n.endswith(self._DECAYED)), 0.0)
        self.wd_mult = {**by_name, **self._symbol_multipliers("__wd_mult__"), **args_wd_mult}

    _DECAYED: ClassVar[tuple[str, ...]] = ("_weight", "_gamma")  # endings of the names of parameters that decay

    def _symbol_multipliers(self, key: str) -> dict[Index, float]:
        if not self.sym_info:
            return {}
        attributes, arguments = self.sym_info
        return {name: float(attributes[name][key]) for name in arguments if key in attributes.get(name, {})}

    def _multiplier(self, index: Index, kind: str) -> float:
        if index in self.param_dict:
            return getattr(self.param_dict[index], kind)
        multipliers = getattr(self, kind)
        if index in multipliers:
            return multipliers[index]
        return multipliers.get(self.idx2name[index], 1.0) if index in self.idx2name else 1.0

    def _get_lrs(self, indices: Sequence[Index]) -> list[float]:
        """The learning rates of parameters."""
        lr = self.learning_rate
        if not (self.param_dict or self.lr_mult):
            return [lr] * len(indices)
        return [lr * self._multiplier(index, "lr_mult") for index in indices]

    def _get_lr(self, index: Index) -> float:
        return self._get_lrs([index])[0]

    def _get_wds(self, indices: Sequence[Index]) -> list[float]:
        """The weight decays of parameters."""
        if not (self.wd and (self.param_dict or self.wd_mult)):
            return [self.wd] * len(indices)
        return [self.wd * self._multiplier(index, "wd_mult") for index in indices]

    def _get_wd(self, index: Index) -> float:
        return self._get_wds([index])[0]

    # Counts of updates

    def _set_current_context(self, device_id: Any) -> None:
        """Count the updates of each device apart: those made from now on belong to device_id."""
        self._index_update_count = self._all_index_update_counts.setdefault(device_id, {})

    def _update_count(self, index: Index | Sequence[Index]) -> None:
        """Count an update of one parameter or of several."""
        for one in index if isinstance(index, list | tuple) else (index,):
            count = self._index_update_count.get(one, self.begin_num_update) + 1
            self._index_update_count[one] = count
            self.num_update = max(count, self.num_update)

    # For subclasses

    def _begin(self, index: Index, weight: NDArray, grad: NDArray) -> tuple[float, float]:
        """Count an update; the learning rate and the weight decay that it has.

        Raises: MXNetError when weight or grad is not an array.
        """
        for name, array in (("weight", weight), ("grad", grad)):
            if not isinstance(array, NDArray):
                raise MXNetError(f"{type(self).__name__}.update: {name} is {array!r}; expected an NDArray.")
        self._update_count(index)
        return self._get_lr(index), self._get_wd(index)

    def _gradient_attributes(self) -> dict[str, float]:
        """The attributes of update operators that concern the gradient."""
        if self.clip_gradient:
            return {"rescale_grad": self.rescale_grad, "clip_gradient": self.clip_gradient}
        return {"rescale_grad": self.rescale_grad}

    def _rescaled(self, grad: NDArray) -> NDArray:
        """The gradient rescaled and clipped, a new array."""
        grad = grad * self.rescale_grad
        return grad.clip(-self.clip_gradient, self.clip_gradient) if self.clip_gradient else grad

    def _decayed(self, grad: NDArray, weight: NDArray, wd: float) -> NDArray:
        """The gradient rescaled, with the weight decay added, then clipped: a new array."""
        grad = grad * self.rescale_grad
        if wd:
            grad += weight * wd
        return grad.clip(-self.clip_gradient, self.clip_gradient) if self.clip_gradient else grad

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "param_dict"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        self.param_dict = {}


def _dtype_name(array: NDArray) -> str:
    return str(getattr(array.dtype, "__name__", array.dtype))


register = Optimizer.register
create = Optimizer.create_optimizer
