#!/bin/sh
# Installs a keyring (GNOME's) and what starts a session bus where they are missing, which needs root on a Debian.
set -eu

if command -v gnome-keyring-daemon >/dev/null && command -v dbus-run-session >/dev/null && command -v secret-tool >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests need gnome-keyring-daemon, dbus-run-session and secret-tool." >&2
    echo "They are not there, and only root on a Debian can have them installed: install them, and try again." >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends gnome-keyring dbus libsecret-tools
