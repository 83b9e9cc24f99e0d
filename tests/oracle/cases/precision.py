"""Casts for mixed precision and tests for infinities and NaN."""

from operator_cases import case, integers, uniform, values

CASES = []
INF, NAN = float("inf"), float("nan")


def add(op, inputs, attrs=None, *, grad=False, raises=False, note="", tolerance="exact"):
    made = case(op, inputs, attrs, grad=grad, raises=raises, tolerance=tolerance, note=note)
    if any(known.id == made.id for known in CASES):
        made.note = f"number {len(CASES)}"
    CASES.append(made)


# The oracle's kernels for these casts know float32 only, or float16 as input; tests/test_quantization.py has the rest.
add("amp_cast", [uniform(2, 3, low=-3, high=3)], {"dtype": "float16"}, grad=True)
add("amp_cast", [uniform(2, 3, low=-3, high=3)], {"dtype": "float32"}, grad=True)
for target in ("float16", "float32", "float64"):
    add("amp_cast", [uniform(2, 3, low=-3, high=3, dtype="float16")], {"dtype": target}, grad=True)
for target in ("float16", "float32"):
    add("amp_cast", [values([1e-8, 65504, 65520, 1e6, INF, -INF, NAN, -0.0])], {"dtype": target})
    add("amp_cast", [integers(2, 3, dtype="int32")], {"dtype": target})
    add("amp_cast", [integers(4, dtype="uint8", low=0, high=9)], {"dtype": target})
add("amp_cast", [uniform(3)], raises=True)
for narrow in (False, True):
    add("amp_multicast", [uniform(2, 3)], {"num_outputs": 1, "cast_narrow": narrow}, grad=True)
    add("amp_multicast", [uniform(2, 3), uniform(3)], {"num_outputs": 2, "cast_narrow": narrow}, grad=True)
add("amp_multicast", [uniform(2), uniform(2)], {"num_outputs": 3}, raises=True)
for kind in ("float16", "float32", "float64"):
    for data in ([[1, 2], [3, -4]], [INF, 0], [-INF], [0, NAN], [65504]):
        add("all_finite", [values(data, kind)], note=str(data))
        add("multi_all_finite", [values(data, kind), values([1, 2, 3], kind)], {"num_arrays": 2}, note=str(data))
        add("multi_all_finite", [values([1, 2, 3], kind), values(data, kind)], {"num_arrays": 2}, note=f"last {data}")
for kind in ("int32", "uint8"):
    add("all_finite", [integers(3, dtype=kind, low=0, high=5)], raises=True)
add("multi_all_finite", [uniform(3)], {"num_arrays": 2}, raises=True)
