"""Images by OpenCV; files are tested elsewhere, and cubic and Lanczos interpolation of integers differs by version."""

from operator_cases import case, integers, uniform

RESIZE, BORDER = "_internal._cvimresize", "_internal._cvcopyMakeBorder"
pixels = integers(5, 7, 3, low=0, high=256, dtype="uint8")
CASES = [
    case(RESIZE, [pixels], {"w": w, "h": h, "interp": interp}) for w, h in ((4, 3), (11, 9)) for interp in (0, 1, 3)
]
CASES += [
    case(RESIZE, [uniform(5, 7, 3)], {"w": w, "h": h, "interp": interp}, grad=False, tolerance=(1e-4, 1e-5))
    for w, h in ((4, 3), (11, 9)) for interp in range(5)
]  # fmt: skip
CASES += [
    case(RESIZE, [integers(5, 7, 1, low=0, high=256, dtype="uint8")], {"w": 4, "h": 3}),
    case(RESIZE, [integers(5, 7, 4, low=0, high=256, dtype="uint8")], {"w": 4, "h": 3}),
    case(RESIZE, [pixels], {"w": 4, "h": 3, "interp": 9}, raises=True),
    case(RESIZE, [pixels], {"w": 0, "h": 3}, raises=True),
    case(RESIZE, [integers(5, 7, dtype="uint8", low=0)], {"w": 4, "h": 3}, raises=True),
    case(RESIZE, [pixels], {"w": 4}, raises=True),
]
sides = {"top": 1, "bot": 2, "left": 3, "right": 0}
CASES += [case(BORDER, [pixels], {**sides, "type": kind, "value": 7}) for kind in range(5)]
CASES += [
    case(BORDER, [pixels], {**sides, "values": (1, 2, 3)}),
    case(BORDER, [uniform(5, 7, 3)], {**sides, "value": 0.5}, grad=False, tolerance="exact"),
    case(BORDER, [integers(5, 7, 1, low=0, high=256, dtype="uint8")], {**sides, "value": 5}),
    case(BORDER, [pixels], {**sides, "type": 9}, raises=True),
    case(BORDER, [pixels], {**sides, "top": -1}, raises=True),
    case(BORDER, [integers(5, 7, dtype="uint8", low=0)], sides, raises=True),
]
