#!/bin/sh
# Writes the lock files anew: after a change of a package.json, a *.in or python/pyproject.toml, and for later versions. Needs npm,
# and `uv` on the path. No file names a registry.
set -eu

cd "$(dirname "$0")/.."
for folder in node tests/mcp-servers tests/bench/peer tests/server/conformance tests/server/clients tests/browser tests/prism; do
    (cd "$folder" && rm -f package-lock.json &&
        npm install --silent --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund)
done
# For every system and version of Python that the input has.
lock() {
    uv pip compile --quiet --upgrade --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
        --no-emit-find-links --python-version "$@"
}
lock 3.11 tests/tools.in --output-file tests/tools.txt
lock 3.10 tests/bench/peer.in --output-file tests/bench/peer.txt
lock 3.11 --no-deps tests/bench/vendor.in --output-file tests/bench/vendor.txt
lock 3.10 tests/server/clients/requirements.in --output-file tests/server/clients/requirements.txt
lock 3.10 tests/mcp-servers/requirements.in --output-file tests/mcp-servers/requirements.txt
lock 3.10 --all-extras python/pyproject.toml --output-file python/requirements-test.txt
