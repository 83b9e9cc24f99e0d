"""The random number generators of mxnet: one per device, apart from torch's own, so that neither disturbs the other.

Each device draws from a sequence that follows from the last seed and the number of the device; until `seed` is called
the first seed is MXNET_SEED, or differs from process to process. Drawing from one generator in several threads is
safe, but which thread gets which numbers is then open.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..base import MXNetError

_generators: dict[tuple[str, int], torch.Generator] = {}
_lock = threading.Lock()
_base_seed: int | None = None


def generator_for(device: torch.device) -> torch.Generator:
    """The generator of a device, made and seeded at the first request."""
    key = (device.type, device.index or 0)
    found = _generators.get(key)
    if found is not None:
        return found
    with _lock:
        if key not in _generators:
            generator = torch.Generator(device=torch.device(*key) if key[0] != "cpu" else device.type)
            generator.manual_seed(_seed_of(key[1]))
            _generators[key] = generator
        return _generators[key]


def seed(value: int, device: torch.device | None = None) -> None:
    """Restart the sequences of all devices, those first used later too, or that of one device.

    Seeded together, devices with different numbers draw different sequences; seeded one by one with equal values they
    draw equal ones.

    Raises: MXNetError if value is not an integer.
    """
    global _base_seed
    if not hasattr(value, "__index__"):
        raise MXNetError(f"seed: value is {value!r}; expected an integer.")
    value = _wrap(value.__index__())
    if device is not None:
        generator_for(device).manual_seed(value)
        return
    with _lock:
        _base_seed = value
        for (_, index), generator in _generators.items():
            generator.manual_seed(_seed_of(index))


@contextmanager
def drawn_again(device: torch.device, state: torch.Tensor | None) -> Iterator[None]:
    """Inside, the random numbers of a device are those that followed a state; afterwards they go on as if not drawn.

    Args:
        state: what `generator_for(device).get_state()` gave; None: nothing changes.
    """
    if state is None:
        yield
        return
    generator = generator_for(device)
    now = generator.get_state()
    generator.set_state(state)
    try:
        yield
    finally:
        generator.set_state(now)


def _seed_of(index: int) -> int:
    global _base_seed
    if _base_seed is None:
        given = os.environ.get("MXNET_SEED")
        try:
            _base_seed = secrets.randbits(63) if given is None else _wrap(int(given))
        except ValueError:
            raise MXNetError(f"The environment variable MXNET_SEED is {given!r}; expected an integer.") from None
    return _wrap(_base_seed + index * 0x9E3779B97F4A7C15)


def _wrap(value: int) -> int:
    """value modulo 2**64, in the range of a signed integer, which is what torch takes."""
    return (value + 2**63) % 2**64 - 2**63
