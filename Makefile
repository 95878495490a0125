# Two commands do everything on a fresh machine with Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ONCE ?=
VERSION ?= 3.1.0

.PHONY: demo test bench contract format generate clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip --quiet --disable-pip-version-check install --editable '.[test]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/sidecar demo $(if $(ONCE),--once)

test: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --cov --cov-report= $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet --keep . 2>/dev/null || true
	$(BIN)/coverage report $(if $(FULL_COVERAGE),--fail-under=100)

bench: $(VENV)/.installed
	$(BIN)/python -m tests.bench $(BENCH)

# Needs Docker: a throw-away Immich of that version. MORE="-k stacks" for a part of the suite.
contract: $(VENV)/.installed
	PYTHONPATH=contract-tests $(BIN)/python -m behaviour.live $(VERSION) $(MORE)
	PYTHONPATH=contract-tests $(BIN)/python -m behaviour.table

generate: $(VENV)/.installed
	$(BIN)/python -m openapi.generate

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
