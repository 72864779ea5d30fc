# `make quickstart` and `make test` from a clean clone: each makes .venv and installs what it needs; a second run installs nothing.
.PHONY: help install quickstart test test-slow check format clean
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := mmssl recipes tests benchmarks datasets

help: ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/installed ## Make .venv with the pinned versions of constraints.txt

$(VENV)/installed: pyproject.toml constraints.txt scripts/venv.sh
	@bash scripts/venv.sh $(VENV)
	@touch $@

quickstart: install ## Render a world, train, evaluate, search, localize; see quickstart/report.html
	@$(BIN)/mmssl quickstart --out quickstart

test: install ## The test suite, under ten minutes on two cores
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow" $(PYTEST)

test-slow: install ## The tests that take minutes
	@$(BIN)/python -m pytest -n auto --dist loadfile -m slow $(PYTEST)

check: install ## Formatter, linter, types, spelling
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/codespell $(SOURCES) README.md CONTRIBUTING.md Makefile datasets
	@echo "check: clean"

format: install ## Let the formatter have its way
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

clean: ## Remove what was made, but the virtual environment
	rm -rf quickstart build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
