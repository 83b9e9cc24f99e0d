"""Deformable convolution; the oracle has no gradient of the second version on a CPU."""

from operator_cases import case, uniform, values

WIDE = (1e-4, 1e-5)
V1, V2 = "contrib.DeformableConvolution", "contrib.ModulatedDeformableConvolution"


def inputs(batch=2, channels=4, size=(6, 5), out=(6, 5), kernel=(3, 3), num_filter=6, num_group=1, groups=1, bias=True,
           mask=False, dtype="float32", reach=3.0):  # fmt: skip
    places = kernel[0] * kernel[1] * groups
    made = {
        "data": uniform(batch, channels, *size, dtype=dtype),
        "offset": uniform(batch, 2 * places, *out, low=-reach, high=reach, dtype=dtype),
        "mask": uniform(batch, places, *out, low=0, high=1, dtype=dtype),
        "weight": uniform(num_filter, channels // num_group, *kernel, dtype=dtype),
        "bias": uniform(num_filter, dtype=dtype),
    }
    return {name: made[name] for name in made if (name != "bias" or bias) and (name != "mask" or mask)}


SAME = {"kernel": (3, 3), "num_filter": 6, "pad": (1, 1)}
SHAPES = [
    ({}, SAME),
    ({"bias": False}, {**SAME, "no_bias": True, "layout": "NCHW"}),
    ({"num_group": 2}, {**SAME, "num_group": 2}),
    ({"groups": 2}, {**SAME, "num_deformable_group": 2}),
    ({"groups": 4, "num_group": 2, "num_filter": 8},
     {**SAME, "num_deformable_group": 4, "num_group": 2, "num_filter": 8, "workspace": 10}),
    ({"groups": 2, "num_group": 4, "num_filter": 8},
     {**SAME, "num_deformable_group": 2, "num_group": 4, "num_filter": 8}),
    ({"size": (9, 8), "out": (4, 7), "kernel": (3, 2), "num_filter": 3},
     {"kernel": (3, 2), "num_filter": 3, "stride": (2, 1), "pad": (1, 2), "dilate": (2, 5)}),
    ({"size": (1, 3), "out": (1, 3), "kernel": (1, 1), "num_filter": 2}, {"kernel": (1, 1), "num_filter": 2}),
    ({"dtype": "float64"}, SAME),
    ({"reach": 20.0}, SAME),
]  # fmt: skip
BAD = [
    (inputs(), {**SAME, "layout": "NCW"}),
    (inputs(), {**SAME, "no_bias": True}),
    (inputs(bias=False), SAME),
    (inputs(out=(5, 5)), SAME),
    (inputs(groups=2), SAME),
    (inputs(), {**SAME, "num_group": 2}),
    (inputs(), {**SAME, "num_deformable_group": 3}),
    (inputs(), {**SAME, "kernel": (3,)}),
    (inputs(), {**SAME, "kernel": (3, 3, 3)}),
    (inputs(), {**SAME, "stride": (0, 1)}),
    ({**inputs(), "offset": uniform(2, 18, 6, 5, dtype="float64")}, SAME),
]
CASES = []
for number, (shapes, attrs) in enumerate(SHAPES):
    CASES.append(case(V1, inputs(**shapes), attrs, tolerance=WIDE, note=f"number {number}"))
    CASES.append(case(V2, inputs(mask=True, **shapes), attrs, tolerance=WIDE, grad=False, note=f"number {number}"))
CASES += [case(V1, given, attrs, raises=True, note=f"bad {number}") for number, (given, attrs) in enumerate(BAD)]
CASES.append(case(V2, inputs(mask=True), {**SAME, "im2col_step": 1}, tolerance=WIDE, grad=False))
CASES += [
    case(V2, {**inputs(mask=True), "mask": uniform(*shape)}, SAME, raises=True)
    for shape in ((2, 18, 6, 5), (2, 9, 5, 5))
]
# single samples of one pixel's image: whole places, between them, on and over each edge, and no numbers
INF, NAN = float("inf"), float("nan")
PLACES = [(0, 0), (1, 1), (0.5, 0.25), (0, 1), (1.5, 1), (2, 0), (2, 3), (2.3, 0.5), (2.99, 3.5), (3, 0), (0, 3),
          (0, 3.5), (0, 4), (-0.5, 0), (-0.5, 0.5), (-1, 0), (0, -0.3), (2.5, -0.25), (NAN, 0), (INF, 1),
          (-INF, 1)]  # fmt: skip
image = values([[[[1, 2.5, 4, 3], [0.5, -2, 7, 1], [3, 5, -1, 6]]]])
for y, x in PLACES:
    offset = values([[[[y, y, y, y]] * 3, [[x, x, x, x]] * 3]])
    given = {"data": image, "offset": offset, "weight": values([[[[1]]]])}
    one = {"kernel": (1, 1), "num_filter": 1, "no_bias": True}
    finite = abs(y) < 100
    CASES.append(case(V1, given, one, note=f"{y} {x}", grad=(0, 1, 2) if finite else False))
    given = {"data": image, "offset": offset, "mask": uniform(1, 1, 3, 4), "weight": values([[[[1]]]])}
    CASES.append(case(V2, given, one, note=f"{y} {x}", grad=False))
