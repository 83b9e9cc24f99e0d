"""Pooling of every kind and convention; recorded with MXNET_MKLDNN_ENABLED=0.

MKLDNN's gradient of an average does not fit its result where windows reach over the edge, and it refuses 'same'.
"""

from operator_cases import case, distinct, integers, uniform

CASES = []


def add(op, inputs, attrs=None, *, grad=True, training=None, raises=False, tolerance=(1e-5, 2e-6), note="", **more):
    inputs = inputs if isinstance(inputs, (list, dict)) else [inputs]
    made = case(op, inputs, {**(attrs or {}), **more}, grad=grad, training=training, raises=raises,
                tolerance=tolerance, note=note)  # fmt: skip
    if any(known.id == made.id for known in CASES):
        made.note = f"number {len(CASES)}"
    CASES.append(made)


def labels(high, *shape, dtype="float32"):
    return integers(*shape, low=0, high=high, dtype=dtype)


def normal(*shape, dtype="float32"):
    return uniform(*shape, low=-2, high=2, dtype=dtype)


# Pooling

image, line = labels(9, 1, 2, 7, 8), labels(9, 2, 3, 8)  # with ties
for kind in ("max", "avg", "sum", "lp"):
    power = {"p_value": 2} if kind == "lp" else {}
    for convention in ("valid", "full"):
        add("Pooling", image, kernel=(3, 2), pool_type=kind, pooling_convention=convention, stride=(2, 3), **power)
        add("Pooling", image, kernel=(3, 2), pool_type=kind, pooling_convention=convention, stride=(2, 3), pad=(1, 1),
            **power)
        add("Pooling", line, kernel=(3,), pool_type=kind, pooling_convention=convention, stride=(2,), pad=(1,),
            **power)
        add("Pooling", normal(1, 2, 5, 4, 6), kernel=(3, 2, 3), pool_type=kind, pooling_convention=convention,
            stride=(2, 1, 2), pad=(1, 0, 1), **power)
    add("Pooling", image, global_pool=True, pool_type=kind, **power)
    add("Pooling", image, global_pool=True, pool_type=kind, kernel=(2, 2), pad=(1, 1), stride=(2, 2), **power)
    add("Pooling", image, kernel=(2, 3), pool_type=kind, **power)
    add("Pooling", line, global_pool=True, pool_type=kind, **power)
    add("Pooling", normal(1, 2, 3, 4, 2), global_pool=True, pool_type=kind, **power)
    for size in (3, 2):
        add("Pooling", line, kernel=(size,), pool_type=kind, pooling_convention="same", stride=(2,), pad=(0, 0, 0),
            **power)
    add("Pooling", line, kernel=(3,), pool_type=kind, pooling_convention="same", pad=(1,), raises=True, **power)
    add("Pooling", image, kernel=(3, 2), pool_type=kind, pooling_convention="same", raises=True, **power)
    add("Pooling", image, kernel=(9, 9), pool_type=kind, raises=True, **power)
    add("Pooling", image, pool_type=kind, raises=True, **power)
    if kind != "lp":
        for convention in ("valid", "full"):
            add("Pooling_v1", distinct(1, 2, 7, 8), kernel=(3, 2), pool_type=kind, pooling_convention=convention,
                stride=(2, 3))
            add("Pooling_v1", distinct(1, 2, 7, 6), kernel=(3, 2), pool_type=kind, pooling_convention=convention,
                stride=(2, 3),
                pad=(1, 1))
        add("Pooling_v1", distinct(1, 2, 7, 8), global_pool=True, pool_type=kind, kernel=(1, 1))
        add("Pooling_v1", distinct(1, 2, 7, 8), global_pool=True, pool_type=kind)
for count in (True, False):
    for convention in ("valid", "full"):
        add("Pooling", image, kernel=(3, 2), pool_type="avg", pooling_convention=convention, stride=(2, 3), pad=(1, 1),
            count_include_pad=count)
        add("Pooling", line, kernel=(3,), pool_type="avg", pooling_convention=convention, stride=(2,), pad=(1,),
            count_include_pad=count)
        add("Pooling", image, kernel=(2, 4), pool_type="avg", pooling_convention=convention, stride=(3, 3),
            pad=(1, 2), count_include_pad=count)
for power in (1, 2, 3):
    add("Pooling", normal(1, 2, 7, 8), kernel=(3, 2), pool_type="lp", p_value=power)
add("Pooling", image, kernel=(3, 3), pool_type="max", pad=(3, 3), raises=True)
add("Pooling", image, kernel=(3, 2), pool_type="lp", raises=True)
add("Pooling", image, kernel=(3, 2), layout="NCHW", pool_type="avg")
add("Pooling", image, kernel=(3, 2), layout="NHWC", pool_type="avg", stride=(2, 2), raises=True)
add("Pooling", image, kernel=(3, 2), layout="NHWC", pool_type="max", stride=(2, 2), pad=(1, 1))
add("Pooling", line, kernel=(3,), layout="NWC", pool_type="avg", stride=(2,))
add("Pooling", image, global_pool=True, layout="NHWC", pool_type="avg")
add("Pooling", normal(1, 5, 4, 6, 2), kernel=(3, 2, 3), layout="NDHWC", pool_type="avg")
add("Pooling", image, kernel=(3,), pool_type="avg", raises=True)
add("Pooling", image, kernel=(3, 2), stride=(2,), pool_type="avg", raises=True)
add("Pooling", normal(1, 2, 7, 8, dtype="float64"), kernel=(3, 2), pool_type="avg", pooling_convention="full",
    stride=(3, 3))
for size in ((), (1,), (3,), (3, 2), (7, 8), (9, 10)):
    add("contrib.AdaptiveAvgPooling2D", image, output_size=size)
add("contrib.AdaptiveAvgPooling2D", line, output_size=(2, 2), raises=True)
