"""Operators of two arrays: equal shapes and broadcasting; ties, zeros, infinities, signs of remainders, dtypes."""

import itertools

from operator_cases import case, distinct, integers, uniform, values

INF, NAN = float("inf"), float("nan")
PAIRS = list(itertools.product([-INF, -3.7, -2, -0.5, 0.0, 0.5, 2, 3, INF, NAN], repeat=2))
LEFT, RIGHT = ([pair[i] for pair in PAIRS] for i in (0, 1))
WHOLE = list(itertools.product([-7, -3, -1, 0, 1, 2, 9], [-3, -2, -1, 1, 2, 3]))
WHOLE_LEFT, WHOLE_RIGHT = ([pair[i] for pair in WHOLE] for i in (0, 1))
COUNTS = list(itertools.product([0, 1, 2, 3, 5], [1, 2, 3]))
COUNTS_LEFT, COUNTS_RIGHT = ([pair[i] for pair in COUNTS] for i in (0, 1))
EQUAL = ("elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div") + tuple(
    f"_internal._{name}" for name in ("maximum", "minimum", "power", "mod", "hypot", "equal", "not_equal", "greater",
    "greater_equal", "lesser", "lesser_equal", "logical_and", "logical_or", "logical_xor"))  # fmt: skip
BROADCAST = tuple(f"broadcast_{name}" for name in (
    "add", "sub", "mul", "div", "maximum", "minimum", "power", "mod", "hypot", "equal", "not_equal", "greater",
    "greater_equal", "lesser", "lesser_equal", "logical_and", "logical_or", "logical_xor"))  # fmt: skip

CASES = []
for name in EQUAL + BROADCAST:
    CASES += [
        case(name, [values(LEFT), values(RIGHT)]),
        case(name, [integers(3, 4, dtype="float64"), integers(3, 4, dtype="float64")]),
        case(name, [uniform(3, 4, low=0.5, high=2, dtype="float16"), uniform(3, 4, low=0.5, high=2, dtype="float16")]),
        case(name, [values(WHOLE_LEFT, "int32"), values(WHOLE_RIGHT, "int32")]),
        case(name, [values(WHOLE_LEFT, "int8"), values(WHOLE_RIGHT, "int8")]),
        case(name, [values(COUNTS_LEFT, "uint8"), values(COUNTS_RIGHT, "uint8")]),
        case(name, [values(COUNTS_LEFT, "int64"), values(COUNTS_RIGHT, "int64")]),
        case(name, [uniform(2, 3), uniform(2, 3, dtype="float64")], raises=True),
        case(name, [uniform(2, 3), integers(2, 3, dtype="int32")], raises=True),
        case(name, [values([True, False], "bool"), values([True, True], "bool")], raises=True),
        case(name, [uniform(2, 3), uniform(3, 2)], raises=True),
    ]
CASES += [case(name, [uniform(2, 3), uniform(2, 1)], raises=True) for name in EQUAL]
for name in BROADCAST:
    CASES += [
        case(name, [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
        case(name, [uniform(2, 1, 3, low=0.5, high=2), uniform(2, 2, 3, low=0.5, high=2)]),
        case(name, [uniform(2, 3, low=0.5, high=2), uniform(3, low=0.5, high=2)]),
        case(name, [uniform(1, low=0.5, high=2), uniform(2, 3, low=0.5, high=2)]),
        case(name, [uniform(2, 3), uniform(2)], raises=True),
    ]

COLUMN = distinct(1, 3, 1)
for attrs in ({"axis": 0, "size": 2}, {"axis": (0, 2), "size": (2, 4)}, {}):
    CASES.append(case("broadcast_axis", [COLUMN], attrs))
for attrs in ({"axis": -1, "size": 4}, {"axis": 1, "size": 4}, {"axis": (0, 2), "size": (2,)}, {"axis": 3, "size": 2}):
    CASES.append(case("broadcast_axis", [COLUMN], attrs, raises=True))
for shape in ((2, 3, 4), (0, 3, 4), (2, 0, 0)):
    CASES.append(case("broadcast_to", [COLUMN], {"shape": shape}))
for shape in ((-1, 3, 2), (2, 4, 4), (5, 2, 3, 4), (3,)):
    CASES.append(case("broadcast_to", [COLUMN], {"shape": shape}, raises=True))
for other, attrs in (
    ((2, 3, 4), {}),
    ((2, 3, 4, 5), {"lhs_axes": (0,), "rhs_axes": (3,)}),
    ((9, 4), {"lhs_axes": (0, 2), "rhs_axes": (0, 1)}),
    ((9, 4), {"lhs_axes": (-1,), "rhs_axes": (-1,)}),
):
    CASES.append(case("broadcast_like", [COLUMN, uniform(*other)], attrs))
for other, attrs in (
    ((9, 4), {}),
    ((9, 4), {"lhs_axes": (0, 2)}),
    ((9, 4), {"lhs_axes": (1,), "rhs_axes": (0,)}),
):
    CASES.append(case("broadcast_like", [COLUMN, uniform(*other)], attrs, raises=True))
CASES.append(case("broadcast_like", [COLUMN, integers(2, 3, 4, dtype="int32")], grad=(0,)))
