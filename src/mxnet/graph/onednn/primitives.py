"""Operations of oneDNN as functions of tensors, in the layouts that it chooses."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from ctypes import c_void_p
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..templates import Layout, contiguous_layout
from .library import UNIMPLEMENTED, Dims, OneDNNError, Unsupported, required
from .memory import Memory, any_memory, memory, plain

_TRAINING, _INFERENCE, _BACKWARD = 64, 96, 128
_DIRECT = 1
_ALIGNMENT = 64
_MAX, _AVG_INCLUDING_PADS, _AVG_EXCLUDING_PADS = 0x1FF, 0x2FF, 0x3FF
_GLOBAL_STATS, _SCALE, _SHIFT, _RELU = 1, 2, 4, 8
_GIVEN = 1  # dnnl_scratchpad_mode_user
# arguments
_SRC, _DST, _WEIGHTS, _BIAS, _MEAN, _VARIANCE, _SCALE_ARG, _SHIFT_ARG, _WORKSPACE = 1, 17, 33, 41, 49, 50, 51, 52, 64
_SCRATCH = 80
_DIFF_SRC, _DIFF_DST, _DIFF_WEIGHTS, _DIFF_BIAS, _DIFF_SCALE, _DIFF_SHIFT = 129, 145, 161, 169, 255, 256
# descriptors that a primitive tells
_SRC_MD, _WEIGHTS_MD, _DIFF_WEIGHTS_MD, _DST_MD, _WORKSPACE_MD, _SCRATCH_MD = 129, 131, 132, 133, 135, 136


class Primitive:
    """An operation as a function of tensors.

    takes       the number of each argument it is given, and its memory
    gives       the number of each result, and its memory
    layouts     of the tensors it gives
    results     their memories
    name        how tables call it
    operations  additions and multiplications of its products
    passes      how often it reads and writes its arrays, in all; 0 for one with products
    over        position of the argument that the first result may lie on; None if on none
    """

    def __init__(
        self, name: str, desc: c_void_p, takes: Sequence[tuple[int, Memory]], gives: Sequence[tuple[int, Memory]],
        operations: float = 0.0, passes: float = 0.0, over: int | None = None, layouts: Sequence[Layout] | None = None,
    ):  # fmt: skip
        onednn = required()
        self.name = name
        self._primitive = onednn.create("primitive_create", desc)
        self._finalizer = weakref.finalize(self, onednn.call, "primitive_destroy", self._primitive)
        self._finalizer.atexit = False
        self._onednn = onednn
        self._memories = [held for _, held in (*takes, *gives)]  # keeps their descriptors alive
        self._numbers = tuple(number for number, _ in (*takes, *gives))
        self._handles = [held.handle for held in self._memories]
        self._scratch_bytes = int(onednn.size_of(onednn.descriptor_of(desc, _SCRATCH_MD)))
        if self._scratch_bytes:  # given at each call: one that oneDNN keeps would belong to the thread that made this
            scratch = _told(desc, _SCRATCH_MD)
            self._memories.append(scratch)
            self._numbers += (_SCRATCH,)
            self._handles.append(scratch.handle)
        self.results = [held for _, held in gives]
        self.layouts = [held.layout for held in self.results] if layouts is None else list(layouts)
        self.operations = operations
        self.passes = passes
        self.over = over

    def __call__(self, *tensors: Tensor) -> Any:
        return self._run(tensors, [_empty(layout, tensors[0]) for layout in self.layouts])

    def _run(self, tensors: Sequence[Tensor], results: list[Tensor]) -> Any:
        addresses = [tensor.data_ptr() for tensor in (*tensors, *results)]
        if self._scratch_bytes:
            scratch = np.empty(self._scratch_bytes + _ALIGNMENT, np.uint8)  # not a tensor: a kernel's workspace
            addresses.append(-(-scratch.ctypes.data // _ALIGNMENT) * _ALIGNMENT)
        self._onednn.execute(self._primitive, self._numbers, self._handles, addresses)
        return results[0] if len(results) == 1 else tuple(results)

    def over_argument(self, *tensors: Tensor) -> Any:
        """The same, with the first result in the place of the argument `over`."""
        assert self.over is not None
        rest = [_empty(layout, tensors[0]) for layout in self.layouts[1:]]
        return self._run(tensors, [tensors[self.over], *rest])

    def __str__(self) -> str:
        return f"onednn.{self.name}"


def _empty(layout: Layout, like: Tensor) -> Tensor:
    return like.new_empty_strided(layout.shape, layout.stride, dtype=layout.dtype)


class InPlace:
    """A primitive that writes its first result over an argument."""

    def __init__(self, primitive: Primitive):
        self.primitive = primitive

    def __call__(self, *tensors: Tensor) -> Any:
        return self.primitive.over_argument(*tensors)

    def __str__(self) -> str:
        return f"{self.primitive}_"


class _Descs:
    """Makes descriptors, and destroys them at the end of a block."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> _Descs:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def any(self, dims: Sequence[int]) -> c_void_p:
        """Memory in a layout that is to be chosen."""
        made = any_memory(dims)
        self._stack.callback(required().call, "memory_desc_destroy", made)
        return made

    def attributes(self, tail: Tail | None = None) -> c_void_p:
        """The attributes of a primitive: who calls it gives it its workspace; with a tail, if there is one."""
        onednn = required()
        found = onednn.create("primitive_attr_create")
        self._stack.callback(onednn.call, "primitive_attr_destroy", found)
        onednn.call("primitive_attr_set_scratchpad_mode", found, _GIVEN)
        if tail is None or tail == Tail():
            return found
        steps = onednn.create("post_ops_create")
        self._stack.callback(onednn.call, "post_ops_destroy", steps)
        if tail.adds:
            onednn.call("post_ops_append_sum", steps, 1.0, 0, 0)
        if tail.activation != "none":
            algorithm, alpha, beta = _ELEMENT_WISE[tail.activation]
            onednn.call(
                "post_ops_append_eltwise", steps, algorithm, tail.alpha if alpha is None else alpha,
                tail.beta if beta is None else beta,
            )  # fmt: skip
        onednn.call("primitive_attr_set_post_ops", found, steps)
        return found

    def make(self, name: str, *arguments: Any) -> c_void_p:
        """The descriptor of a primitive.

        Raises: Unsupported if oneDNN has none, or only the slow one that shows how it is meant.
        """
        made = self.create(name, *arguments)
        implementation = required().implementation(made)
        if implementation.startswith(("ref", "simple")):
            raise Unsupported(f"{name}: {implementation}")
        return made

    def create(self, name: str, *arguments: Any) -> c_void_p:
        """The descriptor of a primitive, however slow.

        Raises: Unsupported if oneDNN has none.
        """
        onednn = required()
        try:
            made = onednn.create(f"{name}_primitive_desc_create", *arguments)
        except OneDNNError as error:
            if error.status != UNIMPLEMENTED:
                raise
            raise Unsupported(name) from error
        self._stack.callback(onednn.call, "primitive_desc_destroy", made)
        return made


