#!/usr/bin/env bash
# swift.sh build|test|demo|story        builds the library, the generated code and the package; runs the tests, the demo or the
#                                       story of tests/story/run.py
# swift.sh bench URL COUNT              builds for release; prints the median of an execute in µs
#
# Without a Swift 6 of its own the machine gets Debian's, in a folder: $COMPOSIO_SWIFT_ROOT, by default
# /var/tmp/composio-swift-trixie. The package is then built and run under chroot, which needs root.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$repo/target}
servers=${MCP_SERVERS:-$repo/.mcp-servers}
jail=${COMPOSIO_SWIFT_ROOT:-/var/tmp/composio-swift-trixie}
everything=$servers/node_modules/@modelcontextprotocol/server-everything/dist/index.js
profile=debug
jobs=(-j 2)
variables=()
helpers=()
exchange=

fail() { echo "swift.sh: $*" >&2; exit 1; }

native_swift() { command -v swift >/dev/null && swift --version 2>/dev/null | grep -q 'Swift version [6-9]'; }

make_jail() {
  [[ -d $jail ]] && return
  [[ $(id -u) == 0 ]] || fail "no Swift 6 here, and only root can make $jail"
  command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap; } >&2
  local mirror
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m1 '/debian/\?$') ||
    fail "apt's configuration names no Debian mirror"
  rm -rf --one-file-system "$jail.partial"
  debootstrap --variant=minbase --include=ca-certificates,swiftlang,libc6-dev,g++ trixie "$jail.partial" "$mirror" >&2
  mv "$jail.partial" "$jail"
}

# Several runs may share the folder; each has a mount namespace of its own, so that nothing outlives it, however it ends.
enter_namespace() {
  [[ ${COMPOSIO_SWIFT_NAMESPACE:-} ]] && return
  [[ $(id -u) == 0 ]] || fail "no Swift 6 here, and chroot needs root"
  release_stale_mounts
  COMPOSIO_SWIFT_NAMESPACE=1 exec unshare --mount --propagation private -- "$0" "$@"
}

# Of a run in the namespace of the machine that was killed.
release_stale_mounts() {
  local mounted
  while read -r mounted; do
    umount --lazy "$mounted"
  done < <(awk -v jail="$jail/" 'index($2, jail) == 1 { print $2 }' /proc/mounts | sort -r)
}

mount_jail() {
  local folder
  mount -t proc proc "$jail/proc"
  mount --rbind /dev "$jail/dev"
  for folder in "$repo" "$target" "$servers"; do
    [[ -d $folder ]] || continue
    mkdir -p "$jail$folder"
    mount --bind "$folder" "$jail$folder"
  done
}

in_package() {
  if [[ ${COMPOSIO_SWIFT_NAMESPACE:-} ]]; then
    chroot "$jail" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8 TMPDIR=/tmp "${variables[@]}" \
      /bin/sh -c 'cd "$0" && exec "$@"' "$here" "$@"
  else
    (cd "$here" && env "${variables[@]}" "$@")
  fi
}

package() {
  local command=$1
  shift
  in_package swift "$command" "${jobs[@]}" -Xlinker "-L$target/$profile" -Xlinker -rpath -Xlinker "$target/$profile" "$@"
}

# Copies only what has changed, so that what is newer than it is not built again.
refresh() { cmp --silent "$1" "$2" || install -D -m 644 "$1" "$2"; }

generate() {
  local flags=() library=libcomposio_uniffi.so described generated=$here/Generated
  [[ $(uname -s) == Darwin ]] && library=libcomposio_uniffi.dylib
  [[ $profile == release ]] && flags=(--release)
  (cd "$repo" && cargo build --quiet --locked -p composio-uniffi "${flags[@]}")
  # The symbols that the generator reads are stripped from a release; the interface is the same.
  (cd "$repo" && cargo build --quiet --locked -p composio-uniffi -p composio-bindgen -p mock-backend)
  described=$target/debug/$library
  (cd "$repo" && "$target/debug/composio-bindgen" generate "$described" --language swift --no-format --out-dir "$generated/new")
  refresh "$generated/new/ComposioNative.swift" "$generated/ComposioNative/ComposioNative.swift"
  refresh "$generated/new/ComposioNativeFFI.h" "$generated/ComposioNativeFFI/ComposioNativeFFI.h"
  refresh "$generated/new/ComposioNativeFFI.modulemap" "$generated/ComposioNativeFFI/module.modulemap"
  rm -r "$generated/new"
  write_readme_programs
}

