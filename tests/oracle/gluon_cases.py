"""Gluon layers, losses and recurrent layers with fixed parameters, inputs and head gradients.

`record_gluon.py` runs them with the original and keeps the results; tests/test_gluon_*.py run them with ours.
A case is (name, builder of a block, inputs, options); builders take the module mxnet.
"""

import numpy as np


def numbers(seed, *shape, low=-2.0, high=2.0):
    return np.random.RandomState(seed).uniform(low, high, shape).astype("float32")


def _dense_stack(mx):
    net = mx.gluon.nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(mx.gluon.nn.Dense(4, activation="tanh"), mx.gluon.nn.BatchNorm(), mx.gluon.nn.Dense(2))
    return net


def _concurrent(mx):
    net = mx.gluon.contrib.nn.HybridConcurrent(axis=1, prefix="side_")
    with net.name_scope():
        net.add(mx.gluon.nn.Dense(2), mx.gluon.contrib.nn.Identity())
    return net


def nn(name, **kwargs):
    args = kwargs.pop("args", ())
    return lambda mx: getattr(mx.gluon.nn, name)(*args, **kwargs)


def contrib(name, *args):
    return lambda mx: getattr(mx.gluon.contrib.nn, name)(*args)


LAYERS = [
    ("dense", nn("Dense", units=3), [(2, 4)]),
    ("dense_flatten", nn("Dense", units=3, activation="relu", use_bias=False), [(2, 3, 2)]),
    ("dense_last_axis", nn("Dense", units=3, flatten=False, bias_initializer="ones", in_units=4), [(2, 3, 4)]),
    ("dropout", nn("Dropout", rate=0.0), [(2, 3)]),
    ("batch_norm", nn("BatchNorm"), [(4, 3, 2, 2)]),
    ("batch_norm_last", nn("BatchNorm", axis=-1, momentum=0.5, epsilon=0.01, in_channels=3), [(4, 2, 3)]),
    ("batch_norm_fixed", nn("BatchNorm", center=False, scale=False), [(4, 3)]),
    ("batch_norm_global", nn("BatchNorm", use_global_stats=True), [(4, 3, 2)]),
    ("flatten", nn("Flatten"), [(2, 3, 4)]),
    ("instance_norm", nn("InstanceNorm"), [(2, 3, 4)]),
    ("instance_norm_last", nn("InstanceNorm", axis=-1, scale=True, center=False), [(2, 3, 4)]),
    ("layer_norm", nn("LayerNorm"), [(2, 3, 4)]),
    ("layer_norm_axis", nn("LayerNorm", axis=1, epsilon=0.1, in_channels=3), [(2, 3, 4)]),
    ("group_norm", nn("GroupNorm", num_groups=2), [(2, 4, 3)]),
    ("hybrid_lambda", nn("HybridLambda", function="tanh"), [(2, 3)]),
    ("lambda", nn("Lambda", function="sigmoid"), [(2, 3)]),
    ("sequential", _dense_stack, [(5, 3)]),
    ("concurrent", _concurrent, [(2, 3)]),
    ("identity", contrib("Identity"), [(2, 3)]),
    ("pixel_shuffle_1d", contrib("PixelShuffle1D", 2), [(1, 4, 3)]),
    ("pixel_shuffle_2d", contrib("PixelShuffle2D", (2, 3)), [(1, 12, 2, 2)]),
    ("pixel_shuffle_3d", contrib("PixelShuffle3D", 2), [(1, 16, 1, 2, 1)]),
    ("activation", nn("Activation", activation="softsign"), [(2, 3)]),
    ("leaky_relu", nn("LeakyReLU", alpha=0.1), [(2, 3)]),
    ("prelu", nn("PReLU"), [(2, 3)]),
    ("prelu_channels", nn("PReLU", in_channels=3, alpha_initializer="ones"), [(2, 3, 2)]),
    ("elu", nn("ELU", alpha=0.7), [(2, 3)]),
    ("selu", nn("SELU"), [(2, 3)]),
    ("gelu", nn("GELU"), [(2, 3)]),
    ("swish", nn("Swish", beta=1.5), [(2, 3)]),
    ("reflection_pad", nn("ReflectionPad2D", padding=2), [(1, 2, 3, 4)]),
    ("reflection_pad_sides", nn("ReflectionPad2D", padding=(0, 0, 0, 0, 1, 2, 0, 1)), [(1, 1, 3, 4)]),
    *(
        case
        for ndim, shape in ((1, (2, 4, 7)), (2, (2, 4, 7, 6)), (3, (1, 4, 5, 4, 4)))
        for case in (
            (f"conv{ndim}d", nn(f"Conv{ndim}D", channels=6, kernel_size=3), [shape]),
            (f"conv{ndim}d_options", nn(f"Conv{ndim}D", channels=6, kernel_size=3, strides=2, padding=1, dilation=2,
                                        groups=2, use_bias=False, activation="relu", in_channels=4), [shape]),
            (f"conv{ndim}d_transpose", nn(f"Conv{ndim}DTranspose", channels=6, kernel_size=3), [shape]),
            (f"conv{ndim}d_transpose_options", nn(f"Conv{ndim}DTranspose", channels=6, kernel_size=3, strides=2,
                                                  padding=1, output_padding=1, groups=2, use_bias=False,
                                                  activation="tanh", in_channels=4), [shape]),
            (f"max_pool{ndim}d", nn(f"MaxPool{ndim}D"), [shape]),
            (f"max_pool{ndim}d_options", nn(f"MaxPool{ndim}D", pool_size=3, strides=2, padding=1, ceil_mode=True),
             [shape]),
            (f"avg_pool{ndim}d", nn(f"AvgPool{ndim}D"), [shape]),
            (f"avg_pool{ndim}d_options", nn(f"AvgPool{ndim}D", pool_size=3, strides=2, padding=1,
                                            count_include_pad=False), [shape]),
            (f"global_max_pool{ndim}d", nn(f"GlobalMaxPool{ndim}D"), [shape]),
            (f"global_avg_pool{ndim}d", nn(f"GlobalAvgPool{ndim}D"), [shape]),
        )
    ),
]  # fmt: skip


