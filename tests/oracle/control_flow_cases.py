"""Loops and branches: symbols, functions on arrays and Gluon blocks, run by the original's Python and by ours."""

import re

import numpy as np

#: name -> (what makes the symbols, from the module mxnet; the values of the arguments; rows that are set, by output)
SYMBOLS = {}


def symbol(_rows=None, _name=None, **values):
    def register(build):
        SYMBOLS[_name or build.__name__] = (build, values, _rows or {})
        return build

    return register


def values(shape, scale=0.5, start=0):
    """Numbers without any order, the same everywhere, between -scale and scale."""
    count = int(np.prod(shape))
    return (np.sin(np.arange(start, start + count) * 12.9898) * scale).astype("float32").reshape(shape)


@symbol(a=values((4, 2, 3)), s=values((2, 5), start=1), i2h_weight=values((5, 3), start=2),
        i2h_bias=values(5, start=3), h2h_weight=values((5, 5), start=4), h2h_bias=values(5, start=5))  # fmt: skip
def rnn(mx):
    """Weights appear inside of the body."""

    def step(data, state):
        i2h = mx.sym.FullyConnected(data, num_hidden=5, name="i2h")
        h2h = mx.sym.FullyConnected(state, num_hidden=5, name="h2h")
        output = mx.sym.Activation(i2h + h2h, act_type="tanh")
        return output, output

    return mx.sym.contrib.foreach(step, mx.sym.var("a"), mx.sym.var("s"))


@symbol(a=values((3, 2, 2)), h=values((2, 4), start=1), c=values((2, 4), start=2), w=values((16, 2), start=3),
        r=values((16, 4), start=4), b=values(16, start=5))  # fmt: skip
def lstm_of_outer_weights(mx):
    w, r, b = (mx.sym.var(name) for name in "wrb")

    def step(data, states):
        gates = mx.sym.FullyConnected(data, w, b, num_hidden=16) + mx.sym.dot(states[0], r, transpose_b=True)
        i, f, g, o = mx.sym.SliceChannel(gates, num_outputs=4)
        c = mx.sym.sigmoid(f) * states[1] + mx.sym.sigmoid(i) * mx.sym.tanh(g)
        h = mx.sym.sigmoid(o) * mx.sym.tanh(c)
        return h, [h, c]

    return mx.sym.contrib.foreach(step, mx.sym.var("a"), [mx.sym.var("h"), mx.sym.var("c")], name="lstm")


@symbol(a=values((3, 2)), b=values((3, 2), start=1), s=values(2, start=2), t=values(2, start=3), w=values(2, start=4))
def foreach_of_nested_lists(mx):
    w = mx.sym.exp(mx.sym.var("w"), name="outer")

    def step(data, states):
        x, (y,) = data
        s, (t,) = states
        return [x * s + w, [y, w, t]], [t + x, [s * y]]

    return mx.sym.contrib.foreach(
        step, [mx.sym.var("a"), [mx.sym.var("b")]], [mx.sym.var("s"), [mx.sym.exp(mx.sym.var("t"), name="e")]]
    )


@symbol(a=values(4), s=values(1, start=1))
def foreach_of_one_axis(mx):
    return mx.sym.contrib.foreach(lambda x, s: (x * s, s + x), mx.sym.var("a"), mx.sym.var("s"))


@symbol(a=values((1, 2)), s=values(2, start=1))
def foreach_of_one_step(mx):
    return mx.sym.contrib.foreach(lambda x, s: ([x, s, x], x), mx.sym.var("a"), mx.sym.var("s"))


@symbol(a=values((3, 2)))
def foreach_without_states(mx):
    return mx.sym.contrib.foreach(lambda x, states: (x * 2, states), mx.sym.var("a"), [])


@symbol(s=values(2), w=values(2, start=1))
def foreach_of_data_made_inside_the_graph(mx):
    w = mx.sym.var("w")
    data = mx.sym.stack(w, w * 2, w * 3)
    return mx.sym.contrib.foreach(lambda x, s: (mx.sym.broadcast_mul(x, data.sum()) + s, s * x), data, mx.sym.var("s"))


