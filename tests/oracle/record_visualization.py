"""Record what MXNet 1.9.1 prints and plots of some networks: run with its interpreter, writes data/visualization.json.

A case holds what `tests/test_visualization.py` needs to replay it without a Symbol: the JSON, the names of arguments
and of internal outputs, and their inferred shapes and dtypes.
"""

import contextlib
import io
import json
import os

import mxnet as mx

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
S = mx.sym


def lenet():
    body = S.Variable("data")
    for i, channels in enumerate((20, 50), 1):
        body = S.Convolution(body, kernel=(5, 5), num_filter=channels, name="conv%d" % i)
        body = S.Activation(body, act_type="tanh", name="tanh%d" % i)
        body = S.Pooling(body, pool_type="max", kernel=(2, 2), stride=(2, 2), name="pool%d" % i)
    body = S.FullyConnected(S.Flatten(body, name="flatten"), num_hidden=500, name="fc1")
    body = S.FullyConnected(S.Activation(body, act_type="tanh", name="tanh3"), num_hidden=10, name="fc2")
    return S.SoftmaxOutput(body, name="softmax")


def residual(body, channels, stride, match, name):
    def layer(data, i, stride, kernel=3):
        conv = S.Convolution(data, kernel=(kernel, kernel), stride=(stride, stride), pad=(kernel // 2, kernel // 2),
                             num_filter=channels, no_bias=True, name="%s_conv%d" % (name, i))
        return S.BatchNorm(conv, fix_gamma=False, name="%s_bn%d" % (name, i))

    out = layer(S.Activation(layer(body, 1, stride), act_type="relu", name=name + "_relu1"), 2, 1)
    shortcut = body if match else layer(body, 3, stride, 1)
    return S.Activation(out + shortcut, act_type="relu", name=name + "_relu2")


def resnet():
    body = S.Convolution(S.Variable("data"), kernel=(7, 7), stride=(2, 2), pad=(3, 3), num_filter=16, name="conv0")
    body = S.Activation(S.BatchNorm(body, name="bn0"), act_type="relu", name="relu0")
    body = S.Pooling(body, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max", name="pool0")
    body = residual(residual(body, 16, 1, True, "stage1_unit1"), 32, 2, False, "stage2_unit1")
    body = S.Pooling(body, global_pool=True, kernel=(7, 7), pool_type="avg", name="pool1")
    return S.SoftmaxOutput(S.FullyConnected(S.Flatten(body), num_hidden=10, name="fc1"), name="softmax")


def inception():
    def conv(data, channels, kernel, name):
        out = S.Convolution(data, kernel=(kernel, kernel), pad=(kernel // 2,) * 2, num_filter=channels, name=name)
        return S.LeakyReLU(out, act_type="leaky", name=name + "_act")

    data = S.Variable("data")
    a = conv(data, 4, 1, "a1")
    b = conv(conv(data, 4, 1, "b1"), 4, 3, "b3")
    c = conv(conv(conv(data, 2, 1, "c1"), 2, 3, "c3"), 4, 3, "c5")
    d = conv(S.Pooling(data, kernel=(3, 3), stride=(1, 1), pad=(1, 1), pool_type="avg", name="d_pool"), 2, 1, "d1")
    return S.Dropout(S.Concat(a, b, c, d, name="concat"), p=0.3, name="drop")


def two_outputs():
    halves = S.split(S.Variable("data"), num_outputs=2, axis=1, name="halves")
    left = S.FullyConnected(halves[0], num_hidden=3, name="left")
    return S.Group([left, S.reshape(halves[1] * 2, shape=(0, -1), name="right")])


def embedding():
    words = S.Embedding(S.Variable("words"), input_dim=100, output_dim=7, name="embed")
    return S.FullyConnected(words, num_hidden=3, flatten=True, no_bias=True, name="out")


def odd_names():
    node = S.FullyConnected(S.Variable('say "hi"'), num_hidden=3, name="node")
    return S.FullyConnected(node, num_hidden=2, name="12.5") + S.Variable("a-b")


CASES = [
    ("lenet", lenet, {"data": (64, 1, 28, 28)}, None),
    ("resnet", resnet, {"data": (1, 3, 32, 32)}, None),
    ("inception", inception, {"data": (1, 3, 8, 8)}, {"data": "float16"}),
    ("two_outputs", two_outputs, {"data": (2, 8)}, None),
    ("embedding", embedding, {"words": (2, 5)}, None),
    ("odd_names", odd_names, {'say "hi"': (2, 5)}, None),
]
PLOTS = [
    {},
    {"shape": True, "title": "the network"},
    {"hide_weights": False, "node_attrs": {"shape": "oval", "fixedsize": "false"}, "save_format": "png"},
]


def printed(symbol, **kwargs):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        mx.viz.print_summary(symbol, **kwargs)
    return out.getvalue()


def main():
    cases = {}
    for name, network, shape, dtype in CASES:
        symbol = network()
        internals = symbol.get_internals()
        plots = []
        for plot in PLOTS + ([{"shape": True, "dtype": dtype}] if dtype else []):
            given = dict(plot, shape=shape) if plot.get("shape") else plot
            plots.append({"arguments": plot, "source": mx.viz.plot_network(symbol, **given).source})
        cases[name] = {
            "json": symbol.tojson(), "arguments": symbol.list_arguments(), "internals": internals.list_outputs(),
            "shape": shape, "shapes": internals.infer_shape(**shape)[1], "dtype": dtype,
            "dtypes": [t.__name__ for t in internals.infer_type(**dtype)[1]] if dtype else None,
            "summary": printed(symbol, shape=shape), "summary_without_shape": printed(symbol),
            "summary_narrow": printed(symbol, shape=shape, line_length=72, positions=[30, 48, 58, 72]),
            "plots": plots,
        }
    with open(os.path.join(DATA, "visualization.json"), "w") as file:
        json.dump({"cases": cases}, file, indent=1)
        file.write("\n")


main()
