# `make run` and `make test` need Python 3.10 or later and a Rust toolchain, and nothing else.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2

# Neither an active virtual environment nor a PYTHONPATH may reach in.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV CONDA_PREFIX
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# The backend is maturin, behind scripts/build_backend.py; no build fetches a Rust toolchain.
export MATURIN_NO_MISSING_BUILD_BACKEND_WARNING = 1
export MATURIN_NO_INSTALL_RUST = 1
BIN := $(VENV)/bin

SOURCES := $(shell find native fast_langgraph -name '*.rs' -o -name '*.toml' -o -name '*.py' -o -name '*.pyi') fast_langgraph.data/platlib/fast_langgraph_sqlite_auto.pth Cargo.toml Cargo.lock pyproject.toml

.PHONY: help run test test-short test-packaging soak lint bench bench-all-pythons bench-this-python dist test-all-pythons test-matrix test-upstream test-upstream-all clean
help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 28

run: $(VENV)/.built ## Build, and run an agent, on stock and on Rust
	$(BIN)/python examples/agent.py

test: $(VENV)/.built ## Build, and run all tests
	cargo test --quiet --package fast_langgraph_msgpack
	$(BIN)/python -m pytest -n $(JOBS)

test-packaging: $(VENV)/.installed ## Build the source distribution, install it and run an agent; beside another package of its name
	$(BIN)/python -m pytest --timeout 1200 tests/packaging

soak: $(VENV)/.built ## The tests of durability, concurrency, faults and memory, for hours rather than seconds
	SOAK=1 $(BIN)/python -m pytest -q -s -m soak --timeout 0 tests/checkpointer

lint: $(VENV)/.built ## Check formats, types and lints of Rust and Python, and the workflows
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/zizmor --offline --quiet .github/workflows
	$(BIN)/python scripts/third_party_licenses.py --check

bench: $(VENV)/.built ## Measure against stock
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/codec.py
	$(BIN)/python benchmarks/agent.py
	$(BIN)/python benchmarks/async_agents.py
	$(BIN)/python benchmarks/checkpointer.py
	$(BIN)/python benchmarks/compact.py
	$(BIN)/python benchmarks/where_the_time_goes.py

test-short: $(VENV)/.built ## Whether the fast ways are taken on this Python, and the codec's tests
	$(BIN)/python -m pytest -q -n $(JOBS) tests/compat/test_known_code.py tests/compat/test_short_ways.py tests/compat/test_codec_encode.py tests/compat/test_codec_decode.py tests/compat/test_codec_messages.py

test-all-pythons: ## All tests, on each CPython from 3.10 to 3.15 that is found
	scripts/each-python test

bench-all-pythons: ## Measure codec and agent on each CPython that is found; writes docs/interpreters.md
	rm -f target/interpreters.jsonl
	scripts/each-python bench-this-python
	$(PYTHON) benchmarks/interpreters.py --page target/interpreters.jsonl

bench-this-python: $(VENV)/.built
	$(BIN)/python benchmarks/interpreters.py --add-to target/interpreters.jsonl

test-matrix: ## The tests beside stock, on old and new dependencies, and the compact layout on many of SQLite
	scripts/test-matrix

dist: ## Fill dist/ with the source distribution and a wheel for each CPython that is found, checked and run
	PYTHON="$(PYTHON)" scripts/dist

test-upstream: $(VENV)/.installed ## Run upstream's own suites on stock and patched, newest releases
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tests/upstream/run.py

test-upstream-all: $(VENV)/.installed ## The same on each release that is supported; writes RESULTS.md
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
	@# maturin reads what pip shows of the package, to mark it as editable. What it needs is there: pip need not name it all.
	env -u PIP_QUIET PIP_NO_DEPS=1 VIRTUAL_ENV="$(abspath $(VENV))" PATH="$(abspath $(BIN)):$$PATH" maturin develop --release --quiet
	@touch $@