@symbol(a=values((3, 2)), s=values(2, start=1))
def foreach_of_shared_results(mx):
    def step(x, s):
        total = x + s[0] + s[1]
        parts = mx.sym.SliceChannel(total, num_outputs=2, axis=0)
        return [total, total, parts[0]], [total, mx.sym.concat(parts[1], parts[0], dim=0)]

    s = mx.sym.var("s")
    return mx.sym.contrib.foreach(step, mx.sym.var("a"), [s, s * 2])


@symbol(a=values((2, 3, 2)), s=values(2, start=1), w=values(2, start=2))
def foreach_in_foreach(mx):
    w = mx.sym.var("w")
    outer = mx.sym.exp(w)

    def step(x, s):
        outputs, last = mx.sym.contrib.foreach(lambda y, t: (y * w + t + outer, t + y * s), x, s)
        return outputs + 1, last

    return mx.sym.contrib.foreach(step, mx.sym.var("a"), mx.sym.var("s"))


@symbol(a=values((3, 2)), s=values(2, start=1), w=values(2, start=2))
def foreach_in_scopes(mx):
    w = mx.sym.var("w", lr_mult=2, shape=(2,))
    with mx.AttrScope(ctx_group="dev1", __mood__="good"), mx.name.Prefix("pre_"):

        def step(x, s):
            return x * w + mx.sym.var("inner", shape=(2,)) * 0 + s, s

        return mx.sym.contrib.foreach(step, mx.sym.var("a"), mx.sym.var("s"), name="loop")


SYMBOLS["foreach_in_scopes"][1]["pre_inner"] = SYMBOLS["foreach_in_scopes"][1]["inner"] = values(2)


@symbol({0: 5}, i=np.zeros(1, "float32"), s=values(1, start=1), w=values(1, start=2))
def while_that_counts(mx):
    w = mx.sym.var("w")
    return mx.sym.contrib.while_loop(
        lambda i, s: i < 5, lambda i, s: (i * w + s, [i + 1, s * 2]), [mx.sym.var("i"), mx.sym.var("s")],
        max_iterations=8,
    )  # fmt: skip


@symbol({0: 3}, i=np.zeros(1, "float32"), s=values(2, start=1))
def while_that_reaches_the_limit(mx):
    return mx.sym.contrib.while_loop(
        lambda i, s: i < 5, lambda i, s: (mx.sym.broadcast_add(s, i), (i + 1, s * s)),
        (mx.sym.var("i"), mx.sym.var("s")), max_iterations=3,
    )  # fmt: skip


@symbol(i=np.zeros(1, "float32"), s=values((2, 3), start=1))
def while_without_outputs(mx):
    return mx.sym.contrib.while_loop(
        lambda i, s: i < 2, lambda i, s: (None, [i + 1, mx.sym.tanh(s)]), [mx.sym.var("i"), mx.sym.var("s")],
        max_iterations=9, name="w",
    )  # fmt: skip


@symbol(i=np.full(1, 7, "float32"), s=values((2, 3), start=1))
def while_without_steps(mx):
    return mx.sym.contrib.while_loop(
        lambda i, s: i < 2, lambda i, s: ([], [i + 1, mx.sym.tanh(s)]), [mx.sym.var("i"), mx.sym.var("s")],
        max_iterations=9,
    )  # fmt: skip


@symbol({0: 2, 1: 2, 2: 2}, i=np.zeros(1, "float32"), s=values(1, start=1), w=values(1, start=2))
def while_of_outer_values(mx):
    w = mx.sym.var("w")
    outer = mx.sym.exp(w, name="outer")
    i, s = mx.sym.var("i"), mx.sym.var("s")
    return mx.sym.contrib.while_loop(
        lambda i, t: i * outer < w + 2, lambda j, t: ([outer, w, t], [j + outer, s * t]), [i, s], max_iterations=6
    )


@symbol({0: 4, 1: 4}, h=values((3, 4)), scores=np.array([0, -1, -2], "float32"), i=np.zeros(1, "float32"),
        w=values((5, 4), 1.5, 3), embedding=values((5, 4), 1.0, 5))  # fmt: skip
