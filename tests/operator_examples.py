"""Example calls for every registered operator, by family; test_operator_contract.py runs them all.

A new operator needs at least one `example` here. An input is a shape (filled with values from 0.3 to 1.7 that depend on
the operator's name), or an array.
"""

from __future__ import annotations

import dataclasses
import os
import zlib
from typing import Any

import numpy as np


@dataclasses.dataclass
class Example:
    """One call of an operator.

    inputs    arrays, None where an optional one is absent
    attrs     attributes
    data      how many of the inputs `infer_shape` is given when the others shall follow (None: all)
    gradient  whether its gradient is the derivative, to be compared with finite differences; or the positions of the
              inputs by which to differentiate
    """

    op: str
    inputs: list[Any]
    attrs: dict[str, Any]
    data: int | None
    gradient: Any

    @property
    def id(self) -> str:
        return f"{self.op}({', '.join(f'{key}={value}' for key, value in self.attrs.items())})"


EXAMPLES: list[Example] = []


def values(op: str, position: int, shape: tuple[int, ...], low: float = 0.3, high: float = 1.7) -> np.ndarray:
    random = np.random.RandomState(zlib.crc32(f"{op}{position}".encode()) % 2**31)
    return random.uniform(low, high, shape).astype(np.float32)


def between(low: float, high: float, *shape: int) -> np.ndarray:
    return values(f"{low}{high}", len(shape), shape, low, high)


def whole(high: int, *shape: int) -> np.ndarray:
    """Whole numbers from 0 to high - 1."""
    return np.floor(values("whole", high, shape, 0, high)).astype(np.float32)


def array(*rows: Any, dtype: str = "float32") -> np.ndarray:
    return np.array(rows if len(rows) != 1 else rows[0], dtype=dtype)


def example(ops: str, *inputs: Any, data: int | None = None, gradient: Any = True, **attrs: Any) -> None:
    """The same call for each of the operators named."""
    for op in ops.split():
        made = [values(op, i, item) if isinstance(item, tuple) else item for i, item in enumerate(inputs)]
        EXAMPLES.append(Example(op, made, attrs, data, gradient))


# Element by element
example(
    "relu sigmoid softsign log_sigmoid mish hard_sigmoid abs negative "
    "square sqrt rsqrt cbrt rcbrt reciprocal exp expm1 log "
    "log2 log10 log1p sin cos tan arctan sinh cosh "
    "tanh arcsinh degrees radians gamma gammaln erf _copy _contrib_div_sqrt_dim "
    "_contrib_quadratic _copyto",
    (2, 3),
)
example("round rint ceil floor trunc fix sign zeros_like ones_like", (2, 3))
example("arcsin arccos arctanh erfinv", between(-0.9, 0.9, 2, 3))
example("arccosh", between(1.2, 3, 2, 3))
example("logical_not shape_array size_array argmax_channel all_finite", (2, 3), gradient=False)
example("_contrib_round_ste _contrib_sign_ste BlockGrad MakeLoss make_loss", (2, 3), gradient=False)
example("_contrib_gradientmultiplier", (2, 3), gradient=False, scalar=2.0)
example("Cast amp_cast", (2, 3), dtype="float64")
example("Cast", (2, 3), dtype="int32", gradient=False)
example("amp_multicast", (2,), (3,), num_outputs=2)
example("clip", (2, 3), a_min=0.5, a_max=1.2)
example("smooth_l1", (2, 3), scalar=1.0)
for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign", "log_sigmoid", "mish"):
    example("Activation", between(-1, 1, 2, 3), act_type=kind)
for kind in ("leaky", "elu", "selu", "gelu"):
    example("LeakyReLU", between(-1, 1, 2, 3), act_type=kind)
example("LeakyReLU", between(-1, 1, 2, 3), (3,), act_type="prelu", data=1)
example("LeakyReLU", between(-1, 1, 2, 3), act_type="rrelu")

