"""The learning-rate schedule of MXNet's first versions; new programs use `mxnet.lr_scheduler`."""

from __future__ import annotations

import logging

__all__ = ["FactorScheduler", "LearningRateScheduler"]


class LearningRateScheduler:
    """Base class: maps an iteration to a learning rate, starting from ``base_lr``."""

    def __init__(self) -> None:
        self.base_lr = 0.01

    def __call__(self, iteration: int) -> float:
        raise NotImplementedError("must override this")


class FactorScheduler(LearningRateScheduler):
    """Multiply the learning rate by factor every step iterations.

    Raises: ValueError when step is below 1, or factor is not below 1.
    """

    def __init__(self, step: int, factor: float = 0.1):
        super().__init__()
        if step < 1:
            raise ValueError(f"Schedule step must be greater or equal than 1 round; given {step}")
        if factor >= 1.0:
            raise ValueError(f"Factor must be less than 1 to make lr reduce; given {factor}")
        self.step = step
        self.factor = factor
        self.old_lr = self.base_lr
        self.init = False

    def __call__(self, iteration: int) -> float:
        if not self.init:
            self.init = True
            self.old_lr = self.base_lr
        lr = self.base_lr * self.factor ** int(iteration / self.step)
        if lr != self.old_lr:
            self.old_lr = lr
            logging.info("At Iteration [%d]: Switch to new learning rate %.5f", iteration, lr)
        return lr
