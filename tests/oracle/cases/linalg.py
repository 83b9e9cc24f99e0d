"""Linear algebra on stacks of matrices, with gradients."""

from operator_cases import case, uniform, values

CASES = []
SPREAD = [[4, 1, -1, 0.5], [0.3, 5, 0.2, -0.7], [-1, 0.8, 6, 1], [0.1, -0.4, 0.6, 7]]
SECOND = [[6, -1, 0.4, 0], [0.2, 7, 1, 1], [0.3, -0.6, 4, 0.5], [-1, 0.7, 0.1, 5]]
POSITIVE = [[[4, 1, 0.5], [1, 5, -0.5], [0.5, -0.5, 3]], [[6, -1, 0], [-1, 4, 1], [0, 1, 5]]]
for dtype in ("float32", "float64"):
    tolerance = (2e-4, 2e-5) if dtype == "float32" else (1e-8, 1e-10)

    def add(name, inputs, attrs=None, **options):
        CASES.append(case(f"linalg.{name}", inputs, attrs, tolerance=tolerance, **options))  # noqa: B023

    def box(*shape):
        return uniform(*shape, dtype=dtype)  # noqa: B023

    stack = values([SPREAD, SECOND], dtype)
    positive = values(POSITIVE, dtype)
    A, B, C = box(2, 3, 4), box(2, 4, 5), box(2, 3, 5)
    for attrs in ({}, {"alpha": 2.0, "beta": 0.5}):
        add("gemm", [A, B, C], attrs)
        add("gemm", [box(2, 4, 3), box(2, 5, 4), C], {"transpose_a": True, "transpose_b": True, **attrs})
    add("gemm", [box(3, 4), box(4, 5), box(3, 5)])
    add("gemm", [box(3, 2, 4), box(4, 2, 5), box(3, 2, 5)], {"axis": -3})
    add("gemm", [A, B, box(1, 3, 5)], raises=True)
    add("gemm2", [A, B], {"alpha": 2.5})
    add("gemm2", [box(2, 4, 3), B], {"transpose_a": True})
    add("gemm2", [A, box(2, 5, 4)], {"transpose_b": True})
    add("gemm2", [box(1, 2, 3, 4), box(1, 2, 4, 5)])
    add("gemm2", [box(3, 2, 4), box(4, 2, 5)], {"axis": 0})
    for wrong in ([A, box(4, 5)], [A, C], [A, box(1, 4, 5)], [box(4), box(4)]):
        add("gemm2", wrong, raises=True)
    add("potrf", [positive])
    add("potrf", [values(POSITIVE[0], dtype)])
    add("potrf", [values([[-1, 0], [0, 1]], dtype)], raises=True)
    add("potrf", [A], raises=True)
    add("potri", [stack])
    for lower in (True, False):
        for transpose in (True, False):
            for rightside, other in ((True, box(2, 3, 4)), (False, box(2, 4, 3))):
                attrs = {"lower": lower, "transpose": transpose, "rightside": rightside, "alpha": 2.0}
                add("trmm", [stack, other], attrs)
                add("trsm", [stack, other], attrs)
    add("sumlogdiag", [stack])
    add("sumlogdiag", [values(SPREAD, dtype)])
    for offset in (0, 1, -1, 2):
        add("extractdiag", [stack], {"offset": offset})
        add("makediag", [A], {"offset": offset})
        for lower in (True, False):
            add("extracttrian", [stack], {"offset": offset, "lower": lower})
            add("maketrian", [box(2, 6)], {"offset": offset, "lower": lower})
    add("makediag", [box(4)])
    add("maketrian", [box(6)])
    add("maketrian", [box(5)], raises=True)
    add("extractdiag", [A], {"offset": 1}, raises=True)
    add("extractdiag", [stack], {"offset": 9}, raises=True)
    for attrs in ({}, {"transpose": True}, {"alpha": 3.0}):
        add("syrk", [A], attrs)
    add("gelqf", [A])
    add("gelqf", [box(3, 4)])
    add("gelqf", [box(2, 4, 3)], raises=True)
    add("syevd", [positive])
    add("syevd", [values(POSITIVE[0], dtype)])
    for name in ("det", "slogdet", "inverse"):
        add(name, [stack])
        add(name, [values(SPREAD, dtype)])
        add(name, [A], raises=True)
    add("det", [values([[1, 2], [2, 4]], dtype)])
    add("slogdet", [values([[0, 0], [0, 0]], dtype)])
    add("inverse", [values([[0, 0], [0, 0]], dtype)], raises=True)
CASES += [
    case("linalg.gemm2", [values([[1, 2], [3, 4]], "int32")] * 2, raises=True),
    case("linalg.gemm2", [uniform(2, 2), uniform(2, 2, dtype="float64")], raises=True),
    case("linalg.makediag", [values([1, 2], "int32")], raises=True),
]
