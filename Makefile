# Everything needs only Python 3.11+, git and make. `make help` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LINKAGE_VENV := .venv-linkage
LINKAGE_READY := $(LINKAGE_VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run run-kafka test check bench bench-linkage contracts migrate lock format

help: ## What there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(READY): requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@touch $(READY)

setup: $(READY) ## The virtual environment, from the lock

run: $(READY) ## The whole product on embedded defaults, at http://127.0.0.1:8000 (PORT to change)
	@$(BIN)/python -m deploy.laptop

run-kafka: $(READY) ## The same on a real Kafka
	@$(BIN)/python -m deploy.laptop --kafka

test: $(READY) ## Every test; real Kafka where one can be had
	@$(BIN)/python -m pytest

check: $(READY) ## Style, types, import rules, generated contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m deploy.contracts --check

bench: $(READY) ## Speed, a line per figure, also in .data/bench.json (ARGS=recognition: one part)
	@$(BIN)/python -m tests.benchmarks $(ARGS)

$(LINKAGE_READY): requirements-linkage.lock $(READY)
	@test -x $(LINKAGE_VENV)/bin/python || $(PYTHON) -m venv $(LINKAGE_VENV)
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(LINKAGE_VENV)/bin/python --require-hashes requirements-linkage.lock
	@touch $(LINKAGE_READY)

bench-linkage: $(LINKAGE_READY) ## Our matcher beside Splink, also in .data/bench-linkage.json (ARGS="--only c --skip-splink")
	@$(LINKAGE_VENV)/bin/python -m tests.benchmarks.linkage $(ARGS)

contracts: $(READY) ## Write schemas/generated/ anew
	@$(BIN)/python -m deploy.contracts

migrate: $(READY) ## Bring the database of SGB_DATABASE__URL to the newest schema
	@$(BIN)/python -m deploy.migrate

lock: ## Write requirements.lock anew
	@test -x $(BIN)/uv || ($(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --group dev pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -c requirements.lock pyproject.toml -o requirements-runtime.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -c requirements.lock tests/benchmarks/linkage/requirements.in -o requirements-linkage.lock

format: $(READY)
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .
