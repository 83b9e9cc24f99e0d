"""Matrix products, and the rearrangements that turn convolutions into products: in MXNet only with two spatial axes."""

from operator_cases import case, uniform

A, V = uniform(2, 3), uniform(3)
HALVES = [uniform(2, 3, dtype="float16"), uniform(3, 2, dtype="float16")]
IMAGE = uniform(2, 2, 5, 6)


def product(name, lhs, rhs, a=None, b=None, dtype="float32", **options):
    attrs = {key: value for key, value in (("transpose_a", a), ("transpose_b", b)) if value is not None}
    return case(name, [uniform(*lhs, dtype=dtype), uniform(*rhs, dtype=dtype)], attrs, **options)


def dot(*args, **options):
    return product("dot", *args, **options)


def batch_dot(*args, **options):
    return product("batch_dot", *args, **options)


CASES = [
    dot((2, 3), (3, 4)), dot((3, 2), (3, 4), True), dot((2, 3), (4, 3), False, True), dot((3, 2), (4, 3), True, True),
    dot((2, 3), (3, 4), dtype="float64"), dot((3,), (3,)), dot((2, 3), (3,)), dot((2,), (2, 3)),
    dot((3,), (2, 3), False, True, grad=False), dot((2, 3), (2,), True, False, grad=False),
    dot((2, 3, 4), (4, 5, 6)), dot((2, 3, 4), (2, 5, 6), True), dot((2, 3, 4), (5, 6, 4), False, True),
    dot((4, 3, 2), (5, 6, 4), True, True, grad=False), dot((2, 3, 4), (4,)), dot((4,), (4, 2, 3)),
    dot((2, 3), (3, 4, 5)),
    dot((2, 3), (2, 3), raises=True), dot((3,), (3,), True, raises=True), dot((2, 3, 4), (3, 2), raises=True),
    case("dot", [uniform(2, 3), uniform(3, 2, dtype="float64")], raises=True),
    # MXNet multiplies half precision on GPUs only.
    case("dot", HALVES, record=False, grad=False, expected=[
        HALVES[0].make(0).astype("float32") @ HALVES[1].make(1).astype("float32")
    ]),
    batch_dot((2, 2, 3), (2, 3, 4)), batch_dot((2, 3, 2), (2, 3, 4), True),
    batch_dot((2, 2, 3), (2, 4, 3), False, True),
    batch_dot((2, 3, 2), (2, 4, 3), True, True), batch_dot((2, 3, 4, 5), (2, 3, 5, 2)),
    batch_dot((2, 2, 3), (2, 3, 4), dtype="float64"),
    batch_dot((2, 2, 3), (2, 2, 3), raises=True), batch_dot((2, 3), (3, 2), raises=True),
    batch_dot((2, 2, 3), (1, 3, 2), raises=True), batch_dot((2, 2, 3), (3, 2), raises=True),
    case("batch_dot", [uniform(2, 2, 3), uniform(2, 3, 2, dtype="float64")], raises=True),
    *[
        case("im2col", [IMAGE], attrs)
        for attrs in [
            {"kernel": (2, 3)}, {"kernel": (3, 3), "stride": (2, 1), "pad": (1, 2)}, {"kernel": (1, 1)},
            {"kernel": (2, 2), "dilate": (2, 3)},
        ]
    ],
    case("im2col", [IMAGE], {"kernel": (6, 6)}, raises=True),
    case("im2col", [IMAGE], {"kernel": (2, 2), "stride": (2,)}, raises=True),
    case("col2im", [uniform(1, 8, 4)], {"output_size": (3, 3), "kernel": (2, 2)}),
    case("col2im", [uniform(2, 8, 4)], {"output_size": (3, 3), "kernel": (2, 2), "stride": (2, 2), "pad": (1, 1)}),
    case("col2im", [uniform(1, 4, 3)], {"output_size": (5, 3), "kernel": (2, 2), "dilate": (2, 2)}),
    case("col2im", [uniform(1, 4, 5)], {"output_size": (3, 3), "kernel": (2, 2)}, raises=True),
    case("col2im", [uniform(1, 5, 4)], {"output_size": (3, 3), "kernel": (2, 2)}, raises=True),
]  # fmt: skip
