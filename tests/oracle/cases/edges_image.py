"""Images, at their edges: see edges.py."""

from edges import edges
from operator_cases import integers, uniform


def jitter(name, apart=""):
    """A random change of images of three channels, between two factors."""
    return edges(
        "image.random_" + name,
        [uniform(6, 8, 3, low=0, high=255)],
        {"min_factor": 0.5, "max_factor": 1.5},
        grad=False,
        tolerance="drawn",
        vary={"min_factor": [1.0, 2.0, -1.0], "max_factor": [0.7, 0.1]},
        apart=apart + "min_factor=2.0 max_factor=0.1",
    )


CASES = [
    *edges("image.to_tensor", [uniform(6, 8, 3, low=0, high=255)], grad=False),
    *edges("image.to_tensor", [integers(6, 8, 3, low=0, high=256, dtype="uint8")]),
    *edges(
        "image.normalize",
        [uniform(3, 4, 5)],
        {"mean": (0.1, 0.2, 0.3), "std": (0.5, 0.6, 0.7)},
        training=False,
        vary={"mean": [(0.5,), 0.25, (0.1, 0.2)], "std": [0.5, (0.0, 1.0, 2.0)]},
        apart="ints",
    ),
    *edges(
        "image.crop",
        [uniform(6, 8, 3)],
        {"x": 1, "y": 2, "width": 4, "height": 3},
        grad=False,
        vary={"x": [0, -1, 7], "y": [0, 5], "width": [7, 0], "height": [4, 9]},
        apart="empty3 wide x=-1",
    ),
    *edges(
        "image.resize",
        [uniform(6, 8, 3)],
        {"size": (4, 3)},
        grad=False,
        vary={"size": [5, (0, 3), (3,), (4, 3, 2), -1], "keep_ratio": [True], "interp": [0, 1, 2, 3, 4, 7]},
        apart="float16 int32 int64 int8",
    ),
    *edges(
        "image.resize",
        [uniform(6, 8, 3)],
        {"size": 4, "keep_ratio": True},
        grad=False,
        vary={"interp": [0]},
        apart="float64 float16 int32 int64 int8 empty6",
    ),
    *edges(
        "image.resize", [integers(6, 8, 3, low=0, high=256, dtype="uint8")], {"size": (4, 3)}, vary={"interp": [0, 1]}
    ),
    *edges("image.flip_left_right", [uniform(6, 8, 3)], grad=False, apart="empty3 wide"),
    *edges("image.flip_left_right", [integers(6, 8, 3, low=0, high=256, dtype="uint8")], apart="empty3 wide"),
    *edges("image.flip_top_bottom", [uniform(6, 8, 3)], grad=False, apart="empty3 one6 wide"),
    *edges("image.flip_top_bottom", [integers(6, 8, 3, low=0, high=256, dtype="uint8")], apart="empty3 one6 wide"),
    *edges("image.random_flip_left_right", [uniform(6, 8, 3)], grad=False, tolerance="drawn", apart="empty3 wide"),
    *edges("image.random_flip_top_bottom", [uniform(6, 8, 3)], grad=False, tolerance="drawn", apart="empty3 wide"),
    *jitter("brightness", apart="empty3 wide "),
    *jitter("contrast"),
    *jitter("saturation"),
    *jitter("hue", apart="nan0 inf0 large0 "),
    *edges(
        "image.random_color_jitter",
        [uniform(6, 8, 3, low=0, high=255)],
        {"brightness": 0.1, "contrast": 0.2, "saturation": 0.3, "hue": 0.1},
        grad=False,
        tolerance="drawn",
        vary={"brightness": [0.0, 2.0], "hue": [0.5]},
        apart="nan0 inf0 large0",
    ),
    *edges(
        "image.adjust_lighting",
        [uniform(6, 8, 3, low=0, high=255)],
        {"alpha": (0.1, 0.2, 0.3)},
        grad=False,
        vary={"alpha": [(0.0, 0.0, 0.0), (1.0, -1.0, 2.0), (0.1,)]},
        apart="float64 one3",
    ),
    *edges(
        "image.random_lighting",
        [uniform(6, 8, 3, low=0, high=255)],
        grad=False,
        tolerance="drawn",
        vary={"alpha_std": [0.0, 0.5]},
        apart="one3",
    ),
]
