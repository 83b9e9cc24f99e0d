"""Operators on quantized arrays. What MXNet 1.9.1 can't do or does wrong on a CPU is in tests/test_quantization.py:
its int8 products lose what passes 16 bits on CPUs without VNNI, so the integers here are small enough."""

from operator_cases import case, integers, uniform, values

CASES = []
INF, NAN = float("inf"), float("nan")


def add(op, inputs, attrs=None, *, grad=False, note="", raises=False, tolerance="close", **more):
    made = case("contrib." + op, inputs, {**(attrs or {}), **more}, grad=grad, note=note, raises=raises,
                tolerance=tolerance)  # fmt: skip
    if any(known.id == made.id for known in CASES):
        made.note = f"number {len(CASES)}"
    CASES.append(made)


def ends(*numbers):
    return [values([number]) for number in numbers]


def int8(*shape, low=-128, high=128):
    return integers(*shape, low=low, high=high, dtype="int8")


def uint8(*shape, high=256):
    return integers(*shape, low=0, high=high, dtype="uint8")


RANGES = [(-1, 1), (0, 2.5), (-3, 0.5), (0.25, 0.75), (-2, -1), (2, -1), (0, 0)]
REALS = uniform(3, 40, low=-3, high=3)
ODD = values([-2, -1.5, -0.5, -0.01, 0, 0.0039, 0.3, 0.5, 1, 1.7, INF, -INF, NAN])
HALVES = values([i / 254 for i in range(-254, 255)])  # with range 1: exactly between two integers

# To and from real numbers

for low, high in RANGES:
    for kind in ("int8", "uint8"):
        for data in (REALS, ODD):
            add("quantize", [data, *ends(low, high)], out_type=kind, tolerance="exact")
        add("quantize_v2", [REALS], out_type=kind, min_calib_range=low, max_calib_range=high, tolerance="exact")
    add("quantize_v2", [ODD], out_type="auto", min_calib_range=low, max_calib_range=high, tolerance="exact")
    if low < high:
        add("quantize_asym", [uniform(1, 3, 40, low=-3, high=3)], min_calib_range=low, max_calib_range=high,
            tolerance="exact")
    add("dequantize", [values(list(range(-128, 128)), "int8"), *ends(low, high)], tolerance="exact")
    add("dequantize", [values(list(range(256)), "uint8"), *ends(low, high)], tolerance="exact")
for kind in ("int8", "uint8"):
    add("quantize", [HALVES, *ends(-1, 1)], out_type=kind, tolerance="exact", note="halves")
    add("quantize", [REALS, *ends(NAN, 1)], out_type=kind, tolerance="exact", note="range of NaN")
    add("quantize_v2", [values([i / 255 for i in range(-255, 256)])], out_type=kind, min_calib_range=-1,
        max_calib_range=1, tolerance="exact", note="halves")
    for data in (REALS, uniform(7, low=1, high=3), uniform(7, low=-3, high=-1), values([0.0, 0.0]), values([3.0]),
                 values([1, INF, -3])):  # fmt: skip
        add("quantize_v2", [data], out_type=kind, tolerance="exact", note=repr(data.parameters)[:12])
    add("quantize_v2", [REALS], out_type=kind, min_calib_range=-1, tolerance="exact", note="one end doesn't count")
