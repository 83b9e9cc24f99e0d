"""Operators on two arrays, at their edges: see edges.py."""

from edges import edges
from operator_cases import distinct, uniform


CASES = [
    *edges("elemwise_add", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("elemwise_sub", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("elemwise_mul", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("elemwise_div", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)], apart="ints"),
    *edges("_internal._maximum", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._minimum", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._power", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._mod", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._hypot", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._equal", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._not_equal", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._greater", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._greater_equal", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._lesser", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._lesser_equal", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._logical_and", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._logical_or", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("_internal._logical_xor", [uniform(3, 4, low=-2, high=2), uniform(3, 4, low=-2, high=2)]),
    *edges("broadcast_add", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_sub", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_mul", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges(
        "broadcast_div", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)], apart="int32 uint8"
    ),
    *edges("broadcast_maximum", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_minimum", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_power", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_mod", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_hypot", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_equal", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_not_equal", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_greater", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_greater_equal", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_lesser", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_lesser_equal", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_logical_and", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_logical_or", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges("broadcast_logical_xor", [uniform(2, 3, 1, low=0.5, high=2), uniform(1, 1, 4, low=0.5, high=2)]),
    *edges(
        "broadcast_axis",
        [distinct(1, 3, 1)],
        {"axis": 0, "size": 2},
        vary={"axis": [(0,), (2,), ()], "size": [(0,), (1,), ()]},
        apart="empty3",
    ),
    *edges("broadcast_to", [distinct(1, 3, 1)], {"shape": (2, 3, 4)}, vary={"shape": [()]}),
    *edges("broadcast_like", [distinct(1, 3, 1), uniform(2, 3, 4)], apart="empty3"),
]
