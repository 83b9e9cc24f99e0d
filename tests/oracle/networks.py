"""Networks built alike with MXNet 1.9.1 and mxnext, with the shapes and dtypes from which to infer.

NETWORKS maps a name to a function of the module mxnet that returns a symbol. SHAPES maps it to what `infer_shape` is
given (a list of dicts), DTYPES to what `infer_type` is given.
"""

NETWORKS, SHAPES, DTYPES = {}, {}, {}


def network(*shapes, **options):
    def register(build):
        NETWORKS[build.__name__] = build
        SHAPES[build.__name__] = list(shapes)
        DTYPES[build.__name__] = options.get("dtypes", [{}])
        return build

    return register


@network(
    {"data": (2, 5)},
    {"data": (2, 5, 3)},
    {},
    {"data": (0, 5)},
    {"fc1_weight": (4, 7)},
    {"data": (2, 5), "fc1_weight": (4, 6)},
    {"softmax_label": (3,)},
    {"fc1_weight": (0, 7)},
    {"data": (2, 5), "softmax_label": (3,)},
    dtypes=[
        {},
        {"data": "float16"},
        {"data": "float64"},
        {"fc1_weight": "float16"},
        {"data": "float16", "fc1_weight": "float32"},
    ],
)
def mlp(mx):
    data = mx.sym.Variable("data")
    net = mx.sym.FullyConnected(data, name="fc1", num_hidden=4)
    net = mx.sym.Activation(net, name="relu1", act_type="relu")
    net = mx.sym.FullyConnected(net, name="fc2", num_hidden=3, no_bias=True)
    return mx.sym.SoftmaxOutput(net, name="softmax")


@network(
    {"data": (2, 1, 28, 28)},
    {"data": (0, 1, 28, 28)},
    {"data": (2, 0, 28, 28)},
    {"data": (2, 1, 0, 28)},
    {"data": (1, 28, 28)},
    {"data": (2, 1, 28)},
    dtypes=[{}, {"data": "float16"}],
)
def lenet(mx):
    data = mx.symbol.Variable("data")
    net = mx.symbol.Convolution(data=data, kernel=(5, 5), num_filter=20)
    net = mx.symbol.Activation(data=net, act_type="tanh")
    net = mx.symbol.Pooling(data=net, pool_type="max", kernel=(2, 2), stride=(2, 2))
    net = mx.symbol.Convolution(data=net, kernel=(5, 5), num_filter=50)
    net = mx.symbol.Activation(data=net, act_type="tanh")
    net = mx.symbol.Pooling(data=net, pool_type="max", kernel=(2, 2), stride=(2, 2))
    net = mx.symbol.Flatten(data=net)
    net = mx.symbol.FullyConnected(data=net, num_hidden=500)
    net = mx.symbol.Activation(data=net, act_type="tanh")
    net = mx.symbol.FullyConnected(data=net, num_hidden=10)
    return mx.symbol.SoftmaxOutput(data=net, name="softmax")


@network({"data": (2, 3, 8, 8)}, {"data": (2, 0, 8, 8)}, {}, {"bn0_gamma": (3,)}, dtypes=[{}, {"data": "float16"}])
def residual(mx):
    data = mx.sym.Variable("data")
    body = mx.sym.BatchNorm(data, name="bn0", fix_gamma=False, eps=2e-5, momentum=0.9)
    body = mx.sym.Activation(body, act_type="relu", name="relu0")
    body = mx.sym.Convolution(
        body, num_filter=3, kernel=(3, 3), stride=(1, 1), pad=(1, 1), no_bias=True, workspace=256, name="conv0"
    )
    body = mx.sym.BatchNorm(body, name="bn1", fix_gamma=True, use_global_stats=True)
    return mx.sym.Group([body + data, mx.sym.BlockGrad(body)])


@network({"x0": (2, 3)}, {"x0": (2, 3), "x11": (2, 5)}, {"x0": (0, 3), "x5": (4, 1)})
def many_inputs(mx):
    return mx.sym.Concat(*[mx.sym.Variable("x%d" % i) for i in range(12)], dim=0)


@network({"x": (2, 12)}, {"x": (2, 11)}, {"x": (0, 12)}, {})
def many_outputs(mx):
    parts = mx.sym.SliceChannel(mx.sym.Variable("x"), num_outputs=12, axis=1, name="s")
    return mx.sym.Group(list(parts) + [parts[0] * parts[11]])


