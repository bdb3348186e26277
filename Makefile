# The first two targets are the README's two commands; `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
NODE   := .cache/node
WORKERS ?= auto

# What was compiled once, tests too, is not compiled again by every process, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all check compiled format lint types imports bench jasmin soak docs lock system-deps node-peers wheel clean help

demo: $(READY) ## run the demo world and its tour (ARGS="--once --json" passes options)
	@$(BIN)/gateway demo $(ARGS)

test: $(READY) ## the test suite but its slow part; what needs a missing system package is skipped with its reason
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -m "not slow" $(ARGS)

test-all: $(READY) ## every test, the slow ones too
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q $(ARGS)

check: WORKERS = 4 # on two cores: many tests wait for real phones, browsers and clocks
check: $(READY) ## all that CI runs
	@$(MAKE) --no-print-directory --jobs 2 types compiled format lint imports
	@$(MAKE) --no-print-directory test-all WORKERS=$(WORKERS)

compiled: $(READY) # the tests are compiled once here, not by each worker
	@$(BIN)/python -m pytest --collect-only -qq >.venv/.collected || (cat .venv/.collected; false)

format: $(READY) ## formatting, checked
	@$(BIN)/ruff format --check .

lint: $(READY) ## style and likely mistakes
	@$(BIN)/ruff check .

types: $(READY) ## mypy --strict
	@$(BIN)/mypy

imports: $(READY) ## layers and purity of the cores
	@$(BIN)/lint-imports --no-logo

bench: $(READY) ## our figures beside our peers', one JSON object as the last line (ARGS=--write keeps them in docs/)
	@$(BIN)/python -m loadtests.bench $(ARGS)

jasmin: ## Jasmin for `make bench`, into .cache/jasmin; its servers are rabbitmq-server and redis-server (Debian)
	@$(PYTHON) -m venv .cache/jasmin && .cache/jasmin/bin/pip install --quiet --disable-pip-version-check jasmin==0.11.1

soak: $(READY) ## an hour of mixed load (DURATION=seconds)
	@$(BIN)/python -m loadtests.soak --duration $(or $(DURATION),3600)

lock: $(READY) ## resolve the pins anew (needs the network)
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet -o requirements/dev.txt
	@$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet -o requirements/runtime.txt
	@$(BIN)/uv pip compile pyproject.toml --all-extras -c requirements/dev.txt --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet -o requirements/full.txt

docs: $(READY) ## write docs/reference anew from the code
	@$(BIN)/python -m docs.generate

wheel: $(READY) ## build the wheel into dist/
	@$(BIN)/python -m hatchling build -t wheel

system-deps: ## third-party peers for the tests: SIPp, Kannel, tshark, node, Chromium, PostgreSQL … (Debian, root)
	@sh tests/interop/system-deps.sh
	@$(MAKE) --no-print-directory node-peers

node-peers:
	@mkdir -p $(NODE) && cp tests/interop/node/package.json tests/interop/node/package-lock.json $(NODE)/
	@cd $(NODE) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

clean: ## remove what the other targets made
	rm -rf $(VENV) .cache dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

help: ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## / — /'

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@echo "Installing into $(VENV) (about a minute, once) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