def _told(desc: c_void_p, what: int) -> Memory:
    return memory(required().descriptor_of(desc, what))


@lru_cache(maxsize=4096)
def reorder(source: Memory, target: Memory, layout: Layout | None = None) -> Primitive:
    """From one layout to another; layout: of the tensor it gives, where that has other axes."""
    engine = required().engine
    with _Descs() as descs:
        desc = descs.create("reorder", source.handle, engine, target.handle, engine, descs.attributes())
        layouts = None if layout is None else [layout]
        return Primitive("reorder", desc, [(_SRC, source)], [(_DST, target)], passes=1.0, layouts=layouts)


class Accumulating(Primitive):
    """A primitive that adds its result to what lies in the place of it: its last argument."""

    def __call__(self, *tensors: Tensor) -> Any:
        return self._run(tensors[:-1], [tensors[-1].clone()])

    def over_argument(self, *tensors: Tensor) -> Any:
        """The same, in the place of the last argument."""
        return self._run(tensors[:-1], [tensors[-1]])


class Tail(NamedTuple):
    """What a layer does to its results: the sum with another array, and an activation.

    activation  of `ops.fused.FusedActivation`; alpha, beta: its numbers
    """

    adds: bool = False
    activation: str = "none"
    alpha: float = 0.0
    beta: float = 0.0


#: activation -> (algorithm, alpha, beta); None: that of the tail
_ELEMENT_WISE: dict[str, tuple[int, float | None, float | None]] = {
    "relu": (0x20, 0.0, 0.0), "leaky": (0x20, None, 0.0), "tanh": (0x21, 0.0, 0.0), "sigmoid": (0x29, 0.0, 0.0),
    "swish": (0x2C, 1.0, 0.0), "clip": (0x2E, None, None), "gelu": (0x31, 0.0, 0.0),
    "hard_sigmoid": (0x28, 1 / 6, 0.5), "hard_swish": (0x34, 1 / 6, 0.5),
}  # fmt: skip


class LayerForward(NamedTuple):
    """A layer for inference.

    source, result  the memory of data, and of what comes out
    arrange_weight  weight as users have it -> weight for the layer
    forward         (data, weight[, bias][, what is added]) -> result
    """

    source: Memory
    result: Memory
    arrange_weight: Primitive
    forward: Primitive