# Two arrays, arrays and numbers
example(
    "elemwise_add elemwise_sub elemwise_mul elemwise_div _grad_add _power _maximum _minimum _hypot",
    (2, 3),
    (2, 3),
    data=1,
)
example("_mod broadcast_mod", between(3.1, 3.9, 2, 3), between(1.1, 1.9, 2, 3), gradient=(0,))
example("_scatter_elemwise_div", (2, 3), (2, 3), gradient=False)
example(
    "broadcast_add broadcast_sub broadcast_mul broadcast_div "
    "broadcast_power broadcast_maximum broadcast_minimum broadcast_hypot",
    (2, 1, 3),
    (1, 4, 3),
)
example(
    "_equal _not_equal _greater _greater_equal _lesser _lesser_equal _logical_and _logical_or _logical_xor",
    whole(2, 2, 3),
    whole(2, 2, 3),
    gradient=False,
)
example(
    "broadcast_equal broadcast_not_equal broadcast_greater "
    "broadcast_greater_equal broadcast_lesser broadcast_lesser_equal "
    "broadcast_logical_and broadcast_logical_or broadcast_logical_xor",
    whole(3, 2, 3),
    whole(3, 1, 3),
    gradient=False,
)
example(
    "_plus_scalar _minus_scalar _rminus_scalar _mul_scalar "
    "_div_scalar _rdiv_scalar _power_scalar _rpower_scalar _maximum_scalar "
    "_minimum_scalar _hypot_scalar _scatter_plus_scalar _scatter_minus_scalar",
    (2, 3),
    scalar=1.5,
)
example("_mod_scalar", between(3.1, 3.9, 2, 3), scalar=1.5)
example("_rmod_scalar", between(3.1, 3.9, 2, 3), scalar=9.5, gradient=False)
example(
    "_equal_scalar _not_equal_scalar _greater_scalar "
    "_greater_equal_scalar _lesser_scalar _lesser_equal_scalar _logical_and_scalar "
    "_logical_or_scalar _logical_xor_scalar",
    whole(3, 2, 3),
    scalar=1.0,
    gradient=False,
)
example("add_n", (2, 3), (2, 3), (2, 3))
example("_identity_with_attr_like_rhs", (2, 3), (2, 3), gradient=(0,))
example("_contrib_allclose", (2, 3), (2, 3), gradient=False)
example("broadcast_axis", (2, 1, 3), axis=1, size=4)
example("broadcast_to", (2, 1, 3), shape=(2, 4, 3))
example("broadcast_like", (2, 1), (2, 5), gradient=(0,))

# Reductions and order
example("sum mean prod nansum nanprod max min norm", (2, 3, 2), axis=(0, 2), keepdims=True)
example("sum mean prod nansum nanprod max min norm", (2, 3))
example("sum", (2, 3, 2), axis=1, exclude=True)
example("norm", (2, 3), ord=1, axis=1)
example("_square_sum", (2, 3), axis=1)
example("argmax argmin", (2, 3), axis=1, gradient=False)
example("moments", (2, 3), axes=(0,))
example("cumsum", (2, 3), axis=1)
example("topk", (2, 5), k=2, ret_typ="both", gradient=False)
example("topk", (2, 5), k=2, ret_typ="value", axis=0)
example("topk", (2, 5), k=2, ret_typ="mask", gradient=False)
example("sort", (2, 5), axis=1, is_ascend=False)
example("argsort", (2, 5), axis=1, gradient=False)
example("_histogram", (2, 5), None, bin_cnt=4, range=(0.0, 2.0), gradient=False)

# Shapes, joining, slicing
example("Reshape", (2, 6), shape=(-1, 3))
example("Reshape", (2, 6), shape=(0, -4, 2, -1))
example("Flatten transpose _contrib_index_array", (2, 3, 2), gradient=True)
EXAMPLES[-1].gradient = False
example("reshape_like", (2, 6), (3, 4), gradient=(0,))
example("expand_dims", (2, 3), axis=1)
example("squeeze", (2, 1, 3), axis=1)
example("SwapAxis", (2, 3, 4), dim1=0, dim2=2)
example("depth_to_space", (1, 8, 2, 2), block_size=2)
example("space_to_depth", (1, 2, 4, 4), block_size=2)
example("Concat", (2, 3), (2, 2), dim=1)
example("_rnn_param_concat", (3,), (2,), dim=0)
example("stack", (2, 3), (2, 3), axis=1)
example("SliceChannel", (2, 6), num_outputs=3, axis=1)
example("SliceChannel", (3, 2), num_outputs=3, axis=0, squeeze_axis=True)
example("_split_v2", (2, 6), indices=(0, 2, 3), axis=1)
example("_split_v2", (2, 6), indices=(), sections=3, axis=1)
example("repeat", (2, 3), repeats=2, axis=1)
example("tile", (2, 3), reps=(2, 1, 2))
example("reverse", (2, 3), axis=(1,))
example("Pad", (1, 2, 3, 3), mode="constant", pad_width=(0, 0, 0, 0, 1, 2, 2, 1), constant_value=0.5)
example("Pad", (1, 2, 3, 3), mode="edge", pad_width=(0, 0, 0, 0, 1, 2, 2, 1))
example("Pad", (1, 2, 3, 3), mode="reflect", pad_width=(0, 0, 0, 0, 1, 2, 2, 1))
example("diag", (3, 4), k=1)
example("slice", (4, 5), begin=(1, None), end=(3, 4), step=(1, 2))
example("_slice_assign", (4, 5), (2, 3), begin=(1, 0), end=(3, 3))
example("_slice_assign_scalar", (4, 5), begin=(1, 0), end=(3, 3), scalar=2.0)
example("slice_axis", (4, 5), axis=1, begin=1, end=-1)
example("slice_like", (4, 5), (2, 5), axes=(0,), gradient=(0,))
example("Crop", (1, 2, 5, 5), offset=(1, 1), h_w=(3, 2), center_crop=False)
example("cast_storage", (2, 3), stype="default")
example("im2col", (1, 2, 4, 4), kernel=(3, 3), pad=(1, 1))
example("col2im", (1, 18, 16), output_size=(4, 4), kernel=(3, 3), pad=(1, 1))

