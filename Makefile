# make demo     set everything up in .venv and run the main job on a simulated site
# make test     the quick suite          make faults   kill matrix and hostile servers
# make check    lint, types, import rules   make bench   speed, each figure against its peer
# make fuzz     atheris over everything that reads what others wrote, a minute each
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

.PHONY: demo test faults check bench fuzz lock install clean

demo: install
	$(BIN)/isthmus demo $(DEMO)

test: install
	$(BIN)/python -m pytest -m "not faults" -n 2 --dist worksteal $(TEST)

faults: install
	$(BIN)/python -m pytest -m faults -n 2 --dist worksteal $(TEST)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python -m benchmarks $(BENCH)

fuzz: install
	$(BIN)/python -m tests.fuzz $(FUZZ)

lock: install
	$(BIN)/python .ci/lock.py

install: $(STAMP)

$(STAMP): requirements.txt pyproject.toml sdk/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Isthmus needs Python 3.11 to 3.13; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python module venv or ensurepip is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ./sdk -e .
	@touch $(STAMP)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