def loss(name, *args, **kwargs):
    return lambda mx: getattr(mx.gluon.loss, name)(*args, **kwargs)


SIGNS = np.sign(numbers(7, 3, 4))
PROBABILITIES = numbers(8, 3, 4, low=0.05, high=0.95)
DISTRIBUTION = PROBABILITIES / PROBABILITIES.sum(1, keepdims=True)
CLASSES = np.array([0, 3, 1], "float32")
PRED, LABEL, OTHER = numbers(1, 3, 4), numbers(2, 3, 4), numbers(3, 3, 4)
SAMPLES = np.array([[1.0], [0.5], [2.0]], "float32")
CTC_LABEL = np.array([[0, 1, 1], [2, 0, -1]], "float32")
COUNTS = np.array([[1, 2, 5, 1], [7, 1, 3, 2], [4, 1, 1, 9]], "float32")

LOSSES = [
    ("l2", loss("L2Loss"), [PRED, LABEL]),
    ("l2_weighted", loss("L2Loss", weight=3.0), [PRED, LABEL.reshape(-1), SAMPLES]),
    ("l2_batch_axis", loss("L2Loss", batch_axis=1), [PRED, LABEL]),
    ("l1", loss("L1Loss", weight=2.0), [PRED, LABEL, SAMPLES]),
    ("sigmoid", loss("SigmoidBCELoss"), [PRED, PROBABILITIES]),
    ("sigmoid_weighted", loss("SigmoidBCELoss", weight=2), [PRED, PROBABILITIES, SAMPLES, numbers(4, 4, low=0.5)]),
    ("from_sigmoid", loss("SigmoidBCELoss", from_sigmoid=True), [PROBABILITIES, DISTRIBUTION]),
    ("from_sigmoid_weighted", loss("SigmoidBCELoss", from_sigmoid=True),
     [PROBABILITIES, DISTRIBUTION, SAMPLES, numbers(4, 4, low=0.5)]),
    ("softmax", loss("SoftmaxCELoss"), [PRED, CLASSES]),
    ("softmax_weighted", loss("SoftmaxCELoss", weight=0.5), [PRED, CLASSES, SAMPLES]),
    ("softmax_dense", loss("SoftmaxCELoss", sparse_label=False), [PRED, DISTRIBUTION]),
    ("softmax_axis", loss("SoftmaxCELoss", axis=1),
     [numbers(5, 3, 4, 2), np.array([[0, 3], [1, 1], [2, 0]], "float32")]),
    ("softmax_from_logits", loss("SoftmaxCELoss", from_logits=True), [PRED, CLASSES]),
    ("kl", loss("KLDivLoss"), [np.log(PROBABILITIES), DISTRIBUTION, SAMPLES]),
    ("kl_logits", loss("KLDivLoss", from_logits=False, weight=2), [PRED, DISTRIBUTION]),
    ("ctc", loss("CTCLoss", weight=2), [numbers(6, 2, 6, 4), CTC_LABEL]),
    ("ctc_time_first", loss("CTCLoss", layout="TNC", label_layout="TN"), [numbers(6, 6, 2, 4), CTC_LABEL.T.copy()]),
    ("ctc_lengths", loss("CTCLoss"), [numbers(6, 2, 6, 4), np.abs(CTC_LABEL), np.array([6, 4], "float32"),
                                      np.array([3, 2], "float32"), np.array([1, 3], "float32")]),
    ("huber", loss("HuberLoss", rho=0.7), [PRED, LABEL, SAMPLES]),
    ("hinge", loss("HingeLoss", margin=0.8), [PRED, SIGNS]),
    ("squared_hinge", loss("SquaredHingeLoss"), [PRED, SIGNS]),
    ("logistic", loss("LogisticLoss"), [PRED, SIGNS]),
    ("logistic_binary", loss("LogisticLoss", label_format="binary"), [PRED, (SIGNS + 1) / 2]),
    ("triplet", loss("TripletLoss", margin=2, weight=3), [PRED, LABEL, OTHER]),
    ("poisson", loss("PoissonNLLLoss", weight=2), [PRED, COUNTS, SAMPLES]),
    ("poisson_counts", loss("PoissonNLLLoss", from_logits=False), [PROBABILITIES, COUNTS]),
    ("cosine", loss("CosineEmbeddingLoss", margin=0.1), [PRED, LABEL, np.array([1, -1, 1], "float32")]),
    ("cosine_weighted", loss("CosineEmbeddingLoss", weight=2),
     [PRED, OTHER, np.array([-1, -1, 1], "float32"), SAMPLES]),
    ("sdml", loss("SDMLLoss", smoothing_parameter=0.2), [PRED, LABEL]),
]  # fmt: skip


