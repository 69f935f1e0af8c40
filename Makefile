# One command for each thing; `make help` lists them. CI runs the same ones.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
export DVC_NO_ANALYTICS := 1
export ITERATIVE_DO_NOT_TRACK := 1
export BENTOML_DO_NOT_TRACK := true
export DO_NOT_TRACK := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport PYTHONDONTWRITEBYTECODE  # without cached bytecode every start takes twice as long

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## create the environment from the hash-locked requirements

$(STAMP): requirements/lock.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "make: $(PYTHON) is $$($(PYTHON) -V), not Python 3.11 to 3.13; set PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "make: $(PYTHON) has no venv; install it (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "Setting up $(VENV) …"; start=$$SECONDS; \
	$(PYTHON) -m venv $(VENV); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/lock.txt; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	touch $(STAMP); echo "Environment ready in $$((SECONDS - start)) s."

demo: $(STAMP)  ## everything on real data, then serve until Ctrl-C (DETACH=1 returns)
	@$(BIN)/horizonte demo $(if $(DETACH),--detach)

down: $(STAMP)  ## stop every service that was started here
	@$(BIN)/horizonte down

turn: $(STAMP)  ## one whole turn of the loop on the sample, in minutes
	@$(BIN)/horizonte turn

live: $(STAMP)  ## live readings on the sample: devices, consumer, forecasts, until Ctrl-C
	@$(BIN)/horizonte live

lab: $(STAMP)  ## JupyterLab with kernel and services up
	@$(BIN)/horizonte lab

test: $(STAMP)  ## every test that needs nothing outside the Python environment
	@$(BIN)/python -m pytest $(PYTEST)

torture: $(STAMP)  ## break everything FAULTS times (1000), then count what was lost (about an hour)
	@$(BIN)/python -m tests.torture --faults $(or $(FAULTS),1000) --seed $(or $(SEED),7)

check: $(STAMP)  ## lint, format, types, import layers, notebook hygiene
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/nbstripout --verify notebooks/*.ipynb notebooks/explore/*.ipynb

format: $(STAMP)  ## put code and notebooks into the house format
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .
	@$(BIN)/nbstripout notebooks/*.ipynb notebooks/explore/*.ipynb

bench: $(STAMP)  ## measure the promises; see docs/benchmarks.md
	@test -x .venv-peers/bin/python || { $(BIN)/uv venv --quiet --python $(BIN)/python .venv-peers; \
	  $(BIN)/uv pip install --quiet --python .venv-peers/bin/python --require-hashes -r requirements/peers.txt; }
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script; done

lock: $(STAMP)  ## resolve requirements anew (needs a package index)
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header requirements/requirements.in -o requirements/lock.txt
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header requirements/peers.in -o requirements/peers.txt
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header requirements/serve.in -o requirements/serve.txt
	@grep -A200 '^uv==' requirements/lock.txt | awk 'NR>1 && /^[a-z]/ {exit} /^    #/ {next} {print}' > requirements/uv.txt

clean:  ## remove the environment and everything that can be made again
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

.PHONY: help setup demo down live turn lab test torture check format bench lock clean
