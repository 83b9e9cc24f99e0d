"""Activations, the softmax family, Dropout without randomness, Embedding."""

from operator_cases import case, integers, uniform, values

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


def labels(high, *shape, dtype="float32"):
    return integers(*shape, low=0, high=high, dtype=dtype)


INF, NAN = float("inf"), float("nan")
FINITE = values([-100, -3.5, -1, -0.5, -0.0, 0.0, 0.3, 0.5, 1, 2.5, 3, 20, 100])
NUMBERS = [-INF, -1e-8, 1e-8, INF, NAN]
SPECIAL = values(NUMBERS)

# Activation

for kind in ("relu", "sigmoid", "softrelu", "softsign", "tanh"):
    add("Activation", FINITE, act_type=kind)
    if kind != "relu":  # MKLDNN's relu makes 0 of NaN
        add("Activation", SPECIAL, act_type=kind, grad=False)
    add("Activation", normal(3, 4), act_type=kind)
for kind in ("leaky", "elu", "selu", "gelu"):
    grad = kind != "selu"  # whose gradient is wrong in the oracle: it lacks a factor for negative numbers
    add("LeakyReLU", FINITE, act_type=kind, grad=grad)
    add("LeakyReLU", SPECIAL, act_type=kind, grad=False)
    add("LeakyReLU", normal(3, 4), act_type=kind, slope=0.7, grad=grad)
    add("LeakyReLU", normal(3, 4), act_type=kind, slope=-0.5, grad=grad)
for shape, gamma in (((2, 3, 4), (3,)), ((2, 3), (3,)), ((2, 3, 4), (1,)), ((4,), (1,)), ((4,), (4,))):
    add("LeakyReLU", {"data": normal(*shape), "gamma": normal(*gamma)}, act_type="prelu")
for gamma in ((4,), (1, 3, 1), (2, 3, 4)):
    add("LeakyReLU", {"data": normal(2, 3, 4), "gamma": normal(*gamma)}, act_type="prelu", raises=True)
add("LeakyReLU", {"data": values([[-INF, -1e-8, 0.0, -0.0, 2]]), "gamma": values([0.25] * 5)}, act_type="prelu")
for op in ("relu", "sigmoid", "softsign", "hard_sigmoid"):
    add(op, FINITE)
    add(op, SPECIAL, grad=False)
    add(op, normal(3, 4))
add("hard_sigmoid", normal(3, 4), alpha=0.7, beta=0.1)
add("hard_sigmoid", values([-1, 1, -0.999, 0.999, -2, 2]), alpha=0.5, beta=0.5)

# Softmax

for op in ("softmax", "log_softmax", "softmin"):
    add(op, normal(3, 4, 2), tolerance=WIDE)
    add(op, normal(3, 4, 2), axis=1)
    add(op, normal(3, 4, 2), axis=-3, temperature=2.5)
    add(op, normal(3, 4), dtype="float64")
    add(op, normal(3, 4, dtype="float16"), dtype="float32", grad=(0,), tolerance=(2e-3, 2e-3))
    add(op, normal(3, 4), axis=2, raises=True)
    add(op, values([[-INF, -INF, -INF], [-INF, 0, 1], [1e4, -1e4, 0]]), tolerance=WIDE)
    add(op, normal(3, 4), temperature=0.5)
    add(op, normal(5))
lengths = {"data": normal(3, 5, 2), "length": labels(6, 3, 2, dtype="int32")}
add("softmax", lengths, use_length=True, axis=1, grad=(0,))
add("softmax", {"data": normal(3, 5), "length": values([0, 5, 2], "int64")}, use_length=True, grad=(0,))
add("softmax", {"data": normal(3, 5), "length": values([1, 7, 2])}, use_length=True, grad=(0,), raises=True)
add("softmax", {"data": normal(3, 5), "length": values([1, 5, 2], "int32")}, use_length=True, temperature=2.0,
    grad=(0,))
add("softmax", {"data": normal(3, 5), "length": values([1, 5], "int32")}, use_length=True, grad=(0,), raises=True)
add("log_softmax", normal(3, 4), use_length=True, raises=True)
for mode in ("instance", "channel"):
    for shape in ((3, 4), (3, 4, 2), (3, 4, 2, 2)):
        grad = mode == "channel" or len(shape) == 2  # otherwise the oracle's gradient is that of another function
        add("SoftmaxActivation", normal(*shape), mode=mode, grad=grad, raises=mode == "channel" and len(shape) == 2)
add("softmax_cross_entropy", {"data": normal(4, 3), "label": labels(3, 4)}, grad=(0,))
add("softmax_cross_entropy", {"data": normal(4, 3), "label": values([0, 2, 1.5, 2])}, grad=(0,))
add("softmax_cross_entropy", {"data": normal(4, 3), "label": values([0.7, 1.2, 1, 2])}, grad=(0,))
add("softmax_cross_entropy", {"data": normal(4, 3, 2), "label": labels(3, 4)}, grad=(0,), raises=True)

# Dropout, Embedding

add("Dropout", normal(3, 4), training=False, grad=(0,))
add("Dropout", normal(3, 4), p=0.0)
add("Dropout", normal(3, 4), p=0.0, mode="always", training=False)
add("Embedding", {"data": labels(7, 3, 2), "weight": normal(7, 4)}, input_dim=7, output_dim=4, grad=(1,))
add("Embedding", {"data": values([[-1, 9, 6.7], [0, 2.9, -0.5]]), "weight": normal(7, 4)}, input_dim=7, output_dim=4,
    grad=(1,))
add("Embedding", {"data": labels(7, 3, 2, dtype="int32"), "weight": normal(7, 4)}, input_dim=7, output_dim=4,
    grad=(1,))
add("Embedding", {"data": values([5, 5, 5], "int64"), "weight": normal(7, 4)}, input_dim=7, output_dim=4,
    sparse_grad=False, grad=(1,))
add("Embedding", {"data": labels(7, 3), "weight": normal(7, 4, dtype="float64")}, input_dim=7, output_dim=4,
    dtype="float64", grad=(1,))
add("Embedding", {"data": labels(7, 3), "weight": normal(6, 4)}, input_dim=7, output_dim=4, grad=(1,), raises=True)
