"""BatchNorm with relu; the oracle has it for four axes and float32 only, and changes the statistics going backward."""

from operator_cases import case, uniform

NAME = "contrib.BatchNormWithReLU"
given = [uniform(2, 3, 4, 5), uniform(3), uniform(3), uniform(3), uniform(3, low=0.2, high=2)]
CLOSE = (1e-4, 1e-5)
CASES = [
    case(NAME, given, {"fix_gamma": False}, tolerance=CLOSE, grad=(0, 1, 2)),
    case(NAME, given, {"fix_gamma": False, "eps": 0.1, "momentum": 0.5}, tolerance=CLOSE, grad=(0, 1, 2)),
    case(NAME, given, {"fix_gamma": False, "use_global_stats": True}, tolerance=CLOSE, grad=(0, 1, 2)),
    case(NAME, given, {"fix_gamma": False}, tolerance=CLOSE, grad=False, note="predicting"),
    case(NAME, given, {"fix_gamma": False, "output_mean_var": True}, tolerance=CLOSE, grad=False, note="predicting"),
    case(NAME, given, {"fix_gamma": False, "axis": 4}, raises=True),
]
