"""Callbacks for training loops: at the end of a batch, an epoch or a validation."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

__all__ = [
    "LogValidationMetricsCallback", "ProgressBar", "Speedometer", "do_checkpoint", "log_train_metric",
    "module_checkpoint",
]  # fmt: skip


def module_checkpoint(
    mod: Any, prefix: str, period: int = 1, save_optimizer_states: bool = False
) -> Callable[..., None]:
    """An epoch-end callback that saves a checkpoint of a module.

    Args:
        mod: module.
        prefix: path without the ending.
        period: save after every period epochs.
        save_optimizer_states: save the states of the optimizer too.
    """
    period = max(1, int(period))

    def save(epoch: int, sym: Any = None, arg: Any = None, aux: Any = None) -> None:
        if (epoch + 1) % period == 0:
            mod.save_checkpoint(prefix, epoch + 1, save_optimizer_states)

    return save


def do_checkpoint(prefix: str, period: int = 1) -> Callable[..., None]:
    """An epoch-end callback that saves symbol and parameters; see `mx.model.save_checkpoint`.

    Args:
        prefix: path without the ending.
        period: save after every period epochs.
    """
    from .model import save_checkpoint

    period = max(1, int(period))

    def save(epoch: int, sym: Any, arg: Any, aux: Any) -> None:
        if (epoch + 1) % period == 0:
            save_checkpoint(prefix, epoch + 1, sym, arg, aux)

    return save


def log_train_metric(period: int, auto_reset: bool = False) -> Callable[[Any], None]:
    """A batch-end callback that logs the metric.

    Args:
        period: log after every period batches.
        auto_reset: begin the metric anew after each time.
    """

    def log(param: Any) -> None:
        if param.nbatch % period == 0 and param.eval_metric is not None:
            for name, value in param.eval_metric.get_name_value():
                logging.info("Iter[%d] Batch[%d] Train-%s=%f", param.epoch, param.nbatch, name, value)
            if auto_reset:
                param.eval_metric.reset_local()

    return log


class Speedometer:
    """A batch-end callback that logs the speed of training and the metric.

    Args:
        batch_size: examples in a batch.
        frequent: log after every frequent batches.
        auto_reset: begin the metric anew after each time.
    """

    def __init__(self, batch_size: int, frequent: int = 50, auto_reset: bool = True):
        self.batch_size = batch_size
        self.frequent = frequent
        self.init = False
        self.tic: float = 0
        self.last_count = 0
        self.auto_reset = auto_reset

    def __call__(self, param: Any) -> None:
        """Count a batch and log if it is time."""
        count = param.nbatch
        if count < self.last_count:
            self.init = False
        self.last_count = count
        if not self.init:
            self.init = True
            self.tic = time.time()
            return
        if count % self.frequent:
            return
        elapsed = time.time() - self.tic
        speed = self.frequent * self.batch_size / elapsed if elapsed else float("inf")
        if param.eval_metric is None:
            logging.info("Iter[%d] Batch [%d]\tSpeed: %.2f samples/sec", param.epoch, count, speed)
        else:
            pairs = param.eval_metric.get_name_value()
            begin = 0
            if self.auto_reset:
                begin = count - self.frequent
                param.eval_metric.reset_local()
            values = "".join(f"\t{name}={value:f}" for name, value in pairs)
            logging.info(
                "Epoch[%d] Batch [%d-%d]\tSpeed: %.2f samples/sec%s", param.epoch, begin, count, speed, values
            )  # fmt: skip
        self.tic = time.time()


class ProgressBar:
    """A batch-end callback that logs a bar.

    Args:
        total: batches in all.
        length: length of the whole bar, in characters.
    """

    def __init__(self, total: int, length: int = 80):
        self.bar_len = length
        self.total = total

    def __call__(self, param: Any) -> None:
        """Log the bar."""
        count = param.nbatch
        filled = round(self.bar_len * count / float(self.total))
        percents = math.ceil(100.0 * count / float(self.total))
        logging.info("[%s] %s%%\r", "=" * filled + "-" * (self.bar_len - filled), percents)


class LogValidationMetricsCallback:
    """A callback that logs the metric after a validation."""

    def __call__(self, param: Any) -> None:
        """Log the metric."""
        if param.eval_metric is not None:
            for name, value in param.eval_metric.get_name_value():
                logging.info("Epoch[%d] Validation-%s=%f", param.epoch, name, value)
