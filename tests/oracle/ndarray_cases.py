# ruff: noqa: E501 (tables of cases)
"""Expressions on arrays that run in the original and in ours; `nd`, `np`, `mx` are defined, `a` is 0, 1, 2, 3 of a dtype."""

from __future__ import annotations

DTYPES = ("float32", "float16", "float64", "uint8", "int8", "int32", "int64", "bool")
_NUMBERS = ("2", "2.5", "-1", "300", "True", "np.float32(2.5)", "np.int64(3)")
_OPERATORS = ("+", "-", "*", "/", "%", "**", "==", "!=", ">", ">=", "<", "<=")
ARITHMETIC = (
    *(f"a {sign} {number}" for sign in _OPERATORS for number in _NUMBERS),
    *(f"{number} {sign} b" for sign in _OPERATORS for number in ("2", "2.5")),  # b has no zeros
    *(f"a {sign} b" for sign in _OPERATORS),
    "-a", "abs(a)", "a.astype('float32') + 1", "nd.maximum(a, 2)", "nd.minimum(1.5, a)", "a.sum()", "a.mean()", "a.max()",
)  # fmt: skip
IN_PLACE = ("+= 2", "-= 1", "*= 2.5", "/= 2", "%= 2", "+= b", "-= b", "*= b", "/= b", "%= b", "+= c", "*= b[0:1]")
FUNCTIONS = (
    "nd.array([300, -1], dtype='uint8')", "nd.array([1.7, -2.7], dtype='int32')", "nd.array(3.0)", "nd.array([])",
    "nd.array([[1], [2]])", "nd.array(np.array([1, 2]))", "nd.array(np.array([True]))", "nd.array(nd.array([1], dtype='int8'))",
    "nd.array([None, 1])", "nd.full((2,), 3.7, dtype='int32')", "nd.full((2,), nd.array([3]))", "nd.eye(2, 3, 1)",
    "nd.arange(0, 5, 2, repeat=2)", "nd.arange(5, dtype='int32')", "nd.linspace(0, 1, 5, endpoint=False)", "nd.zeros(3)",
    "nd.moveaxis(nd.arange(24).reshape((2, 3, 4)), 0, -1)", "nd.moveaxis(nd.arange(24).reshape((2, 3, 4)), [0, 1], [-1, -2])",
    "nd.concatenate([nd.ones((1, 2)), nd.zeros((2, 2))], axis=0)", "nd.onehot_encode(nd.array([0, 2]), nd.zeros((2, 3)))",
    "nd.split_v2(nd.arange(6), (2, 4))[1]", "nd.arange(6).split_v2(3)[2]", "nd.histogram(nd.array([1, 2, 3, 4]), bins=2)[0]",
    "nd.histogram(nd.array([1, 2, 3, 4]), bins=nd.array([1., 2, 4]))[0]", "nd.equal(nd.array([1, 2]), 2)",
    "nd.logical_and(nd.array([1, 0]), nd.array([1, 1]))", "nd.power(2, nd.array([1, 2]))", "nd.modulo(5, nd.array([3, -3]))",
    "nd.arange(6).reshape((2, -1))", "nd.arange(6).reshape((0, 1, -2))", "nd.arange(24).reshape((2, 3, 4)).reshape((-3, 0))",
    "nd.arange(24).reshape((2, 3, 4)).reshape((0, -4, 1, -1, 0))", "nd.arange(6).reshape(3, 2)", "nd.arange(6).reshape((4, 4))",
    "nd.arange(6).reshape((4,))", "nd.arange(6).reshape((-1, 4))", "nd.arange(6).broadcast_to((2, 6))",
    "nd.arange(6).broadcast_to((2, 5))", "nd.zeros((2,)) + nd.zeros((3,))", "nd.zeros((2,)) + [1, 2]", "nd.zeros((2,)) + None",
    "nd.zeros((2,)) + 'a'", "np.ones(2) + nd.ones((2,))", "nd.ones((2,)) + np.ones(2)", "np.float32(2) * nd.ones((2,))",
    "np.float64(2) - nd.ones((2,))", "np.array(2.0) * nd.ones((2,))", "nd.zeros((2, 2)) == None", "np.sum(nd.ones((2, 3)))",
    "nd.zeros('a')", "nd.zeros((-1, 2))", "nd.zeros((2.5,))", "nd.array('abc')", "nd.array(['a'])", "nd.array([1j])",
    "nd.array([[1], [1, 2]])", "nd.array([1], dtype='foo')", "nd.ones((2,), foo=1)", "nd.arange(5, 1)", "nd.zeros((2, 2)).asscalar()",
    "nd.zeros((2, 2)).copyto(nd.zeros((3,)))", "nd.zeros((2,)).copyto('a')", "nd.zeros((2,)).astype('foo')", "bool(nd.zeros((2,)))",
)  # fmt: skip
PRINTED = (
    "nd.array([[1, 2], [3, 4]])", "nd.array([True, False], dtype='bool')", "nd.arange(2000)", "nd.array([1], dtype='int8')",
    "nd.array(3.0)", "nd.zeros((2, 1, 3), dtype='float16')", "nd.zeros((1,), ctx=mx.cpu(1))",
)  # fmt: skip
PICKLED = ("nd.arange(6).reshape((2, 3))", "nd.array([1, 2], dtype='int8')", "nd.array([0.5], dtype='float16')",
           "nd.array([1, 2, 3], dtype='int64')", "nd.array([True], dtype='bool')")  # fmt: skip
