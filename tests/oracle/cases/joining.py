"""Operators that join, split, repeat and extend arrays."""

from operator_cases import case, uniform

X, INT = uniform(2, 3, 4), uniform(2, 3, 4, low=-9, high=9, dtype="int32")
IMAGE, VOLUME = uniform(2, 2, 3, 4), uniform(1, 2, 2, 3, 2)


def both(*inputs, **attrs):
    return [case("Concat", list(inputs), attrs)]


CASES = [
    *both(X, uniform(2, 1, 4)),
    *both(X, X, uniform(4, 3, 4), dim=0),
    *both(X, X, dim=-1),
    *both(X),
    *both(uniform(2), uniform(3), dim=0),
    case("Concat", [INT, INT], {"dim": 2}, grad=False),
    case("Concat", [uniform(2, 2, dtype="float16"), uniform(2, 1, dtype="float16")]),
    case("Concat", [X, X], {"dim": 3}, raises=True),
    case("Concat", [X, INT], raises=True),
    case("Concat", [X, uniform(2, 1, 5)], raises=True),
    case("Concat", [X, uniform(2, 4)], {"dim": 0}, raises=True),
    case("Concat", [uniform(2), uniform(3)], raises=True),
    case("_internal._rnn_param_concat", [uniform(5), uniform(3)], {"dim": 0}),
    *[case("stack", [X, X], {"axis": axis}) for axis in (0, 1, 3, -1, -4)],
    case("stack", [uniform(2), uniform(2), uniform(2)]),
    case("stack", [X, INT], raises=True),
    case("stack", [X, X], {"axis": 4}, raises=True),
    case("SliceChannel", [X], {"num_outputs": 3}),
    case("SliceChannel", [X], {"num_outputs": 3, "squeeze_axis": True}),
    case("SliceChannel", [X], {"num_outputs": 2, "axis": -1}),
    case("SliceChannel", [X], {"num_outputs": 2, "axis": 0}),
    case("SliceChannel", [X], {"num_outputs": 1}),
    case("SliceChannel", [X], {"num_outputs": 2}, raises=True),
    case("SliceChannel", [X], {"num_outputs": 0}, raises=True),
    case("SliceChannel", [X], {"num_outputs": 2, "axis": 3}, raises=True),
    case("SliceChannel", [X], {"num_outputs": 2, "axis": -1, "squeeze_axis": True}, raises=True),
    case("_internal._split_v2", [X], {"indices": (), "sections": 3}),
    case("_internal._split_v2", [X], {"indices": (), "sections": 3, "squeeze_axis": True}),
    case("_internal._split_v2", [uniform(10)], {"indices": (), "sections": 4, "axis": 0}),
    case("_internal._split_v2", [X], {"indices": (0, 1)}),
    case("_internal._split_v2", [X], {"indices": (0, 1, 2), "squeeze_axis": True}),
    case("_internal._split_v2", [X], {"indices": (0, 2, 3), "axis": -1}),
    case("_internal._split_v2", [X], {"indices": (0,)}),
    case("_internal._split_v2", [X], {"indices": (1,)}, raises=True),
    case("_internal._split_v2", [X], {"indices": (0, 2, 1)}, raises=True),
    case("_internal._split_v2", [X], {"indices": (0, 5)}, raises=True),
    case("repeat", [X], {"repeats": 2}),
    case("repeat", [X], {"repeats": 3, "axis": 1}),
    case("repeat", [X], {"repeats": 2, "axis": -1}),
    case("repeat", [X], {"repeats": 1, "axis": 0}),
    case("repeat", [INT], {"repeats": 2, "axis": 0}, grad=False),
    case("repeat", [X], {"repeats": -1}, raises=True),
    case("repeat", [X], {"repeats": 2, "axis": 3}, raises=True),
    *[case("tile", [uniform(2, 3)], {"reps": reps}) for reps in [(2,), (2, 1), (2, 1, 2), (), (1, 1)]],
    *[
        case("Pad", [IMAGE], {"mode": mode, "pad_width": (0, 0, 0, 0, 1, 2, 2, 1)})
        for mode in ("constant", "edge", "reflect")
    ],
    *[
        case("Pad", [VOLUME], {"mode": mode, "pad_width": (0, 0, 0, 0, 1, 0, 2, 1, 0, 1)})
        for mode in ("constant", "edge", "reflect")
    ],
    case("Pad", [IMAGE], {"mode": "constant", "pad_width": (0, 0, 0, 0, 1, 1, 0, 1), "constant_value": 7}),
    case("Pad", [IMAGE], {"mode": "edge", "pad_width": (0, 0, 0, 0, 5, 0, 0, 6)}),
    *[
        case("Pad", [uniform(1, 1, 2, 3, dtype="float16")], {"mode": mode, "pad_width": (0, 0, 0, 0, 1, 1, 1, 2)})
        for mode in ("constant", "edge", "reflect")
    ],
    case("Pad", [IMAGE], {"mode": "reflect", "pad_width": (0, 0, 0, 0, 3, 1, 0, 0)}, raises=True),
    case("Pad", [IMAGE], {"mode": "constant", "pad_width": (0, 0, 1, 0, 1, 1, 0, 1)}, raises=True),
    case("Pad", [IMAGE], {"mode": "constant", "pad_width": (0, 0, 0, 0, 1, 1)}, raises=True),
    case("Pad", [IMAGE], {"mode": "bad", "pad_width": (0, 0, 0, 0, 1, 1, 0, 0)}, raises=True),
    *[case("reverse", [X], {"axis": axis}) for axis in [0, (0, 2), ()]],
    case("reverse", [X], {"axis": 3}, raises=True),
    *[case("diag", [uniform(3, 4)], {"k": k}) for k in (0, 1, -1, 3)],
    case("diag", [X]),
    case("diag", [X], {"k": 1}),
    case("diag", [X], {"axis1": 1, "axis2": 2}),
    case("diag", [X], {"axis1": -1, "axis2": 0}),
    case("diag", [X], {"axis1": 2, "axis2": 0, "k": 1}),
    case("diag", [uniform(3)]),
    case("diag", [uniform(3)], {"k": 1}),
    case("diag", [uniform(3)], {"k": -2}),
    case("diag", [uniform(2, 3)], {"k": 5}, raises=True),
    case("diag", [X], {"axis1": 0, "axis2": 0}, raises=True),
    case("diag", [X], {"axis1": 0, "axis2": 3}, raises=True),
    case("khatri_rao", [uniform(2, 3), uniform(4, 3)], grad=False),
    case("khatri_rao", [uniform(2, 3), uniform(4, 3), uniform(3, 3)], grad=False),
    case("khatri_rao", [uniform(2, 3)], grad=False),
    case("khatri_rao", [uniform(2, 3), X], raises=True),
]