def beam_search(mx):
    """Three beams over five tokens: each step extends every beam, and keeps the three best."""
    w, embedding = mx.sym.var("w"), mx.sym.var("embedding")

    def step(i, h, scores):
        logits = mx.sym.log_softmax(mx.sym.dot(h, w, transpose_b=True))
        total = mx.sym.reshape(mx.sym.broadcast_add(logits, mx.sym.reshape(scores, shape=(3, 1))), shape=(-1,))
        best = mx.sym.topk(total, k=3, axis=0, ret_typ="indices")
        beams, tokens = mx.sym.floor(best / 5), best % 5
        h = mx.sym.tanh(mx.sym.take(h, beams) + mx.sym.take(embedding, tokens))
        return [tokens, beams], [i + 1, h, mx.sym.take(total, best)]

    return mx.sym.contrib.while_loop(
        lambda i, h, scores: mx.sym.broadcast_lesser(i, mx.sym.max(scores, keepdims=True) + 9),
        step, [mx.sym.var("i"), mx.sym.var("h"), mx.sym.var("scores")], max_iterations=4,
    )  # fmt: skip


def branches(mx):
    a, s, w = (mx.sym.var(name) for name in "asw")
    return mx.sym.contrib.cond(a < 1, lambda: [a * w, [s]], lambda: [mx.sym.exp(s), [w + a]])


symbol(_name="cond_then", a=np.array([0.5], "float32"), s=values(1, start=1), w=values(1, start=2))(branches)
symbol(_name="cond_else", a=np.array([1.5], "float32"), s=values(1, start=1), w=values(1, start=2))(branches)


def branches_of_layers(mx):
    data = mx.sym.var("data")
    outer = mx.sym.Activation(data, act_type="relu", name="outer")
    return mx.sym.contrib.cond(
        mx.sym.sum(outer, keepdims=True) > mx.sym.var("limit"),
        lambda: mx.sym.FullyConnected(data, num_hidden=2, name="fc"),
        lambda: data * mx.sym.var("factor"),
        name="choice",
    )


layers = {"data": values((2, 2), start=1), "fc_weight": values((2, 2), start=2), "fc_bias": values(2, start=3),
          "factor": values((2, 2), start=4)}  # fmt: skip
symbol(_name="cond_of_layers_then", limit=np.array([[0.1]], "float32"), **layers)(branches_of_layers)
symbol(_name="cond_of_layers_else", limit=np.array([[5]], "float32"), **layers)(branches_of_layers)


@symbol(a=np.array([1.5], "float32"), s=values(1, start=1))
def cond_in_cond(mx):
    a, s = mx.sym.var("a"), mx.sym.var("s")
    p = a < 1
    return mx.sym.contrib.cond(
        p,
        lambda: a,
        lambda: mx.sym.contrib.cond(s < 5, lambda: a * s + p, lambda: mx.sym.contrib.cond(s, lambda: a, lambda: s)),
    )


@symbol(a=np.array([0.0], "float32"), b=values((2, 2), start=1))
def cond_of_variables(mx):
    a, b = mx.sym.var("a"), mx.sym.var("b")
    return mx.sym.contrib.cond(a, lambda: [b, a], lambda: [b, b])


def flat(nested):
    return [leaf for item in nested for leaf in flat(item)] if isinstance(nested, (list, tuple)) else [nested]


def structure(nested):
    return [structure(item) for item in nested] if isinstance(nested, (list, tuple)) else 0


def group(mx, name):
    """The symbol of a case, and the structure in which the outputs came."""
    with mx.name.NameManager():
        made = SYMBOLS[name][0](mx)
    return mx.sym.Group(flat(made)), structure(made)


def without_numbers(text):
    """A symbol file in which the marks of subgraphs have no numbers: those go up with every use in a process."""
    return re.sub(r'"__subgraph_name__": "[^"]*"', lambda match: re.sub(r"\d", "", match.group()), text)


def facts(mx, name):
    """What a symbol says of itself."""
    made, nested = group(mx, name)
    children = made.get_children()
    return {
        "structure": nested, "arguments": made.list_arguments(), "auxiliary": made.list_auxiliary_states(),
        "outputs": made.list_outputs(), "internals": made.get_internals().list_outputs(),
        "children": children.list_outputs(), "attributes": without_numbers_in(made.attr_dict()),
        "types": [
            [None if dtype is None else np.dtype(dtype).name for dtype in part]
            for part in made.infer_type_partial(**{made.list_arguments()[0]: "float32"})
        ],
    }  # fmt: skip


def without_numbers_in(attributes):
    return {
        node: {key: re.sub(r"\d", "", value) if key == "__subgraph_name__" else value for key, value in own.items()}
        for node, own in attributes.items()
    }


