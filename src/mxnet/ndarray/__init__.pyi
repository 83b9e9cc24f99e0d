# Made by tools/make_stubs.py; do not edit.
from collections.abc import Sequence
from typing import Any, Literal

from .op import *
from . import ndarray as ndarray
from .decoding import *
from .functions import *
from .keys import *
from .ndarray import NDArray as NDArray
from .ndarray import from_torch as from_torch
from .utils import *
from . import _internal as _internal
from . import contrib as contrib
from . import image as image
from . import linalg as linalg
from . import op as op
from . import random as random
from . import sparse as sparse
from . import utils as utils
from .sparse import cast_storage as cast_storage
