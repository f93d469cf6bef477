#!/bin/sh
# Installs PostgreSQL where its programs are missing, which needs root on a Debian. The tests start servers of their own;
# Debian's own cluster is not made.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
if python3 "$here/server.py" --find >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests need PostgreSQL 13 or later (initdb, postgres and psql, in PATH or in /usr/lib/postgresql)." >&2
    echo "It is not there, and only root on a Debian can have it installed: install it, and try again." >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/postgresql-common
grep -qs '^create_main_cluster' /etc/postgresql-common/createcluster.conf ||
    echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf
apt-get update -qq
apt-get install -y -qq --no-install-recommends postgresql
python3 "$here/server.py" --find