# Picking by indices
example("take", (5, 3), whole(5, 2, 2), gradient=(0,))
example("_sparse_retain", (5, 3), array(3, 0), gradient=(0,))
example("batch_take", (3, 4), array([0, 2, 3], dtype="int32"), gradient=(0,))
example("pick", (3, 4), array(0, 2, 3), axis=1, gradient=(0,))
example("one_hot", array(0, 2, 1), depth=4, on_value=2.0, gradient=False)
example("_onehot_encode", array(0, 2, 1), (3, 4), gradient=False)
example("fill_element_0index", (3, 4), (3,), array(0, 2, 3), gradient=False)
example("gather_nd", (4, 3), array([[0, 2, 1], [1, 0, 2]]), gradient=(0,))
example("scatter_nd _backward_gather_nd", (3,), array([[0, 2, 1], [1, 0, 2]]), shape=(4, 3), gradient=(0,))
example("_scatter_set_nd", (4, 3), (3,), array([[0, 2, 1], [1, 0, 2]]), shape=(4, 3), gradient=False)
example("where", whole(2, 2, 3), (2, 3), (2, 3), gradient=(1, 2))
example("_ravel_multi_index", array([[0, 2], [1, 0]]), shape=(3, 4), gradient=False)
example("_unravel_index", array([5, 7]), shape=(3, 4), gradient=False)
example("_contrib_boolean_mask", (3, 2), array(1, 0, 1), gradient=(0,))
example("_contrib_index_copy", (4, 2), array([1, 3], dtype="int64"), (2, 2), gradient=(0, 2))
example("Embedding", whole(5, 2, 3), (5, 4), input_dim=5, output_dim=4, data=1, gradient=(1,))
example("_contrib_SparseEmbedding", whole(5, 2, 3), (5, 4), input_dim=5, output_dim=4, data=1, gradient=(1,))
example("SequenceMask", (4, 2, 3), array(2, 3), use_sequence_length=True, value=0.5, gradient=(0,))
example("SequenceLast SequenceReverse", (4, 2, 3), array(2, 3), use_sequence_length=True, gradient=(0,))
example("SequenceMask SequenceLast SequenceReverse", (4, 2, 3))

# Products
example("dot", (2, 3), (3, 4))
example("dot", (3, 2), (4, 3), transpose_a=True, transpose_b=True)
example("batch_dot", (2, 3, 4), (2, 4, 2))
example("khatri_rao", (2, 3), (4, 3))
square = np.eye(3, dtype=np.float32) * 3 + values("square", 0, (3, 3), 0, 0.5)
positive = square @ square.T
example("_linalg_gemm", (3, 3), (3, 3), (3, 3))
example("_linalg_gemm2", (2, 3), (3, 2))
example("_linalg_syrk", (2, 3))
example("_linalg_trmm _linalg_trsm", np.tril(square), (3, 3), gradient=(1,))
example("_linalg_potrf", positive, gradient=False)
example("_linalg_potri", np.tril(square), gradient=False)
example("_linalg_inverse _linalg_det _linalg_sumlogdiag _linalg_extractdiag _linalg_extracttrian", square)
example("_linalg_slogdet", square, gradient=False)
example("_linalg_gelqf", (2, 3), gradient=False)
example("_linalg_syevd", positive, gradient=False)
example("_linalg_makediag", (3,))
example("_linalg_maketrian", (6,))

