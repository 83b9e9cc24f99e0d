"""Matrices, at their edges: see edges.py."""

from edges import edges
from operator_cases import uniform, values


CASES = [
    *edges(
        "linalg.gemm",
        [uniform(2, 3, 4), uniform(2, 4, 5), uniform(2, 3, 5)],
        vary={"transpose_a": [True], "transpose_b": [True], "alpha": [0.0, 0.5], "beta": [0.0, 0.5], "axis": [1, 0]},
        apart="float16 empty2",
    ),
    *edges(
        "linalg.gemm2",
        [uniform(2, 3, 4), uniform(2, 4, 5)],
        {"alpha": 2.5},
        vary={"transpose_a": [True], "transpose_b": [True], "alpha": [0.0, 0.5], "axis": [1, 0]},
        apart="float16 empty2",
    ),
    *edges(
        "linalg.potrf",
        [values([[[4, 1, 0.5], [1, 5, -0.5], [0.5, -0.5, 3]], [[6, -1, 0], [-1, 4, 1], [0, 1, 5]]])],
        apart="nan0",
    ),
    *edges(
        "linalg.potri",
        [
            values(
                [
                    [[4, 1, -1, 0.5], [0.3, 5, 0.2, -0.7], [-1, 0.8, 6, 1], [0.1, -0.4, 0.6, 7]],
                    [[6, -1, 0.4, 0], [0.2, 7, 1, 1], [0.3, -0.6, 4, 0.5], [-1, 0.7, 0.1, 5]],
                ]
            )
        ],
        apart="nan0 inf0 tiny0 empty2 empty4",
    ),
    *edges(
        "linalg.trmm",
        [
            values(
                [
                    [[4, 1, -1, 0.5], [0.3, 5, 0.2, -0.7], [-1, 0.8, 6, 1], [0.1, -0.4, 0.6, 7]],
                    [[6, -1, 0.4, 0], [0.2, 7, 1, 1], [0.3, -0.6, 4, 0.5], [-1, 0.7, 0.1, 5]],
                ]
            ),
            uniform(2, 3, 4),
        ],
        {"lower": True, "transpose": True, "rightside": True, "alpha": 2.0},
        vary={"rightside": [False], "lower": [False], "alpha": [0.0, 0.5]},
        apart="float16 empty2",
    ),
    *edges(
        "linalg.trsm",
        [
            values(
                [
                    [[4, 1, -1, 0.5], [0.3, 5, 0.2, -0.7], [-1, 0.8, 6, 1], [0.1, -0.4, 0.6, 7]],
                    [[6, -1, 0.4, 0], [0.2, 7, 1, 1], [0.3, -0.6, 4, 0.5], [-1, 0.7, 0.1, 5]],
                ]
            ),
            uniform(2, 3, 4),
        ],
        {"lower": True, "transpose": True, "rightside": True, "alpha": 2.0},
        vary={"rightside": [False], "lower": [False], "alpha": [0.5, -0.5]},
        apart="empty2",
    ),
    *edges(
        "linalg.sumlogdiag",
        [
            values(
                [
                    [[4, 1, -1, 0.5], [0.3, 5, 0.2, -0.7], [-1, 0.8, 6, 1], [0.1, -0.4, 0.6, 7]],
                    [[6, -1, 0.4, 0], [0.2, 7, 1, 1], [0.3, -0.6, 4, 0.5], [-1, 0.7, 0.1, 5]],
                ]
            )
        ],
        apart="float16",
    ),
    *edges(
        "linalg.extractdiag",
        [
            values(
                [
                    [[4, 1, -1, 0.5], [0.3, 5, 0.2, -0.7], [-1, 0.8, 6, 1], [0.1, -0.4, 0.6, 7]],
                    [[6, -1, 0.4, 0], [0.2, 7, 1, 1], [0.3, -0.6, 4, 0.5], [-1, 0.7, 0.1, 5]],
                ]
            )
        ],
        {"offset": 0},
        vary={"offset": [1, 2, 5]},
        apart="float16",
    ),
    *edges("linalg.makediag", [uniform(2, 3, 4)], {"offset": 0}, vary={"offset": [1, 2, None]}, apart="float16"),
    *edges(
        "linalg.extracttrian",
        [
            values(
                [
                    [[4, 1, -1, 0.5], [0.3, 5, 0.2, -0.7], [-1, 0.8, 6, 1], [0.1, -0.4, 0.6, 7]],
                    [[6, -1, 0.4, 0], [0.2, 7, 1, 1], [0.3, -0.6, 4, 0.5], [-1, 0.7, 0.1, 5]],
                ]
            )
        ],
        {"offset": 0, "lower": True},
        vary={"offset": [1, 2, 5], "lower": [False]},
        apart="float16",
    ),
    *edges(
        "linalg.maketrian",
        [uniform(2, 6)],
        {"offset": 0, "lower": True},
        vary={"offset": [1, 2, None], "lower": [False]},
        apart="float16 empty6",
    ),
    *edges("linalg.syrk", [uniform(2, 3, 4)], vary={"transpose": [True], "alpha": [0.0, 0.5]}, apart="float16 empty2"),
    *edges("linalg.gelqf", [uniform(2, 3, 4)], apart="nan0 inf0 large0 tiny0 empty2"),
    *edges(
        "linalg.syevd",
        [values([[[4, 1, 0.5], [1, 5, -0.5], [0.5, -0.5, 3]], [[6, -1, 0], [-1, 4, 1], [0, 1, 5]]])],
        apart="large0 empty2",
    ),
    *edges(
        "linalg.det",
        [
            values(
                [
                    [[4, 1, -1, 0.5], [0.3, 5, 0.2, -0.7], [-1, 0.8, 6, 1], [0.1, -0.4, 0.6, 7]],
                    [[6, -1, 0.4, 0], [0.2, 7, 1, 1], [0.3, -0.6, 4, 0.5], [-1, 0.7, 0.1, 5]],
                ]
            )
        ],
        apart="large0 empty4",
    ),
    *edges(
        "linalg.slogdet",
        [
            values(
                [
                    [[4, 1, -1, 0.5], [0.3, 5, 0.2, -0.7], [-1, 0.8, 6, 1], [0.1, -0.4, 0.6, 7]],
                    [[6, -1, 0.4, 0], [0.2, 7, 1, 1], [0.3, -0.6, 4, 0.5], [-1, 0.7, 0.1, 5]],
                ]
            )
        ],
        apart="nan0 inf0 large0 tiny0 empty4",
    ),
    *edges(
        "linalg.inverse",
        [
            values(
                [
                    [[4, 1, -1, 0.5], [0.3, 5, 0.2, -0.7], [-1, 0.8, 6, 1], [0.1, -0.4, 0.6, 7]],
                    [[6, -1, 0.4, 0], [0.2, 7, 1, 1], [0.3, -0.6, 4, 0.5], [-1, 0.7, 0.1, 5]],
                ]
            )
        ],
        apart="nan0 inf0 large0 tiny0",
    ),
    *edges(
        "dot",
        [uniform(2, 3), uniform(3, 4)],
        vary={"transpose_a": [True], "transpose_b": [True], "forward_stype": ["default"]},
        apart="ints float16 empty3 rank",
    ),
    *edges(
        "batch_dot",
        [uniform(2, 2, 3), uniform(2, 3, 4)],
        vary={"transpose_a": [True], "transpose_b": [True], "forward_stype": ["default"]},
        apart="ints float16",
    ),
    *edges(
        "im2col",
        [uniform(2, 2, 5, 6)],
        {"kernel": (2, 3)},
        vary={
            "kernel": [(1, 1), (2, 2), ()],
            "stride": [(), (1, 1), (0,)],
            "dilate": [(), (1, 1), (0,)],
            "pad": [(), (0, 1), (0,)],
        },
        apart="empty2 rank",
    ),
    *edges(
        "col2im",
        [uniform(1, 8, 4)],
        {"output_size": (3, 3), "kernel": (2, 2)},
        vary={
            "output_size": [()],
            "kernel": [()],
            "stride": [(), (1, 1), (0,)],
            "dilate": [(), (1, 1), (0,)],
            "pad": [(), (0, 0), (0,)],
        },
        apart="empty8 rank",
    ),
]
