"""Spatial transformers, bilinear sampling and correlation."""

from operator_cases import case, uniform, values

CASES = []


def add(op, inputs, *, grad=True, raises=False, tolerance=(1e-4, 5e-6), note="", **attrs):
    CASES.append(case(op, inputs, attrs, grad=grad, raises=raises, tolerance=tolerance, note=note))


maps = values([[1, 0, 0, 0, 1, 0], [0.5, 0.2, 0.1, -0.3, 0.8, 0.4]])
for shape in ((2, 3), (5, 4), (3, 2)):
    add("GridGenerator", [maps], transform_type="affine", target_shape=shape)
    add("SpatialTransformer", [uniform(2, 3, 4, 5), uniform(2, 6)], target_shape=shape, transform_type="affine",
        sampler_type="bilinear")  # fmt: skip
    add("SpatialTransformer", [uniform(2, 2, 3, 4), uniform(2, 6, low=-2, high=2)], target_shape=shape,
        transform_type="affine", sampler_type="bilinear")  # fmt: skip
add("GridGenerator", [maps], grad=False, transform_type="affine", target_shape=(1, 1))
add("GridGenerator", [maps], raises=True, transform_type="affine")
add("GridGenerator", [uniform(2, 2, 3)], raises=True, transform_type="affine", target_shape=(2, 2))
add("GridGenerator", [uniform(2, 6, dtype="float16")], raises=True, transform_type="affine", target_shape=(2, 2))
add("GridGenerator", [uniform(2, 2, 3, 4)], transform_type="warp")
add("GridGenerator", [uniform(2, 2, 3, 4)], transform_type="warp", target_shape=(5, 5))
add("GridGenerator", [uniform(1, 2, 4, 2, low=-3, high=3)], transform_type="warp")
add("GridGenerator", [uniform(2, 3, 3, 4)], raises=True, transform_type="warp")
add("SpatialTransformer", [uniform(2, 3, 4, 5), maps], raises=True, transform_type="affine", sampler_type="bilinear")

add("BilinearSampler", [uniform(2, 2, 3, 4), uniform(2, 2, 2, 3, low=-1.3, high=1.3)])
add("BilinearSampler", [uniform(1, 3, 5, 4), uniform(1, 2, 6, 5, low=-1.6, high=1.6)])
add("BilinearSampler", [uniform(2, 2, 3, 4, dtype="float64"), uniform(2, 2, 2, 3, low=-1.3, high=1.3, dtype="float64")])
add("BilinearSampler", [uniform(1, 2, 3, 4), values([[[[-1, 1, 0, -1, 1.001, -1.7]], [[-1, 1, 0, 1, -1.001, 0.3]]]])])
add("BilinearSampler", [uniform(2, 2, 3, 4), uniform(1, 2, 2, 3)], raises=True)

pair = [uniform(2, 3, 5, 6), uniform(2, 3, 5, 6)]
for attrs in (
    {}, {"kernel_size": 3, "pad_size": 1}, {"max_displacement": 2, "stride2": 2, "pad_size": 2},
    {"max_displacement": 2, "pad_size": 3, "stride1": 2}, {"is_multiply": False, "pad_size": 1},
    {"kernel_size": 3, "max_displacement": 2, "stride1": 2, "pad_size": 2, "is_multiply": False},
    {"max_displacement": 3, "stride2": 2, "pad_size": 4, "kernel_size": 3}, {"max_displacement": 0},
    {"kernel_size": 5, "pad_size": 4, "stride1": 3, "max_displacement": 2, "stride2": 2},
):  # fmt: skip
    add("Correlation", pair, **attrs)
add("Correlation", pair, raises=True, kernel_size=2)
add("Correlation", pair, raises=True, max_displacement=5)