# Neural networks
example("FullyConnected", (2, 3, 2), (4, 6), (4,), num_hidden=4, data=1)
example("FullyConnected", (2, 3, 2), (4, 2), num_hidden=4, no_bias=True, flatten=False, data=1)
example("Convolution", (1, 2, 5, 5), (4, 2, 3, 3), (4,), kernel=(3, 3), num_filter=4, pad=(1, 1), stride=(2, 2), data=1)
example(
    "_fused_convolution", (1, 2, 5, 5), (4, 2, 3, 3), (4,), kernel=(3, 3), num_filter=4, pad=(1, 1), activation="relu",
    data=1, gradient=False,
)
example(
    "_fused_convolution", (1, 5, 5, 4), (4, 3, 3, 2), None, (1, 3, 3, 4), kernel=(3, 3), num_filter=4, num_group=2,
    no_bias=True, layout="NHWC", add=True, data=1, gradient=False,
)
example("_fused_fully_connected", (2, 3), (4, 3), (4,), num_hidden=4, activation="tanh", data=1)
example("_fused_affine", (2, 3, 4), (3,), (3,), activation="tanh", data=1)
example("_fused_affine", (2, 3, 4), (4,), (4,), axis=-1, activation="relu", gradient=False, data=1)
example("_channels_last _channels_first", (1, 2, 3, 4))
example("_constant", value=(1.5, 2.5), shape=(1, 2), dtype="float32")
example("Convolution", (1, 4, 7), (4, 2, 3), kernel=(3,), num_filter=4, num_group=2, no_bias=True, dilate=(2,), data=1)
example("Convolution_v1", (1, 2, 5, 5), (4, 2, 3, 3), (4,), kernel=(3, 3), num_filter=4, data=1)
example("Deconvolution", (1, 2, 3, 3), (2, 3, 4, 4), kernel=(4, 4), num_filter=3, stride=(2, 2), pad=(1, 1), data=1)
example("Pooling", (1, 2, 5, 5), kernel=(2, 2), stride=(2, 2), pool_type="max", pooling_convention="full")
example("Pooling", (1, 2, 5, 5), kernel=(3, 3), pad=(1, 1), pool_type="avg", count_include_pad=False)
example("Pooling", (1, 2, 5, 5), pool_type="avg", global_pool=True)
example("Pooling", (1, 2, 4), kernel=(2,), pool_type="lp", p_value=2)
example("Pooling_v1", (1, 2, 5, 5), kernel=(2, 2), pool_type="sum")
example("_contrib_AdaptiveAvgPooling2D", (1, 2, 5, 5), output_size=(2, 3))
example("UpSampling", (1, 2, 3, 3), scale=2, sample_type="nearest")
example("_contrib_BilinearResize2D", (1, 2, 3, 3), height=5, width=4)
boxes = array([[0, 0.6, 0.7, 4.1, 4.3], [0, 1.2, 0.4, 3.3, 5.2]])
example("ROIPooling", (1, 2, 6, 6), boxes, pooled_size=(2, 2), spatial_scale=1.0, gradient=(0,))
example("_contrib_ROIAlign", (1, 2, 6, 6), boxes, pooled_size=(2, 2), spatial_scale=1.0, sample_ratio=2, gradient=(0,))
statistics = [(2,), (2,), np.zeros(2, np.float32), np.ones(2, np.float32)]
example("BatchNorm BatchNorm_v1", (3, 2, 2), *statistics, fix_gamma=False, data=1, gradient=(0, 1, 2))
example("_contrib_SyncBatchNorm", (3, 2, 2), *statistics, key="bn", fix_gamma=False, data=1, gradient=(0, 1, 2))
example("LayerNorm", (2, 5), (5,), (5,), data=1)
example("GroupNorm", (2, 4, 3), (2,), (2,), num_groups=2, data=1)
example("InstanceNorm", (2, 3, 4), (3,), (3,), data=1)
example("L2Normalization", (2, 3, 2), mode="channel")
example("LRN", (1, 4, 2, 2), nsize=3)
example("softmax log_softmax softmin", (2, 4), axis=-1)
example("softmax", (2, 4), array([2, 4], dtype="int32"), axis=-1, use_length=True, gradient=(0,))
example("SoftmaxActivation", (2, 4), mode="instance")
example("softmax_cross_entropy", (2, 4), array(1, 3), gradient=(0,))
example("Dropout", (2, 4), p=0.5)
example("Dropout", (2, 4), p=0.5, mode="always", gradient=False)
for mode, size in (("rnn_relu", 1), ("rnn_tanh", 1), ("gru", 3)):
    example(
        "RNN",
        (3, 2, 4),
        (size * 5 * (4 + 5 + 2),),
        (1, 2, 5),
        None,
        None,
        state_size=5,
        num_layers=1,
        mode=mode,
        data=1,
        state_outputs=True,
    )
