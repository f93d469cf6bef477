#!/bin/sh
# Installs Debian's chromium where there is none, which needs root.
set -eu

if command -v chromium >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests of the link page need chromium, and only root on a Debian can have it installed: install it, and try again." >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium
