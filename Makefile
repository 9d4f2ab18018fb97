# Every target sets up what it needs: a virtual environment in .venv, nothing global.
# A Python that was compiled without optimisation, as version managers do unless they are told otherwise, runs Headrace a tenth slower.
# Where python3 does not say that it is optimised, the system's own is taken, if it will do.
OPTIMISED := import sys, sysconfig; sys.exit("--enable-optimizations" not in sysconfig.get_config_var("CONFIG_ARGS"))
SUITABLE := import ensurepip, sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell python3 -c '$(OPTIMISED)' 2>/dev/null && echo python3 || \
  { /usr/bin/python3 -c '$(SUITABLE)' 2>/dev/null && echo /usr/bin/python3; } || echo python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
STATHAT := $(VENV)/.stathat
# What the pages load, built from web/frontend; the installation builds it first.
STATIC := src/headrace/web/static/manifest.json
# Processes that run tests, each with servers of its own.
WORKERS ?= 2
FRONTEND := $(shell find src/headrace/web/frontend -name node_modules -prune -o -type f -print)

.PHONY: run demo test lint bench pictures lock clean

$(STAMP): pyproject.toml requirements.lock requirements-dev.lock
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

$(STATIC): $(STAMP) hatch_build.py $(FRONTEND)
	$(BIN)/python hatch_build.py build
	touch $@

# StatHat's package on PyPI can only be built with a setuptools of its time, which runs on Python 3.11. Where that fails its test is skipped.
$(STATHAT): $(STAMP) $(wildcard tests/clients/*.lock)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes \
	  --build-constraints tests/clients/pypi_stathat_build.lock -r tests/clients/pypi_stathat.lock || echo "stathat 0.0.2 is left out"
	touch $@

# Starts Headrace on http://127.0.0.1:8787 with its data in ./data. ARGS adds flags.
run: $(STATIC)
	$(BIN)/headrace serve --data data $(ARGS)

# Fills a project with a believable week of records, beside `make run` in another terminal. ARGS adds flags.
demo: $(STAMP)
	$(BIN)/headrace demo --data data $(ARGS)

# Everything that has to pass: style, types of Python and TypeScript, import rules, tests with coverage.
test: lint $(STATHAT)
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal --cov --cov-report=term:skip-covered $(ARGS)

lint: $(STATIC)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python hatch_build.py check

# Measures on this machine; results in bench/results/ and as a table.
bench: $(STAMP)
	$(BIN)/python -m bench $(ARGS)

# Pictures of every page into docs/pictures, made in Chromium.
pictures: $(STATIC)
	$(BIN)/python tests/browser/pictures.py docs/pictures

# Pins the dependencies anew from pyproject.toml.
lock: $(STAMP)
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links -o requirements.lock
	$(BIN)/uv pip compile --group dev --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist src/headrace/web/static src/headrace/web/frontend/node_modules .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
