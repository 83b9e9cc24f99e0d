"""Cases at the edges of an operator, derived from one ordinary call of it; the families edges_* are made of them.

A variation has a name, which ends the names of its case:

    float64, int8, ...   every float32 input has this dtype
    nan0, inf0, ...      every second element of input 0 is one of SPECIALS
    one3, empty3         every axis of size 3 has size 1, or 0 (then with NumPy's shapes switched on)
    rank, wide           input 0 has an axis more; the last axis of the last input is longer by one
    axis=0, ...          this attribute has this value

Whether a variation is an error is recorded: both must agree.
"""

import numpy as np
from operator_cases import Input, case

DTYPES = ("float64", "float16", "int32", "int64", "uint8", "int8")
SPECIALS = {
    "nan": (float("nan"),),
    "inf": (float("inf"), -float("inf")),
    "large": (1e30, -3e4),
    "tiny": (1e-30, -1e-40, 1e-7),
}


def to_dtype(item, dtype):
    """The description of such data in another dtype; whole numbers for integers, none negative for unsigned ones."""
    parameters, kind = item.parameters, item.kind
    if "float" not in dtype:
        if kind == "uniform":
            kind, parameters = "integers", (-4, 5)
        if kind == "values":
            data = np.nan_to_num(np.array(parameters, dtype="float64"), nan=0, posinf=3, neginf=-3)
            data = np.rint(np.clip(data, -100, 100))
            parameters = (abs(data) if dtype == "uint8" else data).tolist()
        elif dtype == "uint8":
            low, high = parameters or (0, 9)
            kind, parameters = "integers", (max(low, 0), max(high, max(low, 0) + 2))
    return Input(kind, item.shape, dtype, parameters)


def with_specials(item, numbers):
    """The description of such data with these numbers in every second place."""
    if item.kind == "values":
        data = np.array(item.parameters, dtype="float64")
        places = data.reshape(-1)[::2]
        places[:] = np.resize(np.asarray(numbers), places.shape)
        return Input("values", item.shape, item.dtype, data.tolist())
    low, high = item.parameters or (-2, 2)
    return Input("mixed", item.shape, item.dtype, (low, high, tuple(numbers)))


def resized(item, old, new):
    """The description of such data where axes of size `old` have size `new`, 0 or 1."""
    shape = tuple(new if size == old else size for size in item.shape)
    if item.kind != "values":
        return Input(item.kind, shape, item.dtype, item.parameters)
    data = np.array(item.parameters)[tuple(slice(size) for size in shape)]
    if data.size:
        return Input("values", shape, item.dtype, data.tolist())
    return Input("uniform" if item.is_float else "integers", shape, item.dtype, (0, 2))


def variations(inputs, attrs, vary):
    """{name of the variation: (inputs, attributes)}."""
    made = {}
    if any(item.dtype == "float32" for item in inputs):
        for dtype in DTYPES:
            made[dtype] = [to_dtype(item, dtype) if item.dtype == "float32" else item for item in inputs], attrs
    for position, names in ((0, SPECIALS), (1, ("nan", "inf"))):
        if len(inputs) > position and inputs[position].dtype == "float32":
            for name in names:
                changed = [*inputs]
                changed[position] = with_specials(inputs[position], SPECIALS[name])
                made[f"{name}{position}"] = changed, attrs
    for size in sorted({size for item in inputs for size in item.shape} - {0, 1})[:2]:
        made[f"one{size}"] = [resized(item, size, 1) for item in inputs], attrs
        made[f"empty{size}"] = [resized(item, size, 0) for item in inputs], attrs
    if inputs and inputs[0].kind != "values":
        first = inputs[0]
        made["rank"] = [Input(first.kind, (*first.shape, 1), first.dtype, first.parameters), *inputs[1:]], attrs
    if inputs and inputs[-1].kind != "values" and inputs[-1].shape:
        last = inputs[-1]
        shape = (*last.shape[:-1], last.shape[-1] + 1)
        made["wide"] = [*inputs[:-1], Input(last.kind, shape, last.dtype, last.parameters)], attrs
    for name, values in vary.items():
        for value in values:
            made[f"{name}={value}"] = inputs, {**attrs, name: value}
    return made


def edges(op, inputs, attrs=None, *, grad=True, training=None, out=None, tolerance="loose", vary=None, apart=""):
    """The cases at the edges of a call; op to tolerance are those of `case`.

    vary    {attribute: values} to try
    apart   names of variations to leave out, as their answer by the oracle is no reference: see docs/differences.md;
            "ints" stands for the integer dtypes, "dtypes" for all
    """
    attrs, made = attrs or {}, []
    left_out = set(apart.split())
    for group, dtypes in (("ints", DTYPES[2:]), ("dtypes", DTYPES)):
        if group in left_out:
            left_out.update(dtypes)
    names = tuple(inputs) if isinstance(inputs, dict) else None
    inputs = list(inputs.values() if isinstance(inputs, dict) else inputs)
    for name, (changed, given) in variations(inputs, attrs, vary or {}).items():
        if name.replace(" ", "") in left_out:
            continue
        wanted = grad if grad in (True, False) else tuple(i for i in grad if changed[i].is_float)
        described = dict(zip(names, changed)) if names else changed
        made.append(case(op, described, given, grad=wanted, training=training, out=out, tolerance=tolerance,
                         raises="recorded", note=name))  # fmt: skip
    return made
