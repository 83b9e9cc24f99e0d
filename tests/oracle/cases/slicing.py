"""Operators that cut regions out of arrays."""

from operator_cases import case, uniform

V, X = uniform(7), uniform(3, 4, 5)
# Begins far below zero are left out: MXNet reads memory before the array, or refuses, by luck.
LIMITS = [
    ((1,), (3,), ()), ((-3,), (-1,), ()), ((2,), (None,), ()), ((None,), (None,), (-1,)), ((5,), (0,), (-2,)),
    ((0,), (20,), ()), ((0,), (-10,), (-1,)), ((3,), (-10,), (-1,)), ((10,), (1,), (-1,)), ((6,), (-8,), (-1,)),
    ((1,), (6,), (2,)), ((1,), (6,), (3,)), ((-2,), (0,), (-2,)), ((1,), (3,), (None,)),
]  # fmt: skip
REGIONS = [
    ((0, 1), (2, 3), ()), ((None, None, 1), (None, None, 2), ()), ((None, 2), (None, 0), (1, -1)),
    ((2, -1, 4), (0, 0, None), (-1, -2, 1)), ((), (), ()), ((0, 1, 1), (3, 4, 5), (2, 2, 3)),
]  # fmt: skip


def limits(begin, end, step):
    return {"begin": begin, "end": end, **({"step": step} if step else {})}


CASES = [
    *[case("slice", [V], limits(*entry)) for entry in LIMITS],
    *[case("slice", [X], limits(*entry)) for entry in REGIONS],
    case("slice", [uniform(7, dtype="int32", low=-9, high=9)], limits((1,), (6,), (2,)), grad=False),
    case("slice", [V], {"begin": (0,), "end": (5,), "step": (0,)}, raises=True),
    case("slice", [V], {"begin": (0, 1), "end": (1, 2)}, raises=True),
    case("slice", [V], {"begin": (0,), "end": (1, 2)}, raises=True),
    *[
        case("slice_axis", [X], {"axis": axis, "begin": begin, "end": end})
        for axis, begin, end in [(0, 1, 3), (1, -2, None), (1, 0, -1), (-1, 0, 2), (2, 3, None), (0, 0, 3), (-3, 1, 2)]
    ],
    *[
        case("slice_axis", [X], {"axis": axis, "begin": begin, "end": end}, raises=True)
        for axis, begin, end in [
            (0, 0, 9), (0, -9, 2), (1, 3, 2), (1, 2, 2), (3, 0, 1), (0, 3, None), (1, 0, -9), (1, 0, 0),
        ]
    ],
    case("slice_like", [X, uniform(2, 3, 4)]),
    case("slice_like", [X, uniform(2, 3, 4)], {"axes": (0,)}),
    case("slice_like", [X, uniform(2, 3, 4)], {"axes": (-1, 1)}),
    case("slice_like", [X, uniform(2, 3)], {"axes": (0, 1)}),
    case("slice_like", [X, uniform(2, 3, 4, dtype="int32")]),
    case("slice_like", [X, uniform(2, 3)], raises=True),
    case("slice_like", [X, uniform(4, 3, 4)], raises=True),
    case("slice_like", [X, uniform(2, 3)], {"axes": (2,)}, raises=True),
    case("_internal._slice_assign", [V, uniform(2)], limits((1,), (3,), ()), grad=False),
    case("_internal._slice_assign", [V, uniform(3)], limits((1,), (6,), (2,)), grad=False),
    case("_internal._slice_assign", [V, uniform(2)], limits((4,), (2,), (-1,)), grad=False),
    case("_internal._slice_assign", [X, uniform(3, 2, 5)], limits((None, 2), (None, 0), (1, -1)), grad=False),
    case("_internal._slice_assign", [V, uniform(2)], limits((1,), (3,), ()), out=0, grad=False, note="out"),
    case("_internal._slice_assign", [V, uniform(1)], limits((1,), (3,), ()), raises=True),
    case("_internal._slice_assign", [V, uniform(2, dtype="int32")], limits((1,), (3,), ()), raises=True),
    *[
        case("_internal._slice_assign_scalar", [X], {"scalar": 2.5, **limits(*entry)}, grad=False)
        for entry in REGIONS if entry[0]
    ],
    case("_internal._slice_assign_scalar", [uniform(7, dtype="int32")], {"scalar": 2.5, **limits((1,), (3,), ())},
         grad=False),
    case("_internal._slice_assign_scalar", [V], {"scalar": 2.5, **limits((3,), (3,), ())}, grad=False),
]  # fmt: skip
