"""Networks of `mx.rnn`, as graphs; run by the original's Python and by ours."""

import hashlib
import random

import numpy as np

SENTENCES = [[1, 2, 3], [4, 5], [6, 7, 8], [9, 1], [2, 3], [1, 2, 3, 4, 5, 6], [7], [8, 8, 8], [5, 5]]


def stack(R, *cells):
    net = R.SequentialRNNCell()
    for cell in cells:
        net.add(cell)
    return net


# Name -> what makes the cell.
CELLS = {
    "rnn": lambda R: R.RNNCell(4),
    "rnn_relu": lambda R: R.RNNCell(4, activation="relu", prefix="r_"),
    "lstm": lambda R: R.LSTMCell(4, forget_bias=2.0),
    "gru": lambda R: R.GRUCell(4),
    "fused_lstm": lambda R: R.FusedRNNCell(4, 2, "lstm", bidirectional=True, dropout=0.2, get_next_state=True),
    "fused_gru": lambda R: R.FusedRNNCell(4, 1, "gru", get_next_state=True, prefix="f_"),
    "fused_relu": lambda R: R.FusedRNNCell(4, 2, "rnn_relu"),
    "unfused_lstm": lambda R: R.FusedRNNCell(4, 2, "lstm", bidirectional=True, dropout=0.2, prefix="f_").unfuse(),
    "unfused_gru": lambda R: R.FusedRNNCell(4, 2, "gru").unfuse(),
    "unfused_tanh": lambda R: R.FusedRNNCell(4, 1, "rnn_tanh").unfuse(),
    "stack": lambda R: stack(R, R.LSTMCell(4, prefix="a_"), R.DropoutCell(0.3), R.GRUCell(3, prefix="b_")),
    "stack_fused": lambda R: stack(R, R.FusedRNNCell(4, prefix="a_"), R.DropoutCell(0.3), R.GRUCell(3, prefix="b_")),
    "bidirectional": lambda R: R.BidirectionalCell(R.GRUCell(4, prefix="l_"), R.GRUCell(4, prefix="r_")),
    "bidirectional_fused": lambda R: R.BidirectionalCell(
        R.FusedRNNCell(4, prefix="l_"), R.FusedRNNCell(4, prefix="r_")
    ),
    "dropout": lambda R: R.DropoutCell(0.4),
    "zoneout": lambda R: R.ZoneoutCell(R.LSTMCell(4), 0.3, 0.2),
    "residual": lambda R: R.ResidualCell(R.GRUCell(3)),
    "residual_fused": lambda R: R.ResidualCell(R.FusedRNNCell(3, prefix="f_")),
    "conv_rnn": lambda R: R.ConvRNNCell((1, 3, 8, 8), 4),
    "conv_lstm": lambda R: R.ConvLSTMCell((1, 3, 8, 8), 4, i2h_kernel=(5, 5), i2h_stride=(2, 2)),
    "conv_lstm_nhwc": lambda R: R.ConvLSTMCell((1, 8, 8, 3), 4, (5, 3), conv_layout="NHWC", activation="relu"),
    "conv_gru": lambda R: R.ConvGRUCell((1, 3, 8, 8), 4, h2h_dilate=(2, 1)),
}
UNROLLED = [(layout, merge, listed) for layout in ("NTC", "TNC") for merge in (None, True, False) for listed in (0, 1)]


def flat(values):
    return [leaf for value in values for leaf in flat(value)] if isinstance(values, (list, tuple)) else [values]


def graph(mx, name, layout, merge, listed):
    """Kind of outputs, names of outputs and states, and the graph as a hash."""
    inputs = [mx.sym.Variable("x0"), mx.sym.Variable("x1")] if listed else mx.sym.Variable("data")
    with mx.name.NameManager():
        outputs, states = CELLS[name](mx.rnn).unroll(2, inputs, layout=layout, merge_outputs=merge)
        group = mx.sym.Group(flat([outputs, states]))
        text = group.tojson()
    return [type(outputs).__name__, group.list_outputs(), hashlib.sha1(text.encode()).hexdigest()]


def unpacked(mx, name):
    """Parameters gate by gate of a cell whose parameters count up from 0: name, shape, first and last element."""
    cell = CELLS[name](mx.rnn)
    outputs, _ = cell.unroll(2, mx.sym.Variable("data"), layout="NTC", merge_outputs=True)
    shapes, _, _ = outputs.infer_shape(data=(2, 2, 3))
    args = {
        name: mx.nd.array(np.arange(np.prod(shape)).reshape(shape))
        for name, shape in zip(outputs.list_arguments(), shapes)
        if name != "data"
    }
    parts = cell.unpack_weights(args)
    ends = [[name, list(a.shape), *(float(a.asnumpy().ravel()[i]) for i in (0, -1))] for name, a in parts.items()]
    return sorted(ends), args, cell.pack_weights(parts)


def batches(mx, **kwargs):
    """All batches of an epoch of `BucketSentenceIter`, for fixed seeds."""
    random.seed(0)
    np.random.seed(0)
    iterator = mx.rnn.BucketSentenceIter(SENTENCES, 2, **kwargs)
    epoch = [
        [batch.bucket_key, str(batch.provide_data), str(batch.provide_label)]
        + [array.asnumpy().tolist() for array in batch.data + batch.label]
        for batch in iterator
    ]
    return [iterator.default_bucket_key, str(iterator.provide_data), str(iterator.provide_label), epoch]


ITERATORS = {
    "given": {"buckets": [3, 2], "invalid_label": 0},
    "found": {"layout": "TN", "data_name": "d", "label_name": "l", "dtype": "int32"},
}
PACKED = "rnn lstm gru fused_lstm fused_gru fused_relu unfused_lstm stack bidirectional zoneout".split()
