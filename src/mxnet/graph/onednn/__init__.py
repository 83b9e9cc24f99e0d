"""oneDNN, called directly: convolutions, normalisation and pooling on arrays in the layouts that it works fastest on.

torch brings a oneDNN of its own, but lets arrays keep their blocked layouts only where nothing is differentiated. With
the optional package ``onednn-cpu-gomp`` (``pip install 'mxnext[onednn]'``) training steps with ``fuse`` keep images in
blocks through the whole network, forward and backward, and normalise and take relu in one pass.

library.py     the shared library: where it lies, its functions
memory.py      how arrays lie in memory
primitives.py  its operations as functions of tensors
"""

from .library import is_available

__all__ = ["is_available"]
