"""Operators of an array and a number: floating arrays, integer arrays with is_int either way, ties and zeros."""

from operator_cases import case, values

INF, NAN = float("inf"), float("nan")
REAL = [-INF, -3.7, -3, -2.5, -2, -0.5, -0.0, 0.0, 0.3, 1, 2, 2.5, 3, 300, INF, NAN]
WHOLE = [-7, -3, -2, -1, 1, 2, 3, 4, 9]
COUNTS = [1, 2, 3, 4, 9]
NAMES = tuple(
    "plus minus rminus mul div rdiv mod rmod power rpower maximum minimum hypot equal not_equal greater greater_equal "
    "lesser lesser_equal logical_and logical_or logical_xor".split()
)

CASES = []
for short in NAMES:
    name = f"_internal._{short}_scalar"
    for scalar in (2, -2.5, 0, 0.3):
        # The gradient of x ** 0 is nan at zeros in the oracle.
        own = {"expected_grads": {0: [0] * len(REAL)}} if (short, scalar) == ("power", 0) else {}
        CASES.append(case(name, [values(REAL)], {"scalar": scalar}, **own))
    CASES.append(case(name, [values(REAL)], {"scalar": NAN}))
    CASES.append(case(name, [values(REAL, "float64")], {"scalar": 0.1}))
    CASES.append(case(name, [values(REAL, "float16")], {"scalar": 2.5}, tolerance="loose"))
    for scalar in (2, 2.5, -2.5, 3.0):
        CASES.append(case(name, [values(WHOLE, "int32")], {"scalar": scalar}))
        CASES.append(case(name, [values(WHOLE, "int32")], {"scalar": scalar, "is_int": False}))
    CASES.append(case(name, [values(COUNTS, "uint8")], {"scalar": 2}))
    CASES.append(case(name, [values(WHOLE, "int8")], {"scalar": 2}))
    CASES.append(case(name, [values(WHOLE, "int64")], {"scalar": 2}))
    CASES.append(case(name, [values(COUNTS, "uint8")], {"scalar": 2.5, "is_int": False}))
    CASES.append(case(name, [values([True, True], "bool")], {"scalar": 2}))
for short in ("plus", "minus"):
    CASES.append(case(f"_internal._scatter_{short}_scalar", [values([1, 2, 3])], {"scalar": 2}, grad=False))
