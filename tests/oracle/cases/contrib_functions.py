"""Functions of mx.nd.contrib that are not operators."""

from operator_cases import case, integers, uniform, values

INF, NAN = float("inf"), float("nan")
CASES = [
    case(f"contrib.{name}", [values([[1, NAN, INF], [-INF, 0, -0.0]], dtype)], grad=False)
    for name in ("isnan", "isinf", "isfinite")
    for dtype in ("float32", "float64", "float16")
]
CASES += [
    case(f"contrib.{name}", [integers(2, 3, dtype="int32")], grad=False) for name in ("isnan", "isinf", "isfinite")
]
# adamw_update itself overwrites the gradient in the oracle
state = [uniform(2, 3), uniform(2, 3), uniform(2, 3), uniform(2, 3, low=0, high=1)]
low = [uniform(2, 3, dtype="float16"), uniform(2, 3, dtype="float16"), *state[2:], uniform(2, 3)]
for more in ({}, {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3, "wd": 0.1}, {"clip_gradient": 0.2}):
    attrs = {"lr": 0.1, "eta": 0.5, **more}
    CASES += [
        case("contrib.mp_adamw_update", [*low, values([2.0])], attrs, grad=False, out=0),
        case("contrib.mp_adamw_update", low, {"rescale_grad": 0.5, **attrs}, grad=False, out=0),
    ]
for factor in (INF, NAN, 0.0):  # nothing changes
    CASES.append(case("contrib.adamw_update", [*state, values([factor])], {"lr": 0.1, "eta": 0.5}, grad=False, out=0,
                      note=str(factor)))  # fmt: skip
CASES += [
    case("contrib.adamw_update", [*state, values([2.0])], {"lr": 0.1, "eta": 0.5, "foo": 1}, raises=True),
    case("contrib.adamw_update", [*state, values([2.0])], {"lr": 0.1}, raises=True),
    case("contrib.adamw_update", [*state[:3], uniform(3, 2), values([2.0])], {"lr": 0.1, "eta": 0.5}, raises=True),
]
