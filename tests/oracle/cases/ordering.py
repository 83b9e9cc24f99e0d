"""Operators that sort. Ties only where the order of MXNet's unstable sort is plain: up to 16 elements."""

from operator_cases import case, distinct, values

X, TIES = distinct(2, 3, 5), values([[3, 1, 2, 5], [4, 4, 0, 4]])
INT = distinct(2, 5, dtype="int32")


def topk(data, grad=False, **attrs):
    return case("topk", [data], attrs, grad=grad)


CASES = [
    topk(X), topk(X, k=2), topk(X, k=2, axis=0), topk(X, k=3, axis=1), topk(X, k=0), topk(X, k=-1, axis=1),
    topk(X, k=2, is_ascend=True), topk(X, k=1, is_ascend=True, axis=1), topk(X, k=4, axis=None),
    topk(X, k=2, dtype="int32"), topk(X, k=2, dtype="uint8"), topk(X, k=2, dtype="float64"),
    topk(X, k=2, dtype="int64"),
    topk(X, k=2, ret_typ="value", grad=True), topk(X, k=1, ret_typ="value", grad=True),
    topk(X, k=2, ret_typ="value", axis=0, grad=True), topk(X, k=3, ret_typ="value", axis=None, grad=True),
    topk(X, k=2, ret_typ="value", is_ascend=True, grad=True), topk(X, k=1, ret_typ="value", axis=1, grad=True),
    topk(X, k=2, ret_typ="both", grad=True), topk(X, k=2, ret_typ="both", axis=1, dtype="int32"),
    topk(X, k=5, ret_typ="both", axis=None, grad=True), topk(X, k=0, ret_typ="both", is_ascend=True, grad=True),
    topk(X, k=2, ret_typ="mask"), topk(X, k=2, ret_typ="mask", axis=1, is_ascend=True),
    topk(X, k=7, ret_typ="mask", axis=None), topk(X, k=1, ret_typ="mask", axis=0, dtype="int32"),
    topk(TIES, k=2, ret_typ="both"), topk(TIES, k=3, ret_typ="both", is_ascend=True), topk(TIES, k=1, ret_typ="both"),
    topk(TIES, k=3, ret_typ="both", axis=None), topk(TIES, k=2, ret_typ="mask"),
    topk(INT, k=2, ret_typ="both"), topk(INT, k=2, ret_typ="mask"),
    topk(distinct(2, 5, dtype="float16"), k=2, ret_typ="both"), topk(distinct(300), k=2, dtype="uint8"),
    topk(distinct(5), k=2, ret_typ="value", grad=True), topk(distinct(2, 5, dtype="float64"), k=2, ret_typ="both"),
    case("topk", [X], {"k": 9}, raises=True),
    case("topk", [X], {"axis": 3}, raises=True),
    *[
        # MXNet differentiates sort only where the axis is given.
        case(name, [data], attrs, grad=name == "sort" and attrs.get("axis") is not None)
        for name in ("sort", "argsort")
        for data in (X, distinct(4, 3))
        for attrs in [{}, {"is_ascend": False}, {"axis": 0}, {"axis": -1}, {"axis": None},
                      {"axis": 1, "is_ascend": False}, {"axis": None, "is_ascend": False}]
    ],
    *[case(name, [TIES], attrs, grad=False, note="ties") for name in ("sort", "argsort")
      for attrs in [{}, {"is_ascend": False}, {"axis": 0}]],
    case("argsort", [X], {"dtype": "int32"}, grad=False),
    case("argsort", [X], {"dtype": "int64"}, grad=False),
    case("argsort", [INT], grad=False),
    case("sort", [INT], grad=False),
    case("sort", [X], {"axis": 3}, raises=True),
    case("argsort", [X], {"axis": 3}, raises=True),
]  # fmt: skip
