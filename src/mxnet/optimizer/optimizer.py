"""Every optimizer under the module path that MXNet has it under, which is also the one that pickles name."""

from __future__ import annotations

from ..ndarray import abs as NDabs
from .adaptive import FTML, AdaDelta, AdaGrad, Adam, Adamax, Ftrl, Nadam, RMSProp
from .base import Optimizer, create, register
from .layerwise import LAMB, LARS
from .sgd import DCASGD, LBSGD, NAG, SGD, SGLD, Signum, ccSGD
from .testing import Test
from .updater import Updater, get_updater

__all__ = [
    "DCASGD", "FTML", "LAMB", "LARS", "LBSGD", "NAG", "SGD", "SGLD", "AdaDelta", "AdaGrad", "Adam", "Adamax", "Ftrl",
    "NDabs", "Nadam", "Optimizer", "RMSProp", "Signum", "Test", "Updater", "ccSGD", "create", "get_updater", "register",
]  # fmt: skip

for _class in (*Optimizer.opt_registry.values(), Optimizer):
    if _class.__module__.startswith("mxnet.optimizer.") and not _class.__module__.endswith(".contrib"):
        _class.__module__ = __name__
