"""What importing loads: names come at once, heavy packages when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mxnet as mx


def loaded_after(statement: str) -> set[str]:
    """The top-level packages and the parts of mxnet that a fresh interpreter has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint(*(n for n in sys.modules if n.count('.') == n.startswith('mxnet.')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_mxnet_loads_neither_torch_nor_numpy():
    loaded = loaded_after("import mxnet")
    assert "mxnet.base" in loaded
    assert not loaded & {"torch", "numpy", "cv2", "matplotlib", "graphviz", "requests", "tqdm", "mxnet.ndarray"}


def test_contexts_and_errors_need_no_torch():
    loaded = loaded_after("import mxnet as mx; mx.cpu(), mx.gpu(3), mx.MXNetError, mx.__version__")
    assert not loaded & {"torch", "numpy"}


@pytest.mark.parametrize("module", ["visualization", "recordio"])
def test_module_is_imported_without_torch(module):
    pytest.importorskip(f"mxnet.{module}", exc_type=ImportError)
    assert "torch" not in loaded_after(f"import mxnet.{module}")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'mxnet' has no attribute 'nothing_like_this'"):
        _ = mx.nothing_like_this


def test_versions():
    assert mx.__version__ == "1.9.1"
    assert mx.__distribution_version__.count(".") == 2
