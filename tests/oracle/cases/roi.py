"""Pooling of regions."""

from operator_cases import case, uniform, values

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
rois = values([[0, 0, 0, 4, 3], [1, 1, 1, 3, 2], [0, 2, 2, 20, 20], [1, 3, 2, 1, 1], [0, 0.6, 0.4, 2.5, 2.6]])
double = values([[0, 0, 0, 8, 6], [1, 2, 2, 6, 4], [0, 4, 4, 40, 40], [1, 6, 6, 2, 2], [0, 1.2, 0.8, 5, 5.2]])
add("ROIPooling", {"data": small, "rois": rois}, pooled_size=(2, 2), spatial_scale=1.0, grad=(0,))
add("ROIPooling", {"data": small, "rois": double}, pooled_size=(3, 2), spatial_scale=0.5,
    grad=(0,))
inside = values([[0, 0, 0, 4, 3], [1, 1, 1, 3, 2], [0, 2, 2, 20, 20], [0, 0.6, 0.4, 2.5, 2.6]])
for extra in ({}, {"sample_ratio": 2}, {"aligned": True}, {"sample_ratio": 3, "aligned": True}):
    add("contrib.ROIAlign", {"data": small, "rois": inside}, pooled_size=(2, 2), spatial_scale=1.0, grad=(0,),
        **extra)
    add("contrib.ROIAlign", {"data": small, "rois": inside}, pooled_size=(3, 2), spatial_scale=0.7, grad=(0,),
        **extra)
add("contrib.ROIAlign", {"data": normal(2, 8, 5, 6), "rois": inside}, pooled_size=(2, 2), spatial_scale=1.0,
    position_sensitive=True, grad=(0,))