def run(mx, made, name, differentiate=True):
    """Outputs and gradients of a symbol, bound and run in training mode; without gradients just run."""
    _, given, rows = SYMBOLS[name]
    names = made.list_arguments()
    arrays = {key: mx.nd.array(given[key]) for key in names}
    gradients = {key: mx.nd.zeros(array.shape) for key, array in arrays.items()} if differentiate else {}
    executor = made.bind(mx.cpu(), arrays, gradients or None, "write" if differentiate else "null")
    outputs = executor.forward(is_train=differentiate)
    found = {f"output{i}": out.asnumpy()[: rows.get(i)] for i, out in enumerate(outputs)}
    if differentiate:
        executor.backward([mx.nd.array(head(out.shape, i, rows)) for i, out in enumerate(outputs)])
    return {**found, **{f"gradient_{key}": gradient.asnumpy() for key, gradient in gradients.items()}}


SHAPES = [
    ("rnn", {"a": (4, 2, 3)}),
    ("rnn", {"a": (4, 2, 3), "s": (2, 5)}),
    ("lstm_of_outer_weights", {"a": (3, 2, 2), "r": (16, 4)}),
    ("foreach_of_nested_lists", {"a": (3, 2), "b": (3, 2), "t": (2,)}),
    ("foreach_of_one_axis", {"a": (4,)}),
    ("foreach_in_foreach", {"a": (2, 3, 2)}),
    ("foreach_of_one_step", {"a": (6, 2)}),
]


def shapes(mx, name, given):
    """Shapes of arguments and outputs, as far as they follow."""
    return [[list(shape) for shape in part] for part in group(mx, name)[0].infer_shape_partial(**given)]


#: name -> function of the module mxnet that gives arrays, and the function of them to differentiate; rows that are set
ARRAYS = {}


def arrays(_rows=None, *shapes):
    def register(function):
        ARRAYS[function.__name__] = (function, shapes, _rows or {})
        return function

    return register


@arrays({}, (3, 2), (3, 2), (2,), (2,))
def nd_foreach(mx, a, b, s, t):
    def step(x, states):
        return [x[0] * states[0], x[1] + states[1]], [states[0] + x[0], states[1] * x[1]]

    return mx.nd.contrib.foreach(step, [a, b], [s, t])


@arrays({}, (4,), (1,))
def nd_foreach_of_one_axis(mx, a, s):
    return mx.nd.contrib.foreach(lambda x, s: (x * s, s + x), a, s)


@arrays({0: 3, 1: 3}, (1,), (2,), (2,))
def nd_while_loop(mx, i, s, w):
    return mx.nd.contrib.while_loop(
        lambda i, s: i < 2.5, lambda i, s: ([s * w, i], [i + 1, s * s]), [i, s], max_iterations=5
    )


@arrays({}, (1,), (2,))
def nd_while_loop_without_steps(mx, i, s):
    return mx.nd.contrib.while_loop(lambda i, s: i > 2, lambda i, s: (s, [i, s]), [i, s * 2], max_iterations=5)


@arrays({}, (1,), (2,))
def nd_cond(mx, p, s):
    return [
        mx.nd.contrib.cond(p < 1, lambda: [s * s, s], lambda: s),
        mx.nd.contrib.cond(p * 0, lambda: s, lambda: s + p),
    ]


def run_arrays(mx, name):
    """Structure, outputs and gradients of a function on arrays."""
    function, shapes, rows = ARRAYS[name]
    inputs = [mx.nd.array(values(shape, start=i)) for i, shape in enumerate(shapes)]
    for array in inputs:
        array.attach_grad()
    with mx.autograd.record():
        made = function(mx, *inputs)
    outputs = flat(made)
    mx.autograd.backward(outputs, [mx.nd.array(head(out.shape, i, rows)) for i, out in enumerate(outputs)])
    found = {f"output{i}": out.asnumpy()[: rows.get(i)] for i, out in enumerate(outputs)}
    return structure(made), {**found, **{f"gradient{i}": array.grad.asnumpy() for i, array in enumerate(inputs)}}


def head(shape, number, rows):
    made = values(shape, 1, 7 + number)
    made[rows.get(number, len(made)) :] = 0
    return made


