"""Symbols of the neural-network operators, made the same way in MXNet 1.9.1 and here: names, attributes, inference.

``python tests/oracle/nn_symbols.py`` with the oracle's interpreter writes data/nn_symbols.json.
"""

import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))


def symbols(mx):
    """name -> (symbol, known shapes)."""
    s = mx.sym
    d = s.Variable("data")
    image, flat, steps = {"data": (2, 6, 8, 10)}, {"data": (4, 5)}, {"data": (7, 2, 5)}
    lstm = {"state_size": 3, "num_layers": 2, "mode": "lstm"}
    return {
        "conv": (s.Convolution(d, kernel=(3, 3), num_filter=4, name="x"), image),
        "conv_group": (s.Convolution(d, kernel=(3,), num_filter=4, num_group=2, no_bias=True, name="x"),
                       {"data": (2, 6, 8)}),
        "conv_nhwc": (s.Convolution(d, kernel=(3, 2), num_filter=4, layout="NHWC", name="x"), image),
        "conv_v1": (s.Convolution_v1(d, kernel=(3, 3), num_filter=4, name="x"), image),
        "deconv": (s.Deconvolution(d, kernel=(3, 3), num_filter=4, no_bias=False, num_group=2, name="x"), image),
        "deconv_nhwc": (s.Deconvolution(d, kernel=(3, 2), num_filter=4, layout="NHWC", name="x"), image),
        "fc": (s.FullyConnected(d, num_hidden=3, name="x"), image),
        "fc_unflattened": (s.FullyConnected(d, num_hidden=3, flatten=False, no_bias=True, name="x"), image),
        "pooling_v1": (s.Pooling_v1(d, kernel=(2, 2), name="x"), image),
        "adaptive": (s.contrib.AdaptiveAvgPooling2D(d, output_size=(2, 2), name="x"), image),
        "bn": (s.BatchNorm(d, name="x"), image),
        "bn_axis": (s.BatchNorm(d, name="x", axis=3, output_mean_var=True), image),
        "bn_v1": (s.BatchNorm_v1(d, name="x"), image),
        "bn_v1_visible": (s.BatchNorm_v1(d, name="x", output_mean_var=True), image),
        "sync": (s.contrib.SyncBatchNorm(d, name="x", key="a", output_mean_var=True), image),
        "ln": (s.LayerNorm(d, name="x"), image),
        "ln_visible": (s.LayerNorm(d, axis=1, name="x", output_mean_var=True), image),
        "gn": (s.GroupNorm(d, name="x", num_groups=2), image),
        "gn_visible": (s.GroupNorm(d, name="x", num_groups=2, output_mean_var=True), image),
        "in": (s.InstanceNorm(d, name="x"), image),
        "l2": (s.L2Normalization(d, name="x"), image),
        "lrn": (s.LRN(d, nsize=3, name="x"), image),
        "activation": (s.Activation(d, act_type="relu", name="x"), image),
        "prelu": (s.LeakyReLU(d, act_type="prelu", name="x"), image),
        "rrelu": (s.LeakyReLU(d, act_type="rrelu", name="x"), image),
        "leaky": (s.LeakyReLU(d, name="x"), image),
        "softmax": (s.softmax(d, name="x"), image),
        "softmax_length": (s.softmax(d, use_length=True, axis=2, name="x"), image),
        "softmax_output": (s.SoftmaxOutput(d, name="x"), flat),
        "softmax_output_multi": (s.SoftmaxOutput(d, multi_output=True, name="x"), image),
        "softmax_output_alias": (s.Softmax(d, name="x"), image),
        "linear": (s.LinearRegressionOutput(d, name="x"), flat),
        "linear_column": (s.LinearRegressionOutput(d, name="x"), {"data": (4, 1)}),
        "logistic": (s.LogisticRegressionOutput(d, name="x"), image),
        "svm": (s.SVMOutput(d, name="x"), flat),
        "MakeLoss": (s.MakeLoss(d, name="x"), flat),
        "make_loss": (s.make_loss(d, name="x"), flat),
        "block": (s.BlockGrad(d, name="x"), flat),
        "sparse": (s.IdentityAttachKLSparseReg(d, name="x"), flat),
        "cross_entropy": (s.softmax_cross_entropy(d, name="x"), {"data": (4, 5), "x_label": (4,)}),
        "ctc": (s.CTCLoss(d, name="x"), {"data": (7, 2, 5), "x_label": (2, 3)}),
        "ctc_lengths": (s.CTCLoss(d, name="x", use_label_lengths=True),
                        {"data": (7, 2, 5), "x_label": (2, 3), "x_label_lengths": (2,)}),
        "dropout": (s.Dropout(d, name="x"), image),
        "embedding": (s.Embedding(d, input_dim=3, output_dim=4, name="x"), flat),
        "rnn": (s.RNN(d, name="x", **lstm), steps),
        "rnn_states": (s.RNN(d, name="x", state_outputs=True, bidirectional=True, **lstm), steps),
        "gru": (s.RNN(d, state_size=3, num_layers=1, mode="gru", name="x", state_outputs=True), steps),
        "rnn_projection": (s.RNN(d, name="x", state_outputs=True, projection_size=2, **lstm), steps),
        "mask": (s.SequenceMask(d, use_sequence_length=True, axis=1, name="x"), steps),
        "last": (s.SequenceLast(d, use_sequence_length=True, name="x"), steps),
        "reverse": (s.SequenceReverse(d, name="x"), steps),
        "upsample": (s.UpSampling(d, s.Variable("e", init="x"), scale=2, sample_type="nearest", num_args=2, name="x"),
                     {**image, "e": (2, 3, 4, 5)}),
        "resize": (s.contrib.BilinearResize2D(d, height=4, width=5, name="x"), image),
        "resize_like": (s.contrib.BilinearResize2D(d, mode="like", name="x"), {**image, "x_like": (1, 2, 3, 4)}),
        "crop": (s.Crop(d, s.Variable("e"), num_args=2, name="x"), {**image, "e": (2, 3, 4, 5)}),
        # what is known of the result tells of the data
        "fc_backwards": (s.FullyConnected(s.Variable("h"), num_hidden=3, name="x") + d,
                         {"data": (4, 3), "h": (0, 5)}),
        "unknown_batch": (s.FullyConnected(s.Activation(s.Convolution(d, kernel=(3, 3), num_filter=4, name="c"),
                                                        act_type="relu"), num_hidden=3, name="x"),
                          {"data": (0, 3, 5, 5)}),
    }  # fmt: skip


def describe(symbol, shapes):
    """What is compared, as plain values."""
    nodes = json.loads(symbol.tojson())["nodes"]
    arguments, outputs, states = symbol.infer_shape_partial(**shapes)
    return {
        "arguments": symbol.list_arguments(),
        "states": symbol.list_auxiliary_states(),
        "outputs": symbol.list_outputs(),
        "internals": symbol.get_internals().list_outputs(),
        "attributes": {node["name"]: node["attrs"] for node in nodes if node.get("attrs")},
        "shapes": json.loads(json.dumps([arguments, outputs, states])),
    }


def main():
    import mxnet as mx

    with mx.name.NameManager():
        found = {name: describe(symbol, shapes) for name, (symbol, shapes) in symbols(mx).items()}
    with open(os.path.join(HERE, "data", "nn_symbols.json"), "w") as file:
        json.dump(found, file, indent=0, sort_keys=True)


if __name__ == "__main__":
    main()
