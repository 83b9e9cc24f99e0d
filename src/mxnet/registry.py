"""Registries of classes under names: the factories behind ``mx.metric.create``, ``mx.init.create`` and their like."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from .base import MXNetError

__all__ = ["get_alias_func", "get_create_func", "get_register_func", "get_registry"]

Class = TypeVar("Class", bound=type)


class RegistryError(MXNetError, AssertionError):
    """A name that is not registered, or something that can't be; in MXNet 1.9.1 an AssertionError."""


_REGISTRY: dict[type, dict[str, type]] = {}


def get_registry(base_class: type) -> dict[str, type]:
    """A copy of the registry of base_class: lower-case name -> class."""
    return dict(_REGISTRY.setdefault(base_class, {}))


def get_register_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A function ``register(klass, name=None)`` for subclasses of base_class; also a decorator.

    Args:
        base_class: the class whose subclasses are registered.
        nickname: what an instance is called in messages and configurations, for example "metric".
    """
    registry = _REGISTRY.setdefault(base_class, {})

    def register(klass: Class, name: str | None = None) -> Class:
        if not (isinstance(klass, type) and issubclass(klass, base_class)):
            raise RegistryError(
                f"Can only register subclass of {base_class.__name__} as a {nickname}; given {klass!r}."
            )
        key = (klass.__name__ if name is None else name).lower()
        known = registry.get(key)
        if known is not None:
            warnings.warn(
                f"New {nickname} {klass.__module__}.{klass.__name__} registered with name {key} is overriding "
                f"existing {nickname} {known.__module__}.{known.__name__}",
                UserWarning,
                stacklevel=2,
            )
        registry[key] = klass
        return klass

    register.__doc__ = f"Register a {nickname} under its name, or another one, with the {nickname} factory."
    return register


def get_alias_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A decorator ``alias(*names)`` that registers a subclass of base_class under further names."""
    register = get_register_func(base_class, nickname)

    def alias(*aliases: str) -> Callable[[Class], Class]:
        def add_names(klass: Class) -> Class:
            for name in aliases:
                register(klass, name)
            return klass

        return add_names

    alias.__doc__ = f"Register a {nickname} under further names."
    return alias


def get_create_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A function ``create(config, *args, **kwargs)`` that makes instances of registered classes.

    The configuration is a registered name (in any case), an instance (returned as it is), a dictionary such as
    ``{nickname: name, **kwargs}``, or a JSON string: ``'["name", {"argument": value}]'`` or such a dictionary.
    """
    registry = _REGISTRY.setdefault(base_class, {})

    def refuse_arguments(args: tuple[Any, ...], kwargs: dict[str, Any], given: str) -> None:
        if args or kwargs:
            raise RegistryError(f"{nickname} is already {given}. Additional arguments are invalid: {args} {kwargs}")

    def create(*args: Any, **kwargs: Any) -> Any:
        if args:
            config, args = args[0], args[1:]
        elif nickname in kwargs:
            config = kwargs.pop(nickname)
        else:
            raise RegistryError(f"create: no {nickname} is given; pass its name, an instance or a configuration.")
        if isinstance(config, base_class):
            refuse_arguments(args, kwargs, "an instance")
            return config
        if isinstance(config, dict):
            return create(**config)
        if not isinstance(config, str):
            raise RegistryError(f"{nickname} must be of string type, a dictionary or an instance; given {config!r}")
        if config.startswith("["):
            refuse_arguments(args, kwargs, "a configuration with arguments")
            name, arguments = json.loads(config)
            return create(name, **arguments)
        if config.startswith("{"):
            refuse_arguments(args, kwargs, "a configuration with arguments")
            return create(**json.loads(config))
        klass = registry.get(config.lower())
        if klass is None:
            known = ", ".join(sorted(registry)) or "none"
            raise RegistryError(
                f"{config} is not registered. Please register with {nickname}.register first; registered are: {known}."
            )
        return klass(*args, **kwargs)

    create.__doc__ = f"""Create a {nickname} from a name, a configuration or an instance.

    Args:
        {nickname}: its name, an instance (returned as it is), a dictionary ``{{"{nickname}": name, ...}}``, or the JSON
            of that dictionary or of a list ``[name, arguments]``.
        *args, **kwargs: arguments of its constructor.
    Raises: MXNetError when there is no such {nickname}, or arguments are given twice.
    """
    return create
