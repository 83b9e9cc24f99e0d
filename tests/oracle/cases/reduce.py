"""Reductions: axes in all spellings, exclude, keepdims, ties, nan, dtypes; norms, positions of extremes, moments."""

from operator_cases import case, distinct, integers, uniform, values

INF, NAN = float("inf"), float("nan")
BOX = uniform(2, 3, 4, low=-2, high=2)
TIES = integers(2, 3, 4, low=1, high=4)
HOLES = values([[1, NAN, 3], [NAN, NAN, NAN], [-1, 2, INF]])
AXES = ({}, {"axis": 1}, {"axis": -1}, {"axis": (0, 2)}, {"axis": (2, 0)}, {"axis": ()}, {"keepdims": True},
        {"axis": (0, 2), "keepdims": True}, {"axis": 1, "exclude": True},
        {"axis": (0, -1), "exclude": True, "keepdims": True}, {"axis": (), "exclude": True})  # fmt: skip

CASES = []
for name in ("sum", "mean", "prod", "nansum", "nanprod", "max", "min"):
    CASES += [case(name, [BOX], attrs) for attrs in AXES]
    CASES += [case(name, [TIES], attrs, note="ties") for attrs in ({}, {"axis": 1}, {"axis": (0, 2)})]
    CASES += [case(name, [BOX], attrs, raises=True) for attrs in ({"axis": 3}, {"axis": (1, 1)}, {"axis": -4})]
    # The oracle's compensated sum makes nan of an infinity; its gradient of a product divides by elements.
    CASES.append(case(name, [HOLES], grad=name in ("max", "min")))
    if name != "nansum":
        CASES.append(case(name, [HOLES], {"axis": 1}, grad=name in ("max", "min")))
    for dtype in ("float16", "float64"):
        CASES.append(case(name, [integers(2, 3, low=1, high=3, dtype=dtype)], {"axis": 1}))
    for dtype in ("int32", "int64", "uint8", "int8"):
        CASES += [case(name, [integers(2, 3, low=1, high=4, dtype=dtype)], attrs) for attrs in ({}, {"axis": 1})]
CASES += [
    # At zeros the oracle's gradient of a product is nan (it divides by the element); ours is that of the other factors.
    case("prod", [values([[0, 2, 3], [0, 0, 3]])], {"keepdims": True}, expected_grads={0: [[0, 0, 0], [0, 0, 0]]}),
    case("sum_axis", [BOX], {"axis": 1}),
    case("max_axis", [BOX], {"axis": 1}),
    case("min_axis", [BOX], {"axis": 1}),
    case("sum", [values([True, False, True], "bool")]),
    case("mean", [values([7, 8, -2, -20], "int32")]),
]  # fmt: skip
for order in (1, 2):
    for attrs in ({}, {"axis": 1}, {"axis": (0, 2)}, {"axis": -1, "keepdims": True}, {"keepdims": True}, {"axis": ()}):
        CASES.append(case("norm", [BOX], {"ord": order, **attrs}))
    CASES.append(case("norm", [values([[0, 0], [3, 4]])], {"ord": order, "axis": 1}))
    CASES += [case("norm", [uniform(2, 3, dtype=dtype)], {"ord": order}) for dtype in ("float16", "float64")]
    # Integers: the oracle's running norm is rounded at each element, ours once at the end.
    CASES.append(case("norm", [values([3, 4], "int32")], {"ord": order}, expected=[[7 if order == 1 else 5]]))
CASES.append(case("norm", [BOX], {"ord": 3}, raises=True))
for name in ("argmax", "argmin"):
    for note, data in (("", distinct(2, 3, 4)), ("ties", TIES)):
        for attrs in ({}, {"axis": 1}, {"axis": -1}, {"axis": 0, "keepdims": True}, {"keepdims": True}):
            CASES.append(case(name, [data], attrs, grad=False, note=note))
    CASES.append(case(name, [values([[1, NAN, 3], [NAN, NAN, NAN], [-1, 2, INF]])], {"axis": 1}, grad=False))
    CASES.append(case(name, [BOX], {"axis": 3}, raises=True))
    for dtype in ("float16", "float64", "int32", "int64", "int8", "uint8"):
        CASES.append(case(name, [integers(2, 3, low=0, high=4, dtype=dtype)], {"axis": 1}, grad=False))
    CASES.append(case(name, [values([True, False], "bool")], {"axis": 0}, raises=True))
CASES += [case("argmax_channel", [distinct(*shape)], grad=False) for shape in ((6, 4), (2, 3, 4))]
CASES.append(case("argmax_channel", [distinct(5)], raises=True))
for dtype in ("float32", "float64", "float16"):
    for attrs in ({"axes": (1,)}, {"axes": (0, 2)}, {"axes": (0, 2), "keepdims": True}, {"axes": -1}):
        CASES.append(case("moments", [uniform(2, 3, 4, dtype=dtype)], attrs,
                          tolerance="loose" if dtype == "float16" else "close"))  # fmt: skip
CASES.append(case("moments", [BOX], raises=True))
for attrs in ({}, {"axis": 0}, {"axis": 1}, {"dtype": "float64", "axis": 1}):
    CASES.append(case("cumsum", [BOX], attrs))
CASES.append(case("cumsum", [BOX], {"axis": 3}, raises=True))
CASES.append(case("cumsum", [values([1, 2.5, 3])], {"dtype": "int32"}, grad=False))
CASES += [case("cumsum", [values([1, 0, 1], dtype)], {"axis": 0}) for dtype in ("int32", "int8", "float16", "bool")]