@network(
    {"a": (2, 3)},
    {"a": (2, 0), "b": (0, 3)},
    {"b": (2, 3)},
    {"a": (2, 3), "b": (2, 4)},
    {"a": (2, 3), "b": (2, 3, 1)},
    dtypes=[{}, {"a": "int32"}, {"b": "float64"}, {"a": "int32", "b": "float32"}],
)
def arithmetic(mx):
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    x = (a + b) * 2 - 3 / a + a / 2 - (1 - b) + b**2 + 2**a - (-a) % 3 + 7 % b
    y = (a > b) + (a >= 1) + (a < b) + (a <= 2) + (a == b) + (a != 0.5)
    return mx.sym.Group(
        [
            x * y,
            a * 1e-5 + 1e20,
            mx.sym.maximum(a, 2),
            mx.sym.minimum(a, b),
            mx.sym.hypot(a, b),
            mx.sym.pow(2, b),
            abs(a),
            a + 0.1,
            a * 100000000000,
        ]
    )


@network({"data": (2, 3)}, {})
def attributes(mx):
    with mx.AttrScope(ctx_group="dev1", __mine__="1"):
        data = mx.sym.Variable("data", lr_mult=2.0, wd_mult=0.5, attr={"owner": "me"})
        weight = mx.sym.Variable("w", shape=(4, 3), dtype="float32", init=mx.initializer.One(), __foo__="bar")
        net = mx.sym.FullyConnected(
            data, weight, num_hidden=4, name="fc", lr_mult=3, attr={"__wd_mult__": "7", "__note__": "hi"}
        )
        with mx.AttrScope(ctx_group="dev2"):
            net = mx.sym.BatchNorm(net, name="bn")
            net = net + 1
    return mx.sym.FullyConnected(net, num_hidden=2, name="out", attr={"lr_mult": "0.1"})


@network({"a": (2,)})
def escapes(mx):
    a = mx.sym.Variable("a", attr={"text": 'q"uote \\ back / slash \t tab \n line \r ret', "uni": "caf\u00e9 \u4f60"})
    return mx.sym.relu(a, name="b'\"\\ \u00e9", attr={"__ctl__": "x\x0b\x0c\x08\x01y", "__empty__": ""})


@network({"data": (5, 3)}, {})
def legacy_rnn(mx):
    state = mx.sym.zeros((0, 4), name="begin")
    i2h = mx.sym.FullyConnected(mx.sym.Variable("data"), mx.sym.Variable("iw"), num_hidden=4, no_bias=True, name="i2h0")
    h2h = mx.sym.FullyConnected(state, num_hidden=4, name="h2h0")
    return mx.sym.Activation(i2h + h2h, act_type="tanh", name="t0_out")


@network({"data": (5, 3)})
def zeros_sum(mx):
    fc = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=4, name="f")
    return mx.sym.zeros((0, 4)) + fc * mx.sym.ones((0, 0)) + mx.sym.zeros((5, 0))


@network({"data": (2, 7)}, {}, {"data": (0, 7)}, dtypes=[{}, {"data": "int32"}, {"emb_weight": "float16"}])
def embedding(mx):
    net = mx.sym.Embedding(mx.sym.Variable("data"), input_dim=20, output_dim=6, name="emb")
    net = mx.sym.sum(net, axis=1)
    return mx.sym.LinearRegressionOutput(net, mx.sym.Variable("label"), name="lro")


@network({"data": (1, 4, 5, 5)}, {"data": (1, 0, 5, 5)}, {"up_weight": (4, 2, 4, 4)})
def deconvolution(mx):
    net = mx.sym.Deconvolution(
        mx.sym.Variable("data"), kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=2, name="up"
    )
    return mx.sym.LeakyReLU(net, act_type="prelu", name="prelu")


@network({"x": (2, 3, 4)}, {"x": (0, 3, 4)}, {"x": (2, 3, 5)}, {})
def reshapes(mx):
    x = mx.sym.Variable("x")
    return mx.sym.Group(
        [
            mx.sym.Reshape(x, shape=(-1, 4)),
            x.reshape((0, -1)),
            x.reshape((-2,)),
            mx.sym.reshape(x, shape=(-4, 1, 2, -2)),
            x.reshape((2, -3)),
            mx.sym.Flatten(x),
            x.flatten(),
            mx.sym.expand_dims(x, axis=1),
            mx.sym.transpose(x, axes=(2, 0, 1)),
            mx.sym.transpose(x),
            mx.sym.slice(x, begin=(0, None), end=(1, 2)),
            mx.sym.slice_axis(x, axis=-1, begin=1, end=None),
            mx.sym.swapaxes(x, 0, 1),
            mx.sym.tile(x, reps=(2, 1)),
            mx.sym.stack(x, x, axis=1),
            x.sum(axis=1),
            x.mean(),
            mx.sym.max(x, axis=(0, 2), keepdims=True),
            mx.sym.argmax(x, axis=1),
            mx.sym.broadcast_axis(x.sum(axis=0, keepdims=1), axis=0, size=3),
        ]
    )


