"""Operators that read or write elements chosen by indices."""

from operator_cases import case, head_gradient, integers, uniform, values

Y, X = uniform(2, 3), uniform(2, 3, 4)
FAR = values([0, 2, 5, -1, -4, 7])
HEAD = head_gradient(0, (2,), "float32")
ROWS = [[1, 1, 0], [0, 1, 0]]


def nd(data, index, dtype="float32", **options):
    return case("gather_nd", [data, values(index, dtype)], grad=(0,), note=str(index), **options)


CASES = [
    *[
        case("take", [X, FAR], {"axis": axis, "mode": mode}, grad=(0,))
        for axis in (0, 1, -1) for mode in ("clip", "wrap")
    ],
    case("take", [Y, values([[0, 1.7], [-0.5, 1]])], grad=(0,)),
    case("take", [Y, values([[0, 1, 1], [1, 1, 0]], "int32")], {"axis": 1}, grad=(0,)),
    case("take", [Y, values([-1.5, -1, -0.5])], {"mode": "wrap"}, grad=(0,)),
    case("take", [Y, values([0, 1, 1], "int32")], {"mode": "raise"}, grad=(0,)),
    case("take", [Y, values([1, 1, 0], "int64")], grad=(0,)),
    case("take", [Y, values([1, 2, 0], "uint8")], {"axis": -1}, grad=(0,)),
    case("take", [uniform(2, 3, dtype="float16"), values([1, 2, 0], "float16")], {"axis": -1}, grad=(0,)),
    case("take", [integers(2, 3, dtype="int32"), FAR], {"mode": "wrap"}, grad=False),
    case("take", [uniform(5), values([3], "int64")], grad=(0,)),
    case("take", [Y, values([0, 3], "int32")], {"axis": 1, "mode": "raise"}, raises=True, note="beyond"),
    case("take", [Y, values([-1, 0], "int32")], {"axis": 1, "mode": "raise"}, raises=True),
    case("take", [Y, values([0])], {"axis": 2}, raises=True),
    case("batch_take", [Y, values([0, 2], "int32")], grad=False),
    case("batch_take", [Y, values([5, -1], "int32")], note="clips", grad=False),
    case("batch_take", [Y, values([[1], [2]], "int32")], grad=False),
    case("batch_take", [Y, values([1, 2, 0], "int32")], raises=True),
    # MXNet reads wrong and foreign memory where a has more than two dimensions.
    case("batch_take", [integers(2, 2, 3), values([[1, 2], [0, 5]], "int32")], record=False, grad=False, note="3d",
         expected=[[[integers(2, 2, 3).make(0)[i, j, k] for j, k in enumerate(row)]
                    for i, row in enumerate([[1, 2], [0, 2]])]]),
    *[case("pick", [Y, values([1, 5])], attrs, grad=(0,)) for attrs in [{}, {"keepdims": True}, {"mode": "wrap"}]],
    case("pick", [Y, values([[1], [-1]])], grad=(0,)),
    case("pick", [Y, values([[1], [-1]])], {"keepdims": True, "mode": "wrap"}, grad=(0,)),
    case("pick", [Y, values([1, 0, -1])], {"axis": 0}, grad=(0,)),
    case("pick", [Y, values([1.7, -0.5])], grad=(0,), note="fractions"),
    case("pick", [Y, values([-4, -7])], {"mode": "wrap"}, grad=(0,), note="negative"),
    case("pick", [X, values([[1, 2, 0], [3, 3, 3]], "int32")], grad=(0,)),
    case("pick", [X, integers(2, 4, low=0, high=3)], {"axis": 1}, grad=(0,)),
    case("pick", [uniform(5), values([1])], grad=(0,)),
    case("pick", [uniform(5), values([1])], {"keepdims": True}, grad=(0,)),
    case("pick", [integers(2, 3, dtype="int32"), values([1, 2])], grad=False),
    case("pick", [Y, values([1, 0, -1])], raises=True),
    case("pick", [Y, values([1, 0])], {"axis": None}, raises=True),
    case("pick", [Y, values([1, 0])], {"axis": 2}, raises=True),
    case("choose_element_0index", [Y, values([0, 2])], grad=(0,)),
    *[
        case("one_hot", [values([0, 2, 3, -1])], attrs, grad=False)
        for attrs in [
            {"depth": 3}, {"depth": 4, "dtype": "float16"}, {"depth": 3, "on_value": 2.7, "dtype": "uint8"},
            {"depth": 3, "on_value": 2, "off_value": -1, "dtype": "int32"}, {"depth": 3, "off_value": 0.25},
            {"depth": 3, "dtype": "float64"}, {"depth": 3, "dtype": "int64"}, {"depth": 0},
        ]
    ],
    case("one_hot", [values([[0, 1.9, -0.5]])], {"depth": 2}, grad=False),
    *[case("one_hot", [values([0, 1], dtype)], {"depth": 2}, grad=False) for dtype in ("int32", "int64", "uint8")],
    case("one_hot", [values([0])], {"depth": -1}, raises=True),
    case("one_hot", [values([0])], {"depth": 2, "dtype": "bool"}, raises=True),
    nd(Y, [[0, 1], [2, 0]]), nd(Y, [[0, 1], [2, 0]], "int32"), nd(Y, [[1, 0]]),
    # MXNet loses the gradient of negative coordinates.
    nd(Y, [[-1, 0], [-1, 0]], expected_grads={0: [[HEAD[1], 0, 0], [0, 0, HEAD[0]]]}),
    nd(Y, [[1, 1, 1], [2, 2, 0]]), nd(Y, [[0.9], [1.9]]), nd(X, [[[0, 1], [1, 0]], [[2, 2], [1, 1]]]),
    nd(X, [[0, 1, 0, 1], [2, 2, 2, 2], [3, 0, 3, 0]]),
    nd(Y, [[0, 2], [0, 0]], raises=True), nd(Y, [[-3, 0], [0, 0]], raises=True),
    nd(Y, [[0, 1], [2, 3]], "int32", raises=True),
    nd(Y, [0, 1], raises=True), nd(Y, [[0], [0], [0]], raises=True),
    case("scatter_nd", [uniform(3), values(ROWS)], {"shape": (2, 2)}, grad=(0,)),
    case("scatter_nd", [uniform(3), values([[1, 0, 1], [0, 1, 1]], "int32")], {"shape": (2, 3)}, grad=(0,)),
    case("scatter_nd", [uniform(2, 2), values([[0, 2]])], {"shape": (3, 2)}, grad=(0,)),
    case("scatter_nd", [integers(2, dtype="int32"), values([[0, 2]], "int32")], {"shape": (4,)}, grad=False),
    case("scatter_nd", [uniform(2, 2), values([[0, 2]])], {"shape": (3, 3)}, raises=True),
    case("_internal._backward_gather_nd", [uniform(3), values([[1, 1, 1], [0, 1, 1]])], {"shape": (2, 2)}, grad=False),
    case("_internal._scatter_set_nd", [uniform(2, 2), uniform(2), values([[1, 0], [0, 1]])], {"shape": (2, 2)},
         grad=False, out=0),
    case("where", [values([[1, 0, 0], [0, -1, float("nan")]]), Y, Y], grad=(1, 2)),
    case("where", [values([1, 0]), X, X], grad=(1, 2)),
    case("where", [values([1, 0], "int32"), Y, Y], grad=(1, 2)),
    case("where", [values([1, 0, 1]), Y, Y], raises=True),
    case("where", [values([[1, 0, 1]]), Y, Y], raises=True),
    case("where", [values([1, 0]), Y, uniform(2, 1)], raises=True),
    case("where", [values([1, 0]), Y, integers(2, 3, dtype="int32")], raises=True),
    case("fill_element_0index", [Y, uniform(2), values([0, 2])], grad=False),
    case("fill_element_0index", [Y, uniform(2), values([5, -1])], grad=False, note="outside"),
    case("fill_element_0index", [Y, uniform(1), values([0])], raises=True),
    case("ravel_multi_index", [values([[0, 1, 1], [2, 0, 3]])], {"shape": (2, 4)}, grad=False),
    case("ravel_multi_index", [values([[0, 1, 1], [2, 0, 3]], "int32")], {"shape": (-1, 4)}, grad=False),
    case("ravel_multi_index", [values([[1, 0], [2, 1], [3, 3]], "int64")], {"shape": (2, 3, 4)}, grad=False),
    case("ravel_multi_index", [values([[5, -1], [9, -2]])], {"shape": (2, 4)}, grad=False),
    case("ravel_multi_index", [values([[0], [2]])], {"shape": (2, 4, 5)}, raises=True),
    case("ravel_multi_index", [values([1, 2])], {"shape": (2, 4)}, raises=True),
    case("ravel_multi_index", [values([[0], [2]])], raises=True),
    case("unravel_index", [values([0, 5, 7, 50, -1])], {"shape": (2, 4)}, grad=False),
    case("unravel_index", [values([17.5, 23])], {"shape": (2, 3, 4)}, grad=False),
    case("unravel_index", [values([0, 5, 50], "int64")], {"shape": (-1, 4)}, grad=False),
    case("unravel_index", [values([1])], raises=True),
    # MXNet mixes up the elements where data has two dimensions.
    case("unravel_index", [values([[0, 5, 6], [7, 3, 4]])], {"shape": (2, 4)}, grad=False, record=False,
         expected=[[[[0, 1, 1], [1, 0, 1]], [[0, 1, 2], [3, 3, 0]]]]),
    case("contrib.boolean_mask", [Y, values([0, 1])], grad=(0,)),
    case("contrib.boolean_mask", [X, values([2, -1], "int32")], grad=(0,)),
    case("contrib.boolean_mask", [Y, values([float("nan"), 0.5])], grad=(0,), note="nan"),
    case("contrib.boolean_mask", [Y, values([0, 1, 1])], raises=True),
    case("contrib.index_copy", [uniform(3, 2), values([2, 0], "int32"), uniform(2, 2)], grad=(0, 2)),
    case("contrib.index_copy", [uniform(3, 2), values([2, 0]), uniform(2, 2)], grad=False),
    case("contrib.index_copy", [uniform(3, 2, 2), values([1], "int64"), uniform(1, 2, 2)], grad=(0, 2)),
    case("contrib.index_copy", [uniform(3, 2), values([1], "int64"), uniform(2, 2)], raises=True),
    case("contrib.index_copy", [uniform(3, 2), values([1], "int64"), uniform(1, 3)], raises=True),
    *[
        case("contrib.index_array", [uniform(2, 1, 3)], attrs, grad=False)
        for attrs in [{}, {"axes": (1,)}, {"axes": (2, 0)}, {"axes": (-1,)}, {"axes": ()}]
    ],
    case("_internal._onehot_encode", [values([0, 2]), uniform(2, 3)], grad=False),
    case("_internal._onehot_encode", [values([0, 5]), uniform(2, 3)], grad=False, note="outside"),
    case("_internal._onehot_encode", [values([0, 2, 1]), uniform(2, 3)], raises=True),
]  # fmt: skip