def rnn(name, *args, **kwargs):
    return lambda mx: getattr(mx.gluon.rnn, name)(*args, prefix="z_", **kwargs)


def _stack(mx):
    rnn = mx.gluon.rnn
    stack = rnn.HybridSequentialRNNCell(prefix="stack_")
    with stack.name_scope():
        stack.add(rnn.LSTMCell(3))
        stack.add(rnn.DropoutCell(0.0))
        stack.add(rnn.ResidualCell(rnn.GRUCell(3)))
    return stack


def _both_ways(mx):
    rnn = mx.gluon.rnn
    return rnn.BidirectionalCell(rnn.LSTMCell(3, prefix="l_"), rnn.GRUCell(3, prefix="r_"))


CELLS = [
    ("rnn_cell", rnn("RNNCell", 3)),
    ("rnn_cell_relu", rnn("RNNCell", 3, activation="relu", input_size=4, i2h_bias_initializer="ones")),
    ("lstm_cell", rnn("LSTMCell", 3)),
    ("lstm_cell_activations", rnn("LSTMCell", 3, activation="softsign", recurrent_activation="tanh")),
    ("gru_cell", rnn("GRUCell", 3)),
    ("stack", _stack),
    ("both_ways", _both_ways),
]
RECURRENT = [
    ("rnn", rnn("RNN", 3)),
    ("rnn_tanh", rnn("RNN", 3, 2, activation="tanh", bidirectional=True, layout="NTC")),
    ("lstm", rnn("LSTM", 3, 2)),
    ("lstm_both", rnn("LSTM", 3, 2, bidirectional=True, input_size=4)),
    ("lstm_projected", rnn("LSTM", 5, 2, bidirectional=True, projection_size=3, input_size=4)),
    ("gru", rnn("GRU", 3, 2, layout="NTC", bidirectional=True)),
]


