"""Densities of distributions, with gradients by samples and parameters."""

from operator_cases import case, integers, uniform, values

CASES = []
REAL, COUNT = uniform(2, 3, low=0.1, high=3), integers(2, 3, low=0, high=5)
POINTS = values([[[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]], [[0.25, 0.25, 0.5], [0.1, 0.7, 0.2]]])
for attrs in ({}, {"is_log": True}):
    CASES += [
        case("random_pdf_uniform", [REAL, values([0, 1]), values([2, 4])], attrs),
        case("random_pdf_normal", [REAL, values([0, 1]), values([2, 0.4])], attrs),
        case("random_pdf_gamma", [REAL, values([2, 1.5]), values([2, 0.4])], attrs),
        case("random_pdf_exponential", [REAL, values([2, 1.5])], attrs),
        case("random_pdf_poisson", [COUNT, values([2, 1.5])], attrs),
        case("random_pdf_negative_binomial", [COUNT, values([2, 3]), values([0.4, 0.7])], attrs),
        case("random_pdf_generalized_negative_binomial", [COUNT, values([2, 3]), values([0.4, 0.7])], attrs),
        case("random_pdf_dirichlet", [POINTS, values([[0.5, 1, 2], [2, 1.5, 3]])], attrs, tolerance=(1e-4, 1e-5)),
        case("random_pdf_dirichlet", [values([0.2, 0.3, 0.5]), values([0.5, 1, 2])], attrs, tolerance=(1e-4, 1e-5)),
    ]
CASES += [
    case("random_pdf_normal", [uniform(2), values([0, 1]), values([2, 0.4])]),
    case("random_pdf_normal", [uniform(3), values([0, 1]), values([2, 0.4])], raises=True),
    case("random_pdf_normal", [uniform(2, 3, dtype="float64"), values([0, 1]), values([2, 0.4])], raises=True),
]
