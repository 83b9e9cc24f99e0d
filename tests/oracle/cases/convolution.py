"""Convolution, deconvolution and the fully connected layer."""

from operator_cases import case, uniform

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


# Convolution

conv = {"data": normal(2, 4, 7, 6), "weight": normal(6, 4, 3, 2), "bias": normal(6)}
add("Convolution", conv, kernel=(3, 2), num_filter=6)
add("Convolution", conv, kernel=(3, 2), num_filter=6, stride=(2, 1), pad=(1, 2), dilate=(2, 3))
add("Convolution", {k: conv[k] for k in ("data", "weight")}, kernel=(3, 2), num_filter=6, no_bias=True, layout="NCHW")
add("Convolution", {**conv, "weight": normal(6, 2, 3, 2)}, kernel=(3, 2), num_filter=6, num_group=2, stride=(2, 2))
add("Convolution", {**conv, "weight": normal(8, 1, 3, 3), "bias": normal(8)}, kernel=(3, 3), num_filter=8, num_group=4,
    pad=(1, 1))
add("Convolution", {"data": normal(2, 3, 9), "weight": normal(4, 3, 3), "bias": normal(4)}, kernel=(3,), num_filter=4,
    stride=(2,), pad=(1,), dilate=(2,))
add("Convolution", {"data": normal(2, 3, 5, 6, 4), "weight": normal(4, 3, 2, 3, 2), "bias": normal(4)},
    kernel=(2, 3, 2), num_filter=4, stride=(1, 2, 1), pad=(1, 0, 1), tolerance=WIDE)
add("Convolution", {"data": normal(2, 4, 7, 6, dtype="float64"), "weight": normal(6, 4, 3, 2, dtype="float64"),
                    "bias": normal(6, dtype="float64")}, kernel=(3, 2), num_filter=6)
add("Convolution", {**conv, "weight": normal(6, 4, 3, 3)}, kernel=(3, 2), num_filter=6, raises=True)
add("Convolution", {**conv, "weight": normal(6, 4, 9, 2)}, kernel=(9, 2), num_filter=6, raises=True)
add("Convolution", conv, kernel=(3, 2), num_filter=6, num_group=3, raises=True)
add("Convolution", conv, kernel=(3, 2), num_filter=6, stride=(1,), raises=True)
add("Convolution", conv, kernel=(3,), num_filter=6, raises=True)
add("Convolution", conv, kernel=(3, 2), num_filter=6, stride=(0, 1), raises=True)
add("Convolution_v1", conv, kernel=(3, 2), num_filter=6, stride=(2, 1), pad=(1, 0))
add("Convolution_v1", {**conv, "weight": normal(6, 2, 3, 2)}, kernel=(3, 2), num_filter=6, num_group=2)
add("Convolution_v1", conv, kernel=(3, 2), num_filter=6, dilate=(2, 2))

deconv = {"data": normal(2, 4, 5, 4), "weight": normal(4, 3, 3, 2), "bias": normal(3)}
two = {k: deconv[k] for k in ("data", "weight")}
add("Deconvolution", two, kernel=(3, 2), num_filter=3)
add("Deconvolution", deconv, kernel=(3, 2), num_filter=3, no_bias=False)
add("Deconvolution", two, kernel=(3, 2), num_filter=3, stride=(2, 3), pad=(1, 0), adj=(1, 2))
add("Deconvolution", two, kernel=(3, 2), num_filter=3, stride=(2, 2), target_shape=(11, 9), raises=True)
add("Deconvolution", two, kernel=(3, 2), num_filter=3, stride=(2, 2), target_shape=(0, 0), pad=(1, 0), adj=(1, 0))
add("Deconvolution", two, kernel=(3, 2), num_filter=3, dilate=(2, 2))
add("Deconvolution", {**two, "weight": normal(4, 3, 3, 2)}, kernel=(3, 2), num_filter=6, num_group=2, stride=(2, 1))
add("Deconvolution", {"data": normal(2, 4, 5), "weight": normal(4, 3, 4)}, kernel=(4,), num_filter=3, stride=(2,),
    pad=(1,))
add("Deconvolution", {"data": normal(2, 4, 3, 4, 3), "weight": normal(4, 3, 2, 3, 2)}, kernel=(2, 3, 2), num_filter=3,
    stride=(2, 1, 2), pad=(0, 1, 0), adj=(1, 0, 1))
add("Deconvolution", two, kernel=(3, 2), num_filter=3, adj=(1, 1), raises=True)
add("Deconvolution", two, kernel=(3, 2), num_filter=3, target_shape=(50, 60), raises=True)
add("Deconvolution", {**two, "data": normal(2, 5, 4, 4)}, kernel=(3, 2), num_filter=3, layout="NHWC", raises=True)

# FullyConnected

fc = {"data": normal(4, 2, 3), "weight": normal(5, 6), "bias": normal(5)}
add("FullyConnected", fc, num_hidden=5)
add("FullyConnected", {k: fc[k] for k in ("data", "weight")}, num_hidden=5, no_bias=True)
add("FullyConnected", {**fc, "weight": normal(5, 3)}, num_hidden=5, flatten=False)
add("FullyConnected", {**fc, "data": normal(3), "weight": normal(5, 3)}, num_hidden=5, flatten=False)
add("FullyConnected", {**fc, "data": normal(3), "weight": normal(5, 1)}, num_hidden=5)
add("FullyConnected", {**fc, "data": normal(3), "weight": normal(5, 3)}, num_hidden=5, raises=True)
add("FullyConnected", {**fc, "weight": normal(5, 7)}, num_hidden=5, raises=True)
add("FullyConnected", {**fc, "bias": normal(4)}, num_hidden=5, raises=True)
add("FullyConnected", fc, num_hidden=4, raises=True)
add("FullyConnected", {**fc, "weight": normal(5, 6, dtype="float64")}, num_hidden=5, raises=True)
