"""Record files of arrays that MXNet 1.9.1 writes, and what it reads from files of every version.

Run by the original's Python: python tests/oracle/record_serialization.py
Writes data/serialization.json: for each case the file in hexadecimal, whether MXNet wrote it itself ("written"; the
others are made here by hand and MXNet read them), the names, and the arrays as MXNet shows them.
"""
import json
import os
import struct

import mxnet as mx
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SCRATCH = os.path.join(HERE, "data", "scratch.params")
bfloat16 = np.dtype([("bfloat16", np.uint16)])
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
cases = {}


def describe(array, np_shape):
    values = array.asnumpy() if array.stype == "default" else array.data.asnumpy()
    dtype = "bfloat16" if values.dtype == bfloat16 else values.dtype.name
    if dtype == "bfloat16":
        values = values.view(np.uint16)
    aux = []
    if array.stype == "csr":
        aux = [array.indptr.asnumpy(), array.indices.asnumpy()]
    elif array.stype == "row_sparse":
        aux = [array.indices.asnumpy()]
    return {
        "dtype": dtype, "shape": list(array.shape), "stype": array.stype, "np_shape": np_shape,
        "context": [array.context.device_typeid, array.context.device_id],
        "data_shape": list(values.shape), "data": values.tolist() if values.size else [],
        "aux": [[a.dtype.name, a.tolist()] for a in aux],
    }


def write(case, data, np_shape=False):
    with mx.np_shape(np_shape):
        mx.nd.save(SCRATCH, data)
        names = list(data) if isinstance(data, dict) else []
        arrays = list(data.values()) if isinstance(data, dict) else [data] if isinstance(data, mx.nd.NDArray) else data
        with open(SCRATCH, "rb") as file:
            content = file.read()
        cases[case] = {"file": content.hex(), "written": True, "names": names,
                       "arrays": [describe(array, np_shape) for array in arrays]}
    os.remove(SCRATCH)


def read(case, *arrays, np_shape=False):
    content = struct.pack("<3Q", 0x112, 0, len(arrays)) + b"".join(arrays) + struct.pack("<Q", 0)
    with mx.np_shape(np_shape):
        try:
            described = [describe(array, np_shape) for array in mx.nd.load_frombuffer(content)]
        except Exception as error:  # MXNet reads an array without a value, but has no Python object for it
            assert str(error) == "unknown storage type: -1", error
            described = [None] + [{}] * (len(arrays) - 1)
    cases[case] = {"file": content.hex(), "written": False, "names": [], "arrays": described}


def u32(*numbers):
    return struct.pack("<%dI" % len(numbers), *numbers)


def i32(*numbers):
    return struct.pack("<%di" % len(numbers), *numbers)


def i64(*numbers):
    return struct.pack("<%dq" % len(numbers), *numbers)


def f32(*numbers):
    return struct.pack("<%df" % len(numbers), *numbers)


matrix = mx.nd.array([[1, -2, 3.5], [4, 0, 6]])
write("single", matrix)
write("list", [matrix, matrix * 2])
write("dict", {"arg:weight": matrix, "aux:é中": mx.nd.array([7]), "": mx.nd.array([[8]])})
write("empty list", [])
write("empty dict", {})
for dtype in "float32 float64 float16 uint8 int32 int8 int64 bool".split():
    write("dtype " + dtype, [mx.nd.array([1, 0, 3, 100]).astype(dtype)])
write("dtype bfloat16", [mx.nd.array([1, 0, -3.5]).astype(bfloat16)])
write("five dimensions", [mx.nd.arange(24).reshape((1, 2, 3, 4, 1))])
write("slice of another array", [mx.nd.arange(12).reshape((3, 4))[1:2]])
write("zero size", [mx.nd.from_numpy(np.ones((0, 3), "float32"))])
write("context cpu(3)", [mx.nd.ones((1,), ctx=mx.cpu(3))])
write("context cpu_pinned", [mx.nd.ones((1,), ctx=mx.cpu_pinned())])
write("context cpu_shared", [mx.nd.ones((1,), ctx=mx.Context("cpu_shared", 0))])
write("row_sparse", mx.nd.sparse.row_sparse_array(([[1, 2], [3, 4]], [1, 3]), shape=(5, 2)))
write("row_sparse of rows with axes", mx.nd.sparse.row_sparse_array((np.ones((1, 2, 2)), [0]), shape=(2, 2, 2)))
write("row_sparse float64", mx.nd.sparse.row_sparse_array(([[1, 2]], [1]), shape=(2, 2), dtype="float64"))
write("row_sparse without rows", mx.nd.sparse.zeros("row_sparse", (5, 2)))
write("csr", mx.nd.sparse.csr_matrix(([1, 2, 3], [0, 2, 1], [0, 1, 1, 3]), shape=(3, 4)))
write("csr without elements", mx.nd.sparse.zeros("csr", (5, 2)))
write("sparse and dense", {"a": mx.nd.sparse.zeros("csr", (2, 2), dtype="float16"), "b": matrix})
with mx.np_shape(True):
    scalar, empty = mx.nd.ones(()), mx.nd.ones((2, 0, 3))
write("np scalar", [scalar], np_shape=True)
write("np zero size", {"empty": empty, "full": matrix}, np_shape=True)

good = u32(V2) + i32(0) + u32(1) + i64(2) + i32(1, 0, 0) + f32(1, 2)
read("read legacy", u32(2, 1, 2) + i32(1, 0, 0) + f32(1, 2), good)
read("read legacy zero size", u32(2, 0, 2) + i32(1, 0, 0), good)
read("read legacy scalar", u32(0) + i32(1, 0, 0) + f32(1), good)
read("read V1", u32(V1, 2) + i64(1, 2) + i32(1, 0, 0) + f32(1, 2), good)
read("read V1 scalar", u32(V1, 0) + i32(1, 0, 0) + f32(1), good)
read("read V2 without value", u32(V2) + i32(0) + u32(0), good)
read("read V2 row_sparse without value", u32(V2) + i32(1) + u32(2) + i64(1, 2) + u32(0), good)
read("read V3 without value", u32(V3) + i32(0) + u32(2) + i64(-1, 2),
     u32(V3) + i32(0) + u32(0) + i32(1, 0, 0) + f32(3), np_shape=True)
read("read indices int32", u32(V2) + i32(1) + u32(2) + i64(1, 2) + u32(2) + i64(5, 2) + i32(1, 0, 0, 4)
     + u32(1) + i64(1) + f32(1, 2) + i32(3))

with open(os.path.join(HERE, "data", "serialization.json"), "w") as file:
    json.dump(cases, file, indent=0)
print(len(cases), "cases")
