"""Whole programs print what they print under MXNet 1.9.1, recorded by tests/oracle/record_programs.py."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest

import mxnet as mx

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle"))
import record_programs

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)(?![\w])")
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(mx.__file__)))
with open(record_programs.PATH) as file:
    RECORDED: dict[str, list[str]] = json.load(file)


def words(lines: list[str]) -> list[str]:
    """Text between numbers; NumPy's way of breaking and spacing lines, and of naming its numbers, doesn't count."""
    return [re.sub(r"\s+", "", NUMBER.sub("#", line)) for line in lines]


def plain(text: str) -> list[str]:
    """The lines, with NumPy 2's ``np.float64(1.5)`` as 1.5."""
    return re.sub(r"np\.\w+\(([^()]*)\)", r"\1", text).splitlines()


def test_every_program_is_recorded():
    assert sorted(RECORDED) == record_programs.names()


@pytest.mark.parametrize("name", record_programs.names())
def test_program_prints_what_was_recorded(name, tmp_path):
    found = plain(record_programs.run(name, tmp_path, PYTHONPATH=SOURCE))
    expected = [line for line in RECORDED[name] if "has been overwritten" not in line]  # a warning, on stderr here
    assert words(found) == words(expected)
    for line, other in zip(found, expected, strict=True):
        numbers = [[float(number) for number in NUMBER.findall(text)] for text in (line, other)]
        assert numbers[0] == pytest.approx(numbers[1], rel=2e-3, abs=2e-4, nan_ok=True), other
