# Every target sets itself up: the first run creates a virtual environment and finds or builds a Pulumi engine. Later
# runs use both again.
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
WHEEL ?=
IMAGE ?=
ACCOUNT ?=
RECIPIENT_PROFILE ?=
YES ?=

# One virtual environment for programs and tools.
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help packages setup demo cloud test test-all chaos acceptance bench docs dist lint audit env lock clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' Makefile | while read -r name text; do \
	  printf '  make %-10s %s\n' "$$name" "$$text"; done

# Set-up prints to stderr, because the stdout of `make -s env` is for the shell.
packages: ## Install the packages that requirements.lock names (part of `setup`)
	@$(PYTHON) local/packages.py $(if $(WHEEL),--wheel)

setup: packages ## Install the packages and a Pulumi engine (part of the targets that need them)
	@$(BIN)/python -m local.engine.install >/dev/null

demo: setup ## Show the main use case on the local cloud
	@$(BIN)/python -m local.demo

PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal

test: lint ## Run lint and the tests, in about three minutes (WHEEL=1: with the built wheel installed)
	@$(PYTEST) -m "not nightly" --cov --cov-report term $(PYTEST_ARGS)

test-all: lint ## Run lint, all tests and long random runs, as CI does every night
	@FUZZ_EXAMPLES=300 MODEL_EXAMPLES=100 $(PYTEST) --cov --cov-report term $(PYTEST_ARGS)
	@$(BIN)/python -m tests.chaos --rounds 60 --jobs $(JOBS)

chaos: setup ## Test random changes, faults and kills, each healed by one up (ROUNDS=, default: endless; SEED=, JOBS=2)
	@$(BIN)/python -m tests.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) --jobs $(JOBS)

acceptance: setup ## Test the package on your AWS account (IMAGE=, ACCOUNT=, RECIPIENT_PROFILE=; YES=1 skips the question)
	@$(BIN)/python -m local.acceptance "$(IMAGE)" "$(ACCOUNT)" --recipient-profile "$(RECIPIENT_PROFILE)" $(if $(filter-out 0,$(YES)),--yes)

bench: setup ## Compare with other ways to share images, in docs/performance.md (ROUNDS=5, LATENCY=0.1 seconds)
	@$(BIN)/python -m benchmarks --rounds $(or $(ROUNDS),5) --latency $(LATENCY)

cloud: setup ## Serve the local cloud on PORT=5005
	@$(BIN)/python -m local.cloud --port $(PORT)

env: setup ## Print the environment for pulumi commands typed by hand: eval "$(make -s env)"
	@$(BIN)/python -m local.environment

docs: setup ## Draw the README's picture and build the documentation into build/site
	@$(BIN)/python -m local.picture
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "documentation: build/site/index.html"

dist: setup ## Build the wheel and the sdist into dist/, check them, and try the wheel in an empty environment
	@$(BIN)/python -m local.dist

lint: setup ## Check style, layers and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy

audit: packages ## List known vulnerabilities of the packages that requirements.lock pins for this Python
# --strict: a package that cannot be checked is an error.
	@$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

lock: packages ## Pin all packages at their newest versions
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --custom-compile-command "make lock" --extra stack --group dev --group docs \
	  --output-file requirements.lock pyproject.toml

clean: ## Remove what set-up and runs have left in the checkout, except the stacks in .pulumi-state
	rm -rf $(VENV) .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
