# Every command of docgraph in one place; `make help` lists them. The work is done in deploy/local/docgraph_local and scripts/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON_IN_VENV := .venv/bin/python
STACK := $(PYTHON_IN_VENV) -m docgraph_local
WITH_STACK := eval "$$($(STACK) env)" &&

.PHONY: help setup setup-tests up down status env logs clean preflight walls check test test-phase-6 prove chaos drill bench eval eval-sentences fit-ranking eval-formats eval-links demo

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install everything that is missing (fast when nothing is)
	@scripts/setup

setup-tests: ## The same, and what only the tests need (a C compiler)
	@scripts/setup tests

up: setup ## Start the stack and wait until it is ready
	@$(STACK) up

down: ## End every process of the stack; the data stay
	@if [ -x $(PYTHON_IN_VENV) ]; then $(STACK) down; else echo "Nothing is installed here, so nothing runs."; fi

status: ## Show service, state, pid, uptime, address and health (JSON=1 for machines)
	@$(STACK) status $(if $(JSON),--json)

env: ## Print shell exports, for eval in a shell
	@$(STACK) env

logs: ## Show the ends of the logs (SERVICE=name for one, FOLLOW=1 to go on)
	@$(STACK) logs $(SERVICE) $(if $(FOLLOW),--follow)

clean: ## Remove the stack's data after asking (YES=1: without asking)
	@if [ -x $(PYTHON_IN_VENV) ]; then $(STACK) clean $(if $(YES),--yes); else echo "Nothing is installed here, so there is no stack to clean."; fi

preflight: setup ## Look whether this machine can run the stack
	@$(STACK) preflight

walls: setup ## Lint, format, types and import contracts
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy --strict
	@.venv/bin/lint-imports

check: walls ## The walls and the unit tests; run it before each commit
	@$(PYTHON_IN_VENV) -m pytest -q -n 2 --dist worksteal tests/unit

test: test-phase-6 ## Run every test on the real engines

test-phase-6: setup-tests walls ## The same: results in reports/phase-6/
	@$(PYTHON_IN_VENV) -m docgraph_local.testrun

prove: setup ## Check the commit protocol (millions of interleavings) and how costly documents grow (half an hour)
	@$(PYTHON_IN_VENV) tests/proofs/protocol_model.py
	@DOCGRAPH_PROTOCOL_EXAMPLES=1000 DOCGRAPH_DOUBLE_ROUNDS=100 $(PYTHON_IN_VENV) -m pytest -q --durations=0 tests/integration/test_protocol_machine.py \
		tests/proofs/prove_machine.py tests/integration/test_double_attempts.py
	@PYTHONPATH=include:tests $(PYTHON_IN_VENV) tests/proofs/growth.py

chaos: setup-tests ## Kill every process at every named place of a run (about an hour)
	@$(PYTHON_IN_VENV) -m pytest tests/chaos -m "matrix or not matrix"

drill: setup-tests ## Bring bad entries to every door of a whole stack, beside good ones (ENTRIES=1000 SEED=20261128; an hour)
	@DOCGRAPH_DRILL_ENTRIES=$(or $(ENTRIES),1000) DOCGRAPH_DRILL_SEED=$(or $(SEED),20261128) \
		$(PYTHON_IN_VENV) -m pytest -q -s tests/e2e/drill_bad_entries.py

bench: up ## Seed 50,000 synthetic sections and measure how fast they are searched and compared (minutes)
	@$(WITH_STACK) $(PYTHON_IN_VENV) scripts/seed_synthetic.py --tag bench --once
	@$(WITH_STACK) $(PYTHON_IN_VENV) scripts/bench_search.py --tag bench --http --p50 60 --p95 150
	@$(WITH_STACK) $(PYTHON_IN_VENV) scripts/bench_verify.py --tag bench --seconds 30 --growth 40
	@$(WITH_STACK) $(PYTHON_IN_VENV) scripts/bench_verify.py --tag bench --vectors --seconds 30

eval: setup ## Measure retrieval on the Python manual (KEEP=1 CLEAN=1 CALIBRATE=1 PUBLISH=1)
	@$(PYTHON_IN_VENV) -m evaluation $(if $(KEEP),--keep) $(if $(CLEAN),--clean) \
		$(if $(CALIBRATE),--calibrate) $(if $(PUBLISH),--publish)

eval-sentences: setup ## Measure retrieval on questions in whole sentences from projects' FAQs (KEEP=1 CLEAN=1 TUNING=1 PUBLISH=1)
	@$(PYTHON_IN_VENV) -m evaluation.sentences $(if $(KEEP),--keep) $(if $(CLEAN),--clean) \
		$(if $(TUNING),--tuning) $(if $(PUBLISH),--publish)

fit-ranking: setup ## Fit the weights by which hits are ordered on the tuning halves, and write them (KEEP=1)
	@$(PYTHON_IN_VENV) -m evaluation.fitting $(if $(KEEP),--keep)

eval-formats: setup ## Measure the readers of formats on public documents (FORMATS="html man" for some)
	@$(PYTHON_IN_VENV) -m evaluation.formats $(FORMATS)

eval-links: setup ## Measure how many internal links of public documents reach a document (SETS="name=folder@/base" for your own)
	@$(PYTHON_IN_VENV) -m evaluation.links $(SETS)

demo: up ## Show the whole way of a document, from file to answer
	@$(PYTHON_IN_VENV) -m docgraph_local.demo
