"""Position-sensitive pooling of regions, and pooling of rotated regions."""

from operator_cases import case, uniform, values

WIDE = (1e-4, 1e-5)
PS, DEFORMABLE, ROTATED = "contrib.PSROIPooling", "contrib.DeformablePSROIPooling", "contrib.RROIAlign"
CASES = []


def regions(dtype="float32"):
    return values([[0, 0, 0, 4, 4], [1, 1, 2, 5, 3], [0, -2, -2, 9, 9], [0, 4, 4, 1, 1], [1, 0.5, 1.5, 3.5, 2.4],
                   [1, 20, 20, 25, 25], [0, 2, 2, 2, 2]], dtype)  # fmt: skip


for scale in (1.0, 0.5, 0.3):
    CASES += [
        case(PS, [uniform(2, 8, 6, 7), regions()], {"spatial_scale": scale, "output_dim": 2, "pooled_size": 2}),
        case(PS, [uniform(2, 8, 6, 7), regions()],
             {"spatial_scale": scale, "output_dim": 2, "pooled_size": 3, "group_size": 2}),
        case(PS, [uniform(2, 9, 6, 7), regions()],
             {"spatial_scale": scale, "output_dim": 1, "pooled_size": 2, "group_size": 3}),
    ]  # fmt: skip
one = {"spatial_scale": 0.5, "output_dim": 2, "pooled_size": 2}
CASES += [
    case(PS, [uniform(2, 8, 6, 7, dtype=dtype), regions(dtype)], one, tolerance=tolerance,
         grad=dtype != "float16")
    for dtype, tolerance in (("float64", "close"), ("float16", "loose"))
]  # fmt: skip
CASES += [
    case(PS, [uniform(2, 8, 6, 7), regions("float64")], one, raises=True),
    case(PS, [uniform(2, 8, 6, 7), uniform(3, 4)], one, raises=True),
    case(PS, [uniform(8, 6, 7), regions()], one, raises=True),
    case(PS, [uniform(2, 8, 6, 7), regions()], {"spatial_scale": 1.0, "output_dim": 2}, raises=True),
]

plain = {"spatial_scale": 0.5, "output_dim": 4, "group_size": 2, "pooled_size": 3, "sample_per_part": 2}
moved = {**plain, "trans_std": 0.3}
data = uniform(2, 16, 6, 7)
for trans, more in (
    (uniform(7, 2, 3, 3), {}),
    (uniform(7, 4, 3, 3), {}),
    (uniform(7, 8, 2, 2), {"part_size": 2}),
    (uniform(7, 4, 5, 5), {"part_size": 5, "sample_per_part": 1}),
    (uniform(7, 4, 3, 3, low=-5, high=5), {"sample_per_part": 4, "spatial_scale": 1.0}),
    (uniform(7, 4, 3, 3), {"trans_std": 0.0}),
    (uniform(7, 4, 4, 4), {"pooled_size": 4, "group_size": 2}),
):
    CASES.append(case(DEFORMABLE, [data, regions(), trans], {**moved, **more}, tolerance=WIDE))
for more in ({}, {"sample_per_part": 3, "spatial_scale": 1.0}, {"pooled_size": 2, "output_dim": 1, "group_size": 4}):
    CASES.append(case(DEFORMABLE, [data, regions()], {**plain, "no_trans": True, **more}, tolerance=WIDE))
CASES += [
    case(DEFORMABLE, [uniform(2, 16, 6, 7, dtype="float64"), regions("float64"), uniform(7, 2, 3, 3, dtype="float64")],
         moved, tolerance=(1e-4, 1e-6)),
    case(DEFORMABLE, [uniform(2, 16, 6, 7, dtype="float16"), regions("float16"), uniform(7, 2, 3, 3, dtype="float16")],
         moved, tolerance=(3e-2, 3e-2), grad=False),
    case(DEFORMABLE, [data, regions()], plain, raises=True),
    case(DEFORMABLE, [data, regions(), uniform(7, 2, 3, 3)], {**plain, "no_trans": True}, raises=True),
    case(DEFORMABLE, [data, uniform(7, 4), uniform(7, 2, 3, 3)], plain, raises=True),
    case(DEFORMABLE, [data, regions(), uniform(7, 2, 3)], plain, raises=True),
]  # fmt: skip


def rotated(dtype="float32"):
    return values([[0, 3, 3, 4, 4, 30], [1, 2, 3, 3, 2, -45], [0, 5, 5, 8, 8, 90], [1, 3, 3, 0.2, 0.2, 0],
                   [0, 3.5, 2.5, 5, 3, 200], [1, 20, 3, 4, 4, 10], [1, 3, 2, 6, 1, 15]], dtype)  # fmt: skip


# the oracle has no gradient of this one
for attrs in (
    {"pooled_size": (2, 3), "spatial_scale": 1.0},
    {"pooled_size": (2, 3), "spatial_scale": 0.5, "sampling_ratio": 2},
    {"pooled_size": (1, 1), "spatial_scale": 1.0, "sampling_ratio": 3},
    {"pooled_size": (3, 2), "spatial_scale": 0.7, "sampling_ratio": 0},
):
    CASES.append(case(ROTATED, [uniform(2, 3, 6, 7), rotated()], attrs, grad=False, tolerance=WIDE))
halves = {"pooled_size": (2, 3), "spatial_scale": 1.0}
CASES += [
    case(
        ROTATED, [uniform(2, 3, 6, 7, dtype="float64"), rotated("float64")], halves, grad=False, tolerance=(1e-6, 1e-6)
    ),
    case(
        ROTATED, [uniform(2, 3, 6, 7, dtype="float16"), rotated("float16")], halves, grad=False, tolerance=(3e-2, 3e-2)
    ),
    case(ROTATED, [uniform(2, 3, 6, 7), regions()], halves, raises=True),
    case(ROTATED, [uniform(2, 3, 6, 7), rotated()], {"pooled_size": (2,), "spatial_scale": 1.0}, raises=True),
    case(ROTATED, [uniform(3, 6, 7), rotated()], halves, raises=True),
]
