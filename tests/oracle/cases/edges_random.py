"""Random numbers, of which shapes and dtypes are compared, at their edges: see edges.py."""

from edges import edges
from operator_cases import integers, uniform, values


SHAPES = [(), (2,), (2, 3), (0,), 3]
DTYPES = ["float16", "float64", "int32"]


def distribution(name, apart="", **vary):
    """Drawn for a shape, and for an array's."""
    return [
        *edges(
            "_internal._random_" + name,
            [],
            {"shape": (3, 4)},
            tolerance="drawn",
            vary={**vary, "shape": SHAPES, "dtype": DTYPES},
            apart=(apart + " shape=() shape=(0,)").strip(),
        ),
        *edges(
            "random." + name + "_like", [uniform(3, 4)], grad=False, tolerance="drawn", vary=vary, apart=apart
        ),
    ]  # fmt: skip


def sample(name, *parameters, apart=""):
    """Drawn with the parameters in arrays."""
    return edges(
        "_internal._sample_" + name,
        list(parameters),
        {"shape": (4,)},
        grad=False,
        tolerance="drawn",
        vary={"shape": SHAPES, "dtype": DTYPES},
        apart=(apart + " empty2 empty3 shape=(0,)").strip(),
    )


LOW, HIGH = uniform(2, 3, low=0.5, high=0.9), uniform(2, 3, low=1, high=2)

CASES = [
    *distribution("uniform", low=[-1.0, 2.0], high=[3.0, -1.0]),
    *distribution("normal", loc=[2.0], scale=[2.0, -1.0]),
    *distribution("gamma", alpha=[2.0, -1.0], beta=[0.5, -1.0]),
    *distribution("exponential", lam=[2.0, -1.0]),
    *distribution("poisson", lam=[4.0, -1.0]),
    *distribution("negative_binomial", apart="p=2.0", k=[3, -1], p=[0.4, 2.0]),
    *distribution("generalized_negative_binomial", mu=[2.0, -1.0], alpha=[0.5, -1.0]),
    *edges(
        "_internal._random_randint",
        [],
        {"low": 2, "high": 9, "shape": (3, 4)},
        tolerance="drawn",
        vary={"low": [9, -5], "high": [100, 1], "shape": [(2,), (0,)], "dtype": ["int32", "int64", "float32"]},
        apart="low=9 shape=(0,)",
    ),
    *sample("uniform", LOW, HIGH),
    *sample("normal", LOW, HIGH),
    *sample("gamma", LOW, HIGH, apart="int32 int64 int8 nan0 inf0 large0"),
    *sample(
        "generalized_negative_binomial", LOW, HIGH, apart="int32 int64 int8 nan0 inf0 large0 tiny0 nan1 inf1"
    ),
    *sample("exponential", LOW),
    *sample("poisson", LOW, apart="int32 int64 int8 nan0 inf0 large0 tiny0"),
    *sample(
        "negative_binomial",
        integers(2, 3, low=1, high=5),
        uniform(2, 3, low=0.2, high=0.8),
        apart="ints nan0 inf0 large0 nan1 inf1",
    ),
    *edges(
        "_internal._sample_multinomial",
        [values([[0.2, 0.8, 0.0], [0.5, 0.25, 0.25]])],
        {"shape": (4,)},
        grad=False,
        tolerance="drawn",
        vary={"shape": [(), (2, 2)], "get_prob": [True], "dtype": ["float32", "float16", "float64", "uint8", "int64"]},
        apart="nan0 inf0 large0 tiny0 empty2 empty3 dtype=int64",
    ),
    *edges("_internal._shuffle", [uniform(4, 3)], grad=False, tolerance="drawn", apart="empty4"),
    *edges(
        "Dropout",
        [uniform(4, 3)],
        {"p": 0.5},
        grad=False,
        training=True,
        tolerance="drawn",
        vary={"p": [0.0, 1.0, 1.5, -0.1], "mode": ["always"], "axes": [(0,), (1,)]},
    ),
    *edges(
        "LeakyReLU",
        [uniform(4, 3)],
        {"act_type": "rrelu"},
        grad=False,
        tolerance="drawn",
        vary={"lower_bound": [0.2, 0.9], "upper_bound": [0.5]},
    ),
]
