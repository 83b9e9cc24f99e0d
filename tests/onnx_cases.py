"""Calls of operators for the translation to ONNX, beyond those of operator_examples.py: further attributes and dtypes.

An entry is (operator, inputs, attributes); an input is a shape, filled with values between -2 and 2, or an array.
"""

from __future__ import annotations

import itertools
import zlib

import numpy as np
import torch

import mxnet as mx
from mxnet.ops.registry import get_operator
from mxnet.symbol.symbol import compose

CASES: list[tuple[str, list, dict]] = []


def case(op, *inputs, **attrs):
    CASES.append((op, list(inputs), attrs))


# Convolution and its transpose
case("Convolution", (2, 4, 9, 8), (6, 2, 3, 2), (6,), kernel=(3, 2), num_filter=6, num_group=2, stride=(2, 1),
     pad=(1, 2), dilate=(2, 1))  # fmt: skip
case("Convolution", (2, 9, 8, 4), (6, 3, 2, 4), (6,), kernel=(3, 2), num_filter=6, layout="NHWC", pad=(1, 1))
case("Convolution", (1, 2, 5, 6, 4), (3, 2, 2, 3, 1), kernel=(2, 3, 1), num_filter=3, no_bias=True)
case("Deconvolution", (2, 4, 5, 6), (4, 3, 3, 3), (6,), kernel=(3, 3), num_filter=6, num_group=2, stride=(2, 3),
     pad=(1, 1), adj=(1, 2), no_bias=False)  # fmt: skip
case("Deconvolution", (1, 2, 5, 6), (2, 3, 4, 4), kernel=(4, 4), num_filter=3, stride=(2, 2), target_shape=(10, 12))
case("Deconvolution", (1, 2, 5, 6), (2, 3, 4, 4), kernel=(4, 4), num_filter=3, stride=(2, 2), target_shape=(9, 11))
case("Deconvolution", (1, 2, 5), (2, 3, 4), kernel=(4,), num_filter=3, stride=(1,), target_shape=(5,))
case("Deconvolution", (1, 5, 6, 2), (2, 3, 3, 3), kernel=(3, 3), num_filter=3, stride=(2, 2), layout="NHWC")
case("FullyConnected", (3, 4), (5, 4), (5,), num_hidden=5)
case("FullyConnected", (2, 3, 4), (5, 4), (5,), num_hidden=5, flatten=False)
case("FullyConnected", (4,), (5, 1), (5,), num_hidden=5)

# Pooling: every type in every convention, also with windows that begin in the padding
for kind, convention, pad in itertools.product(("max", "avg", "sum", "lp"), ("valid", "full"), ((0, 0), (1, 2))):
    attrs = {"pool_type": kind, "pooling_convention": convention, "pad": pad, "p_value": 2}
    case("Pooling", (2, 3, 8, 9), kernel=(3, 4), stride=(2, 3), **attrs)
    case("Pooling", (2, 3, 7, 7), kernel=(2, 3), stride=(3, 2), **{**attrs, "pad": (0, pad[1])})
    case("Pooling_v1", (2, 3, 8, 9), kernel=(3, 4), stride=(2, 3), pool_type=kind if kind != "lp" else "max",
         pooling_convention=convention, pad=pad)  # fmt: skip
for convention, pad in itertools.product(("valid", "full"), ((0, 0), (1, 2))):
    case("Pooling", (2, 3, 8, 9), kernel=(3, 4), stride=(2, 3), pool_type="avg", pooling_convention=convention, pad=pad,
         count_include_pad=False)  # fmt: skip
case("Pooling", (2, 3, 7), kernel=(1,), stride=(4,), pool_type="max", pooling_convention="full")
case("Pooling", (2, 3, 6), kernel=(1,), stride=(4,), pool_type="avg", pooling_convention="full")
case("Pooling", (2, 3, 7), kernel=(3,), stride=(2,), pool_type="avg", pooling_convention="same")
case("Pooling", (2, 3, 7), kernel=(3,), stride=(2,), pool_type="max", pooling_convention="same")
case("Pooling", (2, 3, 5, 6, 4), kernel=(2, 2, 2), stride=(2, 2, 2), pool_type="avg", pooling_convention="full")
case("Pooling", (2, 5, 6, 3), kernel=(2, 3), pool_type="avg", layout="NHWC")
case("Pooling", (2, 3, 5, 6), kernel=(2, 2), pool_type="lp", p_value=3)
case("Pooling", (2, 3, 5, 6), kernel=(2, 2), pool_type="lp", p_value=1)
for kind in ("max", "avg", "sum", "lp"):
    case("Pooling", (2, 3, 5, 6), global_pool=True, pool_type=kind, p_value=3)
