"""The log-likelihood of Hawkes processes."""

from operator_cases import case, integers, uniform, values


def inputs(dtype="float32", batch=3, marks=4, length=7, **more):
    made = {
        "lda": uniform(batch, marks, low=0.5, high=2, dtype=dtype),
        "alpha": uniform(marks, low=0.1, high=0.6, dtype=dtype),
        "beta": uniform(marks, low=0.5, high=3, dtype=dtype),
        "state": uniform(batch, marks, low=0, high=1, dtype=dtype),
        "lags": uniform(batch, length, low=0, high=0.8, dtype=dtype),
        "marks": integers(batch, length, low=0, high=marks, dtype="int32"),
        "valid_length": values([length, min(length, 3), 0][:batch], dtype),
        "max_time": values([6, 5, 2.5][:batch], dtype),
    }
    return list({**made, **more}.values())


# the oracle computes parts of it in float32, whatever the dtype
PARAMETERS = (0, 1, 2, 3)
NAME = "contrib.hawkesll"
CASES = [
    case(NAME, inputs(), grad=PARAMETERS, tolerance=(1e-4, 1e-5)),
    case(NAME, inputs("float64"), grad=PARAMETERS, tolerance=(1e-7, 1e-7)),
    case(NAME, inputs("float64", length=33, marks=2), grad=PARAMETERS, tolerance=(1e-7, 1e-7)),
    case(NAME, inputs(marks=1, length=1), grad=PARAMETERS, tolerance=(1e-4, 1e-5)),
    case(NAME, inputs(max_time=values([1, 0, 0])), grad=PARAMETERS, tolerance=(1e-4, 1e-4), note="ends too early"),
    case(NAME, inputs(lags=values([[0.0] * 7] * 3)), grad=PARAMETERS, tolerance=(1e-4, 1e-5), note="at one time"),
    case(NAME, inputs(valid_length=values([2.0, 1.0, 4.0])), grad=PARAMETERS, tolerance=(1e-4, 1e-5), note="lengths"),
    case(NAME, inputs(marks=uniform(3, 7)), raises=True),
    case(NAME, inputs(alpha=uniform(3)), raises=True),
    case(NAME, inputs(beta=uniform(1, 4)), raises=True),
    case(NAME, inputs(state=uniform(3, 3)), raises=True),
    case(NAME, inputs(lags=uniform(2, 7)), raises=True),
    case(NAME, inputs(valid_length=uniform(2)), raises=True),
    case(NAME, inputs(max_time=uniform(4)), raises=True),
    case(NAME, inputs(max_time=uniform(3, dtype="float64")), raises=True),
]
