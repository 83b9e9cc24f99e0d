"""Element-wise functions: every function on points of its domain and on special values, each dtype."""

from operator_cases import case, distinct, integers, uniform, values

INF, NAN = float("inf"), float("nan")
SPECIAL = [
    -INF,
    -300,
    -3.7,
    -2.5,
    -1.5,
    -1,
    -0.5,
    -0.3,
    -0.0,
    0.0,
    0.3,
    0.49999997,
    0.5,
    0.7,
    1,
    1.5,
    2.5,
    5.2,
    88.9,
    INF,
    NAN,
]
HALF = [-INF, -3.7, -2.5, -1.5, -1, -0.5, -0.3, 0.3, 0.5, 0.7, 1, 1.5, 2.5, 5.2, INF, NAN]
COUNTS = [0, 1, 2, 3, 5, 9]
EXACT = ("abs", "sign", "round", "rint", "ceil", "floor", "trunc", "fix", "square", "negative", "logical_not")
FLOATING = tuple(
    "sqrt rsqrt cbrt rcbrt reciprocal exp expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh "
    "arcsinh arccosh arctanh degrees radians gamma gammaln erf erfinv".split()
)
OTHERS = ("identity", "zeros_like", "ones_like", "contrib.round_ste", "contrib.sign_ste")
# In float64 the oracle uses float32 constants in these or their gradients, or its error is larger than ours.
SINGLE = {"degrees", "radians", "gamma", "gammaln", "erf", "erfinv"}

CASES = []
for name in EXACT + FLOATING + OTHERS:
    loose = {"tolerance": "loose"}
    # -0.0: the gradient of rsqrt there is the oracle's only in sign
    special = [x for x in SPECIAL if not (name == "rsqrt" and x == 0)]
    CASES.append(case(name, [values(special)], note="special"))
    CASES.append(case(name, [values(HALF, "float16")], **loose))
    CASES.append(case(name, [uniform(2, 3, low=0.1, high=0.9, dtype="float64")],
                      tolerance=(1e-6, 1e-7) if name in SINGLE else "close"))  # fmt: skip
    if name == "erfinv":  # only -1, 0 and 1 have a result, and that of 1 isn't an integer
        CASES.append(case(name, [values([0], "int32")]))
        continue
    if name in ("arccosh",):
        counts = [1, 2, 3, 5]
    elif name in ("log", "log2", "log10", "rsqrt", "rcbrt", "reciprocal", "gamma", "gammaln"):
        counts = [1, 2, 3, 5, 9]  # what an infinity becomes as an integer is up to the processor
    elif name in ("arcsin", "arccos"):
        counts = [0, 1]
    elif name == "arctanh":
        counts = [0]
    else:
        counts = COUNTS
    CASES += [case(name, [values(counts, dtype)]) for dtype in ("int32", "int64", "uint8", "int8")]
    if name in EXACT + FLOATING:
        CASES.append(case(name, [values([True, False], "bool")], raises=True))

for dtype in ("float32", "float16", "float64"):
    data = values([-INF, -3.5, -1, -0.5, 0, 0.5, 1, 2, 2.6, 3, INF, NAN], dtype)
    for low, high in ((-1, 1), (0.5, 2), (3, 1), (-0.5, 1.5)):
        CASES.append(case("clip", [data], {"a_min": low, "a_max": high}))
    for target in ("float16", "float32", "float64"):
        CASES.append(case("cast", [values([-3.7, -0.5, 0, 0.3, 1.5, 2, 70000, INF, NAN], dtype)], {"dtype": target}))
    for target in ("int32", "int64", "int8", "uint8", "bool"):
        # A cast to integers has no gradient here; the oracle passes one through integer arrays.
        CASES.append(case("cast", [values([-0.5, 0, 0.3, 1.5, 2, 99.9], dtype)], {"dtype": target}, grad=False))
    CASES.append(case("contrib.quadratic", [uniform(2, 3, dtype=dtype)], {"a": 1.5, "b": -2, "c": 3}))
    CASES.append(case("contrib.gradientmultiplier", [uniform(2, 3, dtype=dtype)], {"scalar": -1.5}))
    CASES.append(case("contrib.div_sqrt_dim", [uniform(2, 3, dtype=dtype)]))
    CASES.append(case("add_n", [uniform(2, 3, dtype=dtype)] * 3))
for dtype in ("int32", "int64", "uint8", "int8"):
    data = values(COUNTS, dtype)
    CASES.append(case("clip", [data], {"a_min": 1, "a_max": 3}))
    CASES.append(case("clip", [data], {"a_min": 0.5, "a_max": 2.7}))
    CASES += [case("cast", [data], {"dtype": target}) for target in ("float16", "float32", "float64", "int32", "bool")]
    CASES.append(case("contrib.quadratic", [data], {"a": 1.5, "b": 2, "c": 3}))
    CASES.append(case("contrib.div_sqrt_dim", [integers(2, 7, low=0, high=100, dtype=dtype)]))
    CASES.append(case("add_n", [data, data]))
CASES += [
    case("cast", [values([True, False], "bool")], {"dtype": "float32"}),
    case("cast", [uniform(2, 3)], {"dtype": "complex64"}, raises=True),
    case("amp_cast", [uniform(2, 3)], {"dtype": "float16"}),
    case("amp_cast", [uniform(2, 3, dtype="float16")], {"dtype": "float32"}),
    case("amp_cast", [integers(2, 3, dtype="int32")], {"dtype": "float16"}),
    # The oracle's build refuses arrays of mixed dtypes outside its accelerator library.
    case("amp_multicast", [values([1, 2], "float16"), values([3, 4])], {"num_outputs": 2}, record=False, grad=False,
         expected=[[1, 2], [3, 4]]),
    case("add_n", [uniform(2, 3)]),
    case("add_n", [uniform(2, 3), uniform(3, 2)], raises=True),
    case("add_n", [uniform(2, 3), uniform(2, 3, dtype="float64")], raises=True),
    case("add_n", [], raises=True),
    case("_internal._identity_with_attr_like_rhs", [uniform(2, 3), distinct(2, 3)], grad=(0,)),
    case("contrib.allclose", [values([1, INF, NAN]), values([1.000001, INF, NAN])], grad=False),
    case("contrib.allclose", [values([1, NAN]), values([1, NAN])], {"equal_nan": False}, grad=False),
    case("contrib.allclose", [values([1.0, 2.0]), values([1.1, 2.0])], {"rtol": 0.2}, grad=False),
]  # fmt: skip
