"""The demo, cut short to one epoch: all of it works, and it fails loudly because one epoch is too little."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("mlxtend")
pytest.importorskip("matplotlib")


def test_demo_of_one_epoch_agrees_in_all_ways_and_fails_for_its_accuracy_only(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "demo")
    import demo

    monkeypatch.setattr(demo, "EPOCHS", 1)
    monkeypatch.setattr(demo, "STEPS", 4000 // demo.BATCH_SIZE)
    monkeypatch.setattr(sys, "argv", ["demo.py", "--output", str(tmp_path)])
    assert demo.main() == 1
    checks = [line for line in capsys.readouterr().out.splitlines() if "✓" in line or "✗" in line]
    assert len(checks) == 4
    assert [line.strip()[:9] for line in checks if "✗" in line] == ["✗ FAILED:"] and "at least 97%" in checks[1]
    for name in ("lenet-symbol.json", "lenet-0000.params", "digits.png", "network.png"):
        assert (tmp_path / name).stat().st_size > 1000
