"""How arrays lie in memory, for oneDNN and for torch."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from ctypes import POINTER, byref, c_int, c_int64, c_void_p, cast
from typing import Any

import torch

from ..templates import Layout
from .library import Dims, Unsupported, required

_FLOAT32 = 3
_BLOCKS = {(16, 3): 56, (8, 3): 69, (16, 4): 78, (8, 4): 102, (16, 5): 121, (8, 5): 142}  # dnnl_aBc16b, ...
_STRIDES, _DIMS, _TYPE, _PADDED_DIMS, _COUNT, _SIZES, _AXES = 14, 257, 258, 260, 263, 264, 265


class Memory:
    """A descriptor of memory. Equal ones are one object.

    handle   oneDNN's own
    dims     the sizes of the array, as its user sees it
    blocks   (axis, size) of the blocks inside, outermost first; none for an array with strides alone
    is_padded  whether axes are filled up with zeros to whole blocks
    nbytes   of the memory
    layout   the tensor that holds it: with the array's shape and strides, or of one axis where it lies in blocks
    """

    __slots__ = ("__weakref__", "_finalizer", "blocks", "dims", "handle", "is_padded", "layout", "nbytes")

    def __init__(
        self, handle: c_void_p, dims: tuple[int, ...], blocks: tuple[tuple[int, int], ...], is_padded: bool,
        nbytes: int, layout: Layout,
    ):  # fmt: skip
        self.handle = handle
        self.dims = dims
        self.blocks = blocks
        self.is_padded = is_padded
        self.nbytes = nbytes
        self.layout = layout
        self._finalizer = weakref.finalize(self, required().call, "memory_desc_destroy", handle)
        self._finalizer.atexit = False

    @property
    def is_blocked(self) -> bool:
        """Whether torch can't see the array in it as such."""
        return bool(self.blocks) or self.is_padded

    def __repr__(self) -> str:
        return f"Memory({self.dims}, blocks={self.blocks}, {self.layout})"


_known: weakref.WeakValueDictionary[Any, Memory] = weakref.WeakValueDictionary()


def _query(handle: c_void_p, what: int, size: int) -> tuple[int, ...]:
    pointer = c_void_p()
    required().call("memory_desc_query", handle, what, byref(pointer))
    return tuple(cast(pointer, POINTER(c_int64))[:size])


def _number(handle: c_void_p, what: int) -> int:
    number = c_int()
    required().call("memory_desc_query", handle, what, byref(number))
    return number.value


def memory(handle: c_void_p) -> Memory:
    """What a descriptor says; it may go away afterwards."""
    onednn = required()
    ndims = _number(handle, 256)
    nbytes = int(onednn.size_of(handle))
    dtype = torch.float32 if _number(handle, _TYPE) == _FLOAT32 else torch.uint8
    dims, padded = _query(handle, _DIMS, ndims), _query(handle, _PADDED_DIMS, ndims)
    strides = _query(handle, _STRIDES, ndims)
    count = _number(handle, _COUNT)
    blocks = tuple(zip(_query(handle, _AXES, count), _query(handle, _SIZES, count), strict=True))
    key = (dims, padded, strides, blocks, dtype, nbytes)
    found = _known.get(key)
    if found is None:
        flat = bool(blocks) or padded != dims or dtype is not torch.float32
        layout = Layout((nbytes // dtype.itemsize,), (1,), dtype) if flat else Layout(dims, strides, dtype)
        clone = onednn.create("memory_desc_clone", handle)
        found = _known[key] = Memory(clone, dims, blocks, padded != dims, nbytes, layout)
    return found


def owned(handle: c_void_p) -> Memory:
    """What a descriptor says that was made for this alone."""
    try:
        return memory(handle)
    finally:
        required().call("memory_desc_destroy", handle)


def plain(layout: Layout) -> Memory:
    """The memory of a float32 tensor with strides."""
    axes, shape, strides = len(layout.shape), Dims(*layout.shape), Dims(*layout.stride)
    return owned(required().create("memory_desc_create_with_strides", axes, shape, _FLOAT32, strides))


def channel_blocks(dims: Sequence[int], size: int) -> Memory:
    """The memory of an array whose second axis lies in blocks of a size, innermost.

    Raises: Unsupported for another size than 8 or 16.
    """
    tag = _BLOCKS.get((size, len(dims)))
    if tag is None:
        raise Unsupported(f"blocks of {size} channels of {len(dims)} axes")
    found = owned(required().create("memory_desc_create_with_tag", len(dims), Dims(*dims), _FLOAT32, tag))
    if found.blocks != ((1, size),):
        raise Unsupported(f"oneDNN {required().version} numbers its layouts otherwise: {found}")
    return found


def any_memory(dims: Sequence[int]) -> c_void_p:
    """A descriptor that leaves the layout to a primitive; whoever asks for it destroys it."""
    return required().create("memory_desc_create_with_tag", len(dims), Dims(*dims), _FLOAT32, 1)