add("quantize_v2", [REALS], tolerance="exact")
add("quantize_v2", [REALS], out_type="auto", tolerance="exact")
add("quantize_v2", [int8(2, 5)], tolerance="exact")
add("quantize_v2", [int8(2, 5)], out_type="auto", min_calib_range=-1, max_calib_range=2, tolerance="exact")
add("quantize_v2", [uint8(2, 5)], out_type="uint8", tolerance="exact")
add("quantize_v2", [uint8(2, 5)], out_type="uint8", min_calib_range=-1, max_calib_range=2, tolerance="exact")
add("quantize_v2", [uniform(3, dtype="float64")], raises=True)
add("quantize_v2", [integers(3, dtype="int32")], raises=True)
add("quantize_v2", [REALS], out_type="int32", raises=True)
add("quantize", [REALS, *ends(-1, 1)], grad=(0, 1, 2), out_type="int8", tolerance="exact", note="gradient")
add("quantize_v2", [REALS], grad=(0,), tolerance="exact", note="gradient")
add("quantize", [uniform(3, dtype="float64"), *ends(-1, 1)], raises=True)
add("quantize", [uniform(3, dtype="float16"), *ends(-1, 1)], raises=True)
add("quantize", [REALS, values([-1, 1]), *ends(1)], raises=True)
add("quantize", [REALS, values([[-1]]), values([[1]])], raises=True)
for data in (uniform(1, 3, 40), uniform(2, 1, 5, low=1, high=2), uniform(2, 1, 5, low=-2, high=-1),
             values([[[0.0, 0.0]]]), values([[[2.0, 2.0]]])):  # fmt: skip
    add("quantize_asym", [data], tolerance="exact", note=repr(data.parameters)[:12])
add("quantize_asym", [values([[[2, INF, -INF, NAN]]])], min_calib_range=-1, max_calib_range=1, tolerance="exact")
add("quantize_asym", [uint8(1, 2, 3)], raises=True)
add("dequantize", [int8(2, 3), *ends(NAN, 1)])
add("dequantize", [int8(2, 3), *ends(-1, 1)], grad=(1, 2))
add("dequantize", [integers(3, dtype="int32"), *ends(-1, 1)], raises=True)
add("dequantize", [uniform(3), *ends(-1, 1)], raises=True)
for size in (300, 10**5, 2**31 - 1):
    whole = integers(3, 50, low=-size, high=size, dtype="int32")
    for kind in ("int8", "uint8", "auto"):
        for low, high in ((-1, 1), (0, 3), (-2.5, 0.5)):
            add("requantize", [whole, *ends(low, high)], out_type=kind, tolerance="exact")
            for scale in (0.5, 1.5):
                bound = size / 2**31 * scale
                add("requantize", [whole, *ends(low, high)], out_type=kind, min_calib_range=-bound,
                    max_calib_range=bound / 2, tolerance="exact")
        add("requantize", [whole, *ends(-1, 1)], out_type=kind, min_calib_range=0, max_calib_range=size / 2**31,
            tolerance="exact")
add("requantize", [values([0, 0], "int32"), *ends(-1, 1)], tolerance="exact")
add("requantize", [values([5, -9], "int32"), *ends(0, 0)], tolerance="exact")
add("requantize", [values([5, -9], "int32"), *ends(-1, 1)], min_calib_range=-1, tolerance="exact")
add("requantize", [int8(3), *ends(-1, 1)], raises=True)
add("requantize", [uniform(3), *ends(-1, 1)], raises=True)

# Layers

for data in (int8(2, 3, 4), values([-128, -1, 0, 1, 127], "int8"), int8(1)):
    add("quantized_act", [data, *ends(-1, 2)], act_type="relu", tolerance="exact")
for kind in ("sigmoid", "softrelu", "softsign", "tanh", "gelu"):
    add("quantized_act", [int8(3), *ends(-1, 2)], act_type=kind, raises=True)
add("quantized_act", [integers(3, dtype="int32"), *ends(-1, 2)], act_type="relu", raises=True)
add("quantized_act", [int8(3), values([-1, 1]), *ends(2)], act_type="relu", raises=True)
add("quantized_act", [int8(3), *ends(-1, 2)], raises=True)
for data in (int8(2, 3, 4), uint8(2, 3), int8(4), integers(2, 2, 2, dtype="int32"), uniform(1, 2, 1)):
    add("quantized_flatten", [data, *ends(-1, 2)], tolerance="exact")
