"""`mx.library`, the programs of docs/operators.md, `mx.rtc`, and operators that mxnext doesn't have."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mxnet as mx
from mxnet.base import MXNetError
from mxnet.ops import registry
from mxnet.rtc import CudaKernel, CudaModule, _read_signature

ROOT = Path(__file__).parent.parent
LAYERS, USE, TEST = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs" / "operators.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)
BACKENDS = [
    program
    for program in re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs" / "backends.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    if "register_" in program
]
NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def _no_operators_stay():
    before = dict(registry._OPERATORS)
    yield
    for name in registry._OPERATORS.keys() - before.keys():
        del registry._OPERATORS[name]


def declare(tmp_path, body, name="own.py"):
    """A file that registers operators, whose names are made unique by replacing NAME; returns the file and the name."""
    unique = f"test_library_{next(NUMBERS)}"
    path = tmp_path / name
    path.write_text("from torch import Tensor\nfrom mxnet.library import operator\n" + body.replace("NAME", unique))
    return str(path), unique


DOUBLE = '''
@operator("NAME", aliases=("_contrib_NAME",), method=True)
def double(data: Tensor, *, times: int = 1) -> Tensor:
    """data doubled."""
    return data * 2**times
'''


@pytest.mark.parametrize("program", [USE, TEST], ids=["use", "test"])
def test_programs_of_the_documentation_run(tmp_path, program):
    (tmp_path / "layers.py").write_text(LAYERS)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if program is USE:
        assert "Found 3 operators in" in done.stdout and "hard_swish, _contrib_binarize, low_rank_dense" in done.stdout
        assert "[[0. 1. 1. 0.]]" in done.stdout  # the gradient that binarize declares
        assert "['data', 'dense_inner', 'dense_outer'] ([(5, 4), (4, 2), (2, 3)], [(5, 3)], [])" in done.stdout


@pytest.mark.parametrize("program", BACKENDS, ids=["backend", "pass"])
def test_programs_about_backends_and_passes_run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if "NumPyEngine" in program:
        assert done.stdout.count("compiling for") == 2
        assert float(done.stdout.split("largest difference:")[1]) < 1e-6
    else:
        assert "(5, 2)" in done.stdout and "[-0.7615942  0.7615942]" in done.stdout


def test_a_loaded_operator_is_in_every_front_end(tmp_path, capsys):
    path, name = declare(tmp_path, DOUBLE)
    assert not hasattr(mx.nd, name)
    assert mx.library.load(path) is None
    assert capsys.readouterr().out == f"Found 1 operators in {Path(path).resolve()}: {name}\n"
    data = mx.nd.array([1, 2])
    for function in (getattr(mx.nd, name), getattr(mx.nd.contrib, name), getattr(mx.contrib.nd, name)):
        assert function(data, times=2).asnumpy().tolist() == [4, 8]
    assert getattr(data, name)().asnumpy().tolist() == [2, 4]
    variable = mx.sym.var("data")
    for symbol in (getattr(mx.sym, name)(variable), getattr(mx.sym.contrib, name)(variable), getattr(variable, name)()):
        again = mx.sym.load_json(symbol.tojson())
        assert again.eval(data=data)[0].asnumpy().tolist() == [2, 4]
    assert getattr(mx.nd, name).__doc__ == "data doubled."

    class Block(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return getattr(F, name)(x) + 1

    block = Block()
    expected = block(data)
    block.hybridize()
    assert block(data).asnumpy().tolist() == expected.asnumpy().tolist() == [3, 5]
    with pytest.raises(MXNetError, match=f"{name}: attribute times is 'no'; expected an integer"):
        getattr(mx.nd, name)(data, times="no")


def test_loading_again_does_nothing_unless_the_file_has_changed(tmp_path, capsys, monkeypatch):
    path, name = declare(tmp_path, DOUBLE)
    monkeypatch.chdir(tmp_path)
    mx.library.load("own.py", verbose=False)
    mx.library.load(path)
    assert capsys.readouterr().out == ""
    Path(path).write_text(Path(path).read_text() + "# changed\n")
    with pytest.raises(MXNetError, match="own.py: the file has changed since it was loaded"):
        mx.library.load(path)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("raise KeyError('late')\n", "KeyError: 'late'"),
        ("import no_such_module\n", "ModuleNotFoundError: .*no_such_module"),
        ("def broken(:\n", "SyntaxError"),
        ('@operator("relu")\ndef relu(data: Tensor) -> Tensor: return data\n', "ValueError: operator relu is"),
    ],
)
def test_of_a_file_that_fails_no_operator_is_registered(tmp_path, rest, message):
    path, name = declare(tmp_path, DOUBLE)
    good = Path(path).read_text()
    Path(path).write_text(good + rest)
    with pytest.raises(MXNetError, match=rf"own\.py: {message}"):
        mx.library.load(path)
    assert not hasattr(mx.nd, name) and name not in mx.operator.get_all_registered_operators()
    Path(path).write_text(good)
    mx.library.load(path, verbose=False)
    assert hasattr(mx.nd, name)


def test_what_is_no_python_file_is_refused(tmp_path):
    for name in ("ops.so", "ops.dll"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(MXNetError, match=r"compiled libraries.*not supported.*Python.*docs/operators\.md"):
            mx.library.load(str(tmp_path / name))
    (tmp_path / "ops.txt").write_bytes(b"")
    for path in (tmp_path / "ops.txt", tmp_path):
        with pytest.raises(MXNetError, match=r"is NOT a library file; expected a Python file"):
            mx.library.load(str(path))
    for missing in ("nowhere.py", 3):
        with pytest.raises(MXNetError, match=f"load path {missing} does NOT exist"):
            mx.library.load(missing)


@pytest.mark.parametrize(
    ("name", "needs"),
    [("_TensorRT", "TensorRT"), ("CuDNNBatchNorm", "use BatchNorm"), ("_FusedOp", "CUDA"),
     ("_sg_mkldnn_conv", "MKLDNN"), ("_contrib_tvm_vadd", "TVM"),
     ("_contrib_intgemm_prepare_data", "intgemm"), ("_contrib_mrcnn_mask_target", "CUDA")],
)  # fmt: skip
def test_operators_of_special_builds_say_what_they_need(name, needs):
    with pytest.raises(MXNetError, match=f"{name} exists in MXNet builds with.*is not part of mxnext"):
        mx.operator.get_operator_arguments(name)
    if name.startswith("_contrib_"):
        with pytest.raises(AttributeError, match=needs):
            getattr(mx.nd.contrib, name.removeprefix("_contrib_"))
    node = {"op": name, "name": "node", "inputs": [[0, 0, 0]]}
    text = '{"nodes": [{"op": "null", "name": "x", "inputs": []}, %s], "arg_nodes": [0], "heads": [[1, 0, 0]]}'
    with pytest.raises(MXNetError, match=needs):
        mx.sym.load_json(text % str(node).replace("'", '"'))


def test_signatures_of_kernels():
    # What is taken and what is refused, and with which error, was seen with MXNet 1.9.1.
    assert _read_signature("const float *x, float *y, int64_t n,double a") == (
        [True, True, False, False], ["float", "float", "int64_t", "double"],
    )  # fmt: skip
    assert _read_signature("__half *h") == ([True], ["__half"])
    assert _read_signature("float *") == ([True], ["float"])
    for bad in ("float **x", "", "unsigned int x", "float *x,"):
        with pytest.raises(ValueError, match="Invalid function prototype"):
            _read_signature(bad)
    for bad in ("const foo *y", "long x", "bool b", "__half h"):
        with pytest.raises(TypeError, match=f"Unsupported kernel argument type {re.escape(bad)}"):
            _read_signature(bad)


def test_arguments_of_kernels_are_checked_before_launch():
    def compile_for(device):
        raise AssertionError("nothing is compiled")

    kernel = CudaKernel(compile_for, "k", [True, False], ["float", "int"])
    ones = mx.nd.ones(1)
    unit = (1, 1, 1)
    for args, ctx, grid, block, message in [
        ([ones, 1], mx.cpu(), unit, unit, "can only be launched on GPU"),
        ([ones], mx.gpu(0), unit, unit, r"CudaKernel\(k\) expects 2 arguments but got 1"),
        ([ones, 1], mx.gpu(0), (1, 1), unit, "grid_dims must be a tuple of 3 integers"),
        ([ones, 1], mx.gpu(0), unit, (1, 0, 1), "block_dims must be a tuple of 3 integers"),
        ([2, 1], mx.gpu(0), unit, unit, "0-th argument is expected to be a NDArray"),
        ([ones, "a"], mx.gpu(0), unit, unit, "1-th argument is expected to be a number|0-th argument is a default"),
        ([ones, 1], mx.gpu(0), unit, unit, r"0-th argument is a default array of float32 on cpu\(0\)"),
    ]:
        with pytest.raises(AssertionError, match=message):
            kernel.launch(args, ctx, grid, block)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_cuda_modules_say_what_they_need():
    with pytest.raises(MXNetError, match=r"built without CUDA; run-time compilation needs|there is no GPU"):
        CudaModule('extern "C" __global__ void f() {}')
    with pytest.raises(TypeError, match="source must be a string"):
        CudaModule(3)


@pytest.mark.gpu
def test_a_kernel_computes_on_a_gpu():
    module = CudaModule(
        r"""
        extern "C" __global__ void axpy(const float *x, float *y, float alpha, int n) {
            int i = threadIdx.x + blockIdx.x * blockDim.x;
            if (i < n) y[i] += alpha * x[i];
        }
        template <typename T> __global__ void fill(T *x, T value) { x[threadIdx.x] = value; }
        """,
        exports=["fill<double>"],
    )
    axpy = module.get_kernel("axpy", "const float *x, float *y, float alpha, int n")
    x, y = mx.nd.arange(100, ctx=mx.gpu(0)), mx.nd.ones(100, ctx=mx.gpu(0))
    axpy.launch([x, y, 0.5, 90], mx.gpu(0), (4, 1, 1), (32, 1, 1))
    expected = 1 + np.where(np.arange(100) < 90, 0.5 * np.arange(100), 0)
    np.testing.assert_array_equal(y.asnumpy(), expected)
    filled = mx.nd.zeros(4, ctx=mx.gpu(0), dtype="float64")
    module.get_kernel("fill<double>", "double *x, double value").launch([filled, 0.1], mx.gpu(0), (1, 1, 1), (4, 1, 1))
    assert filled.asnumpy().tolist() == [0.1] * 4
    with pytest.raises(MXNetError, match="kernel 'missing' can't be compiled"):
        module.get_kernel("missing", "float *x")