case("_contrib_AdaptiveAvgPooling2D", (2, 3, 7, 5), output_size=(3, 2))
case("_contrib_AdaptiveAvgPooling2D", (2, 3, 7, 5))

# Normalisation
positive = np.linspace(0.5, 2, 3, dtype=np.float32)
for axis, fixed in itertools.product((1, -1, 0), (True, False)):
    case("BatchNorm", (3, 3, 4, 3), (3,), (3,), (3,), positive, axis=axis, fix_gamma=fixed, eps=1e-5)
case("BatchNorm", (2, 3), (3,), (3,), (3,), positive, fix_gamma=False, output_mean_var=True)
case("_contrib_SyncBatchNorm", (2, 3, 4), (3,), (3,), (3,), positive, fix_gamma=False, output_mean_var=True, key="a")
case("_contrib_BatchNormWithReLU", (2, 3, 4), (3,), (3,), (3,), positive, fix_gamma=False, output_mean_var=True)
case("LayerNorm", (2, 3, 4), (3,), (3,), axis=1, eps=1e-3)
case("LayerNorm", (2, 3, 4), (4,), (4,), output_mean_var=True)
case("GroupNorm", (2, 6, 3, 4), (3,), (3,), num_groups=3, output_mean_var=True)
case("InstanceNorm", (2, 3, 4, 5), (3,), (3,), eps=1e-5)
for mode in ("instance", "channel", "spatial"):
    case("L2Normalization", (2, 3, 4, 2), mode=mode)
case("LRN", (2, 7, 3, 3), nsize=5, alpha=0.3, beta=0.6, knorm=1.5)
case("LRN", (2, 7, 3, 3), nsize=4, alpha=0.3)

# Activations and softmax
for kind in ("relu", "sigmoid", "softrelu", "softsign", "tanh", "log_sigmoid", "mish"):
    case("Activation", (2, 3, 4), act_type=kind)
for kind in ("leaky", "elu", "selu", "gelu", "rrelu"):
    case("LeakyReLU", (2, 3, 4), act_type=kind, slope=0.3)
case("LeakyReLU", (2, 3, 4, 5), (3,), act_type="prelu")
case("LeakyReLU", (2, 3), (3,), act_type="prelu")
case("LeakyReLU", (2, 3, 4), (1,), act_type="prelu")
case("hard_sigmoid", (3, 4), alpha=0.3, beta=0.4)
for name in ("softmax", "log_softmax", "softmin"):
    case(name, (2, 3, 4), axis=1, temperature=0.7)
    case(name, (2, 3, 4), axis=-1, dtype="float64")
case("softmax", (2, 3, 4), np.array([[1, 2, 3, 0], [3, 3, 1, 2]], np.int32), axis=1, use_length=True)
case("SoftmaxActivation", (2, 3, 4), mode="channel")
case("SoftmaxOutput", (2, 3, 4), (2, 4), multi_output=True)
case("SoftmaxOutput", (2, 3, 4), (2, 3), preserve_shape=True)
case("SoftmaxOutput", (2, 3, 4), (2, 3))