for make in (int8, uint8):
    for kind in ("max", "avg"):
        image, volume = make(2, 3, 7, 6), make(1, 2, 4, 5, 4)
        for attrs in (
            {"kernel": (2, 2)}, {"kernel": (3, 3), "stride": (2, 2)}, {"kernel": (3, 2), "stride": (2, 1)},
            {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1)}, {"kernel": (1, 1), "global_pool": True},
            {"kernel": (3, 3), "stride": (2, 2), "pooling_convention": "full"}, {"kernel": (2, 2), "layout": "NCHW"},
            {"kernel": (3, 3), "pad": (1, 1), "count_include_pad": False},
        ):  # fmt: skip
            add("quantized_pooling", [image, *ends(-1, 2)], attrs, pool_type=kind, tolerance="exact")
        add("quantized_pooling", [volume, *ends(-1, 2)], kernel=(2, 2, 2), pool_type=kind, tolerance="exact")
add("quantized_pooling", [int8(1, 1, 3, 3), *ends(-1, 2)], kernel=(2, 2), tolerance="exact")
for kind in ("sum", "lp"):
    add("quantized_pooling", [int8(1, 1, 3, 3), *ends(-1, 2)], kernel=(2, 2), pool_type=kind, raises=True)
add("quantized_pooling", [uniform(1, 1, 3, 3), *ends(-1, 2)], kernel=(2, 2), raises=True)
add("quantized_pooling", [int8(1, 1, 3, 3), *ends(-1, 2)], kernel=(4, 4), raises=True)
for first, second in ((int8, int8), (uint8, uint8), (int8, uint8), (uint8, int8)):
    for low, high in ((-1, 1), (-2, 3), (0, 0.5)):
        add("quantized_concat", [first(2, 3), second(2, 4), *ends(-0.5, 1, low, high)], num_args=2, tolerance="exact")
    add("quantized_concat", [first(2, 3), second(1, 3), *ends(-1, 1, -2, 3)], num_args=2, dim=0, tolerance="exact")
    add("quantized_concat", [first(2, 3, 2), second(2, 3, 1), *ends(-1, 1, -2, 3)], num_args=2, dim=2,
        tolerance="exact")
add("quantized_concat", [int8(2, 3), *ends(-1, 1)], num_args=1, tolerance="exact")
add("quantized_concat", [uint8(2, 1), uint8(2, 2), uint8(2, 3), *ends(0, 1, 0, 2, 0.5, 1.5)], num_args=3,
    tolerance="exact")
add("quantized_concat", [int8(2, 3), int8(2, 3), *ends(-1, 1, -2, 3)], num_args=3, raises=True)
add("quantized_concat", [int8(2, 3), int8(2, 3), *ends(-1, 1, -2, 3)], raises=True)
add("quantized_concat", [uniform(2, 3), uniform(2, 3), *ends(-1, 1, -2, 3)], num_args=2, raises=True)
add("quantized_concat", [int8(2, 3), int8(3, 3), *ends(-1, 1, -2, 3)], num_args=2, raises=True)
for kind in ("float32", "int32", "int64", "uint8"):
    add("quantized_embedding", [integers(2, 3, low=0, high=5, dtype=kind), int8(5, 4), *ends(-1, 2)], input_dim=5,
        output_dim=4, tolerance="exact")
add("quantized_embedding", [values([0, 7, -1, 1.7]), int8(5, 4), *ends(-1, 2)], input_dim=5, output_dim=4,
    tolerance="exact")
add("quantized_embedding", [values([0, 1]), int8(5, 4), *ends(-1, 2)], input_dim=5, output_dim=4, dtype="int8",
    sparse_grad=True, tolerance="exact")
add("quantized_embedding", [values([0, 1]), uint8(5, 4), *ends(-1, 2)], input_dim=5, output_dim=4, raises=True)
add("quantized_embedding", [values([0, 1]), int8(5, 4), *ends(-1, 2)], input_dim=4, output_dim=4, raises=True)


