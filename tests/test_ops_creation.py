"""Creation operators beyond their recorded cases, and what inference knows about element-wise operators."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet.base import MXNetError
from mxnet.ops.registry import get_operator


def test_set_value_fills_the_array_given_as_out():
    tensor = torch.zeros(2, 2, dtype=torch.int32)
    op = get_operator("_set_value")
    result = op.call([], op.parse_attributes({"src": 3.7}) | {"out": tensor})
    assert result is tensor and tensor.tolist() == [[3, 3], [3, 3]]
    with pytest.raises(MXNetError, match="out="):
        op.call([], op.parse_attributes({"src": 3.7}) | {"out": None})


def test_arange_without_a_length_says_what_to_do():
    with pytest.raises(MXNetError, match="arange_like"):
        mx.nd._internal._arange(start=0, infer_range=True)


def test_elementwise_operators_infer_shapes_in_every_direction():
    lhs, rhs = mx.sym.Variable("lhs"), mx.sym.Variable("rhs")
    for out in (lhs + rhs, mx.sym.elemwise_mul(lhs, rhs), mx.sym.exp(lhs) * rhs):
        arguments, outputs, _ = out.infer_shape(lhs=(0, 3), rhs=(2, 0))
        assert arguments == [(2, 3), (2, 3)] and outputs == [(2, 3)]
        assert out.infer_shape(rhs=(4, 5))[0] == [(4, 5), (4, 5)]
    with pytest.raises(MXNetError):
        mx.sym.elemwise_add(lhs, rhs).infer_shape(lhs=(2, 3), rhs=(2, 1))


def test_broadcasting_operators_infer_what_is_certain():
    out = mx.sym.broadcast_add(mx.sym.Variable("lhs"), mx.sym.Variable("rhs"))
    assert out.infer_shape(lhs=(2, 1, 3), rhs=(4, 1))[1] == [(2, 4, 3)]
    assert out.infer_shape_partial(lhs=(0, 3), rhs=(0, 3))[1] == [(0, 3)]
    assert out.infer_shape_partial(lhs=(0, 3), rhs=(5, 3))[1] == [(5, 3)]
    assert out.infer_shape_partial(lhs=(0, 3), rhs=(1, 3))[1] == [(0, 3)]
    with pytest.raises(MXNetError, match="broadcast"):
        out.infer_shape(lhs=(2, 3), rhs=(3, 2))


@pytest.mark.parametrize("name", ["_plus_scalar", "_greater_scalar", "_power_scalar"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "int32", "uint8", "bool"])
@pytest.mark.parametrize("is_int", [True, False])
def test_scalar_operators_infer_the_dtype_they_return(name, dtype, is_int):
    data = mx.sym.Variable("data", dtype=dtype)
    out = getattr(mx.sym._internal, name)(data, scalar=2, is_int=is_int)
    inferred = out.infer_type()[1][0]
    actual = getattr(mx.nd._internal, name)(mx.nd.ones((2,), dtype=dtype), scalar=2, is_int=is_int).dtype
    assert np.dtype(inferred) == np.dtype(actual)


def test_empty_arrays_go_through():
    empty = torch.zeros(0, 3)
    for name in ("exp", "round", "gamma", "cbrt"):
        op = get_operator(name)
        assert op.call([empty], op.parse_attributes({})).shape == (0, 3)
    for name in ("elemwise_add", "broadcast_maximum", "_mod"):
        op = get_operator(name)
        assert op.call([empty, empty], op.parse_attributes({})).shape == (0, 3)
    for name, expected in (("sum", 0.0), ("prod", 1.0)):
        op = get_operator(name)
        assert op.call([empty], op.parse_attributes({"axis": 0})).tolist() == [expected] * 3
    for name in ("max", "argmax"):
        op = get_operator(name)
        with pytest.raises((MXNetError, RuntimeError, IndexError)):
            op.call([empty], op.parse_attributes({"axis": 0}))


def test_mixed_dtypes_are_refused_by_name():
    with pytest.raises(MXNetError, match="broadcast_add.*float32.*int32"):
        mx.nd.broadcast_add(mx.nd.ones((2,)), mx.nd.ones((2,), dtype="int32"))


@pytest.mark.parametrize(
    "name", ["exp", "round", "rint", "gamma", "cbrt", "digamma_of_gammaln", "_maximum_scalar", "norm", "max"]
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precisions_stay_what_they_are(name, dtype):
    op = get_operator("gammaln" if name == "digamma_of_gammaln" else name)
    data = torch.tensor([[0.5, 1.5], [2.5, 3.0]], dtype=dtype, requires_grad=True)
    out = op.call([data], op.parse_attributes({}))
    out.sum().backward()
    assert out.dtype is dtype and data.grad.dtype is dtype
