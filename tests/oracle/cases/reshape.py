"""Operators that give an array another shape or order of axes."""

from operator_cases import case, uniform

X = uniform(2, 3, 4)


def reshapes(*shapes, **attrs):
    return [case("Reshape", [X], {"shape": shape, **attrs}) for shape in shapes]


CASES = [
    *reshapes((24,), (4, 6), (4, -1), (-1,), (0, -1), (-1, 0), (0, 0, 0), (-2,), (2, -2), (-2, 1, 1), (0, -2, 1, 1)),
    *reshapes((-3, 4), (-3, 0), (0, -3), (-3, -2), (-4, 1, 2, -2), (-4, 2, -1, -2), (-4, -1, 2, -2), (-2, -2)),
    *reshapes((2, -4, -1, 3, -2), (0, -4, -1, 1, -2), (-4, 1, 2, -3), (1, -1, -2), (2, 3, 4, 1, -1)),
    *reshapes((4, -1), (0, -1), (-1, 0), (0, 0, 0), (-2,), (-3, 4), (0, -3), (6, 0), (-1, 4), reverse=True),
    case("Reshape", [X], {"target_shape": (4, 6)}),
    case("Reshape", [X], {"target_shape": (0, 6)}),
    case("Reshape", [X], {"target_shape": (0, 0), "keep_highest": True}),
    case("Reshape", [X], {"target_shape": (5, 0), "keep_highest": True}),
    case("Reshape", [X], {"shape": (24,), "target_shape": (4, 6)}),
    case("Reshape", [uniform(2, 3, dtype="float16")], {"shape": (3, 2)}),
    case("Reshape", [uniform(2, 3, dtype="int32")], {"shape": (3, 2)}, grad=False),
    *[
        case("Reshape", [X], {"shape": shape}, raises=True)
        for shape in [(-1, -1), (-3, -3), (0, 0, 0, 0), (-4, 3, -2), (-4, -1, -1, -2), (-5,), ()]
    ],
    case("Flatten", [X]),
    case("Flatten", [uniform(5)]),
    case("Flatten", [uniform(2, 3)]),
    case("reshape_like", [X, uniform(3, 8)]),
    case("reshape_like", [X, uniform(4, 6, dtype="int32")]),
    case("reshape_like", [X, uniform(3, 12, 2)], {"lhs_begin": 1, "lhs_end": 3, "rhs_begin": 1, "rhs_end": 2}),
    case("reshape_like", [X, uniform(6, 7)], {"lhs_end": -1, "rhs_end": 1}),
    case("reshape_like", [X, uniform(3, 8)], {"lhs_begin": 1}, raises=True),
    case("reshape_like", [X, uniform(3, 8)], {"lhs_begin": 2, "lhs_end": 1}, raises=True),
    *[case("expand_dims", [X], {"axis": axis}) for axis in (0, 1, 3, -1, -4)],
    case("expand_dims", [X], {"axis": 4}, raises=True),
    case("expand_dims", [X], {"axis": -5}, raises=True),
    *[
        case("squeeze", [uniform(1, 2, 1, 3, 1)], attrs)
        for attrs in [{}, {"axis": 0}, {"axis": -1}, {"axis": (0, -1)}, {"axis": ()}]
    ],
    case("squeeze", [uniform(1, 1)]),
    case("squeeze", [uniform(1, 1)], {"axis": (0, 1)}),
    case("squeeze", [X], {"axis": 1}, raises=True),
    case("squeeze", [X], {"axis": 5}, raises=True),
    case("transpose", [X]),
    case("transpose", [uniform(5)]),
    case("transpose", [X], {"axes": (0, 2, 1)}),
    case("transpose", [X], {"axes": (2, 0, 1)}),
    case("transpose", [uniform(1, 2, 3, 2, 1, 2)], {"axes": (3, 1, 5, 0, 4, 2)}),
    case("transpose", [X], {"axes": (0, 1)}, raises=True),
    case("transpose", [X], {"axes": (0, 1, 3)}, raises=True),
    *[
        case("SwapAxis", [X], attrs)
        for attrs in [{}, {"dim1": 0, "dim2": 2}, {"dim1": -1, "dim2": 0}, {"dim1": 1, "dim2": 1}]
    ],
    case("SwapAxis", [X], {"dim1": 0, "dim2": 3}, raises=True),
    case("depth_to_space", [uniform(2, 12, 2, 3)], {"block_size": 2}),
    case("depth_to_space", [uniform(1, 9, 1, 2)], {"block_size": 3}),
    case("depth_to_space", [uniform(1, 4, 2, 2)], {"block_size": 3}, raises=True),
    case("depth_to_space", [uniform(1, 4, 2, 2)], {"block_size": 0}, raises=True),
    case("depth_to_space", [X], {"block_size": 1}, raises=True),
    case("space_to_depth", [uniform(2, 3, 4, 6)], {"block_size": 2}),
    case("space_to_depth", [uniform(1, 4, 2, 2)], {"block_size": 3}, raises=True),
    case("cast_storage", [X], {"stype": "default"}),
    case("cast_storage", [X], {"stype": "foo"}, raises=True),
]
