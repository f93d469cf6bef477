#!/bin/sh
# Bubblewrap, for the test of `sandbox = "bwrap"`. Debian has it; elsewhere it must be there already.
set -eu
command -v bwrap >/dev/null && exit 0
if [ "$(uname -s)" != Linux ]; then exit 0; fi
apt-get update -qq && apt-get install -qq -y --no-install-recommends bubblewrap >/dev/null
