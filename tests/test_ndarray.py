"""Arrays: arithmetic, functions, printing and pickles as recorded from MXNet 1.9.1 (tests/oracle/record_ndarray.py)."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet import nd

RECORDED = json.loads((Path(__file__).parent / "oracle" / "data" / "ndarray.json").read_text())


def operands(dtype):
    return {
        "mx": mx, "nd": nd, "np": np, "a": nd.array([0, 1, 2, 3], dtype=dtype),
        "b": nd.array([3, 1, 2, 1], dtype=dtype), "c": nd.array([1, 1, 1, 1], dtype="float32"),
    }  # fmt: skip


def outcome(function):
    try:
        result = function()
    except Exception as error:
        return {cls.__name__ for cls in type(error).__mro__}
    return [np.dtype(result.dtype).name, list(result.shape), result.asnumpy().ravel()]


def agree(found, expected):
    if isinstance(expected, str):
        return isinstance(found, set) and expected in found
    if not isinstance(found, list) or found[:2] != expected[:2]:
        return False
    rtol = {"float16": 1e-3, "float32": 3e-7, "float64": 1e-15}.get(expected[0], 0)
    return np.allclose(np.float64(found[2]), np.float64(expected[2]), rtol=rtol, atol=0, equal_nan=True)


def in_place(statement, dtype):
    names = operands(dtype)
    before = names["a"]
    exec("a " + statement, names)
    assert names["a"] is before
    return names["a"]


def disagreements(table, run):
    return [
        (case, str(expected)[:150], str(found)[:150])
        for case, expected in RECORDED[table].items()
        if not agree(found := outcome(lambda case=case: run(case)), expected)
    ]


def test_arithmetic_gives_values_and_dtypes_of_the_original():
    found = disagreements("arithmetic", lambda case: eval(case.split(": ")[1], operands(case.split(": ")[0])))
    # Integers divided by zero are an error here; so is the negative of booleans, as in NumPy.
    assert not [item for item in found if item[0] != "bool: -a"], found


def test_arithmetic_in_place_keeps_the_array_and_its_dtype():
    assert not disagreements("in_place", lambda case: in_place(case.split(": ")[1], case.split(": ")[0]))


def test_functions_give_what_the_original_gives_and_raise_what_it_raises():
    assert not disagreements("functions", lambda case: eval(case, operands("float32")))


@pytest.mark.parametrize("case", RECORDED["printed"])
def test_arrays_print_as_in_the_original(case):
    array = eval(case, operands("float32"))
    assert [repr(array), str(array)] == RECORDED["printed"][case]


@pytest.mark.parametrize("case", RECORDED["pickled"])
def test_pickles_of_the_original_load_and_ours_hold_the_same_bytes(case):
    array = eval(case, operands("float32"))
    original = base64.b64decode(RECORDED["pickled"][case])
    loaded = pickle.loads(original)
    assert loaded.dtype == array.dtype and loaded.shape == array.shape
    assert loaded.asnumpy().tolist() == array.asnumpy().tolist()
    assert bytes(array.__getstate__()["handle"]) in original
    assert pickle.loads(pickle.dumps(array)).asnumpy().tolist() == array.asnumpy().tolist()


def test_integer_division_by_zero_is_an_error():
    with pytest.raises(mx.MXNetError):
        2 / nd.array([0, 1], dtype="int32")


def test_torch_shares_memory_both_ways():
    tensor = torch.arange(6.0).reshape(2, 3)
    array = nd.from_torch(tensor)
    array[0] = 7
    assert tensor[0].tolist() == [7, 7, 7]
    array.as_torch()[1] = 8
    assert array.asnumpy()[1].tolist() == [8, 8, 8]
    assert not nd.from_torch(tensor.requires_grad_()).as_torch().requires_grad


def test_numpy_and_dlpack_share_memory():
    source = np.arange(6, dtype=np.float32).reshape(2, 3)
    array = nd.from_numpy(source)
    array[0, 0] = 9
    assert source[0, 0] == 9 and not source.flags.writeable
    with pytest.raises(ValueError, match="c-contiguous"):
        nd.from_numpy(np.zeros((2, 3)).T)
    for taken in (nd.from_dlpack(array.to_dlpack_for_write()), nd.from_dlpack(nd.to_dlpack_for_read(array)),
                  nd.from_dlpack(array)):  # fmt: skip
        taken[1, 1] += 1
    assert array.asnumpy()[1, 1] == 7
    assert torch.from_dlpack(array).data_ptr() == array.as_torch().data_ptr()


def test_numpy_functions_take_arrays():
    x = nd.array([[1, 2], [3, 4]])
    assert np.mean(x) == 2.5 and np.array(x, dtype="int32").tolist() == [[1, 2], [3, 4]]
    assert np.concatenate([x, x.asnumpy()]).shape == (4, 2)
    assert np.exp(x).dtype == np.float32
    assert isinstance(np.sum(x), nd.NDArray)
    with pytest.raises(TypeError):
        np.ones((2, 2)) + x


def test_bfloat16_computes_copies_and_prints():
    x = nd.array([1, 2.5, -3], dtype="bfloat16")
    assert x.dtype == "bfloat16" and (x * 2).dtype == "bfloat16"
    assert (x + x).asnumpy().tolist() == [2, 5, -6] and x.asnumpy().dtype == np.float32
    assert pickle.loads(pickle.dumps(x)).dtype == "bfloat16"
    assert x.astype("float32").sum().asscalar() == 0.5
    x[1:] = np.array([4.0, 5.0])
    assert "4." in repr(x)


def test_contexts_label_arrays_and_copies_go_between_them():
    x = nd.ones((2,), ctx=mx.cpu(1))
    assert x.context == mx.cpu(1) and (x + 1).context == mx.cpu(1) and x[0].context == mx.cpu(1)
    assert x.as_in_context(mx.cpu(1)) is x
    y = x.as_in_context(mx.cpu_pinned(0))
    y[:] = 5
    assert y.context == mx.cpu_pinned(0) and x.asnumpy().tolist() == [1, 1]
    with mx.cpu(2):
        assert nd.zeros((1,)).context == mx.cpu(2) and nd.random.uniform().context == mx.cpu(2)
    target = nd.zeros((2,), dtype="int32")
    assert x.copyto(target) is target and target.asnumpy().tolist() == [1, 1]
    with pytest.warns(RuntimeWarning, match="copy an array to itself"):
        assert x.copyto(x) is False
    nd.waitall()
    x.wait_to_read()
    x.wait_to_write()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_an_error_or_the_cpu_with_one_warning(monkeypatch):
    from mxnet import context

    with pytest.raises(mx.MXNetError, match="MXNET_GPU_FALLBACK=cpu"):
        nd.zeros((2,), ctx=mx.gpu(0))
    monkeypatch.setenv("MXNET_GPU_FALLBACK", "cpu")
    monkeypatch.setattr(context, "_warned", [])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        x = nd.zeros((2,), ctx=mx.gpu(0)) + nd.ones((2,), ctx=mx.gpu(1)).as_in_context(mx.gpu(0))
    assert x.context == mx.gpu(0) and len(caught) == 1


def test_copies_are_independent_and_identity_is_hash():
    x = nd.array([1, 2])
    for other in (copy.copy(x), copy.deepcopy(x), x.copy(), nd.NDArray(x.copy())):
        other[:] = 0
    assert x.asnumpy().tolist() == [1, 2]
    assert len({x, x, x.copy()}) == 2


def test_results_are_contiguous_so_that_views_share_memory():
    x = nd.arange(6).reshape((2, 3))
    for result in (x.T, nd.transpose(x), x[:, 1], nd.dot(x, x, transpose_b=True), x.T + 1, nd.concat(x.T, x.T)):
        assert result.as_torch().is_contiguous()
        result.reshape((-1,))[0] = -5
        assert result.asnumpy().ravel()[0] == -5
    assert x.asnumpy()[0, 0] == 0


def test_helpers_on_keys():
    assert nd.get_indexing_dispatch_code((1, None, slice(2))) == 0
    assert nd.get_indexing_dispatch_code((1, [2])) == 1
    with pytest.raises(ValueError, match="does not support slicing with key a"):
        nd.get_indexing_dispatch_code((1, "a"))
    every = slice(None)
    assert nd.indexing_key_expand_implicit_axes((None, 1), (2, 3, 4)) == ((None, 1, every, every), -1)
    assert nd.indexing_key_expand_implicit_axes(Ellipsis, (2, 3)) == ((every, every), -1)
    assert nd.indexing_key_expand_implicit_axes(True, (2, 3)) == ((every, every), 1)
    assert nd.get_oshape_of_gather_nd_op((2, 3, 4), (2, 5)) == (5, 4)
    with pytest.raises(IndexError, match="axis 2; size is 4"):
        nd.ndarray.check_boolean_array_dimension((2, 3, 4), 1, (3, 5))


def test_imdecode_gives_planes_of_rgb():
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    encoded = cv2.imencode(".png", image)[1].tobytes()
    rgb = image[..., ::-1].transpose(2, 0, 1)
    assert np.array_equal(nd.imdecode(encoded).asnumpy(), rgb[None])
    out = nd.zeros((2, 3, 2, 3))
    nd.imdecode(encoded, clip_rect=(1, 2, 4, 4), out=out, index=1, mean=nd.ones((3, 2, 3)))
    assert np.array_equal(out.asnumpy()[1], rgb[:, 2:4, 1:4].astype("float32") - 1)
    with pytest.raises(mx.MXNetError, match="can't decode"):
        nd.imdecode(b"nothing")
    with pytest.raises(mx.MXNetError, match="clip_rect"):
        nd.imdecode(encoded, clip_rect=(0, 0, 9, 9))
