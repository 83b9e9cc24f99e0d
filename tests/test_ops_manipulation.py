"""Properties of the operators that reshape, join, slice, index, sort and multiply arrays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import mxnet as mx
from mxnet.base import MXNetError
from mxnet.ops.registry import get_operator
from mxnet.ops.reshape import resolve_shape

SHAPES = array_shapes(min_dims=1, max_dims=4, max_side=4)
quick = settings(max_examples=60, deadline=None)


def counting(*shape, dtype="float32"):
    return mx.nd.array(np.arange(np.prod(shape)).reshape(shape), dtype=dtype)


def gradient(function, *inputs, heads=None):
    """Gradients of a function of arrays for head gradients 1, 2, 3, ... in the order of the elements."""
    for array in inputs:
        array.attach_grad()
    with mx.autograd.record():
        out = function(*inputs)
    out.backward(counting(*out.shape) + 1)
    return [array.grad.asnumpy() for array in inputs]


def infer(name, inputs, outputs=(None,), **attrs):
    """The shapes that the rule of an operator infers."""
    op = get_operator(name)
    return op._infer_shape(list(inputs), list(outputs), **op.parse_attributes(attrs))


@quick
@given(SHAPES, st.data())
def test_reshape_codes_keep_the_elements_in_order(shape, data):
    codes, position = [], 0
    expected = []
    while position < len(shape):
        kind = data.draw(st.sampled_from(["copy", "size", "merge", "split", "rest"]))
        if kind == "merge" and position + 1 < len(shape):
            codes.append(-3)
            expected.append(shape[position] * shape[position + 1])
            position += 2
        elif kind == "split":
            codes += [-4, 1, -1]
            expected += [1, shape[position]]
            position += 1
        elif kind == "rest":
            codes.append(-2)
            expected += shape[position:]
            position = len(shape)
        else:
            codes.append(0 if kind == "copy" else shape[position])
            expected.append(shape[position])
            position += 1
    result = mx.nd.Reshape(counting(*shape), shape=tuple(codes))
    assert result.shape == tuple(expected)
    assert result.asnumpy().ravel().tolist() == list(range(result.size))


@quick
@given(SHAPES, st.lists(st.sampled_from([0, -1, -2, -3, 1, 2]), min_size=1, max_size=4))
def test_reverse_mirrors_the_codes(shape, codes):
    def attempt(shape, codes, reverse):
        try:
            return resolve_shape(shape, codes, reverse)
        except MXNetError:
            return None

    mirrored = attempt(shape[::-1], codes[::-1], False)
    assert attempt(shape, codes, True) == (mirrored if mirrored is None else mirrored[::-1])


@pytest.mark.parametrize("shape", [(5, 5), (6,), (25, -1), (0, 0, 5), (7, -1)])
def test_reshape_refuses_another_number_of_elements(shape):
    # MXNet 1.9.1 reads beyond the array here, or drops elements.
    with pytest.raises(MXNetError, match=r"\(2, 3, 4\)|2x3x4|24"):
        mx.nd.Reshape(counting(2, 3, 4), shape=shape)


@pytest.mark.parametrize(
    ("shape", "codes", "expected"),
    [
        ((-1, 3, 4), (0, -1), (-1, 12)), ((-1, 3, 4), (4, -1), (4, -1)), ((2, -1, 4), (0, -1), (2, -1)),
        ((-1, 3, 4), (-3, 0), (-1, 4)), ((2, 3, -1), (-3, 0), (6, -1)), ((-1, 3, 4), (-2,), (-1, 3, 4)),
        ((-1, 3, 4), (0, 0, -1), (-1, 3, 4)), ((-1, 3, 4), (0, -4, -1, 3, 0), (-1, 1, 3, 4)),
        ((-1, 0, 4), (0, -1), (-1, 0)),
    ],
)  # fmt: skip
def test_reshape_of_a_partly_known_shape(shape, codes, expected):
    assert resolve_shape(shape, codes) == expected


@pytest.mark.parametrize(
    ("name", "attrs", "inputs", "outputs", "all_inputs", "all_outputs"),
    [
        ("Reshape", {"shape": (6, 4)}, [(-1, 3, 4)], [None], [(2, 3, 4)], [(6, 4)]),
        ("Reshape", {"shape": (0, -1)}, [(-1, 3, 4)], [(6, 12)], [(6, 3, 4)], [(6, 12)]),
        ("Flatten", {}, [(-1, 3, 4)], [(5, -1)], [(5, 3, 4)], [(5, 12)]),
        ("transpose", {"axes": (2, 0, 1)}, [None], [(4, 2, 3)], [(2, 3, 4)], [(4, 2, 3)]),
        ("transpose", {}, [(-1, 3)], [None], [(-1, 3)], [(3, -1)]),
        ("SwapAxis", {"dim1": 0, "dim2": 1}, [(-1, 3)], [(3, 4)], [(4, 3)], [(3, 4)]),
        ("expand_dims", {"axis": 1}, [None], [(4, 1, 3)], [(4, 3)], [(4, 1, 3)]),
        ("expand_dims", {"axis": -1}, [(-1, 3)], [None], [(-1, 3)], [(-1, 3, 1)]),
        ("squeeze", {"axis": 1}, [(-1, 1, 3)], [(4, 3)], [(4, 1, 3)], [(4, 3)]),
        ("squeeze", {}, [(-1, 1, 3)], [None], [(-1, 1, 3)], [None]),
        ("Concat", {}, [(-1, 3, 4), (2, 5, 4)], [None], [(2, 3, 4), (2, 5, 4)], [(2, 8, 4)]),
        ("Concat", {}, [(2, 3, 4), (2, -1, 4)], [(2, 7, 4)], [(2, 3, 4), (2, 4, 4)], [(2, 7, 4)]),
        ("Concat", {}, [(2, 3, 4), None], [None], [(2, 3, 4), (2, -1, 4)], [(2, -1, 4)]),
        ("stack", {"axis": 1}, [(2, 3), None], [None], [(2, 3), (2, 3)], [(2, 2, 3)]),
        ("stack", {"axis": 1}, [None, None], [(2, 2, 3)], [(2, 3), (2, 3)], [(2, 2, 3)]),
        ("SliceChannel", {"num_outputs": 2}, [(-1, 4, 3)], [(2, 2, 3), None], [(2, 4, 3)], [(2, 2, 3)] * 2),
        ("SliceChannel", {"num_outputs": 2, "squeeze_axis": True}, [None], [None, (5, 3)], [(5, 2, 3)], [(5, 3)] * 2),
        ("slice_axis", {"axis": 1, "begin": 0, "end": 2}, [(-1, 4)], [None], [(-1, 4)], [(-1, 2)]),
        ("slice_axis", {"axis": 1, "begin": 0, "end": 2}, [(-1, 4)], [(3, 2)], [(3, 4)], [(3, 2)]),
        ("pick", {}, [(2, 3), None], [None], [(2, 3), (2,)], [(2,)]),
        ("pick", {"axis": 0, "keepdims": True}, [(-1, 3), None], [None], [(-1, 3), (3,)], [(1, 3)]),
        ("where", {}, [None, None, (2, 3)], [None], [None, (2, 3), (2, 3)], [(2, 3)]),
        ("where", {}, [(2,), (2, -1), (-1, 3)], [None], [(2,), (2, 3), (2, 3)], [(2, 3)]),
        ("_slice_assign", {"begin": (1,), "end": (2,)}, [(3, 4), None], [None], [(3, 4), (1, 4)], [(3, 4)]),
    ],
)
def test_shapes_are_inferred_in_both_directions(name, attrs, inputs, outputs, all_inputs, all_outputs):
    inferred, results = infer(name, inputs, outputs, **attrs)
    assert (inferred, results) == (all_inputs, all_outputs)


@pytest.mark.parametrize(
    ("name", "attrs", "inputs", "outputs"),
    [
        ("Reshape", {"shape": (5, 4)}, [(2, 3, 4)], [None]),
        ("Reshape", {"shape": (6, 4)}, [(-1, 5, 4)], [None]),
        ("expand_dims", {"axis": 1}, [None], [(4, 2, 3)]),
        ("Concat", {}, [(2, 3, 4), (3, 3, 4)], [None]),
        ("Concat", {}, [(2, 3), (2, 4)], [(2, 8)]),
        ("Concat", {}, [(2, 5), (2, -1)], [(2, 4)]),
        ("SliceChannel", {"num_outputs": 2}, [(2, 3)], [None, None]),
        ("squeeze", {"axis": 0}, [(2, 3)], [None]),
        ("transpose", {"axes": (0, 0)}, [(2, 3)], [None]),
        ("slice_axis", {"axis": 0, "begin": 0, "end": 3}, [(2, 3)], [None]),
    ],
)
def test_contradicting_shapes_raise(name, attrs, inputs, outputs):
    with pytest.raises(MXNetError):
        infer(name, inputs, outputs, **attrs)


@quick
@given(st.integers(0, 5), st.data())
def test_slice_is_python_slicing(size, data):
    limit = st.none() | st.integers(-7, 7)
    begin, end = data.draw(limit), data.draw(limit)
    step = data.draw(st.none() | st.integers(-3, 3).filter(bool))
    source = np.arange(size * 2.0, dtype="float32").reshape(size, 2)
    result = mx.nd.slice(mx.nd.array(source), begin=(begin,), end=(end,), step=(step,)).asnumpy()
    np.testing.assert_array_equal(result, source[begin:end:step])
    assigned = source.copy()
    assigned[begin:end:step] = -1
    region = {"begin": (begin,), "end": (end,), "step": (step,)}
    scalar = mx.nd._internal._slice_assign_scalar(mx.nd.array(source), scalar=-1, **region).asnumpy()
    np.testing.assert_array_equal(scalar, assigned)
    values = np.arange(result.size, dtype="float32").reshape(result.shape)
    assigned[begin:end:step] = values
    array = mx.nd._internal._slice_assign(mx.nd.array(source), mx.nd.array(values), **region).asnumpy()
    np.testing.assert_array_equal(array, assigned)


def test_slice_assign_splits_the_gradient_between_both_arrays():
    lhs, rhs = gradient(
        lambda a, b: mx.nd._internal._slice_assign(a, b, begin=(3,), end=(0,), step=(-2,)), counting(5), counting(2)
    )
    assert lhs.tolist() == [1, 0, 3, 0, 5]
    assert rhs.tolist() == [4, 2]


@quick
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=8), st.sampled_from(["clip", "wrap"]), st.integers(-2, 1))
def test_take_adds_up_the_gradients_of_repeated_indices(indices, mode, axis):
    source = counting(3, 4)
    size = source.shape[axis]
    chosen = [np.clip(i, 0, size - 1) if mode == "clip" else i % size for i in indices]
    result = mx.nd.take(source, mx.nd.array(indices), axis=axis, mode=mode)
    np.testing.assert_array_equal(result.asnumpy(), np.take(source.asnumpy(), chosen, axis))
    (grad,) = gradient(lambda a: mx.nd.take(a, mx.nd.array(indices), axis=axis, mode=mode), source)
    heads = np.moveaxis(np.arange(1, result.size + 1).reshape(result.shape), axis, 0)
    expected = np.zeros((3, 4))
    for head, index in zip(heads, chosen, strict=True):
        np.moveaxis(expected, axis, 0)[index] += head
    np.testing.assert_array_equal(grad, expected)


def test_batch_take_sends_the_gradient_to_the_chosen_elements():
    (grad,) = gradient(lambda a: mx.nd.batch_take(a, mx.nd.array([2, 9], dtype="int32")), counting(2, 3))
    assert grad.tolist() == [[0, 0, 1], [0, 0, 2]]


def test_gather_nd_and_its_gradient_are_adjoint():
    indices = mx.nd.array([[0, 1, 1, 0], [2, 0, 0, 2]])
    (grad,) = gradient(lambda a: mx.nd.gather_nd(a, indices), counting(2, 3))
    accumulated = mx.nd._internal._backward_gather_nd(counting(4) + 1, indices, shape=(2, 3))
    assert grad.tolist() == accumulated.asnumpy().tolist() == [[0, 0, 5], [5, 0, 0]]


@pytest.mark.parametrize("index", [[[2], [0]], [[0], [-4]]])
def test_coordinates_out_of_bounds_raise_an_index_error(index):
    data, index = counting(2, 3), mx.nd.array(index)
    for error in (IndexError, MXNetError):
        with pytest.raises(error, match="gather_nd"):
            mx.nd.gather_nd(data, index)
        with pytest.raises(error, match="scatter_nd"):  # MXNet 1.9.1 writes to foreign memory
            mx.nd.scatter_nd(counting(1), index, shape=(2, 3))


def test_index_copy_refuses_rows_out_of_bounds():
    # MXNet 1.9.1 writes to foreign memory.
    with pytest.raises(MXNetError, match="index_copy"):
        mx.nd.contrib.index_copy(counting(3, 2), mx.nd.array([5]), counting(1, 2))


def test_boolean_mask_works_along_any_axis():
    # MXNet 1.9.1 knows axis 0 only.
    data, index = counting(2, 3), mx.nd.array([1, 0, 1])
    assert mx.nd.contrib.boolean_mask(data, index, axis=1).asnumpy().tolist() == [[0, 2], [3, 5]]
    assert mx.nd.contrib.boolean_mask(data, mx.nd.array([0, 0])).shape == (0, 3)


@quick
@given(st.lists(st.integers(0, 119), min_size=1, max_size=6))
def test_unravel_index_inverts_ravel_multi_index(flat):
    shape = (4, 5, 6)
    coordinates = mx.nd.unravel_index(mx.nd.array(flat), shape=shape)
    np.testing.assert_array_equal(coordinates.asnumpy(), np.unravel_index(flat, shape))
    assert mx.nd.ravel_multi_index(coordinates, shape=shape).asnumpy().tolist() == flat


FEW_VALUES = arrays(np.float32, array_shapes(min_dims=1, max_dims=3, max_side=20), elements=st.sampled_from([0, 1, 2]))


@quick
@given(FEW_VALUES, st.booleans(), st.data())
def test_sorting_keeps_the_order_of_equal_elements(source, is_ascend, data):
    axis = data.draw(st.integers(-source.ndim, source.ndim - 1))
    signed = source if is_ascend else -source
    order = np.argsort(signed, axis, kind="stable")
    array = mx.nd.array(source)
    np.testing.assert_array_equal(mx.nd.argsort(array, axis=axis, is_ascend=is_ascend).asnumpy(), order)
    expected = np.take_along_axis(source, order, axis)
    np.testing.assert_array_equal(mx.nd.sort(array, axis=axis, is_ascend=is_ascend).asnumpy(), expected)
    k = data.draw(st.integers(1, source.shape[axis]))
    values, indices = mx.nd.topk(array, axis=axis, k=k, ret_typ="both", is_ascend=is_ascend, dtype="int64")
    first = tuple(slice(None) if i != axis % source.ndim else slice(k) for i in range(source.ndim))
    np.testing.assert_array_equal(indices.asnumpy(), order[first])
    np.testing.assert_array_equal(values.asnumpy(), expected[first])
    mask = mx.nd.topk(array, axis=axis, k=k, ret_typ="mask", is_ascend=is_ascend).asnumpy()
    np.testing.assert_array_equal(mask.sum(axis), np.full(mask.sum(axis).shape, k))
    np.testing.assert_array_equal(np.take_along_axis(mask, order[first], axis), 1)


def test_nan_sorts_as_the_largest():
    data = mx.nd.array([2, float("nan"), float("inf"), 1])
    assert mx.nd.argsort(data).asnumpy().tolist() == [3, 0, 2, 1]
    assert mx.nd.topk(data, k=1).asnumpy().tolist() == mx.nd.topk(data, k=2).asnumpy()[:1].tolist() == [1]


def test_sort_of_the_flattened_array_has_a_gradient():
    # MXNet 1.9.1 fails to differentiate this, and sort without an axis.
    (grad,) = gradient(lambda a: mx.nd.sort(a, axis=None), mx.nd.array([[3, 1], [0, 2]]))
    assert grad.tolist() == [[4, 2], [1, 3]]
    (grad,) = gradient(mx.nd.sort, mx.nd.array([[3, 1], [0, 2]]))
    assert grad.tolist() == [[2, 1], [3, 4]]


def windows(image, kernel, stride, dilate, pad):
    """im2col by its definition, of a NumPy array."""
    padded = np.pad(image, [(0, 0), (0, 0), *((p, p) for p in pad)])
    counts = [
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(padded.shape[2:], kernel, stride, dilate, strict=True)
    ]
    result = np.empty((*image.shape[:2], *kernel, *counts), image.dtype)
    for offset in itertools.product(*map(range, kernel)):
        region = tuple(
            slice(o * d, o * d + (count - 1) * s + 1, s)
            for o, d, s, count in zip(offset, dilate, stride, counts, strict=True)
        )
        result[(slice(None), slice(None), *offset)] = padded[(slice(None), slice(None), *region)]
    return result.reshape(image.shape[0], image.shape[1] * int(np.prod(kernel)), -1)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilate", "pad"),
    [
        ((7,), (3,), (2,), (2,), (1,)), ((7,), (2,), (1,), (1,), (0,)), ((5, 6), (2, 3), (2, 1), (1, 2), (1, 0)),
        ((4, 5, 3), (2, 2, 3), (1, 2, 1), (2, 1, 1), (1, 0, 1)),
    ],
)  # fmt: skip
def test_im2col_and_col2im_are_adjoint(size, kernel, stride, dilate, pad):
    # With one or three spatial axes MXNet 1.9.1 fails.
    image = np.random.RandomState(0).uniform(-1, 1, (2, 3, *size)).astype("float32")
    options = {"kernel": kernel, "stride": stride, "dilate": dilate, "pad": pad}
    columns = mx.nd.im2col(mx.nd.array(image), **options)
    np.testing.assert_array_equal(columns.asnumpy(), windows(image, kernel, stride, dilate, pad))
    (grad,) = gradient(lambda a: mx.nd.im2col(a, **options), mx.nd.array(image))
    summed = mx.nd.col2im(counting(*columns.shape) + 1, output_size=size, **options)
    np.testing.assert_allclose(summed.asnumpy(), grad, rtol=1e-6)
    (grad,) = gradient(lambda a: mx.nd.col2im(a, output_size=size, **options), columns)
    heads = np.arange(1, image.size + 1, dtype="float32").reshape(image.shape)
    np.testing.assert_array_equal(grad, windows(heads, kernel, stride, dilate, pad))


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize(("lhs_ndim", "rhs_ndim"), [(1, 2), (2, 1), (2, 2), (3, 2), (2, 3), (3, 3), (1, 3), (3, 1)])
def test_dot_sums_over_one_axis_of_each(lhs_ndim, rhs_ndim, transpose_a, transpose_b):
    random = np.random.RandomState(1)
    lhs = random.uniform(-1, 1, (5, *range(2, lhs_ndim + 1))).astype("float32")
    rhs = random.uniform(-1, 1, (5, *range(2, rhs_ndim + 1))).astype("float32")
    expected = np.tensordot(lhs, rhs, (0, 0))
    lhs = lhs if transpose_a else np.moveaxis(lhs, 0, -1)
    rhs = np.moveaxis(rhs, 0, -1) if transpose_b else rhs
    result = mx.nd.dot(mx.nd.array(lhs), mx.nd.array(rhs), transpose_a=transpose_a, transpose_b=transpose_b)
    np.testing.assert_allclose(result.asnumpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("stype", ["csr", "row_sparse"])
def test_dot_of_dense_arrays_refuses_a_sparse_result(stype):
    with pytest.raises(MXNetError, match=stype):
        mx.nd.dot(counting(2, 3), counting(3, 2), forward_stype=stype)


VIEWS = [
    ("Reshape", {"shape": (2, 3)}), ("Flatten", {}), ("expand_dims", {"axis": 0}), ("squeeze", {}),
    ("squeeze", {"axis": ()}), ("transpose", {}), ("SwapAxis", {}), ("Concat", {}),
    ("SliceChannel", {"num_outputs": 1}),
    ("slice", {"begin": (0,), "end": (2,)}), ("slice_axis", {"axis": 0, "begin": 0, "end": 2}), ("tile", {"reps": ()}),
    ("tile", {"reps": (1, 1)}), ("repeat", {"repeats": 1, "axis": 0}), ("reverse", {"axis": ()}), ("khatri_rao", {}),
    ("cast_storage", {"stype": "default"}), ("_internal._copyto", {}), ("diag", {}),
    ("_internal._rnn_param_concat", {}),
    ("_internal._split_v2", {"indices": (0,)}), ("sort", {}), ("topk", {"ret_typ": "value", "k": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attrs"), VIEWS)
def test_the_result_does_not_share_memory_with_the_input(name, attrs):
    data = counting(2, 3)
    function = getattr(mx.nd._internal, name.rpartition(".")[2]) if "." in name else getattr(mx.nd, name)
    result = function(data, **attrs)
    before = result.asnumpy().copy()
    data[:] = -1
    np.testing.assert_array_equal(result.asnumpy(), before)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32", "int64", "uint8", "int8"])
def test_elements_move_unchanged_in_every_dtype(dtype):
    data = counting(2, 3, 4, dtype=dtype)
    ladder = np.arange(24).reshape(2, 3, 4)
    index = mx.nd.array([1, 0])
    for result, expected in [
        (mx.nd.transpose(data), ladder.T),
        (mx.nd.Concat(data, data, dim=2), np.concatenate([ladder, ladder], 2)),
        (mx.nd.tile(data, reps=(1, 2, 1)), np.tile(ladder, (1, 2, 1))),
        (mx.nd.repeat(data, repeats=2, axis=1), ladder.repeat(2, 1)),
        (mx.nd.reverse(data, axis=(0, 2)), ladder[::-1, :, ::-1]),
        (mx.nd.take(data, index), ladder[[1, 0]]),
        (mx.nd.pick(data, index.reshape((2, 1)).broadcast_to((2, 3))), np.stack([ladder[0, :, 1], ladder[1, :, 0]])),
        (mx.nd.gather_nd(data, index.reshape((1, 2))), ladder[[1, 0]]),
        (mx.nd.sort(data, axis=0, is_ascend=False), ladder[::-1]),
        (mx.nd.where(index, data, data), ladder),
    ]:
        assert result.dtype == data.dtype
        np.testing.assert_array_equal(result.astype("float32").asnumpy(), expected)


META = [
    ("Reshape", [(2, 3, 4)], {"shape": (-3, 0)}), ("depth_to_space", [(1, 4, 2, 2)], {"block_size": 2}),
    ("Concat", [(2, 3), (2, 4)], {}),
    ("Pad", [(1, 1, 3, 3)], {"mode": "reflect", "pad_width": (0, 0, 0, 0, 1, 1, 1, 1)}),
    ("repeat", [(2, 3)], {"repeats": 2}), ("diag", [(3, 4)], {"k": 1}), ("khatri_rao", [(2, 3), (4, 3)], {}),
    ("slice", [(5, 4)], {"begin": (4, 0), "end": (0, 3), "step": (-2, 1)}),
    ("_slice_assign", [(5,), (2,)], {"begin": (1,), "end": (3,)}), ("slice_like", [(3, 4), (2, 2)], {}),
    ("take", [(3, 4), (2, 2)], {"axis": 1, "mode": "raise"}), ("take", [(3, 4), (2,)], {"mode": "wrap"}),
    ("pick", [(3, 4), (3,)], {}), ("one_hot", [(3,)], {"depth": 4, "on_value": 2}), ("gather_nd", [(3, 4), (2, 5)], {}),
    ("scatter_nd", [(5,), (2, 5)], {"shape": (3, 4)}), ("where", [(3,), (3, 4), (3, 4)], {}),
    ("fill_element_0index", [(3, 4), (3,), (3,)], {}), ("_unravel_index", [(3,)], {"shape": (2, 4)}),
    ("_contrib_index_copy", [(3, 2), (2,), (2, 2)], {}), ("_contrib_index_array", [(3, 2)], {}),
    ("topk", [(3, 4)], {"k": 2, "ret_typ": "both"}), ("topk", [(3, 4)], {"k": 1, "ret_typ": "mask"}),
    ("argsort", [(3, 4)], {}), ("dot", [(2, 3, 4), (4, 5)], {}), ("batch_dot", [(2, 3, 4), (2, 4, 5)], {}),
    ("im2col", [(1, 2, 7)], {"kernel": (3,)}), ("col2im", [(1, 8, 4)], {"output_size": (3, 3), "kernel": (2, 2)}),
    ("col2im", [(1, 6, 5)], {"output_size": (7,), "kernel": (3,)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shapes", "attrs"), META)
def test_shapes_on_meta_tensors_are_those_of_the_result(name, shapes, attrs):
    op = get_operator(name)
    attrs = op.parse_attributes(attrs)
    actual = op.function(*(torch.zeros(shape) for shape in shapes), **attrs)
    inferred = op.function(*(torch.zeros(shape, device="meta") for shape in shapes), **attrs)
    pairs = zip(actual, inferred, strict=True) if isinstance(actual, tuple) else [(actual, inferred)]
    assert all(a.shape == b.shape and a.dtype == b.dtype and b.is_meta for a, b in pairs)


def test_take_in_raise_mode_names_the_bounds():
    with pytest.raises(IndexError, match="0 <= index < 3"):
        mx.nd.take(counting(2, 3), mx.nd.array([0, 3]), axis=1, mode="raise")
