"""Contrib operators and functions that the oracle lacks on a CPU, or that are not calls of one operator."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet import nd, sym
from mxnet.base import MXNetError
from mxnet.ops.registry import get_operator


def random(*shape: int, seed: int = 0, low: float = -1, high: float = 1) -> np.ndarray:
    return np.random.RandomState(seed).uniform(low, high, shape)


def check_gradient(name: str, *arrays: np.ndarray, by: tuple[int, ...], **attrs) -> None:
    """torch's own check by finite differences, in float64, of the gradients by these inputs."""
    op = get_operator(name)
    given = op.parse_attributes(attrs)
    tensors = [torch.tensor(array).requires_grad_(i in by) for i, array in enumerate(arrays)]
    assert torch.autograd.gradcheck(lambda *t: op.call(t, given), tensors)


# Regions and deformable convolution


@pytest.mark.parametrize("groups", [1, 2])
def test_gradients_of_modulated_deformable_convolution_are_derivatives_by_every_input(groups):
    places = 4 * groups
    check_gradient(
        "_contrib_ModulatedDeformableConvolution", random(2, 4, 4, 3), random(2, 2 * places, 3, 2, low=-2.4, high=2.4),
        random(2, places, 3, 2, seed=1), random(2, 4 // groups, 2, 2, seed=2), random(2, seed=3), by=(0, 1, 2, 3, 4),
        kernel=(2, 2), num_filter=2, num_group=groups, num_deformable_group=groups,
    )  # fmt: skip


def test_deformable_convolution_without_offsets_is_convolution():
    data, weight, bias = (nd.array(random(*shape)) for shape in ((2, 4, 7, 6), (6, 2, 3, 2), (6,)))
    attrs = {"kernel": (3, 2), "num_filter": 6, "num_group": 2, "stride": (2, 1), "pad": (1, 2), "dilate": (2, 3)}
    expected = nd.Convolution(data, weight, bias, **attrs)
    offset, mask = nd.zeros((2, 24, *expected.shape[2:])), nd.ones((2, 12, *expected.shape[2:]))
    one = nd.contrib.DeformableConvolution(data, offset, weight, bias, num_deformable_group=2, **attrs)
    two = nd.contrib.ModulatedDeformableConvolution(data, offset, mask, weight, bias, num_deformable_group=2, **attrs)
    np.testing.assert_allclose(one.asnumpy(), expected.asnumpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(two.asnumpy(), expected.asnumpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_deformable_convolution_computes_in_half_precision(dtype):
    arrays = [nd.array(random(*shape)) for shape in ((1, 2, 5, 5), (1, 18, 5, 5), (1, 9, 5, 5), (3, 2, 3, 3), (3,))]
    attrs = {"kernel": (3, 3), "num_filter": 3, "pad": (1, 1)}
    low = [array.astype(dtype) for array in arrays]
    low[0].attach_grad()
    with mx.autograd.record():
        found = nd.contrib.ModulatedDeformableConvolution(*low, **attrs)
    found.backward()
    expected = nd.contrib.ModulatedDeformableConvolution(*[array.astype("float32") for array in low], **attrs)
    assert found.dtype == low[0].dtype == low[0].grad.dtype
    np.testing.assert_allclose(found.astype("float32").asnumpy(), expected.asnumpy(), rtol=0.05, atol=0.1)


def test_empty_batches_and_no_regions_give_empty_results():
    found = nd.contrib.DeformableConvolution(
        nd.zeros((0, 2, 5, 5)),
        nd.zeros((0, 18, 3, 3)),
        nd.ones((3, 2, 3, 3)),
        kernel=(3, 3),
        num_filter=3,
        no_bias=True,
    )
    assert found.shape == (0, 3, 3, 3)
    data, none = nd.ones((1, 8, 4, 4)), nd.zeros((0, 5))
    square = {"spatial_scale": 1.0, "output_dim": 2, "pooled_size": 2}
    assert nd.contrib.PSROIPooling(data, none, **square).shape == (0, 2, 2, 2)
    assert nd.contrib.DeformablePSROIPooling(data, none, group_size=2, no_trans=True, **square).shape == (0, 2, 2, 2)
    assert nd.contrib.RROIAlign(data, nd.zeros((0, 6)), pooled_size=(2, 3), spatial_scale=1.0).shape == (0, 8, 2, 3)


def test_modulated_deformable_convolution_names_a_mask_of_another_batch():
    arrays = [nd.ones(shape) for shape in ((2, 4, 6, 5), (2, 18, 6, 5), (1, 9, 6, 5), (6, 4, 3, 3), (6,))]
    with pytest.raises(MXNetError, match=r"mask is float32 of shape \(1, 9, 6, 5\).*\(2, 9, 6, 5\)"):
        nd.contrib.ModulatedDeformableConvolution(*arrays, kernel=(3, 3), num_filter=6, pad=(1, 1))


def test_shapes_of_deformable_convolution_follow_from_data():
    out = sym.contrib.ModulatedDeformableConvolution(
        sym.var("data"),
        name="dcn",
        kernel=(3, 3),
        num_filter=6,
        num_group=2,
        num_deformable_group=2,
        pad=(1, 1),
        stride=(2, 2),
    )
    arguments, outputs, _ = out.infer_shape(data=(2, 4, 7, 8))
    assert dict(zip(out.list_arguments(), arguments, strict=True)) == {
        "data": (2, 4, 7, 8), "dcn_offset": (2, 36, 4, 4), "dcn_mask": (2, 18, 4, 4), "dcn_weight": (6, 2, 3, 3),
        "dcn_bias": (6,),
    }  # fmt: skip
    assert outputs == [(2, 6, 4, 4)]


def test_position_sensitive_pooling_refuses_channels_that_do_not_fit():
    rois = nd.array([[0, 0, 0, 4, 4]])
    with pytest.raises(MXNetError, match="8 channels.*3 \\* 2 \\* 2"):
        nd.contrib.PSROIPooling(nd.ones((1, 8, 6, 6)), rois, spatial_scale=1, output_dim=3, pooled_size=2)
    with pytest.raises(MXNetError, match=r"trans is float32 of shape \(2, 2, 2, 2\)"):
        nd.contrib.DeformablePSROIPooling(
            nd.ones((1, 8, 6, 6)),
            rois,
            nd.ones((2, 2, 2, 2)),
            spatial_scale=1,
            output_dim=2,
            pooled_size=2,
            group_size=2,
        )


def test_regions_of_images_that_are_not_there_give_zero():
    numbers = nd.array([[-1, 1, 1, 3, 3, 10], [0, 1, 1, 3, 3, 10], [2, 1, 1, 3, 3, 10]])
    data = nd.ones((1, 4, 6, 6))
    square = {"spatial_scale": 1.0, "output_dim": 1, "pooled_size": 2}
    found = [
        nd.contrib.PSROIPooling(data, numbers[:, :5], **square),
        nd.contrib.DeformablePSROIPooling(data, numbers[:, :5], group_size=2, no_trans=True, **square),
        nd.contrib.RROIAlign(data, numbers, pooled_size=(2, 2), spatial_scale=1.0),
    ]
    for result in found:
        assert [bool(region.any()) for region in result.asnumpy()] == [False, True, False]


def test_gradient_of_rotated_regions_reaches_data():
    rois = np.array([[0, 3, 3, 4, 2, 30.0], [1, 2, 3, 3, 5, -70]])
    for ratio in (2, -1):
        check_gradient("_contrib_RROIAlign", random(2, 2, 5, 6), rois, by=(0,), pooled_size=(2, 3), spatial_scale=0.9,
                       sampling_ratio=ratio)  # fmt: skip


# Attention


def test_interleaved_attention_is_attention_of_the_parts():
    length, batch, heads, size = 4, 2, 3, 5
    data = random(length, batch, heads, 3, size)
    query, key, value = (data[:, :, :, i].transpose(1, 2, 0, 3) for i in range(3))  # batch, heads, length, size
    scores = query @ key.swapaxes(2, 3) / np.sqrt(size)
    packed = nd.array(data.reshape(length, batch, -1), dtype="float64")
    found = nd.contrib.interleaved_matmul_selfatt_qk(packed, heads=heads)
    np.testing.assert_allclose(found.asnumpy(), scores.reshape(-1, length, length), rtol=1e-12)
    result = nd.contrib.interleaved_matmul_selfatt_valatt(packed, found, heads=heads)
    expected = (scores @ value).transpose(2, 0, 1, 3).reshape(length, batch, -1)
    np.testing.assert_allclose(result.asnumpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("heads", [0, 5, -2])
def test_attention_refuses_heads_that_do_not_divide_the_width(heads):
    with pytest.raises(MXNetError, match=rf"queries_keys_values has shape \(3, 2, 12\).*heads={heads}"):
        nd.contrib.interleaved_matmul_selfatt_qk(nd.ones((3, 2, 12)), heads=heads)


def test_attention_keeps_half_precision():
    data = nd.ones((3, 2, 12), dtype="float16")
    assert nd.contrib.interleaved_matmul_selfatt_qk(data, heads=2).dtype == np.float16


# Fourier transforms and the count sketch


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 2, 8)])
def test_fft_gives_real_and_imaginary_parts_in_turn(shape):
    data = random(*shape)
    expected = np.fft.fft(data)
    found = nd.contrib.fft(nd.array(data, dtype="float64")).asnumpy()
    assert found.shape == (*shape[:-1], 2 * shape[-1])
    np.testing.assert_allclose(found[..., ::2] + 1j * found[..., 1::2], expected, atol=1e-12)


def test_ifft_is_the_inverse_times_the_size():
    data = nd.array(random(3, 6))
    np.testing.assert_allclose(nd.contrib.ifft(nd.contrib.fft(data)).asnumpy() / 6, data.asnumpy(), atol=1e-6)
    parts = random(3, 8, seed=1)
    found = nd.contrib.ifft(nd.array(parts, dtype="float64")).asnumpy()
    np.testing.assert_allclose(found, np.fft.ifft(parts[:, ::2] + 1j * parts[:, 1::2]).real * 4, atol=1e-12)


def test_gradients_of_fourier_transforms_and_count_sketch_are_derivatives():
    check_gradient("_contrib_fft", random(2, 5), by=(0,))
    check_gradient("_contrib_ifft", random(2, 6), by=(0,))
    h, s = np.array([[0.0, 2, 1, 2]]), np.array([[1.0, -1, 1, 1]])
    check_gradient("_contrib_count_sketch", random(2, 4), h, s, by=(0,), out_dim=3)


def test_count_sketch_adds_signed_columns():
    data = np.arange(8).reshape(2, 4)
    found = nd.contrib.count_sketch(nd.array(data), nd.array([[0, 2, 0, 4]]), nd.array([[1, -1, -1, 1]]), out_dim=5)
    assert found.asnumpy().tolist() == [[-2, 0, -1, 0, 3], [-2, 0, -5, 0, 7]]


def test_transforms_refuse_what_they_cannot_transform():
    with pytest.raises(MXNetError, match=r"_contrib_ifft.*\(2, 5\).*even"):
        nd.contrib.ifft(nd.ones((2, 5)))
    with pytest.raises(MXNetError, match="_contrib_fft.*2 or 4 axes"):
        nd.contrib.fft(nd.ones((2, 3, 4)))
    with pytest.raises(MXNetError, match="_contrib_fft.*int32"):
        nd.contrib.fft(nd.ones((2, 3), dtype="int32"))
    with pytest.raises(MXNetError, match="_contrib_count_sketch"):
        nd.contrib.count_sketch(nd.ones((2, 4)), nd.array([[0, 2, 0, 9]]), nd.ones((1, 4)), out_dim=5)
    with pytest.raises(MXNetError, match=r"h \(1, 3\)"):
        nd.contrib.count_sketch(nd.ones((2, 4)), nd.ones((1, 3)), nd.ones((1, 4)), out_dim=5)


# Hawkes processes


def hawkes_step_by_step(lda, alpha, beta, state, lags, marks, lengths, ends):
    """The definition, event by event."""
    likelihood, state = np.zeros(len(lda)), state.copy()
    for n in range(len(lda)):
        time, last = 0.0, np.zeros(lda.shape[1])
        for lag, mark in zip(lags[n, : lengths[n]], marks[n], strict=False):
            time += lag
            decay = np.exp(-beta[mark] * (time - last[mark]))
            likelihood[n] += np.log(lda[n, mark] + alpha[mark] * beta[mark] * state[n, mark] * decay)
            likelihood[n] -= lda[n, mark] * (time - last[mark]) + alpha[mark] * state[n, mark] * (1 - decay)
            state[n, mark], last[mark] = 1 + state[n, mark] * decay, time
        decay = np.exp(-beta * (ends[n] - last))
        likelihood[n] -= (lda[n] * (ends[n] - last) + alpha * state[n] * (1 - decay)).sum()
        state[n] *= decay
    return likelihood, state


@pytest.mark.parametrize(("batch", "marks", "length"), [(1, 1, 0), (2, 3, 1), (3, 4, 50), (2, 7, 33)])
def test_hawkes_likelihood_is_that_of_the_events_one_by_one(batch, marks, length):
    lda, state = random(batch, marks, low=0.5, high=2), random(batch, marks, low=0)
    alpha, beta = random(marks, low=0.1, high=0.9), random(marks, low=0.5, high=3)
    lags = random(batch, length, low=0, high=0.5, seed=2)
    kinds = np.random.RandomState(3).randint(0, marks, (batch, length))
    lengths = np.random.RandomState(4).randint(0, length + 1, batch)
    ends = lags.sum(1) + 0.5
    expected = hawkes_step_by_step(lda, alpha, beta, state, lags, kinds, lengths, ends)
    given = [nd.array(a, dtype="float64") for a in (lda, alpha, beta, state, lags, kinds, lengths, ends)]
    given[5] = nd.array(kinds, dtype="int32")
    for found, one in zip(nd.contrib.hawkesll(*given), expected, strict=True):
        np.testing.assert_allclose(found.asnumpy(), one, rtol=1e-10)


def test_hawkes_refuses_a_mark_out_of_range():
    ones = [nd.ones(shape) for shape in ((1, 2), (2,), (2,), (1, 2), (1, 3))]
    given = [*ones, nd.array([[0, 5, 1]], dtype="int32"), nd.array([3]), nd.array([4])]
    with pytest.raises(MXNetError, match="_contrib_hawkesll"):
        nd.contrib.hawkesll(*given)


# Batch normalisation with relu


def test_batch_norm_with_relu_is_both_for_every_layout():
    for axis, shape in ((1, (4, 3)), (-1, (2, 5, 3)), (2, (2, 2, 3, 2, 2))):
        first = [nd.array(random(*s, low=0.1)) for s in (shape, (3,), (3,), (3,), (3,))]
        second = [array.copy() for array in first]
        with mx.autograd.train_mode():
            found = nd.contrib.BatchNormWithReLU(*first, axis=axis, fix_gamma=False)
            expected = nd.relu(nd.BatchNorm(*second, axis=axis, fix_gamma=False))
        for one, other in zip([found, *first], [expected, *second], strict=True):
            assert np.array_equal(one.asnumpy(), other.asnumpy())


# Images


def test_images_are_decoded_from_bytes_and_files(tmp_path):
    cv2 = pytest.importorskip("cv2")
    image = np.random.RandomState(0).randint(0, 256, (5, 7, 3)).astype("uint8")
    data = cv2.imencode(".png", image)[1]
    path = tmp_path / "image.png"
    path.write_bytes(data.tobytes())
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[:, :, None]
    for attrs, expected in (({}, image[:, :, ::-1]), ({"to_rgb": False}, image), ({"flag": 0}, grey)):
        for found in (nd._internal._cvimdecode(nd.array(data, dtype="uint8"), **attrs),
                      nd._internal._cvimread(filename=str(path), **attrs)):  # fmt: skip
            assert found.dtype == np.uint8 and found.shape == expected.shape
            # versions of OpenCV round grey differently
            assert np.abs(found.asnumpy().astype(int) - expected).max() <= (attrs == {"flag": 0})


def test_what_is_no_image_raises(tmp_path):
    pytest.importorskip("cv2")
    with pytest.raises(MXNetError, match="10 bytes can't be decoded"):
        nd._internal._cvimdecode(nd.zeros((10,), dtype="uint8"))
    with pytest.raises(MXNetError, match="0 bytes can't be decoded"):
        nd._internal._cvimdecode(nd.zeros((0,), dtype="uint8"))
    with pytest.raises(MXNetError, match="float32.*expected uint8"):
        nd._internal._cvimdecode(nd.zeros((10,)))
    with pytest.raises(MXNetError, match="nothing.png' can't be read: No such file"):
        nd._internal._cvimread(filename=str(tmp_path / "nothing.png"))
    with pytest.raises(MXNetError, match="flag is -1"):
        nd._internal._cvimdecode(nd.zeros((10,), dtype="uint8"), flag=-1)


def test_shapes_of_resized_and_bordered_images_are_inferred():
    src = sym.var("src")
    assert sym._internal._cvimresize(src, w=3, h=2).infer_shape(src=(5, 7, 4))[1] == [(2, 3, 4)]
    bordered = sym._internal._cvcopyMakeBorder(src, top=1, bot=2, left=3, right=4)
    assert bordered.infer_shape(src=(5, 7, 3))[1] == [(8, 14, 3)]


# Functions


def test_rand_zipfian_draws_by_its_law():
    mx.random.seed(7)
    count, classes = 200_000, 50
    sampled, of_true, of_sampled = nd.contrib.rand_zipfian(nd.array([[0, 3], [9, 49]]), count, classes)
    law = np.log((np.arange(classes) + 2) / (np.arange(classes) + 1)) / np.log(classes + 1)
    assert sampled.dtype == np.int64 and of_true.dtype == of_sampled.dtype == np.float64
    frequencies = np.bincount(sampled.asnumpy(), minlength=classes)
    assert len(frequencies) == classes
    assert (np.abs(frequencies - law * count) < 5 * np.sqrt(law * count)).all()
    np.testing.assert_allclose(of_true.asnumpy(), law[[[0, 3], [9, 49]]] * count, rtol=1e-10)
    np.testing.assert_allclose(of_sampled.asnumpy(), law[sampled.asnumpy()] * count, rtol=1e-10)


def test_rand_zipfian_of_a_symbol_is_that_of_arrays():
    # expected counts recorded from MXNet 1.9.1
    labels = nd.array([3.0])
    mx.random.seed(3)
    expected = nd.contrib.rand_zipfian(labels, 4, 20)
    symbol = sym.Group(list(sym.contrib.rand_zipfian(sym.var("labels"), 4, 20)))
    mx.random.seed(3)
    found = symbol.eval(labels=labels)
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.asnumpy(), other.asnumpy())
    np.testing.assert_allclose(found[1].asnumpy(), [0.2931738], rtol=1e-6)
    operators = [node["op"] for node in json.loads(symbol.tojson())["nodes"]]
    assert operators[:5] == ["_random_uniform", "exp", "_minus_scalar", "Cast", "_mod_scalar"]