@network(
    {"a": (2, 1), "b": (1, 3)},
    {"a": (2, 1)},
    {"a": (2, 0), "b": (1, 3)},
    {"a": (2, 2), "b": (2, 3)},
    {"a": (2, 3, 4), "b": (4,)},
    dtypes=[{}, {"a": "int64"}],
)
def broadcasting(mx):
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    return mx.sym.broadcast_mul(mx.sym.broadcast_add(a, b), mx.sym.broadcast_maximum(a, b))


@network({"data": (2, 6)}, {"label": (2, 1)}, {}, dtypes=[{}, {"data": "float64"}])
def losses(mx):
    data, label = mx.sym.Variable("data"), mx.sym.Variable("label")
    fc = mx.sym.FullyConnected(data, num_hidden=1, name="fc")
    return mx.sym.Group(
        [
            mx.sym.LogisticRegressionOutput(fc, label, name="log"),
            mx.sym.MAERegressionOutput(fc, label, grad_scale=2.0),
            mx.sym.MakeLoss(mx.sym.square(fc), normalization="batch"),
            mx.sym.make_loss(fc.abs()),
            mx.sym.BlockGrad(fc),
        ]
    )


@network({"data": (4, 5)}, {"data": (4, 0)}, dtypes=[{}, {"data": "float16"}, {"data": "int32"}])
def picking(mx):
    data = mx.sym.Variable("data")
    top = mx.sym.topk(data, k=2, ret_typ="both", axis=1, name="top")
    index = mx.sym.argsort(data, is_ascend=False)
    hot = mx.sym.one_hot(mx.sym.Variable("which"), depth=5, on_value=2, off_value=-1.5)
    return mx.sym.Group(
        [
            top,
            index,
            mx.sym.cast(data, dtype="float64"),
            mx.sym.clip(data, a_min=-1, a_max=0.5),
            hot * data,
            mx.sym.where(data > 0, data, hot),
            mx.sym.norm(data, ord=1, axis=(1,)),
        ]
    )


@network({"x": (3, 4)}, {"x": (3, 4), "y": (4, 2)}, {"y": (4, 2)}, {"x": (3, 4), "y": (5, 2)})
def products(mx):
    x, y = mx.sym.Variable("x"), mx.sym.Variable("y")
    return mx.sym.add_n(
        mx.sym.dot(x, y),
        mx.sym.dot(y, x, transpose_a=True, transpose_b=True).T
        if hasattr(mx.sym.Symbol, "T") and not isinstance(mx.sym.Symbol.T, property)
        else mx.sym.dot(x, y),
    )


@network({})
def sources(mx):
    return mx.sym.Group(
        [
            mx.sym.zeros((2, 3)),
            mx.sym.ones((2,), dtype="int32"),
            mx.sym.full((2, 2), 3.5),
            mx.sym.arange(0, 10, 2),
            mx.sym.eye(3, k=1),
            mx.sym.zeros_like(mx.sym.ones((4,))),
            mx.sym.arange(5),
            mx.sym.linspace(0, 1, 5),
            mx.sym.random.uniform(0, 1, shape=(2, 2)),
            mx.sym.random.normal(loc=1.0, scale=2, shape=3),
        ]
    )


@network({"data": (2, 3, 6, 6)}, {"data": (2, 3, 0, 6)})
def normalization(mx):
    data = mx.sym.Variable("data")
    net = mx.sym.InstanceNorm(mx.sym.L2Normalization(mx.sym.LRN(data, nsize=3)), name="inorm")
    net = mx.sym.Dropout(net, p=0.3, mode="always")
    net = mx.sym.Pooling(net, global_pool=True, pool_type="avg", kernel=(1, 1))
    net = mx.sym.LayerNorm(mx.sym.Flatten(net), name="ln")
    return mx.sym.log_softmax(mx.sym.softmax(net, axis=-1, temperature=2.0))


@network({"a": (2, 3)}, {"a": (2, 3), "b": (2, 0)})
def shared(mx):
    a, b = mx.sym.Variable("a"), mx.sym.Variable("b")
    x = a * b
    return mx.sym.Group([x, x, a, mx.sym.Concat(x, x, b, dim=1, name="c")])


@network({"data": (2, 3)})
def composed(mx):
    first = mx.sym.FullyConnected(mx.sym.Variable("in"), num_hidden=4, name="one")
    second = mx.sym.FullyConnected(mx.sym.Variable("mid"), num_hidden=2, name="two")
    return second(mid=first, name="joined")(**{"in": mx.sym.Variable("data") + 1})


