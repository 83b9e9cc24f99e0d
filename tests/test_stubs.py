"""The .pyi files of the operator modules agree with the registry, and type checkers use them."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = """
from mxnet import nd, sym
good: nd.NDArray = nd.Convolution(nd.zeros((2, 3)), kernel=(3, 3), num_filter=3)
net: sym.Symbol = sym.contrib.div_sqrt_dim(sym.var("x"))
sym.FullyConnected(sym.var("x"), num_hidden="many")
nd.Activation(good, act_type="nothing")
"""


def test_stubs_are_those_of_the_registry():
    result = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "make_stubs.py"), "--check"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_type_checkers_see_the_parameters_of_operators(tmp_path):
    pytest.importorskip("mypy")
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    options = ["--follow-imports=silent", "--config-file=", f"--cache-dir={tmp_path}", str(path)]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *options],
        capture_output=True,
        text=True,
        env={"MYPYPATH": str(ROOT / "src"), "PATH": ""},
    )
    errors = [line for line in result.stdout.splitlines() if "error:" in line]
    assert len(errors) == 2, result.stdout + result.stderr
    assert '"num_hidden" to "FullyConnected"' in errors[0] and "act_type" in errors[1]
