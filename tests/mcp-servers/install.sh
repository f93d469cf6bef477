#!/bin/sh
# Installs the MCP servers and the OAuth server that crates/router/tests/mcp and crates/router/tests/accounts run against, at the
# versions of the lock files beside this one, into <repository>/.mcp-servers. Does nothing where they are already there. Needs npm
# and Python 3.10 or newer.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=$(cd "$here/../.." && pwd)/.mcp-servers
wanted=$(cat "$here/package-lock.json" "$here/requirements.txt" | cksum)

if [ "$(cat "$target/installed" 2>/dev/null || true)" = "$wanted" ]; then
    exit 0
fi

mkdir -p "$target"
rm -f "$target/installed"
sh "$here/../npm.sh" "$here" "$target"
python3 -m venv "$target/python"
"$target/python/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$here/requirements.txt"
# Written last, so that an install that was broken off is done again.
echo "$wanted" >"$target/installed"