example(
    "RNN",
    (3, 2, 4),
    (2 * 4 * 5 * (4 + 5 + 2),),
    (2, 2, 5),
    (2, 2, 5),
    None,
    state_size=5,
    num_layers=1,
    mode="lstm",
    bidirectional=True,
    data=1,
)

# Heads: what they give back is not the derivative of what they return
example("SoftmaxOutput SVMOutput", (2, 4), array(1, 3), data=1, gradient=False)
example("LinearRegressionOutput LogisticRegressionOutput MAERegressionOutput", (2, 4), (2, 4), data=1, gradient=False)
example("IdentityAttachKLSparseReg", between(0.1, 0.9, 2, 4), np.full(4, 0.1, np.float32), data=1, gradient=False)
example("CTCLoss", (5, 2, 4), array([[1, 2], [2, 0]]), None, None, gradient=(0,))

# Creation
example("_zeros _ones _zeros_without_dtype", shape=(2, 3))
example("_full", shape=(2, 3), value=2.5, dtype="float64")
example("_arange", start=1, stop=7, step=2, repeat=2)
example("_linspace", start=0, stop=1, num=5)
example("_eye", N=3, M=4, k=1)
example("_contrib_arange_like", (2, 3), axis=1, gradient=False)

# Random numbers
example("_random_uniform _random_normal _random_gamma _random_exponential _random_poisson", shape=(2, 3))
example("_random_negative_binomial", k=3, p=0.4, shape=(2, 3))
example("_random_generalized_negative_binomial", mu=2.0, alpha=0.5, shape=(2, 3))
example("_random_randint", low=0, high=9, shape=(2, 3))
example(
    "_random_uniform_like _random_normal_like _random_gamma_like _random_exponential_like _random_poisson_like "
    "_random_negative_binomial_like _random_generalized_negative_binomial_like",
    (2, 3),
    gradient=False,
)
example("_sample_uniform", array(0.0, 1.0), array(2.0, 3.0), shape=(3,), gradient=False)
example("_sample_normal _sample_gamma _sample_generalized_negative_binomial", (2,), (2,), shape=(3,), gradient=False)
example("_sample_exponential _sample_poisson", (2,), shape=(3,), gradient=False)
example("_sample_negative_binomial", array(2.0, 3.0), array(0.4, 0.6), shape=(3,), gradient=False)
example("_sample_multinomial", array([[0.2, 0.8], [0.5, 0.5]]), shape=(3,), gradient=False)
example("_shuffle", (4, 2), gradient=False)
example("_sample_unique_zipfian", range_max=50, shape=(1, 5))
example("_random_pdf_uniform", between(0.4, 0.6, 2, 3), array(0.0, 0.1), array(1.0, 2.0), gradient=False)
example("_random_pdf_normal", (2, 3), (2,), (2,))
example("_random_pdf_gamma", (2, 3), (2,), (2,), gradient=(0,))
example("_random_pdf_exponential", (2, 3), (2,))
example("_random_pdf_poisson", whole(4, 2, 3), (2,), gradient=(1,))
example("_random_pdf_negative_binomial", whole(4, 2, 3), array(2.0, 3.0), array(0.4, 0.6), gradient=False)
example("_random_pdf_generalized_negative_binomial", whole(4, 2, 3), array(2.0, 3.0), array(0.4, 0.6), gradient=False)
example("_random_pdf_dirichlet", array([[0.2, 0.3, 0.5]]), array([[1.2, 2.0, 1.5]]), gradient=False)

