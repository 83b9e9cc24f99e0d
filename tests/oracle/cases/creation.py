"""Arrays of given values, shapes and ranges; histograms."""

from operator_cases import case, distinct, uniform, values

INF, NAN = float("inf"), float("nan")
DTYPES = ("float16", "float32", "float64", "int32", "int64", "uint8", "int8")

CASES = []
for name in ("_internal._zeros", "_internal._ones"):
    CASES += [case(name, [], {"shape": (2, 3), "dtype": dtype}) for dtype in (*DTYPES, "bool")]
    CASES.append(case(name, [], {"shape": 3}))
for value, dtype in (
    (1.5, "float32"),
    (2.7, "int32"),
    (1 / 3, "float64"),
    (2, "bool"),
    (-1, "uint8"),
    (NAN, "float32"),
):
    CASES.append(case("_internal._full", [], {"shape": (2,), "value": value, "dtype": dtype}))
for attrs in (
    {"start": 5}, {"start": 1, "stop": 6}, {"start": 1, "stop": 6, "step": 2}, {"start": 6, "stop": 1, "step": -2},
    {"start": 0, "stop": 1, "step": 0.1}, {"start": 0, "stop": 3, "repeat": 2},
    {"start": 0.5, "stop": 3.5, "dtype": "int32"},
    {"start": 0, "stop": 2.5, "step": 0.5, "dtype": "int32"}, {"start": 0, "stop": 1000000, "step": 333333.3},
    {"start": 0, "stop": 3, "dtype": "float16"}, {"start": 0, "stop": 1, "step": 0.1, "dtype": "float64"},
    {"start": 0, "stop": 10, "step": 3, "dtype": "int64"}, {"start": 0, "stop": 3, "dtype": "uint8"},
):  # fmt: skip
    CASES.append(case("_internal._arange", [], attrs))
for attrs in ({"start": 5, "stop": 5}, {"start": 6, "stop": 5}, {"start": 0, "stop": 5, "step": 0}, {"start": -3}):
    CASES.append(case("_internal._arange", [], attrs, raises=True))
for attrs in ({}, {"endpoint": False}, {"dtype": "int32"}, {"dtype": "float64"}):
    CASES.append(case("_internal._linspace", [], {"start": 0, "stop": 1, "num": 5, **attrs}))
CASES.append(case("_internal._linspace", [], {"start": 2, "stop": 1, "num": 1}))
for attrs in ({"N": 3}, {"N": 3, "M": 4}, {"N": 3, "M": 4, "k": 1}, {"N": 3, "M": 4, "k": -1}, {"N": 3, "M": 4, "k": 9},
              {"N": 3, "dtype": "int32"}, {"N": 3, "k": -7}):  # fmt: skip
    CASES.append(case("_internal._eye", [], attrs))
for attrs in ({}, {"axis": 0}, {"axis": -1}, {"start": 2, "step": 0.5}, {"repeat": 2}, {"repeat": 5},
              {"axis": 1, "repeat": 3}, {"axis": 0, "start": 1, "step": -2}):  # fmt: skip
    CASES += [case("contrib.arange_like", [distinct(3, 4, dtype=dtype)], attrs, grad=False)
              for dtype in ("float32", "float64", "int32")]  # fmt: skip
CASES.append(case("contrib.arange_like", [distinct(3, 4)], {"axis": 5}, raises=True))
for dtype in ("float32", "float16", "int32", "bool"):
    data = values([[1, 0, 1], [0, 1, 1]], dtype)
    CASES += [case("shape_array", [data], grad=False), case("size_array", [data], grad=False)]
for dtype in ("float32", "float64", "float16", "int32", "int64", "uint8"):
    points = values([0, 0.5 if "float" in dtype else 0, 1, 1, 2, 3, 4, 5, 7, 9], dtype)
    for attrs in ({"bin_cnt": 4, "range": (0, 5)}, {"bin_cnt": 10, "range": (0, 10)}):
        CASES.append(case("_internal._histogram", [points], attrs, grad=False))
    CASES.append(case("_internal._histogram", [points, values([0, 1, 2, 5], dtype)], grad=False))
CASES += [
    case("_internal._histogram", [values([NAN, 1, 2, INF, -1])], {"bin_cnt": 2, "range": (0, 2)}, grad=False),
    case("_internal._histogram", [uniform(5)], {"bin_cnt": 2}, raises=True),
]
