"""`mx.random`: seeds of random numbers, and the functions of `mx.nd.random`."""

from __future__ import annotations

from .context import Context
from .ndarray.random import (
    exponential,
    gamma,
    generalized_negative_binomial,
    multinomial,
    negative_binomial,
    normal,
    poisson,
    randint,
    randn,
    shuffle,
    uniform,
)  # fmt: skip
from .ops import generators

__all__ = [
    "exponential", "gamma", "generalized_negative_binomial", "multinomial", "negative_binomial", "normal", "poisson",
    "randint", "randn", "seed", "shuffle", "uniform",
]  # fmt: skip


def seed(seed_state: int, ctx: Context | str = "all") -> None:
    """Restart the random numbers of mxnet; those of Python, NumPy and torch are apart.

    Args:
        seed_state: any integer; equal seeds give equal numbers.
        ctx: one device, or "all" of them; seeded together, devices of different number draw different numbers.
    Raises: ValueError if seed_state is not an integer, or ctx is neither a Context nor "all".
    """
    if not hasattr(seed_state, "__index__"):
        raise ValueError(f"seed_state must be int, got {seed_state!r}")
    if isinstance(ctx, Context):
        generators.seed(seed_state.__index__(), ctx.torch_device)
    elif ctx == "all":
        generators.seed(seed_state.__index__())
    else:
        raise ValueError(f"ctx is {ctx!r}; expected a Context or 'all'.")