def normalized(data, fix=True):  # MXNet uses gamma even where it is fixed, so it is one there
    size = (data.shape[1],)
    gamma = values([1] * data.shape[1]) if fix else uniform(*size, low=-2, high=2)
    statistics = {"moving_mean": uniform(*size), "moving_var": uniform(*size, low=0.1, high=2)}
    ranges = {"min_data": values([-1]), "max_data": values([2])}
    return {"data": data, "gamma": gamma, "beta": uniform(*size), **statistics, **ranges}


for make in (int8, uint8):
    for shape in ((2, 3, 4, 4), (5, 3), (2, 3, 5)):
        for fix in (True, False):
            add("quantized_batch_norm", normalized(make(*shape), fix), fix_gamma=fix, min_calib_range=-2,
                max_calib_range=1, tolerance="exact")
    add("quantized_batch_norm", normalized(make(2, 3, 4, 4)), eps=0.1, min_calib_range=-1.7, max_calib_range=3,
        tolerance="exact")
add("quantized_batch_norm", normalized(int8(2, 3, 2, 2)), raises=True)
add("quantized_batch_norm", normalized(int8(2, 3, 2, 2)), min_calib_range=-1, raises=True)
add("quantized_batch_norm", {**normalized(int8(2, 3, 2, 2)), "gamma": uniform(4)}, min_calib_range=-1,
    max_calib_range=1, raises=True)

# Products


def dense(data, weight, bias=None, low=-1, high=2):
    arrays = {"data": data, "weight": weight, "bias": bias, "min_data": values([low]), "max_data": values([high]),
              "min_weight": values([-0.73]), "max_weight": values([0.5]), "min_bias": values([-0.25]),
              "max_bias": values([0.41])}  # fmt: skip
    return {name: array for name, array in arrays.items() if bias is not None or "bias" not in name}


for data in (int8(3, 8, low=-60, high=61), uint8(3, 8, high=120), int8(2, 2, 4, low=-60, high=61)):
    for bias in (None, int8(5)):
        weight = int8(5, 8, low=-60, high=61)
        add("quantized_fully_connected", dense(data, weight, bias), num_hidden=5, no_bias=bias is None)
        weight = int8(5, data.shape[-1], low=-60, high=61)
        add("quantized_fully_connected", dense(data, weight, bias, 0, 3.1), num_hidden=5, no_bias=bias is None,
            flatten=False)
add("quantized_fully_connected", dense(int8(2, 4), int8(5, 4)), num_hidden=4, no_bias=True, raises=True)
add("quantized_fully_connected", dense(int8(2, 4), uint8(5, 4)), num_hidden=5, no_bias=True, raises=True)
add("quantized_fully_connected", dense(uniform(2, 4), int8(5, 4)), num_hidden=5, no_bias=True, raises=True)
add("quantized_fully_connected", dense(int8(2, 4), int8(5, 4), integers(5, dtype="int32")), num_hidden=5, raises=True)
CONVOLUTIONS = [
    ((1, 2, 6, 5), (4, 2, 3, 3), {"kernel": (3, 3)}),
    ((2, 3, 5, 5), (4, 3, 1, 1), {"kernel": (1, 1), "layout": "NCHW"}),
    ((1, 2, 6, 5), (4, 2, 3, 2), {"kernel": (3, 2), "stride": (2, 1), "pad": (1, 1)}),
    ((1, 2, 6, 5), (4, 2, 2, 2), {"kernel": (2, 2), "dilate": (2, 2)}),
    ((1, 2, 4, 3, 3), (4, 2, 2, 2, 2), {"kernel": (2, 2, 2)}),
]
RANGE = 0.73 * (2**31 - 1) / (255 * 127)  # MXNet gives the range of int8 data, as if uint8 had 127 steps
for shape, weight, attrs in CONVOLUTIONS:
    add("quantized_conv", dense(uint8(*shape), int8(*weight), high=0), attrs, num_filter=4, no_bias=True)
    CASES[-1].expected = [None, [-RANGE], [RANGE]]