@lru_cache(maxsize=1024)
def convolution_forward(
    data: tuple[int, ...], weight: Layout, result: tuple[int, ...], stride: tuple[int, ...], dilate: tuple[int, ...],
    pad: tuple[int, ...], groups: int, bias: bool, tail: Tail,
) -> LayerForward:  # fmt: skip
    """The convolution of data of these sizes with what follows it, in layouts that oneDNN chooses, for inference.

    They are asked for as for training: blocks, which were measured to be faster than the channels last of inference.

    Raises: Unsupported if oneDNN has no fast one.
    """
    onednn = required()
    grouped, geometry, operations = _geometry(data, weight, result, stride, dilate, pad, groups)
    given = plain(contiguous_layout(grouped, weight.dtype))
    offsets = [plain(contiguous_layout(result[1:2], weight.dtype))] if bias else []
    with _Descs() as descs:
        desc = descs.make(
            "convolution_forward", onednn.engine, _TRAINING, _DIRECT, descs.any(data), descs.any(grouped),
            offsets[0].handle if bias else None, descs.any(result), *geometry, descs.attributes(tail),
        )  # fmt: skip
        source, out, kernel = _told(desc, _SRC_MD), _told(desc, _DST_MD), _told(desc, _WEIGHTS_MD)
        takes = [(_SRC, source), (_WEIGHTS, kernel), *((_BIAS, held) for held in offsets)]
        over = len(takes) if tail.adds else None
        kind = Accumulating if tail.adds else Primitive
        forward = kind("convolution", desc, takes, [(_DST, out)], operations, over=over)
        return LayerForward(source, out, reorder(given, kernel), forward)


@lru_cache(maxsize=1024)
def affine_forward(data: tuple[int, int], num_hidden: int, bias: bool, tail: Tail) -> LayerForward:
    """``data @ weight.T + bias`` with what follows it, for inference; data: (batch, units), contiguous.

    Raises: Unsupported if oneDNN has no fast one.
    """
    onednn = required()
    batch, units = data
    given, source, out, offset = (
        plain(contiguous_layout(sizes, torch.float32))
        for sizes in ((num_hidden, units), data, (batch, num_hidden), (num_hidden,))
    )
    with _Descs() as descs:
        desc = descs.make(
            "inner_product_forward", onednn.engine, _INFERENCE, source.handle, descs.any((num_hidden, units)),
            offset.handle if bias else None, out.handle, descs.attributes(tail),
        )  # fmt: skip
        kernel = _told(desc, _WEIGHTS_MD)
        takes = [(_SRC, source), (_WEIGHTS, kernel), *([(_BIAS, offset)] if bias else [])]
        forward = Primitive("affine", desc, takes, [(_DST, out)], 2.0 * batch * units * num_hidden)
        return LayerForward(source, out, reorder(given, kernel), forward)