def test_rand_zipfian_and_checks_refuse_bad_arguments():
    for function in (nd.contrib.rand_zipfian, sym.contrib.rand_zipfian):
        for count, classes in ((0, 3), (3, 0)):
            labels = nd.array([1]) if function is nd.contrib.rand_zipfian else sym.var("labels")
            with pytest.raises(MXNetError, match=f"num_sampled={count}, range_max={classes}"):
                function(labels, count, classes)
    with pytest.raises(MXNetError, match="true_classes is \\[1\\]"):
        nd.contrib.rand_zipfian([1], 2, 3)
    for function in (nd.contrib.isnan, nd.contrib.isinf, nd.contrib.isfinite):
        with pytest.raises(MXNetError, match=f"{function.__name__}: data is 3.0"):
            function(3.0)


def states(count: int, number: int, dtype: str = "float32") -> list[list]:
    """`count` lists (weights, gradients, means, variances, ...) of arrays of different shapes."""
    return [
        [
            nd.array(random(2 + i, 3, seed=10 * kind + i, low=0.1), dtype=dtype if kind < 2 else "float32")
            for i in range(number)
        ]
        for kind in range(count)
    ]


@pytest.mark.parametrize("factor", [0.5, nd.array([0.5])])
def test_multi_adamw_update_is_adamw_update_of_each(factor):
    rates = {"beta1": 0.8, "clip_gradient": 0.3}
    for single, multi, kinds, dtype in (
        (nd.contrib.adamw_update, nd.contrib.multi_adamw_update, 4, "float32"),
        (nd.contrib.mp_adamw_update, nd.contrib.multi_mp_adamw_update, 5, "float16"),
    ):
        one, other = states(kinds, 3, dtype), states(kinds, 3, dtype)
        multi(*one, factor, [0.1, 0.2, 0.3], [0, 0.1, 0.2], [1, 0.5, 0.25], out=one[0], size=3, **rates)
        for arrays, lr, wd, eta in zip(
            zip(*other, strict=True), [0.1, 0.2, 0.3], [0, 0.1, 0.2], [1, 0.5, 0.25], strict=True
        ):
            single(*arrays, factor, lr, eta, wd=wd, out=arrays[0], **rates)
        for first, second in zip(sum(one, []), sum(other, []), strict=True):
            np.testing.assert_allclose(first.asnumpy(), second.asnumpy(), rtol=1e-3 if dtype == "float16" else 1e-6)


