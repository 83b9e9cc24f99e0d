"""Recurrent layers and operators on sequences.

On a CPU the oracle ignores sequence_length and the limits of the cell without a word; tests/test_ops_nn.py has these.
"""

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


# Recurrent layers

GATES = {"rnn_relu": 1, "rnn_tanh": 1, "gru": 3, "lstm": 4}


def rnn(mode, layers=1, directions=1, hidden=3, inputs=4, time=5, batch=2, projection=None):
    gates, size, width = GATES[mode], 0, inputs
    out = projection or hidden
    for _ in range(layers):
        size += directions * (gates * hidden * (width + out + 2) + (hidden * out if projection else 0))
        width = directions * out
    arrays = {
        "data": normal(time, batch, inputs), "parameters": uniform(size),
        "state": normal(layers * directions, batch, out),
    }  # fmt: skip
    if mode == "lstm":
        arrays["state_cell"] = normal(layers * directions, batch, hidden)
    return arrays


for mode in GATES:
    for layers in (1, 2):
        for bidirectional in (False, True):
            add("RNN", rnn(mode, layers, 1 + bidirectional), state_size=3, num_layers=layers, mode=mode,
                bidirectional=bidirectional, state_outputs=True, tolerance=WIDE)
    add("RNN", rnn(mode, 2), state_size=3, num_layers=2, mode=mode, tolerance=WIDE)
    add("RNN", rnn(mode, 2), state_size=3, num_layers=2, mode=mode, training=False, grad=False, state_outputs=True)
    add("RNN", rnn(mode, 2), state_size=3, num_layers=2, mode=mode, p=0.5, training=False, grad=False)
    add("RNN", rnn(mode), state_size=4, num_layers=1, mode=mode, raises=True)
for layers, directions in ((1, 1), (2, 1), (1, 2), (2, 2)):
    add("RNN", rnn("lstm", layers, directions, projection=2), state_size=3, num_layers=layers, mode="lstm",
        bidirectional=directions == 2, projection_size=2, state_outputs=True, training=False, grad=False)

# Sequences

for op in ("SequenceMask", "SequenceLast", "SequenceReverse"):
    for axis in (0, 1):
        if axis and op == "SequenceReverse":
            continue
        data = normal(*((4, 3, 2) if axis == 0 else (3, 4, 2)))
        add(op, {"data": data, "sequence_length": values([1, 4, 2])}, use_sequence_length=True, axis=axis,
            grad=(0,))
        add(op, data, axis=axis, grad=op != "SequenceLast")  # whose gradient crashes the oracle
        if op != "SequenceLast":  # crashes the oracle
            add(op, {"data": data, "sequence_length": values([1, 4, 2], "int32")}, use_sequence_length=True, axis=axis,
                grad=(0,))
    add(op, {"data": normal(4, 3), "sequence_length": values([1, 4, 2])}, use_sequence_length=True, grad=(0,))
    add(op, {"data": normal(4, 3, 2, 2), "sequence_length": values([3, 4, 2])}, use_sequence_length=True,
        grad=(0,))
add("SequenceMask", {"data": normal(4, 3, 2), "sequence_length": values([0, 9, 2])}, use_sequence_length=True,
    value=-7.5,
    grad=(0,))
add("SequenceMask", {"data": labels(9, 4, 3, 2, dtype="int32"), "sequence_length": values([0, 9, 2])},
    use_sequence_length=True, value=-7, grad=False)
add("SequenceReverse", normal(4, 3, 2), axis=1, raises=True)
add("SequenceMask", normal(4, 3, 2), axis=2, raises=True)
