"""Detection: boxes, anchors, targets, proposals."""

import numpy as np
from operator_cases import case, uniform, values

CASES = []


def add(op, inputs, *, grad=False, raises=False, tolerance=(1e-5, 2e-6), note="", dtype="float32", **attrs):
    made = case("contrib." + op, inputs, attrs, grad=grad, raises=raises, tolerance=tolerance, note=note)
    if any(known.id == made.id for known in CASES):
        made.note = f"number {len(CASES)}"
    CASES.append(made)


def random_boxes(count, seed, steps=16, batch=2, classes=3, levels=12):
    """(batch, count, 6) rows of class, score, corners on a grid, with many equal scores and overlaps."""
    random = np.random.RandomState(seed)
    corner = random.randint(0, steps, (batch, count, 2))
    size = random.randint(1, steps // 2, (batch, count, 2))
    rows = [random.randint(-1, classes, (batch, count, 1)), random.randint(-1, levels, (batch, count, 1)) / levels,
            corner / steps, (corner + size) / steps]  # fmt: skip
    return np.concatenate(rows, 2).tolist()


# box_nms

few = [[0, 0.9, 0, 0, 2, 2], [1, 0.8, 0.1, 0, 2, 2], [0, 0.7, 0.1, 0, 2, 2], [0, 0.9, 5, 5, 6, 6],
       [-1, 0.95, 5, 5, 6, 6], [2, 0.0, 5, 5, 6, 6], [0, -0.1, 9, 9, 10, 10], [1, 0.7, 0, 0, 1, 1]]  # fmt: skip
for attrs in (
    {}, {"id_index": 0}, {"id_index": 0, "background_id": 0}, {"topk": 2}, {"topk": 3, "id_index": 0}, {"topk": 0},
    {"id_index": 0, "background_id": 1, "force_suppress": True}, {"valid_thresh": 0.7}, {"overlap_thresh": 0.0},
    {"valid_thresh": 0.75, "id_index": 0}, {"overlap_thresh": 0.99}, {"out_format": "center"}, {"valid_thresh": 2.0},
    {"in_format": "center"}, {"in_format": "center", "out_format": "center"}, {"topk": 0, "out_format": "center"},
):  # fmt: skip
    add("box_nms", [values(few)], grad=(0,), **attrs)
for seed, count in ((0, 40), (1, 130)):
    many = values(random_boxes(count, seed))
    for attrs in ({}, {"id_index": 0}, {"id_index": 0, "force_suppress": True, "topk": 25}, {"overlap_thresh": 0.1}):
        add("box_nms", [many], grad=(0,), note=f"seed {seed}", **attrs)
add("box_nms", [values(random_boxes(700, 2, steps=40, batch=1, classes=2))], id_index=0, note="several blocks")
add("box_nms", [values(random_boxes(700, 3, steps=64, batch=1))], overlap_thresh=0.3, note="several blocks, one class")
add("box_nms", [values([[few, few[::-1]]])], id_index=0)
add("box_nms", [values(few, "float64")], grad=(0,))
add("box_nms", [values([[0, 0.9, 2, 2, 0, 0], [0, 0.8, 2, 2, 0, 0], [0, 0.7, 1, 1, 1, 1], [0, 0.6, 1, 1, 1, 1],
                        [0, 0.5, 0, 0, 2, 2]])], note="empty boxes")  # fmt: skip
nan = float("nan")
add("box_nms", [values([[0, nan, 0, 0, 2, 2], [0, 0.9, nan, 5, 6, 6], [0, 0.8, 5, 5, 6, 6], [0, 0.7, 5, 5, 6, 6]])],
    note="nan")  # fmt: skip
add("box_nms", [values([[0, 0.9, 0, 0, 2, 2], [0, 0.8, 0, 0, 2, 1], [0, 0.7, 0, 0, 1, 1]])], overlap_thresh=0.25,
    note="equal to the threshold")  # fmt: skip
wide = np.concatenate([np.array(few)[:, 2:], np.array(few)[:, :2], np.arange(24).reshape(8, 3)], 1).tolist()
add("box_nms", [values(wide)], coord_start=0, score_index=5, id_index=4, grad=(0,))
for attrs in ({"coord_start": 3}, {"score_index": 7}, {"id_index": 9}, {"coord_start": 1}, {"id_index": 1}):
    add("box_nms", [values(few)], raises=True, **attrs)
add("box_nms", [values(few[0])], raises=True)
add("box_nms", [values(np.array(few).astype("int32").tolist(), "int32")], raises=True)

# box_iou

left, right = [[0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 4, 4], [1, 1, 1, 1]], [[0, 0, 2, 2], [1, 1, 1, 1], [2, 0, 4, 2]]
for form in ("corner", "center"):
    add("box_iou", [values(left), values(right)], format=form, grad=(0, 1))
    add("box_iou", [uniform(2, 3, 4, low=0), uniform(1, 2, 2, 4, low=0)], format=form)
    add("box_iou", [uniform(5, 4, dtype="float64"), uniform(2, 4, dtype="float64")], format=form)
add("box_iou", [uniform(3, 3), uniform(3, 4)], raises=True)
add("box_iou", [uniform(4), uniform(3, 4)], raises=True)
add("box_iou", [uniform(3, 4, dtype="float64"), uniform(3, 4)], raises=True)

# bipartite_matching

scores = [[0.5, 0.4, 0.3, 0.2], [0.55, 0.6, 0.1, 0.7], [0.5, 0.9, 0.8, 0.2]]
for attrs in ({}, {"is_ascend": True, "threshold": 0.35}, {"topk": 1}, {"topk": 2}, {"topk": 0}, {"threshold": 0.55}):
    add("bipartite_matching", [values(scores)], **{"threshold": 1e-12, **attrs})
    add("bipartite_matching", [values(np.transpose(scores).tolist())], **{"threshold": 1e-12, **attrs})
for shape in ((4, 4), (3, 5, 4), (2, 4, 9), (2, 2, 3, 3)):
    tied = values((np.random.RandomState(sum(shape)).randint(0, 5, shape) / 5).tolist())
    for attrs in ({}, {"is_ascend": True, "threshold": 0.7}, {"topk": 1}):
        add("bipartite_matching", [tied], note=str(shape), **{"threshold": 0.1, **attrs})
add("bipartite_matching", [uniform(3)], threshold=0.5, raises=True)

# box_encode, box_decode

anchors = [[0.1, 0.2, 0.5, 0.6], [0.3, 0.3, 0.9, 0.8], [0.0, 0.1, 0.2, 0.9]]
refs = [[[0.1, 0.1, 0.4, 0.5], [0.2, 0.3, 0.9, 0.9]], [[0, 0, 1, 1], [0.5, 0.5, 0.5, 0.8]]]
std = values([0.1, 0.2, 0.3, 0.4])
for matches in ([[0, 1, 1], [1, 0, 0]], [[0.9, 1, 0], [0, 0.2, 0]]):
    add("box_encode", [values([[1, 0, -1], [1, 1, 0.4]]), values(matches), values([anchors] * 2), values(refs), std,
                       std], grad=(2, 3), note=str(matches))  # fmt: skip
moves = uniform(2, 3, 4)
for attrs in ({}, {"clip": 0.1}, {"clip": 0.0}, {"format": "corner"},
              {"std0": 0.1, "std1": 0.2, "std2": 0.3, "std3": 0.4, "format": "corner", "clip": 0.2}):  # fmt: skip
    add("box_decode", [moves, values([anchors])], grad=(0, 1), **attrs)
add("box_decode", [moves, values([anchors[:2]])], raises=True)

# MultiBoxPrior

feature = uniform(2, 3, 2, 3)
for attrs in (
    {}, {"sizes": (0.5, 0.25), "ratios": (1, 2, 0.5)}, {"sizes": (0.5, 0.9), "ratios": (2, 1.0)},
    {"clip": True, "sizes": (0.9,)}, {"steps": (0.3, 0.2)}, {"offsets": (0.1, 0.7)}, {"steps": (0, 1.0)},
    {"steps": (0.3, 0.2), "offsets": (0.1, 0.7), "sizes": (0.2, 0.3), "ratios": (1, 3)},
):  # fmt: skip
    add("MultiBoxPrior", [feature], grad=(0,), **attrs)
for attrs in ({"sizes": ()}, {"ratios": ()}, {"steps": (1,)}):
    add("MultiBoxPrior", [feature], raises=True, **attrs)
add("MultiBoxPrior", [uniform(3, 2, 3)], raises=True)

# MultiBoxTarget

priors = [[[0, 0, 0.5, 0.5], [0.1, 0.1, 0.6, 0.6], [0.5, 0.5, 1, 1], [0.4, 0.4, 0.45, 0.45], [0, 0.5, 0.5, 1],
           [0.5, 0, 1, 0.5]]]  # fmt: skip
labels = [[[1, 0.05, 0.05, 0.55, 0.55], [0, 0.5, 0.5, 0.9, 0.95], [-1] * 5],
          [[2, 0.41, 0.41, 0.44, 0.44], [-1] * 5, [1, 0, 0, 1, 1]], [[-1] * 5] * 3]  # fmt: skip
for attrs in (
    {}, {"overlap_threshold": 0.8}, {"overlap_threshold": 0.1}, {"negative_mining_ratio": 1.0},
    {"negative_mining_ratio": 3.0, "negative_mining_thresh": 0.2}, {"variances": (1, 1, 1, 1)},
    {"negative_mining_ratio": 1.0, "minimum_negative_samples": 3}, {"overlap_threshold": 0.0},
    {"negative_mining_ratio": 2.0, "ignore_label": -5.0}, {"overlap_threshold": -1.0}, {"negative_mining_ratio": 0.5},
    {"negative_mining_ratio": 2.0, "overlap_threshold": 0.1},
):  # fmt: skip
    add("MultiBoxTarget", [values(priors), values(labels), uniform(3, 4, 6)], grad=(0, 1, 2), **attrs)
grid = [[[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.25], [0, 0, 0.25, 0.25], [0.5, 0.5, 1, 0.75], [0.5, 0.5, 0.75, 1],
         [0, 0, 1, 1.0]]]  # fmt: skip
exact = [[[1, 0, 0, 0.5, 0.5], [0, 0.5, 0.5, 1, 1]]]
for threshold in (0.5, 0.25, 0.2):
    add("MultiBoxTarget", [values(grid), values(exact), uniform(1, 3, 6)], overlap_threshold=threshold)
add("MultiBoxTarget", [values(grid), values(exact), values(np.zeros((1, 3, 6)).tolist())], overlap_threshold=0.6,
    negative_mining_ratio=1.0, note="equal predictions")  # fmt: skip
same = [[[1, 0, 0, 0.5, 0.5], [0, 0, 0, 0.5, 0.5], [2, 0, 0, 0.5, 0.5]]]
add("MultiBoxTarget", [values(grid), values(same), uniform(1, 3, 6)], overlap_threshold=0.2)
add("MultiBoxTarget", [values([[grid[0][0]] * 4]), values(same), uniform(1, 3, 4)], overlap_threshold=0.2)
add("MultiBoxTarget", [values([[grid[0][0]] * 4]), values(same), uniform(1, 3, 4)], overlap_threshold=2.0)
add("MultiBoxTarget", [values(priors), values(np.concatenate([labels, np.ones((3, 3, 2))], 2).tolist()),
                       uniform(3, 4, 6)])  # fmt: skip


def random_target(seed, count=60, objects=7, batch=3, steps=12):
    random = np.random.RandomState(seed)

    def boxes(*shape):
        corner = random.randint(0, steps, (*shape, 2))
        return np.concatenate([corner, corner + random.randint(1, steps // 2, (*shape, 2))], -1) / steps

    label = np.concatenate([random.randint(0, 4, (batch, objects, 1)), boxes(batch, objects)], 2)
    label[0, 4:] = -1
    return [values(boxes(1, count).tolist()), values(label.tolist()), uniform(batch, 5, count)]


for seed in range(4):
    for attrs in ({}, {"negative_mining_ratio": 3.0, "negative_mining_thresh": 0.4}, {"overlap_threshold": 0.3}):
        add("MultiBoxTarget", random_target(seed), note=f"seed {seed}", **attrs)
add("MultiBoxTarget", [values(priors), uniform(3, 3, 4), uniform(3, 4, 6)], raises=True)
add("MultiBoxTarget", [values([priors[0][:4]]), values(labels), uniform(3, 4, 6)], raises=True)
add("MultiBoxTarget", [values(priors), values(labels), uniform(3, 4, 6)], variances=(1,), raises=True)

# MultiBoxDetection

prob, moves = uniform(2, 3, 6, low=0), uniform(2, 24, low=-1.5, high=1.5)
for attrs in (
    {}, {"clip": False}, {"threshold": 0.4}, {"background_id": 1}, {"background_id": -1}, {"nms_threshold": 0.1},
    {"nms_threshold": 0.0}, {"nms_threshold": -1.0}, {"nms_threshold": 0.1, "force_suppress": True},
    {"variances": (1, 1, 1, 1)}, {"nms_topk": 2}, {"nms_topk": 0}, {"threshold": 2.0}, {"nms_threshold": 1.0},
    {"nms_topk": 2, "nms_threshold": 0.01, "force_suppress": True}, {"nms_threshold": 1.5}, {"nms_topk": 100},
):  # fmt: skip
    add("MultiBoxDetection", [prob, moves, values(priors)], grad=(0, 1, 2), **attrs)
add("MultiBoxDetection", [values(np.full((1, 3, 6), 0.3).tolist()), uniform(1, 24), values(priors)])
nested = [[[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.25], [0, 0, 0.25, 0.25]]]
half = [[[0.1, 0.2, 0.3], [0.5, 0.4, 0.01], [0.4, 0.4, 0.0]]]
for attrs in ({"nms_threshold": 0.5}, {"nms_threshold": 0.5, "threshold": 0.4}, {"nms_threshold": 0.51}):
    add("MultiBoxDetection", [values(half), values(np.zeros((1, 12)).tolist()), values(nested)], **attrs)
add("MultiBoxDetection", [values(np.full((1, 1, 3), 0.3).tolist()), uniform(1, 12), values(nested)])
for seed in range(2):
    prior = random_target(seed, count=300)[0]
    coarse = values((np.random.RandomState(seed).randint(0, 20, (2, 4, 300)) / 20).tolist())
    for attrs in ({}, {"nms_topk": 50, "nms_threshold": 0.3}, {"force_suppress": True, "threshold": 0.6}):
        add("MultiBoxDetection", [coarse, uniform(2, 1200), prior], note=f"seed {seed}", **attrs)
add("MultiBoxDetection", [prob, uniform(2, 20), values(priors)], raises=True)
add("MultiBoxDetection", [prob, moves, values(priors[0])], raises=True)

# Proposal, MultiProposal

info = values([[48, 64, 1.0], [40, 60, 2.0]])
usual = {"scales": (1.0,), "ratios": (0.5, 1, 2), "feature_stride": 16, "rpn_min_size": 4, "rpn_pre_nms_top_n": 20,
         "rpn_post_nms_top_n": 8}  # fmt: skip
inputs = [uniform(2, 6, 3, 4, low=0), uniform(2, 12, 3, 4, low=-0.4, high=0.4), info]
for attrs in (
    {}, {"output_score": True}, {"rpn_min_size": 30}, {"threshold": 0.1}, {"threshold": 1.0}, {"threshold": 0.0},
    {"rpn_pre_nms_top_n": 3}, {"rpn_pre_nms_top_n": 0}, {"rpn_pre_nms_top_n": 100}, {"rpn_post_nms_top_n": 30},
    {"iou_loss": True}, {"rpn_post_nms_top_n": 30, "rpn_pre_nms_top_n": 5, "output_score": True},
    {"scales": (0.5, 1.3, 4.1), "ratios": (0.8,), "rpn_post_nms_top_n": 30, "rpn_pre_nms_top_n": 40},
):  # fmt: skip
    add("MultiProposal", inputs, tolerance=(1e-5, 2e-5), **{**usual, **attrs})
one = [uniform(1, 6, 3, 4, low=0), uniform(1, 12, 3, 4, low=-0.4, high=0.4), values([[48, 64, 1.0]])]
for attrs in ({}, {"output_score": True, "threshold": 0.2}, {"iou_loss": True}):
    add("Proposal", one, tolerance=(1e-5, 2e-5), grad=(0, 1, 2), **{**usual, **attrs})
add("Proposal", [uniform(1, 18, 16, 16, low=0), uniform(1, 36, 16, 16, low=-0.2, high=0.2), values([[128, 128, 1.0]])],
    tolerance=(1e-5, 2e-5), scales=(1.1, 2.6, 4), ratios=(0.3, 0.9, 2.2), feature_stride=8, rpn_min_size=2,
    threshold=0.6, rpn_post_nms_top_n=300, rpn_pre_nms_top_n=2000)  # fmt: skip
add("Proposal", inputs, raises=True, **usual)
add("MultiProposal", [uniform(2, 5, 3, 4), inputs[1], info], raises=True, **usual)
