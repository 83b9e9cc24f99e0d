"""Operators that give an array another shape."""

from operator_cases import case, uniform

CASES = [
    case("Reshape", [uniform(2, 3, 4)], {"shape": (4, -1)}),
]
