# `make run` and `make test` need Python 3.10 or later and a Rust toolchain, and nothing else.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2

# An active virtual environment or a PYTHONPATH must not affect what is built and run here.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV CONDA_PREFIX
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# The backend is maturin, behind scripts/build_backend.py; no build fetches a Rust toolchain.
export MATURIN_NO_MISSING_BUILD_BACKEND_WARNING = 1
export MATURIN_NO_INSTALL_RUST = 1
BIN := $(VENV)/bin

SOURCES := $(shell find native fast_langgraph -name '*.rs' -o -name '*.toml' -o -name '*.py' -o -name '*.pyi') fast_langgraph.data/platlib/fast_langgraph_sqlite_auto.pth Cargo.toml Cargo.lock pyproject.toml

# Each has a hook in .pre-commit-config.yaml, so that a commit runs those that its files concern.
LINTS := lint-rust lint-python lint-workflows lint-licenses lint-hooks

.PHONY: help run test test-short test-verified test-packaging soak soak-faults soak-fuzz lint $(LINTS) bench bench-all-pythons bench-this-python dist test-all-pythons test-matrix test-upstream test-upstream-all clean
help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 28

run: $(VENV)/.built ## Build, then run an agent on stock and on Rust
	$(BIN)/python examples/agent.py

test: $(VENV)/.built ## Build, then run all tests
	cargo test --quiet --package fast_langgraph_msgpack --package fast_langgraph_compact
	cargo test --quiet --manifest-path fuzz/Cargo.toml --target-dir target/fuzz
	$(BIN)/python -m pytest -n $(JOBS)

test-verified: $(VENV)/.built ## Run the comparisons with stock and the checkpointer's tests once more, with all that is remembered made anew and compared
	FAST_LANGGRAPH_VERIFY=1 $(BIN)/python -m pytest -q -n $(JOBS) tests/compat tests/checkpointer

test-packaging: $(VENV)/.installed ## Build and install the source distribution and run an agent, also beside the other package with its import name
	$(BIN)/python -m pytest --timeout 1200 tests/packaging

soak: $(VENV)/.built ## Test durability, concurrency, faults and memory for hours instead of seconds
	SOAK=1 $(BIN)/python -m pytest -q -s -m soak --timeout 0 tests/checkpointer tests/compat tests/cli tests/move

soak-faults: $(VENV)/.built ## Have each call that SQLite makes of the system fail, one after the other, for hours
	SOAK=1 $(BIN)/python -m pytest -q -n $(JOBS) --timeout 0 tests/faults

# Inputs of each target of libFuzzer, and payloads that are decoded by stock and by ours.
FUZZ_INPUTS ?= 100000000
FUZZ_PAYLOADS ?= 10000000
FUZZ_SEED ?= 0
soak-fuzz: $(VENV)/.built ## Fuzz the reader, the cuts and the recipes with libFuzzer, and loads_typed beside stock; takes hours
	$(BIN)/python scripts/fuzz.py $(FUZZ_INPUTS) $(JOBS)
	cd tests && $(abspath $(BIN))/python -m beside_stock.fuzz --payloads $(FUZZ_PAYLOADS) --jobs $(JOBS) --seed $(FUZZ_SEED)

lint: $(LINTS) ## Check formats, types and lints of Rust and Python, the workflows, the licences and the hooks of pre-commit

lint-rust:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --manifest-path fuzz/Cargo.toml --target-dir target/fuzz --all-targets --quiet -- -D warnings

lint-python: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32

lint-workflows: $(VENV)/.installed
	$(BIN)/zizmor --offline --quiet .github/workflows

lint-licenses: $(VENV)/.installed
	$(BIN)/python scripts/third_party_licenses.py --check

lint-hooks: $(VENV)/.installed
	$(BIN)/pre-commit validate-config
	@for lint in $(LINTS); do grep -qx "        entry: make $$lint" .pre-commit-config.yaml || \
		{ echo ".pre-commit-config.yaml has no hook for $$lint" >&2; exit 1; }; done

bench: $(VENV)/.built ## Measure against stock
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/codec.py
	$(BIN)/python benchmarks/remembered.py
	$(BIN)/python benchmarks/agent.py
	$(BIN)/python benchmarks/async_agents.py
	$(BIN)/python benchmarks/checkpointer.py
	$(BIN)/python benchmarks/compact.py
	$(BIN)/python benchmarks/delta_channels.py
	$(BIN)/python benchmarks/move.py
	$(BIN)/python benchmarks/where_the_time_goes.py

test-short: $(VENV)/.built ## Check that this Python takes the direct paths, and run the codec's tests
	$(BIN)/python -m pytest -q -n $(JOBS) tests/compat/test_known_code.py tests/compat/test_short_ways.py tests/compat/test_codec_encode.py tests/compat/test_codec_decode.py tests/compat/test_codec_allowlists.py tests/compat/test_codec_changing_classes.py tests/compat/test_codec_messages.py

test-all-pythons: ## Run all tests on each CPython found, from 3.10 to 3.15
	scripts/each-python test

bench-all-pythons: ## Measure codec and agent on each CPython found; writes docs/interpreters.md
	rm -f target/interpreters.jsonl
	scripts/each-python bench-this-python
	$(PYTHON) benchmarks/interpreters.py --page target/interpreters.jsonl

bench-this-python: $(VENV)/.built
	$(BIN)/python benchmarks/interpreters.py --add-to target/interpreters.jsonl

test-matrix: ## Run the comparisons with stock on old and new dependencies, and the compact layout on many SQLite versions
	scripts/test-matrix

dist: ## Fill dist/ with the source distribution and a wheel for each CPython found, all checked and run
	PYTHON="$(PYTHON)" scripts/dist

test-upstream: $(VENV)/.installed ## Run LangGraph's own test suites on stock and patched, newest releases
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tests/upstream/run.py

test-upstream-all: $(VENV)/.installed ## The same on each supported release; writes RESULTS.md
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tests/upstream/run.py --all

clean: ## Remove what was built and installed here
	rm -rf .venv* .forky .upstream target fast_langgraph/_native*.so .pytest_cache .hypothesis .mypy_cache .ruff_cache

$(VENV)/.installed: requirements/dev.txt scripts/check-toolchain
	@PYTHON="$(PYTHON)" scripts/check-toolchain
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements/dev.txt
	@touch $@

$(VENV)/.built: $(VENV)/.installed $(SOURCES)
	@PYTHON="$(BIN)/python" scripts/check-toolchain
	@# maturin reads `pip show` to mark the package as editable. Its dependencies are installed already: pip leaves them alone.
	env -u PIP_QUIET PIP_NO_DEPS=1 VIRTUAL_ENV="$(abspath $(VENV))" PATH="$(abspath $(BIN)):$$PATH" maturin develop --release --quiet
	@touch $@
