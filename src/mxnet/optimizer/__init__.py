"""Optimizers: `Optimizer` and its registered subclasses, `create` by name, and `Updater`, which applies them."""

from . import contrib, optimizer
from .adaptive import FTML, AdaDelta, AdaGrad, Adam, Adamax, Ftrl, Nadam, RMSProp
from .base import Optimizer, create, register
from .layerwise import LAMB, LARS
from .optimizer import NDabs
from .sgd import DCASGD, LBSGD, NAG, SGD, SGLD, Signum, ccSGD
from .testing import Test
from .updater import Updater, get_updater

__all__ = [
    "DCASGD", "FTML", "LAMB", "LARS", "LBSGD", "NAG", "SGD", "SGLD", "AdaDelta", "AdaGrad", "Adam", "Adamax", "Ftrl",
    "NDabs", "Nadam", "Optimizer", "RMSProp", "Signum", "Test", "Updater", "ccSGD", "contrib", "create", "get_updater",
    "optimizer", "register",
]  # fmt: skip
