"""What `tests/oracle/record_gluon.py` recorded from MXNet 1.9.1, and how our results are compared with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ORACLE = Path(__file__).parent / "oracle"
sys.path.insert(0, str(ORACLE))

import gluon_cases as cases  # noqa: E402
import image_cases  # noqa: E402

FACTS: dict[str, Any] = json.loads((ORACLE / "data" / "gluon.json").read_text())
ARRAYS = dict(np.load(ORACLE / "data" / "gluon.npz"))


def assert_recorded(key: str, found: dict[str, np.ndarray], rtol: float = 1e-4, atol: float = 2e-5) -> None:
    """Every array has the recorded name, shape, dtype and values."""
    expected = {name[len(key) + 1 :]: array for name, array in ARRAYS.items() if name.startswith(f"{key}/")}
    assert expected, key
    assert sorted(found) == sorted(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_allclose(found[name], array, rtol, atol, err_msg=name)


def assert_facts(key: str, facts: dict[str, Any]) -> None:
    """Representations, names, shapes and gradient requests are the recorded ones."""
    assert json.loads(json.dumps(facts)) == FACTS[key]


__all__ = ["assert_facts", "assert_recorded", "cases", "image_cases"]