add("quantized_conv", dense(uniform(1, 2, 3, 3), int8(4, 2, 3, 3)), kernel=(3, 3), num_filter=4, no_bias=True,
    raises=True)
add("quantized_conv", dense(uint8(1, 2, 3, 3), int8(4, 2, 2, 2)), kernel=(3, 3), num_filter=4, no_bias=True,
    raises=True)
for make in (int8, uint8):
    for low, high in ((-3, 0.5), (0, 0.125), (-1, 1)):
        arrays = [make(4, 30), make(4, 30), *ends(-1, 2, low, high)]
        add("quantized_elemwise_add", arrays)
        add("quantized_elemwise_add", arrays, min_calib_range=-1.7, max_calib_range=2.5)
add("quantized_elemwise_add", [int8(2, 3), int8(3), *ends(-1, 1, -1, 1)], raises=True)
add("quantized_elemwise_add", [uniform(2), uniform(2), *ends(-1, 1, -1, 1)], raises=True)
add("quantized_elemwise_mul", [int8(2, 3), int8(3), *ends(-1, 1, -1, 1)], raises=True)

# A recurrent layer: small integers for the reason above


def lstm(ways=1, time=4, batch=3, width=5, hidden=4):
    size = ways * 4 * hidden * (width + hidden + 2)
    states = (ways, batch, hidden)
    return {"data": uint8(time, batch, width, high=128), "parameters": uniform(size), "state": uniform(*states),
            "state_cell": uniform(*states), "data_scale": values([63.75]), "data_shift": values([63.75])}  # fmt: skip


for ways in (1, 2):
    for outputs in (False, True):
        add("quantized_rnn", lstm(ways), state_size=4, num_layers=1, mode="lstm", bidirectional=ways == 2,
            state_outputs=outputs)
add("quantized_rnn", lstm(time=1, batch=1), state_size=4, num_layers=1, mode="lstm", p=0.5, state_outputs=True)
add("quantized_rnn", lstm(), state_size=4, num_layers=1, mode="gru", raises=True)
add("quantized_rnn", {**lstm(), "data": int8(4, 3, 5)}, state_size=4, num_layers=1, mode="lstm", raises=True)
add("quantized_rnn", {**lstm(), "parameters": uniform(7)}, state_size=4, num_layers=1, mode="lstm", raises=True)

# Calibration


def bell(bins, width, height=1000):
    middle = (bins - 1) / 2
    return [round(height * 2 ** (-(((place - middle) / width) ** 2))) for place in range(bins)]


def edges(bins, top=3.0):
    return values([top * (2 * place / bins - 1) for place in range(bins + 1)])


ENTROPY = (1e-3, 1e-6)
for counts, steps in (
    (bell(51, 6), 15), (bell(51, 12), 7), (bell(101, 9, 50), 31), (bell(301, 20), 63), (bell(50, 6), 15),
    ([5, 0, 0, 3, 40, 90, 41, 0, 2, 0, 7], 5), ([1, 2, 3, 4, 5, 6, 7], 6), ([1, 2, 3, 4, 5, 6, 7], 7), ([0] * 11, 5),
    ([10, 20, 0, 0, 10], 4),
):  # fmt: skip
    add("calibrate_entropy", [values(counts), edges(len(counts))], num_quantized_bins=steps, tolerance=ENTROPY,
        note=f"{counts[:4]}")
add("calibrate_entropy", [integers(301, low=0, high=1000), edges(301)], tolerance=ENTROPY)
add("calibrate_entropy", [integers(51, low=0, high=9), edges(50)], num_quantized_bins=15, raises=True)
add("calibrate_entropy", [integers(21, low=0, high=9), edges(21)], raises=True)
add("calibrate_entropy", [integers(21, low=0, high=9, dtype="int32"), edges(21)], num_quantized_bins=5, raises=True)
