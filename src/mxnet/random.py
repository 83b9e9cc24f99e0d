"""`mx.random`: seeds of random numbers, and the functions of `mx.nd.random`."""

from __future__ import annotations

from .base import MXNetError
from .context import Context
from .ndarray.invoke import parse_context
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
        ctx: one device, as a Context or a string such as "gpu(1)", or "all" of them; seeded together, devices of
            different number draw different numbers.
    Raises: ValueError if seed_state is not an integer, or ctx is neither a device nor "all".
    """
    if not hasattr(seed_state, "__index__"):
        raise ValueError(f"seed_state must be int, got {seed_state!r}")
    if ctx == "all":
        generators.seed(seed_state.__index__())
        return
    if isinstance(ctx, str) and ctx:
        try:
            ctx = parse_context(ctx)
        except MXNetError as error:
            raise ValueError(f"seed: {error}") from None
    if not isinstance(ctx, Context):
        raise ValueError(f"ctx is {ctx!r}; expected a Context or 'all'.")
    generators.seed(seed_state.__index__(), ctx.torch_device)