def _geometry(
    data: tuple[int, ...], weight: Layout, result: tuple[int, ...], stride: tuple[int, ...], dilate: tuple[int, ...],
    pad: tuple[int, ...], groups: int,
) -> tuple[tuple[int, ...], tuple[Any, ...], float]:  # fmt: skip
    """The sizes of the weight by groups, the geometry for oneDNN, and the additions and multiplications."""
    grouped = weight.shape if groups == 1 else (groups, weight.shape[0] // groups, *weight.shape[1:])
    right = (
        (r - 1) * s + d * (k - 1) + 1 - size - p
        for r, s, d, k, size, p in zip(result[2:], stride, dilate, weight.shape[2:], data[2:], pad, strict=True)
    )  # what no window reaches is cut off
    geometry = (Dims(*stride), Dims(*(d - 1 for d in dilate)), Dims(*pad), Dims(*right))
    return grouped, geometry, 2.0 * math.prod(result) * math.prod(weight.shape[1:])


class Convolution(NamedTuple):
    """A convolution and its gradients.

    source, result       the memory of data, and of what comes out
    arrange_weight       weight as users have it -> weight for the forward pass
    forward              (data, weight[, bias]) -> result
    arrange_weight_back  weight as users have it -> weight for the gradient of data; None where oneDNN has no fast one
    data_gradient        (gradient of result, weight) -> gradient of data; None likewise
    weight_gradient      (data, gradient of result) -> gradient of weight[, and of bias]
    plain_gradient       that gradient of weight -> as users have it
    """

    source: Memory
    result: Memory
    arrange_weight: Primitive
    forward: Primitive
    arrange_weight_back: Primitive | None
    data_gradient: Primitive | None
    weight_gradient: Primitive
    plain_gradient: Primitive


@lru_cache(maxsize=1024)
def convolution(
    data: tuple[int, ...], weight: Layout, result: tuple[int, ...], stride: tuple[int, ...], dilate: tuple[int, ...],
    pad: tuple[int, ...], groups: int, bias: bool,
) -> Convolution:  # fmt: skip
    """The convolution of data of these sizes, in layouts that oneDNN chooses.

    Raises: Unsupported if oneDNN has no fast one.
    """
    onednn = required()
    grouped, geometry, operations = _geometry(data, weight, result, stride, dilate, pad, groups)
    users = contiguous_layout(weight.shape, weight.dtype)
    given = plain(contiguous_layout(grouped, weight.dtype))
    offsets = [plain(contiguous_layout(result[1:2], weight.dtype))] if bias else []
    offset = offsets[0].handle if bias else None
    with _Descs() as descs:
        forward = descs.make(
            "convolution_forward", onednn.engine, _TRAINING, _DIRECT, descs.any(data), descs.any(grouped), offset,
            descs.any(result), *geometry, descs.attributes(),
        )  # fmt: skip
        source, out, kernel = _told(forward, _SRC_MD), _told(forward, _DST_MD), _told(forward, _WEIGHTS_MD)
        arrange_back = data_gradient = None
        with suppress(Unsupported):
            back = descs.make(
                "convolution_backward_data", onednn.engine, _DIRECT, source.handle, descs.any(grouped), out.handle,
                *geometry, forward, descs.attributes(),
            )  # fmt: skip
            kernel_back = _told(back, _WEIGHTS_MD)
            arrange_back = reorder(given, kernel_back)
            data_gradient = Primitive(
                "convolution_backward_data", back, [(_DIFF_DST, out), (_WEIGHTS, kernel_back)], [(_DIFF_SRC, source)],
                operations,
            )  # fmt: skip
        back = descs.make(
            "convolution_backward_weights", onednn.engine, _DIRECT, source.handle, descs.any(grouped), offset,
            out.handle, *geometry, forward, descs.attributes(),
        )  # fmt: skip
        gradient = _told(back, _DIFF_WEIGHTS_MD)
        weight_gradient = Primitive(
            "convolution_backward_weights", back, [(_SRC, source), (_DIFF_DST, out)],
            [(_DIFF_WEIGHTS, gradient), *((_DIFF_BIAS, held) for held in offsets)], operations,
        )  # fmt: skip
        takes = [(_SRC, source), (_WEIGHTS, kernel), *((_BIAS, held) for held in offsets)]
        return Convolution(
            source, out, reorder(given, kernel), Primitive("convolution", forward, takes, [(_DST, out)], operations),
            arrange_back, data_gradient, weight_gradient, reorder(gradient, given, users),
        )  # fmt: skip


class Normalization(NamedTuple):
    """Batch normalisation, with relu if asked for, and its gradient.

    forward   (data[, mean, variance][, scale], shift) -> result[, mean, variance][, workspace]
    backward  (gradient of result, data, mean, variance[, scale][, workspace]) -> gradients of data[, scale], shift
    """

    forward: Primitive
    backward: Primitive


def _norm(data: Memory, scaled: bool, relu: bool, given_moments: bool) -> tuple[int, Memory, list[tuple[int, Memory]]]:
    """Of a batch normalisation: its flags, the memory of a vector of channels, and its factors as an argument."""
    flags = _SHIFT | _SCALE * scaled | _RELU * relu | _GLOBAL_STATS * given_moments
    channels = plain(contiguous_layout((data.dims[1],), data.layout.dtype))
    return flags, channels, [(_SCALE_ARG, channels)] if scaled else []


@lru_cache(maxsize=1024)
def normalization_forward(data: Memory, eps: float, scaled: bool, relu: bool) -> Primitive:
    """Batch normalisation by given moments, with relu if asked for: (data, mean, variance[, scale], shift) -> result.

    Raises: Unsupported if oneDNN has no fast one.
    """
    onednn = required()
    flags, channels, scale = _norm(data, scaled, relu, True)
    with _Descs() as descs:
        desc = descs.make(
            "batch_normalization_forward", onednn.engine, _INFERENCE, data.handle, data.handle, eps, flags,
            descs.attributes(),
        )  # fmt: skip
        takes = [(_SRC, data), (_MEAN, channels), (_VARIANCE, channels), *scale, (_SHIFT_ARG, channels)]
        return Primitive("batch_norm" + "_relu" * relu, desc, takes, [(_DST, data)], passes=1.0, over=0)


@lru_cache(maxsize=1024)
def normalization(data: Memory, eps: float, scaled: bool, relu: bool, given_moments: bool) -> Normalization:
    """Batch normalisation of data in a layout; given_moments: by a mean and a variance that are given.

    Raises: Unsupported if oneDNN has no fast one.
    """
    onednn = required()
    flags, channels, scale = _norm(data, scaled, relu, given_moments)
    with _Descs() as descs:
        forward = descs.make(
            "batch_normalization_forward", onednn.engine, _TRAINING, data.handle, data.handle, eps, flags,
            descs.attributes(),
        )  # fmt: skip
        backward = descs.make(
            "batch_normalization_backward", onednn.engine, _BACKWARD, data.handle, data.handle, data.handle, eps, flags,
            forward, descs.attributes(),
        )  # fmt: skip
        moments = [(_MEAN, channels), (_VARIANCE, channels)]
        mask = [(_WORKSPACE, _told(forward, _WORKSPACE_MD))] if relu else []
        takes, gives = ([*moments], []) if given_moments else ([], [*moments])
        return Normalization(
            Primitive(
                "batch_norm" + "_relu" * relu, forward, [(_SRC, data), *takes, *scale, (_SHIFT_ARG, channels)],
                [(_DST, data), *gives, *mask], passes=1.5,
            ),
            Primitive(
                "batch_norm" + "_relu" * relu + "_backward", backward,
                [(_DIFF_DST, data), (_SRC, data), *moments, *scale, *mask],
                [(_DIFF_SRC, data), *([(_DIFF_SCALE, channels)] if scaled else []), (_DIFF_SHIFT, channels)],
                passes=1.7, over=0,
            ),
        )  # fmt: skip


_POOLING = {"max": _MAX, "avg": _AVG_INCLUDING_PADS, "avg_inside": _AVG_EXCLUDING_PADS}


def _windows(
    data: Memory, result: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], pad: tuple[int, ...]
) -> tuple[Any, ...]:
    right = (
        (r - 1) * s + k - size - p
        for r, s, k, size, p in zip(result[2:], stride, kernel, data.dims[2:], pad, strict=True)
    )
    return Dims(*stride), Dims(*kernel), Dims(), Dims(*pad), Dims(*right)


