# `make run` and `make test` do all the set-up they need: only python3 (3.11 or newer) and make are asked for.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint deploy/constraints.txt
# Twice the cores of a small machine: many tests wait for servers, disks and the network.
WORKERS ?= 4
QUICK := tests/architecture tests/shared tests/agent/s3 tests/agent/core tests/agent/selection tests/contract
COVERED := tests/shared tests/agent/s3 tests/agent/core tests/agent/selection tests/agent/storage \
	tests/agent/stores/local tests/agent/stores/access tests/agent/frontends/http tests/contract

.DEFAULT_GOAL := install
.PHONY: install dev run test clients check quick coverage bytecode lint format torture env clean help docs screenshots recording snapshots release site

install: $(VENV)/.installed ## set up .venv with s3d in it
	@echo 's3d is installed. Next:  eval "$$(make env)"  and then  s3d run'

$(VENV)/.installed: pyproject.toml deploy/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "s3d needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	@echo 's3d: setting up $(VENV) with what s3d needs; a minute or so, and only this once'
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo 's3d: adding the tools for tests to $(VENV); a few minutes'
	@$(PIP) --editable '.[test]'
	@touch $@

dev: $(VENV)/.installed-dev ## the same with the tools for tests

run: $(VENV)/.installed ## serve S3 on localhost
	@$(BIN)/s3d run

test: $(VENV)/.installed-dev ## lint, then the test suite
	@$(MAKE) --no-print-directory --jobs 2 lint bytecode
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not torture"

clients: $(VENV)/.installed-dev ## install the S3 clients of tests/e2e into .venv-clients; the tests do so, too
	$(BIN)/python -m tests.e2e.clients.environment

check: $(VENV)/.installed-dev ## in under a minute: lint, types, the pure parts, the contract on the local store
	@$(MAKE) --no-print-directory --jobs 2 lint quick

# These tests compute and wait for nothing: more workers than cores would only import more.
quick: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -q -n auto -m "not torture and not slow" -k "not contract or embedded or local" $(QUICK)

coverage: $(VENV)/.installed-dev ## record which lines of the protocol, the kernel and the embedded store the tests run
	@$(BIN)/python -m coverage run -m pytest -q -p no:xdist -m "not torture and not slow" -k "not contract or embedded or local" $(COVERED) || true  # the tracer slows what has a limit of time
	@$(BIN)/python -m coverage report --skip-covered --sort=cover

# Each worker of pytest imports all tests. In a new checkout, each would compile all of them, too.
bytecode: $(VENV)/.bytecode
	@:

$(VENV)/.bytecode: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -q --collect-only -p no:xdist > /dev/null || true  # the suite will say why
	@touch $@

lint: $(VENV)/.installed-dev ## ruff and mypy --strict
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

torture: $(VENV)/.installed-dev ## the long campaigns
	$(BIN)/python -m pytest -n $(WORKERS) -m torture

torture-%: $(VENV)/.installed-dev ## one campaign of tests/torture, as torture-kills; S3D_TORTURE_SEED, _ROUNDS, _MINUTES
	$(BIN)/python -m pytest -p no:xdist -q -m torture tests/torture/test_$*.py

snapshots: $(VENV)/.installed-dev ## write down anew what the screens of the terminal app show
	S3D_SNAPSHOTS=write $(BIN)/python -m pytest -q tests/tui/test_snapshots.py

docs: $(VENV)/.installed-dev ## write docs/metrics.md, docs/s3-compatibility.md, and the table of commands in the user guide
	$(BIN)/python -m tests.architecture.metrics_document
	$(BIN)/python -m tests.architecture.s3_compatibility
	$(BIN)/python -m tests.cli.copying.familiar_commands

screenshots: $(VENV)/.installed-dev ## draw the pictures of the terminal app anew
	$(BIN)/python -m s3d.tui.screenshots screenshots

recording: $(VENV)/.installed-dev ## record the terminal app before real agents, as screenshots/tui.cast
	$(BIN)/python -m s3d.tui.record_cast screenshots/tui.cast

release: ## build the wheel, the sdist and their bill of materials from the last commit, into dist/
	@test -x .venv-release/bin/twine || { $(PYTHON) -m venv --clear .venv-release && .venv-release/bin/python -m pip --disable-pip-version-check install --quiet hatchling twine cyclonedx-bom; }
	.venv-release/bin/python deploy/release.py

site: ## build the documentation as a static site, into site/
	@test -x .venv-site/bin/mkdocs || { $(PYTHON) -m venv --clear .venv-site && .venv-site/bin/python -m pip --disable-pip-version-check install --quiet mkdocs-material; }
	@NO_MKDOCS_2_WARNING=1 .venv-site/bin/python deploy/site.py

env: ## print the line that puts this checkout's s3d on the PATH
	@echo 'export PATH="$(CURDIR)/$(BIN):$$PATH"'

clean: ## remove what make made
	rm -rf $(VENV) .venv-botocore .venv-clients .venv-release .venv-site site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

help: ## this list
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z%-]+):.*## /\1\t/' | expand -t 14
