# Everything from a bare checkout: Python 3.11+, pip and make are all that is needed.
#   make run     simulated market, seed 7, 120 sessions, ending with a report
#   make test    the tests                 make check   lint, types, import rules and tests
#   make up      Dagster UI, daemon and MLflow          make bench   the benchmarks
#   make lock    write requirements.lock anew           make clean   remove build outputs and caches

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
PYTEST_ARGS ?=
UP_ARGS ?=

TEST_EXTRAS := test,brokers
BIN := $(VENV)/bin
# An environment is up to date when it was made for this folder, these dependencies and this lock.
KEY := $(shell { pwd; cat pyproject.toml requirements.lock; } 2>/dev/null | cksum | tr ' ' '-')
RUN_STAMP := $(VENV)/.fabline-run-$(KEY)
TEST_STAMP := $(VENV)/.fabline-test-$(KEY)
# `make test` installs all that `make run` needs, so its stamp serves both.
READY := $(firstword $(wildcard $(TEST_STAMP)) $(RUN_STAMP))
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

# Without bytecode imports take two to three times as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check lint bench up lock clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -n 5

run: $(READY)
	@$(BIN)/fabline run --source simulated --seed 7 --sessions 120

test: $(TEST_STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint test

lint: $(TEST_STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(TEST_STAMP)
	$(BIN)/python -m pytest benchmarks --benchmark-only $(PYTEST_ARGS)

up: $(READY)
	@$(BIN)/fabline up $(UP_ARGS)

# A constraints file: names and versions of everything that a clean environment resolves to.
lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip --disable-pip-version-check -qq install -e '.[$(TEST_EXTRAS)]'
	build/lock/bin/python -m pip freeze --exclude-editable \
	  | grep -E '^[A-Za-z0-9_.-]+==' | grep -viE '^(pip|setuptools|wheel)==' \
	  | sed 's/+[a-zA-Z0-9.]*$$//' > build/requirements.lock
	mv build/requirements.lock requirements.lock && rm -rf build/lock

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf .benchmarks .coverage .coverage.* coverage.xml
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# pip's own script is the last file that venv writes: an interrupted one is made again.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "error: Fabline needs Python 3.11 or newer; name one: make PYTHON=/path/to/python ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

define install
@echo "Installing Fabline into $(VENV) (a few minutes the first time)"
$(PIP) install -c requirements.lock -e $(1)
@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib trading models resources assets pipelines || true
@rm -f $(VENV)/.fabline-run-* $(VENV)/.fabline-test-* && touch $@
endef

$(RUN_STAMP): | $(BIN)/pip
	$(call install,.)

$(TEST_STAMP): | $(BIN)/pip
	$(call install,'.[$(TEST_EXTRAS)]')