def blocks(mx):
    """Gluon blocks that loop and choose, by name."""
    gluon = mx.gluon

    class Recurrent(gluon.HybridBlock):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            with self.name_scope():
                self.cell = gluon.rnn.GRUCell(4, input_size=3)
                self.out = gluon.nn.Dense(2, in_units=4)
                self.scale = self.params.get("scale", shape=(1, 2))

        def hybrid_forward(self, F, x, state, scale):
            def step(data, states):
                output, states = self.cell(data, states)
                return F.broadcast_mul(self.out(output), scale), states

            outputs, states = F.contrib.foreach(step, x, [state])
            return outputs, states[0]

    class Doubling(gluon.HybridBlock):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            with self.name_scope():
                self.dense = gluon.nn.Dense(3, in_units=3)

        def hybrid_forward(self, F, x, state):
            total, last = F.contrib.while_loop(
                lambda i, h: F.sum(F.abs(h)) < 4, lambda i, h: ([], [i + 1, self.dense(h) + h * 2]),
                [F.sum(state) * 0, F.slice_axis(x, axis=0, begin=0, end=1).reshape((-1, 3))], max_iterations=6,
            )  # fmt: skip
            return last[0], last[1]

    class Choosing(gluon.HybridBlock):
        def __init__(self, limit, **kwargs):
            super().__init__(**kwargs)
            self.limit = limit
            with self.name_scope():
                self.one = gluon.nn.Dense(2, in_units=3, flatten=False)
                self.other = gluon.nn.Dense(2, in_units=3, flatten=False, activation="tanh")

        def hybrid_forward(self, F, x, state):
            return F.contrib.cond(
                F.sum(x) < self.limit, lambda: self.one(x), lambda: F.broadcast_add(self.other(x), F.sum(state))
            )

    return {
        "recurrent": lambda: Recurrent(prefix="net_"), "doubling": lambda: Doubling(prefix="net_"),
        "first": lambda: Choosing(9, prefix="net_"), "second": lambda: Choosing(-9, prefix="net_"),
    }  # fmt: skip


BLOCKS = ("recurrent", "doubling", "first", "second")


def make_block(mx, name, hybridize):
    block = blocks(mx)[name]()
    block.initialize()
    for number, (_, parameter) in enumerate(sorted(block.collect_params().items())):
        parameter.set_data(mx.nd.array(values(parameter.shape, 0.7, number)))
    if hybridize:
        block.hybridize()
    return block


def run_block(mx, block):
    """Outputs, and gradients of inputs and parameters, after two calls."""
    x, state = mx.nd.array(values((3, 2, 3), 1)), mx.nd.array(values((2, 4), 1, 2))
    x.attach_grad()
    state.attach_grad()
    for _ in range(2):
        with mx.autograd.record():
            outputs = flat([block(x, state)])
        mx.autograd.backward(outputs, [mx.nd.array(values(out.shape, 1, 7 + i)) for i, out in enumerate(outputs)])
    found = {f"output{i}": out.asnumpy() for i, out in enumerate(outputs)}
    found.update({"gradient_x": x.grad.asnumpy(), "gradient_state": state.grad.asnumpy()})
    found.update({f"gradient_{key}": p.grad().asnumpy() for key, p in block.collect_params().items()})
    return found


