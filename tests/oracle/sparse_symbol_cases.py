"""Symbols of sparse variables, bound and differentiated by MXNet 1.9.1 (record_sparse_symbols.py) and by the tests."""

SETUP = """
values = np.array([[0, 1, 0, 2], [0, 0, 0, 0], [3, 0, -1, 0]], 'float32')
ARRAYS = {
    'D': mx.nd.array(values + 0.5), 'D2': mx.nd.array([[1, 2, 3, 4], [-1, 0.5, 2, 1], [3, -2, 1, 0]]),
    'C': mx.nd.array(values).tostype('csr'), 'C2': mx.nd.array(values[::-1] * 2).tostype('csr'),
    'R': mx.nd.array(values / 4).tostype('row_sparse'),
    'R2': mx.nd.sparse.row_sparse_array((np.array([[1, 2, 3, 4], [5, 6, 7, 8]], 'float32') / 8, [0, 1]), shape=(3, 4)),
    'T': mx.nd.array(np.arange(8).reshape(4, 2) - 3.5),
    'W': mx.nd.sparse.row_sparse_array((np.array([[1, 2], [3, 4], [5, 7]], 'float32'), [0, 1, 3]), shape=(4, 2)),
    'U': mx.nd.array(np.arange(6).reshape(3, 2) - 2.5), 'V': mx.nd.array(np.arange(12).reshape(3, 4) - 2.5),
    'I': mx.nd.array([[0, 2], [2, 1]]), 'J': mx.nd.array([2, 0, 2]), 'row': mx.nd.array([[1, 2, 4, 8]]),
    'column': mx.nd.array([[1], [0.5], [2]]), 'b': mx.nd.array([0.5, -1, 2]),
}
"""

_UNARY = """abs arcsin arcsinh arctan arctanh cbrt ceil degrees expm1 fix floor log1p negative radians relu rint round
sign sin sinh sqrt square stop_gradient tan tanh trunc zeros_like sigmoid exp cos identity make_loss""".split()

_OTHER = """
S.cast(R, dtype='float64')
R * 2
R / 2
R + 1
R - 0.5
2 - R
R ** 2
C * 2
C + 1
S.clip(R, a_min=-0.5, a_max=0.5)
S.clip(C, a_min=-0.5, a_max=1.5)
S.clip(R, a_min=0.1, a_max=0.5)
S.cast_storage(R, stype='default')
S.cast_storage(C, stype='default')
S.cast_storage(D, stype='row_sparse')
S.cast_storage(D, stype='csr')
S.sum(C, axis=0)
S.sum(C, axis=1)
S.sum(R, axis=1)
S.mean(C, axis=1)
S.norm(R)
S._internal._square_sum(R, axis=1, keepdims=True)
S._internal._square_sum(R, axis=1)
S._internal._square_sum(R, axis=0)
S._internal._sparse_retain(R, J)
S.slice(C, begin=(0, 1), end=(2, 3))
S.slice(R, begin=(0, 1), end=(2, 3))
S.take(C, J)
S.take(R, J)
S.take(D, J)
S.concat(C, C2, dim=0)
S.concat(R, R2, dim=0)
S.where(C, D, D2)
S.where(D, R, R2)
S.elemwise_add(R, R2)
S.elemwise_add(R, D)
S.elemwise_add(D, C)
S.elemwise_add(C, C2)
S.elemwise_sub(R, R2)
S.elemwise_sub(R, D)
S.elemwise_mul(R, R2)
S.elemwise_mul(R, D)
S.elemwise_mul(D, R)
S.elemwise_mul(C, D)
S.elemwise_div(R, D)
S.elemwise_div(R, R2)
R + R2
R - D
R * D
D * R
C * D
S.broadcast_add(R, D)
S.broadcast_mul(C, row)
S.broadcast_mul(C, column)
S.broadcast_div(C, row)
S.broadcast_mul(R, row)
S.add_n(R, R2, R)
S.add_n(R, D)
S.maximum(R, R2)
S.maximum(R, D)
S.FullyConnected(D, R2, num_hidden=3, no_bias=True)
S.FullyConnected(C, V, b, num_hidden=3)
S.LinearRegressionOutput(D, D2)
S.LinearRegressionOutput(D, C)
S.LogisticRegressionOutput(D, C)
S.MAERegressionOutput(D, C)
S.SoftmaxOutput(S.dot(C, W), J)
S.LinearRegressionOutput(S.dot(C, W), U)
S.Embedding(I, T, input_dim=4, output_dim=2)
S.Embedding(I, T, input_dim=4, output_dim=2, sparse_grad=True)
S.Embedding(I, W, input_dim=4, output_dim=2)
S.Embedding(I, W, input_dim=4, output_dim=2, sparse_grad=True)
S.contrib.SparseEmbedding(I, T, input_dim=4, output_dim=2)
S.contrib.SparseEmbedding(I, W, input_dim=4, output_dim=2)
S.Embedding(I, T, input_dim=4, output_dim=2, sparse_grad=True).sum() * S.sum(T)
S.sum(S.Embedding(I, T, input_dim=4, output_dim=2, sparse_grad=True)) + S.sum(S.dot(C, T))
S.dot(C, W) + S.dot(C2, W)
S.dot(C, S.square(W))
S.square(S.dot(C, W))
0.5 * S.sum(S.square(S.dot(C, W)) - S.dot(S.square(C), S.square(W)), axis=1)
S.dot(C, S.cast_storage(W, stype='default'))
S.sum(S._internal._square_sum(W, axis=1, keepdims=True))
S.BlockGrad(S.dot(C, W))
S.Group([S.dot(C, W), W])
S.reshape(R, shape=(4, 3))
S.relu(S.dot(C, W))
""".strip().splitlines()

