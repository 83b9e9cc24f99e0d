"""Resizing and cropping."""

from operator_cases import case, uniform

CASES = []


def add(op, inputs, attrs=None, *, grad=True, training=None, raises=False, tolerance=(1e-5, 2e-6), note="", **more):
    inputs = inputs if isinstance(inputs, (list, dict)) else [inputs]
    made = case(op, inputs, {**(attrs or {}), **more}, grad=grad, training=training, raises=raises,
                tolerance=tolerance, note=note)  # fmt: skip
    if any(known.id == made.id for known in CASES):
        made.note = f"number {len(CASES)}"
    CASES.append(made)


def normal(*shape, dtype="float32"):
    return uniform(*shape, low=-2, high=2, dtype=dtype)


# Resizing, cropping, regions

small = normal(2, 3, 4, 5)
add("UpSampling", small, scale=2, sample_type="nearest", num_args=1)
add("UpSampling", small, scale=3, sample_type="nearest")
add("UpSampling", [small, normal(2, 2, 8, 10)], scale=2, sample_type="nearest", num_args=2)
add("UpSampling", [small, normal(2, 3, 2, 5)], scale=2, sample_type="nearest", num_args=2, raises=True)
add("UpSampling", [small, normal(2, 3, 8, 10)], scale=2, sample_type="nearest", num_args=2,
    multi_input_mode="sum")
add("UpSampling", [small, normal(3, 1, 4, 4)], scale=2, sample_type="bilinear", num_filter=3,
    num_args=2)
add("UpSampling", [small, normal(3, 1, 5, 5)], scale=3, sample_type="bilinear", num_filter=3,
    num_args=2)
for align in (True, False):
    for height, width in ((8, 7), (2, 3), (4, 5), (1, 1), (7, 2)):
        add("contrib.BilinearResize2D", small, height=height, width=width, align_corners=align)
    add("contrib.BilinearResize2D", small, scale_height=2.0, scale_width=1.5, mode="size", align_corners=align)
    for mode in ("odd_scale", "to_even_down", "to_even_up", "to_odd_down", "to_odd_up"):
        add("contrib.BilinearResize2D", small, scale_height=2.0, scale_width=1.5, mode=mode, align_corners=align)
        add("contrib.BilinearResize2D", normal(1, 1, 7, 6), scale_height=0.5, scale_width=0.7, mode=mode,
            align_corners=align)
add("contrib.BilinearResize2D", {"data": small, "like": normal(2, 3, 6, 3)}, mode="like", grad=(0,))
add("contrib.BilinearResize2D", small)
add("Crop", small, num_args=1, h_w=(2, 3), offset=(1, 2))
add("Crop", small, num_args=1, h_w=(2, 3), center_crop=True)
add("Crop", [small, normal(2, 2, 3, 2)], num_args=2, offset=(1, 1))
add("Crop", [small, normal(2, 2, 3, 2)], num_args=2, center_crop=True)
add("Crop", [small, normal(2, 2, 3, 2)], num_args=2)
add("Crop", small, num_args=1, h_w=(2, 3), offset=(3, 3), raises=True)