# Elements
case("abs relu negative square sign floor ceil round rint trunc fix erf tanh sigmoid".replace(" ", ","), (3, 4))
case("round,rint,trunc,fix,floor,ceil", np.array([-2.5, -1.5, -0.5, -0.2, 0.5, 0.49999997, 1.5, 2.7], np.float32))
case("expm1,log1p", np.array([1e-7, -1e-6, 1e-3, -0.2, 0.3, 5.0, 20.0], np.float32))
case("exp,sin,cos,arctan,sinh,cosh,arcsinh,cbrt,rcbrt,degrees,radians,logical_not,softsign", (3, 4))
case("abs,relu,negative,square,sign,floor,round,sqrt,exp,cbrt", np.array([[0, 1, 2], [3, 4, 5]], np.int32))
case("clip", (3, 4), a_min=-0.5, a_max=0.7)
case("clip", np.array([-3, 0, 5, 9], np.int32), a_min=-1, a_max=6)
case("clip", np.array([3, 0, 255], np.uint8), a_min=-1, a_max=100)
for dtype in ("float16", "float64", "int32", "int64", "uint8", "int8", "bool"):
    case("Cast", np.array([-1.7, 0, 0.4, 3.9, 100], np.float32) if dtype != "uint8" else np.abs(np.ones(3, np.float32)),
         dtype=dtype)  # fmt: skip
case("smooth_l1", (3, 4), scalar=1.5)
case("_contrib_quadratic", np.array([1, 2, 3], np.int32), a=1.5, b=2.5, c=-1.2)
case("_contrib_div_sqrt_dim", (2, 3, 5))

# Arithmetic
pair = (np.array([[-3.5, 2, 0, 7.2]], np.float32), np.array([[2], [-2], [0]], np.float32))
case("broadcast_add,broadcast_sub,broadcast_mul,broadcast_maximum,broadcast_minimum,broadcast_hypot,broadcast_mod,"
     "broadcast_equal,broadcast_greater,broadcast_lesser_equal,broadcast_logical_xor,broadcast_logical_and",
     *pair)  # fmt: skip
whole = (np.array([[-3, 2, 0, 7]], np.int32), np.array([[2], [-2], [1]], np.int32))
case("broadcast_add,broadcast_mul,broadcast_maximum,broadcast_equal,broadcast_lesser,broadcast_logical_or", *whole)
for scalar in (2.0, -2.5, 0.0):
    case("_plus_scalar,_rminus_scalar,_mul_scalar,_maximum_scalar,_minimum_scalar,_mod_scalar,_rmod_scalar,"
         "_equal_scalar,_greater_scalar,_logical_and_scalar", (3, 4), scalar=scalar)  # fmt: skip
integers = np.array([-7, -1, 0, 1, 7], np.int32)
case("_div_scalar,_mod_scalar,_plus_scalar,_power_scalar,_lesser_scalar", integers, scalar=2.0)
case("_div_scalar,_plus_scalar,_mul_scalar", integers, scalar=2.5, is_int=False)
case("_plus_scalar,_mul_scalar", np.array([True, False]), scalar=3.0)
case("add_n", np.array([1, 2], np.int32), np.array([3, 4], np.int32), np.array([5, 6], np.int32))
case("add_n", (2, 3))

# Shapes
for codes in ((0, -1), (-2,), (-3, 0), (-4, 1, 2, -2), (2, -1, 4), (0, 0, -4, 2, 2)):
    case("Reshape", (2, 3, 4), shape=codes)
case("Reshape", (2, 3, 4), shape=(-1, 0), reverse=True)
case("Flatten", (2, 3, 4))
case("squeeze", (1, 3, 1))
case("squeeze", (1, 1), axis=(0, 1))
case("squeeze", (1, 3, 1), axis=(-1,))
case("transpose", (2, 3, 4), axes=(2, 0, 1))
case("SwapAxis", (2, 3, 4), dim1=0, dim2=-1)
case("expand_dims", (2, 3), axis=-1)
case("slice", (4, 5), begin=(None, 4), end=(None, None), step=(-1, -2))
case("slice", (4, 5), begin=(-3,), end=(10,))
case("slice_axis", (4, 5), axis=-1, begin=-3, end=None)
case("slice_like", (4, 5), (2, 3))
case("slice_like", (4, 5, 6), (7, 3, 2), axes=(-1, 1))
case("Crop", (1, 2, 6, 7), (1, 2, 3, 4), center_crop=True)
case("SliceChannel", (2, 4), num_outputs=1, axis=1)
case("_split_v2", (2, 7), indices=(0, 3, 5), axis=1)
case("_split_v2", (7, 2), indices=(), sections=3, axis=0)
case("repeat", (2, 3), repeats=3)
case("tile", (2, 3), reps=(2,))
case("tile", (2, 3), reps=(2, 1, 3))
case("reverse", (2, 3, 4), axis=(0, -1))
case("stack", (2, 3), (2, 3), (2, 3), axis=-1)
case("diag", (3, 4), k=-1)
case("broadcast_axis", (1, 3, 1), axis=(0, 2), size=(2, 4))
case("broadcast_like", (1, 3), (2, 5), lhs_axes=(0,), rhs_axes=(1,))
case("depth_to_space", (2, 8, 3, 2), block_size=2)
case("space_to_depth", (2, 3, 4, 6), block_size=2)
case("_zeros", shape=(2, 3))
case("_arange", start=2, stop=9, step=2, repeat=2, dtype="int32")
case("_contrib_arange_like", (3, 4), axis=1, start=2)
case("zeros_like", (3, 4))
case("shape_array", (3, 4))