def test_multi_lamb_update_is_lamb_of_each():
    one, other = states(4, 2), states(4, 2)
    result = nd.contrib.multi_lamb_update(*one, [1, 4], [0.1, 0.2], [0, 0.1], num_tensors=2, beta1=0.8, upper_bound=0.7)
    for found, arrays, t, lr, wd in zip(result, zip(*other, strict=True), [1, 4], [0.1, 0.2], [0, 0.1], strict=True):
        step = nd.lamb_update_phase1(*arrays, t=t, wd=wd, beta1=0.8)
        weight = arrays[0]
        expected = nd.lamb_update_phase2(weight, step, weight.norm(), step.norm(), lr=lr, upper_bound=0.7)
        np.testing.assert_allclose(found.asnumpy(), expected.asnumpy(), rtol=1e-5)
    low = states(5, 2, "float16")
    nd.contrib.multi_mp_lamb_update(*low, (1, 4), (0.1, 0.2), (0, 0.1), out=low[0])
    for weight, exact in zip(low[0], low[4], strict=True):
        assert np.array_equal(weight.asnumpy(), exact.asnumpy().astype("float16"))


def test_updates_of_several_weights_name_what_does_not_fit():
    arrays = states(4, 2)
    with pytest.raises(MXNetError, match="num_weights is 3, but lists of 2"):
        nd.contrib.multi_adamw_update(*arrays, 1.0, [0.1] * 2, [0] * 2, [1] * 2, size=3)
    with pytest.raises(MXNetError, match="lists of 2, 1, 2, 2 arrays"):
        nd.contrib.multi_lamb_update(arrays[0], arrays[1][:1], *arrays[2:], [1, 1], [0.1] * 2, [0] * 2)
    with pytest.raises(MXNetError, match="lists of 0, 0, 0, 0 arrays"):
        nd.contrib.multi_lamb_update([], [], [], [], [], [], [])
    for bad in (None, "many", [1.0, 2.0]):
        with pytest.raises(MXNetError, match="adamw_update: rescale_grad is"):
            nd.contrib.adamw_update(*(kind[0] for kind in arrays), bad, 0.1, 1.0)


