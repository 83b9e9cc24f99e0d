# ruff: noqa: E501 (tables of cases)
"""Keys and values for indexing and assignment; every combination runs in the original and in ours.

Expressions are evaluated with `mx`, `nd`, `np`, and `x`: an array of shape (3, 4, 5) that counts from 1.
"""

from __future__ import annotations

import itertools

_ONE = ("0", "-1", "2", "slice(None)", "slice(1, None)", "slice(-2, None)", "slice(None, None, 2)", "slice(None, None, -1)",
        "slice(2, 0, -1)", "slice(3, 1)", "slice(1, 100)", "None", "Ellipsis", "np.int64(1)", "True")  # fmt: skip
_PAIR = ("1", "-1", "slice(None)", "slice(1, 3)", "slice(None, None, 2)", "slice(None, None, -2)", "None", "Ellipsis",
         "[0, 2]", "[1]", "[-1, 1]", "nd.array([0, 2])", "np.array([2, 0])")  # fmt: skip
_TRIPLE = ("1", "slice(0, 2)", "slice(None, None, -1)", "None", "[0, 2]", "Ellipsis")
_SPECIAL = (
    "[0, 1]", "[[0, 1], [2, 0]]", "[2]", "[-3, -1]", "(0,)", "()", "(0, 1, 2)", "(0, 1, 2, None)", "(-1, -1, -1)",
    "nd.array([0, 2])", "nd.array([0, 2], dtype='int32')", "nd.array([0, 2], dtype='int64')", "nd.array([[0], [1]])",
    "nd.array([1.7])", "nd.array([1], dtype='uint8')", "np.array([0, 2])", "np.array([[0, 2]])", "np.array(1)",
    "np.array([0, 2], dtype='uint8')", "np.float32(1)", "1.0", "1.5", "'a'", "None", "(None, None)", "(Ellipsis, None)",
    "([0, 1], [1, 2])", "([0, 1], [1, 2], [3, 4])", "([[0], [1]], [1, 2])", "([0, 1], slice(None), [3, 4])",
    "(slice(None), [0, 1], [3, 4])", "(0, slice(None), [3, 4])", "([0, 1], 1)", "(1, [0, 1])", "(1, [0, 1], 2)",
    "(slice(None), 1, [3, 4])", "([0, 1], slice(1, 3), 2)", "([0, 1], None, [1, 2])", "(None, [0, 1])",
    "([0, 1], Ellipsis)", "(Ellipsis, [0, 1])", "(Ellipsis, [0, 1], 2)", "(nd.array([0, 1]), np.array([1, 2]), 0)",
    "(nd.array([[0], [1]]), slice(None), [0, 4])", "(slice(0, 2), nd.array([1, 2]), slice(None, None, 2))",
    "range(2)", "range(0, 3, 2)", "(slice(None), range(3))", "[]", "np.array([], dtype='int64')", "slice(0, 0)",
    "(slice(None), slice(2, 2))", "(0, slice(1, None, -1))", "(0, 0, slice(None, None, -1))", "(0, 0, slice(1, 4, 2))",
    "(slice(None), slice(None), 0)", "(slice(None), 0)", "(Ellipsis, 0)", "(0, Ellipsis, 0)", "(0, 0, 0, Ellipsis)",
    "(Ellipsis, Ellipsis)", "(Ellipsis, Ellipsis, 0)", "3", "-4", "100", "(0, 4)", "(0, -5)", "(0, 0, 5)", "[3]", "[-4]",
    "(0, [4])", "(0, 0, 0, 0)", "nd.array([3])", "nd.array([-4])", "slice(None, None, 0)", "slice('a', 'b')",
    "slice(0.5, 2)", "slice(nd.array([1]), None)", "{}", "(0, 'a')", "[0.5]", "[True, False, True]",
    "np.array([True, False, True])", "(0, [True, False, True, True])", "x > 20", "(1, None, 2)", "(None, 1, None, 2, None)",
    "(slice(1, 2), None, slice(None, None, -1), None)", "(np.int32(1), np.int8(2))", "nd.array([1])", "nd.array([0, 1, 2, 1])",
)  # fmt: skip
KEYS = tuple(dict.fromkeys((
    *_ONE,
    *(f"({a}, {b})" for a, b in itertools.product(_PAIR, _PAIR)),
    *(f"({a}, {b}, {c})" for a, b, c in itertools.product(_TRIPLE, _TRIPLE, _TRIPLE)),
    *_SPECIAL,
)))  # fmt: skip
#: "FIT" stands for an array of the shape of x[key], of these dtypes.
VALUES = ("7", "2.75", "True", "np.float32(3.5)", "FIT float32", "FIT int32", "FIT numpy", "FIT list", "nd.array([9])",
          "nd.arange(5)", "np.arange(4).reshape(4, 1)", "[1, 2, 3, 4, 5]")  # fmt: skip
BAD_VALUES = ("nd.zeros((7,))", "nd.zeros((2, 3, 4, 5))", "'abc'", "None", "np.zeros((3, 3))", "nd.zeros((1, 3, 4, 5))", "1j")

#: what shares memory: an expression that makes a part of y, an array of shape (3, 4, 5)
VIEWS = (
    "y[1]", "y[1:3]", "y[1, 2]", "y[1, 1:3]", "y[1, 1:3, 2:4]", "y[:, 1]", "y[:, 1:2]", "y[:]", "y[...]", "y[0:1]", "y[::2]",
    "y[::-1]", "y[1:2, 1:3]", "y[0:1, 0:1, 1:3]", "y[1, ::2]", "y[1, 2, 3]", "y[1, 2, 3:5]", "y[None]", "y[1, None]",
    "y[None, 1]", "y[[1]]", "y[nd.array([1])]", "y[1:1]", "y[()]", "y.reshape((4, 15))", "y.reshape((-1,))",
    "y.reshape(4, 15)", "nd.reshape(y, (4, 15))", "y.T", "y.transpose()", "y.swapaxes(0, 1)", "y.expand_dims(0)",
    "y.expand_dims(0, inplace=True)", "y.flatten()", "y.flatten(inplace=True)", "y.detach()", "y.copy()", "y.squeeze()",
    "y[0:1].squeeze()", "y[0:1].squeeze(inplace=True)", "list(y)[1]", "y.astype('float32')", "y.astype('float32', copy=False)",
    "y.as_in_context(mx.cpu())", "y.copyto(mx.cpu())", "y.broadcast_to((3, 4, 5))", "y.slice_axis(axis=0, begin=0, end=2)",
    "nd.slice(y, begin=(0,), end=(2,))", "y.split(3)[0]", "nd.identity(y)", "nd.BlockGrad(y)", "y.as_nd_ndarray()",
    "y.reshape_like(nd.zeros((4, 15)))", "y[1].reshape((2, 10))", "y[1:3][0]", "y[1][2]", "y[0, 0:1, 0:5]", "y[:, :]",
    "y[:, :, :]", "y[0:3, 0:4, 0:5]", "y[1:3, 0:4]", "y[1, :]", "y[1, ..., 0:5]", "y.flip(axis=0)", "y.tile((1,))",
)  # fmt: skip