def fill(mx, block):
    """Give every parameter numbers that follow from its place; running variances are positive."""
    for number, (name, parameter) in enumerate(sorted(block.collect_params().items())):
        values = numbers(100 + number, *parameter.shape, low=-0.7, high=0.7)
        parameter.set_data(mx.nd.array(abs(values) + 0.1 if name.endswith("var") else values))


def describe(block):
    return {
        "repr": repr(block),
        "params": {name: [list(p.shape), p.grad_req] for name, p in block.collect_params().items()},
    }


def gradients(mx, block, arrays, run):
    """Outputs of run() in training, and the gradients of arrays and parameters for fixed head gradients."""
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        outputs = run()
    heads = [mx.nd.array(numbers(50 + n, *out.shape)) for n, out in enumerate(outputs)]
    mx.autograd.backward(outputs, heads)
    found = {f"out{n}": out.asnumpy() for n, out in enumerate(outputs)}
    found.update({f"grad{n}": array.grad.asnumpy() for n, array in enumerate(arrays)})
    for name, parameter in sorted(block.collect_params().items()):
        if parameter.grad_req != "null":
            found[f"grad_{name}"] = parameter.grad().asnumpy()
        elif "running" in name:
            found[f"new_{name}"] = parameter.data().asnumpy()
    return found


def run_layer(mx, build, shapes, hybridize=False):
    block = build(mx)
    facts = {"before": describe(block)}
    arrays = [mx.nd.array(numbers(10 + n, *shape)) for n, shape in enumerate(shapes)]
    block.initialize()
    block(*arrays)
    fill(mx, block)
    if hybridize:
        block.hybridize()
    found = {"predicted": block(*arrays).asnumpy()}
    found.update(gradients(mx, block, arrays, lambda: [block(*arrays)]))
    facts["after"] = describe(block)
    return facts, found


def run_loss(mx, build, inputs, hybridize=False):
    block = build(mx)
    arrays = [mx.nd.array(values) for values in inputs]
    if hybridize:
        block.hybridize()
    trained = arrays[: 1 if block.name.startswith("ctc") else 2]  # the label gradient of CTC is not even zero there
    found = gradients(mx, block, trained, lambda: [block(*arrays)])
    return {"repr": repr(block)}, found


def run_cell(mx, build, valid, hybridize=False):
    """Three steps of two sequences; with valid lengths 1 and 3 if valid."""
    block = build(mx)
    facts = {"before": describe(block), "states": repr(block.state_info(2))}
    data = mx.nd.array(numbers(20, 3, 2, 3 if block.prefix == "stack_" else 4))
    lengths = mx.nd.array([1, 3]) if valid else None
    block.initialize()

    def run():
        outputs, states = block.unroll(3, data, layout="TNC", merge_outputs=True, valid_length=lengths)
        return [outputs, *states]

    run()
    fill(mx, block)
    if hybridize:
        block.hybridize()
    found = gradients(mx, block, [data], run)
    facts["after"] = describe(block)
    return facts, found


def run_recurrent(mx, build, hybridize=False):
    block = build(mx)
    facts = {"before": describe(block), "states": repr(block.state_info(2))}
    data = mx.nd.array(numbers(20, 3, 2, 4) if block._layout == "TNC" else numbers(20, 2, 3, 4))
    block.initialize()
    block(data)
    fill(mx, block)
    if hybridize:
        block.hybridize()
    states = [mx.nd.array(numbers(30 + n, *s.shape)) for n, s in enumerate(block.begin_state(2))]
    found = {"alone": block(data).asnumpy()}

    def run():
        outputs, new_states = block(data, states)
        return [outputs, *new_states]

    if block._projection_size:  # the original can't train it on a CPU
        found.update({f"out{n}": out.asnumpy() for n, out in enumerate(run())})
    else:
        found.update(gradients(mx, block, [data, *states], run))
    facts["after"] = describe(block)
    return facts, found