def test_adamw_update_leaves_the_gradient_alone_and_agrees_with_mixed_precision():
    # mp_adamw_update is recorded from MXNet 1.9.1, whose adamw_update overwrites the gradient
    single = [kind[0] for kind in states(4, 1)]
    weight, grad, mean, var = (array.copy() for array in single)
    nd.contrib.adamw_update(weight, grad, mean, var, 0.5, 0.1, 0.9, wd=0.1, clip_gradient=0.3, out=weight)
    mixed = [single[0].copy(), *single[1:], single[0]]
    nd.contrib.mp_adamw_update(*mixed, 0.5, 0.1, 0.9, wd=0.1, clip_gradient=0.3, out=mixed[0])
    for one, other in zip([weight, grad, mean, var], [mixed[4], *mixed[1:4]], strict=True):
        np.testing.assert_allclose(one.asnumpy(), other.asnumpy(), rtol=1e-6)


def test_adamw_update_of_symbols_is_that_of_arrays():
    names = ["weight", "grad", "mean", "var"]
    for factor in (0.5, sym.var("factor")):
        arrays = dict(zip(names, (kind[0] for kind in states(4, 1)), strict=True))
        expected = nd.contrib.adamw_update(*(array.copy() for array in arrays.values()), 0.5, 0.1, 0.9, wd=0.1)
        symbol = sym.contrib.adamw_update(*map(sym.var, names), factor, 0.1, 0.9, wd=0.1, name="step")
        assert symbol.list_outputs() == ["step_output"] and symbol.list_auxiliary_states() == ["mean", "var"]
        given = {**arrays, **({} if isinstance(factor, float) else {"factor": nd.array([0.5])})}
        states_given = {name: given.pop(name) for name in ("mean", "var")}
        executor = symbol.bind(mx.cpu(), given, aux_states=states_given, grad_req="null")
        assert np.array_equal(executor.forward()[0].asnumpy(), expected.asnumpy())
    low = sym.contrib.mp_adamw_update(*map(sym.var, [*names, "weight32"]), 1.0, 0.1, 0.9)
    assert low.list_arguments() == ["weight", "grad"] and low.list_auxiliary_states() == ["mean", "var", "weight32"]