@network({"data": (2, 3)})
def prefixed(mx):
    with mx.name.Prefix("pre_"):
        net = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=4, name="one")
        net = mx.sym.FullyConnected(net, num_hidden=4)
        return net + net * 2


@network({"data": (7, 2, 3)}, {"data": (0, 2, 3)}, {})
def recurrent(mx):
    return mx.sym.RNN(
        mx.sym.Variable("data"),
        state_size=5,
        num_layers=2,
        mode="lstm",
        bidirectional=True,
        state_outputs=True,
        name="rnn",
    )


def build(mx, name):
    """The network, named by a fresh NameManager."""
    with mx.name.NameManager():
        return NETWORKS[name](mx)


def describe(mx, name):
    """Everything that a symbol says of itself, without arrays."""
    import re
    import warnings

    import numpy as np

    symbol = build(mx, name)
    facts = {
        "json": symbol.tojson(),
        "arguments": symbol.list_arguments(),
        "outputs": symbol.list_outputs(),
        "auxiliary": symbol.list_auxiliary_states(),
        "inputs": symbol.list_inputs(),
        "internals": symbol.get_internals().list_outputs(),
        "attr_dict": symbol.attr_dict(),
        "debug_str": symbol.debug_str(),
        "name": symbol.name,
        "repr": repr(symbol),
        "list_attr": symbol.list_attr() if symbol.name else None,
        "shapes": [],
        "dtypes": [],
        "children": symbol.get_children().list_outputs() if symbol.get_children() is not None else None,
    }

    def attempt(function, convert):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = convert(function())
            except mx.MXNetError as error:
                return {"error": re.sub(r"\[\d\d:\d\d:\d\d\] \S+ ", "", str(error))}
        return {"result": result, "warnings": [str(w.message) for w in caught]}

    def lists(result):
        return [None if part is None else [list(shape) for shape in part] for part in result]

    def names(result):
        return [None if part is None else [None if d is None else np.dtype(d).name for d in part] for part in result]

    for shapes in SHAPES[name]:
        facts["shapes"].append(
            {
                "full": attempt(lambda given=shapes: symbol.infer_shape(**given), lists),
                "partial": attempt(lambda given=shapes: symbol.infer_shape_partial(**given), lists),
            }
        )
    for dtypes in DTYPES[name]:
        facts["dtypes"].append(
            {
                "full": attempt(lambda given=dtypes: symbol.infer_type(**given), names),
                "partial": attempt(lambda given=dtypes: symbol.infer_type_partial(**given), names),
            }
        )
    return facts


#: networks whose numbers are compared, with the shapes to bind (no random numbers)
BOUND = {
    "mlp": {"data": (2, 5)},
    "residual": {"data": (2, 3, 8, 8)},
    "many_inputs": {"x%d" % i: (2, 3) for i in range(12)},
    "many_outputs": {"x": (2, 12)},
    "arithmetic": {"a": (2, 3)},
    "attributes": {"data": (2, 3)},
    "legacy_rnn": {"data": (5, 3)},
    "zeros_sum": {"data": (5, 3)},
    "deconvolution": {"data": (1, 4, 5, 5)},
    "reshapes": {"x": (2, 3, 4)},
    "broadcasting": {"a": (2, 1), "b": (1, 3)},
    "losses": {"data": (2, 6)},
    "shared": {"a": (2, 3), "b": (2, 3)},
    "composed": {"data": (2, 3)},
    "lenet": {"data": (2, 1, 28, 28)},
}


def run_executors(mx):
    """Outputs in both modes, gradients and auxiliary states afterwards, of every bound network."""
    import numpy as np

    found = {}
    for name, shapes in BOUND.items():
        executor = build(mx, name).simple_bind(mx.cpu(), grad_req="write", **shapes)
        random = np.random.RandomState(len(name))
        for arrays in (executor.arg_dict, executor.aux_dict):
            for key in sorted(arrays):
                values = random.uniform(0.3, 1.7, arrays[key].shape)
                if "label" in key:
                    values = np.floor(values)
                arrays[key][:] = mx.nd.array(values / (40 if name == "lenet" and "weight" in key else 1))
        for mode in (False, True):
            for index, array in enumerate(executor.forward(is_train=mode)):
                found["%s/%s/%d" % (name, "train" if mode else "infer", index)] = array.asnumpy()
        heads = [mx.nd.array(random.uniform(-1, 1, array.shape), dtype=array.dtype) for array in executor.outputs]
        executor.backward(heads)
        for key, array in executor.grad_dict.items():
            found["%s/grad/%s" % (name, key)] = array.asnumpy()
        for key, array in executor.aux_dict.items():
            found["%s/aux/%s" % (name, key)] = array.asnumpy()
    return found
