"""The programs in both READMEs run, in an empty folder, and learn what they set out to learn."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh-CN.md")


def programs(readme: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / readme).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def run(program: str, folder: Path) -> str:
    seeded = "import mxnet, numpy\nmxnet.random.seed(7), numpy.random.seed(7)\n" + program
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", seeded], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d*(?:e[-+]?\d+)?", text)]


def test_readmes_hold_the_same_four_programs():
    english, chinese = map(programs, READMES)
    assert len(english) == 4 and english == chinese


def test_imperative_program_finds_the_line(tmp_path):
    w1, w2, b, loss = numbers(run(programs("README.md")[0], tmp_path))
    assert (w1, w2, b) == pytest.approx((2, -3, 4), abs=0.01) and loss < 1e-3


def test_symbolic_program_learns_and_saves(tmp_path):
    (accuracy,) = numbers(run(programs("README.md")[1], tmp_path))
    assert accuracy > 0.9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["xor-0020.params", "xor-symbol.json"]


def test_gluon_program_learns_and_exports(tmp_path):
    (accuracy,) = numbers(run(programs("README.md")[2], tmp_path))
    assert accuracy > 0.9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["xor-gluon-0000.params", "xor-gluon-symbol.json"]


def test_planning_program_shows_the_plan(tmp_path):
    text = run(programs("README.md")[3], tmp_path)
    assert re.search(r"everything together +[\d,.]+ MB", text) and "optimizer states" in text


@pytest.mark.parametrize("readme", READMES)
def test_links_point_to_files(readme):
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / readme).read_text(encoding="utf-8"))
    assert len(links) >= 3
    assert [link for link in links if not (ROOT / link).exists()] == []