@lru_cache(maxsize=1024)
def pooling_forward(
    data: Memory, result: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], pad: tuple[int, ...],
    kind: str,
) -> Primitive:  # fmt: skip
    """Pooling for inference, as `pooling`: (data,) -> result."""
    onednn = required()
    with _Descs() as descs:
        desc = descs.make(
            "pooling_forward", onednn.engine, _INFERENCE, _POOLING[kind], data.handle, descs.any(result),
            *_windows(data, result, kernel, stride, pad), descs.attributes(),
        )  # fmt: skip
        return Primitive(f"{kind}_pool", desc, [(_SRC, data)], [(_DST, _told(desc, _DST_MD))], passes=1.2)


class Pooling(NamedTuple):
    """Pooling and its gradient.

    result    the memory of what comes out
    forward   (data,) -> result[, positions of maxima]
    backward  (gradient of result[, positions]) -> gradient of data
    """

    result: Memory
    forward: Primitive
    backward: Primitive


@lru_cache(maxsize=1024)
def pooling(
    data: Memory, result: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], pad: tuple[int, ...],
    kind: str,
) -> Pooling:  # fmt: skip
    """Pooling of data in a layout; kind: "max", "avg" that counts pads, or "avg_inside" that doesn't.

    Raises: Unsupported if oneDNN has no fast one.
    """
    onednn = required()
    algorithm, geometry = _POOLING[kind], _windows(data, result, kernel, stride, pad)
    with _Descs() as descs:
        forward = descs.make(
            "pooling_forward", onednn.engine, _TRAINING, algorithm, data.handle, descs.any(result), *geometry,
            descs.attributes(),
        )  # fmt: skip
        out = _told(forward, _DST_MD)
        backward = descs.make(
            "pooling_backward", onednn.engine, algorithm, data.handle, out.handle, *geometry, forward,
            descs.attributes(),
        )  # fmt: skip
        places = [(_WORKSPACE, _told(forward, _WORKSPACE_MD))] if kind == "max" else []
        return Pooling(
            out,
            Primitive(f"{kind}_pool", forward, [(_SRC, data)], [(_DST, out), *places], passes=1.2),
            Primitive(
                f"{kind}_pool_backward", backward, [(_DIFF_DST, out), *places], [(_DIFF_SRC, data)], passes=1.2
            ),
        )