# Optimizers
W = (2, 3)
example("sgd_update signsgd_update", W, W, lr=0.1, wd=0.01, gradient=False)
example("sgd_mom_update nag_mom_update signum_update", W, W, W, lr=0.1, momentum=0.9, gradient=False)
example("_sparse_adagrad_update", W, W, W, lr=0.1, gradient=False)
example("_contrib_group_adagrad_update", W, W, (2, 1), lr=0.1, gradient=False)
example("rmsprop_update", W, W, W, lr=0.1, gradient=False)
example("rmspropalex_update", W, W, (2, 3), between(0.0, 0.1, 2, 3), W, lr=0.1, gradient=False)
example("ftrl_update", W, W, W, W, lr=0.1, gradient=False)
example("ftml_update", W, W, W, W, W, lr=0.1, t=1, gradient=False)
example("adam_update", W, W, W, W, lr=0.1, gradient=False)
example("_adamw_update", W, W, W, W, array(1.0), lr=0.1, eta=1.0, gradient=False)
example("lamb_update_phase1", W, W, W, W, t=1, wd=0.1, gradient=False)
example("lamb_update_phase2", W, W, array([1.0]), array([2.0]), lr=0.1, gradient=False)
half = between(0.3, 1.7, 2, 3).astype("float16")
example("mp_sgd_update", half, half, W, lr=0.1, gradient=False)
example("mp_sgd_mom_update mp_nag_mom_update", half, half, W, W, lr=0.1, gradient=False)
example("mp_lamb_update_phase1", half, half, W, W, W, t=1, wd=0.1, gradient=False)
example("mp_lamb_update_phase2", half, W, array([1.0]), array([2.0]), W, lr=0.1, gradient=False)
example("_mp_adamw_update", half, half, W, W, W, array(1.0), lr=0.1, eta=1.0, gradient=False)
two = {"lrs": (0.1, 0.2), "wds": (0.0, 0.1)}
example("multi_sgd_update", W, W, W, W, num_weights=2, gradient=False, **two)
example("multi_sgd_mom_update", W, W, W, W, W, W, num_weights=2, gradient=False, **two)
example("multi_mp_sgd_update", half, half, W, half, half, W, num_weights=2, gradient=False, **two)
example("multi_mp_sgd_mom_update", half, half, W, W, half, half, W, W, num_weights=2, gradient=False, **two)
rates = [array(0.1, 0.2), array(0.0, 0.1)]
example("preloaded_multi_sgd_update", W, W, W, W, *rates, num_weights=2, gradient=False)
example("preloaded_multi_sgd_mom_update", W, W, W, W, W, W, *rates, num_weights=2, gradient=False)
example("preloaded_multi_mp_sgd_update", half, half, W, half, half, W, *rates, num_weights=2, gradient=False)
example("preloaded_multi_mp_sgd_mom_update", half, half, W, W, half, half, W, W, *rates, num_weights=2, gradient=False)
example(
    "_multi_adamw_update", W, W, W, W, array(1.0), lrs=(0.1,), wds=(0.0,), etas=(1.0,), num_weights=1, gradient=False
)
example(
    "_multi_mp_adamw_update",
    half,
    half,
    W,
    W,
    W,
    array(1.0),
    lrs=(0.1,),
    wds=(0.0,),
    etas=(1.0,),
    num_weights=1,
    gradient=False,
)
example(
    "_multi_lamb_update", W, W, W, W, learning_rates=(0.1,), wds=(0.0,), step_count=(1,), num_tensors=1, gradient=False
)
example(
    "_multi_mp_lamb_update",
    half,
    half,
    W,
    W,
    W,
    learning_rates=(0.1,),
    wds=(0.0,),
    step_count=(1,),
    num_tensors=1,
    gradient=False,
)
example("multi_lars", (3,), (3,), (3,), (3,), eta=0.1, eps=1e-8, gradient=False)
example("multi_sum_sq reset_arrays", W, (4,), num_arrays=2, gradient=False)
example("multi_all_finite", W, (4,), num_arrays=2, gradient=False)

