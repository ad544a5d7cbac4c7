# Everything here sets itself up: the first run makes a virtual environment and finds or builds a Pulumi engine, later
# runs see that both are there.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 5005
PYTEST_ARGS ?=
ROUNDS ?=
SEED ?=
JOBS ?= 2
LATENCY ?= 0.1
UV_VERSION := 0.13.9

# One virtual environment for programs and tools; its stamp file says which lock it was last filled from.
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := $(VENV)/packages.stamp
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help setup demo cloud test chaos bench docs dist lint audit env lock clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1 \2/p' Makefile | while read -r name text; do \
	  printf '  make %-6s %s\n' "$$name" "$$text"; done

# What set-up has to say goes to stderr: the stdout of `make -s env` is for the shell.
$(PACKAGES): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=...")'
	@echo "packages: installing what requirements.lock names into $(VENV); the first time takes a minute or two" >&2
	@$(PYTHON) -m venv $(VENV) >&2
	@$(PIP) install --require-hashes -r requirements.lock >&2
	@$(PIP) install --no-build-isolation --no-deps -e . >&2
	@touch $@

setup: $(PACKAGES) ## Install the packages and a Pulumi engine; every other target does it as well
	@$(BIN)/python -m local.engine.install >/dev/null

demo: setup ## Tell the main story on the local cloud
	@$(BIN)/python -m local.demo

test: lint ## Check and test everything
	@$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report term $(PYTEST_ARGS)

chaos: setup ## Random changes, faults and kills, each healed by one up (ROUNDS, else without end; SEED, JOBS=2)
	@$(BIN)/python -m tests.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) --jobs $(JOBS)

bench: setup ## Measure against the other ways; writes docs/performance.md (ROUNDS=5, LATENCY=0.1 seconds)
	@$(BIN)/python -m benchmarks --rounds $(or $(ROUNDS),5) --latency $(LATENCY)

cloud: setup ## Serve the local cloud, on PORT=5005
	@$(BIN)/python -m local.cloud --port $(PORT)

env: setup ## Print the environment for pulumi commands typed by hand: eval "$(make -s env)"
	@$(BIN)/python -m local.environment

docs: setup ## Draw the README's picture and build the documentation into build/site
	@$(BIN)/python -m local.picture
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "documentation: build/site/index.html"

dist: setup ## Build the wheel and the sdist into dist/, check them, and try the wheel in an empty environment
	@$(BIN)/python -m local.dist

lint: setup ## Check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

audit: setup ## List known vulnerabilities of what requirements.lock pins, and what could not be audited
	@$(BIN)/python -m local.audit

lock: $(PACKAGES) ## Pin all packages anew, at their newest versions
	@$(PIP) install uv==$(UV_VERSION)
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --custom-compile-command "make lock" --extra stack --extra dev --extra docs \
	  --output-file requirements.lock pyproject.toml

clean: ## Remove what set-up and runs have left in the checkout, but for the stacks in .pulumi-state
	rm -rf $(VENV) .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
