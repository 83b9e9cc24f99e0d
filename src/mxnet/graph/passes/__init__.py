"""Passes: pure functions from graph to graph, one in each file.

Exact ones give the same bits: remove_dead, merge_equal, fold_constants, split_prologue, pool_before_relu. The fusing
ones change how results are rounded: fuse_norm_relu in training; fold_batch_norm, affine_batch_norm, fuse_tails,
choose_layout, pack_weights, work_in_place for inference. partition puts together what a backend can run.
"""

from .affine_batch_norm import affine_batch_norm
from .choose_layout import choose_layout
from .fold_batch_norm import fold_batch_norm
from .fold_constants import fold_constants
from .fuse_norm_relu import fuse_norm_relu
from .fuse_tails import fuse_tails
from .inference import fill_in_sizes, fuse_layers, optimize_inference, simplify
from .merge_equal import merge_equal
from .pack_weights import pack_weights
from .partition import partition
from .pool_before_relu import pool_before_relu
from .remove_dead import remove_dead
from .split_prologue import prologue_names, split_prologue
from .work_in_place import work_in_place

__all__ = [
    "affine_batch_norm", "choose_layout", "fill_in_sizes", "fold_batch_norm", "fold_constants", "fuse_layers",
    "fuse_norm_relu", "fuse_tails", "merge_equal", "optimize_inference", "pack_weights", "partition",
    "pool_before_relu", "prologue_names", "remove_dead", "simplify", "split_prologue", "work_in_place",
]  # fmt: skip
