#!/bin/sh
# Installs the MCP servers and the OAuth server that crates/router/tests/mcp and crates/router/tests/accounts run against, at the
# versions named here, into
# <repository>/.mcp-servers. Does nothing where they are already there. Needs npm and Python 3.10 or newer.
set -eu

everything=2026.8.31
filesystem=2026.8.31
time=2026.10.19
git=2026.10.19
oidc=9.13.3

root=$(cd "$(dirname "$0")/../.." && pwd)
target=$root/.mcp-servers
wanted="everything $everything filesystem $filesystem time $time git $git oidc $oidc"

if [ "$(cat "$target/installed" 2>/dev/null || true)" = "$wanted" ]; then
    exit 0
fi

mkdir -p "$target"
rm -f "$target/installed"
npm install --prefix "$target" --no-package-lock --no-audit --no-fund --loglevel=error --ignore-scripts \
    "@modelcontextprotocol/server-everything@$everything" "@modelcontextprotocol/server-filesystem@$filesystem" \
    "oidc-provider@$oidc"
python3 -m venv "$target/python"
"$target/python/bin/pip" install --quiet --disable-pip-version-check "mcp-server-time==$time" "mcp-server-git==$git"
# Written last, so that an install that was broken off is done again.
echo "$wanted" >"$target/installed"
