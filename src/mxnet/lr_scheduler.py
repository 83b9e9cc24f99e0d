"""Learning-rate schedules: a scheduler maps the number of updates done so far to a learning rate."""

from __future__ import annotations

import logging
from math import cos, pi

from .base import MXNetError

__all__ = ["CosineScheduler", "FactorScheduler", "LRScheduler", "MultiFactorScheduler", "PolyScheduler"]


class LRScheduler:
    """Base of all schedules; it knows how to warm up.

    Args:
        base_lr: the learning rate that the warm-up ends at and the schedule starts from.
        warmup_steps: number of updates of the warm-up, 0 for none.
        warmup_begin_lr: learning rate at the first update of the warm-up.
        warmup_mode: "linear" grows evenly from warmup_begin_lr to base_lr, "constant" stays at warmup_begin_lr.
    Raises: ValueError when these contradict each other; MXNetError when warmup_steps is not an integer.
    """

    def __init__(
        self, base_lr: float = 0.01, warmup_steps: int = 0, warmup_begin_lr: float = 0, warmup_mode: str = "linear"
    ):
        _check_integer("warmup_steps", warmup_steps)
        self.base_lr = base_lr
        self.warmup_steps = warmup_steps
        self.warmup_final_lr = base_lr
        self.warmup_begin_lr = warmup_begin_lr
        if warmup_begin_lr > base_lr:
            raise ValueError(f"Base lr has to be higher than warmup_begin_lr; given {base_lr} and {warmup_begin_lr}")
        if warmup_steps < 0:
            raise ValueError(f"Warmup steps has to be positive or 0; given {warmup_steps}")
        if warmup_mode not in ("linear", "constant"):
            raise ValueError(f"Supports only linear and constant modes of warmup; given {warmup_mode!r}")
        self.warmup_mode = warmup_mode

    def get_warmup_lr(self, num_update: int) -> float:
        """The learning rate at an update of the warm-up.

        Raises: MXNetError when the warm-up is over.
        """
        if not num_update < self.warmup_steps:
            raise MXNetError(f"get_warmup_lr: update {num_update} is not among the {self.warmup_steps} of the warm-up.")
        if self.warmup_mode == "constant":
            return self.warmup_begin_lr
        rise = (self.warmup_final_lr - self.warmup_begin_lr) * float(num_update) / float(self.warmup_steps)
        return self.warmup_begin_lr + rise

    def __call__(self, num_update: int) -> float:
        """The learning rate after num_update updates, the largest number of updates made to any parameter."""
        raise NotImplementedError("must override this")


class FactorScheduler(LRScheduler):
    """Multiply the learning rate by factor every step updates, down to stop_factor_lr.

    Raises: ValueError when step is below 1 or factor above 1.
    """

    def __init__(
        self,
        step: int,
        factor: float = 1,
        stop_factor_lr: float = 1e-8,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ):
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        _check_step(step)
        _check_factor(factor)
        self.step = step
        self.factor = factor
        self.stop_factor_lr = stop_factor_lr
        self.count = 0

    def __call__(self, num_update: int) -> float:
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        while num_update > self.count + self.step:
            self.count += self.step
            self.base_lr *= self.factor
            if self.base_lr < self.stop_factor_lr:
                self.base_lr = self.stop_factor_lr
                logging.info(
                    "Update[%d]: now learning rate arrived at %0.5e, will not change in the future",
                    num_update, self.base_lr,
                )  # fmt: skip
            else:
                logging.info("Update[%d]: Change learning rate to %0.5e", num_update, self.base_lr)
        return self.base_lr


class MultiFactorScheduler(LRScheduler):
    """Multiply the learning rate by factor after each of the numbers of updates listed in step.

    Raises: ValueError when step is not increasing or begins below 1, or factor is above 1; MXNetError when step is
        not a list with at least one number.
    """

    def __init__(
        self,
        step: list[int],
        factor: float = 1,
        base_lr: float = 0.01,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ):
        super().__init__(base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        if not isinstance(step, list) or not step:
            raise MXNetError(f"MultiFactorScheduler: step is {step!r}; expected a list of at least one integer.")
        for first, second in zip(step, [*step[1:], None], strict=True):
            _check_step(first)
            if second is not None and first >= second:
                raise ValueError(f"Schedule step must be an increasing integer list; given {step}")
        _check_factor(factor)
        self.step = step
        self.cur_step_ind = 0
        self.factor = factor
        self.count = 0

    def __call__(self, num_update: int) -> float:
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        while self.cur_step_ind < len(self.step) and num_update > self.step[self.cur_step_ind]:
            self.count = self.step[self.cur_step_ind]
            self.cur_step_ind += 1
            self.base_lr *= self.factor
            logging.info("Update[%d]: Change learning rate to %0.5e", num_update, self.base_lr)
        return self.base_lr


class _Decay(LRScheduler):
    """Go from base_lr to final_lr over the updates between the warm-up and max_update, then stay there."""

    def __init__(self, max_update: int, base_lr: float, final_lr: float, *warmup: object):
        super().__init__(base_lr, *warmup)  # type: ignore[arg-type]
        _check_integer("max_update", max_update)
        if max_update < 1:
            raise ValueError(f"maximum number of updates must be strictly positive; given {max_update}")
        self.base_lr_orig = base_lr
        self.max_update = max_update
        self.final_lr = final_lr
        self.max_steps = max_update - self.warmup_steps

    def _decay(self, progress: float) -> float:
        """How much of the way from base_lr to final_lr is left, from 1 at progress 0 to 0 at progress 1."""
        raise NotImplementedError

    def __call__(self, num_update: int) -> float:
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        if self.max_steps > 0:  # else the warm-up is all there is
            progress = float(min(num_update, self.max_update) - self.warmup_steps) / float(self.max_steps)
            self.base_lr = self.final_lr + (self.base_lr_orig - self.final_lr) * self._decay(progress)
        return self.base_lr


class PolyScheduler(_Decay):
    """Decay from base_lr to final_lr at max_update as a polynomial of degree pwr in the remaining updates.

    Raises: ValueError when max_update is below 1.
    """

    def __init__(
        self,
        max_update: int,
        base_lr: float = 0.01,
        pwr: float = 2,
        final_lr: float = 0,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ):
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        self.power = pwr

    def _decay(self, progress: float) -> float:
        return pow(1 - progress, self.power)


class CosineScheduler(_Decay):
    """Decay from base_lr to final_lr at max_update along half a period of the cosine.

    Raises: ValueError when max_update is below 1.
    """

    def __init__(
        self,
        max_update: int,
        base_lr: float = 0.01,
        final_lr: float = 0,
        warmup_steps: int = 0,
        warmup_begin_lr: float = 0,
        warmup_mode: str = "linear",
    ):
        super().__init__(max_update, base_lr, final_lr, warmup_steps, warmup_begin_lr, warmup_mode)

    def _decay(self, progress: float) -> float:
        return (1 + cos(pi * progress)) / 2


def _check_integer(name: str, value: object) -> None:
    if not isinstance(value, int):
        raise MXNetError(f"{name} is {value!r}; expected an integer.")


def _check_step(step: float) -> None:
    if step < 1:
        raise ValueError(f"Schedule step must be greater or equal than 1 round; given {step}")


def _check_factor(factor: float) -> None:
    if factor > 1.0:
        raise ValueError(f"Factor must be no more than 1 to make lr reduce; given {factor}")