# Picking and order
indices = np.array([[-1, 0, 2], [5, 7, 3]], np.float32)
case("take", (4, 3), indices, axis=0, mode="clip")
case("take", (2, 4, 3), indices, axis=1, mode="wrap")
case("Embedding", indices, (5, 4), input_dim=5, output_dim=4)
case("pick", (3, 4), np.array([-1, 2, 9], np.float32), keepdims=True)
case("pick", (3, 4), np.array([-1, 2, 9], np.float32), mode="wrap")
case("pick", (3, 4), np.array([[-1, 2, 9, 1]], np.float32), axis=0)
case("one_hot", np.array([-1, 0, 3, 4], np.float32), depth=4, on_value=3, off_value=-1, dtype="int32")
case("gather_nd", (4, 3, 2), np.array([[0, 2, -1], [1, 0, 2]], np.int64))
case("where", np.array([1, 0], np.float32), (2, 3), (2, 3))
case("topk", (3, 6), k=3, ret_typ="both", is_ascend=True, dtype="int32")
case("topk", (3, 6), k=2, ret_typ="mask", axis=None)
case("topk", np.array([[2, 1, 2, 0, 1]], np.float32), k=4, ret_typ="both")
case("sort,argsort", (3, 6), axis=0, is_ascend=False)
case("argsort", (3, 6), axis=None)
case("argmax,argmin", (3, 4), axis=None)
case("argmax,argmin", (3, 4), axis=0, keepdims=True)

# Reductions
for attrs in ({}, {"axis": 1}, {"axis": (0, -1), "keepdims": True}, {"axis": (1,), "exclude": True}):
    case("sum,mean,prod,max,min,nansum", (2, 3, 4), **attrs)
    case("sum,max,prod", np.arange(24, dtype=np.int32).reshape(2, 3, 4) % 5 + 1, **attrs)
case("nansum,nanprod", np.array([[1, np.nan], [2, 3]], np.float32), axis=1)
case("norm", (2, 3, 4), ord=1, axis=(0, 2))
case("norm", np.array([[3, 4]], np.int32), out_dtype="float32")
case("moments", (2, 3, 4), axes=(0, 2), keepdims=True)
case("cumsum", (2, 3, 4))
case("cumsum", np.array([[1, 2, 3]], np.int32), axis=1, dtype="float32")

# Products and attention
case("dot", (3,), (3,))
case("dot", (2, 3, 4), (4, 5))
case("dot", (2, 3), (3, 4, 5))
case("dot", (3, 2, 4), (5, 6, 3), transpose_a=True, transpose_b=True)
case("batch_dot", (2, 3, 4), (2, 5, 4), transpose_b=True)
case("batch_dot", (2, 2, 4, 3), (2, 2, 4, 5), transpose_a=True)
case("_linalg_gemm2", (2, 3, 4), (2, 5, 4), transpose_b=True, alpha=0.5)
case("_linalg_gemm", (3, 2, 4), (4, 2, 5), (3, 2, 5), axis=0, beta=2.0)
case("_linalg_syrk", (2, 3, 4), transpose=True, alpha=2.0)
case("_contrib_interleaved_matmul_selfatt_qk", (5, 2, 18), heads=3)
case("_contrib_interleaved_matmul_selfatt_valatt", (5, 2, 18), (6, 5, 5), heads=3)
case("_contrib_interleaved_matmul_encdec_qk", (4, 2, 6), (5, 2, 12), heads=3)
case("_contrib_interleaved_matmul_encdec_valatt", (5, 2, 12), (6, 4, 5), heads=3)

