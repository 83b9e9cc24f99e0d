# make demo | test | lint | bench | oracle-record | wheel | clean
# Everything is set up in .venv on first use, and again when pyproject.toml or constraints.txt change.
# PYTHON=/path/to/python3.x chooses the interpreter; TESTS=tests/test_x.py and PYTEST_ARGS narrow a test run.

PYTHON ?=
TESTS ?=
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.mxnext-installed
ORACLE := .oracle
ORACLE_STAMP := $(ORACLE)/.mxnet-1.9.1-installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench oracle oracle-record wheel clean

help:
	@sed -n '1,3s/^# //p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@bash tools/setup-venv "$(VENV)" "$(PYTHON)"
	@touch $@

# One thread, unless told otherwise: LeNet is small, and two threads on cores that are busy are far slower than one.
demo: $(STAMP)
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python demo/demo.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(PYTEST_ARGS) $(TESTS)

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# The original MXNet 1.9.1, whose recorded answers the tests compare with. It needs a Python from 3.8 to 3.11.
oracle: $(ORACLE_STAMP)

$(ORACLE_STAMP):
	@bash tools/setup-oracle "$(ORACLE)"
	@touch $@

oracle-record: $(ORACLE_STAMP)
	@set -e; for script in tests/oracle/record_*.py; do echo "$$script"; $(ORACLE)/bin/python "$$script"; done

wheel: $(STAMP)
	$(BIN)/python -m build --wheel

clean:
	rm -rf build dist demo-output .pytest_cache .ruff_cache .mypy_cache .hypothesis $(VENV)
	find . -name __pycache__ -type d -not -path './$(ORACLE)/*' -prune -exec rm -rf {} +