# Images
picture = np.floor(values("picture", 0, (4, 5, 3), 0, 255)).astype("uint8")
example(
    "_image_to_tensor _image_flip_left_right "
    "_image_flip_top_bottom _image_random_flip_left_right _image_random_flip_top_bottom",
    picture,
    gradient=False,
)
example("_image_normalize", between(0, 1, 3, 4, 5), mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
example("_image_crop", picture, x=1, y=0, width=2, height=3, gradient=False)
example("_image_resize", picture, size=(3, 2), gradient=False)
example(
    "_image_random_brightness _image_random_contrast _image_random_saturation _image_random_hue",
    picture,
    min_factor=0.8,
    max_factor=1.2,
    gradient=False,
)
example("_image_random_color_jitter", picture, brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1, gradient=False)
example("_image_adjust_lighting", picture, alpha=(0.1, 0.2, 0.3), gradient=False)
example("_image_random_lighting", picture, gradient=False)
example("_cvimresize", picture, w=3, h=2, gradient=False)
example("_cvcopyMakeBorder", picture, top=1, bot=0, left=2, right=1, value=3.0, gradient=False)
pgm = np.frombuffer(b"P5 2 1 255 \x07\x09", np.uint8)  # an image file of two pixels
example("_cvimdecode", pgm, gradient=False)
example("_cvimread", filename=os.path.join(os.path.dirname(__file__), "oracle", "data", "pixels.pgm"), gradient=False)

# contrib
example("_contrib_interleaved_matmul_selfatt_qk", (3, 2, 24), heads=2)
example("_contrib_interleaved_matmul_selfatt_valatt", (3, 2, 24), (4, 3, 3), heads=2)
example("_contrib_interleaved_matmul_encdec_qk", (3, 2, 8), (5, 2, 16), heads=2)
example("_contrib_interleaved_matmul_encdec_valatt", (5, 2, 16), (4, 3, 5), heads=2)
example("_contrib_BatchNormWithReLU", (3, 2, 2), *statistics, fix_gamma=False, data=1, gradient=(0, 1, 2))
example(
    "_contrib_DeformableConvolution",
    (1, 2, 5, 5),
    between(0.1, 0.4, 1, 18, 5, 5),
    (4, 2, 3, 3),
    (4,),
    kernel=(3, 3),
    num_filter=4,
    pad=(1, 1),
    data=1,
    gradient=(0, 2, 3),
)
example(
    "_contrib_ModulatedDeformableConvolution",
    (1, 2, 5, 5),
    between(0.1, 0.4, 1, 18, 5, 5),
    (1, 9, 5, 5),
    (4, 2, 3, 3),
    (4,),
    kernel=(3, 3),
    num_filter=4,
    pad=(1, 1),
    data=1,
    gradient=(0, 2, 3, 4),
)
example(
    "_contrib_hawkesll",
    (1, 3),
    (3,),
    (3,),
    (1, 3),
    array([[0.5, 0.6, 0.7]]),
    array([[0, 1, 2]], dtype="int32"),
    array([3.0]),
    array([4.0]),
    gradient=False,
)
example("_contrib_PSROIPooling", (1, 8, 6, 6), boxes, spatial_scale=1.0, output_dim=2, pooled_size=2, gradient=(0,))
example(
    "_contrib_DeformablePSROIPooling",
    (1, 8, 6, 6),
    boxes,
    None,
    spatial_scale=1.0,
    output_dim=2,
    group_size=2,
    pooled_size=2,
    no_trans=True,
    gradient=False,
)
example(
    "_contrib_RROIAlign",
    (1, 2, 6, 6),
    array([[0, 3, 3, 2, 3, 30]]),
    pooled_size=(2, 2),
    spatial_scale=1.0,
    gradient=False,
)
example("_contrib_fft", (2, 4), gradient=False)
example("_contrib_ifft", (2, 8), gradient=False)
example(
    "_contrib_count_sketch",
    (2, 6),
    array([[0, 2, 1, 3, 0, 2]]),
    array([[1, -1, 1, 1, -1, 1]]),
    out_dim=4,
    gradient=(0,),
)

# Detection and spatial sampling
corners = array([[0.1, 0.1, 0.5, 0.6], [0.3, 0.2, 0.8, 0.9]])
example("_contrib_box_iou", corners, corners + np.float32(0.05), format="corner", gradient=False)
example(
    "_contrib_box_nms",
    array([[[0, 0.9, 0.1, 0.1, 0.5, 0.6], [1, 0.8, 0.3, 0.2, 0.8, 0.9]]]),
    overlap_thresh=0.5,
    gradient=False,
)
example("_contrib_bipartite_matching", array([[[0.5, 0.6], [0.1, 0.2], [0.3, 0.4]]]), threshold=1e-12, gradient=False)
example(
    "_contrib_box_encode",
    array([[1, 0]]),
    array([[0, 1]]),
    corners[None],
    corners[None] + np.float32(0.05),
    array(0.0, 0.0, 0.0, 0.0),
    array(0.1, 0.1, 0.2, 0.2),
    gradient=False,
)
example("_contrib_box_decode", between(0, 0.2, 1, 2, 4), corners[None], gradient=False)
example("_contrib_MultiBoxPrior", (1, 3, 2, 2), sizes=(0.5, 0.2), ratios=(1.0, 2.0), gradient=False)
example("_contrib_MultiBoxTarget", corners[None], array([[[1, 0.1, 0.1, 0.5, 0.5]]]), (1, 2, 2), gradient=False)
example("_contrib_MultiBoxDetection", (1, 3, 2), between(0, 0.1, 1, 8), corners[None], gradient=False)
example(
    "_contrib_MultiProposal _contrib_Proposal",
    (1, 2, 3, 3),
    between(0, 0.1, 1, 4, 3, 3),
    array([[48, 48, 1]]),
    scales=(2.0,),
    ratios=(1.0,),
    rpn_pre_nms_top_n=6,
    rpn_post_nms_top_n=4,
    rpn_min_size=1,
    gradient=False,
)
example(
    "GridGenerator",
    array([[1.0, 0.1, 0.05, -0.1, 0.9, 0.02]]),
    transform_type="affine",
    target_shape=(3, 3),
    gradient=False,
)
example("BilinearSampler", (1, 2, 4, 4), between(-0.73, 0.71, 1, 2, 3, 3))
example(
    "SpatialTransformer",
    (1, 2, 4, 4),
    array([[0.9, 0.1, 0.05, -0.1, 0.8, 0.02]]),
    transform_type="affine",
    sampler_type="bilinear",
    target_shape=(3, 3),
)
example("Correlation", (1, 2, 5, 5), (1, 2, 5, 5), kernel_size=1, max_displacement=1, stride1=1, stride2=1, pad_size=1)


# Quantization
def quantized(*shape: int, dtype: str = "int8") -> np.ndarray:
    return np.floor(values("quantized", len(shape), shape, 0 if dtype == "uint8" else -60, 60)).astype(dtype)


low, high = array([-1.0]), array([2.0])
example("_contrib_quantize", between(-1, 2, 2, 3), low, high, out_type="int8", gradient=False)
example("_contrib_quantize_v2", between(-1, 2, 2, 3), min_calib_range=-1.0, max_calib_range=2.0, gradient=False)
example("_contrib_quantize_asym", between(-1, 2, 2, 3, 4), min_calib_range=-1.0, max_calib_range=2.0, gradient=False)
example("_contrib_dequantize", quantized(2, 3), low, high, gradient=False)
example("_contrib_requantize", quantized(2, 3, dtype="int32") * 999, low, high, gradient=False)
example("_contrib_quantized_act", quantized(2, 3), low, high, act_type="relu", gradient=False)
example("_contrib_quantized_flatten", quantized(2, 3, 4), low, high, gradient=False)
example("_contrib_quantized_pooling", quantized(1, 2, 5, 5), low, high, kernel=(2, 2), pool_type="max", gradient=False)
example("_contrib_quantized_concat", quantized(2, 3), quantized(2, 4), low, high, low, high, num_args=2, gradient=False)
example(
    "_contrib_quantized_embedding",
    whole(5, 2, 3),
    quantized(5, 4),
    low,
    high,
    input_dim=5,
    output_dim=4,
    gradient=False,
)
example(
    "_contrib_quantized_batch_norm",
    quantized(2, 2, 3),
    np.ones(2, np.float32),
    *statistics[1:],
    low,
    high,
    min_calib_range=-2.0,
    max_calib_range=1.0,
    gradient=False,
)
example(
    "_contrib_quantized_fully_connected",
    quantized(3, 8),
    quantized(5, 8),
    quantized(5),
    *(low, high) * 3,
    num_hidden=5,
    gradient=False,
)
example(
    "_contrib_quantized_conv",
    quantized(1, 2, 6, 5, dtype="uint8"),
    quantized(4, 2, 3, 3),
    None,
    *(low, high) * 2,
    None,
    None,
    kernel=(3, 3),
    num_filter=4,
    no_bias=True,
    gradient=False,
)
example(
    "_contrib_quantized_elemwise_add _contrib_quantized_elemwise_mul",
    quantized(2, 3),
    quantized(2, 3),
    *(low, high) * 2,
    gradient=False,
)
example(
    "_contrib_quantized_rnn",
    quantized(4, 3, 5, dtype="uint8"),
    (4 * 4 * (5 + 4 + 2),),
    (1, 3, 4),
    (1, 3, 4),
    array([63.75]),
    array([63.75]),
    state_size=4,
    num_layers=1,
    mode="lstm",
    gradient=False,
)
example(
    "_contrib_calibrate_entropy",
    array([5, 0, 0, 3, 40, 90, 41, 0, 2, 0, 7]),
    np.linspace(-3, 3, 12, dtype=np.float32),
    num_quantized_bins=5,
    gradient=False,
)
