"""The interface of key-value stores, their registry, and the simplest of them."""

from __future__ import annotations

from typing import Any

from ..base import MXNetError
from ..ndarray import NDArray
from ..ndarray.invoke import call_by_name

__all__ = ["KVStoreBase", "TestStore", "create"]


class KVStoreBase:
    """What `gluon.Trainer` and `Module` need of a key-value store; subclasses are registered by their name.

    OPTIMIZER  the capability of updating parameters by itself
    kv_registry  registered classes by name
    """

    OPTIMIZER = "optimizer"
    kv_registry: dict[str, type] = {}

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Give the value of the first worker to all: write it to the arrays out."""
        raise NotImplementedError()

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Write the sum of the values of all devices and workers to the arrays out, or to the values themselves."""
        raise NotImplementedError()

    def set_optimizer(self, optimizer: Any) -> None:
        """Let the store update parameters with an optimizer."""
        raise NotImplementedError()

    def is_capable(self, capability: str) -> bool:
        """Whether the store has a capability, such as KVStoreBase.OPTIMIZER."""
        raise NotImplementedError()

    def save_optimizer_states(self, fname: str, dump_optimizer: bool = False) -> None:
        """Save the states of the optimizer, and the optimizer itself with dump_optimizer."""
        raise NotImplementedError()

    def load_optimizer_states(self, fname: str) -> None:
        """Load what save_optimizer_states wrote."""
        raise NotImplementedError()

    @property
    def type(self) -> str:
        """Name of the kind of store."""
        raise NotImplementedError()

    @property
    def rank(self) -> int:
        """Number of this worker, from 0."""
        raise NotImplementedError()

    @property
    def num_workers(self) -> int:
        """Number of workers."""
        raise NotImplementedError()

    @staticmethod
    def register(klass: type) -> type:
        """Register a class so that `create` knows it by its name in lower case; a decorator.

        Raises: MXNetError for what is no class.
        """
        if not isinstance(klass, type):
            raise MXNetError(f"KVStoreBase.register: given {klass!r}; expected a class.")
        KVStoreBase.kv_registry[klass.__name__.lower()] = klass
        return klass


def as_list(value: Any) -> list[Any]:
    """A list of the arrays; one array becomes a list of one."""
    return [value] if isinstance(value, NDArray) else list(value)


def total(values: list[NDArray]) -> NDArray:
    """The sum of arrays of different devices, on the device of the first.

    Raises: MXNetError if shapes differ.
    """
    first = values[0]
    if len(values) == 1:
        return first
    for value in values:
        if value.shape != first.shape:
            raise MXNetError(f"Values of one key have shapes {first.shape} and {value.shape}; expected equal shapes.")
    result = first.copy()
    for value in values[1:]:
        value = value.as_in_context(first.context)
        if result.stype == value.stype == "default":
            result += value
        else:
            result = call_by_name("elemwise_add", result, value)  # sparse if both are, of one storage type
    return result


@KVStoreBase.register
class TestStore(KVStoreBase):
    """A store without memory, for tests: pushpull sums, broadcast copies."""

    __test__ = False  # no test case, despite its name

    def broadcast(self, key: Any, value: Any, out: Any, priority: int = 0) -> None:
        """Copy value to out."""
        for target in as_list(out):
            as_list(value)[0].copyto(target)

    def pushpull(self, key: Any, value: Any, out: Any = None, priority: int = 0) -> None:
        """Write the sum of the values to out, or to the values themselves."""
        summed = total(as_list(value)).copy()
        for target in as_list(value if out is None else out):
            summed.copyto(target)

    @staticmethod
    def is_capable(capability: str) -> bool:  # type: ignore[override]
        """False for the optimizer. Raises: ValueError for an unknown capability."""
        if capability.lower() == KVStoreBase.OPTIMIZER:
            return False
        raise ValueError(f"Unknown capability: {capability}")

    @property
    def type(self) -> str:
        """teststore"""
        return "teststore"

    @property
    def rank(self) -> int:
        """0"""
        return 0

    @property
    def num_workers(self) -> int:
        """1"""
        return 1


_LOCAL = ("local", "local_update_cpu", "local_allreduce_cpu", "local_allreduce_device", "device", "nccl")


def create(name: str = "local") -> KVStoreBase:
    """A key-value store.

    Args:
        name: "local", "device", "nccl" (all keep the sum where the first value is), or the name of a registered class.
    Raises: TypeError if name is no string; MXNetError for stores that span several machines, which come later, and
        for names that aren't known.
    """
    from .kvstore import KVStore

    if not isinstance(name, str):
        raise TypeError("name must be a string")
    kind = name.lower()
    if kind in KVStoreBase.kv_registry:
        return KVStoreBase.kv_registry[kind]()
    if kind in _LOCAL:
        return KVStore(kind)
    if kind.startswith("dist") or kind in ("p3", "horovod", "byteps"):
        raise MXNetError(
            f"kvstore {name!r}: training with several processes is not part of this version of mxnext yet; see "
            "docs/status.md. Use 'local' or 'device' in one process."
        )
    known = ", ".join((*_LOCAL, *sorted(KVStoreBase.kv_registry)))
    raise MXNetError(f"There is no kvstore {name!r}; expected one of {known}.")
