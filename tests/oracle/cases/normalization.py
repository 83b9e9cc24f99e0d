"""Batch, layer, group and instance normalisation, L2Normalization and LRN."""

from operator_cases import case, uniform, values

CASES = []
WIDE = (1e-4, 1e-5)  # long sums


def add(op, inputs, attrs=None, *, grad=True, training=None, raises=False, tolerance=(1e-5, 2e-6), note="", **more):
    inputs = inputs if isinstance(inputs, (list, dict)) else [inputs]
    made = case(op, inputs, {**(attrs or {}), **more}, grad=grad, training=training, raises=raises,
                tolerance=tolerance, note=note)  # fmt: skip
    if any(known.id == made.id for known in CASES):
        made.note = f"number {len(CASES)}"
    CASES.append(made)


def normal(*shape, dtype="float32"):
    return uniform(*shape, low=-2, high=2, dtype=dtype)


# Normalization

def batch_norm(*shape, channels, dtype="float32", ones=False):
    """ones: gamma is one (with fix_gamma MXNet overwrites any other gamma, which this package leaves alone)."""
    gamma = values([1] * channels, dtype) if ones else normal(channels, dtype=dtype)
    return {
        "data": normal(*shape, dtype=dtype), "gamma": gamma,
        "beta": normal(channels, dtype=dtype), "moving_mean": normal(channels, dtype=dtype),
        "moving_var": uniform(channels, low=0.5, high=2, dtype=dtype),
    }  # fmt: skip


for train in (True, False):
    for fix in (True, False):
        for frozen in (True, False):
            attrs = {"fix_gamma": fix, "use_global_stats": frozen, "training": train, "grad": (0, 1, 2),
                "tolerance": WIDE}
            add("BatchNorm", batch_norm(4, 3, 5, 2, channels=3, ones=fix), output_mean_var=True, **attrs)
            add("BatchNorm", batch_norm(4, 3, channels=3, ones=fix), **attrs, momentum=0.7, eps=1e-2)
            add("contrib.SyncBatchNorm", batch_norm(4, 3, 5, 2, channels=3, ones=fix), **attrs,
                key=f"a{train}{fix}{frozen}")
for axis in (0, 2, 3, -1, -2):
    channels = (4, 3, 5, 2)[axis]
    add("BatchNorm", batch_norm(4, 3, 5, 2, channels=channels), axis=axis, fix_gamma=False, grad=(0, 1, 2),
        tolerance=WIDE)
add("BatchNorm", batch_norm(4, 3, 5, channels=3, dtype="float64"), fix_gamma=False, grad=(0, 1, 2))
add("BatchNorm", batch_norm(1, 3, channels=3), fix_gamma=False, grad=(0, 1, 2), tolerance=(1e-4, 1e-4))
add("BatchNorm", batch_norm(2, 3, 2, 2, 3, channels=3), fix_gamma=False, grad=(0, 1, 2), tolerance=WIDE)
add("BatchNorm", batch_norm(4, 3, 2, channels=3), axis=3, grad=(0, 1, 2), raises=True)


def affine(*shape, channels):
    return {"data": normal(*shape), "gamma": normal(channels), "beta": normal(channels)}


for visible in (True, False):
    add("LayerNorm", affine(4, 3, 5, channels=5), output_mean_var=visible)
    add("LayerNorm", affine(4, 3, 5, channels=3), output_mean_var=visible, axis=1, eps=1e-2)
    add("GroupNorm", affine(4, 6, 5, 2, channels=3), output_mean_var=visible, num_groups=3, tolerance=WIDE)
    add("GroupNorm", affine(4, 6, 5, channels=1), output_mean_var=visible, eps=1e-2, tolerance=WIDE)
add("LayerNorm", affine(4, 3, 5, channels=4), axis=-3)
add("LayerNorm", affine(4, 3, 5, channels=4), axis=3, raises=True)
add("LayerNorm", affine(4, 3, 5, channels=4), raises=True)
add("GroupNorm", affine(4, 6, channels=2), num_groups=2, raises=True)
add("GroupNorm", affine(4, 6, 5, channels=4), num_groups=4, raises=True)
add("GroupNorm", affine(4, 6, 5, channels=6), num_groups=3, raises=True)
add("InstanceNorm", affine(4, 3, 5, 2, channels=3), tolerance=WIDE)
add("InstanceNorm", affine(4, 3, 5, channels=3), eps=0.1, tolerance=WIDE)
for mode in ("instance", "channel", "spatial"):
    add("L2Normalization", normal(3, 4, 5, 2), mode=mode)
    add("L2Normalization", normal(3, 4, 5), mode=mode, eps=0.5)
    add("L2Normalization", normal(3, 4), mode=mode, raises=mode != "instance")
add("L2Normalization", values([[0, 0, 0], [0, 0, 0]]))
add("LRN", normal(2, 7, 3, 4), nsize=3)
add("LRN", uniform(2, 7, 3, 4, low=-9, high=9), nsize=5, alpha=0.3, beta=0.6, knorm=1.5)
add("LRN", normal(2, 7, 3, 4), nsize=4)
add("LRN", normal(2, 7, 3), nsize=3, raises=True)
