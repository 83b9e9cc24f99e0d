"""Record the initializers of MXNet 1.9.1: run with its interpreter, writes data/initializer.json."""

import json
import os
import warnings

import mxnet as mx

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
I = mx.init
NAMES = (
    "a_weight a_bias a_gamma a_beta a_moving_mean a_moving_var a_running_mean a_running_var a_moving_inv_var "
    "a_moving_avg a_min a_max stn_loc_weight stn_loc_bias a_foo weight xweight a_quantize_bias a_bias_quantize a_alpha "
    "a_state upsampling_weight a_parameters"
).split()


def filled(initializer, name, shape, plain):
    array = mx.nd.full(shape, 7)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            initializer(name if plain else I.InitDesc(name), array)
    except Exception as error:  # the oracle refuses: its error type is the fact to record
        return type(error).__name__
    return array.asnumpy().tolist()


def main():
    shape_of = {"stn_loc_bias": (6,), "upsampling_weight": (1, 1, 3, 3)}
    names = [
        {
            "name": name,
            "plain": plain,
            "shape": shape_of.get(name, (2, 3)),
            "values": filled(I.Constant(3), name, shape_of.get(name, (2, 3)), plain),
        }
        for name in NAMES
        for plain in (False, True)
    ]
    exact = [
        {"initializer": text, "shape": shape, "values": filled(I.create(text), "x_weight", shape, False)}
        for text, shape in [
            ("zeros", (2, 3)),
            ("zero", (4,)),
            ("ones", (2,)),
            ("one", (2, 2)),
            ('["constant", {"value": 2.5}]', (2, 2)),
            ('["constant", {"value": [1, 2]}]', (2, 2)),
            *(("bilinear", shape) for shape in [(1, 1, 4, 4), (2, 1, 3, 3), (2, 2, 4, 5), (1, 1, 2, 2)]),
            *(('["lstmbias", {"forget_bias": 2.0}]', shape) for shape in [(8,), (9,), (12,), (8, 2)]),
        ]
    ]
    dumps = {
        text: I.create(text).dumps()
        for text in (
            "zeros",
            "ones",
            '["constant", {"value": 2}]',
            "uniform",
            '["normal", {"sigma": 0.5}]',
            "orthogonal",
            "xavier",
            '["xavier", {"rnd_type": "gaussian", "magnitude": 2}]',
            "msraprelu",
            "bilinear",
            "lstmbias",
        )
    }
    fused = []
    for mode, both, size in [("lstm", False, 216), ("lstm", True, 504), ("gru", True, 378), ("rnn_tanh", False, 54)]:
        array = mx.nd.zeros((size,))
        I.FusedRNN(None, 3, 2, mode, both, forget_bias=7.0)._init_weight(
            I.InitDesc("rnn_parameters", global_init=I.Constant(2)), array
        )
        fused.append({"mode": mode, "bidirectional": both, "values": array.asnumpy().astype(int).tolist()})
    registered = sorted(mx.registry.get_registry(I.Initializer))
    with open(os.path.join(DATA, "initializer.json"), "w") as file:
        json.dump({"names": names, "exact": exact, "dumps": dumps, "fused": fused, "registered": registered}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
