# The commands of the project; `make` alone lists them.

PYTHON ?= python3
SELECT ?=
ARGS ?=
export PYTHON

BIN := .venv/bin
RUNTIME := .venv/.runtime
DEV := .venv/.dev

# A .venv that was copied or moved would run the code of the folder it was created in.
UNUSABLE := $(shell [ "$$(cat .venv/.folder 2>/dev/null)" = "$$(pwd -P)" ] && [ -x $(BIN)/python ] || echo unusable)

.DEFAULT_GOAL := help
.SUFFIXES:
.NOTPARALLEL:
.PHONY: help verify record nightly test check lint limits upgrades format zoo setup clean unusable

help: ## list the commands
	@echo 'usage: make COMMAND [SELECT="CASES"] [ARGS="OPTIONS"] [PYTHON=python3.11]'
	@echo
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  \1	\2/p' Makefile | expand -t 12
	@echo
	@echo 'SELECT names cases (ids, globs, tag:NAME; default: all), ARGS further options:'
	@echo '  make verify SELECT="tag:smoke" ARGS="--device cpu"'
	@echo 'make exits with 2 whenever a command fails. To get the exit codes of harness'
	@echo '(1 regression, 2 usage, 3 error), call .venv/bin/harness or .ci/nightly directly.'

verify: $(RUNTIME) ## judge the cases against their goldens
	@set -f; $(BIN)/harness verify $(SELECT) $(ARGS)

record: $(RUNTIME) ## record goldens for this platform
	@set -f; $(BIN)/harness record $(SELECT) $(ARGS)

nightly: $(RUNTIME) ## verify, remember the night in nightly/, and tell what is new
	@set -f; sh .ci/nightly $(SELECT) $(ARGS)

# The longest files first (tests/conftest.py), and all code compiled once: the tests begin hundreds of processes.
test: $(DEV) ## run the tests (ARGS go to pytest)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: lint limits test upgrades ## run everything that must pass before a commit: lint, limits, test, upgrades

lint: $(DEV) ## check style, types and layers
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo 'ruff format would change these files (ruff format --diff shows how); run: make format' >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports

upgrades: $(DEV) ## test with real releases, where uv and the package index are there
	@$(BIN)/python -m pytest -q -m network tests/upgrade

limits: $(RUNTIME) ## check that every case with a min_sensitivity still reaches it
	@$(BIN)/harness sensitivity --stored --quiet

format: $(DEV) ## fix the style of the code
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format --quiet

zoo: $(DEV) ## retrain the built-in models (ARGS name some of them)
	@$(BIN)/python -m harness.zoo.train $(ARGS)

setup: $(RUNTIME) ## create .venv without running anything

clean: ## remove .venv, out and caches; goldens and nightly stay
	@rm -rf .venv out .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): pyproject.toml requirements/runtime.txt $(UNUSABLE)
	@sh .ci/install runtime

$(DEV): $(RUNTIME) requirements/dev.txt
	@sh .ci/install dev
