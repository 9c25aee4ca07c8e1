# The two commands of the README are `make demo` and `make test`; each does all its set-up on a fresh machine.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
export TUQUAN_CACHE := $(CURDIR)/.cache

.DEFAULT_GOAL := help
.PHONY: help demo test lint types docs bench evaluate soak lock environment tools test-picamera2 test-nspawn clean

help:  ## Say what can be made.
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

demo: $(VENV)/.node  ## The whole system on this machine, with simulated pins. ARGS="--headless --seconds 30"
	@$(BIN)/tuquan demo $(ARGS)

test: $(VENV)/.dev tools lint types docs  ## Everything that CI runs.
	PYTHON=$(BIN)/python bash tests/suite.sh $(ARGS)

lint: $(VENV)/.dev  ## Style: ruff.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## Types: mypy, strict.
	$(BIN)/mypy

docs: $(VENV)/.dev  ## Generated documents are what the code says.
	$(BIN)/python -m edge.describe --check

documents: $(VENV)/.dev  ## Write the generated documents anew.
	$(BIN)/python -m edge.describe

soak: $(VENV)/.dev tools  ## Break everything for hours and count what was lost. ARGS="--scenario kill-node --amount 1000 --seed 7"
	$(BIN)/python -m tests.faults $(ARGS)

bench: $(VENV)/.dev tools  ## Ratios against the plain libraries, in one run (some twenty minutes on a quiet machine).
	$(BIN)/python benchmarks/run.py $(ARGS)

evaluate: $(VENV)/.dev  ## How well the node sees: the stress set and the pedestrian video, into docs/evaluation.md (some ten minutes).
	$(BIN)/tuquan model fetch --directory $(TUQUAN_CACHE)/models
	$(BIN)/tuquan evaluate tests/data/vtest --stress --baseline --seconds 40 --models $(TUQUAN_CACHE)/models --write docs/evaluation.md $(ARGS)

tools:  ## Install what the tests need and this machine lacks (as root), or say what will be skipped.
	@bash tests/install-tools.sh

test-picamera2: $(VENV)/.dev  ## The camera's contract on the real picamera2, in a Debian trixie root (as root).
	PYTHON=$(BIN)/python bash tests/picamera2/run.sh $(ARGS)

test-nspawn:  ## The units under a real systemd, in a container (as root).
	bash tests/systemd/nspawn/boot.sh $(TUQUAN_CACHE)/nspawn

lock:  ## Resolve the hashed requirement files anew (needs uv).
	bash requirements/lock.sh

$(VENV)/.node: pyproject.toml requirements/node.txt requirements/make-venv.sh
	@test -e $(VENV)/.dev || bash requirements/make-venv.sh $(VENV) requirements/node.txt $(PYTHON)
	@touch $@

$(VENV)/.dev: pyproject.toml requirements/dev.txt requirements/make-venv.sh
	@bash requirements/make-venv.sh $(VENV) requirements/dev.txt $(PYTHON)
	@touch $@ $(VENV)/.node

clean:  ## Remove the environment, caches and results.
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
