# make demo: the whole chain on generated data.  make test: all checks.  make setup: the environment alone.
# make coverage: which lines no test runs.
# make torture: kills at any moment, two runs at once, damaged inputs; about ten minutes.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: setup demo test coverage torture bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "adtool needs Python 3.10 or newer: make PYTHON=python3.12 setup"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): about 6 GB with torch, a few minutes ..."
	$(VENV)/bin/python -m pip install --quiet --editable '.[dev]'
	@touch $(STAMP)

demo: setup
	$(VENV)/bin/adtool demo --force

test: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest --numprocesses auto --maxprocesses 4 --dist worksteal

coverage: setup
	$(VENV)/bin/pytest --numprocesses auto --maxprocesses 4 --dist worksteal \
		--cov=adtool --cov-branch --cov-report=term:skip-covered --cov-report=html:build/coverage

torture: setup
	$(VENV)/bin/python -m tests.torture

bench: setup
	$(VENV)/bin/pytest tests/benchmarks --benchmark-enable --benchmark-only -s

clean:
	rm -rf $(VENV) demo
