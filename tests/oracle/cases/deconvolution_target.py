"""Deconvolution to a given size; recorded with MXNET_MKLDNN_ENABLED=0, because MKLDNN refuses these."""

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


two = {"data": normal(2, 4, 5, 4), "weight": normal(4, 3, 3, 2)}
add("Deconvolution", two, kernel=(3, 2), num_filter=3, stride=(2, 2), target_shape=(9, 8))
add("Deconvolution", two, kernel=(3, 2), num_filter=3, stride=(2, 2), target_shape=(7, 6), pad=(3, 1), adj=(1, 1))
