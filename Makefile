# make setup   the environment with everything for development, in .venv
# make serve   the environment, then the page on http://localhost:7860
# make fast    the tests of the rules of import, of files, truth, questions and readers: no model, page or command line
# make test    the environment, then ruff, mypy and the tests, in WORKERS=2 processes
# make docs    write the reference of commands, docs/cli.md, and all documents as a site, build/site/index.html
# make ship    put what training left in RUN into the package, and measure and write down all that hangs on it
.PHONY: setup serve fast test check docs ship clean
PYTHON ?= python3
PORT ?= 7860
WORKERS ?= 2
SETS ?= runs/sets
BIN := .venv/bin
FAST := tests/test_imports.py tests/files tests/occlusion $(wildcard tests/questions) tests/reading
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip --disable-pip-version-check

setup: .venv/.development
serve: setup
	$(BIN)/occlusight serve --port $(PORT)

fast: .venv/.development
	$(PYTEST) $(FAST)

test: check
	$(PYTEST)

check: .venv/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/.development
	$(BIN)/python -m occlusight.cli.reference > docs/cli.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

ship: .venv/.development
	$(BIN)/python -m benchmarks ship $(RUN) --sets $(SETS) $(OTHERS:%=--others %)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "occlusight needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/.development: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) install -q -c constraints.txt -e '.[scenes,train,dev,docs]'
	@touch .venv/.development

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
