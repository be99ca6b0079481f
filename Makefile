# Every target makes the environment by itself when it is missing or older than the lock.
SHELL := bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
PY := .venv/bin/python

.PHONY: help setup demo serve test check bench fuzz proto lock clean
help:  ## this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

.venv/.ready: deploy/requirements.lock deploy/setup.sh
	@bash deploy/setup.sh

setup: .venv/.ready  ## make the environment in .venv/

demo: .venv/.ready  ## a real lung CT, each therapy compared over gRPC
	@$(PY) -m service demo

serve: .venv/.ready  ## the service on 127.0.0.1:50051, with the demo's models once `make demo` ran
	@$(PY) -m service serve $(or $(ARGS),$(addprefix --settings ,$(wildcard build/demo/service.yaml)))

test: .venv/.ready  ## all tests, two files at a time, so that each has one thread
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/.ready  ## ruff, mypy strict, import-linter, the contract, the image
	@bash deploy/check.sh

bench: .venv/.ready  ## benchmarks; ONLY=serving for one
	@$(PY) -m tests.benchmarks $(ONLY)

fuzz: .venv/.ready  ## hostile files at every decoder, ten minutes; SECONDS=60 for one
	@PYTHONPATH=tests:. $(PY) tests/fuzz.py

proto:  ## stubs from the .proto files
	@bash proto/generate.sh

lock:  ## renew deploy/requirements.lock
	@bash deploy/lock.sh

clean:  ## remove what was built (not .venv)
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
