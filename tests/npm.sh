#!/bin/sh
# npm.sh LOCKED FOLDER: installs what the lock file in LOCKED names, and nothing else, into FOLDER. No package runs a script.
set -eu

mkdir -p "$2"
cp "$1/package.json" "$1/package-lock.json" "$2/"
npm ci --silent --ignore-scripts --no-audit --no-fund --prefix "$2"