# Each Swift program of the documentation becomes a function; what it prints is kept for the test.
write_readme_programs() {
  local programs=$here/Generated/ReadmePrograms/ReadmePrograms.swift
  mkdir -p "$(dirname "$programs")"
  awk '
    BEGIN {
      print "import Composio\n\npublic struct Program: Sendable {"
      print "    public let name: String\n    public let run: @Sendable () async throws -> [String]\n}\n\npublic let programs = ["
    }
    /^```swift$/ {
      inside = 1
      print "Program(name: \"" FILENAME ":" FNR "\") {"
      print "var printed: [String] = []\nfunc print(_ items: Any...) { printed.append(items.map { \"\\($0)\" }.joined(separator: \" \")) }"
      next
    }
    /^```$/ && inside { inside = 0; print "return printed\n},"; next }
    inside && !/^import / { print }
    END { print "]" }
  ' "$repo/README.md" "$here/README.md" >"$programs.new"
  refresh "$programs.new" "$programs"
  rm "$programs.new"
}

stop_helpers() {
  for helper in "${helpers[@]}"; do kill "$helper" 2>/dev/null || true; done
  [[ -z $exchange ]] || rm -rf "$exchange"
}

# The servers that the tests talk to run outside of the folder; the network is the same.
start_mock() {
  local address
  # The mock's files lie where the tests see them too.
  exchange=$(mktemp -d "$target/mock.XXXXXX")
  exec {mock}< <(TMPDIR=$exchange exec "$target/debug/mock-backend" --keep --listen 127.0.0.1:0 --vectors "$repo/tests/vectors" --bench)
  helpers+=("$!")
  read -r address <&"$mock" || fail "the mock backend did not start"
  variables+=("COMPOSIO_MOCK_URL=http://$address")
}

start_mcp_server() {
  local port line
  if [[ ${SCENARIO_MCP_URL:-} ]]; then
    variables+=("SCENARIO_MCP_URL=$SCENARIO_MCP_URL")
    return
  fi
  [[ -e $everything ]] || fail "there is no $everything; run tests/mcp-servers/install.sh, or set SCENARIO_MCP_URL or MCP_SERVERS"
  port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
  exec {mcp}< <(PORT=$port exec node "$everything" streamableHttp 2>&1)
  helpers+=("$!")
  while read -r line <&"$mcp"; do
    [[ $line == *"listening on port"* ]] && break
  done
  [[ $line == *"listening on port"* ]] || fail "the MCP server did not start"
  # What it says later must not fill the pipe.
  cat <&"$mcp" >/dev/null &
  variables+=("SCENARIO_MCP_URL=http://127.0.0.1:$port/mcp")
}

command=${1:-}
arguments=("${@:2}")
case $command in
  build | test | demo | story) ;;
  bench) [[ ${#arguments[@]} == 2 ]] || fail "bench URL COUNT"; profile=release ;;
  *) fail "expected build, test, demo, story or bench URL COUNT" ;;
esac

native_swift || { make_jail; enter_namespace "$@"; mount_jail; }
trap stop_helpers EXIT
generate >&2

case $command in
  build) package build "${arguments[@]}" ;;
  test)
    start_mock
    start_mcp_server
    package test "${arguments[@]}"
    ;;
  demo)
    [[ ! -e $everything ]] || start_mcp_server
    package run ComposioDemo "${arguments[@]}"
    ;;
  story)
    variables+=("STORY_CONFIG=$STORY_CONFIG")
    package run ComposioStory
    ;;
  bench)
    package build -c release --product ComposioBench >&2
    in_package .build/release/ComposioBench "${arguments[@]}"
    ;;
esac
