"""Detection and spatial operators: properties, errors and inference; recorded values are in oracle/cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mxnet as mx
from mxnet.base import MXNetError
from mxnet.ops.suppression import greedy_matching, greedy_suppression, pairwise_iou


def boxes(random, count, batch=1, steps=10):
    """(batch, count, 4) corners on a coarse grid, so that overlaps are often equal, and a few boxes are empty."""
    corner = random.randint(0, steps, (batch, count, 2))
    return torch.tensor(np.concatenate([corner, corner + random.randint(0, steps // 2, (batch, count, 2))], 2) / steps)


def suppress_one_by_one(box, group, candidate, threshold, inclusive):
    iou = pairwise_iou(box, box)
    keep = []
    for i in np.flatnonzero(candidate):
        worst = max((float(iou[j, i]) for j in keep if group[j] == group[i]), default=-1.0)
        if not (worst >= threshold if inclusive else worst > threshold):
            keep.append(i)
    return [i in keep for i in range(len(box))]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(0, 200), st.integers(1, 3), st.integers(1, 4),
    st.sampled_from([0.05, 0.2, 0.5, 1.0]), st.booleans(),
)  # fmt: skip
def test_suppression_is_the_greedy_one(seed, count, batch, groups, threshold, inclusive):
    random = np.random.RandomState(seed)
    box = boxes(random, count, batch)
    group = torch.tensor(random.randint(0, groups, (batch, count)))
    candidate = torch.tensor(random.rand(batch, count) < 0.9)
    keep = greedy_suppression(box, group, candidate, threshold, inclusive, 0.0)
    for image in range(batch):
        expected = suppress_one_by_one(box[image], group[image], candidate[image], threshold, inclusive)
        assert keep[image].tolist() == expected


def match_one_by_one(score):
    match, used = [-1] * score.shape[0], set()
    for flat in np.argsort(-score.ravel(), kind="stable"):
        row, column = divmod(int(flat), score.shape[1])
        if match[row] < 0 and column not in used and score[row, column] > -np.inf:
            match[row] = column
            used.add(column)
    return match


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 9), st.integers(0, 9), st.integers(1, 12))
def test_matching_is_the_greedy_one(seed, rows, columns, levels):
    score = np.random.RandomState(seed).randint(0, levels, (3, rows, columns)).astype("float32")
    score[score == 0] = -np.inf
    assert greedy_matching(torch.tensor(score)).tolist() == [match_one_by_one(image) for image in score]


def test_suppression_follows_long_chains():
    # a chain in which every second box goes is the worst for a fixed point
    left = torch.arange(3000) * 0.4
    chain = torch.stack([left, torch.zeros(3000), left + 1, torch.ones(3000)], 1).unsqueeze(0)
    ones = torch.ones(1, 3000, dtype=torch.bool)
    keep = greedy_suppression(chain, torch.zeros(1, 3000), ones, 0.4, False, 0.0)
    assert keep[0].tolist() == [i % 2 == 0 for i in range(3000)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_box_nms_is_the_same_imperative_and_symbolic(seed, classes):
    random = np.random.RandomState(seed)
    rows = np.concatenate([random.randint(-1, 3, (2, 30, 1)), random.rand(2, 30, 1), boxes(random, 30, 2)], 2)
    data = mx.nd.array(rows)
    attrs = {"id_index": 0 if classes else -1, "topk": 20}
    imperative = mx.nd.contrib.box_nms(data, **attrs)
    symbolic = mx.sym.contrib.box_nms(mx.sym.var("data"), **attrs).eval(data=data)[0]
    np.testing.assert_array_equal(imperative.asnumpy(), symbolic.asnumpy())
    # what remained, remains
    again = mx.nd.contrib.box_nms(imperative, **attrs)
    np.testing.assert_array_equal(again.asnumpy(), imperative.asnumpy())


def test_box_encode_and_decode_are_inverse():
    random = np.random.RandomState(0)
    corner = random.rand(1, 6, 2)
    anchors = mx.nd.array(np.concatenate([corner, corner + random.rand(1, 6, 2) + 0.1], 2))
    target = mx.nd.array(np.concatenate([corner + 0.2, corner + random.rand(1, 6, 2) + 0.4], 2))
    std = mx.nd.array([0.1, 0.1, 0.2, 0.2])
    moves, mask = mx.nd.contrib.box_encode(
        mx.nd.ones((1, 6)), mx.nd.arange(6).reshape((1, 6)), anchors, target, mx.nd.zeros(4), std
    )
    assert mask.asnumpy().all()
    decoded = mx.nd.contrib.box_decode(moves, anchors, std0=0.1, std1=0.1, std2=0.2, std3=0.2, format="corner")
    np.testing.assert_allclose(decoded.asnumpy(), target.asnumpy(), rtol=1e-5, atol=1e-6)


def test_mining_takes_what_there_is_when_background_is_short():
    # MXNet 1.9.1 raises an internal error instead.
    anchor = mx.nd.array([[[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.4], [0.5, 0.5, 1, 1]]])
    label = mx.nd.array([[[1, 0, 0, 0.5, 0.5]]])
    target = mx.nd.contrib.MultiBoxTarget(
        anchor,
        label,
        mx.nd.zeros((1, 3, 3)),
        overlap_threshold=0.9,
        negative_mining_ratio=5,
        negative_mining_thresh=0.5,
    )[2]
    assert target.asnumpy().tolist() == [[2, -1, 0]]


def test_an_image_without_objects_has_only_ignored_anchors():
    anchor = mx.nd.array([[[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]])
    for label in (mx.nd.full((2, 3, 5), -1), mx.nd.zeros((2, 1, 5)) - 1):
        loc, mask, kind = mx.nd.contrib.MultiBoxTarget(anchor, label, mx.nd.zeros((2, 3, 2)))
        assert not loc.asnumpy().any() and not mask.asnumpy().any()
        assert (kind.asnumpy() == -1).all()


SHAPES = [
    (lambda x, **k: mx.sym.contrib.box_nms(x), {"x": (2, 5, 6)}, [(2, 5, 6)]),
    (lambda x, y: mx.sym.contrib.box_iou(x, y), {"x": (2, 5, 4), "y": (3, 4)}, [(2, 5, 3)]),
    (lambda x: mx.sym.contrib.bipartite_matching(x, threshold=0.1), {"x": (2, 5, 4)}, [(2, 5), (2, 4)]),
    (lambda x: mx.sym.contrib.MultiBoxPrior(x, sizes=(1, 2), ratios=(1, 2)), {"x": (2, 9, 4, 3)}, [(1, 36, 4)]),
    (lambda x, y, z: mx.sym.contrib.MultiBoxTarget(x, y, z), {"x": (1, 8, 4), "y": (2, 3, 5), "z": (2, 4, 8)},
     [(2, 32), (2, 32), (2, 8)]),
    (lambda x, y, z: mx.sym.contrib.MultiBoxDetection(x, y, z), {"x": (2, 4, 8), "y": (2, 32), "z": (1, 8, 4)},
     [(2, 8, 6)]),
    (lambda x, y, z: mx.sym.contrib.MultiProposal(x, y, z, output_score=True), {"x": (2, 24, 5, 6)},
     [(600, 5), (600, 1)]),
    (lambda x: mx.sym.GridGenerator(x, transform_type="affine", target_shape=(3, 4)), {"x": (2, 6)}, [(2, 2, 3, 4)]),
    (lambda x, y: mx.sym.SpatialTransformer(x, y, target_shape=(3, 4), transform_type="affine",
                                            sampler_type="bilinear"), {"x": (2, 5, 8, 9)}, [(2, 5, 3, 4)]),
    (lambda x, y: mx.sym.Correlation(x, y, pad_size=1), {"x": (2, 5, 8, 9), "y": (2, 5, 8, 9)}, [(2, 9, 8, 9)]),
]  # fmt: skip


@pytest.mark.parametrize(("make", "given_shapes", "expected"), SHAPES)
def test_shapes_are_inferred(make, given_shapes, expected):
    count = make.__code__.co_argcount
    symbol = make(*[mx.sym.var(name) for name in "xyz"[:count]])
    arguments, outputs, _ = symbol.infer_shape(**given_shapes)
    assert outputs == expected
    assert None not in arguments


ERRORS = [
    (lambda x: mx.nd.contrib.box_nms(x, coord_start=3), (5, 6), r"coord_start is 3.*coord_start \+ 4 <= width"),
    (lambda x: mx.nd.contrib.box_nms(x, score_index=2), (5, 6), "score_index is 2.*coordinates"),
    (lambda x: mx.nd.contrib.box_nms(x.astype("int32")), (5, 6), "int32.*floating"),
    (lambda x: mx.nd.contrib.box_iou(x, x), (5, 3), r"\(5, 3\).*\(\.\.\., 4\)"),
    (lambda x: mx.nd.contrib.bipartite_matching(x, threshold=1), (5,), r"\(5,\).*rows, columns"),
    (lambda x: mx.nd.contrib.MultiBoxPrior(x), (5, 3), r"\(5, 3\).*height"),
    (lambda x: mx.nd.contrib.MultiBoxTarget(x, x, x), (1, 3, 4), r"label \(1, 3, 4\)"),
    (lambda x: mx.nd.contrib.Proposal(x, x, x), (2, 3, 4, 4), "batch of 1; use MultiProposal"),
    (lambda x: mx.nd.GridGenerator(x, transform_type="affine"), (2, 6), r"target_shape is \(0, 0\)"),
    (lambda x: mx.nd.GridGenerator(x, transform_type="shear"), (2, 6), "'affine', 'warp'"),
    (lambda x: mx.nd.BilinearSampler(x, x), (2, 3, 4, 4), r"grid \(2, 3, 4, 4\)"),
    (lambda x: mx.nd.Correlation(x, x, kernel_size=2), (2, 3, 4, 4), "odd kernel_size"),
    (lambda x: mx.nd.Correlation(x, x, max_displacement=5), (2, 3, 4, 4), "don't fit"),
]


@pytest.mark.parametrize(("call", "shape", "message"), ERRORS)
def test_errors_name_what_is_wrong(call, shape, message):
    with pytest.raises(MXNetError, match=message):
        call(mx.nd.ones(shape))


def test_identity_map_samples_the_image_itself():
    image = mx.nd.random.uniform(shape=(2, 3, 5, 7))
    identity = mx.nd.array([[1, 0, 0, 0, 1, 0]] * 2)
    out = mx.nd.SpatialTransformer(
        image, identity, target_shape=(5, 7), transform_type="affine", sampler_type="bilinear"
    )
    np.testing.assert_allclose(out.asnumpy(), image.asnumpy(), atol=1e-5)
    still = mx.nd.GridGenerator(mx.nd.zeros((2, 2, 5, 7)), transform_type="warp")
    np.testing.assert_allclose(mx.nd.BilinearSampler(image, still).asnumpy(), image.asnumpy(), atol=1e-5)


def test_correlation_without_displacement_is_the_mean_product():
    a, b = mx.nd.random.uniform(shape=(2, 3, 4, 5)), mx.nd.random.uniform(shape=(2, 3, 4, 5))
    out = mx.nd.Correlation(a, b, max_displacement=0)
    np.testing.assert_allclose(out.asnumpy(), (a * b).mean(axis=1, keepdims=True).asnumpy(), rtol=1e-6)