_PRODUCTS = [
    f"S.dot({lhs}, {rhs}, transpose_a={flip_a}, transpose_b={flip_b}, forward_stype={kind})"
    for lhs, rhs, flip_a, flip_b in (
        ("C", "T", 0, 0), ("C", "W", 0, 0), ("C", "U", 1, 0), ("C", "D", 0, 1), ("C", "R", 0, 1), ("D", "T", 0, 0),
        ("C", "R", 1, 0), ("D", "W", 0, 0), ("U", "C", 1, 0), ("D", "C", 0, 1), ("D", "C", 1, 0),
    ) for kind in (None, "'default'", "'row_sparse'", "'csr'")
]  # fmt: skip

CASES = [*(f"S.{name}({array})" for name in _UNARY for array in ("R", "C")), *_OTHER, *_PRODUCTS]


def namespace(mx):
    """What the expressions see: variables of the storage type of each array, and the arrays."""
    import numpy as np

    names = {"mx": mx, "np": np, "S": mx.sym}
    exec(SETUP, names)
    for name, array in names["ARRAYS"].items():
        names[name] = mx.sym.var(name, stype=array.stype)
    return names


def run(mx, case, names):
    """Storage types of outputs and gradients of a bound symbol, and their values after forward and backward."""
    symbol = eval(case, dict(names))
    arguments = {name: names["ARRAYS"][name] for name in symbol.list_arguments()}
    reqs = {name: "null" if array.stype == "csr" or name in "IJ" else "write" for name, array in arguments.items()}
    if all(req == "null" for req in reqs.values()):
        reqs = "null"
    executor = symbol.simple_bind(mx.cpu(), grad_req=reqs, **{n: a.shape for n, a in arguments.items()})
    found = {
        "outputs": [output.stype for output in executor.outputs],
        "gradients": {n: g.stype for n, g in executor.grad_dict.items() if g is not None},
    }
    for name, array in arguments.items():
        executor.arg_dict[name][:] = array
    outputs = executor.forward(is_train=True)
    found["stypes"] = [output.stype for output in outputs]
    found["values"] = [facts(mx, output) for output in outputs]
    if reqs != "null":
        heads = [mx.nd.ones(output.shape, dtype=output.dtype) for output in outputs]
        executor.backward([head.tostype(output.stype) for head, output in zip(heads, outputs)])
        found["grads"] = {n: facts(mx, g) for n, g in executor.grad_dict.items() if g is not None}
        found["kept"] = {n: g.stype for n, g in executor.grad_dict.items() if g is not None}
    return found


def facts(mx, array):
    """Shape and elements, and the rows that a row_sparse array stores."""
    found = {"shape": list(array.shape), "values": [str(v) for v in array.asnumpy().astype("float64").ravel()]}
    if array.stype == "row_sparse":
        found["rows"] = array.indices.asnumpy().tolist()
    return found