#: wrong uses, as functions of the module mxnet
WRONG = {
    "sym_foreach_data": lambda mx: mx.sym.contrib.foreach(lambda x, s: (x, s), 1, mx.sym.var("s")),
    "sym_foreach_states": lambda mx: mx.sym.contrib.foreach(lambda x, s: (x, s), mx.sym.var("a"), 1),
    "sym_foreach_output": lambda mx: mx.sym.contrib.foreach(lambda x, s: (1, s), mx.sym.var("a"), mx.sym.var("s")),
    "sym_foreach_state": lambda mx: mx.sym.contrib.foreach(lambda x, s: (x, 1), mx.sym.var("a"), mx.sym.var("s")),
    "sym_foreach_format": lambda mx: mx.sym.contrib.foreach(lambda x, s: (x, [s]), mx.sym.var("a"), mx.sym.var("s")),
    "sym_foreach_unused_data": lambda mx: mx.sym.contrib.foreach(lambda x, s: (s, s), mx.sym.var("a"), mx.sym.var("s")),
    "sym_foreach_unused_state": lambda mx: mx.sym.contrib.foreach(
        lambda x, s: (x, x), mx.sym.var("a"), mx.sym.var("s")
    ),
    "sym_foreach_one": lambda mx: mx.sym.contrib.foreach(lambda x, s: x, mx.sym.var("a"), mx.sym.var("s")),
    "sym_while_limit": lambda mx: mx.sym.contrib.while_loop(lambda i: i, lambda i: (i, i), mx.sym.var("a")),
    "sym_while_text": lambda mx: mx.sym.contrib.while_loop(lambda i: i, lambda i: (i, i), mx.sym.var("a"), "x"),
    "sym_while_zero": lambda mx: mx.sym.contrib.while_loop(lambda i: i, lambda i: (i, i), mx.sym.var("a"), 0),
    "sym_while_count": lambda mx: mx.sym.contrib.while_loop(lambda i: i, lambda i: (i, [i, i]), [mx.sym.var("a")], 3),
    "sym_while_none": lambda mx: mx.sym.contrib.while_loop(lambda i: i, lambda i: (i, None), [mx.sym.var("a")], 3),
    "sym_while_empty": lambda mx: mx.sym.contrib.while_loop(lambda: 1, lambda: ([], []), [], 3),
    "sym_while_cond": lambda mx: mx.sym.contrib.while_loop(lambda i: 1, lambda i: (i, i), mx.sym.var("a"), 3),
    "sym_while_unused": lambda mx: mx.sym.contrib.while_loop(
        lambda i, j: i, lambda i, j: (i, [i, i]), [mx.sym.var("a"), mx.sym.var("s")], 3
    ),
    "sym_while_vars": lambda mx: mx.sym.contrib.while_loop(lambda i: i, lambda i: (i, i), [1], 3),
    "sym_while_output": lambda mx: mx.sym.contrib.while_loop(lambda i: i, lambda i: (1, i), mx.sym.var("a"), 3),
    "sym_cond_count": lambda mx: mx.sym.contrib.cond(
        mx.sym.var("a"), lambda: [mx.sym.var("b"), mx.sym.var("b")], lambda: mx.sym.var("b")
    ),
    "sym_cond_none": lambda mx: mx.sym.contrib.cond(mx.sym.var("a"), lambda: None, lambda: mx.sym.var("b")),
    "sym_cond_pred": lambda mx: mx.sym.contrib.cond(1, lambda: mx.sym.var("b"), lambda: mx.sym.var("b")),
    "nd_foreach_data": lambda mx: mx.nd.contrib.foreach(lambda x, s: (x, s), 1, mx.nd.ones(2)),
    "nd_foreach_states": lambda mx: mx.nd.contrib.foreach(lambda x, s: (x, s), mx.nd.ones((2, 2)), 1),
    "nd_foreach_output": lambda mx: mx.nd.contrib.foreach(lambda x, s: (1, s), mx.nd.ones((2, 2)), mx.nd.ones(2)),
    "nd_while_limit": lambda mx: mx.nd.contrib.while_loop(lambda i: i, lambda i: (i, i), mx.nd.ones(1)),
    "nd_while_text": lambda mx: mx.nd.contrib.while_loop(lambda i: i, lambda i: (i, i), mx.nd.ones(1), "x"),
    "nd_while_count": lambda mx: mx.nd.contrib.while_loop(lambda i: i, lambda i: (i, [i, i]), [mx.nd.ones(1)], 3),
    "nd_while_empty": lambda mx: mx.nd.contrib.while_loop(lambda: 1, lambda: ([], []), [], 3),
    "nd_while_vector": lambda mx: mx.nd.contrib.while_loop(lambda i: i, lambda i: (i, i), [mx.nd.ones(2)], 3),
    "nd_while_output": lambda mx: mx.nd.contrib.while_loop(lambda i: i, lambda i: (1, i), [mx.nd.ones(1)], 3),
    "nd_cond_vector": lambda mx: mx.nd.contrib.cond(mx.nd.ones(2), lambda: 1, lambda: 2),
}


def error(mx, name):
    """The class of the error of a wrong use, and its message."""
    try:
        WRONG[name](mx)
    except Exception as found:
        return [next(c.__name__ for c in type(found).__mro__ if c.__module__ in ("builtins", "mxnet.base")), str(found)]
    return None
