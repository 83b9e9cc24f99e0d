"""Updates of optimizers, at their edges: see edges.py."""

from edges import edges
from operator_cases import uniform, values

FULL, HALF, POSITIVE = uniform(2, 3), uniform(2, 3, dtype="float16"), uniform(2, 3, low=0.1)
RATES = [values([0.1, 0.2]), values([0.0, 0.1])]
TWO = {"lrs": (0.1, 0.2), "wds": (0.0, 0.1), "num_weights": 2}
SCALED = {"wd": [0.1], "rescale_grad": [0.5], "clip_gradient": [0.3, 0.0]}
SEVERAL = {"rescale_grad": [0.5], "clip_gradient": [0.3], "lrs": [(0.1,)], "wds": [(0.1, 0.1, 0.1)]}
LAMB = {
    "beta1": [0.5],
    "beta2": [0.9],
    "epsilon": [0.1],
    "t": [3],
    "bias_correction": [False],
    "rescale_grad": [0.5],
    "clip_gradient": [0.3],
}


def update(name, inputs, vary, apart=""):
    """An update of the first input, with a learning rate."""
    return edges(name, inputs, {"lr": 0.1}, grad=False, out=0, vary=vary, apart=apart)


CASES = [
    *update("sgd_update", [FULL, FULL], vary={**SCALED, "lazy_update": [False]}),
    *update(
        "sgd_mom_update",
        [FULL, FULL, FULL],
        vary={"momentum": [0.9], **SCALED, "lazy_update": [False]},
        apart="nan0 inf0",
    ),
    *update("mp_sgd_update", [HALF, HALF, FULL], vary=SCALED, apart="float64 float16"),
    *update("mp_sgd_mom_update", [HALF, HALF, FULL, FULL], vary={"momentum": [0.9], **SCALED}, apart="float64 float16"),
    *update("nag_mom_update", [FULL, FULL, FULL], vary={"momentum": [0.9], **SCALED}, apart="nan0 inf0 inf1"),
    *update("mp_nag_mom_update", [HALF, HALF, FULL, FULL], vary={"momentum": [0.9], **SCALED}, apart="float64 float16"),
    *update("signsgd_update", [FULL, FULL], vary=SCALED),
    *update("signum_update", [FULL, FULL, FULL], vary={"momentum": [0.9], "wd_lh": [0.1], **SCALED}, apart="nan0 inf0"),
    *update(
        "adam_update",
        [FULL, FULL, FULL, POSITIVE],
        vary={"beta1": [0.5], "beta2": [0.9], "epsilon": [0.1], "lazy_update": [False], **SCALED},
        apart="nan0 inf0",
    ),
    *update(
        "rmsprop_update",
        [FULL, FULL, POSITIVE],
        vary={"gamma1": [0.5], "epsilon": [0.1], "clip_weights": [0.2], **SCALED},
        apart="nan0 inf0",
    ),
    *update(
        "rmspropalex_update",
        [FULL, FULL, uniform(2, 3, low=1, high=2), uniform(2, 3, low=0, high=0.1), FULL],
        vary={"gamma1": [0.5], "gamma2": [0.5], "epsilon": [0.1], "clip_weights": [0.2], **SCALED},
        apart="nan0 inf0",
    ),
    *update("ftrl_update", [FULL, FULL, FULL, POSITIVE], vary={"lamda1": [0.5], "beta": [0.5], **SCALED}),
    *edges(
        "ftml_update",
        [FULL, FULL, POSITIVE, POSITIVE, FULL],
        {"lr": 0.1, "t": 1},
        grad=False,
        out=0,
        vary={
            "beta1": [0.3],
            "beta2": [0.9],
            "epsilon": [0.1],
            "t": [3],
            "wd": [0.1],
            "rescale_grad": [0.5],
            "clip_grad": [0.3],
        },
        apart="nan0 inf0",
    ),
    *edges("lamb_update_phase1", [FULL, FULL, FULL, POSITIVE], {"t": 1, "wd": 0.1}, grad=False, vary=LAMB),
    *edges(
        "mp_lamb_update_phase1",
        [HALF, HALF, FULL, POSITIVE, FULL],
        {"t": 1, "wd": 0.1},
        grad=False,
        vary=LAMB,
        apart="float64 float16",
    ),
    *update(
        "lamb_update_phase2",
        [FULL, FULL, values([1.5]), values([0.5])],
        vary={"lower_bound": [2.0], "upper_bound": [1.0]},
    ),
    *update(
        "mp_lamb_update_phase2",
        [HALF, FULL, values([1.5]), values([0.5]), FULL],
        vary={"lower_bound": [2.0], "upper_bound": [1.0]},
        apart="float64 float16 nan1 inf1 one2 one3 lower_bound=2.0 upper_bound=1.0",
    ),
    *edges("multi_sgd_update", [FULL, FULL, FULL, FULL], TWO, grad=False, out=(0, 2), vary=SEVERAL, apart="inf0"),
    *edges(
        "multi_sgd_mom_update",
        [FULL, FULL, FULL, FULL, FULL, FULL],
        TWO,
        grad=False,
        out=(0, 3),
        vary={"momentum": [0.9], **SEVERAL},
        apart="nan0 inf0",
    ),
    *edges(
        "multi_mp_sgd_update",
        [HALF, HALF, FULL, HALF, HALF, FULL],
        TWO,
        grad=False,
        out=(0, 3),
        vary=SEVERAL,
        apart="float64 float16",
    ),
    *edges(
        "multi_mp_sgd_mom_update",
        [HALF, HALF, FULL, FULL, HALF, HALF, FULL, FULL],
        TWO,
        grad=False,
        out=(0, 4),
        vary={"momentum": [0.9], **SEVERAL},
        apart="float64 float16",
    ),
    *edges(
        "preloaded_multi_sgd_update",
        [FULL, FULL, FULL, FULL, *RATES],
        {"num_weights": 2},
        grad=False,
        out=(0, 2),
        vary={"rescale_grad": [0.5], "clip_gradient": [0.3]},
        apart="float64 float16 inf0",
    ),
    *edges(
        "preloaded_multi_sgd_mom_update",
        [FULL, FULL, FULL, FULL, FULL, FULL, *RATES],
        {"num_weights": 2},
        grad=False,
        out=(0, 3),
        vary={"momentum": [0.9], "rescale_grad": [0.5], "clip_gradient": [0.3]},
        apart="float64 float16 nan0 inf0",
    ),
    *edges(
        "preloaded_multi_mp_sgd_update",
        [HALF, HALF, FULL, HALF, HALF, FULL, *RATES],
        {"num_weights": 2},
        grad=False,
        out=(0, 3),
        vary={"rescale_grad": [0.5], "clip_gradient": [0.3]},
        apart="float64 float16",
    ),
    *edges(
        "preloaded_multi_mp_sgd_mom_update",
        [HALF, HALF, FULL, FULL, HALF, HALF, FULL, FULL, *RATES],
        {"num_weights": 2},
        grad=False,
        out=(0, 4),
        vary={"momentum": [0.9], "rescale_grad": [0.5], "clip_gradient": [0.3]},
        apart="float64 float16",
    ),
    *edges(
        "multi_lars",
        [uniform(3, low=0.1), uniform(3, low=0.1), uniform(3, low=0.1), uniform(3, low=0.1)],
        {"eta": 0.1, "eps": 1e-08},
        grad=False,
        vary={"eta": [0.5], "eps": [0.1], "rescale_grad": [0.5]},
        apart="dtypes rank",
    ),
    *edges(
        "multi_sum_sq",
        [FULL, uniform(4)],
        {"num_arrays": 2},
        grad=False,
        vary={"num_arrays": [1, 3]},
        apart="ints",
    ),
    *edges("reset_arrays", [FULL, uniform(4)], {"num_arrays": 2}, grad=False, vary={"num_arrays": [1]}, apart="ints"),
    *edges(
        "_internal._adamw_update",
        [FULL, FULL, FULL, POSITIVE, values([1.0])],
        {"lr": 0.1, "eta": 1.0},
        grad=False,
        out=0,
        vary={"beta1": [0.5], "beta2": [0.9], "epsilon": [0.1], "wd": [0.1], "eta": [0.5], "clip_gradient": [0.3]},
        apart="float64 float16 inf0 clip_gradient=0.3",
    ),
]