# Images and sequences
case("UpSampling", (1, 2, 3, 4), (1, 3, 6, 8), scale=4, sample_type="nearest", num_args=2)
case("UpSampling", (1, 2, 3, 4), (1, 2, 6, 8), scale=2, sample_type="nearest", multi_input_mode="sum", num_args=2)
case("UpSampling", (1, 2, 3, 4), (2, 1, 5, 5), scale=3, sample_type="bilinear", num_filter=2, num_args=2)
for corners, size in itertools.product((True, False), ((7, 5), (1, 5), (3, 1), (2, 3))):
    case("_contrib_BilinearResize2D", (1, 2, 3, 4), height=size[0], width=size[1], align_corners=corners)
case("_contrib_BilinearResize2D", (1, 2, 3, 4), (1, 1, 6, 3), mode="like")
regions = np.array([[0, 1.2, 0.4, 6.3, 5.1], [1, 0, 0, 3, 7], [-1, 1, 1, 3, 3], [1, 4, 5, 4.1, 5.2]], np.float32)
for ratio, aligned in itertools.product((2, -1), (True, False)):
    case("_contrib_ROIAlign", (2, 3, 8, 7), regions, pooled_size=(3, 2), spatial_scale=0.8, sample_ratio=ratio,
         aligned=aligned)  # fmt: skip
boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 4], [1, 1, 1, 1], [2, 3, 1, 1]], np.float32)
for form in ("corner", "center"):
    case("_contrib_box_iou", boxes, boxes[:3].reshape(1, 3, 4) * 0.9, format=form)
    case("_contrib_box_decode", (2, 4, 4), boxes[None], std0=0.1, std1=0.2, std2=0.5, std3=0.4, format=form, clip=0.3)
case("GridGenerator", (2, 6), transform_type="affine", target_shape=(3, 4))
case("GridGenerator", (2, 2, 3, 4), transform_type="warp")
case("BilinearSampler", (2, 3, 4, 5), (2, 2, 3, 6))
case("SpatialTransformer", (2, 3, 4, 5), (2, 6), target_shape=(3, 4), transform_type="affine", sampler_type="bilinear")
case("_image_to_tensor", np.arange(24, dtype=np.uint8).reshape(2, 4, 3))
case("_image_to_tensor", np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3))
case("_image_normalize", (3, 4, 5), mean=(0.1, 0.2, 0.3), std=(0.4,))
case("_slice_assign", (4, 5), (2, 3), begin=(3, 1), end=(0, 4), step=(-2, 1))
case("_slice_assign_scalar", (4, 5), begin=(None, 1), end=(None, 4), step=(3, None), scalar=2.5)
lengths = np.array([2, 4, 1], np.float32)
for axis in (0, 1):
    data = (4, 3, 2) if axis == 0 else (3, 4, 2)
    case("SequenceMask", data, lengths, use_sequence_length=True, value=-1.0, axis=axis)
    case("SequenceLast", data, lengths, use_sequence_length=True, axis=axis)
    case("SequenceLast", data, axis=axis)
case("SequenceReverse", (4, 3, 2), lengths, use_sequence_length=True)
case("SequenceReverse", (4, 3, 2))

EXPANDED = [(name, inputs, attrs) for names, inputs, attrs in CASES for name in names.split(",")]


def filled(op, position, item):
    if not isinstance(item, tuple):
        return item
    random = np.random.RandomState(zlib.crc32(f"{op}{position}".encode()) % 2**31)
    return random.uniform(-2, 2, item).astype(np.float32)


def graph_of(op, arrays, attrs):
    operator = get_operator(op)
    made = [None if array is None else mx.sym.var(f"in{i}") for i, array in enumerate(arrays)]
    if operator.variadic:
        made = [item for item in made if item is not None]
    given = {key: value for key, value in attrs.items() if key in operator.attributes}
    return compose(operator, made, given, hint="node", name="node").graph


def tensors_of(arrays):
    return {f"in{i}": torch.from_numpy(array.copy()) for i, array in enumerate(arrays) if array is not None}
