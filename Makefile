# Every command a developer, a newcomer or CI needs. Each installs what is missing first, so the first
# one works on a bare machine; a second run starts at once.
SHELL := /bin/bash
PY := .venv/bin/python
WORKERS ?= auto
PYTEST := $(PY) -m pytest
# Absolute, so that child processes in other folders add to the same measurement.
export COVERAGE_FILE := $(CURDIR)/var/coverage/data

.DEFAULT_GOAL := help
.PHONY: help demo serve test check quick bench migrate lock format bootstrap

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## play a whole trade over HTTP and write the certificate to demo-output/
	@.ci/bootstrap runtime
	@$(PY) -m marketplace demo

serve: ## run the whole system until Ctrl-C
	@.ci/bootstrap runtime
	@exec $(PY) -m marketplace serve

migrate: ## bring the database to the newest revision
	@.ci/bootstrap runtime
	@$(PY) -m marketplace migrate

test: bootstrap check ## run every check and every test
	@mkdir -p var/coverage && $(PY) -m coverage erase
	$(PY) -m coverage run -m pytest -n $(WORKERS)
	@$(PY) .ci/coverage_gate.py

check: bootstrap ## lint, format, types, import contracts, lock files
	@.ci/lock check
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

quick: bootstrap ## the tests without those that take longer than five seconds
	$(PYTEST) -m 'not slow and not benchmark'

bench: bootstrap ## measure purchases, catalogue and certificates; prints tables
	$(PYTEST) tests/benchmarks -m benchmark -s -p no:randomly

lock: bootstrap ## resolve pyproject.toml anew into the two lock files
	@.ci/lock write

format: bootstrap ## format the code and mend what can be mended
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bootstrap:
	@.ci/bootstrap dev
