"""A language model of stacked LSTM layers, unrolled over its steps.

Source: Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 1997; the gates without peepholes.
"""

from __future__ import annotations

import mxnet as mx


def cell(x, h, c, weights, hidden, name):
    """One step of one layer. x (batch, inputs), h and c (batch, hidden) -> the next h and c."""
    from_input = mx.sym.FullyConnected(
        x, weights["i2h_weight"], weights["i2h_bias"], num_hidden=4 * hidden, name=name + "_i2h"
    )
    from_state = mx.sym.FullyConnected(
        h, weights["h2h_weight"], weights["h2h_bias"], num_hidden=4 * hidden, name=name + "_h2h"
    )
    gates = mx.sym.elemwise_add(from_input, from_state, name=name + "_gates")
    gates = mx.sym.SliceChannel(gates, num_outputs=4, name=name + "_slice")
    take = mx.sym.Activation(gates[0], act_type="sigmoid", name=name + "_take")
    keep = mx.sym.Activation(gates[1], act_type="sigmoid", name=name + "_keep")
    new = mx.sym.Activation(gates[2], act_type="tanh", name=name + "_new")
    show = mx.sym.Activation(gates[3], act_type="sigmoid", name=name + "_show")
    kept = mx.sym.elemwise_mul(keep, c, name=name + "_kept")
    taken = mx.sym.elemwise_mul(take, new, name=name + "_taken")
    c = mx.sym.elemwise_add(kept, taken, name=name + "_c")
    shown = mx.sym.Activation(c, act_type="tanh", name=name + "_shown")
    return mx.sym.elemwise_mul(show, shown, name=name + "_h"), c


def lstm(layers, hidden, steps, vocabulary):
    """data (batch, steps) of word numbers -> one softmax (batch, vocabulary) for each step; all share their weights.

    Words are embedded in hidden numbers. The first states are inputs, (batch, hidden) each: l0_h, l0_c and so on.
    """
    parts = ("i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias")
    weights = [{part: mx.sym.Variable(f"l{layer}_{part}") for part in parts} for layer in range(layers)]
    states = [[mx.sym.Variable(f"l{layer}_{part}") for part in "hc"] for layer in range(layers)]
    classifier = {part: mx.sym.Variable("fc_" + part) for part in ("weight", "bias")}
    words = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=vocabulary, output_dim=hidden, name="embedding")
    words = mx.sym.SliceChannel(words, num_outputs=steps, axis=1, squeeze_axis=True, name="words")
    outputs = []
    for step in range(steps):
        x = words[step]
        for layer, (h, c) in enumerate(states):
            x, c = cell(x, h, c, weights[layer], hidden, f"l{layer}_t{step}")
            states[layer] = [x, c]
        x = mx.sym.FullyConnected(x, num_hidden=vocabulary, name=f"fc_t{step}", **classifier)
        outputs.append(mx.sym.SoftmaxOutput(x, name=f"softmax_t{step}"))
    return mx.sym.Group(outputs)
